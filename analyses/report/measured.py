"""What the analysis measured of a network: tasks without modules, null models, and the agreement of methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialgraph.graph import Graph
from spatialgraph.nulls import RANDOM_SPLIT, chance

from ..chance import Drawn
from ..columns import FULL
from ..results import Results
from ..steps import all_drawn
from .packing import Pack

DROP, MODULARITY, WITHOUT = "accuracy-drop", "modularity", "accuracy-without"
"""The metrics whose values on draws, or module by module, the page shows."""

FloatArray = NDArray[np.float64]


def full_accuracy(results: Results, network: Graph) -> list[float | None]:
    """Return the accuracy of each task of the whole network, None if it was not measured."""
    scores = results.scores_of(network.name)
    rows = scores[scores["split"] == FULL]
    accuracy = rows[rows["metric"] == "accuracy"].set_index("task")["value"]
    return [float(accuracy[task]) if task in accuracy.index else None for task in network.tasks]


def lesions(results: Results, network: Graph, methods: Sequence[str], pack: Pack) -> dict[str, Any]:
    """Pack the accuracy of each task without each module, ``(methods, ablations, modules, tasks)``."""
    scores = results.scores_of(network.name)
    rows = scores[scores["metric"].str.startswith(f"{WITHOUT}:")]
    if rows.empty:
        return {"lesions": False}
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


def chances(results: Results, network: Graph, methods: Sequence[str], pack: Pack) -> dict[str, Any]:
    """Pack the distributions of null models: of modularity, of what random splits cost, and of what they lesion."""
    parts = results.folder / "parts" / network.name
    if not (parts / "scores.h5").is_file():
        return {"nulls": []}
    drawn = all_drawn(parts)
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


def agreements(rows: pd.DataFrame, methods: Sequence[str], pack: Pack) -> dict[str, Any]:
    """Pack how far every two methods agree, ``(methods, methods)``; on the diagonal, the seeds of a method."""
    numbers = {method: number for number, method in enumerate(methods)}
    shown = []
    for measured in dict.fromkeys(rows["measure"]):
        own = rows[rows["measure"] == measured]
        half = _in_array(own, {"split": numbers, "other": numbers}, "value")
        pack.quantise(f"agreement:{measured}", np.where(np.isnan(half), half.T, half))
        shown.append(measured)
    return {"agreement": shown}
