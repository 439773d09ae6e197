import csv
import io

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

import bayes_markov as bm
from bayes_markov.table import as_csv, as_rich

COUNTS = bm.TransitionCounts.from_table(
    [[0, 2, 0], [7, 2, 3], [1, 5, 4], [0, 0, 0]], ["fog", "rain", "sun"]
)


def shown(lines, prob):
    console = Console(width=80, file=io.StringIO())
    console.print(as_rich(lines, prob=prob))
    return console.file.getvalue()


def test_exact_estimates_are_the_closed_forms():
    lines = bm.estimates(bm.exact_posterior(COUNTS, alpha=0.5, seed=1), prob=0.8)
    line = next(x for x in lines if (x.history, x.next_state) == (("rain",), "sun"))
    a, b = 4.5, 7.0
    assert (line.count, line.departures, line.mle) == (4, 10, 0.4)
    assert line.mean == pytest.approx(a / (a + b), rel=1e-14)
    assert (line.low, line.high) == pytest.approx(stats.beta(a, b).interval(0.8), rel=1e-10)
    assert np.isnan(line.ess)


def test_a_row_without_data_is_marked_and_has_no_mle():
    lines = bm.estimates(bm.exact_posterior(COUNTS, seed=1))
    empty = [line for line in lines if line.departures == 0]
    assert [line.history for line in empty] == [("sun",)] * 3
    assert all(np.isnan(line.mle) for line in empty)
    text = shown(lines, 0.95)
    assert text.count("no data") == 3
    assert max(map(len, text.splitlines())) <= 80


def test_histories_that_cannot_occur_have_no_line():
    counts = bm.TransitionCounts.from_sequences([["a", "b", "a"], ["b", "b"]], order=2)
    lines = bm.estimates(bm.exact_posterior(counts, seed=1))
    assert len(lines) == 7 * 2
    assert ("a", "<s0>") not in {line.history for line in lines}
    assert "nan" not in shown(lines, 0.95)


def test_csv_reads_back():
    lines = bm.estimates(bm.exact_posterior(COUNTS, seed=1))
    rows = list(csv.DictReader(io.StringIO(as_csv(lines))))
    assert len(rows) == 12
    assert rows[5]["state"] == "fog"
    assert rows[5]["next_state"] == "sun"
    assert float(rows[5]["mle"]) == 0.25
    assert rows[-1]["mle"] == ""


def test_prob_is_checked():
    with pytest.raises(ValueError, match="prob must lie"):
        bm.estimates(bm.exact_posterior(COUNTS, seed=1), prob=0)
