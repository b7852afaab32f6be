"""Where the page shows neurons: by one rule for every network, which never sees a split."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import eigsh

from spatialgraph.graph import Graph
from spatialgraph.graph.graph import DoubleArray

MOST_UNITS = 5000
"""Of more units no places are computed: their matrix would take more than 200 MB."""

_DENSE = 64  # units, below which all eigenvectors are as fast


def places_by_connections(graph: Graph) -> DoubleArray | None:
    r"""Place the units of the split populations by their connections alone: those that share many lie close together.

    The two leading eigenvectors of the strengths beyond expectation, with regularised degrees,

    .. math:: B_{ij} = (d_i + \bar d)^{-1/2} (A_{ij} - E_{ij}) (d_j + \bar d)^{-1/2},

    A the strengths in either direction, d their sums and E what each pair of populations would have by the strengths
    of its units (Barber 2007), so that depth in the network is no direction. The mean degree keeps weak units from
    making directions of their own (Chaudhuri, Chung & Tsiatas 2012, PMLR 23:35). Each coordinate is replaced by its
    rank, in which weak units count less: places spread evenly in every network, and only who is near whom remains.
    Deterministic; signs are fixed.

    Returns:
        ``(units, 2)``, from -1 to 1; None of more than `MOST_UNITS` units, which is too many, or fewer than 3.

    Example:
        >>> import numpy as np
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 4, split=True), Layer("output", 2, split=True))
        >>> weight = np.array([[2.0, 3.0, 0.1, 0.0], [0.0, 0.1, 3.0, 2.0]])
        >>> network = Network(layers, (Connection(0, 1, weight),), [0, 1], {"tasks": ["a", "b"]})
        >>> side = np.sign(places_by_connections(network.graph)[:, 0])
        >>> (side == side[0]).tolist()
        [True, True, False, False, True, False]
    """
    place = graph.places()
    units = sum(graph.populations[number].size for number in graph.split_populations)
    if not 3 <= units <= MOST_UNITS:
        return None
    strength, degree = np.zeros((units, units)), np.zeros(units)
    for connection in graph.split_connections:
        size = np.abs(connection.weight).astype(np.float64)
        entering, leaving = size.sum(axis=1), size.sum(axis=0)
        degree[place[connection.target]] += entering
        degree[place[connection.source]] += leaving
        beyond = size - np.outer(entering, leaving) / (size.sum() or 1)
        strength[place[connection.target], place[connection.source]] += beyond
        strength[place[connection.source], place[connection.target]] += beyond.T
    scale = np.sqrt(degree + (degree.mean() or 1))
    strength /= np.outer(scale, scale)
    if units <= _DENSE:
        vectors = scipy.linalg.eigh(strength)[1][:, :-3:-1]
    else:  # a fixed start makes it deterministic
        vectors = eigsh(strength, k=2, which="LA", v0=np.linspace(1, 2, units))[1][:, ::-1]
    coordinates = np.round(vectors / scale[:, None], 12)  # what differs by rounding alone is equal, in any library
    signs = np.sign(coordinates[np.abs(coordinates).argmax(axis=0), [0, 1]])
    room = (degree + 0.1 * degree.mean()) / (degree + (degree.mean() or 1))  # for weak units, a tenth of that of strong
    return np.stack([_spread(axis, room) for axis in (coordinates * signs).T], axis=1)


def _spread(coordinate: DoubleArray, room: DoubleArray) -> DoubleArray:
    """Return places from -1 to 1 in the order of a coordinate, each unit in the middle of its room."""
    order = np.argsort(coordinate, kind="stable")
    ends, places = np.cumsum(room[order]), np.empty(len(room))
    places[order] = (ends - room[order] / 2) / (ends[-1] or 1)
    return 2 * places - 1
