"""The graph of any trained PyTorch model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import floats
from ..faults import shown
from ..graph.graph import Connection, FloatArray, Graph, IntArray, MadeConnection, Population
from ..network import Evaluation, Network
from ..notes import Note
from ..store import write_network
from . import operators as _operators  # noqa: F401  # enters the operators
from .composed import Readers
from .maps import Units
from .program import Inputs, Program, call, first_examples, require_evaluation_mode, trace, unwrapped
from .runner import TracedRunner
from .table import OPERATORS
from .tasks import Head, Tasks, heads_of, tasks_of
from .values import Value
from .walk import Entering, Found, Walk, walked

# The relative difference of the outputs of the traced program that is allowed, by the precision of the outputs.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 1e-2}

# Weights of more numbers altogether are made when they are looked at.
_HELD = 2**26


@dataclass(frozen=True, eq=False)
class Captured:
    """A model as a graph, and the program that runs it.

    Attributes:
        graph: what is split, measured and exported.
        program: the traced model.
        found: where the units of each population are in the program, in the order of the graph.
        heads: the tensors of outputs that the model returns.
        outputs: the number of the population that holds the outputs of each head.
        error: the largest difference between the outputs of the traced program and those of the model on the inputs
            that it was captured with, in the outputs' own unit.
        notes: what the graph leaves out.
        device: where the model was.
        untrained: the graph of the model before it was trained; None if it is not known.
    """

    graph: Graph
    program: Program
    found: tuple[Found, ...]
    heads: tuple[Head, ...]
    outputs: tuple[int, ...]
    error: float
    notes: tuple[Note, ...]
    device: torch.device
    untrained: Graph | None = None

    def runner(self, batches: Iterable[Any] | Evaluation, **options: Any) -> TracedRunner:
        """Return what answers for the model on examples; see `TracedRunner`, which this makes."""
        return TracedRunner(self, batches, **options)

    def write(self, path: str | Path, **metadata: Any) -> Path:
        """Write the graph to a file, whole or not at all, for ``spatialgraph analyze --models``; return its path.

        The graph before training goes with it, if it is known: `untrained`, for the null model of that name.

        Args:
            path: the file: ``networks/NAME.h5`` in the folder of a run.
            metadata: what else is known of the network: ``kind`` and ``inputs``, by which tables group networks,
                ``seed``, and what you like. Its name is that of the file unless another is given.

        Raises:
            ValueError: a value that JSON cannot hold, or another fault.
            OSError: the file cannot be written.
        """
        path = Path(path)
        known = {**self.graph.metadata, "name": path.stem, **metadata}
        snapshots: dict[float, Network | Graph] = {} if self.untrained is None else {0: self.untrained}
        write_network(path, replace(self.graph, metadata=known), snapshots)
        return path

    def of(self, graph: Graph) -> Captured:
        """Return the model with its graph as it was written, with other metadata, positions or names.

        Raises:
            ValueError: the graph is of another model.
        """
        written = graph.metadata.get("capture")
        expected = self.graph.metadata["capture"]["parameters"]
        found = written.get("parameters") if isinstance(written, Mapping) else None
        sizes = [[p.size for p in of.populations] for of in (graph, self.graph)]
        if found != expected or sizes[0] != sizes[1]:
            raise ValueError(
                f"network {graph.name!r}: expected the model that was captured, whose parameters have the digest "
                f"{str(found)[:12]}…, found one with {expected[:12]}…"
            )
        return replace(self, graph=graph)


def capture(
    model: nn.Module,
    inputs: Inputs,
    tasks: Tasks = None,
    *,
    split: Iterable[str] | str | None = None,
    names: Mapping[str, str] | None = None,
    positions: Mapping[str, Any] | None = None,
    untrained: Captured | None = None,
    metadata: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
) -> Captured:
    """Capture a trained model: trace it and make its graph.

    A unit is what a nonlinearity acts on, and every output; a connection is the linear map between two populations of
    units, and its strength the Frobenius norm of the block of that map between two units. The model is not changed.

    Args:
        model: in evaluation mode, on any device, in any precision; wrapped or compiled as it may be.
        inputs: some examples that the model is called with: a tensor, a tuple of positional arguments or a dict of
            named ones. The first dimension of each tensor is the examples.
        tasks: which outputs are whose: ``{"digits": slice(0, 10), "letters": slice(10, 20)}``, lists of the numbers of
            outputs, or names of heads; a list of names for a model with so many heads. None for a task for each head.
        split: the names of the populations that split methods divide, or patterns: ``"layer3.*"``; None for all that
            are no inputs. Outputs are among them in any case.
        names: other names for populations, by the names that they would have.
        positions: population name to ``(units, dim)``; those of a `SpatialCost` are ``cost.positions``.
        untrained: the same model, captured before it was trained; for the null model of that name.
        metadata: what else is known of the network, such as its ``name``, ``kind`` and ``seed``.
        tolerance: the largest difference between the outputs of the traced program and the model's, relative to the
            largest output; None for 1e-4, and what the precision allows for others than float32.

    Raises:
        ValueError: the model is in training mode, cannot be traced, or has an operator that is not known; or a task, a
            name or a position does not fit. The message says what to do.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
        >>> captured = capture(model, torch.zeros(2, 3), {"one": [0], "other": [1]})
        >>> [(p.name, p.size, p.activation) for p in captured.graph.populations]
        [('input', 3, None), ('0', 4, 'relu'), ('2', 2, '')]
        >>> bool((captured.graph.connections[0].weight == model[0].weight.detach().numpy()).all())
        True
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: expected a torch.nn.Module, found {shown(type(model).__name__)}")
    model = unwrapped(model)
    require_evaluation_mode(model)
    device = _device_of(model, inputs)
    outputs = call(model, inputs)
    program = trace(model, inputs, set(OPERATORS))
    error = _error(outputs, program, inputs, tolerance)
    walk = walked(program, first_examples(inputs, program.batch or 2))
    heads = heads_of(walk.outputs, program.names)
    task_names, task_of = tasks_of(tasks, heads)
    with_outputs, output_populations = _with_outputs(walk, heads, task_of)
    found = _named(with_outputs, names or {})
    chosen = _chosen(found, split)
    place = _positions(found, positions or {})
    populations = tuple(
        Population(f.name, f.size, f.unit, f.activation, place.get(f.name), f.name in chosen, f.task) for f in found
    )
    notes = tuple(
        Note("left-out", {"what": what, "count": len(where), "modules": tuple(dict.fromkeys(where))[:3]})
        for what, where in walk.left_out.items()
    )
    of_capture = {"error": error, "parameters": _digest(program), "notes": [_data(note) for note in notes]}
    known = {**(metadata or {}), "tasks": task_names, "capture": of_capture}
    graph = Graph(populations, tuple(_connections(found)), known)
    return Captured(
        graph, program, tuple(found), tuple(heads), output_populations, error, notes, device, _before(graph, untrained)
    )


def _before(graph: Graph, untrained: Captured | None) -> Graph | None:
    """Return the graph of a model before it was trained.

    Raises:
        ValueError: it is the graph of another model.
    """
    if untrained is None:
        return None
    now, before = ([(p.name, p.size) for p in of.populations] for of in (graph, untrained.graph))
    if now != before:
        different = next(
            (pair for pair in zip(now, before, strict=False) if pair[0] != pair[1]), (len(now), len(before))
        )
        raise ValueError(f"untrained: expected the populations of the model, found {different[1]} for {different[0]}")
    return untrained.graph


def _device_of(model: nn.Module, inputs: Inputs) -> torch.device:
    """Return the device of a model.

    Raises:
        ValueError: an input is on another device, or there is no example.
    """
    tensors = [t for t in torch.utils._pytree.tree_leaves(inputs) if isinstance(t, Tensor)]
    if not tensors or any(not t.ndim or not len(t) for t in tensors):
        raise ValueError("inputs: expected tensors of at least one example, found none")
    own = next((p.device for p in (*model.parameters(), *model.buffers())), tensors[0].device)
    for tensor in tensors:
        if tensor.device != own:
            raise ValueError(f"inputs: expected tensors on {own}, where the model is, found one on {tensor.device}")
    return own


def _error(outputs: Sequence[Any], program: Program, inputs: Inputs, tolerance: float | None) -> float:
    """Return the largest difference between the outputs of the program and the model's outputs.

    Raises:
        ValueError: it is more than what is allowed.
    """
    with torch.no_grad():
        pairs = [
            (one.double(), other.double(), _TOLERANCE.get(one.dtype, 1e-4))
            for one, other in zip(outputs, program(inputs), strict=True)
            if isinstance(one, Tensor) and one.dtype.is_floating_point
        ]
    largest = 0.0
    for one, other, usual in pairs:
        error, size = float((one - other).abs().max()), float(one.abs().max())
        allowed = usual if tolerance is None else tolerance
        if not error <= allowed * max(size, 1e-30):
            raise ValueError(
                f"model: expected outputs of the traced program that differ by at most {allowed:g} of the largest, "
                f"{size:g}, found {error:g}: the model may draw at random, or remember what it was called with"
            )
        largest = max(largest, error)
    return largest


def _digest(program: Program) -> str:
    """Return the SHA-256 of the parameters and constants of a program, as float32 has them."""
    known = hashlib.sha256()
    for value in program.fixed.values():
        if isinstance(value, Tensor):
            known.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return known.hexdigest()


def _data(note: Note) -> dict[str, Any]:
    """Return a note as JSON has it."""
    return {"code": note.code, "values": dict(note.values)}


def _with_outputs(walk: Walk, heads: Sequence[Head], task_of: IntArray) -> tuple[list[Found], tuple[int, ...]]:
    """Return the populations of a walk, with the outputs; and the number of the population of each head's outputs."""
    found, numbers = list(walk.found), []
    for head in heads:
        value, task = walk.outputs[head.place], task_of[list(head.numbers)]
        if value.emits is not None and _is_all(value, head, found[value.emits]):
            found[value.emits] = replace(found[value.emits], task=task)
            numbers.append(value.emits)
            continue
        units = Units.equal(len(head.rows))
        entering = Entering("", value.selected(head.rows, torch.arange(units.count)), units)
        unit = "neuron" if value.home.unit == "head" else value.home.unit
        name = _free(value.home.module if value.home.fresh and value.home.module else "output", {f.name for f in found})
        node = walk.program.outputs[head.place]
        numbers.append(len(found))
        found.append(Found(name, units.count, unit, "", 1, node, torch.empty(0), (entering,), task))
    return found, tuple(numbers)


def _is_all(value: Value, head: Head, found: Found) -> bool:
    """Return whether the outputs are all units of a population, in their order."""
    return (
        found.width == 1
        and found.task is None
        and np.array_equal(head.rows, np.arange(found.size))
        and value.size == found.size
    )


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else next(n for k in range(2, 2**31) if (n := f"{name}#{k}") not in taken)


def _named(found: Sequence[Found], names: Mapping[str, str]) -> list[Found]:
    """Return populations with the names that the user gives them."""
    known = [f.name for f in found]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"names: expected names of populations, {', '.join(known):.300}, found {shown(unknown[0])}")
    return [replace(f, name=names.get(f.name, f.name)) for f in found]


def _chosen(found: Sequence[Found], split: Iterable[str] | str | None) -> set[str]:
    """Return the names of the populations that are split; outputs always are."""
    hidden = [f.name for f in found if not f.is_input]
    outputs = {f.name for f in found if f.task is not None}
    if split is None:
        return set(hidden)
    patterns = [split] if isinstance(split, str) else list(split)
    chosen = set()
    for pattern in patterns:
        met = [f.name for f in found if f.name == pattern] or [f.name for f in found if fnmatchcase(f.name, pattern)]
        if not met:
            raise ValueError(
                f"split: expected names of populations, {', '.join(f.name for f in found):.300}, or patterns, "
                f"found {shown(pattern)}"
            )
        chosen |= set(met)
    return chosen | outputs


def _positions(found: Sequence[Found], positions: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Return the positions of the units of each population that has some."""
    sizes = {f.name: f.size for f in found}
    placed = {}
    for name, position in positions.items():
        if name not in sizes:
            raise ValueError(f"positions: expected names of populations, {', '.join(sizes):.300}, found {shown(name)}")
        array = position.detach().cpu().float().numpy() if isinstance(position, Tensor) else position
        placed[name] = floats(f"position of layer {shown(name)}", array)
        if placed[name].ndim != 2 or len(placed[name]) != sizes[name]:
            raise ValueError(
                f"position of layer {shown(name)}: expected shape ({sizes[name]}, dim), found {placed[name].shape}"
            )
    return placed


def _connections(found: Sequence[Found]) -> list[Connection]:
    """Return the connections of all populations; weights of a large model are made when they are looked at."""
    made: list[MadeConnection] = []
    recent = _Recent(_HELD)
    for target, of in enumerate(found):
        for entering in of.entering:
            readers = Readers(entering.units)
            for part in entering.value.parts:
                source = found[part.source]
                shape = (of.size, source.size)
                columns = Units.equal(source.size, source.width)
                if readers.add(part.map, columns):
                    make = partial(recent.get_among, readers, len(readers.sources) - 1)
                else:
                    make = partial(recent.get, len(made), partial(part.map.strength, entering.units, columns))
                made.append(MadeConnection(part.source, target, shape, make, entering.label))
    if sum(int(np.prod(c.shape)) for c in made) > _HELD:
        return list(made)
    return [Connection(c.source, c.target, c.weight, c.label) for c in made]


class _Recent:
    """The weights that were made last, for the next look, as many as are not too many numbers altogether."""

    def __init__(self, numbers: int) -> None:
        self._numbers = numbers
        self._kept: dict[Hashable, FloatArray] = {}
        self._first: dict[Readers, int] = {}
        self._last: tuple[Readers, int] | None = None

    def get(self, key: Hashable, make: Callable[[], FloatArray]) -> FloatArray:
        """Return the weights of a connection, made if they are not kept."""
        weight = self._kept.pop(key) if key in self._kept else make()
        self._keep(key, weight)
        return weight

    def get_among(self, readers: Readers, place: int) -> FloatArray:
        """Return the weights of one of the connections that are made together, with the next ones if looked at in turn.

        Args:
            readers: what is read of their sources.
            place: the number of the source among them.
        """
        if (readers, place) not in self._kept:
            # Looks begin where they began before: inputs may be left out.
            in_turn = self._first.setdefault(readers, place) == place or self._last == (readers, place - 1)
            made = readers.strengths(readers.some(place, self._numbers if in_turn else 1))
            for number, weight in enumerate(made, place):
                self._keep((readers, number), weight)
        self._last = readers, place
        return self._kept[readers, place]

    def _keep(self, key: Hashable, weight: FloatArray) -> None:
        self._kept[key] = weight
        while len(self._kept) > 1 and sum(w.size for w in self._kept.values()) > self._numbers:
            del self._kept[next(iter(self._kept))]
