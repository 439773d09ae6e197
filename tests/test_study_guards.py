"""What one rule, loss or thread does in a study, no other may notice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

from analytic import INTERVALS, exact_risk, flat, mle
from bayes_markov import coverage_study, nuts_estimator, risk_study
from bayes_markov.calibration import nuts
from bayes_markov.study.losses import LOSSES, Loss, squared_error, stationary_weights

A = [[0.35, 0.65], [0.8, 0.2], [0.4, 0.6]]
ABSORBING = [[0.9, 0.1], [0.7, 0.3], [0.0, 1.0]]
SMALL = {"lengths": [4, 9], "replicates": 40, "seed": 3}


def adds_to_the_tables(counts):
    counts += 1
    return mle(counts)


def adds_to_tables_of_intervals(counts, *, prob):
    counts += 1
    return INTERVALS["wald"](counts, prob=prob)


def no_asymptotic(A, length):
    return np.full(A.shape[:-2], np.nan)


def clears_the_estimate(A, estimate):
    estimate[...] = 0.5
    return squared_error(A, estimate)


def clears_the_truth(A, estimate):
    A[...] = 0.5
    return squared_error(A, estimate)


def clears_the_last_states(A, length, last):
    last[:] = 0
    return stationary_weights(A, length, last)


def clears_what_is_asymptotic(A, length):
    A[...] = 0.5
    return A[..., 0, 0]


LOSSES_IN_PLACE = {
    "estimate": Loss(clears_the_estimate, stationary_weights, no_asymptotic),
    "truth": Loss(clears_the_truth, stationary_weights, no_asymptotic),
    "last states": Loss(squared_error, clears_the_last_states, no_asymptotic),
    "asymptotic": Loss(squared_error, stationary_weights, clears_what_is_asymptotic),
}


@pytest.mark.parametrize("truth", [A, flat(2)], ids=["matrix", "prior"])
@pytest.mark.parametrize("kind", LOSSES_IN_PLACE)
def test_a_loss_does_not_work_in_place(truth, kind):
    if kind == "asymptotic" and truth is not A:
        return
    with pytest.raises(ValueError, match="read-only"):
        risk_study(truth, losses={"in place": LOSSES_IN_PLACE[kind], **LOSSES}, **SMALL)


def test_rules_do_not_work_in_place():
    with pytest.raises(ValueError, match="read-only"):
        risk_study(A, estimators=[adds_to_the_tables, "mle"], **SMALL)
    with pytest.raises(ValueError, match="read-only"):
        coverage_study(A, intervals=[adds_to_tables_of_intervals, "wald"], prob=0.5, **SMALL)
    with pytest.raises(ValueError, match="read-only"):
        exact_risk(A, 4, adds_to_the_tables)


def test_all_rules_and_losses_take_what_is_read_only():
    options = {"lengths": [6], "replicates": 4, "seed": 1}
    for truth in (A, flat(2)):
        assert risk_study(truth, **options)["risk"].size > 10
        assert coverage_study(truth, intervals=INTERVALS, prob=0.5, **options)["width"].size > 10


def test_where_no_truth_has_a_risk_none_is_the_worst():
    study = risk_study([ABSORBING, ABSORBING], estimators=["mle"], **SMALL)
    kl = study.sel(loss="kl")
    assert np.isnan(kl["worst_risk"]).all()
    assert np.isnan(kl["worst_truth"]).all()
    mixed = risk_study([ABSORBING, A, ABSORBING], estimators=["mle"], **SMALL)
    one = mixed.sel(loss="squared_error")
    assert_array_equal(one["worst_truth"], [[1, 1]])
    assert_array_equal(one["risk"].sel(truth=one["worst_truth"]), one["worst_risk"])

    def none(counts, *, prob):
        return np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)

    covered = coverage_study([A, A], intervals=["wilson", none], prob=0.5, **SMALL)
    assert np.isnan(covered["worst_truth"].sel(interval="none")).all()
    assert np.isfinite(covered["worst_truth"].sel(interval="wilson", state="<s0>")).all()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["study", "calibration"])
def test_threads_do_not_feed_each_other(monkeypatch, what):
    """A sampler that takes its time, and then looks at the data that the model holds."""
    seen = threading.Barrier(2)

    def slow(model, **options):
        with suppress(threading.BrokenBarrierError):
            seen.wait(timeout=0.2)  # without a lock both get here
        counts = model["counts_data"].get_value()[0] + 0.25
        means = xr.DataArray(counts / counts.sum(axis=-1, keepdims=True), dims=("i", "j"))
        drawn = xr.Dataset({"A": means.expand_dims(chain=1, draw=1)})
        return xr.DataTree.from_dict({"/posterior": drawn})

    monkeypatch.setattr("bayes_markov.nuts.draw", slow)
    # A model that no other test has.
    rule = nuts_estimator(2, 0.123456) if what == "study" else partial(nuts(2, 0.123456), seed=1)
    tables = np.array([[[1, 0], [5, 2], [1, 7]], [[0, 1], [9, 4], [3, 0]]])
    rule(tables[0])  # builds the model that both threads share
    seen.reset()
    with ThreadPoolExecutor(2) as pool:
        found = np.reshape(list(pool.map(rule, tables)), tables.shape)
    expected = (tables + 0.25) / (tables + 0.25).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
