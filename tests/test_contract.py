"""What every registered estimator promises, on every case."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import ESTIMATORS, mle
from cases import CASES, FIRST_ORDER
from oracles import irreducible, relabel_table

NEEDS_ROWS = {"reversible"}
"""Detailed balance is about pairs of states, so there is none to speak of at order 0."""

MAY_LEAVE_DATA_UNDEFINED = {
    "reversible": "no maximum unless every state leads to every other",
    "empirical_bayes": "the prior is open while no row has two transitions",
    "empirical_bayes_vector": "the prior is open while no row has two transitions",
}

PAIRS = [
    pytest.param(name, case, id=f"{name}-{case}")
    for name in ESTIMATORS
    for case in CASES
    if case.order > 0 or name not in NEEDS_ROWS
]
FIRST_ORDER_PAIRS = [
    pytest.param(name, case, id=f"{name}-{case}") for name in ESTIMATORS for case in FIRST_ORDER
]


def estimate(name, counts, order=1):
    """Call an entry; those that sum over a whole table are told what a table is."""
    function = ESTIMATORS[name]
    if "order" in inspect.signature(function).parameters:
        return function(counts, order=order)
    return function(counts)


def test_names_of_the_registry():
    assert list(ESTIMATORS) == [
        "mle",
        "laplace",
        "jeffreys",
        "perks",
        "minimax",
        "empirical_bayes",
        "empirical_bayes_vector",
        "shrinkage",
        "absolute_discounting",
        "reversible",
    ]


def test_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        ESTIMATORS["mle"] = None


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_rows_are_distributions_or_undefined_throughout(name, case):
    A = estimate(name, case.table, case.order)
    assert A.shape == case.table.shape
    assert A.dtype == np.float64
    undefined = np.isnan(A).all(axis=-1)
    assert not np.isnan(A[~undefined]).any()
    assert ((A[~undefined] >= 0) & (A[~undefined] <= 1)).all()
    assert_allclose(A[~undefined].sum(axis=-1), 1, rtol=1e-12)
    if name not in MAY_LEAVE_DATA_UNDEFINED:
        assert not undefined[case.table.sum(axis=-1) > 0].any()


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_a_batch_is_a_loop(name, case):
    turned = relabel_table(case.table, range(case.n_states)[::-1], case.order)
    batch = np.array([[case.table, 3 * case.table], [turned, case.table + 2 * turned]])
    got = estimate(name, batch, case.order)
    for index in np.ndindex(2, 2):
        alone = estimate(name, batch[index], case.order)
        assert_allclose(got[index], alone, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_relabelling_the_states_permutes_the_estimate(name, case):
    new_code = [*range(1, case.n_states), 0]
    moved = estimate(name, relabel_table(case.table, new_code, case.order), case.order)
    expected = relabel_table(estimate(name, case.table, case.order), new_code, case.order)
    assert_allclose(moved, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_counts_are_left_alone(name, case):
    counts = case.table
    counts.flags.writeable = False
    before = counts.copy()
    A = estimate(name, counts, case.order)
    assert_array_equal(counts, before)
    assert not np.shares_memory(A, counts)
    fractions = case.table.astype(np.float64)
    fractions.flags.writeable = False
    assert not np.shares_memory(estimate(name, fractions, case.order), fractions)
    assert_array_equal(fractions, before)


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_whole_numbers_lists_and_floats_give_the_same(name, case):
    A = estimate(name, case.table, case.order)
    assert_array_equal(estimate(name, case.table.astype(np.float64), case.order), A)
    assert_array_equal(estimate(name, case.table.tolist(), case.order), A)
    assert_array_equal(estimate(name, np.asfortranarray(case.table), case.order), A)


@pytest.mark.parametrize(("name", "case"), FIRST_ORDER_PAIRS)
def test_square_table_is_one_without_starts(name, case):
    padded = case.table
    padded[0] = 0
    assert_allclose(estimate(name, padded[1:]), estimate(name, padded)[1:], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "case"), [pair for pair in PAIRS if pair.values[0] not in NEEDS_ROWS]
)
def test_much_data_outweighs_every_choice(name, case):
    visited = case.table.sum(axis=-1) > 0
    A = estimate(name, 10**9 * case.table, case.order)
    assert_allclose(A[visited], mle(case.table)[visited], rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", FIRST_ORDER, ids=str)
def test_reversible_block_is_defined_where_every_state_leads_to_every_other(case):
    block = case.table[1:]
    defined = block.sum(axis=1).all() and irreducible(block)
    A = ESTIMATORS["reversible"](case.table)
    assert_array_equal(np.isnan(A[1:]), not defined)
    assert_array_equal(A[0], mle(case.table)[0])


@pytest.mark.parametrize("name", sorted(NEEDS_ROWS))
def test_a_single_row_is_refused_where_states_are_compared(name):
    with pytest.raises(ValueError, match=r"counts must have shape .*K\+1, K.* got \(3,\)"):
        ESTIMATORS[name]([1, 2, 3])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_table_without_counts_gives_no_count_ratio(name):
    A = estimate(name, np.zeros((4, 3)))
    assert np.isnan(A).all() or np.allclose(A, 1 / 3, rtol=1e-15)


@pytest.mark.parametrize("bad", [-1, -0.5, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_no_count_is_refused(name, bad):
    counts = np.array([[1, 0], [3, bad], [2, 5]])
    with pytest.raises(ValueError, match=r"counts must .* index \(1, 1\)"):
        ESTIMATORS[name](counts)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_no_number_is_refused(name):
    with pytest.raises(TypeError, match="counts must hold integers or floats"):
        ESTIMATORS[name]([["1", "2"], ["3", "4"]])
