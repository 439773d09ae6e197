"""Real numbers that a hidden state emits, in the PyMC model."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

import analytic.hmm as hidden
from analytic.validate import Floats, is_number
from bayes_markov.hmm.emission import STATE, Parameters, check_positive, exact
from bayes_markov.hmm.observations import Observations

_SQUARES = hidden.Gaussian(np.zeros(1), np.ones(1))
"""Refuses numbers whose squares float64 cannot hold."""


@dataclass(frozen=True, eq=False)
class GaussianPrior:
    r"""Real numbers, with a mean and a standard deviation in each state.

    .. math:: x_t \mid z_t = k \sim \mathrm{Normal}(\mu_k, \sigma_k), \qquad
        \mu_k \sim \mathrm{Normal}(\text{mean}, \text{mean\_sd}), \qquad
        \log \sigma_k \sim \mathrm{Normal}(\log \text{sd}, \text{log\_sd\_sd})

    The density of sd vanishes at 0 faster than any power, so the posterior is proper although the
    likelihood has no bound as a state shrinks onto equal observations.

    Parameters
    ----------
    mean, mean_sd : float
        Of the normal distribution of the means; by default the mean of the data and twice their
        standard deviation.
    sd : float
        Median of the standard deviations; by default that of the data.
    log_sd_sd : float, default 1
        Standard deviation of their logarithms.

    Examples
    --------
    >>> str(GaussianPrior(mean=0.0, mean_sd=2.0, sd=1.0))
    'Normal(0, 2) on each mean, LogNormal(log 1, 1) on each sd'
    """

    mean: float
    mean_sd: float
    sd: float
    log_sd_sd: float = 1.0

    name = "gaussian"
    labels = False
    ordered_by = "mean"
    dims: ClassVar = {"mean": (STATE,), "sd": (STATE,)}
    signature = "(k),(k)"

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not is_number(self.mean):
            raise ValueError(f"mean of the prior must be finite, got {self.mean!r}")
        check_positive(mean_sd=self.mean_sd, sd=self.sd, log_sd_sd=self.log_sd_sd)

    @classmethod
    def of(cls, data: Observations) -> Self:
        """Give the default prior for some data."""
        seen = data.rows[data.present]
        _SQUARES.log_prob(seen)
        sd = float(seen.std())
        if not sd > 0:
            raise ValueError(
                f"all observations are equal to {seen[0]:g}, so they give no scale and do not tell "
                f"states apart; pass a GaussianPrior(...) if that is what you want"
            )
        return cls(float(seen.mean()), 2 * sd, sd)

    def check(self, data: Observations) -> None:
        """Accept any finite number that has a square."""
        _SQUARES.log_prob(data.rows[data.present])

    def parameters(self, n_states: int) -> list[Any]:
        """Put the parameters into the model that is being built."""
        import pymc as pm

        return [
            pm.Normal("mean", exact(self.mean), exact(self.mean_sd), dims=STATE),
            pm.LogNormal("sd", exact(np.log(self.sd)), exact(self.log_sd_sd), dims=STATE),
        ]

    def log_prob(self, x: Any, mean: Any, sd: Any) -> Any:
        """Log-density of each observation in each state, shape (T, K)."""
        import pytensor.tensor as pt

        return -0.5 * ((x[:, None] - mean) / sd) ** 2 - pt.log(sd) - 0.5 * np.log(2 * np.pi)

    @staticmethod
    def at(parameters: Parameters) -> hidden.Gaussian:
        """Emission at some values of the parameters."""
        return hidden.Gaussian(parameters["mean"], parameters["sd"])

    def inside(self, x: Floats, weights: Floats) -> dict[str, Floats]:
        """Parameters near an estimate but off the boundary, as one more observation would do."""
        weight = 1 + weights.sum(axis=0)
        mean = (self.mean + x @ weights) / weight
        square = (weights * (x[:, None] - mean) ** 2).sum(axis=0)
        return {"mean": mean, "sd": np.sqrt((self.sd**2 + square) / weight)}

    def sample(
        self, rng: np.random.Generator, size: tuple[int, ...], n_states: int
    ) -> dict[str, Floats]:
        """Draw from the prior."""
        shape = (*size, n_states)
        return {
            "mean": rng.normal(self.mean, self.mean_sd, shape),
            "sd": rng.lognormal(np.log(self.sd), self.log_sd_sd, shape),
        }

    def free(self, n_states: int) -> int:
        """Count the free parameters."""
        return 2 * n_states

    def __str__(self) -> str:
        """Prior in a few words."""
        return (
            f"Normal({self.mean:g}, {self.mean_sd:g}) on each mean, "
            f"LogNormal(log {self.sd:g}, {self.log_sd_sd:g}) on each sd"
        )
