r"""The likelihood with the matrices summed out.

.. math::
    \log p(n^{(u)} \mid \alpha) = \sum_{i} \Bigl[ \sum_j \log \alpha_{ij}^{(n^{(u)}_{ij})}
    - \log \alpha_{i\cdot}^{(n^{(u)}_i)} \Bigr], \qquad
    a^{(n)} = a (a + 1) \cdots (a + n - 1)

is the evidence of the sequences behind the counts of unit u: no multinomial coefficient. Many
units have the same count in a cell, so each rising factorial is evaluated once for each pair of a
parameter and a count that occurs, not once for each unit.
"""

from typing import Any, NamedTuple

import numpy as np

from analytic.rising import log_rising
from analytic.validate import Counts, Floats, Ints

LARGE = 10.0
"""From here on the terms of Stirling's series below reach the precision of a float64."""

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
"""Its coefficients."""


class Patterns(NamedTuple):
    """Pairs of parameter and count that occur, and which unit has which.

    Parameters count through alpha, of shape (groups, *history, K), and then through its row sums.
    """

    parameter: Ints
    """Which parameter, for each pair."""

    steps: Floats
    """How often, for each pair; above 0."""

    sign: Floats
    """1 for a cell, -1 for a row sum, for each pair."""

    pair: Ints
    """Which pair, for each occurrence."""

    unit: Ints
    """In which unit, for each occurrence."""


def patterns(tables: Counts, group: Ints, n_groups: int) -> Patterns:
    """Find the pairs that occur in tables (units, *history, K), each unit with alpha of a group."""
    n_units, n_states = len(tables), tables.shape[-1]
    cells = tables.reshape(n_units, -1)
    rows = tables.sum(axis=-1).reshape(n_units, -1)
    width = cells.shape[1]
    unit, cell = np.nonzero(cells)
    unit_of_row, row = np.nonzero(rows)
    first_row = n_groups * width
    parameter = np.concatenate(
        [group[unit] * width + cell, first_row + group[unit_of_row] * (width // n_states) + row]
    )
    count = np.concatenate([cells[unit, cell], rows[unit_of_row, row]])
    pairs, pair = np.unique(np.stack([parameter, count], axis=1), axis=0, return_inverse=True)
    which = pairs[:, 0].astype(np.int64)
    return Patterns(
        parameter=which,
        steps=pairs[:, 1].astype(np.float64),
        sign=np.where(which < first_row, 1.0, -1.0),
        pair=pair.reshape(-1).astype(np.int64),
        unit=np.concatenate([unit, unit_of_row]).astype(np.int64),
    )


def log_evidence_per_unit(alpha: Floats, found: Patterns, n_units: int) -> Floats:
    """Log-evidence of each unit at draws of alpha, (draws, groups, *history, K).

    Shape (draws, units), in nats; 0 for a unit without transitions.
    """
    draws = len(alpha)
    cells, sums = alpha.reshape(draws, -1), alpha.sum(axis=-1).reshape(draws, -1)
    result = np.empty((draws, n_units))
    for d in range(draws):
        a = np.concatenate([cells[d], sums[d]])[found.parameter]
        value = found.sign * log_rising(a, found.steps)
        result[d] = np.bincount(found.unit, weights=value[found.pair], minlength=n_units)
    return result


def symbolic_log_evidence(alpha: Any, found: Any, n_units: int) -> Any:
    """Log-evidence of each unit, as a PyTensor expression of alpha (groups, *history, K)."""
    import pytensor.tensor as pt

    a = pt.concatenate([alpha.flatten(), alpha.sum(axis=-1).flatten()])[found.parameter]
    value = found.sign * _symbolic_log_rising(a, found.steps)
    return pt.zeros(n_units)[found.unit].inc(value[found.pair])


def _symbolic_log_rising(a: Any, n: Any) -> Any:
    """Log of a (a + 1) ... (a + n - 1); by Stirling's series where log-Gamma would cancel.

    The difference of two log-Gammas is noise at very large strengths, and its peaks hold chains.
    """
    import pytensor.tensor as pt

    # Each branch has an argument of its own, so that neither spoils the gradient of the other.
    small, large = pt.minimum(a, LARGE), pt.maximum(a, LARGE)
    direct = pt.gammaln(small + n) - pt.gammaln(small)
    rest = (large - 0.5) * pt.log1p(n / large) - n + _stirling(large + n) - _stirling(large)
    return pt.switch(a < LARGE, direct, n * pt.log(large + n) + rest)


def _stirling(z: Any) -> Any:
    """Log Gamma(z) less (z - 1/2) log z - z + log(2 pi) / 2, from Stirling's series."""
    y = 1 / z**2
    total: Any = STIRLING[-1]
    for coefficient in STIRLING[-2::-1]:
        total = coefficient + y * total
    return total / z
