r"""Posterior means of functionals that have a closed form, under Dirichlet rows.

The mean of a functional is not the functional of the mean: E[f(A)] differs from f(E[A]) wherever
f bends. Most functionals have to be averaged over draws; these do not, and so they check draws.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from analytic.dirichlet import DirichletRows
from analytic.validate import Floats


def posterior_mean_two_steps(alpha: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""Mean of P^2 when the rows of P are independent Dirichlet variables.

    .. math::
        E[(P^2)_{ij}] = \sum_{l \ne i} m_{il} m_{lj}
        + \frac{\alpha_{ii} (\alpha_{ij} + \delta_{ij})}{A_i (A_i + 1)},
        \qquad m_{ij} = \frac{\alpha_{ij}}{A_i}, \quad A_i = \sum_j \alpha_{ij}

    A path i -> l -> j uses two rows, which are independent, unless it stays in i at first: then
    both factors come from row i, and E[P_ii P_ij] is a second moment. With alpha + n for alpha it
    is the posterior mean.

    Parameters
    ----------
    alpha : array_like
        Dirichlet parameters among the states, shape (..., K, K): ``alpha[..., 1:, :]``.
    support : array_like of bool, optional
        Possible transitions, shape of `alpha`.

    Returns
    -------
    ndarray
        Probabilities, shape of `alpha`. NaN where a row on the way has no possible transition.

    Raises
    ------
    ValueError
        Parameters that are not positive and finite on the support, or that have the s_0 row.

    Examples
    --------
    >>> posterior_mean_two_steps([[1, 1], [1, 3]]).round(4)
    array([[0.4583, 0.5417],
           [0.275 , 0.725 ]])

    The square of the mean is something else:

    >>> np.linalg.matrix_power([[0.5, 0.5], [0.25, 0.75]], 2)
    array([[0.375 , 0.625 ],
           [0.3125, 0.6875]])
    """
    rows = DirichletRows(np.asarray(alpha), support=support)
    parameters, mean = rows.alpha, rows.mean()
    shape = parameters.shape
    if len(shape) < 2 or shape[-2] != shape[-1]:
        hint = "; pass alpha[..., 1:, :]" if len(shape) > 1 and shape[-2] == shape[-1] + 1 else ""
        raise ValueError(f"alpha must have shape (..., K, K), got {shape}{hint}")
    dead = ~rows.possible.any(axis=-1)
    total = np.where(dead, 1.0, parameters.sum(axis=-1))[..., None]
    mean = np.where(dead[..., None], 0.0, mean)
    identity = np.eye(shape[-1])
    stay = (parameters * identity).sum(axis=-1)[..., None]
    twice = stay / total * (parameters + identity) / (total + 1)
    undefined = dead | (rows.possible & dead[..., None, :]).any(axis=-1)
    return np.where(undefined[..., None], np.nan, (mean * (1 - identity)) @ mean + twice)


def posterior_mean_row_entropy(alpha: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""Mean entropy of Dirichlet rows, in nats.

    .. math::
        E\Bigl[-\sum_j P_{ij} \ln P_{ij}\Bigr]
        = \psi(A_i + 1) - \sum_j \frac{\alpha_{ij}}{A_i} \psi(\alpha_{ij} + 1),
        \qquad A_i = \sum_j \alpha_{ij}

    The entropy rate of the chain weighs these by the stationary law, which depends on the same
    rows: its mean has no such form.

    Parameters
    ----------
    alpha : array_like
        Dirichlet parameters, shape (..., K), for the posterior alpha + n.
    support : array_like of bool, optional
        Possible transitions, shape of `alpha`.

    Returns
    -------
    ndarray
        Nats, one per row. NaN in a row with no possible transition.

    Raises
    ------
    ValueError
        Parameters that are not positive and finite on the support.

    Examples
    --------
    >>> posterior_mean_row_entropy([[1, 1], [1, 3]])
    array([0.5       , 0.45833333])

    References
    ----------
    .. [1] Wolpert, D. H. and Wolf, D. R. (1995). Estimating functions of probability
       distributions from a finite set of samples. Physical Review E 52, 6841-6854.
    """
    rows = DirichletRows(np.asarray(alpha), support=support)
    total = rows.alpha.sum(axis=-1)
    return np.asarray(digamma(total + 1) - (rows.mean() * digamma(rows.alpha + 1)).sum(axis=-1))[()]
