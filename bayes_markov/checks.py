"""A check compares a value with its limit; a verification is a list of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from analytic.validate import Floats
from bayes_markov.diagnostics import MIN_ESS, convergence

Z_LIMIT = 5.0
"""Largest difference in Monte Carlo standard errors; exceeded by chance once in 1.7 million."""


@dataclass(frozen=True)
class Check:
    """One comparison: what, the worst value and where it occurs, its limit, the outcome.

    `passed` is None where the check does not apply; `note` then says why. See `verify` for
    an example.
    """

    name: str
    value: float
    limit: float
    passed: bool | None
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`; printing it gives a table.

    Parameters
    ----------
    passed : bool
        No check failed.
    checks : tuple of Check
        The single comparisons.
    """

    passed: bool
    checks: tuple[Check, ...]

    def __repr__(self) -> str:
        """Table of the checks, one line each, 80 columns where the labels allow."""
        lines = [f"{'check':<32} {'worst':>9} {'limit':>8}  {'':<6}  where"]
        for check in self.checks:
            if check.passed is None:
                lines.append(f"{check.name:<32} n/a: {check.note}")
                continue
            value = f"{check.value:#.3g}".rstrip(".")
            word = "ok" if check.passed else "FAILED"
            line = f"{check.name:<32} {value:>9} {check.limit:>8g}  {word:<6}  {check.note}"
            lines.append(line.rstrip())
        outcome = "PASSED" if self.passed else "FAILED"
        return "\n".join([*lines, f"verification {outcome}"])


def z_scores(series: xr.DataArray, expected: Floats) -> xr.DataArray:
    """Distance of a Monte Carlo mean from the expected value, in its standard errors."""
    import arviz_stats as azs

    sample_dims = ("chain", "draw")
    series = series.transpose(*sample_dims, ...)
    with np.errstate(invalid="ignore", divide="ignore"):
        ess = azs.ess(series.values.reshape(*series.shape[:2], -1), method="mean")
    mcse = series.std(sample_dims, ddof=1) / np.sqrt(ess.reshape(series.shape[2:]))
    return in_errors(series.mean(sample_dims), expected, mcse)


def in_errors(value: xr.DataArray, expected: Floats, error: xr.DataArray) -> xr.DataArray:
    """Difference in standard errors; NaN where nothing is random or nothing is expected.

    A constant that differs from what is expected, or an undefined value, is infinitely many
    errors away.
    """
    difference = np.abs(value.values - expected)
    random = error.values > 0
    z = np.where(difference > 1e-9 * np.abs(expected), np.inf, np.nan)
    z[random] = difference[random] / error.values[random]
    z[np.isnan(value.values)] = np.inf
    z[np.isnan(expected)] = np.nan
    return xr.DataArray(z, dims=value.dims, coords=value.coords)


def worst(name: str, values: xr.DataArray, limit: float) -> Check:
    """Make a check of the largest value, and name its cell."""
    if not values.notnull().any():
        return Check(name, np.nan, limit, None, "nothing to compare")
    at = {dim: int(i) for dim, i in values.argmax(...).items()}
    worst = float(values.isel(at))
    labels = [str(values[dim].values[i]) for dim, i in at.items()]
    return Check(name, worst, limit, bool(worst <= limit), " -> ".join(labels))


def convergence_checks(tree: xr.DataTree) -> list[Check]:
    """Judge divergences, R-hat and effective sample size."""
    found = convergence(tree)
    checks = [Check("divergences", found.divergences, 0, found.divergences == 0)]
    if found.quantities == 0:
        return checks
    return [
        *checks,
        Check("R-hat", found.rhat, found.max_rhat, bool(found.rhat <= found.max_rhat)),
        Check("effective sample size, at least", found.ess, MIN_ESS, bool(found.ess >= MIN_ESS)),
    ]


def conclude(checks: Iterable[Check]) -> Verification:
    """Put checks together; one that does not apply cannot fail."""
    done = tuple(checks)
    return Verification(all(check.passed is not False for check in done), done)
