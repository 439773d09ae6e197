"""The totals of a study as a labelled dataset, with a standard error beside every number."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from analytic.validate import Floats
from bayes_markov._version import __version__
from bayes_markov.labels import coords, dims
from bayes_markov.study.cells import Arrays, Cell
from bayes_markov.study.coverage_cells import P_BINS
from bayes_markov.study.losses import Loss
from bayes_markov.study.moments import Moments, mean_and_error, share_and_error
from bayes_markov.study.plan import Plan

PRIOR_DRAWS = 10_000
"""Truths that the asymptotic risk under a prior is averaged over."""


def add_up(cells: Iterable[Cell], results: Iterable[Arrays], averaged: set[str]) -> Arrays:
    """Merge the blocks of each truth, in their order: `averaged` arrays are moments, others sums.

    Returns
    -------
    dict of ndarray
        The arrays of the cells, with a first axis for the truths.
    """
    totals: list[Arrays] = []
    for (_, block), result in zip(cells, results, strict=True):
        if block == 0:
            totals.append(result)
            continue
        before = totals[-1]
        totals[-1] = {
            key: np.array(Moments(*before[key]).merged(Moments(*values)))
            if key in averaged
            else before[key] + values
            for key, values in result.items()
        }
    return {key: np.stack([total[key] for total in totals]) for key in totals[0]}


def risk_dataset(plan: Plan, losses: dict[str, Loss], totals: Arrays) -> xr.Dataset:
    """Label the totals of `risk_cell`."""
    found: dict[str, tuple[tuple[str, ...], Floats]] = {}
    for prefix, key, extra in (("", "risk", ()), ("row_", "row_risk", ("state",))):
        kinds = _moments(totals[key])
        shape = ("truth", "length", "estimator", "loss", *extra)
        found |= _pair(key, shape, mean_and_error(kinds))
        for kind in ("undefined", "infinite"):
            pair = share_and_error(getattr(kinds, kind), kinds.number)
            found |= _pair(prefix + kind, shape, pair)
    bias = mean_and_error(_moments(totals["bias"]))
    found |= _pair("bias", ("truth", "length", "estimator", *dims(1)), bias)
    found["asymptotic_risk"] = ("truth", "length", "loss"), _asymptotic(plan, losses)
    labels = {"estimator": list(plan.rules), "loss": list(losses)}
    dataset = _labelled(plan, found, labels, ("estimator", "loss", "length", *dims(1)))
    return _with_worst(dataset, "risk", largest=True) if plan.truth.several else dataset


def coverage_dataset(plan: Plan, prob: float, totals: Arrays) -> xr.Dataset:
    """Label the totals of `coverage_cell`."""
    cell = ("truth", "length", "interval", *dims(1))
    number = np.asarray(plan.replicates, dtype=np.float64)
    found = _pair("coverage", cell, share_and_error(totals["covers"], totals["defined"]))
    found |= _pair("width", cell, mean_and_error(_moments(totals["width"])))
    found |= _pair("undefined", cell, share_and_error(number - totals["defined"], number))
    joint = share_and_error(totals["joint"], totals["joint_defined"])
    found |= _pair("joint_coverage", cell[:-1], joint)
    departures = mean_and_error(_moments(totals["departures"]))
    found |= _pair("departures", ("truth", "length", "state"), departures)
    for name in ("p", "departures"):
        bins = ("truth", "length", "interval", f"{name}_bin")
        m, mm, c, cc, cm, w, ww, wm = np.moveaxis(totals[f"by_{name}"], 1, 0)
        share, error = _ratio(c, m, cc, cm, mm, plan.replicates)
        # Ratios of all or nothing vary in no path, and are not certain for it.
        error = np.fmax(error, share_and_error(c, m)[1])
        found |= _pair(f"coverage_by_{name}", bins, (share, error))
        width = _ratio(w, m, ww, wm, mm, plan.replicates)
        found |= _pair(f"width_by_{name}", bins, width)
        found[f"cells_by_{name}"] = bins, m
    n_bins = totals["by_departures"].shape[-1]
    labels = {
        "interval": list(plan.rules),
        "p_bin": (np.arange(P_BINS) + 0.5) / P_BINS,
        "departures_bin": np.array([0, *(2 ** np.arange(n_bins - 1))]),
    }
    order = ("interval", "length", *dims(1), "p_bin", "departures_bin")
    dataset = _labelled(plan, found, labels, order).assign_attrs(prob=prob)
    return _with_worst(dataset, "coverage", largest=False) if plan.truth.several else dataset


def _moments(array: Floats) -> Moments:
    """Moments from an array (truths, 5, ...)."""
    return Moments(*np.moveaxis(array, 1, 0))


def _pair(
    name: str, shape: tuple[str, ...], values: tuple[Floats, Floats]
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Put a number and its standard error under their names."""
    return {name: (shape, values[0]), f"{name}_se": (shape, values[1])}


def _ratio(
    y: Floats, m: Floats, yy: Floats, ym: Floats, mm: Floats, replicates: int
) -> tuple[Floats, Floats]:
    """Ratio of two sums over independent paths, and its standard error to first order."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = y / m
        residual = np.maximum(yy - 2 * ratio * ym + ratio**2 * mm, 0)
        return ratio, np.sqrt(residual * replicates / (replicates - 1)) / m


def _asymptotic(plan: Plan, losses: dict[str, Loss]) -> Floats:
    """Risk of the count ratio to first order, shape (truths, lengths, losses)."""
    if plan.truth.matrices is None:
        # A key that no cell has: cells have three parts or more.
        A = plan.truth.draw(0, PRIOR_DRAWS, plan.rng(0))[None]
    else:
        A = plan.truth.matrices[:, None]
    risks = [[loss.asymptotic(A, length) for loss in losses.values()] for length in plan.lengths]
    return np.asarray(np.moveaxis(np.mean(risks, axis=-1), -1, 0))


def _labelled(
    plan: Plan,
    found: dict[str, tuple[tuple[str, ...], Floats]],
    labels: dict[str, Any],
    order: tuple[str, ...],
) -> xr.Dataset:
    """Dataset with the truth and its origin; labels are text, so that it can be saved."""
    kind = "alpha" if plan.truth.prior is not None else "A"
    truths = np.reshape(plan.truth.values, (plan.truth.number, *plan.truth.values.shape[-2:]))
    dataset = xr.Dataset(
        {**found, kind: (("truth", *dims(1)), truths)},
        coords={
            "truth": np.arange(plan.truth.number),
            "length": list(plan.lengths),
            **labels,
            **coords(plan.states, 1),
        },
        attrs={
            "replicates": plan.replicates,
            "seed": plan.seed,
            "truth": "prior" if plan.truth.prior is not None else "matrices",
            "bayes_markov_version": __version__,
            "numpy_version": np.__version__,
        },
    )
    dataset = dataset.transpose("truth", *order, missing_dims="ignore")
    return dataset if plan.truth.several else dataset.isel(truth=0, drop=True)


def _with_worst(dataset: xr.Dataset, name: str, *, largest: bool) -> xr.Dataset:
    """Add the worst value over the truths, its standard error, and the truth where it occurs."""
    values = dataset[name]
    key = values.fillna(-np.inf) if largest else -values.fillna(np.inf)
    where = key.argmax("truth")
    none = values.isnull().all("truth")
    return dataset.assign(
        {
            f"worst_{name}": values.isel(truth=where, drop=True).drop_vars("truth"),
            f"worst_{name}_se": dataset[f"{name}_se"].isel(truth=where).drop_vars("truth"),
            "worst_truth": dataset["truth"].isel(truth=where).drop_vars("truth").where(~none),
        }
    )
