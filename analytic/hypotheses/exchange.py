r"""Random tables of blocks or units, if one transition matrix holds for all of them.

Under one matrix the sequences that share the counts of all tables together, their lengths and their
first states are equally likely. Cut where the data are cut, they give random tables.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from analytic.hypotheses.arrangements import arrangement, count_cells, draw_cells, draw_paths
from analytic.hypotheses.hypothesis import in_blocks
from analytic.hypotheses.rearrangement import layout, rearranged, swap, unit_tables
from analytic.hypotheses.two_way import random_tables
from analytic.validate import Counts, Ints

MOVES_PER_STATE = 3
"""Exchanges that are tried for every state of the data, within the limits below.

Where three times as many were tried, the mean and spread of G^2 stayed the same.
"""

LEAST_MOVES, MOST_MOVES = 200, 10_000


class RandomTables(NamedTuple):
    """Where random tables come from."""

    law: str
    """In words, what is drawn from and what is held."""

    draw: Callable[[np.random.Generator, int], Iterator[Counts]]
    """Yields so many sets of tables, a number at a time: shape (number, *tables.shape)."""


def rearranged_blocks(tables: Counts) -> RandomTables | None:
    """Blocks of random sequences with the transition counts of one sequence that was cut.

    Parameters
    ----------
    tables : ndarray
        Whole-numbered counts of the blocks in time, shape (S, *history, K), with rows for s_0.

    Returns
    -------
    RandomTables or None
        None where the blocks together are not one sequence.
    """
    order = tables.ndim - 2
    shuffle = arrangement(tables.sum(axis=0), order) if order else None
    if shuffle is None or shuffle.sequences > 1:
        return None
    sizes = tables.reshape(len(tables), -1).sum(axis=1).astype(np.int64)
    n_cells = tables[0].size
    first_cell = np.repeat(np.arange(len(tables)), sizes) * n_cells

    def draw(rng: np.random.Generator, size: int) -> Iterator[Counts]:
        for block in in_blocks(size, tables.size + 2 * first_cell.size):
            cells = draw_cells(shuffle, order, rng, block)
            if shuffle.circular:
                # Nothing tells where the circle was cut.
                turn = rng.integers(cells.shape[1], size=(block, 1))
                cells = np.take_along_axis(
                    cells, (np.arange(cells.shape[1]) + turn) % cells.shape[1], axis=1
                )
            # The first states of a path without rows for s_0 are not among the counts.
            cells = cells[:, cells.shape[1] - first_cell.size :] + first_cell
            yield count_cells(cells, len(tables) * n_cells).reshape(block, *tables.shape)

    started = tables.reshape(len(tables), -1, tables.shape[-1])[:, 0].any()
    law = f"{shuffle.law}, cut into blocks of the same lengths"
    return RandomTables(law if started else f"{law} (taken for one sequence)", draw)


def rearranged_units(
    tables: Counts, rng: np.random.Generator, *, first_states_free: bool
) -> RandomTables | None:
    """Units whose sequences exchange stretches, so that all transition counts together stay.

    Parameters
    ----------
    tables : ndarray
        Whole-numbered counts, shape (units, *history, K), with rows for s_0.
    rng : numpy.random.Generator
        Source of randomness, for the sequences behind each table.
    first_states_free : bool
        Whether first states may change places too.

    Returns
    -------
    RandomTables or None
        None where some table does not tell how its sequences begin and end.
    """
    order, n_states = tables.ndim - 2, tables.shape[-1]
    paths: list[Ints] = []
    unit_of_path: list[int] = []
    for unit, table in enumerate(tables):
        drawn = draw_paths(table, rng) if order and table.sum() else []
        if drawn is None or order == 0:
            return None
        paths += drawn
        unit_of_path += [unit] * len(drawn)
    lengths = np.array([path.size for path in paths], dtype=np.int64)
    where = layout(lengths, order, first_states_free=first_states_free)
    row = np.concatenate([np.concatenate([np.zeros(order, np.int64), path]) for path in paths])
    moves = min(max(LEAST_MOVES, MOVES_PER_STATE * row.size), MOST_MOVES)
    unit_of_state = np.repeat(np.array(unit_of_path), lengths + order)

    def draw(rng: np.random.Generator, size: int) -> Iterator[Counts]:
        states = rearranged(row, where, swap, moves, rng, size)
        done = 0
        for block in in_blocks(size, tables.size + row.size):
            part = unit_tables(
                states[done : done + block], where, unit_of_state, n_states, len(tables)
            )
            done += block
            yield part.reshape(block, *tables.shape)

    held = "number" if first_states_free else "first states"
    return RandomTables(
        f"sequences that exchange stretches, holding all counts together of order {order} and the "
        f"lengths and {held} of the sequences",
        draw,
    )


def dealt_exits(tables: Counts, what: str) -> RandomTables:
    """Deal the exits from each history to the blocks or units at random.

    This is exact at order 0, and if every sequence has one transition; otherwise it overlooks that
    what is left next depends on where an exit led.
    """
    layers = np.moveaxis(tables.reshape(len(tables), -1, tables.shape[-1]), 0, -2)

    def draw(rng: np.random.Generator, size: int) -> Iterator[Counts]:
        for block in in_blocks(size, tables.size):
            drawn = random_tables(layers, rng, block)
            yield np.moveaxis(drawn, -2, 1).reshape(block, *tables.shape)

    law = f"exits from each history dealt at random to the {what}s, both totals held"
    if tables.ndim > 2:
        law += " (approximate: the tables do not tell where sequences begin and end)"
    return RandomTables(law, draw)
