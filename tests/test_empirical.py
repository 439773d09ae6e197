"""Empirical Bayes: the parameters with the highest evidence, against slow searches."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize
from scipy.special import digamma

from analytic import (
    empirical_alpha,
    empirical_alpha_vector,
    empirical_bayes,
    empirical_bayes_vector,
    log_evidence,
    mle,
    posterior_mean,
)
from count_tables import RAIN, TABLES


def slope(table, alpha):
    """Derivative of the log evidence with respect to each parameter, common to the rows."""
    table = np.asarray(table, dtype=float)
    rows, total = table.sum(axis=1), np.sum(alpha)
    down = (digamma(total + rows) - digamma(total)).sum()
    return (digamma(alpha + table) - digamma(alpha)).sum(axis=0) - down


def best_symmetric(table):
    """Highest of all local maxima on a fine grid, each refined as a zero of the slope."""
    n_states = len(table[0])
    grid = np.linspace(-14, 14, 1500)
    values = np.array([log_evidence(table, np.exp(x)) for x in grid])
    peaks = [k for k in range(1, len(grid) - 1) if values[k - 1] < values[k] >= values[k + 1]]
    found = [
        math.exp(
            brentq(
                lambda x: slope(table, np.full(n_states, math.exp(x))).sum(),
                grid[k - 1],
                grid[k + 1],
                xtol=1e-14,
            )
        )
        for k in peaks
    ]
    best = max(found, key=lambda a: log_evidence(table, a))
    return best, max(log_evidence(table, best), values.max())


FINITE = [TABLES[k] for k in (0, 1, 2, 3, 4, 5, 6)] + [
    [[500000, 520000], [5, 0], [4, 0]],
    [[60, 40], [30, 70]],
    [[56, 44], [0, 0]],
]


@pytest.mark.parametrize("table", FINITE)
def test_symmetric_alpha_has_the_highest_evidence(table):
    a = empirical_alpha(table)
    expected, evidence = best_symmetric(table)
    assert_allclose(a, expected, rtol=1e-6)
    rounding = 1e-9 + 1e-14 * abs(evidence)  # of sums as large as these
    assert log_evidence(table, a) >= evidence - rounding
    assert_allclose(empirical_bayes(table), posterior_mean(table, a), rtol=1e-14)


@pytest.mark.parametrize("table", TABLES)
def test_evidence_is_level_at_both_maxima(table):
    n_states = len(table[0])
    a = empirical_alpha(table)
    assert_allclose(slope(table, np.full(n_states, a)).sum() * a, 0, atol=1e-10 * np.sum(table))
    alpha = empirical_alpha_vector(table)
    if np.isfinite(alpha).all() and alpha.all():
        assert_allclose(slope(table, alpha) * alpha, 0, atol=1e-10 * np.sum(table))


def test_the_higher_of_two_maxima_is_found():
    table = [[500000, 520000], [5, 0], [4, 0]]
    low, between, high = 0.33, 11.3, empirical_alpha(table)
    assert log_evidence(table, between) < log_evidence(table, low) < log_evidence(table, high)
    assert_allclose(high, 1287.598, rtol=1e-6)
    lower = [[500000, 501500], [5, 0], [4, 0]]
    assert log_evidence(lower, 0.33) < log_evidence(lower, 1e7)
    assert empirical_alpha(lower) > 1000


AT_INFINITY = [
    [[0, 1], [5, 5], [4, 6]],
    [[2, 0], [1, 1]],  # the first term of the derivative vanishes here
    [[500, 520], [3, 0], [0, 3]],  # with a lower maximum at 0.72
    [[1, 0, 0], [3, 3, 3], [2, 3, 4], [3, 4, 3]],
    [[2.5, 2.5], [1.25, 1.5]],
]


@pytest.mark.parametrize("table", AT_INFINITY)
def test_symmetric_maximum_at_infinity_is_recognised(table):
    assert empirical_alpha(table) == np.inf
    n_states = len(table[0])
    limit = -np.sum(table) * np.log(n_states)
    for x in np.linspace(-12, 12, 800):
        assert log_evidence(table, np.exp(x)) < limit + 1e-9
    assert_array_equal(empirical_bayes(table), np.full(np.shape(table), 1 / n_states))


def test_the_sign_of_the_derivative_decides_next_to_infinity():
    # sum n_ij (n_ij - 1) against sum n_i (n_i - 1) / K, one transition apart
    assert empirical_alpha([[54, 45], [0, 0]]) == np.inf
    assert empirical_alpha([[56, 44], [0, 0]]) < np.inf
    chi2 = [np.sum((np.array(row) - 50) ** 2 / 50) for row in ([55, 45], [56, 44])]
    assert chi2[0] == 1 < chi2[1]  # one row: finite exactly where chi-squared exceeds K - 1
    assert empirical_alpha([[55, 45]]) == np.inf
    rng = np.random.default_rng(3)
    for row in rng.multinomial(12, [0.3, 0.4, 0.3], size=300):
        excess = Fraction(3 * int((row**2).sum()), 12) - 12 - 2
        if excess != 0:
            assert np.isfinite(empirical_alpha(row[None])) == (excess > 0)


def test_symmetric_evidence_that_only_falls_or_is_level():
    certain = [[1, 0], [5, 0], [0, 0], [0, 3]]
    assert empirical_alpha(certain) == 0
    assert_array_equal(empirical_bayes(certain), [[1, 0], [1, 0], [0.5, 0.5], [0, 1]])
    assert log_evidence(certain, 1e-9) > log_evidence(certain, 0.01) > log_evidence(certain, 1)
    for level in ([[1, 0], [0, 1], [0, 0]], np.zeros((3, 2))):
        assert_allclose(log_evidence(level, 0.1), log_evidence(level, 7.0), rtol=1e-14)
        for alpha in (empirical_alpha(level), empirical_alpha_vector(level)):
            assert np.isnan(alpha).all()
        assert np.isnan(empirical_bayes(level)).all()
        assert np.isnan(empirical_bayes_vector(level)).all()


def test_one_state_is_certain():
    for table in ([[1], [5]], [[0], [0]]):
        assert_array_equal(empirical_bayes(table), [[1], [1]])
        assert_array_equal(empirical_bayes_vector(table), [[1], [1]])
    assert np.isnan(empirical_alpha([[1], [5]]))


def best_vector(table):
    """Highest evidence over the vector of parameters, from several starts."""
    table = np.asarray(table, dtype=float)
    share = table.sum(axis=0) / table.sum()
    runs = [
        minimize(
            lambda x: -log_evidence(table, np.exp(x)),
            np.log(s * share),
            jac=lambda x: -slope(table, np.exp(x)) * np.exp(x),
            method="L-BFGS-B",
            bounds=[(-20, 14)] * len(share),  # beyond, the height itself is lost to rounding
            options={"gtol": 1e-9, "ftol": 1e-16},
        )
        for s in (0.3, 3.0, 30.0, 300.0)
    ]
    best = min(runs, key=lambda result: result.fun)
    return np.exp(best.x), -best.fun


@pytest.mark.parametrize("table", [t for k, t in enumerate(TABLES) if k != 4])
def test_vector_alpha_has_the_highest_evidence(table):
    alpha = empirical_alpha_vector(table)
    expected, evidence = best_vector(table)
    assert_allclose(alpha, expected, rtol=1e-5)
    assert log_evidence(table, alpha) >= evidence - 1e-9
    assert_allclose(empirical_bayes_vector(table), posterior_mean(table, alpha), rtol=1e-14)


def test_vector_alpha_of_random_tables_is_not_beaten():
    rng = np.random.default_rng(5)
    A = rng.dirichlet([0.5, 1.5, 1.0], size=(8, 4))
    tables = rng.poisson(A * rng.choice([3, 30, 300], size=(8, 4, 1))) + np.eye(4, 3, dtype=int)
    for table, alpha in zip(tables, empirical_alpha_vector(tables), strict=True):
        if np.isfinite(alpha).all():
            assert log_evidence(table, alpha) >= best_vector(table)[1] - 1e-8
        else:
            pooled = table.sum(axis=0) / table.sum()
            limit = (table * np.log(pooled)).sum()
            assert best_vector(table)[1] <= limit + 1e-6


def test_a_finite_maximum_is_found_where_infinity_is_a_lower_one():
    table = [[1, 0, 3], [40, 224, 39], [2, 1, 1], [1, 1, 0]]
    counts = np.array(table)
    limit = (counts * np.log(counts.sum(axis=0) / counts.sum())).sum()
    alpha = empirical_alpha_vector(table)
    assert_allclose(alpha, best_vector(table)[0], rtol=1e-5)
    assert log_evidence(table, alpha) > limit + 0.003


@pytest.mark.parametrize(
    "table",
    [
        [[52, 238], [3, 0], [408, 2653]],
        [[92, 216], [4, 0], [708, 2302]],
        [[99, 231], [4, 0], [64, 228]],
        [[0, 0, 1], [10, 10, 8], [8, 5, 12], [66, 55, 176]],
        [[0, 4, 2969], [2, 0, 2985], [0, 1, 2], [0, 0, 278]],
        [[2, 1, 0, 0], [3, 0, 0, 5], [2, 0, 0, 0], [48, 21, 194, 47], [35, 28, 167, 82]],
    ],
    ids=str,
)
def test_short_rows_that_differ_and_long_ones_that_do_not(table):
    """Tables with several maxima, of which one climb or the other finds a lower one."""
    counts = np.array(table)
    pooled = counts.sum(axis=0) / counts.sum()
    limit = (counts * np.log(np.where(pooled > 0, pooled, 1))).sum()
    alpha = empirical_alpha_vector(table)
    height = log_evidence(table, alpha) if np.isfinite(alpha).all() else limit
    assert height >= max(best_vector(table)[1], limit) - 1e-7


@pytest.mark.parametrize("total, finite", [(39998, True), (40002, False)])
def test_the_sign_of_the_derivative_decides_far_out(total, finite):
    """Counts total/2 + 100 and - 100: the first term is 1 or -1 for a row, 4 or -4 for two.

    With the second term d the maximum is near d / 3, at 4e8.
    """
    row = np.array([total // 2 + 100, total // 2 - 100])
    two = np.stack([row, row[::-1]])
    if finite:
        n = [int(c) for c in row]
        cubes = Fraction(sum(c * (c - 1) * (2 * c - 1) for c in n))
        cubes -= Fraction(total * (total - 1) * (2 * total - 1), 4)
        assert_allclose(empirical_alpha(row[None]), float(cubes / 3), rtol=1e-3)
        alpha = empirical_alpha_vector(two)
        assert_allclose(alpha, [float(cubes / 3)] * 2, rtol=1e-3)
        assert_allclose(empirical_bayes_vector(two), 0.5, atol=1e-6)
    else:
        assert empirical_alpha(row[None]) == np.inf
        assert_array_equal(empirical_alpha_vector(two), [np.inf, np.inf])


@pytest.mark.parametrize("table", [TABLES[0], TABLES[1], TABLES[6]])
def test_minkas_fixed_point_leads_to_the_same_alpha(table):
    counts = np.asarray(table, dtype=float)
    alpha = np.ones(counts.shape[1])
    for _ in range(20000):
        up = (digamma(alpha + counts) - digamma(alpha)).sum(axis=0)
        total = alpha.sum()
        alpha = alpha * up / (digamma(total + counts.sum(axis=1)) - digamma(total)).sum()
    assert_allclose(empirical_alpha_vector(table), alpha, rtol=1e-8)


def test_families_of_saxony():
    """Boys among 12 children, 6115 families: a beta-binomial fit.

    Data and fit (34.09558, 31.5715, AIC 24989.74) as printed in Wikipedia, "Beta-binomial
    distribution", after Sokal and Rohlf. The printed parameters are not quite the maximum: the
    slope there is not zero, and the evidence is lower by 1.5e-6.
    """
    families = [3, 24, 104, 286, 670, 1033, 1343, 1112, 829, 478, 181, 45, 7]
    boys = np.repeat(np.arange(13), families)
    table = np.stack([boys, 12 - boys], axis=-1)
    alpha, printed = empirical_alpha_vector(table), np.array([34.09558, 31.5715])
    assert_allclose(alpha, printed, rtol=3e-4)
    assert log_evidence(table, alpha) > log_evidence(table, printed)
    assert np.abs(slope(table, alpha)).max() < 1e-2 * np.abs(slope(table, printed)).max()
    ways = sum(f * math.log(math.comb(12, k)) for k, f in enumerate(families))
    assert_allclose(4 - 2 * (log_evidence(table, alpha) + ways), 24989.74, atol=0.005)


def test_vector_maximum_at_infinity_is_the_pooled_row():
    for table in ([[2, 4], [3, 6], [1, 2]], [[0, 1, 0], [7, 2, 0], [8, 3, 0], [6, 2, 0]]):
        counts = np.array(table)
        pooled = counts.sum(axis=0) / counts.sum()
        assert_array_equal(empirical_alpha_vector(table), np.where(pooled > 0, np.inf, 0))
        assert_array_equal(empirical_bayes_vector(table), np.tile(pooled, (len(table), 1)))
        limit = (counts[counts > 0] * np.log(np.tile(pooled, (len(table), 1))[counts > 0])).sum()
        for s in np.geomspace(1e-3, 1e6, 200):
            assert log_evidence(counts, np.maximum(s * pooled, 1e-200)) < limit + 1e-9


def test_a_state_never_entered_is_left_out():
    table = np.array(TABLES[1])
    wider = np.insert(table, 1, 0, axis=1)
    assert_allclose(
        empirical_alpha_vector(wider), np.insert(empirical_alpha_vector(table), 1, 0), rtol=1e-12
    )
    assert_array_equal(empirical_bayes_vector(wider)[:, 1], 0)
    only = [[0, 1], [0, 4], [0, 0]]
    assert_array_equal(empirical_bayes_vector(only), [[0, 1]] * 3)


def test_vector_where_every_row_is_certain():
    table = [[1, 0, 0], [5, 0, 0], [0, 0, 0], [0, 2, 0]]
    assert_array_equal(empirical_alpha_vector(table), [0, 0, 0])
    expected = [[1, 0, 0], [1, 0, 0], [2 / 3, 1 / 3, 0], [0, 1, 0]]
    assert_allclose(empirical_bayes_vector(table), expected, rtol=1e-15)
    near = posterior_mean(table, np.array([2e-9, 1e-9, 1e-30]))
    assert_allclose(near, expected, atol=1e-8)


def test_a_higher_order_table_shares_its_alpha():
    rng = np.random.default_rng(8)
    tables = rng.poisson(rng.gamma(0.5, size=(5, 3, 3, 2)) * 6)
    rows = tables.reshape(5, 9, 2)
    assert_allclose(empirical_alpha(tables, order=2), empirical_alpha(rows), rtol=1e-14)
    assert empirical_alpha_vector(tables, order=2).shape == (5, 2)
    for estimator in (empirical_bayes, empirical_bayes_vector):
        assert_allclose(estimator(tables, order=2).reshape(5, 9, 2), estimator(rows), rtol=1e-14)
    assert empirical_alpha(tables).shape == (5, 3)
    assert empirical_alpha(tables[0, 0]).shape == ()


def test_alpha_of_very_large_and_very_small_counts():
    large = np.array(RAIN, dtype=float) * 1e6
    alpha = empirical_alpha_vector(large)
    assert_allclose(slope(large, alpha) * alpha / np.sum(large), 0, atol=1e-12)
    assert_allclose(empirical_bayes_vector(large)[1:], mle(large)[1:], atol=1e-7)
    small = [[1e-9, 0.0], [2.0, 1e-7], [1e-8, 3.0]]
    a = empirical_alpha(small)
    assert_allclose(a, best_symmetric(small)[0], rtol=1e-3)
