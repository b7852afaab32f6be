"""The film of a network's training: where its neurons lay, and which connections were strongest, moment by moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.plane import Plane
from spatialgraph.metrics import measure
from spatialgraph.splits import Split

from ..results import Results
from .measured import MODULARITY
from .packing import Pack
from .structure import pack_connections, places_of, strongest_connections


def film(results: Results, network: Graph, split: Split | None, most: int, pack: Pack) -> dict[str, Any]:
    """Pack where the neurons lay and which connections were strongest, moment by moment of training.

    Args:
        results: the results.
        network: the network.
        split: the modules whose modularity is measured at every moment; None if there are none.
        most: the largest number of connections in a frame; 0 for no film.
        pack: where the arrays go.
    """
    last = places_of(network)
    snapshots = _snapshots(results, network) if most else []
    if len(snapshots) < 3 or last is None:  # the start and the end alone are no film
        return {"film": None}
    plane = Plane.of(last)
    places = [plane.project(place) for _, moment in snapshots if (place := places_of(moment)) is not None]
    pack.quantise("film-position", np.stack(places))
    row = network.places()
    frames = [strongest_connections(moment.split_connections, row, most) for _, moment in snapshots]
    fewest = min(len(weight) for _, _, weight in frames)
    source, target, weight = (np.stack([part[:fewest] for part in parts]) for parts in zip(*frames, strict=True))
    pack_connections("film-", source, target, weight, pack)
    if split is not None:
        pack.quantise("film-modularity", [_modularity(moment, split) for _, moment in snapshots])
    accuracy = network.history.get("accuracy")
    return {
        "film": {
            "epochs": [epoch for epoch, _ in snapshots],
            "accuracy": [] if accuracy is None else np.round(accuracy.astype(float), 4).tolist(),
        }
    }


def _snapshots(results: Results, network: Graph) -> list[tuple[float, Graph]]:
    try:
        return results.snapshots(network.name)
    except NotApplicableError:  # when the network was trained is not known
        return []


def _modularity(network: Graph, split: Split) -> float:
    try:
        return measure(MODULARITY, network, split)[0].value
    except NotApplicableError:
        return float("nan")
