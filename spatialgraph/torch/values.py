"""What is known of each value of a traced program: which features its elements are, and what these read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..graph.graph import IntArray
from .maps import LinearMap, addition, selection

NOTHING = -1
"""The number of the feature of an element that reads no unit: a constant, such as a class token."""

# Numbers up to this are told apart by a mark for each, which is much faster than sorting them.
_MARKED = 2**24


@dataclass(frozen=True, eq=False)
class Part:
    """What the features of a value read of one population.

    Attributes:
        source: the number of the population.
        map: from its elements to the features.
    """

    source: int
    map: LinearMap


@dataclass(frozen=True, eq=False)
class Home:
    """Where the features of a value were made.

    Attributes:
        module: the name of the user's module, by which a population of these features is called.
        unit: what one feature is: ``"neuron"``, ``"channel"``.
        fresh: whether no nonlinearity acted on them yet.
    """

    module: str
    unit: str
    fresh: bool = True


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the program, as the sum of linear maps from populations.

    Attributes:
        index: of the value's shape, int64: the number of the feature that each element is; `NOTHING` for constants.
        size: the number of features.
        parts: what they read, at most one part for each population.
        home: where they were made.
        emits: the number of the population whose elements these are, as they are; None if they are others.
        scores: of attention scores, the two values whose product they are; None of other values.
    """

    index: Tensor
    size: int
    parts: tuple[Part, ...]
    home: Home
    emits: int | None = None
    scores: tuple[Value, Value] | None = None

    @property
    def flows(self) -> bool:
        """Whether it depends on units, be it as attention scores."""
        return bool(self.parts) or self.scores is not None

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", held_once(self.index))

    def reshaped(self, index: Tensor) -> Value:
        """Return the value with its elements in another order, or some of them."""
        return replace(self, index=index)

    def through(self, outer: LinearMap, index: Tensor, home: Home | None = None) -> Value:
        """Return the features that a linear map makes of these."""
        parts = tuple(Part(part.source, part.map.after(outer)) for part in self.parts)
        return Value(index, outer.shape[0], parts, home or self.home)

    def selected(self, rows: IntArray, index: Tensor, home: Home | None = None) -> Value:
        """Return the value with feature ``rows[i]`` for feature i; -1 for one that reads nothing."""
        if len(rows) == self.size and (rows == np.arange(self.size)).all():
            return replace(self, index=index, home=home or self.home)
        return self.through(selection(rows, self.size), index, home)

    def dense(self) -> tuple[Value, IntArray]:
        """Return the value with the features that occur numbered from 0, and their numbers before."""
        (few,) = distinct(self.index)
        occurring, index = _ranked(few, self.size)
        rows = occurring.numpy()
        return self.selected(rows, index.expand(self.index.shape)), rows


def held_once(index: Tensor) -> Tensor:
    """Return an index that holds what is the same all along a dimension once, expanded to its shape.

    Most are the same in all examples and at all places of a grid; what is done with them then takes no time.
    """
    few = index
    for d, size in enumerate(index.shape):
        if size > 1 and (few.stride(d) == 0 or _is_same(few, d)):
            few = few.narrow(d, 0, 1)
    return index if few is index else few.expand(index.shape)


def _is_same(index: Tensor, dim: int) -> bool:
    first = index.narrow(dim, 0, 1)
    # Two slices tell most of them apart.
    return torch.equal(first, index.narrow(dim, 1, 1)) and torch.equal(index, first.expand_as(index))


def distinct(*tensors: Tensor, keep: Sequence[int] = ()) -> list[Tensor]:
    """Return tensors of one shape without the dimensions along which all are the same, which then have size 1.

    Args:
        tensors: as `held_once` makes them.
        keep: dimensions that are left as they are.
    """
    few = list(tensors)
    for d in range(tensors[0].ndim):
        if d not in keep and tensors[0].shape[d] > 1 and all(t.stride(d) == 0 for t in tensors):
            few = [t.narrow(d, 0, 1) for t in few]
    return few


def constant(like: Tensor, home: Home) -> Value:
    """Return a value that reads no unit."""
    return Value(torch.tensor(NOTHING).expand(like.shape), 0, (), home)


def paired(values: Sequence[Value]) -> tuple[list[Value], Tensor]:
    """Number the features of several values together, after broadcasting: one for each combination that occurs.

    Returns:
        the values with the new features, and the index that all of them have.
    """
    first = values[0]
    if all(value.index is first.index and value.size == first.size for value in values):
        return list(values), first.index
    shape = np.broadcast_shapes(*(value.index.shape for value in values))
    few = distinct(*(value.index.broadcast_to(shape) for value in values))
    sizes = [value.size + 1 for value in values]
    code = torch.zeros_like(few[0])
    for index, size in zip(few, sizes, strict=True):
        code = code * size + index + 1
    occurring, index = _ranked(code - 1, math.prod(sizes))
    occurring = occurring + 1
    rows = []
    for size in reversed(sizes):
        rows.append((occurring % size - 1).numpy())
        occurring = occurring // size
    index = index.expand(shape)
    return [value.selected(row, index) for value, row in zip(values, reversed(rows), strict=True)], index


def _ranked(numbers: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the numbers that occur, in ascending order, and the rank of each; `NOTHING` has none and stays."""
    if size > _MARKED:
        occurring, rank = torch.unique(numbers, return_inverse=True)
        nothing = int(len(occurring) > 0 and occurring[0] == NOTHING)
        return occurring[nothing:], rank - nothing
    marks = torch.zeros(size + 1, dtype=torch.bool)
    marks[numbers.flatten() + 1] = True
    marks[0] = False
    rank = marks.cumsum(0) - 1
    rank[0] = NOTHING
    return marks[1:].nonzero().flatten(), rank[numbers + 1]


def added(values: Sequence[Value], home: Home) -> Value:
    """Return the sum of values: the parts of all, those from one population added up."""
    values, index = paired(values)
    size = values[0].size
    sources = dict.fromkeys(part.source for value in values for part in value.parts)
    parts = tuple(
        Part(source, addition([part.map for value in values for part in value.parts if part.source == source]))
        for source in sources
    )
    return Value(index, size, parts, home)


def readings(index: Tensor, axis: int) -> tuple[IntArray, IntArray]:
    """Return which features each place along an axis is, anywhere in the value.

    Returns:
        ``(readings,)``, the places along the axis, and ``(readings,)``, the feature that is read there.
    """
    (few,) = distinct(index, keep=[axis % index.ndim])
    rows = few.movedim(axis, -1).flatten(0, -2)
    places = rows.shape[-1]
    pairs = torch.unique((rows + 1) * places + torch.arange(places))
    features, columns = (pairs // places - 1).numpy(), (pairs % places).numpy()
    order = np.lexsort((features, columns))
    order = order[features[order] >= 0]
    return columns[order], features[order]
