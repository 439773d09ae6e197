"""What deeptime, and QuantEcon's one estimator, do with the data of the comparison.

uv run --group peers python benchmarks/comparison/with_deeptime.py
"""

import logging
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import quantecon
from deeptime.markov import TransitionCountEstimator
from deeptime.markov.msm import BayesianMSM, MaximumLikelihoodMSM
from deeptime.markov.tools import estimation
from same_data import BALANCED, codes, error_of, say

import analytic

say_quantecon = partial(say, f"QuantEcon {version('quantecon')}")
say = partial(say, f"deeptime {version('deeptime')}")
NEVER_LEFT, SECOND, DRAWN = (np.array(codes(name)) for name in ("never_left", "second", "drawn"))
logging.disable(logging.WARNING)  # what it skips is told below


def count(path: Any, mode: str = "sliding") -> Any:
    """Count transitions, all three states declared."""
    return TransitionCountEstimator(1, mode, n_states=3).fit(path).fetch_model()


def fit(counts: Any, **options: Any) -> Any:
    """Give the maximum-likelihood model."""
    return MaximumLikelihoodMSM(**options).fit(counts).fetch_model()


def estimates() -> None:
    """Point estimates."""
    free = fit(count(DRAWN), reversible=False).transition_matrix
    mle = analytic.mle(analytic.count_transitions(DRAWN, 3)[1:])
    say("largest difference from the count ratio", f"{abs(free - mle).max():.0e}")
    counts = count(NEVER_LEFT)
    say(
        "row never left, reversible=False",
        error_of(lambda: fit(counts, reversible=False)),
        "undefined",
    )
    loose = fit(counts, reversible=False, allow_disconnected=True).transition_matrix[2]
    say("row never left, reversible=False, allow_disconnected=True", loose, "undefined")
    default = fit(counts)
    ratio = default.transition_matrix.round(3).tolist()
    say("row never left, default", f"states {default.count_model.states} only, {ratio}")
    two = count([NEVER_LEFT, SECOND]).count_matrix.astype(int).tolist()
    right = analytic.count_transitions([NEVER_LEFT, SECOND], 3)[1:].tolist()
    say("counts of two sequences", two, right)
    say("counts with a gap written as -1", error_of(lambda: count(np.array([0, 1, -1, 0, 1, 2]))))
    reversible = fit(count(DRAWN), reversible=True).transition_matrix
    ours = analytic.reversible(analytic.count_transitions(DRAWN, 3)[1:])
    say("reversible, largest difference from ours", f"{abs(reversible - ours).max():.0e}")
    for name, path in (("never left", NEVER_LEFT), ("ends where it was", [0, 1, 0, 2, 0])):
        with np.errstate(invalid="ignore"):
            found = error_of(lambda path=path: quantecon.markov.estimate_mc(np.array(path)).P[2])
        say_quantecon(f"estimate_mc, row of c ({name})", found)


def likelihood() -> None:
    """Log-likelihood of counts at a matrix."""
    table, A = np.array(BALANCED, dtype=float), np.array([[0.5, 0.3, 0.2]] * 3)
    found = estimation.log_likelihood(table, A)
    right = analytic.log_likelihood(np.vstack([A[:1], A]), np.vstack([[0, 0, 0], table]))
    say("log_likelihood", f"{found:.6f}", f"{right:.6f}")
    table, A = np.ones((2, 2)), np.array([[1.0, 0.0], [0.5, 0.5]])
    found = estimation.log_likelihood(table, A)
    right = analytic.log_likelihood(np.vstack([A[:1], A]), np.vstack([[0, 0], table]))
    say("log_likelihood, one transition that A makes impossible", f"{found:.4f}", right)


def posterior() -> None:
    """Draws of the matrix."""
    say(
        "BayesianMSM of plain counts",
        error_of(lambda: BayesianMSM(reversible=False).fit(count(DRAWN))),
    )
    table = np.array([[50.0, 30, 0], [20, 20, 60], [40, 5, 40]])
    np.random.seed(1)  # noqa: NPY002 - it has no other source of randomness
    draws = np.array([estimation.sample_tmatrix(table) for _ in range(10_000)])
    total = table.sum(axis=1, keepdims=True)
    limit = np.sqrt(table * (total - table) / total**2 / (total + 1))
    worst = abs(draws.std(axis=0) / np.where(limit > 0, limit, 1) - (limit > 0)).max()
    say("draws, sds against those of Dirichlet(counts), largest relative error", f"{worst:.1%}")
    ours = np.sqrt(analytic.jeffreys(3).given(np.vstack([[0, 0, 0], table])).var()[1, 2])
    say(
        "sd of a cell without counts, row of 80",
        draws[:, 0, 2].std(),
        f"{ours:.4f} under Jeffreys' prior",
    )
    for reversible in (False, True):
        same = []
        for _ in range(2):
            np.random.seed(5)  # noqa: NPY002
            effective = count(DRAWN, "effective")
            model = BayesianMSM(n_samples=3, reversible=reversible).fit_fetch(effective)
            same.append(np.array([one.transition_matrix for one in model.samples]))
        say(
            f"two runs after numpy.random.seed(5), reversible={reversible}",
            "equal" if np.array_equal(*same) else "not equal",
        )
    pi, P = model.samples[0].stationary_distribution, model.samples[0].transition_matrix
    flow = pi[:, None] * P
    say("a reversible draw, flow less its transpose", f"{abs(flow - flow.T).max():.0e}", 0)
    coarse = fit(count(DRAWN), reversible=True).pcca(2).coarse_grained_transition_matrix
    say("coarse-grained to two sets", coarse.round(3).tolist())
    names = BayesianMSM.__init__.__code__.co_varnames + BayesianMSM.fit.__code__.co_varnames
    say("BayesianMSM has an argument with 'seed' in its name", any("seed" in n for n in names))


if __name__ == "__main__":
    estimates()
    likelihood()
    posterior()
