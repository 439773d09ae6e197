"""What single engines need before the one expression that counts can run on them."""

import atexit
from typing import Any

import narwhals as nw
from narwhals.exceptions import DuplicateError


def engine_frame(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Take a data frame of any engine that can order rows within sequences."""
    if type(frame).__module__.startswith("dask."):
        raise TypeError(
            "frame is a Dask data frame, which cannot order rows within sequences; pass "
            "frame.compute() if it fits into memory, else write it to Parquet and count the files"
        )
    try:
        given: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
    except DuplicateError as error:
        first = str(error).partition("- ")[2].partition("\n")[0]  # 'name' 2 times
        raise ValueError(f"frame has columns of one name: {first}; rename one") from None
    except TypeError:
        raise TypeError(
            f"frame must be a data frame that Narwhals understands (pandas, Polars, PyArrow, "
            f"DuckDB, ...), got {type(frame).__name__}; for sequences in lists use "
            f"TransitionCounts.from_sequences"
        ) from None
    if given.implementation.is_duckdb():
        atexit.unregister(_empty_duckdb_cache)
        atexit.register(_empty_duckdb_cache)
    return given


def to_polars(data: nw.DataFrame[Any], roles: dict[str, str]) -> nw.DataFrame[Any]:
    """Take the columns of another eager frame over into Polars.

    PyArrow has no windows; pandas' shifted integers become floats and lose digits beyond 2^53, its
    missing values come in four kinds, and in its object columns 1 equals True.
    """
    import polars as pl

    columns = {}
    for role in data.columns:
        try:
            columns[role] = data.select(role).to_polars()[role]
        except (TypeError, ValueError) as error:  # PyArrow's errors are both of these
            raise ValueError(
                f"{role} column {roles[role]!r} is not of one type: {error}; convert it first"
            ) from None
    return nw.from_native(pl.DataFrame(columns), eager_only=True)


def _empty_duckdb_cache() -> None:
    """Let go of DuckDB's types, which a cache in Narwhals holds beyond the interpreter's end.

    DuckDB 2.0 would print them as leaked when Python exits. The cache is not public, so a
    Narwhals without it is left alone.
    """
    import narwhals._namespace

    cached = getattr(narwhals._namespace, "_builtin_namespace", None)
    if cached is not None:
        cached.cache_clear()
