"""Observations of finitely many kinds: each state has a law of its own over them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from analytic.estimate import mle, posterior_mode
from analytic.hmm.emission import as_codes, as_weights, as_whole
from analytic.validate import Floats, Ints, as_alpha, as_numbers, as_stochastic


@dataclass(frozen=True, eq=False)
class Categorical:
    r"""Emission of a code: P(x | z = k) = B[k, x].

    Parameters
    ----------
    B : array_like
        Probabilities of the codes 0, ..., V-1 in each state, shape (K, V).
    alpha : array_like, default 1
        Dirichlet parameters of the prior: a number, one per code, or one per cell. With 1, the
        flat prior, `estimate` is maximum likelihood.

    Attributes
    ----------
    B, alpha : ndarray
        The parameters, read-only; `alpha` has the shape of `B`.

    Raises
    ------
    ValueError
        Rows that are not probabilities, or parameters that are not positive.

    Examples
    --------
    >>> cones = Categorical([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    >>> np.exp(cones.log_prob([2, 0])).round(1)
    array([[0.1, 0.7],
           [0.7, 0.1]])
    >>> cones.estimate([2, 0, 0], [[0, 1], [1, 0], [0.5, 0.5]]).B.round(3)
    array([[1.   , 0.   , 0.   ],
           [0.333, 0.   , 0.667]])
    """

    B: Floats
    alpha: Any = 1.0

    def __post_init__(self) -> None:
        """Check the parameters and take read-only copies."""
        B = as_numbers("B", self.B)
        if B.ndim != 2 or B.size == 0:
            raise ValueError(f"B must have shape (K, V), one row per state, got {B.shape}")
        B = as_stochastic(B, "B").copy()
        alpha = as_alpha(self.alpha, B.shape)
        for name, array in (("B", B), ("alpha", alpha)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def log_prob(self, x: ArrayLike) -> Floats:
        """Log-probability of each code in each state, shape (T, K); -inf where it is 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.B).T[self._codes(x)])

    def estimate(self, x: ArrayLike, weights: ArrayLike) -> Self:
        """Give the count ratio of the weights, or its mode under the prior (`posterior_mode`).

        There may be another number of states, if `alpha` does not differ between states. A state
        without weight keeps its row.
        """
        codes = self._codes(x)
        weight = as_weights(weights, codes.size)
        n_codes = self.B.shape[1]
        counts = np.array([np.bincount(codes, w, minlength=n_codes) for w in weight.T])
        alpha = self.alpha
        if len(counts) != len(self.B):
            if (alpha != alpha[:1]).any():
                raise ValueError(
                    f"alpha differs between the {len(self.B)} states, so there cannot be "
                    f"{len(counts)} of them; give one alpha for all"
                )
            alpha = alpha[:1]
        # Where alpha is 1 it is not added and taken away again: small counts would be rounded off.
        B = mle(counts) if (alpha == 1).all() else posterior_mode(counts, alpha)
        empty = np.isnan(B).any(axis=1)
        if empty.any() and len(B) == len(self.B):
            B[empty] = self.B[empty]
        return type(self)(B, alpha)

    def sample(self, rng: np.random.Generator, states: ArrayLike) -> Ints:
        """Draw a code for each state."""
        codes = as_codes(states, len(self.B), rng)
        cumulative = self.B.cumsum(axis=1)
        cumulative /= cumulative[:, -1:]
        uniform = rng.random(codes.shape)
        drawn = np.zeros(codes.shape, dtype=np.int64)
        for threshold in cumulative[:, :-1].T:
            drawn += uniform >= threshold[codes]
        return drawn

    def log_prior(self) -> float:
        """Log-density of the prior up to a constant; 0 under the flat one."""
        return float(xlogy(self.alpha - 1, self.B).sum())

    def _codes(self, x: ArrayLike) -> Ints:
        """Codes that B has a column for."""
        codes = as_whole("observations", x)
        if codes.size and codes.max() >= self.B.shape[1]:
            where = int(np.argmax(codes >= self.B.shape[1]))
            raise ValueError(
                f"observations hold code {codes[where]} at {where}, expected 0, ..., "
                f"{self.B.shape[1] - 1}, the columns of B"
            )
        return codes
