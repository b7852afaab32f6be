"""Networks with known modules, or without modules, on which split methods, measures and null models are tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .graph import Connection, FloatArray, Graph, IntArray, Population


def planted(
    leakage: float, sizes: Sequence[int] = (24, 32, 8), tasks: int = 2, seed: int = 0
) -> tuple[Graph, dict[int, IntArray]]:
    """Make a graph of one block of neurons for each task, with some strength running between the blocks.

    The planted partition of "Algorithms for graph partitioning on the planted partition model", Condon & Karp 2001,
    doi:10.1002/1098-2418(200103)18:2<116::AID-RSA1001>3.0.CO;2-2, with strengths in place of probabilities: all neurons
    of a layer are connected to all of the next. Strengths are uniform between 0.5 and 1.5; those between blocks are
    then scaled to their share of the strength of each connection of two layers. Signs are random. The blocks of a layer
    are as equal in size as possible, their neurons in random order.

    Args:
        leakage: the share of the strength that runs between blocks, from 0 (blocks are not connected) to below 1. At
            1 − 1/tasks there are no blocks left, if they are equal in size.
        sizes: of the split layers, the output last. An input layer of one unit comes before them.
        tasks: how many blocks there are.
        seed: of the strengths, signs and order.

    Returns:
        The graph; and each split layer's number to ``(units,)``, the block of each neuron: the number of its task.

    Raises:
        ValueError: an argument is outside its range.

    Example:
        >>> graph, labels = planted(0.1, sizes=(4, 2))
        >>> weight = np.abs(graph.split_connections[0].weight)
        >>> between = weight[np.not_equal.outer(labels[2], labels[1])].sum() / weight.sum()
        >>> [block.tolist() for block in labels.values()], round(float(between), 6)
        ([[1, 0, 0, 1], [1, 0]], 0.1)
    """
    if not 0 <= leakage < 1:
        raise ValueError(f"leakage of a planted network: expected a share from 0 to below 1, found {leakage}")
    if tasks < 1 or len(sizes) < 2 or min(sizes) < tasks:
        raise ValueError(
            "sizes of a planted network: expected at least two layers of at least one neuron for each of at least one "
            f"task, found sizes {tuple(sizes)} and {tasks} tasks"
        )
    draw = np.random.default_rng(seed)
    labels = {k: draw.permutation(np.arange(size) * tasks // size) for k, size in enumerate(sizes, start=1)}
    connections = [Connection(0, 1, np.ones((sizes[0], 1), np.float32))]
    connections += [Connection(k - 1, k, _weight(draw, labels[k], labels[k - 1], leakage)) for k in labels if k > 1]
    names = ["input", *(f"hidden{k}" for k in range(1, len(sizes))), "output"]
    task = {len(sizes): labels[len(sizes)]}
    populations = [
        Population(name, size, activation="", split=k > 0, task=task.get(k))
        for k, (name, size) in enumerate(zip(names, (1, *sizes), strict=True))
    ]
    metadata = {"name": f"planted-{leakage:g}-{seed}", "tasks": [f"task{number}" for number in range(tasks)]}
    return Graph(tuple(populations), tuple(connections), metadata), labels


def _weight(draw: np.random.Generator, target: IntArray, source: IntArray, leakage: float) -> FloatArray:
    """Return random weights, ``(target units, source units)``, with the share `leakage` of strength between blocks."""
    strength = draw.uniform(0.5, 1.5, (len(target), len(source)))
    between = np.not_equal.outer(target, source)
    if between.any():
        strength[between] *= leakage / (1 - leakage) * strength[~between].sum() / strength[between].sum()
    return np.asarray(strength * draw.choice([-1.0, 1.0], strength.shape), np.float32)


def unmodular(
    sizes: Sequence[int] = (24, 32, 8),
    *,
    spread: float = 0.0,
    scale: float | None = None,
    error: str = "exponential",
    skip: bool = False,
    seed: int = 0,
) -> Graph:
    """Make a graph without modules, with stronger and weaker neurons, and stronger connections at short distances.

    |w_ij| = a_i b_j exp(−d_ij / s) ε_ij,  log a and log b normal with standard deviation σ, d the distance of the two
    neurons, s the scale, and ε independent and identically distributed. Positions are standard normal in the plane; the
    outputs of two tasks lie apart. A null model that keeps strengths, or strengths and distances, should find nothing
    beyond chance in such networks: every rejection is a false positive. Signs are random.

    Args:
        sizes: of the layers, all of which are split; the first is the input.
        spread: σ, at least 0.
        scale: s, greater than 0; None for no decrease with distance.
        error: the distribution of ε: ``"uniform"``, ``"exponential"``, ``"log-normal"`` (σ = 1) or ``"binary"`` (1 with
            probability 0.3, else 0).
        skip: whether the first layer is also connected with the output.
        seed: determines all random numbers.

    Raises:
        ValueError: there is no such distribution.

    Example:
        >>> graph = unmodular((4, 3, 2), spread=1.0, scale=0.5, seed=1)
        >>> [connection.shape for connection in graph.connections], graph.has_positions
        ([(3, 4), (2, 3)], True)
    """
    if error not in _ERRORS:
        raise ValueError(f"error of a network without modules: expected one of {', '.join(_ERRORS)}, found {error!r}")
    from scipy.spatial.distance import cdist  # takes long to import

    draw = np.random.default_rng(seed)
    task = np.arange(sizes[-1]) % 2
    places = [draw.normal(size=(size, 2)) for size in sizes]
    places[-1][:, 0] = np.where(task, 0.7, -0.7)
    last = len(sizes) - 1
    connections = []
    for source, target in [(k, k + 1) for k in range(last)] + ([(0, last)] if skip else []):
        shape = sizes[target], sizes[source]
        strength = _ERRORS[error](draw, shape) * np.outer(*(draw.lognormal(0, spread, size) for size in shape))
        if scale is not None:
            strength = strength * np.exp(-cdist(places[target], places[source]) / scale)
        signed = np.asarray(strength * draw.choice([-1.0, 1.0], shape), np.float32)
        connections.append(Connection(source, target, signed))
    names = ["input", *(f"hidden{k}" for k in range(1, last)), "output"]
    tasks = {last: task}
    populations = [
        Population(name, size, activation="", position=np.asarray(place, np.float32), split=True, task=tasks.get(k))
        for k, (name, size, place) in enumerate(zip(names, sizes, places, strict=True))
    ]
    metadata = {"name": f"unmodular-{seed}", "tasks": ["task0", "task1"]}
    return Graph(tuple(populations), tuple(connections), metadata)


_ERRORS: dict[str, Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]] = {
    "uniform": lambda draw, shape: draw.random(shape),
    "exponential": lambda draw, shape: draw.exponential(size=shape),
    "log-normal": lambda draw, shape: draw.lognormal(size=shape),
    "binary": lambda draw, shape: (draw.random(shape) < 0.3).astype(np.float64),
}
