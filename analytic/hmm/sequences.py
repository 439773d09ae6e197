"""One sequence or many: joined end to end for the loops over time, and split again."""

from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytic.hmm.loops import compiled
from analytic.validate import (
    ROW_SUM_TOLERANCE,
    Bools,
    Floats,
    Ints,
    as_numbers,
    as_support,
    as_transition_matrix,
    first,
)


class Joined(NamedTuple):
    """Rows of all sequences, one after the other."""

    rows: NDArray[Any]
    """Everything that is known at each time, shape (T_1 + T_2 + ..., ...)."""

    ends: Ints
    """Where each sequence stops."""

    many: bool
    """A list of sequences was given, not one."""

    @property
    def begins(self) -> Ints:
        """Where each sequence starts."""
        return np.concatenate(([0], self.ends[:-1]))

    def split(self, values: NDArray[Any], axis: int = 0) -> Any:
        """Give each sequence its part of `values`: a list if a list was given."""
        return np.split(values, self.ends[:-1], axis=axis) if self.many else values

    def each(self, values: NDArray[Any]) -> Any:
        """Give the values of sequences: an array of them if a list was given, or the only one."""
        return values if self.many else values[0]

    def place(self, row: int) -> str:
        """Name a row of all as a row of its sequence."""
        n = int(np.searchsorted(self.ends, row, side="right"))
        within = row - int(self.begins[n])
        return f"row {within} of sequence {n}" if self.many else f"row {within}"


def join(name: str, arrays: list[NDArray[Any]], many: bool) -> Joined:
    """Join arrays along time; each must have at least one row."""
    if not arrays:
        raise ValueError(f"{name} is empty; there is nothing to see")
    for n, array in enumerate(arrays):
        if array.shape[0] == 0:
            where = f"sequence {n} of {name}" if many else name
            raise ValueError(f"{where} is empty; leave it out")
    if len(arrays) == 1:
        return Joined(arrays[0], np.array([len(arrays[0])], dtype=np.int64), many)
    masked = any(isinstance(array, np.ma.MaskedArray) for array in arrays)
    rows: NDArray[Any] = np.ma.concatenate(arrays) if masked else np.concatenate(arrays)
    lengths = np.array([len(array) for array in arrays], dtype=np.int64)
    return Joined(rows, np.cumsum(lengths), many)


def join_log_emission(log_emission: ArrayLike | list[ArrayLike], n_states: int) -> Joined:
    """Check the shapes of log-emissions and join them; their entries are checked on the way."""
    given: Any = log_emission
    if is_table(given) and given.shape[1] == n_states and len(given) > 0:
        return Joined(given, np.array([len(given)]), many=False)
    many = isinstance(given, list | tuple) and any(np.ndim(x) != 1 for x in given)
    arrays = []
    for n, one in enumerate(given if many else [given]):
        name = f"log_emission[{n}]" if many else "log_emission"
        array = as_numbers(name, one)
        if array.ndim != 2 or array.shape[1] != n_states:
            hint = "; give many sequences as a list of arrays" if array.ndim == 3 else ""
            raise ValueError(
                f"{name} must have shape (T, {n_states}), one column per state of A, "
                f"got {array.shape}{hint}"
            )
        arrays.append(np.ascontiguousarray(array, dtype=np.float64))
    return join("log_emission", arrays, many)


def is_table(values: object) -> TypeGuard[Floats]:
    """Tell whether something is what the loops over time take as it is."""
    return (
        type(values) is np.ndarray
        and values.dtype == np.float64
        and values.ndim == 2
        and values.flags.c_contiguous
    )


def refuse_row(joined: Joined, row: int) -> None:
    """Say what is wrong with a row of log-emissions that holds NaN or +inf."""
    column = first(~(joined.rows[row] < np.inf))[0]
    raise ValueError(
        f"log_emission must be below +inf, got {joined.rows[row, column]} in "
        f"{joined.place(row)}, column {column}; a missing observation is a row of zeros"
    )


def as_matrix(A: ArrayLike) -> Floats:
    """Check a transition matrix with its s_0 row."""
    # What is right is seen at once, in a fraction of the time; what is wrong is named below.
    if is_table(A) and compiled("is_transition_matrix")(A, ROW_SUM_TOLERANCE):
        return A.copy()
    return np.ascontiguousarray(as_transition_matrix(A))


def as_transitions(support: ArrayLike | None, shape: tuple[int, int]) -> Bools | None:
    """Check a mask of possible transitions: every row needs one."""
    mask = as_support(support, shape)
    if mask is not None and not mask.any(axis=1).all():
        row = int(np.argmin(mask.any(axis=1)))
        raise ValueError(f"support leaves row {row} of A without any transition; allow one")
    return mask


def log_matrix(A: Floats) -> Floats:
    """Logarithm of a transition matrix, -inf where it is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(A))
