"""The total strength of a network; a module of its own, since processes that do steps need it and no tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spatialgraph.graph import Graph
from spatialgraph.graph.sums import weighted_sums
from spatialgraph.network import graph_of
from spatialgraph.store import read

STRENGTH = "strength"
"""The column of ``networks.csv``."""


def total_strength(graph: Graph) -> float:
    """Return the total strength of the split layers: Σ |w| over all connections that enter a split population.

    Example:
        >>> from spatialgraph.graph import Connection, Population
        >>> populations = [Population("input", 1), Population("output", 2, split=True, task=[0, 0])]
        >>> total_strength(Graph(populations, [Connection("input", "output", [[1.0], [-0.5]])], {"tasks": ["a"]}))
        1.5
    """
    split = set(graph.split_populations)
    total = 0.0
    for connection in graph.connections:
        if connection.target in split:
            targets, sources = connection.shape
            sums, _ = weighted_sums(connection.weight, "absolute", np.ones((1, sources)), np.zeros((1, targets)))
            total += float(sums.sum())
    return total


def strength_of(file: Path) -> float:
    """Return the total strength of the split layers of a network's file; large ones are read in pieces."""
    return total_strength(graph_of(read(file, in_pieces=True)))
