"""Stationary law, recurrence, passage and holding times, entropy rate: against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    FUNCTIONALS,
    count_transitions,
    entropy_rate,
    first_passage_times,
    holding_times,
    is_irreducible,
    mle,
    n_step,
    recurrence_times,
    simulate,
    stationary,
)
from exact_chains import as_fractions, entropy, floats, passage_times, power, stationary_law
from oracles import irreducible

STANDARD_ERRORS = 5

IRREDUCIBLE = {
    "skewed": [[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]],
    "periodic": [[0, 0.7, 0.3], [1, 0, 0], [1, 0, 0]],
    "long way round": [[0.1, 0.9, 0, 0], [0, 0, 1, 0], [0, 0, 0.25, 0.75], [1, 0, 0, 0]],
    "one state": [[1.0]],
    "two states": [[0.3, 0.7], [0.05, 0.95]],
    "nearly apart": [[1 - 1e-12, 1e-12], [3e-12, 1 - 3e-12]],
    "two pairs": [
        [0.5, 0.5 - 1e-13, 1e-13, 0],
        [0.2, 0.8, 0, 0],
        [0, 3e-14, 0, 1],
        [0, 0, 0.4, 0.6],
    ],
}
REDUCIBLE = {
    "absorbing": [[0.5, 0.5], [0, 1]],
    "apart": [[1, 0, 0], [0, 0.2, 0.8], [0, 0.4, 0.6]],
    "transient": [[0.2, 0.5, 0.3], [0, 0.9, 0.1], [0, 0.3, 0.7]],
}
RARE = 1e-160
LADDER = [  # climbing a rung is rare, falling is sure: the top has probability 1e-320
    [1, RARE, 0, 0],
    [1, 0, RARE, 0],
    [0, 1, 0, RARE],
    [0, 0, 1, 0],
]
SLOW = [  # two rungs that hardly anything leaves: what passes through 1 and 2 does not underflow
    [1, 0, RARE, 0],
    [0, 1, 0, 3 * RARE],
    [0, RARE, 1, 0],
    [2 * RARE, 0, RARE, 1],
]
ORDERINGS = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)]


def random_chain(rng, n_states, spread=0.5):
    """Skewed rows; a small `spread` puts probabilities close to 0 and 1."""
    return rng.dirichlet(np.full(n_states, spread), size=n_states)


def offdiagonal(values):
    """Entries of the last two axes off the diagonal."""
    return values[..., ~np.eye(values.shape[-1], dtype=bool)]


@pytest.mark.parametrize("name", IRREDUCIBLE)
def test_stationary_law_of_an_irreducible_chain(name):
    P = np.array(IRREDUCIBLE[name])
    law = stationary(P)
    assert is_irreducible(P)
    assert_allclose(law.sum(), 1, rtol=1e-14)
    assert_allclose(law @ P, law, rtol=1e-12)
    assert_allclose(law, floats(stationary_law(as_fractions(P))), rtol=1e-13)


def test_stationary_law_keeps_its_digits_where_the_chain_nearly_falls_apart():
    assert_allclose(stationary([[1 - 1e-12, 1e-12], [3e-12, 1 - 3e-12]]), [0.75, 0.25], rtol=1e-14)


@pytest.mark.parametrize("chain", [LADDER, SLOW], ids=["ladder", "slow"])
@pytest.mark.parametrize("order", ORDERINGS, ids=str)
def test_products_of_tiny_probabilities_do_not_underflow(order, chain):
    P = np.array(chain, dtype=float)[np.ix_(order, order)]
    exact = as_fractions(P)
    law, times = floats(stationary_law(exact)), floats(passage_times(exact))
    assert_allclose(stationary(P), law, rtol=1e-12, atol=1e-322)
    assert_allclose(first_passage_times(P), times, rtol=1e-12)
    visible = law > 1e-300
    assert_allclose(recurrence_times(P)[visible], 1 / law[visible], rtol=1e-12)


def test_law_whose_tail_is_beyond_float64_is_zero_there():
    P = np.array([[1 - 1e-100, 1e-100, 0, 0, 0]] + [[0.0] * 5] * 4)
    for i in range(1, 5):
        P[i, i - 1], P[i, min(i + 1, 4)] = 1 - 1e-100, 1e-100
    law = stationary(P)
    assert_allclose(law[:4], [1, 1e-100, 1e-200, 1e-300], rtol=1e-12)
    assert law[4] == 0
    assert recurrence_times(P)[4] == np.inf
    assert first_passage_times(P)[0, 4] == np.inf
    assert_allclose(first_passage_times(P)[4, 0], 4, rtol=1e-12)


@pytest.mark.parametrize("n_states", range(1, 8))
def test_stationary_law_and_times_in_fractions(n_states):
    rng = np.random.default_rng(n_states)
    for spread in (0.1, 1):
        P = random_chain(rng, n_states, spread)
        exact = as_fractions(P)
        law, times = floats(stationary_law(exact)), floats(passage_times(exact))
        assert_allclose(stationary(P), law, rtol=1e-12)
        assert_allclose(recurrence_times(P), 1 / law, rtol=1e-12)
        assert_allclose(first_passage_times(P), times, rtol=1e-12)
        assert_allclose(entropy_rate(P), entropy(P.tolist()), rtol=1e-10, atol=1e-14)


def test_power_iteration_ends_in_the_stationary_law():
    P = np.array(IRREDUCIBLE["skewed"])
    law = np.array([1.0, 0.0, 0.0])
    for _ in range(200):
        law = law @ P
    assert_allclose(stationary(P), law, rtol=1e-13)


def test_passage_times_satisfy_first_step_analysis():
    P = random_chain(np.random.default_rng(4), 6)
    M = first_passage_times(P)
    assert_array_equal(np.diag(M), 0)
    # From j itself, one step and on from there: the recurrence time.
    expected = 1 + P @ M - np.diag(recurrence_times(P))
    assert_allclose(M, expected, rtol=1e-12, atol=1e-10)


def test_from_row_to_column():
    M = first_passage_times([[0.75, 0.25], [0.1, 0.9]])
    assert_allclose(M, [[0, 4], [10, 0]], rtol=1e-14)


def test_times_by_simulation():
    P = np.array([[0.7, 0.3, 0.0], [0.1, 0.6, 0.3], [0.5, 0.0, 0.5]])
    A = np.vstack([[1.0, 0.0, 0.0], P])
    paths = simulate(A, 400, rng=np.random.default_rng(8), size=3000)
    reached = np.argmax(paths == 2, axis=1)  # the path is in state 0 at first
    error = reached.std(ddof=1) / np.sqrt(len(reached))
    assert (paths == 2).any(axis=1).all()
    assert abs(reached.mean() - first_passage_times(P)[0, 2]) < STANDARD_ERRORS * error
    held = np.argmax(paths != 0, axis=1)
    error = held.std(ddof=1) / np.sqrt(len(held))
    assert abs(held.mean() - holding_times(P)[0]) < STANDARD_ERRORS * error
    ended = count_transitions(paths[:, -1:], 3)[0]
    error = np.sqrt(len(paths) * stationary(P) * (1 - stationary(P)))
    assert (np.abs(ended - len(paths) * stationary(P)) < STANDARD_ERRORS * error).all()


def test_entropy_rate_is_that_of_long_blocks():
    """Entropy of z_1, ..., z_n under the stationary start grows by h for each further state."""
    P = np.array([[0.9, 0.1], [0.4, 0.6]])
    law = stationary(P)

    def block_entropy(n):
        probabilities = law
        for _ in range(n - 1):
            probabilities = (probabilities.reshape(-1, 2)[..., None] * P).reshape(-1)
        return -(probabilities * np.log(probabilities)).sum()

    assert_allclose(entropy_rate(P), block_entropy(6) - block_entropy(5), rtol=1e-12)


def test_a_chain_without_choice_has_no_entropy():
    assert entropy_rate([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) == 0


def test_holding_times():
    P = [[0.75, 0.2, 0.05], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
    assert_allclose(holding_times(P), [4, 1, np.inf], rtol=1e-14)
    assert_allclose(holding_times([[1 - 1e-13, 1e-13], [0.5, 0.5]]), [1e13, 2], rtol=1e-14)


def test_one_state():
    P = [[1.0]]
    assert stationary(P).tolist() == [1]
    assert recurrence_times(P).tolist() == [1]
    assert first_passage_times(P).tolist() == [[0]]
    assert entropy_rate(P) == 0
    assert holding_times(P).tolist() == [np.inf]
    assert n_step(P, 5).tolist() == [[1]]


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 12])
def test_n_steps_are_as_many_products(steps):
    P = [[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.0, 0.5, 0.5]]
    assert_allclose(n_step(P, steps), floats(power(as_fractions(P), steps)), rtol=1e-13)


def test_very_many_steps_end_in_the_stationary_law():
    P = random_chain(np.random.default_rng(9), 5, 1) * (1 + 5e-9)  # sums within the tolerance
    power_ = n_step(P, 10**30 - 1)
    assert_allclose(power_, np.broadcast_to(stationary(P), (5, 5)), rtol=1e-7)
    assert_allclose(power_.sum(axis=-1), 1, rtol=1e-13)


@pytest.mark.parametrize("steps", [-1, 1.5, True, "2", None])
def test_steps_that_are_not(steps):
    with pytest.raises(ValueError, match=r"steps must be an integer >= 0, got"):
        n_step([[0.5, 0.5], [0.1, 0.9]], steps)


NEED_ONE_CLASS = (stationary, recurrence_times, first_passage_times, entropy_rate)


@pytest.mark.parametrize("function", NEED_ONE_CLASS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", REDUCIBLE)
def test_reducible_chain_has_none(name, function):
    P = np.array(REDUCIBLE[name])
    assert not is_irreducible(P)
    assert np.isnan(function(P)).all()


@pytest.mark.parametrize("function", FUNCTIONALS.values(), ids=FUNCTIONALS)
def test_batches_are_evaluated_one_by_one(function):
    rng = np.random.default_rng(5)
    batch = rng.dirichlet([0.5, 1, 2, 0.3], size=(2, 3, 4))
    batch[1, 2] = [[0, 1, 0, 0], [1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0.5, 0.5]]
    values = function(batch)
    assert values.shape[:2] == (2, 3)
    assert values.dtype == np.float64
    expected = [[function(P) for P in row] for row in batch]
    assert_allclose(values, expected, rtol=1e-12)
    assert np.isnan(values[1, 2]).all() == (function in NEED_ONE_CLASS)
    assert np.isfinite(values[0]).all()
    assert function(batch[:0]).shape[:2] == (0, 3)


@pytest.mark.parametrize("function", [*FUNCTIONALS.values(), lambda P: n_step(P, 2)])
def test_the_row_of_s_0_has_to_be_left_out(function):
    table = [[0, 0], [3, 1], [1, 2]]
    with pytest.raises(ValueError, match=r"an s_0 row included; pass P\[\.\.\., 1:, :\]"):
        function(mle(table))
    with pytest.raises(ValueError, match=r"row \(0,\) of P is undefined \(NaN\)"):
        function([[np.nan, np.nan], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"row \(1,\) of P sums to 0.9, not 1"):
        function([[0.5, 0.5], [0.4, 0.5]])


def test_relabelled_states_carry_their_values_along():
    P = random_chain(np.random.default_rng(6), 4)
    new = np.array([2, 0, 3, 1])
    moved = P[np.ix_(new, new)]
    for function in (stationary, recurrence_times, holding_times):
        assert_allclose(function(moved), function(P)[new], rtol=1e-12)
    times = first_passage_times(P)[np.ix_(new, new)]
    assert_allclose(first_passage_times(moved), times, rtol=1e-12)
    assert_allclose(entropy_rate(moved), entropy_rate(P), rtol=1e-12)


def test_irreducibility_against_following_every_arrow():
    rng = np.random.default_rng(7)
    answers = []
    for _ in range(300):
        n_states = int(rng.integers(1, 7))
        arrows = rng.random((n_states, n_states)) < 0.4
        arrows[np.arange(n_states), rng.integers(0, n_states, n_states)] = True
        P = arrows / arrows.sum(axis=1, keepdims=True)
        answers.append(irreducible(P))
        assert is_irreducible(P) == answers[-1]
    assert 50 < sum(answers) < 250


def test_the_fractions_are_right():
    """Two states: by hand."""
    P = as_fractions([[0.75, 0.25], [0.5, 0.5]])
    assert stationary_law(P) == [Fraction(2, 3), Fraction(1, 3)]
    assert passage_times(P) == [[0, 4], [2, 0]]
