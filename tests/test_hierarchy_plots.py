"""The shrinkage plot draws the numbers that it says."""

import arviz_plots  # noqa: F401  (registers styles before matplotlib is configured)
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayes_markov as bm
from populations import simulated_units, tree_from_prior

UNITS = simulated_units(5, sequences=2, length=4)


@pytest.fixture(scope="module")
def tree():
    return tree_from_prior(bm.partial_pooling_model(UNITS))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def points(ax, label):
    """Positions of what has a label in a panel."""
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xydata()


def segments(ax):
    """Ends of all vertical lines, one array (units, 2, 2) for each set."""
    return [
        np.array([path.vertices for path in found.get_paths()])
        for found in ax.collections
        if len(found.get_paths()) == 5
    ]


def test_every_mark_is_in_its_place(tree):
    axes = bm.plot_shrinkage(tree, state="b", prob=0.8)
    assert len(axes) == 3
    row = UNITS.tables[:, 2]
    departures = row.sum(axis=-1)
    A = tree["posterior"]["A"].sel(state="b")
    mean = A.mean(("chain", "draw"))
    population = tree["posterior"]["mean"].sel(state="b")
    for j, ax in enumerate(axes):
        assert ax.get_title() == f"to {'abc'[j]}"
        dots, circles = points(ax, "posterior mean"), points(ax, "count ratio")
        assert_allclose(dots[:, 1], mean.isel(next_state=j), rtol=1e-12)
        with np.errstate(invalid="ignore"):
            assert_allclose(circles[:, 1], row[:, j] / departures, rtol=1e-12)
        assert np.abs(dots[:, 0] - departures).max() < 0.5  # nearest to their own number
        assert len(np.unique(dots[:, 0])) == 5  # none hides another
        assert_allclose(circles[:, 0], dots[:, 0], rtol=1e-12)
        (line,) = [line for line in ax.lines if line.get_label() == "population mean"]
        expected = population.isel(next_state=j).mean()
        assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        joins, intervals = segments(ax)
        low, high = np.quantile(A.isel(next_state=j), [0.1, 0.9], axis=(0, 1))
        assert_allclose(intervals[:, :, 1], np.stack([low, high], axis=1), rtol=1e-12)
        assert_allclose(joins[:, 1, 1], dots[:, 1], rtol=1e-12)
        (band,) = [patch for patch in ax.patches if patch.get_alpha() == 0.25]
        ends = np.quantile(population.isel(next_state=j), [0.1, 0.9])
        assert_allclose([band.get_y(), band.get_y() + band.get_height()], ends, rtol=1e-12)


def test_row_with_most_departures_by_default(tree):
    most = ("<s0>", *"abc")[int(UNITS.pooled.sum(axis=-1).argmax())]
    default, named = bm.plot_shrinkage(tree), bm.plot_shrinkage(tree, state=most)
    for one, other in zip(default, named, strict=True):
        assert_allclose(points(one, "posterior mean"), points(other, "posterior mean"))
    other = bm.plot_shrinkage(tree, state="<s0>")[0]
    assert not np.allclose(points(other, "posterior mean"), points(default[0], "posterior mean"))
    assert most in default[0].get_xlabel()


def test_order_zero_has_no_row():
    counts = bm.TransitionCounts([[3, 0], [1, 1], [0, 0]], ("a", "b"), 0, ("x", "y", "z"))
    tree = tree_from_prior(bm.partial_pooling_model(counts))
    axes = bm.plot_shrinkage(tree)
    assert len(axes) == 2
    mean = tree["posterior"]["A"].mean(("chain", "draw"))
    assert_allclose(points(axes[0], "posterior mean")[:, 1], mean.isel(next_state=0))
    assert np.isnan(points(axes[0], "count ratio")[2, 1])
    with pytest.raises(ValueError, match="state is 'a', but the counts are of order 0"):
        bm.plot_shrinkage(tree, state="a")


def test_wrong_trees_and_options_are_refused(tree):
    with pytest.raises(ValueError, match="tree has no mean of units"):
        bm.plot_shrinkage(bm.exact_posterior(UNITS, seed=1, draws=10, pool="none"))
    with pytest.raises(ValueError, match="state is 'z'; the rows are '<s0>', 'a'"):
        bm.plot_shrinkage(tree, state="z")
    with pytest.raises(ValueError, match="prob must lie"):
        bm.plot_shrinkage(tree, prob=95)
