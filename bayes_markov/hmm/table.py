"""The estimates of a hidden chain, one line for each number."""

import csv
import io
from dataclasses import astuple, dataclass, fields

import numpy as np
import xarray as xr
from rich.table import Table

from analytic.validate import check_prob
from bayes_markov.hmm.decoding import emission_of_tree
from bayes_markov.hmm.selection import HiddenFit
from bayes_markov.labels import START
from bayes_markov.tree import variable


@dataclass(frozen=True)
class HiddenEstimate:
    """Estimates of one parameter of a hidden chain.

    See `hidden_estimates` for an example.
    """

    parameter: str
    """A, or a parameter of the emission."""
    state: str
    """Hidden state; of A, the one before."""
    to: str
    """Of A the next state, of B the label; else empty."""
    maximum_likelihood: float
    """Estimate of Baum-Welch."""
    mean: float
    """Posterior mean; NaN where nothing was sampled, as all that follows."""
    low: float
    """Lower end of the equal-tailed credible interval."""
    high: float
    """Its upper end."""
    ess: float
    """Effective sample size, bulk."""
    rhat: float
    """R-hat."""


def hidden_estimates(
    fit: HiddenFit, tree: xr.DataTree | None = None, *, prob: float = 0.95
) -> list[HiddenEstimate]:
    """Tabulate the estimates of a hidden chain.

    Parameters
    ----------
    fit : HiddenFit
        Maximum of the likelihood, from `compare_hidden`.
    tree : xarray.DataTree, optional
        Result of `sample_hmm` for as many states, ordered alike.
    prob : float, default 0.95
        Content of the equal-tailed credible intervals.

    Returns
    -------
    list of HiddenEstimate
        Of the emission first, then of A.

    Raises
    ------
    ValueError
        `prob` outside (0, 1), or a tree of another number of states or emission.
    TypeError
        Not a fit, or not a tree.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts, rng = [0, 1, 0, 8, 9, 7, 9, 0, 1], np.random.default_rng(1)
    >>> table = bm.compare_hidden(counts, n_states=[2], emission="poisson", rng=rng)
    >>> first = hidden_estimates(table.fits[0])[0]
    >>> first.parameter, first.state, round(first.maximum_likelihood, 2)
    ('rate', 's1', 0.4)
    """
    check_prob(prob)
    if not isinstance(fit, HiddenFit):
        raise TypeError(f"fit must be one of compare_hidden(...).fits, got {fit!r:.60}")
    names = [f"s{number + 1}" for number in range(fit.n_states)]
    if tree is not None:
        emission = emission_of_tree(tree)
        if emission != fit.emission.name:
            raise ValueError(f"states of tree emit by {emission}, those of fit {fit.emission.name}")
        names = [str(name) for name in variable(tree, "posterior", "hidden_state").values]
        if len(names) != fit.n_states:
            raise ValueError(f"tree has {len(names)} states and fit has {fit.n_states}")
    categories = [str(label) for label in fit.categories or ()]
    lines = []
    for parameter in (*fit.emission.dims, "A"):
        values = fit.found.A if parameter == "A" else getattr(fit.found.emission, parameter)
        rows = [str(START), *names] if parameter == "A" else names
        columns = {"A": names, "B": categories}.get(parameter, [""])
        posterior = _posterior(tree, parameter, values.shape, prob)
        for index in np.ndindex(values.shape):
            lines.append(
                HiddenEstimate(
                    parameter,
                    rows[index[0]],
                    columns[index[1] if len(index) > 1 else 0],
                    float(values[index]),
                    *(float(part[index]) for part in posterior),
                )
            )
    return lines


def as_csv(lines: list[HiddenEstimate]) -> str:
    """Text of a CSV file; what is undefined is left empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(HiddenEstimate)])
    for line in lines:
        writer.writerow(["" if isinstance(x, float) and np.isnan(x) else x for x in astuple(line)])
    return text.getvalue()


def as_rich(lines: list[HiddenEstimate], *, prob: float) -> Table:
    """Table for a terminal."""
    sampled = any(not np.isnan(line.mean) for line in lines)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "state", "to"):
        table.add_column(name, overflow="fold")
    heads = ["ML", *(["mean", f"{100 * prob:g} % interval", "ESS", "R-hat"] if sampled else [])]
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    before = ""
    for line in lines:
        cells = [
            line.parameter if line.parameter != before else "",
            line.state,
            line.to,
            f"{line.maximum_likelihood:.4f}",
        ]
        before = line.parameter
        if sampled:
            cells += [f"{line.mean:.4f}", f"{line.low:.4f} .. {line.high:.4f}"]
            cells += ["-" if np.isnan(line.ess) else f"{line.ess:.0f}"]
            cells += ["-" if np.isnan(line.rhat) else f"{line.rhat:.3f}"]
        table.add_row(*cells)
    return table


def _posterior(
    tree: xr.DataTree | None, parameter: str, shape: tuple[int, ...], prob: float
) -> list[np.ndarray]:
    """Mean, ends of the interval, effective sample size and R-hat of a parameter."""
    if tree is None:
        return [np.full(shape, np.nan)] * 5
    import arviz_stats as azs

    draws = variable(tree, "posterior", parameter).values
    low, high = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=(0, 1))
    varies = draws.std(axis=(0, 1)) > 1e-12
    ess, rhat = np.full(shape, np.nan), np.full(shape, np.nan)
    if varies.any():
        ess[varies] = azs.ess(draws[..., varies], method="bulk")
        rhat[varies] = azs.rhat(draws[..., varies])
    return [draws.mean(axis=(0, 1)), low, high, ess, rhat]
