"""Sums of strengths by group, computed straight from the weights: the building blocks of measures of groups.

The groups of a split are its communities, or else the modules of its tasks; each unit of no group is a community of its
own. Measures follow from one small matrix for each connection, the strength from each group to each group, and from the
strengths that leave and enter each unit of no group.

Hundreds of random graphs are measured, and large graphs: weights are read in pieces that fit the processor's cache,
each once for a split, and products are in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from ..faults import NotApplicableError
from ..graph.graph import DoubleArray, Graph
from ..graph.split import Split
from ..graph.sums import Quantity, diagonal_sums, sums_in_thread
from ..threads import one_product_thread


@dataclass(frozen=True, eq=False)
class GroupSums:
    """The strengths between the communities of a split.

    Attributes:
        between: ``(split connections, groups + 1, groups + 1)``, at least 0: the strength from the neurons of each
            group (rows) to those of each group (columns); the last row and column are all neurons of no group together.
        alone_leaving: ``(neurons of no group,)``, the strength that leaves each, in the order of `node_index`.
        alone_entering: the same, for the strength that enters each.
        alone_within: the same, for the strength of each neuron's connection with itself.
        alone_expected: Σ_ℓ Σ_n out_ℓn · in_ℓn / m_ℓ over the neurons n of no group and the connections ℓ of a
            population with itself: out_ℓn and in_ℓn leave and enter neuron n through ℓ, and m_ℓ is the strength of ℓ.
    """

    between: DoubleArray
    alone_leaving: DoubleArray
    alone_entering: DoubleArray
    alone_within: DoubleArray
    alone_expected: float

    def less(self, part: GroupSums) -> GroupSums:
        """Return the sums of what is left without a part: of the negative weights, without the positive ones."""
        return GroupSums(
            self.between - part.between,
            self.alone_leaving - part.alone_leaving,
            self.alone_entering - part.alone_entering,
            self.alone_within - part.alone_within,
            self.alone_expected - part.alone_expected,
        )

    @cached_property
    def total(self) -> float:
        """The strength of all split connections."""
        return float(self.between.sum())

    @cached_property
    def within(self) -> DoubleArray:
        """The strength within each community, ``(communities,)``: the groups, then each neuron of no group."""
        groups = self.between.sum(axis=0).diagonal()[:-1]
        return np.concatenate([groups, self.alone_within])

    @cached_property
    def leaving(self) -> DoubleArray:
        """The strength that leaves the neurons of each community, to any neuron, ``(communities,)`` as `within`."""
        return np.concatenate([self.between.sum(axis=(0, 2))[:-1], self.alone_leaving])

    @cached_property
    def entering(self) -> DoubleArray:
        """The strength that enters the neurons of each community, from any neuron, ``(communities,)`` as `within`."""
        return np.concatenate([self.between.sum(axis=(0, 1))[:-1], self.alone_entering])


_TINY = np.finfo(np.float64).tiny

# Kept for as long as both the graph and the split live, and no longer: a null model makes graphs by the hundred, each
# as large as the file. The sums refer to neither.
_KNOWN: WeakKeyDictionary[Graph, WeakKeyDictionary[Split, dict[Quantity, GroupSums]]] = WeakKeyDictionary()
_MEMBERS: WeakKeyDictionary[Split, dict[int, DoubleArray]] = WeakKeyDictionary()


def group_sums(graph: Graph, split: Split, of: Quantity = "absolute") -> GroupSums:
    """Sum the strengths of the split connections between the communities of a split.

    The sums of a network and a split are made once, however many measures ask for them.

    Args:
        graph: the graph.
        split: a partition of its split layers.
        of: the quantity of each weight that is summed.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 0.5]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, -1], 1: [0, 1]}, tasks=2)
        >>> sums = group_sums(network.graph, split)
        >>> sums.between.tolist()
        [[[3.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.5, 0.0]]]
        >>> sums.leaving.tolist(), sums.entering.tolist()
        ([5.0, 0.0, 1.5], [4.0, 2.5, 0.0])
    """
    known = _KNOWN.setdefault(graph, WeakKeyDictionary()).setdefault(split, {})
    if of not in known:
        known[of] = _sum(graph, split, of)
    return known[of]


def _sum(graph: Graph, split: Split, of: Quantity) -> GroupSums:
    """Return the sums of `group_sums`; sums of single neurons are computed only if some neuron is of no group."""
    members = memberships(graph, split)
    alone = {k: member[-1] > 0 for k, member in members.items()}
    each = any(which.any() for which in alone.values())
    classes = len(next(iter(members.values())))
    between = np.zeros((len(graph.split_connections), classes, classes))
    sums = {name: {k: np.zeros(member.shape[1]) for k, member in members.items()} for name in ("out", "in", "own")}
    expected = 0.0
    with one_product_thread():
        for number, connection in enumerate(graph.split_connections):
            # Most splits leave no neuron without a group: the sums over such neurons are then 0 without a product.
            source, target = members[connection.source][: classes if each else -1], members[connection.target]
            weight = connection.weight
            received, sent = sums_in_thread(weight, of, source, np.ones((int(each), target.shape[1])))
            between[number, : len(received)] = received @ target.T
            if each:
                into = received.sum(axis=0)
                sums["out"][connection.source] += sent[0]
                sums["in"][connection.target] += into
            if each and connection.source == connection.target:
                sums["own"][connection.source] += diagonal_sums(weight, of)
                which = alone[connection.source]
                expected += float(sent[0][which] @ into[which]) / max(float(sent[0].sum()), _TINY)
    leaving, entering, own = (
        np.concatenate([values[k][which] for k, which in alone.items()]) for values in sums.values()
    )
    return GroupSums(between, leaving, entering, own, expected)


def strengths_to_groups(graph: Graph, split: Split, of: Quantity = "absolute") -> dict[int, DoubleArray]:
    """Sum the strengths of each neuron's connections, in either direction, with the neurons of each group.

    Args:
        graph: the graph.
        split: a partition of its split layers.
        of: the quantity of each weight that is summed.

    Returns:
        layer number to ``(groups + 1, units)``, at least 0; the last row has the strengths with neurons of no group.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 0.5]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, -1], 1: [0, 1]}, tasks=2)
        >>> strengths_to_groups(network.graph, split)[0].tolist()
        [[3.0, 1.0], [2.0, 0.5], [0.0, 0.0]]
    """
    members = memberships(graph, split)
    strengths = {k: np.zeros(member.shape) for k, member in members.items()}
    with one_product_thread():
        for connection in graph.split_connections:
            source, target = members[connection.source], members[connection.target]
            received, sent = sums_in_thread(connection.weight, of, source, target)
            strengths[connection.target] += received
            strengths[connection.source] += sent
    return strengths


def memberships(graph: Graph, split: Split) -> dict[int, DoubleArray]:
    """Return the neurons of each group of a split, and those of no group.

    Args:
        graph: the graph.
        split: a partition of its split layers.

    Returns:
        layer number to ``(groups + 1, units)``, 1 or 0; each neuron has a single 1, in the last row if it has no group.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.
    """
    split.require_for(graph)
    if not graph.split_populations:
        raise NotApplicableError(f"measures of communities: expected split layers in {graph.name!r}, found none")
    if split not in _MEMBERS:
        _MEMBERS[split] = _memberships(split)
    return _MEMBERS[split]


def _memberships(split: Split) -> dict[int, DoubleArray]:
    """Return what `memberships` returns, for a split that fits its graph."""
    rows = {}
    for k, members in split.groups.items():
        groups = np.add.reduce(members, axis=1)
        if groups.size and groups.max() > 1:
            split.labels(k)  # raises the error that names the split
        rows[k] = np.empty((members.shape[1] + 1, len(members)))
        rows[k][:-1] = members.T
        np.equal(groups, 0, out=rows[k][-1])
    return rows
