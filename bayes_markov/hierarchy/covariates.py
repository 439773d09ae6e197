"""A label or a number known of each unit, as columns of a design."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytic.validate import Floats, Ints, is_number
from bayes_markov.labels import Label, as_label, check_one_type, is_missing, natural_sort


@dataclass(frozen=True, eq=False)
class Covariate:
    """Values of a covariate, and the groups of units that have the same one."""

    values: tuple[Label | float, ...]
    """Value of each unit."""
    levels: tuple[Label, ...] | None
    """Levels of a label; None for a number."""
    design: Floats
    """Shape (groups, columns): an indicator for each level, or the standardised number."""
    group: Ints
    """Group of each unit."""
    mean: float
    """Mean of a number over the units; NaN for a label."""
    sd: float
    """Its standard deviation (divisor N)."""

    def at(self, value: Any) -> Floats:
        """Row of the design for a unit with some value, which must be a level that is known."""
        if self.levels is None:
            return np.array([[(_as_number(value, "covariate") - self.mean) / self.sd]])
        label = as_label(value, "covariate")
        if label not in self.levels:
            known = ", ".join(map(repr, self.levels))
            raise ValueError(
                f"covariate is {label!r}, a level that no unit has; nothing is known of its effect "
                f"(known levels: {known})"
            )
        return np.eye(len(self.levels))[[self.levels.index(label)]]


def as_covariate(values: Any, units: tuple[Label, ...]) -> Covariate:
    """Check the covariate of every unit, and make its design."""
    per_unit = _per_unit(values, units)
    for unit, value in zip(units, per_unit, strict=True):
        if is_missing(value):
            raise ValueError(f"covariate of unit {unit!r} is missing; leave the unit out")
    if all(isinstance(value, str | bool | np.bool_) for value in per_unit):
        labels = [
            as_label(value, f"covariate of unit {unit!r}")
            for unit, value in zip(units, per_unit, strict=True)
        ]
        check_one_type(labels, "covariate")
        levels = natural_sort(set(labels))
        if len(levels) == 1:
            raise ValueError(
                f"covariate is {levels[0]!r} for every unit; use partial_pooling_model"
            )
        group = np.array([levels.index(label) for label in labels])
        return Covariate(tuple(labels), levels, np.eye(len(levels)), group, np.nan, np.nan)
    numbers = np.array(
        [
            _as_number(value, f"covariate of unit {unit!r}")
            for unit, value in zip(units, per_unit, strict=True)
        ]
    )
    distinct, group = np.unique(numbers, return_inverse=True)
    if len(distinct) == 1:
        raise ValueError(f"covariate is {distinct[0]:g} for every unit; use partial_pooling_model")
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(numbers.mean()), float(numbers.std())
    if not 0 < sd < np.inf:
        raise ValueError(
            f"covariate goes from {distinct[0]:g} to {distinct[-1]:g}, too far or too near to be "
            f"standardised; rescale it"
        )
    design = ((distinct - mean) / sd)[:, None]
    return Covariate(tuple(numbers.tolist()), None, design, group, mean, sd)


def _per_unit(values: Any, units: tuple[Label, ...]) -> list[Any]:
    """Put values in the order of the units."""
    if isinstance(values, Mapping) or callable(getattr(values, "keys", None)):
        labels = list(values.keys())  # those of a pandas Series are its index
        if len(set(labels)) < len(labels):
            raise ValueError("covariate has two values for one unit; give one for each")
        missing = [unit for unit in units if unit not in labels]
        if missing:
            raise ValueError(f"covariate has no value for unit {missing[0]!r}; give one for each")
        unknown = [unit for unit in labels if unit not in units]
        if unknown:
            raise ValueError(f"covariate has unit {unknown[0]!r}, which counts do not have")
        return [values[unit] for unit in units]
    ordered = hasattr(values, "__iter__") and not isinstance(values, set | frozenset)
    if isinstance(values, str | bytes) or not ordered:
        raise TypeError(
            f"covariate must be a mapping by unit or one value for each unit, in their order, got "
            f"{values!r}"
        )
    given = list(values)
    if len(given) != len(units):
        raise ValueError(f"covariate has {len(given)} values, expected {len(units)}, one per unit")
    return given


def _as_number(value: Any, name: str) -> float:
    """Check one number."""
    if not is_number(value):
        raise ValueError(f"{name} must be a finite number, as the others are, got {value!r}")
    return float(value)
