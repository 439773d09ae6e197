"""What is impossible, and what is refused."""

import numpy as np
import pytest

from analytic import hmm

A = np.array([[0.6, 0.4], [0.7, 0.3], [0.0, 1.0]])
FINE = np.array([[-1.0, -2.0], [-0.5, -0.1], [-3.0, -1.0]])
NO_STATE = np.array([[-1.0, -2.0], [-np.inf, -np.inf], [-3.0, -1.0]])
NO_WAY = np.array([[-np.inf, -2.0], [-1.0, -np.inf], [-3.0, -1.0]])


@pytest.mark.parametrize("x", [NO_STATE, NO_WAY], ids=["no state", "no transition"])
def test_impossible_observations(x):
    found = hmm.forward(A, x)
    assert found.log_likelihood == -np.inf
    np.testing.assert_array_equal(np.isnan(found.filtered).all(axis=1), [False, True, True])
    np.testing.assert_array_equal(np.isnan(found.predicted).all(axis=1), [False, False, True])
    smooth = hmm.smooth(A, x)
    assert smooth.log_likelihood == -np.inf
    assert np.isnan(smooth.smoothed).all() and np.isnan(smooth.expected_counts).all()
    assert hmm.log_likelihood(A, x) == -np.inf
    path, log_probability = hmm.viterbi(A, x)
    assert log_probability == -np.inf
    np.testing.assert_array_equal(path, [-1, -1, -1])
    assert np.isnan(hmm.predict(A, x, 2)).all()
    with pytest.raises(ValueError, match="impossible under A"):
        hmm.sample_paths(A, x, rng=np.random.default_rng(1))


def test_impossible_at_once_and_at_the_end():
    first = np.array([[-np.inf, -np.inf], [0.0, 0.0]])
    assert np.isnan(hmm.forward(A, first).filtered).all()
    np.testing.assert_array_equal(hmm.forward(A, first).predicted[0], A[0])
    last = np.array([[-1.0, -2.0], [-np.inf, -np.inf]])
    assert hmm.smooth(A, last).log_likelihood == -np.inf
    assert np.isfinite(hmm.forward(A, last).filtered[0]).all()


def test_an_impossible_sequence_leaves_its_neighbours_alone():
    found = hmm.smooth(A, [FINE, NO_WAY, FINE], per_sequence=True)
    alone = hmm.smooth(A, FINE)
    for n in (0, 2):
        np.testing.assert_array_equal(found.smoothed[n], alone.smoothed)
        np.testing.assert_array_equal(found.expected_counts[n], alone.expected_counts)
        assert found.log_likelihood[n] == alone.log_likelihood
    assert np.isnan(found.smoothed[1]).all() and np.isnan(found.expected_counts[1]).all()
    assert np.isnan(hmm.smooth(A, [FINE, NO_WAY, FINE]).expected_counts).all()
    decoded = hmm.viterbi(A, [NO_STATE, FINE])
    np.testing.assert_array_equal(decoded.path[1], hmm.viterbi(A, FINE).path)
    assert decoded.log_probability[0] == -np.inf
    with pytest.raises(ValueError, match="of sequence 1 are impossible"):
        hmm.sample_paths(A, [FINE, NO_WAY], rng=np.random.default_rng(1))


FUNCTIONS = {
    "forward": hmm.forward,
    "log_likelihood": hmm.log_likelihood,
    "smooth": hmm.smooth,
    "viterbi": hmm.viterbi,
    "predict": lambda A, x: hmm.predict(A, x, 1),
    "sample_paths": lambda A, x: hmm.sample_paths(A, x, rng=np.random.default_rng(1)),
}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


@each_function
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (A[1:], "add the s_0 row"),
        (A[:, :1] * 0 + 1, "must have shape"),
        ([[0.6, 0.4], [0.7, 0.2], [0.0, 1.0]], "sums to 0.9, not 1"),
        (A - [[0.0, 0.0], [0.0, 0.1], [0.0, 0.0]], "sums to 0.9, not 1"),
        (np.add(A, [[0.0, 0.0], [0.0, 0.0], [0.0, 5e-9]]), "must hold probabilities"),
        ([[0.6, 0.4], [np.nan, np.nan], [0.0, 1.0]], "undefined"),
        (np.array([A, A]), "must have shape"),
    ],
)
def test_matrices_that_are_refused(function, matrix, message):
    with pytest.raises(ValueError, match=message):
        function(matrix, FINE)


@each_function
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (FINE[:, :1], r"shape \(T, 2\), one column per state of A, got \(3, 1\)"),
        (FINE[0], "one column per state"),
        (np.array([FINE, FINE]), "as a list of arrays"),
        (FINE[:0], "log_emission is empty"),
        ([FINE, FINE[:0]], "sequence 1 of log_emission is empty"),
        ([], "one column per state|is empty"),
        ([FINE, FINE[:, :1]], r"log_emission\[1\] must have shape"),
        (np.where(FINE == -0.1, np.nan, FINE), "got nan in row 1, column 1"),
        (np.where(FINE == -0.1, np.inf, FINE), "got inf in row 1, column 1"),
        ([FINE, np.where(FINE == -3, np.nan, FINE)], "got nan in row 2 of sequence 1, column 0"),
        ([FINE, np.where(FINE == -2, np.nan, FINE)], "got nan in row 0 of sequence 1, column 1"),
        (np.ma.masked_less(FINE, -2.5), "masked"),
    ],
)
def test_log_emissions_that_are_refused(function, x, message):
    with pytest.raises(ValueError, match=message):
        function(A, x)


@each_function
def test_text_is_refused(function):
    with pytest.raises(TypeError, match="log_emission must hold integers or floats"):
        function(A, [["a", "b"]])


@each_function
def test_what_is_accepted(function):
    plain = np.round(FINE * 10)
    plain.flags.writeable = False
    expected = function(A, plain)
    as_list = function(A.tolist(), plain.astype(int).tolist())
    strided = function(np.asfortranarray(A), np.repeat(plain, 2, axis=0)[::2])
    single = function(A, plain.astype(np.float32))
    for other in (as_list, strided, single):
        fields = zip(expected, other, strict=True) if isinstance(expected, tuple) else []
        for one, two in fields or [(expected, other)]:
            np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(plain, np.round(FINE * 10))


@pytest.mark.parametrize("steps", [0, -1, 1.0, True, None])
def test_steps_that_are_refused(steps):
    with pytest.raises(ValueError, match="steps must be an integer >= 1"):
        hmm.predict(A, FINE, steps)


def test_randomness_comes_in_as_a_generator():
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        hmm.sample_paths(A, FINE, rng=1)
    with pytest.raises(ValueError, match="size must be"):
        hmm.sample_paths(A, FINE, rng=np.random.default_rng(1), size=-1)
    one = hmm.sample_paths(A, FINE, rng=np.random.default_rng(5), size=100)
    two = hmm.sample_paths(A, FINE, rng=np.random.default_rng(5), size=100)
    np.testing.assert_array_equal(one, two)
    assert hmm.sample_paths(A, FINE, rng=np.random.default_rng(5)).shape == (3,)
