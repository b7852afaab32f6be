"""What a file holds, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .graph.graph import Graph
from .network import Evaluation
from .scatter import WIDTH, scatter
from .splits import apply
from .store import EVALUATION, read_evaluation, read_graph, read_header

_COSTS = {"transport": "α", "density": "β"}


def describe(path: Path, width: int = WIDTH) -> RenderableType:
    """Return a description of a network file or an evaluation file, to be printed by rich.

    Args:
        path: the file.
        width: how many characters a line may have.

    Raises:
        FormatError: the file is neither, or has a fault.
    """
    header = read_header(path)
    if header.format == EVALUATION:
        return _facts([("file", path), *_of_evaluation(read_evaluation(path))])
    network = read_graph(path)
    facts = _facts([("file", path), *_of_network(network, header.snapshots)])
    parts: list[RenderableType] = [facts, "", _layers(network)]
    if network.has_positions:
        parts += ["", scatter(network, apply("greedy", network), width)]
    return Group(*parts)


def _facts(rows: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if str(value):
            table.add_row(name, Text(str(value)))
    return table


def _of_network(network: Graph, snapshots: Sequence[float]) -> Iterator[tuple[str, object]]:
    known = network.metadata
    weights = sum(rows * columns for rows, columns in (connection.shape for connection in network.connections))
    yield "network", f"{network.name} · {len(network.populations)} layers · {weights:,} weights"
    yield "training", _joined(f"{name} {known[name]}" for name in ("kind", "inputs", "seed", "epochs") if name in known)
    yield "tasks", ", ".join(network.tasks)
    accuracy = zip(network.tasks, known.get("accuracy") or [], strict=False)
    yield "accuracy", _joined(f"{task} {value:.4f}" for task, value in accuracy)
    yield "costs", _joined(_costs(network))
    yield "evaluation", (known.get("evaluation") or {}).get("file", "")
    yield "history", _history(network.history)
    yield "snapshots", _snapshots(snapshots)


def _joined(texts: Iterable[str]) -> str:
    return " · ".join(texts)


def _costs(network: Graph) -> Iterator[str]:
    """Yield each cost at the end of training, and what it was weighted by."""
    settings = network.metadata.get("experiment")
    for cost, symbol in _COSTS.items():
        values = network.history.get(cost)
        if values is not None and values.ndim == 1 and len(values):
            weight = settings.get(cost) if isinstance(settings, Mapping) else None
            known = isinstance(weight, (int, float))
            yield f"{cost} {values[-1]:.4g}" + (f" ({symbol} = {weight:g})" if known else "")


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


def _layers(network: Graph) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("layer", "units", "activation", "dim", "split"):
        table.add_column(name, justify="right" if name in ("units", "dim") else "left", no_wrap=True)
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
