"""What a trained network is: layers, connections, positions, and the examples it is judged by.

The names of array axes, used with these meanings in every docstring of the project:

============  ==========================================================================================
``layers``    the layers of a network; layer 0 is the input, the last layer is the output
``units``     the neurons of one layer (of the input layer: its entries)
``outputs``   the units of the last layer
``tasks``     the classification tasks that a network does, in the order of ``metadata["tasks"]``
``networks``  networks that are trained as one batch
``examples``  held-out examples, or the examples of a batch
``groups``    sets of examples in which the input of one task alone varies
``dim``       coordinates of a position, in arbitrary units of length
============  ==========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import array_of, floats, integers, plain_value, stored
from .faults import Fault, all_of, array_faults, shown
from .graph.checks import history_faults, metadata_faults, plain_metadata, population_faults, weight_faults
from .graph.graph import Connection, FloatArray, Graph, IntArray, Population, number_of, numbered

ACTIVATIONS = ("", "sigmoid", "tanh", "relu", "clipped-relu", "leaky-relu", "elu", "gelu", "silu", "softplus")
"""Names of the activation functions that a file may declare; ``""`` is none (the identity)."""


def _activation(name: Any) -> Any:
    """Return the name of an activation as files have it, also if it is written as PyTorch does; others as they are.

    Example:
        >>> _activation("LeakyReLU"), _activation(None), _activation("Swish")
        ('leaky-relu', '', 'Swish')
    """
    plain = "" if name is None else plain_value(name)
    return _WRITTEN.get(re.sub("[-_]", "", plain).lower(), plain) if isinstance(plain, str) else plain


_WRITTEN = {name.replace("-", ""): name for name in ACTIVATIONS if name}


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of neurons, with what is needed to run it.

    Attributes:
        name: unique name, for example ``"hidden3"``.
        size: number of units.
        activation: one of `ACTIVATIONS`, applied to the weighted sum plus bias; PyTorch's spelling, such as
            ``"LeakyReLU"``, is understood, and None for none.
        bias: ``(units,)``, or None (no bias).
        position: ``(units, dim)`` in arbitrary units of length, or None (the layer has no positions).
        split: whether the split methods divide this layer among the tasks; one that is not split serves every task.
    """

    name: str
    size: int
    activation: str = ""
    bias: FloatArray | None = None
    position: FloatArray | None = None
    split: bool = False

    def __post_init__(self) -> None:
        for name in ("name", "size"):
            object.__setattr__(self, name, plain_value(getattr(self, name)))
        object.__setattr__(self, "activation", _activation(self.activation))
        object.__setattr__(self, "split", bool(self.split))
        for name in ("bias", "position"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, floats(f"{name} of layer {shown(self.name)}", getattr(self, name)))

    def population(self, task: IntArray | None = None) -> Population:
        """Return the neurons as units of a graph.

        Args:
            task: ``(units,)``, the number of each unit's task if the layer is the output.
        """
        return Population(self.name, self.size, "neuron", self.activation, self.position, self.split, task)


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network that can be run, checked for consistency when it is made; its `graph` is split and measured.

    Attributes:
        layers: the layers, the input first and the output last.
        connections: at most one `Connection` for each pair of layers, from the earlier to the later; every layer but
            the input has one that enters it.
        output_task: ``(outputs,)``, the number of the task that each output belongs to. The k-th output of a task
            stands for the task's class k.
        metadata: a JSON object with at least ``tasks``, the names of the tasks.
        history: quantity to ``(epochs,)`` or ``(epochs, tasks)``: losses, costs and accuracies during training.

    Raises:
        ValueError: the parts do not fit each other; the message names the key, what was expected and what was found.

    Example:
        >>> network = Network(
        ...     layers=(Layer("input", 2), Layer("output", 2, split=True)),
        ...     connections=(Connection(0, 1, [[1.0, 0.0], [0.0, -2.0]]),),
        ...     output_task=[0, 1],
        ...     metadata={"tasks": ["a", "b"]},
        ... )
        >>> network.tasks, network.graph.split_populations
        (('a', 'b'), (1,))
    """

    layers: tuple[Layer, ...]
    connections: tuple[Connection, ...]
    output_task: IntArray
    metadata: Mapping[str, Any]
    history: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", all_of(Layer, "layers", self.layers))
        connections = all_of(Connection, "connections", self.connections)
        object.__setattr__(self, "connections", numbered(connections, self.layers))
        object.__setattr__(self, "output_task", integers("output_task", self.output_task))
        object.__setattr__(self, "metadata", plain_metadata(self.metadata))
        history = {quantity: array_of(f"history/{quantity}", values) for quantity, values in self.history.items()}
        object.__setattr__(self, "history", history)
        parts = (self.layers, self.connections, self.output_task, self.metadata, self.history)
        for fault in network_faults(*parts):
            raise ValueError(str(fault))

    def number(self, layer: int | str) -> int:
        """Return the number of a layer that is given by its name or by its number.

        Raises:
            ValueError: there is no such layer; the message lists the names.

        Example:
            >>> layers = (Layer("input", 1), Layer("output", 1))
            >>> network = Network(layers, (Connection("input", "output", [[1.0]]),), [0], {"tasks": ["a"]})
            >>> network.number("output"), network.connections[0].target
            (1, 1)
        """
        return number_of(layer, self.layers)

    @property
    def name(self) -> str:
        """The name given in the metadata, or ``"network"``."""
        return str(self.metadata.get("name", "network"))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, in order."""
        return tuple(self.metadata["tasks"])

    @property
    def output_layer(self) -> int:
        """The number of the last layer."""
        return len(self.layers) - 1

    @cached_property
    def graph(self) -> Graph:
        """What is split and measured: the layers as populations with the same numbers, and the same connections."""
        last = self.output_layer
        return Graph(
            tuple(layer.population(self.output_task if k == last else None) for k, layer in enumerate(self.layers)),
            self.connections,
            self.metadata,
            self.history,
        )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Held-out examples as the networks see them, and the right answers.

    Attributes:
        inputs: ``(examples, inputs)``, float32, or an unsigned integer type to be multiplied by ``scale``; floats of
            another precision become float32, and integers of a type with a sign the type without.
        labels: ``(examples, tasks)``: the class of each example in each task, -1 where it has none (not scored).
        scale: value of an input = stored number × scale.
        probes: task name to ``(groups, examples, inputs)``, stored as ``inputs``: within a group only this task's
            example varies and the other tasks' examples are held.

    Raises:
        ValueError: the parts do not fit each other.
    """

    inputs: NDArray[Any]
    labels: IntArray
    scale: float = 1.0
    probes: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", stored("inputs", self.inputs))
        object.__setattr__(self, "labels", integers("labels", self.labels))
        object.__setattr__(self, "scale", plain_value(self.scale))
        probes = {task: stored(f"probes/{task}", probe) for task, probe in self.probes.items()}
        object.__setattr__(self, "probes", probes)
        for fault in evaluation_faults(self.inputs, self.labels, self.scale, self.probes):
            raise ValueError(str(fault))

    def values(self, stored: NDArray[Any]) -> FloatArray:
        """Return stored inputs (all, some, or a probe) as the float32 numbers that a network is given."""
        if stored.dtype == np.float32:
            return stored
        return stored.astype(np.float32) * np.float32(self.scale)


def network_faults(
    layers: Sequence[Layer],
    connections: Sequence[Connection],
    output_task: NDArray[Any],
    metadata: Any,
    history: Mapping[str, NDArray[Any]],
    *,
    executable: bool = True,
) -> Iterator[Fault]:
    """Yield everything about the parts of a network that does not fit; nothing if they make a network.

    Where it need not be executable, layers that are not split may lack the connections that enter them.
    """
    yield from metadata_faults(metadata)
    yield from history_faults(history)
    if len(layers) < 2:
        yield Fault("layers", "an input layer and at least one more", f"{len(layers)} layers")
        return
    yield from population_faults(layers)
    yield from _layer_faults(layers)
    yield from _connection_faults(layers, connections, executable=executable)
    tasks = metadata.get("tasks") if isinstance(metadata, Mapping) else None
    if isinstance(tasks, (list, tuple)):
        yield from _output_faults(output_task, layers[-1].size, len(layers) - 1, len(tasks))


def activation_faults(key: str, activation: Any) -> Iterator[Fault]:
    """Yield why a value is no name of an activation function, as files have it; nothing if it is one."""
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        yield Fault(key, f"one of {', '.join(map(repr, ACTIVATIONS))}", shown(activation))


def _layer_faults(layers: Sequence[Layer]) -> Iterator[Fault]:
    for number, layer in enumerate(layers):
        key = f"layers/{number}"
        yield from activation_faults(f"{key}.activation", layer.activation)
        if number == 0 and (layer.activation or layer.bias is not None):
            yield Fault(key, "an input layer without activation and bias", "one that has them")
        if layer.bias is not None and type(layer.size) is int:
            yield from array_faults(f"{key}/bias", layer.bias, (layer.size,))


def _connection_faults(
    layers: Sequence[Layer], connections: Sequence[Connection], *, executable: bool
) -> Iterator[Fault]:
    pairs: set[tuple[int, int]] = set()
    for number, connection in enumerate(connections):
        key = f"connections/{number}"
        source, target = connection.source, connection.target
        if not (type(source) is type(target) is int and 0 <= source < target < len(layers)):
            allowed = f"layer numbers with 0 <= source < target < {len(layers)}"
            yield Fault(key, allowed, f"source {shown(source)}, target {shown(target)}")
            continue
        if (source, target) in pairs:
            yield Fault(key, "one connection for each pair of layers", f"a second one from {source} to {target}")
        pairs.add((source, target))
        yield from weight_faults(key, layers, connection)
    entered = {target for _, target in pairs}
    for number in range(1, len(layers)):
        if (executable or layers[number].split) and number not in entered:
            yield Fault(f"layers/{number}", "a connection that enters it", "none")


def _output_faults(output_task: NDArray[Any], outputs: int, layer: int, tasks: int) -> Iterator[Fault]:
    key = f"layers/{layer}/task"
    faults = list(array_faults(key, output_task, (outputs,)))
    yield from faults
    if faults:
        return
    if output_task.size and not (output_task.min() >= 0 and output_task.max() < tasks):
        numbers = f"numbers from {output_task.min()} to {output_task.max()}"
        yield Fault(key, f"task numbers from 0 to {tasks - 1} (metadata names {tasks} tasks)", numbers)
    else:
        for task in sorted(set(range(tasks)) - set(output_task.tolist())):
            yield Fault(key, "at least one output for every task", f"none for task {task}")


def evaluation_faults(
    inputs: NDArray[Any], labels: NDArray[Any], scale: float, probes: Mapping[str, NDArray[Any]]
) -> Iterator[Fault]:
    """Yield everything about the parts of an evaluation that does not fit; nothing if they make an evaluation."""
    stored = inputs.dtype
    if stored != np.float32 and stored.kind != "u":
        yield Fault("inputs", "float32 or an unsigned integer type", str(stored))
    yield from array_faults("inputs", inputs, ("examples", "inputs"))
    yield from array_faults("labels", labels, (inputs.shape[0] if inputs.ndim else "examples", "tasks"))
    if labels.ndim == 2 and labels.size and labels.min() < -1:
        yield Fault("labels", "class numbers, or -1 for none", str(labels.min()))
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        yield Fault("inputs.scale", "a number greater than 0", shown(scale))
    for task, probe in probes.items():
        key = f"probes/{task}"
        if probe.dtype != stored:
            yield Fault(key, f"{stored}, as inputs", str(probe.dtype))
        yield from array_faults(key, probe, ("groups", "examples", inputs.shape[-1] if inputs.ndim else "inputs"))


def graph_of(network: Network | Graph) -> Graph:
    """Return the graph of a network, or a graph itself."""
    return network.graph if isinstance(network, Network) else network
