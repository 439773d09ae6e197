"""Evidence and leave-one-out, against one prediction after the other."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import count_transitions, log_evidence, loo_transitions, loo_units
from cases import CASES, SMALL, WITH_PATHS
from oracles import (
    all_paths,
    log_evidence_by_integral,
    loo_transitions_by_removal,
    loo_units_by_removal,
    sequential_log_evidence,
    transitions_of,
)


def uneven_alpha(shape):
    """Different in every cell."""
    return 0.3 + np.arange(np.prod(shape)).reshape(shape) % 7 / 3


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_evidence_is_the_product_of_one_step_predictions(case):
    alpha = uneven_alpha(case.table.shape)
    expected = sequential_log_evidence(transitions_of(case.table), alpha)
    assert_allclose(log_evidence(case.table, alpha, order=case.order), expected, rtol=1e-12)


def test_evidence_of_a_path_in_its_own_order():
    path, alpha = [0, 1, 2, 2, 1, 0, 0, 2], uneven_alpha((4, 3))
    steps = list(zip([0, *(np.array(path[:-1]) + 1)], path, strict=True))
    expected = sequential_log_evidence(steps, alpha)
    assert_allclose(log_evidence(count_transitions(path, 3), alpha), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_evidence_of_all_paths_of_a_length_adds_up_to_one(alpha, order):
    tables = [count_transitions(path, 2, order=order) for path in all_paths(2, 6)]
    values = log_evidence(np.array(tables), alpha, order=order)
    assert_allclose(math.fsum(np.exp(values)), 1, rtol=1e-12)


@pytest.mark.parametrize(
    "table", [[[1, 0], [3, 2], [0, 4]], [[0, 2], [0, 0], [1, 6]], [[0.5, 1], [2.25, 0], [1, 1]]]
)
@pytest.mark.parametrize("alpha", [[[1, 1]] * 3, [[2, 1], [1.5, 3], [1, 2.5]]])
def test_evidence_is_the_likelihood_integrated_over_the_prior(table, alpha):
    expected = log_evidence_by_integral(np.array(table), np.array(alpha))
    assert_allclose(log_evidence(table, alpha), expected, rtol=1e-9)


def test_evidence_has_no_multinomial_coefficient():
    assert_allclose(np.exp(log_evidence([1, 1], 1, order=0)), 1 / 6, rtol=1e-14)


def test_evidence_of_nothing_is_one():
    assert log_evidence(np.zeros((3, 2)), 1) == 0


@pytest.mark.parametrize("case", [c for c in WITH_PATHS if len(c.paths) > 1], ids=str)
def test_evidence_of_a_batch(case):
    alpha = uneven_alpha(case.table.shape)
    got = log_evidence(case.tables, alpha, order=case.order)
    expected = [log_evidence(table, alpha, order=case.order) for table in case.tables]
    assert_allclose(got, expected, rtol=1e-14)


def test_tiny_alpha_in_the_evidence():
    """With alpha near zero, a row's first transition is a draw and all others repeat it."""
    assert_allclose(log_evidence([[3, 0], [0, 0], [0, 4]], 1e-200), 2 * np.log(0.5), rtol=1e-12)


SUPPORT = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
ON_SUPPORT = np.array([[2, 0, 3], [1, 4, 0], [0, 0, 2], [0, 0, 0]])


def test_support_drops_cells_from_the_evidence():
    expected = log_evidence([2, 3], 1, order=0) + log_evidence([1, 4], 1, order=0)
    assert_allclose(log_evidence(ON_SUPPORT, 1, support=SUPPORT), expected, rtol=1e-13)
    assert log_evidence(ON_SUPPORT, 1) < expected


def test_support_drops_cells_from_leave_one_out():
    got = loo_transitions(ON_SUPPORT, 1, support=SUPPORT)
    parts = [loo_transitions(row, 1, order=0).elpd for row in ([2, 3], [1, 4])]
    assert_allclose(got.elpd, sum(parts), rtol=1e-13)
    assert got.pointwise[2, 2] == 0
    units = np.array([ON_SUPPORT, 2 * ON_SUPPORT])
    expected = [
        log_evidence(u, 1.0 * SUPPORT + v, support=SUPPORT) for u, v in (units, units[::-1])
    ]
    assert_allclose(loo_units(units, 1, support=SUPPORT).pointwise, expected, rtol=1e-13)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_transitions_left_out_one_by_one(case):
    alpha = uneven_alpha(case.table.shape)
    got = loo_transitions(case.table, alpha, order=case.order)
    logs = loo_transitions_by_removal(case.table, alpha)
    assert_allclose(got.elpd, logs.sum(), rtol=1e-12, atol=1e-14)
    expected = np.full(case.table.shape, np.nan)
    for index, log in zip(transitions_of(case.table), logs, strict=True):
        expected[index] = log
    assert_allclose(got.pointwise, expected, rtol=1e-12, atol=1e-14)
    if len(logs) > 1:
        expected = np.sqrt(len(logs)) * np.std(logs, ddof=1)
        assert_allclose(got.se, expected, rtol=1e-10, atol=1e-14)
    else:
        assert np.isnan(got.se)


@pytest.mark.parametrize("case", [c for c in WITH_PATHS if len(c.paths) > 1], ids=str)
def test_units_left_out_one_by_one(case):
    alpha = uneven_alpha(case.table.shape)
    got = loo_units(case.tables, alpha, order=case.order)
    logs = loo_units_by_removal(case.tables, alpha)
    assert_allclose(got.pointwise, logs, rtol=1e-12)
    assert_allclose(got.elpd, logs.sum(), rtol=1e-12)
    assert_allclose(got.se, np.sqrt(len(logs)) * np.std(logs, ddof=1), rtol=1e-10)


def test_leaving_out_the_only_unit_is_the_evidence():
    table = np.array([[1, 0], [2, 3], [0, 1]])
    got = loo_units(table[None], 0.5)
    assert_allclose(got.elpd, log_evidence(table, 0.5), rtol=1e-14)
    assert np.isnan(got.se)


def test_unit_without_transitions_is_predicted_with_certainty():
    tables = np.array([[[1, 0], [2, 3], [0, 1]], np.zeros((3, 2))])
    assert_array_equal(loo_units(tables, 0.5).pointwise[1], 0)


def test_tiny_alpha_is_not_lost_beside_the_counts():
    """The last transition of its kind is left to alpha alone: log(1e-20 / (2 + 2e-20))."""
    table = np.array([[0, 0], [1, 2], [0, 0]])
    got = loo_transitions(table, 1e-20)
    assert_allclose(got.pointwise[1, 0], np.log(1e-20 / 2), rtol=1e-13)
    units = np.array([[[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 2], [0, 0]]])
    assert_allclose(loo_units(units, 1e-20).pointwise[0], np.log(1e-20 / 2), rtol=1e-13)


@pytest.mark.parametrize("alpha", [1e-20, 0.5])
def test_only_transition_is_predicted_by_the_prior(alpha):
    table = np.array([[1, 0], [0, 0], [0, 0]])
    assert_allclose(loo_transitions(table, alpha).elpd, np.log(0.5), rtol=1e-15)


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "huge"], ids=str)
def test_huge_counts_by_stirling_free_sums(case):
    """Rising factorials as sums of logarithms."""
    alpha = uneven_alpha(case.table.shape)
    total = 0.0
    for row, prior in zip(case.table, alpha, strict=True):
        for n, a in zip(row, prior, strict=True):
            total += np.log(a + np.arange(n)).sum()
        total -= np.log(prior.sum() + np.arange(row.sum())).sum()
    assert_allclose(log_evidence(case.table, alpha), total, rtol=1e-10)


@pytest.mark.parametrize("start", [1e-6, 0.3, 9.99, 10.0, 123.4, 1e6, 1e9, 1e12, 1e16])
def test_evidence_keeps_its_digits_at_every_alpha(start):
    counts = np.array([[1, 0], [0, 5], [3, 2]])
    expected = sum(
        np.log((start + r) / (2 * start + before + r))
        for row in counts
        for before, n in zip([0, row[0]], row, strict=True)
        for r in range(n)
    )
    # Row by row, the numerators restart at alpha for the second cell; the denominators go on.
    assert_allclose(log_evidence(counts, start), expected, rtol=1e-13)
