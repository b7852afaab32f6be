"""The two costs of a spatial network, for many networks at once, with their gradients written out.

Both come from "Biologically-Inspired Spatial Neural Networks" (Wołczyk et al. 2019, arXiv 1910.02776). Automatic
differentiation would keep the differences of all pairs of neurons, ``(networks, units, units, dim)``, and pass over
them many times. Written out, a layer needs two numbers of each pair, in memory that is used again for the next layer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Points(NamedTuple):
    """Positions of neurons, laid out for computations over all pairs.

    Attributes:
        rows: ``(networks, dim + 1, units)``: the values of one coordinate are contiguous, and a row of 1 follows them
            (homogeneous coordinates). Products of these rows with numbers of all pairs are several times as fast on a
            CPU as products with columns.
    """

    rows: Tensor

    @classmethod
    def of(cls, position: Tensor) -> Points:
        """Lay out positions ``(networks, units, dim)``."""
        return cls(torch.nn.functional.pad(position.mT, (0, 0, 0, 1), value=1.0))

    def layer(self, networks: slice, units: slice) -> Points:
        """Return some neurons of some networks."""
        return Points(self.rows[networks, :, units])


class PairMemory:
    """Memory for two numbers of each pair of neurons, lent to one layer after another.

    Args:
        pairs: how many pairs it holds.
        like: a tensor of the same type and on the same device.
    """

    def __init__(self, pairs: int, like: Tensor) -> None:
        self._pairs = pairs
        self._numbers = like.new_empty(2, pairs)

    def networks(self, pairs: int) -> int:
        """Return for how many networks with so many pairs there is memory at a time, at least 1."""
        return max(1, self._pairs // pairs)

    def lend(self, one: Points, other: Points) -> tuple[Tensor, Tensor]:
        """Return two tensors ``(networks, units, other units)``, with whatever was last in them."""
        shape = (len(one.rows), one.rows.shape[2], other.rows.shape[2])
        first, second = (numbers[: shape[0] * shape[1] * shape[2]].view(shape) for numbers in self._numbers)
        return first, second


def _distances(one: Points, other: Points, distance: Tensor, scratch: Tensor) -> None:
    """Write the Euclidean distance of every pair into `distance`.

    Computed from differences: the expansion |p|² + |q|² − 2 p·q is faster and loses the distances of close neurons.
    """
    for k in range(one.rows.shape[1] - 1):
        difference = scratch if k else distance
        torch.sub(one.rows[:, k, :, None], other.rows[:, k, None, :], out=difference)
        if k:
            distance.addcmul_(difference, difference)
        else:
            distance.square_()
    distance.sqrt_()


def divide(numerator: Tensor, distance: Tensor) -> None:
    """Divide in place, to 0 where the distance is 0: coincident neurons do not pull at each other."""
    numerator.div_(distance)
    torch.nan_to_num(numerator, nan=0.0, posinf=0.0, neginf=0.0, out=numerator)


def pull(position: Tensor, forces: Tensor) -> Tensor:
    """Return Σ_j f_ij (p_i − q_j) as p_i Σ_j f_ij − Σ_j f_ij q_j.

    Args:
        position: p, ``(networks, units, dim)``.
        forces: Σ_j f_ij q_j in homogeneous coordinates, ``(networks, dim + 1, units)``: the last is Σ_j f_ij.
    """
    return (position.mT * forces[:, -1:] - forces[:, :-1]).mT


def transport_forces(
    weight: Tensor, source: Points, target: Points, strength: str, memory: PairMemory
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the gradients of Σ strength · distance over the connections of a layer.

    With d_ij the distance and s_ij the strength of a connection, they are (ds/dw)_ij d_ij for the weights,
    Σ_j s_ij / d_ij (p_i − q_j) for the source's positions, and the same seen from the other side for the target's.

    Args:
        weight: ``(networks, source units, target units)``.
        source: positions.
        target: positions.
        strength: ``"absolute"`` for |w|, or ``"squared"`` for w².
        memory: of at least so many pairs.

    Returns:
        ds/dw and d, whose product is the gradient by the weights, in the memory that was lent; and the forces on source
        and target that `pull` makes gradients of.
    """
    distance, size = memory.lend(source, target)
    _distances(source, target, distance, size)
    if strength == "absolute":
        torch.abs(weight, out=size)
    else:
        torch.square(weight, out=size)
    divide(size, distance)
    forces = torch.bmm(target.rows, size.mT), torch.bmm(source.rows, size)
    slope = torch.sign(weight, out=size) if strength == "absolute" else torch.mul(weight, 2, out=size)
    return slope, distance, *forces


def density_forces(points: Points, memory: PairMemory) -> tuple[Tensor, Tensor]:
    """Compute Σ exp(−distance) over all ordered pairs of a layer's neurons, and its gradient.

    Args:
        points: positions.
        memory: of at least so many pairs.

    Returns:
        The sum, ``(networks,)``, and the forces that `pull` makes its gradient of.
    """
    distance, closeness = memory.lend(points, points)
    _distances(points, points, distance, closeness)
    torch.neg(distance, out=closeness).exp_()
    total = closeness.sum(dim=(1, 2))
    divide(closeness, distance)
    # Every pair counts twice in the sum, once from either side.
    return total, torch.bmm(points.rows, closeness).mul_(-2)


class _Distances(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor) -> Tensor:
        rows = Points.of(one), Points.of(other)
        distance, scratch = PairMemory(one[..., 0].numel() * other.shape[1], one).lend(*rows)
        _distances(*rows, distance, scratch)
        ctx.save_for_backward(one, other, distance)
        return distance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor]:
        one, other, distance = ctx.saved_tensors
        force = outer[0].clone()
        divide(force, distance)
        by_one, by_other = torch.bmm(Points.of(other).rows, force.mT), torch.bmm(Points.of(one).rows, force)
        return pull(one, by_one), pull(other, by_other)


def distances(one: Tensor, other: Tensor) -> Tensor:
    """Return the Euclidean distance of every pair; the gradient of a distance of 0 is taken as 0.

    Args:
        one: positions, ``(networks, units, dim)``.
        other: positions, ``(networks, other units, dim)``.

    Returns:
        ``(networks, units, other units)``.

    Example:
        >>> distances(torch.zeros(1, 1, 2), torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]))
        tensor([[[5., 0.]]])
    """
    distance: Tensor = _Distances.apply(one, other)
    return distance


class _Transport(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, source: Tensor, target: Tensor, strength: str) -> Tensor:
        memory = PairMemory(weight.numel(), source)
        slope, distance, *forces = transport_forces(weight, Points.of(source), Points.of(target), strength, memory)
        gradient = slope.mul_(distance)
        ctx.save_for_backward(gradient, pull(source, forces[0]), pull(target, forces[1]))
        # A strength is its weight times its slope, or half of that if it grows with the square.
        degree = 1 if strength == "absolute" else 2
        total: Tensor = torch.linalg.vecdot(weight.flatten(1), gradient.flatten(1)) / degree
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        weight, source, target = (saved * outer[0][:, None, None] for saved in ctx.saved_tensors)
        return weight, source, target, None


class _Density(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor) -> Tensor:
        memory = PairMemory(position.shape[0] * position.shape[1] ** 2, position)
        total, forces = density_forces(Points.of(position), memory)
        ctx.save_for_backward(pull(position, forces))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> Tensor:
        (gradient,) = ctx.saved_tensors
        scaled: Tensor = gradient * outer[0][:, None, None]
        return scaled


def connections_or_units(source: int, target: int, average: str) -> int:
    """Return the divisor of the transport cost's sum: the number of connections, or of the target layer's neurons."""
    return target * (source if average == "connections" else 1)


def transport_sum(weight: Tensor, source: Tensor, target: Tensor, strength: str = "absolute") -> Tensor:
    """Return Σ strength · distance over the connections of a layer: `transport_cost` before the division.

    It is symmetric: weights ``(networks, target units, source units)`` with both positions exchanged give the same sum.

    Args:
        weight: ``(networks, source units, target units)``.
        source: positions, ``(networks, source units, dim)``.
        target: positions, ``(networks, target units, dim)``.
        strength: ``"absolute"`` for |a|, or ``"squared"`` for a².

    Returns:
        ``(networks,)``, at least 0, in units of length.
    """
    total: Tensor = _Transport.apply(weight, source, target, strength)
    return total


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
        average: ``"connections"`` or ``"units"``: which number the sum is divided by.
        strength: ``"absolute"`` for |a|, or ``"squared"`` for a².

    Returns:
        ``(networks,)``, at least 0, in units of length.

    Example:
        >>> weight = torch.tensor([[[2.0, -1.0]]])
        >>> source, target = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
        >>> transport_cost(weight, source, target).item()  # (2 · 5 + 1 · 1) / 2
        5.5
    """
    total = transport_sum(weight, source, target, strength)
    return total / connections_or_units(source.shape[1], target.shape[1], average)


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
