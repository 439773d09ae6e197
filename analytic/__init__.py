"""Closed forms for Markov chains with finitely many states: arrays in, arrays out.

Nothing but numpy and scipy is imported. Modules, by what they hold:

- `counts`: the sufficient statistic; `whittle`: its distribution
- `chain`: probabilities, simulation, stationary law
- `estimate`, `empirical`, `shrink`, `detailed_balance`: point estimators, by name in ESTIMATORS
- `dirichlet`: conjugate rows; `priors`: named values of them
- `intervals`: by name in INTERVALS; `marginal`, `credible`, `simultaneous`, `bootstrap`: each kind
- `evidence`: marginal likelihood and leave-one-out
- `exact_risk`: finite-sample risk and coverage
"""

from analytic.bootstrap import bootstrap_units
from analytic.chain import is_irreducible, log_likelihood, log_probability, simulate, stationary
from analytic.counts import count_transitions, lower_order, possible_histories
from analytic.detailed_balance import reversible
from analytic.dirichlet import DirichletRows
from analytic.empirical import (
    empirical_alpha,
    empirical_alpha_vector,
    empirical_bayes,
    empirical_bayes_vector,
)
from analytic.estimate import (
    ESTIMATORS,
    additive_smoothing,
    minimax,
    mle,
    posterior_mean,
    posterior_mode,
)
from analytic.evidence import Loo, log_evidence, loo_transitions, loo_units
from analytic.exact_risk import exact_coverage, exact_risk
from analytic.intervals import INTERVALS
from analytic.priors import flat, jeffreys, perks, sticky
from analytic.shrink import absolute_discounting, shrinkage
from analytic.whittle import count_table_distribution

__all__ = [
    "ESTIMATORS",
    "INTERVALS",
    "DirichletRows",
    "Loo",
    "absolute_discounting",
    "additive_smoothing",
    "bootstrap_units",
    "count_table_distribution",
    "count_transitions",
    "empirical_alpha",
    "empirical_alpha_vector",
    "empirical_bayes",
    "empirical_bayes_vector",
    "exact_coverage",
    "exact_risk",
    "flat",
    "is_irreducible",
    "jeffreys",
    "log_evidence",
    "log_likelihood",
    "log_probability",
    "loo_transitions",
    "loo_units",
    "lower_order",
    "minimax",
    "mle",
    "perks",
    "possible_histories",
    "posterior_mean",
    "posterior_mode",
    "reversible",
    "shrinkage",
    "simulate",
    "stationary",
    "sticky",
]
