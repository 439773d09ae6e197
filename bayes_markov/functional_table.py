"""Functionals of A estimated twice, from the counts and from the posterior, side by side."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from analytic import DirichletRows, delta_se, is_irreducible, plug_in
from analytic.functionals import Functional
from analytic.validate import Bools, Counts, Floats, check_prob
from bayes_markov.functionals import draws_of_block, functionals_named, states_of
from bayes_markov.labels import Label
from bayes_markov.psis import GOOD_K, MIN_DRAWS
from bayes_markov.tree import alpha_of_tree, counts_of_tree

MCSE_LIMIT = 5.0
"""Monte Carlo standard errors beyond which two means differ; by chance once in 1.7 million."""

_LABEL_WIDTH, _ROUNDING = 15, 1e-9


@dataclass(frozen=True)
class FunctionalEstimate:
    """Estimates of one functional, or of its value for one state or one pair of states.

    See `summarize_functionals` for an example.
    """

    functional: str
    """Its name."""
    states: tuple[Label, ...]
    """The state or the pair, from and to, that it is about; empty if it is about the chain."""
    plug_in: float
    """Value at the count ratio; NaN where that has no row for it, or is reducible."""
    se: float
    """Delta-method standard error of `plug_in`."""
    mean: float
    """Posterior mean, E[f(A)]."""
    sd: float
    """Posterior standard deviation."""
    low: float
    """Lower end of the equal-tailed credible interval."""
    high: float
    """Its upper end."""
    mcse: float
    """Monte Carlo standard error of `mean`; NaN from fewer than four draws in a chain."""
    at_mean: float
    """Value at the posterior mean of A, f(E[A])."""
    pareto_k: float
    """Tail index of the draws at large values; above 0.7 mean and sd cannot be trusted and above
    1 there is no mean. NaN from fewer than 100 draws."""

    @property
    def differs(self) -> bool:
        """Whether E[f(A)] is not f(E[A]), beyond 5 Monte Carlo standard errors."""
        limit = MCSE_LIMIT * self.mcse + _ROUNDING * abs(self.at_mean)
        return bool(abs(self.mean - self.at_mean) > limit)

    @property
    def heavy_tailed(self) -> bool:
        """Whether the draws do not tell the mean: Pareto k is above 0.7."""
        return self.pareto_k > GOOD_K


@dataclass(frozen=True)
class FunctionalSummary:
    """Outcome of `summarize_functionals`; printing it gives a table.

    Parameters
    ----------
    estimates : tuple of FunctionalEstimate
        One for each functional, state or pair of states.
    prob : float
        Content of the intervals.
    draws : int
        Number of posterior draws.
    reducible : int
        Number of draws that are reducible. What they leave undefined is estimated from the others.
    steps : int or None
        Number of steps of "n_step".
    """

    estimates: tuple[FunctionalEstimate, ...]
    prob: float
    draws: int
    reducible: int
    steps: int | None = None

    @property
    def differing(self) -> tuple[FunctionalEstimate, ...]:
        """Estimates whose posterior mean is not the value at the posterior mean of A."""
        return tuple(line for line in self.estimates if line.differs)

    def __repr__(self) -> str:
        """Table of at most 80 columns."""
        heads = ("MLE", "SE", "mean", "sd", f"{100 * self.prob:g} %", "interval")
        over = "" if self.steps is None else f"; n step over {self.steps} steps"
        lines = [
            f"functionals of A, {self.draws:,} posterior draws{over}",
            f"{'':<{_LABEL_WIDTH}}" + "".join(f"{head:>9}" for head in heads) + f"{'MCSE':>8}",
        ]
        title = None
        for line in self.estimates:
            name = line.functional.replace("_", " ")
            block = name if len(line.states) < 2 else f"{name} from {line.states[0]}"
            if line.states and block != title:
                lines.append(_short(block, 80))
                title = block
            label = _short(f"  {line.states[-1]}", _LABEL_WIDTH) if line.states else name
            room = _LABEL_WIDTH + 9 - len(label)  # a long label may use what the number leaves
            row = label + f"{_number(line.plug_in, 4, min(8, room - 1)):>{room}}"
            rest = [_number(x, 4) for x in (line.se, line.mean, line.sd, line.low, line.high)]
            row += "".join(f" {number:>8}" for number in rest)
            flags = "*" * line.differs + "!" * line.heavy_tailed
            lines.append(f"{row} {_number(line.mcse, 2, 7):>7} {flags}".rstrip())
        return "\n".join([*lines, *self._notes()])

    def _notes(self) -> list[str]:
        """Explain what is unusual in the table; nothing if all is well."""
        notes = []
        if self.reducible:
            notes.append(
                f"{self.reducible:,} of {self.draws:,} draws are reducible; what they leave "
                f"undefined is estimated from the others, if any"
            )
        if self.differing:
            notes.append(
                f"* the mean over the draws is not the value at the mean of A: they are more than "
                f"{MCSE_LIMIT:g} MCSE apart (E[f(A)] and f(E[A]) differ where f bends)"
            )
        if any(line.heavy_tailed for line in self.estimates):
            notes.append(
                f"! heavy tail, Pareto k > {GOOD_K}: mean, sd and MCSE are not reliable and may "
                f"not exist; use the interval"
            )
        if any(np.isnan([line.plug_in, line.mean]).any() for line in self.estimates):
            notes.append("- undefined: a row without data, or a reducible matrix")
        return [part for note in notes for part in textwrap.wrap(note, 80, subsequent_indent="  ")]


def summarize_functionals(
    tree: xr.DataTree,
    names: Iterable[str] | None = None,
    *,
    steps: int | None = None,
    prob: float = 0.95,
) -> FunctionalSummary:
    """Tabulate functionals of A: count ratio and standard error, posterior mean and interval.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `sample` or `exact_posterior`, of order 1.
    names : iterable of str, optional
        As in `add_functionals`.
    steps : int, optional
        Number of steps of "n_step".
    prob : float, default 0.95
        Content of the equal-tailed credible intervals.

    Returns
    -------
    FunctionalSummary
        The mean of a functional is not the functional of the mean; where the draws show it, the
        estimate says so. Passages from a state to itself, which take no time, are left out.

    Raises
    ------
    ValueError
        A tree of another order, an unknown name, steps missing or without use, or `prob` outside
        (0, 1).

    Examples
    --------
    >>> import bayes_markov as bm
    >>> counts = bm.TransitionCounts.from_table([[90, 40], [20, 50]], ["sun", "rain"])
    >>> tree = bm.exact_posterior(counts, seed=1)
    >>> summary = bm.summarize_functionals(tree, ["stationary", "entropy_rate"])
    >>> [round(line.plug_in, 4) for line in summary.estimates]
    [0.4815, 0.5185, 0.6074]
    """
    check_prob(prob)
    states = states_of(tree)
    chosen = functionals_named(names, steps)
    P = draws_of_block(tree, "posterior")
    table = counts_of_tree(tree).pooled
    alpha = alpha_of_tree(tree)
    if alpha is None:  # learned
        mean_of_A = P.mean(axis=(0, 1))
    else:
        mean_of_A = DirichletRows(alpha, support=alpha > 0).given(table).mean()[1:]
    lines: list[FunctionalEstimate] = []
    for name, functional in chosen.items():
        lines += _estimates(name, functional, P, table, mean_of_A, states, prob)
    reducible = int((~is_irreducible(P)).sum())
    return FunctionalSummary(tuple(lines), prob, P.shape[0] * P.shape[1], reducible, steps)


def _estimates(
    name: str,
    functional: Functional,
    P: Floats,
    table: Counts,
    mean_of_A: Floats,
    states: tuple[Label, ...],
    prob: float,
) -> list[FunctionalEstimate]:
    """Estimate one functional, every value that it has."""
    values = np.asarray(functional(P))
    shape = values.shape[2:]
    draws = values.reshape(*values.shape[:2], -1)
    at_mle, se, at_mean = (
        np.ravel(x)
        for x in (plug_in(functional, table), delta_se(functional, table), functional(mean_of_A))
    )
    lines = []
    for k, index in enumerate(np.ndindex(shape)):
        if name == "first_passage_times" and index[0] == index[1]:
            continue
        described = _describe(draws[..., k], prob)
        lines.append(
            FunctionalEstimate(
                name,
                tuple(states[i] for i in index),
                float(at_mle[k]),
                float(se[k]),
                *described[:-1],
                at_mean=float(at_mean[k]),
                pareto_k=described[-1],
            )
        )
    return lines


def _describe(draws: Floats, prob: float) -> tuple[float, float, float, float, float, float]:
    """Mean, sd, interval, Monte Carlo error and Pareto k of draws, (chain, draw), NaN left out."""
    import arviz_stats as azs
    from arviz_stats.base import array_stats

    defined: Bools = ~np.isnan(draws)
    if not defined.all():
        draws = draws[defined][None]  # what is left of the chains, end to end
    nothing = float("nan")
    if draws.size == 0:
        return (nothing,) * 6
    low, high = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], method="nearest")
    mean = float(draws.mean())
    if not np.isfinite(mean):
        return mean, nothing, float(low), float(high), nothing, nothing
    sd = float(draws.std(ddof=1)) if draws.size > 1 else nothing
    mcse = float(azs.mcse(draws, method="mean"))
    try:
        k = (
            float(array_stats.pareto_khat(draws, tail="right"))
            if draws.size >= MIN_DRAWS
            else nothing
        )
    except ValueError:  # the largest draws are all equal: there is no tail
        k = nothing
    return mean, sd, float(low), float(high), mcse, k


def _short(text: str, width: int) -> str:
    """Cut text that is too long for its column."""
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _number(value: float, digits: int, width: int = 8) -> str:
    """As many digits as fit; a dash where there is no value."""
    if np.isnan(value):
        return "-"
    texts = [f"{value:.{kept}g}" for kept in range(digits, 0, -1)]
    return next((text for text in texts if len(text) <= width), texts[-1])
