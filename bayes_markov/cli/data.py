"""The options that say where the states are and how to read them, the same for every command."""

import csv
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

    from bayes_markov.counts import TransitionCounts


ONE_FILE = "CSV or Parquet file, one row for each time."


class Missing(StrEnum):
    """What to do at a missing state."""

    error = "error"
    skip = "break"


@dataclass(frozen=True)
class Data:
    """A file and its columns; each field is an argument or an option of a command."""

    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or Parquet file, folder of such files or glob in quotes, one row for each "
            "time.",
            show_default=False,
        ),
    ]
    state: Annotated[
        str, typer.Option(metavar="COL", help="Column of the states.", show_default=False)
    ]
    sequence: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column that tells sequences apart.", show_default=False),
    ] = None
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column of the times, which order the rows; by default the order in the file.",
            show_default=False,
        ),
    ] = None
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Column of the units (people, sites, ...).", show_default=False
        ),
    ] = None
    states: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="The state space in the wanted order, a label with a comma in double quotes; "
            "by default the labels found, in natural order.",
            show_default=False,
        ),
    ] = None
    order: Annotated[
        int, typer.Option(min=0, help="How many past states the next one depends on.")
    ] = 1
    missing: Annotated[
        Missing,
        typer.Option(help="At a missing state: stop, or drop the transitions on both sides."),
    ] = Missing.error
    assume_sorted: Annotated[
        bool,
        typer.Option(
            "--sorted",
            help="The rows are sorted by unit, sequence and time: count them in one pass, "
            "several times faster. Rows that are not sorted are refused.",
        ),
    ] = False

    def frame(self) -> "pl.DataFrame":
        """Read the columns that are named."""
        columns = (self.state, self.sequence, self.time, self.unit)
        return read_rows(self.file, [column for column in columns if column is not None])

    def arguments(self, dtype: Any) -> dict[str, Any]:
        """Give the arguments that say how to read a frame, whose states have a type."""
        return {
            "state": self.state,
            "sequence": self.sequence,
            "time": self.time,
            "unit": self.unit,
            "states": None if self.states is None else parse_states(self.states, dtype),
            "missing": self.missing.value,
        }

    def counts(self, frame: "pl.DataFrame | None" = None) -> "TransitionCounts":
        """Count the transitions, in a frame that was read already or where the files lie."""
        if frame is not None:
            from bayes_markov.frames import count_transitions

            options = self.arguments(frame[self.state].dtype)
            return count_transitions(frame, **options, order=self.order)
        from bayes_markov.file_counts import column_type, count_files

        return count_files(
            self.file,
            **self.arguments(column_type(self.file, self.state)),
            order=self.order,
            assume_sorted=self.assume_sorted,
            progress=True,
        )

    def sequences(self, frame: "pl.DataFrame") -> list[list[Any]]:
        """Give the sequences themselves."""
        from bayes_markov.sequence_frames import label_sequences

        return label_sequences(frame, **self.arguments(frame[self.state].dtype))

    def describe(self, counts: "TransitionCounts") -> str:
        """Say what was read."""
        head = repr(counts).splitlines()[0].removeprefix("TransitionCounts: ")
        return f"{self.file.name}: {head}"


def takes_data(
    command: Callable[..., None],
    *,
    optional: bool = False,
    rows: bool = False,
    without: tuple[str, ...] = (),
) -> Callable[..., None]:
    """Give a command the options of `Data` in place of its parameter `data`.

    If they are optional, the command gets None where neither a file nor a column is named. A
    command that needs the rows, not only counts, reads one file into memory.
    """
    own = inspect.signature(command).parameters
    fields = inspect.signature(Data).parameters.items()
    shared = {name: field for name, field in fields if name not in without}
    if rows:
        del shared["assume_sorted"]
        argument = typer.Argument(metavar="FILE", help=ONE_FILE, show_default=False)
        shared["file"] = shared["file"].replace(annotation=Annotated[Path, argument])
    if optional:
        loose = {"file": Path | None, "state": str | None}
        shared |= {
            name: shared[name].replace(
                default=None,
                annotation=Annotated[kind, *shared[name].annotation.__metadata__],
            )
            for name, kind in loose.items()
        }

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        fields = {name: given.pop(name) for name in shared}
        data = None
        if fields["file"] is not None or fields["state"] is not None:
            for name in ("file", "state"):
                if fields[name] is None:
                    raise ValueError(f"{'FILE' if name == 'file' else '--state'} is missing")
            data = Data(**fields)
        command(data=data, **given)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*shared.values(), *own.values())
        if parameter.name != "data"
    ]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped


def read_rows(file: Path, columns: list[str] | None = None) -> "pl.DataFrame":
    """Read one file into memory."""
    from bayes_markov.files import read

    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder; name one file")
    return read(file, columns=None if columns is None else list(dict.fromkeys(columns)))


def read_matrix(file: Path) -> tuple[list[list[float]], list[str]]:
    """Read a transition matrix and its labels."""
    from bayes_markov.labels import START

    frame = read_rows(file)
    first, *states = frame.columns
    expected = [str(START), *states]
    found = [str(label) for label in frame[first]]
    if found != expected:
        more = ", ..." * (len(found) > 10)
        raise ValueError(
            f"{file} must have the lines {', '.join(expected)}, as its header has the columns; "
            f"got {', '.join(found[:10])}{more}"
        )
    matrix = []
    for label, *row in frame.rows():
        try:
            matrix.append([float(value) for value in row])
        except (TypeError, ValueError):
            raise ValueError(f"{file} has no number somewhere in line {label!r}: {row}") from None
        if not (all(0 <= p <= 1 for p in matrix[-1]) and abs(sum(matrix[-1]) - 1) <= 1e-8):
            raise ValueError(
                f"{file} has in line {label!r} no probabilities that sum to one: {row}"
            )
    return matrix, states


def parse_integers(option: str, text: str) -> list[int]:
    """Split a list of positive integers at commas."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ValueError(f"{option} must be integers >= 1 with commas, such as 2,3, got {text!r}")
    return numbers


def parse_states(text: str, dtype: Any) -> list[Any]:
    """Split a list of labels, and give them the type of the column."""
    labels = [label.strip() for label in split(text)]
    if dtype.is_numeric():
        number, kind = (int, "integers") if dtype.is_integer() else (float, "numbers")
        try:
            return [number(label) for label in labels]
        except ValueError:
            raise ValueError(
                f"--states must name {kind}, as the column holds them, got {text!r}"
            ) from None
    if str(dtype) == "Boolean":
        truth = {"true": True, "false": False}
        if not all(label.lower() in truth for label in labels):
            raise ValueError(f"--states must name true and false, got {text!r}")
        return [truth[label.lower()] for label in labels]
    return labels


def split(text: str) -> list[str]:
    """Split at commas, but not within double quotes."""
    return next(csv.reader([text], skipinitialspace=True), [""])


def parse_alpha(text: str, counts: "TransitionCounts") -> Any:
    """Turn a number, or one for each next state, into what the models take."""
    from analytic.validate import SMALLEST_ALPHA

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--alpha must be a number, or {len(counts.states)} numbers with commas, got {text!r}"
        ) from None
    if not all(SMALLEST_ALPHA <= value < math.inf for value in values):
        raise ValueError(f"--alpha must be positive and finite, got {text!r}")
    if len(values) not in (1, len(counts.states)):
        raise ValueError(
            f"--alpha has {len(values)} numbers, expected 1 or {len(counts.states)}, one for each "
            f"next state"
        )
    return values[0] if len(values) == 1 else values
