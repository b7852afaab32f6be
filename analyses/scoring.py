"""One network × splits × ablations × metrics → tidy scores."""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from spatialgraph.agreement import agreement
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.metrics import METRICS, Measurement, facts, measure
from spatialgraph.notes import Note
from spatialgraph.runners import ABLATIONS, Performance, Runner
from spatialgraph.splits import FILE, SPLITS, Split, apply, base, draws_at_random, is_degenerate, select
from spatialgraph.splits.table import label_of, read_rows
from spatialgraph.strengths import STRENGTHS, with_strength
from spatialgraph.threads import one_thread

from .columns import FULL, GUESSED

# How many examples may be judged differently by two programs that round differently: a near tie between two outputs.
_ROUNDING = 0.0005

# Runs of a method that draws at random, each with a seed of its own, whose splits are compared.
_SEEDS = 5


@dataclass(frozen=True)
class Plan:
    """What is asked of every network.

    Attributes:
        splits: split methods, with parameters if others than the defaults are wanted; ``file:mine.csv`` for a split of
            one's own, which is then called ``file:mine``.
        ablations: what disabled neurons emit.
        metrics: names of metrics.
        strength: what the strength of a connection is, for splits and measures of the graph.
        nulls: how many draws of each null model scores are compared with; 0 for none.
        seed: settles all that is drawn at random; every network gets random numbers of its own.
        files: the paths of the files that are named, absolute, by the names of their splits.

    A name may stand alone in place of a list of one. A name that is given twice counts once.

    Raises:
        FileNotFoundError: there is no such file of a split.
        ValueError: an unknown name, the message lists those that are known; a number of draws or a seed that is not
            whole; or a negative number of draws.
    """

    splits: tuple[str, ...]
    ablations: tuple[str, ...]
    metrics: tuple[str, ...]
    strength: str = "absolute"
    nulls: int = 0
    seed: int = 0
    files: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        splits, files = _without_paths(_names("splits", self.splits), self.files)
        object.__setattr__(self, "splits", splits)
        object.__setattr__(self, "files", files)
        for name, chosen in (("splits", select), ("ablations", _modes), ("metrics", METRICS.select)):
            object.__setattr__(self, name, tuple(chosen(_names(name, getattr(self, name)))))
        STRENGTHS[self.strength]
        for name, what in (("nulls", "draws of the null models"), ("seed", "seed")):
            object.__setattr__(self, name, _whole(what, getattr(self, name)))
        if self.nulls < 0:
            raise ValueError(f"draws of the null models: expected at least 0, found {self.nulls}")

    @classmethod
    def choose(
        cls,
        splits: Sequence[str] | str | None = None,
        ablations: Sequence[str] | str | None = None,
        metrics: Sequence[str] | str | None = None,
        strength: str = "absolute",
        nulls: int = 0,
        seed: int = 0,
    ) -> Plan:
        """Make a plan of the names given, of all there are where none are.

        Raises:
            ValueError: as a plan does.
        """
        return cls(
            tuple(SPLITS if splits is None else _names("splits", splits)),
            ABLATIONS if ablations is None else tuple(_names("ablations", ablations)),
            tuple(METRICS if metrics is None else _names("metrics", metrics)),
            strength,
            nulls,
            seed,
        )

    def metrics_of(self, subject: str) -> list[str]:
        """Return the names of the metrics that are measures of a network, of a split, or of function."""
        return [name for name in self.metrics if facts(name).of == subject]


def _names(key: str, given: Iterable[str] | str) -> list[str]:
    """Return names that are given as a list, or as one name."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{key} of a plan: expected a list of names, found {name!r}")
    return names


def _without_paths(methods: Iterable[str], known: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return methods with the names of splits in place of the paths of their files, and these paths by name."""
    names, files = [], dict(known)
    for method in methods:
        if base(method) == FILE and method not in known:
            path = Path(method.removeprefix(f"{FILE}:")).absolute()
            read_rows(path)
            name = label_of(path)
            if files.setdefault(name, str(path)) != str(path):
                raise ValueError(f"{path}: expected files of splits with different names, found {files[name]} too")
            names.append(name)
        else:
            names.append(method)
    return names, files


def _modes(names: Iterable[str]) -> list[str]:
    """Return the ablation modes asked for, each checked, in their order."""
    modes = list(dict.fromkeys(names))
    for mode in modes:
        if mode not in ABLATIONS:
            raise ValueError(f"unknown ablation mode {mode!r}; known: {', '.join(ABLATIONS)}")
    return modes


def _whole(what: str, number: object) -> int:
    """Return a whole number, of Python or NumPy."""
    try:
        return operator.index(number)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"{what}: expected a whole number, found {number!r}") from None


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured: a network, and what is made of it once for all measures.

    Attributes:
        graph: its graph, with strengths for weights, of which splits and measures are made.
        runner: runs it, None if nothing of function can be measured.
        untrained: the graph before training, None if it is not known.
        called: the name of the network's file; None if it has none.
    """

    graph: Graph
    runner: Runner | None
    untrained: Graph | None
    called: str | None = None


@dataclass(frozen=True)
class Score:
    """One number: what was measured of which split.

    Attributes:
        split: the split method, `FULL` for the whole network.
        ablation: what disabled neurons emitted, ``""`` where none was disabled.
        metric: the name of the metric, followed by ``:`` and the layer or the module if it is of one.
        task: the name of the task, ``""`` if it is of all.
        value: the number, in the metric's own unit.
    """

    split: str
    ablation: str
    metric: str
    task: str
    value: float

    @classmethod
    def of(cls, split: str, ablation: str, metric: str, measurement: Measurement) -> Score:
        """Make the score of a measurement."""
        name = f"{metric}:{measurement.part}" if measurement.part else metric
        return cls(split, ablation, name, measurement.task, measurement.value)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is a score of, without the number."""
        return self.split, self.ablation, self.metric, self.task


@dataclass(frozen=True)
class Agreement:
    """How much two splits of a network agree.

    Attributes:
        split: a split method.
        other: another, or the same: then it is the mean over pairs of runs with different seeds.
        measure: what is measured, as `spatialgraph.agreement` says.
        value: the number.
    """

    split: str
    other: str
    measure: str
    value: float


@dataclass(frozen=True)
class Noted:
    """What could not be done, or was odd.

    Attributes:
        split: the split method, `FULL` for the whole network.
        metric: the metric that could not be measured, ``""`` if it is of the split or the network.
        note: what it is.
    """

    split: str
    metric: str
    note: Note


@dataclass(frozen=True)
class Scored:
    """What is found out about one network, chance left aside.

    Attributes:
        scores: every score.
        splits: method to split.
        agreements: between every two methods, and between the seeds of a method that has one, without degenerate
            splits.
        noted: what could not be done, as often as it was tried.
    """

    scores: list[Score]
    splits: dict[str, Split]
    agreements: list[Agreement]
    noted: list[Noted]

    @property
    def notes(self) -> list[tuple[str, Note]]:
        """The notes, each with a split method: what a network lacks once, not for every split that needs it."""
        own = {(method, note) for method, split in self.splits.items() for note in split.notes}
        notes = [(noted.split, noted.note) for noted in self.noted]
        return list({note if note in own else note[1]: note for note in reversed(notes)}.values())[::-1]


@dataclass(frozen=True)
class Kept:
    """What was found out before, and is still right: the code of a method or of a metric was not edited since.

    Attributes:
        scored: what was found out.
        methods: the split methods whose splits are still right.
        metrics: the metrics that measure as they did.
    """

    scored: Scored
    methods: frozenset[str]
    metrics: frozenset[str]

    def has(self, method: str, metric: str) -> bool:
        """Return whether what a metric measured of a split, or of the whole network, is still right."""
        return metric in self.metrics and (method in self.methods or method == FULL)

    def scores(self, method: str, metric: str) -> list[Score]:
        """Return what a metric measured of a split."""
        return self._scores.get((method, metric), [])

    def noted(self, method: str, metric: str) -> list[Noted]:
        """Return what could not be measured of a split, or is odd in the split itself."""
        return [noted for noted in self.scored.noted if (noted.split, noted.metric) == (method, metric)]

    @cached_property
    def _scores(self) -> dict[tuple[str, str], list[Score]]:
        scores: dict[tuple[str, str], list[Score]] = {}
        for score in self.scored.scores:
            scores.setdefault((score.split, score.metric.split(":")[0]), []).append(score)
        return scores


NOTHING = Kept(Scored([], {}, [], []), frozenset(), frozenset())
"""Nothing that was found out before."""

Tell = Callable[[Noted], None]


def subject_of(
    graph: Graph, runner: Runner | None, plan: Plan, untrained: Graph | None = None, called: str | None = None
) -> Subject:
    """Prepare a network for measuring.

    Args:
        graph: the graph of the network, with its weights.
        runner: runs the network, if it can be run.
        plan: what is asked.
        untrained: the graph before training, if it is known.
        called: the name of the network's file, if it has one.

    Raises:
        NotApplicableError: the strength that the plan names cannot be had of this network.
    """
    strengths = with_strength(graph, plan.strength, runner)
    before = None if untrained is None else with_strength(untrained, plan.strength, runner)
    return Subject(strengths, runner, before, called)


def score(graph: Graph, runner: Runner | None, plan: Plan) -> Scored:
    """Split a network by every method of a plan and score each split; see `score_subject`, which this calls.

    Args:
        graph: the graph of the network.
        runner: runs the network; None leaves out all that needs it, with a note.
        plan: what is asked.

    Raises:
        NotApplicableError: the strength that the plan names cannot be had of this network.
        ValueError: the network has other accuracies, when it is run, than its metadata state.

    Example:
        >>> from spatialgraph.network import Connection, Layer, Network
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 0.0], [1.0, 2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> score(network.graph, None, Plan.choose(["greedy"], metrics=["cut"])).scores[0].value  # 1 of 6 runs between
        0.16666666666666666
    """
    if runner is None:
        noted = [Noted(FULL, "", Note("no-runner"))]
        return score_subject(subject_of(graph, None, plan), plan, noted)
    require_stated_accuracy(graph, runner)
    return score_subject(subject_of(graph, runner, plan), plan)


@one_thread()
def score_subject(subject: Subject, plan: Plan, noted: Sequence[Noted] = (), kept: Kept = NOTHING) -> Scored:
    """Split a network by every method of a plan and score each split.

    Args:
        subject: the network, prepared.
        plan: what is asked.
        noted: what was noted before.
        kept: what was found out before, and is not done again.
    """
    notes = list(noted)
    splits: dict[str, Split] = {}
    for method in plan.splits:
        if method in kept.methods:
            if method in kept.scored.splits:
                splits[method] = kept.scored.splits[method]
            else:
                notes += kept.noted(method, "")
        else:
            with noting(notes.append, method):
                splits[method] = split_by(method, subject, plan)
    for method, split in splits.items():
        notes += [Noted(method, "", note) for note in split.notes]
    scores = scores_of(subject, splits, plan, notes.append, kept)
    return Scored(scores, splits, list(_agreements(subject, splits, plan, kept)), notes)


def scores_of(
    subject: Subject, splits: Mapping[str, Split], plan: Plan, note: Tell, kept: Kept = NOTHING
) -> list[Score]:
    """Return all that a plan measures of a network and of splits of it.

    Args:
        subject: the network, prepared.
        splits: method to split.
        plan: what is measured.
        note: is called with what could not be measured.
        kept: what was found out before, and is not measured again.
    """
    scores: list[Score] = []
    if subject.runner is not None and "accuracy" in plan.metrics:
        for metric, values in (("accuracy", subject.runner.full), (GUESSED, subject.runner.guessed)):
            of_tasks = zip(subject.graph.tasks, values.tolist(), strict=True)
            scores += [Score(FULL, "", metric, task, value) for task, value in of_tasks]
    scores += structure(subject.graph, splits, plan, note, kept=kept)
    if subject.runner is not None and plan.metrics_of("function"):
        scores += _functions(subject.runner, splits, plan, note, kept)
    return scores


def split_by(method: str, subject: Subject, plan: Plan, *, graph: Graph | None = None, run: int = 0) -> Split:
    """Split a network by a method, with the random numbers that the plan gives to the network and the method.

    Args:
        method: the name of a split method.
        subject: the network.
        plan: its seed is used.
        graph: strengths to split by in place of the network's own.
        run: which of several runs with different random numbers.

    Raises:
        NotApplicableError: the method asks for something that is not there.
    """
    seed = seed_of(plan.seed, subject.graph.name, method, *([run] if run else []))
    asked = f"{FILE}:{plan.files[method]}" if method in plan.files else method
    return apply(asked, subject.graph if graph is None else graph, subject.runner, seed, subject.called)


def structure(
    graph: Graph,
    splits: Mapping[str, Split],
    plan: Plan,
    note: Tell,
    *,
    weights_only: bool = False,
    kept: Kept = NOTHING,
) -> Iterator[Score]:
    """Yield what the metrics of a plan measure of a graph and of splits of it.

    Args:
        graph: the graph, with strengths for weights.
        splits: method to split.
        plan: its metrics are measured.
        note: is called with what could not be measured.
        weights_only: whether metrics that do not depend on weights are left out.
        kept: what was found out before, and is not measured again.
    """
    wanted = [name for name in plan.metrics if facts(name).weights or not weights_only]
    for metric in wanted:
        if facts(metric).of == "network":
            yield from _measured(FULL, metric, (graph,), note, kept)
    for method, split in splits.items():
        for metric in wanted:
            of = facts(metric).of
            if of == "split" or (of == "communities" and split.communities is not None):
                yield from _measured(method, metric, (graph, split), note, kept)


def _measured(
    method: str, metric: str, subject: tuple[Graph] | tuple[Graph, Split], note: Tell, kept: Kept
) -> Iterator[Score]:
    """Yield what a metric measures of a split, or of the whole network."""
    if kept.has(method, metric):
        for noted in kept.noted(method, metric):
            note(noted)
        yield from kept.scores(method, metric)
        return
    with noting(note, method, metric):
        yield from [Score.of(method, "", metric, measurement) for measurement in measure(metric, *subject)]


def _functions(runner: Runner, splits: Mapping[str, Split], plan: Plan, note: Tell, kept: Kept) -> Iterator[Score]:
    """Yield what the metrics of a plan measure of what each split can do."""
    asked = [m for m in splits if not all(kept.has(m, metric) for metric in plan.metrics_of("function"))]
    performances = dict(zip(asked, runner.performances([splits[m] for m in asked], plan.ablations), strict=True))
    for method in splits:
        yield from function(method, performances.get(method, ()), plan, note, kept)


def function(
    method: str, performances: Sequence[Performance], plan: Plan, note: Tell, kept: Kept = NOTHING
) -> Iterator[Score]:
    """Yield what the metrics of a plan measure of what a split can do, under each ablation.

    Args:
        method: the split method.
        performances: one for each ablation; none if all that is asked is kept.
        plan: its metrics are measured.
        note: is called with what could not be measured.
        kept: what was found out before, and is not measured again.
    """
    by_ablation = {performance.ablation: performance for performance in performances}
    for ablation in plan.ablations:
        for metric in plan.metrics_of("function"):
            if kept.has(method, metric):
                for noted in kept.noted(method, metric) if ablation == plan.ablations[0] else ():
                    note(noted)
                yield from [score for score in kept.scores(method, metric) if score.ablation == ablation]
            elif ablation in by_ablation:
                with noting(note, method, metric):
                    measured = measure(metric, by_ablation[ablation])
                    yield from [Score.of(method, ablation, metric, measurement) for measurement in measured]


def _agreements(subject: Subject, splits: Mapping[str, Split], plan: Plan, kept: Kept) -> Iterator[Agreement]:
    """Yield how much every two splits agree, and the runs of each method with different seeds; none degenerate."""
    splits = {method: split for method, split in splits.items() if not is_degenerate(split)}
    known: dict[tuple[str, str], list[Agreement]] = {}
    for pair in kept.scored.agreements:
        if {pair.split, pair.other} <= kept.methods:
            known.setdefault((pair.split, pair.other), []).append(pair)
    for one, other in itertools.combinations(splits, 2):
        yield from known.get((one, other)) or [
            Agreement(one, other, name, value) for name, value in agreement(splits[one], splits[other]).items()
        ]
    for method, split in splits.items():
        if draws_at_random(method):
            yield from known.get((method, method)) or _between_seeds(method, split, subject, plan)


def _between_seeds(method: str, split: Split, subject: Subject, plan: Plan) -> list[Agreement]:
    """Return how much runs of a method with different seeds agree, on average."""
    runs = [split, *(split_by(method, subject, plan, run=run) for run in range(1, _SEEDS))]
    pairs = [agreement(one, other) for one, other in itertools.combinations(runs, 2)]
    return [Agreement(method, method, name, float(np.mean([pair[name] for pair in pairs]))) for name in pairs[0]]


@contextmanager
def noting(note: Tell, split: str, metric: str = "") -> Iterator[None]:
    """Turn a measure or a method that does not apply into a note."""
    try:
        yield
    except NotApplicableError as error:
        note(Noted(split, metric, Note("not-applicable", {"message": str(error)})))


def require_stated_accuracy(graph: Graph, runner: Runner) -> None:
    """Refuse a network that does not do what its metadata state: it is another, or the examples are."""
    stated = graph.metadata.get("accuracy")
    if stated is None:
        return
    scored = np.maximum(runner.labelled.sum(axis=0), 1)
    allowed = np.maximum(_ROUNDING, 2 / scored)
    if not (np.abs(runner.full - np.array(stated)) <= allowed).all():
        expected, found = (", ".join(f"{a:.4f}" for a in values) for values in (stated, runner.full))
        raise ValueError(
            f"network {graph.name!r}: expected the accuracies {expected} that its metadata states, "
            f"found {found} on its evaluation: it is not the network, or not the evaluation, that was measured"
        )


def seed_of(seed: int, *parts: object) -> int:
    """Return a seed for one use, so that no two networks or methods share random numbers."""
    text = json.dumps([seed, *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
