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
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytic._windows import count_windows
from analytic.validate import (
    INT64_MAX,
    Bools,
    Counts,
    Ints,
    as_counts,
    check_integer,
    check_order,
    is_integer,
    refuse_masked,
    split_axes,
)

MAX_CELLS = 10**8
"""Largest table that is made, in cells (0.8 GB); K states at order k take (K+1)^k K cells."""


CODES_AT_ONCE = 2**20
"""Codes of a list of paths that are joined at a time."""


def table_shape(n_states: int, order: int) -> tuple[int, ...]:
    """Shape of one table, (K+1,) * order + (K,).

    Raises ValueError for a table of more than `MAX_CELLS` cells.

    Examples
    --------
    >>> table_shape(3, 2)
    (4, 4, 3)
    """
    check_order(order)
    check_integer("n_states", n_states, 1)
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
    if missing is not None:
        _check_missing(missing, int(n_states))
    given = paths if isinstance(paths, np.ndarray) else _listed(paths)
    if per_path:
        one = isinstance(given, np.ndarray) and given.ndim < 2
        check_cells(1 if one else len(given), int(n_states), order)
    cells = int(np.prod(shape))
    tables: list[Ints] = []
    first = 0
    for codes, lengths in _joined(given, max(CODES_AT_ONCE, cells)):
        counted = count_windows(
            codes, lengths, int(n_states), order, missing=missing, per_path=per_path, first=first
        )
        first += lengths.size
        if per_path or not tables:
            tables.append(counted)
        else:
            tables[0] += counted
    flat = np.concatenate(tables) if len(tables) > 1 else tables[0]
    return flat.reshape(-1, *shape) if per_path else flat.reshape(shape)


def _joined(
    paths: NDArray[Any] | list[NDArray[Any]], least: int
) -> Iterator[tuple[NDArray[Any], Ints]]:
    """Join paths end to end, in groups of `least` codes or more; an array stays as it is."""
    if isinstance(paths, np.ndarray):
        if paths.ndim not in (1, 2):
            raise ValueError(f"paths must have one or two dimensions, got shape {paths.shape}")
        if paths.shape[0] == 0:
            raise ValueError("paths is empty; there is nothing to count")
        *many, length = paths.shape
        if many:
            refuse_masked("paths", paths)
        _check_path(0, paths[0] if many else paths)
        yield paths.reshape(-1), np.full(many or 1, length, dtype=np.int64)
        return
    for number, path in enumerate(paths):
        _check_path(number, path)
    first = size = 0
    for number, path in enumerate(paths):
        size += path.size
        if size >= least or number == len(paths) - 1:
            group = paths[first : number + 1]
            lengths = np.array([each.size for each in group], dtype=np.int64)
            yield group[0] if len(group) == 1 else _concatenated(group), lengths
            first, size = number + 1, 0


def _listed(paths: ArrayLike | Sequence[ArrayLike]) -> list[NDArray[Any]]:
    """Arrays of one path or of many."""
    if isinstance(paths, set | frozenset | dict):
        raise ValueError(
            f"paths must be a sequence, got a {type(paths).__name__}, which has no order"
        )
    given: Any = paths  # what cannot be listed is refused
    try:
        listed = list(given)
    except TypeError:
        raise ValueError(f"paths must be a sequence of integer codes, got {paths!r}") from None
    flat = [np.ndim(item) == 0 for item in listed]
    if any(flat) and not all(flat):
        raise ValueError(
            f"paths mixes single codes and sequences (item {flat.index(not flat[0])}); "
            f"give one path or a list of paths"
        )
    if not listed:
        raise ValueError("paths is empty; there is nothing to count")
    return [np.asanyarray(listed)] if all(flat) else [np.asanyarray(path) for path in listed]


def _check_path(number: int, path: NDArray[Any]) -> None:
    """Refuse what is no path of integers."""
    refuse_masked(f"path {number}", path)
    if path.ndim != 1:
        raise ValueError(f"path {number} must have one dimension, got shape {path.shape}")
    if path.size == 0:
        raise ValueError(f"path {number} is empty; leave it out")
    if path.dtype.kind not in "iu":
        raise ValueError(
            f"path {number} must hold integer codes, got dtype {path.dtype}; "
            f"translate labels to 0, ..., n_states - 1 first"
        )


def _concatenated(paths: list[NDArray[Any]]) -> NDArray[Any]:
    """Join paths; int64 and uint64 have no integer type in common, so each is checked first."""
    for number, path in enumerate(paths):
        if path.dtype == np.uint64 and path.max() > INT64_MAX:
            raise ValueError(f"path {number} holds code {path.max()}, which is too large")
    return np.concatenate([path.astype(np.int64, copy=False) for path in paths])


def _check_missing(missing: object, n_states: int) -> None:
    """Refuse a code for missing values that is none, or that is a state's."""
    if not is_integer(missing):
        raise ValueError(f"missing must be an integer code, got {missing!r}")
    if 0 <= missing < n_states:
        raise ValueError(f"missing={missing} is the code of a state; choose one outside")


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
        As for ``table_shape``.

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
