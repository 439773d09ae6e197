"""Leave-one-out from draws: against the closed form, and against ArviZ on every transition."""

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts
from cases import CASES

WEATHER = TransitionCounts(
    [[1, 0, 2], [30, 8, 2], [5, 0, 11], [9, 3, 42]], ["sun", "fog", "rain"], order=1
)


@pytest.fixture(scope="module")
def weather_tree():
    """Draws from the posterior of some hundred transitions."""
    return bm.exact_posterior(WEATHER, alpha=[1.0, 0.5, 2.0], seed=3)


def expanded(tree):
    """Log-likelihood of every single transition, as ArviZ takes it."""
    counts = tree.observed_data["counts"]
    cells = [index for index in np.ndindex(counts.shape) for _ in range(int(counts.values[index]))]
    draws = tree.posterior["A"].values
    log_lik = np.stack([np.log(draws[(..., *index)]) for index in cells], axis=-1)
    groups = {
        "posterior": tree.posterior.to_dataset(),
        "log_likelihood": xr.Dataset({"z": (("chain", "draw", "transition"), log_lik)}),
        "observed_data": xr.Dataset({"z": ("transition", np.zeros(len(cells)))}),
    }
    return xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()}), cells


def assert_same_as_arviz(found, expected):
    """Sum, its standard error, and what is left out one by one."""
    assert_allclose(found.elpd, expected.elpd, rtol=0, atol=1e-10)
    assert_allclose(found.se, expected.se, rtol=1e-10)


def test_transitions_are_those_of_arviz(weather_tree):
    found = bm.loo(weather_tree, by="transition")
    tree, cells = expanded(weather_tree)
    expected = az.loo(tree, var_name="z", pointwise=True)
    assert_same_as_arviz(found, expected)
    for position, cell in enumerate(cells):
        assert_allclose(found.pointwise.values[cell], expected.elpd_i[position], atol=1e-10)
        assert_allclose(found.pareto_k.values[cell], expected.pareto_k[position], atol=1e-10)


def test_transitions_of_a_sampler_are_those_of_arviz(nuts_tree):
    pooled = nuts_tree.copy()
    pooled["observed_data"] = xr.DataTree(nuts_tree.observed_data.to_dataset().sum("unit"))
    tree, _ = expanded(pooled)
    found = bm.loo(nuts_tree, by="transition")
    assert_same_as_arviz(found, az.loo(tree, var_name="z", pointwise=True))


@pytest.mark.parametrize("by", ["unit", "sequence"])
@pytest.mark.parametrize("source", ["exact_tree", "nuts_tree"])
def test_units_are_those_of_arviz(source, by, request):
    tree = request.getfixturevalue(source)
    found, expected = bm.loo(tree, by=by), az.loo(tree, pointwise=True)
    assert_same_as_arviz(found, expected)
    assert_allclose(found.pointwise, expected.elpd_i, rtol=0, atol=1e-10)
    assert_allclose(found.pareto_k, expected.pareto_k, rtol=0, atol=1e-10)
    assert found.by == by


def within_errors(found):
    """Everything that is reliable lies within five of its Monte Carlo standard errors."""
    z = np.abs(found.pointwise - found.exact.pointwise) / found.mcse
    reliable = (found.pareto_k < 0.5) & (found.mcse > 0)
    return bool(reliable.any() and (z.where(reliable) < 5).sum() == reliable.sum())


def test_transitions_agree_with_the_closed_form(weather_tree):
    found = bm.loo(weather_tree, by="transition")
    exact = analytic.loo_transitions(WEATHER.table, [1.0, 0.5, 2.0])
    assert found.exact.elpd == exact.elpd
    assert within_errors(found)
    assert_allclose(found.elpd, exact.elpd, rtol=0, atol=0.05)
    assert_allclose(found.se, exact.se, rtol=0.01)
    assert found.pointwise.dims == ("state", "next_state")
    assert found.pointwise.sel(state="fog", next_state="rain") > np.log(0.5)
    assert_array_equal(np.isnan(found.pointwise), WEATHER.table == 0)
    assert_array_equal(np.isnan(found.pareto_k), WEATHER.table == 0)
    assert_array_equal(np.isnan(found.mcse), WEATHER.table == 0)


def test_units_agree_with_the_closed_form(exact_tree, rain):
    found = bm.loo(exact_tree, by="unit")
    exact = analytic.loo_units(rain.table, 1)
    assert found.exact.elpd == exact.elpd
    assert within_errors(found)
    assert_allclose(found.elpd, exact.elpd, rtol=0, atol=0.1)
    assert found.pointwise["unit"].values.tolist() == list(rain.units)
    assert found.unreliable == 0


@pytest.mark.parametrize("order", [0, 2])
def test_other_orders_agree_with_the_closed_form(order):
    table = next(case for case in CASES if case.order == order).table * 9
    counts = TransitionCounts(table, range(3), order)
    found = bm.loo(bm.exact_posterior(counts, alpha=0.75, seed=3), by="transition")
    assert found.exact.elpd == analytic.loo_transitions(table, 0.75, order=order).elpd
    assert within_errors(found)


def test_monte_carlo_error_is_the_spread_over_repeated_runs():
    found = [bm.loo(bm.exact_posterior(WEATHER, seed=seed), by="transition") for seed in range(40)]
    values = np.array([result.pointwise.values for result in found])
    errors = np.array([result.mcse.values for result in found])
    often = WEATHER.table >= 5
    ratio = (errors.mean(axis=0) / values.std(axis=0, ddof=1))[often]
    assert ((ratio > 0.6) & (ratio < 1.6)).all()


def test_stored_result_gives_the_same(exact_tree, tmp_path):
    bm.save(exact_tree, tmp_path / "result.nc")
    again = bm.loo(bm.load(tmp_path / "result.nc"), by="unit")
    assert again.elpd == bm.loo(exact_tree, by="unit").elpd


def test_unreliable_estimate_is_reported_and_not_warned_of():
    sequences = [["a"] * 30 + ["b"] * 30 + ["c"] * 30, ["a", "b", "c"], ["c"]]
    counts = TransitionCounts.from_sequences(sequences, units="sequence")
    found = bm.loo(bm.exact_posterior(counts, seed=3), by="unit")
    assert found.pareto_k[0] > 0.7
    assert found.unreliable == int((found.pareto_k > 0.7).sum()) >= 1
    assert str(found).splitlines() == [
        "leave-one-unit-out",
        f"  PSIS   elpd {found.elpd:.3f}, se {found.se:.3f}, "
        f"{found.unreliable} of 3 with Pareto k > 0.7",
        f"  exact  elpd {found.exact.elpd:.3f}, se {found.exact.se:.3f}",
    ]


def test_certain_transitions_are_known():
    support = [[True, True], [True, True], [False, True]]
    counts = TransitionCounts([[1, 0], [20, 9], [0, 8]], ["a", "b"])
    found = bm.loo(bm.exact_posterior(counts, support=support, seed=3), by="transition")
    certain = found.pointwise.sel(state="b", next_state="b")
    assert certain.item() == 0
    assert found.mcse.sel(state="b", next_state="b").item() == 0
    assert found.pareto_k.sel(state="b", next_state="b").item() == -np.inf
    exact = analytic.loo_transitions(counts.table, 1, support=support)
    assert_allclose(found.elpd, exact.elpd, rtol=0, atol=0.1)


def test_nothing_but_certain_transitions():
    found = bm.loo(bm.exact_posterior(TransitionCounts([[1], [4]], ["a"]), seed=3), by="transition")
    assert found.elpd == found.exact.elpd == 0
    assert found.se == 0
    assert found.unreliable == 0


def test_single_transition_has_no_standard_error():
    counts = TransitionCounts([[0, 1], [0, 0], [0, 0]], ["a", "b"])
    found = bm.loo(bm.exact_posterior(counts, seed=3), by="transition")
    assert np.isnan(found.se)
    assert np.isnan(found.exact.se)


BAD = {
    "unknown": (WEATHER, "row", 'by must be "transition", "sequence" or "unit", got \'row\''),
    "no units": (WEATHER, "unit", 'by="unit" needs units; count the data with unit= or units='),
    "no sequences": (WEATHER, "sequence", 'by="sequence" needs units'),
    "several sequences in a unit": (
        TransitionCounts.from_sequences([["a", "b"], ["b"], ["a"]], units=["u", "u", "v"]),
        "sequence",
        'by="sequence" needs one sequence in each unit',
    ),
    "fractions": (
        TransitionCounts([[0.5, 0], [2.25, 1], [0, 3]], ["a", "b"]),
        "transition",
        r"whole numbers.*got 0.5 at index \(0, 0\)",
    ),
}


@pytest.mark.parametrize(("counts", "by", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(counts, by, message):
    tree = bm.exact_posterior(counts, seed=3, draws=50)
    with pytest.raises(ValueError, match=message):
        bm.loo(tree, by=by)


@pytest.mark.parametrize(("draws", "chains"), [(1, 1), (3, 1), (99, 1), (3, 40)])
def test_a_handful_of_draws_is_refused(draws, chains):
    counts = TransitionCounts([[1, 0], [3, 2], [1, 4]], ["a", "b"])
    tree = bm.exact_posterior(counts, seed=1, draws=draws, chains=chains)
    with pytest.raises(ValueError, match=f"{chains} chains of {draws} draws, too few"):
        bm.loo(tree, by="transition")
