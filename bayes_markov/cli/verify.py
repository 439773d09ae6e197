"""``bayes-markov verify``: PyMC against the closed forms, on the user's own data."""

import sys

import typer

from bayes_markov.cli.data import Data
from bayes_markov.cli.output import DEFAULT_SEED, Alpha, Output, Seed, working
from bayes_markov.cli.parse import parse_alpha


def verify(data: Data, alpha: Alpha = "1", seed: Seed = DEFAULT_SEED) -> None:
    """Check PyMC against the closed forms on your data.

    The exit code is 1 if a check fails.
    """
    counts = data.counts()
    parameters = parse_alpha(alpha, counts)
    console = Output()
    console.print(data.describe(counts))
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.verification import verify as run

        result = run(counts, alpha=parameters, seed=seed, progress=sys.stderr.isatty())
    console.print(f"seed {seed}\n")
    console.print(str(result))
    if not result.passed:
        raise typer.Exit(1)
