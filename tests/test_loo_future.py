"""Leave-future-out: exactly against one prediction after another, by PSIS against the exact."""

import arviz as az
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic
import bayes_markov as bm

# Daily rainfall at Alofi, 1,096 days of 0, 1-5 and 6+ mm (Avery and Henderson 1999): transitions
# of the first 548 days, and of the last 548.
EARLIER = [[0, 0, 1], [204, 63, 32], [73, 49, 23], [22, 34, 47]]
LATER = [[0, 0, 0], [158, 63, 28], [63, 40, 45], [28, 45, 77]]
JUNCTION = (2, 1)


def rows_of(path, order):
    """History of each state, s_0 written as -1."""
    padded = [-1] * order + list(path)
    return [tuple(padded[t : t + order]) for t in range(len(path))]


def one_by_one(path, n_states, alpha, order):
    """Log-probability of each state given those before it, counting anew every time."""
    logs, rows = [], rows_of(path, order)
    for t, state in enumerate(path):
        before = [path[s] for s in range(t) if rows[s] == rows[t]]
        a = [alpha[rows[t]][j] if isinstance(alpha, dict) else alpha for j in range(n_states)]
        logs.append(np.log((before.count(state) + a[state]) / (len(before) + sum(a))))
    return np.array(logs)


def path_of(length, seed, n_states=3):
    A = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.15, 0.25, 0.6], [0.4, 0.5, 0.1]])
    return analytic.simulate(A, length, rng=np.random.default_rng(seed)).tolist()


def test_published_series_second_half_given_the_first():
    own = analytic.log_predictive(LATER, EARLIER, 1)
    assert_allclose(own, -539.568607386, rtol=0, atol=5e-10)
    junction = np.array(LATER)
    junction[JUNCTION] += 1
    assert_allclose(analytic.log_predictive(junction, EARLIER, 1), -540.759157, rtol=0, atol=5e-7)


def test_block_prediction_is_a_ratio_of_evidences():
    table, future = np.array(EARLIER), np.array(LATER)
    for alpha in (0.25, [1.0, 0.5, 2.0], np.arange(1.0, 13.0).reshape(4, 3)):
        ratio = analytic.log_evidence(table + future, alpha) - analytic.log_evidence(table, alpha)
        assert_allclose(analytic.log_predictive(future, table, alpha), ratio, rtol=1e-12)


def test_blocks_of_a_batch_and_a_support():
    support = np.ones((4, 3), dtype=bool)
    support[1, 2] = False
    known = np.array([[1, 0, 0], [5, 2, 0], [1, 0, 3], [0, 4, 1]])
    future = np.stack([known * 2, known])
    found = analytic.log_predictive(future, known, 0.5, support=support)
    both = analytic.log_evidence(known * 3, 0.5, support=support)
    one = analytic.log_evidence(known, 0.5, support=support)
    assert_allclose(found[0], both - one, rtol=1e-12)
    assert found.shape == (2,)
    with pytest.raises(ValueError, match="support marks impossible"):
        analytic.log_predictive(np.ones((4, 3), dtype=int), known, 0.5, support=support)
    with pytest.raises(ValueError, match="does not fit counts of shape"):
        analytic.log_predictive([1, 2, 3], known, 0.5, order=0)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("horizon", [1, 4])
def test_exact_values_are_those_of_one_prediction_after_another(order, horizon):
    path = path_of(40, seed=order)
    steps = one_by_one(path, 3, 0.3, order)
    for first in (0, 1, 7, 40 - horizon):
        found = analytic.leave_future_out(path, 3, 0.3, first=first, horizon=horizon, order=order)
        blocks = [steps[t : t + horizon].sum() for t in range(first, 41 - horizon)]
        assert_allclose(found.pointwise, blocks, rtol=1e-12)
        assert_allclose(found.elpd, sum(blocks), rtol=1e-12)
        if len(blocks) > 1:
            expected = np.sqrt(len(blocks)) * np.std(blocks, ddof=1)
            assert_allclose(found.se, expected, rtol=1e-9)
        else:
            assert np.isnan(found.se)


def test_one_step_ahead_adds_up_to_the_evidence():
    path = path_of(300, seed=9)
    whole = analytic.log_evidence(analytic.count_transitions(path, 3), [0.5, 1, 2])
    begun = analytic.log_evidence(analytic.count_transitions(path[:50], 3), [0.5, 1, 2])
    found = analytic.leave_future_out(path, 3, [0.5, 1, 2], first=50)
    assert_allclose(found.elpd, whole - begun, rtol=1e-12)


def test_support_and_alpha_by_cell():
    path = [0, 0, 1, 0, 0, 1, 0]
    support = np.array([[1, 1], [1, 1], [1, 0]], dtype=bool)  # 1 is always left for 0
    alpha = np.array([[1.0, 2.0], [0.5, 1.5], [3.0, 9.0]])
    found = analytic.leave_future_out(path, 2, alpha, first=3, support=support)
    assert found.pointwise[0] == 0
    assert found.pointwise[1] == np.log((1 + 0.5) / (2 + 2))
    with pytest.raises(ValueError, match="support marks impossible"):
        analytic.leave_future_out([0, 1, 1], 2, alpha, first=1, support=support)


BAD = {
    "several": (([[0, 1], [1, 0]], 2, 1), {"first": 1}, "path must be one sequence"),
    "too long": (([0, 1, 1], 2, 1), {"first": 2, "horizon": 2}, "need a sequence of 4 states"),
    "horizon": (([0, 1, 1], 2, 1), {"first": 2, "horizon": 0}, "horizon must be an integer >= 1"),
    "first": (([0, 1, 1], 2, 1), {"first": -1}, "first must be an integer >= 0"),
    "code": (([0, 2, 1], 2, 1), {"first": 1}, "holds code 2"),
}


@pytest.mark.parametrize(("arguments", "options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        analytic.leave_future_out(*arguments, **options)


LABELS = ["sun", "cloud", "rain"]


@pytest.mark.parametrize(("order", "horizon"), [(0, 1), (1, 1), (1, 3), (2, 2)])
def test_importance_sampling_agrees_with_the_closed_form(order, horizon):
    codes = path_of(150, seed=3)
    days = [LABELS[code] for code in codes]
    found = bm.leave_future_out(
        days, first=60, horizon=horizon, order=order, alpha=0.8, states=LABELS, seed=1
    )
    exact = analytic.leave_future_out(codes, 3, 0.8, first=60, horizon=horizon, order=order)
    assert_array_equal(found.exact.pointwise, exact.pointwise)
    assert found.pointwise["known"].values.tolist() == list(range(60, 151 - horizon))
    z = (np.abs(found.pointwise - exact.pointwise) / found.mcse).where(found.pareto_k < 0.5)
    assert z.notnull().sum() > 30
    assert (z.max() < 5).item()
    assert_allclose(found.elpd, found.pointwise.sum(), rtol=1e-12)
    assert_allclose(found.elpd, exact.elpd, rtol=0, atol=1)
    assert_allclose(found.se, exact.se, rtol=0.02)
    assert found.difference == found.elpd - exact.elpd


def test_new_draws_are_taken_where_the_weights_fail():
    codes = [0] * 40 + [1] * 40 + [2] * 40
    found = bm.leave_future_out(codes, first=20, seed=1, draws=1000)
    assert found.refits
    assert_array_equal(found.pareto_k.sel(known=list(found.refits)), -np.inf)
    assert (found.pareto_k <= 0.7).all()
    assert str(found).splitlines() == [
        "leave-future-out: 100 predictions of the next state, the first from 20",
        f"  PSIS   elpd {found.elpd:.3f}, se {found.se:.3f}, "
        f"{len(found.refits)} refits where Pareto k > 0.7",
        f"  exact  elpd {found.exact.elpd:.3f}, se {found.exact.se:.3f}",
        f"  PSIS less exact {found.difference:.3f}",
    ]


def test_first_prediction_is_the_mean_over_plain_draws():
    codes = path_of(30, seed=2)
    found = bm.leave_future_out(codes, first=20, seed=7, draws=500, states=range(3))
    table = analytic.count_transitions(codes[:20], 3)
    draws = analytic.flat(3).given(table).sample(np.random.default_rng(1), size=200_000)
    expected = draws[:, codes[19] + 1, codes[20]]
    assert abs(np.exp(found.pointwise[0]) - expected.mean()) < 5 * expected.std() / np.sqrt(500)


class Refit(az.SamplingWrapper):
    """Exact draws of a first-order chain, as ArviZ's own leave-future-out asks for them."""

    def __init__(self, codes, data):
        super().__init__(model=None, idata_orig=data)
        self.codes = codes

    def sel_observations(self, idx):
        return len(self.codes) - len(idx), idx

    def sample(self, modified_observed_data):
        table = analytic.count_transitions(self.codes[:modified_observed_data], 3)
        posterior = analytic.flat(3).given(table)
        return posterior.sample(np.random.default_rng(len(self.codes)), size=(4, 1000))

    def get_inference_data(self, fitted_model):
        return tree_of_draws(self.codes, fitted_model)

    def log_likelihood__i(self, excluded_obs, idata__i):
        return idata__i.log_likelihood["z"].isel(time=excluded_obs)


def tree_of_draws(codes, A):
    """Log-likelihood of every state of a sequence."""
    rows = [0, *(code + 1 for code in codes[:-1])]
    names = ("chain", "draw", "state", "next_state")
    return xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset({"A": (names, A)}),
            "/log_likelihood": xr.Dataset(
                {"z": (("chain", "draw", "time"), np.log(A[..., rows, codes]))}
            ),
            "/observed_data": xr.Dataset({"z": ("time", np.array(codes))}),
        }
    )


def test_arviz_comes_to_the_same():
    codes = path_of(90, seed=6)
    table = analytic.count_transitions(codes, 3)
    A = analytic.flat(3).given(table).sample(np.random.default_rng(2), size=(4, 1000))
    data = tree_of_draws(codes, A)
    theirs = az.lfo_cv(data, Refit(codes, data), 40, 2, pointwise=True)
    ours = bm.leave_future_out(codes, first=40, horizon=2, states=range(3), seed=1)
    assert theirs.elpd_i.shape == ours.pointwise.shape
    assert_allclose(ours.pointwise, theirs.elpd_i, rtol=0, atol=0.08)
    assert_allclose(ours.elpd, theirs.elpd, rtol=0, atol=0.5)


REFUSED = {
    "several": (
        [["a", "b"], ["b"]],
        {"first": 1},
        "sequence must be one sequence of labels, got 2",
    ),
    "missing": (["a", None, "b"], {"first": 1}, "missing value"),
    "few draws": (["a", "b"], {"first": 1, "draws": 50}, "draws must be at least 100"),
    "nothing left": (["a", "b"], {"first": 2}, "need a sequence of 3 states, got 2"),
    "seed": (["a", "b"], {"first": 1, "seed": "x"}, "seed must be an integer"),
}


@pytest.mark.parametrize(("data", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_sequences_are_refused(data, options, message):
    with pytest.raises(ValueError, match=message):
        bm.leave_future_out(data, **({"seed": 1} | options))


def test_certain_transitions_need_no_weights():
    found = bm.leave_future_out(["a"] * 20, first=5, seed=1, draws=200)
    assert found.elpd == found.exact.elpd == 0
    assert_array_equal(found.pareto_k, -np.inf)
    assert found.refits == ()


def test_codes_of_a_few_bits_are_codes_like_others():
    path = np.random.default_rng(4).integers(0, 12, size=60)
    expected = analytic.leave_future_out(path, 12, 1.0, first=10, order=2)
    small = analytic.leave_future_out(path.astype(np.int8), 12, 1.0, first=10, order=2)
    assert small.elpd == expected.elpd


def test_masked_codes_are_refused():
    path = np.ma.masked_array([0, 1, 0, 1], mask=[False, True, False, False])
    with pytest.raises(ValueError, match="masked"):
        analytic.leave_future_out(path, 2, 1.0, first=1)
