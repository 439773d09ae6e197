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

Structural zeros
    All take `support`, a boolean array that broadcasts to the table: False marks a transition that
    is known to be impossible. A count there is refused, and the interval is (0, 0), known to be
    zero, also in a row that nobody left. The other cells of the row have the intervals of a table
    without the impossible ones. The only possible transition of a row is known to be certain:
    (1, 1), or undefined where the interval is; and so if K = 1. A row with no possible transition
    is (NaN, NaN).
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
"""Every interval by name: f(counts, *, prob, rng=None, support=None) -> (low, high), shaped alike.

`bootstrap` needs `rng`; the others ignore it.
"""
