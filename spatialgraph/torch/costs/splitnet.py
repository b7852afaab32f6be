"""The cost of SplitNet: groups of units are learned together with the weights (Kim et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from .cost import Layer, Paying, Population, Shape, Start, cost
from .differentiable import root
from .groups import output_groups
from .l1 import MEAN_DISTANCE

OVERLAP, BALANCE = 0.1, 1.0
"""What overlap and balance weigh, beside 1 for weights between groups.

The authors' code weighs overlap 1, weights 1 and balance 10, and divides weights by the standard deviation that they
begin with: 1/√128 in layers of the size of Wołczyk et al. 2019, so that weights as they are weigh 11.
"""

SPREAD = 0.01
"""The standard deviation of the logits before training, as in the authors' code: all groups are nearly alike."""


def _logits(population: str) -> str:
    return f"logits/{population}"


_OUTPUTS, _GROUPS = "outputs", "groups"


def _begin(shape: Shape, rng: np.random.Generator) -> Start:
    """Draw logits of hidden units; outputs belong to the group of their task."""
    of_outputs, groups = output_groups(shape)
    logits = {
        _logits(name): SPREAD * rng.standard_normal((size, groups), dtype=np.float32)
        for name, size in shape.populations.items()
        if name != shape.outputs
    }
    return Start(logits, {_OUTPUTS: np.eye(groups, dtype=np.float32)[of_outputs]})


def assignment(paying: Paying, population: Population) -> Tensor:
    """Return how much each unit belongs to each group, ``(networks, units, groups)``: its rows sum to 1."""
    logits = paying.own.get(_logits(population.name))
    return paying.own[_OUTPUTS] if logits is None else torch.softmax(logits, dim=-1)


@cost(
    "splitnet",
    symbol="ω",
    default=1.0,
    reason="A weight between groups is pulled about as hard as by the L1 cost with λ = 1.",
    begin=_begin,
)
def splitnet(paying: Paying) -> Tensor:
    r"""Pay for weights between groups of units, where the groups are learned, too.

    .. math::
        \sqrt{\pi} \left( \frac{1}{L} \sum_l R_l + \frac{1}{H} \sum_h (0.1 \, D_h + E_h) \right)

    over the L paying layers and the H hidden populations at their ends (Kim et al. 2017, SplitNet, ICML, PMLR 70). With
    G groups, one for each task, p_ig and q_jg the shares (a softmax of learned logits; of an output 1 for its task) to
    which units i of the source and j of the target, n of one and m of the other, belong to group g,

    .. math::
        R = \frac{G}{2 (G - 1)} \sum_g \left( \frac{1}{n \sqrt{m}} \sum_i \lVert (1 - p_{ig}) w_{i \cdot} q_{\cdot g}
        \rVert + \frac{1}{\sqrt{n} m} \sum_j \lVert p_{\cdot g} w_{\cdot j} (1 - q_{jg}) \rVert \right)

    .. math::
        D = \frac{2 G}{G - 1} \sum_{g < h} \frac{1}{n} \sum_i p_{ig} p_{ih} \qquad
        E = G \sum_g \Bigl( \frac{1}{n} \sum_i p_{ig} \Bigr)^2 - 1

    The factors are those of the authors' code: with equal shares, R is the size of weights that are all alike and
    overlap D is 1; balance E is 0 if groups are equally large. All three are 0 if, and only if, the network is split
    into equally large parts. Not as there: one weight for all three (`OVERLAP`, `BALANCE`), and the layers count alike.
    Only R pulls at weights; as nothing else pulls at the shares, Adam moves them as fast whatever ω is.
    """
    shares = {end.name: assignment(paying, end) for end in paying.populations}
    hidden = [shares[end.name] for end in paying.populations if _logits(end.name) in paying.own]
    between = paying.mean(lambda layer: _between(layer, shares))
    if not hidden:
        return MEAN_DISTANCE * between
    apart = torch.stack([OVERLAP * _overlap(share) + BALANCE * _imbalance(share) for share in hidden])
    return MEAN_DISTANCE * (between + apart.mean(dim=0))


def _between(layer: Layer, shares: Mapping[str, Tensor]) -> Tensor:
    source, target = shares[layer.source.name], shares[layer.target.name]
    square, (sources, targets), groups = layer.weight.square(), layer.weight.shape[1:], source.shape[-1]
    # A norm is the root of a product of matrices: no array has both connections and groups.
    rows = (1 - source) * root(square @ target.square())  # (networks, sources, groups)
    columns = (1 - target) * root(square.mT @ source.square())
    total = rows.mean(dim=1).sum(dim=1) / math.sqrt(targets) + columns.mean(dim=1).sum(dim=1) / math.sqrt(sources)
    return total * groups / (2 * max(groups - 1, 1))


def _overlap(share: Tensor) -> Tensor:
    # The sum over pairs of groups is (1 − Σ p²) / 2, since shares sum to 1.
    groups = share.shape[-1]
    return (1 - share.square().sum(dim=2)).mean(dim=1) * groups / max(groups - 1, 1)


def _imbalance(share: Tensor) -> Tensor:
    return share.shape[-1] * share.mean(dim=1).square().sum(dim=1) - 1
