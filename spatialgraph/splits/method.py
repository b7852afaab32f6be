"""The registry of split methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from ..faults import NotApplicableError
from ..graph.graph import DoubleArray, Graph
from ..graph.split import Split
from ..memory import free_memory
from ..registry import Registry, one_of

Method = Callable[..., Split]
MethodFunction = TypeVar("MethodFunction", bound=Method)
Sees = Literal["weights", "activations", "positions", "sizes"]
Memory = Callable[[Graph], float]

DIRECT = 2000
"""Up to so many neurons, matrices of all pairs are held and solved directly; beyond, that costs time in the cube of
their number."""

_ALWAYS = 2.0**26
"""Bytes that a method takes without asking how many are free, which takes as long as a small split."""

GIVEN = ("graph", "runner", "seed")
"""The parameters that are supplied to a method if it has them; its other parameters have defaults that users may set
in the method's name."""


@dataclass(frozen=True, eq=False)
class Counted:
    """The numbers by which a method gave each neuron to a task.

    Attributes:
        what: what they are, a few words for people.
        values: population number to ``(units, tasks)``; nan for units that it has no numbers for, such as outputs.
    """

    what: str
    values: Mapping[int, DoubleArray]


@dataclass(frozen=True)
class MethodFacts:
    """The properties of a split method that analyses depend on.

    Attributes:
        sees: the data that it splits by: ``"weights"``: the strengths of connections; it is run again on the draws of
            a null model that changes them. ``"activations"``: those of neurons on held-out examples. ``"positions"``:
            those of neurons. ``"sizes"``: how many neurons another split gives to each task, and nothing else.
        draws: whether it draws at random, and so has a seed.
        memory: the bytes that it holds at a time beside the graph, about; None if that is little.
        counts: returns the numbers by which it gave each neuron to a task; None if it has no number for a neuron.
    """

    sees: Sees
    draws: bool
    memory: Memory | None = None
    counts: Callable[..., Counted] | None = None


SPLITS: Registry[Method, MethodFacts] = Registry("split method", ("graph",))
"""Every split method, by name. A method is a function of a `Graph` and, as it needs them, of a ``runner`` and a
``seed``; it returns a `Split` or raises `NotApplicableError`."""


FILE = "file"
"""What stands before the name of a file, ``file:mine.csv``, where a split is meant that lies in it."""

GIVEN_SPLITS: Registry[Method, MethodFacts] = Registry("split that is given", ("path", "graph", "called"))
"""What reads splits that are given, which are no methods: under `FILE`, those of files. A split that is given is fixed:
null models measure it as it is."""


def base(method: str) -> str:
    """Return the name of a method without its parameters; `FILE` for the split of a file.

    Example:
        >>> base("louvain:resolution=0.5"), base("greedy"), base("file:mine.csv")
        ('louvain', 'greedy', 'file')
    """
    return method.partition(":")[0]


def registry_of(method: str) -> Registry[Method, MethodFacts]:
    """Return the registry that a method is in, or what reads the split of a file."""
    return GIVEN_SPLITS if base(method) == FILE else SPLITS


def facts_of(method: str) -> MethodFacts:
    """Return what has to be known of a method, named with parameters or without, or of the split of a file.

    Raises:
        ValueError: there is no such method.
    """
    return registry_of(method).facts(base(method))


def split_method(
    name: str, *, sees: Sees, memory: Memory | None = None, counts: Callable[..., Counted] | None = None
) -> Callable[[MethodFunction], MethodFunction]:
    """Return a decorator that enters a function in `SPLITS`, in any file.

    Args:
        name: the method's name.
        sees: the data that it splits by, as in `MethodFacts`. A method with a parameter ``seed`` draws at random.
        memory: the bytes that it holds at a time beside a graph, about; where so many are not free, it is not begun.
        counts: if it gives each neuron to a task by numbers, a function that returns them: of a ``graph`` and, as it
            needs them, the ``split`` that the method made, a ``runner``, and the method's own parameters.

    Raises:
        ValueError: there is a method of this name, or the decorator's arguments do not fit the function.

    Example:
        >>> from spatialgraph.splits import SPLITS, Split, apply
        >>> @split_method("first-half", sees="sizes")
        ... def first_half(graph):
        ...     '''Give the first half of every layer to the first task, for this example.'''
        ...     halves = {k: (2 * np.arange(graph.populations[k].size) >= graph.populations[k].size).astype(int)
        ...               for k in graph.split_populations}
        ...     return Split.from_labels("first-half", halves, len(graph.tasks))
        >>> import numpy as np
        >>> from spatialgraph.graph.planted import planted
        >>> apply("first-half", planted(0.1, sizes=(4, 2))[0]).labels(1).tolist()
        [0, 0, 1, 1]
        >>> SPLITS.forget("first-half")
    """
    where = f"split method {name!r}"
    one_of(where, "sees", sees, get_args(Sees))
    if name == FILE:
        raise ValueError(f"{where}: expected another name, since this one stands for splits that lie in files")

    def enter(function: MethodFunction) -> MethodFunction:
        SPLITS.check(name, function)
        asked = inspect.signature(function).parameters
        if sees == "activations" and "runner" not in asked:
            raise ValueError(f"{where}: expected a parameter runner, since it sees activations, found none")
        for parameter in asked.values():
            if parameter.name not in GIVEN and type(parameter.default) not in (bool, int, float, str):
                raise ValueError(
                    f"{where}: expected a default for the parameter {parameter.name}, true or false, a number or a "
                    "word, found none"
                )
        SPLITS.register(name, MethodFacts(sees, "seed" in asked, memory, counts))(function)
        return function

    return enter


def sees(method: str) -> Sees:
    """Return the data that a split method, named with or without parameters, splits by, see `MethodFacts.sees`.

    Raises:
        ValueError: there is no such method.

    Example:
        >>> import spatialgraph.splits
        >>> sees("greedy"), sees("positions")
        ('weights', 'positions')
    """
    return facts_of(method).sees


def all_pairs(matrices: float) -> Memory:
    """Return the bytes of some matrices of all pairs of units, float64, as a function of the graph.

    Example:
        >>> from spatialgraph.graph.planted import planted
        >>> all_pairs(2)(planted(0.1, sizes=(4, 2))[0])
        576.0
    """
    return lambda graph: matrices * 8.0 * _units(graph) ** 2


def weights_once(graph: Graph) -> float:
    """Return the bytes of the weights that count, float32; of few units, those of four matrices of all pairs."""
    if _units(graph) <= DIRECT:
        return all_pairs(4)(graph)
    counted = _populations(graph)
    within = (c for c in graph.connections if {c.source, c.target} <= counted)
    return 4.0 * sum(c.shape[0] * c.shape[1] for c in within)


def _populations(graph: Graph) -> set[int]:
    """Return the numbers of the populations that are split or hold outputs."""
    return {*graph.split_populations, *graph.output_populations}


def _units(graph: Graph) -> int:
    """Return the number of units of these populations."""
    return sum(graph.populations[k].size for k in _populations(graph))


def require_memory(method: str, graph: Graph) -> None:
    """Refuse a method before it begins, if it would need more memory than there is.

    Raises:
        NotApplicableError: it would.
    """
    memory = facts_of(method).memory
    if memory is None or (needed := memory(graph)) <= _ALWAYS:
        return
    if needed > (free := free_memory()):
        raise NotApplicableError(
            f"split {method!r} of network {graph.name!r}: expected {needed / 1e9:.1f} GB of free memory for "
            f"{_units(graph)} {graph.units_word(graph.split_populations)}, found {free / 1e9:.1f} GB"
        )
