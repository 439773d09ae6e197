"""What the priors of all emissions share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analytic.validate import Floats, is_number

CATEGORY = "category"
"""Dim of the labels that are observed."""

STATE = "hidden_state"
"""Dim of the states, without s_0."""

type Parameters = Mapping[str, Floats]
"""Values of an emission's parameters, by name; the last axes are theirs."""


def log_of(probabilities: Any) -> Any:
    """Logarithm of a tensor of probabilities, -inf at 0 with a gradient of 0, not NaN."""
    import pytensor.tensor as pt

    positive = probabilities > 0
    return pt.where(positive, pt.log(pt.where(positive, probabilities, 1.0)), -np.inf)


def exact(value: float) -> Any:
    """Give a constant of 64 bits; PyTensor gives a number like 0.25 32 bits, and its logarithm."""
    import pytensor.tensor as pt

    return pt.constant(np.float64(value), dtype="float64")


def check_positive(**values: float) -> None:
    """Refuse parameters of a prior that are not positive."""
    for name, value in values.items():
        if not (is_number(value) and value > 0):
            raise ValueError(f"{name} of the prior must be positive and finite, got {value!r}")
