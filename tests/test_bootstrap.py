"""Percentile intervals: against exact quantiles, and against a loop over the replicates."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from analytic.bootstrap import bootstrap, bootstrap_units

TABLE = np.array([[3, 1, 0], [0, 0, 0], [12, 5, 83], [0, 2, 0]])
UNITS = np.array(
    [
        [[9, 1, 0], [2, 2, 1], [0, 0, 0]],
        [[4, 6, 3], [3, 5, 0], [0, 0, 0]],
        [[8, 2, 1], [1, 6, 2], [2, 1, 0]],
        [[6, 4, 0], [0, 3, 7], [0, 0, 0]],
        [[1, 4, 0], [0, 0, 0], [0, 0, 0]],
    ]
)


@pytest.mark.parametrize("prob", [0.5, 0.9, 0.95])
def test_bootstrap_estimates_binomial_quantiles(prob):
    """The count of a cell is resampled from a binomial distribution with known quantiles."""
    replicates = 4999
    low, high = bootstrap(TABLE, prob=prob, rng=np.random.default_rng(1), replicates=replicates)
    n = TABLE.sum(axis=1, keepdims=True)
    binomial = stats.binom(n[n[:, 0] > 0], TABLE[n[:, 0] > 0] / n[n[:, 0] > 0])
    for end, q in ((low, (1 - prob) / 2), (high, (1 + prob) / 2)):
        error = 5 * np.sqrt(q * (1 - q) / replicates)
        drawn = end[n[:, 0] > 0] * n[n[:, 0] > 0]
        assert (binomial.ppf(q - error) <= drawn + 1e-9).all()
        assert (drawn - 1e-9 <= binomial.ppf(q + error)).all()


def order_statistics(pmf, replicates, k):
    """Joint probabilities of the k-th and the next of sorted draws from 0, ..., n; exact.

    X_(k) <= x and X_(k+1) <= y, y >= x, if at least k draws are <= x and at least k + 1 are <= y.
    """
    cdf, size = np.cumsum(pmf), len(pmf)
    joint = np.zeros((size + 1, size + 1))
    m = np.arange(k, replicates + 1)  # draws up to x
    for x, y in itertools.product(range(size), repeat=2):
        up_to_x, up_to_y = min(cdf[min(x, y)], 1.0), min(cdf[y], 1.0)
        between = min((up_to_y - up_to_x) / (1 - up_to_x), 1.0) if up_to_x < 1 else 0.0
        enough = stats.binom.sf(k - m, replicates - m, between)
        joint[x + 1, y + 1] = (stats.binom.pmf(m, replicates, up_to_x) * enough).sum()
    return np.diff(np.diff(joint, axis=0), axis=1)


@pytest.mark.parametrize("prob, replicates", [(0.9, 19), (0.9, 24), (0.8, 99), (0.5, 10)])
@pytest.mark.parametrize("row", [(4, 1), (2, 1, 2)], ids=str)
def test_ends_have_the_distribution_of_order_statistics(row, prob, replicates):
    """Of five departures few outcomes are possible, and each end's probabilities are exact."""
    runs, n = 8000, 5
    batch = np.broadcast_to(row, (runs, len(row)))
    ends = bootstrap(batch, prob=prob, rng=np.random.default_rng(10), replicates=replicates)
    for end, q in zip(ends, ((1 - prob) / 2, (1 + prob) / 2), strict=True):
        place = (replicates + 1) * q
        k = min(int(np.floor(place + 1e-9)), replicates - 1)  # the last has no next
        for j, count in enumerate(row):
            joint = order_statistics(stats.binom.pmf(range(n + 1), n, count / n), replicates, k)
            assert_allclose(joint.sum(), 1, rtol=1e-9)
            values = {}
            for x, y in itertools.product(range(n + 1), repeat=2):
                value = round(x + (place - k) * (y - x), 6)
                values[value] = values.get(value, 0) + joint[x, y]
            drawn = np.round(end[:, j] * n, 6)
            assert set(drawn) <= {value for value, chance in values.items() if chance > 1e-12}
            for value, chance in values.items():
                error = np.sqrt(max(chance * (1 - chance), 1 / runs) / runs)
                assert abs((drawn == value).mean() - chance) < 4.5 * error


def test_bootstrap_at_the_edges():
    low, high = bootstrap(TABLE, prob=0.95, rng=np.random.default_rng(2))
    assert_array_equal([low[3], high[3]], [[0, 1, 0]] * 2)
    assert low[0, 2] == high[0, 2] == 0
    assert np.isnan(low[1]).all() and np.isnan(high[1]).all()


def test_limits_are_order_statistics():
    """With 99 replicates and prob .9, the 5th and the 95th: at (B + 1) q, not at (B - 1) q."""
    row = np.array([4000, 1000, 3000])
    drawn = np.random.default_rng(3).multinomial(8000, row / 8000, size=99)
    ordered = np.sort(drawn, axis=0) / 8000
    low, high = bootstrap(row, prob=0.9, rng=np.random.default_rng(3), replicates=99)
    assert_allclose(low, ordered[4], rtol=1e-12)
    assert_allclose(high, ordered[94], rtol=1e-12)
    assert (ordered[4] != ordered[5]).all() and (ordered[94] != ordered[93]).all()


def test_rows_are_drawn_one_after_the_other(monkeypatch):
    """Neither the batch nor the size of the blocks changes what is drawn."""
    batch = np.random.default_rng(4).integers(0, 9, size=(7, 4, 3))
    batch[2, 1] = 0
    whole = bootstrap(batch, prob=0.9, rng=np.random.default_rng(5), replicates=39)
    rng = np.random.default_rng(5)
    one_by_one = [bootstrap(row, prob=0.9, rng=rng, replicates=39) for row in batch.reshape(-1, 3)]
    assert_array_equal(whole, np.swapaxes(one_by_one, 0, 1).reshape(2, 7, 4, 3))
    monkeypatch.setattr("analytic.bootstrap._BLOCK", 250)
    assert_array_equal(
        whole, bootstrap(batch, prob=0.9, rng=np.random.default_rng(5), replicates=39)
    )


def units_by_loop(tables, prob, rng, replicates):
    """Draw units by their numbers, pool them, divide; one row and one cell at a time."""
    units = len(tables)
    times = rng.multinomial(units, [1 / units] * units, size=replicates)
    low, high = np.full(tables.shape[1:], np.nan), np.full(tables.shape[1:], np.nan)
    for i, j in np.ndindex(tables.shape[1:]):
        if tables[:, i].sum() == 0:
            continue
        ratios = []
        for drawn in times:
            chosen = [u for u in range(units) for _ in range(drawn[u])]
            assert len(chosen) == units
            departures = sum(tables[u, i].sum() for u in chosen)
            if departures:
                ratios.append(sum(tables[u, i, j] for u in chosen) / departures)
        ratios.sort()
        for end, q in ((low, (1 - prob) / 2), (high, (1 + prob) / 2)):
            # The (B + 1) q-th in order, between its neighbours where that is not whole.
            place = (len(ratios) + 1) * q - 1
            before = min(max(int(np.floor(place)), 0), len(ratios) - 1)
            after = min(before + 1, len(ratios) - 1)
            share = min(max(place - before, 0), 1)
            end[i, j] = (1 - share) * ratios[before] + share * ratios[after]
    return low, high


@pytest.mark.parametrize("scale", [1, 0.5])
def test_units_by_loop(scale):
    tables = UNITS * scale
    ours = bootstrap_units(tables, prob=0.9, rng=np.random.default_rng(6), replicates=199)
    loop = units_by_loop(tables, 0.9, np.random.default_rng(6), 199)
    assert_allclose(ours, loop, rtol=1e-12)


def test_units_leave_out_replicates_without_the_row():
    """Row 2 occurs in one unit of five, and is left in two resamples of three."""
    low, high = bootstrap_units(UNITS, prob=0.95, rng=np.random.default_rng(7))
    assert_allclose([low[2], high[2]], [[2 / 3, 1 / 3, 0]] * 2, rtol=1e-12)
    none = UNITS.copy()
    none[2, 2] = 0
    low, high = bootstrap_units(none, prob=0.95, rng=np.random.default_rng(7))
    assert np.isnan(low[2]).all() and np.isnan(high[2]).all()
    assert np.isfinite(low[:2]).all()


def test_units_that_differ_give_wider_intervals():
    """Two kinds of units, pooled: the parametric bootstrap sees transitions, not units."""
    tables = np.array([[[90, 10]], [[20, 80]]] * 4)
    between = np.diff(bootstrap_units(tables, prob=0.9, rng=np.random.default_rng(8)), axis=0)[0]
    within = np.diff(bootstrap(tables.sum(0), prob=0.9, rng=np.random.default_rng(8)), axis=0)[0]
    assert (between > 3 * within).all()
    # Resampled mean of eight values .9 or .2: its standard error is .35 / sqrt(8).
    assert_allclose(between[0, 0] / 2, 1.645 * 0.35 / np.sqrt(8), rtol=0.2)


def test_units_keep_higher_orders_and_states():
    tables = np.random.default_rng(9).integers(0, 4, size=(6, 4, 4, 3))
    tables[..., 1] = 0
    low, high = bootstrap_units(tables, prob=0.9, rng=np.random.default_rng(1), replicates=99)
    assert low.shape == high.shape == (4, 4, 3)
    assert (high[..., 1] == 0).all()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: bootstrap([1, 2], prob=0.9), ValueError, "rng is missing"),
        (lambda: bootstrap([1, 2], prob=0.9, rng=1), TypeError, "rng must be a numpy"),
        (
            lambda: bootstrap([1, 2], prob=0.9, rng=np.random.default_rng(), replicates=18),
            ValueError,
            "replicates must be at least 19 for prob=0.9",
        ),
        (
            lambda: bootstrap([1, 2], prob=0.9, rng=np.random.default_rng(), replicates=99.0),
            ValueError,
            "replicates must be an integer",
        ),
        (
            lambda: bootstrap([0.5, 2], prob=0.9, rng=np.random.default_rng()),
            ValueError,
            r"counts must be whole numbers here, got 0.5 at index \(0,\)",
        ),
        (
            lambda: bootstrap_units(UNITS[:1], prob=0.9, rng=np.random.default_rng()),
            ValueError,
            "at least two units",
        ),
        (
            lambda: bootstrap_units([3, 4], prob=0.9, rng=np.random.default_rng()),
            ValueError,
            "at least two units",
        ),
        (lambda: bootstrap_units(UNITS, prob=0.9, rng=None), TypeError, "rng must be a numpy"),
        (
            lambda: bootstrap_units(UNITS, prob=1.0, rng=np.random.default_rng()),
            ValueError,
            "prob must lie strictly",
        ),
        (
            lambda: bootstrap_units(-UNITS, prob=0.9, rng=np.random.default_rng()),
            ValueError,
            "tables must not be negative",
        ),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("prob, replicates", [(0.9, 19), (0.95, 39), (0.99, 199), (0.5, 3)])
def test_fewest_replicates(prob, replicates):
    """The extremes are then the limits, as in a Monte Carlo test."""
    row = np.array([40, 10, 30])
    low, high = bootstrap(row, prob=prob, rng=np.random.default_rng(3), replicates=replicates)
    drawn = np.random.default_rng(3).multinomial(80, row / 80, size=replicates) / 80
    assert_allclose(low, drawn.min(axis=0), rtol=1e-9)
    assert_allclose(high, drawn.max(axis=0), rtol=1e-9)
