"""Empirical Bayes where some transitions are impossible, against slow searches row by row."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize
from scipy.special import digamma

from analytic import (
    empirical_alpha,
    empirical_alpha_vector,
    empirical_bayes,
    empirical_bayes_vector,
    log_evidence,
    posterior_mean,
)

# No state follows itself.
MOVES = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=bool)
# A state never goes back; the last is left for itself alone.
FORWARD = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]], bool)
CASES = [
    (MOVES, [[1, 0, 0], [0, 9, 2], [3, 0, 14], [8, 1, 0]]),
    (MOVES, [[4, 1, 2], [0, 90, 2], [0, 0, 7], [8, 1, 0]]),
    (MOVES, [[0.5, 0.25, 2], [0, 3.5, 2], [1.25, 0, 7], [8, 1.75, 0]]),
    (FORWARD, [[3, 1, 0, 0], [20, 6, 1, 0], [0, 9, 8, 1], [0, 0, 1, 7], [0, 0, 0, 40]]),
    (FORWARD, [[9, 0, 1, 0], [2, 6, 0, 1], [0, 1, 15, 1], [0, 0, 0, 0], [0, 0, 0, 3]]),
    (
        [[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 1]],
        [[3, 0, 0, 9], [7, 0, 2, 2], [0, 6, 1, 0], [5, 5, 0, 1], [0, 0, 12, 1]],
    ),
]
CASES = [(np.array(mask, dtype=bool), np.array(counts)) for mask, counts in CASES]


def evidence(counts, mask, alpha):
    """Log evidence, one row after the other, of what is possible in it."""
    alpha = np.broadcast_to(alpha, counts.shape[-1])
    return sum(
        log_evidence(row[None, ways], alpha[ways])
        for row, ways in zip(counts, mask, strict=True)
        if ways.any()
    )


def slope(counts, mask, alpha):
    """Derivative with respect to every parameter, one cell after the other."""
    alpha, total = np.broadcast_to(alpha, counts.shape[-1]), np.zeros(counts.shape[-1])
    for row, ways in zip(counts, mask, strict=True):
        for j in np.flatnonzero(ways):
            total[j] += digamma(alpha[j] + row[j]) - digamma(alpha[j])
            total[j] -= digamma(alpha[ways].sum() + row.sum()) - digamma(alpha[ways].sum())
    return total


@pytest.mark.parametrize(("mask", "counts"), CASES)
def test_symmetric_alpha_has_the_highest_evidence(mask, counts):
    grid = np.linspace(-10, 10, 400)
    heights = [evidence(counts, mask, math.exp(x)) for x in grid]
    k = int(np.argmax(heights))
    best = brentq(lambda x: slope(counts, mask, math.exp(x)).sum(), grid[k - 1], grid[k + 1])
    a = empirical_alpha(counts, support=mask)
    assert_allclose(a, math.exp(best), rtol=1e-8)
    A = empirical_bayes(counts, support=mask)
    assert_allclose(A, posterior_mean(counts, a, support=mask), rtol=1e-14)


def best_vector(mask, counts):
    """Highest evidence over the vector of parameters, from many starts."""
    rng = np.random.default_rng(7)
    starts = [np.full(counts.shape[-1], x) for x in (-2.0, 0.0, 2.0, 5.0)]
    runs = [
        minimize(
            lambda x: -evidence(counts, mask, np.exp(x)),
            start,
            jac=lambda x: -slope(counts, mask, np.exp(x)) * np.exp(x),
            method="L-BFGS-B",
            bounds=[(-20, 14)] * len(start),
            options={"gtol": 1e-9, "ftol": 1e-16},
        )
        for start in [*starts, *rng.normal(0, 2, size=(2, counts.shape[-1]))]
    ]
    best = min(runs, key=lambda result: result.fun)
    return np.exp(best.x), -best.fun


@pytest.mark.parametrize(("mask", "counts"), [case for k, case in enumerate(CASES) if k != 3])
def test_vector_alpha_has_the_highest_evidence(mask, counts):
    alpha = empirical_alpha_vector(counts, support=mask)
    expected, height = best_vector(mask, counts)
    assert_allclose(alpha, expected, rtol=1e-5)
    assert evidence(counts, mask, alpha) >= height - 1e-9
    assert_allclose(slope(counts, mask, alpha) * alpha, 0, atol=1e-9 * counts.sum())
    A = empirical_bayes_vector(counts, support=mask)
    assert_allclose(A, posterior_mean(counts, alpha, support=mask), rtol=1e-14)


def test_vector_alpha_of_random_tables_is_not_beaten():
    rng = np.random.default_rng(8)
    compared = 0
    for _ in range(6):
        mask = rng.random((4, 3)) < 0.75
        A = rng.dirichlet([0.5, 1.5, 1.0], size=4) * mask
        counts = rng.poisson(A * rng.choice([3, 30, 300], size=(4, 1)))
        alpha = empirical_alpha_vector(counts, support=mask)
        if np.isfinite(alpha).all() and alpha.all():
            assert evidence(counts, mask, alpha) >= best_vector(mask, counts)[1] - 1e-8
            compared += 1
    assert compared >= 3


def test_minkas_fixed_point_leads_to_the_same_alpha():
    mask, counts = CASES[0]
    alpha = np.ones(3)
    for _ in range(5000):
        sums = np.where(mask, alpha, 0).sum(axis=1)
        up = np.where(mask, digamma(alpha + counts) - digamma(alpha), 0).sum(axis=0)
        down = (mask * (digamma(sums + counts.sum(axis=1)) - digamma(sums))[:, None]).sum(axis=0)
        alpha = alpha * up / down
    assert_allclose(empirical_alpha_vector(counts, support=mask), alpha, rtol=1e-8)


def test_a_row_with_one_way_says_nothing():
    mask, counts = CASES[4]
    more = counts.copy()
    more[4, 3] = 500
    for parameters in (empirical_alpha, empirical_alpha_vector):
        assert_allclose(parameters(more, support=mask), parameters(counts, support=mask), rtol=1e-9)
    for estimate in (empirical_bayes, empirical_bayes_vector):
        assert_array_equal(estimate(more, support=mask)[4], [0, 0, 0, 1])


def test_the_sign_of_the_derivative_at_infinity_counts_the_ways_of_each_row():
    rng = np.random.default_rng(9)
    for _ in range(200):
        counts = rng.poisson(4, size=(4, 3)) * MOVES
        excess = Fraction(int((counts * (counts - 1)).sum()))
        for row, ways in zip(counts, MOVES, strict=True):
            excess -= Fraction(int(row.sum() * (row.sum() - 1)), int(ways.sum()))
        if excess > 0:
            assert np.isfinite(empirical_alpha(counts, support=MOVES))
        elif excess < 0:
            a = empirical_alpha(counts, support=MOVES)
            limit = -(counts.sum(axis=1) * np.log(MOVES.sum(axis=1))).sum()
            assert a == np.inf or evidence(counts, MOVES, a) > limit
    level = np.where(MOVES, 6, 0)
    assert empirical_alpha(level, support=MOVES) == np.inf
    uniform = MOVES / MOVES.sum(axis=1, keepdims=True)
    assert_array_equal(empirical_bayes(level, support=MOVES), uniform)


def test_symmetric_evidence_that_only_falls_or_is_level():
    certain = np.array([[0, 0, 0], [0, 4, 0], [0, 0, 2], [1, 0, 0]])
    assert empirical_alpha(certain, support=MOVES) == 0
    A = empirical_bayes(certain, support=MOVES)
    assert_allclose(A, [[1 / 3] * 3, [0, 1, 0], [0, 0, 1], [1, 0, 0]], rtol=1e-15)
    single = np.minimum(certain, 1)
    assert np.isnan(empirical_alpha(single, support=MOVES))
    assert np.isnan(empirical_bayes(single, support=MOVES)).all()
    one_way = MOVES & (np.arange(3) != 2)
    one_way[2] = [False, False, True]
    A = empirical_bayes(single, support=one_way)
    assert_array_equal(A[1:3], [[0, 1, 0], [0, 0, 1]])
    assert np.isnan(A[[0, 3]]).all()


def test_rows_that_differ_only_in_what_is_possible():
    """Counts in proportion to (5, 3, 2) wherever possible: the maximum is at infinity."""
    share = np.array([0.5, 0.3, 0.2])
    counts = np.array([[0, 0, 0], [50, 30, 0], [0, 30, 20], [50, 0, 20]])
    mask = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=bool)
    assert_array_equal(empirical_alpha_vector(counts, support=mask), [np.inf] * 3)
    expected = mask * share / (mask * share).sum(axis=1, keepdims=True)
    assert_allclose(empirical_bayes_vector(counts, support=mask), expected, rtol=1e-8)


def test_groups_of_states_are_problems_of_their_own():
    left = np.array([[9, 1], [2, 7], [0, 4]])
    right = np.array([[5, 5, 0], [4, 6, 0]])
    counts, mask = np.zeros((7, 5), dtype=int), np.zeros((7, 5), dtype=bool)
    counts[:3, :2], mask[:3, :2] = left, True
    counts[3:5, 2:], mask[3:5, 2:] = right, True
    mask[5] = [True, True, False, False, False]
    mask[6] = True
    alpha = empirical_alpha_vector(counts, support=mask)
    assert_allclose(alpha[:2], empirical_alpha_vector(left), rtol=1e-12)
    assert_array_equal(alpha[2:], [np.inf, np.inf, 0])
    A = empirical_bayes_vector(counts, support=mask)
    assert_allclose(A[:3, :2], empirical_bayes_vector(left), rtol=1e-12)
    assert_allclose(A[3:5, 2:], empirical_bayes_vector(right), rtol=1e-12)
    assert_allclose(A[5], [*(alpha[:2] / alpha[:2].sum()), 0, 0, 0], rtol=1e-12)
    # Beside an infinite parameter a finite one counts for nothing.
    assert_allclose(A[6], [0, 0, 9 / 20, 11 / 20, 0], rtol=1e-12)
    counts[:3, :2] = [[5, 5], [6, 4], [5, 6]]  # now both groups are at infinity
    A = empirical_bayes_vector(counts, support=mask)
    assert np.isnan(A[6]).all()
    assert_allclose(A[5, :2], counts[:3, :2].sum(axis=0) / 31, rtol=1e-12)


def test_a_state_that_loses_to_another_where_both_are_possible():
    """State 2 was entered only where nothing else was possible, and never from the last row."""
    mask = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0], [1, 1, 1]], dtype=bool)
    counts = np.array([[0, 0, 0], [0, 0, 30], [0, 1, 0], [0, 2, 0]])
    A = empirical_bayes_vector(counts, support=mask)
    assert_array_equal(A, [[0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 1, 0]])
    # One transition less, and state 0 as likely: the two can be told apart no more.
    mask[0] = [True, True, False]
    counts[3] = [1, 1, 0]
    A = empirical_bayes_vector(counts, support=mask)
    assert_allclose(A[[0, 3]], [[0.5, 0.5, 0], [0.5, 0.5, 0]], rtol=1e-12)


def test_a_chain_of_states_that_lose():
    """State 3 loses to 1 in row 1; without 3's other comparison, which it won, 1 stands alone."""
    mask = np.array([[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 1, 1]], bool)
    counts = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0], [0, 0, 0, 1]])
    A = empirical_bayes_vector(counts, support=mask)
    assert_array_equal(A[1:], counts[1:] > 0)
    assert_array_equal(A[0], [0, 1, 0, 0])
    assert_array_equal(empirical_alpha_vector(counts, support=mask), [0, np.inf, 0, 0])


def test_one_parameter_can_be_infinite_beside_finite_ones():
    """State 0 wins all of its comparisons; 1 and 2 differ from row to row."""
    mask = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 1], [1, 0, 1]], dtype=bool)
    counts = np.array([[40, 0, 0], [0, 30, 2], [0, 3, 28], [9, 0, 1]])
    counts[3] = [9, 0, 0]
    alpha = empirical_alpha_vector(counts, support=mask)
    assert alpha[0] == np.inf
    assert_allclose(alpha[1:], empirical_alpha_vector(counts[1:3, 1:]), rtol=1e-6)
    A = empirical_bayes_vector(counts, support=mask)
    assert_array_equal(A[[0, 3]], [[1, 0, 0], [1, 0, 0]])
    assert_allclose(A[1:3, 1:], empirical_bayes_vector(counts[1:3, 1:]), rtol=1e-6)


def test_vector_where_every_row_is_certain():
    """Concentration tends to zero; the shares are those of the first choices."""
    mask = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
    counts = np.array([[5, 0, 0], [7, 0, 0], [0, 4, 0], [0, 0, 3], [0, 0, 0]])

    def loss(x):
        p = np.exp([x[0], x[1], 0.0])
        chosen = [(0, 1), (0, 1), (1, 2), (2, 0)]
        return -sum(math.log(p[i] / (p[i] + p[j])) for i, j in chosen)

    p = np.exp([*minimize(loss, [0.1, 0.2], options={"gtol": 1e-10}).x, 0.0])
    assert_array_equal(empirical_alpha_vector(counts, support=mask), [0, 0, 0])
    A = empirical_bayes_vector(counts, support=mask)
    assert_array_equal(A[:4], counts[:4] > 0)
    assert_allclose(A[4], p / p.sum(), rtol=1e-6)
