r"""Test whether a chain agrees with a transition matrix that was specified beforehand.

.. math::
    G^2 = 2 \sum_{i,j} n_{ij} \ln \frac{n_{ij}}{n_i A_{ij}}, \qquad
    X^2 = \sum_{i,j} \frac{(n_{ij} - n_i A_{ij})^2}{n_i A_{ij}},

with n_i the departures from i, the row totals. Column totals in their place would find fault with
counts that follow A exactly.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.counts import possible_histories
from analytic.hypotheses.history import (
    check_start,
    given_states,
    with_start_rows,
    without_start_rows,
)
from analytic.hypotheses.hypothesis import (
    HypothesisTest,
    as_test,
    check_replicates,
    count_rows,
    in_blocks,
    likelihood_ratio,
)
from analytic.hypotheses.simulated_tables import beginnings, reached_histories, simulate_tables
from analytic.validate import Bools, Counts, Floats, as_probabilities, as_stochastic, check_whole


def specified_test(
    counts: ArrayLike,
    A: ArrayLike,
    *,
    start: str = "given",
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    r"""Test that the transition matrix is A, of which nothing was estimated from these counts.

    The degrees of freedom are, over the rows with departures, the next states that A makes
    possible, less one. A transition that A makes impossible refutes it: the statistics are inf
    and p is 0.

    The Monte Carlo p compares G^2 with sequences simulated from A. For a single sequence they
    begin where it began and have its length, and P(p <= a) <= a holds exactly. Of several
    sequences the table tells where they began and how many transitions they have together; this
    total is shared out evenly. Rows drawn with the departures held would reject too often, since
    the departures from a state are themselves the result of where exits led.

    Parameters
    ----------
    counts : array_like
        Counts of one table, shape (K+1, ..., K+1, K) with rows for s_0, or (K, ..., K, K).
    A : array_like
        Transition probabilities of the same order, with or without rows for s_0. Rows that are
        not tested may be NaN, unless replicates are asked for, which may reach them.
    start : {"given", "s0"}, default "given"
        Leave out the rows with s_0 in the history, or test them too.
    replicates : int, optional
        Number of simulated tables for the Monte Carlo p, such as 999; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    HypothesisTest
        `G2`, `X2`, `df`, `p_G2`, `p_X2`, and `p_monte_carlo` if asked for.

    Raises
    ------
    ValueError
        A table or matrix of another shape, rows of A that do not sum to one, ``start="s0"``
        without rows for s_0 in both, or replicates of fractional counts.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    Counts that follow the matrix exactly:

    >>> result = specified_test([[45, 15], [12, 28]], [[0.75, 0.25], [0.3, 0.7]])
    >>> result.G2, result.df, result.p_G2
    (0.0, 2, 1.0)

    References
    ----------
    .. [1] Kullback, S., Kupperman, M. and Ku, H. H. (1962). Tests for contingency tables and
       Markov chains. Technometrics 4, 573-608.
    """
    table, has_start = with_start_rows(counts)
    check_start(start, has_start)
    drawn = check_replicates(replicates, rng)
    matrix = _matrix_like(A, table, start)
    n_states = table.shape[-1]
    kept = without_start_rows if start == "given" else np.asarray
    observed = kept(table)
    departures = observed.sum(axis=-1, keepdims=True)
    used = np.zeros(table.shape[:-1], dtype=np.bool_)
    kept(used[..., None])[...] = departures > 0
    _check_rows(A, matrix, used)
    tested = np.where(departures > 0, kept(matrix), 0.0)
    law, draw = "", None
    if drawn and rng is not None:
        check_whole(table)
        begin = beginnings(table, start)
        _check_rows(A, matrix, reached_histories(matrix, begin))
        law = f"sequences simulated from the matrix, with {begin.law} and the same total"

        def draw(size: int) -> Floats:
            values = []
            for block in in_blocks(size, matrix.size + 2 * int(table.sum())):
                batch = simulate_tables(matrix, begin, rng, block)
                if start == "given":
                    batch = without_start_rows(batch, batch=1)
                expected = batch.sum(axis=-1, keepdims=True) * np.nan_to_num(kept(matrix))
                values.append(likelihood_ratio(batch, expected, axes=table.ndim))
            return np.concatenate(values)

    possible = possible_histories(n_states, table.ndim - 1)
    return as_test(
        "the specified matrix against any other",
        observed.astype(np.float64),
        departures * tested,
        df=int(np.maximum((tested > 0).sum(axis=-1) - 1, 0).sum()),
        n_left_out=float(table.sum() - observed.sum()),
        rows=count_rows(observed, kept(possible[..., None])[..., 0]),
        conditioned_on=given_states(start, table.ndim - 1),
        replicates=drawn,
        law=law,
        draw=draw,
    )


def _matrix_like(A: ArrayLike, table: Counts, start: str) -> Floats:
    """Bring A to the shape of the table; rows for s_0 that it does not have are NaN."""
    matrix = as_probabilities(A)
    order, n_states = table.ndim - 1, table.shape[-1]
    if matrix.shape == table.shape:
        return matrix
    if matrix.shape != (n_states,) * (order + 1):
        raise ValueError(
            f"A has shape {matrix.shape}, expected {table.shape}, or {(n_states,) * (order + 1)} "
            f"without s_0"
        )
    if start == "s0":
        raise ValueError('start="s0" needs rows for s_0 in A too, which has none')
    return np.pad(matrix, [(1, 0)] * order + [(0, 0)], constant_values=np.nan)


def _check_rows(A: ArrayLike, matrix: Floats, used: Bools) -> None:
    """Refuse a row that is used and undefined or does not sum to one, by its place in A."""
    row = np.zeros(matrix.shape[-1])
    row[0] = 1.0
    safe = np.where(used[..., None], matrix, row)
    as_stochastic(safe if np.shape(A) == matrix.shape else without_start_rows(safe))
