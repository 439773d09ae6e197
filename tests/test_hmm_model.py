"""The PyMC model of a hidden chain: its density, its mode, and what it refuses."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytensor.compile.mode import Mode
from scipy import stats

import analytic
import analytic.hmm as hidden
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.hmm.models import specification_of
from hidden_data import CHAIN, EMISSIONS, LABELS, codes_of, simulate

PLAIN = Mode(linker="py", optimizer="fast_compile")
LENGTHS = (40, 25, 1, 30, 18, 22)


def with_gaps(kind, seed=1):
    """Ragged sequences, some of whose observations are missing."""
    seen = simulate(kind, LENGTHS, seed=seed).observations
    seen[0][3] = seen[1][-1] = seen[4][0] = None
    return seen


def codes(kind, seen):
    if kind == "categorical":
        return [codes_of(labels) for labels in seen]
    return [np.array(values, dtype=float) for values in seen]


def build(kind, seen=None, **options):
    """Model of the simulated data, its chains to start at the truth."""
    seen = with_gaps(kind) if seen is None else seen
    options = {"n_states": 2, "emission": kind, "restarts": 3} | options
    return bm.hmm_model(seen, **options)


def parameters_of(kind):
    emission = EMISSIONS[kind]
    names = {"poisson": ["rate"], "gaussian": ["mean", "sd"], "categorical": ["B"]}[kind]
    return {name: getattr(emission, name) for name in names}


def log_prior(kind, prior, parameters):
    """Log-density of the prior on the emission, by SciPy."""
    if kind == "poisson":
        return stats.gamma.logpdf(parameters["rate"], prior.shape, scale=1 / prior.rate).sum()
    if kind == "gaussian":
        means = stats.norm.logpdf(parameters["mean"], prior.mean, prior.mean_sd)
        sds = stats.lognorm.logpdf(parameters["sd"], prior.log_sd_sd, scale=prior.sd)
        return means.sum() + sds.sum()
    return sum(stats.dirichlet.logpdf(row, prior.alpha) for row in parameters["B"])


@pytest.mark.parametrize("kind", EMISSIONS)
def test_density_is_prior_times_likelihood(kind):
    alpha = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, 1.5]])
    model = build(kind, alpha=alpha)
    given = parameters_of(kind)
    seen = codes(kind, with_gaps(kind))
    log_emission = hidden.log_emission(EMISSIONS[kind], seen)
    per_sequence = hidden.log_likelihood(CHAIN, log_emission)

    point = {}
    for rv in model.free_RVs:
        value = model.rvs_to_values[rv]
        transform = model.rvs_to_transforms[rv]
        x = CHAIN if rv.name == "A" else given[rv.name]
        moved = pt.as_tensor(x)
        if transform is not None:
            moved = transform.forward(moved, *rv.owner.inputs)
        point[value.name] = moved.eval(mode=PLAIN)
    terms = [model.logp(vars=[model["observations"]], sum=False)[0]]
    terms.append(model.logp(jacobian=False))
    f = model.compile_fn(terms, inputs=model.value_vars, mode=PLAIN, point_fn=True)
    found, total = f(point)
    assert_allclose(found, per_sequence, rtol=1e-12)
    prior = specification_of(model).emission
    expected = (
        per_sequence.sum()
        + DirichletRows(alpha).log_pdf(CHAIN).sum()
        + log_prior(kind, prior, given)
    )
    assert_allclose(total, expected, rtol=1e-12)


WIDE = {
    "poisson": bm.PoissonPrior(shape=1.0, rate=1e-12),
    "gaussian": bm.GaussianPrior(mean=0.0, mean_sd=1e7, sd=1.0, log_sd_sd=1e7),
    "categorical": bm.CategoricalPrior(3),
}
"""Priors without any say."""


@pytest.mark.parametrize("kind", EMISSIONS)
def test_mode_under_flat_priors_is_the_fixed_point_of_baum_welch(kind):
    seen = with_gaps(kind, seed=2)
    start = hidden.baum_welch(
        codes(kind, seen),
        emission=EMISSIONS[kind],
        A=CHAIN,
        tolerance=0.0,
        max_iter=5,
    )
    limit = hidden.baum_welch(
        codes(kind, seen), emission=start.emission, A=start.A, tolerance=1e-13, max_iter=20_000
    )
    model = build(kind, seen, emission=WIDE[kind], start=start)
    if kind == "gaussian":
        with model:  # the flat law of log sd is 1 / sd in sd
            pm.Potential("flat", pt.log(model["sd"]).sum())
    found = pm.find_MAP(
        "L-BFGS-B",
        model=model,
        initvals=bm.start_values(model),
        jitter=False,
        progressbar=False,
        return_inferencedata=True,
        compile_kwargs={"mode": PLAIN},
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    mode = found["posterior"].dataset.isel(chain=0, draw=0)
    A = mode["A"].values
    parameters = {name: mode[name].values for name in parameters_of(kind)}
    emission = type(EMISSIONS[kind])(*parameters.values())
    reached = hidden.log_likelihood(A, hidden.log_emission(emission, codes(kind, seen))).sum()
    assert limit.convergence.converged
    assert_allclose(reached, limit.log_likelihood, rtol=1e-8)
    assert_allclose(A, limit.A, rtol=0, atol=1e-4)
    for name, values in parameters.items():
        assert_allclose(values, getattr(limit.emission, name), rtol=0, atol=1e-4)


def test_known_paths_make_it_the_observed_chain():
    paths = simulate("poisson", LENGTHS, seed=3).paths
    counts = analytic.count_transitions(paths, 2)
    nothing = [np.full(len(path), np.nan) for path in paths]
    nothing[0][0] = 4.0  # something must be seen: it says the same in both states
    known = [hidden.known_states(path, 2) for path in paths]
    same = hidden.Poisson([2.0, 2.0])
    found = hidden.baum_welch(nothing, emission=same, possible=known)
    assert_array_equal(found.expected_counts, counts)
    assert_array_equal(found.A, analytic.mle(counts))

    model = build("poisson", nothing, possible=known, start=found)
    assert_array_equal(
        bm.start_values(model)["A"], DirichletRows(np.ones((3, 2))).given(counts).mean()
    )
    observed = bm.dirichlet_model(bm.TransitionCounts.from_table(counts, ["s1", "s2"]))
    at = {"A_sticks__": np.array([[0.3], [-0.4], [0.9]])}
    emission_at = {"rate_log__": np.log([2.0, 2.0])}
    gradients = [
        model.compile_dlogp(vars=[model["A"]], mode=PLAIN)(at | emission_at),
        observed.compile_dlogp(mode=PLAIN)(at),
    ]
    assert_allclose(gradients[0], gradients[1], rtol=1e-13)
    values = [
        model.compile_logp(mode=PLAIN)(at | emission_at),
        observed.compile_logp(mode=PLAIN)(at),
    ]
    rest = stats.poisson.logpmf(4, 2.0) + 2 * (
        stats.gamma.logpdf(2.0, 1.0, scale=4.0) + np.log(2.0)
    )
    assert_allclose(values[0] - rest, values[1], rtol=1e-13)


def test_one_state_is_an_ordinary_sample():
    model = build("poisson", [3.0, 5.0, None, 4.0], n_states=1)
    assert [rv.name for rv in model.free_RVs] == ["rate"]
    point = {"rate_log__": np.log([4.0])}
    found = model.compile_logp(vars=[model["observations"]], mode=PLAIN)(point)
    assert_allclose(found, stats.poisson.logpmf([3, 5, 4], 4.0).sum(), rtol=1e-13)


def test_one_observation_is_a_mixture():
    model = build("gaussian", [[1.5]], emission=bm.GaussianPrior(0.0, 2.0, 1.0))
    point = {
        "A_sticks__": np.array([[np.log(3.0)], [0.0], [0.0]]),
        "mean": np.array([-1.0, 2.0]),
        "sd_log__": np.log([1.0, 0.5]),
    }
    found = model.compile_logp(vars=[model["observations"]], mode=PLAIN)(point)
    mixture = 0.75 * stats.norm.pdf(1.5, -1.0, 1.0) + 0.25 * stats.norm.pdf(1.5, 2.0, 0.5)
    assert_allclose(found, np.log(mixture), rtol=1e-12)


def test_support_keeps_zeros():
    support = np.array([[True, False], [True, True], [False, True]])
    model = build("poisson", support=support)
    point = model.initial_point()
    (A,) = model.replace_rvs_by_values([model["A"]])
    A = model.compile_fn(A, inputs=model.value_vars, mode=PLAIN, on_unused_input="ignore")(point)
    assert_array_equal(A == 0, ~support)
    assert_allclose(A.sum(axis=1), 1)
    assert set(bm.start_values(model)) == {"A_2", "rate"}


def test_rows_of_each_size_start_at_their_own():
    support = np.vstack([np.ones(3), np.triu(np.ones((3, 3)))]) > 0
    start = bm.start_values(build("poisson", n_states=3, support=support))
    assert {name: value.shape for name, value in start.items()} == {
        "A_2": (1, 2),
        "A_3": (2, 3),
        "rate": (3,),
    }
    assert_allclose(start["A_2"].sum(), 1)


def test_default_prior_is_as_wide_as_the_data_twice():
    prior = specification_of(build("gaussian", [[1.0, None, 4.0, 10.0]])).emission
    assert_allclose([prior.mean, prior.mean_sd, prior.sd], [5, 2 * 14**0.5, 14**0.5])


def test_draws_of_a_rate_have_the_mean_of_the_prior():
    drawn = bm.PoissonPrior(3.0, 0.5).sample(np.random.default_rng(1), (10_000,), 2)["rate"]
    assert drawn.shape == (10_000, 2)
    assert_allclose(drawn.mean(axis=0), 6, atol=5 * np.sqrt(12 / 10_000))


def test_names_and_what_stands_behind_a_model():
    model = build("categorical", states=["calm", "storm"])
    assert model.coords["state"] == ("<s0>", "calm", "storm")
    assert model.coords["hidden_state"] == ("calm", "storm")
    assert model.coords["category"] == LABELS
    assert model.named_vars_to_dims["B"] == ("hidden_state", "category")
    given = specification_of(model)
    assert given.states == ("calm", "storm")
    assert given.data.sequences == tuple(range(len(LENGTHS)))
    with pytest.raises(ValueError, match="must come from hmm_model"):
        specification_of(pm.Model())


BAD = {
    "no states": ({"n_states": 0}, ValueError, "n_states must be an integer >= 1, got 0"),
    "half a state": ({"n_states": 1.5}, ValueError, "n_states must be an integer"),
    "negative": ({"observations": [1.0, -1.0]}, ValueError, "whole numbers >= 0"),
    "fraction": ({"observations": [1.0, 0.5]}, ValueError, "whole numbers"),
    "infinite": (
        {"observations": [1.0, np.inf], "emission": "gaussian"},
        ValueError,
        "must be finite",
    ),
    "all missing": ({"observations": [None, np.nan]}, ValueError, "all observations are missing"),
    "empty": ({"observations": [[], [1.0]]}, ValueError, "sequence 0 of observations is empty"),
    "text": ({"observations": ["a", "b"]}, ValueError, "must hold numbers"),
    "constant": (
        {"observations": [2.0, 2.0], "emission": "gaussian"},
        ValueError,
        "all observations are equal",
    ),
    "two columns": ({"observations": np.ones((4, 2))}, ValueError, "numbers in one dimension"),
    "emission": ({"emission": "poison"}, ValueError, "must be one of categorical, gaussian, poi"),
    "class": ({"emission": hidden.Poisson([1.0])}, TypeError, "emission must be a name"),
    "alpha": ({"alpha": -1.0}, ValueError, "alpha must be positive"),
    "shape of alpha": ({"alpha": np.ones((2, 3))}, ValueError, "alpha has shape"),
    "support": (
        {"support": np.array([[True, True], [False, False], [True, True]])},
        ValueError,
        "leaves row 1 of A without any transition",
    ),
    "names": ({"states": ["a", "b", "c"]}, ValueError, "states has 3 names, expected n_states = 2"),
    "possible": ({"possible": np.ones((3, 2), bool)}, ValueError, "possible must have shape"),
    "mask": ({"possible": np.ones((4, 2))}, TypeError, "possible must be boolean"),
    "prior": (
        {"emission": bm.CategoricalPrior(2)},
        ValueError,
        "emission 'categorical' needs observations that are labels",
    ),
}


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(change, error, message):
    given = {"observations": [1.0, 0.0, 7.0, 9.0], "n_states": 2, "emission": "poisson"} | change
    observations = given.pop("observations")
    if isinstance(given["emission"], bm.CategoricalPrior):
        observations = bm.Observations.of_numbers(observations)
    with pytest.raises(error, match=message):
        bm.hmm_model(observations, **given)


def test_start_of_another_size_is_refused():
    start = hidden.baum_welch([1.0, 5.0], emission=hidden.Poisson([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"start has A of shape \(4, 3\), expected \(3, 2\)"):
        bm.hmm_model([1.0, 5.0], n_states=2, emission="poisson", start=start)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bm.PoissonPrior(shape=0.0, rate=1.0),
        lambda: bm.PoissonPrior(shape=1.0, rate=np.inf),
        lambda: bm.GaussianPrior(mean=0.0, mean_sd=-1.0, sd=1.0),
        lambda: bm.GaussianPrior(mean=np.nan, mean_sd=1.0, sd=1.0),
        lambda: bm.CategoricalPrior(3, alpha=[1.0, 0.0, 1.0]),
    ],
)
def test_priors_refuse_what_is_no_parameter(make):
    with pytest.raises(ValueError, match=r"must be (positive|finite)"):
        make()


def test_what_cannot_be_sampled_is_refused():
    constant = bm.hmm_model(["a", None, "a"], n_states=1, emission="categorical", restarts=1)
    assert constant.free_RVs == []
    assert bm.start_values(constant) == {}
    with pytest.raises(ValueError, match="nothing varies"):
        bm.sample_hmm(constant, seed=1)


@pytest.mark.parametrize("name", ["observations_data", "present", "sequence_data", "alpha"])
def test_a_model_that_was_fed_is_refused(name):
    model = build("poisson")
    pm.set_data({name: model[name].get_value() + 1}, model=model)
    with pytest.raises(ValueError, match=rf"fed with other data \({name}\)"):
        bm.sample_hmm(model, seed=1)
