"""What can be measured: of a network, of a split of it, and of what the parts of a split can still do.

A metric is one function with the decorator `metric`. The command line's choices and the contract test follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist

from .graph import adjacency
from .masking import Performance
from .network import IntArray, Network, NotApplicableError
from .registry import Registry
from .splits.split import Split

Of = Literal["network", "split", "function"]


@dataclass(frozen=True)
class Measurement:
    """One number that a metric gives.

    Attributes:
        value: the number; its unit and range are the metric's.
        task: the name of the task that it is of, ``""`` if it is of all.
        layer: the name of the layer that it is of, ``""`` if it is of all split layers.
    """

    value: float
    task: str = ""
    layer: str = ""


Metric = Callable[..., "float | list[Measurement]"]
MetricFunction = TypeVar("MetricFunction", bound=Metric)

METRICS: Registry[Metric] = Registry("metric")
"""Every metric, by name."""

_OF: dict[str, Of] = {}


def metric(name: str, *, of: Of) -> Callable[[MetricFunction], MetricFunction]:
    """Return a decorator that enters a function in `METRICS`.

    Args:
        name: the metric's name.
        of: what it is a measure of, and so what the function is given: ``"network"``: a `Network`; ``"split"``: a
            `Network` and a `Split`; ``"function"``: a `Performance`. It returns a number or a list of `Measurement`, or
            raises `NotApplicableError`.

    Raises:
        ValueError: there is a metric of this name.
    """

    def enter(function: MetricFunction) -> MetricFunction:
        METRICS.register(name)(function)
        _OF[name] = of
        return function

    return enter


def measure_of(name: str) -> Of:
    """Return what a metric is a measure of: ``"network"``, ``"split"`` or ``"function"``.

    Raises:
        ValueError: there is no such metric.

    Example:
        >>> measure_of("modularity"), measure_of("accuracy")
        ('split', 'function')
    """
    METRICS[name]
    return _OF[name]


def measure(name: str, *subject: Network | Split | Performance) -> list[Measurement]:
    """Return what a metric measures as a list, also of a single number.

    Args:
        name: the metric's name.
        subject: what the function is given, as `metric` says.

    Raises:
        NotApplicableError: the metric asks for something that is not there.
        ValueError: there is no such metric.
    """
    value = METRICS[name](*subject)
    return value if isinstance(value, list) else [Measurement(value)]


def strength_between(network: Network, split: Split) -> sparse.csr_array:
    """Sum the strengths of the split connections between communities.

    M_st = Σ |w_ij| over the connections from neurons j of community s to neurons i of community t.

    Args:
        network: the network.
        split: a partition of its split layers.

    Returns:
        ``(communities, communities)`` float64, at least 0; row is source. The tasks come first, in order, then the
        neurons that serve no task, in the order of `node_index`: each is a community of its own.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 0.5]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, -1], 1: [0, 1]}, tasks=2)
        >>> strength_between(network, split).toarray().tolist()
        [[3.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.5, 0.0]]
    """
    split.require_for(network)
    community = _communities(network, split)
    neurons = len(community)
    members = sparse.csr_array(
        (np.ones(neurons), (np.arange(neurons), community)),
        shape=(neurons, max(len(network.tasks), community.max() + 1)),
    )
    return sparse.csr_array(members.T @ adjacency(network) @ members)


@metric("modularity", of="split")
def modularity(network: Network, split: Split) -> float:
    """Measure how much more strength lies within tasks than expected of the neurons' total strengths.

    Q = Σ_c [L_c / m − (k_c / 2m)²],  L_c the strength within community c, k_c the summed strengths of its neurons, m
    the total strength; directions are ignored. "Finding and evaluating community structure in networks", Newman &
    Girvan 2004, arXiv cond-mat/0308217, with weights as in "Analysis of weighted networks", Newman 2004, arXiv
    cond-mat/0407503. From −1/2 to 1. The expectation includes connections within layers, which cannot exist, and values
    are not comparable between networks of different density.

    Args:
        network: the network.
        split: a partition; a neuron that serves no task is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    within, leaving, entering = _community_strengths(network, split)
    total = leaving.sum()
    return float((within / total - ((leaving + entering) / (2 * total)) ** 2).sum())


@metric("directed-modularity", of="split")
def directed_modularity(network: Network, split: Split) -> float:
    """Measure how much more strength lies within tasks than expected of what leaves and what enters the neurons.

    Q = Σ_c [L_c / m − (out_c · in_c) / m²],  the symbols as in `modularity`, out_c and in_c the strengths that leave
    and enter the neurons of community c. "Community structure in directed networks", Leicht & Newman 2008, arXiv
    0709.4500. From −1 to 1.

    Args:
        network: the network.
        split: a partition; a neuron that serves no task is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    within, leaving, entering = _community_strengths(network, split)
    total = leaving.sum()
    return float((within / total - leaving * entering / total**2).sum())


@metric("cut", of="split")
def cut(network: Network, split: Split) -> float:
    """Measure the share of the total strength that runs between neurons of different tasks.

    From 0 to 1. A connection of a neuron that serves no task is part of the total and runs between no two tasks.

    Args:
        network: the network.
        split: a partition.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    between = _require_strength(network, strength_between(network, split))
    tasks = len(network.tasks)
    of_tasks = between[:tasks, :tasks]
    return float((of_tasks.sum() - of_tasks.trace()) / between.sum())


@metric("share", of="split")
def share(network: Network, split: Split) -> list[Measurement]:
    """Measure which fraction of the neurons serves each task, in each split layer and in all of them together.

    From 0 to 1. The shares of a layer add up to 1 if every neuron serves just one task.

    Args:
        network: the network.
        split: any split.

    Raises:
        NotApplicableError: no layer is split.
    """
    if not split.membership:
        raise NotApplicableError(f"share: expected split layers in network {network.name!r}, found none")
    parts = {network.layers[k].name: members for k, members in split.membership.items()}
    parts[""] = np.concatenate(list(parts.values()))
    return [
        Measurement(float(value), task, layer)
        for layer, members in parts.items()
        for task, value in zip(network.tasks, members.mean(axis=0), strict=True)
    ]


@metric("wiring", of="network")
def wiring(network: Network) -> float:
    """Measure the mean over the split connections of strength × distance.

    The transport cost of "Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, averaged over all pairs of
    neurons of two connected split layers; a pair with weight 0 counts as 0. In units of length, at least 0.

    Args:
        network: the network.

    Raises:
        NotApplicableError: split layers have no positions, or no two of them are connected.
    """
    _require_positions("wiring", network)
    if not network.split_connections:
        raise NotApplicableError(f"wiring: expected connected split layers in network {network.name!r}, found none")
    total, pairs = 0.0, 0
    for connection in network.split_connections:
        distance = cdist(network.layers[connection.target].position, network.layers[connection.source].position)
        total += float((np.abs(connection.weight) * distance).sum())
        pairs += distance.size
    return total / pairs


@metric("silhouette", of="split")
def silhouette(network: Network, split: Split) -> float:
    """Measure how much closer neurons lie to neurons of their own task than to those of the nearest other task.

    The mean over neurons of (b − a) / max(a, b), a the mean distance to the neurons of the own task and b to those of
    the nearest other: "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis",
    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7. Over the neurons of all split layers together, without those that
    serve no task. From −1 to 1.

    Args:
        network: the network.
        split: a partition.

    Raises:
        NotApplicableError: there are no positions, the split is no partition, or fewer than two tasks have neurons, or
            each task has but one.
    """
    _require_positions("silhouette", network)
    split.require_for(network)
    labels = np.concatenate([split.labels(k) for k in network.split_layers])
    position = np.concatenate([np.asarray(network.layers[k].position, np.float64) for k in network.split_layers])
    position, labels = position[labels >= 0], labels[labels >= 0]
    found = len(np.unique(labels))
    if not 2 <= found < len(labels):
        raise NotApplicableError(
            f"silhouette of split {split.method!r}: expected at least 2 tasks with neurons and more neurons than that, "
            f"found {found} and {len(labels)}"
        )
    from sklearn.metrics import silhouette_score  # takes seconds to import; no other metric needs it

    return float(silhouette_score(position, labels))


@metric("accuracy", of="function")
def accuracy(performance: Performance) -> list[Measurement]:
    """Measure the accuracy of each task with only the neurons that serve it.

    From 0 to 1; nan for a task without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.own)


@metric("accuracy-drop", of="function")
def accuracy_drop(performance: Performance) -> list[Measurement]:
    """Measure how much accuracy each task loses when only the neurons that serve it are left.

    Accuracy of the whole network − accuracy of the part. From −1 to 1; nan for a task without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.full - performance.own)


@metric("leaked-accuracy", of="function")
def leaked_accuracy(performance: Performance) -> list[Measurement]:
    """Measure the accuracy of each task with only the neurons of the other tasks, and its own outputs.

    From 0 to 1; at chance if the other tasks' neurons know nothing of this task. nan without labelled examples.

    Args:
        performance: what the network and the parts of a split can do.
    """
    return _per_task(performance, performance.leaked)


def _per_task(performance: Performance, values: NDArray[np.float64]) -> list[Measurement]:
    return [Measurement(float(value), task) for task, value in zip(performance.tasks, values, strict=True)]


def _communities(network: Network, split: Split) -> IntArray:
    """Return ``(neurons,)``: the task of each neuron of the split layers, or a number of its own beyond the tasks'."""
    if not network.split_layers:
        raise NotApplicableError(f"measures of communities: expected split layers in {network.name!r}, found none")
    labels = np.concatenate([split.labels(k) for k in network.split_layers])
    alone = labels < 0
    labels[alone] = len(network.tasks) + np.arange(np.count_nonzero(alone))
    return labels


def _community_strengths(
    network: Network, split: Split
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the strengths within, leaving and entering each community, all ``(communities,)``."""
    between = _require_strength(network, strength_between(network, split))
    return between.diagonal(), between.sum(axis=1), between.sum(axis=0)


def _require_strength(network: Network, between: sparse.csr_array) -> sparse.csr_array:
    """Return the strengths between communities; raise NotApplicableError if there are none."""
    if not between.sum() > 0:
        raise NotApplicableError(
            f"measures of communities: expected connections between the split layers of {network.name!r}, found none"
        )
    return between


def _require_positions(name: str, network: Network) -> None:
    if not network.has_positions:
        raise NotApplicableError(f"{name}: expected positions in every split layer of {network.name!r}, found none")
