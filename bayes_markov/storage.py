"""Results in files: written whole or not at all, and read back with the labels they had."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from bayes_markov.labels import coords


def save(tree: xr.DataTree, path: str | Path) -> None:
    """Write a result to a NetCDF file, whole or not at all.

    The file is written under a temporary name beside `path` and renamed, so that a killed run
    leaves no half file. Columns of Python objects, which NetCDF cannot hold, are left out.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `exact_posterior` or `sample`.
    path : str or Path
        File to write; an existing one is replaced.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written.

    Examples
    --------
    >>> import bayes_markov as bm, tempfile
    >>> tree = bm.exact_posterior(bm.TransitionCounts.from_sequences([["a", "b"]]), seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bm.save(tree, f"{folder}/posterior.nc")
    ...     bm.load(f"{folder}/posterior.nc").posterior["A"].equals(tree.posterior["A"])
    True
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist; create it first")
    storable = xr.DataTree.from_dict(
        {node.path: _storable(node.to_dataset(inherit=False)) for node in tree.subtree}
    )
    with replacing(target) as temporary:
        storable.to_netcdf(temporary, engine="h5netcdf")


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`, and rename it to `target` if all goes well."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """Permissions that new files do not get; a temporary file is private otherwise."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path: str | Path) -> xr.DataTree:
    """Read a result that `save` has written, into memory.

    Parameters
    ----------
    path : str or Path
        NetCDF file.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    OSError
        The file does not exist or is not NetCDF.

    Examples
    --------
    See `save`.
    """
    with xr.open_datatree(path, engine="h5netcdf") as stored:
        tree = stored.load()
    return xr.DataTree.from_dict(
        {node.path: _relabelled(node.to_dataset(inherit=False)) for node in tree.subtree}
    )


def _storable(dataset: xr.Dataset) -> xr.Dataset:
    """Leave out columns of objects, and write labels of mixed type as text."""
    objects = [name for name, column in dataset.data_vars.items() if column.dtype == object]
    mixed = {name: axis for name, axis in dataset.coords.items() if axis.dtype == object}
    return dataset.drop_vars(objects).assign_coords(
        {name: (axis.dims, axis.values.astype(str)) for name, axis in mixed.items()}
    )


def _relabelled(dataset: xr.Dataset) -> xr.Dataset:
    """Give the axes the labels that they had before `_storable`."""
    axes = {str(name): np.array(axis.values.tolist()) for name, axis in dataset.coords.items()}
    if "next_state" in axes:
        history = [name for name in axes if name == "state" or name.startswith("state_")]
        axes |= coords(axes["next_state"].tolist(), len(history))
    return dataset.assign_coords(axes)
