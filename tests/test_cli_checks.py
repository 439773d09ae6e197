"""The commands that question the model: order, test and check."""

import numpy as np
import pytest

import analytic
import bayes_markov as bm
from bayes_markov.files import read

SEATTLE = str(bm.example_file("seattle_weather.csv"))
STORMS = str(bm.example_file("atlantic_storms.csv"))
WEATHER = (SEATTLE, "--state", "weather", "--time", "date")
SEASONS = (STORMS, "--state", "status", "--sequence", "storm", "--unit", "season", "--time", "time")


@pytest.fixture(scope="module")
def weather():
    return read(SEATTLE)


def numbers(out, name):
    """Cells of the line that begins with a name."""
    line = next(line for line in out.splitlines() if line.startswith(name))
    return line.removeprefix(name).split()


def test_orders_are_those_of_the_table(run, weather):
    code, out, err = run("order", *WEATHER, "--max-order", 2, "--alpha", 0.5)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    counts = bm.count_transitions(weather, state="weather", time="date", order=2)
    expected = analytic.order_table(counts.pooled, alpha=0.5)
    assert str(expected) in out
    _, given, _ = run("order", *WEATHER, "--max-order", 2, "--start", "given")
    assert str(analytic.order_table(counts.pooled, start="given")) in given


def test_random_tables_depend_on_the_seed_alone(run):
    args = ("order", *WEATHER, "--max-order", 1, "--replicates", 19)
    _, first, _ = run(*args)
    _, second, _ = run(*args)
    assert "seed 1" in first
    assert first == second


def test_tests_of_hypotheses_are_those_of_the_closed_forms(run, weather, tmp_path):
    matrix = tmp_path / "matrix.csv"
    counts = bm.count_transitions(weather, state="weather", time="date")
    A = 0.9 * analytic.mle(counts.table) + 0.02
    rows = [",".join(["state", *counts.states])]
    labels = ["<s0>", *counts.states]
    rows += [f"{s},{','.join(map(repr, row))}" for s, row in zip(labels, A.tolist(), strict=True)]
    matrix.write_text("\n".join(rows) + "\n")
    code, out, err = run("test", *WEATHER, "--replicates", 19, "--matrix", matrix)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    higher = bm.count_transitions(weather, state="weather", time="date", order=2)
    blocks = bm.count_blocks([weather["weather"].to_list()], 10)
    for name, test in {
        "independence (0 v 1)": analytic.independence_test(counts.table),
        "order (1 v 2)": analytic.order_test(higher.table, lower=1, higher=2),
        "same in 10 time blocks": analytic.homogeneity_test(blocks.table),
        "reversibility": analytic.reversibility_test(counts.table),
        "this matrix": analytic.specified_test(counts.table, A),
    }.items():
        G2, df, _, X2, *_ = numbers(out, name)
        assert float(G2) == pytest.approx(test.G2, abs=0.006)
        assert int(df) == test.df
        assert float(X2) == pytest.approx(test.X2, abs=0.006)
    assert "units" not in out
    *_, p, _, error = numbers(out, "independence (0 v 1)")
    assert (float(p), float(error)) == (0.05, 0.05)


def test_years_and_units(run, weather):
    code, out, _ = run("test", *WEATHER, "--replicates", 0, "--blocks", "year")
    assert code == 0
    years = [[date[:4] for date in weather["date"]]]
    blocks = bm.count_blocks([weather["weather"].to_list()], years)
    assert blocks.units == ("2012", "2013", "2014", "2015")
    G2, df, *_ = numbers(out, "same in 4 time blocks")
    test = analytic.homogeneity_test(blocks.table)
    assert (float(G2), int(df)) == (pytest.approx(test.G2, abs=0.006), test.df)
    code, out, _ = run("test", *SEASONS, "--replicates", 0, "--blocks", "month")
    assert code == 0
    storms = bm.count_transitions(
        read(STORMS), state="status", sequence="storm", unit="season", time="time"
    )
    G2, df, *_ = numbers(out, "same for 3 units")
    test = analytic.equality_test(storms.table)
    assert (float(G2), int(df)) == (pytest.approx(test.G2, abs=0.006), test.df)


MISTAKES = {
    "blocks": (("test", *WEATHER, "--blocks", "week"), "one of year, month; got 'week'"),
    "no blocks": (("test", *WEATHER, "--blocks", "0"), "blocks must be an integer >= 1"),
    "no time": (("test", *WEATHER[:3], "--blocks", "year"), "--blocks year needs --time"),
    "states": (("test", *WEATHER, "--matrix", SEATTLE), "must have the lines"),
    "order": (("order", *WEATHER, "--max-order", "0"), "greater than or equal to 1"),
    "huge order": (("order", *WEATHER, "--max-order", "12"), "order 12"),
    "no option": (("order", *WEATHER, "--order", "2"), "--order"),
    "alpha": (("check", *WEATHER, "--alpha", "-1"), "alpha must be positive"),
}


@pytest.mark.parametrize("args, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_message_and_exit_code_2(run, args, said):
    code, _, err = run(*args)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_matrix_of_other_states_is_refused(run, tmp_path):
    matrix = tmp_path / "matrix.csv"
    matrix.write_text("state,a,b\n<s0>,0.5,0.5\na,0.8,0.2\nb,0.4,0.6\n")
    code, _, err = run("test", *WEATHER, "--matrix", matrix)
    assert code == 2
    assert "has the states a, b, the data drizzle, fog, rain, snow, sun" in err


def test_predictive_checks_are_printed_and_written(run, weather, tmp_path):
    code, out, err = run("check", *SEASONS, "--out", tmp_path)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert {path.name for path in tmp_path.iterdir()} == {"predictive.nc", "checks.png"}
    tree = bm.load(tmp_path / "predictive.nc")
    assert str(bm.check_fit(tree)) in out
    observed = tree["observed_data"]["unseen_transitions"].item()
    counts = bm.count_transitions(
        read(STORMS), state="status", sequence="storm", unit="season", time="time"
    )
    assert observed == (counts.pooled[1:] == 0).sum()
    assert np.isfinite(tree["posterior_predictive"]["limited_horizon"]).all()


def test_many_states_do_not_run_into_each_other(run, tmp_path):
    path = tmp_path / "many.csv"
    codes = np.random.default_rng(5).integers(0, 60, size=1000)
    path.write_text("s\n" + "".join(f"s{code}\n" for code in codes))
    _, out, _ = run("test", path, "--state", "s", "--replicates", 0)
    G2, df, _, X2, *_ = numbers(out, "independence (0 v 1)")
    counts = bm.TransitionCounts.from_sequences([[f"s{code}" for code in codes]])
    test = analytic.independence_test(counts.table)
    assert (int(df), float(G2)) == (test.df, pytest.approx(test.G2, abs=0.006))
    assert float(X2) == pytest.approx(test.X2, abs=0.006)


def test_labels_with_dollars_are_drawn_as_they_are(run, tmp_path):
    path = tmp_path / "math.csv"
    path.write_text("s\n$\\foo$\nb\n$\\foo$\nb\nb\n$\\foo$\n")
    code, _, err = run("check", path, "--state", "s", "--out", tmp_path / "out")
    assert (code, err) == (0, "")


def test_the_law_of_random_tables_is_told(run):
    _, out, _ = run("test", *SEASONS, "--replicates", 9, "--blocks", 2)
    text = " ".join(out.split())
    assert "same in 2 time blocks: exits from each history dealt at random" in text
    assert "same for 3 units: sequences that exchange stretches" in text
