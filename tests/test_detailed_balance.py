"""The reversible estimate: in balance, at the maximum, and defined only where there is one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from analytic import mle, reversible, stationary
from count_tables import RAIN, TABLES


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
