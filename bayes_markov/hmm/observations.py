"""Observations of hidden chains: sequences of numbers or labels, with names and times."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analytic.hmm.emission import as_whole, join_observations, missing_rows
from analytic.validate import Bools, Floats, Ints
from bayes_markov.labels import ALL_UNITS, Label, as_states, as_units
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
        number = len(self.values)
        if number == 0:
            raise ValueError("values is empty; give at least one sequence")
        for name, given in (("sequences", self.sequences), ("times", self.times)):
            if len(given) != number:
                raise ValueError(
                    f"{name} has {len(given)} entries, expected {number}, one for each sequence"
                )
        if len(set(self.sequences)) < number:
            raise ValueError(f"sequences must have unique names, got {self.sequences}")
        values = tuple(np.array(_as_floats(one, n)) for n, one in enumerate(self.values))
        times = tuple(_as_times(one, n) for n, one in enumerate(self.times))
        for n, (one, when) in enumerate(zip(values, times, strict=True)):
            if one.ndim != 1 or one.size == 0:
                raise ValueError(
                    f"sequence {n} of observations must be some numbers in one dimension, got "
                    f"shape {one.shape}"
                )
            if len(when) != len(one):
                raise ValueError(
                    f"times must be as many as the observations of each sequence, got {len(when)} "
                    f"for {len(one)}"
                )
            if np.isinf(one).any():
                row = int(np.argmax(np.isinf(one)))
                raise ValueError(
                    f"observations must be finite, got {one[row]} in row {row} of sequence {n}"
                )
            one.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "times", times)
        if not self.present.any():
            raise ValueError("all observations are missing; there is nothing to learn from")
        if self.categories is not None:
            codes = as_whole("values of labels", self.rows[self.present])
            if codes.max() >= len(self.categories):
                raise ValueError(
                    f"values hold code {codes.max()}, expected 0, ..., {len(self.categories) - 1}, "
                    f"the positions in categories"
                )

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
            Times of each sequence, ascending; by default 1, 2, ... in each.

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
        arrays = [_as_floats(one, n) for n, one in enumerate(given)]
        shapes = [array.shape for array in arrays if array.ndim != 1]
        if shapes:
            raise ValueError(
                f"observations must be numbers in one dimension, got a sequence of shape "
                f"{shapes[0]}; give many sequences as a list"
            )
        joined = join_observations(arrays)
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
        if isinstance(observations, str | bytes) or not isinstance(observations, Iterable):
            raise TypeError(f"observations must be a list of labels, got {observations!r:.60}")
        given = list(observations) if isinstance(observations, Iterator) else observations
        masked = isinstance(given, np.ma.MaskedArray) or any(np.ma.isMaskedArray(x) for x in given)
        if masked:
            raise TypeError("labels cannot be masked; put None where nothing was observed")
        many = any(isinstance(x, Iterable) and not isinstance(x, str | bytes) for x in given)
        codes, found = encode(as_sequences(given), states=categories, missing="break")
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


def _as_floats(values: Any, place: int) -> Floats:
    """Numbers of one sequence, NaN where nothing was observed."""
    masked = isinstance(values, np.ma.MaskedArray)
    array = np.ma.getdata(values) if masked else np.asarray(values, dtype=_object_if_ragged(values))
    flags = array.dtype.kind == "O" and any(isinstance(x, bool | np.bool_) for x in array.flat)
    try:
        if array.ndim == 0 or array.dtype.kind not in "iufO" or flags:
            raise TypeError
        numbers = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"sequence {place} of observations must hold numbers, got {values!r:.60}; labels are "
            f'for emission="categorical"'
        ) from None
    return np.where(np.ma.getmaskarray(values), np.nan, numbers) if masked else numbers


def _object_if_ragged(values: Any) -> Any:
    """Type in which lists of unequal lengths can be held, to be refused by name."""
    uneven = isinstance(values, list | tuple) and len({np.shape(x) for x in values}) > 1
    return object if uneven else None


def _as_times(times: Any, place: int) -> NDArray[Any]:
    """Check the times of one sequence: none missing, and numbers and dates in ascending order."""
    array = np.array(times)
    if array.ndim != 1:
        raise ValueError(
            f"times of sequence {place} must be in one dimension, got shape {array.shape}; give "
            f"one list of times for each sequence"
        )
    kind = array.dtype.kind
    if kind == "O":
        absent = np.array([time is None or time != time for time in array])
        array = array.astype(str)
    else:
        absent = (
            np.isnan(array) if kind == "f" else np.isnat(array) if kind in "mM" else array != array
        )
    if absent.any():
        raise ValueError(f"times of sequence {place} has a missing value at {np.argmax(absent)}")
    if kind in "iufmM" and (array[1:] <= array[:-1]).any():
        row = int(np.argmax(array[1:] <= array[:-1]))
        raise ValueError(
            f"times of sequence {place} must ascend, got {array[row + 1]} after {array[row]}; "
            f"sort the observations by time"
        )
    return array


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
    if isinstance(times, str | bytes) or not hasattr(times, "__len__"):
        raise TypeError(f"times must be a list, or a list for each sequence, got {times!r:.60}")
    given: list[Any] = list(times) if many or (len(times) and np.ndim(times[0])) else [times]
    if len(given) != lengths.size:
        raise ValueError(f"times has {len(given)} sequences, expected {lengths.size}")
    return names, tuple(given)
