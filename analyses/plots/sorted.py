"""Sorted values with the choices that led to each: the two parts of a specification curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .values import unbounded

TOLD, UNTOLD = "#0072B2", "#8A8A8A"
"""The colours of an estimate whose interval leaves out 0, and of one whose interval does not."""

_BAND, _RULE = "#E8E8E8", "#DDDDDD"
_MANY = 400  # of more marks than so many those in one place are told from those that are few


def estimates(ax: Axes, frame: pd.DataFrame) -> Axes:
    """Draw sorted estimates with their intervals before the band in which they would be by chance.

    Args:
        ax: where to draw.
        frame: columns rank, estimate, low and high (NaN: no bar), significant, null_low and null_high.
    """
    ax.fill_between(frame["rank"], frame["null_low"], frame["null_high"], color=_BAND, linewidth=0, zorder=0)
    ax.axhline(0, color="#333333", linewidth=0.6, zorder=1)
    for told, colour in ((False, UNTOLD), (True, TOLD)):
        own = frame[frame["significant"] == told]
        bars = own.dropna(subset=["low"])
        with unbounded(ax):
            ax.vlines(
                bars["rank"], bars["low"], bars["high"], color=colour, linewidth=0.5, alpha=_alpha(len(frame)), zorder=2
            )
        ax.scatter(own["rank"], own["estimate"], 3, color=colour, linewidths=0, zorder=3)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 2.5, 5, 10)))
    ax.grid(axis="y")
    return ax


def choices(ax: Axes, frame: pd.DataFrame, groups: Mapping[str, Sequence[tuple[str, str]]]) -> Axes:
    """Mark the choices of each analysis: a row for each option, the rows of one choice together.

    Args:
        ax: where to draw, below the estimates.
        frame: columns rank and significant, and a column for each choice.
        groups: choice to its options, each the entry of the column and the text of the row.
    """
    place, places, texts = 0.0, list[float](), list[str]()
    for choice, options in groups.items():
        for entry, text in options:
            for told, colour in ((False, UNTOLD), (True, TOLD)):
                own = frame.loc[(frame[choice] == entry) & (frame["significant"] == told), "rank"]
                ax.vlines(own, place - 0.36, place + 0.36, color=colour, linewidth=0.6, alpha=_alpha(len(frame)))
            places.append(place)
            texts.append(text)
            place += 1
        place += 0.5
        ax.axhline(place - 0.75, color=_RULE, linewidth=0.5)
    ax.set_yticks(places, texts)
    ax.set_ylim(place - 0.9, -0.7)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return ax


def _alpha(count: int) -> float:
    return float(np.clip(_MANY / max(count, 1), 0.15, 0.9))
