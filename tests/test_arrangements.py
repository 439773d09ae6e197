"""Random sequences with given counts: against a list of all of them."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from analytic import count_transitions
from analytic.hypotheses.arrangements import arrangement, draw_paths, draw_sequences, draw_tables
from analytic.hypotheses.eulerian import Multigraph, random_circuits, random_trees
from oracles import (
    all_paths,
    as_table,
    count_by_loop,
    cyclic_counts,
    spanning_trees,
    words_in_pieces,
)

DRAWS = 10_000
PATH = (1, 0, 0, 2, 1, 0, 1, 1, 2)
BINARY = (0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1)


def check_law(drawn, expected):
    """All that was drawn can occur, and as often as its probability says (chi-squared)."""
    counts = Counter(drawn)
    assert set(counts) <= set(expected)
    weight = np.array(list(expected.values()), dtype=float)
    seen = np.array([counts[key] for key in expected])
    assert stats.chisquare(seen, weight / weight.sum() * len(drawn)).pvalue > 1e-4


def words(written):
    """Rows of states from 1, with 0 after each sequence, as tuples of words."""
    lists = []
    for row in written.tolist():
        pieces, word = [], []
        for state in row:
            if state == 0:
                pieces.append(tuple(word))
                word = []
            else:
                word.append(state - 1)
        assert not word
        lists.append(tuple(pieces))
    return lists


@pytest.mark.parametrize("root", [0, 2])
def test_random_trees(root):
    """A tree is drawn in proportion to the number of its versions."""
    source, target = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3], [0, 1, 3, 2, 0, 0, 3, 2, 1, 2]
    times = [4, 1, 3, 2, 5, 1, 2, 6, 3, 1]
    graph = Multigraph(*np.array([source, target, times]))
    drawn = random_trees(graph, root, np.random.default_rng(1), DRAWS)
    assert (drawn[:, root] == -1).all()
    others = [vertex for vertex in range(4) if vertex != root]
    trees = [tuple(row) for row in drawn[:, others].tolist()]
    check_law(trees, spanning_trees(source, target, times, root))


def test_random_circuits_use_every_arc_once():
    graph = Multigraph(*np.array([[0, 0, 1, 1, 2], [1, 2, 0, 1, 0], [2, 3, 2, 4, 3]]))
    drawn = random_circuits(graph, 2, np.random.default_rng(2), 500)
    for row in drawn:
        assert_array_equal(np.bincount(row), graph.times)
        assert_array_equal(graph.target[row[:-1]], graph.source[row[1:]])
        assert graph.source[row[0]] == graph.target[row[-1]] == 2


@pytest.mark.parametrize(
    ("order", "path", "number"), [(0, PATH, 140), (1, PATH, 24), (2, BINARY, 18), (1, BINARY, 80)]
)
def test_one_sequence(order, path, number):
    """Uniform over the words with the same counts and the same ends."""
    width, n_states = max(order, 1), max(path) + 1

    def key(word):
        counts = Counter(word[t : t + order + 1] for t in range(len(word) - order))
        return counts, word[:width], word[-width:]

    same = [word for word in all_paths(n_states, len(path)) if key(word) == key(path)]
    assert len(same) == number
    shuffle = arrangement(count_transitions(path, n_states, order=order + 1), order)
    drawn = words(draw_sequences(shuffle, np.random.default_rng(3), DRAWS))
    check_law(drawn, {(word,): 1 for word in same})
    assert "the same ends" in shuffle.law


@pytest.mark.parametrize(("order", "higher"), [(0, 1), (0, 2), (1, 2), (1, 3)])
def test_first_states_are_found_without_rows_for_s_0(order, higher):
    """One history is left once more than it is entered, so the rows for s_0 can be restored."""
    table = count_transitions(PATH, 3, order=higher)
    without = np.zeros_like(table)
    block = (slice(1, None),) * higher
    without[block] = table[block]
    given, restored = arrangement(table, order), arrangement(without, order)
    for one, other in zip(given.graph, restored.graph, strict=True):
        assert_array_equal(one, other)
    assert_array_equal(given.writes, restored.writes)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_several_sequences(order):
    """Uniform over the lists of words that share the counts and the first and last states."""
    data = [(0, 1, 1), (1, 0), (0, 1, 0)]
    width = max(order, 1)

    def key(pieces):
        table = as_table(count_by_loop(pieces, order), 2, order)
        ends = [tuple(word[-width:]) for word in pieces]
        return table.tolist(), sorted(word[0] for word in pieces), sorted(ends)

    same = [tuple(p) for p in words_in_pieces(2, 8, 3) if key(p) == key(data)]
    assert len(same) >= 6
    shuffle = arrangement(count_transitions(data, 2, order=order + 1), order)
    drawn = words(draw_sequences(shuffle, np.random.default_rng(4), DRAWS))
    check_law(drawn, dict.fromkeys(same, 1))
    assert "3 sequences" in shuffle.law


@pytest.mark.parametrize("order", [0, 1])
def test_circular_sequence(order):
    """Balanced counts without s_0: uniform over the circles that pass through a state."""
    circle = (0, 1, 1, 0, 2, 1, 2)
    table = np.zeros((4, 4, 3), dtype=np.int64)
    for (older, recent, state), count in cyclic_counts(circle, 2).items():
        table[older + 1, recent + 1, state] = count
    lowest = 0
    same = [
        word
        for word in all_paths(3, len(circle))
        if cyclic_counts(word, order) == cyclic_counts(circle, order) and word[-1] == lowest
    ]
    shuffle = arrangement(table, order)
    assert shuffle.circular
    drawn = draw_sequences(shuffle, np.random.default_rng(5), DRAWS) - 1
    check_law([tuple(word) for word in drawn.tolist()], dict.fromkeys(same, 1))
    tables = draw_tables(shuffle, 2, np.random.default_rng(5), DRAWS)
    for word, table in zip(drawn[:20].tolist(), tables, strict=False):
        for (older, recent, state), count in cyclic_counts(word, 2).items():
            assert table[older + 1, recent + 1, state] == count
        assert table.sum() == len(circle)


def test_tables_are_those_of_the_sequences():
    data = [(0, 2, 1, 1, 0, 2), (2,), (1, 1, 0)]
    for order in (1, 2, 3):
        table = count_transitions(data, 3, order=order)
        shuffle = arrangement(table, order - 1)
        drawn = words(draw_sequences(shuffle, np.random.default_rng(6), 30))
        tables = draw_tables(shuffle, order, np.random.default_rng(6), 30)
        for pieces, drawn_table in zip(drawn, tables, strict=True):
            assert_array_equal(drawn_table, as_table(count_by_loop(pieces, order), 3, order))


def test_paths_behind_a_table():
    data = [(0, 2, 1, 1, 0, 2), (2,), (1, 1, 0)]
    table = count_transitions(data, 3, order=2)
    for seed in range(20):
        paths = draw_paths(table, np.random.default_rng(seed))
        codes = [[int(state) - 1 for state in path] for path in paths]
        assert_array_equal(as_table(count_by_loop(codes, 2), 3, 2), table)
    circle = np.array([[0, 0], [1, 2], [2, 0]])
    (path,) = draw_paths(circle, np.random.default_rng(7))
    assert_array_equal(count_transitions(path - 1, 2)[1:], circle[1:])


@pytest.mark.parametrize(
    "table",
    [
        [[0, 0, 0], [2, 1, 0], [1, 1, 0], [0, 0, 3]],  # in two pieces
        [[0, 0, 0], [0, 2, 0], [0, 0, 0], [0, 1, 0]],  # two ends in state 1 and no s_0
        [[1, 0, 0], [2, 1, 0], [0, 0, 0], [0, 1, 1]],  # state 2 is left and never reached
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]],
    ],
)
def test_tables_that_are_not_whole_sequences(table):
    assert arrangement(np.array(table), 0) is None
    assert draw_paths(np.array(table), np.random.default_rng(8)) is None
