"""What a network can still do when some of its neurons are disabled.

A disabled neuron goes on emitting a constant, and a constant that enters a layer is a part of its bias. So a masked
network equals a smaller network of the neurons that are left, and the three kinds of ablation differ in the biases
alone. `Masking` computes what many masks share (the layers before the first masked one) once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .activations import activate, blocks, count_right, forward, one_thread, require_fit, share_right
from .network import BoolArray, Evaluation, FloatArray, IntArray, Layer, Network
from .splits.split import Split

ABLATIONS = ("zero", "incoming", "mean")
"""What a disabled neuron emits: ``zero``: 0. ``incoming``: what it emits when all that enters it is 0, that is, its
activation function of its bias ("Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, as its published
code does it). ``mean``: the mean of its activation over the evaluation set. The conclusion can depend on the choice, so
compare all three."""


@dataclass(frozen=True, eq=False)
class Module:
    """The neurons of a network that are left when others are disabled, as a smaller network with the same outputs.

    Attributes:
        network: the whole network.
        units: for each layer, ``(units left,)``, the numbers of the neurons that are left.
        biases: for each layer, ``(units left,)``, the bias plus all that disabled neurons send.
        weights: for each connection of the network, ``(target units left, source units left)``.
        outputs: ``(outputs,)``, what each output emits if it is disabled.
    """

    network: Network
    units: tuple[IntArray, ...]
    biases: tuple[FloatArray, ...]
    weights: tuple[FloatArray, ...]
    outputs: FloatArray

    def run(self, known: Mapping[int, FloatArray]) -> FloatArray:
        """Return the outputs of the masked network.

        Args:
            known: layer number to ``(examples, units)``, activations *of the whole network* that do not depend on the
                mask: those of layer 0, or those of layers that no masked layer leads to.

        Returns:
            ``(examples, outputs)``.
        """
        network = self.network
        values = {k: _columns(activations, self.units[k]) for k, activations in known.items()}
        for k in _layers_to_compute(network, known):
            entering = [(c, w) for c, w in zip(network.connections, self.weights, strict=True) if c.target == k]
            products = (values[c.source] @ weight.T for c, weight in entering)
            values[k] = activate(network.layers[k].activation, products, self.biases[k])
        left = values[network.output_layer]
        if left.shape[1] == len(self.outputs):
            return left
        result = np.repeat(self.outputs[None, :], len(left), axis=0)
        result[:, self.units[-1]] = left
        return result


@dataclass(frozen=True, eq=False)
class Performance:
    """What a network and the parts of a split can do; all ``(tasks,)``, accuracies from 0 to 1, nan if not measured.

    Attributes:
        tasks: the names of the tasks.
        ablation: what disabled neurons emitted, one of `ABLATIONS`.
        full: of the whole network.
        own: of each task with only the neurons that serve it.
        leaked: of each task with only the neurons that serve *other* tasks, plus its own outputs, so that it can
            answer at all. High values say that other tasks' neurons know this task too.
    """

    tasks: tuple[str, ...]
    ablation: str
    full: NDArray[np.float64]
    own: NDArray[np.float64]
    leaked: NDArray[np.float64]


def extract(network: Network, keep: Mapping[int, BoolArray], constants: Mapping[int, FloatArray]) -> Module:
    """Return the neurons that a mask leaves as a smaller network with the same outputs.

    For a layer t, with K_s the neurons of layer s that are left and e_s what the others emit, the sums that enter
    neuron i are  Σ_s Σ_{j ∈ K_s} w_ij x_j + (b_i + Σ_s Σ_{j ∉ K_s} w_ij e_j),  and the bracket is its new bias.

    Args:
        network: the network.
        keep: layer number to ``(units,)``, True for the neurons that are left; all are left of other layers.
        constants: layer number to ``(units,)``, what a neuron emits if it is disabled, for the layers in `keep`.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("input", 2), Layer("output", 1, bias=[1.0]))
        >>> network = Network(layers, (Connection(0, 1, [[2.0, 3.0]]),), [0], {"tasks": ["a"]})
        >>> module = extract(network, {0: np.array([True, False])}, {0: np.array([0.0, 10.0])})
        >>> module.biases[1].tolist(), module.run({0: np.array([[1.0, 7.0]], np.float32)}).tolist()
        ([31.0], [[33.0]])
    """
    masks = {k: np.asarray(keep.get(k, np.ones(layer.size, bool))) for k, layer in enumerate(network.layers)}
    units = tuple(np.flatnonzero(masks[k]) for k in masks)
    biases = [
        np.zeros(len(units[k])) if layer.bias is None else layer.bias[units[k]].astype(np.float64)
        for k, layer in enumerate(network.layers)
    ]
    weights = []
    for connection in network.connections:
        source, target = connection.source, connection.target
        rows = connection.weight[units[target]]
        weights.append(_columns(rows, units[source]))
        if len(units[source]) < network.layers[source].size:
            disabled = ~masks[source]
            biases[target] += rows[:, disabled].astype(np.float64) @ np.asarray(constants[source], np.float64)[disabled]
    last = network.output_layer
    outputs = constants[last] if last in keep else np.zeros(network.layers[last].size)
    folded = tuple(bias.astype(np.float32) for bias in biases)
    return Module(network, units, folded, tuple(weights), np.asarray(outputs, np.float32))


class Masking:
    """The accuracies of one network on one evaluation under many masks; what masks share is computed once.

    It keeps the activations of the layers from which masked layers are computed, ``(examples, units)`` float32.

    Args:
        network: the network.
        evaluation: the examples.
        layers: the numbers of the layers that masks may be of; None for the split layers.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation does not fit the network, or it has no such layers.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("input", 2), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.eye(2)),), [0, 0], {"tasks": ["a"]})
        >>> masking = Masking(network, Evaluation(np.eye(2, dtype=np.float32), [[0], [1]]))
        >>> masks = [{1: np.array([True, True])}, {1: np.array([False, False])}]
        >>> masking.full.tolist(), masking.accuracy(masks, "zero").tolist()
        ([1.0], [[1.0], [0.5]])
    """

    def __init__(self, network: Network, evaluation: Evaluation, layers: Iterable[int] | None = None) -> None:
        require_fit(network, evaluation)
        self.network = network
        self.evaluation = evaluation
        self.layers = tuple(sorted(network.split_layers if layers is None else set(layers)))
        unknown = set(self.layers) - set(range(len(network.layers)))
        if unknown:
            raise ValueError(f"masks: expected layers from 0 to {network.output_layer}, found {sorted(unknown)}")
        with one_thread():
            self._run_whole()

    def _run_whole(self) -> None:
        """Run the whole network once: its accuracies, the means of the layers to be masked, what masks start from."""
        network, examples = self.network, len(self.evaluation.inputs)
        right = np.zeros(len(network.tasks), np.int64)
        sums = {k: np.zeros(network.layers[k].size) for k in self.layers}
        start = _unaffected_sources(network, self.layers)
        self._needs_inputs = 0 in start
        self._known = {k: np.empty((examples, network.layers[k].size), np.float32) for k in start if k}
        for block in blocks(examples):
            activations = forward(network, self.evaluation.values(self.evaluation.inputs[block]))
            right += count_right(network, activations[-1], self.evaluation.labels[block])
            for k, total in sums.items():
                total += activations[k].sum(axis=0, dtype=np.float64)
            for k, kept in self._known.items():
                kept[block] = activations[k]
        self._means = {k: (total / max(examples, 1)).astype(np.float32) for k, total in sums.items()}
        self._right = right

    @cached_property
    def full(self) -> NDArray[np.float64]:
        """The accuracy of the whole network, ``(tasks,)``, 0 to 1; nan for a task without labelled examples."""
        return share_right(self._right, self.evaluation)

    def constants(self, ablation: str) -> dict[int, FloatArray]:
        """Return what disabled neurons emit.

        Args:
            ablation: one of `ABLATIONS`.

        Returns:
            layer number to ``(units,)``, for the layers that masks may be of. An entry of the input layer has no
            incoming weights and no bias: it emits 0 under ``incoming``.

        Raises:
            ValueError: there is no such ablation.
        """
        if ablation not in ABLATIONS:
            raise ValueError(f"ablation: expected one of {', '.join(ABLATIONS)}, found {ablation!r}")
        if ablation == "mean":
            return self._means
        layers = {k: self.network.layers[k] for k in self.layers}
        if ablation == "zero":
            return {k: np.zeros(layer.size, np.float32) for k, layer in layers.items()}
        return {k: _without_input(layer) for k, layer in layers.items()}

    def accuracy(self, masks: Sequence[Mapping[int, BoolArray]], ablation: str) -> NDArray[np.float64]:
        """Return the accuracy under each mask.

        Args:
            masks: each layer number to ``(units,)``, True for the neurons that are left; all neurons are left of a
                layer that is not there. A disabled output emits its constant as every disabled neuron does.
            ablation: what disabled neurons emit, one of `ABLATIONS`.

        Returns:
            ``(masks, tasks)``, 0 to 1; nan for a task without labelled examples.

        Raises:
            ValueError: there is no such ablation, or a mask does not fit.
        """
        constants = self.constants(ablation)
        right = np.zeros((len(masks), len(self.network.tasks)), np.int64)
        with one_thread():
            for number, mask in enumerate(masks):
                self._require_mask(number, mask)
                right[number] = self._count_right(extract(self.network, mask, constants))
        return share_right(right, self.evaluation)

    def _count_right(self, module: Module) -> IntArray:
        """Count the examples that a module classifies rightly, ``(tasks,)``."""
        right = np.zeros(len(self.network.tasks), np.int64)
        for block in blocks(len(self.evaluation.inputs)):
            known = {k: activations[block] for k, activations in self._known.items()}
            if self._needs_inputs:
                known[0] = self.evaluation.values(self.evaluation.inputs[block])
            right += count_right(self.network, module.run(known), self.evaluation.labels[block])
        return right

    def performance(self, split: Split, ablation: str) -> Performance:
        """Return what the parts of a split can do.

        Args:
            split: which neurons serve which task. A layer that is not split stays whole.
            ablation: what disabled neurons emit, one of `ABLATIONS`.

        Raises:
            ValueError: there is no such ablation, or the split is not of this network.
        """
        network = self.network
        split.require_for(network)
        tasks = range(len(network.tasks))
        own = [split.module(task) for task in tasks]
        leaked = [split.others(task) for task in tasks]
        if network.output_layer in split.membership:
            for task in tasks:
                leaked[task][network.output_layer] = network.output_task == task
        accuracies = self.accuracy([*own, *leaked], ablation)
        each = np.arange(len(tasks))
        return Performance(
            network.tasks, ablation, self.full, accuracies[each, each], accuracies[len(tasks) + each, each]
        )

    def _require_mask(self, number: int, mask: Mapping[int, BoolArray]) -> None:
        for k, keep in mask.items():
            if k not in self.layers:
                raise ValueError(f"mask {number}: expected masks of layers {list(self.layers)}, found one of layer {k}")
            keep, size = np.asarray(keep), self.network.layers[k].size
            if keep.shape != (size,) or keep.dtype != bool:
                found = f"{keep.dtype} of shape {keep.shape}"
                raise ValueError(f"mask {number}, layer {k}: expected bool of shape ({size},), found {found}")


def masked_accuracy(
    network: Network, evaluation: Evaluation, masks: Sequence[Mapping[int, BoolArray]], ablation: str
) -> NDArray[np.float64]:
    """Return the accuracy of a network under each mask; see `Masking.accuracy`, which this calls.

    Args:
        network: the network.
        evaluation: the examples.
        masks: each layer number to ``(units,)``, True for the neurons that are left.
        ablation: what disabled neurons emit, one of `ABLATIONS`.

    Returns:
        ``(masks, tasks)``, 0 to 1; nan for a task without labelled examples.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation does not fit the network, a mask does not, or there is no such ablation.
    """
    return Masking(network, evaluation, {k for mask in masks for k in mask}).accuracy(masks, ablation)


def performance(network: Network, evaluation: Evaluation, split: Split, ablation: str) -> Performance:
    """Return what the parts of a split can do; see `Masking.performance`, which this calls.

    To score several splits or ablations of one network, make one `Masking` and ask it.

    Args:
        network: the network.
        evaluation: the examples.
        split: which neurons serve which task.
        ablation: what disabled neurons emit, one of `ABLATIONS`.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation or the split does not fit the network, or there is no such ablation.
    """
    return Masking(network, evaluation).performance(split, ablation)


def _without_input(layer: Layer) -> FloatArray:
    """Return what each neuron of a layer emits when all that enters it is 0, ``(units,)``."""
    emitted: FloatArray = activate(layer.activation, [np.zeros((1, layer.size), np.float32)], layer.bias)[0]
    return emitted


def _columns(array: FloatArray, columns: IntArray) -> FloatArray:
    """Return some columns of a matrix, without a copy if they are all of them."""
    # `take` and not an index, whose result lies in columns, which makes the products slower.
    taken: FloatArray = array if len(columns) == array.shape[1] else array.take(columns, axis=1)
    return taken


def _layers_to_compute(network: Network, known: Iterable[int]) -> list[int]:
    """Return the layers, in ascending order, that the output needs and that are not known."""
    needed = {network.output_layer}
    for k in range(network.output_layer, -1, -1):
        if k in needed and k not in known:
            needed |= {c.source for c in network.connections if c.target == k}
    return sorted(needed - set(known))


def _unaffected_sources(network: Network, layers: Iterable[int]) -> set[int]:
    """Return the layers that no mask of `layers` changes and that what they do change is computed from.

    A masked layer that no other masked layer leads to is among them: its neurons do what they did, some are disabled.
    """
    affected: set[int] = set()
    for k in range(len(network.layers)):
        if any(c.target == k and (c.source in affected or c.source in layers) for c in network.connections):
            affected.add(k)
    changed = _layers_to_compute(network, set(range(len(network.layers))) - affected)
    sources = {c.source for c in network.connections if c.target in changed} - affected
    return sources or {network.output_layer}
