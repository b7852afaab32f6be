"""What is known of each neuron: by each method its tasks and its strength to every task; selectivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.plane import input_strength
from spatialgraph.runners import Runner
from spatialgraph.splits import Split
from spatialgraph.splits.strengths import strengths_in

from .packing import Pack

FloatArray = NDArray[np.float64]


def neurons(network: Graph, splits: Mapping[str, Split], runner: Runner | None, pack: Pack) -> dict[str, Any]:
    """Pack what is known of each neuron: by each method its tasks and its strength towards every task; selectivity."""
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
    return {"selectivity": variance is not None}


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
