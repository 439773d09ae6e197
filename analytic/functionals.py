r"""What follows from a transition matrix: stationary law, passage times, entropy rate.

Each function takes P, shape (..., K, K), the transitions among the states proper: ``A[..., 1:, :]``
of a matrix with the s_0 row. Leading axes are a batch, such as posterior draws.

A chain is irreducible when every state can be reached from every other. Only then does one
stationary law with positive entries exist, and only then are all passages certain; what rests on
either is NaN for a reducible matrix. Holding times are defined for every matrix, as is what
`relaxation` holds.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from analytic._elimination import log_first_passage, log_stationary
from analytic.relaxation import follow_arrows, relaxation_time, second_eigenvalue
from analytic.validate import Bools, Floats, as_square

type Functional = Callable[[Floats], Floats]


def is_irreducible(P: ArrayLike) -> Bools:
    """Tell whether every state can be reached from every other.

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    bool or ndarray of bool
        One answer per matrix.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> is_irreducible([[0.5, 0.5], [0.0, 1.0]])
    np.False_
    """
    matrix = as_square(P)
    n_states = matrix.shape[-1]
    reach = follow_arrows((matrix > 0) | np.eye(n_states, dtype=np.bool_), n_states - 1)
    return np.asarray(reach.all(axis=(-2, -1)))[()]


def stationary(P: ArrayLike) -> Floats:
    r"""Stationary distribution, the law that one step leaves as it is.

    .. math:: \pi P = \pi, \qquad \sum_i \pi_i = 1

    Computed by state reduction [1]_ without a subtraction and in logarithms, so that small
    probabilities keep their relative precision down to the smallest float64.

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K): ``A[..., 1:, :]``.

    Returns
    -------
    ndarray
        Probabilities, shape (..., K). NaN where the matrix is reducible; see `is_irreducible`.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> (stationary([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]) * 19).round(9)
    array([8., 5., 6.])

    References
    ----------
    .. [1] Grassmann, W. K., Taksar, M. I. and Heyman, D. P. (1985). Regenerative analysis and
       steady state distributions for Markov chains. Operations Research 33, 1107-1116.
    """
    matrix = as_square(P)
    log_p, defined = _log_irreducible(matrix)
    return np.where(defined[..., None], np.exp(log_stationary(log_p)), np.nan)


def recurrence_times(P: ArrayLike) -> Floats:
    r"""Mean number of steps from a state to its next visit.

    .. math:: \frac{1}{\pi_i}

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    ndarray
        Steps, shape (..., K). NaN where the matrix is reducible; inf beyond the largest float64.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> recurrence_times([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]).round(4)
    array([2.375 , 3.8   , 3.1667])

    References
    ----------
    .. [1] Kemeny, J. G. and Snell, J. L. (1960). Finite Markov Chains. Van Nostrand, Princeton.
    """
    matrix = as_square(P)
    log_p, defined = _log_irreducible(matrix)
    with np.errstate(over="ignore"):
        return np.where(defined[..., None], np.exp(-log_stationary(log_p)), np.nan)


def first_passage_times(P: ArrayLike) -> Floats:
    r"""Mean number of steps from state i until state j is first reached.

    .. math:: M_{ij} = 1 + \sum_{l \ne j} P_{il} M_{lj} \quad (i \ne j), \qquad M_{jj} = 0

    The diagonal is zero because the chain is there already; the mean time until it comes back is
    `recurrence_times`. In a reducible chain some passages are not certain and take for ever on
    average, whatever the others do, so no entry is given. Computed by state reduction, like
    `stationary`, with the same precision.

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    ndarray
        Steps, shape (..., K, K), from the row's state to the column's. NaN throughout where the
        matrix is reducible; inf beyond the largest float64.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> first_passage_times([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]).round(4)
    array([[0.    , 8.    , 8.3333],
           [6.25  , 0.    , 6.6667],
           [7.5   , 6.    , 0.    ]])

    References
    ----------
    .. [1] Kemeny, J. G. and Snell, J. L. (1960). Finite Markov Chains. Van Nostrand, Princeton.
    .. [2] Hunter, J. J. (2018). The computation of the mean first passage times for Markov
       chains. Linear Algebra and its Applications 549, 100-122.
    """
    matrix = as_square(P)
    log_p, defined = _log_irreducible(matrix)
    with np.errstate(over="ignore"):
        times = np.exp(log_first_passage(log_p, np.zeros(matrix.shape[:-1])))
    return np.where(defined[..., None, None], times, np.nan)


def entropy_rate(P: ArrayLike) -> Floats:
    r"""Entropy of the next state given the present one, in the long run, in nats.

    .. math:: h = -\sum_i \pi_i \sum_j P_{ij} \ln P_{ij}, \qquad 0 \ln 0 = 0

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    float or ndarray
        Nats per step, one per matrix. NaN where the matrix is reducible.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> entropy_rate([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]]).round(6)
    np.float64(0.772343)

    References
    ----------
    .. [1] Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical
       Journal 27, 379-423.
    """
    matrix = as_square(P)
    return np.asarray((stationary(matrix) * entr(matrix).sum(axis=-1)).sum(axis=-1))[()]


def holding_times(P: ArrayLike) -> Floats:
    r"""Mean number of steps that a visit to a state lasts, the step that ends it included.

    .. math:: \frac{1}{1 - P_{ii}}

    Parameters
    ----------
    P : array_like
        Transition probabilities among the states, shape (..., K, K).

    Returns
    -------
    ndarray
        Steps, shape (..., K); inf in a state that is never left. Reducible or not, it is defined.

    Raises
    ------
    ValueError
        Rows that do not sum to one, or a matrix that has the s_0 row.

    Examples
    --------
    >>> holding_times([[0.75, 0.25], [0.0, 1.0]])
    array([ 4., inf])
    """
    matrix = as_square(P)
    leaving = np.where(np.eye(matrix.shape[-1], dtype=np.bool_), 0.0, matrix).sum(axis=-1)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1 / leaving)


FUNCTIONALS: Mapping[str, Functional] = MappingProxyType(
    {
        "stationary": stationary,
        "recurrence_times": recurrence_times,
        "first_passage_times": first_passage_times,
        "entropy_rate": entropy_rate,
        "holding_times": holding_times,
        "second_eigenvalue": second_eigenvalue,
        "relaxation_time": relaxation_time,
    }
)
"""Every functional without free choices, by name: (..., K, K) in, one value per matrix out."""


def _log_irreducible(matrix: Floats) -> tuple[Floats, Bools]:
    """Logarithms, with a harmless chain in place of a reducible one, and which are irreducible."""
    defined = np.asarray(is_irreducible(matrix))
    with np.errstate(divide="ignore"):
        return np.log(np.where(defined[..., None, None], matrix, 1.0)), defined
