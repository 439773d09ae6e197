"""Transition counts of a data frame, counted where the data lie.

One expression serves every engine that Narwhals speaks to: the states before each row are shifted
columns within the sequence, and the rows are grouped and counted by (unit, depth, history, state).
Only that small table leaves the engine. The depth of a row is how many rows of its sequence come
before it, up to the order: it tells s_0, which no value of the data may stand for, from a state
that is missing.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import narwhals as nw
import numpy as np

from analytic.counts import check_cells, table_shape
from analytic.validate import Ints, check_order
from bayes_markov.counts import TransitionCounts
from bayes_markov.engines import engine_frame, to_polars
from bayes_markov.labels import (
    MISSING_CODE,
    Label,
    Missing,
    as_label,
    as_states,
    check_missing_policy,
    check_one_type,
    is_missing,
    natural_sort,
    resolve_states,
    unknown_label,
)
from bayes_markov.sorted_rows import grouped_in_order
from bayes_markov.times import (
    check_step,
    check_step_fits,
    is_absent,
    is_coarse,
    is_gap,
    parse_time,
    too_coarse,
)

_COLUMNS_SHOWN = 20
"""How many columns of a frame an error lists."""


def count_transitions(
    frame: Any,
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
) -> TransitionCounts:
    r"""Count the transitions in a data frame with one row per observed state.

    .. math:: n_{ij} = \sum_t 1\{z_{t-1} = i,\ z_t = j\}, \qquad z_0 = s_0

    The rows of one sequence are ordered by time and started at s_0. The engine that holds the
    data does the counting, so a lazy frame is never loaded as a whole.

    Parameters
    ----------
    frame : data frame
        pandas, Polars (eager or lazy), PyArrow, DuckDB, Ibis, PySpark, or another that Narwhals
        understands and that can order rows within sequences.
        Integers, booleans, text and categories serve as states.
    state : str
        Column of the states.
    sequence : str, optional
        Column that tells sequences apart. By default each unit is one sequence, and without
        `unit` the whole frame is.
    time : str, optional
        Column that orders a sequence: numbers, dates, datetimes, durations, or text that holds
        only numbers or only ISO dates. It may be left out for a frame whose rows have an order.
    unit : str, optional
        Column of the units that get a table each. Sequences are told apart within a unit.
    states : iterable, optional
        The state space in the wanted order. A label outside it is refused. By default the labels
        found, in natural order ("s2" before "s10").
    order : int, default 1
        Length of the history.
    missing : {"error", "break"}, default "error"
        What to do at a missing state (null, NaN, empty text): refuse it, or drop every transition
        that it is part of. The chain does not restart after it.
    step : number or timedelta, optional
        Regular distance of consecutive times. At any other distance the sequence has a gap: the
        transitions across it are dropped, and the chain does not restart after it. A number for
        numbers, a timedelta for dates; days are 24 hours, also where clocks change. Floats may
        miss it by a millionth of the step and by the rounding of the times in their type.
    assume_sorted : bool, default False
        The rows are sorted by unit, sequence and time, text by its characters: count them in one
        pass, several times faster and in constant memory. Rows that are not sorted are refused.
        For pandas, Polars, PyArrow and DuckDB, whose rows have an order.

    Returns
    -------
    TransitionCounts
        Counts of int64; units in natural order.

    Raises
    ------
    ValueError
        A column that is not there or has two roles; a missing unit, sequence or time; two rows
        with the same unit, sequence and time; text that has no order in time; no `time` where
        rows have no order; no rows; rows out of order under `assume_sorted`; floats too large to
        tell a `step`; an unknown, missing or unusable label.
    TypeError
        Something that is not a data frame, or one whose rows cannot be ordered or, under
        `assume_sorted`, have no order; a `step` of another kind.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"day": [3, 1, 2], "sky": ["rain", "sun", "sun"]})
    >>> count_transitions(frame, state="sky", time="day")
    TransitionCounts: 3 transitions, 2 states (natural sort), order 1
             rain  sun
      <s0>      0    1
      rain      0    0
      sun       1    1
    """
    given = {"unit": unit, "sequence": sequence, "time": time, "state": state}
    roles = {role: name for role, name in given.items() if name is not None}
    return count_roles(
        frame,
        roles,
        states=states,
        order=order,
        missing=missing,
        step=step,
        assume_sorted=assume_sorted,
    )


def count_roles(
    frame: Any,
    roles: dict[str, str],
    *,
    states: Iterable[Any] | None,
    order: int,
    missing: Missing,
    step: float | timedelta | None,
    assume_sorted: bool,
    advance: Callable[[int], None] = lambda rows: None,
) -> TransitionCounts:
    """Count as `count_transitions`; a sorted pass tells `advance` how many rows it has read."""
    check_order(order)
    table_shape(1, order)  # refuses an order that no state space could have, before any work
    check_missing_policy(missing)
    declared = None if states is None else as_states(states)
    if step is not None:
        check_step(step, roles.get("time"))
    rows = prepare(frame, roles)
    if step is not None:
        check_step_fits(step, roles["time"], rows.collect_schema()["time"])
    if assume_sorted:
        groups = grouped_in_order(rows, roles, int(order), step, advance)
    else:
        rows = with_history(rows, roles, int(order), step)
        groups = grouped(rows, int(order)).collect()
    if len(groups) == 0:
        raise ValueError("frame has no rows; there is nothing to count")
    if not assume_sorted:
        check_rows(rows, groups, roles)
    return _tabulate(rows, groups, roles, declared, int(order), missing)


def prepare(frame: Any, roles: dict[str, str]) -> nw.LazyFrame[Any]:
    """Take the columns that have a role, named by it, with a time that orders the rows."""
    taken: dict[str, str] = {}
    for role, name in roles.items():
        if name in taken:
            raise ValueError(
                f"{taken[name]}= and {role}= both name column {name!r}; a column has one role"
            )
        taken[name] = role
    given = engine_frame(frame)
    names = given.collect_schema().names()
    for role, name in roles.items():
        if name not in names:
            shown = ", ".join(map(repr, names[:_COLUMNS_SHOWN]))
            more = f" and {len(names) - _COLUMNS_SHOWN} more" * (len(names) > _COLUMNS_SHOWN)
            raise ValueError(
                f"{role}={name!r} is not a column of the frame, which has {shown}{more}"
            )
    chosen = given.select(*(nw.col(name).alias(role) for role, name in roles.items()))
    if isinstance(chosen, nw.DataFrame):
        if not chosen.implementation.is_polars():
            chosen = to_polars(chosen, roles)
        data = (chosen if "time" in roles else chosen.with_row_index("time")).lazy()
    elif "time" in roles:
        data = chosen
    else:
        raise ValueError(
            f"time is missing: the rows of a lazy frame ({type(frame).__name__}) have no order; "
            f"name the column that orders them with time=, or pass an eager frame whose rows are "
            f"in order"
        )
    for role, dtype in data.collect_schema().items():
        if dtype.is_nested() or isinstance(dtype, nw.Object):
            raise ValueError(
                f"{role} column {roles[role]!r} has type {dtype}; expected plain values"
            )
    return parse_time(data, roles["time"]) if "time" in roles else data


def with_history(
    data: nw.LazyFrame[Any], roles: dict[str, str], order: int, step: float | timedelta | None
) -> nw.LazyFrame[Any]:
    """Put the history, its depth and what is wrong with a row beside each row.

    New columns: state_1, ..., state_k (the states before), depth, tie (same time as the row
    before), unfilled_<role> (nothing in a column that must not be empty), coarse (a float too
    large to tell a step; only with a step), kept (no gap of time within the history).
    """
    schema = data.collect_schema()
    within = [role for role in ("unit", "sequence") if role in roles]

    def lagged(column: str, lag: int) -> nw.Expr:
        return nw.col(column).shift(lag).over(*within, order_by="time")

    lags = range(1, order + 1)
    data = data.with_columns(one=nw.lit(1)).with_columns(
        lagged("time", 1).alias("before"),
        *(lagged("state", lag).alias(f"state_{lag}") for lag in lags),
        *(lagged("one", lag).alias(f"one_{lag}") for lag in lags),
    )
    # A sum of no columns means nothing to an engine; at order 0 every depth is 0.
    depth = nw.sum_horizontal(*(f"one_{lag}" for lag in lags)) if order else nw.lit(0)
    tie = (nw.col("time") == nw.col("before")).fill_null(False)
    data = data.with_columns(
        depth.alias("depth"),
        tie.cast(nw.Int64()).alias("tie"),
        *(
            is_absent(role, schema[role]).cast(nw.Int64()).alias(f"unfilled_{role}")
            for role in (*within, "time")
        ),
    )
    if step is None or order == 0:
        return data.with_columns(kept=nw.lit(1))
    # A transition of order k spans k steps in time: its own, and the k - 1 before it.
    data = data.with_columns(
        coarse=is_coarse(step, schema["time"]).cast(nw.Int64()),
        gap_0=is_gap(step, schema["time"]).cast(nw.Int64()),
    )
    for lag in range(1, order):
        data = data.with_columns(lagged("gap_0", lag).alias(f"gap_{lag}"))
    gaps = nw.sum_horizontal(*(f"gap_{lag}" for lag in range(order)))
    return data.with_columns(kept=(gaps == 0).cast(nw.Int64()))


def grouped(rows: nw.LazyFrame[Any], order: int) -> nw.LazyFrame[Any]:
    """Count the rows of each (unit, depth, history, state), and those with something wrong."""
    names = rows.collect_schema().names()
    keys = [name for name in ("unit", "depth") if name in names]
    history = [f"state_{lag}" for lag in range(order, 0, -1)]
    faults = [name for name in names if name in ("tie", "coarse") or name.startswith("unfilled_")]
    return rows.group_by(*keys, *history, "state").agg(
        *(nw.col(name).sum() for name in ("kept", *faults))
    )


def check_rows(rows: nw.LazyFrame[Any], groups: nw.DataFrame[Any], roles: dict[str, str]) -> None:
    """Refuse rows that do not say where they belong, naming one of them."""
    for role in ("unit", "sequence", "time"):
        if role in roles and any(groups[f"unfilled_{role}"].to_list()):
            where = _locate(rows, nw.col(f"unfilled_{role}") == 1, roles)
            raise ValueError(
                f"{role} column {roles[role]!r} has a missing value at {where}; every row needs "
                f"a {role}: drop the row or fill it in"
            )
    if "time" in roles and any(groups["tie"].to_list()):
        where = _locate(rows, nw.col("tie") == 1, roles)
        key = ", ".join(repr(roles[role]) for role in ("unit", "sequence", "time") if role in roles)
        advice = "" if "sequence" in roles else ", or name the sequences with sequence="
        raise ValueError(
            f"two rows have the same {key}: {where}; their order is not known: drop one{advice}"
        )
    if "coarse" in groups.columns and any(groups["coarse"].to_list()):
        raise too_coarse(roles["time"], _locate(rows, nw.col("coarse") == 1, roles))


def _locate(rows: nw.LazyFrame[Any], condition: nw.Expr, roles: dict[str, str]) -> str:
    """Say for a message where the first row is that meets a condition."""
    keys = [role for role in ("unit", "sequence", "time") if role in roles or role == "time"]
    found = rows.filter(condition).select(*keys, "state").sort(*keys).head(1).collect()
    row = found.rows(named=True)[0]
    return ", ".join(
        f"{roles[role]}={row[role]!s}" if role in roles else f"row {row[role]}"
        for role in (*keys, "state")
    )


def _tabulate(
    rows: nw.LazyFrame[Any],
    groups: nw.DataFrame[Any],
    roles: dict[str, str],
    declared: tuple[Label, ...] | None,
    order: int,
    missing: Missing,
) -> TransitionCounts:
    """Turn the groups into codes and add them up in a table."""
    column = {name: groups[name].to_list() for name in groups.columns}
    states, codes = state_codes(rows, column["state"], roles, declared, missing)
    depth = integers(column["depth"])
    counted = integers(column["kept"])
    index = [_coded(column["state"], codes)]
    counted[index[0] == MISSING_CODE] = 0
    for lag in range(1, order + 1):
        before = _coded(column[f"state_{lag}"], codes)
        started = depth >= lag
        counted[started & (before == MISSING_CODE)] = 0
        index.insert(0, np.where(started, before + 1, 0))
    shape = table_shape(len(states), order)
    units = None
    if "unit" in roles:
        units, number = _unit_codes(column["unit"], roles["unit"])
        check_cells(len(units), len(states), order)
        shape = (len(units), *shape)
        index.insert(0, number)
    table = np.zeros(shape, dtype=np.int64)
    use = counted > 0
    np.add.at(table, tuple(axis[use] for axis in index), counted[use])
    return TransitionCounts(table, states, order, units)


def state_codes(
    rows: nw.LazyFrame[Any],
    values: list[Any],
    roles: dict[str, str],
    declared: tuple[Label, ...] | None,
    missing: Missing,
) -> tuple[tuple[Label, ...], dict[Any, int]]:
    """State space, and the code of each value of the state column that is not missing."""
    name = roles["state"]
    labels: dict[Any, Label] = {}
    for value in dict.fromkeys(values):
        if not is_missing(value):
            labels[value] = as_label(value, f"a value of state column {name!r}")
        elif missing == "error":
            where = _locate(rows, is_absent("state", rows.collect_schema()["state"]), roles)
            raise ValueError(
                f"state column {name!r} has a missing value at {where}; drop the row, or give "
                f'missing="break" to drop the transitions around it'
            )
    check_one_type(labels.values(), f"state column {name!r}")
    states = resolve_states(labels.values(), declared)
    position = {(type(label), label): code for code, label in enumerate(states)}
    for label in natural_sort(labels.values()):
        if (type(label), label) not in position:
            value = next(value for value in labels if labels[value] == label)
            where = _locate(rows, nw.col("state") == value, roles)
            raise unknown_label(label, f"state column {name!r} at {where}", states)
    return states, {value: position[type(label), label] for value, label in labels.items()}


def _unit_codes(values: list[Any], name: str) -> tuple[tuple[Label, ...], Ints]:
    """Sort the unit labels naturally, and give each value its unit's position."""
    labels = {v: as_label(v, f"a value of unit column {name!r}") for v in dict.fromkeys(values)}
    check_one_type(labels.values(), f"unit column {name!r}")
    units = natural_sort(labels.values())
    position = {unit: at for at, unit in enumerate(units)}
    return units, np.array([position[labels[value]] for value in values], dtype=np.int64)


def _coded(values: list[Any], codes: dict[Any, int]) -> Ints:
    """Codes of a column of states; a value that is neither missing nor known is an error."""
    code = {v: MISSING_CODE if is_missing(v) else codes[v] for v in dict.fromkeys(values)}
    return np.fromiter(map(code.__getitem__, values), np.int64, len(values))


def integers(values: list[Any]) -> Ints:
    """Numbers as int64, from whatever an engine gives for a sum; null (no summand) is 0."""
    return np.array([0 if is_missing(v) else int(v) for v in values], dtype=np.int64)
