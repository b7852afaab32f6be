"""What is known of each neuron: its tasks by each method, and the numbers behind them; what outputs mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.named import class_names
from spatialgraph.graph.plane import input_strength
from spatialgraph.runners import Runner
from spatialgraph.splits import Split, counted
from spatialgraph.splits.strengths import strengths_in

from .packing import Pack

FloatArray = NDArray[np.float64]


def neurons(
    network: Graph, splits: Mapping[str, Split], runner: Runner | None, pack: Pack, *, counts: bool
) -> dict[str, Any]:
    """Pack what is known of each neuron: by each method its tasks and the numbers behind them; selectivity.

    Args:
        network: the network.
        splits: by method.
        runner: runs the network; None if nothing does.
        pack: where the arrays go.
        counts: whether to run the network for what methods count, which takes seconds.
    """
    units, tasks = sum(network.populations[number].size for number in network.split_populations), len(network.tasks)
    members = np.zeros((len(splits), units, tasks), np.uint8)
    strengths = np.full((len(splits), units, tasks), np.nan)
    for row, split in enumerate(splits.values()):
        members[row] = _joined([split.membership[number] for number in network.split_populations], tasks)
        strengths[row] = _joined(list(strengths_in(network, split).values()), tasks)
    pack.add("membership", members)
    pack.quantise("strength", strengths)
    pack.quantise(
        "entering", _joined([input_strength(network, number)[:, None] for number in network.split_populations], 1)
    )
    variance = _variance_shares(network, runner)
    if variance is not None:
        pack.quantise("selectivity", variance)
    return {
        "selectivity": variance is not None,
        "counted": _counted(network, splits, runner if counts else None, pack),
        "classes": [list(names) for names in class_names(network)],
        "answers": _answers(network),
    }


def _counted(network: Graph, splits: Mapping[str, Split], runner: Runner | None, pack: Pack) -> dict[str, str]:
    """Pack the numbers by which each method gave neurons to tasks; return what they are, by method."""
    what, tasks = {}, len(network.tasks)
    for row, (method, split) in enumerate(splits.items()):
        try:
            found = counted(network, split, runner)
        except NotApplicableError:
            continue
        if found is None:
            continue
        parts = []
        for k in network.split_populations:
            given = network.task_of[k][:, None] >= 0
            own = found.values.get(k, np.full((network.populations[k].size, tasks), np.nan))
            parts.append(np.where(given, np.nan, own))
        pack.quantise(f"counted:{row}", _joined(parts, tasks))
        what[method] = found.what
    return what


def _answers(network: Graph) -> list[list[int]]:
    """Return the outputs of split layers: their numbers over all of these, their tasks, and the classes they mean."""
    answers, seen = [], np.zeros(len(network.tasks), np.int64)
    places = network.places()
    for k in network.output_populations:
        for unit, task in enumerate(network.task_of[k].tolist()):
            if task < 0:
                continue
            if k in places:
                answers.append([places[k].start + unit, task, int(seen[task])])
            seen[task] += 1
    return answers


def _joined(parts: Sequence[NDArray[Any]], columns: int) -> NDArray[Any]:
    """Return the rows of all layers, one after the other; none, with as many columns, if no layer is split."""
    return np.concatenate([np.zeros((0, columns), parts[0].dtype if parts else float), *parts])


def _variance_shares(network: Graph, runner: Runner | None) -> FloatArray | None:
    """Return each task's share of the task variance of each neuron, ``(neurons, tasks)``; None if it is not known."""
    if runner is None:
        return None
    try:
        by_layer = runner.task_variance(network.split_populations)
    except NotApplicableError:
        return None
    variance = _joined([by_layer[number] for number in network.split_populations], len(network.tasks))
    total = variance.sum(axis=1, keepdims=True)
    shares = np.full(variance.shape, np.nan)
    np.divide(variance, total, where=total > 0, out=shares)
    return shares
