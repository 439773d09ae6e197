"""Where Baum-Welch starts when nothing better is known."""

import numpy as np
from numpy.typing import ArrayLike

from analytic.dirichlet import DirichletRows
from analytic.hmm.emission import Emission, join_observations, join_possible, missing_rows, seen
from analytic.hmm.sequences import as_transitions
from analytic.validate import Floats, check_integer, check_rng


def random_start[E: Emission](
    emission: E,
    observations: ArrayLike | list[ArrayLike],
    n_states: int,
    *,
    rng: np.random.Generator,
    support: ArrayLike | None = None,
    possible: ArrayLike | list[ArrayLike] | None = None,
) -> tuple[Floats, E]:
    """Draw a transition matrix, and an emission in which each state leans to one observation.

    Rows of A are drawn from the flat Dirichlet law. Each state's emission is estimated from all
    observations, and as much weight again on a single one drawn at random: so the states differ,
    and in all of them every observation is possible.

    Parameters
    ----------
    emission : Emission
        An emission of the kind that is wanted, for its ``estimate``.
    observations : array_like, or list of array_like
        As in `log_emission`.
    n_states : int
        K, the number of states.
    rng : numpy.random.Generator
        Source of randomness.
    support : array_like of bool, optional
        Possible transitions, shape (K+1, K).
    possible : array_like of bool, or list of them, optional
        States that are possible at each time, as in `log_emission`.

    Returns
    -------
    A : ndarray
        Transition matrix, shape (K+1, K).
    emission : Emission
        A new value of the kind given.

    Raises
    ------
    ValueError
        Nothing was observed, `n_states` is not a positive integer, or a mask that does not fit.
    TypeError
        `rng` is not a Generator, or a mask is not boolean.

    Examples
    --------
    >>> from analytic.hmm import Poisson
    >>> rng = np.random.default_rng(1)
    >>> A, emission = random_start(Poisson([1.0]), [0, 1, 7, 8, 0], 2, rng=rng)
    >>> A.shape, emission.rate.shape
    ((3, 2), (2,))
    """
    check_rng(rng)
    check_integer("n_states", n_states, 1)
    allowed = as_transitions(support, (n_states + 1, n_states))
    joined = join_observations(observations)
    rows = joined.rows
    present = ~missing_rows(rows)
    number = int(present.sum())
    if number == 0:
        raise ValueError("all observations are missing; give start values for A and emission")
    weights = np.full((number, n_states), 1 / number)
    picked = rng.choice(number, size=n_states, replace=number < n_states)
    weights[picked, np.arange(n_states)] += 1
    weights *= number / (2 * n_states)  # a prior in the emission weighs as it does later on
    if possible is not None:
        allowed_now = join_possible(possible, joined, n_states)[present]
        # A state that is possible at no time starts like the others; nothing will come of it.
        weights = np.where(allowed_now | ~allowed_now.any(axis=0), weights, 0.0)
    A = DirichletRows(np.ones((n_states + 1, n_states)), support=allowed).sample(rng)
    return A, emission.estimate(seen(rows, present), weights)
