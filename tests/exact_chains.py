"""Chains in fractions and in complex numbers: what the functionals are compared with.

Every value is found from the definition by loops over states. Fractions know neither rounding nor
underflow; complex numbers give derivatives without a difference.
"""

from fractions import Fraction

import numpy as np


def as_fractions(P):
    """Off the diagonal exactly what the floats say; the diagonal makes rows sum to one."""
    exact = [[Fraction(float(p)) for p in row] for row in P]
    for i, row in enumerate(exact):
        row[i] = 1 - sum(p for j, p in enumerate(row) if j != i)
    return exact


def solve(matrix, right):
    """Gauss-Jordan elimination in any arithmetic, the largest pivot first."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        best = max(range(k, len(rows)), key=lambda i: abs(rows[i][k]))
        rows[k], rows[best] = rows[best], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def stationary_law(P):
    """Balance of every state but the last, and a sum of one."""
    K, one = len(P), 0 * P[0][0] + 1  # of the type of P: 1 / 1 would be a float
    equations = [[P[i][j] - (i == j) for i in range(K)] for j in range(K - 1)]
    return solve([*equations, [one] * K], [0 * one] * (K - 1) + [one])


def passage_times(P):
    """First-step analysis: one step, and then on from wherever it led, unless that is j."""
    K = len(P)
    times = [[0] * K for _ in range(K)]
    for j in range(K):
        others = [i for i in range(K) if i != j]
        if others:
            equations = [[(i == k) - P[i][k] for k in others] for i in others]
            for i, time in zip(others, solve(equations, [1] * len(others)), strict=True):
                times[i][j] = time
    return times


def entropy(P):
    """Stationary mean of the entropies of the rows; floats or complex numbers."""
    law, total = stationary_law(P), 0.0
    for i, row in enumerate(P):
        for p in row:
            if p != 0:
                total -= law[i] * p * np.log(p)
    return total


def product(P, Q):
    """Matrix product."""
    K = len(P)
    return [[sum(P[i][m] * Q[m][j] for m in range(K)) for j in range(K)] for i in range(K)]


def power(P, steps):
    """Multiply by P once for every step."""
    result = [[Fraction(i == j) for j in range(len(P))] for i in range(len(P))]
    for _ in range(steps):
        result = product(result, P)
    return result


def floats(values):
    """Nested lists of fractions as an array; what is beyond float64 is inf or 0."""

    def convert(value):
        try:
            return float(value)
        except OverflowError:
            return float("inf")

    nested = np.array(values, dtype=object)
    return np.array([convert(x) for x in nested.ravel()]).reshape(nested.shape)


def delta_se_by_loops(function, table):
    """Gradient by complex steps, then g' (diag p - p p') g / n, row by row and term by term.

    `function` takes nested lists of complex numbers and returns an array of any shape.
    """
    K = len(table)
    n = [sum(int(x) for x in row) for row in table]
    p = [[int(x) / n[i] for x in row] for i, row in enumerate(table)]
    step = 1e-30
    gradient = {}
    for i in range(K):
        for j in range(K):
            moved = [[complex(x) for x in row] for row in p]
            moved[i][j] += 1j * step
            gradient[i, j] = np.imag(np.array(function(moved), dtype=complex)) / step
    variance = 0.0
    for i in range(K):
        for j in range(K):
            for k in range(K):
                covariance = (p[i][j] * (j == k) - p[i][j] * p[i][k]) / n[i]
                variance = variance + gradient[i, j] * covariance * gradient[i, k]
    return np.sqrt(variance)
