"""Count tables of many simulated paths, without the paths."""

from collections.abc import Iterator, Sequence

import numpy as np

from analytic.validate import Floats, Ints


def simulate_counts(
    A: Floats, lengths: Sequence[int], replicates: int, *, rng: np.random.Generator
) -> Iterator[tuple[Ints, Ints]]:
    r"""Draw paths and count their transitions, all paths abreast, one step at a time.

    .. math:: n_{ij}(T) = \sum_{t=1}^{T} 1\{z_{t-1} = i,\ z_t = j\}, \qquad z_0 = s_0

    The tables of a shorter length are those of the same paths at an earlier time. The random
    numbers are used as `analytic.simulate` uses them, so that both give the same paths.

    Parameters
    ----------
    A : ndarray
        Transition matrix, shape (K+1, K), or one for each path, shape (replicates, K+1, K).
    lengths : sequence of int
        Lengths to stop at, increasing.
    replicates : int
        Number of paths.
    rng : numpy.random.Generator
        Source of randomness.

    Yields
    ------
    tables : ndarray of int64
        Counts up to the next length, shape (replicates, K+1, K). Read-only: many look at them.
    last : ndarray of int64
        The state that each path is in, shape (replicates,); read-only.

    Examples
    --------
    >>> A = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> rng = np.random.default_rng(1)
    >>> [tables[0].tolist() for tables, last in simulate_counts(A, [1, 4], 1, rng=rng)]
    [[[1, 0], [0, 0], [0, 0]], [[1, 0], [0, 2], [1, 0]]]
    """
    n_states = A.shape[-1]
    shape = (replicates, n_states + 1, n_states)
    cumulative = A.cumsum(axis=-1)
    cumulative /= cumulative[..., -1:]
    thresholds = [np.ascontiguousarray(cumulative[..., k]).ravel() for k in range(n_states - 1)]
    counts = np.zeros(shape, dtype=np.min_scalar_type(lengths[-1]))
    flat = counts.reshape(-1)
    path = np.arange(replicates) * (n_states + 1)
    own_matrix = path if A.ndim == 3 else np.zeros_like(path)
    row = np.zeros(replicates, dtype=np.int64)
    wanted = set(lengths)
    for t in range(1, lengths[-1] + 1):
        uniform = rng.random(replicates)
        at = own_matrix + row
        state = np.zeros(replicates, dtype=np.int64)
        for threshold in thresholds:
            state += uniform >= threshold.take(at)
        # Every path adds to a table of its own, so that no cell occurs twice.
        flat[(path + row) * n_states + state] += 1
        row = state + 1
        if t in wanted:
            tables = counts.astype(np.int64)
            tables.flags.writeable = state.flags.writeable = False
            yield tables, state
