r"""Predict the future of a sequence from its past: blocks, and every step in turn.

The probability of what comes next, the parameters integrated out, is a ratio of evidences. By the
chain rule it is the product of one-step predictions, each made after one more state is known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytic.counts import count_transitions
from analytic.display import brief
from analytic.evidence import log_evidence, sum_and_error
from analytic.validate import (
    Floats,
    Ints,
    as_alpha,
    as_counts,
    as_support,
    check_integer,
    check_off_support,
    refuse_masked,
    split_axes,
)


class FutureOut(NamedTuple):
    """Leave-future-out expected log predictive density, exact.

    See `leave_future_out` for an example.
    """

    elpd: float
    """Sum of `pointwise`, in nats."""

    se: float
    """Standard error of `elpd`, N^(1/2) times the standard deviation (divisor N - 1) of the N
    predictions, taken as independent, which blocks that overlap are not; NaN for a single one."""

    pointwise: Floats
    """Log predictive density of each block, the one made from the fewest states first."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


def log_predictive(
    future: ArrayLike,
    counts: ArrayLike,
    alpha: ArrayLike,
    *,
    order: int = 1,
    support: ArrayLike | None = None,
) -> Floats:
    r"""Log-probability of new sequences given the counts of old ones.

    .. math:: \log p(z' \mid z, \alpha) = \log p(n + m \mid \alpha) - \log p(n \mid \alpha)
        = \log p(m \mid \alpha + n)

    with n the old counts, m the new and p the evidence of `log_evidence`.

    Parameters
    ----------
    future : array_like
        Counts of what is to be predicted, shape (..., *history, K). If it goes on from the end of
        the old sequence, the step from one to the other is part of it.
    counts : array_like
        Counts of what is known, shape (*history, K) or with the batch axes of `future`.
    alpha : array_like
        Dirichlet parameters, positive: a number, one per next state, or one per cell.
    order : int, default 1
        Order of the tables.
    support : array_like of bool, optional
        Possible transitions, shape of one table.

    Returns
    -------
    float or ndarray
        Log-probability in nats, of the batch shape.

    Raises
    ------
    ValueError
        Bad counts or alpha, counts outside the support, or shapes that do not fit.

    Examples
    --------
    After 0, 1, 1 under a flat prior, the next sequence is 1, 1 with probability 1/3 x 2/3:

    >>> np.exp(log_predictive([[0, 1], [0, 0], [0, 1]], [[1, 0], [0, 1], [0, 1]], 1)).round(6)
    np.float64(0.222222)

    References
    ----------
    .. [1] Strelioff, C. C., Crutchfield, J. P. and Hubler, A. W. (2007). Inferring Markov chains:
       Bayesian estimation, model comparison, entropy rate, and out-of-class modeling. Physical
       Review E 76, 011106.
    """
    new, old = as_counts(future, "future"), as_counts(counts)
    split_axes("future", new, order)
    split_axes("counts", old, order)
    shape = old.shape[-order - 1 :]
    mask = as_support(support, shape)
    check_off_support(old, None if mask is None else np.broadcast_to(mask, old.shape))
    posterior = as_alpha(alpha, shape, mask) + old
    try:
        np.broadcast_to(posterior, new.shape)
    except ValueError:
        raise ValueError(
            f"future has shape {new.shape}, which does not fit counts of shape {old.shape}"
        ) from None
    return log_evidence(new, posterior, order=order, support=posterior > 0)


def leave_future_out(
    path: ArrayLike,
    n_states: int,
    alpha: ArrayLike,
    *,
    first: int,
    horizon: int = 1,
    order: int = 1,
    support: ArrayLike | None = None,
) -> FutureOut:
    r"""Predict each next block of one sequence from all that comes before it.

    .. math::
        \mathrm{elpd} = \sum_{t=L}^{T-M} \log p(z_{t+1}, \dots, z_{t+M} \mid z_1, \dots, z_t)

    where, by the chain rule, each term is a sum of M one-step predictions

    .. math:: \log p(z_s = j \mid z_1, \dots, z_{s-1})
        = \log \frac{n_{ij}^{(s-1)} + \alpha_{ij}}{n_i^{(s-1)} + \alpha_{i\cdot}}

    with n^{(s-1)} the counts of the first s - 1 states and i the history at s. Only the past is
    used, as in a forecast; leaving out single transitions uses the future too [1]_.

    Parameters
    ----------
    path : array_like of int
        One sequence of codes 0, ..., K-1.
    n_states : int
        K, the number of states.
    alpha : array_like
        Dirichlet parameters, positive, of one table.
    first : int
        L, how many states are known when the first prediction is made; from 0, where s_0 alone is.
    horizon : int, default 1
        M, how many states are predicted together.
    order : int, default 1
        Length of the history.
    support : array_like of bool, optional
        Possible transitions, shape of one table.

    Returns
    -------
    FutureOut
        `elpd` in nats, `se`, and `pointwise`, shape (T - M - L + 1,). With M = 1 the sum is the
        log-evidence of the whole sequence less that of its first L states.

    Raises
    ------
    ValueError
        More than one sequence, codes that are not, bad alpha, no state left to predict, or a
        transition outside the support.

    Examples
    --------
    >>> found = leave_future_out([0, 1, 1, 0], 2, 1, first=2)
    >>> np.exp(found.pointwise).round(3)
    array([0.5  , 0.333])

    References
    ----------
    .. [1] Bürkner, P.-C., Gabry, J. and Vehtari, A. (2020). Approximate leave-future-out
       cross-validation for Bayesian time series models. Journal of Statistical Computation and
       Simulation 90, 2499-2523.
    """
    refuse_masked("path", path)
    codes = np.asarray(path)
    if codes.ndim != 1:
        raise ValueError(
            f"path must be one sequence of codes, got shape {codes.shape}; several sequences "
            f"have no common future: leave out units, with loo_units"
        )
    table = count_transitions(codes, n_states, order=order)
    codes = codes.astype(np.int64)  # a code of a few bits could not number the cells
    check_horizon(len(codes), first, horizon)
    mask = as_support(support, table.shape)
    check_off_support(table, mask)
    prior = as_alpha(alpha, table.shape, mask)
    row = histories(codes, n_states, order)
    cell = row * n_states + codes
    seen, left = _occurrences_before(cell), _occurrences_before(row)
    steps = np.log((prior.ravel()[cell] + seen) / (prior.sum(axis=-1).ravel()[row] + left))
    pointwise = np.lib.stride_tricks.sliding_window_view(steps[first:], horizon).sum(axis=-1)
    elpd, se = sum_and_error(pointwise)
    return FutureOut(np.float64(elpd), np.float64(se), pointwise)


def check_horizon(length: int, first: int, horizon: int) -> None:
    """Refuse a first prediction or a horizon that the sequence has no room for."""
    check_integer("first", first, 0)
    check_integer("horizon", horizon, 1)
    if first + horizon > length:
        raise ValueError(
            f"first={first} and horizon={horizon} need a sequence of {first + horizon} states, "
            f"got {length}; lower one of them"
        )


def histories(path: Ints, n_states: int, order: int) -> Ints:
    """Row of the table that each state of a path is drawn from, as one number.

    Examples
    --------
    >>> histories(np.array([1, 0, 0]), 2, 1), histories(np.array([1, 0, 0]), 2, 2)
    (array([0, 2, 1]), array([0, 2, 7]))
    """
    row = np.zeros(len(path), dtype=np.int64)
    for lag in range(1, order + 1):
        row[lag:] += (path[:-lag] + 1) * (n_states + 1) ** (lag - 1)
    return row


def _occurrences_before(keys: Ints) -> Ints:
    """How often each key has occurred before, entry by entry."""
    ordered = np.argsort(keys, kind="stable")
    new = np.flatnonzero(np.diff(keys[ordered], prepend=-1))
    group = np.repeat(new, np.diff(new, append=len(keys)))
    before = np.empty_like(keys)
    before[ordered] = np.arange(len(keys)) - group
    return before
