"""What can be wrong with the parts of a graph, and with the metadata of a graph or a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import plain_value
from ..faults import Fault, array_faults, compared, name_faults, shown

if TYPE_CHECKING:
    from .graph import Connection, FloatArray, Population


class Part(Protocol):
    """What a population and the layer of a network have in common."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def size(self) -> int:
        """How many units it has."""

    @property
    def position(self) -> FloatArray | None:
        """Where they lie."""


_SEEDS = range(-(2**63), 2**64)  # what PyTorch and NumPy take


def graph_faults(
    populations: Sequence[Population], connections: Sequence[Connection], metadata: Any
) -> Iterator[Fault]:
    """Yield everything about the parts of a graph that does not fit; nothing if they make a graph."""
    yield from metadata_faults(metadata)
    if not populations:
        yield Fault("layers", "at least one", "none")
        return
    yield from population_faults(populations)
    yield from _connection_faults(populations, connections)
    tasks = metadata.get("tasks") if isinstance(metadata, Mapping) else None
    if isinstance(tasks, (list, tuple)):
        yield from _task_faults(populations, len(tasks))


def population_faults(populations: Sequence[Part]) -> Iterator[Fault]:
    """Yield the faults in the names, sizes and positions of populations, or of the layers of a network."""
    names: set[str] = set()
    dims: set[int] = set()
    for number, population in enumerate(populations):
        key = f"layers/{number}"
        yield from name_faults(f"{key}.name", population.name)
        same = compared(population.name)
        if same in names:
            yield Fault(f"{key}.name", "a name that no other layer has", shown(population.name))
        names.add(same)
        if type(population.size) is not int or population.size < 1:
            yield Fault(f"{key}.size", "at least 1", shown(population.size))
            continue
        if population.position is not None:
            yield from array_faults(f"{key}/position", population.position, (population.size, "dim"))
            dims.add(population.position.shape[-1] if population.position.ndim == 2 else 0)
    if len(dims - {0}) > 1:
        yield Fault("layers/*/position", "the same number of dimensions in every layer", f"{sorted(dims)}")


def weight_faults(key: str, populations: Sequence[Part], connection: Connection) -> Iterator[Fault]:
    """Yield the faults in the weights of a connection between two existing populations."""
    shape = (populations[connection.target].size, populations[connection.source].size)
    # Weights that are made on demand were checked where they come from; to make them here would be to make all.
    weight = np.empty(connection.shape, np.bool_) if connection.is_made else connection.weight
    yield from array_faults(f"{key}/weight", weight, shape)


def _connection_faults(populations: Sequence[Population], connections: Sequence[Connection]) -> Iterator[Fault]:
    known: set[tuple[int, int, str]] = set()
    for number, connection in enumerate(connections):
        key = f"connections/{number}"
        source, target, label = connection.source, connection.target, connection.label
        if not all(type(end) is int and 0 <= end < len(populations) for end in (source, target)):
            ends = f"source {shown(source)}, target {shown(target)}"
            yield Fault(key, f"layer numbers from 0 to {len(populations) - 1}", ends)
            continue
        if label != "":
            yield from name_faults(f"{key}.label", label)
        if (source, target, compared(label)) in known:
            expected = "a label that no other connection of these layers has"
            yield Fault(key, expected, f"a second one from {source} to {target} with label {shown(label)}")
        known.add((source, target, compared(label)))
        yield from weight_faults(key, populations, connection)


def _task_faults(populations: Sequence[Population], tasks: int) -> Iterator[Fault]:
    """Yield the faults in the tasks of the outputs."""
    served: set[int] = set()
    for number, population in enumerate(populations):
        if population.task is None:
            continue
        key = f"layers/{number}/task"
        faults = list(array_faults(key, population.task, (population.size,)))
        yield from faults
        if not faults and not -1 <= population.task.min() <= population.task.max() < tasks:
            numbers = f"numbers from {population.task.min()} to {population.task.max()}"
            yield Fault(key, f"task numbers from -1 to {tasks - 1} (metadata names {tasks} tasks)", numbers)
        elif not faults:
            served |= set(population.task.tolist())
    for task in sorted(set(range(tasks)) - served):
        yield Fault("layers/*/task", "at least one output for every task", f"none for task {task}")


def history_faults(history: Mapping[str, NDArray[Any]]) -> Iterator[Fault]:
    """Yield the faults in the history of training."""
    for quantity, values in history.items():
        if values.ndim not in (1, 2) or not np.issubdtype(values.dtype, np.number):
            type_and_shape = f"{values.dtype} of shape {values.shape}"
            yield Fault(f"history/{quantity}", "numbers of shape (epochs,) or (epochs, tasks)", type_and_shape)


def metadata_faults(metadata: Any) -> Iterator[Fault]:
    """Yield everything that is wrong with the metadata of a graph or a network; nothing if it is good."""
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
        yield Fault("metadata.seed", "a whole number from -2^63 to 2^64 - 1", shown(seed))
    yield from _evaluation_place_faults(metadata.get("evaluation"))
    tasks = metadata.get("tasks")
    if not isinstance(tasks, (list, tuple)) or not tasks or len(set(map(compared, tasks))) != len(tasks):
        yield Fault("metadata.tasks", "a list of different names", shown(tasks))
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
            yield Fault("metadata.accuracy", f"{len(tasks)} numbers from 0 to 1, one for each task", shown(accuracy))


def _evaluation_place_faults(evaluation: Any) -> Iterator[Fault]:
    """Yield what is wrong with the file of held-out examples that metadata name: it lies in the run."""
    if evaluation is None:
        return
    keys = ("file", "sha256")
    if not isinstance(evaluation, Mapping) or not all(isinstance(evaluation.get(k), str) for k in keys):
        yield Fault("metadata.evaluation", 'an object with "file" and "sha256"', shown(evaluation))
        return
    file = evaluation["file"]
    parts = re.split(r"[/\\]", file)
    if not file.isprintable() or ".." in parts or not parts[0] or ":" in parts[0]:
        expected = (
            "a file in the folder of the run, such as evaluation.h5 (a link may lead elsewhere), or no evaluation here "
            "and one that `spatialgraph analyze --evaluation FILE` names"
        )
        yield Fault("metadata.evaluation", expected, shown(file))


def plain_metadata(metadata: Any) -> Any:
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
    plain = plain_value(value)
    if plain is value:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return plain
