"""One matrix for all blocks of time, or all units: figures, traps, and all rearrangements."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alofi import BLOCKS, ORDER_1, YEARS
from analytic import count_transitions, equality_test, homogeneity_test
from analytic.hypotheses.exchange import rearranged_units
from analytic.hypotheses.rearrangement import layout, rearranged, swap, unit_tables
from oracles import all_paths, as_table, count_by_loop, two_way_statistics

BOTH = pytest.mark.parametrize("test", [homogeneity_test, equality_test])


def statistics(tables):
    """G2, X2 and degrees of freedom, from a list of tables of any order, row by row."""
    strata = {}
    for number, table in enumerate(tables):
        for *history, state in np.argwhere(table).tolist():
            cells = strata.setdefault(tuple(history), {})
            cells[number, state] = int(table[(*history, state)])
    return two_way_statistics(strata)


def blocks_of(path, n_states, lengths):
    """Tables (K+1, K) of a path that is cut: a transition belongs to the block it leaves from.

    The transition out of s_0 belongs to the first block.
    """
    whole = [count_by_loop([path[: t + 1]]) for t in range(len(path))]
    upto = np.array(
        [np.zeros((n_states + 1, n_states), int), *[as_table(c, n_states) for c in whole]]
    )
    return np.diff(upto[np.cumsum([0, lengths[0] + 1, *lengths[1:]])], axis=0)


def test_tables_of_alofi():
    assert_array_equal(BLOCKS.sum(axis=0), ORDER_1[1:])
    assert_array_equal(YEARS.sum(axis=0), ORDER_1[1:])
    assert_array_equal(YEARS.sum(axis=(1, 2)), [365, 366, 364])


def test_alofi_in_ten_blocks():
    """markovchain's assessStationarity(rain, 10) prints 110.0214 on 54 degrees of freedom."""
    result = homogeneity_test(BLOCKS)
    assert_allclose(result.X2, 110.0214, rtol=0, atol=0.5e-4)
    assert_allclose(result.p_X2, 1.0501e-5, rtol=0, atol=0.5e-9)
    assert (result.df, result.n, result.rows) == (54, 1095, 3)


@BOTH
def test_alofi_in_three_years(test):
    result = test(YEARS)
    assert_allclose([result.G2, result.X2], [23.7268, 23.4598], rtol=0, atol=0.5e-4)
    assert_allclose([result.p_G2, result.p_X2], [0.0222, 0.0241], rtol=0, atol=0.5e-4)
    assert result.df == 12


@BOTH
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("start", ["given", "s0"])
def test_statistics_row_by_row(test, order, start):
    rng = np.random.default_rng(order)
    paths = [rng.integers(3, size=length) for length in (3, 9, 1, 14, 6)]
    tables = np.array([count_transitions(p, 3, order=order) for p in paths])
    kept = tables
    if start == "given":
        kept = tables[(slice(None), *(slice(1, None),) * order)]
    result = test(tables, start=start)
    G2, X2, df = statistics(kept)
    assert_allclose([result.G2, result.X2], [G2, X2], rtol=1e-12)
    assert (result.df, result.n) == (df, kept.sum())
    assert result.n_left_out == tables.sum() - kept.sum()
    if start == "given":
        assert_allclose(test(kept).G2, G2, rtol=1e-12)


@BOTH
def test_degrees_of_freedom(test):
    """(S - 1) K (K - 1) if all was seen; a state that a unit never leaves takes K - 1 away."""
    full = np.random.default_rng(1).integers(1, 9, size=(5, 4, 4))
    assert test(full).df == 4 * 4 * 3
    full[2, 1] = 0
    assert test(full).df == 4 * 4 * 3 - 3
    full[:, :, 3] = 0
    assert test(full).df == (4 * 4 - 1) * 2
    full[:, 0] = 0
    assert test(full).df == (4 * 3 - 1) * 2
    assert (test(full).rows, test(full).rows_left_out) == (3, 1)


@BOTH
def test_one_table_leaves_nothing_to_test(test):
    result = test(YEARS[:1], replicates=9, rng=np.random.default_rng(1))
    assert (result.G2, result.X2, result.df) == (0, 0, 0)
    assert math.isnan(result.p_G2) and math.isnan(result.p_X2)
    assert math.isnan(result.p_monte_carlo)


@BOTH
def test_statistics_grow_with_the_data(test):
    """Counts are compared and not shares, which would not know how much data there is."""
    once, ten_times = test(YEARS), test(10 * YEARS)
    assert_allclose([ten_times.G2, ten_times.X2], [10 * once.G2, 10 * once.X2], rtol=1e-12)


def test_totals_are_those_of_rows():
    """Blocks that leave the states unequally often, each with the same matrix: a perfect fit."""
    matrix = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
    departures = np.array([[100, 200, 700], [800, 100, 100]])
    result = homogeneity_test(np.rint(departures[..., None] * matrix).astype(int))
    assert_allclose([result.G2, result.X2], [0, 0], rtol=0, atol=1e-9)
    assert result.p_G2 > 0.999


def test_blocks_are_not_sequences():
    """The step between two blocks counts in the first one, and s_0 is left once."""
    path = [0, 1, 1, 2, 0, 2, 1, 0, 0, 1]
    blocks = blocks_of(path, 3, [3, 3, 3])
    assert_array_equal(blocks.sum(axis=0), count_transitions(path, 3))
    assert_array_equal(blocks[:, 0].sum(axis=1), [1, 0, 0])
    assert_array_equal(blocks[0, 1:], [[0, 1, 0], [0, 1, 1], [0, 0, 0]])
    assert homogeneity_test(blocks).n == 9


@pytest.mark.parametrize("with_start", [True, False])
def test_blocks_against_all_sequences(with_start):
    """Monte Carlo p against the share of rearrangements with as large a G2."""
    path, lengths = (0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1), (6, 7)

    def G2(path):
        return statistics(blocks_of(path, 2, lengths)[:, 1:])[0]

    counts = count_by_loop([path])
    values = [G2(word) for word in all_paths(2, len(path)) if count_by_loop([word]) == counts]
    assert len(values) > 100
    exact = np.mean(np.array(values) >= G2(path) - 1e-9)
    blocks = blocks_of(path, 2, lengths)
    if not with_start:
        blocks = blocks[:, 1:]
    result = homogeneity_test(blocks, replicates=4000, rng=np.random.default_rng(1))
    assert 0.1 < exact < 0.9
    assert abs(result.p_monte_carlo - exact) < 4 * math.sqrt(exact * (1 - exact) / 4000)
    assert "cut into blocks" in result.monte_carlo_law


TWO_STATES = [(0, 0, 1, 0, 0), (1, 1, 0, 1), (0, 1, 1)]
THREE_STATES = [(0, 1, 2, 0, 1), (0, 0, 1, 2), (1, 2, 2, 0)]


def all_units(paths, n_states, free):
    """Every list of paths of the same lengths and, unless `free`, the same first states."""
    choices = [[w for w in all_paths(n_states, len(p)) if free or w[0] == p[0]] for p in paths]
    pooled = as_table(count_by_loop(paths), n_states)
    for words in itertools.product(*choices):
        if (as_table(count_by_loop(words), n_states) == pooled).all():
            yield words


@pytest.mark.parametrize(
    ("paths", "start"), [(TWO_STATES, "given"), (TWO_STATES, "s0"), (THREE_STATES, "given")]
)
def test_units_against_all_rearrangements(paths, start):
    """The moves reach enough of the rearrangements for the p to be that of all of them."""
    n_states = 1 + max(map(max, paths))
    drop = 1 if start == "given" else 0

    def tables(words):
        return np.array([as_table(count_by_loop([word]), n_states) for word in words])

    def G2(words):
        return statistics(tables(words)[:, drop:])[0]

    # A table has several paths behind it; the data are the tables.
    values = [G2(words) for words in all_units(paths, n_states, start == "s0")]
    assert len(values) >= 6
    exact = np.mean(np.array(values) >= G2(paths) - 1e-9)
    found = [
        equality_test(
            tables(paths), start=start, replicates=500, rng=np.random.default_rng(seed)
        ).p_monte_carlo
        for seed in range(8)
    ]
    # Draws of one run share a point that they start from, so runs are compared, not draws.
    error = max(np.std(found, ddof=1), math.sqrt(exact * (1 - exact) / 500)) / math.sqrt(8)
    assert abs(np.mean(found) - exact) < 4 * error + 1 / 501


@pytest.mark.parametrize("order", [1, 2])
def test_moves_keep_what_they_should(order):
    """Counts of all units together, lengths and first states; the tables themselves change."""
    rng = np.random.default_rng(2)
    paths = [rng.integers(3, size=length) + 1 for length in (12, 3, 20, 12)]
    where = layout(np.array([p.size for p in paths]), order)
    row = np.concatenate([np.concatenate([np.zeros(order, int), p]) for p in paths])
    unit = np.repeat(np.arange(4), [p.size + order for p in paths])
    states = rearranged(row, where, swap, 500, rng, 60)
    assert_array_equal(np.sort(states, axis=1), np.tile(np.sort(row), (60, 1)))
    tables = unit_tables(states, where, unit, 3, 4)
    for drawn, counted in zip(states, tables, strict=True):
        pieces = [drawn[unit == u][order:] for u in range(4)]
        for u, piece in enumerate(pieces):
            assert_array_equal(piece[:order], paths[u][:order])
            by_loop = as_table(count_by_loop([piece - 1], order), 3, order)
            assert_array_equal(counted[u], by_loop.ravel())
    before = unit_tables(row[None], where, unit, 3, 4)
    assert_array_equal(tables.sum(axis=1), np.tile(before.sum(axis=1), (60, 1)))
    assert (tables != before).any(axis=(1, 2)).mean() > 0.8


def test_first_states_move_where_they_are_data():
    paths = [(0, 1, 0, 0), (1, 0, 1, 1), (1, 1, 0)]
    tables = np.array([count_transitions(path, 2) for path in paths])
    for free in (True, False):
        law = rearranged_units(tables, np.random.default_rng(3), first_states_free=free)
        (drawn,) = law.draw(np.random.default_rng(3), 40)
        firsts = drawn[:, :, 0]
        assert_array_equal(firsts.sum(axis=1), np.tile([1, 2], (40, 1)))
        assert (firsts != tables[:, 0]).any() == free


def test_units_that_do_not_tell_their_ends():
    """Exits are then dealt to the units, and the result says that this is approximate."""
    units = np.array([[[9, 1], [4, 6]], [[5, 9], [3, 3]]])
    result = equality_test(units, replicates=99, rng=np.random.default_rng(4))
    assert "approximate" in result.monte_carlo_law
    assert 0 < result.p_monte_carlo < 0.2
    empty = np.concatenate([units, np.zeros((1, 2, 2), dtype=int)])
    assert_allclose(equality_test(empty).G2, equality_test(units).G2, rtol=1e-12)
    assert equality_test(empty).df == equality_test(units).df


@BOTH
def test_planted_change_is_caught(test):
    """State 1 is left with .8 in one half and with .2 in the other."""
    rng = np.random.default_rng(5)
    tables = []
    for leave in (0.8, 0.2):
        path = [0]
        for _ in range(80):
            path.append(int(rng.random() < (0.4 if path[-1] == 0 else 1 - leave)))
        tables.append(count_transitions(path, 2))
    result = test(np.array(tables), replicates=199, rng=rng)
    assert result.p_G2 < 1e-4 and result.p_monte_carlo <= 2 / 200


def test_support_is_checked():
    tables = np.array([[[2, 0], [1, 3]], [[1, 0], [4, 2]]])
    support = np.array([[True, False], [True, True]])
    assert equality_test(tables, support=support).df == 1
    with pytest.raises(ValueError, match="support marks impossible"):
        equality_test(tables + 1, support=support)


@BOTH
def test_bad_tables(test):
    with pytest.raises(ValueError, match="units or blocks, then"):
        test(np.ones((3, 5, 2)))
    with pytest.raises(ValueError, match="tables must not be negative"):
        test(-YEARS)
    with pytest.raises(ValueError, match='start="s0" needs rows for s_0'):
        test(YEARS, start="s0")
    with pytest.raises(ValueError, match="whole numbers"):
        test(YEARS / 2, replicates=9, rng=np.random.default_rng(1))
