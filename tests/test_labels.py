"""What may be a label, in which order labels come, and how they become codes."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from bayes_markov.labels import (
    MISSING_CODE,
    START,
    as_label,
    as_states,
    as_units,
    check_missing_policy,
    coords,
    dims,
    is_missing,
    natural_sort,
)
from bayes_markov.sequences import encode

MISSING = {
    "None": None,
    "NaN": float("nan"),
    "single-precision NaN": np.float32("nan"),
    "NaT": np.datetime64("NaT", "D"),
    "pandas NaT": pd.NaT,
    "pandas NA": pd.NA,
    "empty text": "",
}

PRESENT = [0, False, -1, "0", " ", "NA", "nan", "None", "NaN", "-1", float("inf")]
"""Values that other programs take for a gap."""


@pytest.mark.parametrize("value", MISSING.values(), ids=MISSING)
def test_missing_values(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", PRESENT, ids=repr)
def test_values_that_are_not_missing(value):
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("sun", "sun"),
        (np.str_("sun"), "sun"),
        ("10", "10"),
        (" ", " "),
        (3, 3),
        (-3, -3),
        (np.int8(3), 3),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (3.0, 3),
        (np.float32(3), 3),
        (True, True),
        (np.False_, False),
    ],
    ids=repr,
)
def test_labels_are_plain_text_integers_and_booleans(value, label):
    got = as_label(value, "a value")
    assert got == label
    assert type(got) is type(label)


@pytest.mark.parametrize(
    "value", [1.5, float("inf"), b"sun", 1 + 0j, datetime.date(2012, 1, 1), (1, 2), None], ids=repr
)
def test_other_values_are_no_labels(value):
    with pytest.raises(ValueError, match=r"position 4 is .* a label is text, an integer or a bool"):
        as_label(value, "position 4")


def test_label_of_the_start_is_taken():
    with pytest.raises(ValueError, match=r"position 4 is '<s0>', the label of the start state; re"):
        as_label("<s0>", "position 4")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["s10", "s2", "s1"], ("s1", "s2", "s10")),
        (["b", "a2b10", "a2b9", "a10b1", "a"], ("a", "a2b9", "a2b10", "a10b1", "b")),
        (["a1", "a01", "a001"], ("a001", "a01", "a1")),
        (["x", "²", "1"], ("1", "x", "²")),
        ([10, -2, 9], (-2, 9, 10)),
        ([True, False], (False, True)),
    ],
    ids=repr,
)
def test_numbers_inside_text_sort_as_numbers(labels, expected):
    assert natural_sort(labels) == expected


@given(st.lists(st.text(alphabet="ab019", max_size=4), unique=True), st.randoms())
def test_order_of_labels_does_not_depend_on_the_order_of_the_data(labels, random):
    shuffled = random.sample(labels, len(labels))
    assert natural_sort(shuffled) == natural_sort(labels)


LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


@given(
    st.one_of(
        st.lists(st.lists(LABELS, min_size=1), min_size=1),
        st.lists(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1), min_size=1),
        st.lists(st.lists(st.booleans(), min_size=1), min_size=1),
    )
)
def test_codes_lead_back_to_the_labels(sequences):
    codes, states = encode(sequences, states=None, missing="error")
    assert [[states[code] for code in path] for path in codes] == sequences
    assert set(states) == {label for sequence in sequences for label in sequence}
    assert all(type(state) is type(sequences[0][0]) for state in states)


@pytest.mark.parametrize("gap", MISSING.values(), ids=MISSING)
def test_missing_values_have_a_code_of_their_own(gap):
    (first, second), states = encode(
        [[gap, "b", gap, "a"], ["a", gap]], states=None, missing="break"
    )
    assert states == ("a", "b")
    assert_array_equal(first, [MISSING_CODE, 1, MISSING_CODE, 0])
    assert_array_equal(second, [0, MISSING_CODE])


@pytest.mark.parametrize("gap", MISSING.values(), ids=MISSING)
def test_missing_values_are_refused_by_position(gap):
    with pytest.raises(ValueError, match=r'sequence 1 has a missing .* position 2; .*g="break"'):
        encode([["a"], ["a", "b", gap, gap]], states=["a", "b"], missing="error")


def test_gaps_that_are_different_objects():
    gaps = [float("nan") for _ in range(3)]
    (path,), _ = encode([[gaps[0], 1, gaps[1], 2, gaps[2]]], states=None, missing="break")
    assert_array_equal(path, [-1, 0, -1, 1, -1])


def test_integers_stored_as_floats_are_the_same_states():
    (path,), states = encode([[1.0, 2, np.int64(1), np.float64(2)]], states=None, missing="error")
    assert states == (1, 2)
    assert all(type(state) is int for state in states)
    assert_array_equal(path, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([[1, "1"]], r"the data mixes types: 1 \(int\), '1' \(str\); convert"),
        ([["a"], [2]], r"the data mixes types: 'a' \(str\), 2 \(int\)"),
        ([[1, 0, True]], r"the data mixes types: 1 \(int\), True \(bool\)"),
        ([[1.0], [True]], r"the data mixes types: 1 \(int\), True \(bool\)"),
        ([["a", "<s0>"]], "position 1 of sequence 0 is '<s0>'"),
        ([["a"], ["a", b"a"]], "position 1 of sequence 1 is b'a' of type bytes"),
        ([["a"], ["a", ["b"]]], "sequence 1 holds a value that cannot be a label"),
        ([[None], [None]], "the data hold no state at all"),
    ],
    ids=repr,
)
def test_values_that_cannot_be_encoded(sequences, message):
    with pytest.raises(ValueError, match=message):
        encode(sequences, states=None, missing="break")


@pytest.mark.parametrize("gap", [None, pd.NA])
def test_label_outside_the_states_is_found_beside_gaps(gap):
    with pytest.raises(
        ValueError,
        match=r"position 2 of sequence 1 is 'c' \(str\).* \('a', 'b'\); add it to states=",
    ):
        encode([["a", "b"], ["a", gap, "c"]], states=["a", "b"], missing="break")


def test_text_is_not_a_number():
    with pytest.raises(ValueError, match=r"is '1' \(str\), which is not among the states \(1, 2\)"):
        encode([["1", "2"]], states=[1, 2], missing="error")


def test_long_state_spaces_are_not_printed_in_full():
    with pytest.raises(ValueError, match=r"\(0, 1, 2, 3, 4, 5, 6, 7, \.\.\.\)"):
        encode([[99]], states=range(50), missing="error")


STATES = {
    "text": ("abc", "states must be a list of labels, got 'abc'"),
    "number": (3, "states must be a list of labels, got 3"),
    "set": ({"a"}, "states must be a list of labels, got {'a'}"),
    "empty": ([], "states is empty; name at least one state"),
    "twice": (["a", "b", "a"], "states names 'a' twice"),
    "twice as float": ([1, 1.0], "states names 1 twice"),
    "missing": (["a", None], r"states\[1\] is None, a missing value; leave it out"),
    "mixed": (["a", 1], r"states mixes types: 'a' \(str\), 1 \(int\)"),
    "start": (["a", "<s0>"], r"states\[1\] is '<s0>', the label of the start state"),
    "fraction": ([0.5], r"states\[0\] is 0.5 of type float"),
}


@pytest.mark.parametrize(("states", "message"), STATES.values(), ids=STATES)
def test_state_spaces_that_are_refused(states, message):
    with pytest.raises(ValueError, match=message):
        as_states(states)


def test_state_space_keeps_its_order_and_becomes_plain():
    states = as_states(np.array(["b", "a", "c"]))
    assert states == ("b", "a", "c")
    assert all(type(state) is str for state in states)


UNITS = {
    "text": ("ab", "units must be a list of labels, got 'ab'"),
    "number": (2, "units must be a list of labels, got 2"),
    "too few": (["u"], "units has 1 labels, expected 2, one for each sequence"),
    "missing": (["u", None], r"units\[1\] is None, a missing value; label every unit"),
    "mixed": (["u", 1], r"units mixes types: 'u' \(str\), 1 \(int\)"),
    "no label": (["u", b"v"], r"units\[1\] is b'v' of type bytes"),
}


@pytest.mark.parametrize(("units", "message"), UNITS.values(), ids=UNITS)
def test_units_that_are_refused(units, message):
    with pytest.raises(ValueError, match=message):
        as_units(units, 2, "sequence")


def test_missing_values_have_two_policies():
    with pytest.raises(ValueError, match=r'must be "error" .* or "break" .*, got \'drop\''):
        check_missing_policy("drop")


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (0, ("next_state",)),
        (1, ("state", "next_state")),
        (2, ("state_2", "state", "next_state")),
        (3, ("state_3", "state_2", "state", "next_state")),
    ],
)
def test_names_of_axes(order, names):
    assert dims(order) == names


@pytest.mark.parametrize("states", [("b", "a"), (2, 10), (False, True), ("10", "2")], ids=repr)
def test_labels_of_axes(states):
    axes = coords(states, 2)
    assert list(axes) == ["state_2", "state", "next_state"]
    assert axes["next_state"].tolist() == list(states)
    assert axes["state"].tolist() == axes["state_2"].tolist() == ["<s0>", *states]
    assert [type(label) for label in axes["state"].tolist()[1:]] == [type(s) for s in states]


@pytest.mark.parametrize("states", [(10, -2, 9), (True, False)], ids=repr)
def test_axis_of_numbers_can_be_sorted_with_the_start(states):
    axis = coords(states, 1)["state"]
    for order in (axis, axis[::-1], np.roll(axis, 1)):
        assert np.unique(order).tolist() == sorted(order) == ["<s0>", *sorted(states)]


def test_start_is_ordinary_text_otherwise():
    assert START == "<s0>"
    assert hash(START) == hash("<s0>")
    assert not START < "<s0>"
    assert not START > "<s0>"


@pytest.mark.parametrize("label", ["a\0", "a\nb", "\x1b[31m", "\ud800", 2**63, -(2**70), 1e300])
def test_a_label_that_a_result_cannot_hold_is_refused(label):
    with pytest.raises(ValueError, match=r"cannot be printed or saved|beyond int64"):
        as_label(label, "position 0")


def test_the_largest_integers_are_labels():
    assert as_label(2**63 - 1, "position 0") == 2**63 - 1
    assert as_label(float("7"), "position 0") == 7
