"""The values that scores take by chance: the same measures on draws of the null models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.metrics import Better, facts
from spatialgraph.nulls import NULLS, RANDOM_SPLIT, UNTRAINED, Chance, chance, draw, require_for
from spatialgraph.runners import Performance
from spatialgraph.splits import Split, sees
from spatialgraph.splits.controls import random_splits
from spatialgraph.threads import one_thread

from .columns import FULL
from .scoring import (
    NOTHING,
    Kept,
    Noted,
    Plan,
    Score,
    Scored,
    Subject,
    Tell,
    function,
    noting,
    seed_of,
    split_by,
    structure,
)


def null_models() -> tuple[str, ...]:
    """Return the names of all null models that scores are compared with, including those of plugins."""
    return (*NULLS, UNTRAINED, RANDOM_SPLIT)


# How many random splits are run together: enough to share most of the computation.
_TOGETHER = 25

EXAMPLES = 2048
"""Random splits are run on so many examples of each task at most, and so is the split that they are compared with."""

_Key = tuple[str, str, str, str]
_Measured = Iterator[tuple[int, Iterable[Score]]]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A score and its values on the draws of a null model.

    Attributes:
        score: the score.
        null: the null model.
        values: ``(draws,)``, the same measure on each draw; nan where it could not be measured.
    """

    score: Score
    null: str
    values: NDArray[np.float64]

    @property
    def tail(self) -> Better:
        """The direction of extreme values: ``"high"``, ``"low"``, or ``""`` for both."""
        return facts(self.score.metric.split(":")[0]).better

    @property
    def chance(self) -> Chance:
        """The score beside its values on the draws."""
        return chance(self.score.value, self.values, self.tail)


@dataclass(frozen=True)
class KeptDraws:
    """Earlier measurements on draws that are still valid, like `Kept` for scores.

    Attributes:
        drawn: scores beside their values on the draws.
        methods: the split methods whose splits are still valid.
        metrics: the metrics that still measure the same quantity.
    """

    drawn: Sequence[Drawn]
    methods: frozenset[str]
    metrics: frozenset[str]

    @cached_property
    def values(self) -> Mapping[_Key, NDArray[np.float64]]:
        """The values on the draws, by the key of each score that is kept."""
        kept = self.without_scores
        return {d.score.key: d.values for d in self.drawn if kept.has(d.score.split, d.score.metric.split(":")[0])}

    @property
    def without_scores(self) -> Kept:
        """The methods and metrics that need not be measured again; their measurements are in `values`."""
        return Kept(NOTHING.scored, self.methods, self.metrics)


NO_DRAWS = KeptDraws((), frozenset(), frozenset())
"""No earlier measurements on draws."""


@one_thread()
def against(
    null: str, subject: Subject, scored: Scored, plan: Plan, note: Tell, before: KeptDraws = NO_DRAWS
) -> list[Drawn]:
    """Measure a network's scores again on draws of a null model, where they depend on what the model changes.

    A method that sees weights splits every draw anew; the split of another method is used unchanged.

    Args:
        null: one of `null_models`.
        subject: the network.
        scored: its scores and splits.
        plan: the number of draws and the measures.
        note: called with a note on each step that could not be done.
        before: earlier measurements on the same draws, which are not repeated.
    """
    kept = before.without_scores
    measured: _Measured = iter(())
    with noting(note, FULL):
        if null == RANDOM_SPLIT:
            measured = _on_random_splits(subject, scored, plan, kept)
        elif null == UNTRAINED:
            measured = _on_graphs(subject, scored.splits, plan, [_untrained(subject)], kept)
        else:
            require_for(null, subject.graph)
            measured = _on_graphs(subject, scored.splits, plan, _draws(null, subject, plan), kept)
    return _collect(null, {score.key: score for score in scored.scores}, measured, before)


def _untrained(subject: Subject) -> Graph:
    if subject.untrained is None:
        raise NotApplicableError(f"null model {UNTRAINED!r}: expected a snapshot of epoch 0 in its file, found none")
    return subject.untrained


def _draws(null: str, subject: Subject, plan: Plan) -> Iterator[Graph]:
    for number in range(plan.nulls):
        yield draw(null, subject.graph, seed_of(plan.seed, subject.graph.name, null, number))


def _on_graphs(
    subject: Subject, splits: Mapping[str, Split], plan: Plan, graphs: Iterable[Graph], kept: Kept
) -> _Measured:
    """Yield the number of each draw and its scores."""
    wanted = [name for name in plan.metrics if facts(name).weights and facts(name).of != "function"]
    of_networks = [name for name in wanted if facts(name).of == "network"]
    asked = {m: s for m, s in splits.items() if not all(kept.has(m, name) for name in wanted)}
    if not asked and all(kept.has(FULL, name) for name in of_networks):
        return
    for number, graph in enumerate(graphs):
        again: dict[str, Split] = {}
        for method, split in asked.items():
            with noting(_ignore, method):
                again[method] = split_by(method, subject, plan, graph=graph) if sees(method) == "weights" else split
        yield number, structure(graph, again, plan, _ignore, weights_only=True, kept=kept)


def _on_random_splits(subject: Subject, scored: Scored, plan: Plan, kept: Kept) -> _Measured:
    """Yield the number of each draw and the scores of random splits with the module sizes of each split.

    Splits with equal module sizes share their random splits, which are run once. All are run on one sample of the
    examples, and so is the split that they are compared with: what is yielded is its score on all examples, plus the
    difference on the sample. A random split that equals it in every answer has its score, and p is that of a test
    whose statistic is the score on the sample: it needs no correction, whatever the size of the sample.
    """
    metrics = plan.metrics_of("function")
    if subject.runner is None or not metrics:
        return
    known: dict[object, list[list[Performance]]] = {}
    seed = seed_of(plan.seed, subject.graph.name, RANDOM_SPLIT)
    runner = subject.runner.sample(EXAMPLES, seed)
    for method, split in scored.splits.items():
        if all(kept.has(method, metric) for metric in metrics):
            continue
        sizes = _sizes(subject.graph, split)
        if sizes not in known:
            controls = list(random_splits(subject.graph, split, plan.nulls, seed))
            known[sizes] = [
                performances
                for start in range(0, len(controls), _TOGETHER)
                for performances in runner.performances(controls[start : start + _TOGETHER], plan.ablations)
            ]
        beyond: dict[_Key, float] = {}
        if runner is not subject.runner:
            own = runner.performances([Split(split.method, split.membership)], plan.ablations)[0]
            on_sample = {score.key: score.value for score in function(method, own, plan, _ignore, kept)}
            beyond = {score.key: score.value - on_sample.get(score.key, np.nan) for score in scored.scores}
        for number, performances in enumerate(known[sizes]):
            scores = function(method, performances, plan, _ignore, kept)
            yield number, [replace(score, value=score.value + beyond.get(score.key, 0.0)) for score in scores]


def _sizes(graph: Graph, split: Split) -> object:
    """Return everything that random splits keep: the outputs, and each layer's number of neurons by tasks served."""
    sizes = []
    for k, members in split.membership.items():
        free = graph.task_of[k] < 0
        kinds, counts = np.unique(members[free], axis=0, return_counts=True)
        sizes.append((k, members[~free].tobytes(), kinds.tobytes() + counts.tobytes()))
    return tuple(sizes)


def _collect(null: str, observed: Mapping[_Key, Score], measured: _Measured, before: KeptDraws) -> list[Drawn]:
    """Collect the values of all draws for each observed score."""
    values: dict[_Key, dict[int, float]] = {}
    draws = 0
    for number, scores in measured:
        draws = max(draws, number + 1)
        for score in scores:
            if score.key in observed:
                values.setdefault(score.key, {})[number] = score.value
    arrays = {key: np.array([of.get(number, np.nan) for number in range(draws)]) for key, of in values.items()}
    arrays.update(before.values)
    return [Drawn(score, null, arrays[key]) for key, score in observed.items() if key in arrays]


def _ignore(_: Noted) -> None:
    """Ignore a note: a score that cannot be measured on a draw is counted as missing."""
