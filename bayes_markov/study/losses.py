r"""Losses of an estimated transition matrix, for many estimates at a time.

Every loss is a weighted sum over the rows of the truth A,

.. math:: L(A, \hat A) = \sum_i w_i \, l(A_i, \hat A_i),

with l the loss of one row and w the weights. A row of weight 0 does not count, whatever it is; an
undefined row (NaN) makes the loss undefined, and l may be infinite.

================ ======================= ====================================================
name             loss of a row           weights
================ ======================= ====================================================
squared_error    sum_j (error)^2         stationary law of A
total_variation  sum_j abs(error) / 2    stationary law of A
kl               KL(A_i, estimate)       stationary law of A: the divergence rate of the chains
prediction       KL(A_i, estimate)       1 for the state that the path ends in
log_score        -sum_j A_ij log(est.)   expected share of the steps z_1, ..., z_T of a new path
================ ======================= ====================================================

`prediction` is the divergence of the next state's predicted law, given the path [1]_. `log_score`
is minus the expected log-probability per step of a new, held-out path of the same length, given
its first state; the expectation is taken exactly. No weight is given to s_0, which a path leaves
once. The stationary law does not exist for a reducible A: the weights are NaN there.

References
----------
.. [1] Hao, Y., Orlitsky, A. and Pichapati, V. (2018). On learning Markov chains. Advances in
   Neural Information Processing Systems 31.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.special import entr, rel_entr

from analytic import stationary
from analytic.validate import Floats, Ints


class Loss(NamedTuple):
    """A loss: what is lost in each row, and what the rows weigh.

    See `risk_study` for an example.
    """

    rows: Callable[[Floats, Floats], Floats]
    """Loss of each row, shape (..., K+1), from A and its estimate, (..., K+1, K)."""

    weights: Callable[[Floats, int, Ints], Floats]
    """Weights, broadcastable to (N, K+1), from A, the length and the last states (N,)."""

    asymptotic: Callable[[Floats, int], Floats]
    """Risk of the count ratio for long paths, to first order, from A and the length."""


def squared_error(A: Floats, estimate: Floats) -> Floats:
    """Sum of the squared errors of each row.

    Examples
    --------
    >>> squared_error(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]])).round(12)
    array([0.18])
    """
    return np.asarray(((estimate - A) ** 2).sum(axis=-1))


def total_variation(A: Floats, estimate: Floats) -> Floats:
    """Total variation distance of each row, half the sum of the absolute errors.

    Examples
    --------
    >>> total_variation(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]])).round(12)
    array([0.3])
    """
    return np.asarray(np.abs(estimate - A).sum(axis=-1) / 2)


def relative_entropy(A: Floats, estimate: Floats) -> Floats:
    """Kullback-Leibler divergence of each row from the truth to the estimate, in nats.

    Infinite where the estimate excludes what is possible.

    Examples
    --------
    >>> relative_entropy(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[0.8, 0.2], [0.0, 1.0]]))
    array([0.22314355, 0.        ])
    """
    return np.asarray(rel_entr(A, estimate).sum(axis=-1))


def cross_entropy(A: Floats, estimate: Floats) -> Floats:
    """Minus the expected log-probability of a step, by row: entropy plus divergence, in nats.

    Examples
    --------
    >>> cross_entropy(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]])).round(6)
    array([0.916291])
    """
    return np.asarray(entr(A).sum(axis=-1) + relative_entropy(A, estimate))


def stationary_weights(A: Floats, length: int, last: Ints) -> Floats:
    """Stationary law, 0 for s_0; NaN for a reducible matrix."""
    law = np.asarray(stationary(A[..., 1:, :]))
    return np.concatenate([0 * law[..., :1], law], axis=-1)


def last_state_weights(A: Floats, length: int, last: Ints) -> Floats:
    """1 for the row that the next step leaves from."""
    weights = np.zeros((len(last), A.shape[-2]))
    weights[np.arange(len(last)), last + 1] = 1.0
    return weights


def step_weights(A: Floats, length: int, last: Ints) -> Floats:
    """Share of the steps after the first that are expected to leave from each row.

    NaN where the path has no such step.

    Examples
    --------
    >>> step_weights(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), 3, np.zeros(0, int))
    array([0. , 0.5, 0.5])
    """
    weights = np.full(A.shape[:-1], np.nan if length == 1 else 0.0)
    law = A[..., 0, :]
    for _ in range(length - 1):
        weights[..., 1:] += law / (length - 1)
        law = (law[..., None, :] @ A[..., 1:, :])[..., 0, :]
    return weights


def weighted_sum(rows: Floats, weights: Floats) -> Floats:
    """Add up the losses of the rows; a row without weight may be undefined or infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(weights > 0, weights * rows, 0.0).sum(axis=-1))


def _squared_error_of_ratio(A: Floats, length: int) -> Floats:
    """Sum of the variances A_ij (1 - A_ij) / (pi_i T), each row weighed by pi_i."""
    return _if_irreducible(A, (A * (1 - A))[..., 1:, :].sum(axis=(-2, -1)) / length)


def _total_variation_of_ratio(A: Floats, length: int) -> Floats:
    """Half of the mean absolute values of normal errors with those variances."""
    law = np.asarray(stationary(A[..., 1:, :]))[..., None]
    spread = np.sqrt(law * (A * (1 - A))[..., 1:, :] / (2 * np.pi * length))
    return np.asarray(spread.sum(axis=(-2, -1)))


def _divergence_of_ratio(A: Floats, length: int) -> Floats:
    """Half of the free parameters over the length, after Wilks; s_0's row has no weight."""
    possible = (A > 0)[..., 1:, :].sum(axis=-1) - 1
    return _if_irreducible(A, possible.sum(axis=-1) / (2 * length))


def _score_of_truth(A: Floats, length: int) -> Floats:
    """Give the expected entropy per step, which the truth itself would lose."""
    weights = step_weights(A, length, np.zeros(0, dtype=np.int64))
    none = np.isnan(weights).any(axis=-1)
    return np.where(none, np.nan, weighted_sum(entr(A).sum(axis=-1), weights))


def _if_irreducible(A: Floats, value: Floats) -> Floats:
    """NaN where there is no stationary law to weigh the rows by."""
    return np.asarray(value + 0 * np.asarray(stationary(A[..., 1:, :]))[..., 0])


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "squared_error": Loss(squared_error, stationary_weights, _squared_error_of_ratio),
        "total_variation": Loss(total_variation, stationary_weights, _total_variation_of_ratio),
        "kl": Loss(relative_entropy, stationary_weights, _divergence_of_ratio),
        "prediction": Loss(relative_entropy, last_state_weights, _divergence_of_ratio),
        "log_score": Loss(cross_entropy, step_weights, _score_of_truth),
    }
)
"""Every loss by name."""
