"""One step of a batch of networks: their losses and costs, and the gradients of both, written out.

All that is large lies in memory that is reserved once: fresh memory is what a processor waits for most when many small
networks train. A step never waits for its device, and can be recorded and replayed on a GPU (`replay`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from .compiled import gpu_kernels
from .grid import Member, stretches
from .inputs import Batches
from .model import ACTIVATIONS, Stack
from .paid import Paid
from .settings import Experiment
from .ways import WAYS, Group, Way


class Step:
    """The losses, the costs and the gradient of a batch of networks, each shown its own examples.

    Args:
        experiment: the settings.
        members: the networks.
        classes: the number of outputs of each task.
        batches: gives the examples.
        stack: the parameters; they may change from call to call, in place.

    Attributes:
        gradient: with respect to all parameters, as the last call left it.
        task_loss: ``(networks, tasks)``, the sum of the losses of all calls; nats.
        cost: ``(networks,)``, the sum of what networks paid in all calls: each cost times its strength.
        paid: computes the costs, and adds their gradients.
        ways: the ways of training that its networks have: name, which networks, and what does it.
        taken: how many steps were taken before, an integer without axes; is to be set before every call.
    """

    def __init__(
        self,
        experiment: Experiment,
        members: Sequence[Member],
        classes: Sequence[int],
        batches: Batches,
        stack: Stack,
    ) -> None:
        self._experiment, self._classes, self._batches, self._stack = experiment, tuple(classes), batches, stack
        self._activation = ACTIVATIONS[experiment.activation]
        networks, like = stack.networks, stack.position
        self._kernels = gpu_kernels(like)
        self.seeds = tuple(dict.fromkeys(member.seed for member in members))
        of_seed = [self.seeds.index(member.seed) for member in members]
        self._of_seed, self._stretches = torch.tensor(of_seed, device=like.device), _stretches(of_seed)
        self.gradient = stack.zeros()
        self.task_loss = like.new_zeros(networks, len(classes))
        self.cost = like.new_zeros(networks)
        # The gradient with respect to hidden values overwrites them, layer by layer: the less memory is used, the more
        # of it fits the cache. Outputs lie class by class, for the softmax.
        examples, *hidden, outputs = (experiment.batch_size, *(bias.shape[2] for bias in stack.biases))
        self._inputs = like.new_empty(len(self.seeds), examples, batches.inputs)
        self._hidden = [like.new_empty(networks, examples, units) for units in hidden]
        self._below = like.new_empty(networks * examples * max(hidden))
        self._outputs = like.new_empty(networks, outputs, examples)
        self._outputs_gradient = torch.empty_like(self._outputs)
        self._minus_one = like.new_full((networks, len(classes), 1, examples), -1.0)
        self._alike = _alike(classes)
        self.paid = Paid(experiment, members, classes, stack, self.gradient)
        self.taken = torch.zeros((), dtype=torch.int64, device=like.device)
        self.ways = list(self._ways(members))

    def __call__(self, index: Tensor) -> None:
        """Compute the gradient, and add to the sums of losses.

        Args:
            index: which examples are shown, one of those that `Batches.order` returns for `seeds`.
        """
        self._batches.show(index, self._inputs.flatten(0, 1))
        labels = self._batches.labels(index)  # (tasks, seeds · batch)
        with products(self._experiment.precision, index.device):
            self._forward()
            self._losses(labels.view(len(self._classes), len(self.seeds), -1).transpose(0, 1))
            pulls = self.paid.by_activations(self._hidden, self.cost)
            self._backward(pulls)
        # The forces between close neurons are small differences of large numbers: they are always float32.
        self.paid.by_parameters(self.cost)

    def _ways(self, members: Sequence[Member]) -> Iterator[tuple[str, slice, Way]]:
        """Yield every way of training, and the networks that have it."""
        for name, make in WAYS.items():
            for networks in stretches(members, partial(_has, name)):
                some = members[networks]
                group = Group(
                    experiment=self._experiment,
                    stack=self._stack.some(networks),
                    values=[member.settings[name] for member in some],
                    seeds=[member.seed for member in some],
                    steps=self._batches.steps,
                    taken=self.taken,
                )
                yield name, networks, make(group)

    def clear(self) -> None:
        """Set the sums of losses to 0."""
        self.task_loss.zero_()
        self.cost.zero_()

    def _forward(self) -> None:
        weights, biases = self._stack.weights, self._stack.biases
        # A kernel adds the biases on the way: products that begin with them read what was written before them.
        plain = {"beta": 0} if self._kernels else {}
        for networks, seeds in self._stretches:
            hidden = self._hidden[0][networks]
            start = hidden if self._kernels else biases[0][networks]
            scale = self._batches.scale
            torch.baddbmm(start, self._inputs[seeds], weights[0][networks], alpha=scale, out=hidden, **plain)
        for k, hidden in enumerate(self._hidden[1:], start=1):
            start = hidden if self._kernels else biases[k]
            torch.baddbmm(start, self._emitted(k - 1), weights[k], out=hidden, **plain)
        torch.baddbmm(biases[-1].mT, weights[-1].mT, self._emitted(-1).mT, out=self._outputs)

    def _emitted(self, place: int) -> Tensor:
        """Replace the values of a hidden layer by what it emits."""
        values = self._hidden[place]
        if self._kernels:
            self._kernels.activate(values, self._stack.biases[:-1][place], self._experiment.activation)
        else:
            self._activation.apply(values)
        for _, networks, way in self.ways:
            way.forward(place % len(self._hidden) + 1, values[networks])
        return values

    def _losses(self, labels: Tensor) -> None:
        """Compute the cross-entropy of each task, a softmax over its own outputs, averaged over its own examples.

        Args:
            labels: ``(seeds, tasks, batch)``, -1 where an example is not of the task: it does not count.
        """
        if self._stack.networks > len(self.seeds):
            labels = labels.index_select(0, self._of_seed)
        scored = labels >= 0
        share = scored / scored.sum(dim=-1, keepdim=True).clamp_(min=1)
        label = labels.clamp(min=0)
        for tasks, outputs, classes in self._alike:
            shape = len(labels), -1, classes, labels.shape[-1]  # networks, tasks, classes, examples
            here, part = label[:, tasks, None], share[:, tasks, None]
            logarithm = torch.log_softmax(self._outputs[:, outputs].view(shape), dim=2)
            self.task_loss[:, tasks] -= logarithm.gather(2, here).mul_(part).sum(dim=(2, 3))
            error = logarithm.exp_().scatter_add_(2, here, self._minus_one[:, tasks])
            torch.mul(error, part / len(self._classes), out=self._outputs_gradient[:, outputs].view(shape))

    def _backward(self, pulls: Sequence[tuple[int, slice, Tensor]]) -> None:
        """Compute the gradient of the task losses, and of costs by way of what hidden layers emit (`pulls`)."""
        weights, into = self._stack.weights, self.gradient
        gradient = self._outputs_gradient.mT
        torch.sum(self._outputs_gradient, dim=2, out=into.biases[-1].squeeze(1))
        for k in range(len(weights) - 1, 0, -1):
            values = self._hidden[k - 1]
            torch.bmm(values.mT, gradient, out=into.weights[k])
            below = torch.bmm(gradient, weights[k].mT, out=self._below[: values.numel()].view_as(values))
            for place, networks, pull in pulls:
                if place == k - 1:
                    below[networks].add_(pull)
            for _, networks, way in self.ways:
                way.backward(k, below[networks], values[networks])
            if self._kernels:
                self._kernels.differentiate(below, values, into.biases[k - 1], self._experiment.activation)
            else:
                self._activation.differentiate(below, values)
                torch.sum(values, dim=1, keepdim=True, out=into.biases[k - 1])
            gradient = values
        for networks, seeds in self._stretches:
            sink = into.weights[0][networks]
            inputs = self._inputs[seeds].mT
            torch.baddbmm(sink, inputs, gradient[networks], beta=0, alpha=self._batches.scale, out=sink)


def _has(setting: str, member: Member) -> bool:
    return setting in member.settings


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[None]:
    """Let matrix products have a precision, as the setting names it, on a GPU, and then the one they had before."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" and device.type == "cuda" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _alike(classes: Sequence[int]) -> list[tuple[slice, slice, int]]:
    """Divide tasks into stretches with as many classes: those tasks, their outputs, and the number of classes of each.

    Example:
        >>> _alike([10, 10, 2])
        [(slice(0, 2, None), slice(0, 20, None), 10), (slice(2, 3, None), slice(20, 22, None), 2)]
    """
    stretches: list[tuple[slice, slice, int]] = []
    tasks = outputs = 0
    for count, stretch in itertools.groupby(classes):
        more = len(list(stretch))
        stretches.append((slice(tasks, tasks + more), slice(outputs, outputs + more * count), count))
        tasks, outputs = tasks + more, outputs + more * count
    return stretches


def _stretches(seeds: Sequence[int]) -> list[tuple[slice, slice]]:
    """Divide networks into stretches whose seeds follow one another: they see one stretch of the inputs.

    Example:
        >>> _stretches([0, 1, 2, 0])
        [(slice(0, 3, None), slice(0, 3, None)), (slice(3, 4, None), slice(0, 1, None))]
    """
    starts = [k for k, seed in enumerate(seeds) if k == 0 or seed != seeds[k - 1] + 1]
    ends = [*starts[1:], len(seeds)]
    return [
        (slice(start, end), slice(seeds[start], seeds[start] + end - start))
        for start, end in zip(starts, ends, strict=True)
    ]
