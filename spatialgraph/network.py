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

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from .arrays import array_of, floats, integers, stored
from .escapes import is_hidden

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
_Part = TypeVar("_Part")

ACTIVATIONS = ("", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "silu", "softplus")
"""Names of the activation functions that a file may declare; ``""`` is none (the identity)."""


class NotApplicableError(ValueError):
    """A method or measure asks for something that this network does not have, such as positions."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a network, an evaluation or a file.

    Attributes:
        key: where it is, as a key of the file format, for example ``layers/3/bias``.
        expected: what should be there.
        found: what is there.
    """

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, found {self.found}"


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's number or text, which is what files hold, and anything else as it is."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and not value.ndim else value


def _activation(name: Any) -> Any:
    """Return the name of an activation as files have it, also if it is written as PyTorch does; others as they are.

    Example:
        >>> _activation("LeakyReLU"), _activation(None), _activation("Swish")
        ('leaky-relu', '', 'Swish')
    """
    plain = "" if name is None else _plain(name)
    return _WRITTEN.get(re.sub("[-_]", "", plain).lower(), plain) if isinstance(plain, str) else plain


_WRITTEN = {name.replace("-", ""): name for name in ACTIVATIONS if name}


def _plain_metadata(metadata: Any) -> Any:
    """Return metadata with numbers of Python in place of NumPy's; what else JSON cannot hold stays."""
    try:
        json.dumps(metadata)
    except TypeError:
        try:
            return json.loads(json.dumps(dict(metadata), default=_number))
        except (TypeError, ValueError, RecursionError):
            return metadata
    except (ValueError, RecursionError):
        pass
    return metadata


def _number(value: Any) -> Any:
    """Return a NumPy scalar as Python's.

    Raises:
        TypeError: it is none.
    """
    plain = _plain(value)
    if plain is value:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return plain


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of neurons.

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
            object.__setattr__(self, name, _plain(getattr(self, name)))
        object.__setattr__(self, "activation", _activation(self.activation))
        object.__setattr__(self, "split", bool(self.split))
        for name in ("bias", "position"):
            if getattr(self, name) is not None:
                key = f"{name} of layer {_shown(self.name)}"
                object.__setattr__(self, name, floats(key, getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Connection:
    """All connections from one layer to another.

    Attributes:
        source: number of the layer that the connections leave, or its name, for which a `Network` puts the number.
        target: number of the layer that they enter, or its name; greater than ``source``.
        weight: ``(target units, source units)``, as the ``weight`` of PyTorch's ``nn.Linear``, signed; 0 is no
            connection.
    """

    source: int
    target: int
    weight: FloatArray

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        key = f"weight of the connection from {_shown(self.source)} to {_shown(self.target)}"
        object.__setattr__(self, "weight", floats(key, self.weight))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights, ``(target units, source units)``, without making them."""
        return self.weight.shape

    def between(self, source: int, target: int) -> Connection:
        """Return the same connections between other layers."""
        return replace(self, source=source, target=target)


class MadeConnection(Connection):
    """A connection whose weights are made each time they are asked for and not kept.

    For networks that are too large to be held, or to be held twice: weights that lie in a file, or that are drawn.

    Args:
        source: as in `Connection`.
        target: as in `Connection`.
        shape: of the weights, ``(target units, source units)``.
        make: returns the weights, always the same; finite.

    Example:
        >>> MadeConnection(0, 1, (2, 2), lambda: np.eye(2)).weight.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    make: Callable[[], FloatArray]
    _shape: tuple[int, ...]

    def __init__(self, source: int, target: int, shape: tuple[int, ...], make: Callable[[], FloatArray]) -> None:
        ends = {"source": _plain(source), "target": _plain(target)}
        for name, value in {**ends, "_shape": shape, "make": make}.items():
            object.__setattr__(self, name, value)

    @property
    def weight(self) -> FloatArray:
        """The weights, made now."""
        return floats("weights that are made", self.make())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights, ``(target units, source units)``."""
        return self._shape

    def between(self, source: int, target: int) -> Connection:
        """Return the same connections between other layers."""
        return MadeConnection(source, target, self.shape, self.make)


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network, checked for consistency when it is made.

    Attributes:
        layers: the layers, the input first and the output last.
        connections: at most one `Connection` for each pair of layers; every layer but the input has one that enters it,
            in a network that is not executable every split one.
        output_task: ``(outputs,)``, the number of the task that each output belongs to. The k-th output of a task
            stands for the task's class k.
        metadata: a JSON object with at least ``tasks``, the names of the tasks.
        executable: False if the weights are strengths only (a convolution's kernel norms) and cannot be run.
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
        >>> network.tasks, network.split_layers
        (('a', 'b'), (1,))
    """

    layers: tuple[Layer, ...]
    connections: tuple[Connection, ...]
    output_task: IntArray
    metadata: Mapping[str, Any]
    executable: bool = True
    history: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _all_of(Layer, "layers", self.layers))
        connections = _all_of(Connection, "connections", self.connections)
        object.__setattr__(self, "connections", tuple(map(self._numbered, connections)))
        object.__setattr__(self, "output_task", integers("output_task", self.output_task))
        object.__setattr__(self, "metadata", _plain_metadata(self.metadata))
        object.__setattr__(self, "executable", bool(self.executable))
        history = {quantity: array_of(f"history/{quantity}", values) for quantity, values in self.history.items()}
        object.__setattr__(self, "history", history)
        parts = (self.layers, self.connections, self.output_task, self.metadata, self.history)
        for fault in network_faults(*parts, executable=self.executable):
            raise ValueError(str(fault))

    def _numbered(self, connection: Connection) -> Connection:
        """Return a connection between numbers of layers in place of names."""
        ends: tuple[int | str, ...] = (connection.source, connection.target)
        return connection.between(*map(self.number, ends)) if any(isinstance(end, str) for end in ends) else connection

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
        number = self._numbers.get(layer) if isinstance(layer, str) else _plain(layer)
        if type(number) is not int or not 0 <= number < len(self.layers):
            names = ", ".join(str(layer.name) for layer in self.layers)
            allowed = f"a number from 0 to {len(self.layers) - 1} or a name ({names:.200})"
            raise ValueError(str(Fault("a layer", allowed, _shown(layer))))
        return number

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each layer, by name."""
        return {layer.name: number for number, layer in enumerate(self.layers) if isinstance(layer.name, str)}

    @property
    def name(self) -> str:
        """The name given in the metadata, or ``"network"``."""
        return str(self.metadata.get("name", "network"))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, in order."""
        return tuple(self.metadata["tasks"])

    @cached_property
    def split_layers(self) -> tuple[int, ...]:
        """The numbers of the layers that are divided among the tasks, in ascending order."""
        return tuple(number for number, layer in enumerate(self.layers) if layer.split)

    @cached_property
    def split_connections(self) -> tuple[Connection, ...]:
        """The connections whose two layers are both split: the graph that splits are made and measured on."""
        return tuple(c for c in self.connections if self.layers[c.source].split and self.layers[c.target].split)

    @property
    def output_layer(self) -> int:
        """The number of the last layer."""
        return len(self.layers) - 1

    @property
    def has_positions(self) -> bool:
        """Whether every split layer has positions."""
        return bool(self.split_layers) and all(self.layers[k].position is not None for k in self.split_layers)


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
        object.__setattr__(self, "scale", _plain(self.scale))
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
    executable: bool,
) -> Iterator[Fault]:
    """Yield everything about the parts of a network that does not fit; nothing if they make a network."""
    tasks = metadata.get("tasks") if isinstance(metadata, Mapping) else None
    yield from _metadata_faults(metadata, tasks)
    for quantity, values in history.items():
        if values.ndim not in (1, 2) or not np.issubdtype(values.dtype, np.number):
            found = f"{values.dtype} of shape {values.shape}"
            yield Fault(f"history/{quantity}", "numbers of shape (epochs,) or (epochs, tasks)", found)
    if len(layers) < 2:
        yield Fault("layers", "an input layer and at least one more", f"{len(layers)} layers")
        return
    yield from _layer_faults(layers)
    yield from _connection_faults(layers, connections, executable=executable)
    if isinstance(tasks, (list, tuple)):
        yield from _output_faults(output_task, layers[-1].size, len(layers) - 1, len(tasks))


def array_faults(key: str, array: NDArray[Any], shape: tuple[int | str, ...]) -> Iterator[Fault]:
    """Yield what is wrong with one array: its shape (a word in `shape` stands for any length) or its values."""
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        want = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        yield Fault(key, f"shape {want}", f"shape {array.shape}{_hint(array.shape, shape)}")
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        yield Fault(key, "finite values", f"{len(bad)} that are not, the first at {tuple(int(i) for i in bad[0])}")


def activation_faults(key: str, activation: Any) -> Iterator[Fault]:
    """Yield why a value is no name of an activation function, as files have it; nothing if it is one."""
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        yield Fault(key, f"one of {', '.join(map(repr, ACTIVATIONS))}", _shown(activation))


def _hint(found: tuple[int, ...], wanted: tuple[int | str, ...]) -> str:
    """Return what to do with weights of the shape that was found, if that is plain."""
    if len(wanted) != 2 or "dim" in wanted:
        return ""
    if found == wanted[::-1]:
        return ": transpose it, rows are of the layer that is entered, as in the weight of PyTorch's nn.Linear"
    if len(found) in (3, 4) and all(isinstance(size, int) for size in wanted):
        axes = "2" if len(found) == 3 else "(2, 3)"
        return (
            f": of a convolution give the strengths, np.linalg.norm(kernel, axis={axes}), in a network with "
            "executable=False whose units are channels"
        )
    return ""


def _layer_faults(layers: Sequence[Layer]) -> Iterator[Fault]:
    names: set[str] = set()
    dims: set[int] = set()
    for number, layer in enumerate(layers):
        key = f"layers/{number}"
        yield from name_faults(f"{key}.name", layer.name)
        same = _compared(layer.name)
        if same in names:
            yield Fault(f"{key}.name", "a name that no other layer has", _shown(layer.name))
        names.add(same)
        if type(layer.size) is not int or layer.size < 1:
            yield Fault(f"{key}.size", "at least 1", _shown(layer.size))
            continue
        yield from activation_faults(f"{key}.activation", layer.activation)
        if number == 0 and (layer.activation or layer.bias is not None):
            yield Fault(key, "an input layer without activation and bias", "one that has them")
        if layer.bias is not None:
            yield from array_faults(f"{key}/bias", layer.bias, (layer.size,))
        if layer.position is not None:
            yield from array_faults(f"{key}/position", layer.position, (layer.size, "dim"))
            dims.add(layer.position.shape[-1] if layer.position.ndim == 2 else 0)
    if len(dims - {0}) > 1:
        yield Fault("layers/*/position", "the same number of dimensions in every layer", f"{sorted(dims)}")


def _all_of(kind: type[_Part], key: str, parts: Iterable[Any]) -> tuple[_Part, ...]:
    """Return parts of a network, which are all of one kind.

    Raises:
        ValueError: they are not, or there is one in place of several.
    """
    if isinstance(parts, kind) or not isinstance(parts, Iterable):
        raise ValueError(str(Fault(key, f"a list of {kind.__name__}", f"a {type(parts).__name__}")))
    parts = tuple(parts)
    for number, part in enumerate(parts):
        if not isinstance(part, kind):
            raise ValueError(str(Fault(f"{key}/{number}", f"a {kind.__name__}", f"a {type(part).__name__}")))
    return parts


def _connection_faults(
    layers: Sequence[Layer], connections: Sequence[Connection], *, executable: bool
) -> Iterator[Fault]:
    pairs: set[tuple[int, int]] = set()
    for number, connection in enumerate(connections):
        key = f"connections/{number}"
        source, target = connection.source, connection.target
        if not (type(source) is type(target) is int and 0 <= source < target < len(layers)):
            allowed = f"layer numbers with 0 <= source < target < {len(layers)}"
            yield Fault(key, allowed, f"source {_shown(source)}, target {_shown(target)}")
            continue
        if (source, target) in pairs:
            yield Fault(key, "one connection for each pair of layers", f"a second one from {source} to {target}")
        pairs.add((source, target))
        shape = (layers[target].size, layers[source].size)
        # Weights that are made on demand were checked where they come from; to make them here would be to make all.
        weight = np.empty(connection.shape, np.bool_) if isinstance(connection, MadeConnection) else connection.weight
        yield from array_faults(f"{key}/weight", weight, shape)
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
        found = f"numbers from {output_task.min()} to {output_task.max()}"
        yield Fault(key, f"task numbers from 0 to {tasks - 1} (metadata names {tasks} tasks)", found)
    else:
        for task in sorted(set(range(tasks)) - set(output_task.tolist())):
            yield Fault(key, "at least one output for every task", f"none for task {task}")


def name_faults(key: str, name: Any) -> Iterator[Fault]:
    r"""Yield why a value cannot be a name of a task, a layer, a kind, an input mode or a network; nothing if it can.

    A name is text in one line that people can tell from others by eye: at least one character, no blanks around it, and
    none that is hidden (`escapes.is_hidden`): no control characters, separators of lines, or what XML cannot hold.

    Args:
        key: where it is.
        name: any value.

    Example:
        >>> for fault in name_faults("metadata.kind", "from Windows\r"):
        ...     print(fault)
        metadata.kind: expected a name in one line, without blanks around it, found 'from Windows\r'
    """
    whole = isinstance(name, str) and name and name == name.strip() and not any(map(is_hidden, name))
    if not whole:
        yield Fault(key, "a name in one line, without blanks around it", _shown(name))


def _compared(name: Any) -> Any:
    """Return a name as it is compared: those that differ in blanks, or in how an accent is composed, look the same."""
    return " ".join(normalize("NFC", name).split()) if isinstance(name, str) else _shown(name)


def _shown(value: Any) -> str:
    """Return a value as a message shows it: as in JSON, or as in Python where that cannot hold it; not all of it."""
    try:
        text = repr(value) if isinstance(value, (str, int, float)) else json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …"


_MOST_SHOWN = 200  # characters
_SEEDS = range(-(2**63), 2**64)  # what PyTorch and NumPy take


def _metadata_faults(metadata: Any, tasks: Any) -> Iterator[Fault]:
    if not isinstance(metadata, Mapping):
        yield Fault("metadata", "a JSON object", type(metadata).__name__)
        return
    try:
        json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        yield Fault("metadata", "values that JSON can hold", str(error))
    for name in ("name", "kind", "inputs"):
        if metadata.get(name, "") != "":  # one that is not known may be empty
            yield from name_faults(f"metadata.{name}", metadata[name])
    seed = metadata.get("seed", 0)
    if type(seed) is not int or seed not in _SEEDS:
        yield Fault("metadata.seed", "a whole number from -2^63 to 2^64 - 1", _shown(seed))
    yield from _evaluation_place_faults(metadata.get("evaluation"))
    if not isinstance(tasks, (list, tuple)) or not tasks or len(set(map(_compared, tasks))) != len(tasks):
        yield Fault("metadata.tasks", "a list of different names", _shown(tasks))
        return
    wrong = [fault for task in tasks for fault in name_faults("metadata.tasks", task)]
    if wrong:
        yield wrong[0]
        return
    accuracy = metadata.get("accuracy")
    if accuracy is not None:
        numbers = isinstance(accuracy, (list, tuple)) and all(
            isinstance(a, (int, float)) and 0 <= a <= 1 for a in accuracy
        )
        if not numbers or len(accuracy) != len(tasks):
            yield Fault("metadata.accuracy", f"{len(tasks)} numbers from 0 to 1, one for each task", _shown(accuracy))


def _evaluation_place_faults(evaluation: Any) -> Iterator[Fault]:
    """Yield what is wrong with the file of held-out examples that metadata name: it lies in the run."""
    if evaluation is None:
        return
    keys = ("file", "sha256")
    if not isinstance(evaluation, Mapping) or not all(isinstance(evaluation.get(k), str) for k in keys):
        yield Fault("metadata.evaluation", 'an object with "file" and "sha256"', _shown(evaluation))
        return
    file = evaluation["file"]
    parts = re.split(r"[/\\]", file)
    if not file.isprintable() or ".." in parts or not parts[0] or ":" in parts[0]:
        expected = (
            "a file in the folder of the run, such as evaluation.h5 (a link may lead elsewhere), or no evaluation here "
            "and one that `spatialgraph analyze --evaluation FILE` names"
        )
        yield Fault("metadata.evaluation", expected, _shown(file))


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
        yield Fault("inputs.scale", "a number greater than 0", _shown(scale))
    for task, probe in probes.items():
        key = f"probes/{task}"
        if probe.dtype != stored:
            yield Fault(key, f"{stored}, as inputs", str(probe.dtype))
        yield from array_faults(key, probe, ("groups", "examples", inputs.shape[-1] if inputs.ndim else "inputs"))
