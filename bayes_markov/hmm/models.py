r"""The PyMC model of a hidden Markov chain, the hidden path summed out.

.. math::
    A_{i\cdot} \sim \mathrm{Dirichlet}(\alpha_i), \qquad \theta_k \sim \text{prior}, \qquad
    \log p(x \mid A, \theta) = \log \sum_z \prod_t A_{z_{t-1} z_t}\, p(x_t \mid \theta_{z_t})

The states are discrete and NUTS cannot move them; summed out, they need not be moved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import ArrayLike, NDArray

from analytic import DirichletRows
from analytic.hmm import BaumWelch
from analytic.hmm.emission import join_observations, join_possible
from analytic.hmm.sequences import as_transitions
from analytic.validate import Bools, Floats, as_alpha, check_integer
from bayes_markov.hmm.emission import CATEGORY, STATE, log_of
from bayes_markov.hmm.emissions import EmissionPrior, as_emission, as_observations
from bayes_markov.hmm.likelihood import log_likelihood
from bayes_markov.hmm.observations import Observations
from bayes_markov.hmm.starts import check_start, maximum_likelihood, near
from bayes_markov.labels import Label, as_states, coords
from bayes_markov.models import scattered_rows
from bayes_markov.nuts import data_of
from bayes_markov.stick_breaking import StickBreaking
from bayes_markov.tree import check_size, streams


@dataclass(frozen=True, eq=False)
class Specification:
    """What a model of `hmm_model` was built from."""

    data: Observations
    states: tuple[Label, ...]
    emission: EmissionPrior
    prior: DirichletRows
    possible: Bools | None
    start: BaumWelch[Any]
    built_with: dict[str, NDArray[Any]]
    """Data of the model when it was built."""


_SPECIFICATIONS: WeakKeyDictionary[pm.Model, Specification] = WeakKeyDictionary()
"""What each model was built from."""


def hmm_model(
    observations: Any,
    *,
    n_states: int,
    emission: str | EmissionPrior,
    alpha: ArrayLike = 1.0,
    support: ArrayLike | None = None,
    states: Iterable[Any] | None = None,
    possible: ArrayLike | list[ArrayLike] | None = None,
    start: BaumWelch[Any] | None = None,
    restarts: int = 10,
    seed: int = 0,
) -> pm.Model:
    r"""Build the model of a hidden chain: Dirichlet rows, priors on what the states emit.

    Parameters
    ----------
    observations : Observations, array_like, or list of array_like
        One sequence or a list of them, of any lengths; NaN or None where nothing was observed.
    n_states : int
        K, the number of hidden states.
    emission : {"categorical", "gaussian", "poisson"} or a prior
        What a state emits. A name stands for a default prior, scaled by the data; a value
        (`PoissonPrior`, `GaussianPrior`, `CategoricalPrior`) says which.
    alpha : array_like, default 1.0
        Dirichlet parameters of the rows of A, positive: a number, one per next state, or one per
        cell of (K+1, K).
    support : array_like of bool, optional
        Possible transitions, shape (K+1, K); a left-to-right chain is one.
    states : iterable, optional
        Names of the states; by default s1, s2, ...
    possible : array_like of bool, or list of them, optional
        States that are possible at each time, shape (T, K), where they are partly known; see
        `analytic.hmm.known_states`.
    start : BaumWelch, optional
        Where samplers and optimisers start. By default the best of `restarts` runs of
        `analytic.hmm.baum_welch`.
    restarts, seed : int, default 10 and 0
        Number of those runs, and the seed of their random starts.

    Returns
    -------
    pymc.Model
        With "A" (dims state, next_state), the parameters of the emission ("rate"; "mean" and "sd";
        or "B" with dims hidden_state, category), and "observations", whose log-likelihood has one
        entry for each sequence.

    Raises
    ------
    ValueError
        Observations that the emission cannot give, all missing, or impossible under `support` and
        `possible`; bad alpha, support, states, number of states, restarts or seed; a start that
        does not fit.
    TypeError
        A mask that is not boolean, an emission of another kind, or a start that is none.

    Examples
    --------
    >>> model = hmm_model([0, 1, 0, 8, 9, 7, 9, 0, 1], n_states=2, emission="poisson")
    >>> [variable.name for variable in model.free_RVs]
    ['A', 'rate']

    References
    ----------
    .. [1] Scott, S. L. (2002). Bayesian methods for hidden Markov models: recursive computing in
       the 21st century. Journal of the American Statistical Association 97, 337-351.
    """
    check_integer("n_states", n_states, 1)
    check_size(restarts=restarts)
    streams(seed)  # refuses a bad seed
    data = as_observations(observations, emission)
    emission = as_emission(emission, data)
    names = _state_names(states, int(n_states))
    shape = (len(names) + 1, len(names))
    allowed = as_transitions(support, shape)
    mask = np.ones(shape, dtype=np.bool_) if allowed is None else allowed
    prior = DirichletRows(as_alpha(alpha, shape, mask), support=mask)
    known = None
    if possible is not None:
        masks = possible if isinstance(possible, list | tuple) else [possible]
        known = join_possible(list(masks), join_observations(list(data.values)), len(names))
    if start is None:
        start = maximum_likelihood(
            data,
            len(names),
            emission,
            restarts=restarts,
            rng=np.random.default_rng(seed),
            support=allowed,
            possible=known,
        )
    else:
        check_start(start, data, emission, shape)

    axes = coords([str(name) for name in names], 1)
    labels: dict[str, list[Any]] = {
        "state": [str(label) for label in axes["state"]],
        "next_state": axes["next_state"].tolist(),
        STATE: axes["next_state"].tolist(),
        "sequence": [str(name) for name in data.sequences],
    }
    if data.categories is not None:
        labels[CATEGORY] = [str(label) for label in data.categories]
    rows = ("state", "next_state")
    with pm.Model(coords=labels) as model:
        seen = data.present
        # PyMC would take NaN for something to impute; what stands in its place is not looked at.
        filled = np.where(seen, data.rows, data.rows[seen][0])
        x = pm.Data("observations_data", filled)
        present = pm.Data("present", seen.astype(np.float64))
        sequence = pm.Data("sequence_data", data.sequence_codes.astype(np.float64))
        alpha_data = pm.Data("alpha", prior.alpha, dims=rows)
        ruled_out = None
        if known is not None:
            ruled_out = pm.Data("possible", known.astype(np.float64))
        if mask.all() and len(names) > 1:
            A = pm.Dirichlet("A", a=alpha_data, dims=rows, default_transform=StickBreaking())
        else:
            A = pm.Deterministic("A", scattered_rows(alpha_data, mask), dims=rows)
        parameters = emission.parameters(len(names))

        def logp(value: Any, A: Any, sequence: Any, *parameters: Any) -> Any:
            given = present[:, None] > 0
            log_emission = pt.where(given, emission.log_prob(value, *parameters), 0.0)
            if ruled_out is not None:
                log_emission = pt.where(ruled_out > 0, log_emission, -np.inf)
            return log_likelihood(log_of(A), log_emission, sequence.astype("int64"))[0]

        pm.CustomDist(
            "observations",
            A,
            sequence,
            *parameters,
            logp=logp,
            signature=f"(i,j),(t),{emission.signature}->(t)",
            observed=x,
        )
    _SPECIFICATIONS[model] = Specification(
        data, names, emission, prior, known, start, data_of(model)
    )
    return model


def start_values(model: pm.Model) -> dict[str, Floats]:
    """Give the values that `sample_hmm` starts from, for PyMC's own functions.

    Parameters
    ----------
    model : pymc.Model
        Model of `hmm_model`.

    Returns
    -------
    dict of ndarray
        By variable, as ``pymc.sample`` and ``pymc.find_MAP`` take them by ``initvals=``:
        the best of the runs of Baum-Welch, moved inside where it lies on the boundary, at which
        the coordinates of a sampler are infinite.

    Raises
    ------
    ValueError
        Not a model of `hmm_model`.

    Examples
    --------
    >>> model = hmm_model([0, 1, 0, 8, 9, 7, 9, 0, 1], n_states=2, emission="poisson")
    >>> np.sort(start_values(model)["rate"]).round()
    array([1., 8.])
    """
    given = specification_of(model)
    first = near(given.start, given.data, given.emission, given.prior, given.possible)
    return by_variable(model, first.A, first.parameters)


def by_variable(model: pm.Model, A: Floats, parameters: Mapping[str, Floats]) -> dict[str, Floats]:
    """Divide a transition matrix and an emission's parameters among the variables of a model."""
    values = dict(parameters)
    mask = specification_of(model).prior.possible
    if mask.all():
        values["A"] = A
    else:
        choices = mask.sum(axis=1)
        for size in set(choices[choices > 1].tolist()):
            rows = choices == size
            values[f"A_{size}"] = A[rows][mask[rows]].reshape(-1, size)
    return {rv.name: values[rv.name] for rv in model.free_RVs}


def specification_of(model: pm.Model) -> Specification:
    """Tell what a model was built from; refuse any but a model of `hmm_model`."""
    try:
        return _SPECIFICATIONS[model]
    except (KeyError, TypeError):
        raise ValueError(
            f"model must come from hmm_model(observations, ...), got {type(model).__name__}"
        ) from None


def _state_names(states: Iterable[Any] | None, n_states: int) -> tuple[Label, ...]:
    """Names of the states."""
    if states is None:
        return tuple(f"s{number}" for number in range(1, n_states + 1))
    names = as_states(states)
    if len(names) != n_states:
        raise ValueError(f"states has {len(names)} names, expected n_states = {n_states}")
    return names
