"""Scores over the seeds of training: split methods, and modularity beside the accuracy that splits cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from spatialgraph.faults import NotApplicableError

from .. import plots
from ..columns import FULL
from ..evidence import DROP, Row, records
from ..labels import ablation_label, inputs_label
from ..results import Results
from ..statistics import LEAST_SEEDS, LEVEL
from ..wording import listed, number
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import (
    cross_key,
    crosses_said,
    first,
    head_with_lines,
    kind_keys,
    letter,
    marked,
    n_said,
    networks_said,
    of_references,
    points_and_means,
    share_limits,
    telling,
    with_intervals,
)


@figure("methods")
def methods(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Compare split methods: the accuracy each costs under every ablation, and its modularity, seed by seed."""
    results, left_out = telling(results)
    panels = _measured(results, choice.measure)
    points = pd.concat([part.assign(panel=" ".join(title.split())) for title, part in panels])
    points = marked(results, points.reset_index(drop=True)).rename(columns={"split": "row"})
    keys = ["panel", "inputs", "kind", "row"]
    means = with_intervals(points[~points["degenerate"]], keys)
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    names = [method for method in results.methods if (points["row"] == method).any()]
    # A random split of the same sizes shows what sizes alone cost: the reference, not a method among others.
    references = of_references(names)
    styles = plots.kind_styles(results.kinds)
    height = len(modes) * (0.17 * len(names) + 0.35) + 0.65
    width = SINGLE if len(panels) == 1 else DOUBLE
    figure, axes = page.panels(width, height, len(modes), len(panels), sharex="col", sharey=True)
    for row, mode in enumerate(modes):
        for column, (title, _) in enumerate(panels):
            ax, name = axes[row, column], " ".join(title.split())
            here = (points["panel"] == name) & (points["inputs"] == mode)
            own = (means["panel"] == name) & (means["inputs"] == mode)
            plots.dots(ax, points[here], means[own], names, styles, references)
            if title.startswith("accuracy"):
                ax.axvline(0, color="#333333", linewidth=0.6, zorder=1)
            heading = f"{letter(row)}  {inputs_label(mode)}" if axes.size > 1 else inputs_label(mode)
            ax.set_title(heading if column == 0 else "", loc="left", fontweight="bold")
            if row == len(modes) - 1:
                ax.set_xlabel(title.rstrip())
    share_limits([ax for ax, (title, _) in zip(axes[0], panels, strict=True) if title.startswith("accuracy")])
    entries = [*kind_keys(styles), plots.key("#000000", "mean of the seeds", "|", markersize=6.5, markeredgewidth=1.0)]
    entries += [cross_key()] if points["degenerate"].any() else []
    page.legend(figure, entries, 5 if width == DOUBLE else 3, above=True)
    caption = _methods_caption(points, panels, references, left_out)
    yield Drawing("methods", figure, points_and_means(points, means, keys), caption)


def _measured(results: Results, measure: str | None) -> list[tuple[str, pd.DataFrame]]:
    """Return the title and the values of each panel of a row: drops under each ablation, and modularity."""
    drop, modularity = map(results.per_network, (DROP, "modularity"))
    panels = {f"accuracy drop\n{ablation_label(a)}": drop[drop["ablation"] == a] for a in results.ablations}
    panels = panels if measure in (None, DROP) else {}
    panels |= {"modularity\n": modularity} if measure in (None, "modularity") else {}
    found = [(title, part[part["split"] != FULL]) for title, part in panels.items()]
    found = [panel for panel in found if len(panel[1])]
    if not found:
        asked = f"{DROP} or modularity" if measure is None else measure
        raise NotApplicableError(f"expected scores {asked} of splits, of {DROP} or modularity, found none")
    return found


def _methods_caption(
    points: pd.DataFrame, panels: Sequence[tuple[str, pd.DataFrame]], references: Sequence[str], left_out: str
) -> str:
    """Say what is compared, and where chance lies."""
    titles = [title for title, _ in panels]
    shown = ["accuracy lost at the split (averaged over tasks)"] if titles[0].startswith("accuracy") else []
    shown += ["modularity of the split"] if titles[-1].startswith("modularity") else []
    text = f"Split methods: {listed(shown)}. "
    if titles[0].startswith("accuracy"):
        text += "Columns differ in how units of other tasks are disabled. "
    text += n_said(points)
    if references:
        text += " Chance lies on the grey band: a random split with modules as large as those of greedy in each layer."
    return text + crosses_said(points.rename(columns={"row": "split"})) + left_out


@figure("modularity-drop")
def modularity_drop(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the modularity of each network beside the accuracy that its split costs, and how far their ranks agree."""
    method = choice.method_of(results)
    results, left_out = telling(results)
    points = _both(results, method)
    if points.empty:
        raise NotApplicableError(
            f"expected scores modularity and accuracy-drop of splits by {method}, in tasks that can fail, found none"
        )
    groups = ["ablation", "inputs", "kind"]
    counted = points.assign(x=points["x"].mask(points["degenerate"]), y=points["y"].mask(points["degenerate"]))
    ranks = counted.groupby(groups, sort=False)[["x", "y"]].apply(_rank_correlation).reset_index()
    ablations = [name for name in results.ablations if (points["ablation"] == name).any()]
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    styles = plots.kind_styles(results.kinds)
    width = SINGLE if len(ablations) == 1 else DOUBLE
    height = 1.75 * len(modes) + 0.6
    figure, axes = page.panels(width, height, len(modes), len(ablations), sharex=True, sharey=True)
    for row, mode in enumerate(modes):
        for column, ablation in enumerate(ablations):
            ax = axes[row, column]
            here = (points["inputs"] == mode) & (points["ablation"] == ablation)
            plots.scatter(ax, points[here], styles)
            known = ranks[(ranks["inputs"] == mode) & (ranks["ablation"] == ablation)].dropna()
            texts = [(_told_of(one), styles[str(one["kind"])][0]) for one in records(known)]
            title = ablation_label(ablation) if row == 0 else ""
            head_with_lines(ax, row * len(ablations) + column, texts, title, several=axes.size > 1)
        axes[row, 0].set_ylabel(f"{inputs_label(mode)}\naccuracy drop")
    for ax in axes[-1]:
        ax.set_xlabel("modularity")
    keys = [*kind_keys(styles), *([cross_key()] if points["degenerate"].any() else [])]
    page.legend(figure, keys, 5 if width == DOUBLE else 3)
    caption = (
        f"Modularity of the split by {method} and the accuracy that it costs, averaged over tasks. Columns differ in "
        f"how units of other tasks are disabled. Each point is a network: n = {networks_said(points)} of each kind "
        "and input mode. ρ is Spearman's rank correlation over the networks of one kind and input mode, which differ "
        "in their seed. In brackets: its 95 % interval by Fisher's z, which is approximate and holds where points are "
        f"normal and many. ρ = 0 is expected by chance. Fewer than {LEAST_SEEDS} networks have no ρ."
        f"{crosses_said(points.assign(split=method))}{left_out}"
    )
    numbers = points.rename(columns={"x": "modularity", "y": "accuracy-drop"}).merge(ranks, on=groups, how="left")
    yield Drawing("modularity-drop", figure, first(numbers, *groups), caption)


def _both(results: Results, method: str) -> pd.DataFrame:
    """Return modularity (x), accuracy drop (y) and degenerate of every network's split by a method and ablation."""
    modularity, drop = (results.per_network(metric) for metric in ("modularity", "accuracy-drop"))
    x = modularity.loc[modularity["split"] == method, ["network", "value"]].rename(columns={"value": "x"})
    y = drop.loc[drop["split"] == method].rename(columns={"value": "y"})
    return marked(results, y).drop(columns="split").merge(x, on="network")


def _told_of(rank: Row) -> str:
    """Say how far the ranks of a group of networks agree."""
    return f"ρ = {number(rank['rho'], 2)} [{number(rank['low'], 2)}, {number(rank['high'], 2)}]"


def _rank_correlation(points: pd.DataFrame) -> pd.Series[float]:
    """Return the rank correlation of x and y with its interval; missing for few networks, or where all are alike."""
    points = points.dropna(subset=["x", "y"])
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
