"""A graph of units, the part of any network that is split and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import floats, integers, plain_value
from ..faults import Fault, all_of, shown
from .checks import graph_faults, history_faults, plain_metadata

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Population:
    """Units of one kind: the neurons of a layer, the channels of a convolution, the heads of an attention.

    Attributes:
        name: unique name, for example ``"hidden3"`` or ``"layer2.0.conv1"``.
        size: number of units.
        unit: what a unit is, for example ``"neuron"``, ``"channel"``, ``"head"`` or ``"state"``.
        activation: the name of the function that acts on the units, ``""`` for none; None if it is not known.
        position: ``(units, dim)`` in arbitrary units of length, or None (the units have no positions).
        split: whether the split methods divide these units among the tasks; those that are not split serve every task.
        task: ``(units,)``, the number of the task of each unit that is an output, -1 for a unit that is none; None if
            there are no outputs here.
    """

    name: str
    size: int
    unit: str = "neuron"
    activation: str | None = None
    position: FloatArray | None = None
    split: bool = False
    task: IntArray | None = None

    def __post_init__(self) -> None:
        for name in ("name", "size", "unit", "activation"):
            object.__setattr__(self, name, plain_value(getattr(self, name)))
        object.__setattr__(self, "split", bool(self.split))
        if self.position is not None:
            object.__setattr__(self, "position", floats(f"position of layer {shown(self.name)}", self.position))
        if self.task is not None:
            object.__setattr__(self, "task", integers(f"task of layer {shown(self.name)}", self.task))


@dataclass(frozen=True, eq=False)
class Connection:
    """All connections from one population to another, or to itself.

    Attributes:
        source: number of the population that the connections leave, or its name, in place of which a `Graph` or a
            `Network` puts the number.
        target: number of the population that they enter, or its name.
        weight: ``(target units, source units)``, as the ``weight`` of PyTorch's ``nn.Linear``; the strength of a
            connection is its size, 0 is no connection. Signed where a connection has a sign.
        label: tells several connections of the same two populations apart, for example ``"query"``; ``""`` if there
            is one.
    """

    source: int
    target: int
    weight: FloatArray
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            object.__setattr__(self, name, plain_value(getattr(self, name)))
        key = f"weight of the connection from {shown(self.source)} to {shown(self.target)}"
        object.__setattr__(self, "weight", floats(key, self.weight))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights, ``(target units, source units)``, without making them."""
        return self.weight.shape

    @property
    def is_made(self) -> bool:
        """Whether the weights are made each time they are asked for, see `MadeConnection`."""
        return False

    def between(self, source: int, target: int) -> Connection:
        """Return the same connections between other populations."""
        return replace(self, source=source, target=target)

    def changed(self, change: Callable[[FloatArray], FloatArray]) -> Connection:
        """Return the connection with other weights, a function of its own; made on demand if its own are."""
        return Connection(self.source, self.target, change(self.weight), self.label)


class MadeConnection(Connection):
    """A connection whose weights are made each time they are asked for and not kept.

    For networks that are too large to be held, or to be held twice: weights that lie in a file, or that are drawn.

    Args:
        source: as in `Connection`.
        target: as in `Connection`.
        shape: of the weights, ``(target units, source units)``.
        make: returns the weights, always the same; finite.
        label: as in `Connection`.

    Example:
        >>> MadeConnection(0, 1, (2, 2), lambda: np.eye(2)).weight.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    make: Callable[[], FloatArray]
    _shape: tuple[int, ...]

    def __init__(
        self, source: int, target: int, shape: tuple[int, ...], make: Callable[[], FloatArray], label: str = ""
    ) -> None:
        ends = {"source": plain_value(source), "target": plain_value(target)}
        for name, value in {**ends, "_shape": shape, "make": make, "label": label}.items():
            object.__setattr__(self, name, value)

    @property
    def weight(self) -> FloatArray:
        """The weights, made now."""
        return floats("weights that are made", self.make())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights, ``(target units, source units)``."""
        return self._shape

    @property
    def is_made(self) -> bool:
        """Whether the weights are made each time they are asked for: yes."""
        return True

    def between(self, source: int, target: int) -> Connection:
        """Return the same connections between other populations."""
        return MadeConnection(source, target, self.shape, self.make, self.label)

    def changed(self, change: Callable[[FloatArray], FloatArray]) -> Connection:
        """Return the connection with other weights, a function of its own, made on demand."""
        return MadeConnection(self.source, self.target, self.shape, lambda: change(self.weight), self.label)


@dataclass(frozen=True, eq=False)
class Graph:
    """Populations of units and the connections between them, checked for consistency when they are put together.

    Any two populations may be connected, also backwards and a population with itself, so that there may be cycles. Two
    populations may have several connections, with different labels. Outputs may lie in several populations.

    Attributes:
        populations: the populations.
        connections: the connections.
        metadata: a JSON object with at least ``tasks``, the names of the tasks.
        history: quantity to ``(epochs,)`` or ``(epochs, tasks)``: losses, costs and accuracies during training.

    Raises:
        ValueError: the parts do not fit each other; the message names the key, what was expected and what was found.

    Example:
        >>> graph = Graph(
        ...     populations=(
        ...         Population("state", 2, "state", split=True),
        ...         Population("left", 1, split=True, task=[0]),
        ...         Population("right", 1, split=True, task=[1]),
        ...     ),
        ...     connections=(
        ...         Connection(0, 0, [[0.0, 0.5], [0.5, 0.0]]),
        ...         Connection(0, 1, [[3.0, 0.0]]),
        ...         Connection(0, 2, [[0.0, 2.0]]),
        ...     ),
        ...     metadata={"tasks": ["left", "right"]},
        ... )
        >>> graph.split_populations, graph.output_populations, graph.tasks
        ((0, 1, 2), (1, 2), ('left', 'right'))
    """

    populations: tuple[Population, ...]
    connections: tuple[Connection, ...]
    metadata: Mapping[str, Any]
    history: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", all_of(Population, "populations", self.populations))
        connections = all_of(Connection, "connections", self.connections)
        object.__setattr__(self, "connections", numbered(connections, self.populations))
        object.__setattr__(self, "metadata", plain_metadata(self.metadata))
        for fault in (
            *graph_faults(self.populations, self.connections, self.metadata),
            *history_faults(self.history),
        ):
            raise ValueError(str(fault))

    def number(self, population: int | str) -> int:
        """Return the number of a population that is given by its name or by its number.

        Raises:
            ValueError: there is no such population; the message lists the names.
        """
        return number_of(population, self.populations)

    @property
    def name(self) -> str:
        """The name given in the metadata, or ``"network"``."""
        return str(self.metadata.get("name", "network"))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, in order."""
        return tuple(self.metadata["tasks"])

    @cached_property
    def split_populations(self) -> tuple[int, ...]:
        """The numbers of the populations that are divided among the tasks, in ascending order."""
        return tuple(number for number, population in enumerate(self.populations) if population.split)

    @cached_property
    def output_populations(self) -> tuple[int, ...]:
        """The numbers of the populations that hold outputs, in ascending order."""
        return tuple(number for number in range(len(self.populations)) if (self.task_of[number] >= 0).any())

    @cached_property
    def task_of(self) -> tuple[IntArray, ...]:
        """For each population ``(units,)``: the number of each output's task, -1 for units that are not outputs."""
        return tuple(np.full(p.size, -1, np.int64) if p.task is None else p.task for p in self.populations)

    @cached_property
    def split_connections(self) -> tuple[Connection, ...]:
        """The connections whose two populations are both split; splits are measured on these."""
        split = set(self.split_populations)
        return tuple(c for c in self.connections if c.source in split and c.target in split)

    @property
    def has_positions(self) -> bool:
        """Whether every split population has positions."""
        split = [self.populations[k] for k in self.split_populations]
        return bool(split) and all(population.position is not None for population in split)

    def units_word(self, populations: Iterable[int]) -> str:
        """Return the plural noun for the units of some populations, ``"units"`` if they are of several kinds.

        Args:
            populations: their numbers.

        Example:
            >>> graph = Graph((Population("a", 2, "channel"), Population("b", 1, task=[0])), (), {"tasks": ["t"]})
            >>> graph.units_word([0]), graph.units_word([1]), graph.units_word([0, 1])
            ('channels', 'neurons', 'units')
        """
        kinds = {self.populations[k].unit for k in populations}
        return f"{kinds.pop()}s" if len(kinds) == 1 else "units"

    @cached_property
    def is_layered(self) -> bool:
        """Whether every connection leads from an earlier population to a later one, and no two between the same."""
        pairs = [(connection.source, connection.target) for connection in self.connections]
        return len(set(pairs)) == len(pairs) and all(source < target for source, target in pairs)

    def places(self, populations: Iterable[int] | None = None) -> dict[int, slice]:
        """Return where the units of each population stand if those of some populations are put in one row.

        Args:
            populations: their numbers, in the order of the row; None for those that are split.

        Example:
            >>> graph = Graph((Population("a", 2), Population("b", 3, task=[0, 0, 0])), (), {"tasks": ["t"]})
            >>> graph.places([0, 1])
            {0: slice(0, 2, None), 1: slice(2, 5, None)}
        """
        places, start = {}, 0
        for k in self.split_populations if populations is None else populations:
            places[k] = slice(start, start + self.populations[k].size)
            start = places[k].stop
        return places


def by_population(graph: Graph, values: NDArray[Any], populations: Iterable[int] | None = None) -> dict[int, Any]:
    """Return one value for each unit, in the order of `Graph.places`, as population number to ``(units,)``."""
    return {k: values[place] for k, place in graph.places(populations).items()}


class _Named(Protocol):
    """What has a name: a population, or a layer."""

    @property
    def name(self) -> str:
        """The name."""


def number_of(name: int | str, parts: Sequence[_Named]) -> int:
    """Return the number of a population, or of a layer, that is given by its name or by its number.

    Raises:
        ValueError: there is none; the message lists the names.
    """
    names = [part.name for part in parts]
    number = names.index(name) if isinstance(name, str) and name in names else plain_value(name)
    if type(number) is not int or not 0 <= number < len(parts):
        allowed = f"a number from 0 to {len(parts) - 1} or a name ({', '.join(map(str, names)):.200})"
        raise ValueError(str(Fault("a layer", allowed, shown(name))))
    return number


def numbered(connections: Sequence[Connection], parts: Sequence[_Named]) -> tuple[Connection, ...]:
    """Return connections between numbers of populations, or of layers, in place of names.

    Raises:
        ValueError: there is no population of a name.
    """
    ends: list[tuple[int | str, int | str]] = [(c.source, c.target) for c in connections]
    return tuple(
        c.between(*(number_of(end, parts) for end in pair)) if any(isinstance(end, str) for end in pair) else c
        for c, pair in zip(connections, ends, strict=True)
    )
