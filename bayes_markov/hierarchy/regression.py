"""A population whose mean rows depend on a label or a number known of each unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import Floats
from bayes_markov.hierarchy.hyperpriors import MeanRows, UniformShrinkage
from bayes_markov.hierarchy.populations import Constants, Exp, Values, all_axes, each


@dataclass(frozen=True, eq=False)
class Regression:
    r"""Mean rows that depend on the unit: a Dirichlet regression with logit link.

    .. math::
        \alpha_{gi} = \text{strength}_i\, \mathrm{softmax}_j
        \Bigl( \log \text{mean}_{ij} + \sum_c x_{gc}\, \text{effect}_{cij} \Bigr)

    for units of group g, whose covariate is x_g. The log-odds of j against k move by the
    difference of the effects of j and k; effects sum to zero over the next states, and over the
    levels where the covariate is a label.

    Parameters
    ----------
    shape : tuple of int
        Shape of one table, (*history, K).
    history : tuple of str
        Dims of the history.
    design : ndarray
        Shape (groups, columns): indicators of the levels, or one column with a standardised
        number.
    levels : bool
        Whether the columns are levels of a label.
    median_strength, mean_alpha
        As for `Exchangeable`.
    effect_scale : float
        Scale of the normal prior of the effects, before they are made to sum to zero.
    """

    shape: tuple[int, ...]
    history: tuple[str, ...]
    design: Floats
    levels: bool
    median_strength: float
    mean_alpha: ArrayLike
    effect_scale: float

    @cached_property
    def _strengths(self) -> UniformShrinkage:
        return UniformShrinkage(self.median_strength)

    @cached_property
    def _means(self) -> MeanRows:
        return MeanRows(self.mean_alpha, self.shape)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dims of strength, mean and effect."""
        level = ("level",) if self.levels else ()
        return {
            "strength": self.history,
            "mean": (*self.history, "next_state"),
            "effect": (*level, *self.history, "next_state"),
        }

    @property
    def constants(self) -> Constants:
        """Median of the strengths, parameters of the mean rows, scale of the effects."""
        return {
            "median_strength": ((), self.median_strength),
            "mean_alpha": (self.dims["mean"], self._means.rows.alpha),
            "effect_scale": ((), self.effect_scale),
        }

    @property
    def description(self) -> str:
        """The model in a line."""
        of = "each level" if self.levels else "one standard deviation of the covariate"
        return (
            f"rows Dirichlet(strength x softmax(log mean + effect of {of})); strength "
            f"(one{each('row' if self.history else 'one')}) log-logistic with median "
            f"{self.median_strength:g}, mean Dirichlet, effects normal with scale "
            f"{self.effect_scale:g}, summing to zero"
        )

    def variables(self) -> dict[str, Any]:
        """Put the parameters into the present PyMC model."""
        import pymc as pm

        dims = self.dims["effect"]
        # PyMC takes the sum to zero over the last axes.
        inner = (*self.history, "level", "next_state") if self.levels else dims
        effect = pm.ZeroSumNormal(
            "effect_of_level" if self.levels else "effect",
            sigma=self.effect_scale,
            n_zerosum_axes=1 + self.levels,
            dims=inner,
        )
        if self.levels:
            axis = len(self.history)
            order = (axis, *range(axis), axis + 1)
            effect = pm.Deterministic("effect", effect.transpose(*order), dims=dims)
        return {
            "strength": self._strengths.variable("strength", self.history),
            "mean": self._means.variable("mean", self.dims["mean"]),
            "effect": effect,
        }

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> dict[str, Floats]:
        """Draw the parameters from their hyperprior."""
        columns = self.design.shape[1:] if self.levels else ()
        effect = rng.normal(0.0, self.effect_scale, size=(*size, *columns, *self.shape))
        effect -= effect.mean(axis=-1, keepdims=True)
        if self.levels:
            effect -= effect.mean(axis=len(size), keepdims=True)
        return {
            "strength": self._strengths.sample(rng, (*size, *self.shape[:-1])),
            "mean": self._means.sample(rng, size),
            "effect": effect,
        }

    def log_prior(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Log-density of the hyperprior; of effects, in the space where they sum to zero."""
        effect = np.asarray(values["effect"])
        axes = tuple(range(effect.ndim - len(self.shape) - self.levels, effect.ndim))
        rows = int(np.prod(self.shape[:-1]))
        free = rows * (self.shape[-1] - 1) * (len(self.design[0]) - 1 if self.levels else 1)
        scale = self.effect_scale
        squares = (effect**2).sum(axis=axes) / scale**2
        return {
            "strength": self._strengths.log_density(values["strength"]),
            "mean": self._means.log_density(values["mean"]),
            "effect": -0.5 * squares - free * (np.log(scale) + 0.5 * np.log(2 * np.pi)),
        }

    def alpha(self, values: Values, *, exp: Exp = np.exp) -> Any:
        """Dirichlet parameters of each group of units: shape (..., groups, *history, K)."""
        return self.alpha_at(self.design, values, exp=exp)

    def alpha_at(self, design: Floats, values: Values, *, exp: Exp = np.exp) -> Any:
        """Dirichlet parameters at covariates of other units, shape (groups, columns)."""
        table = all_axes(self.shape)
        columns = [
            values["effect"][(..., c, *table)] if self.levels else values["effect"]
            for c in range(design.shape[1])
        ]
        shift = sum(
            design[:, c].reshape(-1, *(1 for _ in self.shape)) * column[(..., None, *table)]
            for c, column in enumerate(columns)
        )
        odds = values["mean"][(..., None, *table)] * exp(shift)
        share = odds / odds.sum(axis=-1, keepdims=True)
        strength = values["strength"][(..., None, *table[:-1])]
        return strength[..., None] * share
