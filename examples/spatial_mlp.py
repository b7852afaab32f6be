"""Train a plain PyTorch network on two tasks at once, with the spatial costs and, as a control, without.

    python examples/spatial_mlp.py --data-dir data

The network, the data and the loop are one's own. The spatial costs are two lines of it: `SpatialCost` is made, and its
value is added to the loss. Both images are shown at once, added pixel by pixel, and ten outputs answer for each task.
What is split are the layers that pay.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from common import analyse, captured, draw, images, options
from torch import Tensor, nn

from spatialgraph.torch import SpatialCost
from spatialgraph.train.data import Dataset, Examples

HIDDEN = (128, 128, 128, 256)
PENALISED = ["fc3", "fc4", "out"]


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return layers fc1, fc2 … out, with a sigmoid between any two."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        last = number == len(sizes) - 1
        parts["out" if last else f"fc{number}"] = nn.Linear(inputs, outputs)
        if not last:
            parts[f"sigmoid{number}"] = nn.Sigmoid()
    return nn.Sequential(parts)


def batches(
    parts: Sequence[Examples], size: int, order: torch.Generator | None = None
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Yield the sum of one image of each task, ``(batch, pixels)``, and the labels of each task, ``(batch,)``."""
    images = [torch.tensor(part.images) for part in parts]
    labels = [torch.tensor(part.labels) for part in parts]
    shown = [torch.randperm(len(own), generator=order) if order else torch.arange(len(own)) for own in labels]
    for rows in zip(*(own.split(size) for own in shown), strict=True):
        added = sum(own[some].float() for own, some in zip(images, rows, strict=True))
        yield added / 255, [own[some] for own, some in zip(labels, rows, strict=True)]


def train(
    seed: int,
    tasks: Sequence[Dataset],
    *,
    spatial: bool = True,
    epochs: int = 20,
    batch: int = 256,
    hidden: Sequence[int] = HIDDEN,
) -> tuple[nn.Sequential, SpatialCost]:
    """Train one network on all tasks; return it, and the cost that it paid, or would pay."""
    classes = [task.classes for task in tasks]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = mlp([tasks[0].pixels, *hidden, sum(classes)])
    cost = SpatialCost(model, layers=PENALISED, transport=1.0, density=3.0, seed=seed)
    optimiser = torch.optim.Adam([*model.parameters(), *cost.parameters()], lr=0.005)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for inputs, labels in batches([task.train for task in tasks], batch, order):
            by_task = zip(model(inputs).split(classes, dim=1), labels, strict=True)
            loss = torch.stack([nn.functional.cross_entropy(logits, own) for logits, own in by_task]).mean()
            if spatial:
                loss = loss + cost()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model, cost


def main() -> None:
    """Train a network of each kind for each seed, say what its wiring costs, capture and analyse it."""
    asked = options(__doc__, epochs=20, examples=60_000)
    torch.set_flush_denormal(True)  # weights that costs shrink become that small, and slow
    shown = images("mix", asked)
    networks = {}
    for seed in range(asked.seeds):
        for kind in ("untrained", "regular", "spatial"):
            epochs = 0 if kind == "untrained" else asked.epochs
            model, cost = train(seed, shown.tasks, spatial=kind == "spatial", epochs=epochs)
            wiring = (f"{layer} {part.transport:.4f}" for layer, part in cost.parts().items())
            print(f"{kind} {seed}: transport {', '.join(wiring)}", flush=True)
            positions = cost.positions if kind == "spatial" else None
            networks[f"{kind}-{seed}"] = captured(model, shown, kind, seed, split=PENALISED, positions=positions)
    results = analyse(networks, asked, __file__, reference="regular")
    draw("connections", results)


if __name__ == "__main__":
    main()
