"""Predictive p-values: by hand, and on chains of which it is known whether the model holds."""

import arviz_plots  # noqa: F401  (registers styles before matplotlib is configured)
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts

FIRST_ORDER = np.array([[0.5, 0.2, 0.3], [0.7, 0.2, 0.1], [0.25, 0.35, 0.4], [0.1, 0.3, 0.6]])
"""A chain that is what the model says."""


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def tree_of(values, observed, states=("a", "b")):
    """Tree with one statistic of known values, (chain, draw) or (chain, draw, in_state)."""
    values, observed = np.asarray(values, dtype=float), np.asarray(observed, dtype=float)
    dims = ("chain", "draw", "in_state")[: values.ndim]
    coords = {"in_state": list(states)} if values.ndim == 3 else {}
    predicted = xr.Dataset({"T": (dims, values)}, coords=coords)
    predicted.attrs["start"] = "s0"
    data = xr.Dataset({"T": (dims[2:], observed)}, coords=coords)
    return xr.DataTree.from_dict({"/posterior_predictive": predicted, "/observed_data": data})


def test_p_counts_ties_half():
    values = [[1, 2, 2, 3, 5], [2, 0, 7, 8, 1]]
    (line,) = bm.check_fit(tree_of(values, 2)).statistics
    assert line.p == (4 + 3 / 2) / 10
    assert line.observed == 2
    assert line.mean == np.mean(values)
    assert line.sd == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert (line.statistic, line.state, line.undefined, line.outside) == ("T", None, 0, False)


def test_values_that_differ_by_rounding_tie():
    third = 0.1 + 0.2  # not 0.3
    (line,) = bm.check_fit(tree_of([[third, third, 0.5, 0.1]], 0.3)).statistics
    assert line.p == 0.5


def test_undefined_values_are_counted_and_left_out():
    values = [[[1, np.nan], [np.nan, np.nan], [3, np.nan], [5, np.nan]]]
    first, second = bm.check_fit(tree_of(values, [4, 1])).statistics
    assert (first.p, first.mean, first.undefined, first.state) == (1 / 3, 3, 1, "a")
    assert np.isnan(second.p)
    assert second.undefined == 4
    assert not second.outside
    (unknown,) = bm.check_fit(tree_of([[1, 2, 3, 4]], np.nan)).statistics
    assert np.isnan(unknown.p)
    assert unknown.mean == 2.5
    text = str(bm.check_fit(tree_of(values, [4, 1])))
    assert "undefined in some replicates" in text
    assert "T: a: 1" in text
    assert "0 of 1 outside" in text


def test_level_is_that_of_both_tails():
    values = np.arange(100.0)[None]
    assert bm.check_fit(tree_of(values, 96.5)).statistics[0].p == 0.03
    assert not bm.check_fit(tree_of(values, 96.5)).outside
    for observed in (96.5, 2.5):
        (line,) = bm.check_fit(tree_of(values, observed), level=0.061).outside
        assert line.outside


def test_monte_carlo_error_is_the_spread_over_repeated_simulations():
    data = [list("aabbbabaabbb"), list("baab")]
    tree = bm.exact_posterior(TransitionCounts.from_sequences(data), seed=1, draws=50)
    names = ["longest_run", "limited_horizon"]
    runs = [
        bm.check_fit(bm.posterior_predictive(tree, data, seed=seed, statistics=names)).statistics
        for seed in range(60)
    ]
    p = np.array([[line.p for line in run] for run in runs])
    error = np.array([[line.mcse for line in run] for run in runs])
    # Ties make the spread smaller than the error says; the draws of A are the same throughout.
    ratio = error.mean(axis=0) / p.std(axis=0, ddof=1)
    assert ((ratio > 0.8) & (ratio < 1.8)).all()


def test_error_is_not_zero_where_no_replicate_lies_beyond():
    (line,) = bm.check_fit(tree_of(np.arange(1000.0)[None], 2000)).statistics
    assert line.p == 0
    assert 0.0005 < line.mcse < 0.002
    assert line.outside


def test_draws_that_depend_on_each_other_count_less():
    values = np.repeat(np.random.default_rng(1).normal(size=(4, 50)), 20, axis=1)
    (slow,) = bm.check_fit(tree_of(values, 0.3)).statistics
    (fast,) = bm.check_fit(tree_of(np.random.default_rng(1).permuted(values), 0.3)).statistics
    assert slow.p == pytest.approx(fast.p)
    assert slow.mcse > 3 * fast.mcse


def drifting(length, rng):
    """A chain whose matrix turns from one into another."""
    other = FIRST_ORDER[:, [1, 2, 0]]
    path, state = [], 0
    for t in range(length):
        weight = t / length
        row = (1 - weight) * FIRST_ORDER[state] + weight * other[state]
        path.append(int(rng.choice(3, p=row)))
        state = path[-1] + 1
    return path


def remembering(length, rng):
    """A chain of order two: with the state before the last, it leans the other way."""
    path = [0, 1]
    while len(path) < length:
        row = 0.5 * FIRST_ORDER[path[-1] + 1] + 0.5 * FIRST_ORDER[(path[-2] + 1) % 3 + 1]
        path.append(int(rng.choice(3, p=row)))
    return path


def plain(length, rng):
    """A chain of order one."""
    return analytic.simulate(FIRST_ORDER, length, rng=rng).tolist()


ASSUMPTIONS = ["limited_horizon", "stationarity"]


def p_values(path, seed, order=1, draws=250):
    """p-values of the statistics that are about the assumptions."""
    counts = TransitionCounts.from_sequences(path, states=range(3), order=order)
    tree = bm.exact_posterior(counts, seed=seed, draws=draws)
    found = bm.posterior_predictive(tree, path, seed=seed, statistics=ASSUMPTIONS)
    return {line.statistic: line.p for line in bm.check_fit(found).statistics}


@pytest.mark.parametrize("seed", range(3))
def test_violation_of_each_assumption_is_caught_by_its_statistic(seed):
    rng = np.random.default_rng(seed)
    assert p_values(remembering(800, rng), seed)["limited_horizon"] < 0.005
    assert p_values(drifting(800, rng), seed)["stationarity"] < 0.005
    held = p_values(plain(800, rng), seed)
    assert all(0.025 < p < 0.975 for p in held.values())


def test_second_order_chain_is_not_caught_by_the_wrong_statistic_nor_by_its_own_order():
    path = remembering(800, np.random.default_rng(1))
    assert p_values(path, 1)["stationarity"] > 0.025
    assert p_values(path, 1, order=2)["limited_horizon"] > 0.025


def test_drift_within_many_short_sequences_is_caught():
    rng = np.random.default_rng(4)
    data = [drifting(16, rng) for _ in range(60)]
    assert p_values(data, 1)["stationarity"] < 0.005


@pytest.mark.slow
def test_p_values_are_not_extreme_where_the_model_holds():
    """Truth from the prior, data from the truth: P(p <= a) is at most 2a (Meng 1994)."""
    rng = np.random.default_rng(12)
    found = []
    for seed in range(120):
        truth = analytic.flat(3).sample(rng)
        path = analytic.simulate(truth, 200, rng=rng).tolist()
        found.append(list(p_values(path, seed, draws=100).values()))
    p = np.array(found)
    assert np.isfinite(p).all()
    for tail in (p, 1 - p):
        for level in (0.025, 0.1, 0.25):
            bound = 2 * level
            error = np.sqrt(bound * (1 - bound) / len(p))
            assert ((tail <= level).mean(axis=0) < bound + 3 * error).all()
    assert (np.abs(p.mean(axis=0) - 0.5) < 5 * 0.29 / np.sqrt(len(p))).all()


def test_table_is_80_columns_wide_and_says_what_it_means():
    data = [["a state with a long name", "other", "other"] * 40, ["other"] * 2000]
    counts = TransitionCounts.from_sequences(data, units=["u", "v"])
    tree = bm.exact_posterior(counts, seed=1, draws=25)
    result = bm.check_fit(bm.posterior_predictive(tree, data, seed=1))
    lines = str(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert lines[0] == "posterior predictive check: 100 replicates, first states drawn from s_0"
    assert lines[1].endswith("* outside the central 0.95")
    row = [line.split() for line in lines if line.startswith("longest run of any")]
    assert row[0][4:7] == [
        "2000",
        *(f"{x:.4g}" for x in (result.statistics[8].mean, result.statistics[8].sd)),
    ]
    assert len(result.outside) == str(result).count(" *\n")
    assert lines[-1] == f"{len(result.outside)} of {len(result.statistics)} outside"


BAD = {
    "no group": ({"group": "prior_predictive"}, "tree has no group prior_predictive; make it"),
    "group": ({"group": "posterior"}, "group must be"),
    "level": ({"level": 5}, "level must lie strictly between 0 and 1, got 5"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bm.check_fit(tree_of([[1, 2]], 1), **options)


def test_picture_has_a_panel_for_each_statistic_and_marks_the_data():
    data = [["a/b", "b", "b", "a/b", "b"], ["b", "b"]]
    tree = bm.exact_posterior(TransitionCounts.from_sequences(data), seed=1, draws=100)
    checked = bm.posterior_predictive(tree, data, seed=1)
    pc = bm.plot_check(checked)
    shown = {text.get_text() for text in pc.viz["figure"].item().findobj(plt.Text)}
    result = bm.check_fit(checked)
    titles = {
        f"{x.label}\np = {x.p:.3f}" + "  *" * x.outside
        for x in result.statistics
        if np.isfinite(x.p)
    }
    assert titles <= shown
    assert "longest run: a/b" in {title.split("\n")[0] for title in titles}

    drawn = bm.plot_check(checked, statistics=["longest_run"], backend="none").viz
    marks = [drawn["observed_tstat"][f"panel {i}"].item()["x"] for i in (0, 1)]
    assert marks == [1, 2]


def test_bars_of_whole_numbers_stand_for_as_many_of_them():
    values = np.random.default_rng(1).integers(0, 70, size=(2, 500))
    values[0, :4] = [0, 69, 5, 5]
    pc = bm.plot_check(tree_of(values, 3), backend="none")
    edges = pc.viz["dist"]["panel 0"].item()["x"]
    assert edges[0] == -0.5
    assert set(np.diff(edges)) == {3}
    few = bm.plot_check(tree_of(values % 4, 3), backend="none").viz["dist"]["panel 0"].item()
    assert few["x"].tolist()[:4] == [-0.5, 0.5, 1.5, 2.5]
    np.testing.assert_allclose(few["y"][:4], np.bincount((values % 4).ravel()) / 1000, rtol=1e-12)


def test_picture_leaves_out_what_is_undefined():
    values = np.array([[[1.0, np.nan]] * 10 + [[2.0, np.nan]] * 10])
    pc = bm.plot_check(tree_of(values, [1, 1]), backend="none")
    assert set(pc.viz["observed_tstat"].data_vars) == {"panel 0"}
    with pytest.raises(ValueError, match="no statistic to draw"):
        bm.plot_check(tree_of(values[..., 1], 1), backend="none")
    with pytest.raises(ValueError, match="statistic 'S' is not in the tree, which has T"):
        bm.plot_check(tree_of(values, [1, 1]), statistics=["S"], backend="none")
