"""``bayes-markov test``: tests of what the model takes for granted."""

import math
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.data import Data, read_matrix
from bayes_markov.cli.output import DEFAULT_SEED, Output, Replicates, Seed, working

if TYPE_CHECKING:
    import polars as pl

    from analytic import HypothesisTest

CALENDAR = ("year", "month")


def test(
    data: Data,
    blocks: Annotated[
        str,
        typer.Option(
            metavar="N|year|month",
            help="Blocks of time to compare: this many of equal length in each sequence, or "
            "calendar years or months of the times.",
        ),
    ] = "10",
    matrix: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also test for this matrix: a CSV file with a line for <s0> and for each state.",
            show_default=False,
        ),
    ] = None,
    replicates: Replicates = 999,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Test for order, sameness in time and over units, reversibility."""
    import numpy as np

    import analytic
    from bayes_markov.blocks import count_blocks

    frame = data.frame()
    counts = data.counts(frame)
    A = None if matrix is None else matching(matrix, counts.states)
    second = replace(data, order=2).counts(frame)
    sequences = data.sequences(frame)
    in_time = count_blocks(sequences, as_blocks(blocks, data, frame), states=counts.states)

    tests: dict[str, Callable[..., HypothesisTest]] = {
        "independence (0 v 1)": lambda **o: analytic.independence_test(counts.pooled, **o),
        "order (1 v 2)": lambda **o: analytic.order_test(second.pooled, lower=1, higher=2, **o),
        f"same in {len(in_time.units or ())} time blocks": lambda **o: analytic.homogeneity_test(
            in_time.table, **o
        ),
        "reversibility": lambda **o: analytic.reversibility_test(counts.pooled, **o),
    }
    if counts.units is not None and len(counts.units) > 1:
        tests[f"same for {len(counts.units)} units"] = lambda **o: analytic.equality_test(
            counts.table, **o
        )
    if A is not None:
        tests["this matrix"] = lambda **o: analytic.specified_test(counts.pooled, A, **o)

    console = Output()
    console.print(data.describe(counts))
    console.print(f"given the first states; {replicates:,} random tables; seed {seed}\n")
    console.print(line("hypothesis", "G2", "df", "p", "X2", "p", "Monte Carlo p"))
    laws: dict[str, list[str]] = {}
    for number, (name, run) in enumerate(tests.items()):
        options: dict[str, Any] = {}
        if replicates:
            options = {"replicates": replicates, "rng": np.random.default_rng([seed, number])}
        with working(f"testing: {name}"):
            result = run(**options)
        console.print(as_line(name, result))
        if result.monte_carlo_law:
            laws.setdefault(result.monte_carlo_law, []).append(name)
    for law, names in laws.items():
        text = f"Monte Carlo, {', '.join(names)}: {law}"
        console.print("\n" + textwrap.fill(text, 80, subsequent_indent="  "))


def as_line(name: str, result: "HypothesisTest") -> str:
    """Write one test."""
    random = "-"
    if result.replicates and not math.isnan(result.p_monte_carlo):
        random = f"{result.p_monte_carlo:.4f} ± {result.se_monte_carlo:.4f}"
    numbers = (f"{result.G2:.2f}", result.df, p_value(result.p_G2))
    return line(name, *numbers, f"{result.X2:.2f}", p_value(result.p_X2), random)


def line(name: str, *cells: object) -> str:
    """Put the cells of a line under each other."""
    widths = (8, 4, 7, 8, 7, 15)
    shown = [f"{cell!s:>{w}}" for cell, w in zip(cells, widths, strict=True)]
    return " ".join([f"{name:<25}", *shown])


def p_value(p: float) -> str:
    """Write a p with what fits in seven columns."""
    if math.isnan(p):
        return "-"
    return f"{p:.4f}" if p >= 1e-3 else f"{p:.0e}"


def as_blocks(text: str, data: Data, frame: "pl.DataFrame") -> int | list[list[Any]]:
    """Turn the option into a number of blocks, or into the year or month of each row."""
    if text not in CALENDAR:
        try:
            return int(text)
        except ValueError:
            raise ValueError(
                f"--blocks must be a number, or one of {', '.join(CALENDAR)}; got {text!r}"
            ) from None
    import polars as pl

    from bayes_markov.sequence_frames import label_sequences

    if data.time is None:
        raise ValueError(f"--blocks {text} needs --time")
    times = frame[data.time]
    if times.dtype == pl.String:
        try:
            times = times.str.slice(0, 10).str.to_date("%Y-%m-%d")
        except pl.exceptions.PolarsError:
            raise ValueError(
                f"--blocks {text} needs dates in column {data.time!r}, such as 2012-01-31"
            ) from None
    if not times.dtype.is_temporal():
        raise ValueError(f"--blocks {text} needs dates, column {data.time!r} is {times.dtype}")
    blocks = times.dt.strftime("%Y" if text == "year" else "%Y-%m").alias("block")
    others = {name: getattr(data, name) for name in ("sequence", "time", "unit")}
    named = [name for name in others.values() if name is not None]
    return label_sequences(frame.select(named).with_columns(blocks), state="block", **others)


def matching(file: Path, states: tuple[Any, ...]) -> list[list[float]]:
    """Read a matrix whose states are those of the data."""
    A, labels = read_matrix(file)
    if labels != [str(label) for label in states]:
        raise ValueError(
            f"{file} has the states {', '.join(labels)}, the data "
            f"{', '.join(map(str, states))}; give them with --states in the order of the file"
        )
    return A
