"""Rows of a table as distributions."""

import numpy as np

from analytic.validate import Bools, Counts, Floats


def ratio(weights: Counts) -> Floats:
    """Each row over its sum; NaN where the sum is zero."""
    with np.errstate(invalid="ignore"):
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True, dtype=np.float64))


def choices(possible: Bools) -> Floats:
    """Count the possible next states of every row, with a last axis of length one.

    It is 1 in a row with none, which keeps divisions by it finite; such a row has no counts.
    """
    return np.maximum(possible.sum(axis=-1, keepdims=True, dtype=np.float64), 1.0)
