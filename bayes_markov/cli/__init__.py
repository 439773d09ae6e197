"""The command line, a module for each command. Everything heavy is imported when it is needed."""

from typing import Annotated

import typer

from bayes_markov._version import __version__
from bayes_markov.cli.check import check
from bayes_markov.cli.compare import compare
from bayes_markov.cli.data import takes_data
from bayes_markov.cli.fit import fit
from bayes_markov.cli.hmm import app as hmm
from bayes_markov.cli.hypotheses import test
from bayes_markov.cli.order import order
from bayes_markov.cli.verify import verify

app = typer.Typer(
    name="bayes-markov",
    help="Estimate Markov chains: closed forms, exact posteriors and PyMC, checked together.",
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes cut the names of options off in a narrow terminal
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def main_options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Estimate Markov chains: closed forms, exact posteriors and PyMC, checked together."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(takes_data(fit))
app.command()(takes_data(verify))
app.command()(takes_data(order, without=("order",)))
app.command()(takes_data(test, without=("order",), rows=True))
app.command()(takes_data(check, rows=True))
app.command()(takes_data(compare, optional=True))
app.add_typer(hmm, name="hmm")
