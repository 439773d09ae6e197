"""Which coordinates, and which sampler, for Dirichlet rows: effective draws per second.

Three ways to write the same posterior: PyMC's simplex transform of a Dirichlet, logarithms of
Gamma variables that are divided by their sum, and sticks broken by Beta variables; each by nutpie
and by PyMC's own NUTS. The number is the smallest effective sample size over all probabilities,
per second of processor time while sampling; what is compiled is compiled before.

    uv run python benchmarks/parametrisations.py [K ...]
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable

import arviz_stats as azs
import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

type Build = Callable[[np.ndarray, float], pm.Model]

CHAINS, DRAWS, TUNE = 4, 500, 500


def likelihood(counts: np.ndarray, log_A: pt.TensorVariable) -> None:
    """Sum of counts times logarithms; no count, nothing."""
    pm.Potential("likelihood", pt.sum(pt.switch(counts > 0, counts * log_A, 0.0)))


def simplex(counts: np.ndarray, alpha: float) -> pm.Model:
    """Rows as they are, moved in PyMC's coordinates of a simplex."""
    with pm.Model() as model:
        A = pm.Dirichlet("A", np.full(counts.shape, alpha))
        likelihood(counts, pt.log(A))
    return model


def log_gammas(counts: np.ndarray, alpha: float) -> pm.Model:
    """Gamma variables divided by their sum, moved by their logarithms."""
    with pm.Model() as model:
        g = pm.Gamma("g", alpha, 1.0, shape=counts.shape)
        A = pm.Deterministic("A", g / g.sum(axis=-1, keepdims=True))
        likelihood(counts, pt.log(A))
    return model


def sticks(counts: np.ndarray, alpha: float) -> pm.Model:
    """What is left of a stick is broken, again and again."""
    rows, states = counts.shape
    with pm.Model() as model:
        left = alpha * np.arange(states - 1, 0, -1)
        b = pm.Beta("b", alpha, left, shape=(rows, states - 1))
        log_rest = pt.cumsum(pt.log1p(-b), axis=-1)
        zero = pt.zeros((rows, 1))
        log_A = pt.concatenate([pt.log(b), zero], axis=-1) + pt.concatenate(
            [zero, log_rest], axis=-1
        )
        pm.Deterministic("A", pt.exp(log_A))
        likelihood(counts, log_A)
    return model


BUILDS: dict[str, Build] = {build.__name__: build for build in (simplex, log_gammas, sticks)}


def by_nutpie(model: pm.Model) -> tuple[xr.DataTree, float]:
    """Draws, and the processor time they took."""
    compiled = nutpie.compile_pymc_model(model)
    options = {"chains": CHAINS, "draws": DRAWS, "tune": TUNE, "cores": 2, "progress_bar": False}
    nutpie.sample(compiled, **(options | {"draws": 5, "tune": 5}), seed=1)
    started = time.process_time()
    tree = nutpie.sample(compiled, **options, seed=1)
    return tree, time.process_time() - started


def by_pymc(model: pm.Model) -> tuple[xr.DataTree, float]:
    """Draws, and the processor time they took; one process, so that its time can be read."""
    options = {
        "chains": CHAINS,
        "cores": 1,
        "progressbar": False,
        "compute_convergence_checks": False,
    }
    with model:
        step = pm.NUTS()
        pm.sample(5, tune=5, step=step, random_seed=1, **options)
        step = pm.NUTS()
        started = time.process_time()
        tree = pm.sample(DRAWS, tune=TUNE, step=step, random_seed=1, **options)
    return tree, time.process_time() - started


SAMPLERS = {"nutpie": by_nutpie, "PyMC": by_pymc}


def main() -> None:
    """Print a line for each K, alpha, way to write it and sampler."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    sizes = [int(size) for size in sys.argv[1:]] or [3, 20, 50]
    print(
        f"{'K':>3} {'alpha':>5} {'written as':<11} {'sampler':<7} {'min ESS':>8} {'CPU s':>7} "
        f"{'ESS/s':>8} {'diverging':>9}"
    )
    for size in sizes:
        rng = np.random.default_rng(size)
        for alpha in (0.5, 1.0):
            rows = rng.dirichlet(np.full(size, alpha), size=size + 1)
            counts = np.stack([rng.multinomial(4 * size, row) for row in rows]).astype(float)
            for name, build in BUILDS.items():
                for sampler, sample in SAMPLERS.items():
                    tree, seconds = sample(build(counts, alpha))
                    A = np.asarray(tree["posterior"]["A"])
                    cells = A.reshape(*A.shape[:2], -1)
                    ess = float(np.min(azs.ess(cells, method="bulk")))
                    diverging = int(tree["sample_stats"]["diverging"].sum())
                    print(
                        f"{size:>3} {alpha:>5} {name:<11} {sampler:<7} {ess:>8.0f} {seconds:>7.1f} "
                        f"{ess / seconds:>8.1f} {diverging:>9}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
