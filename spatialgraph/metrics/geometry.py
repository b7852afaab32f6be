"""Measures of where neurons lie."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from ..network import Network, NotApplicableError
from ..splits.split import Split
from .metric import metric


@metric("wiring", of="network", better="", weights=True)
def wiring(network: Network) -> float:
    """Measure the mean over the split connections of strength × distance.

    The transport cost of "Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, averaged over all pairs of
    neurons of two connected split layers; a pair with weight 0 counts as 0. In units of length, at least 0.

    Args:
        network: the network.

    Raises:
        NotApplicableError: split layers have no positions, or no two of them are connected.
    """
    _require_positions("wiring", network)
    if not network.split_connections:
        raise NotApplicableError(f"wiring: expected connected split layers in network {network.name!r}, found none")
    total, pairs = 0.0, 0
    for connection in network.split_connections:
        distance = cdist(network.layers[connection.target].position, network.layers[connection.source].position)
        total += float((np.abs(connection.weight) * distance).sum())
        pairs += distance.size
    return total / pairs


@metric("silhouette", of="split", better="high", weights=False)
def silhouette(network: Network, split: Split) -> float:
    """Measure how much closer neurons lie to neurons of their own task than to those of the nearest other task.

    The mean over neurons of (b − a) / max(a, b), a the mean distance to the neurons of the own task and b to those of
    the nearest other: "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7. Over the neurons of all split layers together, without those that
    serve no task. From −1 to 1.

    Args:
        network: the network.
        split: a partition.

    Raises:
        NotApplicableError: there are no positions, the split is no partition, or fewer than two tasks have neurons, or
            each task has but one.
    """
    _require_positions("silhouette", network)
    split.require_for(network)
    labels = np.concatenate([split.labels(k) for k in network.split_layers])
    position = np.concatenate([np.asarray(network.layers[k].position, np.float64) for k in network.split_layers])
    position, labels = position[labels >= 0], labels[labels >= 0]
    found = len(np.unique(labels))
    if not 2 <= found < len(labels):
        raise NotApplicableError(
            f"silhouette of split {split.method!r}: expected at least 2 tasks with neurons and more neurons than that, "
            f"found {found} and {len(labels)}"
        )
    from sklearn.metrics import silhouette_score  # takes seconds to import; no other metric needs it

    return float(silhouette_score(position, labels))


def _require_positions(name: str, network: Network) -> None:
    if not network.has_positions:
        raise NotApplicableError(f"{name}: expected positions in every split layer of {network.name!r}, found none")
