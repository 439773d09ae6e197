"""Functionals as variables of a result, and their table: labels, reducible draws, exact means."""

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.functional_table import FunctionalEstimate, FunctionalSummary

# Daily rain on Alofi; source in test_published.
ALOFI = TransitionCounts.from_table([[362, 126, 60], [136, 90, 68], [50, 79, 124]], ["0", "1", "6"])
VALUE_DIMS = {
    "stationary": ("next_state",),
    "recurrence_times": ("next_state",),
    "first_passage_times": ("from_state", "to_state"),
    "entropy_rate": (),
    "holding_times": ("next_state",),
    "second_eigenvalue": (),
    "relaxation_time": (),
    "n_step": ("from_state", "to_state"),
}
TINY = TransitionCounts([[1, 0], [2, 1], [0, 3]], ["a", "b"])


@pytest.fixture(scope="module")
def posterior():
    """10,000 independent draws, so that limits in Monte Carlo errors are narrow."""
    return bm.exact_posterior(ALOFI, seed=3, draws=2500)


@pytest.fixture(scope="module")
def summary(posterior):
    return bm.summarize_functionals(posterior, steps=2)


def line_of(summary, name, *states):
    """The estimate of one functional and its states."""
    (line,) = [x for x in summary.estimates if (x.functional, x.states) == (name, states)]
    return line


@pytest.mark.parametrize("group", ["posterior", "prior"])
def test_variables_are_the_functionals_of_every_draw(exact_tree, group):
    tree = bm.add_functionals(exact_tree, steps=3)
    P = exact_tree[group]["A"].values[..., 1:, :]
    for name, dims in VALUE_DIMS.items():
        found = tree[group][name]
        assert found.dims == ("chain", "draw", *dims)
        assert all(found[dim].values.tolist() == [False, True] for dim in dims)
        expected = analytic.n_step(P, 3) if name == "n_step" else analytic.FUNCTIONALS[name](P)
        if name == "first_passage_times":
            assert np.isnan(np.diagonal(found.values, axis1=-2, axis2=-1)).all()
            found, expected = found.values[..., [0, 1], [1, 0]], expected[..., [0, 1], [1, 0]]
        assert_array_equal(found, expected)


def test_the_rest_of_the_tree_is_as_before(exact_tree):
    before = exact_tree.copy(deep=True)
    tree = bm.add_functionals(exact_tree)
    added = set(VALUE_DIMS) - {"n_step"}
    for name in exact_tree.children:
        same = tree[name].to_dataset().drop_vars(added, errors="ignore")
        same = same.drop_vars(["from_state", "to_state"], errors="ignore")
        xr.testing.assert_identical(same, exact_tree[name].to_dataset())
        xr.testing.assert_identical(before[name].to_dataset(), exact_tree[name].to_dataset())
    assert exact_tree.attrs == before.attrs
    new = {"reducible_draws": 0, "reducible_prior_draws": 0}
    assert tree.attrs == exact_tree.attrs | new
    assert [x.low for x in bm.estimates(tree)] == [x.low for x in bm.estimates(exact_tree)]
    # ArviZ sets the length of the tail that it smooths by all variables of the posterior.
    assert_allclose(az.loo(tree).elpd, az.loo(exact_tree).elpd, rtol=0, atol=0.01)


def test_prior_may_be_missing(posterior):
    without = xr.DataTree.from_dict(
        {n.path: n.to_dataset() for n in posterior.subtree if n.path != "/prior"}
    )
    without.attrs = posterior.attrs
    tree = bm.add_functionals(without, ["stationary"])
    assert "reducible_prior_draws" not in tree.attrs
    xr.testing.assert_identical(
        tree.posterior["stationary"], bm.add_functionals(posterior).posterior["stationary"]
    )


def test_names_that_are_asked_for(posterior):
    tree = bm.add_functionals(posterior, ["entropy_rate", "n_step"], steps=2)
    assert set(tree.posterior.data_vars) == {"A", "entropy_rate", "n_step"}
    assert tree.attrs["steps"] == 2
    again = bm.add_functionals(tree, ["n_step"], steps=5)
    expected = analytic.n_step(posterior.posterior["A"].values[..., 1:, :], 5)
    assert_array_equal(again.posterior["n_step"], expected)


def expected_index(states, labelled):
    """Row names of az.summary: state by state, the first axis outermost."""
    names = []
    for name in labelled:
        dims = VALUE_DIMS[name]
        if len(dims) == 2:
            names += [f"{name}[{i}, {j}]" for i in states for j in states]
        else:
            names += [f"{name}[{i}]" for i in states] if dims else [name]
    return names


@pytest.mark.parametrize("states", [("sun", "rain"), (10, 2), (True, False)], ids=str)
def test_stored_tree_comes_back_and_arviz_names_its_states(states, tmp_path):
    counts = TransitionCounts.from_table([[30, 9], [2, 50]], states)
    tree = bm.add_functionals(bm.exact_posterior(counts, seed=1, draws=50), steps=2)
    bm.save(tree, tmp_path / "result.nc")
    again = bm.load(tmp_path / "result.nc")
    assert again.attrs == tree.attrs
    for name in tree.children:
        xr.testing.assert_identical(again[name].to_dataset(), tree[name].to_dataset())
    for one in (tree, again):
        table = az.summary(one, round_to="none")
        probabilities = [f"A[{i}, {j}]" for i in ("<s0>", *states) for j in states]
        assert sorted(table.index) == sorted(probabilities + expected_index(states, VALUE_DIMS))
        i, j = states
        mean = one.posterior["first_passage_times"].values[..., 0, 1].mean()
        assert_allclose(table["mean"][f"first_passage_times[{i}, {j}]"], mean, rtol=1e-12)
        mean = one.posterior["n_step"].values[..., 1, 0].mean()
        assert_allclose(table["mean"][f"n_step[{j}, {i}]"], mean, rtol=1e-12)
        mean = one.posterior["A"].values[..., 1, 1].mean()
        assert_allclose(table["mean"][f"A[{i}, {j}]"], mean, rtol=1e-12)


def test_forest_has_the_labels(posterior):
    tree = bm.add_functionals(posterior)
    pc = az.plot_forest(tree, var_names=["stationary"], backend="none")
    shown = pc.viz["next_state_label"]["stationary"].values.ravel()
    assert [text["string"] for text in shown] == ["0", "1", "6"]
    pc = az.plot_forest(tree, var_names=["first_passage_times"], backend="none")
    shown = pc.viz["from_state_label"]["first_passage_times"].values.ravel()
    assert [text["string"] for text in shown] == ["0", "1", "6"]
    az.plot_dist(tree, var_names=["stationary", "entropy_rate"], backend="none")


def test_alofi_posterior(summary, posterior):
    """From 10^6 independent draws of another program, whose own error is some 1e-5."""
    expected = {
        ("stationary", "0"): (0.499401, 0.021640),
        ("stationary", "1"): (0.269765, 0.014110),
        ("stationary", "6"): (0.230834, 0.018490),
        ("entropy_rate",): (0.949068, 0.018160),
    }
    tree = bm.add_functionals(posterior)
    for key, (mean, sd) in expected.items():
        line = line_of(summary, *key)
        assert abs(line.mean - mean) < 4 * np.hypot(line.mcse, 2e-5)
        draws = tree.posterior[key[0]]
        draws = draws.sel(next_state=key[1]) if len(key) > 1 else draws
        error = float(az.mcse(draws.values, method="sd"))
        assert abs(line.sd - sd) < 4 * error + 2e-5


def test_closed_forms_for_the_posterior_mean(summary):
    alpha = 1 + ALOFI.pooled[1:]
    two_steps = analytic.posterior_mean_two_steps(alpha)
    for (i, j), expected in np.ndenumerate(two_steps):
        line = line_of(summary, "n_step", ALOFI.states[i], ALOFI.states[j])
        assert abs(line.mean - expected) < 4 * line.mcse
    # 1 - p_ii is Beta(b, a), whose inverse has mean (a + b - 1) / (b - 1).
    for i, state in enumerate(ALOFI.states):
        total, stay = alpha[i].sum(), alpha[i, i]
        line = line_of(summary, "holding_times", state)
        assert abs(line.mean - (total - 1) / (total - stay - 1)) < 4 * line.mcse


def test_estimates_from_the_counts_are_the_closed_forms(summary):
    for name, functional in analytic.FUNCTIONALS.items():
        values = analytic.plug_in(functional, ALOFI.pooled)
        errors = analytic.delta_se(functional, ALOFI.pooled)
        for index, value in np.ndenumerate(values):
            if name == "first_passage_times" and index[0] == index[1]:
                continue
            line = line_of(summary, name, *(ALOFI.states[i] for i in index))
            assert_allclose([line.plug_in, line.se], [value, errors[index]], rtol=1e-12)
    assert len(summary.estimates) == 3 + 3 + 6 + 1 + 3 + 1 + 1 + 9


def test_interval_and_spread_are_those_of_the_draws(summary, posterior):
    draws = analytic.stationary(posterior.posterior["A"].values[..., 1:, :])[..., 2]
    line = line_of(summary, "stationary", "6")
    assert_allclose(line.mean, draws.mean(), rtol=1e-12)
    assert_allclose(line.sd, draws.std(ddof=1), rtol=1e-12)
    assert (draws < line.low).mean() == pytest.approx(0.025, abs=2e-4)
    assert (draws > line.high).mean() == pytest.approx(0.025, abs=2e-4)
    wide = bm.summarize_functionals(posterior, ["stationary"], prob=0.5)
    assert (draws < line_of(wide, "stationary", "6").low).mean() == pytest.approx(0.25, abs=2e-4)


def test_mean_of_the_functional_is_told_from_the_functional_of_the_mean(summary, posterior):
    """The entropy is concave, so its mean is smaller; A itself is linear and never differs."""
    line = line_of(summary, "entropy_rate")
    mean = analytic.posterior_mean(ALOFI.pooled, 1)[1:]
    assert_allclose(line.at_mean, analytic.entropy_rate(mean), rtol=1e-12)
    assert line.differs
    assert line in summary.differing
    assert line.mean < line.at_mean - 5 * line.mcse
    linear = bm.summarize_functionals(posterior, ["n_step"], steps=1)
    assert not linear.differing
    assert "* the mean over the draws is not the value at the mean of A" in str(summary)
    assert "*" not in str(linear)


def test_functional_without_a_mean_is_marked():
    """Row "b" under a flat prior: 1 - p is uniform, and its inverse has no mean."""
    counts = TransitionCounts.from_table([[40, 12], [0, 0]], ["a", "b"])
    table = bm.summarize_functionals(bm.exact_posterior(counts, seed=1), ["holding_times"])
    seen, unseen = table.estimates
    assert not seen.heavy_tailed
    assert unseen.heavy_tailed
    assert unseen.pareto_k == pytest.approx(1, abs=0.35)
    assert np.isnan([unseen.plug_in, unseen.se]).all()
    assert "! heavy tail" in str(table)
    assert "- undefined" in str(table)


@pytest.fixture(scope="module")
def sparse():
    """Under alpha = 0.001 a prior draw is 0 or 1 in float64 more often than not."""
    return bm.exact_posterior(TINY, alpha=1e-3, seed=1)


def test_reducible_draws_are_counted_and_undefined(sparse):
    tree = bm.add_functionals(sparse)
    P = sparse.prior["A"].values[..., 1:, :]
    reducible = (P == 0)[..., [0, 1], [1, 0]].any(axis=-1)
    assert 1000 < reducible.sum() < 3900
    assert tree.attrs["reducible_prior_draws"] == reducible.sum()
    for name in ("stationary", "recurrence_times"):
        assert_array_equal(np.isnan(tree.prior[name]).all("next_state"), reducible)
        assert_array_equal(np.isnan(tree.prior[name]).any("next_state"), reducible)
    assert_array_equal(np.isnan(tree.prior["entropy_rate"]), reducible)
    assert not np.isnan(tree.prior["holding_times"]).any()
    assert np.isinf(tree.prior["holding_times"].values[reducible]).any()


def test_table_leaves_out_what_reducible_draws_leave_undefined(sparse):
    moved = xr.DataTree.from_dict(
        {n.path: n.to_dataset() for n in sparse.subtree} | {"/posterior": sparse.prior.to_dataset()}
    )
    moved.attrs = sparse.attrs
    table = bm.summarize_functionals(moved, ["stationary", "holding_times"])
    P = sparse.prior["A"].values[..., 1:, :]
    law = analytic.stationary(P)
    usable = ~np.isnan(law[..., 0])
    assert table.reducible == (~usable).sum()
    for i, state in enumerate(TINY.states):
        line = line_of(table, "stationary", state)
        assert_allclose(line.mean, law[usable][:, i].mean(), rtol=1e-12)
        assert np.isfinite([line.sd, line.mcse, line.low, line.high]).all()
        line = line_of(table, "holding_times", state)
        assert line.mean == np.inf
        assert np.isnan([line.sd, line.mcse]).all()
    assert f"{table.reducible:,} of 4,000 draws are reducible" in str(table)


def test_absorbing_state_leaves_nothing_but_holding_times():
    support = np.array([[True, True], [True, True], [False, True]])
    counts = TransitionCounts([[1, 0], [5, 2], [0, 3]], ["on", "off"])
    tree = bm.exact_posterior(counts, seed=1, support=support)
    assert bm.add_functionals(tree).attrs["reducible_draws"] == 4000
    table = bm.summarize_functionals(tree)
    assert table.reducible == 4000
    for name in ("stationary", "recurrence_times"):
        line = line_of(table, name, "on")
        assert np.isnan([line.plug_in, line.mean, line.sd, line.mcse, line.at_mean]).all()
        assert not line.differs
    assert line_of(table, "holding_times", "off").mean == np.inf
    line = line_of(table, "holding_times", "on")
    assert_allclose(line.plug_in, 7 / 2, rtol=1e-12)
    assert abs(line.mean - 8 / 2) < 5 * line.mcse  # alpha 6 and 3: (9 - 1) / (3 - 1)


def test_one_state():
    counts = TransitionCounts([[1], [4]], ["a"])
    tree = bm.add_functionals(bm.exact_posterior(counts, seed=1, draws=5))
    assert (tree.posterior["stationary"] == 1).all()
    table = bm.summarize_functionals(tree)
    assert line_of(table, "relaxation_time").mean == 1
    assert line_of(table, "holding_times", "a").mean == np.inf
    assert not table.differing


@pytest.mark.parametrize(("draws", "chains"), [(1, 1), (3, 2), (30, 1)])
def test_few_draws(draws, chains):
    tree = bm.exact_posterior(TINY, seed=1, draws=draws, chains=chains)
    table = bm.summarize_functionals(tree, ["stationary"])
    line = table.estimates[0]
    assert np.isnan(line.mcse) == (draws < 4)
    assert np.isnan(line.sd) == (draws * chains == 1)
    assert np.isnan(line.pareto_k)
    assert not line.differs or draws == 30


def test_table_fits_a_terminal(summary):
    long = [f"a label of remarkable length, number {i}" for i in range(2)]
    counts = TransitionCounts.from_table([[10**6, 3], [1, 10**5]], long)
    wide = bm.summarize_functionals(bm.exact_posterior(counts, seed=1), steps=2)
    numbers = (1.23456e-7, 1.23456e-4, 1.23456e7, 1.2e100, 123456.7, np.inf, 1.23456e-5)
    odd = FunctionalEstimate("second_eigenvalue", (), *numbers, at_mean=0.0, pareto_k=2.0)
    for table in (summary, wide, FunctionalSummary((odd,), 0.999, 10**6, 3)):
        assert max(len(line) for line in str(table).splitlines()) <= 80


def test_table_reads_well(posterior):
    text = str(bm.summarize_functionals(posterior, ["stationary", "first_passage_times"]))
    lines = text.splitlines()
    assert lines[0] == "functionals of A, 10,000 posterior draws"
    assert lines[1].split() == ["MLE", "SE", "mean", "sd", "95", "%", "interval", "MCSE"]
    assert lines[2] == "stationary"
    assert lines[3].split()[:3] == ["0", "0.5009", "0.02175"]
    assert lines[6] == "first passage times from 0"
    assert lines[7].split()[:2] == ["1", "4.09"]


REFUSED = {
    "unknown": ({"names": ["stationary", "mixing"]}, "names has 'mixing', which is no functional"),
    "one string": ({"names": "stationary"}, r"names must be a list of names, got 'stationary'"),
    "no steps": ({"names": ["n_step"]}, '"n_step" needs a number of steps; pass steps='),
    "idle steps": ({"names": ["stationary"], "steps": 2}, "steps=2 is for .n_step., which is not"),
    "bad steps": ({"names": ["n_step"], "steps": -1}, "steps must be an integer >= 0, got -1"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("function", [bm.add_functionals, bm.summarize_functionals])
def test_what_is_refused(function, options, message, posterior):
    with pytest.raises(ValueError, match=message):
        function(posterior, **options)


@pytest.mark.parametrize("order", [0, 2])
@pytest.mark.parametrize("function", [bm.add_functionals, bm.summarize_functionals])
def test_other_orders_are_refused(function, order, steps):
    counts = steps if order == 2 else steps.lower_order().lower_order()
    tree = bm.exact_posterior(counts, seed=1, draws=5)
    with pytest.raises(ValueError, match=f"chain of order 1, got a tree of order {order}"):
        function(tree)


def test_state_without_a_way_out_is_refused():
    support = np.array([[True, True], [True, True], [False, False]])
    tree = bm.exact_posterior(
        TransitionCounts([[1, 0], [5, 2], [0, 0]], ["on", "off"]), seed=1, support=support
    )
    with pytest.raises(ValueError, match="A has no possible transition out of 'off'"):
        bm.add_functionals(tree)


@pytest.mark.parametrize("prob", [0, 1, 95])
def test_content_of_the_interval(prob, posterior):
    with pytest.raises(ValueError, match="prob must lie strictly between 0 and 1"):
        bm.summarize_functionals(posterior, prob=prob)


@pytest.mark.slow
def test_draws_of_a_sampler_give_the_same_functionals(nuts_tree, exact_tree):
    sampled, exact = (bm.summarize_functionals(tree, steps=4) for tree in (nuts_tree, exact_tree))
    for first, second in zip(sampled.estimates, exact.estimates, strict=True):
        assert (first.plug_in, first.se, first.at_mean) == (
            second.plug_in,
            second.se,
            second.at_mean,
        )
        assert abs(first.mean - second.mean) < 5 * np.hypot(first.mcse, second.mcse)
    assert "sample_stats" in bm.add_functionals(nuts_tree).children
