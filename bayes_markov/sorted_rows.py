"""Histories of rows that come sorted, counted batch by batch in one pass.

Where every row follows the one before it in its sequence, no engine has to gather and sort the
sequences: a few rows at the end of a batch are all that the next batch needs. Each row is compared
with the one before it, so rows that are not sorted are found and refused.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw

from bayes_markov.times import is_absent, is_coarse, is_gap, too_coarse

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS = 200_000
"""Rows looked at together: enough to make the work per batch small, few enough for the cache."""

MERGED_BATCHES = 50
"""Batches after which their counts are added up, so that they do not pile up."""


def grouped_in_order(
    data: nw.LazyFrame[Any],
    roles: dict[str, str],
    order: int,
    step: float | timedelta | None,
    advance: Callable[[int], None] = lambda rows: None,
) -> nw.DataFrame[Any]:
    """Count the rows of each (unit, depth, history, state) in data sorted by unit, sequence, time.

    Parameters
    ----------
    data : narwhals LazyFrame
        Columns named by role, in Polars or DuckDB.
    roles : dict of str
        Name of each role's column in the original data, for messages.
    order : int
        Length of the history.
    step : number or timedelta, optional
        Regular distance of consecutive times.
    advance : callable, optional
        Told after each batch how many rows it had.

    Returns
    -------
    narwhals DataFrame
        Columns unit (if there are units), depth, state_k, ..., state_1, state, and kept: the rows
        without a gap of time in their history.

    Raises
    ------
    ValueError
        Rows out of order (the first is named), two rows with the same key, a missing unit,
        sequence or time, floats too large to tell a step.
    TypeError
        An engine whose rows have no order.
    """
    import polars as pl

    keys: list[str] = [role for role in ("unit", "sequence") if role in roles]
    history = [f"state_{lag}" for lag in range(order, 0, -1)]
    by = [role for role in ("unit",) if role in roles] + ["depth", *history, "state"]
    rows_before, last, parts = 0, None, []
    for batch in _batches(data):
        plain = _comparable(batch, keys)
        rows = plain if last is None else pl.concat([last, plain])
        first = rows.height - plain.height
        compared = _compared(rows, keys)
        _check_order(compared[first:], rows, roles, rows_before - first)
        if step is not None and order > 0:
            _check_coarse(rows, roles, step, rows_before - first)
        counted = _with_history(compared, keys, order, step)[first:]
        parts.append(counted.group_by(by).agg(pl.col("kept").sum()))
        if len(parts) == MERGED_BATCHES:
            parts = [pl.concat(parts).group_by(by).agg(pl.col("kept").sum())]
        last = rows.tail(max(order, 1))
        rows_before += plain.height
        advance(plain.height)
    if not parts:
        return nw.from_native(pl.DataFrame(schema=[*by, "kept"]), eager_only=True)
    return nw.from_native(pl.concat(parts).group_by(by).agg(pl.col("kept").sum()), eager_only=True)


def _batches(data: nw.LazyFrame[Any]) -> Iterator["pl.DataFrame"]:
    """Rows of a frame in their order, some at a time; no batch is empty."""
    import polars as pl

    native = data.to_native()
    if data.implementation.is_polars():
        found: Iterator[Any] = native.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
    elif data.implementation.is_duckdb():
        found = map(pl.from_arrow, _arrow_batches(native))
    else:
        raise TypeError(
            f"assume_sorted=True needs rows that have an order, which those of a "
            f"{data.implementation} frame have not; leave it out"
        )
    return (batch for batch in found if batch.height)


def _arrow_batches(relation: Any) -> Iterator[Any]:
    """Rows of a DuckDB relation as Arrow tables, small batches put together."""
    import pyarrow as pa  # type: ignore[import-untyped]

    waiting: list[Any] = []
    for batch in pa.RecordBatchReader.from_stream(relation):
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= BATCH_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _comparable(batch: "pl.DataFrame", keys: list[str]) -> "pl.DataFrame":
    """Give text one storage in all batches: keys in alphabetical order, states quick to compare."""
    import polars as pl

    text = (pl.Categorical, pl.Enum)
    plain = [pl.col(key).cast(pl.String) for key in keys if batch.schema[key] in text]
    if batch.schema["state"] in (pl.String, pl.Enum):
        plain.append(pl.col("state").cast(pl.Categorical))
    return batch.with_columns(plain)


def _compared(rows: "pl.DataFrame", keys: list[str]) -> "pl.DataFrame":
    """Put beside each row whether it goes on with the sequence of the row before it.

    New columns: before (the time of the row before), same (the same unit and sequence), tie (and
    the same time), behind (it should come before the row before it).
    """
    import polars as pl

    same, behind = pl.repeat(True, pl.len()), pl.lit(False)
    for key in keys:
        now, previous = pl.col(key), pl.col(key).shift(1)
        behind = behind | (same & (now < previous))
        same = same & (now == previous)
    now, previous = pl.col("time"), pl.col("time").shift(1)
    # The first of all rows has none before it.
    same = same & (pl.int_range(pl.len()) > 0)
    return rows.with_columns(
        before=previous,
        same=same.fill_null(False),
        tie=(same & (now == previous)).fill_null(False),
        behind=(behind | (same & (now < previous))).fill_null(False),
    )


def _check_order(
    compared: "pl.DataFrame", rows: "pl.DataFrame", roles: dict[str, str], offset: int
) -> None:
    """Refuse rows that do not follow the one before them, naming the first."""
    import polars as pl

    checked = nw.from_native(compared, eager_only=True)
    first = rows.height - compared.height
    for role in ("unit", "sequence", "time"):
        if role in roles:
            absent = checked.select(none=is_absent(role, checked.schema[role]))["none"]
            if absent.any():
                row = first + int(absent.arg_max() or 0)
                raise ValueError(
                    f"{role} column {roles[role]!r} has a missing value at "
                    f"{_shown(rows, row, roles, offset)}; every row needs a {role}: drop the row "
                    f"or fill it in"
                )
    wrong = compared.select((pl.col("tie") | pl.col("behind")).alias("wrong"))["wrong"]
    if not wrong.any():
        return
    at = int(wrong.arg_max() or 0)
    row = first + at
    key = ", ".join(repr(roles[role]) for role in ("unit", "sequence", "time") if role in roles)
    if compared["tie"][at]:
        advice = "" if "sequence" in roles else ", or name the sequences with sequence="
        raise ValueError(
            f"two rows have the same {key}: {_shown(rows, row, roles, offset)}; their order is "
            f"not known: drop one{advice}"
        )
    raise ValueError(
        f"rows are not sorted by {key}: {_shown(rows, row, roles, offset)} comes after "
        f"{_shown(rows, row - 1, roles, offset)}; sort them, text by its characters, or leave out "
        f"assume_sorted=True"
    )


def _check_coarse(
    rows: "pl.DataFrame", roles: dict[str, str], step: float | timedelta, offset: int
) -> None:
    """Refuse float times that are too large to tell a step, naming the first."""
    timed = nw.from_native(rows, eager_only=True)
    coarse = timed.select("time", coarse=is_coarse(step, timed.schema["time"]))["coarse"]
    if coarse.any():
        row = int(coarse.arg_max() or 0)
        raise too_coarse(roles["time"], _shown(rows, row, roles, offset))


def _shown(rows: "pl.DataFrame", row: int, roles: dict[str, str], offset: int) -> str:
    """Say for a message which row it is."""
    values = rows.row(row, named=True)
    named = ", ".join(f"{roles[role]}={values[role]!s}" for role in roles)
    return f"row {offset + row} ({named})"


def _with_history(
    compared: "pl.DataFrame", keys: list[str], order: int, step: float | timedelta | None
) -> "pl.DataFrame":
    """Put the history, its depth and whether it has no gap of time beside each row."""
    import polars as pl

    deep = [pl.col("same")]
    for lag in range(1, order):
        deep.append(deep[-1] & pl.col("same").shift(lag).fill_null(False))
    kept = pl.lit(1, dtype=pl.Int64)
    if step is not None and order > 0:
        rows = nw.from_native(compared, eager_only=True)
        compared = rows.with_columns(gap=is_gap(step, rows.schema["time"])).to_native()
        gaps = [deep[lag] & pl.col("gap").shift(lag).fill_null(False) for lag in range(order)]
        kept = (~pl.any_horizontal(gaps)).cast(pl.Int64)
    return compared.select(
        *(key for key in keys if key == "unit"),
        "state",
        *(
            pl.when(deep[lag - 1]).then(pl.col("state").shift(lag)).alias(f"state_{lag}")
            for lag in range(1, order + 1)
        ),
        depth=pl.sum_horizontal([pl.lit(0), *deep[:order]]).cast(pl.Int64),
        kept=kept,
    )
