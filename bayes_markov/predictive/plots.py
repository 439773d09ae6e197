"""Picture of a predictive check: where the data lie among their replicates. ArviZ draws."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import arviz as az
import arviz_plots as azp
import arviz_stats as azs
import numpy as np
import xarray as xr

from bayes_markov.labels import plain
from bayes_markov.predictive.check import check_fit, statistics_of

_COLUMNS, _BARS = 4, 30


def plot_check(
    tree: xr.DataTree,
    *,
    group: Literal["posterior_predictive", "prior_predictive"] = "posterior_predictive",
    statistics: Iterable[str] | None = None,
    **kwargs: Any,
) -> azp.PlotCollection:
    """Draw the predictive distribution of each statistic, and mark its value in the data.

    A panel for each statistic, or for each state of one that is about a state, with the p-value
    of `check_fit`. Replicates in which a statistic is undefined are left out; a statistic without
    a value in the data or in any replicate has no panel.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `posterior_predictive` or `prior_predictive`.
    group : {"posterior_predictive", "prior_predictive"}
        Which of the two to draw.
    statistics : iterable of str, optional
        Names of the statistics to draw; by default all.
    **kwargs
        Passed to `arviz.plot_ppc_tstat`.

    Returns
    -------
    arviz_plots.PlotCollection

    Raises
    ------
    ValueError
        A tree without the group, a statistic that it does not hold, or nothing to draw.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> data = [["sun", "sun", "rain", "rain", "rain"], ["rain", "sun"]]
    >>> tree = bm.exact_posterior(bm.TransitionCounts.from_sequences(data), seed=1)
    >>> checked = bm.posterior_predictive(tree, data, seed=1)
    >>> pc = bm.plot_check(checked, statistics=["longest_run"], backend="none")
    """
    checks = check_fit(tree, group=group).statistics
    wanted = _wanted(statistics, [check.statistic for check in checks])
    replicates: dict[str, xr.DataArray] = {}
    observed: dict[str, float] = {}
    titles: dict[str, str] = {}
    bars: list[xr.DataArray] = []
    for check, (_, _, value, values) in zip(checks, statistics_of(tree, group), strict=True):
        if check.statistic in wanted and np.isfinite(check.p):
            panel = f"panel {len(titles)}"  # a label may hold what a variable's name may not
            titles[panel] = f"{plain(check.label)}\np = {check.p:.3f}" + "  *" * check.outside
            replicates[panel] = xr.DataArray(values, dims=("chain", "draw"))
            bars.append(_histogram(panel, replicates[panel]))
            observed[panel] = value
    if not titles:
        raise ValueError("no statistic to draw has a value in the data and in the replicates")
    drawn = xr.DataTree.from_dict(
        {f"/{group}": xr.Dataset(replicates), "/observed_data": xr.Dataset(observed)}
    )
    rows, columns = -(-len(titles) // _COLUMNS), min(len(titles), _COLUMNS)
    options = {
        "kind": "hist",
        "stats": {"dist": xr.merge(bars, compat="override", join="outer")},
        "t_stat": "mean",  # of a single value: ArviZ wants a summary, the statistic is one already
        "labeller": _Titles(titles),
        "col_wrap": _COLUMNS,
        "figure_kwargs": {"figsize": (2.7 * columns, 2.1 * rows + 0.5), "layout": "constrained"},
    }
    visuals = {
        "title": {},
        "dist": {"color": "0.6"},
        "observed_tstat": {"color": "black", "marker": "^", "size": 90},
        **kwargs.pop("visuals", {}),
    }
    with az.rc_context({"plot.max_subplots": None}), warnings.catch_warnings():
        # A statistic such as the share of a single first state is 0 or 1 and is no binary outcome.
        warnings.filterwarnings("ignore", "Variables .* look binary", UserWarning)
        return az.plot_ppc_tstat(drawn, group=group, visuals=visuals, **(options | kwargs))


def _histogram(name: str, values: xr.DataArray) -> xr.DataArray:
    """Histogram by ArviZ, each bar over as many whole numbers where a statistic takes those only.

    ArviZ's own edges fall between whole numbers at random, and fail where nothing varies.
    """
    defined = values.values[~np.isnan(values.values)]
    low, high = defined.min(), defined.max()
    if (defined == np.floor(defined)).all():
        width = (high - low) // _BARS + 1
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.histogram_bin_edges(defined, _BARS)
    bins = xr.DataArray(edges, dims=f"edges_dim_{name}")
    drawn: xr.DataArray = azs.histogram(values.rename(name), dim=["chain", "draw"], bins=bins)
    drawn.attrs["kind"] = "hist"
    return drawn


def _wanted(statistics: Iterable[str] | None, present: list[str]) -> set[str]:
    """Check the names of the statistics to draw."""
    if statistics is None:
        return set(present)
    names = [statistics] if isinstance(statistics, str) else list(statistics)
    for name in names:
        if name not in present:
            raise ValueError(
                f"statistic {name!r} is not in the tree, which has "
                f"{', '.join(dict.fromkeys(present))}"
            )
    return set(names)


class _Titles(az.labels.BaseLabeller):  # type: ignore[misc]
    """Title of a panel: statistic, state and p-value."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self.titles = titles

    def make_label_vert(self, var_name: str, sel: Mapping[str, Any], isel: Any) -> str:
        return self.titles[var_name]
