"""Pruning by magnitude: the weakest connections are removed in rounds, and the rest is trained on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .way import Group, Way, way

ROUNDS = 5
"""How often connections are removed, at even distances in the middle third of training."""


@way(
    "pruned",
    symbol="q",
    default=0.8,
    reason="Costs the demo's networks as much accuracy as the spatial costs do.",
    allowed="a share of at least 0 and below 1",
    fits=lambda value: 0 <= value < 1,
)
class Pruned(Way):
    r"""Remove the share q of the connections of each penalised layer that are the weakest, in rounds.

    After round r of R, each layer keeps its :math:`(1 - q)^{r/R}` strongest connections; what is removed stays 0. The
    first third of training goes before, and the last third follows (Han et al. 2015, Learning both weights and
    connections for efficient neural networks, arXiv 1506.02626; rounds as in Frankle & Carbin 2019, The lottery ticket
    hypothesis, arXiv 1803.03635, without their return to the initial weights).
    """

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        weights = {k: group.stack.weights[k - 1] for k in group.experiment.penalised}
        self._weights = weights
        self._kept = {f"kept/{k}": torch.ones_like(weight) for k, weight in weights.items()}
        self._rounds = {step: number for number, step in enumerate(rounds(group.all_steps), start=1)}

    def after_step(self) -> None:
        """Set what was removed to 0 again."""
        for k, weight in self._weights.items():
            weight.mul_(self._kept[f"kept/{k}"])

    def between_steps(self, taken: int) -> None:
        """Remove connections, if this is the time of a round."""
        if taken not in self._rounds:
            return
        share = (1 - self.group.value.double()) ** (self._rounds[taken] / ROUNDS)
        for k, weight in self._weights.items():
            size = weight.flatten(1).abs()
            order = size.argsort(dim=1, descending=True, stable=True)
            count = (share * size.shape[1]).round()
            kept = torch.arange(size.shape[1], device=size.device) < count[:, None]
            self._kept[f"kept/{k}"].view_as(size).scatter_(1, order, kept.to(size.dtype))
        self.after_step()

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Which connections are kept: 1, and 0 of those removed."""
        return self._kept


def rounds(steps: int) -> tuple[int, ...]:
    """Return after which steps connections are removed, in ascending order; fewer where there are few steps.

    Example:
        >>> rounds(300), rounds(4)
        ((100, 125, 150, 175, 200), (1, 2, 3))
    """
    times = [round(steps * (1 + number / (ROUNDS - 1)) / 3) for number in range(ROUNDS)]
    return tuple(dict.fromkeys(max(1, time) for time in times))
