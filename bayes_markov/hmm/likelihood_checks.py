"""PyMC's likelihood of a hidden chain against the recursions: value, gradient and maximum."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.initial_point import make_initial_point_fn
from scipy.optimize import minimize

import analytic.hmm as hidden
from analytic.validate import Floats
from bayes_markov.checks import Check, worst
from bayes_markov.hmm.decoding import log_emission_at
from bayes_markov.hmm.emission import Parameters
from bayes_markov.hmm.models import Specification, by_variable, start_values
from bayes_markov.hmm.starts import SD_FLOOR

POINTS = 3
"""Random points at which functions are compared."""

SAME = 1e-9
"""Largest relative difference of two ways to compute the same number."""

GRADIENT_LIMIT = 1e-6
"""Largest difference of a derivative from finite differences, relative to the largest one."""

STEP = 1e-3
"""Step of the differences; their error is of its fourth power."""

MAXIMUM_LIMIT = 1e-8
"""Largest relative difference of two maxima of the log-likelihood."""

OPTIONS: Any = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-9}
"""How exactly the optimiser goes to the maximum."""

INSIDE = 0.02
"""How far from Baum-Welch's estimate the search begins, as a part of the way to the start values;
where there are many states, a search from afar ends on another hill."""

PARAMETER_LIMIT = 1e-4
"""Largest way that Baum-Welch may go on from the optimiser's maximum."""


@dataclass(frozen=True, eq=False)
class Compiled:
    """A model's likelihood as a function of the coordinates that a sampler moves in."""

    at: Callable[[Floats], tuple[Floats, Floats, Floats, dict[str, Floats]]]
    """Log-likelihood of each sequence, gradient of their sum, A, and the parameters."""

    start: Floats
    """Coordinates of the start values."""

    near: Floats
    """Coordinates of values near the estimate of Baum-Welch."""


def compile_likelihood(model: pm.Model, given: Specification) -> Compiled:
    """Compile PyMC's likelihood and its gradient, and what its coordinates stand for."""
    names = ["A", *given.emission.dims]
    logp = model.logp(vars=[model["observations"]], sum=False)[0]
    values = model.value_vars
    gradient = pt.grad(logp.sum(), values, disconnected_inputs="ignore")
    own = model.replace_rvs_by_values([model[name] for name in names])
    flat = pt.concatenate([part.ravel() for part in gradient])
    function = model.compile_fn(
        [logp, flat, *own], inputs=values, point_fn=False, on_unused_input="ignore"
    )
    inside = start_values(model)
    best = by_variable(
        model,
        given.start.A,
        {name: np.asarray(getattr(given.start.emission, name)) for name in names[1:]},
    )
    mixed = {name: (1 - INSIDE) * best[name] + INSIDE * inside[name] for name in inside}
    first, second = (_coordinates(model, values) for values in (inside, mixed))
    shapes = [np.shape(first[value.name]) for value in values]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def at(x: Floats) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
        parts = [part.reshape(shape) for part, shape in zip(np.split(x, cuts), shapes, strict=True)]
        found = [np.asarray(one) for one in function(*parts)]
        return found[0], found[1], found[2], dict(zip(names[1:], found[3:], strict=True))

    start, near = (
        np.concatenate([np.ravel(point[value.name]) for value in values])
        for point in (first, second)
    )
    return Compiled(at, start, near)


def _coordinates(model: pm.Model, values: dict[str, Floats]) -> dict[str, Floats]:
    """Coordinates that a sampler moves in, of values of the variables."""
    point: dict[str, Floats] = make_initial_point_fn(
        model=model, overrides=values, jitter_rvs=set(), return_transformed=True
    )(None)
    return point


def likelihood_checks(
    compiled: Compiled, given: Specification, rng: np.random.Generator
) -> Iterator[Check]:
    """Compare log-likelihood and gradient with `analytic.hmm.log_likelihood` and differences."""

    def value(x: Floats) -> Floats:
        _, _, A, parameters = compiled.at(x)
        return np.asarray(hidden.log_likelihood(A, log_emissions(given, parameters)))

    sequences = {"sequence": [str(name) for name in given.data.sequences]}
    off, slopes = [], []
    for _ in range(POINTS):
        x = compiled.start + rng.normal(size=compiled.start.size)
        own, gradient, _, _ = compiled.at(x)
        exact = value(x)
        with np.errstate(invalid="ignore"):
            distance = np.abs(own - exact) / np.maximum(1.0, np.abs(exact))
        distance[own == exact] = 0.0  # both may be -inf
        off.append(np.where(np.isnan(distance), np.inf, distance))
        for axis in np.eye(x.size) * STEP:
            sums = [float(value(x + times * axis).sum()) for times in (-2, -1, 1, 2)]
            slope = (sums[0] - 8 * sums[1] + 8 * sums[2] - sums[3]) / (12 * STEP)
            slopes.append(abs(gradient[np.argmax(axis)] - slope) / max(1.0, np.abs(gradient).max()))
    yield worst("log-likelihood = forward", as_array(np.max(off, axis=0), sequences), SAME)
    yield single("gradient = finite differences", float(np.max(slopes)), GRADIENT_LIMIT)


def maximum_checks(compiled: Compiled, given: Specification) -> Iterator[Check]:
    """Compare the maximum that PyMC's gradient leads to with that of Baum-Welch.

    Both start from the same values. They may still climb two hills; then Baum-Welch goes on from
    PyMC's maximum, and must not find a higher place there. So it does for the parameters: where
    states overlap the likelihood has a ridge, and where on it one arrives says nothing.
    """
    names = ("maximum = that of Baum-Welch", "Baum-Welch stays there")

    def negative(x: Any) -> tuple[float, Any]:
        logp, gradient, _, _ = compiled.at(x)
        return -float(logp.sum()), -gradient

    _, _, A, parameters = compiled.at(compiled.near)
    limit = _baum_welch(given, A, parameters)
    reached_by = limit.emission
    if isinstance(reached_by, hidden.Gaussian) and reached_by.sd.min() < 1.01 * reached_by.sd_floor:
        yield Check(names[0], np.nan, MAXIMUM_LIMIT, None, "an sd shrinks: there is no maximum")
        return
    found = minimize(negative, compiled.near, jac=True, method="L-BFGS-B", options=OPTIONS)
    _, _, A, parameters = compiled.at(found.x)
    further = _baum_welch(given, A, parameters)
    off = {
        note: abs(-found.fun - float(one.log_likelihood)) / max(1.0, abs(found.fun))
        for note, one in (("from the same start", limit), ("from there on", further))
    }
    note = min(off, key=lambda name: off[name])
    if off["from the same start"] <= MAXIMUM_LIMIT:
        note = "from the same start"
    yield single(names[0], off[note], MAXIMUM_LIMIT, note)
    gone = [np.abs(further.A - A).max()]
    gone += [np.abs(getattr(further.emission, n) - v).max() for n, v in parameters.items()]
    yield single(names[1], float(max(gone)), PARAMETER_LIMIT)


def _baum_welch(given: Specification, A: Floats, parameters: Parameters) -> Any:
    """Run Baum-Welch to its end from given values."""
    emission: Any = given.emission.at(parameters)
    if isinstance(emission, hidden.Gaussian):
        seen = given.data.rows[given.data.present]
        floor = min(SD_FLOOR * float(seen.std()), float(emission.sd.min()))
        emission = hidden.Gaussian(emission.mean, emission.sd, sd_floor=floor)
    cuts = np.cumsum([len(one) for one in given.data.values])[:-1]
    return hidden.baum_welch(
        list(given.data.values),
        emission=emission,
        A=A / A.sum(axis=1, keepdims=True),
        support=given.prior.possible,
        possible=None if given.possible is None else np.split(given.possible, cuts),
        tolerance=1e-13,
        max_iter=20_000,
    )


def log_emissions(given: Specification, parameters: Parameters) -> list[Floats]:
    """Log-emissions of each sequence."""
    rows = log_emission_at(given.emission.name, parameters, given.data.rows, given.possible)
    return np.split(rows, np.cumsum([len(one) for one in given.data.values])[:-1])


def as_array(values: Floats, labels: dict[str, Any]) -> xr.DataArray:
    """Label values."""
    return xr.DataArray(values, dims=list(labels), coords=labels)


def single(name: str, value: float, limit: float, note: str = "") -> Check:
    """Make a check of a single value; NaN fails."""
    return Check(name, value, limit, bool(value <= limit), note)
