"""The posterior without a sampler: independent draws from its closed form."""

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayes_markov.counts import TransitionCounts
from bayes_markov.tree import assemble, check_memory, check_size, prior_rows, streams


def exact_posterior(
    counts: TransitionCounts,
    *,
    alpha: ArrayLike = 1.0,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    support: ArrayLike | None = None,
    pool: Literal["full", "none"] = "full",
) -> xr.DataTree:
    r"""Draw independently from the exact posterior of A.

    .. math:: A_{i\cdot} \mid n \sim \mathrm{Dirichlet}(\alpha_i + n_i) \quad \text{independently}

    The result has the groups, names, dims and coords of `sample`, without sample_stats, so every
    ArviZ function takes either. PyMC is not imported.

    Parameters
    ----------
    counts : TransitionCounts
        Data.
    alpha : array_like, default 1.0
        Dirichlet parameters, positive: a number, one per next state, or one per cell.
    seed : int
        Seed of the draws.
    draws, chains : int, default 1000 and 4
        Draws per chain, and chains. All are independent; chains are there for ArviZ.
    support : array_like of bool, optional
        Possible transitions, shape of one table.
    pool : {"full", "none"}, default "full"
        One matrix for all units, which the log-likelihood keeps apart; or one for each, of which
        none says anything about another. `partial_pooling_model` is between the two.

    Returns
    -------
    xarray.DataTree
        posterior A(chain, draw, state, next_state), probabilities; prior likewise;
        log_likelihood in nats; observed_data, constant_data. Histories that cannot occur are NaN.
        Without pooling, A has the dim unit, and the prior group has one chain.

    Raises
    ------
    ValueError
        Bad alpha, support, seed or sizes, or no pooling of counts without units.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> tree = exact_posterior(counts, seed=1)
    >>> tree.posterior["A"].sizes
    Frozen({'chain': 4, 'draw': 1000, 'state': 3, 'next_state': 2})

    References
    ----------
    .. [1] Strelioff, C. C., Crutchfield, J. P. and Hubler, A. W. (2007). Inferring Markov chains:
       Bayesian estimation, model comparison, entropy rate, and out-of-class modeling. Physical
       Review E 76, 011106.
    """
    check_size(draws=draws, chains=chains)
    if pool not in ("full", "none"):
        raise ValueError(f'pool must be "full" or "none", got {pool!r}')
    prior = prior_rows(counts, alpha, support)
    if pool == "none" and counts.units is None:
        raise ValueError('pool="none" needs units; count the data with unit= or units="sequence"')
    check_memory(counts, draws, chains, per_unit=pool == "none")
    rng, _ = streams(seed)
    posterior = prior.given(counts.pooled if pool == "full" else counts.tables)
    if pool == "full":
        sampled = posterior.sample(rng, size=(chains, draws))
    else:  # by chain, since drawing takes several times the room of what is drawn
        sampled = np.stack([posterior.sample(rng, size=draws) for _ in range(chains)])
    return assemble(sampled, counts=counts, prior=prior, seed=seed, sampler="exact")
