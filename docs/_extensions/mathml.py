"""Formulas as MathML, which browsers show without a script or a font from the web."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

REWRITTEN = {
    r"\arg\max": r"\operatorname{arg\,max}",
    r"\Bigl\{": r"\left\{",
    r"\Bigr\}": r"\right\}",
    "{aligned}": "{align*}",
}
"""Commands that the converter does not know, and what says the same."""

LOG_BEFORE = re.compile(r"(?<=[\w}])\s*(?=\\(?:log|ln)\b)")
LOG_AFTER = re.compile(r"(?:(?<=\\log)|(?<=\\ln))\b\s*(?=\\?[A-Za-z])")
"""Where TeX leaves a thin space around a logarithm and the converter does not."""


def as_mathml(node: nodes.Element, display: str) -> str:
    """MathML of a formula; what the converter does not know is a warning."""
    latex = node.astext()
    for command, known in REWRITTEN.items():
        latex = latex.replace(command, known)
    latex = LOG_AFTER.sub(r"\\, ", LOG_BEFORE.sub(r"\\, ", latex))
    formula = convert(latex, display=display).replace(r"\_", "_")
    if "\\" in formula or "&amp;" in formula:
        logger.warning("latex2mathml does not know all of %s", node.astext(), location=node)
    return formula


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(as_mathml(node, "inline"))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number and anchor if it has them."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({node["number"]})</span>')
    translator.body.append(f"{as_mathml(node, 'block')}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer, and choose it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config["html_math_renderer"] = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
