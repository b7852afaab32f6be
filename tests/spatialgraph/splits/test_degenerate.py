"""Degenerate splits: what is no division into task modules, by hand and for every method."""

import numpy as np
import pytest
from hand_worked import chain, random_network, said, zoo
from hypothesis import given
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.splits import SPLITS, Split, apply, is_degenerate, why_degenerate

# Twenty hidden neurons in each of two layers, four outputs of two tasks.
NETWORK = chain(np.ones((20, 1)), np.ones((20, 20)), np.ones((4, 20)), tasks=[0, 0, 1, 1])


def split(first, second, outputs=(0, 0, 1, 1)):
    """Return a split with so many neurons of each layer for the second task."""
    hidden = [np.arange(20) < count for count in (first, second)]
    return Split.from_labels("m", {1: hidden[0], 2: hidden[1], 3: outputs}, tasks=2)


def without_outputs(*tasks):
    return tuple(
        f"degenerate: 0 of 2 outputs of task 'task{task}' lie in its module, fewer than half" for task in tasks
    )


@pytest.mark.parametrize(
    ("made", "notes"),
    [
        (split(10, 10), ()),
        (split(0, 2), ()),  # 2 of 40 are 5 %, all of them in one layer
        (split(0, 1), ("degenerate: 1 of 40 neurons besides the outputs serve task 'task1', less than 5 %",)),
        (split(20, 20), ("degenerate: 0 of 40 neurons besides the outputs serve task 'task0', less than 5 %",)),
        (split(10, 10, (0, 1, 1, 1)), ()),
        (split(10, 10, (0, 0, 0, 0)), without_outputs(1)),
        (split(10, 10, (1, 1, 0, 0)), without_outputs(0, 1)),
    ],
)
def test_a_module_of_hardly_any_neuron_or_without_its_outputs_is_none(made, notes):
    assert said(why_degenerate(NETWORK.graph, made)) == notes
    assert not is_degenerate(made)  # a split says it only once it is noted


def test_neurons_that_serve_no_task_are_not_counted():
    labels = {1: [0, 1] + [-1] * 18, 2: [-1] * 20, 3: [0, 0, 1, 1]}
    assert why_degenerate(NETWORK.graph, Split.from_labels("m", labels, tasks=2)) == ()
    labels[1] = [-1] * 20
    none = "degenerate: none of 40 neurons besides the outputs serves a task"
    assert said(why_degenerate(NETWORK.graph, Split.from_labels("m", labels, tasks=2))) == (none,)


def test_a_share_that_is_small_for_two_tasks_is_not_for_ten():
    ten = chain(np.ones((100, 1)), np.ones((10, 100)), tasks=range(10))
    labels = {1: np.where(np.arange(100) == 99, 9, np.arange(100) % 9), 2: np.arange(10)}
    assert why_degenerate(ten.graph, Split.from_labels("m", labels, tasks=10)) == ()
    labels[1] = np.arange(100) % 9
    assert said(why_degenerate(ten.graph, Split.from_labels("m", labels, tasks=10))) == (
        "degenerate: 0 of 100 neurons besides the outputs serve task 'task9', less than 1 %",
    )


@pytest.mark.parametrize(("shared", "degenerate"), [(36, False), (37, True), (40, True)])
def test_modules_that_share_all_but_a_tenth_of_their_neurons_are_one(shared, degenerate):
    # Of 40 hidden neurons, 36 are nine tenths; the others serve the first task or the second.
    members = np.stack([np.arange(40) < shared + 2, (np.arange(40) < shared) | (np.arange(40) >= shared + 2)], axis=1)
    made = Split("m", {1: members[:20], 2: members[20:], 3: np.eye(2, dtype=bool).repeat(2, axis=0)})
    told = f"degenerate: {shared} of 40 neurons besides the outputs that serve a task serve every task, more than 90 %"
    assert said(why_degenerate(NETWORK.graph, made)) == ((told,) if degenerate else ())


def test_one_task_has_nothing_to_be_divided_but_communities():
    one, labels = chain([[1], [1]], [[1, 1]], tasks=[0]), {1: [0, 0], 2: [0]}
    told = ("degenerate: the graph has a single task, so that all neurons are one module",)
    assert said(why_degenerate(one.graph, Split.from_labels("m", labels, tasks=1))) == told
    for found, notes in (([0, 0], told), ([0, 1], ())):
        split = Split.from_labels("m", labels, tasks=1, communities={1: found, 2: [0]})
        assert said(why_degenerate(one.graph, split)) == notes


def test_only_what_is_split_is_asked_for():
    connection = (Connection(0, 1, np.ones((2, 2))),)
    hidden = Network((Layer("a", 2, split=True), Layer("b", 2)), connection, [0, 1], {"tasks": ["a", "b"]})
    assert why_degenerate(hidden.graph, Split.from_labels("m", {0: [0, 1]}, tasks=2)) == ()
    outputs = Network((Layer("a", 2), Layer("b", 2, split=True)), connection, [0, 1], {"tasks": ["a", "b"]})
    assert why_degenerate(outputs.graph, Split.from_labels("m", {1: [0, 1]}, tasks=2)) == ()
    with pytest.raises(ValueError, match="expected membership of shapes"):
        why_degenerate(outputs.graph, Split.from_labels("m", {1: [0]}, tasks=1))


@pytest.mark.parametrize("method", SPLITS)
@pytest.mark.parametrize("name", zoo())
def test_the_notes_of_every_method_are_those_of_the_one_rule(name, method):
    graph = graph_of(zoo()[name])
    try:
        made = apply(method, graph)
    except NotApplicableError:
        return
    own = tuple(note for note in made.notes if str(note).startswith("degenerate:"))
    assert own == why_degenerate(graph, made)
    assert is_degenerate(made) == bool(own)


@given(seed=st.integers(0, 200))
def test_a_random_control_is_degenerate_if_greedy_is_and_only_then(seed):
    network = random_network(seed, sizes=(2, 3, 3, 4))
    assert is_degenerate(apply("random", network.graph)) == is_degenerate(apply("greedy", network.graph))
