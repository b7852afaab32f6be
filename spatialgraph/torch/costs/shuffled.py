"""The transport cost with shuffled distances: is it geometry that makes modules, or any uneven penalty?"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .cost import Paying, Shape, Start, cost


def _key(source: str, target: str) -> str:
    return f"distance/{source}/{target}"


def _begin(shape: Shape, rng: np.random.Generator) -> Start:
    """Draw a permutation of the connections of every layer; keep the distance that each is given."""
    from scipy.spatial.distance import cdist  # a tenth of what training imports; no other cost needs it

    constants = {}
    for source, target in shape.layers:
        distance = cdist(shape.positions[source], shape.positions[target])
        constants[_key(source, target)] = rng.permutation(distance.ravel()).reshape(distance.shape)
    return Start(constants=constants)


@cost(
    "shuffled",
    symbol="σ",
    default=1.0,
    reason="As the transport cost: the distances are the same, at other connections.",
    needs=["positions"],
    begin=_begin,
)
def shuffled(paying: Paying) -> Tensor:
    r"""Pay for the strength of connections times the distance of another connection.

    .. math:: \frac{1}{L} \sum_l \frac{1}{N_l} \sum_{ij \in l} |w_{ij}| \, d_{\pi(ij)}

    over the L paying layers, N_l their connections, d the distances before training and π a permutation of the
    connections of the layer, drawn from the seed once and for ever: a control for the transport cost of Wołczyk et al.
    2019 (arXiv 1910.02776). Permuting *neurons* would be none: it is a symmetry, which learning can undo. Where the
    positions go during training does not matter.
    """
    return paying.mean(lambda layer: paying.transport(layer, paying.own[_key(layer.source.name, layer.target.name)]))
