"""Simulated risk and coverage against exact sums over count tables, and against theory."""

import inspect
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
from analytic import (
    ESTIMATORS,
    INTERVALS,
    DirichletRows,
    count_table_distribution,
    exact_coverage,
    exact_risk,
    flat,
    mle,
)
from bayes_markov.study import coverage_study, nuts_estimator, risk_study
from bayes_markov.study.losses import LOSSES, Loss, last_state_weights, squared_error
from bayes_markov.study.moments import Moments, mean_and_error, moments_of, share_and_error
from bayes_markov.study.simulation import simulate_counts

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("case", CASES)
def test_fractions_and_numbers_belong_together(case):
    study = simulated_risk(case)
    some = study["undefined"] + study["infinite"] < 1
    assert_array_equal(np.isfinite(study["risk"]), some)
    single = risk_study(TWO, lengths=[1], estimators=["mle"], replicates=50, seed=1).squeeze()
    assert (single["undefined"].sel(loss=["squared_error", "kl", "prediction"]) == 1).all()
    assert np.isnan(single["undefined"].sel(loss="log_score"))


def test_bins_hold_what_the_cells_hold():
    """One matrix: a bin is the average of its cells, weighted by how often they are defined."""
    study = coverage_study(
        THREE, lengths=[12], intervals=["wilson"], prob=0.9, replicates=3000, seed=16
    ).sel(interval="wilson", length=12)
    p, states = np.array(THREE)[1:], slice("s1", None)
    weight = (1 - study["undefined"].sel(state=states)).values * 3000
    for name in ("coverage", "width"):
        cells = study[name].sel(state=states).values
        for middle in study["p_bin"].values:
            inside = (p > middle - 0.0251) & (p < middle + 0.0249)
            got = study[f"{name}_by_p"].sel(p_bin=middle).item()
            if inside.any():
                assert got == pytest.approx(np.average(cells[inside], weights=weight[inside]))
            else:
                assert math.isnan(got)
        shares = study["cells_by_departures"] / study["cells_by_departures"].sum()
        total = (study[f"{name}_by_departures"] * shares).sum().item()
        assert total == pytest.approx(np.average(cells, weights=weight))
    assert_array_equal(study["departures_bin"], [0, 1, 2, 4, 8])
    assert study["cells_by_departures"].sel(departures_bin=0) == 0
    assert study["cells_by_p"].sum().item() == pytest.approx(weight.sum())


def test_standard_errors_are_the_spread_over_seeds():
    risks, shares = [], []
    for seed in range(100):
        study = risk_study(
            TWO, lengths=[8], estimators=["mle"], losses=["kl"], replicates=64, seed=seed
        ).squeeze()
        risks.append([study[name].item() for name in ("risk", "infinite", "undefined")])
        risks[-1] += [study[f"{name}_se"].item() for name in ("risk", "infinite", "undefined")]
        covered = coverage_study(
            TWO, lengths=[8], intervals=["wilson"], prob=0.6, replicates=64, seed=seed
        ).squeeze()
        names = ("coverage_by_departures", "width_by_departures")
        bins = covered.sel(departures_bin=4)
        shares.append([bins[name + end].item() for end in ("", "_se") for name in names])
    for table in (np.array(risks), np.array(shares)):
        values, errors = np.split(table, 2, axis=1)
        # The spread of 100 values is known to 1 / sqrt(200), so that 0.28 is four of its errors.
        assert_allclose(errors.mean(axis=0), values.std(axis=0, ddof=1), rtol=0.28)


def test_pieces_merge_to_the_whole():
    rng = np.random.default_rng(17)
    values = 1e6 + rng.normal(size=(100, 3))
    values[rng.random(values.shape) < 0.2] = np.inf
    values[rng.random(values.shape) < 0.2] = np.nan
    whole = moments_of(values)
    parts = Moments(*np.zeros((5, 3)))
    for start, stop in [(0, 1), (1, 1), (1, 40), (40, 100)]:
        parts = parts.merged(moments_of(values[start:stop]))
    for got, want in zip(parts, whole, strict=True):
        assert_allclose(got, want, rtol=1e-9)
    for column in range(3):
        kept = values[np.isfinite(values[:, column]), column]
        mean, error = (x[column] for x in mean_and_error(parts))
        assert mean == pytest.approx(kept.mean(), rel=1e-13)
        assert error == pytest.approx(kept.std(ddof=1) / math.sqrt(len(kept)), rel=1e-9)
    assert np.isnan(mean_and_error(moments_of(np.array([np.inf, np.nan])))).all()


def test_a_share_is_never_certain():
    share, error = share_and_error(np.array([0.0, 50, 0]), np.array([100.0, 100, 0]))
    assert_allclose(share, [0, 0.5, np.nan])
    assert 0 < error[0] < 0.01
    assert error[1] == pytest.approx(0.05, rel=0.02)
    assert np.isnan(error[2])


def test_all_lengths_and_estimators_see_the_same_paths():
    both = risk_study(
        THREE, lengths=[30, 5], estimators=["jeffreys", "mle"], replicates=300, seed=18
    )
    assert_array_equal(both["length"], [5, 30])
    alone = risk_study(THREE, lengths=[30], estimators=["mle"], replicates=300, seed=18)
    xr.testing.assert_identical(both["risk"].sel(estimator=["mle"], length=[30]), alone["risk"])
    other = risk_study(THREE, lengths=[30], estimators=["mle"], replicates=300, seed=19)
    assert not np.array_equal(other["risk"], alone["risk"], equal_nan=True)


def test_random_intervals_do_not_depend_on_their_company():
    options = {"lengths": [6, 9], "prob": 0.5, "replicates": 60, "seed": 20}
    twice = {"wald": "wald", "first": "bootstrap", "second": "bootstrap"}
    together = coverage_study(TWO, intervals=twice, **options)
    for name, interval in twice.items():
        alone = coverage_study(TWO, intervals={name: interval}, **options)
        xr.testing.assert_identical(together.sel(interval=[name]), alone)
    alone = coverage_study(TWO, intervals=["bootstrap"], **options)
    again = coverage_study(TWO, intervals=["bootstrap"], **options | {"seed": 21})
    assert not np.array_equal(again["width"], alone["width"], equal_nan=True)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def test_workers_do_not_change_a_bit(processes):
    options = {"lengths": [3, 25], "replicates": 501, "seed": 22}
    estimators = ["mle", "shrinkage", "empirical_bayes_vector", laplace_twice]
    here = risk_study([THREE, HOLE], estimators=estimators, **options)
    there = risk_study([THREE, HOLE], estimators=estimators, executor=processes, **options)
    xr.testing.assert_identical(here, there)
    options |= {"intervals": ["wald", poisson, "bootstrap"], "prob": 0.5, "replicates": 100}
    alone = coverage_study(flat(2), **options)
    xr.testing.assert_identical(alone, coverage_study(flat(2), executor=processes, **options))
    with ThreadPoolExecutor(3) as threads:
        xr.testing.assert_identical(alone, coverage_study(flat(2), executor=threads, **options))


def test_a_function_that_cannot_be_sent_is_refused(processes):
    with pytest.raises(ValueError, match="top level of a module"):
        risk_study(
            TWO,
            lengths=[4],
            estimators={"local": lambda counts: mle(counts)},
            replicates=20,
            seed=1,
            executor=processes,
        )


def test_an_error_in_a_worker_reaches_the_caller():
    def broken(counts):
        raise ArithmeticError("no estimate today")

    with ThreadPoolExecutor(2) as pool, pytest.raises(ArithmeticError, match="no estimate today"):
        risk_study(TWO, lengths=[4], estimators=[broken], replicates=20, seed=1, executor=pool)


def test_results_can_be_saved(tmp_path):
    study = risk_study([TWO, TWO], lengths=[5], replicates=20, seed=1)
    study.to_netcdf(tmp_path / "results.nc")
    with xr.open_dataset(tmp_path / "results.nc") as loaded:
        xr.testing.assert_equal(loaded, study)
        assert loaded.attrs["seed"] == 1


def test_losses_of_ones_own():
    last = Loss(squared_error, last_state_weights, lambda A, length: np.full(A.shape[:-2], 7.0))
    study = risk_study(TWO, lengths=[9], losses={"last": last, "kl": "kl"}, replicates=50, seed=1)
    assert list(study["loss"].values) == ["last", "kl"]
    assert study["asymptotic_risk"].sel(loss="last").item() == 7


def test_nothing_is_printed(capfd):
    risk_study(TWO, lengths=[9], replicates=20, seed=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_the_bar_counts_cells(monkeypatch, capfd):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    study = risk_study(TWO, lengths=[9], estimators=["mle"], replicates=20, seed=1, progress=True)
    assert study["risk"].size == 5


def two_rows(counts):
    return mle(counts)[..., :2, :]


def over_one(counts):
    return mle(counts) * 1.5


def partly(counts):
    A = mle(counts)
    A[..., 0] = np.nan
    return A


def crossed(counts, *, prob):
    return mle(counts) + 1, mle(counts)


RISK = {"lengths": [4], "replicates": 20, "seed": 1}
COVERAGE = {"lengths": [4], "replicates": 20, "seed": 1, "prob": 0.9, "intervals": ["wald"]}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"truth": [[0.8, 0.2], [0.4, 0.6]]}, ValueError, "add the s_0 row"),
        ({"truth": [[0.5, 0.6], [0.8, 0.2], [0.4, 0.6]]}, ValueError, "truth sums to 1.1"),
        ({"truth": [TWO, THREE]}, ValueError, "truth must be one rectangular array"),
        ({"truth": [0.5, 0.5]}, ValueError, r"truth must have shape \(K\+1, K\)"),
        ({"truth": flat(3, order=0)}, ValueError, r"alpha must have shape \(K\+1, K\)"),
        ({"lengths": []}, ValueError, "at least one"),
        ({"lengths": [5, 5]}, ValueError, "lengths must be different"),
        ({"lengths": [0]}, ValueError, "lengths must be an integer >= 1, got 0"),
        ({"lengths": [2.5]}, ValueError, "lengths must be an integer >= 1, got 2.5"),
        ({"replicates": 1}, ValueError, "replicates must be an integer >= 2, got 1"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0"),
        ({"seed": None}, ValueError, "seed must be an integer >= 0, got None"),
        ({"estimators": "mle"}, ValueError, "must be a list of names or functions"),
        ({"estimators": ["MLE"]}, ValueError, "estimator 'MLE' is unknown; choose from mle"),
        ({"estimators": []}, ValueError, "estimators is empty"),
        ({"estimators": ["mle", mle]}, ValueError, "two estimators are named 'mle'"),
        ({"estimators": [partial(mle)]}, ValueError, "has no name; pass a dict"),
        ({"estimators": [3]}, TypeError, "must be a name or a function, got 3"),
        ({"estimators": [two_rows]}, ValueError, "'two_rows' returned shape"),
        ({"estimators": [over_one]}, ValueError, "'over_one': the estimate must hold prob"),
        ({"estimators": [partly]}, ValueError, "'partly': .* is partly NaN"),
        ({"losses": ["KL"]}, ValueError, "loss 'KL' is unknown; choose from squared_error"),
    ],
)
def test_bad_studies_of_risk(changed, error, message):
    options = {"truth": TWO, **RISK, **changed}
    with pytest.raises(error, match=message):
        risk_study(options.pop("truth"), **options)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prob": 95}, "prob must lie strictly between 0 and 1"),
        ({"intervals": ["Wald"]}, "interval 'Wald' is unknown; choose from wald"),
        ({"intervals": [crossed]}, "'crossed' must have low <= high"),
        ({"intervals": {"short": lambda c, *, prob: (mle(c)[0], mle(c))}}, "returned shape"),
    ],
)
def test_bad_studies_of_coverage(changed, message):
    with pytest.raises(ValueError, match=message):
        coverage_study(TWO, **COVERAGE | changed)


def test_the_options_are_named():
    for function in (risk_study, coverage_study):
        first, *others = inspect.signature(function).parameters.values()
        assert first.name == "truth"
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)


@pytest.mark.slow
def test_nuts_is_an_estimator():
    study = risk_study(
        TWO,
        lengths=[20],
        estimators=["laplace", nuts_estimator(2)],
        replicates=24,
        seed=23,
    ).sel(length=20)
    laplace, nuts = (study["risk"].sel(estimator=name) for name in ("laplace", "nuts"))
    assert_allclose(nuts, laplace, rtol=0.05)
    assert (study["undefined"] == 0).all()
