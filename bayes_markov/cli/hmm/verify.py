"""``bayes-markov hmm verify``: PyMC against the recursions, on the user's own data."""

import sys

import typer

from bayes_markov.cli.hmm.data import HiddenData, NumberOfStates, Restarts
from bayes_markov.cli.output import DEFAULT_SEED, Output, Seed, working


def verify(
    data: HiddenData,
    n_states: NumberOfStates,
    restarts: Restarts = 20,
    seed: Seed = DEFAULT_SEED,
) -> None:
    """Check PyMC against the recursions on your data.

    The exit code is 1 if a check fails.
    """
    from bayes_markov.hmm.emissions import as_emission
    from bayes_markov.hmm.selection import check_numbers

    observed = data.read()
    as_emission(data.emission.value, observed)
    check_numbers([n_states], observed)
    console = Output()
    console.print(f"{data.describe(observed)}; {n_states} states")
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.hmm.models import hmm_model
        from bayes_markov.verification import verify as run

        model = hmm_model(
            observed, n_states=n_states, emission=data.emission.value, restarts=restarts, seed=seed
        )
        result = run(model, seed=seed, progress=sys.stderr.isatty())
    console.print(f"seed {seed}\n")
    console.print(str(result))
    if not result.passed:
        raise typer.Exit(1)
