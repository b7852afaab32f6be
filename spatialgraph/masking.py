"""What a network can still do when some of its neurons are disabled.

A disabled neuron goes on emitting a constant, and a constant that enters a layer is a part of its bias. So a masked
network equals a smaller network of the neurons that are left, and the three kinds of ablation differ in the biases
alone. `Masking` computes what masks share once: the layers before the first masked one; for all ablations, the products
with activations that do not depend on the mask; for all tasks, the layers before the outputs, since a disabled output
is but a constant answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .ablation import ABLATIONS, emitted, require_ablation
from .activations import activate, blocks, count_right, forward, in_tanh, one_thread, require_fit, share_right
from .network import BoolArray, Evaluation, FloatArray, IntArray, Network
from .splits.split import Split

__all__ = ["ABLATIONS", "Masking", "Performance", "masked_accuracy", "performance"]


Number = TypeVar("Number", np.float32, np.float64)

# A community with less than this share of the hidden neurons that may be masked is not disabled: each takes a run of
# the network, methods find dozens of two neurons, and what these do cannot be told from nothing.
_LEAST_COMMUNITY = 0.01


@dataclass(frozen=True, eq=False)
class Performance:
    """What a network and the parts of a split can do; accuracies from 0 to 1, nan if not measured.

    Attributes:
        tasks: the names of the tasks.
        ablation: what disabled neurons emitted, one of `ABLATIONS`.
        full: ``(tasks,)``, of the whole network.
        own: ``(tasks,)``, of each task with only the neurons that serve it.
        leaked: ``(tasks,)``, of each task with only the neurons that serve *other* tasks, plus its own outputs, so that
            it can answer at all. High values say that other tasks' neurons know this task too.
        kept: ``(modules, tasks)``, a module being the neurons that serve one task: of each task with only the neurons
            of one module, plus its own outputs. On the diagonal, `own`, to which no outputs are added. Of two tasks,
            the rest is `leaked`.
        lesioned: ``(modules + communities, tasks)``: of each task with all neurons but those of one module, or of one
            community, and all of its outputs.
        communities: the names of the communities that are disabled one by one, after the modules: of those that
            `Split.group_names` names the ones that are no module of a task and not very small.
    """

    tasks: tuple[str, ...]
    ablation: str
    full: NDArray[np.float64]
    own: NDArray[np.float64]
    leaked: NDArray[np.float64]
    kept: NDArray[np.float64]
    lesioned: NDArray[np.float64]
    communities: tuple[str, ...] = ()


class _Question(NamedTuple):
    """How many examples of a task does a masked network classify rightly?

    Attributes:
        hidden: for each layer that masks may be of, but the output, a byte for each neuron: 1 if it is left.
        outputs: the same for the outputs of the task.
        task: the number of the task.
        ablation: what disabled neurons emit.
    """

    hidden: bytes
    outputs: bytes
    task: int
    ablation: str


@dataclass(frozen=True, eq=False)
class _Block:
    """Some of the examples; arrays are ``(units, examples)``, so that to take some units is to copy whole rows.

    Attributes:
        examples: which they are.
        labels: ``(tasks, examples)``.
        known: layer number to activations of the whole network, for the layers that masked ones are computed from.
        outputs: of the whole network.
    """

    examples: slice
    labels: IntArray
    known: Mapping[int, FloatArray]
    outputs: FloatArray


@dataclass(frozen=True, eq=False)
class _Module:
    """The neurons that a mask of hidden layers leaves, as a smaller network.

    Attributes:
        units: layer number to ``(units left,)``, for the layers of which some neurons are not there.
        weights: layer number to (source layer, ``(units left, source units left)``) of all that enters it, for the
            layers that are computed, in ascending order.
        biases: ablation to layer number to ``(units left, 1)``: the bias plus all that disabled neurons send.
    """

    units: Mapping[int, IntArray]
    weights: Mapping[int, Sequence[tuple[int, FloatArray]]]
    biases: Mapping[str, Mapping[int, FloatArray]]


class Masking:
    """The accuracies of one network on one evaluation under many masks; what masks share is computed once.

    It keeps the activations of the layers from which masked layers are computed and of the outputs, each ``(units,
    examples)`` float32.

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
        self._hidden = [k for k in self.layers if k != network.output_layer]
        self._start = _unaffected_sources(network, self._hidden)
        self._computed = _layers_to_compute(network, self._start)
        self._tanh = in_tanh(network, self._computed)
        self._outputs_of = [np.flatnonzero(network.output_task == task) for task in range(len(network.tasks))]
        with one_thread():
            self._blocks = list(self._run_whole())

    def _run_whole(self) -> Iterator[_Block]:
        """Run the whole network once: its accuracies, the means of the layers to be masked, what masks start from."""
        network, evaluation = self.network, self.evaluation
        examples = len(evaluation.inputs)
        self._right = np.zeros(len(network.tasks), np.int64)
        sums = {k: np.zeros(network.layers[k].size) for k in self.layers}
        for block in blocks(examples):
            activations = forward(network, evaluation.values(evaluation.inputs[block]))
            self._right += count_right(network, activations[-1], evaluation.labels[block])
            for k, total in sums.items():
                total += activations[k].sum(axis=0, dtype=np.float64)
            # The inputs are kept as the evaluation stores them.
            known = {k: np.ascontiguousarray(activations[k].T) for k in self._start if k}
            labels = np.ascontiguousarray(evaluation.labels[block].T)
            yield _Block(block, labels, known, np.ascontiguousarray(activations[-1].T))
        self._means = {k: (total / max(examples, 1)).astype(np.float32) for k, total in sums.items()}

    @cached_property
    def full(self) -> NDArray[np.float64]:
        """The accuracy of the whole network, ``(tasks,)``, 0 to 1; nan for a task without labelled examples."""
        return share_right(self._right, self.evaluation)

    @cached_property
    def guessed(self) -> NDArray[np.float64]:
        """The accuracy of the best answer that is always the same, ``(tasks,)``, 0 to 1; nan as in `full`.

        With one output for a task there is no other answer, and the network's accuracy is this by definition.
        """
        most = [
            max(np.count_nonzero(answers == answer) for answer in range(len(outputs)))
            for answers, outputs in zip(self.evaluation.labels.T, self._outputs_of, strict=True)
        ]
        return share_right(np.array(most, np.int64), self.evaluation)

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
        return emitted(self.network, self.layers, ablation, lambda: self._means)

    def outputs(self, mask: Mapping[int, BoolArray], ablation: str) -> FloatArray:
        """Return what the outputs emit under a mask.

        Args:
            mask: as in `accuracy`.
            ablation: what disabled neurons emit, one of `ABLATIONS`.

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
        require_ablation(ablation)
        tasks, last = range(len(self.network.tasks)), self.network.output_layer
        questions = []
        for number, mask in enumerate(masks):
            self._require_mask(number, mask)
            hidden = self._packed(mask)
            questions += [self._question(hidden, mask.get(last), task, ablation) for task in tasks]
        right = self._answers(questions)
        counts = np.array([right[question] for question in questions], np.int64)
        return share_right(counts.reshape(len(masks), len(tasks)), self.evaluation)

    def performance(self, split: Split, ablation: str) -> Performance:
        """Return what the parts of a split can do; of several splits or ablations, `performances` is faster.

        Args:
            split: which neurons serve which task. A layer that is not split stays whole.
            ablation: what disabled neurons emit, one of `ABLATIONS`.

        Raises:
            ValueError: there is no such ablation, or the split is not of this network.
        """
        return self.performances([split], [ablation])[0][0]

    def performances(self, splits: Iterable[Split], ablations: Sequence[str]) -> list[list[Performance]]:
        """Return what the parts of many splits can do, equal parts computed once.

        Args:
            splits: which neurons serve which task. A layer that is not split stays whole.
            ablations: what disabled neurons emit, each one of `ABLATIONS`.

        Returns:
            for each split, for each ablation.

        Raises:
            ValueError: there is no such ablation, or a split is not of this network or of layers that are not masked.
        """
        for ablation in ablations:
            require_ablation(ablation)
        asked, names = [], []
        for number, split in enumerate(splits):
            split.require_for(self.network)
            self._require_mask(number, split.module(0))
            lesions = self._community_lesions(split)
            names.append(tuple(lesions))
            asked.append([self._questions(split, lesions.values(), ablation) for ablation in ablations])
        right = self._answers(question for of_split in asked for table in of_split for row in table for question in row)
        return [
            [
                self._performance(np.array([[right[question] for question in row] for row in table]), own, ablation)
                for table, ablation in zip(of_split, ablations, strict=True)
            ]
            for of_split, own in zip(asked, names, strict=True)
        ]

    def _community_lesions(self, split: Split) -> dict[str, bytes]:
        """Return the communities to be disabled: name to the mask of hidden layers that is left, packed."""
        if split.communities is None:
            return {}
        tasks = range(len(self.network.tasks))
        modules = {self._packed(split.without(task)) for task in tasks}
        neurons = sum(self.network.layers[k].size for k in self._hidden)
        lesions = {}
        for number, name in enumerate(split.group_names(self.network.tasks)):
            members = {k: groups[:, number] for k, groups in split.groups.items()}
            size = sum(np.count_nonzero(members[k]) for k in self._hidden if k in members)
            left = self._packed({k: ~of_layer for k, of_layer in members.items()})
            if size >= max(1, _LEAST_COMMUNITY * neurons) and left not in modules:
                lesions[name] = left
        return lesions

    def _questions(self, split: Split, lesions: Iterable[bytes], ablation: str) -> list[list[_Question]]:
        """Return what to ask about a split: each task's question, by row.

        Args:
            split: the split.
            lesions: for each community that is to be disabled the mask of hidden layers that is left, packed.
            ablation: what disabled neurons emit.

        Returns:
            ``(modules + 1 + modules + communities, tasks)``: the rows of `Performance.kept`, of `leaked` and of
            `lesioned`.
        """
        tasks, last = range(len(self.network.tasks)), self.network.output_layer
        table = []
        for module in tasks:
            mask = split.module(module)
            hidden = self._packed(mask)
            # Other tasks' outputs are added, and those of the module's own task are those that serve it.
            table.append(
                [self._question(hidden, mask.get(last) if task == module else None, task, ablation) for task in tasks]
            )
        others = [self._packed(split.others(task)) for task in tasks]
        table.append([self._question(hidden, None, task, ablation) for task, hidden in enumerate(others)])
        rest = [*(self._packed(split.without(module)) for module in tasks), *lesions]
        return table + [[self._question(hidden, None, task, ablation) for task in tasks] for hidden in rest]

    def _performance(self, right: IntArray, communities: tuple[str, ...], ablation: str) -> Performance:
        """Return the performance that the answers to `_questions` make."""
        accuracies = share_right(right, self.evaluation)
        tasks = len(self.network.tasks)
        kept, leaked, lesioned = accuracies[:tasks], accuracies[tasks], accuracies[tasks + 1 :]
        own = kept.diagonal().copy()
        return Performance(self.network.tasks, ablation, self.full, own, leaked, kept, lesioned, communities)

    def _packed(self, mask: Mapping[int, BoolArray]) -> bytes:
        """Return the part of a mask that is of hidden layers as `_Question` has it."""
        sizes = {k: self.network.layers[k].size for k in self._hidden}
        return b"".join(mask[k].tobytes() if k in mask else b"\1" * size for k, size in sizes.items())

    def _unpacked(self, hidden: bytes) -> dict[int, BoolArray]:
        """Return the layers of which a mask disables neurons: layer number to ``(units,)``."""
        result, start = {}, 0
        for k in self._hidden:
            keep = np.frombuffer(hidden, bool, self.network.layers[k].size, start)
            start += len(keep)
            if not keep.all():
                result[k] = keep
        return result

    def _question(self, hidden: bytes, outputs: BoolArray | None, task: int, ablation: str) -> _Question:
        """Return the question about a task; `outputs` is ``(outputs,)``, or None if all are left."""
        units = self._outputs_of[task]
        keep = np.ones(len(units), bool) if outputs is None else outputs[units]
        return _Question(hidden, keep.tobytes(), task, ablation)

    def _answers(self, questions: Iterable[_Question]) -> dict[_Question, int]:
        """Return the number of right answers of each question; equal ones, and what they share, are computed once."""
        groups: dict[bytes, dict[_Question, int]] = {}
        for question in questions:
            groups.setdefault(question.hidden, {})[question] = 0
        with one_thread():
            for hidden, group in groups.items():
                self._answer(hidden, group)
        return {question: right for group in groups.values() for question, right in group.items()}

    def _answer(self, hidden: bytes, right: dict[_Question, int]) -> None:
        """Count the right answers to questions about one mask of the hidden layers."""
        asked: dict[str, list[tuple[_Question, IntArray, FloatArray]]] = {}
        for question in right:
            disabled, constants = self._disabled_outputs(question)
            if len(disabled) == len(question.outputs):  # the answer is the same whatever the network does
                labels = self.evaluation.labels[:, question.task]
                right[question] = int(np.count_nonzero(labels == constants.argmax()))
            else:
                asked.setdefault(question.ablation, []).append((question, disabled, constants))
        for block, ablation, outputs in self._run(hidden, list(asked)):
            for question, disabled, constants in asked[ablation]:
                values = outputs.take(self._outputs_of[question.task], axis=0)
                values[disabled] = constants
                right[question] += int(np.count_nonzero(values.argmax(axis=0) == block.labels[question.task]))

    def _disabled_outputs(self, question: _Question) -> tuple[IntArray, FloatArray]:
        """Return which of a task's outputs are disabled, and what each of them emits, ``(disabled, 1)``."""
        disabled = np.flatnonzero(~np.frombuffer(question.outputs, bool))
        if not len(disabled):
            return disabled, np.empty((0, 1), np.float32)
        constants = self.constants(question.ablation)[self.network.output_layer]
        return disabled, constants[self._outputs_of[question.task][disabled], None]

    def _run(self, hidden: bytes, ablations: Sequence[str]) -> Iterator[tuple[_Block, str, FloatArray]]:
        """Yield what the outputs emit if neurons of hidden layers are disabled, ``(outputs, examples)`` at a time."""
        keep = self._unpacked(hidden)
        if not ablations:
            return
        if not keep or not self._computed:
            yield from ((block, ablation, block.outputs) for block in self._blocks for ablation in ablations)
            return
        module = self._module(keep)
        for block in self._blocks:
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
            shared: for each layer to be computed, the sum of what known layers send, which all ablations have in
                common; None if they send nothing.
            ablation: what disabled neurons emit.
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
        """Return the neurons that a mask leaves as a smaller network with the same outputs.

        For a layer t, with K_s the neurons of layer s that are left and e_s what the others emit, the sums that enter
        neuron i are  Σ_s Σ_{j ∈ K_s} w_ij x_j + (b_i + Σ_s Σ_{j ∉ K_s} w_ij e_j),  and the bracket is its new bias.

        Args:
            keep: layer number to ``(units,)``, True for the neurons that are left; all are left of other layers.
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
        """What disabled neurons of hidden layers emit in the network that is run: layer to ``(units, ablations)``."""
        constants = [self.constants(ablation) for ablation in ABLATIONS]
        columns = {k: np.stack([of[k] for of in constants], axis=1).astype(np.float64) for k in self._hidden}
        renamed = [k for k in self._hidden if self._tanh.layers[k].activation != self.network.layers[k].activation]
        return columns | {k: 2 * columns[k] - 1 for k in renamed}

    def _known(self, block: _Block, layer: int, units: IntArray | None) -> FloatArray:
        """Return the activations of some units of the whole network, ``(some units, examples)``."""
        if layer:
            return _some(block.known[layer], units)
        inputs = self.evaluation.values(self.evaluation.inputs[block.examples])
        return np.ascontiguousarray(_some(inputs.T, units))

    def _require_mask(self, number: int, mask: Mapping[int, BoolArray]) -> None:
        for k, keep in mask.items():
            if k not in self.layers:
                raise ValueError(f"mask {number}: expected masks of layers {list(self.layers)}, found one of layer {k}")
            keep, size = np.asarray(keep), self.network.layers[k].size
            if keep.shape != (size,) or keep.dtype != bool:
                found = f"{keep.dtype} of shape {keep.shape}"
                raise ValueError(f"mask {number}, layer {k}: expected bool of shape ({size},), found {found}")


def masked_accuracy(
    network: Network,
    evaluation: Evaluation,
    masks: Sequence[Mapping[int, BoolArray]] | Sequence[Mapping[str, BoolArray]],
    ablation: str,
) -> NDArray[np.float64]:
    """Return the accuracy of a network under each mask; see `Masking.accuracy`, which this calls.

    Args:
        network: the network.
        evaluation: the examples.
        masks: each number or name of a layer to ``(units,)``, True for the neurons that are left.
        ablation: what disabled neurons emit, one of `ABLATIONS`.

    Returns:
        ``(masks, tasks)``, 0 to 1; nan for a task without labelled examples.

    Raises:
        NotApplicableError: the network cannot be run.
        ValueError: the evaluation does not fit the network, a mask does not, or there is no such ablation.
    """
    if isinstance(masks, Mapping):
        raise ValueError("masks: expected a list of masks, found one: put it in brackets")
    numbered = [{network.number(k) if isinstance(k, str) else k: keep for k, keep in mask.items()} for mask in masks]
    return Masking(network, evaluation, {k for mask in numbered for k in mask}).accuracy(numbered, ablation)


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


def _some(array: NDArray[Number], units: IntArray | None) -> NDArray[Number]:
    """Return some rows of an array, or the array itself if `units` is None."""
    return array if units is None else array.take(units, axis=0)


def _sum(arrays: Iterable[FloatArray]) -> FloatArray | None:
    """Return the sum of arrays, the first of which is overwritten; None if there are none."""
    total: FloatArray | None = None
    for array in arrays:
        if total is None:
            total = array
        else:
            total += array
    return total


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
