"""What a hidden state emits in the PyMC model, and the prior on its parameters.

Each is a value with the same methods; `analytic.hmm` has the emission of the same name at fixed
parameters. Their default priors are scaled by the data: wide enough not to matter once a state has
been seen some times, and proper, so that a state that is hardly seen does no harm.
"""

from typing import Any

from bayes_markov.hmm.categorical import CategoricalPrior
from bayes_markov.hmm.gaussian import GaussianPrior
from bayes_markov.hmm.observations import Observations
from bayes_markov.hmm.poisson import PoissonPrior

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


def _check_kind(labels: bool, name: str, data: Observations) -> None:
    """Refuse numbers where labels are expected, and the other way round."""
    if labels != (data.categories is not None):
        wanted, builder = ("labels", "of_labels") if labels else ("numbers", "of_numbers")
        raise ValueError(
            f"emission {name!r} needs observations that are {wanted}; see Observations.{builder}"
        )
