r"""Strengths of connections that are composed of many linear maps; all that one population reads are made together.

Layers that read a stream of convolutions see what enters it through many places: two stages of ConvNeXt later through
784. The products of the maps are made from the reader on, once for all sources behind them,

.. math:: s_{fe}^2 = \sum_t (z_{tf} \cdot w_e)^2,

z_tf row f of the maps between at place t, and w_e what the source's unit e enters there. Where there are far more
places than numbers in a row, as many rows R_f take their place: R_fᵀ R_f = Σ_t z_tfᵀ z_tf gives the same sums.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..graph.graph import DoubleArray, FloatArray
from .maps import LinearMap, Matrix, Tap, Units, multiplied, product

# How many numbers the rows that are made at a time have altogether.
_AT_ONCE = 2**24


@dataclass(frozen=True, eq=False)
class _Step:
    """One of the maps that a map is composed of.

    Attributes:
        map: the map.
        key: equal for those that do the same.
        taps: where its taps read; without their matrices, which are made when they are needed.
    """

    map: LinearMap
    key: Hashable
    taps: tuple[Tap, ...]

    @classmethod
    def of(cls, part: LinearMap) -> _Step:
        """Make the step of a map that is not composed."""
        key: Hashable = id(part)
        if part.moves is not None:
            key = (part.shape, *(of.tobytes() for of in (part.moves.data, part.moves.indices, part.moves.indptr)))
        return cls(part, key, tuple(Tap(tap.offset, tap.place, list) for tap in part.taps()))

    def matrices(self) -> list[Matrix]:
        """Return the matrix of each tap, ``(features, elements)``."""
        made = [tap.matrix for tap in self.map.taps()]
        return [np.ascontiguousarray(m) if isinstance(m, np.ndarray) else m for m in made]


@dataclass(frozen=True, eq=False)
class Source:
    """A source of a population.

    Attributes:
        steps: the maps between, from the population on, but for the last.
        ends: the linear operator that reads the source, and the factors around it.
        columns: the source's unit of each element.
    """

    steps: tuple[_Step, ...]
    ends: tuple[_Step, ...]
    columns: Units

    def matrices(self) -> list[FloatArray]:
        """Return the matrix of each tap of the last maps, ``(features, elements)``."""
        made = self.ends[0].matrices()
        for step in self.ends[1:]:
            made = [product(outer, inner) for outer in made for inner in step.matrices()]
        return [m if isinstance(m, np.ndarray) else m.toarray() for m in made]

    @property
    def most(self) -> int:
        """How many numbers the rows of one feature have at most, at all places together."""
        places, numbers = 1, [1]
        for step in self.steps:
            places, width = places * len(step.taps), step.map.shape[1]
            places = width if _are_many(places, width) else places
            numbers.append(places * width)
        return max(numbers)


class Readers:
    """What one population reads of several sources, each through three linear operators or more.

    Args:
        rows: the population's unit of each feature that is read.

    Attributes:
        sources: those that were added.
    """

    def __init__(self, rows: Units) -> None:
        self.sources: list[Source] = []
        self._rows = rows
        self._steps: dict[int, _Step] = {}

    def add(self, of: LinearMap, columns: Units) -> bool:
        """Add a source that is read at several places, none of which two taps read, through three operators or more.

        Args:
            of: the map from the source's elements to the features.
            columns: the source's unit of each element.

        Returns:
            whether it was added; products of the maps one after the other make the strengths of others as well.
        """
        parts = _parts(of)
        solid = [number for number, part in enumerate(parts) if part.moves is None]
        if len(solid) < 3 or sparse.issparse(parts[solid[0]].make()[0].matrix):
            return False
        for part in parts:
            self._steps.setdefault(id(part), _Step.of(part))
        steps = tuple(self._steps[id(part)] for part in parts)
        if len(steps[solid[0]].taps) > 1 or all(len(step.taps) == 1 for step in steps) or not _are_apart(steps):
            return False
        last = solid[-2] + 1
        self.sources.append(Source(steps[:last], steps[last:], columns))
        return True

    def some(self, place: int, most: int) -> Sequence[Source]:
        """Return the sources from a place on, as many as have strengths of at most so many numbers, at least one."""
        sizes = np.cumsum([self._rows.count * source.columns.count for source in self.sources[place:]])
        return self.sources[place : place + max(1, int(np.count_nonzero(sizes <= most)))]

    def strengths(self, sources: Sequence[Source]) -> list[FloatArray]:
        """Return the strengths of the connections with some sources, see `LinearMap.strength`.

        Returns:
            for each source ``(target units, source units)``.
        """
        squares = [np.zeros((self._rows.count, source.columns.count), np.float32) for source in sources]
        features, units, run = len(self._rows.of), self._rows.sums().T.tocsc(), _Run(sources)
        each, size = sparse.eye_array(features, dtype=np.float32, format="csr"), _at_once(sources)
        for start in range(0, features, size):
            here = slice(start, start + size)
            for number, some in run.squares([each[here]], 0, range(len(sources))):
                squares[number] += units[:, here] @ some
        return [np.sqrt(total, out=total) for total in squares]


class _Run:
    """The way from some features of a population to several sources.

    Args:
        sources: the sources.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        different = {step.key: step for source in sources for step in source.steps}
        self._matrices = {key: step.matrices() for key, step in different.items()}
        self._ends = [source.matrices() for source in sources]

    def squares(self, rows: list[Matrix], depth: int, numbers: Sequence[int]) -> Iterator[tuple[int, FloatArray]]:
        """Yield the squared strengths of some features.

        Args:
            rows: for each place ``(features, width)``, the products of the first maps.
            depth: how many maps these are.
            numbers: the sources that they are the same for.

        Yields:
            the number of a source, and ``(features, source units)``.
        """
        further: dict[Hashable, list[int]] = {}
        for number in numbers:
            steps = self._sources[number].steps
            if depth == len(steps):
                yield number, self._ended(rows, number)
            else:
                further.setdefault(steps[depth].key, []).append(number)
        for key, some in further.items():
            yield from self.squares(_multiplied(rows, self._matrices[key]), depth + 1, some)

    def _ended(self, rows: list[Matrix], number: int) -> FloatArray:
        """Return the squared strengths of some features with a source, ``(features, source units)``."""
        ends, columns = self._ends[number], self._sources[number].columns
        total = np.zeros((rows[0].shape[0], ends[0].shape[1]), ends[0].dtype)
        made = np.empty_like(total)
        for row in rows:
            for matrix in ends:
                np.matmul(row, matrix, out=made)
                total += np.square(made, out=made)
        return total if columns.single else total @ columns.sums()


def _at_once(sources: Sequence[Source]) -> int:
    """Return how many features' rows are made at a time."""
    return max(1, min(_AT_ONCE // source.most for source in sources))


def _parts(of: LinearMap) -> list[LinearMap]:
    """Return the maps that a map is composed of, from the outermost on."""
    return [of] if of.chain is None else [part for half in of.chain for part in _parts(half)]


def _are_apart(steps: Sequence[_Step]) -> bool:
    """Return whether every combination of taps reads a place of its own, so that none are added up."""
    reached: list[Tap] = [Tap((), (), list)]
    stride: tuple[int, ...] = ()
    for step in reversed(steps):
        if len(step.taps) > 1:
            reached = [inner.after(tap, stride) for tap in step.taps for inner in reached]
        stride = multiplied(step.map.stride, stride)
    return len({tap.key for tap in reached}) == len(reached)


def _are_many(places: int, width: int) -> bool:
    """Return whether there are so many places that it is worth while to replace their rows."""
    return places >= 2 * width


def _multiplied(rows: Sequence[Matrix], taps: Sequence[Matrix]) -> list[Matrix]:
    """Return the products of rows with the next map, for all places that are read; or fewer that have the same norms.

    Args:
        rows: for each place ``(features, width)``.
        taps: the matrix of each tap of the next map, ``(width, next width)``.
    """
    width = taps[0].shape[1]
    if not _are_many(len(rows) * len(taps), width):
        return [product(row, matrix) for row in rows for matrix in taps]
    fewer = np.empty((width, rows[0].shape[0], width), rows[0].dtype)
    for feature in range(rows[0].shape[0]):
        of_places, square = np.stack([row[feature] for row in rows]), np.zeros((width, width))
        for matrix in taps:
            made = np.asarray(product(of_places, matrix), np.float64)
            square += made.T @ made
        fewer[:, feature] = _root(square)
    return list(fewer)


def _root(square: DoubleArray) -> DoubleArray:
    """Return a matrix R with RᵀR equal to a symmetric matrix without negative eigenvalues."""
    root: DoubleArray
    try:
        root = np.asarray(np.linalg.cholesky(square).T, np.float64)
    except np.linalg.LinAlgError:  # some eigenvalues are 0
        values, vectors = np.linalg.eigh(square)
        root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    return root
