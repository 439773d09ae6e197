"""Verification passes what is right, and every check of it rejects something wrong."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.checks import Check, Verification, convergence_checks
from bayes_markov.tree import prior_rows
from bayes_markov.verification import (
    draws_checks,
    loo_checks,
    mode_check,
    mode_of_model,
)
from cases import CASES

TINY = TransitionCounts([[1, 0], [2, 1], [0, 3]], ["a", "b"])
MODERATE = TransitionCounts([[3, 1], [50, 7], [20, 30]], ["a", "b"])

UNITS = TransitionCounts(
    np.random.default_rng(1)
    .multinomial(9, [0.1, 0.05, 0.4, 0.05, 0.3, 0.1], size=12)
    .reshape(12, 3, 2),
    ["a", "b"],
    units=range(12),
)


@pytest.fixture
def compiled_once(monkeypatch, model_for):
    """Let `verify` take models that other tests have compiled."""
    monkeypatch.setattr("bayes_markov.models.dirichlet_model", model_for)


def labelled(case):
    """Counts of a case, with its codes as labels."""
    return TransitionCounts(case.table, range(case.n_states), case.order)


def swapped(counts):
    """Exchange rows and columns below s_0."""
    table = counts.table.copy()
    table[..., 1:, :] = np.swapaxes(table[..., 1:, :], -1, -2)
    return replace(counts, table=table)


def exchanged(counts):
    """Exchange the rows of the two states."""
    return replace(counts, table=counts.table[[0, 2, 1]])


def without_start(counts):
    """Drop the transitions out of s_0."""
    return replace(counts, table=counts.table * [[0], [1], [1]])


def failed(checks):
    """Names of the checks that failed."""
    return {check.name for check in checks if check.passed is False}


def with_posterior(tree, values):
    """Put other draws of A into a result."""
    other = tree.copy()
    other["posterior"] = xr.DataTree(
        tree.posterior.to_dataset().assign(A=(tree.posterior["A"].dims, values))
    )
    return other


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_units_pass(alpha, rain, compiled_once):
    found = bm.verify(rain, alpha=alpha, seed=6)
    assert found.passed, str(found)
    assert [check.name for check in found.checks] == [
        "mode = MLE (visited rows)" if alpha == 1 else "mode = closed-form mode",
        "posterior mean (z)",
        "posterior variance (z)",
        "divergences",
        "R-hat",
        "effective sample size, at least",
        "leave-one-transition-out (z)",
        "leave-one-unit-out (z)",
    ]
    assert all(check.passed is True for check in found.checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "alpha"), [("weather", 1.0), ("absorbing", 1.0), ("unvisited row", 2.0)]
)
def test_small_tables_pass(name, alpha, compiled_once):
    case = next(case for case in CASES if case.name == name)
    found = bm.verify(labelled(case), alpha=alpha, seed=6)
    assert found.passed, str(found)
    assert found.checks[0].passed is True
    assert found.checks[0].value < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_cases_pass(case, compiled_once):
    found = bm.verify(labelled(case), seed=6)
    assert found.passed, str(found)


@pytest.mark.slow
def test_impossible_transitions_at_order_two_pass(steps, steps_support, compiled_once):
    found = bm.verify(steps, support=steps_support, seed=6)
    assert found.passed, str(found)
    assert all(check.passed is True for check in found.checks[:6])


def test_one_state_passes():
    found = bm.verify(TransitionCounts([[1], [4]], ["a"]), seed=6)
    assert found.passed, str(found)
    assert {check.name: check.passed for check in found.checks} == {
        "mode = MLE (visited rows)": True,
        "posterior mean (z)": None,
        "posterior variance (z)": None,
        "divergences": True,
        "leave-one-transition-out (z)": None,
    }


@pytest.mark.parametrize("counts", [TINY, MODERATE, UNITS], ids=["tiny", "moderate", "units"])
def test_right_draws_pass_with_every_seed(counts):
    posterior = analytic.flat(2).given(counts.pooled)
    for seed in range(25):
        tree = bm.exact_posterior(counts, seed=seed)
        assert not failed(draws_checks(tree, posterior)), seed
        assert not failed(loo_checks(tree)), seed


def test_mode_elsewhere_is_rejected():
    expected = analytic.mle(TINY.table)
    labels = TINY.to_xarray()
    mode = xr.DataArray(expected, dims=labels.dims, coords=labels.coords)
    assert mode_check(mode, expected, flat=True).passed is True
    off = mode.copy()
    off[1, 0] += 1.1e-8
    check = mode_check(off, expected, flat=True)
    assert check.passed is False
    assert check.note == "a -> a"
    lost = mode.copy()
    lost[2, 1] = np.nan
    check = mode_check(lost, expected, flat=True)
    assert check.passed is False
    assert check.note == "b -> b"


def test_rows_without_data_have_no_mode_to_be_compared():
    expected = analytic.mle([[0, 0], [2, 1], [0, 3]])
    labels = TINY.to_xarray()
    mode = xr.DataArray(np.nan_to_num(expected, nan=0.9), dims=labels.dims, coords=labels.coords)
    assert mode_check(mode, expected, flat=True).passed is True
    nothing = np.full_like(expected, np.nan)
    check = mode_check(mode, nothing, flat=True)
    assert (check.passed, check.note) == (None, "no row has a single mode")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda counts: analytic.posterior_mean(counts.table, 1),
        lambda counts: analytic.mle(swapped(counts).table),
        lambda counts: analytic.mle(exchanged(counts).table),
    ],
    ids=["posterior mean", "transposed", "rows exchanged"],
)
def test_wrong_mode_is_rejected(wrong, monkeypatch, model_for):
    labels = MODERATE.to_xarray()
    mode = xr.DataArray(wrong(MODERATE), dims=labels.dims, coords=labels.coords)
    monkeypatch.setattr("bayes_markov.fit.posterior_mode", lambda model: mode)
    check = mode_of_model(model_for(MODERATE), MODERATE, prior_rows(MODERATE, 1))
    assert check.passed is False
    assert check.value > 1e-3


WRONG = {
    "transposed counts": (MODERATE, swapped(MODERATE), 1, "posterior mean (z)"),
    "rows exchanged": (MODERATE, exchanged(MODERATE), 1, "posterior mean (z)"),
    "data counted twice": (MODERATE, MODERATE + MODERATE, 1, "posterior variance (z)"),
    "twice on a tiny table": (TINY, TINY + TINY, 1, "posterior mean (z)"),
    "start forgotten": (TINY, without_start(TINY), 1, "posterior mean (z)"),
    "alpha 2 for 1": (TINY, TINY, 2, "posterior mean (z)"),
    "alpha 1/2 for 1": (TINY, TINY, 0.5, "posterior mean (z)"),
}


@pytest.mark.parametrize(("counts", "other", "alpha", "name"), WRONG.values(), ids=WRONG)
def test_draws_from_another_posterior_are_rejected(counts, other, alpha, name):
    posterior = analytic.flat(2).given(counts.pooled)
    for seed in range(5):
        wrong = bm.exact_posterior(other, alpha=alpha, seed=seed)
        assert name in failed(draws_checks(wrong, posterior))


@pytest.mark.parametrize(
    ("scale", "rejected"),
    [(1.0, set()), (0.85, {"posterior variance (z)"})],
    ids=["same", "narrow"],
)
def test_draws_of_another_width_are_rejected(scale, rejected):
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    values = posterior.mean() + scale * (tree.posterior["A"].values - posterior.mean())
    assert failed(draws_checks(with_posterior(tree, values), posterior)) == rejected


@pytest.mark.parametrize("share", [1.0, 0.01], ids=["all", "some"])
def test_undefined_draws_are_rejected(share):
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    values = tree.posterior["A"].values.copy()
    values[:, : int(share * values.shape[1]), 1] = np.nan
    found = failed(draws_checks(with_posterior(tree, values), posterior))
    assert {"posterior mean (z)", "posterior variance (z)"} <= found


def test_constant_draws_are_rejected():
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    mean = np.broadcast_to(posterior.mean(), tree.posterior["A"].shape)
    assert "posterior variance (z)" in failed(draws_checks(with_posterior(tree, mean), posterior))


def test_divergences_are_rejected():
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    diverging = np.zeros((4, 1000), dtype=bool)
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (("chain", "draw"), diverging)}))
    assert failed(draws_checks(tree, posterior)) == set()
    diverging[2, 500] = True
    tree["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": (("chain", "draw"), diverging)}))
    assert failed(draws_checks(tree, posterior)) == {"divergences"}


def test_chains_that_disagree_are_rejected():
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    values = np.sort(tree.posterior["A"].values.reshape(4000, 3, 2), axis=0)
    rng = np.random.default_rng(7)
    halves = [rng.permutation(values[:2000]), rng.permutation(values[2000:])]
    apart = with_posterior(tree, np.concatenate(halves).reshape(4, 1000, 3, 2))
    assert "R-hat" in failed(draws_checks(apart, posterior))


def test_draws_that_hang_together_are_rejected():
    posterior = analytic.flat(2).given(MODERATE.table)
    tree = bm.exact_posterior(MODERATE, seed=7)
    values = np.repeat(tree.posterior["A"].values[:, :50], 20, axis=1)
    found = failed(draws_checks(with_posterior(tree, values), posterior))
    assert "effective sample size, at least" in found


@pytest.mark.parametrize("units", [False, True], ids=["transitions", "units"])
@pytest.mark.parametrize("null", ["transposed", "twice", "alpha"])
def test_leave_one_out_from_wrong_draws_is_rejected(null, units):
    counts = UNITS if units else MODERATE
    other = {"transposed": swapped(counts), "twice": counts + counts, "alpha": counts}[null]
    wrong = bm.exact_posterior(other, alpha=6.0 if null == "alpha" else 1.0, seed=7)
    right = bm.exact_posterior(counts, seed=7)
    assert not failed(loo_checks(right))
    tree = with_posterior(right, wrong.posterior["A"].values)
    likelihood = analytic.log_likelihood(tree.posterior["A"].values[..., None, :, :], counts.tables)
    tree["log_likelihood"] = xr.DataTree(
        right.log_likelihood.to_dataset().assign(counts=(("chain", "draw", "unit"), likelihood))
    )
    found = failed(loo_checks(tree))
    assert "leave-one-transition-out (z)" in found
    assert ("leave-one-unit-out (z)" in found) == units


def test_units_are_left_out_from_ten_on():
    def names(counts):
        return [check.name for check in loo_checks(bm.exact_posterior(counts, seed=7, draws=200))]

    nine = TransitionCounts(UNITS.table[:9], UNITS.states, units=range(9))
    ten = TransitionCounts(UNITS.table[:10], UNITS.states, units=range(10))
    assert names(nine) == ["leave-one-transition-out (z)"]
    assert names(ten) == ["leave-one-transition-out (z)", "leave-one-unit-out (z)"]


def test_wrong_sampler_fails_the_whole(monkeypatch, model_for):
    monkeypatch.setattr("bayes_markov.models.dirichlet_model", model_for)
    monkeypatch.setattr(
        "bayes_markov.fit.sample",
        lambda model, **options: bm.exact_posterior(swapped(MODERATE), seed=8),
    )
    found = bm.verify(MODERATE, seed=8)
    assert not found.passed
    assert found.checks[0].passed is True
    assert "posterior mean (z)" in failed(found.checks)
    assert str(found).splitlines()[-1] == "verification FAILED"


NO_MODE = {
    "small alpha": (TINY, 0.5, "no mode: some alpha + count < 1"),
    "too many": (
        TransitionCounts([[1, 0], [10**6, 1], [3, 4]], ["a", "b"]),
        1,
        "more than 1,000,000 transitions",
    ),
    "no data": (TransitionCounts(np.zeros((3, 2)), ["a", "b"]), 1, "no row has a single mode"),
}


@pytest.mark.parametrize(("counts", "alpha", "note"), NO_MODE.values(), ids=NO_MODE)
def test_mode_is_not_compared_where_there_is_none(counts, alpha, note, model_for):
    check = mode_of_model(model_for(counts, alpha=alpha), counts, prior_rows(counts, alpha))
    assert (check.passed, check.note) == (None, note)


def test_small_alpha_is_no_failure(rain, compiled_once):
    table = np.zeros_like(rain.table)
    table[0] = TINY.table
    sparse = TransitionCounts(table, rain.states, units=rain.units)
    found = bm.verify(sparse, alpha=0.75, seed=9)
    assert found.passed, str(found)
    assert found.checks[0].passed is None


def test_fractions_have_no_single_transition_to_leave_out():
    counts = TransitionCounts([[0.5, 0], [2.25, 1], [0, 3]], ["a", "b"])
    (check,) = loo_checks(bm.exact_posterior(counts, seed=7))
    assert (check.passed, check.note) == (None, "counts are not whole numbers")


def test_unreliable_importance_sampling_is_not_compared():
    counts = TransitionCounts([[0, 1], [1, 0], [0, 0]], ["a", "b"])
    (check,) = loo_checks(bm.exact_posterior(counts, alpha=0.1, seed=7))
    assert check.passed is None
    assert check.note.startswith("nothing to compare")


def test_table_for_people():
    checks = (
        Check("mode = MLE (visited rows)", 3.1234e-10, 1e-8, True, "<s0> -> sun"),
        Check("posterior mean (z)", 12.0, 5.0, False, "rain -> fog"),
        Check("divergences", 0, 0, True),
        Check("effective sample size, at least", 3517.2, 400.0, True),
        Check("leave-one-transition-out (z)", np.nan, 5.0, None, "counts are not whole numbers"),
    )
    assert str(Verification(False, checks)) == (
        "check                                worst    limit          where\n"
        "mode = MLE (visited rows)         3.12e-10    1e-08  ok      <s0> -> sun\n"
        "posterior mean (z)                    12.0        5  FAILED  rain -> fog\n"
        "divergences                           0.00        0  ok\n"
        "effective sample size, at least   3.52e+03      400  ok\n"
        "leave-one-transition-out (z)     n/a: counts are not whole numbers\n"
        "verification FAILED"
    )


def test_table_fits_the_screen(rain, compiled_once):
    text = str(bm.verify(rain, seed=6))
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[-1] == "verification PASSED"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"seed": 1, "alpha": 0}, "alpha must be positive"),
        ({"seed": 1, "support": [[True, False]] * 3}, "which support marks impossible"),
    ],
    ids=str,
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bm.verify(TINY, **options)


def test_variances_are_checked_in_large_tables_too():
    table = [[2_000_000, 0], [900_000, 1_100_000], [5, 700_000]]
    counts = TransitionCounts(table, ["a", "b"])
    posterior = prior_rows(counts, 1.0).given(counts.table)
    tree = bm.exact_posterior(counts, seed=1)
    assert False not in [check.passed for check in draws_checks(tree, posterior)]
    for row in range(3):
        alpha = posterior.alpha.copy()
        alpha[row] /= 2
        found = {check.name: check for check in draws_checks(tree, analytic.DirichletRows(alpha))}
        assert found["posterior variance (z)"].passed is False
        assert found["posterior variance (z)"].note.startswith(["<s0>", "a", "b"][row])


def shifted(tree):
    """Move one chain away from the others."""
    tree["posterior"]["A"][1] = tree["posterior"]["A"][1] * 0.5


def repeated(tree):
    """Let each chain stand still for fifty draws."""
    A = tree["posterior"]["A"]
    A.values = np.repeat(A.values[:, ::50], 50, axis=1)


def undefined(tree):
    """Lose one draw."""
    tree["posterior"]["A"][0, 0] = np.nan


def diverging(tree):
    """Let one transition diverge."""
    tree["sample_stats"]["diverging"][2, 7] = True


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (shifted, "R-hat"),
        (undefined, "R-hat"),
        (repeated, "effective sample size, at least"),
        (diverging, "divergences"),
    ],
)
def test_chains_that_went_wrong_fail(spoil, name):
    tree = bm.exact_posterior(MODERATE, seed=1)
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 1000), dtype=bool))})
    tree["sample_stats"] = xr.DataTree(stats)
    assert all(check.passed for check in convergence_checks(tree))
    spoil(tree)
    assert name in {check.name for check in convergence_checks(tree) if not check.passed}
