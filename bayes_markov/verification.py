"""Do PyMC and the closed forms agree on these data? Each check can fail, and says by how much."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

import analytic
from analytic import DirichletRows
from analytic.validate import Floats
from bayes_markov.checks import (
    Z_LIMIT,
    Check,
    Verification,
    conclude,
    convergence_checks,
    in_errors,
    worst,
    z_scores,
)
from bayes_markov.counts import TransitionCounts
from bayes_markov.diagnostics import ConvergenceWarning
from bayes_markov.leave_one_out import loo
from bayes_markov.tree import counts_of_tree, prior_rows, variable

if TYPE_CHECKING:
    import pymc as pm

MODE_LIMIT = 1e-8
"""Largest difference between PyMC's mode and the closed form."""

LARGEST_FOR_MODE = 10**6
"""Transitions up to which float64 lets an optimiser resolve the mode to `MODE_LIMIT`."""

LARGEST_TAIL = 0.4
"""Pareto k up to which a standard error from a few thousand draws can be relied on."""

UNITS_FOR_LOO = 10
"""Units from which on leave-one-unit-out is checked as well."""


def verify(
    counts: "TransitionCounts | pm.Model",
    *,
    alpha: ArrayLike = 1.0,
    seed: int,
    support: ArrayLike | None = None,
    progress: bool = False,
) -> Verification:
    """Fit with PyMC and compare with the closed forms.

    Compared are the mode (under a flat prior: with the count ratio), posterior means and
    variances by NUTS in Monte Carlo standard errors, and leave-one-out by importance sampling.
    R-hat, effective sample size and divergences are checked too.

    Of a hidden chain are compared: the log-likelihood and its gradient at random points, with the
    forward procedure and with differences; the maximum that they lead to, with that of Baum-Welch;
    filtering, smoothing and Viterbi's path, with all paths through the first observations and with
    drawn ones; and the draws by NUTS, with what is known in closed form given the hidden path.

    Parameters
    ----------
    counts : TransitionCounts, or pymc.Model
        Data; or a model of `hmm_model`.
    alpha : array_like, default 1.0
        Dirichlet parameters of the prior. A model of `hmm_model` has its own.
    seed : int
        Seed of the draws.
    support : array_like of bool, optional
        Possible transitions, shape of one table. A model of `hmm_model` has its own.
    progress : bool, default False
        Show a progress bar while sampling.

    Returns
    -------
    Verification

    Raises
    ------
    ValueError
        Bad alpha, support or seed, or a model that is not of `hmm_model`.
    TypeError
        Neither counts nor a model.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> print(bm.verify(counts, seed=1))  # doctest: +SKIP
    """
    if not isinstance(counts, TransitionCounts):
        return _verify_model(counts, alpha, seed, support, progress)
    from bayes_markov.fit import sample
    from bayes_markov.models import dirichlet_model

    model = dirichlet_model(counts, alpha=alpha, support=support)
    prior = prior_rows(counts, alpha, support)
    posterior = prior.given(counts.pooled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its contents are checks here
        tree = sample(model, seed=seed, progress=progress)
    return conclude(
        [
            mode_of_model(model, counts, prior),
            *draws_checks(tree, posterior),
            *loo_checks(tree),
        ]
    )


def _verify_model(
    model: Any, alpha: ArrayLike, seed: int, support: ArrayLike | None, progress: bool
) -> Verification:
    """Verify a model of a hidden chain; refuse anything else."""
    if not hasattr(model, "named_vars"):
        raise TypeError(
            f"counts must be TransitionCounts or a model of hmm_model, got {type(model).__name__}"
        )
    if support is not None or not np.array_equal(alpha, 1.0):
        raise ValueError("alpha and support of a hidden chain are its model's; leave them out")
    from bayes_markov.hmm.verification import verify_hidden

    return verify_hidden(model, seed=seed, progress=progress)


def mode_check(mode: xr.DataArray, expected: Floats, *, flat: bool) -> Check:
    """Compare a mode with the closed form, on the rows where that is defined."""
    name = "mode = MLE (visited rows)" if flat else "mode = closed-form mode"
    difference = xr.DataArray(np.abs(mode.values - expected), dims=mode.dims, coords=mode.coords)
    difference.values[np.isnan(mode.values) & ~np.isnan(expected)] = np.inf
    if not np.isfinite(expected).any():
        return Check(name, np.nan, MODE_LIMIT, None, "no row has a single mode")
    return worst(name, difference, MODE_LIMIT)


def draws_checks(tree: xr.DataTree, posterior: DirichletRows) -> list[Check]:
    """Compare draws with the exact posterior, in Monte Carlo standard errors, and diagnose them."""
    A = variable(tree, "posterior", "A")
    mean, var = posterior.mean(), posterior.var()
    checks = [
        worst("posterior mean (z)", z_scores(A, mean), Z_LIMIT),
        worst("posterior variance (z)", z_scores((A - mean) ** 2, var), Z_LIMIT),
    ]
    return [*checks, *convergence_checks(tree)]


def loo_checks(tree: xr.DataTree) -> list[Check]:
    """Compare leave-one-out by importance sampling with the closed form, where it is reliable.

    Reliable is a Pareto k below 1/2: the importance ratios have a variance, and so the estimate
    has a standard error. The draws only estimate k; that of the posterior is known too
    (`_tail_of_ratios`) and must not be too near 1/2. The note says how many cells or units that
    are.
    """
    counts = variable(tree, "observed_data", "counts")
    whole = bool((counts == np.floor(counts)).all())
    kinds: list[Literal["transition", "unit"]]
    kinds = (
        ["transition", "unit"] if counts.sizes.get("unit", 0) >= UNITS_FOR_LOO else ["transition"]
    )
    checks = []
    for by in kinds:
        name = f"leave-one-{by}-out (z)"
        if by == "transition" and not whole:
            checks.append(Check(name, np.nan, Z_LIMIT, None, "counts are not whole numbers"))
            continue
        result = loo(tree, by=by)
        assert result.exact is not None  # with a prior that is given
        z = in_errors(result.pointwise, result.exact.pointwise, result.mcse)
        judged = (result.pareto_k < 0.5) & (_tail_of_ratios(tree, by) < LARGEST_TAIL)
        check = worst(name, z.where(judged), Z_LIMIT)
        scored = int(result.pareto_k.notnull().sum())
        note = f"{check.note}, {int(judged.sum())}/{scored}"
        checks.append(replace(check, note=note))
    return checks


def _tail_of_ratios(tree: xr.DataTree, by: Literal["transition", "unit"]) -> Floats:
    r"""Pareto k of the importance ratios of leave-one-out, from the closed form.

    What is left out n'_ij times has the ratio A_ij^{-n'_ij}, and A_ij is a Beta variable with
    first parameter a_ij = alpha_ij + n_ij: the tail of the ratio has

    .. math:: k = \max_{ij} n'_{ij} / a_{ij}.
    """
    counts = counts_of_tree(tree)
    a = variable(tree, "constant_data", "alpha").values + counts.pooled
    with np.errstate(divide="ignore", invalid="ignore"):
        if by == "transition":
            return np.asarray(1 / a)
        tails = np.where(counts.tables > 0, counts.tables / a, 0)
    return np.asarray(tails.reshape(len(tails), -1).max(axis=1))


def mode_of_model(model: "pm.Model", counts: TransitionCounts, prior: DirichletRows) -> Check:
    """Run the optimiser where a mode exists and can be resolved."""
    from bayes_markov.fit import posterior_mode

    name = "mode = closed-form mode"
    posterior = prior.given(counts.pooled)
    try:
        expected = posterior.mode()
    except ValueError:
        return Check(name, np.nan, MODE_LIMIT, None, "no mode: some alpha + count < 1")
    if counts.pooled.sum() > LARGEST_FOR_MODE:
        note = f"more than {LARGEST_FOR_MODE:,} transitions"
        return Check(name, np.nan, MODE_LIMIT, None, note)
    flat = bool((prior.alpha[prior.possible] == 1).all())
    if flat:
        expected = analytic.mle(counts.pooled)
    return mode_check(posterior_mode(model), expected, flat=flat)
