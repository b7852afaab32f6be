"""The training of one batch of networks: epochs, history, and the state that a checkpoint holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spatialgraph.network import Evaluation

from .adam import Adam, Group
from .checks import SettingError
from .grid import Batch
from .inputs import Batches
from .model import Stack, accuracies, initial_stack, layer_sizes
from .paid import payers
from .placed import in_file
from .replay import Replayed
from .settings import Experiment
from .step import Step

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Trained:
    """What a batch of networks has become.

    Attributes:
        experiment: the settings.
        batch: the networks.
        sizes: the number of units of every layer, the input first.
        classes: the number of outputs of each task.
        epoch: how many epochs they were trained for.
        device: where.
        arrays: their parameters, ``(networks, …)``, named as `Stack.named` does.
        history: quantity to ``(epochs, networks)`` or ``(epochs, networks, tasks)``; costs are of those that pay.
    """

    experiment: Experiment
    batch: Batch
    sizes: tuple[int, ...]
    classes: tuple[int, ...]
    epoch: int
    device: str
    arrays: Arrays
    history: Arrays

    def history_of(self, index: int) -> Arrays:
        """Return the history of one network: quantity to ``(epochs,)`` or ``(epochs, tasks)``."""
        every = list(range(len(self.batch.members)))
        columns = {name: payers(self.batch.members).get(name, every) for name in self.history}
        return {
            name: values[:, columns[name].index(index)]
            for name, values in self.history.items()
            if index in columns[name]
        }


class Training:
    """A batch of networks in training, one step for all of them.

    Args:
        experiment: the settings.
        batch: the networks.
        batches: gives every network its examples.
        evaluation: the held-out examples whose accuracy is measured after every epoch.
        classes: the number of outputs of each task.
        device: where the parameters live.
        validation: the examples set aside from training, whose accuracy is measured too; None if there are none.
    """

    def __init__(
        self,
        experiment: Experiment,
        batch: Batch,
        batches: Batches,
        evaluation: Evaluation,
        classes: Sequence[int],
        device: torch.device,
        validation: Evaluation | None = None,
    ) -> None:
        self.experiment = experiment
        self.batch = batch
        self.classes = tuple(classes)
        self.epoch = 0
        self.history: dict[str, list[NDArray[np.float32]]] = {}
        self._batches = batches
        self._held_out = _on_device(evaluation, device)
        self._validation = None if validation is None else _on_device(validation, device)
        self.sizes = layer_sizes(experiment, batches.inputs, sum(classes))
        self.stack: Stack = initial_stack(experiment, self.sizes, batch.members, device)
        self._step = Step(experiment, batch.members, classes, batches, self.stack)
        rates = [member.learning_rate for member in batch.members]
        self._adam = _adam(self.stack, self._step.gradient, rates, self._step.paid.learned)
        # A recorded step reads its index from one place.
        shown = len(classes), len(self._step.seeds) * experiment.batch_size
        self._index = torch.zeros(shown, dtype=torch.int32, device=device)
        self._orders: dict[int, Tensor] = {}
        # A function of its own, which does not refer to this object: its memory is free as soon as nobody has it.
        self._take = Replayed(partial(_learn, self._step, self._adam, self._index), device)

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return self._batches.steps

    def _order(self, epoch: int) -> Tensor:
        """Return the order of the examples of an epoch, and remember it alone."""
        if epoch not in self._orders:
            self._orders = {epoch: self._batches.order(self._step.seeds, epoch)}
        return self._orders[epoch]

    def run_epoch(self, after_step: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Train for one epoch.

        Args:
            after_step: called after each step with the number of steps taken since the start of training.

        Returns:
            the accuracy of every network, ``(networks, tasks)``, 0 to 1.
        """
        self._step.clear()
        order = self._order(self.epoch).to(self._index.device, non_blocking=True)
        for taken, index in enumerate(order, self.epoch * self.steps + 1):
            self._index.copy_(index)
            self._step.taken.fill_(taken - 1)
            self._take()
            for _, _, way in self._step.ways:
                way.between_steps(taken)
            if after_step:
                after_step(taken)
        if self.epoch + 1 < self.experiment.epochs:
            self._order(self.epoch + 1)  # is drawn while a GPU still works through the steps
        task_loss = self._step.task_loss / self.steps
        accuracy = self._accuracy(*self._held_out)
        loss = task_loss.mean(dim=1) + self._step.cost / self.steps
        # Leaves gradients and a sum that the next step replaces. Costs of activations are those of the last step.
        self._step.paid.by_parameters(self._step.cost)
        recorded = {"loss": loss, "task_loss": task_loss, "accuracy": accuracy, **self._step.paid.values}
        if self._validation is not None:
            recorded["validation_accuracy"] = self._accuracy(*self._validation)
        for name, values in recorded.items():
            self.history.setdefault(name, []).append(values.cpu().numpy().copy())  # a copy: costs are replaced in place
        self.epoch += 1
        return self.history["accuracy"][-1]

    def _accuracy(self, inputs: Tensor, labels: Tensor) -> Tensor:
        return accuracies(self.stack, inputs, labels, self.classes, self.experiment.activation)

    def trained(self) -> Trained:
        """Return the networks as they are now, as arrays in host memory."""
        return Trained(
            experiment=self.experiment,
            batch=self.batch,
            sizes=self.sizes,
            classes=self.classes,
            epoch=self.epoch,
            device=str(self.stack.position.device),
            arrays={name: tensor.cpu().numpy() for name, tensor in self.stack.named()},
            history={name: np.stack(values) for name, values in self.history.items()},
        )

    def state(self) -> Arrays:
        """Return everything that is needed to resume training: parameters, Adam's moments, history."""
        trained = self.trained()
        kept = {name: tensor.detach().cpu().numpy() for name, tensor in self._kept()}
        return trained.arrays | kept | {f"history/{name}": values for name, values in trained.history.items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]], epoch: int) -> None:
        """Go on from a state that `state` returned after so many epochs.

        Raises:
            SettingError: it is the state of another version of this program, or not of so many epochs; or the file of
                positions is another one by now.
        """
        self._require_history(arrays, epoch)
        began = self.stack.position.clone()
        for name, tensor in self.stack.named():
            _fill(tensor, arrays, name)
        self._require_placed(began)
        for name, tensor in self._kept():
            _fill(tensor.data, arrays, name)
        self.history = {
            name.removeprefix("history/"): list(values)
            for name, values in arrays.items()
            if name.startswith("history/")
        }
        self.epoch = epoch

    def _require_placed(self, began: Tensor) -> None:
        """Raise SettingError if positions of files are not those of the state: costs are computed from both."""
        for network, member in enumerate(self.batch.members):
            if in_file(member.positions) and not torch.equal(began[network], self.stack.position[network]):
                raise SettingError(
                    f"positions of {member.name}: expected those with which its training began, found others in "
                    f"{member.positions}: put back a copy of that file, or choose another --out"
                )

    def _require_history(self, arrays: Mapping[str, NDArray[Any]], epoch: int) -> None:
        networks = len(self.batch.members)
        wanted = {"loss": (networks,), "task_loss": (networks, len(self.classes))}
        wanted["accuracy"] = wanted["task_loss"]
        wanted |= {} if self._validation is None else {"validation_accuracy": wanted["task_loss"]}
        wanted |= {cost: (len(own),) for cost, own in payers(self.batch.members).items()}
        for name, shape in wanted.items():
            _require_shape(arrays, f"history/{name}", (epoch, *shape))

    def _kept(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the numbers, besides parameters, that training goes on from: of Adam, of costs, of ways of training."""
        for name, tensor, _ in self._step.paid.learned:
            yield name, tensor
        for way_name, networks, way in self._step.ways:
            for name, tensor in way.state.items():
                yield f"way/{way_name}/{networks.start}/{name}", tensor
        for name, tensor in self._adam.state():
            yield f"adam/{name}", tensor


def _learn(step: Step, adam: Adam, index: Tensor) -> None:
    """Move every network by one step, shown the examples of the index."""
    step(index)
    adam.step()
    for _, _, way in step.ways:
        way.after_step()


def _fill(tensor: Tensor, arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    """Copy an array of a state into a tensor."""
    _require_shape(arrays, name, tuple(tensor.shape))
    tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def _require_shape(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> None:
    """Raise SettingError unless a state has an array of this shape."""
    found = arrays[name].shape if name in arrays else None
    if found != shape:
        raise SettingError(
            f"expected {name!r} of shape {shape}, found {found or 'nothing'}: the state of another "
            "version; finish the run with the one that it began with, or remove the file to train its networks anew"
        )


def _on_device(evaluation: Evaluation, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the inputs and the labels of examples on a device."""
    arrays = evaluation.values(evaluation.inputs), evaluation.labels
    inputs, labels = (torch.from_numpy(np.array(array)).to(device) for array in arrays)
    return inputs, labels


def _adam(stack: Stack, gradient: Stack, rates: Sequence[float], learned: Iterable[tuple[str, Tensor, float]]) -> Adam:
    """Make one Adam for all networks, with a group for each stretch of networks of one learning rate.

    Groups of the parameters that costs have of their own follow.
    """
    groups = []
    start = 0
    for rate, stretch in itertools.groupby(rates):
        stop = start + len(list(stretch))
        moved, gradients = ([tensor[start:stop] for tensor in own.tensors] for own in (stack, gradient))
        groups.append(Group(rate, moved, gradients))
        start = stop
    return Adam([*groups, *(Group(rate, [own], [own.grad]) for _, own, rate in learned if own.grad is not None)])
