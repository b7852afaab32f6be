import numpy as np
import pytest
from hand_worked import chain, pair, random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.graph import Connection
from spatialgraph.network import Layer, Network
from spatialgraph.splits import Split, apply
from spatialgraph.splits.controls import random_splits


@pytest.mark.parametrize("seed", range(5))
def test_the_sizes_are_those_of_the_greedy_split_and_outputs_are_given(seed):
    network = random_network(seed, (2, 20, 20, 6), tasks=3, density=0.2)
    greedy, random = apply("greedy", network.graph), apply("random", network.graph, seed=seed)
    for layer in network.graph.split_populations:
        sizes = [np.bincount(split.labels(layer) + 1, minlength=4).tolist() for split in (greedy, random)]
        assert sizes[0] == sizes[1]
    assert np.array_equal(random.labels(3), network.output_task)


def test_balanced_splits_give_each_task_as_many_neurons_as_can_be():
    network = random_network(0, (2, 20, 20, 6), tasks=3, density=0.2)
    split = apply("random:sizes=balanced", network.graph, seed=3)
    assert [sorted(np.bincount(split.labels(k)).tolist()) for k in (1, 2)] == [[6, 7, 7], [6, 7, 7]]
    assert np.array_equal(split.labels(3), network.output_task)
    assert split.notes == ()
    with pytest.raises(ValueError, match=r"^sizes of split 'random': expected one of greedy, balanced, found 'equal'$"):
        apply("random:sizes=equal", network.graph)


def test_another_seed_is_another_draw():
    network = random_network(0, (2, 30, 30, 4))
    draws = {tuple(apply("random", network.graph, seed=seed).labels(1).tolist()) for seed in range(5)}
    assert len(draws) == 5


def test_what_greedy_could_not_do_is_noted():
    network = chain([[1], [1], [1]], [[1, 0, 0], [0.5, 0, 1]], tasks=[0, 1])
    assert len(apply("random", network.graph).notes) == 1
    assert "greedy split" in str(apply("random", network.graph).notes[0])
    assert apply("random", random_network(0, density=1.0).graph).notes == ()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 100), share=st.sampled_from([0.0, 0.3, 1.0]))
def test_random_splits_have_the_rows_of_the_split_and_its_outputs(seed, share):
    graph = random_network(seed, (2, 8, 7, 6), tasks=3).graph
    draw = np.random.default_rng(seed)
    split = Split("shared", {k: draw.random((graph.populations[k].size, 3)) < share for k in graph.split_populations})
    drawn = list(random_splits(graph, split, 3, seed))
    assert len(drawn) == 3
    for other in drawn:
        other.require_for(graph)
        assert np.array_equal(other.membership[3], split.membership[3])
        for k in (1, 2):
            assert sorted(other.membership[k].tolist()) == sorted(split.membership[k].tolist())


def test_a_draw_does_not_depend_on_how_many_there_are():
    network = random_network(0, (2, 30, 30, 4))
    split = apply("greedy", network.graph)
    few, many = list(random_splits(network.graph, split, 2, 7)), list(random_splits(network.graph, split, 5, 7))
    for one, same in zip(few, many, strict=False):
        assert all(np.array_equal(members, same.membership[k]) for k, members in one.membership.items())
    assert len({tuple(one.labels(1).tolist()) for one in many}) == 5
    other = next(random_splits(network.graph, split, 1, 8))
    assert not np.array_equal(other.labels(1), many[0].labels(1))


def test_the_last_split_layer_is_permuted_unless_it_is_the_output():
    layers = (Layer("input", 2), Layer("hidden", 30, split=True), Layer("output", 2))
    connections = (Connection(0, 1, np.ones((30, 2))), Connection(1, 2, np.ones((2, 30))))
    network = Network(layers, connections, [0, 1], {"tasks": ["a", "b"]})
    split = Split.from_labels("halves", {1: np.repeat([0, 1], 15)}, 2)
    drawn = next(random_splits(network.graph, split, 1, 0))
    assert not np.array_equal(drawn.labels(1), split.labels(1))


def test_random_splits_of_a_split_of_another_network_are_refused():
    with pytest.raises(ValueError, match="expected membership of shapes"):
        next(random_splits(random_network(0).graph, apply("greedy", pair().graph), 1, 0))
