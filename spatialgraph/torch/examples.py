"""Held-out examples for a traced model: its inputs, and the right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as pytree

from ..faults import shown
from ..graph.graph import BoolArray, DoubleArray
from ..network import Evaluation
from .program import Inputs
from .tasks import Head, class_labels

Score = Callable[[NDArray[Any], NDArray[Any]], float]
"""What a network's outputs are worth: takes the outputs of a task, ``(examples, outputs)``, and the labels of these
examples; more is better."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples, as one batch.

    Attributes:
        inputs: what the model is called with.
        count: the number of examples.
        labels: for each task the right answers, ``(places, …)``: of accuracy the class, -1 for none. A place is an
            example, or a place of a sequence or an image that the model has outputs for.
        labelled: ``(places, tasks)``, which count for each task.
    """

    inputs: Inputs
    count: int
    labels: tuple[Tensor, ...]
    labelled: BoolArray

    @property
    def places(self) -> int:
        """The number of places in each example."""
        return len(self.labelled) // self.count

    def some(self, which: Any) -> Inputs:
        """Return the inputs of some examples."""
        result: Inputs = pytree.tree_map(lambda leaf: leaf[which] if _has_examples(leaf) else leaf, self.inputs)
        return result


def gathered(
    batches: Iterable[Any] | Evaluation,
    heads: Sequence[Head],
    task_of: NDArray[np.int64],
    tasks: Sequence[str],
    score: bool,
) -> Examples:
    """Put batches of examples together.

    Args:
        batches: each ``(inputs, labels)``; or held-out examples as dense networks have them.
        heads: the heads of the model.
        task_of: ``(outputs,)``, the task of each output.
        tasks: the names of the tasks.
        score: whether labels are for a score of the user's own, which may be any numbers.

    Raises:
        ValueError: there is no batch, or one is no pair; or labels do not fit the examples or the tasks.
    """
    if not isinstance(batches, Iterable | Evaluation) or isinstance(batches, Tensor | Mapping | str):
        raise ValueError(f"batches: expected (inputs, labels), several times, found a {type(batches).__name__}")
    pairs = [_pair(number, batch) for number, batch in enumerate(_batches(batches))]
    if not pairs:
        raise ValueError("batches: expected at least one (inputs, labels), found none: an iterator is empty once used")
    inputs = pytree.tree_map(_joined, *(inputs for inputs, _ in pairs))
    leaves = [leaf for leaf in pytree.tree_leaves(inputs) if _has_examples(leaf)]
    if not leaves or not (count := len(leaves[0])):
        raise ValueError("batches: expected at least one example, found none")
    read = _labels_for_score if score else _classes
    parts = [read(labels, heads, task_of, tasks) for _, labels in pairs]
    labels = tuple(torch.cat([part[task] for part in parts]) for task in range(len(tasks)))
    if len(labels[0]) % count:
        raise ValueError(f"batches: expected labels for {count} examples, found {len(labels[0])}")
    return Examples(inputs, count, labels, np.stack([_counts(of_task) for of_task in labels], axis=1))


def _batches(batches: Iterable[Any] | Evaluation) -> Iterable[Any]:
    if isinstance(batches, Evaluation):
        return [(torch.tensor(batches.values(batches.inputs)), torch.tensor(batches.labels))]
    return batches


def _pair(number: int, batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        found = f"{len(batch)} values" if isinstance(batch, tuple | list) else f"a {type(batch).__name__}"
        raise ValueError(f"batch {number}: expected (inputs, labels), found {found}")
    inputs, labels = batch
    return (tuple(inputs) if isinstance(inputs, list) else inputs), labels


def _joined(*leaves: Any) -> Any:
    """Return the leaves of batches as one: tensors one after the other, what has no examples once."""
    if not _has_examples(leaves[0]):
        return leaves[0]
    return torch.cat([leaf.detach().cpu() for leaf in leaves])


def _has_examples(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.ndim > 0


def _classes(labels: Any, heads: Sequence[Head], task_of: NDArray[np.int64], tasks: Sequence[str]) -> list[Tensor]:
    """Return the class of each place in each task."""
    if isinstance(labels, Mapping):
        given = _of_tasks(labels, tasks)
        table = torch.stack([torch.as_tensor(of_task).long().flatten().cpu() for of_task in given], dim=1)
    else:
        table = class_labels(_tensor(labels, tasks), task_of, len(tasks), heads).cpu()
    for task, name in enumerate(tasks):
        outputs = int((task_of == task).sum())
        if len(table) and not -1 <= int(table[:, task].min()) <= int(table[:, task].max()) < outputs:
            found = f"{int(table[:, task].min())} to {int(table[:, task].max())}"
            raise ValueError(f"labels of task {name!r}: expected classes from 0 to {outputs - 1}, or -1, found {found}")
    return list(table.T)


def _tensor(labels: Any, tasks: Sequence[str]) -> Tensor:
    """Return labels that are given together as one tensor."""
    try:
        return torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        found = f"{len(labels)} values in a {type(labels).__name__}" if hasattr(labels, "__len__") else shown(labels)
        names = ", ".join(f"{name!r}: …" for name in tasks)
        raise ValueError(
            f"labels: expected one tensor, (examples, {len(tasks)}) with a class for each task or (examples,) with the "
            f"number of the right output, or a dict {{{names}}} of (examples,) each, found {found}"
        ) from None


def _labels_for_score(
    labels: Any, heads: Sequence[Head], task_of: NDArray[np.int64], tasks: Sequence[str]
) -> list[Tensor]:
    """Return the labels of each task for a score of the user's own: a column, or one for each output."""
    if isinstance(labels, Mapping):
        return [torch.as_tensor(of_task).cpu() for of_task in _of_tasks(labels, tasks)]
    table = _tensor(labels, tasks).cpu()
    table = table[:, None] if table.ndim == 1 else table
    if table.shape[1] == len(tasks):
        return list(table.T)
    if table.shape[1] == len(task_of):
        return [table[:, torch.from_numpy(task_of == task)] for task in range(len(tasks))]
    raise ValueError(
        f"labels: expected shape (examples, {len(tasks)}), one for each task, or (examples, {len(task_of)}), one for "
        f"each output, found {tuple(table.shape)}"
    )


def _of_tasks(labels: Mapping[Any, Any], tasks: Sequence[str]) -> list[Any]:
    if set(labels) != set(tasks):
        raise ValueError(
            f"labels: expected those of the tasks {', '.join(tasks)}, found {shown(', '.join(map(str, labels)))}"
        )
    return [labels[name] for name in tasks]


def _counts(labels: Tensor) -> BoolArray:
    """Return which places count for a task: those with a class that is not -1, or with a number."""
    known = ~torch.isnan(labels) if labels.dtype.is_floating_point else labels >= 0
    result: BoolArray = (known if known.ndim == 1 else known.flatten(1).all(dim=1)).numpy()
    return result


def right_and_loss(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many answers are right under each mask, and the sum of their losses.

    Args:
        outputs: ``(masks, places, outputs)``, of one task.
        labels: ``(places,)``, the right class of each, -1 for places that do not count.

    Returns:
        ``(masks,)`` each; the loss is the cross-entropy of the softmax in nats.
    """
    counted = labels >= 0
    outputs, labels = outputs[:, counted], labels[counted]
    right = (outputs.argmax(dim=-1) == labels).sum(dim=1)
    flat = torch.nn.functional.cross_entropy(
        outputs.double().flatten(0, 1), labels.repeat(len(outputs)), reduction="none"
    )
    return right, flat.reshape(len(outputs), -1).sum(dim=1)


def most_frequent(labels: Sequence[Tensor], labelled: BoolArray) -> DoubleArray:
    """Return the accuracy of the best constant answer in each task; nan for a task without labels."""
    shares = []
    for of_task, known in zip(labels, labelled.T, strict=True):
        counts = np.bincount(of_task.numpy()[known]) if known.any() else np.zeros(1)
        shares.append(counts.max() / known.sum() if known.any() else np.nan)
    return np.array(shares, np.float64)
