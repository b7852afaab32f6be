"""The spectral split: clusters of the graph of strengths."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ..graph import adjacency, node_index
from ..network import Network, NotApplicableError
from .alignment import align, cluster
from .split import Split, split_method


@split_method("spectral", sees="weights")
def spectral(network: Network, seed: int) -> Split:
    """Cluster the undirected graph of strengths by its normalised Laplacian, one cluster for each task.

    k-means on the first eigenvectors of the normalised Laplacian, one for each task: "Normalized cuts and image
    segmentation", Shi & Malik 2000, doi:10.1109/34.868688, as in scikit-learn's SpectralClustering; see "A tutorial on
    spectral clustering", von Luxburg 2007, arXiv 0711.0189. Clusters are then matched with tasks by their outputs.

    It cannot see tasks and directions, so all outputs may land in one cluster; the split shows the clusters as found,
    and notes it. A weakly attached neuron can be a cluster of its own. A neuron without any connection serves no
    task, and a graph in several components is noted: then clusters tend to be components.

    Args:
        network: the network.
        seed: of the eigenvalue solver's start and of k-means.

    Raises:
        NotApplicableError: fewer neurons are connected than there are tasks, or the output layer is not split.
    """
    from sklearn.cluster import SpectralClustering  # takes seconds to import

    tasks, graph, index = len(network.tasks), adjacency(network, directed=False), node_index(network)
    connected = np.flatnonzero(graph.sum(axis=1) > 0)
    if len(connected) < tasks:
        raise NotApplicableError(
            f"split 'spectral' of network {network.name!r}: expected at least {tasks} connected neurons, one for each "
            f"task, found {len(connected)}"
        )
    graph = graph[connected][:, connected]
    components, _ = sparse.csgraph.connected_components(graph, directed=False)
    # The iterative solver cannot find almost all eigenvectors of a matrix; "lobpcg" solves small ones directly.
    solver = "lobpcg" if len(connected) < 5 * tasks + 1 else "arpack"
    estimator = SpectralClustering(tasks, eigen_solver=solver, affinity="precomputed", random_state=seed)
    found, warned = cluster(estimator, graph.toarray())
    clusters = np.full(len(index), -1)
    clusters[connected] = found
    labels, aligned = align(network, {k: clusters[index[:, 0] == k] for k in network.split_layers})
    # scikit-learn says that the graph is not connected; here the number of components does.
    notes = [*aligned, *(note for note in warned if "not fully connected" not in note)]
    if len(connected) < len(index):
        notes.append(f"{len(index) - len(connected)} of {len(index)} neurons have no connection and serve no task")
    if components > 1:
        notes.append(f"the graph of connected neurons has {components} components")
    return Split.from_labels("spectral", labels, tasks, tuple(notes))
