"""The command that compares estimators, with data and without."""

import csv

import numpy as np
import pytest
import xarray as xr

import bayes_markov as bm

SEATTLE = str(bm.example_file("seattle_weather.csv"))
MATRIX = "state,wet,dry\n<s0>,0.5,0.5\nwet,0.8,0.2\ndry,0.4,0.6\n"
SHORT = ("--lengths", "5,40", "--replicates", "300", "--workers", "1")


@pytest.fixture
def matrix(tmp_path):
    path = tmp_path / "matrix.csv"
    path.write_text(MATRIX)
    return path


def test_a_study_prints_tables_and_writes_numbers_and_pictures(run, matrix, tmp_path):
    out = tmp_path / "out"
    code, printed, err = run("compare", "--truth", matrix, *SHORT, "--out", out)
    assert (code, err) == (0, "")
    pictures = {"risk.png", "coverage.png", "coverage_by_departures.png", "widths.png"}
    assert {path.name for path in out.iterdir()} == {"results.nc", *pictures}
    lines = printed.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert "2 states; 300 paths of each length; seed 1" in lines[0]
    with xr.open_datatree(out / "results.nc", engine="h5netcdf") as tree:
        risk, coverage = tree["risk"].load(), tree["coverage"].load()
    A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    expected = bm.risk_study(A, lengths=[5, 40], replicates=300, seed=1, states=["wet", "dry"])
    xr.testing.assert_identical(risk["risk"], expected["risk"])
    assert list(risk["state"].values) == ["<s0>", "wet", "dry"]
    assert coverage["coverage"].sel(interval="wilson", length=40).notnull().all()
    value = risk["risk"].sel(estimator="laplace", loss="kl", length=40).item()
    row = next(line.split() for line in lines if line.startswith("laplace"))
    assert float(row[2].split("(")[0]) == pytest.approx(value, abs=5e-5)


def test_an_interrupted_study_goes_on(run, matrix, tmp_path, monkeypatch):
    import bayes_markov.study.studies as study

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(study, "coverage_study", stop)
        code, _, err = run("compare", "--truth", matrix, *SHORT, "--out", tmp_path / "out")
    assert (code, err) == (130, "bayes-markov: interrupted\n")
    kept = tmp_path / "out" / "unfinished-risk"
    assert any(kept.glob("cell-*"))
    code, _, err = run("compare", "--truth", matrix, *SHORT, "--seed", 2, "--out", tmp_path / "out")
    assert code == 2
    assert "another study" in err
    code, _, _ = run("compare", "--truth", matrix, *SHORT, "--out", tmp_path / "out")
    assert code == 0
    assert not kept.exists()


def test_some_estimators_and_intervals(run, matrix):
    args = ("--estimators", "mle,perks", "--intervals", "wald", "--loss", "squared_error")
    code, printed, _ = run("compare", "--truth", matrix, *SHORT, *args)
    assert code == 0
    assert "risk: squared_error" in printed
    assert "laplace" not in printed
    assert "wilson" not in printed


def test_the_weather_of_seattle_as_truth():
    from bayes_markov.cli.compare import seattle

    A, states = seattle()
    assert states == ["drizzle", "fog", "rain", "snow", "sun"]
    assert np.shape(A) == (6, 5)
    assert A[0] == [1, 0, 0, 0, 0]
    assert A[5][0] == pytest.approx(19 / 713)


def test_numbers_of_a_matrix_that_are_none(run, tmp_path):
    path = tmp_path / "matrix.csv"
    path.write_text(MATRIX.replace("0.8", "x"))
    code, _, err = run("compare", "--truth", path, *SHORT)
    assert code == 2
    assert "no number somewhere in line 'wet'" in err
    path.write_text(MATRIX.replace("0.8", "0.7"))
    code, _, err = run("compare", "--truth", path, *SHORT, "--out", tmp_path / "new")
    assert code == 2
    assert "in line 'wet' no probabilities that sum to one" in err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--truth", "seattle", "--order", "2"), "--order is an option for data"),
        (("--truth", "seattle", "--missing", "break"), "--missing is an option for data"),
        ((SEATTLE, "--state", "weather", "--prob", "7"), "--prob is an option for --truth"),
        (
            (SEATTLE, "--state", "weather", "--order", "2", "--estimators", "mle,reversible"),
            "'reversible' is about order 1",
        ),
    ],
)
def test_options_of_the_other_way_are_refused(run, args, said):
    code, _, err = run("compare", *args)
    assert code == 2
    assert said in err


def test_estimators_are_ranked_on_data(run, tmp_path):
    code, out, err = run(
        "compare", SEATTLE, "--state", "weather", "--time", "date", "--out", tmp_path
    )
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines()[:-1])) <= 80
    rows = list(csv.DictReader((tmp_path / "ranking.csv").read_text().splitlines()))
    counts = bm.count_transitions(bm.files.read(SEATTLE), state="weather", time="date")
    best = bm.rank_estimators(counts).transitions[0]
    assert rows[0]["left_out"] == "transition"
    assert rows[0]["estimator"] == best.estimator
    assert float(rows[0]["elpd"]) == best.elpd
    assert out.splitlines()[5].startswith(best.estimator)
