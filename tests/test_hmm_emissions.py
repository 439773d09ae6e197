"""Emissions: log-probabilities, weighted estimates, draws, and what is refused."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

import analytic
from analytic import hmm

B = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.25, 0.3, 0.35]])
CASES = {
    "categorical": (hmm.Categorical(B), [3, 0, 0, 2, 1]),
    "poisson": (hmm.Poisson([2.5, 11.0]), [3, 0, 17, 2, 4]),
    "gaussian": (hmm.Gaussian([-1.0, 3.0], [0.5, 2.0]), [0.3, -2.0, 3.5, 1.0, 5.0]),
}
LAWS = {
    "categorical": lambda x, k: stats.rv_discrete(values=(range(4), B[k])).logpmf(x),
    "poisson": lambda x, k: stats.poisson([2.5, 11.0][k]).logpmf(x),
    "gaussian": lambda x, k: stats.norm([-1.0, 3.0][k], [0.5, 2.0][k]).logpdf(x),
}
WEIGHTS = np.array([[0.9, 0.1], [0.2, 0.8], [0.55, 0.45], [0.0, 1.0], [0.7, 0.3]])
each_kind = pytest.mark.parametrize("kind", CASES)


@each_kind
def test_log_prob_is_that_of_the_law(kind):
    emission, x = CASES[kind]
    expected = np.array([LAWS[kind](np.array(x), k) for k in range(2)]).T
    np.testing.assert_allclose(emission.log_prob(x), expected, rtol=1e-12)
    assert emission.log_prob(np.array(x)[:0]).shape == (0, 2)


@each_kind
def test_estimate_is_where_the_weighted_sum_is_largest(kind):
    emission, x = CASES[kind]

    def build(theta):
        if kind == "poisson":
            return hmm.Poisson(np.exp(theta))
        if kind == "gaussian":
            return hmm.Gaussian(theta[:2], np.exp(theta[2:]))
        rows = np.exp(theta.reshape(2, 4) - theta.max())
        return hmm.Categorical(rows / rows.sum(axis=1, keepdims=True))

    def loss(theta):
        return -(WEIGHTS * build(theta).log_prob(x)).sum()

    found = emission.estimate(x, WEIGHTS)
    start = np.zeros({"poisson": 2, "gaussian": 4, "categorical": 8}[kind])
    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-9})
    log_prob = found.log_prob(x)
    value = (WEIGHTS * np.where(WEIGHTS > 0, log_prob, 0)).sum()
    np.testing.assert_allclose(value, -best.fun, rtol=1e-6)
    assert value >= -best.fun - 1e-9
    np.testing.assert_allclose(np.exp(log_prob), np.exp(build(best.x).log_prob(x)), atol=1e-3)


@each_kind
def test_draws_have_the_law(kind):
    emission, _ = CASES[kind]
    states = np.tile([0, 1, 1], 4000)
    x = emission.sample(np.random.default_rng(5), states)
    assert x.shape == states.shape
    moments = {
        "categorical": (B @ np.arange(4), B @ np.arange(4) ** 2 - (B @ np.arange(4)) ** 2),
        "poisson": ([2.5, 11.0], [2.5, 11.0]),
        "gaussian": ([-1.0, 3.0], [0.25, 4.0]),
    }
    mean, variance = moments[kind]
    for k in range(2):
        own = x[states == k]
        assert abs(own.mean() - mean[k]) < 5 * np.sqrt(variance[k] / own.size)
        np.testing.assert_allclose(own.var(), variance[k], rtol=0.15)
    if kind == "categorical":
        assert not (x[states == 0] == 3).any()
    again = emission.sample(np.random.default_rng(5), states)
    np.testing.assert_array_equal(x, again)


@each_kind
def test_a_state_without_weight_keeps_its_parameters(kind):
    emission, x = CASES[kind]
    none = np.where([True, False], WEIGHTS + 0.1, 0.0)
    found = emission.estimate(x, none)
    np.testing.assert_array_equal(found.log_prob(x)[:, 1], emission.log_prob(x)[:, 1])
    assert (found.log_prob(x)[:, 0] != emission.log_prob(x)[:, 0]).any()


@each_kind
def test_estimate_may_change_the_number_of_states(kind):
    emission, x = CASES[kind]
    weights = np.random.default_rng(1).dirichlet([1, 2, 3], size=5)
    assert emission.estimate(x, weights).log_prob(x).shape == (5, 3)


def test_a_prior_that_is_the_same_in_all_states_stays_for_another_number():
    found = hmm.Categorical([[0.5, 0.5]], [[3.0, 2.0]]).estimate([0, 1], [[4.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(found.B, [[6 / 8, 2 / 8], [3 / 4, 1 / 4]])


def test_a_state_of_nothing_but_zeros_has_rate_zero():
    found = hmm.Poisson([2.0, 5.0]).estimate([0, 0, 3], [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(found.rate, [0.0, 3.0])


def test_an_sd_far_from_zero_is_not_taken_for_collapsed():
    x = 1e7 + np.array([1.0, 2.0, 6.0, 9.0])
    found = hmm.Gaussian([0.0], [1.0]).estimate(x, np.ones((4, 1)))
    np.testing.assert_allclose(found.sd, [np.sqrt(41 / 4)])


def test_a_prior_that_differs_between_states_fixes_their_number():
    emission = hmm.Categorical([[0.5, 0.5], [0.2, 0.8]], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="alpha differs between the 2 states"):
        emission.estimate([0, 1], np.ones((2, 3)))


@each_kind
def test_values_do_not_change(kind):
    emission, _ = CASES[kind]
    for name, value in vars(emission).items():
        with pytest.raises(AttributeError):
            setattr(emission, name, value)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 1


def test_categorical_estimate_is_the_posterior_mode_of_the_weighted_counts():
    x = np.array([3, 0, 0, 2, 1])
    counts = np.zeros((2, 4))
    for t, code in enumerate(x):
        counts[:, code] += WEIGHTS[t]
    np.testing.assert_allclose(hmm.Categorical(B).estimate(x, WEIGHTS).B, analytic.mle(counts))
    alpha = np.array([[2.0, 1.5, 1.0, 3.0], [1.0, 1.0, 4.0, 2.0]])
    found = hmm.Categorical(B, alpha).estimate(x, WEIGHTS)
    np.testing.assert_allclose(found.B, analytic.posterior_mode(counts, alpha))
    np.testing.assert_array_equal(found.alpha, alpha)
    prior = hmm.Categorical(np.full((2, 4), 0.25), alpha)
    log_pdf = analytic.DirichletRows(alpha).log_pdf
    np.testing.assert_allclose(
        found.log_prior() - prior.log_prior(), (log_pdf(found.B) - log_pdf(prior.B)).sum()
    )
    with pytest.raises(ValueError, match="no mode exists"):
        hmm.Categorical(B, 0.5).estimate(x, WEIGHTS)


def test_small_weights_are_not_rounded_off():
    found = hmm.Categorical([[0.5, 0.5]]).estimate([0, 1], [[1.0], [1e-30]])
    assert found.B[0, 1] == 1e-30


def test_an_sd_that_collapses_is_refused_or_held():
    x, weights = [1.0, 4.0, 5.0], np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"sd of state 0 collapses at 1, .* give sd_floor="):
        hmm.Gaussian([0.0, 5.0], [1.0, 1.0]).estimate(x, weights)
    held = hmm.Gaussian([0.0, 5.0], [1.0, 1.0], sd_floor=0.2).estimate(x, weights)
    np.testing.assert_allclose(held.sd, [0.2, 0.5])
    assert held.sd_floor == 0.2
    with pytest.raises(ValueError, match="collapses"):
        hmm.Gaussian([0.0], [1.0]).estimate([2.0, 2.0], [[1.0], [0.5]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hmm.Categorical([[0.5, 0.4]]), "row .* of B sums to 0.9"),
        (lambda: hmm.Categorical([0.5, 0.5]), r"B must have shape \(K, V\)"),
        (lambda: hmm.Categorical([[0.5, 0.5]], alpha=0), "alpha must be positive"),
        (lambda: hmm.Categorical([[0.5, 0.5]], alpha=[1, 1, 1]), "alpha has shape"),
        (lambda: hmm.Poisson([-1.0]), "rate must be"),
        (lambda: hmm.Poisson(3.0), "rate must be"),
        (lambda: hmm.Poisson([np.nan]), "rate must be"),
        (lambda: hmm.Gaussian([1.0], [0.0]), "sd must be positive"),
        (lambda: hmm.Gaussian([1.0], [0.1], sd_floor=0.2), "not below sd_floor"),
        (lambda: hmm.Gaussian([1.0, 2.0], [1.0]), "one number per state"),
        (lambda: hmm.Gaussian([np.inf], [1.0]), "mean must be finite"),
        (lambda: hmm.Gaussian([0.0], [1.0], sd_floor=-1), "sd_floor must be"),
        (lambda: hmm.Categorical(B).log_prob([4]), "code 4 at 0, expected 0, ..., 3"),
        (lambda: hmm.Categorical(B).log_prob([0, 1.5]), "whole numbers >= 0, got 1.5 at 1"),
        (lambda: hmm.Poisson([1.0]).log_prob([-1]), "got -1 at 0"),
        (lambda: hmm.Poisson([1.0]).log_prob([[1]]), "one dimension"),
        (lambda: hmm.Poisson([1.0]).log_prob(["a"]), "whole numbers in one dimension"),
        (lambda: hmm.Gaussian([1.0], [1.0]).log_prob([np.inf]), "finite numbers"),
        (lambda: hmm.Poisson([1.0]).estimate([1, 2], [[1.0]]), "one row for each of the 2"),
        (lambda: hmm.Poisson([1.0]).estimate([1], [[-1.0]]), ">= 0"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@each_kind
def test_missing_observations_are_rows_of_zeros(kind):
    emission, x = CASES[kind]
    gaps = np.array(x, dtype=float)
    gaps[[1, 4]] = np.nan
    expected = emission.log_prob(x)
    expected[[1, 4]] = 0
    np.testing.assert_array_equal(hmm.log_emission(emission, gaps), expected)
    masked = np.ma.masked_array(x, mask=[False, True, False, False, True])
    np.testing.assert_array_equal(hmm.log_emission(emission, masked), expected)
    parts = hmm.log_emission(emission, [masked[:2], np.array(x)[:1], gaps[2:]])
    for one, two in zip(parts, [expected[:2], expected[:1], expected[2:]], strict=True):
        np.testing.assert_array_equal(one, two)
    nothing = hmm.log_emission(emission, [np.nan, np.nan])
    np.testing.assert_array_equal(nothing, np.zeros((2, 2)))


def test_an_emission_with_several_components():
    class Pair:
        def log_prob(self, x):
            assert x.shape[1:] == (2,)
            return np.nansum(x, axis=1)[:, None] * [1.0, -1.0]

    x = np.array([[1.0, 2.0], [np.nan, np.nan], [np.nan, 3.0]])
    expected = [[3, -3], [0, 0], [3, -3]]
    np.testing.assert_array_equal(hmm.log_emission(Pair(), x), expected)
    np.testing.assert_array_equal(hmm.log_emission(Pair(), [x, x[:1]])[1], expected[:1])


def test_partly_known_states():
    emission, x = CASES["poisson"]
    known = hmm.known_states([1, 9, 0, 9, 9], 2, missing=9)
    np.testing.assert_array_equal(known, [[0, 1], [1, 1], [1, 0], [1, 1], [1, 1]])
    found = hmm.log_emission(emission, x, possible=known)
    expected = np.where(known, emission.log_prob(x), -np.inf)
    np.testing.assert_array_equal(found, expected)
    many = hmm.log_emission(emission, [x, x[:2]], possible=[known, known[:2]])
    np.testing.assert_array_equal(many[1], expected[:2])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e, x: hmm.log_emission(e, []), ValueError, "observations is empty"),
        (lambda e, x: hmm.log_emission(e, [x, []]), ValueError, "sequence 1 of observations"),
        (lambda e, x: hmm.log_emission(e, 3), ValueError, "time on their first axis"),
        (
            lambda e, x: hmm.log_emission(e, x, possible=np.ones((4, 2), bool)),
            ValueError,
            r"shape \(5, 2\), got \(4, 2\)",
        ),
        (
            lambda e, x: hmm.log_emission(e, x, possible=np.ones((5, 2))),
            TypeError,
            "possible must be boolean",
        ),
        (
            lambda e, x: hmm.log_emission(e, [x, x], possible=[np.ones((5, 2), bool)]),
            ValueError,
            "possible has 1 sequences, expected 2",
        ),
        (lambda e, x: hmm.known_states([0, 2], 2), ValueError, "code 2 at position 1"),
        (lambda e, x: hmm.known_states([0.0], 2), ValueError, "integer codes"),
    ],
)
def test_what_is_no_observation(call, error, message):
    with pytest.raises(error, match=message):
        call(*CASES["poisson"])


def test_an_emission_of_the_wrong_shape_is_refused():
    class Flat:
        def log_prob(self, x):
            return np.zeros(len(x))

    with pytest.raises(ValueError, match=r"must give shape \(2, K\), got \(2,\)"):
        hmm.log_emission(Flat(), [1.0, 2.0])
