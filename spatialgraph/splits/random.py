"""The random split: the control that has the sizes of the greedy split and nothing else of it."""

from __future__ import annotations

import numpy as np

from ..network import Network
from .greedy import greedy
from .split import Split, split_method

_NOTE = "the greedy split, whose sizes this one has, left neurons without a task or decided ties: see its notes"


@split_method("random", sees="sizes")
def random(network: Network, seed: int) -> Split:
    """Give neurons to tasks at random, in each layer as many to each task as the greedy split does.

    Modules of very different sizes do badly by their sizes alone; what a greedy split does better than this one is due
    to which neurons it chose. The outputs have the tasks that they belong to. One draw cannot say much:
    compare several seeds.

    Args:
        network: the network.
        seed: of the draw.
    """
    draw = np.random.default_rng(seed)
    sizes = greedy(network)
    labels = {k: draw.permutation(sizes.labels(k)) for k in network.split_layers if k != network.output_layer}
    if network.output_layer in network.split_layers:
        labels[network.output_layer] = network.output_task
    return Split.from_labels("random", labels, len(network.tasks), (_NOTE,) if sizes.notes else ())
