"""Recurrent layers: the units of their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..maps import LinearMap, Units, matrix_map, selection, weights_of_matrix
from ..table import operator
from ..values import Home, Part, Value
from ..walk import Entering, Place
from .linear import numbers


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
    del dropout, training, batch_first
    return _layers(at, value, (state,), parameters, biases, layers, both)[:2]


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
    del dropout, training, batch_first
    return _layers(at, value, states, parameters, biases, layers, both)


def _layers(
    at: Place, value: Value, states: Sequence[Any], parameters: Sequence[Any], biases: bool, layers: int, both: bool
) -> tuple[Value, Value, Value]:
    """Enter a population for each layer and direction; return the sequence that the last layer emits, and the ends."""
    directions = 2 if both else 1
    each, extra = divmod(len(parameters), layers * directions)
    if extra or each != (4 if biases else 2):
        raise ValueError(at.unfit("layers without a projection of their state", "an LSTM with proj_size"))
    below, ends = value, list[Value]()
    for layer in range(layers):
        emitted = []
        for direction in range(directions):
            number = layer * directions + direction
            enters, again = (_matrix(at, parameters, place) for place in (number * each, number * each + 1))
            name = f"{at.module}.l{layer}{'_reverse' if direction else ''}"
            begins = [s.reshaped(s.index.select(0, number)) for s in states if isinstance(s, Value) and s.parts]
            emitted.append(_population(at, name, below, enters, again, begins))
        ends += emitted
        below = _beside(emitted, value.index.shape[:-1])
    last = _stacked(ends, at.output[1].shape)
    return below, last, last


def _matrix(at: Place, parameters: Sequence[Any], place: int) -> LinearMap:
    """Return the map that is one of the operator's parameters, a matrix."""
    weight = numbers(parameters[place])
    return matrix_map(weight, weights_of_matrix(at.node, (2, place), weight.shape))


def _population(
    at: Place, name: str, below: Value, enters: LinearMap, again: LinearMap, begins: Sequence[Value]
) -> Value:
    """Enter the units of one layer's state in one direction.

    Args:
        at: the operator.
        name: of the population.
        below: what the layer reads.
        enters: the map of inputs, ``(gates × units, inputs)``.
        again: the map of the state, ``(gates × units, units)``.
        begins: the state that it begins with, and the cells' of an LSTM; empty if these are constant.
    """
    rows, size = again.shape
    units = Units(np.tile(np.arange(size), rows // size), size)
    index = torch.arange(rows)
    home = Home(name, "state")
    itself = Value(index, rows, (Part(len(at.walk.found), again),), home)
    entering = [
        Entering("", at.read(below, -1).through(enters, index), units),
        Entering("", itself, units),
        # The state of another layer is read as the own state of the moment before; what its cells hold is kept.
        *(Entering("initial", at.read(s, -1).through(again, index), units) for s in begins[:1]),
        *(Entering("cell", at.read(s, -1), Units.equal(size)) for s in begins[1:]),
    ]
    activation = str(at.node.target).split(".")[1]
    entering = [e for e in entering if e.value.parts]
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
    places = np.full(size, -1)
    places[rows] = np.arange(len(rows))
    return selection(places, len(rows))
