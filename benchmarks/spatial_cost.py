"""What `SpatialCost` adds to a training step of plain PyTorch, against the same costs differentiated automatically.

    python benchmarks/spatial_cost.py [--device cuda] [--repeats 40] [--out docs/benchmarks/spatial_cost.json]

A step is a forward pass, both task losses, the backward pass and Adam, on drawn images, of the paper's network
(784-128-128-128-256-20, batches of 256, costs on the last three layers) and of one whose hidden layers all have 1024
units. It is timed without costs, with `SpatialCost`, and with the plain formulation: `torch.cdist` and automatic
differentiation. The benchmark fails unless the two costs and their gradients are equal but for rounding. All are timed
in turn; a ratio is the median of those within one turn, so that what else a machine does changes it little.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from baselines import BATCH, CLASSES, PIXELS, timed
from report import report
from torch import Tensor, nn
from training import conditions, spread

from spatialgraph.torch import SpatialCost

WITHOUT, OURS, PLAIN = "without", "SpatialCost", "plain autograd"
PAPER, WIDE = (128, 128, 128, 256), (1024, 1024, 1024, 1024)
PENALISED = 3
Loss = Callable[[], Tensor | float]


def network(hidden: Sequence[int], device: torch.device) -> nn.Sequential:
    """Return dense layers with a sigmoid between any two."""
    torch.manual_seed(0)
    layers = [nn.Linear(a, b, device=device) for a, b in pairwise((PIXELS, *hidden, 2 * CLASSES))]
    return nn.Sequential(*(part for layer in layers[:-1] for part in (layer, nn.Sigmoid())), layers[-1])


def spatial_cost(model: nn.Sequential) -> SpatialCost:
    """Return the cost of the last three layers."""
    names = [name for name, layer in model.named_children() if isinstance(layer, nn.Linear)]
    return SpatialCost(model, layers=names[-PENALISED:])


def plain_cost(model: nn.Sequential, cost: SpatialCost) -> Tensor:
    """Return the same cost of the same positions, as one would write it."""
    weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)][-PENALISED:]
    costs = []
    for weight, (source, target) in zip(weights, pairwise(cost.parameters()), strict=True):
        costs.append((weight.abs() * torch.cdist(target, source)).mean())
        costs.append(3 * torch.exp(-torch.cdist(target, target)).mean())
    return torch.stack(costs).sum() / PENALISED


class Steps:
    """Takes training steps of one network, with a cost or without."""

    def __init__(self, way: str, hidden: Sequence[int], device: torch.device) -> None:
        self.model = network(hidden, device)
        self.cost = spatial_cost(self.model)
        costs: dict[str, Loss] = {
            WITHOUT: lambda: 0.0,
            OURS: self.cost,
            PLAIN: lambda: plain_cost(self.model, self.cost),
        }
        self._cost = costs[way]
        self._adam = torch.optim.Adam([*self.model.parameters(), *self.cost.parameters()], lr=0.005)
        self._inputs = torch.rand(BATCH, PIXELS, device=device)
        self._labels = torch.randint(CLASSES, (BATCH, 2), device=device)

    def run(self, steps: int) -> None:
        """Take some steps."""
        for _ in range(steps):
            outputs = self.model(self._inputs).split(CLASSES, 1)
            losses = [nn.functional.cross_entropy(own, self._labels[:, k]) for k, own in enumerate(outputs)]
            loss = torch.stack(losses).mean() + self._cost()
            self._adam.zero_grad()
            loss.backward()
            self._adam.step()


def check(hidden: Sequence[int], device: torch.device) -> None:
    """Raise unless both formulations have the same value and gradient."""
    model = network(hidden, device)
    cost = spatial_cost(model)
    parameters = [*model.parameters(), *cost.parameters()]
    ours, plain = cost(), plain_cost(model, cost)
    torch.testing.assert_close(ours, plain)
    gradients = (torch.autograd.grad(value, parameters, materialize_grads=True) for value in (ours, plain))
    for one, other in zip(*gradients, strict=True):
        # `torch.cdist` expands squares, and loses digits of close units.
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3 * float(other.abs().max()))


def measure(hidden: Sequence[int], steps: int, repeats: int, device: torch.device) -> dict[str, Any]:
    """Time steps of a network in all three ways, in turn."""
    check(hidden, device)
    ways = {way: Steps(way, hidden, device) for way in (WITHOUT, OURS, PLAIN)}
    for own in ways.values():
        own.run(3)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, own in ways.items():
            times[way].append(timed(lambda own=own: own.run(steps), device) / steps)
    ratios = {
        way: statistics.median(own / without for own, without in zip(times[way], times[WITHOUT], strict=True))
        for way in (OURS, PLAIN)
    }
    return {
        "seconds per step": {way: spread(seconds) for way, seconds in times.items()},
        "times the step without": ratios,
        "what plain autograd adds, times what SpatialCost adds": (ratios[PLAIN] - 1) / (ratios[OURS] - 1),
    }


def main() -> None:
    """Measure, print, and write numbers if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    device = torch.device(arguments.device)
    numbers = {
        "-".join(map(str, (PIXELS, *hidden, 2 * CLASSES))): measure(hidden, steps, arguments.repeats, device)
        for hidden, steps in ((PAPER, 10), (WIDE, 2))
    }
    report(numbers, conditions(device, arguments.repeats), arguments.out)


if __name__ == "__main__":
    main()
