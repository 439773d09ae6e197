r"""How a chain forgets its start: n-step probabilities, second eigenvalue, relaxation time.

Each function takes P, shape (..., K, K), the transitions among the states proper: ``A[..., 1:, :]``
of a matrix with the s_0 row. Leading axes are a batch. All are defined for every matrix, reducible
or not.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import Bools, Floats, as_square, check_integer


def n_step(P: ArrayLike, steps: int) -> Floats:
    r"""Transition probabilities over several steps, the matrix power.

    .. math:: (P^n)_{ij} = P(z_{t+n} = j \mid z_t = i)

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).
    steps : int
        n, at least 0.

    Returns
    -------
    ndarray
        Probabilities, shape of `P`. Every row sums to one, however many steps.

    Raises
    ------
    ValueError
        `steps` is no integer >= 0, rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> n_step([[0.5, 0.5], [0.25, 0.75]], 2)
    array([[0.375 , 0.625 ],
           [0.3125, 0.6875]])
    """
    matrix = as_square(P)
    check_integer("steps", steps, 0)
    square, left = matrix / matrix.sum(axis=-1, keepdims=True), int(steps)
    power = np.broadcast_to(np.eye(matrix.shape[-1]), matrix.shape).copy()
    while left:
        if left & 1:
            power = power @ square
        square = square @ square
        square /= square.sum(axis=-1, keepdims=True)  # else rounding would grow with the steps
        left >>= 1
    return power


def second_eigenvalue(P: ArrayLike) -> Floats:
    r"""Modulus of the second largest eigenvalue: how much of the past one step keeps.

    .. math:: |\lambda_2|, \qquad 1 = \lambda_1 \ge |\lambda_2| \ge \dots \ge |\lambda_K|

    The eigenvalue 1 is taken out beforehand: the others are those of P_ij - P_Kj, i, j < K, the
    action of P on differences between states. 1 is told from almost 1 by the arrows of the chain,
    not by rounding.

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    float or ndarray
        From 0 to 1, one per matrix. Exactly 1 if the chain does not forget its start: it is
        periodic, or has several closed classes. 0 for K = 1, where there is nothing to forget.
        The error is about 1e-16; where m eigenvalues coincide and have too few eigenvectors, it is
        about the m-th root of that. A chain of higher order written as one of order 1 is such.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> second_eigenvalue([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]).round(6)
    np.float64(0.661803)
    """
    matrix = as_square(P)
    moduli = np.abs(np.linalg.eigvals(matrix[..., :-1, :-1] - matrix[..., -1:, :-1]))
    largest = np.minimum(moduli.max(axis=-1, initial=0.0), 1.0)
    return np.where(_forgets_its_start(matrix), largest, 1.0)[()]


def relaxation_time(P: ArrayLike) -> Floats:
    r"""Relaxation time, the steps in which the influence of the start falls by a factor of about e.

    .. math:: \frac{1}{1 - |\lambda_2|}

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    float or ndarray
        Steps, one per matrix; inf where `second_eigenvalue` is 1, and 1 for K = 1. The gap
        1 - abs(lambda_2) has a rounding error of about 1e-15 of the largest probability of
        leaving a state; inf too where it is too small to be told from that. Where eigenvalues
        coincide the error is larger, as in `second_eigenvalue`.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> relaxation_time([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]).round(4)
    np.float64(2.9569)

    References
    ----------
    .. [1] Levin, D. A., Peres, Y. and Wilmer, E. L. (2009). Markov Chains and Mixing Times.
       American Mathematical Society, Providence.
    """
    matrix = as_square(P)
    n_states = matrix.shape[-1]
    # Eigenvalues of I - P rather than of P: a slow chain keeps its digits, as 1 - P_ii is summed.
    off_diagonal = np.where(np.eye(n_states, dtype=np.bool_), 0.0, matrix)
    rates = off_diagonal.sum(axis=-1)[..., None] * np.eye(n_states) - off_diagonal
    values = np.linalg.eigvals(rates[..., :-1, :-1] - rates[..., -1:, :-1])
    squared = 2 * values.real - values.real**2 - values.imag**2  # 1 - abs(lambda)^2
    gap = (squared / (1 + np.abs(1 - values))).min(axis=-1, initial=1.0)
    rounding = 8 * n_states * np.finfo(np.float64).eps * rates.max(axis=(-2, -1))
    resolved = _forgets_its_start(matrix) & (gap > rounding)
    with np.errstate(over="ignore"):
        return np.where(resolved, 1 / np.where(resolved, gap, 1.0), np.inf)[()]


def follow_arrows(arrows: Bools, steps: int) -> Bools:
    """Tell which states lead to which along exactly 2^k >= `steps` of the arrows."""
    taken = 1
    while taken < steps:
        arrows = (arrows.astype(np.float64) @ arrows.astype(np.float64)) > 0
        taken *= 2
    return arrows


def _forgets_its_start(matrix: Floats) -> Bools:
    """Tell whether there is one closed class and no period, so that abs(lambda_2) < 1.

    After (K-1)^2 + 1 steps or more some state can then be reached from all, and never otherwise.
    """
    reach = follow_arrows(matrix > 0, (matrix.shape[-1] - 1) ** 2 + 1)
    return np.asarray(reach.all(axis=-2).any(axis=-1))
