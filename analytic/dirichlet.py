r"""Independent Dirichlet distributions on the rows of A: prior and posterior are one type.

.. math::
    p(A \mid \alpha) = \prod_i \frac{\Gamma(\sum_j \alpha_{ij})}{\prod_j \Gamma(\alpha_{ij})}
    \prod_j A_{ij}^{\alpha_{ij} - 1}

The likelihood of a table of counts has the same form, so the posterior is alpha + counts.
A prior is a value: flat, Jeffreys, informative and sticky differ in alpha alone.
"""

from dataclasses import InitVar, dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, gammaln, xlogy

from analytic._cells import each_pair_once
from analytic._highest_density import narrowest
from analytic.estimate import mode_of_rows
from analytic.validate import (
    Bools,
    Floats,
    as_alpha,
    as_counts,
    as_numbers,
    as_size,
    as_stochastic,
    as_support,
    check_off_support,
    check_prob,
    check_rng,
)


@dataclass(frozen=True, eq=False)
class DirichletRows:
    r"""Independent Dirichlet distributions, one for each row of a table.

    Parameters
    ----------
    alpha : array_like
        Parameters (prior or posterior counts), shape (..., K), positive on the support.
    support : array_like of bool, optional
        Possible transitions, shape of `alpha`. Elsewhere A is 0 with certainty, and `alpha` is
        stored as 0.

    Attributes
    ----------
    alpha : ndarray
        The parameters, read-only.

    Raises
    ------
    ValueError
        Parameters that are not positive and finite on the support.

    Examples
    --------
    >>> prior = DirichletRows([[1, 1], [1, 1], [1, 1]])
    >>> posterior = prior.given([[1, 0], [3, 1], [0, 2]])
    >>> posterior.mean().round(3)
    array([[0.667, 0.333],
           [0.667, 0.333],
           [0.25 , 0.75 ]])

    References
    ----------
    .. [1] Strelioff, C. C., Crutchfield, J. P. and Hubler, A. W. (2007). Inferring Markov chains:
       Bayesian estimation, model comparison, entropy rate, and out-of-class modeling. Physical
       Review E 76, 011106.
    """

    alpha: Floats
    support: InitVar[ArrayLike | None] = None

    def __post_init__(self, support: ArrayLike | None) -> None:
        """Check the parameters and take a read-only copy."""
        given = as_numbers("alpha", self.alpha)
        if given.ndim == 0 or given.shape[-1] == 0:
            raise ValueError(
                f"alpha must have the next state on its last axis, got shape {given.shape}"
            )
        alpha = as_alpha(given, given.shape, as_support(support, given.shape))
        alpha.flags.writeable = False
        object.__setattr__(self, "alpha", alpha)

    def __eq__(self, other: object) -> bool:
        """Equal parameters."""
        if not isinstance(other, DirichletRows):
            return NotImplemented
        return np.array_equal(self.alpha, other.alpha)

    def __hash__(self) -> int:
        """Hash of the parameters."""
        return hash((self.alpha.shape, self.alpha.tobytes()))

    @property
    def possible(self) -> Bools:
        """Transitions on the support."""
        return self.alpha > 0

    def given(self, counts: ArrayLike) -> Self:
        r"""Condition on a table of counts: Dirichlet(alpha + n).

        Parameters
        ----------
        counts : array_like
            Counts of the shape of `alpha`, or a batch of such tables.

        Returns
        -------
        DirichletRows
            The posterior, of the shape of `counts`.

        Raises
        ------
        ValueError
            Counts of another shape, or outside the support.

        Examples
        --------
        >>> DirichletRows([1, 1]).given([3, 1]).alpha
        array([4., 2.])
        """
        table = as_counts(counts)
        if table.shape[-self.alpha.ndim :] != self.alpha.shape:
            raise ValueError(
                f"counts has shape {table.shape}, expected {self.alpha.shape}, the shape of alpha"
            )
        possible = np.broadcast_to(self.possible, table.shape)
        check_off_support(table, possible)
        return type(self)(self.alpha + table, support=possible)

    def mean(self) -> Floats:
        r"""Mean, m = alpha / A with A the row's sum of alpha; shape of `alpha`.

        NaN in a row with no possible transition.

        Examples
        --------
        >>> DirichletRows([1, 3]).mean()
        array([0.25, 0.75])
        """
        with np.errstate(invalid="ignore"):
            return np.asarray(self.alpha / self.alpha.sum(axis=-1, keepdims=True))

    def mode(self) -> Floats:
        r"""Mode of the density on the simplex, (alpha - 1) / (A - K); shape of `alpha`.

        NaN where all alpha are 1 (every point is a mode).

        Raises
        ------
        ValueError
            Some alpha is below 1: the density is unbounded.

        Examples
        --------
        >>> DirichletRows([2, 4]).mode()
        array([0.25, 0.75])
        """
        return mode_of_rows(self.alpha)

    def var(self) -> Floats:
        r"""Variance, m (1 - m) / (A + 1); shape of `alpha`.

        0 off the support, NaN in a row with no possible transition.

        Examples
        --------
        >>> DirichletRows([1, 3]).var()
        array([0.0375, 0.0375])
        """
        mean = self.mean()
        return mean * (1 - mean) / (self.alpha.sum(axis=-1, keepdims=True) + 1)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...] | None = None) -> Floats:
        r"""Draw independent matrices.

        Gamma variables over their sum, taken in logarithms: with G ~ Gamma(alpha + 1) and U
        uniform, G U^(1/alpha) ~ Gamma(alpha), so a small alpha cannot give 0/0 [1]_.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        size : int or tuple of int, optional
            Number of draws; by default one.

        Returns
        -------
        ndarray
            Probabilities, shape size + alpha.shape.

        Raises
        ------
        TypeError
            `rng` is not a Generator.
        ValueError
            `size` is not made of integers >= 0.

        Examples
        --------
        >>> DirichletRows([0.5, 2.0]).sample(np.random.default_rng(1), size=(4, 1000)).shape
        (4, 1000, 2)

        References
        ----------
        .. [1] Marsaglia, G. and Tsang, W. W. (2000). A simple method for generating gamma
           variables. ACM Transactions on Mathematical Software 26, 363-372.
        """
        check_rng(rng)
        shape = (*as_size(size), *self.alpha.shape)
        possible = self.possible
        alpha = np.where(possible, self.alpha, 1.0)
        if possible.all() and (alpha >= 1).all():  # no draw is so small that it needs a logarithm
            gamma = rng.standard_gamma(alpha, size=shape)
            gamma /= gamma.sum(axis=-1, keepdims=True)
            return np.asarray(gamma)
        log_gamma = np.log(rng.standard_gamma(alpha + 1, size=shape))
        log_gamma += np.log1p(-rng.random(shape)) / alpha
        log_gamma = np.where(possible, log_gamma, -np.inf)
        with np.errstate(invalid="ignore"):
            weights = np.exp(log_gamma - log_gamma.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def interval(self, *, prob: float, kind: str = "eti") -> tuple[Floats, Floats]:
        r"""Credible interval of each cell, from its marginal Beta(alpha, A - alpha).

        Parameters
        ----------
        prob : float
            Probability content of each interval, in (0, 1). Intervals are marginal: a whole row
            lies inside all of its intervals with less probability.
        kind : {"eti", "hdi"}, default "eti"
            Equal tails, or the narrowest interval, which is the one of highest density where
            the density has one peak. Where it is highest at both ends, the narrowest interval
            begins or ends there (at 0, if both are equally wide). A uniform density, where all
            are equally wide, gets equal tails.

        Returns
        -------
        low, high : ndarray
            Probabilities, shape of `alpha`: (0, 0) off the support, (1, 1) for the only possible
            transition of a row, NaN in a row with no possible transition.

        Raises
        ------
        ValueError
            `prob` outside (0, 1), or an unknown `kind`.

        Examples
        --------
        >>> low, high = DirichletRows([9, 2]).interval(prob=0.95)
        >>> low.round(4), high.round(4)
        (array([0.555 , 0.0252]), array([0.9748, 0.445 ]))
        """
        check_prob(prob)
        if kind not in ("eti", "hdi"):
            raise ValueError(f'kind must be "eti" or "hdi", got {kind!r}')
        # The others are added up, not subtracted from the total, where a small one would vanish.
        rest = self.alpha @ (1 - np.eye(self.alpha.shape[-1]))
        alone = self.possible & ~(self.possible.sum(axis=-1, keepdims=True) > 1)
        inner = self.possible & ~alone

        def limits(a: Floats, b: Floats) -> tuple[Floats, Floats]:
            if kind == "hdi":
                return narrowest(a, b, prob)
            return betaincinv(a, b, (1 - prob) / 2), betaincinv(a, b, (1 + prob) / 2)

        low, high = each_pair_once(limits, self.alpha, rest, inner)
        some = self.possible.any(axis=-1, keepdims=True)
        fixed = np.where(some, alone.astype(np.float64), np.nan)
        return np.where(inner, low, fixed), np.where(inner, high, fixed)

    def log_pdf(self, A: ArrayLike) -> Floats:
        r"""Log-density on the simplex, one value per row.

        .. math::
            \ln\Gamma(\textstyle\sum_j \alpha_j) - \sum_j \ln\Gamma(\alpha_j)
            + \sum_j (\alpha_j - 1) \ln A_j

        Parameters
        ----------
        A : array_like
            Probabilities, shape (..., K) that broadcasts with `alpha`.

        Returns
        -------
        float or ndarray
            Log-density with respect to the first K - 1 probabilities of the support. On the
            boundary it is -inf where alpha > 1, +inf where alpha < 1, NaN where both occur;
            -inf for mass off the support.

        Raises
        ------
        ValueError
            Rows that are undefined or do not sum to one.

        Examples
        --------
        >>> DirichletRows([1, 1, 1]).log_pdf([0.2, 0.3, 0.5]).round(6)
        np.float64(0.693147)
        """
        matrix = as_stochastic(A)
        if matrix.shape[-1] != self.alpha.shape[-1]:
            raise ValueError(
                f"A has {matrix.shape[-1]} next states, expected {self.alpha.shape[-1]}"
            )
        possible = self.possible
        alpha = np.where(possible, self.alpha, 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            kernel = np.where(
                possible, xlogy(alpha - 1, matrix), np.where(matrix > 0, -np.inf, 0.0)
            ).sum(axis=-1)
        total = np.where(possible.any(axis=-1), self.alpha.sum(axis=-1), 1.0)
        constant = gammaln(total) - np.where(possible, gammaln(alpha), 0.0).sum(axis=-1)
        return np.asarray(constant + kernel)[()]
