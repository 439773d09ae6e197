"""Counts that a hidden state emits, in the PyMC model."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

import analytic.hmm as hidden
from analytic.hmm.emission import as_whole
from analytic.validate import Floats
from bayes_markov.hmm.emission import STATE, Parameters, check_positive, exact
from bayes_markov.hmm.observations import Observations


@dataclass(frozen=True, eq=False)
class PoissonPrior:
    r"""Counts, with a rate in each state and Gamma priors on the rates.

    .. math:: x_t \mid z_t = k \sim \mathrm{Poisson}(\lambda_k), \qquad
        \lambda_k \sim \mathrm{Gamma}(\text{shape}, \text{rate})

    Parameters
    ----------
    shape, rate : float
        Parameters of the Gamma distribution, of mean shape / rate. By default shape is 1 and the
        mean that of the data.

    Examples
    --------
    >>> PoissonPrior(shape=1.0, rate=0.05).sample(np.random.default_rng(1), (4,), 2)["rate"].shape
    (4, 2)
    """

    shape: float
    rate: float

    name = "poisson"
    labels = False
    ordered_by = "rate"
    dims: ClassVar = {"rate": (STATE,)}
    signature = "(k)"

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_positive(shape=self.shape, rate=self.rate)

    @classmethod
    def of(cls, data: Observations) -> Self:
        """Give the default prior for some data."""
        seen = data.rows[data.present]
        return cls(1.0, seen.size / max(float(seen.sum()), 1.0))

    def check(self, data: Observations) -> None:
        """Refuse observations outside the support."""
        as_whole("observations", data.rows[data.present])

    def parameters(self, n_states: int) -> list[Any]:
        """Put the parameters into the model that is being built."""
        import pymc as pm

        return [pm.Gamma("rate", exact(self.shape), exact(self.rate), dims=STATE)]

    def log_prob(self, x: Any, rate: Any) -> Any:
        """Log-probability of each observation in each state, shape (T, K)."""
        import pytensor.tensor as pt

        count = x[:, None]
        return count * pt.log(rate) - rate - pt.gammaln(count + 1)

    @staticmethod
    def at(parameters: Parameters) -> hidden.Poisson:
        """Emission at some values of the parameters."""
        return hidden.Poisson(parameters["rate"])

    def inside(self, x: Floats, weights: Floats) -> dict[str, Floats]:
        """Parameters near an estimate but off the boundary: posterior means given the states."""
        return {"rate": (self.shape + x @ weights) / (self.rate + weights.sum(axis=0))}

    def sample(
        self, rng: np.random.Generator, size: tuple[int, ...], n_states: int
    ) -> dict[str, Floats]:
        """Draw from the prior."""
        return {"rate": rng.gamma(self.shape, 1 / self.rate, (*size, n_states))}

    def free(self, n_states: int) -> int:
        """Count the free parameters."""
        return n_states

    def __str__(self) -> str:
        """Prior in a few words."""
        return f"Gamma(shape={self.shape:g}, rate={self.rate:g}) on each rate"
