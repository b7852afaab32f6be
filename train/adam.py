"""Adam for a batch of networks: PyTorch's own function, and the moments that it reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adam import adam


@dataclass(frozen=True)
class Group:
    """Tensors that learn at one rate.

    Attributes:
        rate: the learning rate.
        parameters: what is moved, in place.
        gradients: of each parameter, in the same order; read anew at every step.
    """

    rate: float
    parameters: Sequence[Tensor]
    gradients: Sequence[Tensor]


class Adam:
    """Adam (Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv 1412.6980).

    `torch.optim.Adam` calls the same function, with the same defaults. It is not used because it imports PyTorch's
    compiler, which takes longer than training small networks does.

    Args:
        groups: what learns. The moments and the number of steps lie where the parameters do.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._first, self._second = (
            [[torch.zeros_like(own.detach()) for own in group.parameters] for group in groups] for _ in range(2)
        )
        self._steps = [[own.new_zeros((), requires_grad=False) for own in group.parameters] for group in groups]

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter by its gradient."""
        for group, first, second, steps in zip(self._groups, self._first, self._second, self._steps, strict=True):
            adam(
                *(list(group.parameters), list(group.gradients), first, second, [], steps),
                fused=True,
                amsgrad=False,
                maximize=False,
                lr=group.rate,
                beta1=0.9,
                beta2=0.999,
                eps=1e-8,
                weight_decay=0.0,
            )

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what a training goes on from, by names that checkpoints have: of each group, of each parameter."""
        for number, own in enumerate(zip(self._steps, self._first, self._second, strict=True)):
            for place, kept in enumerate(zip(*own, strict=True)):
                for name, tensor in zip(("step", "exp_avg", "exp_avg_sq"), kept, strict=True):
                    yield f"{number}/{place}/{name}", tensor
