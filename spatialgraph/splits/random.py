"""Random splits: controls that share only the module sizes of another split."""

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

    Modules of very different sizes lose accuracy by their sizes alone; if a greedy split does better than this one, the
    difference is due to its choice of neurons. The outputs have the tasks that they belong to. One draw cannot show
    much: compare several seeds.

    Args:
        graph: the graph.
        seed: determines the draw.
        sizes: ``"greedy"``, or ``"balanced"``: as equal numbers as possible, which shows the accuracy of a
            network with neither a choice of neurons nor a small module.

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
