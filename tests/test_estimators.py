"""Estimators that use a whole table, shrink or discount, against slow oracles."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize
from scipy.special import digamma

from analytic import (
    ESTIMATORS,
    absolute_discounting,
    empirical_alpha,
    empirical_alpha_vector,
    empirical_bayes,
    empirical_bayes_vector,
    log_evidence,
    minimax,
    mle,
    posterior_mean,
    reversible,
    shrinkage,
    stationary,
)

RAIN = [[1, 0, 0], [362, 126, 60], [136, 90, 68], [50, 79, 124]]
"""Alofi rainfall of Avery and Henderson (1999), first day dry added as s_0's row."""

TABLES = [
    RAIN,
    [[0, 1], [8, 2], [1, 9]],
    [[0, 1], [5, 0], [2, 7]],
    [[2.5, 0.25], [0.0, 3.75], [7.5, 1.125]],
    [[0, 0, 0], [4, 0, 1], [0, 0, 9], [1, 2, 0]],
    [[1, 0, 0], [0, 3, 1], [2, 0, 0], [0, 6, 1]],
    [[3, 1, 0, 0, 1], [0, 9, 2, 0, 1], [5, 0, 0, 0, 0], [0, 2, 1, 30, 4], [7, 7, 1, 2, 2]],
]

ONE_TABLE = ("empirical_bayes", "empirical_bayes_vector", "absolute_discounting", "reversible")


def total_rows(A):
    return np.asarray(A).sum(axis=-1)


def test_registry_holds_every_estimator_in_order():
    assert list(ESTIMATORS) == [
        "mle",
        "laplace",
        "jeffreys",
        "perks",
        "minimax",
        "empirical_bayes",
        "empirical_bayes_vector",
        "shrinkage",
        "absolute_discounting",
        "reversible",
    ]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("n_states", [1, 2, 3, 5])
def test_batch_equals_loop(name, n_states):
    rng = np.random.default_rng(11)
    rate = rng.gamma(0.6, size=(4, 6, n_states + 1, n_states)) * 5
    tables = rng.poisson(rate)
    tables[0, 0] = 0
    for batch in (tables, tables * 0.75, tables[:, :, 1:]):
        A = ESTIMATORS[name](batch)
        assert A.shape == batch.shape
        for index in np.ndindex(4, 6):
            assert_allclose(A[index], ESTIMATORS[name](batch[index]), rtol=1e-9, atol=1e-15)
        sums = total_rows(A)
        assert_allclose(sums[~np.isnan(sums)], 1, rtol=1e-12)
        assert np.nanmin(A) >= 0
        assert ESTIMATORS[name](batch[:0]).shape == batch[:0].shape


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("table", TABLES[:3] + TABLES[4:])
def test_relabelling_the_states_relabels_the_estimate(name, table):
    counts = np.asarray(table)
    n_states = counts.shape[1]
    order = np.roll(np.arange(n_states), 1)
    rows = order if len(counts) == n_states else np.concatenate([[0], 1 + order])
    moved = ESTIMATORS[name](counts[np.ix_(rows, order)])
    assert_allclose(moved, ESTIMATORS[name](counts)[np.ix_(rows, order)], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_bad_counts_are_refused_by_name(name):
    with pytest.raises(ValueError, match="counts must not be negative"):
        ESTIMATORS[name]([[1, -1], [2, 3], [4, 5]])
    with pytest.raises(TypeError, match="counts must hold integers or floats"):
        ESTIMATORS[name]([["a", "b"], ["c", "d"], ["e", "f"]])


@pytest.mark.parametrize("name", ONE_TABLE)
def test_a_single_row_is_no_table(name):
    with pytest.raises(ValueError, match="counts"):
        ESTIMATORS[name]([3, 1])


# Row by row


@pytest.mark.parametrize("table", TABLES)
def test_minimax_by_loop(table):
    for row, estimate in zip(table, minimax(table), strict=True):
        n, k = sum(row), len(row)
        if n == 0:
            assert np.isnan(estimate).all()
            continue
        for count, found in zip(row, estimate, strict=True):
            assert_allclose(found, (count + math.sqrt(n) / k) / (n + math.sqrt(n)), rtol=1e-14)


@pytest.mark.parametrize("p", [(0.2, 0.5, 0.3), (0.05, 0.9, 0.05), (1.0, 0.0, 0.0)])
def test_minimax_risk_is_the_same_for_every_row(p):
    n, k = 7, 3
    risk = 0.0
    for row in itertools.product(range(n + 1), repeat=k):
        if sum(row) == n:
            ways = math.factorial(n) / math.prod(math.factorial(c) for c in row)
            weight = ways * math.prod(q**c for q, c in zip(p, row, strict=True))
            risk += weight * ((minimax(row) - p) ** 2).sum()
    assert_allclose(risk, (1 - 1 / k) / (math.sqrt(n) + 1) ** 2, rtol=1e-13)


def shrinkage_by_fractions(row):
    """Hausser and Strimmer's equations 4 and 5 with target 1/K, in exact arithmetic."""
    counts = [Fraction(c) for c in row]
    n, target = sum(counts), Fraction(1, len(row))
    ratio = [c / n for c in counts]
    misfit = (n - 1) * sum((target - p) ** 2 for p in ratio)
    intensity = (1 - sum(p**2 for p in ratio)) / misfit if n != 1 and misfit else Fraction(1)
    intensity = min(max(intensity, Fraction(0)), Fraction(1)) if n > 1 else Fraction(1)
    return [float(intensity * target + (1 - intensity) * p) for p in ratio]


@pytest.mark.parametrize("table", TABLES)
def test_shrinkage_by_loop(table):
    for row, estimate in zip(table, shrinkage(table), strict=True):
        if sum(row) == 0:
            assert np.isnan(estimate).all()
        else:
            assert_allclose(estimate, shrinkage_by_fractions(row), rtol=1e-13)
            assert_allclose(shrinkage(row), estimate, rtol=0, atol=0)


def test_shrinkage_at_its_edges():
    assert_allclose(shrinkage([0, 1, 0]), [1 / 3] * 3, rtol=1e-15)
    assert_allclose(shrinkage([0, 0.5, 0.25]), [1 / 3] * 3, rtol=1e-15)
    assert_allclose(shrinkage([4, 4]), [0.5, 0.5], rtol=1e-15)
    assert_array_equal(shrinkage([0, 2, 0]), [0, 1, 0])
    assert_array_equal(shrinkage([[3], [1]]), [[1], [1]])
    assert np.isnan(shrinkage([0, 0])).all()


def discount_by_loop(table):
    """Absolute discounting, one cell after the other."""
    cells = [c for row in table for c in row]
    ones, twos = cells.count(1), cells.count(2)
    d = ones / (ones + 2 * max(twos, 1))
    estimate = []
    for row in table:
        n, unseen = sum(row), sum(c == 0 for c in row)
        if n == 0:
            estimate.append([math.nan] * len(row))
        elif unseen == 0:
            estimate.append([c / n for c in row])
        else:
            freed = sum(min(c, d) for c in row)
            estimate.append([(max(c - d, 0) if c else freed / unseen) / n for c in row])
    return estimate


@pytest.mark.parametrize("table", TABLES)
def test_absolute_discounting_by_loop(table):
    assert_allclose(absolute_discounting(table), discount_by_loop(table), rtol=1e-13, atol=0)


def test_absolute_discounting_at_its_edges():
    no_singletons = [[0, 2], [5, 0], [2, 7]]
    assert_array_equal(absolute_discounting(no_singletons), mle(no_singletons))
    all_seen = [[1, 2], [1, 5], [3, 1]]
    assert_array_equal(absolute_discounting(all_seen), mle(all_seen))
    no_doubletons = absolute_discounting([[0, 1], [0, 1], [6, 0]])
    assert_allclose(no_doubletons, [[0.5, 0.5], [0.5, 0.5], [5.5 / 6, 0.5 / 6]], rtol=1e-15)
    assert_array_equal(absolute_discounting([[1], [4]]), [[1], [1]])
    assert np.isnan(absolute_discounting(np.zeros((3, 2)))).all()


def test_absolute_discounting_has_one_discount_per_table_of_its_order():
    tables = np.array(
        [[[0, 1], [4, 0], [2, 0]], [[0, 3], [9, 0], [1, 0]], [[0, 5], [6, 0], [7, 1]]]
    )
    whole = absolute_discounting(tables, order=2)  # three ones, one two: 3/5
    assert_allclose(whole[0, 1], [3.4 / 4, 0.6 / 4], rtol=1e-14)
    assert_allclose(absolute_discounting(tables)[0, 1], [1 - 1 / 12, 1 / 12], rtol=1e-14)


# Empirical Bayes


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


# Reversible


@pytest.mark.parametrize("n_states", [2, 3, 5])
def test_reversible_against_the_fixed_point(n_states):
    rng = np.random.default_rng(n_states)
    for _ in range(4):
        c = rng.poisson(rng.gamma(1.0, size=(n_states, n_states)) * 8) + np.roll(
            np.eye(n_states, dtype=int), 1, axis=1
        )
        x = np.ones(n_states)
        for _ in range(5000):
            x = ((c + c.T) / (c.sum(1)[:, None] / x[:, None] + c.sum(1) / x)).sum(axis=1)
            x /= x.sum()
        flow = (c + c.T) / (c.sum(1)[:, None] / x[:, None] + c.sum(1) / x)
        assert_allclose(reversible(c), flow / flow.sum(1, keepdims=True), rtol=1e-7, atol=1e-12)


def test_reversible_against_a_published_test():
    """Expected values of the test-suite of MSMTools (Trendelkamp-Schroer, Wu, Paul and Noe)."""
    expected = [
        [0.33333333, 0.60290585, 0.06376081],
        [0.39709415, 0.33333333, 0.26957252],
        [0.05054485, 0.32445515, 0.625],
    ]
    assert_allclose(reversible([[1, 2, 0], [1, 1, 1], [1, 5, 10]]), expected, atol=5e-9)


def random_reversible(rng, P, pi, size):
    """A reversible matrix near P, on the same support."""
    noise = np.exp(size * rng.standard_normal(P.shape))
    flow = pi[:, None] * P * np.sqrt(noise * noise.T)
    return flow / flow.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("table", [RAIN, TABLES[6], [[0, 3, 0], [1, 2, 4], [0, 1, 6]]])
def test_reversible_is_in_balance_and_not_beaten(table):
    counts = np.array(table)
    block = counts[-counts.shape[1] :]
    P = reversible(table)[-counts.shape[1] :]
    assert_allclose(P.sum(axis=1), 1, rtol=1e-13)
    pi = stationary(P)
    flow = pi[:, None] * P
    assert_allclose(flow, flow.T, rtol=1e-9, atol=1e-15)
    assert_allclose(np.diag(P), np.diag(mle(block)), rtol=1e-13)

    seen = block > 0
    height = (block[seen] * np.log(P[seen])).sum()
    rng = np.random.default_rng(2)
    for size in (1e-3, 1e-2, 0.1, 0.5):
        for _ in range(200):
            other = random_reversible(rng, P, pi, size)
            assert (block[seen] * np.log(other[seen])).sum() <= height + 1e-9

    pairs = [(i, j) for i in range(len(block)) for j in range(i + 1) if block[i, j] + block[j, i]]

    def cost(x):
        flow = np.zeros(block.shape)
        for (i, j), value in zip(pairs, np.exp(x), strict=True):
            flow[i, j] = flow[j, i] = value
        return -(block[seen] * np.log((flow / flow.sum(axis=1, keepdims=True))[seen])).sum()

    best = minimize(cost, np.zeros(len(pairs)), method="BFGS", options={"gtol": 1e-6})
    assert_allclose(height, -best.fun, rtol=1e-7)
    assert height >= -best.fun - 1e-9


def test_counts_that_are_in_balance_are_their_own_estimate():
    flow = np.array([[6, 4, 0], [4, 1, 9], [0, 9, 2]])
    assert_allclose(reversible(flow), mle(flow), rtol=1e-13)


def test_two_states_are_always_reversible():
    rng = np.random.default_rng(4)
    tables = rng.integers(1, 50, size=(40, 3, 2)) * 0.5
    assert_allclose(reversible(tables), mle(tables), rtol=1e-13)


def test_reversible_needs_strong_connection_in_each_table():
    tables = np.array(
        [
            [[1, 0, 0], [2, 3, 0], [0, 1, 4], [5, 0, 1]],  # a cycle
            [[0, 1, 0], [2, 3, 0], [0, 1, 4], [0, 2, 1]],  # the first state is not re-entered
            [[0, 0, 0], [2, 3, 0], [4, 1, 2], [0, 2, 0]],  # a line; s_0 without counts
            [[0, 0, 1], [2, 3, 0], [4, 1, 0], [0, 0, 7]],  # two classes
            [[0, 0, 1], [2, 3, 1], [4, 1, 1], [0, 0, 0]],  # a state nobody left
        ]
    )
    A = reversible(tables)
    assert_array_equal(np.isnan(A[:, 1:]).all(axis=(1, 2)), [False, True, False, True, True])
    assert_array_equal(np.isnan(A[:, 1:]).any(axis=(1, 2)), [False, True, False, True, True])
    assert_array_equal(A[:, 0], mle(tables[:, 0]))
    assert_allclose(reversible(tables[:, 1:]), A[:, 1:], rtol=0, atol=0)
    assert np.isnan(reversible([[3, 1], [0, 2]])).all()  # absorbing


def test_reversible_reads_the_shape():
    assert_array_equal(reversible([[4]]), [[1]])
    assert_array_equal(reversible([[2], [4]]), [[1], [1]])
    assert_array_equal(np.isnan(reversible([[0], [4]])), [[True], [False]])
    assert np.isnan(reversible([[0]])).all()
    for wrong in (np.ones((5, 3)), np.ones((2, 3)), np.ones(3)):
        with pytest.raises(ValueError, match=r"counts must have shape \(\.\.\., K\+1, K\)"):
            reversible(wrong)


def test_reversible_of_counts_of_very_different_size():
    c = np.array([[0, 1e9, 1e-3], [5.0, 1e4, 1.0], [1e-6, 2e7, 3.0]])
    P = reversible(c)
    pi = stationary(P)
    assert_allclose(pi[:, None] * P, (pi[:, None] * P).T, rtol=1e-6)
    assert_allclose(P.sum(axis=1), 1, rtol=1e-9)
