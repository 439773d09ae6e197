"""Point estimators of transition probabilities, each a function from a table to A.

Those defined here work row by row on the last axis, so a (K+1, K) table, a K x K table, a table of
any order and a batch of tables are treated alike. Rows that leave an estimator undefined are NaN.
The registry `ESTIMATORS` also holds those of `empirical`, `shrink` and `detailed_balance`.

Structural zeros
    All take `support`, a boolean array that broadcasts to the table: False marks a transition that
    is known to be impossible. A count there is refused. Every row is estimated as if its impossible
    next states did not exist: their probability is 0, K in a formula is the number of possible
    ones, and the only possible one has probability 1 wherever the row is defined. A row that is
    undefined, as is one without any possible transition, is NaN throughout.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from analytic._rows import choices, ratio
from analytic.detailed_balance import reversible
from analytic.empirical import empirical_bayes, empirical_bayes_vector
from analytic.shrink import absolute_discounting, shrinkage
from analytic.validate import Floats, as_alpha, counts_on_support, first

type Estimator = Callable[..., Floats]


def mle(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""Maximum-likelihood estimate: the count ratio.

    .. math:: \hat A_{ij} = \frac{n_{ij}}{n_i}, \qquad n_i = \sum_j n_{ij}

    The log-likelihood of the table is maximised subject to every row summing to one. With one
    multiplier per row, s_0's included,

    .. math::
        L(A, \lambda) = \sum_{ij} n_{ij} \log A_{ij}
        + \sum_i \lambda_i \Bigl(1 - \sum_j A_{ij}\Bigr),
        \qquad
        \frac{\partial L}{\partial A_{ij}} = \frac{n_{ij}}{A_{ij}} - \lambda_i = 0,

    so that A_ij = n_ij / lambda_i, and summing over j gives lambda_i = n_i, the number of
    departures from i. Each row's log-likelihood is concave, so this is its maximum; where
    n_ij = 0 it lies on the boundary, at 0.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    support : array_like of bool, optional
        Possible transitions. The estimate does not change: a count where `support` is False is
        refused.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. NaN for a row that nobody left: every row of
        probabilities has the same likelihood there, so none is chosen.

    Raises
    ------
    ValueError
        Counts that are negative, not finite or outside the support.

    Examples
    --------
    >>> mle([[3, 1], [0, 2], [0, 0]])
    array([[0.75, 0.25],
           [0.  , 1.  ],
           [ nan,  nan]])

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    """
    table, _ = counts_on_support(counts, support)
    return ratio(table)


def posterior_mean(
    counts: ArrayLike, alpha: ArrayLike, *, support: ArrayLike | None = None
) -> Floats:
    r"""Mean of the posterior under independent Dirichlet priors on the rows.

    .. math:: E[A_{ij} \mid n] = \frac{n_{ij} + \alpha_{ij}}{\sum_l (n_{il} + \alpha_{il})}

    It is also the mode of the posterior density in softmax coordinates, Jacobian included.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    alpha : array_like
        Dirichlet parameters (prior counts), positive: a number, one per next state, or one per
        cell.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere, and NaN in a row
        with no possible transition.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. A row without data has the prior mean.

    Raises
    ------
    ValueError
        Counts or alpha out of range or of a shape that does not fit.

    Examples
    --------
    >>> posterior_mean([[3, 1], [0, 2], [0, 0]], 1).round(4)
    array([[0.6667, 0.3333],
           [0.25  , 0.75  ],
           [0.5   , 0.5   ]])

    References
    ----------
    .. [1] Strelioff, C. C., Crutchfield, J. P. and Hubler, A. W. (2007). Inferring Markov chains:
       Bayesian estimation, model comparison, entropy rate, and out-of-class modeling. Physical
       Review E 76, 011106.
    """
    return ratio(_posterior_alpha(counts, alpha, support))


def posterior_mode(
    counts: ArrayLike, alpha: ArrayLike, *, support: ArrayLike | None = None
) -> Floats:
    r"""Mode of the posterior density on the simplex, under independent Dirichlet priors.

    .. math:: \frac{n_{ij} + \alpha_{ij} - 1}{\sum_l (n_{il} + \alpha_{il} - 1)}

    Under the flat prior, alpha = 1, this is the count ratio `mle`. It is a statement about the
    density with respect to the probabilities themselves; the mode depends on the coordinates,
    and in softmax coordinates it is `posterior_mean`.

    `bayes_markov.posterior_mode` finds the same point by optimising a PyMC model, and returns it
    with labels; this one is an array from the closed form.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    alpha : array_like
        Dirichlet parameters (prior counts): a number, one per next state, or one per cell.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. NaN for a row where all n + alpha are 1: the density is
        flat and every point is a mode. A row with one possible transition is 1 there.

    Raises
    ------
    ValueError
        Some n + alpha is below 1, so that the density is unbounded and no mode exists (the first
        index is named); or bad counts or alpha.

    Examples
    --------
    >>> posterior_mode([[3, 1], [0, 2], [0, 0]], 1)
    array([[0.75, 0.25],
           [0.  , 1.  ],
           [ nan,  nan]])
    """
    return mode_of_rows(_posterior_alpha(counts, alpha, support))


def mode_of_rows(alpha: Floats) -> Floats:
    """Mode of Dirichlet rows; a zero in `alpha` marks an impossible transition."""
    possible = alpha > 0
    alone = possible & (choices(possible) == 1)
    unbounded = possible & (alpha < 1) & ~alone
    if unbounded.any():
        where = first(unbounded)
        raise ValueError(
            f"no mode exists: alpha + count is {alpha[where]:g} < 1 at index {where}, where the "
            f"density is unbounded; use the posterior mean, or an alpha of at least 1"
        )
    excess = np.where(possible, alpha - 1, 0.0)
    return np.where(alone.any(axis=-1, keepdims=True), alone.astype(np.float64), ratio(excess))


def additive_smoothing(
    counts: ArrayLike, beta: float, *, support: ArrayLike | None = None
) -> Floats:
    r"""Add the same pseudo-count to every possible cell, (n_ij + beta) / (n_i + K beta).

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    beta : float
        Pseudo-count, positive. 1 is Laplace's rule, 1/2 that of Jeffreys and of Krichevsky and
        Trofimov, 1/K that of Perks.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere, and K is the number
        of possible next states of the row.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`; 1/K in a row without data, NaN in one with no possible
        transition.

    Raises
    ------
    ValueError
        `beta` is not positive, or bad counts.

    Examples
    --------
    >>> additive_smoothing([3, 1, 0], 0.5).round(4)
    array([0.6364, 0.2727, 0.0909])
    """
    if np.ndim(beta) != 0 or not 0 < beta < np.inf:
        raise ValueError(f"beta must be a positive number, got {beta!r}")
    return posterior_mean(counts, beta, support=support)


def laplace(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    """Laplace's rule of succession: `additive_smoothing` with 1 (flat prior).

    Examples
    --------
    >>> laplace([3, 1])
    array([0.66666667, 0.33333333])
    """
    return additive_smoothing(counts, 1.0, support=support)


def jeffreys(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    """Jeffreys' prior, also the Krichevsky-Trofimov estimator: `additive_smoothing` with 1/2.

    Examples
    --------
    >>> jeffreys([3, 1])
    array([0.7, 0.3])

    References
    ----------
    .. [1] Krichevsky, R. and Trofimov, V. (1981). The performance of universal encoding. IEEE
       Transactions on Information Theory 27, 199-207.
    """
    return additive_smoothing(counts, 0.5, support=support)


def perks(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    """Perks' prior, one prior count shared by a row: `additive_smoothing` with 1/K.

    Examples
    --------
    >>> perks([3, 1, 0]).round(4)
    array([0.6667, 0.2667, 0.0667])

    References
    ----------
    .. [1] Perks, W. (1947). Some observations on inverse probability including a new
       indifference rule. Journal of the Institute of Actuaries 73, 285-334.
    """
    table, possible = counts_on_support(counts, support)
    return posterior_mean(table, 1 / choices(possible), support=possible)


def minimax(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""Minimax estimate under squared error: a prior count that grows with the row.

    .. math:: \hat A_{ij} = \frac{n_{ij} + \sqrt{n_i} / K}{n_i + \sqrt{n_i}}

    For n_i independent draws from one row its risk, E sum_j (A_ij - p_j)^2, is the same for every
    p, (1 - 1/K) / (sqrt(n_i) + 1)^2, and no estimator has a smaller maximal risk. In a chain n_i
    is itself random, and this is a property of the row given its departures only.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere, and K is the number
        of possible next states of the row.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. NaN in a row without data, where the formula is 0/0.

    Raises
    ------
    ValueError
        Bad counts.

    Examples
    --------
    >>> minimax([4, 0, 0, 0]).round(4)
    array([0.75  , 0.0833, 0.0833, 0.0833])

    References
    ----------
    .. [1] Trybula, S. (1958). Some problems of simultaneous minimax estimation. Annals of
       Mathematical Statistics 29, 245-253.
    """
    table, possible = counts_on_support(counts, support)
    beta = np.sqrt(table.sum(axis=-1, keepdims=True, dtype=np.float64)) / choices(possible)
    return ratio(table + possible * beta)


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "mle": mle,
        "laplace": laplace,
        "jeffreys": jeffreys,
        "perks": perks,
        "minimax": minimax,
        "empirical_bayes": empirical_bayes,
        "empirical_bayes_vector": empirical_bayes_vector,
        "shrinkage": shrinkage,
        "absolute_discounting": absolute_discounting,
        "reversible": reversible,
    }
)
"""Every estimator without free choices, by name: f(counts, *, support=None) -> probabilities.

Leading axes are a batch. Row by row, a single row included: mle, laplace, jeffreys, perks, minimax,
shrinkage. By table, the last two axes: empirical_bayes, empirical_bayes_vector,
absolute_discounting, reversible.
"""


def _posterior_alpha(counts: ArrayLike, alpha: ArrayLike, support: ArrayLike | None) -> Floats:
    """Parameters of the posterior, counts + alpha, zero off the support."""
    table, possible = counts_on_support(counts, support)
    return np.asarray(table + as_alpha(alpha, table.shape, possible), dtype=np.float64)
