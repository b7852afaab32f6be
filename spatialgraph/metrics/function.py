"""Measures of the accuracy of the parts of a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..runners.runner import Performance
from .metric import Measurement, metric


@metric("accuracy", of="function", better="high", weights=True, bounds=(0, 1))
def accuracy(performance: Performance) -> list[Measurement]:
    """Measure the accuracy of each task with only the neurons that serve it.

    From 0 to 1; nan for a task without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.own)


@metric("accuracy-drop", of="function", better="low", weights=True, bounds=(-1, 1))
def accuracy_drop(performance: Performance) -> list[Measurement]:
    """Measure how much accuracy each task loses when only the neurons that serve it are left.

    Accuracy of the whole network − accuracy of the part. From −1 to 1; nan for a task without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.full - performance.own)


@metric("leaked-accuracy", of="function", better="low", weights=True, bounds=(0, 1))
def leaked_accuracy(performance: Performance) -> list[Measurement]:
    """Measure the accuracy of each task with only the neurons of the other tasks, and its own outputs.

    From 0 to 1; at chance if the other tasks' neurons know nothing of this task. nan without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.leaked)


@metric("double-dissociation", of="function", better="high", weights=True, bounds=(-1, 1))
def double_dissociation(performance: Performance) -> list[Measurement]:
    """Measure how much better the neurons of each task do their own task than the others.

    D_i = a_ii − mean_{j ≠ i} a_ij,  a_ij the accuracy of task j with only the neurons that serve task i, and the
    outputs of j. From −1 to 1; nan if one of the accuracies is nan. Two tasks dissociate doubly if D is high for both:
    if it is high for one task only, the other may simply be harder for all neurons ("Physiological psychology", Teuber
    1955, doi:10.1146/annurev.ps.06.020155.001411).

    Args:
        performance: what the network and the parts of a split can do.

    Raises:
        NotApplicableError: there is only one task.
    """
    tasks = len(performance.tasks)
    if tasks < 2:
        raise NotApplicableError(f"double-dissociation: expected at least 2 tasks, found {tasks}")
    others = performance.kept[~np.eye(tasks, dtype=bool)].reshape(tasks, tasks - 1)
    return _per_task(performance, performance.kept.diagonal() - others.mean(axis=1))


@metric("accuracy-without", of="function", better="", weights=True, bounds=(0, 1))
def accuracy_without(performance: Performance) -> list[Measurement]:
    """Measure the accuracy of each task when the neurons of one module are disabled, for each module.

    A module is the neurons that serve one task, including those that also serve other tasks; the outputs stay. From 0
    to 1; nan for a task without labelled examples. The losses of a task without its own module and without other
    modules show its selectivity. If the method found communities, the accuracy is also measured without each community
    that is no task's module and has at least 1 % of the neurons.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return [
        Measurement(float(value), task, module)
        for module, row in zip((*performance.tasks, *performance.communities), performance.lesioned, strict=True)
        for task, value in zip(performance.tasks, row, strict=True)
    ]


def _per_task(performance: Performance, values: NDArray[np.float64]) -> list[Measurement]:
    return [Measurement(float(value), task) for task, value in zip(performance.tasks, values, strict=True)]
