r"""A Markov chain with known transition matrix: probabilities of paths, and simulation.

Two assumptions make a sequence z_1, ..., z_T a Markov chain. *Limited horizon*: given the
present, the next state does not depend on the past,

.. math:: P(z_t \mid z_{t-1}, \dots, z_1) = P(z_t \mid z_{t-1}),

and *stationarity* (time homogeneity): that law is the same at every t. The start convention
z_0 = s_0 makes the initial distribution an ordinary row of A, A[s_0, j] = P(z_1 = j).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from analytic.counts import count_transitions
from analytic.validate import (
    Floats,
    Ints,
    as_counts,
    as_probabilities,
    as_size,
    as_transition_matrix,
    check_integer,
    check_rng,
    split_axes,
)


def log_likelihood(A: ArrayLike, counts: ArrayLike, *, order: int = 1) -> Floats:
    r"""Log-likelihood of transition probabilities, from the table of counts.

    .. math:: l(A) = \sum_{i,j} n_{ij} \log A_{ij}

    The sum runs over the s_0 row too. 0 log 0 is 0, and n log 0 is -inf for n > 0.

    Parameters
    ----------
    A : array_like
        Probabilities, shape (..., *history, K). A row may be NaN throughout (undefined), and may
        sum to less than one: the formula is evaluated as it stands.
    counts : array_like
        Counts, shape (..., *history, K).
    order : int, default 1
        Order of both; the axes before the last order + 1 are batches and broadcast.

    Returns
    -------
    float or ndarray
        Log-likelihood in nats, of the batch shape. NaN where an undefined row has counts.

    Raises
    ------
    ValueError
        Entries outside [0, 1], a row that sums to more than 1, counts that are not counts, or
        shapes that do not fit.

    Examples
    --------
    >>> log_likelihood([[0.5, 0.5], [0.2, 0.8], [0.6, 0.4]], [[1, 0], [0, 3], [2, 0]]).round(6)
    np.float64(-2.384229)
    """
    matrix, table = as_probabilities(A), as_counts(counts)
    axes = split_axes("A", matrix, order)
    split_axes("counts", table, order)
    if matrix.shape[axes[0] :] != table.shape[axes[0] :]:
        raise ValueError(
            f"A and counts must agree on their last {order + 1} axes, "
            f"got shapes {matrix.shape} and {table.shape}"
        )
    try:
        np.broadcast_shapes(matrix.shape, table.shape)
    except ValueError:
        raise ValueError(
            f"the batch axes of A and counts do not fit together, "
            f"got shapes {matrix.shape} and {table.shape}"
        ) from None
    with np.errstate(invalid="ignore"):
        terms = np.where(table > 0, xlogy(table, matrix), 0.0)
        return np.asarray(terms.sum(axis=axes))[()]


def log_probability(A: ArrayLike, path: ArrayLike) -> Floats:
    r"""Log-probability of one path, the step out of s_0 included.

    .. math:: \log P(z; A) = \sum_{t=1}^{T} \log A_{z_{t-1} z_t}, \qquad z_0 = s_0

    Parameters
    ----------
    A : array_like
        Probabilities, shape (K+1, K), or (K+1,) * k + (K,) at order k. As in `log_likelihood`,
        rows may be NaN or sum to less than one.
    path : array_like of int
        Codes 0, ..., K-1 of z_1, ..., z_T.

    Returns
    -------
    float
        Log-probability in nats; -inf for an impossible path, NaN where an undefined row is used.

    Raises
    ------
    ValueError
        Probabilities or codes that are not, or a matrix without the s_0 row.

    Examples
    --------
    Sun, cloud, rain, rain, cloud under the transition matrix printed in [1]_, whose s_0 row
    holds .33 three times:

    >>> A = [[0.33, 0.33, 0.33], [0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]
    >>> np.exp(log_probability(A, [0, 1, 2, 2, 1])).round(9)
    np.float64(0.000924)

    References
    ----------
    .. [1] Ramage, D. (2007). Hidden Markov Models Fundamentals. CS229 section notes, Stanford.
    """
    matrix = as_probabilities(A)
    n_states, order = matrix.shape[-1], matrix.ndim - 1
    if matrix.shape[:-1] != (n_states + 1,) * order:
        hint = "; add the s_0 row" if matrix.shape[:-1] == (n_states,) * order else ""
        raise ValueError(
            f"A has shape {matrix.shape}, expected {(n_states + 1,) * order + (n_states,)}{hint}"
        )
    codes = np.asarray(path)
    if codes.ndim != 1:
        raise ValueError(
            f"path must be one sequence of codes, got shape {codes.shape}; "
            f"count several sequences and use log_likelihood"
        )
    return log_likelihood(matrix, count_transitions(codes, n_states, order=order), order=order)


def simulate(
    A: ArrayLike,
    length: int,
    *,
    rng: np.random.Generator,
    size: int | tuple[int, ...] | None = None,
) -> Ints:
    r"""Draw paths z_1, ..., z_T, each started at s_0.

    .. math:: z_t \sim \mathrm{Categorical}(A_{z_{t-1} \cdot}), \qquad z_0 = s_0

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K); its first row is the initial distribution.
    length : int
        T, the number of states in a path.
    rng : numpy.random.Generator
        Source of randomness.
    size : int or tuple of int, optional
        Number of paths; by default one.

    Returns
    -------
    ndarray of int64
        Codes 0, ..., K-1, shape size + (length,). A transition of probability 0 never occurs.

    Raises
    ------
    ValueError
        A row that is undefined or does not sum to one, a matrix without the s_0 row, or a `length`
        or `size` that is no number of states or paths.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> A = [[1.0, 0.0], [0.1, 0.9], [0.5, 0.5]]
    >>> simulate(A, 3, rng=np.random.default_rng(1), size=2).shape
    (2, 3)
    """
    check_rng(rng)
    matrix = as_transition_matrix(A)
    check_integer("length", length, 1)
    batch = as_size(size)

    cumulative = matrix.cumsum(axis=-1)
    cumulative /= cumulative[:, -1:]  # the last entry is 1 exactly, and a uniform is below it
    paths = np.empty((*batch, int(length)), dtype=np.int64)
    row = np.zeros(batch, dtype=np.int64)
    for t in range(int(length)):
        uniform = rng.random(batch)
        state = np.zeros(batch, dtype=np.int64)
        for threshold in cumulative[:, :-1].T:
            state += uniform >= threshold[row]
        paths[..., t] = state
        row = state + 1
    return paths
