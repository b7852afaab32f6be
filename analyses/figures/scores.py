"""Scores over the seeds of training: split methods, and modularity beside the accuracy that splits cost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special

from spatialgraph.faults import NotApplicableError

from .. import plots
from ..evidence import Row, records
from ..labels import ablation_label, inputs_label
from ..results import Results
from ..statistics import LEAST_SEEDS, LEVEL
from ..tables import over_networks
from ..wording import number
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .panels import (
    first,
    head_with_lines,
    kind_keys,
    letter,
    networks_said,
    of_references,
    points_and_means,
    share_limits,
)


@figure("methods")
def methods(results: Results, _choice: Choice) -> Iterator[Drawing]:
    """Compare split methods: the accuracy each costs under every ablation, and its modularity, seed by seed."""
    drop, modularity = map(results.without_degenerate, map(results.per_network, ("accuracy-drop", "modularity")))
    panels = [(f"accuracy drop\n{ablation_label(a)}", drop[drop["ablation"] == a]) for a in results.ablations]
    panels = [panel for panel in [*panels, ("modularity\n", modularity)] if len(panel[1])]
    if not panels:
        raise NotApplicableError("expected scores accuracy-drop or modularity of splits, found none")
    parts = [part.assign(panel=" ".join(title.split())) for title, part in panels]
    points = pd.concat(parts).rename(columns={"split": "row"})
    means = over_networks(points, ["panel", "inputs", "kind", "row"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    names = [method for method in results.methods if (points["row"] == method).any()]
    # A random split of the same sizes shows what sizes alone cost: the reference, not a method among others.
    references = of_references(names)
    styles = plots.kind_styles(results.kinds)
    figure = Figure(figsize=(DOUBLE, len(modes) * (0.17 * len(names) + 0.35) + 0.65))
    axes = figure.subplots(len(modes), len(panels), squeeze=False, sharex="col", sharey=True)
    for row, mode in enumerate(modes):
        for column, (title, _) in enumerate(panels):
            ax, name = axes[row, column], " ".join(title.split())
            here = (points["panel"] == name) & (points["inputs"] == mode)
            own = (means["panel"] == name) & (means["inputs"] == mode)
            plots.dots(ax, points[here], means[own], names, styles, references)
            if title.startswith("accuracy"):
                ax.axvline(0, color="#333333", linewidth=0.6, zorder=1)
            ax.set_title(letter(row) + f"  {inputs_label(mode)}" if column == 0 else "", loc="left", fontweight="bold")
            if row == len(modes) - 1:
                ax.set_xlabel(title.rstrip())
    share_limits([ax for ax, (title, _) in zip(axes[0], panels, strict=True) if title.startswith("accuracy")])
    keys = [*kind_keys(styles), plots.key("#000000", "mean of the seeds", "|", markersize=6.5, markeredgewidth=1.0)]
    figure.legend(handles=keys, loc="outside upper center", ncols=min(len(keys), 5))
    caption = (
        "Split methods: accuracy lost at the split, averaged over tasks, by how neurons of other tasks are disabled; "
        "and modularity of the split. Each seed a point, their mean a bar: "
        f"{networks_said(results.members)} of each kind and input mode."
    )
    if references:
        caption += " On the grey band, the reference: random splits."
    if results.degenerate:
        counts = ", ".join(f"{method} {len(networks)}" for method, networks in results.degenerate.items())
        caption += f" Without the networks whose split is degenerate ({counts})."
    yield Drawing("methods", figure, points_and_means(points, means, ["panel", "inputs", "kind", "row"]), caption)


@figure("modularity-drop")
def modularity_drop(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the modularity of each network beside the accuracy that its split costs, and how far their ranks agree."""
    method = choice.method_of(results)
    points = _both(results, method)
    if points.empty:
        raise NotApplicableError(f"expected scores modularity and accuracy-drop of splits by {method}, found none")
    groups = ["ablation", "inputs", "kind"]
    ranks = points.groupby(groups, sort=False)[["x", "y"]].apply(_rank_correlation).reset_index()
    ablations = [name for name in results.ablations if (points["ablation"] == name).any()]
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    styles = plots.kind_styles(results.kinds)
    width = SINGLE if len(ablations) == 1 else DOUBLE
    figure = Figure(figsize=(width, 1.75 * len(modes) + 0.6))
    axes = figure.subplots(len(modes), len(ablations), squeeze=False, sharex=True, sharey=True)
    for row, mode in enumerate(modes):
        for column, ablation in enumerate(ablations):
            ax = axes[row, column]
            here = (points["inputs"] == mode) & (points["ablation"] == ablation)
            plots.scatter(ax, points[here], styles)
            known = ranks[(ranks["inputs"] == mode) & (ranks["ablation"] == ablation)].dropna()
            texts = [(_told_of(one), styles[str(one["kind"])][0]) for one in records(known)]
            head_with_lines(ax, row * len(ablations) + column, texts, ablation_label(ablation) if row == 0 else "")
        axes[row, 0].set_ylabel(f"{inputs_label(mode)}\naccuracy drop")
    for ax in axes[-1]:
        ax.set_xlabel("modularity")
    figure.legend(handles=kind_keys(styles), loc="outside lower center", ncols=min(len(styles), 5))
    caption = (
        f"Modularity of the split by {method} and the accuracy that it costs, averaged over tasks, by how neurons of "
        f"other tasks are disabled. Each point is a network: {networks_said(points)} of each kind and input "
        "mode. ρ: Spearman's rank correlation over the networks of one kind and input mode, which differ in their "
        "seed, with its 95 % interval by Fisher's z (approximate: it holds "
        f"where points are normal and many); none for fewer than {LEAST_SEEDS}."
    )
    numbers = points.rename(columns={"x": "modularity", "y": "accuracy-drop"}).merge(ranks, on=groups, how="left")
    yield Drawing("modularity-drop", figure, first(numbers, *groups), caption)


def _both(results: Results, method: str) -> pd.DataFrame:
    """Return modularity (x) and accuracy drop (y) of every network's split by a method, for each ablation."""
    modularity, drop = (results.per_network(metric) for metric in ("modularity", "accuracy-drop"))
    x = modularity.loc[modularity["split"] == method, ["network", "value"]].rename(columns={"value": "x"})
    y = drop.loc[drop["split"] == method].rename(columns={"value": "y"})
    return y.drop(columns="split").merge(x, on="network")


def _told_of(rank: Row) -> str:
    """Say how far the ranks of a group of networks agree."""
    return f"ρ = {number(rank['rho'], 2)} [{number(rank['low'], 2)}, {number(rank['high'], 2)}]"


def _rank_correlation(points: pd.DataFrame) -> pd.Series[float]:
    """Return the rank correlation of x and y with its interval; missing for few networks, or where all are alike."""
    x, y = (points[name].to_numpy(np.float64) for name in ("x", "y"))
    if len(points) < LEAST_SEEDS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return pd.Series({"rho": np.nan, "low": np.nan, "high": np.nan, "n": float(len(points))})
    rho, low, high = rank_correlation(x, y)
    return pd.Series({"rho": rho, "low": low, "high": high, "n": float(len(points))})


def rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return Spearman's rank correlation and the ends of its 95 % interval by Fisher's z.

    ρ is Pearson's correlation of the ranks; its interval tanh(artanh ρ ± z √((1 + ρ²/2) / (n − 3))): "Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations", Bonett & Wright 2000,
    doi:10.1007/BF02294183.

    Args:
        x: ``(n,)``, n at least 4, not all equal.
        y: ``(n,)``, not all equal.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
        >>> tuple(round(end, 3) for end in rank_correlation(x, np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 7.0])))
        (0.893, 0.27, 0.989)
    """
    rho = float(pd.Series(x).rank().corr(pd.Series(y).rank()))
    # Of ranks that agree entirely the interval has no width; rounding may take ρ beyond 1.
    centre = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    reach = special.ndtri(1 - LEVEL / 2) * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh([centre - reach, centre + reach])
    return rho, float(low), float(high)
