"""Counting in any engine gives the table that counting lists gives."""

import datetime as dt
import functools
import itertools
import math
import subprocess
import sys

import duckdb
import ibis
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayes_markov.counts import TransitionCounts
from bayes_markov.frames import count_transitions
from engines import ENGINE_PARAMS, ENGINES, as_frame, count_rows, ragged_rows


@pytest.fixture(params=ENGINE_PARAMS)
def engine(request):
    return request.param


def by_unit(rows, states, order):
    units = ("u2", "u10", "ü")
    tables = [
        count_rows([(q, t, s) for u, q, t, s in rows if u == unit], states, order) for unit in units
    ]
    return TransitionCounts(np.stack(tables), states, order, units)


TEXT = ("a", "s2", "s10", "<s", "日 本")
KINDS = {
    "text": (sorted(TEXT, key="<s a s2 s10 日 本".find), None),
    "category": (["calm", "é", "storm"], pl.Categorical),
    "look-alikes": (["A", "a", "a ", "e\u0301", "é"], None),
    "enum": (["low", "high", "mid"], pl.Enum(["low", "high", "mid"])),
    "integer": ([-3, 7, 10, 2**40], None),
    "small integer": ([0, 1, 9], pl.UInt8),
    "boolean": ([False, True], None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", range(4))
def test_every_engine_gives_the_table_of_the_loop(engine, kind, order):
    labels, state_type = KINDS[kind]
    rows = ragged_rows(labels, seed=11)
    counts = count_transitions(
        engine(as_frame(rows, state_type)),
        state="state",
        sequence="sequence",
        time="time",
        unit="unit",
        order=order,
        missing="break",
        states=labels,
    )
    expected = by_unit(rows, tuple(labels), order)
    assert counts == expected
    assert counts.table.dtype == np.int64
    assert [type(label) for label in counts.states] == [type(label) for label in labels]
    assert counts.units == ("u2", "u10", "ü")
    assert expected.table.sum() > 80 - 20 * order


def test_everything_at_once(engine):
    """Unicode, missing states, shuffled rows, gaps, and a clock that goes back in the night."""
    labels = ["é", "雨", "Ж"]
    start = dt.datetime(2024, 10, 26, 12, tzinfo=dt.UTC)
    rows = [(u, q, t // 4, state) for u, q, t, state in ragged_rows(labels, seed=5)]
    rows = list({row[:3]: row for row in rows}.values())
    frame = as_frame(rows).with_columns(
        time=(start + pl.duration(minutes=30) * pl.col("time")).dt.convert_time_zone(
            "Europe/Berlin"
        )
    )
    for order in (1, 2):
        counts = count_transitions(
            engine(frame),
            state="state",
            sequence="sequence",
            time="time",
            unit="unit",
            states=labels,
            order=order,
            missing="break",
            step=dt.timedelta(minutes=30),
        )
        plain = [((u, q), t, s) for u, q, t, s in rows]
        expected = count_rows(plain, labels, order, gap=lambda before, now: now - before != 1)
        np.testing.assert_array_equal(counts.pooled, expected)
        assert 20 < expected.sum() < count_rows(plain, labels, order).sum()


def test_the_order_of_states_is_that_of_from_sequences(engine):
    rows = ragged_rows(list(TEXT), seed=2, missing=0)
    frame = engine(as_frame(rows))
    roles = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}
    ordered = sorted(rows, key=lambda row: row[:3])
    sequences, units = [], []
    for key, group in itertools.groupby(ordered, key=lambda row: row[:2]):
        sequences.append([row[3] for row in group])
        units.append(key[0])
    listed = TransitionCounts.from_sequences(sequences)
    counts = count_transitions(frame, **roles)
    assert counts.states == listed.states
    assert counts.states.index("s2") < counts.states.index("s10")
    assert counts.states_order == "natural sort"
    np.testing.assert_array_equal(counts.pooled, listed.table)
    declared = list(reversed(listed.states))
    counts = count_transitions(frame, **roles, states=declared)
    assert counts.states_order == "declared"
    expected = TransitionCounts.from_sequences(sequences, states=declared, units=units)
    for unit, table in zip(expected.units, expected.table, strict=True):
        np.testing.assert_array_equal(counts.table[counts.units.index(unit)], table)


def test_sequences_default_to_units_and_to_the_whole_frame(engine):
    frame = engine(pl.DataFrame({"who": ["x", "y", "x", "y"], "t": [2, 4, 1, 3], "s": [*"abba"]}))
    counts = count_transitions(frame, state="s", time="t", unit="who")
    assert counts.units == ("x", "y")
    x, y = [[0, 1], [0, 0], [1, 0]], [[1, 0], [0, 1], [0, 0]]
    np.testing.assert_array_equal(counts.table, [x, y])
    whole = count_transitions(frame, state="s", time="t")
    assert whole == TransitionCounts.from_sequences([[*"baab"]])


def test_large_integers_keep_every_digit(engine):
    labels = [2**53, 2**53 + 1, 2**53 + 2]
    rows = ragged_rows(labels, seed=8, missing=0)
    roles = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}
    counts = count_transitions(engine(as_frame(rows)), **roles, order=2)
    assert counts == by_unit(rows, tuple(labels), 2)


def test_row_order_counts_where_rows_have_one(engine):
    frame = engine(pl.DataFrame({"q": [1, 2, 1, 2, 1], "s": [*"abbac"]}))
    if isinstance(nw.from_native(frame), nw.LazyFrame):
        with pytest.raises(ValueError, match=r"time is missing.*no order.*time="):
            count_transitions(frame, state="s", sequence="q")
        return
    expected = TransitionCounts.from_sequences([[*"abc"], [*"ba"]])
    assert count_transitions(frame, state="s", sequence="q") == expected


def test_a_missing_state_is_a_gap_and_not_a_start(engine):
    frame = engine(pl.DataFrame({"t": range(6), "s": [None, "a", "b", "", "b", "a"]}))
    counts = count_transitions(frame, state="s", time="t", missing="break")
    np.testing.assert_array_equal(counts.table, [[0, 0], [0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"'s' has a missing value at t=0.*missing=\"break\""):
        count_transitions(frame, state="s", time="t")


def test_nan_is_missing_and_integral_floats_are_integers(engine):
    frame = engine(pl.DataFrame({"t": range(5), "s": [2.0, math.nan, 2.0, 10.0, None]}))
    counts = count_transitions(frame, state="s", time="t", missing="break")
    assert counts.states == (2, 10)
    np.testing.assert_array_equal(counts.table, [[1, 0], [0, 1], [0, 0]])


def test_the_key_is_unit_sequence_and_time_together(engine):
    columns = {"u": ["x", "x", "y", "y"], "q": [1, 2, 1, 1], "t": [5, 5, 5, 6], "s": [*"abca"]}
    counts = count_transitions(
        engine(pl.DataFrame(columns)), state="s", sequence="q", time="t", unit="u"
    )
    assert counts.pooled[0].sum() == 3
    columns["t"][3] = 5
    with pytest.raises(ValueError, match=r"same 'u', 'q', 't': u=y, q=1, t=5, s=[ca]; "):
        count_transitions(
            engine(pl.DataFrame(columns)), state="s", sequence="q", time="t", unit="u"
        )


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("unit", ["x", None, "x"]),
        ("sequence", ["x", "", "x"]),
        ("sequence", [1, None, 1]),
        ("unit", [1.0, math.nan, 1.0]),
    ],
)
def test_every_row_must_say_where_it_belongs(engine, role, values):
    frame = engine(pl.DataFrame({"k": values, "t": [1, 2, 3], "s": [*"aba"]}))
    with pytest.raises(ValueError, match=rf"{role} column 'k' has a missing value at .*t=2"):
        count_transitions(frame, state="s", time="t", **{role: "k"})


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a", "x", "b"], {"states": ["a", "b"]}, r"'s' at t=2, s=x is 'x' \(str\).*not among"),
        (["1", "2", "1"], {"states": [1, 2]}, r"is '1' \(str\), which is not among the states"),
        (["a", "<s0>", "b"], {}, r"column 's' is '<s0>', the label of the start state"),
        ([0.5, 1.0, 2.0], {}, r"column 's' is 0.5"),
        ([dt.date(2024, 1, d) for d in (1, 2, 3)], {}, r"a label is text, an integer or a bool"),
        ([None, None, None], {"missing": "break"}, "no state at all"),
        (["a", "b", "a"], {"states": ["a", "a"]}, "names 'a' twice"),
        (["a", "b", "a"], {"missing": "drop"}, "missing must be"),
        (["a", "b", "a"], {"order": -1}, "order must be"),
        (["a", "b", "a"], {"step": dt.timedelta(1)}, "holds numbers; give step as a number"),
        (["a", "b", "a"], {"step": 0}, "step must be positive"),
        (["a", "b", "a"], {"step": math.nan}, "step must be positive and finite"),
        ([["a"], ["b"], ["a"]], {}, "state column 's' has type"),
    ],
)
def test_states_and_options_that_make_no_sense_are_refused(engine, values, options, message):
    frame = pl.DataFrame({"t": [1, 2, 3], "s": values})
    with pytest.raises(ValueError, match=message):
        count_transitions(engine(frame), state="s", time="t", **options)


def test_columns_are_checked(engine):
    frame = engine(pl.DataFrame({"t": [1, 2], "s": ["a", "b"]}))
    with pytest.raises(ValueError, match=r"sequence='q' is not a column .* has 't', 's'"):
        count_transitions(frame, state="s", time="t", sequence="q")
    with pytest.raises(ValueError, match=r"time= and state= both name column 's'"):
        count_transitions(frame, state="s", time="s")
    with pytest.raises(ValueError, match="step is a distance in time; name the time column"):
        count_transitions(frame, state="s", step=1)
    with pytest.raises(TypeError, match=r"step must be a number or a datetime.timedelta, got '1'"):
        count_transitions(frame, state="s", time="t", step="1")
    with pytest.raises(ValueError, match="no rows"):
        empty = pl.DataFrame({"t": [1], "s": ["a"]}).clear()
        count_transitions(engine(empty), state="s", time="t")


@pytest.mark.parametrize("frame", [[["a", "b"]], {"s": ["a"]}, pl.Series(["a"]), np.eye(2), None])
def test_what_is_not_a_frame_is_refused(frame):
    with pytest.raises(TypeError, match=r"frame must be a data frame.*from_sequences"):
        count_transitions(frame, state="s")


def test_a_column_that_cannot_be_told_from_another_is_refused():
    twice = pd.DataFrame([[1, "a", "b"], [2, "b", "a"]], columns=["t", "s", "s"])
    with pytest.raises(ValueError, match=r"^frame has columns of one name: 's' 2 times; rename"):
        count_transitions(twice, state="s", time="t")


def test_polars_objects_are_refused():
    frame = pl.DataFrame({"t": [1, 2], "s": pl.Series([1, "a"], dtype=pl.Object)})
    with pytest.raises(ValueError, match="state column 's' has type Object"):
        count_transitions(frame, state="s", time="t")


@pytest.mark.parametrize("mixture", [[1, True, 1], ["1", 1, "1"], ["a", dt.date(2024, 1, 1), "a"]])
def test_mixed_python_objects_in_pandas_are_refused(mixture):
    frame = pd.DataFrame({"t": [1, 2, 3], "s": pd.Series(mixture, dtype=object)})
    with pytest.raises(ValueError, match=r"state column 's' is not of one type: .*convert it fi"):
        count_transitions(frame, state="s", time="t")
    with pytest.raises(ValueError, match=r"sequence column 's' is not of one type"):
        count_transitions(frame, state="t", sequence="s")


def test_pandas_keeps_its_labels_and_ignores_its_index():
    frame = pd.DataFrame({"s": pd.Categorical([2, 10, None, 2]), "t": [3, 1, 2, 0]}, index=[5] * 4)
    counts = count_transitions(frame, state="s", time="t", missing="break")
    assert counts.states == (2, 10)
    np.testing.assert_array_equal(counts.table, [[1, 0], [0, 1], [0, 0]])
    assert list(frame.dtypes) == [pd.CategoricalDtype([2, 10]), np.dtype("int64")]


PARTED = {
    "polars": lambda parts: pl.concat(parts, rechunk=False),
    "polars lazy": lambda parts: pl.concat([part.lazy() for part in parts]),
    "pyarrow": lambda parts: pa.concat_tables([part.to_arrow() for part in parts]),
    "pandas": lambda parts: pd.concat([part.to_pandas() for part in parts]),
    "duckdb": lambda parts: functools.reduce(
        duckdb.DuckDBPyRelation.union, map(ENGINES["duckdb"], parts)
    ),
    "ibis": lambda parts: ibis.union(*map(ENGINES["ibis"], parts)),
}


@pytest.mark.parametrize("name", PARTED)
def test_empty_parts_of_the_data_change_nothing(name):
    parts = [
        pl.DataFrame({"t": t, "s": s}, schema={"t": pl.Int64, "s": pl.String})
        for t, s in [([], []), ([2, 1], ["b", "a"]), ([], []), ([3], ["a"])]
    ]
    expected = TransitionCounts.from_sequences([["a", "b", "a"]])
    assert count_transitions(PARTED[name](parts), state="s", time="t") == expected


@pytest.mark.slow
def test_a_dask_frame_is_refused():
    dask = pytest.importorskip("dask.dataframe")
    frame = dask.from_pandas(pd.DataFrame({"t": [1, 2], "s": ["a", "b"]}), npartitions=2)
    with pytest.raises(TypeError, match=r"Dask data frame.*frame.compute\(\)"):
        count_transitions(frame, state="s", time="t")


@pytest.mark.parametrize(
    "rows",
    [
        "duckdb.sql(VALUES)",
        pytest.param("ibis.memtable({'s': ['a', 'b'], 't': [1, 2]})", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_said_when_python_ends(rows):
    script = (
        "import duckdb, ibis, polars, pyarrow\n"
        "from bayes_markov.frames import count_transitions\n"
        "VALUES = \"select * from (values ('a', 1), ('b', 2)) v(s, t)\"\n"
        f"rows = {rows}\n"
        "print(count_transitions(rows, state='s', time='t').table.sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "2", "")
