"""Each check of `verify` passes on the truth and fails on a planted mistake."""

import numpy as np
import pytest
import xarray as xr

import analytic
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.diagnostics import convergence
from bayes_markov.tree import assemble, prior_rows
from bayes_markov.verification import (
    draws_checks,
    loo_checks,
    mode_check,
    mode_of_model,
)

TINY = bm.TransitionCounts([[2, 1, 0], [4, 1, 2], [1, 3, 0], [0, 2, 1]], ["a", "b", "c"])
PRIOR = prior_rows(TINY, 1.0)
POSTERIOR = PRIOR.given(TINY.table)


def tree_of(posterior, seed=1):
    """A result for TINY whose draws come from some other posterior."""
    draws = posterior.sample(np.random.default_rng(seed), size=(4, 1000))
    return assemble(draws, counts=TINY, prior=PRIOR, seed=seed, sampler="planted")


def transposed():
    table = TINY.table.copy()
    table[1:] = TINY.table[1:].T
    return PRIOR.given(table)


MISTAKES = {
    "counts transposed": transposed(),
    "alpha 2 for 1": DirichletRows(TINY.table + 2.0),
    "data counted twice": PRIOR.given(2 * TINY.table),
    "data ignored": PRIOR,
    "Jacobian counted twice": DirichletRows(TINY.table + 1e-3),
}


def outcome(checks):
    return {check.name: check.passed for check in checks}


@pytest.mark.parametrize("seed", range(5))
def test_right_draws_pass_every_check(seed):
    tree = tree_of(POSTERIOR, seed)
    results = outcome([*draws_checks(tree, POSTERIOR), *loo_checks(tree)])
    assert set(results.values()) == {True}
    assert len(results) == 6


@pytest.mark.parametrize("wrong", MISTAKES.values(), ids=MISTAKES)
def test_draws_of_a_wrong_posterior_are_rejected(wrong):
    results = outcome(draws_checks(tree_of(wrong), POSTERIOR))
    assert results["posterior mean (z)"] is False
    assert results["divergences"] is True


def test_right_means_with_wrong_variances_are_rejected():
    narrow = DirichletRows(1.5 * POSTERIOR.alpha)
    results = outcome(draws_checks(tree_of(narrow), POSTERIOR))
    assert results["posterior mean (z)"] is True
    assert results["posterior variance (z)"] is False


def test_variances_are_checked_in_large_tables_too():
    table = [[2_000_000, 0], [900_000, 1_100_000], [5, 700_000]]
    counts = bm.TransitionCounts(table, ["a", "b"])
    posterior = prior_rows(counts, 1.0).given(counts.table)
    tree = bm.exact_posterior(counts, seed=1)
    assert False not in outcome(draws_checks(tree, posterior)).values()
    for row in range(3):
        alpha = posterior.alpha.copy()
        alpha[row] /= 2
        found = {check.name: check for check in draws_checks(tree, DirichletRows(alpha))}
        assert found["posterior variance (z)"].passed is False
        assert found["posterior variance (z)"].note.startswith(["<s0>", "a", "b"][row])


@pytest.mark.parametrize("name", ["counts transposed", "data counted twice"])
def test_leave_one_out_from_wrong_draws_is_rejected(name):
    (check,) = loo_checks(tree_of(MISTAKES[name]))
    assert check.passed is False


def test_leave_one_unit_out_is_checked_from_ten_units_on(exact_tree, rain):
    by_transition, by_unit = loo_checks(exact_tree)
    assert (by_transition.passed, by_unit.passed) == (True, True)
    wrong = DirichletRows(8.0 * rain.pooled + 1)
    draws = wrong.sample(np.random.default_rng(1), size=(4, 1000))
    tree = assemble(draws, counts=rain, prior=prior_rows(rain, 1.0), seed=1, sampler="planted")
    assert loo_checks(tree)[1].passed is False


def labelled(A):
    return bm.exact_posterior(TINY, seed=1, draws=1, chains=1).posterior["A"][0, 0].copy(data=A)


def test_a_mode_off_by_a_millionth_is_rejected():
    ratio = analytic.mle(TINY.table)
    assert mode_check(labelled(ratio), ratio, flat=True).passed is True
    off = ratio.copy()
    off[2, 1] += 1e-6
    check = mode_check(labelled(off), ratio, flat=True)
    assert check.passed is False
    assert check.note == "b -> b"
    assert (
        mode_check(labelled(analytic.posterior_mean(TINY.table, 1)), ratio, flat=True).passed
        is False
    )
    assert mode_check(labelled(np.full((4, 3), np.nan)), ratio, flat=True).passed is False


def test_no_mode_is_said_not_failed():
    check = mode_of_model(None, TINY, prior_rows(TINY, 0.5))
    assert check.passed is None
    assert "no mode" in check.note
    huge = bm.TransitionCounts([[1, 0], [2 * 10**6, 3], [1, 4]], ["a", "b"])
    assert mode_of_model(None, huge, prior_rows(huge, 1.0)).passed is None


def test_gates_close_on_chains_that_disagree_or_stick():
    tree = tree_of(POSTERIOR)
    apart = tree.copy(deep=True)
    apart.posterior["A"][0, :, 1] = DirichletRows([9.0, 1, 1]).sample(
        np.random.default_rng(1), size=1000
    )
    assert outcome(draws_checks(apart, POSTERIOR))["R-hat"] is False
    sticking = tree.copy(deep=True)
    A = sticking.posterior["A"]
    A.values[:] = np.repeat(A.values[:, ::100], 100, axis=1)
    results = outcome(draws_checks(sticking, POSTERIOR))
    assert results["effective sample size, at least"] is False
    divergent = tree.copy(deep=True)
    flags = np.zeros((4, 1000), dtype=bool)
    flags[1, 7] = True
    divergent["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (("chain", "draw"), flags)}))
    assert outcome(draws_checks(divergent, POSTERIOR))["divergences"] is False
    assert len(convergence(divergent).problems) == 1


def test_verify_passes_on_units_and_prints_a_table_of_80_columns(rain):
    result = bm.verify(rain, seed=3)
    assert result.passed
    assert len(result.checks) == 8
    assert result.checks[0].name == "mode = MLE (visited rows)"
    assert {check.passed for check in result.checks} == {True}
    lines = str(result).splitlines()
    assert lines[-1] == "verification PASSED"
    assert max(map(len, lines)) <= 80


def test_verify_under_another_prior_compares_with_its_own_mode():
    result = bm.verify(TINY, alpha=[2, 1.5, 3], seed=3)
    assert result.passed
    assert result.checks[0].name == "mode = closed-form mode"
    assert result.checks[0].passed is True


def test_one_state_leaves_nothing_to_compare():
    result = bm.verify(bm.TransitionCounts([[1], [3]], ["a"]), seed=1)
    assert result.passed
    assert [check.passed for check in result.checks] == [True, None, None, True, None]
