r"""The exact distribution of a path's table of counts: the tables, merged over paths.

Paths with the same table are equally likely, and there are far fewer tables than paths: with K
states their number grows like T^(K (K-1)) with the length T [1]_, not like K^T. They are built up
step by step. What has happened in t steps is a table and the state that the path is in; the next
step adds one count in the row of that state, and whatever ends in the same table is added up.

A table is held as an integer key until it is needed. In every state but s_0 and the last, the
path arrives as often as it leaves, so that s_0's row, the rows of all states but one and the last
state determine the rest; the key holds those counts as the digits of one number.

References
----------
.. [1] Jacquet, P., Knessl, C. and Szpankowski, W. (2012). Counting Markov types, balanced
   matrices, and Eulerian graphs. IEEE Transactions on Information Theory 58, 4261-4272.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import (
    INT64_MAX,
    Floats,
    Ints,
    as_transition_matrix,
    check_integer,
)

MAX_ENUMERATED_CELLS = 2 * 10**8
"""Largest number of tables, times their K (K+1) cells, that is enumerated (1.6 GB)."""


def count_table_distribution(A: ArrayLike, length: int) -> tuple[Ints, Floats]:
    r"""Every table of counts that a path can have, with its probability.

    For a path from u to v the probability is Whittle's number of paths with that table, times the
    probability of each,

    .. math::
        P(n) = F_{vu} \prod_{i \ne s_0} \frac{n_i!}{\prod_j n_{ij}!}
        \prod_{i, j} A_{ij}^{n_{ij}},

    where F_vu is the (v, u) cofactor of the matrix I - (n_ij / n_i) over the states. Here the
    paths are merged step by step instead, by sums and products of probabilities only.

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K); its first row is the initial distribution. Rows that
        miss one by rounding are normalised.
    length : int
        T, the number of states z_1, ..., z_T. The counts of every table add up to T, the step out
        of s_0 included.

    Returns
    -------
    tables : ndarray of int64
        The tables that can be reached, each once, shape (N, K+1, K). Where A has no zeros and
        K = 2, N = T^2 - T + 2.
    probabilities : ndarray
        Their probabilities, shape (N,).

    Raises
    ------
    ValueError
        A matrix with an undefined row, with one that does not sum to one or without the s_0 row,
        a `length` that is no number of states, or more tables than ``MAX_ENUMERATED_CELLS`` allows.

    Examples
    --------
    The 16 paths of length 4 have 14 tables, as 0, 0, 1, 0 and 0, 1, 0, 0 share one, and so do
    1, 1, 0, 1 and 1, 0, 1, 1:

    >>> tables, probabilities = count_table_distribution([[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]], 4)
    >>> tables.shape
    (14, 3, 2)
    >>> shared = (tables == [[1, 0], [1, 1], [1, 0]]).all(axis=(1, 2))
    >>> probabilities[shared].round(6)  # 2 x 0.5 x 0.8 x 0.2 x 0.4
    array([0.064])

    References
    ----------
    .. [1] Whittle, P. (1955). Some distribution and moment formulae for the Markov chain. Journal
       of the Royal Statistical Society B 17, 235-242.
    .. [2] Billingsley, P. (1961). Statistical methods in Markov chains. Annals of Mathematical
       Statistics 32, 12-40.
    """
    matrix = transition_matrix(A)
    ends = _merge_paths(matrix, length)
    probabilities = np.concatenate([weight for _, weight in ends.values()])
    tables = np.empty((probabilities.size, *matrix.shape), dtype=np.int64)
    done = 0
    for end, (keys, weight) in ends.items():
        tables[done : done + weight.size] = _decode(keys, end, matrix.shape[1], length)
        done += weight.size
    return tables, probabilities


def count_table_chunks(A: Floats, length: int, size: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield the distribution of the tables in pieces of at most `size` tables."""
    for end, (keys, weight) in _merge_paths(A, length).items():
        for piece in range(0, weight.size, size):
            part = slice(piece, piece + size)
            yield _decode(keys[:, part], end, A.shape[1], length), weight[part]


def transition_matrix(A: ArrayLike) -> Floats:
    """Check a chain's matrix, the s_0 row included, and let its rows sum to one exactly."""
    matrix = as_transition_matrix(A)
    return np.asarray(matrix / matrix.sum(axis=-1, keepdims=True))


def _merge_paths(A: Floats, length: int) -> dict[int, tuple[Ints, Floats]]:
    """Keys (words, n), sorted, and probabilities (n,) of the tables, for each last state."""
    check_integer("length", length, 1)
    n_states = A.shape[1]
    limit = MAX_ENUMERATED_CELLS // A.size
    word, unit = _places(n_states, int(length))
    step = np.zeros((word[-1] + 1, n_states, n_states), dtype=np.int64)
    row, column = np.divmod(np.arange(word.size - 1), n_states)
    step[word[:-1], row, column] = unit[:-1]
    first_step = np.zeros((word[-1] + 1, n_states), dtype=np.int64)
    first_step[-1] = unit[-1] * np.arange(n_states)

    ends = {u: (first_step[:, [u]], A[0, [u]]) for u in range(n_states) if A[0, u] > 0}
    for t in range(2, length + 1):
        following: dict[int, tuple[Ints, Floats]] = {}
        n_tables = 0
        for j in range(n_states):
            before = [v for v in ends if A[v + 1, j] > 0]
            if not before:
                continue
            following[j] = _add_up(
                np.concatenate([ends[v][0] + step[:, v, [j]] for v in before], axis=1),
                np.concatenate([ends[v][1] * A[v + 1, j] for v in before]),
            )
            n_tables += following[j][1].size
            if n_tables > limit:
                raise ValueError(
                    f"length {length} is too long to enumerate the tables of {n_states} states: "
                    f"more than {limit:,} can be reached by length {t}, and no more than that are "
                    f"held (MAX_ENUMERATED_CELLS = {MAX_ENUMERATED_CELLS:.0e}); "
                    f"choose length < {t}, or simulate paths instead"
                )
        ends = following
    return ends


def _add_up(keys: Ints, weight: Floats) -> tuple[Ints, Floats]:
    """Sort by key and add the probabilities of equal keys."""
    order = np.lexsort(keys)
    keys, weight = keys[:, order], weight[order]
    new = np.ones(weight.size, dtype=np.bool_)
    new[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    return keys[:, new], np.add.reduceat(weight, np.flatnonzero(new))


def _places(n_states: int, length: int) -> tuple[Ints, Ints]:
    """Where the digits of a key stand: the word and the value of one unit, for each digit.

    The digits are the counts in the rows of all states but the last one, then the first state.
    """
    base = max(length, n_states, 2)
    per_word = 1
    while base ** (per_word + 1) <= INT64_MAX:
        per_word += 1
    word, place = np.divmod(np.arange(n_states * (n_states - 1) + 1), per_word)
    return word, np.asarray(base**place, dtype=np.int64)


def _decode(keys: Ints, end: int, n_states: int, length: int) -> Ints:
    """Tables (n, K+1, K) behind the keys of paths that end in a state."""
    word, unit = _places(n_states, length)
    n_tables = keys.shape[1]
    digits = keys[word] // unit[:, None] % max(length, n_states, 2)
    tables = np.zeros((n_tables, n_states + 1, n_states), dtype=np.int64)
    tables[np.arange(n_tables), 0, digits[-1]] = 1
    tables[:, 1:-1] = digits[:-1].T.reshape(n_tables, n_states - 1, n_states)
    # Every state but the end is left as often as it is entered, from s_0 too.
    left = tables[:, 1:-1].sum(axis=2) + (np.arange(n_states - 1) == end)
    tables[:, -1, :-1] = left - tables[:, :-1, :-1].sum(axis=1)
    tables[:, -1, -1] = length - tables.sum(axis=(1, 2))
    return tables
