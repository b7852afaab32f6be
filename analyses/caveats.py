"""What has to be said before anything else: numbers of an analysis that say nothing, however good they look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from spatialgraph.notes import DEGENERATE, IN_SHORT
from spatialgraph.splits import is_known, sees

from .columns import DEFAULT_METHOD, FULL
from .evidence import RANDOM, Evidence
from .fair import HELD_OUT, WITHIN, dose_table, is_sweep, main_groups
from .fair_comparisons import fair_comparisons
from .labels import kind_in_text
from .results import Results
from .statistics import LEVEL
from .wording import counted, group_name, listed, number

TITLE = "Before anything else"
"""What stands above caveats."""

_GROUPS = 6  # of more kinds and input modes the range is said

# So many things are named one by one; of more it is said how many there are.
_NAMED = 4

_LEAST_TOLD = 6  # seeds: 2/2^6 is below the level, 2/2^5 is not


@dataclass(frozen=True)
class Caveat:
    """A reason not to believe some numbers.

    Attributes:
        short: the problem, a clause without a full stop.
        text: its consequences, in sentences.
    """

    short: str
    text: str

    def __str__(self) -> str:
        """Return all of it."""
        return f"{self.short}. {self.text}"


def caveats(evidence: Evidence) -> list[Caveat]:
    """Return the caveats of an analysis, the most serious first; none if there is no problem."""
    return [caveat for find in _CAVEATS for caveat in find(evidence)]


def caveats_of(results: Results) -> list[Caveat]:
    """Return the caveats of the networks of results, which may be some of those of their folder."""
    return caveats(Evidence.of(results))


def whole_accuracies(evidence: Evidence) -> str:
    """Return a sentence on the accuracy of whole networks, by kind and input mode; ``""`` if it was not measured."""
    rows = evidence.results.per_network("accuracy")
    means = rows[rows["split"] == FULL].groupby(["kind", "inputs"])["value"].mean()
    shown = main_groups(evidence)
    known = [group for group in shown if group in means.index]
    lines = [f"{group_name(*group)} {number(means[group])}" for group in known]
    if len(lines) > _GROUPS:
        lines = [f"{number(min(means[known]))} to {number(max(means[known]))}, one by one in the table of methods"]
    which = "" if len(shown) == len(evidence.groups) else " Those of other doses are in summary.csv."
    text = f"Read every loss beside the accuracy of whole networks: {', '.join(lines)}.{which}"
    return text if lines else ""


def made_on_examples(evidence: Evidence) -> str:
    """Return which methods make their splits on the examples that score them, a sentence; ``""`` if none does."""
    known = [method for method in evidence.results.methods if is_known(method)]
    seeing = [method for method in known if sees(method) == "activations"]
    if not seeing:
        return ""
    return (
        f"{listed(seeing)} split networks by what they do on the examples that also score the splits. With thousands "
        "of examples this was measured to make no difference (documentation: Architecture). With a few hundred it may."
    )


def _not_learned(evidence: Evidence) -> Iterator[Caveat]:
    lost = evidence.lost
    if lost.empty:
        return
    networks = lost["network"].nunique()
    cases = lost.groupby(["kind", "inputs", "task"], sort=False)
    lines = [
        f"Of {group_name(str(kind), str(inputs))}, {task}: accuracy {number(own['accuracy'].mean())} where always the "
        f"same answer gives {number(own['guessed'].mean())}"
        for (kind, inputs, task), own in cases
    ]
    more = f" {len(lines) - _NAMED} more are in scores.csv." if len(lines) > _NAMED else ""
    yield Caveat(
        f"A task was not learned by {_of_all(networks, evidence)}",
        f"{'. '.join(lines[:_NAMED])}.{more} A task without accuracy cannot lose any: a small drop says nothing here. "
        "These networks are left out of all comparisons.",
    )


def _single_task(evidence: Evidence) -> Iterator[Caveat]:
    single = evidence.noted("one-task")["network"].nunique()
    if single:
        yield Caveat(
            f"{_of_all(single, evidence)} {'has' if single == 1 else 'have'} a single task",
            "All units that serve it are then one module. It is cut off from nothing and loses no accuracy, whatever "
            "the network. Such splits are left out of all comparisons. Communities are measured where several were "
            "found.",
        )


def _cannot_fail(evidence: Evidence) -> Iterator[Caveat]:
    certain = evidence.certain
    if certain.empty:
        return
    tasks = list(dict.fromkeys(certain["task"]))
    yield Caveat(
        f"The accuracy of {counted(len(tasks), 'task')} is 1 by definition, in "
        f"{_of_all(certain['network'].nunique(), evidence)}",
        f"{_some(tasks, 'more tasks')}: one answer is right for every example, as with one output for a task. Their "
        "accuracies and drops say nothing of what was learned. They are left out of all comparisons.",
    )


def _degenerate(evidence: Evidence) -> Iterator[Caveat]:
    single = set(evidence.noted("one-task")["network"])
    wrong = evidence.degenerate[~evidence.degenerate["network"].isin(single)]
    if wrong.empty:
        return
    sizes = wrong.groupby("split", sort=False).size()
    split = evidence.scores.groupby("split")["network"].nunique()
    most = int(split.max())
    counts = [
        f"{name} {sizes[name]}" + (f" of {own}" if (own := int(split.get(name, sizes[name]))) < most else "")
        for name in _in_order(evidence, sizes.index)
    ]
    instead = ""
    if DEFAULT_METHOD in evidence.always_degenerate and evidence.method != DEFAULT_METHOD:
        instead = f" Findings are told of {evidence.method}, since no split by {DEFAULT_METHOD} is left."
    yield Caveat(
        f"{counted(len(wrong), 'split')} {'is' if len(wrong) == 1 else 'are'} degenerate, no division into task "
        "modules",
        f"By method, of {counted(most)}: {', '.join(counts)}. {_reason(evidence)} "
        "What is measured of these splits, good or bad, is not about modules. They are left out of all comparisons. "
        f"scores.csv and Table 1 keep them.{instead}",
    )


def _reason(evidence: Evidence) -> str:
    """Return the most frequent reason why splits are degenerate, and where the others stand."""
    noted = evidence.noted(*(DEGENERATE - {"one-task"})).drop_duplicates(["network", "split", "code", "task"])
    counts = noted.groupby(["code", "task"], sort=False).size().sort_values(ascending=False, kind="stable")
    code, task = counts.index[0]
    return (
        f"Most often, in {counts.iloc[0]}, {IN_SHORT[code].format(task=task)}. notes.csv has the reasons of each, with "
        "numbers. What to try: documentation, Your own model."
    )


def _without_spread(evidence: Evidence) -> Iterator[Caveat]:
    still = evidence.still
    if still.empty:
        return
    cases = [
        f"{null}, {metric} in {counted(own['network'].nunique())}"
        for (null, metric), own in still.groupby(["null", "metric"], sort=False)
    ]
    yield Caveat(
        f"{counted(still['null'].nunique(), 'null model')} gave the same on every draw",
        f"{_some(cases, 'more', '; ')}. Either this is a fault, or the network leaves these null models nothing to "
        "change. z and p say nothing there, and are not counted.",
    )


def _no_validation(evidence: Evidence) -> Iterator[Caveat]:
    if is_sweep(evidence) and dose_table(evidence)["examples"].iloc[0] == HELD_OUT:
        yield Caveat(
            "Doses are chosen on the examples that score them",
            "Not every network has an accuracy on validation examples. So doses of equal accuracy are chosen on the "
            "held-out ones: what is compared there is chosen by its own outcome. Training sets examples aside with "
            "`validation = 0.1`.",
        )


def _no_dose(evidence: Evidence) -> Iterator[Caveat]:
    if not is_sweep(evidence):
        return
    table = dose_table(evidence)
    table = table[table["kind"] != evidence.reference]
    allowed = table.groupby(["line", "inputs"], sort=False)["equal_accuracy"].any().reset_index()
    none = allowed[~allowed["equal_accuracy"]]
    missing = [group_name(line, inputs) for line, inputs in zip(none["line"], none["inputs"], strict=True)]
    if missing:
        reference = kind_in_text(evidence.reference)
        yield Caveat(
            f"No dose is accurate enough in {len(missing)} of {counted(len(allowed), 'cell')} of families and inputs",
            f"{_some(missing, 'more', '; ')}. At every dose they are more than {WITHIN} less accurate than {reference} "
            "networks. They are not compared at equal accuracy. Weaker doses might be.",
        )


def _few_seeds(evidence: Evidence) -> Iterator[Caveat]:
    if is_sweep(evidence) and len(rows := fair_comparisons(evidence)) and not (rows["p_least"] <= LEVEL).any():
        yield Caveat(
            f"{counted(int(rows['n'].max()), 'seed')} can tell no families of kinds apart",
            f"Whatever the data, no p is {LEVEL} or less: train at least {_LEAST_TOLD} seeds. What is said of families "
            "rests on intervals, and is a hint.",
        )


_CAVEATS: Sequence[Callable[[Evidence], Iterator[Caveat]]] = (
    _not_learned,
    _single_task,
    _cannot_fail,
    _degenerate,
    _without_spread,
    _no_validation,
    _no_dose,
    _few_seeds,
)


def _of_all(count: int, evidence: Evidence) -> str:
    return f"{count} of {counted(len(evidence.results.members))}"


def _some(names: Sequence[str], more: str, sign: str = ", ") -> str:
    """Return names, of many the first and how many more there are."""
    if len(names) <= _NAMED:
        return sign.join(names)
    return f"{sign.join(names[: _NAMED - 1])}{sign}and {len(names) - _NAMED + 1} {more}"


def _in_order(evidence: Evidence, methods: pd.Index[str]) -> list[str]:
    """Return methods in the order of tables, the control last, and others after them."""
    known = [method for method in evidence.results.methods if method in methods and method != RANDOM]
    return [*known, *(method for method in methods if method not in known)]
