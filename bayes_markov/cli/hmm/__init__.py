"""``bayes-markov hmm``: hidden chains behind observations in a file, a module for each command."""

import typer

from bayes_markov.cli.hmm.data import takes_observations
from bayes_markov.cli.hmm.decode import decode
from bayes_markov.cli.hmm.fit import fit
from bayes_markov.cli.hmm.verify import verify

app = typer.Typer(
    help="Hidden chains: estimate, decode the states, verify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(takes_observations(fit))
app.command()(takes_observations(decode))
app.command()(takes_observations(verify))
