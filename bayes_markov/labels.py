"""Labels at the edge, codes inside: what a state may be called, in which order, on which axis."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytic.validate import INT64_MAX, check_order

type Label = str | int | bool
type Missing = Literal["error", "break"]


class _Start(str):
    """Text that comes before every label, numbers too: ArviZ sorts the labels of an axis."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return self != other

    def __gt__(self, other: object) -> bool:
        return False


START = _Start("<s0>")
"""Label of the start state s_0, whose row is the initial distribution."""

ALL_UNITS = "all"
"""Label of the only entry of the unit axis of results where the counts have no units."""

MISSING_CODE = -1
"""Code of a missing value; states have the codes 0, 1, ..."""


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for nothing: None, NaN, NaT, pandas' NA, or empty text."""
    if value is None or type(value).__name__ == "NAType":
        return True
    if isinstance(value, str):
        return value == ""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def as_label(value: Any, where: str) -> Label:
    """Turn one value into a label: text, an integer or a boolean.

    Integral floats become integers (pandas stores integers with gaps as floats). `where` says
    in an error which value it is.
    """
    if isinstance(value, str):
        if value == START:
            raise ValueError(f"{where} is {START!r}, the label of the start state; rename it")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            raise ValueError(
                f"{where} is {value!r}, with a character that cannot be printed or saved; rename it"
            )
        return str(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    if whole or isinstance(value, int | np.integer):
        if abs(int(value)) > INT64_MAX:
            raise ValueError(f"{where} is {value!r}, beyond int64; make it text")
        return int(value)
    raise ValueError(
        f"{where} is {value!r} of type {type(value).__name__}; a label is text, an integer or a "
        f"boolean: convert it first"
    )


def check_one_type(labels: Iterable[Label], name: str) -> None:
    """Refuse a mixture such as 1 and "1", which would be two states."""
    example: dict[type, Label] = {}
    for label in labels:
        example.setdefault(type(label), label)
    if len(example) > 1:
        found = ", ".join(f"{label!r} ({kind.__name__})" for kind, label in example.items())
        raise ValueError(f"{name} mixes types: {found}; convert all labels to one type")


def natural_sort(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Sort labels so that numbers inside text count as numbers: s2 comes before s10.

    Examples
    --------
    >>> natural_sort(["s10", "s2", "a"])
    ('a', 's2', 's10')
    """

    def key(label: Label) -> tuple[list[tuple[int, int, str]], str]:
        if not isinstance(label, str):
            return [(0, int(label), "")], ""
        parts = re.findall(r"[0-9]+|[^0-9]+", label)
        return [(0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts], label

    return tuple(sorted(labels, key=key))


def check_is_list(name: str, labels: object) -> None:
    """Refuse what is no list of labels: text would be taken apart, and a set has no order."""
    if isinstance(labels, str | bytes | set | frozenset) or not isinstance(labels, Iterable):
        raise ValueError(f"{name} must be a list of labels, got {labels!r}")


def as_states(states: Iterable[Any]) -> tuple[Label, ...]:
    """Check a declared state space: labels of one type, none twice, none missing."""
    check_is_list("states", states)
    declared = []
    for position, value in enumerate(states):
        if is_missing(value):
            raise ValueError(f"states[{position}] is {value!r}, a missing value; leave it out")
        declared.append(as_label(value, f"states[{position}]"))
    if not declared:
        raise ValueError("states is empty; name at least one state, or leave states= out")
    check_one_type(declared, "states")
    for position, label in enumerate(declared):
        if label in declared[:position]:
            raise ValueError(f"states names {label!r} twice; name each state once")
    return tuple(declared)


def as_units(units: Iterable[Any], number: int, what: str) -> tuple[Label, ...]:
    """Check the labels of `number` units."""
    check_is_list("units", units)
    labels = []
    for position, value in enumerate(units):
        if is_missing(value):
            raise ValueError(f"units[{position}] is {value!r}, a missing value; label every unit")
        labels.append(as_label(value, f"units[{position}]"))
    if len(labels) != number:
        raise ValueError(f"units has {len(labels)} labels, expected {number}, one for each {what}")
    check_one_type(labels, "units")
    return tuple(labels)


def check_missing_policy(missing: str) -> None:
    """Refuse anything but the two policies for missing values."""
    if missing not in ("error", "break"):
        raise ValueError(
            f'missing must be "error" (refuse missing values) or "break" (drop the transitions '
            f"on both sides), got {missing!r}"
        )


def resolve_states(found: Iterable[Label], states: Iterable[Any] | None) -> tuple[Label, ...]:
    """State space: the declared one, else the labels found, in natural order."""
    if states is not None:
        return as_states(states)
    labels = list(found)
    check_one_type(labels, "the data")
    if not labels:
        raise ValueError("the data hold no state at all, only missing values; nothing to count")
    return natural_sort(labels)


def unknown_label(label: Label, where: str, states: Sequence[Label]) -> ValueError:
    """Build the error for a label outside a declared state space."""
    shown = ", ".join(map(repr, states[:8])) + (", ..." if len(states) > 8 else "")
    return ValueError(
        f"{where} is {label!r} ({type(label).__name__}), which is not among the states ({shown}); "
        f"add it to states= or correct the data"
    )


def dims(order: int) -> tuple[str, ...]:
    """Names of a table's axes, oldest history first.

    Examples
    --------
    >>> dims(0), dims(1), dims(3)
    (('next_state',), ('state', 'next_state'), ('state_3', 'state_2', 'state', 'next_state'))
    """
    check_order(order)
    history = [f"state_{lag}" if lag > 1 else "state" for lag in range(order, 0, -1)]
    return (*history, "next_state")


def coords(states: Sequence[Label], order: int) -> dict[str, NDArray[Any]]:
    """Labels of a table's axes: s_0 and the states for the history, the states for the next.

    Examples
    --------
    >>> coords([1, 2], 1)
    {'state': array(['<s0>', 1, 2], dtype=object), 'next_state': array([1, 2])}
    """
    *history, last = dims(order)
    past = np.array([START, *states], dtype=None if isinstance(states[0], str) else object)
    return {**dict.fromkeys(history, past), last: np.array(states)}


def plain(label: object) -> str:
    """Text of a label; matplotlib would take what stands between dollars for a formula."""
    return str(label).replace("$", r"\$")
