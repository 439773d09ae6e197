"""What was learned, and the estimates of every unit, as tables."""

import csv
import io
from dataclasses import dataclass

import numpy as np
import xarray as xr
from rich.table import Table

from analytic.validate import check_prob
from bayes_markov.hierarchy.units import select_unit
from bayes_markov.labels import Label
from bayes_markov.table import csv_header, csv_row, estimates
from bayes_markov.tree import counts_of_tree, variable


@dataclass(frozen=True)
class Strength:
    """How strongly units are drawn to the mean row.

    See `strengths` for an example.
    """

    state: Label | None
    """Row; None where all rows have one strength."""
    median: float
    """Posterior median, in transitions."""
    low: float
    """Lower end of the equal-tailed interval."""
    high: float
    """Its upper end."""
    ess: float
    """Effective sample size, bulk."""
    rhat: float
    """R-hat."""


def strengths(tree: xr.DataTree, *, prob: float = 0.95) -> list[Strength]:
    """Tabulate the strengths of a fit with a learned prior.

    Medians, since the posterior of a strength has a heavy tail where the units are alike.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` for a model with strengths.
    prob : float, default 0.95
        Content of the equal-tailed interval.

    Returns
    -------
    list of Strength
        One for each row, or one for all.

    Raises
    ------
    ValueError
        A tree without strengths, or `prob` outside (0, 1).

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["a", "b"], ["b", "b"]], units=["x", "y"])
    >>> tree = bm.sample(bm.partial_pooling_model(counts), seed=1)  # doctest: +SKIP
    >>> bm.strengths(tree)[0].state  # doctest: +SKIP
    '<s0>'
    """
    import arviz_stats as azs

    check_prob(prob)
    if "strength" not in tree.children["posterior"].dataset:
        raise ValueError("tree has no strength; fit a partial_pooling_model, or one like it")
    draws = variable(tree, "posterior", "strength").transpose("chain", "draw", ...)
    rows = draws["state"].values.tolist() if "state" in draws.dims else [None]
    values = draws.values.reshape(*draws.shape[:2], -1)
    low, median, high = np.quantile(values, [(1 - prob) / 2, 0.5, (1 + prob) / 2], axis=(0, 1))
    ess, rhat = azs.ess(values, method="bulk"), azs.rhat(values)
    return [
        Strength(row, *(float(x[i]) for x in (median, low, high, ess, rhat)))
        for i, row in enumerate(rows)
    ]


def strengths_as_rich(lines: list[Strength], *, prob: float) -> Table:
    """Table for a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("state", overflow="fold")
    for name in ("strength", f"{100 * prob:g} % interval", "ESS", "R-hat"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            "all" if line.state is None else str(line.state),
            f"{line.median:.3g}",
            f"{line.low:.3g} .. {line.high:.3g}",
            f"{line.ess:.0f}",
            f"{line.rhat:.3f}",
        )
    return table


def units_as_csv(tree: xr.DataTree, *, prob: float) -> str:
    """Estimates of every unit as the text of a CSV file; what is undefined is left empty."""
    counts = counts_of_tree(tree)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["unit", *csv_header(counts.order)])
    for unit in counts.units or ():
        for line in estimates(select_unit(tree, unit), prob=prob):
            writer.writerow([unit, *csv_row(line)])
    return text.getvalue()
