"""Markov chains with labels: data to counts, priors, posteriors by PyMC or in closed form.

The public names are listed in ``__all__``. Each is imported when it is first used: some need PyMC,
ArviZ or a data-frame engine, and ``import bayes_markov`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_markov._version import __version__

if TYPE_CHECKING:
    from bayes_markov.calibration import Calibration, calibrate
    from bayes_markov.check import PsisLoo, loo
    from bayes_markov.counts import TransitionCounts
    from bayes_markov.datasets import example_file
    from bayes_markov.diagnostics import Convergence, ConvergenceWarning, convergence
    from bayes_markov.exact import exact_posterior
    from bayes_markov.fit import posterior_mode, sample
    from bayes_markov.frames import count_transitions
    from bayes_markov.models import dirichlet_model
    from bayes_markov.plots import plot_forest, plot_matrix, plot_posterior
    from bayes_markov.ranking import Ranking, Score, rank_estimators
    from bayes_markov.study import coverage_study, nuts_estimator, risk_study
    from bayes_markov.study.losses import LOSSES, Loss
    from bayes_markov.study.plots import plot_coverage, plot_risk, plot_widths
    from bayes_markov.table import estimates
    from bayes_markov.tree import load, save
    from bayes_markov.verification import Check, Verification, verify

_HOME = {
    "LOSSES": "study.losses",
    "calibrate": "calibration",
    "convergence": "diagnostics",
    "count_transitions": "frames",
    "coverage_study": "study",
    "dirichlet_model": "models",
    "estimates": "table",
    "exact_posterior": "exact",
    "example_file": "datasets",
    "load": "tree",
    "loo": "check",
    "nuts_estimator": "study",
    "plot_coverage": "study.plots",
    "plot_forest": "plots",
    "plot_matrix": "plots",
    "plot_posterior": "plots",
    "plot_risk": "study.plots",
    "plot_widths": "study.plots",
    "posterior_mode": "fit",
    "rank_estimators": "ranking",
    "risk_study": "study",
    "sample": "fit",
    "save": "tree",
    "verify": "verification",
    "Calibration": "calibration",
    "Check": "verification",
    "Convergence": "diagnostics",
    "ConvergenceWarning": "diagnostics",
    "Loss": "study.losses",
    "PsisLoo": "check",
    "Ranking": "ranking",
    "Score": "ranking",
    "TransitionCounts": "counts",
    "Verification": "verification",
}

__all__ = [
    "LOSSES",
    "Calibration",
    "Check",
    "Convergence",
    "ConvergenceWarning",
    "Loss",
    "PsisLoo",
    "Ranking",
    "Score",
    "TransitionCounts",
    "Verification",
    "__version__",
    "calibrate",
    "convergence",
    "count_transitions",
    "coverage_study",
    "dirichlet_model",
    "estimates",
    "exact_posterior",
    "example_file",
    "load",
    "loo",
    "nuts_estimator",
    "plot_coverage",
    "plot_forest",
    "plot_matrix",
    "plot_posterior",
    "plot_risk",
    "plot_widths",
    "posterior_mode",
    "rank_estimators",
    "risk_study",
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
