r"""Populations of transition matrices: what the Dirichlet parameters of the rows depend on.

A population is a value. Its unknown parameters have names and dims; it puts them into a PyMC
model, draws them from their hyperprior, gives the log-density of that, and turns them into alpha,
shape (groups, *history, K), one group for all units unless they differ by a covariate. `alpha` is
written once: it takes draws, with any leading axes, and PyTensor variables.

Nothing else is asked of a population of your own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import Floats
from bayes_markov.hierarchy.hyperpriors import MeanRows, UniformShrinkage

type Values = Mapping[str, Any]
type Exp = Callable[[Any], Any]
type Constants = dict[str, tuple[tuple[str, ...], Any]]
type Each = Literal["one", "row"]


class Population(Protocol):
    """What the models need to know."""

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims of the parameters, by name."""

    @property
    def constants(self) -> Constants:
        """Numbers of the hyperprior with their dims, for the record of a result."""

    @property
    def description(self) -> str:
        """The prior in a few words, for the record of a result."""

    def variables(self) -> dict[str, Any]:
        """Put the parameters into the present PyMC model."""

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> dict[str, Floats]:
        """Draw the parameters from their hyperprior."""

    def log_prior(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Log-density of the hyperprior at draws, by parameter, strengths by their logarithm."""

    def alpha(self, values: Values, *, exp: Exp = np.exp) -> Any:
        """Dirichlet parameters of the rows, shape (..., groups, *history, K)."""


@dataclass(frozen=True, eq=False)
class Exchangeable:
    r"""Rows around a mean: alpha_i = strength_i mean_i.

    Parameters
    ----------
    shape : tuple of int
        Shape of one table, (*history, K).
    history : tuple of str
        Dims of the history.
    strength : {"one", "row"}
        One strength, or one for each row.
    mean : {"one", "row"}
        One mean row for all rows, or one for each.
    median_strength : float
        Median of the strengths' prior, in transitions.
    mean_alpha : array_like
        Dirichlet parameters of the mean rows.
    """

    shape: tuple[int, ...]
    history: tuple[str, ...]
    strength: Each
    mean: Each
    median_strength: float
    mean_alpha: ArrayLike

    @cached_property
    def _strengths(self) -> UniformShrinkage:
        return UniformShrinkage(self.median_strength)

    @cached_property
    def _means(self) -> MeanRows:
        return MeanRows(self.mean_alpha, self.shape if self.mean == "row" else self.shape[-1:])

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims of strength and mean."""
        return {
            "strength": self.history if self.strength == "row" else (),
            "mean": (*(self.history if self.mean == "row" else ()), "next_state"),
        }

    @property
    def constants(self) -> Constants:
        """Median of the strengths, and parameters of the mean rows."""
        return {
            "median_strength": ((), self.median_strength),
            "mean_alpha": (self.dims["mean"], self._means.rows.alpha),
        }

    @property
    def description(self) -> str:
        """The model in a line."""
        return (
            f"rows Dirichlet(strength x mean); strength (one{each(self.strength)}) log-logistic "
            f"with median {self.median_strength:g}, mean row (one{each(self.mean)}) Dirichlet"
        )

    def variables(self) -> dict[str, Any]:
        """Put strength and mean into the present PyMC model."""
        return {
            "strength": self._strengths.variable("strength", self.dims["strength"]),
            "mean": self._means.variable("mean", self.dims["mean"]),
        }

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> dict[str, Floats]:
        """Draw strength and mean from their hyperprior."""
        rows = self.shape[:-1] if self.strength == "row" else ()
        return {
            "strength": self._strengths.sample(rng, (*size, *rows)),
            "mean": self._means.sample(rng, size),
        }

    def log_prior(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Log-density of the hyperprior."""
        return {
            "strength": self._strengths.log_density(values["strength"]),
            "mean": self._means.log_density(values["mean"]),
        }

    def alpha(self, values: Values, *, exp: Exp = np.exp) -> Any:
        """Multiply: shape (..., 1, *history, K)."""
        strength, mean = values["strength"], values["mean"]
        if self.history and self.strength == "one":
            strength = strength[..., None]
        if self.history and self.mean == "one":
            mean = mean[..., None, :]
        return (strength[..., None] * mean * np.ones(self.shape))[..., None, *all_axes(self.shape)]


@dataclass(frozen=True, eq=False)
class Sticky:
    r"""Rows that favour staying: alpha_i = concentration base + stickiness e_i.

    The row of s_0 has no state to stay in, and no stickiness.

    Parameters
    ----------
    n_states : int
        K.
    median_strength : float
        Median of the priors of concentration and stickiness, in transitions. The weight of
        staying, stickiness / (concentration + stickiness), then has a distribution that is
        symmetric about 1/2.
    mean_alpha : array_like
        Dirichlet parameters of the base.

    References
    ----------
    .. [1] Fox, E. B., Sudderth, E. B., Jordan, M. I. and Willsky, A. S. (2011). A sticky HDP-HMM
       with application to speaker diarization. Annals of Applied Statistics 5, 1020-1056.
    """

    n_states: int
    median_strength: float
    mean_alpha: ArrayLike

    @cached_property
    def _strengths(self) -> UniformShrinkage:
        return UniformShrinkage(self.median_strength)

    @cached_property
    def _base(self) -> MeanRows:
        return MeanRows(self.mean_alpha, (self.n_states,))

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims of concentration, base and stickiness."""
        return {"concentration": (), "base": ("next_state",), "stickiness": ()}

    @property
    def constants(self) -> Constants:
        """Median of concentration and stickiness, and parameters of the base."""
        return {
            "median_strength": ((), self.median_strength),
            "mean_alpha": (("next_state",), self._base.rows.alpha),
        }

    @property
    def description(self) -> str:
        """The model in a line."""
        return (
            f"rows Dirichlet(concentration x base + stickiness x e_i); concentration and "
            f"stickiness log-logistic with median {self.median_strength:g}, base Dirichlet"
        )

    def variables(self) -> dict[str, Any]:
        """Put the parameters into the present PyMC model."""
        return {
            "concentration": self._strengths.variable("concentration", ()),
            "base": self._base.variable("base", ("next_state",)),
            "stickiness": self._strengths.variable("stickiness", ()),
        }

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> dict[str, Floats]:
        """Draw the parameters from their hyperprior."""
        return {
            "concentration": self._strengths.sample(rng, size),
            "base": self._base.sample(rng, size),
            "stickiness": self._strengths.sample(rng, size),
        }

    def log_prior(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Log-density of the hyperprior."""
        return {
            "concentration": self._strengths.log_density(values["concentration"]),
            "base": self._base.log_density(values["base"]),
            "stickiness": self._strengths.log_density(values["stickiness"]),
        }

    def alpha(self, values: Values, *, exp: Exp = np.exp) -> Any:
        """Add the two: shape (..., 1, K+1, K)."""
        stay = np.eye(self.n_states + 1)[:, 1:]
        spread = values["concentration"][..., None] * values["base"]
        whole = spread[..., None, :] + values["stickiness"][..., None, None] * stay
        return whole[..., None, :, :]


def all_axes(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Index that keeps the axes of a table."""
    return (slice(None),) * len(shape)


def each(which: Each) -> str:
    """Say that there is one for each row."""
    return "" if which == "one" else " for each row"
