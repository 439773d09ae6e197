"""Observations of hidden chains: sequences of numbers or labels, with names and times."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analytic.hmm.emission import join_observations, missing_rows
from analytic.validate import Bools, Floats, Ints
from bayes_markov.labels import ALL_UNITS, Label, as_states, as_units
from bayes_markov.sequence_frames import label_sequences
from bayes_markov.sequences import as_sequences, encode


@dataclass(frozen=True, eq=False, repr=False)
class Observations:
    """Sequences of observations, in order of time.

    Parameters
    ----------
    values : tuple of ndarray
        One array of float64 for each sequence, NaN where nothing was observed; of labels, their
        codes 0, 1, ... in the order of `categories`.
    sequences : tuple of str, int or bool
        Names of the sequences.
    times : tuple of ndarray
        Times of the observations, shaped like `values`.
    categories : tuple of str, int or bool, optional
        Labels that are observed, if labels are.

    Examples
    --------
    >>> Observations.of_numbers([[3, None, 5], [0, 1]])
    Observations: 5 in 2 sequences, 1 missing
    """

    values: tuple[Floats, ...]
    sequences: tuple[Label, ...]
    times: tuple[NDArray[Any], ...]
    categories: tuple[Label, ...] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit, that something was seen, and freeze the arrays."""
        if len(set(self.sequences)) < len(self.sequences):
            raise ValueError(f"sequences must have unique names, got {self.sequences}")
        for values, times in zip(self.values, self.times, strict=True):
            if len(times) != len(values):
                raise ValueError(
                    f"times must be as many as the observations of each sequence, got {len(times)} "
                    f"for {len(values)}"
                )
            values.flags.writeable = False
        if not self.present.any():
            raise ValueError("all observations are missing; there is nothing to learn from")

    @classmethod
    def of_numbers(
        cls,
        observations: Any,
        *,
        sequences: Iterable[Any] | None = None,
        times: Sequence[Any] | None = None,
    ) -> Self:
        """Take sequences of numbers.

        Parameters
        ----------
        observations : array_like, or list of array_like
            Numbers in one dimension; None, NaN or a masked entry where nothing was observed. Many
            sequences are a list.
        sequences : iterable, optional
            Names of the sequences; by default 0, 1, ..., or "all" for a single one.
        times : sequence, optional
            Times of each sequence; by default 1, 2, ... in each.

        Returns
        -------
        Observations

        Raises
        ------
        ValueError
            No observation, an empty sequence, infinite numbers, or parts that do not fit.

        Examples
        --------
        >>> Observations.of_numbers([2.5, 1.0]).values
        (array([2.5, 1. ]),)
        """
        many = isinstance(observations, list | tuple) and any(np.ndim(x) > 0 for x in observations)
        given = list(observations) if many else [observations]
        joined = join_observations([_as_floats(one, n) for n, one in enumerate(given)])
        if joined.rows.ndim != 1:
            raise ValueError(
                f"observations must be numbers in one dimension, got sequences of shape "
                f"{given[0].shape}; give many sequences as a list"
            )
        if np.isinf(joined.rows).any():
            row = int(np.argmax(np.isinf(joined.rows)))
            raise ValueError(
                f"observations must be finite, got {joined.rows[row]} in {joined.place(row)}"
            )
        names, when = _names_and_times(joined.ends, sequences, times, many)
        return cls(tuple(joined.split(joined.rows)), names, when)

    @classmethod
    def of_labels(
        cls,
        observations: Any,
        *,
        categories: Iterable[Any] | None = None,
        sequences: Iterable[Any] | None = None,
        times: Sequence[Any] | None = None,
    ) -> Self:
        """Take sequences of labels.

        Parameters
        ----------
        observations : iterable of sequences
            Sequences of labels, None or NaN where nothing was observed. A flat list is one
            sequence.
        categories : iterable, optional
            The labels in the wanted order, such as cannot be seen in the data included; by default
            those found, in natural order.
        sequences, times
            As for `of_numbers`.

        Returns
        -------
        Observations

        Raises
        ------
        ValueError
            As for `of_numbers`, and labels that are mixed, unusable or not among the categories.

        Examples
        --------
        >>> seen = Observations.of_labels(["dry", "wet", None, "dry"])
        >>> seen.categories, seen.values
        (('dry', 'wet'), (array([ 0.,  1., nan,  0.]),))
        """
        many = any(isinstance(x, list | tuple | np.ndarray) for x in observations)
        codes, found = encode(as_sequences(observations), states=categories, missing="break")
        values = tuple(np.where(path >= 0, path.astype(np.float64), np.nan) for path in codes)
        ends = np.cumsum([len(path) for path in codes])
        return cls(values, *_names_and_times(ends, sequences, times, many), as_states(found))

    @property
    def rows(self) -> Floats:
        """All observations, the sequences end to end."""
        return np.concatenate(self.values)

    @property
    def present(self) -> Bools:
        """Which of `rows` were observed."""
        return ~missing_rows(self.rows)

    @property
    def sequence_codes(self) -> Ints:
        """Number of the sequence that each of `rows` belongs to."""
        lengths = [len(values) for values in self.values]
        return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)

    @property
    def digest(self) -> str:
        """Fingerprint of the data, for the record of a result."""
        text = repr((self.sequences, self.categories, [len(v) for v in self.values]))
        return hashlib.sha256(text.encode() + self.rows.tobytes()).hexdigest()[:16]

    def __repr__(self) -> str:
        """Say how much there is."""
        missing = int((~self.present).sum())
        return (
            f"Observations: {self.rows.size:,} in {len(self.values)} "
            f"sequence{'s' if len(self.values) > 1 else ''}, {missing or 'none'} missing"
        )


def observe(
    frame: Any,
    *,
    observation: str,
    labels: bool = False,
    sequence: str | None = None,
    time: str | None = None,
    unit: str | None = None,
    categories: Iterable[Any] | None = None,
) -> Observations:
    """Read the sequences of observations from a data frame in memory.

    Parameters
    ----------
    frame : eager data frame
        Polars, pandas, PyArrow or another that Narwhals knows; a row for each time.
    observation : str
        Column of the observations; null where nothing was observed. A hidden chain moves on at
        every row, so times without an observation must have a row.
    labels : bool, default False
        Whether the observations are labels, rather than numbers.
    sequence, time, unit : str, optional
        Columns as for `count_transitions`. Without `time` the rows are in order.
    categories : iterable, optional
        The labels in the wanted order.

    Returns
    -------
    Observations
        The sequences named by `sequence`, by `unit`, or by both, as "unit, sequence".

    Raises
    ------
    ValueError, TypeError
        A column that is not there or is no number, or as for `count_transitions`.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"year": [1901, 1900, 1902], "quakes": [14, 13, None]})
    >>> seen = observe(frame, observation="quakes", time="year")
    >>> seen.values, seen.times
    ((array([13., 14., nan]),), (array([1900, 1901, 1902]),))
    """
    import narwhals as nw

    data = nw.from_native(frame, eager_only=True)
    if observation not in data.columns:
        raise ValueError(
            f"frame has no column {observation!r}; it has {', '.join(map(repr, data.columns))}"
        )
    given = {"unit": unit, "sequence": sequence, "time": time}
    roles = {role: name for role, name in given.items() if name is not None}
    absent = [name for name in roles.values() if name not in data.columns]
    if absent:
        raise ValueError(f"frame has no column {absent[0]!r}; it has {', '.join(data.columns)}")
    number = "row"
    while number in data.columns:
        number += "_"
    numbered = data.select(*dict.fromkeys([observation, *roles.values()])).with_row_index(number)
    paths = label_sequences(
        numbered.to_native(), state=number, sequence=sequence, time=time, unit=unit
    )
    rows = [np.array(path, dtype=np.int64) for path in paths]
    names = [roles[role] for role in ("unit", "sequence") if role in roles]
    sequences: list[Any] = [ALL_UNITS]
    if names:
        columns = [data[name].to_list() for name in names]
        firsts = [[column[path[0]] for column in columns] for path in rows]
        sequences = [
            label[0] if len(label) == 1 else ", ".join(map(str, label)) for label in firsts
        ]
    times = None
    if time is not None:
        column_of_times = data[time].to_numpy()
        if column_of_times.dtype == object:
            column_of_times = column_of_times.astype(str)
        times = [column_of_times[path] for path in rows]
    column = data[observation].to_list()
    if labels:
        return Observations.of_labels(
            [[column[i] for i in path] for path in rows],
            categories=categories,
            sequences=sequences,
            times=times,
        )
    numbers = _as_numbers(column, observation)
    return Observations.of_numbers(
        [numbers[path] for path in rows], sequences=sequences, times=times
    )


def _as_floats(values: Any, place: int) -> Floats:
    """Numbers of one sequence, NaN where nothing was observed."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "USb":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"sequence {place} of observations must hold numbers, got {values!r:.60}; labels are "
            f'for emission="categorical"'
        ) from None


def _as_numbers(column: list[Any], name: str) -> Floats:
    """Numbers of a column, which a CSV file holds as text."""
    found = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if value is None or value == "":
            continue
        try:
            found[row] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"column {name!r} holds {value!r} in row {row + 1}, which is no number"
            ) from None
    return found


def _names_and_times(
    ends: Ints, sequences: Iterable[Any] | None, times: Sequence[Any] | None, many: bool
) -> tuple[tuple[Label, ...], tuple[NDArray[Any], ...]]:
    """Names and times of sequences, where they were not given too."""
    lengths = np.diff(ends, prepend=0)
    if sequences is None:
        names: tuple[Label, ...] = tuple(range(lengths.size)) if many else (ALL_UNITS,)
    else:
        names = as_units(sequences, lengths.size, "sequence")
    if times is None:
        return names, tuple(np.arange(1, length + 1) for length in lengths)
    given = [np.asarray(one) for one in (times if many or np.ndim(times[0]) else [times])]
    if len(given) != lengths.size:
        raise ValueError(f"times has {len(given)} sequences, expected {lengths.size}")
    return names, tuple(given)
