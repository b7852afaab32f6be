"""The spectral split: clusters of the graph of strengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import Graph, by_population
from ..graph.split import Split
from ..notes import Note
from ..threads import one_thread
from .alignment import align, cluster
from .method import split_method
from .moves import pieces
from .strengths import undirected

# Up to so many neurons all eigenvectors cost less than an iterative solver, which also misses some of several equal
# eigenvalues; beyond, they cost time in the cube of the number of neurons.
_DIRECT = 2000


@split_method("spectral", sees="weights")
def spectral(graph: Graph, seed: int) -> Split:
    """Cluster the undirected graph of strengths by its normalised Laplacian, one cluster for each task.

    k-means with 10 starts on the first eigenvectors of the normalised Laplacian, one for each task, divided by the
    roots of the neurons' strengths: "Normalized cuts and image segmentation", Shi & Malik 2000, doi:10.1109/34.868688;
    see "A tutorial on spectral clustering", von Luxburg 2007, arXiv 0711.0189. The partition is that of scikit-learn's
    SpectralClustering, but for the starts that k-means draws, and for connections of a neuron with itself, which count
    here as in `metrics.ncut` and not there. Clusters are then matched with tasks by their outputs.

    It cannot see tasks and directions, so all outputs may land in one cluster; the split shows the clusters as found,
    and notes it. A weakly attached neuron can be a cluster of its own. A neuron without any connection serves no
    task, and a graph in several components is noted: then clusters tend to be components.

    Args:
        graph: the graph.
        seed: of the starts of k-means, and of the eigenvalue solver if there are more than 2000 neurons.

    Raises:
        NotApplicableError: fewer neurons are connected than there are tasks, or the output layer is not split.
    """
    from sklearn.cluster import KMeans  # takes seconds to import

    tasks, strengths = len(graph.tasks), undirected(graph)
    units = graph.units_word(graph.split_populations)
    neurons, connected = len(strengths), np.flatnonzero(strengths.any(axis=1))
    if len(connected) < tasks:
        raise NotApplicableError(
            f"split 'spectral' of network {graph.name!r}: expected at least {tasks} connected {units}, one for each "
            f"task, found {len(connected)}"
        )
    strengths = strengths[np.ix_(connected, connected)]
    components = int(pieces(strengths, np.zeros(len(strengths), np.int64)).max()) + 1
    clusters = np.full(neurons, -1)
    clusters[connected], warned = cluster(KMeans(tasks, n_init=10, random_state=seed), _embed(strengths, tasks, seed))
    by_layer = by_population(graph, clusters)
    labels, aligned = align(graph, by_layer)
    notes = [*aligned, *warned]
    if len(connected) < neurons:
        notes.append(Note("unattached", {"count": neurons - len(connected), "of": neurons, "units": units}))
    if components > 1:
        notes.append(Note("components", {"components": components, "units": units}))
    return Split.from_labels("spectral", labels, tasks, notes, by_layer)


def _embed(strengths: NDArray[np.float64], dim: int, seed: int) -> NDArray[np.float64]:
    """Return ``(neurons, dim)``, the solutions of the relaxed normalised cut.

    The eigenvectors of the smallest eigenvalues of  I − D^(−½) W D^(−½)  are those of the largest of  D^(−½) W D^(−½).
    """
    from scipy.linalg import eigh  # these take longer to import than the rest of the splits
    from scipy.sparse.linalg import eigsh

    neurons, root = len(strengths), np.sqrt(strengths.sum(axis=1))
    normalised = strengths / root[:, None] / root
    with one_thread():
        if neurons <= max(_DIRECT, dim):
            _, vectors = eigh(normalised, subset_by_index=(neurons - dim, neurons - 1))
        else:
            start = np.random.default_rng(seed).uniform(-1, 1, neurons)
            _, vectors = eigsh(normalised, dim, which="LA", v0=start)
    embedding: NDArray[np.float64] = vectors[:, ::-1] / root[:, None]
    return embedding
