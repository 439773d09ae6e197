"""The command line: read a file, fit, verify. Everything heavy is imported when it is needed."""

import contextlib
import shutil
import sys
import warnings
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bayes_markov._version import __version__

if TYPE_CHECKING:
    import xarray as xr

    from bayes_markov.counts import TransitionCounts

DEFAULT_SEED = 1

app = typer.Typer(
    name="bayes-markov",
    help="Estimate Markov chains: closed forms, exact posteriors and PyMC, checked together.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Output(Console):
    """Standard output, at least 80 columns wide: a narrower table would lose its numbers.

    A reader that has gone away is left to `main`.
    """

    def __init__(self) -> None:
        width = max(80, shutil.get_terminal_size().columns)
        super().__init__(width=width, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Pass the error on, where rich would exit with 1, which means a failed check here."""
        raise BrokenPipeError


class Missing(StrEnum):
    """What to do at a missing state."""

    error = "error"
    skip = "break"


class Sampler(StrEnum):
    """Where posterior draws come from."""

    nuts = "nuts"
    exact = "exact"


File = Annotated[
    Path, typer.Argument(help="CSV or Parquet file, one row for each time.", show_default=False)
]
State = Annotated[
    str, typer.Option(metavar="COL", help="Column of the states.", show_default=False)
]


@app.callback(invoke_without_command=True)
def main_options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Estimate Markov chains: closed forms, exact posteriors and PyMC, checked together."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


Sequence = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column that tells sequences apart.", show_default=False),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COL",
        help="Column of the times, which order the rows; by default the order in the file.",
        show_default=False,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        metavar="COL", help="Column of the units (people, sites, ...).", show_default=False
    ),
]
States = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C",
        help="The state space in the wanted order; by default the labels found, in natural order.",
        show_default=False,
    ),
]
Order = Annotated[int, typer.Option(min=0, help="How many past states the next one depends on.")]
MissingPolicy = Annotated[
    Missing,
    typer.Option(help="At a missing state: stop, or drop the transitions on both sides of it."),
]
Alpha = Annotated[
    str,
    typer.Option(
        metavar="NUMBER[,...]",
        help="Dirichlet parameter of the prior: a number, or one for each next state.",
    ),
]
Prob = Annotated[float, typer.Option(help="Content of the equal-tailed intervals, in (0, 1).")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draws.")]


@app.command()
def fit(
    file: File,
    state: State,
    sequence: Sequence = None,
    time: Time = None,
    unit: Unit = None,
    states: States = None,
    order: Order = 1,
    missing: MissingPolicy = Missing.error,
    alpha: Alpha = "1",
    prob: Prob = 0.95,
    sampler: Annotated[
        Sampler, typer.Option(help="NUTS by PyMC, or exact draws from the closed form.")
    ] = Sampler.nuts,
    seed: Seed = DEFAULT_SEED,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also write posterior.nc, estimates.csv, forest.png and matrix.png here.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Estimate the transition matrix: count ratio, posterior mean and interval."""
    from analytic.validate import check_prob
    from bayes_markov.table import as_rich, estimates

    check_prob(prob)
    counts = read_counts(file, state, sequence, time, unit, states, order, missing)
    parameters = parse_alpha(alpha, counts)
    if out is not None:
        prepare_folder(out)
    console = Output()
    describe(console, file, counts)

    passed = True
    if sampler is Sampler.exact:
        from bayes_markov.exact import exact_posterior

        tree = exact_posterior(counts, alpha=parameters, seed=seed)
        agreement = "PyMC check: not run (bayes-markov verify)"
    else:
        tree, agreement, passed = fit_by_pymc(counts, parameters, seed)

    lines = estimates(tree, prob=prob)
    console.print(
        f"prior {tree.attrs['prior']}; {tree.attrs['sampler']}, "
        f"{tree['posterior'].sizes['chain']} x {tree['posterior'].sizes['draw']} draws; seed {seed}"
    )
    console.print(f"intervals: {100 * prob:g} %, equal-tailed\n")
    console.print(as_rich(lines, prob=prob))
    console.print(f"\n{agreement}", soft_wrap=True)
    if out is not None:
        with working("drawing and writing files"):
            write_results(out, tree, lines, prob)
        console.print(f"wrote {', '.join(RESULT_FILES)} to {out}", soft_wrap=True)
    if not passed:
        raise typer.Exit(1)


@app.command()
def verify(
    file: File,
    state: State,
    sequence: Sequence = None,
    time: Time = None,
    unit: Unit = None,
    states: States = None,
    order: Order = 1,
    missing: MissingPolicy = Missing.error,
    alpha: Alpha = "1",
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Check PyMC against the closed forms on your data; exit code 1 if a check fails."""
    counts = read_counts(file, state, sequence, time, unit, states, order, missing)
    parameters = parse_alpha(alpha, counts)
    console = Output()
    describe(console, file, counts)
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.verification import verify as run

        result = run(counts, alpha=parameters, seed=seed, progress=sys.stderr.isatty())
    console.print(f"seed {seed}\n")
    console.print(str(result), soft_wrap=True)
    if not result.passed:
        raise typer.Exit(1)


RESULT_FILES = ("posterior.nc", "estimates.csv", "forest.png", "matrix.png")


def read_counts(
    file: Path,
    state: str,
    sequence: str | None,
    time: str | None,
    unit: str | None,
    states: str | None,
    order: int,
    missing: Missing,
) -> "TransitionCounts":
    """Read the columns that are named, and count."""
    from bayes_markov.files import read
    from bayes_markov.frames import count_transitions

    named = [column for column in (state, sequence, time, unit) if column is not None]
    frame = read(file, columns=list(dict.fromkeys(named)))
    return count_transitions(
        frame,
        state=state,
        sequence=sequence,
        time=time,
        unit=unit,
        states=None if states is None else parse_states(states, frame[state].dtype),
        order=order,
        missing=missing.value,
    )


def parse_states(text: str, dtype: Any) -> list[Any]:
    """Split a list of labels, and give them the type of the column."""
    labels = [label.strip() for label in text.split(",")]
    if dtype.is_integer():
        try:
            return [int(label) for label in labels]
        except ValueError:
            raise ValueError(
                f"--states must name integers, as the column holds them, got {text!r}"
            ) from None
    if str(dtype) == "Boolean":
        truth = {"true": True, "false": False}
        if not all(label.lower() in truth for label in labels):
            raise ValueError(f"--states must name true and false, got {text!r}")
        return [truth[label.lower()] for label in labels]
    return labels


def parse_alpha(text: str, counts: "TransitionCounts") -> Any:
    """Turn a number, or one for each next state, into what the models take."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--alpha must be a number, or {len(counts.states)} numbers with commas, got {text!r}"
        ) from None
    if len(values) not in (1, len(counts.states)):
        raise ValueError(
            f"--alpha has {len(values)} numbers, expected 1 or {len(counts.states)}, one for each "
            f"next state"
        )
    return values[0] if len(values) == 1 else values


def fit_by_pymc(
    counts: "TransitionCounts", alpha: Any, seed: int
) -> tuple["xr.DataTree", str, bool]:
    """Sample by NUTS, and compare mode and draws with the closed forms."""
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.diagnostics import ConvergenceWarning
        from bayes_markov.fit import sample
        from bayes_markov.models import dirichlet_model
        from bayes_markov.tree import prior_rows
        from bayes_markov.verification import Verification, draws_checks, mode_of_model

        model = dirichlet_model(counts, alpha=alpha)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the checks below report it
            tree = sample(model, seed=seed, progress=sys.stderr.isatty())
        prior = prior_rows(counts, alpha)
        posterior = prior.given(counts.pooled)
        checks = (mode_of_model(model, counts, prior), *draws_checks(tree, posterior))
        result = Verification(all(check.passed is not False for check in checks), checks)
    return tree, str(result), result.passed


def describe(console: Console, file: Path, counts: "TransitionCounts") -> None:
    """Say what was read."""
    head = repr(counts).splitlines()[0].removeprefix("TransitionCounts: ")
    console.print(f"{file.name}: {head}", soft_wrap=True)


def prepare_folder(out: Path) -> None:
    """Make the folder for results, before time is spent on them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".bayes-markov-write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f"--out {out} cannot be written: {error.strerror or error}") from None


def write_results(out: Path, tree: "xr.DataTree", lines: Any, prob: float) -> None:
    """Write each file under a temporary name and rename it, so that none is ever half there."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from bayes_markov.plots import plot_forest, plot_matrix
    from bayes_markov.table import as_csv
    from bayes_markov.tree import replacing, save

    save(tree, out / "posterior.nc")
    with replacing(out / "estimates.csv") as path:
        path.write_text(as_csv(lines), encoding="utf-8")
    with replacing(out / "forest.png") as path:
        plot_forest(tree, prob=prob).viz["figure"].item().savefig(path, format="png", dpi=120)
    with replacing(out / "matrix.png") as path:
        plot_matrix(tree)
        plt.savefig(path, format="png", dpi=120)
    plt.close("all")


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something is going on; say nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
