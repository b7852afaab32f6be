"""Values: in rows, in columns, over time, against one another, and how they are distributed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .styles import WHOLE, Style

_BAND = "#EDEDED"
_SEEN = 0.7  # of opacity: points that lie on one another show
# Between ticks; numbers such as 0.15 and 0.45 are no help.
_STEPS = (1, 2, 2.5, 5, 10)


def dots(
    ax: Axes,
    points: pd.DataFrame,
    means: pd.DataFrame,
    rows: Sequence[str],
    styles: Mapping[str, Style],
    references: Collection[str] = (),
) -> Axes:
    """Draw values in rows: each a point, their mean a bar across; the rows of reference stand apart on a band.

    Args:
        ax: where to draw.
        points: columns row, kind and value.
        means: columns row, kind and mean.
        rows: the rows from top to bottom; a row without any value says "n/a".
        styles: kind to colour and marker.
        references: the rows to set apart, below the others.
    """
    upper = [row for row in rows if row not in references]
    lower = [row for row in rows if row in references]
    places = {row: float(number) for number, row in enumerate(upper)}
    places |= {row: len(upper) + 0.35 + number for number, row in enumerate(lower)}
    offsets = np.linspace(-0.2, 0.2, len(styles)) if len(styles) > 1 else [0.0]
    if lower:
        ax.axhspan(len(upper) - 0.325, len(upper) + len(lower) - 0.15, color=_BAND, linewidth=0, zorder=0)
    for (kind, (colour, marker)), offset in zip(styles.items(), offsets, strict=True):
        own, middle = points[points["kind"] == kind], means[means["kind"] == kind]
        ax.scatter(
            own["value"], own["row"].map(places) + offset, 11, marker=marker, color=colour, edgecolors="white",
            linewidths=0.3, zorder=3,
        )  # fmt: skip
        ax.scatter(
            middle["mean"],
            middle["row"].map(places) + offset,
            40,
            marker="|",
            color="#000000",
            linewidths=1.0,
            zorder=4,
        )
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


def curves(ax: Axes, means: pd.DataFrame, styles: Mapping[str, Style], tasks: Mapping[str, Any]) -> Axes:
    """Draw means over epochs with bands; the style of line is the task's.

    Args:
        ax: where to draw.
        means: columns epoch, kind, task (``""``: of all tasks), mean, low and high (NaN: no band).
        styles: kind to colour and marker.
        tasks: task to style of line.
    """
    for kind, (colour, marker) in styles.items():
        for task, line in means[means["kind"] == kind].groupby("task", sort=False):
            own = line.sort_values("epoch")
            ax.fill_between(own["epoch"], own["low"], own["high"], color=colour, alpha=0.22, linewidth=0)
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
        points: columns column (``""``: the whole network), kind and value.
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
        ax.scatter(
            own["column"].map(places) + offset + 0.36 * step, own["value"], 6, marker=marker, facecolors="none",
            edgecolors=colour, linewidths=0.6, zorder=3,
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
        points: columns kind, x and y.
        styles: kind to colour and marker.
    """
    for kind, (colour, marker) in styles.items():
        own = points[points["kind"] == kind]
        ax.scatter(
            own["x"], own["y"], 14, marker=marker, color=colour, edgecolors="white", linewidths=0.3, alpha=_SEEN,
            zorder=3,
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
        observed: columns kind and value.
        styles: kind to colour and marker; each has a row of observed values.
    """
    for row, (kind, (colour, marker)) in enumerate(styles.items()):
        own = shares[shares["kind"] == kind]
        if len(own):
            edges = [*own["low"], own["high"].iloc[-1]]
            ax.stairs(own["height"], edges, color=colour, alpha=0.3, fill=True, linewidth=0)
            ax.stairs(own["height"], edges, color=colour, linewidth=0.8)
        values = observed.loc[observed["kind"] == kind, "value"]
        ax.scatter(
            values, np.full(len(values), 1.15 + 0.2 * row), 12, marker=marker, color=colour, edgecolors="white",
            linewidths=0.3, alpha=_SEEN, zorder=3,
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
