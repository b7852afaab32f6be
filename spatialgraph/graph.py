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
from scipy import sparse

from .files import atomic
from .network import IntArray, Network, NotApplicableError

if TYPE_CHECKING:
    # NetworkX takes longer to import than everything else here, and measures and splits do without it.
    import networkx as nx

    from .splits.split import Split

Layers = Literal["split", "all"]
Labels = Mapping[int, NDArray[np.integer]] | Mapping[str, NDArray[np.integer]]
FORMATS = ("graphml", "gexf", "npz")
"""The file formats of `export_graph`."""


@dataclass(frozen=True, eq=False)
class _Edges:
    """The connections of a graph: node numbers and signed weights, all ``(connections,)``; how many are left out."""

    source: IntArray
    target: IntArray
    weight: NDArray[np.float64]
    left_out: int


def node_index(network: Network, layers: Layers = "split") -> IntArray:
    """Return the layer and the unit of every node.

    Args:
        network: the network.
        layers: ``"split"`` for the split layers, ``"all"`` for all of them, the input included.

    Returns:
        ``(neurons, 2)``: the number of the layer and of the unit within it, in the order of the nodes.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        ValueError: `layers` is neither.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("input", 3), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 3))),), [0, 1], {"tasks": ["a", "b"]})
        >>> node_index(network).tolist()
        [[1, 0], [1, 1]]
    """
    sizes = {k: network.layers[k].size for k in _numbers(network, layers)}
    layer = np.repeat(list(sizes), list(sizes.values()))
    return np.column_stack([layer, np.concatenate([np.arange(size) for size in sizes.values()])])


def to_networkx(
    network: Network,
    *,
    layers: Layers = "split",
    directed: bool = True,
    threshold: float = 0.0,
    keep: float | None = None,
    labels: Labels | None = None,
    split: Split | None = None,
) -> nx.DiGraph | nx.Graph:
    """Return a network as a NetworkX graph.

    A node has the attributes ``layer``, ``layer_name``, ``unit``, ``task`` (the number of its task, -1 for none) and,
    if its layer has positions, ``x``, ``y``, ``z`` (``x0``, ``x1``, … in more than three dimensions). An edge has
    ``weight`` (signed), ``strength`` (its absolute value: what measures of communities take as weight) and, if both
    its ends have positions, ``distance`` (Euclidean). A connection of weight 0 is no edge. The graph's own attributes
    say what was asked for, and ``left_out``, the number of connections that `threshold` and `keep` left out.

    Args:
        network: the network.
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
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> graph = to_networkx(network, threshold=1.0)
        >>> list(graph.edges(data=True)), graph.graph["left_out"]
        ([(0, 2, {'weight': -2.0, 'strength': 2.0})], 1)
    """
    import networkx as nx

    edges = _edges(network, layers, threshold, keep)
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.graph.update(
        name=network.name,
        layers=layers,
        threshold=float(threshold),
        keep=1.0 if keep is None else float(keep),
        left_out=edges.left_out,
    )
    graph.add_nodes_from(enumerate(_node_attributes(network, layers, labels or {})))
    for node, (layer, unit) in enumerate(node_index(network, layers).tolist()):
        if split is not None and layer in split.membership:
            graph.nodes[node]["module"] = _module(network, split, layer, unit)
    columns = {"weight": edges.weight, "strength": np.abs(edges.weight)}
    attributes = [dict(zip(columns, row, strict=True)) for row in np.column_stack(list(columns.values())).tolist()]
    for attribute, distance in zip(attributes, _distances(network, layers, edges).tolist(), strict=True):
        if distance == distance:  # it is nan where an end has no position
            attribute["distance"] = distance
    graph.add_edges_from(zip(edges.source.tolist(), edges.target.tolist(), attributes, strict=True))
    return graph


def adjacency(
    network: Network,
    *,
    layers: Layers = "split",
    directed: bool = True,
    threshold: float = 0.0,
    keep: float | None = None,
) -> sparse.csr_array:
    """Return the strengths of a network's connections as a sparse matrix, straight from its weights.

    Args:
        network: the network.
        layers: as in `to_networkx`.
        directed: if False, every connection counts both ways and the matrix is symmetric.
        threshold: as in `to_networkx`.
        keep: as in `to_networkx`.

    Returns:
        ``(neurons, neurons)`` float64: row is source, column is target, in the order of `node_index`; at least 0.

    Raises:
        NotApplicableError: the split layers are asked for and there is none.
        ValueError: an argument is outside its range.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[0.5], [-2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> adjacency(network).toarray().tolist()
        [[0.0, 0.5, 2.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    edges = _edges(network, layers, threshold, keep)
    neurons = len(node_index(network, layers))
    matrix = sparse.csr_array((np.abs(edges.weight), (edges.source, edges.target)), shape=(neurons, neurons))
    return matrix if directed else sparse.csr_array(matrix + matrix.T)


def to_adjacency(graph: nx.DiGraph | nx.Graph) -> sparse.csr_array:
    """Return the strengths of a graph that `to_networkx` made as a sparse matrix.

    Args:
        graph: the graph, whole or less some of its edges.

    Returns:
        ``(neurons, neurons)`` float64, as `adjacency` gives it; symmetric if the graph is undirected.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 1, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[-2.0]]),), [0], {"tasks": ["a"]})
        >>> to_adjacency(to_networkx(network, directed=False)).toarray().tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """
    import networkx as nx

    return nx.to_scipy_sparse_array(graph, nodelist=sorted(graph), dtype=np.float64, weight="strength", format="csr")


def export_graph(
    network: Network,
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
        network: the network.
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
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 1, split=True), Layer("output", 1, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[-2.0]]),), [0], {"tasks": ["a"]})
        >>> path = Path(mkdtemp()) / "network.npz"
        >>> export_graph(network, path, "npz")
        >>> sparse.load_npz(path).toarray().tolist()
        [[0.0, 2.0], [0.0, 0.0]]
    """
    if to not in FORMATS:
        raise ValueError(f"format of a graph: expected one of {', '.join(FORMATS)}, found {to!r}")
    if to == "npz":
        matrix = adjacency(network, layers=layers, threshold=threshold, keep=keep)
        with atomic(path) as temporary, temporary.open("wb") as file:
            sparse.save_npz(file, matrix)
        return
    import networkx as nx

    graph = to_networkx(network, layers=layers, threshold=threshold, keep=keep, labels=labels, split=split)
    if to == "gexf":
        for _, node in graph.nodes(data=True):
            if "x" in node:
                node["viz"] = {"position": {axis: node.get(axis, 0.0) for axis in "xyz"}}
    # Given a file and not a name, so that the temporary name's suffix does not choose a compression.
    with atomic(path) as temporary, temporary.open("wb") as file:
        (nx.write_graphml if to == "graphml" else nx.write_gexf)(graph, file)


def _numbers(network: Network, layers: str) -> tuple[int, ...]:
    """Return the numbers of the layers that a graph has."""
    if layers not in ("split", "all"):
        raise ValueError(f"layers of a graph: expected 'split' or 'all', found {layers!r}")
    numbers = network.split_layers if layers == "split" else tuple(range(len(network.layers)))
    if not numbers:
        raise NotApplicableError(f"network {network.name!r}: expected split layers, found none; layers='all' takes all")
    return numbers


def _offsets(network: Network, layers: str) -> dict[int, int]:
    """Return the number of the first node of each layer."""
    numbers = _numbers(network, layers)
    starts = np.cumsum([0] + [network.layers[k].size for k in numbers[:-1]])
    return dict(zip(numbers, starts.tolist(), strict=True))


def _edges(network: Network, layers: str, threshold: float, keep: float | None) -> _Edges:
    """Return the connections of weight other than 0 that are stronger than the threshold and among those kept."""
    if not threshold >= 0:
        raise ValueError(f"threshold of a graph: expected a strength of at least 0, found {threshold}")
    if keep is not None and not 0 <= keep <= 1:
        raise ValueError(f"keep of a graph: expected a share from 0 to 1, found {keep}")
    offsets = _offsets(network, layers)
    parts = []
    for connection in network.connections:
        if connection.source in offsets and connection.target in offsets:
            source, target = np.nonzero(connection.weight.T)
            weight = connection.weight[target, source].astype(np.float64)
            parts.append((source + offsets[connection.source], target + offsets[connection.target], weight))
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    source, target, weight = (np.concatenate(column) for column in zip(nothing, *parts, strict=True))
    order = np.lexsort((target, source))
    source, target, weight = source[order], target[order], weight[order]
    strength = np.abs(weight)
    kept = strength > threshold
    if keep is not None:
        kept[np.argsort(-strength, kind="stable")[round(keep * len(strength)) :]] = False
    return _Edges(source[kept], target[kept], weight[kept], int((~kept).sum()))


def _module(network: Network, split: Split, layer: int, unit: int) -> str:
    """Return what a neuron's module is called."""
    if split.communities is not None:
        number = int(split.communities[layer][unit])
        return f"community{number + 1}" if number >= 0 else ""
    return "+".join(np.array(network.tasks, object)[split.membership[layer][unit]])


def _positions(network: Network, layers: str) -> NDArray[np.float64]:
    """Return ``(neurons, dim)``, nan for the neurons of a layer without positions."""
    parts = [network.layers[k] for k in _numbers(network, layers)]
    dim = max((layer.position.shape[1] for layer in parts if layer.position is not None), default=1)
    return np.concatenate(
        [np.full((layer.size, dim), np.nan) if layer.position is None else layer.position for layer in parts]
    ).astype(np.float64)


def _distances(network: Network, layers: str, edges: _Edges) -> NDArray[np.float64]:
    """Return ``(connections,)``, the Euclidean length of each connection; nan where an end has no position."""
    position = _positions(network, layers)
    length: NDArray[np.float64] = np.linalg.norm(position[edges.source] - position[edges.target], axis=1)
    return length


def _node_attributes(network: Network, layers: str, labels: Labels) -> list[dict[str, Any]]:
    """Return the attributes of every node, in order."""
    tasks: dict[int, Any] = {network.output_layer: network.output_task} | {
        network.number(k): own for k, own in labels.items()
    }
    attributes: list[dict[str, Any]] = []
    for k in _numbers(network, layers):
        layer = network.layers[k]
        task = np.asarray(tasks.get(k, np.full(layer.size, -1)))
        if task.shape != (layer.size,):
            raise ValueError(f"labels of layer {k}: expected shape ({layer.size},), found {task.shape}")
        dim = 0 if layer.position is None else layer.position.shape[1]
        axes = ["x", "y", "z"][:dim] if dim <= 3 else [f"x{axis}" for axis in range(dim)]
        coordinates = [[]] * layer.size if layer.position is None else layer.position.tolist()
        for unit, (number, point) in enumerate(zip(task.tolist(), coordinates, strict=True)):
            own = {"layer": k, "layer_name": layer.name, "unit": unit, "task": number}
            attributes.append(own | dict(zip(axes, point, strict=True)))
    return attributes
