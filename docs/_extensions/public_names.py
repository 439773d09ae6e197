"""Links from names in docstrings and pages to their entries in the reference.

In a docstring a name between backticks is a public name, which becomes a link, or a parameter, a
field or part of a result of the thing described, which is shown as code. Anything else is reported
as a broken reference. On a page, code that starts with a package, such as ``analytic.mle(counts)``,
is a link, and so has to name something public.
"""

import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.ext.autosummary import import_by_name
from sphinx.transforms import SphinxTransform

import analytic
import bayes_markov

PACKAGES = {"analytic": analytic, "analytic.hmm": analytic.hmm, "bayes_markov": bayes_markov}
"""Packages by name."""

MODULES = (
    "analytic.bootstrap",
    "analytic.credible",
    "analytic.estimate",
    "analytic.marginal",
    "analytic.simultaneous",
    "bayes_markov.calibration",
    "bayes_markov.hierarchy.calibration",
    "bayes_markov.predictive.statistics",
    "bayes_markov.study.losses",
)
"""Modules of which the reference shows more than their package: what its mappings hold."""

ALIASES = {"bm": "bayes_markov", "hmm": "analytic.hmm"}
"""Names under which examples import the packages."""

FOREIGN = ("arviz", "pymc", "scipy")

BACKTICKED = re.compile(r"(?<![`:\w])`([^`<>]+)`(?![`_])")
ENTRY = re.compile(r"^\s*((?:\w+, )*\w+)(?: :|$)")
EXAMPLE = re.compile(r"\s*(>>>|\.\.\.) ")
STAR = re.compile(r"(``.*?``)|\*")
CODE = re.compile(r"((?:analytic|bayes_markov|bm|hmm)(?:\.\w+)+)")


def public_target(word: str, package: str) -> str | None:
    """Full name of the entry that a short name stands for in a package, None if there is none."""
    for home in sorted(PACKAGES, key=lambda other: (other != package, other)):
        first, _, rest = word.removeprefix(f"{home}.").partition(".")
        if first in PACKAGES[home].__all__ and first != "hmm":
            value = getattr(PACKAGES[home], first)
            if not rest or hasattr(value, rest):
                return f"{home}.{first}.{rest}".rstrip(".")
    for home in MODULES:
        value = getattr(import_module(home), word, None)
        if getattr(value, "__module__", None) == home:
            return f"{home}.{word}"
    return None


def section(lines: list[str], title: str) -> list[str]:
    """Lines of one section of a docstring."""
    if title not in lines:
        return []
    start = lines.index(title) + 2
    ends = (i - 1 for i in range(start, len(lines)) if lines[i] and set(lines[i]) == {"-"})
    return lines[start : next(ends, len(lines))]


def fields(obj: Any) -> set[str]:
    """Parameters of a function, fields and methods of a class."""
    if inspect.isclass(obj):
        return set(dir(obj)) | set(inspect.get_annotations(obj))
    return set(inspect.signature(obj).parameters) if callable(obj) else set()


def link_docstring(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Replace the names between backticks of one docstring, before numpydoc reads it."""
    package = next((p for p in sorted(PACKAGES, reverse=True) if name.startswith(f"{p}.")), "")
    own = fields(obj)
    own |= {word for line in lines if (entry := ENTRY.match(line)) for word in entry[1].split(", ")}
    returned = section(lines, "Returns")
    results = {word for line in returned for word in BACKTICKED.findall(line)}
    for line in returned:
        if (kind := public_target(line, package)) and inspect.isclass(
            value := import_by_name(kind)[1]
        ):
            own |= set(inspect.get_annotations(value))
    home, _, owner = name.rpartition(".")[0].rpartition(".")
    if home in PACKAGES and owner:
        results |= fields(getattr(PACKAGES[home], owner, None))

    def role(match: re.Match[str]) -> str:
        word = match[1]
        target = None if word in own else public_target(word, package)
        if target is None and (word in own | results or word.startswith(FOREIGN)):
            return f"``{word}``"
        return f":py:obj:`{word} <{target or word}>`"

    def as_text(line: str) -> str:
        """Line with its links; a star in a docstring, as in (..., *history, K), is a star."""
        return STAR.sub(lambda star: star[1] or r"\*", BACKTICKED.sub(role, line))

    lines[:] = [line if EXAMPLE.match(line) else as_text(line) for line in lines]


class LinkCode(SphinxTransform):
    """Link code on pages that starts with a package to what it names."""

    default_priority = 50

    def apply(self, **kwargs: Any) -> None:
        """Wrap each such piece of code in a reference, which the build then has to resolve."""
        for literal in list(self.document.findall(nodes.literal)):
            match = CODE.match(literal.astext())
            if match is None or isinstance(literal.parent, pending_xref):
                continue
            first, _, rest = match[1].partition(".")
            reference = pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"{ALIASES.get(first, first)}.{rest}",
                refexplicit=True,
                refwarn=True,
            )
            reference.source, reference.line = literal.source, literal.line
            literal.replace_self(reference)
            reference += literal


class TrimCode(SphinxTransform):
    """Drop the empty line that ends a block of code for doctest's sake."""

    default_priority = 50

    def apply(self, **kwargs: Any) -> None:
        """Shorten the text of such blocks."""
        for block in self.document.findall(nodes.literal_block):
            text = block.astext()
            if text.startswith(">>>"):
                block.rawsource = text.rstrip("\n")  # what is highlighted
                block[:] = [nodes.Text(block.rawsource)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect them."""
    app.connect("autodoc-process-docstring", link_docstring, priority=100)
    app.add_transform(LinkCode)
    app.add_transform(TrimCode)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
