"""Populations: draws from the hyperprior against its law, and what it implies for A."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.fit import draw_matrices
from bayes_markov.hierarchy.hyperpriors import MeanRows, UniformShrinkage, sample
from bayes_markov.hierarchy.models import (
    covariate_model,
    learned_concentration_model,
    learned_stickiness_model,
    partial_pooling_model,
)
from populations import levels, numbers, simulated_units

DRAWS = 20_000
UNITS = simulated_units(3)
UNEVEN = [1.0, 0.5, 3.0]


def population(build, *arguments, **options):
    return specification_of(build(UNITS, *arguments, **options)).population


def within(found, expected, se, limit=4.5):
    """Every deviation is within some standard errors."""
    z = (np.asarray(found) - expected) / se
    assert np.abs(z).max() < limit, f"largest deviation {np.abs(z).max():.1f} standard errors"


STRENGTHS = {
    "one row": (learned_concentration_model, {"median_strength": 2.0}, ["strength"], ()),
    "each row": (partial_pooling_model, {"median_strength": 7.0}, ["strength"], (4,)),
    "sticky": (
        learned_stickiness_model,
        {"median_strength": 0.5},
        ["concentration", "stickiness"],
        (),
    ),
}


@pytest.mark.parametrize(("build", "options", "names", "rows"), STRENGTHS.values(), ids=STRENGTHS)
def test_weight_of_the_mean_is_uniform(build, options, names, rows):
    median = options["median_strength"]
    of = population(build, **options)
    drawn = sample(of.hyperpriors, np.random.default_rng(1), (1, DRAWS))
    for name in names:
        strength = drawn[name]
        assert strength.shape == (1, DRAWS, *rows)
        weights = (strength / (strength + median)).reshape(DRAWS, -1)
        for weight in weights.T:
            # Kolmogorov's statistic above 1.95 / sqrt(n) has probability 0.001.
            assert stats.kstest(weight, "uniform").statistic < 1.95 / np.sqrt(DRAWS)
    if len(names) > 1:
        staying = drawn["stickiness"] / (drawn["stickiness"] + drawn["concentration"])
        assert np.abs(np.mean(staying < 0.5) - 0.5) < 4 * 0.5 / np.sqrt(DRAWS)
        assert np.abs(stats.spearmanr(*(drawn[n].ravel() for n in names)).statistic) < 0.03


def test_default_median_is_that_of_a_flat_prior():
    for build in (learned_concentration_model, learned_stickiness_model, partial_pooling_model):
        assert population(build).median_strength == 3.0
    assert population(covariate_model, levels(UNITS)).median_strength == 3.0


def test_log_density_of_a_strength_is_that_of_its_logarithm():
    prior = UniformShrinkage(5.0)
    x = np.linspace(-9, 12, 7)
    assert_allclose(prior.log_density(np.exp(x)), stats.logistic(np.log(5)).logpdf(x), rtol=1e-12)
    # Differentiating the stated distribution function s / (s + m) in log s.
    h = 1e-6
    slope = [(np.exp(t + h) / (np.exp(t + h) + 5) - np.exp(t) / (np.exp(t) + 5)) / h for t in x]
    assert_allclose(np.exp(prior.log_density(np.exp(x))), slope, rtol=1e-4)


@pytest.mark.parametrize("mean", ["one", "row"])
def test_mean_rows_have_dirichlet_moments(mean):
    of = population(partial_pooling_model, mean=mean, mean_alpha=UNEVEN)
    drawn = of.hyperpriors["mean"].sample(np.random.default_rng(2), (1, DRAWS))[0]
    assert drawn.shape == (DRAWS, *((4,) if mean == "row" else ()), 3)
    a = np.array(UNEVEN)
    expected, total = a / a.sum(), a.sum()
    variance = expected * (1 - expected) / (total + 1)
    within(drawn.mean(axis=0), expected, np.sqrt(variance / DRAWS))
    kurtosis_bound = 6.0  # of these Beta laws the fourth moment is at most 6 variances squared
    within(drawn.var(axis=0), variance, variance * np.sqrt(kurtosis_bound / DRAWS))
    if mean == "row":
        between = np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1]
        assert abs(between) < 4.5 / np.sqrt(DRAWS)


def test_mean_rows_may_have_parameters_cell_by_cell():
    alpha = 0.5 + np.arange(12).reshape(4, 3)
    prior = MeanRows(alpha, (4, 3), ("state", "next_state"))
    rows = prior.sample(np.random.default_rng(3), (DRAWS,))
    expected = DirichletRows(alpha).mean()
    within(rows.mean(axis=0), expected, np.sqrt(DirichletRows(alpha).var() / DRAWS))
    for i in range(4):
        expected = stats.dirichlet(alpha[i]).logpdf(rows[0, i])
        assert_allclose(prior.log_density(rows[0])[i], expected, rtol=1e-10)


@pytest.mark.parametrize("covariate", [levels, numbers])
def test_effects_sum_to_zero_and_have_their_scale(covariate):
    of = population(covariate_model, covariate(UNITS), effect_scale=0.7)
    effect = of.hyperpriors["effect"].sample(np.random.default_rng(4), (1, DRAWS))[0]
    columns = (2,) if covariate is levels else ()
    assert effect.shape == (DRAWS, *columns, 4, 3)
    assert_allclose(effect.sum(axis=-1), 0, atol=1e-12)
    shrunk = 1 - 1 / 3
    if columns:
        assert_allclose(effect.sum(axis=1), 0, atol=1e-12)
        shrunk *= 1 - 1 / 2
    variance = 0.7**2 * shrunk
    within(effect.mean(axis=0), 0, np.sqrt(variance / DRAWS))
    within(effect.var(axis=0), variance, variance * np.sqrt(2 / DRAWS))
    # Next states repel each other: each pair has correlation -1 / (K - 1).
    flat = effect.reshape(DRAWS, -1, 3)[:, 0]
    assert_allclose(np.corrcoef(flat.T)[0, 1], -1 / 2, atol=0.03)


def test_effects_are_normal_in_the_space_where_they_sum_to_zero():
    of = population(covariate_model, numbers(UNITS), effect_scale=2.0)
    effect = np.random.default_rng(4).normal(size=(4, 3))
    effect -= effect.mean(axis=-1, keepdims=True)
    # An orthonormal basis of the rows that sum to zero.
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    expected = stats.norm(0, 2.0).logpdf(effect @ basis.T).sum()
    assert_allclose(of.hyperpriors["effect"].log_density(effect), expected, rtol=1e-12)


def test_matrices_are_drawn_around_their_mean():
    """Moments of A given strength and mean, with counts and without."""
    given = specification_of(partial_pooling_model(UNITS))
    rng = np.random.default_rng(6)
    strength, mean = np.array([2.0, 5.0, 1.0, 9.0]), rng.dirichlet(np.ones(3), size=4)
    learned = {
        "strength": np.broadcast_to(strength, (1, 4000, 4)),
        "mean": np.broadcast_to(mean, (1, 4000, 4, 3)),
    }
    for tables in (given.tables, np.zeros_like(given.tables)):
        A = draw_matrices(given, learned, tables, rng)[0]
        posterior = DirichletRows(strength[:, None] * mean + tables)
        within(A.mean(axis=0), posterior.mean(), np.sqrt(posterior.var() / 4000))
        within(A.var(axis=0) / posterior.var(), 1, np.sqrt(8 / 4000))


def test_matrices_are_drawn_around_the_mean_of_their_own_group():
    given = specification_of(covariate_model(UNITS, levels(UNITS)))
    rng = np.random.default_rng(6)
    effect = np.zeros((2, 4, 3))
    effect[0], effect[1] = [1.5, 0.5, -2.0], [-1.5, -0.5, 2.0]
    mean = rng.dirichlet(np.full(3, 5.0), size=4)
    learned = {
        "strength": np.full((1, 4000, 4), 3.0),
        "mean": np.broadcast_to(mean, (1, 4000, 4, 3)),
        "effect": np.broadcast_to(effect, (1, 4000, 2, 4, 3)),
    }
    A = draw_matrices(given, learned, given.tables, rng)[0]
    for number, unit in enumerate(UNITS.units):
        odds = mean * np.exp(effect[int(levels(UNITS)[unit] == "west")])
        alpha = 3.0 * odds / odds.sum(axis=-1, keepdims=True)
        posterior = DirichletRows(alpha + UNITS.tables[number])
        within(A[:, number].mean(axis=0), posterior.mean(), np.sqrt(posterior.var() / 4000))


def implied_by_definition(n_states, n):
    """Rows from the hyperprior: a weight, a mean row, a row around it."""
    rng = np.random.default_rng(7)
    weight = rng.random(n)
    strength = n_states * weight / (1 - weight)
    means = rng.dirichlet(np.ones(n_states), size=n)
    alphas = np.maximum(strength[:, None] * means, 1e-6)
    return np.array([rng.dirichlet(alpha) for alpha in alphas])


def implied(build, n_states):
    """Rows of one matrix, drawn from the default hyperprior; shape (draws, K+1, K)."""
    counts = bm.TransitionCounts(
        np.zeros((1, n_states + 1, n_states)), tuple(range(n_states)), 1, ("u",)
    )
    given = specification_of(build(counts))
    rng = np.random.default_rng(7)
    learned = sample(given.population.hyperpriors, rng, (1, 5000))
    return draw_matrices(given, learned, np.zeros_like(given.tables), rng)[0, :, 0]


IMPLIED = {
    # K: quartiles of a probability, median of the largest of a row and how often it is above .95
    2: ((0.09, 0.50, 0.91), 0.91, 0.43),
    3: ((0.022, 0.23, 0.58), 0.74, 0.23),
    5: ((0.006, 0.10, 0.305), 0.565, 0.10),
    10: ((0.0015, 0.041, 0.138), 0.38, 0.04),
}


@pytest.mark.parametrize(("n_states", "numbers"), IMPLIED.items())
def test_what_the_default_hyperprior_says_of_A(n_states, numbers):
    """Flat in the middle, with more certain rows than a flat prior has."""
    quartiles, largest, certain = numbers
    rows = implied(partial_pooling_model, n_states)
    assert_allclose(rows.sum(axis=-1), 1, rtol=1e-12)
    within(rows.mean(axis=0), 1 / n_states, rows.std(axis=0) / np.sqrt(len(rows)))
    for drawn in (rows.reshape(-1, n_states), implied_by_definition(n_states, 8_000)):
        # 0.0056 is the standard error of a share among 8,000; what is stated is rounded too.
        for quartile, share in zip(quartiles, (0.25, 0.5, 0.75), strict=True):
            assert_allclose((drawn < quartile).mean(), share, atol=0.02)
        assert_allclose((drawn.max(axis=-1) < largest).mean(), 0.5, atol=0.02)
        assert_allclose((drawn.max(axis=-1) > 0.95).mean(), certain, atol=0.02)
    flat = np.random.default_rng(1).dirichlet(np.ones(n_states), size=20_000)
    assert (flat.max(axis=-1) > 0.95).mean() < certain


def test_all_rows_are_alike_under_one_mean_row_and_staying_favours_its_own_state():
    rows = implied(learned_concentration_model, 3)
    within(rows.mean(axis=0), 1 / 3, rows.std(axis=0) / np.sqrt(len(rows)))
    assert np.corrcoef(rows[:, 0, 0], rows[:, 1, 0])[0, 1] > 0.2
    sticky = implied(learned_stickiness_model, 3)
    se = sticky.std(axis=0) / np.sqrt(len(sticky))
    # A share of staying that is 1/2 on average is added to a base that is 1/3.
    expected = np.full((4, 3), 1 / 3)
    expected[1:] = 1 / 6 + np.eye(3) / 2
    within(sticky.mean(axis=0), expected, se)
