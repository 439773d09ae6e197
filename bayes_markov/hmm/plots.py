"""Pictures of hidden chains: the decoded states over time, and what each state emits."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analytic.validate import Floats, check_prob
from bayes_markov.hmm.decoding import GROUP, check_decoded, emission_of_tree
from bayes_markov.hmm.emission import CATEGORY, STATE
from bayes_markov.hmm.emissions import EMISSIONS
from bayes_markov.labels import Label, plain
from bayes_markov.tree import variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHADES = ("C0", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9")
_MARKERS = "os^Dv*PX<>"

_DRAWS = 400
"""Draws that bands are made of at most."""

_NOTHING = 1e-3
"""Counts that are less likely than this in a state are left out for it."""

_POINTS = 300
"""Points of a curve."""


def plot_states(
    tree: xr.DataTree, *, sequence: Label | None = None, figure: "Figure | None" = None
) -> "Figure":
    """Draw the observations of a sequence over time, and below them the states behind them.

    The observations have the colour and mark of the state that is likeliest at their time; below,
    the height of each colour is the probability of its state. A line shows Viterbi's path, if
    `add_viterbi` has added it.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `add_state_probabilities`.
    sequence : str, int or bool, optional
        Name of the sequence; needed where there are several.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        The probabilities were not added, or no such sequence.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> decoded = bm.add_state_probabilities(tree)  # doctest: +SKIP
    >>> figure = bm.plot_states(decoded, sequence=0)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    check_decoded(tree)
    observed, states = tree["observed_data"].dataset, tree[GROUP].dataset
    rows = _rows_of(tree, sequence)
    time, values = observed["time"].values[rows], observed["observations"].values[rows]
    if time.dtype.kind not in "iufM":
        time = _as_dates(time)
    probability = states["probability"].values[rows]
    names = [plain(name) for name in states[STATE].values]
    likeliest = probability.argmax(axis=1)
    if figure is None:
        figure = plt.figure(figsize=(9, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    upper.plot(time, values, color="0.8", lw=0.8, zorder=1)
    size = 28 if rows.size <= 300 else 10
    for number, name in enumerate(names):
        here = (likeliest == number) & ~np.isnan(values)
        upper.scatter(
            time[here],
            values[here],
            s=size,
            color=_SHADES[number % 10],
            marker=_MARKERS[number % 10],
            label=name,
            zorder=2,
        )
    if CATEGORY in tree["posterior"].coords:
        labels = [plain(label) for label in variable(tree, "posterior", CATEGORY).values]
        upper.set_yticks(range(len(labels)), labels)
        upper.set_ylim(-0.5, len(labels) - 0.5)
    upper.set_ylabel("observation")
    upper.legend(title="likeliest state", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    lower.stackplot(
        time,
        probability.T,
        colors=[_SHADES[n % 10] for n in range(len(names))],
        alpha=0.75,
        step="mid",
    )
    lower.set(ylim=(0, 1), ylabel="probability", xlabel="time")
    if time.dtype.kind == "M":
        locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
        lower.xaxis.set_major_locator(locator)
        lower.xaxis.set_major_formatter(
            ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        )
    if len(time) > 1:
        lower.set_xlim(time[0] - (time[1] - time[0]) / 2, time[-1] + (time[-1] - time[-2]) / 2)
    if "viterbi" in states:
        path = states["viterbi"].values[rows]
        right = lower.twinx()
        right.step(time, path, where="mid", color="black", lw=1)
        right.set_yticks(range(len(names)), names)
        right.set(ylim=(-0.5, len(names) - 0.5), ylabel="Viterbi")
    return figure


def plot_emissions(tree: xr.DataTree, *, prob: float = 0.95, ax: "Axes | None" = None) -> "Axes":
    """Draw what each state emits: posterior mean of its distribution, and how uncertain it is.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample_hmm`.
    prob : float, default 0.95
        Content of the equal-tailed interval around each value of a distribution.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        With all observations in grey behind the states.

    Raises
    ------
    ValueError
        `prob` outside (0, 1), or a tree of another kind.

    Examples
    --------
    >>> ax = plot_emissions(tree)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    check_prob(prob)
    kind = emission_of_tree(tree)
    observed = variable(tree, "observed_data", "observations").values
    seen = observed[~np.isnan(observed)]
    grid = _grid(kind, seen, tree)
    density = _densities(tree, kind, grid)
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    mean, (low, high) = density.mean(axis=0), np.quantile(density, tails, axis=0)
    names = [plain(name) for name in variable(tree, "posterior", STATE).values]
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
    if kind == "gaussian":
        ax.hist(seen, bins="auto", density=True, color="0.88", label="observations")
    else:
        share = np.bincount(seen.astype(np.int64), minlength=grid.size)[: grid.size] / seen.size
        ax.bar(grid, share, width=0.9, color="0.88", label="observations")
    for number, name in enumerate(names):
        shade, marker = _SHADES[number % 10], _MARKERS[number % 10]
        if kind == "gaussian":
            ax.fill_between(grid, low[:, number], high[:, number], color=shade, alpha=0.3, lw=0)
            ax.plot(grid, mean[:, number], color=shade, label=name)
            continue
        shown = high[:, number] > (_NOTHING if kind == "poisson" else 0.0)
        at = grid + 0.5 * ((number + 0.5) / len(names) - 0.5)
        ax.vlines(at[shown], low[shown, number], high[shown, number], color=shade, lw=2)
        ax.plot(at[shown], mean[shown, number], marker, color=shade, ms=5, label=name)
    if kind == "categorical":
        labels = [plain(label) for label in variable(tree, "posterior", CATEGORY).values]
        ax.set_xticks(range(len(labels)), labels)
    ax.set(xlabel="observation", ylabel="density" if kind == "gaussian" else "probability")
    ax.set_ylim(bottom=0)
    handles, texts = ax.get_legend_handles_labels()
    first = texts.index("observations")
    order = [first, *(n for n in range(len(texts)) if n != first)]
    ax.legend(
        [handles[n] for n in order],
        [texts[n] for n in order],
        title=f"state ({100 * prob:g} % interval)",
        frameon=False,
    )
    return ax


def _rows_of(tree: xr.DataTree, sequence: Label | None) -> Any:
    """Rows of one sequence."""
    names = variable(tree, "log_likelihood", "sequence").values.tolist()
    if sequence is None:
        if len(names) > 1:
            raise ValueError(f"there are {len(names)} sequences; name one, such as {names[0]!r}")
        sequence = names[0]
    if sequence not in names:
        raise ValueError(f"sequence must be one of {names[:8]}, got {sequence!r}")
    codes = variable(tree, "observed_data", "sequence_code").values
    return np.flatnonzero(codes == names.index(sequence))


def _grid(kind: str, seen: Floats, tree: xr.DataTree) -> Floats:
    """Observations at which distributions are drawn."""
    if kind == "gaussian":
        margin = 0.1 * max(float(np.ptp(seen)), 1e-12)
        return np.linspace(seen.min() - margin, seen.max() + margin, _POINTS)
    if kind == "categorical":
        return np.arange(tree["posterior"].sizes[CATEGORY], dtype=np.float64)
    return np.arange(seen.max() + 2)


def _densities(tree: xr.DataTree, kind: str, grid: Floats) -> Floats:
    """Densities of some draws, shape (draws, points, states)."""
    family = EMISSIONS[kind]
    draws = {name: variable(tree, "posterior", name).values for name in family.dims}
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in draws.items()}
    number = len(next(iter(flat.values())))
    kept = np.linspace(0, number - 1, min(number, _DRAWS)).round().astype(np.int64)
    return np.array(
        [
            np.exp(family.at({name: values[i] for name, values in flat.items()}).log_prob(grid))
            for i in kept
        ]
    )


def _as_dates(time: Any) -> Any:
    """Turn text into numbers or dates, or else into positions."""
    for kind in ("float64", "datetime64[s]"):  # the year 10 is a number first
        try:
            return time.astype(kind)
        except ValueError:
            continue
    return np.arange(1, time.size + 1)
