"""The networks of a run: their graphs, and what runs them on the held-out examples that they name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from spatialgraph.files import digest
from spatialgraph.graph import Graph
from spatialgraph.network import Evaluation, Network, graph_of
from spatialgraph.notes import Note, notes_of
from spatialgraph.provenance import code_of
from spatialgraph.runners import DenseRunner, Runner
from spatialgraph.store import read, read_evaluation, read_header

CAPTURE = "capture"
"""The key of the metadata of a graph that was captured from a model."""

# A network of more bytes that is not run is read in pieces, whenever a connection is looked at.
_LARGE = 2**28


@dataclass(frozen=True, eq=False)
class Models:
    """What runs the networks of a run that are graphs of models.

    Attributes:
        file: a Python file of the user's that loads them by name, see `spatialgraph.torch.models`; None if there is
            none.
        runners: what this process runs them by: the name of a network's file to its runner.
    """

    file: Path | None = None
    runners: Mapping[str, Runner] = field(default_factory=dict)

    def key(self, name: str) -> list[str]:
        """Return what results of a network depend on, besides its file and the code of the analysis."""
        if name in self.runners:
            return [self.runners[name].digest, code_of(type(self.runners[name]))]
        if self.file is None:
            return []
        return [digest(self.file), code_of(_traced().runner_of)]

    def runner(self, file: Path) -> Runner | None:
        """Return what runs a network; None if nothing does.

        Raises:
            ValueError: the user's file does not load the model that the network's file is of.
        """
        if file.stem in self.runners:
            return self.runners[file.stem]
        if self.file is None:
            return None
        return _loaded(self.file, self.file.stat().st_mtime_ns, file, file.stat().st_mtime_ns)


@lru_cache(maxsize=1)  # the steps of one network often come one after the other
def _loaded(models: Path, _models_changed: int, file: Path, _file_changed: int) -> Runner:
    runner: Runner = _traced().runner_of(models, file.stem, graph_of(read(file)))
    return runner


def _traced() -> Any:
    """Return what runs models of PyTorch, which is loaded where one is run and nowhere else."""
    return importlib.import_module("spatialgraph.torch.models")


NO_MODELS = Models()
"""Nothing runs the graphs of models."""


def _unsaid(note: Note) -> None:
    """Why a network is not run is of no interest to whoever does not ask."""


def graph_and_runner(
    file: Path, evaluation: Path | None, note: Callable[[Note], None] = _unsaid, models: Models = NO_MODELS
) -> tuple[Graph, Runner | None]:
    """Return the graph of a network, and what runs it; a large graph that is not run is read in pieces.

    Args:
        file: the file of the network.
        evaluation: the file of its held-out examples, None if there is none.
        note: is called with the reason where there is nothing that runs it, and with what a captured graph leaves out.
        models: what runs the graphs of models.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file has a fault, or the evaluation has other bytes than the network names.
    """
    captured = read_header(file).metadata.get(CAPTURE)
    if isinstance(captured, Mapping):
        graph = graph_of(read(file, in_pieces=file.stat().st_size > _LARGE))
        for left_out in notes_of(captured.get("notes")):
            note(left_out)
        runner = models.runner(file)
        if runner is None:
            note(Note("no-models"))
        return graph, runner
    network = read(file, in_pieces=evaluation is None and file.stat().st_size > _LARGE)
    if evaluation is None:
        note(Note("no-evaluation"))
        return graph_of(network), None
    examples = evaluation_of(network, evaluation, file)
    if isinstance(network, Graph):
        note(Note("not-executable"))
        return network, None
    return network.graph, DenseRunner(network, examples)


def evaluation_of(network: Network | Graph, path: Path, file: Path) -> Evaluation:
    """Return the held-out examples of a network.

    Args:
        network: the network.
        path: the file of the examples.
        file: the file of the network, for messages.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has other bytes than the network was evaluated with, or has a fault.
    """
    named = network.metadata.get("evaluation")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected the evaluation that {file} names, found nothing; "
            "`spatialgraph analyze --evaluation FILE` names one elsewhere"
        )
    evaluation, sha256 = _read_evaluation(path, path.stat().st_mtime_ns)
    if named is not None and sha256 != named["sha256"]:
        raise ValueError(f"{path}: expected SHA-256 {named['sha256'][:12]}… that {file} names, found {sha256[:12]}…")
    return evaluation


@lru_cache(maxsize=2)  # networks of one input mode share their evaluation, and come one after the other
def _read_evaluation(path: Path, _changed: int) -> tuple[Evaluation, str]:
    return read_evaluation(path), digest(path)
