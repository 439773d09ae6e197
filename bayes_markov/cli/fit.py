"""``bayes-markov fit``: the estimates of a transition matrix, and how well they agree."""

import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_markov.cli.data import Data
from bayes_markov.cli.output import (
    DEFAULT_SEED,
    Alpha,
    Output,
    Seed,
    all_or_none,
    prepare_folder,
    save_picture,
    working,
)
from bayes_markov.cli.parse import parse_alpha
from bayes_markov.cli.pooling import Pool, check_pool, fit_partially, fit_separately

if TYPE_CHECKING:
    import xarray as xr

    from bayes_markov.counts import TransitionCounts

RESULT_FILES = ("posterior.nc", "estimates.csv", "forest.png", "matrix.png")


class Sampler(StrEnum):
    """Where posterior draws come from."""

    nuts = "nuts"
    exact = "exact"


def fit(
    data: Data,
    alpha: Alpha = "1",
    prob: Annotated[
        float, typer.Option(help="Content of the equal-tailed intervals, in (0, 1).")
    ] = 0.95,
    sampler: Annotated[
        Sampler, typer.Option(help="NUTS by PyMC, or exact draws from the closed form.")
    ] = Sampler.nuts,
    pool: Annotated[
        Pool,
        typer.Option(
            help="Units have one matrix; or each its own, drawn towards what they have in common, "
            "which is learned; or each its own and nothing in common."
        ),
    ] = Pool.full,
    seed: Seed = DEFAULT_SEED,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Also write draws, estimates and pictures here.", show_default=False
        ),
    ] = None,
) -> None:
    """Estimate the transition matrix.

    Each probability has its count, the count ratio, the posterior mean and an interval. The exit
    code is 1 if the draws of PyMC disagree with the closed forms or their chains with each other.
    """
    from analytic.validate import check_prob
    from bayes_markov.table import as_rich, estimates

    check_prob(prob)
    counts = data.counts()
    parameters = parse_alpha(alpha, counts)
    if pool is not Pool.full:
        check_pool(pool, counts, alpha=alpha, exact=sampler is Sampler.exact)
    if out is not None:
        prepare_folder(out)
    console = Output()
    console.print(data.describe(counts))
    if pool is Pool.none:
        fit_separately(counts, parameters, console, prob=prob, seed=seed, out=out)
        return
    if pool is Pool.partial:
        if not fit_partially(counts, console, prob=prob, seed=seed, out=out):
            raise typer.Exit(1)
        return

    passed = True
    if sampler is Sampler.exact:
        from bayes_markov.exact import exact_posterior

        with working("drawing"):
            tree = exact_posterior(counts, alpha=parameters, seed=seed)
        agreement = "PyMC check: not run (bayes-markov verify)"
    else:
        tree, agreement, passed = fit_by_pymc(counts, parameters, seed)

    lines = estimates(tree, prob=prob)
    console.print(
        f"prior {tree.attrs['prior']}; {tree.attrs['sampler']}, "
        f"{tree['posterior'].sizes['chain']} x {tree['posterior'].sizes['draw']} draws; seed {seed}"
    )
    console.print(f"intervals: {100 * prob:g} %, equal-tailed\n")
    console.print(as_rich(lines, prob=prob), soft_wrap=False)
    console.print(f"\n{agreement}")
    if out is not None:
        with working("drawing and writing files"):
            write_results(out, tree, lines, prob)
        console.print(f"wrote {', '.join(RESULT_FILES)} to {out}")
    if not passed:
        raise typer.Exit(1)


def fit_by_pymc(
    counts: "TransitionCounts", alpha: Any, seed: int
) -> tuple["xr.DataTree", str, bool]:
    """Sample by NUTS, and compare mode and draws with the closed forms."""
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.checks import conclude
        from bayes_markov.diagnostics import ConvergenceWarning
        from bayes_markov.fit import sample
        from bayes_markov.models import dirichlet_model
        from bayes_markov.tree import prior_rows
        from bayes_markov.verification import draws_checks, mode_of_model

        model = dirichlet_model(counts, alpha=alpha)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the checks below report it
            tree = sample(model, seed=seed, progress=sys.stderr.isatty())
        prior = prior_rows(counts, alpha)
        posterior = prior.given(counts.pooled)
        checks = (mode_of_model(model, counts, prior), *draws_checks(tree, posterior))
        result = conclude(checks)
    return tree, str(result), result.passed


def write_results(out: Path, tree: "xr.DataTree", lines: Any, prob: float) -> None:
    """Write the files of a fit."""
    from bayes_markov.plots import plot_forest, plot_matrix
    from bayes_markov.storage import save
    from bayes_markov.table import as_csv

    with all_or_none(out) as folder:
        save(tree, folder / "posterior.nc")
        (folder / "estimates.csv").write_text(as_csv(lines), encoding="utf-8")
        forest = plot_forest(tree, prob=prob).viz["figure"].item()
        forest.savefig(folder / "forest.png", dpi=120)
        save_picture(plot_matrix(tree), folder / "matrix.png")
