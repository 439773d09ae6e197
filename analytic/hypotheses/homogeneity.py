r"""Test whether one transition matrix holds for all blocks of time, or for all units.

Each row of the matrix is compared over the S tables, with their totals in that row:

.. math::
    G^2 = 2 \sum_{s, i, j} n_{sij} \ln \frac{n_{sij}}{E_{sij}}, \qquad
    E_{sij} = n_{si \cdot} \frac{n_{\cdot ij}}{n_{\cdot i \cdot}}.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.counts import possible_histories
from analytic.hypotheses.exchange import dealt_exits, rearranged_blocks, rearranged_units
from analytic.hypotheses.history import (
    check_start,
    given_states,
    support_with_start_rows,
    with_start_rows,
    without_start_rows,
)
from analytic.hypotheses.hypothesis import (
    HypothesisTest,
    as_test,
    check_replicates,
    count_rows,
    likelihood_ratio,
)
from analytic.hypotheses.two_way import degrees_of_freedom, expected_counts
from analytic.validate import Counts, Floats, check_whole


def homogeneity_test(
    tables: ArrayLike,
    *,
    start: str = "given",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    r"""Test that the transition matrix is the same in all blocks of time.

    A transition belongs to the block of the state that it leaves, so the blocks of one sequence
    are not counted as sequences of their own: the step from one block into the next counts, in
    the first. The degrees of freedom are counted on the observed support,

    .. math:: \sum_i (S_i - 1)(r_i - 1),

    where S_i blocks leave i and r_i states follow it; that is (S - 1) K (K - 1) where everything
    was seen.

    The Monte Carlo p compares G^2 with random sequences that have the transition counts of all
    blocks together and the same ends, cut into blocks of the same lengths. Under one matrix these
    are all equally likely [2]_, so P(p <= a) <= a holds exactly for blocks of one sequence, given
    in the order of time. Tables without rows for s_0, or with empty ones, do not tell how many
    sequences there were, and are taken for one if they can be. Where the counts together are not
    those of one sequence, the exits from
    each history are dealt to the blocks at random instead, with the departures of each block and
    the next states overall held. This overlooks that what is left next depends on where an exit
    led, and is exact only for sequences of one transition; with few transitions in each of many
    longer sequences it can reject far too often. The result says which it was.

    Parameters
    ----------
    tables : array_like
        Counts, shape (S, K+1, ..., K+1, K) with rows for s_0, or (S, K, ..., K, K).
    start : {"given", "s0"}, default "given"
        Leave out the rows with s_0 in the history, or test them too.
    support : array_like of bool, optional
        Possible transitions, shape of one table; counts elsewhere are refused.
    replicates : int, optional
        Number of random tables for the Monte Carlo p, such as 999; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    HypothesisTest
        `G2`, `X2`, `df`, `p_G2`, `p_X2`, and `p_monte_carlo` if asked for. A single block leaves
        nothing to test: `df` is 0 and p is NaN.

    Raises
    ------
    ValueError
        Bad tables, counts off the support, or replicates of fractional counts.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> blocks = [[[30, 10], [12, 48]], [[25, 15], [14, 46]]]
    >>> result = homogeneity_test(blocks)
    >>> round(result.G2, 4), result.df
    (1.6585, 2)

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    .. [2] Besag, J. and Mondal, D. (2013). Exact goodness-of-fit tests for Markov chains.
       Biometrics 69, 488-496.
    """
    return _same_matrix("block", tables, start, support, replicates, rng)


def equality_test(
    tables: ArrayLike,
    *,
    start: str = "given",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    r"""Test that the transition matrix is the same for all units.

    The units may be persons, sites or single sequences. Statistics and degrees of freedom are
    those of `homogeneity_test`, with units in the place of blocks.

    The Monte Carlo p compares G^2 with sequences that have the transition counts of all units
    together, and each the length and the first state of one of the data; under one matrix these
    are all equally likely. They are drawn by exchanging stretches between and within the
    sequences, so that the data and the draws are exchangeable [1]_, and P(p <= a) <= a holds
    exactly for units of one sequence each. Of a unit with several sequences, the lengths are taken
    from a random arrangement of its counts. Where some table does not tell where its sequences
    begin and end, exits are dealt to the units as in `homogeneity_test`. The result says which it
    was.

    Parameters
    ----------
    tables : array_like
        Counts, shape (units, K+1, ..., K+1, K) with rows for s_0, or (units, K, ..., K, K).
    start : {"given", "s0"}, default "given"
        Leave out the rows with s_0 in the history, or test them too.
    support : array_like of bool, optional
        Possible transitions, shape of one table; counts elsewhere are refused.
    replicates : int, optional
        Number of random tables for the Monte Carlo p; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    HypothesisTest
        As for `homogeneity_test`.

    Raises
    ------
    ValueError, TypeError
        As for `homogeneity_test`.

    Examples
    --------
    >>> units = [[[30, 10], [12, 48]], [[5, 35], [14, 46]]]
    >>> result = equality_test(units)
    >>> result.df, result.p_G2 < 1e-6
    (2, True)

    References
    ----------
    .. [1] Besag, J. and Clifford, P. (1989). Generalized Monte Carlo significance tests.
       Biometrika 76, 633-642.
    """
    return _same_matrix("unit", tables, start, support, replicates, rng)


def _same_matrix(
    what: str,
    tables: ArrayLike,
    start: str,
    support: ArrayLike | None,
    replicates: int | None,
    rng: np.random.Generator | None,
) -> HypothesisTest:
    """Compare every row over the first axis."""
    table, has_start = with_start_rows(tables, batch=1, name="tables")
    check_start(start, has_start, "tables")
    drawn = check_replicates(replicates, rng)
    possible = support_with_start_rows(support, tables, table, batch=1)
    order, n_states = possible.ndim - 1, possible.shape[-1]
    possible &= possible_histories(n_states, order)[..., None]

    def by_history(batch: Counts) -> Counts:
        kept = without_start_rows(batch, batch=2) if start == "given" else batch
        return np.swapaxes(kept.reshape(*kept.shape[:2], -1, n_states), -3, -2)

    (observed,) = by_history(table[None])
    law, draw = "", None
    if drawn and rng is not None:
        check_whole(table, "tables")
        source = rearranged_blocks(table) if what == "block" else None
        if what == "unit":
            source = rearranged_units(table, rng, first_states_free=start == "s0")
        if source is None:
            source = dealt_exits(table, what)
        law = source.law

        def draw(size: int) -> Floats:
            values = []
            for batch in source.draw(rng, size):
                layers = by_history(batch)
                values.append(likelihood_ratio(layers, expected_counts(layers), axes=3))
            return np.concatenate(values)

    if start == "given":
        possible = without_start_rows(possible)
    return as_test(
        f"one matrix for {len(table)} {what}s against one for each {what}",
        observed.astype(np.float64),
        expected_counts(observed),
        df=degrees_of_freedom(observed),
        n_left_out=float(table.sum() - observed.sum()),
        rows=count_rows(observed.sum(axis=-2), possible.any(axis=-1).ravel()),
        conditioned_on=given_states(start, order),
        replicates=drawn,
        law=law,
        draw=draw,
    )
