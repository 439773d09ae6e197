r"""Hyperpriors of a learned Dirichlet prior: density, draws and PyMC variable of each.

A strength s is a number of prior transitions: with n departures a row is drawn towards its mean by
the weight s / (s + n). Its prior is the uniform-shrinkage prior [1]_ [2]_,

.. math:: \frac{s}{s + m} \sim \mathrm{Uniform}(0, 1), \qquad
          \log s \sim \mathrm{Logistic}(\log m, 1),

with m its median: at n = m departures every weight between no pooling and full pooling is equally
probable. By default m = K, the strength of a flat prior on K next states.

References
----------
.. [1] Strawderman, W. E. (1971). Proper Bayes minimax estimators of the multivariate normal mean.
   Annals of Mathematical Statistics 42, 385-388.
.. [2] Daniels, M. J. (1999). A prior for the variance in hierarchical models. Canadian Journal of
   Statistics 27, 567-578.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from analytic import DirichletRows
from analytic.validate import Floats, as_alpha


@dataclass(frozen=True)
class UniformShrinkage:
    """Prior of strengths: log-logistic with shape 1.

    Parameters
    ----------
    median : float
        Median strength, in transitions.
    """

    median: float

    def __post_init__(self) -> None:
        """Refuse a median that is not positive and finite."""
        number = isinstance(self.median, int | float | np.integer | np.floating)
        if not number or isinstance(self.median, bool) or not 0 < self.median < np.inf:
            raise ValueError(
                f"median_strength must be a positive number of transitions, got {self.median!r}"
            )

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw strengths."""
        return np.asarray(np.exp(rng.logistic(np.log(self.median), 1.0, size=size)))

    def log_density(self, strength: Floats) -> Floats:
        """Log-density of the logarithm of a strength, in which the sampler moves."""
        x = np.log(strength) - np.log(self.median)
        return np.asarray(np.log(expit(x)) + np.log(expit(-x)))

    def variable(self, name: str, dims: tuple[str, ...]) -> Any:
        """Put a strength into the present PyMC model; its logarithm is what is free."""
        import pymc as pm
        import pytensor.tensor as pt

        log_strength = pm.Logistic(f"log_{name}", mu=np.log(self.median), s=1.0, dims=dims)
        return pm.Deterministic(name, pt.exp(log_strength), dims=dims)


@dataclass(frozen=True, eq=False)
class MeanRows:
    """Prior of mean rows: each Dirichlet(alpha), flat by default.

    Parameters
    ----------
    alpha : array_like
        Dirichlet parameters: a number, one per next state, or one per cell.
    shape : tuple of int
        Shape of the mean rows, the next states last.
    """

    alpha: ArrayLike
    shape: tuple[int, ...]

    @property
    def rows(self) -> DirichletRows:
        """The prior as a value."""
        try:
            return DirichletRows(as_alpha(self.alpha, self.shape))
        except ValueError:
            raise ValueError(
                f"mean_alpha must be positive and finite: a number, one per next state, or one per "
                f"cell of {self.shape}; got {self.alpha!r}"
            ) from None

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw rows."""
        return self.rows.sample(rng, size=size)

    def log_density(self, rows: Floats) -> Floats:
        """Log-density on the simplex, one value per row."""
        return self.rows.log_pdf(rows)

    def variable(self, name: str, dims: tuple[str, ...]) -> Any:
        """Put rows into the present PyMC model."""
        import pymc as pm

        from bayes_markov.stick_breaking import StickBreaking

        return pm.Dirichlet(name, a=self.rows.alpha, dims=dims, default_transform=StickBreaking())
