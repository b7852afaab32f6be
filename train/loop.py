"""The training of one batch of networks: epochs, history, and the state that a checkpoint holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spatialgraph.network import Evaluation

from .grid import Batch
from .inputs import Batches
from .model import Costs, Stack, accuracies, add_costs, forward, initial_stack, layer_sizes, task_losses
from .settings import Experiment

Arrays = dict[str, NDArray[Any]]


class Training:
    """A batch of networks in training, one step for all of them.

    Args:
        experiment: the settings.
        batch: the networks; those that pay costs come first.
        batches: gives every network its examples.
        evaluation: the held-out examples whose accuracy is measured after every epoch.
        classes: the number of outputs of each task.
        device: where the parameters live.
    """

    def __init__(
        self,
        experiment: Experiment,
        batch: Batch,
        batches: Batches,
        evaluation: Evaluation,
        classes: Sequence[int],
        device: torch.device,
    ) -> None:
        self.experiment = experiment
        self.batch = batch
        self.classes = tuple(classes)
        self.epoch = 0
        self.history: dict[str, list[NDArray[np.float32]]] = {}
        self._batches = batches
        self._test_inputs = torch.from_numpy(np.array(evaluation.values(evaluation.inputs))).to(device)
        self._test_labels = torch.from_numpy(np.array(evaluation.labels)).to(device)
        self.sizes = layer_sizes(experiment, batches.inputs, sum(classes))
        self.stack: Stack = initial_stack(experiment, self.sizes, batch.members, device)
        self._shapes = {name: tuple(tensor.shape[1:]) for name, tensor in self.stack.named()}
        # The task losses are differentiated automatically, by leaves that share the parameters' memory; the costs'
        # gradients are added to them, and one Adam moves the whole matrix.
        self._leaves = [leaf.detach().requires_grad_() for leaf in (*self.stack.weights, *self.stack.biases)]
        self._gradient = torch.zeros_like(self.stack.flat)
        self._gradients = Stack.of(self._gradient, self._shapes)
        paying = [member for member in batch.members if member.penalised]
        self._transport = torch.tensor([member.transport for member in paying], device=device)
        self._density = torch.tensor([member.density for member in paying], device=device)
        self._rows, self._adam = self._optimiser()

    def _optimiser(self) -> tuple[list[Tensor], torch.optim.Adam]:
        """Make one Adam for all networks, with a group of rows for each stretch of equal learning rates."""
        rows: list[Tensor] = []
        groups = []
        for rate, stretch in itertools.groupby(self.batch.members, key=lambda member: member.learning_rate):
            start = sum(row.shape[0] for row in rows)
            stop = start + len(list(stretch))
            rows.append(self.stack.flat[start:stop].detach().requires_grad_())
            rows[-1].grad = self._gradient[start:stop]
            groups.append({"params": rows[-1:], "lr": rate})
        return rows, torch.optim.Adam(groups, fused=True)

    def _step(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of every network; return its loss, ``(networks,)``, and task losses ``(networks, tasks)``."""
        depth = len(self.stack.weights)
        leaves = Stack(self.stack.flat, tuple(self._leaves[:depth]), tuple(self._leaves[depth:]), {})
        outputs = forward(leaves, inputs, self.experiment.activation)
        by_task = task_losses(outputs, labels, self.classes)
        # The networks share nothing, so the gradient of the sum is each network's own.
        found = torch.autograd.grad(by_task.mean(dim=1).sum(), self._leaves)
        for sink, part in zip((*self._gradients.weights, *self._gradients.biases), found, strict=True):
            sink.copy_(part)
        loss = by_task.detach().mean(dim=1)
        if len(self._transport):
            for sink in self._gradients.positions.values():
                sink.zero_()
            paid = add_costs(self.experiment, self.stack, self._transport, self._density, self._gradients)
            loss[: len(self._transport)] += self._transport * paid.transport + self._density * paid.density
        self._adam.step()
        return loss, by_task.detach()

    def _costs(self) -> Costs:
        """Return the costs of the networks that pay, as they are now."""
        scratch = Stack.of(torch.zeros_like(self._gradient), self._shapes)
        return add_costs(self.experiment, self.stack, self._transport, self._density, scratch)

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return self._batches.steps

    def run_epoch(self, after_step: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Train for one epoch.

        Args:
            after_step: called after each step with the number of steps taken since the start of training.

        Returns:
            the accuracy of every network, ``(networks, tasks)``, 0 to 1.
        """
        seeds = [member.seed for member in self.batch.members]
        sums: tuple[Tensor, Tensor] | None = None
        for taken, (inputs, labels) in enumerate(self._batches.epoch(seeds, self.epoch), self.epoch * self.steps + 1):
            step = self._step(inputs, labels)
            sums = step if sums is None else (sums[0] + step[0], sums[1] + step[1])
            if after_step:
                after_step(taken)
        if sums is None:
            raise RuntimeError("an epoch without a single step")
        accuracy = accuracies(
            self.stack, self._test_inputs, self._test_labels, self.classes, self.experiment.activation
        )
        costs = self._costs()
        for name, values in {
            "loss": sums[0] / self._batches.steps,
            "task_loss": sums[1] / self._batches.steps,
            "accuracy": accuracy,
            "transport": costs.transport,
            "density": costs.density,
        }.items():
            self.history.setdefault(name, []).append(values.cpu().numpy())
        self.epoch += 1
        return self.history["accuracy"][-1]

    def member_history(self, index: int) -> dict[str, NDArray[np.float32]]:
        """Return the history of one network: quantity to ``(epochs,)`` or ``(epochs, tasks)``."""
        kept = {name: np.stack(values) for name, values in self.history.items()}
        return {name: values[:, index] for name, values in kept.items() if index < values.shape[1]}

    def state(self) -> Arrays:
        """Return everything that training goes on from: parameters, Adam's moments, history."""
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in self.stack.named()}
        for name, tensor in self._moments():
            arrays[f"adam/{name}"] = tensor.cpu().numpy()
        return arrays | {f"history/{name}": np.stack(values) for name, values in self.history.items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]], epoch: int) -> None:
        """Go on from a state that `state` returned after so many epochs."""
        for name, tensor in self.stack.named():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))
        # Adam makes its moments at the first step; one with a gradient of 0 makes them without moving anything.
        self._gradient.zero_()
        self._adam.step()
        for name, tensor in self._moments():
            tensor.copy_(torch.from_numpy(np.array(arrays[f"adam/{name}"])))
        self.history = {
            name.removeprefix("history/"): list(values)
            for name, values in arrays.items()
            if name.startswith("history/")
        }
        self.epoch = epoch

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for group, row in enumerate(self._rows):
            for name, tensor in self._adam.state[row].items():
                yield f"{group}/{name}", tensor
