"""Many networks of one shape as one: stacked parameters, how they begin, and how accurate they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .grid import Member
from .placed import in_file, read_positions
from .settings import Experiment


@dataclass(frozen=True)
class Activation:
    """A function after each hidden layer, and its derivative, both in place.

    Attributes:
        apply: replaces numbers by the function's values.
        differentiate: of ``(gradient, values)``, replaces values of the function by the gradient times its derivative
            there.
    """

    apply: Callable[[Tensor], Tensor]
    differentiate: Callable[[Tensor, Tensor], Tensor]


_ATEN = torch.ops.aten  # what PyTorch differentiates these functions by, in one pass

ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(torch.sigmoid_, lambda g, v: _ATEN.sigmoid_backward.grad_input(g, v, grad_input=v)),
    "tanh": Activation(torch.tanh_, lambda g, v: _ATEN.tanh_backward.grad_input(g, v, grad_input=v)),
    "clipped-relu": Activation(
        lambda x: x.clamp_(0, 1), lambda g, v: _ATEN.hardtanh_backward.grad_input(g, v, 0, 1, grad_input=v)
    ),
    "relu": Activation(torch.relu_, lambda g, v: _ATEN.threshold_backward.grad_input(g, v, 0, grad_input=v)),
}

EVALUATION_BLOCK = 1024
"""How many held-out examples pass at a time."""

# Streams of random numbers that depend on a network's seed alone; the order of examples has its own (`inputs`).
_WEIGHTS, _POSITIONS, _PLACES = 1, 2, 6


@dataclass(frozen=True)
class Stack:
    """The parameters of a batch of networks, or numbers of the same shapes, such as their gradient.

    Attributes:
        weights: for each layer after the input, ``(networks, source units, units)``.
        biases: for each layer after the input, ``(networks, 1, units)``.
        position: ``(networks, units, dim)``, of the penalised layers and their sources, one after another.
        units: layer number to the stretch of `position` that is of its units.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    position: Tensor
    units: Mapping[int, slice]

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return self.position.shape[0]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor, always in the same order."""
        return (*self.weights, *self.biases, self.position)

    @classmethod
    def of(cls, tensors: Sequence[Tensor], units: Mapping[int, slice]) -> Stack:
        """Return the stack of tensors in the order of `tensors`."""
        depth = len(tensors) // 2
        return cls(tuple(tensors[:depth]), tuple(tensors[depth : 2 * depth]), tensors[-1], units)

    def some(self, networks: slice) -> Stack:
        """Return some networks, which share the memory."""
        return Stack.of([tensor[networks] for tensor in self.tensors], self.units)

    def zeros(self) -> Stack:
        """Return zeros of the same shapes."""
        return Stack.of([torch.zeros_like(tensor) for tensor in self.tensors], self.units)

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every parameter with a name, always in the same order."""
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            yield f"weight/{k}", weight
            yield f"bias/{k}", bias
        for k, units in self.units.items():
            yield f"position/{k}", self.position[:, units]


def layer_sizes(experiment: Experiment, inputs: int, outputs: int) -> tuple[int, ...]:
    """Return the number of units of every layer, the input first."""
    return (inputs, *experiment.hidden, outputs)


def positioned(experiment: Experiment) -> tuple[int, ...]:
    """Return the numbers of the layers whose neurons have positions: the penalised ones and their sources."""
    return tuple(sorted({k for layer in experiment.penalised for k in (layer - 1, layer)}))


def initial_parameters(
    experiment: Experiment, sizes: Sequence[int], seed: int, positions: str = "learned"
) -> dict[str, np.ndarray]:
    """Draw the initial parameters of one network, named as `Stack.named` does.

    Args:
        experiment: the settings.
        sizes: the number of units of every layer, the input first.
        seed: of the network.
        positions: how they begin (`spatialgraph.train.kinds.POSITIONS`), or the file that they are of: weights do not
            depend on it.

    Raises:
        SettingError: the file does not have them.
    """
    draw = np.random.default_rng([seed, _WEIGHTS])
    arrays: dict[str, np.ndarray] = {}
    for k, (source, size) in enumerate(itertools.pairwise(sizes), start=1):
        bound = source**-0.5
        weight = draw.uniform(-bound, bound, (source, size)) * experiment.initial_gain
        arrays[f"weight/{k}"] = weight.astype(np.float32)
        arrays[f"bias/{k}"] = draw.uniform(-bound, bound, (1, size)).astype(np.float32)
    shapes = {k: (sizes[k], experiment.dimensions) for k in positioned(experiment)}
    if in_file(positions):
        return arrays | {f"position/{k}": own for k, own in read_positions(positions, shapes).items()}
    on_grid = positions == "grid"
    draw = np.random.default_rng([seed, _PLACES if on_grid else _POSITIONS])
    for k, shape in shapes.items():
        # Places of the grid are dealt out at random: else the outputs of a task would lie side by side.
        drawn = draw.permutation(grid(*shape)) if on_grid else draw.standard_normal(shape, dtype=np.float32)
        arrays[f"position/{k}"] = drawn
    return arrays


def grid(units: int, dimensions: int) -> NDArray[np.float32]:
    """Return places of a regular grid, as wide as possible alike in all directions, centred, of variance 1 in each.

    The last row is not full where no rectangle has as many places. A direction with a single place has variance 0.

    Returns:
        ``(units, dimensions)``.

    Example:
        >>> grid(4, 2).tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    side = next(side for side in itertools.count(1) if side**dimensions >= units)
    places = np.stack(np.unravel_index(np.arange(units), (side,) * dimensions), axis=1).astype(float)
    spread = places.std(axis=0)
    scaled: NDArray[np.float32] = ((places - places.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(
        np.float32
    )
    return scaled


def initial_stack(
    experiment: Experiment, sizes: Sequence[int], members: Sequence[Member], device: torch.device
) -> Stack:
    """Draw the initial parameters of a batch; a network's own depend on its seed and how its positions begin alone."""
    starts = {(member.seed, member.positions) for member in members}
    drawn = {start: initial_parameters(experiment, sizes, *start) for start in starts}
    layers = positioned(experiment)
    ends = np.cumsum([sizes[k] for k in layers]).tolist()

    def stacked(*names: str) -> Tensor:
        own = {start: np.concatenate([arrays[name] for name in names]) for start, arrays in drawn.items()}
        return torch.from_numpy(np.stack([own[member.seed, member.positions] for member in members])).to(device)

    tensors = [stacked(f"{part}/{k}") for part in ("weight", "bias") for k in range(1, len(sizes))]
    position = stacked(*(f"position/{k}" for k in layers))
    units = {k: slice(end - sizes[k], end) for k, end in zip(layers, ends, strict=True)}
    return Stack.of([*tensors, position], units)


@torch.no_grad()
def accuracies(
    stack: Stack,
    inputs: Tensor,
    labels: Tensor,
    classes: Sequence[int],
    activation: str,
    block: int = EVALUATION_BLOCK,
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
        for weight, bias in zip(stack.weights[1:], stack.biases[1:], strict=True):
            hidden = torch.baddbmm(bias, ACTIVATIONS[activation].apply(hidden), weight)
        for task, logits in enumerate(torch.split(hidden, list(classes), dim=-1)):
            right[:, task] += (logits.argmax(dim=-1) == label[:, task]).sum(dim=1)
    return right / (labels >= 0).sum(dim=0)
