r"""Functionals of the transition matrix at the count ratio, with delta-method standard errors.

The rows of the count ratio are, for long chains, independent and normal about the truth, row i
with covariance (diag p_i - p_i p_i') / n_i. A smooth functional of them is then normal too.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from analytic.estimate import mle
from analytic.validate import Bools, Floats, as_counts, as_numbers, split_axes

RELATIVE_STEP = float(np.finfo(np.float64).eps) ** (1 / 5)
"""Relative change of a probability in the difference quotients, 7e-4: the error of the five-point
formula, the fourth power of this, is then as small as that of rounding, about 1e-12."""

_OFFSETS = np.array([-2.0, -1.0, 1.0, 2.0])
"""Where the five-point formula for a first derivative looks; the middle has weight zero."""


def plug_in(functional: Callable[[Floats], ArrayLike], counts: ArrayLike) -> Floats:
    r"""Evaluate a functional at the count ratio, f(n_ij / n_i).

    Parameters
    ----------
    functional : callable
        Takes (..., K, K) and returns (..., *value), the leading axes being a batch.
    counts : array_like
        Counts, shape (..., K, K) or (..., K+1, K); an s_0 row is left out.

    Returns
    -------
    ndarray
        Batch shape, then the shape of the functional's value. NaN where the value depends on a row
        without data: it changes as that row does.

    Raises
    ------
    ValueError
        Counts that are not, or a functional that does not keep the batch axes.

    Examples
    --------
    >>> from analytic import stationary
    >>> plug_in(stationary, [[6, 2], [1, 3]])
    array([0.5, 0.5])
    """
    block = _block(counts)
    value, other = (_evaluate(functional, P) for P in _completed(block))
    return np.where(_same(value, other), value, np.nan)[()]


def delta_se(functional: Callable[[Floats], ArrayLike], counts: ArrayLike) -> Floats:
    r"""Delta-method standard error of a functional of the transition matrix at the count ratio.

    .. math::
        \mathrm{SE}^2 = \sum_i \frac{1}{n_i} \, g_i^\top (\mathrm{diag}\, p_i - p_i p_i^\top) g_i
        = \sum_{ij} \frac{p_{ij}}{n_i} D_{ij}^2,
        \qquad D_{ij} = \frac{d}{d\epsilon} f(P + \epsilon \, e_i (e_j - p_i)^\top) \Big|_0

    with g_i the gradient in row i. D_ij moves row i towards certainty of j, so rows keep summing
    to one, and a probability of zero is never made negative: it has no part in the sum. The
    derivatives are difference quotients of fourth order, right to about ten digits where f is
    smooth; where it is not (the modulus of an eigenvalue that crosses zero or another one) there
    is no such standard error.

    For ``functional=lambda P: P`` this is sqrt(p (1 - p) / n_i). Like that, it is 0 for a
    probability estimated as 0 or 1, and the normal law that it rests on may be far off then.

    Parameters
    ----------
    functional : callable
        Takes (..., K, K) and returns (..., *value), the leading axes being a batch.
    counts : array_like
        Counts, shape (..., K, K) or (..., K+1, K); an s_0 row is left out.

    Returns
    -------
    ndarray
        Batch shape, then the shape of the functional's value, in its unit. NaN where the value is
        not finite, or depends on a row without data.

    Raises
    ------
    ValueError
        Counts that are not, or a functional that does not keep the batch axes.

    Examples
    --------
    Vowels and consonants in Eugene Onegin, as counted by Markov in 1913:

    >>> from analytic import stationary
    >>> counts = [[1104, 7534], [7534, 3827]]
    >>> plug_in(stationary, counts).round(4), delta_se(stationary, counts).round(6)
    (array([0.4319, 0.5681]), array([0.001927, 0.001927]))

    References
    ----------
    .. [1] Billingsley, P. (1961). Statistical methods in Markov chains. Annals of Mathematical
       Statistics 32, 12-40.
    .. [2] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    """
    block = _block(counts)
    n_states = block.shape[-1]
    P, other = _completed(block)
    value = _evaluate(functional, P)
    defined = _same(value, _evaluate(functional, other)) & np.isfinite(value)
    variance = np.zeros(value.shape)
    for i in range(n_states):
        step = np.where(P[..., i, :] < 1, RELATIVE_STEP * P[..., i, :], 0.0)
        shifted = _evaluate(functional, _towards(P, i, step))
        with np.errstate(invalid="ignore"):  # inf - inf, which is not defined in the end
            change = 2 * (shifted[2] - shifted[1]) / 3 - (shifted[3] - shifted[0]) / 12
        information = block[..., i, :].sum(axis=-1, keepdims=True) * RELATIVE_STEP * step
        with np.errstate(divide="ignore"):
            weight = np.where(information > 0, 1 / information, 0.0)
        weight = np.moveaxis(weight, -1, 0)
        weight = weight.reshape(weight.shape + (1,) * (change.ndim - weight.ndim))
        variance += (weight * change**2).sum(axis=0)
    return np.where(defined, np.sqrt(variance), np.nan)[()]


def _block(counts: ArrayLike) -> Floats:
    """Take the counts among the states, without the s_0 row."""
    table = as_counts(counts)
    split_axes("counts", table, 1)
    if table.shape[-2] == table.shape[-1] + 1:
        table = table[..., 1:, :]
    if table.shape[-2] != table.shape[-1]:
        raise ValueError(
            f"counts must have shape (..., K, K) or (..., K+1, K), got {np.shape(counts)}"
        )
    if table.size == 0:
        raise ValueError(f"counts must hold at least one table, got shape {np.shape(counts)}")
    return np.asarray(table, dtype=np.float64)


def _completed(block: Floats) -> tuple[Floats, Floats]:
    """Count ratio with two fillings of the rows without data, to see what depends on them."""
    ratio, n_states = mle(block), block.shape[-1]
    uniform, rising = np.ones(n_states), np.sqrt(np.arange(1.0, n_states + 1))
    first, second = (np.where(np.isnan(ratio), row / row.sum(), ratio) for row in (uniform, rising))
    return first, second


def _same(first: Floats, second: Floats) -> Bools:
    """Values that two fillings of the rows without data have in common, up to rounding."""
    return np.isclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True)


def _towards(P: Floats, i: int, step: Floats) -> Floats:
    """P with row i moved by `_OFFSETS` steps towards certainty of j: two new axes, steps and j."""
    n_states = P.shape[-1]
    fraction = np.multiply.outer(_OFFSETS, np.moveaxis(step, -1, 0))
    shifted = np.broadcast_to(P, fraction.shape + P.shape[-2:]).copy()
    shifted[..., i, :] *= 1 - fraction[..., None]
    for j in range(n_states):
        shifted[:, j, ..., i, j] += fraction[:, j]
    return shifted


def _evaluate(functional: Callable[[Floats], ArrayLike], P: Floats) -> Floats:
    """Values at a stack of matrices; shape of the stack, then that of one value."""
    flat = P.reshape(-1, *P.shape[-2:])
    values = as_numbers("the value of functional", functional(flat)).astype(np.float64)
    alone = np.asarray(functional(flat[0]))
    if values.shape != (len(flat), *alone.shape) or not np.allclose(
        values[0], alone, rtol=1e-6, atol=1e-12, equal_nan=True
    ):
        raise ValueError(
            f"functional must take a stack of matrices, shape (N, K, K), and return one value for "
            f"each; for {flat.shape} it returned {values.shape}, not what it returns for one "
            f"matrix: index from the right, such as P[..., 0, 1]"
        )
    return values.reshape(P.shape[:-2] + alone.shape)
