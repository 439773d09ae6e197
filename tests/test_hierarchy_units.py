"""Trees of many units: one taken out, their mean, one not seen; and what is refused."""

import warnings

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.hierarchy.units import population_of
from bayes_markov.tree import alpha_of_tree, matrix_draws
from populations import (
    BUILDS,
    alpha_by_loop,
    covariates_of,
    levels,
    simulated_units,
    tree_from_prior,
)

UNITS = simulated_units(4, sequences=2)


@pytest.fixture(scope="module")
def trees():
    return {name: tree_from_prior(BUILDS[name](UNITS)) for name in BUILDS}


PER_UNIT = [name for name in BUILDS if name.startswith(("pooling", "covariate"))]


@pytest.mark.parametrize("name", PER_UNIT)
def test_selected_unit_is_a_tree_of_one_matrix(name, trees):
    whole = trees[name]
    tree = bm.select_unit(whole, "u3")
    assert tree["posterior"]["A"].dims == ("chain", "draw", "state", "next_state")
    for group in ("posterior", "prior"):
        assert_array_equal(tree[group]["A"], whole[group]["A"].sel(unit="u3"))
    assert_array_equal(tree["observed_data"]["counts"], UNITS.tables[2])
    assert_array_equal(tree["constant_data"]["departures"], UNITS.tables[2].sum(axis=-1))
    log_lik = whole["log_likelihood"]["counts"].sel(unit=["u3"])
    assert tree["log_likelihood"]["counts"].identical(log_lik)
    assert matrix_draws(tree).sizes["state"] == 4
    assert alpha_of_tree(tree) is None
    lines = bm.estimates(tree)
    assert [line.count for line in lines] == UNITS.tables[2].ravel().tolist()
    assert_allclose(
        [line.mean for line in lines],
        whole["posterior"]["A"].sel(unit="u3").mean(("chain", "draw")).values.ravel(),
        rtol=1e-12,
    )


def test_selected_units_of_no_pooling_are_posteriors_alone():
    whole = bm.exact_posterior(UNITS, alpha=0.5, seed=2, pool="none", draws=1000)
    assert whole["posterior"]["A"].dims == ("chain", "draw", "unit", "state", "next_state")
    A = whole["posterior"]["A"].values.reshape(4000, 4, 4, 3)
    posterior = DirichletRows(UNITS.tables + 0.5)
    z = (A.mean(axis=0) - posterior.mean()) / np.sqrt(posterior.var() / 4000)
    assert np.abs(z).max() < 4.5
    assert_allclose(A.var(axis=0) / posterior.var(), 1, atol=0.25)
    found = whole["log_likelihood"]["counts"].values[1, 5]
    expected = analytic.log_likelihood(whole["posterior"]["A"].values[1, 5], UNITS.tables)
    assert_allclose(found, expected, rtol=1e-10)
    tree = bm.select_unit(whole, "u2")
    assert_array_equal(alpha_of_tree(tree), np.full((4, 3), 0.5))
    assert len(bm.estimates(tree)) == 12


@pytest.mark.parametrize("name", BUILDS)
def test_log_likelihood_of_each_unit(name, trees):
    """With the matrix summed out where the unit has its own, given A where all share one."""
    tree = trees[name]
    posterior = tree["posterior"].dataset.isel(chain=1, draw=7)
    found = tree["log_likelihood"]["counts"].isel(chain=1, draw=7).values
    if name in PER_UNIT:
        values = {v: posterior[v].values for v in population_of(tree)[0].hyperpriors}
        alpha = alpha_by_loop(name, values, covariates_of(name, UNITS))
        expected = analytic.log_evidence(UNITS.tables, np.maximum(alpha, 1e-300))
    else:
        expected = analytic.log_likelihood(posterior["A"].values, UNITS.tables)
    assert found.shape == (4,)
    assert_allclose(found, expected, rtol=1e-8)


def test_mean_of_units(trees):
    for name in ("pooling", "pooling around one row"):
        tree = bm.select_mean(trees[name])
        A, mean = tree["posterior"]["A"], trees[name]["posterior"]["mean"]
        assert A.dims == ("chain", "draw", "state", "next_state")
        for state in A["state"].values:
            expected = mean.sel(state=state) if "state" in mean.dims else mean
            assert_array_equal(A.sel(state=state), expected)
        assert_array_equal(tree["observed_data"]["counts"], UNITS.pooled)
        assert [line.count for line in bm.estimates(tree)] == UNITS.pooled.ravel().tolist()


@pytest.mark.parametrize("name", [*PER_UNIT, "order 0"])
def test_unit_not_seen_is_drawn_from_the_population(name, trees):
    if name == "order 0":
        counts = bm.TransitionCounts([[3, 0], [1, 1]], ("a", "b"), 0, ("x", "y"))
        whole, given = tree_from_prior(bm.partial_pooling_model(counts)), {}
    else:
        given = {"covariate, levels": {"covariate": "west"}, "covariate, number": {"covariate": 3}}
        whole, given = trees[name], given.get(name, {})
    tree = bm.add_new_unit(whole, seed=1, **given)
    A = tree["predictions"]["A"]
    assert A.dims == whole["posterior"]["A"].isel(unit=0).dims
    posterior = whole["posterior"].dataset
    x = np.array([max(n, 1) ** 1.5 for n in range(4)])
    column = {
        "covariate, levels": [(1, 1.0)],
        "covariate, number": [(None, (3 - x.mean()) / x.std())],
    }.get(name)
    total, variance = 0.0, 0.0
    for chain in range(2):
        for draw in range(60):
            values = {
                v: posterior[v].values[chain, draw] for v in population_of(whole)[0].hyperpriors
            }
            if name == "order 0":
                alpha = values["strength"] * values["mean"]
            else:
                alpha = alpha_by_loop("pooling", values, column)
                alpha = alpha[0] if column else alpha
            rows = DirichletRows(np.maximum(alpha, 1e-300))
            total = total + A.values[chain, draw] - rows.mean()
            variance = variance + rows.var()
    # Sum of 120 independent deviations, each with its own variance.
    assert np.abs(total / np.sqrt(variance)).max() < 4.5
    again = bm.add_new_unit(whole, seed=1, **given)["predictions"]["A"]
    other = bm.add_new_unit(whole, seed=2, **given)["predictions"]["A"]
    assert again.identical(A)
    assert not other.equals(A)
    assert "predictions" not in whole.children


def test_covariate_moves_a_new_unit(trees):
    whole = trees["covariate, levels"]
    east, west = (
        bm.add_new_unit(whole, seed=1, covariate=level)["predictions"]["A"]
        for level in ("east", "west")
    )
    assert not east.equals(west)


SAVED = ("stickiness", "pooling", "covariate, number", "covariate, levels")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != SAVED[-1])) for n in SAVED]
)
def test_trees_are_saved(name, trees, tmp_path):
    whole = trees[name]
    bm.save(whole, tmp_path / "fit.nc")
    loaded = bm.load(tmp_path / "fit.nc")
    assert set(loaded.children) == set(whole.children)
    for group in whole.children:
        xr.testing.assert_identical(
            loaded[group].dataset.drop_attrs(), whole[group].dataset.drop_attrs()
        )
    assert loaded.attrs == whole.attrs
    if name in PER_UNIT:
        given = {"covariate, levels": "east", "covariate, number": 2.5}.get(name)
        first, again = (bm.add_new_unit(tree, seed=4, covariate=given) for tree in (whole, loaded))
        assert first["predictions"]["A"].equals(again["predictions"]["A"])
        bm.save(first, tmp_path / "new.nc")
        stored = bm.load(tmp_path / "new.nc")["predictions"]["A"]
        assert stored.equals(first["predictions"]["A"])
        assert bm.select_unit(loaded, "u1")["posterior"]["A"].shape == (2, 60, 4, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "covariate",
    [[True, False, True, True], {"u1": 2, "u2": 7, "u3": 2, "u4": 3.5}, ["2", "10", "2", "10"]],
    ids=["boolean", "whole and broken numbers", "text of digits"],
)
def test_covariates_are_read_back_as_they_were(covariate, tmp_path):
    tree = tree_from_prior(bm.covariate_model(UNITS, covariate))
    bm.save(tree, tmp_path / "fit.nc")
    loaded = bm.load(tmp_path / "fit.nc")
    values = list(covariate.values()) if isinstance(covariate, dict) else covariate
    for one in (tree, loaded):
        population, known = population_of(one)
        assert known.levels == {bool: (False, True), str: ("2", "10")}.get(type(values[0]))
        alphas = population.alpha({k: one["posterior"][k].values for k in population.hyperpriors})
        assert alphas.shape[2] == len(set(values))
        for unit, value in enumerate(values):
            at = population.alpha_at(
                known.at(value), {k: one["posterior"][k].values for k in population.hyperpriors}
            )
            assert_allclose(at[:, :, 0], alphas[:, :, known.group[unit]], rtol=1e-9)


ONE_MATRIX_ONLY = {
    "estimates": bm.estimates,
    "plot_forest": bm.plot_forest,
    "plot_matrix": bm.plot_matrix,
    "plot_posterior": bm.plot_posterior,
    "loo": lambda tree: bm.loo(tree, by="unit"),
    "add_functionals": bm.add_functionals,
}


@pytest.mark.parametrize("use", ONE_MATRIX_ONLY.values(), ids=ONE_MATRIX_ONLY)
def test_functions_of_one_matrix_refuse_many(use, trees):
    separate = bm.exact_posterior(UNITS, seed=1, pool="none", draws=100)
    for tree in (trees["pooling"], separate):
        with pytest.raises(ValueError, match=r"each of 4 units; .*select_unit\(tree, unit\)"):
            use(tree)


def test_predictive_checks_refuse_many_and_take_one():
    sequences = [["a", "b", "b"], ["b", "a"], ["b", "b", "a"]]
    counts = bm.TransitionCounts.from_sequences(sequences, units=["x", "y", "z"])
    tree = tree_from_prior(bm.partial_pooling_model(counts))
    with pytest.raises(ValueError, match=r"each of 3 units; .*select_unit\(tree, unit\)"):
        bm.posterior_predictive(tree, sequences, seed=1)
    one = bm.posterior_predictive(bm.select_unit(tree, "z"), sequences[2:], seed=1)
    assert "posterior_predictive" in one.children


def test_what_has_no_units_or_no_population_is_refused(trees):
    pooled = bm.exact_posterior(UNITS, seed=1, draws=10)
    separate = bm.exact_posterior(UNITS, seed=1, draws=10, pool="none")
    with pytest.raises(ValueError, match="tree has one matrix, not one for each unit"):
        bm.select_unit(pooled, "u1")
    with pytest.raises(ValueError, match="tree has one matrix, not one for each unit"):
        bm.select_unit(trees["stickiness"], "u1")
    with pytest.raises(ValueError, match="unit is 'u9', which the tree does not have; it has 'u1'"):
        bm.select_unit(separate, "u9")
    for tree in (pooled, separate, trees["concentration"], trees["covariate, levels"]):
        with pytest.raises(ValueError, match="tree has no mean of units"):
            bm.select_mean(tree)
    for tree in (pooled, trees["concentration"]):
        with pytest.raises(ValueError, match="tree has one matrix"):
            bm.add_new_unit(tree, seed=1)
    with pytest.raises(ValueError, match="tree has no population that units were drawn from"):
        bm.add_new_unit(separate, seed=1)
    with pytest.raises(ValueError, match="seed must be an integer"):
        bm.add_new_unit(trees["pooling"], seed=0.5)


def test_covariate_of_a_new_unit_must_be_known(trees):
    with pytest.raises(ValueError, match="covariate is missing; the model has one"):
        bm.add_new_unit(trees["covariate, levels"], seed=1)
    with pytest.raises(ValueError, match=r"'north', a level that no unit has.*'east', 'west'"):
        bm.add_new_unit(trees["covariate, levels"], seed=1, covariate="north")
    with pytest.raises(ValueError, match="covariate must be a finite number"):
        bm.add_new_unit(trees["covariate, number"], seed=1, covariate="east")
    with pytest.raises(ValueError, match="covariate is 'east', but the model has none"):
        bm.add_new_unit(trees["pooling"], seed=1, covariate="east")


def test_strengths_are_tabulated_in_transitions(trees):
    lines = bm.strengths(trees["pooling"], prob=0.8)
    drawn = trees["pooling"]["posterior"]["strength"].values
    assert [line.state for line in lines] == ["<s0>", "a", "b", "c"]
    for i, line in enumerate(lines):
        expected = np.quantile(drawn[..., i], [0.1, 0.5, 0.9])
        assert_allclose([line.low, line.median, line.high], expected, rtol=1e-12)
    (one,) = bm.strengths(trees["concentration"])
    assert one.state is None
    with pytest.raises(ValueError, match="tree has no strength"):
        bm.strengths(trees["stickiness"])


def test_exact_posterior_without_units_cannot_be_unpooled():
    counts = bm.TransitionCounts.from_sequences([["a", "b", "a"]])
    with pytest.raises(ValueError, match='pool="none" needs units'):
        bm.exact_posterior(counts, seed=1, pool="none")
    with pytest.raises(ValueError, match='pool must be "full" or "none", got \'partial\''):
        bm.exact_posterior(UNITS, seed=1, pool="partial")


def test_groups_and_levels_match_units():
    model = BUILDS["covariate, levels"](UNITS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = tree_from_prior(model)
    given = levels(UNITS)
    stored = tree["constant_data"]["covariate"]
    assert dict(zip(stored["unit"].values.tolist(), stored.values.tolist(), strict=True)) == given


def test_no_transition_is_scored_by_the_mean_of_units(trees):
    tree = bm.select_mean(trees["pooling"])
    with pytest.raises(ValueError, match=r"select_unit.*compare_pooling"):
        bm.loo(tree, by="transition")
    with pytest.raises(ValueError, match="no transition was drawn from that"):
        bm.posterior_predictive(tree, [["a", "b"]], seed=1)


@pytest.mark.parametrize("design, factor", [(np.eye(2), 50.0), (np.ones((1, 1)), 16.0)])
def test_what_an_effect_does_to_the_odds(design, factor):
    from bayes_markov.hierarchy.regression import Regression

    levels = len(design) > 1
    population = Regression((3, 2), ("state",), design, levels, 2.0, 1.0, effect_scale=1.0)
    effect = population.hyperpriors["effect"].sample(np.random.default_rng(1), (40_000,))[..., 1, :]
    moved = effect[..., 0] - effect[..., 1]
    if levels:
        moved = moved[:, 0] - moved[:, 1]
    within = np.mean(np.abs(moved) < np.log(factor))
    assert abs(within - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 40_000)
