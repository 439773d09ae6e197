"""One matrix for all units or one for each, on equal terms: the same transitions for both."""

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
from analytic.hypotheses.homogeneity import equality_test


def pooling_table(
    tables: ArrayLike,
    *,
    alpha: ArrayLike = 1.0,
    start: str = "s0",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> ModelComparison:
    """Compare one transition matrix for all units with one for each unit.

    Separate matrices have independent rows under the same prior. The columns are those of
    `order_table`. Blocks of time can stand in the place of units; the test is then to be had from
    `homogeneity_test`.

    Parameters
    ----------
    tables : array_like
        Whole-numbered counts, shape (units, K+1, ..., K+1, K) with rows for s_0, or
        (units, K, ..., K, K).
    alpha : array_like, default 1.0
        Dirichlet parameters of one matrix: a number, or one per next state.
    start : {"s0", "given"}, default "s0"
        Count the transitions out of s_0 as data, or take the first states as given.
    support : array_like of bool, optional
        Possible transitions, shape of one table.
    replicates : int, optional
        Number of random tables for the Monte Carlo p of the test; needs `rng`. See
        `equality_test`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    ModelComparison
        Two entries, one matrix and one for each unit, and the test of the first against the
        second.

    Raises
    ------
    ValueError
        Bad or fractional tables, fewer than two units, ``start="s0"`` without rows for s_0, no
        counts, or bad alpha.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> units = [[[30, 10], [12, 48]], [[25, 15], [14, 46]]]
    >>> result = pooling_table(units, start="given")
    >>> result.models, result.parameters
    (('one matrix', '2 matrices'), array([2, 4]))
    >>> result.probability.round(3)
    array([0.905, 0.095])
    """
    table, has_start = with_start_rows(tables, batch=1, name="tables")
    if len(table) < 2:
        raise ValueError(
            f"tables has {len(table)} units, expected two or more: for a single one, one matrix "
            f"for all and one for each are the same"
        )
    check_start(start, has_start, "tables")
    mask = support_with_start_rows(support, tables, table, batch=1)
    test = equality_test(tables, start=start, support=support, replicates=replicates, rng=rng)
    possible = mask & reachable_histories(mask, has_start)[..., None]
    if start == "given":
        table, possible = without_start_rows(table, batch=1), without_start_rows(possible)
    return compare(
        ("one matrix", f"{len(table)} matrices"),
        [table.sum(axis=0), table],
        [possible, np.broadcast_to(possible, table.shape)],
        (test,),
        alpha=alpha_of_any_row(alpha),
        conditioned_on=given_states(start, possible.ndim - 1),
    )
