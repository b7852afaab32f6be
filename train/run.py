"""A run: a folder of trained networks, made by one experiment, that training can be stopped in and carried on from."""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from spatialgraph.files import locked
from spatialgraph.network import Evaluation
from spatialgraph.store import read_arrays, read_evaluation, write_arrays, write_evaluation

from .data import Dataset, load
from .export import write_networks
from .grid import Batch, batches_of
from .inputs import Batches, evaluation
from .loop import Training
from .moments import Moments, forget_orphans
from .progress import Reporter
from .record import carried_on, write_record
from .settings import Experiment, SettingError

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
        DivergedError: networks whose weights left the range of numbers; the others of their batch are written.
        InUseError: another process works in the folder.
    """
    console = console or Console(stderr=True)
    place = choose_device(device)
    # Connections that vanish become denormal numbers, which processors multiply many times slower. Set before PyTorch
    # starts its threads, which inherit it.
    torch.set_flush_denormal(True)
    with locked(run, "training"):
        record = carried_on(run, experiment)
        forget_orphans(run / _CHECKPOINTS)
        batches = _missing(run, batches_of(experiment, record.unnamed))
        if not batches:
            return 0
        datasets = [load(name, data) for name in experiment.tasks]
        _require_trainable(experiment, datasets)
        write_record(run, record)
        todo = sum(len(batch.members) for batch in batches)
        done = sum(_checkpoint_epoch(run, batch) * len(batch.members) for batch in batches)
        with Reporter(todo, experiment.epochs, done, console) as reporter, _stops_between_epochs() as stopping:
            for batch in batches:
                _train_batch(experiment, batch, datasets, run, place, reporter, stopping)
        return todo


def _train_batch(
    experiment: Experiment,
    batch: Batch,
    datasets: Sequence[Dataset],
    run: Path,
    device: torch.device,
    reporter: Reporter,
    stopping: Callable[[], bool],
) -> None:
    """Train one batch, from its checkpoint if it has one, and write its networks."""
    held_out = evaluation(batch.inputs, datasets)
    evaluation_file = run / f"evaluation-{batch.inputs}.h5"
    _keep_evaluation(evaluation_file, held_out)
    batches = Batches(batch.inputs, datasets, experiment.batch_size, device)
    training = Training(experiment, batch, batches, held_out, [dataset.classes for dataset in datasets], device)
    checkpoint = _checkpoint_file(run, batch)
    if checkpoint.exists():
        arrays, metadata = read_arrays(checkpoint, "checkpoint")
        training.restore(arrays, int(metadata["epoch"]))
    moments = Moments(training, checkpoint.with_suffix(""))
    moments.forget_later()
    saved = time.monotonic()
    while training.epoch < experiment.epochs:
        accuracy = training.run_epoch(moments.keep)
        stop = stopping()
        # The last epoch is always saved: a run that is killed while it writes its networks can write the rest.
        if stop or time.monotonic() - saved >= experiment.checkpoint_seconds or training.epoch == experiment.epochs:
            _save(checkpoint, training)
            saved = time.monotonic()
        reporter.epoch(batch, training.epoch, experiment.epochs, accuracy)
        if stop:
            raise KeyboardInterrupt
    write_networks(training, [dataset.name for dataset in datasets], evaluation_file, run / _NETWORKS, moments)
    moments.remove()  # first: what is there without a checkpoint belongs to no run
    checkpoint.unlink()


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


def _save(checkpoint: Path, training: Training) -> None:
    members = [member.name for member in training.batch.members]
    metadata = {"inputs": training.batch.inputs, "members": members, "epoch": training.epoch}
    write_arrays(checkpoint, "checkpoint", training.state(), metadata)


def _checkpoint_file(run: Path, batch: Batch) -> Path:
    names = ",".join(member.name for member in batch.members)
    return run / _CHECKPOINTS / f"{batch.inputs}-{hashlib.sha256(names.encode()).hexdigest()[:8]}.h5"


def _checkpoint_epoch(run: Path, batch: Batch) -> int:
    checkpoint = _checkpoint_file(run, batch)
    return int(read_arrays(checkpoint, "checkpoint")[1]["epoch"]) if checkpoint.exists() else 0


def _missing(run: Path, batches: Sequence[Batch]) -> list[Batch]:
    """Return what of these batches is to be trained: those that a checkpoint holds, whole, and what else is missing.

    A batch goes on with just the networks that it began with, since the rounding of a matrix product may depend on how
    many there are.
    """
    missing = []
    for batch in batches:
        rest = {m.name: m for m in batch.members if not (run / _NETWORKS / f"{m.name}.h5").exists()}
        members = {m.name: m for m in batch.members}
        for checkpoint in sorted((run / _CHECKPOINTS).glob("*.h5")):
            metadata = read_arrays(checkpoint, "checkpoint")[1]
            if metadata["inputs"] == batch.inputs and set(metadata["members"]) <= set(members):
                begun = Batch(batch.inputs, tuple(members[name] for name in metadata["members"]))
                missing.append(begun)
                for name in metadata["members"]:
                    rest.pop(name, None)
        if rest:
            missing.append(Batch(batch.inputs, tuple(rest.values())))
    return missing


def _require_trainable(experiment: Experiment, datasets: Sequence[Dataset]) -> None:
    """Raise SettingError before anything is trained if a later batch could not be."""
    names = [dataset.name for dataset in datasets]
    if len(set(names)) < len(names):
        raise SettingError(f"tasks: expected data sets of different names, found {', '.join(names)}")
    for inputs in experiment.inputs:
        Batches(inputs, datasets, experiment.batch_size, torch.device("cpu"))


def _keep_evaluation(file: Path, made: Evaluation) -> None:
    """Write the held-out examples, or make sure that those of the run are the same."""
    if not file.exists():
        write_evaluation(file, made)
        return
    kept = read_evaluation(file)
    if not (np.array_equal(kept.inputs, made.inputs) and np.array_equal(kept.labels, made.labels)):
        raise SettingError(
            f"{file}: expected the held-out examples of the data sets named, found others: choose another --out"
        )
