"""Chains of the studies, and their risk and coverage as sums over tables of counts."""

import math
from functools import cache

import numpy as np
from numpy.testing import assert_array_equal

import analytic
from analytic import (
    ESTIMATORS,
    INTERVALS,
    count_table_distribution,
    mle,
)
from bayes_markov import coverage_study, risk_study
from bayes_markov.study.losses import LOSSES

TWO = [[0.35, 0.65], [0.8, 0.2], [0.4, 0.6]]
THREE = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
# State 2 never follows state 0, so that the divergence can be finite in spite of a zero.
HOLE = [[0.2, 0.5, 0.3], [0.7, 0.3, 0.0], [0.25, 0.35, 0.4], [0.3, 0.6, 0.1]]
ABSORBING = [[0.9, 0.1], [0.7, 0.3], [0.0, 1.0]]
CASES = {"two": (TWO, 7), "three": (THREE, 5), "hole": (HOLE, 6)}
DETERMINISTIC = [name for name in INTERVALS if name != "bootstrap"]
LIMIT = 4.0
"""Largest deviation, in Monte Carlo standard errors."""


def laplace_twice(counts):
    """Add two."""
    table = np.asarray(counts) + 2.0
    return table / table.sum(axis=-1, keepdims=True)


def poisson(counts, *, prob):
    """Take sqrt(n_ij) / n_i for the standard error, which is wrong."""
    p = mle(counts)
    n = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    half = -analytic.marginal._z(prob) * np.sqrt(counts) / n
    return p + half, p - half


def assert_within(got, error, expected, floor=1e-12):
    """Compare within Monte Carlo error; the same entries are NaN."""
    got, error, expected = (np.asarray(x, dtype=float) for x in (got, error, expected))
    assert_array_equal(np.isnan(got), np.isnan(expected))
    difference = np.abs(got - expected)
    assert (np.isnan(difference) | (difference <= LIMIT * error + floor)).all(), (
        np.nanmax(difference / np.maximum(error, floor)),
        expected,
    )


def weights_by_hand(name, A, length):
    """Weights of the states, from powers of the matrix."""
    P = np.array(A)[1:]
    if name == "log_score":
        laws = [np.array(A[0]) @ np.linalg.matrix_power(P, t) for t in range(length - 1)]
        return np.mean(laws, axis=0)
    return np.linalg.matrix_power(P, 4096)[0]


def loss_by_hand(name, A, estimate, table, fixed_weights):
    """Loss of one estimate, with loops and the text of the definition."""
    K = len(A[0])

    def row(i):
        if np.isnan(estimate[i]).any():
            return math.nan
        if name == "squared_error":
            return sum((A[i][j] - estimate[i, j]) ** 2 for j in range(K))
        if name == "total_variation":
            return max(
                sum(A[i][j] - estimate[i, j] for j in range(K) if mask >> j & 1)
                for mask in range(2**K)
            )
        total = 0.0
        for j in range(K):
            if A[i][j] > 0 and estimate[i, j] == 0:
                return math.inf
            if A[i][j] > 0:
                surprise = -math.log(estimate[i, j])
                total += A[i][j] * (surprise + (name != "log_score") * math.log(A[i][j]))
        return total

    # Every state but the last is left as often as it is entered.
    is_last = table.sum(axis=0) - table[1:].sum(axis=1)
    weights = is_last if name == "prediction" else fixed_weights
    return sum(weights[i] * row(i + 1) for i in range(K) if weights[i] > 0)


@cache
def risks_by_tables(case, estimator):
    """Exact mean of the finite losses, and probabilities of undefined and infinite, by loss."""
    A, length = CASES[case]
    tables, probability = count_table_distribution(A, length)
    estimates = ESTIMATORS[estimator](tables)
    answers = {}
    for name in LOSSES:
        weights = weights_by_hand(name, A, length)
        losses = np.array(
            [
                loss_by_hand(name, A, estimate, table, weights)
                for estimate, table in zip(estimates, tables, strict=True)
            ]
        )
        finite = np.isfinite(losses)
        mass = probability[finite].sum()
        mean = probability[finite] @ losses[finite] / mass if mass > 0 else math.nan
        answers[name] = (
            mean,
            probability[np.isnan(losses)].sum(),
            probability[np.isinf(losses)].sum(),
        )
    return answers


@cache
def simulated_risk(case):
    A, length = CASES[case]
    return risk_study(A, lengths=[length, 2], replicates=12_000, seed=11).sel(length=length)


@cache
def simulated_coverage(case):
    A, length = CASES[case]
    study = coverage_study(
        A, lengths=[length], intervals=DETERMINISTIC, prob=0.8, replicates=6000, seed=12
    )
    return study.sel(length=length)
