"""What the strength of a connection is: the size of its weight, or something that says more of what it does.

Measures and split methods take the absolute weight for the strength. To give them another one, `with_strength` makes a
network whose weights have that size, and the signs they had.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial

import numpy as np

from .activations import statistics
from .communities import DoubleArray, Quantity, weighted_sums
from .network import Connection, Evaluation, FloatArray, MadeConnection, Network, NotApplicableError
from .registry import Registry

Strength = Callable[..., Network]

STRENGTHS: Registry[Strength] = Registry("strength")
"""Every strength, by name. A strength is a function of a `Network` and, if it needs one, of an ``evaluation``; it
returns a network whose weights have the size of the strengths, and the signs they had."""

RESCALABLE = ("relu", "leaky-relu", "")
"""The activation functions f with f(c x) = c f(x) for every c > 0."""

# Rescaling ends when no factor changes by more than this share, about the precision of a float32 weight.
_TOLERANCE = 1e-7
_MOST_ROUNDS = 10_000


def with_strength(network: Network, name: str, evaluation: Evaluation | None = None) -> Network:
    """Return a network whose weights have the size of their connections' strength, and the signs they had.

    Args:
        network: the network.
        name: a name in `STRENGTHS`.
        evaluation: held-out examples, for the strengths that run the network.

    Returns:
        the network itself for ``"absolute"``; otherwise one that has the same layers and cannot be run. Weights that
        are made on demand (`MadeConnection`) are still.

    Raises:
        NotApplicableError: the strength asks for something that is not there.
        ValueError: there is no such strength, or the evaluation does not fit the network.

    Example:
        >>> from spatialgraph.network import Layer
        >>> layers = (Layer("input", 2), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[-3.0, 2.0]]),), [0], {"tasks": ["a"]})
        >>> with_strength(network, "squared").connections[0].weight.tolist()
        [[-9.0, 4.0]]
    """
    function = STRENGTHS[name]
    if "evaluation" not in inspect.signature(function).parameters:
        return function(network)
    if evaluation is None:
        raise NotApplicableError(f"strength {name!r}: expected an evaluation, found none")
    return function(network, evaluation)


@STRENGTHS.register("absolute")
def absolute(network: Network) -> Network:
    """Take |w|, the absolute weight.

    It depends on how the neurons of a network are scaled, which ReLU networks leave open: see `balanced`.

    Args:
        network: the network.
    """
    return network


@STRENGTHS.register("squared")
def squared(network: Network) -> Network:
    """Take w², which gives more to few strong connections than to many weak ones.

    Args:
        network: the network.
    """
    return _changed(network, lambda _, weight: weight * np.abs(weight))


@STRENGTHS.register("activation")
def activation(network: Network, evaluation: Evaluation) -> Network:
    """Take |w| times the standard deviation of the source's activation: how much the connection moves its target.

    s_ij = |w_ij| σ_j,  σ_j over all examples of the evaluation. A source that never changes has strength 0: what it
    sends is a part of the target's bias. It does not change when a ReLU neuron is rescaled, on its outgoing side; on
    its incoming side it changes as the neuron's own activation does.

    Args:
        network: the network.
        evaluation: the examples.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation does not fit the network.
    """
    # Labelled for every task, so that the statistics are over all examples.
    everything = Evaluation(evaluation.inputs, np.zeros_like(evaluation.labels), evaluation.scale)
    sources = {connection.source for connection in network.connections}
    variance = statistics(network, everything, sources).variance
    deviation = {k: np.sqrt(values[:, 0]) for k, values in variance.items()}
    return _changed(network, lambda connection, weight: weight * deviation[connection.source])


@STRENGTHS.register("balanced")
def balanced(network: Network) -> Network:
    """Take |w| after each ReLU-like neuron is rescaled to incoming and outgoing weights of the same size.

    s_ij = |w_ij| c_i / c_j,  with c > 0 such that Σ_j s_ij² = Σ_k s_ki² for each neuron i of a hidden layer whose
    activation is one of `RESCALABLE`, and c = 1 elsewhere. Such a neuron computes the same whether what enters it is
    multiplied and what leaves it divided by c, so that |w| can be anything; these strengths are the same however the
    network was scaled. They are those of least Σ s². "Equi-normalization of neural networks", Stock et al. 2019, arXiv
    1902.10416, with p = 2 and without biases; layer after layer until nothing changes, in float64.

    A rescalable neuron that nothing enters, or that nothing leaves, can be scaled until its other side is as close to
    0 as one likes, and has strength 0 there; so has then one that only such neurons lead to, or that leads only to
    them. A network without rescalable neurons is as it was.

    Args:
        network: the network.

    Raises:
        NotApplicableError: the factors do not settle.
    """
    hidden = [k for k in range(1, network.output_layer) if network.layers[k].activation in RESCALABLE]
    alive = _alive(network, hidden)
    factor = _balancing(network, hidden, alive)
    of_source, of_target = ({k: alive[k] * c**power for k, c in factor.items()} for power in (-1, 1))
    return _changed(network, lambda c, weight: weight * of_source[c.source] * of_target[c.target][:, None])


def _balancing(network: Network, hidden: list[int], alive: dict[int, DoubleArray]) -> dict[int, DoubleArray]:
    """Return the factor c of each neuron of every layer, ``(units,)``, 1 where it is not alive or not rescalable."""
    factor = {k: np.ones(layer.size) for k, layer in enumerate(network.layers)}
    for _ in range(_MOST_ROUNDS):
        change = 0.0
        for k in hidden:
            live = alive[k] > 0
            # The neurons on the other sides are rescaled already, those of this layer are not: c⁴ = leaving / entering.
            entering = _entering(network, k, "squared", {j: alive[j] / c**2 for j, c in factor.items()})[live]
            leaving = _leaving(network, k, "squared", {j: alive[j] * c**2 for j, c in factor.items()})[live]
            new = (leaving / entering) ** 0.25
            change = max(change, np.abs(new / factor[k][live] - 1).max(initial=0))
            factor[k][live] = new
        if change <= _TOLERANCE:
            return factor
    raise NotApplicableError(
        f"strength 'balanced' of {network.name!r}: expected factors that settle in {_MOST_ROUNDS} rounds, found a "
        f"change of {change:.1g} in the last"
    )


def _alive(network: Network, hidden: list[int]) -> dict[int, DoubleArray]:
    """Return ``(units,)`` for each layer, 0 for rescalable neurons that nothing enters or leaves, otherwise 1."""
    alive = {k: np.ones(layer.size) for k, layer in enumerate(network.layers)}
    changed = True
    while changed:
        changed = False
        for k in hidden:
            entered, left = (side(network, k, "present", alive) > 0 for side in (_entering, _leaving))
            live = np.where(entered & left, alive[k], 0)
            changed |= not np.array_equal(live, alive[k])
            alive[k] = live
    return alive


def _entering(network: Network, layer: int, of: Quantity, factor: dict[int, DoubleArray]) -> DoubleArray:
    """Sum a quantity of the weights that enter each neuron of a layer, times the source's factor, ``(units,)``."""
    total = np.zeros(network.layers[layer].size)
    for connection in network.connections:
        if connection.target == layer:
            nothing = np.empty((0, connection.shape[0]))
            total += weighted_sums(connection.weight, of, factor[connection.source][None], nothing)[0][0]
    return total


def _leaving(network: Network, layer: int, of: Quantity, factor: dict[int, DoubleArray]) -> DoubleArray:
    """Sum a quantity of the weights that leave each neuron of a layer, times the target's factor, ``(units,)``."""
    total = np.zeros(network.layers[layer].size)
    for connection in network.connections:
        if connection.source == layer:
            nothing = np.empty((0, connection.shape[1]))
            total += weighted_sums(connection.weight, of, nothing, factor[connection.target][None])[1][0]
    return total


def _changed(network: Network, change: Callable[[Connection, DoubleArray], DoubleArray]) -> Network:
    """Return a network with other weights, changed in float64; those that are made on demand are changed on demand."""

    def changed(connection: Connection) -> FloatArray:
        return change(connection, connection.weight.astype(np.float64)).astype(np.float32)

    connections = tuple(
        MadeConnection(c.source, c.target, c.shape, partial(changed, c))
        if isinstance(c, MadeConnection)
        else Connection(c.source, c.target, changed(c))
        for c in network.connections
    )
    return dataclasses.replace(network, connections=connections, executable=False)
