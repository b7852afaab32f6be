"""Many networks of one shape as one: stacked parameters, forward pass, loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .costs import connections_or_units, density_gradients, transport_gradients
from .grid import Member
from .settings import Experiment

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}

# Streams of random numbers that depend on a network's seed alone; the order of examples has its own (`inputs`).
_WEIGHTS, _POSITIONS = 1, 2


@dataclass(frozen=True)
class Stack:
    """The parameters of a batch of networks: views into one matrix with a row for each network.

    Attributes:
        flat: ``(networks, parameters)``; what changes it changes the tensors below.
        weights: for each layer after the input, ``(networks, source units, units)``.
        biases: for each layer after the input, ``(networks, 1, units)``.
        positions: layer number to ``(networks, units, dim)``, for the penalised layers and their sources.
    """

    flat: Tensor
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    positions: dict[int, Tensor]

    @classmethod
    def of(cls, flat: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> Stack:
        """Divide a matrix ``(networks, parameters)`` into tensors of these names and shapes, in their order."""
        parts = torch.split(flat, [math.prod(shape) for shape in shapes.values()], dim=1)
        tensors = {name: part.view(-1, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        layers = range(1, 1 + sum(name.startswith("weight/") for name in tensors))
        return cls(
            flat,
            weights=tuple(tensors[f"weight/{k}"] for k in layers),
            biases=tuple(tensors[f"bias/{k}"] for k in layers),
            positions={int(n.split("/")[1]): t for n, t in tensors.items() if n.startswith("position/")},
        )

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every parameter with a name, always in the same order."""
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            yield f"weight/{k}", weight
            yield f"bias/{k}", bias
        for k, position in self.positions.items():
            yield f"position/{k}", position


def layer_sizes(experiment: Experiment, inputs: int, outputs: int) -> tuple[int, ...]:
    """Return the number of units of every layer, the input first."""
    return (inputs, *experiment.hidden, outputs)


def initial_parameters(experiment: Experiment, sizes: Sequence[int], seed: int) -> dict[str, np.ndarray]:
    """Draw the initial parameters of one network, named as `Stack.named` does; only the seed and the shape count."""
    draw = np.random.default_rng([seed, _WEIGHTS])
    arrays: dict[str, np.ndarray] = {}
    for k, (source, size) in enumerate(itertools.pairwise(sizes), start=1):
        bound = source**-0.5
        weight = draw.uniform(-bound, bound, (source, size)) * experiment.initial_gain
        arrays[f"weight/{k}"] = weight.astype(np.float32)
        arrays[f"bias/{k}"] = draw.uniform(-bound, bound, (1, size)).astype(np.float32)
    draw = np.random.default_rng([seed, _POSITIONS])
    for k in sorted({k for layer in experiment.penalised for k in (layer - 1, layer)}):
        arrays[f"position/{k}"] = draw.standard_normal((sizes[k], experiment.dimensions), dtype=np.float32)
    return arrays


def initial_stack(
    experiment: Experiment, sizes: Sequence[int], members: Sequence[Member], device: torch.device
) -> Stack:
    """Draw the initial parameters of a batch; a network's own depend on its seed alone."""
    by_seed = {seed: initial_parameters(experiment, sizes, seed) for seed in {member.seed for member in members}}
    rows = {seed: np.concatenate([array.ravel() for array in arrays.values()]) for seed, arrays in by_seed.items()}
    flat = torch.from_numpy(np.stack([rows[member.seed] for member in members])).to(device)
    return Stack.of(flat, {name: array.shape for name, array in by_seed[members[0].seed].items()})


def forward(stack: Stack, inputs: Tensor, activation: str) -> Tensor:
    """Run every network on its own examples.

    Args:
        stack: the parameters.
        inputs: ``(networks, examples, inputs)``.
        activation: the name of the function after each hidden layer.

    Returns:
        ``(networks, examples, outputs)``, before any softmax.
    """
    return _through(stack, inputs, activation, start=0)


def _through(stack: Stack, hidden: Tensor, activation: str, start: int) -> Tensor:
    """Run all layers but the first so many."""
    function = ACTIVATIONS[activation]
    for weight, bias in zip(stack.weights[start:-1], stack.biases[start:-1], strict=True):
        hidden = function(torch.baddbmm(bias, hidden, weight))
    return torch.baddbmm(stack.biases[-1], hidden, stack.weights[-1])


def task_losses(outputs: Tensor, labels: Tensor, classes: Sequence[int]) -> Tensor:
    """Compute the cross-entropy of each task, a softmax over its own outputs, averaged over its own examples.

    Args:
        outputs: ``(networks, examples, outputs)``.
        labels: ``(networks, examples, tasks)``, -1 where an example is not of the task: it does not count.
        classes: the number of outputs of each task.

    Returns:
        ``(networks, tasks)``, in nats.
    """
    losses = []
    for task, logits in enumerate(torch.split(outputs, list(classes), dim=-1)):
        label = labels[..., task]
        each = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), label.flatten(), ignore_index=-1, reduction="none"
        ).view_as(label)
        losses.append(each.sum(dim=1) / (label >= 0).sum(dim=1).clamp(min=1))
    return torch.stack(losses, dim=1)


@dataclass(frozen=True)
class Costs:
    """The costs of the first networks of a batch, the means over the penalised layers, without their factors α and β.

    Attributes:
        transport: ``(networks,)``, in units of length.
        density: ``(networks,)``.
    """

    transport: Tensor
    density: Tensor


def add_costs(experiment: Experiment, stack: Stack, transport: Tensor, density: Tensor, gradient: Stack) -> Costs:
    """Compute the costs of the first networks of a batch, and add their gradients to those of the task losses.

    Args:
        experiment: which layers pay, and how the transport cost is read.
        stack: the parameters.
        transport: ``(networks,)``, α of each network that pays; they come first in the batch.
        density: ``(networks,)``, β of each.
        gradient: the gradients by all parameters; those of α · transport + β · density are added.
    """
    paying, layers = len(transport), len(experiment.penalised)
    positions = {k: position[:paying] for k, position in stack.positions.items()}
    into = {k: position[:paying] for k, position in gradient.positions.items()}
    sums = torch.zeros(2, paying, device=transport.device)
    for k in experiment.penalised:
        source, target = positions[k - 1], positions[k]
        weight = stack.weights[k - 1][:paying]
        total, by = transport_gradients(weight, source, target, experiment.strength)
        share = 1 / (layers * connections_or_units(source, target, experiment.transport_average))
        sums[0].add_(total, alpha=share)
        factor = (transport * share)[:, None, None]
        for sink, part in zip((gradient.weights[k - 1][:paying], into[k - 1], into[k]), by, strict=True):
            sink.addcmul_(part, factor)
        total, pull = density_gradients(target)
        share = 1 / (layers * target.shape[1] ** 2)
        sums[1].add_(total, alpha=share)
        into[k].addcmul_(pull, (density * share)[:, None, None])
    return Costs(*sums)


@torch.no_grad()
def accuracies(
    stack: Stack, inputs: Tensor, labels: Tensor, classes: Sequence[int], activation: str, block: int = 2048
) -> Tensor:
    """Measure the accuracy of every network on the same examples.

    Args:
        stack: the parameters.
        inputs: ``(examples, inputs)``.
        labels: ``(examples, tasks)``, -1 where an example is not of the task: it does not count.
        classes: the number of outputs of each task.
        activation: the name of the function after each hidden layer.
        block: how many examples are run at a time, to bound the memory.

    Returns:
        ``(networks, tasks)``, 0 to 1.
    """
    first = stack.weights[0]
    networks = first.shape[0]
    # All networks see the same examples: their first layers are one product, and the examples are read once.
    joined = first.transpose(0, 1).flatten(1)  # (inputs, networks · units)
    right = torch.zeros(networks, len(classes), device=inputs.device)
    for start in range(0, len(inputs), block):
        rows, label = inputs[start : start + block], labels[start : start + block]
        hidden = (rows @ joined).view(len(rows), networks, -1).transpose(0, 1) + stack.biases[0]
        outputs = _through(stack, ACTIVATIONS[activation](hidden), activation, start=1)
        for task, logits in enumerate(torch.split(outputs, list(classes), dim=-1)):
            right[:, task] += (logits.argmax(dim=-1) == label[:, task]).sum(dim=1)
    return right / (labels >= 0).sum(dim=0)
