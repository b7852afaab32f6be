"""Measures of communities themselves: how many there are, and how far they are those of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import Graph, IntArray
from ..graph.split import Split
from .metric import metric


@metric("communities", of="communities", better="", weights=True, bounds=(0, inf))
def communities(graph: Graph, split: Split) -> float:
    """Measure how many communities a method found.

    Args:
        graph: the graph.
        split: a split whose method found communities.

    Raises:
        NotApplicableError: the method gave neurons to tasks, or no layer is split.
    """
    _found("communities", split)
    return float(len(split.group_names(graph.tasks)))


@metric("task-alignment", of="communities", better="high", weights=True, bounds=(-1, 1))
def task_alignment(graph: Graph, split: Split) -> float:
    """Measure how far the communities of the outputs are their tasks, whichever community is which task's.

    AMI = (I − E[I]) / (mean(H₁, H₂) − E[I]),  I what the outputs' communities and their tasks share, H₁ and H₂ their
    entropies, E[I] what communities of these sizes share with the tasks by chance: "Information theoretic measures for
    clusterings comparison", Vinh, Epps & Bailey 2010, Journal of Machine Learning Research 11. 1 if each task's outputs
    are one community, 0 by chance, as where all outputs lie in one, and below where they are mixed more evenly.

    Of the outputs alone is it known which task they do. Methods that are told so are not measured: it would be 1
    however they divide the other neurons.

    Args:
        graph: the graph.
        split: a split whose method found communities; an output of none is one of its own.

    Raises:
        NotApplicableError: the method gave neurons to tasks, the output layer is not split, or there is but one task.
    """
    found = _found("task-alignment", split)
    if not set(graph.output_populations) <= set(found) or len(graph.tasks) < 2:
        raise NotApplicableError(
            f"task-alignment of network {graph.name!r}: expected split outputs of at least 2 tasks, found "
            f"{len(graph.tasks)} and split layers {list(found)}"
        )
    from sklearn.metrics import adjusted_mutual_info_score  # takes seconds to import

    task = np.concatenate([graph.task_of[k] for k in found])
    outputs = np.concatenate(list(found.values()))[task >= 0]
    alone = outputs < 0
    outputs[alone] = -1 - alone.cumsum()[alone]
    return float(adjusted_mutual_info_score(task[task >= 0], outputs))


def _found(metric: str, split: Split) -> Mapping[int, IntArray]:
    """Return the communities of a split; raise NotApplicableError if it has none."""
    if not split.communities:
        raise NotApplicableError(
            f"{metric} of split {split.method!r}: expected communities that its method found, found none"
        )
    return split.communities
