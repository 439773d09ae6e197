"""Simulated data sets: chains that cannot go astray, and probabilities in closed form."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import analytic
from bayes_markov import TransitionCounts
from bayes_markov.predictive.replicate import as_paths, paths_of, simulate_like

LABELS = "abcd"


def certain_matrices(n_states, order, number, seed):
    """Matrices whose rows have a single 1, each matrix another one."""
    rng = np.random.default_rng(seed)
    rows = (n_states + 1) ** order
    following = rng.integers(n_states, size=(number, rows))
    A = np.zeros((number, rows, n_states))
    A[np.arange(number)[:, None], np.arange(rows), following] = 1
    return A.reshape(number, *(n_states + 1,) * order, n_states)


def follow(A, path, order, start):
    """Walk along a matrix of certainties, keeping what is given; -1 is a missing value."""
    drawn, stretch = [], None
    for t, state in enumerate(path):
        if state < 0:
            drawn.append(-1)
            stretch = None
            continue
        if stretch is None:
            stretch, from_start = [], t == 0
        keep = (not from_start or start == "given") and len(stretch) < order
        history = [0] * order + [code + 1 for code in stretch]
        row = tuple(history[len(history) - order :])
        stretch.append(state if keep else int(np.argmax(A[row])))
        drawn.append(stretch[-1])
    return drawn


PATHS = {
    "one": [[0, 1, 1, 2, 0, 2, 2]],
    "ragged": [[1], [0, 2, 1, 1, 0, 1], [2, 2], [0, 1, 0, 2, 2, 1, 0, 0, 1]],
    "holes": [[-1, 1, 0, -1, 2, 2, 1, 0], [0, 1, -1, -1, 2, 0, 1, 1], [2, -1, 0]],
}


@pytest.mark.parametrize("start", ["s0", "given"])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("paths", PATHS.values(), ids=PATHS)
def test_certain_chains_are_followed(paths, order, start):
    observed = paths_of([np.array(path) for path in paths], tuple("abc"), order)
    A = certain_matrices(3, order, number=20, seed=order)
    drawn = simulate_like(A, observed, start=start, rng=np.random.default_rng(1))
    assert drawn.dtype == np.uint8
    for matrix, codes in zip(A, drawn, strict=True):
        whole = [state for path in paths for state in follow(matrix, path, order, start)]
        assert codes.tolist() == [state for state in whole if state >= 0]


def within(frequency, probability, number):
    """Frequencies lie within five standard errors of their probabilities."""
    error = np.sqrt(probability * (1 - probability) / number)
    assert (np.abs(frequency - probability) <= 5 * error).all()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_replicates_have_the_predictive_probabilities(order):
    """Two sequences of one replicate share their matrix: their joint law is an evidence ratio."""
    table = analytic.count_transitions([[0, 1, 1, 0, 1, 1, 1], [1, 1]], 2, order=order)
    posterior = analytic.DirichletRows(np.full(table.shape, 0.5)).given(table)
    number = 40_000
    A = posterior.sample(np.random.default_rng(order), size=number)
    observed = paths_of([np.array([0, 1, 1]), np.array([1, 0])], ("a", "b"), order)
    drawn = simulate_like(A, observed, start="s0", rng=np.random.default_rng(3))
    number_of = drawn.astype(int) @ 2 ** np.arange(4, -1, -1)
    frequency = np.bincount(number_of, minlength=32) / number
    future = [
        analytic.count_transitions([list(z[:3]), list(z[3:])], 2, order=order)
        for z in itertools.product(range(2), repeat=5)
    ]
    probability = np.exp(analytic.log_predictive(future, table, 0.5, order=order))
    assert probability.sum() == pytest.approx(1, abs=1e-12)
    within(frequency, probability, number)


def test_transitions_of_a_long_replicate_have_their_probabilities():
    A = np.array([[0.2, 0.3, 0.5], [0.8, 0.15, 0.05], [0.0, 0.6, 0.4], [0.3, 0.1, 0.6]])
    observed = paths_of([np.zeros(2000, dtype=int)], tuple("abc"), 1)
    drawn = simulate_like(np.stack([A] * 50), observed, start="s0", rng=np.random.default_rng(2))
    table = analytic.count_transitions([path.astype(int) for path in drawn], 3)
    assert table[2, 0] == 0
    departures = table.sum(axis=1, keepdims=True)
    within(table[1:] / departures[1:], A[1:], departures[1:])


def test_stretches_halves_and_labels():
    observed = paths_of([np.array([1, 0, -1, 1, -1]), np.array([0, 0])], ("a", "b"), 1)
    assert observed.codes.tolist() == [[1, 0, 1, 0, 0]]
    assert observed.lengths.tolist() == [2, 1, 2]
    assert observed.starts.tolist() == [True, False, True]
    assert observed.early.tolist() == [True, True, False, True, False]
    assert list(observed.sequences()) == [[["b", "a"], ["b"], ["a", "a"]]]


def test_sequences_must_be_the_counted_ones():
    data = [["a", "b", "b"], ["b", None, "a", "b"]]
    counts = TransitionCounts.from_sequences(data, missing="break")
    assert as_paths(data, counts, "s0").codes.tolist() == [[0, 1, 1, 1, 0, 1]]
    for other in ([["a", "b", "a"], data[1]], [data[0]], [*data, ["a"]]):
        with pytest.raises(ValueError, match="sequences are not the data of the tree"):
            as_paths(other, counts, "s0")


def test_given_starts_are_not_compared():
    """A table from a paper tells nothing of first states."""
    counts = TransitionCounts.from_table([[0, 1], [0, 1]], ["a", "b"])
    data = ["a", "b", "b"]
    assert as_paths(data, counts, "given").codes.tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match="give 3 transitions, the tree was fitted to 2"):
        as_paths(data, counts, "s0")
    with pytest.raises(ValueError, match="give 1 transitions, the tree was fitted to 2"):
        as_paths(["a", "b"], counts, "given")


def test_order_two_keeps_two_states_when_given():
    data = [["a", "b", "b", "a"], ["b"]]
    counts = TransitionCounts.from_sequences(data, order=2)
    observed = as_paths(data, counts, "given")
    A = np.full((200, 3, 3, 2), 0.5)
    drawn = simulate_like(A, observed, start="given", rng=np.random.default_rng(1))
    assert_array_equal(drawn[:, [0, 1, 4]], np.tile([0, 1, 1], (200, 1)))
    assert drawn[:, 2].std() > 0


def test_unknown_label_and_empty_data_are_refused():
    counts = TransitionCounts.from_sequences(["a", "b"])
    with pytest.raises(ValueError, match="position 1 of sequence 0 is 'c'"):
        as_paths(["a", "c"], counts, "s0")
    with pytest.raises(ValueError, match="missing values only"):
        as_paths([None], TransitionCounts.from_table([[0]], ["a"]), "s0")
    with pytest.raises(ValueError, match=r"start must be .*got 'first'"):
        as_paths(["a", "b"], counts, "first")


def test_history_without_a_next_state_is_refused():
    A = np.array([[[0.5, 0.5], [0.5, 0.5], [np.nan, np.nan]]])
    observed = paths_of([np.array([0, 0, 0, 1])], ("a", "b"), 1)
    with pytest.raises(ValueError, match="history that support leaves without a next state"):
        simulate_like(np.repeat(A, 20, axis=0), observed, start="s0", rng=np.random.default_rng(1))
