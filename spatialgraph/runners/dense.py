"""Accuracies of a dense network with some of its neurons disabled.

A disabled neuron still emits a constant, and a constant input to a layer acts as a part of its bias. A masked network
therefore equals a smaller network of the remaining neurons, and the three kinds of ablation differ in its biases only.
`DenseRunner` computes the parts that masks share once: the layers before the first masked one; for all ablations, the
products with activations that do not depend on the mask; for all tasks, the layers before the outputs, because a
disabled output is just a constant answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import BoolArray, DoubleArray, FloatArray, IntArray
from ..graph.split import Split
from ..network import Evaluation, Network
from ..threads import one_product_thread, one_thread
from .activations import (
    activate,
    blocks,
    count_right,
    forward,
    in_tanh,
    require_fit,
    share_right,
    statistics,
    task_variance,
)
from .gradient import MaskedPass, Masks, cross_entropy, unchanged
from .runner import ABLATIONS, Performance, Question, Runner, SingleAblation, Statistics, require_ablation
from .single import emitted, single_ablation

Number = TypeVar("Number", np.float32, np.float64)


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of examples; arrays are ``(units, examples)``, so that selecting units copies whole rows.

    Attributes:
        examples: the slice of examples in the block.
        labels: ``(tasks, examples)``.
        known: layer number to activations of the whole network, for the layers that masked ones are computed from.
        outputs: the outputs of the whole network.
        tasks: the tasks that some of the examples are labelled for.
    """

    examples: slice
    labels: IntArray
    known: Mapping[int, FloatArray]
    outputs: FloatArray
    tasks: frozenset[int]


@dataclass(frozen=True, eq=False)
class _Whole:
    """Results of running the whole network.

    Attributes:
        blocks: the activations that masked runs start from, block by block.
        right: ``(tasks,)``, how many examples it classifies correctly.
        means: layer number to ``(units,)``, mean activations of the layers that masks may disable neurons of.
    """

    blocks: Sequence[_Block]
    right: IntArray
    means: Mapping[int, FloatArray]


@dataclass(frozen=True, eq=False)
class _Module:
    """The neurons that stay under a mask of hidden layers, as a smaller network.

    Attributes:
        units: layer number to ``(units that stay,)``, their numbers, for the layers with disabled neurons.
        weights: layer number to the (source layer, ``(units that stay, source units that stay)``) of its incoming
            connections, for the layers that are computed, in ascending order.
        biases: ablation to layer number to ``(units that stay, 1)``: the bias plus the input from disabled neurons.
    """

    units: Mapping[int, IntArray]
    weights: Mapping[int, Sequence[tuple[int, FloatArray]]]
    biases: Mapping[str, Mapping[int, FloatArray]]


class DenseRunner(Runner):
    """A dense network in NumPy, on one evaluation; computations that masks share are done once.

    It keeps the activations of the outputs and of the layers from which masked layers are computed, each ``(units,
    examples)`` float32, and the latter a second time once a gradient is asked for.

    Args:
        network: the network.
        evaluation: the examples.
        layers: the numbers of the layers that masks may disable neurons of; None for the split layers.

    Raises:
        ValueError: the evaluation does not fit the network, or the network has no such layers.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("input", 2), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, np.eye(2)),), [0, 0], {"tasks": ["a"]})
        >>> runner = DenseRunner(network, Evaluation(np.eye(2, dtype=np.float32), [[0], [1]]))
        >>> masks = [{1: np.array([True, True])}, {1: np.array([False, False])}]
        >>> runner.full.tolist(), runner.accuracy(masks, "zero").tolist()
        ([1.0], [[1.0], [0.5]])
    """

    def __init__(self, network: Network, evaluation: Evaluation, layers: Iterable[int] | None = None) -> None:
        require_fit(network, evaluation)
        super().__init__(network.graph, layers)
        self.network = network
        self.evaluation = evaluation
        self._start = _unaffected_sources(network, self._hidden)
        self._computed = _layers_to_compute(network, self._start)
        self._tanh = in_tanh(network, self._computed)
        self._units_of = [np.flatnonzero(network.output_task == task) for task in range(len(network.tasks))]
        self._kept: dict[int, FloatArray] = {}
        self._statistics: dict[tuple[int, ...] | None, Statistics] = {}

    @cached_property
    def _whole(self) -> _Whole:
        """The results of the whole network, which is run once, on first use."""
        network, evaluation = self.network, self.evaluation
        examples, parts = len(evaluation.inputs), []
        right = np.zeros(len(network.tasks), np.int64)
        sums = {k: np.zeros(network.layers[k].size) for k in self.populations}
        for block in blocks(examples):
            with one_thread():
                activations = forward(network, evaluation.values(evaluation.inputs[block]))
            right += count_right(network, activations[-1], evaluation.labels[block])
            for k, total in sums.items():
                total += activations[k].sum(axis=0, dtype=np.float64)
            # The inputs are kept as the evaluation stores them.
            known = {k: np.ascontiguousarray(activations[k].T) for k in self._start if k}
            labels = np.ascontiguousarray(evaluation.labels[block].T)
            tasks = frozenset(np.flatnonzero((labels >= 0).any(axis=1)).tolist())
            parts.append(_Block(block, labels, known, np.ascontiguousarray(activations[-1].T), tasks))
        means = {k: (total / max(examples, 1)).astype(np.float32) for k, total in sums.items()}
        return _Whole(parts, right, means)

    def sample(self, examples: int, seed: int) -> DenseRunner:
        """Return a runner of the same network on a sample of the examples, see `Runner.sample`.

        Examples that are labelled for the same tasks stand together, so that most blocks are labelled for few tasks.
        """
        # Rows as bytes: `np.unique` compares rows of several numbers forty times as slowly.
        rows = np.packbits(self.labelled, axis=1)
        pattern = np.unique(rows.view(f"V{rows.shape[1]}").reshape(-1), return_inverse=True)[1].reshape(-1)
        groups = [np.flatnonzero(pattern == number) for number in range(pattern.max(initial=-1) + 1)]
        if all(len(group) <= examples for group in groups):
            return self
        draw = np.random.default_rng(seed)
        taken = np.concatenate([np.sort(draw.permutation(group)[:examples]) for group in groups])
        inputs, labels = self.evaluation.inputs[taken], self.evaluation.labels[taken]
        sample = DenseRunner(self.network, Evaluation(inputs, labels, self.evaluation.scale), self.populations)
        sample._whole = replace(sample._whole, means=self._whole.means)
        return sample

    @property
    def labelled(self) -> BoolArray:
        """Which examples have a label in each task, ``(examples, tasks)``."""
        return self.evaluation.labels >= 0

    @cached_property
    def full(self) -> NDArray[np.float64]:
        """The accuracy of the whole network, ``(tasks,)``, 0 to 1; nan for a task without labelled examples."""
        return share_right(self._whole.right, self.evaluation)

    @cached_property
    def guessed(self) -> NDArray[np.float64]:
        """The accuracy of the best constant answer, ``(tasks,)``, 0 to 1; nan as in `full`.

        A task with one output has only one answer, so the network's accuracy equals this by definition.
        """
        most = [
            max(np.count_nonzero(answers == answer) for answer in range(len(outputs)))
            for answers, outputs in zip(self.evaluation.labels.T, self._units_of, strict=True)
        ]
        return share_right(np.array(most, np.int64), self.evaluation)

    def constants(self, ablation: str) -> dict[int, FloatArray]:
        """Return the constants that disabled neurons emit.

        Args:
            ablation: one of `ABLATIONS`.

        Returns:
            layer number to ``(units,)``, for the layers that masks may disable neurons of. A neuron of the input layer
            has no incoming weights and no bias: it emits 0 under ``incoming``.

        Raises:
            ValueError: there is no such ablation.
        """
        return emitted(self.network, self.populations, ablation, lambda: self._whole.means)

    def outputs(self, mask: Mapping[int, BoolArray], ablation: str) -> FloatArray:
        """Return the activations of the outputs under a mask.

        Args:
            mask: as in `accuracy`.
            ablation: the constant that disabled neurons emit, one of `ABLATIONS`.

        Returns:
            ``(examples, outputs)``.

        Raises:
            ValueError: there is no such ablation, or the mask does not fit.
        """
        require_ablation(ablation)
        self._require_mask(0, mask)
        last = self.network.output_layer
        result = np.empty((len(self.evaluation.inputs), self.network.layers[last].size), np.float32)
        with one_thread():
            for block, _, values in self._run(self._packed(mask), [ablation]):
                result[block.examples] = values.T
        if last in mask:
            disabled = ~mask[last]
            result[:, disabled] = self.constants(ablation)[last][disabled]
        return result

    def _unpacked(self, hidden: bytes) -> dict[int, BoolArray]:
        """Return the part of a packed mask that disables neurons: layer number to ``(units,)``."""
        result, start = {}, 0
        for k in self._hidden:
            keep = np.frombuffer(hidden, bool, self.network.layers[k].size, start)
            start += len(keep)
            if not keep.all():
                result[k] = keep
        return result

    def answers(self, questions: Iterable[Question]) -> dict[Question, float]:
        """Return the accuracy of each masked network in its task; equal masks of hidden layers are computed once."""
        groups: dict[bytes, dict[Question, int]] = {}
        for question in questions:
            groups.setdefault(question.hidden, {})[question] = 0
        with one_thread():
            for hidden, group in groups.items():
                self._answer(hidden, group)
        scored = self.labelled.sum(axis=0).tolist()
        right = {question: count for group in groups.values() for question, count in group.items()}
        return {q: count / scored[q.task] if scored[q.task] else np.nan for q, count in right.items()}

    def statistics(self, populations: Iterable[int] | None = None) -> Statistics:
        """Return means and variances of activations, see `spatialgraph.runners.activations.statistics`."""
        asked = None if populations is None else tuple(populations)
        if asked not in self._statistics:
            self._statistics[asked] = statistics(self.network, self.evaluation, asked)
        return self._statistics[asked]

    def deviation(self, populations: Iterable[int]) -> dict[int, DoubleArray]:
        """Return the standard deviation of every unit's activation over all examples: number to ``(units,)``."""
        # Every example is labelled for every task, so that the statistics are over all examples.
        everything = Evaluation(self.evaluation.inputs, np.zeros_like(self.evaluation.labels), self.evaluation.scale)
        variance = statistics(self.network, everything, populations).variance
        return {k: np.sqrt(values[:, 0]) for k, values in variance.items()}

    def task_variance(self, populations: Iterable[int] | None = None) -> dict[int, DoubleArray]:
        """Return task variances, see `spatialgraph.runners.activations.task_variance`."""
        return task_variance(self.network, self.evaluation, populations)

    def single_ablation(self, ablation: str = "mean") -> SingleAblation:
        """Return the effect of disabling each unit alone, see `spatialgraph.runners.single.single_ablation`."""
        return single_ablation(self.network, self.evaluation, ablation, self._hidden)

    def mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray, ablation: str
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask of units, and its gradient, see `spatialgraph.runners.gradient`."""
        require_ablation(ablation)
        self._require_keep(keep, {k: (self.network.layers[k].size,) for k in self.populations}, "layer")
        constants = self._constants[ablation]
        loss, gradient = self._loss_and_gradient(Masks(keep, constants), task, examples)
        return loss, dict(gradient.units)

    def weight_mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask of weights, and its gradient, see `spatialgraph.runners.gradient`."""
        self._require_keep(keep, {n: c.shape for n, c in enumerate(self.network.connections)}, "connection")
        loss, gradient = self._loss_and_gradient(Masks(weights=keep), task, examples)
        return loss, dict(gradient.weights)

    def _loss_and_gradient(self, masks: Masks, task: int, examples: IntArray) -> tuple[float, Masks]:
        """Return the loss of a task under masks, and its gradient."""
        self._require_labels(task, examples)
        known = self._activations(unchanged(self.network, masks.units, masks.weights), examples)
        with one_product_thread():
            run = MaskedPass(self.network, masks, known)
            loss, slope = cross_entropy(run.outputs, self._units_of[task], self.evaluation.labels[examples, task])
            return loss, run.gradient(slope)

    def _activations(self, layers: Iterable[int], examples: IntArray) -> dict[int, FloatArray]:
        """Return activations of the whole network: layer number to ``(some examples, units)``.

        Masks are learned in hundreds of steps, and each asks for a few examples: the activations of all are kept.
        """
        missing = {k for k in layers if k} - set(self._kept)
        if missing:
            count = len(self.evaluation.inputs)
            self._kept |= {k: np.empty((count, self.network.layers[k].size), np.float32) for k in missing}
            with one_thread():
                for block in blocks(count):
                    activations = forward(self.network, self.evaluation.values(self.evaluation.inputs[block]))
                    for k in missing:
                        self._kept[k][block] = activations[k]
        inputs = self.evaluation.inputs
        return {
            k: self._kept[k].take(examples, axis=0) if k else self.evaluation.values(inputs[examples]) for k in layers
        }

    def _answer(self, hidden: bytes, right: dict[Question, int]) -> None:
        """Count the right answers to questions about one mask of the hidden layers."""
        asked: dict[str, list[tuple[Question, IntArray, FloatArray]]] = {}
        for question in right:
            disabled, constants = self._disabled_outputs(question)
            if len(disabled) == len(question.outputs):  # the answer does not depend on the network
                labels = self.evaluation.labels[:, question.task]
                right[question] = int(np.count_nonzero(labels == constants.argmax()))
            else:
                asked.setdefault(question.ablation, []).append((question, disabled, constants))
        for block, ablation, outputs in self._run(hidden, list(asked)):
            for question, disabled, constants in asked[ablation]:
                if question.task not in block.tasks:
                    continue
                values = outputs.take(self._units_of[question.task], axis=0)
                values[disabled] = constants
                right[question] += int(np.count_nonzero(values.argmax(axis=0) == block.labels[question.task]))

    def _disabled_outputs(self, question: Question) -> tuple[IntArray, FloatArray]:
        """Return the numbers of a task's disabled outputs, and the constants that they emit, ``(disabled, 1)``."""
        disabled = np.flatnonzero(~np.frombuffer(question.outputs, bool))
        if not len(disabled):
            return disabled, np.empty((0, 1), np.float32)
        constants = self.constants(question.ablation)[self.network.output_layer]
        return disabled, constants[self._units_of[question.task][disabled], None]

    def _run(self, hidden: bytes, ablations: Sequence[str]) -> Iterator[tuple[_Block, str, FloatArray]]:
        """Yield the outputs with disabled hidden neurons, block by block, ``(outputs, examples)``."""
        keep = self._unpacked(hidden)
        if not ablations:
            return
        if not keep or not self._computed:
            yield from ((block, ablation, block.outputs) for block in self._whole.blocks for ablation in ablations)
            return
        module = self._module(keep)
        for block in self._whole.blocks:
            known = {k: self._known(block, k, module.units.get(k)) for k in self._start}
            shared = {
                k: _sum(weight @ known[source] for source, weight in entering if source in known)
                for k, entering in module.weights.items()
            }
            for ablation in ablations:
                yield block, ablation, self._finish(module, shared, ablation)

    def _finish(self, module: _Module, shared: Mapping[int, FloatArray | None], ablation: str) -> FloatArray:
        """Return the outputs of a module, ``(outputs, examples)``.

        Args:
            module: the module.
            shared: for each layer to be computed, the summed input from known layers, which all ablations share; None
                if no known layer is connected to it.
            ablation: the constant that disabled neurons emit.
        """
        values: dict[int, FloatArray] = {}
        for k, entering in module.weights.items():
            bias, known = module.biases[ablation][k], shared[k]
            products = (weight @ values[source] for source, weight in entering if source in values)
            activation = self._tanh.layers[k].activation
            if known is None:
                values[k] = activate(activation, products, bias)
            else:
                values[k] = activate(activation, chain([known + bias], products), None)
        return values[self.network.output_layer]

    def _module(self, keep: Mapping[int, BoolArray]) -> _Module:
        """Return the neurons that stay under a mask, as a smaller network with the same outputs.

        Let K_s be the neurons of layer s that stay and e_s the constants of the others. The input of neuron i in a
        layer is then  Σ_s Σ_{j ∈ K_s} w_ij x_j + (b_i + Σ_s Σ_{j ∉ K_s} w_ij e_j),  and the bracket is its new bias.

        Args:
            keep: layer number to ``(units,)``, True for the neurons that stay. All neurons of other layers stay.
        """
        units = {k: np.flatnonzero(mask) for k, mask in keep.items()}
        weights: dict[int, list[tuple[int, FloatArray]]] = {}
        biases: dict[str, dict[int, FloatArray]] = {ablation: {} for ablation in ABLATIONS}
        for k in self._computed:
            layer, weights[k] = self._tanh.layers[k], []
            own = np.zeros(layer.size) if layer.bias is None else layer.bias.astype(np.float64)
            bias = np.repeat(_some(own, units.get(k))[:, None], len(ABLATIONS), axis=1)
            for connection in self._tanh.connections:
                if connection.target != k:
                    continue
                source, weight = connection.source, _some(connection.weight, units.get(k))
                if source in keep:
                    disabled = np.flatnonzero(~keep[source])
                    bias += weight.take(disabled, axis=1).astype(np.float64) @ self._emitted[source][disabled]
                    weight = weight.take(units[source], axis=1)
                weights[k].append((source, weight))
            for ablation, column in zip(ABLATIONS, bias.astype(np.float32).T, strict=True):
                biases[ablation][k] = column[:, None]
        return _Module(units, weights, biases)

    @cached_property
    def _emitted(self) -> dict[int, NDArray[np.float64]]:
        """The constants of disabled hidden neurons in the network that is run: layer to ``(units, ablations)``."""
        constants = [self.constants(ablation) for ablation in ABLATIONS]
        columns = {k: np.stack([of[k] for of in constants], axis=1).astype(np.float64) for k in self._hidden}
        renamed = [k for k in self._hidden if self._tanh.layers[k].activation != self.network.layers[k].activation]
        return columns | {k: 2 * columns[k] - 1 for k in renamed}

    @cached_property
    def _constants(self) -> dict[str, dict[int, FloatArray]]:
        """What disabled units emit under each ablation: to layer number to ``(units,)``."""
        return {ablation: self.constants(ablation) for ablation in ABLATIONS}

    def _known(self, block: _Block, layer: int, units: IntArray | None) -> FloatArray:
        """Return the activations of some units of the whole network, ``(some units, examples)``."""
        if layer:
            return _some(block.known[layer], units)
        inputs = self.evaluation.values(self.evaluation.inputs[block.examples])
        return np.ascontiguousarray(_some(inputs.T, units))


def masked_accuracy(
    network: Network,
    evaluation: Evaluation,
    masks: Sequence[Mapping[int, BoolArray]] | Sequence[Mapping[str, BoolArray]],
    ablation: str,
) -> NDArray[np.float64]:
    """Return the accuracy of a network under each mask; see `Runner.accuracy`, which this calls.

    Args:
        network: the network.
        evaluation: the examples.
        masks: each from the number or name of a layer to ``(units,)``, True for the neurons that stay.
        ablation: the constant that disabled neurons emit, one of `ABLATIONS`.

    Returns:
        ``(masks, tasks)``, 0 to 1; nan for a task without labelled examples.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation does not fit the network, a mask does not, or there is no such ablation.
    """
    if isinstance(masks, Mapping):
        raise ValueError("masks: expected a list of masks, found one: put it in brackets")
    numbered = [{network.number(k) if isinstance(k, str) else k: keep for k, keep in mask.items()} for mask in masks]
    return DenseRunner(network, evaluation, {k for mask in numbered for k in mask}).accuracy(numbered, ablation)


def performance(network: Network, evaluation: Evaluation, split: Split, ablation: str) -> Performance:
    """Return the accuracies of the parts of a split; see `Runner.performance`, which this calls.

    To score several splits or ablations of one network, make one `DenseRunner` and use its `performances`.

    Args:
        network: the network.
        evaluation: the examples.
        split: the tasks that each neuron serves.
        ablation: the constant that disabled neurons emit, one of `ABLATIONS`.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation or the split does not fit the network, or there is no such ablation.
    """
    return DenseRunner(network, evaluation).performance(split, ablation)


def _some(array: NDArray[Number], units: IntArray | None) -> NDArray[Number]:
    """Return some rows of an array, or the array itself if `units` is None."""
    return array if units is None else array.take(units, axis=0)


def _sum(arrays: Iterable[FloatArray]) -> FloatArray | None:
    """Return the sum of arrays, written into the first one; None if there are no arrays."""
    total: FloatArray | None = None
    for array in arrays:
        if total is None:
            total = array
        else:
            total += array
    return total


def _layers_to_compute(network: Network, known: Iterable[int]) -> list[int]:
    """Return the layers that the output depends on and that are not known, in ascending order."""
    needed = {network.output_layer}
    for k in range(network.output_layer, -1, -1):
        if k in needed and k not in known:
            needed |= {c.source for c in network.connections if c.target == k}
    return sorted(needed - set(known))


def _unaffected_sources(network: Network, layers: Iterable[int]) -> set[int]:
    """Return the layers that masks of `layers` do not change and from which the changed layers are computed.

    A masked layer may be among them, if no other masked layer leads to it: the activations of its remaining neurons do
    not change.
    """
    affected: set[int] = set()
    for k in range(len(network.layers)):
        if any(c.target == k and (c.source in affected or c.source in layers) for c in network.connections):
            affected.add(k)
    changed = _layers_to_compute(network, set(range(len(network.layers))) - affected)
    sources = {c.source for c in network.connections if c.target in changed} - affected
    return sources or {network.output_layer}
