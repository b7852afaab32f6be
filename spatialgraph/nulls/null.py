"""The registry of null models, and how a graph is drawn from one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import Connection, FloatArray, Graph, MadeConnection
from ..registry import Registry, one_of

Null = Callable[[Graph, Connection, np.random.Generator], FloatArray]
Needs = Literal["positions"]


@dataclass(frozen=True)
class NullFacts:
    """The properties of a null model that comparisons depend on.

    Attributes:
        needs: requirements on a graph besides connected split populations: ``"positions"`` of every split population.
        keeps: the metrics that have the network's own value on every draw, by construction. Comparing such a metric
            with the draws is meaningless, whatever the data.
    """

    needs: tuple[Needs, ...]
    keeps: tuple[str, ...]


NULLS: Registry[Null, NullFacts] = Registry("null model", ("graph", "connection", "generator"))
"""Every null model that draws weights, by name: a function of a graph, one of its connections and a generator that
returns other weights for the connection, ``(target units, source units)``, or raises `NotApplicableError`."""


def null_model(name: str, *, needs: Sequence[Needs] = (), keeps: Sequence[str] = ()) -> Callable[[Null], Null]:
    """Return a decorator that enters a function in `NULLS`, in any file.

    Args:
        name: the null model's name.
        needs: requirements on a graph, as in `NullFacts`.
        keeps: the metrics that draws keep, as in `NullFacts`.

    Raises:
        ValueError: there is a null model of this name, or the decorator's arguments do not fit the function.

    Example:
        >>> from spatialgraph.graph.planted import planted
        >>> @null_model("signs")
        ... def signs(graph, connection, generator):
        ...     '''Draw the signs of the weights anew, for this example.'''
        ...     return connection.weight * generator.choice([-1, 1], connection.shape)
        >>> graph = planted(0.1, sizes=(4, 2))[0]
        >>> drawn = draw("signs", graph, seed=0)
        >>> bool((abs(drawn.connections[1].weight) == abs(graph.connections[1].weight)).all())
        True
        >>> NULLS.forget("signs")
    """
    where = f"null model {name!r}"
    if name in (UNTRAINED, RANDOM_SPLIT):
        raise ValueError(f"there is a null model named {name!r} already")
    for need in needs:
        one_of(where, "needs", need, get_args(Needs))
    return NULLS.register(name, NullFacts(tuple(needs), tuple(keeps)))


def kept_measures(null: str) -> tuple[str, ...]:
    """Return the metrics that a null model keeps; none for ``untrained`` and for random splits.

    Example:
        >>> import spatialgraph.nulls
        >>> kept_measures("distance"), kept_measures("shuffle"), kept_measures("untrained")
        (('wiring',), (), ())
    """
    return NULLS.facts(null).keeps if null in NULLS else ()


UNTRAINED, RANDOM_SPLIT = "untrained", "random-split"
"""The null models that are no functions of weights: the network before training, and random splits of equal sizes."""

# A draw of more weights than this is made connection by connection, whenever a connection is looked at.
_HELD = 2**24


def draw(null: str, graph: Graph, seed: int | Sequence[int]) -> Graph:
    """Draw a graph from a null model: its split connections have new weights, and everything else is unchanged.

    The same seed gives the same weights. The weights of a large graph are made anew at every access and not kept, so
    that a draw takes the memory of one connection.

    Args:
        null: a name in `NULLS`.
        graph: the graph.
        seed: a number or several numbers that determine the draw.

    Returns:
        The graph drawn.

    Raises:
        NotApplicableError: the graph lacks positions that the null model needs, or has no split connections.
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
        # The generator is made together with the weights, so that they are the same every time.
        make = partial(_weights, function, graph, connection, (*parts, number))
        if small:
            return Connection(connection.source, connection.target, make(), connection.label)
        return MadeConnection(connection.source, connection.target, connection.shape, make, connection.label)

    connections = tuple(drawn(number, connection) for number, connection in enumerate(graph.connections))
    return dataclasses.replace(graph, connections=connections)


def _weights(function: Null, graph: Graph, connection: Connection, seed: tuple[int, ...]) -> FloatArray:
    return function(graph, connection, np.random.default_rng(seed))


def require_for(null: str, graph: Graph) -> None:
    """Raise NotApplicableError unless a graph has split connections and everything that the null model needs."""
    if not graph.split_connections:
        raise NotApplicableError(f"null model {null!r}: expected connected split layers in {graph.name!r}, found none")
    if "positions" in NULLS.facts(null).needs and not graph.has_positions:
        raise NotApplicableError(
            f"null model {null!r}: expected positions in every split layer of {graph.name!r}, found none"
        )
