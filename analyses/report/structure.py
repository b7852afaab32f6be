"""The shape of a network as the page shows it: its split layers, where neurons lie, and its strongest connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialgraph.graph import Connection, Graph
from spatialgraph.graph.plane import Plane

from .packing import Pack
from .places import places_by_connections

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def layers_of(network: Graph) -> list[dict[str, Any]]:
    """Return the split layers: name, units, what a unit is, and the number of the first over all of them."""
    layers, first = [], 0
    for number in network.split_populations:
        layer = network.populations[number]
        layers.append({"name": layer.name, "size": layer.size, "unit": layer.unit, "first": first})
        first += layer.size
    return layers


def places_of(network: Graph) -> FloatArray | None:
    """Return the positions of the neurons of all split layers, ``(neurons, dim)``; None if any has none."""
    positions = [network.populations[number].position for number in network.split_populations]
    known = [position for position in positions if position is not None]
    return np.concatenate(known).astype(np.float64) if known and len(known) == len(positions) else None


def positions(network: Graph, pack: Pack) -> dict[str, Any]:
    """Pack where neurons lie in the plane, and say how many dimensions their positions have.

    The array ``by-connections`` has places that every network has, ``position`` learned ones, where there are any.
    """
    by_connections = places_by_connections(network)
    if by_connections is not None:
        pack.quantise("by-connections", by_connections)
    places = places_of(network)
    if places is None:
        return {"dimensions": 0}
    pack.quantise("position", Plane.of(places).project(places))
    return {"dimensions": places.shape[1]}


def strongest_connections(
    connections: Sequence[Connection], places: Mapping[int, slice], most: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return source, target and weight of the strongest connections that are not 0, the strongest first."""
    sources, targets, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for connection in connections:
        weight = connection.weight
        size = np.abs(weight).ravel()
        # No more of a connection can be among the strongest of all: the rest need not be sorted.
        kept = np.argpartition(-size, most - 1)[:most] if 0 < most < size.size else np.arange(size.size)
        kept = kept[size[kept] > 0]
        target, source = np.unravel_index(kept, weight.shape)
        sources.append(source + places[connection.source].start)
        targets.append(target + places[connection.target].start)
        weights.append(weight[target, source].astype(np.float64))
    joined = np.concatenate(sources), np.concatenate(targets), np.concatenate(weights)
    order = np.lexsort((joined[1], joined[0], -np.abs(joined[2])))[:most]
    return joined[0][order], joined[1][order], joined[2][order]


def pack_connections(prefix: str, source: IntArray, target: IntArray, weight: FloatArray, pack: Pack) -> None:
    """Pack connections: the numbers of both neurons, and the size of the weight."""
    small = np.uint16 if max(source.max(initial=0), target.max(initial=0)) < 2**16 else np.uint32
    pack.add(f"{prefix}source", source.astype(small))
    pack.add(f"{prefix}target", target.astype(small))
    pack.quantise(f"{prefix}weight", np.abs(weight), logarithms=True)


def connections(network: Graph, most: int, pack: Pack) -> dict[str, Any]:
    """Pack the strongest connections, so many at most, and count all."""
    source, target, weight = strongest_connections(network.split_connections, network.places(), most)
    pack_connections("", source, target, weight, pack)
    pack.add("negative", (weight < 0).astype(np.uint8))
    total = sum(int(np.count_nonzero(connection.weight)) for connection in network.split_connections)
    return {"connections": {"kept": len(weight), "total": total}}
