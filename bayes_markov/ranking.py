r"""Which estimator predicts these data best? Exact leave-one-out, nothing simulated.

Each transition is left out in turn, the estimator applied to all others, and the log-probability
that it then gives to the one left out is its score. Transitions of one cell are exchangeable, so
each cell is left out once and its score counts n_ij times. Where there are units, each is left out
whole as well. A transition that is given probability 0 scores -inf, and one from a row that the
estimator leaves undefined has no score; both are counted, and neither is averaged away.
"""

import csv
import inspect
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Literal

import numpy as np

from analytic import ESTIMATORS, reversible
from analytic.estimate import Estimator
from analytic.evidence import sum_and_error
from analytic.validate import Bools, Counts, Floats, Ints, as_counts, check_whole
from bayes_markov.counts import TransitionCounts
from bayes_markov.registry import by_name

NUMBERS_AT_ONCE = 2**20
"""Counts that are handed to an estimator at a time."""

_NAME_WIDTH = 23


@dataclass(frozen=True)
class Score:
    """How well one estimator predicts what is left out.

    See `rank_estimators` for an example.
    """

    estimator: str
    """Its name."""
    elpd: float
    """Sum of the log-probabilities of everything left out in turn, in nats. -inf if something was
    given probability 0, NaN if something had no prediction."""
    se: float
    """Standard error of `elpd` over what is left out; NaN where that is not finite."""
    difference: float
    """`elpd` less that of the best estimator."""
    difference_se: float
    """Standard error of the difference, from the differences one by one."""
    impossible: int
    """Number of transitions (or units) that were given probability 0."""
    undefined: int
    """Number of transitions (or units) without a prediction."""


@dataclass(frozen=True)
class Ranking:
    """Outcome of `rank_estimators`, the best first; printing it gives a table.

    Parameters
    ----------
    transitions : tuple of Score
        Scores of the transitions, left out one at a time.
    n_transitions : int
        Number of transitions scored.
    units : tuple of Score, optional
        Scores of the units, left out one at a time; None if the counts have no units.
    n_units : int
        Number of units.
    """

    transitions: tuple[Score, ...]
    n_transitions: int
    units: tuple[Score, ...] | None = None
    n_units: int = 0

    def __repr__(self) -> str:
        """Tables of at most 80 columns."""
        text = _table(self.transitions, f"leave one of {self.n_transitions:,} transitions out")
        if self.units is None:
            return text
        return f"{text}\n\n{_table(self.units, f'leave one of {self.n_units:,} units out')}"


def rank_estimators(
    counts: TransitionCounts,
    *,
    estimators: Iterable[str | Estimator] | Mapping[str, str | Estimator] | None = None,
    start: Literal["given", "s0"] = "given",
) -> Ranking:
    r"""Score estimators by exact leave-one-out prediction of the data.

    .. math:: \mathrm{elpd} = \sum_{ij} n_{ij} \log \hat A_{ij}(n - e_{ij})

    with n - e_ij the table less one transition from i to j; and, leaving out unit u,

    .. math:: \mathrm{elpd} = \sum_u \sum_{ij} n^{(u)}_{ij} \log \hat A_{ij}(n - n^{(u)}).

    Parameters
    ----------
    counts : TransitionCounts
        Whole-numbered counts of any order.
    estimators : iterable or mapping, optional
        Keys of `analytic.ESTIMATORS`, or functions from tables to probabilities; a mapping gives
        them names. By default all that are defined for the order: detailed balance is about
        order 1.
    start : {"given", "s0"}, default "given"
        Whether the first states of the sequences are scored too. They are part of the tables in
        either case. A single sequence starts once: left out, its start leaves nothing to predict
        it from, and every estimator that asks for data would be without a score.

    Returns
    -------
    Ranking
        Best first: by `elpd`, then those that call something impossible, then those without a
        prediction for something. Differences of a few standard errors or less are no ranking.

    Raises
    ------
    ValueError
        Fractional counts, nothing to leave out, an unknown estimator or `start`.
    TypeError
        `counts` is not a TransitionCounts.

    Examples
    --------
    >>> rain = "r r s r r r s s s s r s s s s s r r r s".split()
    >>> ranking = rank_estimators(
    ...     TransitionCounts.from_sequences([rain]), estimators=["mle", "laplace", "reversible"]
    ... )
    >>> print(ranking)
    leave one of 19 transitions out
    estimator                      elpd       se     diff.       se   p = 0  undef.
    laplace                      -14.19     1.32      0.00     0.00       0       0
    mle                          -14.74     1.70     -0.55     0.39       0       0
    reversible                   -14.74     1.70     -0.55     0.39       0       0

    References
    ----------
    .. [1] Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using
       leave-one-out cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
    """
    if not isinstance(counts, TransitionCounts):
        raise TypeError(
            f"counts must be a TransitionCounts, got {type(counts).__name__}; make one with "
            f"TransitionCounts.from_table(table, states)"
        )
    if start not in ("given", "s0"):
        raise ValueError(f'start must be "given" or "s0", got {start!r}')
    check_whole(counts.table, "counts")
    if estimators is None:
        estimators = [name for name in ESTIMATORS if name != "reversible" or counts.order == 1]
    rules = by_name("estimator", estimators, ESTIMATORS)
    if counts.order != 1 and reversible in rules.values():
        raise ValueError(
            f"estimator 'reversible' is about order 1, counts is of order {counts.order}; leave "
            f"it out, or lower the order"
        )

    wanted = _wanted(counts, start)
    table = counts.pooled
    cells = np.argwhere(wanted & (table > 0))
    if len(cells) == 0:
        hint = "" if start == "s0" else ', or start="s0" to score the first states too'
        raise ValueError(f"there is no transition to leave out; give longer sequences{hint}")
    weights = table[tuple(cells.T)].astype(np.float64)
    number = int(weights.sum())
    transitions = _ranked(
        {name: _cells_left_out(rule, counts, cells) for name, rule in rules.items()}, weights
    )
    if counts.units is None:
        return Ranking(transitions, number)
    units = _ranked(
        {name: _units_left_out(rule, counts, wanted) for name, rule in rules.items()},
        np.ones(len(counts.units)),
    )
    return Ranking(transitions, number, units, len(counts.units))


def _wanted(counts: TransitionCounts, start: str) -> Bools:
    """Cells that are scored; without s_0 in the history unless it is wanted."""
    wanted = np.ones(counts.pooled.shape, dtype=np.bool_)
    if start == "given":
        for axis in range(counts.order):
            wanted[(slice(None),) * axis + (0,)] = False
    return wanted


def _cells_left_out(rule: Estimator, counts: TransitionCounts, cells: Ints) -> Floats:
    """Log-probability of one transition of each cell, from all the others."""
    table = counts.pooled
    parts = []
    for some in _pieces(len(cells), table.size):
        at = (np.arange(len(cells[some])), *cells[some].T)
        others = np.repeat(table[None], len(cells[some]), axis=0)
        others[at] -= 1
        parts.append(_log(_estimate(rule, as_counts(others), counts.order)[at]))
    return np.concatenate(parts)


def _units_left_out(rule: Estimator, counts: TransitionCounts, wanted: Bools) -> Floats:
    """Log-likelihood of each unit, from all the others."""
    parts = []
    axes = tuple(range(1, counts.order + 2))
    for some in _pieces(len(counts.tables), counts.pooled.size):
        own = counts.tables[some]
        predicted = _log(_estimate(rule, as_counts(counts.pooled - own), counts.order))
        used = wanted & (own > 0)
        # What the unit does not do counts for nothing, even where it is undefined or -inf.
        parts.append((np.where(used, own, 0) * np.where(used, predicted, 0.0)).sum(axis=axes))
    return np.concatenate(parts)


def _estimate(rule: Estimator, tables: Counts, order: int) -> Floats:
    """Apply an estimator to tables of an order; those that look at a whole table are told it."""
    try:
        takes_order = "order" in inspect.signature(rule).parameters
    except ValueError:  # some built-in callables have no signature
        takes_order = False
    estimate = rule(tables, order=order) if takes_order else rule(tables)
    if np.shape(estimate) != tables.shape:
        raise ValueError(
            f"an estimator returned shape {np.shape(estimate)} for tables of shape "
            f"{tables.shape}; it must take a leading batch axis and keep the shape"
        )
    return np.asarray(estimate, dtype=np.float64)


def _log(probability: Floats) -> Floats:
    """Logarithm; -inf at 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probability))


def _pieces(number: int, size: int) -> list[slice]:
    """Cut a number of tables of a size into pieces that are held at a time."""
    step = max(1, NUMBERS_AT_ONCE // size)
    return [slice(first, first + step) for first in range(0, number, step)]


def _ranked(scores: dict[str, Floats], weights: Floats) -> tuple[Score, ...]:
    """Sum the scores, each of which occurs `weights` times, and put the best first."""
    totals = {name: sum_and_error(values, weights) for name, values in scores.items()}

    def place(name: str) -> tuple[float, float, float]:
        elpd, _ = totals[name]
        undefined = weights[np.isnan(scores[name])].sum()
        impossible = weights[np.isneginf(scores[name])].sum()
        return undefined, impossible, -elpd if np.isfinite(elpd) else 0.0

    order = sorted(scores, key=place)
    best = scores[order[0]]
    ranked = []
    for name in order:
        with np.errstate(invalid="ignore"):
            difference, difference_se = sum_and_error(scores[name] - best, weights)
        undefined, impossible, _ = place(name)
        ranked.append(
            Score(name, *totals[name], difference, difference_se, int(impossible), int(undefined))
        )
    return tuple(ranked)


def _table(scores: tuple[Score, ...], title: str) -> str:
    """Scores as text, one line for each estimator."""
    head = f"{'estimator':<{_NAME_WIDTH}} {'elpd':>11} {'se':>8} {'diff.':>9} {'se':>8}"
    lines = [title, f"{head} {'p = 0':>7} {'undef.':>7}"]
    for score in scores:
        name = score.estimator
        if len(name) > _NAME_WIDTH:
            name = name[: _NAME_WIDTH - 1] + "\N{HORIZONTAL ELLIPSIS}"
        numbers = (score.elpd, score.se, score.difference, score.difference_se)
        elpd, se, difference, difference_se = (_number(x) for x in numbers)
        lines.append(
            f"{name:<{_NAME_WIDTH}} {elpd:>11} {se:>8} {difference:>9} {difference_se:>8} "
            f"{score.impossible:>7} {score.undefined:>7}"
        )
    return "\n".join(lines)


def as_csv(ranking: Ranking) -> str:
    """Text of a CSV file, a line for each estimator and for each way to leave out.

    What is undefined is left empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["left_out", *(field.name for field in fields(Score))])
    for left_out, scores in (("transition", ranking.transitions), ("unit", ranking.units or ())):
        for score in scores:
            values = ["" if isinstance(x, float) and np.isnan(x) else x for x in astuple(score)]
            writer.writerow([left_out, *values])
    return text.getvalue()


def _number(value: float) -> str:
    """Two decimals; what is undefined is a dash."""
    return "-" if np.isnan(value) else f"{value:.2f}"
