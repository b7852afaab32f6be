"""Networks as they lie in space: neurons from above, and layers as slices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray

from spatialgraph.graph.plane import MIN_INPUT_STRENGTH

from .. import plots
from ..labels import inputs_label
from ..results import Results
from . import neurons
from .chosen import Shown, networks_with_positions
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

_LABELS = -36  # points that the numbers and the name of a horizontal axis take below it


@figure("positions")
def positions(results: Results, choice: Choice, ax: Axes | None = None) -> Iterator[Drawing]:
    """Show the neurons of the split layers from above, coloured by task: the paper's Figure 1, for each input mode."""
    shown = _shown(results, choice, ax)
    frames = [neurons_of(one.network, one.split) for one in shown]
    everything = pd.concat(frames)
    colours = plots.task_colours(tasks_shown(shown))
    markers = plots.layer_markers(list(dict.fromkeys(everything["layer"])))
    columns = 4 if len(shown) % 4 == 0 else min(len(shown), 3)
    limits = limits_of(everything)
    figure, axes = _panels_of(limits, len(shown), columns, ax)
    for number, (panel, one, frame) in enumerate(zip(axes, shown, frames, strict=False)):
        plots.neurons(panel, frame, colours, markers)
        head(panel, number, one.title, several=len(shown) > 1)
        _axes_of(panel, frame, dim_of(one.network), limits)
        horizontal, vertical = axis_names(dim_of(one.network))
        if number + columns >= len(shown):
            panel.set_xlabel(horizontal)
        if number % columns == 0 and dim_of(one.network) > 1:
            panel.set_ylabel(vertical)
    keys = task_keys(colours, everything["task"])
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    _legend(figure, ax, keys, 4 if columns == 1 else 8)
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
def layers(results: Results, choice: Choice, ax: Axes | None = None) -> Iterator[Drawing]:
    """Show the split layers as slices in space, with the connections between them: the paper's Figure 2."""
    shown = _shown(results, choice, ax)
    for one in shown:
        network, frame = one.network, neurons_of(one.network, one.split)
        if dim_of(network) == 1:
            frame["y"] = 0.0
        connections, left_out = lines_of(network, frame)
        names = [network.populations[number].name for number in network.split_populations]
        colours = plots.task_colours(network.tasks)
        width = SINGLE if len(names) <= 4 else DOUBLE
        panel = Figure(figsize=(width, width)).subplots() if ax is None else ax
        plots.slices(panel, frame, connections, colours | {CROSSING: plots.CROSSING}, {name: name for name in names})
        figure = _figure_of(panel)
        if ax is None:
            figure.set_figheight(0.5 + width * panel.dataLim.height / panel.dataLim.width)
        keys = task_keys(colours, frame["task"])
        if len(connections) and (connections["task"] == CROSSING).any():
            keys.append(plots.line("-", CROSSING, plots.CROSSING))
        _legend(figure, ax, keys, 3 if width == SINGLE else 8)
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


def _shown(results: Results, choice: Choice, ax: Axes | None) -> list[Shown]:
    """Return the networks to show; one, if there is one panel for them."""
    shown = networks_with_positions(results, choice)
    if ax is not None and len(shown) > 1:
        names = ", ".join(one.network.name for one in shown)
        raise ValueError(f"ax: expected one network, for one panel, found {names}: choose one (networks)")
    return shown


def _figure_of(ax: Axes) -> Figure:
    """Return the figure that axes are in, also if they are in a part of it."""
    figure = ax.figure.figure
    assert isinstance(figure, Figure)  # noqa: S101
    return figure


def _legend(figure: Figure, ax: Axes | None, keys: list[Artist], columns: int) -> None:
    """Explain colours and markers: below the panels of a figure, or below the axes that were given."""
    if ax is None:
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), columns))
    else:
        below = offset_copy(ax.transAxes, figure, y=_LABELS, units="points")
        columns = min(len(keys), columns)
        ax.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=columns)


def _panels_of(
    limits: NDArray[np.float64], count: int, columns: int, ax: Axes | None
) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure with panels as high as the neurons need at their width, so that nothing but them takes room."""
    if ax is not None:
        return _figure_of(ax), np.array([ax])
    rows = -(-count // columns)
    width = SINGLE if columns == 1 else DOUBLE
    ratio = float(np.clip(np.divide(*np.ptp(limits, axis=1)[::-1]), 0.4, 1.2))
    height = rows * (ratio * (width / columns - 0.4) + 0.5) + 0.35
    figure = Figure(figsize=(width, height), layout="compressed")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes


def _axes_of(ax: Axes, frame: pd.DataFrame, dim: int, limits: NDArray[np.float64]) -> None:
    """Give a panel the range that all panels have; on a line, each layer has a row."""
    if dim == 1:
        ax.set_yticks(sorted(set(frame["y"])), list(dict.fromkeys(frame["layer"])))
        ax.margins(y=0.3)
    else:
        ax.set(aspect="equal", xlim=limits[0], ylim=limits[1])
