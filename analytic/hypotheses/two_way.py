r"""Independence of rows and columns in many two-way tables at once.

Order u against v, sameness in time and sameness of units are all this: for each history that the
hypothesis keeps, a table whose rows are what it says does not matter (older states, blocks, units)
and whose columns are the next states. The last two axes are a table; those before are tables that
are added up.
"""

import numpy as np

from analytic.validate import Bools, Counts, Floats, check_whole

MAX_CYCLES = 10_000
"""Cycles of proportional fitting before it is given up."""

FITTED = 1e-12
"""Fitting ends when no row total is off by more than this, relative to the total."""


def expected_counts(table: Counts, support: Bools | None = None) -> Floats:
    r"""Fit independence: the counts expected if the columns do not depend on the rows.

    .. math:: E_{rc} = \frac{n_{r \cdot} n_{\cdot c}}{n_{\cdot \cdot}}

    With structural zeros that differ from row to row it is quasi-independence, E_rc = x_r y_c on
    the support with the totals of the counts, which has no closed form; it is found by iterative
    proportional fitting [1]_.

    Parameters
    ----------
    table : ndarray
        Counts, shape (..., R, C).
    support : ndarray of bool, optional
        Possible cells, shape of `table`.

    Returns
    -------
    ndarray
        Expected counts, shape of `table`; 0 in an empty table.

    Raises
    ------
    ValueError
        Quasi-independence has no maximum inside: some fitted count goes to zero.

    Examples
    --------
    >>> expected_counts(np.array([[3, 1], [5, 3]]))
    array([[2.66666667, 1.33333333],
           [5.33333333, 2.66666667]])

    References
    ----------
    .. [1] Goodman, L. A. (1968). The analysis of cross-classified data: independence,
       quasi-independence, and interactions in contingency tables with or without missing entries.
       Journal of the American Statistical Association 63, 1091-1131.
    """
    counts = table.astype(np.float64)
    rows, columns = counts.sum(axis=-1, keepdims=True), counts.sum(axis=-2, keepdims=True)
    expected = _ratio(rows * columns, rows.sum(axis=-2, keepdims=True))
    possible = used_cells(table, support)
    if is_product(possible).all():
        return expected
    fit = possible.astype(np.float64)
    for _ in range(MAX_CYCLES):
        fit *= _ratio(rows, fit.sum(axis=-1, keepdims=True))
        fit *= _ratio(columns, fit.sum(axis=-2, keepdims=True))
        if np.abs(fit.sum(axis=-1, keepdims=True) - rows).max() <= FITTED * counts.sum():
            return np.where(is_product(possible)[..., None, None], expected, fit)
    raise ValueError(
        f"with this support, independence has no maximum inside that {MAX_CYCLES} cycles would "
        f"reach: some expected count goes to zero; leave out the rows and columns with few counts"
    )


def degrees_of_freedom(table: Counts, support: Bools | None = None) -> int:
    r"""Degrees of freedom of independence, from the observed support.

    .. math:: \sum_{\text{tables}} (\text{rows with counts} - 1) (\text{columns with counts} - 1)

    With structural zeros inside, cells - rows - columns + components for each table, where rows
    and columns are linked by their possible cells.

    Parameters
    ----------
    table : ndarray
        Counts, shape (..., R, C).
    support : ndarray of bool, optional
        Possible cells, shape of `table`.

    Returns
    -------
    int
        Degrees of freedom; an empty table adds 0.

    Examples
    --------
    The last column is never seen, so that the rows differ in one free share:

    >>> degrees_of_freedom(np.array([[3, 1, 0], [5, 3, 0]]))
    1
    """
    used = used_cells(table, support)
    used = used.reshape(-1, *used.shape[-2:])
    product = is_product(used)
    rows, columns = used.any(axis=-1).sum(axis=-1), used.any(axis=-2).sum(axis=-1)
    df = int(((rows - 1) * (columns - 1))[product & (rows > 0)].sum())
    for cells in used[~product]:
        df += int(cells.sum() - cells.any(axis=1).sum() - cells.any(axis=0).sum())
        df += _components(cells)
    return df


def used_cells(table: Counts, support: Bools | None) -> Bools:
    """Possible cells in rows and columns that have counts."""
    rows, columns = table.sum(axis=-1) > 0, table.sum(axis=-2) > 0
    used = rows[..., :, None] & columns[..., None, :]
    return used if support is None else used & support


def is_product(cells: Bools) -> Bools:
    """Tell for each table whether its cells are all those of some rows and some columns."""
    full = cells.any(axis=-1)[..., :, None] & cells.any(axis=-2)[..., None, :]
    return np.asarray((cells == full).all(axis=(-2, -1)))


def random_tables(table: Counts, rng: np.random.Generator, size: int) -> Counts:
    """Draw tables with the same row and column totals, as if columns were dealt to the rows.

    Given both totals, independent rows of one multinomial law have the multivariate
    hypergeometric distribution, whatever the law [1]_: a shuffle of the columns over the rows.

    Parameters
    ----------
    table : ndarray
        Whole-numbered counts, shape (..., R, C); each of the tables is drawn by itself.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of int64
        Shape (size, ..., R, C).

    Examples
    --------
    >>> drawn = random_tables(np.array([[3, 1], [5, 3]]), np.random.default_rng(1), 4)
    >>> drawn.sum(axis=1)
    array([[8, 4],
           [8, 4],
           [8, 4],
           [8, 4]])

    References
    ----------
    .. [1] Patefield, W. M. (1981). Algorithm AS 159: an efficient method of generating random
       R x C tables with given row and column totals. Applied Statistics 30, 91-97.
    """
    check_whole(table)
    counts = table.astype(np.int64)
    drawn = np.zeros((size, *counts.shape), dtype=np.int64)
    left = np.broadcast_to(counts.sum(axis=-2), (size, *counts.shape[:-2], counts.shape[-1])).copy()
    for row in range(counts.shape[-2]):
        to_place = np.broadcast_to(counts[..., row, :].sum(axis=-1), left.shape[:-1]).copy()
        others = left.sum(axis=-1)
        for column in range(counts.shape[-1]):
            others = others - left[..., column]
            cell = rng.hypergeometric(left[..., column], others, to_place)
            drawn[..., row, column] = cell
            left[..., column] -= cell
            to_place -= cell
    return drawn


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, 0 where 0 is divided by 0."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, 1.0))


def _components(cells: Bools) -> int:
    """Count the pieces that rows and columns fall into when linked by their cells."""
    links = cells.astype(np.int64) @ cells.T.astype(np.int64) > 0
    links = links[links.any(axis=1)][:, links.any(axis=0)]
    for _ in range(len(links)):
        links = links.astype(np.int64) @ links.astype(np.int64) > 0
    return len(np.unique(links, axis=0))
