"""Markov chains with labels: data to counts, priors, posteriors by PyMC or in closed form.

The public names are listed in ``__all__``. Names that need PyMC, ArviZ or a data-frame engine are
imported when they are first used, so ``import bayes_markov`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_markov._version import __version__
from bayes_markov.counts import TransitionCounts

if TYPE_CHECKING:
    from bayes_markov.calibration import Calibration, calibrate
    from bayes_markov.check import PsisLoo, loo
    from bayes_markov.datasets import example_file
    from bayes_markov.diagnostics import Convergence, ConvergenceWarning, convergence
    from bayes_markov.exact import exact_posterior
    from bayes_markov.fit import posterior_mode, sample
    from bayes_markov.frames import count_transitions
    from bayes_markov.models import dirichlet_model
    from bayes_markov.plots import plot_forest, plot_matrix, plot_posterior
    from bayes_markov.table import estimates
    from bayes_markov.tree import load, save
    from bayes_markov.verification import Check, Verification, verify

_HOME = {
    "Calibration": "calibration",
    "Check": "verification",
    "Convergence": "diagnostics",
    "ConvergenceWarning": "diagnostics",
    "PsisLoo": "check",
    "Verification": "verification",
    "calibrate": "calibration",
    "convergence": "diagnostics",
    "count_transitions": "frames",
    "dirichlet_model": "models",
    "estimates": "table",
    "example_file": "datasets",
    "exact_posterior": "exact",
    "load": "tree",
    "loo": "check",
    "plot_forest": "plots",
    "plot_matrix": "plots",
    "plot_posterior": "plots",
    "posterior_mode": "fit",
    "sample": "fit",
    "save": "tree",
    "verify": "verification",
}

__all__ = [
    "Calibration",
    "Check",
    "Convergence",
    "ConvergenceWarning",
    "PsisLoo",
    "TransitionCounts",
    "Verification",
    "__version__",
    "calibrate",
    "convergence",
    "count_transitions",
    "dirichlet_model",
    "estimates",
    "exact_posterior",
    "example_file",
    "load",
    "loo",
    "plot_forest",
    "plot_matrix",
    "plot_posterior",
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
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, the ones not imported yet included."""
    return sorted(__all__)
