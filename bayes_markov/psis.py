"""Pareto-smoothed importance sampling of what is left out.

References
----------
.. [1] Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
   importance sampling. Journal of Machine Learning Research 25, 1-58.
"""

import numpy as np
import xarray as xr

from analytic.validate import Floats

MIN_DRAWS, MIN_DRAWS_PER_CHAIN = 100, 4
"""Fewest draws that leave enough in the tail for a Pareto k, and in a chain for a sample size."""

GOOD_K = 0.7
"""Pareto k up to which a smoothed importance-sampling estimate can be trusted."""


def check_enough(chains: int, draws: int) -> None:
    """Refuse draws that are too few for a Pareto k."""
    if draws < MIN_DRAWS_PER_CHAIN or chains * draws < MIN_DRAWS:
        raise ValueError(
            f"tree has {chains} chains of {draws} draws, too few for importance sampling to tell "
            f"how reliable it is; draw at least {MIN_DRAWS}"
        )


def relative_efficiency(draws: Floats) -> float:
    """Effective draws per draw, averaged over what varies; it sets the length of the tail."""
    import arviz_stats as azs

    cells = draws.reshape(*draws.shape[:2], -1)
    varying = cells[..., cells.std(axis=(0, 1)) > 0]
    if len(draws) == 1 or varying.size == 0:
        return 1.0
    return float(azs.ess(varying, method="mean").mean() / (len(draws) * draws.shape[1]))


def psis(log_lik: Floats, r_eff: float) -> tuple[Floats, Floats, Floats]:
    """Leave-one-out densities, Pareto k and Monte Carlo standard errors of the last axis.

    What does not vary between the draws needs no smoothing, which would fail: it is known.
    """
    import arviz_stats as azs

    elpd_i, pareto_k = log_lik[0, 0].copy(), np.full(log_lik.shape[-1], -np.inf)
    mcse = np.zeros(log_lik.shape[-1])
    varying = np.ptp(log_lik, axis=(0, 1)) > 0
    if varying.any():
        moving = xr.DataArray(log_lik[..., varying], dims=("chain", "draw", "item"))
        densities, k, _ = moving.azstats.loo(sample_dims=["chain", "draw"], r_eff=r_eff)
        elpd_i[varying], pareto_k[varying] = densities.values, k.values
        # The density is 1 / E[1/p]: the error of its logarithm is the relative error of the mean.
        ratios = np.exp(moving.values.min(axis=(0, 1)) - moving.values)
        spread = ratios.std(axis=(0, 1), ddof=1) / ratios.mean(axis=(0, 1))
        mcse[varying] = spread / np.sqrt(azs.ess(ratios, method="mean"))
    return elpd_i, pareto_k, mcse
