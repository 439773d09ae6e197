r"""Empirical Bayes: Dirichlet parameters that maximise the evidence of a whole table.

With every row Dirichlet(alpha), alpha the same for all rows, the evidence is

.. math::
    L(\alpha) = \sum_i \Bigl[ \ln\frac{\Gamma(\alpha_\cdot)}{\Gamma(\alpha_\cdot + n_i)}
    + \sum_j \ln\frac{\Gamma(\alpha_j + n_{ij})}{\Gamma(\alpha_j)} \Bigr].

Its supremum may lie at infinity, where all rows are one and the same distribution, or at zero,
where every row is certain. Both are recognised from the derivative of L there, and the limit of
the posterior mean is what comes back. One row has one maximum [1]_; the product over rows of
different length can have several, so the search is not left to a single climb.

The last order + 1 axes are one table; all axes before are a batch.

References
----------
.. [1] Levin, B. and Reeds, J. (1977). Compound multinomial likelihood functions are unimodal:
   proof of a conjecture of I. J. Good. Annals of Statistics 5, 79-87.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from analytic._evidence_maximum import common, in_chunks, symmetric
from analytic.validate import Floats, as_counts, split_axes


def empirical_alpha(counts: ArrayLike, *, order: int = 1) -> Floats:
    r"""Symmetric Dirichlet parameter that maximises the evidence of a table.

    .. math::
        \frac{dL}{da} = \sum_{ij} [\psi(a + n_{ij}) - \psi(a)]
        - K \sum_i [\psi(K a + n_i) - \psi(K a)] = 0

    The sign of the derivative on a grid of factors of two, at zero and at infinity brackets the
    maxima; each is found by Newton steps kept inside its bracket, and the highest is returned.
    Towards infinity the derivative is

    .. math::
        -\frac{1}{2 a^2} \Bigl[ \sum_{ij} n_{ij}(n_{ij} - 1)
        - \frac1K \sum_i n_i (n_i - 1) \Bigr] + O(a^{-3}),

    and infinity is a maximum where this is positive: the counts vary no more than they would
    under the uniform row.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    order : int, default 1
        Order of the table.

    Returns
    -------
    float or ndarray
        Parameter per table, of the batch shape. inf where the maximum is at infinity; 0 where
        every row is certain, so that the evidence only falls; NaN where the evidence does not
        depend on the parameter: K = 1, or no row with two transitions.

    Raises
    ------
    ValueError
        Bad counts, or fewer axes than the order needs.

    Examples
    --------
    >>> empirical_alpha([[0, 1], [8, 2], [1, 9]]).round(6)
    np.float64(0.963834)
    >>> empirical_alpha([[0, 1], [5, 5], [4, 6]])
    np.float64(inf)

    References
    ----------
    .. [1] Good, I. J. (1965). The Estimation of Probabilities: An Essay on Modern Bayesian
       Methods. MIT Press.
    """
    tables, batch = _tables(counts, order)
    return np.asarray(in_chunks(symmetric, tables, 1)[:, 0].reshape(batch))[()]


def empirical_alpha_vector(counts: ArrayLike, *, order: int = 1) -> Floats:
    r"""Dirichlet parameters, common to all rows, that maximise the evidence of a table.

    The stationary points are those of Minka's fixed point [1]_,

    .. math::
        \alpha_j \leftarrow \alpha_j
        \frac{\sum_i [\psi(\alpha_j + n_{ij}) - \psi(\alpha_j)]}
        {\sum_i [\psi(\alpha_\cdot + n_i) - \psi(\alpha_\cdot)]},

    found here by Newton's method in log alpha, with the curvature made positive where it is not.
    The climb starts from the best of twelve: concentrations 1/4 to 256 around the pooled row p and
    around the mean of the rows; a higher maximum far from its start can be missed. Infinity is a
    maximum where

    .. math:: \sum_{ij} \frac{n_{ij}(n_{ij} - 1)}{p_j} - \sum_i n_i (n_i - 1) \le 0

    (the rows vary no more than samples of one row would; the score statistic of [2]_), and it is
    the answer unless the climb ends at a finite point with more evidence.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Parameters, batch shape + (K,). 0 for a state that is never entered. At infinity, inf for
        the others; so too where a single state is entered. 0 throughout where every row is
        certain and they lead to more than one state. NaN throughout where the concentration has
        no effect on the evidence: no row with two transitions.

    Raises
    ------
    ValueError
        Bad counts, or fewer axes than the order needs.

    Examples
    --------
    >>> empirical_alpha_vector([[0, 1], [8, 2], [1, 9]]).round(4)
    array([0.7511, 1.2595])
    >>> empirical_alpha_vector([[2, 4], [3, 6], [1, 2]])
    array([inf, inf])

    References
    ----------
    .. [1] Minka, T. P. (2000, revised 2012). Estimating a Dirichlet distribution. Technical
       report, MIT.
    .. [2] Tarone, R. E. (1979). Testing the goodness of fit of the binomial distribution.
       Biometrika 66, 585-590.
    """
    tables, batch = _tables(counts, order)
    n_states = tables.shape[-1]
    return in_chunks(common, tables, n_states).reshape(*batch, n_states)


def empirical_bayes(counts: ArrayLike, *, order: int = 1) -> Floats:
    r"""Posterior mean under the symmetric prior that maximises the evidence.

    .. math:: \hat A_{ij} = \frac{n_{ij} + \hat a}{n_i + K \hat a}

    The last order + 1 axes are one table, whose rows share the parameter of `empirical_alpha`.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. 1/K throughout where the parameter is infinite, and in
        any row without data (the prior mean). The count ratio where it is zero. NaN throughout
        where the evidence leaves it open; 1 where K = 1.

    Raises
    ------
    ValueError
        Bad counts, or fewer axes than the order needs.

    Examples
    --------
    >>> empirical_bayes([[0, 1], [8, 2], [1, 9]]).round(4)
    array([[0.3292, 0.6708],
           [0.7515, 0.2485],
           [0.1646, 0.8354]])

    References
    ----------
    .. [1] Good, I. J. (1965). The Estimation of Probabilities: An Essay on Modern Bayesian
       Methods. MIT Press.
    """
    tables, _ = _tables(counts, order)
    n_states = tables.shape[-1]
    alpha = np.atleast_1d(empirical_alpha(tables))
    prior = np.broadcast_to(alpha[:, None], (len(tables), n_states))
    uniform = np.full((len(tables), n_states), 1 / n_states)
    return _posterior_mean(tables, prior, uniform, uniform).reshape(np.shape(counts))


def empirical_bayes_vector(counts: ArrayLike, *, order: int = 1) -> Floats:
    r"""Posterior mean under the common prior that maximises the evidence.

    .. math:: \hat A_{ij} = \frac{n_{ij} + \hat\alpha_j}{n_i + \hat\alpha_\cdot}

    The last order + 1 axes are one table, whose rows share `empirical_alpha_vector`. Rows borrow
    from each other: a row without data is the prior mean.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. Every row is the pooled row, n_.j / n, where alpha is
        infinite. Where alpha is zero a row is the count ratio, and without data the limit of the
        prior mean: the share of the rows that lead to j. A state never entered has probability 0.
        NaN throughout where the evidence leaves alpha open; 1 where K = 1.

    Raises
    ------
    ValueError
        Bad counts, or fewer axes than the order needs.

    Examples
    --------
    >>> empirical_bayes_vector([[2, 4], [3, 6], [1, 2]]).round(4)
    array([[0.3333, 0.6667],
           [0.3333, 0.6667],
           [0.3333, 0.6667]])

    References
    ----------
    .. [1] Minka, T. P. (2000, revised 2012). Estimating a Dirichlet distribution. Technical
       report, MIT.
    """
    tables, _ = _tables(counts, order)
    alpha = empirical_alpha_vector(tables)
    entries = tables.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        pooled = entries / entries.sum(axis=-1, keepdims=True)
        certain = (tables > 0).sum(axis=-2)
        share = certain / certain.sum(axis=-1, keepdims=True)
    return _posterior_mean(tables, alpha, pooled, share).reshape(np.shape(counts))


def _posterior_mean(tables: Floats, alpha: Floats, at_infinity: Floats, at_zero: Floats) -> Floats:
    """Posterior mean, continued to infinite and to zero parameters."""
    total = alpha.sum(axis=-1)
    finite = np.where(np.isfinite(alpha), alpha, 0.0)
    weights = tables + finite[:, None, :]
    with np.errstate(invalid="ignore"):
        mean = np.asarray(weights / weights.sum(axis=-1, keepdims=True))
    infinite, zero = np.isinf(total), total == 0
    mean[infinite] = at_infinity[infinite, None, :]
    no_data = zero[:, None] & (tables.sum(axis=-1) == 0)
    mean[no_data] = np.broadcast_to(at_zero[:, None, :], tables.shape)[no_data]
    mean[np.isnan(total)] = 1.0 if tables.shape[-1] == 1 else np.nan
    return mean


def _tables(counts: ArrayLike, order: int) -> tuple[Floats, tuple[int, ...]]:
    """Tables with one row per history, shape (batch, histories, K), and the batch shape."""
    table = as_counts(counts)
    axes = split_axes("counts", table, order)
    batch = table.shape[: axes[0]]
    rows = math.prod(table.shape[axes[0] : -1])
    return table.astype(np.float64).reshape(math.prod(batch), rows, table.shape[-1]), batch
