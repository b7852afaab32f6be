"""The group lasso: is it fewer neurons that make modules?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .cost import Layer, Paying, cost


@cost(
    "group-lasso",
    symbol="γ",
    default=1.77,
    reason="√π: pulls at a weight as large as others of its neuron as hard as the L1 cost with λ = 1.",
)
def group_lasso(paying: Paying) -> Tensor:
    r"""Pay for the norm of the weights that enter each neuron, so that whole neurons are switched off.

    .. math:: \frac{1}{L} \sum_l \frac{1}{N_l} \sum_{n \in l} \sqrt{P_n} \, \lVert \theta_n \rVert_2

    over the target neurons n of the L paying layers, θ_n the P_n weights that enter n in that layer, N_l the layer's
    connections (Alvarez & Salzmann 2016, Learning the Number of Neurons in Deep Networks, arXiv 1611.06321). A layer
    whose weights are all of one size costs that size, as under the mean of |w|. The gradient of a norm of 0 is taken as
    0.
    """

    def of_layer(layer: Layer) -> Tensor:
        # √P Σ‖θ‖ / (P · neurons), as every neuron of a layer has the same P
        norms: Tensor = torch.linalg.vector_norm(layer.weight, dim=1)
        return norms.mean(dim=1) / math.sqrt(layer.weight.shape[1])

    return paying.mean(of_layer)
