"""Which numbers of a program are the weights of which connection, and how masks multiply them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.fx import Node

from ..faults import NotApplicableError, shown
from ..graph.graph import IntArray
from .maps import LinearMap, Matrix, Units, Weights
from .masked import Replacement, leading_to
from .program import Program, module_of

if TYPE_CHECKING:
    from .captured import Captured

_Place = tuple[Node, tuple[int, ...]]
"""An operator, and the place of an argument, see `Weights`."""


@dataclass(frozen=True, eq=False)
class _Path:
    """A way on which features read elements, through the weights of one operator or none.

    Attributes:
        before: ``(features that the weights read, elements)``, not 0 where one is the other; without weights
            ``(features, elements)``.
        weights: where the weights stand; None if there are none.
        after: ``(features, features that the weights make)``; None without weights.
    """

    before: sparse.csr_array
    weights: Weights | None
    after: sparse.csr_array | None

    def then(self, outer: _Path) -> _Path:
        """Return the way that goes on through another one.

        Raises:
            _ComposedError: both have weights.
        """
        if outer.weights is None:
            if self.weights is None:
                return replace(self, before=outer.before @ self.before)
            return replace(self, after=outer.before @ self.after)
        if self.weights is not None:
            raise _ComposedError([self.weights, outer.weights])
        return replace(outer, before=outer.before @ self.before)


class _ComposedError(Exception):
    """A map is composed of the weights of several operators, which are the argument."""


def _paths(of: LinearMap) -> list[_Path]:
    """Return all ways on which features read elements; those without weights as one.

    Raises:
        _ComposedError: one of them leads through weights twice.
    """
    if of.summands:
        return _without_weights_as_one([path for part in of.summands for path in _paths(part)])
    if of.chain is not None:
        outer, inner = (_paths(part) for part in of.chain)
        return _without_weights_as_one([one.then(other) for one in inner for other in outer])
    if of.weights is not None:
        features, elements = (_pattern(sparse.eye_array(size, format="csr")) for size in of.shape)
        return [_Path(elements, of.weights, features)]
    matrices = [of.moves] if of.moves is not None else [tap.matrix for tap in of.taps()]
    return _without_weights_as_one([_Path(_pattern(matrix), None, None) for matrix in matrices])


def _without_weights_as_one(paths: list[_Path]) -> list[_Path]:
    plain = [path.before for path in paths if path.weights is None]
    total = plain[:1]
    for pattern in plain[1:]:
        total = [total[0] + pattern]
    return [path for path in paths if path.weights is not None] + [_Path(pattern, None, None) for pattern in total]


def _pattern(matrix: Matrix) -> sparse.csr_array:
    """Return 1 for every number of a matrix that is there, also for those that happen to be 0 in a sparse one."""
    pattern = sparse.csr_array(matrix, dtype=np.float32, copy=True)
    pattern.data = np.ones_like(pattern.data)
    return pattern


def _weights_in(of: LinearMap) -> list[Weights]:
    """Return all weights that a map is composed of."""
    found, seen, waiting = list[Weights](), set[int](), [of]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            waiting += [*part.summands, *(part.chain or ())]
            found += [part.weights] if part.weights is not None else []
    return found


@dataclass(frozen=True, eq=False)
class _Owned:
    """The weights of an operator that belong to one connection.

    Attributes:
        weights: where they stand.
        rows: ``(features that are made,)``, the target's unit of each, -1 for none.
        columns: ``(features that are read,)``, the source's unit of each, -1 for none.
    """

    weights: Weights
    rows: IntArray
    columns: IntArray

    def shares(self, other: _Owned) -> bool:
        """Return whether a weight is also of another connection through the same operator."""
        rows, columns = (self.rows >= 0) & (other.rows >= 0), (self.columns >= 0) & (other.columns >= 0)
        return bool(rows.any() and columns.any())

    def differs(self, other: _Owned) -> bool:
        """Return whether a weight is of other units on another way of the same connection."""
        return self.shares(other) and not (
            np.array_equal(self.rows, other.rows) and np.array_equal(self.columns, other.columns)
        )

    @property
    def place(self) -> _Place:
        """Where the weights stand."""
        return self.weights.node, self.weights.argument

    @cached_property
    def units(self) -> tuple[Tensor, Tensor]:
        """The target's and the source's unit of each weight, -1 for none, of a shape that is broadcast to theirs."""
        return torch.from_numpy(self.rows[self.weights.rows]), torch.from_numpy(self.columns[self.weights.columns])

    def factor(self, keep: Tensor) -> Tensor:
        """Return what the weights are multiplied by, of their shape or one that is broadcast to it.

        Args:
            keep: ``(target units, source units)``.
        """
        target, source = (of.to(keep.device) for of in self.units)
        return torch.where((target >= 0) & (source >= 0), keep[target, source], 1.0)  # -1 is a unit, but not taken


class ConnectionWeights:
    """The weights of the connections of a captured model.

    A connection has weights of its own if each of its weights stands in one operator, whose numbers are of no other
    connection: then a mask of the connection can multiply them. Pooling, reshaping and factors for each feature, such
    as those of batch norms, may stand before and after.

    Args:
        captured: the model.

    Attributes:
        maps: for each connection of the graph, its linear map, the units of its features and those of its elements.
    """

    def __init__(self, captured: Captured) -> None:
        self._graph, self._program = captured.graph, captured.program
        self.maps: list[tuple[LinearMap, Units, Units]] = []
        for of in captured.found:
            for entering in of.entering:
                for part in entering.value.parts:
                    source = captured.found[part.source]
                    self.maps.append((part.map, entering.units, Units.equal(source.size, source.width)))
        self._found: dict[int, tuple[_Owned, ...] | NotApplicableError] = {}
        self._owned: dict[int, tuple[_Owned, ...]] = {}

    def owned(self, number: int) -> tuple[_Owned, ...]:
        """Return the weights of a connection, by operators; none if it has no weights, as a shortcut.

        Raises:
            NotApplicableError: it is composed of the weights of several operators, or they are of another one too.
        """
        if number not in self._owned:
            owned = self._of(number)
            if isinstance(owned, NotApplicableError):
                raise owned
            for place in dict.fromkeys(own.place for own in owned):
                self._require_alone(number, [own for own in owned if own.place == place])
            self._owned[number] = owned
        return self._owned[number]

    def _of(self, number: int) -> tuple[_Owned, ...] | NotApplicableError:
        """Return the weights of a connection, whether or not they are of others too; or why they are not known."""
        if number not in self._found:
            try:
                self._found[number] = self._find(number)
            except NotApplicableError as refused:
                self._found[number] = refused
        return self._found[number]

    def _find(self, number: int) -> tuple[_Owned, ...]:
        """Return the weights of a connection, whether or not they are of others too.

        Raises:
            NotApplicableError: it is composed.
        """
        of, rows, columns = self.maps[number]
        try:
            paths = _paths(of)
        except _ComposedError as composed:
            first, second = (shown(_module(weights)) for weights in composed.args[0])
            raise self._refused(number, f"one that is composed of the weights of {first} and {second}") from None
        if len(paths) > 1 and paths[-1].weights is None:
            raise self._refused(number, "one that adds a shortcut without weights to them")
        owned = list[_Owned]()
        for path in paths:
            if path.weights is None or path.after is None:
                continue
            if path.weights.node is None:
                raise self._refused(number, "one whose weights an operator of your own does not tell")
            made, read = _single(rows.sums().T @ path.after), _single((path.before @ columns.sums()).T)
            if made is None or read is None:
                raise self._refused(number, f"one in which units share the weights of {shown(_module(path.weights))}")
            owned.append(_Owned(path.weights, made, read))
        return tuple(owned)

    def _require_alone(self, number: int, owned: Sequence[_Owned]) -> None:
        """Raise NotApplicableError if another connection, or another way of this one, has the same weights.

        Args:
            number: of the connection.
            owned: its weights in one argument of an operator.
        """
        place = owned[0].place
        name = shown(_module(owned[0].weights))
        if any(owned[0].differs(other) for other in owned[1:]):
            raise self._refused(number, f"one in which units share the weights of {name}")
        tied = [other for other in self._users if other != place and self._is_tied(place, other)]
        others = [other for of in tied for other in self._users[of]]
        others += [other for other in self._users[place] if other != number and self._shares(other, owned)]
        if others:
            raise self._refused(number, f"one that shares the weights of {name} with {self._named(others[0])}")

    def _shares(self, number: int, owned: Sequence[_Owned]) -> bool:
        """Return whether a connection has some weights too; a composed one is taken to have all that it uses."""
        found = self._of(number)
        if isinstance(found, NotApplicableError):
            return True
        return any(one.place == other.place and one.shares(other) for one in owned for other in found)

    @cached_property
    def _users(self) -> dict[_Place, list[int]]:
        """The connections that the weights in each argument of an operator are in."""
        users: dict[_Place, list[int]] = {}
        for number, (of, _, _) in enumerate(self.maps):
            for place in dict.fromkeys((w.node, w.argument) for w in _weights_in(of) if w.node is not None):
                users.setdefault(place, []).append(number)
        return users

    def _is_tied(self, *places: _Place) -> bool:
        """Return whether two arguments hold a parameter's same numbers."""
        nodes = [_argument(*place) for place in places]
        if nodes[0] is nodes[1]:
            return True
        parameters = [leading_to([node]) & self._program.fixed.keys() for node in nodes]
        if not parameters[0] & parameters[1]:
            return False
        one, other = (_numbers_in(self._program, node, parameters[0] & parameters[1]) for node in nodes)
        return len(np.intersect1d(one, other)) > 0

    def _named(self, number: int) -> str:
        c = self._graph.connections[number]
        label = f" ({c.label})" if c.label else ""
        return (
            f"{shown(self._graph.populations[c.source].name)} → {shown(self._graph.populations[c.target].name)}{label}"
        )

    def _refused(self, number: int, found: str) -> NotApplicableError:
        return NotApplicableError(
            f"connection {self._named(number)} of network {self._graph.name!r}: expected weights of its own in one "
            f"operator, found {found}; split populations without it, or mask units"
        )

    # Masks

    def nodes(self, numbers: Iterable[int]) -> frozenset[Node]:
        """Return the operators that masks of some connections change."""
        return frozenset(own.weights.node for number in numbers for own in self.owned(number))

    def instead(self, keep: Mapping[int, Tensor]) -> dict[Node, Replacement]:
        """Return what is run in place of operators: the same with masked weights.

        Args:
            keep: number of a connection to ``(target units, source units)``, what its weights are multiplied by.
        """
        factors: dict[Node, dict[tuple[int, ...], Tensor]] = {}
        for number, values in keep.items():
            for own in self.owned(number):
                of_node, place = factors.setdefault(own.weights.node, {}), own.weights.argument
                factor = own.factor(values)
                of_node[place] = of_node[place] * factor if place in of_node else factor
        return {node: self._multiplied(node, of) for node, of in factors.items()}

    def _multiplied(self, node: Node, factors: Mapping[tuple[int, ...], Tensor]) -> Replacement:
        def run(values: Mapping[Node, Any]) -> Any:
            given, named = self._program.arguments(node, values)
            arguments = list(given)
            for (first, *rest), factor in factors.items():
                if not rest:
                    arguments[first] = arguments[first] * factor.to(arguments[first].dtype)
                    continue
                several = list(arguments[first])
                several[rest[0]] = several[rest[0]] * factor.to(several[rest[0]].dtype)
                arguments[first] = several
            # Recurrent layers of cuDNN have no derivatives in evaluation mode.
            recurrent = any(len(place) > 1 for place in factors)
            with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
                return node.target(*arguments, **named)  # type: ignore[operator]

        return run


def _single(matrix: sparse.csr_array) -> IntArray | None:
    """Return the row of each column that is not 0, -1 if there is none; None if a column has several rows."""
    columns = sparse.csc_array(matrix)
    columns.sum_duplicates()
    counts = np.diff(columns.indptr)
    if counts.max(initial=0) > 1:
        return None
    result = np.full(len(counts), -1, np.int64)
    result[counts == 1] = columns.indices
    return result


def _module(weights: Weights) -> str:
    """Return the name of the module that has some weights, for messages."""
    return "an operator of your own" if weights.node is None else module_of(weights.node) or weights.node.name


def _argument(node: Node, place: tuple[int, ...]) -> Node:
    """Return what makes an argument of an operator."""
    argument: Any = node.args
    for number in place:
        argument = argument[number]
    found: Node = argument
    return found


def _numbers_in(program: Program, node: Node, parameters: Iterable[Node]) -> NDArray[np.float64]:
    """Return which numbers of some parameters an operator that depends on no input returns."""
    counted, start = dict(program.fixed), 0
    for parameter in sorted(parameters, key=lambda p: p.name):
        value = program.fixed[parameter]
        counted[parameter] = torch.arange(start, start + value.numel(), dtype=torch.float64).reshape(value.shape)
        start += value.numel()
    before = leading_to([node])
    with torch.no_grad():
        made = replace(program, fixed=counted).run({}, [n for n in program.nodes if n in before], {node})[node]
    found: NDArray[np.float64] = made.double().flatten().numpy()
    return found
