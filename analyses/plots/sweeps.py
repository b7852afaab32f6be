"""Sweeps: values along the doses of many lines, and one value against another along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .styles import Style
from .values import _STEPS, _spread, unbounded

_BAND, _RULE, _MIDDLE = "#E4E4E4", "#DDDDDD", "#8A8A8A"
_TEXT = "#222222"
_JITTER = 0.16  # of seeds, in steps between doses
_LEAST = 0.005  # the range of values on an axis
_ROOM, _NAMES = 0.75, 0.38  # the room for names, in widths of the points; where names end, as a share of the axes


def strip(
    ax: Axes,
    points: pd.DataFrame,
    means: pd.DataFrame,
    bounds: Sequence[float],
    styles: Mapping[str, Style],
    band: tuple[float, float, float] | None,
    *,
    whole: bool = False,
) -> Axes:
    """Draw sweeps of lines side by side: each seed a point, means joined with intervals, the reference a band behind.

    Args:
        ax: where to draw.
        points: columns line, place (on the horizontal axis) and value.
        means: columns line, place, mean, low and high (NaN: no interval) and chosen (whether it is marked).
        bounds: the places between lines.
        styles: line to colour and marker.
        band: the least, the mean and the largest value of the reference; None for none.
        whole: whether the axes reach around intervals, unless these would squeeze the points into a third of them.
    """
    if band is not None:
        low, middle, high = band
        ax.axhspan(low, high, color=_BAND, linewidth=0, zorder=0)
        ax.axhline(middle, color=_MIDDLE, linewidth=0.6, zorder=1)
    for bound in bounds:
        ax.axvline(bound, color=_RULE, linewidth=0.5, zorder=0)
    # Marks of all lines at once, each in the colour of its line: far faster than one line after the other.
    colours = {line: colour for line, (colour, _) in styles.items()}
    moved = points["place"] + _spread(points, "place", _JITTER)
    ax.scatter(moved, points["value"], 3, color=_of(points, colours), alpha=0.55, linewidths=0, zorder=2)
    for line, colour in colours.items():
        own = means[means["line"] == line].sort_values("place")
        ax.plot(own["place"], own["mean"], color=colour, linewidth=1.0, zorder=3)
    ax.scatter(means["place"], means["mean"], 5, color=_of(means, colours), linewidths=0, zorder=3)
    chosen = means[means["chosen"]]
    edges = _of(chosen, colours)
    ax.scatter(chosen["place"], chosen["mean"], 14, facecolors="white", edgecolors=edges, linewidths=0.9, zorder=4)
    with unbounded(ax):
        ax.vlines(means["place"], means["low"], means["high"], _of(means, colours), linewidth=0.6, zorder=3)
    if whole:
        _reach(ax, means[["low", "high"]].to_numpy(float))
    low, high = ax.get_ylim()
    if high - low < _LEAST:  # differences by rounding are none
        ax.set_ylim((low + high - _LEAST) / 2, (low + high + _LEAST) / 2)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")
    return ax


def _of(rows: pd.DataFrame, colours: Mapping[str, str]) -> list[str]:
    """Return the colour of the line of each row."""
    return [colours[line] for line in rows["line"]]


def _reach(ax: Axes, intervals: NDArray[np.float64]) -> None:
    """Let an axis reach around intervals, ``(means, 2)``; on each side by as much as it reached before at most."""
    low, high = ax.get_ylim()
    margin = 0.03 * (high - low)
    wanted = intervals[~np.isnan(intervals).any(axis=1)]
    lowest, highest = (wanted.min() - margin, wanted.max() + margin) if len(wanted) else (low, high)
    ax.set_ylim(min(low, max(lowest, 2 * low - high)), max(high, min(highest, 2 * high - low)))


def frontiers(
    ax: Axes, means: pd.DataFrame, styles: Mapping[str, Style], labels: Mapping[str, str], height: float
) -> Axes:
    """Draw one mean against another, a point for each dose, the frontier of each line joined and named at its left end.

    Args:
        ax: where to draw.
        means: columns line, x, y, low and high (of y; NaN: no interval) and frontier (whether no dose of the line has
            both more x and less y).
        styles: line to colour and marker.
        labels: line to its name.
        height: the height of a name, as a share of the axes' own.
    """
    for line, (colour, marker) in styles.items():
        own = means[means["line"] == line]
        on, off = own[own["frontier"]].sort_values("x"), own[~own["frontier"]]
        with unbounded(ax):
            ax.vlines(own["x"], own["low"], own["high"], color=colour, linewidth=0.4, alpha=0.6, zorder=1)
        ax.plot(on["x"], on["y"], color=colour, linewidth=0.9, zorder=2)
        ax.scatter(on["x"], on["y"], 13, color=colour, marker=marker, edgecolors="white", linewidths=0.3, zorder=3)
        ax.scatter(off["x"], off["y"], 8, facecolors="none", edgecolors=colour, marker=marker, linewidths=0.5, zorder=2)
    ax.grid(visible=True)
    ends = means[means["frontier"]].sort_values("x").drop_duplicates("line")
    _named(ax, means, ends, styles, labels, height)
    return ax


def _named(
    ax: Axes,
    means: pd.DataFrame,
    ends: pd.DataFrame,
    styles: Mapping[str, Style],
    labels: Mapping[str, str],
    height: float,
) -> None:
    """Make room at the left, and write the names of lines there, each joined with its end."""
    low, high = means[["x", "y"]].min().to_numpy(float), means[["x", "y"]].max().to_numpy(float)
    middle, half = (low + high) / 2, np.maximum(high - low, _LEAST) / 2
    low, high = middle - half, middle + half
    width, tall = high - low
    ax.set_xlim(low[0] - _ROOM * width, high[0] + 0.05 * width)
    ax.set_ylim(low[1] - 0.06 * tall, high[1] + 0.06 * tall)
    ticks = [tick for tick in MaxNLocator(4, steps=_STEPS).tick_values(low[0], high[0]) if tick >= low[0] - 0.1 * width]
    ax.set_xticks([tick for tick in ticks if tick <= high[0] + 0.05 * width])
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    share = (ends["y"].to_numpy(float) - low[1] + 0.06 * tall) / (1.12 * tall)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    edge = left + _NAMES * (right - left)
    for place, row in zip(spread_apart(share, height), ends.to_dict("records"), strict=True):
        level = bottom + place * (top - bottom)
        ax.text(edge, level, labels[row["line"]], ha="right", va="center", color=_TEXT)
        joined = [edge + 0.01 * (right - left), row["x"]], [level, row["y"]]
        ax.plot(*joined, color=styles[row["line"]][0], linewidth=0.4, alpha=0.6, zorder=1)


def spread_apart(places: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Return shares from 0 to 1, moved little so that they are at least so far apart, as far as there is room.

    Example:
        >>> spread_apart(np.array([0.5, 0.5, 0.9]), 0.2).round(2).tolist()
        [0.4, 0.6, 0.9]
    """
    least = min(least, 1 / max(len(places), 1))
    order = np.argsort(places, kind="stable")
    moved = places[order].astype(np.float64)
    for _ in range(500):
        push = np.maximum(least - np.diff(moved), 0) / 2
        moved[:-1] -= push
        moved[1:] += push
        moved = np.clip(moved, least / 2, 1 - least / 2)
    result = np.empty_like(moved)
    result[order] = moved
    return result
