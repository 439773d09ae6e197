r"""Exact finite-sample risk and coverage, as finite sums over count tables.

An estimator sees a path through its table of counts n alone, so that its bias, its risk and the
coverage of an interval at a given length are sums over the tables that can be reached,

.. math:: E[f(n)] = \sum_n P(n)\, f(n),

without simulation error; `count_table_distribution` lists the tables and their probabilities.

It is feasible for few states. Measured on a 2-core machine for `exact_risk` of the count ratio,
with no zeros in A (seconds of one core, K states, length T):

= === ========= ======= ======
K T   tables    seconds memory
= === ========= ======= ======
2 700 489,302   8       0.1 GB
3 40  6,920,094 9       0.5 GB
4 16  5,983,036 9       0.3 GB
5 10  1,591,200 3       0.1 GB
= === ========= ======= ======

Up to 1.0 GB is needed at the lengths, 46 for K = 3 and 16 for K = 4, beyond which the enumeration
is refused (`analytic.whittle.MAX_ENUMERATED_CELLS`). Zeros in A leave fewer tables, so that longer
paths are feasible.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from analytic.estimate import ESTIMATORS, Estimator
from analytic.intervals import INTERVALS, Interval
from analytic.validate import Bools, Floats, Ints, as_numbers, as_stochastic, check_prob, first
from analytic.whittle import count_table_chunks, transition_matrix

_CHUNK = 2**14
"""Tables that an estimator is given at once."""


class ExactRisk(NamedTuple):
    """Risk of an estimator at one length, exact."""

    bias: Floats
    """E[estimate] - A per cell, given that the row is defined."""

    mse: Floats
    """E[(estimate - A)^2] per cell, given that the row is defined."""

    undefined: Floats
    """Probability per row that the estimator is undefined (NaN)."""

    kl: Floats
    """E[KL(A_i || estimate_i)] per row in nats, given that the row is defined: infinite as soon
    as `kl_infinite` is positive."""

    kl_finite: Floats
    """The same expectation, given that the row is defined and the divergence finite."""

    kl_infinite: Floats
    """Probability per row that the divergence is infinite, given that the row is defined."""


class ExactCoverage(NamedTuple):
    """Coverage and width of an interval at one length, exact."""

    coverage: Floats
    """Probability per cell that the interval covers A_ij, given that it is defined."""

    width: Floats
    """Expected width per cell, given that the interval is defined."""

    undefined: Floats
    """Probability per cell that the interval is undefined (NaN)."""

    joint: Floats
    """Probability per row that all of its intervals cover at once, given that all are defined."""


def exact_risk(A: ArrayLike, length: int, estimator: str | Estimator) -> ExactRisk:
    r"""Bias, mean squared error and Kullback-Leibler risk of an estimator, without simulation.

    .. math::
        \mathrm{bias}_{ij} = E[\hat A_{ij}] - A_{ij}, \qquad
        \mathrm{mse}_{ij} = E[(\hat A_{ij} - A_{ij})^2], \qquad
        \mathrm{kl}_i = E\Bigl[\sum_j A_{ij} \log \frac{A_{ij}}{\hat A_{ij}}\Bigr]

    Expectations are over the paths z_1, ..., z_T of the chain A, given that row i is defined.

    Parameters
    ----------
    A : array_like
        True transition matrix, shape (K+1, K); its first row is the initial distribution. Rows
        that miss one by rounding are normalised.
    length : int
        T, the number of states in a path, which is also its number of transitions, the one out
        of s_0 included.
    estimator : str or callable
        Key of `ESTIMATORS`, or a function from tables of shape (..., K+1, K) to probabilities of
        the same shape, with undefined rows NaN throughout.

    Returns
    -------
    ExactRisk
        `bias` and `mse`, shape (K+1, K); `undefined`, `kl`, `kl_finite` and `kl_infinite`, shape
        (K+1,). An expectation is NaN where its condition is impossible: in a row that is never
        defined, and in `kl_finite` also where the divergence is never finite.

    Raises
    ------
    ValueError
        A matrix that is not one, an unknown key, an estimate that is no probability, or more
        tables than can be enumerated.

    Examples
    --------
    Of two states, four steps. The count ratio is biased toward less persistence, undefined if the
    path does not depart from a state, and has infinite divergence if it departs from it in one
    way only:

    >>> risk = exact_risk([[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]], 4, "mle")
    >>> risk.bias[1:].round(4)
    array([[-0.0748,  0.0748],
           [ 0.1235, -0.1235]])
    >>> risk.undefined.round(4)
    array([0.  , 0.18, 0.32])
    >>> risk.kl_infinite.round(4)
    array([1.    , 0.7463, 0.6471])
    """
    matrix = transition_matrix(A)
    rule = _resolve("estimator", estimator, ESTIMATORS)

    def statistics(tables: Ints) -> tuple[Bools | Floats, ...]:
        returned = as_numbers("the estimate", rule(tables))
        _check_shape("estimator", returned.shape, tables.shape)
        undefined = np.isnan(returned).all(axis=-1)
        # An undefined row takes the place of the truth, so that it adds no error.
        estimate = as_stochastic(np.where(undefined[..., None], matrix, returned), "the estimate")
        error = estimate - matrix
        divergence = rel_entr(matrix, estimate).sum(axis=-1)
        infinite = np.isinf(divergence)
        return (
            undefined,
            infinite,
            ~(undefined | infinite),
            error,
            error**2,
            np.where(infinite, 0.0, divergence),
        )

    undefined, infinite, finite, error, squared, divergence = _expectations(
        matrix, length, statistics
    )
    defined = finite + infinite
    kl_finite = _given(divergence, finite)
    return ExactRisk(
        bias=_given(error, defined[:, None]),
        mse=_given(squared, defined[:, None]),
        undefined=_given(undefined, undefined + defined),
        kl=np.where(infinite > 0, np.inf, kl_finite),
        kl_finite=kl_finite,
        kl_infinite=_given(infinite, defined),
    )


def exact_coverage(
    A: ArrayLike, length: int, interval: str | Interval, *, prob: float
) -> ExactCoverage:
    r"""Coverage and expected width of an interval for every cell, without simulation.

    .. math::
        \mathrm{coverage}_{ij} = P(l_{ij} \le A_{ij} \le u_{ij}), \qquad
        \mathrm{width}_{ij} = E[u_{ij} - l_{ij}]

    Both are given that the interval is defined: an undefined one counts as undefined, never as
    covering.

    Parameters
    ----------
    A : array_like
        True transition matrix, shape (K+1, K), as in `exact_risk`.
    length : int
        T, the number of states in a path.
    interval : str or callable
        Key of `INTERVALS`, or a function f(tables, *, prob) to the pair (low, high), each of the
        shape of the tables, (..., K+1, K). It must be a function of the table: intervals that
        draw random numbers are refused.
    prob : float
        Nominal probability content, in (0, 1).

    Returns
    -------
    ExactCoverage
        `coverage`, `width` and `undefined`, shape (K+1, K); `joint`, shape (K+1,). NaN where the
        condition is impossible, as in a row that nobody can leave.

    Raises
    ------
    ValueError
        A matrix that is not one, an unknown key, a random interval, ends out of order, or more
        tables than can be enumerated.

    Examples
    --------
    The 95 % intervals of the normal approximation, at length 20:

    >>> result = exact_coverage([[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]], 20, "wald", prob=0.95)
    >>> result.coverage[1:].round(3)
    array([[0.875, 0.875],
           [0.854, 0.854]])
    """
    check_prob(prob)
    matrix = transition_matrix(A)
    rule = _resolve("interval", interval, INTERVALS)
    if rule is INTERVALS["bootstrap"]:
        raise ValueError(
            "interval 'bootstrap' draws random numbers, so that it is no function of the table; "
            "choose another, or estimate its coverage by simulation"
        )

    def statistics(tables: Ints) -> tuple[Bools | Floats, ...]:
        ends = rule(tables, prob=prob)
        low, high = (as_numbers("the interval", end).astype(np.float64) for end in ends)
        _check_shape("interval", low.shape, tables.shape)
        _check_shape("interval", high.shape, tables.shape)
        crossed = low > high
        if crossed.any():
            where = first(crossed)
            raise ValueError(
                f"the interval must have low <= high, got ({low[where]}, {high[where]}) for cell "
                f"{where[1:]} of the table {tables[where[0]].tolist()}"
            )
        undefined = np.isnan(low) | np.isnan(high)
        covers = (low <= matrix) & (matrix <= high)
        all_cover = covers.all(axis=-1)
        return (
            undefined,
            covers,
            ~(undefined | covers),
            np.where(undefined, 0.0, high - low),
            all_cover,
            ~(undefined.any(axis=-1) | all_cover),
        )

    undefined, covers, misses, width, all_cover, some_miss = _expectations(
        matrix, length, statistics
    )
    defined = covers + misses
    return ExactCoverage(
        coverage=_given(covers, defined),
        width=_given(width, defined),
        undefined=_given(undefined, undefined + defined),
        joint=_given(all_cover, all_cover + some_miss),
    )


def _resolve[T](kind: str, given: str | T, registry: Mapping[str, T]) -> T:
    """Take a function as it is, and look up a name."""
    if isinstance(given, str):
        if given not in registry:
            raise ValueError(f"{kind} {given!r} is unknown; choose from {', '.join(registry)}")
        return registry[given]
    if not callable(given):
        raise TypeError(f"{kind} must be a name or a function of tables, got {given!r}")
    return given


def _check_shape(kind: str, returned: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """One answer for every cell of every table."""
    if returned != expected:
        raise ValueError(
            f"the {kind} returned shape {returned} for tables of shape {expected}; it must take "
            f"tables with a leading batch axis and keep their shape"
        )


def _expectations(
    A: Floats, length: int, statistics: Callable[[Ints], tuple[Bools | Floats, ...]]
) -> list[Floats]:
    """Take the expectation of each statistic of the table over the paths of a length."""
    totals: list[Floats] = []
    for tables, weight in count_table_chunks(A, length, _CHUNK):
        tables.flags.writeable = False  # a rule that works in place would change what is reported
        parts = [np.tensordot(weight, values, axes=1) for values in statistics(tables)]
        totals = [np.add(*pair) for pair in zip(totals, parts, strict=True)] if totals else parts
    return totals


def _given(joint: Floats, condition: Floats) -> Floats:
    """Conditional expectation; NaN where the condition is impossible."""
    with np.errstate(invalid="ignore"):
        return np.asarray(joint / condition)
