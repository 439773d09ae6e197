"""Intervals of one cell, confidence and credible, against the equations that define them."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq

from analytic import posterior_mean
from analytic.credible import beta_eti, beta_hdi
from analytic.marginal import agresti_coull, clopper_pearson, profile, wald, wilson
from oracles import narrowest_interval

# Counts of one row: zeros, all in one cell, one departure, fractions, many.
ROWS = (
    (3, 1, 0),
    (0, 7, 0),
    (1, 0, 0),
    (12, 5, 83),
    (0.25, 1.5, 3.0),
    (40_000, 2, 959_998),
    (1, 10**8, 3 * 10**7),
)
WHOLE = tuple(row for row in ROWS if all(float(n).is_integer() for n in row))
PROBS = (0.5, 0.9, 0.95, 0.999)

# Daily rain on Alofi: Avery, P. J. and Henderson, D. A. (1999). Fitting Markov chain models to
# discrete state series such as DNA sequences. Applied Statistics 48, 53-61.
ALOFI = np.array([[362, 126, 60], [136, 90, 68], [50, 79, 124]])
ALOFI_SE = [
    [0.0202273933, 0.0179750729, 0.0133387367],
    [0.0290788349, 0.0268791384, 0.0245916506],
    [0.0250352677, 0.0291344878, 0.0314285913],
]


def each(row):
    """Count and total of every cell."""
    return [(x, sum(row)) for x in row]


def z_of(prob):
    return stats.norm.isf((1 - prob) / 2)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_wald_is_the_estimate_and_its_standard_errors(row, prob):
    low, high = wald(row, prob=prob)
    for j, (x, n) in enumerate(each(row)):
        # Exact rationals up to the square root.
        p = Fraction(x) / Fraction(n)
        se = float(p * (1 - p) / Fraction(n)) ** 0.5
        assert_allclose(low[j], float(p) - z_of(prob) * se, rtol=1e-12, atol=1e-15)
        assert_allclose(high[j], float(p) + z_of(prob) * se, rtol=1e-12, atol=1e-15)


def test_wald_of_alofi_has_the_standard_error_of_a_proportion():
    low, high = wald(ALOFI, prob=0.95)
    se = (high - low) / (2 * stats.norm.ppf(0.975))
    assert_allclose(se, ALOFI_SE, rtol=0, atol=6e-11)


def test_wald_is_not_the_square_root_of_the_count_over_the_row_total():
    """A formula in use for years, p / sqrt(n_ij) = sqrt(n_ij) / n_i: too wide where p is large."""
    low, high = wald(ALOFI, prob=0.95)
    se = (high - low) / (2 * stats.norm.ppf(0.975))
    wrong = np.sqrt(ALOFI) / ALOFI.sum(axis=1, keepdims=True)
    assert_allclose(wrong[0], [0.03471952, 0.02048353, 0.01413498], rtol=0, atol=6e-9)
    p = ALOFI / ALOFI.sum(axis=1, keepdims=True)
    assert_allclose(wrong / se, 1 / np.sqrt(1 - p), rtol=1e-12)
    assert (wrong / se).max() > 1.7


def test_wald_is_not_clipped():
    low, high = wald([9, 1], prob=0.95)
    assert low[1] < 0 and high[0] > 1


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_wilson_holds_what_the_score_test_accepts(row, prob):
    def score(q, x, n):
        return n * (x / n - q) ** 2 - z_of(prob) ** 2 * q * (1 - q)

    low, high = wilson(row, prob=prob)
    for j, (x, n) in enumerate(each(row)):
        # The score is 0 at p = 0 and p = 1 too: look for the other root.
        p = min(max(x / n, 1e-300), 1 - 1e-16)
        below = brentq(score, 0, p, args=(x, n), xtol=1e-30, rtol=1e-14) if x else 0
        above = brentq(score, p, 1, args=(x, n), xtol=1e-30, rtol=1e-14) if x < n else 1
        assert_allclose([low[j], high[j]], [below, above], rtol=1e-10)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", WHOLE, ids=str)
@pytest.mark.parametrize("name, interval", [("wilson", wilson), ("exact", clopper_pearson)])
def test_wilson_and_clopper_pearson_agree_with_scipy(name, interval, row, prob):
    low, high = interval(row, prob=prob)
    for j, (x, n) in enumerate(each(row)):
        ci = stats.binomtest(x, n).proportion_ci(confidence_level=prob, method=name)
        assert_allclose([low[j], high[j]], [ci.low, ci.high], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", [row for row in WHOLE if sum(row) < 10**7], ids=str)
def test_clopper_pearson_leaves_a_tail_on_either_side(row, prob):
    low, high = clopper_pearson(row, prob=prob)
    for j, (x, n) in enumerate(each(row)):
        if x > 0:
            assert_allclose(stats.binom.sf(x - 1, n, low[j]), (1 - prob) / 2, rtol=1e-9)
        if x < n:
            assert_allclose(stats.binom.cdf(x, n, high[j]), (1 - prob) / 2, rtol=1e-9)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_agresti_coull_is_wald_after_adding_half_z_squared_twice(row, prob):
    low, high = agresti_coull(row, prob=prob)
    inside = wilson(row, prob=prob)
    half = z_of(prob) ** 2 / 2
    for j, (x, n) in enumerate(each(row)):
        enlarged = wald([x + half, n - x + half], prob=prob)
        assert_allclose(low[j], enlarged[0][0], rtol=1e-12, atol=1e-15)
        assert_allclose(high[j], enlarged[1][0], rtol=1e-12, atol=1e-15)
    assert_allclose(low + high, inside[0] + inside[1], rtol=1e-12)
    assert (low < inside[0] + 1e-16).all() and (high > inside[1] - 1e-15).all()


def deviance(q, x, n):
    """Twice the drop of the binomial log-likelihood, keeping the digits of q - p."""

    def log_ratio(new, old, difference):
        return np.log(new / old) if new < old / 2 else np.log1p(difference / old)

    p = x / n
    below = -x * log_ratio(q, p, q - p) if x else 0
    above = -(n - x) * log_ratio(1 - q, 1 - p, p - q) if x < n else 0
    return 2 * (below + above)


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_profile_ends_where_the_likelihood_ratio_reaches_its_quantile(row, prob):
    quantile = stats.chi2.ppf(prob, 1)
    low, high = profile(row, prob=prob)
    for j, (x, n) in enumerate(each(row)):

        def excess(q, x=x, n=n):
            return deviance(q, x, n) - quantile

        p, tiny = x / n, 1e-30
        below = brentq(excess, tiny, p, xtol=1e-30, rtol=1e-14) if x else 0
        above = brentq(excess, p, 1 - 1e-16, xtol=1e-30, rtol=1e-14) if x < n else 1
        assert_allclose([low[j], high[j]], [below, above], rtol=1e-10, atol=1e-300)


def test_profile_maximises_over_the_other_cells():
    """The multinomial likelihood with one cell held fixed, maximised by brute force."""
    counts, q = np.array([5, 2, 9]), 0.5
    share = np.linspace(1e-4, 1 - 1e-4, 9999)
    held = 5 * np.log(q) + 2 * np.log((1 - q) * share) + 9 * np.log((1 - q) * (1 - share))
    best = (counts * np.log(counts / 16)).sum()
    assert_allclose(2 * (best - held.max()), deviance(q, 5, 16), rtol=1e-6)
    low, high = profile(counts, prob=stats.chi2.cdf(deviance(q, 5, 16), 1))
    assert_allclose(high[0], q, rtol=1e-9)
    assert low[0] < 5 / 16


@pytest.mark.parametrize("prob", PROBS)
@pytest.mark.parametrize("n", [1, 4, 250])
def test_limits_in_closed_form_at_an_empty_and_at_a_full_cell(n, prob):
    z2 = z_of(prob) ** 2
    upper = {
        wald: 0.0,
        wilson: z2 / (n + z2),
        clopper_pearson: 1 - ((1 - prob) / 2) ** (1 / n),
        profile: 1 - np.exp(-z2 / (2 * n)),
    }
    for interval, limit in upper.items():
        low, high = interval([0, n], prob=prob)
        assert low[0] == 0 and high[1] == 1
        assert_allclose([high[0], 1 - low[1]], limit, rtol=1e-12, atol=1e-16)
    low, high = agresti_coull([0, n], prob=prob)
    assert low[0] < 0 < high[0] and low[1] < 1 < high[1]


@pytest.mark.parametrize("alpha", [1.0, 0.5, [0.3, 2.0, 1.2]], ids=str)
@pytest.mark.parametrize("row", [(3, 1, 0), (0, 7, 0), (0, 0, 0), (12, 5, 83), (0.2, 1.5, 3)])
def test_credible_intervals_have_their_posterior_probability(row, alpha):
    a = np.asarray(row) + alpha
    for prob in (0.5, 0.95):
        low, high = beta_eti(row, prob=prob, alpha=alpha)
        beta = stats.beta(a, a.sum() - a)
        assert_allclose(low, beta.ppf((1 - prob) / 2), rtol=1e-9, atol=1e-300)
        assert_allclose(high, beta.ppf((1 + prob) / 2), rtol=1e-9)
        low, high = beta_hdi(row, prob=prob, alpha=alpha)
        assert_allclose(beta.cdf(high) - beta.cdf(low), prob, rtol=1e-9)


def test_credible_interval_is_of_the_posterior_and_not_of_its_formula():
    """Mass of the posterior density inside the limits, by quadrature of likelihood times prior."""
    low, high = beta_eti([3, 1], prob=0.9, alpha=[2.0, 0.5])

    def density(q):
        return q**3 * (1 - q) * q ** (2.0 - 1) * (1 - q) ** (0.5 - 1)

    whole = quad(density, 0, 1)[0]
    assert_allclose(quad(density, 0, low[0])[0] / whole, 0.05, rtol=1e-7)
    assert_allclose(quad(density, high[0], 1)[0] / whole, 0.05, rtol=1e-6)


@pytest.mark.parametrize("row", [(3, 1, 0), (0, 7, 0), (12, 5, 83), (0, 0, 0)])
def test_beta_hdi_is_the_narrowest(row):
    low, high = beta_hdi(row, prob=0.9)
    for j, x in enumerate(row):
        beta = stats.beta(x + 1, sum(row) - x + 2)
        narrowest = narrowest_interval(beta.ppf, 0.9)
        assert_allclose([low[j], high[j]], narrowest, rtol=0, atol=2e-4)
        width = narrowest[1] - narrowest[0]
        assert high[j] - low[j] <= width + 1e-12


def test_equal_tails_of_alofi():
    low, high = beta_eti(ALOFI, prob=0.95)
    assert_allclose(low[0], [0.6187230224, 0.1963063521, 0.0859055759], rtol=0, atol=6e-11)
    assert_allclose(high[0], [0.6977893791, 0.2665265967, 0.1381848649], rtol=0, atol=6e-11)


def test_alpha_matters_and_can_differ_by_cell():
    table = np.array([[3, 1, 0], [0, 0, 0]])
    alpha = np.array([[1.0, 4.0, 0.5], [2.0, 1.0, 7.0]])
    for interval in (beta_eti, beta_hdi):
        low, high = interval(table, prob=0.95, alpha=alpha)
        mean = posterior_mean(table, alpha)
        assert ((low < mean) & (mean < high)).all()
        assert (high != interval(table, prob=0.95)[1]).any(axis=1).all()
        with pytest.raises(ValueError, match="alpha must be positive"):
            interval(table, prob=0.95, alpha=0)


@pytest.mark.parametrize("interval", [wald, wilson, agresti_coull, clopper_pearson, profile])
def test_one_state(interval):
    """With nowhere else to go the next state is known, once there is a row to speak of."""
    low, high = interval([[5], [0]], prob=0.95)
    assert low[0, 0] == high[0, 0] == 1
    assert np.isnan(low[1, 0]) and np.isnan(high[1, 0])


@pytest.mark.parametrize("interval", [beta_eti, beta_hdi])
def test_one_state_is_known_to_a_prior(interval):
    assert [end.tolist() for end in interval([[5], [0]], prob=0.95)] == [[[1.0], [1.0]]] * 2
