"""Lines that can be told apart in print without colour, and by readers who do not see all colours.

They differ in colour, in dashes and in the shape of their marks.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from analytic.validate import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a")
"""Palette of Okabe and Ito, without its yellow, which is too light for lines, and with a grey."""

_MARKERS = "os^DvPX<>*dph8"
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))

ERRORS = 2
"""Half-width of the bands, in Monte Carlo standard errors."""


def styles(study: xr.Dataset, dim: str, names: Any) -> list[tuple[str, dict[str, Any]]]:
    """Style of each line; a name keeps its style when others are left out."""
    places = {str(name): number for number, name in enumerate(study[dim].values)}
    return [
        (
            str(name),
            {
                "color": COLORS[places[str(name)] % len(COLORS)],
                "marker": _MARKERS[places[str(name)] % len(_MARKERS)],
                "linestyle": _DASHES[places[str(name)] % len(_DASHES)],
            },
        )
        for name in names
    ]


def draw_line(
    ax: "Axes",
    name: str,
    style: dict[str, Any],
    x: Any,
    y: Floats,
    error: Floats,
    *,
    hollow: Any = None,
    bars: bool = False,
) -> None:
    """Draw a line with its marks, and bars or a band for its Monte Carlo error."""
    color = style["color"]
    x, partly = np.asarray(x), np.zeros(len(y), dtype=np.bool_) if hollow is None else hollow
    ax.plot(x, np.where(partly, np.nan, y), **style, lw=1.4, ms=5.5, label=name, zorder=3)
    marks = {"ls": "none", "marker": style["marker"], "ms": 5.5, "mfc": "white", "mec": color}
    ax.plot(x[partly], y[partly], **marks, zorder=4)
    single = partly | bars
    ax.errorbar(
        x[single], y[single], ERRORS * error[single], fmt="none", ecolor=color, lw=1, zorder=2
    )
    if not bars:
        low = np.maximum(y - ERRORS * error, y / 100)  # a log axis has no room for less
        ax.fill_between(
            x, low, y + ERRORS * error, where=~partly, color=color, alpha=0.18, lw=0, zorder=2
        )


def new_axes(ax: "Axes | None") -> "Axes":
    """Axes to draw into."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    _, new = plt.subplots(figsize=(8, 4.6), layout="constrained")
    new.grid(color="0.92", lw=0.8)
    new.set_axisbelow(True)
    new.spines[["top", "right"]].set_visible(False)
    return new


def legend_beside(ax: "Axes") -> None:
    """Put names beside the axes, where they hide nothing."""
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, handlelength=4, borderaxespad=0
    )
