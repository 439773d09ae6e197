r"""Means over simulated outcomes, piece by piece, with what is infinite or undefined counted.

An outcome is a finite number, infinite, or undefined (NaN). Means are over the finite ones, and
the shares of the others stand beside them. Pieces are merged by the formulas of Chan, Golub and
LeVeque, which lose no digits to large means.

References
----------
.. [1] Chan, T. F., Golub, G. H. and LeVeque, R. J. (1983). Algorithms for computing the sample
   variance: analysis and recommendations. The American Statistician 37, 242-247.
"""

from typing import NamedTuple, Self

import numpy as np

from analytic.validate import Bools, Floats


class Moments(NamedTuple):
    """Count, mean and spread of outcomes, one entry for each quantity."""

    finite: Floats
    """Number of finite outcomes."""
    infinite: Floats
    """Number of infinite outcomes."""
    undefined: Floats
    """Number of undefined outcomes."""
    mean: Floats
    """Mean of the finite ones; 0 if there are none."""
    squares: Floats
    """Their sum of squared deviations from the mean."""

    def merged(self, other: Self) -> "Moments":
        """Take the outcomes of both together."""
        n = self.finite + other.finite
        share = other.finite / np.maximum(n, 1)
        step = other.mean - self.mean
        return Moments(
            n,
            self.infinite + other.infinite,
            self.undefined + other.undefined,
            self.mean + step * share,
            self.squares + other.squares + step**2 * self.finite * share,
        )

    @property
    def number(self) -> Floats:
        """Number of outcomes of any kind."""
        return self.finite + self.infinite + self.undefined


def moments_of(values: Floats, counted: Bools | bool = True) -> Moments:
    """Summarise outcomes over their first axis.

    Parameters
    ----------
    values : ndarray
        Outcomes, shape (N, ...).
    counted : ndarray of bool, optional
        Outcomes that there are, broadcastable to `values`; the others are left out altogether.

    Returns
    -------
    Moments
        Of shape (...).

    Examples
    --------
    >>> m = moments_of(np.array([1.0, 3.0, np.inf, np.nan]))
    >>> float(m.mean), float(m.squares), float(m.infinite), float(m.undefined)
    (2.0, 2.0, 1.0, 1.0)
    """
    finite = np.isfinite(values) & counted
    kept = np.where(finite, values, 0.0)
    n = finite.sum(axis=0, dtype=np.float64)
    mean = kept.sum(axis=0) / np.maximum(n, 1)
    squares = np.where(finite, (kept - mean) ** 2, 0.0).sum(axis=0)
    infinite = (np.isinf(values) & counted).sum(axis=0, dtype=np.float64)
    undefined = (np.isnan(values) & counted).sum(axis=0, dtype=np.float64)
    return Moments(n, infinite, undefined, mean, squares)


def mean_and_error(found: Moments) -> tuple[Floats, Floats]:
    """Mean of the finite outcomes and its standard error; NaN without any, or with one only."""
    mean = np.where(found.finite > 0, found.mean, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean, np.sqrt(found.squares / (found.finite * (found.finite - 1)))


def share_and_error(count: Floats, number: Floats) -> tuple[Floats, Floats]:
    r"""Share of the outcomes of a kind, and its standard error.

    .. math:: \sqrt{(x + 1/2)(n - x + 1/2) / ((n + 1)^2 (n + 2))}

    is the standard deviation of the Beta posterior under Jeffreys' prior: sqrt(p (1 - p) / n) in
    large samples, and not 0 when nothing was seen, which does not make a share certain.

    Parameters
    ----------
    count, number : ndarray
        Outcomes of the kind, x, and of all kinds, n.

    Returns
    -------
    share, error : ndarray
        NaN where there is no outcome.

    Examples
    --------
    >>> share, error = share_and_error(np.array([0.0, 30.0]), np.array([100.0, 100.0]))
    >>> share, error.round(4)
    (array([0. , 0.3]), array([0.0069, 0.0455]))
    """
    with np.errstate(invalid="ignore"):
        share = np.asarray(count / number)
    error = np.sqrt((count + 0.5) * (number - count + 0.5) / ((number + 1) ** 2 * (number + 2)))
    return share, np.where(number > 0, error, np.nan)
