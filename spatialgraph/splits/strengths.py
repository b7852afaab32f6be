"""The strengths of connections as split methods take them: as one matrix, or as sums from one layer to the tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import BoolArray, Connection, FloatArray, Graph, IntArray
from ..graph.split import Split
from .method import DIRECT

# Strengths that are converted to float64 at a time: 1 MB, which stays in the cache.
_PIECE = 2**17

# The matrices of graphs that are still in use.
_kept: WeakKeyDictionary[Graph, dict[tuple[int, ...], NDArray[np.float64]]] = WeakKeyDictionary()


def undirected(graph: Graph, populations: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return the strengths of the connections among some populations as a symmetric matrix, without a list of edges.

    Strengths of several connections of two units, whichever their direction, add up; that of a unit with itself counts
    twice, as it does in the summed strengths of the unit. Small matrices are kept as long as the graph, since several
    methods ask for the same one.

    Args:
        graph: the graph.
        populations: their numbers in ascending order; None for those that are split.

    Returns:
        ``(units, units)``, at least 0, read-only; the units stand as `Graph.places` says.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> undirected(network.graph).tolist()
        [[0.0, 0.5, 2.0], [0.5, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    place = graph.places(populations)
    kept = _kept.setdefault(graph, {})
    if (matrix := kept.get(tuple(place))) is None:
        matrix = _undirected(graph, place)
        matrix.setflags(write=False)
        if len(matrix) <= DIRECT:
            kept[tuple(place)] = matrix
    return matrix


def _undirected(graph: Graph, place: Mapping[int, slice]) -> NDArray[np.float64]:
    """Return what `undirected` does, of populations at these places."""
    units = max(where.stop for where in place.values())
    matrix, rest = np.zeros((units, units)), []
    first: set[tuple[int, int]] = set()
    for connection in graph.connections:
        source, target = connection.source, connection.target
        if source not in place or target not in place:
            continue
        if source == target or (source, target) in first or (target, source) in first:
            rest.append(connection)
            continue
        first.add((source, target))
        block = matrix[place[target], place[source]]
        np.abs(connection.weight, out=block)
        matrix[place[source], place[target]] = block.T
    for connection in rest:
        strength = np.abs(connection.weight, dtype=np.float64)
        matrix[place[connection.target], place[connection.source]] += strength
        matrix[place[connection.source], place[connection.target]] += strength.T
    return matrix


def among(strengths: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return a copy of some rows and columns of a matrix; ten times as fast where their numbers have no gaps.

    Example:
        >>> among(np.arange(9.0).reshape(3, 3), np.array([1, 2]), np.array([0, 2])).tolist()
        [[3.0, 5.0], [6.0, 8.0]]
    """
    if len(rows) and len(columns) and all(which[-1] - which[0] == len(which) - 1 for which in (rows, columns)):
        return strengths[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return strengths[np.ix_(rows, columns)]


def with_outputs(graph: Graph) -> tuple[int, ...]:
    """Return the numbers of the split populations and of those that hold outputs, split or not: outputs have tasks."""
    return tuple(sorted({*graph.split_populations, *graph.output_populations}))


def output_tasks(graph: Graph, populations: Sequence[int]) -> IntArray:
    """Return the task of each output, -1 for other units: ``(units,)``, the units of some populations in one row."""
    return np.concatenate([graph.task_of[k] for k in populations])


def with_given(graph: Graph, labels: Mapping[int, NDArray[np.integer]]) -> dict[int, IntArray]:
    """Return the task of each unit of the split populations, ``(units,)``: outputs have the task they belong to.

    Args:
        graph: the graph.
        labels: population number to ``(units,)``, for those that have units that are no outputs.
    """
    given = {k: graph.task_of[k] for k in graph.split_populations}
    return {k: np.where(task < 0, labels[k], task) if k in labels else task for k, task in given.items()}


def strength_to_tasks(graph: Graph, layer: int, members: Mapping[int, BoolArray]) -> NDArray[np.float64]:
    """Sum the strengths of the connections from each unit of a population to the units of each task.

    Args:
        graph: the graph.
        layer: the number of the layer.
        members: layer number to ``(units, tasks)``, whether each neuron of later layers serves each task; one that
            serves several counts for each of them. Connections to other layers do not count.

    Returns:
        ``(units, tasks)`` float64, at least 0.
    """
    strength = np.zeros((graph.populations[layer].size, len(graph.tasks)))
    for connection in graph.connections:
        if connection.source == layer and connection.target in members:
            strength += connection_to_tasks(connection, members[connection.target])
    return strength


def strengths_in(graph: Graph, split: Split) -> dict[int, NDArray[np.float64]]:
    """Return what greedy splits compare: each unit's strength to the units of each task in later populations.

    Args:
        graph: the graph.
        split: says which units serve which task; the tasks of outputs are given.

    Returns:
        number of a split population to ``(units, tasks)``, at least 0; nan where no such population follows.
    """
    tasks = np.arange(len(graph.tasks))
    outputs = {k: graph.task_of[k][:, None] == tasks for k in graph.output_populations}
    members, sources = outputs | dict(split.membership), set[int]()
    for connection in graph.connections:
        if connection.target in members:
            sources.add(connection.source)
    nothing = {k: np.full((graph.populations[k].size, len(tasks)), np.nan) for k in graph.split_populations}
    return {k: strength_to_tasks(graph, k, members) if k in sources else none for k, none in nothing.items()}


def connection_to_tasks(connection: Connection, members: BoolArray) -> NDArray[np.float64]:
    """Sum the strengths of one connection from each unit to the units of each task.

    Args:
        connection: the connection.
        members: ``(target units, tasks)``, whether each serves each task.

    Returns:
        ``(source units, tasks)`` float64, at least 0.
    """
    tasks = members.T.astype(np.float64)
    strength = np.zeros((len(tasks), connection.shape[1]))
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
