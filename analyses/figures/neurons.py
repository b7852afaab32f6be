"""What figures draw of a network: its neurons and its connections, as frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.plane import MIN_INPUT_STRENGTH, Plane, input_strength
from spatialgraph.graph.split import Split
from spatialgraph.splits.degenerate import is_degenerate

from .. import plots
from .chosen import Shown

MIN_WEIGHT = 0.01
"""Connections of no more absolute weight are not drawn: as in Wołczyk et al., "Biologically-Inspired Spatial Neural
Networks", arXiv:1910.02776, footnote 4."""

MAX_LINES = 1500
"""The most connections drawn between two layers, the strongest; more make a picture slow and no clearer."""


MAX_NEURONS = 3000
"""The most neurons drawn of a network, evenly spaced in each layer: more cover one another."""


CROSSING = "between modules"
"""What a connection between neurons of different tasks has in the place of a task."""


def neurons_of(network: Graph, split: Split) -> pd.DataFrame:
    """Return the neurons to draw: layer, neuron, x, y and task, the names joined by + if several and "" if none.

    Of a network with more than `MAX_NEURONS` about so many are taken, always the same.

    Raises:
        NotApplicableError: no neuron has input weights that are worth drawing.
    """
    positions = {k: np.asarray(network.populations[k].position) for k in network.split_populations}
    frame = _drawn(network, split, positions)
    coordinates = frame.filter(regex=r"^p\d+$").to_numpy(float)
    frame[["x", "y"]] = Plane.of(coordinates).project(coordinates)
    if coordinates.shape[1] == 1:
        frame["y"] = frame["layer"].map({network.populations[k].name: float(k) for k in network.split_populations})
    return frame[["layer", "neuron", "x", "y", "task"]]


def neurons_in_order(network: Graph, split: Split) -> pd.DataFrame:
    """Return the neurons of a network without positions as `neurons_of` does: in their order, a square for each layer.

    The order is that of the layer and knows nothing of the split, so that no module is made to look tidy.

    Raises:
        NotApplicableError: no neuron has input weights that are worth drawing.
    """
    positions = {}
    for k in network.split_populations:
        size = network.populations[k].size
        side = max(1, int(np.ceil(np.sqrt(size))))
        rows = -(-size // side)
        row, column = np.divmod(np.arange(size), side)
        step = 2 / max(side - 1, 1)
        positions[k] = step * np.column_stack([column - (side - 1) / 2, (rows - 1) / 2 - row])
    frame = _drawn(network, split, positions).rename(columns={"p0": "x", "p1": "y"})
    return frame[["layer", "neuron", "x", "y", "task"]]


def _drawn(network: Graph, split: Split, positions: Mapping[int, NDArray[np.float64]]) -> pd.DataFrame:
    """Return the neurons that are drawn: layer, neuron, task and, as p0, p1 and so on, their positions."""
    frames, tasks = [], tasks_of(network, split)
    for number in network.split_populations:
        layer = network.populations[number]
        own = pd.DataFrame({"layer": layer.name, "neuron": np.arange(layer.size), "task": tasks[number]})
        own[[f"p{axis}" for axis in range(positions[number].shape[1])]] = positions[number]
        own = own[input_strength(network, number) > MIN_INPUT_STRENGTH]
        frames.append(own[own["neuron"].isin(_units(network, number))])
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        raise NotApplicableError(f"{network.name}: expected input weights that sum to more than {MIN_INPUT_STRENGTH}")
    return frame


def _units(network: Graph, number: int) -> NDArray[np.int64]:
    """Return the neurons of a layer that may be drawn, evenly spaced."""
    size, neurons = (
        network.populations[number].size,
        sum(network.populations[k].size for k in network.split_populations),
    )
    count = max(1, round(size * min(1.0, MAX_NEURONS / neurons)))
    return np.linspace(0, size - 1, count).round().astype(np.int64)


def thinned(shown: Sequence[Shown]) -> str:
    """Return a sentence that names the networks whose neurons are not all drawn; ``""`` if there are none."""
    names = [one.network.name for one in shown if _has_more(one.network)]
    drawn = f"about {MAX_NEURONS} {units_said(shown)} are drawn, evenly spaced in each layer."
    return f"Of {', '.join(names)} {drawn}" if names else ""


def units_said(shown: Sequence[Shown]) -> str:
    """Return the plural noun for the units of the split layers: neurons, channels, …; units if of several sorts."""
    words = {one.network.units_word(one.network.split_populations) for one in shown}
    return words.pop() if len(words) == 1 else "units"


def weak_said(shown: Sequence[Shown]) -> str:
    """Return a sentence on the neurons that are not drawn, as hardly anything enters them."""
    units = units_said(shown)
    what = "absolute input weights sum" if units == "neurons" else "incoming strengths sum"
    return f"{units.capitalize()} whose {what} to {MIN_INPUT_STRENGTH} or less are not drawn."


def degenerate_said(shown: Sequence[Shown]) -> str:
    """Return a sentence that names the networks whose split is degenerate; ``""`` if there are none."""
    names = [one.network.name for one in shown if is_degenerate(one.split)]
    return f" Degenerate, no task modules: {', '.join(names)}." if names else ""


def _has_more(network: Graph) -> bool:
    return sum(network.populations[k].size for k in network.split_populations) > MAX_NEURONS


def tasks_of(network: Graph, split: Split) -> dict[int, list[str]]:
    """Return what each neuron serves, by layer number: a task, several joined by +, or "" for none."""
    names = np.array(network.tasks, dtype=object)
    return {number: ["+".join(names[row]) for row in members] for number, members in split.membership.items()}


def lines_of(network: Graph, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the connections to draw, and how many between each pair of layers are left out for their number.

    The column task is that of both ends of a connection, or ``CROSSING`` where they serve different ones.
    """
    drawn, left_out = [], []
    for connection in network.split_connections:
        names = network.populations[connection.source].name, network.populations[connection.target].name
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
        own["task"] = [_of_both(*both, network.tasks) for both in zip(own["task"], ends["task"], strict=True)]
        own = own.assign(target_x=ends["x"], target_y=ends["y"], weight=weight[to, start].astype(float))
        drawn.append(own.assign(strength=own["weight"].abs() / max(own["weight"].abs().max(), 1e-12)))
    empty = pd.DataFrame(columns=["source", "strength"])
    return (pd.concat(drawn, ignore_index=True) if drawn else empty), pd.DataFrame(left_out)


def _of_both(one: str, other: str, tasks: Sequence[str]) -> str:
    """Return the task of both ends of a connection, that they differ, or the label of an end with several or no tasks.

    Example:
        >>> [_of_both("a", other, ["a", "b"]) for other in ("a", "b", "", "a+b")]
        ['a', 'between modules', '', 'a+b']
    """
    ends = {one, other}
    if len(ends) == 1 or "" in ends:
        return min(ends)
    return next((end for end in (one, other) if end not in tasks), CROSSING)


def task_keys(colours: Mapping[str, str], tasks: pd.Series[str]) -> list[Artist]:
    """Return legend entries for the tasks, and for neurons of no task or of several tasks if there are any."""
    keys: list[Artist] = [plots.key(colour, task) for task, colour in colours.items()]
    if (tasks == "").any():
        keys.append(plots.key(plots.UNASSIGNED, "no task", filled=False))
    if (~tasks.isin([*colours, ""])).any():
        keys.append(plots.key(plots.SHARED, "several tasks"))
    return keys


def tasks_shown(shown: Sequence[Shown]) -> list[str]:
    """Return the tasks of all networks shown, each once."""
    return list(dict.fromkeys(task for one in shown for task in one.network.tasks))


def dim_of(network: Graph) -> int:
    """Return how many coordinates the neurons of the split layers have; 0 if they have no positions."""
    position = network.populations[network.split_populations[0]].position
    return 0 if position is None else position.shape[1]


def limits_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the range of x and of y of neurons, with a margin, ``(2, 2)``."""
    points = frame[["x", "y"]]
    ends = np.column_stack([points.min(), points.max()])
    margin = 0.04 * max(float(np.ptp(ends, axis=1).max()), 1e-6)
    return np.asarray(ends + np.array([-margin, margin]))


def widened(limits: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    """Return ranges of x and of y whose ratio, y to x, is a given one, and which hold those given, ``(2, 2)``."""
    x, y = np.ptp(limits, axis=1)
    half = np.array([max(x, y / shape), max(y, x * shape)]) / 2
    return np.asarray(limits.mean(axis=1)[:, None] + half[:, None] * [-1.0, 1.0])


def axis_names(dim: int) -> tuple[str, str]:
    """Return the labels of the axes of a panel of positions."""
    if dim <= 2:
        return "x (arbitrary units)", "y (arbitrary units)"
    return "1st principal coordinate", "2nd principal coordinate"


def projection(shown: Sequence[Shown]) -> str:
    """Say how positions became points of the plane, if they are not that already."""
    dims = {dim_of(one.network) for one in shown}
    texts = []
    if 1 in dims:
        texts.append("Positions on a line.")
    if max(dims) > 2:
        texts.append(f"Positions of {max(dims)} dimensions are shown by their first two principal coordinates.")
    return " ".join(texts)
