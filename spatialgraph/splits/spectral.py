"""The spectral split: clusters of the graph of strengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import DoubleArray, Graph, by_population
from ..graph.split import Split
from ..notes import Note
from ..threads import one_thread
from .alignment import align, cluster
from .method import DIRECT, split_method, weights_once
from .moves import pieces
from .products import Strengths
from .strengths import among, undirected


@split_method("spectral", sees="weights", memory=weights_once)
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

    tasks = len(graph.tasks)
    units = graph.units_word(graph.split_populations)
    neurons = sum(graph.populations[k].size for k in graph.split_populations)
    embedding, connected, components = _embed_large(graph, seed) if neurons > max(DIRECT, tasks) else _embed(graph)
    if len(connected) < tasks:
        raise NotApplicableError(
            f"split 'spectral' of network {graph.name!r}: expected at least {tasks} connected {units}, one for each "
            f"task, found {len(connected)}"
        )
    clusters = np.full(neurons, -1)
    clusters[connected], warned = cluster(KMeans(tasks, n_init=10, random_state=seed), embedding)
    by_layer = by_population(graph, clusters)
    labels, aligned = align(graph, by_layer)
    notes = [*aligned, *warned]
    if len(connected) < neurons:
        notes.append(Note("unattached", {"count": neurons - len(connected), "of": neurons, "units": units}))
    if components > 1:
        notes.append(Note("components", {"components": components, "units": units}))
    return Split.from_labels("spectral", labels, tasks, notes, by_layer)


def _embed(graph: Graph) -> tuple[DoubleArray, NDArray[np.intp], int]:
    """Return the solutions of the relaxed normalised cut, from all pairs of neurons.

    The eigenvectors of the smallest eigenvalues of  I − D^(−½) W D^(−½)  are those of the largest of  D^(−½) W D^(−½).

    Returns:
        ``(connected neurons, tasks)``; none if there are fewer neurons than tasks. The numbers of the neurons with
        connections. How many components they are in.
    """
    from scipy.linalg import eigh  # takes longer to import than the rest of the splits

    tasks, strengths = len(graph.tasks), undirected(graph)
    connected = np.flatnonzero(strengths.any(axis=1))
    neurons = len(connected)
    if neurons < tasks:
        return np.empty((0, tasks)), connected, 0
    if neurons < len(strengths):
        strengths = among(strengths, connected, connected)
    components = int(pieces(strengths, np.zeros(neurons, np.int64)).max()) + 1
    root = np.sqrt(strengths.sum(axis=1))
    normalised = strengths / root[:, None]
    normalised /= root
    with one_thread():
        _, vectors = eigh(normalised, subset_by_index=(neurons - tasks, neurons - 1))
    return vectors[:, ::-1] / root[:, None], connected, components


def _embed_large(graph: Graph, seed: int) -> tuple[DoubleArray, NDArray[np.intp], int]:
    """Return what `_embed` returns, from products with the matrix, which may miss some of several equal eigenvalues."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    tasks, strengths = len(graph.tasks), Strengths.of(graph)
    with one_thread():
        volume = strengths.times(np.ones((1, strengths.units)))[0]
        connected = np.flatnonzero(volume)
        components = len(np.unique(strengths.components()[connected]))
        if len(connected) <= tasks:  # each is a cluster of its own
            return np.eye(len(connected), tasks), connected, components
        root = np.sqrt(volume[connected])

        def normalised(vector: DoubleArray) -> DoubleArray:
            whole = np.zeros((1, strengths.units))
            whole[0, connected] = vector.reshape(-1) / root
            found: DoubleArray = strengths.times(whole)[0, connected] / root
            return found

        operator = LinearOperator((len(root), len(root)), normalised, dtype=np.float64)
        start = np.random.default_rng(seed).uniform(-1, 1, len(root))
        _, vectors = eigsh(operator, tasks, which="LA", v0=start)
    return vectors[:, ::-1] / root[:, None], connected, components
