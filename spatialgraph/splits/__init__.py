"""Ways to split a network into task modules: one function per method, all of them in `SPLITS`.

A new method is one function with ``@split_method("name", sees=…)`` in a module that is imported here. It takes a
`Graph` and, if it needs them, parameters named ``runner`` and ``seed``; the same arguments give the same split.
Its docstring says how the method works, where it comes from and what it cannot do; what it could not do this time goes
into the split's notes: a `spatialgraph.notes.Note`, or a text of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from ..faults import NotApplicableError
from ..graph.graph import Graph
from ..graph.split import Split
from ..runners.runner import Runner
from .degenerate import is_degenerate, why_degenerate
from .method import (
    FILE,
    GIVEN,
    SPLITS,
    Counted,
    MethodFacts,
    base,
    facts_of,
    registry_of,
    require_memory,
    sees,
    split_method,
)

# Imported to enter their methods in `SPLITS`, in the order in which tables and figures show them.
# isort: off
from . import greedy
from . import spectral
from . import anchored
from . import min_cut
from . import communities
from . import activation
from . import positions
from . import ablation
from . import learned_mask
from . import random
from . import file
# isort: on

__all__ = [
    "FILE",
    "SPLITS",
    "Counted",
    "MethodFacts",
    "NotApplicableError",
    "Split",
    "ablation",
    "activation",
    "anchored",
    "apply",
    "base",
    "checked",
    "communities",
    "counted",
    "degenerate",
    "draws_at_random",
    "file",
    "function_of",
    "greedy",
    "is_degenerate",
    "is_known",
    "learned_mask",
    "min_cut",
    "parameters",
    "positions",
    "random",
    "sees",
    "select",
    "spectral",
    "split_method",
    "summary_of",
    "why_degenerate",
]


def select(methods: Iterable[str] | None) -> list[str]:
    """Return the split methods asked for, each checked, in their order; every method if None.

    A method is a name in `SPLITS`, followed by parameters of its function if others than the defaults are wanted:
    ``louvain:resolution=0.5``, ``leiden:resolution=2:library=igraph``.

    Raises:
        ValueError: an unknown method or parameter, the message lists those that are known; or a value that is not of
            the parameter's type.

    Example:
        >>> select(["greedy", "louvain:resolution=0.5"])
        ['greedy', 'louvain:resolution=0.5']
    """
    chosen = list(SPLITS) if methods is None else list(dict.fromkeys(methods))
    for method in chosen:
        parameters(method)
    return chosen


def parameters(method: str) -> dict[str, object]:
    """Return the parameters that a method is named with.

    Raises:
        ValueError: as `select` says.

    Example:
        >>> parameters("louvain:resolution=0.5"), parameters("louvain")
        ({'resolution': 0.5}, {})
    """
    name, *given = method.split(":")
    if name == FILE:
        return {}
    known = {p.name: type(p.default) for p in _asked(SPLITS[name]).values() if p.name not in GIVEN}
    values: dict[str, object] = {}
    for text in given:
        key, _, value = text.partition("=")
        if key not in known:
            allowed = ", ".join(known) or "none"
            raise ValueError(f"split method {method!r}: unknown parameter {key!r}; known: {allowed}")
        values[key] = _value(method, key, value, known[key])
    return values


@lru_cache
def _asked(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return what a function asks for, by name; to look takes as long as a small split."""
    return inspect.signature(function).parameters


def _value(method: str, key: str, text: str, kind: type) -> object:
    """Return a parameter's value: true or false, a number, or a word, as its default is."""
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(f"split method {method!r}: expected {key}=true or {key}=false, found {text!r}")
        return text == "true"
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"split method {method!r}: expected a number for {key}, found {text!r}") from None


def draws_at_random(method: str) -> bool:
    """Return whether a method has a seed.

    Example:
        >>> draws_at_random("louvain"), draws_at_random("greedy")
        (True, False)
    """
    return facts_of(method).draws


def is_known(method: str) -> bool:
    """Return whether there is a method, named with parameters or without; splits of files are always known."""
    return base(method) in registry_of(method)


def function_of(method: str) -> Callable[..., Split]:
    """Return the function that makes the splits of a method, or that reads the split of a file.

    Raises:
        ValueError: there is no such method.
    """
    return registry_of(method)[base(method)]


def summary_of(method: str) -> str:
    """Return a sentence about a method, named with parameters or without; nothing if it is not known."""
    return registry_of(method).summary(base(method)) if is_known(method) else ""


def apply(method: str, graph: Graph, runner: Runner | None = None, seed: int = 0, called: str | None = None) -> Split:
    """Split a graph by a method, giving the method what it asks for, and note it if the split is degenerate.

    Args:
        method: a name in `SPLITS`, with parameters as in `select`; or ``file:`` and the path of a file that holds a
            split, see `spatialgraph.splits.table`, which is then called after the file.
        graph: the graph.
        runner: runs the network that the graph is of, for the methods that ask what units do.
        seed: of the methods that draw at random; the same seed gives the same split.
        called: how a file of several networks calls the graph; the graph's own name if None.

    Raises:
        NotApplicableError: no population is to be split, or the method asks for something that is not there.
        ValueError: there is no such method, it has no such parameter, or its function returns no split.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 5.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> apply("greedy", network.graph).labels(0).tolist()
        [0, 1]
    """
    chosen = parameters(method)
    function = function_of(method)
    if not graph.split_populations:
        raise NotApplicableError(f"split {method!r}: expected split layers in network {graph.name!r}, found none")
    if base(method) == FILE:
        return checked(function(method.removeprefix(f"{FILE}:"), graph, called), graph)
    offered: dict[str, object] = {"runner": runner, "seed": seed}
    asked = _asked(function)
    if "runner" in asked and runner is None:
        raise NotApplicableError(f"split {method!r}: expected a network that is run on examples, found a graph alone")
    require_memory(method, graph)
    split = function(graph, **{name: value for name, value in offered.items() if name in asked}, **chosen)
    if not isinstance(split, Split):
        raise ValueError(
            f"split method {method!r}: expected a Split from its function, as Split.from_labels makes one, found "
            f"a {type(split).__name__}"
        )
    return checked(replace(split, method=method), graph)


def counted(graph: Graph, split: Split, runner: Runner | None = None) -> Counted | None:
    """Return the numbers by which the method of a split gave each neuron to a task.

    Args:
        graph: the graph.
        split: the split that the method made of it.
        runner: runs the network that the graph is of, for the methods that ask what units do.

    Returns:
        the numbers; None if the method has none for a neuron, or needs a runner and is given none.

    Raises:
        NotApplicableError: the runner lacks examples that the method needs.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 5.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> found = counted(network.graph, apply("greedy", network.graph))
        >>> found.what, found.values[0].tolist()
        ("strength to each task's neurons in later layers", [[3.0, 2.0], [1.0, 5.0]])
    """
    counts = facts_of(split.method).counts if is_known(split.method) else None
    if counts is None:
        return None
    asked = _asked(counts)
    if "runner" in asked and runner is None:
        return None
    offered = {"split": split, "runner": runner} | parameters(split.method)
    return counts(graph, **{name: value for name, value in offered.items() if name in asked})


def checked(split: Split, graph: Graph) -> Split:
    """Return a split with a note for each reason why it is degenerate."""
    return replace(split, notes=(*split.notes, *why_degenerate(graph, split)))
