"""Networks as they lie in space: neurons from above, and layers as slices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spatialgraph.graph.plane import MIN_INPUT_STRENGTH

from .. import plots
from ..labels import inputs_label
from ..results import Results
from . import neurons
from .chosen import networks_with_positions
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .neurons import (
    CROSSING,
    MIN_WEIGHT,
    axis_names,
    dim_of,
    limits_of,
    lines_of,
    neurons_of,
    projection,
    task_keys,
    tasks_shown,
    thinned,
)
from .panels import first, head


@figure("positions")
def positions(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the neurons of the split layers from above, coloured by task: the paper's Figure 1, for each input mode."""
    shown = networks_with_positions(results, choice)
    frames = [neurons_of(one.network, one.split) for one in shown]
    everything = pd.concat(frames)
    colours = plots.task_colours(tasks_shown(shown))
    markers = plots.layer_markers(list(dict.fromkeys(everything["layer"])))
    columns = 4 if len(shown) % 4 == 0 else min(len(shown), 3)
    limits = limits_of(everything)
    figure, axes = _panels_of(limits, len(shown), columns)
    for number, (ax, one, frame) in enumerate(zip(axes, shown, frames, strict=False)):
        plots.neurons(ax, frame, colours, markers)
        head(ax, number, one.title, several=len(shown) > 1)
        _axes_of(ax, frame, dim_of(one.network), limits)
        horizontal, vertical = axis_names(dim_of(one.network))
        if number + columns >= len(shown):
            ax.set_xlabel(horizontal)
        if number % columns == 0 and dim_of(one.network) > 1:
            ax.set_ylabel(vertical)
    keys = task_keys(colours, everything["task"])
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4 if columns == 1 else 8))
    numbers = pd.concat(
        [frame.assign(inputs=one.inputs, network=one.network.name) for one, frame in zip(shown, frames, strict=True)]
    )
    which = "One network for each input mode" if choice.networks is None else "Networks"
    caption = (
        f"Neurons of the split layers seen from above, coloured by task (split method: {shown[0].split.method}). "
        f"{which}: {', '.join(one.network.name for one in shown)}. Neurons whose absolute input weights sum to "
        f"{MIN_INPUT_STRENGTH} or less are not drawn. {thinned(shown)} {projection(shown)}"
    )
    yield Drawing("positions", figure, first(numbers, "inputs", "network"), " ".join(caption.split()))


@figure("layers")
def layers(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the split layers as slices in space, with the connections between them: the paper's Figure 2."""
    shown = networks_with_positions(results, choice)
    for one in shown:
        network, frame = one.network, neurons_of(one.network, one.split)
        if dim_of(network) == 1:
            frame["y"] = 0.0
        connections, left_out = lines_of(network, frame)
        names = [network.populations[number].name for number in network.split_populations]
        colours = plots.task_colours(network.tasks)
        width = SINGLE if len(names) <= 4 else DOUBLE
        figure = Figure(figsize=(width, width))
        ax = figure.subplots()
        plots.slices(ax, frame, connections, colours | {CROSSING: plots.CROSSING}, {name: name for name in names})
        figure.set_figheight(0.5 + width * ax.dataLim.height / ax.dataLim.width)
        keys = task_keys(colours, frame["task"])
        if len(connections) and (connections["task"] == CROSSING).any():
            keys.append(plots.line("-", CROSSING, plots.CROSSING))
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 3 if width == SINGLE else 8))
        parts = {"neuron": frame, "connection": connections, "left out": left_out}
        numbers = pd.concat([part.assign(part=name) for name, part in parts.items() if len(part)])
        caption = (
            f"The split layers of {network.name} ({inputs_label(one.inputs)}), the output rightmost; neurons coloured "
            f"by task (split method: {one.split.method}), and so are connections if both of their ends serve it. "
            "Not drawn: neurons "
            f"whose absolute input weights sum to {MIN_INPUT_STRENGTH} or less, connections of absolute weight "
            f"{MIN_WEIGHT} or less, and all but the {neurons.MAX_LINES} strongest between two layers "
            f"({int(left_out['connections'].sum())} left out). {thinned([one])} {projection([one])}"
        )
        name = "layers" if len(shown) == 1 and choice.networks is None else f"layers-{one.slug}"
        yield Drawing(name, figure, first(numbers, "part"), " ".join(caption.split()))


def _panels_of(limits: NDArray[np.float64], count: int, columns: int) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure with panels as high as the neurons need at their width, so that nothing but them takes room."""
    rows = -(-count // columns)
    width = SINGLE if columns == 1 else DOUBLE
    ratio = float(np.clip(np.divide(*np.ptp(limits, axis=1)[::-1]), 0.4, 1.2))
    height = rows * (ratio * (width / columns - 0.4) + 0.5) + 0.35
    figure = Figure(figsize=(width, height), layout="compressed")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes


def _axes_of(ax: Axes, frame: pd.DataFrame, dim: int, limits: NDArray[np.float64]) -> None:
    """Give a panel the range that all panels have; on a line, each layer has a row."""
    if dim == 1:
        ax.set_yticks(sorted(set(frame["y"])), list(dict.fromkeys(frame["layer"])))
        ax.margins(y=0.3)
    else:
        ax.set(aspect="equal", xlim=limits[0], ylim=limits[1])
