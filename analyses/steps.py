"""The steps of an analysis: the scores of a network, then each null model of it, each a file of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spatialgraph
from spatialgraph.network import graph_of
from spatialgraph.notes import Note
from spatialgraph.nulls import UNTRAINED
from spatialgraph.splits import Split
from spatialgraph.store import read_arrays, read_header, read_snapshot, write_arrays

from .chance import NULL_MODELS, Drawn, against
from .results import FULL
from .runs import graph_and_runner
from .scoring import Agreement, Plan, Score, Scored, Subject, require_stated_accuracy, score_subject, subject_of

_PART = "analysis-part"

# The step before those of the null models, which are called by their names.
_SCORES = "scores"

# Raised when the same plan gives other numbers than before, so that parts made by older code are made again.
_EDITION = 3


@dataclass(frozen=True)
class Step:
    """A piece of work: the scores of a network, or one null model of it.

    Attributes:
        run: the folder of the run.
        file: the file of the network.
        parts: the folder of what is found out about it.
        name: ``"scores"``, or a null model.
        plan: what is asked.
        evaluation: the file of its held-out examples, None if there is none.
        key: tells whether a part is of this network and this plan, made by this code.
    """

    run: Path
    file: Path
    parts: Path
    name: str
    plan: Plan
    evaluation: Path | None
    key: str

    def __str__(self) -> str:
        return f"{self.file.stem} · {self.name}"

    @property
    def part(self) -> Path:
        """The file of what this step finds out."""
        return self.parts / f"{self.name}.h5"

    @property
    def is_done(self) -> bool:
        """Whether the part is there; one that cannot be read is made again."""
        try:
            return bool(read_arrays(self.part, _PART)[1].get("key") == self.key)
        except (OSError, ValueError):
            return False


def steps_of(
    run: Path, file: Path, parts: Path, plan: Plan, sha256: str, given: Mapping[str, Path] = MappingProxyType({})
) -> list[Step]:
    """Return the steps of a network, its scores first.

    Args:
        run: the folder of the run.
        file: the file of the network.
        parts: the folder of what is found out about it.
        plan: what is asked.
        sha256: that of the network's file.
        given: files of held-out examples besides those of the run, by their SHA-256.

    Raises:
        ValueError: the network's file has a fault, or it names no held-out examples and several are given.
    """
    named = read_header(file).metadata.get("evaluation")
    facts: list[object] = [spatialgraph.__version__, _EDITION, asdict(plan), sha256]
    if named is not None:
        evaluation = given.get(named["sha256"], run / named["file"])
    else:
        evaluation = _only(file, given)
        facts += given  # the network's file does not say which
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    names = (_SCORES, *(NULL_MODELS if plan.nulls else ()))
    return [Step(run, file, parts, name, plan, evaluation, key) for name in names]


def _only(file: Path, given: Mapping[str, Path]) -> Path | None:
    """Return the held-out examples of a network that names none: the file that is given, if one is."""
    if len(given) > 1:
        found = ", ".join(map(str, given.values()))
        raise ValueError(f"{file}: expected one evaluation for a network that names none, found {found}")
    return next(iter(given.values()), None)


def do(step: Step) -> None:
    """Do a step, and write its part."""
    notes: list[tuple[str, Note]] = []

    def note(split: str, told: Note) -> None:
        notes.append((split, told))

    if step.name == _SCORES:
        graph, runner = graph_and_runner(step.file, step.evaluation, lambda told: note(FULL, told))
        if runner is not None:
            require_stated_accuracy(graph, runner)
        scored = score_subject(subject_of(graph, runner, step.plan), step.plan, notes)
        _write_scores(step, {name: graph.metadata.get(name, "") for name in ("kind", "inputs", "seed")}, scored)
    else:
        _, scored = read_scores(replace(step, name=_SCORES).part)
        drawn = against(step.name, _subject(step), scored, step.plan, note)
        _write_drawn(step, scored, drawn, notes)


def _subject(step: Step) -> Subject:
    """Return a network as a null model needs it: with what it was before training where that is compared with."""
    graph, runner = graph_and_runner(step.file, step.evaluation)
    untrained = None
    if step.name == UNTRAINED and 0 in read_header(step.file).snapshots:
        untrained = graph_of(read_snapshot(step.file, 0))
    return subject_of(graph, runner, step.plan, untrained)


def _write_scores(step: Step, known: dict[str, object], scored: Scored) -> None:
    # Numbers lie in arrays, where they may be nan; what they are of lies in the metadata.
    arrays: dict[str, NDArray[np.generic]] = {
        "scores": np.array([score.value for score in scored.scores], np.float64),
        "agreements": np.array([found.value for found in scored.agreements], np.float64),
    }
    for method, split in scored.splits.items():
        for layer, members in split.membership.items():
            arrays[f"splits/{method}/{layer}"] = members
        for layer, numbers in (split.communities or {}).items():
            arrays[f"communities/{method}/{layer}"] = numbers
    metadata = {
        "key": step.key,
        "known": known,
        "scores": [score.key for score in scored.scores],
        "agreements": [astuple(found)[:-1] for found in scored.agreements],
        "splits": {method: list(map(asdict, split.notes)) for method, split in scored.splits.items()},
        "notes": _data_of(scored.notes),
    }
    write_arrays(step.part, _PART, arrays, metadata)


def read_scores(part: Path) -> tuple[dict[str, object], Scored]:
    """Return what is known of a network, and its scores, from the part that holds them."""
    arrays, known = read_arrays(part, _PART)
    scores = [
        Score(split, ablation, metric, task, value)
        for (split, ablation, metric, task), value in zip(known["scores"], arrays["scores"].tolist(), strict=True)
    ]
    agreements = [
        Agreement(split, other, measure, value)
        for (split, other, measure), value in zip(known["agreements"], arrays["agreements"].tolist(), strict=True)
    ]
    splits = {}
    for method, notes in known["splits"].items():
        communities = _of_layers(arrays, f"communities/{method}/") or None
        made = tuple(Note(**note) for note in notes)
        splits[method] = Split(method, _of_layers(arrays, f"splits/{method}/"), made, communities)
    return known["known"], Scored(scores, splits, agreements, _notes_of(known["notes"]))


def _data_of(notes: Iterable[tuple[str, Note]]) -> list[tuple[str, dict[str, Any]]]:
    """Return notes as JSON has them."""
    return [(split, asdict(note)) for split, note in notes]


def _notes_of(data: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, Note]]:
    """Return the notes that `_data_of` made JSON of."""
    return [(split, Note(**note)) for split, note in data]


def _of_layers(arrays: dict[str, NDArray[np.generic]], prefix: str) -> dict[int, NDArray[Any]]:
    """Return the arrays whose names are a prefix and the number of a layer, by that number."""
    return {int(name.removeprefix(prefix)): array for name, array in arrays.items() if name.startswith(prefix)}


def _write_drawn(step: Step, scored: Scored, drawn: Sequence[Drawn], notes: Sequence[tuple[str, Note]]) -> None:
    row = {score.key: number for number, score in enumerate(scored.scores)}
    values = np.stack([found.values for found in drawn]) if drawn else np.empty((0, 0))
    arrays = {"rows": np.array([row[found.score.key] for found in drawn], np.int64), "values": values}
    write_arrays(step.part, _PART, arrays, {"key": step.key, "notes": _data_of(notes)})


def read_drawn(part: Path, scored: Scored) -> tuple[list[Drawn], list[tuple[str, Note]]]:
    """Return scores beside their values on the draws of a null model, and notes, from its part."""
    arrays, known = read_arrays(part, _PART)
    rows = zip(arrays["rows"].tolist(), arrays["values"], strict=True)
    drawn = [Drawn(scored.scores[row], part.stem, values) for row, values in rows]
    return drawn, _notes_of(known["notes"])


def all_drawn(parts: Path) -> list[Drawn]:
    """Return every score of a network beside its values on the draws of every null model that was run.

    Args:
        parts: the folder of what was found out about the network, ``RESULTS/parts/<network>``.

    Raises:
        FileNotFoundError: the folder has no scores.
    """
    scores = parts / f"{_SCORES}.h5"
    if not scores.is_file():
        raise FileNotFoundError(f"{scores}: expected the scores that `spatialgraph analyze` wrote, found nothing")
    scored = read_scores(scores)[1]
    models = [part for null in NULL_MODELS if (part := parts / f"{null}.h5").is_file()]
    return [drawn for part in models for drawn in read_drawn(part, scored)[0]]
