"""A matrix for each unit on the command line."""

import csv

import numpy as np
import pytest

import bayes_markov as bm

SEATTLE = str(bm.example_file("seattle_weather.csv"))
STORMS = str(bm.example_file("atlantic_storms.csv"))
BY_STORM = ("fit", STORMS, "--state", "status", "--time", "time", "--unit", "storm")
BY_SEASON = (*BY_STORM[:-1], "season", "--sequence", "storm")


def test_units_without_pooling_are_estimated_apart(run, tmp_path):
    code, out, err = run(*BY_SEASON, "--pool", "none", "--out", tmp_path)
    assert (code, err) == (0, "")
    seasons = [line.split()[1] for line in out.splitlines() if line.startswith("unit ")]
    assert seasons == ["2012", "2013", "2014"]
    rows = list(csv.DictReader((tmp_path / "units.csv").read_text().splitlines()))
    whole = bm.load(tmp_path / "posterior.nc")
    one = bm.estimates(bm.select_unit(whole, "2013"))
    written = [row for row in rows if row["unit"] == "2013"]
    assert [float(row["mean"]) for row in written] == [line.mean for line in one]
    assert sum(int(row["count"]) for row in rows) == 768
    assert max(map(len, out.splitlines()[1:-1])) <= 80


def test_many_units_are_not_all_printed(run):
    code, out, _ = run(*BY_STORM, "--pool", "none")
    assert code == 0
    assert "38 units with 12 probabilities each are too many to print" in out
    assert len(out.splitlines()) < 10


MISTAKES = {
    "no units": (("fit", SEATTLE, "--state", "weather", "--pool", "partial"), "--unit"),
    "alpha": ((*BY_STORM, "--pool", "partial", "--alpha", "0.5"), "the prior is learned"),
    "exact": ((*BY_STORM, "--pool", "partial", "--sampler", "exact"), "no closed form"),
    "order": ((*BY_STORM, "--pool", "partial", "--order", "2"), "order 0 and 1"),
    "unknown": ((*BY_STORM, "--pool", "half"), "half"),
}


@pytest.mark.parametrize("args, said", MISTAKES.values(), ids=MISTAKES)
def test_what_does_not_go_together_is_refused(run, args, said):
    code, out, err = run(*args)
    assert code == 2
    assert said in err
    assert "Traceback" not in out + err


@pytest.mark.slow
def test_partial_pooling_tells_what_it_learned(run, tmp_path):
    code, out, err = run(*BY_STORM, "--pool", "partial", "--out", tmp_path)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines()[1:-1])) <= 80
    table = [line.split() for line in out.splitlines()]
    ranks = [words[0] for words in table if words and words[0] in ("full", "partial", "none")]
    assert ranks == ["full", "partial", "none"]  # the storms are much alike
    tree = bm.load(tmp_path / "posterior.nc")
    assert tree.posterior["A"].sizes["unit"] == 38
    rows = list(csv.DictReader((tmp_path / "units.csv").read_text().splitlines()))
    for row in rows[::97]:
        draws = tree.posterior["A"].sel(
            unit=row["unit"], state=row["state"], next_state=row["next_state"]
        )
        np.testing.assert_allclose(float(row["mean"]), draws.mean().item(), rtol=1e-12)
    assert (tmp_path / "shrinkage.png").read_bytes().startswith(b"\x89PNG")
