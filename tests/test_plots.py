import arviz_plots  # noqa: F401  (registers styles before matplotlib is configured)
import matplotlib.pyplot as plt
import numpy as np
import pytest

import analytic
import bayes_markov as bm

STATES = ("fog", "rain", "sun")
TABLE = [[0, 1, 0], [7, 2, 3], [1, 5, 4], [0, 0, 0]]


@pytest.fixture
def tree():
    return bm.exact_posterior(bm.TransitionCounts.from_table(TABLE, STATES), seed=3)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def text_of(pc):
    figure = pc.viz["figure"].item()
    return {t.get_text() for t in figure.findobj(plt.Text)}


def test_forest_marks_the_mle_at_its_place(tree):
    pc = bm.plot_forest(tree, backend="none")
    mark = pc.viz["MLE"]["A"].sel(state="rain", next_state="fog").item()
    assert mark["function"] == "scatter"
    assert mark["x"] == pytest.approx(0.1)


def test_forest_leaves_rows_without_data_out_unless_asked(tree):
    left_out = bm.plot_forest(tree, backend="none").viz["MLE"]["A"]["state"].values.tolist()
    assert left_out == ["<s0>", "fog", "rain"]
    asked = bm.plot_forest(tree, backend="none", rows_without_data=True)
    assert asked.viz["MLE"]["A"]["state"].values.tolist() == ["<s0>", "fog", "rain", "sun"]


def test_forest_shows_labels_legend_and_every_mark(tree):
    pc = bm.plot_forest(tree)
    assert {"rain", "fog", "sun", "MLE", "posterior mean", "95 % interval"} <= text_of(pc)
    low, high = pc.viz["plot"].sel(column="forest").item().get_xlim()
    assert low < 0
    assert high > 1


def test_forest_draws_the_interval_that_was_asked_for(tree):
    pc = bm.plot_forest(tree, prob=0.5, backend="none")
    line = pc.viz["trunk"]["A"].sel(state="rain", next_state="fog").item()
    A = tree.posterior["A"].sel(state="rain", next_state="fog")
    np.testing.assert_allclose(sorted(line["x"]), np.quantile(A, [0.25, 0.75]), rtol=1e-12)


def test_posterior_panels_are_named_and_marked(tree):
    pc = bm.plot_posterior(tree)
    assert {"rain → fog", "fog → sun"} <= text_of(pc)
    pc = bm.plot_posterior(tree, backend="none")
    line = pc.viz["MLE"]["A"].sel(state="rain", next_state="fog").item()
    assert line["x"] == pytest.approx(0.1)


def test_own_estimates_are_marked_by_name(tree):
    table = np.array(TABLE)
    marks = {"MLE": analytic.mle(table), "Laplace": analytic.posterior_mean(table, 1)}
    pc = bm.plot_forest(tree, estimates=marks, backend="none")
    mark = pc.viz["Laplace"]["A"].sel(state="rain", next_state="fog").item()
    assert mark["x"] == pytest.approx(2 / 13)


def test_matrix_shows_mean_and_departures(tree):
    ax = bm.plot_matrix(tree)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "<s0>  (n = 1)",
        "fog  (n = 12)",
        "rain  (n = 10)",
    ]
    np.testing.assert_allclose(
        ax.get_images()[0].get_array(),
        tree.posterior["A"].mean(("chain", "draw")).values[:3],
        rtol=1e-12,
    )


@pytest.mark.parametrize("order", [0, 2])
def test_other_orders_are_drawn(order):
    counts = bm.TransitionCounts.from_sequences([["a", "b", "a", "a"], ["b", "b"]], order=order)
    tree = bm.exact_posterior(counts, seed=1)
    for plot in (bm.plot_forest, bm.plot_posterior, bm.plot_matrix):
        plot(tree)
    if order == 2:
        drawn = bm.plot_forest(tree, backend="none").viz["MLE"]["A"]["state"].values.tolist()
        assert drawn == ["<s0>, <s0>", "<s0>, a", "<s0>, b", "a, b", "b, a"]


def test_many_states_are_not_refused():
    rng = np.random.default_rng(1)
    table = rng.integers(1, 9, size=(14, 13))
    states = [f"s{i}" for i in range(13)]
    tree = bm.exact_posterior(bm.TransitionCounts.from_table(table, states), seed=1, draws=50)
    bm.plot_posterior(tree, backend="none")
    bm.plot_matrix(tree)


def test_bad_arguments_are_named(tree):
    with pytest.raises(ValueError, match="prob must lie"):
        bm.plot_forest(tree, prob=95)
    with pytest.raises(ValueError, match="estimate 'x' has shape"):
        bm.plot_posterior(tree, estimates={"x": [1, 2]})
