"""Observations that are counts, with a rate in each state."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from analytic.hmm.emission import as_codes, as_weights, as_whole
from analytic.validate import Floats, Ints, as_numbers


@dataclass(frozen=True, eq=False)
class Poisson:
    r"""Emission of a count, with a rate in each state.

    .. math:: P(x \mid z = k) = \frac{\lambda_k^x e^{-\lambda_k}}{x!}

    Parameters
    ----------
    rate : array_like
        Rates, shape (K,), not negative. A rate of 0 makes every count but 0 impossible.

    Attributes
    ----------
    rate : ndarray
        The rates, read-only.

    Raises
    ------
    ValueError
        Rates that are negative or not finite.

    Examples
    --------
    >>> quakes = Poisson([2.0, 10.0])
    >>> np.exp(quakes.log_prob([3])).round(4)
    array([[0.1804, 0.0076]])
    >>> quakes.estimate([3, 8, 4], [[1, 0], [0, 1], [0.5, 0.5]]).rate.round(3)
    array([3.333, 6.667])
    """

    rate: Floats

    def __post_init__(self) -> None:
        """Check the rates and take a read-only copy."""
        rate = as_numbers("rate", self.rate).astype(np.float64)
        if rate.ndim != 1 or rate.size == 0 or not ((rate >= 0) & (rate < np.inf)).all():
            raise ValueError(f"rate must be one finite number >= 0 per state, got {rate}")
        rate.flags.writeable = False
        object.__setattr__(self, "rate", rate)

    def log_prob(self, x: ArrayLike) -> Floats:
        """Log-probability of each count in each state, shape (T, K)."""
        count = as_whole("observations", x)[:, None].astype(np.float64)
        return np.asarray(xlogy(count, self.rate) - self.rate - gammaln(count + 1))

    def estimate(self, x: ArrayLike, weights: ArrayLike) -> Self:
        """Give the weighted means; a state without weight keeps its rate."""
        count = as_whole("observations", x)
        weight = as_weights(weights, count.size)
        total = weight.sum(axis=0)
        with np.errstate(invalid="ignore"):
            rate = count @ weight / total
        if rate.size == self.rate.size:
            rate = np.where(total > 0, rate, self.rate)
        return type(self)(rate)

    def sample(self, rng: np.random.Generator, states: ArrayLike) -> Ints:
        """Draw a count for each state."""
        codes = as_codes(states, self.rate.size, rng)
        return np.asarray(rng.poisson(self.rate[codes]), dtype=np.int64)
