"""Every path listed, and Whittle's formula, against the recursion over tables."""

import math

import numpy as np
import pytest

from analytic import count_table_distribution
from analytic.whittle import MAX_ENUMERATED_CELLS, count_table_chunks
from cases import WITH_TRUTH
from oracles import all_paths, as_table, count_by_loop, path_log_probability

TRUTHS = {
    "one": [[1.0], [1.0]],
    "two": [[0.35, 0.65], [0.8, 0.2], [0.4, 0.6]],
    "two, absorbing": [[0.9, 0.1], [0.7, 0.3], [0.0, 1.0]],
    "two, one start": [[0.0, 1.0], [0.15, 0.85], [0.6, 0.4]],
    "three": [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]],
    "three, zeros": [[0.0, 0.4, 0.6], [0.0, 0.3, 0.7], [1.0, 0.0, 0.0], [0.2, 0.8, 0.0]],
    "four": [
        [0.1, 0.2, 0.3, 0.4],
        [0.25, 0.35, 0.15, 0.25],
        [0.6, 0.1, 0.1, 0.2],
        [0.05, 0.45, 0.3, 0.2],
        [0.3, 0.0, 0.55, 0.15],
    ],
} | {case.name: case.truth for case in WITH_TRUTH if case.name != "huge"}

LONGEST_LISTED = {1: 8, 2: 8, 3: 6, 4: 4}
LONGEST_WHITTLE = {1: 30, 2: 30, 3: 11, 4: 7}


def listed(A, length):
    """Probability of each table, by listing every path: a dict from cells to probability."""
    n_states = len(A[0])
    found = {}
    for path in all_paths(n_states, length):
        probability = math.exp(path_log_probability(A, path))
        if probability > 0:
            table = as_table(count_by_loop([path]), n_states)
            key = tuple(table.ravel().tolist())
            found[key] = found.get(key, 0.0) + probability
    return found


def whittle_probability(A, table):
    """Whittle's number of paths with the table, times the probability of one of them."""
    counts = table[1:]
    left, entered = counts.sum(axis=1), table.sum(axis=0)
    (first,) = np.flatnonzero(table[0])
    (last,) = np.flatnonzero(entered - left)
    ratio = counts / np.maximum(left, 1)[:, None]
    minor = np.delete(np.delete(np.eye(len(counts)) - ratio, last, axis=0), first, axis=1)
    cofactor = (-1) ** (first + last) * np.linalg.det(minor)
    paths = cofactor * math.prod(
        math.factorial(sum(row)) / math.prod(map(math.factorial, row)) for row in counts.tolist()
    )
    return paths * np.prod(np.asarray(A) ** table)


@pytest.mark.parametrize("name", TRUTHS)
def test_every_path_listed(name):
    A = TRUTHS[name]
    for length in range(1, LONGEST_LISTED[len(A[0])] + 1):
        expected = listed(A, length)
        tables, probabilities = count_table_distribution(A, length)
        got = {tuple(t.ravel().tolist()): p for t, p in zip(tables, probabilities, strict=True)}
        assert len(got) == len(tables)
        assert got.keys() == expected.keys()
        for key, probability in expected.items():
            assert got[key] == pytest.approx(probability, rel=1e-12, abs=0)


@pytest.mark.parametrize("name", TRUTHS)
def test_whittle_formula(name):
    A = TRUTHS[name]
    tables, probabilities = count_table_distribution(A, LONGEST_WHITTLE[len(A[0])])
    expected = [whittle_probability(A, table) for table in tables]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize(("name", "length"), [("two", 200), ("three", 16), ("four", 10)])
def test_a_distribution_over_paths_of_that_length(name, length):
    tables, probabilities = count_table_distribution(TRUTHS[name], length)
    assert probabilities.sum() == pytest.approx(1, rel=0, abs=1e-12)
    assert (probabilities > 0).all()
    assert tables.dtype == np.int64
    assert tables.min() == 0
    assert (tables.sum(axis=(1, 2)) == length).all()
    assert len(np.unique(tables.reshape(len(tables), -1), axis=0)) == len(tables)
    ends = tables.sum(axis=1) - tables[:, 1:].sum(axis=2)
    assert ((ends == 0) | (ends == 1)).all()
    assert (ends.sum(axis=1) == 1).all()


def test_the_last_state_has_the_law_of_the_chain():
    A = np.array(TRUTHS["three"])
    length = 15
    tables, probabilities = count_table_distribution(A, length)
    ends = tables.sum(axis=1) - tables[:, 1:].sum(axis=2)
    expected = A[0] @ np.linalg.matrix_power(A[1:], length - 1)
    np.testing.assert_allclose(probabilities @ ends, expected, rtol=1e-12)


def test_expected_counts_are_those_of_the_chain():
    A = np.array(TRUTHS["three"])
    tables, probabilities = count_table_distribution(A, 15)
    visits = sum(A[0] @ np.linalg.matrix_power(A[1:], t) for t in range(14))
    expected = np.vstack([A[0], visits[:, None] * A[1:]])
    np.testing.assert_allclose(np.tensordot(probabilities, tables, axes=1), expected, rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 9, 50, 120])
def test_number_of_tables_of_two_states(length):
    tables, _ = count_table_distribution(TRUTHS["two"], length)
    assert len(tables) == length**2 - length + 2


def test_keys_of_more_than_one_word():
    """Five states at length 9 have 21 digits of base 9, more than an int64 holds."""
    A = np.random.default_rng(5).dirichlet(np.full(5, 0.8), size=6)
    A[3] = [0, 0, 1, 0, 0]
    A[5] = [0.1, 0, 0, 0.9, 0]
    A[0] = [0, 0.3, 0, 0, 0.7]
    tables, probabilities = count_table_distribution(A, 9)
    assert len(np.unique(tables.reshape(len(tables), -1), axis=0)) == len(tables)
    some = np.random.default_rng(6).choice(len(tables), 200, replace=False)
    expected = [whittle_probability(A, table) for table in tables[some]]
    np.testing.assert_allclose(probabilities[some], expected, rtol=1e-9, atol=0)
    assert probabilities.sum() == pytest.approx(1, rel=0, abs=1e-12)


def test_tables_that_differ_in_the_second_word_only():
    """Start in state 3 or 4, and stay in 4: the rows of states 0, 1 and 2 say nothing."""
    A = np.eye(5)[[0, 0, 0, 0, 4, 4]]
    A[0] = [0, 0, 0, 0.3, 0.7]
    tables, probabilities = count_table_distribution(A, 9)
    assert len(tables) == 2
    np.testing.assert_allclose(probabilities, tables[:, 0, 3:] @ [0.3, 0.7], rtol=1e-14)


def test_words_are_not_overfilled():
    """Six states at length 6 have 31 digits of base 6, of which an int64 holds 24."""
    A = np.zeros((7, 6))
    A[0, 4] = 1
    A[5, [0, 2]] = 0.7, 0.3  # out of state 4
    A[[1, 2, 3, 4, 6], 4] = 1
    tables, probabilities = count_table_distribution(A, 6)
    to_0 = tables[:, 5, 0]
    assert sorted(to_0.tolist()) == [0, 1, 1, 2, 2, 3]
    expected = [whittle_probability(A, table) for table in tables]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12)


def test_chunks_are_the_whole():
    A = np.array(TRUTHS["three"])
    tables, probabilities = count_table_distribution(A, 7)
    pieces = list(count_table_chunks(A, 7, 100))
    assert max(len(weight) for _, weight in pieces) == 100
    np.testing.assert_array_equal(np.concatenate([t for t, _ in pieces]), tables)
    np.testing.assert_array_equal(np.concatenate([p for _, p in pieces]), probabilities)


def test_rows_that_miss_one_by_rounding_are_normalised():
    A = np.array(TRUTHS["three"])
    off = A * (1 + 5e-9)
    _, probabilities = count_table_distribution(off, 20)
    assert probabilities.sum() == pytest.approx(1, rel=0, abs=1e-12)


@pytest.mark.parametrize("n_states", [3, 60])
def test_too_many_tables_are_refused(n_states, monkeypatch):
    monkeypatch.setattr("analytic.whittle.MAX_ENUMERATED_CELLS", 10**5)
    A = np.random.default_rng(1).dirichlet(np.ones(n_states), size=n_states + 1)
    with pytest.raises(ValueError, match=r"too long to enumerate .*choose length < \d+"):
        count_table_distribution(A, 12)


def test_the_length_that_the_refusal_names_is_feasible(monkeypatch):
    monkeypatch.setattr("analytic.whittle.MAX_ENUMERATED_CELLS", 10**5)
    A = TRUTHS["three"]
    with pytest.raises(ValueError, match="choose length < 12, or"):
        count_table_distribution(A, 40)
    tables, _ = count_table_distribution(A, 11)
    assert tables.size <= 10**5 < MAX_ENUMERATED_CELLS
    monkeypatch.setattr("analytic.whittle.MAX_ENUMERATED_CELLS", tables.size)
    assert len(count_table_distribution(A, 11)[0]) == len(tables)


@pytest.mark.parametrize(
    ("A", "length", "message"),
    [
        ([[0.5, 0.5], [0.8, 0.2]], 4, "add the s_0 row"),
        ([[0.5, 0.5], [0.8, 0.2], [np.nan, np.nan]], 4, r"row \(2,\) of A is undefined"),
        ([[0.5, 0.5], [0.8, 0.1], [0.4, 0.6]], 4, r"row \(1,\) of A sums to 0.9"),
        ([[[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]], 4, "A must have shape"),
        (TRUTHS["two"], 0, "length must be an integer >= 1"),
        (TRUTHS["two"], 2.0, "length must be an integer >= 1"),
        (TRUTHS["two"], True, "length must be an integer >= 1"),
    ],
)
def test_bad_input(A, length, message):
    with pytest.raises(ValueError, match=message):
        count_table_distribution(A, length)
