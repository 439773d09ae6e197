"""Make the pictures of the README: ``uv run python docs/figures.py``."""

from pathlib import Path

import matplotlib as mpl

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


def interval_coverage() -> None:
    """Coverage of five intervals over chains of three states, as the README makes it."""
    chains = analytic.flat(3)
    rules = ["wald", "wilson", "clopper_pearson", "beta_eti", "profile"]
    study = bm.coverage_study(
        chains, lengths=[60], intervals=rules, prob=0.95, replicates=40_000, seed=1
    )
    figure = bm.plot_coverage(study).get_figure(root=True)
    figure.savefig(IMAGES / "interval_coverage.png", dpi=110)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    seattle_forest()
    interval_coverage()
