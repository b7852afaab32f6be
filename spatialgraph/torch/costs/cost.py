"""What networks may pay for besides their tasks: the registry of costs, and what a cost is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...registry import Registry, one_of
from .pairs import distances

Needs = Literal["positions", "activations"]


@dataclass(frozen=True, eq=False)
class Population:
    """Units of many networks, as a cost sees them.

    Attributes:
        name: of the population, such as ``"hidden3"``.
        size: how many units.
        position: ``(networks, units, dim)``, in arbitrary units of length; None unless the cost needs positions.
        activation: what the units emit, ``(networks, examples, units)``; None unless the cost needs activations, and of
            outputs.
        task: the number of the task of each unit, ``(units,)``; None unless these are outputs.
    """

    name: str
    size: int
    position: Tensor | None = None
    activation: Tensor | None = None
    task: Tensor | None = None

    @property
    def points(self) -> Tensor:
        """The positions.

        Raises:
            ValueError: there are none: the cost was not entered with ``needs=["positions"]``.
        """
        return self._needed(self.position, "positions")

    @property
    def emitted(self) -> Tensor:
        """The activations.

        Raises:
            ValueError: there are none: these are outputs, or the cost was not entered with ``needs=["activations"]``.
        """
        return self._needed(self.activation, "activations")

    def _needed(self, tensor: Tensor | None, what: Needs) -> Tensor:
        if tensor is None:
            raise ValueError(
                f"population {self.name!r}: expected {what}, found none; a cost must say that it needs them"
            )
        return tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """Connections that pay: those between two populations.

    Attributes:
        weight: ``(networks, source units, target units)``.
        source: the units that they leave.
        target: the units that they enter.
    """

    weight: Tensor
    source: Population
    target: Population

    @property
    def distance(self) -> Tensor:
        """The distance between the two units of every connection, ``(networks, source units, target units)``."""
        return distances(self.source.points, self.target.points)


@dataclass(frozen=True, eq=False)
class Paying:
    """What a cost is computed from: the layers that pay, of all networks that pay it.

    Attributes:
        layers: at least one.
        own: the parameters and the constants that the cost began with (`Start`), ``(networks, …)`` each.
        average: what a sum over connections is divided by: their number, ``"connections"``, or ``"units"``, the number
            of target units.
        strength: ``"absolute"``: the strength of a connection is |w|; ``"squared"``: w².
    """

    layers: Sequence[Layer]
    own: Mapping[str, Tensor] = field(default_factory=dict)
    average: str = "connections"
    strength: str = "absolute"

    @property
    def populations(self) -> tuple[Population, ...]:
        """The populations at either end of the layers, each once."""
        ends = [end for layer in self.layers for end in (layer.source, layer.target)]
        return tuple({end.name: end for end in ends}.values())

    def mean(self, of_layer: Callable[[Layer], Tensor]) -> Tensor:
        """Return the mean over the layers of a number of each, ``(networks,)``.

        Example:
            >>> one = Layer(torch.ones(1, 2, 3), Population("a", 2), Population("b", 3))
            >>> Paying([one, one]).mean(lambda layer: layer.weight.sum(dim=(1, 2)))
            tensor([6.])
        """
        return torch.stack([of_layer(layer) for layer in self.layers]).mean(dim=0)

    def transport(self, layer: Layer, length: Tensor) -> Tensor:
        """Return the average of strength · length over the connections of a layer, ``(networks,)``.

        Args:
            layer: the connections.
            length: of each, ``(networks, source units, target units)``.
        """
        strength = layer.weight.abs() if self.strength == "absolute" else layer.weight.square()
        sources, targets = layer.weight.shape[1:]
        return (strength * length).sum(dim=(1, 2)) / (targets * (sources if self.average == "connections" else 1))


@dataclass(frozen=True)
class Shape:
    """What is known of the paying layers of one network before it is trained.

    Attributes:
        populations: name to how many units, of all populations at either end of a layer.
        layers: the names of the source and of the target of each layer.
        tasks: the number of the task of each output, ``(outputs,)``; of the population `outputs`.
        outputs: the name of the population of outputs; ``""`` if no layer has it.
        positions: name of a population to the positions with which it begins, ``(units, dim)``; empty unless the cost
            needs positions.
    """

    populations: Mapping[str, int]
    layers: Sequence[tuple[str, str]]
    tasks: NDArray[np.int64]
    outputs: str = ""
    positions: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """What a cost has of its own for each network, by name; no name is in both.

    Attributes:
        parameters: arrays that are learned together with the weights.
        constants: arrays that stay as they are; they are made anew from the seed when training is carried on.
    """

    parameters: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)


Begin = Callable[[Shape, np.random.Generator], Start]
CostFunction = Callable[[Paying], Tensor]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Facts:
    """The properties of a cost that training and tables go by.

    Attributes:
        symbol: what its strength, the factor that it is multiplied by, is called: ``"α"``.
        default: the strength of who names none.
        reason: why that is the default, in a sentence.
        needs: what the cost is computed from besides weights.
        begin: makes what the cost has of its own, from the shape of a network and the random numbers of its seed; None
            if it has nothing.
    """

    symbol: str
    default: float
    reason: str
    needs: tuple[Needs, ...] = ()
    begin: Begin | None = None


COSTS: Registry[CostFunction, Facts] = Registry("cost", ("paying",))
"""Every cost, by name."""


def cost(
    name: str,
    *,
    symbol: str,
    default: float,
    reason: str,
    needs: Sequence[Needs] = (),
    begin: Begin | None = None,
) -> Callable[[Function], Function]:
    """Return a decorator that enters a cost, in any file.

    The function is given what many networks pay for at once (`Paying`), and returns a number for each, ``(networks,)``,
    made by operations of PyTorch that can be differentiated: the gradient follows. A number may depend on its own
    network alone.

    Args:
        name: letters, digits, ``.``, ``-`` and ``_``; also the setting that holds its strength.
        symbol: the symbol of its strength, one word.
        default: the strength of who names none, at least 0.
        reason: why, in a sentence.
        needs: ``"positions"``, ``"activations"``: what it is computed from besides weights.
        begin: makes its own parameters and constants (`Start`).

    Raises:
        ValueError: a property is not allowed, the name is taken, or the function has no docstring or another parameter.

    Example:
        >>> @cost("bias-free", symbol="ψ", default=1.0, reason="Only an example.")
        ... def bias_free(paying):
        ...     '''Pay for the mean weight.'''
        ...     return paying.mean(lambda layer: layer.weight.mean(dim=(1, 2)))
        >>> COSTS.facts("bias-free").symbol
        'ψ'
        >>> COSTS.forget("bias-free")
    """
    where = f"cost {name!r}"
    for need in needs:
        one_of(where, "each of needs", need, ("positions", "activations"))
    if not symbol or len(symbol.split()) != 1 or "=" in symbol:
        raise ValueError(f"{where}: expected a symbol of one word without '=', found {symbol!r}")
    if not 0 <= default < float("inf"):
        raise ValueError(f"{where}: expected a default of at least 0, found {default!r}")
    facts = Facts(symbol, float(default), reason, tuple(needs), begin)
    return COSTS.register(name, facts)  # type: ignore[return-value]  # leaves a function as it is
