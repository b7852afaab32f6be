"""What panels of several figures have in common: letters, keys, ranges, and the frame of what they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from .. import plots
from ..results import label


def points_and_means(points: pd.DataFrame, means: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what a figure shows as one tidy frame: each seed's value, and the mean and deviation of the seeds."""
    columns = [*keys, "statistic", "network", "seed", "value"]
    parts = [points.assign(statistic="seed")[columns]]
    for statistic in ("mean", "sd"):
        part = means.drop(columns="value", errors="ignore").rename(columns={statistic: "value"})
        parts.append(part.dropna(subset="value").assign(statistic=statistic).reindex(columns=columns))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def first(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a frame with these columns before the others."""
    return frame[[*columns, *(name for name in frame.columns if name not in columns)]]


def head(ax: Axes, number: int, title: str, several: bool = True) -> None:
    """Write a panel's letter and title above it."""
    ax.set_title(title)
    if several:
        ax.set_title(chr(ord("a") + number % 26), loc="left", fontweight="bold")


def kind_keys(styles: dict[str, plots.Style]) -> list[Artist]:
    """Return an entry of a legend for each kind of network."""
    return [plots.key(colour, label(kind), marker) for kind, (colour, marker) in styles.items()]


def share_limits(axes: Sequence[Axes]) -> None:
    """Give panels of one quantity the same horizontal range, so that they can be compared by eye."""
    if axes:
        limits = np.array([ax.get_xlim() for ax in axes])
        for ax in axes:
            ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())
