"""Tables of one order with and without rows for s_0, brought to one form.

A table of order k has K + 1 entries on each history axis, s_0 first, or K where a paper printed it
without s_0. The second is written as the first with empty rows; what was seen before the first
transition is then not known.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytic.counts import lower_order, possible_histories
from analytic.validate import Bools, Counts, as_counts, as_support, check_off_support, first


def with_start_rows(
    counts: ArrayLike, *, batch: int = 0, name: str = "counts"
) -> tuple[Counts, bool]:
    """Bring tables with or without rows for s_0 to shape (..., K+1, ..., K+1, K).

    Parameters
    ----------
    counts : array_like
        Counts, shape (*batch, K+1, ..., K+1, K) or (*batch, K, ..., K, K).
    batch : int, default 0
        Number of axes before the table.
    name : str, default "counts"
        What the argument is called in messages.

    Returns
    -------
    table : ndarray
        The counts with rows for s_0, empty ones where there were none.
    has_start : bool
        Whether the rows for s_0 were there.

    Raises
    ------
    ValueError
        Not a table of counts, of another shape, or with counts after a history in which s_0
        follows a state.

    Examples
    --------
    >>> with_start_rows([[3, 1], [0, 2]])
    (array([[0, 0],
           [3, 1],
           [0, 2]]), False)
    """
    table = as_counts(counts, name)
    n_states, order = table.shape[-1], table.ndim - batch - 1
    lead = "" if batch == 0 else "units or blocks, then "
    if order < 0:
        raise ValueError(f"{name} must have shape ({lead}history, K), got {table.shape}")
    history = table.shape[batch:-1]
    has_start = order == 0 or history == (n_states + 1,) * order
    if not has_start and history != (n_states,) * order:
        raise ValueError(
            f"{name} has shape {table.shape}; with K = {n_states} next states expected {lead}"
            f"{order} history axes of K+1 entries, s_0 first, or of K entries without s_0"
        )
    if not has_start:
        table = as_counts(np.pad(table, [(0, 0)] * batch + [(1, 0)] * order + [(0, 0)]))
    wrong = ~possible_histories(n_states, order) & (table.sum(axis=-1) > 0)
    if wrong.any():
        raise ValueError(
            f"{name} has transitions after history {first(wrong)[batch:]}, in which s_0 (index 0) "
            f"follows a state; s_0 is left at once and never entered"
        )
    return table, has_start


def support_with_start_rows(
    support: ArrayLike | None, counts: ArrayLike, table: Counts, *, batch: int = 0
) -> Bools:
    """Mask of possible transitions for one table of `with_start_rows`; without one, all True.

    `support` has the shape of one table of `counts`, or broadcasts to it.
    """
    shape = np.shape(counts)[batch:]
    mask = as_support(support, shape)
    full = np.ones(table.shape[batch:], dtype=np.bool_)
    if mask is not None:
        missing = table.ndim - batch - 1 if shape != table.shape[batch:] else 0
        full[(slice(1, None),) * missing] = mask
    check_off_support(table, np.broadcast_to(full, table.shape))
    return full


def lower_to(table: Counts, order: int, *, batch: int = 0) -> Counts:
    """Lower a table, or each one of a batch, to `order`."""
    for higher in range(table.ndim - batch - 1, order, -1):
        table = lower_order(table, order=higher)
    return table


def without_start_rows(table: NDArray[Any], *, batch: int = 0) -> NDArray[Any]:
    """Leave out the rows with s_0 in the history: shape (..., K, ..., K, K)."""
    order = table.ndim - batch - 1
    return table[(slice(None),) * batch + (slice(1, None),) * order]


def check_start(start: str, has_start: bool, name: str = "counts") -> None:
    """Check `start`: whether the transitions out of s_0 count as data or are given."""
    if start not in ("given", "s0"):
        raise ValueError(
            f'start must be "given" (rows with s_0 in the history are left out) or "s0" (they are '
            f"data), got {start!r}"
        )
    if start == "s0" and not has_start:
        raise ValueError(
            f'start="s0" needs rows for s_0, and {name} has none; give start="given", or count '
            f"with count_transitions"
        )


def given_states(start: str, order: int) -> str:
    """Put into words what transitions of a table of an order take as given."""
    if start == "s0":
        return "s_0"
    if order == 0:
        return "nothing: the states are independent (order 0)"
    if order == 1:
        return "the first state of each sequence"
    return f"the first {order} states of each sequence"


def reachable_histories(support: Bools, has_start: bool) -> Bools:
    """Histories that possible transitions lead to: from s_0, or for ever from one another."""
    n_states, order = support.shape[-1], support.ndim - 1
    reached = possible_histories(n_states, order)
    if order == 0:
        return reached
    if has_start:
        reached = np.zeros_like(reached)
        reached[(0,) * order] = True
    while True:
        entered = np.pad(
            (support & reached[..., None]).any(axis=0), [(0, 0)] * (order - 1) + [(1, 0)]
        )
        further = reached | entered if has_start else reached & entered
        if (further == reached).all():
            return reached
        reached = further
