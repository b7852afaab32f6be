"""Splits of graphs with cycles, several heads, labels, one task or one unit: by hand, by definition, by NetworkX."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from any_graph import BY_HAND, build, one_task, random_graph
from hand_worked import ONE_TASK, said
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import adjacency
from spatialgraph.metrics import measure
from spatialgraph.splits import SPLITS, apply, communities, sees
from spatialgraph.splits.strengths import undirected

CLUSTERINGS = ("spectral", "louvain", "leiden", "positions")
WITHOUT_EXAMPLES = [method for method in SPLITS if sees(method) != "activations"]
UNSETTLED = "tasks did not settle in 100 rounds; those of the last are taken"
quick = settings(deadline=None, max_examples=25)

# Greedy goes backwards, round after round on a cycle; a minimum cut finds the same here.
LABELS = {
    # At first 1 and 2 go with the right output, 1 each. Then 2 sends 3 to 0, and next 1 sends 2 to 2: both go left.
    "recurrent": [[0, 0, 0, 1], [0, 1]],
    # Unit 1 of the second sends 1 to the right output, and goes left once it knows where its 2 in the first go; unit 1
    # of the first follows it. Cut are the two connections of 1 that lead from it to the right.
    "cycle": [[0, 0, 1], [0, 0, 1], [0, 1]],
    # Unit 1 of the right head leads to the left one, and takes hidden unit 2 with it, which has 1 for the right output.
    "two heads": [[0, 1, 0], [0, 0], [1, 0]],
    # Summed over both labels, hidden units have 2 and 1, 2 and 1, 1 and 3.
    "parallel": [[0, 0, 1], [0, 1]],
    # Unit 0 has a task once unit 1 has; unit 2 leads to itself alone.
    "one task": [[0, 0, -1], [0, 0]],
    # The neck has 3 and 1, and itself; hidden unit 1 has 1 to the neck and 2 to the right output.
    "one unit": [[0, 1], [0], [0, 1]],
}
NOTES = {"one task": ("state: 1 of 3 neurons have no connection to any task and serve none", ONE_TASK)}


@pytest.mark.parametrize("method", ["greedy", "min-cut"])
@pytest.mark.parametrize("name", BY_HAND)
def test_splits_are_those_worked_out_by_hand(name, method):
    split = apply(method, BY_HAND[name]())
    assert [split.labels(k).tolist() for k in split.membership] == LABELS[name]
    assert said(split.notes) == NOTES.get(name, ())


def restless():
    """Return a state of two units that lead to each other, 3 each, and with 1 to different outputs."""
    return build({"state": 2, "output": [0, 1]}, [("state", "state", [[0, 3], [3, 0]]), ("state", "output", np.eye(2))])


def restless_pair():
    """Return two populations of two units: each unit of the first leads to its like, which leads back to the other."""
    swap = [[0, 3], [3, 0]]
    connections = [("first", "second", np.eye(2)), ("second", "first", swap), ("second", "output", np.eye(2))]
    return build({"first": 2, "second": 2, "output": [0, 1]}, connections)


def test_units_that_follow_each_other_do_not_settle_and_it_is_noted():
    # Each unit has the task of its own output in the first round, in the second that of the other unit, and so on.
    split = apply("greedy", restless())
    assert split.labels(0).tolist() == [1, 0]
    assert said(split.notes) == (f"state: {UNSETTLED}",)
    split = apply("greedy", restless_pair())
    assert [split.labels(k).tolist() for k in (0, 1)] == [[1, 0], [1, 0]]
    assert said(split.notes) == (f"second, first: {UNSETTLED}",)


def test_what_does_not_settle_is_cut_all_the_same():
    # 6 between the two units, 1 from each to its output: either of these is cut, and the first task has the fewest.
    split = apply("min-cut", restless())
    assert split.labels(0).tolist() == [1, 1]
    assert said(split.notes) == (
        "2 of 2 neurons are in no task's smallest cut and go to task 'right'",
        "degenerate: 0 of 2 neurons besides the outputs serve task 'left', less than 5 %",
    )


def test_a_unit_that_leads_to_itself_alone_serves_no_task():
    graph = build({"state": 1, "output": [0]}, [("state", "state", [[5]]), ("state", "output", [[0]])], ("only",))
    split = apply("greedy", graph)
    assert split.labels(0).tolist() == [-1]
    assert str(split.notes[0]) == "state: 1 of 1 neurons have no connection to any task and serve none"


def test_notes_call_units_what_the_graph_calls_them():
    graph = one_task()
    state, output = graph.populations
    heads = replace(graph, populations=(replace(state, unit="head"), output))
    assert said(apply("greedy", heads).notes) == (
        "state: 1 of 3 heads have no connection to any task and serve none",
        "degenerate: the graph has a single task, so that all heads are one module",
    )


def strongest_task(graph, split, k, unit):
    """Return the task that a unit sends most to, by adding up one connection after the other; -1 without any."""
    sums = [0.0] * len(graph.tasks)
    for connection in graph.connections:
        if connection.source == k:
            for task, weight in zip(split.labels(connection.target), connection.weight[:, unit].tolist(), strict=True):
                if task >= 0:
                    sums[task] += abs(weight)
    return int(np.argmax(sums)) if any(sums) else -1


@quick
@given(name=st.sampled_from(list(BY_HAND)), seed=st.integers(0, 1000), density=st.sampled_from([0.3, 1.0]))
def test_greedy_ends_where_every_unit_has_its_strongest_task_or_says_that_it_does_not(name, seed, density):
    graph = random_graph(name, seed, density)
    split = apply("greedy", graph)
    fixed = all(
        split.labels(k)[unit] == strongest_task(graph, split, k, unit)
        for k in graph.split_populations
        for unit in np.flatnonzero(graph.task_of[k] < 0)
    )
    assert fixed != any(UNSETTLED in str(note) for note in split.notes)


@quick
@given(name=st.sampled_from(sorted(set(BY_HAND) - {"one task"})), seed=st.integers(0, 1000))
def test_min_cut_cuts_what_networkx_cuts(name, seed):
    graph = random_graph(name, seed, density=1.0)
    whole = nx.from_numpy_array(undirected(graph))
    for output, task in enumerate(np.concatenate(graph.task_of).tolist()):
        if task >= 0:
            whole.add_edge(output, f"task{task}")  # without a capacity: it cannot be cut
    value, _ = nx.minimum_cut(whole, "task0", "task1", capacity="weight")
    total = sum(np.abs(connection.weight, dtype=float).sum() for connection in graph.connections)
    assert measure("cut", graph, apply("min-cut", graph))[0].value == pytest.approx(value / total, rel=1e-6)


@pytest.mark.parametrize("make", [lambda name: BY_HAND[name](), lambda name: random_graph(name, 0)])
@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("method", WITHOUT_EXAMPLES)
def test_every_method_that_needs_no_examples_splits_any_graph_or_says_why_not(method, name, make):
    graph, reason = make(name), ""
    try:
        split, again = (apply(method, graph, seed=3) for _ in range(2))
    except NotApplicableError as error:
        reason = str(error)
    if reason:
        assert "expected" in reason
        assert "found" in reason
        return
    split.require_for(graph)
    assert split.notes == again.notes
    for k, members in split.membership.items():
        assert np.array_equal(members, again.membership[k])
        if method not in CLUSTERINGS:
            outputs = graph.task_of[k] >= 0
            assert np.array_equal(members[outputs], graph.task_of[k][outputs, None] == np.arange(len(graph.tasks)))


@pytest.mark.parametrize("name", BY_HAND)
def test_strengths_add_up_whatever_their_direction_and_label(name):
    graph = random_graph(name, 1)
    strengths, once = undirected(graph), adjacency(graph, directed=False).toarray()
    # A unit with itself has the strength at both of its ends; NetworkX has it once.
    assert np.allclose(strengths, once + np.diag(once.diagonal()), rtol=1e-12)
    total = sum(np.abs(connection.weight, dtype=float).sum() for connection in graph.connections)
    assert strengths.sum() == pytest.approx(2 * total, rel=1e-12)


@pytest.mark.parametrize("name", sorted(set(BY_HAND) - {"one task"}))
def test_the_anchored_split_is_that_of_walks_in_both_directions_and_in_place(name):
    graph = random_graph(name, 2, density=1.0)
    strengths, given = undirected(graph), np.concatenate(graph.task_of)
    free = given < 0
    met = (given[:, None] == np.arange(2)).astype(float)
    for _ in range(5000):
        met[free] = strengths[free] @ met / strengths[free].sum(axis=1, keepdims=True)
    expected = (met[free] / met[free].mean(axis=0)).argmax(axis=1)
    split = apply("spectral-anchored", graph)
    assert np.concatenate([split.labels(k) for k in graph.split_populations])[free].tolist() == expected.tolist()


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("method", ["louvain", "leiden", "leiden:library=igraph"])
def test_the_modularity_of_communities_is_the_measure_of_it(method, name):
    if "igraph" in method:
        pytest.importorskip("igraph")
    graph = random_graph(name, 1, density=1.0)
    split = apply(method, graph)
    noted = split.notes[0].values["modularity"]
    assert measure("modularity", graph, split)[0].value == pytest.approx(noted, abs=5e-4)


def test_igraph_optimises_the_modularity_that_is_measured(monkeypatch):
    """It counted a connection of a unit with itself twice."""
    igraph = pytest.importorskip("igraph")
    plain, seen = igraph.Graph.community_leiden, []

    def watched(graph, *asked, **options):
        found = plain(graph, *asked, **options)
        seen.append((found.membership, graph.modularity(found.membership, weights=options["weights"])))
        return found

    monkeypatch.setattr(igraph.Graph, "community_leiden", watched)
    strengths = undirected(random_graph("recurrent", 0))
    apply("leiden:library=igraph", random_graph("recurrent", 0))
    assert strengths.diagonal().any()
    for membership, modularity in seen:
        expected = communities._modularity(strengths / strengths.sum(), np.array(membership), 1.0)
        assert modularity == pytest.approx(expected, abs=1e-9)
    assert len(seen) == communities._RUNS
