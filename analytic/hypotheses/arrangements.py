r"""Random sequences with the transition counts of the data.

Under a chain of order u every sequence with the same counts of order u, the same first u and the
same last u states has the same probability, whatever the transition matrix. Such sequences are
Eulerian circuits: vertices are histories of length u, every transition is an arc from one history
to the next, and from the last history of each sequence an arc leads back to s_0.

References
----------
.. [1] Whittle, P. (1955). Some distribution and moment formulae for the Markov chain. Journal of
   the Royal Statistical Society B 17, 235-242.
.. [2] Besag, J. and Mondal, D. (2013). Exact goodness-of-fit tests for Markov chains. Biometrics
   69, 488-496.
"""

from typing import NamedTuple

import numpy as np

from analytic.counts import table_shape
from analytic.hypotheses.eulerian import Multigraph, random_circuits
from analytic.hypotheses.history import lower_to
from analytic.validate import Bools, Counts, Ints


class Arrangement(NamedTuple):
    """What is shuffled: a multigraph of histories, and what its arcs write."""

    graph: Multigraph

    writes: Ints
    """State that each kind of arc writes, counted from 1; 0 ends a sequence, -1 is silent."""

    start: int
    """Vertex where the walk begins."""

    circular: bool
    """Whether the walk is one circular sequence, with neither s_0 nor ends."""

    sequences: int
    """Number of sequences."""

    n_states: int

    law: str
    """In words, what is drawn from and what is held."""


def arrangement(table: Counts, order: int) -> Arrangement | None:
    """Prepare to draw sequences that share a table's counts of a lower order, and their ends.

    Parameters
    ----------
    table : ndarray
        Whole-numbered counts of one table of order above `order`, with rows for s_0. These may be
        empty: the counts are then those of one path whose first states can be told from them, or
        of a circular one.
    order : int
        Order of the counts that are held. For order 0 the states are held, and the first and the
        last state of every sequence.

    Returns
    -------
    Arrangement or None
        None where the table is not that of whole sequences, as with several of them and empty
        rows for s_0, or with gaps.
    """
    n_states, higher = table.shape[-1], table.ndim - 1
    counts = table.astype(np.int64)
    if counts.sum() == 0:
        return None
    surplus = surplus_of_entries(counts)
    if counts[(0,) * higher].sum() == 0:
        filled = _with_first_states(counts, surplus)
        if filled is None:
            return None
        counts = filled
        surplus = surplus_of_entries(counts)
    circular = not surplus.any()
    ends = surplus.copy()
    ends[(0,) * higher] = 0
    if (ends < 0).any() or not _in_one_piece(counts, circular):
        return None
    sequences = 1 if circular else int(ends.sum())
    what = "the same states" if order == 0 else f"the same counts of order {order}"
    if circular:
        law = f"random circular sequences with {what}"
    elif sequences == 1:
        law = f"random sequences with {what} and the same ends"
    else:
        law = (
            f"random sets of {sequences} sequences with {what}, the same first and last states, "
            f"and free lengths"
        )
    source, target, writes, times = _arcs(counts, ends, order)
    # Vertices are numbered as they occur; s_0 comes first where there is one.
    _, numbers = np.unique(np.concatenate([source, target]), return_inverse=True)
    source, target = numbers[: source.size], numbers[source.size :]
    by_source = np.argsort(source, kind="stable")
    graph = Multigraph(source[by_source], target[by_source], times[by_source])
    return Arrangement(graph, writes[by_source], 0, circular, sequences, n_states, law)


def draw_tables(shuffle: Arrangement, order: int, rng: np.random.Generator, size: int) -> Ints:
    """Tables of counts of uniformly random sequences.

    Parameters
    ----------
    shuffle : Arrangement
        What is drawn from.
    order : int
        Order of the tables.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of int64
        Shape (size, K+1, ..., K+1, K).
    """
    cells = draw_cells(shuffle, order, rng, size)
    shape = table_shape(shuffle.n_states, order)
    return count_cells(cells, int(np.prod(shape))).reshape(size, *shape)


def draw_cells(shuffle: Arrangement, order: int, rng: np.random.Generator, size: int) -> Ints:
    """Cells, in a flat table of an order, of the transitions of random sequences in turn."""
    written = draw_sequences(shuffle, rng, size)
    cell, stride = written - 1, shuffle.n_states
    inside = np.ones(written.shape, dtype=np.bool_)
    for lag in range(1, order + 1):
        past = np.roll(written, lag, axis=1)
        if not shuffle.circular:
            past[:, :lag] = 0
        inside &= past > 0
        cell = cell + np.where(inside, past, 0) * stride
        stride *= shuffle.n_states + 1
    return cell[written > 0].reshape(size, -1)


def count_cells(cells: Ints, n_cells: int) -> Ints:
    """Count the cells of each row; shape (rows, n_cells)."""
    offset = np.arange(len(cells))[:, None] * n_cells
    return np.bincount((cells + offset).ravel(), minlength=len(cells) * n_cells).reshape(
        len(cells), n_cells
    )


def draw_sequences(shuffle: Arrangement, rng: np.random.Generator, size: int) -> Ints:
    """Uniformly random sequences, one draw per row: states from 1, and 0 after each sequence."""
    kinds = random_circuits(shuffle.graph, shuffle.start, rng, size)
    written = shuffle.writes[kinds]
    return written[written >= 0].reshape(size, -1)


def draw_paths(table: Counts, rng: np.random.Generator) -> list[Ints] | None:
    """One draw of the sequences behind a table, states from 1, all arrangements equally likely.

    The first states are in front also where the table has no rows for s_0. None as for
    `arrangement`.
    """
    order = table.ndim - 1
    shuffle = arrangement(table, order)
    if shuffle is None:
        return None
    (written,) = draw_sequences(shuffle, rng, 1)
    if shuffle.circular:
        turned = np.roll(written, rng.integers(written.size))
        return [np.concatenate([np.resize(turned[::-1], order)[::-1], turned])]
    ends = np.flatnonzero(written == 0)
    return np.split(written[written > 0], ends[:-1] - np.arange(ends.size - 1))


def surplus_of_entries(counts: Ints) -> Ints:
    """How many times more often each history is entered than left; shape (K+1,) * order."""
    return _entered(counts) - counts.sum(axis=-1)


def _entered(counts: Ints) -> Ints:
    """How often each history is entered; shape (K+1,) * order."""
    order = counts.ndim - 1
    return np.pad(counts.sum(axis=0), [(0, 0)] * (order - 1) + [(1, 0)])


def _with_first_states(counts: Ints, surplus: Ints) -> Ints | None:
    """Add the transitions out of s_0 of a path that was counted without them."""
    order = counts.ndim - 1
    if not surplus.any():
        return counts
    if np.abs(surplus).sum() != 2:
        return None
    (first,) = np.argwhere(surplus == -1)
    filled = counts.copy()
    for known in range(order):
        filled[(0,) * (order - known) + (*first[:known], first[known] - 1)] += 1
    return filled


def _in_one_piece(counts: Ints, circular: bool) -> Bools:
    """Tell whether every history that is left can be reached from s_0, or from every other."""
    left = counts.sum(axis=-1) > 0
    reached = np.zeros(left.shape, dtype=np.bool_)
    begin = np.argwhere(left)[0] if circular else np.zeros(left.ndim, dtype=np.int64)
    reached[tuple(begin)] = True
    while True:
        further = reached | (_entered(np.where(reached[..., None], counts, 0)) > 0)
        if (further == reached).all():
            return np.asarray((reached | ~left).all())
        reached = further


def _arcs(counts: Ints, ends: Ints, order: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Source, target, state written and number of each kind of arc between histories.

    A history is named by its digits in base K + 1, so that s_0 is 0.
    """
    n_states = counts.shape[-1]
    base = n_states + 1
    if order == 0:
        return _arcs_through_a_hub(lower_to(counts, 1).astype(np.int64), _lower_ends(ends, 1))
    lowered = lower_to(counts, order).reshape(-1, n_states)
    history, state = np.nonzero(lowered)
    last = _lower_ends(ends, order).ravel()
    (final,) = np.nonzero(last)
    return (
        np.concatenate([history, final]),
        np.concatenate([history % base ** (order - 1) * base + state + 1, np.zeros_like(final)]),
        np.concatenate([state + 1, np.zeros_like(final)]),
        np.concatenate([lowered[history, state], last[final]]),
    )


def _arcs_through_a_hub(counts: Ints, ends: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Arcs that forget the present state: from every state to a hub, and from it to the next."""
    n_states = counts.shape[-1]
    hub = n_states + 1
    states = np.arange(1, hub)
    zero = np.zeros(n_states, dtype=np.int64)
    source = np.concatenate([zero, states, zero + hub, states])
    target = np.concatenate([states, zero + hub, states, zero])
    writes = np.concatenate([states, zero - 1, states, zero])
    times = np.concatenate([counts[0], counts[1:].sum(axis=1), counts[1:].sum(axis=0), ends[1:]])
    some = times > 0
    return source[some], target[some], writes[some], times[some]


def _lower_ends(ends: Ints, order: int) -> Ints:
    """Last histories of a lower order."""
    for _ in range(ends.ndim - order):
        ends = ends.sum(axis=0)
    return ends
