"""Controls for measures that mask neurons: random splits that share only the module sizes of another split."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.graph import Graph
from ..graph.split import Split


def random_splits(graph: Graph, split: Split, draws: int, seed: int) -> Iterator[Split]:
    """Yield random splits in which each layer has as many neurons of each kind as in a given split.

    The rows of the membership are permuted within each layer, so that the number of neurons that serve each task, no
    task, or each combination of tasks stays the same; outputs keep their tasks. If a split does better than these, the
    difference is due to its choice of neurons, not to their number.

    Args:
        graph: the graph.
        split: any split of its split layers, partition or not.
        draws: the number of splits.
        seed: determines the draws. Draw k does not depend on their number.

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
