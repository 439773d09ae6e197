"""Exact draws of the hidden path, given the observations."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analytic.hmm.filtering import run_forward
from analytic.hmm.loops import compiled
from analytic.hmm.sequences import as_matrix, join_log_emission
from analytic.validate import as_size, check_rng


def sample_paths(
    A: ArrayLike,
    log_emission: ArrayLike | list[ArrayLike],
    *,
    rng: np.random.Generator,
    size: int | tuple[int, ...] | None = None,
) -> Any:
    r"""Draw hidden paths from their law given all observations.

    .. math::
        z_T \sim P(z_T \mid x_{1:T}), \qquad
        z_t \sim P(z_t \mid z_{t+1}, x_{1:t}) \propto P(z_t \mid x_{1:t}) A_{z_t z_{t+1}}

    Filter forward, then draw backward [1]_. The draws are independent, and each is a whole path:
    states drawn one by one from the smoothed laws would not be.

    Parameters
    ----------
    A : array_like
        Transition matrix, shape (K+1, K).
    log_emission : array_like, or list of array_like
        As in `forward`.
    rng : numpy.random.Generator
        Source of randomness.
    size : int or tuple of int, optional
        Number of draws; by default one.

    Returns
    -------
    ndarray of int64, or list of them
        Codes 0, ..., K-1, shape size + (T,). A transition of probability 0 never occurs.

    Raises
    ------
    ValueError
        The observations are impossible, so that there is no law to draw from; else as for
        `forward`.
    TypeError
        `rng` is not a Generator.

    Examples
    --------
    >>> A = [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]]
    >>> rng = np.random.default_rng(1)
    >>> sample_paths(A, np.log([[0.9, 0.2], [0.9, 0.2]]), rng=rng, size=4).shape
    (4, 2)

    References
    ----------
    .. [1] Chib, S. (1996). Calculating posterior distributions and modal estimates in Markov
       mixture models. Journal of Econometrics 75, 79-97.
    """
    check_rng(rng)
    batch = as_size(size)
    matrix = as_matrix(A)
    joined = join_log_emission(log_emission, matrix.shape[1])
    log_likelihoods, filtered, _, _ = run_forward(matrix, joined)
    impossible = np.flatnonzero(log_likelihoods == -np.inf)
    if impossible.size:
        which = f" of sequence {impossible[0]}" if joined.many else ""
        raise ValueError(
            f"the observations{which} are impossible under A and log_emission, "
            f"so there is no path to draw"
        )
    uniform = rng.random((int(np.prod(batch)), len(filtered)))
    paths = np.empty(uniform.shape, dtype=np.int64)
    compiled("draw_paths")(matrix, joined.ends, filtered, uniform, paths)
    return joined.split(paths.reshape(*batch, len(filtered)), axis=-1)
