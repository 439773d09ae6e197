"""One matrix out of many: that of a unit, that of their mean, that of a unit not seen."""

from typing import Any

import numpy as np
import xarray as xr

from analytic import DirichletRows
from analytic.validate import SMALLEST_ALPHA
from bayes_markov.hierarchy.covariates import Covariate, as_covariate
from bayes_markov.hierarchy.populations import Exchangeable, Population
from bayes_markov.hierarchy.regression import Regression
from bayes_markov.labels import Label, dims
from bayes_markov.tree import POPULATION_MEAN, counts_of_tree, streams, variable


def select_unit(tree: xr.DataTree, unit: Label) -> xr.DataTree:
    """Take one unit out of a fit in which each has its own matrix.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` for a `partial_pooling_model` or `covariate_model`, or of
        `exact_posterior` with ``pool="none"``.
    unit : str, int or bool
        Label of the unit.

    Returns
    -------
    xarray.DataTree
        With the groups of `exact_posterior` and the unit's counts, A without the dim unit; every
        function that takes a fit takes it.

    Raises
    ------
    ValueError
        A tree with one matrix, or a unit that is not there.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> tree = bm.select_unit(bm.exact_posterior(counts, seed=1, pool="none"), "y")
    >>> [line.count for line in bm.estimates(tree)]
    [0, 1, 0, 0, 0, 1]
    """
    known = _units_of(tree)
    if unit not in known:
        shown = ", ".join(map(repr, known[:8])) + (", ..." if len(known) > 8 else "")
        raise ValueError(f"unit is {unit!r}, which the tree does not have; it has {shown}")
    at = known.index(unit)
    nodes = {}
    for name, node in tree.children.items():
        # The log-likelihood keeps the axis, as it has one in every result.
        one = [at] if name == "log_likelihood" else at
        dataset = node.to_dataset().isel(unit=one, missing_dims="ignore")
        nodes[f"/{name}"] = dataset if name == "log_likelihood" else _without_unit(dataset)
    result = xr.DataTree.from_dict(nodes)
    # A alone: what else was learned is about all units.
    result.attrs = tree.attrs | ({"sampled": "A"} if "sampled" in tree.attrs else {})
    return result


def select_mean(tree: xr.DataTree) -> xr.DataTree:
    """Take the mean rows of the population that units were drawn from.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` for a `partial_pooling_model`; with one mean row for all rows, each row
        is that one.

    Returns
    -------
    xarray.DataTree
        With the mean rows in the place of A, and the pooled counts, for tables, plots and
        functionals. Count ratios are those of the pooled counts. No transition was drawn from the
        mean, so `loo` and predictive checks refuse it.

    Raises
    ------
    ValueError
        A tree without a mean row: of another model.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> tree = bm.sample(bm.partial_pooling_model(counts), seed=1)  # doctest: +SKIP
    >>> bm.estimates(bm.select_mean(tree))  # doctest: +SKIP
    """
    posterior = tree.children["posterior"].dataset
    if "unit" not in posterior["A"].dims or "mean" not in posterior or "effect" in posterior:
        raise ValueError(
            "tree has no mean of units; it must be that of a partial_pooling_model "
            "(with a covariate the mean depends on it: see add_new_unit)"
        )
    result = tree.copy()
    for group in ("posterior", "prior"):
        old = tree.children[group].to_dataset()
        like = old["A"].isel(unit=0, drop=True)
        result[group] = xr.DataTree(old.assign(A=old["mean"].broadcast_like(like)))
    result["observed_data"] = xr.DataTree(tree.children["observed_data"].to_dataset().sum("unit"))
    constant = tree.children["constant_data"].to_dataset()
    result["constant_data"] = xr.DataTree(constant.sum("unit"))
    result.attrs |= {"sampled": "strength, mean", "matrix": POPULATION_MEAN}
    return result


def add_new_unit(tree: xr.DataTree, *, seed: int, covariate: Any = None) -> xr.DataTree:
    r"""Predict the matrix of a unit that was not seen.

    .. math:: A^{\text{new}}_{i\cdot} \mid \theta \sim \mathrm{Dirichlet}(\alpha_i(\theta))

    for every draw of the population's parameters theta.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` for a `partial_pooling_model` or a `covariate_model`.
    seed : int
        Seed of the draws.
    covariate : str, bool or float, optional
        The new unit's covariate, for a `covariate_model`.

    Returns
    -------
    xarray.DataTree
        The tree with the group predictions: A(chain, draw, state, next_state).

    Raises
    ------
    ValueError
        A tree of another model, a covariate missing or without use, a level that no unit has.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> tree = bm.sample(bm.partial_pooling_model(counts), seed=1)  # doctest: +SKIP
    >>> bm.add_new_unit(tree, seed=1).predictions["A"].dims  # doctest: +SKIP
    ('chain', 'draw', 'state', 'next_state')
    """
    streams(seed)  # refuses what is no seed
    population, known = population_of(tree)
    posterior = tree.children["posterior"].dataset
    values = {
        name: posterior[name].transpose("chain", "draw", *prior.dims).values
        for name, prior in population.hyperpriors.items()
    }
    if isinstance(population, Regression) and known is not None:
        if covariate is None:
            raise ValueError(
                "covariate is missing; the model has one, so say what the new unit's is"
            )
        alpha = population.alpha_at(known.at(covariate), values)
    elif covariate is not None:
        raise ValueError(f"covariate is {covariate!r}, but the model has none; leave it out")
    else:
        alpha = population.alpha(values)
    # A fit takes the first two streams of its seed, predictive checks the next two.
    rng = np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(4,)))
    alpha = np.maximum(alpha[:, :, 0], SMALLEST_ALPHA)
    like = posterior["A"].isel(unit=0, drop=True)
    A = like.copy(data=DirichletRows(alpha).sample(rng))
    result = tree.copy()
    result["predictions"] = xr.DataTree(A.to_dataset(name="A"))
    return result


def population_of(tree: xr.DataTree) -> tuple[Population, Covariate | None]:
    """Read back what the units of a tree were drawn from."""
    posterior = tree.children["posterior"].dataset
    units = _units_of(tree)
    if "strength" not in posterior:
        raise ValueError(
            "tree has no population that units were drawn from; fit a partial_pooling_model or a "
            "covariate_model"
        )
    counts = counts_of_tree(tree)
    shape, history = counts.pooled.shape, dims(counts.order)[:-1]
    constant = tree.children["constant_data"].dataset
    median = float(constant["median_strength"])
    mean_alpha = constant["mean_alpha"].values
    if "effect" in posterior:
        known = as_covariate(constant["covariate"].values.tolist(), tuple(units))
        population = Regression(
            shape,
            history,
            known.design,
            known.levels is not None,
            median,
            mean_alpha,
            float(constant["effect_scale"]),
        )
        return population, known
    return (
        Exchangeable(
            shape,
            history,
            "row" if history and "state" in posterior["strength"].dims else "one",
            "row" if history and "state" in posterior["mean"].dims else "one",
            median,
            mean_alpha,
        ),
        None,
    )


def _units_of(tree: xr.DataTree) -> list[Label]:
    """Units of a tree in which each has its own matrix."""
    A = variable(tree, "posterior", "A")
    if "unit" not in A.dims:
        raise ValueError("tree has one matrix, not one for each unit; it can be used as it is")
    units: list[Label] = A["unit"].values.tolist()
    return units


def _without_unit(dataset: xr.Dataset) -> xr.Dataset:
    """Drop the label of the unit."""
    return dataset.drop_vars("unit", errors="ignore")
