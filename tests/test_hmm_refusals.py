"""What a stranger might pass to the functions for hidden chains: refused by name, or right."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

import bayes_markov as bm
from analytic import hmm

RNG = np.random.default_rng
A = np.array([[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
CONES = hmm.Categorical([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
COUNTS = hmm.Poisson([1.0, 5.0])
LEVELS = hmm.Gaussian([0.0, 5.0], [1.0, 1.0])
X = [1, 0, 2, 9, 8, 11, 10, 1, 1, 0, 7, 9]
ROW_WITHOUT = np.array([[True, True], [False, False], [True, True]])


def fit(**options):
    return hmm.baum_welch(X, **({"emission": COUNTS} | options))


CLOSED_FORMS = {
    "count beyond int64": (lambda: COUNTS.log_prob([1e300]), "hold 1e.300 at 0, which is too"),
    "first beyond int64": (lambda: COUNTS.log_prob([2.0**63]), "too large for int64"),
    "unsigned count": (lambda: COUNTS.log_prob(np.array([2**63], dtype=np.uint64)), "too large"),
    "unsigned code": (lambda: CONES.log_prob(np.array([2**63], dtype=np.uint64)), "too large"),
    "None in a list": (lambda: hmm.log_emission(COUNTS, [None, 2]), "NaN stands for a missing"),
    "no square": (lambda: LEVELS.log_prob([1.0, 1e300]), "below 1e.150 in size, got 1e.300 at 1"),
    "state to sample": (lambda: CONES.sample(RNG(1), [0, 2]), "code 2, expected 0, ..., 1"),
    "state from the end": (lambda: COUNTS.sample(RNG(1), [-1]), "code -1, expected 0, ..., 1"),
    "mask of states": (lambda: LEVELS.sample(RNG(1), [True, False]), "integer codes, got dtype"),
    "weights infinite": (lambda: COUNTS.estimate([1], [[np.inf, 0]]), "weights must be finite"),
    "weights negative": (lambda: COUNTS.estimate([1], [[-1.0, 0]]), "got -1.0 at index"),
    "weights without state": (lambda: COUNTS.estimate([1], np.ones((1, 0))), "one column for each"),
    "B without rows": (lambda: hmm.Categorical(np.zeros((0, 3))), r"shape \(K, V\)"),
    "floor is text": (lambda: hmm.Gaussian([0.0], [1.0], "1"), "sd_floor must be finite"),
    "known half state": (lambda: hmm.known_states([0], 1.5), "n_states must be an integer >= 1"),
    "missing is a state": (lambda: hmm.known_states([0], 2, missing=0), "code of a state too"),
    "missing is NaN": (lambda: hmm.known_states([0], 2, missing=np.nan), "an integer code"),
    "n text": (lambda: fit(n_states="2", restarts=1, rng=RNG(1)), "integer >= 1, got '2'"),
    "n half": (lambda: fit(n_states=1.5, restarts=1, rng=RNG(1)), "integer >= 1, got 1.5"),
    "n negative": (lambda: fit(n_states=-1, restarts=1, rng=RNG(1)), "integer >= 1, got -1"),
    "row without": (
        lambda: fit(n_states=2, restarts=1, rng=RNG(1), support=ROW_WITHOUT),
        "support leaves row 1 of A",
    ),
    "mask of a start": (
        lambda: hmm.random_start(COUNTS, X, 2, rng=RNG(1), possible=np.ones((2, 2), bool)),
        r"possible must have shape \(12, 2\), got \(2, 2\)",
    ),
    "nothing possible": (
        lambda: fit(n_states=3, restarts=1, rng=RNG(1), possible=np.zeros((12, 3), bool)),
        "sequence 0 is impossible at the start",
    ),
}


@pytest.mark.parametrize(("call", "message"), CLOSED_FORMS.values(), ids=CLOSED_FORMS)
def test_closed_forms_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


WRONG_KINDS = {
    "emission by name": (lambda: fit(emission="poisson"), "emission must be a value with log_prob"),
    "emission's class": (lambda: hmm.log_emission(hmm.Poisson, X), "must be a value"),
    "rng": (lambda: CONES.sample(1, [0]), "rng must be a numpy.random.Generator"),
    "labels of one": (lambda: bm.Observations.of_labels("abc"), "must be a list of labels"),
    "labels masked": (
        lambda: bm.Observations.of_labels(np.ma.masked_equal([1, 2], 2)),
        "cannot be masked; put None",
    ),
    "times": (lambda: bm.Observations.of_numbers([1, 2], times=5), "times must be a list"),
    "lazy": (lambda: bm.observe(pl.LazyFrame({"x": [1]}), observation="x"), "frame in memory"),
    "labels=": (
        lambda: bm.observe(pl.DataFrame({"x": [1]}), observation="x", labels="yes"),
        "labels must be True or False",
    ),
    "start": (
        lambda: bm.hmm_model(X, n_states=2, emission="poisson", start=3),
        "start must be a result of analytic.hmm.baum_welch",
    ),
    "numbers of states": (
        lambda: bm.compare_hidden(X, n_states=2, emission="poisson", rng=RNG(1)),
        r"such as \[2, 3\], got 2",
    ),
    "fit": (lambda: bm.decode_at(None, bm.Observations.of_numbers(X)), "fit must be one of"),
    "fit of a table": (lambda: bm.hidden_estimates(None), "fit must be one of"),
    "tree": (lambda: bm.add_viterbi(None), "tree must be a result of sample_hmm, got NoneType"),
    "tree to plot": (lambda: bm.plot_emissions(3), "tree must be a result of sample_hmm, got int"),
}


@pytest.mark.parametrize(("call", "message"), WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_wrong_kinds_of_things_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def numbers(x, **options):
    return bm.Observations.of_numbers(x, **options)


def direct(**parts):
    whole = {"values": ([1.0, 2.0],), "sequences": ("a",), "times": ([1, 2],)}
    return bm.Observations(**(whole | parts))


def model(x=X, **options):
    return bm.hmm_model(x, **({"n_states": 2, "emission": "poisson", "restarts": 1} | options))


def compare(numbers_of_states, x=X):
    return bm.compare_hidden(
        x, n_states=numbers_of_states, emission="poisson", restarts=1, rng=RNG(1)
    )


FRAME = pl.DataFrame({"x": [1.0, 2.0], "flag": [True, False], "text": ["1_000", "2"]})

LABELLED = {
    "one number": (lambda: numbers(3), "must hold numbers, got 3"),
    "nothing": (lambda: numbers(None), "must hold numbers, got None"),
    "numbers and lists": (lambda: numbers([[1, 2], 3]), "sequence 1 of observations must hold"),
    "nested": (lambda: numbers([[[1]], [[2]]]), "one dimension"),
    "complex": (lambda: numbers([1j]), "must hold numbers"),
    "dates": (lambda: numbers(np.array(["2020-01-01"], dtype="M8[D]")), "must hold numbers"),
    "times of one": (lambda: numbers([1, 2], times=[]), "got 0 for 2"),
    "times not of each": (lambda: numbers([[1, 2], [3, 4]], times=[1, 2]), "one list of times for"),
    "times fall": (lambda: numbers([1, 2], times=[2, 1]), "must ascend, got 1 after 2"),
    "times repeat": (lambda: numbers([1, 2], times=[1, 1]), "must ascend, got 1 after 1"),
    "time missing": (lambda: numbers([1, 2], times=[None, 1]), "has a missing value at 0"),
    "direct: nothing": (lambda: direct(values=(), sequences=(), times=()), "values is empty"),
    "direct: names": (lambda: direct(sequences=("a", "b")), "sequences has 2 entries, expected 1"),
    "direct: times": (lambda: direct(times=()), "times has 0 entries, expected 1"),
    "direct: code": (lambda: direct(categories=("a", "b")), "values hold code 2, expected 0, ..."),
    "observed names": (
        lambda: bm.observe(FRAME, observation="x", sequence="x"),
        "both name column 'x'",
    ),
    "flags": (lambda: bm.observe(FRAME, observation="flag"), "holds True in row 1"),
    "underscores": (lambda: bm.observe(FRAME, observation="text"), "holds '1_000' in row 1"),
    "categories of numbers": (
        lambda: bm.observe(FRAME, observation="x", categories=["a"]),
        "categories are those of labels",
    ),
    "shape": (lambda: bm.PoissonPrior("1", 1.0), "shape of the prior must be positive"),
    "mean": (lambda: bm.GaussianPrior(None, 1.0, 1.0), "mean of the prior must be finite"),
    "no labels": (lambda: bm.CategoricalPrior(0), "n_categories must be an integer >= 1, got 0"),
    "labels by text": (lambda: bm.CategoricalPrior("3"), "n_categories must be an integer"),
    "start of another kind": (
        lambda: model(start=hmm.baum_welch(X, emission=LEVELS)),
        "emission of type Gaussian, expected Poisson",
    ),
    "start of another size": (
        lambda: model(start=hmm.baum_welch(X, emission=hmm.Poisson([1.0, 5.0, 9.0]))),
        r"start has A of shape \(4, 3\)",
    ),
    "no restarts": (lambda: model(restarts=0), "restarts must be an integer >= 1, got 0"),
    "seed": (lambda: model(seed=-1), "seed must be an integer from 0"),
    "no square": (lambda: model([1e300, 1.0], emission="gaussian"), "below 1e.150 in size"),
    "no square, a prior": (
        lambda: model([1e300, 1.0], emission=bm.GaussianPrior(0.0, 1.0, 1.0)),
        "below 1e.150 in size",
    ),
    "nothing possible": (lambda: model(possible=np.zeros((12, 2), bool)), "sequence 0 is impos"),
    "a number twice": (lambda: compare([2, 2]), "names 2 twice"),
    "no number": (lambda: compare(["2"]), "integer >= 1, got '2'"),
    "too many states": (lambda: compare([2, 13]), "n_states has 13, more than the 12 observations"),
    "exact tree": (
        lambda: bm.hidden_estimates(
            compare([2]).fits[0],
            bm.exact_posterior(bm.TransitionCounts.from_sequences([["a", "b", "a"]]), seed=1),
        ),
        "tree must come from sample_hmm",
    ),
}


@pytest.mark.parametrize(("call", "message"), LABELLED.values(), ids=LABELLED)
def test_labelled_functions_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_labels_in_another_order_are_not_decoded_by_their_codes():
    seen = ["a", "a", "b", "b", "a"]
    table = bm.compare_hidden(seen, n_states=[2], emission="categorical", restarts=1, rng=RNG(1))
    turned = bm.Observations.of_labels(seen, categories=["b", "a"])
    with pytest.raises(ValueError, match=r"labels \('b', 'a'\) and fit"):
        bm.decode_at(table.fits[0], turned)
    with pytest.raises(ValueError, match="labels None and fit"):
        bm.decode_at(table.fits[0], bm.Observations.of_numbers([0, 1]))


def test_labels_may_come_one_by_one():
    found = bm.Observations.of_labels(label for label in "aab")
    assert_array_equal(found.values[0], [0, 0, 1])


def test_the_callers_arrays_stay_his():
    values = np.array([1.0, 2.0])
    bm.Observations((values,), ("a",), (np.array([1, 2]),))
    values[0] = 5.0


@pytest.mark.parametrize("scale", [1e20, 1e37, 1e300])
def test_evidence_without_measure_leaves_one_path(scale):
    """Where numbers are so large that the next one is more than 50 away."""
    x = scale * np.array([[-0.2, -1.8], [-0.3, -1.5], [-1.3, -0.1], [-1.7, -0.4]])
    path, log_probability = hmm.viterbi(A, x)
    assert_array_equal(path, [0, 0, 1, 1])
    found = hmm.smooth(A, x)
    assert found.log_likelihood == pytest.approx(log_probability, rel=1e-12)
    assert_array_equal(found.smoothed, [[1, 0], [1, 0], [0, 1], [0, 1]])
    assert_array_equal(found.expected_counts, [[1, 0], [1, 1], [0, 1]])
    assert_array_equal(hmm.sample_paths(A, x, rng=RNG(1)), path)


def test_a_far_observation_is_impossible_without_a_warning():
    assert_array_equal(hmm.Gaussian([0.0], [1e-200]).log_prob([1.0]), [[-np.inf]])


def test_a_state_that_is_never_possible_has_a_start():
    never = np.array([[True, False, True]] * 12)
    found = fit(n_states=3, restarts=2, rng=RNG(1), possible=never)
    assert np.isfinite(found.log_likelihood)
    assert (found.A[:, 1][[0, 1, 3]] == 0).all()
