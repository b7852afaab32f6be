"""From clusters to tasks: an algorithm numbers its clusters, and the outputs in a cluster identify its task."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import Graph, IntArray
from ..notes import Note
from ..threads import one_thread


def align(graph: Graph, clusters: Mapping[int, NDArray[np.integer]]) -> tuple[dict[int, IntArray], list[Note]]:
    """Match clusters with tasks, one to one, so that as many outputs as possible lie in the cluster of their task.

    The assignment problem is solved exactly ("The Hungarian method for the assignment problem", Kuhn 1955,
    doi:10.1002/nav.3800020109). Clusters are numbered by their first neuron beforehand, so that the numbers an
    algorithm happened to give make no difference, not even when several assignments are equally good.

    Args:
        graph: the graph.
        clusters: each split layer's number to ``(units,)``, the number of each neuron's cluster, 0 to tasks − 1, -1 for
            none.

    Returns:
        layer number to ``(units,)``, the number of each neuron's task, -1 for none, outputs as they were clustered;
        and notes, one for each problem.

    Raises:
        NotApplicableError: the output layer is not split, so that no outputs identify the clusters.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 2))),), [0, 1], {"tasks": ["a", "b"]})
        >>> labels, notes = align(network.graph, {0: np.array([1, 0]), 1: np.array([1, 0])})
        >>> labels[0].tolist(), labels[1].tolist(), notes
        ([0, 1], [0, 1], [])
    """
    tasks = len(graph.tasks)
    numbers, outputs = _outputs_of(graph, clusters)
    count = np.zeros((tasks, tasks), np.int64)  # one row for each cluster that there could be
    count[: len(numbers)] = outputs
    labels = _renamed(clusters, numbers, _one_to_one(count)[: len(numbers)])
    notes = []
    if len(numbers) < tasks:
        notes.append(Note("few-clusters", {"clusters": len(numbers), "tasks": tasks}))
    if empty := np.count_nonzero(outputs.sum(axis=1) == 0):
        notes.append(Note("clusters-without-outputs", {"count": empty, "of": len(numbers)}))
    return labels, [*notes, *_misplaced(graph, outputs, labels, "cluster")]


def align_communities(
    graph: Graph, communities: Mapping[int, NDArray[np.integer]]
) -> tuple[dict[int, IntArray], list[Note]]:
    """Give each community that holds outputs to the task of most of them, or to a task without another community.

    Communities differ from clusters in that their number is not given. If more communities than tasks hold outputs,
    each goes to the task that most of its outputs belong to, the first of equals. Otherwise they are matched with tasks
    one to one, as in `align`, so that as many tasks as possible have a community. The neurons of a community without
    outputs serve no task.

    Args:
        graph: the graph.
        communities: each split layer's number to ``(units,)``, each neuron's community, numbered from 0, -1 for none.

    Returns:
        layer number to ``(units,)``, the number of each neuron's task, -1 for none, outputs as their communities; and
        notes, one for each problem.

    Raises:
        NotApplicableError: the output layer is not split, so that no outputs identify the communities.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 3, split=True), Layer("output", 3, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((3, 3))),), [0, 1, 1], {"tasks": ["a", "b"]})
        >>> labels, notes = align_communities(network.graph, {0: np.array([2, 1, 3]), 1: np.array([0, 1, 2])})
        >>> labels[0].tolist(), labels[1].tolist(), str(notes[0])
        ([1, 1, -1], [0, 1, 1], '1 of 4 communities hold no output: their 1 neurons serve no task')
    """
    numbers, outputs = _outputs_of(graph, communities)
    held = outputs.sum(axis=1) > 0
    task = np.full(len(numbers), -1)
    task[held] = outputs[held].argmax(axis=1) if held.sum() > len(graph.tasks) else _one_to_one(outputs[held])
    labels = _renamed(communities, numbers, task)
    notes = []
    if not held.all():
        idle, neurons = numbers[~held], np.concatenate(list(communities.values()))
        counts = {"count": len(idle), "of": len(numbers), "members": np.isin(neurons, idle).sum()}
        notes.append(Note("communities-without-outputs", counts | {"units": graph.units_word(communities)}))
    if without := sorted(set(range(len(graph.tasks))) - set(task.tolist())):
        notes.append(Note("tasks-without-community", {"tasks": tuple(graph.tasks[number] for number in without)}))
    return labels, [*notes, *_misplaced(graph, outputs, labels, "community")]


def _outputs_of(graph: Graph, clusters: Mapping[int, NDArray[np.integer]]) -> tuple[IntArray, IntArray]:
    """Count the outputs of each task in each cluster.

    Returns:
        ``(clusters,)``, the numbers of the clusters in the order of their first neurons, and ``(clusters, tasks)``.

    Raises:
        NotApplicableError: the output layer is not split.
    """
    if not set(graph.output_populations) <= set(clusters):
        raise NotApplicableError(
            f"clusters of network {graph.name!r}: expected its output layer among the split layers, found "
            f"{list(clusters)}: clusters are matched with tasks by their outputs"
        )
    everything, given = _in_one_row(clusters), _in_one_row(dict(enumerate(graph.task_of)), clusters)
    numbers, first = np.unique(everything[everything >= 0], return_index=True)
    ordered = numbers[np.argsort(first)].astype(np.int64)
    tasks = len(graph.tasks)
    count = [np.bincount(given[(everything == number) & (given >= 0)], minlength=tasks) for number in ordered]
    return ordered, np.array(count, np.int64).reshape(len(ordered), tasks)


def _in_one_row(values: Mapping[int, NDArray[np.integer]], populations: Iterable[int] | None = None) -> IntArray:
    """Return the values of the units of populations, all of them if None, one after the other."""
    return np.concatenate([values[k] for k in (values if populations is None else populations)]).astype(np.int64)


def _one_to_one(count: IntArray) -> IntArray:
    """Return the task of each cluster, with most outputs in the cluster of their task; `count` is (clusters, tasks)."""
    from scipy.optimize import linear_sum_assignment  # takes longer to import than the rest of the splits

    _, task = linear_sum_assignment(count, maximize=True)
    return np.asarray(task, np.int64)


def _renamed(clusters: Mapping[int, NDArray[np.integer]], numbers: IntArray, task: IntArray) -> dict[int, IntArray]:
    """Return the clusters with the numbers of their tasks in place of their own."""
    renamed = np.full(numbers.max(initial=-1) + 2, -1)  # the last entry is for -1
    renamed[numbers] = task
    return {k: renamed[cluster].astype(np.int64) for k, cluster in clusters.items()}


def _misplaced(graph: Graph, count: IntArray, labels: Mapping[int, IntArray], word: str) -> list[Note]:
    """Note the outputs that lie in a cluster, ``(clusters, tasks)`` outputs in each, of another task."""
    given = _in_one_row(dict(enumerate(graph.task_of)), labels)
    outputs, given = _in_one_row(labels)[given >= 0], given[given >= 0]
    wrong = np.count_nonzero((outputs >= 0) & (outputs != given))
    most = count.sum(axis=1).max(initial=0)
    if not wrong:
        return []
    return [Note("misplaced-outputs", {"count": wrong, "of": len(outputs), "most": most, "group": word})]


def cluster(estimator: Any, data: Any) -> tuple[NDArray[np.integer], list[Note]]:
    """Run a clustering of scikit-learn, the same on every machine and without warnings on the screen.

    Args:
        estimator: an object with the method ``fit_predict`` and its own random state.
        data: the argument of its ``fit_predict``.

    Returns:
        ``(samples,)``, the numbers of the clusters, and the warnings as notes.
    """
    with one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = estimator.fit_predict(data)
    # Warnings of deprecation are not about this network.
    relevant = [w.message for w in caught if issubclass(w.category, (UserWarning, RuntimeWarning))]
    messages = dict.fromkeys(" ".join(str(message).split()) for message in relevant)
    return labels, [Note("library-warning", {"library": "scikit-learn", "message": message}) for message in messages]
