"""Notes: codes and values, the sentences made of them, and what is read from texts of earlier versions."""

import ast
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from spatialgraph.notes import DEGENERATE, SENTENCES, Note, as_notes, values_of

ROOT = Path(__file__).parents[2]
UNITS = {"count": 1, "of": 4, "units": "neurons"}
LAYER = UNITS | {"layer": "hidden"}
RUNS = {"count": 2, "modularity": 0.5, "runs": 3, "agreement": 1.0}

# A note of each code with the values that its producer gives, and its sentence, which files and tables have had before
# notes had codes.
EXAMPLES = {
    "text": ({"text": "the moon was full"}, "the moon was full"),
    "no-evaluation": ({}, "its metadata names no evaluation: nothing of function is measured"),
    "no-models": (
        {},
        "nothing runs it, `analyze --models FILE` names what does: nothing of function is measured",
    ),
    "left-out": (
        {"what": "the spread", "count": 3, "modules": ("norm1", "norm2")},
        "the graph leaves out the spread (3 operators, of modules norm1, norm2)",
    ),
    "no-runner": ({}, "nothing runs it: nothing of function is measured"),
    "not-applicable": ({"message": "split 'm': expected a, found b"}, "split 'm': expected a, found b"),
    "not-executable": ({}, "it cannot be run: nothing of function is measured"),
    "no-effect": (LAYER, "hidden: 1 of 4 neurons change nothing when they are disabled and serve no task"),
    "no-path": (LAYER, "hidden: 1 of 4 neurons have no connection to any task and serve none"),
    "constant": (LAYER, "hidden: 1 of 4 neurons have a constant activation and serve no task"),
    "unattached": (UNITS, "1 of 4 neurons have no connection and serve no task"),
    "unreached": (UNITS, "1 of 4 neurons are connected to no output and serve no task"),
    "in-no-mask": (LAYER, "hidden: 1 of 4 neurons are in no task's mask and serve none"),
    "tied": (
        LAYER,
        "hidden: 1 of 4 neurons are connected equally strongly to several tasks and go to the first of them",
    ),
    "tied-effects": (
        LAYER | {"measure": "loss"},
        "hidden: 1 of 4 neurons affect the loss of several tasks alike and go to the first of them",
    ),
    "tied-statistics": (
        LAYER | {"statistic": "variance"},
        "hidden: 1 of 4 neurons have the same variance for several tasks and go to the first of them",
    ),
    "tied-walks": (
        UNITS,
        "walks from 1 of 4 neurons meet outputs of several tasks equally often; they go to the first of them",
    ),
    "harmful": (
        LAYER | {"measure": "error"},
        "hidden: 1 of 4 neurons go to a task whose error does not grow without them",
    ),
    "shared": (LAYER, "hidden: 1 of 4 neurons serve several tasks"),
    "undecided": (UNITS | {"task": "b"}, "1 of 4 neurons are in no task's smallest cut and go to task 'b'"),
    "mask-of-nothing": (
        {"task": "b", "accuracy": 0.125, "guessed": 0.1},
        "task 'b' was not learned (accuracy 0.125, by guessing 0.100): its mask says nothing",
    ),
    "mask-of-all": ({"task": "b", "of": 4, "units": "neurons"}, "the mask of task 'b' keeps all 4 neurons"),
    "mask-of-none": ({"task": "b", "of": 4, "units": "neurons"}, "the mask of task 'b' keeps none of 4 neurons"),
    "mask-costs": (
        {"task": "b", "drop": 0.25, "limit": 0.05},
        "task 'b' loses 0.250 of accuracy with the units of its mask alone, more than 0.05",
    ),
    "greedy-cuts-less": ({}, "the greedy split cuts less than the cuts around each task; it is taken"),
    "greedy-sizes": (
        {"units": "heads"},
        "the greedy split, whose sizes this one has, left heads without a task or decided ties: see its notes",
    ),
    "same-examples": (
        {"tasks": ("a", "b")},
        "tasks a, b are labelled on the same examples, so this method cannot tell them apart",
    ),
    "unsettled": (
        {"layers": ("second", "first"), "rounds": 100},
        "second, first: tasks did not settle in 100 rounds; those of the last are taken",
    ),
    "communities": (RUNS, "2 communities of modularity 0.500; 3 runs agree at an adjusted Rand index of 1.00"),
    "communities-agreed": (
        RUNS | {"rounds": 2},
        "2 communities of modularity 0.500; 3 runs agree at an adjusted Rand index of 1.00, a consensus after 2 rounds",
    ),
    "communities-not-agreed": (
        RUNS | {"rounds": 10},
        "2 communities of modularity 0.500; 3 runs agree at an adjusted Rand index of 1.00, no consensus after 10 "
        "rounds: the best run",
    ),
    "components": (
        {"units": "neurons", "components": 2},
        "the graph of connected neurons has 2 components",
    ),
    "few-clusters": ({"clusters": 1, "tasks": 2}, "1 clusters found for 2 tasks"),
    "clusters-without-outputs": ({"count": 1, "of": 2}, "1 of 2 clusters hold no output"),
    "communities-without-outputs": (
        UNITS | {"members": 3},
        "1 of 4 communities hold no output: their 3 neurons serve no task",
    ),
    "library-warning": ({"library": "scikit-learn", "message": "no luck"}, "scikit-learn: no luck"),
    "misplaced-outputs": (
        {"count": 1, "of": 5, "most": 2, "group": "cluster"},
        "1 of 5 outputs lie in the cluster of another task; 2 of 5 outputs lie in one cluster",
    ),
    "tasks-without-community": ({"tasks": ("a", "c")}, "tasks without a community: a, c"),
    "degenerate": ({"reason": "by my own rule"}, "degenerate: by my own rule"),
    "one-task": (
        {"units": "neurons"},
        "degenerate: the graph has a single task, so that all neurons are one module",
    ),
    "no-module": (
        {"of": 4, "units": "neurons"},
        "degenerate: none of 4 neurons besides the outputs serves a task",
    ),
    "small-module": (
        UNITS | {"task": "b", "percent": 10 / 3},
        "degenerate: 1 of 4 neurons besides the outputs serve task 'b', less than 3.3 %",
    ),
    "shared-modules": (
        UNITS | {"percent": 90.0},
        "degenerate: 1 of 4 neurons besides the outputs that serve a task serve every task, more than 90 %",
    ),
    "outputs-elsewhere": (
        {"count": 0, "of": 2, "task": "b"},
        "degenerate: 0 of 2 outputs of task 'b' lie in its module, fewer than half",
    ),
}


def test_every_code_has_an_example_here():
    assert EXAMPLES.keys() == SENTENCES.keys()


@pytest.mark.parametrize("code", SENTENCES)
def test_the_sentence_of_every_code_and_the_way_through_json(code):
    values, sentence = EXAMPLES[code]
    note = Note(code, values)
    assert str(note) == sentence
    again = Note(**json.loads(json.dumps(asdict(note))))
    assert again == note
    assert hash(again) == hash(note)
    assert pickle.loads(pickle.dumps(note)) == note
    assert note.is_degenerate == (code in DEGENERATE) == sentence.startswith("degenerate:")
    assert note.reason == sentence.removeprefix("degenerate: ")


def used_codes():
    """Return the codes that stand as texts in modules that make notes."""
    texts = set()
    for folder in ("spatialgraph", "analyses"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if path.name != "notes.py" and ("Note(" in source or "note_on_units(" in source):
                tree = ast.walk(ast.parse(source))
                texts |= {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts & SENTENCES.keys()


def test_every_code_is_given_by_the_project_but_those_for_the_words_of_others():
    assert SENTENCES.keys() - used_codes() <= {"text", "degenerate"}


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences_name_their_values_and_nothing_else(code):
    fields = [name for _, name, _, _ in Formatter().parse(SENTENCES[code]) if name is not None]
    assert all(name.isidentifier() for name in fields)
    assert set(fields) == values_of(code)


def test_notes_are_equal_whatever_the_order_of_their_values_and_the_type_of_their_numbers():
    one = Note("few-clusters", {"tasks": np.int64(2), "clusters": 1})
    assert one == Note("few-clusters", {"clusters": 1, "tasks": 2})
    assert type(one.values["tasks"]) is int
    assert len({one, Note("few-clusters", {"clusters": 1, "tasks": 2}), Note("no-runner")}) == 2
    assert Note("same-examples", {"tasks": ["a", "b"]}).values["tasks"] == ("a", "b")


@pytest.mark.parametrize(
    ("code", "values", "message"),
    [
        ("odd", {}, "note: expected one of the codes text, .*, found 'odd'"),
        ("few-clusters", {"tasks": 2}, r"values of note 'few-clusters': expected clusters, tasks, found \[\"tasks\"\]"),
        ("no-runner", {"more": 1}, r"values of note 'no-runner': expected none, found \[\"more\"\]"),
        ("text", "the moon", "values of note 'text': expected text, found 'the moon'"),
        ("small-module", UNITS | {"task": "b", "percent": "5"}, "values of note 'small-module': expected numbers .*"),
        ("text", {"text": {}}, "text of note 'text': expected text, a number or a list of texts, found {}"),
    ],
)
def test_what_is_no_note_is_told_in_one_line(code, values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Note(code, values)


def test_texts_of_others_are_notes_that_no_program_reads():
    assert as_notes([Note("no-runner"), "degenerate: so I think"]) == (
        Note("no-runner"),
        Note("text", {"text": "degenerate: so I think"}),
    )
    with pytest.raises(ValueError, match=r"^note: expected a Note or text, found 5$"):
        as_notes([5])


@pytest.mark.parametrize("group", ["cluster", "community"])
def test_what_programs_have_to_know_is_read_from_texts_of_earlier_versions(group):
    misplaced = Note("misplaced-outputs", {"count": 10, "of": 20, "most": 19, "group": group})
    assert Note.of_old_text(str(misplaced)) == misplaced
    same = Note("same-examples", {"tasks": ("a", "b")})
    assert (Note.of_old_text(str(same)).code, str(Note.of_old_text(str(same)))) == ("same-examples", str(same))


def test_degenerate_splits_are_known_by_texts_of_earlier_versions():
    told = "degenerate: 3 of 5 outputs of task '7' lie in its module, fewer than half"
    assert (Note.of_old_text(told).code, str(Note.of_old_text(told))) == ("degenerate", told)
    for whole in ("network", "graph"):
        told = f"degenerate: the {whole} has a single task, so that all neurons are one module"
        assert Note.of_old_text(told) == Note("one-task", {"units": "neurons"})
    assert Note.of_old_text("not degenerate: fine") == Note.of_text("not degenerate: fine")
