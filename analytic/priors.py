"""Priors with names: each a value, Dirichlet rows that differ in alpha alone.

All take the number of states and give rows for a whole table, s_0's included. `support` marks the
possible transitions.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.counts import table_shape
from analytic.dirichlet import DirichletRows
from analytic.validate import as_support


def flat(n_states: int, *, order: int = 1, support: ArrayLike | None = None) -> DirichletRows:
    """Flat prior, alpha = 1: uniform on the simplex. Its posterior mode is the count ratio.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    order : int, default 1
        Length of the history.
    support : array_like of bool, optional
        Possible transitions, shape (K+1,) * order + (K,).

    Returns
    -------
    DirichletRows
        Prior of shape (K+1,) * order + (K,).

    Raises
    ------
    ValueError
        A number of states or an order that is none, or a support of another shape.

    Examples
    --------
    >>> flat(2).alpha
    array([[1., 1.],
           [1., 1.],
           [1., 1.]])
    """
    return DirichletRows(np.ones(table_shape(n_states, order)), support=support)


def jeffreys(n_states: int, *, order: int = 1, support: ArrayLike | None = None) -> DirichletRows:
    """Jeffreys' prior of a row, alpha = 1/2.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    order : int, default 1
        Length of the history.
    support : array_like of bool, optional
        Possible transitions, shape (K+1,) * order + (K,).

    Returns
    -------
    DirichletRows
        Prior of shape (K+1,) * order + (K,).

    Raises
    ------
    ValueError
        A number of states or an order that is none, or a support of another shape.

    Examples
    --------
    >>> jeffreys(3, order=0).alpha
    array([0.5, 0.5, 0.5])
    """
    return DirichletRows(np.full(table_shape(n_states, order), 0.5), support=support)


def perks(n_states: int, *, order: int = 1, support: ArrayLike | None = None) -> DirichletRows:
    """Perks' prior, one prior count shared by a row: alpha = 1/K.

    With `support`, K is the number of possible transitions of the row.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    order : int, default 1
        Length of the history.
    support : array_like of bool, optional
        Possible transitions, shape (K+1,) * order + (K,).

    Returns
    -------
    DirichletRows
        Prior of shape (K+1,) * order + (K,).

    Raises
    ------
    ValueError
        A number of states or an order that is none, or a support of another shape.

    Examples
    --------
    >>> perks(4, order=0).alpha
    array([0.25, 0.25, 0.25, 0.25])
    """
    shape = table_shape(n_states, order)
    mask = as_support(support, shape)
    choices = n_states if mask is None else np.maximum(mask.sum(axis=-1, keepdims=True), 1)
    return DirichletRows(np.broadcast_to(1 / np.asarray(choices), shape), support=support)


def sticky(
    n_states: int,
    *,
    concentration: float,
    stickiness: float,
    support: ArrayLike | None = None,
) -> DirichletRows:
    r"""Sticky prior: extra prior counts on staying where one is.

    .. math:: \alpha_{ij} = \mathrm{concentration} + \mathrm{stickiness}\; 1\{i = j\}

    The s_0 row, which cannot be stayed in, has no extra counts.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    concentration : float
        Prior count of every cell, positive.
    stickiness : float
        Additional prior count of the diagonal, not negative.
    support : array_like of bool, optional
        Possible transitions, shape (K+1, K).

    Returns
    -------
    DirichletRows
        Prior of shape (K+1, K).

    Raises
    ------
    ValueError
        `concentration` is not positive, or `stickiness` is negative.

    Examples
    --------
    >>> sticky(2, concentration=1, stickiness=5).alpha
    array([[1., 1.],
           [6., 1.],
           [1., 6.]])

    References
    ----------
    .. [1] Fox, E. B., Sudderth, E. B., Jordan, M. I. and Willsky, A. S. (2011). A sticky HDP-HMM
       with application to speaker diarization. Annals of Applied Statistics 5, 1020-1056.
    """
    if not stickiness >= 0:
        raise ValueError(f"stickiness must not be negative, got {stickiness!r}")
    alpha = np.full(table_shape(n_states, 1), float(concentration))
    alpha[1:] += stickiness * np.eye(n_states)
    return DirichletRows(alpha, support=support)
