"""``bayes-markov hmm fit``: numbers of hidden states compared, and the chosen chain estimated."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.hmm.data import HiddenData, Restarts, Sample
from bayes_markov.cli.hmm.posterior import posterior, states_of
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    save_picture,
    working,
)
from bayes_markov.cli.parse import parse_integers

if TYPE_CHECKING:
    import xarray as xr

    from bayes_markov.hmm.observations import Observations
    from bayes_markov.hmm.selection import HiddenFit

RESULT_FILES = ("estimates.csv", "states.csv")
SAMPLED_FILES = ("posterior.nc", "emissions.png", "states.png")


class Criterion(StrEnum):
    """What chooses the number of states."""

    bic = "bic"
    aic = "aic"


def fit(
    data: HiddenData,
    n_states: Annotated[
        str, typer.Option(metavar="K,K,...", help="Numbers of hidden states to compare.")
    ] = "2,3,4",
    by: Annotated[Criterion, typer.Option(help="What chooses among them.")] = Criterion.bic,
    restarts: Restarts = 20,
    sample: Sample = False,
    prob: Annotated[
        float, typer.Option(help="Content of the equal-tailed intervals, in (0, 1).")
    ] = 0.95,
    seed: Seed = DEFAULT_SEED,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Also write {', '.join(RESULT_FILES)} here; with --sample, "
            f"{', '.join(SAMPLED_FILES)} too.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare numbers of hidden states, and estimate the chosen chain."""
    import numpy as np

    from analytic.validate import check_prob
    from bayes_markov.hmm.emissions import as_emission
    from bayes_markov.hmm.selection import check_numbers, compare_hidden
    from bayes_markov.hmm.table import as_rich, hidden_estimates

    check_prob(prob)
    numbers = parse_integers("--n-states", n_states)
    observed = data.read()
    as_emission(data.emission.value, observed)  # these two refuse before a folder is made
    check_numbers(numbers, observed)
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(data.describe(observed))
    with working("running Baum-Welch"):
        table = compare_hidden(
            observed,
            n_states=numbers,
            emission=data.emission.value,
            restarts=restarts,
            rng=np.random.default_rng(seed),
        )
    chosen = table.best(by.value)
    console.print(
        f"seed {seed}\n\n{table}\n\nchosen by {by.name.upper()}: {chosen.n_states} states"
    )
    tree = None
    if sample:
        tree, said = posterior(observed, chosen, seed)
        console.print(f"{tree.attrs['prior']}; {tree.attrs['sampler']}; intervals {100 * prob:g} %")
        console.print(said)
    lines = hidden_estimates(chosen, tree, prob=prob)
    console.print("")
    console.print(as_rich(lines, prob=prob), soft_wrap=False)
    if out is not None:
        with working("writing files"):
            written = write_results(out, observed, chosen, tree, lines)
        console.print(f"\nwrote {', '.join(written)} to {out}")


def write_results(
    out: Path, data: "Observations", chosen: "HiddenFit", tree: "xr.DataTree | None", lines: Any
) -> list[str]:
    """Write the files of a fit."""
    from bayes_markov.hmm.table import as_csv

    with all_or_none(out) as folder:
        (folder / "estimates.csv").write_text(as_csv(lines), encoding="utf-8")
        states_of(data, chosen, tree).write_csv(folder / "states.csv")
        if tree is not None:
            from bayes_markov.hmm.decoding import add_state_probabilities, add_viterbi
            from bayes_markov.hmm.plots import plot_emissions, plot_states
            from bayes_markov.storage import save
            from bayes_markov.tree import variable

            full = add_viterbi(add_state_probabilities(tree))
            save(full, folder / "posterior.nc")
            save_picture(plot_emissions(full), folder / "emissions.png")
            first = variable(full, "log_likelihood", "sequence").values.tolist()[0]
            plot_states(full, sequence=first).savefig(folder / "states.png", dpi=150)
    return [*RESULT_FILES, *(SAMPLED_FILES if tree is not None else ())]
