"""Units of training: batches of networks, each trained by whoever is given it; how they stand, and one done alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from spatialgraph.console import PlainConsole
from spatialgraph.files import atomic, leader_of
from spatialgraph.marks import LOG, Standing, mark_of, marked, standing
from spatialgraph.plugins import load_all
from spatialgraph.store import read_header
from spatialgraph.workers import LostError

from .checks import SettingError
from .data import Dataset, load
from .grid import Batch, batches_of
from .progress import Reporter
from .record import read_record
from .settings import Experiment, experiment_from, settings_of
from .trainer import (
    Trainer,
    checkpoint_epoch,
    checkpoint_file,
    choose_device,
    divided,
    network_file,
    stops_between_epochs,
)

_FILE = "units.json"
_NAMED = 4  # of many units, so many are named


class UnfinishedError(RuntimeError):
    """Batches are missing, since the processes that trained them ended."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A batch of networks to train: paths and settings alone, so that any process can be given it.

    Attributes:
        run: the folder of the run.
        settings: those of the experiment, as `settings_of` returns them.
        unnamed: the run's defaults, which names of networks leave out.
        tasks: what is loaded for its tasks: files with their whole paths.
        inputs: the input mode.
        networks: the names of the networks.
        device: where they train.
        data: the folder of the data sets, ``""`` for the user's cache.
        plugins: files that are imported first.
    """

    run: str
    settings: Mapping[str, Any]
    unnamed: Mapping[str, float]
    tasks: tuple[str, ...]
    inputs: str
    networks: tuple[str, ...]
    device: str
    data: str
    plugins: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def batch(self) -> Batch:
        """The networks, as the experiment makes them."""
        every = (batch for batch in batches_of(experiment_from(self.settings), self.unnamed))
        members = {member.name: member for batch in every if batch.inputs == self.inputs for member in batch.members}
        if missing := [name for name in self.networks if name not in members]:
            raise SettingError(f"{self.run}: expected networks of its experiment, found {', '.join(missing)}")
        return Batch(self.inputs, tuple(members[name] for name in self.networks))

    @property
    def name(self) -> str:
        """Its name in commands, which is that of its checkpoint."""
        return self.result.stem

    @property
    def result(self) -> Path:
        """The file of its checkpoint, beside which its mark is."""
        return checkpoint_file(Path(self.run), self.batch)

    @property
    def is_done(self) -> bool:
        """Whether its networks can be opened."""
        return all(_opens(network_file(Path(self.run), member)) for member in self.batch.members)


def units_of(
    run: Path,
    experiment: Experiment,
    unnamed: Mapping[str, float],
    batches: Sequence[Batch],
    device: str,
    data: Path | None,
    plugins: Sequence[str | Path] = (),
) -> list[Unit]:
    """Return a unit for each batch; its paths are absolute, so that it may be done from any folder."""
    own = tuple(str(Path(path).resolve()) for path in plugins)
    return [
        Unit(
            run=str(run.resolve()),
            settings=settings_of(experiment),
            unnamed=dict(unnamed),
            tasks=tuple(str(Path(name).resolve()) if Path(name).is_file() else name for name in experiment.tasks),
            inputs=batch.inputs,
            networks=tuple(member.name for member in batch.members),
            device=device,
            data="" if data is None else str(data.resolve()),
            plugins=own,
        )
        for batch in batches
    ]


def do(unit: Unit, console: Console | None = None) -> list[str]:
    """Train a batch, from its checkpoint if it has one, and write its networks, unless they are there.

    Args:
        unit: the batch.
        console: where to show progress; None for the log of a job, if there is one.

    Returns:
        the names of networks whose weights left the range of numbers.

    Raises:
        KeyboardInterrupt: it was asked to stop; the epoch that ran then is saved.
    """
    load_all(unit.plugins)
    torch.set_flush_denormal(True)
    run, experiment, batch = Path(unit.run), experiment_from(unit.settings), unit.batch
    if unit.is_done:
        return []
    with marked(unit.result, unit.name):
        datasets, validation = _loaded(unit.tasks, experiment.validation, unit.data)
        epochs = checkpoint_epoch(run, batch) * len(batch.members)
        console = console or PlainConsole(stderr=True, quiet=LOG not in os.environ)
        with (
            Reporter(len(batch.members), experiment.epochs, epochs, console) as reporter,
            stops_between_epochs() as stopping,
        ):
            device = choose_device(unit.device)
            return Trainer(experiment, datasets, validation, run, device, reporter, stopping).train([batch])


@lru_cache(maxsize=1)  # the units of a run share their data
def _loaded(tasks: tuple[str, ...], validation: float, data: str) -> tuple[list[Dataset], list[Dataset]]:
    return divided([load(name, Path(data) if data else None) for name in tasks], validation)


def done_by(executor: Executor, units: Sequence[Unit], reporter: Reporter, epochs: int) -> list[str]:
    """Let an executor do units; return the names of networks whose weights left the range of numbers.

    Raises:
        UnfinishedError: processes that did units ended; all others are done.
    """
    diverged: list[str] = []
    lost: list[Unit] = []
    before = {unit.name: checkpoint_epoch(Path(unit.run), unit.batch) for unit in units}
    futures = {executor.submit(do, unit): unit for unit in units}
    try:
        for future in as_completed(futures):
            unit = futures[future]
            try:
                diverged += future.result()
            except (LostError, BrokenExecutor, MemoryError) as error:
                lost.append(unit)
                reason = "too little memory" if isinstance(error, MemoryError) else " ".join(str(error).split())
                reporter.tell(f"{unit}: not done, {reason}; the others go on")
            else:
                reporter.trained(unit.inputs, len(unit.networks) * (epochs - before[unit.name]))
    finally:
        for future in futures:
            future.cancel()
    if lost:
        names = ", ".join(map(str, lost[:_NAMED])) + (f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else "")
        is_are = "is" if len(lost) == 1 else "are"
        raise UnfinishedError(
            f"{len(lost)} of {len(units)} batches {is_are} missing ({names}): the same command does what is missing"
        )
    return diverged


def write_units(run: Path, units: Sequence[Unit]) -> None:
    """Write down what is to be trained, for `standings` and `one`; `forget_units` removes it."""
    known = {
        unit.name: {"settings": unit.settings, "unnamed": unit.unnamed, "tasks": unit.tasks, "inputs": unit.inputs}
        | {"networks": unit.networks, "device": unit.device, "data": unit.data}
        for unit in units
    }
    with atomic(run / _FILE) as temporary:
        temporary.write_text(json.dumps(known) + "\n", encoding="utf-8")


def forget_units(run: Path, units: Sequence[Unit]) -> None:
    """Remove what `write_units` wrote, and marks of processes that were killed."""
    (run / _FILE).unlink(missing_ok=True)
    for unit in units:
        mark_of(unit.result).unlink(missing_ok=True)


def read_units(run: Path, plugins: Sequence[str | Path] = ()) -> list[Unit]:
    """Return the units that are written down; none where nobody gives out units.

    Raises:
        ValueError: the file has a fault.
    """
    path = run / _FILE
    if not path.is_file():
        return []
    own = tuple(str(Path(plugin).resolve()) for plugin in plugins)
    place = str(run.resolve())
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return [
            Unit(
                run=place,
                networks=tuple(u["networks"]),
                tasks=tuple(u["tasks"]),
                plugins=own,
                **{name: u[name] for name in ("settings", "unnamed", "inputs", "device", "data")},
            )
            for u in known.values()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected batches to train, found a fault: {error!r}; `train` makes it anew"
        ) from None


def one(run: Path, name: str, plugins: Sequence[str | Path] = ()) -> bool:
    """Do a unit that is written down; return whether anything was missing.

    Raises:
        ValueError: there is no such unit, or networks of it cannot be written.
    """
    units = {unit.name: unit for unit in read_units(run, plugins)}
    if name not in units:
        known = ", ".join(list(units)[:_NAMED]) or "none: `spatialgraph train … --prepare` names them"
        raise ValueError(f"{name}: expected a batch of {run} ({known}), found no such batch")
    missing = not units[name].is_done
    if diverged := do(units[name], PlainConsole(stderr=True)):
        raise ValueError(f"expected finite weights, found others in {', '.join(diverged)}: not written")
    return missing


def standings(run: Path) -> Iterator[Standing]:
    """Yield how each batch stands that is given out; where none is, how each network does."""
    led = leader_of(run) is not None
    units = read_units(run)
    for unit in units:
        progress = _progress(Path(unit.run), unit.batch, int(unit.settings["epochs"]))
        yield standing(unit.name, unit.result, done=unit.is_done, led=led, progress=progress)
    record = read_record(run)
    given = {name for unit in units for name in unit.networks}
    for batch in batches_of(record.experiment, record.unnamed) if record else ():
        for member in batch.members:
            file = network_file(run, member)
            if member.name not in given:
                yield standing(member.name, file, done=_opens(file), led=led)


def _progress(run: Path, batch: Batch, epochs: int) -> str:
    try:
        epoch = checkpoint_epoch(run, batch)
    except (OSError, ValueError):  # it was replaced or removed just now
        return ""
    return f"{len(batch.members)} networks, epoch {epoch} of {epochs}"


def _opens(file: Path) -> bool:
    try:
        read_header(file)
    except (OSError, ValueError):
        return False
    return True
