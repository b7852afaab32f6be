"""Splits that lie in files: a user's own, to be measured beside those of the methods, and any other to be kept.

A file is a table, CSV or JSON (a list of objects), with a row for each unit of the split layers:

=========  =========================================================================================================
column     meaning
=========  =========================================================================================================
layer      the layer's name, or its number
unit       the number of the unit in its layer, from 0
module     the name of its task, of several with ``+`` between, empty for none; other names are those of communities
network    which network the row is of, as its file is called; without this column, rows are of every network
=========  =========================================================================================================
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..escapes import cell, uncell
from ..faults import NotApplicableError, name_faults, shown
from ..files import atomic
from ..graph.graph import Graph, IntArray
from ..graph.split import Split
from .alignment import align_communities
from .method import FILE

COLUMNS = ("layer", "unit", "module")
"""The columns that every file has."""

NETWORK = "network"
"""The column that a file of several networks has."""

_JOINT = "+"  # between the names of several tasks
_NAMED = 4  # of many units that are missing, so many are named

Row = Mapping[str, Any]


def label_of(path: str | Path) -> str:
    """Return how tables call the split of a file.

    Raises:
        ValueError: the name of the file is none that can be shown.

    Example:
        >>> label_of("splits/mine.csv")
        'file:mine'
    """
    name = Path(path).stem
    for fault in name_faults(f"{path}: name of a file", name):
        raise ValueError(str(fault))
    return f"{FILE}:{name}"


def read_rows(path: str | Path) -> list[Row]:
    """Read the rows of a file, as they are written there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no such table; the message says what was expected.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise ValueError(f"{path}: expected a split as CSV (*.csv) or JSON (*.json), found {path.name!r}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file of a split, found nothing")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a mark before it
        rows = _rows_of_csv(text) if path.suffix == ".csv" else _rows_of_json(text)
    except (ValueError, RecursionError, csv.Error) as error:  # text of another encoding is a ValueError
        raise ValueError(f"{path}: expected a table with columns {', '.join(COLUMNS)}, found {error}") from None
    _require_columns(rows, str(path))
    return rows


def _require_columns(rows: Sequence[Row], where: str) -> None:
    if not rows:
        raise ValueError(f"{where}: expected a row for each unit, with columns {', '.join(COLUMNS)}, found none")
    for number, row in enumerate(rows, 1):
        if missing := [column for column in COLUMNS if column not in row]:
            found = f"{', '.join(map(str, row))} without {' and '.join(missing)}"
            raise ValueError(f"{where}, row {number}: expected columns {', '.join(COLUMNS)}, found {found}")


def _rows_of_csv(text: str) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{name: uncell(value or "") for name, value in row.items() if name is not None} for row in reader]


def _rows_of_json(text: str) -> list[Row]:
    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f'no list of objects such as {{"layer": "hidden1", "unit": 0, "module": "a"}}: {shown(rows)}')
    return rows


def write_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows to a file, CSV or JSON by its ending, whole or not at all.

    Raises:
        ValueError: the ending is another.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise ValueError(f"{path}: expected a file *.csv or *.json for a split, found {path.name!r}")
    if path.suffix == ".csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, list(rows[0]) if rows else COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: cell(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows)
        text = file.getvalue()
    else:
        text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


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


def read_split(path: str | Path, graph: Graph, called: str | None = None) -> Split:
    """Read the split of a graph from a file.

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


def networks_of(rows: Iterable[Row]) -> list[str]:
    """Return the networks that rows name, none if they are of every network."""
    return list(dict.fromkeys(str(row[NETWORK]) for row in rows if NETWORK in row))


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
    found = False
    _require_columns(rows, where)
    for number, row in enumerate(rows, 1):
        if str(row.get(NETWORK, called)) != called:
            continue
        found = True
        layer, unit = _place(row, graph, f"{where}, row {number}")
        if unit not in missing[layer]:
            name = graph.populations[layer].name
            raise ValueError(f"{where}, row {number}: expected each unit once, found unit {unit} of {name!r} again")
        missing[layer].remove(unit)
        modules[layer][unit] = _text(row["module"])
    if not found:
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
