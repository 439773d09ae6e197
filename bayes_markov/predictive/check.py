"""Does the model reproduce the data? Predictive p-values of statistics of the sequences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from analytic.validate import Floats
from bayes_markov.labels import Label
from bayes_markov.tree import variable

_TIE = 1e-9
"""Relative difference up to which two values of a statistic differ by rounding alone."""

_NAME_WIDTH, _LABEL_WIDTH = 19, 12


@dataclass(frozen=True)
class StatisticCheck:
    """One statistic: its value in the data, and its distribution over replicates.

    See `check_fit` for an example.
    """

    statistic: str
    """Its name."""
    state: Label | None
    """The state that it is about; None if it is about all."""
    observed: float
    """Value in the data; NaN where it is undefined."""
    mean: float
    """Mean over the replicates in which it is defined."""
    sd: float
    """Standard deviation over them."""
    p: float
    """P(T_rep > T) + P(T_rep = T) / 2; NaN if `observed` is, or no replicate has a value."""
    mcse: float
    """Monte Carlo standard error of `p`, larger than zero also where no replicate lies beyond."""
    undefined: int
    """Number of replicates in which the statistic is undefined, left out of the above."""
    outside: bool
    """Whether 2 min(p, 1 - p) is below the level of the check."""

    @property
    def label(self) -> str:
        """Name and state in words."""
        name = self.statistic.replace("_", " ")
        return name if self.state is None else f"{name}: {self.state}"


@dataclass(frozen=True)
class FitCheck:
    """Outcome of `check_fit`; printing it gives a table.

    Parameters
    ----------
    statistics : tuple of StatisticCheck
        One for each statistic, or for each state of one that is about a state.
    level : float
        Content of the two tails together that is called outside.
    replicates : int
        Number of replicates.
    group : str
        Where they come from.
    start : str
        Whether first states were drawn ("s0") or kept ("given").
    """

    statistics: tuple[StatisticCheck, ...]
    level: float
    replicates: int
    group: str
    start: str

    @property
    def outside(self) -> tuple[StatisticCheck, ...]:
        """Statistics in the tails."""
        return tuple(line for line in self.statistics if line.outside)

    def __repr__(self) -> str:
        """Table of at most 80 columns."""
        begin = "drawn from s_0" if self.start == "s0" else "as observed"
        kind = self.group.replace("_", " ")
        lines = [
            f"{kind} check: {self.replicates:,} replicates, first states {begin}",
            f"p = P(T_rep > T) + P(T_rep = T)/2; * outside the central {1 - self.level:.4g}",
            "",
            f"{'statistic':<{_NAME_WIDTH}} {'state':<{_LABEL_WIDTH}} {'observed':>9} {'mean':>9} "
            f"{'sd':>9}  {'p':<6} +/-",
        ]
        before = None
        for line in self.statistics:
            name = line.statistic.replace("_", " ") if line.statistic != before else ""
            before = line.statistic
            state = "" if line.state is None else str(line.state)
            values = (
                f"{_short(name, _NAME_WIDTH)} {_short(state, _LABEL_WIDTH)} "
                f"{_number(line.observed):>9} {_number(line.mean):>9} {_number(line.sd):>9}"
            )
            p = f"{line.p:.4f} {line.mcse:.4f}" if np.isfinite(line.p) else "undefined"
            lines.append(f"{values}  {p}{' *' * line.outside}".rstrip())
        undefined = [line for line in self.statistics if line.undefined]
        if undefined:
            lines += ["", "undefined in some replicates, which are left out:"]
            lines += [f"  {_short(x.label, 40).rstrip()}: {x.undefined:,}" for x in undefined]
        judged = sum(bool(np.isfinite(line.p)) for line in self.statistics)
        lines += ["", f"{len(self.outside)} of {judged} outside"]
        return "\n".join(lines)


def check_fit(
    tree: xr.DataTree,
    *,
    group: Literal["posterior_predictive", "prior_predictive"] = "posterior_predictive",
    level: float = 0.05,
) -> FitCheck:
    r"""Compare each statistic of the data with its predictive distribution.

    .. math:: p = P(T^{rep} > T) + \tfrac12 P(T^{rep} = T)

    Ties count half, so that p is 1/2 where a statistic cannot vary. If the model holds, p is not
    uniform but nearer to 1/2, since the data are used twice: it lies in the tails less often than
    its level says, at most twice as often [1]_. With many statistics, some lie there by chance.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of `posterior_predictive` or `prior_predictive`.
    group : {"posterior_predictive", "prior_predictive"}
        Which of the two to check.
    level : float, default 0.05
        A statistic is outside if 2 min(p, 1 - p) is below this.

    Returns
    -------
    FitCheck
        The Monte Carlo standard error of a p-value is the standard deviation of a Beta
        distribution with 1 + S p and 1 + S (1 - p), S the effective number of replicates.

    Raises
    ------
    ValueError
        A tree without the group, or a `level` outside (0, 1).

    Examples
    --------
    >>> import bayes_markov as bm
    >>> data = [["sun"] * 8 + ["rain"] * 8 + ["sun"] * 8]
    >>> tree = bm.exact_posterior(bm.TransitionCounts.from_sequences(data), seed=1)
    >>> checked = bm.posterior_predictive(tree, data, seed=1, statistics=["limited_horizon"])
    >>> print(bm.check_fit(checked))
    posterior predictive check: 4,000 replicates, first states drawn from s_0
    p = P(T_rep > T) + P(T_rep = T)/2; * outside the central 0.95
    <BLANKLINE>
    statistic           state         observed      mean        sd  p      +/-
    limited horizon                     0.4407     1.222     1.545  0.5930 0.0080
    <BLANKLINE>
    0 of 1 outside

    References
    ----------
    .. [1] Meng, X.-L. (1994). Posterior predictive p-values. Annals of Statistics 22, 1142-1160.
    """
    if group not in ("posterior_predictive", "prior_predictive"):
        raise ValueError(
            f'group must be "posterior_predictive" or "prior_predictive", got {group!r}'
        )
    if group not in tree.children:
        raise ValueError(
            f"tree has no group {group}; make it with {group}(tree, sequences, seed=...)"
        )
    if not (isinstance(level, int | float | np.number) and 0 < level < 1):
        raise ValueError(f"level must lie strictly between 0 and 1, got {level!r}; 5 % is 0.05")
    node = tree.children[group]
    lines = tuple(
        _check_one(name, state, observed, values, level)
        for name, state, observed, values in statistics_of(tree, group)
    )
    replicates = node.sizes["chain"] * node.sizes["draw"]
    return FitCheck(lines, float(level), replicates, group, str(node.attrs["start"]))


def statistics_of(
    tree: xr.DataTree, group: str
) -> Iterator[tuple[str, Label | None, float, Floats]]:
    """Name, state, value in the data and values in the replicates, (chain, draw), of each."""
    for name in map(str, tree.children[group].data_vars):
        values = variable(tree, group, name).transpose("chain", "draw", ...)
        observed = variable(tree, "observed_data", name)
        if "in_state" not in values.dims:
            yield name, None, float(observed), values.values
            continue
        for at, state in enumerate(values["in_state"].values.tolist()):
            yield name, state, float(observed.values[at]), values.values[..., at]


def _check_one(
    name: str, state: Label | None, observed: float, values: Floats, level: float
) -> StatisticCheck:
    """Compare one value with its replicates, those that are defined."""
    defined = ~np.isnan(values)
    kept = values[defined]
    undefined = int(values.size - kept.size)
    if kept.size == 0:
        nan = np.nan
        return StatisticCheck(name, state, observed, nan, nan, nan, nan, undefined, False)
    with np.errstate(invalid="ignore"):  # a statistic of one's own may be infinite
        mean, sd = float(kept.mean()), float(kept.std(ddof=1)) if kept.size > 1 else np.nan
    if np.isnan(observed):
        return StatisticCheck(name, state, observed, mean, sd, np.nan, np.nan, undefined, False)
    with np.errstate(invalid="ignore"):
        tie = np.isclose(values, observed, rtol=_TIE, atol=0)
        beyond = np.where(tie, 0.5, values > observed)
    p = float(beyond[defined].mean())
    size = _effective_size(beyond) if undefined == 0 else float(kept.size)
    a, b = 1 + size * p, 1 + size * (1 - p)
    mcse = float(np.sqrt(a * b / (a + b + 1)) / (a + b))
    outside = 2 * min(p, 1 - p) < level
    return StatisticCheck(name, state, observed, mean, sd, p, mcse, undefined, outside)


def _effective_size(values: Floats) -> float:
    """Effective number of draws, at most their number; all of them where nothing varies."""
    import arviz_stats as azs

    if values.shape[1] < 4 or np.ptp(values) == 0:
        return float(values.size)
    return float(min(azs.ess(values, method="mean"), values.size))


def _short(text: str, width: int) -> str:
    """Text of exactly this width, cut where it is longer."""
    return f"{text if len(text) <= width else text[: width - 2] + '..':<{width}}"


def _number(value: float) -> str:
    """Write a number in at most nine characters, whole numbers whole."""
    if np.isnan(value):
        return "-"
    if value.is_integer() and abs(value) < 10**8:
        return f"{int(value)}"
    return f"{value:.4g}" if abs(value) < 10**4 else f"{value:.3g}"
