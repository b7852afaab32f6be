"""Recurrent layers: the units of their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..maps import LinearMap, Units, matrix_map
from ..values import Home, Part, Value
from ..walk import Entering, Place
from .linear import numbers
from ..table import operator

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
"""How many rows of a recurrent layer's weights each unit of its state has."""


@operator("aten.rnn_tanh.input", "aten.rnn_relu.input", "aten.gru.input")
def recurrent(
    at: Place,
    value: Value,
    state: Any,
    parameters: Sequence[Any],
    biases: bool,
    layers: int,
    dropout: float,
    training: bool,
    both: bool,
    batch_first: bool,
) -> tuple[Value, Value]:
    """Read a sequence by recurrent layers; a unit of a state reads what is below and the state before."""
    del state, dropout, training, batch_first
    return _layers(at, value, parameters, biases, layers, both)[:2]


@operator("aten.lstm.input")
def lstm(
    at: Place,
    value: Value,
    states: Sequence[Any],
    parameters: Sequence[Any],
    biases: bool,
    layers: int,
    dropout: float,
    training: bool,
    both: bool,
    batch_first: bool,
) -> tuple[Value, Value, Value]:
    """Read a sequence by layers of LSTM cells."""
    del states, dropout, training, batch_first
    return _layers(at, value, parameters, biases, layers, both)


def _layers(
    at: Place, value: Value, parameters: Sequence[Any], biases: bool, layers: int, both: bool
) -> tuple[Value, Value, Value]:
    """Enter a population for each layer and direction; return the sequence that the last layer emits, and the ends."""
    directions, each = (2 if both else 1), (4 if biases else 2)
    kind = str(at.node.target).split(".")[1]
    projected = kind == "lstm" and len(parameters) % (layers * directions) == 0 and (
        len(parameters) // (layers * directions) not in (2, 4)
    )
    if projected:
        raise ValueError(at.unknown("an LSTM without a projection of its state"))
    below, ends = value, list[Value]()
    for layer in range(layers):
        emitted = []
        for direction in range(directions):
            weights = parameters[(layer * directions + direction) * each :][:2]
            name = f"{at.module}.l{layer}{'_reverse' if direction else ''}" if layers * directions > 1 else at.module
            emitted.append(_population(at, name, below, *map(numbers, weights), GATES[kind]))
        ends += emitted
        below = _beside(emitted, value.index.shape[:-1])
    last = _stacked(ends, at.output[1].shape)
    return below, last, last


def _population(at: Place, name: str, below: Value, enters: Any, again: Any, gates: int) -> Value:
    """Enter the units of one layer's state in one direction.

    Args:
        at: the operator.
        name: of the population.
        below: what the layer reads.
        enters: ``(gates × units, inputs)``.
        again: ``(gates × units, units)``.
        gates: how many rows of the weights each unit has.
    """
    size = again.shape[1]
    units = Units(np.tile(np.arange(size), gates), size)
    index = torch.arange(len(enters))
    from_below = Entering("", at.read(below, -1).through(matrix_map(enters), index), units)
    activation = str(at.node.target).split(".")[1]
    home = Home(name, "state")
    number = len(at.walk.found)
    itself = Value(index, len(again), (Part(number, matrix_map(again)),), home)
    entering = [e for e in (from_below, Entering("", itself, units)) if e.value.parts]
    return at.population(home, "state", activation, torch.arange(size), size, 1, entering)


def _beside(values: Sequence[Value], lead: torch.Size) -> Value:
    """Return the states of both directions beside each other, at every place of a sequence."""
    return _joined(values, torch.arange(sum(v.size for v in values)).expand(*lead, -1))


def _stacked(values: Sequence[Value], shape: torch.Size) -> Value:
    """Return the last states of all layers and directions, ``(layers × directions, examples, units)``."""
    return _joined(values, torch.arange(sum(v.size for v in values)).reshape(shape[0], 1, -1).expand(shape))


def _joined(values: Sequence[Value], index: Tensor) -> Value:
    size, start, parts = sum(v.size for v in values), 0, []
    for value in values:
        rows = np.arange(start, start + value.size)
        start += value.size
        parts += [Part(part.source, part.map.after(_placed(rows, size))) for part in value.parts]
    emits = values[0].emits if len(values) == 1 else None
    return Value(index, size, tuple(parts), values[0].home, emits)


def _placed(rows: Any, size: int) -> LinearMap:
    """Return the map that puts features at other numbers."""
    from ..maps import selection

    places = np.full(size, -1)
    places[rows] = np.arange(len(rows))
    return selection(places, len(rows))
