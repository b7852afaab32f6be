"""How fast networks train: this trainer against a plain PyTorch loop and against the limit of the matrix products.

    python benchmarks/training.py [--networks 1 8] [--repeats 5] [--out docs/benchmarks/training.json]

The work is an epoch of the paper's spatial network (784-128-128-128-256-20, mixed inputs, batches of 256, both costs
on three layers) on random images; the numbers do not depend on what they show. The plain loop is what one would write
instead: `nn.Sequential`, the costs by `torch.cdist` and automatic differentiation, `torch.optim.Adam`, one network
after another, with data in memory and denormals flushed. Both get the same initial weights and batches, and their
losses are compared. The limit is the time of the step's matrix products alone at the rate of a large float32 product.
All are timed in turn, several times; medians count, and ratios within one run.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from report import report
from torch import Tensor, nn

from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of
from spatialgraph.train.inputs import Batches, evaluation
from spatialgraph.train.loop import Training
from spatialgraph.train.model import layer_sizes
from spatialgraph.train.settings import Experiment

STEPS, CLASSES, PIXELS = 40, 10, 784
PAPER_STEPS = 60_000 // 256  # of an epoch of the paper's data


def random_datasets(batch: int) -> list[Dataset]:
    """Return two data sets of random images, of so many steps."""
    draw = np.random.default_rng(0)

    def part(count: int) -> Examples:
        images = draw.integers(0, 256, (count, PIXELS), dtype=np.uint8)
        return Examples(images, draw.integers(0, CLASSES, count))

    return [Dataset(name, part(STEPS * batch), part(256), CLASSES, (28, 28)) for name in ("one", "other")]


def training_of(seeds: range, datasets: list[Dataset], device: torch.device) -> Training:
    """Return this trainer with one spatial network for each seed."""
    experiment = Experiment(
        tasks=["one", "other"], inputs=["mix"], kinds=["spatial"], seeds=list(seeds), batch_size=256
    )
    batches = Batches("mix", datasets, 256, device)
    held_out = evaluation("mix", datasets)
    return Training(experiment, batches_of(experiment)[0], batches, held_out, [CLASSES] * 2, device)


class PlainNetwork(nn.Module):
    """One spatial network as one would write it, with the initial parameters of a `Training`'s first network."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        parameters = {name: tensor[0].detach().clone() for name, tensor in training.stack.named()}
        self.linear = nn.ModuleList()
        for k in range(1, len(training.stack.weights) + 1):
            weight = parameters[f"weight/{k}"]
            layer = nn.Linear(*weight.shape, device=weight.device)
            layer.load_state_dict({"weight": weight.T, "bias": parameters[f"bias/{k}"][0]})
            self.linear.append(layer)
        self.position = nn.ParameterDict({str(k): parameters[f"position/{k}"] for k in training.stack.units})

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: both tasks, both costs."""
        hidden = inputs
        for layer in list(self.linear)[:-1]:
            hidden = torch.sigmoid(layer(hidden))
        outputs = self.linear[-1](hidden)
        by_task = [
            nn.functional.cross_entropy(logits, labels[:, k]) for k, logits in enumerate(outputs.split(CLASSES, 1))
        ]
        costs = []
        for k in (3, 4, 5):
            source, target = self.position[str(k - 1)], self.position[str(k)]
            costs.append((self.linear[k - 1].weight.abs() * torch.cdist(target, source)).mean())
            costs.append(3 * torch.exp(-torch.cdist(target, target)).mean())
        return torch.stack(by_task).mean() + torch.stack(costs).sum() / 3


def plain_epoch(network: PlainNetwork, adam: torch.optim.Optimizer, batches: Batches, epoch: int) -> float:
    """Train one network for an epoch and return its mean loss."""
    total = torch.zeros((), device=next(network.parameters()).device)
    for inputs, labels in batches.epoch([0], epoch):
        adam.zero_grad()
        loss = network.loss(inputs[0], labels[0])
        loss.backward()
        adam.step()
        total += loss.detach()
    return total.item() / batches.steps


def product_flops(sizes: tuple[int, ...], batch: int) -> int:
    """Return the operations of a step's matrix products: forward, by the weights, and by the inputs but the first."""
    weights = [a * b for a, b in itertools.pairwise(sizes)]
    return 2 * batch * (3 * sum(weights) - weights[0])


def timed(function: Callable[[], object], device: torch.device) -> float:
    """Return how many seconds a call takes."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def product_rate(device: torch.device) -> float:
    """Return the rate of a large float32 matrix product, operations per second: the best of several."""
    size = 2048
    one, other = torch.randn(2, size, size, device=device)
    return 2 * size**3 / min(timed(lambda: one @ other, device) for _ in range(8))


def measure(networks: list[int], repeats: int, device: torch.device) -> dict[str, object]:
    """Time the plain loop and this trainer in turn; return medians per network and epoch of the paper, and ratios."""
    datasets = random_datasets(256)
    trainings = {count: training_of(range(count), datasets, device) for count in networks}
    alone = training_of(range(1), datasets, device)
    plain = PlainNetwork(alone)
    adam = torch.optim.Adam(plain.parameters(), lr=0.005)
    batches = Batches("mix", datasets, 256, device)

    losses = [(plain_epoch(plain, adam, batches, k), float(alone.run_epoch().mean()))[0] for k in range(2)]
    ours = [float(value[0]) for value in alone.history["loss"]]
    times: dict[str, list[float]] = {"plain": [], "products": []} | {str(count): [] for count in networks}
    flops = product_flops(layer_sizes(alone.experiment, PIXELS, 2 * CLASSES), 256)
    for training in trainings.values():
        training.run_epoch()  # the first allocates
    for repeat in range(repeats):
        times["plain"].append(timed(lambda r=repeat: plain_epoch(plain, adam, batches, 2 + r), device))
        for count, training in trainings.items():
            times[str(count)].append(timed(training.run_epoch, device) / count)
        times["products"].append(STEPS * flops / product_rate(device))
    seconds = {name: statistics.median(values) * PAPER_STEPS / STEPS for name, values in times.items()}
    return {
        "seconds per network and epoch": seconds,
        "spread (min, max)": {
            n: [min(v) * PAPER_STEPS / STEPS, max(v) * PAPER_STEPS / STEPS] for n, v in times.items()
        },
        "times the plain loop": {str(c): seconds["plain"] / seconds[str(c)] for c in networks},
        "share of the limit": {str(c): seconds["products"] / seconds[str(c)] for c in networks},
        "losses of two epochs": {"plain": losses, "spatialgraph": ours},
    }


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    device = torch.device(arguments.device)
    found = measure(arguments.networks, arguments.repeats, device)
    np.testing.assert_allclose(*found["losses of two epochs"].values(), rtol=1e-3)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    report(found, {"device": name, "torch": torch.__version__, "repeats": arguments.repeats}, arguments.out)


if __name__ == "__main__":
    main()
