"""Posterior means under learned priors as estimators, against integrals on a grid."""

import numpy as np
import pytest
from scipy.special import gammaln

import bayes_markov as bm

TABLES = np.array(
    [
        [[1, 0], [7, 2], [1, 5]],
        [[0, 1], [0, 3], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
    ]
)
SHARE = (np.arange(200) + 0.5) / 200
"""Midpoints for what is uniform a priori: strength / (strength + K), and a mean of two states."""


def by_grid(table, alpha):
    """Posterior mean and standard deviation of E[A | theta], for alpha (*grid, K+1, K)."""
    total, departures = alpha.sum(axis=-1), table.sum(axis=-1)
    log_weight = (gammaln(alpha + table) - gammaln(alpha)).sum(axis=(-2, -1))
    log_weight -= (gammaln(total + departures) - gammaln(total)).sum(axis=-1)
    weight = np.exp(log_weight - log_weight.max())
    weight = (weight / weight.sum())[..., None, None]
    given = (alpha + table) / (total + departures)[..., None]
    axes = tuple(range(weight.ndim - 2))
    mean = (weight * given).sum(axis=axes)
    return mean, np.sqrt((weight * (given - mean) ** 2).sum(axis=axes))


def concentration_grid():
    """Alpha on a grid of strength and mean row."""
    strength = 2 * SHARE / (1 - SHARE)
    base = np.stack([SHARE, 1 - SHARE], axis=-1)
    rows = strength[:, None, None] * base
    return np.broadcast_to(rows[:, :, None, :], (*rows.shape[:2], 3, 2))


def stickiness_grid():
    """Alpha on a coarser grid of concentration, stickiness and base row."""
    share = (np.arange(48) + 0.5) / 48
    strength = 2 * share / (1 - share)
    base = np.stack([share, 1 - share], axis=-1)
    spread = strength[:, None, None, None, None] * base[:, None, :]
    return spread + strength[None, :, None, None, None] * np.eye(3)[:, 1:]


GRIDS = {"concentration": concentration_grid, "stickiness": stickiness_grid}


@pytest.mark.slow
@pytest.mark.parametrize("prior", GRIDS)
def test_posterior_mean_is_the_integral(prior):
    rule = bm.learned_estimator(2, prior)
    assert rule.__name__ == f"learned_{prior}"
    found = rule(TABLES)
    alpha = GRIDS[prior]()
    for table, mean in zip(TABLES, found, strict=True):
        expected, sd = by_grid(table, alpha)
        limit = 5 * sd / np.sqrt(400)  # 2,000 draws are worth 400 independent ones at least
        assert (np.abs(mean - expected) <= limit).all()
    assert np.abs(found[0] - by_grid(TABLES[0][:, ::-1], alpha)[0]).max() > 0.1


def test_another_prior_is_refused():
    with pytest.raises(ValueError, match="'vague'"):
        bm.learned_estimator(2, "vague")
