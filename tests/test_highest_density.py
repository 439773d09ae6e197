"""The narrowest interval of a Beta distribution, against a search over its lower tail."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, betaln

from analytic import DirichletRows
from analytic._highest_density import narrowest

PROBS = (0.1, 0.5, 0.95, 0.999)
PEAKED = [
    (2.0, 2.0),
    (9.0, 2.0),
    (2.5, 40.0),
    (1.3, 1.1),
    (363.0, 188.0),
    (1.0 + 1e-3, 30.0),
    (1.0 + 1e-9, 1.5),
    (4.0, 1.0 + 1e-6),
    (1.0 + 2**-52, 1e6),
    (3.0, 1e8),
    (1e8, 1.5),
    (1e8, 1e8),
    (2e7, 7e7),
]


def narrowest_by_tail(a, b, prob):
    """Move the lower tail until the log-density is the same at both ends."""

    def ends(tail):
        return betaincinv(a, b, tail), betaincinv(a, b, tail + prob)

    def rise(tail):
        low, high = ends(tail)
        return (a - 1) * np.log(high / low) + (b - 1) * np.log((1 - high) / (1 - low))

    # Nearer to either end the quantiles are 0 and 1 to a float64.
    tails = np.concatenate([[1e-300], np.linspace(1e-9, 1 - prob - 1e-9, 50)])
    with np.errstate(divide="ignore"):
        rises = np.array([rise(tail) for tail in tails])
    if rises[0] < 0:
        return ends(0.0)
    left, right = tails[rises > 0][-1], tails[rises < 0][0]
    return ends(brentq(rise, left, right, xtol=1e-300, rtol=1e-15, maxiter=5000))


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize(("a", "b"), PEAKED)
def test_ends_by_search_over_the_tail(a, b, prob):
    found = np.array(narrowest(np.array([a, b]), np.array([b, a]), prob))
    low, high = narrowest_by_tail(min(a, b), max(a, b), prob)
    straight = 0 if a <= b else 1
    assert_allclose(found[:, straight], [low, high], rtol=0, atol=1e-9)
    assert_allclose(found[::-1, 1 - straight], [1 - low, 1 - high], rtol=0, atol=1e-9)


@pytest.mark.parametrize("prob", [*PROBS, 1e-6, 1 - 1e-9])
def test_content_and_level_of_random_shapes(prob):
    rng = np.random.default_rng(1)
    a, b = 1 + 10.0 ** rng.uniform(-6, 3, size=(2, 2000))
    low, high = narrowest(a, b, prob)
    tails = betainc(a, b, low) + betainc(b, a, 1 - high)
    # The slope turns a rounding of 1 - high, half a spacing at 1, into one of its tail.
    assert_allclose(tails, 1 - prob, rtol=1e-9, atol=1e-12)
    assert ((low <= (a - 1) / (a + b - 2)) & ((a - 1) / (a + b - 2) <= high)).all()
    # Where both ends are clear of 0 and 1, their densities can be compared.
    clear = (low > 1e-3) & (high < 1 - 1e-3)
    assert clear.sum() > 100
    a, b, low, high = a[clear], b[clear], low[clear], high[clear]
    rise = (a - 1) * np.log(high / low) + (b - 1) * np.log((1 - high) / (1 - low))
    assert_allclose(rise, 0, atol=1e-8)


@pytest.mark.parametrize("prob", [1e-3, 0.5, 0.95])
def test_content_beside_a_huge_parameter(prob):
    rng = np.random.default_rng(4)
    a, b = 1 + 10.0 ** rng.uniform(-15, 0, 2000), 10.0 ** rng.uniform(5, 8, 2000)
    low, high = narrowest(a, b, prob)
    assert_allclose(betainc(a, b, high) - betainc(a, b, low), prob, rtol=0, atol=1e-13)


def test_normal_limit():
    a, b = np.array([3e10]), np.array([1e10])
    low, high = narrowest(a, b, 0.95)
    sd = np.sqrt(3 / 16 / 4e10)
    assert_allclose([(low - 0.75) / sd, (high - 0.75) / sd], [[-1.959964], [1.959964]], atol=1e-4)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("b", [1.5, 7.0, 1e6])
def test_peak_that_comes_to_zero(b, prob):
    """Beta(1, b) has 1 - (1 - q)^b below q; its neighbours have nearly the same interval."""
    closed = -np.expm1(np.log1p(-prob) / b)
    for a in (1.0, 1 + 1e-15, 1 + 1e-12):
        low, high = narrowest(np.array([a]), np.array([b]), prob)
        assert low[0] < 1e-30
        assert_allclose(high, closed, rtol=1e-9)


@pytest.mark.parametrize("prob", [1e-3, *PROBS])
def test_nearly_uniform(prob):
    """With a - 1 and b - 1 tiny, the width is `prob` and only their ratio tells where it is."""

    def slope(low):
        return np.log((low + prob) / low) - 2 * np.log((1 - low) / (1 - low - prob))

    expected = brentq(slope, 1e-12, (1 - prob) / 2, xtol=1e-15)
    a, b = np.array([1 + 2**-50]), np.array([1 + 2**-49])
    low, high = narrowest(a, b, prob)
    assert_allclose([low[0], high[0]], [expected, expected + prob], rtol=1e-9)
    low, high = narrowest(a, a, prob)
    assert_allclose([low[0], high[0]], [(1 - prob) / 2, (1 + prob) / 2], rtol=1e-12)


def test_no_peak_inside():
    a = np.array([0.3, 1.0, 5.0, 4.0, 0.4, 0.7, 0.5, 1.0, 1.0, 1e-200])
    b = np.array([4.0, 3.0, 0.6, 1.0, 0.7, 0.4, 0.5, 0.5, 1.0, 2e-200])
    low, high = narrowest(a, b, 0.9)
    from_zero = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 1], dtype=bool)
    up_to_one = np.array([0, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=bool)
    assert_array_equal(low == 0, from_zero)
    assert_array_equal(high == 1, up_to_one)
    inside = slice(0, 8)
    content = stats.beta(a[inside], b[inside])
    assert_allclose(content.cdf(high[inside]) - content.cdf(low[inside]), 0.9, rtol=1e-12)
    assert_allclose([low[8], high[8]], [0.05, 0.95], rtol=1e-15)


def test_neither_blocks_nor_repetition_change_an_interval(monkeypatch):
    rng = np.random.default_rng(2)
    a, b = rng.integers(1, 9, size=(2, 30, 4)) * rng.choice([0.25, 1.0], size=(2, 30, 4))
    whole = np.array(narrowest(a, b, 0.9))
    assert whole.shape == (2, 30, 4)
    for index in np.ndindex(a.shape):
        alone = narrowest(a[index][None], b[index][None], 0.9)
        assert_array_equal(np.array(alone)[:, 0], whole[(slice(None), *index)])
    monkeypatch.setattr("analytic._highest_density.AT_ONCE", 7)
    assert_array_equal(np.array(narrowest(a, b, 0.9)), whole)


def test_rows_use_it():
    alpha = np.random.default_rng(3).gamma(1.0, 5.0, size=(6, 4, 3)) + 1
    rest = alpha.sum(axis=-1, keepdims=True) - alpha
    expected = narrowest(alpha, rest, 0.8)
    found = DirichletRows(alpha).interval(prob=0.8, kind="hdi")
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("factor", [-50.0, 50.0])
def test_a_wrong_density_costs_steps_and_not_the_interval(monkeypatch, factor):
    """At huge parameters the density, which gives the slope, is lost to rounding."""
    a, b = np.array([2.0, 9.0, 1.5]), np.array([5.0, 40.0, 300.0])
    expected = narrowest(a, b, 0.9)
    module = "analytic._highest_density.betaln"
    monkeypatch.setattr(module, lambda a, b: betaln(a, b) + factor)
    assert_allclose(narrowest(a, b, 0.9), expected, rtol=1e-6)


def test_a_search_that_does_not_end_is_reported(monkeypatch):
    monkeypatch.setattr("analytic._highest_density.MAX_STEPS", 1)
    with pytest.raises(
        RuntimeError, match=r"no narrowest interval found in 1 steps for Beta\(2, 5"
    ):
        narrowest(np.array([2.0]), np.array([5.0]), 0.9)
