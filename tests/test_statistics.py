"""Statistics of sequences: against loops over lists, and against numbers worked out by hand."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov.predictive.replicate import paths_of
from bayes_markov.predictive.statistics import STATISTICS, Paths, evaluate

STATES = ("dry", "wet", "soaked")


def stretches_of(path):
    """Parts of a path without missing values, each with its first position."""
    found, before = [], None
    for t, state in enumerate(path):
        if state >= 0:
            if before is None:
                found.append((t, []))
            found[-1][1].append(state)
        before = state if state >= 0 else None
    return found


def runs_of(stretch):
    """(state, length) of each run."""
    runs = []
    for state in stretch:
        if runs and runs[-1][0] == state:
            runs[-1][1] += 1
        else:
            runs.append([state, 1])
    return runs


def g2(rows, first, given, last):
    """Likelihood ratio for independence of first and last given the rest, over single rows."""
    joint = Counter((first(r), given(r), last(r)) for r in rows)
    left = Counter((first(r), given(r)) for r in rows)
    right = Counter((given(r), last(r)) for r in rows)
    alone = Counter(given(r) for r in rows)
    return 2 * sum(
        n * math.log(n * alone[g] / (left[f, g] * right[g, k])) for (f, g, k), n in joint.items()
    )


def slowly(paths, n_states, order):
    """Every statistic of one data set, state by state and run by run."""
    cut = [(path, t, stretch) for path in paths for t, stretch in stretches_of(path)]
    parts = [stretch for _, _, stretch in cut]
    everything = list(itertools.chain(*parts))
    begins = [stretch[0] for _, t, stretch in cut if t == 0]
    runs = [run for stretch in parts for run in runs_of(stretch)]
    states = range(n_states)
    lengths = [[length for state, length in runs if state == k] for k in states]
    returns = []
    for k in states:
        visits = [[t for t, state in enumerate(stretch) if state == k] for stretch in parts]
        returns.append([b - a for at in visits for a, b in itertools.pairwise(at)])
    pairs = {pair for stretch in parts for pair in itertools.pairwise(stretch)}
    windows = [s[i : i + order + 2] for s in parts for i in range(len(s) - order - 1)]
    timed = []
    for path, begin, stretch in cut:
        for i in range(len(stretch) - order):
            source = begin + i + max(order, 1)  # counted from one
            timed.append((source <= len(path) / 2, tuple(stretch[i : i + order + 1])))

    def mean(values):
        return sum(values) / len(values) if values else math.nan

    return {
        "share_of_states": [everything.count(k) / len(everything) for k in states],
        "first_states": [mean([state == k for state in begins]) for k in states],
        "mean_run": [mean(lengths[k]) for k in states],
        "longest_run": [max(lengths[k], default=0) for k in states],
        "longest_run_of_any": max(length for _, length in runs),
        "mean_return": [mean(returns[k]) for k in states],
        "longest_return": [max(returns[k], default=math.nan) for k in states],
        "unseen_transitions": n_states**2 - len(pairs),
        "limited_horizon": g2(windows, lambda w: w[0], lambda w: tuple(w[1:-1]), lambda w: w[-1])
        if windows
        else math.nan,
        "stationarity": g2(timed, lambda r: r[0], lambda r: r[1][:-1], lambda r: r[1][-1])
        if timed
        else math.nan,
    }


def replicated(many):
    """Put data sets of one shape, with values missing at the same places, into one value."""
    single = [paths_of([np.array(p) for p in paths], STATES, 1) for paths in many]
    return np.concatenate([one.codes for one in single]), single[0]


def data_sets(lengths, holes, number, seed, n_states=3):
    """Random data sets of one shape."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        share = rng.dirichlet(np.full(n_states, 0.7))
        paths = [rng.choice(n_states, size=length, p=share).tolist() for length in lengths]
        for path, at in holes:
            paths[path][at] = -1
        found.append(paths)
    return found


SHAPES = {
    "one": ([40], []),
    "short": ([1, 1, 2], []),
    "single": ([1], []),
    "ragged": ([7, 1, 12, 2, 5], []),
    "holes": ([9, 4, 15, 1], [(0, 3), (0, 4), (2, 0), (2, 7), (2, 14)]),
    "begins missing": ([6, 8], [(0, 0), (1, 0)]),
}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_statistics_are_those_of_loops(shape, order):
    many = data_sets(*shape, number=12, seed=order)
    codes, one = replicated(many)
    paths = Paths(codes, one.lengths, one.starts, one.early, STATES, order)
    found = evaluate(STATISTICS, paths)
    expected = [slowly(paths, 3, order) for paths in many]
    assert set(expected[0]) == set(STATISTICS)
    for name, values in found.items():
        wanted = np.array([one[name] for one in expected], dtype=float)
        assert_allclose(values, wanted, rtol=1e-9, atol=1e-9, err_msg=name)


def test_many_states_are_sorted_and_not_tabulated():
    many = data_sets([60, 9], [(0, 20)], number=3, seed=5, n_states=17)
    single = [paths_of([np.array(p) for p in paths], tuple(range(17)), 1) for paths in many]
    codes = np.concatenate([one.codes for one in single])
    one = single[0]
    paths = Paths(codes, one.lengths, one.starts, one.early, tuple(range(17)), 1)
    for name in ("limited_horizon", "stationarity", "unseen_transitions"):
        wanted = [slowly(paths, 17, 1)[name] for paths in many]
        assert_allclose(STATISTICS[name](paths), wanted, rtol=1e-9)


def test_values_worked_out_by_hand():
    # dry dry wet | wet dry dry dry, and wet: runs end with their sequence.
    paths = paths_of([np.array([0, 0, 1]), np.array([1, 0, 0, 0]), np.array([1])], STATES, 1)
    found = {name: values[0].tolist() for name, values in evaluate(STATISTICS, paths).items()}
    assert found["share_of_states"] == [5 / 8, 3 / 8, 0]
    assert found["first_states"] == [1 / 3, 2 / 3, 0]
    assert_array_equal(found["mean_run"], [2.5, 1, np.nan])
    assert found["longest_run"] == [3, 1, 0]
    assert found["longest_run_of_any"] == 3
    assert_array_equal(found["mean_return"], [1, np.nan, np.nan])
    assert found["unseen_transitions"] == 6  # all but 00, 01, 10
    # Triples 001, 100 and 000: around the 0, first and last state are not independent.
    assert found["limited_horizon"] == pytest.approx(2 * math.log(27 / 16), rel=1e-12)


def test_G2_of_equal_tables_is_zero_and_ties():
    halves = [0, 1, 1, 0, 0, 1, 1, 0, 0]
    forward = paths_of([np.array(halves), np.array(halves[::-1])], ("a", "b"), 1)
    assert STATISTICS["stationarity"](forward)[0] == 0


def test_function_of_ones_own_takes_labels_in_stretches():
    paths = paths_of([np.array([0, 0, -1, 1]), np.array([2])], STATES, 1)
    seen = []

    def count(sequences):
        seen.append(sequences)
        return len(sequences)

    assert evaluate({"count": count}, paths)["count"].tolist() == [3.0]
    assert seen == [[["dry", "dry"], ["wet"], ["soaked"]]]


@pytest.mark.parametrize("value", ["many", "3", [1, 2], None], ids=repr)
def test_function_that_gives_no_number_is_refused(value):
    paths = paths_of([np.array([0, 1])], STATES, 1)
    with pytest.raises(ValueError, match=r"statistic 'odd' must give one number.*got"):
        evaluate({"odd": lambda sequences: value}, paths)


def test_stationarity_is_the_test_of_two_blocks_of_time():
    path = list("aabbacacbbacaabcabbbcacaabac")
    counts = bm.count_blocks([path], 2)
    tree = bm.exact_posterior(bm.TransitionCounts.from_sequences([path]), seed=1, draws=1)
    predicted = bm.posterior_predictive(tree, [path], seed=1, statistics=["stationarity"])
    observed = predicted["observed_data"]["stationarity"].item()
    assert observed == pytest.approx(analytic.homogeneity_test(counts.table).G2, rel=1e-12)
