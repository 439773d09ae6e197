"""Long sequences, extreme emissions, and the loops themselves."""

import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from analytic import hmm
from analytic.hmm import filtering, loops
from analytic.validate import ROW_SUM_TOLERANCE
from hidden import HIDDEN, Hidden, random_hidden


@pytest.fixture
def in_python(monkeypatch):
    """The loops as they are written, not compiled."""

    def use():
        for module in ("filtering", "smoothing", "decoding", "draws"):
            monkeypatch.setattr(f"analytic.hmm.{module}.compiled", lambda n: loops.LOOPS[n][0])

    return use


IMPOSSIBLE = Hidden(
    "impossible",
    ((0.5, 0.5), (1.0, 0.0), (0.3, 0.7)),
    (((-1.0, -2.0), (-3.0, 0.0)), ((0.0, -np.inf), (-np.inf, 0.0), (0.0, 0.0)), ((-1.0, 0.0),)),
)


def everything(case):
    """All numbers that the loops give."""
    found = [
        *hmm.forward(case.A, case.arrays),
        *hmm.smooth(case.A, case.arrays, per_sequence=True),
        *hmm.viterbi(case.A, case.arrays),
        hmm.log_likelihood(case.A, case.arrays),
        hmm.predict(case.A, case.arrays, 2),
    ]
    if case is not IMPOSSIBLE:
        rng = np.random.default_rng(2)
        found.append(hmm.sample_paths(case.A, case.arrays, rng=rng, size=50))
    return found


@pytest.mark.parametrize("case", [*HIDDEN, IMPOSSIBLE], ids=str)
def test_compiled_loops_are_the_loops_as_written(case, in_python):
    compiled = everything(case)
    in_python()
    for one, two in zip(compiled, everything(case), strict=True):
        pairs = zip(one, two, strict=True) if isinstance(one, list) else [(one, two)]
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-290)


def forward_in_logs(A, log_emission):
    """The forward procedure in logarithms, one line per step; slow."""
    with np.errstate(divide="ignore"):
        log_A = np.log(A)
    row, rows = log_A[0] + log_emission[0], []
    for x in log_emission[1:]:
        rows.append(row)
        row = np.logaddexp.reduce(row[:, None] + log_A[1:], axis=0) + x
    rows.append(row)
    return np.logaddexp.reduce(row), np.array(rows)


@pytest.mark.parametrize("spread", [1.0, 300.0, 3000.0])
@pytest.mark.parametrize("kind", ["positive", "left to right"])
def test_extreme_emissions_agree_with_logarithms(spread, kind):
    rng = np.random.default_rng(4)
    K = 4
    A = rng.dirichlet(np.full(K, 0.8), size=K + 1)
    if kind == "left to right":
        A[1:] = np.triu(A[1:] + 0.01)
        A /= A.sum(axis=1, keepdims=True)
    x = rng.normal(0, spread, size=(300, K))
    expected, rows = forward_in_logs(A, x)
    found = hmm.forward(A, x)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-12)
    law = np.exp(rows - np.logaddexp.reduce(rows, axis=1)[:, None])
    np.testing.assert_allclose(found.filtered, law, rtol=1e-7, atol=1e-200)
    smooth = hmm.smooth(A, x)
    # Backward is forward on the reversed sequence; the law at 150 is the product of both.
    with np.errstate(divide="ignore"):
        log_A, later = np.log(A), np.zeros(K)
    for t in range(299, 150, -1):
        later = np.logaddexp.reduce(log_A[1:] + x[t] + later, axis=1)
    middle = np.exp(rows[150] + later - expected)
    np.testing.assert_allclose(smooth.smoothed[150], middle, rtol=1e-7, atol=1e-100)
    np.testing.assert_allclose(smooth.expected_counts.sum(), 300, rtol=1e-12)


def test_a_lost_state_comes_back():
    # e^-1000 against it at first, e^1500 for it later: only logarithms know that it is still there.
    A = [[0.5, 0.5], [0.6, 0.4], [0.0, 1.0]]
    x = np.array([[-1000.0, 0.0], [0.0, -1500.0]])
    exact = math.log(0.5 * 0.6) - 1000
    np.testing.assert_allclose(hmm.log_likelihood(A, x), exact, rtol=1e-14)
    np.testing.assert_allclose(hmm.smooth(A, x).smoothed[0], [1, 0], rtol=0, atol=1e-100)
    drawn = hmm.sample_paths(A, x, rng=np.random.default_rng(1), size=100)
    assert (drawn == 0).all()


@pytest.mark.parametrize("rows", [1, 7, filtering.BLOCK // 3, filtering.BLOCK // 3 + 1, 20_000])
def test_blocks_leave_no_seam(rows, monkeypatch):
    case = random_hidden("long", 12, 3, (rows, 5, rows), spread=3.0)
    found = hmm.smooth(case.A, case.arrays)
    monkeypatch.setattr(filtering, "BLOCK", 10**9)
    whole = hmm.smooth(case.A, case.arrays)
    np.testing.assert_allclose(found.log_likelihood, whole.log_likelihood, rtol=1e-13)
    np.testing.assert_array_equal(found.smoothed[2], whole.smoothed[2])
    monkeypatch.setattr(filtering, "BLOCK", 12)
    pieces = hmm.smooth(case.A, case.arrays)
    np.testing.assert_array_equal(pieces.smoothed[2], whole.smoothed[2])
    np.testing.assert_allclose(pieces.log_likelihood, whole.log_likelihood, rtol=1e-12)


@pytest.mark.parametrize("name", ["left to right", "rare steps"])
def test_blocks_hand_logarithms_on(name, monkeypatch):
    case = next(case for case in HIDDEN if case.name == name)
    whole, filtered = hmm.smooth(case.A, case.arrays), hmm.forward(case.A, case.arrays).filtered
    monkeypatch.setattr(filtering, "BLOCK", 1)
    rows = hmm.smooth(case.A, case.arrays)
    np.testing.assert_allclose(rows.log_likelihood, whole.log_likelihood, rtol=1e-14)
    np.testing.assert_allclose(rows.expected_counts, whole.expected_counts, rtol=1e-12)
    for one, two in zip(hmm.forward(case.A, case.arrays).filtered, filtered, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-290)


def test_what_is_no_number_is_found_in_its_block(monkeypatch):
    monkeypatch.setattr(filtering, "BLOCK", 4)
    x = np.zeros((7, 2))
    x[5, 1] = np.nan
    with pytest.raises(ValueError, match="got nan in row 5, column 1"):
        hmm.log_likelihood([[0.5, 0.5], [0.7, 0.3], [0.4, 0.6]], x)


def test_draws_at_the_ends_of_the_uniform():
    A, ends = np.array([[0.0, 0.4, 0.6]] * 4), np.array([1])
    paths = np.empty((2, 1), dtype=np.int64)
    uniform = np.array([[0.0], [np.nextafter(1, 0)]])
    loops.compiled("draw_paths")(A, ends, np.array([[0.0, 1.0, 0.0]]), uniform, paths)
    assert paths.ravel().tolist() == [1, 1]
    loops.compiled("draw_paths")(A, ends, A[:1], uniform, paths)
    assert paths.ravel().tolist() == [1, 2]


@pytest.mark.parametrize("scale", [1.0, 700.0])
def test_a_long_sequence_is_stable(scale):
    # 10^5 steps, emissions down to 1e-300 in all states.
    rng = np.random.default_rng(6)
    K, T = 3, 100_000
    A = rng.dirichlet(np.ones(K), size=K + 1)
    x = -scale * rng.random(size=(T, K))
    found = hmm.smooth(A, x)
    expected, _ = forward_in_logs(A, x)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-11)
    np.testing.assert_allclose(found.smoothed.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(found.expected_counts.sum(), T, rtol=1e-10)
    path, log_probability = hmm.viterbi(A, x)
    before = np.concatenate(([0], path[:-1] + 1))
    exact = math.fsum(np.log(A[before, path])) + math.fsum(x[np.arange(T), path])
    np.testing.assert_allclose(log_probability, exact, rtol=1e-14)
    assert exact <= found.log_likelihood


def test_small_differences_decide_after_large_ones():
    # 2,000 steps of -10^6 add up to numbers that are 5e-7 apart; what decides is smaller.
    rng = np.random.default_rng(3)
    A = np.array([[0.5, 0.5], [0.5 + 4e-7, 0.5 - 4e-7], [0.5 - 3e-7, 0.5 + 3e-7]])
    x = 1e-6 * rng.normal(size=(2000, 2))
    path = hmm.viterbi(A, x).path
    assert 100 < path.sum() < 1900
    np.testing.assert_array_equal(hmm.viterbi(A, x - 1e6).path, path)


def test_the_log_likelihood_alone_takes_constant_memory():
    K, T = 4, 200_000
    A = np.full((K + 1, K), 1 / K)
    x = np.zeros((T, K))
    hmm.log_likelihood(A, x[:5])
    tracemalloc.start()
    hmm.log_likelihood(A, x)
    _, alone = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    hmm.forward(A, x)
    _, kept = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert alone < 1e6 < 2 * x.nbytes <= kept < 2 * x.nbytes + 1e6


@pytest.mark.slow
def test_a_million_steps_of_ten_states():
    rng = np.random.default_rng(8)
    K, T = 10, 10**6
    A = rng.dirichlet(np.ones(K), size=K + 1)
    x = rng.normal(-200, 100, size=(T, K))
    hmm.smooth(A, x[:5])
    tracemalloc.start()
    found = hmm.smooth(A, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.1 * x.nbytes
    np.testing.assert_allclose(found.smoothed.sum(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(found.expected_counts.sum(), T, rtol=1e-9)
    assert hmm.viterbi(A, x).log_probability <= found.log_likelihood
    np.testing.assert_allclose(hmm.log_likelihood(A, x), found.log_likelihood, rtol=1e-12)


def run(program, **environment):
    """Run a program in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done


CALL = """
import numpy as np
A = [[.5, .5], [.7, .3], [.3, .7]]
print(analytic.hmm.smooth(A, np.log([[.9, .2], [.9, .2]])).smoothed.round(3).tolist())
"""
SMOOTHED = "[[0.883, 0.117], [0.883, 0.117]]"


@pytest.mark.slow
def test_numba_is_not_imported_before_it_is_needed():
    program = (
        "import sys, analytic; print('numba' in sys.modules)"
        + CALL
        + "print('numba' in sys.modules)"
    )
    assert run(program).stdout.split("\n")[:3] == ["False", SMOOTHED, "True"]


def test_without_numba_the_loops_run_as_they_are():
    done = run("import sys; sys.modules['numba'] = None\nimport analytic" + CALL)
    assert done.stdout.strip() == SMOOTHED
    assert "plain Python" in done.stderr and done.stderr.count("RuntimeWarning") == 1


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    import numba

    original = numba.njit

    def njit(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return original(*args, **options)

    monkeypatch.setattr(numba, "njit", njit)
    shift = loops.compiled.__wrapped__("shift")
    largest, shifted = np.empty(2), np.empty((2, 2))
    assert shift(np.array([[1.0, 3.0], [-np.inf, -np.inf]]), 0, shifted, largest) == -1
    np.testing.assert_array_equal(largest, [3, 0])
    np.testing.assert_array_equal(shifted, [[-2, 0], [-np.inf, -np.inf]])


def test_rows_that_are_almost_stochastic():
    A = np.array([[0.5, 0.5], [0.7, 0.3 + ROW_SUM_TOLERANCE / 2], [0.3, 0.7]])
    assert np.isfinite(hmm.smooth(A, np.zeros((50, 2))).smoothed).all()


def test_no_probability_exceeds_one():
    """Rounding adds up where nothing is seen for long."""
    A = [[0.9, 0.1], [1 - 1e-6, 1e-6], [0.001, 0.999]]
    x = np.zeros((2000, 2))
    x[::500] = [-1.0, -30.0]
    found = hmm.smooth(A, x).smoothed
    assert found.max() <= 1
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
