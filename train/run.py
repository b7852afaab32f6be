"""A run: a folder of trained networks, made by one experiment, that training can be stopped in and carried on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import torch
from rich.console import Console

from spatialgraph.console import PlainConsole
from spatialgraph.files import is_written, locked
from spatialgraph.store import EVALUATION, NETWORK, FormatError, read_header

from .checks import SettingError
from .data import Dataset, load
from .export import DivergedError
from .grid import Batch, batches_of, cut
from .inputs import Batches, evaluation, input_mode
from .memory import Limit, bytes_of_examples, networks_at_once
from .model import layer_sizes, positioned
from .moments import CHECKPOINT, forget, forget_orphans
from .placed import in_file, read_positions
from .progress import Reporter
from .record import carried_on, write_record
from .settings import Experiment
from .trainer import (
    CHECKPOINTS,
    Trainer,
    checkpoint_epoch,
    choose_device,
    divided,
    evaluation_file,
    keep_evaluation,
    network_file,
    saved_in,
    stops_between_epochs,
)
from .units import done_by, forget_units, read_units, units_of, write_units


def train(
    experiment: Experiment,
    run: Path,
    *,
    device: str = "auto",
    data: Path | None = None,
    together: int | None = None,
    plugins: Sequence[str | Path] = (),
    prepare: bool = False,
    executor: Executor | None = None,
    console: Console | None = None,
) -> int:
    """Train every network of an experiment that the run does not have yet, and write each to ``run/networks``.

    A run that was stopped carries on from its last checkpoint, and ends with the weights of one that was not.

    Args:
        experiment: the settings.
        run: the folder.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ….
        data: the folder of the data sets, for those that do not ship with the package.
        together: how many networks train as one batch at most; None for what this machine holds, or trains fastest.
        plugins: files that processes of the executor import first.
        prepare: whether nothing is trained: batches are written down, for `units.one` to do.
        executor: trains the batches in place of this process; those that work for it see the same folders.
        console: where to show progress.

    Returns:
        How many networks were trained; 0 if they are only prepared.

    Raises:
        KeyboardInterrupt: it was asked to stop, by Ctrl-C or SIGTERM; the epoch that ran then is saved.
        SettingError: settings that are not allowed, or that differ from those the run was made with.
        DataError: a data set that cannot be had.
        DivergedError: networks whose weights left the range of numbers; all others are written.
        InUseError: another process works in the folder.
        UnfinishedError: processes of the executor ended; the same call trains what is missing.
    """
    if together is not None and together < 1:
        raise SettingError(f"together: expected at least 1 network, found {together}")
    console = console or PlainConsole(stderr=True)
    place = choose_device(device)
    # Connections that vanish become denormal numbers, which processors multiply many times slower. Set before PyTorch
    # starts its threads, which inherit it.
    torch.set_flush_denormal(True)
    with locked(run, "training"):
        record = carried_on(run, experiment)
        asked = batches_of(experiment, record.unnamed)
        _forget_finished(run)
        forget_orphans(run / CHECKPOINTS)
        there = [_is_there(run, batch) for batch in asked]
        if all(there):
            forget_units(run, read_units(run))
            return 0
        loaded = [load(name, data) for name in experiment.tasks]
        datasets, validation = divided(loaded, experiment.validation)
        _require_trainable(experiment, datasets)
        _require_placed(run, experiment, asked, datasets)
        write_record(run, record)
        every = sum(len(batch.members) for batch in asked)
        most = {batch.inputs: _networks_at_once(experiment, batch.inputs, datasets, place, every) for batch in asked}
        if together is not None:
            most = {inputs: Limit(together, "as was asked for") for inputs in most}
        batches = _missing(run, asked, most)
        todo = sum(len(batch.members) for batch in batches)
        done = sum(checkpoint_epoch(run, batch) * len(batch.members) for batch in batches)
        with Reporter(todo, experiment.epochs, done, console) as reporter, stops_between_epochs() as stopping:
            for inputs, limit in most.items():
                networks = sum(len(batch.members) for batch in batches if batch.inputs == inputs)
                if networks > limit.networks:
                    reporter.tell(f"{inputs}: {networks} networks, {limit.networks} at a time: {limit.reason}")
            if executor is None and not prepare:
                trainer = Trainer(experiment, datasets, validation, run, place, reporter, stopping)
                diverged = trainer.train(batches)
            else:
                for batch in batches:
                    keep_evaluation(evaluation_file(run, batch.inputs), evaluation(batch.inputs, datasets))
                units = units_of(run, experiment, record.unnamed, batches, device, data, plugins)
                write_units(run, units)
                if executor is None:
                    return 0
                diverged = done_by(executor, units, reporter, experiment.epochs)
                _forget_finished(run)
            forget_units(run, read_units(run))
        if diverged:
            raise DivergedError(diverged)
        for batch in asked:
            if not is_written(evaluation_file(run, batch.inputs)):
                keep_evaluation(evaluation_file(run, batch.inputs), evaluation(batch.inputs, datasets))
        return todo


def _networks_at_once(
    experiment: Experiment, inputs: str, datasets: Sequence[Dataset], device: torch.device, networks: int
) -> Limit:
    """Return how many networks of an input mode train as one batch, of so many in all."""
    mode = input_mode(inputs, datasets)
    sizes = layer_sizes(experiment, mode.inputs, sum(dataset.classes for dataset in datasets))
    return networks_at_once(experiment, sizes, bytes_of_examples(datasets, mode.inputs), device, networks)


def _is_there(run: Path, batch: Batch) -> bool:
    """Return whether the networks of a batch and their held-out examples are written.

    Raises:
        ValueError: a file is cut off or another program's, and is not replaced.
    """
    files = [(network_file(run, member), NETWORK) for member in batch.members]
    files.append((evaluation_file(run, batch.inputs), EVALUATION))
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
        begun = {member.name for member in batch.members if is_written(network_file(run, member))}
        for checkpoint in sorted((run / CHECKPOINTS).glob("*.h5")):
            if not CHECKPOINT.fullmatch(checkpoint.stem):  # another program's, which is left alone
                continue
            saved = saved_in(checkpoint)
            if saved.inputs == batch.inputs and set(saved.members) <= set(members):
                missing.append(Batch(batch.inputs, tuple(members[name] for name in saved.members)))
                begun |= set(saved.members)
        for part in cut(batch, most[batch.inputs].networks):
            rest = tuple(member for member in part.members if member.name not in begun)
            missing += [Batch(batch.inputs, rest)] if rest else []
    return missing


def _forget_finished(run: Path) -> None:
    """Remove checkpoints of networks that are written, as a process leaves them whose work another one did, too."""
    for checkpoint in (run / CHECKPOINTS).glob("*.h5"):
        if CHECKPOINT.fullmatch(checkpoint.stem):
            members = saved_in(checkpoint).members
            if all(is_written(run / "networks" / f"{name}.h5") for name in members):
                forget(checkpoint.with_suffix(""))
                checkpoint.unlink(missing_ok=True)


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
            if in_file(member.positions) and not is_written(network_file(run, member)):
                read_positions(member.positions, shapes)
