r"""Names for states that the likelihood cannot tell apart.

Exchange two hidden states, with their rows, columns and emissions, and the likelihood stays the
same: the posterior has K! copies of each mode, and a mean over them means nothing. Here the states
of each draw are put in order: ascending in one parameter of the emission, or, where labels are
observed, as they are most like the states of an estimate. That is a choice. It changes no quantity
that does not name states; where states overlap in what they are ordered by, it cuts through both.

References
----------
.. [1] Jasra, A., Holmes, C. C. and Stephens, D. A. (2005). Markov chain Monte Carlo methods and the
   label switching problem in Bayesian mixture modeling. Statistical Science 20, 50-67.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from analytic import DirichletRows
from analytic.hmm import Categorical, Emission
from analytic.validate import Bools, Floats, Ints
from bayes_markov.hmm.categorical import CategoricalPrior
from bayes_markov.hmm.emissions import EmissionPrior
from bayes_markov.labels import Label


class Ordering(NamedTuple):
    """How states are put in order."""

    name: str
    """What they are ordered by."""

    of: Callable[[Mapping[str, Floats]], Ints]
    """Old numbers of the states in their new order, from the parameters; leading axes are draws."""


def exchangeable(prior: DirichletRows, possible: Bools | None) -> bool:
    """Tell whether the states have the same prior and are possible at the same times."""
    n_states = prior.alpha.shape[1]
    for first in range(n_states - 1):
        swap = np.arange(n_states)
        swap[[first, first + 1]] = first + 1, first
        rows = np.concatenate([[0], swap + 1])
        if not np.array_equal(prior.alpha[rows][:, swap], prior.alpha):
            return False
        if possible is not None and not np.array_equal(possible[:, swap], possible):
            return False
    return True


def ordering(
    order_by: Label | None,
    *,
    emission: EmissionPrior,
    categories: tuple[Label, ...] | None,
    prior: DirichletRows,
    possible: Bools | None,
    example: Emission,
) -> Ordering | None:
    """Choose how states are put in order; None leaves them as they are.

    With "auto" it is by the rate or the mean, or by likeness to the states of `example`, which are
    themselves in the order of their most probable labels; or not at all if the states are told
    apart otherwise.
    """
    if order_by is None:
        return None
    if not exchangeable(prior, possible):
        if order_by == "auto":
            return None
        raise ValueError(
            f"order_by is {order_by!r}, but the states are told apart already by alpha, support or "
            f"possible, so exchanging them would change the posterior; give order_by=None"
        )
    if isinstance(emission, CategoricalPrior):
        assert categories is not None and isinstance(example, Categorical)
        if order_by == "auto":
            reference = example.B[np.lexsort((-example.B.max(axis=1), example.B.argmax(axis=1)))]
            return Ordering("likeness to Baum-Welch", partial(_likest, reference))
        if order_by not in categories:
            raise ValueError(
                f"order_by must be one of the labels {', '.join(map(repr, categories))}, by whose "
                f"probability the states are then ordered, got {order_by!r}"
            )
        column = categories.index(order_by)
        return Ordering(
            f"B[{order_by}]", lambda parameters: ascending(parameters["B"][..., column])
        )
    name = str(emission.ordered_by if order_by == "auto" else order_by)
    if name not in emission.dims:
        raise ValueError(f"order_by must be one of {', '.join(emission.dims)}, got {order_by!r}")
    return Ordering(name, lambda parameters: ascending(parameters[name]))


def ascending(values: Floats) -> Ints:
    """Order the states of each draw by a number that each state has."""
    return np.argsort(values, axis=-1, kind="stable")


def _likest(reference: Floats, parameters: Mapping[str, Floats]) -> Ints:
    """Pair the rows of B in each draw with those of a reference, most alike on the whole.

    Alike is what has a large sum of sqrt(p q), the affinity of two distributions.
    """
    from scipy.optimize import linear_sum_assignment

    B = parameters["B"]
    affinity = np.sqrt(reference) @ np.swapaxes(np.sqrt(B), -1, -2)
    order = np.empty(B.shape[:-1], dtype=np.int64)
    for index in np.ndindex(B.shape[:-2]):
        order[index] = linear_sum_assignment(affinity[index], maximize=True)[1]
    return order


def relabel(
    A: Floats, parameters: Mapping[str, Floats], order: Ints
) -> tuple[Floats, dict[str, Floats]]:
    """Put the states of each draw in another order, in A and in the parameters alike.

    Leading axes are draws; `order` has the old numbers of the states in their new order.

    Examples
    --------
    >>> A = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    >>> A, moved = relabel(A, {"rate": np.array([5.0, 1.0])}, np.array([1, 0]))
    >>> A.tolist(), moved["rate"].tolist()
    ([[0.1, 0.9], [0.7, 0.3], [0.2, 0.8]], [1.0, 5.0])
    """
    rows = np.concatenate([np.zeros((*order.shape[:-1], 1), dtype=order.dtype), order + 1], axis=-1)
    moved_A = np.take_along_axis(A, rows[..., None], axis=-2)
    moved_A = np.take_along_axis(moved_A, order[..., None, :], axis=-1)
    batch = order.ndim - 1
    moved = {}
    for parameter, values in parameters.items():
        index = order.reshape(order.shape + (1,) * (values.ndim - order.ndim))
        moved[parameter] = np.take_along_axis(values, index, axis=batch)
    return moved_A, moved


def switched(order: Ints) -> int:
    """Count the draws whose order is not the commonest of their chain."""
    total = 0
    for chain in order:
        _, counts = np.unique(chain, axis=0, return_counts=True)
        total += len(chain) - int(counts.max())
    return total
