"""Transition counts of files too large for memory: CSV and Parquet files, folders and globs.

DuckDB sorts and counts on all cores, and puts on disk what exceeds its share of memory. Parquet
files that are sorted already are read by Polars, which streams them faster.
"""

import glob
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_markov.counts import TransitionCounts
from bayes_markov.files import check_columns, check_not_empty, find_files, kind_of, survey_csv
from bayes_markov.frames import count_roles
from bayes_markov.labels import Missing
from bayes_markov.times import check_step

if TYPE_CHECKING:
    import duckdb
    import polars as pl

MEMORY_LIMIT = "4GB"
"""Memory that DuckDB may use before it goes to disk; Python and what is read come on top."""

type Advance = Callable[[float], None]
"""Told what share of the work is done, from 0 to 1."""


def count_files(
    source: str | Path,
    *,
    state: str,
    sequence: str | None = None,
    time: str | None = None,
    unit: str | None = None,
    states: Iterable[Any] | None = None,
    order: int = 1,
    missing: Missing = "error",
    step: float | timedelta | None = None,
    assume_sorted: bool = False,
    progress: bool = False,
) -> TransitionCounts:
    """Count the transitions in files with one row per observed state, in bounded memory.

    Parameters
    ----------
    source : str or Path
        A CSV or Parquet file (.csv, .csv.gz, .parquet), a folder of such files, or a glob such as
        "data/*.parquet". Files of one kind, whose columns in use have the same types. In CSV every
        value is text; times in text are ordered by value.
    state, sequence, time, unit, states, order, missing, step
        As in `count_transitions`. `time` may be left out for a single file only: the rows of
        several files have no order.
    assume_sorted : bool, default False
        The rows are sorted by unit, sequence and time, text by its characters, from file to file
        in the order of their names: count them in one pass, several times faster. Rows that are
        not sorted are refused.
    progress : bool, default False
        Show a progress bar on the standard error stream, if that is a terminal.

    Returns
    -------
    TransitionCounts

    Raises
    ------
    OSError
        A file is missing or may not be read.
    ValueError
        Other kinds of files, or several kinds; a column that is not there or has another type in
        another file; a broken file; what `count_transitions` refuses.

    Examples
    --------
    >>> from bayes_markov.datasets import example_file
    >>> storms = example_file("atlantic_storms.csv")
    >>> counts = count_files(storms, state="status", sequence="storm", time="time", unit="season")
    >>> counts.units, int(counts.table.sum())
    (('2012', '2013', '2014'), 768)
    """
    import duckdb
    import polars as pl

    given = {"unit": unit, "sequence": sequence, "time": time, "state": state}
    roles = {role: name for role, name in given.items() if name is not None}
    columns = list(dict.fromkeys(roles.values()))
    if step is not None:
        check_step(step, time)
    files = find_files(source)
    if time is None and len(files) > 1:
        raise ValueError(
            f"time is missing: the rows of {len(files)} files ({source}) have no order; name the "
            f"column that orders them"
        )
    kind = kind_of(files[0])
    try:
        with _bar(progress) as advance, _connected() as connection:
            header, total, blank = _check_files(files, columns)
            if total == 0:
                raise ValueError(f"{source} has no rows; there is nothing to count")
            if time is None:
                roles["time"] = _new_name(columns)
            if kind == "Parquet" and assume_sorted:
                frame: Any = _scanned(files, columns)
                if time is None:
                    frame = frame.with_row_index(roles["time"])
            else:
                frame = _relation(connection, files, columns, header)
                if kind == "CSV":
                    _check_same_rows(source, frame, total + blank)
                    frame = frame.limit(total) if blank else frame
                if time is None:
                    frame = frame.project(f"*, row_number() over () as {_quoted(roles['time'])}")
            read = 0

            def count_up(number: int) -> None:
                nonlocal read
                read += number
                if advance is not None:
                    advance(read / total)

            with _watched(connection, None if assume_sorted else advance):
                return count_roles(
                    frame,
                    roles,
                    states=states,
                    order=order,
                    missing=missing,
                    step=step,
                    assume_sorted=assume_sorted,
                    advance=count_up,
                )
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{source} cannot be read as {kind}: {error}") from None


def column_type(source: str | Path, column: str) -> "pl.DataType":
    """Tell the type of a column of files: text in CSV, that of the first file in Parquet."""
    import polars as pl

    first = find_files(source)[0]
    if kind_of(first) == "CSV":
        return pl.String()
    schema = _parquet_schema(first)
    check_columns(first, list(schema), [column])
    return schema[column]


def _check_files(files: Sequence[Path], columns: Sequence[str]) -> tuple[list[str], int, int]:
    """Check that all files hold the columns, in one form.

    Returns the header, the number of all rows, and that of the blank lines after the rows of a
    file of one column, which DuckDB takes for missing values.
    """
    import polars as pl

    rows = after = 0
    expected: Any = None
    for file in files:
        check_not_empty(file)
        if kind_of(file) == "CSV":
            header, number, blank = survey_csv(file)
            after += blank if len(header) == 1 else 0
            check_columns(file, header, columns)
            form: Any = header
        else:
            schema = _parquet_schema(file)
            check_columns(file, list(schema), columns)
            header = list(schema)
            form = {column: _kind_of_type(schema[column]) for column in columns}
            number = pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()
        for column in columns:
            alike = [name for name in header if name.lower() == column.lower()]
            if len(alike) > 1:
                raise ValueError(
                    f"{file} has columns {' and '.join(map(repr, alike))}, which differ in case "
                    f"only; rename one"
                )
        expected = form if expected is None else expected
        if form != expected:
            raise ValueError(
                f"{file} and {files[0]} do not fit together: {_difference(form, expected)}; "
                f"convert one, or count them apart and add the counts"
            )
        rows += number
    return header, rows, after


def _parquet_schema(file: Path) -> "dict[str, pl.DataType]":
    """Names and types of a file's columns."""
    import polars as pl

    try:
        return dict(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ValueError(f"{file} cannot be read as Parquet: {error}") from None


def _kind_of_type(dtype: "pl.DataType") -> str:
    """Name a type; text is text in any storage."""
    import polars as pl

    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else str(dtype)


def _difference(found: Any, expected: Any) -> str:
    """Say in what two forms of files differ."""
    if isinstance(found, list):
        return f"the header is {','.join(found)!r} in one and {','.join(expected)!r} in the other"
    column = next(name for name in found if found[name] != expected[name])
    return f"column {column!r} is {found[column]} in one and {expected[column]} in the other"


def _scanned(files: Sequence[Path], columns: Sequence[str]) -> "pl.LazyFrame":
    """Read Parquet files one after the other, as a stream."""
    import polars as pl

    text = pl.col(pl.Categorical, pl.Enum)
    frames = [pl.scan_parquet(file, glob=False).select(columns) for file in files]
    plain = len({tuple(frame.collect_schema().items()) for frame in frames}) == 1
    return pl.concat(frames if plain else [f.with_columns(text.cast(pl.String)) for f in frames])


def _relation(
    connection: "duckdb.DuckDBPyConnection",
    files: Sequence[Path],
    columns: Sequence[str],
    header: Sequence[str],
) -> "duckdb.DuckDBPyRelation":
    """Let DuckDB read files, each as it was checked: nothing is guessed."""
    names = ", ".join(_literal(glob.escape(str(file))) for file in files)
    if kind_of(files[0]) == "CSV":
        types = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in header)
        reader = (
            f"read_csv([{names}], columns = {{{types}}}, auto_detect = false, header = true, "
            f"delim = ',', quote = '\"', escape = '\"', strict_mode = true, null_padding = false, "
            f"hive_partitioning = false)"
        )
    else:
        reader = f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"
    chosen = ", ".join(map(_quoted, columns))
    return connection.sql(f"select {chosen} from {reader}")


def _check_same_rows(source: str | Path, relation: "duckdb.DuckDBPyRelation", rows: int) -> None:
    """Refuse CSV that has other rows for DuckDB than for Python."""
    found = relation.aggregate("count(*)").fetchall()[0][0]
    if found != rows:
        raise ValueError(
            f"{source} is ambiguous: it has {rows} rows or {found}, depending on how its quotes "
            f"are read; write it again with every quote in a field doubled"
        )


def _literal(text: str) -> str:
    """Write text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    """Write the name of a column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _new_name(columns: Sequence[str]) -> str:
    """Name a column of row numbers as no other column is named."""
    name = "row"
    while name in [column.lower() for column in columns]:
        name += "_"
    return name


@contextmanager
def _connected() -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open a DuckDB in memory, which leaves nothing on disk when it is closed."""
    import duckdb

    folder = Path(tempfile.gettempdir()) / f"bayes_markov-{uuid.uuid4().hex}"
    settings = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder),
    }
    connection = duckdb.connect()
    try:
        for name, value in settings.items():
            connection.execute(f"set {name} = {_literal(value)}")
        yield connection
    finally:
        connection.close()


@contextmanager
def _watched(connection: "duckdb.DuckDBPyConnection", advance: Advance | None) -> Iterator[None]:
    """Tell now and then how far a query has come."""
    if advance is None:
        yield
        return
    # DuckDB measures its progress only while a bar is on, and in a notebook a bar needs a package
    # that may not be there: so it is turned on for a terminal alone, and never printed.
    connection.execute("set enable_progress_bar = true")
    connection.execute("set enable_progress_bar_print = false")
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            percent = connection.query_progress()
            if percent > 0:
                advance(percent / 100)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _bar(progress: bool) -> Iterator[Advance | None]:
    """Show a progress bar, if it is wanted and the standard error stream is a terminal."""
    if not (progress and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("counting", total=1.0)
        yield lambda share: bar.update(task, completed=share)
