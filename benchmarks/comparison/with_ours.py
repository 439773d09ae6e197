"""What this project does with the data of the comparison, and how often its intervals cover.

uv run python benchmarks/comparison/with_ours.py
"""

from functools import partial

import numpy as np
from same_data import BALANCED, CASES, codes, error_of, say

import analytic
import bayes_markov as bm

say = partial(say, f"bayes_markov {bm.__version__}")


def estimates() -> None:
    """Point estimates, several sequences, priors, missing values."""
    counts = analytic.count_transitions(codes("never_left"), 3)
    say("row never left, mle", analytic.mle(counts)[3])
    say("row never left, posterior mean, alpha = 1", analytic.flat(3).given(counts).mean()[3])
    low, high = analytic.INTERVALS["wilson"](counts, prob=0.95)
    say("row never left, Wilson's interval", (low[3, 0], high[3, 0]))
    half = analytic.jeffreys(3).given(counts)
    say("posterior mean, alpha = 1/2, row of b", half.mean()[2], (2.5 / 3.5, 0.5 / 3.5, 0.5 / 3.5))
    say("posterior mode, alpha = 1/2", error_of(lambda: analytic.posterior_mode(counts, 0.5)))
    two = analytic.count_transitions([codes("never_left"), codes("second")], 3)
    say("two sequences, row of c", analytic.mle(two)[3], (1.0, 0.0, 0.0))
    gap = bm.TransitionCounts.from_sequences([["a", None, "b", "a", "b", "a"]], missing="break")
    say("a None b a b a, rows a and b", gap.table[1:].tolist(), [[0, 1], [2, 0]])
    named = bm.TransitionCounts.from_sequences([["a", "NA", "b", "a"]])
    say("a state named NA", named.states)


def likelihood() -> None:
    """Log-likelihoods."""
    A = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]])
    path = [0, 1] * 800 + [0]
    right = 800 * np.log([0.5, 0.25]).sum()
    say("log-probability of 1600 steps", analytic.log_probability(A, path), right)
    table = [[0, 0], [1, 1], [1, 1]]
    came = analytic.log_likelihood([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], table)
    say("log-likelihood, one transition that is impossible", came, "-inf")


def intervals() -> None:
    """Coverage of the 95 % intervals of the rows a and b, 500 observations from a."""
    A = np.array([[1.0, 0.0], [0.9, 0.1], [0.4, 0.6]])
    paths = analytic.simulate(A, 500, rng=np.random.default_rng(1), size=4000)
    counts = analytic.count_transitions(paths, 2, per_path=True)[:, 1:]
    for name in ("wald", "wilson", "clopper_pearson", "beta_eti", "profile"):
        low, high = analytic.INTERVALS[name](counts, prob=0.95)
        covered = ((low <= A[1:]) & (A[1:] <= high)).mean(axis=0)
        say(f"coverage of {name}: aa ab ba bb", covered.ravel().round(3), 0.95)


def hypotheses() -> None:
    """Tests, where the statistic is known."""
    A = np.array(BALANCED) / np.sum(BALANCED, axis=1, keepdims=True)
    table = analytic.count_transitions(codes("exact"), 3)[1:]
    test = analytic.specified_test(table, A=A)
    say("fit of a given matrix, data match it exactly", (round(test.G2, 12), test.df), 0)
    rng = np.random.default_rng(2)
    chain, second = np.array([[1.0, 0.0], [0.9, 0.1], [0.4, 0.6]]), []
    for path in analytic.simulate(chain, 500, rng=rng, size=1000):
        counts = analytic.count_transitions(path, 2, order=2)
        second.append(analytic.order_test(counts, lower=1, higher=2).p_G2 < 0.05)
    say("rejects a true order 1 at 5 %: order_test", np.mean(second), 0.05)
    first = analytic.count_transitions(
        analytic.simulate(chain, 500, rng=rng, size=2000), 2, per_path=True
    )
    equal = [analytic.equality_test(two).p_G2 < 0.05 for two in first.reshape(1000, 2, 3, 2)]
    say("rejects two sequences of one chain at 5 %: equality_test", np.mean(equal), 0.05)


def seeds() -> None:
    """The same seed gives the same draws."""
    counts = bm.TransitionCounts.from_sequences([CASES["drawn"]])
    one, two = (bm.exact_posterior(counts, seed=7).posterior["A"].values for _ in range(2))
    say("two exact posteriors with one seed", "equal" if (one == two).all() else "not equal")


if __name__ == "__main__":
    estimates()
    likelihood()
    intervals()
    hypotheses()
    seeds()
