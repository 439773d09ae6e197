"""Sequences of labels: what is taken for one, and their translation into codes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analytic.validate import Ints
from bayes_markov.labels import (
    MISSING_CODE,
    Label,
    Missing,
    as_label,
    check_is_list,
    check_missing_policy,
    check_one_type,
    is_missing,
    resolve_states,
    unknown_label,
)


def as_sequences(sequences: Iterable[Any]) -> list[Sequence[Any]]:
    """List the sequences, a flat list of labels being one."""
    check_is_list("sequences", sequences)
    if isinstance(sequences, Mapping) or hasattr(sequences, "columns"):
        raise ValueError(
            f"sequences must be a list of sequences of labels, got {type(sequences).__name__}; "
            f"count_transitions takes a data frame"
        )
    if type(sequences) is np.ndarray and sequences.ndim == 1 and sequences.dtype.kind != "O":
        sequences = [sequences]
    listed = list(sequences)
    kinds = {
        kind: issubclass(kind, str | bytes) or not issubclass(kind, Iterable)
        for kind in set(map(type, listed))
    }
    if len(set(kinds.values())) > 1:
        single = [kinds[type(item)] for item in listed]
        at = single.index(not single[0])
        raise ValueError(
            f"sequences mixes labels and sequences (item {at} is {listed[at]!r}); "
            f"give a list of sequences"
        )
    if all(kinds.values()):
        listed = [listed] if listed else []
    if not listed:
        raise ValueError("sequences is empty; there is nothing to count")
    for number, sequence in enumerate(listed):
        if isinstance(sequence, set | frozenset | dict):
            raise ValueError(
                f"sequence {number} is a {type(sequence).__name__}, which has no order in time; "
                f"give a list"
            )
    result: list[Sequence[Any]] = [
        # Python's own values are looked up several times faster than numpy's.
        sequence.tolist()
        if type(sequence) is np.ndarray and sequence.dtype.kind in "Uiub"
        else sequence
        if type(sequence) is list
        else list(sequence)
        for sequence in listed
    ]
    for number, sequence in enumerate(result):
        if not sequence:
            raise ValueError(f"sequence {number} is empty; leave it out")
    return result


def encode(
    sequences: Sequence[Sequence[Any]],
    *,
    states: Iterable[Any] | None,
    missing: Missing,
) -> tuple[list[Ints], tuple[Label, ...]]:
    """Translate sequences of labels into codes, `MISSING_CODE` for a missing value.

    Every distinct value is looked at once, so the cost for each element is one look-up.
    """
    check_missing_policy(missing)
    keys, numbered = _numbered(sequences)

    labels: dict[_Key, Label] = {}
    for key in keys:
        if not is_missing(key[1]):
            labels[key] = _label(key, sequences)
        elif missing == "error":
            number, position = _place(key, sequences)
            raise ValueError(
                f"sequence {number} has a missing value ({key[1]!r}) at position {position}; "
                f'drop it, or give missing="break" to drop the transitions around it'
            )
    check_one_type(labels.values(), "the data")

    space = resolve_states(dict.fromkeys(labels.values()), states)
    index = {(type(label), label): code for code, label in enumerate(space)}
    codes = np.full(len(keys), MISSING_CODE, dtype=np.int64)
    for key, label in labels.items():
        if (type(label), label) not in index:
            raise unknown_label(label, _where(key, sequences), space)
        codes[keys[key]] = index[type(label), label]
    return [codes[path] for path in numbered], space


type _Key = tuple[type, Any]
"""A value by its type as well: 1 == True would hide a mixture. Nothing but text equals text."""


class _Numbers(dict[Any, int]):
    """Numbers of values, given as the values come."""

    def __missing__(self, value: Any) -> int:
        self[value] = number = len(self)
        return number


def _numbered(sequences: Sequence[Sequence[Any]]) -> tuple[dict[_Key, int], list[Ints]]:
    """Give each distinct value a number, and write the sequences in numbers."""
    numbers = _Numbers()
    numbered = [_look_up(numbers, path, path, place) for place, path in enumerate(sequences)]
    if all(type(value) is str for value in numbers):
        return {(str, text): number for text, number in numbers.items()}, numbered
    numbers = _Numbers()
    for place, path in enumerate(sequences):
        typed = zip(map(type, path), path, strict=True)
        numbered[place] = _look_up(numbers, typed, path, place)
    return numbers, numbered


def _look_up(numbers: _Numbers, values: Iterable[Any], sequence: Sequence[Any], place: int) -> Ints:
    """Numbers of the values of a sequence."""
    try:
        return np.fromiter(map(numbers.__getitem__, values), np.int64, len(sequence))
    except TypeError:
        raise ValueError(
            f"sequence {place} holds a value that cannot be a label; a label is text, an "
            f"integer or a boolean"
        ) from None


def _label(key: _Key, sequences: Sequence[Sequence[Any]]) -> Label:
    """Label of a value; its place is looked for only if it is none."""
    try:
        return as_label(key[1], "a value")
    except ValueError:
        return as_label(key[1], _where(key, sequences))


def _where(key: _Key, sequences: Sequence[Sequence[Any]]) -> str:
    """Say for a message where a value is first."""
    number, position = _place(key, sequences)
    return f"position {position} of sequence {number}"


def _place(key: _Key, sequences: Sequence[Sequence[Any]]) -> tuple[int, int]:
    """First place of a value. It is looked up, as pandas' NA cannot be compared."""
    return next(
        (number, position)
        for number, sequence in enumerate(sequences)
        for position, found in enumerate(zip(map(type, sequence), sequence, strict=True))
        if found in {key}
    )
