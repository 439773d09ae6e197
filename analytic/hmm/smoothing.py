r"""Smoothing: what is known of a hidden state from all observations, before and after it.

Given what was seen until t, the step from z_{t+1} back to z_t is a transition with probabilities

.. math::
    P(z_t = i \mid z_{t+1} = j, x_{1:t})
    = \frac{P(z_t = i \mid x_{1:t}) A_{ij}}{P(z_{t+1} = j \mid x_{1:t})},

and what comes later says nothing more about z_t once z_{t+1} is known. So the smoothed law is
carried backward from the last filtered one, and the law of each pair of neighbours comes with it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytic.display import brief
from analytic.hmm.filtering import run_forward
from analytic.hmm.loops import compiled
from analytic.hmm.sequences import Joined, as_matrix, join_log_emission, log_matrix
from analytic.validate import Floats


class Smooth(NamedTuple):
    """What `smooth` found; of many sequences, an array of log-likelihoods and a list of arrays."""

    log_likelihood: Any
    """log P(x_1, ..., x_T) in nats; -inf if x is impossible."""

    smoothed: Any
    """P(z_t = j | x_1, ..., x_T), shape (T, K)."""

    expected_counts: Floats
    """Expected transitions, shape (K+1, K): row s_0 first, as in any table of counts."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


def smooth(
    A: ArrayLike, log_emission: ArrayLike | list[ArrayLike], *, per_sequence: bool = False
) -> Smooth:
    r"""Smooth: the law of each hidden state given all observations, and the expected counts.

    .. math::
        P(z_t = j \mid x_{1:T}), \qquad
        E[n_{ij} \mid x_{1:T}] = \sum_{t=1}^{T} P(z_{t-1} = i, z_t = j \mid x_{1:T})

    Each sequence is weighted by its own likelihood, so expected counts of many sequences add. They
    are also the derivatives of the log-likelihood: d log P(x) / d log A_ij, every entry of A taken
    as free (Fisher's identity).

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K).
    log_emission : array_like, or list of array_like
        As in `forward`.
    per_sequence : bool, default False
        Keep one table for each sequence, on a new first axis.

    Returns
    -------
    Smooth
        Fields `log_likelihood`, `smoothed` and `expected_counts`, which is a table like those of
        `count_transitions`, in fractions: those of a path that is known are the counted ones. Where
        a sequence is impossible its log-likelihood is -inf, and the rest is NaN.

    Raises
    ------
    ValueError
        As for `forward`.

    Examples
    --------
    The umbrella world: rain on the first day is likelier once the second day is seen.

    >>> A = [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]]
    >>> found = smooth(A, np.log([[0.9, 0.2], [0.9, 0.2]]))
    >>> found.smoothed.round(3)
    array([[0.883, 0.117],
           [0.883, 0.117]])
    >>> found.expected_counts.round(3)
    array([[0.883, 0.117],
           [0.807, 0.077],
           [0.077, 0.04 ]])

    References
    ----------
    .. [1] Rabiner, L. R. (1989). A tutorial on hidden Markov models and selected applications in
       speech recognition. Proceedings of the IEEE 77, 257-286.
    """
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    log_likelihoods, smoothed, tables = run_smooth(matrix, joined, per_sequence=per_sequence)
    return Smooth(
        joined.each(log_likelihoods),
        joined.split(smoothed),
        tables if per_sequence else tables[0],
    )


def run_smooth(
    A: Floats, joined: Joined, *, per_sequence: bool = False
) -> tuple[Floats, Floats, Floats]:
    """Smooth joined rows: log-likelihoods, smoothed rows, and one table per sequence or one."""
    log_likelihoods, filtered, predicted, _ = run_forward(A, joined)
    counts = np.zeros((joined.ends.size if per_sequence else 1, *A.shape))
    run = compiled("backward")
    run(A, log_matrix(A), joined.ends, log_likelihoods, filtered, predicted, counts)
    np.minimum(predicted, 1.0, out=predicted)  # rounding may pass it
    return log_likelihoods, predicted, counts
