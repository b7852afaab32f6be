"""The constants that disabled neurons emit, and the effect of disabling each neuron alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import FloatArray, IntArray
from ..network import Evaluation, Layer, Network
from ..threads import one_thread
from .activations import ACTIVATION_FUNCTIONS, activate, blocks, forward, in_tanh, require_fit
from .runner import SingleAblation, require_ablation

_BLOCK = 512
"""Examples at a time when neurons are disabled one by one: few enough for a layer's sums, its activations and their
differences to stay in the cache together."""

_UNITS = 8
"""Neurons whose outputs are looked at together: more would leave the cache, and fewer wait for Python."""


def emitted(
    network: Network, layers: Iterable[int], ablation: str, means: Callable[[], Mapping[int, FloatArray]]
) -> dict[int, FloatArray]:
    """Return the constants that disabled neurons emit.

    Args:
        network: the network.
        layers: the numbers of the layers.
        ablation: one of `ABLATIONS`.
        means: returns the mean activation of every neuron of the layers, each ``(units,)``; called only for ``mean``.

    Returns:
        layer number to ``(units,)``. A neuron of the input layer has no incoming weights and no bias: it emits 0 under
        ``incoming``.

    Raises:
        ValueError: there is no such ablation.
    """
    require_ablation(ablation)
    if ablation == "mean":
        mean = means()
        return {k: mean[k] for k in layers}
    if ablation == "zero":
        return {k: np.zeros(network.layers[k].size, np.float32) for k in layers}
    return {k: _without_input(network.layers[k]) for k in layers}


def _without_input(layer: Layer) -> FloatArray:
    """Return the activation of each neuron of a layer if all its inputs are 0, ``(units,)``."""
    alone: FloatArray = activate(layer.activation, [np.zeros((1, layer.size), np.float32)], layer.bias)[0]
    return alone


def single_ablation(
    network: Network, evaluation: Evaluation, ablation: str = "mean", layers: Iterable[int] | None = None
) -> SingleAblation:
    """Return what each task loses when one neuron is disabled, for every neuron in turn.

    If neuron j of layer k is disabled and emits e_j in place of x_j, the input of neuron i of a later layer becomes
    s_i + w_ij (e_j − x_j) + Σ w_im (x'_m − x_m),  the sum over the neurons m of the layers between, which now emit
    x'_m. The unchanged sums s_i are therefore computed once for all neurons, and the change in a layer that neuron j
    is connected to takes one product of a column with a row. The numbers are those of `Runner.accuracy` with a mask for
    each neuron, up to rounding.

    Args:
        network: the network.
        evaluation: the examples.
        ablation: the constant that a disabled neuron emits, one of `ABLATIONS`.
        layers: the numbers of the layers whose neurons are disabled; None for the split layers except the output.

    Raises:
        ValueError: the evaluation does not fit the network, there is no such ablation, or no such layer.

    Example:
        >>> from spatialgraph.network import Connection
        >>> layers = (Layer("input", 2, split=True), Layer("output", 2))
        >>> network = Network(layers, (Connection(0, 1, np.eye(2)),), [0, 0], {"tasks": ["a"]})
        >>> examples = Evaluation(np.array([[0, 0], [0, 1]], np.float32), [[0], [1]])
        >>> effects = single_ablation(network, examples, "zero")
        >>> effects.accuracy.tolist(), effects.accuracy_drop[0].tolist()
        ([1.0], [[0.0], [0.5]])
    """
    require_fit(network, evaluation)
    last = network.output_layer
    numbers = sorted({k for k in network.graph.split_populations if k != last} if layers is None else set(layers))
    if not set(numbers) <= set(range(last)):
        raise ValueError(f"single ablation: expected layers from 0 to {last - 1}, found {numbers}")
    whole = np.zeros((2, len(network.tasks)))
    without = {k: np.zeros((network.layers[k].size, *whole.shape)) for k in numbers}
    with one_thread():
        constants = emitted(network, numbers, ablation, lambda: _means(network, evaluation, numbers))
        run = in_tanh(network, range(last))
        for k in numbers:
            if run.layers[k].activation != network.layers[k].activation:
                constants[k] = 2 * constants[k] - 1
        for block in blocks(len(evaluation.inputs), _BLOCK):
            state = _State(run, evaluation.values(evaluation.inputs[block]), evaluation.labels[block])
            whole += state.right_and_loss(state.values[last][None])[0]
            for k in numbers:
                for units, outputs in state.outputs_without(k, constants[k]):
                    without[k][units] += state.right_and_loss(outputs)
    labelled = (evaluation.labels >= 0).sum(axis=0)
    accuracy, loss = np.where(labelled > 0, whole / np.maximum(labelled, 1), np.nan)
    shares = {k: totals / np.maximum(labelled, 1) for k, totals in without.items()}
    return SingleAblation(
        network.tasks,
        ablation,
        accuracy,
        loss,
        {k: accuracy - share[:, 0] for k, share in shares.items()},
        {k: share[:, 1] - loss for k, share in shares.items()},
    )


def _means(network: Network, evaluation: Evaluation, layers: Iterable[int]) -> dict[int, FloatArray]:
    """Return the mean activation of every neuron of some layers, each ``(units,)``."""
    sums = {k: np.zeros(network.layers[k].size) for k in layers}
    for block in blocks(len(evaluation.inputs)):
        activations = forward(network, evaluation.values(evaluation.inputs[block]))
        for k, total in sums.items():
            total += activations[k].sum(axis=0, dtype=np.float64)
    return {k: (total / max(len(evaluation.inputs), 1)).astype(np.float32) for k, total in sums.items()}


class _State:
    """The state of a network on some examples: sums and activations, each ``(units, examples)``.

    Args:
        network: the network.
        inputs: ``(examples, inputs)``.
        labels: ``(examples, tasks)``, -1 where an example does not count.
    """

    def __init__(self, network: Network, inputs: FloatArray, labels: IntArray) -> None:
        self._layers = network.layers
        self._entering: list[list[tuple[int, FloatArray]]] = [[] for _ in network.layers]
        for connection in network.connections:
            self._entering[connection.target].append((connection.source, connection.weight))
        self.values = [np.ascontiguousarray(inputs.T)]
        self._sums = [self.values[0]]
        for layer, entering in zip(self._layers[1:], self._entering[1:], strict=True):
            total = np.zeros((layer.size, len(inputs)), np.float32)
            for source, weight in entering:
                total += weight @ self.values[source]
            self._sums.append(total if layer.bias is None else total + layer.bias[:, None])
            self.values.append(ACTIVATION_FUNCTIONS[layer.activation](self._sums[-1]))
        self._tasks = []
        for task, of_task in enumerate(labels.T):
            examples = np.flatnonzero(of_task >= 0)
            self._tasks.append((np.flatnonzero(network.output_task == task), examples, of_task[examples]))

    def outputs_without(self, layer: int, constants: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield the outputs with each neuron of a layer in turn emitting its constant.

        Yields:
            the places of some neurons, and their outputs, ``(neurons, outputs, examples)``.
        """
        changes = constants[:, None] - self.values[layer]
        for units in blocks(len(changes), _UNITS):
            some = range(len(changes))[units]
            outputs = np.empty((len(some), *self.values[-1].shape), np.float32)
            for unit, result in zip(some, outputs, strict=True):
                self._run_without(layer, unit, changes[unit], result)
            yield units, outputs

    def _run_without(self, layer: int, unit: int, change: FloatArray, result: FloatArray) -> None:
        """Write the outputs, ``(outputs, examples)``, with the change of one neuron, ``(examples,)``."""
        later: dict[int, FloatArray] = {}
        result[:] = self.values[-1]
        for k in range(layer + 1, len(self._layers)):
            total = self._sums[k]
            for source, weight in self._entering[k]:
                if source == layer or source in later:
                    more = weight @ later[source] if source in later else np.multiply.outer(weight[:, unit], change)
                    total = np.add(more, total, out=more)
            if total is self._sums[k]:
                continue
            values = activate(self._layers[k].activation, [total], None)
            if k == len(self._layers) - 1:
                result[:] = values
            else:
                later[k] = np.subtract(values, self.values[k], out=values)

    def right_and_loss(self, outputs: FloatArray) -> NDArray[np.float64]:
        """Return the number of correct answers to each task, and the sum of its losses.

        Args:
            outputs: ``(neurons, outputs, examples)``.

        Returns:
            ``(neurons, 2, tasks)``.
        """
        result = np.zeros((len(outputs), 2, len(self._tasks)))
        for task, (units, examples, labels) in enumerate(self._tasks):
            if not len(examples):
                continue
            values = outputs.take(units, axis=1)
            if len(examples) < values.shape[2]:
                values = values.take(examples, axis=2)
            right = values[:, labels, np.arange(len(labels))]
            largest = values.max(axis=1)
            result[:, 0, task] = np.count_nonzero(values.argmax(axis=1) == labels, axis=1)
            values -= largest[:, None]
            spread = np.log(np.exp(values, out=values).sum(axis=1))
            result[:, 1, task] = (spread + (largest - right)).sum(axis=1, dtype=np.float64)
        return result
