"""The transport cost: long, strong connections are expensive (Wołczyk et al. 2019)."""

from __future__ import annotations

from torch import Tensor

from .cost import Paying, cost


@cost(
    "transport",
    symbol="α",
    default=1.0,
    reason="The paper's, in the reading that reproduces its Table 1.",
    needs=["positions"],
)
def transport(paying: Paying) -> Tensor:
    r"""Pay for the length of connections, weighted by their strength.

    .. math:: \frac{1}{L} \sum_l \frac{1}{N_l} \sum_{ij \in l} |w_{ij}| \, \lVert p_i - p_j \rVert

    over the L paying layers, N_l their connections (Wołczyk et al. 2019, Biologically-Inspired Spatial Neural Networks,
    arXiv 1910.02776). `transport_cost` has the same with its gradient written out.
    """
    return paying.mean(lambda layer: paying.transport(layer, layer.distance))
