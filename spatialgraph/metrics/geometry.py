"""Measures of where neurons lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import DoubleArray, Graph, IntArray
from ..graph.split import Split
from ..graph.sums import PIECE
from .metric import metric


@metric("wiring", of="network", better="", weights=True, bounds=(0, inf))
def wiring(graph: Graph) -> float:
    """Measure the mean over the split connections of strength × distance.

    The transport cost of "Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, averaged over all pairs of
    neurons of two connected split layers; a pair with weight 0 counts as 0. In units of length, at least 0.

    Args:
        graph: the graph.

    Raises:
        NotApplicableError: split layers have no positions, or no two of them are connected.
    """
    _require_positions("wiring", graph)
    if not graph.split_connections:
        raise NotApplicableError(f"wiring: expected connected split layers in network {graph.name!r}, found none")
    from scipy.spatial.distance import cdist  # takes long to import

    total, pairs = 0.0, 0
    for connection in graph.split_connections:
        target, source = (_position(graph, k) for k in (connection.target, connection.source))
        weight = connection.weight
        for piece in _pieces(*weight.shape):
            total += float((np.abs(weight[piece]) * cdist(target[piece], source)).sum())
        pairs += weight.size
    return total / pairs


@metric("silhouette", of="split", better="high", weights=False, bounds=(-1, 1))
def silhouette(graph: Graph, split: Split) -> float:
    """Measure how much closer neurons lie to neurons of their own group than to those of the nearest other group.

    The mean over neurons of (b − a) / max(a, b), a the mean distance to the neurons of the own group and b to those of
    the nearest other: "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7. Over the neurons of all split layers together, without those of
    no group, see `Split.groups`. From −1 to 1.

    Args:
        graph: the graph.
        split: a partition.

    Raises:
        NotApplicableError: there are no positions, the split is no partition, or fewer than two groups have neurons, or
            each group has but one.
    """
    position, labels = _placed("silhouette", graph, split)
    groups = len(np.unique(labels))
    if not 2 <= groups < len(labels):
        raise NotApplicableError(
            f"silhouette of split {split.method!r}: expected at least 2 groups with neurons and more neurons than "
            f"that, found {groups} and {len(labels)}"
        )
    from sklearn.metrics import silhouette_score  # takes seconds to import; no other metric needs it

    return float(silhouette_score(position, labels))


@metric("inter-intra-distance", of="split", better="high", weights=False, bounds=(0, inf))
def inter_intra_distance(graph: Graph, split: Split) -> float:
    """Measure how many times farther apart neurons of different groups lie than neurons of one group.

    The mean distance between two neurons of different groups, divided by the mean distance between two of one group:
    each over all pairs of different neurons of the split layers, whether in one layer or in two, without the neurons of
    no group, see `Split.groups`. At least 0; 1 where groups are not apart, and more where they are.

    Args:
        graph: the graph.
        split: a partition.

    Raises:
        NotApplicableError: there are no positions, the split is no partition, no two neurons are of different groups or
            none of one, or those of one group all lie in one place.
    """
    from scipy.spatial.distance import cdist

    position, labels = _placed("inter-intra-distance", graph, split)
    names = split.group_names(graph.tasks)
    members = (labels[:, None] == np.arange(len(names))).astype(np.float64)
    sums = np.zeros((len(names), len(names)))
    for piece in _pieces(len(position), len(position)):
        sums += members[piece].T @ (cdist(position[piece], position) @ members)
    count = members.sum(axis=0)
    # Ordered pairs; the distance of a neuron from itself is 0 in the sums, and it is no pair.
    within, all_pairs = (count * (count - 1)).sum(), len(labels) * (len(labels) - 1)
    inner = sums.trace()
    if not (within and all_pairs > within and inner > 0):
        raise NotApplicableError(
            f"inter-intra-distance of split {split.method!r}: expected pairs of neurons of different groups, and of "
            f"one group in different places, found {_counted(names, count)}"
        )
    return float((sums.sum() - inner) / (all_pairs - within) / (inner / within))


def _counted(names: Sequence[str], count: DoubleArray) -> str:
    return ", ".join(f"{n:.0f} of {name}" for name, n in zip(names, count, strict=True))


def _placed(name: str, graph: Graph, split: Split) -> tuple[DoubleArray, IntArray]:
    """Return the positions ``(neurons, dim)`` and the groups of the neurons that are of one."""
    _require_positions(name, graph)
    split.require_for(graph)
    labels = np.concatenate([split.group_of(k) for k in graph.split_populations])
    position = np.concatenate([_position(graph, k) for k in graph.split_populations])
    return position[labels >= 0], labels[labels >= 0]


def _position(graph: Graph, layer: int) -> DoubleArray:
    """Return the positions of a layer that has them, ``(units, dim)``."""
    return np.asarray(graph.populations[layer].position, np.float64)


def _pieces(rows: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that together are all of them, so that no more than `PIECE` numbers are made at a time."""
    step = max(1, PIECE // max(width, 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def _require_positions(name: str, graph: Graph) -> None:
    if not graph.has_positions:
        raise NotApplicableError(f"{name}: expected positions in every split layer of {graph.name!r}, found none")
