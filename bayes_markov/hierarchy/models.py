r"""PyMC models whose Dirichlet prior is learned.

Each is a plain `pymc.Model`. With ``collapsed=True`` its likelihood is the evidence of the counts
given the population's parameters, and those alone are free; with ``collapsed=False`` the matrices
are variables of the model too. Both have the same posterior.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from analytic.validate import Counts, Ints
from bayes_markov.counts import TransitionCounts
from bayes_markov.hierarchy.covariates import Covariate, as_covariate
from bayes_markov.hierarchy.evidence import Patterns, patterns, symbolic_log_evidence
from bayes_markov.hierarchy.populations import (
    Each,
    Exchangeable,
    Population,
    Regression,
    Sticky,
)
from bayes_markov.labels import coords, dims
from bayes_markov.models import log_likelihood
from bayes_markov.stick_breaking import StickBreaking
from bayes_markov.tree import unit_labels


@dataclass(frozen=True, eq=False)
class Specification:
    """What a model was built from."""

    counts: TransitionCounts
    population: Population
    per_unit: bool
    """Whether each unit has a matrix of its own; otherwise all share one."""
    group: Ints
    """Which entry of alpha is the prior of each matrix."""
    collapsed: bool
    found: Patterns
    covariate: Covariate | None = None

    @property
    def tables(self) -> Counts:
        """Counts behind each matrix, shape (matrices, *history, K)."""
        return matrix_tables(self.counts, per_unit=self.per_unit)


_SPECIFICATIONS: WeakKeyDictionary[pm.Model, Specification] = WeakKeyDictionary()


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
    population = exchangeable(counts, strength, mean, median_strength, mean_alpha)
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
    population = exchangeable(counts, strength, mean, median_strength, mean_alpha)
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
        Standard deviation of the normal prior of the effects, in log-odds: within a factor 7 in
        the odds with probability .95.
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
    number = isinstance(effect_scale, int | float | np.integer | np.floating)
    if not number or isinstance(effect_scale, bool) or not 0 < effect_scale < np.inf:
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


def build(
    counts: TransitionCounts,
    population: Population,
    *,
    per_unit: bool,
    collapsed: bool = True,
    covariate: Covariate | None = None,
) -> pm.Model:
    """Put a population and the likelihood of the counts into a model."""
    if not isinstance(collapsed, bool):
        raise ValueError(f"collapsed must be True or False, got {collapsed!r}")
    tables = matrix_tables(counts, per_unit=per_unit)
    group = np.zeros(len(tables), dtype=np.int64) if covariate is None else covariate.group
    n_groups = 1 if covariate is None else len(covariate.design)
    found = patterns(tables, group, n_groups)
    names = dims(counts.order)
    axes: dict[str, Any] = {
        name: [str(label) for label in axis]  # nutpie takes no axis of mixed types
        for name, axis in coords(counts.states, counts.order).items()
    }
    if covariate is not None and covariate.levels is not None:
        axes["level"] = [str(level) for level in covariate.levels]
    with pm.Model(coords={**axes, "unit": [str(unit) for unit in unit_labels(counts)]}) as model:
        alpha = population.alpha(population.variables(), exp=pt.exp)
        if collapsed:
            data = Patterns(
                *(pm.Data(f"pattern_{name}", part) for name, part in found._asdict().items())
            )
            of_matrices = ("unit", *names) if per_unit else None
            pm.CustomDist(
                "counts",
                alpha,
                group,  # in the patterns already; here for the shape
                *data,
                logp=lambda value, alpha, group, *data: symbolic_log_evidence(
                    alpha, Patterns(*data), len(tables)
                ),
                signature=f"({_axes('g', names)}),(u),(p),(p),(p),(q),(q)->({_axes('u', names)})",
                observed=tables.astype(np.float64),
                dims=of_matrices,
            )
        else:
            shape, of_matrix = counts.pooled.shape, names
            prior = pt.broadcast_to(alpha[0], shape)
            if per_unit:
                prior, of_matrix = alpha[group], ("unit", *names)
            A = pm.Dirichlet("A", a=prior, dims=of_matrix, default_transform=StickBreaking())
            pm.CustomDist(
                "counts",
                A,
                logp=lambda value, A: log_likelihood(value, A, len(names)),
                signature=f"({_axes('', names)})->({_axes('', names)})",
                observed=counts.tables.astype(np.float64),
                dims=("unit", *names),
            )
    _SPECIFICATIONS[model] = Specification(
        counts, population, per_unit, group, collapsed, found, covariate
    )
    return model


def matrix_tables(counts: TransitionCounts, *, per_unit: bool) -> Counts:
    """Give the counts behind each matrix: those of the units, or of all together."""
    return counts.tables if per_unit else counts.pooled[None]


def specification_of(model: pm.Model) -> Specification:
    """Tell what a model was built from; refuse any but a model of this module."""
    try:
        return _SPECIFICATIONS[model]
    except (KeyError, TypeError):
        raise ValueError(
            f"model must be one with a learned prior (partial_pooling_model, ...), got "
            f"{type(model).__name__}"
        ) from None


def check_data(model: pm.Model, given: Specification) -> None:
    """Refuse a model that was fed with other data: A is drawn given what it was built from."""
    for name, part in given.found._asdict().items() if given.collapsed else ():
        if not np.array_equal(model[f"pattern_{name}"].get_value(), part):
            raise ValueError(
                f"model was fed with other data (pattern_{name}) than it was built from; build a "
                f"model of the new counts"
            )


def is_hierarchical(model: Any) -> bool:
    """Tell whether a model is one of this module."""
    return isinstance(model, pm.Model) and model in _SPECIFICATIONS


def exchangeable(
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


def check_counts(counts: object, *, needs_units: bool = False) -> None:
    """Refuse what no prior can be learned from."""
    if not isinstance(counts, TransitionCounts):
        raise TypeError(f"counts must be TransitionCounts, got {type(counts).__name__}")
    if len(counts.states) == 1:
        raise ValueError("counts have one state; every probability is 1 and nothing is unknown")
    if counts.order > 1:
        raise ValueError(
            f"counts are of order {counts.order}; learned priors are for order 0 and 1: take "
            f"counts.lower_order()"
        )
    if len(counts.tables) == 0:
        raise ValueError("counts have no unit at all; there is nothing to learn from")
    if needs_units and counts.units is None:
        raise ValueError(
            'counts have no units; count the data with unit= (or units="sequence", one unit for '
            "each sequence)"
        )


def _median(median_strength: float | None, counts: TransitionCounts) -> float:
    """Median strength: the given one, or that of a flat prior."""
    return float(len(counts.states)) if median_strength is None else median_strength


def _axes(first: str, names: tuple[str, ...]) -> str:
    """Letters for the axes of a signature."""
    letters = "ijk"[: len(names)]
    return ",".join((*first, *letters))
