"""One cell of a study of coverage: simulate paths, take intervals, and see what they cover."""

import inspect

import numpy as np

from analytic.intervals import Interval
from analytic.validate import Bools, Floats, Ints, as_numbers, first
from bayes_markov.study.cells import Arrays
from bayes_markov.study.moments import moments_of
from bayes_markov.study.plan import Plan
from bayes_markov.study.simulation import simulate_counts

P_BINS = 20
"""Bins of equal width for the true probability."""


def p_bin(A: Floats) -> Ints:
    """Bin of each true probability: [0, 0.05), [0.05, 0.1), ..., [0.95, 1].

    Round numbers stay on their side of a border when they miss it by rounding.

    Examples
    --------
    >>> p_bin(np.array([0.0, 0.049, 0.05, 0.15, 0.6, 1.0]))
    array([ 0,  0,  1,  3, 12, 19])
    """
    return np.minimum(np.floor(A * P_BINS + 1e-9).astype(np.int64), P_BINS - 1)


def departures_bin(departures: Ints) -> Ints:
    """Bin of a number of departures: 0, 1, 2-3, 4-7, 8-15, ... (its length in binary digits).

    Examples
    --------
    >>> departures_bin(np.array([0, 1, 2, 3, 4, 7, 8]))
    array([0, 1, 2, 2, 3, 3, 4])
    """
    return np.frexp(departures)[1].astype(np.int64)


def coverage_cell(plan: Plan, prob: float, cell: tuple[int, ...]) -> Arrays:
    """Count what is covered, for one block of paths.

    Parameters
    ----------
    plan : Plan
        The study; its rules are intervals.
    prob : float
        Nominal content of the intervals.
    cell : tuple of int
        Truth and block.

    Returns
    -------
    dict of ndarray
        Numbers of paths: "covers" and "defined", shape (lengths, intervals, K+1, K); "joint" and
        "joint_defined", (lengths, intervals, K+1). Moments: "width", shape (5, lengths,
        intervals, K+1, K), and "departures", (5, lengths, K+1). Sums for ratios over the bins of
        `bin_sums`: "by_p" and "by_departures", shape (8, lengths, intervals, bins).
    """
    rng = plan.rng(*cell, 0)
    size = plan.size(cell)
    A = plan.truth.draw(cell[0], size, rng)
    p_bins = np.broadcast_to(p_bin(A[..., 1:, :]), (size, *A[..., 1:, :].shape[-2:]))
    n_bins = int(departures_bin(np.array(plan.lengths[-1]))) + 1
    found: dict[str, list[object]] = {}
    departures = []
    for number, (tables, _) in enumerate(simulate_counts(A, plan.lengths, size, rng=rng)):
        left = tables.sum(axis=-1)
        departures.append(moments_of(left.astype(np.float64)))
        visit_bins = np.broadcast_to(departures_bin(left)[:, 1:, None], p_bins.shape)
        for name, rule in plan.rules.items():
            # The same random numbers for every interval, whichever others are studied.
            low, high = _interval(name, rule, tables, prob, plan.rng(*cell, 1, number))
            defined = ~(np.isnan(low) | np.isnan(high))
            covers = (low <= A) & (high >= A)
            row_defined, row_covers = defined.all(axis=-1), covers.all(axis=-1)
            width = high - low
            inner = defined[:, 1:], covers[:, 1:], np.where(defined, width, 0.0)[:, 1:]
            for key, value in {
                "covers": covers.sum(axis=0, dtype=np.float64),
                "defined": defined.sum(axis=0, dtype=np.float64),
                "joint": row_covers.sum(axis=0, dtype=np.float64),
                "joint_defined": row_defined.sum(axis=0, dtype=np.float64),
                "width": moments_of(width),
                "by_p": bin_sums(p_bins, P_BINS, *inner),
                "by_departures": bin_sums(visit_bins, n_bins, *inner),
            }.items():
                found.setdefault(key, []).append(value)

    shape = (len(plan.lengths), len(plan.rules))
    arrays: Arrays = {"departures": np.moveaxis(np.array(departures), 1, 0)}
    for key, values in found.items():
        array = np.array(values)
        lead = key in ("width", "by_p", "by_departures")
        array = np.moveaxis(array, 1, 0) if lead else array
        arrays[key] = array.reshape(*array.shape[:lead], *shape, *array.shape[1 + lead :])
    return arrays


def bin_sums(bins: Ints, n_bins: int, defined: Bools, covers: Bools, width: Floats) -> Floats:
    """Add up over the paths what ratios by bin, and their standard errors, follow from.

    The cells of one path are dependent, and paths are not: with m, c and w the defined cells, the
    covering ones and their widths of one path in a bin, these are the sums over the paths of
    m, m m, c, c c, c m, w, w w and w m.

    Parameters
    ----------
    bins : ndarray of int
        Bin of each cell, shape (N, K, K).
    n_bins : int
        Number of bins.
    defined, covers, width : ndarray
        Outcome in each cell, of the same shape.

    Returns
    -------
    ndarray
        Shape (8, n_bins).
    """
    n = len(bins)
    at = (np.arange(n)[:, None] * n_bins + bins.reshape(n, -1)).ravel()

    def per_path(values: Floats | Bools) -> Floats:
        total = np.bincount(at, weights=values.ravel(), minlength=n * n_bins)
        return np.asarray(total.reshape(n, n_bins), dtype=np.float64)

    m, c, w = per_path(defined), per_path(covers), per_path(width)
    return np.array([x.sum(axis=0) for x in (m, m * m, c, c * c, c * m, w, w * w, w * m)])


def _interval(
    name: str, rule: Interval, tables: Ints, prob: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Limits of an interval, checked."""
    draws = "rng" in inspect.signature(rule).parameters
    ends = rule(tables, prob=prob, rng=rng) if draws else rule(tables, prob=prob)
    low, high = (as_numbers(f"interval {name!r}", end).astype(np.float64) for end in ends)
    for end in (low, high):
        if end.shape != tables.shape:
            raise ValueError(
                f"interval {name!r} returned shape {end.shape} for tables of shape "
                f"{tables.shape}; it must take a leading batch axis and keep the shape"
            )
    crossed = low > high
    if crossed.any():
        where = first(crossed)
        raise ValueError(
            f"interval {name!r} must have low <= high, got ({low[where]}, {high[where]}) for cell "
            f"{where[1:]} of the table {tables[where[0]].tolist()}"
        )
    return low, high
