"""Where the chains of a sampler start: near the best of several runs of Baum-Welch.

The posterior of a hidden chain has many modes, of which most weigh nothing; a sampler that starts
anywhere may stay in one of those.
"""

from typing import Any, NamedTuple

import numpy as np

import analytic.hmm as hidden
from analytic import DirichletRows
from analytic.hmm import BaumWelch
from analytic.validate import Bools, Floats
from bayes_markov.hmm.categorical import CategoricalPrior
from bayes_markov.hmm.emissions import EmissionPrior
from bayes_markov.hmm.gaussian import GaussianPrior
from bayes_markov.hmm.observations import Observations

SD_FLOOR = 1e-2
"""Smallest sd that a run may give, as a part of the sd of the data: the likelihood has no bound."""


class Start(NamedTuple):
    """Parameters to start from."""

    A: Floats
    """Transition matrix, shape (K+1, K)."""

    parameters: dict[str, Floats]
    """Parameters of the emission."""


def maximum_likelihood(
    data: Observations,
    n_states: int,
    emission: EmissionPrior,
    *,
    restarts: int,
    rng: np.random.Generator,
    support: Bools | None = None,
    possible: Bools | None = None,
    **options: Any,
) -> BaumWelch[Any]:
    """Find the maximum of the likelihood by Baum-Welch from random starts."""
    masks = None
    if possible is not None:
        masks = np.split(possible, np.cumsum([len(values) for values in data.values])[:-1])
    return hidden.baum_welch(
        list(data.values),
        emission=_of_its_kind(emission, data),
        n_states=n_states,
        support=support,
        possible=masks,
        restarts=restarts,
        rng=rng,
        **options,
    )


def check_start(
    start: object, data: Observations, emission: EmissionPrior, shape: tuple[int, int]
) -> None:
    """Refuse a start that is no result of `baum_welch`, or one for another model."""
    if not isinstance(start, BaumWelch):
        raise TypeError(f"start must be a result of analytic.hmm.baum_welch, got {start!r:.60}")
    if start.A.shape != shape:
        raise ValueError(f"start has A of shape {start.A.shape}, expected {shape}")
    kind = type(_of_its_kind(emission, data))
    if not isinstance(start.emission, kind):
        raise ValueError(
            f"start has an emission of type {type(start.emission).__name__}, expected "
            f"{kind.__name__}"
        )
    for name, dims in emission.dims.items():
        expected = (shape[1], getattr(emission, "n_categories", 0))[: len(dims)]
        if getattr(start.emission, name).shape != expected:
            raise ValueError(
                f"start has {name} of shape {getattr(start.emission, name).shape}, expected "
                f"{expected}"
            )


def near(
    found: BaumWelch[Any],
    data: Observations,
    emission: EmissionPrior,
    prior: DirichletRows,
    possible: Bools | None,
) -> Start:
    """Go from an estimate to the inside of the parameter space, as zeros have no coordinates."""
    log_emission = hidden.log_emission(found.emission, data.rows)
    if possible is not None:
        log_emission = np.where(possible, log_emission, -np.inf)
    parts = np.split(log_emission, np.cumsum([len(values) for values in data.values])[:-1])
    smoothed = np.concatenate(hidden.smooth(found.A, parts).smoothed)
    seen = data.present
    A = prior.given(found.expected_counts).mean()
    return Start(A, emission.inside(data.rows[seen], smoothed[seen]))


def _of_its_kind(emission: EmissionPrior, data: Observations) -> Any:
    """Emission of `analytic.hmm` whose kind alone matters: the start is drawn."""
    if isinstance(emission, CategoricalPrior):
        return hidden.Categorical(np.full((1, emission.n_categories), 1 / emission.n_categories))
    if isinstance(emission, GaussianPrior):
        spread = float(data.rows[data.present].std())
        sd = spread if spread > 0 else emission.sd
        return hidden.Gaussian(np.array([emission.mean]), np.array([sd]), sd_floor=SD_FLOOR * sd)
    return hidden.Poisson(np.ones(1))
