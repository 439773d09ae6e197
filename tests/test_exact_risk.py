"""Risk and coverage path by path, and textbook results for the binomial, against the sums."""

import math
from importlib import import_module

import numpy as np
import pytest
from scipy.special import ndtri, xlogy
from scipy.stats import binom

from analytic import ESTIMATORS, count_transitions, exact_coverage, exact_risk, mle, simulate
from analytic.intervals import INTERVALS
from oracles import all_paths, as_table, count_by_loop, path_log_probability

TRUTHS = {
    "two": ([[0.35, 0.65], [0.8, 0.2], [0.4, 0.6]], 6),
    "two, absorbing": ([[0.9, 0.1], [0.7, 0.3], [0.0, 1.0]], 6),
    "three": ([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]], 5),
    # State 2 keeps the path; state 1 is reached from state 0 only, so it may never be left.
    "three, absorbing": ([[0.6, 0.0, 0.4], [0.3, 0.5, 0.2], [0.1, 0.0, 0.9], [0.0, 0.0, 1.0]], 5),
    "three, unreachable": ([[0.6, 0.0, 0.4], [0.3, 0.0, 0.7], [0.1, 0.8, 0.1], [0.9, 0, 0.1]], 5),
    "one step": ([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]], 1),
}

DETERMINISTIC = [name for name in INTERVALS if name != "bootstrap"]


def last_row_unknown(counts):
    """Add one, but give up on the last row, and on any row with exactly two departures."""
    table = np.asarray(counts, dtype=float) + [1.0] + 0.1 * np.arange(np.shape(counts)[-1])
    A = table / table.sum(axis=-1, keepdims=True)
    A[np.asarray(counts).sum(axis=-1) == 2] = np.nan
    A[..., -1, :] = np.nan
    return A


def winner(counts):
    """Put everything on the state that was most often next; infinite divergence."""
    A = np.zeros(np.shape(counts))
    np.put_along_axis(A, np.argmax(counts, axis=-1)[..., None], 1.0, axis=-1)
    return A


def wald(counts, *, prob):
    """Normal approximation, p (1 - p) / n."""
    n = counts.sum(axis=-1, keepdims=True)
    p = mle(counts)
    half = ndtri((1 + prob) / 2) * np.sqrt(p * (1 - p) / np.maximum(n, 1))
    return p - half, p + half


def wrong_standard_error(counts, *, prob):
    """Standard error sqrt(n_ij) / n_i, as if the count were Poisson and its row total known."""
    n = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    p = mle(counts)
    half = ndtri((1 + prob) / 2) * np.sqrt(counts) / n
    return p - half, p + half


def ragged_ends(counts, *, prob):
    """Defined for single cells only: from 0 to the estimate plus 1 - prob, unless it is zero."""
    high = np.where(counts > 0, mle(counts) + 1 - prob, np.nan)
    return np.zeros(counts.shape), high


def outcomes(A, length):
    """Each path's probability and table."""
    n_states = len(A[0])
    for path in all_paths(n_states, length):
        probability = math.exp(path_log_probability(A, path))
        if probability > 0:
            yield probability, as_table(count_by_loop([path]), n_states)


def mean_given(pairs):
    """Mean of values with weights, and the weight itself; NaN without any."""
    weight = math.fsum(w for w, _ in pairs)
    return (math.fsum(w * x for w, x in pairs) / weight if pairs else math.nan), weight


def divergence(p, q):
    """KL(p || q), term by term."""
    return sum(
        math.inf if b == 0 else a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0
    )


def risk_by_paths(A, length, estimator):
    """The six numbers of `exact_risk`, row by row and cell by cell over all paths."""
    n_states = len(A[0])
    cells, rows = np.full((2, n_states + 1, n_states), np.nan), np.full((4, n_states + 1), np.nan)
    estimates = [(w, estimator(table)) for w, table in outcomes(A, length)]
    for i in range(n_states + 1):
        defined = [(w, E[i]) for w, E in estimates if not np.isnan(E[i]).any()]
        lost = [divergence(A[i], row) for _, row in defined]
        finite = [(w, k) for (w, _), k in zip(defined, lost, strict=True) if k < math.inf]
        rows[0, i] = math.fsum(w for w, E in estimates if np.isnan(E[i]).any())
        rows[2, i], _ = mean_given(finite)
        rows[3, i], _ = mean_given(
            [(w, float(k == math.inf)) for (w, _), k in zip(defined, lost, strict=True)]
        )
        rows[1, i] = math.inf if rows[3, i] > 0 else rows[2, i]
        for j in range(n_states):
            cells[0, i, j], _ = mean_given([(w, row[j] - A[i][j]) for w, row in defined])
            cells[1, i, j], _ = mean_given([(w, (row[j] - A[i][j]) ** 2) for w, row in defined])
    return (*cells, *rows)


def coverage_by_paths(A, length, interval, prob):
    """The four numbers of `exact_coverage`, row by row and cell by cell over all paths."""
    n_states = len(A[0])
    cells, joint = np.full((3, n_states + 1, n_states), np.nan), np.full(n_states + 1, np.nan)
    limits = [(w, *interval(table, prob=prob)) for w, table in outcomes(A, length)]
    for i in range(n_states + 1):
        whole = []
        for j in range(n_states):
            defined = [
                (w, low[i, j], high[i, j])
                for w, low, high in limits
                if not math.isnan(low[i, j]) and not math.isnan(high[i, j])
            ]
            cells[0, i, j], weight = mean_given(
                [(w, float(low <= A[i][j] <= high)) for w, low, high in defined]
            )
            cells[1, i, j], _ = mean_given([(w, high - low) for w, low, high in defined])
            cells[2, i, j] = 1 - weight
        for w, low, high in limits:
            if not np.isnan(low[i] + high[i]).any():
                inside = all(low[i, j] <= A[i][j] <= high[i, j] for j in range(n_states))
                whole.append((w, float(inside)))
        joint[i], _ = mean_given(whole)
    return (*cells, joint)


def binomial_row(p, n):
    """Chain and length with exactly n departures from state 0, each to state 1 w.p. p."""
    return [[1, 0, 0], [0, p, 1 - p], [1, 0, 0], [1, 0, 0]], 2 * n


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("estimator", [*ESTIMATORS, last_row_unknown, winner])
def test_risk_path_by_path(name, estimator):
    A, length = TRUTHS[name]
    rule = ESTIMATORS[estimator] if isinstance(estimator, str) else estimator
    expected = risk_by_paths(A, length, rule)
    risk = exact_risk(A, length, estimator)
    for field, got, want in zip(risk._fields, risk, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14, err_msg=field)


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("interval", [*DETERMINISTIC, wald, wrong_standard_error, ragged_ends])
def test_coverage_path_by_path(name, interval):
    A, length = TRUTHS[name]
    rule = INTERVALS[interval] if isinstance(interval, str) else interval
    expected = coverage_by_paths(A, length, rule, 0.8)
    result = exact_coverage(A, length, interval, prob=0.8)
    for field, got, want in zip(result._fields, result, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14, err_msg=field)


def test_two_steps_by_hand():
    """After two steps only the row of z_1 has been left, once: the count ratio is 0 or 1."""
    risk = exact_risk([[0.3, 0.7], [0.8, 0.2], [0.4, 0.6]], 2, "mle")
    np.testing.assert_allclose(risk.undefined, [0, 0.7, 0.3], rtol=1e-14)
    np.testing.assert_allclose(risk.bias, 0, rtol=0, atol=1e-15)
    np.testing.assert_allclose(risk.mse, [[0.21, 0.21], [0.16, 0.16], [0.24, 0.24]], rtol=1e-14)
    np.testing.assert_array_equal(risk.kl_infinite, 1)
    np.testing.assert_array_equal(risk.kl, np.inf)
    assert np.isnan(risk.kl_finite).all()


def test_count_ratio_is_biased_toward_less_persistence():
    A, _ = TRUTHS["three"]
    bias = exact_risk(A, 12, "mle").bias
    assert (np.diag(bias[1:]) < 0).all()
    np.testing.assert_allclose(bias[0], 0, rtol=0, atol=1e-14)
    np.testing.assert_allclose(bias.sum(axis=1), 0, rtol=0, atol=1e-14)


def test_a_state_that_is_never_left_has_no_risk():
    """State 1 cannot be reached; a Bayes estimator still has an answer for its row."""
    A, length = TRUTHS["three, unreachable"]
    A = [A[0], [0.3, 0.0, 0.7], A[2], [0.9, 0.0, 0.1]]
    risk = exact_risk(A, length, "mle")
    assert risk.undefined[2] == 1
    assert np.isnan([*risk.bias[2], *risk.mse[2], risk.kl[2], risk.kl_finite[2]]).all()
    assert np.isnan(risk.kl_infinite[2])
    always = exact_risk(A, length, "laplace")
    np.testing.assert_array_equal(always.undefined, 0)
    np.testing.assert_allclose(always.bias[2], 1 / 3 - np.array(A[2]), rtol=1e-12)
    coverage = exact_coverage(A, length, "wilson", prob=0.95)
    np.testing.assert_array_equal(coverage.undefined[2], 1)
    assert np.isnan([*coverage.coverage[2], *coverage.width[2], coverage.joint[2]]).all()


@pytest.mark.parametrize(("p", "n"), [(0.3, 7), (0.85, 40)])
def test_binomial_risk_of_the_count_ratio(p, n):
    """Mean squared error p (1 - p) / n, no bias, and the divergence at 0 and n is infinite."""
    A, length = binomial_row(p, n)
    risk = exact_risk(A, length, "mle")
    np.testing.assert_allclose(risk.mse[1], [0, p * (1 - p) / n, p * (1 - p) / n], rtol=1e-12)
    np.testing.assert_allclose(risk.bias[1], 0, rtol=0, atol=1e-14)
    assert risk.kl_infinite[1] == pytest.approx(p**n + (1 - p) ** n, rel=1e-11)
    assert risk.kl[1] == math.inf
    x = np.arange(1, n)
    weight = binom.pmf(x, n, p)
    loss = p * np.log(p * n / x) + (1 - p) * np.log((1 - p) * n / (n - x))
    assert risk.kl_finite[1] == pytest.approx(weight @ loss / weight.sum(), rel=1e-11)


@pytest.mark.parametrize(("p", "n"), [(0.3, 7), (0.85, 40)])
def test_binomial_divergence_of_add_one_half(p, n):
    A, length = binomial_row(p, n)
    x = np.arange(n + 1)
    estimate = np.array([(x + 0.5), (n - x + 0.5)]) / (n + 1.5)
    truth = np.array([p, 1 - p])
    loss = xlogy(truth, truth).sum() - truth @ np.log(estimate)
    risk = exact_risk(A, length, "jeffreys")
    assert risk.kl[1] == pytest.approx(binom.pmf(x, n, p) @ loss, rel=1e-11)
    assert risk.kl_infinite[1] == 0
    assert risk.kl_finite[1] == risk.kl[1]


@pytest.mark.parametrize("p", [(0.6, 0.3, 0.1), (0.98, 0.01, 0.01)])
def test_minimax_risk_is_constant(p):
    """Adding sqrt(n) / K has squared error (1 - 1/K) / (sqrt(n) + 1)^2 whatever the truth."""
    n, n_states = 11, 4
    A = [[1, 0, 0, 0], [0, *p], *[[1, 0, 0, 0]] * 3]

    expected = (1 - 1 / n_states) / (math.sqrt(n) + 1) ** 2
    assert exact_risk(A, 2 * n, "minimax").mse[1].sum() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("p", "n", "published"),
    [(0.2, 30, 0.946), (0.2, 98, 0.928), (0.005, 591, 0.945), (0.005, 592, 0.792)],
)
def test_published_binomial_coverage(p, n, published):
    """Brown, Cai and DasGupta (2001), Statistical Science 16, 101-133, section 2."""
    A, length = binomial_row(p, n)
    result = exact_coverage(A, length, "wald", prob=0.95)
    np.testing.assert_allclose(result.coverage[1, 1:], published, rtol=0, atol=5e-4)
    assert result.joint[1] == pytest.approx(result.coverage[1, 1], rel=1e-12)


def test_clopper_pearson_never_falls_short():
    for p in (0.03, 0.2, 0.77):
        A, length = binomial_row(p, 25)
        result = exact_coverage(A, length, "clopper_pearson", prob=0.9)
        assert result.coverage[1, 1] >= 0.9


def test_a_wrong_standard_error_is_seen():
    """The standard error sqrt(n_ij) / n_i misses a factor sqrt(1 - p): far too wide for large p."""
    p, n = 0.9, 98
    A, length = binomial_row(p, n)
    right = exact_coverage(A, length, "wald", prob=0.95)
    wrong = exact_coverage(A, length, wrong_standard_error, prob=0.95)
    assert abs(right.coverage[1, 1] - 0.95) < 0.03
    assert wrong.coverage[1, 1] > 0.999
    assert wrong.width[1, 1] / right.width[1, 1] == pytest.approx(1 / math.sqrt(1 - p), rel=0.05)


def test_a_wrong_standard_error_is_seen_in_a_chain():
    A = [[0.5, 0.5], [0.95, 0.05], [0.3, 0.7]]
    right = exact_coverage(A, 150, "wilson", prob=0.8)
    wrong = exact_coverage(A, 150, wrong_standard_error, prob=0.8)
    assert abs(right.coverage[1, 0] - 0.8) < 0.05
    assert wrong.coverage[1, 0] > 0.99


def test_simulated_paths_agree():
    A, _ = TRUTHS["three"]
    length, size = 15, 40_000
    paths = simulate(A, length, rng=np.random.default_rng(20), size=size)
    tables = count_transitions(paths, 3, per_path=True)
    error = mle(tables) - np.array(A)
    risk = exact_risk(A, length, "mle")
    for values, expected in [(error, risk.bias), (error**2, risk.mse)]:
        n = (~np.isnan(values)).sum(axis=0)
        se = np.nanstd(values, axis=0) / np.sqrt(n)
        # Where p = 1/2 and n = 1 the error has one size only; then rounding is all that differs.
        assert (np.abs(np.nanmean(values, axis=0) - expected) <= 4 * se + 1e-12).all()
    low, high = INTERVALS["wilson"](tables, prob=0.9)
    result = exact_coverage(A, length, "wilson", prob=0.9)
    with np.errstate(invalid="ignore"):
        covers = np.where(np.isnan(low), np.nan, (low <= A) & (high >= A))
    n = (~np.isnan(covers)).sum(axis=0)
    share = result.coverage
    se = np.sqrt(share * (1 - share) / n)
    assert (np.abs(np.nanmean(covers, axis=0) - share) <= 4 * se + 1e-12).all()


def test_chunks_do_not_change_the_answer(monkeypatch):
    A, _ = TRUTHS["three, absorbing"]
    risk, coverage = exact_risk(A, 9, "mle"), exact_coverage(A, 9, "wilson", prob=0.7)
    # The package's attribute of this name is the function, so the module is looked up by name.
    monkeypatch.setattr(import_module("analytic.exact_risk"), "_CHUNK", 7)
    for got, want in [
        *zip(exact_risk(A, 9, "mle"), risk, strict=True),
        *zip(exact_coverage(A, 9, "wilson", prob=0.7), coverage, strict=True),
    ]:
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)


def test_probabilities_do_not_exceed_one():
    A, _ = TRUTHS["three"]

    def everything(counts, *, prob):
        return np.zeros(counts.shape), np.where(counts.sum(axis=-1, keepdims=True) > 0, 1, np.nan)

    def unit(counts, *, prob):
        low, high = everything(counts, prob=prob)
        return low, np.broadcast_to(high, counts.shape)

    result = exact_coverage(A, 14, unit, prob=0.5)
    np.testing.assert_array_equal(result.coverage, 1)
    np.testing.assert_array_equal(result.joint, 1)
    assert (exact_risk(A, 14, winner).kl_infinite == 1).all()


def test_relabelled_states_relabel_the_risk():
    A, _ = TRUTHS["three"]
    old = [2, 0, 1]
    moved = np.array(A)[[0, 3, 1, 2]][:, old]
    risk, swapped = exact_risk(A, 8, "laplace"), exact_risk(moved, 8, "laplace")
    np.testing.assert_allclose(swapped.bias, risk.bias[[0, 3, 1, 2]][:, old], rtol=1e-11)
    np.testing.assert_allclose(swapped.kl, risk.kl[[0, 3, 1, 2]], rtol=1e-11)


def not_a_batch(counts):
    return mle(counts)[0]


def zero_row(counts):
    return np.nan_to_num(mle(counts))


def partly(counts):
    A = mle(counts)
    A[..., 0] = np.nan
    return A


def crossed(counts, *, prob):
    low, high = wald(counts, prob=prob)
    return high, low


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        ("MLE", ValueError, "estimator 'MLE' is unknown; choose from mle, laplace"),
        (3, TypeError, "estimator must be a name or a function"),
        (not_a_batch, ValueError, "estimator returned shape .* leading batch axis"),
        (zero_row, ValueError, "of the estimate sums to 0, not 1"),
        (partly, ValueError, "of the estimate is partly NaN"),
        (lambda counts: mle(counts) * 2, ValueError, "the estimate must hold probabilities"),
    ],
)
def test_bad_estimators(estimator, error, message):
    with pytest.raises(error, match=message):
        exact_risk(TRUTHS["two"][0], 4, estimator)


@pytest.mark.parametrize(
    ("interval", "prob", "error", "message"),
    [
        ("Wald", 0.9, ValueError, "interval 'Wald' is unknown; choose from wald, wilson"),
        (None, 0.9, TypeError, "interval must be a name or a function"),
        ("bootstrap", 0.9, ValueError, "draws random numbers"),
        (INTERVALS["bootstrap"], 0.9, ValueError, "draws random numbers"),
        ("wald", 95, ValueError, "prob must lie strictly between 0 and 1"),
        (crossed, 0.9, ValueError, "must have low <= high"),
        (lambda c, *, prob: (mle(c)[0], mle(c)), 0.9, ValueError, "interval returned shape"),
        (lambda c, *, prob: (mle(c), mle(c)[0]), 0.9, ValueError, "interval returned shape"),
    ],
)
def test_bad_intervals(interval, prob, error, message):
    with pytest.raises(error, match=message):
        exact_coverage(TRUTHS["two"][0], 4, interval, prob=prob)


def test_bad_matrices():
    with pytest.raises(ValueError, match="is undefined"):
        exact_risk(mle([[1, 0], [0, 2], [0, 0]]), 4, "mle")
    with pytest.raises(ValueError, match="add the s_0 row"):
        exact_coverage([[0.8, 0.2], [0.4, 0.6]], 4, "wald", prob=0.9)
