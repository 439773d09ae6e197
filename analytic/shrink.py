"""Count ratios drawn towards the unseen: James-Stein shrinkage and absolute discounting."""

import numpy as np
from numpy.typing import ArrayLike

from analytic._rows import choices, ratio
from analytic.validate import Floats, counts_on_support, split_axes


def shrinkage(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""James-Stein shrinkage of every row towards the uniform one.

    .. math::
        \hat A_{ij} = \lambda_i \frac1K + (1 - \lambda_i)\, p_{ij}, \qquad
        \lambda_i = \frac{1 - \sum_j p_{ij}^2}{(n_i - 1) \sum_j (1/K - p_{ij})^2},
        \qquad p_{ij} = \frac{n_{ij}}{n_i}

    with the intensity lambda_i cut to [0, 1]. It estimates the weight that minimises the expected
    squared error of the row [1]_.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K); each row by itself.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere, and K is the number
        of possible next states of the row.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. The intensity is 1, so that the row is 1/K, where
        n_i <= 1 or the counts are all equal; it is 0, and the row certain, where n_i > 1 and only
        one next state was seen. NaN in a row without data, where there is nothing to shrink.

    Raises
    ------
    ValueError
        Bad counts.

    Examples
    --------
    >>> shrinkage([[3, 1, 0], [6, 0, 0], [0, 1, 0]]).round(4)
    array([[0.5714, 0.2857, 0.1429],
           [1.    , 0.    , 0.    ],
           [0.3333, 0.3333, 0.3333]])

    References
    ----------
    .. [1] Hausser, J. and Strimmer, K. (2009). Entropy inference and the James-Stein estimator,
       with application to nonlinear gene association networks. Journal of Machine Learning
       Research 10, 1469-1484.
    """
    table, possible = counts_on_support(counts, support)
    target = possible / choices(possible)
    p = ratio(table)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (p * (1 - p)).sum(axis=-1, keepdims=True)
        rest = table.sum(axis=-1, keepdims=True, dtype=np.float64) - 1
        misfit = rest * ((p - target) ** 2).sum(axis=-1, keepdims=True)
        intensity = np.where(misfit > variance, variance / misfit, 1.0)
    return np.asarray(intensity * target + (1 - intensity) * p)


def absolute_discounting(
    counts: ArrayLike, *, support: ArrayLike | None = None, order: int = 1
) -> Floats:
    r"""Take the same discount off every count, and share it among the unseen next states.

    .. math::
        \hat A_{ij} = \begin{cases}
        (n_{ij} - d) / n_i & n_{ij} > 0 \\
        d\, s_i / (n_i (K - s_i)) & n_{ij} = 0
        \end{cases}
        \qquad d = \frac{N_1}{N_1 + 2 \max(N_2, 1)}

    where s_i next states were seen after i, and N_r cells of the table hold the count r. The
    discount is that of [1]_, an approximation to its leave-one-out estimate, except that N_2 is
    taken as 1 where it is 0: there the published ratio is 1 or 0/0, and 1 would take all
    probability from whatever was seen once.

    The last order + 1 axes are one table, s_0's row included, and have one discount.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K). Fractions are neither 1 nor 2, and give at most what
        they hold.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere: K is the number of
        possible next states of the row, and only these share the discount.
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. The count ratio where the table has no count of 1 (d is
        0) and in a row in which every possible next state was seen. NaN in a row without data.

    Raises
    ------
    ValueError
        Bad counts, or fewer axes than the order needs.

    Examples
    --------
    Two cells hold 1 and one holds 2, so that the discount is 1/2:

    >>> absolute_discounting([[0, 1, 0], [5, 1, 0], [2, 3, 4]]).round(4)
    array([[0.25  , 0.5   , 0.25  ],
           [0.75  , 0.0833, 0.1667],
           [0.2222, 0.3333, 0.4444]])

    References
    ----------
    .. [1] Ney, H., Essen, U. and Kneser, R. (1994). On structuring probabilistic dependences in
       stochastic language modelling. Computer Speech and Language 8, 1-38.
    """
    table, possible = counts_on_support(counts, support)
    axes = split_axes("counts", table, order)
    ones = (table == 1).sum(axis=axes, keepdims=True)
    twos = (table == 2).sum(axis=axes, keepdims=True)
    discount = ones / (ones + 2 * np.maximum(twos, 1))
    unseen = (table == 0) & possible
    open_ = unseen.any(axis=-1, keepdims=True)
    taken = np.where(open_, np.minimum(table, discount), 0.0)
    share = taken.sum(axis=-1, keepdims=True) / np.maximum(unseen.sum(axis=-1, keepdims=True), 1)
    kept = np.where(unseen, share, table - taken)
    with np.errstate(invalid="ignore"):
        return np.asarray(kept / table.sum(axis=-1, keepdims=True, dtype=np.float64))
