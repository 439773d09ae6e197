"""Probabilities of paths, and simulation."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    count_transitions,
    log_likelihood,
    log_probability,
    mle,
    simulate,
)
from cases import CASES, FIRST_ORDER, WITH_PATHS, WITH_TRUTH, Case
from oracles import all_paths, path_log_probability

STANDARD_ERRORS = 5


def random_matrix(case: Case, rng):
    """Skewed rows, of the shape of the case's table."""
    K = case.n_states
    return rng.dirichlet(np.linspace(0.5, 2, K), size=case.table.shape[:-1])


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_log_probability_is_the_sum_along_the_path(case):
    A = random_matrix(case, np.random.default_rng(1))
    for path in case.paths:
        assert_allclose(log_probability(A, path), path_log_probability(A, path), rtol=1e-13)


@pytest.mark.parametrize("case", WITH_PATHS, ids=str)
def test_log_likelihood_is_the_sum_over_paths(case):
    A = random_matrix(case, np.random.default_rng(2))
    expected = sum(path_log_probability(A, path) for path in case.paths)
    assert_allclose(log_likelihood(A, case.table, order=case.order), expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_likelihood_of_the_mle_is_always_defined(case):
    value = log_likelihood(mle(case.table), case.table, order=case.order)
    assert np.isfinite(value)


@pytest.mark.parametrize("length", [1, 2, 4])
@pytest.mark.parametrize("case", [c for c in FIRST_ORDER if c.truth], ids=str)
def test_all_paths_of_a_length_have_probability_one(case, length):
    paths = all_paths(case.n_states, length)
    total = math.fsum(np.exp(log_probability(case.matrix, path)) for path in paths)
    assert_allclose(total, 1, rtol=1e-12)


def test_the_start_is_part_of_the_likelihood():
    A = [[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]
    assert_allclose(log_probability(A, [1]), np.log(0.75), rtol=1e-15)
    assert_allclose(log_probability(A, [1, 0]), np.log(0.75 * 0.9), rtol=1e-15)


def test_rows_are_the_past_and_columns_the_future():
    A = [[1.0, 0.0], [0.2, 0.8], [0.7, 0.3]]
    assert_allclose(log_probability(A, [0, 1]), np.log(0.8), rtol=1e-15)


def test_impossible_is_minus_infinity_and_unused_zero_is_nothing():
    A = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    assert log_probability(A, [0, 0]) == -np.inf
    assert log_probability(A, [0, 1]) == 0


def test_undefined_row_counts_only_where_it_is_used():
    A = [[1.0, 0.0], [0.5, 0.5], [np.nan, np.nan]]
    assert_allclose(log_probability(A, [0, 0, 1]), np.log(0.25), rtol=1e-15)
    assert np.isnan(log_probability(A, [0, 1, 0]))


def test_long_path_does_not_underflow():
    A = [[0.5, 0.5], [0.9, 0.1], [0.5, 0.5]]
    assert_allclose(log_probability(A, [1] * 5000), 5000 * np.log(0.5), rtol=1e-13)


def test_fractional_counts_are_weights():
    A = np.array([[0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    counts = np.array([[0.5, 0.5], [1.25, 0.0], [0.0, 2.75]])
    expected = 0.5 * np.log(0.3) + 0.5 * np.log(0.7) + 1.25 * np.log(0.2) + 2.75 * np.log(0.4)
    assert_allclose(log_likelihood(A, counts), expected, rtol=1e-14)


def test_log_likelihood_of_batches_broadcasts():
    rng = np.random.default_rng(3)
    A = rng.dirichlet([1, 2, 3], size=(5, 1, 4))
    counts = rng.integers(0, 9, size=(2, 4, 3))
    got = log_likelihood(A, counts)
    expected = [[log_likelihood(a[0], n) for n in counts] for a in A]
    assert got.shape == (5, 2)
    assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize("case", [c for c in WITH_TRUTH if c.n_states > 1], ids=str)
def test_simulated_frequencies(case):
    A = case.matrix
    paths = simulate(A, 6, rng=np.random.default_rng(11), size=4000)
    counts = count_transitions(paths, case.n_states)
    departures = counts.sum(axis=1, keepdims=True)
    deviation = np.abs(counts - departures * A)
    error = np.sqrt(departures * A * (1 - A))
    assert (departures > 100).all()
    assert (deviation <= STANDARD_ERRORS * error + 1e-9).all()
    assert counts[A == 0].sum() == 0


class Constant(np.random.Generator):
    """Uniform numbers that are all the same."""

    def __init__(self, value):
        super().__init__(np.random.PCG64(1))
        self.value = value

    def random(self, size=None):
        return np.full(size if size is not None else (), self.value)


LARGEST = np.nextafter(1, 0)


@pytest.mark.parametrize(("uniform", "state"), [(0.0, 1), (LARGEST, 2)])
def test_zero_probability_never_occurs_at_the_ends_of_the_uniform(uniform, state):
    A = np.array([[0.0, 0.4, 0.6, 0.0]] * 5)
    assert_array_equal(simulate(A, 3, rng=Constant(uniform)), [state] * 3)


@pytest.mark.parametrize("short", [1e-9, -1e-9])
def test_rows_that_miss_one_by_rounding_give_no_state_out_of_range(short):
    A = np.array([[0.2, 0.3, 0.5 - short]] * 4)
    assert_array_equal(simulate(A, 4, rng=Constant(LARGEST)), [2] * 4)


def test_mass_that_is_missing_by_rounding_is_not_given_to_an_impossible_state():
    A = np.array([[0.2, 0.8 - 1e-9, 0.0]] * 4)
    assert_array_equal(simulate(A, 4, rng=Constant(LARGEST)), [1] * 4)


@pytest.mark.parametrize(
    ("size", "shape"), [(None, (7,)), (3, (3, 7)), ((2, 3), (2, 3, 7)), (0, (0, 7))]
)
def test_simulated_shape(size, shape):
    A = [[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]]
    paths = simulate(A, 7, rng=np.random.default_rng(1), size=size)
    assert paths.shape == shape
    assert paths.dtype == np.int64


def test_same_seed_same_paths_and_another_seed_others():
    A = [[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]]
    first, again, other = (
        simulate(A, 50, rng=np.random.default_rng(seed), size=2) for seed in (5, 5, 6)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])
