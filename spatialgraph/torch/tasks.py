"""Which outputs of a model belong to which task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import plain_value
from ..faults import shown
from ..graph.graph import IntArray
from .values import NOTHING, Value

Tasks = Mapping[str, Any] | Sequence[str] | None
"""Which outputs are whose: a name for each head of a model with several; or name to a slice of the outputs, to a list
of their numbers, or to the name of a head. None for a task for each head."""


@dataclass(frozen=True, eq=False)
class Head:
    """A tensor of outputs that a model returns.

    Attributes:
        place: which of the tensors that the model returns it is.
        name: its name in the dict that the model returns, ``""`` if there is none.
        rows: ``(outputs,)``, the feature that each output is.
        axis: the dimension that the outputs lie along; None if every number of an example is an output.
        start: the number of its first output among those of all heads.
    """

    place: int
    name: str
    rows: IntArray
    axis: int | None
    start: int

    @property
    def numbers(self) -> range:
        """The numbers of its outputs among those of all heads."""
        return range(self.start, self.start + len(self.rows))

    def columns(self, output: Tensor) -> Tensor:
        """Return the outputs, ``(examples, outputs)``; the places of a sequence or an image are examples."""
        return output.flatten(1) if self.axis is None else output.movedim(self.axis, -1).flatten(0, -2)


def heads_of(outputs: Sequence[Any], names: Sequence[str]) -> list[Head]:
    """Return the heads of a model: the tensors that it returns that depend on its units.

    Raises:
        ValueError: there are none, or one has other features at other places.
    """
    heads: list[Head] = []
    for place, (value, name) in enumerate(zip(outputs, names, strict=True)):
        if isinstance(value, Value) and value.parts:
            start = heads[-1].numbers.stop if heads else 0
            heads.append(Head(place, "" if name.isdigit() else name, *_rows(value, place), start))
    if not heads:
        raise ValueError("model: expected an output that depends on its inputs, found none")
    return heads


def _rows(value: Value, place: int) -> tuple[IntArray, int | None]:
    """Return the feature of each output, and the dimension that they lie along."""
    index = value.index[0]
    if (index >= 0).all() and index.unique().numel() == index.numel():
        return index.flatten().numpy(), None
    for axis in range(index.ndim):
        rows = index.movedim(axis, 0).flatten(1)
        if (rows == rows[:, :1]).all() and (rows >= 0).all() and rows[:, 0].unique().numel() == len(rows):
            return rows[:, 0].numpy(), axis + 1
    raise ValueError(
        f"output {place} of the model: expected one dimension of outputs, the same at every place, "
        f"found shape {tuple(index.shape)} with other units at other places"
    )


def tasks_of(tasks: Tasks, heads: Sequence[Head]) -> tuple[list[str], IntArray]:
    """Return the names of the tasks, and the task of each output of all heads, -1 for those of none.

    Raises:
        ValueError: an output belongs to two tasks, a task has none, or a name or a number is unknown.
    """
    count = heads[-1].numbers.stop
    if tasks is None:
        tasks = [head.name or f"task{k + 1}" for k, head in enumerate(heads)] if len(heads) > 1 else ["task"]
    if not isinstance(tasks, Mapping):
        names = [tasks] if isinstance(tasks, str) else list(tasks)
        if len(names) != len(heads):
            raise ValueError(
                f"tasks: expected a name for each of the model's {len(heads)} heads, found {len(names)}; name to a "
                f"slice of its {count} outputs divides them"
            )
        tasks = {name: list(head.numbers) for name, head in zip(names, heads, strict=True)}
    if not tasks:
        raise ValueError("tasks: expected at least one, found none")
    task_of = np.full(count, NOTHING)
    for number, (name, chosen) in enumerate(tasks.items()):
        outputs = _outputs(name, chosen, heads, count)
        if len(twice := [k for k in outputs if task_of[k] >= 0]):
            other = list(tasks)[task_of[twice[0]]]
            raise ValueError(
                f"tasks: expected each output in one task, found output {twice[0]} in {other!r} and {name!r}"
            )
        task_of[outputs] = number
    return list(tasks), task_of


def _outputs(name: str, chosen: Any, heads: Sequence[Head], count: int) -> list[int]:
    """Return the numbers of a task's outputs, each once, in ascending order."""
    if isinstance(chosen, str):
        known = {head.name: list(head.numbers) for head in heads if head.name}
        if chosen not in known:
            raise ValueError(
                f"task {name!r}: expected the name of a head, {', '.join(map(repr, known)) or 'but none has one'}, "
                f"found {chosen!r}"
            )
        return known[chosen]
    if isinstance(chosen, slice):
        numbers = list(range(count))[chosen]
        outside = chosen.stop is not None and chosen.stop > count
    elif isinstance(chosen, Iterable):
        numbers = [plain_value(k) for k in chosen]
        outside = any(type(k) is not int or not 0 <= k < count for k in numbers)
    else:
        raise ValueError(f"task {name!r}: expected a slice or a list of outputs, or a head, found {shown(chosen)}")
    if outside or not numbers:
        raise ValueError(f"task {name!r}: expected outputs from 0 to {count - 1}, found {shown(chosen)}")
    return sorted(set(numbers))


def class_labels(labels: Tensor, task_of: IntArray, tasks: int, heads: Sequence[Head]) -> Tensor:
    """Return the class of each example in each task, -1 where it has none.

    Args:
        labels: ``(examples, tasks)``, as `Evaluation` has them, or ``(examples,)``: for each example the number of the
            output that is right, in one of the tasks. Places of a sequence or an image count as examples.
        task_of: ``(outputs,)``, the task of each output.
        tasks: the number of tasks.
        heads: the heads of the model.

    Raises:
        ValueError: labels of another shape, or an output that there is not.
    """
    places = heads[0].axis is not None and labels.ndim > 1 and not (labels.ndim == 2 and labels.shape[1] == tasks > 1)
    if labels.ndim == 2 and labels.shape[1] == tasks and not places:
        return labels.long()
    if labels.ndim > 1 and not places:
        raise ValueError(
            f"labels: expected shape (examples, {tasks}), a class for each task, or (examples,), the number of the "
            f"right output, found {tuple(labels.shape)}"
        )
    right = labels.long().flatten()
    if len(right) and not -1 <= int(right.min()) <= int(right.max()) < len(task_of):
        raise ValueError(
            f"labels: expected numbers of outputs from 0 to {len(task_of) - 1}, or -1 for none, found "
            f"{int(right.min())} to {int(right.max())}"
        )
    classes = torch.full((len(right), tasks), -1)
    for task in range(tasks):
        outputs = torch.from_numpy(np.flatnonzero(task_of == task))
        rank = torch.full((len(task_of) + 1,), -1)  # the last entry is that of the label -1
        rank[outputs] = torch.arange(len(outputs))
        classes[:, task] = rank[right.cpu()]
    return classes
