"""Posterior means by NUTS as estimators, to be compared with those in closed form."""

import threading
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from analytic.estimate import Estimator
from analytic.validate import Floats, Ints, as_counts, check_whole
from bayes_markov.counts import TransitionCounts

type TableMean = Callable[[Ints, int], Floats]
"""From a table and a seed to its posterior mean."""

SETTINGS: dict[str, Any] = {
    "draws": 500,
    "chains": 4,
    "tune": 300,
    "sampler": "nutpie",
    "progress": False,
}
"""How each table is sampled."""

_ONE_AT_A_TIME = threading.Lock()
"""A model is fed with a table and then sampled: no other thread may feed it in between."""


def nuts_estimator(n_states: int, alpha: ArrayLike = 1.0) -> Estimator:
    """Posterior mean by NUTS, for `risk_study`: the PyMC model, compiled once in each process.

    It is slow, seconds for each table. Its numbers also depend on the versions of the packages
    and on the compiler's cache, so they agree between runs within Monte Carlo error only.

    Parameters
    ----------
    n_states : int
        K, the number of states.
    alpha : array_like, default 1.0
        Dirichlet parameters of the prior: a number, one per next state, or one per cell.

    Returns
    -------
    callable
        Estimator with the name "nuts": tables (..., K+1, K) to posterior means from 4 chains of
        500 draws.

    Examples
    --------
    >>> from bayes_markov import risk_study
    >>> risk_study(
    ...     [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]],
    ...     lengths=[20], estimators=["laplace", nuts_estimator(2)], replicates=50, seed=1,
    ... )  # doctest: +SKIP
    """
    parameters = np.asarray(alpha, dtype=np.float64)
    rule = partial(
        _means, partial(_compiled_posterior, n_states, parameters.tobytes(), parameters.shape)
    )
    vars(rule)["__name__"] = "nuts"
    return rule


def learned_estimator(
    n_states: int, prior: Literal["concentration", "stickiness"] = "concentration"
) -> Estimator:
    """Posterior mean under a learned prior, for `risk_study`: how alike the rows are is unknown.

    Strength and mean row, or concentration, base and stickiness, are drawn by NUTS; given these
    the posterior mean is exact, and it is averaged over the draws. What is said of speed and of
    reproducibility for `nuts_estimator` holds here too.

    Parameters
    ----------
    n_states : int
        K, the number of states; at least 2.
    prior : {"concentration", "stickiness"}, default "concentration"
        The prior of `learned_concentration_model` or that of `learned_stickiness_model`.

    Returns
    -------
    callable
        Estimator with the name "learned_concentration" or "learned_stickiness": tables
        (..., K+1, K) to posterior means from 4 chains of 500 draws.

    Raises
    ------
    ValueError
        Another prior.

    Examples
    --------
    >>> learned_estimator(3).__name__
    'learned_concentration'
    """
    if prior not in ("concentration", "stickiness"):
        raise ValueError(f'prior must be "concentration" or "stickiness", got {prior!r}')
    rule = partial(_means, partial(_compiled_learner, n_states, prior))
    vars(rule)["__name__"] = f"learned_{prior}"
    return rule


def _means(compiled: Callable[[], TableMean], counts: ArrayLike) -> Floats:
    """Posterior means, one table after the other; each table has a seed of its own."""
    tables = as_counts(counts)
    check_whole(tables)
    means = np.empty(tables.shape)
    for index in np.ndindex(tables.shape[:-2]):
        table = tables[index].astype(np.int64)
        with _ONE_AT_A_TIME:
            means[index] = compiled()(table, zlib.crc32(table.tobytes()) >> 1)
    return means


@cache
def _compiled_learner(n_states: int, prior: str) -> TableMean:
    """Posterior mean of a table under a learned prior; the model is compiled at the first call."""
    import pymc as pm

    from bayes_markov.hierarchy import models
    from bayes_markov.hierarchy.build import specification_of
    from bayes_markov.hierarchy.evidence import patterns
    from bayes_markov.nuts import draw

    build = {
        "concentration": models.learned_concentration_model,
        "stickiness": models.learned_stickiness_model,
    }
    model = build[prior](_empty(n_states))
    population = specification_of(model).population

    def posterior(table: Ints, seed: int) -> Floats:
        found = patterns(table[None], np.zeros(1, dtype=np.int64), 1)
        parts = {f"pattern_{name}": part for name, part in found._asdict().items()}
        pm.set_data(parts, model=model)
        learned = draw(model, seed=seed, **SETTINGS).children["posterior"].dataset
        alpha = population.alpha({name: learned[name].values for name in population.hyperpriors})
        filled = alpha[:, :, 0] + table
        return np.asarray((filled / filled.sum(axis=-1, keepdims=True)).mean(axis=(0, 1)))

    return posterior


@cache
def _compiled_posterior(n_states: int, alpha: bytes, shape: tuple[int, ...]) -> TableMean:
    """Posterior mean of a table by NUTS; the model is compiled at the first call."""
    import pymc as pm

    from bayes_markov.models import dirichlet_model
    from bayes_markov.nuts import draw

    model = dirichlet_model(_empty(n_states), alpha=np.frombuffer(alpha).reshape(shape))

    def posterior(table: Ints, seed: int) -> Floats:
        pm.set_data({"counts_data": table[None].astype(np.float64)}, model=model)
        posterior = draw(model, seed=seed, **SETTINGS).children["posterior"].dataset
        return np.asarray(posterior["A"].mean(("chain", "draw")).values)

    return posterior


def _empty(n_states: int) -> TransitionCounts:
    """Make counts of nothing, to build a model from."""
    states = [f"s{number}" for number in range(1, n_states + 1)]
    return TransitionCounts.from_table(np.zeros((n_states + 1, n_states), dtype=np.int64), states)
