"""Independent draws from the exact posterior, labelled, without PyMC."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import analytic
import bayes_markov as bm
from bayes_markov import TransitionCounts
from bayes_markov.tree import counts_of_tree, describe, prior_rows
from cases import SMALL

COUNTS = TransitionCounts([[1, 0, 0], [2, 1, 0], [0, 3, 7], [0, 0, 0]], ["a", "b", "c"])


def uneven_alpha(shape):
    """Different in every cell."""
    return 0.6 + np.arange(np.prod(shape)).reshape(shape) % 7 / 3


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_draws_have_the_exact_moments(case):
    counts = TransitionCounts(case.table, range(case.n_states), case.order)
    alpha = uneven_alpha(case.table.shape)
    tree = bm.exact_posterior(counts, alpha=alpha, seed=5)
    for group, parameters in (("posterior", alpha + case.table), ("prior", alpha)):
        A = tree[group]["A"].values.reshape(-1, *case.table.shape)
        total = parameters.sum(axis=-1, keepdims=True)
        mean = parameters / total
        error = np.sqrt(mean * (1 - mean) / (total + 1) / len(A))
        possible = analytic.possible_histories(case.n_states, case.order)
        assert np.isnan(A[:, ~possible]).all()
        off = np.abs(A.mean(axis=0) - mean)[possible]
        assert (off <= 5 * error[possible] + 1e-12).all()


def test_each_cell_has_its_beta_distribution():
    tree = bm.exact_posterior(COUNTS, alpha=0.5, seed=5)
    a = COUNTS.table + 0.5
    b = a.sum(axis=-1, keepdims=True) - a
    draws = tree.posterior["A"].values.reshape(-1, *a.shape)
    for index in np.ndindex(a.shape):
        assert stats.kstest(draws[(..., *index)], stats.beta(a[index], b[index]).cdf).pvalue > 1e-4


def test_chains_and_prior_do_not_share_their_draws():
    empty = TransitionCounts(np.zeros((4, 3)), ["a", "b", "c"])
    tree = bm.exact_posterior(empty, seed=5, draws=500)
    posterior, prior = (tree[group]["A"].values for group in ("posterior", "prior"))
    together = np.concatenate([posterior[..., 1, 0], prior[..., 1, 0]])
    correlation = np.corrcoef(together) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(500)


def test_seed_fixes_the_draws():
    first, again, other = (bm.exact_posterior(COUNTS, seed=seed) for seed in (5, np.int64(5), 6))
    assert first.equals(again)
    assert first.attrs == again.attrs
    assert type(again.attrs["seed"]) is int
    assert not np.array_equal(first.posterior["A"], other.posterior["A"])


def test_impossible_transitions_are_zero_and_a_only_one_is_certain():
    support = [[True, True, True], [True, True, False], [False, True, True], [False, False, True]]
    tree = bm.exact_posterior(COUNTS, seed=5, support=support)
    for group in ("posterior", "prior"):
        A = tree[group]["A"].values
        assert (A[..., ~np.array(support)] == 0).all()
        assert (A[..., 3, 2] == 1).all()
    assert tree.constant_data["alpha"].values.tolist() == np.array(support, dtype=float).tolist()
    assert np.isfinite(tree.log_likelihood["counts"]).all()


def test_log_likelihood_of_each_unit():
    sequences = [["a", "a", "b"], ["b"], ["b", "a"]]
    counts = TransitionCounts.from_sequences(sequences, units=["u", "v", "w"])
    tree = bm.exact_posterior(counts, seed=5, draws=3, chains=2)
    for chain, draw, unit in np.ndindex(2, 3, 3):
        A = tree.posterior["A"].values[chain, draw]
        path = ["ab".index(label) for label in sequences[unit]]
        expected = analytic.log_probability(A, path)
        got = tree.log_likelihood["counts"].values[chain, draw, unit]
        assert_allclose(got, expected, rtol=1e-12)


def test_log_likelihood_of_data_without_units():
    tree = bm.exact_posterior(COUNTS, seed=5, draws=3, chains=2)
    got = tree.log_likelihood["counts"]
    assert got.dims == ("chain", "draw", "unit")
    assert got["unit"].values.tolist() == ["all"]
    expected = analytic.log_likelihood(tree.posterior["A"].values, COUNTS.table)
    assert_allclose(got.values[..., 0], expected, rtol=1e-12)


def test_data_are_stored_with_their_labels():
    tree = bm.exact_posterior(COUNTS, alpha=[1, 2, 3], seed=5)
    assert tree.observed_data["counts"].sel(state="b", next_state="c").item() == 7
    assert_array_equal(tree.constant_data["departures"], [1, 3, 10, 0])
    assert tree.constant_data["departures"].dims == ("state",)
    assert_array_equal(tree.constant_data["alpha"], np.tile([1.0, 2, 3], (4, 1)))
    assert counts_of_tree(tree) == COUNTS


@pytest.mark.parametrize("units", [None, ("v", "u")], ids=["no units", "units"])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("states", [("b", "a"), (10, 2), (True, False)], ids=repr)
def test_data_are_read_back_as_they_were(states, order, units):
    sequences = [[states[0], states[1], states[1]], [states[1], states[0], states[0]]]
    counts = TransitionCounts.from_sequences(sequences, states=states, order=order, units=units)
    again = counts_of_tree(bm.exact_posterior(counts, seed=5, draws=2))
    assert again == counts
    assert again.digest == counts.digest


def test_record_of_a_run():
    attrs = bm.exact_posterior(COUNTS, seed=5).attrs
    assert attrs == {
        "inference_library": "bayes_markov",
        "inference_library_version": bm.__version__,
        "prior": "Dirichlet(alpha=1) on each row",
        "seed": 5,
        "data_digest": COUNTS.digest,
        "sampler": "exact",
        "states_order": "natural sort",
        "order": 1,
    }


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (0.5, "Dirichlet(alpha=0.5) on each row"),
        ([1, 2, 4], "Dirichlet rows, alpha from 1 to 4 (see constant_data)"),
    ],
)
def test_prior_in_words(alpha, words):
    assert describe(prior_rows(COUNTS, alpha)) == words


@pytest.mark.slow
def test_pymc_is_not_imported():
    program = (
        "import sys\n"
        "for name in ('pymc', 'pytensor', 'nutpie'): sys.modules[name] = None\n"
        "import bayes_markov as bm\n"
        "counts = bm.TransitionCounts.from_table([[90, 40], [20, 50]], ['a', 'b'])\n"
        "tree = bm.exact_posterior(counts, seed=1)\n"
        "print(bm.convergence(tree).problems, bm.loo(tree, by='transition').unreliable)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[] 0\n"


@pytest.mark.parametrize("wrong", ["aab", [[1, 2], [3, 4]], None], ids=["text", "list", "None"])
def test_what_is_no_counts_is_refused(wrong):
    with pytest.raises(TypeError, match="counts must be TransitionCounts"):
        bm.exact_posterior(wrong, seed=1)


def test_without_pooling_each_unit_has_its_own_closed_form():
    tables = [[[1, 0], [4, 1], [0, 9]], [[0, 1], [0, 0], [2, 5]], [[0, 0], [0, 0], [0, 0]]]
    counts = TransitionCounts(tables, ["a", "b"], 1, ["x", "y", "z"])
    tree = bm.exact_posterior(counts, alpha=0.5, seed=3, pool="none")
    A = tree.posterior["A"]
    assert A.dims == ("chain", "draw", "unit", "state", "next_state")
    expected = (np.array(tables) + 0.5) / (np.array(tables) + 0.5).sum(-1, keepdims=True)
    error = A.std(("chain", "draw")) / np.sqrt(4000)
    assert (np.abs(A.mean(("chain", "draw")) - expected) < 5 * error).all()
    given = np.log(A.sel(unit="x", state="b", next_state="b")) * 9
    given = given + np.log(A.sel(unit="x", state="a", next_state="a")) * 4
    given = given + np.log(A.sel(unit="x", state="a", next_state="b"))
    given = given + np.log(A.sel(unit="x", state="<s0>", next_state="a"))
    np.testing.assert_allclose(tree.log_likelihood["counts"].sel(unit="x"), given, rtol=1e-12)
    assert (tree.log_likelihood["counts"].sel(unit="z") == 0).all()
    with pytest.raises(ValueError, match="needs units"):
        bm.exact_posterior(counts.from_table([[1, 2], [3, 4]], ["a", "b"]), seed=1, pool="none")


def test_a_tree_of_something_else_is_refused():
    import xarray as xr

    with pytest.raises(ValueError, match="it must be a result of sample"):
        bm.estimates(xr.DataTree())
    with pytest.raises(TypeError, match="tree must be"):
        bm.loo(3, by="unit")
