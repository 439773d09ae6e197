"""Where the answer is known: infinite and no strength, one unit, no stickiness, the maximum."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

import analytic
from analytic import DirichletRows
from bayes_markov import TransitionCounts
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.fit import draw_matrices
from bayes_markov.hierarchy.models import (
    covariate_model,
    learned_concentration_model,
    learned_stickiness_model,
    partial_pooling_model,
)
from populations import FAST, MEANS, Evaluated, coordinates, levels, simulated_units

UNITS = simulated_units(4, sequences=2)
MEAN_ALPHA = [0.5, 1.0, 2.5]


def random_rows(seed, shape=(4,)):
    return np.random.default_rng(seed).dirichlet([2.0, 1.0, 3.0], size=shape)


def test_infinite_strength_is_full_pooling():
    """Likelihood of the pooled table, and its posterior for the mean rows, evidence and all."""
    evaluate = Evaluated(partial_pooling_model(UNITS, mean_alpha=MEAN_ALPHA))
    pooled = UNITS.pooled
    for seed in range(3):
        rows = random_rows(seed)
        point = {"log_strength": np.full(4, np.log(1e14)), "mean_sticks__": coordinates(rows)}
        values, terms = evaluate(point)
        assert_allclose(values["mean"], rows, rtol=1e-12)
        expected = analytic.log_likelihood(rows, pooled)
        assert_allclose(terms["counts"].sum(), expected, rtol=1e-10)
        posterior = DirichletRows(MEAN_ALPHA * np.ones((4, 3))).given(pooled)
        joint = analytic.log_evidence(pooled, MEAN_ALPHA) + posterior.log_pdf(rows).sum()
        assert_allclose(terms["counts"].sum() + terms["mean"].sum(), joint, rtol=1e-10)


@pytest.mark.parametrize("log_strength", [-30, -3, 2, 5, 20, 41, 60])
def test_likelihood_keeps_its_digits_at_any_strength(log_strength, likelihood_and_slope):
    """Strengths of 1e17 are no better than infinite ones, and the slope there vanishes."""
    rows = random_rows(3)
    point = {"log_strength": np.full(4, float(log_strength)), "mean_sticks__": coordinates(rows)}
    value, slope = likelihood_and_slope(point)
    alpha = np.exp(log_strength) * rows
    assert_allclose(value, analytic.log_evidence(UNITS.tables, alpha).sum(), rtol=1e-10)
    h = 1e-3

    def at(shift):
        return analytic.log_evidence(UNITS.tables, np.exp(shift) * alpha).sum()

    expected = (at(h) - at(-h)) / (2 * h)
    assert_allclose(slope.sum(), expected, rtol=1e-5, atol=1e-8)


@pytest.fixture(scope="module")
def likelihood_and_slope():
    """Likelihood of partial pooling, and its derivative by the logarithm of each strength."""
    model = partial_pooling_model(UNITS)
    (term,) = model.logp(vars=model.observed_RVs, sum=False)
    (by_name,) = [v for v in model.value_vars if v.name == "log_strength"]
    outputs = [term.sum(), pytensor.grad(term.sum(), by_name)]
    return model.compile_fn(outputs, inputs=model.value_vars, **FAST)


def test_units_become_the_mean_or_their_own_count_ratios():
    tables = UNITS.tables.copy()
    tables[1, 2] = tables[3, 3] = tables[3, 1] = 0  # rows that a unit never left
    counts = TransitionCounts(tables, UNITS.states, 1, UNITS.units)
    given = specification_of(partial_pooling_model(counts))
    rng, rows = np.random.default_rng(1), random_rows(4)

    def drawn(strength, draws=2000):
        learned = {
            "strength": np.full((1, draws, 4), strength),
            "mean": np.broadcast_to(rows, (1, draws, 4, 3)),
        }
        return draw_matrices(given, learned, tables, rng)[0]

    assert_allclose(drawn(1e12, 50), np.broadcast_to(rows, (50, 4, 4, 3)), atol=1e-5)
    departures = tables.sum(axis=-1)
    seen = departures > 0
    A = drawn(1e-9)
    alone = np.where(tables > 0, tables, 1e-9)
    se = np.sqrt(DirichletRows(alone).var() / 2000) + 1e-6
    ratio = analytic.mle(tables)
    assert (np.abs(A.mean(axis=0) - ratio)[seen] < 4.5 * se[seen]).all()
    # Nothing is known of the others but the mean: a certain row, in these proportions.
    for unit, row in np.argwhere(~seen):
        assert_allclose(A[:, unit, row].max(axis=-1), 1, rtol=1e-6)
        share = A[:, unit, row].mean(axis=0)
        assert (np.abs(share - rows[row]) < 4.5 * np.sqrt(rows[row] / 2000)).all()
    # And between the two, a weighted mean.
    A = drawn(5.0)
    weight = departures / (departures + 5.0)
    expected = weight[..., None] * np.where(np.isnan(ratio), 0, ratio)
    expected += (1 - weight)[..., None] * rows
    se = np.sqrt(DirichletRows(5.0 * rows + tables).var() / 2000)
    assert (np.abs(A.mean(axis=0) - expected) < 4.5 * se).all()


def test_no_strength_is_no_pooling():
    """Two units and none together: the evidence falls apart into certain rows."""
    evaluate = Evaluated(partial_pooling_model(UNITS))
    rows = random_rows(2)
    small = 1e-6
    point = {"log_strength": np.full(4, np.log(small)), "mean_sticks__": coordinates(rows)}
    _, terms = evaluate(point)
    for unit, found in enumerate(terms["counts"]):
        # The first step to a state costs its mean, the first to another one s times its mean.
        expected = 0.0
        for i in range(4):
            n = UNITS.tables[unit, i]
            seen = n > 0
            if seen.any():
                expected += np.log(rows[i][seen]).sum() + (seen.sum() - 1) * np.log(small)
                expected += sum(np.log(np.arange(1, k)).sum() for k in n[seen])
                expected -= np.log(np.arange(1, n.sum())).sum()
        assert_allclose(found, expected, rtol=1e-4)


def test_one_unit_is_a_chain_alone():
    one = TransitionCounts(UNITS.tables[:1], UNITS.states, 1, ("only",))
    pooling = Evaluated(partial_pooling_model(one), jacobian=True)
    alone = Evaluated(learned_concentration_model(one, strength="row", mean="row"), jacobian=True)
    rng = np.random.default_rng(3)
    for _ in range(3):
        point = pooling.random_point(rng)
        _, terms = pooling(point)
        _, expected = alone(point)
        assert sorted(terms) == sorted(expected)
        for name in terms:
            assert_allclose(terms[name], expected[name], rtol=1e-12)


def test_no_stickiness_is_learned_concentration():
    sticky = Evaluated(learned_stickiness_model(UNITS), jacobian=True)
    plain = Evaluated(learned_concentration_model(UNITS), jacobian=True)
    rng = np.random.default_rng(3)
    for _ in range(3):
        x, y = rng.normal(), rng.normal(size=2)
        _, terms = sticky(
            {"log_concentration": np.array(x), "base_sticks__": y, "log_stickiness": np.array(-50)}
        )
        _, expected = plain({"log_strength": np.array(x), "mean_sticks__": y})
        assert_allclose(terms["counts"], expected["counts"], rtol=1e-12)
        assert_allclose(terms["base"], expected["mean"], rtol=1e-12)
        assert_allclose(terms["log_concentration"], expected["log_strength"], rtol=1e-12)


def test_effects_of_zero_are_partial_pooling():
    regression = Evaluated(covariate_model(UNITS, levels(UNITS)))
    pooling = Evaluated(partial_pooling_model(UNITS))
    point = pooling.random_point(np.random.default_rng(4))
    _, expected = pooling(point)
    _, terms = regression(point | {"effect_of_level_zerosum__": np.zeros((4, 1, 2))})
    for name in ("counts", "mean", "log_strength"):
        assert_allclose(terms[name], expected[name], rtol=1e-12)


def maximum(model):
    """Dirichlet parameters (*history, K) where the collapsed likelihood is highest."""
    (term,) = model.logp(vars=model.observed_RVs, sum=False)
    total, inputs = term.sum(), model.value_vars
    slopes = pytensor.grad(total, inputs)
    (alpha,) = model.replace_rvs_by_values([model["strength"][..., None] * model["mean"]])
    outputs = [total, pt.concatenate([slope.ravel() for slope in slopes])]
    evaluate = model.compile_fn(outputs, inputs=inputs, **FAST)
    shapes = {v.name: model.initial_point()[v.name].shape for v in inputs}
    ends = np.cumsum([int(np.prod(s)) for s in shapes.values()])[:-1]

    def point(x):
        parts = np.split(x, ends)
        return {k: p.reshape(s) for (k, s), p in zip(shapes.items(), parts, strict=True)}

    def down(x):
        value, slope = evaluate(point(x))
        return -value, -slope

    size = sum(int(np.prod(s)) for s in shapes.values())
    found = minimize(down, np.zeros(size), jac=True, method="BFGS", options={"gtol": 1e-7})
    return model.compile_fn(alpha, inputs=inputs, **FAST)(point(found.x))


def test_empirical_bayes_maximises_the_collapsed_likelihood_of_one_chain():
    counts = TransitionCounts.from_table(
        [[3, 0, 1], [2, 9, 4], [6, 1, 1], [2, 3, 12]], ("a", "b", "c")
    )
    expected = analytic.empirical_alpha_vector(counts.pooled)
    assert np.isfinite(expected).all()
    assert np.ptp(expected) > 0.1
    assert_allclose(maximum(learned_concentration_model(counts)), expected, rtol=1e-5)


def test_empirical_bayes_maximises_the_collapsed_likelihood_of_units():
    counts = simulated_units(12, strength=2.0, sequences=3)
    expected = np.array([analytic.empirical_alpha_vector(counts.tables[:, i]) for i in range(4)])
    assert np.isfinite(expected).all()
    found = maximum(partial_pooling_model(counts))
    assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(found / found.sum(axis=-1, keepdims=True) - MEANS).max() < 0.2


@pytest.mark.parametrize("build", [partial_pooling_model, learned_concentration_model])
def test_order_zero_has_one_row(build):
    counts = TransitionCounts([[3, 1], [0, 2], [5, 1]], ("a", "b"), 0, ("x", "y", "z"))
    evaluate = Evaluated(build(counts))
    values, terms = evaluate(evaluate.random_point(np.random.default_rng(1)))
    alpha = values["strength"] * values["mean"]
    per_unit = build is partial_pooling_model
    tables = counts.tables if per_unit else counts.pooled[None]
    expected = [analytic.log_evidence(table, alpha, order=0) for table in tables]
    assert_allclose(terms["counts"], expected, rtol=1e-10)
