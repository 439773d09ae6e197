r"""Simultaneous intervals: a whole row lies inside all of its intervals with about `prob`.

Rows are treated apart. K next states share one row, seen or not: a state that never followed still
counts, unless a support excludes it. A row that nobody left is undefined, (NaN, NaN).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtri, xlogy

from analytic._cells import departures, settle
from analytic._rows import choices
from analytic.marginal import score_limits
from analytic.validate import Floats, check_prob, check_whole, counts_on_support

_BLOCK = 2**16
"""Cells worked on at a time; the memory does not grow with the number of rows."""


def goodman(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Goodman's intervals. Simultaneous, over the K cells of a row.

    .. math::
        \Bigl\{ q_j : n_i (p_j - q_j)^2 \le \chi^2_1 \bigl(1 - \tfrac{1 - \mathrm{prob}}{K}\bigr)
        \; q_j (1 - q_j) \Bigr\}

    that is `wilson`'s interval of each cell, at the probability that Bonferroni's inequality asks
    for.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Nominal probability that a row lies inside all of its intervals, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`. K is
        the number of possible next states of the row.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. With c the chi-squared quantile, 0 and c / (n_i + c)
        at n_ij = 0; mirrored at n_ij = n_i; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    The psychiatric patients of [1]_:

    >>> low, high = goodman([91, 49, 37, 43], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.334, 0.161, 0.115, 0.137]), array([0.498, 0.3  , 0.24 , 0.27 ]))

    References
    ----------
    .. [1] Goodman, L. A. (1965). On simultaneous confidence intervals for multinomial
       proportions. Technometrics 7, 247-254.
    """
    check_prob(prob)
    table, possible = counts_on_support(counts, support)
    x = table.astype(np.float64)
    z = -ndtri((1 - prob) / (2 * choices(possible)))
    return settle(*score_limits(x, departures(x), z), possible)


def sison_glaz(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Sison and Glaz's intervals. Simultaneous, over the K cells of a row.

    Let nu(c) be the probability that all counts of a multinomial row with the estimated
    probabilities p lie within c of the observed ones. With the smallest integer c for
    which nu(c) < prob <= nu(c + 1),

    .. math::
        p_j - \frac{c}{n_i} \le A_{ij} \le p_j + \frac{c + 2 \gamma}{n_i}, \qquad
        \gamma = \frac{\mathrm{prob} - \nu(c)}{\nu(c + 1) - \nu(c)}.

    A multinomial is independent Poisson variables V_j with means n_ij, given their sum. Hence

    .. math::
        \nu(c) = \frac{n_i!}{n_i^{n_i} e^{-n_i}}
        \prod_j P(|V_j - n_{ij}| \le c) \; P\Bigl(\sum_j Y_j = n_i\Bigr)

    where Y_j is V_j truncated to that range, and the probability of the sum is taken from its
    Edgeworth expansion with four moments. nu is taken exactly where it can be read off: c = 0,
    and a range that no outcome can leave.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K), whole numbers.
    prob : float
        Nominal probability that a row lies inside all of its intervals, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits, shape of `counts`, clipped to [0, 1]. At n_ij = 0 they are 0 and
        (c + 2 gamma) / n_i. If all counts are in one cell (n_ij = n_i), the estimated row has no
        spread and its intervals are the points 1 and 0. (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad or fractional counts, or `prob` outside (0, 1).

    Notes
    -----
    The upper limit is not monotone in `prob`: where prob passes nu(c), c + 2 gamma falls from
    c + 1 to c. The expansion gets better with more cells and larger counts; [2]_ describes its
    use. In a row of a few departures it is poor, and may stay below `prob` until the range holds
    all outcomes. c is of the order of n_i^(1/2), and so is the cost.

    Examples
    --------
    >>> low, high = sison_glaz([23, 12, 44], prob=0.95)
    >>> low.round(4), high.round(4)
    (array([0.1899, 0.0506, 0.4557]), array([0.4107, 0.2714, 0.6765]))

    References
    ----------
    .. [1] Sison, C. P. and Glaz, J. (1995). Simultaneous confidence intervals and sample size
       determination for multinomial proportions. Journal of the American Statistical Association
       90, 366-369.
    .. [2] May, W. L. and Johnson, W. D. (2000). Constructing two-sided simultaneous confidence
       intervals for multinomial proportions for small counts in a large number of cells. Journal
       of Statistical Software 5(6).
    """
    check_prob(prob)
    table, possible = counts_on_support(counts, support)
    check_whole(table)
    x = table.reshape(-1, table.shape[-1]).astype(np.float64)
    # The order of the cells does not matter, so each set of counts is solved once.
    distinct, where = np.unique(np.sort(x, axis=-1), axis=0, return_inverse=True)
    visited = np.flatnonzero(distinct.sum(axis=-1))
    c, gamma = np.full(len(distinct), np.nan), np.full(len(distinct), np.nan)
    for block in np.array_split(visited, 1 + visited.size * table.shape[-1] // _BLOCK):
        c[block], gamma[block] = _half_width(distinct[block], prob)
    c, gamma = c[where.reshape(-1), None], gamma[where.reshape(-1), None]
    n = np.where(np.isnan(c), np.nan, x.sum(axis=-1, keepdims=True))
    low, high = np.maximum((x - c) / n, 0), np.minimum((x + c + 2 * gamma) / n, 1)
    return settle(low.reshape(table.shape), high.reshape(table.shape), possible)


def _half_width(x: Floats, prob: float) -> tuple[Floats, Floats]:
    """Find c and gamma of each row, raising c by one until the range holds enough.

    The smallest c is wanted, and the expansion need not be monotone: no bisection. Moments about
    x grow with c by the two outcomes x + c and x - c, so that nothing is summed twice.
    """
    c_found, gamma = np.zeros(len(x)), np.zeros(len(x))
    n = x.sum(axis=-1)
    nu = np.exp(
        gammaln(n + 1) - gammaln(x + 1).sum(axis=-1) + xlogy(x, x / n[:, None]).sum(axis=-1)
    )
    open_rows = np.flatnonzero(nu < prob)
    x, nu = x[open_rows], nu[open_rows]
    above = below = _poisson(x, x)
    sums = np.stack([above, *[np.zeros(x.shape)] * 4])
    c = 0
    while len(open_rows):
        c += 1
        above = above * x / (x + c)
        below = below * np.maximum(x - c + 1, 0) / np.maximum(x, 1)
        sums = sums + np.stack([above * c**r + below * (-c) ** r for r in range(5)])
        before, nu = nu, _levin(x, c, sums)
        found = nu >= prob
        rows = open_rows[found]
        c_found[rows] = c - 1
        gamma[rows] = (prob - before[found]) / (nu[found] - before[found])
        if found.any():
            keep = ~found
            open_rows, x, nu, sums = open_rows[keep], x[keep], nu[keep], sums[:, keep]
            above, below = above[keep], below[keep]
    return c_found, gamma


def _levin(x: Floats, c: int, sums: Floats) -> Floats:
    """Levin's representation of nu(c), from sums of (y - x)^r times the Poisson probability of y.

    The last axis of `x` and `sums` runs over the cells, the first of `sums` over r = 0, ..., 4.
    """
    n = x.sum(axis=-1)
    everything = ((x == 0) | ((x <= c) & (x + c >= n[:, None]))).all(axis=-1)
    m1, m2, m3, m4 = sums[1:] / sums[0]
    var = m2 - m1**2
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    total = var.sum(axis=-1)
    skewness = third.sum(axis=-1) / total**1.5
    excess = (fourth - 3 * var**2).sum(axis=-1) / total**2
    t = -m1.sum(axis=-1) / np.sqrt(total)
    edgeworth = (
        1
        + skewness / 6 * (t**3 - 3 * t)
        + excess / 24 * (t**4 - 6 * t**2 + 3)
        + skewness**2 / 72 * (t**6 - 15 * t**4 + 45 * t**2 - 15)
    )
    density = np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi * total) * edgeworth
    return np.where(everything, 1.0, sums[0].prod(axis=-1) * density / _poisson(n, n))


def _poisson(k: Floats, mean: Floats) -> Floats:
    """Poisson probability of `k`."""
    return np.asarray(np.exp(xlogy(k, mean) - mean - gammaln(k + 1)))
