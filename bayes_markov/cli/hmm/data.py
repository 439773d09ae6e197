"""The options that say where the observations are, the same for every command."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_markov.cli.data import OneFile, Sequence, Time, Unit, read_rows
from bayes_markov.cli.options import with_options
from bayes_markov.cli.parse import parse_step

if TYPE_CHECKING:
    from bayes_markov.hmm.observations import Observations


class Kind(StrEnum):
    """What a state emits."""

    poisson = "poisson"
    gaussian = "gaussian"
    categorical = "categorical"


@dataclass(frozen=True)
class HiddenData:
    """A file, its columns and what a state emits; each field is an argument or an option."""

    file: OneFile
    observation: Annotated[
        str, typer.Option(metavar="COL", help="Column of the observations.", show_default=False)
    ]
    emission: Annotated[
        Kind,
        typer.Option(
            help="What a state emits: counts, real numbers or labels.", show_default=False
        ),
    ]
    sequence: Sequence = None
    time: Time = None
    step: Annotated[
        str | None,
        typer.Option(
            metavar="STEP",
            help="Regular distance of consecutive times: a number, or for dates such as 1d, 12h, "
            "30min. Times between rows further apart are unobserved, not left out.",
            show_default=False,
        ),
    ] = None
    unit: Unit = None

    def read(self) -> "Observations":
        """Read the observations."""
        from bayes_markov.hmm.frames import observe

        columns = (self.observation, self.sequence, self.time, self.unit)
        return observe(
            read_rows(self.file, [column for column in columns if column is not None]),
            observation=self.observation,
            labels=self.emission is Kind.categorical,
            sequence=self.sequence,
            time=self.time,
            step=None if self.step is None else parse_step(self.step),
            unit=self.unit,
        )

    def describe(self, observed: "Observations") -> str:
        """Say what was read."""
        found = repr(observed).removeprefix("Observations: ")
        return f"{self.file.name}: {found}; {self.emission.value}"


def takes_observations(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `HiddenData` in place of its parameter `data`."""
    options = inspect.signature(HiddenData).parameters
    return with_options(command, options, lambda given: HiddenData(**given))


NumberOfStates = Annotated[
    int, typer.Option(min=1, metavar="K", help="Number of hidden states.", show_default=False)
]
Restarts = Annotated[int, typer.Option(min=1, help="Random starts for each number of states.")]
Sample = Annotated[
    bool, typer.Option("--sample", help="Sample the posterior too, by NUTS (about a minute).")
]
