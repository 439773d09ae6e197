"""What the pictures of studies show: the numbers, their errors and nothing that is not there."""

import matplotlib

matplotlib.use("Agg")

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from analytic import ESTIMATORS, INTERVALS, flat
from bayes_markov import coverage_study, risk_study
from bayes_markov.study.plot_style import styles
from bayes_markov.study.plots import plot_coverage, plot_risk, plot_widths

A = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
B = [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.45, 0.15, 0.4], [0.1, 0.1, 0.8]]
INTERVALS_DRAWN = [name for name in INTERVALS if name != "bootstrap"]


@cache
def risks():
    return risk_study(A, lengths=[10, 40, 160], replicates=200, seed=1)


@cache
def coverages(kind="matrix"):
    truth = {"matrix": A, "matrices": [A, B], "prior": flat(3)}[kind]
    return coverage_study(
        truth, lengths=[30, 90], intervals=INTERVALS_DRAWN, prob=0.9, replicates=300, seed=2
    )


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def line(ax, name):
    """Points of a line by its name in the legend."""
    (found,) = (one for one in ax.get_lines() if one.get_label() == name)
    return np.array(found.get_xdata(), float), np.array(found.get_ydata(), float)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_risk_is_drawn_where_it_is_whole():
    ax = plot_risk(risks(), loss="kl")
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert legend(ax)[: len(ESTIMATORS)] == list(ESTIMATORS)
    study = risks().sel(loss="kl")
    hollow = 0
    for name in ESTIMATORS:
        one = study.sel(estimator=name)
        partly = (one["infinite"] + one["undefined"] > 0).values
        x, y = line(ax, name)
        assert_array_equal(x, [10, 40, 160])
        assert_allclose(y, np.where(partly, np.nan, one["risk"]))
        hollow += partly.sum()
    assert hollow > 3
    marks = [one for one in ax.get_lines() if one.get_markerfacecolor() == "white"]
    drawn = sum(len(one.get_xdata()) for one in marks)
    assert drawn == hollow
    assert any("hollow" in text for text in legend(ax))


def test_the_theoretical_rate_is_drawn():
    ax = plot_risk(risks(), loss="kl", estimators=["laplace"])
    x, y = line(ax, "count ratio, to first order")
    assert_allclose(y, 3 * 2 / (2 * x))
    assert "hollow" not in " ".join(legend(ax))


def test_the_band_is_two_standard_errors():
    ax = plot_risk(risks(), loss="squared_error", estimators=["laplace"])
    (band,) = (one for one in ax.collections if len(one.get_paths()) and one.get_alpha())
    one = risks().sel(loss="squared_error", estimator="laplace")
    edges = band.get_paths()[0].vertices
    for n, risk, error in zip(
        [10, 40, 160], one["risk"].values, one["risk_se"].values, strict=True
    ):
        at = edges[edges[:, 0] == n, 1]
        assert_allclose([at.min(), at.max()], [risk - 2 * error, risk + 2 * error])


def test_the_log_score_is_drawn_above_the_truth():
    ax = plot_risk(risks(), loss="log_score", estimators=["laplace"])
    _, y = line(ax, "laplace")
    one = risks().sel(loss="log_score")
    assert_allclose(y, one["risk"].sel(estimator="laplace") - one["asymptotic_risk"])
    assert "less that of the truth" in ax.get_ylabel()


def test_several_truths_show_the_worst():
    study = risk_study([A, B], lengths=[20, 50], estimators=["laplace"], replicates=100, seed=3)
    ax = plot_risk(study, loss="kl")
    _, y = line(ax, "laplace")
    assert_allclose(y, study["risk"].sel(loss="kl", estimator="laplace").max("truth"))
    assert ax.get_ylabel().startswith("largest risk")
    plot_risk(study, loss="log_score")


def test_coverage_of_matrices_is_drawn_at_their_probabilities():
    for kind, truths in (("matrix", [A]), ("matrices", [A, B])):
        ax = plot_coverage(coverages(kind), intervals=["wilson"])
        x, y = line(ax, "wilson")
        assert_allclose(x, np.sort(np.array(truths)[:, 1:].ravel()))
        one = coverages(kind).sel(interval="wilson", length=90).isel(state=slice(1, None))
        assert_allclose(np.sort(y), np.sort(one["coverage"].values.ravel()))
    assert list(line(ax, "nominal, 0.9")[1]) == [0.9, 0.9]


def test_coverage_of_a_prior_is_drawn_in_bins():
    ax = plot_coverage(coverages("prior"), length=30, intervals=["wald", "wilson"])
    x, y = line(ax, "wald")
    one = coverages("prior").sel(interval="wald", length=30)
    enough = one["cells_by_p"] >= 100
    assert 5 < enough.sum() < 20
    assert len(x) == enough.sum()
    assert_allclose(y, one["coverage_by_p"].values[enough])
    assert_allclose(x, one["p_bin"].values[enough], rtol=0, atol=0.01)
    assert "length 30" in ax.get_ylabel()


@pytest.mark.parametrize("kind", ["matrix", "matrices", "prior"])
def test_departures_are_labelled_by_their_bins(kind):
    for ax in (
        plot_coverage(coverages(kind), against="departures"),
        plot_widths(coverages(kind)),
    ):
        labels = [label.get_text() for label in ax.get_xticklabels()]
        assert set(labels) <= {"1", "2–3", "4–7", "8–15", "16–31", "32–63", "64–127"}
        assert "16–31" in labels
        assert ax.get_xscale() == "log"


def test_widths_and_their_rate():
    ax = plot_widths(coverages(), intervals=["wilson", "wald"])
    x, y = line(ax, "wilson")
    one = coverages().sel(interval="wilson", length=90)
    enough = ((one["cells_by_departures"] >= 100) & (one["departures_bin"] > 0)).values
    assert_array_equal(x, one["departures_bin"].values[enough])
    assert_allclose(y, one["width_by_departures"].values[enough])
    n, rate = line(ax, "slope of 1/√n")
    assert_allclose(rate * np.sqrt(n), rate[0] * np.sqrt(n[0]))


def test_lines_can_be_told_apart_without_colour():
    """No two lines share their mark, and dashes repeat only with another mark."""
    ax = plot_risk(risks(), loss="total_variation")
    drawn = [one for one in ax.get_lines() if one.get_label() in ESTIMATORS]
    assert len({one.get_marker() for one in drawn}) == len(ESTIMATORS)
    looks = {(to_rgb(one.get_color()), one.get_linestyle(), one.get_marker()) for one in drawn}
    assert len(looks) == len(ESTIMATORS)
    for one in drawn:
        luminance = np.dot(to_rgb(one.get_color()), [0.2126, 0.7152, 0.0722])
        assert luminance < 0.7


def test_a_name_keeps_its_look():
    everyone = dict(styles(risks(), "estimator", risks()["estimator"].values))
    alone = dict(styles(risks(), "estimator", ["shrinkage"]))
    assert alone["shrinkage"] == everyone["shrinkage"]


def test_axes_that_are_given_are_used(tmp_path):
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5), layout="constrained")
    assert plot_risk(risks(), loss="kl", ax=left) is left
    assert plot_widths(coverages(), ax=right) is right
    figure.savefig(tmp_path / "both.png")
    assert (tmp_path / "both.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_risk(risks(), loss="KL"), "no loss 'KL'; choose from squared_error"),
        (lambda: plot_risk(risks(), estimators=["x"]), "no estimator 'x'; choose from mle"),
        (lambda: plot_risk(coverages()), "must be a result of risk_study"),
        (lambda: plot_coverage(risks()), "must be a result of coverage_study"),
        (lambda: plot_coverage(coverages(), length=31), r"no length 31; choose from \[30, 90\]"),
        (lambda: plot_coverage(coverages(), against="n"), 'against must be "p" or "departures"'),
        (lambda: plot_widths(coverages(), intervals=["x"]), "no interval 'x'; choose from wald"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call()
