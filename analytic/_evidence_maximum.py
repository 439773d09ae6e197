"""The search for Dirichlet parameters that maximise the evidence, for many tables at a time.

Tables come as (tables, rows, K); see `empirical` for what is maximised and what comes back.
Only tables that have not converged are worked on.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import digamma

from analytic._rising import log_gain, rises
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

CLOSE = 1e-7
"""A Newton step this short is the last: what is left is of the order of its square."""

MAX_STEPS = 200


def in_chunks(solve: Callable[[Floats], Floats], tables: Floats, width: int) -> Floats:
    """Apply `solve` to a bounded number of tables at a time."""
    found = np.empty((len(tables), width))
    step = max(1, CELLS_AT_ONCE // max(1, tables[:1].size))
    for start in range(0, len(tables), step):
        found[start : start + step] = solve(tables[start : start + step])
    return found


def symmetric(tables: Floats) -> Floats:
    """Symmetric parameter of each table, shape (tables, 1)."""
    n_states, totals = tables.shape[-1], tables.sum(axis=-1)
    seen, rows = (tables > 0).sum(axis=(-2, -1)), (totals > 0).sum(axis=-1)
    alpha = np.full((len(tables), 1), np.nan)
    if n_states == 1:
        return alpha
    open_ = np.flatnonzero(~_indifferent(tables, totals))
    tables, totals, seen, rows = tables[open_], totals[open_], seen[open_], rows[open_]

    rising = np.empty((len(open_), len(GRID) + 2), dtype=np.bool_)
    rising[:, 0] = (seen > rows) | (_harmonic(totals).sum(axis=-1) < 0)
    rising[:, 1:-1] = _grid_slopes(tables, totals) > 0
    rising[:, -1] = _rising_at_infinity(tables, totals)
    item, left = np.nonzero(rising[:, :-1] & ~rising[:, 1:])
    nodes = np.log(np.concatenate([[1e-300], GRID, [1e18]]))
    inside = _root(tables[item], totals[item], nodes[left], nodes[left + 1])

    at_zero, at_infinity = np.flatnonzero(~rising[:, 0]), np.flatnonzero(rising[:, -1])
    item = np.concatenate([item, at_zero, at_infinity])
    value = np.concatenate([inside, np.zeros(len(at_zero)), np.full(len(at_infinity), np.inf)])
    several = np.bincount(item, minlength=len(open_))[item] > 1
    gain = np.zeros(len(item))
    gain[several] = _symmetric_gain(tables[item[several]], totals[item[several]], value[several])
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


def _grid_slopes(tables: Floats, totals: Floats) -> Floats:
    """Slope of the evidence in log a at every point of the grid, shape (tables, grid)."""
    n_states = tables.shape[-1]
    slopes = np.zeros((len(tables), len(GRID)))
    for values, scale, sign in ((tables, 1, 1.0), (totals, n_states, -1.0)):
        # Counts repeat, so the special functions are evaluated once per count that occurs.
        distinct, where = np.unique(values, return_inverse=True)
        rise = rises(np.asarray(scale * GRID[:, None], dtype=np.float64), distinct)[0]
        for k in range(len(GRID)):
            cells = rise[k][where].reshape(values.shape)
            slopes[:, k] += sign * cells.sum(axis=tuple(range(1, cells.ndim)))
    return slopes


def _rising_at_infinity(tables: Floats, totals: Floats) -> Bools:
    """Sign of the derivative at infinity: its first term, or the next where that is zero."""
    n_states = tables.shape[-1]
    scale = (tables * tables).sum(axis=(-2, -1))
    pairs = (tables * (tables - 1)).sum(axis=(-2, -1))
    pairs -= (totals * (totals - 1)).sum(axis=-1) / n_states
    next_term = (tables * (tables - 1) * (2 * tables - 1)).sum(axis=(-2, -1))
    next_term -= (totals * (totals - 1) * (2 * totals - 1)).sum(axis=-1) / n_states**2
    return np.where(np.abs(pairs) > ROUNDING * scale, pairs < 0, next_term > 0)


def _root(tables: Floats, totals: Floats, low: Floats, high: Floats) -> Floats:
    """Zero of the slope between two values of log a: Newton inside a shrinking bracket."""
    n_states = tables.shape[-1]
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
        first_row, second_row = rises(n_states * a[:, None], totals[active])
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
        raise _not_found(tables[active[0]])
    return np.exp(x)


def _symmetric_gain(tables: Floats, totals: Floats, a: Floats) -> Floats:
    """Log evidence over its limit at infinity, for parameters from 0 to infinity."""
    n_states = tables.shape[-1]
    inner = (a > 0) & np.isfinite(a)
    b = np.where(inner, a, 1.0)[:, None]
    gain = _gain(tables, totals, b, n_states * b)
    certain = (totals.sum(axis=-1) - (totals > 0).sum(axis=-1)) * np.log(n_states)
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

    climb = np.flatnonzero(~zero & ~indifferent & (entered.sum(axis=-1) > 1))
    tables, totals, entries = tables[climb], totals[climb], entries[climb]
    entered, pooled = entered[climb], np.where(entered, pooled, 1.0)[climb]
    excess = (tables * (tables - 1) / pooled[:, None, :]).sum(axis=(-2, -1))
    spread = excess - (totals * (totals - 1)).sum(axis=-1)
    closed = spread <= ROUNDING * (totals * totals).sum(axis=-1)  # infinity is a maximum
    start = _start(tables, totals, entered, pooled, closed)
    beyond = totals.max(axis=-1) ** 2 / pooled.min(axis=-1) + 4 * TRIALS[-1]
    found = _climb(tables, totals, entered, start, np.where(closed, np.log(beyond), np.inf))

    inside = np.flatnonzero(closed & np.isfinite(found).all(axis=-1))
    top, share = np.where(entered, np.exp(found), 1.0)[inside], pooled[inside]
    total = np.where(entered[inside], top, 0.0).sum(axis=-1, keepdims=True)
    gain = _gain(tables[inside], totals[inside], top, total)
    gain += (entries[inside] * np.log(top / total / share)).sum(axis=-1)
    found[inside[gain <= 0]] = np.inf
    alpha[climb] = np.where(entered, np.exp(found), 0.0)
    return alpha


def _start(tables: Floats, totals: Floats, entered: Bools, pooled: Floats, closed: Bools) -> Floats:
    """Log alpha from which to climb: the best of the trials.

    They are concentrations around the pooled row and around the mean of the rows, which is what
    rows of very different length have in common if they differ. Where infinity is a maximum, so
    that the pooled row may just lead there, the mean of the rows is preferred.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(totals[..., None] > 0, tables / totals[..., None], 0.0)
    mean = ratio.sum(axis=-2) / (totals > 0).sum(axis=-1)[:, None]
    bases = np.stack([pooled, np.where(entered, mean, 1.0)])
    loss = (tables.sum(axis=-2) * np.log(bases / pooled)).sum(axis=-1)
    gains = np.stack([loss + _gain(tables, totals, s * bases, s) for s in TRIALS], axis=-1)
    best = gains.max(axis=-1)
    side = np.where(closed & (best[0] <= 0), 1, best.argmax(axis=0))
    items = np.arange(len(tables))
    concentration = TRIALS[gains[side, items].argmax(axis=-1)]
    # Half a trial is left of the maximum along its ray, where Newton's method is at home.
    return np.asarray(np.log(bases[side, items] * concentration[:, None] / 2))


def _climb(tables: Floats, totals: Floats, entered: Bools, x: Floats, beyond: Floats) -> Floats:
    """Maximum of the evidence in log alpha, uphill from `x`; inf where that leads `beyond`.

    There the evidence is its limit plus a multiple of 1 / concentration, and has no maximum but
    the one at infinity.
    """
    x = x.copy()
    gradient, step, _ = _newton(tables, totals, entered, x)
    active: Ints = np.arange(len(x))
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        new = x[active] + step
        new_gradient, new_step, level = _newton(
            tables[active], totals[active], entered[active], new
        )
        # A step far beyond the maximum, where the slope has turned, is cut in two.
        slope, ahead = (gradient * step).sum(axis=-1), (new_gradient * step).sum(axis=-1)
        done = (np.abs(step).max(axis=-1) < CLOSE) | level
        taken = done | (ahead >= -slope / 2)
        x[active[taken]] = new[taken]
        gradient = np.where(taken[:, None], new_gradient, gradient)
        step = np.where(taken[:, None], new_step, step / 2)
        away = np.where(entered[active], x[active], -np.inf).max(axis=-1) > beyond[active]
        x[active[away]] = np.inf
        done |= away
        gradient, step, active = gradient[~done], step[~done], active[~done]
    if len(active) > 0:
        raise _not_found(tables[active[0]])
    return x


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


def _gain(tables: Floats, totals: Floats, alpha: Floats, total: Floats | float) -> Floats:
    """Log evidence at `alpha` over its limit at infinity in the same direction."""
    cells = log_gain(alpha[..., None, :], tables).sum(axis=(-2, -1))
    return np.asarray(cells - log_gain(np.asarray(total), totals).sum(axis=-1))


def _not_found(table: Floats) -> RuntimeError:
    """Say for which table the search failed, rather than return where it stood."""
    return RuntimeError(
        f"no maximum of the evidence found in {MAX_STEPS} steps for counts {table.tolist()}; "
        f"please report this table"
    )
