"""Labelled transition counts: the one value that data become and that every estimate takes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

import analytic
from analytic.counts import check_cells, possible_histories, table_shape
from analytic.validate import INT64_MAX, Counts, Ints, as_counts, check_order, first
from bayes_markov.labels import (
    ALL_UNITS,
    MISSING_CODE,
    START,
    Label,
    Missing,
    as_states,
    as_units,
    coords,
    dims,
    natural_sort,
)
from bayes_markov.sequences import as_sequences, encode

if TYPE_CHECKING:
    import xarray as xr

_LARGEST_SHOWN = 12
"""A table with more states than this is described, not printed, by repr."""


@dataclass(frozen=True, eq=False, repr=False)
class TransitionCounts:
    r"""How often each state followed each history, with labels.

    .. math:: n_{ij} = \sum_t 1\{z_{t-1} = i,\ z_t = j\}, \qquad z_0 = s_0

    Row 0 of a history axis is the start state s_0, so the first state of a sequence is an
    ordinary transition. Tables add: counting two data sets and adding the tables is counting
    the data sets together.

    Parameters
    ----------
    table : array_like
        Counts, int64 or float64, shape (K+1,) * order + (K,), with a first axis for the units if
        there are any. Kept as a read-only copy.
    states : sequence of str, int or bool
        The K labels, in the order of the axes.
    order : int, default 1
        Length of the history.
    units : sequence of str, int or bool, optional
        Labels of the first axis.

    Raises
    ------
    ValueError
        A table of another shape, counts that are not counts, counts after a history that cannot
        occur, or labels that are missing, mixed or not unique.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences([["sun", "sun", "rain"], ["rain", "sun"]])
    >>> counts
    TransitionCounts: 5 transitions, 2 states (natural sort), order 1
             rain  sun
      <s0>      1    1
      rain      0    1
      sun       1    1
    """

    table: Counts
    states: tuple[Label, ...]
    order: int = 1
    units: tuple[Label, ...] | None = None

    def __post_init__(self) -> None:
        """Check the parts against each other and freeze them."""
        check_order(self.order)
        order = int(self.order)
        states = as_states(self.states)
        table = as_counts(self.table, "table").copy()
        expected = table_shape(len(states), order)
        units = self.units
        if units is not None:
            units = as_units(units, len(table), "entry of the table's first axis")
            if len(set(units)) < len(units):
                raise ValueError(f"units must be unique, got {units}")
            if units == (ALL_UNITS,):
                raise ValueError(
                    f"a single unit labelled {ALL_UNITS!r} is what results without units are "
                    f"labelled with; give units=None, or another label"
                )
            expected = (len(units), *expected)
        if table.shape != expected:
            raise ValueError(
                f"table has shape {table.shape}, expected {expected} for {len(states)} states at "
                f"order {self.order}; from_table adds the s_0 row to a K x K table"
            )
        impossible = ~possible_histories(len(states), self.order)[..., None] & (table > 0)
        if impossible.any():
            raise ValueError(
                f"table has {table[first(impossible)]} at index {first(impossible)}, a history "
                f"with {START} after a state, which cannot occur"
            )
        table.flags.writeable = False
        parts = {"table": table, "states": states, "order": order, "units": units}
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_sequences(
        cls,
        sequences: Iterable[Any],
        *,
        states: Iterable[Any] | None = None,
        units: Iterable[Any] | Literal["sequence"] | None = None,
        order: int = 1,
        missing: Missing = "error",
    ) -> Self:
        """Count sequences of labels, each started at s_0.

        Parameters
        ----------
        sequences : iterable of sequences
            Sequences of labels, of any lengths from 1. A flat list of labels is one sequence;
            text is always a label and never a sequence of letters.
        states : iterable, optional
            The state space in the wanted order. A label outside it is refused. By default the
            labels found, in natural order ("s2" before "s10").
        units : iterable or "sequence", optional
            Label of each sequence's unit; sequences with equal labels belong together. Units keep
            the order of their first sequence. "sequence" makes each sequence a unit, labelled
            0, 1, ...
        order : int, default 1
            Length of the history.
        missing : {"error", "break"}, default "error"
            What to do at a missing value (None, NaN, NaT, empty text): refuse it, or drop every
            transition that it is part of. The chain does not restart after it.

        Returns
        -------
        TransitionCounts

        Raises
        ------
        ValueError
            No sequence, an empty one, an unknown, missing, mixed or unusable label (sequence and
            position are named).

        Examples
        --------
        >>> TransitionCounts.from_sequences([[2, 10, 2]], states=[2, 10]).table
        array([[1, 0],
               [0, 1],
               [1, 0]])
        """
        check_order(order)
        listed = as_sequences(sequences)
        codes, space = encode(listed, states=states, missing=missing)
        gap = MISSING_CODE if missing == "break" else None
        if units is None:
            table = analytic.count_transitions(codes, len(space), order=order, missing=gap)
            return cls(table, space, order)
        labels = range(len(listed)) if isinstance(units, str) and units == "sequence" else units
        members: dict[Label, list[Ints]] = {}
        for name, path in zip(as_units(labels, len(listed), "sequence"), codes, strict=True):
            members.setdefault(name, []).append(path)
        check_cells(len(members), len(space), order)
        tables = [
            analytic.count_transitions(paths, len(space), order=order, missing=gap)
            for paths in members.values()
        ]
        return cls(np.stack(tables), space, order, tuple(members))

    @classmethod
    def from_table(
        cls,
        table: ArrayLike,
        states: Iterable[Any],
        *,
        units: Iterable[Any] | None = None,
        order: int = 1,
    ) -> Self:
        """Take a table of counts that exists already, such as one from a paper.

        Parameters
        ----------
        table : array_like
            Counts, shape (K+1,) * order + (K,). A table without s_0, shape (K,) * order + (K,),
            is accepted and gets s_0 rows of zeros. Units come first. A data frame or an xarray
            must name states and units in the order given here, or number its axes 0, 1, ...
        states : iterable
            The K labels.
        units : iterable, optional
            Labels of the first axis.
        order : int, default 1
            Length of the history.

        Returns
        -------
        TransitionCounts

        Raises
        ------
        ValueError
            As for `TransitionCounts`.

        Examples
        --------
        >>> TransitionCounts.from_table([[3, 1], [0, 2]], ["a", "b"]).table
        array([[0, 0],
               [3, 1],
               [0, 2]])
        """
        check_order(order)
        space = as_states(states)
        array = as_counts(table, "table")
        labels = None if units is None else as_units(units, len(array), "table")
        _check_labels(table, int(order), space, labels)
        lead = array.shape[:1] if labels is not None else ()
        if order > 0 and array.shape == (*lead, *(len(space),) * (order + 1)):
            pad = [(0, 0)] * len(lead) + [(1, 0)] * order + [(0, 0)]
            array = as_counts(np.pad(array, pad))
        return cls(array, space, order, labels)

    @property
    def pooled(self) -> Counts:
        """Counts of all units together, shape (K+1,) * order + (K,)."""
        return self.table if self.units is None else as_counts(self.table.sum(axis=0))

    @property
    def tables(self) -> Counts:
        """Counts with a first axis for the units, of length 1 if there are none."""
        return self.table if self.units is not None else self.table[None]

    @property
    def departures(self) -> Counts:
        """Row totals n_i: how often each history was left, not how often it was visited."""
        total: Counts = self.table.sum(axis=-1)
        return total

    @property
    def states_order(self) -> str:
        """How the states are ordered: "natural sort", or "declared" for any other order."""
        return "natural sort" if self.states == natural_sort(self.states) else "declared"

    @property
    def digest(self) -> str:
        """SHA-256 of counts, states, order and units: a name for exactly these data."""
        labels = (self.table.shape, self.states, self.order, self.units)
        whole = self.table.astype(np.int64)
        table = whole if np.array_equal(whole, self.table) else self.table  # 3.0 is 3
        return hashlib.sha256(repr(labels).encode() + table.tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Equal counts, states, order and units."""
        if not isinstance(other, TransitionCounts):
            return NotImplemented
        # As text, since True == 1 are different labels.
        same = repr((self.states, self.order, self.units)) == repr(
            (other.states, other.order, other.units)
        )
        return same and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        """Hash that agrees with equality, which does not look at the dtype."""
        return hash(self.digest)

    def __add__(self, other: Self) -> Self:
        """Merge two data sets: equal units add, others are appended."""
        if not isinstance(other, TransitionCounts):
            return NotImplemented
        if repr((self.states, self.order)) != repr((other.states, other.order)):
            raise ValueError(
                f"cannot add counts over states {self.states} at order {self.order} and states "
                f"{other.states} at order {other.order}; count both with the same states= and "
                f"order= (pass states=)"
            )
        if (self.units is None) != (other.units is None):
            raise ValueError("cannot add counts with units and counts without; pool one of them")
        if self.table.sum(dtype=float) + other.table.sum(dtype=float) >= INT64_MAX:
            raise ValueError("the counts would add up to a number too large for int64")
        if self.units is None or other.units is None:
            return type(self)(as_counts(self.table + other.table), self.states, self.order)
        both = np.concatenate([self.table, other.table])
        table, units = _add_by_unit(both, self.units + other.units)
        return type(self)(table, self.states, self.order, units)

    def lower_order(self) -> Self:
        """Forget the oldest step of the history: the same transitions at order - 1.

        Examples
        --------
        >>> TransitionCounts.from_table([[1, 0], [2, 3], [0, 4]], ["a", "b"]).lower_order().table
        array([3, 7])
        """
        table = analytic.lower_order(self.table, order=self.order)
        return type(self)(table, self.states, self.order - 1, self.units)

    def to_xarray(self) -> "xr.DataArray":
        """Give the counts as a labelled array named "counts", dims as in every result.

        Examples
        --------
        >>> counts = TransitionCounts.from_table([[3, 1], [0, 2]], ["a", "b"])
        >>> counts.to_xarray().sel(state="a", next_state="b").item()
        1
        """
        import xarray as xr

        names, labels = dims(self.order), coords(self.states, self.order)
        if self.units is not None:
            names, labels = ("unit", *names), {"unit": np.array(self.units), **labels}
        return xr.DataArray(self.table.copy(), dims=names, coords=labels, name="counts")

    def __repr__(self) -> str:
        """Totals, labels and, if it is small, the pooled table."""
        total = self.table.sum().item()
        units = "" if self.units is None else f", {len(self.units):,} units"
        head = (
            f"TransitionCounts: {_shown(total)} transition{'s' * (total != 1)}, "
            f"{len(self.states):,} "
            f"state{'s' * (len(self.states) != 1)} ({self.states_order}), "
            f"order {self.order}{units}"
        )
        if self.order != 1 or len(self.states) > _LARGEST_SHOWN:
            return head
        names = [START, *map(str, self.states)]
        cells = [[_shown(n) for n in row] for row in self.pooled]
        widths = [max(map(len, column)) for column in zip(names[1:], *cells, strict=True)]
        left = max(map(len, names))
        rows = [
            f"  {name:<{left}}  " + "  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True))
            for name, row in zip(["", *names], [names[1:], *cells], strict=True)
        ]
        return "\n".join([head, *(row.rstrip() for row in rows)])


def _shown(count: float) -> str:
    """Write a count for people, a whole number without decimals."""
    return f"{count:,.6g}" if count % 1 else f"{int(count):,}"


def _check_labels(
    table: Any, order: int, states: tuple[Label, ...], units: tuple[Label, ...] | None
) -> None:
    """Refuse a labelled table (a data frame or xarray) whose own labels say something else."""
    names = dims(order) if units is None else ("unit", *dims(order))
    found_dims = tuple(getattr(table, "dims", names))
    if found_dims != names and sorted(map(str, found_dims)) == sorted(names):
        raise ValueError(f"table has dims {found_dims}, expected {names}; transpose it")
    for axis, (name, found) in _labels_of_axes(table).items():
        of_units = units is not None and axis == 0
        wanted: list[Any] = list(units) if units is not None and of_units else list(states)
        expected = [wanted] if of_units else [wanted, [START, *wanted]]
        if found not in expected and not _only_numbered(found, wanted):
            raise ValueError(
                f"table has {name} {found}, expected {'units' if of_units else 'states'} {wanted} "
                f"in this order; reorder the table, or give its values only"
            )


def _labels_of_axes(table: Any) -> dict[int, tuple[str, list[Any]]]:
    """Name and labels of each axis that has some: of xarray, pandas and Polars."""
    if hasattr(table, "coords"):
        return {
            axis: (str(dim), table.coords[dim].values.tolist())
            for axis, dim in enumerate(table.dims)
            if dim in table.coords
        }
    axes: dict[int, tuple[str, list[Any]]] = {}
    index: Any = getattr(table, "index", None)
    if hasattr(index, "tolist"):  # lists have a method of this name
        axes[0] = ("index", index.tolist())
    if hasattr(table, "columns"):
        axes[1] = ("columns", list(table.columns))
    return axes


def _only_numbered(found: list[Any], wanted: list[Any]) -> bool:
    """Tell whether labels are 0, 1, ... for want of others, and not because that is the names."""
    plain = not any(isinstance(label, bool) for label in found)
    return plain and found == list(range(len(found))) and {*found} != {*wanted}


def _add_by_unit(tables: Counts, labels: tuple[Label, ...]) -> tuple[Counts, tuple[Label, ...]]:
    """Add the tables that carry the same unit label, units in the order of first appearance."""
    units = tuple(dict.fromkeys(labels))
    position = {unit: at for at, unit in enumerate(units)}
    total = np.zeros((len(units), *tables.shape[1:]), dtype=tables.dtype)
    np.add.at(total, [position[label] for label in labels], tables)
    return total, units
