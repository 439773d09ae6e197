"""Data of units that are alike, and PyMC models of learned priors as plain functions."""

import numpy as np
import xarray as xr
from scipy.special import gammaln

import analytic
from bayes_markov import TransitionCounts
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.fit import assemble, draw_matrices
from bayes_markov.hierarchy.hyperpriors import sample
from bayes_markov.hierarchy.models import (
    covariate_model,
    learned_concentration_model,
    learned_stickiness_model,
    partial_pooling_model,
)

FAST = {"mode": "FAST_COMPILE"}

MEANS = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.6, 0.3], [0.7, 0.2, 0.1]])
"""Mean rows, s_0's first; no two rows and no two columns are alike."""


def simulated_units(n_units, *, n_states=3, sequences=6, length=8, strength=6.0, seed=3):
    """Counts of units that were drawn around the mean rows, each with a few sequences."""
    rng = np.random.default_rng(seed)
    means = MEANS[: n_states + 1, :n_states] / MEANS[: n_states + 1, :n_states].sum(axis=1)[:, None]
    tables = []
    for _ in range(n_units):
        A = np.array([rng.dirichlet(strength * row) for row in means])
        paths = analytic.simulate(A, length, rng=rng, size=sequences)
        tables.append(analytic.count_transitions(paths, n_states))
    units = [f"u{number}" for number in range(1, n_units + 1)]
    return TransitionCounts(np.array(tables), tuple("abc"[:n_states]), 1, units)


def levels(counts):
    """Label of each unit; the levels are not equally frequent."""
    return {unit: "west" if n % 3 == 1 else "east" for n, unit in enumerate(counts.units)}


def numbers(counts):
    """Number of each unit; one occurs twice."""
    return {unit: float(max(n, 1)) ** 1.5 for n, unit in enumerate(counts.units)}


BUILDS = {
    "concentration": learned_concentration_model,
    "concentration by row": lambda counts, **options: learned_concentration_model(
        counts, strength="row", mean="row", **options
    ),
    "stickiness": learned_stickiness_model,
    "pooling": partial_pooling_model,
    "pooling around one row": lambda counts, **options: partial_pooling_model(
        counts, strength="one", mean="one", **options
    ),
    "covariate, levels": lambda counts, **options: covariate_model(
        counts, levels(counts), **options
    ),
    "covariate, number": lambda counts, **options: covariate_model(
        counts, numbers(counts), **options
    ),
}
"""Every kind of model, from counts with units."""


def units_for(name):
    """Data that every compiled model of a kind is built from; each unit is well known."""
    n_states = 3 if name in ("concentration", "stickiness") else 2
    return simulated_units(8, n_states=n_states, sequences=20, strength=5.0)


def tree_from_prior(model, *, draws=60, seed=9):
    """Tree of a model whose population was not learned but drawn from the hyperprior."""
    given, rng = specification_of(model), np.random.default_rng(seed)
    learned = sample(given.population.hyperpriors, rng, (2, draws))
    drawn = [
        draw_matrices(given, learned, tables, rng)
        for tables in (given.tables, np.zeros_like(given.tables))
    ]
    return assemble(
        given,
        posterior={"A": drawn[0], **learned},
        prior={"A": drawn[1], **learned},
        sample_stats=xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, draws), bool))}),
    )


class Evaluated:
    """Variables and terms of the log-density of a model, at points of its free coordinates."""

    def __init__(self, model, *, jacobian=False):
        self.model = model
        self.names = [variable.name for variable in model.unobserved_RVs]
        densities = [*model.free_RVs, *model.observed_RVs]
        self.terms = [variable.name for variable in densities]
        variables = model.replace_rvs_by_values([model[name] for name in self.names])
        terms = model.logp(vars=densities, jacobian=jacobian, sum=False)
        self._compiled = model.compile_fn([*variables, *terms], inputs=model.value_vars, **FAST)

    def random_point(self, rng, scale=1.0):
        """Free coordinates, each normal."""
        start = self.model.initial_point()
        return {v.name: rng.normal(0, scale, start[v.name].shape) for v in self.model.value_vars}

    def __call__(self, point):
        """Values of the variables by name, and log-densities by name."""
        found = [np.asarray(array) for array in self._compiled(point)]
        values = dict(zip(self.names, found, strict=False))
        return values, dict(zip(self.terms, found[len(self.names) :], strict=True))


def coordinates(rows):
    """Coordinates of rows by breaking a stick, from their definition."""
    rows = np.asarray(rows, dtype=float)
    found = np.empty(rows[..., :-1].shape)
    for k in range(rows.shape[-1] - 1):
        odds = rows[..., k] / rows[..., k + 1 :].sum(axis=-1)
        found[..., k] = np.log(odds) + np.log(rows.shape[-1] - 1 - k)
    return found


def dirichlet_log_density(rows, alpha):
    """Log-density of rows on the simplex, one for each."""
    norm = gammaln(alpha.sum(axis=-1)) - gammaln(alpha).sum(axis=-1)
    return norm + ((alpha - 1) * np.log(rows)).sum(axis=-1)


def alpha_by_loop(name, values, covariates=None):
    """Dirichlet parameters (units, K+1, K) or (K+1, K) at one value of the parameters, by cell."""
    if name == "stickiness":
        K = len(values["base"])
        alpha = np.empty((K + 1, K))
        for i in range(K + 1):
            for j in range(K):
                alpha[i, j] = float(values["concentration"]) * values["base"][j]
                if i == j + 1:
                    alpha[i, j] += float(values["stickiness"])
        return alpha
    mean, strength = np.asarray(values["mean"]), np.asarray(values["strength"])
    K = mean.shape[-1]

    def row(i):
        s = float(strength) if strength.ndim == 0 else float(strength[i])
        return s, (mean if mean.ndim == 1 else mean[i])

    if covariates is None:
        return np.array([[row(i)[0] * row(i)[1][j] for j in range(K)] for i in range(K + 1)])
    per_unit = []
    for column, x in covariates:
        alpha = np.empty((K + 1, K))
        for i in range(K + 1):
            s, m = row(i)
            effect = values["effect"][i] if column is None else values["effect"][column][i]
            odds = [m[j] * np.exp(x * effect[j]) for j in range(K)]
            alpha[i] = [s * o / sum(odds) for o in odds]
        per_unit.append(alpha)
    return np.array(per_unit)


def covariates_of(name, counts):
    """Column of the effects and factor before it, for each unit; None without a covariate."""
    if name == "covariate, levels":
        given = levels(counts)
        known = sorted(set(given.values()))
        return [(known.index(given[unit]), 1.0) for unit in counts.units]
    if name == "covariate, number":
        x = np.array([numbers(counts)[unit] for unit in counts.units])
        return [(None, value) for value in (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean())]
    return None
