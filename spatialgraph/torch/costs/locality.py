"""The locality cost: units that lie close together do alike (TDANN, TopoLM)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .cost import Paying, Population, cost
from .pairs import distances

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
    the examples of a batch: from 0 to 1 (TDANN: Margalit et al. 2024, A unifying framework for functional organization
    in early and higher ventral visual cortex, doi:10.1016/j.neuron.2024.04.018; TopoLM: Rathi et al. 2024, arXiv
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
    points = population.points
    order: Tensor = _Order.apply(population.emitted, distances(points, points))
    return (1 - order) / 2


class _Order(torch.autograd.Function):
    """The correlation of r and 1 / (1 + distance), of activations and distances, with its gradient written out.

    Automatic differentiation takes one product of matrices more, and three times the passes over all pairs of units.
    """

    @staticmethod
    def forward(ctx: Any, activation: Tensor, distance: Tensor) -> Tensor:
        normal, inverse = _standardised(activation)
        alike, alike_size = _centred(normal.mT @ normal)
        near, near_size = _centred((distance + 1).reciprocal_())
        scale = _inverse(alike_size * near_size)
        value: Tensor = torch.linalg.vecdot(alike.flatten(1), near.flatten(1)) * scale
        shares = value * _inverse(alike_size**2), value * _inverse(near_size**2)
        ctx.save_for_backward(normal, inverse, alike, near, distance, scale, *shares)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor | None]:
        normal, inverse, alike, near, distance, *factors = ctx.saved_tensors
        scale, of_alike, of_near = (outer[0] * factor for factor in factors)
        # `alike` is symmetric, and counts twice in its own product.
        by_activation = normal @ _combined(near, 2 * scale, alike, -2 * of_alike)
        along = torch.linalg.vecdot(normal, by_activation, dim=1)[:, None]
        by_activation.addcmul_(normal, along, value=-1).mul_(inverse)
        if not ctx.needs_input_grad[1]:
            return by_activation, None
        slope = (distance + 1).square_().reciprocal_().neg_()
        return by_activation, _combined(alike, scale, near, -of_near).mul_(slope)


def _standardised(activation: Tensor) -> tuple[Tensor, Tensor]:
    """Return activations with a mean of 0 and a sum of squares of 1 over the examples, and what multiplied them.

    Both are 0 of units that are constant.
    """
    mean = activation.mean(dim=1, keepdim=True)
    centred = activation - mean
    square = torch.linalg.vecdot(centred, centred, dim=1)[:, None]
    inverse = _inverse(_not_of_rounding(square, square + activation.shape[1] * mean**2).sqrt())
    return centred.mul_(inverse), inverse


def _centred(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract the mean over pairs of different units, in place, and leave 0 on the diagonal; return the norm, too."""
    units = pairs.shape[1]
    count, diagonal = max(units * (units - 1), 1), pairs.diagonal(dim1=1, dim2=2)
    diagonal.zero_()
    mean = pairs.sum(dim=(1, 2)) / count
    pairs.sub_(mean[:, None, None])
    diagonal.zero_()
    square = torch.linalg.vecdot(pairs.flatten(1), pairs.flatten(1))
    return pairs, _not_of_rounding(square, square + count * mean**2).sqrt()


def _not_of_rounding(square: Tensor, whole: Tensor) -> Tensor:
    """Return the sum of squares of what is left without a mean; 0 where rounding may have left it."""
    least = (_ROUNDING * torch.finfo(square.dtype).eps) ** 2 * whole
    return torch.where(square > least, square, 0.0)


def _inverse(size: Tensor) -> Tensor:
    return torch.where(size > 0, 1 / size, 0.0)


def _combined(one: Tensor, factor: Tensor, other: Tensor, other_factor: Tensor) -> Tensor:
    return (one * factor[:, None, None]).addcmul_(other, other_factor[:, None, None])
