"""Notes: what a method could not do, or what was odd, as data; the sentences that people read are made from them.

Programs read codes and values, never sentences. All sentences stand here, by code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from string import Formatter
from types import MappingProxyType
from typing import Any

from .arrays import plain_value
from .faults import shown

_PREFIX = "degenerate: "

_OF_LAYER = "{layer}: {count} of {of} {units}"
_COMMUNITIES = (
    "{count} communities of modularity {modularity:.3f}; {runs} runs agree at an adjusted Rand index of {agreement:.2f}"
)

# Why a split is no division into task modules.
_REASONS = {
    "degenerate": "{reason}",
    "one-task": "the graph has a single task, so that all {units} are one module",
    "no-module": "none of {of} {units} besides the outputs serves a task",
    "small-module": "{count} of {of} {units} besides the outputs serve task {task!r}, less than {percent:.2g} %",
    "shared-modules": "{count} of {of} {units} besides the outputs that serve a task serve every task, more than "
    "{percent:.2g} %",
    "outputs-elsewhere": "{count} of {of} outputs of task {task!r} lie in its module, fewer than half",
}

DEGENERATE = frozenset(_REASONS)
"""The codes that say that a split is no division into task modules."""

IN_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "degenerate": "for the reason that its note tells",
        "one-task": "there is a single task",
        "no-module": "hardly any unit serves a task",
        "small-module": "task {task} has hardly any unit besides its outputs",
        "shared-modules": "nearly all units serve every task",
        "outputs-elsewhere": "task {task} has fewer than half of its outputs in its module",
    }
)
"""Why many splits together are degenerate, by code: without the numbers, in which they differ."""

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "text": "{text}",
        # of whole networks and of measures
        "no-evaluation": "its metadata names no evaluation: nothing of function is measured",
        "no-models": "nothing runs it, `analyze --models FILE` names what does: nothing of function is measured",
        "no-runner": "nothing runs it: nothing of function is measured",
        "not-applicable": "{message}",
        "left-out": "the graph leaves out {what} ({count} operators, of modules {modules})",
        "not-executable": "it cannot be run: nothing of function is measured",
        # of units without a task
        "no-effect": f"{_OF_LAYER} change nothing when they are disabled and serve no task",
        "no-path": f"{_OF_LAYER} have no connection to any task and serve none",
        "constant": f"{_OF_LAYER} have a constant activation and serve no task",
        "unattached": "{count} of {of} {units} have no connection and serve no task",
        "unreached": "{count} of {of} {units} are connected to no output and serve no task",
        "in-no-mask": f"{_OF_LAYER} are in no task's mask and serve none",
        # of units that another task has as good a claim to
        "tied": f"{_OF_LAYER} are connected equally strongly to several tasks and go to the first of them",
        "tied-effects": f"{_OF_LAYER} affect the {{measure}} of several tasks alike and go to the first of them",
        "tied-statistics": f"{_OF_LAYER} have the same {{statistic}} for several tasks and go to the first of them",
        "tied-walks": "walks from {count} of {of} {units} meet outputs of several tasks equally often; they go to the "
        "first of them",
        "harmful": f"{_OF_LAYER} go to a task whose {{measure}} does not grow without them",
        "shared": f"{_OF_LAYER} serve several tasks",
        "undecided": "{count} of {of} {units} are in no task's smallest cut and go to task {task!r}",
        # of the masks of tasks
        "mask-of-nothing": "task {task!r} was not learned (accuracy {accuracy:.3f}, by guessing {guessed:.3f}): its "
        "mask says nothing",
        "mask-of-all": "the mask of task {task!r} keeps all {of} {units}",
        "mask-of-none": "the mask of task {task!r} keeps none of {of} {units}",
        "mask-costs": "task {task!r} loses {drop:.3f} of accuracy with the units of its mask alone, more than "
        "{limit:g}",
        # of tasks and methods
        "greedy-cuts-less": "the greedy split cuts less than the cuts around each task; it is taken",
        "greedy-sizes": "the greedy split, whose sizes this one has, left {units} without a task or decided ties: see "
        "its notes",
        "same-examples": "tasks {tasks} are labelled on the same examples, so this method cannot tell them apart",
        "unsettled": "{layers}: tasks did not settle in {rounds} rounds; those of the last are taken",
        # of clusters and communities
        "communities": _COMMUNITIES,
        "communities-agreed": f"{_COMMUNITIES}, a consensus after {{rounds}} rounds",
        "communities-not-agreed": f"{_COMMUNITIES}, no consensus after {{rounds}} rounds: the best run",
        "components": "the graph of connected {units} has {components} components",
        "few-clusters": "{clusters} clusters found for {tasks} tasks",
        "clusters-without-outputs": "{count} of {of} clusters hold no output",
        "communities-without-outputs": "{count} of {of} communities hold no output: their {members} {units} serve no "
        "task",
        "library-warning": "{library}: {message}",
        "misplaced-outputs": "{count} of {of} outputs lie in the {group} of another task; {most} of {of} outputs lie "
        "in one {group}",
        "tasks-without-community": "tasks without a community: {tasks}",
    }
    | {code: _PREFIX + reason for code, reason in _REASONS.items()}
)
"""The sentence of each code, with the names of the values in braces."""

# What is read from texts that were written when notes had no codes: `Note.of_old_text`.
_OLD = {
    "one-task": re.compile(
        r"degenerate: the (?:graph|network) has a single task, so that all (?P<units>neurons) are one module"
    ),
    "degenerate": re.compile(r"degenerate: (?P<reason>.*)", re.DOTALL),
    "same-examples": re.compile(
        r"tasks (?P<tasks>.*) are labelled on the same examples, so this method cannot tell them apart", re.DOTALL
    ),
    "misplaced-outputs": re.compile(
        r"(?P<count>\d+) of (?P<of>\d+) outputs lie in the (?P<group>cluster|community) of another task; "
        r"(?P<most>\d+) of (?P=of) outputs lie in one (?P=group)"
    ),
}
_COUNTS = ("count", "of", "most")


@dataclass(frozen=True)
class Note:
    """One thing that a method could not do, or that was odd; ``str(note)`` is its sentence.

    Attributes:
        code: what it is, one of `SENTENCES`. ``"text"`` is a sentence of somebody's own, which no program reads, and
            ``"degenerate"`` says, with a reason of one's own, that a split is no division into task modules.
        values: the values that the sentence of this code names: texts, numbers, or several texts.

    Raises:
        ValueError: there is no such code, its sentence has other values, or a value is none.

    Example:
        >>> note = Note("few-clusters", {"clusters": 1, "tasks": 2})
        >>> str(note), note.values["tasks"], note.is_degenerate
        ('1 clusters found for 2 tasks', 2, False)
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.code not in SENTENCES:
            raise ValueError(f"note: expected one of the codes {', '.join(SENTENCES)}, found {shown(self.code)}")
        if not isinstance(self.values, Mapping) or set(self.values) != (wanted := values_of(self.code)):
            found = list(self.values) if isinstance(self.values, Mapping) else self.values
            names = ", ".join(sorted(values_of(self.code))) or "none"
            raise ValueError(f"values of note {self.code!r}: expected {names}, found {shown(found)}")
        values = {name: self._value(name, self.values[name]) for name in sorted(wanted)}
        object.__setattr__(self, "values", values)
        try:
            str(self)
        except (TypeError, ValueError) as error:
            raise ValueError(f"values of note {self.code!r}: expected numbers where it has numbers, {error}") from None

    def _value(self, name: str, value: Any) -> Any:
        """Return a value as JSON has it, lists as tuples."""
        value = plain_value(value)
        if isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
            return tuple(value)
        if value is not None and not isinstance(value, (str, int, float)):
            raise ValueError(
                f"{name} of note {self.code!r}: expected text, a number or a list of texts, found {shown(value)}"
            )
        return value

    @classmethod
    def of_text(cls, text: str) -> Note:
        """Make a note of a sentence of somebody's own.

        Raises:
            ValueError: it is no text.

        Example:
            >>> Note.of_text("the moon was full")
            Note(code='text', values={'text': 'the moon was full'})
        """
        if not isinstance(text, str):
            raise ValueError(f"note: expected a Note or text, found {shown(text)}")
        return cls("text", {"text": text})

    @classmethod
    def of_old_text(cls, text: str) -> Note:
        """Make a note of a text in a file that knows no codes: the only place where a sentence is read.

        Recognised are the notes that programs have to know: those of degenerate splits, of tasks with the same
        examples, and of outputs in the cluster of another task. All else is text.

        Example:
            >>> Note.of_old_text("degenerate: no neuron").is_degenerate
            True
        """
        for code, pattern in _OLD.items():
            if match := pattern.fullmatch(text):
                return cls(code, {name: int(v) if name in _COUNTS else v for name, v in match.groupdict().items()})
        return cls.of_text(text)

    @property
    def is_degenerate(self) -> bool:
        """Whether it says that a split is no division into task modules."""
        return self.code in DEGENERATE

    def __str__(self) -> str:
        """Return the sentence."""
        return _filled(SENTENCES[self.code], self.values)

    @property
    def reason(self) -> str:
        """The sentence without the word that all notes of degenerate splits begin with."""
        return _filled(_REASONS.get(self.code, SENTENCES[self.code]), self.values)


def as_notes(given: Iterable[Note | str]) -> tuple[Note, ...]:
    """Return notes, with those of texts in place of texts.

    Raises:
        ValueError: something is neither.
    """
    return tuple(note if isinstance(note, Note) else Note.of_text(note) for note in given)


def values_of(code: str) -> set[str]:
    """Return the names of the values that the sentence of a code has.

    Example:
        >>> sorted(values_of("few-clusters"))
        ['clusters', 'tasks']
    """
    return {name for _, name, _, _ in Formatter().parse(SENTENCES[code]) if name}


def _filled(sentence: str, values: Mapping[str, Any]) -> str:
    """Return a sentence with its values, several texts as a list."""
    said = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return sentence.format(**said)


def notes_of(data: Any) -> list[Note]:
    """Return the notes that the metadata of a file hold, as far as they are some.

    Example:
        >>> [str(note) for note in notes_of([{"code": "few-clusters", "values": {"clusters": 1, "tasks": 2}}, 3])]
        ['1 clusters found for 2 tasks']
    """
    notes = []
    for one in data if isinstance(data, list) else []:
        with suppress(ValueError, KeyError, TypeError):
            notes.append(Note(one["code"], one["values"]))
    return notes
