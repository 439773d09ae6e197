"""Fits by PyMC: the mode is the count ratio, and draws by NUTS have the exact moments."""

import warnings

import numpy as np
import nutpie
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm
from bayes_markov import ConvergenceWarning, TransitionCounts
from bayes_markov.models import alpha_of, counts_of
from cases import CASES

TINY = TransitionCounts([[1, 0], [2, 1], [0, 3]], ["a", "b"])


def labelled(case):
    """Counts of a case, with its codes as labels."""
    return TransitionCounts(case.table, range(case.n_states), case.order)


def assert_same_moments(A, posterior):
    """Means and variances within five of their Monte Carlo standard errors."""
    import arviz_stats as azs

    mean, var = posterior.mean(), posterior.var()
    for series, expected in ((A, mean), ((A - mean) ** 2, var)):
        ess = azs.ess(series.values.reshape(*series.shape[:2], -1), method="mean")
        error = series.values.std(axis=(0, 1)) / np.sqrt(ess.reshape(series.shape[2:]))
        assert (error > 0).all()
        assert (np.abs(series.values.mean(axis=(0, 1)) - expected) < 5 * error).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mode_under_a_flat_prior_is_the_count_ratio(case, model_for):
    mode = bm.posterior_mode(model_for(labelled(case)))
    ratio = analytic.mle(case.table)
    visited = case.table.sum(axis=-1) > 0
    assert_allclose(mode.values[visited], ratio[visited], rtol=0, atol=1e-8)
    if case.n_states > 1:
        assert np.isnan(mode.values[~visited]).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_default_optimiser_of_pymc_comes_near_the_count_ratio(case, model_for):
    mode = bm.posterior_mode(model_for(labelled(case)), method="L-BFGS-B")
    visited = case.table.sum(axis=-1) > 0
    assert_allclose(mode.values[visited], analytic.mle(case.table)[visited], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("table", "alpha"),
    [
        ([[27, 24], [20, 21], [35, 10]], 1.0),
        ([[3, 2], [15, 1], [16, 18]], 1.0),
        ([[0, 1], [1, 1], [1, 1]], 2.0),
    ],
    ids=str,
)
def test_mode_is_exact_where_values_of_the_density_no_longer_differ(table, alpha, model_for):
    mode = bm.posterior_mode(model_for(TransitionCounts(table, ["a", "b"]), alpha=alpha))
    assert_allclose(mode, analytic.posterior_mode(table, alpha), rtol=0, atol=1e-9)


def test_mode_is_reproducible_and_options_are_those_of_the_optimiser():
    model = bm.dirichlet_model(TransitionCounts([[27, 24], [20, 21], [35, 10]], ["a", "b"]))
    mode = bm.posterior_mode(model)
    assert_array_equal(bm.posterior_mode(model), mode)
    rough = bm.posterior_mode(model, options={"gtol": 10.0})
    assert 1e-6 < np.abs(rough - mode).max() < 0.3


@pytest.mark.parametrize("alpha", [2.0, [1.5, 3.0, 1.25]], ids=["2", "uneven"])
@pytest.mark.parametrize("name", ["unvisited row", "order two"])
def test_mode_under_another_prior_is_the_closed_form(name, alpha, model_for):
    counts = labelled(next(case for case in CASES if case.name == name))
    mode = bm.posterior_mode(model_for(counts, alpha=alpha))
    possible = analytic.possible_histories(3, counts.order)
    expected = analytic.posterior_mode(counts.table, alpha)
    assert_allclose(mode.values[possible], expected[possible], rtol=0, atol=1e-8)
    assert np.isnan(mode.values[~possible]).all()


def test_mode_with_impossible_transitions(steps, steps_support, model_for):
    mode = bm.posterior_mode(model_for(steps, support=steps_support))
    visited = steps.departures > 0
    assert_allclose(mode.values[visited], analytic.mle(steps.table)[visited], rtol=0, atol=1e-8)


def test_only_state_has_all_the_probability():
    mode = bm.posterior_mode(bm.dirichlet_model(TransitionCounts([[1], [4]], ["a"])))
    assert mode.values.tolist() == [[1.0], [1.0]]
    mode = bm.posterior_mode(bm.dirichlet_model(TransitionCounts([[0], [0]], ["a"]), alpha=0.1))
    assert mode.values.tolist() == [[1.0], [1.0]]


def test_mode_has_labels():
    mode = bm.posterior_mode(bm.dirichlet_model(TransitionCounts(TINY.table, [True, False])))
    assert mode.dims == ("state", "next_state")
    assert mode["state"].values.tolist() == ["<s0>", True, False]
    assert mode.name == "A"
    assert_allclose(mode.sel(state=True, next_state=False), 1 / 3, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (0.5, r"alpha \+ count is 0.5 < 1 at index \(0, 1\), .* use the posterior mean"),
        ([[1, 1], [1, 1], [0.75, 1]], r"alpha \+ count is 0.75 < 1 at index \(2, 0\)"),
    ],
)
def test_density_without_a_maximum_has_no_mode(alpha, message):
    with pytest.raises(ValueError, match=message):
        bm.posterior_mode(bm.dirichlet_model(TINY, alpha=alpha))


def test_small_alpha_with_counts_everywhere_has_a_mode():
    counts = TransitionCounts([[1, 2], [3, 1], [4, 2]], ["a", "b"])
    mode = bm.posterior_mode(bm.dirichlet_model(counts, alpha=0.5))
    assert_allclose(mode, analytic.posterior_mode(counts.table, 0.5), rtol=0, atol=1e-8)


def test_mode_follows_the_data_that_a_model_holds_now():
    model = bm.dirichlet_model(TINY)
    table = np.array([[4.0, 1], [1, 6], [5, 0.5]])
    pm.set_data({"counts_data": table[None]}, model=model)
    assert_allclose(bm.posterior_mode(model), analytic.mle(table), rtol=0, atol=1e-8)


def test_draws_of_nutpie_have_the_exact_moments(nuts_tree, rain):
    posterior = analytic.flat(2).given(rain.pooled)
    assert_same_moments(nuts_tree.posterior["A"], posterior)


@pytest.mark.slow
def test_draws_of_pymc_have_the_exact_moments(rain, model_for):
    tree = bm.sample(model_for(rain, alpha=2.0), seed=2, sampler="pymc")
    assert_same_moments(tree.posterior["A"], analytic.DirichletRows(rain.pooled + 2.0))
    assert tree.attrs["sampler"] == "NUTS (pymc)"
    assert tree.attrs["divergences"] == 0
    assert "diverging" in tree.sample_stats


def test_new_data_and_prior_are_sampled_without_compiling(rain, nuts_tree, model_for, monkeypatch):
    def compile_again(*args, **options):
        raise AssertionError("the model was compiled a second time")

    monkeypatch.setattr(nutpie, "compile_pymc_model", compile_again)
    table = np.random.default_rng(5).integers(0, 3, size=rain.table.shape)
    other = TransitionCounts(table, rain.states, units=rain.units)
    alpha = np.array([[0.7, 2.0], [1.0, 3.5], [5.0, 1.2]])
    tree = bm.sample(model_for(other, alpha=alpha), seed=3)
    posterior = analytic.DirichletRows(alpha).given(other.pooled)
    assert_same_moments(tree.posterior["A"], posterior)
    assert tree.attrs["data_digest"] == other.digest
    assert_array_equal(tree.observed_data["counts"], table)
    assert_array_equal(tree.constant_data["alpha"], alpha)


def test_seed_fixes_the_draws(rain, model_for):
    first, again, other = (
        bm.sample(model_for(rain), seed=seed).posterior["A"].values for seed in (4, 4, 5)
    )
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({chain.tobytes() for chain in first}) == 4


def test_numbers_of_draws_and_chains(rain, model_for):
    with pytest.warns(ConvergenceWarning):
        tree = bm.sample(model_for(rain), seed=1, draws=7, chains=3, tune=20)
    for group in ("posterior", "prior", "log_likelihood", "sample_stats"):
        assert (tree[group].sizes["chain"], tree[group].sizes["draw"]) == (3, 7)
        assert tree[group]["chain"].values.tolist() == [0, 1, 2]
        assert tree[group]["draw"].values.tolist() == list(range(7))


def test_record_of_a_run(nuts_tree, rain):
    attrs = nuts_tree.attrs
    assert attrs["inference_library"] == "bayes_markov"
    assert attrs["inference_library_version"] == bm.__version__
    assert attrs["pymc_version"] == pm.__version__
    assert attrs["nutpie_version"] == nutpie.__version__
    assert attrs["sampler"] == "NUTS (nutpie)"
    assert attrs["seed"] == 11
    assert attrs["data_digest"] == rain.digest
    assert attrs["prior"] == "Dirichlet(alpha=1) on each row"
    assert attrs["order"] == 1
    assert attrs["states_order"] == "natural sort"
    assert attrs["divergences"] == 0
    assert 0.99 < attrs["rhat_max"] < 1.01
    assert attrs["ess_min"] > 400
    assert all(isinstance(value, str | int | float) for value in attrs.values())


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        (3, "R-hat and the effective sample size are undefined: there are fewer than 4 draws in"),
        (30, r"the effective sample size is \d+, below 400; increase draws"),
    ],
)
def test_too_few_draws_are_warned_of(draws, message, rain, model_for):
    with pytest.warns(ConvergenceWarning, match=message):
        bm.sample(model_for(rain), seed=1, draws=draws, chains=2, tune=50)


def test_divergences_are_warned_of(rain, model_for):
    table = np.zeros_like(rain.table)
    table[0] = [[0, 3], [2, 5], [1, 1]]
    sparse = TransitionCounts(table, rain.states, units=rain.units)
    with pytest.warns(ConvergenceWarning, match=r"\d+ transitions diverged; .* closed form"):
        tree = bm.sample(model_for(sparse, alpha=1e-3), seed=1, draws=200, tune=100)
    assert tree.attrs["divergences"] == tree.sample_stats["diverging"].sum() > 0


def test_nothing_to_sample_where_nothing_varies():
    counts = TransitionCounts([[1], [4]], ["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = bm.sample(bm.dirichlet_model(counts), seed=1, draws=5, chains=2)
    assert tree.posterior["A"].shape == (2, 5, 2, 1)
    assert (tree.posterior["A"] == 1).all()
    assert tree.attrs["sampler"] == "none: nothing varies"
    assert np.isnan(tree.attrs["rhat_max"])


SEEDS = [-1, 1.0, True, None, "1", 2**63, np.random.default_rng(1)]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: type(seed).__name__ + str(seed)[:4])
def test_seed_must_be_an_integer(seed):
    message = r"seed must be an integer from 0 to 2\*\*63 - 1, got"
    with pytest.raises(ValueError, match=message):
        bm.sample(bm.dirichlet_model(TINY), seed=seed)
    with pytest.raises(ValueError, match=message):
        bm.exact_posterior(TINY, seed=seed)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "4"], ids=repr)
@pytest.mark.parametrize("name", ["draws", "chains", "tune"])
def test_sizes_must_be_positive_integers(name, value):
    message = f"{name} must be an integer >= 1, got {value!r}"
    with pytest.raises(ValueError, match=message):
        bm.sample(bm.dirichlet_model(TINY), seed=1, **{name: value})
    if name != "tune":
        with pytest.raises(ValueError, match=message):
            bm.exact_posterior(TINY, seed=1, **{name: value})


@pytest.mark.parametrize("counts", [TINY, TransitionCounts([[1], [4]], ["a"])], ids=["2", "1"])
def test_unknown_sampler_is_refused(counts):
    with pytest.raises(ValueError, match='sampler must be "nutpie" or "pymc", got \'stan\''):
        bm.sample(bm.dirichlet_model(counts), seed=1, sampler="stan")


@pytest.mark.parametrize("model", [pm.Model(), TINY, None], ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("fit", [lambda m: bm.sample(m, seed=1), bm.posterior_mode])
def test_other_models_are_refused(fit, model):
    message = f"model must come from dirichlet_model.*; got {type(model).__name__} without A, count"
    with pytest.raises(ValueError, match=message):
        fit(model)


@pytest.mark.parametrize("fit", [lambda m: bm.sample(m, seed=1), bm.posterior_mode])
def test_new_data_off_the_support_are_refused(fit, steps, steps_support):
    model = bm.dirichlet_model(steps, support=steps_support)
    table = counts_of(model).tables.astype(np.float64)
    impossible = np.argwhere(alpha_of(model) == 0)[-1]
    table[(0, *impossible)] = 2
    pm.set_data({"counts_data": table}, model=model)
    with pytest.raises(ValueError, match=r"counts has 2 at index .*, which support marks imposs"):
        fit(model)
