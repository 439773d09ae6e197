"""Cells of a table one by one: each distinct pair of numbers once, and what a support settles."""

from collections.abc import Callable

import numpy as np

from analytic.validate import Bools, Floats


def departures(x: Floats) -> Floats:
    """Row totals, with a last axis of length one; NaN for a row that nobody left."""
    n = x.sum(axis=-1, keepdims=True)
    return np.where(n > 0, n, np.nan)


def each_pair_once(
    limits: Callable[[Floats, Floats], tuple[Floats, Floats]], a: Floats, b: Floats, where: Bools
) -> tuple[Floats, Floats]:
    """Apply a costly function to the distinct pairs (a, b): tables repeat few of them often.

    Only pairs with `where` are looked at; the limits of the others are NaN.
    """
    low, high = np.full(a.shape, np.nan), np.full(a.shape, np.nan)
    pairs, place = np.unique(a[where] + 1j * b[where], return_inverse=True)
    low[where], high[where] = (end[place.reshape(-1)] for end in limits(pairs.real, pairs.imag))
    return low, high


def settle(low: Floats, high: Floats, possible: Bools) -> tuple[Floats, Floats]:
    """Set what is known without any data, given the limits as they are without a support.

    An impossible transition has the interval (0, 0), and the only possible one of a row (1, 1),
    unless it is undefined. A row with none is NaN.
    """
    choices = possible.sum(axis=-1, keepdims=True)
    if (choices > 1).all() and possible.all():
        return low, high
    known = np.where(choices > 0, possible.astype(np.float64), np.nan)
    settled = ~possible | ((choices == 1) & ~np.isnan(low))
    return np.where(settled, known, low), np.where(settled, known, high)
