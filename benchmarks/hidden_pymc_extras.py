# /// script
# requires-python = ">=3.13"
# dependencies = ["pymc-extras>=0.15,<0.16"]
# ///
"""Value and gradient of pymc-extras' hidden chain: seconds to compile, and for one call, as JSON.

Started by `hidden_peers.py`, which writes the observations to its standard input; it has an
environment of its own because it needs another PyMC.
"""

import json
import sys
import time

import numpy as np
import pymc as pm
import pymc_extras as pmx
from pymc_extras.distributions import DiscreteMarkovChain

if __name__ == "__main__":
    x = np.array(json.load(sys.stdin))
    with pm.Model() as model:
        first = pm.Dirichlet("first", np.ones(3))
        P = pm.Dirichlet("P", np.ones((3, 3)))
        mean = pm.Normal("mean", x.mean(), 5.0, shape=3)
        sd = pm.HalfNormal("sd", 5.0, shape=3)
        start = pm.Categorical.dist(p=first)
        z = DiscreteMarkovChain("z", P=P, init_dist=start, shape=x.shape)
        pm.Normal("x", mean[z], sd[z], observed=x)
    model = pmx.marginalize(model, ["z"])
    started = time.perf_counter()
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    point = np.zeros(sum(np.size(value) for value in model.initial_point().values()))
    function(point)
    compiling = time.perf_counter() - started
    best = float("inf")
    for _ in range(30):
        started = time.perf_counter()
        for _ in range(20):
            function(point)
        best = min(best, (time.perf_counter() - started) / 20)
    print(json.dumps([compiling, best]))
