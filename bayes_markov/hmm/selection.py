r"""How many hidden states: maximum likelihood for several numbers of them, with AIC and BIC.

.. math:: \mathrm{AIC} = 2p - 2\log L, \qquad \mathrm{BIC} = p \log n - 2\log L

References
----------
.. [1] Zucchini, W., MacDonald, I. L. and Langrock, R. (2016). Hidden Markov Models for Time Series,
   second edition, section 6.1. Chapman and Hall/CRC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytic import DirichletRows, flat
from analytic.hmm import BaumWelch
from analytic.validate import check_integer
from bayes_markov.hmm.emissions import EmissionPrior, as_emission, as_observations
from bayes_markov.hmm.observations import Observations
from bayes_markov.hmm.relabelling import ordering, relabel
from bayes_markov.hmm.starts import maximum_likelihood
from bayes_markov.labels import Label

SAME = 1e-3
"""Runs whose log-likelihoods differ by less, in nats, have found the same maximum."""


@dataclass(frozen=True, eq=False)
class HiddenFit:
    """One number of states at its maximum of the likelihood.

    See `compare_hidden` for an example.
    """

    n_states: int
    """K, the number of states."""
    log_likelihood: float
    """Log-likelihood in nats, the largest that was found."""
    parameters: int
    """Free parameters, row s_0 of A included."""
    aic: float
    """Akaike's information criterion; smaller is better."""
    bic: float
    """Schwarz's; n is the number of observations that are not missing."""
    runs: str
    """How many of the runs found this maximum."""
    found: BaumWelch[Any]
    """The estimates."""
    emission: EmissionPrior
    """What a state emits."""
    categories: tuple[Label, ...] | None
    """Labels that are observed, if labels are."""


@dataclass(frozen=True, eq=False)
class HiddenTable:
    """Result of `compare_hidden`."""

    fits: tuple[HiddenFit, ...]
    """One line for each number of states."""

    def best(self, by: str = "bic") -> HiddenFit:
        """Give the fit with the smallest AIC or BIC."""
        if by not in ("aic", "bic"):
            raise ValueError(f'by must be "aic" or "bic", got {by!r}')
        return min(self.fits, key=lambda fit: float(getattr(fit, by)))

    def __repr__(self) -> str:
        """Lines of a table; a star marks the smallest AIC and BIC."""
        head = ("states", "log-likelihood", "parameters", "AIC", "BIC")
        widths = (6, 14, 10, 11, 11)
        lines = ["  ".join(f"{x:>{w}}" for x, w in zip(head, widths, strict=True)) + "  runs"]
        for fit in self.fits:
            marks = {name: "*" if fit is self.best(name) else " " for name in ("aic", "bic")}
            lines.append(
                f"{fit.n_states:>6}  {fit.log_likelihood:>14.3f}  {fit.parameters:>10}  "
                f"{fit.aic:>10.2f}{marks['aic']}  {fit.bic:>10.2f}{marks['bic']}  {fit.runs}"
            )
        return "\n".join(lines)


def compare_hidden(
    observations: Any,
    *,
    n_states: Iterable[int],
    emission: str | EmissionPrior,
    restarts: int = 20,
    rng: np.random.Generator,
) -> HiddenTable:
    """Fit hidden chains with several numbers of states by Baum-Welch.

    Parameters
    ----------
    observations, emission
        As for `hmm_model`. The prior does not matter here: this is maximum likelihood.
    n_states : iterable of int
        Numbers of states.
    restarts : int, default 20
        Random starts for each.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    HiddenTable
        With `fits`, `best("bic")`, and a readable `str`. States are in ascending order of the rate
        or the mean, or in the order of their most probable labels. A maximum that few runs have
        found may not be the largest; give more restarts. Gaussian standard deviations are kept
        above a hundredth of that of the data: the likelihood has no maximum otherwise.

    Raises
    ------
    ValueError
        As for `hmm_model`; no number of states, one twice, or more states than observations.
    TypeError
        `n_states` is no list, or `rng` is not a Generator.

    Examples
    --------
    >>> counts = [0, 1, 0, 8, 9, 7, 9, 0, 1, 1, 0, 10, 7, 8]
    >>> rng = np.random.default_rng(1)
    >>> table = compare_hidden(counts, n_states=[1, 2], emission="poisson", rng=rng)
    >>> table.best("bic").n_states
    2
    """
    if isinstance(n_states, str) or not isinstance(n_states, Iterable):
        raise TypeError(f"n_states must be a list of numbers, such as [2, 3], got {n_states!r}")
    numbers = list(n_states)
    data = as_observations(observations, emission)
    check_numbers(numbers, data)
    emission = as_emission(emission, data)
    fits = []
    for number in numbers:
        found = maximum_likelihood(data, number, emission, restarts=restarts, rng=rng)
        found = in_order(found, emission, data)
        fits.append(criteria(found, emission, data, flat(number)))
    return HiddenTable(tuple(fits))


def check_numbers(numbers: list[int], data: Observations) -> None:
    """Check numbers of states: each once, and no more states than observations."""
    if not numbers:
        raise ValueError("n_states is empty; give at least one number of states")
    seen = int(data.present.sum())
    for place, number in enumerate(numbers):
        check_integer("n_states", number, 1)
        if number in numbers[:place]:
            raise ValueError(f"n_states names {number} twice; name each number once")
        if number > seen:
            raise ValueError(
                f"n_states has {number}, more than the {seen} observations; so many states cannot "
                f"be told apart"
            )


def criteria(
    found: BaumWelch[Any], emission: EmissionPrior, data: Observations, prior: DirichletRows
) -> HiddenFit:
    """AIC and BIC at an estimate; parameters are counted on the prior's support."""
    n_states = found.A.shape[1]
    number = int(np.maximum(prior.possible.sum(axis=1) - 1, 0).sum()) + emission.free(n_states)
    value, n = found.log_likelihood, int(data.present.sum())
    reached = found.convergence.log_likelihoods
    same = int((reached > reached.max() - SAME).sum())
    return HiddenFit(
        n_states=n_states,
        log_likelihood=value,
        parameters=number,
        aic=2 * number - 2 * value,
        bic=number * np.log(n).item() - 2 * value,
        runs=f"{same} of {len(reached)}",
        found=found,
        emission=emission,
        categories=data.categories,
    )


def in_order(found: BaumWelch[Any], emission: EmissionPrior, data: Observations) -> BaumWelch[Any]:
    """Put the states of an estimate in the order that `sample_hmm` gives them by default."""
    by = ordering(
        "auto",
        emission=emission,
        categories=data.categories,
        prior=flat(found.A.shape[1]),
        possible=None,
        example=found.emission,
    )
    assert by is not None
    values = {name: np.asarray(getattr(found.emission, name)) for name in emission.dims}
    order = by.of(values)
    A, values = relabel(found.A, values, order)
    counts, _ = relabel(found.expected_counts, {}, order)
    kept = found.convergence.kept_rows[np.concatenate([[0], order + 1])]
    return found._replace(
        A=A,
        emission=emission.at(values),
        expected_counts=counts,
        convergence=found.convergence._replace(kept_rows=kept),
    )
