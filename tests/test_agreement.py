"""A specified matrix: published figures, traps, and the exact distribution of the statistic."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytic import count_table_distribution, count_transitions, specified_test
from oracles import all_paths, as_table, count_by_loop, path_log_probability

# Kullback, S., Kupperman, M. and Ku, H. H. (1962). Tests for contingency tables and Markov chains.
# Technometrics 4, 573-608. The example of verifyEmpiricalToTheoretical in markovchain, too.
KULLBACK = np.array([[51, 11, 8], [12, 31, 9], [6, 11, 10]])
SPECIFIED = np.array([[5 / 8, 1 / 4, 1 / 8], [1 / 4, 1 / 2, 1 / 4], [1 / 4, 3 / 8, 3 / 8]])

A = np.array([[0.5, 0.2, 0.3], [0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.05, 0.15, 0.8]])


def by_hand(counts, matrix):
    """G2, X2 and degrees of freedom, row by row."""
    G2 = X2 = 0.0
    df = 0
    for history in np.ndindex(counts.shape[:-1]):
        n = counts[history].sum()
        if n:
            df += sum(p > 0 for p in matrix[history]) - 1
        for count, p in zip(counts[history], matrix[history], strict=True):
            if n and p:
                G2 += 2 * count * math.log(count / (n * p)) if count else 0
                X2 += (count - n * p) ** 2 / (n * p)
    return G2, X2, df


def test_kullback_kupperman_ku():
    """6.518384 with row totals; with column totals it would be 6.551795."""
    result = specified_test(KULLBACK, SPECIFIED)
    assert_allclose(result.G2, 6.518384, rtol=0, atol=0.5e-6)
    assert (result.df, result.n) == (6, 149)
    columns = KULLBACK.sum(axis=0)[:, None] * SPECIFIED
    assert_allclose(2 * (KULLBACK * np.log(KULLBACK / columns)).sum(), 6.551795, rtol=0, atol=5e-7)


def test_counts_that_follow_the_matrix_exactly():
    """Column totals would find a large difference here."""
    counts = np.rint(np.array([[1000], [200], [400]]) * A[1:]).astype(int)
    result = specified_test(counts, A[1:])
    assert_allclose([result.G2, result.X2], [0, 0], rtol=0, atol=1e-9)
    assert result.p_G2 > 0.999
    columns = counts.sum(axis=0)[:, None] * A[1:]
    assert 2 * (counts * np.log(counts / columns)).sum() > 50


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("start", ["given", "s0"])
def test_statistics_row_by_row(order, start):
    rng = np.random.default_rng(1)
    matrix = rng.dirichlet([1, 2, 3], size=(4,) * order)
    matrix[..., 0], matrix[..., 2] = 0, matrix[..., 2] + matrix[..., 0]
    paths = [rng.integers(1, 3, size=length) for length in (7, 2, 12)]
    table = count_transitions(paths, 3, order=order)
    result = specified_test(table, matrix, start=start)
    kept = (slice(1 if start == "given" else 0, None),) * order
    G2, X2, df = by_hand(table[kept], matrix[kept])
    assert_allclose([result.G2, result.X2], [G2, X2], rtol=1e-12)
    assert (result.df, result.n) == (df, table[kept].sum())
    if start == "given":
        inner = (slice(1, None),) * order
        for counts, probabilities in [(table[inner], matrix), (table, matrix[inner])]:
            assert_allclose(specified_test(counts, probabilities).G2, G2, rtol=1e-12)


def test_impossible_transitions_refute():
    """And structural zeros cost a degree of freedom each, in rows that were left."""
    matrix = [[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]]
    fits = specified_test([[4, 4, 0], [1, 2, 7], [0, 3, 0]], matrix)
    assert fits.G2 == fits.X2 == 0 and fits.df == 1 + 2 + 0
    result = specified_test([[4, 4, 1], [1, 2, 7], [0, 3, 0]], matrix)
    assert (result.G2, result.X2, result.p_G2, result.p_X2) == (math.inf, math.inf, 0, 0)
    assert specified_test([[4, 4, 0], [0, 0, 0], [0, 0, 0]], matrix).df == 1


def test_nothing_to_test():
    result = specified_test([[0, 3], [3, 0]], [[0, 1], [1, 0]])
    assert (result.G2, result.df) == (0, 0) and math.isnan(result.p_G2)


def exact_p(values, probabilities, observed):
    return probabilities[np.array(values) >= observed - 1e-9].sum()


def check_monte_carlo(result, exact):
    assert 0.02 < exact < 0.98
    assert abs(result.p_monte_carlo - exact) < 4 * math.sqrt(exact * (1 - exact) / 4000)


@pytest.mark.parametrize("form", ["with s_0", "without", "s_0 tested"])
def test_monte_carlo_p_of_one_sequence(form):
    """Against the distribution of all tables that a path of this length can have."""
    path = [2, 0, 1, 1, 0, 2, 2, 2, 1]
    table = count_transitions(path, 3)
    first = A.copy()
    drop = 0 if form == "s_0 tested" else 1
    if drop:
        first[0] = [0, 0, 1]
    tables, probabilities = count_table_distribution(first, len(path))
    values = [by_hand(t[drop:], A[drop:])[0] for t in tables]
    exact = exact_p(values, probabilities, by_hand(table[drop:], A[drop:])[0])
    result = specified_test(
        table[1:] if form == "without" else table,
        A,
        start="s0" if form == "s_0 tested" else "given",
        replicates=4000,
        rng=np.random.default_rng(1),
    )
    check_monte_carlo(result, exact)


def test_monte_carlo_p_at_order_two():
    matrix = np.random.default_rng(2).dirichlet([1, 1], size=(3, 3))
    path = (1, 0, 1, 1, 0, 0, 0, 1, 0, 1)
    words = [(*path[:2], *rest) for rest in all_paths(2, len(path) - 2)]
    tables = [as_table(count_by_loop([word], 2), 2, 2) for word in words]
    logs = [path_log_probability(matrix, word) for word in words]
    probabilities = np.exp(np.array(logs) - path_log_probability(matrix, path[:2]))
    assert_allclose(probabilities.sum(), 1, rtol=1e-12)
    values = [by_hand(t[1:, 1:], matrix[1:, 1:])[0] for t in tables]
    table = count_transitions(path, 2, order=2)
    exact = exact_p(values, probabilities, by_hand(table[1:, 1:], matrix[1:, 1:])[0])
    rng = np.random.default_rng(3)
    check_monte_carlo(specified_test(table, matrix, replicates=4000, rng=rng), exact)


def test_monte_carlo_p_of_sequences_of_one_length():
    """Two sequences with four transitions each, which is how the total is shared out."""
    matrix = A[[0, 1, 2], :2] / A[[0, 1, 2], :2].sum(axis=1, keepdims=True)
    paths = [(0, 1, 1, 0, 0), (1, 1, 0, 0, 0)]
    table = count_transitions(paths, 2)
    values, probabilities = [], []
    for rest in itertools.product(all_paths(2, 4), repeat=2):
        words = [(path[0], *tail) for path, tail in zip(paths, rest, strict=True)]
        counts = as_table(count_by_loop(words), 2)
        values.append(by_hand(counts[1:], matrix[1:])[0])
        probabilities.append(np.prod(matrix[1:] ** counts[1:]))
    exact = exact_p(values, np.array(probabilities), by_hand(table[1:], matrix[1:])[0])
    result = specified_test(table, matrix, replicates=4000, rng=np.random.default_rng(4))
    check_monte_carlo(result, exact)
    assert "2 sequences" in result.monte_carlo_law


def test_monte_carlo_p_of_a_circle():
    """Nothing tells where it began; the p is close to the asymptotic one for many counts."""
    counts = np.array([[60, 25, 15], [30, 30, 20], [10, 25, 85]])
    assert (counts.sum(axis=0) == counts.sum(axis=1)).all()
    matrix = [[0.62, 0.24, 0.14], [0.42, 0.33, 0.25], [0.11, 0.2, 0.69]]
    result = specified_test(counts, matrix, replicates=2000, rng=np.random.default_rng(5))
    assert "random first state" in result.monte_carlo_law
    assert abs(result.p_monte_carlo - result.p_G2) < 0.05


def test_another_matrix_is_caught():
    rng = np.random.default_rng(6)
    path = [0]
    for _ in range(120):
        path.append(int(rng.choice(3, p=A[1 + path[-1]])))
    wrong = A[[0, 2, 1, 3]]
    result = specified_test(count_transitions(path, 3), wrong, replicates=199, rng=rng)
    assert result.p_G2 < 1e-4 and result.p_monte_carlo == 1 / 200
    assert specified_test(count_transitions(path, 3), A).p_G2 > 0.01


def test_bad_matrices():
    with pytest.raises(ValueError, match=r"A has shape \(2, 2\), expected \(4, 3\), or \(3, 3\)"):
        specified_test(KULLBACK, [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"row \(1,\) of A sums to 0.9"):
        specified_test(KULLBACK, [[0.5, 0.5, 0], [0.5, 0.4, 0], [0, 0, 1]])
    undefined = np.vstack([SPECIFIED[:2], [[np.nan] * 3]])
    with pytest.raises(ValueError, match=r"row \(2,\) of A is undefined"):
        specified_test(KULLBACK, undefined)
    with pytest.raises(ValueError, match="needs rows for s_0 in A too"):
        specified_test(np.vstack([[[1, 0, 0]], KULLBACK]), SPECIFIED, start="s0")


def test_undefined_rows_matter_where_they_are_reached():
    counts = [[2, 1, 0], [2, 3, 0], [0, 0, 0]]
    away = [[0.5, 0.5, 0], [0.2, 0.8, 0], [np.nan] * 3]
    rng = np.random.default_rng(7)
    assert 0 < specified_test(counts, away, replicates=99, rng=rng).p_monte_carlo <= 1
    toward = [[0.5, 0.4, 0.1], [0.2, 0.8, 0], [np.nan] * 3]
    assert specified_test(counts, toward).df == 3
    with pytest.raises(ValueError, match=r"row \(2,\) of A is undefined"):
        specified_test(counts, toward, replicates=99, rng=rng)
