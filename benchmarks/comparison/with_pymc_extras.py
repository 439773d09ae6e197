# /// script
# requires-python = ">=3.13"
# dependencies = ["pymc-extras>=0.15,<0.16"]
# ///
"""What pymc-extras' Markov chain does, seen and hidden, beside `analytic`.

    uv run --script benchmarks/comparison/with_pymc_extras.py

It has an environment of its own because it needs another PyMC; `analytic` needs only numpy and
scipy, which are in it.
"""

import sys
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
warnings.simplefilter("ignore")

import pymc as pm  # noqa: E402
import pymc_extras as pmx  # noqa: E402
from pymc_extras.distributions import DiscreteMarkovChain  # noqa: E402
from same_data import TRUTH, codes, error_of, say  # noqa: E402

import analytic  # noqa: E402
from analytic import hmm  # noqa: E402

say = partial(say, f"pymc-extras {version('pymc-extras')} (PyMC {version('pymc')})")
FIRST = np.array([0.5, 0.3, 0.2])
A = np.vstack([FIRST, TRUTH])


def log_probability(x: np.ndarray, P: Any = TRUTH) -> np.ndarray:
    """Log-probability of paths."""
    first = pm.Categorical.dist(p=FIRST)
    chain = DiscreteMarkovChain.dist(P=np.array(P), init_dist=first, shape=x.shape)
    return pm.logp(chain, x).eval()


def observed(x: Any, alpha: float = 1.0) -> pm.Model:
    """Make a model of paths that are seen."""
    with pm.Model() as model:
        P = pm.Dirichlet("P", np.full((3, 3), alpha))
        DiscreteMarkovChain("x", P=P, init_dist=pm.Categorical.dist(p=FIRST), observed=x)
    return model


def seen() -> None:
    """Paths that are seen."""
    x = np.array(codes("drawn"))
    right = analytic.log_probability(A, x)
    say("log-probability of a path", f"{log_probability(x):.8f}", f"{right:.8f}")
    x = np.array([[0, 1, 0, 1], [2, 1, 1, 0]])
    right = np.array([analytic.log_probability(A, one) for one in x])
    say("two paths of one length, one number each", log_probability(x), right)
    say("two paths of lengths 3 and 2", error_of(lambda: observed([[0, 1, 0], [0, 1]])))
    masked = np.ma.masked_array([0, 1, 0, 0, 1], [0, 0, 1, 0, 0])
    say("a masked state", error_of(lambda: observed(masked).point_logps()))
    x = np.array(codes("never_left"))
    other = [*TRUTH[:2], [0.9, 0.05, 0.05]]
    difference = log_probability(x, other) - log_probability(x)
    say("row never left: change of its log-probability by that row", difference, 0.0)
    logp = observed(np.array(codes("drawn")), alpha=0.5).point_logps()
    say("alpha = 1/2", {name: round(float(value), 4) for name, value in logp.items()})


def hidden() -> None:
    """Paths that are not seen."""
    y = np.random.default_rng(0).normal(size=60)
    with pm.Model() as model:
        P = pm.Dirichlet("P", np.ones((3, 3)))
        means = pm.Normal("means", 0, 5, shape=3)
        first = pm.Categorical.dist(p=FIRST)
        z = DiscreteMarkovChain("z", P=P, init_dist=first, shape=y.shape)
        pm.Normal("y", means[z], 1, observed=y)
    marginal = pmx.marginalize(model, ["z"])
    point = marginal.initial_point() | {"means": np.array([-1.0, 0.5, 2.0])}
    came = marginal.compile_logp(vars=marginal.observed_RVs)(point)
    right = hmm.log_likelihood(
        np.vstack([FIRST, np.full((3, 3), 1 / 3)]),
        hmm.Gaussian([-1.0, 0.5, 2.0], np.ones(3)).log_prob(y),
    )
    say("marginalize, log-likelihood", f"{came:.8f}", f"{right:.8f}")
    each = marginal.compile_logp(vars=marginal.observed_RVs, sum=False)(point)[0]
    say("marginalize, shape of the log-likelihood of one sequence of 60", each.shape)
    draws = pm.sample(20, tune=20, chains=1, model=marginal, progressbar=False, random_seed=1)
    tree = pmx.recover_marginals(draws, model=marginal, random_seed=1)
    say("recover_marginals, hidden paths", dict(tree["posterior"]["z"].sizes))


if __name__ == "__main__":
    seen()
    hidden()
