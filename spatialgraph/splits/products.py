"""The symmetric matrix of strengths of a large graph, which is not made: products with vectors, and components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..graph.graph import DoubleArray, FloatArray, Graph, IntArray
from ..graph.sums import PIECE, sums_in_thread


@dataclass(frozen=True, eq=False)
class Strengths:
    """The matrix that `strengths.undirected` makes, as the connections it consists of.

    Attributes:
        units: the number of units.
        blocks: the places of the targets, those of the sources, and the weights, ``(targets, sources)``.
    """

    units: int
    blocks: Sequence[tuple[slice, slice, FloatArray]]

    @classmethod
    def of(cls, graph: Graph, populations: Sequence[int] | None = None) -> Strengths:
        """Return the matrix of some populations, their numbers in ascending order; of those that are split if None."""
        place = graph.places(populations)
        blocks = [
            (place[c.target], place[c.source], c.weight)
            for c in graph.connections
            if c.source in place and c.target in place
        ]
        return cls(max(where.stop for where in place.values()), blocks)

    def times(self, vectors: DoubleArray) -> DoubleArray:
        """Return the products of the matrix with vectors, ``(vectors, units)``.

        Example:
            >>> strengths = Strengths(2, [(slice(1, 2), slice(0, 1), np.array([[-3.0]], np.float32))])
            >>> strengths.times(np.array([[1.0, 10.0]])).tolist()
            [[30.0, 3.0]]
        """
        result = np.zeros(vectors.shape)
        for targets, sources, weight in self.blocks:
            received, sent = sums_in_thread(weight, "absolute", vectors[:, sources], vectors[:, targets])
            result[:, targets] += received
            result[:, sources] += sent
        return result

    def components(self) -> IntArray:
        """Return the number of each unit's component, ``(units,)``: that of its first unit.

        Every unit takes the least number of those it is connected with, until none changes.
        """
        number = np.arange(self.units)
        while True:
            before = number.copy()
            for targets, sources, weight in self.blocks:
                _lower(number, targets, sources, weight)
            if np.array_equal(before, number):
                return number


def _lower(number: IntArray, targets: slice, sources: slice, weight: FloatArray) -> None:
    """Lower the numbers of connected units to the least of them, a few rows of weights at a time."""
    rows = max(1, PIECE // weight.shape[1])
    most = len(number)
    for start in range(0, len(weight), rows):
        connected = weight[start : start + rows] != 0
        own = slice(targets.start + start, targets.start + start + len(connected))
        least = np.where(connected, number[sources], most).min(axis=1)
        number[own] = np.minimum(number[own], least)
        least = np.where(connected, number[own][:, None], most).min(axis=0)
        number[sources] = np.minimum(number[sources], least)
