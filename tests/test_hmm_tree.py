"""The tree of a hidden chain, its decoded states and its pictures, from draws that are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import analytic.hmm as hidden
import bayes_markov as bm
from analytic import DirichletRows
from bayes_markov.hmm.fit import assemble, diagnose
from bayes_markov.hmm.models import specification_of
from bayes_markov.hmm.relabelling import ascending, exchangeable, ordering, relabel, switched
from hidden import log_likelihood_by_paths, path_law, smoothed_by_paths
from hidden_data import CHAIN, EMISSIONS, LABELS, codes_of, simulate

KINDS = tuple(EMISSIONS)
CHAINS, DRAWS = 2, 6
NAMES = {"poisson": ["rate"], "gaussian": ["mean", "sd"], "categorical": ["B"]}


def near_truth(kind, rng):
    """Draws of the parameters around the truth."""
    size = (CHAINS, DRAWS)
    A = DirichletRows(40 * CHAIN).sample(rng, size)
    if kind == "categorical":
        return {"A": A, "B": DirichletRows(40 * EMISSIONS[kind].B).sample(rng, size)}
    emission = EMISSIONS[kind]
    return {"A": A} | {
        name: getattr(emission, name) * rng.uniform(0.8, 1.2, (*size, 2)) for name in NAMES[kind]
    }


def tree_of(kind, **options):
    """A tree from such draws, of three short sequences with a gap."""
    rng = np.random.default_rng(5)
    seen = simulate(kind, (5, 1, 4), seed=4).observations
    seen[0][2] = None
    options = {"n_states": 2, "emission": kind, "restarts": 2} | options
    model = bm.hmm_model(seen, **options)
    given = specification_of(model)
    draws = near_truth(kind, rng)
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((CHAINS, DRAWS), bool))})
    prior = {"A": given.prior.sample(rng, (CHAINS, DRAWS))}
    prior |= given.emission.sample(rng, (CHAINS, DRAWS), 2)
    return seen, draws, assemble(given, posterior=draws, prior=prior, sample_stats=stats)


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    return request.param, *tree_of(request.param)


def log_emissions(kind, seen, draws, index):
    codes = [codes_of(x) if kind == "categorical" else np.array(x, float) for x in seen]
    emission = type(EMISSIONS[kind])(*(draws[name][index] for name in NAMES[kind]))
    return hidden.log_emission(emission, codes)


def test_groups_dims_and_labels(made):
    kind, _, draws, tree = made
    posterior = tree["posterior"]
    assert posterior["A"].dims == ("chain", "draw", "state", "next_state")
    assert posterior["state"].values.tolist() == ["<s0>", "s1", "s2"]
    for name in NAMES[kind]:
        own = ("hidden_state", "category") if name == "B" else ("hidden_state",)
        assert posterior[name].dims == ("chain", "draw", *own)
        assert_array_equal(posterior[name], draws[name])
        assert tree["prior"][name].dims == posterior[name].dims
    if kind == "categorical":
        assert tuple(posterior["category"].values.tolist()) == LABELS
    observed = tree["observed_data"]
    assert observed["sequence"].values.tolist() == [0] * 5 + [1] + [2] * 4
    assert observed["time"].values.tolist() == [1, 2, 3, 4, 5, 1, 1, 2, 3, 4]
    assert np.isnan(observed["observations"].values).tolist() == [False] * 2 + [True] + [False] * 7
    assert tree.attrs["emission"] == kind
    assert tree.attrs["aic"] == 2 * {"poisson": 5, "gaussian": 7, "categorical": 7}[kind] - (
        2 * tree.attrs["max_log_likelihood"]
    )


def test_log_likelihood_of_each_sequence_is_that_of_all_paths(made):
    kind, seen, draws, tree = made
    found = tree["log_likelihood"]["observations"]
    assert found.dims == ("chain", "draw", "sequence")
    for index in [(0, 0), (1, 5)]:
        arrays = log_emissions(kind, seen, draws, index)
        expected = [log_likelihood_by_paths(draws["A"][index], array) for array in arrays]
        assert_allclose(found.values[index], expected, rtol=1e-12)


def test_probabilities_are_the_mean_over_draws_of_those_of_all_paths(made):
    kind, seen, draws, tree = made
    laws = []
    for index in np.ndindex(CHAINS, DRAWS):
        arrays = log_emissions(kind, seen, draws, index)
        laws.append(np.concatenate([smoothed_by_paths(draws["A"][index], a) for a in arrays]))
    found = bm.add_state_probabilities(tree)["states"]["probability"]
    assert found.dims == ("observation", "hidden_state")
    assert_allclose(found, np.mean(laws, axis=0), rtol=1e-10)
    some = bm.add_state_probabilities(tree, draws=2)["states"]["probability"]
    kept = np.array(laws).reshape(CHAINS, DRAWS, *found.shape)[:, [0, DRAWS - 1]]
    assert_allclose(some, kept.mean(axis=(0, 1)), rtol=1e-10)
    assert "states" not in tree.children


def test_paths_have_the_law_of_all_paths():
    _, draws, tree = tree_of("poisson")
    index = (1, 2)
    for name in ("A", "rate"):
        tree["posterior"][name][:] = draws[name][index]
    seen = simulate("poisson", (5, 1, 4), seed=4).observations
    seen[0][2] = None
    law = path_law(draws["A"][index], log_emissions("poisson", seen, draws, index)[0])
    number = 200
    paths = np.concatenate(
        [
            bm.add_state_paths(tree, seed=seed)["states"]["path"].values.reshape(-1, 10)
            for seed in range(number)
        ]
    )
    for path, probability in law.items():
        frequency = (paths[:, :5] == path).all(axis=1).mean()
        se = np.sqrt(probability * (1 - probability) / len(paths))
        assert abs(frequency - probability) <= 4 * se + 1e-12, path


def test_viterbi_is_the_best_path_at_the_posterior_mean(made):
    kind, seen, draws, tree = made
    mean = {name: values.mean(axis=(0, 1))[None] for name, values in draws.items()}
    expected = hidden.viterbi(mean["A"][0], log_emissions(kind, seen, mean, 0))
    states = bm.add_viterbi(tree)["states"]
    assert_array_equal(states["viterbi"], np.concatenate(expected.path))
    assert_allclose(states["log_probability"], expected.log_probability, rtol=1e-12)


def test_everything_together_is_saved_and_loaded(made, tmp_path):
    _, _, _, tree = made
    full = bm.add_viterbi(bm.add_state_paths(bm.add_state_probabilities(tree), seed=1, draws=3))
    assert full["states"]["path"].dims == ("chain", "draw", "observation")
    assert full["states"]["draw"].values.tolist() == [0, 2, 5]
    assert set(full["states"].data_vars) == {"probability", "path", "viterbi", "log_probability"}
    bm.save(full, tmp_path / "tree.nc")
    back = bm.load(tmp_path / "tree.nc")
    assert set(back.children) == set(full.children)
    for name in full.children:
        xr.testing.assert_equal(back[name].to_dataset(), full[name].to_dataset())
    assert back.attrs == full.attrs
    again = bm.add_state_probabilities(back)["states"]["probability"]
    assert_array_equal(again, full["states"]["probability"])


def test_table_of_states(made):
    _, seen, _, tree = made
    with pytest.raises(ValueError, match="call add_state_probabilities first"):
        bm.state_table(tree)
    found = bm.add_state_probabilities(tree)
    table = bm.state_table(bm.add_viterbi(found))
    assert table.columns == [
        "sequence",
        "time",
        "observation",
        "state",
        "viterbi",
        "P(s1)",
        "P(s2)",
    ]
    values = [x for sequence in seen for x in sequence]
    shown = table["observation"].to_list()
    assert shown[2] is None
    assert [x for x in shown if x is not None] == [x for x in values if x is not None and x == x]
    probability = found["states"]["probability"].values
    assert_array_equal(table["P(s2)"], probability[:, 1])
    assert table["state"].to_list() == [f"s{1 + int(p[1] > p[0])}" for p in probability]
    assert "viterbi" not in bm.state_table(found).columns


def test_known_states_stay_known():
    paths = simulate("poisson", (5, 1, 4), seed=4).paths
    known = [hidden.known_states(path, 2) for path in paths]
    *_, tree = tree_of("poisson", possible=known)
    codes = np.concatenate(paths)
    found = bm.add_viterbi(bm.add_state_paths(bm.add_state_probabilities(tree), seed=1))["states"]
    assert_array_equal(found["probability"].values, np.eye(2)[codes])
    assert (found["path"].values == codes).all()
    assert_array_equal(found["viterbi"], codes)


def test_bad_requests_are_refused(made):
    _, _, _, tree = made
    counts = bm.TransitionCounts.from_sequences([["a", "b"]])
    other = bm.exact_posterior(counts, seed=1, draws=2)
    for ask in (bm.add_state_probabilities, bm.add_viterbi, bm.plot_emissions):
        with pytest.raises(ValueError, match="tree must come from sample_hmm"):
            ask(other)
    with pytest.raises(ValueError, match="draws must be an integer >= 1"):
        bm.add_state_probabilities(tree, draws=0)
    with pytest.raises(ValueError, match="draws must be at most 6"):
        bm.add_state_paths(tree, seed=1, draws=7)
    with pytest.raises(ValueError, match="seed must be an integer"):
        bm.add_state_paths(tree, seed=-1)


def test_pictures(made):
    *_, tree = made
    full = bm.add_viterbi(bm.add_state_probabilities(tree))
    with pytest.raises(ValueError, match="there are 3 sequences; name one"):
        bm.plot_states(full)
    with pytest.raises(ValueError, match="sequence must be one of"):
        bm.plot_states(full, sequence=9)
    with pytest.raises(ValueError, match="call add_state_probabilities first"):
        bm.plot_states(tree, sequence=0)
    upper, lower, right = bm.plot_states(full, sequence=0).axes
    assert len(lower.collections) == 2
    drawn = sum(len(points.get_offsets()) for points in upper.collections)
    assert drawn == 4  # one of five is missing
    assert_array_equal(right.lines[0].get_ydata(), full["states"]["viterbi"].values[:5])
    ax = bm.plot_emissions(tree)
    assert [text.get_text() for text in ax.get_legend().get_texts()][-2:] == ["s1", "s2"]
    with pytest.raises(ValueError, match="prob must lie strictly between"):
        bm.plot_emissions(tree, prob=1.0)
    plt.close("all")


@pytest.mark.parametrize("times", [["1", "2", "3", "4", "10"], ["2020-01-0" + d for d in "12345"]])
def test_times_that_are_text_are_drawn_in_order(times):
    *_, tree = tree_of("poisson")
    text = np.array([*times, "1", *times[:4]])
    observed = tree["observed_data"].to_dataset().assign(time=("observation", text))
    tree["observed_data"] = xr.DataTree(observed)
    figure = bm.plot_states(bm.add_state_probabilities(tree), sequence=0)
    drawn = figure.axes[0].lines[0].get_xdata()
    assert (np.diff(drawn.astype(float)) > 0).all()
    figure.canvas.draw()
    plt.close("all")


def test_chains_that_disagree_are_named():
    _, _, tree = tree_of("poisson")
    tree["posterior"]["rate"][1] += 50.0
    tree["log_likelihood"]["observations"][0] = -10.0
    tree["log_likelihood"]["observations"][1] = -20.0
    problems = diagnose(tree)
    assert "the chains disagree (their mean log-likelihoods: -30.0, -60.0)" in problems[0]
    assert "effective sample size" in problems[1]
    tree["sample_stats"]["diverging"][0, 0] = True
    assert "1 transitions diverged" in diagnose(tree)[2]
    assert tree.attrs["rhat_max"] > 1.5
    assert tree.attrs["divergences"] == 1


def test_relabelling_permutes_everything_alike():
    rng = np.random.default_rng(3)
    A = DirichletRows(np.ones((4, 3))).sample(rng, (2, 5))
    B = DirichletRows(np.ones((3, 4))).sample(rng, (2, 5))
    order = ascending(B[..., 2])
    moved_A, moved = relabel(A, {"B": B}, order)
    assert (np.diff(moved["B"][..., 2], axis=-1) > 0).all()
    for index in np.ndindex(2, 5):
        old = order[index]
        for i in range(3):
            assert_array_equal(moved["B"][index][i], B[index][old[i]])
            for j in range(3):
                assert moved_A[index][0, j] == A[index][0, old[j]]
                assert moved_A[index][i + 1, j] == A[index][old[i] + 1, old[j]]


def test_relabelling_changes_no_likelihood():
    seen, draws, _ = tree_of("gaussian")
    flipped = {name: values.copy() for name, values in draws.items()}
    flipped["A"][0] = flipped["A"][0][:, [0, 2, 1]][:, :, ::-1]
    for name in ("mean", "sd"):
        flipped[name][0] = flipped[name][0][:, ::-1]
    before = log_emissions("gaussian", seen, flipped, (0, 1))
    order = ascending(flipped["mean"])
    A, parameters = relabel(flipped.pop("A"), flipped, order)
    assert_array_equal(A, draws["A"])
    assert_array_equal(parameters["sd"], draws["sd"])
    assert switched(order) == 0
    order[0, :2] = order[0, :2, ::-1]
    assert switched(order) == 2
    after = log_emissions("gaussian", seen, parameters, (0, 1))
    assert_array_equal(np.array(after[0]), np.array(before[0])[:, ::-1])


def test_what_the_states_are_ordered_by():
    model = bm.hmm_model([0.0, 1.0, 9.0, 8.0], n_states=2, emission="gaussian", restarts=2)
    given = specification_of(model)

    def by(order_by, prior=given.prior, possible=None, emission=given.emission, **options):
        categories = options.get("categories")
        example = options.get("example", given.start.emission)
        return ordering(
            order_by,
            emission=emission,
            categories=categories,
            prior=prior,
            possible=possible,
            example=example,
        )

    example = {"mean": np.array([2.0, 1.0]), "sd": np.array([0.1, 0.2])}
    assert by("auto").name == "mean"
    assert by("auto").of(example).tolist() == [1, 0]
    assert by("sd").of(example).tolist() == [0, 1]
    assert by(None) is None
    with pytest.raises(ValueError, match="order_by must be one of mean, sd, got 'rate'"):
        by("rate")
    sticky = DirichletRows([[1.0, 1.0], [5.0, 1.0], [1.0, 5.0]])
    assert by("auto", prior=sticky).name == "mean"
    lopsided = DirichletRows([[1.0, 1.0], [5.0, 1.0], [1.0, 4.0]])
    assert by("auto", prior=lopsided) is None
    with pytest.raises(ValueError, match="the states are told apart already"):
        by("mean", prior=lopsided)
    known = np.array([[True, True], [True, False], [True, True], [True, True]])
    assert by("auto", possible=known) is None
    labels = {
        "emission": bm.CategoricalPrior(3),
        "categories": LABELS,
        "example": EMISSIONS["categorical"],
    }
    B = np.array([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])
    assert by("auto", **labels).of({"B": B}).tolist() == [1, 0]
    assert by("wet", **labels).of({"B": B}).tolist() == [1, 0]
    assert by("dry", **labels).of({"B": B}).tolist() == [0, 1]
    assert by("dry", **labels).name == "B[dry]"
    # Of two states that show the same label, the one that shows it more comes first.
    labels["example"] = hidden.Categorical([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    assert by("auto", **labels).of({"B": labels["example"].B}).tolist() == [1, 0]
    # Here the sums of sqrt(p q) pair the states the other way round than those of sqrt(p) q.
    labels["example"] = hidden.Categorical([[0.0, 0.3, 0.7], [0.6, 0.4, 0.0]])
    B = np.array([[0.0, 0.5, 0.5], [0.1, 0.2, 0.7]])
    assert by("auto", **labels).of({"B": B}).tolist() == [1, 0]
    with pytest.raises(ValueError, match="order_by must be one of the labels 'dry', 'fog', 'wet'"):
        by("rate", **labels)


def test_states_are_exchangeable_under_every_permutation_or_not_at_all():
    assert exchangeable(DirichletRows(np.ones((4, 3))), None)
    one_start = np.ones((4, 3))
    one_start[0, 2] = 2.0
    assert not exchangeable(DirichletRows(one_start), None)
    ring = np.ones((4, 3))
    ring[1, 1] = ring[2, 2] = ring[3, 0] = 3.0
    assert not exchangeable(DirichletRows(ring), None)
    assert exchangeable(DirichletRows(np.ones((2, 1))), None)


def test_states_of_labels_are_matched_to_those_of_an_estimate():
    """Two states hardly show one label: ordering by it would cut through both."""
    reference = hidden.Categorical([[0.0, 0.02, 0.98], [0.98, 0.01, 0.01], [0.01, 0.98, 0.01]])
    by = ordering(
        "auto",
        emission=bm.CategoricalPrior(3),
        categories=LABELS,
        prior=DirichletRows(np.ones((4, 3))),
        possible=None,
        example=reference,
    )
    rng = np.random.default_rng(6)
    B = DirichletRows(30 * reference.B[[1, 2, 0]] + 0.3).sample(rng, (2, 50))
    shuffled = rng.permuted(np.broadcast_to(np.arange(3), (2, 50, 3)), axis=-1)
    mixed = np.take_along_axis(B, shuffled[..., None], axis=-2)
    order = by.of({"B": mixed})
    assert_array_equal(np.take_along_axis(mixed, order[..., None], axis=-2), B)


def test_states_that_overlap_are_warned_of():
    *_, tree = tree_of("poisson")
    tree.attrs |= {"order_by": "rate", "switched_draws": 1}
    assert "changes within chains, in 1 draws" in " ".join(diagnose(tree))
    tree.attrs["switched_draws"] = 0
    assert "changes within chains" not in " ".join(diagnose(tree))
