"""Plots: each draws numbers that it is given on an axes and returns it. They compute no statistics and save nothing.

A task has a colour, a kind of network a colour and a marker, a layer a marker. The colours are told apart by readers
with any colour vision, and the first ones also in grey, as they differ in lightness.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

UNASSIGNED, SHARED = "#8A8A8A", "#222222"
"""The colours of a neuron that serves no task, and of one that serves several."""

# After Okabe & Ito, "Color Universal Design" (2008), in an order in which neighbours differ most in lightness.
_TASKS = ("#0072B2", "#E69F00", "#5B1A5E", "#56B4E9", "#D55E00", "#F0E442", "#009E73", "#CC79A7")
_KINDS = {"regular": ("#3A3A3A", "s"), "spatial": ("#D55E00", "o")}
_OTHER_KINDS = (("#009E73", "^"), ("#CC79A7", "D"), ("#0072B2", "v"), ("#E69F00", "P"), ("#5B1A5E", "X"))
_LAYERS = ("o", "^", "s", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
WHOLE = (0, (4, 2))
"""The line that stands for a whole network."""

_BAND = "#EDEDED"
# Of a slice of half-width 1: the distance to the next one, and where its horizontal half-axis points on the page.
_SLICE_GAP, _DEPTH = 2.0, (0.62, 0.28)

Style = tuple[str, str]
"""A colour and a marker."""


def task_colours(tasks: Sequence[str]) -> dict[str, str]:
    """Return a colour for each task; any number of tasks.

    Example:
        >>> task_colours(["digits", "clothes"])
        {'digits': '#0072B2', 'clothes': '#E69F00'}
    """
    if len(tasks) <= len(_TASKS):
        return dict(zip(tasks, _TASKS, strict=False))
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.95, len(tasks)))
    return {task: to_hex(shade) for task, shade in zip(tasks, shades, strict=True)}


def kind_styles(kinds: Sequence[str]) -> dict[str, Style]:
    """Return a colour and a marker for each kind of network."""
    others = [kind for kind in kinds if kind not in _KINDS]
    rest = {kind: _OTHER_KINDS[number % len(_OTHER_KINDS)] for number, kind in enumerate(others)}
    return {kind: _KINDS.get(kind) or rest[kind] for kind in kinds}


def layer_markers(layers: Sequence[str]) -> dict[str, str]:
    """Return a marker for each layer."""
    return {layer: _LAYERS[number % len(_LAYERS)] for number, layer in enumerate(layers)}


def task_lines(tasks: Sequence[str]) -> dict[str, Any]:
    """Return a style of line for each task."""
    return {task: _LINES[number % len(_LINES)] for number, task in enumerate(tasks)}


def key(colour: str, text: str, marker: str = "o", filled: bool = True, **options: Any) -> Line2D:
    """Return an entry of a legend: a marker without a line."""
    face = colour if filled else "none"
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=face, linestyle="none", label=text, **options)


def patch(colour: str, text: str) -> Patch:
    """Return an entry of a legend: a patch of colour."""
    return Patch(facecolor=colour, label=text)


def line(dashes: Any, text: str) -> Line2D:
    """Return an entry of a legend: a line without a marker."""
    return Line2D([], [], color="#444444", linestyle=dashes, linewidth=1.0, label=text)


def neurons(ax: Axes, frame: pd.DataFrame, colours: Mapping[str, str], markers: Mapping[str, str]) -> Axes:
    """Draw neurons from above: colour by task, marker by layer; those without a task are hollow.

    Args:
        ax: where to draw.
        frame: one row per neuron, with columns layer, x, y and task (``""``: none).
        colours: task to colour.
        markers: layer to marker, in the order of the layers; the last one's are drawn larger and on top.
    """
    last = list(markers)[-1]
    for layer, marker in markers.items():
        own, output = frame[frame["layer"] == layer], layer == last
        size = 22 if output else 11
        none, some = own[own["task"] == ""], own[own["task"] != ""]
        ax.scatter(
            some["x"],
            some["y"],
            size,
            marker=marker,
            c=[colours.get(task, SHARED) for task in some["task"]],
            edgecolors="#111111" if output else "white",
            linewidths=0.6 if output else 0.3,
            zorder=4 if output else 2,
        )
        # Hollow and few, these hide nothing, but would be hidden.
        ax.scatter(
            none["x"],
            none["y"],
            size,
            marker=marker,
            facecolors="none",
            edgecolors=UNASSIGNED,
            linewidths=0.8,
            zorder=3,
        )
    return ax


def slices(
    ax: Axes, frame: pd.DataFrame, connections: pd.DataFrame, colours: Mapping[str, str], layers: Mapping[str, str]
) -> Axes:
    """Draw layers as slices in space, the last one rightmost, and the connections between their neurons.

    The view is a parallel projection onto plain axes: slices keep their size and shape from left to right, so that
    clusters can be compared, which a perspective would prevent.

    Args:
        ax: where to draw.
        frame: one row per neuron, with columns layer, x, y and task (``""``: none).
        connections: one row per connection, with columns source, target (layers), source_x, source_y, target_x,
            target_y, task (of the source) and strength (0 to 1, which is drawn as opacity).
        colours: task to colour.
        layers: layer to the text below its slice, in order.
    """
    place = {layer: float(number) for number, layer in enumerate(layers)}
    low, high = frame[["x", "y"]].min().to_numpy(), frame[["x", "y"]].max().to_numpy()
    centre, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-6)

    def project(layer: Any, x: Any, y: Any) -> NDArray[np.float64]:
        across, up = (np.asarray(x) - centre[0]) / half, (np.asarray(y) - centre[1]) / half
        return np.stack([_SLICE_GAP * np.asarray(layer) + _DEPTH[0] * across, up + _DEPTH[1] * across], axis=-1)

    rgb_of = {task: to_rgb(colour) for task, colour in colours.items()} | {"": to_rgb(UNASSIGNED)}
    reach = (high - low) / 2 + 0.1 * half
    x_edges, y_edges = (centre + reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])).T
    # The view is from the right: a layer hides what lies to its left, and its own connections leave before it is drawn.
    for order, (layer, text) in enumerate(layers.items()):
        corners = project(place[layer], x_edges, y_edges)
        ax.add_patch(
            Polygon(
                corners, facecolor=(0.5, 0.55, 0.62, 0.12), edgecolor="#777777", linewidth=0.6, zorder=2 + 3 * order
            )
        )
        own = frame[frame["layer"] == layer]
        points = project(place[layer], own["x"], own["y"])
        faces = ["white" if task == "" else colours.get(task, SHARED) for task in own["task"]]
        edges = [UNASSIGNED if task == "" else "#111111" for task in own["task"]]
        ax.scatter(points[:, 0], points[:, 1], 7, c=faces, edgecolors=edges, linewidths=0.3, zorder=4 + 3 * order)
        foot = (float(corners[:, 0].mean()), float(corners[:, 1].min()))
        ax.annotate(text, foot, xytext=(0, -4), textcoords="offset points", ha="center", va="top")
        leaving = connections[connections["source"] == layer].sort_values("strength", kind="stable")
        if len(leaving):
            starts = project(leaving["source"].map(place), leaving["source_x"], leaving["source_y"])
            ends = project(leaving["target"].map(place), leaving["target_x"], leaving["target_y"])
            rgb = np.array([rgb_of.get(task, to_rgb(SHARED)) for task in leaving["task"]])
            alpha = 0.03 + 0.42 * leaving["strength"].to_numpy(float)
            ax.add_collection(
                LineCollection(
                    list(np.stack([starts, ends], axis=1)),  # each (2 ends, 2 coordinates)
                    colors=np.column_stack([rgb, alpha]),
                    linewidths=0.35,
                    zorder=3 + 3 * order,
                )
            )
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.set_axis_off()
    return ax


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
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    return ax


def curves(
    ax: Axes, lines: pd.DataFrame, means: pd.DataFrame, styles: Mapping[str, Style], tasks: Mapping[str, Any]
) -> Axes:
    """Draw curves over epochs: each network thin, the mean of its kind bold; the style of line is the task's.

    Args:
        ax: where to draw.
        lines: columns epoch, kind, network, task (``""``: of all tasks) and value.
        means: columns epoch, kind, task and mean.
        styles: kind to colour and marker.
        tasks: task to style of line.
    """
    for kind, (colour, marker) in styles.items():
        own = lines[lines["kind"] == kind]
        for (_, task), line in own.groupby(["network", "task"], sort=False):
            ax.plot(
                line["epoch"],
                line["value"],
                color=colour,
                alpha=0.35,
                linewidth=0.5,
                linestyle=tasks.get(str(task), "-"),
            )
        for task, line in means[means["kind"] == kind].groupby("task", sort=False):
            alone = marker if len(line) == 1 else ""
            ax.plot(
                line["epoch"],
                line["mean"],
                color=colour,
                linewidth=1.3,
                linestyle=tasks.get(str(task), "-"),
                marker=alone,
            )
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return ax


def levels(
    ax: Axes, points: pd.DataFrame, means: pd.DataFrame, columns: Mapping[str, str], styles: Mapping[str, Style]
) -> Axes:
    """Draw values in columns: each a small point, their mean a large one with its deviation; a line is a whole network.

    Args:
        ax: where to draw.
        points: columns column (``""``: the whole network), kind and value.
        means: columns column, kind, mean and sd (NaN: no bar).
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
            own["column"].map(places) + offset + 0.3 * step, own["value"], 6, marker=marker, facecolors="none",
            edgecolors=colour, linewidths=0.6, zorder=3,
        )  # fmt: skip
        ax.errorbar(
            middle["column"].map(places) + offset, middle["mean"], middle["sd"].fillna(0.0), fmt=marker, color=colour,
            markersize=4.5, elinewidth=0.9, capsize=0, zorder=4,
        )  # fmt: skip
    ax.set_xticks(list(places.values()), list(columns.values()))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")
    return ax
