# /// script
# requires-python = ">=3.13"
# dependencies = ["pymc-extras>=0.15,<0.16"]
# ///
"""One value and gradient of pymc-extras' observed Markov chain, in seconds by length, as JSON.

Started by benchmarks/speed.py; it has an environment of its own because it needs another PyMC.
"""

import json
import time

import numpy as np
import pymc as pm
from pymc_extras.distributions import DiscreteMarkovChain

A = np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.3, 0.1, 0.6]])


def path(length: int) -> np.ndarray:
    """Draw a path from the chain."""
    uniform = np.random.default_rng(4).random(length)
    cumulative = A.cumsum(axis=1)
    states = [0]
    for u in uniform[1:]:
        states.append(int(np.searchsorted(cumulative[states[-1]], u)))
    return np.minimum(states, 2)


def measure(length: int) -> float:
    """Shortest time of one value and gradient."""
    with pm.Model() as model:
        P = pm.Dirichlet("P", np.ones((3, 3)))
        first = pm.Categorical.dist(p=np.ones(3) / 3)
        DiscreteMarkovChain("path", P=P, init_dist=first, observed=path(length))
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    point = np.zeros(6)
    function(point)
    best, repeats = float("inf"), 1000 if length < 10**5 else 3
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            function(point)
        best = min(best, (time.perf_counter() - started) / repeats)
    return best


if __name__ == "__main__":
    print(json.dumps({length: measure(length) for length in (10**3, 10**6)}))
