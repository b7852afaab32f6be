"""What networks recorded while they were trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from spatialgraph.network import NotApplicableError

from .. import plots
from ..results import Results, label
from ..tables import over_networks
from .drawing import DOUBLE, FIGURES, SINGLE, Choice, Drawing
from .panels import head, points_and_means

_QUANTITIES = {"loss": "loss", "transport": "transport cost", "density": "density cost", "accuracy": "accuracy"}


@FIGURES.register("training")
def training(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the loss, the transport and density costs and the accuracy of each task over the epochs of training."""
    lines, tasks = _histories(results)
    quantities = [name for name in _QUANTITIES if (lines["quantity"] == name).any()]
    if not quantities:
        raise NotApplicableError(f"expected networks with a history of {', '.join(_QUANTITIES)}, found none")
    means = over_networks(lines, ["quantity", "inputs", "kind", "task", "epoch"])
    modes = [mode for mode in results.inputs if (lines["inputs"] == mode).any()]
    styles, dashes = plots.kind_styles(results.kinds), plots.task_lines(tasks)
    width = SINGLE if len(modes) == 1 else DOUBLE
    figure = Figure(figsize=(width, 1.25 * len(quantities) + 0.6))
    axes = figure.subplots(len(quantities), len(modes), squeeze=False, sharex="col", sharey="row")
    for row, quantity in enumerate(quantities):
        for column, mode in enumerate(modes):
            ax = axes[row, column]
            here = (lines["quantity"] == quantity) & (lines["inputs"] == mode)
            own = (means["quantity"] == quantity) & (means["inputs"] == mode)
            plots.curves(ax, lines[here], means[own], styles, dashes)
            head(ax, row * len(modes) + column, label(mode) if row == 0 else "")
            ax.grid(axis="y")
            if column == 0:
                ax.set_ylabel(_QUANTITIES[quantity])
            if row == len(quantities) - 1:
                ax.set_xlabel("epoch")
        values = lines.loc[lines["quantity"] == quantity, "value"]
        if quantity != "accuracy" and values.min() > 0 and values.max() > 20 * values.min():
            axes[row, 0].set_yscale("log")
    keys: list[Artist] = [plots.patch(colour, label(kind)) for kind, (colour, _) in styles.items()]
    keys += [plots.line(dash, task) for task, dash in dashes.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4 if width == SINGLE else 8))
    figure.align_ylabels(axes[:, 0])
    caption = (
        "Training: loss (with the costs, where a network pays them), transport cost, density cost and accuracy of each "
        "task on held-out examples, after every epoch. Thin: one seed; bold: the mean of the seeds."
    )
    numbers = points_and_means(lines, means, ["quantity", "inputs", "kind", "task", "epoch"])
    yield Drawing("training", figure, numbers, caption)


def _histories(results: Results) -> tuple[pd.DataFrame, list[str]]:
    """Return what networks recorded while they were trained, one row per value, and the names of the tasks."""
    frames, tasks = [], dict[str, None]()
    for member in results.members.itertuples(index=False):
        network = results.network(str(member.network))
        tasks |= dict.fromkeys(network.tasks)
        for quantity in _QUANTITIES:
            values = network.history.get(quantity)
            if values is None or not len(values):
                continue
            columns = {"": values} if values.ndim == 1 else dict(zip(network.tasks, values.T, strict=True))
            for task, column in columns.items():
                epochs = np.arange(1, len(column) + 1)
                facts = {"network": member.network, "kind": member.kind, "inputs": member.inputs, "seed": member.seed}
                curve = {"quantity": quantity, "task": task, "epoch": epochs, "value": column.astype(float)}
                frames.append(pd.DataFrame({**facts, **curve}))
    empty = pd.DataFrame(columns=["quantity", "inputs"])
    return (pd.concat(frames, ignore_index=True) if frames else empty), list(tasks)
