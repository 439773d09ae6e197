"""Orders, and one matrix against several, side by side."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alofi import ORDER_1, ORDER_2, ORDER_3, YEARS
from analytic import (
    count_transitions,
    equality_test,
    log_evidence,
    loo_transitions,
    order_table,
    order_test,
    pooling_table,
)
from oracles import loo_transitions_by_removal


def test_alofi_with_s0():
    """Orders 0 to 3 of all 1,096 days (Avery and Henderson 1999)."""
    result = order_table(ORDER_3)
    assert result.n == 1096 and result.conditioned_on == "s_0"
    assert result.models == ("order 0", "order 1", "order 2", "order 3")
    assert_array_equal(result.parameters, [2, 8, 26, 80])
    assert_allclose(
        result.log_likelihood,
        [-1137.922896, -1040.418547, -1026.331719, -1005.563384],
        rtol=0,
        atol=0.5e-6,
    )
    assert_allclose(
        result.log_evidence, [-1144.1292, -1056.9740, -1063.9342, -1086.1408], rtol=0, atol=0.5e-4
    )
    assert_array_equal(result.observed_parameters, [2, 6, 18, 53])


def test_alofi_given_three_days():
    """AIC chooses order 2; BIC and the evidence choose order 1."""
    result = order_table(ORDER_3, start="given")
    assert result.n == 1093
    assert result.conditioned_on == "the first 3 states of each sequence"
    assert_array_equal(result.parameters, [2, 6, 18, 54])
    expected = {
        "log_likelihood": ([-1133.827305, -1038.062585, -1025.094881, -1005.563384], 0.5e-6),
        "AIC": ([2271.65, 2088.13, 2086.19, 2119.13], 0.5e-2),
        "BIC": ([2281.65, 2118.11, 2176.13, 2388.95], 0.5e-2),
        "log_evidence": ([-1140.0321, -1053.5130, -1060.4905, -1082.8449], 0.5e-4),
    }
    for name, (values, atol) in expected.items():
        assert_allclose(getattr(result, name), values, rtol=0, atol=atol)
    assert np.argmin(result.AIC) == 2
    assert np.argmin(result.BIC) == np.argmax(result.log_evidence) == 1
    without = order_table(ORDER_3[1:, 1:, 1:], start="given")
    for name in expected:
        assert_allclose(getattr(without, name), getattr(result, name), rtol=1e-12)


def test_columns_of_every_order():
    """Each from its own definition."""
    result = order_table(ORDER_2, alpha=0.5)
    p, n = result.parameters, result.n
    assert_allclose(result.AIC, 2 * p - 2 * result.log_likelihood, rtol=1e-12)
    assert_allclose(result.AICc - result.AIC, 2 * p * (p + 1) / (n - p - 1), rtol=1e-9)
    assert_allclose(result.BIC, p * math.log(n) - 2 * result.log_likelihood, rtol=1e-12)
    for order, table in enumerate([ORDER_1.sum(axis=0), ORDER_1, ORDER_2]):
        loo = loo_transitions(table, 0.5, order=order)
        assert_allclose([result.elpd[order], result.se_elpd[order]], loo[:2], rtol=1e-12)
        evidence = log_evidence(table, 0.5, order=order)
        assert_allclose(result.log_evidence[order], evidence, rtol=1e-12)
    odds = np.exp(result.log_evidence - result.log_evidence[1])
    assert_allclose(result.probability, odds / odds.sum(), rtol=1e-12)


def test_leave_one_out_by_removal():
    table = count_transitions([0, 1, 1, 2, 0, 2, 2, 1, 0, 0, 1], 3, order=2)
    result = order_table(table)
    for order, one in enumerate([table.sum(axis=(0, 1)), table.sum(axis=0), table]):
        logs = loo_transitions_by_removal(one, np.ones(one.shape))
        assert_allclose(result.elpd[order], logs.sum(), rtol=1e-12)
        assert_allclose(result.se_elpd[order], logs.std(ddof=1) * math.sqrt(11), rtol=1e-12)


def test_tests_are_on_the_transitions_of_the_table():
    """With the first three days given, order 1 against 2 leaves out one transition more."""
    with_start, given = order_table(ORDER_3), order_table(ORDER_3, start="given")
    for result in (with_start, given):
        gains = 2 * np.diff(result.log_likelihood)
        assert_allclose([t.G2 for t in result.tests], gains, rtol=1e-9)
        assert [t.n for t in result.tests] == [result.n] * 3
    assert [t.df for t in given.tests] == [4, 12, 36]
    alone = order_test(ORDER_3, lower=1, higher=2, start="s0")
    assert repr(with_start.tests[1]) == repr(alone)
    assert given.tests[1].n_left_out == 3
    assert abs(given.tests[1].G2 - order_test(ORDER_3, lower=1, higher=2).G2) > 0.01


def test_monte_carlo_p_in_the_table():
    """No more than a standard error of two runs from the asymptotic p, which is right here."""
    for start in ("s0", "given"):
        result = order_table(ORDER_2, start=start, replicates=400, rng=np.random.default_rng(1))
        for test in result.tests:
            assert test.replicates == 400
            assert abs(test.p_monte_carlo - test.p_G2) < 4 * max(test.se_monte_carlo, 1 / 401)
        assert "not asked for" not in str(result)


def test_too_few_transitions_for_aicc():
    result = order_table(count_transitions([0, 1, 0, 0, 1], 2, order=2))
    assert_array_equal(result.parameters, [1, 3, 7])
    assert_array_equal(np.isnan(result.AICc), [False, False, True])


def test_structural_zeros():
    """A state never follows itself: fewer next states, and histories that cannot be reached."""
    off = np.concatenate([np.ones((1, 3), dtype=bool), ~np.eye(3, dtype=bool)])
    support = np.broadcast_to(off, (4, 4, 3))
    path = [0, 1, 2, 1, 0, 2, 0, 1, 0, 1, 2, 0]
    table = count_transitions(path, 3, order=2)
    result = order_table(table, support=support)
    # Order 0: 2. Order 1: 2 from s_0 and 3 of 1. Order 2: 2, 3 of 1 after one state, 6 of 1.
    assert_array_equal(result.parameters, [2, 5, 11])
    given = order_table(table, support=support, start="given")
    assert_array_equal(given.parameters, [2, 3, 6])
    bare = order_table(table[1:, 1:], support=support[1:, 1:], start="given")
    assert_array_equal(bare.parameters, given.parameters)
    assert_allclose(bare.log_evidence, given.log_evidence, rtol=1e-12)
    masked = log_evidence(table.sum(axis=0), 1, support=off)
    assert_allclose(result.log_evidence[1], masked, rtol=1e-12)
    assert_allclose(result.elpd[1], loo_transitions(table.sum(axis=0), 1, support=off).elpd)


def test_prior_per_next_state():
    result = order_table(ORDER_2, alpha=[3, 1, 1])
    assert_allclose(result.log_evidence[1], log_evidence(ORDER_1, [3, 1, 1]), rtol=1e-12)
    assert "Dirichlet([3.0, 1.0, 1.0])" in str(result)
    with pytest.raises(ValueError, match="does not fit all models"):
        order_table(ORDER_2, alpha=np.ones((4, 4, 3)))


def test_value_is_frozen_and_fits_a_terminal():
    result = order_table(ORDER_3, replicates=19, rng=np.random.default_rng(1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n = 3
    with pytest.raises(ValueError, match="read-only"):
        result.BIC[0] = 0
    text = str(result)
    assert max(map(len, text.splitlines())) <= 80
    for part in ("1096 transitions, given s_0", "Dirichlet(1)", "order 3", "2136.832", "0.9991"):
        assert part in text


def test_bad_tables():
    with pytest.raises(ValueError, match="whole numbers"):
        order_table(ORDER_2 / 2)
    with pytest.raises(ValueError, match="nothing to leave out"):
        order_table(np.zeros((3, 2)))
    with pytest.raises(ValueError, match='start="s0" needs rows for s_0'):
        order_table(ORDER_2[1:, 1:])


def test_one_matrix_or_one_for_each_year():
    """The three years of Alofi: G2 23.7268 on 12 degrees of freedom."""
    result = pooling_table(YEARS, start="given")
    assert result.models == ("one matrix", "3 matrices")
    assert_array_equal(result.parameters, [6, 18])
    assert_allclose(2 * np.diff(result.log_likelihood), 23.7268, rtol=0, atol=0.5e-4)
    assert repr(result.tests) == repr((equality_test(YEARS),))
    apart = [log_evidence(year, 1) for year in YEARS]
    assert_allclose(result.log_evidence, [-1055.875375, sum(apart)], rtol=1e-9)
    elpd = [loo_transitions(year, 1).elpd for year in YEARS]
    assert_allclose(result.elpd[1], sum(elpd), rtol=1e-12)
    assert_allclose(result.elpd[0], loo_transitions(YEARS.sum(axis=0), 1).elpd, rtol=1e-12)


def test_pooling_with_s0():
    units = np.array(
        [count_transitions(path, 2) for path in ([0, 1, 1, 0], [1, 0, 0, 0, 1], [1, 1])]
    )
    result = pooling_table(units)
    assert result.n == 11 and result.conditioned_on == "s_0"
    assert_array_equal(result.parameters, [3, 9])
    assert_array_equal(result.observed_parameters, [3, 2])
    assert_allclose(result.log_evidence[1], log_evidence(units, 1).sum(), rtol=1e-12)
    assert "3 matrices" in str(result)
    assert max(map(len, str(result).splitlines())) <= 80


@pytest.mark.parametrize("units", [0, 1])
def test_pooling_needs_two_units(units):
    with pytest.raises(ValueError, match=f"tables has {units} units, expected two or more"):
        pooling_table(np.ones((units, 3, 2)) * [[[2, 1], [3, 5], [4, 1]]])
