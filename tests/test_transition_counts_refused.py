"""Bad sequences, labels and tables of counts: refused, with what came and what was expected."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from bayes_markov import TransitionCounts

SQUARE = np.array([[3, 1], [0, 2]])
CUBE = np.array([[[3, 1], [0, 2]], [[5, 0], [4, 7]]])


def count(*args, **options):
    return lambda: TransitionCounts.from_sequences(*args, **options)


def take(*args, **options):
    return lambda: TransitionCounts.from_table(*args, **options)


def make(*args, **options):
    return lambda: TransitionCounts(*args, **options)


BAD = {
    # sequences
    "no sequence": (count([]), "sequences is empty; there is nothing to count"),
    "empty sequence": (count([["a"], [], ["b"]]), "sequence 1 is empty; leave it out"),
    "empty array": (count(np.empty((0, 3))), "sequences is empty"),
    "text": (count("abc"), "sequences must be a list of labels, got 'abc'"),
    "number": (count(7), "sequences must be a list of labels, got 7"),
    "set": (count({"a", "b"}), "sequences must be a list of labels, got {"),
    "dict": (count({"a": ["x", "y"]}), "got dict; count_transitions takes a data frame"),
    "pandas frame": (count(pd.DataFrame({"s": ["x"]})), "got DataFrame; count_transitions takes"),
    "polars frame": (count(pl.DataFrame({"s": ["x"]})), "got DataFrame; count_transitions takes"),
    "labels and sequences": (count(["a", ["b"]]), r"mixes labels and sequences \(item 1 is \['b"),
    "bytes": (count([b"ab", b"ba"]), "position 0 of sequence 0 is b'ab' of type bytes"),
    "unknown label": (
        count([["a"], ["a", "c"]], states=["a", "b"]),
        r"position 1 of sequence 1 is 'c' \(str\), which is not among the states \('a', 'b'\)",
    ),
    "None": (count([["a", None]]), r"sequence 0 has a missing value \(None\) at position 1"),
    "NaN": (count([[1.0, 2.0], [2.0, np.nan]]), r"sequence 1 has a missing value \(nan\) at pos"),
    "only missing": (count([[None]], missing="break"), "hold no state at all, only missing"),
    "policy": (count([["a"]], missing="skip"), "missing must be \"error\".*, got 'skip'"),
    "start label": (count([["a", "<s0>"]]), "position 1 of sequence 0 is '<s0>'.*rename it"),
    "mixed labels": (count([["1"], [1]]), "the data mixes types"),
    "mixed booleans": (count([[True, 1, 0]]), r"the data mixes types: True \(bool\), 1 \(int\)"),
    "fraction": (count([[0.5]]), "position 0 of sequence 0 is 0.5 of type float"),
    "states twice": (count([["a"]], states=["a", "a"]), "states names 'a' twice"),
    "states as text": (count([["a"]], states="ab"), "states must be a list of labels, got 'ab'"),
    "unit per sequence": (count([["a"], ["a"]], units=["u"]), "units has 1 labels, expected 2"),
    "units as text": (count([["a"]], units="u"), "units must be a list of labels, got 'u'"),
    "negative order": (count([["a"]], order=-1), "order must be an integer >= 0, got -1"),
    "boolean order": (count([["a"]], order=True), "order must be an integer >= 0, got True"),
    "table too large": (
        count([range(50)], order=4),
        "50 states at order 4 take about 10.8.5 cells",
    ),
    # tables
    "negative count": (take([[1, 0], [-2, 3]], ["a", "b"]), r"-2 at index \(1, 0\)"),
    "NaN count": (take([[1, 0], [np.nan, 3]], ["a", "b"]), r"table must be finite, got nan at ind"),
    "infinite count": (take([[1, 0], [np.inf, 3]], ["a", "b"]), r"finite, got inf at index \(1, 0"),
    "integer too large": (take([[1, 0], [2**63, 3]], ["a", "b"]), "9.22e.18, which is too large"),
    "total too large": (take([[2**62, 0], [2**62, 0]], ["a", "b"]), "add up to 9.22e.18, which is"),
    "ragged": (take([[1, 0], [2]], ["a", "b"]), "table must be one rectangular array"),
    "another K": (take([[1, 0], [2, 3]], ["a", "b", "c"]), r"\(2, 2\), expected \(4, 3\) for 3 st"),
    "transposed": (take([[1, 2, 3], [4, 5, 6]], ["a", "b"]), r"\(2, 3\), expected \(3, 2\) for 2"),
    "another order": (take(SQUARE, ["a", "b"], order=2), r"\(2, 2\), expected \(3, 3, 2\) for 2"),
    "units without axis": (take(SQUARE, ["a", "b"], units=["u", "v"]), r"expected \(2, 3, 2\)"),
    "unit per table": (take(CUBE, ["a", "b"], units=["u"]), "units has 1 labels, expected 2, one"),
    "units twice": (take(CUBE, ["a", "b"], units=["u", "u"]), "units must be unique, got"),
    "square in the class": (
        make(SQUARE, ["a", "b"]),
        r"expected \(3, 2\).*from_table adds the s_0",
    ),
    "start after a state": (
        make(np.eye(3, 2)[None] * [[[0]], [[1]], [[0]]], ["a", "b"], 2),
        r"table has 1.0 at index \(1, 0, 0\), a history with <s0> after a state",
    ),
    "no states": (take(SQUARE, []), "states is empty"),
}


@pytest.mark.parametrize(("wrong", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@pytest.mark.parametrize("table", [[["1", "2"], ["3", "4"]], [[True, False], [True, True]]])
def test_table_that_holds_no_numbers_is_refused(table):
    with pytest.raises(TypeError, match="table must hold integers or floats"):
        TransitionCounts.from_table(table, ["a", "b"])


def test_labels_of_a_labelled_table_are_not_ignored():
    frame = pd.DataFrame([[1, 2], [3, 4]], index=["b", "a"], columns=["b", "a"])
    expected = TransitionCounts.from_table(frame.to_numpy(), ["b", "a"])
    assert TransitionCounts.from_table(frame, ["b", "a"]) == expected
    assert TransitionCounts.from_table(expected.to_xarray(), ["b", "a"]) == expected
    for table in (frame, expected.to_xarray()):
        with pytest.raises(ValueError, match="reorder the table"):
            TransitionCounts.from_table(table, ["a", "b"])


def labelled(values, dims, **coords):
    return xr.DataArray(np.asarray(values), dims=dims, coords=coords)


SWAPPED = {
    "integers": (
        pd.DataFrame(SQUARE),
        [1, 0],
        {},
        r"index \[0, 1\], expected states \[1, 0\] in th",
    ),
    "columns": (pd.DataFrame(SQUARE, ["a", "b"]), [1, 0], {}, r"table has index \['a', 'b'\]"),
    "booleans": (
        pd.DataFrame(SQUARE, [False, True], [False, True]),
        [True, False],
        {},
        r"index \[False, True\], expected states \[True, False\]",
    ),
    "booleans are no numbers": (
        pd.DataFrame(SQUARE, columns=[False, True]),
        ["a", "b"],
        {},
        r"table has columns \[False, True\], expected states \['a', 'b'\]",
    ),
    "Polars": (pl.DataFrame({"b": [3, 1], "a": [0, 2]}), ["a", "b"], {}, r"columns \['b', 'a'\]"),
    "series": (pd.Series([3, 1], ["b", "a"]), ["a", "b"], {"order": 0}, r"index \['b', 'a'\]"),
    "units": (
        labelled(CUBE, ("unit", "state", "next_state"), unit=["x", "y"]),
        ["a", "b"],
        {"units": ["y", "x"]},
        r"table has unit \['x', 'y'\], expected units \['y', 'x'\] in this order",
    ),
    "numbered units": (
        labelled(CUBE, ("unit", "state", "next_state"), unit=[0, 1]),
        ["a", "b"],
        {"units": [1, 0]},
        r"unit \[0, 1\], expected units \[1, 0\]",
    ),
    "units of a frame": (
        pd.DataFrame(SQUARE, ["x", "y"], ["a", "b"]),
        ["a", "b"],
        {"units": ["y", "x"], "order": 0},
        r"index \['x', 'y'\], expected units \['y', 'x'\]",
    ),
    "transposed": (
        labelled(SQUARE, ("next_state", "state")),
        ["a", "b"],
        {},
        r"table has dims \('next_state', 'state'\), expected \('state', 'next_state'\); transpose",
    ),
    "units last": (
        labelled(CUBE, ("state", "next_state", "unit")),
        ["a", "b"],
        {"units": ["x", "y"]},
        r"expected \('unit', 'state', 'next_state'\); transpose",
    ),
}


@pytest.mark.parametrize(("table", "states", "options", "message"), SWAPPED.values(), ids=SWAPPED)
def test_a_table_in_another_order_is_refused(table, states, options, message):
    with pytest.raises(ValueError, match=message):
        TransitionCounts.from_table(table, states, **options)


START_AND = {"state": ["<s0>", "a", "b"], "next_state": ["a", "b"]}
SAME = {
    "no labels": (pd.DataFrame(SQUARE), ["a", "b"], {}),
    "positions": (pd.DataFrame(SQUARE), [2, 1], {}),
    "numbers": (pd.DataFrame(SQUARE), [0, 1], {}),
    "booleans": (pd.DataFrame(SQUARE, [False, True], [False, True]), [False, True], {}),
    "start": (pd.DataFrame([[1, 0], *SQUARE], START_AND["state"]), ["a", "b"], {}),
    "series": (pd.Series([3, 1], ["a", "b"]), ["a", "b"], {"order": 0}),
    "units": (pd.DataFrame(SQUARE, ["x", "y"]), ["a", "b"], {"units": ["x", "y"], "order": 0}),
    "one year": (
        labelled([[1, 0], *SQUARE], ("state", "next_state"), **START_AND, year=2012),
        ["a", "b"],
        {},
    ),
    "years of units": (
        labelled(CUBE, ("unit", "state", "next_state"), unit=["x", "y"], year=("unit", [7, 6])),
        ["a", "b"],
        {"units": ["x", "y"]},
    ),
    "other dims": (labelled(SQUARE, ("now", "then"), then=["a", "b"]), ["a", "b"], {}),
}


@pytest.mark.parametrize(("table", "states", "options"), SAME.values(), ids=SAME)
def test_a_table_in_this_order_is_taken(table, states, options):
    expected = TransitionCounts.from_table(table.to_numpy(), states, **options)
    assert TransitionCounts.from_table(table, states, **options) == expected


def test_a_set_has_no_order_in_time():
    with pytest.raises(ValueError, match="sequence 0 is a set"):
        TransitionCounts.from_sequences([{"a", "b"}])
