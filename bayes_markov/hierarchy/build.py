"""A population and the likelihood of counts in one PyMC model, and what it was built from."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from analytic.validate import Counts, Ints
from bayes_markov.counts import TransitionCounts
from bayes_markov.hierarchy.covariates import Covariate
from bayes_markov.hierarchy.evidence import Patterns, patterns, symbolic_log_evidence
from bayes_markov.hierarchy.hyperpriors import variables
from bayes_markov.hierarchy.populations import Population
from bayes_markov.labels import coords, dims
from bayes_markov.models import log_likelihood
from bayes_markov.nuts import data_of
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
    built_with: dict[str, NDArray[Any]]
    """Data of the model when it was built."""
    covariate: Covariate | None = None

    @property
    def tables(self) -> Counts:
        """Counts behind each matrix, shape (matrices, *history, K)."""
        return matrix_tables(self.counts, per_unit=self.per_unit)


_SPECIFICATIONS: WeakKeyDictionary[pm.Model, Specification] = WeakKeyDictionary()


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
        alpha = population.alpha(variables(population.hyperpriors), exp=pt.exp)
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
        counts, population, per_unit, group, collapsed, found, data_of(model), covariate
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


def is_hierarchical(model: Any) -> bool:
    """Tell whether a model is one of this module."""
    return isinstance(model, pm.Model) and model in _SPECIFICATIONS


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


def _axes(first: str, names: tuple[str, ...]) -> str:
    """Letters for the axes of a signature."""
    letters = "ijk"[: len(names)]
    return ",".join((*first, *letters))
