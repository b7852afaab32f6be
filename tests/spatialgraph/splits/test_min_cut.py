"""Minimum cuts, against every possible split of tiny networks, NetworkX, and the greedy split."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hand_worked import ONE_TASK, chain, random_network, said
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.graph.planted import planted
from spatialgraph.metrics import measure
from spatialgraph.network import Layer, Network
from spatialgraph.splits import apply
from spatialgraph.splits.strengths import undirected


def cut(graph, split):
    """Return the share of the strength between tasks, 0 if there is no strength."""
    try:
        return measure("cut", graph, split)[0].value
    except NotApplicableError:
        return 0.0


def smallest(network):
    """Return the strength of the smallest cut, by trying every split of the neurons with a path to an output."""
    strengths, tasks = undirected(network.graph), len(network.tasks)
    greedy = apply("greedy", network.graph)
    labels = np.concatenate([greedy.labels(k) for k in network.graph.split_populations])
    divided = np.flatnonzero(labels[: -len(network.output_task)] >= 0)
    trials = np.tile(labels, (tasks ** len(divided), 1))
    trials[:, divided] = list(product(range(tasks), repeat=len(divided)))
    source, target = np.nonzero(np.triu(strengths))
    between = (trials[:, source] != trials[:, target]) & (trials[:, source] >= 0) & (trials[:, target] >= 0)
    return (between @ strengths[source, target]).min() / max(strengths.sum() / 2, 1e-30)


def test_a_cut_worked_out_by_hand_where_greedy_cuts_more():
    # Greedy: 1.0 goes with 2.0 (2 against 3/2) and 1.1 with 2.1 (3 against 1/2), which cuts 3/2 + 1/2 of 12. But no
    # more than 1 lies between 2.0 and its output.
    network = chain([[1], [1]], [[2, 0.5], [1.5, 3]], [[1, 0], [0, 4]], tasks=[0, 1])
    assert apply("greedy", network.graph).labels(2).tolist() == [0, 1]
    assert cut(network.graph, apply("greedy", network.graph)) == pytest.approx(2 / 12)
    split = apply("min-cut", network.graph)
    assert [split.labels(k).tolist() for k in (1, 2, 3)] == [[1, 1], [1, 1], [0, 1]]
    assert cut(network.graph, split) == pytest.approx(1 / 12)
    assert said(split.notes) == ("degenerate: 0 of 4 neurons besides the outputs serve task 'task0', less than 5 %",)


def test_of_equally_small_cuts_the_first_task_has_the_fewest_neurons():
    # 1.0 is connected to either side with strength 1.
    network = chain([[1], [1], [1]], [[1, 5, 0], [1, 0, 5]], [[5, 0], [0, 5]], tasks=[0, 1])
    split = apply("min-cut", network.graph)
    assert [split.labels(k).tolist() for k in (1, 2)] == [[1, 0, 1], [0, 1]]
    assert said(split.notes) == ("1 of 5 neurons are in no task's smallest cut and go to task 'task1'",)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_weak_and_strong_networks_are_cut_alike(scale):
    weights = [np.ones((4, 1)), [[3, 1, 0, 0], [0, 0, 1, 3]], [[2, 0.5], [0.25, 2]]]
    split = apply("min-cut", chain(*(np.multiply(weight, scale) for weight in weights), tasks=[0, 1]).graph)
    assert [split.labels(k).tolist() for k in (1, 2)] == [[0, 0, 1, 1], [0, 1]]


def test_a_neuron_that_is_hardly_connected_to_one_task_alone_stays_with_it():
    # Its strength is far below the resolution of 32 bits.
    network = chain([[1]] * 3, [[1, 1e-20, 0.5], [0.5, 0, 1]], tasks=[0, 1])
    assert apply("min-cut", network.graph).labels(1).tolist() == [0, 0, 1]


def test_neurons_without_a_path_to_an_output_serve_no_task():
    network = chain([[1]] * 3, [[1, 1, 0], [0, 0, 0]], [[1, 0], [1, 1]], tasks=[0, 1])
    split = apply("min-cut", network.graph)
    assert [split.labels(k)[-1] for k in (1, 2)] == [-1, 1]
    assert str(split.notes[0]) == "hidden1: 1 of 3 neurons have no connection to any task and serve none"


def test_with_one_task_everything_that_is_connected_serves_it():
    split = apply("min-cut", chain([[1], [1]], [[1, 0]], tasks=[0]).graph)
    assert split.labels(1).tolist() == [0, -1]
    assert said(split.notes) == ("hidden1: 1 of 2 neurons have no connection to any task and serve none", ONE_TASK)


def test_outputs_that_are_not_split_still_have_tasks():
    layers = (Layer("input", 1), Layer("hidden", 2, split=True), Layer("output", 2))
    connections = (Connection(0, 1, [[1.0], [1.0]]), Connection(1, 2, [[0.0, 2.0], [1.0, 1.0]]))
    split = apply("min-cut", Network(layers, connections, [0, 1], {"tasks": ["a", "b"]}).graph)
    assert list(split.membership) == [1]
    assert split.labels(1).tolist() == [1, 0]


networks = st.builds(
    random_network,
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 4), st.integers(3, 5)),
    tasks=st.integers(1, 3),
    skips=st.booleans(),
    density=st.sampled_from([0.3, 0.6, 1.0]),
)


@given(networks)
@settings(max_examples=60, deadline=None)
def test_two_tasks_are_cut_as_little_as_can_be_and_more_of_them_within_the_bound(network):
    least, found = smallest(network), cut(network.graph, apply("min-cut", network.graph))
    tasks = len(network.tasks)
    bound = least if tasks == 2 else (2 - 2 / tasks) * least
    assert least - 1e-9 <= found <= bound + 1e-7


@given(networks)
@settings(max_examples=60, deadline=None)
def test_it_never_cuts_more_than_greedy(network):
    graph = network.graph
    assert cut(graph, apply("min-cut", graph)) <= cut(graph, apply("greedy", graph)) + 1e-12


@pytest.mark.parametrize("leakage", [0, 0.1, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("tasks", [2, 3])
def test_it_never_cuts_more_than_greedy_in_planted_networks(leakage, tasks):
    for seed in range(4):
        graph, _ = planted(leakage, tasks=tasks, seed=seed)
        assert cut(graph, apply("min-cut", graph)) <= cut(graph, apply("greedy", graph)) + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_it_cuts_what_networkx_cuts(seed):
    network = random_network(seed, (2, 8, 9, 6))
    graph = nx.from_numpy_array(undirected(network.graph))
    outputs = np.arange(8 + 9, 8 + 9 + 6)
    for output, task in zip(outputs.tolist(), network.output_task.tolist(), strict=True):
        graph.add_edge(output, f"task{task}")  # without a capacity: it cannot be cut
    value, _ = nx.minimum_cut(graph, "task0", "task1", capacity="weight")
    total = sum(strength for *_, strength in graph.edges(data="weight", default=0))
    assert cut(network.graph, apply("min-cut", network.graph)) == pytest.approx(value / total, rel=1e-6)


def test_the_greedy_split_is_taken_where_cuts_around_each_task_are_worse():
    graph = next(
        graph
        for graph in (random_network(seed, (1, 3, 4, 3), tasks=3, density=1.0).graph for seed in range(1000))
        if any("greedy" in str(note) for note in apply("min-cut", graph).notes)
    )
    split, greedy = apply("min-cut", graph), apply("greedy", graph)
    assert "the greedy split cuts less than the cuts around each task; it is taken" in said(split.notes)
    assert all(np.array_equal(split.membership[k], greedy.membership[k]) for k in graph.split_populations)
    assert split.method == "min-cut"
