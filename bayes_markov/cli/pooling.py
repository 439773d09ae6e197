"""``bayes-markov fit --pool partial`` and ``--pool none``: a matrix for each unit."""

import sys
import textwrap
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_markov.cli.output import Output, all_or_none, save_picture, working

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike

    from bayes_markov.counts import TransitionCounts

LARGEST_TABLE = 60
"""Lines that are printed of the estimates of all units; more go to a file only."""


class Pool(StrEnum):
    """What units have in common."""

    full = "full"
    partial = "partial"
    none = "none"


def check_pool(pool: Pool, counts: "TransitionCounts", *, alpha: str, exact: bool) -> None:
    """Refuse options that do not go with a kind of pooling."""
    if counts.units is None:
        raise ValueError(f"--pool {pool} needs units; name their column with --unit")
    if pool is Pool.partial and alpha != "1":
        raise ValueError(
            f"--alpha {alpha} is for --pool full and none; with --pool partial the prior is learned"
        )
    if pool is Pool.partial and exact:
        raise ValueError(
            "--sampler exact is for --pool full and none; what is learned with --pool partial has "
            "no closed form"
        )


def fit_partially(
    counts: "TransitionCounts", console: Output, *, prob: float, seed: int, out: Path | None
) -> bool:
    """Learn what the units have in common; tell whether the draws can be trusted."""
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.diagnostics import ConvergenceWarning, convergence
        from bayes_markov.fit import sample
        from bayes_markov.hierarchy.models import partial_pooling_model
        from bayes_markov.hierarchy.selection import compare_pooling
        from bayes_markov.hierarchy.table import strengths, strengths_as_rich
        from bayes_markov.hierarchy.units import select_mean
        from bayes_markov.table import as_rich, estimates

        model = partial_pooling_model(counts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told below
            tree = sample(model, seed=seed, progress=sys.stderr.isatty())
            several = counts.units is not None and len(counts.units) > 1
            compared = (
                compare_pooling(counts, seed=seed, model=model, tree=tree) if several else None
            )
    draws = f"{tree['posterior'].sizes['chain']} x {tree['posterior'].sizes['draw']} draws"
    console.print(wrapped(f"{tree.attrs['prior']}; {tree.attrs['sampler']}, {draws}; seed {seed}"))
    console.print(f"intervals: {100 * prob:g} %, equal-tailed")
    console.print("\nmean of the units (count and MLE are those of all units together)")
    console.print(as_rich(estimates(select_mean(tree), prob=prob), prob=prob), soft_wrap=False)
    console.print("\nstrength: a unit with so many departures of its own is drawn half-way")
    console.print(strengths_as_rich(strengths(tree, prob=prob), prob=prob), soft_wrap=False)
    if compared is not None:
        console.print(f"\n{compared}")
    problems = convergence(tree).problems
    said = "; ".join(problems) if problems else "convergence: no problem found"
    console.print("\n" + wrapped(said))
    if out is not None:
        from bayes_markov.hierarchy.plots import plot_shrinkage

        with working("drawing and writing files"), all_or_none(out) as folder:
            picture = plot_shrinkage(tree, prob=prob)[0]
            save_picture(picture, folder / "shrinkage.png")
            write_units(folder, tree, prob)
        console.print(f"wrote posterior.nc, units.csv, shrinkage.png to {out}")
    return not problems


def fit_separately(
    counts: "TransitionCounts",
    alpha: "ArrayLike",
    console: Output,
    *,
    prob: float,
    seed: int,
    out: Path | None,
) -> None:
    """Give each unit a posterior of its own, in closed form."""
    from bayes_markov.exact import exact_posterior
    from bayes_markov.hierarchy.units import select_unit
    from bayes_markov.table import as_rich, estimates

    with working("drawing"):
        tree = exact_posterior(counts, alpha=alpha, seed=seed, pool="none")
    console.print(f"prior {tree.attrs['prior']} of each unit; exact; seed {seed}")
    console.print(f"intervals: {100 * prob:g} %, equal-tailed")
    units = counts.units or ()
    if len(units) * counts.pooled.size <= LARGEST_TABLE:
        for unit in units:
            console.print(f"\nunit {unit}")
            lines = estimates(select_unit(tree, unit), prob=prob)
            console.print(as_rich(lines, prob=prob), soft_wrap=False)
    else:
        console.print(
            f"\n{len(units):,} units with {counts.pooled.size} probabilities each are too many to "
            f"print; --out DIR writes them to units.csv"
        )
    if out is not None:
        with working("writing files"), all_or_none(out) as folder:
            write_units(folder, tree, prob)
        console.print(f"wrote posterior.nc, units.csv to {out}")


def wrapped(text: str) -> str:
    """Break a sentence into lines of a narrow terminal."""
    return textwrap.fill(text, 80)


def write_units(folder: Path, tree: "xr.DataTree", prob: float) -> None:
    """Write the draws, and the estimates of every unit."""
    from bayes_markov.hierarchy.table import units_as_csv
    from bayes_markov.storage import save

    save(tree, folder / "posterior.nc")
    (folder / "units.csv").write_text(units_as_csv(tree, prob=prob), encoding="utf-8")
