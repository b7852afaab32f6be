"""The split by positions: clusters of neurons that lie close to each other."""

from __future__ import annotations

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import Graph, by_population
from ..graph.split import Split
from .alignment import align, cluster
from .method import split_method


@split_method("positions", sees="positions")
def positions(graph: Graph, seed: int) -> Split:
    """Cluster the neurons of all split layers by their positions, one cluster for each task.

    k-means with 10 starts ("Least squares quantization in PCM", Lloyd 1982, doi:10.1109/TIT.1982.1056489, as in
    scikit-learn's KMeans); clusters are then matched with tasks by their outputs.

    It cannot see weights: it shows what the geometry alone tells. It finds round clusters of similar spread, and
    outputs may land in the cluster of another task, which is noted.

    Args:
        graph: the graph.
        seed: of the starts.

    Raises:
        NotApplicableError: a split layer has no positions, there are fewer neurons than tasks, or the output layer is
            not split.
    """
    from sklearn.cluster import KMeans  # takes seconds to import

    tasks = len(graph.tasks)
    if not graph.has_positions:
        raise NotApplicableError(
            f"split 'positions' of network {graph.name!r}: expected positions in every split layer, found none"
        )
    points = np.concatenate([np.asarray(graph.populations[k].position) for k in graph.split_populations])
    if len(points) < tasks:
        raise NotApplicableError(
            f"split 'positions' of network {graph.name!r}: expected at least {tasks} "
            f"{graph.units_word(graph.split_populations)}, one for each task, found {len(points)}"
        )
    numbers, warned = cluster(KMeans(tasks, n_init=10, random_state=seed), points)
    clusters = by_population(graph, numbers)
    labels, notes = align(graph, clusters)
    return Split.from_labels("positions", labels, tasks, (*notes, *warned), clusters)
