"""What the closed forms accept: each check names the argument, what came and what to do."""

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Counts = NDArray[np.int64] | NDArray[np.float64]
type Bools = NDArray[np.bool_]

ROW_SUM_TOLERANCE = 1e-8
"""How far the sum of a row of probabilities may be from one."""

SMALLEST_ALPHA = 1e-300
"""Below this, the logarithm of a Gamma draw leaves the range of a float64."""

INT64_MAX = int(np.iinfo(np.int64).max)


def first(mask: Bools) -> tuple[int, ...]:
    """Index of the first True, as plain integers for a message."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def refuse_masked(name: str, values: object) -> None:
    """Refuse masked entries, which an ordinary array would lay bare."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise ValueError(
            f"{name} has masked entries; fill them by an explicit choice, or drop them"
        )


def as_numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    """Turn `values` into an int64 or float64 array, or say why that cannot be done."""
    refuse_masked(name, values)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be one rectangular array of numbers: {error}") from None
    if array.dtype.kind == "f":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind == "u" and array.size and int(array.max()) > INT64_MAX:
        raise ValueError(f"{name} holds {int(array.max())}, which is too large for int64")
    if array.dtype.kind in "iu":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "O" and any(isinstance(x, int) for x in array.flat):
        large = [x for x in array.flat if isinstance(x, int) and abs(x) > INT64_MAX]
        if large:
            raise ValueError(f"{name} holds {large[0]}, which is too large for int64")
    raise TypeError(
        f"{name} must hold integers or floats, got dtype {array.dtype}; convert it first"
    )


def as_counts(counts: ArrayLike, name: str = "counts") -> Counts:
    """Check a table of counts: finite, not negative, with a last axis for the next state."""
    table: Counts = as_numbers(name, counts)
    if table.ndim == 0 or table.shape[-1] == 0:
        raise ValueError(
            f"{name} must have the next state on its last axis and at least one state, "
            f"got shape {table.shape}"
        )
    if table.size == 0:
        return table
    if table.dtype == np.float64 and not np.isfinite(table).all():
        where = first(~np.isfinite(table))
        raise ValueError(f"{name} must be finite, got {table[where]} at index {where}")
    if table.min() < 0:
        where = first(np.asarray(table < 0))
        raise ValueError(f"{name} must not be negative, got {table[where]} at index {where}")
    if table.sum(dtype=np.float64) >= INT64_MAX:
        raise ValueError(
            f"{name} add up to {table.sum(dtype=np.float64):.3g}, which is too large for int64"
        )
    return table


def split_axes(name: str, array: NDArray[Any], order: int) -> tuple[int, ...]:
    """Axes of one table of the given order at the end of `array`; all before are a batch."""
    check_order(order)
    if array.ndim < order + 1:
        raise ValueError(
            f"{name} of order {order} needs at least {order + 1} axes "
            f"(history, then next state), got shape {array.shape}"
        )
    return tuple(range(-order - 1, 0))


def is_integer(value: object) -> TypeGuard[int]:
    """Tell whether something is a single integer; a truth value is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_integer(name: str, value: Any, least: int) -> None:
    """Refuse what is no integer, or a smaller one."""
    if not is_integer(value) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether something is a single finite number; a truth value is none."""
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool) and bool(-np.inf < value < np.inf)


def check_order(order: int) -> None:
    """Check an order: the number of past states that the next one depends on."""
    check_integer("order", order, 0)


def as_probabilities(A: ArrayLike, name: str = "A") -> Floats:
    """Accept what a formula may be evaluated at.

    Entries lie in [0, 1]. A row is NaN throughout (undefined) or sums to at most one;
    the sum may fall short, so that a matrix printed with few digits can still be used.
    """
    array = as_numbers(name, A).astype(np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name} must have the next state on its last axis, got {array.shape}")
    undefined = np.isnan(array)
    partly = undefined.any(axis=-1) & ~undefined.all(axis=-1)
    if partly.any():
        raise ValueError(
            f"row {first(partly)} of {name} is partly NaN; a row is defined or it is not"
        )
    outside = (array < 0) | (array > 1)
    if outside.any():
        where = first(outside)
        raise ValueError(f"{name} must hold probabilities, got {array[where]} at index {where}")
    total = array.sum(axis=-1)
    over = total > 1 + ROW_SUM_TOLERANCE
    if over.any():
        where = first(np.asarray(over))
        raise ValueError(f"row {where} of {name} sums to {total[where]:.10g}, more than 1")
    return array


def as_stochastic(A: ArrayLike, name: str = "A") -> Floats:
    """Accept what may be sampled from or inverted: every row defined and summing to one."""
    # What is right is seen at once, in a fraction of the time; what is wrong is named below.
    if type(A) is np.ndarray and A.dtype == np.float64 and A.ndim > 0 and A.size > 0:
        within = A.min() >= 0 and A.max() <= 1
        if within and np.abs(A.sum(axis=-1) - 1).max() <= ROW_SUM_TOLERANCE:
            return A.copy()
    array = as_probabilities(A, name)
    total = array.sum(axis=-1)
    if np.isnan(total).any():
        raise ValueError(
            f"row {first(np.isnan(total))} of {name} is undefined (NaN); "
            f"fill it by an explicit choice, such as a posterior mean"
        )
    off = np.abs(total - 1) > ROW_SUM_TOLERANCE
    if off.any():
        where = first(np.asarray(off))
        raise ValueError(
            f"row {where} of {name} sums to {total[where]:.10g}, not 1; normalise it first"
        )
    return array


def as_transition_matrix(A: ArrayLike) -> Floats:
    """Accept the matrix of a chain of order 1 with its s_0 row, (K+1, K)."""
    matrix = as_stochastic(A)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] + 1:
        hint = "; add the s_0 row" if matrix.ndim == 2 and len(set(matrix.shape)) == 1 else ""
        raise ValueError(f"A must have shape (K+1, K), got {matrix.shape}{hint}")
    return matrix


def as_square(P: ArrayLike, name: str = "P") -> Floats:
    """Accept transitions among the states proper, (..., K, K), without the s_0 row."""
    array = as_probabilities(P, name)  # an s_0 row that is NaN is refused for being there
    if array.ndim >= 2 and array.shape[-2] == array.shape[-1] + 1:
        raise ValueError(
            f"{name} has shape {array.shape}, an s_0 row included; pass {name}[..., 1:, :]"
        )
    if array.ndim < 2 or array.shape[-2] != array.shape[-1]:
        raise ValueError(f"{name} must have shape (..., K, K), got {array.shape}")
    return as_stochastic(array, name)


def as_support(support: ArrayLike | None, shape: tuple[int, ...]) -> Bools | None:
    """Check a mask of possible transitions (False marks a structural zero)."""
    if support is None:
        return None
    mask = np.asarray(support)
    if mask.dtype != np.bool_:
        raise TypeError(f"support must be boolean (True: possible), got dtype {mask.dtype}")
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(f"support has shape {mask.shape}, expected {shape}") from None


def as_alpha(alpha: ArrayLike, shape: tuple[int, ...], support: Bools | None = None) -> Floats:
    """Check Dirichlet parameters and give them `shape`; they are zero off the support."""
    array = as_numbers("alpha", alpha).astype(np.float64)
    try:
        full = np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"alpha has shape {array.shape}, which does not fit a table of shape {shape}; "
            f"give a number, one per next state, or one per cell"
        ) from None
    possible = np.ones(shape, dtype=np.bool_) if support is None else support
    wrong = possible & ~((full >= SMALLEST_ALPHA) & np.isfinite(full))
    if wrong.any():
        where = first(wrong)
        raise ValueError(
            f"alpha must be positive and finite, got {full[where]} at index {where}; "
            f"mark impossible transitions with support= instead"
        )
    alpha_rows = np.where(possible, full, 0.0)
    with np.errstate(over="ignore"):
        endless = ~np.isfinite(alpha_rows.sum(axis=-1))
    if endless.any():
        raise ValueError(f"alpha must have finite row sums, got too large a row {first(endless)}")
    return alpha_rows


def check_off_support(table: Counts, support: Bools | None, name: str = "counts") -> None:
    """Refuse counts where the support says that no transition is possible."""
    if support is None:
        return
    wrong = ~support & (table > 0)
    if wrong.any():
        where = first(np.asarray(wrong))
        raise ValueError(
            f"{name} has {table[where]} at index {where}, which support marks impossible"
        )


def counts_on_support(
    counts: ArrayLike, support: ArrayLike | None, name: str = "counts"
) -> tuple[Counts, Bools]:
    """Check counts and the mask of possible transitions together; without a mask, all are."""
    table = as_counts(counts, name)
    mask = as_support(support, table.shape)
    check_off_support(table, mask, name)
    return table, np.broadcast_to(np.True_, table.shape) if mask is None else mask


def check_whole(table: Counts, name: str = "counts") -> None:
    """Refuse fractional counts, such as expected ones, where only whole numbers have a meaning."""
    fractional = np.asarray(table != np.floor(table))
    if fractional.any():
        where = first(fractional)
        raise ValueError(
            f"{name} must be whole numbers here, got {table[where]} at index {where}; "
            f"round expected counts by an explicit choice first"
        )


def check_prob(prob: float) -> None:
    """Probability content of an interval, strictly between 0 and 1."""
    if not (isinstance(prob, int | float | np.number) and 0 < prob < 1):
        raise ValueError(f"prob must lie strictly between 0 and 1, got {prob!r}; 95 % is prob=0.95")


def as_size(size: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """Turn a number of draws into a shape; None asks for a single one, without an axis."""
    parts: list[object] = [] if size is None else list(np.atleast_1d(np.asarray(size, object)))
    shape = tuple(int(n) for n in parts if isinstance(n, int | np.integer) and n >= 0)
    if len(shape) < len(parts) or any(isinstance(n, bool) for n in parts):
        raise ValueError(f"size must be an integer >= 0 or a tuple of them, got {size!r}")
    return shape


def check_rng(rng: object) -> None:
    """Randomness comes in as a Generator; there is no hidden global state."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator, got {rng!r}; pass np.random.default_rng(seed)"
        )
