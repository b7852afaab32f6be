"""The locality cost: units that lie close together do alike (TDANN, TopoLM)."""

from __future__ import annotations

import torch
from torch import Tensor

from .cost import Paying, Population, cost, distances
from .differentiable import quotient, root

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
    return (1 - correlation(correlations(population.emitted), 1 / (1 + distances(points, points)))) / 2


def correlations(activation: Tensor) -> Tensor:
    """Return the Pearson correlation of every two units over examples; 0, with a gradient of 0, of constant ones.

    Args:
        activation: ``(networks, examples, units)``.

    Returns:
        ``(networks, units, units)``.

    Example:
        >>> correlations(torch.tensor([[[1.0, 2.0, 5.0], [3.0, 0.0, 5.0]]]))[0].round()
        tensor([[ 1., -1.,  0.],
                [-1.,  1.,  0.],
                [ 0.,  0.,  0.]])
    """
    centred = activation - activation.mean(dim=1, keepdim=True)
    normal = quotient(centred, _size(centred, activation, dim=(1,)))
    return normal.mT @ normal


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Return the Pearson correlation of two numbers of pairs, over all pairs of different units; 0 if one is constant.

    Args:
        one: ``(networks, units, units)``.
        other: of the same shape.

    Returns:
        ``(networks,)``.
    """
    units = one.shape[1]
    different = 1 - torch.eye(units, dtype=one.dtype, device=one.device)
    centred, sizes = [], []
    for numbers in (one * different, other * different):
        mean = numbers.sum(dim=(1, 2), keepdim=True) / max(units * (units - 1), 1)
        centred.append((numbers - mean) * different)
        sizes.append(_size(centred[-1], numbers, dim=(1, 2))[:, 0, 0])
    return quotient((centred[0] * centred[1]).sum(dim=(1, 2)), sizes[0] * sizes[1])


def _size(centred: Tensor, numbers: Tensor, dim: tuple[int, ...]) -> Tensor:
    """Return the Euclidean norm of what is left without the mean; 0 where that may be of rounding alone."""
    square = centred.square().sum(dim=dim, keepdim=True)
    of_rounding = (_ROUNDING * torch.finfo(numbers.dtype).eps) ** 2 * numbers.detach().square().sum(
        dim=dim, keepdim=True
    )
    return root(torch.where(square > of_rounding, square, 0.0))
