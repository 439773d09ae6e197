"""The coordinates of the sampler: there and back, and what the Jacobian is."""

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayes_markov.stick_breaking import StickBreaking

STICKS = StickBreaking()
ROWS = np.array(
    [
        [0.2, 0.5, 0.1, 0.2],
        [1e-200, 0.3, 0.7, 1e-300],
        [0.9999999, 5e-8, 3e-8, 2e-8],
        [1e-9, 1e-12, 1e-15, 1.0],
    ]
)
ROWS /= ROWS.sum(axis=-1, keepdims=True)


def coordinates(rows):
    return STICKS.forward(pt.as_tensor(rows)).eval()


def rows_at(y):
    return STICKS.backward(pt.as_tensor(y)).eval()


def test_there_and_back():
    y = coordinates(ROWS)
    assert y.shape == (4, 3)
    assert_allclose(rows_at(y), ROWS, rtol=1e-12)
    wild = np.random.default_rng(1).normal(0, 8, size=(50, 3))
    assert_allclose(coordinates(rows_at(wild)), wild, rtol=1e-9)


@pytest.mark.parametrize("n_states", [2, 3, 7])
def test_uniform_row_is_at_zero_and_rows_sum_to_one(n_states):
    assert_allclose(rows_at(np.zeros(n_states - 1)), np.full(n_states, 1 / n_states), rtol=1e-14)
    far = np.random.default_rng(2).normal(0, 300, size=(20, n_states - 1))
    assert_allclose(rows_at(far).sum(axis=-1), 1, rtol=1e-12)


def test_jacobian_is_that_of_differences_and_the_product_of_the_row():
    y = np.random.default_rng(3).normal(0, 1.5, size=(6, 3))
    found = STICKS.log_jac_det(pt.as_tensor(y)).eval()
    for one, log_jacobian in zip(y, found, strict=True):
        steps = 1e-5 * np.eye(3)
        columns = [(rows_at(one + h) - rows_at(one - h))[:3] / 2e-5 for h in steps]
        assert_allclose(np.linalg.slogdet(np.array(columns))[1], log_jacobian, rtol=0, atol=1e-8)
    assert_allclose(found, np.log(rows_at(y)).sum(axis=-1), rtol=1e-12)
