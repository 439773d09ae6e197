"""Closed forms for Markov chains with finitely many states: arrays in, arrays out.

Nothing but numpy and scipy is imported. Modules, by what they hold:

- `counts`: the sufficient statistic; `whittle`: its distribution
- `chain`: probabilities of paths, simulation
- `functionals`: stationary law, passage times, entropy rate, by name in FUNCTIONALS;
  `relaxation`: how the start is forgotten; `delta`: standard errors; `expectations`: means
- `estimate`, `empirical`, `shrink`, `detailed_balance`: point estimators, by name in ESTIMATORS
- `dirichlet`: conjugate rows; `priors`: named values of them
- `intervals`: by name in INTERVALS; `marginal`, `credible`, `simultaneous`, `bootstrap`: each kind
- `evidence`: marginal likelihood and leave-one-out; `future`: leave-future-out
- `exact_risk`: finite-sample risk and coverage
- `hmm`: hidden chains
- `hypotheses`: tests of order, sameness, reversibility; orders and units compared
"""

from analytic import hmm
from analytic.bootstrap import bootstrap_units
from analytic.chain import log_likelihood, log_probability, simulate
from analytic.counts import count_transitions, lower_order, possible_histories
from analytic.delta import delta_se, plug_in
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
from analytic.expectations import posterior_mean_row_entropy, posterior_mean_two_steps
from analytic.functionals import (
    FUNCTIONALS,
    entropy_rate,
    first_passage_times,
    holding_times,
    is_irreducible,
    recurrence_times,
    stationary,
)
from analytic.future import FutureOut, leave_future_out, log_predictive
from analytic.hypotheses.agreement import specified_test
from analytic.hypotheses.comparison import ModelComparison
from analytic.hypotheses.homogeneity import equality_test, homogeneity_test
from analytic.hypotheses.hypothesis import HypothesisTest
from analytic.hypotheses.order import independence_test, order_test
from analytic.hypotheses.order_comparison import order_table
from analytic.hypotheses.pooling import pooling_table
from analytic.hypotheses.reversibility import reversibility_test
from analytic.intervals import INTERVALS
from analytic.priors import flat, jeffreys, perks, sticky
from analytic.relaxation import n_step, relaxation_time, second_eigenvalue
from analytic.shrink import absolute_discounting, shrinkage
from analytic.whittle import count_table_distribution

__all__ = [
    "ESTIMATORS",
    "FUNCTIONALS",
    "INTERVALS",
    "DirichletRows",
    "FutureOut",
    "HypothesisTest",
    "Loo",
    "ModelComparison",
    "absolute_discounting",
    "additive_smoothing",
    "bootstrap_units",
    "count_table_distribution",
    "count_transitions",
    "delta_se",
    "empirical_alpha",
    "empirical_alpha_vector",
    "empirical_bayes",
    "empirical_bayes_vector",
    "entropy_rate",
    "equality_test",
    "exact_coverage",
    "exact_risk",
    "first_passage_times",
    "flat",
    "hmm",
    "holding_times",
    "homogeneity_test",
    "independence_test",
    "is_irreducible",
    "jeffreys",
    "leave_future_out",
    "log_evidence",
    "log_likelihood",
    "log_predictive",
    "log_probability",
    "loo_transitions",
    "loo_units",
    "lower_order",
    "minimax",
    "mle",
    "n_step",
    "order_table",
    "order_test",
    "perks",
    "plug_in",
    "pooling_table",
    "possible_histories",
    "posterior_mean",
    "posterior_mean_row_entropy",
    "posterior_mean_two_steps",
    "posterior_mode",
    "recurrence_times",
    "relaxation_time",
    "reversibility_test",
    "reversible",
    "second_eigenvalue",
    "shrinkage",
    "simulate",
    "specified_test",
    "stationary",
    "sticky",
]
