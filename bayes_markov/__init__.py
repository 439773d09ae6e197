"""Markov chains with labels: data to counts, priors, posteriors by PyMC or in closed form.

The public names are listed in ``__all__``. Each is imported when it is first used: some need PyMC,
ArviZ or a data-frame engine, and ``import bayes_markov`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_markov._version import __version__

if TYPE_CHECKING:
    from bayes_markov.blocks import count_blocks
    from bayes_markov.calibration import Calibration, calibrate
    from bayes_markov.checks import Check, Verification
    from bayes_markov.counts import TransitionCounts
    from bayes_markov.datasets import example_file
    from bayes_markov.diagnostics import Convergence, ConvergenceWarning, convergence
    from bayes_markov.exact import exact_posterior
    from bayes_markov.file_counts import count_files
    from bayes_markov.fit import posterior_mode, sample
    from bayes_markov.frames import count_transitions
    from bayes_markov.functional_table import (
        FunctionalEstimate,
        FunctionalSummary,
        summarize_functionals,
    )
    from bayes_markov.functionals import add_functionals
    from bayes_markov.future import PsisFuture, leave_future_out
    from bayes_markov.hierarchy.calibration import calibrate_hierarchy
    from bayes_markov.hierarchy.models import (
        covariate_model,
        learned_concentration_model,
        learned_stickiness_model,
        partial_pooling_model,
    )
    from bayes_markov.hierarchy.plots import plot_shrinkage
    from bayes_markov.hierarchy.selection import PoolingComparison, PoolingScore, compare_pooling
    from bayes_markov.hierarchy.table import Strength, strengths
    from bayes_markov.hierarchy.units import add_new_unit, select_mean, select_unit
    from bayes_markov.hmm.categorical import CategoricalPrior
    from bayes_markov.hmm.decoding import (
        add_state_paths,
        add_state_probabilities,
        add_viterbi,
        decode_at,
        state_table,
    )
    from bayes_markov.hmm.fit import sample_hmm
    from bayes_markov.hmm.frames import observe
    from bayes_markov.hmm.gaussian import GaussianPrior
    from bayes_markov.hmm.models import hmm_model, start_values
    from bayes_markov.hmm.observations import Observations
    from bayes_markov.hmm.plots import plot_emissions, plot_states
    from bayes_markov.hmm.poisson import PoissonPrior
    from bayes_markov.hmm.selection import HiddenFit, HiddenTable, compare_hidden
    from bayes_markov.hmm.table import HiddenEstimate, hidden_estimates
    from bayes_markov.leave_one_out import PsisLoo, loo
    from bayes_markov.models import dirichlet_model
    from bayes_markov.plots import plot_forest, plot_matrix, plot_posterior
    from bayes_markov.predictive.check import FitCheck, StatisticCheck, check_fit
    from bayes_markov.predictive.plots import plot_check
    from bayes_markov.predictive.predict import posterior_predictive, prior_predictive
    from bayes_markov.predictive.statistics import STATISTICS
    from bayes_markov.ranking import Ranking, Score, rank_estimators
    from bayes_markov.sequence_frames import label_sequences
    from bayes_markov.storage import load, save
    from bayes_markov.study.losses import LOSSES, Loss
    from bayes_markov.study.nuts_means import learned_estimator, nuts_estimator
    from bayes_markov.study.plots import plot_coverage, plot_risk, plot_widths
    from bayes_markov.study.studies import coverage_study, risk_study
    from bayes_markov.table import Estimate, estimates
    from bayes_markov.verification import verify

_HOME = {
    "LOSSES": "study.losses",
    "STATISTICS": "predictive.statistics",
    "add_functionals": "functionals",
    "add_new_unit": "hierarchy.units",
    "add_state_paths": "hmm.decoding",
    "add_state_probabilities": "hmm.decoding",
    "add_viterbi": "hmm.decoding",
    "calibrate": "calibration",
    "calibrate_hierarchy": "hierarchy.calibration",
    "check_fit": "predictive.check",
    "compare_hidden": "hmm.selection",
    "compare_pooling": "hierarchy.selection",
    "convergence": "diagnostics",
    "count_blocks": "blocks",
    "count_files": "file_counts",
    "count_transitions": "frames",
    "covariate_model": "hierarchy.models",
    "coverage_study": "study.studies",
    "decode_at": "hmm.decoding",
    "dirichlet_model": "models",
    "estimates": "table",
    "exact_posterior": "exact",
    "example_file": "datasets",
    "hidden_estimates": "hmm.table",
    "hmm_model": "hmm.models",
    "label_sequences": "sequence_frames",
    "learned_concentration_model": "hierarchy.models",
    "learned_estimator": "study.nuts_means",
    "learned_stickiness_model": "hierarchy.models",
    "leave_future_out": "future",
    "load": "storage",
    "loo": "leave_one_out",
    "nuts_estimator": "study.nuts_means",
    "observe": "hmm.frames",
    "partial_pooling_model": "hierarchy.models",
    "plot_check": "predictive.plots",
    "plot_coverage": "study.plots",
    "plot_emissions": "hmm.plots",
    "plot_forest": "plots",
    "plot_matrix": "plots",
    "plot_posterior": "plots",
    "plot_risk": "study.plots",
    "plot_shrinkage": "hierarchy.plots",
    "plot_states": "hmm.plots",
    "plot_widths": "study.plots",
    "posterior_mode": "fit",
    "posterior_predictive": "predictive.predict",
    "prior_predictive": "predictive.predict",
    "rank_estimators": "ranking",
    "risk_study": "study.studies",
    "sample": "fit",
    "sample_hmm": "hmm.fit",
    "save": "storage",
    "select_mean": "hierarchy.units",
    "select_unit": "hierarchy.units",
    "start_values": "hmm.models",
    "state_table": "hmm.decoding",
    "strengths": "hierarchy.table",
    "summarize_functionals": "functional_table",
    "verify": "verification",
    "Calibration": "calibration",
    "CategoricalPrior": "hmm.categorical",
    "Check": "checks",
    "Convergence": "diagnostics",
    "ConvergenceWarning": "diagnostics",
    "Estimate": "table",
    "FitCheck": "predictive.check",
    "FunctionalEstimate": "functional_table",
    "FunctionalSummary": "functional_table",
    "GaussianPrior": "hmm.gaussian",
    "HiddenEstimate": "hmm.table",
    "HiddenFit": "hmm.selection",
    "HiddenTable": "hmm.selection",
    "Loss": "study.losses",
    "Observations": "hmm.observations",
    "PoissonPrior": "hmm.poisson",
    "PoolingComparison": "hierarchy.selection",
    "PoolingScore": "hierarchy.selection",
    "PsisFuture": "future",
    "PsisLoo": "leave_one_out",
    "Ranking": "ranking",
    "Score": "ranking",
    "StatisticCheck": "predictive.check",
    "Strength": "hierarchy.table",
    "TransitionCounts": "counts",
    "Verification": "checks",
}

__all__ = [
    "LOSSES",
    "STATISTICS",
    "Calibration",
    "CategoricalPrior",
    "Check",
    "Convergence",
    "ConvergenceWarning",
    "Estimate",
    "FitCheck",
    "FunctionalEstimate",
    "FunctionalSummary",
    "GaussianPrior",
    "HiddenEstimate",
    "HiddenFit",
    "HiddenTable",
    "Loss",
    "Observations",
    "PoissonPrior",
    "PoolingComparison",
    "PoolingScore",
    "PsisFuture",
    "PsisLoo",
    "Ranking",
    "Score",
    "StatisticCheck",
    "Strength",
    "TransitionCounts",
    "Verification",
    "__version__",
    "add_functionals",
    "add_new_unit",
    "add_state_paths",
    "add_state_probabilities",
    "add_viterbi",
    "calibrate",
    "calibrate_hierarchy",
    "check_fit",
    "compare_hidden",
    "compare_pooling",
    "convergence",
    "count_blocks",
    "count_files",
    "count_transitions",
    "covariate_model",
    "coverage_study",
    "decode_at",
    "dirichlet_model",
    "estimates",
    "exact_posterior",
    "example_file",
    "hidden_estimates",
    "hmm_model",
    "label_sequences",
    "learned_concentration_model",
    "learned_estimator",
    "learned_stickiness_model",
    "leave_future_out",
    "load",
    "loo",
    "nuts_estimator",
    "observe",
    "partial_pooling_model",
    "plot_check",
    "plot_coverage",
    "plot_emissions",
    "plot_forest",
    "plot_matrix",
    "plot_posterior",
    "plot_risk",
    "plot_shrinkage",
    "plot_states",
    "plot_widths",
    "posterior_mode",
    "posterior_predictive",
    "prior_predictive",
    "rank_estimators",
    "risk_study",
    "sample",
    "sample_hmm",
    "save",
    "select_mean",
    "select_unit",
    "start_values",
    "state_table",
    "strengths",
    "summarize_functionals",
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
