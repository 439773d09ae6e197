"""Counts by blocks of time, to ask whether the chain was the same all along."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from analytic.counts import check_cells, table_shape
from analytic.validate import Ints, check_order
from bayes_markov.counts import TransitionCounts
from bayes_markov.labels import MISSING_CODE, Label, as_label, check_one_type, is_missing
from bayes_markov.sequences import as_sequences, encode


def count_blocks(
    sequences: Iterable[Any],
    blocks: int | Iterable[Any],
    *,
    states: Iterable[Any] | None = None,
    order: int = 1,
) -> TransitionCounts:
    r"""Count the transitions within each block of time; the blocks are the units of the result.

    A transition belongs to the block of the state that it leaves, so none is lost between two
    blocks; the one out of s_0 to the block of the first state. With b blocks, position t of a
    sequence of length T is in block

    .. math:: \lceil b t / T \rceil.

    Parameters
    ----------
    sequences : iterable of sequences
        Sequences of labels, as for `TransitionCounts.from_sequences`. A missing value (None, NaN,
        empty text) drops the transitions that it is part of.
    blocks : int or iterable of sequences
        Number of blocks, the same for every sequence; or the block of each position, in sequences
        of the same lengths: years, say. A flat list goes with a flat list of labels.
    states : iterable, optional
        The state space in the wanted order; by default the labels found, in natural order.
    order : int, default 1
        Length of the history.

    Returns
    -------
    TransitionCounts
        One unit for each block, in order of first appearance; all units together are the counts
        of the sequences.

    Raises
    ------
    ValueError
        As for `TransitionCounts.from_sequences`; blocks that do not fit the sequences.
    TypeError
        `blocks` is neither a number nor names.

    Examples
    --------
    >>> count_blocks("r r s r s s s s".split(), 2)
    TransitionCounts: 8 transitions, 2 states (natural sort), order 1, 2 units
            r  s
      <s0>  1  0
      r     1  2
      s     1  3
    """
    check_order(order)
    listed = as_sequences(sequences)
    codes, space = encode(listed, states=states, missing="break")
    named = _numbered(blocks, listed) if isinstance(blocks, int | np.integer) else _named(blocks)
    lengths, expected = [len(path) for path in named], [len(path) for path in listed]
    if lengths != expected:
        raise ValueError(
            f"blocks must name a block for each position; it has {lengths[:5]} for the first "
            f"sequences, which have lengths {expected[:5]}"
        )
    labels = [_block(block, t) for path in named for t, block in enumerate(path)]
    check_one_type(labels, "blocks")
    found = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    check_cells(len(found), len(space), order)
    number = np.array([found[label] for label in labels])
    table = np.zeros((len(found), *table_shape(len(space), order)), dtype=np.int64)
    begin = 0
    for path in codes:
        _add_transitions(table, path, number[begin : begin + len(path)], order)
        begin += len(path)
    return TransitionCounts(table, space, order, tuple(found))


def _numbered(blocks: int, sequences: list[Sequence[Any]]) -> list[list[int]]:
    """Cut each sequence into equal blocks, numbered from 1."""
    if isinstance(blocks, bool) or blocks < 1:
        raise ValueError(f"blocks must be an integer >= 1, or name the blocks, got {blocks!r}")
    return [
        [-(-(t + 1) * int(blocks) // len(path)) for t in range(len(path))] for path in sequences
    ]


def _named(blocks: Iterable[Any]) -> list[Sequence[Any]]:
    """Take the names of blocks, of one sequence or of each."""
    try:
        return as_sequences(blocks)
    except (TypeError, ValueError):
        raise TypeError(
            f"blocks must be an integer, or a list with the block of each position, got {blocks!r}"
        ) from None


def _block(value: Any, position: int) -> Label:
    """Label of a block."""
    where = f"a block at position {position}"
    if is_missing(value):
        raise ValueError(f"{where} is {value!r}, a missing value; name a block for each position")
    return as_label(value, where)


def _add_transitions(table: Ints, path: Ints, block: Ints, order: int) -> None:
    """Add the transitions of one path to the tables of the blocks of their sources."""
    # Index 0 of a history is s_0, which comes before the path.
    states = np.concatenate(
        [np.zeros(order, np.int64), np.where(path == MISSING_CODE, -1, path + 1)]
    )
    history = [states[order - lag : len(states) - lag] for lag in range(order, 0, -1)]
    source = np.concatenate([block[:1], block[:-1]])
    whole = np.all([part >= 0 for part in (*history, path)], axis=0)
    np.add.at(table, tuple(part[whole] for part in (source, *history, path)), 1)
