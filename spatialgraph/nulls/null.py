"""What a null model is, and how a network is drawn from one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import Connection, FloatArray, Graph, MadeConnection
from ..registry import Registry

Null = Callable[[Graph, Connection, np.random.Generator], FloatArray]

NULLS: Registry[Null] = Registry("null model")
"""Every null model that draws weights, by name: a function of a network, one of its connections and a generator that
returns other weights for the connection, ``(target units, source units)``, or raises `NotApplicableError`."""

_KEPT: dict[Null, tuple[str, ...]] = {}


def keeps(*measures: str) -> Callable[[Null], Null]:
    """Return a decorator that says which measures have the network's own value on every draw, by construction.

    A comparison with the null model says nothing of such a measure, and that is no fault of the data.
    """

    def enter(function: Null) -> Null:
        _KEPT[function] = measures
        return function

    return enter


def kept_measures(null: str) -> tuple[str, ...]:
    """Return the measures that a null model keeps, none for what is no function of weights.

    Example:
        >>> import spatialgraph.nulls
        >>> kept_measures("distance"), kept_measures("shuffle"), kept_measures("untrained")
        (('wiring',), (), ())
    """
    return _KEPT.get(NULLS[null], ()) if null in NULLS else ()


UNTRAINED, RANDOM_SPLIT = "untrained", "random-split"
"""The null models that are no functions of weights: the network before training, and random splits of equal sizes."""

# A draw of more weights than this is made connection by connection, whenever a connection is looked at.
_HELD = 2**24


def draw(null: str, graph: Graph, seed: int | Sequence[int]) -> Graph:
    """Draw a graph from a null model: its split connections have other weights, everything else is as it was.

    The same seed gives the same weights. A large network's weights are made whenever they are looked at and not kept,
    so that a draw takes the memory of one connection.

    Args:
        null: a name in `NULLS`.
        graph: the graph.
        seed: of the draw: a number, or several.

    Returns:
        The graph drawn.

    Raises:
        NotApplicableError: the network lacks what the null model keeps, or has no split connections.
        ValueError: there is no such null model.

    Example:
        >>> from spatialgraph.network import Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[1.0, 2.0], [3.0, 4.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> draw("shuffle", network.graph, seed=0).connections[0].weight.tolist()
        [[3.0, 1.0], [2.0, 4.0]]
    """
    function = NULLS[null]
    require_for(null, graph)
    parts = [seed] if isinstance(seed, int) else list(seed)
    small = sum(connection.shape[0] * connection.shape[1] for connection in graph.split_connections) <= _HELD

    def drawn(number: int, connection: Connection) -> Connection:
        if connection not in graph.split_connections:
            return connection
        # The generator is made with the weights: whenever they are made, they are the same.
        make = partial(_weights, function, graph, connection, (*parts, number))
        if small:
            return Connection(connection.source, connection.target, make(), connection.label)
        return MadeConnection(connection.source, connection.target, connection.shape, make, connection.label)

    connections = tuple(drawn(number, connection) for number, connection in enumerate(graph.connections))
    return dataclasses.replace(graph, connections=connections)


def _weights(function: Null, graph: Graph, connection: Connection, seed: tuple[int, ...]) -> FloatArray:
    return function(graph, connection, np.random.default_rng(seed))


def require_for(null: str, graph: Graph) -> None:
    """Raise NotApplicableError unless a network has what a null model changes, and what it keeps."""
    if not graph.split_connections:
        raise NotApplicableError(f"null model {null!r}: expected connected split layers in {graph.name!r}, found none")
    if null == "distance" and not graph.has_positions:
        raise NotApplicableError(
            f"null model 'distance': expected positions in every split layer of {graph.name!r}, found none"
        )
