"""Tables in files: CSV as text, Parquet with its types, and a clear word where a file is broken."""

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
    with path.open("rb") as file:
        empty = not file.read(1)
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise ValueError(f"{path} is not a .csv, .csv.gz or .parquet file; convert it first")
    if empty:
        raise ValueError(f"{path} is empty")
    try:
        if name.endswith(".parquet"):
            _check_columns(path, list(pl.read_parquet_schema(path)), columns)
            frame = pl.read_parquet(path, columns=None if columns is None else list(columns))
        else:
            frame = _read_csv(path, columns)
    except pl.exceptions.PolarsError as error:
        kind = "Parquet" if name.endswith(".parquet") else "CSV"
        raise ValueError(f"{path} cannot be read as {kind}: {error}") from None
    if frame.height == 0:
        raise ValueError(f"{path} has a header but no rows")
    return frame


def _read_csv(path: Path, columns: Sequence[str] | None) -> "pl.DataFrame":
    """Read the columns of a CSV file as text, after a look at the shape of every row."""
    import polars as pl

    header, rows, blank = _survey_csv(path)
    _check_columns(path, header, columns)
    # Polars fills short rows with nulls and, with some columns chosen, cuts long ones.
    frame = pl.read_csv(
        path, columns=None if columns is None else list(columns), infer_schema=False
    )
    if frame.height != rows + blank:
        raise ValueError(
            f"{path} is ambiguous: it has {rows + blank} rows or {frame.height}, depending on how "
            f"its quotes are read; write it again with every quote in a field doubled"
        )
    return frame.head(rows)


def _survey_csv(path: Path) -> tuple[list[str], int, int]:
    """Header, number of rows, and number of blank lines at the end of a CSV file."""
    rows = blank = 0
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                header = next(reader, [])
                if not header:
                    raise ValueError(f"{path} has no header line")
                for fields in reader:
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


def _check_columns(path: Path, found: list[str], wanted: Sequence[str] | None) -> None:
    """Refuse column names that appear twice, and names that do not appear."""
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {twice[0]!r}; rename one")
    for name in wanted or ():
        if name not in found:
            shown = ", ".join(map(repr, found[:20])) + ", ..." * (len(found) > 20)
            raise ValueError(f"{path} has no column {name!r}; its columns are {shown}")
