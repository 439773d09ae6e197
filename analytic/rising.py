r"""Logarithm and derivatives of the rising factorial, Gamma(a + n) / Gamma(a), at any scale.

Evidence of Dirichlet rows is made of these. The count n may be a fraction.
"""

import numpy as np
from scipy.special import gammaln

from analytic.validate import Floats

LARGE = 10.0
"""From here on six terms of Stirling's series reach the precision of a float64."""


def log_rising(a: Floats, n: Floats) -> Floats:
    """Log of a (a + 1) ... (a + n - 1), the rising factorial; 0 for n = 0."""
    return _by_size(a, n, gammaln(a + n) - gammaln(a), n * np.log(a + n))


def log_gain(a: Floats, n: Floats) -> Floats:
    """Log of a (a + 1) ... (a + n - 1) / a^n."""
    direct = gammaln(a + n) - gammaln(a) - n * np.log(a)
    return _by_size(a, n, direct, n * np.log1p(n / a))


def _by_size(a: Floats, n: Floats, direct: Floats, leading: Floats) -> Floats:
    """Give `direct` for small a; for large a, where it cancels, Stirling's series for both ends."""
    large = np.maximum(a, LARGE)
    rest = (large - 0.5) * np.log1p(n / large) - n + _stirling(large + n) - _stirling(large)
    return np.where(a < LARGE, direct, leading + rest)


def _stirling(z: Floats) -> Floats:
    """Log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2."""
    coefficients = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
    return np.polynomial.polynomial.polyval(1 / z**2, coefficients, tensor=False) / z


def rises(a: Floats, n: Floats) -> tuple[Floats, Floats]:
    r"""Give a [psi(a + n) - psi(a)] - n and a^2 [psi'(a) - psi'(a + n)] - n.

    Both vanish as n (n - 1) / a for large a, and are -(n - 1) at a = 0 (n > 0). Differences of
    library values lose all digits at large a. Here eight steps of the recurrence
    psi(z + 1) = psi(z) + 1/z and the difference of the two asymptotic series keep them, with n
    taken off before it is rounded in.
    """
    b = a + n
    first = np.zeros(np.broadcast(a, n).shape)
    second = np.zeros_like(first)
    for r in range(8):
        p, q = a / (a + r), 1 / (b + r)
        term = n * p * q
        first += term
        second += term * (p + a * q)
    u, v = 1 / (a + 8), 1 / (b + 8)
    difference = n * u * v
    u2, v2 = u * u, v * v
    first += a * (_log1p_minus(n * u) + difference / 2 + _psi_tail(u2) - _psi_tail(v2)) - 8 * n * u
    tail = u * u2 * _trigamma_tail(u2) - v * v2 * _trigamma_tail(v2)
    second += a * (a * (difference * (u + v) / 2 + tail))
    second -= difference * (a * (n + 16) + 8 * (n + 8))
    return first, second


def _log1p_minus(x: Floats) -> Floats:
    """Log(1 + x) - x without cancellation, from 2 artanh(x / (2 + x)) for small x."""
    y = np.where(x < 0.3, x, 0.0)
    s = y / (2 + y)
    s2 = s * s
    odd = np.polynomial.polynomial.polyval(s2, 1 / np.arange(3.0, 23.0, 2.0), tensor=False)
    return np.where(x < 0.3, s * (2 * s2 * odd - y), np.log1p(x) - x)


def _psi_tail(y: Floats) -> Floats:
    """Bernoulli terms of log z - 1/(2z) - psi(z), y = 1/z^2."""
    coefficients = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
    return y * np.polynomial.polynomial.polyval(y, coefficients, tensor=False)


def _trigamma_tail(y: Floats) -> Floats:
    """Bernoulli terms of psi'(z) - 1/z - 1/(2 z^2), over 1/z^3, y = 1/z^2."""
    coefficients = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
    return np.asarray(np.polynomial.polynomial.polyval(y, coefficients, tensor=False))
