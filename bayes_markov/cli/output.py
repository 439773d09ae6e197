"""What commands print and write, and the options for it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT_SEED = 1

Alpha = Annotated[
    str,
    typer.Option(
        metavar="NUMBER[,...]",
        help="Dirichlet parameter of the prior: a number, or one for each next state.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the draws.")]
Replicates = Annotated[
    int, typer.Option(min=0, help="Random tables for the Monte Carlo p; 0 for none.")
]


class Output(Console):
    """Standard output, at least 80 columns wide: a narrower table would lose its numbers.

    A reader that has gone away is left to `main`.
    """

    def __init__(self) -> None:
        width = max(80, shutil.get_terminal_size().columns)
        super().__init__(width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Pass the error on, where rich would exit with 1, which means a failed check here."""
        raise BrokenPipeError


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something is going on; say nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def prepare_folder(out: Path) -> None:
    """Make the folder for results, before time is spent on them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OSError(f"--out {out} cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def all_or_none(out: Path) -> Iterator[Path]:
    """Give a temporary folder, and move its files into `out` if all of them could be written."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-") as name:
        yield Path(name)
        plt.close("all")
        files = sorted(Path(name).iterdir())
        for file in files:
            if (out / file.name).is_dir():
                raise IsADirectoryError(f"--out: {out / file.name} is a folder; remove it")
        for file in files:
            file.replace(out / file.name)


def save_picture(ax: "Axes", path: Path) -> None:
    """Write the figure that holds some axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=150)
