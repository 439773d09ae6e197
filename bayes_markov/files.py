"""Tables in files: CSV as text, Parquet with its types, and a clear word where a file is broken."""

import csv
import glob
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl


def read(path: str | Path, *, columns: Sequence[str] | None = None) -> "pl.DataFrame":
    """Read a table from a CSV or Parquet file, its rows in the order of the file.

    In a CSV file every value is text, so that the state "10" stays "10" and "007" keeps its
    zeros; an empty field is a missing value. Parquet keeps its types.

    Parameters
    ----------
    path : str or Path
        A file named .csv, .csv.gz or .parquet. CSV is UTF-8, with commas and a header line.
    columns : sequence of str, optional
        The columns to load; by default all.

    Returns
    -------
    polars.DataFrame
        At least one row.

    Raises
    ------
    OSError
        The file is missing, is a directory or may not be read.
    ValueError
        Another kind of file, one without rows, a column that is not there, bytes that are not
        UTF-8, a row with too many or too few fields (the line is named), or a broken file.

    Examples
    --------
    >>> from bayes_markov.datasets import example_file
    >>> read(example_file("seattle_weather.csv"), columns=["weather"]).shape
    (1461, 1)
    """
    import polars as pl

    path = Path(path)
    check_not_empty(path)
    kind = kind_of(path)
    try:
        if kind == "Parquet":
            check_columns(path, list(pl.read_parquet_schema(path)), columns)
            frame = pl.read_parquet(
                path, columns=None if columns is None else list(columns), glob=False
            )
        else:
            frame = _read_csv(path, columns)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path} cannot be read as {kind}: {error}") from None
    if frame.height == 0:
        raise ValueError(f"{path} has a header but no rows")
    return frame


def find_files(source: str | Path) -> list[Path]:
    """List the files that a file, a folder or a glob stands for, sorted by name.

    What begins with a dot or an underscore is left out, as Spark's notes on its work do.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A folder in the folder, no file, CSV and Parquet together, or another kind of file.

    Examples
    --------
    >>> from bayes_markov.datasets import example_file
    >>> folder = example_file("seattle_weather.csv").parent
    >>> [file.name for file in find_files(folder / "*.csv")]
    ['atlantic_storms.csv', 'seattle_weather.csv']
    """
    path = Path(source)
    if path.is_dir():
        found = list(path.iterdir())
    elif path.exists() or not glob.has_magic(str(source)):
        check_not_empty(path)
        kind_of(path)
        return [path]
    else:
        found = [Path(name) for name in glob.glob(str(source), recursive=True)]
    files = sorted(file for file in found if not file.name.startswith((".", "_")))
    if not files:
        raise ValueError(f"{source} has no .csv, .csv.gz or .parquet file")
    for file in files:
        if file.is_dir():
            raise ValueError(
                f"{file} is a folder in {source}; name the files with a glob such as "
                f"{path if path.is_dir() else file}/**/*.parquet"
            )
    kinds = {kind_of(file): file for file in reversed(files)}
    if len(kinds) > 1:
        raise ValueError(
            f"{source} holds CSV and Parquet ({kinds['CSV'].name}, {kinds['Parquet'].name}); "
            f"name the files of one kind with a glob"
        )
    return files


def kind_of(path: Path) -> Literal["CSV", "Parquet"]:
    """Tell the kind of a file from its name."""
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return "CSV"
    if name.endswith(".parquet"):
        return "Parquet"
    raise ValueError(f"{path} is not a .csv, .csv.gz or .parquet file; convert it first")


def check_not_empty(path: Path) -> None:
    """Refuse a file that cannot be opened or has not one byte."""
    with path.open("rb") as file:
        if not file.read(1):
            raise ValueError(f"{path} is empty")


def _read_csv(path: Path, columns: Sequence[str] | None) -> "pl.DataFrame":
    """Read the columns of a CSV file as text, after a look at the shape of every row."""
    import polars as pl

    header, rows, blank = survey_csv(path)
    check_columns(path, header, columns)
    wanted = header if columns is None else columns
    positions = sorted(header.index(name) for name in set(wanted))
    # Polars fills short rows with nulls and, with some columns chosen, cuts long ones. It leaves
    # doubled quotes in the header as they are, so columns are chosen by position.
    with path.open("rb") as file:  # a path would be taken for a glob
        frame = pl.read_csv(file, columns=positions, infer_schema=False)
    frame.columns = [header[position] for position in positions]
    if frame.height != rows + blank:
        raise ValueError(
            f"{path} is ambiguous: it has {rows + blank} rows or {frame.height}, depending on how "
            f"its quotes are read; write it again with every quote in a field doubled"
        )
    return frame.head(rows)


def survey_csv(path: Path) -> tuple[list[str], int, int]:
    """Header, number of rows, and number of blank lines at the end of a CSV file."""
    rows = blank = 0
    doubtful = False  # a line that has a quote after a blank, where a field may begin

    def looked_at(lines: Iterable[str]) -> Iterator[str]:
        nonlocal doubtful
        for line in lines:
            doubtful = doubtful or ', "' in line or line.startswith(' "')
            yield line

    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(looked_at(file), strict=True)
            try:
                header = next(reader, [])
                if doubtful:
                    _check_quotes(path, header, reader.line_num)
                    doubtful = False
                if not header:
                    raise ValueError(f"{path} has no header line")
                for fields in reader:
                    if doubtful:
                        _check_quotes(path, fields, reader.line_num)
                        doubtful = False
                    if not fields:
                        blank += 1
                        continue
                    # In a file of one column, a blank line is a missing value.
                    if len(fields) != len(header) or (blank and len(header) > 1):
                        found = "a blank line" if blank else f"{len(fields)} fields"
                        raise ValueError(
                            f"{path} has {found} at line {reader.line_num - (blank > 0)}, "
                            f"expected {len(header)} fields as in its header; correct the file"
                        )
                    rows, blank = rows + blank + 1, 0
            except csv.Error as error:
                raise ValueError(
                    f"{path} is not well-formed CSV at line {reader.line_num}: {error}"
                ) from None
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path} is not UTF-8 text after line {reader.line_num} ({error.reason}); "
                    f"save it as UTF-8"
                ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from None
    return header, rows, blank


def _check_quotes(path: Path, fields: Sequence[str], line: int) -> None:
    """Refuse a quote after a blank: for Python and Polars it is text, DuckDB drops both."""
    if any(field.startswith(' "') for field in fields):
        raise ValueError(
            f"{path} has a field that begins with a blank and a quote at line {line}, which may "
            f"or may not be part of it; remove the blank"
        )


def check_columns(path: Path, found: list[str], wanted: Sequence[str] | None) -> None:
    """Refuse column names that appear twice, and names that do not appear."""
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {twice[0]!r}; rename one")
    for name in wanted or ():
        if name not in found:
            shown = ", ".join(map(repr, found[:20])) + ", ..." * (len(found) > 20)
            raise ValueError(f"{path} has no column {name!r}; its columns are {shown}")
