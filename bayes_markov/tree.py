"""The result every fit returns: one labelled DataTree, whatever drew from the posterior.

Groups: posterior and prior with A(chain, draw, *history, next_state), log_likelihood with
counts(chain, draw, unit), observed_data, constant_data, sample_stats where a sampler ran.
Attributes of the root are text and numbers, so that a tree can be saved.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import xlogy

from analytic import DirichletRows, possible_histories
from analytic.validate import INT64_MAX, Floats, as_alpha, as_support, check_integer, is_integer
from bayes_markov._version import __version__
from bayes_markov.counts import TransitionCounts
from bayes_markov.labels import ALL_UNITS, coords, dims

MAX_NUMBERS = 5 * 10**8
"""Largest number of values in a group of a result (4 GB)."""


POPULATION_MEAN = "population mean"
"""What the root's attribute matrix says where A is the mean of units."""


def prior_rows(
    counts: TransitionCounts, alpha: ArrayLike, support: ArrayLike | None = None
) -> DirichletRows:
    """Prior on the rows of A for these counts; histories that cannot occur have none."""
    if not isinstance(counts, TransitionCounts):
        raise TypeError(
            f"counts must be TransitionCounts, got {type(counts).__name__}; make them with "
            f"TransitionCounts.from_sequences or count_transitions"
        )
    shape = counts.pooled.shape
    mask = np.broadcast_to(possible_histories(len(counts.states), counts.order)[..., None], shape)
    given = as_support(support, shape)
    mask = mask if given is None else mask & given
    if not mask.any():
        raise ValueError("support marks every transition impossible; there is nothing to estimate")
    return DirichletRows(as_alpha(alpha, shape, mask), support=mask)


def unit_labels(counts: TransitionCounts) -> list[str | int | bool]:
    """Labels of the unit axis, which every log-likelihood has."""
    return [ALL_UNITS] if counts.units is None else list(counts.units)


def log_likelihood_per_unit(draws: Floats, counts: TransitionCounts) -> Floats:
    """Log-likelihood of each unit at each draw of A; shape (..., units).

    A matrix product over the cells, where 0 log 0 is 0 and n log 0 is -inf.
    """
    seen = counts.pooled.reshape(-1) > 0
    lead = draws.shape[: draws.ndim - counts.order - 1]
    flat = draws.reshape(*lead, seen.size)[..., seen]
    tables = counts.tables.reshape(-1, seen.size)[:, seen].astype(np.float64)
    positive = flat > 0
    if positive.all():
        return np.asarray(np.log(flat) @ tables.T)
    log_draws = np.log(np.where(positive, flat, 1.0))
    impossible = (~positive).astype(np.float64) @ tables.T > 0
    return np.where(impossible, -np.inf, log_draws @ tables.T)


def assemble(
    draws: Floats,
    *,
    counts: TransitionCounts,
    prior: DirichletRows,
    seed: int,
    sampler: str,
    sample_stats: xr.Dataset | None = None,
    attrs: Mapping[str, str | int | float] | None = None,
) -> xr.DataTree:
    """Put posterior draws, shape (chains, draws, *history, K), into the common tree.

    Where each unit has its own matrix, the draws have an axis for the units before the history.
    """
    chains, n_draws = draws.shape[:2]
    names, labels = dims(counts.order), dict(coords(counts.states, counts.order))
    sampled = {"chain": np.arange(chains), "draw": np.arange(n_draws)}
    unit = {"unit": np.array(unit_labels(counts))}
    _, prior_stream = streams(seed)
    per_unit = draws.ndim > 2 + len(names)
    if per_unit:
        names, labels = ("unit", *names), labels | unit
        drawn_before = prior.sample(prior_stream, size=(1, n_draws, len(counts.tables)))
        seen, cells = counts.tables > 0, tuple(range(-counts.order - 1, 0))
        by_chain = [xlogy(counts.tables, np.where(seen, A, 1.0)).sum(axis=cells) for A in draws]
        log_likelihood = np.stack(by_chain)
    else:
        drawn_before = prior.sample(prior_stream, size=(chains, n_draws))
        log_likelihood = log_likelihood_per_unit(draws, counts)
    tables = counts.tables if per_unit else counts.pooled

    def of_rows(values: Floats) -> xr.Dataset:
        axes = {"chain": np.arange(len(values)), "draw": sampled["draw"]}
        return xr.Dataset({"A": (("chain", "draw", *names), values)}, coords=axes | labels)

    groups = {
        "posterior": of_rows(draws),
        "prior": of_rows(drawn_before),
        "log_likelihood": xr.Dataset(
            {"counts": (("chain", "draw", "unit"), log_likelihood)}, coords=sampled | unit
        ),
        "observed_data": counts.to_xarray().to_dataset(),
        "constant_data": xr.Dataset(
            {
                "alpha": (dims(counts.order), prior.alpha),
                "departures": (names[:-1], tables.sum(axis=-1)),
            },
            coords=labels,
        ),
    }
    if sample_stats is not None:
        groups["sample_stats"] = sample_stats.assign_coords(sampled)
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    tree.attrs = root_attributes(counts) | {
        "prior": describe(prior),
        "seed": int(seed),
        "sampler": sampler,
        **(attrs or {}),
    }
    return tree


def root_attributes(counts: TransitionCounts) -> dict[str, str | int | float]:
    """Record of the data and of what made the result."""
    return {
        "inference_library": "bayes_markov",
        "inference_library_version": __version__,
        "data_digest": counts.digest,
        "states_order": counts.states_order,
        "order": counts.order,
    }


def describe(prior: DirichletRows) -> str:
    """Prior in a few words, for the record of a result."""
    values = np.unique(prior.alpha[prior.possible])
    if len(values) == 1:
        return f"Dirichlet(alpha={values[0]:g}) on each row"
    return f"Dirichlet rows, alpha from {values[0]:g} to {values[-1]:g} (see constant_data)"


def streams(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Two independent streams from one seed: for the posterior and for the prior.

    A seed is stored with the result, where larger integers have no place.
    """
    if not (is_integer(seed) and 0 <= seed <= INT64_MAX):
        raise ValueError(f"seed must be an integer from 0 to 2**63 - 1, got {seed!r}")
    posterior, prior = np.random.SeedSequence(int(seed)).spawn(2)
    return np.random.default_rng(posterior), np.random.default_rng(prior)


def check_size(**sizes: int) -> None:
    """Refuse numbers of draws, chains or steps that are not positive integers."""
    for name, value in sizes.items():
        check_integer(name, value, 1)


def check_memory(
    counts: TransitionCounts, draws: int, chains: int, *, per_unit: bool = False
) -> None:
    """Refuse a result that memory could not hold."""
    cells = counts.tables.size if per_unit else counts.pooled.size
    values = max(cells, len(unit_labels(counts)))
    numbers = int(chains) * int(draws) * values
    if numbers > MAX_NUMBERS:
        raise ValueError(
            f"{chains} chains of {draws} draws of {values:,} values are {numbers:.2g} numbers, "
            f"more than the {MAX_NUMBERS:.2g} that a result may hold; lower draws or the order"
        )


def variable(tree: xr.DataTree, group: str, name: str) -> xr.DataArray:
    """One variable of one group of a result; refuse what is not a result."""
    if not isinstance(tree, xr.DataTree):
        raise TypeError(f"tree must be an xarray.DataTree, got {type(tree).__name__}")
    node = tree.children.get(group)
    if node is None or name not in node.dataset:
        raise ValueError(
            f"tree has no {name!r} in its group {group!r}; it must be a result of sample or "
            f"exact_posterior (functions for hidden chains take that of sample_hmm)"
        )
    return node.dataset[name]


def matrix_draws(tree: xr.DataTree, group: str = "posterior") -> xr.DataArray:
    """Draws of A (chain, draw, *history, next_state), of a result with one matrix."""
    A = variable(tree, group, "A")
    if "unit" in A.dims:
        raise ValueError(
            f"tree has a matrix for each of {A.sizes['unit']} units; take the tree of one, "
            f"select_unit(tree, unit), or of their mean, select_mean(tree)"
        )
    order = sum(str(dim).startswith("state") for dim in A.dims)
    return A.transpose("chain", "draw", *dims(order))


def check_generates_data(tree: xr.DataTree) -> None:
    """Refuse a tree whose A is a mean that no transition was drawn from."""
    if tree.attrs.get("matrix") == POPULATION_MEAN:
        raise ValueError(
            "tree has the mean of units in the place of A, and no transition was drawn from that; "
            "take one unit, select_unit(tree, unit), or compare_pooling(counts)"
        )


def alpha_of_tree(tree: xr.DataTree) -> Floats | None:
    """Prior's Dirichlet parameters, 0 off the support; None where the prior was learned."""
    constant = tree.children["constant_data"].dataset
    return np.asarray(constant["alpha"].values) if "alpha" in constant else None


def counts_of_tree(tree: xr.DataTree) -> TransitionCounts:
    """Read the data back from a result."""
    counts = variable(tree, "observed_data", "counts")
    units = tuple(counts["unit"].values.tolist()) if "unit" in counts.dims else None
    order = counts.ndim - 1 - (units is not None)
    states = tuple(counts["next_state"].values.tolist())
    return TransitionCounts(counts.values, states, order, units)
