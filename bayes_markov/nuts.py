"""Draws by NUTS: a model is compiled once, and fed with its present data each time."""

from collections.abc import Mapping
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import nutpie
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

type Sampler = Literal["nutpie", "pymc"]

VERSIONS = {"pymc_version": pm.__version__, "nutpie_version": nutpie.__version__}
"""What drew, for the record of a result."""

_COMPILED: WeakKeyDictionary[pm.Model, Any] = WeakKeyDictionary()
"""What nutpie compiled for a model, and the names of the variables it had."""


def draw(
    model: pm.Model,
    *,
    seed: int,
    draws: int,
    chains: int,
    tune: int | None,
    sampler: Sampler,
    progress: bool,
    start: Mapping[str, Any] | None = None,
) -> xr.DataTree:
    """Run NUTS, by nutpie (400 steps of warm-up by default) or by PyMC (1000)."""
    tree: xr.DataTree
    if sampler == "nutpie":
        tree = nutpie.sample(
            compiled(model, start),
            draws=draws,
            tune=400 if tune is None else tune,
            chains=chains,
            seed=seed,
            save_warmup=False,
            progress_bar=progress,
        )
        return tree
    tree = pm.sample(
        draws,
        model=model,
        tune=1000 if tune is None else tune,
        chains=chains,
        cores=1,
        initvals=start,
        random_seed=seed,
        nuts_sampler="pymc",
        progressbar=progress,
        quiet=not progress,
        compute_convergence_checks=False,
    )
    return tree


def compiled(model: pm.Model, start: Mapping[str, Any] | None = None) -> Any:
    """Compile a model for nutpie once, and feed the model's present data to it."""
    variables = tuple(model.named_vars)
    kept = _COMPILED.get(model)
    if kept is None or kept[0] != variables:
        options = {} if start is None else {"initial_points": start}
        kept = (variables, nutpie.compile_pymc_model(model, freeze_model=False, **options))
        _COMPILED[model] = kept
    used = {variable.name for variable in kept[1].shared_var_keys}
    return kept[1].with_data(**{k: value for k, value in data_of(model).items() if k in used})


def data_of(model: pm.Model) -> dict[str, NDArray[Any]]:
    """Give the data that a model holds now."""
    return {data.name: data.get_value() for data in model.data_vars}


def check_unchanged(model: pm.Model, built_with: Mapping[str, NDArray[Any]]) -> None:
    """Refuse a model that was fed since it was built: a result would mix old data and new."""
    for name, value in data_of(model).items():
        if not np.array_equal(value, built_with[name]):
            raise ValueError(
                f"model was fed with other data ({name}) than it was built from; build another "
                f"model with these"
            )


def check_sampler(sampler: str) -> None:
    """Refuse a sampler that is not known."""
    if sampler not in ("nutpie", "pymc"):
        raise ValueError(f'sampler must be "nutpie" or "pymc", got {sampler!r}')


def statistics(tree: xr.DataTree) -> xr.Dataset:
    """Give the sampler's own statistics, without its columns of Python objects."""
    stats = tree.children["sample_stats"].to_dataset()
    objects = [name for name, column in stats.data_vars.items() if column.dtype == np.dtype(object)]
    return stats.drop_vars(objects)
