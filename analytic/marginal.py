r"""Intervals for one transition probability at a time.

Given n_i departures from i, the count n_ij is binomial with probability A_ij, whatever the other
next states do; so each cell has the intervals of a binomial proportion. All of them are
*marginal*: each contains its own probability with (about) the stated one, and a whole row lies
inside all of its intervals less often. For a whole row at once see `analytic.simultaneous`, and
for Bayesian intervals `analytic.credible`.

Below x = n_ij, n = n_i, p = x / n, and z is the upper (1 - prob) / 2 point of the standard normal
distribution. A row that nobody left (n = 0) says nothing: its intervals are undefined,
(NaN, NaN). Counts may be fractional. What the other cells are does not matter, so that a support
changes no interval but those it settles (see `analytic.intervals`).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainccinv, betaincinv, ndtri

from analytic._cells import departures, each_pair_once, settle
from analytic.validate import Bools, Floats, check_prob, counts_on_support

_NEWTON_STEPS = 100
"""More than ever needed; half a dozen as a rule."""

_STEP_TOLERANCE = 1e-8
"""Last step in standard errors; convergence is quadratic, so what is left is about its square."""


def wald(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Wald interval, the standard one of textbooks. Marginal.

    .. math:: p \pm z \sqrt{p (1 - p) / n}

    The standard error is that of a binomial proportion given the departures from i, which is
    also the asymptotic one of the count ratio of a Markov chain [1]_.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits, shape of `counts`. They are not clipped, as in [2]_: they may lie below 0 or
        above 1. At n_ij = 0 and n_ij = n_i the interval is the single point 0 or 1, whatever n_i;
        (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    >>> low, high = wald([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([ 0.326, -0.174,  0.   ]), array([1.174, 0.674, 0.   ]))

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    .. [2] Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial
       proportion. Statistical Science 16, 101-133.
    """
    x, n, possible = _cells(counts, prob, support)
    p = x / n
    half_width = _z(prob) * np.sqrt(p * (1 - p) / n)
    return settle(p - half_width, p + half_width, possible)


def wilson(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Wilson's score interval. Marginal.

    All values that the score test does not reject, {q : n (p - q)^2 <= z^2 q (1 - q)}:

    .. math:: \frac{p + z^2/2n \pm z \sqrt{p (1 - p) / n + z^2 / 4n^2}}{1 + z^2/n}

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. At n_ij = 0 the lower limit is 0 and the upper one
        z^2 / (n + z^2); mirrored at n_ij = n_i; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    >>> low, high = wilson([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.301, 0.046, 0.   ]), array([0.954, 0.699, 0.49 ]))

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.
    """
    x, n, possible = _cells(counts, prob, support)
    return settle(*score_limits(x, n, _z(prob)), possible)


def agresti_coull(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Agresti-Coull interval: Wald's, after adding z^2 / 2 to the count and to its rest. Marginal.

    .. math::
        \tilde p \pm z \sqrt{\tilde p (1 - \tilde p) / \tilde n}, \qquad
        \tilde n = n + z^2, \quad \tilde p = (x + z^2/2) / \tilde n

    It has the centre of `wilson`'s interval and contains it.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits, shape of `counts`. They are not clipped, as in [2]_: the lower one is below 0 at
        n_ij = 0, the upper one above 1 at n_ij = n_i; (NaN, NaN) at n_i = 0. What lies outside
        [0, 1] does not grow with `prob`.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    >>> low, high = agresti_coull([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([ 0.289,  0.034, -0.056]), array([0.966, 0.711, 0.546]))

    References
    ----------
    .. [1] Agresti, A. and Coull, B. A. (1998). Approximate is better than "exact" for interval
       estimation of binomial proportions. The American Statistician 52, 119-126.
    .. [2] Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial
       proportion. Statistical Science 16, 101-133.
    """
    x, n, possible = _cells(counts, prob, support)
    z = _z(prob)
    enlarged = n + z**2
    centre = (x + z**2 / 2) / enlarged
    half_width = z * np.sqrt(centre * (1 - centre) / enlarged)
    return settle(centre - half_width, centre + half_width, possible)


def clopper_pearson(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Clopper-Pearson interval, "exact": it covers with at least `prob`, always. Marginal.

    The limits at which a count this large, or this small, still has probability (1 - prob) / 2:

    .. math::
        P(X \ge x \mid \mathrm{low}) = P(X \le x \mid \mathrm{high}) = (1 - \mathrm{prob}) / 2,

    which are quantiles of Beta(x, n - x + 1) and Beta(x + 1, n - x).

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Probability content that is guaranteed, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. At n_ij = 0 the lower limit is 0 and the upper one
        1 - ((1 - prob) / 2)^(1/n); mirrored at n_ij = n_i; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    >>> low, high = clopper_pearson([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.194, 0.006, 0.   ]), array([0.994, 0.806, 0.602]))

    References
    ----------
    .. [1] Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits
       illustrated in the case of the binomial. Biometrika 26, 404-413.
    """
    x, n, possible = _cells(counts, prob, support)
    tail = (1 - prob) / 2

    def limits(x: Floats, n: Floats) -> tuple[Floats, Floats]:
        low = np.where(x > 0, betaincinv(np.where(x > 0, x, 1.0), n - x + 1, tail), 0.0)
        rest = np.where(x < n, n - x, 1.0)
        high = np.where(x < n, betainccinv(x + 1, rest, tail), 1.0)
        return low, high

    return settle(*each_pair_once(limits, x, n, n > 0), possible)


def profile(
    counts: ArrayLike,
    *,
    prob: float,
    rng: np.random.Generator | None = None,
    support: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    r"""Profile-likelihood interval. Marginal.

    All values that the likelihood-ratio test does not reject,

    .. math::
        \Bigl\{ q : 2 x \ln \frac{p}{q} + 2 (n - x) \ln \frac{1 - p}{1 - q} \le z^2 \Bigr\}.

    With A_ij = q held fixed, the likelihood of the row is largest when the rest 1 - q is shared
    out in proportion to the other counts, so that their profile is a binomial likelihood; z^2 is
    the `prob` quantile of the chi-squared distribution with one degree of freedom.

    Parameters
    ----------
    counts : array_like
        Counts, shape (..., K).
    prob : float
        Nominal probability content, in (0, 1).
    rng : numpy.random.Generator, optional
        Not used.
    support : array_like of bool, optional
        Possible transitions, shape of `counts`; (0, 0) elsewhere, as for all `INTERVALS`.

    Returns
    -------
    low, high : ndarray
        Limits in [0, 1], shape of `counts`. At n_ij = 0 they are 0 and 1 - exp(-z^2 / 2n);
        mirrored at n_ij = n_i; (NaN, NaN) at n_i = 0.

    Raises
    ------
    ValueError
        Bad counts, or `prob` outside (0, 1).

    Examples
    --------
    >>> low, high = profile([3, 1, 0], prob=0.95)
    >>> low.round(3), high.round(3)
    (array([0.278, 0.016, 0.   ]), array([0.984, 0.722, 0.381]))

    References
    ----------
    .. [1] Venzon, D. J. and Moolgavkar, S. H. (1988). A method for computing profile-likelihood-
       based confidence intervals. Applied Statistics 37, 87-94.
    """
    x, n, possible = _cells(counts, prob, support)
    z2 = _z(prob) ** 2

    def limits(x: Floats, n: Floats) -> tuple[Floats, Floats]:
        return _lower_by_deviance(x, n - x, z2)[0], _lower_by_deviance(n - x, x, z2)[1]

    return settle(*each_pair_once(limits, x, n, n > 0), possible)


def score_limits(x: Floats, n: Floats, z: Floats | float) -> tuple[Floats, Floats]:
    """Limits of Wilson's interval for `x` of `n`, `z` being the normal quantile."""
    # They are the roots of a quadratic with product x^2 / (n (n + z^2)): dividing by the larger
    # root gives the smaller one without cancellation, and exactly 0 at x = 0.
    z2 = z**2
    larger = x + z2 / 2 + np.sqrt(z2 * (x * (n - x) / n + z2 / 4))
    return x * x / (n * larger), np.where(x == n, 1.0, larger / (n + z2))


def _cells(
    counts: ArrayLike, prob: float, support: ArrayLike | None
) -> tuple[Floats, Floats, Bools]:
    """Count, row total (NaN if nobody left the row) and possibility of every cell."""
    check_prob(prob)
    table, possible = counts_on_support(counts, support)
    x = table.astype(np.float64)
    return x, np.broadcast_to(departures(x), x.shape), possible


def _z(prob: float) -> float:
    """Upper (1 - prob) / 2 point of the standard normal distribution."""
    return -float(ndtri((1 - prob) / 2))


def _lower_by_deviance(x: Floats, rest: Floats, z2: float) -> tuple[Floats, Floats]:
    """Smallest q whose deviance from p = x / (x + rest) is at most `z2`, and 1 - q.

    Newton's method on log(q / p). Left of p the deviance is a convex, decreasing function of it,
    so from the second step on the root is approached from the left and never passed.
    """
    n, inner = x + rest, (x > 0) & (rest > 0)
    x_in, rest_in = np.where(inner, x, 1.0), np.where(inner, rest, 1.0)
    odds, spread = x_in / rest_in, np.sqrt(rest_in / (x_in * (x_in + rest_in)))
    d, done = -np.sqrt(z2) * spread, np.zeros(x.shape, dtype=np.bool_)
    for _ in range(_NEWTON_STEPS):
        # 1 - q is (1 - p) times `grown`; written so, nothing cancels in a large table.
        change = np.expm1(d)
        grown = 1 - odds * change
        deviance = -2 * (x_in * d + rest_in * np.log1p(-odds * change))
        step = (z2 - deviance) * grown / (2 * x_in * (1 + odds) * change)
        # Each cell stops by itself, so that its limit does not depend on the rest of the batch.
        d = np.where(done, d, d + step)
        done |= np.abs(step) <= _STEP_TOLERANCE * spread
        if done.all():
            break
    else:
        at = int(np.argmin(done))
        raise RuntimeError(
            f"no profile limit found in {_NEWTON_STEPS} steps for {x.flat[at]:g} of "
            f"{n.flat[at]:g}; please report these counts"
        )
    at_end = np.where(x > 0, -z2 / (2 * n), -np.inf)
    q = np.where(inner, x / n * np.exp(d), np.exp(at_end))
    return q, np.where(inner, rest / n * (1 - odds * np.expm1(d)), -np.expm1(at_end))
