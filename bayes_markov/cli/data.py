"""The options that say where the states are and how to read them, the same for every command."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.options import with_options
from bayes_markov.cli.parse import parse_states, parse_step

if TYPE_CHECKING:
    import polars as pl

    from bayes_markov.counts import TransitionCounts


OneFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV or Parquet file, one row for each time.",
        show_default=False,
    ),
]
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
    sequence: Sequence = None
    time: Time = None
    step: Annotated[
        str | None,
        typer.Option(
            metavar="STEP",
            help="Regular distance of consecutive times: a number, or for dates such as 1d, 12h, "
            "30min. Rows further apart or closer are not consecutive.",
            show_default=False,
        ),
    ] = None
    unit: Unit = None
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
            "step": None if self.step is None else parse_step(self.step),
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
    options = dict(inspect.signature(Data).parameters)
    for name in without:
        del options[name]
    if rows:
        del options["assume_sorted"]
        options["file"] = options["file"].replace(annotation=OneFile)
    if optional:
        loose = {"file": Path | None, "state": str | None}
        options |= {
            name: options[name].replace(
                default=None,
                annotation=Annotated[kind, *options[name].annotation.__metadata__],
            )
            for name, kind in loose.items()
        }

    def build(given: dict[str, Any]) -> Data | None:
        if given["file"] is None and given["state"] is None:
            return None
        for name in ("file", "state"):
            if given[name] is None:
                raise ValueError(f"{'FILE' if name == 'file' else '--state'} is missing")
        return Data(**given)

    return with_options(command, options, build)


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
