r"""What to compare between data and replicates of them: statistics of sequences of states.

Each takes many replicates at once and gives a number, or one for each state, per replicate. What
is undefined is NaN: the mean run of a state that does not occur, a G2 without a transition.
A *stretch* is a part of a sequence without missing values. Runs and returns end with it, in
the data and in the replicates alike, so that what is cut off is cut off in both.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from analytic.validate import Bools, Floats, Ints
from bayes_markov.labels import Label

_TABULATED = 4
"""Possible windows per actual one up to which they are counted in a table of all."""


@dataclass(frozen=True, eq=False)
class Paths:
    """Replicates of the same sequences, end to end, missing values taken out.

    Parameters
    ----------
    codes : ndarray of int
        States 0, ..., K-1, shape (replicates, positions).
    lengths : ndarray of int64
        Length of each stretch; they add up to the number of positions.
    starts : ndarray of bool
        Whether a stretch begins where its sequence does.
    early : ndarray of bool
        Positions in the first half of their sequence: t <= T/2.
    states : tuple
        The K labels.
    order : int
        Order k of the model whose replicates these are.
    """

    codes: NDArray[np.integer]
    lengths: Ints
    starts: Bools
    early: Bools
    states: tuple[Label, ...]
    order: int

    @property
    def first(self) -> Ints:
        """Position at which each stretch begins."""
        return np.cumsum(self.lengths) - self.lengths

    def unbroken(self, steps: int) -> Ints:
        """Positions from which so many steps stay within the stretch."""
        stretch = np.repeat(np.arange(len(self.lengths)), self.lengths)
        last = len(stretch) - steps
        return np.flatnonzero(stretch[steps:] == stretch[: max(last, 0)])

    def sequences(self) -> Iterator[list[list[Label]]]:
        """Labels of each replicate, one list for each stretch."""
        ends = [0, *np.cumsum(self.lengths).tolist()]
        for codes in self.codes.tolist():
            labels = [self.states[code] for code in codes]
            yield [labels[start:end] for start, end in pairwise(ends)]


def share_of_states(paths: Paths) -> Floats:
    """Share of the positions in each state; shape (replicates, K)."""
    return _per_state(paths, lambda visits: visits.mean(axis=-1))


def first_states(paths: Paths) -> Floats:
    """Share of the sequences that begin in each state; shape (replicates, K).

    NaN if no first state was observed.
    """
    begin = paths.codes[:, paths.first[paths.starts]]
    states = np.arange(len(paths.states))
    return _ratio((begin[..., None] == states).sum(axis=1), begin.shape[1])


def mean_run(paths: Paths) -> Floats:
    """Mean length of the runs of each state; shape (replicates, K), NaN if it does not occur."""
    begins = _run_begins(paths)
    return _per_state(paths, lambda v: _ratio(v.sum(axis=-1), (v & begins).sum(axis=-1)))


def longest_run(paths: Paths) -> Floats:
    """Length of the longest run of each state; shape (replicates, K), 0 if it does not occur."""
    so_far = _length_so_far(paths)
    return _per_state(paths, lambda visits: np.where(visits, so_far, 0).max(axis=-1))


def longest_run_of_any(paths: Paths) -> Floats:
    """Length of the longest run, of whichever state; shape (replicates,)."""
    return _length_so_far(paths).max(axis=-1).astype(np.float64)


def mean_return(paths: Paths) -> Floats:
    """Mean number of steps from a visit of each state to the next; shape (replicates, K).

    NaN if a state is not visited twice in a stretch. It is nearly one over the share of the state.
    """
    return _per_state(
        paths, lambda v: _ratio((steps := _return_steps(paths, v)).sum(-1), (steps > 0).sum(-1))
    )


def longest_return(paths: Paths) -> Floats:
    """Largest number of steps from a visit of each state to the next; shape (replicates, K).

    NaN if a state is not visited twice in a stretch.
    """

    def longest(visits: Bools) -> Floats:
        steps = _return_steps(paths, visits).max(axis=-1, initial=0)
        return np.where(steps > 0, steps, np.nan)

    return _per_state(paths, longest)


def unseen_transitions(paths: Paths) -> Floats:
    """Count those of the K x K transitions that never occur; shape (replicates,)."""
    n_states = len(paths.states)
    _, columns = _windows(paths, 2)
    seen = (_multiplicities(columns, [n_states] * 2) > 0).sum(axis=-1)
    return np.asarray(n_states**2 - seen, dtype=np.float64)


def limited_horizon(paths: Paths) -> Floats:
    r"""G2 of the model's order k against order k + 1, from windows of k + 2 states.

    .. math:: G^2 = 2 \sum n_{hij \dots l} \log
        \frac{n_{hij \dots l} \, n_{\cdot ij \dots \cdot}}
        {n_{hij \dots \cdot} \, n_{\cdot ij \dots l}}

    At order 1 it is about triples: does the next state depend on the one before the present? It
    is large if limited horizon fails. Shape (replicates,); NaN without such a window. Only
    windows of real states count, none with s_0.
    """
    _, columns = _windows(paths, paths.order + 2)
    return _G2(columns, [len(paths.states)] * len(columns))


def stationarity(paths: Paths) -> Floats:
    r"""G2 of one transition matrix against one for each half of the sequences.

    .. math:: G^2 = 2 \sum_{h = 1}^{2} \sum_{ij} n^{(h)}_{ij} \log
        \frac{n^{(h)}_{ij} \, n_{i \cdot}}{n^{(h)}_{i \cdot} \, n_{ij}}

    It is large if the matrix changes with time. A transition belongs to the half of the state
    that it leaves (at order 0, to that of the state itself). Shape (replicates,); NaN without a
    transition. Those out of s_0 do not count.
    """
    at, columns = _windows(paths, paths.order + 1)
    left = at + max(paths.order - 1, 0)
    late = np.broadcast_to(~paths.early[left], columns[0].shape).astype(np.int64)
    return _G2([late, *columns], [2] + [len(paths.states)] * len(columns))


STATISTICS: dict[str, Callable[[Paths], Floats]] = {
    "share_of_states": share_of_states,
    "first_states": first_states,
    "mean_run": mean_run,
    "longest_run": longest_run,
    "longest_run_of_any": longest_run_of_any,
    "mean_return": mean_return,
    "longest_return": longest_return,
    "unseen_transitions": unseen_transitions,
    "limited_horizon": limited_horizon,
    "stationarity": stationarity,
}
"""Statistics by name, each a function of `Paths`."""


def evaluate(functions: Mapping[str, Callable[..., object]], paths: Paths) -> dict[str, Floats]:
    """Values of each statistic: of one in STATISTICS at once, of a user's function one by one.

    A user's function takes the sequences of one replicate, a list of lists of labels (one for
    each stretch), and gives a number.
    """
    values = {}
    for name, function in functions.items():
        if function in STATISTICS.values():
            values[name] = np.asarray(function(paths), dtype=np.float64)
            continue
        found = [function(sequences) for sequences in paths.sequences()]
        for value in found:
            if not isinstance(value, Real | np.bool_):
                raise ValueError(
                    f"statistic {name!r} must give one number for a list of sequences, got "
                    f"{value!r}"
                )
        values[name] = np.array(found, dtype=np.float64)
    return values


def _per_state(paths: Paths, value: Callable[[Bools], NDArray[np.generic]]) -> Floats:
    """Stack what a function gives for the visits of each state."""
    columns = [value(paths.codes == code) for code in range(len(paths.states))]
    return np.stack(columns, axis=-1).astype(np.float64)


def _ratio(numerator: NDArray[np.generic], denominator: NDArray[np.generic] | int) -> Floats:
    """Quotient, NaN for 0/0."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator))


def _run_begins(paths: Paths) -> Bools:
    """Positions at which a run begins."""
    begins = np.ones(paths.codes.shape, dtype=np.bool_)
    np.not_equal(paths.codes[:, 1:], paths.codes[:, :-1], out=begins[:, 1:])
    begins[:, paths.first] = True
    return begins


def _length_so_far(paths: Paths) -> NDArray[np.int32]:
    """Length that the run at each position has reached."""
    position = np.arange(paths.codes.shape[1], dtype=np.int32)
    begin = np.maximum.accumulate(np.where(_run_begins(paths), position, 0), axis=1)
    return np.asarray(position - begin + 1)


def _return_steps(paths: Paths, visits: Bools) -> NDArray[np.int32]:
    """Count the steps since the last visit; 0 where there is none in the stretch, or no visit."""
    position = np.arange(visits.shape[1], dtype=np.int32)
    last = np.maximum.accumulate(np.where(visits, position, -1), axis=1)[:, :-1]
    stretch_begins = np.repeat(paths.first, paths.lengths)[1:].astype(np.int32)
    returned = visits[:, 1:] & (last >= stretch_begins)
    return np.where(returned, position[1:] - last, 0)


def _windows(paths: Paths, width: int) -> tuple[Ints, list[NDArray[np.integer]]]:
    """Windows of so many states: their positions, and the states at each step of them."""
    at = paths.unbroken(width - 1)
    return at, [paths.codes[:, at + step] for step in range(width)]


def _multiplicities(columns: Sequence[NDArray[np.integer]], sizes: Sequence[int]) -> Ints:
    """How often each distinct row of the columns occurs in each replicate, zeros in between.

    Columns have shape (replicates, rows) and hold 0, ..., size - 1. Few possible rows are
    tabulated, in their order; where they are many more than the actual ones, these are sorted.
    """
    replicates, rows = columns[-1].shape
    distinct = math.prod(sizes)
    small = replicates * distinct < 2**31
    key = np.zeros((replicates, rows), dtype=np.int32 if small else np.int64)
    for column, size in zip(columns, sizes, strict=True):
        key = key * key.dtype.type(size) + column
    if distinct <= _TABULATED * rows:
        key = key + np.arange(replicates, dtype=key.dtype)[:, None] * distinct
        return np.bincount(key.ravel(), minlength=replicates * distinct).reshape(replicates, -1)
    key.sort(axis=1)
    ends = np.ones(key.shape, dtype=np.bool_)
    np.not_equal(key[:, 1:], key[:, :-1], out=ends[:, :-1])
    place = np.arange(1, rows + 1)
    before = np.maximum.accumulate(np.where(ends, place, 0), axis=1)
    before = np.pad(before[:, :-1], [(0, 0), (1, 0)])
    return np.where(ends, place - before, 0)


def _G2(columns: Sequence[NDArray[np.integer]], sizes: Sequence[int]) -> Floats:
    """Independence of the first column and the last given those between; NaN without rows."""
    replicates, rows = columns[-1].shape
    if rows == 0:
        return np.full(replicates, np.nan)
    if math.prod(sizes) <= _TABULATED * rows:
        table = _multiplicities(columns, sizes).reshape(replicates, *sizes)
        counts = [table, table.sum(axis=-1), table.sum(axis=1), table.sum(axis=(1, -1))]
    else:
        parts = (slice(None), slice(-1), slice(1, None), slice(1, -1))
        counts = [
            _multiplicities(columns[part], sizes[part])
            if columns[part]
            else np.full((replicates, 1), rows)
            for part in parts
        ]
    whole, without_last, without_first, between = (
        xlogy(n, n).reshape(replicates, -1).sum(axis=-1) for n in counts
    )
    difference = whole - without_last - without_first + between
    # What is left of a difference of equal sums by rounding is nothing, and ties with nothing.
    return np.where(difference > 1e-12 * (1 + whole), 2 * difference, 0.0)
