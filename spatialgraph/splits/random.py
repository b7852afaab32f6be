"""Random splits: controls that have the sizes of another split and nothing else of it."""

from __future__ import annotations

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
