"""Second eigenvalue and relaxation time: by hand for two and three states, by powers for more."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytic import n_step, relaxation_time, second_eigenvalue, stationary


@pytest.mark.parametrize(
    ("p", "q"), [(0.3, 0.05), (0.9, 0.8), (0.25, 0.75), (1e-13, 3e-13), (1e-200, 2e-200)]
)
def test_two_states(p, q):
    """The eigenvalues are 1 and 1 - p - q."""
    P = [[1 - p, p], [q, 1 - q]]
    assert_allclose(second_eigenvalue(P), abs(1 - p - q), rtol=1e-14, atol=1e-16)
    expected = 1 / (p + q) if p + q < 1 else 1 / (2 - p - q)
    assert_allclose(relaxation_time(P), expected, rtol=1e-13)


def test_three_states():
    """The other two eigenvalues have sum tr P - 1 and product det P."""
    rng = np.random.default_rng(1)
    kinds = set()
    for P in rng.dirichlet([0.3, 0.5, 1], size=(200, 3)):
        trace, determinant = np.trace(P) - 1, np.linalg.det(P)
        discriminant = trace**2 / 4 - determinant
        kinds.add(discriminant > 0)
        if discriminant > 0:
            modulus = abs(trace) / 2 + math.sqrt(discriminant)
        else:
            modulus = math.sqrt(determinant)
        assert_allclose(second_eigenvalue(P), modulus, rtol=1e-6, atol=1e-7)
        assert_allclose(relaxation_time(P), 1 / (1 - modulus), rtol=1e-6)
    assert kinds == {True, False}


def test_the_distance_to_the_stationary_law_falls_at_that_rate():
    """Summed over twenty steps, as it may swing; the chain is lazy, so that rounding is far."""
    rows = np.random.default_rng(2).dirichlet([0.4, 1, 2, 0.6, 0.3], size=5)
    P = 0.8 * np.eye(5) + 0.2 * rows
    law = stationary(P)
    distance = [np.abs(n_step(P, n) - law).max() for n in range(200)]
    rate = (sum(distance[150:170]) / sum(distance[50:70])) ** (1 / 100)
    assert_allclose(rate, second_eigenvalue(P), rtol=2e-3)
    assert 0.85 < second_eigenvalue(P) < 0.95


def test_rows_sum_to_one_after_very_many_steps():
    P = np.random.default_rng(3).dirichlet([0.4, 1, 2], size=3)
    assert_allclose(n_step(P, 10**15), np.tile(stationary(P), (3, 1)), rtol=1e-12)


def test_alofi_eigenvalue():
    """Daily rain on Alofi: eigenvalues 1, .4106146101, .0462103575."""
    counts = np.array([[362, 126, 60], [136, 90, 68], [50, 79, 124]])
    P = counts / counts.sum(axis=1, keepdims=True)
    assert_allclose(second_eigenvalue(P), 0.4106146101, rtol=0, atol=0.5e-10)


NEVER_FORGET = {
    "period two": [[0, 0.7, 0.3], [1, 0, 0], [1, 0, 0]],
    "period three": [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    "two classes": [[1, 0, 0], [0, 0.2, 0.8], [0, 0.4, 0.6]],
    "transient into a cycle": [[0.5, 0.3, 0.2], [0, 0, 1], [0, 1, 0]],
    "nothing happens": [[1, 0], [0, 1]],
}


@pytest.mark.parametrize("name", NEVER_FORGET)
def test_chains_that_never_forget_their_start(name):
    assert second_eigenvalue(NEVER_FORGET[name]) == 1
    assert relaxation_time(NEVER_FORGET[name]) == np.inf


def test_reducible_chain_with_one_closed_class_forgets():
    P = [[0.5, 0.5], [0, 1]]
    assert_allclose([second_eigenvalue(P), relaxation_time(P)], [0.5, 2], rtol=1e-14)


def test_one_state_and_independent_draws_have_nothing_to_forget():
    for P in ([[1.0]], [[0.25, 0.75], [0.25, 0.75]]):
        assert second_eigenvalue(P) == 0
        assert relaxation_time(P) == 1


def test_slow_chain_keeps_its_digits():
    quick = np.array([[0, 0.7, 0.3], [0.2, 0, 0.1], [0.4, 0.2, 0]])
    rates = np.diag(quick.sum(axis=1)) - quick
    gap = np.sort(np.linalg.eigvals(rates).real)[1]
    slow = np.eye(3) - 1e-14 * rates
    slow = np.where(np.eye(3) > 0, slow, 1e-14 * quick)
    assert_allclose(relaxation_time(slow), 1e14 / gap, rtol=1e-10)


def test_gap_that_rounding_hides_is_not_made_up():
    """Two pairs of states with hardly a way between: the gap is of the order 1e-200."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        P = np.zeros((4, 4))
        P[:2, :2], P[2:, 2:] = rng.dirichlet([1, 1], size=(2, 2))
        P[0, 3] = P[2, 1] = 1e-200
        assert second_eigenvalue(P) <= 1
        assert relaxation_time(P) == np.inf


def test_forgetting_against_powers_of_the_arrows():
    """Forgets exactly if some state can be reached from all after one number of steps."""
    rng = np.random.default_rng(3)
    answers = []
    for _ in range(300):
        n_states = int(rng.integers(1, 6))
        arrows = rng.random((n_states, n_states)) < 0.25
        arrows[np.arange(n_states), rng.integers(0, n_states, n_states)] = True
        P = arrows / arrows.sum(axis=1, keepdims=True)
        reach = [{i} for i in range(n_states)]
        forgets = n_states == 1
        for _ in range(n_states**2 + 1):
            reach = [{j for m in found for j in range(n_states) if arrows[m, j]} for found in reach]
            forgets = forgets or bool(set.intersection(*reach))
        answers.append(forgets)
        assert (second_eigenvalue(P) < 1) == forgets
        assert (relaxation_time(P) < np.inf) == forgets
    assert 50 < sum(answers) < 290
