"""Common Dirichlet parameters that maximise the evidence where not all transitions are possible.

The prior of a row is Dirichlet with the parameters of its possible next states. A row says nothing
about them if it has no counts, or only one next state that is possible and ever entered. What
remains falls into groups of states that share rows, directly or by way of other states. Groups are
problems of their own; one whose rows all have the same possible states is the ordinary one.
"""

import numpy as np

from analytic._evidence_maximum import (
    LONGEST_STEP,
    NEVER,
    ROUNDING_OF_SUM,
    TRIALS,
    climb,
    common,
)
from analytic.rising import log_gain, rises
from analytic.validate import Bools, Floats, Ints

FAR = 1e3
"""Concentration per departure from which the last climb starts, to find a far maximum."""

ENDLESS = 1e10
"""Concentration per departure that counts as infinite, where it changes rows by 1e-10.

Where one parameter is infinite beside another that is so too, by about 1e-5."""

VANISHING = 1e-10
"""A parameter that counts as zero."""


def prior(tables: Floats, possible: Bools) -> tuple[Floats, Floats, Ints]:
    """Give alpha, shares and group of every state, each of shape (tables, K).

    alpha is NaN where the evidence leaves it open. The shares are alpha where it is finite and
    positive; they tell infinite and zero parameters of a group apart. A state that is never
    entered has neither.
    """
    if possible.all():
        alpha = common(tables)
        return alpha, _shares(tables, alpha), np.zeros(alpha.shape, dtype=np.int64)
    core, lost = _core(tables, possible)
    group = _groups(core)
    entered = (tables.sum(axis=-2) > 0) & ~lost
    share = entered.astype(np.float64)
    only = entered & (entered.sum(axis=-1, keepdims=True) == 1)
    alpha = np.where(only, np.inf, np.where(entered, np.nan, 0.0))

    item, first = np.nonzero(group == np.arange(tables.shape[-1]))
    member = group[item] == first[:, None]
    mask = core[item] & member[:, None, :]
    counts = np.where(mask, tables[item], 0.0)
    regular = (mask == (mask.any(axis=-1, keepdims=True) & member[:, None, :])).all(axis=(1, 2))
    found, weight = np.empty(member.shape), np.empty(member.shape)
    found[regular] = common(counts[regular])
    weight[regular] = _shares(counts[regular], found[regular])
    found[~regular], weight[~regular] = _ragged(counts[~regular], mask[~regular])
    at, state = np.nonzero(member)
    alpha[item[at], state], share[item[at], state] = found[at, state], weight[at, state]
    return alpha, share, group


def _shares(tables: Floats, alpha: Floats) -> Floats:
    """Give alpha where it is finite; in its place, the pooled row if it is infinite.

    If it is zero, so that every row is certain, the share of the rows that lead to each state.
    """
    entries, certain = tables.sum(axis=-2), (tables > 0).sum(axis=-2)
    zero = (alpha == 0).all(axis=-1, keepdims=True)
    return np.where(zero, certain, np.where(np.isfinite(alpha), alpha, entries))


def _core(tables: Floats, possible: Bools) -> tuple[Bools, Bools]:
    """Cells of the rows that say something, and states that lose all of their comparisons.

    Such rows have counts, and two next states at least that can be wanted. A state that rows could
    have entered and never did is wanted by none, so that its parameter is 0; without it more rows
    may have one way only, and be silent.
    """
    core = possible & (tables.sum(axis=-1, keepdims=True) > 0)
    core &= core.sum(axis=-1, keepdims=True) > 1
    lost = np.zeros((len(tables), tables.shape[-1]), dtype=np.bool_)
    while True:
        losing = core.any(axis=-2) & ~(core & (tables > 0)).any(axis=-2)
        if not losing.any():
            return core, lost
        lost |= losing
        core &= ~losing[:, None, :]
        core &= core.sum(axis=-1, keepdims=True) > 1


def _groups(core: Bools) -> Ints:
    """First state that every state is linked to by rows in common; -1 outside of the core."""
    cells = core.astype(np.float64)
    linked = np.swapaxes(cells, -2, -1) @ cells > 0
    for _ in range(core.shape[-1].bit_length()):
        linked = linked.astype(np.float64) @ linked > 0
    return np.where(linked.any(axis=-1), linked.argmax(axis=-1), -1)


def _ragged(tables: Floats, mask: Bools) -> tuple[Floats, Floats]:
    """Maximise over one group whose rows differ in what is possible: alpha, and shares.

    The best of several climbs: from three concentrations around the pooled row and around the mean
    of the rows, and from far out, which leads to the maximum at infinity if there is one.
    """
    totals, member = tables.sum(axis=-1), mask.any(axis=-2)
    largest = totals.max(axis=-1, initial=0.0)[:, None]
    some = np.where(totals > 0, totals, 1.0)[..., None]
    starts = []
    for weight in (some, np.ones_like(some)):  # each state relative to the rows that allow it
        allowed = (mask * weight).sum(axis=-2)
        base = (tables / some * weight).sum(axis=-2) / np.where(member, allowed, 1.0)
        base /= base.sum(axis=-1, keepdims=True)
        starts += [s * base for s in TRIALS[::2]]
    starts.append(FAR * largest * starts[0] / TRIALS[0])

    # All climbs of all tables are made side by side.
    x = np.where(member, np.log(np.where(member, starts, 1.0)), NEVER).reshape(-1, member.shape[-1])
    item = np.tile(np.arange(len(tables)), len(starts))
    part = tables[item], totals[item], mask[item]
    x, _ = climb(_newton, *part, x, np.log(ENDLESS * largest[item, 0]))
    height = _height(*part, np.exp(x)).reshape(len(starts), len(tables))
    x = x.reshape(len(starts), *member.shape)[height.argmax(axis=0), np.arange(len(tables))]

    alpha = np.where(member, np.exp(x), 0.0)
    highest = alpha.max(axis=-1, keepdims=True)
    infinite = member & (alpha > FAR * largest) & (highest > ENDLESS * largest)
    zero = member & (alpha < VANISHING)
    share = np.where(infinite | zero, np.exp(x - x.max(axis=-1, keepdims=True)), alpha)
    return np.where(infinite, np.inf, np.where(zero, 0.0, alpha)), share


def _height(tables: Floats, totals: Floats, mask: Bools, alpha: Floats) -> Floats:
    """Log evidence."""
    cells = np.where(mask, alpha[:, None, :], 0.0)
    sums = np.where(totals > 0, cells.sum(axis=-1), 1.0)
    drawn = np.where(tables > 0, cells / sums[..., None], 1.0)
    rise = log_gain(np.where(mask, cells, 1.0), tables) + tables * np.log(drawn)
    return np.asarray(rise.sum(axis=(-2, -1)) - log_gain(sums, totals).sum(axis=-1))


def _newton(tables: Floats, totals: Floats, mask: Bools, x: Floats) -> tuple[Floats, Floats, Bools]:
    """Gradient in log alpha, a step that climbs, and where the gradient is only rounding.

    The step is Newton's with all curvatures made positive, in coordinates in which the information
    about log alpha at infinity has a unit diagonal.
    """
    cells = np.where(mask, np.exp(x)[:, None, :], 0.0)
    sums = np.where(totals > 0, cells.sum(axis=-1), 1.0)
    share = cells / sums[..., None]
    first, second = rises(np.where(mask, cells, 1.0), tables)
    first_row, second_row = rises(sums, totals)
    gradient = (tables - share * totals[..., None]) + (first - share * first_row[..., None])
    gradient = gradient.sum(axis=-2)
    expected = (share * totals[..., None]).sum(axis=-2)
    scale = np.sqrt(np.where(expected > 0, expected, 1.0))
    bend = (second - first + share * first_row[..., None]).sum(axis=-2)
    root = share * np.sqrt(np.maximum(totals + second_row, 0.0))[..., None]
    curvature = -np.swapaxes(root, -2, -1) @ root / (scale[:, :, None] * scale[:, None, :])
    diagonal = np.where(expected > 0, (expected + bend) / scale**2, 1.0)
    curvature += diagonal[..., None] * np.eye(x.shape[-1])
    values, vectors = np.linalg.eigh(curvature)
    turned = np.einsum("nji,nj->ni", vectors, gradient / scale)
    turned /= np.maximum(np.abs(values), 1e-14)
    step = np.einsum("nij,nj->ni", vectors, turned) / scale
    largest = np.abs(step).max(axis=-1, keepdims=True)
    rounding = ROUNDING_OF_SUM * (tables.sum(axis=-2) + expected)
    level = (np.abs(gradient) <= 4 * rounding).all(axis=-1)
    return gradient, step * (LONGEST_STEP / np.maximum(largest, LONGEST_STEP)), level
