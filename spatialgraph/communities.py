"""Sums of strengths by community, straight from the weights: what measures of communities are made of.

The communities of a split are its groups, those that its method found or else its tasks' modules, and each neuron of
no group is one of its own. No such neuron has a connection to itself, so that its community has no inner strength, and
what leaves and enters it is all there is to know of it. Everything else follows from one small matrix for each
connection: the strength from each group to each.

Measures are asked of hundreds of random networks and of large ones: the weights are read in pieces that stay in the
processor's cache, each once for a split, and products are in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]

from .network import FloatArray, Network, NotApplicableError
from .splits.split import Split

DoubleArray = NDArray[np.float64]

PIECE = 1 << 16
"""Weights that are summed at a time: half a megabyte as float64, about what a core's own cache holds."""

Quantity = Literal["absolute", "positive", "negative", "squared", "present"]
"""What is summed of a weight w: |w|, max(w, 0), max(−w, 0), w², or 1 where w is not 0."""


def _negative(weight: FloatArray, out: DoubleArray) -> None:
    np.minimum(weight, 0, out=out)
    np.negative(out, out=out)


_QUANTITIES: dict[Quantity, Callable[[FloatArray, DoubleArray], Any]] = {
    "absolute": lambda weight, out: np.abs(weight, out=out),
    "positive": lambda weight, out: np.maximum(weight, 0, out=out),
    "negative": _negative,
    "squared": lambda weight, out: np.square(weight, out=out, dtype=np.float64),
    "present": lambda weight, out: np.not_equal(weight, 0, out=out),
}


def weighted_sums(
    weight: FloatArray, of: Quantity, sources: DoubleArray, targets: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Sum a quantity of the weights over sources and over targets, in one pass.

    received_ai = Σ_j q_ij x_aj  and  sent_bj = Σ_i y_bi q_ij,  q the quantity of each weight.

    Args:
        weight: ``(target units, source units)``.
        of: the quantity.
        sources: x, ``(a, source units)``, for example which neurons are of each community.
        targets: y, ``(b, target units)``.

    Returns:
        received, ``(a, target units)``, and sent, ``(b, source units)``.

    Example:
        >>> weight = np.array([[3.0, -1.0], [0.0, 2.0]], np.float32)
        >>> received, sent = weighted_sums(weight, "absolute", np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))
        >>> received.tolist(), sent.tolist()
        ([[4.0, 2.0]], [[3.0, 1.0]])
    """
    with _one_thread():
        return _weighted_sums(weight, of, sources, targets)


def _weighted_sums(
    weight: FloatArray, of: Quantity, sources: DoubleArray, targets: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    units, width = weight.shape
    received, sent = np.zeros((len(sources), units)), np.zeros((len(targets), width))
    rows = min(units, max(1, PIECE // width))
    buffer = np.empty((rows, width))
    for start in range(0, units, rows):
        piece = slice(start, min(start + rows, units))
        values = buffer[: piece.stop - start]
        _QUANTITIES[of](weight[piece], values)
        # A product with each vector, not one with all: a matrix of two or three columns takes BLAS twice as long.
        for row, source in zip(received, sources, strict=True):
            np.matmul(values, source, out=row[piece])
        for row, target in zip(sent, targets, strict=True):
            row += target[piece] @ values
    return received, sent


def _one_thread() -> AbstractContextManager[object]:
    """Return a context in which products run in one thread, so that the last bits do not depend on the cores."""
    return _blas().limit(limits=1)  # type: ignore[no-any-return]


@cache
def _blas() -> ThreadpoolController:
    """Return what limits the threads of NumPy's products; to look it up takes longer than the sums of most networks."""
    return ThreadpoolController().select(user_api="blas")


@dataclass(frozen=True, eq=False)
class Communities:
    """The strengths between the communities of a split.

    Attributes:
        between: ``(split connections, groups + 1, groups + 1)``, at least 0: the strength from the neurons of each
            group (rows) to those of each (columns); last come the neurons of none, all of them together.
        alone_leaving: ``(neurons of no group,)``, the strength that leaves each, in the order of `node_index`.
        alone_entering: the same, of the strength that enters each.
    """

    between: DoubleArray
    alone_leaving: DoubleArray
    alone_entering: DoubleArray

    @cached_property
    def total(self) -> float:
        """The strength of all split connections."""
        return float(self.between.sum())

    @cached_property
    def within(self) -> DoubleArray:
        """The strength within each community, ``(communities,)``: the groups, then each neuron of none."""
        groups = self.between.sum(axis=0).diagonal()[:-1]
        return np.concatenate([groups, np.zeros(len(self.alone_leaving))])

    @cached_property
    def leaving(self) -> DoubleArray:
        """The strength that leaves the neurons of each community, for whichever, ``(communities,)`` as `within`."""
        return np.concatenate([self.between.sum(axis=(0, 2))[:-1], self.alone_leaving])

    @cached_property
    def entering(self) -> DoubleArray:
        """The strength that enters the neurons of each community, from whichever, ``(communities,)`` as `within`."""
        return np.concatenate([self.between.sum(axis=(0, 1))[:-1], self.alone_entering])


# Kept for as long as both the network and the split live, and no longer: a null model makes networks by the hundred,
# each as large as the file. What is kept refers to neither.
_KNOWN: WeakKeyDictionary[Network, WeakKeyDictionary[Split, dict[Quantity, Communities]]] = WeakKeyDictionary()


def communities(network: Network, split: Split, of: Quantity = "absolute") -> Communities:
    """Sum the strengths of the split connections between the communities of a split.

    The sums of a network and a split are made once, however many measures ask for them.

    Args:
        network: the network.
        split: a partition of its split layers.
        of: what is summed of each weight.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 0.5]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, -1], 1: [0, 1]}, tasks=2)
        >>> found = communities(network, split)
        >>> found.between.tolist()
        [[[3.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.5, 0.0]]]
        >>> found.leaving.tolist(), found.entering.tolist()
        ([5.0, 0.0, 1.5], [4.0, 2.5, 0.0])
    """
    known = _KNOWN.setdefault(network, WeakKeyDictionary()).setdefault(split, {})
    if of not in known:
        known[of] = _sum(network, split, of)
    return known[of]


def _sum(network: Network, split: Split, of: Quantity) -> Communities:
    """Return the sums of `communities`; those of single neurons only if some are of no group."""
    members = memberships(network, split)
    alone = {k: member[-1] > 0 for k, member in members.items()}
    each = any(which.any() for which in alone.values())
    classes = len(next(iter(members.values())))
    between = np.zeros((len(network.split_connections), classes, classes))
    leaving = {k: np.zeros(member.shape[1]) for k, member in members.items()}
    entering = {k: np.zeros(member.shape[1]) for k, member in members.items()}
    with _one_thread():
        for number, connection in enumerate(network.split_connections):
            # Most splits leave no neuron without a group: the sums over those are 0 without reading the weights.
            source, target = members[connection.source][: classes if each else -1], members[connection.target]
            received, sent = _weighted_sums(connection.weight, of, source, np.ones((int(each), target.shape[1])))
            between[number, : len(received)] = received @ target.T
            if each:
                leaving[connection.source] += sent[0]
                entering[connection.target] += received.sum(axis=0)
    return Communities(
        between,
        np.concatenate([leaving[k][which] for k, which in alone.items()]),
        np.concatenate([entering[k][which] for k, which in alone.items()]),
    )


def strengths_to_groups(network: Network, split: Split, of: Quantity = "absolute") -> dict[int, DoubleArray]:
    """Sum the strengths of each neuron's connections, whichever their direction, with the neurons of each group.

    Args:
        network: the network.
        split: a partition of its split layers.
        of: what is summed of each weight.

    Returns:
        layer number to ``(groups + 1, units)``, at least 0; last the strengths with neurons of no group.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 0.5]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, -1], 1: [0, 1]}, tasks=2)
        >>> strengths_to_groups(network, split)[0].tolist()
        [[3.0, 1.0], [2.0, 0.5], [0.0, 0.0]]
    """
    members = memberships(network, split)
    strengths = {k: np.zeros(member.shape) for k, member in members.items()}
    with _one_thread():
        for connection in network.split_connections:
            source, target = members[connection.source], members[connection.target]
            received, sent = _weighted_sums(connection.weight, of, source, target)
            strengths[connection.target] += received
            strengths[connection.source] += sent
    return strengths


def memberships(network: Network, split: Split) -> dict[int, DoubleArray]:
    """Return which neurons are of each group of a split, and which of none.

    Args:
        network: the network.
        split: a partition of its split layers.

    Returns:
        layer number to ``(groups + 1, units)``, 1 or 0; each neuron has just one 1, in the last row if it is of none.

    Raises:
        NotApplicableError: a neuron serves several tasks, or no layer is split.
        ValueError: the split is not of this network.
    """
    split.require_for(network)
    if not network.split_layers:
        raise NotApplicableError(f"measures of communities: expected split layers in {network.name!r}, found none")
    found = {}
    for k, members in split.groups.items():
        groups = np.add.reduce(members, axis=1)
        if groups.size and groups.max() > 1:
            split.labels(k)  # says which split is no partition, and that it is none
        found[k] = np.empty((members.shape[1] + 1, len(members)))
        found[k][:-1] = members.T
        np.equal(groups, 0, out=found[k][-1])
    return found
