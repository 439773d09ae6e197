"""Verification of hidden chains passes what is right, and every check rejects something wrong."""

from dataclasses import replace

import numpy as np
import polars as pl
import pymc as pm
import pytest
import xarray as xr
from typer.testing import CliRunner

import analytic
import analytic.hmm as hidden
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.cli import app
from bayes_markov.hmm import verification
from bayes_markov.hmm.likelihood import LogLikelihood
from bayes_markov.hmm.likelihood_checks import (
    compile_likelihood,
    likelihood_checks,
    log_emissions,
    maximum_checks,
)
from bayes_markov.hmm.models import specification_of
from hidden_data import CHAIN, EMISSIONS, simulate

LENGTHS = (40, 25, 1, 30)
KINDS = tuple(EMISSIONS)
ROWS = ((0.7, 1.6), (2.5, 0.9), (1.2, 1.4))
"""Parameters of the prior of A, different for every cell."""


def build(kind="poisson", *, seed=1, **options):
    """Model of simulated data, and what it was made of."""
    seen = simulate(kind, LENGTHS, seed=seed).observations
    seen[0][3] = seen[1][-1] = None
    model = bm.hmm_model(seen, **({"n_states": 2, "emission": kind, "restarts": 3} | options))
    return model, specification_of(model)


def failed(checks):
    """Names of the checks that failed."""
    return {check.name for check in checks if check.passed is False}


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    """A model of each kind, with values of its parameters."""
    model, given = build(request.param, alpha=ROWS)
    values = bm.start_values(model)
    return given, values["A"], {name: values[name] for name in given.emission.dims}


@pytest.fixture(scope="module")
def poisson():
    """The same of counts alone."""
    model, given = build(alpha=ROWS)
    values = bm.start_values(model)
    return given, values["A"], {"rate": values["rate"]}


@pytest.fixture(scope="module")
def compiled():
    """A model of counts, compiled, and what it was made of."""
    model, given = build(alpha=ROWS)
    return compile_likelihood(model, given), given


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_likelihood_passes(kind):
    model, given = build(kind, alpha=ROWS)
    compiled = compile_likelihood(model, given)
    checks = [
        *likelihood_checks(compiled, given, np.random.default_rng(1)),
        *maximum_checks(compiled, given),
    ]
    assert [check.passed for check in checks] == [True] * 4, checks


@pytest.mark.slow
def test_masks_pass_too():
    support = np.array([[True, False], [True, True], [True, True]])
    known = [hidden.known_states([-1] * n, 2) for n in LENGTHS]
    known[3][4] = [False, True]
    model, given = build(support=support, possible=known)
    compiled = compile_likelihood(model, given)
    _, _, A, parameters = compiled.at(compiled.start)
    checks = [
        *likelihood_checks(compiled, given, np.random.default_rng(1)),
        *maximum_checks(compiled, given),
        *verification.enumeration_checks(given, A, parameters),
        *verification.path_checks(given, A, parameters, np.random.default_rng(1)),
    ]
    assert all(check.passed for check in checks), checks


@pytest.mark.slow
def test_a_constant_that_is_left_out_is_found(compiled):
    right, given = compiled

    def without_constant(x):
        logp, *rest = right.at(x)
        return logp + 0.01, *rest

    checks = likelihood_checks(replace(right, at=without_constant), given, np.random.default_rng(1))
    assert failed(checks) == {"log-likelihood = forward"}


@pytest.mark.slow
def test_a_wrong_gradient_is_found(monkeypatch):
    right = LogLikelihood.pullback

    def wrong(self, inputs, outputs, cotangents):
        found = right(self, inputs, outputs, cotangents)
        found[0] = 1.01 * found[0]
        return found

    monkeypatch.setattr(LogLikelihood, "pullback", wrong)
    model, given = build()
    compiled = compile_likelihood(model, given)
    checks = likelihood_checks(compiled, given, np.random.default_rng(1))
    assert failed(checks) == {"gradient = finite differences"}


@pytest.mark.slow
def test_a_maximum_of_something_else_is_found(compiled):
    right, _ = compiled
    _, other = build(seed=2, alpha=ROWS)
    checks = list(maximum_checks(right, other))
    assert failed(checks) == {"maximum = that of Baum-Welch", "Baum-Welch stays there"}


@pytest.mark.slow
def test_without_a_maximum_it_does_not_apply():
    x = [0.0, 0.0, 0.0, 5.0, 7.0, 9.0, 0.0, 0.0, 6.5, 8.0]
    model = bm.hmm_model(x, n_states=2, emission="gaussian")
    given = specification_of(model)
    checks = list(maximum_checks(compile_likelihood(model, given), given))
    assert [check.passed for check in checks] == [None]
    assert "no maximum" in checks[0].note


def test_sound_recursions_pass(made):
    given, A, parameters = made
    checks = [
        *verification.enumeration_checks(given, A, parameters),
        *verification.path_checks(given, A, parameters, np.random.default_rng(3)),
    ]
    assert [check.passed for check in checks] == [True] * 5, checks


def test_a_step_too_many_is_found(poisson, monkeypatch):
    """The first transition taken twice, as it is printed in some places."""
    given, A, parameters = poisson
    right = hidden.smooth
    moved = np.vstack([A[0] @ A[1:], A[1:]])
    monkeypatch.setattr(hidden, "smooth", lambda A, x: right(moved, x))
    checks = verification.enumeration_checks(given, A, parameters)
    assert failed(checks) == {"forward = all paths", "smoothed = all paths"}


def test_a_path_that_is_not_the_best_is_found(poisson, monkeypatch):
    given, A, parameters = poisson
    flat = np.full(A.shape, 0.5)
    right = hidden.viterbi
    monkeypatch.setattr(hidden, "viterbi", lambda A, x: right(flat, x))
    checks = verification.enumeration_checks(given, A, parameters)
    assert failed(checks) == {"Viterbi = the best of all"}


def test_filtering_in_place_of_smoothing_is_found(poisson, monkeypatch):
    given, A, parameters = poisson
    right = hidden.smooth

    def filtered(A, x):
        return right(A, x)._replace(smoothed=hidden.forward(A, x).filtered)

    monkeypatch.setattr(hidden, "smooth", filtered)
    rng = np.random.default_rng(1)
    checks = verification.path_checks(given, A, parameters, rng)
    assert failed(checks) == {"smoothed = path draws (z)"}


def test_states_drawn_one_by_one_are_found(poisson, monkeypatch):
    given, A, parameters = poisson

    def independent(A, x, *, rng, size):
        found = []
        for law in hidden.smooth(A, x).smoothed:
            found.append((rng.random((size, len(law))) > law[:, 0]).astype(np.int64))
        return found

    monkeypatch.setattr(hidden, "sample_paths", independent)
    checks = verification.path_checks(given, A, parameters, np.random.default_rng(1))
    assert failed(checks) == {"expected counts = path draws (z)"}


def gibbs(given, *, seed, draws=200, more=0.0, scale=1.0):
    """Draw from the posterior by turns: path, A, emission. Simple and slow, but exact.

    `more` is added to the prior of A, and `scale` multiplies what is drawn for the emission (of
    labels, it sets the prior): each gives the posterior of something else.
    """
    rng = np.random.default_rng(seed)
    kind, prior = given.emission.name, given.emission
    x, seen = given.data.rows, given.data.present
    rows = DirichletRows(given.prior.alpha + more)
    A_drawn = np.empty((4, draws, 3, 2))
    drawn = {}
    for index in np.ndindex(4, draws):
        if index[1] == 0:
            A, here = CHAIN, {name: getattr(EMISSIONS[kind], name) for name in prior.dims}
        for _ in range(2):
            paths = hidden.sample_paths(A, log_emissions(given, here), rng=rng)
            at, values = np.concatenate(paths)[seen], x[seen]
            visits, sums = np.bincount(at, minlength=2), np.bincount(at, values, minlength=2)
            A = rows.given(analytic.count_transitions(paths, 2)).sample(rng)
            if kind == "poisson":
                here = {"rate": scale * rng.gamma(prior.shape + sums, 1 / (prior.rate + visits))}
            elif kind == "categorical":
                counts = np.full((2, 3), 1 + 10 * (scale - 1))
                np.add.at(counts, (at, values.astype(int)), 1)
                here = {"B": DirichletRows(counts).sample(rng)}
            else:
                sd = here["sd"]
                precision = visits / sd**2 + 1 / prior.mean_sd**2
                center = (sums / sd**2 + prior.mean / prior.mean_sd**2) / precision
                mean = scale * rng.normal(center, 1 / np.sqrt(precision))
                for _ in range(3):  # Metropolis for the logarithms of the sds
                    new = sd * np.exp(rng.normal(0, 0.3, size=2))
                    gain = log_density(prior, values, at, mean, new)
                    gain -= log_density(prior, values, at, mean, sd)
                    sd = np.where(np.log(rng.random(2)) < gain, new, sd)
                here = {"mean": mean, "sd": sd}
        A_drawn[index] = A
        for name, value in here.items():
            drawn.setdefault(name, np.empty((4, draws, *value.shape)))[index] = value
    dims = {"A": ("state", "next_state"), **prior.dims}
    variables = {
        name: (("chain", "draw", *dims[name]), values)
        for name, values in ({"A": A_drawn} | drawn).items()
    }
    return xr.DataTree.from_dict({"/posterior": xr.Dataset(variables)})


def log_density(prior, x, at, mean, sd):
    """Log-density of log sd in each state, up to a constant."""
    square = np.bincount(at, (x - mean[at]) ** 2, minlength=2)
    visits = np.bincount(at, minlength=2)
    of_prior = -0.5 * ((np.log(sd) - np.log(prior.sd)) / prior.log_sd_sd) ** 2
    return of_prior - visits * np.log(sd) - 0.5 * square / sd**2


def test_the_posterior_passes(made):
    given, _, _ = made
    check = verification.posterior_check(gibbs(given, seed=4), given, np.random.default_rng(5))
    assert check.passed, check


WRONG = {
    "prior of A": {"more": 3.0},
    "emission": {"scale": 1.3},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_another_posterior_is_found(wrong, made):
    given, _, _ = made
    tree = gibbs(given, seed=4, **wrong)
    check = verification.posterior_check(tree, given, np.random.default_rng(5))
    assert check.passed is False, check


def test_rows_that_are_exchanged_are_found(poisson):
    given, _, _ = poisson
    tree = gibbs(given, seed=4)
    A = tree["posterior"]["A"]
    turned = A.values[..., [0, 2, 1], :]
    tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().assign(A=(A.dims, turned)))
    check = verification.posterior_check(tree, given, np.random.default_rng(5))
    assert check.passed is False, check


@pytest.mark.slow
def test_a_model_is_verified_by_the_common_function(monkeypatch):
    model, given = build(alpha=ROWS)
    monkeypatch.setattr(verification, "sample_hmm", lambda *_, **__: gibbs(given, seed=4))
    found = bm.verify(model, seed=3)
    assert len(found.checks) == 13
    assert found.passed, str(found)
    assert max(len(line) for line in str(found).splitlines()) <= 80

    wrong = gibbs(given, seed=4, more=3.0)
    monkeypatch.setattr(verification, "sample_hmm", lambda *_, **__: wrong)
    found = bm.verify(model, seed=3)
    assert not found.passed
    assert "posterior given the paths (z)" in failed(found.checks)


def test_what_cannot_be_verified_is_refused():
    model, _ = build()
    with pytest.raises(TypeError, match="must be TransitionCounts or a model of hmm_model, got in"):
        bm.verify(3, seed=1)
    with pytest.raises(ValueError, match="must come from hmm_model"):
        bm.verify(pm.Model(), seed=1)
    with pytest.raises(ValueError, match="alpha and support of a hidden chain are its model's"):
        bm.verify(model, alpha=2.0, seed=1)
    with pytest.raises(ValueError, match="seed must be an integer"):
        bm.verify(model, seed=-1)
    alone = bm.hmm_model(["a", "a"], n_states=1, emission="categorical")
    with pytest.raises(ValueError, match="nothing varies"):
        bm.verify(alone, seed=1)


@pytest.fixture
def file(tmp_path):
    """Counts in a file."""
    seen = simulate("poisson", (60,), seed=7).observations[0]
    path = tmp_path / "counts.csv"
    pl.DataFrame({"count": seen.astype(int)}).write_csv(path)
    return path


def command(file):
    return [
        *("hmm", "verify", str(file), "--observation", "count", "--emission", "poisson"),
        *("--n-states", "2"),
    ]


@pytest.mark.slow
def test_command_verifies(file):
    done = CliRunner().invoke(app, command(file))
    assert done.exit_code == 0, done.output
    assert "counts.csv: 60 in 1 sequence, none missing; poisson; 2 states" in done.output
    assert "verification PASSED" in done.output
    assert done.output.count("  ok") == 13
    assert max(len(line) for line in done.output.splitlines()) <= 80


def test_command_fails_with_one(file, monkeypatch):
    wrong = bm.Verification(False, (bm.Check("R-hat", 2.0, 1.01, False),))
    monkeypatch.setattr(verification, "verify_hidden", lambda *_, **__: wrong)
    done = CliRunner().invoke(app, command(file))
    assert done.exit_code == 1
    assert "verification FAILED" in done.output


def test_command_refuses_more_states_than_observations(file):
    done = CliRunner().invoke(app, [*command(file)[:-1], "61"])
    assert isinstance(done.exception, ValueError)
    assert "more than the 60 observations" in str(done.exception)
