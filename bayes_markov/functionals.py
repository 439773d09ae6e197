"""Functionals of A with labels: their draws, computed from those of A."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import xarray as xr

from analytic import FUNCTIONALS, is_irreducible, n_step
from analytic.functionals import Functional
from analytic.validate import Floats
from bayes_markov.labels import Label
from bayes_markov.tree import matrix_draws

N_STEP = "n_step"
"""Name of the functional that needs to be told a number of steps."""

AXES = {0: (), 1: ("next_state",), 2: ("from_state", "to_state")}
"""Dims of a value by the number of its axes: states proper, without s_0.

ArviZ names the axes of every variable in the order in which a dataset came by them, and A brings
``next_state`` first: a pair of states needs two dims of its own to be named from, to.
"""


def add_functionals(
    tree: xr.DataTree, names: Iterable[str] | None = None, *, steps: int | None = None
) -> xr.DataTree:
    """Add the draws of functionals of A to a result, as labelled variables.

    Each draw of A, of the posterior and of the prior, gives one draw of each functional, so that
    every ArviZ function shows their whole distribution. They are about the states proper: a value
    per state has the dim ``next_state``, one per pair of states ``from_state`` and ``to_state``.
    (``state`` is the history of A, which includes s_0.)

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`, of order 1.
    names : iterable of str, optional
        Names in `analytic.FUNCTIONALS`, and "n_step"; by default all of them ("n_step" if `steps`
        is given).
    steps : int, optional
        Number of steps of "n_step".

    Returns
    -------
    xarray.DataTree
        A new tree. A draw of A that is reducible has NaN in what it leaves undefined; the
        attributes ``reducible_draws`` and ``reducible_prior_draws`` count them. From a state to
        itself ``first_passage_times``, 0 in every draw, is NaN: ArviZ cannot summarise a constant.

    Raises
    ------
    ValueError
        A tree of another order, an unknown name, or steps missing or without use.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_table([[90, 40], [20, 50]], ["sun", "rain"])
    >>> tree = bm.add_functionals(bm.exact_posterior(counts, seed=1), ["stationary"])
    >>> tree.posterior["stationary"].mean(("chain", "draw")).round(2).to_series()
    next_state
    sun     0.48
    rain    0.52
    Name: stationary, dtype: float64
    """
    states = states_of(tree)
    chosen = functionals_named(names, steps)
    groups = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    attrs = dict(tree.attrs)
    for group, count in {
        "posterior": "reducible_draws",
        "prior": "reducible_prior_draws",
    }.items():
        if group not in tree.children:
            continue
        P = draws_of_block(tree, group)
        dataset = groups[f"/{group}"]
        added = {}
        for name, functional in chosen.items():
            values = np.asarray(functional(P))
            if name == "first_passage_times":
                values = np.where(np.eye(len(states), dtype=np.bool_), np.nan, values)
            added[name] = (("chain", "draw", *AXES[values.ndim - 2]), values)
        axes = [dim for dims, _ in added.values() for dim in dims[2:]]
        labels = dict.fromkeys(axes, dataset["next_state"].values)
        groups[f"/{group}"] = dataset.assign(added).assign_coords(labels)
        attrs[count] = int((~is_irreducible(P)).sum())
    if steps is not None:
        attrs["steps"] = int(steps)
    result = xr.DataTree.from_dict(groups)
    result.attrs = attrs
    return result


def functionals_named(names: Iterable[str] | None, steps: int | None) -> dict[str, Functional]:
    """Functionals by name, "n_step" with its number of steps put in."""
    known = dict(FUNCTIONALS)
    if steps is not None:
        known[N_STEP] = partial(n_step, steps=steps)
    if names is None:
        return known
    if isinstance(names, str):
        raise ValueError(f"names must be a list of names, got {names!r}; pass [{names!r}]")
    wanted = list(names)
    if N_STEP in wanted and steps is None:
        raise ValueError(f'"{N_STEP}" needs a number of steps; pass steps=')
    if N_STEP not in wanted and steps is not None:
        raise ValueError(f'steps={steps} is for "{N_STEP}", which is not among names; add it')
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"names has {name!r}, which is no functional; there are "
                f"{', '.join([*FUNCTIONALS, N_STEP])}"
            )
    return {name: known[name] for name in wanted}


def states_of(tree: xr.DataTree) -> tuple[Label, ...]:
    """States of a tree, which must be of order 1."""
    A = matrix_draws(tree)
    order = A.ndim - 3
    if order != 1:
        raise ValueError(
            f"functionals are those of a chain of order 1, got a tree of order {order}; "
            f"fit counts of order 1"
        )
    return tuple(A["next_state"].values.tolist())


def draws_of_block(tree: xr.DataTree, group: str) -> Floats:
    """Draws of the transitions among the states proper, shape (chain, draw, K, K)."""
    A = matrix_draws(tree, group)
    P = np.asarray(A.values[..., 1:, :], dtype=np.float64)
    undefined = np.isnan(P).any(axis=(0, 1, 3))
    if undefined.any():
        names = ", ".join(repr(x) for x in A["next_state"].values[undefined].tolist())
        raise ValueError(
            f"A has no possible transition out of {names}, so there is no transition matrix among "
            f"the states; let support allow one, such as staying for ever"
        )
    return P
