"""One cell of a study of risk: simulate paths, estimate, and take the losses."""

import numpy as np

from analytic.estimate import Estimator
from analytic.validate import ROW_SUM_TOLERANCE, Floats, Ints, as_numbers, as_stochastic
from bayes_markov.study.cells import Arrays
from bayes_markov.study.losses import Loss, weighted_sum
from bayes_markov.study.moments import moments_of
from bayes_markov.study.plan import Plan
from bayes_markov.study.simulation import simulate_counts


def risk_cell(plan: Plan, losses: dict[str, Loss], cell: tuple[int, ...]) -> Arrays:
    """Moments of the losses, the losses of the rows, and the errors, for one block of paths.

    Parameters
    ----------
    plan : Plan
        The study; its rules are estimators.
    losses : dict of Loss
        What is measured.
    cell : tuple of int
        Truth and block.

    Returns
    -------
    dict of ndarray
        Moments (five numbers each) over the paths: "risk", shape (5, lengths, estimators,
        losses); "row_risk", the same and (K+1,); "bias", shape (5, lengths, estimators, K+1, K).
    """
    rng = plan.rng(*cell, 0)
    size = plan.size(cell)
    A = plan.truth.draw(cell[0], size, rng)
    risk, row_risk, bias = [], [], []
    for length, (tables, last) in zip(
        plan.lengths, simulate_counts(A, plan.lengths, size, rng=rng), strict=True
    ):
        weights = {loss.weights: loss.weights(A, length, last) for loss in losses.values()}
        for name, rule in plan.rules.items():
            estimate = _estimate(name, rule, tables)
            # Losses that differ in their weights only share the rows.
            rows = {loss.rows: loss.rows(A, estimate) for loss in losses.values()}
            of_rows = {function: moments_of(values) for function, values in rows.items()}
            bias.append(moments_of(estimate - A))
            for loss in losses.values():
                weight = weights[loss.weights]
                exists = ~np.isnan(weight).any(axis=-1)
                risk.append(moments_of(weighted_sum(rows[loss.rows], weight), exists))
                row_risk.append(of_rows[loss.rows])

    shape = (len(plan.lengths), len(plan.rules))

    def stacked(found: list[object], *each: int) -> Floats:
        array = np.array(found)  # (lengths x estimators x ..., 5, ...)
        return np.moveaxis(array, 1, 0).reshape(5, *shape, *each)

    n_states = plan.truth.n_states
    return {
        "risk": stacked([*risk], len(losses)),
        "row_risk": stacked([*row_risk], len(losses), n_states + 1),
        "bias": stacked([*bias], n_states + 1, n_states),
    }


def _estimate(name: str, rule: Estimator, tables: Ints) -> Floats:
    """Estimates of an estimator, checked: rows are distributions or NaN throughout."""
    estimate = as_numbers(f"the estimate of {name!r}", rule(tables)).astype(np.float64, copy=False)
    if estimate.shape != tables.shape:
        raise ValueError(
            f"estimator {name!r} returned shape {estimate.shape} for tables of shape "
            f"{tables.shape}; it must take a leading batch axis and keep the shape"
        )
    undefined = np.isnan(estimate).all(axis=-1, keepdims=True)
    # An entry may miss 1 by rounding, as a row may miss its sum.
    rounded = np.where((estimate > 1) & (estimate < 1 + ROW_SUM_TOLERANCE), 1.0, estimate)
    try:
        as_stochastic(np.where(undefined, 1 / tables.shape[-1], rounded), "the estimate")
    except ValueError as error:
        raise ValueError(f"estimator {name!r}: {error}") from None
    rounded.flags.writeable = False  # every loss looks at it
    return rounded
