"""The PyMC model's density, against the closed form: value, gradient, mode in both coordinates."""

import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize, root

import analytic
from analytic import DirichletRows
from bayes_markov import TransitionCounts, dirichlet_model, exact_posterior
from bayes_markov.models import alpha_of, counts_of
from bayes_markov.tree import prior_rows
from cases import CASES, SMALL

FAST = {"mode": "FAST_COMPILE"}

SUPPORT = np.array(
    [
        [True, True, True, True],
        [True, False, True, False],
        [False, True, True, False],
        [False, False, False, True],
        [True, True, False, True],
    ]
)
"""Rows with one, two, three and four possible transitions."""

ON_SUPPORT = SUPPORT * np.array(
    [[1, 0, 2, 0], [4, 0, 3, 0], [0, 2, 9, 0], [0, 0, 0, 5], [1, 0, 0, 6]]
)


def labelled(case):
    """Counts of a case, with its codes as labels."""
    return TransitionCounts(case.table, range(case.n_states), case.order)


def uneven_alpha(shape):
    """Different in every cell."""
    return 0.6 + np.arange(np.prod(shape)).reshape(shape) % 7 / 3


def free_rows(model, A):
    """Rows of A that the model draws, by the name of the variable that holds them."""
    possible = (alpha_of(model) > 0).reshape(-1, A.shape[-1])
    rows = A.reshape(-1, A.shape[-1])
    names = [variable.name for variable in model.free_RVs]
    if names == ["A"]:
        return {"A": A}
    sizes = [int(name.removeprefix("A_")) for name in names]
    return {
        f"A_{size}": np.array(
            [row[mask] for row, mask in zip(rows, possible, strict=True) if mask.sum() == size]
        )
        for size in sizes
    }


def to_point(model, A):
    """Coordinates of the optimiser and the sampler: log-odds of each break of a stick, shifted."""
    point = {}
    for name, rows in free_rows(model, A).items():
        coordinates = np.empty(rows[..., :-1].shape)
        for k in range(rows.shape[-1] - 1):
            odds = rows[..., k] / rows[..., k + 1 :].sum(axis=-1)
            coordinates[..., k] = np.log(odds) + np.log(rows.shape[-1] - 1 - k)
        point[f"{name}_sticks__"] = coordinates
    return point


def to_vector(point):
    """Write a point into one vector, as gradients are."""
    return np.concatenate([values.ravel() for values in point.values()])


def to_rows(vector, model, A):
    """Probabilities at a vector of coordinates; `A` gives the shapes."""
    result, start = {}, 0
    for name, rows in free_rows(model, A).items():
        size = rows[..., :-1].size
        v = vector[start : start + size].reshape(rows[..., :-1].shape)
        left, broken = np.ones(v.shape[:-1]), []
        for k in range(v.shape[-1]):
            share = 1 / (1 + (v.shape[-1] - k) * np.exp(-v[..., k]))
            broken.append(left * share)
            left = left * (1 - share)
        result[name] = np.stack([*broken, left], axis=-1)
        start += size
    return result


def log_jacobian(model, A):
    """Log of |dp / dv| over all free rows, from the matrix of derivatives of each."""
    total = 0.0
    for rows in free_rows(model, A).values():
        for p in rows.reshape(-1, rows.shape[-1]):
            left = p[::-1].cumsum()[::-1]
            share = p / left
            derivative = np.diag(p[:-1] * (1 - share[:-1]))
            for k in range(1, len(p) - 1):
                derivative[k, :k] = -p[k] * share[:k]
            total += np.linalg.slogdet(derivative)[1]
    return total


def random_matrix(model, rng):
    """Probabilities at random, where the model has a free row, and what is fixed elsewhere."""
    alpha = alpha_of(model)
    return DirichletRows(np.where(alpha > 0, 1.5, 0), support=alpha > 0).sample(rng)


def log_density(posterior, A):
    """Log-density of the rows that have more than one possible transition."""
    free = posterior.possible.sum(axis=-1) > 1
    return DirichletRows(posterior.alpha[free], support=posterior.possible[free]).log_pdf(A[free])


MODELS = {
    **{str(case): (labelled(case), None) for case in CASES if case.n_states > 1},
    "support": (TransitionCounts(ON_SUPPORT, ["a", "b", "c", "d"]), SUPPORT),
    "fractions": (TransitionCounts([[0.5, 0], [2.25, 1.5], [0, 3.75]], ["a", "b"]), None),
    "beyond 2^31": (TransitionCounts([[1, 0], [2**40, 3], [5, 2**33 + 1]], ["a", "b"]), None),
}
RANDOM_POINTS = 3


@pytest.mark.parametrize(("counts", "support"), MODELS.values(), ids=MODELS)
def test_density_is_prior_times_likelihood(counts, support):
    rng = np.random.default_rng(1)
    alpha = uneven_alpha(counts.pooled.shape)
    model = dirichlet_model(counts, alpha=alpha, support=support)
    prior = prior_rows(counts, alpha, support)
    on_simplex = model.compile_logp(jacobian=False, **FAST)
    in_coordinates = model.compile_logp(jacobian=True, **FAST)
    for _ in range(RANDOM_POINTS):
        A = random_matrix(model, rng)
        point = to_point(model, A)
        expected = log_density(prior, A).sum()
        expected += analytic.log_likelihood(A, counts.pooled, order=counts.order)
        assert_allclose(on_simplex(point), expected, rtol=1e-12)
        assert_allclose(in_coordinates(point), expected + log_jacobian(model, A), rtol=1e-12)


@pytest.mark.parametrize("case", [c for c in SMALL if c.paths and c.n_states > 1], ids=str)
def test_likelihood_has_one_entry_for_each_unit(case):
    counts = TransitionCounts.from_sequences(
        case.paths, states=range(case.n_states), order=case.order, units="sequence"
    )
    model = dirichlet_model(counts)
    by_unit = model.compile_logp(vars=[model["counts"]], sum=False, **FAST)
    A = random_matrix(model, np.random.default_rng(2))
    (got,) = by_unit(to_point(model, A))
    expected = [analytic.log_likelihood(A, table, order=case.order) for table in case.tables]
    assert_allclose(got, expected, rtol=1e-12)


def test_pymc_finds_the_log_likelihood_that_the_tree_has():
    sequences = [["a", "a", "b"], ["b", "b", "a", "b"], ["a"]]
    counts = TransitionCounts.from_sequences(sequences, units=["u", "v", "w"])
    tree = exact_posterior(counts, seed=1, draws=20, chains=2)
    without = tree.copy()
    del without["log_likelihood"]
    pm.compute_log_likelihood(
        without, model=dirichlet_model(counts), progressbar=False, compile_kwargs=FAST
    )
    got, expected = without["log_likelihood"]["counts"], tree["log_likelihood"]["counts"]
    assert got.dims == expected.dims
    assert_array_equal(got["unit"], expected["unit"])
    assert_allclose(got.values, expected.values, rtol=1e-12)


@pytest.mark.parametrize("name", ["zero cells", "unvisited row", "support"])
def test_gradient_is_finite_up_to_the_edge_of_the_simplex(name):
    counts, support = MODELS[name]
    model = dirichlet_model(counts, support=support)
    gradient = model.compile_dlogp(jacobian=True, **FAST)
    possible = alpha_of(model) > 0
    for rest in (1e-3, 1e-12, 1e-200):
        A = np.where(possible, rest, 0)
        A[np.arange(len(A)), possible.argmax(axis=-1)] += 1
        found = gradient(to_point(model, A / A.sum(axis=-1, keepdims=True)))
        assert np.isfinite(found).all()
        assert np.abs(found).max() > 0.1


DIFFERENT = ["weather", "zero cells", "unvisited row", "support", "order zero", "order two"]


@pytest.mark.parametrize("name", [*DIFFERENT, "fractions", "beyond 2^31"])
def test_gradient_with_the_jacobian_vanishes_at_the_posterior_mean(name):
    counts, support = MODELS[name]
    alpha = uneven_alpha(counts.pooled.shape)
    model = dirichlet_model(counts, alpha=alpha, support=support)
    mean = prior_rows(counts, alpha, support).given(counts.pooled).mean()
    gradient = model.compile_dlogp(jacobian=True, **FAST)(to_point(model, mean))
    assert_allclose(gradient / max(counts.table.sum(), 1), 0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", DIFFERENT)
def test_mode_with_the_jacobian_is_the_posterior_mean(name):
    counts, support = MODELS[name]
    model = dirichlet_model(counts, support=support)
    value = model.compile_logp(jacobian=True, **FAST)
    gradient = model.compile_dlogp(jacobian=True, **FAST)
    start = to_point(model, random_matrix(model, np.random.default_rng(3)))

    def as_point(vector):
        ends = np.cumsum([values.size for values in start.values()])[:-1]
        parts = zip(start.items(), np.split(vector, ends), strict=True)
        return {name: part.reshape(values.shape) for (name, values), part in parts}

    for alpha in (0.5, 1.0, 2.0):
        prior = prior_rows(counts, alpha, support)
        pm.set_data({"alpha": prior.alpha}, model=model)
        found = minimize(
            lambda v: -value(as_point(v)),
            to_vector(start),
            jac=lambda v: -gradient(as_point(v)),
            method="BFGS",
        )
        # Differences in value drown in rounding near the top, where the gradient still tells.
        top = root(lambda v: gradient(as_point(v)), found.x, tol=1e-13)
        assert np.abs(top.x - found.x).max() < 1e-3
        mean = prior.given(counts.pooled).mean()
        got, expected = to_rows(top.x, model, mean), free_rows(model, mean)
        assert got.keys() == expected.keys()
        for variable in expected:
            assert_allclose(got[variable], expected[variable], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["no start", "weather"])
def test_gradient_without_the_jacobian_vanishes_at_the_count_ratio(name):
    counts, _ = MODELS[name]
    interior = TransitionCounts(
        counts.table + np.arange(1, counts.table.size + 1).reshape(counts.table.shape),
        counts.states,
    )
    model = dirichlet_model(interior)
    gradient = model.compile_dlogp(jacobian=False, **FAST)
    at_ratio = gradient(to_point(model, analytic.mle(interior.table)))
    assert_allclose(at_ratio, 0, rtol=0, atol=1e-12)
    at_mean = gradient(to_point(model, analytic.posterior_mean(interior.table, 1)))
    assert np.abs(at_mean).max() > 0.1


def test_new_data_change_the_density_of_a_model_that_is_built():
    counts, _ = MODELS["no start"]
    model = dirichlet_model(counts)
    density = model.compile_logp(jacobian=False, **FAST)
    A = random_matrix(model, np.random.default_rng(4))
    table, alpha = np.array([[1.0, 0], [0.5, 7], [2**40, 6]]), uneven_alpha((3, 2))
    pm.set_data({"counts_data": table[None], "alpha": alpha}, model=model)
    expected = DirichletRows(alpha).log_pdf(A).sum() + analytic.log_likelihood(A, table)
    assert_allclose(density(to_point(model, A)), expected, rtol=1e-12)
    assert_array_equal(counts_of(model).table, table)
    assert_array_equal(alpha_of(model), alpha)


@pytest.mark.parametrize("states", [("b", "a"), (2, 10), (False, True)], ids=repr)
@pytest.mark.parametrize("units", [None, ("v", "u"), (3, 1), (True, False)], ids=repr)
def test_data_are_read_back_as_they_were(states, units):
    sequences = [[states[0], states[1], states[1]], [states[1], states[0]]]
    counts = TransitionCounts.from_sequences(sequences, states=states, units=units)
    again = counts_of(dirichlet_model(counts))
    assert again == counts
    assert again.digest == counts.digest
    assert again.table.dtype == np.int64


def test_fractional_data_are_read_back_as_they_were():
    counts, _ = MODELS["fractions"]
    assert counts_of(dirichlet_model(counts)) == counts


@pytest.mark.parametrize(
    ("order", "dims", "shape"),
    [
        (0, ("next_state",), (2,)),
        (1, ("state", "next_state"), (3, 2)),
        (2, ("state_2", "state", "next_state"), (3, 3, 2)),
    ],
)
def test_dimensions_of_the_model(order, dims, shape):
    counts = TransitionCounts.from_sequences([["b", "a", "b", "b"]], order=order)
    model = dirichlet_model(counts)
    assert model.named_vars_to_dims["A"] == dims
    assert model.named_vars_to_dims["counts"] == ("unit", *dims)
    assert model.coords["next_state"] == ("a", "b")
    assert all(model.coords[dim] == ("<s0>", "a", "b") for dim in dims[:-1])
    assert model["counts_data"].get_value().shape == (1, *shape)
    assert model["counts_data"].dtype == "float64"


def test_one_state_leaves_nothing_free():
    model = dirichlet_model(TransitionCounts([[1], [4]], ["a"]))
    assert model.free_RVs == []
    assert_array_equal(model["A"].eval(), [[1.0], [1.0]])


def test_rows_that_cannot_occur_are_undefined_and_impossible_cells_zero():
    counts, support = MODELS["support"]
    model = dirichlet_model(counts, support=support)
    assert sorted(variable.name for variable in model.free_RVs) == ["A_2", "A_3", "A_4"]
    A = pm.draw(model["A"], random_seed=1, mode="FAST_COMPILE")
    assert ((A > 0) == SUPPORT).all()
    assert_allclose(A.sum(axis=-1), 1, rtol=1e-12)
    order_two = dirichlet_model(labelled(next(case for case in CASES if case.order == 2)))
    A = pm.draw(order_two["A"], random_seed=1, mode="FAST_COMPILE")
    assert_array_equal(np.isnan(A).any(axis=-1), ~analytic.possible_histories(3, 2))


COUNTS = TransitionCounts([[1, 0], [3, 1], [0, 2]], ["a", "b"])

BAD = {
    "alpha zero": ({"alpha": 0}, r"alpha must be positive and finite, got 0.0 at index \(0, 0\)"),
    "alpha negative": ({"alpha": [1, -1]}, r"got -1.0 at index \(0, 1\); mark impossible trans"),
    "alpha NaN": ({"alpha": np.nan}, r"got nan at index \(0, 0\)"),
    "alpha infinite": ({"alpha": np.inf}, r"got inf at index \(0, 0\)"),
    "alpha of another shape": ({"alpha": [1, 2, 3]}, r"alpha has shape \(3,\), which does not fit"),
    "alpha without s_0": ({"alpha": np.ones((2, 2))}, r"shape \(2, 2\), which does not fit .*3, 2"),
    "support of another shape": (
        {"support": np.ones((2, 2), dtype=bool)},
        r"support has shape \(2, 2\), expected \(3, 2\)",
    ),
    "count off the support": (
        {"support": [[True, True], [False, True], [True, True]]},
        r"counts has 3 at index \(1, 0\), which support marks impossible",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dirichlet_model(COUNTS, **options)
    with pytest.raises(ValueError, match=message):
        exact_posterior(COUNTS, seed=1, **options)


def test_support_that_is_not_boolean_is_refused():
    with pytest.raises(TypeError, match=r"support must be boolean .*, got dtype int64"):
        dirichlet_model(COUNTS, support=[[1, 1], [1, 0], [0, 1]])
