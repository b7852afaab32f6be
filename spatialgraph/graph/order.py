"""The order in which populations lead to one another, also where connections run backwards."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import Graph


def backward_order(graph: Graph, populations: Sequence[int]) -> list[tuple[int, ...]]:
    """Return populations such that each comes after all that it leads to; those of a common cycle come together.

    Args:
        graph: the graph.
        populations: their numbers; paths through others do not count.

    Returns:
        numbers of populations in descending order: one alone, or all that lie on a cycle with each other.

    Example:
        >>> from spatialgraph.graph import Connection, Population
        >>> populations = [Population(name, 1, task=[0]) for name in "abc"]
        >>> ends = [(0, 1), (1, 0), (1, 2)]
        >>> graph = Graph(populations, [Connection(*pair, [[1.0]]) for pair in ends], {"tasks": ["t"]})
        >>> backward_order(graph, [0, 1, 2])
        [(2,), (1, 0)]
    """
    if graph.is_layered:
        return [(k,) for k in sorted(populations, reverse=True)]
    import networkx as nx  # takes longer to import than the rest of the splits

    among = nx.DiGraph()
    among.add_nodes_from(populations)
    among.add_edges_from((c.target, c.source) for c in graph.connections if {c.source, c.target} <= set(populations))
    cycles = nx.condensation(among)
    members = {node: tuple(sorted(of, reverse=True)) for node, of in cycles.nodes(data="members")}
    # Of several orders, the one in which later populations come first, as in layered networks.
    return [members[node] for node in nx.lexicographical_topological_sort(cycles, key=lambda node: -members[node][0])]


def is_cycle(graph: Graph, populations: Sequence[int]) -> bool:
    """Return whether some populations, as `backward_order` returns them, lie on a cycle."""
    return len(populations) > 1 or any(c.source == c.target == populations[0] for c in graph.connections)
