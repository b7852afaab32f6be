"""Linear maps between the elements of a population and the features of a value, composed when they are looked at.

A *feature* is what a linear operator computes once and applies at every place: an output of a dense layer, a channel of
a convolution. An *element* is one of the numbers that a unit emits at a place: one for a neuron or a channel, as many
as it has dimensions for an attention head. A map has one matrix for each *tap*: the taps of a convolution's kernel, or
the places that a dense layer reads after a flatten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..graph.graph import BoolArray, FloatArray, IntArray

Matrix = Any
"""A matrix, dense (NumPy) or sparse (SciPy): products of the two kinds are what is needed of them."""


@dataclass(frozen=True, eq=False)
class Units:
    """Which unit each feature or element belongs to.

    Attributes:
        of: ``(members,)``, the number of the unit, -1 for what belongs to none.
        count: the number of units.
    """

    of: IntArray
    count: int

    @classmethod
    def equal(cls, count: int, width: int = 1) -> Units:
        """Make units of so many members each, one after the other."""
        return cls(np.repeat(np.arange(count), width), count)

    @property
    def most(self) -> int:
        """The largest number of members of a unit."""
        return int(np.bincount(self.of[self.of >= 0]).max(initial=0))

    @property
    def single(self) -> bool:
        """Whether each member is the unit of its number."""
        return len(self.of) == self.count and np.array_equal(self.of, np.arange(self.count))

    def sums(self) -> sparse.csr_array:
        """Return the matrix that adds up the members of each unit, ``(members, units)``."""
        here = np.flatnonzero(self.of >= 0)
        shape = (len(self.of), self.count)
        return sparse.csr_array((np.ones(len(here), np.float32), (here, self.of[here])), shape)


@dataclass(frozen=True, eq=False)
class Tap:
    """The part of a linear map that reads one place.

    Attributes:
        offset: how far that place is from the one that is computed, in steps of the source's grid; missing coordinates
            are 0.
        place: tells apart places that have no offset, such as those that a dense layer reads after a flatten.
        make: returns the matrix, ``(features, elements)``.
    """

    offset: tuple[int, ...]
    place: tuple[int, ...]
    make: Callable[[], Matrix]

    @property
    def matrix(self) -> Matrix:
        """The matrix, ``(features, elements)``, made now."""
        return self.make()

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What tells it apart: two taps with equal keys read the same numbers."""
        offset = self.offset
        while offset and not offset[-1]:
            offset = offset[:-1]
        return offset, self.place

    def held(self) -> Tap:
        """Return the tap with its matrix made, for whoever needs it several times."""
        matrix = self.matrix
        return replace(self, make=lambda: matrix)

    def after(self, outer: Tap, stride: Iterable[int]) -> Tap:
        """Return what a tap of another map reads through this one, whose grid has a stride on the source's."""
        offset = _moved(outer.offset, stride, self.offset)
        return Tap(offset, outer.place + self.place, lambda: product(outer.matrix, self.matrix))


@dataclass(frozen=True, eq=False)
class Weights:
    """Where the numbers of a linear map stand in a program: in an argument of an operator, which is constant.

    Attributes:
        node: the operator; None if it is not known where they stand.
        argument: the place of the argument; in a list of arguments, that of the list and the place in it.
        rows: the feature that is made by each number, of a shape that is broadcast to the argument's.
        columns: the feature that is read by each number, as `rows`.
    """

    node: Any
    argument: tuple[int, ...]
    rows: IntArray
    columns: IntArray


SOMEWHERE = Weights(None, (), np.empty(0, np.int64), np.empty(0, np.int64))
"""The weights of an operator of one's own."""


def weights_of_matrix(node: Any, argument: tuple[int, ...], shape: Sequence[int], *, turned: bool = False) -> Weights:
    """Return where the numbers of a matrix stand, or of one for each slice, whose features lie beside each other.

    Args:
        node: the operator.
        argument: the place of the argument.
        shape: ``(..., features, features that are read)``.
        turned: whether the last two dimensions are the other way round in the argument.
    """
    *lead, out, within = shape
    count = math.prod(lead)
    rows = np.arange(count * out).reshape(*lead, out, 1)
    columns = np.arange(count * within).reshape(*lead, 1, within)
    return Weights(node, argument, *(of.swapaxes(-1, -2) if turned else of for of in (rows, columns)))


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A linear map from the elements of a population to features, made when it is asked for.

    Attributes:
        shape: ``(features, elements)``.
        make: returns the taps, always the same.
        support: ``(features,)``, False for features that are known to read nothing.
        stride: how many steps of the source's grid one step of the features' grid is, for each dimension of the grid;
            missing ones are 1.
        moves: the matrix of a map that only takes elements, each times a factor, and is therefore held; None of others.
        chain: the two maps that it is composed of, the outer one first; None if it is not.
        summands: the maps that it is the sum of; none if it is no sum.
        weights: where its numbers stand in the program; None of a map whose numbers are no parameters.
        changes: False for the map that leaves everything as it is.
    """

    shape: tuple[int, int]
    make: Callable[[], Sequence[Tap]]
    support: BoolArray
    stride: tuple[int, ...] = ()
    moves: sparse.csr_array | None = None
    chain: tuple[LinearMap, LinearMap] | None = None
    summands: tuple[LinearMap, ...] = ()
    weights: Weights | None = None
    changes: bool = True

    def taps(self) -> list[Tap]:
        """Return the taps, those that read the same place as one; their matrices are made when they are looked at."""
        together: dict[Any, list[Tap]] = {}
        for tap in self.make():
            together.setdefault(tap.key, []).append(tap)
        return [taps[0] if len(taps) == 1 else _added(taps) for taps in together.values()]

    def after(self, outer: LinearMap) -> LinearMap:
        """Return the map that applies `outer` to the features of this one."""
        if not self.changes:
            return outer
        stride = multiplied(outer.stride, self.stride)
        if outer.moves is not None and self.moves is not None:
            return replace(moving(outer.moves @ self.moves), stride=stride)
        # Factors and selections, of which deep networks have hundreds, are multiplied with what is next to them: that
        # is cheap, and of queries, keys and values that one layer makes, each is then made alone.
        if self.chain is not None and (self.chain[0].moves is not None or outer.moves is not None):
            return self.chain[1].after(self.chain[0].after(outer))
        support = outer.support if outer.moves is None else abs(outer.moves) @ self.support > 0

        def make() -> list[Tap]:
            inner, after = self.taps(), outer.taps()
            # A matrix that is multiplied by several is made once; of a single one, none is held longer than needed.
            inner = [tap.held() for tap in inner] if len(after) > 1 else inner
            after = [tap.held() for tap in after] if len(inner) > 1 else after
            return [within.after(tap, self.stride) for tap in after for within in inner]

        return LinearMap((outer.shape[0], self.shape[1]), make, support, stride, chain=(outer, self))

    def coarser(self, steps: Sequence[int]) -> LinearMap:
        """Return the map to features on a coarser grid, of whose places one is so many steps, as pooling makes it."""
        chain = (self.chain[0].coarser(steps), self.chain[1]) if self.chain else None
        return replace(self, stride=multiplied(steps, self.stride), chain=chain, changes=True)

    def apart(self) -> LinearMap:
        """Return the map with taps that read the same place as no tap of another map."""

        def make() -> list[Tap]:
            return [Tap((), (number,), tap.make) for number, tap in enumerate(self.taps())]

        return LinearMap(self.shape, make, self.support, weights=self.weights)

    def strength(self, rows: Units, columns: Units) -> FloatArray:
        r"""Return the strength of the connection between every two units.

        .. math:: s_{iu} = \Big(\sum_{\text{taps}} \sum_{f \in i, e \in u} M_{fe}^2\Big)^{1/2}

        the Frobenius norm of the block of the map between the two. Where a block is one number, it is returned with its
        sign.

        Args:
            rows: the unit of each feature.
            columns: the unit of each element.

        Returns:
            ``(target units, source units)``.
        """
        taps = self.taps()
        if len(taps) == 1 and max(rows.most, columns.most) == 1:
            return _by_units(taps[0].matrix, rows, columns)
        total = np.zeros((rows.count, columns.count), np.float32)
        for tap in taps:
            matrix = tap.matrix
            squares = matrix.multiply(matrix) if sparse.issparse(matrix) else np.square(matrix)
            del matrix
            total += _by_units(squares, rows, columns)
        return np.sqrt(total, out=total)


def identity(size: int) -> LinearMap:
    """Return the map that leaves everything as it is."""
    return replace(moving(sparse.eye_array(size, dtype=np.float32, format="csr")), changes=False)


def moving(matrix: sparse.csr_array) -> LinearMap:
    """Return the map that takes elements, each times a factor: ``(features, elements)``."""
    return LinearMap(matrix.shape, lambda: (Tap((), (), lambda: matrix),), np.diff(matrix.indptr) > 0, moves=matrix)


def matrix_map(matrix: Matrix, weights: Weights | None = SOMEWHERE) -> LinearMap:
    """Return the map that is one matrix, ``(features, elements)``, and whose numbers are weights, or None."""
    there = np.ones(matrix.shape[0], np.bool_)
    return LinearMap(matrix.shape, lambda: (Tap((), (), lambda: matrix),), there, weights=weights)


def scaling(factors: NDArray[Any]) -> LinearMap:
    """Return the map that multiplies each feature by a factor, ``(features,)``."""
    return moving(sparse.diags_array(factors, format="csr"))


def selection(rows: IntArray, size: int) -> LinearMap:
    """Return the map that takes features ``rows`` of ``size``; -1 is a feature that nothing leads to."""
    here = np.flatnonzero(rows >= 0)
    return moving(sparse.csr_array((np.ones(len(here), np.float32), (here, rows[here])), (len(rows), size)))


def addition(maps: Sequence[LinearMap]) -> LinearMap:
    """Return the sum of maps of the same shape."""
    if len(maps) == 1:
        return maps[0]
    held = [m.moves for m in maps if m.moves is not None]
    if len(held) == len(maps):
        total = held[0]
        for moves in held[1:]:
            total = total + moves
        return replace(moving(total), stride=maps[0].stride)
    stride = tuple(max(steps) for steps in zip_longest(*(m.stride for m in maps), fillvalue=1))
    support = np.logical_or.reduce([m.support for m in maps])

    def make() -> list[Tap]:
        return [tap for part in maps for tap in part.make()]

    return LinearMap(maps[0].shape, make, support, stride, summands=tuple(maps))


def read_at(inner: LinearMap, columns: IntArray, features: IntArray, count: int) -> LinearMap:
    """Return what is read at the places along an axis of a value, some of which are several features.

    A feature that is read at several places is read through one tap for each. A place that is one feature in some
    examples, or at some positions, and another elsewhere reads the mean of those that lead to an element at all.

    Args:
        inner: what the features read.
        columns: the place of each reading, ``(readings,)``.
        features: the feature that is read there, ``(readings,)``.
        count: the number of places.
    """
    size, occurrence = inner.shape[0], _occurrence(features)
    several = len(columns) != len(np.unique(columns))
    if not several and not occurrence.any():
        rows = np.full(count, -1)
        rows[columns] = features
        return inner if np.array_equal(rows, np.arange(size)) else inner.after(selection(rows, size))
    readings = [
        sparse.csr_array((np.ones(np.count_nonzero(here), np.float32), (columns[here], features[here])), (count, size))
        for here in (occurrence == number for number in range(occurrence.max() + 1))
    ]
    if several:
        readings = [_mean_of_support(reading, inner.support) for reading in readings]
    if several and inner.moves is not None and len(readings) == 1:
        return moving(_mean_of_elements(readings[0], inner.moves))
    if len(readings) == 1:
        return inner.after(moving(readings[0]))
    taps = [Tap((), (number,), _given(reading)) for number, reading in enumerate(readings)]
    return inner.after(LinearMap((count, size), lambda: taps, np.ones(count, np.bool_)))


def _mean_of_support(reading: sparse.csr_array, support: BoolArray) -> sparse.csr_array:
    """Return the readings of features that read something, divided by how many of them a place has."""
    reading = (reading @ sparse.diags_array(support.astype(np.float32))).tocsr()
    reading.eliminate_zeros()
    counts = np.maximum(np.diff(reading.indptr), 1)
    return (sparse.diags_array((1 / counts).astype(np.float32)) @ reading).tocsr()


def _mean_of_elements(reading: sparse.csr_array, moves: sparse.csr_array) -> sparse.csr_array:
    """Return the mean of what lead to each element, over the features of a place that do."""
    ones = reading.copy()
    ones.data[:] = 1
    there = moves.copy()
    there.data[:] = 1
    total, counts = (ones @ moves).tocsr(), (ones @ there).tocsr()
    for matrix in (total, counts):
        matrix.sort_indices()
    total.data = total.data / counts.data
    return total


def kernel_map(
    kernel: NDArray[Any],
    *,
    groups: int = 1,
    stride: Sequence[int] = (),
    dilation: Sequence[int] = (),
    padding: Sequence[int] = (),
    weights: Weights | None = SOMEWHERE,
) -> LinearMap:
    """Return the map of a convolution between channels: a tap for each tap of its kernel.

    Args:
        kernel: ``(channels out, channels in / groups, *grid)``.
        groups: the number of groups of channels that are convolved apart.
        stride: steps of the grid between two places that are computed.
        dilation: steps of the grid between two taps.
        padding: places before the first.
        weights: where the kernel stands in the program.
    """

    def make() -> list[Tap]:
        taps = []
        for step in np.ndindex(*kernel.shape[2:]):
            offset = tuple(s * d - p for s, d, p in zip(step, dilation, padding, strict=True))
            taps.append(Tap(offset, (), _given(_grouped(kernel[(..., *step)], groups))))
        return taps

    shape = (kernel.shape[0], kernel.shape[1] * groups)
    return LinearMap(shape, make, np.ones(shape[0], np.bool_), tuple(stride), weights=weights)


def _grouped(matrix: NDArray[Any], groups: int) -> Matrix:
    """Return the matrix of a grouped convolution's tap, ``(channels out, channels in)``, sparse if there are groups."""
    if groups == 1:
        return matrix
    out, within = matrix.shape
    rows = np.repeat(np.arange(out), within)
    columns = np.arange(out)[:, None] // (out // groups) * within + np.arange(within)
    return sparse.csr_array((matrix.ravel(), (rows, columns.ravel())), (out, within * groups))


def multiplied(outer: Iterable[int], inner: Iterable[int]) -> tuple[int, ...]:
    """Return the stride of one grid on another, seen through a third; missing ones are 1."""
    return tuple(a * b for a, b in zip_longest(outer, inner, fillvalue=1))


def _moved(outer: Iterable[int], stride: Iterable[int], inner: Iterable[int]) -> tuple[int, ...]:
    """Return the offset of a tap seen through another, on the grid of the inner one's source."""
    steps = [o * s for o, s in zip_longest(outer, stride, fillvalue=None) if o is not None for s in (s or 1,)]
    return tuple(a + b for a, b in zip_longest(steps, inner, fillvalue=0))


def _occurrence(values: IntArray) -> IntArray:
    """Return how often each value came before: ``[3, 5, 3]`` becomes ``[0, 0, 1]``."""
    order = np.argsort(values, kind="stable")
    arranged = values[order]
    starts = np.flatnonzero(np.r_[True, arranged[1:] != arranged[:-1]]) if len(values) else np.zeros(0, int)
    counts = np.arange(len(values)) - np.repeat(starts, np.diff(np.r_[starts, len(values)]))
    result = np.empty(len(values), np.int64)
    result[order] = counts
    return result


def product(one: Matrix, other: Matrix) -> Matrix:
    """Return the product of two matrices; of a dense one and a selection, by taking columns."""
    if sparse.issparse(one) or not sparse.issparse(other):
        return one @ other
    counts = np.diff(other.indptr)
    if counts.max(initial=0) > 1 or np.bincount(other.indices, minlength=1).max() > 1:
        return one @ other
    result = np.zeros((len(one), other.shape[1]), one.dtype)
    taken = one[:, counts > 0]
    result[:, other.indices] = taken if (other.data == 1).all() else taken * other.data
    return result


def _added(taps: Sequence[Tap]) -> Tap:
    """Return the sum of taps that read the same place."""

    def make() -> Matrix:
        total = taps[0].matrix
        for tap in taps[1:]:
            total = total + tap.matrix
        return total

    return replace(taps[0], make=make)


def _given(matrix: Matrix) -> Callable[[], Matrix]:
    return lambda: matrix


def _by_units(matrix: Matrix, rows: Units, columns: Units) -> FloatArray:
    """Add up the numbers of each block, ``(features, elements)`` to ``(rows' units, columns' units)``."""
    if not rows.single:
        matrix = rows.sums().T.tocsr() @ matrix
    if not columns.single:
        matrix = matrix @ columns.sums()
    return np.ascontiguousarray(matrix.toarray() if sparse.issparse(matrix) else matrix, np.float32)
