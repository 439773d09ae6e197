"""The loops over time, compiled by Numba when they are first called."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

from analytic.hmm import _kernels, _path_kernels

_VECTOR = "Array(float64, 1, 'C')"
_TABLE = "Array(float64, 2, 'C')"
_TABLES = "Array(float64, 3, 'C')"
_GIVEN = "Array(float64, 2, 'C', readonly=True)"  # what a user gave is not written to
_CODES = _ENDS = "Array(int64, 1, 'C')"

LOOPS: dict[str, tuple[Callable[..., Any], str]] = {
    "is_transition_matrix": (_kernels.is_transition_matrix, f"boolean({_GIVEN}, float64)"),
    "shift": (_kernels.shift, f"int64({_GIVEN}, int64, {_TABLE}, {_VECTOR})"),
    "forward": (
        _kernels.forward,
        f"boolean({_GIVEN}, {_TABLE}, {_ENDS}, int64, {_GIVEN}, int64, "
        f"{_TABLE}, {_VECTOR}, {_VECTOR}, {_TABLE}, {_TABLE}, {_VECTOR})",
    ),
    "backward": (
        _kernels.backward,
        f"void({_GIVEN}, {_TABLE}, {_ENDS}, {_VECTOR}, {_TABLE}, {_TABLE}, {_TABLES})",
    ),
    "best_path": (
        _path_kernels.best_path,
        f"int64({_GIVEN}, {_ENDS}, {_GIVEN}, Array(int32, 2, 'C'), {_CODES}, {_VECTOR})",
    ),
    "draw_paths": (
        _path_kernels.draw_paths,
        f"void({_GIVEN}, {_ENDS}, {_TABLE}, {_TABLE}, Array(int64, 2, 'C'))",
    ),
}
"""Each loop with one type for every argument, so that it is compiled once."""


@functools.cache
def compiled(name: str) -> Callable[..., Any]:
    """Give a loop in compiled form.

    It is kept on disk, beside the package or, where that cannot be written, in the user's cache;
    where neither can, it is compiled anew in each process. Without Numba the loop itself runs, with
    the same numbers.
    """
    loop, signature = LOOPS[name]
    numba = _numba()
    if numba is not None:
        make = functools.partial(numba.njit, signature, nogil=True)
        try:
            loop = make(cache=True)(loop)
        except (RuntimeError, OSError):  # no place that can be written
            loop = make()(loop)
    return loop


@functools.cache
def _numba() -> Any:
    """Import Numba if it is there, and say once if it is not."""
    try:
        import numba
    except ImportError:
        warnings.warn(
            "Numba is not installed: the loops of hidden chains run in plain Python, with the same "
            "results, some hundred times slower",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return numba
