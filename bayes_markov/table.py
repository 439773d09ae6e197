"""The estimates of a fit, one line for each transition."""

import csv
import io
from dataclasses import astuple, dataclass, fields

import numpy as np
import xarray as xr
from rich.table import Table

import analytic
from analytic import DirichletRows, possible_histories
from analytic.validate import check_prob
from bayes_markov.labels import START, Label, dims
from bayes_markov.tree import counts_of_tree, matrix_draws, variable


@dataclass(frozen=True)
class Estimate:
    """Estimates of one transition probability; see `estimates` for an example."""

    history: tuple[Label, ...]
    """Labels of the states before, oldest first."""
    next_state: Label
    """Label of the next state."""
    count: float
    """How often it followed."""
    departures: float
    """How often the history was left; 0 marks a row without data."""
    mle: float
    """Count ratio; NaN in a row without data."""
    mean: float
    """Posterior mean."""
    low: float
    """Lower end of the equal-tailed credible interval."""
    high: float
    """Its upper end."""
    ess: float
    """Effective sample size, bulk; NaN where nothing was sampled."""
    rhat: float
    """R-hat; NaN where nothing was sampled."""


def estimates(tree: xr.DataTree, *, prob: float = 0.95) -> list[Estimate]:
    """Tabulate the estimates of a fit.

    Where a sampler ran, posterior mean and interval are those of its draws; otherwise they are
    the exact ones. Histories that cannot occur have no line.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`.
    prob : float, default 0.95
        Content of the equal-tailed credible interval of each probability.

    Returns
    -------
    list of Estimate

    Raises
    ------
    ValueError
        `prob` outside (0, 1).

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> line = bm.estimates(bm.exact_posterior(counts, seed=1))[-1]
    >>> line.history, line.next_state, line.count, line.mle, line.mean
    (('sun',), 'sun', 1, 0.5, 0.5)
    """
    check_prob(prob)
    counts = counts_of_tree(tree)
    table = counts.pooled
    draws = matrix_draws(tree).values
    ess, rhat = np.full(table.shape, np.nan), np.full(table.shape, np.nan)
    if "sample_stats" in tree.children:
        import arviz_stats as azs

        tails = [(1 - prob) / 2, (1 + prob) / 2]
        mean, (low, high) = draws.mean(axis=(0, 1)), np.quantile(draws, tails, axis=(0, 1))
        cells = draws.reshape(*draws.shape[:2], -1)
        varies = (cells.std(axis=(0, 1)) > 0).reshape(table.shape)
        ess[varies] = azs.ess(cells[..., varies.ravel()], method="bulk")
        rhat[varies] = azs.rhat(cells[..., varies.ravel()])
    else:
        alpha = variable(tree, "constant_data", "alpha").values
        posterior = DirichletRows(alpha, support=alpha > 0).given(table)
        mean, (low, high) = posterior.mean(), posterior.interval(prob=prob)
    mle, departures = analytic.mle(table), table.sum(axis=-1)
    past = (START, *counts.states)
    return [
        Estimate(
            tuple(past[i] for i in row),
            state,
            table[*row, j].item(),
            departures[row].item(),
            *(float(values[*row, j]) for values in (mle, mean, low, high, ess, rhat)),
        )
        for row in map(tuple, np.argwhere(possible_histories(len(counts.states), counts.order)))
        for j, state in enumerate(counts.states)
    ]


def as_csv(lines: list[Estimate]) -> str:
    """Text of a CSV file; what is undefined is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(csv_header(len(lines[0].history)))
    writer.writerows(csv_row(line) for line in lines)
    return text.getvalue()


def csv_header(order: int) -> list[str]:
    """Names of the columns."""
    return [*dims(order)[:-1], *(field.name for field in fields(Estimate)[1:])]


def csv_row(line: Estimate) -> list[object]:
    """Values of a line, one for each column."""
    values = astuple(line)[1:]
    shown = ["" if isinstance(x, float) and np.isnan(x) else x for x in values]
    return [*line.history, *shown]


def as_rich(lines: list[Estimate], *, prob: float) -> Table:
    """Table for a terminal; a row without data says so and shows the prior in grey."""
    sampled = any(not np.isnan(line.rhat) for line in lines)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("state", overflow="fold")
    table.add_column("next", overflow="fold")
    for name in ("count", "MLE", "mean", f"{100 * prob:g} % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    if sampled:
        table.add_column("ESS", justify="right", no_wrap=True)
        table.add_column("R-hat", justify="right", no_wrap=True)
    before = None
    for line in lines:
        empty = line.departures == 0
        state = ", ".join(map(str, line.history)) if line.history != before else ""
        before = line.history
        cells = [
            state,
            str(line.next_state),
            "no data"
            if empty
            else f"{line.count:,g}"
            if line.count % 1
            else f"{int(line.count):,}",
            "-" if empty else f"{line.mle:.4f}",
            f"{line.mean:.4f}",
            f"{line.low:.4f} .. {line.high:.4f}",
        ]
        if sampled:
            cells += ["-" if np.isnan(line.ess) else f"{line.ess:.0f}"]
            cells += ["-" if np.isnan(line.rhat) else f"{line.rhat:.3f}"]
        table.add_row(*cells, style="dim" if empty else None)
    return table
