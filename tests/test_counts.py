"""Counting, against a loop over every transition."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytic import _windows, count_transitions, counts, lower_order, possible_histories
from analytic.counts import MAX_CELLS, table_shape
from cases import CASES, WITH_PATHS
from oracles import as_table, count_by_loop, relabel_table

PATHS = ([0, 1, 2, 2, 1, 0, 0], [2], [1, 2], [1, 1, 0, 2, 2, 0, 1, 2, 0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_case_is_symmetric(case):
    for new_code in itertools.permutations(range(case.n_states)):
        if new_code != tuple(range(case.n_states)):
            moved = relabel_table(case.table, new_code, case.order)
            assert not np.array_equal(moved, case.table)


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_every_case_is_counted_like_the_loop(case):
    counted = count_transitions(case.paths, case.n_states, order=case.order)
    assert counted.dtype == np.int64
    assert_array_equal(counted, case.table)


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_one_table_for_each_path(case):
    counted = count_transitions(case.paths, case.n_states, order=case.order, per_path=True)
    assert_array_equal(counted, case.tables)
    assert_array_equal(counted.sum(axis=0), case.table)


@pytest.mark.parametrize("order", range(5))
def test_any_order_is_counted_like_the_loop(order):
    expected = as_table(count_by_loop(PATHS, order), 3, order)
    assert_array_equal(count_transitions(PATHS, 3, order=order), expected)


@pytest.mark.parametrize("missing", [-1, 3, 99])
@pytest.mark.parametrize("order", range(4))
def test_missing_values_are_counted_like_the_loop(order, missing):
    gap = missing
    paths = [
        [0, 1, gap, 2, 0, 0, gap, gap, 1, 2, 1, 0],
        [gap, 1, 0, 2],
        [2, 1, gap],
        [gap],
        [1, 2, 2],
    ]
    expected = as_table(count_by_loop(paths, order, missing), 3, order)
    assert_array_equal(count_transitions(paths, 3, order=order, missing=missing), expected)


@pytest.mark.parametrize("block", [1, 2, 3, 7])
@pytest.mark.parametrize("missing", [None, -1, 2, 99])
def test_borders_of_blocks_and_of_groups_leave_no_trace(monkeypatch, block, missing):
    monkeypatch.setattr(_windows, "BLOCK", block)
    monkeypatch.setattr(counts, "CODES_AT_ONCE", block + 2)
    rng = np.random.default_rng(block)
    for order in range(4):
        paths = [rng.integers(2, size=rng.integers(1, 9)).tolist() for _ in range(6)]
        if missing is not None:
            paths[1][0] = paths[3][-1] = paths[5][len(paths[5]) // 2] = missing
        gap = () if missing is None else (missing,)
        apart = [as_table(count_by_loop([path], order, *gap), 2, order) for path in paths]
        options = {"order": order, "missing": missing}
        assert_array_equal(count_transitions(paths, 2, **options), sum(apart))
        assert_array_equal(count_transitions(paths, 2, **options, per_path=True), apart)


def test_a_wrong_code_is_found_in_its_block(monkeypatch):
    monkeypatch.setattr(_windows, "BLOCK", 4)
    monkeypatch.setattr(counts, "CODES_AT_ONCE", 6)
    with pytest.raises(ValueError, match="path 3 holds code 7 at position 5, expected 0"):
        count_transitions([[0, 1], [1] * 5, [0], [0, 1, 1, 0, 1, 7, 0]], 2)
    with pytest.raises(ValueError, match="path 1 holds code 18446744073709551615 at position 0"):
        count_transitions(np.array([[0, 1], [2**64 - 1, 1]], dtype=np.uint64), 2, missing=-1)


def test_gap_breaks_both_sides_and_does_not_restart():
    counted = count_transitions([0, 1, -1, 2, 0], 3, missing=-1)
    assert_array_equal(counted, [[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]])


def test_path_that_begins_with_a_gap_has_no_start():
    counted = count_transitions([-1, 1, 0], 2, missing=-1)
    assert_array_equal(counted, [[0, 0], [0, 0], [1, 0]])


def test_row_total_is_departures_and_not_visits():
    counted = count_transitions([0, 1, 0, 1, 1], 2)
    assert_array_equal(counted.sum(axis=1), [1, 2, 2])  # state 1 is visited three times


def test_no_transition_crosses_from_one_path_into_the_next():
    apart = count_transitions([[0, 0], [1, 1]], 2)
    joined = count_transitions([0, 0, 1, 1], 2)
    assert_array_equal(apart, [[1, 1], [1, 0], [0, 1]])
    assert_array_equal(joined, [[1, 0], [1, 1], [0, 1]])


def test_path_of_length_one_carries_its_start_only():
    assert_array_equal(count_transitions([2], 3), [[0, 0, 1]] + [[0, 0, 0]] * 3)


@pytest.mark.parametrize(
    "paths",
    [
        [[0, 1, 1], [2, 0, 1]],
        ((0, 1, 1), (2, 0, 1)),
        [np.array([0, 1, 1], dtype=np.uint8), np.array([2, 0, 1], dtype=np.int32)],
        np.array([[0, 1, 1], [2, 0, 1]]),
        [[0, 1, 1], (2, 0, 1)],
    ],
    ids=["lists", "tuples", "arrays", "2-D", "mixed"],
)
def test_containers_of_many_paths_agree(paths):
    expected = [[1, 0, 1], [0, 2, 0], [0, 1, 0], [1, 0, 0]]
    assert_array_equal(count_transitions(paths, 3), expected)


@pytest.mark.parametrize(
    "path", [[0, 1, 1], (0, 1, 1), np.array([0, 1, 1]), [np.int64(0), np.int64(1), 1]]
)
def test_containers_of_one_path_agree(path):
    assert_array_equal(count_transitions(path, 2), [[1, 0], [0, 1], [0, 1]])


def test_counts_do_not_overflow_small_code_types():
    path = np.zeros(300, dtype=np.int8)
    path[-1] = 119
    counted = count_transitions(path, 120)
    assert counted[1, 0] == 298
    assert counted[1, 119] == 1


def test_counting_leaves_its_input_alone():
    path = np.array([0, 1, -1, 1, 0])
    before = path.copy()
    count_transitions(path, 2, order=2, missing=-1)
    assert_array_equal(path, before)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_lowering_is_counting_at_the_lower_order(order):
    higher = count_transitions(PATHS, 3, order=order)
    assert_array_equal(lower_order(higher), count_transitions(PATHS, 3, order=order - 1))


def test_lowering_a_batch_is_lowering_each_table():
    tables = count_transitions(PATHS, 3, order=2, per_path=True)
    expected = [lower_order(table) for table in tables]
    assert_array_equal(lower_order(tables, order=2), expected)


def test_lowering_keeps_the_kind_of_number():
    assert lower_order(np.array([[1, 0], [2, 5]])).dtype == np.int64
    assert lower_order(np.array([[0.5, 0], [2, 5]])).dtype == np.float64


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("n_states", [1, 2, 3])
def test_possible_histories_never_return_to_the_start(n_states, order):
    possible = possible_histories(n_states, order)
    assert possible.shape == (n_states + 1,) * order
    for history in itertools.product(range(n_states + 1), repeat=order):
        started = list(history) == sorted(history, key=lambda state: state > 0)
        assert possible[history] == started
    assert possible.sum() == sum(n_states**length for length in range(order + 1))


def test_counts_lie_on_possible_histories_only():
    counted = count_transitions(PATHS, 3, order=3)
    assert counted[possible_histories(3, 3)].sum() == sum(len(path) for path in PATHS)


def test_tables_beyond_the_limit_are_refused():
    assert table_shape(9_999, 1) == (10_000, 9_999)
    with pytest.raises(ValueError, match="50 states at order 4"):
        table_shape(50, 4)
    assert MAX_CELLS < 51**4 * 50
