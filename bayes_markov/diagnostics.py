"""Can these draws be trusted? R-hat, effective sample size and divergences of a tree."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayes_markov.tree import variable

MIN_ESS = 400.0
"""Least effective sample size at which a Monte Carlo standard error is reliable."""


MIN_DRAWS = 4
"""Draws in a chain from which on its halves can be compared."""


class ConvergenceWarning(UserWarning):
    """The draws of a sampler do not describe the posterior well enough.

    See `convergence` for an example.
    """


@dataclass(frozen=True)
class Convergence:
    """Worst diagnostics over all quantities of the posterior.

    See `convergence` for an example.

    Parameters
    ----------
    rhat : float
        Largest rank-normalised split R-hat; NaN if no quantity varies or there are too few draws.
    ess : float
        Smallest effective sample size, bulk or tail; NaN likewise.
    divergences : int
        Number of divergent transitions; 0 where no sampler ran.
    quantities : int
        Number of quantities that vary.

    References
    ----------
    .. [1] Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Burkner, P.-C. (2021).
       Rank-normalization, folding, and localization: an improved R-hat. Bayesian Analysis 16,
       667-718.
    """

    rhat: float
    ess: float
    divergences: int
    quantities: int

    @property
    def max_rhat(self) -> float:
        """Largest R-hat that passes; the maximum over many quantities is larger by chance."""
        return 1.01 if self.quantities <= 100 else 1.02

    @property
    def problems(self) -> list[str]:
        """What is wrong and what to do, one sentence each; empty if all is well."""
        found = []
        if self.quantities and np.isnan([self.rhat, self.ess]).any():
            found.append(
                f"R-hat and the effective sample size are undefined: there are fewer than "
                f"{MIN_DRAWS} draws in a chain, or some draws are NaN; increase draws"
            )
        if self.rhat > self.max_rhat:
            found.append(
                f"R-hat is {self.rhat:.3f}, above {self.max_rhat}: the chains disagree; "
                f"increase draws or tune"
            )
        if self.ess < MIN_ESS:
            found.append(
                f"the effective sample size is {self.ess:.0f}, below {MIN_ESS:.0f}; increase draws"
            )
        if self.divergences:
            found.append(
                f"{self.divergences} transitions diverged; the posterior is near the edge of the "
                f"simplex (small alpha): use the closed form where there is one, or increase tune"
            )
        return found


def convergence(tree: xr.DataTree) -> Convergence:
    """Diagnose the posterior of a tree.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.

    Returns
    -------
    Convergence

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b", "b", "a"]])
    >>> bm.convergence(bm.exact_posterior(counts, seed=1)).problems
    []
    """
    import arviz_stats as azs

    posterior = tree.children["posterior"].dataset
    # Where a prior was learned, A is drawn independently given what NUTS sampled.
    sampled = str(tree.attrs.get("sampled", "A")).split(", ")
    columns = [posterior[name].transpose("chain", "draw", ...).values for name in sampled]
    cells = np.concatenate([part.reshape(*part.shape[:2], -1) for part in columns], axis=-1)
    constant = cells.std(axis=(0, 1)) <= 1e-12
    undefined = np.isnan(cells).all(axis=(0, 1))
    varying = cells[..., ~(constant | undefined)]
    divergences = 0
    if "sample_stats" in tree.children:
        divergences = int(variable(tree, "sample_stats", "diverging").sum())
    quantities = varying.shape[-1]
    if quantities == 0 or cells.shape[1] < MIN_DRAWS:
        return Convergence(np.nan, np.nan, divergences, quantities)
    bulk = azs.ess(varying, method="bulk").min()
    tail = azs.ess(varying, method="tail", prob=(0.05, 0.95)).min()
    rhat = azs.rhat(varying).max()
    return Convergence(float(rhat), float(np.minimum(bulk, tail)), divergences, quantities)


def record_convergence(tree: xr.DataTree) -> Convergence:
    """Diagnose the posterior of a tree, and write what was found into its attributes."""
    found = convergence(tree)
    tree.attrs |= {"rhat_max": found.rhat, "ess_min": found.ess, "divergences": found.divergences}
    return found
