"""Scores over the seeds of training: split methods, and ablations."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from spatialgraph.network import NotApplicableError

from .. import plots
from ..results import FULL, Results, label
from ..tables import over_networks
from .drawing import DOUBLE, FIGURES, SINGLE, Choice, Drawing
from .panels import head, kind_keys, points_and_means, share_limits


@FIGURES.register("methods")
def methods(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Compare split methods: the accuracy each costs under every ablation, and its modularity, seed by seed."""
    drop, modularity = results.per_network("accuracy-drop"), results.per_network("modularity")
    panels = [(f"accuracy drop\n{label(a)}", drop[drop["ablation"] == a]) for a in results.ablations]
    panels = [panel for panel in [*panels, ("modularity\n", modularity)] if len(panel[1])]
    if not panels:
        raise NotApplicableError("expected scores accuracy-drop or modularity of splits, found none")
    parts = [part.assign(panel=" ".join(title.split())) for title, part in panels]
    points = pd.concat(parts).rename(columns={"split": "row"})
    means = over_networks(points, ["panel", "inputs", "kind", "row"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    names = [method for method in results.methods if (points["row"] == method).any()]
    # A random split of the same sizes shows what sizes alone cost: the reference, not a method among others.
    references = {method for method in names if method.startswith("random")}
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
            ax.set_title(chr(ord("a") + row) + f"  {label(mode)}" if column == 0 else "", loc="left", fontweight="bold")
            if row == len(modes) - 1:
                ax.set_xlabel(title.rstrip())
    share_limits([ax for ax, (title, _) in zip(axes[0], panels, strict=True) if title.startswith("accuracy")])
    keys = [*kind_keys(styles), plots.key("#000000", "mean of the seeds", "|", markersize=6.5, markeredgewidth=1.0)]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys))
    caption = (
        "Split methods: accuracy lost at the split, averaged over tasks, by how neurons of other tasks are disabled; "
        "and modularity of the split. Each seed a point, their mean a bar."
    )
    if references:
        caption += " On the grey band, the reference: random splits."
    yield Drawing("methods", figure, points_and_means(points, means, ["panel", "inputs", "kind", "row"]), caption)


@FIGURES.register("ablations")
def ablations(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show Table 1 as a picture: the accuracy after the split by ablation, beside that of the whole network."""
    method = choice.method_of(results)
    accuracy = results.per_network("accuracy").rename(columns={"ablation": "column"})
    points = accuracy[((accuracy["split"] == FULL) & (accuracy["column"] == "")) | (accuracy["split"] == method)]
    columns = {name: label(name) for name in results.ablations if (points["column"] == name).any()}
    if not columns:
        raise NotApplicableError("expected scores accuracy of split networks, found none")
    means = over_networks(points, ["inputs", "kind", "column"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    styles = plots.kind_styles(results.kinds)
    across = min(len(modes), 3)
    down = -(-len(modes) // across)
    figure = Figure(figsize=(SINGLE if across == 1 else DOUBLE, 2.0 * down + 0.4))
    axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    texts = {name: text.replace(" ", "\n", 1) for name, text in columns.items()}
    for number, (ax, mode) in enumerate(zip(axes, modes, strict=False)):
        plots.levels(ax, points[points["inputs"] == mode], means[means["inputs"] == mode], texts, styles)
        head(ax, number, label(mode), several=len(modes) > 1)
        if number % across == 0:
            ax.set_ylabel("accuracy after the split")
    for ax in axes[len(modes) :]:
        ax.set_axis_off()
    whole = plots.line(plots.WHOLE, "full network")
    figure.legend(handles=[*kind_keys(styles), whole], loc="outside lower center", ncols=len(styles) + 1)
    caption = (
        f"Accuracy after the split (method: {method}), averaged over tasks, by how neurons of other tasks are "
        "disabled. Hollow: one seed; filled: their mean, the bar one sample standard deviation; dashed: full network."
    )
    yield Drawing("ablations", figure, points_and_means(points, means, ["inputs", "kind", "column"]), caption)
