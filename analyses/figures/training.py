"""Curves of training: the quantities that networks recorded, and their modularity at the kept moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.metrics import modularity
from spatialgraph.splits import apply, sees

from .. import plots
from ..columns import DEFAULT_METHOD
from ..labels import inputs_label, kind_label
from ..results import Results
from ..statistics import CAVEAT, INTERVAL
from ..wording import listed
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import head, networks_said, points_and_means, with_intervals

_FIRST, _LAST = ("loss",), ("validation_accuracy", "accuracy")  # of what is recorded; costs are between them
_COSTS = ("transport", "density")  # of networks that do not say what they pay
_MOST_COSTS = 4  # more rows are no figure of a page


@figure("training")
def training(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show losses, costs, the accuracy of each task and modularity over the epochs of training."""
    method = choice.method if choice.method is not None and sees(choice.method) == "weights" else DEFAULT_METHOD
    lines = curves_of(results, method)
    quantities, costs = _quantities(results, lines)
    if not quantities:
        raise NotApplicableError("expected networks with a history of loss, costs or accuracy, found none")
    lines = lines[lines["quantity"].isin(quantities)]
    means = with_intervals(lines, ["quantity", "inputs", "kind", "task", "epoch"])
    modes = [mode for mode in results.inputs if (lines["inputs"] == mode).any()]
    styles = plots.kind_styles(results.kinds)
    dashes = plots.task_lines([task for task in lines["task"].unique() if task])
    width = SINGLE if len(modes) == 1 else DOUBLE
    height = 1.2 * len(quantities) + 0.7
    figure, axes = page.panels(width, height, len(quantities), len(modes), sharex=True, sharey="row")
    for row, quantity in enumerate(quantities):
        for column, mode in enumerate(modes):
            ax = axes[row, column]
            here, own = (frame[(frame["quantity"] == quantity) & (frame["inputs"] == mode)] for frame in (lines, means))
            plots.curves(ax, here, own, styles, dashes)
            head(ax, row * len(modes) + column, inputs_label(mode) if row == 0 else "", several=axes.size > 1)
            ax.grid(axis="y")
        values = lines.loc[lines["quantity"] == quantity, "value"]
        if quantity in ("loss", *costs) and values.min() > 0 and values.max() > 20 * values.min():
            axes[row, 0].set_yscale("log")
            plots.powers(axes[row, 0].yaxis)
    for row, quantity in enumerate(quantities):
        axes[row, 0].set_ylabel(f"{quantity} cost" if quantity in costs else quantity.replace("_", "\n"))
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    keys: list[Artist] = [plots.patch(colour, kind_label(kind)) for kind, (colour, _) in styles.items()]
    keys += [plots.line(dash, task) for task, dash in dashes.items()]
    page.legend(figure, keys, 4 if width == SINGLE else 8)
    figure.align_ylabels(axes[:, 0])
    numbers = points_and_means(lines, means, ["quantity", "inputs", "kind", "task", "epoch"])
    yield Drawing("training", figure, numbers, _caption(quantities, costs, method, lines))


def _quantities(results: Results, lines: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return what is shown, in the order of rows, and the costs that networks recorded, shown or not."""
    found = set(lines["quantity"])
    metadata = (results.network(name).metadata for name in results.members["network"])
    known = dict.fromkeys(name for own in metadata for name in (own.get("symbols") or _COSTS))
    costs = [name for name in known if name in found]
    shown = costs if len(costs) <= _MOST_COSTS else []
    return [name for name in (*_FIRST, *shown, *_LAST, "modularity") if name in found], costs


def curves_of(results: Results, method: str) -> pd.DataFrame:
    """Return the training curves of every network: network, kind, inputs, seed, quantity, task, epoch, value.

    Args:
        results: the results.
        method: the split method for the modularity at each kept moment. Networks with only their start and their end
            kept have no curve of modularity.
    """
    frames = []
    for name in results.members["network"]:
        curves = [*_recorded(results.network(name)), *_modularity(results, name, method)]
        frames += [curve.assign(network=name) for curve in curves]
    columns = ["network", "quantity", "task", "epoch", "value"]
    return results.members.merge(pd.concat(frames) if frames else pd.DataFrame(columns=columns), on="network")


def _recorded(network: Graph) -> Iterator[pd.DataFrame]:
    """Yield a network's records after every epoch, a frame for each quantity and task (``""`` for all tasks)."""
    for quantity, values in network.history.items():
        if not len(values):
            continue
        of_tasks: Mapping[str, NDArray[Any]] = {"": values}
        if values.ndim > 1:
            of_tasks = dict(zip(network.tasks, values.T, strict=True))
        for task, column in of_tasks.items():
            epochs = np.arange(1.0, len(column) + 1)
            yield pd.DataFrame({"quantity": quantity, "task": task, "epoch": epochs, "value": column.astype(float)})


def _modularity(results: Results, name: str, method: str) -> Iterator[pd.DataFrame]:
    """Yield the modularity of a network at each kept moment, split anew, if more than two moments are kept."""
    alone = replace(results, _snapshots={})  # a separate cache: the snapshots of all networks take much memory
    try:
        moments = alone.snapshots(name)
        if len(moments) > 2:
            values = [modularity(network, apply(method, network)) for _, network in moments]
            epochs = [epoch for epoch, _ in moments]
            yield pd.DataFrame({"quantity": "modularity", "task": "", "epoch": epochs, "value": values})
    except NotApplicableError:
        return


def _caption(quantities: list[str], costs: list[str], method: str, lines: pd.DataFrame) -> str:
    """Return the caption: the meaning of the curves, lines and bands."""
    shown = [f"{name} cost" for name in costs if name in quantities]
    parts = ["loss (with the costs, where a network pays them)", *shown, "accuracy of each task on held-out examples"]
    if "validation_accuracy" in quantities:
        parts.insert(-1, "accuracy of each task on the examples set aside for validation")
    text = (
        f"Training: {listed(parts)}, after every epoch. n = {networks_said(lines)} of each kind and input mode. Thin "
        f"lines: each seed. Thick lines: their means. Bands: {INTERVAL}s of the means ({CAVEAT}), which may reach "
        "beyond the axes."
    )
    if costs and not shown:
        text += f" The {len(costs)} costs that kinds of network pay are not shown."
    if "modularity" in quantities:
        count = lines.loc[lines["quantity"] == "modularity", "network"].nunique()
        text += (
            f" Modularity: of the split by {method}, made anew at every moment that was kept, of large networks at "
            f"some ({count} networks)."
        )
    return text
