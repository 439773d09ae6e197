"""Compare full, partial and no pooling by how well they predict units that were left out."""

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import logsumexp

import analytic
from analytic.evidence import sum_and_error
from analytic.validate import Floats
from bayes_markov.counts import TransitionCounts
from bayes_markov.diagnostics import ConvergenceWarning, convergence
from bayes_markov.hierarchy.build import Specification, check_counts, specification_of
from bayes_markov.hierarchy.fit import log_evidence_of_draws, sample_hierarchy
from bayes_markov.hierarchy.models import partial_pooling_model
from bayes_markov.nuts import draw
from bayes_markov.psis import GOOD_K, check_enough, psis, relative_efficiency
from bayes_markov.tree import prior_rows, variable

type Pool = Literal["full", "partial", "none"]


@dataclass(frozen=True, eq=False)
class PoolingScore:
    """How well units that were left out were predicted with one kind of pooling.

    See `compare_pooling` for an example.
    """

    pool: Pool
    """Kind of pooling."""
    elpd: float
    """Expected log predictive density, the sum over units left out in turn, in nats."""
    se: float
    """Standard error of `elpd` over the units (divisor U - 1)."""
    mcse: float
    """Monte Carlo standard error of `elpd`; 0 where it is exact."""
    pointwise: xr.DataArray
    """Log predictive density of each unit."""
    method: str
    """How it was found."""


@dataclass(frozen=True, eq=False)
class PoolingComparison:
    """Kinds of pooling by expected log predictive density, the best first.

    See `compare_pooling` for an example.
    """

    scores: tuple[PoolingScore, ...]
    """One for each kind of pooling."""
    alpha: str
    """Prior of full and no pooling."""

    def __repr__(self) -> str:
        """Table for a terminal."""
        best = self.scores[0].pointwise.values
        lines = [
            f"leave-one-unit-out over {len(best)} units, in nats",
            f"{'pooling':<8} {'elpd':>10} {'se':>7} {'difference':>11} {'se':>7}  method",
        ]
        for score in self.scores:
            difference, se = sum_and_error(score.pointwise.values - best)
            lines.append(
                f"{score.pool:<8} {score.elpd:>10.2f} {score.se:>7.2f} {difference:>11.2f} "
                f"{se:>7.2f}  {score.method}"
            )
        mcse = next(score.mcse for score in self.scores if score.pool == "partial")
        lines += [
            f"full, none: closed form under {self.alpha}; partial: evidence is exact given the",
            f"population, which NUTS learns from the other units (Monte Carlo error {mcse:.2f})",
        ]
        return "\n".join(lines)


def compare_pooling(
    counts: TransitionCounts,
    *,
    alpha: ArrayLike = 1.0,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    model: pm.Model | None = None,
    tree: xr.DataTree | None = None,
) -> PoolingComparison:
    r"""Leave out one unit at a time, and predict all of its transitions.

    .. math:: \mathrm{elpd} = \sum_u \log p(n^{(u)} \mid n^{(v)}, v \ne u)

    With full pooling all units have the same matrix, with none a unit says nothing about another:
    both have closed forms. With partial pooling p is the evidence of the unit's counts given the
    population, averaged over what the other units say of the population. That average is taken by
    Pareto-smoothed importance sampling from one fit to all units; where the Pareto k of a unit is
    above 0.7, it is taken from a fit without the unit.

    Parameters
    ----------
    counts : TransitionCounts
        Data with at least two units.
    alpha : array_like, default 1.0
        Dirichlet parameters for full and no pooling.
    seed : int
        Seed of the draws.
    draws, chains : int, default 1000 and 4
        Draws per chain, and chains.
    model : pymc.Model, optional
        Model of `partial_pooling_model` or `covariate_model` for the same counts; by default the
        former with its defaults.
    tree : xarray.DataTree, optional
        Result of `sample` for this `model`, which is then not sampled again.

    Returns
    -------
    PoolingComparison
        The best first; printed as a table with paired differences.

    Warns
    -----
    ConvergenceWarning
        A fit without one of the units has problems; the unit is named.

    Raises
    ------
    ValueError
        Fewer than two units, too few draws, a model of other counts, or a tree of another model.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences(
    ...     [["a", "b", "b"], ["b", "b"], ["a", "a"]], units=["x", "y", "z"])
    >>> print(bm.compare_pooling(counts, seed=1))  # doctest: +SKIP

    References
    ----------
    .. [1] Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using
       leave-one-out cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
    """
    check_counts(counts, needs_units=True)
    if len(counts.units or ()) < 2:
        raise ValueError("counts have one unit; leaving it out leaves nothing to predict it from")
    prior = prior_rows(counts, alpha)
    if model is None:
        model = partial_pooling_model(counts)
    given = specification_of(model)
    if given.counts != counts or not (given.per_unit and given.collapsed):
        raise ValueError(
            "model must be a collapsed partial_pooling_model or covariate_model of the same counts"
        )
    tables, order = counts.tables, counts.order
    full = analytic.loo_units(tables, prior.alpha, order=order).pointwise
    none = analytic.log_evidence(tables, prior.alpha, order=order)
    if tree is None:
        check_enough(chains, draws)
        tree = sample_hierarchy(model, seed=seed, draws=draws, chains=chains)
    elif tree.attrs.get("data_digest") != counts.digest or "log_prior" not in tree.children:
        raise ValueError("tree must be the result of sample(model) for the same counts")
    partial, mcse, refitted = _left_out(model, given, tree, seed)
    way = "PSIS" if refitted == 0 else f"PSIS, {refitted} refitted"
    scores = (
        _score("full", full, "exact"),
        _score("none", none, "exact"),
        replace(_score("partial", partial, way), mcse=mcse),
    )
    labelled = variable(tree, "log_likelihood", "counts").isel(chain=0, draw=0, drop=True)
    named = [replace(s, pointwise=labelled.copy(data=s.pointwise.values)) for s in scores]
    ranked = sorted(named, key=lambda score: -score.elpd)
    return PoolingComparison(tuple(ranked), _described(alpha))


def _left_out(
    model: pm.Model, given: Specification, tree: xr.DataTree, seed: int
) -> tuple[Floats, float, int]:
    """Log predictive density of each unit from the others, its error, and the units refitted."""
    log_lik = variable(tree, "log_likelihood", "counts").transpose("chain", "draw", "unit").values
    elpd, k, mcse = psis(log_lik, relative_efficiency(log_lik))
    unreliable = np.flatnonzero(k > GOOD_K)
    chains, draws = log_lik.shape[:2]
    for number, unit in enumerate(unreliable):
        elpd[unit], mcse[unit] = _refitted(
            model, given, int(unit), seed + 1 + number, draws, chains
        )
    return elpd, float(np.sqrt((mcse**2).sum())), len(unreliable)


def _refitted(
    model: pm.Model, given: Specification, unit: int, seed: int, draws: int, chains: int
) -> tuple[float, float]:
    """Predict a unit from a fit to the others; what was compiled is fed with their counts."""
    import arviz_stats as azs

    kept = given.found.unit != unit
    others = {"pattern_pair": given.found.pair[kept], "pattern_unit": given.found.unit[kept]}
    everything = {name: model[name].get_value() for name in others}
    pm.set_data(others, model=model)
    try:
        drawn = draw(
            model,
            seed=seed % 2**31,
            draws=draws,
            chains=chains,
            tune=None,
            sampler="nutpie",
            progress=False,
        )
    finally:
        pm.set_data(everything, model=model)
    drawn.attrs["sampled"] = ", ".join(given.population.hyperpriors)
    problems = convergence(drawn).problems
    if problems:
        name = (given.counts.units or ())[unit]
        text = f"without unit {name!r}: {'; '.join(problems)}"
        warnings.warn(text, ConvergenceWarning, stacklevel=4)
    names = given.population.hyperpriors
    learned = {name: variable(drawn, "posterior", name).values for name in names}
    log_lik = log_evidence_of_draws(given, learned)[..., unit]
    weights = np.exp(log_lik - log_lik.max())
    mcse = float(azs.mcse(weights, method="mean") / weights.mean())
    return float(logsumexp(log_lik) - np.log(log_lik.size)), mcse


def _score(pool: Pool, pointwise: Floats, method: str) -> PoolingScore:
    """Sum over the units, with its standard error."""
    return PoolingScore(pool, *sum_and_error(pointwise), 0.0, xr.DataArray(pointwise), method)


def _described(alpha: ArrayLike) -> str:
    """Prior of full and no pooling in a few words."""
    return f"alpha = {float(np.asarray(alpha)):g}" if np.ndim(alpha) == 0 else "the given alpha"
