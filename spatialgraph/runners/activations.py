"""Activations of a network: the forward pass, accuracies, and statistics of activations for each task."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import Connection, FloatArray, IntArray
from ..network import Evaluation, Network
from ..threads import one_thread
from .runner import Statistics

BLOCK = 2048
"""Examples that pass through a network at a time: enough for fast products, few enough for the processor's cache."""

LEAKY_SLOPE = np.float32(0.01)
"""Slope of ``leaky-relu`` below 0."""


def _sigmoid(values: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)), in place after the first step: the cost of a forward pass is mostly this function's."""
    result = np.negative(values)
    with np.errstate(over="ignore"):  # exp overflows to infinity below -88, and 1 / infinity is the right answer
        np.exp(result, out=result)
    result += 1
    return np.reciprocal(result, out=result)


def _elu(values: FloatArray) -> FloatArray:
    return np.where(values > 0, values, np.expm1(np.minimum(values, 0)))


def _gelu(values: FloatArray) -> FloatArray:
    from scipy.special import ndtr  # scipy takes half of the time that the command line takes to start

    distribution: FloatArray = ndtr(values)
    return values * distribution


ACTIVATION_FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "": lambda x: x,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "clipped-relu": lambda x: np.clip(x, 0, 1),
    "leaky-relu": lambda x: np.maximum(x, LEAKY_SLOPE * x),
    "elu": _elu,
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}
"""The function of each name in `ACTIVATIONS`, of float32 arrays of any shape, with PyTorch's default parameters:
``clipped-relu`` is min(max(x, 0), 1), ``leaky-relu`` has slope 0.01 below 0, ``elu`` alpha 1, ``softplus`` beta 1, and
``gelu`` is x Φ(x), not its approximation by tanh."""


def forward(network: Network, inputs: FloatArray) -> list[FloatArray]:
    """Return the activations of every layer.

    The activation of a unit is f(Σ w x + b) over all connections that enter it, f being its layer's activation
    function.

    Args:
        network: the network.
        inputs: ``(examples, inputs)``, as `Evaluation.values` gives them.

    Returns:
        for each layer, the input included, ``(examples, units)`` float32.

    Raises:
        ValueError: the inputs do not fit the network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 1, "relu", bias=[1.0]))
        >>> network = Network(layers, (Connection(0, 1, [[2.0, -1.0]]),), [0], {"tasks": ["a"]})
        >>> forward(network, np.array([[1.0, 1.0], [0.0, 3.0]], np.float32))[-1].tolist()
        [[2.0], [0.0]]
    """
    if inputs.ndim != 2 or inputs.shape[1] != network.layers[0].size:
        raise ValueError(
            f"inputs of network {network.name!r}: expected shape (examples, {network.layers[0].size}), "
            f"found {inputs.shape}"
        )
    activations = [np.asarray(inputs, np.float32)]
    for number, layer in enumerate(network.layers[1:], start=1):
        products = (activations[c.source] @ c.weight.T for c in network.connections if c.target == number)
        activations.append(activate(layer.activation, products, layer.bias))
    return activations


def activate(activation: str, products: Iterable[FloatArray], bias: FloatArray | None) -> FloatArray:
    """Return the activations of a layer from the weighted sums that enter it.

    Args:
        activation: a name in `ACTIVATIONS`.
        products: for each connection that enters, ``(examples, units)``; the first is overwritten.
        bias: ``(units,)``, or None.

    Returns:
        ``(examples, units)``.
    """
    arrays = iter(products)
    total = next(arrays)
    for product in arrays:
        total += product
    if bias is not None:
        total += bias
    if activation == "tanh":
        return np.tanh(total, out=total)
    return ACTIVATION_FUNCTIONS[activation](total)


def in_tanh(network: Network, layers: Collection[int]) -> Network:
    """Return a network with the same answers in which sigmoid layers are replaced by layers of tanh.

    1 / (1 + exp(−x)) = (1 + tanh(x / 2)) / 2:  the inputs of such a layer are halved, and its outputs are halved
    and shifted, by other weights and biases. A neuron that emitted s emits 2s − 1. NumPy's tanh takes a third of the
    time of a sigmoid made of exp.

    Args:
        network: the network.
        layers: the numbers of the layers; those that are not sigmoid, and the output layer, stay as they are.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 1), Layer("hidden", 1, "sigmoid"), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[4.0]]), Connection(1, 2, [[6.0]])), [0], {"tasks": ["a"]})
        >>> same = in_tanh(network, [1])
        >>> [float(c.weight[0, 0]) for c in same.connections], same.layers[1].activation, same.layers[2].bias.tolist()
        ([2.0, 3.0], 'tanh', [3.0])
    """
    changed = {k for k in layers if network.layers[k].activation == "sigmoid" and k != network.output_layer}
    if not changed:
        return network
    half = np.float32(0.5)
    shifts = [np.zeros(layer.size) for layer in network.layers]
    connections = []
    for connection in network.connections:
        source, target, weight = connection.source, connection.target, connection.weight
        if source in changed:
            weight = weight * half
            shifts[target] += weight.sum(axis=1, dtype=np.float64)
        connections.append(Connection(source, target, weight * half if target in changed else weight))
    renewed = list(network.layers)
    for k, layer in enumerate(network.layers[1:], start=1):
        bias = (shifts[k] if layer.bias is None else layer.bias + shifts[k]).astype(np.float32)
        renewed[k] = replace(layer, activation="tanh", bias=half * bias) if k in changed else replace(layer, bias=bias)
    return replace(network, layers=tuple(renewed), connections=tuple(connections))


def accuracy(network: Network, evaluation: Evaluation) -> NDArray[np.float64]:
    """Return the share of examples that a network classifies correctly, for each task.

    The answer to a task is the largest of its outputs (the first of them if several are), whose k-th stands for class
    k.

    Args:
        network: the network.
        evaluation: the examples; one with label -1 in a task does not count there.

    Returns:
        ``(tasks,)``, 0 to 1; nan for a task that no example is labelled for.

    Raises:
        ValueError: the evaluation does not fit the network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 2))
        >>> network = Network(layers, (Connection(0, 1, np.eye(2)),), [0, 0], {"tasks": ["a"]})
        >>> accuracy(network, Evaluation(np.eye(2, dtype=np.float32), [[0], [0]])).tolist()
        [0.5]
    """
    require_fit(network, evaluation)
    right = np.zeros(len(network.tasks), np.int64)
    with one_thread():
        for block in blocks(len(evaluation.inputs)):
            outputs = forward(network, evaluation.values(evaluation.inputs[block]))[-1]
            right += count_right(network, outputs, evaluation.labels[block])
    return share_right(right, evaluation)


def count_right(network: Network, outputs: FloatArray, labels: IntArray) -> IntArray:
    """Count the examples that are classified correctly.

    Args:
        network: the network.
        outputs: ``(examples, outputs)``.
        labels: ``(examples, tasks)``, -1 where an example does not count.

    Returns:
        ``(tasks,)``.
    """
    answers = [outputs[:, network.output_task == task].argmax(axis=1) for task in range(len(network.tasks))]
    return np.array([np.count_nonzero(answer == labels[:, task]) for task, answer in enumerate(answers)], np.int64)


def share_right(right: IntArray, evaluation: Evaluation) -> NDArray[np.float64]:
    """Return numbers of right answers, ``(…, tasks)``, as shares of the labelled examples; nan where there is none."""
    labelled = (evaluation.labels >= 0).sum(axis=0)
    return np.where(labelled > 0, right / np.maximum(labelled, 1), np.nan)


def statistics(network: Network, evaluation: Evaluation, layers: Iterable[int] | None = None) -> Statistics:
    """Return the mean and the variance of every neuron's activation over the examples labelled for each task.

    Args:
        network: the network.
        evaluation: the examples. Tasks that are labelled on the same examples get the same numbers, bit for bit.
        layers: the numbers of the layers; None for all.

    Raises:
        ValueError: the evaluation does not fit the network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 1), Layer("output", 2))
        >>> network = Network(layers, (Connection(0, 1, [[1.0], [0.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> inputs = np.array([[1.0], [3.0], [5.0]], np.float32)
        >>> found = statistics(network, Evaluation(inputs, [[0, -1], [0, -1], [-1, 0]]))
        >>> found.mean[1].tolist(), found.variance[1].tolist()
        ([[2.0, 5.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]])
    """
    require_fit(network, evaluation)
    numbers = range(len(network.layers)) if layers is None else tuple(layers)
    # Equal columns are summed once, so that tasks with the same examples tie exactly.
    patterns, column = np.unique(evaluation.labels >= 0, axis=1, return_inverse=True)
    column = column.ravel()
    moments = {k: [_Moments(network.layers[k].size) for _ in range(patterns.shape[1])] for k in numbers}
    with one_thread():
        for block in blocks(len(evaluation.inputs)):
            activations = forward(network, evaluation.values(evaluation.inputs[block]))
            for k in numbers:
                values = activations[k].astype(np.float64)
                for pattern, moment in zip(patterns[block].T, moments[k], strict=True):
                    moment.add(values[pattern])
    return Statistics(
        {k: np.column_stack([m.mean if m.count else m.mean * np.nan for m in moments[k]])[:, column] for k in numbers},
        {k: np.column_stack([m.variance() for m in moments[k]])[:, column] for k in numbers},
    )


class _Moments:
    """Mean and sum of squared deviations of columns, over rows that arrive in blocks.

    Deviations from each block's own mean are merged, and not squares summed, so that a constant has variance 0 exactly
    (Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983, doi:10.1080/00031305.1983.10483115).
    """

    def __init__(self, units: int) -> None:
        self.count = 0
        self.mean = np.zeros(units)
        self._squares = np.zeros(units)

    def add(self, values: NDArray[np.float64]) -> None:
        count = len(values)
        if not count:
            return
        mean = values.mean(axis=0)
        step, total = mean - self.mean, self.count + count
        self._squares += ((values - mean) ** 2).sum(axis=0) + step**2 * (self.count * count / total)
        self.mean = self.mean + step * (count / total)
        self.count = total

    def variance(self) -> NDArray[np.float64]:
        return self._squares / self.count if self.count else np.full_like(self._squares, np.nan)


def task_variance(
    network: Network, evaluation: Evaluation, layers: Iterable[int] | None = None
) -> dict[int, NDArray[np.float64]]:
    """Return the variance of each neuron's activation with the input of one task while the other inputs are fixed.

    The variance over the examples of a group, in which the input of one task alone varies, averaged over the groups:
    "Task representations in neural networks trained to perform many cognitive tasks", Yang et al. 2019,
    doi:10.1038/s41593-018-0310-2, who vary the stimuli of one task at a time.

    Args:
        network: the network.
        evaluation: its probes are run; they must be there for every task of the network.
        layers: the numbers of the layers; None for all.

    Returns:
        layer number to ``(units, tasks)``, at least 0.

    Raises:
        NotApplicableError: a task has no probes.
        ValueError: the evaluation does not fit the network.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 2))
        >>> network = Network(layers, (Connection(0, 1, [[1.0, 0.0], [1.0, 2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> vary = np.array([[[0.0, 0.0], [2.0, 0.0]]], np.float32)
        >>> evaluation = Evaluation(vary[0], [[0, 0], [0, 0]], probes={"a": vary, "b": vary[:, :, ::-1]})
        >>> task_variance(network, evaluation)[1].tolist()
        [[1.0, 0.0], [1.0, 4.0]]
    """
    require_fit(network, evaluation)
    numbers = range(len(network.layers)) if layers is None else tuple(layers)
    result = {k: np.zeros((network.layers[k].size, len(network.tasks))) for k in numbers}
    for task, name in enumerate(network.tasks):
        probe = evaluation.probes.get(name)
        if probe is None or not probe.size:
            raise NotApplicableError(f"task variance: expected probes for task {name!r}, found none in the evaluation")
        with one_thread():
            for group in probe:
                for k, moment in _group_moments(network, evaluation, group, numbers).items():
                    result[k][:, task] += moment.variance() / len(probe)
    return result


def _group_moments(
    network: Network, evaluation: Evaluation, group: NDArray[Any], layers: Iterable[int]
) -> dict[int, _Moments]:
    """Return the moments of the activations of each layer over the examples of a group, as an evaluation stores it."""
    moments = {k: _Moments(network.layers[k].size) for k in layers}
    for block in blocks(len(group)):
        activations = forward(network, evaluation.values(group[block]))
        for k, moment in moments.items():
            moment.add(activations[k].astype(np.float64))
    return moments


def blocks(examples: int, size: int | None = None) -> Iterator[slice]:
    """Yield slices of at most `size` examples, `BLOCK` if None, that together are all of them."""
    size = size or BLOCK
    return (slice(start, start + size) for start in range(0, examples, size))


def require_fit(network: Network, evaluation: Evaluation) -> None:
    """Raise an error unless a network can be run on an evaluation.

    Raises:
        ValueError: the inputs, the tasks or the classes of the evaluation are not those of the network.
    """
    if not isinstance(network, Network):
        raise NotApplicableError(f"network {network.name!r}: expected one that can be run, found a graph")
    where = f"evaluation of network {network.name!r}"
    inputs = evaluation.inputs.shape[1]
    if inputs != network.layers[0].size:
        raise ValueError(f"{where}: expected {network.layers[0].size} inputs, found {inputs}")
    if evaluation.labels.shape[1] != len(network.tasks):
        tasks = ", ".join(network.tasks)
        raise ValueError(f"{where}: expected labels for {tasks}, found {evaluation.labels.shape[1]} columns")
    classes = np.bincount(network.output_task, minlength=len(network.tasks))
    largest = evaluation.labels.max(axis=0, initial=-1)
    for name, most, label in zip(network.tasks, classes, largest, strict=True):
        if label >= most:
            raise ValueError(f"{where}: expected labels of task {name!r} from -1 to {most - 1}, found {label}")
