"""``bayes-markov compare``: estimators and intervals, by simulation or on the user's data."""

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.data import Data, read_matrix
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    save_picture,
    working,
)
from bayes_markov.cli.parse import parse_integers, split

if TYPE_CHECKING:
    import xarray as xr

STUDY_FILES = (
    "results.nc",
    "risk.png",
    "coverage.png",
    "coverage_by_departures.png",
    "widths.png",
)


SIMULATED = ("lengths", "replicates", "prob", "loss", "intervals", "workers", "seed")
"""Options that mean nothing for data; those of `Data` mean nothing for a simulation."""


def compare(
    context: typer.Context,
    data: Data | None,
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|seattle",
            help="Simulate from this chain, instead of reading data: a CSV file of the matrix (a "
            "line for <s0> and for each state, the label first), or the weather of Seattle.",
            show_default=False,
        ),
    ] = None,
    lengths: Annotated[
        str, typer.Option(metavar="N,N,...", help="Lengths of the simulated paths.")
    ] = "20,50,100,500",
    replicates: Annotated[int, typer.Option(min=2, help="How many paths are simulated.")] = 10_000,
    prob: Annotated[
        float, typer.Option(help="Nominal content of the intervals, in (0, 1).")
    ] = 0.95,
    loss: Annotated[str, typer.Option(help="The loss that is printed and drawn.")] = "kl",
    estimators: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Some estimators only.", show_default=False),
    ] = None,
    intervals: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Some intervals only; by default all but the bootstrap.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = DEFAULT_SEED,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes; the numbers do not depend on it. By default one for each core.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"With --truth, also write {', '.join(STUDY_FILES)} here, and go on from here "
            "after an interruption; with data, ranking.csv.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare estimators on your data, or by simulation with --truth.

    On data they are scored by exact leave-one-out.
    """
    if (data is None) == (truth is None):
        raise ValueError(
            "compare needs a file with --state, or --truth; got "
            + ("neither" if data is None else "both")
        )
    ours = SIMULATED if data is not None else [field.name for field in fields(Data)]
    strange = [name for name in ours if was_given(context, name)]
    if strange:
        other, mode = ("--truth", "data") if data is not None else ("data", "--truth")
        option = next(p.opts[0] for p in context.command.params if p.name == strange[0])
        raise ValueError(f"{option} is an option for {other}, and you gave {mode}; leave it out")
    if data is not None:
        rank(data, estimators, out)
        return

    from analytic import ESTIMATORS, INTERVALS
    from analytic.validate import check_prob
    from bayes_markov.registry import by_name
    from bayes_markov.study.losses import LOSSES
    from bayes_markov.study.studies import coverage_study, risk_study
    from bayes_markov.study.tables import coverage_table, risk_table

    assert truth is not None
    check_prob(prob)
    by_name("loss", [loss], LOSSES)
    A, states = seattle() if truth == "seattle" else read_matrix(Path(truth))
    rules = [*ESTIMATORS] if estimators is None else split(estimators)
    by_name("estimator", rules, ESTIMATORS)
    limits = [name for name in INTERVALS if name != "bootstrap"]
    limits = limits if intervals is None else split(intervals)
    by_name("interval", limits, INTERVALS)
    sizes = parse_integers("--lengths", lengths)
    if out is not None:
        prepare_folder(out)
    options: dict[str, Any] = {
        "lengths": sizes,
        "replicates": replicates,
        "seed": seed,
        "states": states,
        "progress": True,
    }
    console = Output()
    console.print(
        f"truth {Path(truth).name}, {len(states)} states; {replicates:,} paths of each length; "
        f"seed {seed}\n"
    )
    with pool(workers) as executor:
        options["executor"] = executor
        kept = None if out is None else out / "unfinished-risk"
        risk = risk_study(A, estimators=rules, **options, checkpoint=kept)
        console.print(risk_table(risk, loss=loss), end="\n\n")
        kept = None if out is None else out / "unfinished-coverage"
        coverage = coverage_study(A, intervals=limits, prob=prob, **options, checkpoint=kept)
        console.print(coverage_table(coverage))
    if out is not None:
        with working("drawing and writing files"):
            write_study(out, risk, coverage, loss)
        for name in ("risk", "coverage"):
            shutil.rmtree(out / f"unfinished-{name}")
        console.print(f"\nwrote {', '.join(STUDY_FILES)} to {out}")


def rank(data: Data, estimators: str | None, out: Path | None) -> None:
    """Print the ranking of the estimators on data, and write it."""
    from analytic import ESTIMATORS
    from bayes_markov.ranking import as_csv, rank_estimators
    from bayes_markov.registry import by_name

    rules = [*ESTIMATORS] if estimators is None else split(estimators)
    by_name("estimator", rules, ESTIMATORS)
    counts = data.counts()
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(data.describe(counts))
    with working("leaving out"):
        ranking = rank_estimators(counts, estimators=rules)
    console.print(f"log score in nats, exact, first states not scored\n\n{ranking}")
    if out is not None:
        with all_or_none(out) as folder:
            (folder / "ranking.csv").write_text(as_csv(ranking), encoding="utf-8")
        console.print(f"\nwrote ranking.csv to {out}")


def was_given(context: typer.Context, name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def seattle() -> tuple[list[list[float]], list[str]]:
    """Estimate the transition matrix of Seattle's weather, and name its states."""
    import analytic
    from bayes_markov.datasets import example_file
    from bayes_markov.files import read
    from bayes_markov.frames import count_transitions

    weather = read(example_file("seattle_weather.csv"))
    counts = count_transitions(weather, state="weather", time="date")
    return analytic.mle(counts.pooled).tolist(), [str(label) for label in counts.states]


@contextmanager
def pool(workers: int | None) -> Iterator[Executor | None]:
    """Start processes to work in; none where one is enough.

    Ctrl-C reaches every process of a terminal. The workers are started deaf to it, and stopped from
    here, so that they do not print a traceback each.
    """
    number = workers or os.process_cpu_count() or 1
    if number == 1:
        yield None
        return
    executor = ProcessPoolExecutor(number, mp_context=get_context("spawn"))
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in range(number):
            executor.submit(int)  # a process is started for a task, not before
    finally:
        signal.signal(signal.SIGINT, heard)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()
        raise
    executor.shutdown()


def write_study(out: Path, risk: "xr.Dataset", coverage: "xr.Dataset", loss: str) -> None:
    """Write numbers and pictures of a study."""
    import xarray as xr

    from bayes_markov.study.plots import plot_coverage, plot_risk, plot_widths

    with all_or_none(out) as folder:
        tree = xr.DataTree.from_dict({"/risk": risk, "/coverage": coverage})
        tree.to_netcdf(folder / "results.nc", engine="h5netcdf")
        for name, ax in (
            ("risk", plot_risk(risk, loss=loss)),
            ("coverage", plot_coverage(coverage)),
            ("coverage_by_departures", plot_coverage(coverage, against="departures")),
            ("widths", plot_widths(coverage)),
        ):
            save_picture(ax, folder / f"{name}.png")
