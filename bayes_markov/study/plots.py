"""Pictures of studies: risk, coverage and width, with their Monte Carlo error.

Matplotlib is imported when something is drawn.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from analytic.validate import Floats
from bayes_markov.study.plot_style import draw_line, legend_beside, new_axes, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 100
"""Intervals that a bin must hold to be drawn."""

_LABELS = {
    "squared_error": "squared error",
    "total_variation": "total variation distance",
    "kl": "Kullback-Leibler divergence (nats)",
    "prediction": "divergence of the next state's law (nats)",
    "log_score": "log score less that of the truth (nats per step)",
}


def plot_risk(
    study: xr.Dataset,
    *,
    loss: str = "kl",
    estimators: Iterable[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw risk against length, both on log axes, and the risk of the count ratio for long paths.

    Parameters
    ----------
    study : xarray.Dataset
        Result of `risk_study`. With several truths the largest risk over them is drawn.
    loss : str, default "kl"
        Which loss. For "log_score" what is drawn is the loss in excess of the truth's own.
    estimators : iterable of str, optional
        Which estimators; by default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Bands are two Monte Carlo standard errors to either side. A hollow mark, joined to no line,
        is a mean over part of the replicates only: in others the loss was infinite or undefined.

    Raises
    ------
    ValueError
        A loss or an estimator that the study does not have.

    Examples
    --------
    >>> from bayes_markov import risk_study
    >>> A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    >>> ax = plot_risk(risk_study(A, lengths=[10, 100], replicates=100, seed=1), loss="kl")
    >>> ax.get_xscale(), ax.get_yscale()
    ('log', 'log')
    """
    drawn = _chosen(study, "estimator", estimators, "risk_study")
    drawn = _chosen(drawn, "loss", [loss], "risk_study").sel(loss=loss)
    several = "truth" in drawn.dims
    asymptotic = drawn["asymptotic_risk"]
    if several:
        drawn = drawn.assign(
            risk=drawn["worst_risk"],
            risk_se=drawn["worst_risk_se"],
            undefined=drawn["undefined"].max("truth"),
            infinite=drawn["infinite"].max("truth"),
        )
        asymptotic = asymptotic.max("truth")
    excess = loss == "log_score" and not several
    base = asymptotic if excess else xr.zeros_like(asymptotic)
    ax = new_axes(ax)
    lengths = drawn["length"].values
    for name, style in styles(study, "estimator", drawn["estimator"].values):
        line = drawn.sel(estimator=name)
        draw_line(
            ax,
            name,
            style,
            lengths,
            (line["risk"] - base).values,
            line["risk_se"].values,
            hollow=(line["undefined"] + line["infinite"] > 0).values,
        )
    if loss != "log_score":
        label = "count ratio, to first order"
        ax.plot(lengths, asymptotic, color="0.35", lw=3, alpha=0.45, zorder=1, label=label)
    ax.set(xscale="log", yscale="log", xlabel="length of the path")
    ax.set_ylabel(("largest " if several else "") + "risk: " + _LABELS.get(loss, loss))
    ax.set_xticks(lengths, [f"{length:,}" for length in lengths])
    ax.xaxis.minorticks_off()
    if bool((drawn["undefined"] + drawn["infinite"] > 0).any()):
        label = "hollow: mean where finite,\nwhich it is not always"
        ax.plot([], [], ls="none", marker="o", ms=5.5, mfc="white", mec="0.35", label=label)
    legend_beside(ax)
    return ax


def plot_coverage(
    study: xr.Dataset,
    *,
    against: Literal["p", "departures"] = "p",
    length: int | None = None,
    intervals: Iterable[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw coverage against the true probability, or against the row's departures.

    Parameters
    ----------
    study : xarray.Dataset
        Result of `coverage_study`.
    against : {"p", "departures"}, default "p"
        What is on the other axis. For one matrix or several each probability among the states is
        a mark; a prior is drawn in bins. Departures are in bins 1, 2-3, 4-7, ... Bins with fewer
        than 100 intervals are left out.
    length : int, optional
        Which length; by default the longest.
    intervals : iterable of str, optional
        Which intervals; by default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The nominal content is a horizontal line. Bars are two Monte Carlo standard errors to
        either side. Paths that leave a state unusually often, or seldom, are a selection: there
        even a good interval may cover less.

    Raises
    ------
    ValueError
        A length, an interval or an axis that the study does not have.

    Examples
    --------
    >>> from bayes_markov import coverage_study
    >>> A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    >>> options = {"lengths": [20], "prob": 0.9, "replicates": 100, "seed": 1}
    >>> ax = plot_coverage(coverage_study(A, intervals=["wald", "wilson"], **options))
    >>> ax.get_xlabel()
    'true probability'
    """
    if against not in ("p", "departures"):
        raise ValueError(f'against must be "p" or "departures", got {against!r}')
    drawn = _at_length(_chosen(study, "interval", intervals, "coverage_study"), length)
    ax = new_axes(ax)
    prob = float(study.attrs["prob"])
    ax.axhline(prob, color="0.35", lw=3, alpha=0.45, zorder=1, label=f"nominal, {prob:g}")
    lowest, bins = prob, set()
    lines = styles(study, "interval", drawn["interval"].values)
    for number, (name, style) in enumerate(lines):
        x, y, error = _against(drawn.sel(interval=name), "coverage", against)
        bins |= set(x)
        shift = number - (len(drawn["interval"]) - 1) / 2
        # Side by side, because marks at the same probability would hide each other.
        x = x + 0.004 * shift if against == "p" else x * 1.025**shift
        draw_line(ax, name, style, x, y, error, bars=True)
        lowest = min([lowest, *y])
    if against == "p":
        ax.set(xlabel="true probability", xlim=(-0.03, 1.03))
    else:
        _departures_axis(ax, bins)
    ax.set_ylabel(f"coverage at length {int(drawn['length']):,}")
    ax.set_ylim(max(-0.02, lowest - 0.06), 1.02)
    legend_beside(ax)
    return ax


def plot_widths(
    study: xr.Dataset,
    *,
    length: int | None = None,
    intervals: Iterable[str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the mean width of intervals against the row's departures, on log axes.

    Parameters
    ----------
    study : xarray.Dataset
        Result of `coverage_study`.
    length : int, optional
        Which length; by default the longest.
    intervals : iterable of str, optional
        Which intervals; by default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The thick grey line falls as one over the square root of the departures; only its slope
        has a meaning. It starts at the mean of the widths at the right. A mean width of 0 has no
        mark.

    Raises
    ------
    ValueError
        A length or an interval that the study does not have.

    Examples
    --------
    >>> from bayes_markov import coverage_study
    >>> A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    >>> options = {"lengths": [20], "prob": 0.9, "replicates": 100, "seed": 1}
    >>> ax = plot_widths(coverage_study(A, intervals=["wald", "wilson"], **options))
    >>> ax.get_yscale()
    'log'
    """
    drawn = _at_length(_chosen(study, "interval", intervals, "coverage_study"), length)
    ax = new_axes(ax)
    ends, bins = [], set()
    for name, style in styles(study, "interval", drawn["interval"].values):
        x, y, error = _against(drawn.sel(interval=name), "width", "departures")
        x, y, error = (part[y > 0] for part in (x, y, error))  # a log axis has no 0
        draw_line(ax, name, style, x, y, error)
        bins |= set(x)
        if len(x):
            ends.append((x[-1], y[-1]))
    if ends:
        last, level = np.max([x for x, _ in ends]), np.mean([y for _, y in ends])
        x = np.geomspace(min(bins), last, 50)
        ax.plot(
            x,
            level * np.sqrt(last / x),
            color="0.35",
            lw=3,
            alpha=0.45,
            zorder=1,
            label="slope of 1/\N{SQUARE ROOT}n",
        )
    ax.set_yscale("log")
    _departures_axis(ax, bins)
    ax.set_ylabel(f"mean width at length {int(drawn['length']):,}")
    legend_beside(ax)
    return ax


def _chosen(study: xr.Dataset, dim: str, names: Iterable[str] | None, source: str) -> xr.Dataset:
    """Part of a study with the wanted estimators, intervals or loss."""
    if dim not in study.dims:
        raise ValueError(f"study must be a result of {source}, it has no {dim} axis")
    if names is None:
        return study
    has = [str(name) for name in study[dim].values]
    wanted = list(names)
    for name in wanted:
        if name not in has:
            raise ValueError(f"the study has no {dim} {name!r}; choose from {', '.join(has)}")
    return study.sel({dim: wanted})


def _at_length(study: xr.Dataset, length: int | None) -> xr.Dataset:
    """Part of a study at one length."""
    has = [int(n) for n in study["length"].values]
    if length is not None and length not in has:
        raise ValueError(f"the study has no length {length}; choose from {has}")
    return study.sel(length=max(has) if length is None else length)


def _against(study: xr.Dataset, what: str, against: str) -> tuple[Floats, Floats, Floats]:
    """Points of a line: where, what and its standard error."""
    if against == "departures" or "alpha" in study:
        values, errors = (study[f"{what}_by_{against}{end}"] for end in ("", "_se"))
        values = values.where(study[f"cells_by_{against}"] >= FEWEST)
        where = study[f"{against}_bin"].broadcast_like(values)
    else:
        # The states only: s_0 is left once.
        values, errors = (study[f"{what}{end}"].isel(state=slice(1, None)) for end in ("", "_se"))
        where = study["A"].isel(state=slice(1, None))
    x, y, error = (part.transpose(*values.dims).values.ravel() for part in (where, values, errors))
    there = np.isfinite(y) & ((x > 0) if against == "departures" else True)
    order = np.argsort(x, kind="stable")
    order = order[there[order]]
    return x[order].astype(np.float64), y[order], error[order]


def _departures_axis(ax: "Axes", bins: Iterable[float]) -> None:
    """Log axis of departures, with the bins written under their marks."""
    drawn = sorted({int(n) for n in bins})
    ax.set(xscale="log", xlabel="departures from the state, in bins")
    labels = [f"{n}" if n == 1 else f"{n}\N{EN DASH}{2 * n - 1}" for n in drawn]
    ax.set_xticks(drawn, labels, fontsize=None if len(drawn) < 8 else "x-small")
    ax.xaxis.minorticks_off()
