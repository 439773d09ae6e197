"""``bayes-markov hmm``: hidden chains behind observations in a file."""

import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.data import ONE_FILE, parse_integers, read_rows
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    save_picture,
    working,
)

if TYPE_CHECKING:
    import xarray as xr

    from bayes_markov.hmm.observations import Observations
    from bayes_markov.hmm.selection import HiddenFit

RESULT_FILES = ("estimates.csv", "states.csv")
SAMPLED_FILES = ("posterior.nc", "emissions.png", "states.png")

app = typer.Typer(
    help="Hidden chains: estimate, decode the states, verify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Kind(StrEnum):
    """What a state emits."""

    poisson = "poisson"
    gaussian = "gaussian"
    categorical = "categorical"


class Criterion(StrEnum):
    """What chooses the number of states."""

    bic = "bic"
    aic = "aic"


File = Annotated[Path, typer.Argument(metavar="FILE", help=ONE_FILE, show_default=False)]
Column = Annotated[
    str, typer.Option(metavar="COL", help="Column of the observations.", show_default=False)
]
Emission = Annotated[
    Kind,
    typer.Option(help="What a state emits: counts, real numbers or labels.", show_default=False),
]
Sequence = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column that tells sequences apart.", show_default=False),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COL",
        help="Column of the times, which order the rows; by default the order in the file.",
        show_default=False,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Column of the units (people, sites).", show_default=False),
]
Restarts = Annotated[int, typer.Option(min=1, help="Random starts for each number of states.")]
Sample = Annotated[
    bool, typer.Option("--sample", help="Sample the posterior too, by NUTS (about a minute).")
]


@app.command()
def fit(
    file: File,
    observation: Column,
    emission: Emission,
    n_states: Annotated[
        str, typer.Option(metavar="K,K,...", help="Numbers of hidden states to compare.")
    ] = "2,3,4",
    sequence: Sequence = None,
    time: Time = None,
    unit: Unit = None,
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
    data = read(file, observation, emission, sequence, time, unit)
    as_emission(emission.value, data)  # these two refuse before a folder is made
    check_numbers(numbers, data)
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(describe(file, data, emission))
    with working("running Baum-Welch"):
        table = compare_hidden(
            data,
            n_states=numbers,
            emission=emission.value,
            restarts=restarts,
            rng=np.random.default_rng(seed),
        )
    chosen = table.best(by.value)
    console.print(
        f"seed {seed}\n\n{table}\n\nchosen by {by.name.upper()}: {chosen.n_states} states"
    )
    tree = None
    if sample:
        tree, said = posterior(data, chosen, seed)
        console.print(f"{tree.attrs['prior']}; {tree.attrs['sampler']}; intervals {100 * prob:g} %")
        console.print(said)
    lines = hidden_estimates(chosen, tree, prob=prob)
    console.print("")
    console.print(as_rich(lines, prob=prob), soft_wrap=False)
    if out is not None:
        with working("writing files"):
            written = write_results(out, data, chosen, tree, lines)
        console.print(f"\nwrote {', '.join(written)} to {out}")


@app.command()
def decode(
    file: File,
    observation: Column,
    emission: Emission,
    n_states: Annotated[
        int, typer.Option(min=1, metavar="K", help="Number of hidden states.", show_default=False)
    ],
    sequence: Sequence = None,
    time: Time = None,
    unit: Unit = None,
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

    data = read(file, observation, emission, sequence, time, unit)
    if out is not None:
        check_target(out, file)
    with working("running Baum-Welch"):
        table = compare_hidden(
            data,
            n_states=[n_states],
            emission=emission.value,
            restarts=restarts,
            rng=np.random.default_rng(seed),
        )
    tree = None
    if sample:
        tree, said = posterior(data, table.fits[0], seed)
        typer.echo(said, err=True)
    states = states_of(data, table.fits[0], tree)
    if out is None:
        typer.echo(states.write_csv(), nl=False)
        return
    with replacing(out) as temporary:
        states.write_csv(temporary)
    Output().print(f"wrote {states.height:,} rows to {out}")


@app.command()
def verify(
    file: File,
    observation: Column,
    emission: Emission,
    n_states: Annotated[
        int, typer.Option(min=1, metavar="K", help="Number of hidden states.", show_default=False)
    ],
    sequence: Sequence = None,
    time: Time = None,
    unit: Unit = None,
    restarts: Restarts = 20,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Check PyMC against the recursions on your data.

    The exit code is 1 if a check fails.
    """
    from bayes_markov.hmm.emissions import as_emission
    from bayes_markov.hmm.selection import check_numbers

    data = read(file, observation, emission, sequence, time, unit)
    as_emission(emission.value, data)
    check_numbers([n_states], data)
    console = Output()
    console.print(f"{describe(file, data, emission)}; {n_states} states")
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.hmm.models import hmm_model
        from bayes_markov.verification import verify as run

        model = hmm_model(
            data, n_states=n_states, emission=emission.value, restarts=restarts, seed=seed
        )
        result = run(model, seed=seed, progress=sys.stderr.isatty())
    console.print(f"seed {seed}\n")
    console.print(str(result))
    if not result.passed:
        raise typer.Exit(1)


def describe(file: Path, data: "Observations", emission: Kind) -> str:
    """Say what was read."""
    return f"{file.name}: {repr(data).removeprefix('Observations: ')}; {emission.value}"


def read(
    file: Path,
    observation: str,
    emission: Kind,
    sequence: str | None,
    time: str | None,
    unit: str | None,
) -> "Observations":
    """Read the observations."""
    from bayes_markov.hmm.frames import observe

    named = [name for name in (observation, sequence, time, unit) if name is not None]
    return observe(
        read_rows(file, named),
        observation=observation,
        labels=emission is Kind.categorical,
        sequence=sequence,
        time=time,
        unit=unit,
    )


def posterior(data: "Observations", chosen: "HiddenFit", seed: int) -> tuple["xr.DataTree", str]:
    """Sample the posterior, and say how the chains went."""
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.diagnostics import ConvergenceWarning
        from bayes_markov.hmm.fit import sample_hmm
        from bayes_markov.hmm.models import hmm_model

        model = hmm_model(
            data, n_states=chosen.n_states, emission=chosen.emission, start=chosen.found
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            tree = sample_hmm(model, seed=seed, progress=sys.stderr.isatty())
    problems = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    said = (
        "; ".join(problems) if problems else f"the chains agree: R-hat {tree.attrs['rhat_max']:.3f}"
    )
    return tree, said


def states_of(data: "Observations", chosen: "HiddenFit", tree: "xr.DataTree | None") -> Any:
    """Decode, at the maximum of the likelihood or over the posterior."""
    from bayes_markov.hmm.decoding import (
        add_state_probabilities,
        add_viterbi,
        decode_at,
        state_table,
    )

    if tree is None:
        return decode_at(chosen, data)
    return state_table(add_viterbi(add_state_probabilities(tree)))


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


def check_target(out: Path, file: Path) -> None:
    """Refuse a file that cannot be written, or that holds the observations."""
    if not out.parent.is_dir():
        raise FileNotFoundError(f"the folder {out.parent} does not exist; create it first")
    if out.is_dir():
        raise IsADirectoryError(f"--out {out} is a folder; name a file in it")
    if out.exists() and out.samefile(file):
        raise ValueError(f"--out {out} is the file of the observations; name another")
