"""Moments of training: after which steps networks are kept, and the files of a batch until its networks are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spatialgraph.files import sweep
from spatialgraph.store import read_arrays, read_header, write_arrays

from .grid import Member
from .loop import Training
from .model import Stack, positioned
from .writer import Writer

_KIND = "moment"

CHECKPOINT = re.compile(r"\w[^/]*-[0-9a-f]{8}")
"""The name of a checkpoint, and of the folder of its moments: the input mode, and a digest of the networks' names."""

# A file of networks numbers its snapshots by epochs with so many decimals.
_DECIMALS = 6


def moments(steps: int, count: int) -> tuple[int, ...]:
    """Return the steps of the optimiser after which networks are kept, the start (0) and the end included.

    Networks change most at first: half of the moments lie in the first tenth of training, each later than the one
    before by the same factor; the others follow evenly.

    Args:
        steps: of the whole training, at least 1.
        count: how many moments, at least 2.

    Returns:
        different steps in ascending order; all of them where there are no more than `count`.

    Example:
        >>> moments(1000, 10)
        (0, 1, 5, 22, 100, 280, 460, 640, 820, 1000)
        >>> moments(50, 2), moments(3, 40)
        ((0, 50), (0, 1, 2, 3))
    """
    count = min(count, steps + 1)
    early = count // 2 - 1
    tenth = max(1, steps // 10)
    first = np.geomspace(tenth, 1, early)[::-1]  # this way round, a single one is at the tenth
    rest = np.linspace(tenth if early else 0, steps, count - early)[1:]
    kept = [0]
    for number, step in enumerate(np.concatenate([first, rest]), start=1):
        latest = steps - (count - 1 - number)  # leaves a step for each moment that follows
        kept.append(min(max(round(float(step)), kept[-1] + 1), latest))
    return tuple(kept)


def forget_orphans(checkpoints: Path) -> None:
    """Remove the moments of batches without a checkpoint, which will not be carried on, and no other files."""
    for folder in checkpoints.glob("*/"):
        if CHECKPOINT.fullmatch(folder.name) and not (checkpoints / f"{folder.name}.h5").exists():
            forget(folder)


def forget(folder: Path) -> None:
    """Remove the moments from a folder, and the folder if nothing else is in it.

    Only files whose header says that they are moments are removed: the folder may hold files of other programs.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    sweep(folder)
    for _, file in _files(folder):
        if _is_moment(file):
            file.unlink(missing_ok=True)
    with suppress(OSError):  # there is something else in it
        folder.rmdir()


def _is_moment(file: Path) -> bool:
    try:
        return not file.is_symlink() and read_header(file).format == f"spatialgraph.{_KIND}"
    except (OSError, ValueError):
        return False


def _files(folder: Path) -> list[tuple[int, Path]]:
    """Return the files that are named as moments are, in the order of their steps."""
    return sorted((int(file.stem), file) for file in folder.glob("*.h5") if re.fullmatch("[0-9]{1,18}", file.stem))


def write_state(path: Path, kind: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write arrays as `write_arrays` does, in a process that imports PyTorch before, which writing networks needs.

    A process that had written arrays alone and imported it then would be taken for one that leaks memory, and end.
    """
    write_arrays(path, kind, arrays, metadata)


class Moments:
    """The moments of one batch between its start and its end, each a file that is written when it comes.

    Of each network, only the parameters that splits are made and measured on are kept: the connections into penalised
    layers, and the biases and positions of the layers at both ends of these.

    Args:
        training: the batch.
        folder: where the files are, one for each moment, ``<step>.h5``.
    """

    def __init__(self, training: Training, folder: Path) -> None:
        experiment = training.experiment
        self._folder, self._steps_of_epoch = folder, training.steps
        self._known: set[int] = set()  # the steps of moments that are of this training
        self._steps = frozenset(moments(experiment.epochs * training.steps, experiment.snapshots)[1:-1])
        chosen = experiment.snapshot_seeds or experiment.seeds
        self._rows = {member.name: k for k, member in enumerate(training.batch.members) if member.seed in chosen}
        kept = {f"weight/{k}" for k in experiment.penalised}
        kept |= {f"{name}/{k}" for name in ("bias", "position") for k in positioned(experiment)}
        self._shapes = {name: tuple(tensor.shape[1:]) for name, tensor in training.stack.named() if name in kept}

    def keep(self, step: int, stack: Stack, writer: Writer) -> None:
        """Write the networks as they are now if this step is one of the moments to keep."""
        if step not in self._steps or not self._rows:
            return
        tensors = [tensor.flatten(1) for name, tensor in stack.named() if name in self._shapes]
        kept = torch.cat(tensors, dim=1)[list(self._rows.values())].cpu().numpy()
        arrays = dict(zip(self._rows, kept, strict=True))
        self._known.add(step)
        writer.write([(write_state, (self._folder / f"{step}.h5", _KIND, arrays, {"step": step}))])

    def go_on_from(self, epoch: int) -> None:
        """Trust the moments up to an epoch alone: later ones, as after a stop, are kept again.

        They are not removed, since another process may train the same batch, and read them.
        """
        end = epoch * self._steps_of_epoch
        self._known = {step for step, _ in _files(self._folder) if step <= end}

    def of(self, member: Member) -> dict[float, dict[str, NDArray[np.float32]]]:
        """Return the moments of a network: number of epochs to its arrays, named as `Stack.named` names them.

        Raises:
            FileNotFoundError: another process trained the same batch, wrote its networks and removed the moments.
        """
        if member.name not in self._rows:
            return {}
        ends = np.cumsum([math.prod(shape) for shape in self._shapes.values()])
        moments = {}
        for step in sorted(self._known):
            rows, _ = read_arrays(self._folder / f"{step}.h5", _KIND, only=[member.name])
            if member.name in rows:  # else it was chosen only after this moment
                parts = zip(self._shapes.items(), np.split(rows[member.name], ends[:-1]), strict=True)
                epoch = round(step / self._steps_of_epoch, _DECIMALS)
                moments[epoch] = {name: part.reshape(shape) for (name, shape), part in parts}
        return moments

    def remove(self) -> None:
        """Remove the files."""
        forget(self._folder)
