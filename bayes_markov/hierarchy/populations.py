r"""Populations of transition matrices: what the Dirichlet parameters of the rows depend on.

A population is a value. It names its unknown parameters with their priors, and turns them into
alpha, shape (groups, *history, K), one group for all units unless they differ by a covariate.
`alpha` is written once: it takes draws, with any leading axes, and PyTensor variables.

Nothing else is asked of a population of your own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from bayes_markov.hierarchy.hyperpriors import Hyperpriors, MeanRows, UniformShrinkage

type Values = Mapping[str, Any]
type Exp = Callable[[Any], Any]
type Each = Literal["one", "row"]


class Population(Protocol):
    """What the models need to know."""

    @property
    def hyperpriors(self) -> Hyperpriors:
        """Priors of the unknown parameters, by name."""

    @property
    def description(self) -> str:
        """The prior in a few words, for the record of a result."""

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
    def hyperpriors(self) -> Hyperpriors:
        """Priors of strength and mean."""
        rows, whole = self.shape[:-1], (*self.history, "next_state")
        by_row = {"one": ((), ()), "row": (rows, self.history)}[self.strength]
        mean = (self.shape, whole) if self.mean == "row" else (self.shape[-1:], whole[-1:])
        return {
            "strength": UniformShrinkage(self.median_strength, *by_row),
            "mean": MeanRows(self.mean_alpha, *mean),
        }

    @property
    def description(self) -> str:
        """The model in a line."""
        return (
            f"rows Dirichlet(strength x mean); strength (one{each(self.strength)}) log-logistic "
            f"with median {self.median_strength:g}, mean row (one{each(self.mean)}) Dirichlet"
        )

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
    def hyperpriors(self) -> Hyperpriors:
        """Priors of concentration, base and stickiness."""
        strength = UniformShrinkage(self.median_strength)
        return {
            "concentration": strength,
            "base": MeanRows(self.mean_alpha, (self.n_states,), ("next_state",)),
            "stickiness": strength,
        }

    @property
    def description(self) -> str:
        """The model in a line."""
        return (
            f"rows Dirichlet(concentration x base + stickiness x e_i); concentration and "
            f"stickiness log-logistic with median {self.median_strength:g}, base Dirichlet"
        )

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
