"""A split: which units serve which task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..notes import Note, as_notes
from .graph import BoolArray, Graph, IntArray


@dataclass(frozen=True, eq=False)
class Split:
    """An assignment of the neurons of the split layers to tasks.

    A method that does not use tasks finds communities, in any number. The split keeps them: its structure is measured
    on the communities, and tasks are given to them afterwards, where possible, for masks.

    Attributes:
        method: the name of the method that made it.
        membership: layer number to ``(units, tasks)``: whether the neuron serves the task. A neuron may serve no task,
            or several. A layer that is missing here serves every task.
        notes: remarks of the method: a cluster without outputs, a dead neuron, a graph that is not connected. Texts
            become notes, see `Note.of_text`.
        communities: layer number to ``(units,)``: the number of each neuron's community, counted from 0, the largest
            first; -1 for none. None if the method gives neurons to tasks and does not find communities.

    Raises:
        ValueError: the layers do not fit each other, or a note is neither a note nor text.

    Example:
        >>> split = Split.from_labels("by hand", {2: [0, 1, -1]}, tasks=2)
        >>> split.membership[2].tolist(), split.labels(2).tolist()
        ([[True, False], [False, True], [False, False]], [0, 1, -1])
    """

    method: str
    membership: Mapping[int, BoolArray]
    notes: tuple[Note, ...] = ()
    communities: Mapping[int, IntArray] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", as_notes(self.notes))
        given, frozen = {_number(layer): members for layer, members in self.membership.items()}, {}
        for layer, members in sorted(given.items()):
            array = np.array(members, dtype=bool)
            if array.ndim != 2:
                raise ValueError(f"membership of layer {layer}: expected shape (units, tasks), found {array.shape}")
            array.setflags(write=False)
            frozen[layer] = array
        if len({array.shape[1] for array in frozen.values()}) > 1:
            raise ValueError("membership: expected the same number of tasks in every layer")
        object.__setattr__(self, "membership", frozen)
        if self.communities is not None:
            object.__setattr__(self, "communities", self._numbered(self.communities))

    def _numbered(self, communities: Mapping[int, NDArray[np.integer]]) -> dict[int, IntArray]:
        """Return communities, checked, with numbers from 0 by size; of equally large ones the first is first."""
        have = {int(k): np.asarray(numbers) for k, numbers in sorted(communities.items())}
        want = {k: (len(members),) for k, members in self.membership.items()}
        if want != (shapes := {k: numbers.shape for k, numbers in have.items()}):
            raise ValueError(f"communities: expected shapes {want} as the membership has, found {shapes}")
        everything = np.concatenate([np.zeros(0, np.int64), *have.values()])
        known, first, sizes = np.unique(everything[everything >= 0], return_index=True, return_counts=True)
        rank = np.full(len(known) + 1, -1)  # the last entry is for -1
        rank[np.lexsort((first, -sizes))] = np.arange(len(known))
        numbered = {
            k: rank[np.where(numbers < 0, -1, np.searchsorted(known, numbers))].astype(np.int64)
            for k, numbers in have.items()
        }
        for numbers in numbered.values():
            numbers.setflags(write=False)
        return numbered

    @classmethod
    def from_labels(
        cls,
        method: str,
        labels: Mapping[int, NDArray[np.integer]],
        tasks: int,
        notes: Iterable[Note | str] = (),
        communities: Mapping[int, IntArray] | None = None,
    ) -> Split:
        """Make a split in which each neuron serves one task, or none.

        Args:
            method: the name of the method.
            labels: layer number to ``(units,)``: the number of each neuron's task, -1 for none.
            tasks: how many tasks there are.
            notes: remarks of the method, notes or texts.
            communities: the communities, if the method finds communities and does not use tasks.
        """
        numbers = np.arange(tasks)
        membership = {k: np.asarray(label)[:, None] == numbers for k, label in labels.items()}
        return cls(method, membership, as_notes(notes), communities)

    @cached_property
    def groups(self) -> Mapping[int, BoolArray]:
        """The groups that measures of structure use: layer number to ``(units, groups)``, True for the members.

        They are the communities if the split has communities, and the modules of the tasks otherwise.

        Example:
            >>> split = Split.from_labels("by hand", {2: [0, -1, 1]}, tasks=2, communities={2: [1, 0, 0]})
            >>> split.groups[2].astype(int).tolist()
            [[0, 1], [1, 0], [1, 0]]
        """
        if self.communities is None:
            return self.membership
        count = 1 + max((numbers.max(initial=-1) for numbers in self.communities.values()), default=-1)
        return {k: numbers[:, None] == np.arange(count) for k, numbers in self.communities.items()}

    @property
    def is_partition(self) -> bool:
        """Whether no neuron serves more than one task."""
        return all((members.sum(axis=1) <= 1).all() for members in self.membership.values())

    def labels(self, layer: int) -> IntArray:
        """Return the task of each neuron of a layer.

        Returns:
            ``(units,)``, the number of the task, -1 for a neuron that serves none.

        Raises:
            NotApplicableError: a neuron of the split serves several tasks.
            ValueError: the layer is not of the split.
        """
        if layer not in self.membership:
            layers = ", ".join(map(str, self.membership)) or "none"
            raise ValueError(
                f"split {self.method!r}: expected the number of one of its layers ({layers}), found {layer!r}"
            )
        if not self.is_partition:
            raise NotApplicableError(f"split {self.method!r} has neurons that serve several tasks: it is no partition")
        members = self.membership[layer]
        return np.where(members.any(axis=1), members.argmax(axis=1), -1).astype(np.int64)

    def group_of(self, layer: int) -> IntArray:
        """Return the number of each neuron's group, see `groups`: ``(units,)``, -1 for none.

        Raises:
            NotApplicableError: there are no communities, and a neuron of the split serves several tasks.
        """
        return self.labels(layer) if self.communities is None else self.communities[layer]

    def group_names(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the groups: those of the tasks, or community1, community2 and so on.

        Example:
            >>> Split.from_labels("by hand", {2: [0, -1]}, tasks=1, communities={2: [0, 1]}).group_names(["a"])
            ('community1', 'community2')
        """
        if self.communities is None:
            return tuple(tasks)
        count = next(iter(self.groups.values())).shape[1] if self.groups else 0
        return tuple(f"community{number + 1}" for number in range(count))

    def module(self, task: int) -> dict[int, BoolArray]:
        """Return the neurons of one task: layer number to ``(units,)``."""
        return {layer: members[:, task] for layer, members in self.membership.items()}

    def others(self, task: int) -> dict[int, BoolArray]:
        """Return the neurons that serve any other task: layer number to ``(units,)``."""
        other = np.arange(next(iter(self.membership.values())).shape[1]) != task if self.membership else []
        return {layer: np.asarray(members[:, other].any(axis=1)) for layer, members in self.membership.items()}

    def without(self, task: int) -> dict[int, BoolArray]:
        """Return the neurons that do not serve a task: layer number to ``(units,)``."""
        return {layer: ~members[:, task] for layer, members in self.membership.items()}

    def require_for(self, graph: Graph) -> None:
        """Raise ValueError unless the split covers exactly the graph's split layers, with its units and tasks."""
        want = {k: (graph.populations[k].size, len(graph.tasks)) for k in graph.split_populations}
        have = {k: members.shape for k, members in self.membership.items()}
        if want != have:
            raise ValueError(f"split {self.method!r}: expected membership of shapes {want}, found {have}")


def _number(layer: object) -> int:
    """Return the number of a layer. A split refers to layers by number, since it has no graph to look up names in."""
    if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)):
        raise ValueError(
            f"membership: expected numbers of layers, found {layer!r}: Graph.number gives that of a layer with a name"
        )
    return int(layer)
