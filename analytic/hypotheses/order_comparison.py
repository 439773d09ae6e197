"""Orders 0 to m of a chain, on equal terms: the same transitions for all of them."""

import numpy as np
from numpy.typing import ArrayLike

from analytic.hypotheses.comparison import ModelComparison, alpha_of_any_row, compare
from analytic.hypotheses.history import (
    check_start,
    given_states,
    reachable_histories,
    support_with_start_rows,
    with_start_rows,
    without_start_rows,
)
from analytic.hypotheses.hypothesis import check_replicates
from analytic.hypotheses.order import compare_orders


def order_table(
    counts: ArrayLike,
    *,
    alpha: ArrayLike = 1.0,
    start: str = "s0",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> ModelComparison:
    r"""Compare all orders from 0 to that of a table.

    All orders are fitted to the same transitions, so that log-likelihoods can be compared. With
    ``start="s0"`` these are all, and an order has a row for every history that begins within the
    sequence, (1 + K + ... + K^k)(K - 1) free parameters; with ``start="given"`` they are those
    after m states of their own sequence, m being the highest order, and it has K^k (K - 1).

    AIC tends to choose too high an order, however long the sequence [1]_; BIC does not in the
    limit [2]_. The evidence depends on the prior, the more so the higher the order.

    Parameters
    ----------
    counts : array_like
        Whole-numbered counts of one table of the highest order m, with rows for s_0, shape
        (K+1,) * m + (K,), or without, shape (K,) * m + (K,).
    alpha : array_like, default 1.0
        Dirichlet parameters of every row of every order: a number, or one per next state.
    start : {"s0", "given"}, default "s0"
        Count the transitions out of s_0 as data, or take the first m states as given.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. A next state is possible in a lower order where
        it is after some older history that can be reached.
    replicates : int, optional
        Number of random sequences for the Monte Carlo p of the tests; needs `rng`. See
        `order_test`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    ModelComparison
        One entry per order, and the test of each against the next.

    Raises
    ------
    ValueError
        Not one table, fractional counts, ``start="s0"`` without rows for s_0, no counts, or bad
        alpha.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> from analytic import count_transitions
    >>> path = [0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    >>> print(order_table(count_transitions(path, 2, order=2)))
    16 transitions, given s_0; prior: Dirichlet(1)
    <BLANKLINE>
                     log-lik.   par.   seen         AIC        AICc         BIC
    order 0           -10.965      1      1      23.930      24.216      24.703
    order 1            -7.369      3      2      20.739      22.739      23.057
    order 2            -6.068      7      2      26.137      40.137      31.545
    <BLANKLINE>
                    log-evid.   probability    elpd loo          se
    order 0           -12.178       0.09004     -11.935       0.515
    order 1           -10.248        0.6204      -9.940       2.224
    order 2           -11.010        0.2895     -10.795       1.695
    <BLANKLINE>
    v the next             G2     df           p   Monte Carlo p          se
    order 0             7.191      2     0.02745   not asked for
    order 1             2.602      3      0.4571   not asked for

    References
    ----------
    .. [1] Katz, R. W. (1981). On some criteria for estimating the order of a Markov chain.
       Technometrics 23, 243-249.
    .. [2] Csiszar, I. and Shields, P. C. (2000). The consistency of the BIC Markov order
       estimator. Annals of Statistics 28, 1601-1619.
    """
    table, has_start = with_start_rows(counts)
    check_start(start, has_start)
    drawn = check_replicates(replicates, rng)
    mask = support_with_start_rows(support, counts, table)
    highest = table.ndim - 1
    tests = tuple(
        compare_orders(
            table, order, order + 1, start=start, support=mask, replicates=drawn, rng=rng
        )
        for order in range(highest)
    )
    possible = mask & reachable_histories(mask, has_start)[..., None]
    if start == "given":
        table, possible = without_start_rows(table), without_start_rows(possible)
    tables, supports = [table], [possible]
    for _ in range(highest):
        tables.insert(0, tables[0].sum(axis=0))
        supports.insert(0, supports[0].any(axis=0))
    return compare(
        tuple(f"order {order}" for order in range(highest + 1)),
        tables,
        supports,
        tests,
        alpha=alpha_of_any_row(alpha),
        conditioned_on=given_states(start, highest),
    )
