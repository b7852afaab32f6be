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
    return (numerator / distance).nan_to_num_(nan=0.0, posinf=0.0)


def transport_gradients(
    weight: Tensor, source: Tensor, target: Tensor, strength: str = "absolute"
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Compute Σ strength · distance over the connections of a layer, and its gradients.

    With d_ij the distance and s_ij the strength of a connection, the gradients are (ds/dw)_ij d_ij for the weights,
    Σ_j s_ij / d_ij (p_i − q_j) for the source's positions, and the same seen from the other side for the target's.

    Args:
        weight: ``(networks, source units, target units)``.
        source: positions, ``(networks, source units, dim)``.
        target: positions, ``(networks, target units, dim)``.
        strength: ``"absolute"`` for |a|, or ``"squared"`` for a².

    Returns:
        The sum, ``(networks,)``, and its gradients by weight, source and target, of their shapes.
    """
    distance = distances(source, target)
    size = weight.abs() if strength == "absolute" else weight.square()
    total = torch.linalg.vecdot(size.flatten(1), distance.flatten(1))
    force = _over(size, distance)
    slope = weight.sign() if strength == "absolute" else weight * 2
    pulls = _pull(force, source, target), _pull(force.transpose(1, 2), target, source)
    return total, (slope.mul_(distance), *pulls)


def density_gradients(position: Tensor) -> tuple[Tensor, Tensor]:
    """Compute Σ exp(−distance) over all ordered pairs of a layer's neurons, and its gradient.

    Args:
        position: ``(networks, units, dim)``.

    Returns:
        The sum, ``(networks,)``, and its gradient, ``(networks, units, dim)``.
    """
    distance = distances(position, position)
    closeness = torch.exp(-distance)
    # Every pair counts twice in the sum, once from either side.
    return closeness.sum(dim=(1, 2)), _pull(_over(closeness, distance), position, position).mul_(-2)


class _Transport(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, source: Tensor, target: Tensor, strength: str) -> Tensor:
        total, gradients = transport_gradients(weight, source, target, strength)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weight, source, target = (saved * outer[0][:, None, None] for saved in ctx.saved_tensors)
        return weight, source, target, None


class _Density(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor) -> Tensor:
        total, gradient = density_gradients(position)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        (gradient,) = ctx.saved_tensors
        scaled: Tensor = gradient * outer[0][:, None, None]
        return scaled


def connections_or_units(source: Tensor, target: Tensor, average: str) -> int:
    """Return what the sum of the transport cost is divided by: the connections, or the neurons of the target layer."""
    return target.shape[1] * (source.shape[1] if average == "connections" else 1)


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
    total: Tensor = _Transport.apply(weight, source, target, strength)
    return total / connections_or_units(source, target, average)


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
