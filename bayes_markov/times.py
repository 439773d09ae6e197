"""What orders the rows of a data frame: time columns, text that stands for time, regular steps."""

import math
from datetime import timedelta
from typing import Any

import narwhals as nw

_YEAR, _SHORT_YEAR = "[1-9][0-9]{3}", "(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"(?:[1-9][0-9]{_SHORT_YEAR}|(?:[2468][048]|[13579][26])00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    f"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_CLOCK = "[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])"

_FORMS = {
    "integers": "^-?(?:[0-9]{1,18}|[0-8][0-9]{18})$",
    "numbers": "^-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]{1,2})?$",
    "ISO dates": f"^{_DATE}(?:{_CLOCK})?$",
    "ISO dates with UTC offset": f"^{_DATE}{_CLOCK}{_OFFSET}$",
}
"""Forms of text that have one order by value. The integers fit into 64 bits; nanoseconds since
1970 have 19 digits, which floats do not hold. The dates are exact, leap years included, so that
no engine meets a day that does not exist, about which engines differ."""


def is_text(dtype: nw.dtypes.DType) -> bool:
    """Text in any storage: strings, categories, enumerations."""
    return isinstance(dtype, nw.String | nw.Categorical | nw.Enum)


def is_absent(column: str, dtype: nw.dtypes.DType) -> nw.Expr:
    """Tell for each row whether a column holds nothing: null, NaN or empty text."""
    absent = nw.col(column).is_null()
    if dtype.is_float():
        absent = absent | nw.col(column).is_nan().fill_null(False)
    elif is_text(dtype):
        absent = absent | (nw.col(column).cast(nw.String()) == "").fill_null(False)
    return absent


def parse_time(data: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
    """Give the column "time" a type with one order by value.

    Numbers, dates, datetimes and durations stay as they are. Text becomes numbers or datetimes if
    all of it has one of those forms; in alphabetical order "10" would come before "9".

    Parameters
    ----------
    data : narwhals LazyFrame
        Rows with a column "time".
    name : str
        The column's name in the original frame, for messages.

    Returns
    -------
    narwhals LazyFrame

    Raises
    ------
    ValueError
        A type without an order in time, missing text, or text of no form or of several.
    """
    dtype = data.collect_schema()["time"]
    if dtype.is_numeric() or isinstance(dtype, nw.Date | nw.Datetime | nw.Duration):
        return data
    if not is_text(dtype):
        raise ValueError(
            f"time column {name!r} has type {dtype}, expected numbers, dates, datetimes, "
            f"durations or text that holds them; convert it first"
        )
    form = _common_form(data, dtype, name)
    text = nw.col("time").cast(nw.String())
    if form == "integers":
        return data.with_columns(time=text.cast(nw.Int64()))
    if form == "numbers":
        return data.with_columns(time=text.cast(nw.Float64()))
    return data.with_columns(time=_iso_to_datetime(data, text, zoned=form != "ISO dates"))


def _common_form(data: nw.LazyFrame[Any], dtype: nw.dtypes.DType, name: str) -> str:
    """Name the first form that every value of the text column "time" has."""
    text, absent = nw.col("time").cast(nw.String()), is_absent("time", dtype)
    fits = {form: text.str.contains(pattern).fill_null(False) for form, pattern in _FORMS.items()}
    none = absent.cast(nw.Int64()).sum().alias("absent")
    totals = [fit.cast(nw.Int64()).sum().alias(form) for form, fit in fits.items()]
    number = data.select(nw.len().alias("rows"), none, *totals).collect().rows(named=True)[0]
    if number["absent"]:
        raise ValueError(
            f"time column {name!r} has {int(number['absent'])} missing values; every row needs a "
            f"time: drop these rows or fill them in"
        )
    for form in _FORMS:
        if int(number[form] or 0) == number["rows"]:
            return form
    unfit = ~nw.any_horizontal(*fits.values(), ignore_nulls=True)
    integers, numbers, dates, zoned = fits.values()
    kinds = [unfit, integers | numbers, dates, zoned]
    examples = []
    for kind in kinds:
        examples += data.filter(kind).select(text.alias("time")).head(1).collect()["time"].to_list()
    raise ValueError(
        f"time column {name!r} is text that has no order by value: it holds "
        f"{' and '.join(map(repr, examples))}; expected only numbers, or only ISO dates such as "
        f"2024-02-29, 2024-02-29T13:45:00 or, all with an offset, 2024-02-29T13:45:00+01:00; "
        f"convert it first"
    )


def _iso_to_datetime(data: nw.LazyFrame[Any], text: nw.Expr, *, zoned: bool) -> nw.Expr:
    """Parse ISO dates of any length after writing them all in one format, which engines share."""
    whole = text.str.replace_all(" ", "T", literal=True)
    local = whole.str.replace_all(f"{_OFFSET}$", "") if zoned else whole
    length = local.str.len_chars()
    padded = (
        nw.when(length == len("2024-02-29"))
        .then(nw.concat_str([local, nw.lit("T00:00:00.0")]))
        .when(length == len("2024-02-29T13:45"))
        .then(nw.concat_str([local, nw.lit(":00.0")]))
        .when(length == len("2024-02-29T13:45:00"))
        .then(nw.concat_str([local, nw.lit(".0")]))
        .otherwise(local)
    )
    padded = nw.concat_str([padded, nw.lit("00000")]).str.slice(
        0, len("2024-02-29T13:45:00.000000")
    )
    # Polars alone spells "a point and any number of digits" %.f, and for Spark %f is one digit.
    fraction = ".%f"
    if data.implementation.is_polars():
        fraction = "%.f"
    elif data.implementation.is_spark_like():
        fraction = "." + "%f" * 6
    layout = f"%Y-%m-%dT%H:%M:%S{fraction}"
    if not zoned:
        return padded.str.to_datetime(format=layout)
    offset = whole.str.replace_all(f"^{_DATE}{_CLOCK}", "")
    offset = offset.str.replace_all("Z", "+0000", literal=True)
    offset = offset.str.replace_all(":", "", literal=True)
    return nw.concat_str([padded, offset]).str.to_datetime(format=f"{layout}%z")


def check_step(step: object, time: str | None) -> None:
    """Check a regular distance of consecutive times."""
    if isinstance(step, bool) or not isinstance(step, int | float | timedelta):
        raise TypeError(f"step must be a number or a datetime.timedelta, got {step!r}")
    if time is None:
        raise ValueError("step is a distance in time; name the time column with time=")
    length = step.total_seconds() if isinstance(step, timedelta) else step
    if not (math.isfinite(length) and length > 0):
        raise ValueError(f"step must be positive and finite, got {step}")


def check_step_fits(step: float | timedelta, time: str, dtype: nw.dtypes.DType) -> None:
    """Check that a step can be compared with times of a type."""
    if dtype.is_numeric() and isinstance(step, timedelta):
        raise ValueError(
            f"step is {step}, but time column {time!r} holds numbers; give step as a number"
        )
    if not dtype.is_numeric() and not isinstance(step, timedelta):
        raise ValueError(
            f"step is {step}, but time column {time!r} holds dates or durations; give step as "
            f"a datetime.timedelta, such as timedelta(days=1)"
        )


def float_room(step: float, size: Any, eps: float) -> Any:
    """By how much the distance of float times of a size may miss a step, through rounding alone.

    A millionth of the step, since 0.3 - 0.2 is not 0.1 in binary, and four units in the last place
    of the times, which are rounded too: near 1.7e9 floats of 64 bits lie 2.4e-7 apart.
    """
    return 1e-6 * step + 4 * eps * size


def is_coarse(step: float | timedelta, dtype: nw.dtypes.DType) -> nw.Expr:
    """Tell for each row whether "time" is so large a float that rounding hides half a step."""
    if isinstance(step, timedelta) or dtype.is_integer():
        return nw.lit(False)
    room = float_room(step, nw.col("time").cast(nw.Float64()).abs(), _eps(dtype))
    coarse: nw.Expr = room > step / 2
    return coarse.fill_null(False)


def too_coarse(name: str, where: str) -> ValueError:
    """Error for a time that is coarse."""
    return ValueError(
        f"time column {name!r} holds a float at {where} that is too large for the step: rounding "
        f"hides whether there is a gap; give the times as integers, or less a constant"
    )


def _eps(dtype: nw.dtypes.DType) -> float:
    """Relative distance of neighbouring floats of a type."""
    return 2.0**-23 if isinstance(dtype, nw.Float32) else 2.0**-52


def is_gap(step: float | timedelta, dtype: nw.dtypes.DType) -> nw.Expr:
    """Tell for each row whether "time" lies at another distance than `step` from "before".

    Exact, except for floats, which may miss it by rounding (see `float_room`). A row with nothing
    before it is no gap.
    """
    now, before = nw.col("time"), nw.col("before")
    if isinstance(dtype, nw.Duration):
        return (now != before + nw.lit(step)).fill_null(False)
    if isinstance(step, timedelta):
        # Adding or subtracting times may follow the clocks of an engine's time zone; a shift by
        # microseconds never does. Dates have no clocks, and become datetimes that have.
        days, rest = divmod(step, timedelta(days=1))
        if not isinstance(dtype, nw.Date):
            after = before.dt.offset_by(f"{step // timedelta(microseconds=1)}us")
        elif rest:
            return ~before.is_null()
        else:
            after = before.dt.offset_by(f"{days}d")
        return (now != after).fill_null(False)
    if dtype.is_integer():
        # Small integer types could not hold the difference.
        return (now.cast(nw.Int64()) - before.cast(nw.Int64()) != step).fill_null(False)
    now, before = now.cast(nw.Float64()), before.cast(nw.Float64())
    room = float_room(step, now.abs(), _eps(dtype))
    gap: nw.Expr = (now - before - step).abs() > room
    return gap.fill_null(False)
