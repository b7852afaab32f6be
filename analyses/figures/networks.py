"""Networks as they lie in space: neurons from above, and layers as slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spatialgraph.network import Network, NotApplicableError
from spatialgraph.splits.split import Split

from .. import plots
from ..results import Results, label
from .chosen import Shown, networks_with_positions
from .drawing import DOUBLE, FIGURES, SINGLE, Choice, Drawing
from .panels import first, head

MIN_INPUT_STRENGTH, MIN_WEIGHT = 0.1, 0.01
"""Neurons whose absolute input weights sum to no more, and connections of no more absolute weight, are not drawn: as in
Wołczyk et al., "Biologically-Inspired Spatial Neural Networks", arXiv:1910.02776, footnote 4."""

MAX_LINES = 1500
"""The most connections drawn between two layers, the strongest; more make a picture slow and no clearer."""


@FIGURES.register("positions")
def positions(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the neurons of the split layers from above, coloured by task: the paper's Figure 1, for each input mode."""
    shown = networks_with_positions(results, choice)
    frames = [_neurons(one.network, one.split) for one in shown]
    everything = pd.concat(frames)
    colours = plots.task_colours(_tasks(shown))
    markers = plots.layer_markers(list(dict.fromkeys(everything["layer"])))
    columns = min(len(shown), 3)
    limits = _limits(everything)
    figure, axes = _panels_of(limits, len(shown), columns)
    for number, (ax, one, frame) in enumerate(zip(axes, shown, frames, strict=False)):
        plots.neurons(ax, frame, colours, markers)
        head(ax, number, one.title, several=len(shown) > 1)
        _axes_of(ax, frame, _dim(one.network), limits, leftmost=number % columns == 0)
    keys = _task_keys(colours, everything["task"])
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4 if columns == 1 else 8))
    numbers = pd.concat(
        [frame.assign(inputs=one.inputs, network=one.network.name) for one, frame in zip(shown, frames, strict=True)]
    )
    which = "One network for each input mode" if choice.networks is None else "Networks"
    caption = (
        f"Neurons of the split layers seen from above, coloured by task (split method: {shown[0].split.method}). "
        f"{which}: {', '.join(one.network.name for one in shown)}. Neurons whose absolute input weights sum to "
        f"{MIN_INPUT_STRENGTH} or less are not drawn. {_projection(shown)}"
    )
    yield Drawing("positions", figure, first(numbers, "inputs", "network"), caption.strip())


@FIGURES.register("layers")
def layers(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show the split layers as slices in space, with the connections between them: the paper's Figure 2."""
    shown = networks_with_positions(results, choice)
    for one in shown:
        network, frame = one.network, _neurons(one.network, one.split)
        if _dim(network) == 1:
            frame["y"] = 0.0
        connections, left_out = _connections(network, frame)
        names = [network.layers[number].name for number in network.split_layers]
        colours = plots.task_colours(network.tasks)
        width = SINGLE if len(names) <= 4 else DOUBLE
        figure = Figure(figsize=(width, width))
        ax = figure.subplots()
        plots.slices(ax, frame, connections, colours, {name: name for name in names})
        figure.set_figheight(0.5 + width * ax.dataLim.height / ax.dataLim.width)
        keys = _task_keys(colours, frame["task"])
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4))
        parts = {"neuron": frame, "connection": connections, "left out": left_out}
        numbers = pd.concat([part.assign(part=name) for name, part in parts.items() if len(part)])
        caption = (
            f"The split layers of {network.name} ({label(one.inputs)}), the output rightmost; neurons and the "
            f"connections that leave them coloured by task (split method: {one.split.method}). Not drawn: neurons "
            f"whose absolute input weights sum to {MIN_INPUT_STRENGTH} or less, connections of absolute weight "
            f"{MIN_WEIGHT} or less, and all but the {MAX_LINES} strongest between two layers "
            f"({int(left_out['connections'].sum())} left out). {_projection([one])}"
        )
        name = "layers" if len(shown) == 1 and choice.networks is None else f"layers-{one.slug}"
        yield Drawing(name, figure, first(numbers, "part"), caption.strip())


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


def _axes_of(ax: Axes, frame: pd.DataFrame, dim: int, limits: NDArray[np.float64], leftmost: bool) -> None:
    """Name the axes of a panel; on a line, each layer has a row."""
    horizontal, vertical = _axis_names(dim)
    ax.set_xlabel(horizontal)
    if dim == 1:
        ax.set_yticks(sorted(set(frame["y"])), list(dict.fromkeys(frame["layer"])))
        ax.margins(y=0.3)
        return
    ax.set(aspect="equal", xlim=limits[0], ylim=limits[1])
    if leftmost:
        ax.set_ylabel(vertical)


def _task_keys(colours: Mapping[str, str], tasks: pd.Series[str]) -> list[Artist]:
    """Return entries of a legend for the tasks, and for neurons of none or of several where there are such."""
    keys: list[Artist] = [plots.key(colour, task) for task, colour in colours.items()]
    if (tasks == "").any():
        keys.append(plots.key(plots.UNASSIGNED, "no task", filled=False))
    if (~tasks.isin([*colours, ""])).any():
        keys.append(plots.key(plots.SHARED, "several tasks"))
    return keys


def _limits(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the range of x and of y over all panels, with a margin, ``(2, 2)``."""
    points = frame[["x", "y"]]
    ends = np.column_stack([points.min(), points.max()])
    margin = 0.04 * max(float(np.ptp(ends, axis=1).max()), 1e-6)
    return np.asarray(ends + np.array([-margin, margin]))


def _tasks(shown: Sequence[Shown]) -> list[str]:
    return list(dict.fromkeys(task for one in shown for task in one.network.tasks))


def _dim(network: Network) -> int:
    position = network.layers[network.split_layers[0]].position
    return 0 if position is None else position.shape[1]


def _neurons(network: Network, split: Split) -> pd.DataFrame:
    """Return the neurons to draw: layer, neuron, x, y and task, the names joined by + if several and "" if none."""
    frames = []
    for number in network.split_layers:
        layer, members = network.layers[number], split.membership[number]
        strength = np.zeros(layer.size)
        for connection in network.connections:
            if connection.target == number:
                strength += np.abs(connection.weight).sum(axis=1)
        names = ["+".join(np.array(network.tasks)[row]) for row in members]
        own = pd.DataFrame({"layer": layer.name, "neuron": np.arange(layer.size), "task": names})
        own[[f"p{axis}" for axis in range(_dim(network))]] = layer.position
        frames.append(own[strength > MIN_INPUT_STRENGTH])
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        raise NotApplicableError(f"{network.name}: expected input weights that sum to more than {MIN_INPUT_STRENGTH}")
    coordinates = frame.filter(regex=r"^p\d+$").to_numpy(float)
    frame[["x", "y"]] = _plane(coordinates)
    if coordinates.shape[1] == 1:
        frame["y"] = frame["layer"].map({network.layers[k].name: float(k) for k in network.split_layers})
    return frame[["layer", "neuron", "x", "y", "task"]]


def _plane(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two coordinates of each neuron, ``(neurons, 2)``: its own, or of more than two the principal ones."""
    dim = coordinates.shape[1]
    if dim == 2 or len(coordinates) == 0:
        return coordinates[:, :2]
    if dim == 1:
        return np.column_stack([coordinates, np.zeros(len(coordinates))])
    centred = coordinates - coordinates.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1].T[:-3:-1]  # eigenvalues ascend: the last two, the last one first
    # The sign of a principal axis is arbitrary; fixed by its largest entry, the picture is the same on every machine.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray(centred @ (axes * signs[:, None]).T)


def _axis_names(dim: int) -> tuple[str, str]:
    if dim <= 2:
        return "x (arbitrary units)", "y (arbitrary units)"
    return "1st principal coordinate", "2nd principal coordinate"


def _projection(shown: Sequence[Shown]) -> str:
    """Say how positions became points of the plane, if they are not that already."""
    dims = {_dim(one.network) for one in shown}
    texts = []
    if 1 in dims:
        texts.append("Positions on a line.")
    if max(dims) > 2:
        texts.append(f"Positions of {max(dims)} dimensions are shown by their first two principal coordinates.")
    return " ".join(texts)


def _connections(network: Network, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the connections to draw, and how many between each pair of layers are left out for their number."""
    drawn, left_out = [], []
    for connection in network.split_connections:
        names = network.layers[connection.source].name, network.layers[connection.target].name
        source, target = (frame[frame["layer"] == name].reset_index(drop=True) for name in names)
        weight = connection.weight[np.ix_(target["neuron"].to_numpy(int), source["neuron"].to_numpy(int))]
        to, start = np.nonzero(np.abs(weight) > MIN_WEIGHT)
        strongest = np.argsort(-np.abs(weight[to, start]), kind="stable")[:MAX_LINES]
        left_out.append({"layer": names[0], "target": names[1], "connections": len(to) - len(strongest)})
        to, start = to[strongest], start[strongest]
        own = source.iloc[start].reset_index(drop=True)
        own = own.rename(columns={"x": "source_x", "y": "source_y", "neuron": "source_neuron"})
        ends = target.iloc[to].reset_index(drop=True)
        own = own.assign(source=names[0], target=names[1], target_neuron=ends["neuron"])
        own = own.assign(target_x=ends["x"], target_y=ends["y"], weight=weight[to, start].astype(float))
        drawn.append(own.assign(strength=own["weight"].abs() / max(own["weight"].abs().max(), 1e-12)))
    empty = pd.DataFrame(columns=["source", "strength"])
    return (pd.concat(drawn, ignore_index=True) if drawn else empty), pd.DataFrame(left_out)
