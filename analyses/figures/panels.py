"""Parts that panels of several figures share: letters, keys, ranges, and the frame of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from .. import plots
from ..evidence import Evidence
from ..labels import kind_label
from ..results import Results
from ..statistics import CAVEAT, INTERVAL, interval_of_mean
from ..tables import over_networks
from ..wording import counted, some

DEGENERATE = "degenerate seed"
"""The statistic of a seed that does not count, in the frame of a figure."""

STATISTICS = ("mean", "sd", "low", "high", "rho")
"""The statistics of a group of networks in the frame of a figure, beside the value of each network (``seed``)."""


def telling(results: Results) -> tuple[Results, str]:
    """Return results without what says nothing, and a sentence for captions that says so; ``""`` if all says something.

    What says nothing are networks that did not learn a task, and the function of tasks that cannot fail (`validity`).
    If nothing else is left, all is shown, and the sentence says what it is worth.
    """
    evidence = Evidence(results.scores, members=results.members)
    scores = evidence.telling(results.scores)
    names = list(evidence.lost["network"].unique())
    if scores.empty:
        return results, " No network learned all of its tasks: this figure says nothing of modules."
    if len(scores) == len(results.scores):
        return results, ""
    said = (
        f" Left out: {counted(len(names))} without a task that it should have learned ({some(names)})." if names else ""
    )
    return replace(results, scores=scores), said


def marked(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows, with columns network and split, and whether the split is degenerate (column degenerate)."""
    good = results.without_degenerate(rows).index
    return rows.assign(degenerate=~rows.index.isin(good))


def crosses_said(points: pd.DataFrame) -> str:
    """Return a sentence for captions on crosses, if there are points with degenerate splits; ``""`` if not."""
    if not points["degenerate"].any():
        return ""
    networks = points.loc[points["degenerate"], ["network", "split"]].drop_duplicates()
    counts = ", ".join(f"{method} {count}" for method, count in networks.groupby("split", sort=False).size().items())
    return f" Crosses: degenerate splits ({counts}), which are no task modules and do not count in means."


def cross_key() -> Artist:
    """Return the entry of a legend for degenerate splits."""
    return plots.key("#666666", "degenerate split", "x", markersize=3.5)


def with_intervals(points: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the mean of each group and its interval, see `interval_of_mean`.

    Args:
        points: a frame with a column ``value`` and those of `by`.
        by: the columns that make a group.

    Returns:
        the columns of `by`, then mean, sd (of the sample), low, high (NaN where all values are equal) and n, in the
        order of appearance.

    Example:
        >>> frame = pd.DataFrame({"kind": ["a", "a", "b"], "value": [1.0, 2.0, 5.0]})
        >>> with_intervals(frame, ["kind"]).round(1).to_dict("list")  # t = 12.7, sd / √2 = 0.5
        {'kind': ['a', 'b'], 'mean': [1.5, 5.0], 'sd': [0.7, nan], 'low': [-4.9, nan], 'high': [7.9, nan], 'n': [2, 1]}
    """
    means = over_networks(points, by).assign(low=np.nan, high=np.nan)
    groups = points.groupby(by, sort=False)["value"].agg(list)
    for n in sorted(set(means["n"])):
        rows = np.flatnonzero(means["n"] == n)
        low, high = interval_of_mean(np.array([groups.iloc[row] for row in rows], np.float64))
        means.loc[rows, "low"], means.loc[rows, "high"] = low, high
    return means[[*by, "mean", "sd", "low", "high", "n"]]


def points_and_means(points: pd.DataFrame, means: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the numbers of a figure as one tidy frame: each seed's value, then the statistics over seeds.

    The statistic of a seed is ``"seed"``, or ``"degenerate seed"`` if its split is degenerate and does not count.
    """
    columns = [*keys, "statistic", "network", "seed", "value"]
    wrong = points["degenerate"] if "degenerate" in points else pd.Series(False, points.index)
    parts = [points.assign(statistic=wrong.map({True: DEGENERATE, False: "seed"}))[columns]]
    for statistic in STATISTICS:
        if statistic in means:
            part = means.drop(columns="value", errors="ignore").rename(columns={statistic: "value"})
            parts.append(part.dropna(subset="value").assign(statistic=statistic).reindex(columns=columns))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def first(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a frame with these columns before the others."""
    order: list[str] = [*columns, *(name for name in frame.columns if name not in columns)]
    return frame[order]


def letter(number: int) -> str:
    """Return the letter of a panel.

    Example:
        >>> letter(0), letter(25), letter(26)
        ('a', 'z', 'aa')
    """
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)


def head(ax: Axes, number: int, title: str, several: bool = True) -> None:
    """Write a panel's letter and title above it."""
    ax.set_title(title)
    if several:
        ax.set_title(letter(number), loc="left", fontweight="bold")


def head_with_lines(
    ax: Axes, number: int, texts: Sequence[tuple[str, str]], title: str = "", several: bool = True
) -> None:
    """Write lines, each in its colour, above the right end of a panel, and its letter and title above them."""
    for line, (text, colour) in enumerate(reversed(texts)):
        ax.annotate(
            text, (1, 1), xycoords="axes fraction", xytext=(0, 3 + 9 * line), textcoords="offset points", ha="right",
            va="bottom", color=colour,
        )  # fmt: skip
    if several:
        ax.set_title(letter(number), loc="left", fontweight="bold")
    ax.set_title(title, pad=5 + 9 * len(texts) if title else None)


def kind_keys(styles: dict[str, plots.Style]) -> list[Artist]:
    """Return an entry of a legend for each kind of network."""
    return [plots.key(colour, kind_label(kind), marker) for kind, (colour, marker) in styles.items()]


def share_limits(axes: Sequence[Axes]) -> None:
    """Give panels of one quantity the same horizontal range, so that they can be compared by eye."""
    if axes:
        limits = np.array([ax.get_xlim() for ax in axes])
        for ax in axes:
            ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())


def of_references(methods: Iterable[str]) -> list[str]:
    """Return the split methods that are references, because they show the cost of module sizes alone.

    Example:
        >>> of_references(["greedy", "random", "random:seed=2"])
        ['random', 'random:seed=2']
    """
    return [method for method in methods if method.startswith("random")]


def networks_said(networks: pd.DataFrame) -> str:
    """Say how many networks there are of a kind and input mode, from rows with columns network, kind and inputs.

    Example:
        >>> networks_said(pd.DataFrame({"network": ["x", "y", "z", "z"], "kind": [*"aabb"], "inputs": "mix"}))
        '1 to 2 seeds'
    """
    counts = networks.groupby(["kind", "inputs"])["network"].nunique()
    low, high = counts.min(), counts.max()
    if high == 1:
        return "one seed"
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


def n_said(networks: pd.DataFrame) -> str:
    """Return the sentences of captions on n, on the points and on the intervals of figures over seeds."""
    seeds = networks_said(networks)
    if seeds == "one seed":
        return "n = 1 network of each kind and input mode: one seed, no interval."
    return (
        f"n = {seeds} of each kind and input mode: each seed is a point. Intervals of means: {INTERVAL}s ({CAVEAT}), "
        "which may reach beyond the axes."
    )


def wrapped(text: str) -> str:
    r"""Return a text in two lines if it has several words.

    Example:
        >>> wrapped("incoming weights = 0"), wrapped("shuffle")
        ('incoming\nweights = 0', 'shuffle')
    """
    return text.replace(" ", "\n", 1)
