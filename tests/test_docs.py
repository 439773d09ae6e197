"""The reference is complete, and the site is built without a warning and without a dead link."""

import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

import analytic
import bayes_markov

ROOT = Path(__file__).parent.parent
API = ROOT / "docs" / "api"
PACKAGES = {"analytic": analytic, "analytic.hmm": analytic.hmm, "bayes_markov": bayes_markov}
PUBLIC = [
    f"{package}.{name}"
    for package, module in PACKAGES.items()
    for name in module.__all__
    if f"{package}.{name}" not in PACKAGES
]
REGISTRIES = {
    "analytic.ESTIMATORS",
    "analytic.FUNCTIONALS",
    "analytic.INTERVALS",
    "bayes_markov.LOSSES",
    "bayes_markov.STATISTICS",
}
DOCUMENTED = sorted({*PUBLIC} - REGISTRIES - {"bayes_markov.__version__"})


def value_of(name):
    package, _, short = name.rpartition(".")
    return getattr(PACKAGES[package], short)


def entries(page):
    """Full names of the entries of a page of the reference, as its directives give them."""
    module, found = "", []
    for line in page.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\.\. (?:py:)?(currentmodule|auto\w+|py:data):: ([\w.]+)$", line):
            kind, name = match.groups()
            if kind == "currentmodule":
                module = name
            elif kind != "autosummary":
                found.append(name if kind == "data" or "." in name else f"{module}.{name}")
    return found


def test_every_public_name_has_one_entry():
    found = [name for page in API.glob("*.rst") for name in entries(page)]
    assert sorted(name for name in found if name in PUBLIC) == sorted(PUBLIC)
    assert len(found) == len(set(found))


def test_every_public_name_is_in_the_overview():
    listed = re.findall(r"^   ([\w.]+\.\w+)$", (API / "index.rst").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == DOCUMENTED


@pytest.mark.parametrize("name", sorted(REGISTRIES))
def test_every_key_of_a_registry_is_on_its_page(name):
    page = next(page for page in API.glob("*.rst") if name in entries(page))
    text = page.read_text(encoding="utf-8")
    assert [key for key in value_of(name) if f"``{key}``" not in text] == []


def section(docstring, title):
    """Text of one section, empty if there is none."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n-{{3,}}$|\Z)", docstring, re.M | re.S)
    return match[1] if match else ""


def has_example(name):
    """Tell whether a docstring has an example, or sends to a public name that has one."""
    docstring = inspect.getdoc(value_of(name)) or ""
    if ">>> " in section(docstring, "Examples"):
        return True
    package = name.rpartition(".")[0]
    named = {f"{package}.{other}" for other in re.findall(r"`([\w.]+)`", docstring)} - {name}
    inside = inspect.isclass(value_of(name)) or "See `" in section(docstring, "Examples")
    return inside and any(
        ">>> " in section(inspect.getdoc(value_of(other)), "Examples")
        for other in named.intersection(DOCUMENTED)
    )


def faults(name):
    """What the docstring of a public name lacks."""
    value = value_of(name)
    docstring = inspect.getdoc(value) or ""
    summary, _, rest = docstring.partition("\n")
    if not summary.endswith((".", ":")) or (rest and not rest.startswith("\n")):
        yield "a summary on one line"
    if not has_example(name):
        yield "an example, or the name of a function that has one"
    if inspect.isclass(value):
        return
    parameters = section(docstring, "Parameters")
    for parameter in inspect.signature(value).parameters:
        if not re.search(rf"^(?:\w+, )*\**{parameter}(?:, \**\w+)*(?: :.*)?$", parameters, re.M):
            yield f"parameter {parameter}"
    if inspect.signature(value).return_annotation is not None and not section(docstring, "Returns"):
        yield "what is returned"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_is_complete(name):
    assert list(faults(name)) == []


class Page(HTMLParser):
    """Anchors of a page, and the addresses it refers to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.addresses, self.fetched = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        self.addresses |= {given[key] for key in ("href", "src") if given.get(key)}
        loaded = given.get("src") if tag in ("script", "img", "iframe") else None
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            loaded = given.get("href")
        self.fetched |= {loaded} if loaded else set()


def dead_links(site):
    """Addresses within a site that lead nowhere, and what it would fetch from elsewhere."""
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in found}
    for path, page in pages.items():
        here = path.relative_to(site.resolve())
        for address in sorted(page.addresses):
            if urlsplit(address).scheme or address.startswith("//"):
                if address in page.fetched and not address.startswith("data:"):
                    yield f"{here}: {address} is fetched from elsewhere"
                continue
            file, fragment = (unquote(part) for part in urldefrag(address.partition("?")[0]))
            fragment = unquote(urldefrag(address).fragment)
            target = (path.parent / file).resolve() if file else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{here}: {address} is no file"
            elif fragment and target in pages and fragment not in pages[target].anchors:
                yield f"{here}: {address} has no such anchor"


def test_dead_links_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.html").write_text('<p id="here"><a href="../page.html">up</a></p>')
    (tmp_path / "style.css").write_text("")
    page = """
        <link rel="stylesheet" href="style.css?v=1"> <a href="https://example.org/x">elsewhere</a>
        <a href="sub/other.html#here">right</a> <a href="#top" id="top">right</a>
        <a href="sub/other.html#there">wrong</a> <a href="gone.html">wrong</a> <img src="gone.png">
        <a href="#bottom">wrong</a> <script src="https://example.org/script.js"></script>
    """
    (tmp_path / "page.html").write_text(page)
    assert list(dead_links(tmp_path)) == [
        "page.html: #bottom has no such anchor",
        "page.html: gone.html is no file",
        "page.html: gone.png is no file",
        "page.html: https://example.org/script.js is fetched from elsewhere",
        "page.html: sub/other.html#there has no such anchor",
    ]


@pytest.mark.slow
def test_site_is_built_and_no_link_is_dead(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert len(list(tmp_path.rglob("*.html"))) > 30
    assert list(dead_links(tmp_path)) == []
