"""Splits that lie in files: a user's own, to be measured beside those of the methods, and any other to be kept.

How a file looks is told by `spatialgraph.splits.table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..faults import NotApplicableError, shown
from ..graph.graph import Graph, IntArray
from ..graph.split import Split
from .alignment import align_communities
from .method import FILE, GIVEN_SPLITS, MethodFacts
from .table import COLUMNS, NETWORK, Row, label_of, read_rows, require_columns

_JOINT = "+"  # between the names of several tasks
_NAMED = 4  # of many units that are missing, so many are named


def rows_of(split: Split, graph: Graph) -> list[Row]:
    """Return a split as rows: of a split with communities, the communities.

    Raises:
        ValueError: the split is not of this graph, or a name has ``+`` in it, so that it would be read as another.

    Example:
        >>> from spatialgraph.graph.planted import planted
        >>> graph, _ = planted(0.1, sizes=(2, 2))
        >>> split = Split("by hand", {1: [[True, True], [True, False]], 2: [[False, True], [False, False]]})
        >>> [tuple(row.values())[1:] for row in rows_of(split, graph)]
        [(0, 'task0+task1'), (1, 'task0'), (0, 'task1'), (1, '')]
    """
    split.require_for(graph)
    names = split.group_names(graph.tasks)
    rows: list[Row] = []
    for layer, groups in split.groups.items():
        for unit, members in enumerate(groups):
            numbers = tuple(np.flatnonzero(members).tolist())
            module = _JOINT.join(names[number] for number in numbers)
            if module and _tasks_of(module, graph.tasks) != (numbers if split.communities is None else None):
                raise ValueError(f"split {split.method!r}: expected names that a file can tell apart, found {module!r}")
            rows.append(dict(zip(COLUMNS, (graph.populations[layer].name, unit, module), strict=True)))
    return rows


@GIVEN_SPLITS.register(FILE, MethodFacts("sizes", draws=False))
def read_split(path: str, graph: Graph, called: str | None = None) -> Split:
    """Read the split of a graph from a file, as it was given.

    Args:
        path: the file.
        graph: the graph.
        called: how the file calls the graph, if it is of several; the graph's own name if None.

    Raises:
        FileNotFoundError: there is no such file.
        NotApplicableError: the file says nothing of this graph.
        ValueError: the file is no such table, or its rows do not fit the graph.
    """
    return split_of(read_rows(path), graph, label_of(path), str(path), called)


def split_of(rows: Sequence[Row], graph: Graph, method: str, where: str, called: str | None = None) -> Split:
    """Return the split that rows tell of a graph.

    Args:
        rows: as `read_rows` returns them, or of a data frame.
        graph: the graph.
        method: the name of the split.
        where: where the rows are from, for messages.
        called: as in `read_split`.

    Raises:
        NotApplicableError: the rows say nothing of this graph.
        ValueError: the rows do not fit the graph.
    """
    modules = {k: [""] * graph.populations[k].size for k in graph.split_populations}
    missing = {k: set(range(len(units))) for k, units in modules.items()}
    called = graph.name if called is None else called
    has_rows = False
    require_columns(rows, where)
    for number, row in enumerate(rows, 1):
        if str(row.get(NETWORK, called)) != called:
            continue
        has_rows = True
        layer, unit = _place(row, graph, f"{where}, row {number}")
        if unit not in missing[layer]:
            name = graph.populations[layer].name
            raise ValueError(f"{where}, row {number}: expected each unit once, found unit {unit} of {name!r} again")
        missing[layer].remove(unit)
        modules[layer][unit] = _text(row["module"])
    if not has_rows:
        raise NotApplicableError(f"{where}: expected the units of network {called!r}, found none")
    for layer, units in missing.items():
        if units:
            some = ", ".join(map(str, sorted(units)[:_NAMED])) + (" …" if len(units) > _NAMED else "")
            name, size = graph.populations[layer].name, graph.populations[layer].size
            raise ValueError(f"{where}: expected all {size} units of layer {name!r}, found none of {some}")
    return _made(modules, graph, method, where)


def _place(row: Row, graph: Graph, where: str) -> tuple[int, int]:
    """Return the numbers of the layer and of the unit of a row."""
    names = {graph.populations[k].name: k for k in graph.split_populations}
    numbers = {str(k): k for k in graph.split_populations}
    text = _text(row["layer"])
    layer = names.get(text, numbers.get(text))
    if layer is None:
        raise ValueError(f"{where}: expected a split layer ({', '.join(names)}), found {shown(text)}")
    size, unit = graph.populations[layer].size, _text(row["unit"])
    if not (unit.isascii() and unit.isdecimal() and int(unit) < size):
        name = graph.populations[layer].name
        raise ValueError(f"{where}: expected a unit of layer {name!r}, from 0 to {size - 1}, found {shown(unit)}")
    return layer, int(unit)


def _text(value: object) -> str:
    """Return what stands in a cell as text: nothing for what is missing, whole numbers without a point."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _made(modules: Mapping[int, Sequence[str]], graph: Graph, method: str, where: str) -> Split:
    """Return the split of modules by name: of tasks, or of communities, which are then given to tasks."""
    tasks = graph.tasks
    known = dict.fromkeys(module for of_layer in modules.values() for module in of_layer if module)
    others = [module for module in known if _tasks_of(module, tasks) is None]
    if others and len(others) < len(known):
        raise ValueError(
            f"{where}: expected modules of tasks ({', '.join(tasks)}) or communities with other names, found both: "
            f"{next(module for module in known if module not in others)!r} and {others[0]!r}"
        )
    if others:
        number = {"": -1} | {name: place for place, name in enumerate(others)}
        communities: dict[int, IntArray] = {k: np.array([number[m] for m in of], np.int64) for k, of in modules.items()}
        labels, notes = align_communities(graph, communities)
        return Split.from_labels(method, labels, len(tasks), tuple(notes), communities)
    membership = {k: np.zeros((len(of_layer), len(tasks)), bool) for k, of_layer in modules.items()}
    for k, of_layer in modules.items():
        for unit, module in enumerate(of_layer):
            membership[k][unit, list(_tasks_of(module, tasks) or ())] = True
    return Split(method, membership)


def _tasks_of(module: str, tasks: Sequence[str]) -> tuple[int, ...] | None:
    """Return the numbers of the tasks that a module names, in order; None if it names something else, or nothing."""
    parts = [module] if module in tasks else [part.strip() for part in module.split(_JOINT)]
    return tuple(sorted(tasks.index(part) for part in parts)) if all(part in tasks for part in parts) else None
