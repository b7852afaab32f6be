"""A portrait of a network: all that the page shows of it, computed once, as facts and packed arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from spatialgraph.runners import Runner
from spatialgraph.splits import Split, is_degenerate

from ..results import Results
from ..runs import graph_and_runner
from .live import Live, live
from .measured import agreements, chances, full_accuracy, lesions
from .moments import moments
from .neurons import neurons
from .packing import Pack
from .structure import connections, layers_of, positions


@dataclass(frozen=True)
class Budget:
    """What the page has room for of a network.

    Attributes:
        connections: the largest number of connections shown, the strongest first.
        frame: the largest number of connections in a frame of the film, the strongest first; 0 for no film.
        live: the largest number of bytes by which the page runs the network; 0 if it does not run it.

    Raises:
        ValueError: a number is negative.
    """

    connections: int
    frame: int
    live: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.connections, self.frame, self.live) < 0:
            raise ValueError(f"budget: expected numbers of at least 0, found {self}")


@dataclass(frozen=True, eq=False)
class Portrait:
    """The content of the page for one network.

    Attributes:
        description: values for JSON.
        pack: arrays over neurons (of all split layers, one after the other), methods, draws and frames.
        live: what the page runs the network by; if it cannot, why, a sentence.
    """

    description: dict[str, Any]
    pack: Pack
    live: Live | str


def portrait(results: Results, agreement: pd.DataFrame, name: str, budget: Budget) -> Portrait:
    """Compile the content of the page for one network.

    Args:
        results: the results.
        agreement: rows of ``agreement.csv``, those of the network among them.
        name: the name of the network.
        budget: the room that the page has for it.

    Raises:
        FileNotFoundError: its file is not where the analysis found it.
        FormatError: its file, or a part of the analysis, is damaged.
    """
    network, splits, runner = results.network(name), _splits(results, name), _runner(results, name)
    methods = list(splits)
    pack = Pack()
    description: dict[str, Any] = {
        "name": name,
        "tasks": list(network.tasks),
        "accuracy": full_accuracy(results, network),
        "layers": layers_of(network),
        "methods": methods,
        "degenerate": {
            method: [note.reason for note in split.notes if note.is_degenerate]
            for method, split in splits.items()
            if is_degenerate(split)
        },
    }
    description |= positions(network, pack)
    description |= neurons(network, splits, runner, pack, counts=budget.live > 0)
    description |= connections(network, budget.connections, pack)
    description |= lesions(results, network, methods, pack)
    description |= chances(results, network, methods, pack)
    description |= agreements(agreement[agreement["network"] == name], methods, pack)
    description |= moments(results, network, splits, budget.frame, pack)
    return Portrait(description, pack, live(network, runner, budget.live))


def _runner(results: Results, name: str) -> Runner | None:
    """Return what runs a network on its held-out examples; None if it is a graph, or they are not in the run."""
    file = results.run / "networks" / f"{name}.h5"
    named = results.network(name).metadata.get("evaluation")
    if named is None or not (path := results.run / named["file"]).is_file():
        return None
    return graph_and_runner(file, path)[1]


def _splits(results: Results, name: str) -> dict[str, Split]:
    """Return the splits of a network in the order of the methods that tables have."""
    own = results.splits.get(name, {})
    return {method: own[method] for method in results.methods if method in own}
