"""Controls of what is masked: random splits that have the sizes of another split and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.graph import Graph
from ..graph.split import Split


def random_splits(graph: Graph, split: Split, draws: int, seed: int) -> Iterator[Split]:
    """Yield random splits in which each layer has as many neurons of each kind as in a given split.

    The rows of the membership are permuted within each layer, so that as many neurons serve each task, none, or the
    same several tasks together; outputs stay as they are. What a split does better than these is due to which
    neurons it chose, and not to how many.

    Args:
        graph: the graph.
        split: any split of its split layers, partition or not.
        draws: how many splits.
        seed: of the draws. Draw k is the same however many there are.

    Raises:
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 4, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 4))),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, 0, 0, 1], 1: [0, 1]}, tasks=2)
        >>> [sorted(drawn.labels(0).tolist()) for drawn in random_splits(network.graph, split, draws=2, seed=0)]
        [[0, 0, 0, 1], [0, 0, 0, 1]]
    """
    split.require_for(graph)
    for number in range(draws):
        draw = np.random.default_rng([seed, number])
        membership = {}
        for k, members in split.membership.items():
            free = np.flatnonzero(graph.task_of[k] < 0)
            membership[k] = members.copy()
            if len(free):
                membership[k][free] = draw.permutation(members[free], axis=0)
        yield Split("random", membership)
