"""Finished cells of a study on disk, so that a run that was killed goes on where it stopped.

A checkpoint is a folder: `study.json` says which study it belongs to, and each finished cell is a
file of its own. Files appear under their name when they are complete, by renaming. Every cell
begins with a digest of the study and of its own content, so that it is recognised when it is
damaged or comes from elsewhere.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STUDY = "study.json"
"""Name of the file that says which study the cells belong to."""

_UNFINISHED = ".unfinished"
"""Ending of a file that is being written; one that is left over is of no use."""

_DIGEST_LENGTH = 64


@dataclass(frozen=True)
class Checkpoint:
    """An open checkpoint.

    Parameters
    ----------
    folder : pathlib.Path
        Where the cells are.
    digest : str
        SHA-256 of the study's specification.
    """

    folder: Path
    digest: str

    def file(self, cell: tuple[int, ...]) -> Path:
        """Where a cell is kept."""
        return self.folder / f"cell-{'-'.join(f'{number:06d}' for number in cell)}.npz"

    def load(self, cell: tuple[int, ...]) -> dict[str, NDArray[np.float64]] | None:
        """Read a finished cell; None if there is none.

        Raises
        ------
        ValueError
            The file is damaged, or does not belong to this study.
        """
        file = self.file(cell)
        if not file.exists():
            return None
        content = file.read_bytes()
        written, payload = content[:_DIGEST_LENGTH], content[_DIGEST_LENGTH:]
        if written != self._digest_of(cell, payload):
            raise ValueError(
                f"{file} is damaged, or a cell of another study (its digest does not fit); delete "
                f"this file to have the cell computed again"
            )
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def save(self, cell: tuple[int, ...], arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Keep a finished cell."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        payload = buffer.getvalue()
        _write(self.file(cell), self._digest_of(cell, payload) + payload)

    def _digest_of(self, cell: tuple[int, ...], payload: bytes) -> bytes:
        """Digest of study, cell and content, as text."""
        whole = f"{self.digest} {cell} ".encode() + payload
        return hashlib.sha256(whole).hexdigest().encode()


def open_checkpoint(folder: str | os.PathLike[str], study: Mapping[str, Any]) -> Checkpoint:
    """Open a folder of finished cells, or start a new one.

    Parameters
    ----------
    folder : path
        A checkpoint of the same study, an empty folder, or one that does not exist yet.
    study : mapping
        Everything that the numbers depend on, as values that JSON has.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ValueError
        The folder holds something else, or a checkpoint of another study (what differs is named),
        or a damaged one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = open_checkpoint(folder, {"seed": 1})
    ...     checkpoint.save((0, 3), {"risk": np.array([0.25])})
    ...     open_checkpoint(folder, {"seed": 1}).load((0, 3))["risk"]
    array([0.25])
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise ValueError(f"checkpoint {place} is a file; give a folder")
    place.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Any] = json.loads(json.dumps(study))
    description = place / STUDY
    text = json.dumps(wanted, indent=1, sort_keys=True)
    if description.exists():
        _check_same(description, wanted)
    else:
        others = [file.name for file in place.iterdir() if file.suffix != _UNFINISHED]
        if others:
            raise ValueError(
                f"checkpoint {place} holds {min(others)!r} but no {STUDY}; it is no checkpoint, "
                f"choose an empty folder"
            )
        _write(description, text.encode())
    return Checkpoint(place, hashlib.sha256(text.encode()).hexdigest())


def _check_same(description: Path, wanted: dict[str, Any]) -> None:
    """Refuse the cells of another study, and say in what it differs."""
    try:
        found = json.loads(description.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(
            f"{description} is damaged; delete the folder {description.parent} to start again"
        )
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{description} belongs to another study: {name} is {found.get(name)!r} there and "
                f"{wanted.get(name)!r} here; choose another folder, or delete this one"
            )


def _write(file: Path, content: bytes) -> None:
    """Write a file that appears when it is complete."""
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=_UNFINISHED)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(name, file)
