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
        (
            TransitionCounts.from_table([[1, 0], [2, 3]], ["b", "a"]),
            r"states \('a', 'b'\) at order 1 and .*pass states=",
        ),
        (
            TransitionCounts.from_table([[1, 0], [2, 3]], [0, 1]),
            r"\('a', 'b'\) at order 1 and states \(0, 1\)",
        ),
        (
            TransitionCounts.from_table([1, 2], ["a", "b"], order=0),
            "at order 1 and states .* at order 0",
        ),
        (
            TransitionCounts.from_table([[[1, 0], [2, 3]]], ["a", "b"], units=["u"]),
            "with units and counts without; pool",
        ),
        (
            TransitionCounts.from_table([[2**61, 0], [2**61, 0]], ["a", "b"]),
            "add up to a number too large for int64",
        ),
    ],
    ids=["order of states", "type of states", "order", "units", "size"],
)
def test_counts_that_do_not_add(other, message):
    counts = TransitionCounts.from_table([[2**62, 1], [0, 2]], ["a", "b"])
    with pytest.raises(ValueError, match=message):
        counts + other


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
