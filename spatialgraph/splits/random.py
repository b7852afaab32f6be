"""Random splits: controls that have the sizes of another split and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..network import Network
from .greedy import greedy
from .split import Split, split_method

_NOTE = "the greedy split, whose sizes this one has, left neurons without a task or decided ties: see its notes"


@split_method("random", sees="sizes")
def random(network: Network, seed: int, sizes: str = "greedy") -> Split:
    """Give neurons to tasks at random, in each layer as many to each task as the greedy split does.

    Modules of very different sizes do badly by their sizes alone; what a greedy split does better than this one is due
    to which neurons it chose. The outputs have the tasks that they belong to. One draw cannot say much:
    compare several seeds.

    Args:
        network: the network.
        seed: of the draw.
        sizes: ``"greedy"``, or ``"balanced"``: as many neurons for each task as can be, which tells what a network
            keeps without any choice and without a small module.

    Raises:
        ValueError: there are no such sizes.
    """
    if sizes not in ("greedy", "balanced"):
        raise ValueError(f"sizes of split 'random': expected one of greedy, balanced, found {sizes!r}")
    draw, tasks = np.random.default_rng(seed), len(network.tasks)
    plain = greedy(network)
    labels = {
        k: draw.permutation(plain.labels(k) if sizes == "greedy" else np.arange(network.layers[k].size) % tasks)
        for k in network.split_layers
        if k != network.output_layer
    }
    if network.output_layer in network.split_layers:
        labels[network.output_layer] = network.output_task
    return Split.from_labels("random", labels, tasks, (_NOTE,) if plain.notes and sizes == "greedy" else ())


def random_splits(network: Network, split: Split, draws: int, seed: int) -> Iterator[Split]:
    """Yield random splits in which each layer has as many neurons of each kind as in a given split.

    The rows of the membership are permuted within each layer, so that as many neurons serve each task, none, or the
    same several tasks together; the output layer stays as it is. What a split does better than these is due to which
    neurons it chose, and not to how many.

    Args:
        network: the network.
        split: any split of its split layers, partition or not.
        draws: how many splits.
        seed: of the draws. Draw k is the same however many there are.

    Raises:
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 4, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 4))),), [0, 1], {"tasks": ["a", "b"]})
        >>> split = Split.from_labels("by hand", {0: [0, 0, 0, 1], 1: [0, 1]}, tasks=2)
        >>> [sorted(drawn.labels(0).tolist()) for drawn in random_splits(network, split, draws=2, seed=0)]
        [[0, 0, 0, 1], [0, 0, 0, 1]]
    """
    split.require_for(network)
    for number in range(draws):
        draw = np.random.default_rng([seed, number])
        membership = {
            k: members if k == network.output_layer else draw.permutation(members, axis=0)
            for k, members in split.membership.items()
        }
        yield Split("random", membership)
