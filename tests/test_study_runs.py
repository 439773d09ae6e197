"""Studies in pieces, on workers and with what is given wrongly."""

import inspect
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    flat,
    mle,
)
from bayes_markov import coverage_study, nuts_estimator, risk_study
from bayes_markov.study.losses import Loss, last_state_weights, squared_error
from bayes_markov.study.moments import Moments, mean_and_error, moments_of, share_and_error
from studies import (
    CASES,
    HOLE,
    THREE,
    TWO,
    laplace_twice,
    poisson,
    simulated_risk,
)

pytestmark = pytest.mark.slow


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
