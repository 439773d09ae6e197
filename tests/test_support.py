"""What every registered estimator and interval promises where transitions are impossible."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import ESTIMATORS, INTERVALS, DirichletRows, additive_smoothing
from analytic.bootstrap import bootstrap_units
from cases import CASES, FIRST_ORDER
from oracles import relabel_table

BY_TABLE = ("empirical_bayes", "empirical_bayes_vector", "absolute_discounting", "reversible")
BY_ROW = tuple(name for name in ESTIMATORS if name not in BY_TABLE)
DRAWN = ("bootstrap",)
CREDIBLE = ("beta_eti", "beta_hdi")
EVERYTHING = {**ESTIMATORS, **INTERVALS}

# Rows with three, two and one possible next states; row 3 was never left.
SUPPORT = np.array(
    [[1, 1, 1, 0], [1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0]], dtype=bool
)
COUNTS = np.array([[1, 0, 2, 0], [5, 0, 0, 3], [0, 4, 0, 1], [0, 0, 0, 0], [0, 0, 7, 0]])
NOWHERE = SUPPORT & (np.arange(5) != 3)[:, None]


def call(name, counts, order=1, **options):
    """Probabilities, or both limits as one array; the same draws every time."""
    function = EVERYTHING[name]
    if name in INTERVALS:
        rng = np.random.default_rng(1) if name in DRAWN else None
        return np.stack(function(counts, prob=0.9, rng=rng, **options))
    if "order" in inspect.signature(function).parameters:
        options["order"] = order
    return function(counts, **options)


def thinned(case, seed=3):
    """A support drawn at random, and the counts of the case that lie on it."""
    mask = np.random.default_rng(seed).random(case.table.shape) < 0.65
    return case.table * mask, mask


PAIRS = [
    pytest.param(name, case, id=f"{name}-{case}")
    for name in EVERYTHING
    for case in CASES
    if case.order > 0 or name != "reversible"
]


@pytest.mark.parametrize("name", [*EVERYTHING])
def test_the_support_is_given_by_name(name):
    parameter = inspect.signature(EVERYTHING[name]).parameters["support"]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert parameter.default is None


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_everything_possible_is_no_support(name, case):
    full = np.ones(case.table.shape, dtype=bool)
    for support in (full, full[..., :1]):
        same = call(name, case.table, case.order, support=support)
        assert_array_equal(same, call(name, case.table, case.order))


@pytest.mark.parametrize(("name", "case"), [pair for pair in PAIRS if pair.values[0] in ESTIMATORS])
def test_rows_are_distributions_on_the_support_or_undefined_throughout(name, case):
    counts, mask = thinned(case)
    A = call(name, counts, case.order, support=mask)
    undefined = np.isnan(A).all(axis=-1)
    assert not np.isnan(A[~undefined]).any()
    assert (A[~undefined][~mask[~undefined]] == 0).all()
    assert_allclose(A[~undefined].sum(axis=-1), 1, rtol=1e-12)
    assert undefined[~mask.any(axis=-1)].all()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", BY_ROW)
def test_estimate_is_that_of_the_row_without_its_impossible_states(name, case):
    counts, mask = thinned(case)
    A = call(name, counts, case.order, support=mask)
    for index in np.ndindex(counts.shape[:-1]):
        ways = mask[index]
        if ways.any():
            alone = call(name, counts[index][ways])
            assert_allclose(A[index][ways], alone, rtol=1e-13, atol=1e-300)
            assert_array_equal(A[index][~ways], np.nan if np.isnan(alone).all() else 0)


@pytest.mark.parametrize("case", [c for c in CASES if c.n_states > 1], ids=str)
@pytest.mark.parametrize("name", [name for name in BY_TABLE if name != "reversible"])
def test_estimate_is_that_of_the_table_without_a_state_never_possible(name, case):
    for state in range(case.n_states):
        counts = case.table
        counts[..., state] = 0
        mask = np.arange(case.n_states) != state
        smaller = call(name, counts[..., mask], case.order)
        A = call(name, counts, case.order, support=mask)
        assert_allclose(A[..., mask], smaller, rtol=1e-9, atol=1e-15)
        assert_array_equal(A[..., state], np.where(np.isnan(smaller).all(axis=-1), np.nan, 0))


@pytest.mark.parametrize("case", FIRST_ORDER, ids=str)
def test_reversible_estimate_does_not_change_where_the_support_is_balanced(case):
    block = case.table[1:] > 0
    balanced = np.concatenate([case.table[:1] > 0, block | block.T])
    expected = ESTIMATORS["reversible"](case.table)
    assert_array_equal(ESTIMATORS["reversible"](case.table, support=balanced), expected)


def test_reversible_estimate_where_a_reverse_is_impossible():
    """Each state leads to every other, but in balance 0 -> 1 needs 1 -> 0."""
    counts = np.array([[0, 1, 0], [1, 3, 4], [0, 2, 4], [3, 5, 2]])
    support = counts > 0
    assert np.isnan(ESTIMATORS["reversible"](counts, support=support)[1:]).all()
    support[2, 0] = True
    A = ESTIMATORS["reversible"](np.stack([counts, counts]), support=[support, counts > 0])
    assert_array_equal(A[0], ESTIMATORS["reversible"](counts))
    assert_array_equal(np.isnan(A[1]), [[False] * 3, *[[True] * 3] * 3])


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", INTERVALS)
def test_interval_is_that_of_the_row_without_its_impossible_states(name, case):
    counts, mask = thinned(case)
    limits = call(name, counts, case.order, support=mask)
    for index in np.ndindex(counts.shape[:-1]):
        ways, here = mask[index], limits[(slice(None), *index)]
        if not ways.any():
            assert np.isnan(here).all()
            continue
        assert_array_equal(here[:, ~ways], 0)
        alone = call(name, counts[index][ways])
        if name not in DRAWN:
            assert_allclose(here[:, ways], alone, rtol=1e-12, atol=1e-15)
        else:  # other draws: five standard errors of the 50th of 999 sorted counts, and rounding
            n = counts[index].sum()
            assert_array_equal(np.isnan(here[:, ways]), np.isnan(alone))
            assert (np.nan_to_num(np.abs(here[:, ways] - alone) * n) <= 1 + 0.25 * np.sqrt(n)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_only_possible_next_state_is_certain(name):
    A = call(name, [[0, 2], [3, 0], [4, 5]], support=[[False, True], [True, False], [True, True]])
    if name == "reversible":  # the way 1 -> 0 was taken, and has no reverse
        assert np.isnan(A[1:]).all()
    else:
        assert_array_equal(A[1], [1, 0])
    assert_array_equal(A[0], [0, 1])


@pytest.mark.parametrize("name", INTERVALS)
def test_the_only_possible_next_state_is_known(name):
    low, high = call(name, COUNTS, support=SUPPORT)
    assert_array_equal([low[4], high[4]], [[0, 0, 1, 0]] * 2)
    low, high = call(name, [[5], [0]])
    nothing = 1 if name in CREDIBLE else np.nan
    assert_array_equal([low, high], [[[1], [nothing]]] * 2)


@pytest.mark.parametrize("name", INTERVALS)
def test_zero_is_known_without_data(name):
    low, high = call(name, COUNTS, support=SUPPORT)
    assert_array_equal([low[3, [0, 3]], high[3, [0, 3]]], 0)
    assert np.isnan([low[3, 1], high[3, 2]]).all() == (name not in CREDIBLE)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_row_that_leads_nowhere_is_undefined(name):
    result = call(name, COUNTS, support=NOWHERE)
    assert np.isnan(result[..., 3, :]).all()
    if name != "reversible":
        assert not np.isnan(result[..., [0, 1, 2, 4], :]).any()


@pytest.mark.parametrize("name", EVERYTHING)
def test_one_support_for_a_batch_and_one_for_each_table(name):
    rng = np.random.default_rng(4)
    batch = rng.integers(0, 6, size=(2, 3, 5, 4)) * SUPPORT
    together = call(name, batch, support=SUPPORT)
    each = rng.random((2, 3, 5, 4)) < 0.7
    apart = call(name, batch * each, support=each)
    if name in DRAWN:
        assert_array_equal(together[..., ~SUPPORT], 0)
        return
    for index in np.ndindex(2, 3):
        place = (..., *index, slice(None), slice(None))
        alone = call(name, batch[index], support=SUPPORT)
        assert_allclose(together[place], alone, rtol=1e-12, atol=1e-15)
        alone = call(name, batch[index] * each[index], support=each[index])
        assert_allclose(apart[place], alone, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("case", FIRST_ORDER, ids=str)
@pytest.mark.parametrize("name", [name for name in EVERYTHING if name not in DRAWN])
def test_relabelling_the_states_relabels_the_support(name, case):
    counts, mask = thinned(case)
    new_code = [*range(1, case.n_states), 0]
    moved = call(name, relabel_table(counts, new_code), support=relabel_table(mask, new_code))
    expected = relabel_table(call(name, counts, support=mask), new_code)
    assert_allclose(moved, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", EVERYTHING)
def test_counts_off_the_support_are_refused(name):
    with pytest.raises(ValueError, match=r"counts has 3 at index \(1, 3\), which support marks"):
        call(name, COUNTS, support=SUPPORT & (np.arange(4) != 3))


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_is_no_support_is_refused(name):
    with pytest.raises(TypeError, match="support must be boolean"):
        call(name, COUNTS, support=SUPPORT.astype(int))
    with pytest.raises(ValueError, match=r"support has shape \(4, 4\), expected \(5, 4\)"):
        call(name, COUNTS, support=SUPPORT[1:])


@pytest.mark.parametrize("name", EVERYTHING)
def test_counts_and_support_are_left_alone(name):
    counts, support = COUNTS.copy(), SUPPORT.copy()
    counts.flags.writeable = support.flags.writeable = False
    call(name, counts, support=support)
    assert_array_equal(counts, COUNTS)
    assert_array_equal(support, SUPPORT)


def test_additive_smoothing_on_a_support():
    A = additive_smoothing(COUNTS, 0.25, support=SUPPORT)
    assert_allclose(A[0], [1.25 / 3.75, 0.25 / 3.75, 2.25 / 3.75, 0], rtol=1e-15)
    assert_array_equal(A[3:], [[0, 0.5, 0.5, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize("kind", ["eti", "hdi"])
def test_credible_intervals_are_those_of_the_posterior_rows(kind):
    alpha = np.arange(1, 21).reshape(5, 4) / 3
    low, high = INTERVALS[f"beta_{kind}"](COUNTS, prob=0.8, alpha=alpha, support=SUPPORT)
    posterior = DirichletRows(alpha, support=SUPPORT).given(COUNTS)
    assert_array_equal([low, high], posterior.interval(prob=0.8, kind=kind))


def test_units_on_a_support():
    tables = np.stack([COUNTS, 2 * COUNTS, COUNTS + SUPPORT])
    tables[:, 3] = 0
    options = {"prob": 0.8, "support": SUPPORT}
    low, high = bootstrap_units(tables, rng=np.random.default_rng(1), **options)
    plain = bootstrap_units(tables, rng=np.random.default_rng(1), prob=0.8)
    defined = SUPPORT & (np.arange(5) != 3)[:, None]
    assert_array_equal([low[defined], high[defined]], [end[defined] for end in plain])
    assert_array_equal([low[~SUPPORT], high[~SUPPORT]], 0)
    with pytest.raises(ValueError, match=r"tables has 1 at index \(0, 0, 3\)"):
        bootstrap_units(tables + 1, rng=np.random.default_rng(1), **options)
