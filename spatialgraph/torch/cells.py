"""Recurrent layers step by step, so that units of their states can be replaced at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Change = Callable[[int, Tensor], Tensor]
"""Takes the number of a step and the state of a layer, ``(examples, units)``; returns the state to go on with."""


@dataclass(frozen=True, eq=False)
class Recurrence:
    """The arguments of a recurrent operator of ATen.

    Attributes:
        kind: ``"rnn_tanh"``, ``"rnn_relu"``, ``"gru"`` or ``"lstm"``.
        inputs: ``(steps, examples, features)``.
        starts: the states before the first step, each ``(layers × directions, examples, units)``; of an LSTM the hidden
            state and the cell.
        parameters: for each layer and direction the weights of inputs and of the state, and the two biases.
        layers: the number of layers.
        both: whether each has a second direction, from the end to the beginning.
        batch_first: whether the operator's own inputs and outputs have the examples before the steps.
    """

    kind: str
    inputs: Tensor
    starts: tuple[Tensor, ...]
    parameters: tuple[tuple[Tensor, ...], ...]
    layers: int
    both: bool
    batch_first: bool

    @classmethod
    def of(cls, kind: str, arguments: Sequence[Any]) -> Recurrence:
        """Read the arguments of an operator."""
        inputs, state, given, biases, layers, _, _, both, batch_first = arguments
        starts = (state,) if isinstance(state, Tensor) else tuple(state)
        each = 4 if biases else 2
        parameters = tuple(tuple(given[k : k + each]) for k in range(0, len(given), each))
        return cls(
            kind, inputs.transpose(0, 1) if batch_first else inputs, starts, parameters, layers, both, batch_first
        )

    @property
    def directions(self) -> int:
        """The number of directions of each layer."""
        return 2 if self.both else 1

    def run(self, changes: Sequence[Change | None]) -> tuple[Any, list[Tensor]]:
        """Run the layers with changed states.

        Args:
            changes: for each layer and direction, what replaces its state at every step; None to leave it.

        Returns:
            what the operator returns; and for each layer and direction the states, ``(steps, examples, units)``.
        """
        below, states, ends = self.inputs, list[Tensor](), list[tuple[Tensor, ...]]()
        for layer in range(self.layers):
            emitted = []
            for direction in range(self.directions):
                k = layer * self.directions + direction
                state, end = self._layer(below, k, direction == 1, changes[k])
                emitted.append(state)
                ends.append(end)
            states += emitted
            below = torch.cat(emitted, dim=-1)
        sequence = below.transpose(0, 1) if self.batch_first else below
        return (sequence, *(torch.stack(last) for last in zip(*ends, strict=True))), states

    def states(self) -> list[Tensor]:
        """Return for each layer and direction the states, ``(steps, examples, units)``."""
        return self.run([None] * len(self.parameters))[1]

    def _layer(
        self, below: Tensor, k: int, backwards: bool, change: Change | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the states of one layer in one direction, and those after its last step."""
        weights = self.parameters[k]
        bias = weights[2] if len(weights) > 2 else None
        entering = torch.nn.functional.linear(below, weights[0], bias)
        hidden, rest = self.starts[0][k], tuple(start[k] for start in self.starts[1:])
        states: list[Tensor] = []
        steps = range(len(below))
        for step in reversed(steps) if backwards else steps:
            hidden, rest = self._step(entering[step], hidden, rest, weights)
            if change is not None:
                hidden = change(step, hidden)
            states.append(hidden)
        return torch.stack(states[::-1] if backwards else states), (hidden, *rest)

    def _step(
        self, entering: Tensor, hidden: Tensor, rest: tuple[Tensor, ...], weights: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the state after one step, by the equations of PyTorch's documentation."""
        again = torch.nn.functional.linear(hidden, weights[1], weights[3] if len(weights) > 3 else None)
        if self.kind == "gru":
            (r, z, n), (rh, zh, nh) = entering.chunk(3, -1), again.chunk(3, -1)
            reset, update = torch.sigmoid(r + rh), torch.sigmoid(z + zh)
            new = torch.tanh(n + reset * nh)
            return (1 - update) * new + update * hidden, rest
        if self.kind == "lstm":
            i, f, g, o = (entering + again).chunk(4, -1)
            cell = torch.sigmoid(f) * rest[0] + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(cell), (cell,)
        total = entering + again
        return (torch.tanh(total) if self.kind == "rnn_tanh" else torch.relu(total)), rest

    def without_connections(self) -> Recurrence:
        """Return the layers with all weights 0, so that nothing but its biases reaches a unit."""
        parameters = tuple((torch.zeros_like(w), torch.zeros_like(u), *b) for w, u, *b in self.parameters)
        starts = tuple(torch.zeros_like(start) for start in self.starts)
        return Recurrence(
            self.kind, torch.zeros_like(self.inputs), starts, parameters, self.layers, self.both, self.batch_first
        )
