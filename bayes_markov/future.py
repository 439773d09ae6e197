"""Leave-future-out of one long sequence: by importance sampling, beside the exact value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.special import logsumexp

import analytic
from analytic import DirichletRows
from analytic.evidence import sum_and_error
from analytic.future import FutureOut, check_horizon, histories
from analytic.validate import Floats, Ints
from bayes_markov.counts import TransitionCounts
from bayes_markov.psis import GOOD_K, MIN_DRAWS
from bayes_markov.sequences import as_sequences, encode
from bayes_markov.tree import check_memory, check_size, prior_rows, streams


@dataclass(frozen=True, eq=False)
class PsisFuture:
    """Leave-future-out estimated from draws, with its diagnostics and the closed form.

    See `leave_future_out` for an example.

    Parameters
    ----------
    elpd : float
        Expected log predictive density, the sum of all predictions, in nats.
    se : float
        Standard error of `elpd` over the predictions (divisor N - 1), taken as independent.
    pointwise : xarray.DataArray
        Log predictive density of each block, dim ``known``: how many states it is predicted from.
    mcse : xarray.DataArray
        Monte Carlo standard error of `pointwise`.
    pareto_k : xarray.DataArray
        Tail index of the importance ratios; -inf where the draws needed no weights.
    refits : tuple of int
        Values of ``known`` at which new draws were taken because k came out above 0.7.
    exact : analytic.FutureOut
        The same quantity in closed form.
    first, horizon : int
        States known at the first prediction, and states predicted together.
    """

    elpd: float
    se: float
    pointwise: xr.DataArray
    mcse: xr.DataArray
    pareto_k: xr.DataArray
    refits: tuple[int, ...]
    exact: FutureOut
    first: int
    horizon: int

    @property
    def difference(self) -> float:
        """`elpd` less its exact value."""
        return float(self.elpd - self.exact.elpd)

    def __repr__(self) -> str:
        """Estimate, exact value and their difference in one line each."""
        block = "state" if self.horizon == 1 else f"{self.horizon} states"
        return (
            f"leave-future-out: {len(self.pointwise):,} predictions of the next {block}, "
            f"the first from {self.first:,}\n"
            f"  PSIS   elpd {self.elpd:.3f}, se {self.se:.3f}, "
            f"{len(self.refits)} refits where Pareto k > {GOOD_K}\n"
            f"  exact  elpd {self.exact.elpd:.3f}, se {self.exact.se:.3f}\n"
            f"  PSIS less exact {self.difference:.3f}"
        )


def leave_future_out(
    sequence: Iterable[Any],
    *,
    first: int,
    horizon: int = 1,
    order: int = 1,
    alpha: ArrayLike = 1.0,
    states: Iterable[Any] | None = None,
    support: ArrayLike | None = None,
    seed: int,
    draws: int = 4000,
) -> PsisFuture:
    r"""Predict each next block of one sequence from all that comes before it.

    .. math::
        \mathrm{elpd} = \sum_{t=L}^{T-M} \log p(z_{t+1}, \dots, z_{t+M} \mid z_1, \dots, z_t)

    Draws from the posterior after t* states serve for later t as well, weighted by the
    probability that they give to the states in between; the weights are Pareto smoothed, and
    once their k exceeds 0.7 new draws are taken [1]_. For this model every term has a closed
    form, `analytic.leave_future_out`, that needs no draws: what differs is the error of the
    importance sampling, which is all there is for models without one.

    Parameters
    ----------
    sequence : iterable
        Labels of one sequence, without missing values.
    first : int
        L, how many states are known when the first prediction is made.
    horizon : int, default 1
        M, how many states are predicted together.
    order : int, default 1
        Length of the history.
    alpha : array_like, default 1.0
        Dirichlet parameters, positive: a number, one per next state, or one per cell.
    states : iterable, optional
        The state space. By default the labels found, those of the future too.
    support : array_like of bool, optional
        Possible transitions, shape of one table.
    seed : int
        Seed of the draws.
    draws : int, default 4000
        Number of draws at each fit.

    Returns
    -------
    PsisFuture

    Raises
    ------
    ValueError
        More than one sequence, a missing value, nothing left to predict, fewer than 100 draws,
        or bad alpha, support or seed.

    Examples
    --------
    >>> days = ["sun", "sun", "rain", "rain", "sun", "rain", "rain", "rain", "sun", "sun"] * 6
    >>> result = leave_future_out(days, first=20, seed=1)
    >>> print(f"{result.elpd:.1f}, exactly {result.exact.elpd:.1f}")
    -28.0, exactly -28.0

    References
    ----------
    .. [1] Bürkner, P.-C., Gabry, J. and Vehtari, A. (2020). Approximate leave-future-out
       cross-validation for Bayesian time series models. Journal of Statistical Computation and
       Simulation 90, 2499-2523.
    """
    listed = as_sequences(sequence)
    if len(listed) > 1:
        raise ValueError(
            f"sequence must be one sequence of labels, got {len(listed)}; several have no common "
            f'future: leave out units, with loo(tree, by="unit")'
        )
    (codes,), space = encode(listed, states=states, missing="error")
    check_horizon(len(codes), first, horizon)
    check_size(draws=draws)
    if draws < MIN_DRAWS:
        raise ValueError(f"draws must be at least {MIN_DRAWS} for importance sampling, got {draws}")
    table = analytic.count_transitions(codes, len(space), order=order)
    counts = TransitionCounts(table, space, order)
    check_memory(counts, draws, 1)
    prior = prior_rows(counts, alpha, support)
    exact = analytic.leave_future_out(
        codes,
        len(space),
        prior.alpha,
        first=first,
        horizon=horizon,
        order=order,
        support=prior.possible,
    )
    rng, _ = streams(seed)
    *found, refits = _psis_forward(codes, prior, order, first, horizon, draws, rng)
    elpd_i, mcse, pareto_k = (
        xr.DataArray(values, dims="known", coords={"known": first + np.arange(len(values))})
        for values in found
    )
    elpd, se = sum_and_error(elpd_i.values)
    return PsisFuture(
        elpd, se, elpd_i, mcse, pareto_k, tuple(refits), exact, int(first), int(horizon)
    )


def _psis_forward(
    codes: Ints,
    prior: DirichletRows,
    order: int,
    first: int,
    horizon: int,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats, list[int]]:
    """Log predictive densities, Monte Carlo errors, Pareto k, and where draws were renewed."""
    n_states = prior.alpha.shape[-1]
    cells = histories(codes, n_states, order) * n_states + codes
    origins = len(codes) - first - horizon + 1
    elpd_i, mcse, pareto_k = np.empty((3, origins))
    refits: list[int] = []
    log_A = log_ratio = np.empty(0)
    for i in range(origins):
        t = first + i
        if i > 0:
            log_ratio = log_ratio + log_A[cells[t - 1]]
            log_weights, pareto_k[i] = _smoothed(log_ratio)
            if not pareto_k[i] <= GOOD_K:
                refits.append(t)
        if i == 0 or refits[-1:] == [t]:
            known = np.bincount(cells[:t], minlength=prior.alpha.size).reshape(prior.alpha.shape)
            A = prior.given(known).sample(rng, size=draws).reshape(draws, -1)
            with np.errstate(divide="ignore"):
                log_A = np.log(np.ascontiguousarray(A.T))  # one row for each cell
            log_ratio = np.zeros(draws)
            log_weights, pareto_k[i] = np.full(draws, -np.log(draws)), -np.inf
        density = log_A[cells[t : t + horizon]].sum(axis=0)
        elpd_i[i] = logsumexp(log_weights + density)
        relative = np.exp(density - elpd_i[i]) - 1
        mcse[i] = np.sqrt((np.exp(2 * log_weights) * relative**2).sum())
    return elpd_i, mcse, pareto_k, refits


def _smoothed(log_ratio: Floats) -> tuple[Floats, float]:
    """Normalised log-weights, Pareto smoothed, and their k.

    Ratios that are all equal, after transitions that were certain, are weights as they stand.
    """
    import arviz_stats as azs  # noqa: F401  (registers the accessor)

    if np.ptp(log_ratio) == 0:
        return np.full(len(log_ratio), -np.log(len(log_ratio))), -np.inf
    # ArviZ takes log-densities to be left out; those that come in have the opposite sign.
    weights, k = xr.DataArray(-log_ratio, dims="draw").azstats.psislw(dim="draw")
    return weights.values - logsumexp(weights.values), float(k)
