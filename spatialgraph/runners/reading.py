"""What neurons read in the input: how much each entry of it raises or lowers the sum that enters a neuron."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import FloatArray
from ..network import Network
from ..threads import one_thread
from .activations import ACTIVATION_FUNCTIONS, blocks
from .gradient import SLOPES

_BLOCK = 32
"""Examples at a time: a matrix of two layers for each of them stays in the processor's cache."""


def input_gradients(network: Network, inputs: FloatArray, layers: Iterable[int]) -> dict[int, FloatArray]:
    """Return the mean gradient, with respect to the input, of the sum that enters each neuron.

    With s_i = Σ_j w_ij x_j + b_i, what a neuron receives before its activation function f, the chain rule gives

        ∂s_i/∂x = Σ_j w_ij f'(s_j) ∂s_j/∂x,

    averaged over the examples: the product of the weight matrices from the input on, each weighted by the slopes of the
    neurons between them. Of neurons that the input enters alone, these are their weights. The sum is taken, and not the
    activation, so that a neuron which is saturated on most examples has a gradient too.

    Args:
        network: the network.
        inputs: ``(examples, inputs)``, as `Evaluation.values` gives them; at least one.
        layers: the numbers of the layers.

    Returns:
        layer number to ``(units, inputs)`` float32; 0 for the neurons that no input leads to.

    Raises:
        ValueError: there is no example.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("input", 2), Layer("hidden", 1, "relu"), Layer("output", 1))
        >>> connections = (Connection(0, 1, [[1.0, -2.0]]), Connection(1, 2, [[3.0]]))
        >>> network = Network(layers, connections, [0], {"tasks": ["a"]})
        >>> inputs = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)  # the relu passes the first on, not the second
        >>> input_gradients(network, inputs, [1, 2])[2].tolist()
        [[1.5, -3.0]]
    """
    if not len(inputs):
        raise ValueError("inputs: expected at least one example, found none")
    asked = tuple(layers)
    entering = {n: c.target for n, c in enumerate(network.connections) if c.source == 0}
    sizes = [layer.size for layer in network.layers]
    result = {k: np.zeros((sizes[k], sizes[0]), np.float32) for k in asked}
    # Gradients with respect to the sums of the layers that the input enters are averaged: its weights follow once.
    sums = {(k, n): np.zeros((sizes[k], sizes[target])) for k in asked for n, target in entering.items()}
    with one_thread():
        for block in blocks(len(inputs), _BLOCK):
            slopes = _slopes(network, inputs[block])
            for k in asked:
                for number, back in _backwards(network, k, slopes).items():
                    sums[k, number] += back.sum(axis=0, dtype=np.float64)
        for (k, number), total in sums.items():
            result[k] += (total / len(inputs)).astype(np.float32) @ network.connections[number].weight
    return result


def _slopes(network: Network, inputs: FloatArray) -> dict[int, FloatArray]:
    """Return f'(s) of every layer but the input, ``(examples, units)``."""
    values, slopes = [inputs], {}
    for k, layer in enumerate(network.layers[1:], start=1):
        products: list[FloatArray] = [values[c.source] @ c.weight.T for c in network.connections if c.target == k]
        total = sum(products[1:], start=products[0])
        if layer.bias is not None:
            total = total + layer.bias
        values.append(ACTIVATION_FUNCTIONS[layer.activation](total))
        slopes[k] = SLOPES[layer.activation](total, values[k])
    return slopes


def _backwards(network: Network, k: int, slopes: Mapping[int, FloatArray]) -> dict[int, NDArray[np.float32]]:
    """Return the gradients of the sums of a layer with respect to those of the layers that the input enters.

    Args:
        network: the network.
        k: the number of the layer.
        slopes: layer number to ``(examples, units)``.

    Returns:
        number of the connection by which the input enters to ``(examples or 1, units of the layer, target units)``.
    """
    back: dict[int, FloatArray] = {k: np.eye(network.layers[k].size, dtype=np.float32)[None]}
    result: dict[int, FloatArray] = {}
    for layer in range(k, 0, -1):
        if layer not in back:
            continue
        own = back.pop(layer)
        for number, connection in enumerate(network.connections):
            source = connection.source
            if connection.target != layer:
                continue
            if source == 0:
                result[number] = np.broadcast_to(own, (len(slopes[layer]), *own.shape[1:]))
                continue
            sent = (own @ connection.weight) * slopes[source][:, None, :]
            back[source] = back[source] + sent if source in back else sent
    return result
