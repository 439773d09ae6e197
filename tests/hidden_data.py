"""Simulated observations of hidden chains, with the chain that they came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import analytic
import analytic.hmm as hidden

CHAIN = np.array([[0.55, 0.45], [0.85, 0.15], [0.3, 0.7]])
"""Two states, neither symmetric nor started at its stationary law."""

EMISSIONS = {
    "poisson": hidden.Poisson([1.5, 9.0]),
    "gaussian": hidden.Gaussian([-1.0, 3.0], [0.8, 1.7]),
    "categorical": hidden.Categorical([[0.6, 0.3, 0.1], [0.15, 0.2, 0.65]]),
}
"""What its states emit, by the name of the kind."""

LABELS = ("dry", "fog", "wet")


@dataclass(frozen=True)
class Simulated:
    """Sequences of observations, and the paths behind them."""

    observations: list[Any]
    paths: list[np.ndarray]


def simulate(kind, lengths, *, seed, A=CHAIN, emission=None):
    """Draw a path for each length and observe it; of labels, the labels."""
    rng = np.random.default_rng(seed)
    emission = EMISSIONS[kind] if emission is None else emission
    paths = [analytic.simulate(A, length, rng=rng) for length in lengths]
    seen = [emission.sample(rng, path) for path in paths]
    if kind == "categorical":
        seen = [[LABELS[code] for code in codes] for codes in seen]
    else:
        seen = [values.astype(float) for values in seen]
    return Simulated(seen, paths)


def codes_of(labels):
    """Codes of labels, NaN for None."""
    return np.array([np.nan if x is None else LABELS.index(x) for x in labels])
