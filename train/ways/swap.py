"""Swaps: neurons of a layer exchange places where that shortens wires."""

from __future__ import annotations

import torch
from torch import Tensor

from spatialgraph.torch.costs import distances

from .way import Way, way

TRYING = 0.25
"""The share of a layer's neurons, the strongest, that try to exchange their places."""


@way(
    "swap",
    symbol="K",
    default=200.0,
    reason="The published value (Liu et al. 2023).",
    allowed="a whole number of steps of at least 1",
    fits=lambda value: value >= 1 and value == int(value),
    positions="grid",
)
class Swap(Way):
    r"""Every K steps, let the strongest neurons of each layer exchange places where that lowers the transport cost.

    The layers with positions take turns, in ascending order. In each, a quarter of the neurons, by the sum of their
    strengths, the strongest first, look for the neuron of the layer with which an exchange of places lowers

    .. math:: \sum_l \frac{1}{N_l} \sum_{ij \in l} |w_{ij}| \, \lVert p_i - p_j \rVert

    most, and exchange places with it if any does (Liu et al. 2023, Seeing is believing: brain-inspired modular training
    for mechanistic interpretability, arXiv 2305.08746, who try the 30 strongest of layers of 100).
    """

    def between_steps(self, taken: int) -> None:
        """Exchange places in those networks whose time it is."""
        due = [k for k, every in enumerate(self.group.values) if taken % every == 0]
        if due:
            rows = torch.tensor(due, device=self.group.stack.position.device)
            for layer in self.group.stack.units:
                self._exchange(layer, rows)

    def _exchange(self, layer: int, rows: Tensor) -> None:
        """Exchange places of a layer's neurons in the networks of these numbers."""
        stack = self.group.stack
        own = stack.units[layer]
        places = stack.position[rows][:, own]  # (networks, units, dim)
        cost, strength = torch.zeros(2, device=rows.device)
        for k in self.group.experiment.penalised:
            if layer in (k - 1, k):
                weight = self._strengths(k, rows)
                weight = weight.mT if layer == k else weight  # (networks, units, neighbours)
                other = stack.units[k - 1 if layer == k else k]
                cost = cost + weight @ distances(stack.position[rows][:, other], places)
                strength = strength + weight.sum(dim=2)
        at = _placed(cost, strength)
        stack.position[rows, own] = places.gather(1, at[..., None].expand_as(places))

    def _strengths(self, layer: int, rows: Tensor) -> Tensor:
        """Return what each connection that enters a layer costs by unit of length."""
        weight = self.group.stack.weights[layer - 1][rows]
        squared = self.group.experiment.strength == "squared"
        sources, targets = weight.shape[1:]
        average = targets * (sources if self.group.experiment.transport_average == "connections" else 1)
        return (weight.square() if squared else weight.abs()) / average


def _placed(cost: Tensor, strength: Tensor) -> Tensor:
    """Return the number of the place that each neuron has after the exchanges.

    Args:
        cost: of each neuron at each place, ``(networks, units, places)``.
        strength: the sum of each neuron's strengths, ``(networks, units)``.

    Returns:
        ``(networks, units)``.

    Example:
        >>> cost = torch.tensor([[[2.0, 0.0, 9.0], [1.0, 3.0, 9.0], [9.0, 9.0, 9.0]]])
        >>> _placed(cost, torch.tensor([[5.0, 2.0, 1.0]]))  # 0 and 1 exchange places: 0 + 1 instead of 2 + 3
        tensor([[1, 0, 2]])
    """
    networks, units = strength.shape
    at = torch.arange(units, device=cost.device).expand(networks, units).clone()
    trying = max(1, round(TRYING * units))
    strongest = strength.argsort(dim=1, descending=True, stable=True)[:, :trying]
    for one in torch.split(strongest, 1, dim=1):
        row = cost.gather(1, one[..., None].expand(-1, -1, units))[:, 0]  # of one at each place
        mine = at.gather(1, one)
        there = cost.gather(2, at[..., None])[..., 0]  # of each neuron where it is
        moved = row.gather(1, at) + cost.gather(2, mine[:, None].expand(-1, units, -1))[..., 0]
        change = moved - there - there.gather(1, one)
        best = change.argmin(dim=1, keepdim=True)
        other = torch.where(change.gather(1, best) < 0, best, one)
        theirs = at.gather(1, other)
        at.scatter_(1, other, mine).scatter_(1, one, theirs)
    return at
