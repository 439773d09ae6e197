"""Hidden chains with known parameters, against the enumeration of all paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analytic
from analytic import hmm
from hidden import (
    HIDDEN,
    SEQUENCES,
    best_paths,
    expected_counts_by_paths,
    filtered_by_paths,
    log_likelihood_by_paths,
    path_law,
    predicted_by_paths,
    random_hidden,
    smoothed_by_paths,
)

each_sequence = pytest.mark.parametrize(
    ("case", "n"), SEQUENCES, ids=[f"{case}-{n}" for case, n in SEQUENCES]
)
each_case = pytest.mark.parametrize("case", HIDDEN, ids=str)


@each_sequence
def test_filtering_agrees_with_all_paths(case, n):
    x = case.arrays[n]
    found = hmm.forward(case.A, x)
    expected = log_likelihood_by_paths(case.A, x)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(found.filtered, filtered_by_paths(case.A, x), rtol=1e-9, atol=1e-290)
    predicted, _ = predicted_by_paths(case.A, x)
    np.testing.assert_allclose(found.predicted, predicted, rtol=1e-9, atol=1e-290)
    np.testing.assert_allclose(found.filtered.sum(axis=1), 1, rtol=1e-14)


@each_sequence
def test_smoothing_agrees_with_all_paths(case, n):
    x = case.arrays[n]
    found = hmm.smooth(case.A, x)
    np.testing.assert_allclose(found.smoothed, smoothed_by_paths(case.A, x), rtol=1e-9, atol=1e-150)
    table = expected_counts_by_paths(case.A, x)
    np.testing.assert_allclose(found.expected_counts, table, rtol=1e-9, atol=1e-150)
    assert found.log_likelihood == hmm.forward(case.A, x).log_likelihood
    np.testing.assert_allclose(found.expected_counts.sum(), len(x), rtol=1e-13)


@each_sequence
def test_zeros_stay_exact(case, n):
    x = case.arrays[n]
    found = hmm.smooth(case.A, x)
    assert (found.smoothed[np.isneginf(x)] == 0).all()
    assert (found.expected_counts[case.matrix == 0] == 0).all()
    filtered = hmm.forward(case.A, x).filtered
    assert (filtered[np.isneginf(x)] == 0).all() and (filtered >= 0).all()


@each_sequence
def test_log_likelihood_alone(case, n):
    x = case.arrays[n]
    # Rows that nobody looks at are scaled less often.
    filtering = hmm.forward(case.A, x).log_likelihood
    np.testing.assert_allclose(hmm.log_likelihood(case.A, x), filtering, rtol=1e-14, atol=1e-12)


@each_sequence
def test_viterbi_agrees_with_all_paths(case, n):
    x = case.arrays[n]
    found = hmm.viterbi(case.A, x)
    top, best = best_paths(case.A, x)
    assert tuple(found.path.tolist()) in best
    np.testing.assert_allclose(found.log_probability, top, rtol=1e-14, atol=1e-12)


@each_sequence
def test_prediction_agrees_with_all_paths(case, n):
    x = case.arrays[n]
    _, future = predicted_by_paths(case.A, x, steps=2)
    np.testing.assert_allclose(hmm.predict(case.A, x, 2), future, rtol=1e-9, atol=1e-290)


@each_sequence
def test_draws_have_the_law_of_the_paths(case, n):
    x = case.arrays[n]
    size = 20_000
    drawn = hmm.sample_paths(case.A, x, rng=np.random.default_rng(7), size=size)
    assert drawn.shape == (size, len(x)) and drawn.dtype == np.int64
    law = path_law(case.A, x)
    paths, times = np.unique(drawn, axis=0, return_counts=True)
    shares = dict.fromkeys(law, 0.0)
    shares.update({tuple(path): k / size for path, k in zip(paths.tolist(), times, strict=True)})
    assert set(shares) == set(law)
    for path, p in law.items():
        assert shares[path] == 0 or p > 0
        assert abs(shares[path] - p) <= 5 * np.sqrt(p * (1 - p) / size) + 5 / size


def test_draws_are_not_drawn_one_state_at_a_time():
    # Smoothed laws are 1/2 and 1/2 at each time, and still two neighbours are nearly always equal.
    A = [[0.5, 0.5], [0.99, 0.01], [0.01, 0.99]]
    drawn = hmm.sample_paths(A, np.zeros((2, 2)), rng=np.random.default_rng(1), size=4000)
    assert (drawn[:, 0] != drawn[:, 1]).mean() < 0.02


@each_case
def test_many_sequences_are_each_on_their_own(case):
    found = hmm.smooth(case.A, case.arrays, per_sequence=True)
    filtering = hmm.forward(case.A, case.arrays)
    decoded = hmm.viterbi(case.A, case.arrays)
    predicted = hmm.predict(case.A, case.arrays, 2)
    for n, x in enumerate(case.arrays):
        alone = hmm.smooth(case.A, x)
        assert found.log_likelihood[n] == alone.log_likelihood
        np.testing.assert_array_equal(found.smoothed[n], alone.smoothed)
        np.testing.assert_array_equal(found.expected_counts[n], alone.expected_counts)
        np.testing.assert_array_equal(filtering.filtered[n], hmm.forward(case.A, x).filtered)
        np.testing.assert_array_equal(filtering.predicted[n], hmm.forward(case.A, x).predicted)
        np.testing.assert_array_equal(decoded.path[n], hmm.viterbi(case.A, x).path)
        assert decoded.log_probability[n] == hmm.viterbi(case.A, x).log_probability
        np.testing.assert_array_equal(predicted[n], hmm.predict(case.A, x, 2))
    together = hmm.smooth(case.A, case.arrays).expected_counts
    np.testing.assert_allclose(together, found.expected_counts.sum(axis=0), rtol=1e-12)
    values = hmm.log_likelihood(case.A, case.arrays)
    np.testing.assert_allclose(values, filtering.log_likelihood, rtol=1e-14, atol=1e-12)
    drawn = hmm.sample_paths(case.A, case.arrays, rng=np.random.default_rng(3), size=(2, 5))
    assert [path.shape for path in drawn] == [(2, 5, len(x)) for x in case.arrays]


def test_sequences_are_weighted_by_their_own_likelihoods():
    # Without the division by P(x) of each sequence, the likelier one would count for more.
    A = [[0.2, 0.8], [0.8, 0.2], [0.2, 0.8]]
    likely, unlikely = np.log([[0.7, 0.9], [0.2, 0.6]]), np.log([[1e-5, 3e-5], [2e-6, 1e-6]])
    table = hmm.smooth(A, [likely, unlikely]).expected_counts
    expected = expected_counts_by_paths(A, likely) + expected_counts_by_paths(A, unlikely)
    np.testing.assert_allclose(table, expected, rtol=1e-12)
    np.testing.assert_allclose(table.sum(), 4, rtol=1e-14)


def test_expected_counts_are_the_gradient_of_the_log_likelihood():
    case = random_hidden("gradient", 8, 3, (6,))
    x, step = case.arrays[0], 1e-6
    table = hmm.smooth(case.A, x).expected_counts
    for index in np.ndindex(4, 3):
        values = []
        for sign in (1, -1):
            moved = case.matrix
            moved[index] += sign * step
            # Only rows that sum to one are accepted: scale the row, and take the scale back.
            scale = moved[index[0]].sum()
            moved[index[0]] /= scale
            exact = log_likelihood_by_paths(moved, x)
            values.append((exact, np.log(scale)))
        derivative = (values[0][0] - values[1][0]) / (2 * step)
        departures = table[index[0]].sum()
        np.testing.assert_allclose(
            table[index] / case.matrix[index] - departures, derivative, rtol=1e-5, atol=1e-6
        )


@given(
    st.integers(0, 10**6), st.integers(1, 4), st.lists(st.integers(1, 4), min_size=1, max_size=3)
)
def test_random_chains_agree_with_all_paths(seed, K, lengths):
    case = random_hidden("drawn", seed, K, lengths, spread=5.0, concentration=0.3)
    tables = [expected_counts_by_paths(case.A, x) for x in case.arrays]
    found = hmm.smooth(case.A, case.arrays)
    np.testing.assert_allclose(found.expected_counts, sum(tables), rtol=1e-8, atol=1e-12)
    for x, path, value in zip(case.arrays, *hmm.viterbi(case.A, case.arrays), strict=True):
        top, best = best_paths(case.A, x)
        assert tuple(path.tolist()) in best
        np.testing.assert_allclose(value, top, rtol=1e-12, atol=1e-12)


def test_a_known_path_gives_the_counts_of_the_observed_chain_exactly():
    rng = np.random.default_rng(11)
    A = rng.dirichlet([0.5, 1.0, 2.0], size=4)
    paths = [analytic.simulate(A, length, rng=rng) for length in (500, 1, 49, 1000)]
    x = [rng.normal(-300, 100, size=(len(path), 3)) for path in paths]
    known = [
        np.where(hmm.known_states(path, 3), row, -np.inf)
        for path, row in zip(paths, x, strict=True)
    ]
    found = hmm.smooth(A, known)
    np.testing.assert_array_equal(found.expected_counts, analytic.count_transitions(paths, 3))
    for path, smoothed in zip(paths, found.smoothed, strict=True):
        np.testing.assert_array_equal(smoothed, np.eye(3)[path])
    for path, decoded in zip(paths, hmm.viterbi(A, known).path, strict=True):
        np.testing.assert_array_equal(decoded, path)
    expected = [
        analytic.log_probability(A, path) + row[np.arange(len(path)), path].sum()
        for path, row in zip(paths, x, strict=True)
    ]
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-13)


def test_time_passes_while_nothing_is_seen():
    A = np.array([[0.9, 0.1], [0.7, 0.3], [0.05, 0.95]])
    x = np.log([[0.4, 0.1], [1.0, 1.0], [1.0, 1.0], [0.2, 0.6]])
    found = hmm.forward(A, x)
    gap = hmm.forward(A, x[[0, 3]])
    np.testing.assert_allclose(found.predicted[3], found.filtered[0] @ A[1:] @ A[1:] @ A[1:])
    assert abs(found.predicted[3] - gap.predicted[1]).max() > 0.1
    np.testing.assert_allclose(hmm.log_likelihood(A, np.zeros((9, 2))), 0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("K", [1, 3])
def test_constants_in_a_row_only_shift_the_log_likelihood(K):
    case = random_hidden("shifted", 9, K, (5,))
    x, shift = case.arrays[0], np.array([3.0, -700.0, 1e4, 0.0, -2.0])
    plain, shifted = hmm.smooth(case.A, x), hmm.smooth(case.A, x + shift[:, None])
    np.testing.assert_allclose(shifted.log_likelihood, plain.log_likelihood + shift.sum())
    np.testing.assert_allclose(shifted.smoothed, plain.smoothed, rtol=1e-9)


@pytest.mark.parametrize(
    ("A", "length", "path"),
    [
        ([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 3, [0, 0, 0]),
        ([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]], 2, [0, 2]),
        ([[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]], 2, [1, 0]),
        ([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], 4, [0, 0, 0, 0]),
    ],
    ids=["last state", "way to it", "the last state first", "all"],
)
def test_ties_are_broken_from_the_end_by_the_smallest_code(A, length, path):
    found = hmm.viterbi(A, np.zeros((length, len(A[0]))))
    assert found.path.tolist() == path
    _, best = best_paths(A, np.zeros((length, len(A[0]))))
    assert tuple(path) == min(best, key=lambda way: way[::-1]) and len(best) > 1
