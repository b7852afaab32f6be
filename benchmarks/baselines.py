"""What training is timed on and against: drawn images, a plain loop, one with a `DataLoader`, and matrix products."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import checkout  # noqa: F401
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from train.data import Dataset, Examples
from train.grid import batches_of, cut
from train.inputs import Batches, evaluation
from train.loop import Training
from train.settings import Experiment
from train.step import products

CLASSES, SIDE, BATCH = 10, 28, 256
PIXELS = SIDE**2
PAPER_EXAMPLES, PAPER_HELD_OUT = 60_000, 10_000
PAPER_STEPS = PAPER_EXAMPLES // BATCH


def drawn_datasets(examples: int, held_out: int = BATCH) -> list[Dataset]:
    """Return two data sets of the size of MNIST's images: the picture of a class, under noise that nearly hides it."""
    draw = np.random.default_rng(0)

    def part(count: int, pictures: np.ndarray) -> Examples:
        labels = draw.integers(0, CLASSES, count)
        noise = draw.integers(0, 192, (count, PIXELS), dtype=np.uint8)
        return Examples(pictures[labels] + noise, labels)

    def dataset(name: str) -> Dataset:
        pictures = draw.integers(0, 64, (CLASSES, PIXELS), dtype=np.uint8)
        return Dataset(name, part(examples, pictures), part(held_out, pictures), CLASSES, (SIDE, SIDE))

    return [dataset("one"), dataset("other")]


def experiment_of(seeds: Sequence[int], **settings: object) -> Experiment:
    """Return the paper's spatial network with mixed inputs, once for each seed, in float32 on any device."""
    plain = {"tasks": ["one", "other"], "inputs": ["mix"], "kinds": ["spatial"], "batch_size": BATCH}
    return Experiment(**plain | {"seeds": list(seeds), "precision": "float32"} | settings)


def lanes_of(batches: int, device: torch.device) -> int:
    """Return how many batches train at a time."""
    return min(torch.get_num_threads(), batches) if device.type == "cpu" else 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let each product of a block use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_epochs(trainings: Sequence[Training]) -> None:
    """Train each for an epoch, on a CPU several at a time, as a run does (`train.trainer`)."""
    lanes = lanes_of(len(trainings), trainings[0].stack.position.device)
    each = torch.get_num_threads() // lanes
    if lanes == 1:
        for training in trainings:
            training.run_epoch()
        return

    def settle() -> None:
        torch.set_num_threads(each)
        torch.set_flush_denormal(True)

    with ThreadPoolExecutor(lanes, initializer=settle) as executor:
        list(executor.map(Training.run_epoch, trainings))


def trainings_of(
    experiment: Experiment, datasets: Sequence[Dataset], device: torch.device, most: int | None = None
) -> list[Training]:
    """Return this trainer with the networks of an experiment of one input mode, at most so many in one batch."""
    mode = experiment.inputs[0]
    batches, held_out = Batches(mode, datasets, experiment.batch_size, device), evaluation(mode, datasets)
    classes = [dataset.classes for dataset in datasets]
    (whole,) = batches_of(experiment)
    return [
        Training(experiment, part, batches, held_out, classes, device)
        for part in cut(whole, most or len(whole.members))
    ]


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


class PlainLoop:
    """A loop of one's own: one network, automatic differentiation, and Adam, in one kernel for all tensors on a GPU."""

    def __init__(self, training: Training) -> None:
        self.network = PlainNetwork(training)
        self.device = training.stack.position.device
        self._adam = torch.optim.Adam(self.network.parameters(), lr=0.005, fused=self.device.type == "cuda")

    def run(self, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
        """Train on batches, ``(batch, inputs)`` and ``(batch, tasks)``, moved to the device; return the mean loss."""
        total, steps = torch.zeros((), device=self.device), 0
        for inputs, labels in batches:
            self._adam.zero_grad()
            loss = self.network.loss(inputs.to(self.device), labels.to(self.device))
            loss.backward()
            self._adam.step()
            total += loss.detach()
            steps += 1
        return total.item() / steps


def in_memory(batches: Batches, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches that the network of seed 0 is shown in an epoch, from images that lie on the device."""
    return ((inputs[0], labels[0]) for inputs, labels in batches.epoch([0], epoch))


def data_loader(datasets: Sequence[Dataset]) -> DataLoader | None:
    """Return a `DataLoader` with `ToTensor` of two tasks whose images are added; None without torchvision."""
    try:
        from PIL import Image
        from torchvision.transforms import ToTensor
    except ImportError:
        return None

    class Added(TorchDataset):
        """Pillow images made tensors one by one, as torchvision's own MNIST does."""

        to_tensor = ToTensor()

        def __len__(self) -> int:
            return len(datasets[0].train)

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            images = (Image.fromarray(d.train.images[index].reshape(d.image_shape)) for d in datasets)
            total = sum(self.to_tensor(image) for image in images)
            return total.flatten(), torch.tensor([int(d.train.labels[index]) for d in datasets])

    return DataLoader(Added(), batch_size=BATCH, shuffle=True)


def product_operations(sizes: Sequence[int], batch: int) -> int:
    """Return the operations of a step's matrix products: forward, by the weights, and by the inputs but the first."""
    weights = [a * b for a, b in itertools.pairwise(sizes)]
    return 2 * batch * (3 * sum(weights) - weights[0])


def timed(function: Callable[[], object], device: torch.device) -> float:
    """Return how many seconds a call takes, on a GPU until all of its work is done."""
    wait(device)
    start = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_rate(device: torch.device, size: int, precision: str = "float32") -> float:
    """Return the rate of a large matrix product, operations per second: the best of several.

    Args:
        device: where.
        size: rows and columns of both matrices.
        precision: ``float32``, or ``tf32``, on a GPU that has it.
    """
    one, other = torch.randn(2, size, size, device=device)
    with products(precision, device):
        return 2 * size**3 / min(timed(lambda: one @ other, device) for _ in range(8))


class Stopwatch:
    """Times an epoch of a `Training`: its steps, and what follows them.

    Attributes:
        step: seconds of a step, the mean of all but the first.
        rest: seconds from the last step to the end: the evaluation, and what history keeps.
    """

    def __init__(self, training: Training) -> None:
        self._device, self._times = training.stack.position.device, [0.0, 0.0]
        first, steps = training.epoch * training.steps + 1, training.steps
        self._ends = {first: 0, first + steps - 1: 1}
        training.run_epoch(self._after_step)
        wait(self._device)
        self.step = (self._times[1] - self._times[0]) / (steps - 1) if steps > 1 else math.nan
        self.rest = time.perf_counter() - self._times[1]

    def _after_step(self, taken: int) -> None:
        if taken in self._ends:
            wait(self._device)
            self._times[self._ends[taken]] = time.perf_counter()
