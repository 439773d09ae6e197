"""Settings of the documentation: ``uv run --group docs sphinx-build -W docs build/site``."""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

from bayes_markov import __version__

project = "bayes_markov"
author = "The bayes_markov developers"
project_copyright = "The bayes_markov developers. Apache License 2.0"
version = release = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "public_names",
]
exclude_patterns = ["_*"]
nitpicky = True

# Notebooks live in a folder of their own, where they are run and tested. Sphinx reads only what is
# below docs/, so it gets copies, which git ignores. They keep their dates: what has not changed is
# not read again.
copies = HERE / "notebooks"
copies.mkdir(exist_ok=True)
notebooks = {path.name: path for path in (HERE.parent / "notebooks").glob("[0-9][0-9]_*.ipynb")}
for copied in copies.iterdir():
    if copied.name not in notebooks:
        copied.unlink()
for name, original in notebooks.items():
    shutil.copy2(original, copies / name)

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # none is used, and these would be fetched from the web
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Types and shapes stand in the docstrings, in words.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_attributes_as_param_list = True
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True
add_module_names = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "bayes_markov"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = html_favicon = "_static/chain.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "bayes_markov"},
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 9,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
}
html_sidebars = {"index": [], "start": [], "theory": [], "verification": [], "benchmarks": []}
