r"""The narrowest interval of a given content under Beta distributions, for many of them at a time.

With one peak inside (0, 1), a > 1 and b > 1, the narrowest interval (l, r) has equal densities at
its ends. With u = log(r / l) and v = log((1 - l) / (1 - r)) that is (a - 1) u = (b - 1) v, so that
all such intervals are one family in w = u + v, their width in log-odds:

.. math::
    r = \frac{1 - e^{-v}}{1 - e^{-w}}, \quad l = r e^{-u}, \qquad
    1 - l = \frac{1 - e^{-u}}{1 - e^{-w}}, \quad 1 - r = (1 - l) e^{-v}.

They are nested, and the content grows with w: one equation in one unknown, without a quantile.
"""

import numpy as np
from scipy.special import betainc, betaincinv, betaln, ndtri

from analytic.validate import Floats

AT_ONCE = 2**14
"""Distributions that are worked on together: enough to be fast, few enough for the cache."""

WIDEST = 700.0
"""Bound on the logarithm of w, either way; beyond it w is no float64."""

CLOSE = 1e-7
"""A step of log w this short is the last: what is left is of the order of its square."""

MAX_STEPS = 1000
"""Bound for what should not happen; three or four are needed as a rule."""


def narrowest(a: Floats, b: Floats, prob: float) -> tuple[Floats, Floats]:
    """Narrowest interval of content `prob` under Beta(a, b), for parameters of any shape.

    Where the density is highest at an end, the interval begins or ends there; at 0, if it is
    highest at both and both are equally narrow. Where it is uniform, the tails are equal.
    """
    low, high = np.empty(a.shape), np.empty(a.shape)
    peaked = (a > 1) & (b > 1)
    low[~peaked], high[~peaked] = _from_an_end(a[~peaked], b[~peaked], prob)
    inner = np.flatnonzero(peaked)
    for start in range(0, inner.size, AT_ONCE):
        block = np.unravel_index(inner[start : start + AT_ONCE], a.shape)
        low[block], high[block] = _around_the_peak(a[block], b[block], prob)
    return low, high


def _from_an_end(a: Floats, b: Floats, prob: float) -> tuple[Floats, Floats]:
    """Interval where the density has no peak inside."""
    up_to, down_to = betaincinv(a, b, prob), betaincinv(a, b, 1 - prob)
    from_zero = (a <= 1) & ((b > 1) | (up_to <= 1 - down_to))
    uniform = (a == 1) & (b == 1)
    low = np.where(uniform, (1 - prob) / 2, np.where(from_zero, 0.0, down_to))
    return low, np.where(uniform, (1 + prob) / 2, np.where(from_zero, up_to, 1.0))


def _around_the_peak(a: Floats, b: Floats, prob: float) -> tuple[Floats, Floats]:
    """Interval with equal densities at its ends, worked out from the end next to the peak."""
    # The mirror image has its peak nearer to 0, where floats are dense.
    mirrored = a > b
    a, b = np.minimum(a, b), np.maximum(a, b)
    w = _width_in_log_odds(a, b, prob)
    left, right, above_left, above_right = _ends(a, b, w)
    return np.where(mirrored, above_right, left), np.where(mirrored, above_left, right)


def _shares(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Ratios u / w and v / w."""
    total = (a - 1) + (b - 1)
    return (b - 1) / total, (a - 1) / total


def _ends(a: Floats, b: Floats, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Give l and r of the interval of width `w` in log-odds, then 1 - l and 1 - r."""
    share_u, share_v = _shares(a, b)
    u, v, whole = share_u * w, share_v * w, np.expm1(-w)
    right, above_left = np.expm1(-v) / whole, np.expm1(-u) / whole
    return right * np.exp(-u), right, above_left, above_left * np.exp(-v)


def _width_in_log_odds(a: Floats, b: Floats, prob: float) -> Floats:
    """Width w of the interval of content `prob`, a <= b.

    Newton's method on h(w) = z, kept inside a shrinking bracket, where 2 Phi(h) - 1 is the
    content and z its value at `prob`. It is done in log h and log w: h grows like w for a normal
    shape, and between w^(1/2) and w for any other, so that the curve is nearly straight.
    """
    normal = 2 * _z(prob) * np.sqrt(1 / (a - 0.5) + 1 / (b - 0.5))
    exponential = -np.log1p(-prob) / (b * _shares(a, b)[1])  # of the interval from 0, at a = 1
    x = np.clip(np.log(np.maximum(normal, exponential)), -WIDEST, WIDEST)
    low, high = np.full(x.shape, -WIDEST), np.full(x.shape, WIDEST)
    last = high - low
    active = np.arange(x.size)
    for _ in range(MAX_STEPS):
        if active.size == 0:
            break
        here = x[active]
        excess, slope = _excess_and_slope(a[active], b[active], np.exp(here), prob)
        low[active] = np.where(excess > 0, low[active], here)
        high[active] = np.where(excess > 0, here, high[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -excess / slope
        # A step that leaves the bracket, or is not half the last, gives way to bisection.
        good = (here + step > low[active]) & (here + step < high[active])
        good = (good & (np.abs(step) <= last[active] / 2)) | (np.abs(step) < CLOSE)
        step = np.where(good, step, (low[active] + high[active]) / 2 - here)
        x[active], last[active] = here + step, np.abs(step)
        active = active[np.abs(step) >= CLOSE]
    if active.size > 0:
        raise RuntimeError(
            f"no narrowest interval found in {MAX_STEPS} steps for Beta({a[active[0]]:g}, "
            f"{b[active[0]]:g}); please report these parameters"
        )
    return np.asarray(np.exp(x))


def _excess_and_slope(a: Floats, b: Floats, w: Floats, prob: float) -> tuple[Floats, Floats]:
    """Log of h / z, and the slope of log h in log w."""
    share_u, share_v = _shares(a, b)
    left, right, _, above_right = _ends(a, b, w)
    # A large b magnifies the rounding of 1 - r; a tail that is not tiny is better a difference.
    tiny = b * (1 - prob) < 1
    upper = betainc(np.where(tiny, b, a), np.where(tiny, a, b), np.where(tiny, above_right, right))
    tails = betainc(a, b, left) + np.where(tiny, upper, 1 - upper)
    # Nothing left in the tails, or all: h is out of range, but its side of z is known.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        h = -ndtri(tails / 2)
        # The left end may be too small for a float64, its logarithm is not.
        log_left = np.log(right) - share_u * w
        log_density = (a - 1) * log_left + (b - 1) * np.log1p(-left) - betaln(a, b)
        right_moves = (share_v * np.exp(-share_v * w) - right * np.exp(-w)) / -np.expm1(-w)
        left_moves = left * (right_moves / right - share_u)
        log_phi = -(h**2) / 2 - np.log(2 * np.pi) / 2
        growth = np.exp(log_density - log_phi) * (right_moves - left_moves) / 2
        # Rounding in a far tail could make it seem steep, and a false end a root.
        return np.log(h / _z(prob)), np.clip(w / h * growth, 0.5, 1.0)


def _z(prob: float) -> float:
    """Upper (1 - prob) / 2 point of the standard normal distribution."""
    return -float(ndtri((1 - prob) / 2))
