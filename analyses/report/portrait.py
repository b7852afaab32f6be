"""A portrait of a network: all that the page shows of it, computed once, as facts and packed arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.plane import input_strength
from spatialgraph.nulls import RANDOM_SPLIT, chance
from spatialgraph.splits import Split, is_degenerate
from spatialgraph.splits.strengths import strength_to_tasks

from ..chance import Drawn
from ..columns import FULL
from ..results import Results
from ..runs import graph_and_runner
from ..steps import all_drawn
from .moments import moments
from .packing import Pack
from .structure import connections, layers_of, positions

DROP, MODULARITY, WITHOUT = "accuracy-drop", "modularity", "accuracy-without"
"""The metrics whose values on draws, or module by module, the page shows."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """The numbers of connections of a network that the page has room for.

    Attributes:
        connections: the largest number of connections shown, the strongest first.
        frame: the largest number of connections in a frame of the film, the strongest first; 0 for no film.

    Raises:
        ValueError: a number is negative.
    """

    connections: int
    frame: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.connections, self.frame) < 0:
            raise ValueError(f"budget: expected numbers of connections of at least 0, found {self}")


@dataclass(frozen=True, eq=False)
class Portrait:
    """The content of the page for one network.

    Attributes:
        description: values for JSON.
        pack: arrays over neurons (of all split layers, one after the other), methods, draws and frames.
    """

    description: dict[str, Any]
    pack: Pack


def portrait(results: Results, agreement: pd.DataFrame, name: str, budget: Budget) -> Portrait:
    """Compile the content of the page for one network.

    Args:
        results: the results.
        agreement: rows of ``agreement.csv``.
        name: the name of the network.
        budget: the number of connections to show.

    Raises:
        FileNotFoundError: its file is not where the analysis found it.
        FormatError: its file, or a part of the analysis, is damaged.
    """
    network = results.network(name)
    splits = _splits(results, name)
    pack = Pack()
    description: dict[str, Any] = {
        "name": name,
        "tasks": list(network.tasks),
        "accuracy": _full_accuracy(results, network),
        "layers": layers_of(network),
        "methods": list(splits),
        "degenerate": {
            method: [note.reason for note in split.notes if note.is_degenerate]
            for method, split in splits.items()
            if is_degenerate(split)
        },
    }
    description |= positions(network, pack)
    description |= _neurons(results, network, splits, pack)
    description |= connections(network, budget.connections, pack)
    description |= _lesions(results, network, pack)
    description |= _chance(results, network, pack)
    description |= _agreement(results, agreement[agreement["network"] == name], name, pack)
    description |= moments(results, network, splits, budget.frame, pack)
    return Portrait(description, pack)


def _splits(results: Results, name: str) -> dict[str, Split]:
    """Return the splits of a network in the order of the methods that tables have."""
    own = results.splits.get(name, {})
    return {method: own[method] for method in results.methods if method in own}


def _full_accuracy(results: Results, network: Graph) -> list[float | None]:
    """Return the accuracy of each task of the whole network, None if it was not measured."""
    rows = results.scores[(results.scores["network"] == network.name) & (results.scores["split"] == FULL)]
    accuracy = rows[rows["metric"] == "accuracy"].set_index("task")["value"]
    return [float(accuracy[task]) if task in accuracy.index else None for task in network.tasks]


def _neurons(results: Results, network: Graph, splits: Mapping[str, Split], pack: Pack) -> dict[str, Any]:
    """Pack what is known of each neuron: by each method its tasks and its strength towards every task; selectivity."""
    units, tasks = sum(network.populations[number].size for number in network.split_populations), len(network.tasks)
    members = np.zeros((len(splits), units, tasks), np.uint8)
    strengths = np.full((len(splits), units, tasks), np.nan)
    for row, split in enumerate(splits.values()):
        members[row] = _joined([split.membership[number] for number in network.split_populations], tasks)
        strengths[row] = _joined([_towards(network, split, number) for number in network.split_populations], tasks)
    pack.add("membership", members)
    pack.quantise("strength", strengths)
    pack.quantise(
        "entering", _joined([input_strength(network, number)[:, None] for number in network.split_populations], 1)
    )
    variance = _variance_shares(results, network)
    if variance is not None:
        pack.quantise("selectivity", variance)
    return {"selectivity": variance is not None}


def _towards(network: Graph, split: Split, layer: int) -> FloatArray:
    """Return what greedy splits compare, ``(units, tasks)``: each neuron's strength to each task's neurons that follow.

    It is nan where none follow, as of outputs, whose tasks are given.
    """
    tasks = np.arange(len(network.tasks))
    outputs = {k: network.task_of[k][:, None] == tasks for k in network.output_populations}
    members = outputs | dict(split.membership)
    if not any(c.source == layer and c.target in members for c in network.connections):
        return np.full((network.populations[layer].size, len(network.tasks)), np.nan)
    return strength_to_tasks(network, layer, members)


def _joined(parts: Sequence[NDArray[Any]], columns: int) -> NDArray[Any]:
    """Return the rows of all layers, one after the other; none, with as many columns, if no layer is split."""
    return np.concatenate([np.zeros((0, columns), parts[0].dtype if parts else float), *parts])


def _variance_shares(results: Results, network: Graph) -> FloatArray | None:
    """Return each task's share of the task variance of each neuron, ``(neurons, tasks)``; None if it is not known."""
    named = network.metadata.get("evaluation")
    if named is None or not (path := results.run / named["file"]).is_file():
        return None
    _, runner = graph_and_runner(results.run / "networks" / f"{network.name}.h5", path)
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


def _lesions(results: Results, network: Graph, pack: Pack) -> dict[str, Any]:
    """Pack the accuracy of each task without each module, ``(methods, ablations, modules, tasks)``."""
    scores = results.scores[results.scores["network"] == network.name]
    rows = scores[scores["metric"].str.startswith(f"{WITHOUT}:")]
    if rows.empty:
        return {"lesions": False}
    methods = list(_splits(results, network.name))
    places = {
        "split": {method: number for number, method in enumerate(methods)},
        "ablation": {ablation: number for number, ablation in enumerate(results.ablations)},
        "metric": {f"{WITHOUT}:{task}": number for number, task in enumerate(network.tasks)},
        "task": {task: number for number, task in enumerate(network.tasks)},
    }
    pack.quantise("without", _in_array(rows, places, "value"))
    return {"lesions": True}


def _in_array(rows: pd.DataFrame, places: Mapping[str, Mapping[str, int]], column: str) -> FloatArray:
    """Return the numbers of a column in an array whose axes are other columns; nan where there is no row."""
    array = np.full([len(values) for values in places.values()], np.nan)
    known = rows[np.logical_and.reduce([rows[name].isin(list(values)) for name, values in places.items()])]
    index = tuple(known[name].map(dict(values)).to_numpy(int) for name, values in places.items())
    array[index] = known[column].to_numpy(float)
    return array


def _chance(results: Results, network: Graph, pack: Pack) -> dict[str, Any]:
    """Pack the distributions of null models: of modularity, of what random splits cost, and of what they lesion."""
    parts = results.folder / "parts" / network.name
    if not (parts / "scores.h5").is_file():
        return {"nulls": []}
    drawn = all_drawn(parts)
    methods = list(_splits(results, network.name))
    shown = []
    for title, null, ablation, values in _distributions(drawn):
        present = [method for method in methods if method in values]
        if not present:
            continue
        draws = len(next(iter(values.values()))[1])
        array, known = np.full((len(methods), draws), np.nan), {}
        for method in present:
            observed, own, tail = values[method]
            array[methods.index(method)] = own
            beside = chance(observed, own, tail)
            known[method] = [observed, *(None if np.isnan(v) else float(v) for v in (beside.z, beside.p))]
        key = f"draws:{title}:{null}:{ablation}"
        pack.quantise(key, array)
        shown.append({"metric": title, "null": null, "ablation": ablation, "array": key, "observed": known})
    _pack_controls(results, network, drawn, methods, pack)
    return {"nulls": shown}


_Values = dict[str, tuple[float, FloatArray, Any]]  # method to the observed value, those on draws, and the tail


def _distributions(drawn: Sequence[Drawn]) -> Iterator[tuple[str, str, str, _Values]]:
    """Yield metric, null model, ablation and the values by method; drops of accuracy as means over tasks."""
    for null in dict.fromkeys(comparison.null for comparison in drawn):
        own = [comparison for comparison in drawn if comparison.null == null]
        modularity = {f.score.split: (f.score.value, f.values, f.tail) for f in own if f.score.metric == MODULARITY}
        if modularity and max(len(values) for _, values, _ in modularity.values()) > 1:
            yield MODULARITY, null, "", modularity
        drops = [comparison for comparison in own if comparison.score.metric == DROP]
        for ablation in dict.fromkeys(comparison.score.ablation for comparison in drops):
            here = [comparison for comparison in drops if comparison.score.ablation == ablation]
            by_method: _Values = {}
            for method in dict.fromkeys(comparison.score.split for comparison in here):
                tasks = [comparison for comparison in here if comparison.score.split == method]
                observed = float(np.mean([comparison.score.value for comparison in tasks]))
                draws = np.mean([comparison.values for comparison in tasks], axis=0)
                by_method[method] = (observed, draws, tasks[0].tail)
            yield DROP, null, ablation, by_method


def _pack_controls(
    results: Results, network: Graph, drawn: Sequence[Drawn], methods: Sequence[str], pack: Pack
) -> None:
    """Pack what each task can do without random neurons, as many as each module has: means over the draws."""
    array = np.full((len(methods), len(results.ablations), len(network.tasks), len(network.tasks)), np.nan)
    for comparison in drawn:
        score = comparison.score
        metric, _, module = score.metric.partition(":")
        if metric == WITHOUT and comparison.null == RANDOM_SPLIT and score.split in methods:
            place = methods.index(score.split), results.ablations.index(score.ablation)
            lesioned, task = network.tasks.index(module), network.tasks.index(score.task)
            array[(*place, lesioned, task)] = comparison.values.mean()
    if not np.isnan(array).all():
        pack.quantise("without-control", array)


def _agreement(results: Results, rows: pd.DataFrame, name: str, pack: Pack) -> dict[str, Any]:
    """Pack how far every two methods agree, ``(methods, methods)``; on the diagonal, the seeds of a method."""
    methods = {method: number for number, method in enumerate(_splits(results, name))}
    shown = []
    for measured in dict.fromkeys(rows["measure"]):
        own = rows[rows["measure"] == measured]
        half = _in_array(own, {"split": methods, "other": methods}, "value")
        pack.quantise(f"agreement:{measured}", np.where(np.isnan(half), half.T, half))
        shown.append(measured)
    return {"agreement": shown}
