"""Notes that count odd units, with the graph's own word for units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph.graph import Graph
from ..notes import Note


def note_on_units(
    code: str, graph: Graph, population: int, count: int | np.integer[Any], of: int | None = None, **more: str
) -> Note:
    """Return a note on the number of odd units in a population.

    Args:
        code: the code of the note.
        graph: the graph.
        population: the number of the population.
        count: the number of odd units.
        of: the number of all units; None for the size of the population.
        more: further values of the note.
    """
    layer = graph.populations[population]
    values = {"layer": layer.name, "count": count, "of": of or layer.size, "units": graph.units_word([population])}
    return Note(code, values | more)


def hidden_word(graph: Graph, populations: Iterable[int] | None = None) -> str:
    """Return the plural noun for the units of some populations that are not outputs.

    Args:
        graph: the graph.
        populations: their numbers, None for those that are split.
    """
    chosen = graph.split_populations if populations is None else populations
    return graph.units_word(k for k in chosen if (graph.task_of[k] < 0).any())
