"""``bayes-markov hmm decode``: the states behind the observations, as CSV."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_markov.cli.hmm.data import HiddenData, NumberOfStates, Restarts, Sample
from bayes_markov.cli.hmm.posterior import posterior, states_of
from bayes_markov.cli.output import DEFAULT_SEED, Output, Seed, working


def decode(
    data: HiddenData,
    n_states: NumberOfStates,
    restarts: Restarts = 20,
    sample: Sample = False,
    seed: Seed = DEFAULT_SEED,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV file to write; by default print it."),
    ] = None,
) -> None:
    """Give the states at each time, likeliest and by Viterbi, as CSV.

    The probability of each state stands beside them. The parameters are those of maximum
    likelihood; with --sample, averaged over the posterior.
    """
    import numpy as np

    from bayes_markov.hmm.selection import compare_hidden
    from bayes_markov.storage import replacing

    observed = data.read()
    if out is not None:
        check_target(out, data.file)
    with working("running Baum-Welch"):
        table = compare_hidden(
            observed,
            n_states=[n_states],
            emission=data.emission.value,
            restarts=restarts,
            rng=np.random.default_rng(seed),
        )
    tree = None
    if sample:
        tree, said = posterior(observed, table.fits[0], seed)
        typer.echo(said, err=True)
    states = states_of(observed, table.fits[0], tree)
    if out is None:
        typer.echo(states.write_csv(), nl=False)
        return
    with replacing(out) as temporary:
        states.write_csv(temporary)
    Output().print(f"wrote {states.height:,} rows to {out}")


def check_target(out: Path, file: Path) -> None:
    """Refuse a file that cannot be written, or that holds the observations."""
    if not out.parent.is_dir():
        raise FileNotFoundError(f"the folder {out.parent} does not exist; create it first")
    if out.is_dir():
        raise IsADirectoryError(f"--out {out} is a folder; name a file in it")
    if out.exists() and out.samefile(file):
        raise ValueError(f"--out {out} is the file of the observations; name another")
