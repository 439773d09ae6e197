"""Goodman's and Sison and Glaz's intervals: published examples and slow versions of them."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import brentq

from analytic.simultaneous import goodman, sison_glaz

# The example of Sison and Glaz (1995), JASA 90, 366-369.
SEVEN = (56, 72, 73, 59, 62, 87, 58)
UNEVEN = (1,) * 10 + (12,) * 10 + (5,) * 10 + (3,) * 10 + (4,) * 10


@pytest.mark.parametrize("prob", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("row", [(3, 1, 0), (7, 0), (12, 5, 83, 0), (0.5, 2.25, 1)], ids=str)
def test_goodman_solves_its_quadratic(row, prob):
    n, k = sum(row), len(row)
    c = stats.chi2.isf((1 - prob) / k, 1)
    low, high = goodman(row, prob=prob)
    for j, x in enumerate(row):
        # n (p - q)^2 = c q (1 - q), in powers of q.
        roots = np.sort(np.roots([n + c, -(2 * x + c), x * x / n]).real)
        assert_allclose([low[j], high[j]], roots, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "row, low, high, digits",
    [
        # Goodman (1965), Technometrics 7, 247-254: 220 psychiatric patients; limits as computed
        # by the R package DescToolsX 0.1, example of multinomCI.
        (
            (91, 49, 37, 43),
            (0.3342025, 0.1608587, 0.1145513, 0.1374690),
            (0.4978332, 0.2998874, 0.2401121, 0.2702358),
            7,
        ),
        # R package CoinMinD 1.1, example of GM.
        (
            (44, 55, 43, 32, 67, 78),
            (0.09468368, 0.12376893, 0.09208527, 0.06412671, 0.15637944, 0.18692732),
            (0.1966413, 0.2350489, 0.1931040, 0.1535697, 0.2760670, 0.3130119),
            7,
        ),
        # Printed by Sison and Glaz for comparison, three digits.
        (
            SEVEN,
            (0.085, 0.115, 0.116, 0.091, 0.096, 0.143, 0.089),
            (0.166, 0.204, 0.207, 0.173, 0.181, 0.239, 0.171),
            3,
        ),
    ],
    ids=["patients", "six cells", "seven cells"],
)
def test_goodman_published(row, low, high, digits):
    ours = goodman(row, prob=0.95)
    assert_allclose(ours[0], low, rtol=0, atol=0.51 * 10**-digits)
    assert_allclose(ours[1], high, rtol=0, atol=0.51 * 10**-digits)


@pytest.mark.parametrize(
    "row, low, high, tolerance",
    [
        # R package DescToolsX 0.1, examples of multinomCI.
        (
            (23, 12, 44),
            (0.18987342, 0.05063291, 0.45569620),
            (0.4106703, 0.2714298, 0.6764931),
            6e-8,
        ),
        (
            (35, 74, 22, 69),
            (0.105, 0.300, 0.040, 0.275),
            (0.2513437, 0.4463437, 0.1863437, 0.4213437),
            6e-8,
        ),
        # R package CoinMinD 1.1, example of SG.
        (
            (44, 55, 43, 32, 67, 78),
            (0.0846, 0.1191, 0.0815, 0.0470, 0.1567, 0.1912),
            (0.1929, 0.2273, 0.1897, 0.1552, 0.2650, 0.2994),
            6e-5,
        ),
        # The authors' example, three digits: output of multinomCI in DescToolsX 0.1. (A table
        # reprinted beside it has .114 for the second lower limit, which is .11349.)
        (
            SEVEN,
            (0.079, 0.113, 0.116, 0.086, 0.092, 0.146, 0.084),
            (0.164, 0.199, 0.201, 0.171, 0.177, 0.231, 0.169),
            5.1e-4,
        ),
    ],
    ids=["three", "four", "six", "seven"],
)
def test_sison_glaz_published(row, low, high, tolerance):
    ours = sison_glaz(row, prob=0.95)
    assert_allclose(ours[0], low, rtol=0, atol=tolerance)
    assert_allclose(ours[1], high, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "row, high",
    [
        (SEVEN, (0.1643361, 0.1985973, 0.2007386, 0.1707601, 0.1771840, 0.2307172, 0.1686187)),
        ((5,) * 50, (0.05304026,) * 50),
        (UNEVEN, np.repeat([0.04120118, 0.08520118, 0.05720118, 0.04920118, 0.05320118], 10)),
    ],
    ids=["seven cells", "fifty equal", "fifty uneven"],
)
def test_sison_glaz_without_its_last_term(row, high):
    """Upper limits from the R package MultinomialCI, quoted in the tests of statsmodels.

    A line break in that program ends the expansion before the term in the squared skewness.
    Without it the slow version here has all printed digits; with it, both agree to four decimals.
    """
    truncated = sison_glaz_by_search(row, 0.95, last_term=False)
    assert_allclose(truncated[1], high, rtol=0, atol=6e-8)
    ours = sison_glaz(row, prob=0.95)
    assert_allclose(ours[1], high, rtol=0, atol=2e-4)
    assert (np.abs(ours[1] - high) > 1e-5).all()
    assert_allclose(ours, sison_glaz_by_search(row, 0.95), rtol=1e-9, atol=1e-15)


def nu_by_summation(row, c, last_term=True):
    """Levin's representation with moments summed over the truncated Poisson distributions."""
    n, product, moments = sum(row), 1.0, []
    for x in row:
        k = np.arange(max(x - c, 0), x + c + 1)
        weight = stats.poisson.pmf(k, x) if x else (k == 0).astype(float)
        product *= weight.sum()
        weight = weight / weight.sum()
        mean = (weight * k).sum()
        moments.append([mean, *((weight * (k - mean) ** r).sum() for r in (2, 3, 4))])
    mean, var, third, fourth = np.transpose(moments)
    s = math.sqrt(var.sum())
    t = (n - mean.sum()) / s
    skew, excess = third.sum() / s**3, (fourth - 3 * var**2).sum() / s**4
    weights = [1, 0, 0, skew / 6, excess / 24, 0, last_term * skew**2 / 72]
    density = stats.norm.pdf(t) / s * np.polynomial.hermite_e.hermeval(t, weights)
    return product * density / stats.poisson.pmf(n, n)


def nu_exactly(row, c):
    """Sum over all outcomes of the multinomial."""
    n = sum(row)
    ranges = [range(max(x - c, 0), min(x + c, n) + 1) for x in row[:-1]]
    total = 0.0
    for head in itertools.product(*ranges):
        last = n - sum(head)
        if last >= 0 and abs(last - row[-1]) <= c:
            total += stats.multinomial.pmf((*head, last), n, np.array(row) / n)
    return total


def sison_glaz_by_search(row, prob, last_term=True):
    """Raise c by one until the box holds enough; exact where every outcome is inside, or one."""
    n = sum(row)

    def nu(c):
        if all(x == 0 or (x - c <= 0 and x + c >= n) for x in row):
            return 1.0
        return nu_exactly(row, 0) if c == 0 else nu_by_summation(row, c, last_term)

    c = 0
    if nu(0) >= prob:
        gamma = 0.0
    else:
        while nu(c + 1) < prob:
            c += 1
        gamma = (prob - nu(c)) / (nu(c + 1) - nu(c))
    p = np.array(row) / n
    return np.maximum(p - c / n, 0), np.minimum(p + (c + 2 * gamma) / n, 1)


SEARCHED = [
    *itertools.product(range(4), range(3), range(3)),
    *(tuple(row) for row in np.random.default_rng(3).multinomial(23, [0.5, 0.3, 0.15, 0.05], 40)),
    *(tuple(row) for row in np.random.default_rng(4).multinomial(400, [0.7, 0.2, 0.1], 10)),
    (1, 0, 300, 2, 41),
    (2, 2),
    (1, 9_000),
]


@pytest.mark.parametrize("prob", [0.3, 0.95, 0.99])
def test_sison_glaz_by_search(prob):
    for row in SEARCHED:
        low, high = sison_glaz(row, prob=prob)
        if sum(row) == 0:
            assert np.isnan(low).all() and np.isnan(high).all()
            continue
        expected = sison_glaz_by_search([int(x) for x in row], prob)
        assert_allclose(low, expected[0], rtol=1e-12, atol=1e-15, err_msg=str(row))
        assert_allclose(high, expected[1], rtol=1e-8, atol=1e-15, err_msg=str(row))


@pytest.mark.parametrize("row", [(5, 6, 9, 4), (2, 3, 1, 4, 6), (12, 8, 15)], ids=str)
@pytest.mark.parametrize("prob", [0.8, 0.95])
def test_sison_glaz_box_holds_the_outcomes_it_promises(row, prob):
    """The lower limit tells c: by enumeration, c is too little and c + 1 enough, nearly."""
    n = sum(row)
    low, _ = sison_glaz(row, prob=prob)
    c = round((max(row) / n - low[np.argmax(row)]) * n)
    assert nu_exactly(row, c) < prob + 0.01
    assert nu_exactly(row, c + 1) > prob - 0.01


def test_sison_glaz_large_rows():
    """As n grows the Poisson variables become normal and c / sqrt(n) settles."""
    p = np.array([0.5, 0.3, 0.2])

    def excess_of_nu(s):
        edge = s / np.sqrt(p)
        inside = 1 - 2 * stats.norm.sf(edge)
        var = p * (1 - 2 * edge * stats.norm.pdf(edge) / inside)
        fourth = p**2 * (3 - 2 * (edge**3 + 3 * edge) * stats.norm.pdf(edge) / inside)
        kurtosis = (fourth - 3 * var**2).sum() / var.sum() ** 2
        return inside.prod() * (1 + kurtosis / 8) / np.sqrt(var.sum()) - 0.95

    limit = brentq(excess_of_nu, 0.5, 2)
    for n, tolerance in ((10**4, 1e-2), (10**6, 1e-3)):
        low, high = sison_glaz((p * n).round().astype(np.int64), prob=0.95)
        assert_allclose((high - low) / 2 * math.sqrt(n), limit, rtol=tolerance)


def test_sison_glaz_row_without_spread():
    low, high = sison_glaz([[0, 7, 0], [0, 0, 0], [0, 0, 1]], prob=0.95)
    assert_array_equal(low, [[0, 1, 0], [np.nan] * 3, [0, 0, 1]])
    assert_array_equal(high, low)


def test_sison_glaz_blocks(monkeypatch):
    rows = np.random.default_rng(6).integers(0, 30, size=(50, 3))
    whole = sison_glaz(rows, prob=0.9)
    monkeypatch.setattr("analytic.simultaneous._BLOCK", 7)
    assert_array_equal(whole, sison_glaz(rows, prob=0.9))


def test_sison_glaz_refuses_expected_counts():
    with pytest.raises(ValueError, match=r"counts must be whole .* got 1.5 at index \(0, 1\)"):
        sison_glaz([[1.0, 1.5]], prob=0.95)
    assert_array_equal(sison_glaz([3.0, 4.0], prob=0.9), sison_glaz([3, 4], prob=0.9))


def test_an_unseen_state_widens_goodman():
    """The state space is that of the table, not that of the row."""
    _, two = goodman([7, 3], prob=0.95)
    _, three = goodman([7, 3, 0], prob=0.95)
    assert (three[:2] > two).all()
