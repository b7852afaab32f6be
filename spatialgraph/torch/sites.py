"""Where in a program the units of populations emit, and how what they emit is replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from .cells import Change, Recurrence
from .program import Program
from .walk import Found


@dataclass(frozen=True, eq=False)
class Layout:
    """How the examples lie in a value.

    Attributes:
        axis: the dimension that they lie along.
        each: how many entries of it belong to one example; those of one example lie side by side.
    """

    axis: int
    each: int

    def apart(self, value: Tensor) -> Tensor:
        """Return a value as ``(examples, entries of each, other dimensions)``."""
        apart: Tensor = value.movedim(self.axis, 0).unflatten(0, (-1, self.each))
        return apart

    def together(self, value: Tensor) -> Tensor:
        """Return what `apart` took apart."""
        return value.flatten(0, 1).movedim(0, self.axis)


@dataclass(frozen=True, eq=False)
class Edit:
    """What replaces the emissions of one population, for several masks at once.

    Attributes:
        keep: ``(masks, units)``, 1 for units that emit what they do, 0 for those that emit a constant, and between them
            for a mixture.
        constant: ``(masks, places of one example …)``, what the others emit, or None for 0; as `Site.element`.
    """

    keep: Tensor
    constant: Tensor | None


class Site:
    """An operator whose result the units of one population emit.

    Args:
        found: the population.
        layout: how the examples lie in the result.
        device: where the program runs.
    """

    def __init__(self, found: Found, layout: Layout, device: torch.device) -> None:
        self.found = found
        self.layout = layout
        examples = found.index.shape[layout.axis] // layout.each
        index = layout.apart(found.index) if examples else found.index
        element = index[0].to(device)
        self.there = element >= 0
        self.element = element.clamp(min=0)
        self.unit = self.element // found.width

    def emitted(self, value: Tensor) -> Tensor:
        """Return what is emitted, ``(examples, *places)``, of the operator's result."""
        return self.layout.apart(value)

    def replaced(self, value: Tensor, edit: Edit) -> Tensor:
        """Return the operator's result with constants in place of what some units emit.

        Args:
            value: the result, for all examples under the first mask, then under the second, and so on.
            edit: what is replaced.
        """
        masks = len(edit.keep)
        emitted = self.emitted(value).unflatten(0, (masks, -1))
        keep = edit.keep[:, self.unit].unsqueeze(1)
        constant = 0.0 if edit.constant is None else edit.constant.unsqueeze(1)
        if keep.dtype == torch.bool:
            keep = keep | ~self.there
            result = torch.where(keep, emitted, torch.as_tensor(constant, dtype=emitted.dtype, device=emitted.device))
        else:
            keep = torch.where(self.there, keep, 1.0).to(emitted.dtype)
            result = keep * emitted + (1 - keep) * constant
        return self.layout.together(result.flatten(0, 1))


class RecurrentSite:
    """A recurrent operator, whose layers and directions are populations.

    Args:
        found: the populations, in the order of the operator's layers and directions.
        device: where the program runs.
    """

    def __init__(self, found: Sequence[Found], device: torch.device) -> None:
        self.units = [torch.arange(f.size, device=device) for f in found]

    def recurrence(self, program: Program, node: Node, values: Mapping[Node, Any]) -> Recurrence:
        """Return the recurrence, with the arguments that the operator has."""
        arguments, _ = program.arguments(node, values)
        return Recurrence.of(str(node.target).split(".")[1], arguments)

    def replaced(self, recurrence: Recurrence, edits: Mapping[int, Edit]) -> Any:
        """Return what the operator returns with constants in place of what some units emit at every step.

        Args:
            recurrence: the recurrence, for all examples under the first mask, then under the second, and so on.
            edits: the number of the layer and direction to what is replaced there.
        """
        changes = [_change(edits[k]) if k in edits else None for k in range(len(self.units))]
        return recurrence.run(changes)[0]


def _change(edit: Edit) -> Change:
    """Return the function that replaces some units of a state at every step."""

    def change(step: int, state: Tensor) -> Tensor:
        emitted = state.unflatten(0, (len(edit.keep), -1))
        keep = edit.keep.unsqueeze(1)
        constant = torch.zeros((), dtype=state.dtype, device=state.device)
        if edit.constant is not None:
            of_step = edit.constant[:, step] if edit.constant.ndim == 3 else edit.constant
            constant = of_step.unsqueeze(1).to(state.dtype)
        if keep.dtype == torch.bool:
            return torch.where(keep, emitted, constant).flatten(0, 1)
        keep = keep.to(state.dtype)
        mixed: Tensor = keep * emitted + (1 - keep) * constant
        return mixed.flatten(0, 1)

    return change
