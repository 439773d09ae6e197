"""Hidden chains whose numbers are in print, and the errata of the source note."""

import numpy as np
import pytest

from analytic import hmm

# Russell and Norvig, Artificial Intelligence (3rd ed.), section 15.2: rain, seen by an umbrella.
RAIN = [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]]
UMBRELLA = np.log([[0.9, 0.1], [0.2, 0.8]])

# Wikipedia, "Viterbi algorithm": healthy or with fever; normal, cold, dizzy.
HEALTH = [[0.6, 0.4], [0.7, 0.3], [0.4, 0.6]]
FEELING = np.log([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])

# Jurafsky and Martin, Speech and Language Processing (3rd ed. draft), appendix A: Eisner's ice
# cream, cold or hot; 1, 2 or 3 cones.
SUMMER = [[0.2, 0.8], [0.5, 0.5], [0.4, 0.6]]
CONES = np.log([[0.5, 0.4, 0.1], [0.2, 0.4, 0.4]])


def emitted(log_B, x):
    """Rows of log-emissions for codes."""
    return log_B.T[np.array(x)]


def test_umbrella_two_days():
    found = hmm.forward(RAIN, emitted(UMBRELLA, [0, 0]))
    np.testing.assert_allclose(found.predicted[1], [0.627, 0.373], rtol=0, atol=5e-4)
    np.testing.assert_allclose(found.filtered[:, 0], [0.818, 0.883], rtol=0, atol=5e-4)
    smoothed = hmm.smooth(RAIN, emitted(UMBRELLA, [0, 0])).smoothed
    np.testing.assert_allclose(smoothed[0], [0.883, 0.117], rtol=0, atol=5e-4)


def test_umbrella_five_days():
    # Filtered and smoothed: Wikipedia, "Forward-backward algorithm", example.
    x = emitted(UMBRELLA, [0, 0, 1, 0, 0])
    filtered = [0.8182, 0.8834, 0.1907, 0.7308, 0.8673]
    np.testing.assert_allclose(hmm.forward(RAIN, x).filtered[:, 0], filtered, rtol=0, atol=5e-5)
    smoothed = [0.8673, 0.8204, 0.3075, 0.8204, 0.8673]
    np.testing.assert_allclose(hmm.smooth(RAIN, x).smoothed[:, 0], smoothed, rtol=0, atol=5e-5)
    # Most likely sequence: Russell and Norvig, figure 15.5. Its first message is normalised.
    path, log_probability = hmm.viterbi(RAIN, x)
    assert path.tolist() == [0, 0, 1, 0, 0]
    np.testing.assert_allclose(np.exp(log_probability) / 0.55, 0.0210, rtol=0, atol=5e-5)


def test_umbrella_far_ahead():
    # Prediction tends to the stationary law, here one half (Russell and Norvig, section 15.2.1).
    law = hmm.predict(RAIN, emitted(UMBRELLA, [0, 0]), 40)
    np.testing.assert_allclose(law[-1], [0.5, 0.5], rtol=0, atol=1e-12)


def test_healthy_or_with_fever():
    path, log_probability = hmm.viterbi(HEALTH, emitted(FEELING, [0, 1, 2]))
    assert path.tolist() == [0, 0, 1]
    np.testing.assert_allclose(np.exp(log_probability), 0.01512, rtol=1e-12)


def test_walk_shop_clean():
    # Wikipedia, "Hidden Markov model", weather guessing: rainy or sunny; walk, shop, clean.
    A = [[0.6, 0.4], [0.7, 0.3], [0.4, 0.6]]
    B = np.log([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]])
    path, log_probability = hmm.viterbi(A, emitted(B, [0, 1, 2]))
    assert path.tolist() == [1, 0, 0]
    np.testing.assert_allclose(np.exp(log_probability), 0.01344, rtol=1e-12)


def test_ice_cream_trellis():
    # Figures A.5 and A.8 there: forward and Viterbi, x = 3, 1, 3 cones.
    alpha = []
    for length in (1, 2):
        found = hmm.forward(SUMMER, emitted(CONES, [2, 0, 2][:length]))
        alpha.append(np.exp(found.log_likelihood) * found.filtered[-1])
    np.testing.assert_allclose(alpha[0], [0.02, 0.32], rtol=1e-12)
    np.testing.assert_allclose(alpha[1], [0.069, 0.0404], rtol=1e-12)
    for state, printed in ((0, 0.064), (1, 0.0384)):
        ends_there = emitted(CONES, [2, 0])
        ends_there[1, 1 - state] = -np.inf
        best = np.exp(hmm.viterbi(SUMMER, ends_there).log_probability)
        np.testing.assert_allclose(best, printed, rtol=1e-12)


# The errata of Ramage (2007), on the ice cream of that note: 3, 1 ... cones, x = (3, 2, 1, 2).
CREAM = np.array([[0.2, 0.8], [0.8, 0.2], [0.2, 0.8]])
SCOOPS = np.log([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
X = [2, 1, 0, 1]


def likelihood(A):
    return np.exp(hmm.log_likelihood(A, emitted(SCOOPS, X)))


def test_the_first_state_is_one_step_from_the_start():
    # Algorithm 1 of the note starts at alpha_i(0) = A_0i and goes on from t = 1: A once too often.
    np.testing.assert_allclose(likelihood(CREAM), 0.0069472, rtol=1e-12)
    once_too_often = np.vstack([CREAM[0] @ CREAM[1:], CREAM[1:]])
    np.testing.assert_allclose(likelihood(once_too_often), 0.00620992, rtol=1e-12)
    # From the stationary law nothing shows.
    stationary = np.vstack([[0.5, 0.5], CREAM[1:]])
    np.testing.assert_allclose(likelihood(stationary), 0.005104, rtol=1e-12)
    moved = np.vstack([stationary[0] @ CREAM[1:], CREAM[1:]])
    np.testing.assert_allclose(likelihood(moved), 0.005104, rtol=1e-12)


def test_pairs_of_states_belong_to_the_step_between_them():
    # The note pairs alpha_i(t) with beta_j(t+1) for the step from t-1 to t, and takes beta for a
    # joint probability. By hand, conditional beta, beta(T) = 1:
    B = np.exp(emitted(SCOOPS, X))
    alpha, beta = [CREAM[0] * B[0]], [np.ones(2)]
    for t in range(1, 4):
        alpha.append((alpha[-1] @ CREAM[1:]) * B[t])
        beta.insert(0, CREAM[1:] @ (B[-t] * beta[0]))
    total = alpha[-1].sum()
    pairs = [np.outer(alpha[t - 1], B[t] * beta[t]) * CREAM[1:] / total for t in range(1, 4)]
    found = hmm.smooth(CREAM, emitted(SCOOPS, X))
    np.testing.assert_allclose(found.expected_counts[1:], sum(pairs), rtol=1e-12)
    np.testing.assert_allclose(found.expected_counts[0], alpha[0] * beta[0] / total, rtol=1e-12)
    np.testing.assert_allclose([pair.sum() for pair in pairs], 1, rtol=1e-12)
    wrong = [np.outer(alpha[t], B[t] * beta[t]) * CREAM[1:] / total for t in range(1, 4)]
    assert abs(sum(wrong) - sum(pairs)).max() > 0.1


def test_the_first_emission_is_counted():
    # Sums over i = 1, ..., S at t = 1, ..., T leave the step out of s_0 out, and x_1 with it.
    emission = hmm.Categorical(np.exp(SCOOPS))
    found = hmm.baum_welch(X, emission=emission, A=CREAM, max_iter=1, tolerance=0)
    smoothed = hmm.smooth(CREAM, emitted(SCOOPS, X)).smoothed
    counts = np.zeros((2, 3))
    for t, x in enumerate(X):
        counts[:, x] += smoothed[t]
    np.testing.assert_allclose(counts.sum(), 4, rtol=1e-12)
    expected = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.emission.B, expected, rtol=1e-12)
    assert found.emission.B[1, 2] > 0  # three cones were eaten on the first day only


# Zucchini and MacDonald, Hidden Markov Models for Time Series (2009), table 1.1: earthquakes of
# magnitude 7 or more in each year, 1900 to 2006.
EARTHQUAKES = """
13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 22 19 13 26 13
14 22 24 21 22 26 21 23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 19 15 34 10 15 22 18 15 20 15 22
19 16 30 27 29 23 20 16 21 21 25 16 18 15 18 14 10 15 8 15 6 11 8 7 18 16 13 12 13 20 15 16 12 18
15 16 13 15 16 11 11
"""
QUAKES = np.array(EARTHQUAKES.split(), dtype=int)


def test_earthquakes_two_states():
    # Table 4.1 there, by iteration; at convergence -l = 341.87871, with the first state certain.
    found = hmm.baum_welch(
        QUAKES,
        emission=hmm.Poisson([10.0, 30.0]),
        A=[[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]],
        tolerance=1e-10,
    )
    printed = [-413.27542, -343.76023, -343.13618]
    np.testing.assert_allclose(found.convergence.objective[:3], printed, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.log_likelihood, -341.87870, rtol=0, atol=2e-5)
    np.testing.assert_allclose(found.A[0], [1, 0], rtol=0, atol=1e-6)


def test_earthquakes_three_states():
    # Table 4.2 there: the start, and -l = 328.52748 at convergence.
    found = hmm.baum_welch(
        QUAKES,
        emission=hmm.Poisson([10.0, 20.0, 30.0]),
        A=[[1 / 3] * 3, [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
        tolerance=1e-10,
    )
    np.testing.assert_allclose(found.convergence.objective[0], -342.90781, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.log_likelihood, -328.52748, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.emission.rate, [13.134, 19.713, 29.710], rtol=0, atol=6e-4)


@pytest.mark.parametrize("A", [RAIN, HEALTH, SUMMER, CREAM], ids=["rain", "health", "summer", "x"])
def test_published_matrices_are_not_used_up(A):
    # One piece after the other is the whole: the prediction takes the place of the s_0 row.
    matrix, x = np.array(A), np.log(np.random.default_rng(1).dirichlet([1, 1], size=12))
    rest = np.vstack([hmm.predict(matrix, x[:5], 1), matrix[1:]])
    pieces = hmm.log_likelihood(matrix, x[:5]) + hmm.log_likelihood(rest, x[5:])
    np.testing.assert_allclose(pieces, hmm.log_likelihood(matrix, x), rtol=1e-13)
