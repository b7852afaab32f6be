"""The split by positions: clusters of neurons that lie close to each other."""

from __future__ import annotations

import numpy as np

from ..network import Network, NotApplicableError
from .alignment import align, cluster
from .split import Split, split_method


@split_method("positions", sees="positions")
def positions(network: Network, seed: int) -> Split:
    """Cluster the neurons of all split layers by their positions, one cluster for each task.

    k-means with 10 starts ("Least squares quantization in PCM", Lloyd 1982, doi:10.1109/TIT.1982.1056489, as in
    scikit-learn's KMeans); clusters are then matched with tasks by their outputs.

    It cannot see weights: it shows what the geometry alone tells. It finds round clusters of similar spread, and
    outputs may land in the cluster of another task, which is noted.

    Args:
        network: the network.
        seed: of the starts.

    Raises:
        NotApplicableError: a split layer has no positions, there are fewer neurons than tasks, or the output layer is
            not split.
    """
    from sklearn.cluster import KMeans  # takes seconds to import

    tasks = len(network.tasks)
    if not network.has_positions:
        raise NotApplicableError(
            f"split 'positions' of network {network.name!r}: expected positions in every split layer, found none"
        )
    points = np.concatenate([np.asarray(network.layers[k].position) for k in network.split_layers])
    if len(points) < tasks:
        raise NotApplicableError(
            f"split 'positions' of network {network.name!r}: expected at least {tasks} neurons, one for each task, "
            f"found {len(points)}"
        )
    found, warned = cluster(KMeans(tasks, n_init=10, random_state=seed), points)
    ends = np.cumsum([network.layers[k].size for k in network.split_layers])
    clusters = dict(zip(network.split_layers, np.split(found, ends[:-1]), strict=True))
    labels, notes = align(network, clusters)
    return Split.from_labels("positions", labels, tasks, (*notes, *warned), clusters)
