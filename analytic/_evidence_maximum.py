"""The search for Dirichlet parameters that maximise the evidence, for many tables at a time.

Tables come as (tables, rows, K), and with them which transitions are possible; see `empirical` for
what is maximised and what comes back. Only tables that have not converged are worked on.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import digamma

from analytic._rows import choices
from analytic.rising import log_gain, rises
from analytic.validate import Bools, Floats, Ints

CELLS_AT_ONCE = 2**16
"""Cells that are worked on together: enough to be fast, few enough to stay in the cache."""

GRID = 2.0 ** np.arange(-16, 21)
"""Where the slope of the symmetric evidence is looked at, to bracket every maximum."""

TRIALS = 4.0 ** np.arange(-1, 5)
"""Total concentrations among which the vector's climb finds its start."""

ROUNDING = 1e-13
"""A derivative this small, relative to its terms, is zero."""

LONGEST_STEP = 2.0
"""Bound on a change of log alpha, for where the evidence is nearly flat."""

ROUNDING_OF_SUM = 16 * float(np.finfo(np.float64).eps)
"""A slope this small, relative to the counts it is summed from, tells nothing about direction."""

NEVER = -700.0
"""Log alpha of a state that is never entered; it stays there."""

CLOSE = 1e-7
"""A Newton step this short is the last: what is left is of the order of its square."""

MAX_STEPS = 200

type Newton = Callable[[Floats, Floats, Bools, Floats], tuple[Floats, Floats, Bools]]
"""From tables, totals, a mask and log alpha: the gradient, a step, where the gradient is zero."""


def in_chunks(
    solve: Callable[[Floats, Bools], Floats], tables: Floats, possible: Bools, width: int
) -> Floats:
    """Apply `solve` to a bounded number of tables at a time."""
    found = np.empty((len(tables), width))
    step = max(1, CELLS_AT_ONCE // max(1, tables[:1].size))
    for start in range(0, len(tables), step):
        part = slice(start, start + step)
        found[part] = solve(tables[part], possible[part])
    return found


def symmetric(tables: Floats, possible: Bools) -> Floats:
    """Symmetric parameter of each table, shape (tables, 1)."""
    ways = choices(possible)[..., 0]
    # A row that can go one way only has the same evidence under any prior.
    tables = np.where(ways[..., None] > 1, tables, 0.0)
    totals = tables.sum(axis=-1)
    alpha = np.full((len(tables), 1), np.nan)
    open_ = np.flatnonzero(~_indifferent(tables, totals))
    tables, totals, ways = tables[open_], totals[open_], ways[open_]
    seen, rows = (tables > 0).sum(axis=(-2, -1)), (totals > 0).sum(axis=-1)

    rising = np.empty((len(open_), len(GRID) + 2), dtype=np.bool_)
    rising[:, 0] = (seen > rows) | (((ways - 1) * _harmonic(totals)).sum(axis=-1) < 0)
    rising[:, 1:-1] = _grid_slopes(tables, totals, ways) > 0
    rising[:, -1] = _rising_at_infinity(tables, totals, ways)
    item, left = np.nonzero(rising[:, :-1] & ~rising[:, 1:])
    nodes = np.log(np.concatenate([[1e-300], GRID, [1e18]]))
    inside = _root(tables[item], totals[item], ways[item], nodes[left], nodes[left + 1])

    at_zero, at_infinity = np.flatnonzero(~rising[:, 0]), np.flatnonzero(rising[:, -1])
    item = np.concatenate([item, at_zero, at_infinity])
    value = np.concatenate([inside, np.zeros(len(at_zero)), np.full(len(at_infinity), np.inf)])
    several = np.bincount(item, minlength=len(open_))[item] > 1
    gain = np.zeros(len(item))
    one = item[several]
    gain[several] = _symmetric_gain(tables[one], totals[one], ways[one], value[several])
    last_is_best = np.lexsort((gain, item))
    alpha[open_[item[last_is_best]], 0] = value[last_is_best]
    return alpha


def _indifferent(tables: Floats, totals: Floats) -> Bools:
    """Tell where no row has two transitions: concentration does not enter the evidence."""
    single = (totals == 0) | ((totals == 1) & (tables.max(axis=-1) == 1))
    return np.asarray(single.all(axis=-1))


def _harmonic(totals: Floats) -> Floats:
    """Sum of 1/r for r below n, psi(n) - psi(1), and 0 for no count."""
    some = totals > 0
    return np.where(some, digamma(np.where(some, totals, 1.0)) - digamma(1.0), 0.0)


def _grid_slopes(tables: Floats, totals: Floats, ways: Floats) -> Floats:
    """Slope of the evidence in log a at every point of the grid, shape (tables, grid)."""
    slopes = np.zeros((len(tables), len(GRID)))
    rows = [(np.where(ways == k, totals, 0.0), float(k), -1.0) for k in np.unique(ways)]
    for values, scale, sign in ((tables, 1.0, 1.0), *rows):
        # Counts repeat, so the special functions are evaluated once per count that occurs.
        distinct, where = np.unique(values, return_inverse=True)
        rise = rises(np.asarray(scale * GRID[:, None], dtype=np.float64), distinct)[0]
        for k in range(len(GRID)):
            cells = rise[k][where].reshape(values.shape)
            slopes[:, k] += sign * cells.sum(axis=tuple(range(1, cells.ndim)))
    return slopes


def _rising_at_infinity(tables: Floats, totals: Floats, ways: Floats) -> Bools:
    """Sign of the derivative at infinity: its first term, or the next where that is zero."""
    scale = (tables * tables).sum(axis=(-2, -1))
    pairs = (tables * (tables - 1)).sum(axis=(-2, -1))
    pairs -= (totals * (totals - 1) / ways).sum(axis=-1)
    next_term = (tables * (tables - 1) * (2 * tables - 1)).sum(axis=(-2, -1))
    next_term -= (totals * (totals - 1) * (2 * totals - 1) / ways**2).sum(axis=-1)
    return np.where(np.abs(pairs) > ROUNDING * scale, pairs < 0, next_term > 0)


def _root(tables: Floats, totals: Floats, ways: Floats, low: Floats, high: Floats) -> Floats:
    """Zero of the slope between two values of log a: Newton inside a shrinking bracket."""
    low, high = low.copy(), high.copy()
    # The two outermost brackets are very long, and the zero is near their inner end.
    below, above = low < np.log(GRID[0]), high > np.log(GRID[-1])
    x = np.where(below, high - 0.5, np.where(above, low + 0.5, (low + high) / 2))
    active = np.arange(len(x))
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        here = x[active]
        a = np.exp(here)
        first, second = rises(a[:, None, None], tables[active])
        first_row, second_row = rises(ways[active] * a[:, None], totals[active])
        slope = first.sum(axis=(-2, -1)) - first_row.sum(axis=-1)
        curve = slope - second.sum(axis=(-2, -1)) + second_row.sum(axis=-1)
        up = slope > 0
        low[active[up]], high[active[~up]] = here[up], here[~up]
        with np.errstate(divide="ignore", invalid="ignore"):
            new = here - slope / curve
        inside = (new > low[active]) & (new < high[active])
        new = np.where(inside, new, (low[active] + high[active]) / 2)
        x[active] = new
        narrow = high[active] - low[active] < 1e-12 * (1 + np.abs(here))
        active = active[~narrow & ~(inside & (np.abs(new - here) < CLOSE))]
    if len(active) > 0:
        raise not_found(tables[active[0]])
    return np.exp(x)


def _symmetric_gain(tables: Floats, totals: Floats, ways: Floats, a: Floats) -> Floats:
    """Log evidence over its limit at infinity, for parameters from 0 to infinity."""
    inner = (a > 0) & np.isfinite(a)
    b = np.where(inner, a, 1.0)[:, None]
    gain = evidence_gain(tables, totals, b, ways * b)
    certain = (np.where(totals > 0, totals - 1, 0.0) * np.log(ways)).sum(axis=-1)
    return np.where(inner, gain, np.where(a == 0, certain, 0.0))


def common(tables: Floats) -> Floats:
    """Parameters common to the rows of each table, shape (tables, K)."""
    totals, entries = tables.sum(axis=-1), tables.sum(axis=-2)
    entered = entries > 0
    pooled = entries / np.maximum(entries.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
    alpha = np.where(entered, np.inf, 0.0)
    indifferent = _indifferent(tables, totals) & (entered.sum(axis=-1) != 1)
    alpha[indifferent] = np.nan
    rows_to = (tables > 0).sum(axis=-2)
    rows = np.maximum((totals > 0).sum(axis=-1), 1)
    reached = (rows_to / rows[:, None])[:, None, :]
    fall = (np.where(tables > 0, 1 - reached, 0.0) * _harmonic(totals)[..., None]).sum(axis=(1, 2))
    zero = (rows_to.sum(axis=-1) == rows) & (fall > 0)
    alpha[zero] = 0.0

    inner = np.flatnonzero(~zero & ~indifferent & (entered.sum(axis=-1) > 1))
    tables, totals, entries = tables[inner], totals[inner], entries[inner]
    entered, pooled = entered[inner], np.where(entered, pooled, 1.0)[inner]
    excess = (tables * (tables - 1) / pooled[:, None, :]).sum(axis=(-2, -1))
    spread = excess - (totals * (totals - 1)).sum(axis=-1)
    closed = spread <= ROUNDING * (totals * totals).sum(axis=-1)  # infinity is a maximum
    beyond = totals.max(axis=-1) ** 2 / pooled.min(axis=-1) + 4 * TRIALS[-1]
    beyond = np.where(closed, np.log(beyond), np.inf)
    x, highest = np.full(entered.shape, np.inf), np.where(closed, 0.0, -np.inf)
    for start in _starts(tables, totals, entered, pooled):
        end, away = climb(_newton, tables, totals, entered, start, beyond)
        gain = np.where(away, -np.inf, _gain_over_pooled(tables, totals, entered, pooled, end))
        x = np.where((gain > highest)[:, None], end, x)
        highest = np.maximum(gain, highest)
    alpha[inner] = np.where(entered, np.exp(x), 0.0)
    return alpha


def _starts(tables: Floats, totals: Floats, entered: Bools, pooled: Floats) -> list[Floats]:
    """Log alpha from which to climb: the best of the trials around each of two rows.

    They are the pooled row and the mean of the rows, which is what rows of very different length
    have in common if they differ.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(totals[..., None] > 0, tables / totals[..., None], 0.0)
    mean = ratio.sum(axis=-2) / (totals > 0).sum(axis=-1)[:, None]
    starts = []
    for base in (pooled, np.where(entered, mean, 1.0)):
        gains = np.array([evidence_gain(tables, totals, s * base, s) for s in TRIALS])
        # Half a trial is left of the maximum along its ray, where Newton's method is at home.
        concentration = TRIALS[gains.argmax(axis=0)] / 2
        starts.append(np.where(entered, np.log(base * concentration[:, None]), NEVER))
    return starts


def _gain_over_pooled(
    tables: Floats, totals: Floats, entered: Bools, pooled: Floats, x: Floats
) -> Floats:
    """Log evidence at log alpha `x` over its limit at infinity around the pooled row."""
    alpha = np.where(entered, np.exp(x), 1.0)
    total = np.where(entered, alpha, 0.0).sum(axis=-1, keepdims=True)
    turn = (tables.sum(axis=-2) * np.log(alpha / total / pooled)).sum(axis=-1)
    return turn + evidence_gain(tables, totals, alpha, total)


def climb(
    newton: Newton, tables: Floats, totals: Floats, mask: Bools, x: Floats, beyond: Floats
) -> tuple[Floats, Bools]:
    """Maximum of the evidence in log alpha, uphill from `x`, and where that leads `beyond`.

    There the evidence is its limit plus a multiple of 1 / concentration, and has no maximum but
    the one at infinity.
    """
    x, away = x.copy(), np.zeros(len(x), dtype=np.bool_)
    gradient, step, _ = newton(tables, totals, mask, x)
    active: Ints = np.arange(len(x))
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        new = x[active] + step
        new_gradient, new_step, level = newton(tables[active], totals[active], mask[active], new)
        # A step far beyond the maximum, where the slope has turned, is cut in two.
        slope, ahead = (gradient * step).sum(axis=-1), (new_gradient * step).sum(axis=-1)
        done = (np.abs(step).max(axis=-1) < CLOSE) | level
        taken = done | (ahead >= -slope / 2)
        x[active[taken]] = new[taken]
        gradient = np.where(taken[:, None], new_gradient, gradient)
        step = np.where(taken[:, None], new_step, step / 2)
        away[active] = x[active].max(axis=-1) > beyond[active]
        done |= away[active]
        gradient, step, active = gradient[~done], step[~done], active[~done]
    if len(active) > 0:
        raise not_found(tables[active[0]])
    return x, away


def _newton(
    tables: Floats, totals: Floats, entered: Bools, x: Floats
) -> tuple[Floats, Floats, Bools]:
    """Gradient in log alpha, a step that climbs, and where the gradient is only rounding.

    The step is Newton's with curvature made positive. Minus the Hessian is
    diag(d) - c share share', inverted by Sherman and Morrison's formula. At a large concentration
    its curvature along alpha, and the slope, are small differences of counts; they are written
    with the counts already taken off.
    """
    alpha = np.where(entered, np.exp(x), 0.0)
    share = alpha / alpha.sum(axis=-1, keepdims=True)
    entries = tables.sum(axis=-2)
    n = entries.sum(axis=-1, keepdims=True)
    first, second = (
        part.sum(axis=-2) for part in rises(np.where(entered, alpha, 1.0)[:, None, :], tables)
    )
    first_row, second_row = (
        part.sum(axis=-1, keepdims=True) for part in rises(alpha.sum(axis=-1)[:, None], totals)
    )
    excess = entries - n * share
    excess -= share * excess.sum(axis=-1, keepdims=True)
    along = first - share * first_row
    gradient = along + excess

    weight = np.where(entered, n * share, 1.0)
    bend = np.where(entered, (second - along) / weight, 0.0)  # d is weight (1 + bend)
    bend = np.where(bend > -1, bend, -2 - bend)
    d = weight * np.maximum(1 + bend, 1e-12)
    rest = (share * (bend - second_row / n) * weight / d).sum(axis=-1, keepdims=True)
    pull = (n + second_row) * (share * gradient / d).sum(axis=-1, keepdims=True)
    step = (gradient + share * pull / np.maximum(np.abs(rest), 1e-30)) / d
    largest = np.abs(step).max(axis=-1, keepdims=True)

    terms = np.abs(first).sum(axis=-1) + np.abs(first_row[:, 0])
    level = np.abs(along.sum(axis=-1)) <= ROUNDING_OF_SUM * terms
    level &= (np.abs(gradient) <= 4 * ROUNDING_OF_SUM * entries).all(axis=-1)
    return gradient, step * (LONGEST_STEP / np.maximum(largest, LONGEST_STEP)), level


def evidence_gain(tables: Floats, totals: Floats, alpha: Floats, total: Floats | float) -> Floats:
    """Log evidence at `alpha` over its limit at infinity in the same direction."""
    cells = log_gain(alpha[..., None, :], tables).sum(axis=(-2, -1))
    return np.asarray(cells - log_gain(np.asarray(total), totals).sum(axis=-1))


def not_found(table: Floats) -> RuntimeError:
    """Say for which table the search failed, rather than return where it stood."""
    return RuntimeError(
        f"no maximum of the evidence found in {MAX_STEPS} steps for counts {table.tolist()}; "
        f"please report this table"
    )
