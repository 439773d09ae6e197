"""Order u against v: published figures, a count by hand, and all sequences of a small case."""

import math
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

from alofi import ORDER_1, ORDER_2, ORDER_3
from analytic import (
    count_transitions,
    independence_test,
    log_likelihood,
    lower_order,
    mle,
    order_test,
)
from cases import CASES, Case
from oracles import all_paths, as_table, count_by_loop, order_statistics, words_in_pieces

ORDERS = [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (0, 3)]


def same_test(one, other):
    """Equal figures, but for what was left out."""
    assert (one.df, one.n, one.rows) == (other.df, other.n, other.rows)
    figures = [(r.G2, r.X2, r.p_G2, r.p_X2) for r in (one, other)]
    assert_allclose(*figures, rtol=1e-12, atol=1e-12)


def test_alofi_independence():
    """Recomputed from the table of Avery and Henderson (1999)."""
    result = independence_test(ORDER_1)
    assert_allclose([result.G2, result.X2], [192.0736, 190.6124], rtol=0, atol=0.5e-4)
    assert (result.df, result.n, result.n_left_out) == (4, 1095, 1)
    same_test(result, independence_test(ORDER_1[1:]))
    same_test(result, independence_test(ORDER_3))


def test_alofi_first_order_against_second():
    """markovchain's verifyMarkovProperty(rain) prints X2 26.096, df 12, p .0104."""
    result = order_test(ORDER_2, lower=1, higher=2)
    assert_allclose(result.X2, 26.09575165, rtol=0, atol=0.5e-8)
    assert_allclose(result.G2, 25.83702, rtol=0, atol=0.5e-5)
    assert_allclose([result.p_X2, result.p_G2], [0.0104039, 0.011318], rtol=0, atol=0.5e-6)
    assert (result.df, result.n, result.n_left_out) == (12, 1094, 2)
    assert (result.rows, result.rows_left_out) == (9, 0)
    same_test(result, order_test(ORDER_3, lower=1, higher=2))
    same_test(result, order_test(ORDER_2[1:, 1:], lower=1, higher=2))


def test_onegin():
    """Markov, A. A. (1913). An example of statistical investigation of the text Eugene Onegin.

    Translated in Science in Context 19 (2006), 591-600. Vowels and consonants: 1,104 vowels follow
    a vowel; 115 do so after another vowel, 505 consonants follow two consonants. One transition
    after CC or VC is one too many, according to the letters that end the text.
    """
    first = independence_test([[1104, 7534], [7534, 3827]])
    assert_allclose(first.G2, 6232.0583, rtol=0, atol=0.5e-4)
    assert (first.df, first.n) == (1, 19_999)
    for from_consonant, expected in [(1, 1199.1), (0, 1200.0)]:
        counts = np.array([[[115, 989], [4212, 3322]], [[989, 6545], [3322, 505]]])
        counts[from_consonant, 1, 0] -= 1
        second = order_test(counts, lower=1, higher=2)
        assert_allclose(second.G2, expected, rtol=0, atol=0.05)
        assert (second.df, second.n) == (2, 19_998)


@pytest.mark.parametrize("start", ["given", "s0"])
@pytest.mark.parametrize(("lower", "higher"), ORDERS)
@pytest.mark.parametrize("case", [c for c in CASES if c.paths is not None], ids=str)
def test_statistics_cell_by_cell(case, lower, higher, start):
    table = Case(case.name, case.paths, case.n_states, order=higher).table
    result = order_test(table, lower=lower, higher=higher, start=start)
    G2, X2, df = order_statistics(table, lower, higher, start == "s0")
    assert_allclose([result.G2, result.X2], [G2, X2], rtol=1e-12, atol=1e-12)
    assert result.df == df
    assert result.G2 >= 0 and result.X2 >= 0
    assert math.isnan(result.p_G2) == math.isnan(result.p_X2) == (df == 0)
    visited = {h for *h, _ in map(tuple, np.argwhere(table).tolist()) for h in [tuple(h)]}
    assert result.rows == len([h for h in visited if start == "s0" or 0 not in h])


@pytest.mark.parametrize(("lower", "higher"), ORDERS)
def test_likelihood_ratio_of_the_two_fits(lower, higher):
    """G2 is twice the difference of the log-likelihoods on the same transitions."""
    table = ORDER_3
    while table.ndim > higher + 1:
        table = lower_order(table)
    small = table
    while small.ndim > lower + 1:
        small = lower_order(small)
    best = [log_likelihood(mle(t), t, order=t.ndim - 1) for t in (table, small)]
    result = order_test(ORDER_3, lower=lower, higher=higher, start="s0")
    assert_allclose(result.G2, 2 * (best[0] - best[1]), rtol=1e-9)
    assert result.n == 1096


def test_statistics_add_up_over_orders():
    """G2(0|2) = G2(0|1) + G2(1|2) on the same transitions, and so do degrees of freedom."""
    parts = [
        order_test(ORDER_2, lower=u, higher=v, start="s0") for u, v in [(0, 1), (1, 2), (0, 2)]
    ]
    assert_allclose(parts[0].G2 + parts[1].G2, parts[2].G2, rtol=1e-12)
    assert parts[0].df + parts[1].df == parts[2].df


def test_degrees_of_freedom_of_full_tables():
    """(K^v - K^u)(K - 1) without s_0."""
    full = np.random.default_rng(1).integers(1, 9, size=(4, 4, 4, 4))
    for lower, higher in ORDERS:
        result = order_test(full, lower=lower, higher=higher)
        assert result.df == (4**higher - 4**lower) * 3


def test_degrees_of_freedom_count_what_was_seen():
    """A state that is never entered takes away its column; one never left, its row."""
    counts = np.array([[5, 3, 0, 2], [2, 7, 0, 1], [4, 1, 0, 3], [0, 0, 0, 0]])
    result = independence_test(counts)
    assert result.df == 2 * 2
    assert (result.rows, result.rows_left_out) == (3, 1)
    assert independence_test(counts[:, [0, 1, 3, 2]][[0, 1, 3, 2]]).df == 4
    assert independence_test(counts[:1].repeat(4, axis=0)).G2 == 0


@pytest.mark.parametrize("counts", [[[3]], [[0, 0], [0, 0]], [[5, 0], [2, 0]], [[5, 2], [0, 0]]])
def test_nothing_to_test(counts):
    result = independence_test(counts, replicates=19, rng=np.random.default_rng(1))
    assert (result.G2, result.X2, result.df) == (0, 0, 0)
    assert math.isnan(result.p_G2) and math.isnan(result.p_X2)
    assert math.isnan(result.p_monte_carlo)


def test_statistic_is_zero_for_proportional_rows():
    result = independence_test([[10, 20, 30], [1, 2, 3], [5, 10, 15]])
    assert result.G2 == result.X2 == 0 and result.p_G2 == 1


def test_relabelling_states_changes_nothing():
    swapped = ORDER_2[np.ix_([0, 3, 1, 2], [0, 3, 1, 2], [2, 0, 1])]
    for lower, higher in [(0, 1), (1, 2), (0, 2)]:
        one, other = (order_test(t, lower=lower, higher=higher) for t in (ORDER_2, swapped))
        same_test(one, other)


def test_direction_matters_from_order_one_on():
    """Exchanging the older and the recent state is another test."""
    turned = ORDER_2[1:, 1:].swapaxes(0, 1)
    result, other = (order_test(t, lower=1, higher=2) for t in (ORDER_2[1:, 1:], turned))
    assert abs(result.G2 - other.G2) > 1


def exact_p(words, data, order, lower, statistic):
    """Share of the words with the same counts of a lower order whose statistic is as large."""
    n_states = 1 + max(max(word) for word in data)
    width = max(lower, 1)

    def key(pieces):
        table = count_by_loop(pieces, lower)
        firsts, lasts = sorted(p[0] for p in pieces), sorted(tuple(p[-width:]) for p in pieces)
        return Counter(table), firsts, lasts

    def value(pieces):
        return statistic(as_table(count_by_loop(pieces, order), n_states, order))

    wanted, limit = key(data), value(data) - 1e-9
    values = [value(pieces) for pieces in words if key(pieces) == wanted]
    return np.mean(np.array(values) >= limit), len(values)


@pytest.mark.parametrize("start", ["given", "s0"])
@pytest.mark.parametrize(("lower", "higher"), [(0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize(
    "data",
    [
        [(1, 0, 0, 2, 1, 0, 1, 1, 2)],
        [(0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1)],
        [(0, 1, 1, 1, 0), (1, 0, 0, 1, 0)],
    ],
    ids=["three states", "two states", "two sequences"],
)
def test_monte_carlo_p_against_all_sequences(data, lower, higher, start):
    n_states, length = 1 + max(map(max, data)), sum(map(len, data))
    words = (
        [[word] for word in all_paths(n_states, length)]
        if len(data) == 1
        else list(words_in_pieces(n_states, length, len(data)))
    )
    exact, number = exact_p(
        words, data, higher, lower, lambda t: order_statistics(t, lower, higher, start == "s0")[0]
    )
    assert number > 3
    table = count_transitions(data, n_states, order=higher)
    result = order_test(
        table,
        lower=lower,
        higher=higher,
        start=start,
        replicates=4000,
        rng=np.random.default_rng(1),
    )
    if result.df == 0:
        assert math.isnan(result.p_monte_carlo)
        return
    error = max(math.sqrt(exact * (1 - exact) / 4000), 1 / 4000)
    assert abs(result.p_monte_carlo - exact) < 4 * error
    assert_allclose(
        result.se_monte_carlo,
        math.sqrt(result.p_monte_carlo * (1 - result.p_monte_carlo) / 4000),
        rtol=1e-12,
    )


def test_replicates_hold_for_any_block_size(monkeypatch):
    whole = order_test(
        ORDER_2, lower=1, higher=2, replicates=40, rng=np.random.default_rng(2)
    ).p_monte_carlo
    monkeypatch.setattr("analytic.hypotheses.hypothesis._BLOCK", 20_000)
    pieces = order_test(ORDER_2, lower=1, higher=2, replicates=40, rng=np.random.default_rng(2))
    assert pieces.replicates == 40
    assert 0 < pieces.p_monte_carlo < 0.2 and 0 < whole < 0.2


def test_second_order_chain_is_caught():
    """The next state repeats the one before the present one in three cases of four."""
    rng = np.random.default_rng(3)
    path = [0, 1]
    for _ in range(120):
        path.append(path[-2] if rng.random() < 0.75 else int(rng.integers(3)))
    table = count_transitions(path, 3, order=2)
    result = order_test(table, lower=1, higher=2, replicates=499, rng=rng)
    assert result.p_G2 < 1e-4 and result.p_monte_carlo == 1 / 500


def test_without_the_ends_next_states_are_dealt():
    """Several sequences without s_0: both totals are held, and the result says so."""
    counts = [[9, 1, 2], [3, 8, 4], [1, 3, 12]]
    result = independence_test(counts, replicates=499, rng=np.random.default_rng(4))
    assert "does not tell" in result.monte_carlo_law
    assert result.p_monte_carlo == 1 / 500


def test_quasi_independence():
    """Counts r_i c_j off the diagonal fit exactly when the diagonal is impossible."""
    off = ~np.eye(4, dtype=bool)
    counts = np.outer([2, 5, 3, 4], [6, 2, 8, 5]) * off
    assert independence_test(counts).G2 > 50
    result = independence_test(counts, support=off)
    assert_allclose([result.G2, result.X2], [0, 0], rtol=0, atol=1e-9)
    assert result.df == 9 - 4
    with pytest.raises(ValueError, match="quasi-independence"):
        independence_test(counts, support=off, replicates=9, rng=np.random.default_rng(1))


def test_support_at_a_higher_order():
    """What is impossible after every older state is no loss; the rest is quasi-independence."""
    support = np.ones((4, 4, 3), dtype=bool)
    support[1:, 1, 2] = False
    table = ORDER_2 * support
    plain = order_test(table, lower=1, higher=2)
    same_test(plain, order_test(table, lower=1, higher=2, support=support))
    assert plain.df == 2 + 4 + 4
    support[1, 2, 0] = False
    fewer = order_test(table * support, lower=1, higher=2, support=support)
    assert fewer.df == plain.df - 1
    with pytest.raises(ValueError, match="support marks impossible"):
        order_test(ORDER_2, lower=1, higher=2, support=support)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lower": 1, "higher": 1}, "lower < higher <= 2"),
        ({"lower": 1, "higher": 3}, "lower < higher <= 2"),
        ({"lower": -1, "higher": 1}, "order must be an integer >= 0"),
        ({"lower": 0, "higher": 1, "start": "s_0"}, "start must be"),
        ({"lower": 0, "higher": 1, "replicates": 99}, "needs both"),
        ({"lower": 0, "higher": 1, "rng": np.random.default_rng(1)}, "needs both"),
        (
            {"lower": 0, "higher": 1, "replicates": 0, "rng": np.random.default_rng(1)},
            ">= 1, got 0",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        order_test(ORDER_2, **arguments)


def test_bad_tables():
    with pytest.raises(ValueError, match='start="s0" needs rows for s_0'):
        independence_test(ORDER_1[1:], start="s0")
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        independence_test(np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"s_0 .index 0. follows a state"):
        order_test(np.ones((4, 4, 3)), lower=1, higher=2)
    with pytest.raises(ValueError, match="whole numbers"):
        independence_test(ORDER_1 / 2, replicates=9, rng=np.random.default_rng(1))
    with pytest.raises(TypeError, match="Generator"):
        independence_test(ORDER_1, replicates=9, rng=1)
    with pytest.raises(ValueError, match="replicates"):
        independence_test(ORDER_1, replicates=9.5, rng=np.random.default_rng(1))
