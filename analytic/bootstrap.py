r"""Percentile intervals of the count ratio by resampling, with the states held fixed.

The next states are those of the table, never those that a resample happens to show. With B
replicates sorted, the limits are numbers (B + 1) (1 - prob) / 2 and (B + 1) (1 + prob) / 2,
interpolated where these are not whole [1]_; B = 999 makes them whole at the usual `prob`.

References
----------
.. [1] Davison, A. C. and Hinkley, D. V. (1997). Bootstrap Methods and their Application. Cambridge
   University Press.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from analytic._cells import settle
from analytic.estimate import mle
from analytic.validate import (
    Floats,
    check_integer,
    check_prob,
    check_rng,
    check_whole,
    counts_on_support,
)

_BLOCK = 2**22
"""Numbers held at a time; rows are resampled in blocks."""


def bootstrap(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
    replicates: int = 999,
) -> tuple[Floats, Floats]:
    r"""Percentile interval of the parametric bootstrap. Marginal.

    The n_i departures of each row are drawn anew from its count ratio,
    n* ~ Multinomial(n_i, p), and the limits are percentiles of n* / n_i, cell by cell.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K), whole numbers.
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator
        Source of randomness. It must be given: the default of None stands for the signature
        that all intervals share.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.
    replicates : int, default 999
        Number of resamples of each row.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. At n_ij = 0 and n_ij = n_i the interval is the single
        point 0 or 1, because what was not seen is never drawn; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        `rng` is missing, too few replicates to reach so far into the tails, bad or fractional
        counts, or `prob` outside (0, 1).
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> low, high = bootstrap([60, 30, 10, 0], prob=0.9, rng=np.random.default_rng(1))
    >>> low, high
    (array([0.52, 0.23, 0.05, 0.  ]), array([0.68, 0.37, 0.15, 0.  ]))
    """
    check_prob(prob)
    if rng is None:
        raise ValueError(
            "rng is missing: bootstrap draws at random; pass rng=np.random.default_rng(seed)"
        )
    check_rng(rng)
    _check_replicates(replicates, prob)
    table, possible = counts_on_support(counts, support)
    check_whole(table)
    n_states = table.shape[-1]
    rows = table.reshape(-1, n_states).astype(np.int64)
    low, high = np.full(rows.shape, np.nan), np.full(rows.shape, np.nan)
    visited = np.flatnonzero(rows.sum(axis=-1))
    for block in _blocks(len(visited), replicates * n_states):
        n = rows[visited[block]].sum(axis=-1)[:, None]
        p = mle(rows[visited[block]])[:, None, :]
        drawn = rng.multinomial(n, p, size=(len(n), replicates)) / n[..., None]
        low[visited[block]], high[visited[block]] = _percentiles(drawn, prob, axis=1)
    return settle(low.reshape(table.shape), high.reshape(table.shape), possible)


def bootstrap_units(
    tables: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator,
    support: ArrayLike | None = None,
    replicates: int = 999,
) -> tuple[Floats, Floats]:
    r"""Percentile interval of the pooled count ratio, from resampling whole units. Marginal.

    As many units (sequences, persons, sites) as there are are drawn with replacement, their
    tables added and the count ratio taken. Nothing is assumed about the transitions within a
    unit, only that the units are independent and alike; units may differ in their chains.

    Parameters
    ----------
    tables : array_like
        Counts, shape (units, ..., K), two units at least. They may be fractional.
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator
        Source of randomness.
    support : array_like of bool, optional
        Possible transitions, shape of one table; (0, 0) elsewhere, as for all `INTERVALS`.
    replicates : int, default 999
        Number of resamples.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of one table. A replicate in which nobody left a row is left out
        for that row: the interval is conditional on the row being left. At n_ij = 0 and
        n_ij = n_i of the pooled table it is the point 0 or 1; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Fewer than two units, too few replicates, bad counts, or `prob` outside (0, 1).
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> tables = [[[9, 1], [2, 2]], [[4, 6], [3, 5]], [[8, 2], [1, 6]], [[6, 4], [0, 3]]]
    >>> low, high = bootstrap_units(tables, prob=0.8, rng=np.random.default_rng(1))
    >>> low.round(2)[0], high.round(2)[0]
    (array([0.55, 0.2 ]), array([0.8 , 0.45]))

    References
    ----------
    .. [1] Field, C. A. and Welsh, A. H. (2007). Bootstrapping clustered data. Journal of the Royal
       Statistical Society B 69, 369-390.
    """
    check_prob(prob)
    check_rng(rng)
    _check_replicates(replicates, prob)
    table, possible = counts_on_support(tables, support, "tables")
    if table.ndim < 2 or len(table) < 2:
        raise ValueError(
            f"tables must have at least two units on its first axis, got shape {table.shape}; "
            f"one unit does not show how units differ (use bootstrap on its table)"
        )
    units = len(table)
    times_drawn = rng.multinomial(units, np.full(units, 1 / units), size=replicates)
    rows = table.reshape(units, -1, table.shape[-1])
    low, high = np.full(rows.shape[1:], np.nan), np.full(rows.shape[1:], np.nan)
    for row in np.flatnonzero(rows.sum(axis=(0, 2))):
        pooled = times_drawn @ rows[:, row]
        drawn = mle(pooled[pooled.sum(axis=-1) > 0])
        low[row], high[row] = _percentiles(drawn, prob, axis=0)
    shape = table.shape[1:]
    return settle(low.reshape(shape), high.reshape(shape), possible[0])


def _percentiles(drawn: Floats, prob: float, axis: int) -> tuple[Floats, Floats]:
    """Equal-tailed limits of the replicates along an axis."""
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    # "weibull" is the definition of sample quantiles at (B + 1) q.
    low, high = np.quantile(drawn, tails, axis=axis, method="weibull")
    return low, high


def _check_replicates(replicates: int, prob: float) -> None:
    """Check that the percentiles lie among the replicates."""
    check_integer("replicates", replicates, 1)
    # A hair less, because 2 / (1 - 0.9) comes out above 20.
    needed = math.ceil(2 / (1 - prob) - 1 - 1e-9)
    if replicates < needed:
        raise ValueError(
            f"replicates must be at least {needed} for prob={prob}, so that the limits lie among "
            f"them, got {replicates}"
        )


def _blocks(count: int, size: int) -> list[slice]:
    """Cut `count` rows of `size` numbers each into blocks."""
    step = max(1, _BLOCK // size)
    return [slice(start, start + step) for start in range(0, count, step)]
