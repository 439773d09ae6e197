r"""Test whether the next state depends on v past states, or on the last u of them only.

Both orders are fitted to the same transitions. For each recent history b of length u, the older
states a should not matter:

.. math::
    G^2 = 2 \sum_{a, b, j} n_{abj} \ln \frac{n_{abj}}{E_{abj}}, \qquad
    E_{abj} = \frac{n_{ab \cdot}\, n_{\cdot bj}}{n_{\cdot b \cdot}}.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytic.counts import possible_histories
from analytic.hypotheses.arrangements import arrangement, draw_tables
from analytic.hypotheses.history import (
    check_start,
    given_states,
    lower_to,
    support_with_start_rows,
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
from analytic.hypotheses.two_way import (
    degrees_of_freedom,
    expected_counts,
    is_product,
    random_tables,
    used_cells,
)
from analytic.validate import Bools, Counts, Floats, check_order, check_whole


def order_test(
    counts: ArrayLike,
    *,
    lower: int,
    higher: int,
    start: str = "given",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    r"""Test that the chain is of order `lower`, against order `higher`.

    The degrees of freedom are counted on the observed support,

    .. math:: \sum_b (s_b - 1)(r_b - 1),

    where s_b older histories were seen before the recent history b, and r_b next states after it;
    that is (K^v - K^u)(K - 1) where everything was seen.

    The Monte Carlo p compares G^2 with sequences drawn uniformly from those that share the
    sufficient statistic of order `lower`: its transition counts, and the first and last `lower`
    states (for order 0, the first and the last state). Under the hypothesis these are all equally
    likely, so for one sequence P(p <= a) <= a holds exactly, at any length [2]_. The number of
    several sequences and their first and last states are held too, while their lengths vary with
    the draws. A table without rows for s_0 is that of one path if one history is left once more
    than it is entered and one the other way round; if all balance it is taken for a circular
    sequence. Any other table (of several sequences without s_0, or with gaps) does not tell the
    ends of its sequences; next states are then dealt at random to the older histories, with both
    totals held, and the p holds approximately. The result says which it was.

    The time goes with replicates times transitions: 999 times 1,096 take 0.1 to 0.4 s.

    Parameters
    ----------
    counts : array_like
        Counts of one table of order `higher` or above, with rows for s_0, shape
        (K+1, ..., K+1, K), or without, shape (K, ..., K, K). It is lowered to `higher` first.
    lower, higher : int
        The two orders, 0 <= lower < higher.
    start : {"given", "s0"}, default "given"
        Test only transitions after `higher` states of their own sequence, or also those with s_0
        in the history.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. Where impossible ones differ between histories
        that should not matter, the hypothesis is quasi-independence.
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
        Orders that do not fit the table, a bad table, or replicates of fractional counts or under
        quasi-independence.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> result = order_test([[30, 10], [12, 48]], lower=0, higher=1)
    >>> round(result.G2, 4), result.df
    (31.0233, 1)

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    .. [2] Besag, J. and Mondal, D. (2013). Exact goodness-of-fit tests for Markov chains.
       Biometrics 69, 488-496.
    """
    check_order(lower)
    check_order(higher)
    table, has_start = with_start_rows(counts)
    if not lower < higher <= table.ndim - 1:
        raise ValueError(
            f"lower={lower} and higher={higher} must satisfy lower < higher <= {table.ndim - 1}, "
            f"the order of the table; count at a higher order"
        )
    check_start(start, has_start)
    mask = support_with_start_rows(support, counts, table)
    for _ in range(table.ndim - 1 - higher):
        mask = mask.any(axis=0)
    return compare_orders(
        lower_to(table, higher),
        lower,
        higher,
        start=start,
        support=mask,
        replicates=check_replicates(replicates, rng),
        rng=rng,
    )


def independence_test(
    counts: ArrayLike,
    *,
    start: str = "given",
    support: ArrayLike | None = None,
    replicates: int | None = None,
    rng: np.random.Generator | None = None,
) -> HypothesisTest:
    """Test that the next state does not depend on the present one: order 0 against order 1.

    This is `order_test` with ``lower=0, higher=1``, which explains parameters and result.

    Parameters
    ----------
    counts : array_like
        Counts of one table of order 1 or above.
    start : {"given", "s0"}, default "given"
        Leave out the row of s_0, or test it too.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. With an impossible diagonal, for instance, this
        tests quasi-independence: the next state depends on the present one only in not being it.
    replicates : int, optional
        Number of random sequences for the Monte Carlo p; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of randomness.

    Returns
    -------
    HypothesisTest
        As for `order_test`.

    Raises
    ------
    ValueError, TypeError
        As for `order_test`.

    Examples
    --------
    >>> print(independence_test([[30, 10], [12, 48]]))
    order 0 against order 1
      n = 100 transitions, 2 rows
      given the first state of each sequence
      G2 = 31.0233      df = 1      p = 2.549e-08
      X2 = 29.803       df = 1      p = 4.783e-08
    """
    return order_test(
        counts,
        lower=0,
        higher=1,
        start=start,
        support=support,
        replicates=replicates,
        rng=rng,
    )


def compare_orders(
    table: Counts,
    lower: int,
    higher: int,
    *,
    start: str,
    support: Bools,
    replicates: int,
    rng: np.random.Generator | None,
) -> HypothesisTest:
    """Test `lower` against `higher` on the transitions of a table that may be of higher order."""
    order, n_states = table.ndim - 1, table.shape[-1]
    observed = _layers(table, lower, higher, start)
    mask = _layers(support, lower, higher, start)
    expected = expected_counts(observed, mask)
    histories = possible_histories(n_states, order)[..., None] & support
    law, draw = "", None
    if replicates and rng is not None:
        check_whole(table)
        if not is_product(used_cells(observed, mask)).all():
            raise ValueError(
                "there is no Monte Carlo p under quasi-independence, where support differs between "
                "histories that should not matter; leave out replicates"
            )
        shuffle = arrangement(table, lower)
        law = _FIXED_TOTALS if shuffle is None else shuffle.law

        def draw(size: int) -> Floats:
            values = []
            for block in in_blocks(size, table.size + 2 * int(table.sum())):
                if shuffle is None:
                    drawn = random_tables(observed, rng, block)
                else:
                    drawn = _layers(
                        draw_tables(shuffle, order, rng, block), lower, higher, start, batch=1
                    )
                values.append(likelihood_ratio(drawn, expected_counts(drawn), axes=3))
            return np.concatenate(values)

    return as_test(
        f"order {lower} against order {higher}",
        np.asarray(observed, dtype=np.float64),
        expected,
        df=degrees_of_freedom(observed, mask),
        n_left_out=float(table.sum() - observed.sum()),
        rows=count_rows(observed, _layers(histories, lower, higher, start).any(axis=-1)),
        conditioned_on=given_states(start, order),
        replicates=replicates,
        law=law,
        draw=draw,
    )


_FIXED_TOTALS = (
    "next states dealt at random to the older histories, both totals held (the table does not "
    "tell where its sequences begin and end)"
)


def _layers(
    table: NDArray[Any], lower: int, higher: int, start: str, *, batch: int = 0
) -> NDArray[Any]:
    """For each recent history a two-way table of older history and next state.

    Shape (..., recent, older, K).
    """
    if start == "given":
        table = without_start_rows(table, batch=batch)
    for _ in range(table.ndim - batch - 1, higher, -1):
        table = table.any(axis=batch) if table.dtype == np.bool_ else table.sum(axis=batch)
    history = table.shape[batch:-1]
    older = int(np.prod(history[: higher - lower]))
    flat = table.reshape(*table.shape[:batch], older, -1, table.shape[-1])
    return np.swapaxes(flat, -3, -2)
