"""The spatial costs for the layers of any module, as a term to add to the loss of any training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .costs import density_cost, transport_sum
from .layer_cost import LayerCost, check_choice, check_number, check_whole, precise, without_autocast
from .layers import block_strengths


class Part(NamedTuple):
    """What one population costs: the transport of what enters it, and its density, before multiplication by α and β."""

    transport: float
    density: float


class SpatialCost(LayerCost):
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
        super().__init__(model, layers, sources)
        check_number("transport", transport)
        check_number("density", density)
        check_choice("average", average, ("connections", "units"))
        check_choice("strength", strength, ("absolute", "squared"))
        check_whole("dim", dim, 1)
        check_whole("seed", seed, 0)
        self.transport, self.density = float(transport), float(density)
        self.average, self.strength = average, strength
        self._lay_out(dim, seed, positions)

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
        return ", ".join([f"transport={self.transport}", f"density={self.density}", *self._reads()])

    def _transport(self, name: str) -> Tensor:
        costs, connections = [], 0
        for entry in self._wiring.incoming[name]:
            weight = entry.weight(self._model[0])
            dtype = precise(weight.dtype, self._position(name).dtype)
            target, *sources = (self._position(n).to(weight.device, dtype) for n in (name, *entry.sources))
            own, other = (torch.unflatten(end, 0, (len(weight), -1)) for end in (target, torch.cat(sources)))
            with without_autocast(weight.device):
                blocks = block_strengths(weight.to(dtype), other.shape[1])
                costs.append(transport_sum(blocks, own, other, self.strength).sum())
            connections += blocks.numel()
        return sum(costs[1:], costs[0]) / (connections if self.average == "connections" else len(self._position(name)))

    def _density(self, name: str) -> Tensor:
        position = self._position(name)
        with without_autocast(position.device):
            return density_cost(position[None].to(precise(position.dtype)))[0]
