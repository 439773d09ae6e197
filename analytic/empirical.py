r"""Empirical Bayes: Dirichlet parameters that maximise the evidence of a whole table.

With every row Dirichlet(alpha), alpha the same for all rows, the evidence is

.. math::
    L(\alpha) = \sum_i \Bigl[ \ln\frac{\Gamma(\alpha_\cdot)}{\Gamma(\alpha_\cdot + n_i)}
    + \sum_j \ln\frac{\Gamma(\alpha_j + n_{ij})}{\Gamma(\alpha_j)} \Bigr].

Its supremum may lie at infinity, where all rows are one and the same distribution, or at zero,
where every row is certain. Both are recognised from the derivative of L there, and the limit of
the posterior mean is what comes back. One row has one maximum [1]_; the product over rows of
different length can have several, so the search is not left to a single climb.

Under a `support` the prior of row i is the Dirichlet distribution on its possible next states, and
all sums run over these. Then parameters of some states can be infinite, zero or open beside finite
ones of others. A row without data is their limit where they have one: an infinite parameter
outweighs a finite one, and that a zero; otherwise it is NaN.

The last order + 1 axes are one table; all axes before are a batch.

References
----------
.. [1] Levin, B. and Reeds, J. (1977). Compound multinomial likelihood functions are unimodal:
   proof of a conjecture of I. J. Good. Annals of Statistics 5, 79-87.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from analytic._evidence_maximum import in_chunks, symmetric
from analytic._evidence_on_support import prior
from analytic._rows import ratio
from analytic.validate import Bools, Floats, Ints, counts_on_support, split_axes


def empirical_alpha(
    counts: ArrayLike, *, support: ArrayLike | None = None, order: int = 1
) -> Floats:
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
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. K is then K_i, the number of possible next states
        of the row.
    order : int, default 1
        Order of the table.

    Returns
    -------
    float or ndarray
        Parameter per table, of the batch shape. inf where the maximum is at infinity; 0 where
        every row is certain, so that the evidence only falls; NaN where the evidence does not
        depend on the parameter: no row with two transitions and two possible next states.

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
    tables, possible, batch = _tables(counts, support, order)
    return np.asarray(in_chunks(symmetric, tables, possible, 1)[:, 0].reshape(batch))[()]


def empirical_alpha_vector(
    counts: ArrayLike, *, support: ArrayLike | None = None, order: int = 1
) -> Floats:
    r"""Dirichlet parameters, common to all rows, that maximise the evidence of a table.

    The stationary points are those of Minka's fixed point [1]_,

    .. math::
        \alpha_j \leftarrow \alpha_j
        \frac{\sum_i [\psi(\alpha_j + n_{ij}) - \psi(\alpha_j)]}
        {\sum_i [\psi(\alpha_\cdot + n_i) - \psi(\alpha_\cdot)]},

    found here by Newton's method in log alpha, with the curvature made positive where it is not.
    Two climbs are made, from the best of the concentrations 1/4 to 256 around the pooled row p and
    from the best around the mean of the rows, and the higher end is taken. It is a local search: of
    random tables built to be hard, about two in a hundred thousand have a higher maximum still.
    Infinity is a maximum where

    .. math:: \sum_{ij} \frac{n_{ij}(n_{ij} - 1)}{p_j} - \sum_i n_i (n_i - 1) \le 0

    (the rows vary no more than samples of one row would; the score statistic of [2]_), and it is
    the answer unless a climb ends at a finite point with more evidence.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The prior of a row has the parameters of its
        possible next states.
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Parameters, batch shape + (K,). 0 for a state that is never entered. At infinity, inf for
        the others; so too where a single state is entered. 0 throughout where every row is
        certain and they lead to more than one state. NaN throughout where the concentration has
        no effect on the evidence: no row with two transitions. Under a support all this holds for
        each group of states that share rows with counts, and parameters may diverge one by one.

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
    tables, possible, batch = _tables(counts, support, order)
    n_states = tables.shape[-1]

    def alpha(tables: Floats, possible: Bools) -> Floats:
        return prior(tables, possible)[0]

    return in_chunks(alpha, tables, possible, n_states).reshape(*batch, n_states)


def empirical_bayes(
    counts: ArrayLike, *, support: ArrayLike | None = None, order: int = 1
) -> Floats:
    r"""Posterior mean under the symmetric prior that maximises the evidence.

    .. math:: \hat A_{ij} = \frac{n_{ij} + \hat a}{n_i + K \hat a}

    The last order + 1 axes are one table, whose rows share the parameter of `empirical_alpha`.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere.
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. 1/K throughout where the parameter is infinite, and in
        any row without data (the prior mean). The count ratio where it is zero. NaN throughout
        where the evidence leaves it open, but for rows with one possible next state.

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
    return _estimate(_equal, counts, support, order)


def empirical_bayes_vector(
    counts: ArrayLike, *, support: ArrayLike | None = None, order: int = 1
) -> Floats:
    r"""Posterior mean under the common prior that maximises the evidence.

    .. math:: \hat A_{ij} = \frac{n_{ij} + \hat\alpha_j}{n_i + \hat\alpha_\cdot}

    The last order + 1 axes are one table, whose rows share `empirical_alpha_vector`. Rows borrow
    from each other: a row without data is the prior mean.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K).
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. The estimate is 0 elsewhere.
    order : int, default 1
        Order of the table.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. Every row is the pooled row, ``n_.j / n``, where alpha is
        infinite. Where alpha is zero a row is the count ratio, and without data the limit of the
        prior mean: the share of the rows that lead to j. A state never entered has probability 0.
        NaN throughout where the evidence leaves alpha open, but for rows with one possible next
        state.

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
    return _estimate(prior, counts, support, order)


def _equal(tables: Floats, possible: Bools) -> tuple[Floats, Floats, Ints]:
    """Give the symmetric parameter the form of `prior`: one group, and equal shares."""
    alpha = np.broadcast_to(symmetric(tables, possible), tables[:, 0].shape)
    share = np.where(np.isfinite(alpha) & (alpha > 0), alpha, 1.0)
    return alpha, share, np.zeros(alpha.shape, dtype=np.int64)


def _estimate(
    prior_of: Callable[[Floats, Bools], tuple[Floats, Floats, Ints]],
    counts: ArrayLike,
    support: ArrayLike | None,
    order: int,
) -> Floats:
    """Posterior mean of every table under its own prior."""
    tables, possible, _ = _tables(counts, support, order)

    def means(tables: Floats, possible: Bools) -> Floats:
        return _posterior_mean(tables, possible, *prior_of(tables, possible)).reshape(
            len(tables), -1
        )

    cells = math.prod(tables.shape[1:])
    return in_chunks(means, tables, possible, cells).reshape(np.shape(counts))


def _posterior_mean(
    tables: Floats, possible: Bools, alpha: Floats, share: Floats, group: Ints
) -> Floats:
    """Posterior mean, continued to parameters that are infinite, zero or open (NaN).

    `share` stands in for the infinite and for the zero ones, within a group of states.
    """
    rank = np.where(np.isinf(alpha), 2, np.where(alpha > 0, 1, 0))[:, None, :]
    here = possible & (np.isnan(alpha) | (share > 0))[:, None, :]
    # Beside an infinite parameter a finite one counts for nothing, beside a finite one a zero.
    highest = np.where(here, rank, -1).max(axis=-1, keepdims=True)
    leading = here & (rank == highest)
    counted = (highest == 1) | ((highest < 1) & (tables.sum(axis=-1, keepdims=True) > 0))
    prior_part = np.where(leading & ((highest > 0) | ~counted), share[:, None, :], 0.0)
    mean = ratio(prior_part + np.where(counted, tables, 0.0))

    low = np.where(leading, group[:, None, :], tables.shape[-1]).min(axis=-1)
    high = np.where(leading, group[:, None, :], -1).max(axis=-1)
    unclear = (here & np.isnan(alpha)[:, None, :]).any(axis=-1)
    mean[unclear | ((high > low) & (highest[..., 0] != 1))] = np.nan
    # Where there is only one state to go to, all this does not matter.
    for ways in (here, possible):
        alone = ways.sum(axis=-1) == 1
        mean[alone] = ways[alone]
    return mean


def _tables(
    counts: ArrayLike, support: ArrayLike | None, order: int
) -> tuple[Floats, Bools, tuple[int, ...]]:
    """Tables with one row per history, shape (batch, histories, K), what is possible, the batch."""
    table, possible = counts_on_support(counts, support)
    axes = split_axes("counts", table, order)
    batch = table.shape[: axes[0]]
    shape = (math.prod(batch), math.prod(table.shape[axes[0] : -1]), table.shape[-1])
    possible = np.broadcast_to(np.True_, shape) if support is None else possible.reshape(shape)
    return table.astype(np.float64).reshape(shape), possible, batch
