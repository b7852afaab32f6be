"""Measures of communities themselves, worked out by hand."""

import numpy as np
import pytest
from hand_worked import chain

from spatialgraph.faults import NotApplicableError
from spatialgraph.metrics import measure
from spatialgraph.splits import Split

GRAPH = chain(np.ones((3, 1)), np.ones((4, 3)), tasks=[0, 0, 1, 1]).graph


def found(hidden, outputs):
    communities = {1: np.array(hidden), 2: np.array(outputs)}
    return Split.from_labels("m", {1: [0, 1, 1], 2: [0, 0, 1, 1]}, 2, communities=communities)


def value(name, split):
    (measured,) = measure(name, GRAPH, split)
    return measured.value


def test_communities_are_counted_with_those_that_hold_no_output():
    assert value("communities", found([0, 1, 2], [0, 0, 1, 1])) == 3
    assert value("communities", found([0, 0, 0], [0, 0, 0, 0])) == 1
    assert value("communities", found([-1, -1, -1], [0, 0, 1, 1])) == 2


@pytest.mark.parametrize(
    ("outputs", "aligned"),
    [
        ([0, 0, 1, 1], 1),
        ([1, 1, 0, 0], 1),  # whichever community is which task's
        ([0, 0, 0, 0], 0),
        ([0, 1, 0, 1], -0.5),  # I = 0, and of three ways to make two pairs one is the tasks: E[I] = ln 2 / 3
        ([-1, -1, -1, -1], 0),  # each alone
    ],
)
def test_alignment_is_what_the_outputs_communities_tell_of_their_tasks(outputs, aligned):
    assert value("task-alignment", found([0, 1, 1], outputs)) == pytest.approx(aligned, abs=1e-12)


def test_methods_that_know_the_tasks_have_no_such_measure():
    told = Split.from_labels("told", {1: [0, 1, 1], 2: [0, 0, 1, 1]}, 2)
    for name in ("communities", "task-alignment"):
        with pytest.raises(NotApplicableError) as error:
            measure(name, GRAPH, told)
        assert str(error.value) == f"{name} of split 'told': expected communities that its method found, found none"


def test_one_task_cannot_be_aligned_with():
    one = chain(np.ones((3, 1)), np.ones((4, 3)), tasks=[0, 0, 0, 0])
    split = Split.from_labels("m", {1: [0] * 3, 2: [0] * 4}, 1, communities={1: [0, 1, 1], 2: [0, 0, 1, 1]})
    with pytest.raises(
        NotApplicableError, match="expected split outputs of at least 2 tasks, found 1 and split layers"
    ):
        measure("task-alignment", one.graph, split)
