"""Prior and posterior predictive distributions of statistics of the data, as groups of a tree."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from analytic.validate import Floats, is_integer
from bayes_markov.predictive.replicate import Start, as_paths, simulate_like
from bayes_markov.predictive.statistics import STATISTICS, Paths, evaluate
from bayes_markov.registry import by_name
from bayes_markov.tree import check_generates_data, counts_of_tree, matrix_draws, streams

CODES_AT_ONCE = 2**27
"""States that are simulated before statistics are taken of them (134 MB)."""

CODES_PER_STATISTIC = 2**22
"""States that statistics are taken of at a time; their temporary arrays are eight times larger."""

type Statistics = Iterable[str | Callable[..., Any]] | Mapping[str, str | Callable[..., Any]]


def posterior_predictive(
    tree: xr.DataTree,
    sequences: Iterable[Any],
    *,
    seed: int,
    statistics: Statistics | None = None,
    draws: int | None = None,
    start: Start = "s0",
) -> xr.DataTree:
    r"""Simulate the data again from each posterior draw, and take statistics of every replicate.

    .. math:: p(T(z^{rep}) \mid z) = \int p(T(z^{rep}) \mid A)\, p(A \mid z)\, dA

    A replicate has as many sequences as the data, of the same lengths and with values missing at
    the same places. Counts do not tell the order of the states, so the sequences are asked for
    again. The replicates are not kept.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    sequences : iterable of sequences
        The sequences of labels that were counted, as `TransitionCounts.from_sequences` takes
        them; `label_sequences` gives them from a data frame.
    seed : int
        Seed of the simulation. Its numbers are not those of a fit with the same seed.
    statistics : iterable or mapping, optional
        Keys of `bayes_markov.STATISTICS`, or functions; a mapping gives them names. A function
        takes one data set, a list of lists of labels (a sequence with missing values is a list
        for each stretch between them), and gives a number. By default all of STATISTICS.
    draws : int, optional
        Draws of each chain to use, evenly spaced. By default all: the time taken grows with
        draws times states.
    start : {"s0", "given"}, default "s0"
        Whether the first states of a sequence are drawn from the s_0 row, or kept as they were
        observed (k of them at order k). States after missing values are always kept.

    Returns
    -------
    xarray.DataTree
        A copy of `tree`. Group posterior_predictive holds each statistic, dims (chain, draw) or
        (chain, draw, in_state), and observed_data the same of the data. Undefined is NaN.

    Raises
    ------
    ValueError
        Sequences that are not the data of the tree, an unknown statistic or one that gives no
        number, bad seed, draws or start.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> data = [["sun", "sun", "rain", "rain", "rain"], ["rain", "sun"]]
    >>> tree = bm.exact_posterior(bm.TransitionCounts.from_sequences(data), seed=1)
    >>> checked = bm.posterior_predictive(tree, data, seed=1, statistics=["longest_run"])
    >>> checked.observed_data["longest_run"].sel(in_state="rain").item()
    3.0
    >>> checked.posterior_predictive["longest_run"].dims
    ('chain', 'draw', 'in_state')

    References
    ----------
    .. [1] Gelman, A., Meng, X.-L. and Stern, H. (1996). Posterior predictive assessment of model
       fitness via realized discrepancies. Statistica Sinica 6, 733-807.
    """
    return _predict(tree, sequences, "posterior", seed, statistics, draws, start)


def prior_predictive(
    tree: xr.DataTree,
    sequences: Iterable[Any],
    *,
    seed: int,
    statistics: Statistics | None = None,
    draws: int | None = None,
    start: Start = "s0",
) -> xr.DataTree:
    r"""Simulate data from draws of the prior, and take statistics of every replicate.

    .. math:: p(T(z^{rep})) = \int p(T(z^{rep}) \mid A)\, p(A)\, dA

    It shows what the prior takes for likely before the data are seen: their lengths alone are used,
    and their first states if they are given.

    Parameters
    ----------
    tree, sequences, seed, statistics, draws, start
        As for `posterior_predictive`.

    Returns
    -------
    xarray.DataTree
        A copy of `tree` with the group prior_predictive, and the statistics of the data in
        observed_data.

    Raises
    ------
    ValueError
        As for `posterior_predictive`.

    Examples
    --------
    Under a flat prior the share of a state can be anything, and is 1/2 on average:

    >>> import bayes_markov as bm
    >>> data = [["sun", "sun", "rain", "rain", "rain"], ["rain", "sun"]]
    >>> tree = bm.exact_posterior(bm.TransitionCounts.from_sequences(data), seed=1)
    >>> checked = bm.prior_predictive(tree, data, seed=1, statistics=["share_of_states"])
    >>> share = checked.prior_predictive["share_of_states"].sel(in_state="sun")
    >>> bool(abs(share.mean() - 0.5) < 0.02)
    True

    References
    ----------
    .. [1] Box, G. E. P. (1980). Sampling and Bayes' inference in scientific modelling and
       robustness. Journal of the Royal Statistical Society A 143, 383-430.
    """
    return _predict(tree, sequences, "prior", seed, statistics, draws, start)


def _predict(
    tree: xr.DataTree,
    sequences: Iterable[Any],
    group: str,
    seed: int,
    statistics: Statistics | None,
    draws: int | None,
    start: Start,
) -> xr.DataTree:
    """Simulate from the draws of one group and add the statistics to the tree."""
    streams(seed)  # refuses what is no seed
    functions = by_name("statistic", STATISTICS if statistics is None else statistics, STATISTICS)
    _check_names(functions, tree)
    check_generates_data(tree)
    counts = counts_of_tree(tree)
    paths = as_paths(sequences, counts, start)
    A = matrix_draws(tree, group)
    used = A.isel(draw=_spaced(A.sizes["draw"], draws))
    # A fit takes the first two streams of its seed; these are the next.
    stream = np.random.SeedSequence(int(seed), spawn_key=(2 + (group == "prior"),))
    matrices = used.values.reshape(-1, *used.shape[2:])
    found = _statistics_of_replicates(
        matrices, paths, functions, start, np.random.default_rng(stream)
    )

    sampled = {"chain": used["chain"].values, "draw": used["draw"].values}
    predicted = _labelled(found, paths, sampled)
    predicted.attrs = {
        "seed": int(seed),
        "start": start,
        "stretches": len(paths.lengths),
        "positions": paths.codes.shape[1],
    }
    result = tree.copy()
    result[f"{group}_predictive"] = xr.DataTree(predicted)
    known = tree.children["observed_data"].to_dataset()
    known = known.drop_vars([name for name in functions if name in known])
    observed = _labelled(evaluate(functions, paths), paths, {})
    result["observed_data"] = xr.DataTree(known.merge(observed))
    return result


def _check_names(names: Iterable[str], tree: xr.DataTree) -> None:
    """Refuse names that something else in the groups has."""
    data = tree.children["observed_data"]
    for name in names:
        if name in {"counts", "chain", "draw", "in_state", *data.dims}:
            raise ValueError(f"statistic {name!r} has the name of a part of the tree; rename it")
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"statistic {name!r} cannot be a variable's name; use text without /")


def _labelled(values: Mapping[str, Floats], paths: Paths, lead: Mapping[str, Any]) -> xr.Dataset:
    """Name the axes of statistics, the first of which becomes those of `lead`."""
    shape = tuple(len(axis) for axis in lead.values())
    variables = {
        name: (
            (*lead, *["in_state"] * (array.ndim - 1)),
            array.reshape((*shape, *array.shape[1:])),
        )
        for name, array in values.items()
    }
    per_state = any(array.ndim > 1 for array in values.values())
    labels = {"in_state": np.array(paths.states)} if per_state else {}
    return xr.Dataset(variables, coords={**lead, **labels})


def _spaced(available: int, draws: int | None) -> slice | list[int]:
    """Pick so many draws of a chain, evenly spaced."""
    if draws is None:
        return slice(None)
    if not (is_integer(draws) and 1 <= draws <= available):
        raise ValueError(
            f"draws must be an integer from 1 to {available}, the draws of a chain, got {draws!r}"
        )
    return [available * i // int(draws) for i in range(int(draws))]


def _statistics_of_replicates(
    matrices: Floats,
    paths: Paths,
    functions: Mapping[str, Callable[..., Any]],
    start: Start,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Simulate in blocks that memory holds, and take the statistics of parts of them."""
    positions = paths.codes.shape[1]
    # Each stretch holds some numbers of eight bytes while it is drawn.
    block = max(1, CODES_AT_ONCE // max(positions, 40 * len(paths.lengths), 8 * matrices[0].size))
    part = max(1, CODES_PER_STATISTIC // positions)
    pieces = []
    for begin in range(0, len(matrices), block):
        drawn = simulate_like(matrices[begin : begin + block], paths, start=start, rng=rng)
        for at in range(0, len(drawn), part):
            codes = np.ascontiguousarray(drawn[at : at + part])
            pieces.append(evaluate(functions, dataclasses.replace(paths, codes=codes)))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in functions}
