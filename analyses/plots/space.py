"""Neurons and connections where they lie in space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from .styles import SHARED, UNASSIGNED

_PALEST = 0.32  # the least share of a colour in its mixture with white
# Of a slice of half-width 1: the distance to the next one, and where its horizontal half-axis points on the page.
_SLICE_GAP, _DEPTH = 2.0, (0.62, 0.28)


def neurons(
    ax: Axes, frame: pd.DataFrame, colours: Mapping[str, str], markers: Mapping[str, str], scale: float = 1.0
) -> Axes:
    """Draw neurons from above: colour by task, marker by layer; those without a task are hollow.

    Args:
        ax: where to draw.
        frame: one row per neuron, with columns layer, x, y and task (``""``: none); and shade, if some colours are
            pale: from 0, the palest, to 1, full.
        colours: task to colour.
        markers: layer to marker, in the order of the layers; the last one's are drawn larger and on top.
        scale: the area of the markers, in units of the usual one.
    """
    last = list(markers)[-1]
    frame = frame.assign(shade=1.0) if "shade" not in frame else frame.sort_values("shade", kind="stable")
    for layer, marker in markers.items():
        own, output = frame[frame["layer"] == layer], layer == last
        size = scale * (22 if output else 11)
        none, some = own[own["task"] == ""], own[own["task"] != ""]
        edge = "#111111" if output else "white"
        ax.scatter(
            some["x"],
            some["y"],
            size,
            marker=marker,
            c=[
                paler(colours.get(task, SHARED), shade) for task, shade in zip(some["task"], some["shade"], strict=True)
            ],
            edgecolors=[paler(edge, shade) for shade in some["shade"]],
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
            edgecolors=[paler(UNASSIGNED, shade) for shade in none["shade"]],
            linewidths=0.8,
            zorder=3,
        )
    return ax


def paler(colour: str, shade: float) -> str:
    """Return a colour mixed with white: full at a shade of 1, the palest at 0.

    Example:
        >>> paler("#0072b2", 1.0), paler("#0072b2", 0.0)
        ('#0072b2', '#add2e6')
    """
    share = _PALEST + (1 - _PALEST) * shade
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


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
            target_y, task (a key of `colours`, or ``""``) and strength (0 to 1, which is drawn as opacity).
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
