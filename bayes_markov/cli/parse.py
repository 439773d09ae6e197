"""Texts of options become values."""

import csv
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayes_markov.counts import TransitionCounts

STEP_UNITS = {
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
}
"""Units of a step in time."""


def parse_integers(option: str, text: str) -> list[int]:
    """Split a list of positive integers at commas."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ValueError(f"{option} must be integers >= 1 with commas, such as 2,3, got {text!r}")
    return numbers


def parse_step(text: str) -> float | timedelta:
    """Turn a distance in time into a number, or with its unit into a duration."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in ("", *STEP_UNITS):
        raise ValueError(
            f"--step must be a positive number, or one with a unit ({', '.join(STEP_UNITS)}) such "
            f"as 1d, got {text!r}"
        )
    number = float(found[1]) if "." in found[1] else int(found[1])
    if not found[2]:
        return number
    try:
        return timedelta(**{STEP_UNITS[found[2]]: number})
    except OverflowError:
        raise ValueError(f"--step is longer than any two times are apart, got {text!r}") from None


def parse_states(text: str, dtype: Any) -> list[Any]:
    """Split a list of labels, and give them the type of the column."""
    labels = [label.strip() for label in split(text)]
    if dtype.is_numeric():
        number, kind = (int, "integers") if dtype.is_integer() else (float, "numbers")
        try:
            return [number(label) for label in labels]
        except ValueError:
            raise ValueError(
                f"--states must name {kind}, as the column holds them, got {text!r}"
            ) from None
    if str(dtype) == "Boolean":
        truth = {"true": True, "false": False}
        if not all(label.lower() in truth for label in labels):
            raise ValueError(f"--states must name true and false, got {text!r}")
        return [truth[label.lower()] for label in labels]
    return labels


def split(text: str) -> list[str]:
    """Split at commas, but not within double quotes."""
    return next(csv.reader([text], skipinitialspace=True), [""])


def parse_alpha(text: str, counts: "TransitionCounts") -> Any:
    """Turn a number, or one for each next state, into what the models take."""
    from analytic.validate import SMALLEST_ALPHA

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--alpha must be a number, or {len(counts.states)} numbers with commas, got {text!r}"
        ) from None
    if not all(SMALLEST_ALPHA <= value < math.inf for value in values):
        raise ValueError(f"--alpha must be positive and finite, got {text!r}")
    if len(values) not in (1, len(counts.states)):
        raise ValueError(
            f"--alpha has {len(values)} numbers, expected 1 or {len(counts.states)}, one for each "
            f"next state"
        )
    return values[0] if len(values) == 1 else values
