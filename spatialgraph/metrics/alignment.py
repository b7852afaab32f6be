"""Measures of communities themselves: their number, and how well they match the tasks."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from ..contingency import adjusted_mutual_information, contingency
from ..faults import NotApplicableError
from ..graph.graph import Graph, IntArray
from ..graph.split import Split
from .metric import metric


@metric("communities", of="communities", better="", weights=True, bounds=(0, inf))
def communities(graph: Graph, split: Split) -> float:
    """Measure the number of communities that a method found.

    Args:
        graph: the graph.
        split: a split whose method found communities.

    Raises:
        NotApplicableError: the method gave neurons to tasks, or no layer is split.
    """
    _communities("communities", split)
    return float(len(split.group_names(graph.tasks)))


@metric("task-alignment", of="communities", better="high", weights=True, bounds=(-1, 1))
def task_alignment(graph: Graph, split: Split) -> float:
    """Measure how well the communities of the outputs match the outputs' tasks, under any naming of communities.

    AMI = (I − E[I]) / (mean(H₁, H₂) − E[I]),  I the mutual information of the outputs' communities and their tasks, H₁
    and H₂ their entropies, E[I] the expected mutual information for groups of these sizes: "Information theoretic
    measures for clusterings comparison", Vinh, Epps & Bailey 2010, Journal of Machine Learning Research 11. 1 if each
    task's outputs are one community; 0 by chance, for example if all outputs lie in one community; below 0 if tasks are
    mixed more evenly than by chance.

    Only the tasks of outputs are known. Methods that use these tasks are not measured: the value would be 1 however
    they divide the other neurons.

    Args:
        graph: the graph.
        split: a split whose method found communities; an output of no community is a community of its own.

    Raises:
        NotApplicableError: the method gave neurons to tasks, the output layer is not split, or there is only one task.
    """
    of_layers = _communities("task-alignment", split)
    if not set(graph.output_populations) <= set(of_layers) or len(graph.tasks) < 2:
        raise NotApplicableError(
            f"task-alignment of network {graph.name!r}: expected split outputs of at least 2 tasks, found "
            f"{len(graph.tasks)} and split layers {list(of_layers)}"
        )
    task = np.concatenate([graph.task_of[k] for k in of_layers])
    outputs = np.concatenate(list(of_layers.values()))[task >= 0]
    alone = outputs < 0
    outputs[alone] = -1 - alone.cumsum()[alone]
    numbers = np.unique(outputs, return_inverse=True)[1]
    return adjusted_mutual_information(contingency(task[task >= 0], numbers))


def _communities(metric: str, split: Split) -> Mapping[int, IntArray]:
    """Return the communities of a split; raise NotApplicableError if it has none."""
    if not split.communities:
        raise NotApplicableError(
            f"{metric} of split {split.method!r}: expected communities that its method found, found none"
        )
    return split.communities
