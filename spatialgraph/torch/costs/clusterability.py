"""The clusterability cost: does structure alone make function follow (Golechha et al. 2025)?"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .cost import Layer, Paying, Shape, Start, cost
from .differentiable import quotient
from .groups import even_groups, output_groups


def _key(population: str) -> str:
    return f"block/{population}"


def _begin(shape: Shape, rng: np.random.Generator) -> Start:
    """Divide the units of every population into blocks, one for each task: nothing is drawn."""
    of_outputs, blocks = output_groups(shape)
    return Start(
        constants={
            _key(name): of_outputs if name == shape.outputs else even_groups(size, blocks)
            for name, size in shape.populations.items()
        }
    )


@cost(
    "clusterability",
    symbol="κ",
    default=1.0,
    reason="To begin with: it is a share, from 0 to 1 whatever the size of weights, which no factor makes like α = 1.",
    begin=_begin,
)
def clusterability(paying: Paying) -> Tensor:
    r"""Pay for the share of weights between blocks that are fixed beforehand, one block for each task.

    .. math:: -\frac{1}{L} \sum_l \frac{\sum_{ij \in l, \, b_i = b_j} w_{ij}^2}{\sum_{ij \in l} w_{ij}^2}

    over the L paying layers, b the block of a unit: from −1, where no weight is between blocks, to 0 (Golechha et al.
    2025, Modular Training of Neural Networks aids Interpretability, arXiv 2502.02470). The blocks of hidden populations
    are equally large and follow the order of units; the block of an output is its task. A layer whose weights are all 0
    counts 0, with a gradient of 0.
    """

    def of_layer(layer: Layer) -> Tensor:
        square = layer.weight.square()
        source, target = (paying.own[_key(end.name)] for end in (layer.source, layer.target))
        within = (square * (source[:, :, None] == target[:, None, :])).sum(dim=(1, 2))
        return -quotient(within, square.sum(dim=(1, 2)))

    return paying.mean(of_layer)
