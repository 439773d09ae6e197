"""One pass over sorted rows gives the table that sorting gives, and rows out of order are found."""

import datetime as dt
import math
import random

import numpy as np
import polars as pl
import pytest

from bayes_markov import sorted_rows
from bayes_markov.counts import TransitionCounts
from bayes_markov.frames import count_transitions
from engines import DUCKDB, ENGINES, as_frame, count_rows, ragged_rows

ORDERED = [name for name in ENGINES if name not in ("ibis", "spark")]
ROLES = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}
KEY = ["unit", "sequence", "time"]

KINDS = {
    "text": (["Ж", "a", "s2", "s10"], None),
    "category": (["calm", "é", "storm"], pl.Categorical),
    "enum": (["low", "high", "mid"], pl.Enum(["low", "high", "mid"])),
    "integer": ([-3, 7, 2**40], None),
    "boolean": ([False, True], None),
}


@pytest.fixture(params=ORDERED)
def engine(request):
    return ENGINES[request.param]


@pytest.fixture
def cut(monkeypatch):
    """Cut data into batches of given sizes, over and over, whatever the engine would do."""

    def into(*sizes):
        def batches(data):
            whole, start, turn = data.collect(backend="polars").to_native(), 0, 0
            while start < whole.height:
                yield whole[start : start + sizes[turn % len(sizes)]]
                start, turn = start + sizes[turn % len(sizes)], turn + 1

        monkeypatch.setattr(sorted_rows, "_batches", batches)

    return into


def by_unit(rows, states, order):
    units = ("u2", "u10", "ü")
    tables = [
        count_rows([(q, t, s) for u, q, t, s in rows if u == unit], states, order) for unit in units
    ]
    return TransitionCounts(np.stack(tables), states, order, units)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", range(4))
def test_the_table_is_that_of_the_loop(engine, kind, order):
    labels, state_type = KINDS[kind]
    rows = ragged_rows(labels, seed=11)
    frame = engine(as_frame(rows, state_type).sort(KEY))
    options = ROLES | {"order": order, "missing": "break", "states": labels}
    counts = count_transitions(frame, **options, assume_sorted=True)
    assert counts == by_unit(rows, tuple(labels), order)
    assert counts == count_transitions(frame, **options)


@pytest.mark.parametrize("sizes", [(1,), (3,), (1, 4, 2), (5, 1, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_borders_between_batches_do_not_show(cut, sizes, order):
    rows = [(u, q, t // 3, s) for u, q, t, s in ragged_rows(["b", "a", "Ж"], seed=3) if q]
    rows = list({row[:3]: row for row in rows}.values())
    frame = as_frame(rows).sort(KEY)
    for options in ({}, {"step": 1}):
        expected = count_transitions(frame, **ROLES, **options, order=order, missing="break")
        cut(*sizes)
        counts = count_transitions(
            frame, **ROLES, **options, order=order, missing="break", assume_sorted=True
        )
        assert counts == expected
    assert expected.table.sum() > 5


def test_counts_of_many_batches_are_added_up(cut, monkeypatch):
    monkeypatch.setattr(sorted_rows, "MERGED_BATCHES", 2)
    frame = as_frame(ragged_rows(["b", "a"], seed=4, missing=0)).sort(KEY)
    expected = count_transitions(frame, **ROLES)
    cut(3)
    assert count_transitions(frame, **ROLES, assume_sorted=True) == expected


@pytest.mark.parametrize("lazy", [False, True])
def test_an_engine_cuts_large_data_itself(lazy):
    number = 2 * sorted_rows.BATCH_ROWS + 7
    rng = random.Random(5)
    states = rng.choices(["a", "b", "c"], [5, 2, 1], k=number)
    frame = pl.DataFrame({"q": [i // 777 for i in range(number)], "t": range(number), "s": states})
    expected = np.zeros((4, 3), dtype=np.int64)
    before = 0
    for row, state in enumerate(states):
        code = "abc".index(state)
        expected[before if row % 777 else 0, code] += 1
        before = code + 1
    given = frame.lazy() if lazy else DUCKDB.from_arrow(frame.to_arrow())
    counts = count_transitions(given, state="s", sequence="q", time="t", assume_sorted=True)
    np.testing.assert_array_equal(counts.table, expected)
    late = frame.with_columns(t=pl.when(pl.col("t") == 300_000).then(0).otherwise("t"))
    given = late.lazy() if lazy else DUCKDB.from_arrow(late.to_arrow())
    with pytest.raises(ValueError, match=r"row 300000 \(q=386, t=0, s=.\) comes after row 299999"):
        count_transitions(given, state="s", sequence="q", time="t", assume_sorted=True)


def test_row_order_is_time_enough(engine):
    frame = engine(pl.DataFrame({"q": [1, 1, 1, 2, 2], "s": [*"abcba"]}))
    if isinstance(frame, pl.LazyFrame | type(DUCKDB.sql("select 1"))):
        with pytest.raises(ValueError, match=r"time is missing.*no order"):
            count_transitions(frame, state="s", sequence="q", assume_sorted=True)
        return
    expected = TransitionCounts.from_sequences([[*"abc"], [*"ba"]])
    assert count_transitions(frame, state="s", sequence="q", assume_sorted=True) == expected
    assert count_transitions(frame, state="s", assume_sorted=True).table.sum() == 5


def test_times_of_other_types(engine):
    start = dt.datetime(2024, 10, 26, 12, tzinfo=dt.UTC)
    times = pl.Series([start + dt.timedelta(hours=h) for h in (0, 1, 2, 4)])
    texts = ["9", "10", "11", "13"]
    for values, step in (
        (times.dt.convert_time_zone("Europe/Berlin"), dt.timedelta(hours=1)),
        (texts, 1),
    ):
        frame = engine(pl.DataFrame({"t": values, "s": [*"abca"]}))
        counts = count_transitions(frame, state="s", time="t", step=step, assume_sorted=True)
        np.testing.assert_array_equal(counts.table, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_every_exchange_of_two_rows_is_found(cut):
    frame = as_frame(ragged_rows(["a", "b"], seed=6, missing=0)).sort(KEY)
    ends = (pl.col("sequence") != pl.col("sequence").shift(1)).fill_null(True).rle_id()
    frame = frame.filter(pl.int_range(pl.len()).over(ends) < 3)
    assert frame["unit"].n_unique() == 3
    cut(2, 3)
    for row in range(frame.height - 1):
        order = [*range(row), row + 1, row, *range(row + 2, frame.height)]
        with pytest.raises(ValueError, match=f"rows are not sorted by 'unit'.*: row {row + 1} "):
            count_transitions(frame[order], **ROLES, assume_sorted=True)


ROWS = {
    "a time": ([1, 1, 1], [1, 3, 2], r"row 2 \(q=1, t=2, s=c\) comes after row 1 \(q=1, t=3"),
    "a sequence that comes back": ([1, 2, 1], [1, 1, 2], r"row 2 \(q=1, t=2, s=c\) comes after"),
    "falling sequences": ([2, 1, 1], [1, 1, 2], r"row 1 \(q=1, t=1, s=b\) comes after row 0"),
    "natural order": (["s2", "s2", "s10"], [1, 2, 1], r"row 2 \(q=s10.*text by its characters"),
    "two at a time": ([1, 1, 1], [1, 2, 2], r"same 'q', 't': row 2 \(q=1, t=2, s=c\)"),
    "no sequence": ([1, None, 2], [1, 2, 3], r"sequence column 'q' has a missing value at row 1 "),
    "empty name": (["a", "a", ""], [1, 2, 3], r"sequence column 'q' has a missing .* at row 2 "),
    "NaN": ([1.0, math.nan, 2.0], [1, 2, 3], r"sequence column 'q' has a missing value"),
    "no time": ([1, 1, 1], [1, None, 3], r"time column 't' has a missing value at row 1 "),
}


@pytest.mark.parametrize("kind", ROWS)
def test_what_is_not_sorted_is_refused(engine, kind):
    sequences, times, message = ROWS[kind]
    frame = engine(pl.DataFrame({"q": sequences, "t": times, "s": ["a", "b", "c"]}))
    with pytest.raises(ValueError, match=message):
        count_transitions(frame, state="s", sequence="q", time="t", assume_sorted=True)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("size", [1, 2])
def test_what_is_not_sorted_is_refused_between_batches(cut, kind, size):
    sequences, times, message = ROWS[kind]
    frame = pl.DataFrame({"q": sequences, "t": times, "s": ["a", "b", "c"]})
    cut(size)
    with pytest.raises(ValueError, match=message):
        count_transitions(frame, state="s", sequence="q", time="t", assume_sorted=True)


def test_states_are_checked_as_ever(engine):
    frame = engine(pl.DataFrame({"t": [1, 2, 3], "s": ["a", None, "b"]}))
    options = {"state": "s", "time": "t", "assume_sorted": True}
    with pytest.raises(ValueError, match=r"'s' has a missing value at t=2.*missing=\"break\""):
        count_transitions(frame, **options)
    with pytest.raises(ValueError, match=r"t=3, s=b is 'b' \(str\).*not among the states"):
        count_transitions(frame, **options, states=["a"], missing="break")
    with pytest.raises(ValueError, match="no rows"):
        count_transitions(engine(pl.DataFrame({"t": [1], "s": ["a"]}).clear()), **options)


@pytest.mark.parametrize("name", ["ibis", pytest.param("spark", marks=pytest.mark.slow)])
def test_rows_without_an_order_cannot_be_sorted(name):
    frame = ENGINES[name](pl.DataFrame({"t": [1, 2], "s": ["a", "b"]}))
    with pytest.raises(TypeError, match=r"assume_sorted=True needs rows that have an order.*leave"):
        count_transitions(frame, state="s", time="t", assume_sorted=True)
