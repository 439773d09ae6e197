"""The posterior mean by NUTS as an estimator, to be compared with those in closed form."""

import zlib
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import ArrayLike

from analytic.estimate import Estimator
from analytic.validate import Floats, Ints, as_counts
from bayes_markov.counts import TransitionCounts


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
    >>> from bayes_markov.study import risk_study
    >>> risk_study(
    ...     [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]],
    ...     lengths=[20], estimators=["laplace", nuts_estimator(2)], replicates=50, seed=1,
    ... )  # doctest: +SKIP
    """
    parameters = np.asarray(alpha, dtype=np.float64)
    rule = partial(_nuts_means, n_states, parameters.tobytes(), parameters.shape)
    vars(rule)["__name__"] = "nuts"
    return rule


def _nuts_means(n_states: int, alpha: bytes, shape: tuple[int, ...], counts: ArrayLike) -> Floats:
    """Posterior means, one table after the other; each table has a seed of its own."""
    tables = as_counts(counts)
    posterior = _compiled_posterior(n_states, alpha, shape)
    means = np.empty(tables.shape)
    for index in np.ndindex(tables.shape[:-2]):
        table = tables[index].astype(np.int64)
        means[index] = posterior(table, zlib.crc32(table.tobytes()) >> 1)
    return means


@cache
def _compiled_posterior(
    n_states: int, alpha: bytes, shape: tuple[int, ...]
) -> Callable[[Ints, int], Floats]:
    """Posterior mean of a table by NUTS; the model is compiled at the first call."""
    import nutpie
    import pymc as pm

    from bayes_markov.models import dirichlet_model
    from bayes_markov.nuts import compiled

    empty = np.zeros((n_states + 1, n_states), dtype=np.int64)
    states = [f"s{number}" for number in range(1, n_states + 1)]
    model = dirichlet_model(
        TransitionCounts.from_table(empty, states),
        alpha=np.frombuffer(alpha).reshape(shape),
    )

    def posterior(table: Ints, seed: int) -> Floats:
        pm.set_data({"counts_data": table[None].astype(np.float64)}, model=model)
        tree = nutpie.sample(
            compiled(model),
            draws=500,
            tune=300,
            chains=4,
            seed=seed,
            save_warmup=False,
            progress_bar=False,
        )
        return np.asarray(tree.children["posterior"].dataset["A"].mean(("chain", "draw")).values)

    return posterior
