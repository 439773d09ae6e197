"""What an emission is, and how observations become the array that the functions take.

An emission is a small value with three functions. Observations that are missing, and states that
are partly known, need nothing in it: they are dealt with here, in the array of log-emissions.
"""

from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytic.hmm.sequences import Joined, join
from analytic.validate import (
    INT64_MAX,
    Bools,
    Floats,
    Ints,
    as_numbers,
    check_integer,
    check_rng,
    first,
    is_integer,
)


class Emission(Protocol):
    """What an observation says of the state: any object with these three functions will do.

    `Poisson`, `Gaussian` and `Categorical` are such, with examples.

    An emission with a prior has a fourth, ``log_prior()``, a float: the logarithm of its prior
    density up to a constant. `estimate` then maximises the sum of both.
    """

    def log_prob(self, x: Any) -> Floats:
        """Log-probability (or log-density) of each observation in each state, shape (T, K)."""
        ...

    def estimate(self, x: Any, weights: Floats) -> Self:
        """Give the value that maximises sum_tk weights[t, k] log P(x_t | k), weights (T, K)."""
        ...

    def sample(self, rng: np.random.Generator, states: Ints) -> Any:
        """Draw an observation for each state of an array."""
        ...


def log_emission(
    emission: Emission,
    observations: ArrayLike | list[ArrayLike],
    *,
    possible: ArrayLike | list[ArrayLike] | None = None,
) -> Any:
    r"""Log-emissions of observations, log P(x_t | z_t = j), with what is missing or known.

    A missing observation says nothing about the state: its row is zero. A state that is known not
    to be j at t is impossible there: the entry is -inf.

    Parameters
    ----------
    emission : Emission
        What an observation says of the state.
    observations : array_like, or list of array_like
        x_1, ..., x_T along the first axis of an array, or a list of numbers; many sequences are a
        list of such. NaN or a masked entry is a missing observation; if an observation has several
        components, all must be missing, else the emission gets it as it is.
    possible : array_like of bool, or list of them, optional
        States that are possible at each time, shape (T, K), as `known_states` makes them.

    Returns
    -------
    ndarray, or list of them
        Log-emissions, shape (T, K).

    Raises
    ------
    ValueError
        Observations that the emission refuses, or `possible` of another shape.
    TypeError
        `possible` is not boolean.

    Examples
    --------
    The second observation is missing, and the last state is known to be 1:

    >>> from analytic.hmm import Poisson
    >>> known = known_states([-1, -1, 1], 2)
    >>> log_emission(Poisson([1.0, 4.0]), [2, np.nan, 3], possible=known).round(3)
    array([[-1.693, -1.921],
           [ 0.   ,  0.   ],
           [  -inf, -1.633]])
    """
    joined = join_observations(observations)
    present = ~missing_rows(joined.rows)
    rows = fill_log_emission(emission, joined.rows, present)
    if possible is not None:
        rows[~join_possible(possible, joined, rows.shape[1])] = -np.inf
    return joined.split(rows)


def known_states(states: ArrayLike, n_states: int, *, missing: int = -1) -> Bools:
    """Mark the possible states at each time: one where it is known, all where it is not.

    Parameters
    ----------
    states : array_like of int
        Codes 0, ..., n_states - 1, shape (T,), or `missing` where the state is not known.
    n_states : int
        K, the number of states.
    missing : int, default -1
        Code of a state that is not known, none of 0, ..., n_states - 1.

    Returns
    -------
    ndarray of bool
        Shape (T, K).

    Raises
    ------
    ValueError
        A code that is neither a state nor `missing`, a `missing` that is a state, or a bad
        `n_states`.

    Examples
    --------
    >>> known_states([1, -1, 0], 2).astype(int)
    array([[0, 1],
           [1, 1],
           [1, 0]])
    """
    check_integer("n_states", n_states, 1)
    if not is_integer(missing):
        raise ValueError(f"missing must be an integer code, got {missing!r}")
    if 0 <= missing < n_states:
        raise ValueError(f"missing={missing} is the code of a state too; use -1")
    codes = np.asarray(states)
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        raise ValueError(
            f"states must be one sequence of integer codes, got shape {codes.shape} and dtype "
            f"{codes.dtype}"
        )
    unknown = codes == missing
    wrong = ~unknown & ((codes < 0) | (codes >= n_states))
    if wrong.any():
        where = int(np.argmax(wrong))
        raise ValueError(
            f"states holds code {codes[where]} at position {where}, expected 0, ..., "
            f"{n_states - 1}, or {missing} where the state is not known"
        )
    return np.asarray((codes[:, None] == np.arange(n_states)) | unknown[:, None])


def join_observations(observations: ArrayLike | list[ArrayLike]) -> Joined:
    """Join observations; a list of numbers or an array is one sequence."""
    given: Any = observations
    many = isinstance(given, list | tuple) and any(np.ndim(x) > 0 for x in given)
    arrays = [np.asanyarray(one) for one in (given if many else [given])]
    for n, array in enumerate(arrays):
        if array.ndim == 0 or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"observations must have time on their first axis and agree on the others, got "
                f"shape {array.shape}{f' in sequence {n}' if many else ''}"
            )
    return join("observations", arrays, many)


def join_possible(possible: ArrayLike | list[ArrayLike], joined: Joined, n_states: int) -> Bools:
    """Join masks of possible states like the observations that they belong to."""
    masks: Any = possible
    given = list(masks) if joined.many else [masks]
    lengths = np.diff(joined.ends, prepend=0)
    if len(given) != lengths.size:
        raise ValueError(f"possible has {len(given)} sequences, expected {lengths.size}")
    masks = [np.asarray(one) for one in given]
    for n, (mask, length) in enumerate(zip(masks, lengths, strict=True)):
        if mask.dtype != np.bool_:
            raise TypeError(f"possible must be boolean, got dtype {mask.dtype}; see known_states")
        if mask.shape != (length, n_states):
            where = f" in sequence {n}" if joined.many else ""
            raise ValueError(
                f"possible must have shape ({length}, {n_states}), got {mask.shape}{where}"
            )
    return np.concatenate(masks)


def missing_rows(x: NDArray[Any]) -> Bools:
    """Observations of which nothing was seen: NaN or masked throughout."""
    absent = np.ma.getmaskarray(x)
    if x.dtype.kind in "fc":
        absent = absent | np.isnan(np.ma.getdata(x))
    return np.asarray(absent.reshape(len(x), -1).all(axis=1))


def seen(x: NDArray[Any], present: Bools) -> NDArray[Any]:
    """Observations that are there, an ordinary array if nothing is masked in them."""
    some = x[present]
    return some if np.ma.is_masked(some) else np.ma.getdata(some)


def fill_log_emission(emission: Emission, x: NDArray[Any], present: Bools) -> Floats:
    """Log-emissions of joined observations; rows of zeros where nothing was seen."""
    if isinstance(emission, type) or not callable(getattr(emission, "log_prob", None)):
        raise TypeError(
            f"emission must be a value with log_prob, such as Poisson([1.0, 5.0]), got {emission!r}"
        )
    known = np.asarray(emission.log_prob(seen(x, present)), dtype=np.float64)
    if known.ndim != 2 or len(known) != present.sum() or known.shape[1] == 0:
        raise ValueError(
            f"log_prob of the emission must give shape ({present.sum()}, K), got {known.shape}"
        )
    if present.all():
        return known.copy()
    rows = np.zeros((len(x), known.shape[1]))
    rows[present] = known
    return rows


def as_whole(name: str, x: ArrayLike) -> Ints:
    """Observations that are whole numbers 0, 1, 2, ..., as integers or as floats."""
    values = np.asarray(x)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        hint = "; NaN stands for a missing one" if values.dtype.kind == "O" else ""
        raise ValueError(
            f"{name} must be whole numbers in one dimension, got shape {values.shape} and dtype "
            f"{values.dtype}{hint}"
        )
    wrong = ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
    if wrong.any():
        where = int(np.argmax(wrong))
        raise ValueError(f"{name} must be whole numbers >= 0, got {values[where]} at {where}")
    large = values > INT64_MAX if values.dtype.kind == "u" else values >= float(INT64_MAX)
    if large.any():
        where = int(np.argmax(large))
        raise ValueError(f"{name} hold {values[where]} at {where}, which is too large for int64")
    return values.astype(np.int64)


def as_weights(weights: ArrayLike, length: int) -> Floats:
    """Weights of the observations in each state, shape (T, K)."""
    array = as_numbers("weights", weights).astype(np.float64)
    if array.ndim != 2 or len(array) != length or array.shape[1] == 0:
        raise ValueError(
            f"weights must have one row for each of the {length} observations and one column for "
            f"each state, got shape {array.shape}"
        )
    wrong = ~((array >= 0) & (array < np.inf))
    if wrong.any():
        where = first(wrong)
        raise ValueError(f"weights must be finite and >= 0, got {array[where]} at index {where}")
    return array


def as_codes(states: ArrayLike, n_states: int, rng: np.random.Generator) -> Ints:
    """Codes of the states to draw observations for, of any shape, and a check of `rng`."""
    check_rng(rng)
    codes = np.asarray(states)
    if codes.size == 0:
        return codes.astype(np.int64)
    if codes.dtype.kind not in "iu":
        raise ValueError(f"states must be integer codes, got dtype {codes.dtype}")
    wrong = (codes < 0) | (codes >= n_states)
    if wrong.any():
        raise ValueError(
            f"states holds code {codes[wrong].flat[0]}, expected 0, ..., {n_states - 1}"
        )
    return codes.astype(np.int64)
