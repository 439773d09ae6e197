"""Simulated risk and coverage against exact sums over count tables, and against theory."""

import math
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import analytic
from analytic import (
    ESTIMATORS,
    INTERVALS,
    DirichletRows,
    exact_coverage,
    exact_risk,
    flat,
)
from bayes_markov import coverage_study, risk_study
from bayes_markov.study.simulation import simulate_counts
from studies import (
    ABSORBING,
    CASES,
    DETERMINISTIC,
    HOLE,
    LIMIT,
    THREE,
    TWO,
    assert_within,
    poisson,
    risks_by_tables,
    simulated_coverage,
    simulated_risk,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("paths", [1, 500])
def test_counts_are_those_of_the_simulated_paths(paths):
    A = np.array(THREE)
    whole = analytic.simulate(A, 300, rng=np.random.default_rng(3), size=paths)
    stops = simulate_counts(A, [1, 7, 300], paths, rng=np.random.default_rng(3))
    for length, (tables, last) in zip([1, 7, 300], stops, strict=True):
        expected = analytic.count_transitions(whole[:, :length], 3, per_path=True)
        assert_array_equal(tables, expected)
        assert_array_equal(last, whole[:, length - 1])


def test_every_path_follows_its_own_matrix():
    cycle = np.array([[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
    back = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=float)
    A = np.array([cycle, back, cycle])
    ((tables, last),) = simulate_counts(A, [301], 3, rng=np.random.default_rng(4))
    assert_array_equal(last, [2, 0, 2])
    for table, matrix in zip(tables, A, strict=True):
        assert_array_equal(table > 0, matrix > 0)
        assert_array_equal(table.sum(axis=1), [1, 100, 100, 100])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("case", CASES)
def test_simulated_losses_are_exact_sums_over_tables(case, estimator):
    study = simulated_risk(case).sel(estimator=estimator)
    for name, (mean, undefined, infinite) in risks_by_tables(case, estimator).items():
        got = study.sel(loss=name)
        assert_within(got["risk"], got["risk_se"], mean)
        assert_within(got["undefined"], got["undefined_se"], undefined)
        assert_within(got["infinite"], got["infinite_se"], infinite)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("case", CASES)
def test_simulated_rows_are_exact_risk(case, estimator):
    A, length = CASES[case]
    exact = exact_risk(A, length, estimator)
    study = simulated_risk(case).sel(estimator=estimator)
    assert_within(study["bias"], study["bias_se"], exact.bias)
    row = study.sel(loss="squared_error")
    assert_within(row["row_risk"], row["row_risk_se"], exact.mse.sum(axis=-1))
    assert_within(row["row_undefined"], row["row_undefined_se"], exact.undefined)
    row = study.sel(loss="kl")
    assert_within(row["row_risk"], row["row_risk_se"], exact.kl_finite)
    infinite = exact.kl_infinite * (1 - exact.undefined)
    assert_within(row["row_infinite"], row["row_infinite_se"], infinite)


@pytest.mark.parametrize("interval", DETERMINISTIC)
@pytest.mark.parametrize("case", CASES)
def test_simulated_coverage_is_exact_coverage(case, interval):
    A, length = CASES[case]
    exact = exact_coverage(A, length, interval, prob=0.8)
    study = simulated_coverage(case).sel(interval=interval)
    assert_within(study["coverage"], study["coverage_se"], exact.coverage)
    assert_within(study["width"], study["width_se"], exact.width)
    assert_within(study["undefined"], study["undefined_se"], exact.undefined)
    assert_within(study["joint_coverage"], study["joint_coverage_se"], exact.joint)


def test_divergence_of_the_count_ratio_is_infinite_as_often_as_a_zero_count():
    """No state 1 after state 0 in n departures, or no state 0: p^n + (1 - p)^n."""
    p, n = 0.7, 6
    A = [[1, 0, 0], [0, p, 1 - p], [1, 0, 0], [1, 0, 0]]
    study = risk_study(
        A, lengths=[2 * n], estimators=["mle", "laplace"], replicates=20_000, seed=5
    ).sel(loss="kl", length=2 * n, state="s1")
    row = study.sel(estimator="mle")
    assert_within(row["row_infinite"], row["row_infinite_se"], p**n + (1 - p) ** n)
    assert study["row_infinite"].sel(estimator="laplace") == 0
    assert 0 < study["row_infinite_se"].sel(estimator="laplace") < 1e-4


def test_minimax_row_has_the_risk_of_the_textbook():
    """(1 - 1/K) / (sqrt(n) + 1)^2 for exactly n departures, whatever the row (Trybula 1958)."""
    n, p = 11, (0.6, 0.3, 0.1)
    A = [[1, 0, 0, 0], [0, *p], *[[1, 0, 0, 0]] * 3]
    study = risk_study(A, lengths=[2 * n], estimators=["minimax", "mle"], replicates=9000, seed=6)
    row = study.sel(loss="squared_error", state="s1", length=2 * n)
    expected = [(1 - 1 / 4) / (math.sqrt(n) + 1) ** 2, (1 - sum(x * x for x in p)) / n]
    assert_within(row["row_risk"], row["row_risk_se"], expected)


def test_long_paths_have_the_asymptotic_risk():
    study = risk_study(THREE, lengths=[3000], estimators=["jeffreys"], replicates=4000, seed=7)
    study = study.sel(estimator="jeffreys", length=3000)
    for loss in ("squared_error", "total_variation", "kl", "prediction"):
        row = study.sel(loss=loss)
        got, expected = float(row["risk"]), float(row["asymptotic_risk"])
        assert abs(got - expected) < LIMIT * float(row["risk_se"]) + 0.005 * expected
    assert float(study["asymptotic_risk"].sel(loss="kl")) == pytest.approx(3 * 2 / (2 * 3000))
    score = study.sel(loss="log_score")
    excess = float(score["risk"] - score["asymptotic_risk"])
    assert excess == pytest.approx(3 * 2 / (2 * 3000), rel=0.1)


def test_impossible_transitions_are_no_parameters():
    study = risk_study(HOLE, lengths=[50], estimators=["mle"], replicates=2, seed=1)
    assert study["asymptotic_risk"].sel(loss="kl").item() == pytest.approx(5 / (2 * 50))


def test_textbook_coverage_of_the_wald_interval():
    """Brown, Cai and DasGupta (2001), section 2: p = 0.2, n = 98 covers 0.928 of the time."""
    A = [[1, 0, 0], [0, 0.2, 0.8], [1, 0, 0], [1, 0, 0]]
    study = coverage_study(
        A, lengths=[60, 196], intervals=["wald"], prob=0.95, replicates=20_000, seed=8
    ).sel(interval="wald", state="s1", next_state="s2")
    assert_within(study["coverage"], study["coverage_se"], [0.946, 0.928], floor=5e-4)


def test_a_wrong_standard_error_is_seen():
    """The standard error sqrt(n_ij) / n_i is too large by the factor 1 / sqrt(1 - p)."""
    study = coverage_study(
        [[0.5, 0.5], [0.95, 0.05], [0.3, 0.7]],
        lengths=[400],
        intervals=["wilson", poisson],
        prob=0.8,
        replicates=4000,
        seed=9,
    ).sel(length=400, state="s1", next_state="s1")
    error = study["coverage_se"]
    right, wrong = study["coverage"] - 0.8
    assert abs(right) < 0.02
    assert wrong > 0.15
    assert wrong > 20 * error.sel(interval="poisson")
    assert study["width"].sel(interval="poisson") > 3 * study["width"].sel(interval="wilson")
    last = slice(64, None)
    by_bin = study["coverage_by_departures"].sel(interval="poisson", departures_bin=last)
    assert (by_bin.dropna("departures_bin") > 0.9).any()


def test_bayes_risk_of_the_posterior_mean():
    """One departure from s_0 under a flat prior: the posterior is Dirichlet(2, 1, 1)."""
    study = risk_study(
        flat(3), lengths=[20], estimators=["laplace", "mle"], replicates=20_000, seed=10
    )
    row = study.sel(loss="squared_error", state="<s0>", length=20)
    m = np.array([2, 1, 1]) / 4
    variance = (m * (1 - m) / 5).sum()
    # The count ratio is the first state's unit vector e: 1 - 2 E[e'p] + E[p'p], both are 1/2.
    assert_within(row["row_risk"], row["row_risk_se"], [variance, 1 - 2 / 2 + 1 / 2])


def test_credible_intervals_cover_on_average_over_their_prior():
    prior = DirichletRows([[1, 3], [0.5, 2], [4, 1.5]])
    study = coverage_study(
        prior,
        lengths=[4, 30],
        intervals={"own": partial(INTERVALS["beta_eti"], alpha=prior.alpha), "wald": "wald"},
        prob=0.7,
        replicates=20_000,
        seed=13,
    )
    own = study.sel(interval="own")
    assert_within(own["coverage"], own["coverage_se"], np.full(own["coverage"].shape, 0.7))
    assert (own["undefined"] == 0).all()
    assert float(study["coverage"].sel(interval="wald", length=4).min()) < 0.5


def test_the_worst_truth_is_named():
    study = risk_study(
        [TWO, ABSORBING, [[0.5, 0.5], [0.99, 0.01], [0.02, 0.98]]],
        lengths=[10, 40],
        estimators=["mle", "laplace"],
        replicates=500,
        seed=14,
    )
    assert dict(study.sizes)["truth"] == 3
    laplace = study.sel(estimator="laplace", loss="kl")
    assert_array_equal(laplace["worst_risk"], laplace["risk"].max("truth"))
    assert (laplace["worst_truth"] == 2).all()
    assert_array_equal(laplace["worst_risk_se"], laplace["risk_se"].sel(truth=2))
    alone = risk_study(TWO, lengths=[10, 40], estimators=["mle"], replicates=500, seed=14)
    assert "truth" not in alone.dims
    same = risk_study([TWO, TWO], lengths=[10], estimators=["mle"], replicates=500, seed=14)
    assert (same["risk"].sel(truth=0) != same["risk"].sel(truth=1)).all()
    assert_array_equal(alone["risk"].values[0], study["risk"].sel(truth=0, estimator="mle"))
    covered = coverage_study(
        [TWO, [[0.5, 0.5], [0.99, 0.01], [0.02, 0.98]]],
        lengths=[40],
        intervals=["wald"],
        prob=0.9,
        replicates=500,
        seed=14,
    )
    assert_array_equal(covered["worst_coverage"], covered["coverage"].min("truth"))


def test_a_reducible_truth_has_rows_but_no_stationary_weights():
    study = risk_study(ABSORBING, lengths=[6], estimators=["mle"], replicates=200, seed=15)
    study = study.sel(estimator="mle", length=6)
    for loss in ("squared_error", "total_variation", "kl"):
        for name in ("risk", "risk_se", "undefined", "infinite", "asymptotic_risk"):
            assert np.isnan(study[name].sel(loss=loss))
    assert np.isfinite(study["row_risk"].sel(loss="squared_error")).all()
    assert np.isfinite(study["undefined"].sel(loss="prediction"))
