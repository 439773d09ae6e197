r"""Simulation-based calibration of models with a learned prior.

Draw the population from its hyperprior, the matrices from the population, a path for each unit
from its matrix, and the posterior from the paths. The ranks of what was drawn among the draws of
the posterior are then uniform; see `bayes_markov.calibration`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pymc as pm
import xarray as xr
from scipy.special import xlogy

import analytic
from analytic.validate import Counts, Floats
from bayes_markov.calibration import NUTS, Calibration, judged, pit, thinned
from bayes_markov.counts import TransitionCounts
from bayes_markov.hierarchy.build import Specification, specification_of
from bayes_markov.hierarchy.evidence import patterns
from bayes_markov.hierarchy.fit import draw_matrices, log_evidence_of_draws
from bayes_markov.hierarchy.hyperpriors import dims_of, sample
from bayes_markov.labels import coords, dims
from bayes_markov.nuts import draw
from bayes_markov.tree import check_size, streams, variable

type Learned = dict[str, Floats]
type Posterior = Callable[[Counts, int], Learned]
"""Draws of the population's parameters by name, (n, ...), from tables of the units, and a seed."""


def calibrate_hierarchy(
    model: pm.Model,
    *,
    length: int = 20,
    replicates: int = 200,
    seed: int,
    posterior: Posterior | None = None,
    progress: Callable[[Iterator[int]], Iterator[int]] = iter,
) -> Calibration:
    """Calibrate a model with a learned prior by simulation from its hyperprior.

    Parameters
    ----------
    model : pymc.Model
        Collapsed model with a learned prior. Its population, states and units are what is
        simulated; its counts are not used.
    length : int, default 20
        Length of the path of each unit.
    replicates : int, default 200
        Number of truths.
    seed : int
        Seed of everything. The draws of NUTS also depend on the compiler's cache.
    posterior : callable, optional
        ``posterior(tables, seed)`` gives at least 99 nearly independent draws of the population's
        parameters, by name, given the tables of the units. By default `nuts` of the model,
        compiled once and fed with the data.
    progress : callable, optional
        Wraps the iterator over replicates, as a progress bar does.

    Returns
    -------
    Calibration
        Tested are all parameters of the population, A (of the first unit, where each has its
        own), the log-likelihood of the data given the matrices ("log_likelihood") and with the
        matrices summed out ("log_evidence").

    Raises
    ------
    ValueError
        A model of another kind or one that is not collapsed, bad sizes, or too few draws.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> model = bm.partial_pooling_model(counts)
    >>> print(calibrate_hierarchy(model, seed=1))  # doctest: +SKIP

    References
    ----------
    .. [1] Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating
       Bayesian inference algorithms with simulation-based calibration. arXiv 1804.06788.
    """
    check_size(length=length, replicates=replicates)
    streams(seed)  # refuses what is no seed
    given = specification_of(model)
    draws_of = nuts(model) if posterior is None else posterior
    found = [
        _ranks(given, length, draws_of, np.random.SeedSequence(int(seed), spawn_key=(number,)))
        for number in progress(iter(range(replicates)))
    ]
    names = dims(given.counts.order)
    own = {
        "A": names,
        **dims_of(given.population.hyperpriors),
        "log_likelihood": (),
        "log_evidence": (),
    }
    labels = dict(coords(given.counts.states, given.counts.order))
    if given.covariate is not None and given.covariate.levels is not None:
        labels["level"] = np.array(given.covariate.levels)
    ranks = {
        name: (("chain", "draw", *axes), np.stack([one[name] for one in found])[None])
        for name, axes in own.items()
    }
    sampled = {"chain": [0], "draw": np.arange(replicates)}
    return judged(xr.Dataset(ranks, coords=sampled | labels))


def nuts(model: pm.Model) -> Posterior:
    """Posterior for `calibrate_hierarchy`: NUTS, thinned to nearly independent draws.

    The model is compiled once, fed with the tables each time, and left as it was.
    """
    given = specification_of(model)
    if not given.collapsed:
        raise ValueError("model must be collapsed: the full one holds its counts for good")

    def posterior(tables: Counts, seed: int) -> Learned:
        fed = _of_tables(given, tables).found
        data = {f"pattern_{name}": part for name, part in fed._asdict().items()}
        before = {name: model[name].get_value() for name in data}
        pm.set_data(data, model=model)
        try:
            tree = draw(model, seed=seed, **NUTS)
        finally:
            pm.set_data(before, model=model)
        kept = {
            name: variable(tree, "posterior", name).values for name in given.population.hyperpriors
        }
        return {name: v[:, ::5].reshape(-1, *v.shape[2:]) for name, v in kept.items()}

    return posterior


def _ranks(
    given: Specification, length: int, posterior: Posterior, seed: np.random.SeedSequence
) -> dict[str, Floats]:
    """One replicate: ranks of the truth among the posterior's draws."""
    rng = np.random.default_rng(seed)
    truth = sample(given.population.hyperpriors, rng, (1, 1))
    A = draw_matrices(given, truth, np.zeros_like(given.tables), rng)
    fed = _of_tables(given, _simulated(given, A[0, 0], length, rng))
    drawn = posterior(fed.counts.tables, int(rng.integers(2**31)))
    learned = {name: thinned(values)[None] for name, values in drawn.items()}
    drawn_A = draw_matrices(fed, learned, fed.tables, rng)

    def quantities(learned: Learned, A: Floats) -> Learned:
        axes = tuple(range(2, A.ndim))
        log_likelihood = xlogy(fed.tables, np.where(fed.tables > 0, A, 1.0)).sum(axis=axes)
        log_evidence = log_evidence_of_draws(fed, learned).sum(axis=-1)
        return {
            "A": A[:, :, 0],
            **learned,
            "log_likelihood": np.asarray(log_likelihood),
            "log_evidence": np.asarray(log_evidence),
        }

    true, of_draws = quantities(truth, A), quantities(learned, drawn_A)
    return {name: pit(of_draws[name][0], true[name][0, 0], rng) for name in true}


def _simulated(given: Specification, A: Floats, length: int, rng: np.random.Generator) -> Counts:
    """Tables of one path for each unit, from its matrix or from the one that all share."""
    order, n_states = given.counts.order, A.shape[-1]
    tables = []
    for unit in range(len(given.counts.tables)):
        rows = A[unit if given.per_unit else 0]
        path = analytic.simulate(np.broadcast_to(rows, (n_states + 1, n_states)), length, rng=rng)
        tables.append(analytic.count_transitions(path, n_states, order=order))
    return np.array(tables)


def _of_tables(given: Specification, tables: Counts) -> Specification:
    """Put other tables of the units in the place of those that a model was built from."""
    old = given.counts
    table = tables if old.units is not None else tables[0]
    fed = replace(given, counts=TransitionCounts(table, old.states, old.order, old.units))
    found = patterns(fed.tables, given.group, 1 + int(given.group.max()))
    return replace(fed, found=found)
