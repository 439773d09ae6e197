r"""The states behind the observations, with the parameters as uncertain as they are.

.. math::
    P(z_t = j \mid x) = \int P(z_t = j \mid x, A, \theta)\, p(A, \theta \mid x)\, d(A, \theta)

Every draw of the parameters has its own law of the path, and these are averaged or drawn from.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

import analytic.hmm as hidden
from analytic.validate import Bools, Floats, Ints
from bayes_markov.hmm.emission import CATEGORY, STATE, Parameters
from bayes_markov.hmm.emissions import EMISSIONS
from bayes_markov.hmm.observations import Observations
from bayes_markov.tree import MAX_NUMBERS, check_size, streams, variable

if TYPE_CHECKING:
    import polars as pl

    from bayes_markov.hmm.selection import HiddenFit

ROW = "observation"
"""Dim of the observations, the sequences end to end."""

GROUP = "states"
"""Group of a tree that holds what is found of the states."""


class _Draws(NamedTuple):
    """What decoding needs of a tree."""

    A: Floats
    parameters: Parameters
    kept: Ints
    rows: Floats
    cuts: Ints
    possible: Bools | None
    emission: str

    def at(self, *index: Any) -> tuple[Floats, list[Floats]]:
        """Transition matrix and log-emissions at one draw, or at their means for no index."""
        if index:
            A, parameters = self.A[index], {n: v[index] for n, v in self.parameters.items()}
        else:
            A = self.A.mean(axis=(0, 1))
            parameters = {n: v.mean(axis=(0, 1)) for n, v in self.parameters.items()}
        log_emission = log_emission_at(self.emission, parameters, self.rows, self.possible)
        return A, np.split(log_emission, self.cuts)


def add_state_probabilities(tree: xr.DataTree, *, draws: int | None = None) -> xr.DataTree:
    """Add the probability of each state at each time given all observations.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample_hmm`.
    draws : int, optional
        Draws of each chain to average over, evenly spaced; by default all.

    Returns
    -------
    xarray.DataTree
        A new tree with ``probability(observation, hidden_state)`` in the group states.

    Raises
    ------
    ValueError
        A tree of another kind, or a bad number of draws.

    Examples
    --------
    >>> tree = add_state_probabilities(tree)  # doctest: +SKIP
    >>> tree["states"]["probability"].dims  # doctest: +SKIP
    ('observation', 'hidden_state')
    """
    given = _read(tree, draws)
    total = np.zeros((given.rows.size, given.A.shape[-1]))
    for index in np.ndindex(given.A.shape[:2]):
        total += np.concatenate(hidden.smooth(*given.at(*index)).smoothed)
    mean = total / np.prod(given.A.shape[:2])
    return _with(tree, {"probability": ((ROW, STATE), mean)}, {})


def add_state_paths(tree: xr.DataTree, *, seed: int, draws: int | None = None) -> xr.DataTree:
    """Add draws of the whole hidden path, one for each draw of the parameters.

    They are exact, whole paths: how long a visit lasts, or how many there are, can be read off
    them, which the probabilities of single times do not tell.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample_hmm`.
    seed : int
        Seed of the paths.
    draws : int, optional
        Draws of each chain to use, evenly spaced; by default all.

    Returns
    -------
    xarray.DataTree
        A new tree with ``path(chain, draw, observation)`` in the group states: numbers 0, 1, ...
        of the states in the order of its coordinate hidden_state.

    Raises
    ------
    ValueError
        A tree of another kind, bad seed or number of draws, or more numbers than memory may hold.

    Examples
    --------
    >>> tree = add_state_paths(tree, seed=1, draws=5)  # doctest: +SKIP
    >>> tree["states"]["path"].dims  # doctest: +SKIP
    ('chain', 'draw', 'observation')
    """
    given = _read(tree, draws)
    if given.A.shape[0] * given.A.shape[1] * given.rows.size > MAX_NUMBERS:
        raise ValueError(
            f"{given.A.shape[0]} chains of {given.A.shape[1]} paths of length {given.rows.size:,} "
            f"are more than the {MAX_NUMBERS:.2g} numbers that a result may hold; lower draws"
        )
    rng, _ = streams(seed)
    paths = np.empty((*given.A.shape[:2], given.rows.size), dtype=np.int32)
    for index in np.ndindex(given.A.shape[:2]):
        paths[index] = np.concatenate(hidden.sample_paths(*given.at(*index), rng=rng))
    labels = {"chain": tree["posterior"]["chain"].values, "draw": given.kept}
    return _with(tree, {"path": (("chain", "draw", ROW), paths)}, labels)


def add_viterbi(tree: xr.DataTree) -> xr.DataTree:
    """Add the most probable path as a whole, at the posterior mean of the parameters.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample_hmm`.

    Returns
    -------
    xarray.DataTree
        A new tree with ``viterbi(observation)`` in the group states, numbers of the states as in
        `add_state_paths`, and ``log_probability(sequence)``, log P(path, observations) in nats.

    Raises
    ------
    ValueError
        A tree of another kind.

    Examples
    --------
    >>> tree = add_viterbi(tree)  # doctest: +SKIP
    >>> list(tree["states"].data_vars)  # doctest: +SKIP
    ['viterbi', 'log_probability']
    """
    given = _read(tree, None)
    found = hidden.viterbi(*given.at())
    added = {
        "viterbi": (ROW, np.concatenate(found.path)),
        "log_probability": ("sequence", found.log_probability),
    }
    return _with(tree, added, {"sequence": tree["log_likelihood"]["sequence"].values})


def state_table(tree: xr.DataTree) -> "pl.DataFrame":
    """Tabulate what was found of the states, a row for each observation.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `add_state_probabilities`; of `add_viterbi` as well, if its path is wanted.

    Returns
    -------
    polars.DataFrame
        Columns sequence, time, observation, state (the likeliest at that time), viterbi, and a
        column of probabilities for each state.

    Raises
    ------
    ValueError
        The probabilities were not added.

    Examples
    --------
    >>> state_table(add_state_probabilities(tree)).columns  # doctest: +SKIP
    ['sequence', 'time', 'observation', 'state', 'P(s1)', 'P(s2)']
    """
    check_decoded(tree)
    states, observed = tree[GROUP].dataset, tree["observed_data"].dataset
    viterbi = states["viterbi"].values if "viterbi" in states else None
    values: Any = observed["observations"].values.tolist()
    if CATEGORY in tree["posterior"].coords:
        labels = variable(tree, "posterior", CATEGORY).values
        values = [None if x != x else labels[int(x)] for x in values]
    return as_table(
        observed["sequence"].values,
        observed["time"].values,
        values,
        states["probability"].values,
        viterbi,
        [str(name) for name in states[STATE].values],
    )


def decode_at(fit: "HiddenFit", data: Observations) -> "pl.DataFrame":
    """Tabulate the states at the maximum of the likelihood, with the columns of `state_table`.

    Parameters
    ----------
    fit : HiddenFit
        From `compare_hidden`.
    data : Observations
        The observations, the same or others.

    Returns
    -------
    polars.DataFrame
        As `state_table`; the parameters are taken as known.

    Raises
    ------
    ValueError
        Observations that the emission cannot give, or labels in another order than in the fit.
    TypeError
        Not a fit, or not `Observations`.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> seen, rng = bm.Observations.of_numbers([0, 1, 9, 8, 0]), np.random.default_rng(1)
    >>> table = bm.compare_hidden(seen, n_states=[2], emission="poisson", rng=rng)
    >>> decode_at(table.fits[0], seen)["viterbi"].to_list()
    ['s1', 's1', 's2', 's2', 's1']
    """
    from bayes_markov.hmm.selection import HiddenFit

    if not isinstance(fit, HiddenFit):
        raise TypeError(f"fit must be one of compare_hidden(...).fits, got {fit!r:.60}")
    if not isinstance(data, Observations):
        raise TypeError(f"data must be Observations, got {data!r:.60}; see Observations.of_numbers")
    if data.categories != fit.categories:
        raise ValueError(
            f"data have the labels {data.categories} and fit {fit.categories}; read them by "
            f"Observations.of_labels(..., categories=fit.categories), or of_numbers if it has none"
        )
    log_emission = hidden.log_emission(fit.found.emission, list(data.values))
    probability = np.concatenate(hidden.smooth(fit.found.A, log_emission).smoothed)
    path = np.concatenate(hidden.viterbi(fit.found.A, log_emission).path)
    values: Any = data.rows.tolist()
    if data.categories is not None:
        values = [None if x != x else data.categories[int(x)] for x in values]
    return as_table(
        np.array(data.sequences)[data.sequence_codes],
        np.concatenate(data.times),
        values,
        probability,
        path,
        [f"s{number + 1}" for number in range(fit.n_states)],
    )


def as_table(
    sequence: Any, time: Any, values: Any, probability: Floats, viterbi: Any, names: list[str]
) -> "pl.DataFrame":
    """Make a data frame of decoded states."""
    import polars as pl

    labels = np.array(names)
    columns: dict[str, Any] = {
        "sequence": sequence,
        "time": time,
        "observation": [None if value != value else value for value in values],
        "state": labels[probability.argmax(axis=1)],
    }
    if viterbi is not None:
        columns["viterbi"] = labels[viterbi]
    for number, name in enumerate(names):
        columns[f"P({name})"] = probability[:, number]
    return pl.DataFrame(columns)


def log_emission_at(
    emission: str, parameters: Parameters, rows: Floats, possible: Bools | None
) -> Floats:
    """Log-emissions of all rows at some parameters."""
    values: Floats = hidden.log_emission(EMISSIONS[emission].at(parameters), rows)
    if possible is not None:
        values[~possible] = -np.inf
    return values


def emission_of_tree(tree: xr.DataTree) -> str:
    """Name what a state emits; refuse what is no result of `sample_hmm`."""
    if not isinstance(tree, xr.DataTree):
        raise TypeError(f"tree must be a result of sample_hmm, got {type(tree).__name__}")
    emission = tree.attrs.get("emission")
    if emission not in EMISSIONS:
        raise ValueError("tree must come from sample_hmm; it does not say what a state emits")
    return str(emission)


def check_decoded(tree: xr.DataTree) -> None:
    """Refuse a tree without probabilities of states."""
    emission_of_tree(tree)
    if GROUP not in tree.children or "probability" not in tree[GROUP].data_vars:
        raise ValueError("tree has no probabilities of states; call add_state_probabilities first")


def _read(tree: xr.DataTree, draws: int | None) -> _Draws:
    """Read draws and observations from a tree."""
    emission = emission_of_tree(tree)
    A = variable(tree, "posterior", "A")
    available = A.sizes["draw"]
    number = available if draws is None else draws
    check_size(draws=number)
    if number > available:
        raise ValueError(f"draws must be at most {available}, the draws of each chain, got {draws}")
    kept = np.linspace(0, available - 1, number).round().astype(np.int64)
    observed, constant = tree["observed_data"].dataset, tree["constant_data"].dataset
    codes = observed["sequence_code"].values
    possible = None
    if "possible" in constant:
        possible = constant["possible"].values.astype(np.bool_)
    names = EMISSIONS[emission].dims
    return _Draws(
        A.values[:, kept],
        {name: variable(tree, "posterior", name).values[:, kept] for name in names},
        A["draw"].values[kept],
        observed["observations"].values,
        np.flatnonzero(np.diff(codes)) + 1,
        possible,
        emission,
    )


def _with(tree: xr.DataTree, added: dict[str, Any], labels: dict[str, Any]) -> xr.DataTree:
    """Copy a tree, with more in its group of states."""
    groups = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    path = f"/{GROUP}"
    before = groups.get(path, xr.Dataset())
    replaced = [name for name in added if name in before]
    before = before.drop_vars(replaced)
    used = {dim for values in before.data_vars.values() for dim in values.dims}
    before = before.drop_vars([name for name in before.coords if name not in used])
    names = {STATE: tree["posterior"][STATE].values}
    groups[path] = before.assign_coords(names | labels).assign(added)
    result = xr.DataTree.from_dict(groups)
    result.attrs = dict(tree.attrs)
    return result
