"""The strengths of connections as split methods take them: as one matrix, or as sums from one layer to the tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..network import BoolArray, FloatArray, IntArray, Network

# Strengths that are converted to float64 at a time: 1 MB, which stays in the cache.
_PIECE = 2**17


def undirected(network: Network, layers: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return the strengths of the connections among some layers as a symmetric matrix.

    It is `graph.adjacency` of the undirected graph, written block by block, without a list of its edges.

    Args:
        network: the network.
        layers: the numbers of the layers in ascending order; None for the split layers.

    Returns:
        ``(neurons, neurons)``, at least 0; the neurons are numbered layer by layer and unit by unit.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> undirected(network).tolist()
        [[0.0, 0.5, 2.0], [0.5, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    numbers = network.split_layers if layers is None else tuple(layers)
    ends = np.cumsum([network.layers[k].size for k in numbers]).tolist()
    place = {k: slice(end - network.layers[k].size, end) for k, end in zip(numbers, ends, strict=True)}
    matrix = np.zeros((ends[-1], ends[-1]))
    for connection in network.connections:
        if connection.source in place and connection.target in place:
            source, target = place[connection.source], place[connection.target]
            block = matrix[target, source]
            np.abs(connection.weight, out=block)
            matrix[source, target] = block.T
    return matrix


def by_layer(network: Network, values: IntArray, layers: Sequence[int] | None = None) -> dict[int, IntArray]:
    """Return numbers of neurons, ``(neurons,)`` in the order of `undirected`, as layer number to ``(units,)``."""
    numbers = network.split_layers if layers is None else tuple(layers)
    ends = np.cumsum([network.layers[k].size for k in numbers])
    return dict(zip(numbers, np.split(values, ends[:-1]), strict=True))


def with_output(network: Network) -> tuple[int, ...]:
    """Return the numbers of the split layers and of the output layer, split or not: its outputs have tasks."""
    return tuple(sorted({*network.split_layers, network.output_layer}))


def strength_to_tasks(network: Network, layer: int, members: Mapping[int, BoolArray]) -> NDArray[np.float64]:
    """Sum the strengths of the connections from each neuron of a layer to the neurons of each task.

    Args:
        network: the network.
        layer: the number of the layer.
        members: layer number to ``(units, tasks)``, whether each neuron of later layers serves each task; one that
            serves several counts for each of them. Connections to other layers do not count.

    Returns:
        ``(units, tasks)`` float64, at least 0.
    """
    strength = np.zeros((len(network.tasks), network.layers[layer].size))
    for connection in network.connections:
        if connection.source == layer and connection.target in members:
            tasks = members[connection.target].T.astype(np.float64)
            for rows, piece in _pieces(connection.weight):
                # In float64, in which sums of float32 strengths are exact enough for ties to be ties.
                strength += tasks[:, rows] @ piece
    return strength.T


def _pieces(weight: FloatArray) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield all strengths of a connection as float64, a few rows at a time: a copy of the whole could be large."""
    rows = max(_PIECE // weight.shape[1], 1)
    for start in range(0, len(weight), rows):
        piece = weight[start : start + rows].astype(np.float64)
        yield slice(start, start + rows), np.abs(piece, out=piece)
