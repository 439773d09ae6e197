"""What PyDTMC does with the data of the comparison.

uv run --group peers python benchmarks/comparison/with_pydtmc.py
"""

from functools import partial
from importlib.metadata import version

import numpy as np
import pydtmc
from pydtmc import MarkovChain
from same_data import BALANCED, CASES, STATES, codes, error_of, say

import analytic

say = partial(say, f"PyDTMC {version('pydtmc')}")
fit = partial(MarkovChain.fit_sequence, possible_states=STATES)


def table(name: str) -> np.ndarray:
    """Counts of a sequence, without s_0."""
    return analytic.count_transitions(codes(name), 3)[1:]


def estimates() -> None:
    """Point estimates, several sequences, priors, missing values."""
    p = fit("mle", sequence=CASES["drawn"]).p
    say("largest difference from the count ratio", f"{abs(p - analytic.mle(table('drawn'))).max()}")
    say("row never left, mle", fit("mle", sequence=CASES["never_left"]).p[2].round(3), "undefined")
    say(
        "smoothing of mle (adds 0.001), row never left",
        fit("mle", sequence=CASES["never_left"], fitting_param=True).p[2].round(3),
    )
    prior = np.full((3, 3), 2)
    mode = analytic.posterior_mode(table("drawn"), 2.0)
    found = fit("map", sequence=CASES["drawn"], fitting_param=prior).p
    say("map, alpha = 2, largest difference from the mode", f"{abs(found - mode).max():.1g}")
    half = partial(fit, "map", sequence=CASES["drawn"], fitting_param=prior / 4)
    say("map, alpha = 1/2", error_of(half))
    three = partial(fit, "map", sequence=CASES["drawn"], fitting_param=prior * 1.25)
    mode = analytic.posterior_mode(table("drawn"), 2.5)
    say("map, alpha = 2.5", error_of(three), f"{mode[0].round(4)}, ...")
    two = [CASES["never_left"], CASES["second"]]
    say("fit of two sequences", error_of(lambda: fit("mle", sequence=two).p))
    say("fit with None in it", error_of(lambda: fit("mle", sequence=["a", None, "b", "a"]).p))
    reversible = fit("rmle", sequence=CASES["drawn"]).p
    ours = analytic.reversible(table("drawn"))
    say("reversible, largest difference from ours", f"{abs(reversible - ours).max():.0e}")
    interval = [name for name in dir(pydtmc) + dir(MarkovChain) if "interval" in name.lower()]
    say("names with 'interval' in them", interval)


def likelihood() -> None:
    """Probability of a sequence."""
    chain = MarkovChain([[0.5, 0.5], [0.25, 0.75]], STATES[:2])
    for steps in (400, 1600):
        path = ["a", "b"] * (steps // 2) + ["a"]
        right = steps / 2 * np.log([0.5, 0.25]).sum()
        came = chain.sequence_probability(path)
        say(f"sequence_probability, {steps} steps", f"{came:.6g}", f"exp({right:.6g})")


def hypotheses() -> None:
    """Tests, where the statistic is known or computed by ours."""
    probabilities = np.array(BALANCED) / np.sum(BALANCED, axis=1, keepdims=True)
    chain = MarkovChain(probabilities, STATES)
    _, p, found = pydtmc.assess_theoretical_compatibility(chain, CASES["exact"])
    say("fit of a given matrix, data match it exactly", (found, p), "0")
    chain = MarkovChain([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.3, 0.1, 0.6]], STATES)
    _, p, found = pydtmc.assess_theoretical_compatibility(chain, CASES["drawn"])
    test = analytic.specified_test(table("drawn"), A=chain.p)
    say("fit of a given matrix, drawn", found, (test.G2, test.df))
    _, p, found = pydtmc.assess_homogeneity(STATES, [CASES["exact"], CASES["other"]])
    test = analytic.equality_test([table("exact"), table("other")])
    say("two sequences, G2", found, (test.G2, test.df))
    _, p, found = pydtmc.assess_time_homogeneity(STATES, CASES["changed"])
    test = analytic.homogeneity_test([table("exact"), table("other")])
    say("two blocks of one sequence, X2", found, (test.X2, test.df))
    second = analytic.count_transitions(codes("drawn"), 3, order=2)
    _, p, found = pydtmc.assess_markov_property(STATES, CASES["drawn"])
    test = analytic.order_test(second, lower=1, higher=2)
    say("order 1 against 2, X2", found, (test.X2, test.df))
    third = analytic.count_transitions(codes("drawn"), 3, order=3)
    _, scores = pydtmc.assess_order(STATES, CASES["drawn"], 3, "bic")
    bic = analytic.order_table(third, start="given").BIC
    say(
        "BIC of orders 0 to 3, less that of order 1",
        np.subtract(list(scores.values()), scores[1]).round(4),
        np.subtract(bic, bic[1]).round(4),
    )


def structure() -> None:
    """What it can tell about a chain that ours cannot."""
    chain = MarkovChain([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.3, 0.1, 0.6]], STATES)
    names = [name for name in dir(chain) if not name.startswith("_")]
    say("public names of a chain", len(names))
    committor = chain.committor_probabilities("forward", ["a"], ["c"])
    say("Kemeny constant, mixing time", (round(chain.kemeny_constant, 4), chain.mixing_time()))
    say("committor from a to c", np.round(committor, 4))
    starts = [["a", "b"], ["b", "a"], ["a", "c"], ["a", "b"]]
    say("initial law, exact p of four sequences", pydtmc.assess_stationarity(chain, starts)[1])
    same = [chain.simulate(20, "a", seed=3) == chain.simulate(20, "a", seed=3)]
    say("the same seed gives the same path", same[0])


if __name__ == "__main__":
    estimates()
    likelihood()
    hypotheses()
    structure()
