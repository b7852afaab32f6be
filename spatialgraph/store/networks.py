"""Files of networks and graphs, and of what they were at moments of training."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..faults import Fault, NotApplicableError, array_faults
from ..graph.checks import graph_faults, history_faults, metadata_faults
from ..graph.graph import Connection, Graph, MadeConnection, Population
from ..network import ACTIVATIONS, Layer, Network, activation_faults, graph_of, network_faults
from .hdf5 import GROUP, NETWORK, Attribute, Content, Reader, key_of, metadata_attributes, read_by, write

# The arrays of a layer that training changes.
_LEARNED = ("bias", "position")

# The name of a snapshot: a decimal number of epochs of at most 15 digits, which is as many as float64 tells apart.
_EPOCH = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{0,5}[1-9])?")
_EPOCH_WORDS = "a number of epochs from 0, of at most 6 decimals"


def write_network(
    path: str | Path, network: Network | Graph, snapshots: Mapping[float, Network | Graph] | None = None
) -> None:
    """Write a network, or a graph, to a file, whole or not at all.

    What version 1 of the format can say is written as version 1, so that older programs read it.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        network: what to write.
        snapshots: number of epochs, of at most 6 decimals, 0 for none, to the network as it was after so many: its
            weights, biases and positions are kept, everything else is as in the network. What splits are made and
            measured on suffices: biases may be missing, and so may connections into layers that are not split, and
            positions of layers that neither are split nor send connections into split ones.

    Raises:
        ValueError: a snapshot is of another shape than the network, or its number is not one of epochs.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.

    Example:
        >>> from tempfile import mkdtemp
        >>> from spatialgraph.network import Layer, Network
        >>> layers = (Layer("input", 1), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[0.5]]),), [0], {"tasks": ["a"]})
        >>> path = Path(mkdtemp()) / "network.h5"
        >>> write_network(path, network)
        >>> read_network(path).connections[0].weight.tolist()
        [[0.5]]
    """
    content = _content(network)
    parameters = dict(_parameters(network, network))
    content.arrays |= parameters
    for epoch, snapshot in (snapshots or {}).items():
        arrays = dict(_parameters(snapshot, network))
        known = all(key in parameters and array.shape == parameters[key].shape for key, array in arrays.items())
        if not known or parameters.keys() - arrays.keys() - _dispensable(network):
            raise ValueError(f"{path}: snapshot {epoch}: expected the arrays of network {network.name!r}, found others")
        content.arrays |= {f"snapshots/{_epoch_key(path, epoch)}/{key}": array for key, array in arrays.items()}
    write(path, content)


def _content(network: Network | Graph) -> Content:
    """Return what a file holds of a network besides what training changes."""
    runs = isinstance(network, Network)
    graph = graph_of(network)
    version = 1 if runs or _fits_version_1(graph) else 2
    attributes = {"": {"executable": runs, **metadata_attributes(network.metadata)}, "connections": {}}
    content = Content(NETWORK, attributes, version=version)
    for number, population in enumerate(graph.populations):
        key = f"layers/{number}"
        known: dict[str, Attribute | None] = {
            "name": population.name,
            "size": population.size,
            "activation": population.activation,
        }
        known |= {"split": population.split} | ({"unit": population.unit} if version > 1 else {})
        content.attributes[key] = {name: value for name, value in known.items() if value is not None}
        if population.task is not None:
            content.arrays[f"{key}/task"] = population.task.astype(np.int32)
    for number, connection in enumerate(graph.connections):
        key = f"connections/{number}"
        content.attributes[key] = {"source": connection.source, "target": connection.target}
        if version > 1:
            content.attributes[key]["label"] = connection.label
    for quantity, values in network.history.items():
        content.arrays[f"history/{key_of(quantity)}"] = values
    return content


def _fits_version_1(graph: Graph) -> bool:
    """Return whether version 1 can say all that a graph is: layers of neurons in a row, outputs at the end."""
    populations, entered = graph.populations, {connection.target for connection in graph.connections}
    return (
        len(populations) > 1
        and graph.is_layered
        and not any(connection.label for connection in graph.connections)
        and all(p.unit == "neuron" and p.activation in ACTIVATIONS for p in populations)
        and not populations[0].activation
        and all(p.task is None for p in populations[:-1])
        and bool((graph.task_of[-1] >= 0).all())
        and set(graph.split_populations) - {0} <= entered
    )


def _parameters(network: Network | Graph, trained: Network | Graph) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays that training changes, with their keys in the file of the trained network."""
    numbers = {(c.source, c.target, c.label): number for number, c in enumerate(trained.connections)}
    for number, layer in enumerate(network.layers if isinstance(network, Network) else network.populations):
        for name in _LEARNED:
            array = getattr(layer, name, None)
            if array is not None:
                yield f"layers/{number}/{name}", array
    for connection in network.connections:
        number = numbers.get((connection.source, connection.target, connection.label), len(numbers))
        yield f"connections/{number}/weight", connection.weight


def _dispensable(network: Network | Graph) -> set[str]:
    """Return the keys of the arrays that a snapshot may lack: splits are neither made nor measured on them."""
    graph = graph_of(network)
    split = set(graph.split_populations)
    senders = {connection.source for connection in network.connections if connection.target in split}
    numbers = range(len(graph.populations))
    weights = {f"connections/{i}/weight" for i, c in enumerate(network.connections) if c.target not in split}
    positions = {f"layers/{number}/position" for number in numbers if number not in split | senders}
    return weights | positions | {f"layers/{number}/bias" for number in numbers}


def _epoch_key(path: str | Path, epoch: float) -> str:
    """Return a number of epochs as the name of a snapshot."""
    name = f"{epoch:.6f}".rstrip("0").rstrip(".")
    if not _EPOCH.fullmatch(name) or float(name) != epoch:
        raise ValueError(f"{path}: snapshot {epoch}: expected {_EPOCH_WORDS}, found {epoch}")
    return name


def read(path: str | Path, *, in_pieces: bool = False) -> Network | Graph:
    """Read a network, or a graph where a file holds no network that can be run.

    Args:
        path: the file.
        in_pieces: whether weights are read, once each is checked, anew whenever they are looked at and not kept: the
            network then takes the memory of one connection. The file must stay as it is.

    Raises:
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """

    def parse(reader: Reader) -> Network | Graph | None:
        return parse_network(reader, Path(path) if in_pieces else None)

    return cast("Network | Graph", read_by(path, {NETWORK: parse}))


def read_network(path: str | Path, *, in_pieces: bool = False) -> Network:
    """Read a network that can be run, as `read` does.

    Raises:
        NotApplicableError: the file holds a graph.
    """
    network = read(path, in_pieces=in_pieces)
    if not isinstance(network, Network):
        raise NotApplicableError(f"{path}: expected a network that can be run, found a graph: read_graph reads it")
    return network


def read_graph(path: str | Path, *, in_pieces: bool = False) -> Graph:
    """Read the graph of a network, whether it can be run or not, as `read` does."""
    return graph_of(read(path, in_pieces=in_pieces))


def read_snapshot(path: str | Path, epoch: float) -> Network | Graph:
    """Read a network as it was after so many epochs of training; 0 is the untrained network.

    Its weights, biases and positions are of that time; metadata and history are those of the trained network. Where the
    file leaves out some of the first, what is returned is a graph without them.

    Raises:
        NotApplicableError: the file holds no snapshot of that epoch.
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> from spatialgraph.network import Layer, Network
        >>> layers = (Layer("input", 1), Layer("output", 1))
        >>> networks = [Network(layers, (Connection(0, 1, [[w]]),), [0], {"tasks": ["a"]}) for w in (0.5, 2.0)]
        >>> path = Path(mkdtemp()) / "network.h5"
        >>> write_network(path, networks[1], snapshots={0: networks[0]})
        >>> read_snapshot(path, 0).connections[0].weight.tolist()
        [[0.5]]
    """
    known = tuple(map(float, read_by(path, {NETWORK: snapshot_names})))
    if epoch not in known:
        epochs = ", ".join(_epoch_key(path, number) for number in known) or "none"
        raise NotApplicableError(f"{path}: expected a snapshot of epoch {epoch}, found {epochs}")

    def snapshot(reader: Reader) -> Network | Graph | None:
        network = parse_network(reader)
        return network and _snapshot(reader, network, _epoch_key(path, epoch))

    return cast("Network | Graph", read_by(path, {NETWORK: snapshot}))


def read_snapshots(path: str | Path, only: Collection[float] | None = None) -> dict[float, Network | Graph]:
    """Read the snapshots of a network: number of epochs, in ascending order, to what `read_snapshot` returns.

    The file is opened once; a film of 50 moments is read as fast as a few networks.

    Args:
        path: the file.
        only: the epochs of the snapshots to read; all if None.

    Raises:
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return read_by(path, {NETWORK: partial(parse_snapshots, only=only)})


def parse_network(reader: Reader, pieces: Path | None = None) -> Network | Graph | None:
    """Return the network of a file; None if anything is wrong with it, which is then on the reader's list.

    What could be read is checked as a whole. A part that could not has its fault already; where a layer or a connection
    is missing altogether, the layers cannot be checked against each other.

    Args:
        reader: the file.
        pieces: its path, from which connections read their weights when they are looked at; None to read them now.
    """
    version = reader.attribute("", "version", int)
    return (_parse_graph if version == 2 else _parse_layers)(reader, pieces)


def _parse_layers(reader: Reader, pieces: Path | None) -> Network | Graph | None:
    """Return the network of a file of version 1; its graph if it is not executable."""
    executable, metadata, history = reader.attribute("", "executable", bool), reader.metadata(), _history(reader)
    layer_keys = reader.numbered("layers")
    layers = [_layer(reader, key) for key in layer_keys or []]
    connections = _connections(reader, layers, pieces, labels=False)
    output_task = None
    if len(layers) > 1:
        output_task = _task(reader, layers, len(layers) - 1)
    whole = not (layer_keys is None or connections is None or None in layers or None in connections)
    made = tuple(layer for layer in layers if layer) if whole else ()
    joined = tuple(connection for connection in connections or [] if connection)
    tasks = np.empty(0, np.int64) if output_task is None else output_task
    faults = network_faults(made, joined, tasks, metadata, history, executable=bool(executable))
    reader.add(fault for fault in faults if whole or fault.key != "layers")
    if reader.faults or metadata is None:
        return None
    return (Network if executable else _graph)(made, joined, tasks, metadata, history)


def _parse_graph(reader: Reader, pieces: Path | None) -> Graph | None:
    """Return the graph of a file of version 2."""
    executable, metadata, history = reader.attribute("", "executable", bool), reader.metadata(), _history(reader)
    if executable:
        reader.add([Fault("executable", "false: version 2 of the format is of graphs", "true")])
    layer_keys = reader.numbered("layers")
    populations = [_population(reader, key) for key in layer_keys or []]
    connections = _connections(reader, populations, pieces, labels=True)
    for k, population in enumerate(populations):
        if population and reader.has(f"layers/{k}/task"):
            task = _task(reader, populations, k)
            populations[k] = population if task is None else replace(population, task=task)
    whole = not (layer_keys is None or connections is None or None in populations or None in connections)
    made = tuple(population for population in populations if population)
    joined = tuple(connection for connection in connections or [] if connection)
    # A population whose tasks could not be read has its fault already.
    unread = bool(reader.faults)
    reader.add(history_faults(history))
    faults = graph_faults(made, joined, metadata) if whole else metadata_faults(metadata)
    reader.add(fault for fault in faults if not (unread and fault.key == "layers/*/task"))
    return None if reader.faults or metadata is None else Graph(made, joined, metadata, history)


def _history(reader: Reader) -> dict[str, NDArray[Any]]:
    """Return what was recorded during training, as far as it can be read."""
    read = {unquote(name): reader.array(f"history/{name}", None, "numbers") for name in reader.names("history")}
    return {quantity: values for quantity, values in read.items() if values is not None}


def _task(reader: Reader, layers: Sequence[Layer | Population | None], number: int) -> NDArray[Any] | None:
    """Return the tasks of the outputs of a layer; None if they cannot be read."""
    return reader.array(f"layers/{number}/task", (_units(layers, number, "size"),), "an integer type up to int64")


def _graph(
    layers: Sequence[Layer],
    connections: Sequence[Connection],
    output_task: NDArray[Any],
    metadata: Mapping[str, Any],
    history: Mapping[str, NDArray[Any]],
) -> Graph:
    """Return the graph of layers of which something is missing that running them needs."""
    last = len(layers) - 1
    populations = tuple(layer.population(output_task if k == last else None) for k, layer in enumerate(layers))
    return Graph(populations, tuple(connections), metadata, history)


def snapshot_names(reader: Reader) -> list[str]:
    """Return the names of the snapshots in the order of their epochs; one that is no number of epochs is a fault."""
    names = reader.names("snapshots")
    wrong = [name for name in names if not _EPOCH.fullmatch(name)]
    reader.add(Fault(f"snapshots/{name}", _EPOCH_WORDS, repr(name)) for name in wrong)
    return sorted((name for name in names if name not in wrong), key=float)


def _snapshot(reader: Reader, network: Network | Graph, name: str) -> Network | Graph | None:
    """Return a network as a snapshot has it; None if anything is wrong, which is then on the list."""
    prefix = f"snapshots/{name}"
    wanted = dict(_parameters(network, network))
    lacking = {key for key in _dispensable(network) & wanted.keys() if not reader.has(f"{prefix}/{key}")}
    read = {
        key: reader.array(f"{prefix}/{key}", array.shape, "float32")
        for key, array in wanted.items()
        if key not in lacking
    }
    if any(array is None for array in read.values()):
        return None
    weights = [read.get(f"connections/{number}/weight") for number in range(len(network.connections))]
    connections = tuple(
        replace(c, weight=weight) for c, weight in zip(network.connections, weights, strict=True) if weight is not None
    )
    if isinstance(network, Graph):
        populations = tuple(
            replace(population, position=read.get(f"layers/{k}/position"))
            for k, population in enumerate(network.populations)
        )
        faults = list(graph_faults(populations, connections, network.metadata))
        reader.add(replace(fault, key=f"{prefix}/{fault.key}") for fault in faults)
        return None if faults else replace(network, populations=populations, connections=connections)
    layers = tuple(
        replace(layer, bias=read.get(f"layers/{k}/bias"), position=read.get(f"layers/{k}/position"))
        for k, layer in enumerate(network.layers)
    )
    parts = (layers, connections, network.output_task, network.metadata, network.history)
    faults = list(network_faults(*parts, executable=not lacking))
    reader.add(replace(fault, key=f"{prefix}/{fault.key}") for fault in faults)
    if faults:
        return None
    return _graph(*parts) if lacking else Network(*parts)


def parse_snapshots(reader: Reader, only: Collection[float] | None = None) -> dict[float, Network | Graph] | None:
    """Return snapshots of a file, by their epochs; None if anything is wrong in it, which is then on the list."""
    network = parse_network(reader)
    if network is None:
        return None
    names = [name for name in snapshot_names(reader) if only is None or float(name) in only]
    read = {float(name): _snapshot(reader, network, name) for name in names}
    return {epoch: snapshot for epoch, snapshot in read.items() if snapshot is not None}


def _layer(reader: Reader, key: str) -> Layer | None:
    """Return a layer, without the parts that cannot be read; None if not even its size is known."""
    if reader.attempt(key, lambda: reader.member(key, GROUP)) is None:
        return None
    name = reader.attribute(key, "name", str)
    size = reader.attribute(key, "size", int)
    activation = reader.attribute(key, "activation", str)
    if activation is not None and (wrong := list(activation_faults(f"{key}.activation", activation))):
        reader.add(wrong)
        activation = None
    split = reader.attribute(key, "split", bool)
    units = "size" if size is None else size
    shapes: dict[str, tuple[int | str, ...]] = {"bias": (units,), "position": (units, "dim")}
    arrays = {
        array: reader.array(f"{key}/{array}", shape, "float32")
        for array, shape in shapes.items()
        if reader.has(f"{key}/{array}")
    }
    if size is None:
        return None
    return Layer(key if name is None else name, size, activation or "", split=bool(split), **arrays)


def _population(reader: Reader, key: str) -> Population | None:
    """Return a population, without the parts that cannot be read; None if not even its size is known."""
    if reader.attempt(key, lambda: reader.member(key, GROUP)) is None:
        return None
    name = reader.attribute(key, "name", str)
    size = reader.attribute(key, "size", int)
    unit = reader.attribute(key, "unit", str)
    activation = reader.attribute(key, "activation", str) if reader.has(key, "activation") else None
    split = reader.attribute(key, "split", bool)
    position = None
    if reader.has(f"{key}/position"):
        position = reader.array(f"{key}/position", ("size" if size is None else size, "dim"), "float32")
    if size is None:
        return None
    return Population(key if name is None else name, size, unit or "neuron", activation, position, bool(split))


def _connections(
    reader: Reader, layers: Sequence[Layer | Population | None], pieces: Path | None, *, labels: bool
) -> list[Connection | None] | None:
    """Return the connections of a file, None in place of one whose layers are not known; None if there is no list."""
    keys = reader.numbered("connections")
    return None if keys is None else [_connection(reader, key, layers, pieces, labels=labels) for key in keys]


def _connection(
    reader: Reader,
    key: str,
    layers: Sequence[Layer | Population | None],
    pieces: Path | None,
    *,
    labels: bool,
) -> Connection | None:
    """Return a connection, without weights if these cannot be read; None if its layers are not known."""
    if reader.attempt(key, lambda: reader.member(key, GROUP)) is None:
        return None
    source = reader.attribute(key, "source", int)
    target = reader.attribute(key, "target", int)
    label = (reader.attribute(key, "label", str) if labels else None) or ""
    shape = (_units(layers, target, "target size"), _units(layers, source, "source size"))
    weight = reader.array(f"{key}/weight", shape, "float32")
    if source is None or target is None:
        return None
    if weight is None:
        return Connection(source, target, np.empty((0, 0), np.float32), label)
    if pieces is None:
        return Connection(source, target, weight, label)
    reader.add(array_faults(f"{key}/weight", weight, weight.shape))
    make = partial(_weight, pieces, f"{key}/weight", weight.shape)
    return MadeConnection(source, target, weight.shape, make, label)


def _weight(path: Path, key: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return weights of a file that was read in pieces."""
    return read_by(path, {NETWORK: lambda reader: reader.array(key, shape, "float32")})


def _units(layers: Sequence[Layer | Population | None], number: int | None, unknown: str) -> int | str:
    """Return the size of a layer, or a word for it if there is no such layer."""
    layer = layers[number] if number is not None and 0 <= number < len(layers) else None
    return layer.size if layer else unknown
