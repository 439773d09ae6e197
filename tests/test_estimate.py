"""Count ratio, posterior mean and posterior mode: that each is what it is said to be."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from analytic import (
    ESTIMATORS,
    additive_smoothing,
    log_likelihood,
    mle,
    posterior_mean,
    posterior_mode,
)
from cases import CASES, Case
from oracles import count_by_loop

ALPHAS = {
    "a number": 0.5,
    "one per next state": [0.5, 2.0, 1.25],
    "one per cell": [[0.2, 1.0, 3.0], [4.0, 0.5, 0.5], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3]],
}
TABLE = np.array([[2, 0, 1], [5, 1, 0], [0, 0, 0], [3, 2, 4]])


@pytest.mark.parametrize("case", [case for case in CASES if case.paths], ids=str)
def test_mle_is_the_count_ratio(case):
    counts = count_by_loop(case.paths, case.order)
    estimate = mle(case.table)
    for index in np.ndindex(case.table.shape):
        departures = sum(n for key, n in counts.items() if key[:-1] == index[:-1])
        if departures:
            assert_allclose(estimate[index], counts.get(index, 0) / departures, rtol=1e-15)
        else:
            assert np.isnan(estimate[index])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_score_on_the_simplex_vanishes_at_the_mle(case):
    """Moving mass between two cells of a row: no slope inside, no gain from leaving a zero."""
    estimate = mle(case.table)
    visited = 0
    for row in np.ndindex(case.table.shape[:-1]):
        departures = case.table[row].sum()
        visited += departures > 0
        for gains, loses in itertools.permutations(range(case.n_states), 2):
            if departures == 0 or estimate[(*row, loses)] == 0:
                continue
            inside = estimate[(*row, gains)] > 0
            smaller = min(estimate[(*row, c)] for c in (gains, loses) if estimate[(*row, c)] > 0)
            step = np.zeros(case.table.shape)
            step[(*row, gains)], step[(*row, loses)] = 1e-3 * smaller, -1e-3 * smaller
            ahead = log_likelihood(estimate + step, case.table, order=case.order)
            if inside:
                behind = log_likelihood(estimate - step, case.table, order=case.order)
                slope = (ahead - behind) / (2e-3 * smaller)
                assert abs(slope) < 1e-4 * departures
            else:
                here = log_likelihood(estimate, case.table, order=case.order)
                slope = (ahead - here) / (1e-3 * smaller)
                assert_allclose(slope, -departures, rtol=1e-3)  # what the constraint is worth
    assert visited > 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_random_matrix_has_a_higher_likelihood(case):
    rng = np.random.default_rng(3)
    estimate = mle(case.table)
    best = log_likelihood(estimate, case.table, order=case.order)
    anywhere = rng.dirichlet(np.full(case.n_states, 0.7), size=(500, *case.table.shape[:-1]))
    nearby = 0.999 * np.nan_to_num(estimate, nan=1 / case.n_states) + 0.001 * anywhere
    rivals = log_likelihood(np.concatenate([anywhere, nearby]), case.table, order=case.order)
    assert (rivals <= best + 1e-12 * abs(best)).all()
    if case.n_states > 1:
        assert (rivals < best).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mode_under_a_flat_prior_is_the_mle(case):
    visited = case.table.sum(axis=-1) > 0
    mode = posterior_mode(case.table, 1)
    assert_allclose(mode[visited], mle(case.table)[visited], rtol=1e-15)
    if case.n_states > 1:
        assert np.isnan(mode[~visited]).all()


def maximise_in_softmax_coordinates(weights):
    """Maximum of sum(weights * log p) over one row of probabilities, by an optimiser."""

    def negative(x):
        log_p = x - np.logaddexp.reduce(x)
        return -(weights * log_p).sum(), weights.sum() * np.exp(log_p) - weights

    found = minimize(negative, np.zeros(len(weights)), jac=True, method="BFGS", tol=1e-10).x
    return np.exp(found - np.logaddexp.reduce(found))


@pytest.mark.parametrize("name", ALPHAS)
def test_mode_maximises_the_density_on_the_simplex(name):
    alpha = np.array(ALPHAS[name]) + 1  # above 1, so that the mode is inside
    full = np.broadcast_to(alpha, TABLE.shape)
    expected = [maximise_in_softmax_coordinates(row) for row in TABLE + full - 1]
    assert_allclose(posterior_mode(TABLE, alpha), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ALPHAS)
def test_mode_with_the_jacobian_is_the_posterior_mean(name):
    """In softmax coordinates the Jacobian is the product of the probabilities."""
    full = np.broadcast_to(np.array(ALPHAS[name]), TABLE.shape)
    expected = [maximise_in_softmax_coordinates(row) for row in TABLE + full]
    assert_allclose(posterior_mean(TABLE, ALPHAS[name]), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ALPHAS)
def test_posterior_mean_cell_by_cell(name):
    full = np.broadcast_to(np.array(ALPHAS[name]), TABLE.shape)
    estimate = posterior_mean(TABLE, ALPHAS[name])
    for i, j in np.ndindex(TABLE.shape):
        expected = (TABLE[i, j] + full[i, j]) / (sum(TABLE[i]) + sum(full[i]))
        assert_allclose(estimate[i, j], expected, rtol=1e-14)


def test_mode_of_an_alpha_below_one_exists_where_the_counts_lift_it():
    mode = posterior_mode([[3, 1], [1, 1]], 0.5)
    assert_allclose(mode, [[2.5 / 3, 0.5 / 3], [0.5, 0.5]], rtol=1e-15)
    with pytest.raises(ValueError, match=r"no mode exists.*0\.5 < 1 at index \(0, 1\)"):
        posterior_mode([[3, 0], [1, 0]], 0.5)


def test_parameter_of_exactly_one_puts_the_mode_on_the_face():
    assert_array_equal(posterior_mode([[0.5, 0, 2]], [0.5, 1, 1]), [[0, 0, 1]])


SUPPORT = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
ON_SUPPORT = np.array([[2, 0, 3], [0, 4, 0], [0, 0, 0], [0, 0, 0]])


def test_support_in_the_posterior_mean():
    expected = [[3 / 7, 0, 4 / 7], [1 / 6, 5 / 6, 0], [0, 0, 1], [np.nan] * 3]
    assert_allclose(posterior_mean(ON_SUPPORT, 1, support=SUPPORT), expected, rtol=1e-15)


def test_support_in_the_mode():
    expected = [[3 / 7, 0, 4 / 7], [1 / 6, 5 / 6, 0], [0, 0, 1], [np.nan] * 3]
    assert_allclose(posterior_mode(ON_SUPPORT, 2, support=SUPPORT), expected, rtol=1e-15)


def test_only_possible_transition_is_certain_even_where_alpha_has_no_mode():
    mode = posterior_mode([[0, 0], [2, 3]], 0.5, support=[[False, True], [True, True]])
    assert_allclose(mode, [[0, 1], [1.5 / 4, 2.5 / 4]], rtol=1e-15)


def test_support_in_the_mle_leaves_the_ratio():
    assert_array_equal(mle(ON_SUPPORT, support=SUPPORT), mle(ON_SUPPORT))


@pytest.mark.parametrize("estimate", [mle, posterior_mean, posterior_mode])
def test_counts_off_the_support_are_refused(estimate):
    alpha = () if estimate is mle else (1,)
    counts = ON_SUPPORT.copy()
    counts[1, 2] = 1
    with pytest.raises(ValueError, match=r"counts has 1 at index \(1, 2\).*impossible"):
        estimate(counts, *alpha, support=SUPPORT)


def test_impossible_histories_are_undefined_in_the_mle():
    case = next(case for case in CASES if case.order == 2)
    estimate = mle(case.table)
    assert np.isnan(estimate[1:, 0]).all()
    assert not np.isnan(estimate[0, 0]).any()


PSEUDO_COUNTS = {"laplace": 1.0, "jeffreys": 0.5, "perks": 1 / 3}


@pytest.mark.parametrize("name", PSEUDO_COUNTS)
def test_additive_estimators_add_their_pseudo_count(name):
    beta = PSEUDO_COUNTS[name]
    expected = (TABLE + beta) / (TABLE.sum(axis=1, keepdims=True) + 3 * beta)
    assert_allclose(ESTIMATORS[name](TABLE), expected, rtol=1e-14)
    assert_allclose(additive_smoothing(TABLE, beta), expected, rtol=1e-14)


def test_laplace_and_the_count_ratio_on_textbook_counts():
    """Sunrise: Laplace's (n + 1) / (n + 2) after n successes and no failure."""
    assert_allclose(ESTIMATORS["laplace"]([9, 0]), [10 / 11, 1 / 11], rtol=1e-15)


def test_huge_counts_keep_their_digits():
    counts = [[2**53 - 1, 1], [3, 2**60]]
    assert_allclose(mle(counts)[0], [1 - 2.0**-53, 2.0**-53], rtol=1e-15)
    assert_allclose(mle(counts)[1], [3 / 2**60, 1], rtol=1e-15)


def test_fractional_counts_are_accepted():
    assert_allclose(mle([[0.25, 0.5], [0.0, 1e-9]]), [[1 / 3, 2 / 3], [0, 1]], rtol=1e-15)


def order_one(case: Case):
    return case.order == 1 and case.n_states > 1


@pytest.mark.parametrize("case", [case for case in CASES if order_one(case)], ids=str)
def test_square_table_gives_the_rows_below_the_start(case):
    for estimate in (mle, lambda n: posterior_mean(n, 0.5), lambda n: posterior_mode(n, 2)):
        assert_array_equal(estimate(case.table[1:]), estimate(case.table)[1:])
