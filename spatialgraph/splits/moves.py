"""Climbing modularity: nodes move between communities, then communities as a whole.

Graphs are symmetric matrices of strengths, ``(nodes, nodes)``, that add up to 1. The climb is compiled where there is a
compiler (`moves.c`), and in Python else, to the same numbers.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiled import compiled
from ..graph.graph import DoubleArray, IntArray

# Gains of modularity that end the sweeps over the nodes of a level, and the climbs. Both are far below what communities
# of two runs differ by.
_SWEEP, _CLIMB = 1e-5, 1e-6

# Smaller gains of a move are rounding: nodes could go to and fro for ever.
_LEAST = 1e-12

# Communities are many if this times their number is more than the number of nodes.
_MANY = 4


def climb(
    strengths: DoubleArray,
    generator: np.random.Generator,
    resolution: float,
    *,
    refine: bool,
    rooms: Rooms | None = None,
) -> IntArray:
    """Return communities of a high modularity, found from single nodes upwards until nothing improves.

    The modularity is  Q = Σ_c [L_c − γ k_c²],  L_c the strength within community c (each connection in both
    directions), k_c the summed strengths of its nodes, γ the resolution.

    1. Each node in turn, in random order, moves to the community where it adds most to Q, or to an empty one; again
       and again, until a turn of all nodes gains next to nothing.
    2. Communities become nodes, connected by the strengths between them, and step 1 moves these, until none moves. With
       `refine`, the parts become nodes that single nodes form within the community when they start anew, and that are
       connected: they can leave it.
    3. All starts again with single nodes, in the communities found, until Q increases no more.

    "Fast unfolding of communities in large networks", Blondel et al. 2008, arXiv 0803.0476, and, with `refine`, "From
    Louvain to Leiden: guaranteeing well-connected communities", Traag et al. 2019, arXiv 1810.08473, whose refinement
    draws at random instead of taking the largest gain. The return to single nodes is the iteration of the latter and
    the refinement of several levels of "Multilevel local search algorithms for modularity clustering", Rotta & Noack
    2011, doi:10.1145/1963190.1970376.

    Args:
        strengths: the graph, ``(nodes, nodes)``; not all 0.
        generator: draws the orders in which nodes move.
        resolution: γ, larger for more communities.
        refine: whether communities are divided before they move as a whole.
        rooms: what is prepared for all climbs of this graph; None to do it here.

    Returns:
        ``(nodes,)``, the number of each node's community.

    Example:
        >>> strengths = np.kron(np.eye(2), np.ones((2, 2))) / 8
        >>> climb(strengths, np.random.default_rng(0), 1.0, refine=False).tolist()
        [0, 0, 1, 1]
    """
    rooms = rooms or Rooms.of(strengths)
    nodes = len(strengths)
    labels, gained = np.arange(nodes), np.inf
    if loops := _loops():
        settings, draw = _Settings(resolution, _SWEEP, _CLIMB, _LEAST), _Generator.of(generator)
        loops.climb(nodes, rooms.rows, rooms.of_nodes, settings, refine, draw, labels, rooms.addresses)
        return labels
    while gained > _CLIMB:
        labels, gained = _levels(rooms.rows, rooms.of_nodes, labels, generator, resolution, refine=refine)
    return labels


class Rooms(NamedTuple):
    """What all climbs of a graph share; the compiled one works in arrays, since the system is slow to give memory.

    Attributes:
        graph: ``(nodes, nodes)``, the graph.
        rows: the same, row by row.
        of_nodes: ``(nodes,)``, the summed strengths of each node.
        arrays: to work in, one for each address.
        addresses: those of the arrays.
    """

    graph: DoubleArray
    rows: DoubleArray
    of_nodes: DoubleArray
    arrays: tuple[DoubleArray | IntArray, ...]
    addresses: _Addresses

    @classmethod
    def of(cls, graph: DoubleArray) -> Rooms:
        """Prepare the climbs of a graph."""
        nodes, rows = len(graph), np.ascontiguousarray(graph)
        shapes = (nodes + 1, (nodes + 1, nodes), (nodes, nodes), nodes, (2, nodes, nodes), (2, nodes))
        reals: list[DoubleArray] = [np.empty(shape) for shape in shapes]
        whole = [np.empty(count, np.int64) for count in (nodes + 1, 6 * nodes + 1, 5 * nodes)]
        addresses = _Addresses(*(array.ctypes.data for array in (*reals, *whole)))
        return cls(graph, rows, rows.sum(axis=1), (*reals, *whole), addresses)


class _Addresses(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("volume", "linked", "inner", "strength", "graphs", "strengths", "number", "places", "levels")
    ]


class _Settings(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in ("resolution", "sweep", "climb", "least")]


class _Generator(ctypes.Structure):
    _fields_ = [("state", ctypes.c_void_p), ("next", ctypes.c_void_p)]

    @classmethod
    def of(cls, generator: np.random.Generator) -> _Generator:
        """Return where a generator's state is and its function that draws 32 bits."""
        bits = generator.bit_generator.ctypes
        return cls(bits.state_address, ctypes.cast(bits.next_uint32, ctypes.c_void_p))


def _levels(
    graph: DoubleArray,
    strength: DoubleArray,
    labels: IntArray,
    generator: np.random.Generator,
    resolution: float,
    *,
    refine: bool,
) -> tuple[IntArray, float]:
    """Move nodes, then communities, then communities of communities; return the labels of nodes, and what Q gained."""
    node, total = np.arange(len(graph)), 0.0
    while True:
        labels, gained = _settled(graph, strength, generator.permutation(len(graph)), resolution, labels)
        total += gained
        parts, count = labels, int(labels.max()) + 1
        if refine:
            parts, count = _refined(graph, strength, generator.permutation(len(graph)), resolution, labels)
        if count == len(graph):
            return labels[node], total
        linked = np.ascontiguousarray(pooled(graph, parts, count).T)
        graph, strength = pooled(linked, parts, count), np.bincount(parts, strength, count).astype(np.float64)
        above = np.empty(count, np.int64)
        above[parts] = labels
        node, labels = parts[node], above


def pieces(graph: DoubleArray, labels: IntArray) -> IntArray:
    """Divide communities that are not connected; return the number of each node's piece, by their first nodes.

    Example:
        >>> pieces(np.eye(3)[::-1], np.array([0, 0, 0])).tolist()
        [0, 1, 0]
    """
    if loops := _loops():
        piece, room = np.empty((2, len(graph)), np.int64)
        loops.divide(len(graph), np.ascontiguousarray(graph), labels, piece, room)
        return piece
    from scipy.sparse import csgraph, csr_array

    inside = csr_array(np.where(labels[:, None] == labels, graph, 0.0))
    return np.asarray(csgraph.connected_components(inside, directed=False)[1], np.int64)


def _settled(
    graph: DoubleArray, strength: DoubleArray, order: IntArray, resolution: float, labels: IntArray
) -> tuple[IntArray, float]:
    """Move single nodes until a sweep over all of them gains next to nothing.

    Args:
        graph: the graph.
        strength: ``(nodes,)``, the summed strengths of each node.
        order: ``(nodes,)``, in which nodes take their turns.
        resolution: γ.
        labels: ``(nodes,)``, the communities to begin with, below the number of nodes.

    Returns:
        the communities, numbered from 0 without gaps, and what Q gained.
    """
    labels, used = _numbered(labels)
    count = len(used) + 1  # one is empty
    linked, volume = None, np.bincount(labels, strength, count).astype(np.float64)
    total, gained = 0.0, np.inf
    while gained > _SWEEP:
        if linked is None and _MANY * len(volume) <= len(graph):
            linked = pooled(graph, labels, len(volume))
        gained = _sweep(graph, strength, order, resolution, labels, volume, linked)
        total += gained
        labels, used = _numbered(labels)
        if linked is not None:
            linked = np.concatenate([linked[used], np.zeros((1, len(graph)))])
        volume = np.append(volume[used], 0.0)
    return labels, total


def _numbered(labels: IntArray) -> tuple[IntArray, IntArray]:
    """Return labels numbered from 0 without gaps, in their order, and the label that each number stands for."""
    used = np.bincount(labels) > 0
    return (used.cumsum() - 1)[labels], np.flatnonzero(used)


def _sweep(
    graph: DoubleArray,
    strength: DoubleArray,
    order: IntArray,
    resolution: float,
    labels: IntArray,
    volume: DoubleArray,
    linked: DoubleArray | None,
) -> float:
    """Let every node move once to the community where it adds most to Q; return what Q gained.

    Node i adds  2 (l_ci − γ k_i v_c)  to Q in community c, l_ci its strength to the community's other nodes and v_c the
    sum of their strengths.

    Args:
        graph: the graph.
        strength: ``(nodes,)``, k.
        order: ``(nodes,)``, the order of the nodes.
        resolution: γ.
        labels: ``(nodes,)``, the community of each node; changed.
        volume: ``(communities,)``, the summed strengths of each community's nodes; changed.
        linked: ``(communities, nodes)``, the strengths between both; changed. None if there are many communities: the
            strengths of a node to all of them are then summed when it moves.
    """
    gained = 0.0
    for i in order.tolist():
        own, k = int(labels[i]), strength[i]
        to_community = np.bincount(labels, graph[i], len(volume)) if linked is None else linked[:, i]
        volume[own] -= k
        gain = to_community - resolution * k * volume
        here = gain[own] = to_community[own] - graph[i, i] - resolution * k * volume[own]
        gain[own] += _LEAST
        to = int(gain.argmax())
        if not gain[to] > gain[own]:
            to = own
        volume[to] += k
        if to != own:
            labels[i] = to
            gained += gain[to] - here
            if linked is not None:
                linked[own] -= graph[i]
                linked[to] += graph[i]
    return float(2 * gained)


def _refined(
    graph: DoubleArray, strength: DoubleArray, order: IntArray, resolution: float, labels: IntArray
) -> tuple[IntArray, int]:
    """Settle the nodes of each community by themselves, from single ones on; return connected parts, and their number.

    Args:
        graph: the graph.
        strength: ``(nodes,)``, the summed strengths of each node.
        order: ``(nodes,)``, in which nodes take their turns.
        resolution: γ.
        labels: ``(nodes,)``, the communities, numbered from 0 without gaps.
    """
    parts, count = np.empty(len(graph), np.int64), 0
    for community in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == community)
        inner = graph[np.ix_(members, members)]
        turns = np.searchsorted(members, order[labels[order] == community])
        settled, _ = _settled(inner, strength[members], turns, resolution, np.arange(len(members)))
        parts[members] = count + pieces(inner, settled)
        count = int(parts[members].max()) + 1
    return parts, count


def pooled(matrix: DoubleArray, labels: IntArray, count: int) -> DoubleArray:
    """Return the sums of the rows of each label, ``(count, columns)``, of a matrix ``(rows, columns)``."""
    sums = np.zeros((count, matrix.shape[1]))
    if loops := _loops():
        loops.pool(*matrix.shape, matrix, labels, sums)
    else:
        np.add.at(sums, labels, matrix)
    return sums


@cache
def _loops() -> ctypes.CDLL | None:
    """Return the compiled loops, which take arrays of float64 and int64; None if there is no compiler."""
    library = compiled(__package__, "moves")
    if library is None:
        return None
    long, array = ctypes.c_int64, _Array
    library.pool.argtypes, library.pool.restype = (long, long, array, array, array), None
    library.divide.argtypes, library.divide.restype = (long, array, array, array, array), long
    library.permute.argtypes, library.permute.restype = (long, ctypes.POINTER(_Generator), array), None
    settings, draw, rooms = map(ctypes.POINTER, (_Settings, _Generator, _Addresses))
    library.climb.argtypes = (long, array, array, settings, ctypes.c_int, draw, array, rooms)
    library.climb.restype = None
    return library


_NUMBERS = frozenset((np.dtype(np.float64), np.dtype(np.int64)))


class _Array(ctypes.c_void_p):
    """The address of an array's first number."""

    @classmethod
    def from_param(cls, array: NDArray[Any]) -> Any:
        if not array.flags.c_contiguous or array.dtype not in _NUMBERS:
            raise TypeError(f"expected float64 or int64 without gaps, found {array.dtype}, {array.flags.c_contiguous}")
        return ctypes.c_void_p(array.__array_interface__["data"][0])
