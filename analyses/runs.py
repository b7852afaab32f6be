"""The networks of a run: their graphs, and what runs them on the held-out examples that they name."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from spatialgraph.files import digest
from spatialgraph.graph import Graph
from spatialgraph.network import Evaluation, Network, graph_of
from spatialgraph.notes import Note
from spatialgraph.runners import DenseRunner, Runner
from spatialgraph.store import read, read_evaluation

# A network of more bytes that is not run is read in pieces, whenever a connection is looked at.
_LARGE = 2**28


def _unsaid(note: Note) -> None:
    """Why a network is not run is of no interest to whoever does not ask."""


def graph_and_runner(
    file: Path, evaluation: Path | None, note: Callable[[Note], None] = _unsaid
) -> tuple[Graph, Runner | None]:
    """Return the graph of a network, and what runs it; a large graph that is not run is read in pieces.

    Args:
        file: the file of the network.
        evaluation: the file of its held-out examples, None if there is none.
        note: is called with the reason where there is nothing that runs it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file has a fault, or the evaluation has other bytes than the network names.
    """
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
