"""What answers for a traced model: accuracies under masks, statistics of activations, single units."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..faults import NotApplicableError
from ..graph.graph import BoolArray, DoubleArray, FloatArray, IntArray
from ..network import Evaluation
from ..runners.runner import Question, Runner, SingleAblation, Statistics, require_ablation
from .examples import Score, gathered, most_frequent, right_and_loss
from .masked import MaskedProgram
from .program import Inputs, first_examples
from .sites import Edit
from .sums import ElementSums
from .weights import ConnectionWeights

if TYPE_CHECKING:
    from .captured import Captured

# How many bytes the values of a pass may take on a processor, and what share of its free memory on a GPU.
_BYTES = 2**27
_SHARE = 0.25
_MOST_EXAMPLES = 1024
_MOST_MASKS = 256


@dataclass(frozen=True, eq=False)
class _Run:
    """A masked network.

    Attributes:
        keep: population number to ``(units,)``, True for the units that stay; those with disabled units only.
        ablation: the constant that disabled units emit.
    """

    keep: Mapping[int, BoolArray]
    ablation: str


class TracedRunner(Runner):
    """A traced PyTorch model on held-out examples, on the device of the model.

    Only the operators that a mask changes are run for it, from the first masked population on, and many masks at a time
    where memory allows. A unit is disabled at every place where it is used: a channel at all pixels, a head at all
    tokens, a state at every step.

    Args:
        captured: the model.
        batches: batches of held-out examples, each ``(inputs, labels)``; or an `Evaluation`. Labels are ``(examples,
            tasks)``, the class of each example in each task and -1 where it has none; or ``(examples,)``, the number of
            the right output; or task to ``(examples,)``. They are kept in the processor's memory.
        score: what the outputs of a task are worth, in place of the accuracy: a function of ``(examples, outputs)`` and
            of the labels; more is better. Then its negative counts as the loss, and labels may be any numbers, also
            ``(examples, outputs)``; nan, or a negative class, is none.
        probes: task name to groups of inputs; in a group only the input of this task varies. For task variance.
        populations: the numbers of the populations that masks may disable units of; None for those that are split.

    Raises:
        ValueError: there is no example, labels do not fit, or there are no such populations; or the model mixes
            examples.

    Example:
        >>> from torch import nn
        >>> from spatialgraph.torch import capture
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU()).eval()
        >>> _ = nn.init.eye_(model[0].weight)
        >>> runner = capture(model, torch.eye(2)).runner([(torch.eye(2), torch.tensor([0, 1]))])
        >>> runner.full.tolist()
        [1.0]
    """

    def __init__(
        self,
        captured: Captured,
        batches: Iterable[Any] | Evaluation,
        *,
        score: Score | None = None,
        probes: Mapping[str, Iterable[Inputs]] | None = None,
        populations: Iterable[int] | None = None,
    ) -> None:
        super().__init__(captured.graph, populations)
        self.captured, self._device, self._score = captured, captured.device, score
        self._task_of, self._output_numbers = _outputs_of(captured)
        self._columns = [torch.from_numpy(np.flatnonzero(self._task_of == t)) for t in range(len(self.graph.tasks))]
        self.examples = gathered(batches, captured.heads, self._task_of, self.graph.tasks, score=score is not None)
        if probes is None and isinstance(batches, Evaluation):
            probes = {task: list(map(torch.tensor, batches.values(p))) for task, p in batches.probes.items()}
        self._probes = {task: list(groups) for task, groups in (probes or {}).items()}
        self._masked = MaskedProgram(captured, self._to_device(self.examples.some(slice(0, 4))))

    # What is asked of every runner

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the examples and of the parameters of the model."""
        known = hashlib.sha256(str(self.graph.metadata["capture"]["parameters"]).encode())
        probes = [self._probes[task] for task in sorted(self._probes)]
        for leaf in torch.utils._pytree.tree_leaves((self.examples.inputs, self.examples.labels, probes)):
            value = leaf.detach().cpu().contiguous() if isinstance(leaf, Tensor) else leaf
            known.update(
                value.view(torch.uint8).numpy().tobytes() if isinstance(value, Tensor) else repr(value).encode()
            )
        return known.hexdigest()

    @property
    def labelled(self) -> BoolArray:
        """Which places have a label in each task, ``(places, tasks)``; a place is an example, or a place of one."""
        return self.examples.labelled

    @cached_property
    def full(self) -> DoubleArray:
        """The accuracy, or the score, of the whole network in each task, ``(tasks,)``; nan without labels."""
        accuracy: DoubleArray = self._judged([_Run({}, "zero")])[0][0]
        return accuracy

    @cached_property
    def guessed(self) -> DoubleArray:
        """The accuracy of the best constant answer, ``(tasks,)``; nan without labels, and of a score of one's own."""
        if self._score is not None:
            return np.full(len(self.graph.tasks), np.nan)
        return most_frequent(self.examples.labels, self.labelled)

    def answers(self, questions: Iterable[Question]) -> dict[Question, float]:
        """Return the accuracy, or the score, of each masked network in its task; equal questions are answered once."""
        groups: dict[tuple[bytes, str], dict[Question, None]] = {}
        for question in questions:
            groups.setdefault((question.hidden, question.ablation), {})[question] = None
        runs = [_Run(self._unpacked(hidden), ablation) for hidden, ablation in groups]
        asked = list(map(list, groups.values()))
        judged = {question: self._judge() for of_run in asked for question in of_run}
        for places, numbers, outputs in self._outputs(runs):
            for number, of_run in zip(numbers, outputs, strict=True):
                for question in asked[number]:
                    columns = self._with_disabled(of_run, question)
                    judged[question].add(columns[None], self.examples.labels[question.task][places])
        return {question: float(judge.accuracy()[0]) for question, judge in judged.items()}

    def statistics(self, populations: Iterable[int] | None = None) -> Statistics:
        """Return the mean and the variance of every unit's activation over the examples labelled for each task.

        Places count alike: of a channel, its activation at every pixel. Of a head, which emits several numbers, the
        mean is over all of them, and the variance their sum.
        """
        labelled = self.labelled.reshape(self.examples.count, -1, len(self.graph.tasks)).any(axis=1)
        sums = self._sums(self._all(populations), self._whole(torch.from_numpy(labelled).double()))
        return Statistics({k: s.mean() for k, s in sums.items()}, {k: s.variance() for k, s in sums.items()})

    def deviation(self, populations: Iterable[int]) -> dict[int, DoubleArray]:
        """Return the standard deviation of every unit's activation over all examples: number to ``(units,)``."""
        sums = self._sums(self._all(populations), self._whole())
        return {k: np.sqrt(s.variance()[:, 0]) for k, s in sums.items()}

    def task_variance(self, populations: Iterable[int] | None = None) -> dict[int, DoubleArray]:
        """Return the variance of each unit's activation with the input of one task while the others are fixed.

        Raises:
            NotApplicableError: a task has no probes.
        """
        numbers = self._all(populations)
        columns: dict[int, list[DoubleArray]] = {k: [] for k in numbers}
        for task in self.graph.tasks:
            groups = self._probes.get(task, [])
            if not groups:
                raise NotApplicableError(f"task variance: expected probes of task {task!r}, found none")
            variances = [self._sums(numbers, [self._group(group)]) for group in groups]
            for k in numbers:
                columns[k].append(np.mean([of_group[k].variance()[:, 0] for of_group in variances], axis=0))
        return {k: np.stack(of_tasks, axis=1) for k, of_tasks in columns.items()}

    def _group(self, inputs: Inputs) -> tuple[Inputs, Tensor]:
        """Return a group of probes for `_sums`."""
        count = len(next(leaf for leaf in torch.utils._pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)))
        return self._to_device(inputs), torch.ones(count, 1, dtype=torch.float64)

    def single_ablation(self, ablation: str = "mean") -> SingleAblation:
        """Return what each task loses if one unit is disabled, for every unit that masks may disable."""
        require_ablation(ablation)
        whole = self._judged([_Run({}, ablation)])
        accuracy, loss = whole[0][0], whole[1][0]
        drop, increase = {}, {}
        for k, units in self._hidden.items():
            size = self.graph.populations[k].size
            runs = [_Run({k: np.arange(size) != unit}, ablation) for unit in units]
            accuracies, losses = self._judged(runs)
            drop[k], increase[k] = np.zeros((size, len(accuracy))), np.zeros((size, len(accuracy)))
            drop[k][units], increase[k][units] = accuracy - accuracies, losses - loss
        return SingleAblation(self.graph.tasks, ablation, accuracy, loss, drop, increase)

    def mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray, ablation: str
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask with values from 0 to 1, and its gradient, by automatic derivatives.

        Raises:
            NotApplicableError: answers are judged by a score of one's own, whose gradient is not known.
            ValueError: as of every runner.
        """
        require_ablation(ablation)
        self._require_loss()
        self._require_keep(keep, {k: (self.graph.populations[k].size,) for k in self.populations}, "layer")
        return self._gradient(keep, task, examples, lambda values, inputs: self._under(values, inputs, ablation))

    def maskable(self, connections: Iterable[int]) -> tuple[int, ...]:
        """Return those of some connections that have weights; shortcuts, pooling and gates have none.

        Raises:
            NotApplicableError: one is composed of the weights of several operators, or shares them with another one.
        """
        return tuple(number for number in connections if self._weights.owned(number))

    def weight_mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask of weights, and its gradient, by automatic derivatives.

        A factor multiplies all weights between two units: all taps of a kernel, the rows of all gates.

        Raises:
            NotApplicableError: a connection is composed of the weights of several operators, or shares them with
                another one; or answers are judged by a score of one's own, whose gradient is not known.
            ValueError: as of every runner.
        """
        self._require_loss()
        known = {n: c.shape for n, c in enumerate(self.graph.connections)}
        masked = self.maskable(number for number in keep if number in known)
        shapes = {n: shape for n, shape in known.items() if n not in keep or n in masked}
        self._require_keep(keep, shapes, "connection")
        return self._gradient(keep, task, examples, self._under_weights)

    def _require_loss(self) -> None:
        """Raise NotApplicableError if answers are judged by something without gradient."""
        if self._score is not None:
            raise NotApplicableError(
                f"network {self.graph.name!r}: expected accuracies, found a score without gradient"
            )

    def _gradient(
        self,
        keep: Mapping[int, FloatArray],
        task: int,
        examples: IntArray,
        outputs: Callable[[Mapping[int, Tensor], Inputs], Tensor],
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask, and its gradient.

        Args:
            keep: the values of the mask.
            task: the number of the task.
            examples: ``(some places,)``, their numbers.
            outputs: returns the outputs of all heads under the mask, ``(places, outputs)``.
        """
        self._require_labels(task, examples)
        values = {
            k: torch.tensor(of, dtype=torch.float32, device=self._device, requires_grad=True) for k, of in keep.items()
        }
        most = self.captured.program.batch or max(2, int(self._memory() // max(3 * self._masked.bytes, 1)))
        loss = 0.0
        for start in range(0, len(examples), most):
            some = examples[start : start + most]
            part = self._loss_of(task, some, lambda inputs: outputs(values, inputs)) * (len(some) / len(examples))
            if part.requires_grad:
                part.backward()
            loss += float(part.detach())
        zeros = {k: np.zeros_like(of, np.float32) for k, of in keep.items()}
        return loss, zeros | {k: v.grad.cpu().numpy() for k, v in values.items() if v.grad is not None}

    # Masked runs

    def _loss_of(self, task: int, places: IntArray, outputs: Callable[[Inputs], Tensor]) -> Tensor:
        """Return the cross-entropy of a task at some places, of the outputs for their examples."""
        each = self.examples.places
        inputs = self.examples.some(torch.from_numpy(places // each))
        filled = self.captured.program.batch or max(len(places), 2)
        inputs = self._to_device(inputs if filled == len(places) else first_examples(inputs, filled))
        rows = torch.arange(len(places)) * each + torch.from_numpy(places % each)
        found = outputs(inputs)
        found = found[rows.to(found.device)]
        labels = self.examples.labels[task][torch.from_numpy(places)].to(self._device)
        return torch.nn.functional.cross_entropy(found[:, self._columns[task].to(self._device)].float(), labels)

    def _under(self, keep: Mapping[int, Tensor], inputs: Inputs, ablation: str) -> Tensor:
        """Return the outputs of all heads under a mask of units with values from 0 to 1."""
        emitting = set(self._masked.populations)
        changed = frozenset(keep) & emitting
        edits = {k: self._mixture(k, keep[k], ablation) for k in changed}
        part = self._masked.part(changed)
        with torch.no_grad():
            starts = self._masked.start(part, inputs)
        outputs = self._masked.outputs(part, starts, inputs, edits, 1)
        for k in keep.keys() - emitting:
            shares = torch.ones(len(self._task_of), device=self._device)
            shares[self._output_numbers[k].to(self._device)] = keep[k]
            outputs = shares * outputs + (1 - shares) * self._output_constants(ablation).to(self._device)
        return outputs

    def _under_weights(self, keep: Mapping[int, Tensor], inputs: Inputs) -> Tensor:
        """Return the outputs of all heads under a mask of weights with values from 0 to 1."""
        part = self._masked.part(frozenset(), self._weights.nodes(keep))
        with torch.no_grad():
            starts = self._masked.start(part, inputs)
        return self._masked.outputs(part, starts, inputs, {}, 1, self._weights.instead(keep))

    @cached_property
    def _weights(self) -> ConnectionWeights:
        return ConnectionWeights(self.captured)

    def _mixture(self, k: int, keep: Tensor, ablation: str) -> Edit:
        """Return what mixes the emissions of a population with constants."""
        return Edit(keep[None], None if ablation == "zero" else self._constant(k, ablation)[None])

    def _judged(self, runs: Sequence[_Run]) -> tuple[DoubleArray, DoubleArray]:
        """Return the accuracy, or score, of masked networks in every task, and their loss, ``(runs, tasks)`` each."""
        tasks = range(len(self.graph.tasks))
        accuracy, loss = np.zeros((2, len(runs), len(tasks)))
        for start in range(0, len(runs), _MOST_MASKS):
            some = runs[start : start + _MOST_MASKS]
            judges = [[self._judge() for _ in tasks] for _ in some]
            for places, numbers, outputs in self._outputs(some):
                for task in tasks:
                    values, labels = outputs[..., self._columns[task]], self.examples.labels[task][places]
                    for number, of_run in zip(numbers, values, strict=True):
                        judges[number][task].add(of_run[None], labels)
            for number, of_run in enumerate(judges, start):
                accuracy[number] = [judge.accuracy()[0] for judge in of_run]
                loss[number] = [judge.loss()[0] for judge in of_run]
        return accuracy, loss

    def _judge(self) -> _Judge:
        return _Judge(self._score)

    def _outputs(self, runs: Sequence[_Run]) -> Iterator[tuple[slice, list[int], Tensor]]:
        """Yield the outputs of masked networks.

        Yields:
            the places, the numbers of some runs, and their outputs at these places, ``(runs, places, outputs)``.
        """
        groups: dict[tuple[frozenset[int], str], list[int]] = {}
        for number, run in enumerate(runs):
            groups.setdefault((frozenset(run.keep), run.ablation if run.keep else ""), []).append(number)
        for places, inputs in self._batches():
            for (changed, ablation), numbers in groups.items():
                part, most = self._masked.part(changed), self._masks_at_once(places.stop - places.start)
                with torch.no_grad():
                    starts = self._masked.start(part, inputs)
                    for some in (numbers[first : first + most] for first in range(0, len(numbers), most)):
                        keeps = {k: [runs[number].keep[k] for number in some] for k in changed}
                        edits = {k: self._edit(k, keep, ablation) for k, keep in keeps.items()}
                        outputs = self._masked.outputs(part, starts, inputs, edits, len(some))
                        of_runs = outputs.unflatten(0, (len(some), -1))[:, : places.stop - places.start]
                        yield places, some, of_runs.cpu()

    def _edit(self, k: int, keep: Sequence[BoolArray], ablation: str) -> Edit:
        """Return what replaces the emissions of a population under some masks."""
        constant = None if ablation == "zero" else self._constant(k, ablation)
        if constant is not None:
            constant = constant.expand(len(keep), *constant.shape)
        return Edit(torch.from_numpy(np.stack(keep)).to(self._device), constant)

    def _unpacked(self, hidden: bytes) -> dict[int, BoolArray]:
        """Return the part of a packed mask that disables units: number to ``(units,)``."""
        result, start = {}, 0
        for k, units in self._hidden.items():
            keep = np.frombuffer(hidden, bool, len(units), start)
            start += len(units)
            if not keep.all():
                result[k] = np.ones(self.graph.populations[k].size, bool)
                result[k][units] = keep
        return result

    def _with_disabled(self, outputs: Tensor, question: Question) -> Tensor:
        """Return the outputs of a question's task, ``(places, outputs)``, constant where they are disabled."""
        columns = self._columns[question.task]
        keep, start = torch.ones(len(self._task_of), dtype=torch.bool), 0
        for k, units in self._outputs_of[question.task].items():
            of_population = torch.from_numpy(np.frombuffer(question.outputs, bool, len(units), start).copy())
            keep[self._output_numbers[k][units]] = of_population
            start += len(units)
        if keep.all():
            return outputs[:, columns]
        return torch.where(keep, outputs, self._output_constants(question.ablation))[:, columns]

    # Constants and statistics

    def _constant(self, k: int, ablation: str) -> Tensor:
        """Return what a disabled unit emits, at the places of one example; of a state, at each step."""
        if ablation == "incoming":
            return self._masked.without_inputs[0][k]
        if ablation == "zero":
            return torch.zeros((), device=self._device)
        return self._masked.elements(k, self._means[k])

    def _output_constants(self, ablation: str) -> Tensor:
        """Return what disabled outputs are, ``(outputs,)``."""
        if ablation == "zero":
            return torch.zeros(len(self._task_of))
        return self._masked.without_inputs[1] if ablation == "incoming" else self._mean_outputs

    @cached_property
    def _means(self) -> dict[int, Tensor]:
        """The mean of every element of the populations that masks may disable, over all examples and places."""
        known = set(self._masked.populations)
        sums = self._sums([k for k in self.populations if k in known], self._whole())
        return {k: of.element_means().float().to(self._device) for k, of in sums.items()}

    @cached_property
    def _mean_outputs(self) -> Tensor:
        """The mean of every output over all places, ``(outputs,)``."""
        total = torch.zeros(len(self._task_of), dtype=torch.float64)
        for _, _, outputs in self._outputs([_Run({}, "mean")]):
            total += outputs[0].double().sum(dim=0)
        return (total / len(self.labelled)).float()

    def _sums(self, populations: Iterable[int], batches: Iterable[tuple[Inputs, Tensor]]) -> dict[int, ElementSums]:
        """Return sums of what the units of some populations emit.

        Args:
            populations: their numbers.
            batches: inputs on the device, and ``(examples, columns)``: how much each example counts in each column; of
                examples that only fill a batch, nothing.
        """
        found = self.captured.found
        sums = {k: ElementSums(found[k].size, found[k].width) for k in populations}
        with torch.no_grad():
            for inputs, weights in batches:
                for k, emitted, element in self._masked.emissions(inputs, sums):
                    sums[k].add(emitted[: len(weights)], element, weights)
        return sums

    def _whole(self, weights: Tensor | None = None) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield all examples for `_sums`; they count alike, unless weights ``(examples, columns)`` are given."""
        each = self.examples.places
        for places, inputs in self._batches():
            of_examples = slice(places.start // each, places.stop // each)
            count = of_examples.stop - of_examples.start
            yield inputs, torch.ones(count, 1, dtype=torch.float64) if weights is None else weights[of_examples]

    def _all(self, populations: Iterable[int] | None) -> list[int]:
        """Return the numbers of populations; of all whose units emit something if None.

        Raises:
            NotApplicableError: one is of outputs, which are read off the program and not emitted in it.
        """
        known = self._masked.populations
        chosen = sorted(known if populations is None else set(populations))
        if outputs := [self.graph.populations[k].name for k in chosen if k not in known]:
            raise NotApplicableError(f"activations: expected populations that are no outputs, found {outputs[0]!r}")
        return chosen

    # Examples and memory

    def _batches(self) -> Iterator[tuple[slice, Inputs]]:
        """Yield the places of a batch of examples, and its inputs on the device; a small batch may be filled up."""
        fixed, each = self.captured.program.batch, self.examples.places
        size = fixed or int(max(2, min(_MOST_EXAMPLES, self._memory() // max(self._masked.bytes, 1))))
        for start in range(0, self.examples.count, size):
            count = min(size, self.examples.count - start)
            inputs = self.examples.some(slice(start, start + count))
            # Programs are traced for any number of examples but 1.
            filled = fixed or max(count, 2)
            inputs = inputs if count == filled else first_examples(inputs, filled)
            yield slice(start * each, (start + count) * each), self._to_device(inputs)

    def _to_device(self, inputs: Inputs) -> Inputs:
        """Return inputs on the model's device."""

        def moved(leaf: Any) -> Any:
            return leaf.to(self._device) if isinstance(leaf, Tensor) else leaf

        result: Inputs = torch.utils._pytree.tree_map(moved, inputs)
        return result

    def _masks_at_once(self, places: int) -> int:
        """Return how many masks are run at a time."""
        if self.captured.program.batch is not None:
            return 1
        taken = self._masked.bytes * places / self.examples.places
        return int(max(1, min(_MOST_MASKS, self._memory() // max(taken, 1))))

    def _memory(self) -> float:
        """Return how many bytes a pass may take."""
        return _SHARE * torch.cuda.mem_get_info(self._device)[0] if self._device.type == "cuda" else _BYTES


def _outputs_of(captured: Captured) -> tuple[IntArray, dict[int, Tensor]]:
    """Return the task of each output, ``(outputs,)``; and population number to the numbers of its units as outputs."""
    task_of, numbers = np.full(captured.heads[-1].numbers.stop, -1), {}
    for head, k in zip(captured.heads, captured.outputs, strict=True):
        task_of[list(head.numbers)] = captured.graph.task_of[k]
        numbers[k] = torch.tensor(list(head.numbers))
    return task_of, numbers


class _Judge:
    """Judges the answers to one task, batch by batch.

    Args:
        score: the score of the user's own; None for accuracy and cross-entropy.
    """

    def __init__(self, score: Score | None) -> None:
        self._score = score
        self._right = self._loss = torch.zeros(1, dtype=torch.float64)
        self._count = 0
        self._kept: list[tuple[Any, Any]] = []

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Add the outputs of the task, ``(1, places, outputs)``, and the labels of these places."""
        if self._score is not None:
            self._kept.append((outputs[0].float().numpy(), labels.numpy()))
            return
        right, loss = right_and_loss(outputs, labels)
        self._right, self._loss = self._right + right, self._loss + loss
        self._count += int((labels >= 0).sum())

    def accuracy(self) -> DoubleArray:
        """Return the share of right answers, or the score, ``(1,)``; nan without labels."""
        if self._score is not None:
            return np.array([self._scored])
        return (self._right / self._count).numpy() if self._count else np.array([np.nan])

    def loss(self) -> DoubleArray:
        """Return the mean cross-entropy in nats, or the negative score, ``(1,)``; nan without labels."""
        if self._score is not None:
            return np.array([-self._scored])
        return (self._loss / self._count).numpy() if self._count else np.array([np.nan])

    @cached_property
    def _scored(self) -> float:
        outputs, labels = (np.concatenate(arrays) for arrays in zip(*self._kept, strict=True))
        known = ~np.isnan(labels) if np.issubdtype(labels.dtype, np.floating) else labels >= 0
        known = known if known.ndim == 1 else known.reshape(len(known), -1).all(axis=1)
        return float(self._score(outputs[known], labels[known])) if known.any() and self._score else float("nan")
