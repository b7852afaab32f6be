"""Matrices: strengths of connections, and heat maps whose numbers are written into their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation, blended_transform_factory
from numpy.typing import NDArray

from .scales import powers
from .styles import HEAT, SHARED, UNASSIGNED

# How thick the strip of module colours beside a matrix is, in points, and how far its middle lies from the matrix.
_STRIP = 4.0
_MISSING = "#DDDDDD"


def ink(colour: Any) -> str:
    """Return the colour of a text that is read on a colour: black, or white on what is dark.

    Example:
        >>> ink("#FFFFFF"), ink("#5B1A5E")
        ('#111111', '#FFFFFF')
    """
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    return "#111111" if float(np.dot(linear, [0.2126, 0.7152, 0.0722])) > 0.18 else "#FFFFFF"


def matrix(ax: Axes, strength: NDArray[np.floating[Any]], norm: Normalize) -> Axes:
    """Draw the strengths of all connections from one layer to another, a row for each target, a column for each source.

    Args:
        ax: where to draw.
        strength: ``(target units, source units)``, at least 0; what lies below the range of `norm` has its first
            colour.
        norm: from strengths to 0 to 1.
    """
    ax.imshow(strength, cmap=HEAT, norm=norm, aspect="auto", interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, linewidth=0.5)
    return ax


def boundaries(ax: Axes, modules: Sequence[str], colours: Mapping[str, str], axis: str) -> Axes:
    """Draw where the modules of a matrix end: lines across it, and beside it a strip of their colours.

    Args:
        ax: of a `matrix`.
        modules: the module of each row or column, in the order drawn, neurons of one module side by side; ``""``: none.
        colours: module to colour.
        axis: ``"x"``: of the columns, with the strip below; ``"y"``: of the rows, with the strip to the left.
    """
    places = np.flatnonzero([one != other for one, other in pairwise(modules)]) + 1
    across = axis == "x"
    blended = blended_transform_factory(*((ax.transData, ax.transAxes) if across else (ax.transAxes, ax.transData)))
    # Of a thickness in points, whatever the size of the panel.
    shift = (0.0, -_STRIP / 72) if across else (-_STRIP / 72, 0.0)
    transform = blended + ScaledTranslation(*shift, ax.figure.dpi_scale_trans)
    for start, end in pairwise([0, *places.tolist(), len(modules)]):
        face = UNASSIGNED if modules[start] == "" else colours.get(modules[start], SHARED)
        ends, level = [start - 0.5, end - 0.5], [0.0, 0.0]
        xs, ys = (ends, level) if across else (level, ends)
        ax.add_line(
            Line2D(xs, ys, transform=transform, color=face, linewidth=_STRIP, solid_capstyle="butt", clip_on=False)
        )
        if start:
            (ax.axvline if across else ax.axhline)(start - 0.5, color="#111111", linewidth=0.5)
    return ax


def heat(
    ax: Axes,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    norm: Normalize,
    texts: NDArray[np.str_] | None = None,
) -> Axes:
    """Draw values as cells of colour, their numbers in them.

    Args:
        ax: where to draw.
        values: ``(rows, columns)``; nan is a cell without a value, hatched.
        rows: the name of each row, from top to bottom; none are written if it is empty.
        columns: the name of each column; none are written if it is empty.
        norm: from values to 0 to 1.
        texts: ``(rows, columns)``, what is written into the cells; nothing if None.
    """
    for row, column in np.argwhere(~np.isfinite(values)):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor=_MISSING, hatch="//////"))
    ax.imshow(np.ma.masked_invalid(values), cmap=HEAT, norm=norm, aspect="auto", interpolation="nearest")
    ax.set_xticks(np.arange(len(columns)), list(columns))
    ax.set_yticks(np.arange(len(rows)), list(rows))
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(1, values.shape[1]) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, values.shape[0]) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    if texts is not None:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = ink(HEAT(float(norm(value))))
                ax.text(column, row, str(texts[row, column]), color=colour, ha="center", va="center")
    return ax


def colour_bar(figure: FigureBase, axes: Sequence[Axes], norm: Normalize, text: str, **options: Any) -> Colorbar:
    """Draw the scale of matrices or heat maps beside their panels; further options are those of ``Figure.colorbar``."""
    bar = figure.colorbar(ScalarMappable(norm, HEAT), ax=list(axes), label=text, **options)
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        powers(bar.long_axis)
    return bar
