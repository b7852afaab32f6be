"""What a file holds, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .escapes import plain
from .graph.graph import Graph
from .graph.named import class_names, image_shapes
from .graph.split import Split
from .network import Evaluation
from .scatter import WIDTH, scatter
from .splits import apply, is_degenerate
from .store import EVALUATION, NETWORK, SPLITS, read_arrays, read_evaluation, read_graph, read_header, read_splits

_COSTS = {"transport": "α", "density": "β"}

# So many names, and rows of arrays, are shown of a file that has more.
_NAMED, _LISTED = 6, 40
_SHOWN = 120  # characters of a value of the metadata


def describe(path: Path, width: int = WIDTH) -> RenderableType:
    """Return a description of a file of any of the project's formats, to be printed by rich.

    Args:
        path: the file.
        width: how many characters a line may have.

    Raises:
        FormatError: the file is of no format of this project, or has a fault.
    """
    header = read_header(path)
    rows: Iterator[tuple[str, object]]
    parts: list[RenderableType]
    if header.format == NETWORK:
        network = read_graph(path)
        rows, parts = _of_network(network, header.snapshots), [_layers(network)]
        if network.has_positions:
            parts.append(scatter(network, apply("greedy", network), width))
    elif header.format == EVALUATION:
        rows, parts = _of_evaluation(read_evaluation(path)), []
    elif header.format == SPLITS:
        splits = read_splits(path)
        rows, parts = _of_splits(splits), [_methods(splits)]
    else:
        kind = header.format.removeprefix("spatialgraph.")
        arrays, metadata = read_arrays(path, kind)
        rows, parts = _of_arrays(kind, arrays, metadata), [_arrays(arrays)]
    return Group(_grid([("file", path), *rows]), *(part for one in parts for part in ("", one)))


def _grid(rows: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if str(value):
            table.add_row(Text(plain(name)), Text(plain(str(value))))
    return table


def _of_network(network: Graph, snapshots: Sequence[float]) -> Iterator[tuple[str, object]]:
    known = network.metadata
    weights = sum(rows * columns for rows, columns in (connection.shape for connection in network.connections))
    yield "network", f"{network.name} · {len(network.populations)} layers · {weights:,} weights"
    yield "training", _joined(f"{name} {known[name]}" for name in ("kind", "inputs", "seed", "epochs") if name in known)
    yield "tasks", ", ".join(network.tasks)
    named = zip(network.tasks, class_names(network), strict=False)
    yield "classes", _joined(f"{task}: {', '.join(names)}" for task, names in named)
    shapes = image_shapes(known, network.populations[0].size)
    yield "images", _joined(f"{rows} × {columns}" for rows, columns in shapes)
    accuracy = zip(network.tasks, known.get("accuracy") or [], strict=False)
    yield "accuracy", _joined(f"{task} {value:.4f}" for task, value in accuracy)
    yield "settings" if "symbols" in known else "costs", _joined(_costs(network))
    yield "evaluation", (known.get("evaluation") or {}).get("file", "")
    yield "history", _history(network.history)
    yield "snapshots", _snapshots(snapshots)


def _joined(texts: Iterable[str]) -> str:
    return " · ".join(texts)


def _costs(network: Graph) -> Iterator[str]:
    """Yield each cost at the end of training with its strength, then the other settings of the network's kind."""
    known = network.metadata
    settings = known.get("settings") or known.get("experiment")
    settings = settings if isinstance(settings, Mapping) else {}
    symbols = known.get("symbols")
    for name, symbol in (symbols if isinstance(symbols, Mapping) else _COSTS).items():
        values, setting = network.history.get(name), settings.get(name)
        factor = f"{symbol} = {setting:g}" if isinstance(setting, (int, float)) else ""
        if values is not None and values.ndim == 1 and len(values):
            yield f"{name} {values[-1]:.4g}" + (f" ({factor})" if factor else "")
        elif factor and symbols:
            yield f"{name} ({factor})"
    if isinstance(known.get("positions"), str) and known["positions"]:
        yield f"positions {known['positions']}"


def _history(history: Mapping[str, Any]) -> str:
    """Return what was recorded, and of how many epochs."""
    quantities: dict[int, list[str]] = {}
    for name, values in history.items():
        quantities.setdefault(len(values), []).append(name)
    return _joined(f"{', '.join(names)} of {epochs} epochs" for epochs, names in quantities.items())


def _snapshots(epochs: Sequence[float]) -> str:
    """Return how many moments of training there are, and of when.

    Example:
        >>> _snapshots([0.0]), _snapshots([0.0, 0.25, 12.5])
        ('1, of epoch 0', '3, of epochs 0 to 12.5')
    """
    if len(epochs) < 2:
        return "".join(f"1, of epoch {epoch:g}" for epoch in epochs)
    return f"{len(epochs)}, of epochs {epochs[0]:g} to {epochs[-1]:g}"


def _table(columns: Iterable[str], numbers: Collection[str]) -> Table:
    """Return a table without rows; columns of numbers are aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=True)
    return table


def _layers(network: Graph) -> Table:
    table = _table(("layer", "units", "activation", "dim", "split"), ("units", "dim"))
    digits = len(str(len(network.populations) - 1))
    for number, layer in enumerate(network.populations):
        name, dim = f"{number:>{digits}} {layer.name}", "" if layer.position is None else str(layer.position.shape[1])
        table.add_row(*map(Text, (name, f"{layer.size:,}", layer.activation or "", dim, "yes" if layer.split else "")))
    return table


def _of_evaluation(evaluation: Evaluation) -> Iterator[tuple[str, object]]:
    examples, inputs = evaluation.inputs.shape
    scored = (evaluation.labels >= 0).sum(axis=0)
    yield "evaluation", f"{examples:,} examples of {inputs:,} inputs, {evaluation.inputs.dtype} × {evaluation.scale:g}"
    yield "scored", _joined(f"task {task}: {count:,}" for task, count in enumerate(scored))
    yield "probes", ", ".join(f"{task} {probe.shape}" for task, probe in evaluation.probes.items())


def _of_splits(splits: Mapping[str, Mapping[str, Split]]) -> Iterator[tuple[str, object]]:
    own = [split for methods in splits.values() for split in methods.values()]
    tasks = sorted({members.shape[1] for split in own for members in split.membership.values()})
    yield "splits", _joined([f"{len(own)}, of {len(splits)} networks", *(f"{count} tasks" for count in tasks)])
    yield "networks", _some(list(splits))


def _methods(splits: Mapping[str, Mapping[str, Split]]) -> Table:
    """Return what each method did, a row for each."""
    table = _table(("method", *(numbers := ("networks", "layers", "communities", "degenerate", "notes"))), numbers)
    for method in dict.fromkeys(method for methods in splits.values() for method in methods):
        own = [methods[method] for methods in splits.values() if method in methods]
        communities = [
            1 + max(int(layer.max(initial=-1)) for layer in s.communities.values()) for s in own if s.communities
        ]
        counts = (sum(map(is_degenerate, own)), sum(bool(split.notes) for split in own))
        layers = _range([len(split.membership) for split in own])
        table.add_row(*map(Text, (plain(method), str(len(own)), layers, _range(communities), *map(str, counts))))
    return table


def _of_arrays(
    kind: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    size = sum(array.nbytes for array in arrays.values())
    yield "arrays", f"{len(arrays)} of kind {kind} · {size:,} bytes"
    for name, value in metadata.items():
        text = json.dumps(value, ensure_ascii=False)
        yield name, text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _arrays(arrays: Mapping[str, NDArray[Any]]) -> Table:
    table = _table(("array", "shape", "type"), ())
    for name, array in list(arrays.items())[:_LISTED]:
        table.add_row(*map(Text, (plain(name), " × ".join(map(str, array.shape)) or "one value", str(array.dtype))))
    if len(arrays) > _LISTED:
        table.add_row(Text(f"… {len(arrays) - _LISTED} more", style="dim"))
    return table


def _some(names: Sequence[str]) -> str:
    """Return names, of many the first and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_NAMED])} and {more} more"


def _range(values: Sequence[int]) -> str:
    """Return the range of whole numbers, empty if there are none.

    Example:
        >>> _range([3, 3]), _range([2, 5]), _range([])
        ('3', '2 to 5', '')
    """
    ends = dict.fromkeys((min(values), max(values))) if values else {}
    return " to ".join(map(str, ends))
