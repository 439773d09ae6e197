"""What a hidden state emits in the PyMC model, and the prior on its parameters.

Each is a value with the same methods; `analytic.hmm` has the emission of the same name at fixed
parameters. Their default priors are scaled by the data: wide enough not to matter once a state has
been seen some times, and proper, so that a state that is hardly seen does no harm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

import analytic.hmm as hidden
from analytic import DirichletRows
from analytic.hmm.emission import as_whole
from analytic.validate import Floats, as_alpha, check_integer, is_number
from bayes_markov.hmm.observations import Observations

CATEGORY = "category"
"""Dim of the labels that are observed."""

STATE = "hidden_state"
"""Dim of the states, without s_0."""

_SQUARES = hidden.Gaussian(
    np.zeros(1), np.ones(1)
)  # refuses numbers whose squares float64 cannot hold

type Parameters = Mapping[str, Floats]
"""Values of an emission's parameters, by name; the last axes are theirs."""


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
        _check_positive(shape=self.shape, rate=self.rate)

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

        return [pm.Gamma("rate", _exact(self.shape), _exact(self.rate), dims=STATE)]

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
        _check_positive(mean_sd=self.mean_sd, sd=self.sd, log_sd_sd=self.log_sd_sd)

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
            pm.Normal("mean", _exact(self.mean), _exact(self.mean_sd), dims=STATE),
            pm.LogNormal("sd", _exact(np.log(self.sd)), _exact(self.log_sd_sd), dims=STATE),
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


@dataclass(frozen=True, eq=False)
class CategoricalPrior:
    r"""Labels, with probabilities of their own in each state and Dirichlet priors on them.

    .. math:: P(x_t = v \mid z_t = k) = B_{kv}, \qquad B_{k\cdot} \sim \mathrm{Dirichlet}(\alpha)

    Parameters
    ----------
    n_categories : int
        Number of labels.
    alpha : array_like, default 1
        Dirichlet parameters: a number, or one per label.

    Examples
    --------
    >>> str(CategoricalPrior(3))
    'Dirichlet(alpha=1) on each row of B'
    """

    n_categories: int
    alpha: ArrayLike = 1.0

    name = "categorical"
    labels = True
    ordered_by = "B"
    dims: ClassVar = {"B": (STATE, CATEGORY)}
    signature = "(k,v)"

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_integer("n_categories", self.n_categories, 1)
        alpha = as_alpha(self.alpha, (self.n_categories,))
        alpha.flags.writeable = False
        object.__setattr__(self, "alpha", alpha)

    @classmethod
    def of(cls, data: Observations) -> Self:
        """Give the default prior for some data."""
        assert data.categories is not None
        return cls(len(data.categories))

    def check(self, data: Observations) -> None:
        """Refuse another number of labels."""
        assert data.categories is not None
        if len(data.categories) != self.n_categories:
            raise ValueError(
                f"the prior is for {self.n_categories} labels and the observations have "
                f"{len(data.categories)}: {', '.join(map(str, data.categories))}"
            )

    def parameters(self, n_states: int) -> list[Any]:
        """Put the parameters into the model that is being built."""
        import pymc as pm
        import pytensor.tensor as pt

        from bayes_markov.stick_breaking import StickBreaking

        shape = (n_states, self.n_categories)
        if self.n_categories == 1:
            return [pm.Deterministic("B", pt.ones(shape), dims=(STATE, CATEGORY))]
        alpha = np.broadcast_to(np.asarray(self.alpha), shape).copy()
        return [
            pm.Dirichlet("B", a=alpha, dims=(STATE, CATEGORY), default_transform=StickBreaking())
        ]

    def log_prob(self, x: Any, B: Any) -> Any:
        """Log-probability of each code in each state, shape (T, K)."""
        return log_of(B).T[x.astype("int64")]

    @staticmethod
    def at(parameters: Parameters) -> hidden.Categorical:
        """Emission at some values of the parameters."""
        return hidden.Categorical(parameters["B"])

    def inside(self, x: Floats, weights: Floats) -> dict[str, Floats]:
        """Parameters near an estimate but off the boundary: posterior means given the states."""
        counts = np.zeros((weights.shape[1], self.n_categories)) + np.asarray(self.alpha)
        np.add.at(counts.T, x.astype(np.int64), weights)
        return {"B": counts / counts.sum(axis=1, keepdims=True)}

    def sample(
        self, rng: np.random.Generator, size: tuple[int, ...], n_states: int
    ) -> dict[str, Floats]:
        """Draw from the prior."""
        rows = np.broadcast_to(np.asarray(self.alpha), (n_states, self.n_categories))
        return {"B": DirichletRows(rows).sample(rng, size)}

    def free(self, n_states: int) -> int:
        """Count the free parameters."""
        return n_states * (self.n_categories - 1)

    def __str__(self) -> str:
        """Prior in a few words."""
        values = np.unique(np.asarray(self.alpha))
        alpha = ", ".join(f"{value:g}" for value in values)
        return f"Dirichlet(alpha={alpha}) on each row of B"


type EmissionPrior = PoissonPrior | GaussianPrior | CategoricalPrior

EMISSIONS: dict[str, type[PoissonPrior] | type[GaussianPrior] | type[CategoricalPrior]] = {
    kind.name: kind for kind in (CategoricalPrior, GaussianPrior, PoissonPrior)
}
"""Emissions by name."""


def as_emission(emission: str | EmissionPrior, data: Observations) -> EmissionPrior:
    """Turn a name into an emission with its default prior; check the observations."""
    if isinstance(emission, str):
        if emission not in EMISSIONS:
            raise ValueError(
                f"emission must be one of {', '.join(EMISSIONS)}, or a prior such as "
                f"PoissonPrior(shape=1, rate=0.1), got {emission!r}"
            )
        kind = EMISSIONS[emission]
        _check_kind(kind.labels, kind.name, data)
        found = kind.of(data)
    elif isinstance(emission, tuple(EMISSIONS.values())):
        found = emission
        _check_kind(found.labels, found.name, data)
    else:
        raise TypeError(
            f"emission must be a name ({', '.join(EMISSIONS)}) or a prior, got {emission!r}"
        )
    found.check(data)
    return found


def as_observations(observations: Any, emission: str | EmissionPrior) -> Observations:
    """Take observations as they come; whether they are labels depends on the emission."""
    if isinstance(observations, Observations):
        return observations
    name = emission if isinstance(emission, str) else getattr(emission, "name", "")
    if name == "categorical":
        return Observations.of_labels(observations)
    return Observations.of_numbers(observations)


def log_of(probabilities: Any) -> Any:
    """Logarithm of a tensor of probabilities, -inf at 0 with a gradient of 0, not NaN."""
    import pytensor.tensor as pt

    positive = probabilities > 0
    return pt.where(positive, pt.log(pt.where(positive, probabilities, 1.0)), -np.inf)


def _exact(value: float) -> Any:
    """Give a constant of 64 bits; PyTensor gives a number like 0.25 32 bits, and its logarithm."""
    import pytensor.tensor as pt

    return pt.constant(np.float64(value), dtype="float64")


def _check_kind(labels: bool, name: str, data: Observations) -> None:
    """Refuse numbers where labels are expected, and the other way round."""
    if labels != (data.categories is not None):
        wanted, builder = ("labels", "of_labels") if labels else ("numbers", "of_numbers")
        raise ValueError(
            f"emission {name!r} needs observations that are {wanted}; see Observations.{builder}"
        )


def _check_positive(**values: float) -> None:
    """Refuse parameters of a prior that are not positive."""
    for name, value in values.items():
        if not (is_number(value) and value > 0):
            raise ValueError(f"{name} of the prior must be positive and finite, got {value!r}")
