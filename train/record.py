"""The record of a run's settings in its folder, and the changes with which a run may be carried on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from spatialgraph.files import atomic

from .checks import SettingError
from .grid import unnamed_in
from .kinds import GENERAL, Kind, Values, joined, joined_values, values_of
from .settings import Experiment, difference, experiment_from, settings_of

_FILE, _UNNAMED = "experiment.json", "unnamed"

# Settings that may change when a run is carried on: those that add networks under the same settings, and those that
# change no weights. Lists of `GENERAL` settings and of kinds may be extended too.
_NETWORKS = ("seeds", "inputs")
_EXTENSIBLE = (*_NETWORKS, "kinds", "checkpoint_seconds", "snapshots", "snapshot_seeds")


@attrs.frozen
class Record:
    """The settings of a run.

    Attributes:
        experiment: the latest settings, with every seed, input mode, kind and value of a grid that was ever asked for.
        unnamed: the run's defaults, which names of networks leave out: those that the run, or a kind in it, began with.
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
    known = before.experiment
    _require_same(run, known, experiment)
    every: dict[str, Any] = {
        name: joined_values(getattr(known, name), getattr(experiment, name)) for name in (*_NETWORKS, *GENERAL)
    }
    whole = attrs.evolve(experiment, **every, kinds=joined(known.kinds, experiment.kinds))
    begun = {kind.name for kind in known.kinds}
    own = {key: value for key, value in unnamed_in(experiment).items() if "/" in key}
    added = {key: value for key, value in own.items() if key.partition("/")[0] not in begun}
    return Record(whole, added | dict(before.unnamed))


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
        return Record(experiment, unnamed_in(experiment) | {name: float(value) for name, value in added.items()})
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
    differs = difference(before, asked, but=(*_EXTENSIBLE, *GENERAL))
    if differs:
        raise SettingError(f"{run} was trained with {differs}: choose another --out, or the same settings")
    for name in GENERAL:
        _require_known(run, name, getattr(before, name), getattr(asked, name))
    known = {kind.name: kind for kind in before.kinds}
    for kind in asked.kinds:
        _require_same_kind(run, known.get(kind.name, kind), kind)


def _require_same_kind(run: Path, before: Kind, asked: Kind) -> None:
    """Raise SettingError if a kind is not what it was when the run began."""
    where, old, new = f"kinds.{asked.name}", dict(before.table), dict(asked.table)
    if before.positions != asked.positions:
        raise SettingError(
            f"{run} was trained with {where}.positions = {before.positions!r}, not {asked.positions!r}: choose another "
            "name for the kind, or another --out"
        )
    if (before.general, set(old)) != (asked.general, set(new)):
        parts = [", ".join([*kind.general, *dict(kind.table)]) or "none" for kind in (before, asked)]
        raise SettingError(
            f"{run} was trained with {where} of the settings {parts[0]}, not {parts[1]}: choose another name for the "
            "kind, or another --out"
        )
    for name, value in new.items():
        _require_known(run, f"{where}.{name}", old[name], value)


def _require_known(run: Path, name: str, before: float | Values, asked: float | Values) -> None:
    """Raise SettingError if a number is asked for that the run does not have.

    A list asks for more, as seeds do; a number that the run does not have is rather a slip.
    """
    known = values_of(before)
    if not isinstance(asked, tuple) and asked not in known:
        raise SettingError(
            f"{run} was trained with {name} = {before!r}, not {asked!r}: choose another --out, the "
            f"same settings, or the list {name}={[*known, asked]} to have both"
        )
