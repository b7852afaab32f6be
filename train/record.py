"""The record of a run's settings in its folder, and the changes with which a run may be carried on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from spatialgraph.files import atomic

from .grid import GRID, unnamed_in, values_of
from .settings import Experiment, SettingError, difference, experiment_from, settings_of

_FILE, _UNNAMED = "experiment.json", "unnamed"

# Settings that may change when a run is carried on: those that add networks under the same settings, and those that
# change no weights. A list of `GRID` may be extended too.
_NETWORKS = ("seeds", "inputs", "kinds")
_EXTENSIBLE = (*_NETWORKS, "checkpoint_seconds", "snapshots", "snapshot_seeds")


@attrs.frozen
class Record:
    """The settings of a run.

    Attributes:
        experiment: the latest settings, with every seed, input mode, kind and value of a grid that was ever asked for.
        unnamed: the run's defaults for settings of `GRID`, which names of networks leave out: those that it began with.
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
    """Return the record of a run, None if it has just begun.

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
    # A default that equals the setting itself is not written, so that files of runs without a grid hold none.
    added = {name: value for name, value in record.unnamed.items() if name not in unnamed_in(record.experiment)}
    settings = settings_of(record.experiment) | ({_UNNAMED: added} if added else {})
    with atomic(run / _FILE) as temporary:
        temporary.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _require_same(run: Path, before: Experiment, asked: Experiment) -> None:
    """Raise SettingError if a setting that affects weights differs."""
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
