"""The likelihood with the matrices summed out, by numpy and by PyMC, against a plain product."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import analytic
from bayes_markov import TransitionCounts
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.evidence import log_evidence_per_unit, patterns
from bayes_markov.hierarchy.hyperpriors import log_density
from bayes_markov.hierarchy.models import partial_pooling_model
from oracles import sequential_log_evidence, transitions_of
from populations import (
    BUILDS,
    Evaluated,
    alpha_by_loop,
    covariates_of,
    dirichlet_log_density,
    simulated_units,
)

UNITS = TransitionCounts(
    [
        [[1, 0, 1], [2, 0, 1], [0, 3, 0], [1, 1, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [0, 0, 0], [2, 0, 1], [0, 0, 0]],
        [[2, 0, 1], [2, 5, 1], [4, 3, 2], [0, 1, 0]],
        [[1, 0, 1], [2, 0, 1], [0, 3, 0], [1, 1, 0]],
    ],
    ("a", "b", "c"),
    1,
    ("u1", "nothing seen", "u3", "u4", "as u1"),
)


def per_unit(tables, alpha, group):
    """Log-evidence (draws, units) at alpha (draws, groups, *history, K)."""
    tables, group = np.asarray(tables), np.asarray(group)
    found = patterns(tables, group, alpha.shape[1])
    return log_evidence_per_unit(alpha, found, len(tables))


def random_alpha(shape, seed=1):
    return np.exp(np.random.default_rng(seed).normal(0, 2, size=shape))


@pytest.mark.parametrize("groups", [[0, 0, 0, 0, 0], [0, 1, 2, 1, 0], [2, 1, 1, 0, 0]])
def test_evidence_is_the_product_of_predictions(groups):
    alpha = random_alpha((3, max(groups) + 1, 4, 3))
    found = per_unit(UNITS.tables, alpha, groups)
    assert found.shape == (3, 5)
    for draw in range(3):
        slow = [
            sequential_log_evidence(transitions_of(table), alpha[draw, group])
            for table, group in zip(UNITS.tables, groups, strict=True)
        ]
        assert_allclose(found[draw], slow, rtol=1e-12)
        fast = [
            analytic.log_evidence(table, alpha[draw, group])
            for table, group in zip(UNITS.tables, groups, strict=True)
        ]
        assert_allclose(found[draw], fast, rtol=1e-12)
    assert_array_equal(found[:, 1], 0)
    assert np.unique(found[0]).size >= 4  # units differ, and so do groups


def test_order_zero():
    tables = np.array([[3, 0, 2], [0, 0, 0], [1, 1, 5]])
    alpha = random_alpha((2, 1, 3))
    found = per_unit(tables, alpha, [0, 0, 0])
    for draw in range(2):
        slow = [sequential_log_evidence(transitions_of(table), alpha[draw, 0]) for table in tables]
        assert_allclose(found[draw], slow, rtol=1e-12)


def test_fractional_counts():
    tables = np.array([[[0.25, 1.5], [0.0, 0.0], [2.0, 0.75]], [[1.0, 0.0], [3.5, 0.5], [0, 0]]])
    alpha = random_alpha((2, 1, 3, 2))
    found = per_unit(tables, alpha, [0, 0])
    for draw in range(2):
        assert_allclose(found[draw], analytic.log_evidence(tables, alpha[draw, 0]), rtol=1e-12)


def test_pairs_that_occur_often_are_evaluated_once():
    tables = np.repeat(UNITS.tables, 50, axis=0)
    once = patterns(UNITS.tables, np.zeros(5, dtype=int), 1)
    often = patterns(tables, np.zeros(250, dtype=int), 1)
    assert_array_equal(often.parameter, once.parameter)
    assert_array_equal(often.steps, once.steps)
    assert len(often.unit) == 50 * len(once.unit)
    assert often.parameter.max() < 4 * 3 + 4


def test_no_transitions_at_all():
    tables = np.zeros((2, 4, 3), dtype=np.int64)
    assert_array_equal(per_unit(tables, random_alpha((3, 1, 4, 3)), [0, 0]), np.zeros((3, 2)))


def test_parameters_of_all_sizes():
    for scale in (1e-300, 1e-8, 1e8):
        alpha = np.full((1, 1, 4, 3), scale) * np.array([1.0, 2.0, 3.0])
        expected = analytic.log_evidence(UNITS.tables, alpha[0, 0])
        assert_allclose(per_unit(UNITS.tables, alpha, [0] * 5)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", BUILDS)
def test_collapsed_model_has_the_evidence_and_the_hyperprior(name):
    """Both terms of PyMC's density, and the numpy ones beside them, at random points."""
    model = BUILDS[name](UNITS)
    given = specification_of(model)
    evaluate, rng = Evaluated(model), np.random.default_rng(5)
    for _ in range(2):
        values, terms = evaluate(evaluate.random_point(rng))
        learned = {name: values[name] for name in given.population.hyperpriors}
        alpha = alpha_by_loop(name, values, covariates_of(name, UNITS))
        tables = UNITS.tables if given.per_unit else UNITS.pooled[None]
        alphas = alpha if alpha.ndim == 3 else [alpha] * len(tables)
        slow = [
            sequential_log_evidence(transitions_of(table), prior)
            for table, prior in zip(tables, alphas, strict=True)
        ]
        assert_allclose(terms["counts"], slow, rtol=1e-10)
        ours = given.population.alpha({k: v[None] for k, v in learned.items()})
        assert_allclose(ours[0][given.group], np.array(list(alphas)), rtol=1e-10)
        assert_allclose(log_evidence_per_unit(ours, given.found, len(tables))[0], slow, rtol=1e-10)
        log_prior = log_density(given.population.hyperpriors, learned)
        assert set(log_prior) == set(learned)
        for parameter, found in log_prior.items():
            term = _term(terms, parameter)
            assert found.shape == (() if parameter == "effect" else given_rows(given, parameter))
            assert_allclose(found.sum(), term.sum(), rtol=1e-10)
            if parameter != "effect":
                assert_allclose(found, term, rtol=1e-10)


def given_rows(given, parameter):
    """Shape of the log-prior: one for each row."""
    axes = [d for d in given.population.hyperpriors[parameter].dims if d != "next_state"]
    return (4,) * len(axes)


def _term(terms, parameter):
    """PyMC's density of a parameter; that of a strength is of its logarithm."""
    (found,) = [
        term
        for name, term in terms.items()
        if name in (parameter, f"log_{parameter}", f"{parameter}_of_level")
    ]
    return found


def test_one_strength_and_mean_rows_by_row():
    for strength, mean in (("one", "row"), ("row", "one")):
        model = partial_pooling_model(UNITS, strength=strength, mean=mean)
        evaluate = Evaluated(model)
        values, terms = evaluate(evaluate.random_point(np.random.default_rng(2)))
        assert values["strength"].shape == (() if strength == "one" else (4,))
        assert values["mean"].shape == ((3,) if mean == "one" else (4, 3))
        alpha = alpha_by_loop("pooling", values)
        assert_allclose(terms["counts"], analytic.log_evidence(UNITS.tables, alpha), rtol=1e-10)


QUICK = ("concentration", "pooling")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in BUILDS]
)
def test_full_and_collapsed_have_the_same_posterior(name):
    """p(theta, A | n) is p(theta | n) times Dirichlet(alpha + n), at every point."""
    counts = simulated_units(3, sequences=2)
    full, collapsed = BUILDS[name](counts, collapsed=False), BUILDS[name](counts)
    per_unit = specification_of(full).per_unit
    tables = counts.tables if per_unit else counts.pooled
    evaluate_full, evaluate = Evaluated(full), Evaluated(collapsed)
    rng = np.random.default_rng(8)
    for _ in range(2):
        point = evaluate_full.random_point(rng)
        values, terms = evaluate_full(point)
        _, summed = evaluate({k: v for k, v in point.items() if not k.startswith("A_")})
        alpha = alpha_by_loop(name, values, covariates_of(name, counts))
        given_theta = dirichlet_log_density(values["A"], alpha + tables).sum()
        joint = sum(term.sum() for term in terms.values())
        assert_allclose(
            joint, sum(term.sum() for term in summed.values()) + given_theta, rtol=1e-10
        )
