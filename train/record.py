"""What a run folder remembers of its settings, and which others a run may be carried on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from spatialgraph.files import atomic

from .grid import GRID, unnamed_in, values_of
from .settings import Experiment, SettingError, difference, experiment_from, settings_of

_FILE, _UNNAMED = "experiment.json", "unnamed"

# What may be asked for differently when a run is carried on: more networks of the same settings, not other ones, and
# what changes no weights. A list of `GRID` may be extended too.
_NETWORKS = ("seeds", "inputs", "kinds")
_EXTENSIBLE = (*_NETWORKS, "checkpoint_seconds", "snapshots", "snapshot_seeds")


@attrs.frozen
class Record:
    """What is known of a run's settings.

    Attributes:
        experiment: the settings that were asked for last, with every seed, input mode, kind and value of a grid that
            was ever asked for.
        unnamed: the values of the settings of `GRID` that names of networks do not say: those the run began with.
    """

    experiment: Experiment
    unnamed: Mapping[str, float]


def carried_on(run: Path, experiment: Experiment) -> Record:
    """Return the record of a run that is begun, or carried on, with an experiment; `write_record` keeps it.

    Raises:
        SettingError: the run was made with other settings.
    """
    before = read_record(run)
    if before is None:
        return Record(experiment, unnamed_in(experiment))
    _require_same(run, before.experiment, experiment)
    every = {name: _joined(getattr(before.experiment, name), getattr(experiment, name)) for name in (*_NETWORKS, *GRID)}
    return Record(experiment_from(settings_of(experiment) | every), before.unnamed)


def read_record(run: Path) -> Record | None:
    """Return what a run remembers, None if it has just begun.

    Raises:
        SettingError: the file has a fault.
    """
    file = run / _FILE
    if not file.exists():
        return None
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        added = settings.pop(_UNNAMED, {})
        experiment = experiment_from(settings)
        return Record(experiment, unnamed_in(experiment) | {name: float(added[name]) for name in GRID if name in added})
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SettingError(f"{file}: expected the settings of a run, found a fault: {error}") from None


def write_record(run: Path, record: Record) -> None:
    """Keep a record in the run folder."""
    # Of settings that are numbers, the numbers: files of runs without a grid say nothing more.
    added = {name: value for name, value in record.unnamed.items() if name not in unnamed_in(record.experiment)}
    settings = settings_of(record.experiment) | ({_UNNAMED: added} if added else {})
    with atomic(run / _FILE) as temporary:
        temporary.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _require_same(run: Path, before: Experiment, asked: Experiment) -> None:
    """Raise SettingError if settings differ that decide what networks become."""
    differs = difference(before, asked, but=(*_EXTENSIBLE, *GRID))
    if differs:
        raise SettingError(f"{run} was trained with {differs}: choose another --out, or the same settings")
    for name in GRID:
        known, value = values_of(before, name), getattr(asked, name)
        # A list asks for more, as seeds do; a number that the run does not have is rather a slip.
        if not isinstance(value, tuple) and value not in known:
            raise SettingError(
                f"{run} was trained with {name} = {getattr(before, name)!r}, not {value!r}: choose another --out, the "
                f"same settings, or the list {name}={[*known, value]} to have both"
            )


def _joined(before: object, asked: object) -> object:
    """Return all values of two lists, or of a number and a list; a number if both are the same one."""
    if not isinstance(before, tuple) and not isinstance(asked, tuple):
        return asked
    values = [value if isinstance(value, tuple) else (value,) for value in (before, asked)]
    return tuple(dict.fromkeys([*values[0], *values[1]]))
