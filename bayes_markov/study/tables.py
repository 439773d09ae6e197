"""Studies as text, a line for each estimator or interval and a column for each length."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

COLUMNS = 4
"""Lengths beside each other in 80 columns; more go into another block."""

_NAME, _CELL = 24, 13


def risk_table(study: xr.Dataset, *, loss: str = "kl") -> str:
    """Risk of every estimator, and how often the loss was infinite or undefined.

    Parameters
    ----------
    study : xarray.Dataset
        Result of `risk_study`; with several truths, the largest risk over them is shown.
    loss : str, default "kl"
        Which loss.

    Returns
    -------
    str
        Lines of at most 80 columns. 0.0123(45) is 0.0123 with a Monte Carlo standard error of
        0.0045; a dash is undefined.

    Raises
    ------
    ValueError
        A loss that the study does not have.

    Examples
    --------
    >>> from bayes_markov import risk_study
    >>> A = [[0.5, 0.5], [0.8, 0.2], [0.4, 0.6]]
    >>> study = risk_study(
    ...     A, lengths=[20, 80], estimators=["mle", "laplace"], replicates=2000, seed=1
    ... )
    >>> print(risk_table(study))  # doctest: +SKIP
    """
    known = [str(name) for name in study["loss"].values]
    if loss not in known:
        raise ValueError(f"the study has no loss {loss!r}; choose from {', '.join(known)}")
    drawn = study.sel(loss=loss)
    several = "truth" in drawn.dims
    name = "worst_risk" if several else "risk"
    text = _table(
        f"{'largest risk over the truths' if several else 'risk'}: {loss}",
        drawn[name],
        drawn[f"{name}_se"],
    )
    for what in ("infinite", "undefined"):
        share = drawn[what].max("truth") if several else drawn[what]
        if bool((share > 0).any()):
            title = f"share of the paths where it is {what}, and not in the mean above"
            some = np.flatnonzero((share > 0).any("length"))
            text += "\n\n" + _table(title, share.isel(estimator=some))
    return text


def coverage_table(study: xr.Dataset) -> str:
    """Lowest coverage of every interval, singly and for whole rows, and its mean width.

    Parameters
    ----------
    study : xarray.Dataset
        Result of `coverage_study`.

    Returns
    -------
    str
        Lines of at most 80 columns, numbers as in `risk_table`. All are over the transitions
        between states; s_0 is left once.

    Examples
    --------
    >>> from bayes_markov import coverage_study
    >>> A = [[0.5, 0.5], [0.9, 0.1], [0.4, 0.6]]
    >>> study = coverage_study(
    ...     A, lengths=[10], intervals=["wald", "wilson"], prob=0.9, replicates=2000, seed=1
    ... )
    >>> print(coverage_table(study))  # doctest: +SKIP
    """
    prob = f"{100 * study.attrs['prob']:g} %"
    drawn = study.isel(state=slice(1, None))
    cells = [str(dim) for dim in drawn["coverage"].dims if dim not in ("interval", "length")]
    rows = [dim for dim in cells if dim != "next_state"]
    blocks = [
        _table(title, *_lowest(drawn, name, over))
        for title, name, over in (
            (f"lowest coverage of a transition, nominal {prob}", "coverage", cells),
            (f"lowest coverage of a whole row at once, nominal {prob}", "joint_coverage", rows),
        )
    ]
    width, error = (drawn[name].mean(cells) for name in ("width", "width_se"))
    blocks.append(_table("mean width, its error at most", width, error))
    share = drawn["undefined"].max(cells)
    if bool((share > 0).any()):
        title = "largest share of the paths where a transition has no interval"
        blocks.append(_table(title, share))
    return "\n\n".join(blocks)


def _lowest(study: xr.Dataset, name: str, over: Sequence[str]) -> tuple[xr.DataArray, xr.DataArray]:
    """Lowest value over some axes, and the error there."""
    values = study[name].stack(at=over)
    where = values.fillna(np.inf).argmin("at")
    error = study[f"{name}_se"].stack(at=over)
    return values.isel(at=where, drop=True), error.isel(at=where, drop=True)


def _table(title: str, values: xr.DataArray, errors: xr.DataArray | None = None) -> str:
    """Write numbers over lengths and one other axis as text."""
    (dim,) = (dim for dim in values.dims if dim != "length")
    names = [str(name) for name in values[dim].values]
    lengths = [int(length) for length in values["length"].values]
    errors = xr.full_like(values, np.nan) if errors is None else errors
    numbers, spread = (part.transpose(dim, "length").values for part in (values, errors))
    lines = [title]
    for first in range(0, len(lengths), COLUMNS):
        part = slice(first, first + COLUMNS)
        head = "".join(f"{length:>{_CELL},}" for length in lengths[part])
        lines.append(f"{'length' if first == 0 else '':<{_NAME}}{head}")
        for name, row, error in zip(names, numbers, spread, strict=True):
            if len(name) >= _NAME:
                name = name[: _NAME - 2] + "\N{HORIZONTAL ELLIPSIS}"
            cells = (with_error(*pair) for pair in zip(row[part], error[part], strict=True))
            lines.append(f"{name:<{_NAME}}" + "".join(f"{cell:>{_CELL}}" for cell in cells))
    return "\n".join(lines)


def with_error(value: float, error: float) -> str:
    """Write a number with its standard error, two digits of it, in brackets behind it.

    Examples
    --------
    >>> with_error(0.01234567, 0.00045), with_error(12.3, 0.45), with_error(0.5, float("nan"))
    ('0.01235(45)', '12.30(45)', '0.5000')
    """
    if math.isnan(value):
        return "-"
    known = math.isfinite(value) and math.isfinite(error)
    if not (known and error > 1e-9 * abs(value)):  # or nothing varied but for rounding
        return f"{value:.4f}"
    digits = 1 - math.floor(math.log10(float(f"{error:.1e}")))
    if digits < 1 or digits > 6:
        return f"{value:.3g}({error:.1g})"
    return f"{value:.{digits}f}({error * 10**digits:.0f})"
