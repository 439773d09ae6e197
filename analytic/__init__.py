"""Closed forms for Markov chains with finitely many states: arrays in, arrays out.

Nothing but numpy and scipy is imported. Modules: `counts` (the sufficient statistic), `chain`
(probabilities and simulation), `estimate` (point estimators), `dirichlet` (conjugate rows),
`evidence` (marginal likelihood and leave-one-out).
"""

from analytic.chain import is_irreducible, log_likelihood, log_probability, simulate, stationary
from analytic.counts import count_transitions, lower_order, possible_histories
from analytic.dirichlet import DirichletRows, flat, jeffreys, perks, sticky
from analytic.estimate import (
    ESTIMATORS,
    additive_smoothing,
    mle,
    posterior_mean,
    posterior_mode,
)
from analytic.evidence import Loo, log_evidence, loo_transitions, loo_units

__all__ = [
    "ESTIMATORS",
    "DirichletRows",
    "Loo",
    "additive_smoothing",
    "count_transitions",
    "flat",
    "is_irreducible",
    "jeffreys",
    "log_evidence",
    "log_likelihood",
    "log_probability",
    "loo_transitions",
    "loo_units",
    "lower_order",
    "mle",
    "perks",
    "possible_histories",
    "posterior_mean",
    "posterior_mode",
    "simulate",
    "stationary",
    "sticky",
]
