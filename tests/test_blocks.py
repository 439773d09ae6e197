"""Each transition is counted in the block of the state that it leaves."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bayes_markov import TransitionCounts
from bayes_markov.blocks import count_blocks


def by_loop(sequences, blocks, states, order):
    """Tables by block, one transition at a time; `blocks` names the block of each position."""
    tables = {}
    for of in blocks:
        for block in of:
            tables.setdefault(block, np.zeros((len(states) + 1,) * order + (len(states),), int))
    for path, of in zip(sequences, blocks, strict=True):
        for t in range(len(path)):
            window = ["<s0>"] * max(order - t, 0) + list(path[max(t - order, 0) : t + 1])
            if None not in window:
                *history, after = window
                index = [0 if s == "<s0>" else states.index(s) + 1 for s in history]
                tables[of[max(t - 1, 0)]][(*index, states.index(after))] += 1
    return tables


PATHS = [list("aabacabbbcaacabba"), list("cab"), ["b", "a", None, "a", "a", "c", "c", "b"], ["a"]]
YEARS = [[10] * 5 + [11] * 12, [11, 11, 9], [9] * 2 + [10] * 6, [10]]


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_named_blocks_are_counted_like_the_loop(order):
    expected = by_loop(PATHS, YEARS, ["a", "b", "c"], order)
    counts = count_blocks(PATHS, YEARS, order=order)
    assert counts.units == (10, 11, 9)
    assert counts.order == order
    assert_array_equal(counts.table, [expected[year] for year in counts.units])


@pytest.mark.parametrize("order", [1, 2])
def test_all_blocks_together_are_all_transitions(order):
    whole = TransitionCounts.from_sequences(PATHS, order=order, missing="break").table
    for blocks in (1, 2, 5, YEARS):
        counts = count_blocks(PATHS, blocks, order=order)
        assert_array_equal(counts.pooled, whole)


@pytest.mark.parametrize("length", [1, 3, 7, 10, 11, 96])
def test_equal_blocks_end_where_the_formula_says(length):
    path = ["ab"[t * t % 3 % 2] for t in range(length)]
    named = [[int(np.ceil(t / (length / 4) - 1e-9)) for t in range(1, length + 1)]]
    assert count_blocks([path], 4, states=["a", "b"]) == count_blocks(
        [path], named, states=["a", "b"]
    )


def test_flat_lists_go_together():
    flat = count_blocks(["a", "b", "a"], [1, 1, 2])
    assert flat == count_blocks([["a", "b", "a"]], [[1, 1, 2]])
    assert flat == count_blocks(["a", "b", "a"], np.array([1, 1, 2]))


def test_blocks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"blocks must name a block for each position.*\[2\]"):
        count_blocks([["a", "b", "a"]], [[1, 1]])
    with pytest.raises(ValueError, match="blocks must be an integer >= 1"):
        count_blocks([["a", "b", "a"]], 0)
    with pytest.raises(ValueError, match="a block at position 1 is None"):
        count_blocks([["a", "b", "a"]], [[1, None, 2]])
    with pytest.raises(TypeError, match="blocks must be an integer, or a list"):
        count_blocks([["a", "b", "a"]], 2.0)
