"""Models of learned priors: what is odd and right, and what is refused by name."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov import TransitionCounts, covariate_model, partial_pooling_model
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.fit import draw_matrices
from populations import BUILDS, Evaluated, levels, simulated_units

UNITS = simulated_units(3)
POOLED = TransitionCounts(UNITS.pooled, UNITS.states)
ONE_STATE = TransitionCounts.from_sequences([["a", "a"]], units=["x"])
SECOND_ORDER = TransitionCounts.from_sequences(
    [["a", "b", "a", "a"], ["b", "b"]], order=2, units="sequence"
)
ORDER_ZERO = TransitionCounts([[3, 1], [0, 2]], ("a", "b"), 0, ("x", "y"))


def test_unit_without_transitions_is_one_that_was_not_seen():
    """It adds nothing to the likelihood, and its matrix is the population's."""
    tables = np.concatenate([UNITS.tables, np.zeros((1, 4, 3), dtype=np.int64)])
    counts = TransitionCounts(tables, UNITS.states, 1, (*UNITS.units, "idle"))
    with_it = Evaluated(partial_pooling_model(counts))
    without = Evaluated(partial_pooling_model(UNITS))
    point = without.random_point(np.random.default_rng(1))
    terms, expected = with_it(point)[1], without(point)[1]
    assert_array_equal(terms["counts"][3], 0)
    assert_allclose(terms["counts"][:3], expected["counts"], rtol=1e-12)
    given = specification_of(partial_pooling_model(counts))
    mean = np.random.default_rng(2).dirichlet(np.ones(3), size=4)
    learned = {
        "strength": np.full((1, 3000, 4), 2.0),
        "mean": np.broadcast_to(mean, (1, 3000, 4, 3)),
    }
    A = draw_matrices(given, learned, given.tables, np.random.default_rng(3))[0, :, 3]
    population = DirichletRows(2.0 * mean)
    z = (A.mean(axis=0) - population.mean()) / np.sqrt(population.var() / 3000)
    assert np.abs(z).max() < 4.5


def test_state_that_no_unit_has_seen():
    """Nothing is learned of its row: strength and mean have their hyperprior."""
    counts = TransitionCounts(
        np.pad(UNITS.tables, [(0, 0), (0, 1), (0, 1)]), (*"abc", "never"), 1, UNITS.units
    )
    evaluate = Evaluated(partial_pooling_model(counts))
    rng = np.random.default_rng(4)
    point = evaluate.random_point(rng)
    _, terms = evaluate(point)
    moved = {name: values.copy() for name, values in point.items()}
    moved["log_strength"][4] += 1.0
    moved["mean_sticks__"][4] += rng.normal(size=3)
    _, again = evaluate(moved)
    assert_array_equal(again["counts"], terms["counts"])
    moved["log_strength"][0] += 1.0
    assert (evaluate(moved)[1]["counts"] != terms["counts"]).all()
    assert np.isfinite(terms["counts"]).all()


def test_one_unit_and_fractional_counts_are_fine():
    partial_pooling_model(TransitionCounts(UNITS.tables[:1], UNITS.states, 1, ("only",)))
    half = partial_pooling_model(TransitionCounts(UNITS.tables / 2, UNITS.states, 1, UNITS.units))
    assert 0.5 in specification_of(half).found.steps


@pytest.mark.parametrize("name", BUILDS)
def test_what_no_prior_can_be_learned_from_is_refused(name):
    build = BUILDS[name]
    with pytest.raises(ValueError, match=r"counts are of order 2; .* take counts.lower_order\(\)"):
        build(SECOND_ORDER)
    with pytest.raises(ValueError, match="counts have one state; every probability is 1"):
        build(ONE_STATE)


def test_units_are_needed_to_pool_them():
    for build in (partial_pooling_model, lambda counts: covariate_model(counts, ["x"])):
        with pytest.raises(ValueError, match="counts have no units; count the data with unit="):
            build(POOLED)
    assert specification_of(bm.learned_concentration_model(POOLED)).per_unit is False
    with pytest.raises(ValueError, match="counts have no unit at all"):
        partial_pooling_model(TransitionCounts(np.zeros((0, 4, 3)), UNITS.states, 1, ()))
    with pytest.raises(TypeError, match="counts must be TransitionCounts, got list"):
        partial_pooling_model([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="counts are of order 0; stickiness is about the state"):
        bm.learned_stickiness_model(ORDER_ZERO)


BAD_OPTIONS = {
    "strength": ({"strength": "each"}, 'strength must be "one" or "row", got \'each\''),
    "mean": ({"mean": None}, 'mean must be "one" or "row", got None'),
    "collapsed": ({"collapsed": "yes"}, "collapsed must be True or False, got 'yes'"),
    "no median": ({"median_strength": 0}, "median_strength must be a positive number .* got 0"),
    "infinite median": ({"median_strength": np.inf}, "median_strength must be a positive number"),
    "text": ({"median_strength": "3"}, "median_strength must be a positive number .* got '3'"),
    "true": ({"median_strength": True}, "median_strength must be a positive number .* got True"),
    "mean_alpha": ({"mean_alpha": -1}, "mean_alpha must be positive and finite: .* got -1"),
    "shape": (
        {"mean_alpha": [1, 2]},
        r"mean_alpha must be .* one per cell of \(4, 3\); got \[1, 2",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        partial_pooling_model(UNITS, **options)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, "1", True])
def test_bad_scales_of_effects_are_refused(scale):
    with pytest.raises(ValueError, match="effect_scale must be a positive number, got"):
        covariate_model(UNITS, levels(UNITS), effect_scale=scale)


def test_scales_of_numpy_are_numbers():
    for scale in (np.int64(2), np.float32(2)):
        model = covariate_model(UNITS, levels(UNITS), effect_scale=scale)
        assert specification_of(model).population.effect_scale == 2.0


NOT_FINITE = "covariate of unit 'u2' must be a finite number, as the others are, got"
BAD_COVARIATES = {
    "unit missing": ({"u1": "e", "u2": "w"}, "covariate has no value for unit 'u3'"),
    "unit unknown": ({"u1": 1, "u2": 2, "u3": 1, "u4": 3}, "covariate has unit 'u4'"),
    "one level": (["e", "e", "e"], "covariate is 'e' for every unit; use partial_pooling_model"),
    "constant": ([2, 2.0, 2], "covariate is 2 for every unit; use partial_pooling_model"),
    "NaN": ([1, np.nan, 2], "covariate of unit 'u2' is missing; leave the unit out"),
    "None among text": (["a", None, "b"], "covariate of unit 'u2' is missing"),
    "text among numbers": ([1, "a", 2], f"{NOT_FINITE} 'a'"),
    "boolean among numbers": ([1, True, 2], f"{NOT_FINITE} True"),
    "infinite": ([1, np.inf, 2], f"{NOT_FINITE} inf"),
    "text and boolean": ([True, "a", "b"], "covariate mixes types"),
    "too few": ([1, 2], "covariate has 2 values, expected 3, one per unit"),
}


@pytest.mark.parametrize(("values", "message"), BAD_COVARIATES.values(), ids=BAD_COVARIATES)
def test_bad_covariates_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        covariate_model(UNITS, values)


@pytest.mark.parametrize("values", ["abc", 3, None, {1.0, 2.0, 3.0}])
def test_covariates_without_order_are_refused(values):
    with pytest.raises(TypeError, match="covariate must be a mapping by unit or one value"):
        covariate_model(UNITS, values)


def test_models_are_not_fed_with_other_data():
    model = partial_pooling_model(UNITS)
    with pytest.raises(KeyError, match="counts_data"):
        pm.set_data({"counts_data": UNITS.tables}, model=model)
    steps = model["pattern_steps"].get_value()
    pm.set_data({"pattern_steps": steps + 1}, model=model)
    with pytest.raises(
        ValueError, match=r"fed with other data \(pattern_steps\).*build another model"
    ):
        bm.sample(model, seed=1)


def test_sampler_options_are_checked_before_anything_is_compiled():
    model = partial_pooling_model(UNITS)
    for options, message in (
        ({"seed": -1}, "seed must be an integer"),
        ({"seed": 1, "draws": 0}, "draws must be an integer >= 1, got 0"),
        ({"seed": 1, "sampler": "hmc"}, 'sampler must be "nutpie" or "pymc"'),
        ({"seed": 1, "draws": 10**9}, "lower draws"),
    ):
        with pytest.raises(ValueError, match=message):
            bm.sample(model, **options)
    with pytest.raises(ValueError, match="model must come from dirichlet_model"):
        bm.posterior_mode(model)


def test_pooling_cannot_be_compared():
    one = TransitionCounts(UNITS.tables[:1], UNITS.states, 1, ("only",))
    with pytest.raises(ValueError, match="counts have one unit; leaving it out leaves nothing"):
        bm.compare_pooling(one, seed=1)
    with pytest.raises(ValueError, match="counts have no units"):
        bm.compare_pooling(POOLED, seed=1)
    others = (
        partial_pooling_model(simulated_units(4)),
        partial_pooling_model(UNITS, collapsed=False),
        bm.learned_concentration_model(UNITS),
    )
    for model in others:
        with pytest.raises(ValueError, match="model must be a collapsed partial_pooling_model"):
            bm.compare_pooling(UNITS, seed=1, model=model)
    with pytest.raises(ValueError, match="model must be one with a learned prior"):
        bm.compare_pooling(UNITS, seed=1, model=bm.dirichlet_model(UNITS))


def test_a_labelled_series_is_taken_by_its_labels():
    import pandas as pd

    units = [f"u{number}" for number in range(1, 13)]
    tables = np.ones((12, 3, 2), dtype=int)
    counts = TransitionCounts(tables, ["a", "b"], 1, units)
    known = pd.Series({unit: "odd" if int(unit[1:]) % 2 else "even" for unit in sorted(units)})
    group = specification_of(bm.covariate_model(counts, known)).covariate.group
    assert group.tolist() == [1, 0] * 6  # even before odd
    with pytest.raises(ValueError, match="'u1'"):
        bm.covariate_model(counts, known.reset_index(drop=True))
    twice = pd.concat([known, known[:1]])
    with pytest.raises(ValueError, match="two values"):
        bm.covariate_model(counts, twice)


def test_a_number_that_cannot_be_standardised_is_refused():
    counts = TransitionCounts(np.ones((3, 3, 2), dtype=int), ["a", "b"], 1, ["x", "y", "z"])
    with pytest.raises(ValueError, match="rescale"):
        bm.covariate_model(counts, [1e308, -1e308, 0.0])


def test_estimators_refuse_fractions():
    with pytest.raises(ValueError, match="whole"):
        bm.learned_estimator(2)([[0.5, 0.5], [1.9, 0.2], [0.0, 0.9]])
