"""The training of one batch of networks: epochs, history, and the state that a checkpoint holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spatialgraph.network import Evaluation

from .inputs import Batches
from .model import Stack, accuracies, costs, forward, initial_stack, layer_sizes, task_losses
from .settings import Batch, Experiment, Member

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
        sizes = layer_sizes(experiment, batches.inputs, sum(classes))
        self.stack: Stack = initial_stack(experiment, sizes, batch.members, device)
        self._paying = sum(member.penalised for member in batch.members)
        paying = batch.members[: self._paying]
        self._transport = torch.tensor([member.transport for member in paying], device=device)
        self._density = torch.tensor([member.density for member in paying], device=device)
        # Positions move only where a cost is paid; without one they would have no gradient.
        self._leaves = [t for name, t in self.stack.named() if self._paying or not name.startswith("position/")]
        self._views, self._adam = self._optimiser()

    def _optimiser(self) -> tuple[list[list[Tensor]], torch.optim.Adam]:
        """Make one Adam for all networks, with a parameter group for each stretch of equal learning rates.

        Groups hold views into the stacked parameters, so that networks with different rates train side by side.
        """
        groups, views = [], []
        for rate, (start, stop) in _stretches(self.batch.members):
            views.append([leaf.detach()[start:stop].requires_grad_() for leaf in self._leaves])
            groups.append({"params": views[-1], "lr": rate})
        return views, torch.optim.Adam(groups, fused=True)

    def _step(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of every network; return its loss, ``(networks,)``, and task losses ``(networks, tasks)``."""
        outputs = forward(self.stack, inputs, self.experiment.activation)
        by_task = task_losses(outputs, labels, self.classes)
        loss = by_task.mean(dim=1)
        if self._paying:
            transport, density = costs(self.experiment, self.stack, self._paying)
            paid = self._transport * transport + self._density * density
            loss = loss + torch.nn.functional.pad(paid, (0, len(loss) - self._paying))
        # The networks share nothing, so the gradient of the sum is each network's own.
        gradients = torch.autograd.grad(loss.sum(), self._leaves)
        for (_, (start, stop)), views in zip(_stretches(self.batch.members), self._views, strict=True):
            for view, gradient in zip(views, gradients, strict=True):
                view.grad = gradient[start:stop]
        self._adam.step()
        return loss.detach(), by_task.detach()

    def run_epoch(self) -> NDArray[np.float32]:
        """Train for one epoch and return the accuracy of every network, ``(networks, tasks)``."""
        seeds = [member.seed for member in self.batch.members]
        sums: tuple[Tensor, Tensor] | None = None
        for inputs, labels in self._batches.epoch(seeds, self.epoch):
            step = self._step(inputs, labels)
            sums = step if sums is None else (sums[0] + step[0], sums[1] + step[1])
        if sums is None:
            raise RuntimeError("an epoch without a single step")
        accuracy = accuracies(
            self.stack, self._test_inputs, self._test_labels, self.classes, self.experiment.activation
        )
        with torch.no_grad():
            transport, density = costs(self.experiment, self.stack, self._paying)
        for name, values in {
            "loss": sums[0] / self._batches.steps,
            "task_loss": sums[1] / self._batches.steps,
            "accuracy": accuracy,
            "transport": transport,
            "density": density,
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
        with torch.no_grad():
            for name, tensor in self.stack.named():
                tensor.copy_(torch.from_numpy(np.array(arrays[name])))
            # Adam makes its moments at the first step; a step of no length makes them without moving anything.
            for views in self._views:
                for view in views:
                    view.grad = torch.zeros_like(view)
        rates = [group["lr"] for group in self._adam.param_groups]
        for group in self._adam.param_groups:
            group["lr"] = 0.0
        self._adam.step()
        for group, rate in zip(self._adam.param_groups, rates, strict=True):
            group["lr"] = rate
        for name, tensor in self._moments():
            tensor.copy_(torch.from_numpy(np.array(arrays[f"adam/{name}"])))
        self.history = {
            name.removeprefix("history/"): list(values)
            for name, values in arrays.items()
            if name.startswith("history/")
        }
        self.epoch = epoch

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for group, views in enumerate(self._views):
            for number, view in enumerate(views):
                for name, tensor in self._adam.state[view].items():
                    yield f"{group}/{number}/{name}", tensor


def _stretches(members: Sequence[Member]) -> list[tuple[float, tuple[int, int]]]:
    """Return each learning rate with the first and the last network (excluded) of a stretch that has it."""
    stretches, start = [], 0
    for rate, group in itertools.groupby(members, key=lambda member: member.learning_rate):
        stop = start + len(list(group))
        stretches.append((rate, (start, stop)))
        start = stop
    return stretches
