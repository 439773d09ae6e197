"""Tables of sequences simulated from a transition matrix of any order, begun where the data began.

A history is known by its number in a flat table: its digits in base K + 1, s_0 being 0.
"""

from typing import NamedTuple

import numpy as np

from analytic.hypotheses.arrangements import count_cells, surplus_of_entries
from analytic.hypotheses.history import without_start_rows
from analytic.validate import Bools, Counts, Floats, Ints


class Beginnings(NamedTuple):
    """Where sequences begin, and how many transitions they have."""

    histories: Ints
    """Number of the history that each sequence begins with; empty where that cannot be told."""

    weights: Floats
    """How often each history is left; where `histories` is empty, one begins at random so."""

    lengths: Ints
    """Transitions of each sequence, in descending order."""

    law: str
    """In words, what is known of the data and held."""


def beginnings(table: Counts, start: str) -> Beginnings:
    """Tell from a table where its sequences begin; their transitions are shared out evenly.

    Parameters
    ----------
    table : ndarray
        Whole-numbered counts of one table, with rows for s_0. Where these are empty, sequences
        begin in the histories that are left more often than entered.
    start : {"given", "s0"}
        Whether the transitions out of s_0 are given, or simulated too.

    Returns
    -------
    Beginnings
        Of at least one sequence.
    """
    order = table.ndim - 1
    counts = table.astype(np.int64)
    free = start == "s0" and counts[(0,) * order].sum() > 0
    total = int(counts.sum() if free or order == 0 else without_start_rows(counts).sum())
    if order == 0:
        begun = np.array(1)
    elif free:
        begun = np.zeros(counts.shape[:-1], dtype=np.int64)
        begun[(0,) * order] = counts[(0,) * order].sum()
    else:
        # The last transition with s_0 in its history leads to the first whole history.
        begun = np.zeros(counts.shape[:-1], dtype=np.int64)
        whole = (slice(1, None),) * order
        begun[whole] = counts[0][whole[1:]]
        if not begun.any():
            begun[whole] = np.maximum(-surplus_of_entries(counts), 0)[whole]
    histories = np.repeat(np.arange(begun.size), begun.ravel())
    number = max(1, histories.size)
    lengths = total // number + (np.arange(number) < total % number)
    if histories.size == 0:
        law = "a random first state"
    elif number == 1:
        law = "the same beginning"
    else:
        law = f"the same beginnings of {number} sequences, of equal lengths"
    return Beginnings(histories, counts.sum(axis=-1).ravel().astype(np.float64), lengths, law)


def reached_histories(A: Floats, begin: Beginnings) -> Bools:
    """Histories that sequences may come to; shape of A without its last axis."""
    n_states = A.shape[-1]
    flat = A.reshape(-1, n_states)
    reached = np.zeros(len(flat), dtype=np.bool_)
    reached[begin.histories if begin.histories.size else begin.weights > 0] = True
    while True:
        history, state = np.nonzero(reached[:, None] & (flat > 0))
        further = reached.copy()
        further[_following(history, state, len(flat), n_states)] = True
        if (further == reached).all():
            return reached.reshape(A.shape[:-1])
        reached = further


def simulate_tables(A: Floats, begin: Beginnings, rng: np.random.Generator, size: int) -> Ints:
    """Simulate the sequences and count them.

    Parameters
    ----------
    A : ndarray
        Transition probabilities with rows for s_0; rows that are not reached may be NaN.
    begin : Beginnings
        Where the sequences begin and how long they are.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of int64
        Counts, shape (size, *A.shape).
    """
    n_states = A.shape[-1]
    flat = np.nan_to_num(A).reshape(-1, n_states)
    cumulative = np.cumsum(flat, axis=1)
    with np.errstate(invalid="ignore"):
        # Over the last one, so that no draw can fall beyond it, nor on a last state of 0.
        cumulative /= cumulative[:, -1:]
    if begin.histories.size:
        at = np.tile(begin.histories, (size, 1))
    else:
        at = rng.choice(len(flat), p=begin.weights / begin.weights.sum(), size=(size, 1))
    cells = []
    for step in range(int(begin.lengths.max())):
        at = at[:, : int((begin.lengths > step).sum())]
        drawn = rng.random(at.shape)
        state = (drawn[..., None] >= cumulative[at]).sum(axis=-1)
        cells.append(at * n_states + state)
        at = _following(at, state, len(flat), n_states)
    counted = count_cells(np.concatenate(cells, axis=1), flat.size)
    return counted.reshape(size, *A.shape)


def _following(history: Ints, state: Ints, n_histories: int, n_states: int) -> Ints:
    """Find the number of the history after a transition: the oldest state is forgotten."""
    if n_histories == 1:
        return np.zeros_like(history)
    return history % (n_histories // (n_states + 1)) * (n_states + 1) + state + 1
