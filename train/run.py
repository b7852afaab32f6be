"""A run: a folder of trained networks, made by one experiment, that training can be stopped in and carried on from."""

from __future__ import annotations

import gc
import hashlib
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console

from spatialgraph.console import PlainConsole
from spatialgraph.files import digest, is_written, locked
from spatialgraph.network import Evaluation
from spatialgraph.store import (
    EVALUATION,
    NETWORK,
    FormatError,
    read_arrays,
    read_evaluation,
    read_header,
    write_arrays,
    write_evaluation,
)

from .checks import SettingError
from .data import Dataset, load, set_aside
from .export import DivergedError, write_networks
from .grid import Batch, Member, batches_of, cut
from .inputs import Batches, evaluation, input_mode
from .loop import Training
from .memory import Limit, bytes_of_examples, networks_at_once
from .model import layer_sizes, positioned
from .moments import CHECKPOINT, Moments, forget_orphans
from .placed import in_file, read_positions
from .progress import Reporter
from .record import carried_on, write_record
from .settings import Experiment
from .writer import Writer

_NETWORKS, _CHECKPOINTS = "networks", "checkpoints"


def choose_device(name: str) -> torch.device:
    """Return the device of a name, ``"auto"`` for a GPU if there is one and the CPU otherwise.

    Raises:
        SettingError: PyTorch cannot use that device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"device: expected auto, cpu or a GPU that works, such as cuda; found {name!r}: {reason}"
        ) from None
    return device


def train(
    experiment: Experiment, run: Path, *, device: str = "auto", data: Path | None = None, console: Console | None = None
) -> int:
    """Train every network of an experiment that the run does not have yet, and write each to ``run/networks``.

    A run that was stopped carries on from its last checkpoint, and ends with the weights of one that was not.

    Args:
        experiment: the settings.
        run: the folder.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ….
        data: the folder of the data sets, for those that do not ship with the package.
        console: where to show progress.

    Returns:
        How many networks were trained.

    Raises:
        KeyboardInterrupt: it was asked to stop, by Ctrl-C or SIGTERM; the epoch that ran then is saved.
        SettingError: settings that are not allowed, or that differ from those the run was made with.
        DataError: a data set that cannot be had.
        DivergedError: networks whose weights left the range of numbers; all others are written.
        InUseError: another process works in the folder.
    """
    console = console or PlainConsole(stderr=True)
    place = choose_device(device)
    # Connections that vanish become denormal numbers, which processors multiply many times slower. Set before PyTorch
    # starts its threads, which inherit it.
    torch.set_flush_denormal(True)
    with locked(run, "training"):
        record = carried_on(run, experiment)
        forget_orphans(run / _CHECKPOINTS)
        asked = batches_of(experiment, record.unnamed)
        there = [_is_there(run, batch) for batch in asked]
        if all(there):
            return 0
        loaded = [load(name, data) for name in experiment.tasks]
        datasets, validation = _divided(loaded, experiment.validation)
        _require_trainable(experiment, datasets)
        _require_placed(run, experiment, asked, datasets)
        write_record(run, record)
        most = {batch.inputs: _networks_at_once(experiment, batch.inputs, datasets, place) for batch in asked}
        batches = _missing(run, asked, most)
        todo = sum(len(batch.members) for batch in batches)
        done = sum(_checkpoint_epoch(run, batch) * len(batch.members) for batch in batches)
        with Reporter(todo, experiment.epochs, done, console) as reporter, _stops_between_epochs() as stopping:
            for inputs, limit in most.items():
                networks = sum(len(batch.members) for batch in batches if batch.inputs == inputs)
                if networks > limit.networks:
                    reporter.tell(f"{inputs}: {networks} networks, {limit.networks} at a time: {limit.reason}")
            _Trainer(experiment, datasets, validation, run, place, reporter, stopping).train(batches)
        for batch in asked:
            if not is_written(_evaluation_file(run, batch.inputs)):
                _keep_evaluation(_evaluation_file(run, batch.inputs), evaluation(batch.inputs, datasets))
        return todo


def _divided(datasets: Sequence[Dataset], share: float) -> tuple[list[Dataset], list[Dataset]]:
    """Return the tasks to train on, and those whose held-out examples are set aside for validation; none for 0."""
    if not share:
        return list(datasets), []
    pairs = [set_aside(dataset, share) for dataset in datasets]
    return [rest for rest, _ in pairs], [aside for _, aside in pairs]


def _networks_at_once(experiment: Experiment, inputs: str, datasets: Sequence[Dataset], device: torch.device) -> Limit:
    """Return how many networks of an input mode train as one batch."""
    mode = input_mode(inputs, datasets)
    sizes = layer_sizes(experiment, mode.inputs, sum(dataset.classes for dataset in datasets))
    return networks_at_once(experiment, sizes, bytes_of_examples(datasets, mode.inputs), device)


class _Trainer:
    """What all batches of a run have in common while they train."""

    def __init__(
        self,
        experiment: Experiment,
        datasets: Sequence[Dataset],
        validation: Sequence[Dataset],
        run: Path,
        device: torch.device,
        reporter: Reporter,
        stopping: Callable[[], bool],
    ) -> None:
        self._experiment, self._datasets, self._validation = experiment, datasets, validation
        self._run, self._device = run, device
        self._reporter, self._stopping = reporter, stopping
        self._writer = Writer(device, reporter.tell)
        self._diverged: list[str] = []

    def train(self, batches: Sequence[Batch]) -> None:
        """Train batches, each from its checkpoint if it has one, and write their networks."""
        for inputs, of_one_mode in itertools.groupby(batches, key=lambda batch: batch.inputs):
            examples = Batches(inputs, self._datasets, self._experiment.batch_size, self._device)
            held_out = evaluation(inputs, self._datasets)
            _keep_evaluation(_evaluation_file(self._run, inputs), held_out)
            aside = evaluation(inputs, self._validation) if self._validation else None
            for batch in of_one_mode:
                self._train_fitting(batch, examples, held_out, aside)
        self._writer.wait()
        if self._diverged:
            raise DivergedError(self._diverged)

    def _train_fitting(self, batch: Batch, examples: Batches, held_out: Evaluation, aside: Evaluation | None) -> None:
        """Train a batch; if the device has less memory than it seemed to have, half of it at a time."""
        gc.collect()  # the memory of the batch before, whose recorded step refers to itself
        try:
            self._train_batch(batch, examples, held_out, aside)
            return
        except torch.OutOfMemoryError:
            if len(batch.members) == 1 or _checkpoint_file(self._run, batch).exists():
                raise SettingError(
                    f"device: expected memory for {len(batch.members)} networks of {batch.inputs!r} inputs on "
                    f"{self._device}, found too little: other processes may use it; carry on when they have ended"
                ) from None
        most = (len(batch.members) + 1) // 2
        self._reporter.tell(f"{batch.inputs}: the memory of {self._device} is too small, {most} networks at a time")
        for part in cut(batch, most):
            self._train_fitting(part, examples, held_out, aside)

    def _train_batch(self, batch: Batch, examples: Batches, held_out: Evaluation, aside: Evaluation | None) -> None:
        experiment, checkpoint = self._experiment, _checkpoint_file(self._run, batch)
        classes = [dataset.classes for dataset in self._datasets]
        training = Training(experiment, batch, examples, held_out, classes, self._device, aside)
        if checkpoint.exists():
            try:
                training.restore(read_arrays(checkpoint, "checkpoint")[0], _saved(checkpoint).epoch)
            except SettingError as error:
                raise SettingError(f"{checkpoint}: {error}") from None
        moments = Moments(training, checkpoint.with_suffix(""))
        moments.forget_after(training.epoch)
        saved = time.monotonic()
        while training.epoch < experiment.epochs:
            accuracy = training.run_epoch(lambda step: moments.keep(step, training.stack, self._writer))
            stop = self._stopping()
            # The last epoch is always saved: a run that is killed while it writes its networks can write the rest.
            if stop or time.monotonic() - saved >= experiment.checkpoint_seconds or training.epoch == experiment.epochs:
                self._save(checkpoint, training)
                saved = time.monotonic()
            self._reporter.epoch(batch, training.epoch, experiment.epochs, accuracy)
            if stop:
                self._writer.wait()
                raise KeyboardInterrupt
        self._write_networks(training, moments, checkpoint)

    def _save(self, checkpoint: Path, training: Training) -> None:
        members = [member.name for member in training.batch.members]
        metadata = {"inputs": training.batch.inputs, "members": members, "epoch": training.epoch}
        self._writer.write([(write_arrays, (checkpoint, "checkpoint", training.state(), metadata))])

    def _write_networks(self, training: Training, moments: Moments, checkpoint: Path) -> None:
        trained, tasks = training.trained(), [dataset.name for dataset in self._datasets]
        names = [member.name for member in training.batch.members]
        place = _evaluation_file(self._run, training.batch.inputs), self._run / _NETWORKS

        def forget(diverged: Sequence[Sequence[str]]) -> None:
            if any(diverged):  # the checkpoint stays, so that asking again trains nothing again
                self._diverged += [name for name in names if any(name in part for part in diverged)]
                return
            moments.remove()  # before the checkpoint, without which moments would belong to no run
            checkpoint.unlink()

        parts = [names[start :: self._writer.jobs] for start in range(self._writer.jobs)]
        calls = [(write_networks, (trained, part, tasks, *place, moments)) for part in parts if part]
        self._writer.write(calls, then=forget)


@contextmanager
def _stops_between_epochs() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM stop training when the epoch is over, so that it can be saved; a second one at once."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _checkpoint_file(run: Path, batch: Batch) -> Path:
    names = ",".join(member.name for member in batch.members)
    return run / _CHECKPOINTS / f"{batch.inputs}-{hashlib.sha256(names.encode()).hexdigest()[:8]}.h5"


def _checkpoint_epoch(run: Path, batch: Batch) -> int:
    checkpoint = _checkpoint_file(run, batch)
    return _saved(checkpoint).epoch if checkpoint.exists() else 0


class _Saved(NamedTuple):
    """What a checkpoint says of itself: the input mode, the names of its networks, and how many epochs they had."""

    inputs: str
    members: tuple[str, ...]
    epoch: int


def _saved(checkpoint: Path) -> _Saved:
    metadata = read_arrays(checkpoint, "checkpoint", only=())[1]
    inputs, members, epoch = (metadata.get(name) for name in _Saved._fields)
    named = isinstance(members, list) and bool(members) and all(isinstance(name, str) for name in members)
    if not (isinstance(inputs, str) and named and type(epoch) is int and epoch >= 0):
        raise ValueError(
            f"{checkpoint}: expected metadata with inputs, members and epoch, found others: damage, or another "
            "program's; remove the file to train its networks anew"
        )
    return _Saved(inputs, tuple(members or ()), epoch)


def _network_file(run: Path, member: Member) -> Path:
    return run / _NETWORKS / f"{member.name}.h5"


def _evaluation_file(run: Path, inputs: str) -> Path:
    return run / f"evaluation-{inputs}.h5"


def _is_there(run: Path, batch: Batch) -> bool:
    """Return whether the networks of a batch and their held-out examples are written.

    Raises:
        ValueError: a file is cut off or another program's, and is not replaced.
    """
    files = [(_network_file(run, member), NETWORK) for member in batch.members]
    files.append((_evaluation_file(run, batch.inputs), EVALUATION))
    there = [is_written(file) and _says(file, format_) for file, format_ in files]
    return all(there)


def _says(file: Path, format_: str) -> bool:
    """Return True if a file is of a format, as far as its header tells.

    Raises:
        ValueError: it is not.
    """
    try:
        found = read_header(file).format
    except FormatError as error:
        raise ValueError(f"{error}; a file that is removed is made again") from None
    if found != format_:
        raise ValueError(f"{file}: expected a file of {format_}, found {found}; a file that is removed is made again")
    return True


def _missing(run: Path, batches: Sequence[Batch], most: Mapping[str, Limit]) -> list[Batch]:
    """Return the batches still to be trained: those that a checkpoint holds, whole, and batches of missing networks.

    A batch goes on with exactly the networks that it began with, because the rounding of a matrix product may depend on
    their number. For the same reason, batches are cut before finished networks are left out.

    Args:
        run: the folder.
        batches: the batches asked for.
        most: the largest number of networks in a batch, by input mode.
    """
    missing = []
    for batch in batches:
        members = {member.name: member for member in batch.members}
        begun = {member.name for member in batch.members if is_written(_network_file(run, member))}
        for checkpoint in sorted((run / _CHECKPOINTS).glob("*.h5")):
            if not CHECKPOINT.fullmatch(checkpoint.stem):  # another program's, which is left alone
                continue
            saved = _saved(checkpoint)
            if saved.inputs == batch.inputs and set(saved.members) <= set(members):
                missing.append(Batch(batch.inputs, tuple(members[name] for name in saved.members)))
                begun |= set(saved.members)
        for part in cut(batch, most[batch.inputs].networks):
            rest = tuple(member for member in part.members if member.name not in begun)
            missing += [Batch(batch.inputs, rest)] if rest else []
    return missing


def _require_trainable(experiment: Experiment, datasets: Sequence[Dataset]) -> None:
    """Raise SettingError before training starts if a later batch could not be trained."""
    names = [dataset.name for dataset in datasets]
    if len(set(names)) < len(names):
        raise SettingError(f"tasks: expected data sets of different names, found {', '.join(names)}")
    for inputs in experiment.inputs:
        Batches(inputs, datasets, experiment.batch_size, torch.device("cpu"))


def _require_placed(run: Path, experiment: Experiment, batches: Sequence[Batch], datasets: Sequence[Dataset]) -> None:
    """Raise SettingError before training starts if a network that is missing would not find its positions in a file."""
    outputs = sum(dataset.classes for dataset in datasets)
    for batch in batches:
        sizes = layer_sizes(experiment, input_mode(batch.inputs, datasets).inputs, outputs)
        shapes = {k: (sizes[k], experiment.dimensions) for k in positioned(experiment)}
        for member in batch.members:
            if in_file(member.positions) and not is_written(_network_file(run, member)):
                read_positions(member.positions, shapes)


def _keep_evaluation(file: Path, made: Evaluation) -> None:
    """Write the held-out examples of an input mode, or make sure that those of the run are the same.

    Raises:
        SettingError: those of the run, or those that its networks name, are others.
    """
    if not is_written(file):
        write_evaluation(file, made)
        if _digests_named(file) - {digest(file)}:
            file.unlink()  # networks that name other examples cannot be scored on these
            raise SettingError(
                f"{file}: expected the held-out examples that networks of the run name, found none, and what the data "
                "sets make now differs: put back a copy of the file, or choose another --out"
            )
        return
    kept = read_evaluation(file)
    if not (np.array_equal(kept.inputs, made.inputs) and np.array_equal(kept.labels, made.labels)):
        raise SettingError(
            f"{file}: expected the held-out examples of the data sets named, found others: choose another --out"
        )


def _digests_named(evaluation_file: Path) -> set[str]:
    """Return the digests that networks of the run name for a file of held-out examples."""
    named = set()
    for file in (evaluation_file.parent / _NETWORKS).glob("[!.]*.h5"):
        with suppress(OSError, ValueError):  # no network; others say so
            evaluated = read_header(file).metadata.get("evaluation") or {}
            named |= {evaluated["sha256"]} if evaluated.get("file") == evaluation_file.name else set()
    return named
