"""From clusters to tasks: the clusters that an algorithm finds have numbers; their outputs tell which task they do."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import one_thread
from ..network import IntArray, Network, NotApplicableError


def align(network: Network, clusters: Mapping[int, NDArray[np.integer]]) -> tuple[dict[int, IntArray], list[str]]:
    """Match clusters with tasks, one to one, so that as many outputs as can be lie in the cluster of their task.

    The assignment problem is solved exactly ("The Hungarian method for the assignment problem", Kuhn 1955,
    doi:10.1002/nav.3800020109). Clusters are numbered by their first neuron beforehand, so that the numbers an
    algorithm happened to give make no difference, not even when several assignments are equally good.

    Args:
        network: the network.
        clusters: each split layer's number to ``(units,)``, the number of each neuron's cluster, 0 to tasks − 1, -1 for
            none.

    Returns:
        layer number to ``(units,)``, the number of each neuron's task, -1 for none, outputs as they were clustered;
        and notes, one for each thing that is not as it should be.

    Raises:
        NotApplicableError: the output layer is not split, so that clusters have no outputs to be known by.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 2))),), [0, 1], {"tasks": ["a", "b"]})
        >>> labels, notes = align(network, {0: np.array([1, 0]), 1: np.array([1, 0])})
        >>> labels[0].tolist(), labels[1].tolist(), notes
        ([0, 1], [0, 1], [])
    """
    from scipy.optimize import linear_sum_assignment  # takes longer to import than the rest of the splits

    if network.output_layer not in clusters:
        raise NotApplicableError(
            f"clusters of network {network.name!r}: expected its output layer among the split layers, found "
            f"{list(clusters)}: clusters are matched with tasks by their outputs"
        )
    tasks = len(network.tasks)
    everything = np.concatenate(list(clusters.values()))
    numbers, first = np.unique(everything[everything >= 0], return_index=True)
    outputs = clusters[network.output_layer]
    count = np.zeros((tasks, tasks), np.int64)  # (clusters by their first neuron, tasks)
    found = numbers[np.argsort(first)]
    for row, number in enumerate(found):
        count[row] = np.bincount(network.output_task[outputs == number], minlength=tasks)
    _, task = linear_sum_assignment(count, maximize=True)
    renamed = np.full(max(numbers.max(initial=-1) + 2, 1), -1)  # the last entry is for -1
    renamed[found] = task[: len(found)]
    labels = {k: renamed[cluster].astype(np.int64) for k, cluster in clusters.items()}
    return labels, _notes(network, count, len(found), labels[network.output_layer])


def _notes(network: Network, count: IntArray, found: int, outputs: IntArray) -> list[str]:
    """Return what is not as it should be about clusters: how many, without outputs, with outputs of other tasks."""
    notes, tasks = [], len(network.tasks)
    if found < tasks:
        notes.append(f"{found} clusters found for {tasks} tasks")
    if empty := np.count_nonzero(count[:found].sum(axis=1) == 0):
        notes.append(f"{empty} of {found} clusters hold no output")
    if wrong := np.count_nonzero((outputs >= 0) & (outputs != network.output_task)):
        most = count.sum(axis=1).max()
        notes.append(
            f"{wrong} of {len(outputs)} outputs lie in the cluster of another task; {most} of {len(outputs)} outputs "
            "lie in one cluster"
        )
    return notes


def cluster(estimator: Any, data: Any) -> tuple[NDArray[np.integer], list[str]]:
    """Run a clustering of scikit-learn, the same on every machine and without warnings on the screen.

    Args:
        estimator: an object with the method ``fit_predict`` and its own random state.
        data: what the method is given.

    Returns:
        ``(samples,)``, the numbers of the clusters, and the warnings as notes.
    """
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = estimator.fit_predict(data)
    # What libraries say about their own future is not about this network.
    told = [w.message for w in caught if issubclass(w.category, (UserWarning, RuntimeWarning))]
    return labels, list(dict.fromkeys(f"scikit-learn: {' '.join(str(message).split())}" for message in told))
