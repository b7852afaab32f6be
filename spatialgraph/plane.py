"""Positions on a page: two coordinates for each neuron, however many it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
