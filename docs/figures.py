"""Make the pictures of the README and the documentation: ``uv run python docs/figures.py``."""

from pathlib import Path

import matplotlib as mpl
import polars as pl

mpl.use("agg")

import analytic
import bayes_markov as bm
from bayes_markov.files import read

IMAGES = Path(__file__).parent / "images"


def seattle_forest() -> None:
    """Posterior of Seattle's weather, the count ratio laid over it."""
    frame = read(bm.example_file("seattle_weather.csv"), columns=["date", "weather"])
    counts = bm.count_transitions(frame, state="weather", time="date")
    pc = bm.plot_forest(bm.exact_posterior(counts, seed=1))
    pc.savefig(IMAGES / "seattle_forest.png", dpi=110)


def seattle_matrix() -> None:
    """Posterior mean of Seattle's transition matrix."""
    seattle = bm.example_file("seattle_weather.csv")
    counts = bm.count_files(seattle, state="weather", time="date")
    figure = bm.plot_matrix(bm.exact_posterior(counts, seed=1)).get_figure(root=True)
    figure.savefig(IMAGES / "seattle_matrix.png", dpi=110)


def seattle_checks() -> None:
    """Predictions of a chain of order 1 for Seattle's weather."""
    frame = read(bm.example_file("seattle_weather.csv"), columns=["date", "weather"])
    days = bm.label_sequences(frame, state="weather", time="date")
    tree = bm.exact_posterior(bm.TransitionCounts.from_sequences(days), seed=1)
    shown = ["longest_run_of_any", "unseen_transitions", "limited_horizon", "stationarity"]
    pc = bm.plot_check(bm.posterior_predictive(tree, days, seed=1, statistics=shown))
    pc.savefig(IMAGES / "seattle_checks.png", dpi=110)


def interval_coverage() -> None:
    """Coverage of five intervals over chains of three states, as the README makes it."""
    chains = analytic.flat(3)
    rules = ["wald", "wilson", "clopper_pearson", "beta_eti", "profile"]
    study = bm.coverage_study(
        chains, lengths=[60], intervals=rules, prob=0.95, replicates=40_000, seed=1
    )
    figure = bm.plot_coverage(study).get_figure(root=True)
    figure.savefig(IMAGES / "interval_coverage.png", dpi=110)


def month_shrinkage() -> None:
    """Partial pooling of the months of Seattle's weather, out of rain."""
    frame = read(bm.example_file("seattle_weather.csv"), columns=["date", "weather"])
    months = frame.with_columns(month=pl.col("date").cast(pl.String).str.slice(0, 7))
    counts = bm.count_transitions(months, state="weather", time="date", unit="month")
    tree = bm.sample(bm.partial_pooling_model(counts), seed=1)
    figure = bm.plot_shrinkage(tree, state="rain")[0].get_figure(root=True)
    figure.savefig(IMAGES / "month_shrinkage.png", dpi=90)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    seattle_forest()
    seattle_matrix()
    seattle_checks()
    interval_coverage()
    month_shrinkage()
