"""Input modes: how examples of several tasks become the input of one network, in training and when it is judged.

A mode is one function with one decorator. Everything else follows from it: the order of examples, the assembly of
batches on the device, the held-out inputs and the probes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spatialgraph.network import Evaluation
from spatialgraph.registry import Registry

from .checks import SettingError
from .compiled import gpu_kernels
from .data import Dataset, Examples

INPUT_MODES: Registry[Callable[[Sequence[Dataset]], InputMode], None] = Registry("input mode")
"""Every input mode, by name. A function of the data sets, one for each task, that returns an `InputMode`; it raises
`SettingError` if the mode cannot have these data sets."""

_SCALE = 1 / 255  # a white pixel is 1

# Streams of random numbers that a seed is split into; 1 and 2 are those of the initial weights and positions.
_ORDER, _TURNS, _PROBES = 3, 4, 5

# Probes: sets of examples in which one task's input varies, and examples in each.
_GROUPS, _PROBE_EXAMPLES = 16, 64


@dataclass(frozen=True)
class InputMode:
    """How examples of several tasks become one input.

    Attributes:
        inputs: the size of the network's input.
        together: True if an input shows an example of every task, False if it shows an example of one of them.
        combine: makes inputs of images, one tensor ``(examples, pixels)`` for each task, uint8, all black where an
            input shows no example of the task. Returns ``(examples, inputs)``, numbers in which 255 is a white pixel.
        images: rows and columns of the images that an input is made of, one after the other, row by row; empty if an
            input is no row of images.
        places: where `combine` does nothing but add images to inputs that are black, the input that the first pixel of
            each task is added to; else empty. A GPU then adds them in one pass.
    """

    inputs: int
    together: bool
    combine: Callable[[Sequence[Tensor]], Tensor]
    images: tuple[tuple[int, int], ...] = ()
    places: tuple[int, ...] = ()


def input_mode(name: str, datasets: Sequence[Dataset]) -> InputMode:
    """Return an input mode for these data sets, one for each task.

    Raises:
        ValueError: there is no such mode.
        SettingError: the mode cannot have these data sets.
    """
    return INPUT_MODES[name](datasets)


@INPUT_MODES.register("concatenate", None)
def concatenate(datasets: Sequence[Dataset]) -> InputMode:
    """Show one example of each task, side by side."""
    inputs = sum(dataset.pixels for dataset in datasets)
    images = tuple(dataset.image_shape for dataset in datasets)
    places = tuple(itertools.accumulate((dataset.pixels for dataset in datasets[:-1]), initial=0))
    return InputMode(inputs, True, lambda shown: torch.cat(list(shown), dim=-1), images, places)


@INPUT_MODES.register("mix", None)
def mix(datasets: Sequence[Dataset]) -> InputMode:
    """Show one example of each task, added pixel by pixel."""
    places = (0,) * len(datasets)
    return InputMode(_same_pixels("mix", datasets), True, _add, _one_image(datasets), places)


@INPUT_MODES.register("sequential", None)
def sequential(datasets: Sequence[Dataset]) -> InputMode:
    """Show one example of one task at a time."""
    places = (0,) * len(datasets)
    return InputMode(_same_pixels("sequential", datasets), False, _add, _one_image(datasets), places)


def _same_pixels(mode: str, datasets: Sequence[Dataset]) -> int:
    pixels = {dataset.pixels for dataset in datasets}
    if len(pixels) > 1:
        sizes = ", ".join(f"{dataset.name} with {dataset.pixels}" for dataset in datasets)
        raise SettingError(f"inputs: {mode!r} expects data sets with the same number of pixels, found {sizes}")
    return pixels.pop()


def _one_image(datasets: Sequence[Dataset]) -> tuple[tuple[int, int], ...]:
    """Return the shape that the images of all data sets have, as a list of one; none if they differ."""
    shapes = {dataset.image_shape for dataset in datasets}
    return tuple(shapes) if len(shapes) == 1 else ()


_MOST_IN_INT16 = 128  # images whose sum 16 bits hold; a byte holds one


def _add(images: Sequence[Tensor]) -> Tensor:
    total = images[0].to(torch.int16 if len(images) <= _MOST_IN_INT16 else torch.int32)
    for image in images[1:]:
        total += image
    return total


@dataclass(frozen=True, eq=False)
class _Task:
    """The examples of one task on a device, followed by one that stands for none: all black, of class -1.

    Attributes:
        images: ``(examples + 1, pixels)`` uint8.
        labels: ``(examples + 1,)`` int64.
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, examples: Examples, device: torch.device) -> _Task:
        none = np.zeros_like(examples.images[:1])
        images = torch.from_numpy(np.concatenate([examples.images, none])).to(device)
        return cls(images, torch.from_numpy(np.append(examples.labels, -1)).to(device))

    @property
    def examples(self) -> int:
        """The number of examples, which is also the index of the one that stands for none."""
        return len(self.labels) - 1


@dataclass(frozen=True, eq=False)
class _Adder:
    """Images of all tasks on a GPU, and the kernels that add them to inputs (`gpu.show` has the shapes)."""

    images: Tensor
    layout: Tensor
    kernels: ModuleType

    @classmethod
    def of(cls, mode: InputMode, tasks: Sequence[_Task]) -> _Adder | None:
        """Return what shows examples of tasks, None where that takes more than adding, or there are no kernels."""
        device = tasks[0].images.device
        kernels = gpu_kernels(torch.empty(0, device=device)) if mode.places else None
        if kernels is None:
            return None
        images = torch.cat([task.images.flatten() for task in tasks])
        starts = itertools.accumulate((task.images.numel() for task in tasks[:-1]), initial=0)
        pixels = (task.images.shape[1] for task in tasks)
        layout = torch.tensor(list(zip(starts, pixels, mode.places, strict=True)), device=device)
        return cls(images, layout, kernels)

    def show(self, index: Tensor, out: Tensor) -> None:
        """Write the inputs that show the examples of an index, as `Batches.show` does."""
        self.kernels.show(self.images, self.layout, index, out)


def _combined(mode: InputMode, tasks: Sequence[_Task], index: Tensor) -> Tensor:
    """Return the inputs that show the examples of an index ``(tasks, examples)``: ``(examples, inputs)``."""
    return mode.combine([task.images.index_select(0, rows) for task, rows in zip(tasks, index, strict=True)])


class Batches:
    """The training examples of every task on a device, put together as batches for many networks at once.

    An epoch shows as many examples of every task as the longest data set has:
    the longest one once, in a random order, and a shorter one from where the epoch before left off, again in a new
    order whenever it is through. If an input shows every task, there are so many inputs; if it shows one task, there
    are so many for each task, which take turns in a random order.

    The last examples of an epoch are dropped if they do not fill a batch. The order depends on nothing but the seed,
    the epoch and the data sets' lengths: networks of one seed see the same examples, and a run that was stopped needs
    no state to carry on.

    Args:
        mode: the name of an input mode.
        datasets: one for each task.
        batch: examples of a batch.
        device: where the examples lie and the batches are made.

    Attributes:
        inputs: the size of the input.
        steps: batches of an epoch.
        scale: the factor that makes a white pixel 1 in the inputs that `show` writes.

    Raises:
        ValueError: there is no such mode.
        SettingError: the mode cannot have these data sets, or a batch is larger than an epoch.

    Example:
        >>> part = Examples(np.arange(8, dtype=np.uint8).reshape(4, 2), np.arange(4))
        >>> datasets = [Dataset(name, part, part, 4, (1, 2)) for name in ("one", "other")]
        >>> batches = Batches("concatenate", datasets, batch=2, device=torch.device("cpu"))
        >>> batches.inputs, batches.steps
        (4, 2)
        >>> inputs, labels = next(batches.epoch(seeds=[0, 1, 0], epoch=0))
        >>> tuple(inputs.shape), tuple(labels.shape), torch.equal(inputs[0], inputs[2])
        ((3, 2, 4), (3, 2, 2), True)
    """

    def __init__(self, mode: str, datasets: Sequence[Dataset], batch: int, device: torch.device) -> None:
        self._mode = input_mode(mode, datasets)
        self._tasks = [_Task.of(dataset.train, device) for dataset in datasets]
        self._adder = _Adder.of(self._mode, self._tasks)
        self._longest = max(task.examples for task in self._tasks)
        examples = self._longest if self._mode.together else self._longest * len(self._tasks)
        self._batch = batch
        self._device = device
        self.inputs = self._mode.inputs
        self.scale = _SCALE
        self.steps = examples // batch
        if not self.steps:
            raise SettingError(f"batch_size: expected at most {examples}, the examples of an epoch, found {batch}")

    def order(self, seeds: Sequence[int], epoch: int) -> Tensor:
        """Return which examples are shown in an epoch, in memory that the device can copy from while it works.

        Args:
            seeds: different ones.
            epoch: its number, from 0.

        Returns:
            ``(steps, tasks, seeds · batch)`` int32 on the CPU; each step is an index that, on the device, `show` and
            `labels` take.
        """
        tasks, on_gpu = len(self._tasks), self._device.type == "cuda"
        shape = self.steps, tasks, len(seeds), self._batch
        order = torch.empty(shape, dtype=torch.int32, pin_memory=on_gpu)
        shown = order.numpy()

        def draw(place: int) -> None:
            shown[:, :, place] = self._shown_to(seeds[place], epoch)

        places = range(len(seeds))
        if self._device.type == "cpu":
            list(map(draw, places))
        else:  # a GPU is done before one core has drawn the next epoch; NumPy draws without Python's lock
            with ThreadPoolExecutor() as threads:
                list(threads.map(draw, places))
        return order.flatten(2)

    def show(self, index: Tensor, out: Tensor) -> None:
        """Write the inputs that show the examples of an index.

        Args:
            index: ``(tasks, examples)``.
            out: ``(examples, inputs)``, floating-point; to be multiplied by `scale`.
        """
        if self._adder:
            self._adder.show(index, out)
            return
        # On a CPU, a batch at a time is gathered, combined and converted while it is in the cache.
        rows = self._batch if self._device.type == "cpu" else len(out)
        for part, of_part in zip(torch.split(out, rows), torch.split(index, rows, dim=1), strict=True):
            part.copy_(_combined(self._mode, self._tasks, of_part))

    def labels(self, index: Tensor) -> Tensor:
        """Return the labels of the examples of an index, ``(tasks, examples)`` int64, -1 for an example of none."""
        return torch.stack([task.labels.index_select(0, rows) for task, rows in zip(self._tasks, index, strict=True)])

    def epoch(self, seeds: Sequence[int], epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch, for a training loop of one's own.

        Args:
            seeds: one for each network; networks with the same seed see the same examples.
            epoch: its number, from 0.

        Yields:
            Inputs ``(networks, batch, inputs)`` float32, 0 (black) to 1 (white; the sum of so many tasks if they are
            mixed), and labels ``(networks, batch, tasks)`` int64, -1 where an input shows no example of the task.
        """
        unique = list(dict.fromkeys(seeds))
        networks = torch.tensor([unique.index(seed) for seed in seeds], device=self._device)
        for index in self.order(unique, epoch).to(self._device):
            inputs = torch.empty(index.shape[1], self.inputs, device=self._device)
            self.show(index, inputs)
            inputs, labels = (
                part.reshape(len(unique), self._batch, -1).index_select(0, networks)
                for part in (inputs.mul_(self.scale), self.labels(index).T)
            )
            yield inputs, labels

    def _shown_to(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the examples that networks of a seed are shown in an epoch: ``(steps, tasks, batch)``."""
        lengths = [task.examples for task in self._tasks]
        order = _order_together if self._mode.together else _order_in_turn
        shown = order(lengths, self._longest, seed, epoch)[:, : self.steps * self._batch]
        return shown.reshape(len(lengths), self.steps, self._batch).transpose(1, 0, 2)


def _order_together(lengths: Sequence[int], longest: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return which example of each task every input of an epoch shows: ``(tasks, inputs)``."""
    start, stop = epoch * longest, (epoch + 1) * longest
    return np.stack([_shown(seed, task, length, start, stop) for task, length in enumerate(lengths)])


def _order_in_turn(lengths: Sequence[int], longest: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the same for inputs that show one task: the data set's length stands for no example."""
    tasks = np.arange(len(lengths)).repeat(longest)
    turns = np.random.default_rng([seed, _TURNS, epoch]).permutation(tasks)
    order = np.array(lengths, dtype=np.int64)[:, None].repeat(len(tasks), axis=1)
    for task, shown in enumerate(_order_together(lengths, longest, seed, epoch)):
        order[task, turns == task] = shown
    return order


def _shown(seed: int, task: int, length: int, start: int, stop: int) -> NDArray[np.int64]:
    """Return a stretch of the endless order in which a task's examples are shown: one random order after another."""
    passes = range(start // length, -(-stop // length))
    orders = [np.random.default_rng([seed, _ORDER, task, number]).permutation(length) for number in passes]
    return np.concatenate(orders, dtype=np.int64)[start - passes[0] * length :][: stop - start]


def evaluation(mode: str, datasets: Sequence[Dataset]) -> Evaluation:
    """Make the held-out inputs that networks are judged by, and the probes that show which neurons a task moves.

    If an input shows every task, input i shows the i-th test example of each; a shorter data set is repeated, and its
    repeats have no label, so that each example is scored once. If an input shows one task, all test examples of the
    tasks follow one another.

    A probe of a task is for its task variance, the variance of a neuron over the task's examples (Yang et al. 2019,
    Task representations in neural networks trained to perform many cognitive tasks, doi:10.1038/s41593-018-0310-2). If
    an input shows every task, a group holds one random example of each other task; else there is one group of the
    task's examples.

    Args:
        mode: the name of an input mode.
        datasets: one for each task.

    Returns:
        Inputs and probes as unsigned integers, to be multiplied by 1/255; as float32 if the mode makes other numbers.

    Raises:
        ValueError: there is no such mode.
        SettingError: the mode cannot have these data sets.
    """
    how = input_mode(mode, datasets)
    tasks = [_Task.of(dataset.test, torch.device("cpu")) for dataset in datasets]
    lengths = [task.examples for task in tasks]
    index, scored = _held_out(lengths, together=how.together)
    labels = np.stack([task.labels.numpy()[rows] for task, rows in zip(tasks, index, strict=True)], axis=1)
    arrays = [_combined(how, tasks, torch.from_numpy(index)).numpy()]
    for task in range(len(tasks)):
        probe = _probe(lengths, task, together=how.together)  # (tasks, groups, examples)
        combined = _combined(how, tasks, torch.from_numpy(probe).flatten(1))
        arrays.append(combined.view(*probe.shape[1:], -1).numpy())
    (inputs, *probes), scale = _as_stored(arrays)
    by_task = {dataset.name: probe for dataset, probe in zip(datasets, probes, strict=True)}
    return Evaluation(inputs, np.where(scored.T, labels, -1), scale, by_task)


def _held_out(lengths: Sequence[int], *, together: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the test example of each task that every input shows, ``(tasks, inputs)``, and whether it is scored."""
    if together:
        row = np.arange(max(lengths), dtype=np.int64)
        return np.stack([row % length for length in lengths]), np.stack([row < length for length in lengths])
    row, starts = np.arange(sum(lengths), dtype=np.int64), np.cumsum([0, *lengths[:-1]])
    own = [(row >= start) & (row < start + length) for start, length in zip(starts, lengths, strict=True)]
    index = [np.where(o, row - start, n) for o, start, n in zip(own, starts, lengths, strict=True)]
    return np.stack(index), np.stack(own)


def _probe(lengths: Sequence[int], task: int, *, together: bool) -> NDArray[np.int64]:
    """Return the test example of each task that every input of a task's probe shows: ``(tasks, groups, examples)``."""
    draw = np.random.default_rng([_PROBES, task])
    if not together:
        index = np.array(lengths, dtype=np.int64)[:, None, None].repeat(
            min(lengths[task], _GROUPS * _PROBE_EXAMPLES), 2
        )
        index[task] = draw.permutation(lengths[task])[: index.shape[2]]
        return index
    others = {other: length for other, length in enumerate(lengths) if other != task}
    groups = min([_GROUPS, *others.values()])
    index = np.empty((len(lengths), groups, min(_PROBE_EXAMPLES, lengths[task])), dtype=np.int64)
    for other, length in others.items():
        index[other] = draw.choice(length, (groups, 1), replace=False)
    index[task] = [draw.choice(lengths[task], index.shape[2], replace=False) for _ in range(groups)]
    return index


def _as_stored(arrays: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], float]:
    """Return arrays in one type that an `Evaluation` may have, the smallest, and the scale."""
    if all(array.dtype.kind in "iu" and array.min() >= 0 for array in arrays):
        smallest = np.min_scalar_type(max(int(array.max()) for array in arrays))
        return [array.astype(smallest) for array in arrays], _SCALE
    return [array.astype(np.float32) * np.float32(_SCALE) for array in arrays], 1.0
