"""Neurons on a page: which are worth showing, and two coordinates of each, however many it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .graph import Graph

MIN_INPUT_STRENGTH = 0.1
"""Neurons whose absolute input weights sum to no more are not shown: training switched them off. As in Wołczyk et al.,
"Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, footnote 4."""


def input_strength(graph: Graph, layer: int) -> NDArray[np.float64]:
    """Return the sum of the absolute weights that enter each neuron of a layer.

    Args:
        graph: the graph.
        layer: the number of the layer.

    Returns:
        ``(units,)``, at least 0; nan if no connection leads to the layer.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[-3.0, 2.0]]),), [0], {"tasks": ["a"]})
        >>> input_strength(network.graph, 1).tolist(), input_strength(network.graph, 0).tolist()
        ([5.0], [nan, nan])
    """
    sums = [np.abs(c.weight).sum(axis=1, dtype=np.float64) for c in graph.connections if c.target == layer]
    return np.asarray(np.sum(sums, axis=0)) if sums else np.full(graph.populations[layer].size, np.nan)


@dataclass(frozen=True, eq=False)
class Plane:
    """Where positions are shown.

    Attributes:
        origin: ``(dim,)``, the point that is shown at (0, 0).
        axes: ``(2, dim)``, orthonormal, or 0 where there is no second coordinate.
    """

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def of(cls, positions: ArrayLike) -> Plane:
        """Return the plane to show positions in.

        That of their own coordinates if they have two at most; of more, that of their first two principal components.

        Args:
            positions: ``(neurons, dim)``.

        Example:
            >>> plane = Plane.of([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0], [0.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
            >>> plane.project([[0.0, 1.0, 3.0]]).tolist()
            [[1.5, 0.5]]
        """
        points = np.asarray(positions, np.float64)
        dim = points.shape[1]
        if dim <= 2 or len(points) == 0:
            return cls(np.zeros(dim), np.eye(2, dim))
        origin = points.mean(axis=0)
        centred = points - origin
        axes = np.linalg.eigh(centred.T @ centred)[1].T[:-3:-1]  # eigenvalues ascend: the last two, the last one first
        # The sign of a principal axis is arbitrary; fixed by its largest entry, the picture is the same everywhere.
        signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
        return cls(origin, axes * signs[:, None])

    def project(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Return two coordinates of each neuron, ``(neurons, 2)``, in the units of the positions."""
        return np.asarray((np.asarray(positions, np.float64) - self.origin) @ self.axes.T)
