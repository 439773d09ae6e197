"""What partial pooling does to each unit."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from analytic.validate import Floats, check_prob
from bayes_markov.hierarchy.units import select_mean
from bayes_markov.labels import Label, plain
from bayes_markov.tree import counts_of_tree, variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

COLUMNS = 4
"""Most panels in a line of the figure."""


def plot_shrinkage(
    tree: xr.DataTree, *, state: Label | None = None, prob: float = 0.95
) -> "NDArray[np.object_]":
    """Draw each unit's count ratio and posterior mean against how much is known of it.

    One panel for each next state. Open circles are count ratios, dots posterior means with their
    equal-tailed intervals; a thin line joins the two: that is the shrinkage, towards the mean of
    the population, the horizontal line with its interval. Units without departures have no count
    ratio.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` for a `partial_pooling_model`.
    state : str, int or bool, optional
        Which row; by default the one with the most departures in all units together.
    prob : float, default 0.95
        Content of the equal-tailed intervals.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each next state.

    Raises
    ------
    ValueError
        A tree of another model, a state that is not there, or `prob` outside (0, 1).

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> tree = bm.sample(bm.partial_pooling_model(counts), seed=1)  # doctest: +SKIP
    >>> axes = bm.plot_shrinkage(tree, state="b")  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    check_prob(prob)
    population = variable(select_mean(tree), "posterior", "A")
    A = variable(tree, "posterior", "A")
    counts = counts_of_tree(tree)
    tables = counts.tables
    title = "next state"
    if counts.order == 1:
        known = A["state"].values.tolist()
        pooled = counts.pooled.sum(axis=-1)
        row = int(pooled.argmax()) if state is None else _index(state, known)
        A, population = A.isel(state=row), population.isel(state=row)
        tables = tables[:, row]
        title = f"out of {plain(known[row])}"
    elif state is not None:
        raise ValueError(f"state is {state!r}, but the counts are of order 0; leave it out")
    departures = np.asarray(tables.sum(axis=-1), dtype=np.float64)
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    mean = A.mean(("chain", "draw")).transpose("unit", "next_state").values
    low, high = np.quantile(A.transpose("chain", "draw", "unit", "next_state"), tails, axis=(0, 1))
    centre = population.mean(("chain", "draw")).values
    bottom, top = np.quantile(population.transpose("chain", "draw", ...), tails, axis=(0, 1))

    n_states = len(counts.states)
    lines = -(-n_states // COLUMNS)
    columns = -(-n_states // lines)
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(1.2 + 2.9 * columns, 1.1 + 2.6 * lines),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    # Units with as many departures are set beside each other.
    x = departures + _beside(departures)
    with np.errstate(invalid="ignore"):
        ratio = tables / departures[:, None]
    for j, ax in enumerate(axes.flat):
        if j >= n_states:
            ax.set_axis_off()
            continue
        ax.axhspan(bottom[j], top[j], color="C1", alpha=0.25, lw=0)
        ax.axhline(centre[j], color="C1", label="population mean")
        ax.vlines(x, ratio[:, j], mean[:, j], color="0.6", lw=0.6)
        ax.vlines(x, low[:, j], high[:, j], color="C0", lw=1, alpha=0.45)
        ax.plot(x, ratio[:, j], "o", mfc="none", mec="0.45", ms=4, label="count ratio")
        ax.plot(x, mean[:, j], "o", color="C0", ms=3.5, label="posterior mean")
        ax.set_title(f"to {plain(counts.states[j])}")
        ax.set_ylim(-0.03, 1.03)
    _name_axes(axes[:, 0], axes.flat[:n_states], title, columns)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    labels[-1] += f"  ({100 * prob:g} % intervals)"
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return np.asarray(axes.flat[:n_states])


def _name_axes(
    first: "NDArray[np.object_]", used: "NDArray[np.object_]", title: str, columns: int
) -> None:
    """Name the vertical axes on the left and the horizontal ones at the foot."""
    ax: Axes
    for ax in first:
        ax.set_ylabel("probability")
    for ax in used[-columns:]:
        ax.set_xlabel(f"departures of the unit {title}")
        ax.tick_params(labelbottom=True)


def _beside(departures: Floats) -> Floats:
    """Small shifts that set apart what has the same number of departures."""
    shift = np.zeros(len(departures))
    for value in np.unique(departures):
        same = np.flatnonzero(departures == value)
        shift[same] = np.linspace(-0.3, 0.3, len(same)) if len(same) > 1 else 0.0
    return shift


def _index(state: Label, known: list[Label]) -> int:
    """Position of a state."""
    if state not in known:
        raise ValueError(f"state is {state!r}; the rows are {', '.join(map(repr, known))}")
    return known.index(state)
