"""``bayes-markov order``: how many past states the next one depends on."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from bayes_markov.cli.data import Data
from bayes_markov.cli.output import DEFAULT_SEED, Alpha, Output, Replicates, Seed, working
from bayes_markov.cli.parse import parse_alpha


class Start(StrEnum):
    """Whether the first states of the sequences are part of the data."""

    s0 = "s0"
    given = "given"


def order(
    data: Data,
    max_order: Annotated[int, typer.Option(min=1, help="The highest order.")] = 4,
    alpha: Alpha = "1",
    start: Annotated[
        Start,
        typer.Option(help="Score the first states too, or take the longest history as given."),
    ] = Start.s0,
    replicates: Replicates = 0,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Compare the orders: AIC, BIC, evidence, leave-one-out, tests.

    All of them are compared on the same transitions.
    """
    import numpy as np

    from analytic import order_table

    data = replace(data, order=max_order)
    counts = data.counts()
    parameters = parse_alpha(alpha, counts)
    console = Output()
    console.print(data.describe(counts))
    with working("comparing"):
        table = order_table(
            counts.pooled,
            alpha=parameters,
            start=start.value,
            replicates=replicates or None,
            rng=np.random.default_rng(seed) if replicates else None,
        )
    console.print(f"seed {seed}\n" if replicates else "")
    console.print(str(table))
