"""A GRU that reads two images side by side, row by row, with and without costs on its connections.

    python examples/gru_rows.py --data-dir data

Achterberg et al. 2023 (Spatially embedded recurrent neural networks reveal widespread links between structural and
functional neuroscience findings) found recurrent networks that pay for long connections more modular than networks that
pay L1. Here the network pays for what enters its state and its outputs. Kinds: ``regular`` pays nothing, ``l1`` for
strength alone, ``fixed`` for strength times distance between units that stay where they are, ``spatial`` learns where
they lie and pays for crowding, too; and ``untrained``.
"""

import math
from collections.abc import Callable

import torch
from common import analyse, captured, draw, fit, images, options
from torch import Tensor, nn

from spatialgraph.torch import SpatialCost

UNITS = 64
PAYING = ["gru", "output"]


class Rows(nn.Module):
    """A GRU, whose last state is read by an output for each class of each task."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.image = nn.Unflatten(1, (2, side, side))
        self.gru = nn.GRU(2 * side, UNITS, batch_first=True)
        self.output = nn.Linear(UNITS, 20)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, ``(examples, 20)``."""
        rows = self.image(x).transpose(1, 2).flatten(2)  # (examples, rows, pixels of both images)
        states, _ = self.gru(rows)
        return self.output(states[:, -1])


def l1(model: Rows) -> Callable[[], Tensor]:
    """Return what `SpatialCost` costs if all units lie as far apart as two standard Gaussians do on average, √π."""

    def cost() -> Tensor:
        of_state = torch.cat([model.gru.weight_ih_l0, model.gru.weight_hh_l0], dim=1)
        strength = of_state.unflatten(0, (3, UNITS)).norm(dim=0)  # of a unit's three gates
        return math.sqrt(math.pi) * (strength.mean() + model.output.weight.abs().mean()) / 2

    return cost


def cost_of(kind: str, model: Rows, seed: int) -> Callable[[], Tensor] | None:
    """Return what a kind of network pays."""
    if kind == "l1":
        return l1(model)
    if kind == "fixed":
        return SpatialCost(model, PAYING, density=0.0, seed=seed).requires_grad_(False)
    return SpatialCost(model, PAYING, seed=seed) if kind == "spatial" else None


def main() -> None:
    """Train, capture and analyse."""
    asked = options(__doc__, epochs=15)
    shown = images("concatenate", asked)
    networks = {}
    for seed in range(asked.seeds):
        for kind in ("untrained", "regular", "l1", "fixed", "spatial"):
            torch.manual_seed(seed)
            model = Rows(shown.side)
            cost = cost_of(kind, model, seed)
            if kind != "untrained":
                fit(model, shown, seed, asked.epochs, learning_rate=0.005, cost=cost)
            positions = cost.positions if isinstance(cost, SpatialCost) else None
            networks[f"{kind}-{seed}"] = captured(model, shown, kind, seed, positions=positions)
    results = analyse(networks, asked, __file__, reference="regular")
    draw("connections", results)


if __name__ == "__main__":
    main()
