"""Detailed balance: direct maximisation, limits, and all sequences of a small case."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from alofi import ORDER_1
from analytic import count_transitions, reversibility_test, reversible
from analytic.hypotheses.rearrangement import layout, rearranged, reverse
from oracles import all_paths, as_table, count_by_loop

ROUND = np.array([[10, 25, 12], [9, 12, 26], [27, 11, 10]])


def best_reversible(counts):
    """Largest log-likelihood over symmetric x, A = x / row sums, by a general optimiser."""
    n = len(counts)
    upper = np.triu_indices(n)

    def loss(theta):
        x = np.zeros((n, n))
        x[upper] = np.exp(theta)
        x = np.maximum(x, x.T)
        A = x / x.sum(axis=1, keepdims=True)
        return -(counts * np.log(A)).sum()

    start = np.log(counts + counts.T + 1)[upper]
    return -minimize(loss, start, method="BFGS", options={"gtol": 1e-8}).fun


def best_free(counts):
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return (counts[counts > 0] * np.log(shares[counts > 0])).sum()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_statistic_is_the_likelihood_ratio(seed):
    counts = ROUND if seed is None else np.random.default_rng(seed).integers(1, 30, size=(4, 4))
    result = reversibility_test(counts)
    expected = 2 * (best_free(counts) - best_reversible(counts))
    assert_allclose(result.G2, expected, rtol=1e-5, atol=1e-6)
    fitted = reversible(counts) * counts.sum(axis=1, keepdims=True)
    assert_allclose(result.X2, ((counts - fitted) ** 2 / fitted).sum(), rtol=1e-10)
    assert result.df == (len(counts) - 1) * (len(counts) - 2) // 2


def test_alofi():
    """Rain runs backwards as well as forwards, within the error of three years."""
    result = reversibility_test(ORDER_1)
    expected = 2 * (best_free(ORDER_1[1:]) - best_reversible(ORDER_1[1:]))
    assert_allclose(result.G2, expected, rtol=1e-4)
    assert (result.df, result.n, result.n_left_out) == (1, 1095, 1)
    assert repr(reversibility_test(ORDER_1[1:])) != repr(result)
    assert reversibility_test(ORDER_1[1:]).G2 == result.G2


def test_symmetric_counts_fit_exactly():
    symmetric = np.array([[4, 7, 1], [7, 0, 3], [1, 3, 9]])
    result = reversibility_test(symmetric)
    assert_allclose([result.G2, result.X2], [0, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("counts", [[[3]], [[3, 5], [5, 9]], [[3, 5], [4, 0]], [[3, 1], [0, 0]]])
def test_two_states_are_always_reversible(counts):
    result = reversibility_test(counts, replicates=19, rng=np.random.default_rng(1))
    assert (result.G2 < 1e-12, result.df) == (True, 0)
    assert math.isnan(result.p_G2) and math.isnan(result.p_monte_carlo)


def test_degrees_of_freedom_are_cycles_that_were_seen():
    """A line has none, a ring of any length has one, and every further pair adds one."""
    line = np.array([[0, 3, 0, 0], [2, 0, 4, 0], [0, 4, 1, 2], [0, 0, 2, 0]])
    assert reversibility_test(line).df == 0
    ring = line.copy()
    ring[3, 0] = 1
    assert reversibility_test(ring).df == 1
    ring[0, 2] = 5
    assert reversibility_test(ring).df == 2


def test_classes_that_are_left_for_good():
    """Steps out of a class add nothing in the limit; each class is tested by itself."""
    counts = np.zeros((6, 6), dtype=int)
    counts[:3, :3] = ROUND
    counts[2, 3] = 1
    counts[3:, 3:] = ROUND.T[[1, 2, 0]][:, [1, 2, 0]] * 2
    result = reversibility_test(counts)
    alone = [reversibility_test(c) for c in (ROUND, counts[3:, 3:])]
    assert_allclose(result.G2, alone[0].G2 + alone[1].G2, rtol=1e-10)
    assert result.df == 2
    nearly = counts.astype(float)
    nearly[3, 2] = 1e-7
    assert_allclose(reversibility_test(nearly).G2, result.G2, rtol=1e-4)
    assert reversibility_test(nearly).df == 2


def exact_p(data, fitted, n_states):
    """Share of the words with the same n_ij + n_ji and the same ends whose G2 is as large."""

    def both_ways(word):
        counts = as_table(count_by_loop([word]), n_states)[1:]
        return counts + counts.T

    def G2(word):
        counts = as_table(count_by_loop([word]), n_states)[1:]
        return 2 * sum(
            n * math.log(n / e) for n, e in zip(counts.ravel(), fitted.ravel(), strict=True) if n
        )

    same = [
        word
        for word in all_paths(n_states, len(data))
        if word[0] == data[0]
        and word[-1] == data[-1]
        and sorted(word) == sorted(data)
        and (both_ways(word) == both_ways(data)).all()
    ]
    values = np.array([G2(word) for word in same])
    return np.mean(values >= G2(data) - 1e-9), len(same)


def test_monte_carlo_p_against_all_sequences():
    path = (0, 1, 2, 0, 1, 1, 2, 0, 2, 1)
    table = count_transitions(path, 3)
    fitted = reversible(table[1:]) * table[1:].sum(axis=1, keepdims=True)
    exact, number = exact_p(path, fitted, 3)
    assert number > 20 and 0.1 < exact < 0.9
    found = [
        reversibility_test(table, replicates=500, rng=np.random.default_rng(seed)).p_monte_carlo
        for seed in range(8)
    ]
    error = max(np.std(found, ddof=1), math.sqrt(exact * (1 - exact) / 500)) / math.sqrt(8)
    assert abs(np.mean(found) - exact) < 4 * error + 1 / 501


def test_moves_keep_what_they_should():
    rng = np.random.default_rng(2)
    path = rng.integers(3, size=40)
    before = as_table(count_by_loop([path]), 3)[1:]
    row = np.concatenate([[0], path + 1])
    states = rearranged(row, layout(np.array([40]), 1), reverse, 300, rng, 50)
    changed = 0
    for drawn in states:
        after = as_table(count_by_loop([drawn[1:] - 1]), 3)[1:]
        assert_array_equal(after + after.T, before + before.T)
        assert_array_equal(after.sum(axis=1), before.sum(axis=1))
        assert (drawn[1], drawn[-1]) == (row[1], row[-1])
        changed += (after != before).any()
    assert changed > 20


def test_going_round_is_caught():
    rng = np.random.default_rng(3)
    A = np.array([[0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.55, 0.15, 0.3]])
    path = [0]
    for _ in range(150):
        path.append(int(rng.choice(3, p=A[path[-1]])))
    result = reversibility_test(count_transitions(path, 3), replicates=199, rng=rng)
    assert result.p_G2 < 1e-4 and result.p_monte_carlo == 1 / 200


def test_several_sequences():
    """They exchange stretches too; short ones could hardly be turned round by themselves."""
    rng = np.random.default_rng(4)
    A = np.array([[0.1, 0.8, 0.1], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    paths = []
    for _ in range(30):
        path = [int(rng.integers(3))]
        for _ in range(6):
            path.append(int(rng.choice(3, p=A[path[-1]])))
        paths.append(path)
    result = reversibility_test(count_transitions(paths, 3), replicates=199, rng=rng)
    assert "30 sequences" in result.monte_carlo_law
    assert result.p_monte_carlo == 1 / 200
    pooled = reversibility_test(count_transitions(paths, 3)[1:], replicates=199, rng=rng)
    assert pooled.p_monte_carlo == 1 / 200


def test_bad_tables():
    with pytest.raises(ValueError, match="one table of order 1"):
        reversibility_test(np.ones((3, 3, 3)))
    with pytest.raises(ValueError, match="fall apart"):
        counts = np.kron(np.eye(2, dtype=int), [[0, 5, 2], [2, 0, 5], [5, 2, 0]])
        reversibility_test(counts, replicates=9, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="whole numbers"):
        reversibility_test(ROUND / 2, replicates=9, rng=np.random.default_rng(1))
