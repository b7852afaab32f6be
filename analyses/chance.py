"""What scores are worth by chance: the same measures on draws of the null models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.metrics import Better, facts
from spatialgraph.notes import Note
from spatialgraph.nulls import NULLS, RANDOM_SPLIT, UNTRAINED, Chance, chance, draw, require_for
from spatialgraph.runners import Performance
from spatialgraph.splits import Split, sees
from spatialgraph.splits.random import random_splits
from spatialgraph.threads import one_thread

from .results import FULL
from .scoring import Plan, Score, Scored, Subject, Tell, function, noting, seed_of, split_by, structure

NULL_MODELS = (*NULLS, UNTRAINED, RANDOM_SPLIT)
"""The names of all null models that scores are compared with."""

# Splits whose controls are run together: enough for them to share what they can.
_TOGETHER = 25

_Key = tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A score and what it is on the draws of a null model.

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
        """Which values are more extreme: ``"high"``, ``"low"``, or ``""`` for both."""
        return facts(self.score.metric.split(":")[0]).better

    @property
    def chance(self) -> Chance:
        """The score beside its values on the draws."""
        return chance(self.score.value, self.values, self.tail)


@one_thread()
def against(null: str, subject: Subject, scored: Scored, plan: Plan, note: Tell) -> list[Drawn]:
    """Measure again on draws of a null model what depends on what it draws.

    A method that sees weights splits every draw anew; a split of another method is measured as it is.

    Args:
        null: one of `NULL_MODELS`.
        subject: the network.
        scored: its scores and splits.
        plan: how many draws, and what is measured.
        note: is called with a split method and what could not be done.
    """
    measured: Iterable[tuple[int, Iterable[Score]]] = ()
    with noting(note, FULL):
        if null == RANDOM_SPLIT:
            measured = _on_random_splits(subject, scored.splits, plan)
        elif null == UNTRAINED:
            measured = _on_graphs(subject, scored.splits, plan, [_untrained(subject)])
        else:
            require_for(null, subject.graph)
            measured = _on_graphs(subject, scored.splits, plan, _draws(null, subject, plan))
    return _collect(null, {score.key: score for score in scored.scores}, measured)


def _untrained(subject: Subject) -> Graph:
    if subject.untrained is None:
        raise NotApplicableError(f"null model {UNTRAINED!r}: expected a snapshot of epoch 0 in its file, found none")
    return subject.untrained


def _draws(null: str, subject: Subject, plan: Plan) -> Iterator[Graph]:
    for number in range(plan.nulls):
        yield draw(null, subject.graph, seed_of(plan.seed, subject.graph.name, null, number))


def _on_graphs(
    subject: Subject, splits: Mapping[str, Split], plan: Plan, graphs: Iterable[Graph]
) -> Iterator[tuple[int, Iterable[Score]]]:
    """Yield the number of each draw and what is measured on it."""
    for number, graph in enumerate(graphs):
        again: dict[str, Split] = {}
        for method, split in splits.items():
            with noting(_nothing, method):
                again[method] = split_by(method, subject, plan, graph=graph) if sees(method) == "weights" else split
        yield number, structure(graph, again, plan, _nothing, weights_only=True)


def _on_random_splits(
    subject: Subject, splits: Mapping[str, Split], plan: Plan
) -> Iterator[tuple[int, Iterable[Score]]]:
    """Yield the number of each draw and what random splits of the sizes of each split can do.

    Splits of equal sizes have the same controls, which are run once.
    """
    if subject.runner is None or not plan.metrics_of("function"):
        return
    known: dict[object, list[list[Performance]]] = {}
    seed = seed_of(plan.seed, subject.graph.name, RANDOM_SPLIT)
    for method, split in splits.items():
        sizes = _sizes(subject.graph, split)
        if sizes not in known:
            controls = list(random_splits(subject.graph, split, plan.nulls, seed))
            known[sizes] = [
                performances
                for start in range(0, len(controls), _TOGETHER)
                for performances in subject.runner.performances(controls[start : start + _TOGETHER], plan.ablations)
            ]
        for number, performances in enumerate(known[sizes]):
            yield number, function(method, performances, plan, _nothing)


def _sizes(graph: Graph, split: Split) -> object:
    """Return all that random splits keep of a split: its outputs, and how many neurons of each layer serve what."""
    sizes = []
    for k, members in split.membership.items():
        free = graph.task_of[k] < 0
        kinds, counts = np.unique(members[free], axis=0, return_counts=True)
        sizes.append((k, members[~free].tobytes(), kinds.tobytes() + counts.tobytes()))
    return tuple(sizes)


def _collect(null: str, observed: Mapping[_Key, Score], measured: Iterable[tuple[int, Iterable[Score]]]) -> list[Drawn]:
    """Gather what was measured draw by draw under the scores that it is compared with."""
    values: dict[_Key, dict[int, float]] = {}
    draws = 0
    for number, scores in measured:
        draws = max(draws, number + 1)
        for score in scores:
            if score.key in observed:
                values.setdefault(score.key, {})[number] = score.value
    return [
        Drawn(score, null, np.array([values[key].get(number, np.nan) for number in range(draws)]))
        for key, score in observed.items()
        if key in values
    ]


def _nothing(split: str, note: Note) -> None:
    """What cannot be measured on a draw is missing from it, and counted as missing."""
