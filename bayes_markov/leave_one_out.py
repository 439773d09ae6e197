"""Leave-one-out by importance sampling, beside the exact value that it estimates."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

import analytic
from analytic import Loo
from analytic.evidence import sum_and_error
from analytic.validate import Floats
from bayes_markov.counts import TransitionCounts
from bayes_markov.psis import GOOD_K, check_enough, psis, relative_efficiency
from bayes_markov.tree import (
    alpha_of_tree,
    check_generates_data,
    counts_of_tree,
    matrix_draws,
    variable,
)


@dataclass(frozen=True, eq=False)
class PsisLoo:
    """Leave-one-out estimated from draws, with its diagnostics and the closed form.

    See `loo` for an example.

    Parameters
    ----------
    elpd : float
        Expected log predictive density, the sum over everything left out in turn, in nats.
    se : float
        Standard error of `elpd` over what is left out (divisor N - 1).
    pointwise : xarray.DataArray
        Log predictive density of each cell or unit; NaN in a cell without counts.
    mcse : xarray.DataArray
        Monte Carlo standard error of `pointwise`.
    pareto_k : xarray.DataArray
        Tail index of the importance ratios. Above 0.7 the estimate is not to be trusted.
    exact : analytic.Loo or None
        The same quantity in closed form; None where the prior was learned, which has none.
    by : str
        What was left out.
    """

    elpd: float
    se: float
    pointwise: xr.DataArray
    mcse: xr.DataArray
    pareto_k: xr.DataArray
    exact: Loo | None
    by: str

    @property
    def unreliable(self) -> int:
        """Number of cells or units whose Pareto k is above 0.7."""
        return int((self.pareto_k > GOOD_K).sum())

    def __repr__(self) -> str:
        """Estimate, exact value and reliability in one line each."""
        exact = "no closed form, the prior was learned"
        if self.exact is not None:
            exact = f"exact  elpd {self.exact.elpd:.3f}, se {self.exact.se:.3f}"
        return (
            f"leave-one-{self.by}-out\n"
            f"  PSIS   elpd {self.elpd:.3f}, se {self.se:.3f}, "
            f"{self.unreliable} of {int(self.pareto_k.notnull().sum())} with Pareto k > {GOOD_K}\n"
            f"  {exact}"
        )


def loo(tree: xr.DataTree, *, by: Literal["transition", "sequence", "unit"]) -> PsisLoo:
    r"""Leave out one transition or one unit at a time, from the draws of a tree.

    All transitions of a cell have the same log-likelihood, so each cell is smoothed once and
    weighted by its count; nothing is stored per transition.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    by : {"transition", "sequence", "unit"}
        What is left out. "unit" leaves out an entry of the unit axis, and so does "sequence",
        which needs units of one sequence each: count with ``units="sequence"``.

    Returns
    -------
    PsisLoo
        High Pareto k is a field of the result, not a warning.

    Raises
    ------
    ValueError
        Fewer than 100 draws, an unknown `by`, or units or sequences asked for in a tree that
        does not have them.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_table([[90, 40], [20, 50]], ["a", "b"])
    >>> result = bm.loo(bm.exact_posterior(counts, seed=1), by="transition")
    >>> print(f"{result.elpd:.1f}, exactly {result.exact.elpd:.1f}")
    -124.1, exactly -124.1

    References
    ----------
    .. [1] Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
       importance sampling. Journal of Machine Learning Research 25, 1-58.
    """
    counts = counts_of_tree(tree)
    check_generates_data(tree)
    alpha = alpha_of_tree(tree)
    posterior = matrix_draws(tree)
    exact = None
    chains, draws = posterior.shape[:2]
    check_enough(chains, draws)
    if by == "transition":
        observed = counts.pooled > 0
        with np.errstate(divide="ignore"):
            log_lik = np.log(posterior.values[..., observed])
        weights = counts.pooled[observed].astype(np.float64)
        if alpha is not None:
            exact = analytic.loo_transitions(
                counts.pooled, alpha, order=counts.order, support=alpha > 0
            )
        frame = xr.full_like(posterior.isel(chain=0, draw=0, drop=True), np.nan)
    elif by in ("sequence", "unit"):
        if counts.units is None:
            raise ValueError(
                f'by="{by}" needs units; count the data with unit= or units="sequence"'
            )
        if by == "sequence" and not _units_are_sequences(counts):
            raise ValueError(
                'by="sequence" needs one sequence in each unit, which shows at order 1 and above; '
                'count with units="sequence", or leave out whole units with by="unit"'
            )
        per_unit = variable(tree, "log_likelihood", "counts").transpose("chain", "draw", "unit")
        log_lik, observed = per_unit.values, np.ones(len(counts.units), dtype=np.bool_)
        weights = np.ones(len(counts.units))
        if alpha is not None:
            exact = analytic.loo_units(counts.table, alpha, order=counts.order, support=alpha > 0)
        frame = xr.full_like(per_unit.isel(chain=0, draw=0, drop=True), np.nan)
    else:
        raise ValueError(f'by must be "transition", "sequence" or "unit", got {by!r}')

    elpd_i, pareto_k, mcse = psis(log_lik, relative_efficiency(posterior.values))
    elpd, se = sum_and_error(elpd_i, weights)

    def labelled(values: Floats) -> xr.DataArray:
        filled = frame.copy()
        filled.values[observed] = values
        return filled

    return PsisLoo(elpd, se, labelled(elpd_i), labelled(mcse), labelled(pareto_k), exact, by)


def _units_are_sequences(counts: TransitionCounts) -> bool:
    """Tell whether each unit leaves s_0 once; a table of order 0 does not know."""
    if counts.order == 0:
        return False
    units = len(counts.tables)
    starts = counts.tables.sum(axis=-1).reshape(units, -1)[:, 0]  # out of (s_0, ..., s_0)
    return bool((starts == 1).all())
