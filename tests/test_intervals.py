"""What every interval of the registry owes its callers, and how often each covers."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from analytic import INTERVALS, mle, posterior_mean
from cases import CASES
from oracles import relabel_table

NAMES = (
    "wald",
    "wilson",
    "agresti_coull",
    "clopper_pearson",
    "beta_eti",
    "beta_hdi",
    "profile",
    "goodman",
    "sison_glaz",
    "bootstrap",
)
CREDIBLE = ("beta_eti", "beta_hdi")
UNCLIPPED = ("wald", "agresti_coull")
DRAWN = ("bootstrap",)
MARGINAL = tuple(name for name in NAMES if name not in ("goodman", "sison_glaz", "bootstrap"))
TABLE = np.array([[3, 1, 0, 9], [0, 0, 0, 0], [12, 5, 83, 40], [0, 2, 0, 0], [1, 0, 1, 6]])


def limits(name, counts, prob=0.95, seed=1):
    """Both limits as one array, the same draws every time."""
    rng = np.random.default_rng(seed) if name in DRAWN else None
    low, high = INTERVALS[name](counts, prob=prob, rng=rng)
    return np.stack([low, high])


def test_names_and_order():
    assert tuple(INTERVALS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_registry_cannot_be_changed(name):
    with pytest.raises(TypeError):
        INTERVALS[name] = None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_shape_bounds_and_undefined_rows(name, case):
    low, high = limits(name, case.table)
    assert low.shape == high.shape == case.table.shape
    assert low.dtype == high.dtype == np.float64
    empty = np.broadcast_to(case.table.sum(axis=-1, keepdims=True) == 0, case.table.shape)
    undefined = np.zeros_like(empty) if name in CREDIBLE else empty
    assert_array_equal(np.isnan(low), undefined)
    assert_array_equal(np.isnan(high), undefined)
    low, high = low[~undefined], high[~undefined]
    assert (low <= high).all()
    if name not in UNCLIPPED:
        assert (low >= 0).all() and (high <= 1).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_estimate_lies_inside(name, case):
    """The count ratio, or for credible intervals the posterior mean."""
    estimate = posterior_mean(case.table, 1) if name in CREDIBLE else mle(case.table)
    low, high = limits(name, case.table)
    defined = ~np.isnan(low)
    # Rounding apart: a limit may be the estimate itself.
    assert (low[defined] <= estimate[defined] + 1e-15).all()
    assert (estimate[defined] <= high[defined] + 1e-15).all()


def test_the_count_ratio_zero_is_outside_equal_tails():
    """The exception to the last test, and the reason for it."""
    low, _ = limits("beta_eti", [0, 5])
    assert low[0] > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sison_glaz"])
def test_nested(name):
    """A larger probability never loses ground. (Drawn limits: from the same draws.)"""

    def within_bounds(prob):
        # Outside [0, 1] agresti_coull returns: its limit at a zero count is 0 for z -> infinity.
        both = limits(name, TABLE, prob)
        return np.clip(both, 0, 1) if name == "agresti_coull" else both

    inner = within_bounds(0.2)
    for prob in (0.5, 0.8, 0.9, 0.95, 0.99):
        outer = within_bounds(prob)
        defined = ~np.isnan(outer[0])
        assert (outer[0][defined] <= inner[0][defined] + 1e-15).all()
        assert (outer[1][defined] >= inner[1][defined] - 1e-15).all()
        assert ((outer[1] - outer[0])[defined] > (inner[1] - inner[0])[defined]).any()
        inner = outer


def test_sison_glaz_is_nested_below_only():
    row = np.array([12, 5, 83, 40])
    low, high = zip(
        *(limits("sison_glaz", row, p) for p in np.arange(0.5, 0.99, 0.01)), strict=True
    )
    assert (np.diff(low, axis=0) <= 1e-15).all()
    assert (np.diff(high, axis=0) < -1e-3).any()


@pytest.mark.parametrize("name", NAMES)
def test_batch_equals_loop(name):
    batch = np.random.default_rng(2).integers(0, 7, size=(3, 2, 4, 3))
    batch[1, 0, 2] = 0
    rng = np.random.default_rng(1)
    together = limits(name, batch)
    for index in np.ndindex(batch.shape[:-1]):
        given = {"rng": rng} if name in DRAWN else {}
        alone = INTERVALS[name](batch[index], prob=0.95, **given)
        assert_array_equal(together[(slice(None), *index)], alone)


@pytest.mark.parametrize("name", NAMES)
def test_permuting_next_states_permutes_the_interval(name):
    straight = limits(name, TABLE)
    visits = TABLE.sum(axis=1, keepdims=True)
    for order in itertools.permutations(range(4)):
        permuted = limits(name, TABLE[:, order])
        if name in DRAWN:
            # Other draws. The 25th of 999 sorted counts has a standard error of .085 standard
            # deviations, of at most .5 n^(1/2); five of the difference, and one for rounding.
            apart = np.abs(permuted - straight[..., order]) * visits
            assert (np.nan_to_num(apart) <= 1 + 0.3 * np.sqrt(visits)).all()
        else:
            assert_allclose(permuted, straight[..., order], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWN])
@pytest.mark.parametrize("case", [c for c in CASES if c.order == 1 and c.n_states == 3], ids=str)
def test_relabelling_states_relabels_the_interval(name, case):
    low, _ = limits(name, case.table)
    relabelled, _ = limits(name, relabel_table(case.table, [2, 0, 1]))
    assert_allclose(relabelled, relabel_table(low, [2, 0, 1]), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prob", [0, 1, -0.1, 95, np.nan, "0.9"])
def test_prob_outside_the_unit_interval_is_refused(name, prob):
    with pytest.raises(ValueError, match="prob must lie strictly between 0 and 1"):
        INTERVALS[name](TABLE, prob=prob, rng=np.random.default_rng(1))


@pytest.mark.parametrize("name", NAMES)
def test_prob_must_be_named(name):
    with pytest.raises(TypeError):
        INTERVALS[name](TABLE, 0.95)
    with pytest.raises(TypeError, match="prob"):
        INTERVALS[name](TABLE, rng=np.random.default_rng(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "counts, error, message",
    [
        ([3, -1], ValueError, "counts must not be negative"),
        ([3.0, np.nan], ValueError, "counts must be finite"),
        (5, ValueError, "next state on its last axis"),
        ([True, False], TypeError, "counts must hold integers or floats"),
    ],
)
def test_bad_counts_are_refused(name, counts, error, message):
    with pytest.raises(error, match=message):
        INTERVALS[name](counts, prob=0.95, rng=np.random.default_rng(1))


@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_alone(name):
    for dtype in (np.int64, np.float64):
        table = TABLE.astype(dtype)
        table.flags.writeable = False
        limits(name, table)
        assert_array_equal(table, TABLE)


@pytest.mark.parametrize("name", NAMES)
def test_integers_and_floats_and_lists_give_the_same(name):
    assert_array_equal(limits(name, TABLE), limits(name, TABLE.astype(np.float64)))
    assert_array_equal(limits(name, TABLE), limits(name, TABLE.tolist()))


@pytest.mark.parametrize("name", NAMES)
def test_no_tables(name):
    assert limits(name, np.zeros((0, 4, 3), dtype=np.int64)).shape == (2, 0, 4, 3)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWN])
def test_deterministic_intervals_do_not_touch_the_generator(name):
    rng = np.random.default_rng(1)
    with_rng = np.stack(INTERVALS[name](TABLE, prob=0.9, rng=rng))
    assert rng.random() == np.random.default_rng(1).random()
    assert_array_equal(with_rng, np.stack(INTERVALS[name](TABLE, prob=0.9)))


@pytest.mark.parametrize("name", NAMES)
def test_many_departures(name):
    """All intervals shrink to the estimate, and none is a point."""
    low, high = limits(name, np.array([300_000, 200_000, 500_000]))
    assert_allclose(low, [0.3, 0.2, 0.5], rtol=0, atol=2e-3)
    assert_allclose(high, [0.3, 0.2, 0.5], rtol=0, atol=2e-3)
    assert (high - low > 1e-3).all()


# ---- exact coverage: the binomial probabilities of all counts whose interval holds p


def coverage(name, n, p, prob=0.95, **options):
    """Exact coverage of the first of two cells with n departures, at one p or at many."""
    x, p = np.arange(n + 1), np.asarray(p)[..., None]
    low, high = INTERVALS[name](np.stack([x, n - x], axis=1), prob=prob, **options)
    covers = (low[:, 0] <= p) & (p <= high[:, 0])
    return np.where(covers, stats.binom.pmf(x, n, p), 0).sum(axis=-1)


def rational_coverage_of_wald(n, p):
    """Coverage with every comparison and sum in exact fractions, given z to 30 digits."""
    z2 = Fraction("1.959963984540054235524594430521") ** 2
    total, pmf = Fraction(0), (1 - p) ** n
    for x in range(n + 1):
        if n * (Fraction(x, n) - p) ** 2 <= z2 * Fraction(x, n) * (1 - Fraction(x, n)):
            total += pmf
        pmf *= Fraction(n - x, x + 1) * p / (1 - p)
    return float(total)


@pytest.mark.parametrize(
    "n, p, expected",
    [
        # Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133, table 1, as quoted in
        # the documentation of the Rust crate comnum-sim 0.3.0.
        (10, "1/2", 0.891),
        # The oscillations they describe: more departures, or a p nearer to 1/2, can cover less.
        # These figures are recomputed here in exact arithmetic.
        (17, "1/2", 0.951),
        (40, "1/2", 0.919),
        (30, "1/5", 0.946),
        (98, "1/5", 0.928),
        (100, "0.106", 0.952),
        (100, "0.107", 0.911),
        (591, "0.005", 0.945),
        (592, "0.005", 0.792),
    ],
)
def test_wald_coverage(n, p, expected):
    exact = rational_coverage_of_wald(n, Fraction(p))
    assert_allclose(exact, expected, rtol=0, atol=5e-4)
    assert_allclose(coverage("wald", n, float(Fraction(p))), exact, rtol=1e-10)


@pytest.mark.parametrize("prob", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 5, 30, 101])
def test_clopper_pearson_always_covers(n, prob):
    p = np.linspace(0.0005, 0.9995, 2000)
    assert (coverage("clopper_pearson", n, p, prob) >= prob - 1e-12).all()
    assert (coverage("wilson", n, p, prob) < prob - 1e-3).any()


def scipy_coverage(method, n, p):
    intervals = [stats.binomtest(x, n).proportion_ci(method=method) for x in range(n + 1)]
    inside = [ci.low <= p <= ci.high for ci in intervals]
    return stats.binom.pmf(np.arange(n + 1), n, p)[inside].sum()


def test_coverage_at_thirty_departures():
    """n = 30, p = .3: all but the exact interval miss .95 by a little, and that one never does."""
    found = {name: coverage(name, 30, 0.3) for name in MARGINAL}
    assert_allclose(found["wilson"], scipy_coverage("wilson", 30, 0.3), rtol=1e-12)
    assert_allclose(found["clopper_pearson"], scipy_coverage("exact", 30, 0.3), rtol=1e-12)
    assert_allclose(found["wald"], rational_coverage_of_wald(30, Fraction(3, 10)), rtol=1e-10)
    assert found["clopper_pearson"] >= 0.95
    assert all(0.92 < value < 0.98 for value in found.values())


def test_mean_coverage_orders_the_intervals_as_in_the_literature():
    """Mean over p at n = 50: Wald far below, Wilson and Jeffreys at .95, the others above.

    Brown, Cai and DasGupta (2001) recommend on these grounds.
    """
    grid = (np.arange(8000) + 0.5) / 8000
    mean = {name: coverage(name, 50, grid).mean() for name in MARGINAL}
    jeffreys = coverage("beta_eti", 50, grid, alpha=0.5).mean()
    assert mean["wald"] < 0.91
    assert abs(mean["wilson"] - 0.95) < 5e-3
    assert abs(jeffreys - 0.95) < 5e-3
    assert abs(mean["profile"] - 0.95) < 5e-3
    assert 0.95 < mean["wilson"] < mean["agresti_coull"] < mean["clopper_pearson"]
    # Averaged over its own prior, a credible interval covers with exactly its probability.
    assert abs(mean["beta_eti"] - 0.95) < 2e-4
    assert abs(mean["beta_hdi"] - 0.95) < 2e-4


def test_whole_rows_need_simultaneous_intervals():
    """Exact probability that a row of four cells lies inside all of its intervals."""
    p, n = np.array([0.4, 0.3, 0.2, 0.1]), 20
    heads = [c for c in itertools.product(range(n + 1), repeat=3) if sum(c) <= n]
    outcomes = np.array([(*c, n - sum(c)) for c in heads])
    probability = stats.multinomial.pmf(outcomes, n, p)
    assert_allclose(probability.sum(), 1, rtol=1e-10)
    joint = {}
    for name in ("wald", "wilson", "clopper_pearson", "goodman", "sison_glaz"):
        low, high = INTERVALS[name](outcomes, prob=0.95)
        joint[name] = probability[((low <= p) & (p <= high)).all(axis=1)].sum()
    # Clopper-Pearson's cells cover with .95 at least, each for itself.
    assert joint["wald"] < joint["wilson"] < joint["clopper_pearson"] < 0.93
    assert joint["goodman"] > 0.95
    # Few departures: the expansion is poor, and says so.
    assert 0.88 < joint["sison_glaz"] < 0.95
