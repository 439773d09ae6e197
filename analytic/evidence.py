r"""Marginal likelihood and leave-one-out of Dirichlet rows, both in closed form.

Everything here is about the *sequence*: the probability of the observed order of the states, with
no multinomial coefficient. The evidence is then the product of one-step predictive probabilities
and sums to one over all sequences of a length.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytic.display import brief
from analytic.rising import log_rising
from analytic.validate import (
    Floats,
    as_alpha,
    as_counts,
    as_support,
    check_off_support,
    check_whole,
    split_axes,
)


class Loo(NamedTuple):
    """Leave-one-out expected log predictive density, exact.

    See `loo_transitions` for an example.
    """

    elpd: float
    """Sum of the log predictive densities of everything left out in turn, in nats."""

    se: float
    """Standard error of `elpd` over what is left out, N^(1/2) times the standard deviation
    (divisor N - 1); NaN for a single one."""

    pointwise: Floats
    """Log predictive density of each cell or unit; NaN in a cell without counts."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


def log_evidence(
    counts: ArrayLike, alpha: ArrayLike, *, order: int = 1, support: ArrayLike | None = None
) -> Floats:
    r"""Log marginal likelihood of the sequences behind a table of counts.

    .. math::
        \log p(z \mid \alpha) = \sum_i \Bigl[ \ln\Gamma(\alpha_{i\cdot})
        - \ln\Gamma(\alpha_{i\cdot} + n_i)
        + \sum_j \bigl( \ln\Gamma(\alpha_{ij} + n_{ij}) - \ln\Gamma(\alpha_{ij}) \bigr) \Bigr]

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., *history, K); axes before the last order + 1 are a batch.
    alpha : array_like
        Dirichlet parameters, positive: a number, one per next state, or one per cell.
    order : int, default 1
        Order of the table.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`.

    Returns
    -------
    float or ndarray
        Log-evidence in nats, of the batch shape. 0 for a table without counts.

    Raises
    ------
    ValueError
        Bad counts or alpha, or counts outside the support.

    Examples
    --------
    Under a flat prior the path 0, 1, 1 has probability 1/2 x 1/2 x 1/2:

    >>> np.exp(log_evidence([[1, 0], [0, 1], [0, 1]], 1)).round(6)
    np.float64(0.125)

    References
    ----------
    .. [1] Strelioff, C. C., Crutchfield, J. P. and Hubler, A. W. (2007). Inferring Markov chains:
       Bayesian estimation, model comparison, entropy rate, and out-of-class modeling. Physical
       Review E 76, 011106.
    """
    table = as_counts(counts)
    axes = split_axes("counts", table, order)
    mask = as_support(support, table.shape)
    check_off_support(table, mask)
    prior = as_alpha(alpha, table.shape, mask)
    cells = _log_rising(prior, table).sum(axis=axes)
    rows = _log_rising(prior.sum(axis=-1), table.sum(axis=-1)).sum(axis=axes[1:])
    return np.asarray(cells - rows)[()]


def loo_transitions(
    counts: ArrayLike, alpha: ArrayLike, *, order: int = 1, support: ArrayLike | None = None
) -> Loo:
    r"""Leave out one transition at a time, and predict it from all the others.

    .. math::
        \mathrm{elpd} = \sum_{ij} n_{ij}
        \log \frac{n_{ij} - 1 + \alpha_{ij}}{n_i - 1 + \alpha_{i\cdot}}

    Transitions of one cell are exchangeable, so the cost does not depend on their number.

    Parameters
    ----------
    counts : array_like
        Whole-numbered counts of one table, shape (*history, K). Every row is scored, s_0's too.
    alpha : array_like
        Dirichlet parameters, positive.
    order : int, default 1
        Order of the table.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`.

    Returns
    -------
    Loo
        `elpd` in nats, `se`, and `pointwise` per cell (shape of `counts`).

    Raises
    ------
    ValueError
        Fractional counts, more than one table, no counts at all, or bad alpha.

    Examples
    --------
    >>> loo_transitions([[1, 0], [1, 4], [3, 1]], 1).elpd.round(6)
    np.float64(-7.248682)

    References
    ----------
    .. [1] Vehtari, A., Gelman, A. and Gabry, J. (2017). Practical Bayesian model evaluation using
       leave-one-out cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
    """
    table = as_counts(counts)
    split_axes("counts", table, order)
    if table.ndim != order + 1:
        raise ValueError(
            f"counts must be one table of order {order}, got shape {table.shape}; "
            f"sum over units first, or give order="
        )
    check_whole(table)
    mask = as_support(support, table.shape)
    check_off_support(table, mask)
    prior = as_alpha(alpha, table.shape, mask)
    seen = table > 0
    # One is taken off the count and not off the sum, in which a small alpha would vanish.
    cells = np.where(seen, prior + (table - 1), 1.0)
    rows = prior.sum(axis=-1, keepdims=True) + (table.sum(axis=-1, keepdims=True) - 1)
    pointwise = np.log(cells / np.where(seen, rows, 1.0))
    pointwise[~seen] = np.nan
    return _loo(pointwise, pointwise[seen], table[seen].astype(np.float64))


def loo_units(
    tables: ArrayLike, alpha: ArrayLike, *, order: int = 1, support: ArrayLike | None = None
) -> Loo:
    r"""Leave out one unit at a time, and predict all of its transitions from the other units.

    .. math::
        \mathrm{elpd} = \sum_u \log p(n^{(u)} \mid \alpha + \textstyle\sum_{v \neq u} n^{(v)})

    where p is the evidence of `log_evidence`.

    Parameters
    ----------
    tables : array_like
        Counts, shape (units, *history, K).
    alpha : array_like
        Dirichlet parameters, positive, of one table.
    order : int, default 1
        Order of the tables.
    support : array_like of bool, optional
        Possible transitions, shape of one table.

    Returns
    -------
    Loo
        `elpd` in nats, `se`, and `pointwise` per unit.

    Raises
    ------
    ValueError
        Not one axis of units before the table, no unit, or bad counts or alpha.

    Examples
    --------
    >>> tables = [[[1, 0], [1, 2], [1, 0]], [[0, 1], [0, 1], [1, 3]]]
    >>> loo_units(tables, 1).pointwise.round(4)
    array([-4.4998, -5.0106])
    """
    table = as_counts(tables, "tables")
    split_axes("tables", table, order)
    if table.ndim != order + 2 or len(table) == 0:
        raise ValueError(
            f"tables must have one axis of units before a table of order {order}, "
            f"got shape {table.shape}"
        )
    mask = as_support(support, table.shape[1:])
    prior = as_alpha(alpha, table.shape[1:], mask)
    # Counts are subtracted first: added to a large one, a small alpha would vanish.
    others = prior + (table.sum(axis=0) - table)
    full_mask = np.broadcast_to(prior > 0, table.shape)
    pointwise = np.atleast_1d(log_evidence(table, others, order=order, support=full_mask))
    return _loo(pointwise, pointwise, np.ones(len(table)))


def _log_rising(start: Floats, steps: ArrayLike) -> Floats:
    """Log of the rising factorial; 0 for no steps, also where the support leaves no start."""
    steps = np.asarray(steps, dtype=np.float64)
    some = steps > 0
    return np.where(some, log_rising(np.where(some, start, 1.0), steps), 0.0)


def sum_and_error(values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """Sum of `values`, each occurring `weights` times, and the standard error of the sum.

    The error is N^(1/2) times the standard deviation (divisor N - 1); NaN for a single value or an
    infinite sum.
    """
    w = np.ones(len(values)) if weights is None else weights
    n, total = float(w.sum()), float((w * values).sum())
    if n < 2 or not np.isfinite(total):
        return total, float("nan")
    spread = (w * (values - total / n) ** 2).sum()
    return total, float(np.sqrt(n * spread / (n - 1)))


def _loo(pointwise: Floats, values: Floats, weights: Floats) -> Loo:
    """Sum and standard error of what was left out, each value occurring `weights` times."""
    if not weights.any():
        raise ValueError("counts is zero everywhere; there is nothing to leave out")
    elpd, se = sum_and_error(values, weights)
    return Loo(np.float64(elpd), np.float64(se), pointwise)
