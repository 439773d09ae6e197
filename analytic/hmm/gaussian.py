"""Observations that are real numbers, with a mean and a standard deviation in each state."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from analytic.hmm.emission import as_codes, as_weights
from analytic.validate import Floats, as_numbers

COLLAPSED = 1e-6
"""An sd below this part of the sd of all observations is taken for the way to zero."""

LARGEST = 1e150
"""Observations are smaller in size than this: beyond, float64 cannot hold their squares."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    r"""Emission of a real number: Normal(mean_k, sd_k^2).

    The likelihood of a hidden chain is unbounded: a state that keeps to one observation can have
    its sd shrink to zero. `estimate` therefore refuses to go on when an sd collapses, unless a
    smallest one is given; then it maximises over the sds that are not below it.

    Parameters
    ----------
    mean : array_like
        Means, shape (K,).
    sd : array_like
        Standard deviations, shape (K,), positive.
    sd_floor : float, default 0
        Smallest standard deviation that `estimate` may give.

    Attributes
    ----------
    mean, sd : ndarray
        The parameters, read-only.

    Raises
    ------
    ValueError
        Parameters that are not finite, or an sd that is not positive or is below `sd_floor`.

    Examples
    --------
    >>> levels = Gaussian([0.0, 5.0], [1.0, 2.0])
    >>> levels.log_prob([1.0]).round(4)
    array([[-1.4189, -3.6121]])
    >>> new = levels.estimate([0, 2, 5, 7], [[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> new.mean, new.sd
    (array([1., 6.]), array([1., 1.]))

    References
    ----------
    .. [1] Day, N. E. (1969). Estimating the components of a mixture of normal distributions.
       Biometrika 56, 463-474. The likelihood is unbounded.
    """

    mean: Floats
    sd: Floats
    sd_floor: float = 0.0

    def __post_init__(self) -> None:
        """Check the parameters and take read-only copies."""
        mean = as_numbers("mean", self.mean).astype(np.float64)
        sd = as_numbers("sd", self.sd).astype(np.float64)
        if mean.ndim != 1 or mean.size == 0 or mean.shape != sd.shape:
            raise ValueError(
                f"mean and sd must hold one number per state, got shapes {mean.shape}, {sd.shape}"
            )
        number = isinstance(self.sd_floor, int | float | np.number)
        if not (number and 0 <= self.sd_floor < np.inf):
            raise ValueError(f"sd_floor must be finite and >= 0, got {self.sd_floor!r}")
        if not np.isfinite(mean).all():
            raise ValueError(f"mean must be finite, got {mean}")
        if not ((sd > 0) & (sd >= self.sd_floor) & (sd < np.inf)).all():
            raise ValueError(
                f"sd must be positive, finite and not below sd_floor={self.sd_floor}, got {sd}"
            )
        for name, array in (("mean", mean), ("sd", sd)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def log_prob(self, x: ArrayLike) -> Floats:
        """Log-density of each number in each state, shape (T, K)."""
        values = self._numbers(x)[:, None]
        with np.errstate(over="ignore"):  # a density that float64 cannot tell from 0
            square = ((values - self.mean) / self.sd) ** 2
        return np.asarray(-0.5 * square - np.log(self.sd) - 0.5 * math.log(2 * math.pi))

    def estimate(self, x: ArrayLike, weights: ArrayLike) -> Self:
        """Give the weighted means and standard deviations, the latter not below `sd_floor`.

        A state without weight keeps its parameters. Raises ValueError where a standard deviation
        collapses and no floor is given.
        """
        values = self._numbers(x)
        weight = as_weights(weights, values.size)
        total = weight.sum(axis=0)
        with np.errstate(invalid="ignore"):
            mean = values @ weight / total
            variance = (weight * (values[:, None] - mean) ** 2).sum(axis=0) / total
        sd = np.maximum(np.sqrt(variance), self.sd_floor)
        if mean.size == self.mean.size:
            mean, sd = np.where(total > 0, mean, self.mean), np.where(total > 0, sd, self.sd)
        collapsed = (total > 0) & (sd <= COLLAPSED * (values.std() if values.size else 0.0))
        if self.sd_floor == 0 and collapsed.any():
            state = int(np.argmax(collapsed))
            raise ValueError(
                f"the sd of state {state} collapses at {mean[state]:.6g}, where the likelihood is "
                f"unbounded; give sd_floor=, or fewer states"
            )
        return type(self)(mean, sd, self.sd_floor)

    def sample(self, rng: np.random.Generator, states: ArrayLike) -> Floats:
        """Draw a number for each state."""
        codes = as_codes(states, self.mean.size, rng)
        return np.asarray(rng.normal(self.mean[codes], self.sd[codes]))

    @staticmethod
    def _numbers(x: ArrayLike) -> Floats:
        """Finite numbers in one dimension."""
        values = as_numbers("observations", x).astype(np.float64)
        if values.ndim != 1:
            raise ValueError(f"observations must be in one dimension, got shape {values.shape}")
        wrong = ~(np.abs(values) < LARGEST)
        if wrong.any():
            where = int(np.argmax(wrong))
            raise ValueError(
                f"observations must be finite numbers, below {LARGEST:g} in size, got "
                f"{values[where]} at {where}; rescale or correct them"
            )
        return values
