"""Sums over the weights of a connection, which are read in pieces that stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from ..threads import one_product_thread
from .graph import DoubleArray, FloatArray, Graph

PIECE = 1 << 16
"""Weights that are summed at a time: half a megabyte as float64, about what a core's own cache holds."""

Quantity = Literal["absolute", "positive", "negative", "squared", "present"]
"""What is summed of a weight w: |w|, max(w, 0), max(−w, 0), w², or 1 where w is not 0."""


def _negative(weight: FloatArray, out: DoubleArray) -> None:
    np.minimum(weight, 0, out=out)
    np.negative(out, out=out)


_QUANTITIES: dict[Quantity, Callable[[FloatArray, DoubleArray], Any]] = {
    "absolute": lambda weight, out: np.abs(weight, out=out),
    "positive": lambda weight, out: np.maximum(weight, 0, out=out),
    "negative": _negative,
    "squared": lambda weight, out: np.square(weight, out=out, dtype=np.float64),
    "present": lambda weight, out: np.not_equal(weight, 0, out=out),
}


def weighted_sums(
    weight: FloatArray, of: Quantity, sources: DoubleArray, targets: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Sum a quantity of the weights over sources and over targets, in one pass.

    received_ai = Σ_j q_ij x_aj  and  sent_bj = Σ_i y_bi q_ij,  q the quantity of each weight.

    Args:
        weight: ``(target units, source units)``.
        of: the quantity.
        sources: x, ``(a, source units)``, for example which neurons are of each community.
        targets: y, ``(b, target units)``.

    Returns:
        received, ``(a, target units)``, and sent, ``(b, source units)``.

    Example:
        >>> weight = np.array([[3.0, -1.0], [0.0, 2.0]], np.float32)
        >>> received, sent = weighted_sums(weight, "absolute", np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))
        >>> received.tolist(), sent.tolist()
        ([[4.0, 2.0]], [[3.0, 1.0]])
    """
    with one_product_thread():
        return sums_in_thread(weight, of, sources, targets)


def sums_in_thread(
    weight: FloatArray, of: Quantity, sources: DoubleArray, targets: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Return what `weighted_sums` returns; for whoever entered `one_product_thread` already."""
    units, width = weight.shape
    received, sent = np.zeros((len(sources), units)), np.zeros((len(targets), width))
    rows = min(units, max(1, PIECE // width))
    buffer = np.empty((rows, width))
    for start in range(0, units, rows):
        piece = slice(start, min(start + rows, units))
        values = buffer[: piece.stop - start]
        _QUANTITIES[of](weight[piece], values)
        # A product with each vector, not one with all: a matrix of two or three columns takes BLAS twice as long.
        for row, source in zip(received, sources, strict=True):
            np.matmul(values, source, out=row[piece])
        for row, target in zip(sent, targets, strict=True):
            row += target[piece] @ values
    return received, sent


def diagonal_sums(weight: FloatArray, of: Quantity) -> DoubleArray:
    """Return a quantity of the connection of each unit with itself, ``(units,)``, of a square matrix of weights."""
    own = np.zeros(len(weight))
    _QUANTITIES[of](weight.diagonal(), own)
    return own


def pair_strengths(graph: Graph) -> Iterator[tuple[int, int, DoubleArray]]:
    """Yield the strengths between every two split populations, whichever the direction and label of the connection.

    Args:
        graph: the graph.

    Yields:
        the numbers of two populations, the smaller first, and ``(units of the one, units of the other)``, the summed
        strengths of all connections between two units; of one population, each with itself counted twice, as it is in
        the summed strengths of a unit.

    Example:
        >>> from spatialgraph.graph import Connection, Population
        >>> populations = (Population("a", 1, split=True), Population("b", 1, split=True, task=[0]))
        >>> there_and_back = (Connection(0, 1, [[-2.0]]), Connection(1, 0, [[0.5]]))
        >>> graph = Graph(populations, there_and_back, {"tasks": ["t"]})
        >>> [(a, b, block.tolist()) for a, b, block in pair_strengths(graph)]
        [(0, 1, [[2.5]])]
    """
    pairs: dict[tuple[int, int], DoubleArray] = {}
    for connection in graph.split_connections:
        source, target = connection.source, connection.target
        strength = np.abs(connection.weight, dtype=np.float64)
        blocks = [strength, strength.T] if source == target else [strength.T if source < target else strength]
        for block in blocks:
            pair = min(source, target), max(source, target)
            pairs[pair] = pairs[pair] + block if pair in pairs else block
    yield from ((one, other, block) for (one, other), block in sorted(pairs.items(), key=lambda item: item[0]))
