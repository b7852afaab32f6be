"""Train a plain PyTorch network on two tasks at once, with the spatial costs and, as a control, without.

    python examples/spatial_mlp.py [--tasks mnist fashion-mnist] [--data-dir data] [--epochs 20] [--seeds 3]

The network, the data and the loop are one's own. The spatial costs are two lines of it: `SpatialCost` is made, and its
value is added to the loss. Both images are shown at once, added pixel by pixel, and ten outputs answer for each task.
"""

import argparse
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from spatialgraph.torch import SpatialCost
from spatialgraph.train.data import Dataset, Examples, load

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


@torch.no_grad()
def accuracies(model: nn.Module, tasks: Sequence[Dataset]) -> list[float]:
    """Return the share of each task's held-out examples that are answered rightly, 0 to 1."""
    right = torch.zeros(len(tasks))
    for inputs, labels in batches([task.test for task in tasks], 1000):
        answers = model(inputs).split([task.classes for task in tasks], dim=1)
        right += torch.stack([(own.argmax(1) == label).sum() for own, label in zip(answers, labels, strict=True)])
    return [count / len(task.test) for count, task in zip(right.tolist(), tasks, strict=True)]


def main() -> None:
    """Train a spatial and a regular network for each seed; say how accurate they are, and what their wiring costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["mnist", "fashion-mnist"], help="as spatialgraph.train.data has")
    parser.add_argument("--data-dir", type=Path, help="where they lie, or are downloaded to")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)  # weights that costs shrink become that small, and slow
    tasks = [load(name, arguments.data_dir) for name in arguments.tasks]
    for seed in range(arguments.seeds):
        for kind in ("spatial", "regular"):
            model, cost = train(seed, tasks, spatial=kind == "spatial", epochs=arguments.epochs)
            scores = (f"{task.name} {score:.3f}" for task, score in zip(tasks, accuracies(model, tasks), strict=True))
            wiring = (f"{layer} {part.transport:.4f}" for layer, part in cost.parts().items())
            print(f"{kind} {seed}: accuracy {', '.join(scores)}; transport {', '.join(wiring)}", flush=True)


if __name__ == "__main__":
    main()
