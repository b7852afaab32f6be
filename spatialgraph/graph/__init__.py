"""What is split and measured: a graph of units, of any network.

A unit is what a nonlinearity acts on (a neuron, a channel, a head, a state) and every output. A connection is the
linear map between two populations of units, and its strength the size of that map's part between two units.
"""

from __future__ import annotations

from .export import FORMATS, adjacency, export_graph, node_index, to_adjacency, to_networkx
from .graph import Connection, Graph, MadeConnection, Population

__all__ = [
    "FORMATS",
    "Connection",
    "Graph",
    "MadeConnection",
    "Population",
    "adjacency",
    "export_graph",
    "node_index",
    "to_adjacency",
    "to_networkx",
]
