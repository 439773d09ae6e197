r"""Random rearrangements of sequences by a Markov chain of small moves, made exact.

Where there is no way to draw rearrangements directly, a chain of moves that leaves their uniform
distribution as it is will do. From the data it is run a number of moves backward, and from the
point reached as many forward, independently for every replicate. Data and replicates are then
exchangeable, and a Monte Carlo p is exact however few the moves are; with few, replicates stay
close to the data and power is lost [1]_.

Two moves are used on the sequences, written in a row with `order` times s_0 before each:

- *swap*: two stretches of the same length exchange places, where each begins after the same history
  and ends in the same one, or each ends its sequence;
- *reverse*: a stretch between two visits to one state is turned round [2]_.

References
----------
.. [1] Besag, J. and Clifford, P. (1989). Generalized Monte Carlo significance tests. Biometrika
   76, 633-642.
.. [2] Besag, J. and Mondal, D. (2013). Exact goodness-of-fit tests for Markov chains. Biometrics
   69, 488-496.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analytic.hypotheses.arrangements import count_cells
from analytic.validate import Bools, Ints

type Move = Callable[[Ints, "Layout", int, np.random.Generator], None]


class Layout(NamedTuple):
    """Where the sequences stand in a row of states: s_0 is 0, state i is i + 1."""

    order: int
    """Length of the histories, and number of times that s_0 is written before a sequence."""

    cuts: Ints
    """Positions after which a stretch may begin."""

    end: Ints
    """Position of the last state of the sequence that each position belongs to."""


def layout(lengths: Ints, order: int, *, first_states_free: bool = False) -> Layout:
    """Lay out sequences of the given lengths; by default their first `order` states stay."""
    widths = lengths + order
    end = np.repeat(np.cumsum(widths) - 1, widths)
    position = np.arange(end.size) - np.repeat(np.cumsum(widths) - widths, widths)
    fixed = order - 1 if first_states_free else 2 * order - 1
    cuts = np.flatnonzero((position >= fixed) & (np.arange(end.size) < end))
    return Layout(order, cuts, end)


def rearranged(
    row: Ints, where: Layout, move: Move, moves: int, rng: np.random.Generator, size: int
) -> Ints:
    """Draw rearrangements that are exchangeable with the data, shape (size, row.size)."""
    longest = int((where.end[where.cuts] - where.cuts).max(initial=0))
    if longest < 1:
        return np.tile(row, (size, 1))
    # Stretches of all scales: the logarithm of their length is uniform.
    lengths = np.exp(rng.random(moves) * np.log(longest + 1)).astype(np.int64)
    centre = row[None].copy()
    for length in lengths[::-1]:
        move(centre, where, int(length), rng)
    states = np.tile(centre, (size, 1))
    for length in lengths:
        move(states, where, int(length), rng)
    return states


def unit_tables(states: Ints, where: Layout, unit: Ints, n_states: int, units: int) -> Ints:
    """Count every unit in every row of states, shape (rows, units, cells of a flat table)."""
    n_cells = n_states * (n_states + 1) ** where.order
    at = np.flatnonzero(states[0] > 0)
    cells, stride = states[:, at] - 1, n_states
    for lag in range(1, where.order + 1):
        cells = cells + states[:, at - lag] * stride
        stride *= n_states + 1
    flat = count_cells(cells + unit[at] * n_cells, units * n_cells)
    return flat.reshape(len(states), units, n_cells)


def swap(states: Ints, where: Layout, length: int, rng: np.random.Generator) -> None:
    """Try to exchange two stretches of a length in every row, in place."""
    p, q = where.cuts[rng.integers(where.cuts.size, size=(2, len(states)))]
    fits = (p + length <= where.end[p]) & (q + length <= where.end[q]) & (abs(p - q) >= length)
    rows = np.flatnonzero(fits)
    p, q = p[rows], q[rows]
    both_last = (p + length == where.end[p]) & (q + length == where.end[q])
    taken = _same_history(states, rows, p, q, where.order)
    taken &= both_last | _same_history(states, rows, p + length, q + length, where.order)
    rows, stretch = rows[taken, None], np.arange(1, length + 1)
    here, there = p[taken, None] + stretch, q[taken, None] + stretch
    states[rows, here], states[rows, there] = states[rows, there], states[rows, here]


def reverse(states: Ints, where: Layout, length: int, rng: np.random.Generator) -> None:
    """Try to turn round a stretch between two visits to a state in every row, in place."""
    p = where.cuts[rng.integers(where.cuts.size, size=len(states))]
    rows = np.flatnonzero(p + length <= where.end[p])
    p = p[rows]
    taken = states[rows, p] == states[rows, p + length]
    rows, stretch = rows[taken, None], np.arange(1, length)
    states[rows, p[taken, None] + stretch] = states[rows, p[taken, None] + length - stretch]


def _same_history(states: Ints, rows: Ints, p: Ints, q: Ints, order: int) -> Bools:
    """Tell in which rows the histories that end at two positions agree."""
    same = np.ones(rows.size, dtype=np.bool_)
    for lag in range(order):
        same &= states[rows, p - lag] == states[rows, q - lag]
    return same
