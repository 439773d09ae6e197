"""The operation behind hidden chains in PyMC: values by enumeration, gradients three ways."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytensor.compile.mode import Mode

import analytic
from analytic.hmm import known_states
from bayes_markov.hmm.emission import log_of
from bayes_markov.hmm.likelihood import log_likelihood
from hidden import HIDDEN, expected_counts_by_paths, log_likelihood_by_paths, smoothed_by_paths

LINKERS = ("py", "numba")
PLAIN = Mode(linker="py", optimizer="fast_compile")
INPUTS = (pt.dmatrix("log_A"), pt.dmatrix("log_emission"), pt.lvector("sequence"))


@pytest.fixture(scope="module")
def functions():
    """Values of the operation, and its gradient with weights on the sequences, by linker."""
    weights = pt.dvector("weights")
    outputs = log_likelihood(*INPUTS)
    gradients = pytensor.grad((weights * outputs[0]).sum(), INPUTS[:2])
    return {
        linker: pytensor.function(
            [*INPUTS, weights],
            [*outputs, *gradients],
            mode=Mode(linker=linker, optimizer="fast_compile"),
        )
        for linker in LINKERS
    }


def joined(arrays):
    lengths = [len(array) for array in arrays]
    return np.concatenate(arrays), np.repeat(np.arange(len(arrays)), lengths)


def log(A):
    with np.errstate(divide="ignore"):
        return np.log(A)


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("case", HIDDEN, ids=str)
def test_values_are_those_of_all_paths(case, linker, functions):
    rows, codes = joined(case.arrays)
    weights = np.linspace(0.5, 2.0, len(case.arrays))
    found, counts, smoothed, by_A, by_emission = functions[linker](
        log(case.matrix), rows, codes, weights
    )
    expected = [log_likelihood_by_paths(case.matrix, array) for array in case.arrays]
    assert_allclose(found, expected, rtol=1e-12)
    tables = [expected_counts_by_paths(case.matrix, array) for array in case.arrays]
    assert_allclose(counts, tables, rtol=1e-9, atol=1e-13)
    laws = np.concatenate([smoothed_by_paths(case.matrix, array) for array in case.arrays])
    assert_allclose(smoothed, laws, rtol=1e-9, atol=1e-13)
    assert_allclose(by_A, np.tensordot(weights, tables, axes=1), rtol=1e-9, atol=1e-13)
    assert_allclose(by_emission, weights[codes][:, None] * laws, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["two states", "three states", "four states"])
def test_gradient_is_that_of_finite_differences(name, functions):
    case = next(case for case in HIDDEN if case.name == name)
    rows, codes = joined(case.arrays)
    weights = np.linspace(0.5, 2.0, len(case.arrays))
    f = functions["py"]

    def value(log_A, rows):
        return weights @ f(log_A, rows, codes, weights)[0]

    *_, by_A, by_emission = f(log(case.matrix), rows, codes, weights)
    h = 1e-6
    for array, gradient, move in (
        (log(case.matrix), by_A, lambda moved: value(moved, rows)),
        (rows, by_emission, lambda moved: value(log(case.matrix), moved)),
    ):
        for index in np.ndindex(array.shape):
            step = np.zeros(array.shape)
            step[index] = h
            slope = (move(array + step) - move(array - step)) / (2 * h)
            assert_allclose(gradient[index], slope, rtol=0, atol=2e-8)


@pytest.mark.slow
def test_gradient_is_that_of_a_loop_differentiated_through_time():
    """The forward recursion in logarithms, step by step, with PyTensor's own derivatives."""
    case = next(case for case in HIDDEN if case.name == "three states")
    log_A, log_emission, _ = INPUTS
    rows, codes = joined(case.arrays)
    total, row = 0.0, 0
    for array in case.arrays:
        alpha = log_A[0] + log_emission[row]
        for t in range(1, len(array)):
            alpha = pt.logsumexp(alpha[:, None] + log_A[1:], axis=0) + log_emission[row + t]
        total = total + pt.logsumexp(alpha)
        row += len(array)
    slow = pytensor.grad(total, [log_A, log_emission])
    quick = pytensor.grad(log_likelihood(*INPUTS)[0].sum(), [log_A, log_emission])
    f = pytensor.function([*INPUTS], [*slow, *quick], mode=PLAIN, on_unused_input="ignore")
    by_A, by_emission, quick_by_A, quick_by_emission = f(log(case.matrix), rows, codes)
    assert_allclose(quick_by_A, by_A, rtol=1e-11, atol=1e-14)
    assert_allclose(quick_by_emission, by_emission, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("linker", LINKERS)
def test_known_paths_give_the_counts_themselves(linker, functions):
    paths = [[0, 1, 1, 2, 0, 1], [2], [1, 1, 1, 0]]
    A = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.25, 0.7, 0.05], [0.4, 0.2, 0.4]])
    masks = [np.where(known_states(path, 3), 0.0, -np.inf) for path in paths]
    rows, codes = joined(masks)
    found, tables, smoothed, by_A, _ = functions[linker](log(A), rows, codes, np.ones(3))
    counts = analytic.count_transitions(paths, 3, per_path=True)
    assert_array_equal(tables, counts)
    assert_array_equal(by_A, counts.sum(axis=0))
    assert_array_equal(smoothed, np.exp(rows))
    assert_allclose(found, analytic.log_likelihood(A, counts), rtol=1e-14)


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_overflowed_are_impossible(bad, row, linker, functions):
    A = np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    rows = np.array([[0.0, -1.0], [-2.0, 0.0]])
    rows[row, 0] = bad
    found, *others = functions[linker](log(A), rows, [0, 0], [1.0])
    assert found == -np.inf
    assert all(np.isnan(other).all() for other in others)


def test_one_impossible_sequence_leaves_the_others_alone(functions):
    A = np.array([[1.0, 0.0], [0.3, 0.7], [0.2, 0.8]])
    rows = np.array([[-1.0, -2.0], [-np.inf, 0.0]])
    for linker in LINKERS:
        found, *_ = functions[linker](log(A), rows, [0, 1], [1.0, 1.0])
        assert_array_equal(found, [-1.0, -np.inf])


def test_second_derivatives_are_refused_and_shapes_are_checked():
    counts = log_likelihood(*INPUTS)[1]
    with pytest.raises(Exception, match=r"[Nn]ull|not implemented"):
        pytensor.grad(counts.sum(), INPUTS[0])
    with pytest.raises(ValueError, match="must have two axes and sequence one"):
        log_likelihood(INPUTS[0][0], *INPUTS[1:])


def test_shapes_are_known_without_computing():
    shapes = [value.shape for value in log_likelihood(*INPUTS)]
    mode = Mode(linker="py", optimizer="fast_run")
    f = pytensor.function([*INPUTS], shapes, mode=mode, on_unused_input="ignore")
    assert log_likelihood not in [node.op for node in f.maker.fgraph.toposort()]
    found = f(np.zeros((4, 3)), np.zeros((5, 3)), [0, 0, 1, 1, 1])
    assert [shape.tolist() for shape in found] == [[2], [2, 4, 3], [5, 3]]


def test_logarithm_of_zero_has_no_slope():
    p = pt.dvector()
    f = pytensor.function([p], [log_of(p), pytensor.grad(log_of(p)[1], p)], mode=PLAIN)
    value, slope = f([0.0, 0.5])
    assert_array_equal(value, [-np.inf, np.log(0.5)])
    assert_array_equal(slope, [0.0, 2.0])
