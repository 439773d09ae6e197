r"""Maximum likelihood under detailed balance.

A chain is reversible when pi_i P_ij = pi_j P_ji: run backwards, it has the same law. Its
likelihood has no closed maximum, but a concave one in the right coordinates.
"""

import numpy as np
from numpy.typing import ArrayLike

from analytic._rows import ratio
from analytic.functionals import is_irreducible
from analytic.validate import Bools, Counts, Floats, Ints, counts_on_support

CELLS_AT_ONCE = 2**16
"""Cells that are worked on together: enough to be fast, few enough to stay in the cache."""

LONGEST_STEP = 4.0
"""Bound on a change of log y: where the likelihood is flat, Newton's step is far too long."""

ROUNDING_OF_SUM = 16 * float(np.finfo(np.float64).eps)
"""A slope this small, relative to the counts it is summed from, tells nothing about direction."""

CLOSE = 1e-8
"""A Newton step this short is the last: what is left is of the order of its square."""

MAX_STEPS = 200


def reversible(counts: ArrayLike, *, support: ArrayLike | None = None) -> Floats:
    r"""Maximum-likelihood estimate among the reversible chains.

    With x_ij = pi_i P_ij symmetric and x_i its row sums, sum c_ij log(x_ij / x_i) is stationary at
    the fixed point of [1]_,

    .. math:: x_{ij} = \frac{c_{ij} + c_{ji}}{c_i / x_i + c_j / x_j}, \qquad P_{ij} = x_{ij} / x_i.

    In y_i = c_i / x_i it asks for the maximum of

    .. math:: \sum_{i \ne j} c_{ij} \log \frac{y_i}{y_i + y_j},

    the likelihood of the Bradley-Terry model of paired comparisons in which i beat j c_ij times.
    That is concave in log y, and has exactly one maximum, up to scale, if and only if every state
    leads to every other along positive counts [2]_. It is found by Newton's method. The diagonal
    is the count ratio, and so is everything where K = 2.

    The last two axes are one table. Detailed balance holds in the block of the states; s_0 is
    left at once and never entered, and its row is the count ratio.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K+1, K), or (..., K, K) without the s_0 row.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`. In balance a transition is possible in both
        directions or in none. The estimate, 0 wherever no transition was seen in either
        direction, does not change.

    Returns
    -------
    ndarray
        Probabilities, shape of `counts`. The block is NaN throughout where some state does not
        lead to every other along positive counts (for K = 2, an absorbing state, although the
        count ratio is defined there), and where a transition was seen whose reverse the support
        excludes, so that no chain in balance could have made the data. An s_0 row without counts
        is NaN.

    Raises
    ------
    ValueError
        Bad counts or another shape.

    Examples
    --------
    >>> reversible([[1, 2, 0], [1, 1, 1], [1, 5, 10]]).round(6)
    array([[0.333333, 0.602906, 0.063761],
           [0.397094, 0.333333, 0.269573],
           [0.050545, 0.324455, 0.625   ]])

    References
    ----------
    .. [1] Trendelkamp-Schroer, B., Wu, H., Paul, F. and Noe, F. (2015). Estimation and uncertainty
       of reversible Markov models. Journal of Chemical Physics 143, 174101.
    .. [2] Ford, L. R. (1957). Solution of a ranking problem from binary comparisons. American
       Mathematical Monthly 64 (8, part 2), 28-33.
    """
    table, possible = counts_on_support(counts, support)
    n_states = table.shape[-1]
    extra = _rows_of_s0(table)
    block = table[..., extra:, :].astype(np.float64)
    balanced = np.swapaxes(possible[..., extra:, :], -2, -1)
    contradicted = ((block > 0) & ~balanced).any(axis=(-2, -1)).reshape(-1)
    flat = block.reshape(-1, n_states, n_states)
    found = np.full(flat.shape, np.nan)
    step = max(1, CELLS_AT_ONCE // n_states**2)
    for start in range(0, len(flat), step):
        found[start : start + step] = _reversible(flat[start : start + step])
    found[contradicted] = np.nan
    return np.concatenate([ratio(table[..., :extra, :]), found.reshape(block.shape)], axis=-2)


def _rows_of_s0(table: Counts) -> int:
    """Count the rows above the block of the states: one, or none."""
    n_states = table.shape[-1]
    if table.ndim < 2 or table.shape[-2] not in (n_states, n_states + 1):
        raise ValueError(
            f"counts must have shape (..., K+1, K), or (..., K, K) without the s_0 row, "
            f"got {table.shape}"
        )
    return int(table.shape[-2] - n_states)


def _reversible(block: Floats) -> Floats:
    """Reversible estimate of each K x K table; NaN where it does not exist."""
    connected = np.flatnonzero(_strongly_connected(block))
    counts = block[connected]
    win = _probability_to_win(_log_strength(counts))
    pairs = counts + np.swapaxes(counts, -2, -1)
    estimate = np.full(block.shape, np.nan)
    weights = pairs * win
    # The row's own sum is its count but for rounding, which could lift a probability over 1.
    estimate[connected] = weights / weights.sum(axis=-1, keepdims=True)
    return estimate


def _strongly_connected(block: Floats) -> Bools:
    """Tell where every state is left and leads to every other along positive counts."""
    steps = ((block > 0) | np.eye(block.shape[-1], dtype=np.bool_)).astype(np.float64)
    left = (block.sum(axis=-1) > 0).all(axis=-1)
    return left & is_irreducible(steps / steps.sum(axis=-1, keepdims=True))


def _log_strength(counts: Floats) -> Floats:
    """Log y at the maximum, 0 in the first state: Newton's method, halved where it overshoots."""
    n_states = counts.shape[-1]
    off_diagonal = ~np.eye(n_states, dtype=np.bool_)
    wins = np.where(off_diagonal, counts, 0.0)
    pairs = wins + np.swapaxes(wins, -2, -1)
    theta = np.zeros(counts.shape[:-1])
    gradient, step = _newton(wins, pairs, theta)
    active: Ints = np.arange(len(counts))
    for _ in range(MAX_STEPS):
        if len(active) == 0:
            break
        new = theta[active] + step
        new_gradient, new_step = _newton(wins[active], pairs[active], new)
        # Concave: a slope at the far end not steeper than half the one here is past no return.
        slope, ahead = (gradient * step).sum(axis=-1), (new_gradient * step).sum(axis=-1)
        rounding = ROUNDING_OF_SUM * pairs[active].sum(axis=-1)
        done = (np.abs(step).max(axis=-1) < CLOSE) | (np.abs(gradient) <= rounding).all(axis=-1)
        taken = done | (ahead >= -slope / 2)
        theta[active[taken]] = new[taken]
        gradient = np.where(taken[:, None], new_gradient, gradient)
        step = np.where(taken[:, None], new_step, step / 2)
        gradient, step, active = gradient[~done], step[~done], active[~done]
    if len(active) > 0:
        raise RuntimeError(
            f"no reversible maximum found in {MAX_STEPS} steps for counts "
            f"{counts[active[0]].tolist()}; please report this table"
        )
    return theta


def _newton(wins: Floats, pairs: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Gradient in log y and Newton's step, which leaves the first state where it is.

    Minus the Hessian is a graph Laplacian. Its states are eliminated one by one without a
    subtraction, so that weights of any size keep their precision.
    """
    win = _probability_to_win(theta)
    gradient = (wins - pairs * win).sum(axis=-1)
    weight = pairs * win * np.swapaxes(win, -2, -1)
    step = gradient.copy()
    for n in range(wins.shape[-1] - 1, 0, -1):
        share = weight[:, n, :n] / weight[:, n, :n].sum(axis=-1, keepdims=True)
        weight[:, :n, :n] += weight[:, :n, n, None] * share[:, None, :]
        step[:, :n] += step[:, n, None] * share
        step[:, n] /= weight[:, n, :n].sum(axis=-1)
    step[:, 0] = 0.0
    for n in range(1, wins.shape[-1]):
        total = weight[:, n, :n].sum(axis=-1)
        step[:, n] += (weight[:, n, :n] * step[:, :n]).sum(axis=-1) / total
    largest = np.abs(step).max(axis=-1, keepdims=True)
    return gradient, step * (LONGEST_STEP / np.maximum(largest, LONGEST_STEP))


def _probability_to_win(theta: Floats) -> Floats:
    """Matrix of y_i / (y_i + y_j), exact also where one is far larger than the other."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(theta[:, None, :] - theta[:, :, None])))
