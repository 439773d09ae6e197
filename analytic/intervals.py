r"""Intervals for transition probabilities, under one signature, by name.

Each is a function from a table of counts (..., K) to the limits (low, high) of every cell, row by
row. What to expect of them:

=============== ============ ========== =====================
name            row or cell  kind       n_ij = 0
=============== ============ ========== =====================
wald            marginal     confidence the point 0
wilson          marginal     confidence from 0
agresti_coull   marginal     confidence from below 0
clopper_pearson marginal     confidence from 0
beta_eti        marginal     credible   from above 0
beta_hdi        marginal     credible   from 0 if alpha <= 1
profile         marginal     confidence from 0
goodman         simultaneous confidence from 0
sison_glaz      simultaneous confidence from 0
bootstrap       marginal     confidence the point 0
=============== ============ ========== =====================

A confidence interval of a row that nobody left is (NaN, NaN): undefined, and not to be counted
as covering anything. `analytic.bootstrap.bootstrap_units` stands apart, because it needs a table
for each unit.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from analytic.bootstrap import bootstrap
from analytic.credible import beta_eti, beta_hdi
from analytic.marginal import agresti_coull, clopper_pearson, profile, wald, wilson
from analytic.simultaneous import goodman, sison_glaz
from analytic.validate import Floats

type Interval = Callable[..., tuple[Floats, Floats]]

INTERVALS: Mapping[str, Interval] = MappingProxyType(
    {
        "wald": wald,
        "wilson": wilson,
        "agresti_coull": agresti_coull,
        "clopper_pearson": clopper_pearson,
        "beta_eti": beta_eti,
        "beta_hdi": beta_hdi,
        "profile": profile,
        "goodman": goodman,
        "sison_glaz": sison_glaz,
        "bootstrap": bootstrap,
    }
)
"""Every interval by name: f(counts, *, prob, rng=None) -> (low, high), arrays shaped like counts.

`bootstrap` needs `rng`; the others ignore it.
"""
