"""R-hat, effective sample size and divergences: found as ArviZ finds them, and said in words."""

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr

import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.diagnostics import Convergence, convergence

TINY = TransitionCounts([[1, 0], [2, 1], [0, 3]], ["a", "b"])


def test_diagnostics_are_those_of_arviz(nuts_tree):
    A = nuts_tree.posterior["A"].values.reshape(4, 1000, 6)
    found = convergence(nuts_tree)
    assert found.quantities == 6
    assert found.divergences == 0
    assert found.rhat == max(azs.rhat(A[..., cell]) for cell in range(6))
    bulk = min(azs.ess(A[..., cell], method="bulk") for cell in range(6))
    tail = min(azs.ess(A[..., cell], method="tail", prob=(0.05, 0.95)) for cell in range(6))
    assert found.ess == min(bulk, tail)
    assert found.problems == []


def test_only_what_varies_is_diagnosed(steps, steps_support):
    tree = bm.exact_posterior(steps, support=steps_support, seed=7)
    A = tree.posterior["A"].values
    assert convergence(tree).quantities == ((A > 0) & (A < 1)).any(axis=(0, 1)).sum()
    certain = bm.exact_posterior(TransitionCounts([[1], [4]], ["a"]), seed=7)
    found = convergence(certain)
    assert found.quantities == 0
    assert np.isnan([found.rhat, found.ess]).all()
    assert found.problems == []


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        (Convergence(1.005, 500.0, 0, 6), []),
        (Convergence(1.015, 500.0, 0, 6), ["R-hat is 1.015, above 1.01"]),
        (Convergence(1.015, 500.0, 0, 101), []),
        (Convergence(1.025, 500.0, 0, 101), ["R-hat is 1.025, above 1.02"]),
        (Convergence(1.0, 399.0, 0, 6), ["the effective sample size is 399, below 400"]),
        (Convergence(1.0, 500.0, 1, 6), ["1 transitions diverged"]),
        (Convergence(np.nan, np.nan, 0, 6), ["R-hat and the effective sample size are undefined"]),
        (Convergence(np.nan, 500.0, 0, 6), ["R-hat and the effective sample size are undefined"]),
        (Convergence(1.5, 10.0, 3, 6), ["R-hat is", "the effective", "3 transitions"]),
    ],
    ids=str,
)
def test_problems_are_said_in_words(found, problems):
    assert len(found.problems) == len(problems)
    assert all(text.startswith(start) for text, start in zip(found.problems, problems, strict=True))


@pytest.mark.parametrize("draws", [1, 3])
def test_too_few_draws_are_a_problem(draws):
    found = convergence(bm.exact_posterior(TINY, seed=7, draws=draws))
    assert np.isnan([found.rhat, found.ess]).all()
    assert len(found.problems) == 1


def test_some_undefined_draws_are_a_problem():
    tree = bm.exact_posterior(TINY, seed=7)
    values = tree.posterior["A"].values.copy()
    values[1, 3, 2] = np.nan
    posterior = tree.posterior.to_dataset()
    tree["posterior"] = xr.DataTree(posterior.assign(A=(posterior["A"].dims, values)))
    assert convergence(tree).problems[0].startswith("R-hat and the effective sample size are und")
