r"""Test whether a chain is reversible: whether it has the same law when run backwards.

.. math::
    G^2 = 2 \sum_{i \ne j} n_{ij} \ln \frac{n_{ij}}{E_{ij}}, \qquad
    E_{ij} = n_i \hat A_{ij},

with A the most likely matrix under detailed balance. It depends on the departures n_i and on the
sums n_ij + n_ji only: these are sufficient for a reversible chain.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.detailed_balance import reversible
from analytic.hypotheses.arrangements import draw_paths, surplus_of_entries
from analytic.hypotheses.history import with_start_rows
from analytic.hypotheses.hypothesis import (
    HypothesisTest,
    as_test,
    check_replicates,
    count_rows,
    in_blocks,
    likelihood_ratio,
)
from analytic.hypotheses.rearrangement import (
    Layout,
    layout,
    rearranged,
    reverse,
    swap,
    unit_tables,
)
from analytic.validate import Bools, Counts, Floats, Ints, check_whole

MOVES_PER_STATE = 100
"""Stretches that are tried to turn round, for each of the K states.

Where nine times as many were tried, the spread of G^2 stayed the same, within its error.
"""


def reversibility_test(
    counts: ArrayLike,
    *,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    r"""Test detailed balance, pi_i A_ij = pi_j A_ji, against any transition matrix.

    The row of s_0, which is left once and never entered, is not tested. The degrees of freedom
    are the independent cycles of the graph that links states between which transitions were
    seen, in either direction: pairs - states + 1, summed over the classes of states that lead to
    one another. That is (K - 1)(K - 2) / 2 where every pair was seen; two states are always
    reversible. A transition from one class into another is never taken back, and fits any
    reversible chain in the limit.

    The Monte Carlo p compares G^2 with sequences that share the sufficient statistic of a
    reversible chain, the sums n_ij + n_ji, and the first and last states. Under the hypothesis
    these are all equally likely; they are drawn by turning round stretches between two visits to
    a state [1]_, in turn with exchanges of stretches between several sequences. Data and draws are
    exchangeable, and P(p <= a) <= a holds exactly for one sequence. Of several, the lengths are
    taken from a random arrangement of the counts.

    Parameters
    ----------
    counts : array_like
        Counts of one table of order 1, shape (K+1, K) with a row for s_0, or (K, K).
    replicates : int, optional
        Number of random sequences for the Monte Carlo p, such as 999; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    HypothesisTest
        `G2`, `X2`, `df`, `p_G2`, `p_X2`, and `p_monte_carlo` if asked for.

    Raises
    ------
    ValueError
        Not one table of order 1, replicates of fractional counts, or of counts that fall apart
        into several sets of states.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    A preference for going round, 0 to 1 to 2 to 0:

    >>> result = reversibility_test([[10, 25, 12], [9, 12, 26], [27, 11, 10]])
    >>> round(result.G2, 4), result.df
    (19.9968, 1)

    References
    ----------
    .. [1] Besag, J. and Mondal, D. (2013). Exact goodness-of-fit tests for Markov chains.
       Biometrics 69, 488-496.
    """
    table, _ = with_start_rows(counts)
    if table.ndim != 2:
        raise ValueError(
            f"counts must be one table of order 1, shape (K+1, K) or (K, K), got {np.shape(counts)}"
        )
    drawn = check_replicates(replicates, rng)
    block = table[1:]
    expected, df = _under_detailed_balance(block)
    law, draw = "", None
    if drawn and rng is not None:
        check_whole(table)
        paths = _paths(table, rng)
        law = (
            f"{len(paths)} sequence{'s' if len(paths) > 1 else ''} with stretches turned round, "
            f"holding n_ij + n_ji, first and last states"
        )
        move = reverse if len(paths) == 1 else _turn_round_or_exchange
        where = layout(np.array([path.size for path in paths]), 1)
        row = np.concatenate([np.concatenate([[0], path]) for path in paths])

        def draw(size: int) -> Floats:
            states = rearranged(row, where, move, MOVES_PER_STATE * len(block), rng, size)
            values, done = [], 0
            for number in in_blocks(size, table.size + row.size):
                batch = unit_tables(
                    states[done : done + number], where, np.zeros_like(row), len(block), 1
                ).reshape(number, *table.shape)[:, 1:]
                values.append(likelihood_ratio(batch, expected, axes=2))
                done += number
            return np.concatenate(values)

    return as_test(
        "detailed balance (a reversible chain) against any chain",
        block.astype(np.float64),
        expected,
        df=df,
        n_left_out=float(table[0].sum()),
        rows=count_rows(block, np.ones(len(block), dtype=np.bool_)),
        conditioned_on="the first state of each sequence",
        replicates=drawn,
        law=law,
        draw=draw,
    )


def _under_detailed_balance(block: Counts) -> tuple[Floats, int]:
    """Fit the most likely reversible chain: expected counts, and the degrees of freedom.

    Where some states do not lead to others, the likelihood has no maximum but a limit: each class
    of states that lead to one another is fitted by itself.
    """
    expected, df = block.astype(np.float64), 0
    linked = (block + block.T) > 0
    mutual = _mutual(block > 0)
    for members in np.unique(mutual, axis=0):
        if members.sum() < 2:
            continue
        inside = np.ix_(members, members)
        inner = block[inside].astype(np.float64)
        expected[inside] = reversible(inner) * inner.sum(axis=1, keepdims=True)
        size = int(members.sum())
        df += int(np.triu(linked[inside], 1).sum()) - size + 1
    return expected, df


def _mutual(step: Bools) -> Bools:
    """Tell which states lead to each other, every state to itself."""
    reach = step | np.eye(len(step), dtype=np.bool_)
    for _ in range(len(step)):
        reach = (reach.astype(np.float64) @ reach.astype(np.float64)) > 0
    return np.asarray(reach & reach.T)


def _turn_round_or_exchange(
    states: Ints, where: Layout, length: int, rng: np.random.Generator
) -> None:
    """Exchange, turn round, exchange: the same order forward and backward."""
    swap(states, where, length, rng)
    reverse(states, where, length, rng)
    swap(states, where, length, rng)


def _paths(table: Counts, rng: np.random.Generator) -> list[Ints]:
    """Draw sequences behind a table; as few as possible if it does not tell where they begin."""
    paths = draw_paths(table, rng)
    if paths is None:
        counts = table.astype(np.int64)
        counts[0] = 0
        counts[0] = np.maximum(-surplus_of_entries(counts), 0)[1:]
        paths = draw_paths(counts, rng)
    if paths is None:
        raise ValueError(
            "counts fall apart into sets of states without a transition between them, so that no "
            "sequences can be told; test each set by itself, or leave out replicates"
        )
    return paths
