"""Posterior means in closed form: against moments multiplied out, against draws, against print."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import entr

from analytic import DirichletRows, n_step, posterior_mean_row_entropy, posterior_mean_two_steps

ALPHAS = {
    "flat with data": 1 + np.array([[3, 1, 0], [0, 2, 5], [4, 0, 1]]),
    "small": [[0.1, 0.5], [0.02, 2.0]],
    "one state": [[3.0]],
}
# Daily rain on Alofi under a flat prior; source in test_published.
ALOFI = 1 + np.array([[362, 126, 60], [136, 90, 68], [50, 79, 124]])
STANDARD_ERRORS = 5


def two_steps_by_paths(alpha):
    """E[P_il P_lj] for every path, the two cells of one row by their joint second moment."""
    alpha = np.asarray(alpha, dtype=float)
    K, total = len(alpha), alpha.sum(axis=1)
    result = np.zeros((K, K))
    for i, step, j in product(range(K), repeat=3):
        first, second = alpha[i, step], alpha[step, j]
        if step != i:
            result[i, j] += first / total[i] * second / total[step]
        elif step == j:
            result[i, j] += first * (first + 1) / (total[i] * (total[i] + 1))
        else:
            result[i, j] += first * second / (total[i] * (total[i] + 1))
    return result


@pytest.mark.parametrize("name", ALPHAS)
def test_two_steps_path_by_path(name):
    mean = posterior_mean_two_steps(ALPHAS[name])
    assert_allclose(mean, two_steps_by_paths(ALPHAS[name]), rtol=1e-13)
    assert_allclose(mean.sum(axis=1), 1, rtol=1e-13)


def test_two_steps_are_the_mean_of_the_draws():
    alpha = np.array(ALPHAS["flat with data"])
    draws = n_step(DirichletRows(alpha).sample(np.random.default_rng(1), size=20_000), 2)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    off = np.abs(draws.mean(axis=0) - posterior_mean_two_steps(alpha))
    assert (off < STANDARD_ERRORS * error).all()
    square_of_mean = n_step(DirichletRows(alpha).mean(), 2)
    assert (np.abs(square_of_mean - posterior_mean_two_steps(alpha)) > 5 * error).any()


def test_two_steps_of_batches_and_with_impossible_steps():
    alpha = np.random.default_rng(2).gamma(1, size=(4, 3, 3))
    expected = [two_steps_by_paths(a) for a in alpha]
    assert_allclose(posterior_mean_two_steps(alpha), expected, rtol=1e-12)
    support = np.array([[True, True, False], [False, True, True], [True, False, True]])
    got = posterior_mean_two_steps(alpha[0], support=support)
    assert_allclose(got, two_steps_by_paths(alpha[0] * support), rtol=1e-12)


def test_two_steps_through_a_row_without_a_step_are_undefined():
    support = np.array([[True, True, False], [True, False, True], [False, False, False]])
    got = posterior_mean_two_steps(np.ones((3, 3)), support=support)
    assert np.isnan(got).all(axis=1).tolist() == [False, True, True]
    assert np.isfinite(got[0]).all()


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3)])
def test_two_steps_among_the_states_only(shape):
    message = r"alpha must have shape \(\.\.\., K, K\), got .*" + (
        r"pass alpha\[\.\.\., 1:, :\]" if shape == (4, 3) else ""
    )
    with pytest.raises(ValueError, match=message):
        posterior_mean_two_steps(np.ones(shape))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2.5, 1.5), (7, 2)])
def test_row_entropy_by_integral(a, b):
    row = DirichletRows([a, b])
    expected, _ = quad(lambda p: (entr(p) + entr(1 - p)) * np.exp(row.log_pdf([p, 1 - p])), 0, 1)
    assert_allclose(posterior_mean_row_entropy([a, b]), expected, rtol=1e-9)


def test_row_entropy_is_the_mean_of_the_draws():
    alpha = np.array([[0.3, 2, 1, 0.1], [5, 1, 0.5, 9]])
    draws = entr(DirichletRows(alpha).sample(np.random.default_rng(3), size=20_000)).sum(axis=-1)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - posterior_mean_row_entropy(alpha)) < 5 * error).all()


def test_alofi_row_entropies():
    """Computed once from the published table with an independent program."""
    expected = [0.8550357276, 1.0550907259, 1.0310312004]
    assert_allclose(posterior_mean_row_entropy(ALOFI), expected, rtol=0, atol=0.5e-10)


def test_row_entropy_of_certainty_and_of_nothing():
    support = [[True, False], [False, False], [True, True]]
    got = posterior_mean_row_entropy(np.ones((3, 2)), support=support)
    assert_allclose(got, [0, np.nan, 0.5], rtol=1e-14, atol=1e-15)
