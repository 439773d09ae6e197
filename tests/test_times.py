"""Rows are ordered by the value of their time, in every engine, or refused."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from bayes_markov.counts import TransitionCounts
from bayes_markov.frames import count_transitions
from engines import ENGINE_PARAMS, ENGINES, as_frame, count_rows, ragged_rows

UTC = dt.UTC


@pytest.fixture(params=ENGINE_PARAMS)
def engine(request):
    return request.param


def widens(engine, kind):
    """Python's objects have no floats of 32 bits; wider ones are taken at their word."""
    return kind == "float32" and engine is ENGINES["pandas objects"]


def refuses_durations(engine, kind):
    """Narwhals has no name for the durations of Spark."""
    return kind == "duration" and engine is ENGINES["spark"]


DAYS = [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2024, 3, 3)]
TIMES = {
    "integer": [9, 10, 11, 13],
    "tiny integer": pl.Series([-128, -1, 126, 127], dtype=pl.Int8),
    "float": [0.1, 0.2, 0.3, 0.5],
    "nanoseconds": [2**60, 2**60 + 1, 2**60 + 2, 2**60 + 4],
    "date": DAYS,
    "datetime": [dt.datetime(2024, 1, 1, 5, 6, 7, n) for n in (8, 9, 10, 12)],
    "zoned": [dt.datetime(2024, 1, 1, h, tzinfo=UTC) for h in (1, 2, 3, 5)],
    "duration": [dt.timedelta(hours=h) for h in (9, 10, 11, 13)],
    "text integers": ["9", "10", "11", "13"],
    "text nanoseconds": [f"17000000000000000{n}" for n in ("09", "10", "11", "13")],
    "text floats": ["-1e1", "-9.5", "-9", "1e2"],
    "text dates": [str(day) for day in DAYS],
    "text datetimes": ["2024-01-01", "2024-01-01T09:10", "2024-01-01 09:10:01.5", "2024-01-02"],
    "text offsets": [
        "2024-01-01T11:00+05:00",
        "2024-01-01T06:00:01Z",
        "2024-01-01T05:00:02.25-0100",
        "2024-01-01T09:00:00+02:00",
    ],
    "text categories": pl.Series(["9", "10", "11", "13"], dtype=pl.Categorical),
}


@pytest.mark.parametrize("kind", TIMES)
def test_rows_are_ordered_by_the_value_of_the_time(engine, kind):
    values = pl.Series(TIMES[kind])
    frame = pl.DataFrame({"t": values, "s": ["a", "b", "c", "a"]})
    shuffled = engine(frame[[2, 0, 3, 1]])
    if refuses_durations(engine, kind):
        with pytest.raises(ValueError, match=r"time column 't' has type Unknown, expected"):
            count_transitions(shuffled, state="s", time="t")
        return
    expected = TransitionCounts.from_sequences([["a", "b", "c", "a"]])
    assert count_transitions(shuffled, state="s", time="t") == expected


def test_a_time_zone_does_not_change_the_order(engine):
    # Clocks in Berlin went back at 01:00 UTC: 02:30 came twice, an hour apart.
    instants = [dt.datetime(2024, 10, 27, h, 30, tzinfo=UTC) for h in (0, 1, 2)]
    times = pl.Series(instants).dt.convert_time_zone("Europe/Berlin")
    frame = pl.DataFrame({"t": times, "s": ["a", "b", "c"]})[[1, 2, 0]]
    counts = count_transitions(engine(frame), state="s", time="t", step=dt.timedelta(hours=1))
    assert counts == TransitionCounts.from_sequences([["a", "b", "c"]])


ACROSS = {
    "dates": [dt.date(2024, 10, d) for d in (26, 27, 28)],
    "text dates": ["2024-10-26", "2024-10-27", "2024-10-28"],
    "text datetimes": ["2024-03-30T02:30", "2024-03-31T02:30", "2024-04-01T02:30"],
    "instants": [dt.datetime(2024, 10, d, 22, 30, tzinfo=UTC) for d in (25, 26, 27)],
    "text offsets": ["2024-10-26T01:00+02:00", "2024-10-27T01:00+02:00", "2024-10-28T00:00+01:00"],
}


@pytest.mark.parametrize("kind", ACROSS)
def test_a_day_is_a_day_where_clocks_change(engine, kind):
    values = pl.Series(ACROSS[kind])
    if values.dtype == pl.Datetime:
        values = values.dt.convert_time_zone("Europe/Berlin")
    frame = engine(pl.DataFrame({"t": values, "s": ["a", "b", "c"]})[[1, 2, 0]])
    counts = count_transitions(frame, state="s", time="t", step=dt.timedelta(days=1))
    assert counts == TransitionCounts.from_sequences([["a", "b", "c"]])


def test_midnights_are_25_hours_apart_where_clocks_go_back(engine):
    days = pl.Series([dt.datetime(2024, 10, d) for d in (26, 27, 28)])
    times = days.dt.replace_time_zone("Europe/Berlin")
    frame = engine(pl.DataFrame({"t": times, "s": ["a", "b", "c"]}))
    counts = count_transitions(frame, state="s", time="t", step=dt.timedelta(hours=24))
    np.testing.assert_array_equal(counts.table[1:], [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("hours", [12, 36])
def test_dates_are_never_half_a_day_apart(hours, engine):
    frame = engine(pl.DataFrame({"t": DAYS, "s": ["a", "b", "c", "a"]}))
    counts = count_transitions(frame, state="s", time="t", step=dt.timedelta(hours=hours))
    np.testing.assert_array_equal(counts.table, [[1, 0, 0], *[[0, 0, 0]] * 3])


def test_times_without_seconds_are_at_the_full_minute(engine):
    times = ["2024-01-01T09:10", "2024-01-01T09:11:00", "2024-01-01T09:12:00.0", "2024-01-01T09:13"]
    frame = engine(pl.DataFrame({"t": times, "s": ["a", "b", "c", "a"]}))
    counts = count_transitions(frame, state="s", time="t", step=dt.timedelta(minutes=1))
    assert counts == TransitionCounts.from_sequences([["a", "b", "c", "a"]])


STEPS = {
    "integer": 1,
    "float": 0.1,
    "nanoseconds": 1,
    "tiny integer": 127,
    "date": dt.timedelta(days=1),
    "datetime": dt.timedelta(microseconds=1),
    "zoned": dt.timedelta(hours=1),
    "duration": dt.timedelta(hours=1),
    "text integers": 1,
    "text nanoseconds": 1,
    "text dates": dt.timedelta(days=1),
}


@pytest.mark.parametrize("kind", STEPS)
def test_another_step_is_a_gap(engine, kind):
    if refuses_durations(engine, kind):
        return
    frame = engine(pl.DataFrame({"t": pl.Series(TIMES[kind]), "s": ["a", "b", "a", "b"]}))
    counts = count_transitions(frame, state="s", time="t", step=STEPS[kind])
    np.testing.assert_array_equal(counts.table, [[1, 0], [0, 1], [1, 0]])


def tenths(base, dtype, rows=1000):
    """A state every tenth, from a time on, as regular as the type can say it."""
    times = pl.Series((base + 0.1 * np.arange(rows)).astype(dtype))
    return pl.DataFrame({"t": times, "s": ["a", "b", "b", "a", "b"] * (rows // 5)})


REGULAR = {
    "seconds since 1970": tenths(1.7e9, np.float64),
    "before 1970": tenths(-1.7e9, np.float64),
    "float32": tenths(0, np.float32),
    "text": tenths(1.7e9, np.float64).with_columns(pl.col("t").cast(pl.String)),
}


@pytest.mark.parametrize("kind", REGULAR)
def test_rounding_of_the_times_is_no_gap(engine, kind):
    if widens(engine, kind):
        return
    frame = REGULAR[kind]
    with_gaps = engine(pl.concat([frame[:400], frame[401:700], frame[703:]]))
    counts = count_transitions(with_gaps, state="s", time="t", step=0.1)
    assert counts.table.sum() == 1000 - 4 - 2
    counts = count_transitions(frame, state="s", time="t", step=0.11)
    assert counts.table.sum() == 1


@pytest.mark.parametrize("kind", REGULAR)
@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_rounding_of_sorted_times_is_no_gap(kind, name):
    if kind == "text":
        return
    frame = pl.concat([REGULAR[kind][:400], REGULAR[kind][401:]])
    counts = count_transitions(
        ENGINES[name](frame), state="s", time="t", step=0.1, assume_sorted=True
    )
    assert counts.table.sum() == 1000 - 1 - 1


COARSE = {
    "float64": ([1e9, 1e9 + 1e-6, 1e9 + 2e-6], 1e-6),
    "float32": (pl.Series([1e6, 1e6 + 0.5, 1e6 + 1], dtype=pl.Float32), 0.5),
    "negative": ([-1e9, -1e9 + 1e-6, 3], 1e-6),
    "text": (["9100000000000000000", "9100000000000010000", "9100000000000020000"], 10_000),
}


@pytest.mark.parametrize("kind", COARSE)
def test_times_too_large_for_the_step_are_refused(engine, kind):
    if widens(engine, kind):
        return
    values, step = COARSE[kind]
    frame = engine(pl.DataFrame({"t": values, "s": ["a", "b", "c"]}))
    with pytest.raises(ValueError, match=r"time column 't' holds a float at t=.*, s=. that is too"):
        count_transitions(frame, state="s", time="t", step=step)


@pytest.mark.parametrize("kind", COARSE)
@pytest.mark.parametrize("assume_sorted", [False, True])
def test_large_times_do_without_a_step(kind, assume_sorted):
    values, step = COARSE[kind]
    frame = pl.DataFrame({"t": values, "s": ["a", "b", "c"]})
    options = {"state": "s", "time": "t", "assume_sorted": assume_sorted and kind != "text"}
    assert count_transitions(frame, **options).table.sum() == 3
    assert count_transitions(frame, **options, step=step, order=0).table.sum() == 3
    if options["assume_sorted"]:
        with pytest.raises(ValueError, match=r"holds a float at row 0 \(t=.*too large"):
            count_transitions(frame, **options, step=step)


@pytest.mark.parametrize("order", range(4))
def test_gaps_cost_what_the_loop_says(engine, order):
    rows = ragged_rows(["a", "b", "c"], seed=5)
    rows = [(u, q, t // 2 if t < 0 else t + 50, s) for u, q, t, s in rows]
    rows = list({row[:3]: row for row in rows}.values())
    plain = [((u, q), t, s) for u, q, t, s in rows]
    expected = count_rows(plain, ("a", "b", "c"), order, gap=lambda a, b: b - a != 1)
    counts = count_transitions(
        engine(as_frame(rows)),
        state="state",
        sequence="sequence",
        time="time",
        unit="unit",
        order=order,
        missing="break",
        step=1,
    )
    np.testing.assert_array_equal(counts.pooled, expected)
    if order:
        assert expected.sum() < count_rows(plain, ("a", "b", "c"), order).sum()


REFUSED_TIMES = {
    "words": (["1", "two", "3"], r"'t' is text that has no order.*'two'"),
    "mixture": (["1", "2024-01-01", "3"], r"'t' is text.*'1' and '2024-01-01'"),
    "offset for some": (["2024-01-01T10:00", "2024-01-01T10:00Z", "2024-01-02T10:00"], "'t' is te"),
    "no such day": (["2023-02-28", "2023-02-29", "2023-03-01"], r"'2023-02-29'"),
    "no such leap day": (["1900-02-28", "1900-02-29", "1900-03-01"], r"'1900-02-29'"),
    "other order": (["01/02/2024", "02/02/2024", "03/02/2024"], r"'01/02/2024'"),
    "digits of another script": (["1", "٢", "3"], "'٢'"),
    "boolean": ([True, False, None], r"'t' has type Boolean"),
    "null": ([1, None, 3], r"time column 't' has a missing value at t=\S+, s=b"),
    "NaN": ([1.0, math.nan, 3.0], r"time column 't' has a missing value"),
    "null date": ([DAYS[0].isoformat(), None, "2024-03-01"], r"time column 't' has 1 missing"),
    "empty text": (["1", "", "3"], r"time column 't' has 1 missing"),
    "NaT": ([dt.datetime(2024, 1, 1), None, dt.datetime(2024, 1, 2)], "time column 't' has a miss"),
    "duplicate": ([1, 2, 2], r"two rows have the same 't': t=2, s=.; .*sequence="),
    "duplicate text": (["1.0", "1", "2"], r"two rows have the same 't': t=1"),
    "duplicate date": (
        [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)],
        r"two rows have the same 't': t=2024-01-0[12]",  # Spark takes it for a time in its zone
    ),
}


@pytest.mark.parametrize("kind", REFUSED_TIMES)
@pytest.mark.parametrize("order", [0, 1])
def test_times_that_do_not_order_the_rows_are_refused(engine, kind, order):
    values, message = REFUSED_TIMES[kind]
    frame = engine(pl.DataFrame({"t": values, "s": ["a", "b", "c"]}))
    with pytest.raises(ValueError, match=message):
        count_transitions(frame, state="s", time="t", order=order)


def test_days_need_a_timedelta(engine):
    frame = engine(pl.DataFrame({"t": ["2024-01-01", "2024-01-02"], "s": ["a", "b"]}))
    with pytest.raises(ValueError, match=r"step is 1, but .* dates .*timedelta\(days=1\)"):
        count_transitions(frame, state="s", time="t", step=1)
