from dataclasses import replace

import numpy as np
import pytest
from hand_worked import chain, pair, random_network, said

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.graph.planted import planted
from spatialgraph.network import Layer, Network
from spatialgraph.splits import anchored, apply
from spatialgraph.splits.anchored import eliminate
from spatialgraph.splits.strengths import undirected


def walked(graph, steps=20_000):
    """Return ``(hidden neurons, tasks)``, the probabilities after many steps of walks that stop at outputs."""
    strengths, task = undirected(graph), graph.task_of[-1]
    hidden = len(strengths) - len(task)
    probability = np.zeros((len(strengths), len(graph.tasks)))
    probability[hidden:] = task[:, None] == np.arange(len(graph.tasks))
    step = strengths[:hidden] / strengths[:hidden].sum(axis=1, keepdims=True)
    for _ in range(steps):
        probability[:hidden] = step @ probability
    return probability[:hidden]


@pytest.fixture(params=["direct", "iterative"])
def solved(request, monkeypatch):
    """Let a test pass with either way of solving: the iterative one is for large networks."""
    if request.param == "iterative":
        monkeypatch.setattr(anchored, "DIRECT", 0)


@pytest.mark.usefixtures("solved")
def test_neurons_are_compared_with_their_mean():
    # Walks from hidden neurons meet task 0 with probabilities 1 and 1/3, 2/3 on average, and task 1 with 0 and 2/3.
    split = apply("spectral-anchored", pair().graph)
    assert [split.labels(k).tolist() for k in (1, 2)] == [[0, 1], [0, 1]]
    # With 5/6 and 4/6, neuron 1 is below the average of 3/4 in task 0, though it meets it more often than task 1.
    split = apply("spectral-anchored", chain([[1], [1]], [[5, 4], [1, 2]], tasks=[0, 1]).graph)
    assert split.labels(1).tolist() == [0, 1]
    assert split.notes == ()


@pytest.mark.usefixtures("solved")
@pytest.mark.parametrize("seed", range(5))
def test_the_probabilities_are_those_of_walks(seed):
    network = random_network(seed, (2, 5, 6, 6), tasks=3, density=0.9)
    probability = walked(network.graph)
    expected = (probability / probability.mean(axis=0)).argmax(axis=1)
    split = apply("spectral-anchored", network.graph)
    assert np.concatenate([split.labels(1), split.labels(2)]).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_taking_out_neurons_one_by_one_gives_the_probabilities_of_walks(seed):
    network = random_network(seed, (2, 5, 6, 6), tasks=3, density=0.9)
    strengths = undirected(network.graph)
    to_tasks = strengths[:11, 11:] @ (network.output_task[:, None] == np.arange(3))
    assert eliminate(strengths[:11, :11], to_tasks) == pytest.approx(walked(network.graph), abs=1e-12)


@pytest.mark.parametrize("weak", [1e-12, 1e-16, 1e-20, 1e-30])
def test_outputs_may_be_connected_however_weakly(weak):
    # Beside its own strengths of 1, a neuron of layer 2 sends next to nothing on, less of it to the other task.
    hidden = np.kron(np.eye(2), np.ones((2, 2)))
    network = chain(np.ones((4, 1)), hidden, [[weak] * 2 + [weak / 4] * 2, [weak / 4] * 2 + [weak] * 2], tasks=[0, 1])
    split = apply("spectral-anchored", network.graph)
    assert [split.labels(k).tolist() for k in (1, 2)] == [[0, 0, 1, 1], [0, 0, 1, 1]]
    assert split.notes == ()


@pytest.mark.usefixtures("solved")
def test_a_task_with_stronger_outputs_does_not_get_every_neuron():
    graph, labels = planted(0.3, seed=0)
    stronger = np.where(labels[3] == 1, 1.5, 1.0)[:, None] * graph.connections[2].weight
    graph = replace(graph, connections=(*graph.connections[:2], Connection(2, 3, stronger)))
    assert (walked(graph)[: len(labels[1])].argmax(axis=1) == 1).all()
    split = apply("spectral-anchored", graph)
    assert all(np.array_equal(split.labels(k), labels[k]) for k in labels)


@pytest.mark.usefixtures("solved")
def test_neurons_that_reach_no_output_and_ties_are_noted():
    # Of hidden layer 2, neuron 0 meets either task alike, 1 and 2 one of them, and 3 nothing but a neuron of layer 1.
    weights = [np.ones((2, 1)), [[1, 0], [1, 0], [1, 0], [0, 1]], [[1, 1, 0, 0], [1, 0, 1, 0]]]
    split = apply("spectral-anchored", chain(*weights, tasks=[0, 1]).graph)
    assert [split.labels(k).tolist() for k in (1, 2)] == [[0, -1], [0, 0, 1, -1]]
    assert said(split.notes) == (
        "2 of 6 neurons are connected to no output and serve no task",
        "walks from 2 of 6 neurons meet outputs of several tasks equally often; they go to the first of them",
    )


@pytest.mark.usefixtures("solved")
def test_walks_go_in_both_directions():
    # Hidden 2.1 leads nowhere, but is connected to hidden 1.1, which is connected to the second task.
    network = chain([[1], [1]], [[1, 0], [0, 1]], [[1, 0], [0, 0]], tasks=[0, 1], skips=[(1, 3, [[0, 0], [0, 1]])])
    assert apply("spectral-anchored", network.graph).labels(2).tolist() == [0, 1]


@pytest.mark.usefixtures("solved")
def test_outputs_without_connections_get_no_neuron():
    split = apply("spectral-anchored", chain([[1], [1]], [[1, 2], [0, 0]], tasks=[0, 1]).graph)
    assert split.labels(1).tolist() == [0, 0]


@pytest.mark.usefixtures("solved")
def test_outputs_that_are_not_split_still_have_tasks():
    layers = (Layer("input", 1), Layer("hidden", 2, split=True), Layer("output", 2))
    connections = (Connection(0, 1, [[1.0], [1.0]]), Connection(1, 2, [[0.0, 2.0], [1.0, 1.0]]))
    split = apply("spectral-anchored", Network(layers, connections, [0, 1], {"tasks": ["a", "b"]}).graph)
    assert list(split.membership) == [1]
    assert split.labels(1).tolist() == [1, 0]


@pytest.mark.usefixtures("solved")
def test_outputs_that_nothing_leads_to_get_nothing():
    network = chain([[1], [1]], np.zeros((2, 2)), tasks=[0, 1])
    assert apply("spectral-anchored", network.graph).labels(1).tolist() == [-1, -1]


def test_iterations_that_do_not_end_are_said(monkeypatch):
    monkeypatch.setattr(anchored, "DIRECT", 0)
    monkeypatch.setattr(anchored, "_STEPS", 1)
    with pytest.raises(NotApplicableError) as error:
        apply("spectral-anchored", random_network(0, (2, 5, 6, 6), tasks=3, density=0.9).graph)
    assert str(error.value) == (
        "split 'spectral-anchored' of network 'chain': expected walks that meet an output, found connections to "
        "outputs so weak that 1 steps of conjugate gradients do not tell where"
    )
