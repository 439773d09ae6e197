"""The statistics, their p, and the value that holds a test's result."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from alofi import ORDER_2, YEARS
from analytic import equality_test, homogeneity_test, order_test, specified_test
from analytic.hypotheses.hypothesis import (
    in_blocks,
    likelihood_ratio,
    monte_carlo_p,
    p_chi_squared,
    pearson,
)
from analytic.hypotheses.two_way import degrees_of_freedom, expected_counts, random_tables
from oracles import two_way_statistics


def test_statistics_of_a_table_by_hand():
    """2 (6 ln 6/4 + 2 ln 2/4 + 4 ln 4/4) and 4/4 + 4/4 + 0."""
    G2 = 2 * (6 * math.log(1.5) + 2 * math.log(0.5))
    assert_allclose(likelihood_ratio([6, 2, 4], [4, 4, 4], axes=1), G2, rtol=1e-12)
    assert pearson([6, 2, 4], [4, 4, 4], axes=1) == 2


def test_statistics_at_zero():
    """0/0 adds nothing; a count where none is expected is infinitely unlikely."""
    for statistic in (likelihood_ratio, pearson):
        assert statistic([3, 0, 5], [3, 0, 5], axes=1) == 0
        assert statistic([3, 1, 4], [4, 0, 4], axes=1) == math.inf
        assert statistic([[0, 0], [0, 2]], [[0, 0], [1, 1]], axes=1).shape == (2,)


def test_statistics_are_never_negative():
    """Proportional rows of awkward size, where rounding may fall on either side of zero."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        table = np.outer(rng.integers(1, 10**6, size=5), rng.integers(1, 10**6, size=4))
        expected = expected_counts(table)
        G2 = likelihood_ratio(table, expected, axes=2)
        assert 0 <= G2 < 1e-9 * table.sum()
        assert pearson(table, expected, axes=2) >= 0


def test_asymptotic_p():
    for statistic, df in [(3.2, 1), (0.0, 4), (60.0, 12), (900.0, 54)]:
        assert_allclose(p_chi_squared(statistic, df), stats.chi2.sf(statistic, df), rtol=1e-10)
    assert math.isnan(p_chi_squared(0.0, 0))
    assert p_chi_squared(math.inf, 3) == p_chi_squared(math.inf, 0) == 0


def test_monte_carlo_p_counts_ties():
    replicated = np.array([1.0, 2.0 - 1e-12, 2.0, 2.0 + 1e-12, 5.0, 1.9999])
    p, se = monte_carlo_p(2.0, replicated)
    assert p == 5 / 7
    assert_allclose(se, math.sqrt(p * (1 - p) / 6), rtol=1e-12)
    assert monte_carlo_p(7.0, replicated)[0] == 1 / 7
    assert monte_carlo_p(0.0, replicated)[0] == 1
    assert monte_carlo_p(math.inf, replicated)[0] == 1 / 7


def test_blocks_make_up_the_replicates(monkeypatch):
    monkeypatch.setattr("analytic.hypotheses.hypothesis._BLOCK", 100)
    assert list(in_blocks(25, 9)) == [11, 11, 3]
    assert list(in_blocks(3, 10**6)) == [1, 1, 1]


@pytest.fixture(scope="module")
def result():
    return order_test(ORDER_2, lower=1, higher=2, replicates=99, rng=np.random.default_rng(1))


def test_result_as_text(result):
    text = str(result)
    for part in (
        "order 1 against order 2",
        "n = 1094 transitions (2 out of s_0 left out), 9 rows",
        "given the first 2 states of each sequence",
        "G2 = 25.837 ",
        "X2 = 26.0958 ",
        "df = 12",
        "p = 0.01132",
        "99 replicates",
        "random sequences with the same counts of order 1",
    ):
        assert part in text
    plain = str(order_test(ORDER_2, lower=1, higher=2))
    assert "Monte Carlo" not in plain and plain.splitlines() == text.splitlines()[:5]


def test_text_is_not_wider_than_a_terminal(result):
    others = [
        homogeneity_test(YEARS, replicates=9, rng=np.random.default_rng(1)),
        equality_test(YEARS * 10**12),
        specified_test([[10**15, 7], [3, 10**15]], [[0.5, 0.5], [1, 0]]),
        order_test(ORDER_2, lower=0, higher=2, start="s0"),
    ]
    for text in map(str, [result, *others]):
        assert max(map(len, text.splitlines())) <= 80


def test_result_is_frozen(result):
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.G2 = 0.0
    assert type(result.G2) is float and type(result.df) is int and type(result.n) is float


def test_expected_counts_in_many_tables():
    tables = np.random.default_rng(2).integers(0, 6, size=(5, 4, 3, 4))
    tables[0, 0] = 0
    tables[1, 1, 2] = 0
    tables[2, :, :, 3] = 0
    expected = expected_counts(tables)
    assert expected.shape == tables.shape
    for one, fitted in zip(tables.reshape(-1, 3, 4), expected.reshape(-1, 3, 4), strict=True):
        for r, c in np.ndindex(3, 4):
            wanted = one[r].sum() * one[:, c].sum() / one.sum() if one.sum() else 0
            assert_allclose(fitted[r, c], wanted, rtol=1e-12)
    for batch in tables:
        strata = {
            number: {(r, c): int(one[r, c]) for r, c in np.ndindex(one.shape)}
            for number, one in enumerate(batch)
        }
        G2, X2, df = two_way_statistics(strata)
        fitted = expected_counts(batch)
        assert_allclose(likelihood_ratio(batch, fitted, axes=3), G2, rtol=1e-12)
        assert_allclose(pearson(batch, fitted, axes=3), X2, rtol=1e-12)
        assert degrees_of_freedom(batch) == df


def test_quasi_independence_is_fitted():
    """The totals are met, and on the support E is a product: log E is a sum of two terms."""
    support = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]], dtype=bool)
    table = np.array([[5, 9, 0, 2], [0, 4, 7, 3], [6, 0, 1, 8]])
    fitted = expected_counts(table, support)
    assert_allclose(fitted.sum(axis=0), table.sum(axis=0), rtol=1e-9)
    assert_allclose(fitted.sum(axis=1), table.sum(axis=1), rtol=1e-9)
    assert_array_equal(fitted > 0, support)
    rows, columns = np.nonzero(support)
    design = np.concatenate([np.eye(3)[rows], np.eye(4)[columns]], axis=1)
    logs = np.log(fitted[support])
    residual = logs - design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    assert_allclose(residual, 0, rtol=0, atol=1e-9)
    assert degrees_of_freedom(table, support) == support.sum() - np.linalg.matrix_rank(design) == 3


def test_quasi_independence_in_two_pieces():
    """Rows and columns that no possible cell links are tables of their own."""
    support = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], dtype=bool)
    table = np.array([[5, 9, 0, 0], [3, 4, 0, 0], [0, 0, 1, 8], [0, 0, 6, 2]])
    fitted = expected_counts(table, support)
    assert_allclose(fitted[:2, :2], expected_counts(table[:2, :2]), rtol=1e-9)
    assert_allclose(fitted[2:, 2:], expected_counts(table[2:, 2:]), rtol=1e-9)
    assert degrees_of_freedom(table, support) == 2


def test_random_tables_have_the_hypergeometric_law():
    """Every 2 x 3 table with the totals, and how often it is drawn."""
    table = np.array([[3, 1, 2], [1, 2, 1]])
    drawn = random_tables(table, np.random.default_rng(3), 20_000)
    assert_array_equal(drawn.sum(axis=2), np.tile([6, 4], (20_000, 1)))
    assert_array_equal(drawn.sum(axis=1), np.tile([4, 3, 3], (20_000, 1)))
    keys, seen = np.unique(drawn[:, 1], axis=0, return_counts=True)
    law = stats.multivariate_hypergeom([4, 3, 3], 4)
    assert len(keys) == sum(a + b + c == 4 for a in range(5) for b in range(4) for c in range(4))
    assert stats.chisquare(seen, law.pmf(keys) * 20_000).pvalue > 1e-4
