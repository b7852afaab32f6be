"""Networks that can be run: their accuracy with some units disabled, and the activations of their units.

Splits, measures and null models see graphs only. Everything that needs the network itself goes through a `Runner`:
accuracies under masks, statistics of activations, the effect of disabling each unit alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import BoolArray, DoubleArray, FloatArray, Graph, IntArray
from ..graph.split import Split

ABLATIONS = ("zero", "incoming", "mean")
"""The constant that a disabled unit emits. The conclusion can depend on the choice, so compare all three.

- ``zero``: 0.
- ``incoming``: its activation function applied to its bias, as if all its incoming connections were 0
  ("Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, as in its published code).
- ``mean``: the mean of its activation over the evaluation set.
"""

LEARNED = 0.1
"""A task counts as learned if the accuracy of the whole network is at least this far from guessing (0) to perfect (1).
Otherwise there is so little accuracy to lose that a small loss says nothing about modules. The limit is an accuracy of
0.19 with ten equally frequent classes and 0.55 with two, whatever the number of examples."""

# Smaller communities, as a share of the hidden units that masks may disable, are not disabled: each takes a run of the
# network, methods find dozens with two units, and their effect cannot be distinguished from none.
_LEAST_COMMUNITY = 0.01

Mask = Mapping[int, BoolArray]
"""Population number to ``(units,)``, True for the units that stay. All units of other populations stay."""


def require_ablation(ablation: str) -> None:
    """Raise ValueError unless the name is one of `ABLATIONS`."""
    if ablation not in ABLATIONS:
        raise ValueError(f"ablation: expected one of {', '.join(ABLATIONS)}, found {ablation!r}")


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and variance of activations over the examples of each task.

    Attributes:
        mean: population number to ``(units, tasks)``; nan for a task without examples.
        variance: population number to ``(units, tasks)``, at least 0 and exactly 0 for a unit whose activation never
            changes; nan for a task without examples.
    """

    mean: Mapping[int, DoubleArray]
    variance: Mapping[int, DoubleArray]


@dataclass(frozen=True, eq=False)
class SingleAblation:
    """The importance of each unit to each task: the network's loss of performance if this unit alone is disabled.

    Attributes:
        tasks: the names of the tasks.
        ablation: the constant that the disabled unit emitted, one of `ABLATIONS`.
        accuracy: ``(tasks,)``, of the whole network, 0 to 1; nan for a task without labelled examples, as below.
        loss: ``(tasks,)``, of the whole network: cross-entropy in nats of the softmax over a task's outputs, averaged
            over its labelled examples; at least 0.
        accuracy_drop: population number to ``(units, tasks)``: accuracy of the whole network − accuracy without the
            unit.
        loss_increase: population number to ``(units, tasks)``: loss without the unit − loss of the whole network, in
            nats; negative if the task does better without it, and exactly 0 if disabling it changes nothing.
    """

    tasks: tuple[str, ...]
    ablation: str
    accuracy: DoubleArray
    loss: DoubleArray
    accuracy_drop: Mapping[int, DoubleArray]
    loss_increase: Mapping[int, DoubleArray]


@dataclass(frozen=True, eq=False)
class Performance:
    """The accuracies of a network and of the parts of a split, 0 to 1; nan if not measured.

    Attributes:
        tasks: the names of the tasks.
        ablation: the constant that disabled neurons emitted, one of `ABLATIONS`.
        full: ``(tasks,)``, of the whole network.
        own: ``(tasks,)``, of each task with only the neurons that serve it.
        leaked: ``(tasks,)``, of each task with only the neurons that serve *other* tasks, plus its own outputs, so that
            it can answer at all. High values mean that other tasks' neurons carry information about this task.
        kept: ``(modules, tasks)``, a module being the neurons that serve one task: of each task with only the neurons
            of one module, plus its own outputs. The diagonal is `own`, to which no outputs are added. With two tasks,
            the other entries are `leaked`.
        lesioned: ``(modules + communities, tasks)``: of each task with all neurons except those of one module, or of
            one community, and with all of its own outputs.
        communities: the names of the communities that are disabled one by one, after the modules: those of
            `Split.group_names` that are not the module of a task and not very small.
    """

    tasks: tuple[str, ...]
    ablation: str
    full: NDArray[np.float64]
    own: NDArray[np.float64]
    leaked: NDArray[np.float64]
    kept: NDArray[np.float64]
    lesioned: NDArray[np.float64]
    communities: tuple[str, ...] = ()


class Question(NamedTuple):
    """A question to a runner: how accurate is a masked network in one task?

    Attributes:
        hidden: for each population that masks may disable units of, one byte per unit that is not an output: 1 if it
            stays.
        outputs: the same for the outputs of the task, population by population.
        task: the number of the task.
        ablation: the constant that disabled units emit.
    """

    hidden: bytes
    outputs: bytes
    task: int
    ablation: str


class Runner(ABC):
    """A network that can be run on held-out examples.

    A subclass implements the abstract methods for one kind of network. This class turns masks, modules and lesions into
    questions.

    Args:
        graph: the graph of the network.
        populations: the numbers of the populations that masks may disable units of; None for those that are split.

    Raises:
        ValueError: there are no such populations.
    """

    def __init__(self, graph: Graph, populations: Iterable[int] | None = None) -> None:
        self.graph = graph
        self.populations = tuple(sorted(graph.split_populations if populations is None else set(populations)))
        last = len(graph.populations) - 1
        if unknown := set(self.populations) - set(range(last + 1)):
            raise ValueError(f"masks: expected layers from 0 to {last}, found {sorted(unknown)}")
        # The units of each population that are not outputs, and the outputs of each task.
        self._hidden = {k: np.flatnonzero(graph.task_of[k] < 0) for k in self.populations}
        self._hidden = {k: units for k, units in self._hidden.items() if len(units)}
        self._outputs_of = [
            {k: np.flatnonzero(graph.task_of[k] == task) for k in graph.output_populations}
            for task in range(len(graph.tasks))
        ]

    @property
    def digest(self) -> str:
        """What the answers depend on besides the graph, as text: results are kept as long as it is the same."""
        return ""

    @property
    @abstractmethod
    def labelled(self) -> BoolArray:
        """Which examples have a label in each task, ``(examples, tasks)``."""

    @property
    @abstractmethod
    def full(self) -> DoubleArray:
        """The accuracy of the whole network in each task, ``(tasks,)``, 0 to 1; nan without labels."""

    @property
    @abstractmethod
    def guessed(self) -> DoubleArray:
        """The accuracy of the best constant answer, ``(tasks,)``, 0 to 1; nan without labels."""

    def sample(self, examples: int, seed: int) -> Runner:
        """Return a runner whose accuracies are those on a sample of the examples.

        What disabled units emit stays that of all examples. A runner need not implement it, and returns itself then.

        Args:
            examples: how many of the examples that are labelled for a task are taken at most; of examples labelled for
                the same tasks, so many.
            seed: determines the sample.

        Returns:
            itself if there are no more examples.
        """
        return self

    @abstractmethod
    def answers(self, questions: Iterable[Question]) -> dict[Question, float]:
        """Return the accuracy of each masked network in its task, as in `full`; equal questions are answered once."""

    @abstractmethod
    def statistics(self, populations: Iterable[int] | None = None) -> Statistics:
        """Return the mean and the variance of every unit's activation over the examples labelled for each task.

        Args:
            populations: their numbers; None for all. Tasks that are labelled on the same examples get the same numbers.
        """

    @abstractmethod
    def deviation(self, populations: Iterable[int]) -> dict[int, DoubleArray]:
        """Return the standard deviation of every unit's activation over all examples: number to ``(units,)``."""

    @abstractmethod
    def task_variance(self, populations: Iterable[int] | None = None) -> dict[int, DoubleArray]:
        """Return the variance of each unit's activation with the input of one task while the other inputs are fixed.

        Returns:
            population number to ``(units, tasks)``, at least 0.

        Raises:
            NotApplicableError: there are no examples that vary one task's input alone.
        """

    @abstractmethod
    def single_ablation(self, ablation: str = "mean") -> SingleAblation:
        """Return what each task loses if one unit is disabled, for every unit of `populations` that is not an output.

        Raises:
            ValueError: there is no such ablation.
        """

    def mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray, ablation: str
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask of units with values from 0 to 1, and its gradient.

        Every unit of the populations in the mask emits  k·x + (1 − k)·e,  x its activation, k its value in the mask and
        e the ablation's constant: the unit is whole at 1 and disabled at 0, as in `accuracy`. Units of other
        populations are whole. The loss is the cross-entropy in nats of the softmax over the task's outputs, averaged
        over the examples. Masks are learned by it, one for each task.

        A runner need not implement it, and none does by default.

        Args:
            keep: population number to ``(units,)``, the values k; some of `populations`, outputs included.
            task: the number of the task.
            examples: ``(some examples,)``, their numbers; at least one, each labelled for the task. One that stands
                there twice counts twice.
            ablation: the constant that disabled units emit, one of `ABLATIONS`.

        Returns:
            the loss, at least 0; and its derivatives with respect to each k, as `keep`: 0 for a unit that the task's
            outputs do not depend on.

        Raises:
            NotApplicableError: this runner does not compute gradients.
            ValueError: there is no such ablation, the mask does not fit, or an example is not labelled for the task.
        """
        raise NotApplicableError(self._no_gradients)

    def maskable(self, connections: Iterable[int]) -> tuple[int, ...]:
        """Return those of some connections whose weights masks can multiply, see `weight_mask_gradient`.

        The others have no weights: what their sources emit reaches their targets as it is.

        Args:
            connections: their numbers in ``graph.connections``.

        Raises:
            NotApplicableError: the weights of one cannot be told apart from others.
        """
        return tuple(connections)

    def weight_mask_gradient(
        self, keep: Mapping[int, FloatArray], task: int, examples: IntArray
    ) -> tuple[float, dict[int, FloatArray]]:
        """Return the loss of a task under a mask of weights with values from 0 to 1, and its gradient.

        As `mask_gradient`, but of connections: each weight is multiplied by its value in the mask. Biases stay, and so
        do the connections that are not in the mask.

        Args:
            keep: number of a connection that is `maskable` to ``(target units, source units)``, the factors; where the
                map between two units is a block, one factor multiplies all of it.
            task: as in `mask_gradient`.
            examples: as in `mask_gradient`.

        Returns:
            the loss, and its derivatives with respect to each factor, as `keep`.

        Raises:
            NotApplicableError: this runner does not compute gradients, or the weights of a connection cannot be told
                apart from others.
            ValueError: the mask does not fit, or an example is not labelled for the task.
        """
        raise NotApplicableError(self._no_gradients)

    @property
    def _no_gradients(self) -> str:
        """The message of a runner that does not compute gradients."""
        found = type(self).__name__
        return f"network {self.graph.name!r}: expected a runner that computes gradients of masks, found {found}"

    def accuracy(self, masks: Sequence[Mask], ablation: str) -> DoubleArray:
        """Return the accuracy under each mask.

        Args:
            masks: the masks. A disabled output emits its constant as every disabled unit does.
            ablation: the constant that disabled units emit, one of `ABLATIONS`.

        Returns:
            ``(masks, tasks)``, 0 to 1; nan for a task without labelled examples.

        Raises:
            ValueError: there is no such ablation, or a mask does not fit.
        """
        require_ablation(ablation)
        tasks = range(len(self.graph.tasks))
        questions = []
        for number, mask in enumerate(masks):
            self._require_mask(number, mask)
            hidden = self._packed(mask)
            questions += [self._question(hidden, mask, task, ablation) for task in tasks]
        answers = self.answers(questions)
        values = np.array([answers[question] for question in questions], np.float64)
        return values.reshape(len(masks), len(tasks))

    def performance(self, split: Split, ablation: str) -> Performance:
        """Return the accuracies of the parts of a split; for several splits or ablations, `performances` is faster.

        Args:
            split: the tasks that each unit serves. A population that is not split stays whole.
            ablation: the constant that disabled units emit, one of `ABLATIONS`.

        Raises:
            ValueError: there is no such ablation, or the split is not of this network.
        """
        return self.performances([split], [ablation])[0][0]

    def performances(self, splits: Iterable[Split], ablations: Sequence[str]) -> list[list[Performance]]:
        """Return the accuracies of the parts of many splits; equal parts are computed once.

        Args:
            splits: the tasks that each unit serves. A population that is not split stays whole.
            ablations: the constants that disabled units emit, each one of `ABLATIONS`.

        Returns:
            a list for each split, with one `Performance` for each ablation.

        Raises:
            ValueError: there is no such ablation, or a split is not of this network or of populations that are not
                masked.
        """
        for ablation in ablations:
            require_ablation(ablation)
        asked, names = [], []
        for number, split in enumerate(splits):
            split.require_for(self.graph)
            self._require_mask(number, split.module(0))
            lesions = self._community_lesions(split)
            names.append(tuple(lesions))
            asked.append([self._questions(split, lesions.values(), ablation) for ablation in ablations])
        questions = (question for tables in asked for table in tables for row in table for question in row)
        answers = self.answers(questions)
        return [
            [
                self._performance(np.array([[answers[q] for q in row] for row in table]), communities, ablation)
                for table, ablation in zip(tables, ablations, strict=True)
            ]
            for tables, communities in zip(asked, names, strict=True)
        ]

    def _community_lesions(self, split: Split) -> dict[str, bytes]:
        """Return the communities to be disabled: name to the packed mask of the hidden units that stay."""
        if split.communities is None:
            return {}
        tasks = range(len(self.graph.tasks))
        modules = {self._packed(split.without(task)) for task in tasks}
        least = max(1, _LEAST_COMMUNITY * sum(map(len, self._hidden.values())))
        lesions = {}
        for number, name in enumerate(split.group_names(self.graph.tasks)):
            members = {k: groups[:, number] for k, groups in split.groups.items()}
            size = sum(np.count_nonzero(members[k][units]) for k, units in self._hidden.items() if k in members)
            left = self._packed({k: ~of_population for k, of_population in members.items()})
            if size >= least and left not in modules:
                lesions[name] = left
        return lesions

    def _questions(self, split: Split, lesions: Iterable[bytes], ablation: str) -> list[list[Question]]:
        """Return the questions about a split, a column for each task.

        Args:
            split: the split.
            lesions: for each community to be disabled, the packed mask of the hidden units that stay.
            ablation: the constant that disabled units emit.

        Returns:
            ``(modules + 1 + modules + communities, tasks)``: the rows of `Performance.kept`, of `leaked` and of
            `lesioned`.
        """
        tasks = range(len(self.graph.tasks))
        table = []
        for module in tasks:
            mask = split.module(module)
            hidden = self._packed(mask)
            # The outputs of another task are all added; of the module's own task, the module's outputs count.
            table.append([self._question(hidden, mask if task == module else {}, task, ablation) for task in tasks])
        others = [self._packed(split.others(task)) for task in tasks]
        table.append([self._question(hidden, {}, task, ablation) for task, hidden in enumerate(others)])
        rest = [*(self._packed(split.without(module)) for module in tasks), *lesions]
        return table + [[self._question(hidden, {}, task, ablation) for task in tasks] for hidden in rest]

    def _performance(self, values: DoubleArray, communities: tuple[str, ...], ablation: str) -> Performance:
        """Return the performance that follows from the answers to `_questions`."""
        tasks = len(self.graph.tasks)
        kept, leaked, lesioned = values[:tasks], values[tasks], values[tasks + 1 :]
        own = kept.diagonal().copy()
        return Performance(self.graph.tasks, ablation, self.full, own, leaked, kept, lesioned, communities)

    def _packed(self, mask: Mask) -> bytes:
        """Return `Question.hidden` of a mask: its bytes for the units that are not outputs."""
        parts = (mask[k][units].tobytes() if k in mask else b"\1" * len(units) for k, units in self._hidden.items())
        return b"".join(parts)

    def _question(self, hidden: bytes, mask: Mask, task: int, ablation: str) -> Question:
        """Return the question about a task, with the mask's bytes for the outputs of the task."""
        outputs = self._outputs_of[task].items()
        keep = (mask[k][units].tobytes() if k in mask else b"\1" * len(units) for k, units in outputs)
        return Question(hidden, b"".join(keep), task, ablation)

    def _require_keep(self, keep: Mapping[int, FloatArray], shapes: Mapping[int, tuple[int, ...]], of: str) -> None:
        """Raise ValueError unless the values of a mask are from 0 to 1 and have the shapes of what can be masked.

        Args:
            keep: the mask.
            shapes: the shape of each part that can be masked.
            of: the word for a part.
        """
        for k, values in keep.items():
            if k not in shapes:
                raise ValueError(f"mask: expected numbers of {of}s from {list(shapes)}, found {k}")
            if values.shape != shapes[k]:
                raise ValueError(f"mask of {of} {k}: expected shape {shapes[k]}, found {values.shape}")
            if not ((values >= 0) & (values <= 1)).all():
                found = f"{values.min():g} to {values.max():g}"
                raise ValueError(f"mask of {of} {k}: expected numbers from 0 to 1, found {found}")

    def _require_labels(self, task: int, examples: IntArray) -> None:
        """Raise ValueError unless there are examples, and all of them are labelled for a task."""
        if not len(examples) or not self.labelled[examples, task].all():
            found = f"{np.count_nonzero(~self.labelled[examples, task])} without" if len(examples) else "none"
            raise ValueError(f"examples of task {self.graph.tasks[task]!r}: expected some, all labelled, found {found}")

    def _require_mask(self, number: int, mask: Mask) -> None:
        for k, keep in mask.items():
            if k not in self.populations:
                known = list(self.populations)
                raise ValueError(f"mask {number}: expected masks of layers {known}, found one of layer {k}")
            keep, size = np.asarray(keep), self.graph.populations[k].size
            if keep.shape != (size,) or keep.dtype != bool:
                type_and_shape = f"{keep.dtype} of shape {keep.shape}"
                raise ValueError(f"mask {number}, layer {k}: expected bool of shape ({size},), found {type_and_shape}")
