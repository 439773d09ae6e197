r"""The PyMC model of a Markov chain: Dirichlet rows, and the likelihood of the counts.

.. math::
    A_{i\cdot} \sim \mathrm{Dirichlet}(\alpha_i), \qquad
    \log p(z \mid A) = \sum_{ij} n_{ij} \log A_{ij}

The chain has limited horizon (the next state depends on the last `order` states only) and is
stationary (A is the same at every step). Its likelihood needs the counts alone, so the cost of
one evaluation does not grow with the length of the data.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from bayes_markov.counts import TransitionCounts
from bayes_markov.labels import ALL_UNITS, coords, dims
from bayes_markov.stick_breaking import StickBreaking
from bayes_markov.tree import prior_rows, unit_labels


def dirichlet_model(
    counts: TransitionCounts, *, alpha: ArrayLike = 1.0, support: ArrayLike | None = None
) -> pm.Model:
    r"""Build the model: independent Dirichlet priors on the rows of A.

    Counts and alpha are data of the model ("counts_data", float64, and "alpha"), so that new ones
    of the same shape and support can be put in by `pymc.set_data` without compiling again.

    Parameters
    ----------
    counts : TransitionCounts
        Data; with units, the likelihood has one entry for each.
    alpha : array_like, default 1.0
        Dirichlet parameters, positive: a number, one per next state, or one per cell. Flat (1),
        Jeffreys (1/2), informative and sticky priors are values of it.
    support : array_like of bool, optional
        Possible transitions, shape of one table.

    Returns
    -------
    pymc.Model
        With the variable "A" (dims state, next_state) and the observed "counts". Where rows
        differ in their possible transitions, A is assembled from free rows "A_2", "A_3", ... by
        number of possible transitions, and rows that cannot occur are NaN.

    Raises
    ------
    ValueError
        Bad alpha or support, or counts outside the support.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> model = dirichlet_model(counts)
    >>> [variable.name for variable in model.free_RVs]
    ['A']
    """
    prior = prior_rows(counts, alpha, support)
    prior.given(counts.pooled)  # refuses counts off the support
    names = dims(counts.order)
    axes = {name: axis.tolist() for name, axis in coords(counts.states, counts.order).items()}
    for name in names[:-1]:
        axes[name] = [str(label) for label in axes[name]]  # nutpie takes no axis of mixed types
    with pm.Model(coords={**axes, "unit": unit_labels(counts)}) as model:
        data = pm.Data("counts_data", counts.tables.astype(np.float64), dims=("unit", *names))
        parameters = pm.Data("alpha", prior.alpha, dims=names)
        possible = prior.possible
        if possible.all() and len(counts.states) > 1:
            A = pm.Dirichlet("A", a=parameters, dims=names, default_transform=StickBreaking())
        else:
            A = pm.Deterministic("A", scattered_rows(parameters, possible), dims=names)
        letters = ",".join("abcdefghijklm"[: len(names)])
        pm.CustomDist(
            "counts",
            A,
            logp=lambda value, A: log_likelihood(value, A, len(names)),
            signature=f"({letters})->({letters})",
            observed=data,
            dims=("unit", *names),
        )
    return model


def counts_of(model: pm.Model) -> TransitionCounts:
    """Read the data back from a model, as they are now."""
    labels = model.coords
    units = labels["unit"]
    table = model["counts_data"].get_value()
    whole = bool((table == np.floor(table)).all())
    table = table.astype(np.int64) if whole else table
    order = table.ndim - 2
    if tuple(units) == (ALL_UNITS,):
        return TransitionCounts(table[0], labels["next_state"], order)
    return TransitionCounts(table, labels["next_state"], order, tuple(units))


def alpha_of(model: pm.Model) -> np.ndarray:
    """Read the prior's parameters back from a model; they are zero off the support."""
    return np.asarray(model["alpha"].get_value())


def log_likelihood(value: Any, A: Any, axes: int) -> Any:
    """Sum of n log A over the last `axes` axes, 0 log 0 being 0 in value and in gradient."""
    seen = value > 0
    terms = pt.where(seen, value * pt.log(pt.where(seen, A, 1.0)), 0.0)
    return terms.sum(axis=tuple(range(-axes, 0)))


def scattered_rows(alpha: Any, possible: np.ndarray) -> Any:
    """Dirichlet rows of differing length, each on its possible transitions, put into one array."""
    n_states = possible.shape[-1]
    mask = possible.reshape(-1, n_states)
    flat_alpha = alpha.reshape((-1, n_states))
    choices = mask.sum(axis=-1)
    start = np.where(choices[:, None] > 0, 0.0, np.nan) * np.ones(n_states)
    start[choices == 1] = mask[choices == 1]
    rows = pt.as_tensor(start)
    for size in sorted(set(choices[choices > 1].tolist())):
        of_size = np.flatnonzero(choices == size)
        columns = np.nonzero(mask[of_size])[1].reshape(-1, size)
        cells = (of_size[:, None], columns)
        free = pm.Dirichlet(
            f"A_{size}", a=flat_alpha[cells], shape=columns.shape, default_transform=StickBreaking()
        )
        rows = rows[cells].set(free)
    return rows.reshape(possible.shape)
