r"""Hyperpriors of a learned Dirichlet prior: dims, density, draws and PyMC variable of each.

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

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from analytic import DirichletRows
from analytic.validate import Floats, as_alpha, is_number

type Dims = tuple[str, ...]
type Constants = dict[str, tuple[Dims, Any]]


class Hyperprior(Protocol):
    """Prior of one parameter of a population."""

    @property
    def dims(self) -> Dims:
        """Dims of the parameter."""

    @property
    def constants(self) -> Constants:
        """Numbers of the prior with their dims, for the record of a result."""

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw the parameter, shape (*size, its own)."""

    def log_density(self, value: Floats) -> Floats:
        """Log-density at draws, strengths by their logarithm."""

    def variable(self, name: str) -> Any:
        """Put the parameter into the present PyMC model."""


type Hyperpriors = Mapping[str, Hyperprior]


def dims_of(priors: Hyperpriors) -> dict[str, Dims]:
    """Dims of the parameters, by name."""
    return {name: prior.dims for name, prior in priors.items()}


def constants_of(priors: Hyperpriors) -> Constants:
    """Numbers of the priors, by name; parameters that share a name share its number."""
    return {name: value for prior in priors.values() for name, value in prior.constants.items()}


def variables(priors: Hyperpriors) -> dict[str, Any]:
    """Put all parameters into the present PyMC model."""
    return {name: prior.variable(name) for name, prior in priors.items()}


def sample(
    priors: Hyperpriors, rng: np.random.Generator, size: tuple[int, ...]
) -> dict[str, Floats]:
    """Draw all parameters."""
    return {name: prior.sample(rng, size) for name, prior in priors.items()}


def log_density(priors: Hyperpriors, values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Log-density of each parameter at draws."""
    return {name: prior.log_density(values[name]) for name, prior in priors.items()}


@dataclass(frozen=True)
class UniformShrinkage:
    """Prior of strengths: log-logistic with shape 1.

    Parameters
    ----------
    median : float
        Median strength, in transitions.
    shape : tuple of int
        Shape of the strengths.
    dims : tuple of str
        Their dims.
    """

    median: float
    shape: tuple[int, ...] = ()
    dims: Dims = ()

    def __post_init__(self) -> None:
        """Refuse a median that is not positive and finite."""
        if not (is_number(self.median) and self.median > 0):
            raise ValueError(
                f"median_strength must be a positive number of transitions, got {self.median!r}"
            )

    @property
    def constants(self) -> Constants:
        """The median."""
        return {"median_strength": ((), self.median)}

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw strengths."""
        return np.asarray(np.exp(rng.logistic(np.log(self.median), 1.0, size=size + self.shape)))

    def log_density(self, value: Floats) -> Floats:
        """Log-density of the logarithm of a strength, in which the sampler moves."""
        x = np.log(value) - np.log(self.median)
        return np.asarray(np.log(expit(x)) + np.log(expit(-x)))

    def variable(self, name: str) -> Any:
        """Put a strength into the present PyMC model; its logarithm is what is free."""
        import pymc as pm
        import pytensor.tensor as pt

        log_strength = pm.Logistic(f"log_{name}", mu=np.log(self.median), s=1.0, dims=self.dims)
        return pm.Deterministic(name, pt.exp(log_strength), dims=self.dims)


@dataclass(frozen=True, eq=False)
class MeanRows:
    """Prior of mean rows: each Dirichlet(alpha), flat by default.

    Parameters
    ----------
    alpha : array_like
        Dirichlet parameters: a number, one per next state, or one per cell.
    shape : tuple of int
        Shape of the mean rows, the next states last.
    dims : tuple of str
        Their dims.
    """

    alpha: ArrayLike
    shape: tuple[int, ...]
    dims: Dims

    @cached_property
    def rows(self) -> DirichletRows:
        """The prior as a value."""
        try:
            return DirichletRows(as_alpha(self.alpha, self.shape))
        except ValueError:
            raise ValueError(
                f"mean_alpha must be positive and finite: a number, one per next state, or one per "
                f"cell of {self.shape}; got {self.alpha!r}"
            ) from None

    @property
    def constants(self) -> Constants:
        """The Dirichlet parameters."""
        return {"mean_alpha": (self.dims, self.rows.alpha)}

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw rows."""
        return self.rows.sample(rng, size=size)

    def log_density(self, value: Floats) -> Floats:
        """Log-density on the simplex, one value per row."""
        return self.rows.log_pdf(value)

    def variable(self, name: str) -> Any:
        """Put rows into the present PyMC model."""
        import pymc as pm

        from bayes_markov.stick_breaking import StickBreaking

        return pm.Dirichlet(
            name, a=self.rows.alpha, dims=self.dims, default_transform=StickBreaking()
        )


@dataclass(frozen=True)
class ZeroSumEffects:
    """Prior of effects on the log-odds: normal, made to sum to zero over the next states.

    Where there are levels, the first axis, effects sum to zero over these too.

    Parameters
    ----------
    scale : float
        Standard deviation before they are made to sum to zero.
    shape : tuple of int
        Shape of the effects, the next states last.
    dims : tuple of str
        Their dims; the first is "level" if there are levels.
    """

    scale: float
    shape: tuple[int, ...]
    dims: Dims

    @property
    def zero_sum(self) -> tuple[int, ...]:
        """Axes over which the effects of one draw sum to zero."""
        return (0, len(self.shape) - 1) if self.dims[0] == "level" else (len(self.shape) - 1,)

    @property
    def constants(self) -> Constants:
        """The scale."""
        return {"effect_scale": ((), self.scale)}

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        """Draw effects."""
        effect = rng.normal(0.0, self.scale, size=size + self.shape)
        for axis in self.zero_sum:
            effect -= effect.mean(axis=len(size) + axis, keepdims=True)
        return effect

    def log_density(self, value: Floats) -> Floats:
        """Log-density in the space where the effects sum to zero, one value for all."""
        free = np.prod([n - (axis in self.zero_sum) for axis, n in enumerate(self.shape)])
        squares = (np.asarray(value) ** 2).sum(axis=tuple(range(-len(self.shape), 0)))
        constant = free * (np.log(self.scale) + 0.5 * np.log(2 * np.pi))
        return np.asarray(-0.5 * squares / self.scale**2 - constant)

    def variable(self, name: str) -> Any:
        """Put effects into the present PyMC model, which takes the sum to zero over last axes."""
        import pymc as pm

        if len(self.zero_sum) == 1:
            return pm.ZeroSumNormal(name, sigma=self.scale, n_zerosum_axes=1, dims=self.dims)
        last = len(self.dims) - 1
        order = (*range(1, last), 0, last)
        effect = pm.ZeroSumNormal(
            f"{name}_of_level",
            sigma=self.scale,
            n_zerosum_axes=2,
            dims=[self.dims[axis] for axis in order],
        )
        back = np.argsort(order).tolist()
        return pm.Deterministic(name, effect.transpose(*back), dims=self.dims)
