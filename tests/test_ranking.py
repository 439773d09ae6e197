"""Leave-one-out scores by removing transitions and units one at a time."""

import math
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytic import ESTIMATORS, loo_transitions, loo_units, mle, posterior_mean
from bayes_markov import TransitionCounts, ranking
from bayes_markov.ranking import rank_estimators
from cases import CASES

SEQUENCES = ["abcabbca", "bcc", "cabba", "a", "bacbbacc", "cb"]
UNITS = ["x", "y", "x", "z", "w", "v"]


def counted(order=1, units=UNITS):
    return TransitionCounts.from_sequences(map(list, SEQUENCES), order=order, units=units)


def own(counts):
    """Add more to the later states."""
    return posterior_mean(counts, 0.3 + np.arange(np.shape(counts)[-1]))


def scores_by_removal(rule, counts, start):
    """One score for every single transition, and one for each unit."""
    order, K = counts.order, len(counts.states)

    def estimate(table):
        return rule(table, order=order) if rule in LOOKING_AT_TABLES else rule(table)

    def log(p):
        return -math.inf if p == 0 else math.log(p)

    def transitions(table):
        for *history, j in np.argwhere(table > 0).tolist():
            if start == "s0" or 0 not in history:
                yield from [(*history, j)] * int(table[*history, j])

    single = []
    for cell in transitions(counts.pooled):
        without = counts.pooled.copy()
        without[cell] -= 1
        single.append(log(estimate(without)[cell]))
    whole = []
    for table in counts.tables:
        predicted = estimate(counts.pooled - table)
        whole.append(sum(log(predicted[cell]) for cell in transitions(table)))
    assert counts.pooled.shape == (K + 1,) * order + (K,)
    return np.array(single), np.array(whole)


LOOKING_AT_TABLES = [
    ESTIMATORS[name]
    for name in ("empirical_bayes", "empirical_bayes_vector", "absolute_discounting")
]


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("start", ["given", "s0"])
def test_scores_are_those_of_removal_one_by_one(order, start):
    counts = counted(order)
    names = [name for name in ESTIMATORS if name != "reversible" or order == 1]
    rules = {name: ESTIMATORS[name] for name in names} | {"own": own}
    result = rank_estimators(counts, estimators=rules, start=start)
    by_name = {name: scores_by_removal(rule, counts, start) for name, rule in rules.items()}
    for kind, scores in enumerate((result.transitions, result.units)):
        assert {score.estimator for score in scores} == set(rules)
        best = by_name[scores[0].estimator][kind]
        for score in scores:
            values = by_name[score.estimator][kind]
            n = len(values)
            assert score.undefined == np.isnan(values).sum()
            assert score.impossible == np.isneginf(values).sum()
            assert_allclose(score.elpd, values.sum(), rtol=1e-12)
            if np.isfinite(values).all():
                assert_allclose(score.se, math.sqrt(n) * values.std(ddof=1), rtol=1e-10, atol=1e-12)
                difference = values - best
                assert_allclose(score.difference, difference.sum(), rtol=1e-9, atol=1e-12)
                error = math.sqrt(n) * difference.std(ddof=1)
                assert_allclose(score.difference_se, error, rtol=1e-9, atol=1e-12)
            else:
                assert math.isnan(score.se)
                assert math.isnan(score.difference_se)
    assert result.n_transitions == len(by_name["mle"][0])
    assert result.n_units == 5


@pytest.mark.parametrize("case", [case for case in CASES if case.order == 1 and case.n_states > 1])
def test_posterior_means_score_as_in_closed_form(case):
    counts = TransitionCounts(case.table, tuple(range(case.n_states)))
    result = rank_estimators(counts, estimators=["jeffreys"], start="s0")
    expected = loo_transitions(case.table, 0.5)
    assert_allclose(result.transitions[0].elpd, expected.elpd, rtol=1e-12)
    assert_allclose(result.transitions[0].se, expected.se, rtol=1e-9)
    assert result.units is None


def test_the_order_is_that_of_the_differences():
    result = rank_estimators(counted())
    for scores in (result.transitions, result.units):
        finite = [score for score in scores if math.isfinite(score.elpd)]
        assert list(scores[: len(finite)]) == finite
        assert finite[0].difference == 0
        assert finite[0].difference_se == 0
        differences = [score.difference for score in finite]
        assert differences == sorted(differences, reverse=True)
        kinds = [(score.undefined > 0, score.impossible > 0) for score in scores]
        assert kinds == sorted(kinds)


def test_units_are_predicted_by_the_others_only():
    tables = counted().tables
    expected = 0.0
    for unit in range(len(tables)):
        others = np.delete(tables, unit, axis=0).sum(axis=0)
        A = posterior_mean(others, 1.0)
        expected += (tables[unit] * np.log(A))[1:].sum()
    result = rank_estimators(counted(), estimators=["laplace"])
    assert result.units[0].elpd == pytest.approx(expected, rel=1e-12)
    # `loo_units` learns from the unit while it predicts it; an estimate stays what it is.
    assert abs(result.units[0].elpd - loo_units(tables, 1.0).elpd) > 0.1


def test_what_is_impossible_is_counted():
    """Every state's next state was seen before, but for the one cell with a single count."""
    counts = TransitionCounts.from_table([[5, 1], [0, 4]], ["a", "b"])
    mle_score, laplace = sorted(
        rank_estimators(counts, estimators=["mle", "laplace"]).transitions,
        key=lambda score: score.estimator != "mle",
    )
    assert mle_score.elpd == -math.inf
    assert mle_score.impossible == 1
    assert mle_score.undefined == 0
    assert math.isfinite(laplace.elpd)
    assert mle_score.difference == -math.inf


def test_a_single_start_has_no_prediction():
    counts = TransitionCounts.from_sequences([list("abbaababbaab")])
    given = rank_estimators(counts, estimators=["mle"]).transitions[0]
    start = rank_estimators(counts, estimators=["mle"], start="s0").transitions[0]
    assert given.undefined == 0
    assert start.undefined == 1
    assert math.isfinite(given.elpd)
    assert math.isnan(start.elpd)


def test_nothing_depends_on_the_pieces(monkeypatch):
    whole = rank_estimators(counted())
    monkeypatch.setattr(ranking, "NUMBERS_AT_ONCE", 30)
    assert repr(rank_estimators(counted())) == repr(whole)


def test_only_the_only_possible_is_certain():
    counts = TransitionCounts.from_sequences([["a", "a", "a"]])
    score = rank_estimators(counts, estimators=["laplace", "mle"]).transitions[0]
    assert score.elpd == 0
    assert score.se == 0


def test_the_table_fits_a_terminal():
    big = TransitionCounts.from_table(
        [[9_000_000, 12_345_678], [23_456_789, 1]], ["a", "b"], units=None
    )
    named = {"an_estimator_with_a_very_long_name": own, "mle": "mle"}
    for counts, options in [(big, {"estimators": named}), (counted(), {"start": "s0"})]:
        text = str(rank_estimators(counts, **options))
        assert max(map(len, text.splitlines())) <= 80
    assert "leave one of 27 transitions out" in text
    assert "leave one of 5 units out" in text
    assert "-inf" in text
    assert text.count("empirical_bayes_vector") == 2
    assert "nan" not in text


def test_what_is_undefined_is_empty_in_csv():
    counts = TransitionCounts.from_sequences([list("abbaababbaab")])
    ranked = rank_estimators(counts, estimators=["mle", "laplace"], start="s0")
    lines = [line.split(",") for line in ranking.as_csv(ranked).splitlines()]
    assert lines[0][:4] == ["left_out", "estimator", "elpd", "se"]
    found = {line[1]: dict(zip(lines[0], line, strict=True)) for line in lines[1:]}
    assert found["mle"]["elpd"] == found["mle"]["difference"] == ""
    assert float(found["laplace"]["elpd"]) == ranked.transitions[0].elpd
    assert found["mle"]["undefined"] == "1"


def test_fractional_and_integral_floats():
    whole = counted()
    floats = TransitionCounts(whole.table.astype(float), whole.states, 1, whole.units)
    assert repr(rank_estimators(floats)) == repr(rank_estimators(whole))


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        ([[1, 2], [3, 4]], {}, TypeError, "counts must be a TransitionCounts, got list"),
        (counted(), {"start": "free"}, ValueError, 'start must be "given" or "s0", got \'free\''),
        (counted(), {"estimators": ["MLE"]}, ValueError, "estimator 'MLE' is unknown"),
        (counted(), {"estimators": [partial(mle)]}, ValueError, "has no name"),
        (counted(), {"estimators": {"first": lambda n: mle(n)[0]}}, ValueError, "returned shape"),
        (
            TransitionCounts.from_table([[0.5, 1], [2, 2]], ["a", "b"]),
            {},
            ValueError,
            "counts must be whole numbers here, got 0.5",
        ),
        (
            TransitionCounts.from_sequences([["a"], ["b"]]),
            {},
            ValueError,
            'no transition to leave out; .* start="s0"',
        ),
        (
            TransitionCounts.from_table([[0, 0], [0, 0]], ["a", "b"]),
            {"start": "s0"},
            ValueError,
            "no transition to leave out; give longer sequences$",
        ),
    ],
)
def test_bad_input(counts, options, error, message):
    with pytest.raises(error, match=message):
        rank_estimators(counts, **options)
