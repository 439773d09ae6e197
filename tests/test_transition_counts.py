"""The labelled table: made from sequences and tables, added, lowered, shown, never changed."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from bayes_markov import TransitionCounts
from cases import CASES, WITH_PATHS
from oracles import as_table, count_by_loop

SEQUENCES = [["sun", "sun", "rain"], ["rain", "sun"], ["fog"], ["sun", "fog", "fog", "rain"]]
WEATHER = ("rain", "fog", "sun")

PATHS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=4)


def count(*args, **options):
    return lambda: TransitionCounts.from_sequences(*args, **options)


def take(*args, **options):
    return lambda: TransitionCounts.from_table(*args, **options)


def make(*args, **options):
    return lambda: TransitionCounts(*args, **options)


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_counts_of_sequences(case):
    counts = TransitionCounts.from_sequences(
        case.paths, states=range(case.n_states), order=case.order
    )
    assert_array_equal(counts.table, case.table)
    assert counts.table.dtype == np.int64
    assert counts.states == tuple(range(case.n_states))
    assert counts.order == case.order
    assert counts.units is None


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_one_unit_for_each_sequence(case):
    counts = TransitionCounts.from_sequences(
        case.paths, states=range(case.n_states), order=case.order, units="sequence"
    )
    assert counts.units == tuple(range(len(case.paths)))
    assert_array_equal(counts.table, case.tables)
    assert_array_equal(counts.tables, case.tables)
    assert_array_equal(counts.pooled, case.table)
    assert_array_equal(counts.departures, case.tables.sum(axis=-1))


def test_labels_are_put_in_the_declared_order():
    counts = TransitionCounts.from_sequences(SEQUENCES, states=WEATHER)
    assert counts.states == WEATHER
    assert counts.table.tolist() == [[1, 1, 2], [0, 0, 1], [1, 1, 0], [1, 1, 1]]
    assert counts.states_order == "declared"


def test_labels_are_sorted_naturally_otherwise():
    counts = TransitionCounts.from_sequences([["9", "10", "9", "9"]])
    assert counts.states == ("9", "10")
    assert counts.table.tolist() == [[1, 0], [1, 1], [1, 0]]
    assert counts.states_order == "natural sort"


def test_declared_state_that_never_occurs_has_its_row():
    counts = TransitionCounts.from_sequences([["a", "c"]], states=["a", "b", "c"])
    assert counts.table.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "one",
    [
        ["sun", "rain", "rain"],
        ("sun", "rain", "rain"),
        np.array(["sun", "rain", "rain"]),
        pd.Series(["sun", "rain", "rain"], index=[7, 8, 9]),
        pl.Series(["sun", "rain", "rain"]),
        iter(["sun", "rain", "rain"]),
        [["sun", "rain", "rain"]],
        np.array([["sun", "rain", "rain"]]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_flat_list_of_labels_is_one_sequence(one):
    counts = TransitionCounts.from_sequences(one)
    assert counts.states == ("rain", "sun")
    assert counts.table.tolist() == [[0, 1], [1, 0], [1, 0]]


def test_text_is_never_taken_apart():
    assert TransitionCounts.from_sequences(["ab", "ba"]).states == ("ab", "ba")


def test_units_are_given_by_label_and_added_where_equal():
    counts = TransitionCounts.from_sequences(SEQUENCES, states=WEATHER, units=["v", "u", "u", "v"])
    parts = [TransitionCounts.from_sequences([s], states=WEATHER).table for s in SEQUENCES]
    assert counts.units == ("v", "u")
    assert_array_equal(counts.table, [parts[0] + parts[3], parts[1] + parts[2]])


@pytest.mark.parametrize("order", [0, 1, 2])
def test_missing_value_drops_the_transitions_around_it(order):
    path = [0, 1, 1, 9, 1, 0, 0]
    labels = [None if code == 9 else "ab"[code] for code in path]
    counts = TransitionCounts.from_sequences([labels], order=order, missing="break")
    assert_array_equal(counts.table, as_table(count_by_loop([path], order, missing=9), 2, order))


@given(PATHS, PATHS)
def test_adding_is_counting_together(left, right):
    def counted(paths):
        return TransitionCounts.from_sequences(paths, states=range(3))

    assert counted(left) + counted(right) == counted(left + right)


@given(PATHS, PATHS, PATHS)
def test_addition_has_no_order(a, b, c):
    x, y, z = (TransitionCounts.from_sequences(paths, states=range(3)) for paths in (a, b, c))
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)


def test_units_add_where_equal_and_append_where_not():
    first = TransitionCounts.from_sequences(SEQUENCES[:2], states=WEATHER, units=["u", "v"])
    second = TransitionCounts.from_sequences(SEQUENCES[2:], states=WEATHER, units=["w", "u"])
    both = first + second
    assert both.units == ("u", "v", "w")
    assert_array_equal(
        both.table, [first.table[0] + second.table[1], first.table[1], second.table[0]]
    )
    assert both == TransitionCounts.from_sequences(
        SEQUENCES, states=WEATHER, units=["u", "v", "w", "u"]
    )


def test_fractional_counts_add():
    whole = TransitionCounts.from_table([[3, 1], [0, 2]], ["a", "b"])
    expected = TransitionCounts.from_table([[0.25, 0.5], [0.0, 1.75]], ["a", "b"])
    assert (whole + expected).table.tolist() == [[0, 0], [3.25, 1.5], [0, 3.75]]


def test_other_objects_do_not_add():
    counts = TransitionCounts.from_table([[3, 1], [0, 2]], ["a", "b"])
    with pytest.raises(TypeError, match="unsupported operand"):
        counts + counts.table.tolist()
    assert counts != counts.table.tolist()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (take([[1, 0], [2, 3]], ["b", "a"]), r"states \('a', 'b'\) at order 1 and .*pass states="),
        (take([[1, 0], [2, 3]], [0, 1]), r"\('a', 'b'\) at order 1 and states \(0, 1\)"),
        (take([1, 2], ["a", "b"], order=0), "at order 1 and states .* at order 0"),
        (take([[[1, 0], [2, 3]]], ["a", "b"], units=["u"]), "with units and counts without; pool"),
        (take([[2**61, 0], [2**61, 0]], ["a", "b"]), "add up to a number too large for int64"),
    ],
    ids=["order of states", "type of states", "order", "units", "size"],
)
def test_counts_that_do_not_add(other, message):
    counts = TransitionCounts.from_table([[2**62, 1], [0, 2]], ["a", "b"])
    with pytest.raises(ValueError, match=message):
        counts + other()


SQUARE = np.array([[3, 1], [0, 2]])
CUBE = np.array([[[3, 1], [0, 2]], [[5, 0], [4, 7]]])


def test_square_table_gets_a_start_row():
    counts = TransitionCounts.from_table(SQUARE, ["a", "b"])
    assert counts.table.tolist() == [[0, 0], [3, 1], [0, 2]]


def test_cube_gets_start_rows_on_both_axes():
    counts = TransitionCounts.from_table(CUBE, ["a", "b"], order=2)
    assert counts.table.shape == (3, 3, 2)
    assert_array_equal(counts.table[1:, 1:], CUBE)
    assert counts.table[0].sum() == counts.table[:, 0].sum() == 0


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_square_tables_with_units_get_their_start_rows(dtype):
    counts = TransitionCounts.from_table(CUBE.astype(dtype), ["a", "b"], units=["u", "v"])
    assert counts.table.shape == (2, 3, 2)
    assert counts.table.dtype == dtype
    assert_array_equal(counts.table[:, 1:], CUBE)
    assert counts.table[:, 0].sum() == 0


@pytest.mark.parametrize("units", [None, ["u", "v"]])
def test_table_of_order_zero_has_no_row_to_add(units):
    table = SQUARE[0] if units is None else SQUARE
    assert_array_equal(
        TransitionCounts.from_table(table, ["a", "b"], units=units, order=0).table, table
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_full_table_is_taken_as_it_is(case):
    counts = TransitionCounts.from_table(case.table, range(case.n_states), order=case.order)
    assert_array_equal(counts.table, case.table)


def test_one_state_and_its_start_row():
    assert TransitionCounts.from_table([[4]], ["a"]).table.tolist() == [[0], [4]]
    assert TransitionCounts.from_table([[1], [4]], ["a"]).table.tolist() == [[1], [4]]


@pytest.mark.parametrize("case", [case for case in WITH_PATHS if case.order > 0], ids=str)
@pytest.mark.parametrize("units", [None, "sequence"])
def test_lowering_the_order_is_counting_at_the_lower_order(case, units):
    def counted(order):
        return TransitionCounts.from_sequences(
            case.paths, states=range(case.n_states), units=units, order=order
        )

    for order in (2, 1):
        assert counted(order).lower_order() == counted(order - 1)


def test_order_zero_cannot_be_lowered():
    with pytest.raises(ValueError, match="order 0"):
        TransitionCounts.from_table([1, 2], ["a", "b"], order=0).lower_order()


def test_equality_looks_at_every_part():
    table = [[1, 0], [3, 1], [0, 2]]
    counts = TransitionCounts(table, ("a", "b"))
    same = TransitionCounts(np.array(table, dtype=np.float64), ["a", "b"], np.int64(1))
    assert counts == same
    assert hash(counts) == hash(same)
    assert counts.digest == same.digest
    others = [
        TransitionCounts([[1, 0], [3, 1], [1, 1]], ("a", "b")),
        TransitionCounts(table, ("b", "a")),
        TransitionCounts([table], ("a", "b"), units=("u",)),
        TransitionCounts([table], ("a", "b"), units=("v",)),
        TransitionCounts(table[0], ("a", "b"), 0),
        TransitionCounts([[1, 0], [3, 1], [0, 2.5]], ("a", "b")),
    ]
    everything = [counts, *others]
    assert len({c.digest for c in everything}) == len(set(everything)) == len(everything)


@pytest.mark.parametrize("labels", [((0, 1), (False, True)), ((0, 1), ("0", "1"))], ids=repr)
def test_digest_tells_types_of_labels_apart(labels):
    first, second = (TransitionCounts([[1, 0], [3, 1], [0, 2]], states) for states in labels)
    assert first.digest != second.digest


@pytest.mark.parametrize("dtype", ["int8", "uint16", ">i4", "float32", ">f8", "int64"])
def test_digest_does_not_depend_on_how_numbers_are_stored(dtype):
    table = np.asfortranarray(np.array([[1, 0], [3, 1], [0, 2]], dtype=dtype))
    reference = TransitionCounts([[1, 0], [3, 1], [0, 2]], ["a", "b"])
    assert TransitionCounts(table, ["a", "b"]).digest == reference.digest


def test_digest_is_the_same_in_every_session():
    counts = TransitionCounts([[1, 0], [3, 1], [0, 2]], ["a", "b"])
    assert counts.digest.startswith("fadb4ca2cf1136f1")


def test_nothing_can_be_changed():
    source = np.array([[1, 0], [3, 1], [0, 2]])
    counts = TransitionCounts(source, ["a", "b"])
    source[1, 0] = 99
    assert counts.table[1, 0] == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        counts.table = source
    with pytest.raises(dataclasses.FrozenInstanceError):
        counts.states = ("x", "y")
    with pytest.raises(ValueError, match="read-only"):
        counts.table[1, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        counts.pooled[1, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        counts.tables[0, 1, 0] = 0
    labelled = counts.to_xarray()
    labelled[1, 0] = 99
    assert counts.table[1, 0] == 3


def test_copies_between_processes_are_equal():
    counts = TransitionCounts.from_sequences(SEQUENCES, states=WEATHER, units="sequence")
    again = pickle.loads(pickle.dumps(counts))
    assert again == counts
    assert hash(again) == hash(counts)


def test_labelled_array():
    array = TransitionCounts.from_sequences(SEQUENCES, states=WEATHER).to_xarray()
    assert array.name == "counts"
    assert array.dims == ("state", "next_state")
    assert array.sel(state="<s0>").values.tolist() == [1, 1, 2]
    assert array.sel(state="sun", next_state="rain").item() == 1
    assert array.sel(state="rain", next_state="sun").item() == 1
    assert array.sel(state="fog", next_state="sun").item() == 0
    assert array.sel(state="sun", next_state="fog").item() == 1


@pytest.mark.parametrize("states", [(2, 10), (False, True)], ids=repr)
def test_labels_of_an_array_keep_their_type(states):
    array = TransitionCounts([[1, 0], [3, 1], [0, 2]], states).to_xarray()
    assert array.sel(state=states[0], next_state=states[1]).item() == 1
    assert array["next_state"].dtype == np.array(states).dtype


def test_labelled_array_with_units_at_order_two():
    counts = TransitionCounts.from_sequences(
        SEQUENCES, states=WEATHER, units=["t", "u", "v", "w"], order=2
    )
    array = counts.to_xarray()
    assert array.dims == ("unit", "state_2", "state", "next_state")
    where = {"unit": "w", "state_2": "sun", "state": "fog", "next_state": "fog"}
    assert array.sel(where).item() == 1
    assert array.sel(unit="w").sum().item() == 4
    start = {"unit": "u", "state_2": "<s0>", "state": "<s0>", "next_state": "rain"}
    assert array.sel(start).item() == 1


def test_small_tables_are_shown():
    counts = TransitionCounts.from_sequences(SEQUENCES, states=WEATHER, units="sequence")
    assert repr(counts) == (
        "TransitionCounts: 10 transitions, 3 states (declared), order 1, 4 units\n"
        "        rain  fog  sun\n"
        "  <s0>     1    1    2\n"
        "  rain     0    0    1\n"
        "  fog      1    1    0\n"
        "  sun      1    1    1"
    )


def test_fractions_and_large_numbers_are_shown():
    counts = TransitionCounts([[0.5, 0], [1_234_567, 0.1 + 0.2], [0, 2]], [1, 2])
    assert repr(counts) == (
        "TransitionCounts: 1.23457e+06 transitions, 2 states (natural sort), order 1\n"
        "                1    2\n"
        "  <s0>        0.5    0\n"
        "  1     1,234,567  0.3\n"
        "  2             0    2"
    )


def test_one_state_is_shown_in_the_singular():
    assert repr(TransitionCounts([[1], [4]], ["a"])).startswith(
        "TransitionCounts: 5 transitions, 1 state (natural sort), order 1\n"
    )


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            TransitionCounts(np.ones((14, 13)), range(13)),
            "TransitionCounts: 182 transitions, 13 states (natural sort), order 1",
        ),
        (
            TransitionCounts([3, 1], ["b", "a"], order=0),
            "TransitionCounts: 4 transitions, 2 states (declared), order 0",
        ),
    ],
    ids=["many states", "another order"],
)
def test_other_tables_are_only_described(counts, text):
    assert repr(counts) == text


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


def test_a_set_has_no_order_in_time():
    with pytest.raises(ValueError, match="sequence 0 is a set"):
        TransitionCounts.from_sequences([{"a", "b"}])
