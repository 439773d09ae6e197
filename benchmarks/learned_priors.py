"""Learned priors: coordinates of the mean rows, matrices summed out or not, and many units.

    uv run python benchmarks/learned_priors.py [coordinates] [collapsed] [large]

Without arguments all three parts. ESS is the smallest bulk effective sample size over the mean
rows, per second of processor time while sampling; what is compiled is compiled before.
"""

import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable

import arviz_stats as azs
import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

import analytic
import bayes_markov as bm
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.evidence import Patterns, symbolic_log_evidence
from bayes_markov.nuts import compiled
from bayes_markov.stick_breaking import StickBreaking

CHAINS, DRAWS, TUNE = 4, 1000, 400


def simulated(n_units: int, n_states: int, length: int, seed: int) -> bm.TransitionCounts:
    """One path for each unit, of matrices around common mean rows."""
    rng = np.random.default_rng(seed)
    means = rng.dirichlet(np.ones(n_states), size=n_states + 1)
    strength = rng.gamma(3.0, 3.0, size=n_states + 1)
    tables = []
    for _ in range(n_units):
        A = np.array([rng.dirichlet(s * row) for s, row in zip(strength, means, strict=True)])
        path = analytic.simulate(A, length, rng=rng)
        tables.append(analytic.count_transitions(path, n_states))
    return bm.TransitionCounts(np.array(tables), range(n_states), 1, range(n_units))


def simplex(rows: int, states: int) -> pt.TensorVariable:
    """PyMC's own coordinates of a Dirichlet variable."""
    return pm.Dirichlet("mean", np.ones((rows, states)))


def sticks(rows: int, states: int) -> pt.TensorVariable:
    """A stick broken again and again, as the models here have it."""
    return pm.Dirichlet("mean", np.ones((rows, states)), default_transform=StickBreaking())


def log_gammas(rows: int, states: int) -> pt.TensorVariable:
    """Gamma variables divided by their sum, moved by their logarithms."""
    g = pm.Gamma("g", 1.0, 1.0, shape=(rows, states))
    return pm.Deterministic("mean", g / g.sum(axis=-1, keepdims=True))


def collapsed_with(
    mean_rows: Callable[[int, int], pt.TensorVariable], counts: bm.TransitionCounts
) -> pm.Model:
    """Partial pooling, its mean rows written in some coordinates."""
    _, rows, states = counts.tables.shape
    found = specification_of(bm.partial_pooling_model(counts)).found
    with pm.Model() as model:
        log_strength = pm.Logistic("log_strength", np.log(states), 1.0, shape=rows)
        alpha = pt.exp(log_strength)[:, None] * mean_rows(rows, states)
        data = Patterns(*(pt.constant(part) for part in found))
        pm.Potential("evidence", symbolic_log_evidence(alpha, data, len(counts.tables)).sum())
    return model


def timed(program: object, seed: int) -> tuple[np.ndarray, float, float, int]:
    """Mean rows, processor seconds, wall seconds and divergences of one run."""
    started, clock = time.process_time(), time.perf_counter()
    tree = nutpie.sample(
        program,
        draws=DRAWS,
        tune=TUNE,
        chains=CHAINS,
        cores=2,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
    )
    spent = time.process_time() - started, time.perf_counter() - clock
    mean = np.asarray(tree["posterior"]["mean"])
    diverging = int(tree["sample_stats"]["diverging"].sum())
    return mean.reshape(*mean.shape[:2], -1), *spent, diverging


def coordinates() -> None:
    """Which coordinates of the mean rows."""
    counts = simulated(100, 5, 20, 7)
    print("100 units, 6 x 5, paths of 20")
    print(f"{'mean rows':<11} {'min ESS':>8} {'CPU s':>7} {'ESS/s':>8} {'diverging':>9}")
    for mean_rows in (simplex, sticks, log_gammas):
        program = nutpie.compile_pymc_model(collapsed_with(mean_rows, counts))
        timed(program, 0)
        for seed in (1, 2):
            mean, cpu, _, diverging = timed(program, seed)
            ess = float(np.min(azs.ess(mean, method="bulk")))
            print(
                f"{mean_rows.__name__:<11} {ess:>8.0f} {cpu:>7.2f} {ess / cpu:>8.0f} "
                f"{diverging:>9}",
                flush=True,
            )


def collapsed() -> None:
    """Matrices summed out, or moved by NUTS too."""
    print(f"\n{'units':>5} {'model':<9} {'compile s':>9} {'CPU s':>7} {'min ESS':>8} {'ESS/s':>8}")
    for n_units in (10, 30):
        counts = simulated(n_units, 3, 40, 8)
        for summed_out in (True, False):
            clock = time.perf_counter()
            program = compiled(bm.partial_pooling_model(counts, collapsed=summed_out))
            compiling = time.perf_counter() - clock
            mean, cpu, _, _ = timed(program, 1)
            ess = float(np.min(azs.ess(mean, method="bulk")))
            name = "collapsed" if summed_out else "full"
            print(
                f"{n_units:>5} {name:<9} {compiling:>9.1f} {cpu:>7.2f} {ess:>8.0f} "
                f"{ess / cpu:>8.0f}",
                flush=True,
            )


def large() -> None:
    """A thousand units of ten states, from counts to a tree."""
    counts = simulated(1000, 10, 50, 9)
    clock = time.perf_counter()
    model = bm.partial_pooling_model(counts)
    compiled(model)
    compiling = time.perf_counter() - clock
    clock = time.perf_counter()
    tree = bm.sample(model, seed=1, draws=500)
    sampling = time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = sum(node.to_dataset().nbytes for node in tree.children.values()) / 2**30
    print(
        f"\n1,000 units, 11 x 10, paths of 50, 4 chains of 500: built and compiled in "
        f"{compiling:.0f} s, sampled in {sampling:.0f} s, tree of {size:.1f} GiB, peak "
        f"{peak:.1f} GiB; R-hat {tree.attrs['rhat_max']:.3f}, ESS {tree.attrs['ess_min']:.0f}, "
        f"{tree.attrs['divergences']} divergences"
    )


PARTS = {part.__name__: part for part in (coordinates, collapsed, large)}


def main() -> None:
    """Print what is asked for."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
