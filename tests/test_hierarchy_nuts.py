"""Learned priors by NUTS: against integrals over a grid, and the full models against collapsed."""

import warnings

import arviz as az
import arviz_stats as azs
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import gammaln, logsumexp

import analytic
import bayes_markov as bm
from bayes_markov.hierarchy import selection
from bayes_markov.hierarchy.build import specification_of
from populations import BUILDS, levels, units_for

pytestmark = pytest.mark.slow

KINDS = ("concentration", "stickiness", "pooling", "covariate, levels")
ON_LOG_SCALE = ("strength", "concentration", "stickiness")


def grid(counts):
    """Log-posterior weights of (log strength, probability of the first state) of each row.

    Two states, one strength and one mean for each row, so that the rows are independent: an
    integral over two dimensions each. Evidence has the axes (row, unit, log strength, mean).
    """
    x = np.linspace(-9, 14, 461)
    m = (np.arange(200) + 0.5) / 200
    weight = x - np.log(2)  # logistic about the logarithm of the median, K
    prior = (-weight - 2 * np.logaddexp(0, -weight))[:, None] * np.ones_like(m)
    s = np.exp(x)[:, None]
    alpha = np.stack([s * m, s * (1 - m)])

    def rising(a, n):
        return gammaln(a + n) - gammaln(a)

    evidence = np.array(
        [
            [
                sum(rising(alpha[j], table[i, j]) for j in (0, 1)) - rising(s, table[i].sum())
                for table in counts.tables
            ]
            for i in range(3)
        ]
    )
    return x, m, prior, evidence


def within(found, expected, error, limit=5.0):
    z = np.abs(np.asarray(found) - expected) / error
    assert z.max() < limit, f"largest deviation {z.max():.1f} standard errors"


def errors(draws, method):
    """Monte Carlo standard errors of means or standard deviations, over chain and draw."""
    values = draws.transpose("chain", "draw", ...).values
    flat = values.reshape(*values.shape[:2], -1)
    return azs.mcse(flat, method=method).reshape(values.shape[2:])


def test_partial_pooling_is_the_integral_over_a_grid(learned_tree):
    counts, tree = units_for("pooling"), learned_tree("pooling")
    x, m, prior, evidence = grid(counts)
    log_weights = prior + evidence.sum(axis=1)
    weights = np.exp(log_weights - logsumexp(log_weights, axis=(1, 2), keepdims=True))
    posterior = tree["posterior"].dataset
    log_strength = np.log(posterior["strength"])
    mean = posterior["mean"].isel(next_state=0)
    for draws, values in ((log_strength, x[:, None]), (mean, m)):
        expected = (weights * values).sum(axis=(1, 2))
        sd = np.sqrt((weights * values**2).sum(axis=(1, 2)) - expected**2)
        within(draws.mean(("chain", "draw")), expected, errors(draws, "mean"))
        within(draws.std(("chain", "draw"), ddof=1), sd, errors(draws, "sd"))
    s = np.exp(x)[:, None]
    for unit, label in enumerate(counts.units):
        n = counts.tables[unit]
        a, total = s * m + n[:, :1, None], s + n.sum(axis=-1)[:, None, None]
        expected = (weights * a / total).sum(axis=(1, 2))
        square = (weights * a * (a + 1) / (total * (total + 1))).sum(axis=(1, 2))
        A = posterior["A"].sel(unit=label).isel(next_state=0)
        within(A.mean(("chain", "draw")), expected, errors(A, "mean"))
        within(A.std(("chain", "draw"), ddof=1), np.sqrt(square - expected**2), errors(A, "sd"))


@pytest.mark.parametrize("name", KINDS)
def test_full_and_collapsed_agree(name, learned_tree):
    """Means and standard deviations of everything, within 5 Monte Carlo standard errors."""
    collapsed = learned_tree(name)
    assert collapsed.attrs["rhat_max"] < 1.01
    assert collapsed.attrs["divergences"] == 0
    model = BUILDS[name](units_for(name), collapsed=False)
    with warnings.catch_warnings():
        # Hundreds of quantities: some effective sample size is small, which the errors tell.
        warnings.simplefilter("ignore", bm.ConvergenceWarning)
        full = bm.sample(model, seed=12, draws=2500, tune=1500)
    assert full.attrs["rhat_max"] < 1.02
    assert set(full.children) == set(collapsed.children)
    for group in ("posterior", "prior", "log_likelihood", "log_prior", "constant_data"):
        ours, theirs = (tree.children[group].dataset for tree in (collapsed, full))
        assert set(ours.data_vars) == set(theirs.data_vars)
        for variable in ours.data_vars:
            assert ours[variable].dims == theirs[variable].dims
    for variable, drawn in collapsed["posterior"].dataset.data_vars.items():
        pair = [drawn, full["posterior"].dataset[variable]]
        if variable in ON_LOG_SCALE:
            pair = [np.log(draws) for draws in pair]
        for method, summary in (("mean", "mean"), ("sd", "std")):
            found, expected = (getattr(draws, summary)(("chain", "draw")) for draws in pair)
            error = np.hypot(*(errors(draws, method) for draws in pair))
            within(found, expected.values, error)


@pytest.mark.parametrize("name", KINDS)
def test_tree_has_every_group_and_arviz_takes_it(name, learned_tree):
    tree = learned_tree(name)
    exact = bm.exact_posterior(units_for(name), seed=1, draws=10)
    assert set(tree.children) == {*exact.children, "sample_stats", "log_prior"}
    per_unit = name not in ("concentration", "stickiness")
    dims = ("chain", "draw", *(("unit",) if per_unit else ()), "state", "next_state")
    assert tree["posterior"]["A"].dims == dims
    assert tree["prior"]["A"].dims == dims
    assert tree["log_likelihood"]["counts"].dims == ("chain", "draw", "unit")
    prior, n_states = tree["prior"]["A"], len(tree["prior"]["next_state"])
    expected = np.full((n_states + 1, n_states), 1 / n_states)
    if name == "stickiness":
        expected[1:] = expected[1:] / 2 + np.eye(n_states) / 2
    if per_unit:  # units of a draw have a population in common
        prior = prior.mean("unit")
    se = prior.std(("chain", "draw")) / np.sqrt(prior.sizes["chain"] * prior.sizes["draw"])
    within(prior.mean(("chain", "draw")), expected, se.values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a large Pareto k is no failure here
        found = az.loo(tree)
        # The data of a unit's own matrix are summed out of the likelihood that is scaled.
        learned = [name for name in tree["posterior"].data_vars if name != "A"]
        sensitivity = az.psense_summary(tree, var_names=learned if per_unit else None)
    assert np.isfinite(found.elpd)
    assert np.isfinite(sensitivity[["prior", "likelihood"]].to_numpy(float)).all()
    assert (sensitivity["likelihood"].to_numpy(float) > 0.05).any()
    # R-hat and the effective sample size are those of what NUTS moved.
    assert tree.attrs["ess_min"] < len(tree["posterior"]["draw"]) * 4 * 1.5
    assert tree.attrs["sampler"] == "NUTS (nutpie), A exactly"


def test_pooling_is_compared_exactly(collapsed_model):
    """Full and no pooling in closed form; partial pooling within its Monte Carlo error."""
    counts, model = units_for("pooling"), collapsed_model("pooling")
    found = bm.compare_pooling(counts, alpha=0.5, seed=3, model=model)
    scores = {score.pool: score for score in found.scores}
    full = analytic.loo_units(counts.tables, 0.5)
    np.testing.assert_allclose(scores["full"].pointwise, full.pointwise, rtol=1e-10)
    np.testing.assert_allclose(scores["full"].se, full.se, rtol=1e-10)
    none = analytic.log_evidence(counts.tables, 0.5)
    np.testing.assert_allclose(scores["none"].pointwise, none, rtol=1e-10)
    assert scores["full"].mcse == scores["none"].mcse == 0
    expected = loo_by_grid(counts)
    partial = scores["partial"]
    assert 0 < partial.mcse < 0.5
    assert abs(partial.elpd - expected.sum()) < 5 * partial.mcse
    elpds = [score.elpd for score in found.scores]
    assert elpds == sorted(elpds, reverse=True)
    assert "leave-one-unit-out over 8 units" in str(found)


def loo_by_grid(counts):
    """Predictive density of each unit from the others, an integral over the population."""
    _, _, prior, evidence = grid(counts)
    result = np.empty(len(counts.tables))
    for unit in range(len(result)):
        everything = prior + evidence.sum(axis=1)
        others = everything - evidence[:, unit]
        ratio = logsumexp(everything, axis=(1, 2)) - logsumexp(others, axis=(1, 2))
        result[unit] = ratio.sum()
    return result


def test_units_that_resampling_cannot_leave_out_are_left_out_of_a_fit(collapsed_model, monkeypatch):
    counts, model = units_for("pooling"), collapsed_model("pooling")
    before = {data.name: data.get_value().copy() for data in model.data_vars}
    monkeypatch.setattr(selection, "GOOD_K", -np.inf)
    found = bm.compare_pooling(counts, seed=4, model=model)
    (partial,) = [score for score in found.scores if score.pool == "partial"]
    assert partial.method == "PSIS, 8 refitted"
    expected = loo_by_grid(counts)
    within(partial.elpd, expected.sum(), partial.mcse)
    assert np.abs(partial.pointwise - expected).max() < 5 * partial.mcse
    for data in model.data_vars:
        assert_array_equal(data.get_value(), before[data.name])


def test_prediction_for_a_unit_not_seen(learned_tree):
    """The new unit is one that left no transition: its matrix is drawn from the population."""
    tree = bm.add_new_unit(learned_tree("pooling"), seed=1)
    A, mean = tree["predictions"]["A"], tree["posterior"]["mean"]
    se = A.std(("chain", "draw")) / np.sqrt(A.sizes["chain"] * A.sizes["draw"])
    within(A.mean(("chain", "draw")), mean.mean(("chain", "draw")).values, se.values)
    assert (A.std(("chain", "draw")) > mean.std(("chain", "draw"))).all()


def test_effects_have_their_sign(learned_tree):
    """West is drawn against east where their counts differ; the truth had no effect."""
    tree = learned_tree("covariate, levels")
    effect = tree["posterior"]["effect"]
    assert effect["level"].values.tolist() == ["east", "west"]
    np.testing.assert_allclose(effect.sum("level"), 0, atol=1e-10)
    counts = units_for("covariate, levels")
    known = np.array([levels(counts)[unit] for unit in counts.units])
    pooled = {level: counts.tables[known == level].sum(axis=0) for level in ("east", "west")}
    odds = {level: np.log(t[:, 0] / t[:, 1]) for level, t in pooled.items()}
    found = effect.sel(level="west", next_state="a").mean(("chain", "draw")).values
    assert np.corrcoef(found, odds["west"] - odds["east"])[0, 1] > 0.8
    given = specification_of(BUILDS["covariate, levels"](counts))
    assert given.group.tolist() == [int(level == "west") for level in known]
