"""Gaps in time: nothing is seen there, and the hidden chain moves on."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bayes_markov as bm
from analytic import hmm

A = np.array([[0.6, 0.4], [0.9, 0.1], [0.35, 0.65]])
COUNTS = hmm.Poisson([1.0, 6.0])
DAY = timedelta(days=1)


def filled_by_hand(times, values, step):
    """Ask of every regular time whether it was seen."""
    seen = dict(zip(times, values, strict=True))
    grid, now = [], min(times)
    while now <= max(times):
        grid.append(now)
        now += step
    return grid, [seen.get(time, np.nan) for time in grid]


@pytest.mark.parametrize("make", [pl.DataFrame, "to_pandas", "to_arrow"], ids=str)
@pytest.mark.parametrize("step", [1, 2])
def test_missing_times_become_missing_observations(make, step):
    rng = np.random.default_rng(5)
    rows, expected = [], {}
    for site in ("b", "a"):
        times = np.sort(rng.choice(30, size=9, replace=False)) * step + rng.integers(100)
        values = rng.integers(0, 9, size=9)
        expected[site] = filled_by_hand(times.tolist(), values.tolist(), step)
        rows += [
            {"site": site, "t": t, "x": x}
            for t, x in zip(times.tolist(), values.tolist(), strict=True)
        ]
    frame = pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=2)
    if isinstance(make, str):
        frame = getattr(frame, make)()
    found = bm.observe(frame, observation="x", unit="site", time="t", step=step)
    assert found.sequences == ("a", "b")
    for n, site in enumerate(found.sequences):
        assert_array_equal(found.times[n], expected[site][0])
        assert_array_equal(found.values[n], expected[site][1])


TIMES = {
    "dates": ([date(2024, 2, 27), date(2024, 3, 1), date(2024, 3, 2)], DAY),
    "text": (["2024-02-27", "2024-03-01", "2024-03-02"], DAY),
    "numbers as text": (["9", "12", "13"], 1),
    "tenths": ([0.1, 0.4, 0.5], 0.1),
    "durations": ([0 * DAY, 3 * DAY, 4 * DAY], DAY),
}


@pytest.mark.parametrize(("times", "step"), TIMES.values(), ids=TIMES)
def test_times_of_every_kind(times, step):
    frame = pl.DataFrame({"t": times, "x": [4, 5, 6]})
    found = bm.observe(frame, observation="x", time="t", step=step)
    assert_array_equal(found.values[0], [4, np.nan, np.nan, 5, 6])
    assert len(found.times[0]) == 5
    assert (np.diff(found.times[0]) > np.zeros(1, dtype=np.diff(found.times[0]).dtype)).all()


@pytest.mark.parametrize("base", [0, 1.7e9, -1.7e9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_of_the_times_is_no_gap(base, dtype):
    if base and dtype is np.float32:
        return
    when = (base + 0.1 * np.arange(1000)).astype(dtype)
    kept = np.delete(np.arange(1000), [400, 700, 701, 702])
    frame = pl.DataFrame({"t": when[kept], "x": kept})
    seen = bm.observe(frame, observation="x", time="t", step=0.1)
    expected = np.where(np.isin(np.arange(1000), kept), np.arange(1000), np.nan)
    assert_array_equal(seen.values[0], expected)
    assert_allclose(seen.times[0], when, rtol=4 * np.finfo(dtype).eps)
    with pytest.raises(ValueError, match=r"no whole number of steps of 0\.11"):
        bm.observe(frame, observation="x", time="t", step=0.11)


def test_labels_have_gaps_too():
    frame = pl.DataFrame({"t": [3, 1, 6], "sky": ["wet", "dry", "dry"]})
    found = bm.observe(frame, observation="sky", labels=True, time="t", step=1)
    assert_array_equal(found.values[0], [0, np.nan, 1, np.nan, np.nan, 0])


def test_a_gap_is_as_many_steps_of_the_chain():
    """Between two times g steps apart stands the g-th power of A."""
    frame = pl.DataFrame({"t": [10, 14], "x": [0, 8]})
    seen = bm.observe(frame, observation="x", time="t", step=1)
    found = hmm.log_likelihood(A, hmm.log_emission(COUNTS, list(seen.values)))
    first, last = np.exp(COUNTS.log_prob([0, 8]))
    power = np.linalg.matrix_power(A[1:], 4)
    assert_allclose(np.exp(found), [(A[0] * first) @ power @ last], rtol=1e-13)


BAD = {
    "half a step": ({"t": [1, 2, 4]}, {"step": 2}, "goes from 1 to 2, which is no whole number"),
    "no time": ({"t": [1, 2, 4]}, {"step": 1, "time": None}, "name the time column"),
    "negative": ({"t": [1, 2, 4]}, {"step": -1}, "step must be positive"),
    "number of a date": (
        {"t": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)]},
        {"step": 1},
        "give step as a datetime.timedelta",
    ),
    "date of a number": ({"t": [1, 2, 4]}, {"step": DAY}, "give step as a number"),
    "too coarse": ({"t": [1e9, 1e9 + 1e-6, 1e9 + 3e-6]}, {"step": 1e-6}, "too large to tell steps"),
    "too coarse, negative": ({"t": [-1e9, -1e9 + 1e-6, 3]}, {"step": 1e-6}, "too large to tell"),
    "too long": ({"t": [1, 2, 10**12]}, {"step": 1}, "is the step right?"),
}


@pytest.mark.parametrize(("columns", "options", "message"), BAD.values(), ids=BAD)
def test_steps_that_do_not_fit_are_refused(columns, options, message):
    frame = pl.DataFrame(columns | {"x": [1, 2, 3]})
    with pytest.raises(ValueError, match=message):
        bm.observe(frame, observation="x", **({"time": "t"} | options))


def test_a_step_that_leaves_nearly_nothing_observed_is_a_mistake():
    frame = pl.DataFrame({"t": [date(2012, 1, 1), date(2015, 12, 31)], "x": [1, 2]})
    options = {"observation": "x", "time": "t"}
    assert len(bm.observe(frame, **options, step=timedelta(hours=1)).rows) == 35_041
    with pytest.raises(ValueError, match=r"goes over 126,144,001 steps .* in 2 rows.* step right"):
        bm.observe(frame, **options, step=timedelta(seconds=1))
