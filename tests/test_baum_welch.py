"""Baum-Welch: no step falls, the M-step is the estimator of observed chains, the end is a mode."""

from dataclasses import dataclass

import numpy as np
import pytest

import analytic
from analytic import hmm
from hidden import log_likelihood_by_paths

TRUTH = np.array([[0.6, 0.3, 0.1], [0.8, 0.15, 0.05], [0.1, 0.6, 0.3], [0.25, 0.05, 0.7]])
EMISSIONS = {
    "categorical": hmm.Categorical([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.15, 0.25, 0.6]]),
    "poisson": hmm.Poisson([1.0, 5.0, 12.0]),
    "gaussian": hmm.Gaussian([-2.0, 0.5, 4.0], [0.5, 1.0, 0.8], sd_floor=0.05),
}
each_kind = pytest.mark.parametrize("kind", EMISSIONS)


def simulated(kind, lengths=(60, 1, 25), seed=3):
    """Hidden paths and what they emit."""
    rng = np.random.default_rng(seed)
    paths = [analytic.simulate(TRUTH, length, rng=rng) for length in lengths]
    return paths, [EMISSIONS[kind].sample(rng, path) for path in paths]


@each_kind
@pytest.mark.parametrize("alpha", [1.0, 1.7])
def test_no_step_falls(kind, alpha):
    _, x = simulated(kind)
    for seed in range(5):
        found = hmm.baum_welch(
            x,
            emission=EMISSIONS[kind],
            n_states=3,
            alpha=alpha,
            restarts=1,
            rng=np.random.default_rng(seed),
            max_iter=60,
        )
        trace = found.convergence.objective
        assert np.diff(trace).min() >= -1e-10 * abs(trace[-1])
        assert trace[-1] > trace[0] + 1
        assert len(trace) == found.convergence.iterations + 1
        np.testing.assert_allclose(found.A.sum(axis=1), 1, rtol=1e-12)
        table = hmm.log_emission(found.emission, x)
        np.testing.assert_allclose(
            found.log_likelihood, hmm.log_likelihood(found.A, table).sum(), rtol=1e-12
        )


@each_kind
@pytest.mark.parametrize("alpha", [1.0, [[2.0, 1.5, 1.0]] * 4])
def test_the_maximisation_is_that_of_observed_chains(kind, alpha):
    _, x = simulated(kind)
    start = EMISSIONS[kind]
    found = hmm.baum_welch(x, emission=start, A=TRUTH, alpha=alpha, max_iter=1, tolerance=0)
    expected = hmm.smooth(TRUTH, hmm.log_emission(start, x))
    by_mode = analytic.posterior_mode(expected.expected_counts, alpha)
    np.testing.assert_allclose(found.A, by_mode, rtol=1e-12, atol=1e-14)
    if alpha == 1:
        np.testing.assert_array_equal(found.A, analytic.mle(expected.expected_counts))
    new = start.estimate(np.concatenate(x), np.concatenate(expected.smoothed))
    np.testing.assert_allclose(
        hmm.log_emission(found.emission, x[0]), hmm.log_emission(new, x[0]), rtol=1e-12
    )
    assert found.convergence.iterations == 1 and not found.convergence.converged


def unpack(theta):
    """Two states: probabilities and rates from five numbers without bounds."""
    second = 1 / (1 + np.exp(-theta[:3]))
    return np.column_stack([1 - second, second]), np.exp(theta[3:])


@pytest.mark.parametrize("alpha", [1.0, 2.5])
def test_the_end_is_a_mode(alpha):
    rng = np.random.default_rng(9)
    x = [rng.poisson([1.0, 6.0][state], size=7) for state in (0, 1)]
    x[0][3:5] += 6

    def objective(theta):
        A, rate = unpack(theta)
        rows = hmm.log_emission(hmm.Poisson(rate), x)
        fit = sum(log_likelihood_by_paths(A, row) for row in rows)
        return -(fit + (alpha - 1) * np.log(A).sum())

    found = hmm.baum_welch(
        x, emission=hmm.Poisson([1.0, 5.0]), alpha=alpha, tolerance=1e-13, max_iter=5000
    )
    end = found.convergence.objective[-1]
    inner = np.clip(found.A, 1e-9, 1)
    at = np.concatenate([np.log(inner[:, 1] / inner[:, 0]), np.log(found.emission.rate)])
    np.testing.assert_allclose(-objective(at), end, rtol=1e-8)
    for i in range(5):
        values = [objective(at + sign * 1e-4 * (np.arange(5) == i)) for sign in (-1, 1)]
        slope, curvature = values[1] - values[0], sum(values) - 2 * objective(at)
        assert curvature > 0 and abs(slope / curvature) < 0.1


@each_kind
def test_a_known_path_gives_the_estimates_of_the_observed_chain(kind):
    paths, x = simulated(kind, (300, 40))
    known = [hmm.known_states(path, 3) for path in paths]
    found = hmm.baum_welch(x, emission=EMISSIONS[kind], possible=known)
    counts = analytic.count_transitions(paths, 3)
    np.testing.assert_array_equal(found.expected_counts, counts)
    np.testing.assert_array_equal(found.A, analytic.mle(counts))
    states, values = np.concatenate(paths), np.concatenate(x)
    emission = found.emission
    for k in range(3):
        own = values[states == k]
        if kind == "poisson":
            np.testing.assert_allclose(emission.rate[k], own.mean(), rtol=1e-13)
        elif kind == "gaussian":
            np.testing.assert_allclose(emission.mean[k], own.mean(), rtol=1e-12)
            np.testing.assert_allclose(emission.sd[k], own.std(), rtol=1e-12)
        else:
            share = np.bincount(own, minlength=3) / own.size
            np.testing.assert_allclose(emission.B[k], share, rtol=1e-13)
    one_step = analytic.log_likelihood(found.A, counts)
    rows = np.concatenate(hmm.log_emission(emission, x))
    expected = one_step + rows[np.arange(len(states)), states].sum()
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-13)


def test_some_labels_give_the_states_their_order():
    paths, x = simulated("gaussian", (200, 100))
    labels = [np.where(np.arange(len(path)) % 10 == 0, path, -1) for path in paths]
    known = [hmm.known_states(label, 3) for label in labels]
    wrong_order = hmm.Gaussian([4.0, -2.0, 0.5], [2.0, 2.0, 2.0], sd_floor=0.05)
    found = hmm.baum_welch(x, emission=wrong_order, possible=known)
    assert found.emission.mean.argsort().tolist() == [0, 1, 2]
    free = hmm.baum_welch(x, emission=wrong_order)
    assert free.emission.mean.argsort().tolist() != [0, 1, 2]


def test_missing_observations_carry_no_weight():
    _, x = simulated("poisson", (80, 30))
    gaps = [row.astype(float) for row in x]
    gaps[0][20:26], gaps[1][0] = np.nan, np.nan
    start = EMISSIONS["poisson"]
    found = hmm.baum_welch(gaps, emission=start, A=TRUTH, max_iter=1, tolerance=0)
    smooth = hmm.smooth(TRUTH, hmm.log_emission(start, gaps))
    seen = ~np.isnan(np.concatenate(gaps))
    new = start.estimate(np.concatenate(gaps)[seen], np.concatenate(smooth.smoothed)[seen])
    np.testing.assert_allclose(found.emission.rate, new.rate, rtol=1e-13)
    np.testing.assert_allclose(found.A, analytic.mle(smooth.expected_counts), rtol=1e-13)
    np.testing.assert_allclose(smooth.expected_counts.sum(), 110, rtol=1e-12)
    masked = [np.ma.masked_invalid(row) for row in gaps]
    again = hmm.baum_welch(masked, emission=start, A=TRUTH, max_iter=1, tolerance=0)
    np.testing.assert_array_equal(again.emission.rate, found.emission.rate)


def test_all_missing_says_nothing():
    start = hmm.Poisson([1.0, 5.0])
    A = [[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]]
    found = hmm.baum_welch([np.nan] * 4, emission=start, A=A)
    np.testing.assert_allclose(found.log_likelihood, 0, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(found.emission.rate, start.rate)
    np.testing.assert_allclose(found.A, A, rtol=1e-12)


def test_rows_that_nobody_leaves_keep_their_start():
    # State 1 is certain at the end and impossible before: it is never left.
    known = hmm.known_states([0, 0, 1], 2)
    A = [[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]]
    found = hmm.baum_welch([0, 1, 9], emission=hmm.Poisson([1.0, 5.0]), A=A, possible=known)
    np.testing.assert_array_equal(found.A, [[1.0, 0.0], [0.5, 0.5], [0.4, 0.6]])
    np.testing.assert_array_equal(found.convergence.kept_rows, [False, False, True])
    prior = hmm.baum_welch(
        [0, 1, 9], emission=hmm.Poisson([1.0, 5.0]), A=A, possible=known, alpha=[3.0, 2.0]
    )
    np.testing.assert_allclose(prior.A[2], [2 / 3, 1 / 3])
    assert not prior.convergence.kept_rows.any()


@each_kind
def test_one_state_and_one_observation(kind):
    _, x = simulated(kind)
    one = hmm.baum_welch(
        x, emission=EMISSIONS[kind], n_states=1, restarts=1, rng=np.random.default_rng(1)
    )
    np.testing.assert_array_equal(one.A, [[1.0], [1.0]])
    assert one.convergence.iterations <= 2
    whole = EMISSIONS[kind].estimate(np.concatenate(x), np.ones((86, 1)))
    np.testing.assert_allclose(one.log_likelihood, whole.log_prob(np.concatenate(x)).sum())
    single = hmm.baum_welch(x[0][:1], emission=EMISSIONS[kind], A=TRUTH)
    np.testing.assert_array_equal(single.A[1:], TRUTH[1:])
    assert single.convergence.kept_rows.tolist() == [False, True, True, True]


@each_kind
def test_restarts(kind):
    _, x = simulated(kind)
    runs = [
        hmm.baum_welch(
            x, emission=EMISSIONS[kind], restarts=4, rng=np.random.default_rng(seed), max_iter=25
        )
        for seed in (1, 1, 2)
    ]
    first, again, other = (run.convergence for run in runs)
    np.testing.assert_array_equal(first.log_likelihoods, again.log_likelihoods)
    np.testing.assert_array_equal(runs[0].A, runs[1].A)
    assert first.log_likelihoods.shape == (5,)
    assert first.log_likelihoods[0] == other.log_likelihoods[0]  # from the start values
    assert (first.log_likelihoods[1:] != other.log_likelihoods[1:]).all()
    for run in runs:
        found = run.convergence
        assert found.best == np.argmax(found.objectives)
        assert run.log_likelihood == found.log_likelihoods[found.best]
        assert run.convergence.objective[-1] == found.objectives.max()


def test_the_best_run_is_that_of_the_largest_objective():
    # With a prior it need not be the one of the largest likelihood.
    _, x = simulated("poisson", (12,), seed=6)
    found = hmm.baum_welch(
        x,
        emission=hmm.Poisson([1.0]),
        n_states=3,
        alpha=2.0,
        restarts=12,
        rng=np.random.default_rng(5),
        max_iter=2,
    ).convergence
    assert found.best == np.argmax(found.objectives) != np.argmax(found.log_likelihoods)


def test_the_objective_has_all_prior_densities():
    _, x = simulated("categorical")
    start = hmm.Categorical(EMISSIONS["categorical"].B, alpha=[1.5, 3.0, 2.0])
    found = hmm.baum_welch(x, emission=start, A=TRUTH, alpha=1.7, max_iter=3)
    prior = 0.7 * np.log(found.A).sum() + (np.log(found.emission.B) @ [0.5, 2.0, 1.0]).sum()
    objective = found.convergence.objective[-1]
    np.testing.assert_allclose(objective, found.log_likelihood + prior, rtol=1e-12)


def test_runs_from_random_starts_know_what_is_possible():
    paths, x = simulated("poisson", (40,))
    known = hmm.known_states(np.where(np.arange(40) % 4 == 0, paths[0], -1), 3)
    A, emission = hmm.random_start(
        hmm.Poisson([1.0]), x, 3, rng=np.random.default_rng(7), possible=[known]
    )
    found = hmm.baum_welch(
        x,
        emission=hmm.Poisson([1.0]),
        n_states=3,
        possible=[known],
        restarts=1,
        rng=np.random.default_rng(7),
    )
    from_there = hmm.baum_welch(x, emission=emission, A=A, possible=[known])
    np.testing.assert_array_equal(found.convergence.objective, from_there.convergence.objective)


def test_random_starts_are_possible_and_different():
    x = [[0, 3, 1], [40, np.nan, 2]]
    support = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    A, emission = hmm.random_start(
        hmm.Poisson([1.0]), x, 3, rng=np.random.default_rng(4), support=support
    )
    np.testing.assert_array_equal(A > 0, support)
    assert len(set(emission.rate)) == 3 and (emission.rate > 0).all()
    with pytest.raises(ValueError, match="all observations are missing"):
        hmm.random_start(hmm.Poisson([1.0]), [np.nan], 2, rng=np.random.default_rng(4))
    with pytest.raises(ValueError, match="n_states must be"):
        hmm.random_start(hmm.Poisson([1.0]), x, 0, rng=np.random.default_rng(4))
    # All weights together are as many as the observations, so that a prior weighs as it does later.
    prior = hmm.Categorical([[0.5, 0.5]], [[1.0, 3.0]])
    _, emission = hmm.random_start(prior, [0] * 10, 2, rng=np.random.default_rng(4))
    np.testing.assert_allclose(emission.B, [[5 / 7, 2 / 7]] * 2)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_structural_zeros_stay(alpha):
    _, x = simulated("poisson")
    support = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    found = hmm.baum_welch(
        x, emission=EMISSIONS["poisson"], support=support, alpha=alpha, restarts=2,
        rng=np.random.default_rng(1), max_iter=30,
    )  # fmt: skip
    assert (found.A[~support] == 0).all() and (found.expected_counts[~support] == 0).all()
    start = np.where(support, 1.0, 0.0) / support.sum(axis=1, keepdims=True)
    free = hmm.baum_welch(x, emission=EMISSIONS["poisson"], A=start, alpha=alpha, max_iter=30)
    assert (free.A[~support] == 0).all() == (alpha == 1)


def test_small_counts_are_not_rounded_off_on_a_support():
    # State 1 explains a 0 with e^-50: the counts of its row are far below the rounding of 1.
    A = [[1.0, 0.0], [0.8, 0.2], [0.4, 0.6]]
    options = {"emission": hmm.Poisson([0.1, 50.0]), "A": A, "max_iter": 1}
    free = hmm.baum_welch([0, 0, 0, 1], **options)
    found = hmm.baum_welch([0, 0, 0, 1], **options, support=np.array(A) > 0)
    np.testing.assert_array_equal(found.A, free.A)
    assert found.A[2, 0] > 0.99 and not found.convergence.kept_rows.any()


@dataclass(frozen=True)
class Geometric:
    """A user's own emission: the number of failures before a success."""

    p: np.ndarray
    shrink: float = 1.0

    def log_prob(self, x):
        return np.asarray(x)[:, None] * np.log1p(-self.p) + np.log(self.p)

    def estimate(self, x, weights):
        total = weights.sum(axis=0)
        return Geometric(self.shrink * total / (total + weights.T @ np.asarray(x)), self.shrink)

    def sample(self, rng, states):
        return rng.geometric(self.p[states]) - 1


def test_an_emission_of_the_users_own():
    rng = np.random.default_rng(2)
    A = np.array([[0.5, 0.5], [0.95, 0.05], [0.1, 0.9]])
    truth = Geometric(np.array([0.6, 0.1]))
    x = truth.sample(rng, analytic.simulate(A, 2000, rng=rng))
    found = hmm.baum_welch(x, emission=Geometric(np.array([0.5, 0.2])))
    np.testing.assert_allclose(found.emission.p, truth.p, rtol=0.15)
    np.testing.assert_allclose(found.A[1:], A[1:], atol=0.05)
    assert np.diff(found.convergence.objective).min() > 0


def test_an_estimate_that_does_not_maximise_is_found_out():
    x = [0, 1, 0, 7, 9, 12, 1, 0]
    with pytest.raises(RuntimeError, match=r"iteration .* lowered the objective"):
        hmm.baum_welch(x, emission=Geometric(np.array([0.6, 0.1]), shrink=0.3))


def test_convergence_is_told():
    _, x = simulated("poisson")
    short = hmm.baum_welch(x, emission=EMISSIONS["poisson"], max_iter=2)
    assert not short.convergence.converged and short.convergence.iterations == 2
    loose = hmm.baum_welch(x, emission=EMISSIONS["poisson"], tolerance=1e-2)
    tight = hmm.baum_welch(x, emission=EMISSIONS["poisson"], tolerance=1e-9)
    assert loose.convergence.converged and tight.convergence.converged
    assert loose.convergence.iterations < tight.convergence.iterations
    gains = np.diff(tight.convergence.objective)
    assert gains[-1] < 1e-9 <= gains[-2]
    alone = hmm.baum_welch(x, emission=hmm.Poisson([3.0]), tolerance=0, max_iter=5)
    assert not alone.convergence.converged  # a gain of 0 is not below 0


X = [0, 3, 1, 9]
P = hmm.Poisson([1.0, 5.0])
EVEN = [[0.5, 0.5]] * 3
ROWLESS = [[True, True], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, r"A has shape \(4, 3\), expected \(3, 2\)", {"A": TRUTH}),
        (ValueError, "add the s_0 row", {"A": [[0.5, 0.5], [0.9, 0.1]]}),
        (ValueError, "not both", {"A": TRUTH, "n_states": 3}),
        (ValueError, "give restarts=10", {"n_states": 3}),
        (TypeError, "rng must be", {"restarts": 2}),
        (ValueError, "restarts must be", {"restarts": -1}),
        (ValueError, "max_iter must be", {"max_iter": 0}),
        (ValueError, "tolerance must be", {"tolerance": -1.0}),
        (ValueError, "alpha has shape", {"alpha": [1.0, 1.0, 1.0]}),
        (ValueError, "no mode exists", {"alpha": 1e-3, "A": [[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]]}),
        (ValueError, "possible must have shape", {"possible": np.ones((4, 3), bool)}),
        (ValueError, "support leaves row 1 of A", {"support": ROWLESS}),
        (ValueError, "A is positive where support", {"A": EVEN, "support": [[True, False]] * 3}),
        (ValueError, "sequence 0 is impossible", {"emission": hmm.Poisson([0.0, 0.0])}),
        (ValueError, "whole numbers", {"observations": [0.5, 1.0]}),
        (ValueError, "observations is empty", {"observations": []}),
    ],
)  # fmt: skip
def test_what_is_refused(error, message, options):
    with pytest.raises(error, match=message):
        hmm.baum_welch(**({"observations": X, "emission": P} | options))


@pytest.mark.slow
@each_kind
def test_the_truth_is_found_in_long_sequences(kind):
    paths, x = simulated(kind, (20_000,), seed=1)
    found = hmm.baum_welch(x, emission=EMISSIONS[kind], A=TRUTH)
    departures = np.bincount(paths[0], minlength=3)
    # Hidden states are known less well: a few standard errors of the observed chain, and some more.
    limit = 12 * np.sqrt(TRUTH[1:] * (1 - TRUTH[1:]) / departures[:, None])
    assert (abs(found.A[1:] - TRUTH[1:]) < limit).all()
    shares = []
    for A, emission in ((found.A, found.emission), (TRUTH, EMISSIONS[kind])):
        decoded = hmm.viterbi(A, hmm.log_emission(emission, x)).path[0]
        shares.append((decoded == paths[0]).mean())
    assert shares[0] > shares[1] - 0.01 and shares[1] > 0.7
