r"""Do PyMC and the recursions agree on a hidden chain? Each check can fail, and says by how much.

There is no closed form of the posterior, but there is one given the hidden path z: rows of A are
Dirichlet again, and so are the emission's parameters of a known law. So for every function f,

.. math:: E[f(A, \theta) \mid x] = E[\, E[f(A, \theta) \mid z, x] \mid x],

and draws of (A, \theta) with exact draws of z must have equal means on both sides. The functions
used do not change when states change their names.
"""

import warnings
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import analytic
import analytic.hmm as hidden
from analytic.validate import Floats
from bayes_markov.checks import (
    Z_LIMIT,
    Check,
    Verification,
    conclude,
    convergence_checks,
    worst,
    z_scores,
)
from bayes_markov.diagnostics import ConvergenceWarning
from bayes_markov.hmm.categorical import CategoricalPrior
from bayes_markov.hmm.emission import Parameters
from bayes_markov.hmm.fit import check_can_be_sampled, sample_hmm
from bayes_markov.hmm.gaussian import GaussianPrior
from bayes_markov.hmm.likelihood_checks import (
    SAME,
    as_array,
    compile_likelihood,
    likelihood_checks,
    log_emissions,
    maximum_checks,
    single,
)
from bayes_markov.hmm.models import Specification, specification_of
from bayes_markov.tree import streams, variable

PATHS = 4096
"""Paths that are enumerated at most."""

MOST = 12
"""Observations that they go through at most."""

DRAWS = 2000
"""Paths that are drawn."""

DOUBT = 0.25
"""Part of the evidence that they get: in clear data no state is in doubt, and none is checked."""

ROWS = 500
"""Observations whose states are compared with those of the drawn paths."""

EXPECTED = 50
"""Smallest variance of a number of draws whose law is taken for normal."""

THINNED = 250
"""Draws of each chain that get a path."""


def verify_hidden(model: pm.Model, *, seed: int, progress: bool = False) -> Verification:
    """Compare a model of a hidden chain with the recursions; see `bayes_markov.verify`.

    Parameters
    ----------
    model : pymc.Model
        Model of `hmm_model`.
    seed : int
        Seed of the draws.
    progress : bool, default False
        Show a progress bar while sampling.

    Returns
    -------
    Verification

    Raises
    ------
    ValueError
        Bad seed, not a model of `hmm_model`, or one in which nothing varies.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> model = bm.hmm_model([0, 1, 0, 8, 9, 7, 9, 0, 1], n_states=2, emission="poisson")
    >>> print(bm.verify(model, seed=1))  # doctest: +SKIP
    """
    given = specification_of(model)
    check_can_be_sampled(model, given)
    rng, _ = streams(seed)
    compiled = compile_likelihood(model, given)
    _, _, A, parameters = compiled.at(compiled.start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its contents are checks here
        tree = sample_hmm(model, seed=seed, progress=progress)
    checks = [
        *likelihood_checks(compiled, given, rng),
        *maximum_checks(compiled, given),
        *enumeration_checks(given, A, parameters),
        *path_checks(given, A, parameters, rng),
        posterior_check(tree, given, rng),
        *convergence_checks(tree),
    ]
    return conclude(checks)


def enumeration_checks(given: Specification, A: Floats, parameters: Parameters) -> list[Check]:
    """Sum over every path through the first observations, and look for the best one."""
    n_states = A.shape[1]
    x = log_emissions(given, parameters)[0]
    length = 1
    while length < min(len(x), MOST) and n_states ** (length + 1) <= PATHS:
        length += 1
    x = x[:length]
    paths = np.indices((n_states,) * length).reshape(length, -1)
    before = np.vstack([np.zeros((1, paths.shape[1]), dtype=np.int64), paths[:-1] + 1])
    with np.errstate(divide="ignore"):
        steps = np.log(A)[before, paths]
    log_weights = (steps + x[np.arange(length)[:, None], paths]).sum(axis=0)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    total = top + np.log(weights.sum())
    states = np.array([np.bincount(row, weights, minlength=n_states) for row in paths])
    found = hidden.smooth(A, x)
    best = hidden.viterbi(A, x).log_probability
    likelihood = abs(found.log_likelihood - total) / max(1.0, abs(total))
    smoothed = np.abs(found.smoothed - states / weights.sum()).max()
    note = f"{paths.shape[1]} paths"
    return [
        single("forward = all paths", float(likelihood), SAME, note),
        single("smoothed = all paths", float(smoothed), SAME, note),
        single(
            "Viterbi = the best of all", float(abs(best - top) / max(1.0, abs(top))), SAME, note
        ),
    ]


def path_checks(
    given: Specification, A: Floats, parameters: Parameters, rng: np.random.Generator
) -> list[Check]:
    """Compare smoothed probabilities and expected counts with draws of whole paths."""
    x = [DOUBT * one for one in log_emissions(given, parameters)]
    kept = int(np.searchsorted(np.cumsum([len(one) for one in x]), ROWS)) + 1
    x = [one[:ROWS] for one in x[:kept]]
    n_states = A.shape[1]
    found = hidden.smooth(A, x)
    drawn = hidden.sample_paths(A, x, rng=rng, size=DRAWS)
    share = np.concatenate(
        [(paths[..., None] == np.arange(n_states)).mean(axis=0) for paths in drawn]
    )
    law = np.concatenate(found.smoothed)
    variance = law * (1 - law)
    judged = variance * DRAWS >= EXPECTED
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(judged, np.abs(share - law) / np.sqrt(variance / DRAWS), np.nan)
    names = [str(name) for name in given.states]
    rows = np.concatenate([[f"{n}:{t + 1}" for t in range(len(one))] for n, one in enumerate(x)])
    states = worst("smoothed = path draws (z)", as_array(z, {"at": rows, "state": names}), Z_LIMIT)
    counts = _counts_of(drawn, n_states)
    error = counts.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    judged = counts.var(axis=0) * DRAWS >= EXPECTED
    difference = np.abs(counts.mean(axis=0) - found.expected_counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(judged, difference / error, np.nan)
    labels = {"state": ["<s0>", *names], "next_state": names}
    return [states, worst("expected counts = path draws (z)", as_array(z, labels), Z_LIMIT)]


def posterior_check(tree: xr.DataTree, given: Specification, rng: np.random.Generator) -> Check:
    """Compare means over the posterior with those given drawn paths, which are in closed form."""
    A = variable(tree, "posterior", "A").values
    parameters = {n: variable(tree, "posterior", n).values for n in given.emission.dims}
    kept = np.linspace(0, A.shape[1] - 1, min(THINNED, A.shape[1])).round().astype(np.int64)
    A = A[:, kept]
    parameters = {name: values[:, kept] for name, values in parameters.items()}
    differences: dict[str, Floats] = {}
    for index in np.ndindex(A.shape[:2]):
        here = {name: values[index] for name, values in parameters.items()}
        paths = hidden.sample_paths(A[index], log_emissions(given, here), rng=rng)
        found = given_paths(given, A[index], here, paths)
        for name, difference in found.items():
            differences.setdefault(name, np.full(A.shape[:2], np.nan))[index] = difference
    names = list(differences)
    series = xr.DataArray(
        np.stack([differences[name] for name in names], axis=-1),
        dims=("chain", "draw", "quantity"),
        coords={"quantity": names},
    )
    return worst("posterior given the paths (z)", z_scores(series, np.zeros(len(names))), Z_LIMIT)


def given_paths(
    given: Specification, A: Floats, parameters: Parameters, paths: list[Any]
) -> dict[str, float]:
    """Functions of the parameters, less their expectations given the paths and the data."""
    n_states = A.shape[1]
    a = given.prior.alpha + analytic.count_transitions(paths, n_states)
    total = a.sum(axis=1, keepdims=True)
    mean, square = a / total, a * (a + 1) / (total * (total + 1))
    found = {
        "staying": float(np.trace(A[1:]) - np.trace(mean[1:])),
        "squares of A": float((A[1:] ** 2 - square[1:]).sum()),
        "squares of <s0>": float((A[0] ** 2 - square[0]).sum()),
    }
    seen = given.data.present
    x = given.data.rows[seen]
    at = np.concatenate(paths)[seen]
    visits = np.bincount(at, minlength=n_states)
    prior = given.emission
    if isinstance(prior, CategoricalPrior):
        counts = np.zeros((n_states, prior.n_categories)) + np.asarray(prior.alpha)
        np.add.at(counts, (at, x.astype(np.int64)), 1)
        size = counts.sum(axis=1, keepdims=True)
        exact = counts * (counts + 1) / (size * (size + 1))
        return found | {"squares of B": float((parameters["B"] ** 2 - exact).sum())}
    sums = np.bincount(at, x, minlength=n_states)
    if isinstance(prior, GaussianPrior):
        sd = parameters["sd"]  # the means are normal given the path and the sds
        precision = visits / sd**2 + 1 / prior.mean_sd**2
        exact = (sums / sd**2 + prior.mean / prior.mean_sd**2) / precision
        means = parameters["mean"]
        return found | {
            "sum of mean": float((means - exact).sum()),
            "squares of mean": float((means**2 - exact**2 - 1 / precision).sum()),
        }
    shape, rate = prior.shape + sums, prior.rate + visits
    return found | {
        "sum of rate": float((parameters["rate"] - shape / rate).sum()),
        "squares of rate": float((parameters["rate"] ** 2 - shape * (shape + 1) / rate**2).sum()),
    }


def _counts_of(drawn: list[Any], n_states: int) -> Floats:
    """Transitions of all sequences in each draw, shape (draws, K+1, K)."""
    number = len(drawn[0])
    cells = (n_states + 1) * n_states
    total = np.zeros(number * cells)
    for paths in drawn:
        before = np.hstack([np.zeros((number, 1), dtype=np.int64), paths[:, :-1] + 1])
        place = np.arange(number)[:, None] * cells + before * n_states + paths
        total += np.bincount(place.ravel(), minlength=total.size)
    return total.reshape(number, n_states + 1, n_states)
