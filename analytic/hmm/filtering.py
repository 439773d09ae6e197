r"""Filtering: what is known of a hidden state from the observations up to its time.

The forward procedure carries the law of the state from one time to the next,

.. math::
    P(z_t = j \mid x_{1:t-1}) = \sum_i P(z_{t-1} = i \mid x_{1:t-1}) A_{ij},
    \qquad
    P(z_t = j \mid x_{1:t}) = \frac{P(z_t = j \mid x_{1:t-1}) P(x_t \mid z_t = j)}{c_t},

in O(K^2 T) operations; c_t = P(x_t | x_1, ..., x_{t-1}) makes it sum to one, and the likelihood
is the product of the c_t. It starts with z_0 = s_0, so the first law is row s_0 of A: at t = 1 no
other transition has happened yet.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytic.display import brief
from analytic.hmm.loops import compiled
from analytic.hmm.sequences import Joined, as_matrix, join_log_emission, refuse_row
from analytic.validate import Floats, check_integer

BLOCK = 2**14
"""Numbers whose exponentials are taken at a time: few enough for the cache of a processor."""


class Forward(NamedTuple):
    """What `forward` found; of many sequences, an array of log-likelihoods and lists of arrays."""

    log_likelihood: Any
    """log P(x_1, ..., x_T) in nats; -inf if x is impossible."""

    filtered: Any
    """P(z_t = j | x_1, ..., x_t), shape (T, K)."""

    predicted: Any
    """P(z_t = j | x_1, ..., x_{t-1}), shape (T, K); its first row is row s_0 of A."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


def forward(A: ArrayLike, log_emission: ArrayLike | list[ArrayLike]) -> Forward:
    r"""Filter: the law of each hidden state given the observations up to its time.

    .. math:: P(z_t = j \mid x_{1:t}), \quad P(z_t = j \mid x_{1:t-1}), \quad \log P(x_{1:T})

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K); its first row is the initial distribution.
    log_emission : array_like, or list of array_like
        log P(x_t | z_t = j), shape (T, K), up to a constant in each row; many sequences are a
        list. -inf marks an impossible state. A row of zeros is a missing observation: it carries
        no evidence, but time passes.

    Returns
    -------
    Forward
        Fields `log_likelihood`, `filtered` and `predicted`. From the first impossible observation
        on, `filtered` is NaN, and so is `predicted` from the next; the log-likelihood is -inf.

    Raises
    ------
    ValueError
        A matrix without the s_0 row or that is not stochastic; log-emissions of another shape, or
        NaN or +inf in them.

    Examples
    --------
    The umbrella world [1]_. It rains or it does not; the umbrella is seen on both days.

    >>> A = [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]]
    >>> forward(A, np.log([[0.9, 0.2], [0.9, 0.2]])).filtered.round(3)
    array([[0.818, 0.182],
           [0.883, 0.117]])

    References
    ----------
    .. [1] Russell, S. and Norvig, P. (2010). Artificial Intelligence: A Modern Approach, third
       edition, section 15.2. Prentice Hall.
    """
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    log_likelihoods, filtered, predicted, small = run_forward(matrix, joined)
    if small:
        filtered, predicted = plain(filtered), plain(predicted)
    return Forward(joined.each(log_likelihoods), joined.split(filtered), joined.split(predicted))


def log_likelihood(A: ArrayLike, log_emission: ArrayLike | list[ArrayLike]) -> Floats:
    r"""Log-likelihood of the observations, every hidden path summed out.

    .. math:: \log P(x) = \log \sum_z \prod_t A_{z_{t-1} z_t} P(x_t \mid z_t)

    Beyond its arguments it needs memory for one block of rows only, however long the sequence (a
    list of sequences is joined, which takes as much again). A sequence that does not fit into
    memory is given piece by piece: the next piece starts from the prediction of its first state,
    which takes the place of row s_0 (see the example).

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K).
    log_emission : array_like, or list of array_like
        As in `forward`.

    Returns
    -------
    float or ndarray
        Log-likelihood in nats, one value per sequence if a list was given; -inf if the
        observations are impossible.

    Raises
    ------
    ValueError
        As for `forward`.

    Examples
    --------
    >>> A = np.array([[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]])
    >>> log_emission = np.log([[0.9, 0.2], [0.9, 0.2], [0.1, 0.8]])
    >>> log_likelihood(A, log_emission).round(6)
    np.float64(-2.116562)

    In two pieces:

    >>> begin, rest = log_emission[:2], log_emission[2:]
    >>> going_on = np.vstack([predict(A, begin, 1), A[1:]])
    >>> (log_likelihood(A, begin) + log_likelihood(going_on, rest)).round(6)
    np.float64(-2.116562)
    """
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    return np.asarray(joined.each(run_forward(matrix, joined, kept=False)[0]))[()]


def predict(A: ArrayLike, log_emission: ArrayLike | list[ArrayLike], steps: int) -> Floats:
    r"""Law of the hidden states after the last observation.

    .. math:: P(z_{T+h} = j \mid x_{1:T}) = \sum_i P(z_T = i \mid x_{1:T}) (P^h)_{ij},
        \qquad h = 1, \dots, \mathrm{steps}

    Here P is A without its s_0 row.

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K).
    log_emission : array_like, or list of array_like
        As in `forward`.
    steps : int
        How many states ahead.

    Returns
    -------
    ndarray
        Probabilities, shape (steps, K), or (sequences, steps, K) if a list was given. NaN where
        the observations are impossible.

    Raises
    ------
    ValueError
        `steps` is not a positive integer; else as for `forward`.

    Examples
    --------
    >>> A = [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]]
    >>> predict(A, np.log([[0.9, 0.2], [0.9, 0.2]]), 2).round(3)
    array([[0.653, 0.347],
           [0.561, 0.439]])
    """
    check_integer("steps", steps, 1)
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    law = plain(run_forward(matrix, joined, kept=False)[1])
    laws = np.empty((joined.ends.size, int(steps), matrix.shape[1]))
    for step in range(int(steps)):
        law = law @ matrix[1:]
        laws[:, step] = law
    return np.asarray(joined.each(laws))


def run_forward(
    A: Floats, joined: Joined, *, kept: bool = True
) -> tuple[Floats, Floats, Floats, bool]:
    """Filter joined rows, a block at a time.

    Returns the log-likelihood of each sequence, the filtered rows (only the last of each sequence
    unless `kept`), the predicted rows (none unless `kept`), and whether some of their numbers are
    logarithms; see `plain`.
    """
    shift, run = compiled("shift"), compiled("forward")
    rows, ends = joined.rows, joined.ends
    size, n_states = rows.shape
    filtered = np.empty((size if kept else ends.size, n_states))
    predicted = np.empty((size if kept else 0, n_states))
    log_likelihoods = np.zeros(ends.size)
    height = min(size, max(1, BLOCK // n_states))
    emission, largest, last = np.empty((height, n_states)), np.empty(height), np.zeros(n_states)
    small = False
    with np.errstate(divide="ignore", under="ignore"):
        log_A = np.log(A)
        for start in range(0, size, height):
            block, tops = emission[: size - start], largest[: size - start]
            wrong = shift(rows, start, block, tops)
            if wrong >= 0:
                refuse_row(joined, wrong)
            np.exp(block, out=block)
            n = int(np.searchsorted(ends, start, side="right")) if start else 0
            small |= run(
                A,
                log_A,
                ends,
                n,
                rows,
                start,
                block,
                tops,
                last,
                filtered,
                predicted,
                log_likelihoods,
            )
    return log_likelihoods, filtered, predicted, bool(small)


def plain(values: Floats) -> Floats:
    """Turn the numbers that are held as logarithms, the negative ones, into probabilities."""
    with np.errstate(under="ignore"):
        return np.where(values < 0, np.exp(np.minimum(values, 0.0)), values)
