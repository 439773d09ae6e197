"""Sample a hidden chain by NUTS, and put the draws into the common labelled tree."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import analytic.hmm as hidden
from analytic.validate import Floats
from bayes_markov._version import __version__
from bayes_markov.diagnostics import MIN_ESS, ConvergenceWarning, record_convergence
from bayes_markov.hmm.decoding import ROW, log_emission_at
from bayes_markov.hmm.emission import CATEGORY, STATE
from bayes_markov.hmm.models import Specification, specification_of, start_values
from bayes_markov.hmm.relabelling import ordering, relabel, switched
from bayes_markov.hmm.selection import criteria
from bayes_markov.labels import Label, coords
from bayes_markov.nuts import VERSIONS, Sampler, check_sampler, check_unchanged, draw, statistics
from bayes_markov.tree import MAX_NUMBERS, check_size, describe, streams, variable

SWITCHED = 0.05
"""Part of the draws that may have their states in another order than the rest of their chain."""


def sample_hmm(
    model: pm.Model,
    *,
    seed: int,
    draws: int = 1000,
    chains: int = 4,
    tune: int | None = None,
    sampler: Sampler = "nutpie",
    order_by: Label | None = "auto",
    progress: bool = False,
) -> xr.DataTree:
    """Draw from the posterior of a hidden chain by NUTS.

    All chains start near the best of the model's runs of Baum-Welch, apart from each other. That
    finds the mode that matters much sooner; but chains that agree do not prove that there is no
    other one.

    Parameters
    ----------
    model : pymc.Model
        Model of `hmm_model`.
    seed : int
        Seed of the draws.
    draws, chains : int, default 1000 and 4
        Draws per chain, and chains.
    tune : int, optional
        Warm-up steps; by default 400 for nutpie and 1000 for PyMC.
    sampler : {"nutpie", "pymc"}, default "nutpie"
        Which implementation of NUTS.
    order_by : str, int or bool, optional
        What the states of each draw are ordered by, ascending: a parameter of the emission ("rate",
        "mean", "sd") or, where labels are observed, the label whose probability it is. By default
        the rate or the mean; of labels, the likeness to the states that Baum-Welch found, in the
        order of their most probable labels; or nothing, where alpha, support or possible tell the
        states apart. None leaves the draws as they are.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    xarray.DataTree
        posterior and prior: A(chain, draw, state, next_state), and the emission's parameters with
        the dim hidden_state, which has no s_0; log_likelihood: observations(chain, draw, sequence),
        in nats; observed_data, constant_data, sample_stats. The attributes of the root say how the
        states were ordered, in how many draws their order had changed, and give AIC and BIC at the
        maximum that Baum-Welch found.

    Warns
    -----
    ConvergenceWarning
        Chains disagree, or effective sample size or divergences are outside their limits.

    Raises
    ------
    ValueError
        Bad seed or sizes, an unknown sampler or parameter, or not a model of `hmm_model`.

    Examples
    --------
    >>> import bayes_markov as bm
    >>> model = bm.hmm_model([0, 1, 0, 8, 9, 7, 9, 0, 1], n_states=2, emission="poisson")
    >>> tree = bm.sample_hmm(model, seed=1)  # doctest: +SKIP
    """
    check_size(draws=draws, chains=chains, tune=1 if tune is None else tune)
    given = specification_of(model)
    check_sampler(sampler)
    check_can_be_sampled(model, given)
    cells = max(given.prior.alpha.size, len(given.data.sequences))
    if draws * chains * cells > MAX_NUMBERS:
        raise ValueError(f"{chains} chains of {draws} draws of {cells} values are too much to hold")
    posterior_stream, prior_stream = streams(seed)
    sampler_seed = int(posterior_stream.integers(2**31))
    by = ordering(
        order_by,
        emission=given.emission,
        categories=given.data.categories,
        prior=given.prior,
        possible=given.possible,
        example=given.start.emission,
    )
    drawn = draw(
        model,
        seed=sampler_seed,
        draws=draws,
        chains=chains,
        tune=tune,
        sampler=sampler,
        progress=progress,
        start=start_values(model),
    )
    A = variable(drawn, "posterior", "A").values
    parameters = {name: variable(drawn, "posterior", name).values for name in given.emission.dims}
    prior = given.prior.sample(prior_stream, size=(chains, draws))
    prior_parameters = given.emission.sample(prior_stream, (chains, draws), len(given.states))
    changed = 0
    if by is not None:
        order = by.of(parameters)
        A, parameters = relabel(A, parameters, order)
        prior, prior_parameters = relabel(prior, prior_parameters, by.of(prior_parameters))
        changed = switched(order)

    result = assemble(
        given,
        posterior={"A": A, **parameters},
        prior={"A": prior, **prior_parameters},
        sample_stats=statistics(drawn),
    )
    result.attrs |= {
        "seed": int(seed),
        "sampler": f"NUTS ({sampler})",
        **VERSIONS,
        "order_by": "nothing" if by is None else by.name,
        "switched_draws": changed,
    }
    problems = diagnose(result)
    if problems:
        warnings.warn("; ".join(problems), ConvergenceWarning, stacklevel=2)
    return result


def check_can_be_sampled(model: pm.Model, given: Specification) -> None:
    """Refuse a model in which nothing varies, or into which other data were put."""
    if not model.free_RVs:
        raise ValueError(
            "nothing varies: there is one state, and one label that it can emit; there is no "
            "posterior to sample"
        )
    check_unchanged(model, given.built_with)


def assemble(
    given: Specification,
    *,
    posterior: Mapping[str, Floats],
    prior: Mapping[str, Floats],
    sample_stats: xr.Dataset,
) -> xr.DataTree:
    """Put draws into the common tree."""
    chains, draws = posterior["A"].shape[:2]
    sampled = {"chain": np.arange(chains), "draw": np.arange(draws)}
    labels = coords(given.states, 1) | {STATE: np.array(given.states)}
    if given.data.categories is not None:
        labels[CATEGORY] = np.array(given.data.categories)
    own = {"A": ("state", "next_state"), **given.emission.dims}

    def of_draws(values: Mapping[str, Floats]) -> xr.Dataset:
        return xr.Dataset(
            {name: (("chain", "draw", *own[name]), draws) for name, draws in values.items()},
            coords=sampled | labels,
        )

    rows = given.data.rows
    observed: dict[str, Any] = {
        "observations": (ROW, rows),
        "sequence": (ROW, np.array(given.data.sequences)[given.data.sequence_codes]),
        "sequence_code": (ROW, given.data.sequence_codes),
        "time": (ROW, np.concatenate(given.data.times)),
    }
    constant: dict[str, Any] = {"alpha": (("state", "next_state"), given.prior.alpha)}
    if given.possible is not None:
        constant["possible"] = ((ROW, STATE), given.possible.astype(np.int8))
    log_likelihood = log_likelihood_of_draws(given, posterior)
    groups = {
        "posterior": of_draws(posterior),
        "prior": of_draws(prior),
        "log_likelihood": xr.Dataset(
            {"observations": (("chain", "draw", "sequence"), log_likelihood)},
            coords=sampled | {"sequence": np.array(given.data.sequences)},
        ),
        "observed_data": xr.Dataset(observed),
        "constant_data": xr.Dataset(constant, coords=labels),
        "sample_stats": sample_stats.assign_coords(sampled),
    }
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    found = criteria(given.start, given.emission, given.data, given.prior)
    tree.attrs = {
        "inference_library": "bayes_markov",
        "inference_library_version": __version__,
        "model": "hidden Markov chain",
        "sampled": ", ".join(posterior),
        "emission": given.emission.name,
        "prior": f"{describe(given.prior)} of A; {given.emission}",
        "data_digest": given.data.digest,
        "max_log_likelihood": found.log_likelihood,
        "aic": found.aic,
        "bic": found.bic,
    }
    return tree


def log_likelihood_of_draws(given: Specification, values: Mapping[str, Floats]) -> Floats:
    """Log-likelihood of each sequence at each draw, shape (chain, draw, sequence)."""
    batch = values["A"].shape[:2]
    found = np.empty((*batch, len(given.data.sequences)))
    cuts = np.cumsum([len(one) for one in given.data.values])[:-1]
    for index in np.ndindex(batch):
        log_emission = log_emission_at(
            given.emission.name,
            {name: values[name][index] for name in given.emission.dims},
            given.data.rows,
            given.possible,
        )
        found[index] = hidden.log_likelihood(values["A"][index], np.split(log_emission, cuts))
    return found


def diagnose(tree: xr.DataTree) -> list[str]:
    """Check R-hat, effective sample size and divergences; record them, and say what is wrong."""
    found = record_convergence(tree)
    rhat, limit = found.rhat, found.max_rhat
    problems = []
    by_chain = variable(tree, "log_likelihood", "observations").sum("sequence").mean("draw")
    if rhat > limit:
        problems.append(
            f"R-hat is {rhat:.3f}, above {limit}: the chains disagree (their mean log-likelihoods: "
            f"{', '.join(f'{value:.1f}' for value in by_chain.values)}); they are in different "
            f"modes, or the states overlap in what they are ordered by: compare the chains, try "
            f"another order_by or fewer states, or increase draws"
        )
    if found.ess < MIN_ESS:
        problems.append(
            f"the effective sample size is {found.ess:.0f}, below {MIN_ESS:.0f}; increase draws"
        )
    changed = int(tree.attrs.get("switched_draws", 0))
    posterior = tree.children["posterior"].dataset
    if changed > SWITCHED * posterior.sizes["chain"] * posterior.sizes["draw"]:
        problems.append(
            f"the order of the states by {tree.attrs['order_by']} changes within chains, in "
            f"{changed} draws: either the states overlap in it, and what is said of single states "
            f"mixes them (try another order_by, or fewer states), or the chains went from one copy "
            f"of the mode to another, which does no harm"
        )
    if found.divergences:
        problems.append(
            f"{found.divergences} transitions diverged; increase tune, use fewer states, or give a "
            f"more informative prior"
        )
    return problems
