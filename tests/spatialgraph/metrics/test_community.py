from dataclasses import replace
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hand_worked import chain, pair, random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from sknetwork.clustering import get_modularity

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import adjacency, node_index, to_networkx
from spatialgraph.metrics import METRICS, Measurement, facts, measure, participation_coefficients
from spatialgraph.splits import Split

PAIR_SPLIT = Split.from_labels("by hand", {1: [0, 1], 2: [0, 1]}, 2)
CENTRED = ("modularity", "directed-modularity", "layered-modularity", "signed-modularity")
SCALE_FREE = (*CENTRED, "cut", "ncut", "participation")


def value(name, *subject):
    (measurement,) = (m for m in measure(name, *subject) if not m.part)
    assert measurement.task == ""
    return measurement.value


def everything(graph, split):
    """Return the labels of all neurons, each that serves no task with a label of its own."""
    labels = np.concatenate([split.labels(k) for k in graph.split_populations])
    alone = labels < 0
    labels[alone] = len(graph.tasks) + np.arange(alone.sum())
    return labels


def parts_of(graph, split):
    """Return the communities of a split as NetworkX takes them."""
    labels = everything(graph, split)
    return [set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]


def drawn_split(graph, seed, lowest=0):
    draw = np.random.default_rng(seed)
    labels = {k: draw.integers(lowest, len(graph.tasks), graph.populations[k].size) for k in graph.split_populations}
    return Split.from_labels("drawn", labels, len(graph.tasks))


def in_turns(graph):
    """Return a split that gives the neurons of every layer to two tasks in turns."""
    return Split.from_labels("m", {k: np.arange(graph.populations[k].size) % 2 for k in graph.split_populations}, 2)


def with_weights(graph, change):
    return replace(graph, connections=[replace(c, weight=change(c.weight)) for c in graph.connections])


BY_HAND = {
    # Strengths 3 and 2 within, 1 between, 6 in total; the tasks' degrees are 3 + 4 and 3 + 2.
    "modularity": Fraction(5, 6) - Fraction(7**2 + 5**2, 12**2),
    # What leaves is 3 and 3, what enters 4 and 2.
    "directed-modularity": Fraction(5, 6) - Fraction(3 * 4 + 3 * 2, 6**2),
    # Of one connection it is the same.
    "layered-modularity": Fraction(5, 6) - Fraction(3 * 4 + 3 * 2, 6**2),
    # Positive 3 and 2, both within, of degrees 6 and 4; negative 1, between, of degrees 1 and 1.
    "signed-modularity": (5 - Fraction(6**2 + 4**2, 4 * 5) + Fraction(1 + 1, 4)) / 6,
    "cut": Fraction(1, 6),
    "ncut": Fraction(1, 3 + 4) + Fraction(1, 3 + 2),
    # Hidden 1 has 1 and 2 of 3, output 0 has 3 and 1 of 4, the others are with their own task alone.
    "participation": (1 - Fraction(1 + 4, 9) + 1 - Fraction(9 + 1, 16)) / 4,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_measures_of_a_split_are_those_worked_out_by_hand(name):
    assert value(name, pair().graph, PAIR_SPLIT) == pytest.approx(float(BY_HAND[name]), abs=1e-12)


def test_strength_assortativity_is_that_worked_out_by_hand():
    # Connections of neurons of strength 3 and 4, 3 and 4, 3 and 2: the mean of the six ends is 19/6, deviations are
    # -1/6, 5/6 and -7/6, and r = 2 (-5 - 5 + 7) / (3 + 50 + 49).
    assert value("strength-assortativity", pair().graph) == pytest.approx(-6 / 102, abs=1e-12)


def two_connections():
    """Return a graph with 2, 1 and 1 from two neurons to two, and 3, 3 and 2 on to two outputs."""
    return chain([[1], [1]], [[2, 1], [0, 1]], [[3, 0], [-3, 2]], tasks=[0, 1]).graph


def test_layered_modularity_expects_of_each_connection_apart():
    split = Split.from_labels("m", {1: [0, 1], 2: [0, 1], 3: [0, 1]}, 2)
    # Within 2 + 1 of 4, what leaves 2 and 2, what enters 3 and 1; within 3 + 2 of 8, leaves 6 and 2, enters 3 and 5.
    expected = (3 - Fraction(2 * 3 + 2 * 1, 4) + 5 - Fraction(6 * 3 + 2 * 5, 8)) / 12
    assert value("layered-modularity", two_connections(), split) == pytest.approx(float(expected), abs=1e-12)


def test_participation_is_of_each_neuron_each_layer_and_all():
    split = Split.from_labels("m", {1: [0, 1], 2: [0, 1], 3: [0, 1]}, 2)
    graph = two_connections()
    coefficients = participation_coefficients(graph, split)
    # The first of layer 2 has 2 + 3 with task 0 and 1 + 3 with task 1, the second 1 + 2 with task 1 alone.
    assert coefficients[2] == pytest.approx([1 - (5**2 + 4**2) / 9**2, 0], abs=1e-12)
    means = [Measurement(float(np.mean(coefficients[k])), "", graph.populations[k].name) for k in (1, 2, 3)]
    everyone = Measurement(float(np.mean(np.concatenate(list(coefficients.values())))))
    assert measure("participation", graph, split) == [*means, everyone]


def test_participation_leaves_out_neurons_without_strength():
    graph = chain([[1], [1]], [[2, 0], [1, 0]], [[0, 0], [0, 0]], tasks=[0, 1]).graph
    split = Split.from_labels("m", {1: [0, 1], 2: [0, 1], 3: [0, 1]}, 2)
    assert participation_coefficients(graph, split)[1] == pytest.approx([1 - (4 + 1) / 9, np.nan], nan_ok=True)
    layers = {m.part: m.value for m in measure("participation", graph, split)}
    assert layers == pytest.approx({"hidden1": 4 / 9, "hidden2": 0, "": 4 / 27})


def test_share_is_of_each_layer_and_of_all():
    graph = chain([[1]] * 3, np.ones((2, 3)), tasks=[0, 1]).graph
    found = measure("share", graph, Split.from_labels("m", {1: [0, 0, -1], 2: [0, 1]}, 2))
    assert found == [
        Measurement(2 / 3, "task0", "hidden1"),
        Measurement(0.0, "task1", "hidden1"),
        Measurement(0.5, "task0", "output"),
        Measurement(0.5, "task1", "output"),
        Measurement(0.6, "task0", ""),
        Measurement(0.2, "task1", ""),
    ]


def test_neurons_without_a_task_are_in_no_cut_but_in_the_normalised_one():
    split = Split.from_labels("m", {1: [-1, -1], 2: [0, 1]}, 2)
    assert value("cut", pair().graph, split) == 0
    assert value("ncut", pair().graph, split) == 2
    # Output 0 has 3 and 1 of 4 with two communities of one, output 1 is connected with one, and hidden 1 has 1 and 2.
    assert participation_coefficients(pair().graph, split)[2] == pytest.approx([3 / 8, 0])


def test_a_partition_by_layer_is_not_held_against_a_network_that_has_layers():
    graph = random_network(0, (2, 6, 6, 6), tasks=3, skips=False, density=1).graph
    split = Split.from_labels("layers", {k: np.full(6, k - 1) for k in (1, 2, 3)}, 3)
    assert value("modularity", graph, split) < -0.35
    assert value("layered-modularity", graph, split) == 0


NETWORKX = {
    "modularity": lambda graph, parts: nx.community.modularity(
        to_networkx(graph, directed=False), parts, weight="strength"
    ),
    "directed-modularity": lambda graph, parts: nx.community.modularity(to_networkx(graph), parts, weight="strength"),
    "signed-modularity": lambda graph, parts: signed(to_networkx(graph, directed=False), parts),
}


def signed(graph, parts):
    """Return the signed modularity from NetworkX's of the positive and of the negative connections."""
    total = graph.size(weight="strength")
    excess = 0
    for sign in (1, -1):
        part = nx.Graph()
        part.add_nodes_from(graph)
        part.add_edges_from((u, v, data) for u, v, data in graph.edges(data=True) if data["weight"] * sign > 0)
        if part.size():
            modularity = nx.community.modularity(part, parts, weight="strength")
            excess += sign * part.size(weight="strength") * modularity
    return excess / total


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), tasks=st.integers(1, 4), lowest=st.sampled_from([-1, 0]))
def test_measures_of_communities_equal_those_of_networkx(seed, tasks, lowest):
    graph = random_network(seed, (2, 5, 6, 5), tasks=tasks).graph
    split = drawn_split(graph, seed, lowest)
    parts = parts_of(graph, split)
    for name, reference in NETWORKX.items():
        assert value(name, graph, split) == pytest.approx(reference(graph, parts), abs=1e-9)
    made = to_networkx(graph)
    total = made.size(weight="strength")
    labels = everything(graph, split)
    modules = [np.flatnonzero(labels == task).tolist() for task in range(tasks)]
    # NetworkX cuts both directions of two modules, and each two are counted twice.
    between = sum(nx.cut_size(made, s, t, weight="strength") for s in modules for t in modules if s is not t)
    assert value("cut", graph, split) == pytest.approx(between / (2 * total), abs=1e-9)
    assortativity = nx.degree_pearson_correlation_coefficient(made.to_undirected(), weight="strength")
    assert value("strength-assortativity", graph) == pytest.approx(assortativity, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_normalised_cut_of_two_tasks_equals_that_of_networkx(seed):
    graph = random_network(seed, (2, 5, 6, 5), density=1).graph
    split = in_turns(graph)
    ours, other = parts_of(graph, split)
    expected = nx.normalized_cut_size(to_networkx(graph, directed=False), ours, other, weight="strength")
    assert value("ncut", graph, split) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), tasks=st.integers(2, 4), lowest=st.sampled_from([-1, 0]))
def test_the_normalised_cut_is_no_larger_than_the_number_of_groups(seed, tasks, lowest):
    graph = random_network(seed, (2, 5, 6, 5), tasks, density=1).graph
    split = drawn_split(graph, seed, lowest)
    if all(any((split.labels(k) == task).any() for k in graph.split_populations) for task in range(tasks)):
        assert 0 <= value("ncut", graph, split) <= tasks


def matrix_and_layers(graph):
    """Return the strengths between all neurons, and the two layers that each is between."""
    layer = node_index(graph)[:, 0]
    return adjacency(graph).toarray(), np.stack(np.meshgrid(layer, layer, indexing="ij"), axis=-1)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), lowest=st.sampled_from([-1, 0]))
def test_layered_modularity_adds_up_the_bipartite_ones_of_scikit_network(seed, lowest):
    graph = random_network(seed, (2, 5, 6, 5), tasks=3).graph
    split = drawn_split(graph, seed, lowest)
    labels, (matrix, between) = everything(graph, split), matrix_and_layers(graph)
    excess = total = 0
    for layers in np.unique(between[matrix.nonzero()], axis=0):
        # A directed graph that leads from one layer to another is a bipartite one.
        strength = np.where((between == layers).all(axis=-1), matrix, 0)
        excess += strength.sum() * get_modularity(strength, labels)
        total += strength.sum()
    assert value("layered-modularity", graph, split) == pytest.approx(excess / total, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), lowest=st.sampled_from([-1, 0]))
def test_participation_equals_that_of_bctpy(seed, lowest):
    bct = pytest.importorskip("bct", reason="bctpy is optional")
    graph = random_network(seed, (2, 5, 6, 5), density=1).graph
    split = drawn_split(graph, seed, lowest)
    matrix = adjacency(graph, directed=False).toarray()
    expected = bct.participation_coef(matrix, everything(graph, split) + 1)
    assert np.concatenate(list(participation_coefficients(graph, split).values())) == pytest.approx(expected, abs=1e-9)


def test_signed_modularity_equals_that_of_bctpy():
    bct = pytest.importorskip("bct", reason="bctpy is optional")
    sizes = (2, 5, 6, 5)
    made = to_networkx(random_network(0, sizes, density=1).graph, directed=False)
    matrix = nx.to_numpy_array(made, nodelist=sorted(made), weight="weight")
    found, expected = bct.modularity_finetune_und_sign(matrix, qtype="gja", ci=np.arange(16) % 3 + 1, seed=0)
    tasks = int(found.max())
    split = Split.from_labels("bctpy", dict(zip((1, 2, 3), np.split(found - 1, [5, 11]), strict=True)), tasks)
    graph = random_network(0, sizes, tasks, density=1).graph
    assert value("signed-modularity", graph, split) == pytest.approx(expected, abs=1e-9)


def test_signed_modularity_of_positive_weights_is_modularity():
    graph = with_weights(random_network(0).graph, np.abs)
    split = drawn_split(graph, 0)
    assert value("signed-modularity", graph, split) == value("modularity", graph, split)
    turned = with_weights(graph, np.negative)
    assert value("signed-modularity", turned, split) == -value("modularity", turned, split)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_one_community_has_modularity_0_and_no_cut(seed):
    graph = random_network(seed).graph
    split = Split.from_labels("one", {k: np.zeros(graph.populations[k].size, int) for k in graph.split_populations}, 2)
    for name in (*CENTRED, "cut", "participation"):
        assert value(name, graph, split) == pytest.approx(0, abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), factor=st.floats(1e-3, 1e3))
def test_measures_of_communities_do_not_depend_on_the_scale_of_the_weights(seed, factor):
    graph = random_network(seed, density=1).graph
    scaled = with_weights(graph, lambda weight: weight * np.float32(factor))
    split = in_turns(graph)
    for name in SCALE_FREE:
        assert value(name, scaled, split) == pytest.approx(value(name, graph, split), abs=1e-6)
    name = "strength-assortativity"
    assert value(name, scaled) == pytest.approx(value(name, graph), abs=1e-6)


@pytest.mark.parametrize("name", [name for name in METRICS if facts(name).of == "split" and facts(name).better])
def test_better_values_are_those_of_two_modules_and_worse_ones_those_of_the_same_tasks_mixed(name):
    part = np.arange(6) // 3
    weight = np.where(np.equal.outer(part, part), 1.0, 0.1)
    place = np.column_stack([5.0 * part, np.arange(6.0)])
    graph = chain(weight, weight, weight, tasks=part, positions=(place, place, place)).graph
    modules = Split.from_labels("modules", dict.fromkeys((1, 2, 3), part), 2)
    mixed = Split.from_labels("mixed", {k: np.arange(6) % 2 for k in (1, 2, 3)}, 2)
    higher = value(name, graph, modules) > value(name, graph, mixed)
    assert facts(name).better == ("high" if higher else "low")


@pytest.mark.parametrize("name", [name for name in METRICS if facts(name).of == "split"])
def test_a_metric_of_a_split_depends_on_the_weights_if_it_says_so(name):
    graph = random_network(0, density=1).graph
    draw = np.random.default_rng(0)
    changed = with_weights(graph, lambda weight: weight * draw.random(weight.shape))
    split = in_turns(graph)
    assert facts(name).weights == (measure(name, graph, split) != measure(name, changed, split))


def test_the_normalised_cut_needs_strength_in_every_task():
    split = Split.from_labels("m", {1: [0, 0], 2: [0, -1]}, 2)
    with pytest.raises(NotApplicableError) as error:
        measure("ncut", pair().graph, split)
    assert str(error.value) == "ncut of split 'm': expected strength in every group, found none in task1"


def test_the_correlation_of_equal_strengths_is_not_given():
    graph = chain(np.ones((3, 1)), np.full((3, 3), 0.1), tasks=[0, 1, 1]).graph
    with pytest.raises(NotApplicableError) as error:
        measure("strength-assortativity", graph)
    assert str(error.value) == "strength-assortativity: expected neurons of different strength in 'chain', found none"
