"""The L1 cost: is it sparsity that makes modules?"""

from __future__ import annotations

import math

from torch import Tensor

from .cost import Paying, cost

MEAN_DISTANCE = math.sqrt(math.pi)
"""The mean distance of two points of the plane drawn from standard Gaussians, as positions are: √π."""


@cost(
    "l1",
    symbol="λ",
    default=1.0,
    reason="As the transport cost: the mean distance of units before training is a factor of this cost.",
)
def l1(paying: Paying) -> Tensor:
    r"""Pay for the size of weights, without regard to distance.

    .. math:: \frac{1}{L} \sum_l \frac{\sqrt{\pi}}{N_l} \sum_{ij \in l} |w_{ij}|

    over the L paying layers, N_l their connections: the transport cost if all distances were √π, the mean distance of
    two points drawn from standard Gaussians in the plane. So λ compares with α (Tibshirani 1996, Regression shrinkage
    and selection via the lasso, doi:10.1111/j.2517-6161.1996.tb02080.x).
    """
    return MEAN_DISTANCE * paying.mean(lambda layer: layer.weight.abs().mean(dim=(1, 2)))
