import numpy as np
import pytest

import bayes_markov as bm
from bayes_markov.study.tables import coverage_table, risk_table, with_error

A = [[0.6, 0.4], [0.9, 0.1], [0.35, 0.65]]
B = [[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.012345, 0.00045, "0.01235(45)"),
        (0.5, 0.0996, "0.50(10)"),
        (1234.5, 12.0, "1.23e+03(1e+01)"),
        (0.25, np.nan, "0.2500"),
        (0.25, 0.0, "0.2500"),
        (0.25, 1e-18, "0.2500"),
        (np.inf, np.nan, "inf"),
        (np.nan, 0.1, "-"),
    ],
)
def test_a_number_with_its_error(value, error, text):
    assert with_error(value, error) == text


def rows(text, title):
    """Numbers under a title, by name."""
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith(title))
    found = {}
    for line in lines[first + 2 :]:
        if not line:
            break
        name, *cells = line.split()
        found[name] = [float(cell.split("(")[0]) if cell != "-" else np.nan for cell in cells]
    return found


@pytest.fixture(scope="module")
def coverage():
    return bm.coverage_study(
        A, lengths=[4, 60], intervals=["wald", "wilson"], prob=0.9, replicates=400, seed=1
    )


def test_risks_and_what_is_not_in_them():
    study = bm.risk_study(A, lengths=[4, 60], estimators=["mle", "laplace"], replicates=400, seed=1)
    text = risk_table(study)
    assert max(map(len, text.splitlines())) <= 80
    shown = rows(text, "risk: kl")["laplace"]
    np.testing.assert_allclose(
        shown, study["risk"].sel(estimator="laplace", loss="kl"), rtol=0, atol=5e-4
    )
    infinite = rows(text, "share of the paths where it is infinite")
    assert set(infinite) == {"mle"}
    expected = study["infinite"].sel(estimator="mle", loss="kl")
    np.testing.assert_allclose(infinite["mle"], expected, rtol=0, atol=5e-5)
    assert "undefined" in text
    with pytest.raises(ValueError, match="no loss 'lk'; choose from squared_error"):
        risk_table(study, loss="lk")


def test_the_largest_risk_over_several_truths():
    study = bm.risk_study([A, B], lengths=[30], estimators=["perks"], replicates=400, seed=1)
    shown = rows(risk_table(study), "largest risk over the truths: kl")["perks"]
    np.testing.assert_allclose(
        shown, study["risk"].sel(loss="kl").max("truth")[0], rtol=0, atol=5e-4
    )


def test_lowest_coverages_leave_the_start_out(coverage):
    text = coverage_table(coverage)
    assert max(map(len, text.splitlines())) <= 80
    states = coverage.isel(state=slice(1, None))
    for title, name, over in (
        ("lowest coverage of a transition, nominal 90 %", "coverage", ("state", "next_state")),
        ("lowest coverage of a whole row", "joint_coverage", ("state",)),
    ):
        shown = rows(text, title)
        for rule in ("wald", "wilson"):
            expected = states[name].sel(interval=rule).min(over)
            np.testing.assert_allclose(shown[rule], expected, rtol=0, atol=5e-3)
    width = states["width"].mean(("state", "next_state"))
    shown = rows(text, "mean width")
    np.testing.assert_allclose(shown["wald"], width.sel(interval="wald"), rtol=0, atol=5e-3)
    undefined = rows(text, "largest share")["wald"]
    np.testing.assert_allclose(
        undefined, states["undefined"].sel(interval="wald").max(("state", "next_state")), atol=5e-5
    )


def test_many_lengths_go_into_blocks():
    study = bm.risk_study(A, lengths=range(2, 9), estimators=["laplace"], replicates=50, seed=1)
    lines = risk_table(study).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["length", "laplace", "6", "laplace"]
    assert max(map(len, lines)) <= 80
