"""The registered estimators as a whole, and those that shrink or discount, against slow oracles."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import ESTIMATORS, absolute_discounting, minimax, mle, shrinkage
from count_tables import TABLES

ONE_TABLE = ("empirical_bayes", "empirical_bayes_vector", "absolute_discounting", "reversible")


def total_rows(A):
    return np.asarray(A).sum(axis=-1)


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
