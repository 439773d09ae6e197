"""How good is each estimator, and how honest each interval? Studies by simulation.

Every path is seen by all estimators or intervals. A path of a shorter length is the beginning of
the longer one, so numbers for different lengths are correlated, and their trend is smooth. The
replicates are cut into cells, whose size and random numbers depend on the study alone: the
numbers are the same, to the last bit, for any executor and any number of workers, and after any
interruption.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from analytic import ESTIMATORS, INTERVALS, DirichletRows
from analytic.estimate import Estimator
from analytic.intervals import Interval
from analytic.validate import check_prob
from bayes_markov.registry import by_name
from bayes_markov.study.cells import Arrays, Cell, run_cells
from bayes_markov.study.checkpoint import open_checkpoint
from bayes_markov.study.coverage_cells import coverage_cell
from bayes_markov.study.identity import identity
from bayes_markov.study.losses import LOSSES, Loss
from bayes_markov.study.plan import Plan, make_plan
from bayes_markov.study.results import add_up, coverage_dataset, risk_dataset
from bayes_markov.study.risk_cells import risk_cell

if TYPE_CHECKING:
    import xarray as xr

type Path = str | os.PathLike[str]


def risk_study(
    truth: ArrayLike | DirichletRows,
    *,
    lengths: Iterable[int],
    estimators: Iterable[str | Estimator] | Mapping[str, str | Estimator] = tuple(ESTIMATORS),
    losses: Iterable[str] | Mapping[str, str | Loss] = tuple(LOSSES),
    replicates: int,
    seed: int,
    states: Iterable[Any] | None = None,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> "xr.Dataset":
    r"""Estimate the risk of estimators by simulating paths.

    .. math:: R(A, \hat A) = E\Bigl[ \sum_i w_i \, l(A_i, \hat A_i(z_1, \dots, z_T)) \Bigr]

    Parameters
    ----------
    truth : array_like or DirichletRows
        Transition matrix, shape (K+1, K), its first row the initial distribution; or several
        matrices, shape (M, K+1, K), for the worst case over them; or a prior, from which every
        replicate draws a matrix of its own, for the Bayes risk.
    lengths : iterable of int
        Lengths of the paths, z_1 to z_T.
    estimators : iterable or mapping, optional
        Keys of `analytic.ESTIMATORS`, or functions from tables (N, K+1, K) to probabilities of the
        same shape, NaN throughout in undefined rows; a mapping gives them names. The tables are
        read-only, since all see the same.
    losses : iterable or mapping, optional
        Keys of `bayes_markov.LOSSES`, or a mapping of names to a `Loss`.
    replicates : int
        Number of paths for each truth, at least 2.
    seed : int
        Seed of everything.
    states : iterable, optional
        Labels of the K states; by default s1, ..., sK.
    executor : concurrent.futures.Executor, optional
        Who computes the cells; by default this process. For a process pool the functions must be
        importable.
    checkpoint : path, optional
        Folder where finished cells are kept. A study that was killed goes on from there and ends
        with the same numbers. Functions of your own are known again by their source and by what
        they hold; a change of what they look up elsewhere, such as a global, is not seen.
    progress : bool, default False
        Show a progress bar, if the standard error stream is a terminal.

    Returns
    -------
    xarray.Dataset
        With a standard error (`_se`) beside every number; `truth` is a dim only if
        several matrices were given:

        - `risk` (estimator, loss, length): mean of the losses that are defined and finite. NaN if
          there is none, or where the truth has no stationary law to weigh the rows by; the row
          of s_0 has no weight.
        - `undefined`, `infinite`: share of the replicates where the loss is undefined or infinite.
        - `row_risk`, `row_undefined`, `row_infinite`: the same for the loss of each row (state).
        - `bias` (estimator, length, state, next_state): mean error where the row is defined.
        - `asymptotic_risk` (loss, length): risk of the count ratio for long paths, to first
          order (the score of the truth itself for log_score); for a prior, averaged over draws.
        - `worst_risk`, `worst_truth`: largest risk over the truths, and where; NaN if no truth
          has one. The largest of noisy numbers is a little too large, and each is a mean of what
          is finite: look at `infinite` and `undefined` beside it.

        The error of a share is not 0 where nothing was seen (see ``moments.share_and_error``).

    Raises
    ------
    ValueError
        A bad truth, length, name, number or seed; an estimate that is none; a checkpoint that is
        damaged or of another study; functions that cannot be sent to another process, or, for a
        checkpoint, not be told from others between two runs.
    TypeError
        An estimator or a loss that is neither a name nor one.

    Examples
    --------
    >>> A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    >>> study = risk_study(A, lengths=[20, 80], replicates=2000, seed=1)
    >>> study["risk"].sel(estimator="laplace", loss="kl").round(3).values
    array([0.05 , 0.013])
    >>> study["infinite"].sel(estimator="mle", loss="kl", length=20).round(2).item()
    0.1
    """
    measured = by_name("loss", losses, LOSSES)
    rules = by_name("estimator", estimators, ESTIMATORS)
    plan = make_plan(truth, lengths, replicates, seed, rules, states)
    totals = _run(
        plan,
        partial(risk_cell, plan, measured),
        {
            "study": "risk",
            "losses": [[name, identity(loss)] for name, loss in measured.items()],
        },
        {"risk", "row_risk", "bias"},
        executor=executor,
        checkpoint=checkpoint,
        progress=progress,
    )
    return risk_dataset(plan, measured, totals)


def coverage_study(
    truth: ArrayLike | DirichletRows,
    *,
    lengths: Iterable[int],
    intervals: Iterable[str | Interval] | Mapping[str, str | Interval],
    prob: float,
    replicates: int,
    seed: int,
    states: Iterable[Any] | None = None,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> "xr.Dataset":
    r"""Estimate by simulating paths how often intervals cover the truth, and how wide they are.

    .. math:: \mathrm{coverage}_{ij} = P(l_{ij} \le A_{ij} \le u_{ij} \mid \text{defined})

    Parameters
    ----------
    truth, lengths, replicates, seed, states, executor, checkpoint, progress
        As in `risk_study`.
    intervals : iterable or mapping
        Keys of `analytic.INTERVALS`, or functions f(tables, *, prob) to (low, high), arrays of the
        shape of the tables, (N, K+1, K), NaN where undefined; if they take ``rng``, they get one.
    prob : float
        Nominal content of the intervals, in (0, 1).

    Returns
    -------
    xarray.Dataset
        With a standard error (`_se`) beside every number; `truth` is a dim only if
        several matrices were given:

        - `coverage`, `width`, `undefined` (interval, length, state, next_state): share of the
          defined intervals that cover, their mean width, share of the undefined ones.
        - `joint_coverage` (interval, length, state): all intervals of a row cover at once, where
          all are defined.
        - `departures` (length, state): mean number of departures from each state.
        - `coverage_by_p`, `width_by_p` (interval, length, p_bin): over all cells with a true
          probability in a bin of width 0.05, by its middle. `coverage_by_departures`,
          `width_by_departures` (..., departures_bin): by the number of departures of the row in
          that path, 0, 1, 2-3, 4-7, ..., by the lowest. Both leave s_0's row out, which is left
          exactly once. `cells_by_p`, `cells_by_departures`: numbers of defined intervals.
        - `worst_coverage`, `worst_truth`: smallest coverage over the truths, and where; NaN if no
          truth has one.

        The error of a share is not 0 where nothing was seen (see ``moments.share_and_error``).

    Raises
    ------
    ValueError
        As in `risk_study`, `prob` outside (0, 1), or limits out of order.

    Examples
    --------
    >>> A = [[0.5, 0.5], [0.9, 0.1], [0.4, 0.6]]
    >>> study = coverage_study(
    ...     A, lengths=[10], intervals=["wald", "wilson"], prob=0.9, replicates=2000, seed=1
    ... )
    >>> study["coverage"].sel(length=10, state="s1", next_state="s2").round(2).values
    array([0.53, 0.89])
    """
    check_prob(prob)
    rules = by_name("interval", intervals, INTERVALS)
    plan = make_plan(truth, lengths, replicates, seed, rules, states)
    totals = _run(
        plan,
        partial(coverage_cell, plan, prob),
        {"study": "coverage", "prob": prob},
        {"width", "departures"},
        executor=executor,
        checkpoint=checkpoint,
        progress=progress,
    )
    return coverage_dataset(plan, prob, totals)


def _run(
    plan: Plan,
    work: Callable[[Cell], Arrays],
    measured: dict[str, Any],
    averaged: set[str],
    *,
    executor: Executor | None,
    checkpoint: Path | None,
    progress: bool,
) -> Arrays:
    """Compute all cells of a study, or find them in its checkpoint, and add them up."""
    store = None
    if checkpoint is not None:
        store = open_checkpoint(checkpoint, plan.description(**measured))
    results = run_cells(work, plan.cells, executor=executor, checkpoint=store, progress=progress)
    return add_up(plan.cells, results, averaged)
