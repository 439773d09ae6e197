r"""Simulation-based calibration: a posterior, right on average over its prior.

Draw A from the prior, a path from A, and the posterior from the path. The rank of the true value
among the posterior's draws is then uniform, for every quantity, if model and sampler are right.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

import analytic
from analytic import DirichletRows
from analytic.validate import Floats, Ints, as_alpha
from bayes_markov.counts import TransitionCounts
from bayes_markov.labels import coords, dims
from bayes_markov.study.cells import Arrays, Cell, run_cells
from bayes_markov.tree import check_size, log_likelihood_per_unit

RANKED_DRAWS = 99
"""Posterior draws that a true value is ranked among."""

NUTS: dict[str, Any] = {
    "draws": 125,
    "chains": 4,
    "tune": 300,
    "sampler": "nutpie",
    "progress": False,
}
"""How NUTS is run for each replicate; every fifth draw is kept."""

LEVEL = 0.001
"""Probability that a right posterior fails, over all quantities together."""

_ONE_AT_A_TIME = threading.Lock()
"""A model is fed with a table and then sampled: no other thread may feed it in between."""

type Posterior = Callable[[Ints, int], Floats]
"""Draws, shape (n, K+1, K), from the posterior of a table, given a seed."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Outcome of `calibrate` or `calibrate_hierarchy`.

    Parameters
    ----------
    passed : bool
        No quantity's ranks depart from uniformity.
    p_values : dict of float
        Uniformity test by quantity: "A[state, next_state]", "log_likelihood", what was learned.
    tree : xarray.DataTree
        Group prior_sbc with the probability integral transforms, one "draw" per replicate, for
        ``az.plot_ecdf_pit(tree, group="prior_sbc")``.
    """

    passed: bool
    p_values: dict[str, float]
    tree: xr.DataTree

    def __repr__(self) -> str:
        """Worst quantity and outcome."""
        worst = min(self.p_values, key=self.p_values.__getitem__)
        limit = LEVEL / len(self.p_values)
        return (
            f"calibration {'PASSED' if self.passed else 'FAILED'}: smallest p "
            f"{self.p_values[worst]:.3g} ({worst}), limit {limit:.2g}, "
            f"{len(self.p_values)} quantities"
        )


def calibrate(
    *,
    n_states: int = 3,
    length: int = 20,
    alpha: ArrayLike = 1.0,
    replicates: int = 200,
    seed: int,
    posterior: Posterior | None = None,
    executor: Executor | None = None,
    progress: Callable[[Iterator[int]], Iterator[int]] = iter,
) -> Calibration:
    """Calibrate a posterior by simulation from its prior.

    Parameters
    ----------
    n_states : int, default 3
        K, the number of states.
    length : int, default 20
        Length of each simulated path. Short paths show a wrong prior best.
    alpha : array_like, default 1.0
        Dirichlet parameters of the prior that truths are drawn from.
    replicates : int, default 200
        Number of truths.
    seed : int
        Seed of everything.
    posterior : callable, optional
        ``posterior(table, seed)`` gives at least 99 nearly independent draws, shape
        (n, K+1, K). By default `nuts`, the PyMC model compiled once and fed with the data.
        `exact` gives the closed form.
    executor : concurrent.futures.Executor, optional
        Who computes the replicates; by default this process. The numbers are the same for any
        number of workers, up to what `nuts` itself leaves open. For a process pool the posterior
        must be importable, as `exact` and `nuts` are.
    progress : callable, optional
        Wraps the iterator over replicates, as a progress bar does.

    Returns
    -------
    Calibration
        Tested are all entries of A and the log-likelihood of the data, which sees mistakes that
        the single entries do not, such as a posterior that ignores the data.

    Raises
    ------
    ValueError
        Bad alpha or sizes, or too few draws.

    Examples
    --------
    >>> print(calibrate(seed=1, posterior=exact(3), replicates=50))
    calibration PASSED: smallest p 0.0856 (A[<s0>, s2]), limit 7.7e-05, 13 quantities

    References
    ----------
    .. [1] Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating
       Bayesian inference algorithms with simulation-based calibration. arXiv 1804.06788.
    .. [2] Modrak, M., Moon, A. H., Kim, S., Burkner, P., Huurre, N., Faltejskova, K., Gelman, A.
       and Vehtari, A. (2023). Simulation-based calibration checking for Bayesian computation: the
       choice of test quantities shapes sensitivity. Bayesian Analysis.
    """
    check_size(n_states=n_states, length=length, replicates=replicates)
    shape = (n_states + 1, n_states)
    prior = DirichletRows(as_alpha(alpha, shape))
    draw = nuts(n_states, alpha) if posterior is None else posterior
    work = partial(_ranks, seed, length, prior, draw)
    results = run_cells(work, [(number,) for number in range(replicates)], executor=executor)
    A_pit = np.empty((replicates, *shape))
    lik_pit = np.empty(replicates)
    for replicate in progress(iter(range(replicates))):
        ranks = next(results)
        A_pit[replicate] = ranks["A"]
        lik_pit[replicate] = ranks["log_likelihood"]

    sampled = {"chain": [0], "draw": np.arange(replicates)}
    dataset = xr.Dataset(
        {
            "A": (("chain", "draw", *dims(1)), A_pit[None]),
            "log_likelihood": (("chain", "draw"), lik_pit[None]),
        },
        coords=sampled | coords(_names(n_states), 1),
    )
    return judged(dataset)


def exact(n_states: int, alpha: ArrayLike = 1.0) -> Posterior:
    """Posterior for `calibrate`: independent draws from the closed form."""
    return partial(_exact_draws, DirichletRows(as_alpha(alpha, (n_states + 1, n_states))))


def _exact_draws(prior: DirichletRows, table: Ints, seed: int) -> Floats:
    """Draws from the posterior of one table."""
    return prior.given(table).sample(np.random.default_rng(seed), size=RANKED_DRAWS)


def nuts(n_states: int, alpha: ArrayLike = 1.0) -> Posterior:
    """Posterior for `calibrate`: NUTS on the PyMC model, compiled once in each process.

    Four chains are thinned to nearly independent draws.
    """
    parameters = np.asarray(alpha, dtype=np.float64)
    return partial(_nuts_draws, n_states, parameters.tobytes(), parameters.shape)


def _nuts_draws(
    n_states: int, alpha: bytes, alpha_shape: tuple[int, ...], table: Ints, seed: int
) -> Floats:
    """Draws from the posterior of one table."""
    import pymc as pm

    from bayes_markov.nuts import draw

    with _ONE_AT_A_TIME:
        model = _model(n_states, alpha, alpha_shape)
        pm.set_data({"counts_data": table[None].astype(np.float64)}, model=model)
        tree = draw(model, seed=seed, **NUTS)
    kept = tree.children["posterior"].dataset["A"].values[:, ::5]
    return np.asarray(kept.reshape(-1, *table.shape))


@cache
def _model(n_states: int, alpha: bytes, alpha_shape: tuple[int, ...]) -> Any:
    """Build the PyMC model that is fed with one table after the other."""
    from bayes_markov.models import dirichlet_model

    empty = np.zeros((n_states + 1, n_states), dtype=np.int64)
    counts = TransitionCounts(empty, tuple(range(n_states)))
    return dirichlet_model(counts, alpha=np.frombuffer(alpha).reshape(alpha_shape))


def _names(n_states: int) -> tuple[str, ...]:
    """Labels of the states: s1, s2, ..."""
    return tuple(f"s{number}" for number in range(1, n_states + 1))


def _ranks(
    seed: int, length: int, prior: DirichletRows, posterior: Posterior, cell: Cell
) -> Arrays:
    """One replicate: ranks of a truth and of its likelihood among the posterior's draws."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=cell))
    n_states = prior.alpha.shape[-1]
    truth = prior.sample(rng)
    path = analytic.simulate(truth, length, rng=rng)
    table = analytic.count_transitions(path, n_states)
    draws = thinned(posterior(table, int(rng.integers(2**31))))
    counts = TransitionCounts(table, _names(n_states))
    lik = log_likelihood_per_unit(np.concatenate([truth[None], draws]), counts)[:, 0]
    return {"A": pit(draws, truth, rng), "log_likelihood": pit(lik[1:], lik[0], rng)}


def thinned(draws: Floats) -> Floats:
    """Keep as many draws as truths are ranked among."""
    if len(draws) < RANKED_DRAWS:
        raise ValueError(f"posterior must give at least {RANKED_DRAWS} draws, got {len(draws)}")
    return draws[:RANKED_DRAWS]


def pit(draws: Floats, truth: Floats, rng: np.random.Generator) -> Floats:
    """Rank of the truth among the draws, made continuous by a uniform variable; ties at random."""
    below = np.asarray((draws < truth).sum(axis=0))
    equal = np.asarray((draws == truth).sum(axis=0))
    return np.asarray((below + rng.random(below.shape) * (equal + 1)) / (RANKED_DRAWS + 1))


def judged(pits: xr.Dataset) -> Calibration:
    """Test the transforms of every quantity, one "draw" per replicate, for uniformity."""
    p_values = uniformity(pits)
    passed = all(p >= LEVEL / len(p_values) for p in p_values.values())
    return Calibration(passed, p_values, xr.DataTree.from_dict({"/prior_sbc": pits}))


def uniformity(pits: xr.Dataset) -> dict[str, float]:
    """P-value of ArviZ's test of uniformity, by quantity."""
    import arviz_stats  # noqa: F401  (registers the accessor)

    tested, *_ = pits.azstats.uniformity_test()
    p_values = {}
    for name, values in tested.data_vars.items():
        for index in np.ndindex(values.shape):
            labels = [str(values[dim].values[i]) for dim, i in zip(values.dims, index, strict=True)]
            quantity = f"{name}[{', '.join(labels)}]" if labels else str(name)
            p_values[quantity] = float(values.values[index])
    return p_values
