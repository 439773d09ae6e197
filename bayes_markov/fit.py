"""Fit the PyMC model: draws by NUTS, or the mode."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from analytic import DirichletRows
from analytic.validate import Floats
from bayes_markov.diagnostics import ConvergenceWarning, record_convergence
from bayes_markov.hierarchy.build import is_hierarchical
from bayes_markov.hierarchy.fit import sample_hierarchy
from bayes_markov.labels import coords, dims
from bayes_markov.models import alpha_of, counts_of
from bayes_markov.nuts import VERSIONS, Sampler, check_sampler, draw, statistics
from bayes_markov.tree import assemble, check_memory, check_size, streams, variable

_PLAIN = {"mode": "FAST_COMPILE"}
"""How to compile what is evaluated a few times only."""


def sample(
    model: pm.Model,
    *,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    tune: int | None = None,
    sampler: Sampler = "nutpie",
    progress: bool = False,
) -> xr.DataTree:
    """Draw from the posterior by NUTS.

    The first call for a model compiles it (tens of seconds); later calls, after
    `pymc.set_data` too, do not. The convergence checks are run: their results are attributes of
    the tree, and what fails is warned of.

    Parameters
    ----------
    model : pymc.Model
        Model of `dirichlet_model`, or one with a learned prior (`partial_pooling_model`, ...); one
        of `hmm_model` goes to `sample_hmm`.
    seed : int
        Seed of the draws. They also depend on the versions of the packages and on the compiler's
        cache, so compare them within Monte Carlo error, never digit by digit.
    draws, chains : int, default 1000 and 4
        Draws per chain, and chains.
    tune : int, optional
        Warm-up steps; by default 400 for nutpie and 1000 for PyMC.
    sampler : {"nutpie", "pymc"}, default "nutpie"
        Which implementation of NUTS.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    xarray.DataTree
        As `exact_posterior`, and sample_stats. With a learned prior, also what was learned
        (strength, mean, ...), by NUTS, and log_prior; A is drawn exactly given these. Where each
        unit has its own matrix, A has the dim unit, the prior group has one chain, and
        log_likelihood is that of the unit's counts with its matrix summed out.

    Warns
    -----
    ConvergenceWarning
        R-hat, effective sample size or divergences are outside their limits.

    Raises
    ------
    ValueError
        Bad seed or sizes, an unknown sampler, or a model without A and counts.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> tree = bm.sample(bm.dirichlet_model(counts), seed=1)  # doctest: +SKIP
    """
    options: dict[str, Any] = {
        "seed": seed,
        "draws": draws,
        "chains": chains,
        "tune": tune,
        "sampler": sampler,
        "progress": progress,
    }
    if "observations_data" in getattr(model, "named_vars", ()):
        from bayes_markov.hmm.fit import sample_hmm

        return sample_hmm(model, **options)
    if is_hierarchical(model):
        return sample_hierarchy(model, **options)
    check_size(draws=draws, chains=chains, tune=1 if tune is None else tune)
    check_model(model)
    check_sampler(sampler)
    posterior_stream, _ = streams(seed)
    sampler_seed = int(posterior_stream.integers(2**31))
    counts, prior = counts_of(model), _prior_of(model)
    check_memory(counts, draws, chains)
    prior.given(counts.pooled)  # refuses new data off the support
    stats: xr.Dataset | None = None
    if not model.free_RVs:
        values = np.broadcast_to(prior.mean(), (chains, draws, *prior.alpha.shape))
    else:
        tree = draw(model, **(options | {"seed": sampler_seed}))
        values, stats = variable(tree, "posterior", "A").values, statistics(tree)

    result = assemble(
        values,
        counts=counts,
        prior=prior,
        seed=seed,
        sampler=f"NUTS ({sampler})" if model.free_RVs else "none: nothing varies",
        sample_stats=stats,
        attrs=VERSIONS,
    )
    found = record_convergence(result)
    if found.problems:
        warnings.warn("; ".join(found.problems), ConvergenceWarning, stacklevel=2)
    return result


def posterior_mode(
    model: pm.Model,
    *,
    method: str = "trust-ncg",
    options: Mapping[str, float] | None = None,
) -> xr.DataArray:
    """Find the mode of the posterior density on the simplex by optimising the PyMC model.

    The density is taken with respect to the probabilities, without the Jacobian of the
    coordinates that the optimiser moves in, so under a flat prior the mode is the count ratio.
    `analytic.posterior_mode` gives the same point from the closed form, as a plain array.

    Parameters
    ----------
    model : pymc.Model
        Model of `dirichlet_model`.
    method : str, default "trust-ncg"
        Method of `scipy.optimize.minimize`. The default uses second derivatives, is carried to
        the end by Newton steps and agrees with the closed form to 1e-8 up to 10^6 transitions;
        "L-BFGS-B" by PyMC's defaults errs by up to 4e-4 there, most in rows with few of very many
        transitions.
    options : mapping, optional
        Options of the method; by default ``{"gtol": 1e-9}`` for "trust-ncg". With options, and
        with another method, the optimiser's result stays as it is.

    Returns
    -------
    xarray.DataArray
        Probabilities, dims (state, next_state). NaN in a row where the density is flat (no data
        under alpha = 1) and in rows that cannot occur.

    Raises
    ------
    ValueError
        Some alpha + n is below 1, where no mode exists, or a model without A and counts.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> mode = bm.posterior_mode(bm.dirichlet_model(counts))  # doctest: +SKIP
    """
    check_model(model)
    counts = counts_of(model)
    # Raises where the density has no maximum, and tells which rows have no single one.
    closed = _prior_of(model).given(counts.pooled).mode()
    labels = coords(counts.states, counts.order)
    if model.free_RVs:
        refined = method == "trust-ncg" and options is None
        given = {"gtol": 1e-9} if refined else dict(options or {})
        with warnings.catch_warnings():
            if refined:
                warnings.filterwarnings("ignore", "The optimizer did not converge", UserWarning)
            found = pm.find_MAP(
                method,
                model=model,
                jitter=False,
                progressbar=False,
                return_inferencedata=True,
                idata_kwargs={"include_transformed": True},
                compile_kwargs=_PLAIN,
                **({"options": given} if given else {}),
            )
        point = found["posterior"].dataset.isel(chain=0, draw=0)
        optimum = point["A"].values
        if refined and not found["optimizer_result"]["success"]:
            optimum = _newton(model, {v.name: point[v.name].values for v in model.value_vars})
    else:
        optimum = closed
    values = np.where(np.isnan(closed), np.nan, optimum)
    return xr.DataArray(values, dims=dims(counts.order), coords=labels, name="A")


def _newton(model: pm.Model, start: dict[str, Floats]) -> Floats:
    """Go the last bit to the mode by Newton steps on the gradient.

    An optimiser compares values of the density, and about 1e-8 from the mode their differences
    drown in rounding. The gradient still tells the way; a step is kept if it makes it smaller.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    compiled_gradient = model.compile_dlogp(jacobian=False, **_PLAIN)
    ends = np.cumsum([values.size for values in start.values()])[:-1]

    def as_point(x: Floats) -> dict[str, Floats]:
        parts = zip(start.items(), np.split(x, ends), strict=True)
        return {name: part.reshape(values.shape) for (name, values), part in parts}

    def gradient(x: Floats) -> Floats:
        return np.asarray(compiled_gradient(as_point(x)))

    x = np.concatenate([values.ravel() for values in start.values()])
    slope = gradient(x)
    for _ in range(5):

        def curvature(v: Floats, x: Floats = x) -> Floats:
            h = 1e-5 / max(np.abs(v).max(), 1e-300)
            return np.asarray((gradient(x - h * v) - gradient(x + h * v)) / (2 * h))

        operator = LinearOperator((x.size, x.size), matvec=curvature, dtype=np.float64)
        step, _ = cg(operator, slope, rtol=1e-3, maxiter=100)
        there = gradient(x + step)
        if not np.abs(there).max() < np.abs(slope).max():
            break
        x, slope = x + step, there
    (A,) = model.replace_rvs_by_values([model["A"]])
    evaluate = model.compile_fn(A, inputs=model.value_vars, **_PLAIN)
    return np.asarray(evaluate(as_point(x)))


def check_model(model: pm.Model) -> None:
    """Refuse anything but a model of `dirichlet_model`."""
    names = set(getattr(model, "named_vars", ()))
    missing = [name for name in ("A", "counts", "counts_data", "alpha") if name not in names]
    if missing:
        raise ValueError(
            f"model must come from dirichlet_model(counts); got {type(model).__name__} "
            f"without {', '.join(missing)}"
        )


def _prior_of(model: pm.Model) -> DirichletRows:
    """Prior of a model, as a value."""
    alpha = alpha_of(model)
    return DirichletRows(alpha, support=alpha > 0)
