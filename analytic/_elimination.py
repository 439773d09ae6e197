r"""Take states out of a chain one by one, without a subtraction and in logarithms.

Watched only while it is outside state n, a chain is again a Markov chain, with

.. math::
    p_{ij} + p_{in} \frac{p_{nj}}{s_n}, \qquad
    t_i + p_{in} \frac{t_n}{s_n}, \qquad s_n = \sum_{k \ne n} p_{nk},

for its transition probabilities and for the mean time t_i that one of its steps takes in the
steps of the full chain. Nothing is subtracted, so every result keeps its relative precision
however close the chain is to falling apart [1]_; in logarithms no product leaves the range of a
float64 either.

References
----------
.. [1] Grassmann, W. K., Taksar, M. I. and Heyman, D. P. (1985). Regenerative analysis and
   steady state distributions for Markov chains. Operations Research 33, 1107-1116.
"""

import numpy as np

from analytic.validate import Floats


def log_stationary(log_p: Floats) -> Floats:
    """Log stationary law of irreducible chains, shape (..., K), from log P, (..., K, K)."""
    log_p = log_p.copy()
    n_states = log_p.shape[-1]
    leaving = [_eliminate(log_p, n) for n in range(n_states - 1, 0, -1)][::-1]
    weights = np.zeros(log_p.shape[:-1])
    for n, log_s in enumerate(leaving, start=1):
        weights[..., n] = _log_sum(weights[..., :n] + log_p[..., :n, n], -1) - log_s
    return np.asarray(weights - _log_sum(weights, -1)[..., None])


def log_first_passage(log_p: Floats, log_t: Floats) -> Floats:
    """Log mean first passage times of irreducible chains, (..., K, K); -inf on the diagonal.

    `log_t`, (..., K), holds the mean times of single steps. The times into one half of the states
    are found with the other half taken out; halving again and again costs O(K^3) in all.
    """
    n_states = log_p.shape[-1]
    if n_states == 1:
        return np.full(log_p.shape, -np.inf)
    half = n_states // 2
    turned = np.roll(log_p, (-half, -half), axis=(-2, -1))
    into_first = _into_first(log_p, log_t, half)
    into_second = _into_first(turned, np.roll(log_t, -half, axis=-1), n_states - half)
    return np.concatenate([into_first, np.roll(into_second, half, axis=-2)], axis=-1)


def _into_first(log_p: Floats, log_t: Floats, wanted: int) -> Floats:
    """Columns of the first `wanted` states: take the others out, recurse, put them back."""
    n_states = log_p.shape[-1]
    log_p, log_t = log_p.copy(), log_t.copy()
    for n in range(n_states - 1, wanted - 1, -1):
        log_t[..., n] -= _eliminate(log_p, n)
        log_t[..., :n] = np.logaddexp(log_t[..., :n], log_p[..., :n, n] + log_t[..., n, None])
    times = np.empty((*log_p.shape[:-1], wanted))
    times[..., :wanted, :] = log_first_passage(log_p[..., :wanted, :wanted], log_t[..., :wanted])
    for n in range(wanted, n_states):
        later = _log_sum(log_p[..., n, :n, None] + times[..., :n, :], -2)
        times[..., n, :] = np.logaddexp(log_t[..., n, None], later)
    return times


def _eliminate(log_p: Floats, n: int) -> Floats:
    """Take state n, the last, out in place; its row becomes where it goes. Returns log s_n."""
    log_s = _log_sum(log_p[..., n, :n], -1)
    log_p[..., n, :n] -= log_s[..., None]
    through = log_p[..., :n, n, None] + log_p[..., n, None, :n]
    log_p[..., :n, :n] = np.logaddexp(log_p[..., :n, :n], through)
    return log_s


def _log_sum(values: Floats, axis: int) -> Floats:
    """Log of the sum of exponentials along an axis."""
    return np.asarray(np.logaddexp.reduce(values, axis=axis))
