"""ArviZ compares fits of several orders and priors: the ranking is that of the closed form."""

import arviz as az
import numpy as np
import pytest
from numpy.testing import assert_allclose

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts

MODELS = ((0, 1.0), (1, 0.5), (1, 4.0), (2, 1.0), (2, 6.0))
"""Order and alpha of the fits."""


@pytest.fixture(scope="module")
def records():
    """Thirty people's weeks: what they do next leans on the last two days, unequally."""
    rng = np.random.default_rng(8)
    A = np.array([[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.2, 0.15, 0.65]])
    data = []
    for length in rng.integers(25, 45, size=30):
        path = [0]
        while len(path) < length:
            before = path[-2] if len(path) > 1 else 2
            row = 0.6 * A[path[-1] + 1] + 0.4 * A[before + 1]
            path.append(int(rng.choice(3, p=row)))
        data.append([("work", "rest", "walk")[code] for code in path])
    return data


@pytest.fixture(scope="module")
def fits(records):
    """Trees, and exact leave-one-unit-out, by order and prior."""
    trees, exact = {}, {}
    for seed, (order, alpha) in enumerate(MODELS):
        counts = TransitionCounts.from_sequences(records, units="sequence", order=order)
        name = f"order {order}, alpha {alpha}"
        trees[name] = bm.exact_posterior(counts, alpha=alpha, seed=seed)
        exact[name] = analytic.loo_units(counts.table, alpha, order=order)
    return trees, exact


def test_ranks_are_those_of_the_closed_form(fits):
    trees, exact = fits
    table = az.compare(trees, round_to="none")
    best = sorted(exact, key=lambda name: -exact[name].elpd)
    assert list(table.index) == best
    assert best[0] == "order 2, alpha 1.0"
    assert best[-1] == "order 0, alpha 1.0"
    for name in best:
        error = np.sqrt((bm.loo(trees[name], by="unit").mcse ** 2).sum().item())
        assert abs(table.loc[name, "elpd"] - exact[name].elpd) < 5 * error
        assert_allclose(table.loc[name, "se"], exact[name].se, rtol=0.03)
    gaps = np.diff([exact[name].elpd for name in best])
    assert gaps.max() < -1  # ranks that chance cannot turn round


def test_differences_are_those_of_the_closed_form(fits):
    trees, exact = fits
    chosen = ["order 1, alpha 0.5", "order 2, alpha 1.0"]
    table = az.compare({name: trees[name] for name in chosen}, round_to="none")
    first, second = (exact[name].pointwise for name in chosen)
    gap = first - second
    row = table.loc[chosen[0]]
    assert_allclose(row["elpd_diff"], gap.sum(), rtol=0, atol=0.4)
    assert_allclose(row["dse"], np.sqrt(len(gap) * gap.var()), rtol=0.05)
