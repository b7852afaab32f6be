"""The loss of a masked dense network and its gradient with respect to the mask, written out layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..graph.graph import FloatArray, IntArray
from ..network import Network
from .activations import ACTIVATION_FUNCTIONS, LEAKY_SLOPE


def _gelu_slope(sums: FloatArray, _: FloatArray) -> FloatArray:
    from scipy.special import ndtr  # scipy takes half of the time that the command line takes to start

    slope: FloatArray = ndtr(sums)
    return slope + sums * np.exp(-(sums**2) / 2) / np.float32(np.sqrt(2 * np.pi))


def _silu_slope(sums: FloatArray, values: FloatArray) -> FloatArray:
    share = ACTIVATION_FUNCTIONS["sigmoid"](sums)
    return share + values * (1 - share)


SLOPES: Mapping[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "": lambda x, _: np.ones_like(x),
    "sigmoid": lambda _, y: y * (1 - y),
    "tanh": lambda _, y: 1 - y * y,
    "relu": lambda x, _: (x > 0).astype(x.dtype),
    "clipped-relu": lambda x, _: ((x > 0) & (x < 1)).astype(x.dtype),
    "leaky-relu": lambda x, _: np.where(x > 0, x.dtype.type(1), x.dtype.type(LEAKY_SLOPE)),
    "elu": lambda x, y: np.where(x > 0, x.dtype.type(1), y + 1),
    "gelu": _gelu_slope,
    "silu": _silu_slope,
    "softplus": lambda x, _: ACTIVATION_FUNCTIONS["sigmoid"](x),
}
"""The derivative of each function in `ACTIVATION_FUNCTIONS`, of the weighted sum x and of y = f(x), arrays of one
shape; at a kink the derivative that PyTorch has."""


def unchanged(network: Network, units: Collection[int], weights: Collection[int]) -> list[int]:
    """Return the layers that a masked network starts from: those whose activations no mask changes, as far as needed.

    A masked layer is among them if no other mask leads to it: what it emits changes, but its activations do not.

    Args:
        network: the network.
        units: the numbers of the layers whose units are masked.
        weights: the numbers of the connections whose weights are masked.

    Returns:
        the numbers of the layers, in ascending order.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("input", 1), Layer("first", 1), Layer("second", 1), Layer("output", 1))
        >>> connections = tuple(Connection(k, k + 1, [[1.0]]) for k in range(3))
        >>> network = Network(layers, connections, [0], {"tasks": ["a"]})
        >>> unchanged(network, [1, 2], []), unchanged(network, [], [1])
        ([1], [1])
    """
    after = changed(network, units, weights)
    sources = {c.source for c in network.connections if c.target in after}
    return sorted((sources | set(units) | {network.output_layer}) - after)


def changed(network: Network, units: Collection[int], weights: Collection[int]) -> set[int]:
    """Return the layers whose activations masks change."""
    found = set[int]()
    for k in range(1, len(network.layers)):
        for number, c in enumerate(network.connections):
            if c.target == k and (c.source in found or c.source in units or number in weights):
                found.add(k)
    return found


@dataclass(frozen=True, eq=False)
class Masks:
    """Masks with values from 0 to 1 of a dense network.

    Attributes:
        units: layer number to ``(units,)``: a unit emits k·x + (1 − k)·e, x its activation, k its value in the mask.
        constants: layer number to ``(units,)``, the e of these units.
        weights: number of a connection to ``(target units, source units)``: what its weights are multiplied by.
    """

    units: Mapping[int, FloatArray] = field(default_factory=dict)
    constants: Mapping[int, FloatArray] = field(default_factory=dict)
    weights: Mapping[int, FloatArray] = field(default_factory=dict)

    def emitted(self, layer: int, values: FloatArray) -> FloatArray:
        """Return what the units of a layer emit, ``(examples, units)``, from their activations."""
        if layer not in self.units:
            return values
        keep = self.units[layer]
        return values * keep + (1 - keep) * self.constants[layer]


class MaskedPass:
    """Some examples on their way through a masked dense network, and the gradients on their way back.

    Arithmetic is in the precision of the masks, or in that of the weights if it is higher.

    Args:
        network: the network.
        masks: the masks.
        known: layer number to ``(examples, units)``, activations of the whole network, for the layers that
            `unchanged` says.

    Attributes:
        outputs: what the output layer emits, ``(examples, outputs)``.
    """

    def __init__(self, network: Network, masks: Masks, known: Mapping[int, FloatArray]) -> None:
        self._layers, self._masks, self._values = network.layers, masks, dict(known)
        self._sums: dict[int, FloatArray] = {}
        self._emitted = {k: masks.emitted(k, values) for k, values in known.items()}
        self._weights: list[FloatArray] = [
            c.weight * masks.weights[number] if number in masks.weights else c.weight
            for number, c in enumerate(network.connections)
        ]
        self._connections = network.connections
        for k in sorted(changed(network, masks.units, masks.weights)):
            self._run(k)
        self.outputs = self._emitted[network.output_layer]

    def _run(self, k: int) -> None:
        """Compute a layer from the layers before it."""
        layer, pairs = self._layers[k], zip(self._connections, self._weights, strict=True)
        products: list[FloatArray] = [self._emitted[c.source] @ weight.T for c, weight in pairs if c.target == k]
        # Not in place: the first may be of lower precision than others.
        total = sum(products[1:], start=products[0])
        self._sums[k] = total if layer.bias is None else total + layer.bias
        self._values[k] = ACTIVATION_FUNCTIONS[layer.activation](self._sums[k])
        self._emitted[k] = self._masks.emitted(k, self._values[k])

    def gradient(self, slope: FloatArray) -> Masks:
        """Return the gradient of a loss with respect to the masks, as masks.

        With the sums s_i = Σ_j m_ij w_ij x'_j + b_i, the activations x_i = f(s_i) and what is emitted, x'_i =
        k_i x_i + (1 − k_i) e_i, the chain rule gives from the outputs backwards, summed over examples,

            ∂L/∂k_i = Σ (x_i − e_i) ∂L/∂x'_i,      ∂L/∂s_i = f'(s_i) k_i ∂L/∂x'_i,
            ∂L/∂m_ij = w_ij Σ x'_j ∂L/∂s_i,        ∂L/∂x'_j = Σ_i m_ij w_ij ∂L/∂s_i.

        Args:
            slope: ∂L/∂x' of the outputs, ``(examples, outputs)``.
        """
        masks = self._masks
        units = {k: np.zeros_like(keep) for k, keep in masks.units.items()}
        weights = {number: np.zeros_like(keep) for number, keep in masks.weights.items()}
        slopes = {len(self._layers) - 1: slope}
        for k in range(len(self._layers) - 1, -1, -1):
            if k not in slopes:  # no output depends on it, or no mask changes it
                continue
            slope = slopes.pop(k)
            if k in units:
                units[k] = ((self._values[k] - masks.constants[k]) * slope).sum(axis=0)
                slope = slope * masks.units[k]
            if k in self._sums:
                slope = slope * SLOPES[self._layers[k].activation](self._sums[k], self._values[k])
                self._send_back(k, slope, slopes, weights)
        return Masks(units, masks.constants, weights)

    def _send_back(
        self, k: int, slope: FloatArray, slopes: dict[int, FloatArray], weights: dict[int, FloatArray]
    ) -> None:
        """Add ∂L/∂x' of the layers that enter a layer to `slopes`, and ∂L/∂m of its connections to `weights`.

        Args:
            k: the number of the layer.
            slope: its ∂L/∂s, ``(examples, units)``.
            slopes: layer number to ``(examples, units)``.
            weights: number of a connection to ``(target units, source units)``.
        """
        for number, (c, weight) in enumerate(zip(self._connections, self._weights, strict=True)):
            if c.target != k:
                continue
            if number in weights:
                weights[number] = c.weight * (slope.T @ self._emitted[c.source])
            if c.source in self._sums or c.source in self._masks.units:
                back: FloatArray = slope @ weight
                slopes[c.source] = slopes[c.source] + back if c.source in slopes else back


def cross_entropy(outputs: FloatArray, units: IntArray, labels: IntArray) -> tuple[float, FloatArray]:
    """Return the mean cross-entropy of the softmax over a task's outputs, and its gradient.

    Args:
        outputs: ``(examples, outputs)``.
        units: ``(classes,)``, the numbers of the task's outputs.
        labels: ``(examples,)``, the classes.

    Returns:
        the loss in nats; ``(examples, outputs)``, 0 for the outputs of other tasks.

    Example:
        >>> loss, slope = cross_entropy(np.zeros((1, 3)), np.array([0, 2]), np.array([1]))
        >>> round(loss, 4), slope.tolist()  # the logarithm of 2 classes
        (0.6931, [[0.5, 0.0, -0.5]])
    """
    examples = np.arange(len(labels))
    own = outputs[:, units]
    own = own - own.max(axis=1, keepdims=True)
    share = np.exp(own)
    total = share.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - own[examples, labels]).mean(dtype=np.float64))
    share /= total
    share[examples, labels] -= 1
    slope = np.zeros_like(outputs)
    slope[:, units] = share / len(labels)
    return loss, slope
