r"""Baum-Welch: the parameters of a hidden chain by expectation and maximisation.

The E-step is `smooth`: expected counts of transitions n_ij and probabilities of the states. The
M-step is what would be done with counts that were seen: the count ratio, or the posterior mode,

.. math::
    A_{ij} = \frac{E[n_{ij}]}{\sum_l E[n_{il}]},
    \qquad \theta = \arg\max_\theta \sum_{t,k} P(z_t = k \mid x) \log P(x_t \mid k, \theta).

No step lowers the likelihood (with a prior, the posterior density). The limit is a stationary
point, often a local maximum and seldom known to be the global one; hence the restarts.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from analytic.display import brief
from analytic.estimate import mle, posterior_mode
from analytic.hmm.emission import (
    Emission,
    fill_log_emission,
    join_observations,
    join_possible,
    missing_rows,
    seen,
)
from analytic.hmm.sequences import Joined, as_matrix, as_transitions
from analytic.hmm.smoothing import run_smooth
from analytic.hmm.starts import random_start
from analytic.validate import Bools, Floats, as_alpha, check_integer, check_rng

ROUNDING = 1e-10
"""A fall of the objective by less, relative to its size, is rounding."""


class Convergence(NamedTuple):
    """How the iterations went; `objective` is the log-likelihood plus the log-prior densities.

    See `baum_welch` for an example.
    """

    converged: bool
    """The last iteration of the best run gained less than the tolerance."""

    iterations: int
    """M-steps of the best run."""

    objective: Floats
    """Objective of the best run at its start and after each M-step; it never falls."""

    log_likelihoods: Floats
    """Log-likelihood that each run ended with, in the order of the runs."""

    objectives: Floats
    """Objective that each run ended with; the best run has the largest."""

    best: int
    """Number of the best run."""

    kept_rows: Bools
    """Rows of A that nobody is expected to leave and no prior decides: still those of the start."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


class BaumWelch[E: Emission](NamedTuple):
    """What `baum_welch` found."""

    A: Floats
    """Transition matrix, shape (K+1, K)."""

    emission: E
    """Emission, of the kind that was given."""

    log_likelihood: float
    """Log-likelihood of all sequences in nats, at these parameters."""

    expected_counts: Floats
    """Expected transitions at these parameters, shape (K+1, K)."""

    convergence: Convergence
    """How the iterations went."""

    def __repr__(self) -> str:
        """Fields, of long arrays only the ends."""
        return brief(self)


class _Data(NamedTuple):
    """Observations as every E-step uses them."""

    joined: Joined
    present: Bools
    seen: Any
    possible: Bools | None


def baum_welch[E: Emission](
    observations: ArrayLike | list[ArrayLike],
    *,
    emission: E,
    A: ArrayLike | None = None,
    n_states: int | None = None,
    alpha: ArrayLike = 1.0,
    support: ArrayLike | None = None,
    possible: ArrayLike | list[ArrayLike] | None = None,
    restarts: int = 0,
    rng: np.random.Generator | None = None,
    tolerance: float = 1e-6,
    max_iter: int = 1000,
) -> BaumWelch[E]:
    r"""Estimate a hidden chain by maximum likelihood, or by its posterior mode (MAP).

    Give start values (`emission`, and `A` if there is one), or `n_states` and some `restarts`.
    An exact zero in the start of A stays zero under the flat prior; `support` says so openly.

    Parameters
    ----------
    observations : array_like, or list of array_like
        x_1, ..., x_T, or a list of sequences; NaN or masked where missing, as in `log_emission`.
    emission : Emission
        Where the emission starts. With `n_states`, only its kind (and its prior) matters.
    A : array_like, optional
        Where A starts, shape (K+1, K); by default all possible transitions are equally likely.
    n_states : int, optional
        K, in place of start values: every run starts at random.
    alpha : array_like, default 1
        Dirichlet parameters of the rows of A: a number, one per next state, or one per cell. With
        1, the flat prior, the estimate is maximum likelihood. Below 1 there need not be a mode.
    support : array_like of bool, optional
        Possible transitions, shape (K+1, K); by default all.
    possible : array_like of bool, or list of them, optional
        States that are possible at each time, as in `log_emission`.
    restarts : int, default 0
        How many runs start at random (see `random_start`), beside the one from the start values.
    rng : numpy.random.Generator, optional
        Source of randomness; needed for restarts. The same generator gives the same result.
    tolerance : float, default 1e-6
        A run ends when an iteration gains less than this, in nats.
    max_iter : int, default 1000
        A run ends after so many M-steps at the latest; `convergence` tells.

    Returns
    -------
    BaumWelch
        Fields `A`, `emission`, `log_likelihood`, `expected_counts` of the run with the largest
        objective, and `convergence`. A row of A that nobody is expected to leave (the row of a
        state that is only seen last, say) keeps its start, and `convergence.kept_rows` names it.
        The order of the states means nothing, unless `possible` gives it one.

    Raises
    ------
    ValueError
        Arguments that do not fit; observations that are impossible at the start; or no mode exists.
    RuntimeError
        An iteration lowered the objective, as an ``estimate`` can that does not maximise.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> from analytic.hmm import Poisson
    >>> x = [1, 0, 2, 9, 8, 11, 10, 1, 1, 0, 7, 9]
    >>> found = baum_welch(x, emission=Poisson([1.0, 5.0]))
    >>> found.emission.rate.round(2), found.convergence.converged
    (array([0.83, 8.95]), True)
    >>> found.expected_counts.round(2)
    array([[1.  , 0.  ],
           [3.95, 2.  ],
           [1.  , 4.04]])

    References
    ----------
    .. [1] Baum, L. E., Petrie, T., Soules, G. and Weiss, N. (1970). A maximization technique
       occurring in the statistical analysis of probabilistic functions of Markov chains. Annals of
       Mathematical Statistics 41, 164-171.
    .. [2] Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
       data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.
    """
    _check_runs(A, n_states, restarts, rng, tolerance, max_iter)
    joined = join_observations(observations)
    present = ~missing_rows(joined.rows)
    observed = seen(joined.rows, present)
    size = n_states
    if size is None:
        size = fill_log_emission(emission, joined.rows, present).shape[1]
    shape = (int(size) + 1, int(size))
    allowed = as_transitions(support, shape)
    rows = as_alpha(alpha, shape, allowed)
    mask = None if possible is None else join_possible(possible, joined, shape[1])
    data = _Data(joined, present, observed, mask)

    starts: list[tuple[Floats, E]] = []
    if n_states is None:
        starts.append((_first_matrix(A, shape, allowed), emission))
    for _ in range(restarts):
        assert rng is not None
        starts.append(
            random_start(
                emission,
                [joined.rows],
                shape[1],
                rng=rng,
                support=allowed,
                possible=None if mask is None else [mask],
            )
        )
    runs = [_run(data, start, rows, tolerance, max_iter) for start in starts]
    objectives = np.array([run.convergence.objectives[0] for run in runs])
    best = int(np.argmax(objectives))
    convergence = runs[best].convergence._replace(
        log_likelihoods=np.array([run.log_likelihood for run in runs]),
        objectives=objectives,
        best=best,
    )
    return runs[best]._replace(convergence=convergence)


def _run[E: Emission](
    data: _Data, start: tuple[Floats, E], alpha: Floats, tolerance: float, max_iter: int
) -> BaumWelch[E]:
    """Iterate from one start."""
    A, emission = start
    trace: list[float] = []
    kept = np.zeros(len(A), dtype=np.bool_)
    while True:
        log_emission = fill_log_emission(emission, data.joined.rows, data.present)
        if log_emission.shape[1] != A.shape[1]:
            raise ValueError(f"emission has {log_emission.shape[1]} states and A has {A.shape[1]}")
        if data.possible is not None:
            log_emission[~data.possible] = -np.inf
        joined = data.joined._replace(rows=np.ascontiguousarray(log_emission))
        log_likelihoods, smoothed, tables = run_smooth(A, joined)
        if np.isneginf(log_likelihoods).any():
            which = int(np.argmin(log_likelihoods))
            raise ValueError(
                f"sequence {which} is impossible at the start values; start from an A, an emission "
                f"and a `possible` under which it can happen"
            )
        log_likelihood = float(log_likelihoods.sum())
        objective = log_likelihood + float(xlogy(_excess(alpha), A).sum()) + _log_prior(emission)
        if trace and objective < trace[-1] - ROUNDING * max(1.0, abs(trace[-1])):
            raise RuntimeError(
                f"iteration {len(trace)} lowered the objective from {trace[-1]!r} to "
                f"{objective!r}; estimate of the emission must maximise the weighted sum of "
                f"log_prob" + (", plus log_prior" if hasattr(emission, "log_prior") else "")
            )
        trace.append(objective)
        converged = len(trace) > 1 and trace[-1] - trace[-2] < tolerance
        if converged or len(trace) > max_iter:
            convergence = Convergence(
                converged=converged,
                iterations=len(trace) - 1,
                objective=np.array(trace),
                log_likelihoods=np.array([log_likelihood]),
                objectives=np.array([objective]),
                best=0,
                kept_rows=kept,
            )
            return BaumWelch(A, emission, log_likelihood, tables[0], convergence)
        A, kept = _maximise(tables[0], alpha, A)
        emission = emission.estimate(data.seen, smoothed[data.present])


def _maximise(counts: Floats, alpha: Floats, A: Floats) -> tuple[Floats, Bools]:
    """Count ratio or posterior mode; a row that is left undefined keeps its old value."""
    support = alpha > 0
    if (alpha[support] == 1).all():
        new = mle(counts)  # adding 1 and taking it away would round small counts off
    else:
        new = posterior_mode(counts, np.where(support, alpha, 1.0), support=support)
    undefined = np.isnan(new).any(axis=1)
    return np.where(undefined[:, None], A, new), undefined


def _excess(alpha: Floats) -> Floats:
    """Exponents of the prior density, alpha - 1 on the support."""
    return np.where(alpha > 0, alpha - 1, 0.0)


def _log_prior(emission: object) -> float:
    """Log-prior density of the emission; 0 if it has no prior."""
    log_prior = getattr(emission, "log_prior", None)
    return 0.0 if log_prior is None else float(log_prior())


def _first_matrix(A: ArrayLike | None, shape: tuple[int, int], support: Bools | None) -> Floats:
    """Start value of A, on the support."""
    if A is None:
        likely = np.ones(shape) if support is None else support.astype(np.float64)
        return np.asarray(likely / likely.sum(axis=1, keepdims=True))
    matrix = as_matrix(A)
    if matrix.shape != shape:
        raise ValueError(f"A has shape {matrix.shape}, expected {shape} for this emission")
    if support is not None and (matrix[~support] > 0).any():
        raise ValueError("A is positive where support says that no transition is possible")
    return matrix


def _check_runs(
    A: ArrayLike | None,
    n_states: int | None,
    restarts: int,
    rng: np.random.Generator | None,
    tolerance: float,
    max_iter: int,
) -> None:
    """Refuse what does not say where to start or when to stop."""
    check_integer("restarts", restarts, 0)
    check_integer("max_iter", max_iter, 1)
    if not (isinstance(tolerance, int | float | np.number) and 0 <= tolerance < np.inf):
        raise ValueError(f"tolerance must be a finite number >= 0, got {tolerance!r}")
    if n_states is not None:
        check_integer("n_states", n_states, 1)
    if n_states is not None and A is not None:
        raise ValueError("give start values (A) or n_states, not both")
    if n_states is not None and restarts == 0:
        raise ValueError("n_states gives no start values; give restarts=10, say, and rng")
    if restarts > 0:
        check_rng(rng)
