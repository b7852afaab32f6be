"""Values: in rows, in columns, over time, against one another, and how they are distributed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .styles import WHOLE, Style

_BAND = "#EDEDED"
_SEEN = 0.7  # of opacity: points that lie on one another show
_CROSS: dict[str, Any] = {"label": "degenerate", "marker": "x", "linewidths": 0.7, "alpha": _SEEN, "zorder": 3}
"""The mark of a seed that does not count, as its split is degenerate."""
# Between ticks; numbers such as 0.15 and 0.45 are no help.
_STEPS = (1, 2, 2.5, 5, 10)


@contextmanager
def unbounded(ax: Axes) -> Iterator[None]:
    """Let what is drawn meanwhile reach beyond the axes, as intervals of few seeds may, and not widen them."""
    reach = ax.dataLim.get_points().copy()
    yield
    ax.dataLim.set_points(reach)


def jitter(count: int, reach: float) -> NDArray[np.float64]:
    """Return places around 0 for the seeds of a group, evenly spaced and always the same, so that each is seen.

    Example:
        >>> jitter(1, 0.1).tolist(), jitter(3, 0.1).tolist()
        ([0.0], [-0.1, 0.0, 0.1])
    """
    return np.linspace(-reach, reach, count) if count > 1 else np.zeros(count)


def _spread(points: pd.DataFrame, by: str, reach: float) -> NDArray[np.float64]:
    """Return the jitter of each point among those of its group."""
    order, sizes = points.groupby(by, sort=False).cumcount(), points.groupby(by, sort=False)[by].transform("size")
    return np.array([jitter(size, reach)[place] for place, size in zip(order, sizes, strict=True)], np.float64)


def _seeds(
    ax: Axes,
    points: pd.DataFrame,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    size: float,
    marker: str,
    colour: str,
    **options: Any,
) -> None:
    """Draw seeds, those whose split is degenerate as crosses."""
    wrong = points["degenerate"].to_numpy(bool) if "degenerate" in points else np.zeros(len(points), bool)
    ax.scatter(x[~wrong], y[~wrong], size, marker=marker, **options)
    if wrong.any():
        ax.scatter(x[wrong], y[wrong], size, color=colour, **_CROSS)


def dots(
    ax: Axes,
    points: pd.DataFrame,
    means: pd.DataFrame,
    rows: Sequence[str],
    styles: Mapping[str, Style],
    references: Collection[str] = (),
) -> Axes:
    """Draw values in rows: each a point, their mean a bar on its interval; the rows of reference stand on a band.

    Args:
        ax: where to draw.
        points: columns row, kind and value; and degenerate, for crosses, if there are any.
        means: columns row, kind, mean, low and high (NaN: no interval).
        rows: the rows from top to bottom; a row without any value says "n/a".
        styles: kind to colour and marker.
        references: the rows to set apart, below the others.
    """
    upper = [row for row in rows if row not in references]
    lower = [row for row in rows if row in references]
    places = {row: float(number) for number, row in enumerate(upper)}
    places |= {row: len(upper) + 0.35 + number for number, row in enumerate(lower)}
    offsets = np.linspace(-0.24, 0.24, len(styles)) if len(styles) > 1 else [0.0]
    if lower:
        ax.axhspan(len(upper) - 0.325, len(upper) + len(lower) - 0.15, color=_BAND, linewidth=0, zorder=0)
    reach = 0.13 / max(len(styles) - 1, 1)
    for (kind, (colour, marker)), offset in zip(styles.items(), offsets, strict=True):
        own, middle = points[points["kind"] == kind], means[means["kind"] == kind]
        level = own["row"].map(places).to_numpy(float) + offset + _spread(own, "row", reach)
        _seeds(
            ax, own, own["value"].to_numpy(float), level, 9, marker, colour, color=colour, edgecolors="white",
            linewidths=0.3, alpha=_SEEN, zorder=3,
        )  # fmt: skip
        level = middle["row"].map(places).to_numpy(float) + offset
        with unbounded(ax):
            ax.hlines(level, middle["low"], middle["high"], color="#000000", linewidth=0.6, zorder=4)
        ax.scatter(middle["mean"], level, 30, marker="|", color="#000000", linewidths=1.0, zorder=5)
    for row in rows:
        if not (points["row"] == row).any():
            ax.annotate(
                "n/a", (0, places[row]), xycoords=ax.get_yaxis_transform(), xytext=(3, 0), textcoords="offset points",
                va="center", color="#666666",
            )  # fmt: skip
    ax.set_yticks(list(places.values()), list(places))
    ax.set_ylim(len(upper) + len(lower) - (0.15 if lower else 0.5), -0.5)
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    return ax


def curves(
    ax: Axes, points: pd.DataFrame, means: pd.DataFrame, styles: Mapping[str, Style], tasks: Mapping[str, Any]
) -> Axes:
    """Draw means over epochs with bands and, thin, each seed; the style of line is the task's.

    The axis of values is that of the seeds, beyond which the bands of few may reach.

    Args:
        ax: where to draw.
        points: columns epoch, network, kind, task and value.
        means: columns epoch, kind, task (``""``: of all tasks), mean, low and high (NaN: no band).
        styles: kind to colour and marker.
        tasks: task to style of line.
    """
    for kind, (colour, marker) in styles.items():
        for (_, task), line in points[points["kind"] == kind].groupby(["network", "task"], sort=False):
            seed, dashes = line.sort_values("epoch"), tasks.get(str(task), "-")
            ax.plot(seed["epoch"], seed["value"], color=colour, linewidth=0.4, alpha=0.5, linestyle=dashes)
        for task, line in means[means["kind"] == kind].groupby("task", sort=False):
            own = line.sort_values("epoch")
            with unbounded(ax):
                ax.fill_between(own["epoch"], own["low"], own["high"], color=colour, alpha=0.18, linewidth=0)
            ax.plot(
                own["epoch"], own["mean"], color=colour, linewidth=1.0, linestyle=tasks.get(str(task), "-"),
                marker=marker if len(own) == 1 else "",
            )  # fmt: skip
    # The number of ticks must not depend on the room that is left when everything has its place.
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return ax


def levels(
    ax: Axes, points: pd.DataFrame, means: pd.DataFrame, columns: Mapping[str, str], styles: Mapping[str, Style]
) -> Axes:
    """Draw values in columns: each a small point, their mean a large one with its interval; a line is a whole network.

    Args:
        ax: where to draw.
        points: columns column (``""``: the whole network), kind and value; and degenerate, for crosses, if any are.
        means: columns column, kind, mean, low and high (NaN: no bar).
        columns: column to its text, from left to right.
        styles: kind to colour and marker.
    """
    places = {column: float(number) for number, column in enumerate(columns)}
    step = 0.64 / len(styles)
    offsets = step * (np.arange(len(styles)) - len(styles) / 2 + 0.3)
    for (kind, (colour, marker)), offset in zip(styles.items(), offsets, strict=True):
        middle = means[means["kind"] == kind]
        for level in middle.loc[middle["column"] == "", "mean"]:
            ax.axhline(level, color=colour, linewidth=0.9, linestyle=WHOLE, zorder=1)
        own = points[(points["kind"] == kind) & (points["column"] != "")]
        middle = middle[middle["column"] != ""]
        place = own["column"].map(places).to_numpy(float) + offset + 0.36 * step + _spread(own, "column", 0.14 * step)
        _seeds(
            ax, own, place, own["value"].to_numpy(float), 6, marker, colour, facecolors="none", edgecolors=colour,
            linewidths=0.6, zorder=3,
        )  # fmt: skip
        reach = np.stack([middle["mean"] - middle["low"], middle["high"] - middle["mean"]])
        ax.errorbar(
            middle["column"].map(places) + offset, middle["mean"], np.nan_to_num(np.maximum(reach, 0)), fmt=marker,
            color=colour, markersize=4.5, elinewidth=0.9, capsize=0, zorder=4,
        )  # fmt: skip
    ax.set_xticks(list(places.values()), list(columns.values()))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")
    return ax


def scatter(ax: Axes, points: pd.DataFrame, styles: Mapping[str, Style]) -> Axes:
    """Draw one value against another, a point for each network.

    Args:
        ax: where to draw.
        points: columns kind, x and y; and degenerate, for crosses, if any are.
        styles: kind to colour and marker.
    """
    for kind, (colour, marker) in styles.items():
        own = points[points["kind"] == kind]
        _seeds(
            ax, own, own["x"].to_numpy(float), own["y"].to_numpy(float), 14, marker, colour, color=colour,
            edgecolors="white", linewidths=0.3, alpha=_SEEN, zorder=3,
        )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.grid(visible=True)
    return ax


def distribution(ax: Axes, shares: pd.DataFrame, observed: pd.DataFrame, styles: Mapping[str, Style]) -> Axes:
    """Draw how values are distributed by chance, and above them those that were observed.

    Args:
        ax: where to draw.
        shares: columns kind, low and high (the edges of a bin) and height (0 to 1).
        observed: columns kind and value; and degenerate, for crosses, if any are.
        styles: kind to colour and marker; each has a row of observed values.
    """
    for row, (kind, (colour, marker)) in enumerate(styles.items()):
        own = shares[shares["kind"] == kind]
        if len(own):
            edges = [*own["low"], own["high"].iloc[-1]]
            ax.stairs(own["height"], edges, color=colour, alpha=0.3, fill=True, linewidth=0)
            ax.stairs(own["height"], edges, color=colour, linewidth=0.8)
        seen = observed[observed["kind"] == kind]
        _seeds(
            ax, seen, seen["value"].to_numpy(float), 1.15 + 0.2 * row + jitter(len(seen), 0.05), 12, marker, colour,
            color=colour, edgecolors="white", linewidths=0.3, alpha=_SEEN, zorder=3,
        )  # fmt: skip
    ax.set_ylim(0, 1.15 + 0.2 * len(styles))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.grid(axis="x")
    return ax


def densities(ax: Axes, shares: pd.DataFrame, styles: Mapping[str, tuple[str, bool]]) -> Axes:
    """Draw histograms over one another, some as areas and some as lines.

    Args:
        ax: where to draw.
        shares: columns group, low and high (the edges of a bin) and density.
        styles: group to its colour and whether it is an area.
    """
    for group, (colour, filled) in styles.items():
        own = shares[shares["group"] == group]
        if len(own):
            edges = [*own["low"], own["high"].iloc[-1]]
            if filled:
                ax.stairs(own["density"], edges, color=colour, alpha=0.35, fill=True, linewidth=0)
            ax.stairs(own["density"], edges, color=colour, linewidth=0.9)
    ax.set_ylim(bottom=0)
    return ax
