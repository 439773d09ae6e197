"""Transition counts, the sufficient statistic of a Markov chain.

A chain over the states 0, ..., K-1 starts at z_0 = s_0, a state of its own that is left at
once and never entered again. Its data reach the parameters only through

    n[i, j] = how often j followed i,

so a row total is the number of *departures* from i. It is not the number of visits: the last
state of a sequence is visited and not left.

Array law: ``table[..., i, j]`` has the next state on its last axis (K entries); the axes before
it are the history, oldest first (K + 1 entries each, index 0 is s_0, index i + 1 is state i).
Order 1 is (K+1, K), order 0 is (K,), order k is (K+1,) * k + (K,). Leading axes are batches.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import (
    Bools,
    Counts,
    Ints,
    as_counts,
    check_order,
    refuse_masked,
    split_axes,
)

MAX_CELLS = 10**8
"""Largest table that is made, in cells (0.8 GB); K states at order k take (K+1)^k K cells."""


def table_shape(n_states: int, order: int) -> tuple[int, ...]:
    """Shape of one table, (K+1,) * order + (K,).

    Raises ValueError for a table of more than `MAX_CELLS` cells.

    Examples
    --------
    >>> table_shape(3, 2)
    (4, 4, 3)
    """
    check_order(order)
    if isinstance(n_states, bool) or not isinstance(n_states, int | np.integer) or n_states < 1:
        raise ValueError(f"n_states must be an integer >= 1, got {n_states!r}")
    digits = int(order) * math.log10(int(n_states) + 1) + math.log10(int(n_states))
    if digits > math.log10(MAX_CELLS):
        raise ValueError(
            f"{n_states} states at order {order} take about 10^{digits:.1f} cells, more than the "
            f"{MAX_CELLS:.0e} that a dense table may have; lower the order or merge states"
        )
    return (int(n_states) + 1,) * int(order) + (int(n_states),)


def check_cells(n_tables: int, n_states: int, order: int) -> None:
    """Refuse more than `MAX_CELLS` cells in all tables together."""
    cells = int(np.prod(table_shape(n_states, order)))
    if n_tables * cells > MAX_CELLS:
        raise ValueError(
            f"{n_tables} tables with {cells} cells each take more than the {MAX_CELLS:.0e} cells "
            f"that tables may have together; count in groups, or lower the order"
        )


def count_transitions(
    paths: ArrayLike | Sequence[ArrayLike],
    n_states: int,
    *,
    order: int = 1,
    missing: int | None = None,
    per_path: bool = False,
) -> Ints:
    r"""Count the transitions of one path of integer codes, or of many.

    .. math:: n_{ij} = \sum_t 1\{z_{t-1} = i,\ z_t = j\}, \qquad z_0 = s_0

    Paths are counted apart and added, so no transition crosses from one into the next.

    Parameters
    ----------
    paths : sequence of int, or sequence of such sequences
        Codes 0, ..., n_states - 1. A list of integers or a 1-D array is one path; a list of
        sequences (of any lengths) or a 2-D array is many.
    n_states : int
        K, the number of states. It is never guessed from the data.
    order : int, default 1
        How many past states the next one depends on.
    missing : int, optional
        Code of a missing value, outside 0, ..., n_states - 1. A transition with a missing value
        in it is not counted, and the chain does not restart at s_0 after one.
    per_path : bool, default False
        Keep one table per path, on a new first axis.

    Returns
    -------
    ndarray of int64
        Counts, shape (K+1,) * order + (K,), with the number of paths in front if `per_path`.

    Raises
    ------
    ValueError
        No path, an empty path, a code that is not an integer or is out of range (the position is
        named), or a table that would be too large.

    Examples
    --------
    The path 0, 1, 1, 2 leaves s_0 once, and the final 2 is not a departure:

    >>> count_transitions([0, 1, 1, 2], 3)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1],
           [0, 0, 0]])

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    """
    shape = table_shape(n_states, order)
    codes, lengths = _concatenate(paths)
    _check_codes(codes, lengths, int(n_states), missing)

    position = np.arange(codes.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    cell = codes.copy()
    present = np.ones(codes.size, dtype=np.bool_) if missing is None else codes != missing
    observed = present
    stride = int(n_states)
    for lag in range(1, order + 1):
        inside = position >= lag
        past = np.zeros(codes.size, dtype=np.int64)
        past[lag:] = codes[:-lag] + 1
        cell += np.where(inside, past, 0) * stride
        past_present = np.ones(codes.size, dtype=np.bool_)
        past_present[lag:] = present[:-lag]
        observed = observed & (past_present | ~inside)
        stride *= int(n_states) + 1

    cells = int(np.prod(shape))
    if not per_path:
        return np.bincount(cell[observed], minlength=cells).reshape(shape)
    check_cells(lengths.size, int(n_states), order)
    path = np.repeat(np.arange(lengths.size), lengths)
    flat = np.bincount((path * cells + cell)[observed], minlength=lengths.size * cells)
    return flat.reshape(lengths.size, *shape)


def _concatenate(paths: ArrayLike | Sequence[ArrayLike]) -> tuple[Ints, Ints]:
    """All codes in one array, and the length of each path."""
    if isinstance(paths, np.ndarray):
        if paths.ndim not in (1, 2):
            raise ValueError(f"paths must have one or two dimensions, got shape {paths.shape}")
        pieces = [paths] if paths.ndim == 1 else list(paths)
    else:
        if isinstance(paths, set | frozenset | dict):
            raise ValueError(
                f"paths must be a sequence, got a {type(paths).__name__}, which has no order"
            )
        try:
            listed = list(paths)  # type: ignore[arg-type]
        except TypeError:
            raise ValueError(f"paths must be a sequence of integer codes, got {paths!r}") from None
        flat = [np.ndim(item) == 0 for item in listed]
        if any(flat) and not all(flat):
            raise ValueError(
                f"paths mixes single codes and sequences (item {flat.index(not flat[0])}); "
                f"give one path or a list of paths"
            )
        pieces = [np.asanyarray(listed)] if all(flat) else [np.asanyarray(path) for path in listed]
    if not pieces or (len(pieces) == 1 and pieces[0].size == 0):
        raise ValueError("paths is empty; there is nothing to count")
    for number, piece in enumerate(pieces):
        refuse_masked(f"path {number}", piece)
        if piece.ndim != 1:
            raise ValueError(f"path {number} must have one dimension, got shape {piece.shape}")
        if piece.size == 0:
            raise ValueError(f"path {number} is empty; leave it out")
        if piece.dtype.kind not in "iu":
            raise ValueError(
                f"path {number} must hold integer codes, got dtype {piece.dtype}; "
                f"translate labels to 0, ..., n_states - 1 first"
            )
    lengths = np.array([piece.size for piece in pieces], dtype=np.int64)
    return np.concatenate([piece.astype(np.int64, copy=False) for piece in pieces]), lengths


def _check_codes(codes: Ints, lengths: Ints, n_states: int, missing: int | None) -> None:
    """Every code is a state, or the code of a missing value."""
    if missing is not None and (
        isinstance(missing, bool) or not isinstance(missing, int | np.integer)
    ):
        raise ValueError(f"missing must be an integer code, got {missing!r}")
    if missing is not None and 0 <= missing < n_states:
        raise ValueError(f"missing={missing} is the code of a state; choose one outside")
    outside = (codes < 0) | (codes >= n_states)
    if missing is not None:
        outside &= codes != missing
    if outside.any():
        at = int(np.argmax(outside))
        path = int(np.searchsorted(np.cumsum(lengths), at, side="right"))
        position = at - int(lengths[:path].sum())
        raise ValueError(
            f"path {path} holds code {codes[at]} at position {position}, expected "
            f"0, ..., {n_states - 1}; give missing={codes[at]} if it stands for a missing value"
        )


def lower_order(counts: ArrayLike, *, order: int | None = None) -> Counts:
    r"""Forget the oldest step: the same transitions, counted with one less state of history.

    .. math:: n_{i_2 \dots i_k j} = \sum_{i_1} n_{i_1 i_2 \dots i_k j}

    The transitions out of s_0 are kept, so tables of all orders describe the same data.

    Parameters
    ----------
    counts : array_like
        Table of counts, shape (..., *history, K).
    order : int, optional
        Order of the table; axes before its order + 1 last ones are a batch. By default the whole
        array is one table.

    Returns
    -------
    ndarray
        Counts of order - 1, dtype kept.

    Raises
    ------
    ValueError
        The table is of order 0, or is not a table of counts.

    Examples
    --------
    >>> lower_order([[1, 0], [2, 3], [0, 4]])
    array([3, 7])
    """
    table = as_counts(counts)
    order = table.ndim - 1 if order is None else order
    if order == 0:
        raise ValueError("counts is of order 0, which has no history left to forget")
    lowered: Counts = table.sum(axis=split_axes("counts", table, order)[0])
    return lowered


def possible_histories(n_states: int, order: int) -> Bools:
    """Histories that can occur: s_0 only before real states, never after one.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    order : int
        Length of the history.

    Returns
    -------
    ndarray of bool
        Shape (K+1,) * order; 1 + K + ... + K^order entries are True.

    Raises
    ------
    ValueError
        As for `table_shape`.

    Examples
    --------
    At order 2, (s_0, s_0), (s_0, j) and (i, j) can occur and (i, s_0) cannot:

    >>> possible_histories(2, 2).astype(int)
    array([[1, 1, 1],
           [0, 1, 1],
           [0, 1, 1]])
    """
    shape = table_shape(n_states, order)[:-1]
    possible = np.ones(shape, dtype=np.bool_)
    started = np.arange(n_states + 1) > 0
    for axis in range(order - 1):
        before = started.reshape([-1 if i == axis else 1 for i in range(order)])
        after = ~started.reshape([-1 if i == axis + 1 else 1 for i in range(order)])
        possible &= ~(before & after)
    return possible
