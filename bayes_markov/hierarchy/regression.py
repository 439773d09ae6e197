"""A population whose mean rows depend on a label or a number known of each unit."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analytic.validate import Floats
from bayes_markov.hierarchy.hyperpriors import (
    Hyperpriors,
    MeanRows,
    UniformShrinkage,
    ZeroSumEffects,
)
from bayes_markov.hierarchy.populations import Exp, Values, all_axes, each


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
    def hyperpriors(self) -> Hyperpriors:
        """Priors of strength, mean and effect."""
        columns, level = (self.design.shape[1:], ("level",)) if self.levels else ((), ())
        whole = (*self.history, "next_state")
        return {
            "strength": UniformShrinkage(self.median_strength, self.shape[:-1], self.history),
            "mean": MeanRows(self.mean_alpha, self.shape, whole),
            "effect": ZeroSumEffects(self.effect_scale, (*columns, *self.shape), (*level, *whole)),
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
