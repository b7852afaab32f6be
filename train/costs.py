"""The two costs of a spatial network, for many networks at once, with their gradients written out.

Both come from "Biologically-Inspired Spatial Neural Networks" (Wołczyk et al. 2019, arXiv 1910.02776). Automatic
differentiation would keep the differences of all pairs, ``(networks, units, units, dim)``, and pass over them many
times; written out, the gradients need the distances alone, and are computed while those are in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def distances(one: Tensor, other: Tensor) -> Tensor:
    """Return the Euclidean distance between every neuron of one layer and every neuron of another.

    Computed from differences: the expansion |p|² + |q|² − 2 p·q is faster and loses the distances of close neurons.

    Args:
        one: ``(networks, units, dim)``.
        other: ``(networks, other units, dim)``.

    Returns:
        ``(networks, units, other units)``, in the units of length of the positions.

    Example:
        >>> distances(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])).tolist()
        [[[5.0, 0.0]]]
    """
    square = (one[:, :, None, 0] - other[:, None, :, 0]).square_()
    for k in range(1, one.shape[-1]):
        difference = one[:, :, None, k] - other[:, None, :, k]
        square.addcmul_(difference, difference)
    return square.sqrt_()


def _pull(force: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return Σ_j force_ij (p_i − q_j): one matrix product, as p_i Σ_j force_ij − Σ_j force_ij q_j."""
    summed = torch.bmm(force, torch.cat([other, torch.ones_like(other[..., :1])], dim=-1))
    return one * summed[..., -1:] - summed[..., :-1]


def _over(numerator: Tensor, distance: Tensor) -> Tensor:
    """Return numerator / distance, and 0 where the distance is 0: coincident neurons do not pull at each other."""
    return (numerator / distance).masked_fill_(distance == 0, 0.0)


class _Transport(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, source: Tensor, target: Tensor, squared: bool) -> Tensor:
        distance = distances(source, target)
        strength = weight.square() if squared else weight.abs()
        cost: Tensor = torch.linalg.vecdot(strength.flatten(1), distance.flatten(1))
        if any(ctx.needs_input_grad):
            force = _over(strength, distance)
            slope = weight * 2 if squared else weight.sign()
            pulls = _pull(force, source, target), _pull(force.transpose(1, 2), target, source)
            ctx.save_for_backward(slope.mul_(distance), *pulls)
        return cost

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weight, source, target = (saved * outer[0][:, None, None] for saved in ctx.saved_tensors)
        return weight, source, target, None


class _Density(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor) -> Tensor:
        distance = distances(position, position)
        closeness = torch.exp(-distance)
        if ctx.needs_input_grad[0]:
            # Every pair counts twice in the sum, once from either side.
            ctx.save_for_backward(_pull(_over(closeness, distance), position, position).mul_(-2))
        total: Tensor = closeness.sum(dim=(1, 2))
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        (pull,) = ctx.saved_tensors
        scaled: Tensor = pull * outer[0][:, None, None]
        return scaled


def transport_cost(
    weight: Tensor, source: Tensor, target: Tensor, average: str = "connections", strength: str = "absolute"
) -> Tensor:
    r"""Compute the transport cost of the connections from one layer to the next.

    .. math:: T(l) = \frac{1}{N} \sum_{n_1 \to n_2 \in l} |a_{n_1 n_2}| \cdot \lVert p(n_1) - p(n_2) \rVert

    with N the number of connections (the authors' published code, the default) or the neurons of the target layer (the
    equation in the paper, arXiv 1910.02776). The gradient of a distance of 0 is taken as 0.

    Args:
        weight: ``(networks, source units, target units)``.
        source: positions, ``(networks, source units, dim)``.
        target: positions, ``(networks, target units, dim)``.
        average: ``"connections"`` or ``"units"``: what the sum is divided by.
        strength: ``"absolute"`` for |a|, or ``"squared"`` for a².

    Returns:
        ``(networks,)``, at least 0, in units of length.

    Example:
        >>> weight = torch.tensor([[[2.0, -1.0]]])
        >>> source, target = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
        >>> transport_cost(weight, source, target).item()  # (2 · 5 + 1 · 1) / 2
        5.5
    """
    size = target.shape[1] * (source.shape[1] if average == "connections" else 1)
    total: Tensor = _Transport.apply(weight, source, target, strength == "squared")
    return total / size


def density_cost(position: Tensor) -> Tensor:
    r"""Compute the density cost of a layer, which is high where neurons lie close together.

    .. math:: V(l) = \frac{1}{N_l^2} \sum_{n_1, n_2 \in l} \exp(-\lVert p(n_1) - p(n_2) \rVert)

    over all ordered pairs, each neuron with itself included (the paper, arXiv 1910.02776). The gradient of a distance
    of 0 is taken as 0.

    Args:
        position: ``(networks, units, dim)``.

    Returns:
        ``(networks,)``, greater than 0, at most 1, without unit.

    Example:
        >>> density_cost(torch.zeros(1, 4, 2)).item()
        1.0
    """
    total: Tensor = _Density.apply(position)
    return total / position.shape[1] ** 2
