"""Sample a model with a learned prior: NUTS for the population, exact draws for the matrices."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from analytic import DirichletRows
from analytic.validate import SMALLEST_ALPHA, Counts, Floats
from bayes_markov.diagnostics import ConvergenceWarning, record_convergence
from bayes_markov.hierarchy.build import Specification, specification_of
from bayes_markov.hierarchy.evidence import log_evidence_per_unit
from bayes_markov.hierarchy.hyperpriors import constants_of, dims_of, log_density, sample
from bayes_markov.labels import coords, dims
from bayes_markov.nuts import VERSIONS, Sampler, check_sampler, check_unchanged, draw, statistics
from bayes_markov.tree import (
    check_memory,
    check_size,
    log_likelihood_per_unit,
    root_attributes,
    streams,
    unit_labels,
    variable,
)

CELLS_AT_ONCE = 2**22
"""Probabilities that are drawn together, which bounds what is in memory beside the result."""


def sample_hierarchy(
    model: pm.Model,
    *,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    tune: int | None = None,
    sampler: Sampler = "nutpie",
    progress: bool = False,
) -> xr.DataTree:
    """Draw from the posterior of a model with a learned prior; see `bayes_markov.sample`."""
    check_size(draws=draws, chains=chains, tune=1 if tune is None else tune)
    check_sampler(sampler)
    given = specification_of(model)
    check_unchanged(model, given.built_with)
    check_memory(given.counts, draws, chains, per_unit=given.per_unit)
    posterior_stream, prior_stream = streams(seed)
    sampler_seed = int(posterior_stream.integers(2**31))
    drawn = draw(
        model,
        seed=sampler_seed,
        draws=draws,
        chains=chains,
        tune=tune,
        sampler=sampler,
        progress=progress,
    )
    names = given.population.hyperpriors
    learned = {name: variable(drawn, "posterior", name).values for name in names}
    if given.collapsed:
        A = draw_matrices(given, learned, given.tables, posterior_stream)
    else:
        A = variable(drawn, "posterior", "A").values
        A = A if given.per_unit else A[:, :, None]
    prior = sample(names, prior_stream, (1, draws))
    prior_A = draw_matrices(given, prior, np.zeros_like(given.tables), prior_stream)
    tree = assemble(
        given,
        posterior={"A": A, **learned},
        prior={"A": prior_A, **prior},
        sample_stats=statistics(drawn),
    )
    moved = list(names) if given.collapsed else ["A", *names]
    tree.attrs |= {
        "seed": int(seed),
        "sampler": f"NUTS ({sampler}){', A exactly' if given.collapsed else ''}",
        **VERSIONS,
        "sampled": ", ".join(moved),
    }
    found = record_convergence(tree)
    if found.problems:
        warnings.warn("; ".join(found.problems), ConvergenceWarning, stacklevel=3)
    return tree


def draw_matrices(
    given: Specification, learned: dict[str, Floats], tables: Counts, rng: np.random.Generator
) -> Floats:
    """Draw every matrix given the population, Dirichlet(alpha + n) rows.

    Shape (chains, draws, matrices, *history, K).
    """
    batch = next(iter(learned.values())).shape[:2]
    A = np.empty((*batch, *tables.shape))
    flat = A.reshape(-1, *tables.shape)
    for part, alpha in alpha_in_parts(given, learned, tables.size):
        flat[part] = DirichletRows(alpha[:, given.group] + tables).sample(rng)
    return A


def alpha_in_parts(
    given: Specification, learned: dict[str, Floats], cells: int
) -> Iterator[tuple[slice, Floats]]:
    """Dirichlet parameters (draws, groups, *history, K), some draws at a time."""
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in learned.items()}
    total = len(next(iter(flat.values())))
    step = max(1, CELLS_AT_ONCE // max(1, cells))
    for start in range(0, total, step):
        part = slice(start, min(start + step, total))
        alpha = given.population.alpha({name: values[part] for name, values in flat.items()})
        # A probability of the mean that underflows to 0 is no parameter of a Dirichlet law.
        yield part, np.maximum(alpha, SMALLEST_ALPHA)


def log_evidence_of_draws(given: Specification, learned: dict[str, Floats]) -> Floats:
    """Log-likelihood of each unit with its matrix summed out, shape (chains, draws, units)."""
    batch = next(iter(learned.values())).shape[:2]
    found = np.empty((math.prod(batch), len(given.tables)))
    cells = given.tables[0].size * (1 + int(given.group.max()))
    for part, alpha in alpha_in_parts(given, learned, cells):
        found[part] = log_evidence_per_unit(alpha, given.found, len(given.tables))
    return found.reshape(*batch, -1)


def assemble(
    given: Specification,
    *,
    posterior: dict[str, Floats],
    prior: dict[str, Floats],
    sample_stats: xr.Dataset,
) -> xr.DataTree:
    """Put draws into the common tree; those of A have an axis for the matrices."""
    counts, names = given.counts, dims(given.counts.order)
    labels: dict[str, Any] = dict(coords(counts.states, counts.order))
    unit = np.array(unit_labels(counts))
    priors = given.population.hyperpriors
    own = {"A": ("unit", *names) if given.per_unit else names, **dims_of(priors)}
    if given.per_unit:
        labels["unit"] = unit
    else:
        posterior, prior = (values | {"A": values["A"][:, :, 0]} for values in (posterior, prior))
    if given.covariate is not None and given.covariate.levels is not None:
        labels["level"] = np.array(given.covariate.levels)

    def of_draws(values: dict[str, Floats]) -> xr.Dataset:
        chains, draws = values["A"].shape[:2]
        return xr.Dataset(
            {name: (("chain", "draw", *own[name]), drawn) for name, drawn in values.items()},
            coords={"chain": np.arange(chains), "draw": np.arange(draws)} | labels,
        )

    sampled = of_draws(posterior)
    learned = {name: posterior[name] for name in priors}
    if given.per_unit:
        log_likelihood = log_evidence_of_draws(given, learned)
    else:
        log_likelihood = log_likelihood_per_unit(posterior["A"], counts)
    log_prior = log_density(priors, learned)
    axes = {"chain": sampled["chain"], "draw": sampled["draw"]}
    groups = {
        "posterior": sampled,
        "prior": of_draws(prior),
        "log_likelihood": xr.Dataset(
            {"counts": (("chain", "draw", "unit"), log_likelihood)}, coords=axes | {"unit": unit}
        ),
        "log_prior": xr.Dataset(
            {
                name: (("chain", "draw", *own[name][: values.ndim - 2]), values)
                for name, values in log_prior.items()
            },
            coords=axes | {k: v for k, v in labels.items() if k in names[:-1]},
        ),
        "observed_data": counts.to_xarray().to_dataset(),
        "constant_data": _constant_data(given, own["A"][:-1], labels),
        "sample_stats": sample_stats.assign_coords(axes),
    }
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    tree.attrs = root_attributes(counts) | {"prior": given.population.description}
    return tree


def _constant_data(
    given: Specification, axes: tuple[str, ...], labels: dict[str, Any]
) -> xr.Dataset:
    """Departures, and the covariate of each unit."""
    tables = given.tables if given.per_unit else given.tables[0]
    known = constants_of(given.population.hyperpriors)
    constant: dict[str, Any] = {"departures": (axes, tables.sum(axis=-1)), **known}
    if given.covariate is not None:
        constant["covariate"] = ("unit", np.array(given.covariate.values))
    used = {*axes, *(dim for dims, _ in known.values() for dim in dims)}
    return xr.Dataset(constant, coords={name: labels[name] for name in labels if name in used})
