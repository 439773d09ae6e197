"""Markov chains with labels: data to counts, priors, posteriors by PyMC or in closed form.

The public names are listed in ``__all__``. Names that need PyMC, ArviZ or a data-frame engine are
imported when they are first used, so ``import bayes_markov`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_markov._version import __version__
from bayes_markov.counts import TransitionCounts

if TYPE_CHECKING:
    from bayes_markov.check import PsisLoo, loo
    from bayes_markov.convergence import Convergence, ConvergenceWarning, convergence
    from bayes_markov.exact import exact_posterior
    from bayes_markov.fit import posterior_mode, sample
    from bayes_markov.models import dirichlet_model
    from bayes_markov.tree import load, save
    from bayes_markov.verify import Check, Verification, verify

_HOME = {
    "Check": "verify",
    "Convergence": "convergence",
    "ConvergenceWarning": "convergence",
    "PsisLoo": "check",
    "Verification": "verify",
    "convergence": "convergence",
    "dirichlet_model": "models",
    "exact_posterior": "exact",
    "load": "tree",
    "loo": "check",
    "posterior_mode": "fit",
    "sample": "fit",
    "save": "tree",
    "verify": "verify",
}

__all__ = [
    "Check",
    "Convergence",
    "ConvergenceWarning",
    "PsisLoo",
    "TransitionCounts",
    "Verification",
    "__version__",
    "convergence",
    "dirichlet_model",
    "exact_posterior",
    "load",
    "loo",
    "posterior_mode",
    "sample",
    "save",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'bayes_markov' has no attribute {name!r}")
    value = getattr(import_module(f"bayes_markov.{_HOME[name]}"), name)
    globals()[name] = value  # a function may share its module's name, which the import has set
    return value


def __dir__() -> list[str]:
    """Public names, the ones not imported yet included."""
    return sorted(__all__)
