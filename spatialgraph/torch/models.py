"""The models of a run, which a file of the user's loads by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..faults import shown
from ..graph.graph import Graph
from ..plugins import load, reported
from .captured import Captured, capture
from .runner import TracedRunner

_FUNCTION = "load"


def runner_of(path: Path, name: str, graph: Graph) -> TracedRunner:
    """Return what runs a captured network: the model that a file of the user's loads.

    Args:
        path: a Python file with a function ``load(name) -> (model, batches)``, or ``(model, batches, options)`` with
            the options of `TracedRunner`, such as a score or probes. In place of the model it may return what `capture`
            made of it.
        name: the name of the network's file.
        graph: its graph, as `Captured.write` wrote it.

    Raises:
        ValueError: there is no such function, it fails, or what it returns is not what was captured.
    """
    function = getattr(load(path), _FUNCTION, None)
    if not callable(function):
        raise ValueError(f"{path}: expected a function {_FUNCTION}(name) that returns (model, batches), found none")
    where = f"{path}: {_FUNCTION}({name!r})"
    try:
        returned = function(name)
    except Exception as error:
        raise ValueError(f"{where}: expected (model, batches), found {reported(error, path)}") from error
    model, batches, options = _parts(where, returned)
    try:
        captured, batches = (model, batches) if isinstance(model, Captured) else _captured(model, batches, graph)
        return captured.of(graph).runner(batches, **options)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error


def _parts(where: str, returned: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return the model, the batches and the options that a function of the user's returned."""
    parts = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    model, batches, options = (*parts, {})[:3] if len(parts) in (2, 3) else (None, None, None)
    if not isinstance(model, nn.Module | Captured) or not isinstance(options, Mapping):
        found = ", ".join(type(part).__name__ for part in parts)
        raise ValueError(f"{where}: expected (model, batches) or (model, batches, options), found ({found})")
    return model, batches, options


def _captured(model: nn.Module, batches: Iterable[Any], graph: Graph) -> tuple[Captured, list[Any]]:
    """Capture a model as it was captured when its graph was written; return also the batches, to be read again."""
    held = list(batches)
    if not held or not isinstance(held[0], tuple | list) or len(held[0]) != 2:
        raise ValueError(f"expected batches of (inputs, labels), found {shown(held[:1])}")
    inputs = held[0][0]
    task_of = np.concatenate([graph.task_of[k] for k in graph.output_populations])
    tasks = {name: np.flatnonzero(task_of == number).tolist() for number, name in enumerate(graph.tasks)}
    return capture(model.eval(), tuple(inputs) if isinstance(inputs, list) else inputs, tasks), held
