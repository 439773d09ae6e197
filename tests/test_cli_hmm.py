"""The command line for hidden chains."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

import analytic.hmm as hidden
from bayes_markov.cli import app
from hidden_data import simulate

RUN = CliRunner()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Counts of three sites, one of them missing, rows shuffled."""
    seen = simulate("poisson", (30, 20, 25), seed=7).observations
    rows = [
        {"site": f"site {n}", "day": day, "count": str(int(x))}
        for n, values in enumerate(seen)
        for day, x in enumerate(values, start=1)
    ]
    rows[4]["count"] = ""
    path = tmp_path_factory.mktemp("hidden") / "counts.csv"
    frame = pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=1)
    frame.with_columns(frame["count"].replace("", None)).write_csv(path)
    return path


def options(file, *more):
    return [
        *("hmm", more[0], str(file), "--observation", "count", "--emission", "poisson"),
        *("--unit", "site", "--time", "day", *more[1:]),
    ]


def test_fit_compares_and_estimates(file, tmp_path):
    done = RUN.invoke(app, options(file, "fit", "--n-states", "1,2,3", "--out", str(tmp_path)))
    assert done.exit_code == 0, done.output
    assert "counts.csv: 75 in 3 sequences, 1 missing; poisson" in done.output
    assert "chosen by BIC: 2 states" in done.output
    seen = [values.copy() for values in simulate("poisson", (30, 20, 25), seed=7).observations]
    seen[0][4] = np.nan
    best = hidden.baum_welch(seen, emission=hidden.Poisson([1.0, 9.0]), tolerance=1e-9)
    assert f"{best.log_likelihood:.3f}" in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"estimates.csv", "states.csv"}
    with (tmp_path / "estimates.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["parameter"] for row in rows] == ["rate"] * 2 + ["A"] * 6
    assert_allclose(
        [float(row["maximum_likelihood"]) for row in rows[:2]], best.emission.rate, rtol=1e-3
    )
    assert rows[0]["mean"] == ""
    assert (rows[2]["state"], rows[2]["to"]) == ("<s0>", "s1")


def test_decode_writes_states_and_probabilities(file, tmp_path):
    out = tmp_path / "states.csv"
    done = RUN.invoke(app, options(file, "decode", "--n-states", "2", "--out", str(out)))
    assert done.exit_code == 0, done.output
    table = pl.read_csv(out)
    assert table.height == 75
    assert table["sequence"].unique(maintain_order=True).to_list() == ["site 0", "site 1", "site 2"]
    assert table["time"].to_list() == [*range(1, 31), *range(1, 21), *range(1, 26)]
    assert table["observation"][4] is None
    assert_allclose(table["P(s1)"] + table["P(s2)"], 1)
    paths = np.concatenate(simulate("poisson", (30, 20, 25), seed=7).paths)
    found = np.array([int(state[1]) - 1 for state in table["viterbi"]])
    assert (found == paths).mean() > 0.9
    assert (table["state"] == table["viterbi"]).mean() > 0.9
    printed = RUN.invoke(app, options(file, "decode", "--n-states", "2"))
    assert printed.output == out.read_text()


def test_labels_are_observations_too(tmp_path):
    seen = simulate("categorical", (60,), seed=8).observations[0]
    file = tmp_path / "sky.csv"
    pl.DataFrame({"sky": seen}).write_csv(file)
    arguments = [str(file), "--observation", "sky", "--emission", "categorical"]
    done = RUN.invoke(app, ["hmm", "fit", *arguments, "--n-states", "2"])
    assert done.exit_code == 0, done.output
    assert "chosen by BIC: 2 states" in done.output
    assert "fog" in done.output


BAD = {
    "numbers": (["fit", "--n-states", "2,x"], "--n-states must be integers >= 1 with commas"),
    "zero": (["fit", "--n-states", "0"], "--n-states must be integers >= 1"),
    "prob": (["fit", "--prob", "2"], "prob must lie strictly between 0 and 1"),
    "folder": (["decode", "--n-states", "2", "--out", "/nowhere/x.csv"], "does not exist"),
    "column": (["fit", "--sequence", "town"], "town"),
    "twice": (["fit", "--n-states", "2,2"], "n_states names 2 twice"),
    "too many": (["decode", "--n-states", "99"], "more than the 74 observations"),
    "role": (["fit", "--sequence", "count"], "a column has one role"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_mistakes_are_one_error(arguments, message, file):
    done = RUN.invoke(app, options(file, *arguments))
    assert done.exit_code != 0
    assert isinstance(done.exception, ValueError | OSError)
    assert message in str(done.exception)


def test_observations_are_not_overwritten(file, tmp_path):
    before = file.read_bytes()
    with pytest.raises(ValueError, match="is the file of the observations"):
        command = options(file, "decode", "--n-states", "2", "--out", str(file))
        RUN.invoke(app, command, catch_exceptions=False)
    assert file.read_bytes() == before
    with pytest.raises(IsADirectoryError, match="is a folder; name a file in it"):
        command = options(file, "decode", "--n-states", "2", "--out", str(tmp_path))
        RUN.invoke(app, command, catch_exceptions=False)


@pytest.mark.parametrize("more", [["--n-states", "9"], ["--emission", "poisson"]])
def test_a_refused_fit_leaves_no_folder(more, tmp_path):
    file, out = tmp_path / "x.csv", tmp_path / "out"
    file.write_text("x\n1\n2.5\n3\n")
    command = ["hmm", "fit", str(file), "--observation", "x", "--emission", "gaussian", *more]
    done = RUN.invoke(app, [*command, "--out", str(out)])
    assert isinstance(done.exception, ValueError)
    assert not out.exists()


def test_text_is_no_count(tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("x\n1\nmany\n")
    command = ["hmm", "fit", str(file), "--observation", "x", "--emission", "poisson"]
    done = RUN.invoke(app, command)
    assert str(done.exception) == "column 'x' holds 'many' in row 2, which is no number"


@pytest.mark.slow
def test_posterior_and_pictures(file, tmp_path):
    command = options(file, "fit", "--n-states", "2", "--sample", "--out", str(tmp_path))
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "bayes_markov", *command], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "the chains agree: R-hat 1.0" in done.stdout
    names = {"estimates.csv", "states.csv", "posterior.nc", "emissions.png", "states.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    rows = pl.read_csv(tmp_path / "estimates.csv")
    rates = rows.filter(pl.col("parameter") == "rate")
    assert ((rates["low"] < rates["mean"]) & (rates["mean"] < rates["high"])).all()
    assert (rates["rhat"] < 1.01).all()


def test_times_without_a_row_are_unobserved(tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text("day,count\n2024-01-01,0\n2024-01-02,9\n2024-01-05,8\n2024-01-06,1\n")
    args = ["hmm", "decode", str(path), "--observation", "count", "--emission", "poisson"]
    args += ["--n-states", "2", "--time", "day"]
    assert len(RUN.invoke(app, args).output.splitlines()) == 5
    done = RUN.invoke(app, [*args, "--step", "1d"])
    assert done.exit_code == 0, done.output
    assert [line.split(",")[2] for line in done.output.splitlines()[1:]] == [
        *("0.0", "9.0", "", "", "8.0", "1.0")
    ]
