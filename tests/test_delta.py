"""Delta-method standard errors: against derivatives in complex numbers, and against replication."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    FUNCTIONALS,
    count_transitions,
    delta_se,
    entropy_rate,
    first_passage_times,
    holding_times,
    mle,
    n_step,
    plug_in,
    recurrence_times,
    relaxation_time,
    second_eigenvalue,
    simulate,
    stationary,
)
from exact_chains import delta_se_by_loops, entropy, passage_times, product, stationary_law

# Daily rain on Alofi and letters of Eugene Onegin; sources in test_published.
ALOFI = np.array([[362, 126, 60], [136, 90, 68], [50, 79, 124]])
ONEGIN = np.array([[1104, 7534], [7534, 3827]])

TABLES = {
    "Alofi": ALOFI,
    "Onegin": ONEGIN,
    "zero cells": np.array([[4, 0, 0, 9], [0, 3, 0, 5], [7, 0, 2, 0], [1, 6, 8, 0]]),
    "rare": np.array([[10**6, 7, 0], [3, 10**5, 1], [2, 4, 9]]),
    "large": np.random.default_rng(1).integers(1, 30, size=(6, 6)),
}
BY_DEFINITION = {  # name: (functional, the same for nested lists of complex numbers)
    "rows": (lambda P: P, lambda P: P),
    "stationary": (stationary, stationary_law),
    "recurrence times": (recurrence_times, lambda P: [1 / x for x in stationary_law(P)]),
    "first passage times": (first_passage_times, passage_times),
    "entropy rate": (entropy_rate, entropy),
    "holding times": (holding_times, lambda P: [1 / (1 - row[i]) for i, row in enumerate(P)]),
    "two steps": (lambda P: n_step(P, 2), lambda P: product(P, P)),
    "one ratio": (lambda P: P[..., 0, 1] / P[..., 1, 0], lambda P: P[0][1] / P[1][0]),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", BY_DEFINITION)
def test_difference_quotients_against_complex_derivatives(name, table):
    functional, by_definition = BY_DEFINITION[name]
    counts = TABLES[table]
    if name == "one ratio":
        counts = counts + (counts == 0)  # it would be 0/0
    got, expected = delta_se(functional, counts), delta_se_by_loops(by_definition, counts)
    assert got.shape == expected.shape
    assert_allclose(got, expected, rtol=1e-8, atol=1e-12 * expected.max())


def test_second_eigenvalue_and_relaxation_time_of_two_states():
    """1 - p - q is -.535 for Onegin; its variance is the sum of those of p and of q."""
    n = ONEGIN.sum(axis=1)
    p, q = ONEGIN[0, 1] / n[0], ONEGIN[1, 0] / n[1]
    se = np.sqrt(p * (1 - p) / n[0] + q * (1 - q) / n[1])
    assert_allclose(delta_se(second_eigenvalue, ONEGIN), se, rtol=1e-9)
    assert_allclose(delta_se(relaxation_time, ONEGIN), se / (2 - p - q) ** 2, rtol=1e-9)


def test_rows_have_the_binomial_standard_error():
    n = ALOFI.sum(axis=1, keepdims=True)
    P = ALOFI / n
    assert_allclose(delta_se(lambda P: P, ALOFI), np.sqrt(P * (1 - P) / n), rtol=1e-10)


def test_alofi_standard_errors():
    """Computed once from the published table with an independent program."""
    rows = [
        [0.0202273933, 0.0179750729, 0.0133387367],
        [0.0290788349, 0.0268791384, 0.0245916506],
        [0.0250352677, 0.0291344878, 0.0314285913],
    ]
    assert_allclose(delta_se(lambda P: P, ALOFI), rows, rtol=0, atol=0.5e-10)
    law = [0.0217471791, 0.0141345690, 0.0185696161]
    assert_allclose(delta_se(stationary, ALOFI), law, rtol=0, atol=0.5e-10)


def test_alofi_functionals():
    """At the count ratio, computed once with an independent program."""
    law = plug_in(stationary, ALOFI)
    assert_allclose(law, [0.5008870570, 0.2693656080, 0.2297473349], rtol=0, atol=0.5e-10)
    assert_allclose(plug_in(entropy_rate, ALOFI), 0.9500978975, rtol=0, atol=0.5e-10)
    times = plug_in(first_passage_times, ALOFI)
    expected = [[0, 4.0903115, 7.1528258], [2.6322574, 0, 6.2097270], [3.5732429, 3.5466324, 0]]
    assert_allclose(times, expected, rtol=0, atol=0.5e-7)


def test_stationary_law_by_the_fundamental_matrix():
    """d pi = pi dP Z with Z = (I - P + 1 pi)^-1 (Schweitzer 1968)."""
    n = ALOFI.sum(axis=1)
    P, law = mle(ALOFI), plug_in(stationary, ALOFI)
    Z = np.linalg.inv(np.eye(3) - P + law)
    covariance = np.zeros((3, 3))
    for i in range(3):
        row = (np.diag(P[i]) - np.outer(P[i], P[i])) / n[i]
        covariance += law[i] ** 2 * Z.T @ row @ Z
    assert_allclose(delta_se(stationary, ALOFI), np.sqrt(np.diag(covariance)), rtol=1e-10)


def test_markov_coefficient_of_dispersion_is_the_ratio_of_variances():
    """Markov (1913): (1 + delta) / (1 - delta) = .3, by which the variance falls short of pq/N."""
    se = delta_se(stationary, ONEGIN)
    assert_allclose(se, 0.0019269424, rtol=0, atol=0.5e-10)
    (p, q), N = plug_in(stationary, ONEGIN), ONEGIN.sum()
    delta = 1104 / 8638 - 7534 / 11361
    dispersion = (1 + delta) / (1 - delta)
    assert_allclose(se[0] ** 2 / (p * q / N), dispersion, rtol=1e-9)
    assert_allclose(dispersion, 0.303, rtol=0, atol=0.5e-3)


def test_the_row_of_s_0_plays_no_part():
    table = np.vstack([[5, 0, 2], ALOFI])
    assert_array_equal(delta_se(stationary, table), delta_se(stationary, ALOFI))
    assert_array_equal(plug_in(lambda P: P, table), mle(ALOFI))


def test_four_times_the_data_halve_the_error():
    for functional in FUNCTIONALS.values():
        expected = delta_se(functional, ALOFI) / 2
        assert_allclose(delta_se(functional, 4 * ALOFI), expected, rtol=1e-9, atol=1e-14)


def test_fractional_counts():
    expected = delta_se(stationary, ALOFI) * 2
    assert_allclose(delta_se(stationary, ALOFI / 4), expected, rtol=1e-9)


def test_batches_of_tables():
    tables = np.random.default_rng(2).integers(1, 9, size=(2, 5, 3, 3))
    tables[1, 4, 0] = 0
    for functional in (stationary, first_passage_times, entropy_rate):
        for function in (delta_se, plug_in):
            got = function(functional, tables)
            expected = [[function(functional, table) for table in row] for row in tables]
            assert_allclose(got, expected, rtol=1e-7, atol=1e-14)
            assert np.isnan(got[1, 4]).any()
            assert np.isfinite(got[0]).all()


UNSEEN = np.array([[6, 2, 1], [3, 5, 4], [0, 0, 0]])
"""State 2 is entered and never left."""


def test_row_without_data_leaves_undefined_what_depends_on_it():
    for function in (plug_in, delta_se):
        rows = function(lambda P: P, UNSEEN)
        assert np.isfinite(rows[:2]).all()
        assert np.isnan(rows[2]).all()
        assert np.isnan(function(holding_times, UNSEEN)).tolist() == [False, False, True]
        assert np.isnan(function(stationary, UNSEEN)).all()
        assert np.isnan(function(entropy_rate, UNSEEN))
        # Until state 2 is first reached nothing leaves it.
        times = function(first_passage_times, UNSEEN)
        undefined = [[False, True, False], [True, False, False], [True, True, False]]
        assert np.isnan(times).tolist() == undefined
    top = UNSEEN[:2, :2] / UNSEEN[:2].sum(axis=1, keepdims=True)
    expected = np.linalg.solve(np.eye(2) - top, [1, 1])
    assert_allclose(plug_in(first_passage_times, UNSEEN)[:2, 2], expected, rtol=1e-12)


def test_values_that_are_not_finite_have_no_error():
    absorbing = np.array([[3, 1], [0, 5]])
    assert plug_in(holding_times, absorbing).tolist() == [4, np.inf]
    assert_array_equal(np.isnan(delta_se(holding_times, absorbing)), [False, True])
    assert np.isnan(delta_se(stationary, absorbing)).all()


def test_certainty_has_no_error():
    assert_array_equal(delta_se(lambda P: P, [[4, 0], [3, 3]])[0], [0, 0])
    assert_array_equal(delta_se(stationary, [[7]]), [0])


REFUSED = {
    "not a table": (stationary, [1, 2], "counts of order 1 needs at least 2 axes"),
    "not square": (stationary, np.ones((4, 2)), r"counts must have shape \(\.\.\., K, K\)"),
    "no table": (stationary, np.ones((0, 3, 3)), "counts must hold at least one table"),
    "one matrix only": (
        lambda P: P[0, 1],
        ALOFI,
        r"index from the right, such as P\[\.\.\., 0, 1\]",
    ),
    "left axis": (lambda P: P[:, 0], ALOFI, r"must take a stack of matrices, shape \(N, K, K\)"),
    "sum over all": (lambda P: P.sum(), ALOFI, "must take a stack of matrices"),
}


@pytest.mark.parametrize(("functional", "counts", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("function", [delta_se, plug_in])
def test_what_is_refused(function, functional, counts, message):
    with pytest.raises(ValueError, match=message):
        function(functional, counts)


def test_complex_values_are_refused():
    with pytest.raises(TypeError, match="the value of functional must hold integers or floats"):
        delta_se(lambda P: np.linalg.eigvals(P[..., :2, :2]) * 1j, ALOFI)


@pytest.mark.slow
def test_standard_errors_are_the_spread_of_replicates():
    """Paths of 3,000 steps: bias is of order 1/n, and the spread is known to 1 %."""
    P = np.array([[0.6, 0.3, 0.1], [0.15, 0.7, 0.15], [0.3, 0.2, 0.5]])
    A, length, replicates = np.vstack([[0.2, 0.3, 0.5], P]), 3000, 6000
    paths = simulate(A, length, rng=np.random.default_rng(3), size=replicates)
    tables = np.array([count_transitions(path, 3)[1:] for path in paths])
    expected_counts = (length - 1) * stationary(P)[:, None] * P
    for name, functional in {**FUNCTIONALS, "rows": lambda P: P}.items():
        spread = functional(mle(tables)).std(axis=0, ddof=1)
        predicted = delta_se(functional, expected_counts)
        error = spread / np.sqrt(2 * replicates)
        assert (np.abs(spread - predicted) <= 5 * error).all(), name
