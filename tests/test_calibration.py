"""Simulation-based calibration: right posteriors pass, and each wrong one is found out."""

import arviz as az
import numpy as np
import pytest
from scipy import stats

import bayes_markov as bm
from analytic import DirichletRows, flat
from bayes_markov.calibration import LEVEL, RANKED_DRAWS, calibrate, exact, nuts

K = 3


def from_alpha(make):
    """Posterior whose Dirichlet parameters are made from the table, in whatever way."""

    def posterior(table, seed):
        alpha = np.maximum(make(table.astype(float)), 1e-3)
        return DirichletRows(alpha).sample(np.random.default_rng(seed), size=RANKED_DRAWS)

    return posterior


def transposed(table):
    """Exchange rows and columns below s_0."""
    return np.vstack([table[:1], table[1:].T])


@pytest.mark.parametrize(
    ("n_states", "alpha", "seed"), [(3, 1.0, 1), (3, 1.0, 2), (2, 0.5, 1), (3, [0.5, 1.0, 4.0], 1)]
)
def test_exact_posterior_passes(n_states, alpha, seed):
    found = calibrate(
        n_states=n_states, alpha=alpha, seed=seed, posterior=exact(n_states, alpha), replicates=200
    )
    assert found.passed, str(found)
    assert len(found.p_values) == n_states * (n_states + 1) + 1
    assert min(found.p_values.values()) >= LEVEL / len(found.p_values)


WRONG = {
    "ignores the data": lambda table: np.ones_like(table),
    "transposed": lambda table: transposed(table) + 1,
    "counted twice": lambda table: 2 * table + 1,
    "alpha 2 for 1": lambda table: table + 2,
    "Jacobian left out": lambda table: table,
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_wrong_posterior_fails(make, seed):
    found = calibrate(n_states=K, seed=seed, posterior=from_alpha(make), replicates=200)
    assert not found.passed
    assert "FAILED" in str(found)


def test_prior_in_place_of_the_posterior_shows_in_the_likelihood_alone():
    found = calibrate(seed=1, posterior=from_alpha(np.ones_like), replicates=200)
    limit = LEVEL / len(found.p_values)
    assert {name for name, p in found.p_values.items() if p < limit} == {"log_likelihood"}


def test_one_wrong_row_is_named():
    def posterior(table, seed):
        draws = exact(2)(table, seed)
        draws[:, 2] = flat(2).sample(np.random.default_rng(seed), size=RANKED_DRAWS)[:, 0] ** 0.2
        draws[:, 2, 1] = 1 - draws[:, 2, 0]
        return draws

    found = calibrate(n_states=2, seed=1, posterior=posterior, replicates=200)
    limit = LEVEL / len(found.p_values)
    wrong = {name for name, p in found.p_values.items() if p < limit}
    assert {"A[s2, s1]", "A[s2, s2]"} <= wrong <= {"A[s2, s1]", "A[s2, s2]", "log_likelihood"}


def test_ranks_are_uniform():
    found = calibrate(n_states=2, length=8, seed=3, posterior=exact(2), replicates=1000)
    pits = found.tree["prior_sbc"]["A"].values.reshape(1000, 3, 2)
    for row in range(3):
        assert stats.kstest(pits[:, row, 0], "uniform").pvalue > 1e-3
    assert ((pits > 0) & (pits < 1)).all()
    # Two probabilities of a row add up to one, so their ranks mirror each other.
    assert np.abs(pits.sum(axis=-1) - 1).max() <= 1 / (RANKED_DRAWS + 1)


def test_truth_that_ties_with_its_draws_is_ranked_at_random():
    found = calibrate(n_states=1, seed=1, posterior=exact(1), replicates=200)
    assert found.passed, str(found)
    pits = found.tree["prior_sbc"]["log_likelihood"].values.ravel()
    assert stats.kstest(pits, "uniform").pvalue > 1e-3


def test_result_has_labels_and_can_be_drawn():
    found = calibrate(n_states=2, seed=1, posterior=exact(2), replicates=50)
    group = found.tree["prior_sbc"]
    assert group["A"].dims == ("chain", "draw", "state", "next_state")
    assert group["A"].sizes["draw"] == 50
    assert group["A"]["state"].values.tolist() == ["<s0>", "s1", "s2"]
    assert group["log_likelihood"].dims == ("chain", "draw")
    assert list(found.p_values)[:2] == ["A[<s0>, s1]", "A[<s0>, s2]"]
    assert list(found.p_values)[-1] == "log_likelihood"
    pc = az.plot_ecdf_pit(found.tree, group="prior_sbc", backend="none")
    assert {"A", "log_likelihood"} <= set(pc.viz["title"].data_vars)


def test_outcome_in_words():
    found = calibrate(n_states=2, seed=1, posterior=exact(2), replicates=50)
    worst = min(found.p_values, key=found.p_values.get)
    assert str(found) == (
        f"calibration PASSED: smallest p {found.p_values[worst]:.3g} ({worst}), "
        f"limit {0.001 / 7:.2g}, 7 quantities"
    )


def test_seed_fixes_the_result_and_progress_is_shown():
    seen = []

    def progress(replicates):
        for replicate in replicates:
            seen.append(replicate)
            yield replicate

    first = calibrate(n_states=2, seed=1, posterior=exact(2), replicates=20, progress=progress)
    again = calibrate(n_states=2, seed=1, posterior=exact(2), replicates=20)
    other = calibrate(n_states=2, seed=2, posterior=exact(2), replicates=20)
    assert seen == list(range(20))
    assert first.p_values == again.p_values
    assert first.p_values != other.p_values


def test_more_draws_than_needed_are_cut():
    def generous(table, seed):
        return np.concatenate([exact(2)(table, seed), np.full((7, 3, 2), 0.5)])

    first, again = (
        calibrate(n_states=2, seed=1, posterior=posterior, replicates=20)
        for posterior in (exact(2), generous)
    )
    assert first.p_values == again.p_values


BAD = {
    "too few draws": (
        {"posterior": lambda table, seed: exact(3)(table, seed)[:98]},
        "posterior must give at least 99 draws, got 98",
    ),
    "no states": ({"n_states": 0}, "n_states must be an integer >= 1, got 0"),
    "no length": ({"length": 0}, "length must be an integer >= 1, got 0"),
    "no replicates": ({"replicates": 0}, "replicates must be an integer >= 1, got 0"),
    "alpha": ({"alpha": 0}, "alpha must be positive"),
    "alpha of another shape": ({"alpha": [1, 2]}, r"alpha has shape \(2,\), which does not fit"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(**({"seed": 1, "posterior": exact(3)} | options))


@pytest.mark.slow
def test_pymc_passes():
    found = bm.calibrate(n_states=K, seed=1, posterior=nuts(K), replicates=200)
    assert found.passed, str(found)


@pytest.mark.slow
def test_pymc_with_another_prior_fails():
    found = bm.calibrate(n_states=K, alpha=2.0, seed=1, posterior=nuts(K), replicates=200)
    assert not found.passed


def test_one_state_is_calibrated_and_bad_sizes_are_refused():
    assert calibrate(seed=1, n_states=1, posterior=exact(1)).passed
    with pytest.raises(ValueError, match="replicates must be an integer >= 1, got 0"):
        calibrate(seed=1, replicates=0, posterior=exact(3))
