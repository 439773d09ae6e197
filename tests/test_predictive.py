"""Predictive groups of a tree: labels, seeds, what ArviZ does with them, what is refused."""

import itertools

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.predictive import predict
from bayes_markov.predictive.replicate import as_paths, simulate_like
from bayes_markov.tree import streams

DATA = [
    ["dry", "wet", "wet", "dry", "dry", "dry", "soaked", "dry"],
    ["wet", "soaked", "soaked", "dry", "dry"],
    ["dry", "dry", "dry", "dry", "wet"],
]


@pytest.fixture(scope="module")
def tree():
    return bm.exact_posterior(TransitionCounts.from_sequences(DATA), seed=5, draws=250)


@pytest.fixture(scope="module")
def checked(tree):
    return bm.posterior_predictive(tree, DATA, seed=5)


def test_groups_have_the_labels_of_the_tree(tree, checked):
    assert set(checked.children) == {*tree.children, "posterior_predictive"}
    group = checked.posterior_predictive
    assert set(group.data_vars) == set(bm.STATISTICS)
    assert group["mean_run"].dims == ("chain", "draw", "in_state")
    assert group["longest_run_of_any"].dims == ("chain", "draw")
    assert group["in_state"].values.tolist() == ["dry", "soaked", "wet"]
    assert_array_equal(group["draw"], tree.posterior["draw"])
    observed = checked.observed_data
    assert set(observed.data_vars) == {"counts", *bm.STATISTICS}
    assert observed["longest_run"].sel(in_state="dry") == 4
    assert observed["share_of_states"].sel(in_state="soaked") == pytest.approx(3 / 18)
    assert_array_equal(observed["counts"], tree.observed_data["counts"])
    assert group.attrs == {"seed": 5, "start": "s0", "stretches": 3, "positions": 18}


def test_tree_that_came_in_is_left_alone(tree, checked):
    assert "posterior_predictive" not in tree.children
    assert set(tree.observed_data.data_vars) == {"counts"}
    assert checked.attrs == tree.attrs


def test_seed_decides_and_is_not_that_of_the_fit(tree, checked):
    again = bm.posterior_predictive(tree, DATA, seed=5)
    xr.testing.assert_identical(
        again.posterior_predictive.to_dataset(), checked.posterior_predictive.to_dataset()
    )
    other = bm.posterior_predictive(tree, DATA, seed=6).posterior_predictive
    assert not other["mean_run"].equals(checked.posterior_predictive["mean_run"])


def test_streams_of_one_seed_are_apart(tree):
    """Of the fit, of the posterior predictive and of the prior predictive, the matrices equal."""
    same = tree.copy()
    same["prior"] = xr.DataTree(tree.posterior.to_dataset())
    names = ["first_states", "share_of_states"]
    found = bm.posterior_predictive(same, DATA, seed=5, statistics=names)
    found = bm.prior_predictive(found, DATA, seed=5, statistics=names)
    first, second = found.posterior_predictive, found.prior_predictive
    assert not first["share_of_states"].equals(second["share_of_states"])
    A = tree.posterior["A"].values.reshape(-1, 4, 3)
    paths = as_paths(DATA, TransitionCounts.from_sequences(DATA), "s0")
    for stream in streams(5):
        drawn = simulate_like(A, paths, start="s0", rng=stream)
        share = (drawn == 0).mean(axis=1)
        assert (share != first["share_of_states"].values[..., 0].ravel()).any()


def test_blocks_of_replicates_do_not_change_what_is_measured(tree, monkeypatch):
    """Each replicate keeps its own draw of A, however many are simulated at a time."""
    A = tree.posterior["A"]
    certain = (A.max("next_state") == A).astype(float)  # no randomness is left
    fixed = tree.copy()
    fixed["posterior"] = xr.DataTree(certain.to_dataset(name="A"))
    whole = bm.posterior_predictive(fixed, DATA, seed=1).posterior_predictive
    monkeypatch.setattr(predict, "CODES_AT_ONCE", 18 * 7)
    monkeypatch.setattr(predict, "CODES_PER_STATISTIC", 18 * 3)
    parts = bm.posterior_predictive(fixed, DATA, seed=1).posterior_predictive
    assert whole["mean_run"].std() > 0
    for name in whole.data_vars:
        assert_array_equal(whole[name], parts[name])


def test_expected_share_of_first_states_is_the_predictive_probability(tree):
    found = bm.posterior_predictive(tree, DATA, seed=2, statistics=["first_states"])
    share = found.posterior_predictive["first_states"]
    prior, table = analytic.flat(3), TransitionCounts.from_sequences(DATA).table
    expected = prior.given(table).mean()[0]
    error = share.std(("chain", "draw")) / np.sqrt(1000)
    assert (np.abs(share.mean(("chain", "draw")) - expected) < 5 * error).all()


def test_prior_predictive_comes_from_the_prior(tree):
    found = bm.prior_predictive(tree, DATA, seed=2, statistics=["first_states"])
    share = found.prior_predictive["first_states"]
    error = share.std(("chain", "draw")) / np.sqrt(1000)
    assert (np.abs(share.mean(("chain", "draw")) - 1 / 3) < 5 * error).all()
    assert "posterior_predictive" not in found.children


def test_given_first_states_are_kept(tree):
    found = bm.posterior_predictive(tree, DATA, seed=2, start="given", draws=50)
    first = found.posterior_predictive["first_states"]
    assert_array_equal(first - found.observed_data["first_states"], 0 * first)
    assert found.posterior_predictive["share_of_states"].std() > 0


def test_fewer_draws_are_spread_over_the_chain(tree):
    found = bm.posterior_predictive(tree, DATA, seed=2, draws=3, statistics=["mean_run"])
    assert found.posterior_predictive["draw"].values.tolist() == [0, 83, 166]
    for draws in (0, 251, 2.5, True):
        with pytest.raises(ValueError, match=r"draws must be an integer from 1 to 250"):
            bm.posterior_predictive(tree, DATA, seed=2, draws=draws)


def test_both_groups_stand_side_by_side(tree):
    def wet_days(sequences):
        return sum(day == "wet" for days in sequences for day in days)

    both = bm.posterior_predictive(tree, DATA, seed=1, statistics=["longest_run", wet_days])
    both = bm.prior_predictive(both, DATA, seed=1, statistics={"number wet": wet_days})
    assert set(both.posterior_predictive.data_vars) == {"longest_run", "wet_days"}
    assert set(both.prior_predictive.data_vars) == {"number wet"}
    observed = both.observed_data
    assert observed["wet_days"] == observed["number wet"] == 4


@pytest.mark.parametrize("order", [0, 2])
def test_other_orders_and_breaks(order):
    data = [[1, 2, None, 2, 2, 1, 1], [2, 1, 2], [None, 1]]
    counts = TransitionCounts.from_sequences(data, order=order, missing="break")
    found = bm.posterior_predictive(bm.exact_posterior(counts, seed=1, draws=50), data, seed=1)
    group = found.posterior_predictive
    assert group["in_state"].values.tolist() == [1, 2]
    assert group.attrs["stretches"] == 4
    assert group["limited_horizon"].notnull().all()


def test_structural_zeros_never_occur():
    data = [["low", "middle", "high", "middle", "low", "middle", "middle"]]
    counts = TransitionCounts.from_sequences(data, states=["low", "middle", "high"])
    near = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
    tree = bm.exact_posterior(counts, support=near, seed=1)

    def jumps(sequences):
        pairs = [pair for days in sequences for pair in itertools.pairwise(days)]
        return sum({"low", "high"} == set(pair) for pair in pairs)

    found = bm.posterior_predictive(tree, data, seed=1, statistics=[jumps])
    assert (found.posterior_predictive["jumps"] == 0).all()
    free = bm.posterior_predictive(
        bm.exact_posterior(counts, seed=1), data, seed=1, draws=50, statistics=[jumps]
    )
    assert (free.posterior_predictive["jumps"] > 0).any()


def test_units_are_pooled():
    counts = TransitionCounts.from_sequences(DATA, units=["u", "v", "u"])
    tree = bm.exact_posterior(counts, seed=1, draws=50)
    found = bm.posterior_predictive(tree, DATA, seed=1, statistics=["longest_run"])
    assert found.observed_data["longest_run"].max() == 4
    assert found.observed_data["counts"].sizes["unit"] == 2


def test_tree_is_stored_whole(checked, tmp_path):
    bm.save(checked, tmp_path / "checked.nc")
    again = bm.load(tmp_path / "checked.nc")
    assert str(bm.check_fit(again)) == str(bm.check_fit(checked))


@pytest.mark.parametrize("plot", ["tstat", "dist", "pit", "interval"])
def test_arviz_draws_the_groups(checked, plot):
    draw = getattr(az, f"plot_ppc_{plot}")
    options = {"t_stat": "max"} if plot == "tstat" else {}
    pc = draw(checked, var_names=["longest_run"], backend="none", **options)
    if plot == "tstat":
        mark = pc.viz["observed_tstat"]["longest_run"].item()
        assert mark["x"] == 4


BAD = {
    "unknown": ({"statistics": ["runs"]}, "statistic 'runs' is unknown; choose from share_of_st"),
    "no number": ({"statistics": {"odd": lambda z: "a"}}, "'odd' must give one number"),
    "taken name": ({"statistics": {"counts": len}}, "'counts' has the name of a part of the tree"),
    "slash": ({"statistics": {"a/b": len}}, "'a/b' cannot be a variable's name"),
    "seed": ({"seed": -1}, "seed must be an integer"),
    "start": ({"start": "first"}, "start must be"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(tree, options, message):
    with pytest.raises(ValueError, match=message):
        bm.posterior_predictive(tree, DATA, **({"seed": 1} | options))
