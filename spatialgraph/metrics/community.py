"""Measures of where strength lies: within the groups of a split, or between them.

The groups are the communities of a split, if its method finds any, or else the modules of the tasks: see
`Split.groups`. Only `share` is always of tasks.
"""

from __future__ import annotations

from math import inf

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import DoubleArray, Graph
from ..graph.split import Split
from ..graph.sums import Quantity, pair_strengths, weighted_sums
from .groups import GroupSums, group_sums, memberships, strengths_to_groups
from .metric import Measurement, metric


@metric("modularity", of="split", better="high", weights=True, bounds=(-0.5, 1))
def modularity(graph: Graph, split: Split) -> float:
    """Measure how much more strength lies within groups than expected from the neurons' total strengths.

    Q = Σ_c [L_c / m − (k_c / 2m)²],  L_c the strength within community c, k_c the summed strengths of its neurons, m
    the total strength; directions are ignored. "Finding and evaluating community structure in networks", Newman &
    Girvan 2004, arXiv cond-mat/0308217, with weights as in "Analysis of weighted networks", Newman 2004, arXiv
    cond-mat/0407503. From −1/2 to 1. The expectation covers all pairs of neurons, also those of layers that have no
    connection in the graph, such as two neurons of one layer in a feed-forward network. Values are not comparable
    between networks of different density.

    Args:
        graph: the graph.
        split: a partition; a neuron of no group is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    sums = _with_strength(graph, split)
    return _excess(sums) / sums.total


@metric("directed-modularity", of="split", better="high", weights=True, bounds=(-1, 1))
def directed_modularity(graph: Graph, split: Split) -> float:
    """Measure how much more strength lies within groups than expected from the strengths that leave and enter neurons.

    Q = Σ_c [L_c / m − (out_c · in_c) / m²],  the symbols as in `modularity`, out_c and in_c the strengths that leave
    and enter the neurons of community c. "Community structure in directed networks", Leicht & Newman 2008, arXiv
    0709.4500. From −1 to 1.

    Args:
        graph: the graph.
        split: a partition; a neuron of no group is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    sums = _with_strength(graph, split)
    return float((sums.within / sums.total - sums.leaving * sums.entering / sums.total**2).sum())


@metric("layered-modularity", of="split", better="high", weights=True, bounds=(-1, 1))
def layered_modularity(graph: Graph, split: Split) -> float:
    """Measure how much more strength lies within groups than expected from each connection matrix by itself.

    Q = 1/m Σ_ℓ Σ_c [L_ℓc − out_ℓc · in_ℓc / m_ℓ],  over the connection matrices ℓ: L_ℓc the strength of ℓ within
    community c, out_ℓc and in_ℓc the strengths that leave and enter its neurons through ℓ, m_ℓ the strength of ℓ, and m
    that of all. Between two layers, the term of ℓ, divided by m_ℓ, is the bipartite modularity of "Modularity and
    community detection in bipartite networks", Barber 2007, arXiv 0707.1616; from a population to itself, it is the
    directed modularity of "Community structure in directed networks", Leicht & Newman 2008, arXiv 0709.4500. Where
    every ℓ joins two layers and the communities are the layers, Q is 0 and `modularity` is negative. From −1 to 1.

    Args:
        graph: the graph.
        split: a partition; a neuron of no group is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    sums = _with_strength(graph, split)
    between = sums.between[sums.between.any(axis=(1, 2))]
    leaving, entering = between.sum(axis=2)[:, :-1], between.sum(axis=1)[:, :-1]
    # A neuron of no group adds no expectation between two layers: it is at one end of the connection only.
    expected = (leaving * entering).sum(axis=1) / between.sum(axis=(1, 2))
    return float((sums.within.sum() - expected.sum() - sums.alone_expected) / sums.total)


@metric("signed-modularity", of="split", better="high", weights=True, bounds=(-1, 1))
def signed_modularity(graph: Graph, split: Split) -> float:
    """Measure how much more positive weight and how much less negative weight lies within groups than expected.

    Q = (w⁺ Q⁺ − w⁻ Q⁻) / (w⁺ + w⁻),  Q⁺ and Q⁻ the `modularity` of the positive weights and of the sizes of the
    negative ones, w⁺ and w⁻ their sums. "Analysis of community structure in networks of correlated data", Gómez, Jensen
    & Arenas 2009, arXiv 0812.3030. From −1 to 1. Negative weights within a group count against it, as is right for
    correlations and for neurons that inhibit; the other measures here ignore signs.

    Args:
        graph: the graph.
        split: a partition; a neuron of no group is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    absolute, positive = _with_strength(graph, split), group_sums(graph, split, "positive")
    return (_excess(positive) - _excess(absolute.less(positive))) / absolute.total


@metric("cut", of="split", better="low", weights=True, bounds=(0, 1))
def cut(graph: Graph, split: Split) -> float:
    """Measure the share of the total strength that runs between neurons of different groups.

    From 0 to 1. Connections of a neuron of no group count in the total, but are not cut. More groups tend to give a
    higher value.

    Args:
        graph: the graph.
        split: a partition.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    sums = _with_strength(graph, split)
    of_groups = sums.between.sum(axis=0)[:-1, :-1]
    return float((of_groups.sum() - of_groups.trace()) / sums.total)


@metric("ncut", of="split", better="low", weights=True, bounds=(0, inf))
def ncut(graph: Graph, split: Split) -> float:
    """Measure the share of each group's strength that runs to neurons of another group or none, added up.

    Σ_g cut(g, rest) / vol(g),  vol(g) the summed strengths of the neurons of group g, directions ignored: a connection
    within the group counts at both of its ends. "Normalized cuts and image segmentation", Shi & Malik 2000,
    doi:10.1109/34.868688, for any number of groups. From 0 to the number of groups. A neuron of no group is in the rest
    of every group, and has no term of its own.

    Args:
        graph: the graph.
        split: a partition.

    Raises:
        NotApplicableError: the split is no partition, there is no strength, or the neurons of a group have none.
    """
    sums = _with_strength(graph, split)
    names = split.group_names(graph.tasks)
    volume = (sums.leaving + sums.entering)[: len(names)]
    if not volume.all():
        without = ", ".join(name for name, v in zip(names, volume, strict=True) if not v)
        raise NotApplicableError(
            f"ncut of split {split.method!r}: expected strength in every group, found none in {without}"
        )
    return float(((volume - 2 * sums.within[: len(names)]) / volume).sum())


@metric("participation", of="split", better="low", weights=True, bounds=(0, 1))
def participation(graph: Graph, split: Split) -> list[Measurement]:
    """Measure how evenly the strength of a neuron is spread over the groups, on average.

    The mean of `participation_coefficients` over the neurons of each split layer, and over those of all split layers.
    Neurons without strength are left out, and so are layers in which all neurons are without strength. From 0, where
    every neuron is connected with a single group, to below 1.

    Args:
        graph: the graph.
        split: a partition.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    _with_strength(graph, split)
    parts = {graph.populations[k].name: values for k, values in participation_coefficients(graph, split).items()}
    parts[""] = np.concatenate(list(parts.values()))
    connected = {layer: values[~np.isnan(values)] for layer, values in parts.items()}
    return [Measurement(float(values.mean()), part=layer) for layer, values in connected.items() if values.size]


def participation_coefficients(graph: Graph, split: Split) -> dict[int, DoubleArray]:
    """Return how evenly the strength of each neuron is spread over the groups.

    P_i = 1 − Σ_c (k_ic / k_i)²,  k_ic the strength of the connections, in either direction, of neuron i with the
    neurons of community c, and k_i that of all. "Functional cartography of complex metabolic networks", Guimerà &
    Amaral 2005, arXiv q-bio/0502035. From 0 to below 1. A neuron of no group is a community of its own.

    Args:
        graph: the graph.
        split: a partition of its split layers.

    Returns:
        layer number to ``(units,)``; nan for a neuron without strength.

    Raises:
        NotApplicableError: the split is no partition, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 0.0], [-1.0, 0.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, 1], 1: [0, 1]}, tasks=2)
        >>> participation_coefficients(network.graph, split)[0].tolist()
        [0.375, nan]
    """
    strengths = strengths_to_groups(graph, split)
    squares = {k: (strength[:-1] ** 2).sum(axis=0) for k, strength in strengths.items()}
    if any(strength[-1].any() for strength in strengths.values()):
        for k, values in _squares_with_alone(graph, split).items():
            squares[k] += values
    coefficients = {}
    for k, strength in strengths.items():
        total = strength.sum(axis=0)
        concentration = np.divide(squares[k], total**2, out=np.full_like(total, np.nan), where=total > 0)
        coefficients[k] = np.maximum(1 - concentration, 0)  # rounding may make a concentration of 1 slightly larger
    return coefficients


def _squares_with_alone(graph: Graph, split: Split) -> dict[int, DoubleArray]:
    """Sum the squared strengths of each neuron with every neuron of no group: population number to ``(units,)``."""
    if graph.is_layered:  # two neurons have one connection at most, so that its strength squared is a weight squared
        return {k: strength[-1] for k, strength in strengths_to_groups(graph, split, "squared").items()}
    alone = {k: member[-1] for k, member in memberships(graph, split).items()}
    squares = {k: np.zeros(len(which)) for k, which in alone.items()}
    for one, other, block in pair_strengths(graph):
        squares[one] += block**2 @ alone[other]
        if one != other:
            squares[other] += alone[one] @ block**2
    return squares


@metric("strength-assortativity", of="network", better="", weights=True, bounds=(-1, 1))
def strength_assortativity(graph: Graph) -> float:
    """Measure whether strong neurons are connected with strong neurons.

    The correlation (Pearson's r) of the summed strengths of the two neurons of a connection, over the split connections
    with a weight other than 0, each counted in both directions. "Mixing patterns in networks", Newman 2003, arXiv
    cond-mat/0209450, with summed strengths in place of degrees. From −1 to 1. It reflects layers of different width and
    hubs, not modules.

    Args:
        graph: the graph.

    Raises:
        NotApplicableError: there is no strength, or all connected neurons have the same strength.
    """
    strength, degree = _neuron_sums(graph, "absolute"), _neuron_sums(graph, "present")
    ends = sum(float(count.sum()) for count in degree.values())
    if not ends:
        raise _no_connections(graph)
    mean = sum(float(degree[k] @ strength[k]) for k in degree) / ends
    # Deviations from the mean, not mean squares minus the squared mean, which cancel where strengths are nearly equal.
    deviation = {k: np.where(degree[k] > 0, strength[k] - mean, 0) for k in degree}
    if max(np.abs(values).max() for values in deviation.values()) <= 1e-12 * mean:
        raise NotApplicableError(
            f"strength-assortativity: expected neurons of different strength in {graph.name!r}, found none"
        )
    variance = sum(float(degree[k] @ deviation[k] ** 2) for k in degree)
    covariance = 0.0
    for connection in graph.split_connections:
        source, target = deviation[connection.source], deviation[connection.target]
        received, _ = weighted_sums(connection.weight, "present", source[None], np.empty((0, len(target))))
        covariance += 2 * float(received[0] @ target)
    return float(np.clip(covariance / variance, -1, 1))


def _neuron_sums(graph: Graph, of: Quantity) -> dict[int, DoubleArray]:
    """Return a quantity summed over all split connections of each neuron: layer number to ``(units,)``."""
    sums = {k: np.zeros(graph.populations[k].size) for k in graph.split_populations}
    for connection in graph.split_connections:
        weight = connection.weight
        (received,), (sent,) = weighted_sums(weight, of, np.ones((1, weight.shape[1])), np.ones((1, weight.shape[0])))
        sums[connection.target] += received
        sums[connection.source] += sent
    return sums


@metric("share", of="split", better="", weights=False, bounds=(0, 1))
def share(graph: Graph, split: Split) -> list[Measurement]:
    """Measure the fraction of the neurons that serve each task, in each split layer and in all of them together.

    From 0 to 1. The shares of a layer add up to 1 if every neuron serves just one task.

    Args:
        graph: the graph.
        split: any split.

    Raises:
        NotApplicableError: no layer is split.
    """
    if not split.membership:
        raise NotApplicableError(f"share: expected split layers in network {graph.name!r}, found none")
    parts = {graph.populations[k].name: members for k, members in split.membership.items()}
    parts[""] = np.concatenate(list(parts.values()))
    return [
        Measurement(float(value), task, layer)
        for layer, members in parts.items()
        for task, value in zip(graph.tasks, members.mean(axis=0), strict=True)
    ]


def _excess(sums: GroupSums) -> float:
    """Return the strength within communities minus that expected from summed strengths, Q · m; 0 without strength."""
    if not sums.total > 0:
        return 0.0
    return float((sums.within - (sums.leaving + sums.entering) ** 2 / (4 * sums.total)).sum())


def _with_strength(graph: Graph, split: Split) -> GroupSums:
    """Return the strengths between communities; raise NotApplicableError if there are none."""
    sums = group_sums(graph, split)
    if not sums.total > 0:
        raise _no_connections(graph)
    return sums


def _no_connections(graph: Graph) -> NotApplicableError:
    return NotApplicableError(
        f"measures of communities: expected connections between the split layers of {graph.name!r}, found none"
    )
