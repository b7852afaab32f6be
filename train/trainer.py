"""What trains batches of networks, and the files of a run that it reads and writes."""

from __future__ import annotations

import gc
import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from spatialgraph.files import digest, is_written
from spatialgraph.network import Evaluation
from spatialgraph.store import read_arrays, read_evaluation, read_header, write_evaluation

from .checks import SettingError
from .data import Dataset, set_aside
from .export import task_facts, write_networks
from .grid import Batch, Member, cut
from .inputs import Batches, evaluation
from .loop import Training
from .moments import Moments, write_state
from .progress import Reporter
from .settings import Experiment
from .writer import Writer

NETWORKS, CHECKPOINTS = "networks", "checkpoints"

STOPS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGUSR2] if hasattr(signal, "SIGUSR2") else []))
"""The signals that ask to stop: SLURM sends SIGUSR2 before a time limit, SIGTERM before it gives a node to others."""

_LISTEN = 0.1
"""Seconds after which the main thread looks for signals again; some systems do not wake it for each."""


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


def divided(datasets: Sequence[Dataset], share: float) -> tuple[list[Dataset], list[Dataset]]:
    """Return the tasks to train on, and those whose held-out examples are set aside for validation; none for 0."""
    if not share:
        return list(datasets), []
    pairs = [set_aside(dataset, share) for dataset in datasets]
    return [rest for rest, _ in pairs], [aside for _, aside in pairs]


class _Shown(NamedTuple):
    """What networks of an input mode see: examples to train on, held-out ones, and those set aside for validation."""

    examples: Batches
    held_out: Evaluation
    aside: Evaluation | None


class Trainer:
    """What all batches of a run have in common while they train.

    On a CPU, each core trains a batch of its own: cores that share a step wait for one another a hundred times in it,
    and long whenever another program has one of them. A GPU trains one batch after another.
    """

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
        self._diverged: list[str] = []
        self._shown: dict[str, _Shown] = {}
        self._one_at_a_time = threading.Lock()
        self._ending, self._at_once = threading.Event(), threading.Event()

    def train(self, batches: Sequence[Batch]) -> list[str]:
        """Train batches, each from its checkpoint if it has one, and write their networks.

        Returns:
            the names of networks whose weights left the range of numbers, and that are not written.
        """
        cores = torch.get_num_threads() if self._device.type == "cpu" else 1
        lanes = min(cores, len(batches))
        if lanes <= 1:
            self._train_in_turn(iter(batches))
        else:
            self._train_beside(batches, lanes, cores // lanes)
        return self._diverged

    def _train_beside(self, batches: Sequence[Batch], lanes: int, threads: int) -> None:
        """Train some batches at a time, the longest first, each with so many threads for its products."""
        waiting = iter(sorted(batches, key=self._work, reverse=True))
        before = torch.get_num_threads()

        def settle() -> None:
            torch.set_num_threads(threads)
            torch.set_flush_denormal(True)

        errors: list[BaseException] = []
        with ThreadPoolExecutor(lanes, initializer=settle) as executor:
            try:
                for lane in _as_ended(executor.submit(self._train_in_turn, waiting) for _ in range(lanes)):
                    if error := lane.exception():
                        self._ending.set()
                        errors.append(error)
            except KeyboardInterrupt:  # asked to stop for a second time
                self._at_once.set()
                raise
            finally:
                torch.set_num_threads(before)
        if errors:
            raise min(errors, key=lambda error: isinstance(error, KeyboardInterrupt))

    def _work(self, batch: Batch) -> int:
        epochs = self._experiment.epochs - checkpoint_epoch(self._run, batch)
        return len(batch.members) * epochs * self._shown_in(batch.inputs).examples.steps

    def _train_in_turn(self, batches: Iterator[Batch]) -> None:
        """Train batches until there are none."""
        with Writer(self._device, self._reporter.tell) as writer:
            while True:
                with self._one_at_a_time:
                    batch = next(batches, None)
                if batch is None:
                    break
                self._train_fitting(batch, writer)

    def _shown_in(self, inputs: str) -> _Shown:
        """Return what networks of an input mode see; its held-out examples are written."""
        with self._one_at_a_time:
            if inputs not in self._shown:
                if self._device.type != "cpu":  # the memory of a GPU is for one input mode at a time
                    self._shown.clear()
                examples = Batches(inputs, self._datasets, self._experiment.batch_size, self._device)
                held_out = evaluation(inputs, self._datasets)
                keep_evaluation(evaluation_file(self._run, inputs), held_out)
                aside = evaluation(inputs, self._validation) if self._validation else None
                self._shown[inputs] = _Shown(examples, held_out, aside)
            return self._shown[inputs]

    def _train_fitting(self, batch: Batch, writer: Writer) -> None:
        """Train a batch; if the device has less memory than it seemed to have, half of it at a time."""
        if self._device.type != "cpu":
            gc.collect()  # the memory of the batch before, where something that refers to itself holds it
        try:
            self._train_batch(batch, writer)
            return
        except torch.OutOfMemoryError:
            if len(batch.members) == 1 or checkpoint_file(self._run, batch).exists():
                raise SettingError(
                    f"device: expected memory for {len(batch.members)} networks of {batch.inputs!r} inputs on "
                    f"{self._device}, found too little: other processes may use it; carry on when they have ended"
                ) from None
        most = (len(batch.members) + 1) // 2
        self._reporter.tell(f"{batch.inputs}: the memory of {self._device} is too small, {most} networks at a time")
        for part in cut(batch, most):
            self._train_fitting(part, writer)

    def _train_batch(self, batch: Batch, writer: Writer) -> None:
        experiment, checkpoint, shown = (
            self._experiment,
            checkpoint_file(self._run, batch),
            self._shown_in(batch.inputs),
        )
        classes = [dataset.classes for dataset in self._datasets]
        training = Training(experiment, batch, shown.examples, shown.held_out, classes, self._device, shown.aside)
        if checkpoint.exists():
            try:
                training.restore(read_arrays(checkpoint, "checkpoint")[0], saved_in(checkpoint).epoch)
            except SettingError as error:
                raise SettingError(f"{checkpoint}: {error}") from None
        moments = Moments(training, checkpoint.with_suffix(""))
        moments.go_on_from(training.epoch)
        saved = time.monotonic()

        def after_step(step: int) -> None:
            if self._at_once.is_set():
                raise KeyboardInterrupt
            moments.keep(step, training.stack, writer)

        while training.epoch < experiment.epochs:
            accuracy = training.run_epoch(after_step)
            stop = self._stopping() or self._ending.is_set()
            # The last epoch is always saved: a run that is killed while it writes its networks can write the rest.
            if stop or time.monotonic() - saved >= experiment.checkpoint_seconds or training.epoch == experiment.epochs:
                _save(checkpoint, training, writer)
                saved = time.monotonic()
            self._reporter.epoch(batch, training.epoch, experiment.epochs, accuracy)
            if training.epoch < experiment.epochs and is_trained(self._run, batch):
                break  # by another process, whose place this one was to take, or that was to take the place of this one
            if stop:
                writer.wait()
                raise KeyboardInterrupt
        self._write_networks(training, moments, checkpoint, writer)

    def _write_networks(self, training: Training, moments: Moments, checkpoint: Path, writer: Writer) -> None:
        trained, known = training.trained(), task_facts(training.batch.inputs, self._datasets)
        names = [member.name for member in training.batch.members]
        place = evaluation_file(self._run, training.batch.inputs), self._run / NETWORKS

        def forget(diverged: Sequence[Sequence[str]]) -> None:
            if any(diverged):  # the checkpoint stays, so that asking again trains nothing again
                self._diverged += [name for name in names if any(name in part for part in diverged)]
                return
            moments.remove()  # before the checkpoint, without which moments would belong to no run
            checkpoint.unlink(missing_ok=True)

        parts = [names[start :: writer.jobs] for start in range(writer.jobs)]
        calls = [(write_networks, (trained, part, known, *place, moments)) for part in parts if part]
        writer.write(calls, then=forget)


def _as_ended(lanes: Iterable[Future[None]]) -> Iterator[Future[None]]:
    """Yield lanes as they end; meanwhile signals are heard, of which another thread than the main one may be told."""
    running = set(lanes)
    while running:
        ended, running = wait(running, _LISTEN, FIRST_COMPLETED)
        yield from ended


def _save(checkpoint: Path, training: Training, writer: Writer) -> None:
    members = [member.name for member in training.batch.members]
    metadata = {"inputs": training.batch.inputs, "members": members, "epoch": training.epoch}
    writer.write([(write_state, (checkpoint, "checkpoint", training.state(), metadata))])


@contextmanager
def stops_between_epochs() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C, SIGTERM and SLURM's SIGUSR2 stop training when the epoch is over and saved; a second one at once."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in STOPS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_trained(run: Path, batch: Batch) -> bool:
    """Return whether all networks of a batch are written."""
    return all(is_written(network_file(run, member)) for member in batch.members)


def checkpoint_file(run: Path, batch: Batch) -> Path:
    """Return the file of the checkpoint of a batch; its name is that of the batch, too."""
    names = ",".join(member.name for member in batch.members)
    return run / CHECKPOINTS / f"{batch.inputs}-{hashlib.sha256(names.encode()).hexdigest()[:8]}.h5"


def checkpoint_epoch(run: Path, batch: Batch) -> int:
    """Return how many epochs the checkpoint of a batch has; 0 if there is none."""
    checkpoint = checkpoint_file(run, batch)
    return saved_in(checkpoint).epoch if checkpoint.exists() else 0


class Saved(NamedTuple):
    """What a checkpoint says of itself: the input mode, the names of its networks, and how many epochs they had."""

    inputs: str
    members: tuple[str, ...]
    epoch: int


def saved_in(checkpoint: Path) -> Saved:
    """Return what a checkpoint says of itself.

    Raises:
        ValueError: it is damaged, or another program's.
    """
    metadata = read_arrays(checkpoint, "checkpoint", only=())[1]
    inputs, members, epoch = (metadata.get(name) for name in Saved._fields)
    named = isinstance(members, list) and bool(members) and all(isinstance(name, str) for name in members)
    if not (isinstance(inputs, str) and named and type(epoch) is int and epoch >= 0):
        raise ValueError(
            f"{checkpoint}: expected metadata with inputs, members and epoch, found others: damage, or another "
            "program's; remove the file to train its networks anew"
        )
    return Saved(inputs, tuple(members or ()), epoch)


def network_file(run: Path, member: Member) -> Path:
    """Return the file of a network."""
    return run / NETWORKS / f"{member.name}.h5"


def evaluation_file(run: Path, inputs: str) -> Path:
    """Return the file of the held-out examples of an input mode."""
    return run / f"evaluation-{inputs}.h5"


def keep_evaluation(file: Path, made: Evaluation) -> None:
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
    for file in (evaluation_file.parent / NETWORKS).glob("[!.]*.h5"):
        with suppress(OSError, ValueError):  # no network; others say so
            evaluated = read_header(file).metadata.get("evaluation") or {}
            named |= {evaluated["sha256"]} if evaluated.get("file") == evaluation_file.name else set()
    return named
