"""Definitions of a connection's strength: the size of its weight, or a quantity closer to the connection's effect.

Measures and split methods take the absolute weight as the strength. To give them another strength, `with_strength`
makes a graph whose weights have that size and keep their signs.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np

from .faults import NotApplicableError
from .graph.graph import Connection, DoubleArray, Graph
from .graph.sums import Quantity, weighted_sums
from .registry import Registry
from .runners.runner import Runner

Strength = Callable[..., Graph]

STRENGTHS: Registry[Strength, None] = Registry("strength", ("graph",))
"""Every strength, by name. A strength is a function of a `Graph` and, if it needs one, of a ``runner``; it returns a
graph whose weights have the size of the strengths and keep their signs."""


def strength(name: str) -> Callable[[Strength], Strength]:
    """Return a decorator that enters a function in `STRENGTHS`, in any file."""
    return STRENGTHS.register(name, None)


RESCALABLE = ("relu", "leaky-relu", "")
"""The activation functions f with f(c x) = c f(x) for every c > 0."""

# Rescaling ends when no factor changes by more than this share, about the precision of a float32 weight.
_TOLERANCE = 1e-7
_MOST_ROUNDS = 10_000


def with_strength(graph: Graph, name: str, runner: Runner | None = None) -> Graph:
    """Return a graph whose weights have the size of their connections' strength and keep their signs.

    Args:
        graph: the graph.
        name: a name in `STRENGTHS`.
        runner: runs the network, for strengths that need activations.

    Returns:
        the graph itself for ``"absolute"``; otherwise a graph with the same populations. Weights that are made on
        demand (`MadeConnection`) remain so.

    Raises:
        NotApplicableError: the graph or the runner lacks something that the strength needs.
        ValueError: there is no such strength.

    Example:
        >>> from spatialgraph.network import Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[-3.0, 2.0]]),), [0], {"tasks": ["a"]})
        >>> with_strength(network.graph, "squared").connections[0].weight.tolist()
        [[-9.0, 4.0]]
    """
    function = STRENGTHS[name]
    if "runner" not in inspect.signature(function).parameters:
        return function(graph)
    if runner is None:
        raise NotApplicableError(f"strength {name!r}: expected a network that is run on examples, found a graph alone")
    return function(graph, runner)


@strength("absolute")
def absolute(graph: Graph) -> Graph:
    """Take |w|, the absolute weight.

    It depends on the scale of the neurons, which is arbitrary in ReLU networks: see `balanced`.

    Args:
        graph: the graph.
    """
    return graph


@strength("squared")
def squared(graph: Graph) -> Graph:
    """Take w², which weights a few strong connections more than many weak ones.

    Args:
        graph: the graph.
    """
    return _changed(graph, lambda _, weight: weight * np.abs(weight))


@strength("activation")
def activation(graph: Graph, runner: Runner) -> Graph:
    """Take |w| times the standard deviation of the source's activation: how much the connection moves its target.

    s_ij = |w_ij| σ_j,  σ_j over all held-out examples. Connections from a source whose activation never changes have
    strength 0: they act as a part of the target's bias. When a ReLU neuron is rescaled, the strengths of its outgoing
    connections stay the same, and those of its incoming connections scale with its activation.

    Args:
        graph: the graph.
        runner: runs the network.
    """
    deviation = runner.deviation({connection.source for connection in graph.connections})
    return _changed(graph, lambda connection, weight: weight * deviation[connection.source])


@strength("balanced")
def balanced(graph: Graph) -> Graph:
    """Take |w| after each ReLU-like neuron is rescaled to incoming and outgoing weights of the same size.

    s_ij = |w_ij| c_i / c_j,  with c > 0 such that Σ_j s_ij² = Σ_k s_ki² for each neuron i of a hidden layer whose
    activation is one of `RESCALABLE`, and c = 1 elsewhere. The network computes the same function if the incoming
    weights and the bias of such a neuron are multiplied by c and its outgoing weights divided by c, so |w| is
    arbitrary; these strengths are the same for every such scaling. They minimise Σ s². "Equi-normalization of neural
    networks", Stock et al. 2019, arXiv 1902.10416, with p = 2 and without biases; layer after layer until nothing
    changes, in float64.

    If a rescalable neuron has no incoming or no outgoing strength, the strengths on its other side can be scaled
    arbitrarily close to 0, and are set to 0. The same then holds for neurons whose incoming or outgoing connections are
    all with such neurons. Without rescalable neurons, the strengths are |w|.

    Args:
        graph: the graph.

    Raises:
        NotApplicableError: the factors do not settle.
    """
    if not graph.is_layered:
        raise NotApplicableError(
            f"strength 'balanced' of {graph.name!r}: expected layers one after another, found a cycle"
        )
    entered = {connection.target for connection in graph.connections}
    hidden = [
        k
        for k, population in enumerate(graph.populations)
        if population.activation in RESCALABLE and k in entered and k not in graph.output_populations
    ]
    alive = _alive(graph, hidden)
    factor = _balancing(graph, hidden, alive)
    of_source, of_target = ({k: alive[k] * c**power for k, c in factor.items()} for power in (-1, 1))
    return _changed(graph, lambda c, weight: weight * of_source[c.source] * of_target[c.target][:, None])


def _balancing(graph: Graph, hidden: list[int], alive: dict[int, DoubleArray]) -> dict[int, DoubleArray]:
    """Return the factor c of each neuron of every layer, ``(units,)``, 1 where it is not alive or not rescalable."""
    factor = {k: np.ones(layer.size) for k, layer in enumerate(graph.populations)}
    for _ in range(_MOST_ROUNDS):
        change = 0.0
        for k in hidden:
            live = alive[k] > 0
            # The sums include the factors of the neurons at the other ends, not of this layer: c⁴ = leaving / entering.
            entering = _entering(graph, k, "squared", {j: alive[j] / c**2 for j, c in factor.items()})[live]
            leaving = _leaving(graph, k, "squared", {j: alive[j] * c**2 for j, c in factor.items()})[live]
            new = (leaving / entering) ** 0.25
            change = max(change, np.abs(new / factor[k][live] - 1).max(initial=0))
            factor[k][live] = new
        if change <= _TOLERANCE:
            return factor
    raise NotApplicableError(
        f"strength 'balanced' of {graph.name!r}: expected factors that settle in {_MOST_ROUNDS} rounds, found a "
        f"change of {change:.1g} in the last"
    )


def _alive(graph: Graph, hidden: list[int]) -> dict[int, DoubleArray]:
    """Return ``(units,)`` for each layer: 0 for rescalable neurons that lack incoming or outgoing strength, else 1."""
    alive = {k: np.ones(layer.size) for k, layer in enumerate(graph.populations)}
    changed = True
    while changed:
        changed = False
        for k in hidden:
            entered, left = (side(graph, k, "present", alive) > 0 for side in (_entering, _leaving))
            live = np.where(entered & left, alive[k], 0)
            changed |= not np.array_equal(live, alive[k])
            alive[k] = live
    return alive


def _entering(graph: Graph, layer: int, of: Quantity, factor: dict[int, DoubleArray]) -> DoubleArray:
    """Sum a quantity of the weights that enter each neuron of a layer, times the source's factor, ``(units,)``."""
    total = np.zeros(graph.populations[layer].size)
    for connection in graph.connections:
        if connection.target == layer:
            nothing = np.empty((0, connection.shape[0]))
            total += weighted_sums(connection.weight, of, factor[connection.source][None], nothing)[0][0]
    return total


def _leaving(graph: Graph, layer: int, of: Quantity, factor: dict[int, DoubleArray]) -> DoubleArray:
    """Sum a quantity of the weights that leave each neuron of a layer, times the target's factor, ``(units,)``."""
    total = np.zeros(graph.populations[layer].size)
    for connection in graph.connections:
        if connection.source == layer:
            nothing = np.empty((0, connection.shape[1]))
            total += weighted_sums(connection.weight, of, nothing, factor[connection.target][None])[1][0]
    return total


def _changed(graph: Graph, change: Callable[[Connection, DoubleArray], DoubleArray]) -> Graph:
    """Return a graph with changed weights, computed in float64; weights that are made on demand change on demand."""

    def changed(connection: Connection) -> Connection:
        return connection.changed(lambda weight: change(connection, weight.astype(np.float64)).astype(np.float32))

    return dataclasses.replace(graph, connections=tuple(changed(connection) for connection in graph.connections))
