"""Splits by activations: a neuron belongs to the task for which a statistic of its activation is largest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import Graph
from ..graph.split import Split
from ..notes import Note
from ..runners.runner import Runner
from .counting import note_on_units
from .method import Counted, split_method
from .strengths import with_given


def _means(graph: Graph, runner: Runner) -> Counted:
    return Counted("mean activation on each task's examples", runner.statistics(_hidden(graph)).mean)


def _variances(graph: Graph, runner: Runner) -> Counted:
    return Counted("variance of the activation on each task's examples", runner.statistics(_hidden(graph)).variance)


def _task_variances(graph: Graph, runner: Runner) -> Counted:
    what = "variance of the activation when the input of one task alone varies"
    return Counted(what, runner.task_variance(_hidden(graph)))


@split_method("activation-mean", sees="activations", counts=_means)
def activation_mean(graph: Graph, runner: Runner) -> Split:
    """Give each neuron to the task on whose examples its mean activation is largest.

    The "network activation statistics" of "Biologically-Inspired Spatial Neural Networks", Wołczyk et al. 2019, arXiv
    1910.02776. Outputs have the tasks that they belong to.

    It cannot distinguish tasks whose inputs are always present together: they have the same examples, so the means are
    equal and every neuron goes to the first task, which is noted.

    Args:
        graph: the graph.
        runner: runs the network; a task's examples are those that are labelled for it.

    Raises:
        NotApplicableError: a task has no labelled example.
    """
    mean = _means(graph, runner).values
    notes = _example_notes("activation-mean", graph, runner)
    return _by_largest("activation-mean", graph, mean, "mean activation", notes, silent=False)


@split_method("activation-variance", sees="activations", counts=_variances)
def activation_variance(graph: Graph, runner: Runner) -> Split:
    """Give each neuron to the task on whose examples its activation varies most.

    As `activation_mean`, with the variance in place of the mean. A neuron whose activation is constant on every task's
    examples serves none. It cannot tell tasks apart whose inputs are always present together either;
    `task_variance_split` can.

    Args:
        graph: the graph.
        runner: runs the network; a task's examples are those that are labelled for it.

    Raises:
        NotApplicableError: a task has no labelled example.
    """
    variance = _variances(graph, runner).values
    notes = _example_notes("activation-variance", graph, runner)
    return _by_largest("activation-variance", graph, variance, "variance", notes, silent=True)


@split_method("task-variance", sees="activations", counts=_task_variances)
def task_variance_split(graph: Graph, runner: Runner) -> Split:
    """Give each neuron to the task whose input makes its activation vary most while the other tasks' inputs are held.

    Task variance: "Task representations in neural networks trained to perform many cognitive tasks", Yang et al. 2019,
    doi:10.1038/s41593-018-0310-2; see `spatialgraph.runners.activations.task_variance`. Outputs have the tasks that
    they belong to. A neuron that nothing makes vary serves no task.

    It cannot do without probes: groups of examples in which the input of one task alone varies.

    Args:
        graph: the graph.
        runner: runs the network on the examples in which the input of one task alone varies.

    Raises:
        NotApplicableError: a task has no probes.
    """
    variance = _task_variances(graph, runner).values
    return _by_largest("task-variance", graph, variance, "task variance", [], silent=True)


def _hidden(graph: Graph) -> list[int]:
    """Return the numbers of the split populations with units that are no outputs, whose tasks are given."""
    return [k for k in graph.split_populations if (graph.task_of[k] < 0).any()]


def _example_notes(method: str, graph: Graph, runner: Runner) -> list[Note]:
    """Note tasks that have the same examples; raise NotApplicableError if one has none."""
    tasks_of: dict[bytes, list[str]] = {}
    for task, labelled in zip(graph.tasks, runner.labelled.T, strict=True):
        if not labelled.any():
            raise NotApplicableError(f"split {method!r}: expected examples labelled for task {task!r}, found none")
        tasks_of.setdefault(labelled.tobytes(), []).append(task)
    return [Note("same-examples", {"tasks": tuple(tasks)}) for tasks in tasks_of.values() if len(tasks) > 1]


def _by_largest(
    method: str,
    graph: Graph,
    statistic: Mapping[int, NDArray[np.float64]],
    word: str,
    notes: Iterable[Note],
    *,
    silent: bool,
) -> Split:
    """Give each neuron to the task for which a statistic is largest.

    Args:
        method: the method's name.
        graph: the graph.
        statistic: layer number to ``(units, tasks)``.
        word: the name of the statistic in notes.
        notes: the notes that come first.
        silent: whether a neuron serves no task if the statistic is 0 for every task.
    """
    labels, notes = {}, list(notes)
    for k, values in statistic.items():
        largest, free = values.max(axis=1), graph.task_of[k] < 0
        dead = (values == 0).all(axis=1) & silent & free
        tied = ((values == largest[:, None]).sum(axis=1) > 1) & ~dead & free
        labels[k] = np.where(dead, -1, values.argmax(axis=1))
        if dead.any():
            notes.append(note_on_units("constant", graph, k, np.count_nonzero(dead)))
        if tied.any():
            notes.append(note_on_units("tied-statistics", graph, k, np.count_nonzero(tied), statistic=word))
    return Split.from_labels(method, with_given(graph, labels), len(graph.tasks), notes)
