"""A network as a weighted graph: for NetworkX, for SciPy, and as a file for other programs.

The nodes of a graph are numbered from 0, layer by layer in ascending order and unit by unit within a layer, whether it
is a NetworkX graph, an adjacency matrix or a file; `node_index` gives the layer and the unit of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..files import atomic
from .graph import Graph, IntArray
from .split import Split

if TYPE_CHECKING:
    # NetworkX takes longer to import than everything else here, and measures and splits do without it.
    import networkx as nx
    from scipy import sparse


Layers = Literal["split", "all"]
Labels = Mapping[int, NDArray[np.integer]] | Mapping[str, NDArray[np.integer]]
FORMATS = ("graphml", "gexf", "npz")
"""The file formats of `export_graph`."""


@dataclass(frozen=True, eq=False)
class _Edges:
    """The connections of a graph: node numbers, signed weights, labels, ``(connections,)``; how many are left out."""

    source: IntArray
    target: IntArray
    weight: NDArray[np.float64]
    label: NDArray[np.object_]
    left_out: int


def node_index(graph: Graph, layers: Layers = "split") -> IntArray:
    """Return the layer and the unit of every node.

    Args:
        graph: the graph.
        layers: ``"split"`` for the split layers, ``"all"`` for all of them, the input included.

    Returns:
        ``(neurons, 2)``: the number of the layer and of the unit within it, in the order of the nodes.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        ValueError: `layers` is neither.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 3), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 3))),), [0, 1], {"tasks": ["a", "b"]})
        >>> node_index(network.graph).tolist()
        [[1, 0], [1, 1]]
    """
    sizes = {k: graph.populations[k].size for k in _numbers(graph, layers)}
    layer = np.repeat(list(sizes), list(sizes.values()))
    return np.column_stack([layer, np.concatenate([np.arange(size) for size in sizes.values()])])


def to_networkx(
    graph: Graph,
    *,
    layers: Layers = "split",
    directed: bool = True,
    threshold: float = 0.0,
    keep: float | None = None,
    labels: Labels | None = None,
    split: Split | None = None,
) -> nx.Graph:
    """Return a graph as one of NetworkX.

    A node has the attributes ``layer``, ``layer_name``, ``unit``, ``task`` (the number of its task, -1 for none),
    ``unit_kind`` where it is no neuron, and, if its layer has positions, ``x``, ``y``, ``z`` (``x0``, ``x1``, … in
    more than three dimensions). An edge has ``weight`` (signed), ``strength`` (its absolute value: what measures of
    communities take as weight) and, if both its ends have positions, ``distance`` (Euclidean); one whose connection has
    a label has ``label``. A connection of weight 0 is no edge. The graph's own attributes say what was asked for, and
    ``left_out``, the number of connections that `threshold` and `keep` left out. Where two units may have several
    connections (a graph with cycles, or with labels), the graph is a multigraph.

    Args:
        graph: the graph.
        layers: ``"split"`` for the split layers, ``"all"`` for all of them, the input included.
        directed: whether edges have a direction, from the earlier layer to the later.
        threshold: connections no stronger than this are left out; at least 0.
        keep: the share, 0 to 1, of the connections that is kept, the strongest; None for all. Among equally strong
            connections those of earlier nodes are kept.
        labels: number or name of a layer to ``(units,)``, the task of each neuron, as `Split.labels` gives it; without
            it, outputs have the task that they belong to and other neurons -1.
        split: gives each neuron of its layers the attribute ``module``: the names of its tasks, joined by + if several
            and ``""`` if none; or ``community1``, … where the method knows no tasks.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        ValueError: an argument is outside its range.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> made = to_networkx(network.graph, threshold=1.0)
        >>> list(made.edges(data=True)), made.graph["left_out"]
        ([(0, 2, {'weight': -2.0, 'strength': 2.0})], 1)
    """
    import networkx as nx

    edges = _edges(graph, layers, threshold, keep)
    kinds = (nx.Graph, nx.DiGraph) if graph.is_layered else (nx.MultiGraph, nx.MultiDiGraph)
    made = kinds[directed]()
    made.graph.update(
        name=graph.name,
        layers=layers,
        threshold=float(threshold),
        keep=1.0 if keep is None else float(keep),
        left_out=edges.left_out,
    )
    made.add_nodes_from(enumerate(_node_attributes(graph, layers, labels or {})))
    for node, (layer, unit) in enumerate(node_index(graph, layers).tolist()):
        if split is not None and layer in split.membership:
            made.nodes[node]["module"] = _module(graph, split, layer, unit)
    made.add_edges_from(
        zip(edges.source.tolist(), edges.target.tolist(), _edge_attributes(graph, layers, edges), strict=True)
    )
    return made


def adjacency(
    graph: Graph,
    *,
    layers: Layers = "split",
    directed: bool = True,
    threshold: float = 0.0,
    keep: float | None = None,
) -> sparse.csr_array:
    """Return the strengths of a network's connections as a sparse matrix, straight from its weights.

    Args:
        graph: the graph.
        layers: as in `to_networkx`.
        directed: if False, every connection counts both ways and the matrix is symmetric; one of a unit with itself
            counts once, as NetworkX has it.
        threshold: as in `to_networkx`.
        keep: as in `to_networkx`.

    Returns:
        ``(neurons, neurons)`` float64: row is source, column is target, in the order of `node_index`; at least 0.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        ValueError: an argument is outside its range.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> adjacency(network.graph).toarray().tolist()
        [[0.0, 0.5, 2.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    from scipy import sparse  # takes a third of the time that the library takes to import

    edges = _edges(graph, layers, threshold, keep)
    neurons = len(node_index(graph, layers))
    matrix = sparse.csr_array((np.abs(edges.weight), (edges.source, edges.target)), shape=(neurons, neurons))
    if directed:
        return matrix
    return sparse.csr_array(matrix + matrix.T - sparse.diags_array(matrix.diagonal()))


def to_adjacency(graph: nx.Graph) -> sparse.csr_array:
    """Return the strengths of a graph that `to_networkx` made as a sparse matrix.

    Args:
        graph: the graph, whole or less some of its edges.

    Returns:
        ``(neurons, neurons)`` float64, as `adjacency` gives it; symmetric if the graph is undirected.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 1, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[-2.0]]),), [0], {"tasks": ["a"]})
        >>> to_adjacency(to_networkx(network.graph, directed=False)).toarray().tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """
    import networkx as nx

    return nx.to_scipy_sparse_array(graph, nodelist=sorted(graph), dtype=np.float64, weight="strength", format="csr")


def export_graph(
    graph: Graph,
    path: str | Path,
    to: str = "graphml",
    *,
    layers: Layers = "split",
    threshold: float = 0.0,
    keep: float | None = None,
    labels: Labels | None = None,
    split: Split | None = None,
) -> None:
    """Write the directed graph of a network for other programs.

    Args:
        graph: the graph.
        path: the file, written whole or not at all.
        to: ``"graphml"`` or ``"gexf"`` (NetworkX, Gephi, Cytoscape, igraph: nodes are numbered as everywhere; GEXF also
            has the positions where Gephi looks for them), or ``"npz"`` (`scipy.sparse.load_npz`: the matrix that
            `adjacency` gives, without attributes and signs).
        layers: as in `to_networkx`.
        threshold: as in `to_networkx`.
        keep: as in `to_networkx`.
        labels: as in `to_networkx`; ``"npz"`` has no place for them.
        split: as in `to_networkx`; ``"npz"`` has no place for it.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        OSError: the file cannot be written.
        ValueError: an argument is outside its range.

    Example:
        >>> from tempfile import mkdtemp
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 1, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[-2.0]]),), [0], {"tasks": ["a"]})
        >>> path = Path(mkdtemp()) / "network.npz"
        >>> export_graph(network.graph, path, "npz")
        >>> from scipy import sparse
        >>> sparse.load_npz(path).toarray().tolist()
        [[0.0, 2.0], [0.0, 0.0]]
    """
    if to not in FORMATS:
        raise ValueError(f"format of a graph: expected one of {', '.join(FORMATS)}, found {to!r}")
    if to == "npz":
        from scipy import sparse

        matrix = adjacency(graph, layers=layers, threshold=threshold, keep=keep)
        with atomic(path) as temporary, temporary.open("wb") as file:
            sparse.save_npz(file, matrix)
        return
    import networkx as nx

    made = to_networkx(graph, layers=layers, threshold=threshold, keep=keep, labels=labels, split=split)
    if to == "gexf":
        for _, node in made.nodes(data=True):
            if "x" in node:
                node["viz"] = {"position": {axis: node.get(axis, 0.0) for axis in "xyz"}}
    # Given a file and not a name, so that the temporary name's suffix does not choose a compression.
    with atomic(path) as temporary, temporary.open("wb") as file:
        (nx.write_graphml if to == "graphml" else nx.write_gexf)(made, file)


def _numbers(graph: Graph, layers: str) -> tuple[int, ...]:
    """Return the numbers of the layers that a graph has."""
    if layers not in ("split", "all"):
        raise ValueError(f"layers of a graph: expected 'split' or 'all', found {layers!r}")
    numbers = graph.split_populations if layers == "split" else tuple(range(len(graph.populations)))
    if not numbers:
        raise NotApplicableError(f"network {graph.name!r}: expected split layers, found none; layers='all' takes all")
    return numbers


def _edges(graph: Graph, layers: str, threshold: float, keep: float | None) -> _Edges:
    """Return the connections of weight other than 0 that are stronger than the threshold and among those kept."""
    if not threshold >= 0:
        raise ValueError(f"threshold of a graph: expected a strength of at least 0, found {threshold}")
    if keep is not None and not 0 <= keep <= 1:
        raise ValueError(f"keep of a graph: expected a share from 0 to 1, found {keep}")
    place = graph.places(_numbers(graph, layers))
    parts = []
    for connection in graph.connections:
        if connection.source in place and connection.target in place:
            source, target = np.nonzero(connection.weight.T)
            weight = connection.weight[target, source].astype(np.float64)
            label = np.full(len(weight), connection.label, object)
            ends = source + place[connection.source].start, target + place[connection.target].start
            parts.append((*ends, weight, label))
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, object))
    source, target, weight, label = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    order = np.lexsort((target, source))
    source, target, weight, label = source[order], target[order], weight[order], label[order]
    strength = np.abs(weight)
    kept = strength > threshold
    if keep is not None:
        kept[np.argsort(-strength, kind="stable")[round(keep * len(strength)) :]] = False
    return _Edges(source[kept], target[kept], weight[kept], label[kept], int((~kept).sum()))


def _module(graph: Graph, split: Split, layer: int, unit: int) -> str:
    """Return what a neuron's module is called."""
    if split.communities is not None:
        number = int(split.communities[layer][unit])
        return f"community{number + 1}" if number >= 0 else ""
    return "+".join(np.array(graph.tasks, object)[split.membership[layer][unit]])


def _positions(graph: Graph, layers: str) -> NDArray[np.float64]:
    """Return ``(neurons, dim)``, nan for the neurons of a layer without positions."""
    parts = [graph.populations[k] for k in _numbers(graph, layers)]
    dim = max((layer.position.shape[1] for layer in parts if layer.position is not None), default=1)
    return np.concatenate(
        [np.full((layer.size, dim), np.nan) if layer.position is None else layer.position for layer in parts]
    ).astype(np.float64)


def _distances(graph: Graph, layers: str, edges: _Edges) -> NDArray[np.float64]:
    """Return ``(connections,)``, the Euclidean length of each connection; nan where an end has no position."""
    position = _positions(graph, layers)
    length: NDArray[np.float64] = np.linalg.norm(position[edges.source] - position[edges.target], axis=1)
    return length


def _edge_attributes(graph: Graph, layers: str, edges: _Edges) -> list[dict[str, Any]]:
    """Return the attributes of every edge, in order."""
    columns = {"weight": edges.weight, "strength": np.abs(edges.weight)}
    attributes = [dict(zip(columns, row, strict=True)) for row in np.column_stack(list(columns.values())).tolist()]
    extra = zip(attributes, _distances(graph, layers, edges).tolist(), edges.label.tolist(), strict=True)
    for attribute, distance, label in extra:
        if distance == distance:  # it is nan where an end has no position
            attribute["distance"] = distance
        if label:
            attribute["label"] = label
    return attributes


def _node_attributes(graph: Graph, layers: str, labels: Labels) -> list[dict[str, Any]]:
    """Return the attributes of every node, in order."""
    tasks: dict[int, Any] = dict(enumerate(graph.task_of)) | {graph.number(k): own for k, own in labels.items()}
    attributes: list[dict[str, Any]] = []
    for k in _numbers(graph, layers):
        layer = graph.populations[k]
        task = np.asarray(tasks[k])
        if task.shape != (layer.size,):
            raise ValueError(f"labels of layer {k}: expected shape ({layer.size},), found {task.shape}")
        dim = 0 if layer.position is None else layer.position.shape[1]
        axes = ["x", "y", "z"][:dim] if dim <= 3 else [f"x{axis}" for axis in range(dim)]
        coordinates = [[]] * layer.size if layer.position is None else layer.position.tolist()
        for unit, (number, point) in enumerate(zip(task.tolist(), coordinates, strict=True)):
            own = {"layer": k, "layer_name": layer.name, "unit": unit, "task": number}
            if layer.unit != "neuron":
                own["unit_kind"] = layer.unit
            attributes.append(own | dict(zip(axes, point, strict=True)))
    return attributes
