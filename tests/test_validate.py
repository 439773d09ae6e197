"""Bad input: refused with the argument, what came, and what to do; never a wrong number."""

import numpy as np
import pytest

from analytic import (
    DirichletRows,
    additive_smoothing,
    count_transitions,
    flat,
    is_irreducible,
    log_evidence,
    log_likelihood,
    log_probability,
    loo_transitions,
    loo_units,
    lower_order,
    mle,
    perks,
    possible_histories,
    posterior_mean,
    posterior_mode,
    simulate,
    stationary,
    sticky,
)

A = np.array([[0.3, 0.7], [0.9, 0.1], [0.4, 0.6]])
COUNTS = np.array([[1, 0], [2, 3], [0, 4]])
NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(1)


def count(*args, **options):
    return lambda: count_transitions(*args, **options)


PATHS = {
    "no path": (count([], 2), "paths is empty"),
    "empty path": (count(np.array([], dtype=int), 2), "paths is empty"),
    "no paths in two dimensions": (count(np.empty((0, 3), int), 2), "paths is empty"),
    "one of them empty": (count([[0, 1], []], 2), "path 1 is empty; leave it out"),
    "not a sequence": (count(3, 2), "paths must be a sequence of integer codes, got 3"),
    "negative code": (count([[0], [1, -1, 0]], 2), "path 1 holds code -1 at position 1, expected"),
    "code beyond int64": (
        count([[1], np.array([0, 2**63], dtype=np.uint64)], 2),
        "path 1 holds code 9223372036854775808, which is too large",
    ),
    "code beyond the states": (count([0, 1, 2], 2), r"code 2 at position 2, expected 0, ..., 1"),
    "float codes": (count([0.0, 1.0], 2), "path 0 must hold integer codes, got dtype float64"),
    "fractional code": (count([[0, 1], [0.5]], 2), "path 1 must hold integer codes"),
    "missing as NaN": (count([0, 1, NAN], 2), "integer codes, got dtype float64"),
    "missing as None": (count([0, 1, None], 2), "integer codes, got dtype object"),
    "labels": (count(["sun", "rain"], 2), "translate labels to 0, ..., n_states - 1 first"),
    "one text": (count("0110", 2), "integer codes"),
    "booleans": (count([True, False], 2), "integer codes, got dtype bool"),
    "codes and paths mixed": (count([0, [1, 1]], 2), r"mixes single codes and sequences \(item 1"),
    "three dimensions": (count(np.zeros((2, 2, 2), int), 2), "one or two dimensions, got shape"),
    "path of paths": (count([[[0, 1]], [[1, 1]]], 2), r"path 0 must have one dimension"),
    "no states": (count([0], 0), "n_states must be an integer >= 1, got 0"),
    "fractional states": (count([0], 2.0), "n_states must be an integer >= 1, got 2.0"),
    "boolean states": (count([0], True), "n_states must be an integer >= 1, got True"),
    "negative order": (count([0], 1, order=-1), "order must be an integer >= 0, got -1"),
    "fractional order": (count([0], 1, order=1.0), "order must be an integer >= 0, got 1.0"),
    "boolean order": (count([0], 1, order=True), "order must be an integer >= 0, got True"),
    "too large a table": (count([0], 50, order=4), "lower the order or merge states"),
    "missing is a state": (count([0], 2, missing=1), "missing=1 is the code of a state"),
    "missing is no integer": (count([0], 2, missing="NA"), "missing must be an integer code, got"),
    "missing is NaN": (count([0], 2, missing=NAN), "missing must be an integer code, got nan"),
    "histories too many": (lambda: possible_histories(50, 4), "lower the order"),
}

BAD_COUNTS = {
    "negative": ([[1, 2], [3, -1]], ValueError, r"must not be negative, got -1 at index \(1, 1\)"),
    "NaN": ([[1, 2], [NAN, 1]], ValueError, r"must be finite, got nan at index \(1, 0\)"),
    "infinite": ([[1, INF], [3, 1]], ValueError, r"must be finite, got inf at index \(0, 1\)"),
    "ragged": ([[1, 2], [3]], ValueError, "must be one rectangular array of numbers"),
    "a number": (3, ValueError, r"must have the next state on its last axis .* got shape \(\)"),
    "no states": (np.zeros((2, 0)), ValueError, "at least one state"),
    "text": ([["1", "2"]], TypeError, "must hold integers or floats, got dtype <U1"),
    "booleans": ([[True, False]], TypeError, "got dtype bool"),
    "complex": ([[1j, 0]], TypeError, "got dtype complex128"),
    "None": ([[1, None]], TypeError, "got dtype object"),
    "too large": (
        np.array([[2**64 - 1, 0]], np.uint64),
        ValueError,
        "18446744073709551615, which is too large",
    ),
    "far too large": ([[10**30, 0]], ValueError, "1000000000000000000000000000000, which is too"),
    "too large together": ([[2**62, 2**62]], ValueError, "add up to 9.22e.18, which is too large"),
    "too large as floats": ([[1e19, 0.0]], ValueError, "add up to 1e.19, which is too large"),
}

TAKE_COUNTS = {
    "mle": mle,
    "posterior_mean": lambda n: posterior_mean(n, 1),
    "posterior_mode": lambda n: posterior_mode(n, 1),
    "additive_smoothing": lambda n: additive_smoothing(n, 1),
    "lower_order": lower_order,
    "log_evidence": lambda n: log_evidence(n, 1),
    "log_likelihood": lambda n: log_likelihood(A, n),
    "loo_transitions": lambda n: loo_transitions(n, 1),
    "given": lambda n: flat(2, order=0).given(n),
}

ALPHAS = {
    "zero": (0, ValueError, r"alpha must be positive and finite, got 0.0 at index \(0, 0\)"),
    "negative": ([1, -2], ValueError, r"got -2.0 at index \(0, 1\).*support="),
    "NaN": ([[1, 1], [NAN, 1], [1, 1]], ValueError, r"got nan at index \(1, 0\)"),
    "infinite": (INF, ValueError, "got inf at index"),
    "below the smallest": (1e-310, ValueError, "got 1e-310 at index"),
    "wrong length": ([1, 1, 1], ValueError, r"alpha has shape \(3,\), .* shape \(3, 2\)"),
    "wrong matrix": (np.ones((2, 2)), ValueError, r"alpha has shape \(2, 2\)"),
    "text": ("1", TypeError, "alpha must hold integers or floats"),
}

TAKE_ALPHA = {
    "posterior_mean": lambda a: posterior_mean(COUNTS, a),
    "posterior_mode": lambda a: posterior_mode(COUNTS, a),
    "log_evidence": lambda a: log_evidence(COUNTS, a),
    "loo_transitions": lambda a: loo_transitions(COUNTS, a),
    "loo_units": lambda a: loo_units([COUNTS, COUNTS], a),
}

EVALUATED = {
    "negative": ([[1.5, -0.5], *A[1:]], r"probabilities, got 1.5 at index \(0, 0\)"),
    "above one": ([[0, 1], [0, 1.1], [0, 1]], r"probabilities, got 1.1 at index \(1, 1\)"),
    "infinite": ([[0, 1], [0, INF], [0, 1]], "must hold probabilities, got inf"),
    "partly NaN": ([[0, 1], [0.5, NAN], [0, 1]], r"row \(1,\) of A is partly NaN"),
    "rows above one": ([[0.5, 0.5], [0.7, 0.4], [1, 0]], r"row \(1,\) of A sums to 1.1, more"),
}

NOT_STOCHASTIC = {
    "undefined": ([[0.5, 0.5], [NAN, NAN]], r"row \(1,\) of \w is undefined.*explicit choice"),
    "below one": ([[0.5, 0.5], [0.33, 0.33]], r"row \(1,\) of \w sums to 0.66, not 1; normalise"),
    "off by a little": ([[0.5, 0.5], [0.5, 0.5 - 1e-7]], r"sums to 0.9999999, not 1"),
    "above one": ([[0.5, 0.5], [0.5, 0.6]], "sums to 1.1, more than 1"),
}

SHAPES = {
    "path, square matrix": (lambda: log_probability(A[1:], [0]), r"\(3, 2\); add the s_0 row"),
    "path, other matrix": (lambda: log_probability(A[:1], [0]), r"shape \(1, 2\), expected \(3, 2"),
    "many paths": (lambda: log_probability(A, [[0, 1], [1, 1]]), "one sequence of codes"),
    "path with a bad code": (lambda: log_probability(A, [0, 2]), "code 2 at position 1"),
    "likelihood": (lambda: log_likelihood(A, COUNTS[1:]), r"got shapes \(3, 2\) and \(2, 2\)"),
    "likelihood, batches": (
        lambda: log_likelihood([A] * 2, [COUNTS] * 3),
        r"batch axes .* got shapes \(2, 3, 2\) and \(3, 3, 2\)",
    ),
    "likelihood, order": (
        lambda: log_likelihood(A, COUNTS, order=2),
        "A of order 2 needs at least",
    ),
    "simulate, square": (lambda: simulate(A[1:], 3, rng=RNG), "add the s_0 row"),
    "simulate, batch": (lambda: simulate([A], 3, rng=RNG), r"must have shape \(K\+1, K\), got"),
    "simulate, no length": (
        lambda: simulate(A, 0, rng=RNG),
        "length must be an integer >= 1, got 0",
    ),
    "simulate, length": (lambda: simulate(A, 2.5, rng=RNG), "length must be an integer >= 1, got"),
    "simulate, size": (lambda: simulate(A, 2, rng=RNG, size=-1), "size must be an integer >= 0"),
    "sample, size": (lambda: flat(2).sample(RNG, size=(2, 1.5)), r"size .* got \(2, 1.5\)"),
    "stationary with s_0": (lambda: stationary(A), r"an s_0 row included; pass P\[..., 1:, :\]"),
    "stationary, vector": (lambda: stationary(A[0]), r"must have shape \(..., K, K\), got \(2,\)"),
    "irreducible with s_0": (lambda: is_irreducible(A), r"pass P\[..., 1:, :\]"),
    "lower order zero": (lambda: lower_order([1, 2]), "no history left to forget"),
    "lower, order": (
        lambda: lower_order(COUNTS, order=2),
        "counts of order 2 needs at least 3 axes",
    ),
    "evidence, order": (lambda: log_evidence([1, 2], 1), "counts of order 1 needs at least 2 axes"),
    "loo, batch": (lambda: loo_transitions([COUNTS] * 2, 1), "one table of order 1, got shape"),
    "loo, fractions": (
        lambda: loo_transitions(COUNTS / 2, 1),
        r"whole numbers here, got 0.5 at index",
    ),
    "loo, nothing": (lambda: loo_transitions(0 * COUNTS, 1), "nothing to leave out"),
    "loo, one table": (lambda: loo_units(COUNTS, 1), "one axis of units before a table"),
    "loo, no unit": (lambda: loo_units(np.zeros((0, 3, 2)), 1), "one axis of units before"),
    "update, other shape": (lambda: flat(3).given(COUNTS), r"\(3, 2\), expected \(4, 3\)"),
    "density, other states": (lambda: flat(3).log_pdf(A), "A has 2 next states, expected 3"),
    "density, undefined": (lambda: flat(2).log_pdf([[NAN, NAN]] * 3), "undefined"),
    "alpha a number": (lambda: DirichletRows(1.0), "alpha must have the next state on its last"),
    "support, other shape": (
        lambda: posterior_mean(COUNTS, 1, support=[[True] * 3]),
        r"support has shape \(1, 3\), expected \(3, 2\)",
    ),
    "sticky below zero": (lambda: sticky(2, concentration=1, stickiness=-1), "stickiness must not"),
    "sticky from nothing": (
        lambda: sticky(2, concentration=0, stickiness=1),
        "alpha must be positive",
    ),
    "no mode": (lambda: posterior_mode(COUNTS, 0.5), r"no mode exists: .* index \(0, 1\)"),
    "prior without mode": (lambda: perks(2).mode(), r"no mode exists.* 0.5 < 1 at index \(0, 0\)"),
    "kind": (lambda: flat(2).interval(prob=0.9, kind="hpd"), 'kind must be "eti" or "hdi", got'),
}


def refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", PATHS)
def test_bad_paths(name):
    call, message = PATHS[name]
    refused(call, ValueError, message)


@pytest.mark.parametrize("name", BAD_COUNTS)
@pytest.mark.parametrize("function", TAKE_COUNTS)
def test_bad_counts(function, name):
    counts, error, message = BAD_COUNTS[name]
    refused(lambda: TAKE_COUNTS[function](counts), error, f"counts.*{message}")


@pytest.mark.parametrize("name", [n for n in BAD_COUNTS if n not in ("a number", "no states")])
def test_bad_tables_of_units(name):
    counts, error, message = BAD_COUNTS[name]
    prefix = r"at index \(0, " if "at index" in message else ""
    message = message.replace(r"at index \(", prefix)
    refused(lambda: loo_units([counts], 1), error, f"tables.*{message}")


@pytest.mark.parametrize("name", ALPHAS)
@pytest.mark.parametrize("function", TAKE_ALPHA)
def test_bad_alpha(function, name):
    alpha, error, message = ALPHAS[name]
    refused(lambda: TAKE_ALPHA[function](alpha), error, message)


@pytest.mark.parametrize("name", EVALUATED)
def test_matrices_that_no_formula_is_evaluated_at(name):
    matrix, message = EVALUATED[name]
    refused(lambda: log_probability(matrix, [0]), ValueError, message)
    refused(lambda: log_likelihood(matrix, COUNTS), ValueError, message)


@pytest.mark.parametrize("name", NOT_STOCHASTIC)
def test_matrices_that_are_not_sampled_or_inverted(name):
    matrix, message = NOT_STOCHASTIC[name]
    refused(lambda: simulate([*matrix, [0.0, 1.0]], 3, rng=RNG), ValueError, message)
    refused(lambda: stationary(matrix), ValueError, message)
    refused(lambda: is_irreducible(matrix), ValueError, message)
    refused(lambda: flat(2).log_pdf([*matrix, [0.0, 1.0]]), ValueError, message)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_values_that_do_not_fit(name):
    call, message = SHAPES[name]
    refused(call, ValueError, message)


@pytest.mark.parametrize("prob", [0, 1, -0.1, 1.5, 95, NAN, "0.9", None, True])
def test_probabilities_of_intervals(prob):
    refused(lambda: flat(2).interval(prob=prob), ValueError, "prob must lie strictly between 0 and")


@pytest.mark.parametrize("rng", [None, 1, np.random, np.random.RandomState(1)])
def test_randomness_comes_as_a_generator(rng):
    refused(lambda: simulate(A, 3, rng=rng), TypeError, "rng must be a numpy.random.Generator")
    refused(lambda: flat(2).sample(rng), TypeError, r"pass np.random.default_rng\(seed\)")


def test_support_is_boolean():
    refused(lambda: mle(COUNTS, support=np.ones((3, 2))), TypeError, "support must be boolean")


def test_rows_short_of_one_are_evaluated_and_nothing_else():
    """The note's .33 row, and an undefined row, are accepted by the formulas only."""
    matrix = [[0.33, 0.33], [NAN, NAN], [0.2, 0.8]]
    assert log_probability(matrix, [1]) == np.log(0.33)
    refused(lambda: simulate(matrix, 2, rng=RNG), ValueError, "row")


def test_rounding_within_the_tolerance_is_accepted():
    P = np.array([[0.5, 0.5 - 1e-9], [0.25, 0.75 + 1e-9]])
    assert np.isfinite(stationary(P)).all()
    assert np.isfinite(log_likelihood(P, [[1, 2], [3, 4]]))


def test_alpha_off_the_support_is_not_looked_at():
    support = [[True, False], [True, True], [False, True]]
    rows = DirichletRows([[2.0, NAN], [1.0, 1.0], [0.0, 3.0]], support=support)
    assert rows.alpha.tolist() == [[2, 0], [1, 1], [0, 3]]


MASKED = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])

HIDDEN = {
    "masked counts": (lambda: mle(MASKED), "counts has masked entries"),
    "masked path": (lambda: count_transitions(MASKED[0], 9), "path 0 has masked entries"),
    "set of codes": (lambda: count_transitions({0, 1}, 2), "got a set, which has no order"),
    "huge order": (lambda: count_transitions([0, 1], 2, order=10**6), "lower the order"),
    "endless alpha": (lambda: posterior_mean([1, 2], 1e308), "alpha must have finite row sums"),
}


@pytest.mark.parametrize(("call", "message"), HIDDEN.values(), ids=HIDDEN)
def test_what_would_be_wrong_in_silence_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
