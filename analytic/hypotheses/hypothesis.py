r"""The result of a test of a hypothesis, and what all of these tests compute.

Counts O are compared with the counts E that are expected under the hypothesis, by the
likelihood-ratio statistic and by Pearson's:

.. math::
    G^2 = 2 \sum O \ln \frac{O}{E}, \qquad X^2 = \sum \frac{(O - E)^2}{E}.

Both have, for long sequences under the hypothesis, a chi-squared distribution [1]_. For the ones
at hand, G^2 can be compared with its values in tables drawn at random under the hypothesis.

References
----------
.. [1] Billingsley, P. (1961). Statistical methods in Markov chains. Annals of Mathematical
   Statistics 32, 12-40.
"""

import math
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, kl_div

from analytic.validate import Floats, check_integer, check_rng

WIDTH = 80
"""Columns of a printed result."""

ROUNDING_OF_TIES = 1e-8
"""Two statistics that differ by less, relative to the larger of 1 and the statistic, are equal."""

_BLOCK = 2**22
"""Numbers held at a time while tables are drawn."""


@dataclass(frozen=True)
class HypothesisTest:
    """What a test of a hypothesis found.

    See `homogeneity_test` for an example.
    """

    hypothesis: str
    """What was tested, against what."""

    G2: float
    """Likelihood-ratio statistic; inf where the hypothesis makes something seen impossible."""

    X2: float
    """Pearson's statistic."""

    df: int
    """Degrees of freedom, from the observed support."""

    p_G2: float
    """Asymptotic p of `G2`; NaN where `df` is 0, as then there was nothing to test."""

    p_X2: float
    """Asymptotic p of `X2`; NaN where `df` is 0."""

    n: float
    """Number of transitions that were tested."""

    n_left_out: float
    """Number of transitions out of s_0 that were not tested."""

    rows: int
    """Number of rows with data that were tested."""

    rows_left_out: int
    """Number of possible rows that nobody left, which tell nothing."""

    conditioned_on: str
    """What the statistics take as given."""

    p_monte_carlo: float = math.nan
    """(1 + #{G2* >= G2}) / (B + 1), of B random tables; NaN if not asked for, or `df` is 0."""

    se_monte_carlo: float = math.nan
    """Monte Carlo standard error of that p, (p (1 - p) / B)^(1/2)."""

    replicates: int = 0
    """B, the number of random tables."""

    monte_carlo_law: str = ""
    """Where the random tables come from, and what they share with the data."""

    def __repr__(self) -> str:
        """Readable text of at most 80 columns."""
        left_out = f" ({self.n_left_out:g} out of s_0 left out)" if self.n_left_out else ""
        empty = f" ({self.rows_left_out} without data left out)" if self.rows_left_out else ""
        lines = [
            self.hypothesis,
            f"n = {self.n:.10g} transitions{left_out}, {self.rows} rows{empty}",
            f"given {self.conditioned_on}",
            f"G2 = {self.G2:<12.6g} df = {self.df:<6} p = {self.p_G2:.4g}",
            f"X2 = {self.X2:<12.6g} df = {self.df:<6} p = {self.p_X2:.4g}",
        ]
        if self.replicates:
            lines += [
                f"Monte Carlo p of G2 = {self.p_monte_carlo:.4g}, "
                f"standard error {self.se_monte_carlo:.2g}, {self.replicates} replicates",
                f"replicates: {self.monte_carlo_law}",
            ]
        return "\n".join(
            textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent="    ")
            for line, indent in zip(lines, ["", *["  "] * len(lines)], strict=False)
        )


def likelihood_ratio(observed: ArrayLike, expected: ArrayLike, *, axes: int) -> Floats:
    r"""Likelihood-ratio statistic, 2 sum O ln(O / E), where O and E have the same sum.

    Summed as 2 sum (O ln(O / E) - O + E), in which no term is negative.

    Parameters
    ----------
    observed, expected : array_like
        Counts, not negative, of shapes that broadcast.
    axes : int
        How many of the last axes are summed over.

    Returns
    -------
    float or ndarray
        The statistic, not negative. A cell with O = 0 and E = 0 adds 0, one with O > 0 and E = 0
        makes it inf.

    Examples
    --------
    >>> likelihood_ratio([30, 10, 0], [20, 20, 0], axes=1).round(6)
    np.float64(10.464963)

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110.
    """
    terms = kl_div(np.asarray(observed, np.float64), np.asarray(expected, np.float64))
    return np.asarray(2 * np.maximum(terms, 0).sum(axis=tuple(range(-axes, 0))))[()]


def pearson(observed: ArrayLike, expected: ArrayLike, *, axes: int) -> Floats:
    r"""Pearson's statistic, sum (O - E)^2 / E.

    Parameters
    ----------
    observed, expected : array_like
        Counts, not negative, of shapes that broadcast.
    axes : int
        How many of the last axes are summed over.

    Returns
    -------
    float or ndarray
        The statistic, not negative. A cell with O = 0 and E = 0 adds 0, one with O > 0 and E = 0
        makes it inf.

    Examples
    --------
    >>> pearson([30, 10, 0], [20, 20, 0], axes=1)
    np.float64(10.0)
    """
    o, e = np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(o == e, 0.0, (o - e) ** 2 / e)
    return np.asarray(terms.sum(axis=tuple(range(-axes, 0))))[()]


def p_chi_squared(statistic: float, df: int) -> float:
    """Probability that a chi-squared variable is at least as large.

    0 for an infinite statistic, which refutes; otherwise NaN where `df` is 0: nothing was tested.

    Examples
    --------
    >>> round(p_chi_squared(3.841459, 1), 6), p_chi_squared(0.0, 0)
    (0.05, nan)
    """
    if math.isinf(statistic):
        return 0.0
    return float(chdtrc(df, statistic)) if df > 0 else math.nan


def monte_carlo_p(statistic: float, replicated: Floats) -> tuple[float, float]:
    r"""Monte Carlo p, (1 + #{G2* >= G2}) / (B + 1), and its standard error (p (1 - p) / B)^(1/2).

    If the data and the B replicates are exchangeable under the hypothesis, P(p <= a) <= a for
    every a [1]_. Statistics that differ by rounding are ties, and ties count.

    Examples
    --------
    >>> monte_carlo_p(2.0, np.array([0.5, 1.0, 2.0, 3.0]))[0]
    0.6

    References
    ----------
    .. [1] Besag, J. and Clifford, P. (1989). Generalized Monte Carlo significance tests.
       Biometrika 76, 633-642.
    """
    limit = statistic - ROUNDING_OF_TIES * max(1.0, statistic) if statistic < math.inf else math.inf
    p = (1 + int((replicated >= limit).sum())) / (replicated.size + 1)
    return p, math.sqrt(p * (1 - p) / replicated.size)


def check_replicates(replicates: int | None, rng: np.random.Generator | None) -> int:
    """Check that both or none are given; the number of replicates, 0 for none."""
    if replicates is None and rng is None:
        return 0
    if replicates is None or rng is None:
        raise ValueError(
            "a Monte Carlo p needs both: pass replicates=999, rng=np.random.default_rng(seed)"
        )
    check_integer("replicates", replicates, 1)
    check_rng(rng)
    return int(replicates)


def in_blocks(replicates: int, numbers_each: int) -> Iterator[int]:
    """Cut the replicates into pieces of which each holds a bounded number of numbers."""
    step = max(1, _BLOCK // max(1, numbers_each))
    for start in range(0, replicates, step):
        yield min(step, replicates - start)


def as_test(
    hypothesis: str,
    observed: Floats,
    expected: Floats,
    *,
    df: int,
    n_left_out: float,
    rows: tuple[int, int],
    conditioned_on: str,
    replicates: int = 0,
    law: str = "",
    draw: Callable[[int], Floats] | None = None,
) -> HypothesisTest:
    """Put a result together.

    `rows` are those with data and the possible ones without; `draw` gives that many values of G^2
    under the hypothesis, and is not called where there is nothing to test.
    """
    G2 = float(likelihood_ratio(observed, expected, axes=observed.ndim))
    X2 = float(pearson(observed, expected, axes=observed.ndim))
    p, se = math.nan, math.nan
    if replicates and draw is not None and (df > 0 or math.isinf(G2)):
        p, se = monte_carlo_p(G2, draw(replicates))
    return HypothesisTest(
        hypothesis=hypothesis,
        G2=G2,
        X2=X2,
        df=df,
        p_G2=p_chi_squared(G2, df),
        p_X2=p_chi_squared(X2, df),
        n=float(observed.sum()),
        n_left_out=n_left_out,
        rows=rows[0],
        rows_left_out=rows[1],
        conditioned_on=conditioned_on,
        p_monte_carlo=p,
        se_monte_carlo=se,
        replicates=replicates,
        monte_carlo_law=law,
    )


def count_rows(table: ArrayLike, possible: ArrayLike) -> tuple[int, int]:
    """Count the rows with data, and the possible rows without."""
    seen = np.asarray(table).sum(axis=-1) > 0
    return int(seen.sum()), int((np.asarray(possible) & ~seen).sum())
