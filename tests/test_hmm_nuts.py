"""Hidden chains sampled by NUTS, and its posterior calibrated by simulation."""

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

import analytic
import analytic.hmm as hidden
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.calibration import LEVEL, RANKED_DRAWS, pit, uniformity
from bayes_markov.hmm.models import specification_of
from bayes_markov.hmm.relabelling import ascending, relabel
from bayes_markov.nuts import compiled
from hidden_data import simulate

PRIOR = bm.PoissonPrior(shape=2.0, rate=0.4)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    """Twenty-five short sequences, one observation missing; compiled once for this file."""
    seen = simulate("poisson", [12] * 24 + [1], seed=6).observations
    seen[2][4] = np.nan
    return bm.hmm_model(seen, n_states=2, emission=PRIOR)


@pytest.fixture(scope="module")
def tree(model):
    return bm.sample_hmm(model, seed=3)


def test_posterior_is_where_the_likelihood_is(tree):
    assert tree.attrs["order_by"] == "rate"
    assert tree.attrs["rhat_max"] < 1.01
    assert tree.attrs["ess_min"] > 400
    assert tree["posterior"]["A"].sizes == {"chain": 4, "draw": 1000, "state": 3, "next_state": 2}
    assert (np.diff(tree["posterior"]["rate"].values) > 0).all()
    assert "divergence_message" not in tree["sample_stats"]
    assert_allclose(tree["posterior"]["A"].sum("next_state"), 1, rtol=1e-12)
    for name, truth in {"rate": [1.5, 9.0]}.items():
        draws = tree["posterior"][name]
        distance = (draws.mean(("chain", "draw")) - truth) / draws.std(("chain", "draw"))
        assert np.abs(distance).max() < 4


def test_log_likelihood_is_also_that_of_pymc(model, tree):
    short = tree.isel(draw=slice(0, 5), missing_dims="ignore")
    bare = xr.DataTree.from_dict({"/posterior": short["posterior"].to_dataset()})
    pm.compute_log_likelihood(bare, model=model, progressbar=False)
    found = bare["log_likelihood"]["observations"].values
    assert_allclose(found, short["log_likelihood"]["observations"].values, rtol=1e-11)


def test_leave_one_sequence_out_chooses_two_states(tree):
    found = az.loo(tree)
    assert found.n_data_points == 25
    assert found.elpd < tree.attrs["max_log_likelihood"]
    assert (found.pareto_k < 0.7).mean() > 0.9


def within_error(draws, mean, sd):
    """Compare mean and standard deviation of draws with exact ones, in Monte Carlo errors."""
    for method, exact in {"mean": mean, "sd": sd}.items():
        found = draws.mean(("chain", "draw")) if method == "mean" else draws.std(("chain", "draw"))
        error = az.mcse(draws, method=method)
        assert (np.abs((found - exact) / error) < 5).all(), (method, found.values, exact)


def test_one_state_has_the_conjugate_posterior_and_is_not_preferred(model, tree):
    data = specification_of(model).data
    one = bm.sample_hmm(bm.hmm_model(data, n_states=1, emission=PRIOR), seed=5)
    x = data.rows[data.present]
    exact = stats.gamma(PRIOR.shape + x.sum(), scale=1 / (PRIOR.rate + x.size))
    within_error(one["posterior"]["rate"], exact.mean(), exact.std())
    assert (one["posterior"]["A"] == 1).all()
    table = az.compare({"one": one, "two": tree}, round_to="none")
    assert list(table.index) == ["two", "one"]
    assert table["elpd_diff"]["one"] < -4 * table["dse"]["one"]


def test_known_states_have_the_conjugate_posterior():
    simulated = simulate("poisson", [12] * 10, seed=9)
    known = [hidden.known_states(path, 2) for path in simulated.paths]
    model = bm.hmm_model(simulated.observations, n_states=2, emission=PRIOR, possible=known)
    tree = bm.sample_hmm(model, seed=6)
    assert tree.attrs["order_by"] == "nothing"
    counts = analytic.count_transitions(simulated.paths, 2)
    posterior = DirichletRows(np.ones((3, 2))).given(counts)
    within_error(tree["posterior"]["A"], posterior.mean(), np.sqrt(posterior.var()))
    x, z = np.concatenate(simulated.observations), np.concatenate(simulated.paths)
    total, visits = np.bincount(z, x), np.bincount(z)
    exact = stats.gamma(PRIOR.shape + total, scale=1 / (PRIOR.rate + visits))
    within_error(tree["posterior"]["rate"], exact.mean(), exact.std())


def test_pymc_itself_samples_the_same_posterior(model, tree):
    other = bm.sample_hmm(model, seed=4, sampler="pymc", draws=600, tune=300, chains=2)
    for name in ("A", "rate"):
        mean, sd = (getattr(tree["posterior"][name], f)(("chain", "draw")) for f in ("mean", "std"))
        assert np.abs((other["posterior"][name].mean(("chain", "draw")) - mean) / sd).max() < 0.35
    assert other.attrs["sampler"] == "NUTS (pymc)"


def test_saved_and_loaded(tree, tmp_path):
    bm.save(tree, tmp_path / "tree.nc")
    back = bm.load(tmp_path / "tree.nc")
    for name in tree.children:
        xr.testing.assert_equal(back[name].to_dataset(), tree[name].to_dataset())


def test_requests_are_checked(model):
    for options, message in {
        "sampler": ({"sampler": "gibbs"}, 'sampler must be "nutpie" or "pymc"'),
        "draws": ({"draws": 0}, "draws must be an integer >= 1"),
        "order": ({"order_by": "mean"}, "order_by must be one of rate, got 'mean'"),
        "memory": ({"draws": 10**9}, "too much to hold"),
    }.values():
        with pytest.raises(ValueError, match=message):
            bm.sample_hmm(model, **({"seed": 1} | options))
    with pytest.raises(ValueError, match="must come from hmm_model"):
        bm.sample_hmm(pm.Model(), seed=1)


REPLICATES = 100


def ranks(posterior, number, length):
    """Ranks of a truth drawn from the prior among the draws of its posterior."""
    rng = np.random.default_rng([8, number])
    prior = DirichletRows(np.ones((3, 2)))
    A, rate = prior.sample(rng), PRIOR.sample(rng, (), 2)["rate"]
    path = analytic.simulate(A, length, rng=rng)
    x = hidden.Poisson(rate).sample(rng, path).astype(float)
    draws_A, draws_rate = posterior(x, number)
    A, moved = relabel(A, {"rate": rate}, ascending(rate))
    draws_A, draws = relabel(draws_A, {"rate": draws_rate}, ascending(draws_rate))
    lik = [
        hidden.log_likelihood(a, hidden.log_emission(hidden.Poisson(r), x))
        for a, r in zip([A, *draws_A], [moved["rate"], *draws["rate"]], strict=True)
    ]
    return {
        "A": pit(draws_A, A, rng),
        "rate": pit(draws["rate"], moved["rate"], rng),
        "log_likelihood": pit(np.array(lik[1:]), np.array(lik[0]), rng),
    }


def p_values(posterior, length):
    found = [ranks(posterior, number, length) for number in range(REPLICATES)]
    dims = {"A": ("state", "next_state"), "rate": ("hidden_state",), "log_likelihood": ()}
    return uniformity(
        xr.Dataset(
            {
                name: (("chain", "draw", *dims[name]), np.array([one[name] for one in found])[None])
                for name in dims
            }
        ).assign_coords({"state": range(3), "next_state": range(2), "hidden_state": range(2)})
    )


def test_posterior_is_calibrated(model):
    length = 20
    rest = {"present": np.ones(length), "sequence_data": np.zeros(length)}

    def nuts(x, number):
        fed = compiled(model).with_data(observations_data=x, **rest)
        drawn = nutpie.sample(
            fed, draws=125, tune=300, chains=4, seed=number, progress_bar=False, save_warmup=False
        )["posterior"]
        thinned = [drawn[name].values[:, ::5] for name in ("A", "rate")]
        return [values.reshape(-1, *values.shape[2:])[:RANKED_DRAWS] for values in thinned]

    found = p_values(nuts, length)
    assert len(found) == 9
    assert min(found.values()) >= LEVEL / len(found), found


def test_prior_in_place_of_the_posterior_is_found_out():
    def prior(x, number):
        rng = np.random.default_rng([9, number])
        A = DirichletRows(np.ones((3, 2))).sample(rng, RANKED_DRAWS)
        return A, PRIOR.sample(rng, (RANKED_DRAWS,), 2)["rate"]

    found = p_values(prior, 20)
    assert found["log_likelihood"] < LEVEL / len(found)
