"""``bayes-markov compare``: estimators and intervals, by simulation or on the user's data."""

import os
import shutil
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.data import Data, split
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    save_picture,
    working,
)

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
    """Compare estimators: on your data by leave-one-out, or by simulation with --truth."""
    if (data is None) == (truth is None):
        raise ValueError(
            "compare needs a file with --state, or --truth; got "
            + ("neither" if data is None else "both")
        )
    ours = SIMULATED if data is not None else [field.name for field in fields(Data)]
    strange = [name for name in ours if was_given(context, name)]
    if strange:
        other, mode = ("--truth", "data") if data is not None else ("data", "--truth")
        raise ValueError(
            f"--{strange[0].replace('_', '-')} is an option for {other}, and you gave {mode}; "
            f"leave it out"
        )
    if data is not None:
        rank(data, estimators, out)
        return

    from analytic import ESTIMATORS, INTERVALS
    from analytic.validate import check_prob
    from bayes_markov.registry import by_name
    from bayes_markov.study import coverage_study, risk_study
    from bayes_markov.study.losses import LOSSES
    from bayes_markov.study.tables import coverage_table, risk_table

    assert truth is not None
    check_prob(prob)
    by_name("loss", [loss], LOSSES)
    A, states = read_truth(truth)
    if out is not None:
        prepare_folder(out)
    options: dict[str, Any] = {
        "lengths": as_lengths(lengths),
        "replicates": replicates,
        "seed": seed,
        "states": states,
        "progress": True,
    }
    rules = [*ESTIMATORS] if estimators is None else split(estimators)
    limits = [name for name in INTERVALS if name != "bootstrap"]
    limits = limits if intervals is None else split(intervals)
    by_name("interval", limits, INTERVALS)  # before the time that the risks take
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
    from bayes_markov.ranking import as_csv, rank_estimators

    counts = data.counts()
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(data.describe(counts))
    with working("leaving out"):
        ranking = rank_estimators(
            counts, estimators=None if estimators is None else split(estimators)
        )
    console.print(f"log score in nats, exact, first states not scored\n\n{ranking}")
    if out is not None:
        with all_or_none(out) as folder:
            (folder / "ranking.csv").write_text(as_csv(ranking), encoding="utf-8")
        console.print(f"\nwrote ranking.csv to {out}")


def was_given(context: typer.Context, name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def as_lengths(text: str) -> list[int]:
    """Split a list of lengths."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--lengths must be integers with commas, got {text!r}") from None


def read_truth(name: str) -> tuple[list[list[float]], list[str]]:
    """Read a transition matrix and its labels, or estimate that of Seattle's weather."""
    from bayes_markov.files import read

    if name == "seattle":
        import analytic
        from bayes_markov.datasets import example_file
        from bayes_markov.frames import count_transitions

        weather = read(example_file("seattle_weather.csv"))
        counts = count_transitions(weather, state="weather", time="date")
        return analytic.mle(counts.pooled).tolist(), [str(label) for label in counts.states]

    from bayes_markov.labels import START

    frame = read(name)
    first, *states = frame.columns
    expected = [str(START), *states]
    found = [str(label) for label in frame[first]]
    if found != expected:
        more = ", ..." * (len(found) > 10)
        raise ValueError(
            f"{name} must have the lines {', '.join(expected)}, as its header has the columns; "
            f"got {', '.join(found[:10])}{more}"
        )
    matrix = []
    for label, *row in frame.rows():
        try:
            matrix.append([float(value) for value in row])
        except (TypeError, ValueError):
            raise ValueError(f"{name} has no number somewhere in line {label!r}: {row}") from None
        if not (all(0 <= p <= 1 for p in matrix[-1]) and abs(sum(matrix[-1]) - 1) <= 1e-8):
            raise ValueError(
                f"{name} has in line {label!r} no probabilities that sum to one: {row}"
            )
    return matrix, states


def pool(workers: int | None) -> Any:
    """Start processes to work in, as a context; none where one is enough."""
    number = workers or os.process_cpu_count() or 1
    if number == 1:
        return nullcontext()
    executor: Executor = ProcessPoolExecutor(number, mp_context=get_context("spawn"))
    return executor


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
