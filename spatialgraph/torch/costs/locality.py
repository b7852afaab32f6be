"""The locality cost: units that lie close together do alike (TDANN, TopoLM)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .cost import Paying, Population, cost
from .pairs import Points, distances, divide, pull

EXAMPLES = 128
"""Of so many examples of a batch correlations are computed, the first: more would make most of a training step."""

_PAIRS_IN_CACHE = 2**17
"""So many pairs of units are computed at a time on a processor, or those of one network."""

_ROUNDING = 16
"""Numbers that differ from their mean by so many units in the last place, or fewer, are constant."""


@cost(
    "locality",
    symbol="ν",
    default=1.0,
    reason="To begin with: it is from 0 to 1 whatever the size of weights, which no factor makes like α = 1.",
    needs=["positions", "activations"],
)
def locality(paying: Paying) -> Tensor:
    r"""Pay for near units that do not correlate, and far ones that do.

    .. math:: \frac{1}{H} \sum_h \frac{1}{2} \Bigl( 1 - \operatorname{corr}_{i \ne j}
        \Bigl( r_{ij}, \frac{1}{1 + \lVert p_i - p_j \rVert} \Bigr) \Bigr)

    over the H target populations of paying layers that have activations, r the Pearson correlation of two units over
    the examples of a batch, at most `EXAMPLES` of them: from 0 to 1 (TDANN: Margalit et al. 2024, A unifying framework
    for functional organization in early and higher ventral visual cortex, doi:10.1016/j.neuron.2024.04.018; TopoLM:
    Rathi et al. 2024, arXiv
    2410.11516). All pairs of different units count, where the sources draw some. A constant unit correlates with none:
    its correlations are 0, with a gradient of 0. A population with no two different distances or correlations counts ½.

    Raises:
        ValueError: no target population has activations.
    """
    targets = {layer.target.name: layer.target for layer in paying.layers}
    active = [target for target in targets.values() if target.activation is not None]
    if not active:
        found = ", ".join(map(repr, targets))
        raise ValueError(f"locality: expected layers that enter units with activations, found {found} without any")
    return torch.stack([_disorder(target) for target in active]).mean(dim=0)


def _disorder(population: Population) -> Tensor:
    order: Tensor = _Order.apply(population.emitted[:, :EXAMPLES], population.points)
    return (1 - order) / 2


class _Order(torch.autograd.Function):
    """The correlation of r and 1 / (1 + distance), of activations and positions, with its gradient written out.

    Automatic differentiation takes one product of matrices more, and three times the passes over all pairs of units,
    in memory of all networks, which no cache holds.
    """

    @staticmethod
    def forward(ctx: Any, activation: Tensor, points: Tensor) -> Tensor:
        gradient = torch.empty_like(activation), torch.empty_like(points)
        value = activation.new_empty(len(activation))
        for some in _stretches(points):
            found = _order(activation[some], points[some], moving=ctx.needs_input_grad[1])
            value[some], gradient[0][some] = found.value, found.by_activation
            if found.by_points is not None:
                gradient[1][some] = found.by_points
        ctx.save_for_backward(*gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor | None]:
        by_activation, by_points = (saved * outer[0][:, None, None] for saved in ctx.saved_tensors)
        return by_activation, by_points if ctx.needs_input_grad[1] else None


def _stretches(points: Tensor) -> list[slice]:
    """Divide networks such that a number of each pair of units fits the cache of a processor."""
    networks, units = points.shape[:2]
    size = max(1, _PAIRS_IN_CACHE // units**2) if points.device.type == "cpu" else networks
    return [slice(start, min(start + size, networks)) for start in range(0, networks, size)]


class _Found(NamedTuple):
    value: Tensor
    by_activation: Tensor
    by_points: Tensor | None


def _order(activation: Tensor, points: Tensor, *, moving: bool) -> _Found:
    """Return the correlation of some networks, and its gradient; that by positions if they move."""
    normal, inverse = _standardised(activation)
    alike, alike_size = _centred(torch.bmm(normal.mT, normal))
    distance = distances(points, points)
    near = (distance + 1).reciprocal_()
    slope = near.square() if moving else None
    near, near_size = _centred(near)
    scale = _inverse(alike_size * near_size)
    value = (alike * near).sum(dim=(1, 2)) * scale
    of_alike, of_near = value * _inverse(alike_size**2), value * _inverse(near_size**2)
    # `alike` is symmetric, and counts twice in its own product.
    by_activation = torch.bmm(normal, _combined(near, 2 * scale, alike, -2 * of_alike))
    along = (normal * by_activation).sum(dim=1, keepdim=True)
    by_activation.addcmul_(normal, along, value=-1).mul_(inverse)
    if slope is None:
        return _Found(value, by_activation, None)
    force = _combined(near, of_near, alike, -scale).mul_(slope)
    divide(force, distance)
    # A distance is of two units of the population, and of either side.
    return _Found(value, by_activation, 2 * pull(points, torch.bmm(Points.of(points).rows, force)))


def _standardised(activation: Tensor) -> tuple[Tensor, Tensor]:
    """Return activations with a mean of 0 and a sum of squares of 1 over the examples, and what multiplied them.

    Both are 0 of units that are constant.
    """
    mean = activation.mean(dim=1, keepdim=True)
    centred = activation - mean
    size = (centred * centred).sum(dim=1, keepdim=True).sqrt_()
    inverse = _inverse(_not_of_rounding(size, activation.shape[1] * mean**2))
    return centred.mul_(inverse), inverse


def _centred(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract the mean over pairs of different units, in place, and leave 0 on the diagonal; return the norm, too."""
    units = pairs.shape[1]
    count, diagonal = max(units * (units - 1), 1), pairs.diagonal(dim1=1, dim2=2)
    diagonal.zero_()
    mean = pairs.sum(dim=(1, 2)) / count
    pairs.sub_(mean[:, None, None])
    diagonal.zero_()
    return pairs, _not_of_rounding(torch.linalg.vector_norm(pairs.flatten(1), dim=1), count * mean**2)


def _not_of_rounding(size: Tensor, square_of_mean: Tensor) -> Tensor:
    """Return the norm of what is left without a mean; 0 where rounding may have left it."""
    least = _ROUNDING * torch.finfo(size.dtype).eps * (size**2 + square_of_mean).sqrt()
    return torch.where(size > least, size, 0.0)


def _inverse(size: Tensor) -> Tensor:
    return torch.where(size > 0, 1 / size, 0.0)


def _combined(one: Tensor, factor: Tensor, other: Tensor, other_factor: Tensor) -> Tensor:
    return (one * factor[:, None, None]).addcmul_(other, other_factor[:, None, None])
