"""Notes that count units: how many of which are odd, in the words of the graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph.graph import Graph
from ..notes import Note


def note_on_units(
    code: str, graph: Graph, population: int, count: int | np.integer[Any], of: int | None = None, **more: str
) -> Note:
    """Return a note on how many units of a population are odd.

    Args:
        code: of the note.
        graph: the graph.
        population: the number of the population.
        count: how many of its units.
        of: how many units there are, as many as the population has if None.
        more: values of the note besides these.
    """
    layer = graph.populations[population]
    values = {"layer": layer.name, "count": count, "of": of or layer.size, "units": graph.units_word([population])}
    return Note(code, values | more)


def hidden_word(graph: Graph, populations: Iterable[int] | None = None) -> str:
    """Return what the units of some populations that are no outputs are called in plural.

    Args:
        graph: the graph.
        populations: their numbers, None for those that are split.
    """
    chosen = graph.split_populations if populations is None else populations
    return graph.units_word(k for k in chosen if (graph.task_of[k] < 0).any())
