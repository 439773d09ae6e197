"""Pictures of a posterior with the estimates laid over it; ArviZ draws, nothing is computed here.

Rows without data show the prior and nothing else, so they are left out unless asked for.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import arviz as az
import arviz_plots as azp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

import analytic
from analytic import possible_histories
from analytic.validate import Floats, check_prob
from bayes_markov.labels import plain
from bayes_markov.tree import counts_of_tree, matrix_draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = tuple(
    zip("|x+^vsD*<>", ("C3", "C1", "C4", "C5", "C6", "C7", "C8", "C9", "C2", "k"), strict=True)
)
"""Shape and colour of each estimate; the shapes differ, so that grey prints stay readable."""

_LARGEST_ANNOTATED = 12
"""A matrix with more states than this is drawn without numbers in its cells."""


def plot_forest(
    tree: xr.DataTree,
    *,
    prob: float = 0.95,
    estimates: Mapping[str, ArrayLike] | None = None,
    rows_without_data: bool = False,
    **kwargs: Any,
) -> azp.PlotCollection:
    """Draw a line for each transition: posterior mean, intervals, and the estimates over them.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    prob : float, default 0.95
        Content of the long interval; the short, thick one has content 0.5. Both have equal tails.
    estimates : mapping of str to array_like, optional
        Probabilities to mark, by name, each of the shape of A. By default the count ratio, "MLE".
    rows_without_data : bool, default False
        Draw rows that nobody left as well.
    **kwargs
        Passed to `arviz.plot_forest`.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    ValueError
        `prob` outside (0, 1), or an estimate of another shape.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> pc = bm.plot_forest(bm.exact_posterior(counts, seed=1), backend="none")
    """
    check_prob(prob)
    posterior, marks = _drawn(tree, estimates, rows_without_data)
    lines = posterior.sizes["state"] * posterior.sizes["next_state"]
    options = {
        "combined": True,
        "point_estimate": "mean",
        "ci_kind": "eti",
        "ci_probs": (0.5, prob),
        "labels": ["state", "next_state"],
        "figure_kwargs": {"figsize": (9, 1.2 + 0.24 * lines), "layout": "constrained"},
    }
    pc = az.plot_forest(
        xr.DataTree.from_dict({"/posterior": posterior[["A"]]}), var_names="A", **(options | kwargs)
    )
    for (name, values), (marker, color) in zip(marks.items(), _MARKS, strict=False):
        pc.map(
            azp.visuals.scatter_x,
            name,
            data=values.to_dataset(name="A"),
            coords={"column": "forest"},
            ignore_aes=pc.aes_set - {"y"},
            color=color,
            marker=marker,
            size=110,
            width=2,
        )
    if pc.backend == "matplotlib":
        _finish_forest(pc, prob, marks)
    return pc


def plot_posterior(
    tree: xr.DataTree,
    *,
    prob: float = 0.95,
    estimates: Mapping[str, ArrayLike] | None = None,
    rows_without_data: bool = False,
    **kwargs: Any,
) -> azp.PlotCollection:
    """Draw the marginal density of each transition probability, a row of panels for each state.

    The peak of a marginal density is not the mode of the joint density: the estimate that is
    marked need not lie under it.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    prob : float, default 0.95
        Content of the equal-tailed interval under each density.
    estimates : mapping of str to array_like, optional
        Probabilities to mark, by name, each of the shape of A. By default the count ratio, "MLE".
    rows_without_data : bool, default False
        Draw rows that nobody left as well.
    **kwargs
        Passed to `arviz.plot_dist`.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    ValueError
        `prob` outside (0, 1), or an estimate of another shape.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> pc = bm.plot_posterior(bm.exact_posterior(counts, seed=1), backend="none")
    """
    check_prob(prob)
    posterior, marks = _drawn(tree, estimates, rows_without_data)
    rows, columns = posterior.sizes["state"], posterior.sizes["next_state"]
    backend = kwargs.pop("backend", None)
    options = {
        "point_estimate": "mean",
        "ci_kind": "eti",
        "ci_prob": prob,
        "labeller": _ArrowLabeller(),
        "visuals": {"point_estimate_text": False},
    }
    drawn = posterior[["A"]]
    with az.rc_context({"plot.max_subplots": None}):
        pc = azp.PlotCollection.grid(
            drawn,
            rows=["state"],
            cols=["next_state"],
            backend=backend,
            figure_kwargs={
                "figsize": (2.6 * columns, 2.1 * rows + 0.5),
                "layout": "constrained",
            },
        )
        az.plot_dist(
            xr.DataTree.from_dict({"/posterior": drawn}),
            var_names="A",
            plot_collection=pc,
            **(options | kwargs),
        )
    for (name, values), (_, color) in zip(marks.items(), _MARKS, strict=False):
        pc.map(
            azp.visuals.vline,
            name,
            data=values.to_dataset(name="A"),
            ignore_aes=pc.aes_set,
            color=color,
            linestyle="--",
        )
    if pc.backend == "matplotlib" and marks:
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=color, linestyle="--", label=name)
            for name, (_, color) in zip(marks, _MARKS, strict=False)
        ]
        figure = pc.viz["figure"].item()
        figure.legend(handles=handles, loc="outside upper center", ncols=len(marks), frameon=False)
    return pc


def plot_matrix(
    tree: xr.DataTree,
    *,
    rows_without_data: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the posterior mean of A as a matrix, departures beside the rows.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    rows_without_data : bool, default False
        Draw rows that nobody left as well; they show the prior.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> ax = bm.plot_matrix(bm.exact_posterior(counts, seed=1))
    """
    import matplotlib.pyplot as plt

    posterior, _ = _drawn(tree, {}, rows_without_data)
    mean = posterior["A"].mean(("chain", "draw"))
    states, next_states = mean["state"].values, mean["next_state"].values
    if ax is None:
        size = (2.4 + 0.75 * len(next_states), 1.6 + 0.5 * len(states))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    image = ax.imshow(mean.values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(next_states)), next_states, rotation=45 * (len(next_states) > 6))
    departures = posterior["departures"].values
    ax.set_yticks(
        range(len(states)), [f"{s}  (n = {n:,})" for s, n in zip(states, departures, strict=True)]
    )
    ax.set(xlabel="next state", ylabel="state", title="posterior mean of A")
    if len(next_states) <= _LARGEST_ANNOTATED:
        for (row, column), value in np.ndenumerate(mean.values):
            shade = "white" if value > 0.6 else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=shade)
    ax.figure.colorbar(image, ax=ax, label="probability")
    return ax


class _ArrowLabeller(az.labels.BaseLabeller):  # type: ignore[misc]
    """Title of a panel: "sun → rain"."""

    def make_label_vert(self, var_name: str, sel: Mapping[str, Any], isel: Any) -> str:
        return f"{sel['state']} → {sel['next_state']}"


def _drawn(
    tree: xr.DataTree, estimates: Mapping[str, ArrayLike] | None, rows_without_data: bool
) -> tuple[xr.Dataset, dict[str, xr.DataArray]]:
    """Posterior and estimates over (state, next_state), a longer history joined into one label."""
    counts = counts_of_tree(tree)
    n_states, shape = len(counts.states), counts.pooled.shape
    if estimates is None:
        estimates = {"MLE": analytic.mle(counts.pooled)}
    A = matrix_draws(tree)
    departures = counts.pooled.sum(axis=-1).reshape(-1)
    wanted = possible_histories(n_states, counts.order).reshape(-1)
    if not rows_without_data:
        wanted = wanted & (departures > 0)

    if not wanted.any():
        raise ValueError("no row has data; pass rows_without_data=True to see the prior")
    if len(estimates) > len(_MARKS):
        raise ValueError(f"estimates has {len(estimates)} entries, expected {len(_MARKS)} at most")
    history = [[plain(label) for label in A[dim].values] for dim in A.dims[2:-1]]
    labels = [
        ", ".join(h[i] for h, i in zip(history, at, strict=True)) for at in np.ndindex(shape[:-1])
    ]
    coords = {
        "state": np.array(labels)[wanted],
        "next_state": [plain(label) for label in counts.states],
    }

    def rows(values: Floats) -> Floats:
        flat = values.reshape(*values.shape[: values.ndim - len(shape)], -1, n_states)
        return np.asarray(flat[..., wanted, :])

    posterior = xr.Dataset(
        {
            "A": (("chain", "draw", "state", "next_state"), rows(A.values)),
            "departures": ("state", departures[wanted]),
        },
        coords=coords | {"chain": A["chain"], "draw": A["draw"]},
    )
    marks = {}
    for name, values in estimates.items():
        array = np.asarray(values, dtype=np.float64)
        if array.shape != shape:
            raise ValueError(f"estimate {name!r} has shape {array.shape}, expected {shape}")
        marks[name] = xr.DataArray(rows(array), dims=("state", "next_state"), coords=coords)
    return posterior, marks


def _finish_forest(pc: azp.PlotCollection, prob: float, marks: dict[str, xr.DataArray]) -> None:
    """Say what the marks are, above the lines, and make room for all of them."""
    from matplotlib.lines import Line2D

    color = "C0"
    handles = [
        Line2D(
            [], [], color=color, marker="o", markerfacecolor="white", lw=0, label="posterior mean"
        ),
        Line2D([], [], color=color, lw=3, label="50 % interval"),
        Line2D([], [], color=color, lw=1, label=f"{100 * prob:g} % interval"),
    ]
    handles += [
        Line2D([], [], color=c, marker=m, lw=0, markersize=10, markeredgewidth=2, label=name)
        for name, (m, c) in zip(marks, _MARKS, strict=False)
    ]
    axes = pc.viz["plot"].sel(column="forest").item()
    axes.set_xlabel("transition probability")
    low, high = axes.get_xlim()
    ends = [float(end) for mark in marks.values() for end in (mark.min(), mark.max())]
    axes.set_xlim(min([low, *(x - 0.02 for x in ends)]), max([high, *(x + 0.02 for x in ends)]))
    labels = pc.viz["plot"].sel(column="labels").item()
    labels.set_xticklabels(["state", "next"])
    heights = pc.get_aes_as_dataset("y")["A"]
    for part in (axes, labels):
        part.set_ylim(float(heights.min()) - 0.8, float(heights.max()) + 0.8)
        for state in heights["state"].values[1::2]:
            rows = heights.sel(state=state)
            part.axhspan(float(rows.min()) - 0.5, float(rows.max()) + 0.5, color="0.96", zorder=-9)
    axes.figure.legend(
        handles=handles, loc="outside upper center", ncols=len(handles), frameon=False
    )
