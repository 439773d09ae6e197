"""The common result: the same from every fit, usable by ArviZ, stored whole or not at all."""

import os
import stat
import warnings

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov import ConvergenceWarning, TransitionCounts
from bayes_markov.tree import counts_of_tree

TINY = TransitionCounts([[1, 0], [2, 1], [0, 3]], ["a", "b"])


@pytest.fixture(params=["exact", "nuts"])
def tree(request):
    """Both results, one after the other."""
    return request.getfixturevalue(f"{request.param}_tree")


def layout(tree):
    """Everything about a tree but its numbers."""
    groups = {}
    for name, group in tree.children.items():
        if name == "sample_stats":
            continue
        data = group.to_dataset()
        variables = {key: (v.dims, v.shape, v.dtype) for key, v in data.data_vars.items()}
        axes = {key: (v.dims, v.dtype, v.values.tolist()) for key, v in data.coords.items()}
        groups[name] = (variables, axes)
    return groups


def assert_identical(first, second):
    """Same groups, values, labels, types and attributes."""
    assert layout(first) == layout(second)
    assert first.attrs == second.attrs
    for name in first.children:
        xr.testing.assert_identical(first[name].to_dataset(), second[name].to_dataset())


def test_groups_and_labels(tree):
    groups = {"posterior", "prior", "log_likelihood", "observed_data", "constant_data"}
    assert set(tree.children) - {"sample_stats"} == groups
    for group in ("posterior", "prior"):
        A = tree[group]["A"]
        assert A.dims == ("chain", "draw", "state", "next_state")
        assert A["state"].values.tolist() == ["<s0>", False, True]
        assert A["next_state"].values.tolist() == [False, True]
        assert_allclose(A.sum("next_state"), 1, rtol=1e-12)
    assert tree.log_likelihood["counts"].dims == ("chain", "draw", "unit")
    assert tree.observed_data["counts"].dims == ("unit", "state", "next_state")


def test_both_results_have_one_layout(exact_tree, nuts_tree):
    assert layout(exact_tree) == layout(nuts_tree)
    assert set(nuts_tree.children) - set(exact_tree.children) == {"sample_stats"}
    assert_array_equal(exact_tree.observed_data["counts"], nuts_tree.observed_data["counts"])
    assert_array_equal(exact_tree.constant_data["alpha"], nuts_tree.constant_data["alpha"])
    assert_array_equal(exact_tree.prior["A"], nuts_tree.prior["A"])


@pytest.mark.slow
def test_both_results_have_one_layout_at_order_two(steps, steps_support, model_for):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        sampled = bm.sample(model_for(steps, support=steps_support), seed=1, draws=20, tune=50)
    exact = bm.exact_posterior(steps, support=steps_support, seed=1, draws=20)
    assert layout(sampled) == layout(exact)
    assert sampled.posterior["A"].dims == ("chain", "draw", "state_2", "state", "next_state")
    A, expected = (tree.posterior["A"].values for tree in (sampled, exact))
    assert_array_equal(np.isnan(A), np.isnan(expected))
    assert_array_equal(A == 0, expected == 0)
    assert_array_equal(A == 1, expected == 1)


def test_both_results_have_one_layout_where_nothing_varies():
    counts = TransitionCounts([[1], [4]], ["a"])
    sampled = bm.sample(bm.dirichlet_model(counts), seed=1, draws=5)
    exact = bm.exact_posterior(counts, seed=1, draws=5)
    assert layout(sampled) == layout(exact)
    assert_array_equal(sampled.posterior["A"], exact.posterior["A"])


def test_summary_has_the_labels_and_the_exact_means(tree, rain):
    table = az.summary(tree, round_to="none")
    assert list(table.index) == [
        f"A[{state}, {following}]"
        for state in ("<s0>", "False", "True")
        for following in ("False", "True")
    ]
    posterior = analytic.flat(2).given(rain.pooled)
    off = np.abs(table["mean"].to_numpy() - posterior.mean().ravel())
    assert (off < 5 * table["mcse_mean"].to_numpy()).all()


def test_forest_has_the_labels(tree):
    pc = az.plot_forest(tree, backend="none")
    shown = [text["string"] for text in pc.viz["state_label"]["A"].values.ravel()]
    assert sorted(shown) == ["<s0>", "False", "True"]
    shown = [text["string"] for text in pc.viz["next_state_label"]["A"].values.ravel()]
    assert sorted(shown) == 3 * ["False"] + 3 * ["True"]


def test_densities_have_the_labels(tree):
    pc = az.plot_dist(tree, backend="none")
    titles = [title["string"] for title in pc.viz["title"]["A"].values.ravel()]
    assert titles[0] == "A\n<s0>, False"
    assert titles[-1] == "A\nTrue, True"


@pytest.mark.parametrize("states", [("sun", "rain"), (2, 10)], ids=repr)
def test_labels_of_other_types_are_shown(states):
    sequences = [[states[0], states[0], states[1]], [states[1], states[0]]]
    tree = bm.exact_posterior(TransitionCounts.from_sequences(sequences, states=states), seed=1)
    first, second = states
    assert f"A[{second}, {first}]" in az.summary(tree).index
    titles = az.plot_dist(tree, backend="none").viz["title"]["A"]
    assert titles.sel(state=second, next_state=first).item()["string"] == f"A\n{second}, {first}"
    labels = az.plot_forest(tree, backend="none").viz["state_label"]["A"]
    assert labels.sel(state=second).item()["string"] == str(second)


def test_leave_one_unit_out_by_arviz(tree, rain):
    found = az.loo(tree, pointwise=True)
    assert found.n_data_points == 20
    assert (found.pareto_k < 0.7).all()
    exact = analytic.loo_units(rain.table, 1)
    assert_allclose(found.elpd_i, exact.pointwise, rtol=0, atol=0.05)
    assert found.elpd_i["unit"].values.tolist() == list(rain.units)


def test_comparison_by_arviz(tree, rain):
    independent = bm.exact_posterior(rain.lower_order(), seed=2)
    table = az.compare({"chain": tree, "independent": independent}, round_to="none")
    assert table.index[0] == "chain"
    expected = [
        analytic.loo_units(counts.table, 1, order=counts.order).elpd
        for counts in (rain, rain.lower_order())
    ]
    assert_allclose(table["elpd"], expected, rtol=0, atol=0.3)
    assert expected[0] - expected[1] > 5


@pytest.mark.parametrize("units", [None, ("v", "u"), (7, 3), (True, False)], ids=str)
@pytest.mark.parametrize("states", [("sun", "rain"), ("10", "9"), (10, 2), (True, False)], ids=str)
def test_stored_result_comes_back(states, units, tmp_path):
    sequences = [[states[0], states[0], states[1]], [states[1], states[0]]]
    counts = TransitionCounts.from_sequences(sequences, states=states, units=units)
    tree = bm.exact_posterior(counts, seed=1, draws=5)
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(bm.load(tmp_path / "result.nc"), tree)
    assert counts_of_tree(bm.load(str(tmp_path / "result.nc"))).digest == counts.digest


def test_stored_result_of_order_two_comes_back(steps, steps_support, tmp_path):
    tree = bm.exact_posterior(steps, support=steps_support, seed=2**63 - 1, draws=5)
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(bm.load(tmp_path / "result.nc"), tree)


def test_stored_fractions_come_back(tmp_path):
    tree = bm.exact_posterior(TransitionCounts([[0.5, 0], [2.25, 1], [0, 3]], ["a", "b"]), seed=1)
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(bm.load(tmp_path / "result.nc"), tree)


def test_stored_run_of_a_sampler_comes_back(nuts_tree, tmp_path):
    bm.save(nuts_tree, tmp_path / "result.nc")
    again = bm.load(tmp_path / "result.nc")
    assert_identical(again, nuts_tree)
    assert_array_equal(again.sample_stats["diverging"], nuts_tree.sample_stats["diverging"])
    assert again.sample_stats["diverging"].dtype == bool
    assert bm.convergence(again) == bm.convergence(nuts_tree)
    assert_allclose(az.loo(again).elpd, az.loo(nuts_tree).elpd, rtol=1e-12)


def test_stored_run_with_divergences_comes_back(rain, model_for, tmp_path):
    table = np.zeros_like(rain.table)
    table[0] = [[0, 3], [2, 5], [1, 1]]
    sparse = TransitionCounts(table, rain.states, units=rain.units)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        tree = bm.sample(model_for(sparse, alpha=1e-3), seed=1, draws=200, tune=100)
    assert tree.attrs["divergences"] > 0
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(bm.load(tmp_path / "result.nc"), tree)


def test_columns_of_objects_are_left_out(nuts_tree, tmp_path):
    stats = nuts_tree.sample_stats.to_dataset()
    words = np.full(stats["diverging"].shape, None, dtype=object)
    words[0, 0] = "the energy grew without bound"
    tree = nuts_tree.copy()
    tree["sample_stats"] = xr.DataTree(stats.assign(divergence_message=(("chain", "draw"), words)))
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(bm.load(tmp_path / "result.nc"), nuts_tree)
    assert "divergence_message" in tree.sample_stats


def test_result_is_left_alone_by_storing(tmp_path):
    tree = bm.exact_posterior(TransitionCounts(TINY.table, [2, 10]), seed=1, draws=5)
    before = tree.copy(deep=True)
    bm.save(tree, tmp_path / "result.nc")
    assert_identical(tree, before)


def test_stored_file_is_like_any_other(tmp_path):
    bm.save(bm.exact_posterior(TINY, seed=1, draws=5), tmp_path / "result.nc")
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "result.nc"}


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("existing", [True, False])
def test_interrupted_write_leaves_nothing_behind(existing, error, tmp_path, monkeypatch):
    target = tmp_path / "result.nc"
    old = bm.exact_posterior(TINY, seed=1, draws=5)
    if existing:
        bm.save(old, target)

    def half_written(self, path, **options):
        with open(path, "wb") as file:
            file.write(b"half a file")
        raise error

    monkeypatch.setattr(xr.DataTree, "to_netcdf", half_written)
    with pytest.raises(type(error)):
        bm.save(bm.exact_posterior(TINY, seed=2, draws=5), target)
    assert [path.name for path in tmp_path.iterdir()] == ["result.nc"] * existing
    if existing:
        assert_identical(bm.load(target), old)


def test_existing_file_is_replaced(tmp_path):
    for seed in (1, 2):
        bm.save(bm.exact_posterior(TINY, seed=seed, draws=5), tmp_path / "result.nc")
    assert bm.load(tmp_path / "result.nc").attrs["seed"] == 2


def test_folder_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"the folder .*missing does not exist; create it"):
        bm.save(bm.exact_posterior(TINY, seed=1, draws=5), tmp_path / "missing" / "result.nc")


def test_folder_is_no_file(tmp_path):
    with pytest.raises(OSError, match="directory"):
        bm.save(bm.exact_posterior(TINY, seed=1, draws=5), tmp_path)


def test_file_must_exist_and_be_a_result(tmp_path):
    with pytest.raises(OSError, match=r"No such file|Unable to"):
        bm.load(tmp_path / "missing.nc")
    (tmp_path / "other.nc").write_text("state,next_state\n")
    with pytest.raises(OSError, match="signature"):
        bm.load(tmp_path / "other.nc")
