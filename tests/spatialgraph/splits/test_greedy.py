import numpy as np
import pytest
from hand_worked import ONE_TASK, chain, random_network, said, three_tasks

from spatialgraph.graph import Connection, Graph, MadeConnection
from spatialgraph.network import Layer, Network
from spatialgraph.splits import apply
from spatialgraph.splits.greedy import greedy_shared
from spatialgraph.splits.strengths import strength_to_tasks


def test_three_tasks_with_a_skip_connection_worked_out_by_hand():
    split = apply("greedy", three_tasks().graph)
    # Hidden layer 2 sends (1, 2, 1/2), (0, 0, 3) and (1/2, 1/4, 1/4) to the tasks.
    assert split.labels(2).tolist() == [1, 2, 0]
    # Through hidden layer 2, neuron 0 sends (1, 1, 3/2) and, past it, 3/4 more to task 0. Neuron 1: (0, 3/4, 1/4).
    assert split.labels(1).tolist() == [0, 1]
    assert split.labels(3).tolist() == [0, 1, 2]
    assert split.notes == ()


def test_without_its_skip_connection_the_neuron_goes_to_another_task():
    network = three_tasks()
    network = Network(network.layers, network.connections[:3], network.output_task, network.metadata)
    assert apply("greedy", network.graph).labels(1).tolist() == [2, 1]


def test_the_strengths_are_summed_by_task():
    members = {k: np.equal.outer(labels, np.arange(3)) for k, labels in {2: [1, 2, 0], 3: [0, 1, 2]}.items()}
    assert strength_to_tasks(three_tasks().graph, 1, members).tolist() == [[1.75, 1, 1.5], [0, 0.75, 0.25]]


def test_each_connection_is_looked_at_once_and_those_into_one_population_after_each_other():
    graph, looks = three_tasks().graph, []

    def looked(c):
        return MadeConnection(c.source, c.target, c.shape, lambda: looks.append((c.source, c.target)) or c.weight)

    made = Graph(graph.populations, [looked(c) for c in graph.connections], graph.metadata)
    split = apply("greedy", made)
    assert looks == [(2, 3), (1, 3), (1, 2)]  # the input is not split
    assert split.labels(1).tolist() == [0, 1]


def test_the_sign_of_a_weight_does_not_matter():
    network = chain([[1]], [[2], [-3]], tasks=[0, 1])
    assert apply("greedy", network.graph).labels(1).tolist() == [1]


def test_a_neuron_without_strength_serves_no_task_and_passes_none_on():
    # Hidden 2.1 is connected to nothing, and hidden 1.1 to nothing but it.
    network = chain([[1], [1]], [[1, 0], [0, 1]], [[1, 0]], tasks=[0])
    split = apply("greedy", network.graph)
    assert split.labels(2).tolist() == [0, -1]
    assert split.labels(1).tolist() == [0, -1]
    assert said(split.notes) == (
        "hidden1: 1 of 2 neurons have no connection to any task and serve none",
        "hidden2: 1 of 2 neurons have no connection to any task and serve none",
        ONE_TASK,
    )


def test_of_equally_strong_tasks_the_first_is_taken_and_it_is_noted():
    network = chain([[1], [1]], [[0.1, 1], [0.2, 0.5], [0.3, 1]], tasks=[0, 1, 2])
    # Neuron 1 is as strongly connected to task 2 as to task 0; 0.1 in float32 keeps neuron 0's sums apart.
    split = apply("greedy", network.graph)
    assert split.labels(1).tolist() == [2, 0]
    assert said(split.notes) == (
        "hidden1: 1 of 2 neurons are connected equally strongly to several tasks and go to the first of them",
        "degenerate: 0 of 2 neurons besides the outputs serve task 'task1', less than 3.3 %",
    )


def test_outputs_that_are_not_split_still_have_tasks():
    layers = (Layer("input", 1), Layer("hidden", 2, split=True), Layer("output", 2))
    network = Network(
        layers,
        (Connection(0, 1, [[1.0], [1.0]]), Connection(1, 2, [[0.0, 2.0], [1.0, 1.0]])),
        [0, 1],
        {"tasks": ["a", "b"]},
    )
    split = apply("greedy", network.graph)
    assert list(split.membership) == [1]
    assert split.labels(1).tolist() == [1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_the_vectorised_sums_equal_the_definition(seed):
    network = random_network(seed, (2, 4, 5, 6), tasks=3)
    split = apply("greedy", network.graph)
    labels = {k: split.labels(k) for k in network.graph.split_populations}
    for k in (1, 2):
        for unit in range(network.layers[k].size):
            sums = np.zeros(3)
            for connection in network.connections:
                if connection.source == k:
                    for target, weight in enumerate(connection.weight[:, unit]):
                        if labels[connection.target][target] >= 0:
                            sums[labels[connection.target][target]] += abs(weight)
            assert labels[k][unit] == (sums.argmax() if sums.any() else -1)


# The hidden neurons send (1, 3/4), (1, 1/2), (1, 1) and nothing to the two outputs.
SHARED = chain(np.ones((4, 1)), [[1, 1, 1, 0], [0.75, 0.5, 1, 0]], tasks=[0, 1])


@pytest.mark.parametrize(
    ("tolerance", "shared"), [(0, [2]), (0.2, [2]), (0.25, [0, 2]), (0.4, [0, 2]), (0.5, [0, 1, 2])]
)
def test_a_neuron_is_shared_by_tasks_within_the_tolerance(tolerance, shared):
    split = greedy_shared(SHARED.graph, tolerance=tolerance)
    assert split.membership[1][:, 0].tolist() == [True, True, True, False]
    assert np.flatnonzero(split.membership[1][:, 1]).tolist() == shared
    assert said(split.notes) == (
        f"hidden1: {len(shared)} of 4 neurons serve several tasks",
        "hidden1: 1 of 4 neurons have no connection to any task and serve none",
    )


def test_a_shared_neuron_counts_for_each_of_its_tasks():
    # Hidden 2.0 serves both tasks, 2.1 the second; hidden 1.0 sends 2 to the one and 1 to the other.
    network = chain([[1]], [[2], [1]], [[1, 0], [1, 1]], tasks=[0, 1])
    assert greedy_shared(network.graph, tolerance=0.2).membership[1].tolist() == [[False, True]]  # 2 and 3
    assert greedy_shared(network.graph, tolerance=0.4).membership[1].tolist() == [[True, True]]


@pytest.mark.parametrize("seed", range(5))
def test_without_tolerance_and_ties_the_shared_split_is_the_greedy_one(seed):
    graph = random_network(seed, (2, 6, 7, 6), tasks=3).graph
    greedy, shared = apply("greedy", graph), greedy_shared(graph, tolerance=0)
    assert all(np.array_equal(greedy.membership[k], shared.membership[k]) for k in graph.split_populations)


@pytest.mark.parametrize("tolerance", [-0.1, 1.1, float("nan")])
def test_a_tolerance_out_of_range_is_refused(tolerance):
    with pytest.raises(ValueError, match=f"^tolerance of split 'greedy-shared': .* 0 to 1, found {tolerance}$"):
        greedy_shared(SHARED.graph, tolerance=tolerance)


def test_a_neuron_is_kept_with_the_probability_of_its_share_of_the_largest():
    kept = np.mean([apply("probability", SHARED.graph, seed=seed).membership[1] for seed in range(2000)], axis=0)
    assert kept[:, 0].tolist() == [1, 1, 1, 0]
    assert kept[2:, 1].tolist() == [1, 0]
    # Four standard errors of 2000 draws.
    assert kept[0, 1] == pytest.approx(0.75, abs=0.039)
    assert kept[1, 1] == pytest.approx(0.5, abs=0.045)


def test_tasks_keep_a_neuron_independently_of_each_other():
    network = chain([[1]], [[2], [1], [1]], tasks=[0, 1, 2])
    pairs = [apply("probability", network.graph, seed=seed).membership[1][0, 1:] for seed in range(1000)]
    assert np.mean([pair.all() for pair in pairs]) == pytest.approx(0.25, abs=0.055)
