"""Data frames become observations: rows in order of time, gaps in time filled with nothing."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from analytic.validate import Floats, Ints
from bayes_markov.engines import to_polars
from bayes_markov.hmm.observations import Observations
from bayes_markov.labels import ALL_UNITS
from bayes_markov.sequence_frames import label_sequences
from bayes_markov.times import check_step, check_step_fits, float_room, parse_time

MAX_UNSEEN = 10**6
MAX_UNSEEN_PER_ROW = 1000
"""Regular times that may stand between so many rows; with more, the step is a mistake."""


def observe(
    frame: Any,
    *,
    observation: str,
    labels: bool = False,
    sequence: str | None = None,
    time: str | None = None,
    unit: str | None = None,
    categories: Iterable[Any] | None = None,
    step: float | timedelta | None = None,
) -> Observations:
    """Read the sequences of observations from a data frame in memory.

    Parameters
    ----------
    frame : eager data frame
        Polars, pandas, PyArrow or another that Narwhals knows; a row for each time.
    observation : str
        Column of the observations; null where nothing was observed. A hidden chain moves on at
        every row, so times without an observation must have a row, unless `step` is given.
    labels : bool, default False
        Whether the observations are labels, rather than numbers.
    sequence, time, unit : str, optional
        Columns as for `count_transitions`. Without `time` the rows are in order.
    categories : iterable, optional
        The labels in the wanted order.
    step : float or datetime.timedelta, optional
        Regular distance of consecutive times. Where the next row is g steps later, g - 1 missing
        observations are put between: time passes, and nothing is seen.

    Returns
    -------
    Observations
        The sequences named by `sequence`, by `unit`, or by both, as "unit, sequence".

    Raises
    ------
    ValueError, TypeError
        A column that is not there or is no number, times that are no whole number of steps apart,
        or as for `count_transitions`.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"year": [1901, 1900, 1904], "quakes": [14, 13, 9]})
    >>> seen = observe(frame, observation="quakes", time="year", step=1)
    >>> seen.values, seen.times
    ((array([13., 14., nan, nan,  9.]),), (array([1900, 1901, 1902, 1903, 1904]),))
    """
    data = _in_memory(frame)
    given = {"unit": unit, "sequence": sequence, "time": time}
    roles = {role: name for role, name in given.items() if name is not None}
    for name in (observation, *roles.values()):
        if name not in data.columns:
            raise ValueError(
                f"frame has no column {name!r}; it has {', '.join(map(repr, data.columns))}"
            )
    for role, name in roles.items():
        if name == observation:
            raise ValueError(
                f"observation= and {role}= both name column {name!r}; a column has one role"
            )
    if not isinstance(labels, bool):
        raise TypeError(f"labels must be True or False, got {labels!r}")
    if categories is not None and not labels:
        raise ValueError("categories are those of labels; give labels=True, or leave them out")
    when = None if step is None else _regular(data, time, step)
    rows, sequences = _rows_in_order(data, observation, roles, sequence, time, unit)
    times: list[NDArray[Any]] | None = None
    places = rows
    if time is not None and step is None:
        column_of_times = data[time].to_numpy()
        times = [column_of_times[path] for path in rows]
    elif when is not None:
        filled = [_with_gaps(when[path], step, str(time)) for path in rows]
        times = [now for now, _ in filled]
        places = [
            np.where(at >= 0, path[at], -1) for path, (_, at) in zip(rows, filled, strict=True)
        ]
    column = data[observation].to_list()
    if labels:
        return Observations.of_labels(
            [[column[i] if i >= 0 else None for i in path] for path in places],
            categories=categories,
            sequences=sequences,
            times=times,
        )
    numbers = np.append(_as_numbers(column, observation), np.nan)  # what -1 stands for
    return Observations.of_numbers(
        [numbers[path] for path in places], sequences=sequences, times=times
    )


def _in_memory(frame: Any) -> nw.DataFrame[Any]:
    """Take an eager data frame."""
    try:
        return nw.from_native(frame, eager_only=True)
    except DuplicateError:
        raise ValueError("frame has two columns of one name; rename one") from None
    except TypeError:
        raise TypeError(
            f"frame must be a data frame in memory (Polars, pandas, PyArrow, ...), got "
            f"{type(frame).__name__}; collect a lazy one first; for lists see Observations"
        ) from None


def _rows_in_order(
    data: nw.DataFrame[Any],
    observation: str,
    roles: dict[str, str],
    sequence: str | None,
    time: str | None,
    unit: str | None,
) -> tuple[list[Ints], list[Any]]:
    """Give the numbers of the rows of each sequence in order of time, and the sequences' names."""
    number = "row"
    while number in data.columns:
        number += "_"
    numbered = data.select(*dict.fromkeys([observation, *roles.values()])).with_row_index(number)
    paths = label_sequences(
        numbered.to_native(), state=number, sequence=sequence, time=time, unit=unit
    )
    rows = [np.array(path, dtype=np.int64) for path in paths]
    names = [roles[role] for role in ("unit", "sequence") if role in roles]
    if not names:
        return rows, [ALL_UNITS]
    columns = [data[name].to_list() for name in names]
    firsts = [[column[path[0]] for column in columns] for path in rows]
    return rows, [label[0] if len(label) == 1 else ", ".join(map(str, label)) for label in firsts]


def _regular(data: nw.DataFrame[Any], time: str | None, step: float | timedelta) -> NDArray[Any]:
    """Read times as numbers or dates, of which a regular step can be told."""
    check_step(step, time)
    column = to_polars(data.select(nw.col(str(time)).alias("time")), {"time": str(time)})
    parsed = parse_time(column.lazy(), str(time)).collect()
    check_step_fits(step, str(time), parsed.schema["time"])
    return parsed["time"].to_numpy()


def _with_gaps(times: NDArray[Any], step: Any, name: str) -> tuple[NDArray[Any], Ints]:
    """All regular times from the first to the last; beside each, its place in `times`, or -1."""
    unit = np.timedelta64(step) if isinstance(step, timedelta) else step
    room = 1e-6
    if np.issubdtype(times.dtype, np.floating):
        # In steps, as all that follows.
        eps = float(np.finfo(times.dtype).eps)
        room = float_room(1.0, float(np.abs(times).max()) / step, eps)
        times = times.astype(np.float64)
        if room > 1 / 2:
            raise ValueError(
                f"column {name!r} holds floats up to {np.abs(times).max()}, too large to tell "
                f"steps of {step}; give the times as integers, or less a constant"
            )
    passed = (times - times[0]) / unit
    steps = np.round(passed).astype(np.int64)
    off = np.abs(np.diff(passed) - np.diff(steps)) > room
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"column {name!r} goes from {times[row]} to {times[row + 1]}, which is no whole number "
            f"of steps of {step}; correct the times or the step"
        )
    length = int(steps[-1]) + 1
    if length > max(MAX_UNSEEN, MAX_UNSEEN_PER_ROW * times.size):
        raise ValueError(
            f"column {name!r} goes over {length:,} steps of {step} in {times.size:,} rows; nearly "
            f"nothing was observed: is the step right?"
        )
    places = np.full(length, -1, dtype=np.int64)
    places[steps] = np.arange(times.size)
    regular = times[0] + np.arange(length) * unit
    regular[steps] = times
    return regular, places


def _as_numbers(column: list[Any], name: str) -> Floats:
    """Numbers of a column, which a CSV file holds as text."""
    found = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if value is None or value == "":
            continue
        try:
            # Python would read 1_000 as a thousand, and true as 1.
            if isinstance(value, bool | np.bool_) or (isinstance(value, str) and "_" in value):
                raise TypeError
            found[row] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"column {name!r} holds {value!r} in row {row + 1}, which is no number"
            ) from None
    return found
