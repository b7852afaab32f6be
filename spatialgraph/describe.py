"""What a file holds, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from .network import Evaluation, Network
from .store import EVALUATION, read_evaluation, read_header, read_network


def describe(path: Path) -> RenderableType:
    """Return a description of a network file or an evaluation file, to be printed by rich.

    Raises:
        FormatError: the file is neither, or has a fault.
    """
    header = read_header(path)
    if header.format == EVALUATION:
        return _evaluation(path, read_evaluation(path))
    return _network(path, read_network(path), header.snapshots)


def _facts(rows: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    for name, value in rows:
        table.add_row(name, str(value))
    return table


def _network(path: Path, network: Network, snapshots: tuple[int, ...]) -> RenderableType:
    known = network.metadata
    accuracy = zip(network.tasks, known.get("accuracy") or [], strict=False)
    weights = sum(connection.weight.size for connection in network.connections)
    facts = [
        ("file", path),
        ("network", f"{network.name} · {len(network.layers)} layers · {weights:,} weights"),
        ("training", " · ".join(f"{name} {known[name]}" for name in ("kind", "inputs", "seed") if name in known)),
        ("tasks", ", ".join(network.tasks)),
        ("accuracy", " · ".join(f"{task} {value:.4f}" for task, value in accuracy)),
        ("evaluation", (known.get("evaluation") or {}).get("file", "")),
        ("history", ", ".join(f"{name} {values.shape}" for name, values in network.history.items())),
        ("snapshots", " · ".join(f"epoch {epoch}" for epoch in snapshots)),
    ]
    table = Table("layer", "name", "units", "activation", "positions", "split", box=None, header_style="dim")
    for number, layer in enumerate(network.layers):
        dim = "" if layer.position is None else f"{layer.position.shape[1]} dimensions"
        split = "yes" if layer.split else ""
        table.add_row(str(number), layer.name, str(layer.size), layer.activation, dim, split)
    return Group(_facts((name, value) for name, value in facts if value), "", table)


def _evaluation(path: Path, evaluation: Evaluation) -> RenderableType:
    examples, inputs = evaluation.inputs.shape
    scored = (evaluation.labels >= 0).sum(axis=0)
    facts = [
        ("file", path),
        ("evaluation", f"{examples:,} examples of {inputs:,} inputs, {evaluation.inputs.dtype} × {evaluation.scale:g}"),
        ("scored", " · ".join(f"task {task}: {count:,}" for task, count in enumerate(scored))),
        ("probes", ", ".join(f"{task} {probe.shape}" for task, probe in evaluation.probes.items())),
    ]
    return _facts((name, value) for name, value in facts if value)
