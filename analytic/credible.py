r"""Credible intervals for transition probabilities, from independent Dirichlet rows.

Under a Dirichlet prior with parameters alpha, A_ij has the posterior distribution
Beta(n_ij + alpha_ij, rest), rest being the sum of n_il + alpha_il over the other next states l.
The intervals are *marginal*: each holds its own cell with posterior probability `prob`, and a
whole row at once with less. They are defined for every row, by the prior alone where there are no
counts. The posterior itself, with all that can be asked of it, is `DirichletRows`.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.dirichlet import DirichletRows
from analytic.validate import Floats, as_alpha, counts_on_support


def beta_eti(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
    alpha: ArrayLike = 1.0,
) -> tuple[Floats, Floats]:
    r"""Equal-tailed credible interval of the Dirichlet posterior. Marginal, of each cell.

    Quantiles (1 - prob) / 2 and (1 + prob) / 2 of Beta(n_ij + alpha_ij, rest of the row).

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Posterior probability of the interval, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.
    alpha : array_like, default 1
        Dirichlet parameters of the prior, positive: a number, one per next state, or one per
        cell. For K = 2, 1/2 gives Jeffreys' interval.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. They lie strictly inside, also at n_ij = 0 and
        n_ij = n_i, where the count ratio 0 or 1 is therefore outside. At n_i = 0 they are those
        of the prior. The only possible transition of a row has the interval (1, 1).

    Raises
    ------
    ValueError
        Bad counts or alpha, or `prob` outside (0, 1).

    See Also
    --------
    beta_hdi : The narrowest interval.
    analytic.DirichletRows.interval : Both, for any posterior.

    Examples
    --------
    >>> low, high = beta_eti([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.223, 0.043, 0.004]), array([0.882, 0.641, 0.459]))
    """
    return _posterior(counts, alpha, support).interval(prob=prob, kind="eti")


def beta_hdi(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
    alpha: ArrayLike = 1.0,
) -> tuple[Floats, Floats]:
    r"""Narrowest credible interval of the Dirichlet posterior (highest density). Marginal.

    Of Beta(n_ij + alpha_ij, rest of the row), cell by cell.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Posterior probability of the interval, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.
    alpha : array_like, default 1
        Dirichlet parameters of the prior, positive: a number, one per next state, or one per
        cell.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. Where n_ij + alpha_ij <= 1 the density is highest at
        0 and the interval begins there (n_ij = 0 under alpha <= 1); where the rest of the row has
        at most 1, it ends at 1 (n_ij = n_i with K = 2). At n_i = 0 it is that of the prior.

    Raises
    ------
    ValueError
        Bad counts or alpha, or `prob` outside (0, 1).

    See Also
    --------
    beta_eti : Equal tails.
    analytic.DirichletRows.interval : Both, for any posterior, and what is done without a peak.

    Examples
    --------
    >>> low, high = beta_hdi([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.239, 0.018, 0.   ]), array([0.895, 0.591, 0.393]))
    """
    return _posterior(counts, alpha, support).interval(prob=prob, kind="hdi")


def _posterior(counts: ArrayLike, alpha: ArrayLike, support: ArrayLike | None) -> DirichletRows:
    """Posterior of independent Dirichlet rows."""
    table, possible = counts_on_support(counts, support)
    return DirichletRows(table + as_alpha(alpha, table.shape, possible), support=possible)
