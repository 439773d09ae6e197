r"""Decoding: the most probable path of hidden states as a whole.

It need not be the path of the states that are most probable one by one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytic.display import brief
from analytic.hmm.loops import compiled
from analytic.hmm.sequences import as_matrix, join_log_emission, refuse_row


class Viterbi(NamedTuple):
    """What `viterbi` found; of many sequences, a list of paths and an array."""

    path: Any
    """Codes 0, ..., K-1, shape (T,), int64; -1 throughout if no path is possible."""

    log_probability: Any
    """log P(z, x) of that path in nats; -inf if no path is possible."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


def viterbi(A: ArrayLike, log_emission: ArrayLike | list[ArrayLike]) -> Viterbi:
    r"""Find the most probable path given the observations.

    .. math:: \arg\max_z P(z \mid x) = \arg\max_z \prod_t A_{z_{t-1} z_t} P(x_t \mid z_t)

    The best beginning that ends in j at t extends one of the best beginnings at t - 1,

    .. math:: \delta_t(j) = \log P(x_t \mid z_t = j) + \max_i [\delta_{t-1}(i) + \log A_{ij}].

    Ties are broken from the end: the last state is the one of the smallest code among the best,
    and each state before is the one of the smallest code among the best ways to the state after it.

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K).
    log_emission : array_like, or list of array_like
        As in `forward`.

    Returns
    -------
    Viterbi
        Fields `path` and `log_probability`.

    Raises
    ------
    ValueError
        As for `forward`.

    Examples
    --------
    Healthy or with fever, seen as normal, cold, dizzy [1]_:

    >>> A = [[0.6, 0.4], [0.7, 0.3], [0.4, 0.6]]
    >>> B = np.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
    >>> path, log_probability = viterbi(A, np.log(B.T))
    >>> path, np.exp(log_probability).round(5)
    (array([0, 0, 1]), np.float64(0.01512))

    References
    ----------
    .. [1] Viterbi algorithm, in: Wikipedia, The Free Encyclopedia.
    .. [2] Viterbi, A. J. (1967). Error bounds for convolutional codes and an asymptotically optimum
       decoding algorithm. IEEE Transactions on Information Theory 13, 260-269.
    """
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    rows, ends = joined.rows, joined.ends
    came_from = np.empty(rows.shape, dtype=np.int32)
    path, log_probability = np.empty(len(rows), dtype=np.int64), np.empty(ends.size)
    wrong = compiled("best_path")(matrix, ends, rows, came_from, path, log_probability)
    if wrong >= 0:
        refuse_row(joined, wrong)
    return Viterbi(joined.split(path), joined.each(log_probability))
