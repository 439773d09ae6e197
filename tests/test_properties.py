"""Identities that hold for every chain, on chains that Hypothesis makes up."""

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    DirichletRows,
    count_transitions,
    log_evidence,
    log_likelihood,
    log_probability,
    loo_transitions,
    loo_units,
    lower_order,
    mle,
    posterior_mean,
    posterior_mode,
)
from oracles import all_paths, relabel_paths, relabel_table


@st.composite
def chains(draw, orders=(0, 1, 2, 3)):
    """Paths of one to four states, with an order."""
    n_states = draw(st.integers(1, 4))
    path = st.lists(st.integers(0, n_states - 1), min_size=1, max_size=12)
    return draw(st.lists(path, min_size=1, max_size=5)), n_states, draw(st.sampled_from(orders))


@st.composite
def tables_with_alpha(draw):
    """A table of order 1, counts large and small, and a prior for it."""
    n_states = draw(st.integers(1, 4))
    cells = (n_states + 1) * n_states
    counts = draw(
        st.lists(st.integers(0, 3) | st.integers(0, 10**6), min_size=cells, max_size=cells)
    )
    alpha = draw(st.lists(st.floats(0.01, 20), min_size=cells, max_size=cells))
    shape = (n_states + 1, n_states)
    return np.array(counts).reshape(shape), np.array(alpha).reshape(shape)


def rounding(counts):
    """What float64 leaves open in sums of log-Gamma values, of size n log n or some hundred."""
    n = 1 + counts.sum()
    return 1e-15 * (200 + n * np.log(n))


@given(chains(), chains())
def test_merging_tables_is_concatenating_lists(one, other):
    n_states, order = max(one[1], other[1]), one[2]
    both = count_transitions(one[0] + other[0], n_states, order=order)
    apart = [count_transitions(paths, n_states, order=order) for paths, _, _ in (one, other)]
    assert_array_equal(both, sum(apart))


@given(chains(), st.randoms(use_true_random=False))
def test_relabelling_the_states_permutes_the_table(chain, random):
    paths, n_states, order = chain
    new_code = random.sample(range(n_states), n_states)
    before = count_transitions(paths, n_states, order=order)
    after = count_transitions(relabel_paths(paths, new_code), n_states, order=order)
    assert_array_equal(after, relabel_table(before, new_code, order))


@given(chains(orders=(1, 2, 3)))
def test_forgetting_a_step_is_counting_at_the_lower_order(chain):
    paths, n_states, order = chain
    lowered = lower_order(count_transitions(paths, n_states, order=order))
    assert_array_equal(lowered, count_transitions(paths, n_states, order=order - 1))


@given(chains())
def test_counts_add_up_to_the_states_of_all_paths(chain):
    paths, n_states, order = chain
    counts = count_transitions(paths, n_states, order=order)
    assert counts.sum() == sum(len(path) for path in paths)


@given(chains(orders=(1,)))
def test_departures_are_visits_less_last_states(chain):
    paths, n_states, _ = chain
    counts = count_transitions(paths, n_states)
    visits = np.bincount(list(itertools.chain(*paths)), minlength=n_states)
    last = np.bincount([path[-1] for path in paths], minlength=n_states)
    assert_array_equal(counts.sum(axis=0), visits)
    assert_array_equal(counts[1:].sum(axis=1), visits - last)
    assert counts[0].sum() == len(paths)


@given(st.lists(tables_with_alpha(), min_size=1, max_size=4))
def test_a_batch_is_a_loop(pairs):
    n_states = min(counts.shape[-1] for counts, _ in pairs)
    batch = np.array([counts[: n_states + 1, :n_states] for counts, _ in pairs])
    alpha = pairs[0][1][: n_states + 1, :n_states]
    A = DirichletRows(alpha).mean()
    for function in (
        mle,
        lambda n: posterior_mean(n, alpha),
        lambda n: posterior_mode(n, 1 + alpha),
        lambda n: log_likelihood(A, n),
        lambda n: lower_order(n, order=1),
        lambda n: DirichletRows(alpha).given(n).interval(prob=0.9)[0],
    ):
        assert_allclose(function(batch), [function(table) for table in batch], rtol=1e-12)
    evidence = [log_evidence(table, alpha) for table in batch]
    assert_allclose(log_evidence(batch, alpha), evidence, rtol=0, atol=rounding(batch))


@given(tables_with_alpha(), st.randoms(use_true_random=False))
def test_relabelling_permutes_what_is_computed(pair, random):
    counts, alpha = pair
    new_code = random.sample(range(counts.shape[1]), counts.shape[1])

    def move(table):
        return relabel_table(table, new_code)

    assert_allclose(move(mle(counts)), mle(move(counts)), rtol=1e-14)
    moved_mean = posterior_mean(move(counts), move(alpha))
    assert_allclose(move(posterior_mean(counts, alpha)), moved_mean, rtol=1e-13)
    moved_evidence = log_evidence(move(counts), move(alpha))
    assert_allclose(log_evidence(counts, alpha), moved_evidence, rtol=0, atol=rounding(counts))


@given(tables_with_alpha(), st.integers(1, 4))
def test_probabilities_of_all_paths_add_up_to_one(pair, length):
    _, alpha = pair
    A, n_states = DirichletRows(alpha).mean(), alpha.shape[1]
    paths = all_paths(n_states, length)
    assert_allclose(math.fsum(np.exp(log_probability(A, path)) for path in paths), 1, rtol=1e-12)
    tables = np.array([count_transitions(path, n_states) for path in paths])
    assert_allclose(math.fsum(np.exp(log_evidence(tables, alpha))), 1, rtol=1e-11)


@given(tables_with_alpha(), st.data())
def test_evidence_obeys_the_chain_rule(pair, data):
    """p(first and second) = p(first) p(second given first)."""
    counts, alpha = pair
    size = counts.size
    shares = data.draw(st.lists(st.floats(0, 1), min_size=size, max_size=size))
    first = np.floor(counts * np.array(shares).reshape(counts.shape))
    second = counts - first
    joint = log_evidence(first, alpha) + log_evidence(second, alpha + first)
    assert_allclose(log_evidence(counts, alpha), joint, rtol=0, atol=3 * rounding(counts))


@given(tables_with_alpha())
def test_posterior_mean_is_a_weighted_mean_of_ratio_and_prior(pair):
    counts, alpha = pair
    departures = counts.sum(axis=1, keepdims=True)
    prior = alpha.sum(axis=1, keepdims=True)
    ratio = np.nan_to_num(mle(counts))  # an undefined row has weight 0
    expected = (departures * ratio + prior * DirichletRows(alpha).mean()) / (departures + prior)
    assert_allclose(posterior_mean(counts, alpha), expected, rtol=1e-11)


@given(tables_with_alpha())
def test_evidence_is_below_the_best_likelihood(pair):
    counts, alpha = pair
    best = log_likelihood(mle(counts), counts)
    assert log_evidence(counts, alpha) <= best + rounding(counts)


@given(tables_with_alpha())
def test_one_transition_left_out_is_a_ratio_of_evidences(pair):
    counts, alpha = pair
    if counts.sum() == 0:
        return
    pointwise = loo_transitions(counts, alpha).pointwise
    whole = log_evidence(counts, alpha)
    for index in zip(*np.nonzero(counts), strict=True):
        rest = counts.copy()
        rest[index] -= 1
        expected = whole - log_evidence(rest, alpha)
        assert_allclose(pointwise[index], expected, rtol=0, atol=2 * rounding(counts))


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=2, max_size=5))
def test_one_unit_left_out_is_a_ratio_of_evidences(paths):
    tables = count_transitions(paths, 3, per_path=True)
    whole = log_evidence(tables.sum(axis=0), 0.5)
    expected = [whole - log_evidence(tables.sum(axis=0) - table, 0.5) for table in tables]
    assert_allclose(loo_units(tables, 0.5).pointwise, expected, rtol=1e-10, atol=1e-11)
