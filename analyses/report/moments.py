"""A network at the moments of its training: where its neurons lay, its strongest connections, what crossed modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.graph import DoubleArray
from spatialgraph.graph.plane import Plane
from spatialgraph.splits import Split

from ..results import Results
from .packing import Pack
from .structure import pack_connections, places_of, strongest_connections


def moments(results: Results, network: Graph, splits: Mapping[str, Split], most: int, pack: Pack) -> dict[str, Any]:
    """Pack a network moment by moment of its training, and where the strength of its connections led.

    Args:
        results: the results.
        network: the trained network.
        splits: its splits, by method.
        most: the largest number of connections of a moment, the strongest first; 0 for the trained network alone.
        pack: gets ``flow``, see `flow`; of the trained network alone if there are no snapshots. With them also
            ``film-source``, ``film-target`` and ``film-weight``, ``(moments, connections)``, and if neurons have
            positions ``film-position``, ``(moments, neurons, 2)``.

    Returns:
        ``{"film": …}``: the moments as numbers of epochs, and the accuracies of each task after every epoch; None if
        there are no snapshots.
    """
    found = _snapshots(results, network) if most else []
    if len(found) < 3:  # the start and the end alone are no film
        pack.quantise("flow", flow([network], splits))
        return {"film": None}
    networks = [moment for _, moment in found]
    pack.quantise("flow", flow(networks, splits))
    last = places_of(network)
    if last is not None:
        plane = Plane.of(last)
        places = [plane.project(place) for moment in networks if (place := places_of(moment)) is not None]
        pack.quantise("film-position", np.stack(places))
    row = network.places()
    frames = [strongest_connections(moment.split_connections, row, most) for moment in networks]
    fewest = min(len(weight) for _, _, weight in frames)
    source, target, weight = (np.stack([part[:fewest] for part in parts]) for parts in zip(*frames, strict=True))
    pack_connections("film-", source, target, weight, pack)
    accuracy = network.history.get("accuracy")
    return {
        "film": {
            "epochs": [epoch for epoch, _ in found],
            "accuracy": [] if accuracy is None else np.round(accuracy.astype(float), 4).tolist(),
        }
    }


def flow(networks: Sequence[Graph], splits: Mapping[str, Split]) -> DoubleArray:
    """Return where the strength of the split connections of a network leads, at moments of its training.

    The shares of all of it, Σ|w| over every split connection, by the splits of the trained network: of connections
    whose ends serve tasks but none in common, which cross modules; of those with an end that serves no task; and for
    each task of those whose ends both serve it. Where every neuron serves one task they add up to 1, and what crosses
    is the measure ``cut`` of its modules. Connections of neurons that share several tasks count for each of them.

    Returns:
        ``(moments, methods, 2 + tasks)``, 0 to 1; nan where no connection has any strength.
    """
    first, tasks = networks[0], len(networks[0].tasks)
    sums = np.zeros((len(networks), len(splits), 2 + tasks))
    total = np.zeros(len(networks))
    patterns = [_patterns([split.membership[k] for k in first.split_populations]) for split in splits.values()]
    places = first.places()
    for moment, network in enumerate(networks):
        for connection in network.split_connections:
            size = np.abs(connection.weight).astype(np.float64)
            total[moment] += size.sum()
            for method, (known, member) in enumerate(patterns):
                # (patterns of the target's neurons, patterns of the source's)
                between = member[places[connection.target]].T @ (size @ member[places[connection.source]])
                common = known[:, None, :] & known[None, :, :]
                some = np.asarray(known.any(axis=1))
                apart = some[:, None] & some[None, :] & ~np.asarray(common.any(axis=2))
                sums[moment, method, 0] += between[apart].sum()
                sums[moment, method, 1] += between[~(some[:, None] & some[None, :])].sum()
                sums[moment, method, 2:] += np.einsum("ts,tsk->k", between, common)
    shares = np.full(sums.shape, np.nan)
    np.divide(sums, total[:, None, None], where=total[:, None, None] > 0, out=shares)
    return shares


def _patterns(members: Sequence[NDArray[Any]]) -> tuple[NDArray[np.bool_], DoubleArray]:
    """Return the different sets of tasks that neurons serve, ``(patterns, tasks)``, and which neuron has which."""
    known, of = np.unique(np.concatenate(members).astype(bool), axis=0, return_inverse=True)
    return known, np.eye(len(known))[of.ravel()]


def _snapshots(results: Results, network: Graph) -> list[tuple[float, Graph]]:
    try:
        return results.snapshots(network.name)
    except NotApplicableError:  # when the network was trained is not known
        return []
