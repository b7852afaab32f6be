"""The spatial costs for the layers of any module, as a term to add to the loss of any training loop."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import array_of, floats
from ..faults import Fault, array_faults, shown
from .costs import density_cost, transport_sum
from .layers import block_strengths
from .wiring import unwrapped, wiring

# The stream of random numbers that a seed has for positions: the same as in training, and another than
# `torch.manual_seed(seed)` begins, from which a model may have its weights.
_POSITIONS = 2


class Part(NamedTuple):
    """What one population costs: the transport of what enters it, and its density, before multiplication by α and β."""

    transport: float
    density: float


class SpatialCost(nn.Module):
    r"""Make layers of a model pay for long connections and for crowded units; learn where the units lie.

    .. math:: C = \frac{1}{L} \sum_{l} \left( \alpha \, T(l) + \beta \, V(l) \right)

    over the L penalised populations, with T the `transport_cost` of the connections that enter a population and V the
    `density_cost` of its own units (Wołczyk et al. 2019, Biologically-Inspired Spatial Neural Networks, arXiv
    1910.02776). Positions are the only parameters, `positions` returns them. The model is not changed and is no part of
    this module; its weights are read at each call.

    A unit is a neuron of a dense layer, a channel of a convolution, a head of attention, or a unit of a recurrent
    state; the strength of a connection is the norm of the block of weights between its two units. The source of a layer
    is the nearest layer before it, in the order of the model's modules, whose units fit its weights. This is a guess,
    which ``repr(cost)`` shows, and `sources` replaces where layers are not in a chain.

    Args:
        model: any module, also compiled or wrapped for data parallelism.
        layers: the names of the penalised layers in the model, or patterns such as ``"encoder.*"``; None for all that
            can pay. A recurrent module has a population for each layer and direction: ``"gru.l0"``,
            ``"gru.l0_reverse"``.
        transport: α, at least 0.
        density: β, at least 0.
        dim: coordinates of a position.
        average: ``"connections"``: T is the mean over connections (the authors' published code, which reproduces the
            paper's table); ``"units"``: the sum divided by the population's units (the paper's equation).
        strength: ``"absolute"``: the norm of a block (the paper); ``"squared"``: its square.
        seed: of the initial positions, standard Gaussian, on any device the same.
        sources: penalised layer to what it reads: a layer, ``"input"`` for the model's inputs, or several layers: side
            by side if their sizes add up to the layer's, summands if each has that size (a residual connection).
        positions: population to initial positions ``(units, dim)`` in place of drawn ones.

    Raises:
        ValueError: an argument is not allowed, there is no such layer, it cannot pay, or sizes do not fit.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
        >>> cost = SpatialCost(model, layers=["2"])
        >>> cost
        SpatialCost(transport=1.0, density=3.0, 2 ← 0)
        >>> {name: tuple(position.shape) for name, position in cost.positions.items()}
        {'0': (8, 2), '2': (2, 2)}
        >>> loss = model(torch.ones(1, 4)).square().sum() + cost()
        >>> loss.backward()
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | str | None = None,
        *,
        transport: float = 1.0,
        density: float = 3.0,
        dim: int = 2,
        average: str = "connections",
        strength: str = "absolute",
        seed: int = 0,
        sources: Mapping[str, str | Sequence[str]] | None = None,
        positions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise ValueError(str(Fault("model", "a torch.nn.Module", f"a {type(model).__name__}")))
        _check(transport=transport, density=density, dim=dim, average=average, strength=strength, seed=seed)
        self.transport, self.density = float(transport), float(density)
        self.average, self.strength = average, strength
        self._model = (unwrapped(model),)  # in a tuple: a module of its own would be registered
        self._wiring = wiring(self._model[0], layers, sources)
        weights = [entry.weight(self._model[0]) for own in self._wiring.incoming.values() for entry in own]
        device, dtype = weights[0].device, _precise(*(weight.dtype for weight in weights))
        for name, position in _initial(self._wiring.sizes, dim, seed, positions or {}).items():
            self.register_parameter(_key(name), nn.Parameter(position.to(device, dtype)))

    @property
    def positions(self) -> dict[str, Tensor]:
        """A copy of the positions of every population that has some, ``(units, dim)``, in arbitrary units of length."""
        return {name: self._position(name).detach().clone() for name in self._wiring.sizes}

    def forward(self) -> Tensor:
        """Return the cost, a scalar that is differentiable by the model's weights and the positions."""
        costs = []
        for name in self._wiring.incoming:
            # A cost that is multiplied by 0 is not computed.
            costs += [self.transport * self._transport(name)] if self.transport else []
            costs += [self.density * self._density(name)] if self.density else []
        device = next(self.parameters()).device
        total = sum((cost.to(device) for cost in costs), torch.zeros((), device=device))
        return total / len(self._wiring.incoming)

    @torch.no_grad()
    def parts(self) -> dict[str, Part]:
        """Return what each penalised population costs, for logs."""
        return {n: Part(self._transport(n).item(), self._density(n).item()) for n in self._wiring.incoming}

    def extra_repr(self) -> str:
        """Return the weights of the costs, and for each penalised population what it reads."""
        incoming = self._wiring.incoming.items()
        reads = (f"{name} ← {' + '.join(', '.join(entry.sources) for entry in own)}" for name, own in incoming)
        return ", ".join([f"transport={self.transport}", f"density={self.density}", *reads])

    def _position(self, name: str) -> Tensor:
        position: Tensor = getattr(self, _key(name))
        return position

    def _transport(self, name: str) -> Tensor:
        costs, connections = [], 0
        for entry in self._wiring.incoming[name]:
            weight = entry.weight(self._model[0])
            dtype = _precise(weight.dtype, self._position(name).dtype)
            target, *sources = (self._position(n).to(weight.device, dtype) for n in (name, *entry.sources))
            own, other = (torch.unflatten(end, 0, (len(weight), -1)) for end in (target, torch.cat(sources)))
            with _without_autocast(weight.device):
                blocks = block_strengths(weight.to(dtype), other.shape[1])
                costs.append(transport_sum(blocks, own, other, self.strength).sum())
            connections += blocks.numel()
        return sum(costs[1:], costs[0]) / (connections if self.average == "connections" else len(self._position(name)))

    def _density(self, name: str) -> Tensor:
        position = self._position(name)
        with _without_autocast(position.device):
            return density_cost(position[None].to(_precise(position.dtype)))[0]


def _without_autocast(device: torch.device) -> AbstractContextManager[object]:
    on = torch.is_autocast_enabled(device.type)
    return torch.autocast(device.type, enabled=False) if on else nullcontext()  # entering it takes a tenth of the cost


def _precise(*types: torch.dtype) -> torch.dtype:
    """Return the type that costs are computed in: half precision has too few digits for differences of positions."""
    return functools.reduce(torch.promote_types, types, torch.float32)


def _key(name: str) -> str:
    """Return a parameter's name: without dots, which PyTorch forbids, and the name of no attribute."""
    return f"positions/{name.replace('.', '/')}"


def _initial(sizes: Mapping[str, int], dim: int, seed: int, given: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the initial positions of every population, as given or drawn: what is drawn depends on no given ones."""
    draw = np.random.default_rng([seed, _POSITIONS])
    for name in given:
        if name not in sizes:
            raise ValueError(str(Fault("positions", f"populations of {', '.join(sizes)}", shown(name))))
    initial = {}
    for name, size in sizes.items():
        key, drawn = f"positions[{name!r}]", draw.standard_normal((size, dim), dtype=np.float32)
        own = array_of(key, given.get(name, drawn))
        for fault in array_faults(key, floats(key, own), (size, dim)):
            raise ValueError(str(fault))
        initial[name] = torch.tensor(own.astype(np.float64))
    return initial


def _check(**arguments: object) -> None:
    """Check arguments that are no layers.

    Raises:
        ValueError: one is not allowed.
    """
    choices = {"average": ("connections", "units"), "strength": ("absolute", "squared")}
    for name, value in arguments.items():
        if name in choices:
            right, allowed = value in choices[name], " or ".join(map(repr, choices[name]))
        elif name in ("dim", "seed"):
            least = 1 if name == "dim" else 0
            right, allowed = isinstance(value, Integral) and int(value) >= least, f"a whole number of at least {least}"
        else:
            right = isinstance(value, Real) and 0 <= float(value) < math.inf
            allowed = "a number of at least 0"
        if not right:
            raise ValueError(str(Fault(name, allowed, shown(value))))
