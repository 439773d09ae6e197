"""Labels that a hidden state emits, in the PyMC model."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

import analytic.hmm as hidden
from analytic import DirichletRows
from analytic.validate import Floats, as_alpha, check_integer
from bayes_markov.hmm.emission import CATEGORY, STATE, Parameters, log_of
from bayes_markov.hmm.observations import Observations


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
