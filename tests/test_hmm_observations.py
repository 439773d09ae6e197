"""Observations of hidden chains from lists and frames, and the number of states from them."""

import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import analytic.hmm as hidden
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.hmm.selection import criteria, in_order
from hidden_data import LABELS, codes_of, simulate

FRAME = {
    "site": ["b", "a", "b", "a", "b", "a"],
    "day": [2, 1, 1, 3, 3, 2],
    "count": [5, 1, 4, None, 6, 2],
}


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_frame_becomes_sequences_in_order_of_time(make):
    found = bm.observe(make(FRAME), observation="count", unit="site", time="day")
    assert found.sequences == ("a", "b")
    assert_array_equal(found.values[0], [1, 2, np.nan])
    assert_array_equal(found.values[1], [4, 5, 6])
    assert [times.tolist() for times in found.times] == [[1, 2, 3], [1, 2, 3]]
    assert repr(found) == "Observations: 6 in 2 sequences, 1 missing"
    assert_array_equal(found.sequence_codes, [0, 0, 0, 1, 1, 1])


def test_units_and_sequences_name_together_and_dates_stay_dates():
    frame = pl.DataFrame(
        {
            "year": [1, 1, 2],
            "storm": ["x", "x", "x"],
            "when": [date(2020, 1, 2), date(2020, 1, 1), date(2021, 1, 1)],
            "sky": ["wet", None, "dry"],
        }
    )
    found = bm.observe(
        frame, observation="sky", labels=True, unit="year", sequence="storm", time="when"
    )
    assert found.sequences == ("1, x", "2, x")
    assert found.categories == ("dry", "wet")
    assert_array_equal(found.values[0], [np.nan, 1])
    assert found.times[0].dtype.kind == "M"


def test_column_alone_is_one_sequence_and_text_may_be_numbers():
    found = bm.observe(pl.DataFrame({"x": ["1.5", None, "2"]}), observation="x")
    assert found.sequences == ("all",)
    assert_array_equal(found.values[0], [1.5, np.nan, 2.0])


def test_frame_mistakes_are_named():
    frame = pl.DataFrame({"x": ["1", "many"], "day": [1, 1]})
    with pytest.raises(ValueError, match="column 'x' holds 'many' in row 2"):
        bm.observe(frame, observation="x")
    with pytest.raises(ValueError, match="no column 'y'"):
        bm.observe(frame, observation="y")
    with pytest.raises(ValueError, match="no column 'when'"):
        bm.observe(frame, observation="x", time="when")
    with pytest.raises(ValueError, match="same 'day'"):
        bm.observe(frame, observation="x", time="day")


def test_masked_entries_are_missing():
    found = bm.Observations.of_numbers(np.ma.masked_equal([3, -9, 4], -9))
    assert_array_equal(found.values[0], [3, np.nan, 4])
    with pytest.raises(ValueError, match="read-only"):
        found.values[0][0] = 1.0


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="units has 1 labels, expected 2"):
        bm.Observations.of_numbers([[1], [2]], sequences=["a"])
    with pytest.raises(ValueError, match="unique names"):
        bm.Observations.of_numbers([[1], [2]], sequences=["a", "a"])
    with pytest.raises(ValueError, match="times must be as many"):
        bm.Observations.of_numbers([1, 2], times=[1])
    with pytest.raises(ValueError, match="times has 1 sequences, expected 2"):
        bm.Observations.of_numbers([[1], [2]], times=[[1]])
    with pytest.raises(ValueError, match="not among the states"):
        bm.Observations.of_labels(["a", "b"], categories=["a"])
    with pytest.raises(ValueError, match="prior is for 2 labels and the observations have 3"):
        bm.hmm_model(["a", "b", "c"], n_states=2, emission=bm.CategoricalPrior(2))


def test_fingerprint_tells_data_apart():
    digests = {
        bm.Observations.of_numbers(x).digest for x in ([1, 2], [2, 1], [[1], [2]], [1, 2, None])
    }
    assert len(digests) == 4


@pytest.mark.parametrize(("kind", "own"), [("poisson", 1), ("gaussian", 2), ("categorical", 2)])
def test_criteria_are_those_of_the_maximum(kind, own):
    seen = simulate(kind, (80, 60), seed=9).observations
    seen[0][5] = None
    table = bm.compare_hidden(
        seen, n_states=[1, 2], emission=kind, restarts=5, rng=np.random.default_rng(1)
    )
    codes = [codes_of(x) if kind == "categorical" else np.array(x, float) for x in seen]
    for K, fit in zip([1, 2], table.fits, strict=True):
        emission = fit.found.emission
        value = hidden.log_likelihood(fit.found.A, hidden.log_emission(emission, codes)).sum()
        assert_allclose(fit.log_likelihood, value, rtol=1e-12)
        p = (K + 1) * (K - 1) + own * K
        assert fit.parameters == p
        assert_allclose(fit.aic, 2 * p - 2 * value, rtol=1e-12)
        assert_allclose(fit.bic, p * np.log(139) - 2 * value, rtol=1e-12)
        again = hidden.smooth(fit.found.A, hidden.log_emission(emission, codes))
        assert_allclose(fit.found.expected_counts, again.expected_counts, rtol=1e-8, atol=1e-8)
    for criterion in ("aic", "bic"):
        smallest = min(getattr(fit, criterion) for fit in table.fits)
        assert getattr(table.best(criterion), criterion) == smallest
    assert kind == "categorical" or table.best().n_states == 2
    assert str(table).count("*") == 2
    assert "5 of 5" in str(table)


def test_states_of_the_maximum_are_in_order():
    seen = simulate("poisson", (80, 60), seed=9).observations
    for seed in range(4):
        table = bm.compare_hidden(
            seen, n_states=[2], emission="poisson", restarts=1, rng=np.random.default_rng(seed)
        )
        found = table.fits[0].found
        assert found.emission.rate[0] < found.emission.rate[1]
        again = hidden.smooth(found.A, hidden.log_emission(found.emission, seen))
        assert_allclose(found.expected_counts, again.expected_counts, rtol=1e-8, atol=1e-8)


def test_a_kept_row_moves_with_its_state():
    # The state of the smaller rate is seen last and never left.
    data, prior = bm.Observations.of_numbers([9, 7, 1]), bm.PoissonPrior(1.0, 0.1)
    found = hidden.baum_welch(
        [9, 7, 1],
        emission=hidden.Poisson([8.0, 1.0]),
        A=[[0.6, 0.4], [0.9, 0.1], [0.3, 0.7]],
        possible=hidden.known_states([0, 0, 1], 2),
    )
    moved = in_order(found, prior, data)
    assert found.convergence.kept_rows.tolist() == [False, False, True]
    assert moved.convergence.kept_rows.tolist() == [False, True, False]
    assert_array_equal(moved.A[1], [0.7, 0.3])


def test_runs_that_found_the_maximum_are_counted():
    data, prior = bm.Observations.of_numbers([9, 7, 1]), bm.PoissonPrior(1.0, 0.1)
    found = hidden.baum_welch([9, 7, 1], emission=hidden.Poisson([5.0]))
    ends = np.array([-10.0, -12.0, -10.0005, -11.0])
    found = found._replace(convergence=found.convergence._replace(log_likelihoods=ends))
    assert criteria(found, prior, data, DirichletRows(np.ones((2, 1)))).runs == "2 of 4"


def test_choice_is_checked():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="n_states is empty"):
        bm.compare_hidden([1, 2], n_states=[], emission="poisson", rng=rng)
    table = bm.compare_hidden([1, 2], n_states=[1, 2], emission="poisson", rng=rng)
    with pytest.raises(ValueError, match='by must be "aic" or "bic"'):
        table.best("loo")


@pytest.mark.slow
def test_maximum_likelihood_and_decoding_need_no_pymc():
    program = (
        "import sys\n"
        "sys.modules['pymc'] = sys.modules['nutpie'] = None\n"
        "import numpy as np, bayes_markov as bm\n"
        "seen = bm.Observations.of_numbers([0, 1, 0, 8, 9, 7, 9, 0, 1])\n"
        "rng = np.random.default_rng(1)\n"
        "fit = bm.compare_hidden(seen, n_states=[2], emission='poisson', rng=rng).best()\n"
        "print(*bm.decode_at(fit, seen)['viterbi'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["s1"] * 3 + ["s2"] * 4 + ["s1"] * 2, done.stderr


def test_categories_that_were_not_seen_count_too():
    seen = bm.Observations.of_labels(["dry", "wet", "dry"], categories=LABELS)
    model = bm.hmm_model(seen, n_states=2, emission="categorical", restarts=1)
    assert bm.start_values(model)["B"].shape == (2, 3)
