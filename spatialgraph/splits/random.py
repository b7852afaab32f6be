"""Random splits: controls that have the sizes of another split and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.graph import Graph
from ..graph.split import Split
from ..notes import Note
from .greedy import greedy
from .method import split_method


@split_method("random", sees="sizes")
def random(graph: Graph, seed: int, sizes: str = "greedy") -> Split:
    """Give neurons to tasks at random, in each layer as many to each task as the greedy split does.

    Modules of very different sizes do badly by their sizes alone; what a greedy split does better than this one is due
    to which neurons it chose. The outputs have the tasks that they belong to. One draw cannot say much:
    compare several seeds.

    Args:
        graph: the graph.
        seed: of the draw.
        sizes: ``"greedy"``, or ``"balanced"``: as many neurons for each task as can be, which tells what a network
            keeps without any choice and without a small module.

    Raises:
        ValueError: there are no such sizes.
    """
    if sizes not in ("greedy", "balanced"):
        raise ValueError(f"sizes of split 'random': expected one of greedy, balanced, found {sizes!r}")
    draw, tasks = np.random.default_rng(seed), len(graph.tasks)
    plain = greedy(graph)
    labels = {}
    for k in graph.split_populations:
        free = graph.task_of[k] < 0
        labels[k] = graph.task_of[k].copy()
        if free.any():
            of_sizes = plain.labels(k)[free] if sizes == "greedy" else np.arange(np.count_nonzero(free)) % tasks
            labels[k][free] = draw.permutation(of_sizes)
    note = Note("greedy-sizes", {"units": graph.units_word(graph.split_populations)})
    return Split.from_labels("random", labels, tasks, (note,) if plain.notes and sizes == "greedy" else ())


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
