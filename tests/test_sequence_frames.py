"""Sequences from data frames: counting them gives the table of the frame, on every engine."""

from datetime import date, timedelta

import polars as pl
import pytest

import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.sequence_frames import label_sequences
from engines import ENGINE_PARAMS, as_frame, ragged_rows

LABELS = ["s1", "s2", "s10"]
ROLES = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}


def by_loop(rows, step=None):
    """Sort the rows, and start a new list at each new key."""
    found, before, last = [], None, None
    for unit, sequence, time, state in sorted(rows, key=lambda row: row[:3]):
        if (unit, sequence) != before:
            found.append([])
        elif step is not None and time - last != step:
            found[-1].append(None)
        found[-1].append(state)
        before, last = (unit, sequence), time
    return found


@pytest.mark.parametrize("step", [None, 2])
@pytest.mark.parametrize("to_engine", ENGINE_PARAMS)
def test_sequences_are_those_of_a_loop(to_engine, step):
    rows = ragged_rows(LABELS, seed=3)
    frame = to_engine(as_frame(rows))
    found = label_sequences(frame, **ROLES, missing="break", step=step)
    assert found == by_loop(rows, step)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("step", [None, 1, 4])
def test_counting_them_is_counting_the_frame(order, step):
    for seed in range(4):
        frame = as_frame(ragged_rows(LABELS, seed=seed))
        options = {**ROLES, "missing": "break", "step": step}
        expected = bm.count_transitions(frame, **options, order=order)
        sequences = label_sequences(frame, **options)
        counts = TransitionCounts.from_sequences(
            sequences, states=expected.states, order=order, missing="break"
        )
        assert (counts.pooled == expected.pooled).all()


def test_whole_way_from_a_frame_to_a_check():
    frame = as_frame(ragged_rows(LABELS, seed=1))
    counts = bm.count_transitions(frame, **ROLES, missing="break")
    tree = bm.exact_posterior(counts, seed=1, draws=50)
    data = label_sequences(frame, **ROLES, missing="break")
    assert bm.check_fit(bm.posterior_predictive(tree, data, seed=1)).replicates == 200


def test_labels_keep_their_types_and_rows_their_order():
    frame = pl.DataFrame({"x": [10, 2, 2, 10]})
    assert label_sequences(frame, state="x") == [[10, 2, 2, 10]]
    flags = pl.DataFrame({"x": [True, None, False], "t": ["9", "10", "8"]})
    found = label_sequences(flags, state="x", time="t", missing="break")
    assert found == [[False, True, None]]
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 2)]
    gaps = pl.DataFrame({"x": ["a", "b", "a"], "day": days})
    found = label_sequences(gaps, state="x", time="day", step=timedelta(days=1))
    assert found == [["a", "b", None, "a"]]


FRAME = pl.DataFrame({"x": ["a", None, "b"], "t": [1, 2, 2], "u": ["p", "q", "q"]})

BAD = {
    "missing": ({"state": "x"}, "has a missing value at row 1"),
    "tie": ({"state": "x", "time": "t", "missing": "break"}, "two rows have the same"),
    "unknown": ({"state": "u", "states": ["p"]}, "is 'q'.*not among the states"),
    "column": ({"state": "y"}, "state='y' is not a column"),
    "policy": ({"state": "x", "missing": "drop"}, "missing must be"),
    "step": ({"state": "u", "step": 1}, "name the time column"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        label_sequences(FRAME, **options)


def test_empty_frame_is_refused():
    with pytest.raises(ValueError, match="frame has no rows"):
        label_sequences(FRAME.head(0), state="x")
