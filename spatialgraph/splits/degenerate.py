"""Degenerate splits, which are no division into task modules: one rule for all methods."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..graph.graph import Graph
from ..graph.split import Split
from ..notes import Note
from .counting import hidden_word

# A module is negligible if it has less than this share of an equal part of the neurons: with two tasks 5 % of all, with
# ten 1 %. A tenth is far from any division of labour, and above the share that methods leave to a task when they cut
# off its outputs and little else.
_NEGLIGIBLE = 0.1

# Modules are one and the same if more than this share of their neurons serve every task: fewer than a tenth are left to
# tell the tasks apart. No task loses anything in such a split, and nothing follows from it.
_COMMON = 0.9

# A task with fewer of its outputs than this share in its module cannot give most of its answers there.
_OUTPUTS = 0.5


def is_degenerate(split: Split) -> bool:
    """Return whether a note of a split, as `why_degenerate` gives it, says that it is no division into task modules."""
    return any(note.is_degenerate for note in split.notes)


def why_degenerate(graph: Graph, split: Split) -> tuple[Note, ...]:
    """Return why a split is no division into task modules, a note for each reason; none if it is one.

    A split is degenerate if the module of a task

    - has hardly any neuron besides the outputs: less than a tenth of an equal share, 1 / tasks, of the neurons of the
      split hidden layers, all layers together, that serve a task. This happens if all neurons, or nearly all, go to one
      task, and if a cut is around the outputs alone;
    - is nearly the same as that of every other task: more than nine tenths of the neurons that serve a task serve all;
    - has fewer than half of the outputs of its task. This happens if all outputs lie in one cluster.

    Measures of such a split, good or bad, are not about modules: a task with all neurons loses nothing, and a task
    without neurons loses everything. Neurons that serve several tasks count for each of them. A task may lack neurons
    in a single layer, since modules may begin at different depths. A network with one task cannot be divided among
    tasks: every split of it is degenerate, unless it has several communities.

    Args:
        graph: the graph.
        split: a split of it, partition or not.

    Raises:
        ValueError: the split is not of this network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.ones((2, 2))),), [0, 1], {"tasks": ["a", "b"]})
        >>> why_degenerate(network.graph, Split.from_labels("by hand", {0: [0, 1], 1: [0, 1]}, tasks=2))
        ()
        >>> print(*why_degenerate(network.graph, Split.from_labels("by hand", {0: [0, 0], 1: [0, 1]}, tasks=2)))
        degenerate: 0 of 2 neurons besides the outputs serve task 'b', less than 5 %
    """
    split.require_for(graph)
    if not graph.split_populations:
        return ()
    if len(graph.tasks) < 2:
        several = split.communities is not None and len(split.group_names(graph.tasks)) > 1
        return () if several else (Note("one-task", {"units": hidden_word(graph)}),)
    return (*_small(graph, split), *_without_outputs(graph, split))


def _small(graph: Graph, split: Split) -> Iterator[Note]:
    """Yield a note for each task that has hardly any neuron besides the outputs, and one if all have the same."""
    hidden = [split.membership[k][graph.task_of[k] < 0] for k in graph.split_populations]
    if not sum(map(len, hidden)):
        return
    members, least = np.concatenate(hidden), _NEGLIGIBLE / len(graph.tasks)
    serving = np.count_nonzero(members.any(axis=1))
    if not serving:
        yield Note("no-module", {"of": len(members), "units": hidden_word(graph)})
        return
    for task, count in zip(graph.tasks, members.sum(axis=0).tolist(), strict=True):
        if count < least * serving:
            counts = {"count": count, "of": serving, "percent": 100 * least}
            yield Note("small-module", counts | {"task": task, "units": hidden_word(graph)})
    common = np.count_nonzero(members.all(axis=1))
    if common > _COMMON * serving:
        counts = {"count": common, "of": serving, "percent": 100 * _COMMON}
        yield Note("shared-modules", counts | {"units": hidden_word(graph)})


def _without_outputs(graph: Graph, split: Split) -> Iterator[Note]:
    """Yield a note for each task whose module lacks most of the task's outputs."""
    for number, task in enumerate(graph.tasks):
        own = np.concatenate([members[graph.task_of[k] == number, number] for k, members in split.membership.items()])
        if len(own) and own.mean() < _OUTPUTS:
            yield Note("outputs-elsewhere", {"count": own.sum(), "of": len(own), "task": task})
