"""``bayes-markov check``: whether sequences drawn from the fitted model look like the data."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_markov.cli.data import Data
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Alpha,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    working,
)
from bayes_markov.cli.parse import parse_alpha

CHECK_FILES = ("predictive.nc", "checks.png")


def check(
    data: Data,
    alpha: Alpha = "1",
    seed: Seed = DEFAULT_SEED,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Also write {', '.join(CHECK_FILES)} here.", show_default=False
        ),
    ] = None,
) -> None:
    """Check the fitted model by what it predicts.

    Runs, returns, triples and halves of the data are compared with those of drawn sequences.
    """
    from bayes_markov.exact import exact_posterior

    frame = data.frame()
    counts = data.counts(frame)
    sequences = data.sequences(frame)
    parameters = parse_alpha(alpha, counts)
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(data.describe(counts))
    with working("simulating"):
        from bayes_markov.predictive.check import check_fit
        from bayes_markov.predictive.predict import posterior_predictive

        tree = exact_posterior(counts, alpha=parameters, seed=seed)
        tree = posterior_predictive(tree, sequences, seed=seed)
        result = check_fit(tree)
    console.print(f"prior {tree.attrs['prior']}; seed {seed}\n\n{result}")
    if out is not None:
        from bayes_markov.predictive.plots import plot_check
        from bayes_markov.storage import save

        with working("drawing and writing files"), all_or_none(out) as folder:
            save(tree, folder / "predictive.nc")
            figure = plot_check(tree).viz["figure"].item()
            figure.savefig(folder / "checks.png", dpi=120)
        console.print(f"\nwrote {', '.join(CHECK_FILES)} to {out}")
