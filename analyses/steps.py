"""The steps of an analysis: the scores of a network, then each null model of it, each a file of its own."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialgraph.files import digest
from spatialgraph.marks import marked
from spatialgraph.metrics import METRICS
from spatialgraph.network import graph_of
from spatialgraph.notes import Note
from spatialgraph.nulls import NULLS, RANDOM_SPLIT, UNTRAINED
from spatialgraph.plugins import load_all
from spatialgraph.provenance import code_of, versions
from spatialgraph.splits import Split, base, function_of, sees
from spatialgraph.store import read_arrays, read_header, read_snapshot, write_arrays
from spatialgraph.strengths import STRENGTHS

from .chance import NO_DRAWS, Drawn, KeptDraws, against, null_models
from .columns import FULL
from .runs import CAPTURE, NO_MODELS, Models, graph_and_runner
from .scoring import (
    NOTHING,
    Agreement,
    Kept,
    Noted,
    Plan,
    Score,
    Scored,
    Subject,
    require_stated_accuracy,
    score_subject,
    subject_of,
)
from .total import STRENGTH, total_strength

_PART = "analysis-part"

# The methods that take seconds to import what they need.
_SLOW_TO_IMPORT = {"positions", "spectral"}

SCORES = "scores"
"""The step before those of the null models, which are called by their names."""


@dataclass(frozen=True)
class Keys:
    """The digests of everything that the results of a step depend on; results with another key are computed again.

    Attributes:
        base: the digest of the network's bytes, the plan without its methods and metrics, and the code of the analysis
            and of the null model; if it differs, the whole step is done again.
        methods: split method to the digest of its code; of a split that is given, also that of its file.
        metrics: metric to the digest of its code.
    """

    base: str
    methods: Mapping[str, str]
    metrics: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """A piece of work: the scores of a network, or one null model of it.

    Attributes:
        run: the folder of the run.
        file: the file of the network.
        parts: the folder of the network's results.
        name: ``"scores"``, or a null model.
        plan: the methods, metrics and settings of the analysis.
        evaluation: the file of its held-out examples, None if there is none.
        keys: the keys that results of this network, plan and code have.
        plugins: files that the process that does the step imports first.
        models: what runs the network if it is the graph of a model.
    """

    run: Path
    file: Path
    parts: Path
    name: str
    plan: Plan
    evaluation: Path | None
    keys: Keys
    plugins: tuple[Path, ...] = ()
    models: Models = NO_MODELS

    def __str__(self) -> str:
        return f"{self.file.stem} · {self.name}"

    @property
    def unit(self) -> str:
        """Its name in commands."""
        return f"{self.file.stem}/{self.name}"

    @property
    def part(self) -> Path:
        """The file of this step's results."""
        return self.parts / f"{self.name}.h5"

    @property
    def is_done(self) -> bool:
        """Whether the part exists and all of it is valid; a part that cannot be read is made again."""
        return self.known == self.keys

    @property
    def known(self) -> Keys | None:
        """The keys of the existing part; None if there is no readable part."""
        try:
            return Keys(**read_arrays(self.part, _PART)[1]["keys"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def steps_of(
    run: Path,
    file: Path,
    parts: Path,
    plan: Plan,
    sha256: str,
    given: Mapping[str, Path] = MappingProxyType({}),
    plugins: tuple[Path, ...] = (),
    models: Models = NO_MODELS,
    codes: Mapping[str, Codes] | None = None,
) -> list[Step]:
    """Return the steps of a network, its scores first.

    Args:
        run: the folder of the run.
        file: the file of the network.
        parts: the folder of the network's results.
        plan: the methods, metrics and settings of the analysis.
        sha256: that of the network's file.
        given: files of held-out examples besides those of the run, by their SHA-256.
        plugins: files of the user's own whose functions are used.
        models: what runs the graphs of models.
        codes: what `codes_of` returns of the plan, where steps of many networks are asked for.

    Raises:
        ValueError: the network's file has a fault, or it names no held-out examples and several are given.
    """
    metadata = read_header(file).metadata
    named = metadata.get("evaluation")
    key_inputs: list[object] = [sha256, versions()]
    evaluation = None
    if CAPTURE in metadata:
        key_inputs += models.key(file.stem)
    elif named is not None:
        evaluation = given.get(named["sha256"], run / named["file"])
    else:
        evaluation = _only(file, given)
        key_inputs += given  # the network's file does not say which
    made_by = codes_of(plan) if codes is None else codes
    keys = {name: _keys(code, key_inputs) for name, code in made_by.items()}
    return [Step(run, file, parts, name, plan, evaluation, keys[name], plugins, models) for name in made_by]


@dataclass(frozen=True)
class Codes:
    """What the results of a step depend on, whatever the network.

    Attributes:
        asked: the plan without its methods and metrics.
        code: the digest of the code of the analysis and of the null model.
        methods: split method to the digest of its code; of a split that is given, also that of its file.
        metrics: metric to the digest of its code.
    """

    asked: Mapping[str, Any]
    code: str
    methods: Mapping[str, str]
    metrics: Mapping[str, str]


def codes_of(plan: Plan) -> dict[str, Codes]:
    """Return what each step of a plan depends on besides its network: to look at all code takes longer than at one."""
    methods = {method: code_of(function_of(method)) for method in plan.splits}
    methods |= {method: f"{methods[method]} {digest(path)}" for method, path in plan.files.items()}
    metrics = {metric: code_of(METRICS[metric]) for metric in plan.metrics}
    made_by = {}
    for name in (SCORES, *(null_models() if plan.nulls else ())):
        asked = {key: value for key, value in asdict(plan).items() if key not in ("splits", "metrics", "files")}
        if name == SCORES:
            del asked["nulls"]
            code = code_of(score_subject, graph_and_runner, STRENGTHS[plan.strength])
        else:
            own = [NULLS[name]] if name in NULLS else []
            code = code_of(against, graph_and_runner, STRENGTHS[plan.strength], *own)
        made_by[name] = Codes(asked, code, methods, metrics)
    return made_by


def _keys(made_by: Codes, key_inputs: Sequence[object]) -> Keys:
    """Return the keys of a step."""
    base = hashlib.sha256(json.dumps([made_by.asked, made_by.code, *key_inputs]).encode()).hexdigest()
    return Keys(base, made_by.methods, made_by.metrics)


def _only(file: Path, given: Mapping[str, Path]) -> Path | None:
    """Return the held-out examples of a network that names none: the file that is given, if one is."""
    if len(given) > 1:
        found = ", ".join(map(str, given.values()))
        raise ValueError(f"{file}: expected one evaluation for a network that names none, found {found}")
    return next(iter(given.values()), None)


def get_ready(*, methods: Iterable[str]) -> None:
    """Import what steps with these split methods need, which takes as long as a short one."""
    if not _SLOW_TO_IMPORT.isdisjoint(map(base, methods)):
        import sklearn.cluster  # noqa: F401


def do(step: Step) -> None:
    """Do a step, as far as it is not done, and write its part; a mark beside it says who does, or why it failed."""
    with marked(step.part, str(step)):
        _do(step)


def _do(step: Step) -> None:
    load_all(step.plugins)
    notes: list[Noted] = []
    if step.name == SCORES:
        graph, runner = graph_and_runner(
            step.file, step.evaluation, lambda note: notes.append(Noted(FULL, "", note)), step.models
        )
        if runner is not None:
            require_stated_accuracy(graph, runner)
        subject = subject_of(graph, runner, step.plan, called=step.file.stem)
        scored = score_subject(subject, step.plan, notes, _kept(step))
        known = {name: graph.metadata.get(name, "") for name in ("kind", "inputs", "seed")}
        _write_scores(step, known | {STRENGTH: total_strength(graph)}, scored)
    else:
        _, scored = read_scores(replace(step, name=SCORES).part)
        drawn = against(step.name, _subject(step), scored, step.plan, notes.append, _kept_draws(step))
        _write_drawn(step, drawn, notes)


def _right(step: Step) -> tuple[frozenset[str], frozenset[str]]:
    """Return the methods and the metrics whose results in the existing part are still valid."""
    known = step.known
    if known is None or known.base != step.keys.base:
        return frozenset(), frozenset()
    methods, metrics = (
        frozenset(name for name, key in now.items() if was.get(name) == key)
        for was, now in ((known.methods, step.keys.methods), (known.metrics, step.keys.metrics))
    )
    return methods, metrics


def _kept(step: Step) -> Kept:
    """Return the existing scores that are still valid."""
    methods, metrics = _right(step)
    return Kept(read_scores(step.part)[1], methods, metrics) if methods or metrics else NOTHING


def _kept_draws(step: Step) -> KeptDraws:
    """Return the existing values on draws that are still valid."""
    methods, metrics = _right(step)
    if not (methods or metrics):
        return NO_DRAWS
    arrays, known = read_arrays(step.part, _PART)
    scores = [Score(split, ablation, metric, task, np.nan) for split, ablation, metric, task in known["rows"]]
    drawn = [Drawn(score, step.name, values) for score, values in zip(scores, arrays["values"], strict=True)]
    return KeptDraws(drawn, methods, metrics)


def _is_run(step: Step) -> bool:
    """Return whether a null model needs a network that runs: a model takes long to be loaded and traced."""
    of_weights = [method for method in step.plan.splits if sees(method) == "weights"]
    asked = [STRENGTHS[step.plan.strength], *map(function_of, of_weights)]
    return step.name == RANDOM_SPLIT or any("runner" in inspect.signature(function).parameters for function in asked)


def _subject(step: Step) -> Subject:
    """Return a network as a null model needs it: with its untrained state if it is compared with that."""
    models = step.models if _is_run(step) else NO_MODELS
    graph, runner = graph_and_runner(step.file, step.evaluation, models=models)
    untrained = None
    if step.name == UNTRAINED and 0 in read_header(step.file).snapshots:
        untrained = graph_of(read_snapshot(step.file, 0))
    return subject_of(graph, runner, step.plan, untrained, step.file.stem)


def _write_scores(step: Step, known: dict[str, object], scored: Scored) -> None:
    # Numbers are stored as arrays, where they may be nan; their keys are stored in the metadata.
    arrays: dict[str, NDArray[np.generic]] = {
        "scores": np.array([score.value for score in scored.scores], np.float64),
        "agreements": np.array([agreement.value for agreement in scored.agreements], np.float64),
    }
    for method, split in scored.splits.items():
        for layer, members in split.membership.items():
            arrays[f"splits/{method}/{layer}"] = members
        for layer, numbers in (split.communities or {}).items():
            arrays[f"communities/{method}/{layer}"] = numbers
    metadata = {
        "keys": asdict(step.keys),
        "known": known,
        "scores": [score.key for score in scored.scores],
        "agreements": [astuple(agreement)[:-1] for agreement in scored.agreements],
        "splits": {method: list(map(asdict, split.notes)) for method, split in scored.splits.items()},
        "noted": _data_of(scored.noted),
    }
    write_arrays(step.part, _PART, arrays, metadata)


def read_scores(part: Path) -> tuple[dict[str, object], Scored]:
    """Return the description and the scores of a network from its part."""
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
    return known["known"], Scored(scores, splits, agreements, _noted_of(known["noted"]))


def _data_of(noted: Iterable[Noted]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return notes as JSON has them."""
    return [(one.split, one.metric, asdict(one.note)) for one in noted]


def _noted_of(data: Iterable[tuple[str, str, dict[str, Any]]]) -> list[Noted]:
    """Return the notes that `_data_of` made JSON of."""
    return [Noted(split, metric, Note(**note)) for split, metric, note in data]


def _of_layers(arrays: dict[str, NDArray[np.generic]], prefix: str) -> dict[int, NDArray[Any]]:
    """Return the arrays whose names are a prefix and the number of a layer, by that number."""
    return {int(name.removeprefix(prefix)): array for name, array in arrays.items() if name.startswith(prefix)}


def _write_drawn(step: Step, drawn: Sequence[Drawn], notes: Sequence[Noted]) -> None:
    arrays = {"values": np.stack([comparison.values for comparison in drawn]) if drawn else np.empty((0, 0))}
    rows = [comparison.score.key for comparison in drawn]
    write_arrays(step.part, _PART, arrays, {"keys": asdict(step.keys), "rows": rows, "noted": _data_of(notes)})


def read_drawn(part: Path, scored: Scored) -> tuple[list[Drawn], list[tuple[str, Note]]]:
    """Return scores beside their values on the draws of a null model, and notes, from its part."""
    arrays, known = read_arrays(part, _PART)
    scores = {score.key: score for score in scored.scores}
    rows = zip(map(tuple, known["rows"]), arrays["values"], strict=True)
    drawn = [Drawn(scores[key], part.stem, values) for key, values in rows]
    return drawn, [(noted.split, noted.note) for noted in _noted_of(known["noted"])]


def all_drawn(parts: Path) -> list[Drawn]:
    """Return every score of a network beside its values on the draws of every null model that was run.

    Args:
        parts: the folder of the network's results, ``RESULTS/parts/<network>``.

    Raises:
        FileNotFoundError: the folder has no scores.
    """
    scores = parts / f"{SCORES}.h5"
    if not scores.is_file():
        raise FileNotFoundError(f"{scores}: expected the scores that `spatialgraph analyze` wrote, found nothing")
    scored = read_scores(scores)[1]
    models = [part for null in null_models() if (part := parts / f"{null}.h5").is_file()]
    return [drawn for part in models for drawn in read_drawn(part, scored)[0]]
