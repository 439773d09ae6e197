r"""PyMC models whose Dirichlet prior is learned.

Each is a plain `pymc.Model`. With ``collapsed=True`` its likelihood is the evidence of the counts
given the population's parameters, and those alone are free; with ``collapsed=False`` the matrices
are variables of the model too. Both have the same posterior.
"""

from typing import Any

import pymc as pm
from numpy.typing import ArrayLike

from analytic.validate import is_number
from bayes_markov.counts import TransitionCounts
from bayes_markov.hierarchy.build import build, check_counts
from bayes_markov.hierarchy.covariates import as_covariate
from bayes_markov.hierarchy.populations import Each, Exchangeable, Sticky
from bayes_markov.hierarchy.regression import Regression
from bayes_markov.labels import dims


def learned_concentration_model(
    counts: TransitionCounts,
    *,
    strength: Each = "one",
    mean: Each = "one",
    median_strength: float | None = None,
    mean_alpha: ArrayLike = 1.0,
    collapsed: bool = True,
) -> pm.Model:
    r"""Build a model of one chain whose rows are alike, and learn how much.

    .. math::
        A_{i\cdot} \sim \mathrm{Dirichlet}(s\, m), \qquad
        \frac{s}{s + \tilde s} \sim \mathrm{Uniform}(0, 1), \qquad m \sim \mathrm{Dirichlet}

    with the strength s and the mean row m unknown, and the median of the strength given.

    Parameters
    ----------
    counts : TransitionCounts
        Data of order 0 or 1; units are pooled for A and kept apart in the log-likelihood.
    strength : {"one", "row"}, default "one"
        One strength, or one for each row.
    mean : {"one", "row"}, default "one"
        One mean row for all rows, or one for each; the latter says nothing about other rows.
    median_strength : float, optional
        Median of the strength's prior, in transitions; by default K, the strength of a flat
        prior. Half of the prior is then on rows less alike than under a flat prior.
    mean_alpha : array_like, default 1.0
        Dirichlet parameters of the mean row: a number, one per next state, or one per cell.
    collapsed : bool, default True
        Sum A out, so that NUTS moves strength and mean only.

    Returns
    -------
    pymc.Model
        With "strength" and "mean", and A too unless it is collapsed; `bayes_markov.sample` draws
        A in both cases.

    Raises
    ------
    ValueError
        One state, an order above 1, or a bad option.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> [v.name for v in learned_concentration_model(counts).free_RVs]
    ['log_strength', 'mean']

    References
    ----------
    .. [1] MacKay, D. J. C. and Peto, L. C. B. (1995). A hierarchical Dirichlet language model.
       Natural Language Engineering 1, 289-307.
    """
    check_counts(counts)
    population = _exchangeable(counts, strength, mean, median_strength, mean_alpha)
    return build(counts, population, per_unit=False, collapsed=collapsed)


def learned_stickiness_model(
    counts: TransitionCounts,
    *,
    median_strength: float | None = None,
    mean_alpha: ArrayLike = 1.0,
    collapsed: bool = True,
) -> pm.Model:
    r"""Build a model of one chain that tends to stay where it is, and learn how much.

    .. math::
        A_{i\cdot} \sim \mathrm{Dirichlet}(c\, b + \kappa\, e_i)

    with concentration c, base row b and stickiness kappa unknown; e_i puts all its weight on
    staying in i, and s_0 has none. Without stickiness this is `learned_concentration_model`.

    Parameters
    ----------
    counts : TransitionCounts
        Data of order 1; units are pooled for A and kept apart in the log-likelihood.
    median_strength : float, optional
        Median of the priors of c and kappa, in transitions; by default K. The weight of staying,
        kappa / (c + kappa), then has a prior that is symmetric about 1/2.
    mean_alpha : array_like, default 1.0
        Dirichlet parameters of the base row: a number, or one per next state.
    collapsed : bool, default True
        Sum A out, so that NUTS moves c, b and kappa only.

    Returns
    -------
    pymc.Model
        With "concentration", "base" and "stickiness", and A too unless it is collapsed.

    Raises
    ------
    ValueError
        One state, an order other than 1, or a bad option.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences([["sun", "sun", "rain", "sun"]])
    >>> [v.name for v in learned_stickiness_model(counts).free_RVs]
    ['log_concentration', 'base', 'log_stickiness']

    References
    ----------
    .. [1] Fox, E. B., Sudderth, E. B., Jordan, M. I. and Willsky, A. S. (2011). A sticky HDP-HMM
       with application to speaker diarization. Annals of Applied Statistics 5, 1020-1056.
    """
    check_counts(counts)
    if counts.order != 1:
        raise ValueError(
            f"counts are of order {counts.order}; stickiness is about the state one step before, "
            f"so it needs order 1"
        )
    population = Sticky(len(counts.states), _median(median_strength, counts), mean_alpha)
    return build(counts, population, per_unit=False, collapsed=collapsed)


def partial_pooling_model(
    counts: TransitionCounts,
    *,
    strength: Each = "row",
    mean: Each = "row",
    median_strength: float | None = None,
    mean_alpha: ArrayLike = 1.0,
    collapsed: bool = True,
) -> pm.Model:
    r"""Build a model of many units, each with its own matrix, that are alike; learn how much.

    .. math::
        A^{(u)}_{i\cdot} \sim \mathrm{Dirichlet}(s_i\, m_i)

    The posterior mean of a unit's row is (n_ui A_mle + s_i m_i) / (n_ui + s_i) at given s and m: a
    unit with few transitions out of i is drawn far towards the mean, one with many little.

    Of a probability out of three the default prior says: quartiles 0.02, 0.23 and 0.58, and the
    largest of a row has median 0.74 and is above 0.95 with probability 0.23 (0.008 if flat).

    Parameters
    ----------
    counts : TransitionCounts
        Data of order 0 or 1, with units. A unit without transitions is one that was not seen.
    strength : {"row", "one"}, default "row"
        One strength for each row, or one for all.
    mean : {"row", "one"}, default "row"
        One mean row for each row, or one for all.
    median_strength : float, optional
        Median of the strengths' prior, in transitions; by default K, the strength of a flat prior.
    mean_alpha : array_like, default 1.0
        Dirichlet parameters of the mean rows: a number, one per next state, or one per cell.
    collapsed : bool, default True
        Sum the matrices out, so that NUTS moves strengths and means only.

    Returns
    -------
    pymc.Model
        With "strength" and "mean", and "A" (unit, state, next_state) too unless it is collapsed.

    Raises
    ------
    ValueError
        Counts without units, one state, an order above 1, or a bad option.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences(
    ...     [["sun", "sun", "rain"], ["rain", "sun"], ["rain"]], units=["Oslo", "Bergen", "Voss"])
    >>> [v.name for v in partial_pooling_model(counts).free_RVs]
    ['log_strength', 'mean']

    References
    ----------
    .. [1] Gelman, A., Carlin, J. B., Stern, H. S., Dunson, D. B., Vehtari, A. and Rubin, D. B.
       (2013). Bayesian Data Analysis, 3rd ed., chapter 5. CRC Press.
    """
    check_counts(counts, needs_units=True)
    population = _exchangeable(counts, strength, mean, median_strength, mean_alpha)
    return build(counts, population, per_unit=True, collapsed=collapsed)


def covariate_model(
    counts: TransitionCounts,
    covariate: Any,
    *,
    median_strength: float | None = None,
    mean_alpha: ArrayLike = 1.0,
    effect_scale: float = 1.0,
    collapsed: bool = True,
) -> pm.Model:
    r"""Build a model of units whose mean rows depend on a label or a number known of each.

    .. math::
        A^{(u)}_{i\cdot} \sim \mathrm{Dirichlet}\bigl( s_i\,
        \mathrm{softmax}_j ( \log m_{ij} + x_u\, e_{ij} ) \bigr)

    A number is standardised over the units, and its effect is linear in the log-odds. For labels
    there is one effect for each level, and they sum to zero. This is a Dirichlet regression: the
    covariate moves the mean of a row and not its strength, there is one covariate, and units
    differ around their mean by the same strength at all its values.

    Parameters
    ----------
    counts : TransitionCounts
        Data of order 0 or 1, with units.
    covariate : mapping or array_like
        Label (text, boolean) or number of each unit: a mapping by unit, or in the order of
        ``counts.units``. Integers are numbers; make them text if they are labels.
    median_strength : float, optional
        Median of the strengths' prior, in transitions; by default K.
    mean_alpha : array_like, default 1.0
        Dirichlet parameters of the mean rows, where the effect is zero.
    effect_scale : float, default 1.0
        Scale of the normal prior of the effects, before they are made to sum to zero. At 1 the odds
        of two next states move within a factor 16 for one standard deviation of a number, and
        within 50 between two levels, with probability .95.
    collapsed : bool, default True
        Sum the matrices out.

    Returns
    -------
    pymc.Model
        With "strength", "mean" and "effect": (level, state, next_state) for labels, (state,
        next_state) for one standard deviation of a number.

    Raises
    ------
    ValueError
        A unit without covariate, a covariate of a unit that is not there, one level only, a number
        that does not vary, or as `partial_pooling_model`.

    Examples
    --------
    >>> counts = TransitionCounts.from_sequences(
    ...     [["sun", "sun", "rain"], ["rain", "sun"], ["rain"]], units=["Oslo", "Bergen", "Voss"])
    >>> model = covariate_model(counts, {"Oslo": "east", "Bergen": "west", "Voss": "west"})
    >>> model.coords["level"]
    ('east', 'west')

    References
    ----------
    .. [1] Maier, M. J. (2014). DirichletReg: Dirichlet regression for compositional data in R.
       Research Report 125, Department of Statistics, WU Vienna.
    """
    check_counts(counts, needs_units=True)
    known = as_covariate(covariate, counts.units or ())
    if not (is_number(effect_scale) and effect_scale > 0):
        raise ValueError(f"effect_scale must be a positive number, got {effect_scale!r}")
    population = Regression(
        counts.pooled.shape,
        dims(counts.order)[:-1],
        design=known.design,
        levels=known.levels is not None,
        median_strength=_median(median_strength, counts),
        mean_alpha=mean_alpha,
        effect_scale=float(effect_scale),
    )
    return build(counts, population, per_unit=True, collapsed=collapsed, covariate=known)


def _exchangeable(
    counts: TransitionCounts,
    strength: Each,
    mean: Each,
    median_strength: float | None,
    mean_alpha: ArrayLike,
) -> Exchangeable:
    """Build the population of rows around a mean."""
    for name, value in (("strength", strength), ("mean", mean)):
        if value not in ("one", "row"):
            raise ValueError(f'{name} must be "one" or "row", got {value!r}')
    history = dims(counts.order)[:-1]
    return Exchangeable(
        counts.pooled.shape,
        history,
        strength=strength if history else "one",
        mean=mean if history else "one",
        median_strength=_median(median_strength, counts),
        mean_alpha=mean_alpha,
    )


def _median(median_strength: float | None, counts: TransitionCounts) -> float:
    """Median strength: the given one, or that of a flat prior."""
    return float(len(counts.states)) if median_strength is None else median_strength
