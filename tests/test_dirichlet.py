"""The conjugate rows: moments, draws, intervals and density."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from analytic import DirichletRows, flat, jeffreys, perks, posterior_mean, posterior_mode, sticky
from cases import CASES
from oracles import beta_quantile, narrowest_interval

STANDARD_ERRORS = 5
DRAWS = 40_000
ALPHA = np.array([[0.5, 2.0, 1.5], [7.0, 0.3, 0.7], [30.0, 60.0, 10.0], [1.0, 1.0, 1.0]])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_update_adds_the_counts(case):
    prior = np.full(case.table.shape, 0.5)
    prior[..., 0] = 2
    posterior = DirichletRows(prior).given(case.table)
    assert_array_equal(posterior.alpha, prior + case.table)
    assert_array_equal(posterior.mean(), posterior_mean(case.table, prior))
    lifted = DirichletRows(prior + 1).given(case.table)
    assert_array_equal(lifted.mode(), posterior_mode(case.table, prior + 1))


def test_update_in_two_steps_is_update_by_the_sum():
    first, second = np.array([[1, 0, 2]] * 4), np.array([[0, 5, 1]] * 4)
    prior = DirichletRows(ALPHA)
    assert prior.given(first).given(second) == prior.given(first + second)


def test_update_by_a_batch_of_tables():
    tables = np.arange(24).reshape(2, 4, 3)
    posterior = DirichletRows(ALPHA).given(tables)
    for got, table in zip(posterior.alpha, tables, strict=True):
        assert_array_equal(got, ALPHA + table)


def test_moments_against_scipy():
    rows = DirichletRows(ALPHA)
    for alpha, mean, var in zip(ALPHA, rows.mean(), rows.var(), strict=True):
        assert_allclose(mean, stats.dirichlet(alpha).mean(), rtol=1e-14)
        assert_allclose(var, stats.dirichlet(alpha).var(), rtol=1e-13)


@pytest.fixture(scope="module")
def draws():
    return DirichletRows(ALPHA).sample(np.random.default_rng(4), size=DRAWS)


def test_draws_lie_on_the_simplex(draws):
    assert draws.shape == (DRAWS, 4, 3)
    assert (draws >= 0).all()
    assert_allclose(draws.sum(axis=-1), 1, rtol=1e-12)


def test_mean_variance_and_covariance_of_draws(draws):
    total = ALPHA.sum(axis=-1)[:, None]
    mean = ALPHA / total
    centred = draws - mean
    products = centred[..., :, None] * centred[..., None, :]
    covariance = -mean[:, :, None] * mean[:, None, :] / (total + 1)[..., None]
    covariance += np.eye(3) * (mean / (total + 1))[..., None]
    error = draws.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    assert (np.abs(centred.mean(axis=0)) < STANDARD_ERRORS * error).all()
    error = products.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    assert (np.abs(products.mean(axis=0) - covariance) < STANDARD_ERRORS * error).all()


def test_marginals_of_draws_are_beta(draws):
    for i, j in np.ndindex(ALPHA.shape):
        marginal = stats.beta(ALPHA[i, j], ALPHA[i].sum() - ALPHA[i, j])
        assert stats.kstest(draws[:, i, j], marginal.cdf).pvalue > 1e-5


def test_rows_and_draws_are_independent(draws):
    for first, second in ((draws[:, 0, 0], draws[:, 3, 0]), (draws[1:, 0, 0], draws[:-1, 0, 0])):
        correlation = np.corrcoef(first, second)[0, 1]
        assert abs(correlation) < STANDARD_ERRORS / np.sqrt(DRAWS)


@pytest.mark.parametrize("scale", [1e-3, 1e-17, 1e-200, 1e-300])
def test_draws_of_a_small_alpha_are_one_corner_or_another(scale):
    alpha = scale * np.array([1.0, 3.0, 6.0])
    draws = DirichletRows(alpha).sample(np.random.default_rng(5), size=20_000)
    assert np.isfinite(draws).all()
    assert_allclose(draws.sum(axis=-1), 1, rtol=1e-12)
    mean = np.array([0.1, 0.3, 0.6])
    error = np.sqrt(mean * (1 - mean) / 20_000)
    assert (np.abs(draws.mean(axis=0) - mean) < STANDARD_ERRORS * error).all()
    if scale < 1e-3:
        assert (draws.max(axis=-1) == 1).all()


def test_draws_of_a_huge_alpha_stay_at_the_mean():
    alpha = np.array([1e15, 3e15])
    draws = DirichletRows(alpha).sample(np.random.default_rng(6), size=1000)
    assert_allclose(draws, np.broadcast_to([0.25, 0.75], draws.shape), rtol=1e-6)


@pytest.mark.parametrize(("size", "batch"), [(None, ()), (5, (5,)), ((4, 2), (4, 2))])
def test_shape_of_draws(size, batch):
    assert DirichletRows(ALPHA).sample(np.random.default_rng(1), size=size).shape == (*batch, 4, 3)


def test_same_seed_same_draws():
    first, again, other = (
        DirichletRows(ALPHA).sample(np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)


BETAS = [(9.0, 2.0), (2.5, 40.0), (1.0, 3.0), (4.0, 1.0), (1.3, 1.1), (363.0, 188.0)]


@pytest.mark.parametrize("prob", [0.5, 0.95])
@pytest.mark.parametrize(("a", "b"), BETAS)
def test_equal_tails_against_an_integrated_density(a, b, prob):
    low, high = DirichletRows([a, b]).interval(prob=prob)
    assert_allclose(low[0], beta_quantile((1 - prob) / 2, a, b), rtol=1e-8)
    assert_allclose(high[0], beta_quantile((1 + prob) / 2, a, b), rtol=1e-8)
    assert_allclose([1 - high[1], 1 - low[1]], [low[0], high[0]], rtol=1e-9)


ALL_SHAPES = [*BETAS, (0.3, 4.0), (5.0, 0.6), (0.4, 0.7), (0.7, 0.4), (1.0, 0.5), (0.5, 1.0)]


@pytest.mark.parametrize("prob", [0.5, 0.95])
@pytest.mark.parametrize(("a", "b"), ALL_SHAPES)
def test_highest_density_interval_is_the_narrowest(a, b, prob):
    low, high = (end[0] for end in DirichletRows([a, b]).interval(prob=prob, kind="hdi"))
    best_low, best_high = narrowest_interval(stats.beta(a, b).ppf, prob)
    assert high - low <= best_high - best_low + 1e-12
    assert_allclose([low, high], [best_low, best_high], rtol=0, atol=2e-4)
    assert_allclose(stats.beta(a, b).cdf(high) - stats.beta(a, b).cdf(low), prob, rtol=1e-9)


def test_equal_densities_at_the_ends_of_a_highest_density_interval():
    low, high = (end[0] for end in DirichletRows([9.0, 4.0]).interval(prob=0.9, kind="hdi"))
    assert_allclose(stats.beta(9, 4).pdf(low), stats.beta(9, 4).pdf(high), rtol=1e-9)


def test_uniform_marginal_has_equal_tails():
    low, high = DirichletRows([1.0, 1.0]).interval(prob=0.9, kind="hdi")
    assert_allclose(low, 0.05, rtol=1e-12)
    assert_allclose(high, 0.95, rtol=1e-12)


@pytest.mark.parametrize("kind", ["eti", "hdi"])
@pytest.mark.parametrize("alpha", [[1.0, 1e-20], [1e17, 0.5], [1e-200, 2e-200], [1e6, 3.0]])
def test_intervals_exist_at_extreme_parameters(alpha, kind):
    low, high = DirichletRows(alpha).interval(prob=0.9, kind=kind)
    assert ((low >= 0) & (low <= high) & (high <= 1)).all()


def test_small_parameter_is_not_lost_beside_a_large_one():
    """The rest of cell 0 is the half of cell 1, although 1e17 + 0.5 - 1e17 is 0."""
    low, high = DirichletRows([1e17, 0.5]).interval(prob=0.9)
    expected = stats.chi2(1).ppf([0.05, 0.95]) / 2e17  # limit of Beta(1/2, b) for a large b
    assert_allclose([low[1], high[1]], expected, rtol=1e-6)
    assert_allclose([low[0], high[0]], 1, rtol=1e-15)


def test_log_density_against_scipy():
    A = np.random.default_rng(8).dirichlet([2.0, 1.0, 3.0], size=4)
    expected = [stats.dirichlet(alpha).logpdf(row) for alpha, row in zip(ALPHA, A, strict=True)]
    assert_allclose(DirichletRows(ALPHA).log_pdf(A), expected, rtol=1e-11)


def test_log_density_of_a_batch():
    rows = DirichletRows(ALPHA)
    A = np.random.default_rng(9).dirichlet([2.0, 1.0, 3.0], size=(5, 4))
    assert_allclose(rows.log_pdf(A), [rows.log_pdf(a) for a in A], rtol=1e-14)


def test_log_density_on_the_boundary():
    corner = [0.0, 1.0]
    assert DirichletRows([2.0, 3.0]).log_pdf(corner) == -np.inf
    assert DirichletRows([0.5, 3.0]).log_pdf(corner) == np.inf
    assert_allclose(DirichletRows([1.0, 3.0]).log_pdf(corner), np.log(3), rtol=1e-14)
    assert np.isnan(DirichletRows([2.0, 0.5, 3.0]).log_pdf([0.0, 0.0, 1.0]))


SUPPORT = np.array([[True, False, True], [False, True, False], [False, False, False]])


@pytest.fixture
def on_support():
    return DirichletRows([[2.0, 9.0, 6.0]] * 3, support=SUPPORT)


def test_support_sets_alpha_to_zero(on_support):
    assert_array_equal(on_support.alpha, [[2, 0, 6], [0, 9, 0], [0, 0, 0]])
    assert_array_equal(on_support.possible, SUPPORT)


def test_moments_on_a_support(on_support):
    expected = [[0.25, 0, 0.75], [0, 1, 0], [np.nan] * 3]
    assert_allclose(on_support.mean(), expected, rtol=1e-15)
    assert_allclose(on_support.mode(), [[1 / 6, 0, 5 / 6], *expected[1:]], rtol=1e-15)
    spread = 0.25 * 0.75 / 9
    assert_allclose(on_support.var(), [[spread, 0, spread], [0, 0, 0], [np.nan] * 3], rtol=1e-14)


def test_draws_on_a_support(on_support):
    draws = on_support.sample(np.random.default_rng(1), size=4000)
    assert (draws[:, 0, 1] == 0).all()
    assert_array_equal(draws[:, 1], np.broadcast_to([0, 1, 0], (4000, 3)))
    assert np.isnan(draws[:, 2]).all()
    assert stats.kstest(draws[:, 0, 0], stats.beta(2, 6).cdf).pvalue > 1e-5


@pytest.mark.parametrize("kind", ["eti", "hdi"])
def test_intervals_on_a_support(on_support, kind):
    low, high = on_support.interval(prob=0.9, kind=kind)
    alone = DirichletRows([2.0, 6.0]).interval(prob=0.9, kind=kind)
    assert_allclose([low[0, [0, 2]], high[0, [0, 2]]], alone, rtol=1e-14)
    assert_array_equal([low[0, 1], high[0, 1]], [0, 0])
    assert_array_equal([low[1], high[1]], [[0, 1, 0]] * 2)
    assert np.isnan([low[2], high[2]]).all()


def test_log_density_on_a_support(on_support):
    expected = [stats.dirichlet([2, 6]).logpdf([0.3, 0.7]), 0, -np.inf]
    got = on_support.log_pdf([[0.3, 0, 0.7], [0, 1, 0], [0, 1, 0]])
    assert_allclose(got, expected, rtol=1e-13)
    assert on_support.log_pdf([[0.3, 0.1, 0.6]] * 3)[0] == -np.inf


def test_support_survives_an_update(on_support):
    posterior = on_support.given([[1, 0, 2], [0, 5, 0], [0, 0, 0]])
    assert_array_equal(posterior.alpha, [[3, 0, 8], [0, 14, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"counts has 1 at index \(0, 1\)"):
        on_support.given([[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_named_priors():
    assert_array_equal(flat(3).alpha, np.ones((4, 3)))
    assert_array_equal(jeffreys(3).alpha, np.full((4, 3), 0.5))
    assert_allclose(perks(3).alpha, np.full((4, 3), 1 / 3), rtol=1e-15)
    assert flat(2, order=2).alpha.shape == (3, 3, 2)
    assert_array_equal(
        sticky(3, concentration=0.5, stickiness=4).alpha,
        [[0.5, 0.5, 0.5], [4.5, 0.5, 0.5], [0.5, 4.5, 0.5], [0.5, 0.5, 4.5]],
    )


def test_named_priors_on_a_support():
    support = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    assert_array_equal(flat(3, support=support).alpha, support)
    assert_array_equal(jeffreys(3, support=support).alpha, support / 2)
    expected = [[1 / 3] * 3, [0.5, 0, 0.5], [0, 1, 0], [0, 0, 0]]
    assert_allclose(perks(3, support=support).alpha, expected, rtol=1e-15)
    got = sticky(3, concentration=1, stickiness=2, support=support).alpha
    assert_array_equal(got, [[1, 1, 1], [3, 0, 1], [0, 3, 0], [0, 0, 0]])


def test_value_semantics():
    given = ALPHA.copy()
    rows = DirichletRows(given)
    given[0, 0] = 99
    assert rows.alpha[0, 0] == 0.5
    assert rows == DirichletRows(ALPHA)
    assert hash(rows) == hash(DirichletRows(ALPHA))
    assert rows != DirichletRows(2 * ALPHA)
    with pytest.raises(ValueError, match="read-only"):
        rows.alpha[0, 0] = 1
    with pytest.raises(AttributeError):
        rows.alpha = ALPHA
