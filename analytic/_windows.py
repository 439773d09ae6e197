"""Counting the windows of joined paths, a block at a time, in memory that does not grow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytic.validate import Bools, Ints

BLOCK = 2**15
"""Codes that are looked at together: few enough for the cache of a processor."""


def count_windows(
    codes: NDArray[Any],
    lengths: Ints,
    n_states: int,
    order: int,
    *,
    missing: int | None,
    per_path: bool,
    first: int,
) -> Ints:
    """Count the transitions of paths that are joined end to end.

    Every window of order + 1 codes is counted as if there were one path. The windows across a
    border are few; they are taken back, and those that start at s_0 are put in their place.

    Parameters
    ----------
    codes : ndarray of integers
        All paths, joined.
    lengths : ndarray of int64
        Length of each path, 1 or more.
    n_states, order, missing, per_path
        As in `count_transitions`.
    first : int
        Number of the first path, for messages.

    Returns
    -------
    ndarray of int64
        Shape (paths or 1, (K+1) ** order * K).

    Raises
    ------
    ValueError
        A code that is neither a state nor missing.
    """
    symbols = n_states + (missing is not None)  # one more for what is missing
    ends = np.cumsum(lengths)
    windows = np.zeros((lengths.size if per_path else 1, symbols ** (order + 1)), dtype=np.int64)
    for start in range(0, codes.size, BLOCK):
        block, outside = _recoded(codes[max(start - order, 0) : start + BLOCK], n_states, missing)
        if outside is not None:
            place = max(start - order, 0) + int(np.argmax(outside))
            held = int(np.searchsorted(ends, place, side="right"))
            raise ValueError(
                f"path {first + held} holds code {codes[place]} at position "
                f"{place - int(ends[held] - lengths[held])}, expected 0, ..., {n_states - 1}; "
                f"give missing={codes[place]} if it stands for a missing value"
            )
        number = block.size - order
        if number > 0:
            cell = _cells([block[lag : lag + number] for lag in range(order + 1)], symbols)
            _add(windows, cell, ends, max(start, order), per_path)

    starts = ends - lengths
    shape = (len(windows), *(n_states + 1,) * order, n_states)
    tables = np.zeros(shape, dtype=np.int64)
    flat = tables.reshape(len(windows), -1)
    for depth in range(order):
        path = np.flatnonzero(lengths > depth)
        at = starts[path] + depth
        row = path if per_path else np.zeros_like(path)
        crossing = at >= order
        if crossing.any():
            columns = [_at(codes, at[crossing] - lag, n_states, missing) for lag in _down(order)]
            np.subtract.at(windows, (row[crossing], _cells(columns, symbols)), 1)
        columns = [_at(codes, at - lag, n_states, missing) for lag in _down(depth)]
        present = np.all([column < n_states for column in columns], axis=0)
        history = [column[present] + 1 for column in columns[:-1]]
        cell = _cells(history, n_states + 1) if history else np.zeros(present.sum(), np.int64)
        np.add.at(flat, (row[present], cell * n_states + columns[-1][present]), 1)

    real = windows.reshape(-1, *(symbols,) * (order + 1))
    kept = (slice(None), *(slice(n_states),) * (order + 1))
    tables[(slice(None), *(slice(1, None),) * order)] += real[kept]
    return flat


def _recoded(codes: NDArray[Any], n_states: int, missing: int | None) -> tuple[Ints, Bools | None]:
    """Codes as int64, K where one is missing; and which are no code, if any is none."""
    block = codes.astype(np.int64, copy=False)
    if missing is None:
        # Before the cast: what is too large for int64 must not come back as a code.
        if codes.min() >= 0 and codes.max() < n_states:
            return block, None
        return block, (codes < 0) | (codes >= n_states)
    absent = codes == missing
    outside = ((codes < 0) | (codes >= n_states)) & ~absent
    return np.where(absent, n_states, block), outside if outside.any() else None


def _cells(columns: list[Ints], symbols: int) -> Ints:
    """Give the cell of each word, its letters one column after another."""
    cell = columns[0]
    for column in columns[1:]:
        cell = cell * symbols
        cell += column
    return cell


def _add(windows: Ints, cell: Ints, ends: Ints, start: int, per_path: bool) -> None:
    """Add the windows that end at `start` and after it, to the table of their path or to one."""
    cells = windows.shape[1]
    rows = windows
    if per_path:
        stop = start + cell.size
        low, high = np.searchsorted(ends, [start, stop - 1], side="right")
        borders = np.concatenate(([start], np.minimum(ends[low : high + 1], stop)))
        cell = cell + cells * np.repeat(np.arange(high - low + 1), np.diff(borders))
        rows = windows[low : high + 1]
    if rows.size <= BLOCK:
        rows += np.bincount(cell, minlength=rows.size).reshape(rows.shape)
    else:
        np.add.at(rows.reshape(-1), cell, 1)


def _at(codes: NDArray[Any], at: Ints, n_states: int, missing: int | None) -> Ints:
    """Codes at some places, K where one is missing."""
    return _recoded(codes[at], n_states, missing)[0] if at.size else np.zeros(0, dtype=np.int64)


def _down(order: int) -> range:
    """Lags of a window, the oldest first."""
    return range(order, -1, -1)
