"""One walk through a traced program: its populations, and what each of them reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.fx import Node

from ..faults import shown
from ..graph.graph import IntArray
from .maps import LinearMap, Units, identity, read_at, scaling
from .program import Program, module_of
from .table import OPERATORS
from .values import Home, Part, Value, added, constant, distinct, held_once, paired, readings

SCORES = (
    "features, or attention scores that are only scaled, masked, shared out by a nonlinearity and multiplied by values",
    "attention scores used otherwise",
)
"""What is expected and found where attention scores stand in place of features."""


@dataclass(frozen=True, eq=False)
class Entering:
    """What a population reads.

    Attributes:
        label: tells apart several streams that one population reads, such as queries and keys; ``""`` if there is one.
        value: the features that are read.
        units: the unit that reads each feature.
    """

    label: str
    value: Value
    units: Units


@dataclass(frozen=True, eq=False)
class Found:
    """A population that was found in the program.

    Attributes:
        name: the name of the user's module that made its features.
        size: the number of units.
        unit: what a unit is.
        activation: what acts on the units; None for inputs.
        width: the number of elements of a unit.
        node: the operator that makes what the units emit.
        index: of its value's shape: the number of the element that each number is, `NOTHING` for those of no unit.
        entering: what the units read.
        task: ``(units,)`` of outputs, the task of each; None of others.
    """

    name: str
    size: int
    unit: str
    activation: str | None
    width: int
    node: Node
    index: Tensor
    entering: tuple[Entering, ...]
    task: IntArray | None = None

    @property
    def is_input(self) -> bool:
        """Whether these are inputs of the model, and no units that it computes."""
        return self.activation is None


class Walk:
    """The walk through a program; what it finds is in its attributes.

    Args:
        program: the program.
        outcomes: what each of its operators returns, see `outcomes_of`.
        classes: for each input of the program, the unit of each of its numbers; those of a walk before.

    Attributes:
        found: the populations, in the order of the program.
        left_out: what operators did that the graph does not show, with the modules.
        outputs: for each output, what it reads; None for one that depends on no input.
        same: for each input, pairs of its numbers that a dense layer, a convolution or a recurrent layer reads alike.
    """

    def __init__(
        self, program: Program, outcomes: Mapping[Node, Any], classes: Mapping[Node, IntArray] | None = None
    ) -> None:
        self.program = program
        self.found: list[Found] = []
        self.left_out: dict[str, list[str]] = {}
        self.same: dict[int, list[IntArray]] = {}
        self._classes = classes or {}
        self._values: dict[Node, Any] = {}
        self._names: set[str] = set()
        for node in program.inputs:
            self._values[node] = self._input(node, outcomes[node])
        for node in program.nodes:
            if any(self._depends(argument) for argument in node.all_input_nodes):
                self._values[node] = self._result(node, outcomes)
        self.outputs: list[Any] = [self._values.get(node) for node in program.outputs]

    def _depends(self, node: Node) -> bool:
        return self._values.get(node) is not None

    def _input(self, node: Node, value: Any) -> Value | None:
        """Return an input of the model: every number of one example is an element, or numbers that are read alike."""
        if not isinstance(value, Tensor):
            return None
        home = Home(self._input_name(node), "neuron", fresh=False)
        if not value.dtype.is_floating_point:
            return constant(value, home)
        numbers = torch.arange(value[0].numel()).reshape(value[0].shape)
        classes = self._classes.get(node)
        if classes is not None:
            numbers = torch.from_numpy(classes)[numbers]
        index = held_once(numbers.expand(value.shape))
        grid = distinct(index)[0].shape[2:]
        unit = "channel" if grid and max(grid) == 1 else "neuron"
        return self.enter(node, home, unit, None, index, int(numbers.max()) + 1, 1, ())

    def _input_name(self, node: Node) -> str:
        """Return the name of an input: of the only one as `SpatialCost` calls it, else that of the argument."""
        if len(self.program.inputs) > 1:
            return node.name
        return "model input" if any(module_of(of) == "input" for of in self.program.nodes) else "input"

    def enter(
        self,
        node: Node,
        home: Home,
        unit: str,
        activation: str | None,
        index: Tensor,
        size: int,
        width: int,
        entering: Sequence[Entering],
    ) -> Value:
        """Enter a population, and return what it emits."""
        name = self._free_name(home.module or node.name)
        self.found.append(Found(name, size, unit, activation, width, node, index, tuple(entering)))
        number = len(self.found) - 1
        part = Part(number, identity(size * width))
        return Value(index, size * width, (part,), Home(name, unit, fresh=False), number)

    def _free_name(self, name: str) -> str:
        """Return a name that no population has: of a module that is used again, with the number of its use."""
        uses = (f"{name}#{use}" for use in range(2, 2**31))
        free = name if name not in self._names else next(use for use in uses if use not in self._names)
        self._names.add(free)
        return free

    def _result(self, node: Node, outcomes: Mapping[Node, Any]) -> Any:
        """Return what an operator makes of values that depend on the inputs."""
        place = Place(self, node, module_of(node), outcomes[node])
        name = str(node.target)

        def known(used: Node) -> Any:
            value = self._values.get(used)
            return (
                (self.program.fixed[used] if used in self.program.fixed else outcomes[used]) if value is None else value
            )

        if name == "<built-in function getitem>":
            sequence = known(node.args[0])  # type: ignore[arg-type]
            return sequence[node.args[1]]
        if not isinstance(outcomes[node], Tensor | tuple | list):
            return None  # a size, or another number that no unit is in
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), known)
        if name in OPERATORS:
            return OPERATORS[name](place, *args, **kwargs)
        if all(not v.parts and v.scores is None for v in _values_in(args, kwargs)) and isinstance(
            outcomes[node], Tensor
        ):
            return constant(outcomes[node], Home(place.module, "neuron"))
        raise ValueError(place.unknown())


@dataclass(frozen=True, eq=False)
class Place:
    """Where an operator stands, and what can be done there.

    Attributes:
        walk: the walk.
        node: the operator.
        module: the name of the user's module that it is in.
        output: tensors of the shapes that the operator returns for some examples, without numbers.
    """

    walk: Walk
    node: Node
    module: str
    output: Any

    def home(self, unit: str, *, fresh: bool = True) -> Home:
        """Return a home of features that are made here."""
        return Home(self.module, unit, fresh)

    @property
    def _where(self) -> str:
        where = f"in module {shown(self.module)}" if self.module else "in the model's own forward"
        return f"operator {self.node.name} {where}"

    def unknown(self) -> str:
        """Return the message about an operator that is not in the table."""
        name = str(self.node.target)
        return (
            f"{self._where}: expected an operator that spatialgraph knows, found {name}; a function with "
            f'@operator("{name}") from spatialgraph.torch adds it, see docs/models/operators.md'
        )

    def unfit(self, expected: str, found: str) -> str:
        """Return the message about an operator that is known, but not with what it is given."""
        return f"{self._where}: expected {expected}, found {found}; see docs/models/operators.md"

    def leave_out(self, what: str) -> None:
        """Remember that the graph does not show something that is done here."""
        self.walk.left_out.setdefault(what, []).append(self.module or self.node.name)

    def read(self, value: Value, axis: int) -> Value:
        """Return a value whose features are the places along an axis, which a linear operator reads.

        Numbers of an input that are read at one place are one unit: the pixels of a channel, a feature at all times.
        """
        if value.scores is not None:
            raise ValueError(self.unfit(*SCORES))
        count = value.index.shape[axis]
        columns, features = readings(value.index, axis)
        again = np.flatnonzero(columns[1:] == columns[:-1])
        for part in value.parts:
            if len(again) and part.map.moves is not None and self.walk.found[part.source].is_input:
                self._unite(part.source, part.map.moves, features[again], features[again + 1])
        parts = tuple(Part(part.source, read_at(part.map, columns, features, count)) for part in value.parts)
        return Value(torch.arange(count), count, parts, value.home)

    def _unite(self, source: int, moves: sparse.csr_array, ones: IntArray, others: IntArray) -> None:
        """Remember that the numbers of an input that two features read are one unit."""
        single = np.diff(moves.indptr) == 1
        both = single[ones] & single[others]
        pairs = [moves.indices[moves.indptr[features[both]]] for features in (ones, others)]
        self.walk.same.setdefault(source, []).append(np.stack(pairs))

    def scaled(self, value: Value, factor: Any) -> Value:
        """Return a value whose features are multiplied by a constant: a number, or a tensor that is broadcast.

        A feature with other factors at other places is multiplied by their root mean square.
        """
        if isinstance(factor, Tensor) and factor.ndim:
            index = value.index.broadcast_to(np.broadcast_shapes(value.index.shape, factor.shape))
            factors = per_feature(index, factor, value.size)
        else:
            index, factors = value.index, np.full(value.size, float(factor))
        if value.scores is not None:
            return value.reshaped(index)
        if (factors == 1).all():
            return replace(value, index=index)
        exact = isinstance(factor, Tensor) and factor.dtype == torch.float64
        return value.through(scaling(factors if exact else factors.astype(np.float32)), index)

    def added(self, values: Sequence[Any]) -> Value:
        """Return the sum of values, some of which may be constant."""
        flowing = [value for value in values if isinstance(value, Value)]
        scores = [value for value in flowing if value.scores is not None]
        with_parts = [value for value in flowing if value.parts]
        if scores and not with_parts and len(scores) == 1:
            return scores[0].reshaped(self.like_output(scores[0]))
        if scores:
            raise ValueError(self.unfit(*SCORES))
        if len(with_parts) <= 1:
            value = (with_parts or flowing)[0]
            return replace(value, index=self.like_output(value))
        homes = [value.home for value in flowing]
        home = next((home for home in homes if home.fresh), self.home(homes[0].unit, fresh=False))
        return added([replace(value, index=self.like_output(value)) for value in flowing], home)

    def like_output(self, value: Value) -> Tensor:
        """Return the index of a value, broadcast to the shape of what the operator returns."""
        return value.index.broadcast_to(self.output.shape)

    def nonlinearity(self, values: Sequence[Value], activation: str, labels: Sequence[str] = ("",)) -> Value:
        """Enter the units that a nonlinear operator acts on, one for each combination of features that occurs.

        Args:
            values: what it acts on, element by element.
            activation: its name.
            labels: of what the units read of each value.
        """
        if any(value.scores is not None for value in values):
            if len(values) > 1:
                raise ValueError(self.unfit(*SCORES))
            return values[0]
        if all(not value.parts for value in values):
            return constant(self.output, values[0].home)
        together, index = paired(values)
        joint = Value(index, together[0].size, (), values[0].home)
        occurring, rows = joint.dense()
        chosen = [value.selected(rows, occurring.index) for value in together]
        first = next((value.home for value in values if value.home.fresh), values[0].home)
        home = first if len(values) == 1 and first.fresh else self.home(first.unit)
        units = Units.equal(occurring.size)
        entering = [Entering(label, v, units) for label, v in zip(labels, chosen, strict=True) if v.parts]
        index = occurring.index.broadcast_to(self.output.shape)
        return self.population(home, first.unit, activation, index, units.count, 1, entering)

    def population(
        self,
        home: Home,
        unit: str,
        activation: str,
        index: Tensor,
        size: int,
        width: int,
        entering: Sequence[Entering],
        node: Node | None = None,
    ) -> Value:
        """Enter a population, and return what it emits; see `Found`."""
        home = home if home.module else Home(str(self.node.target).split(".")[1], unit)
        return self.walk.enter(node or self.node, home, unit, activation, index, size, width, entering)

    def linear(self, value: Value, outer: LinearMap, axis: int, unit: str, home: Home | None = None) -> Value:
        """Return features that a linear operator makes, the same at every place; they lie along an axis."""
        shape = [1] * self.output.ndim
        shape[axis] = -1
        index = torch.arange(outer.shape[0]).reshape(shape).expand(self.output.shape)
        return value.through(outer, index, home or self.home(unit))


def walked(program: Program, inputs: Any) -> Walk:
    """Walk through a program; numbers of an input that are read alike are one unit.

    Args:
        program: the program.
        inputs: some examples.
    """
    outcomes = outcomes_of(program, inputs)
    walk = Walk(program, outcomes)
    classes = units_of_inputs(walk)
    return Walk(program, outcomes, classes) if classes else walk


def outcomes_of(program: Program, inputs: Any) -> dict[Node, Any]:
    """Return what each operator returns: of what depends on the inputs, the shapes alone."""

    def shape(value: Any) -> Any:
        return torch.empty_like(value, device="meta") if isinstance(value, Tensor) else value

    real = program.leaves(inputs)
    outcomes = {node: shape(value) for node, value in real.items()}
    depends = {node for node, value in real.items() if isinstance(value, Tensor)}
    with torch.no_grad():
        for node in program.steps(real, program.nodes, ()):
            if depends.isdisjoint(node.all_input_nodes):
                outcomes[node] = real[node]
                continue
            outcomes[node] = torch.utils._pytree.tree_map(shape, real[node])
            if isinstance(outcomes[node], Tensor | tuple | list):  # and no size
                depends.add(node)
    return outcomes


def per_feature(index: Tensor, factor: Tensor, size: int) -> NDArray[np.float64]:
    """Return the factor of each feature, with its sign if it is the same everywhere, else the root mean square."""
    factor = factor.detach().cpu().double().broadcast_to(index.shape)
    used, values = (few.flatten() for few in distinct(index, factor))
    values, used = values[used >= 0], used[used >= 0]
    count = torch.bincount(used, minlength=size).clamp(min=1)
    mean = torch.bincount(used, values, size) / count
    square = torch.bincount(used, values**2, size) / count
    varies = (square - mean**2) > 1e-12 * square
    result: NDArray[np.float64] = torch.where(varies, square.sqrt(), mean).numpy()
    return result


def units_of_inputs(walk: Walk) -> dict[Node, IntArray]:
    """Return the unit of each number of each input, from what a walk found to be read alike; none if all are apart."""
    classes = {}
    for source, pairs in walk.same.items():
        found = walk.found[source]
        ones, others = np.concatenate(pairs, axis=1)
        graph = sparse.coo_array((np.ones(len(ones)), (ones, others)), (found.size, found.size))
        _, label = connected_components(graph, directed=False)
        # Units are numbered in the order in which their first numbers stand.
        _, first = np.unique(label, return_index=True)
        order = np.empty(len(first), np.int64)
        order[np.argsort(first)] = np.arange(len(first))
        classes[found.node] = order[label]
    return classes


def _values_in(*arguments: Any) -> list[Value]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(arguments) if isinstance(leaf, Value)]
