"""Simulation-based calibration: right posteriors pass, planted mistakes do not."""

import arviz as az
import numpy as np
import pytest

import analytic
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.calibration import exact

FLAT = analytic.flat(3)


def posterior_from(rows_of):
    """Draws from the Dirichlet rows that a function makes of a table."""
    return lambda table, seed: rows_of(table).sample(np.random.default_rng(seed), size=99)


def transposed(table):
    turned = table.copy()
    turned[1:] = table[1:].T
    return FLAT.given(turned)


MISTAKES = {
    "data ignored": lambda table: FLAT,
    "counts transposed": transposed,
    "data counted twice": lambda table: FLAT.given(2 * table),
    "alpha 2 for 1": lambda table: DirichletRows(table + 2.0),
    "Jacobian omitted": lambda table: DirichletRows(table + 1e-3),
}


@pytest.mark.parametrize(
    "alpha", [1.0, 0.5, [[1, 2, 3], [5, 1, 1], [1, 0.7, 1], [2, 2, 9]]], ids=str
)
def test_the_exact_posterior_is_calibrated(alpha):
    result = bm.calibrate(seed=4, alpha=alpha, posterior=exact(3, alpha))
    assert result.passed
    assert len(result.p_values) == 13


@pytest.mark.parametrize("rows_of", MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_posterior_is_found(rows_of):
    result = bm.calibrate(seed=4, posterior=posterior_from(rows_of))
    assert not result.passed
    assert "FAILED" in str(result)


def test_only_the_likelihood_sees_that_the_data_are_ignored():
    result = bm.calibrate(seed=4, posterior=posterior_from(MISTAKES["data ignored"]))
    likelihood = result.p_values.pop("log_likelihood")
    assert likelihood < 1e-6 < min(result.p_values.values())


def test_transforms_are_probabilities_that_arviz_plots():
    result = bm.calibrate(seed=4, posterior=exact(3), replicates=60)
    pits = result.tree["prior_sbc"]["A"]
    assert pits.dims == ("chain", "draw", "state", "next_state")
    assert 0 <= pits.min() < 0.2
    assert 0.8 < pits.max() <= 1
    az.plot_ecdf_pit(result.tree, group="prior_sbc", var_names="A", backend="none")


def test_one_state_is_calibrated_and_bad_sizes_are_refused():
    assert bm.calibrate(seed=1, n_states=1, posterior=exact(1)).passed
    with pytest.raises(ValueError, match="replicates must be an integer >= 1, got 0"):
        bm.calibrate(seed=1, replicates=0, posterior=exact(3))
    with pytest.raises(ValueError, match="at least 99 draws, got 5"):
        bm.calibrate(seed=1, posterior=lambda table, seed: np.zeros((5, 4, 3)))


@pytest.mark.slow
def test_nuts_on_the_pymc_model_is_calibrated():
    result = bm.calibrate(seed=4)
    assert result.passed
