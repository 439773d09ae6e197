"""Simulation-based calibration of learned priors: right posteriors pass, wrong ones are found."""

import arviz as az
import numpy as np
import pytest
from scipy.special import gammaln

import bayes_markov as bm
from bayes_markov.calibration import RANKED_DRAWS
from bayes_markov.hierarchy.build import specification_of
from bayes_markov.hierarchy.calibration import calibrate_hierarchy, nuts
from bayes_markov.hierarchy.hyperpriors import sample
from bayes_markov.hierarchy.models import partial_pooling_model
from populations import BUILDS, simulated_units

SMALL = simulated_units(2, n_states=2)
KINDS = ("concentration", "stickiness", "pooling", "covariate, levels")


def log_rising(a, n):
    """Logarithm of a (a + 1) ... (a + n - 1)."""
    return np.where(n > 0, gammaln(a + n) - gammaln(np.where(n > 0, a, 1.0)), 0.0)


def log_evidence(alpha, tables):
    """Sum over the units, for each draw; alpha (draws, units, ..., K)."""
    axes = tuple(range(1, alpha.ndim))
    cells = log_rising(alpha, tables).sum(axis=axes)
    return cells - log_rising(alpha.sum(axis=-1), tables.sum(axis=-1)).sum(axis=axes[:-1])


def by_weights(model, evidence=log_evidence, tries=2000):
    """Draws from the posterior: draws from the prior, drawn again by their evidence."""
    given = specification_of(model)

    def posterior(tables, seed):
        rng = np.random.default_rng(seed)
        data = tables if given.per_unit else tables.sum(axis=0)[None]
        drawn = sample(given.population.hyperpriors, rng, (tries,))
        alpha = np.maximum(given.population.alpha(drawn), 1e-300)[:, given.group]
        value = evidence(alpha, data)
        weights = np.exp(value - value.max())
        chosen = rng.choice(tries, size=RANKED_DRAWS, p=weights / weights.sum())
        return {name: values[chosen] for name, values in drawn.items()}

    return posterior


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "pooling")) for n in KINDS]
)
def test_right_posterior_passes(name):
    model = BUILDS[name](SMALL)
    found = calibrate_hierarchy(model, length=5, seed=1, replicates=50, posterior=by_weights(model))
    assert found.passed, str(found)
    assert {"log_likelihood", "log_evidence", "A[a, b]"} <= set(found.p_values)


WRONG = {
    "counts used twice": lambda alpha, tables: log_evidence(alpha, 2 * tables),
    "row sums forgotten": lambda alpha, tables: log_rising(alpha, tables).sum(axis=(1, 2, 3)),
    "rows exchanged": lambda alpha, tables: log_evidence(alpha[:, :, [1, 2, 0]], tables),
    "no data": lambda alpha, tables: np.zeros(len(alpha)),
}


@pytest.mark.parametrize("evidence", WRONG.values(), ids=WRONG)
def test_wrong_evidence_is_found(evidence):
    model = BUILDS["pooling"](simulated_units(4, n_states=2))
    found = calibrate_hierarchy(
        model, length=12, seed=1, replicates=60, posterior=by_weights(model, evidence, 500)
    )
    assert not found.passed, str(found)


def test_wrong_prior_is_found():
    model = BUILDS["concentration"](SMALL)
    other = BUILDS["concentration"](SMALL, median_strength=20.0)
    found = calibrate_hierarchy(model, length=5, seed=1, replicates=60, posterior=by_weights(other))
    assert not found.passed
    assert found.p_values["strength"] < 1e-6


def test_result_has_labels_and_can_be_drawn():
    model = BUILDS["covariate, levels"](SMALL)
    first, again = (
        calibrate_hierarchy(model, length=3, seed=2, replicates=20, posterior=by_weights(model))
        for _ in range(2)
    )
    assert first.p_values == again.p_values
    assert next(iter(first.p_values)) == "A[<s0>, a]"
    assert {"effect[east, a, b]", "strength[b]", "mean[<s0>, a]"} <= set(first.p_values)
    pits = first.tree["prior_sbc"].dataset
    assert pits["effect"].dims == ("chain", "draw", "level", "state", "next_state")
    assert pits["log_evidence"].sizes == {"chain": 1, "draw": 20}
    pc = az.plot_ecdf_pit(first.tree, group="prior_sbc", var_names="strength", backend="none")
    assert "strength" in pc.viz["title"].data_vars


def test_order_zero_and_progress():
    counts = bm.TransitionCounts([[3, 1], [0, 2]], ("a", "b"), 0, ("x", "y"))
    model = partial_pooling_model(counts)
    seen = []

    def progress(replicates):
        for replicate in replicates:
            seen.append(replicate)
            yield replicate

    found = calibrate_hierarchy(
        model,
        length=6,
        seed=1,
        replicates=50,
        posterior=by_weights(model),
        progress=progress,
    )
    assert found.passed, str(found)
    assert seen == list(range(50))
    assert set(found.p_values) == {
        "A[a]",
        "A[b]",
        "strength",
        "mean[a]",
        "mean[b]",
        "log_likelihood",
        "log_evidence",
    }


def few(tables, seed):
    return {"strength": np.ones((98, 3)), "mean": np.full((98, 3, 2), 0.5)}


def test_bad_input_is_refused():
    model = partial_pooling_model(SMALL)
    with pytest.raises(ValueError, match="posterior must give at least 99 draws, got 98"):
        calibrate_hierarchy(model, seed=1, posterior=few)
    with pytest.raises(ValueError, match="length must be an integer >= 1, got 0"):
        calibrate_hierarchy(model, seed=1, length=0, posterior=few)
    with pytest.raises(ValueError, match="seed must be an integer"):
        calibrate_hierarchy(model, seed=-1, posterior=few)
    with pytest.raises(ValueError, match="must be collapsed"):
        calibrate_hierarchy(partial_pooling_model(SMALL, collapsed=False), seed=1)
    with pytest.raises(ValueError, match="model must be one with a learned prior"):
        calibrate_hierarchy(bm.dirichlet_model(SMALL), seed=1, posterior=few)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_pymc_passes(name, collapsed_model):
    model = collapsed_model(name)
    before = {data.name: data.get_value().copy() for data in model.data_vars}
    found = calibrate_hierarchy(model, length=15, seed=1, replicates=100)
    assert found.passed, str(found)
    for data in model.data_vars:  # what it was built from is back in its place
        np.testing.assert_array_equal(data.get_value(), before[data.name])


@pytest.mark.slow
def test_pymc_with_another_prior_fails(collapsed_model):
    sampled = collapsed_model("pooling")
    counts = specification_of(sampled).counts
    truth = partial_pooling_model(counts, median_strength=3 * len(counts.states))
    found = calibrate_hierarchy(truth, length=15, seed=1, replicates=120, posterior=nuts(sampled))
    assert not found.passed


@pytest.mark.slow
def test_pymc_with_the_counts_of_other_rows_fails(collapsed_model):
    model = collapsed_model("pooling")
    draws = nuts(model)
    found = calibrate_hierarchy(
        model,
        length=15,
        seed=1,
        replicates=60,
        posterior=lambda tables, seed: draws(np.roll(tables, 1, axis=1), seed),
    )
    assert not found.passed, str(found)
