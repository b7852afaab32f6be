"""The density cost: units that lie close together are expensive (Wołczyk et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from .cost import Layer, Paying, cost
from .pairs import distances


@cost("density", symbol="β", default=3.0, reason="The paper's.", needs=["positions"])
def density(paying: Paying) -> Tensor:
    r"""Pay for the closeness of the units of each target population.

    .. math:: \frac{1}{L} \sum_l \frac{1}{n_l^2} \sum_{ij \in l} \exp(-\lVert p_i - p_j \rVert)

    over all ordered pairs of the n_l units, each unit with itself included (Wołczyk et al. 2019, Biologically-Inspired
    Spatial Neural Networks, arXiv 1910.02776). `density_cost` has the same with its gradient written out.
    """

    def closeness(layer: Layer) -> Tensor:
        points = layer.target.points
        return torch.exp(-distances(points, points)).mean(dim=(1, 2))

    return paying.mean(closeness)
