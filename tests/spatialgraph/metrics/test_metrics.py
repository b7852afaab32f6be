from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hand_worked import chain, labelled, pair, random_network, zoo
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.communities import communities
from spatialgraph.graph import to_networkx
from spatialgraph.masking import Performance, performance
from spatialgraph.metrics import METRICS, Facts, Measurement, facts, measure, measure_of, metric
from spatialgraph.network import Connection, Layer, Network, NotApplicableError
from spatialgraph.splits import Split, apply

PAIR_SPLIT = Split.from_labels("by hand", {1: [0, 1], 2: [0, 1]}, 2)


def value(name, *subject):
    (measurement,) = measure(name, *subject)
    assert (measurement.task, measurement.layer) == ("", "")
    return measurement.value


BY_HAND = {
    # Strengths 3 and 2 within, 1 between, 6 in total; the tasks' degrees are 3 + 4 and 3 + 2.
    "modularity": Fraction(5, 6) - Fraction(7**2 + 5**2, 12**2),
    # What leaves is 3 and 3, what enters 4 and 2.
    "directed-modularity": Fraction(5, 6) - Fraction(3 * 4 + 3 * 2, 6**2),
    "cut": Fraction(1, 6),
    # Task 0 at 0 and 1, task 1 at 4 and 5: (4.5 - 1) / 4.5 and (3.5 - 1) / 3.5, both twice.
    "silhouette": (Fraction(7, 9) + Fraction(5, 7)) / 2,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_measures_of_a_split_are_those_worked_out_by_hand(name):
    assert value(name, pair(), PAIR_SPLIT) == pytest.approx(float(BY_HAND[name]), abs=1e-12)


def test_wiring_is_the_mean_of_strength_times_distance():
    # 3 over 1, 1 over 3, 0 over 5, 2 over 1; the connection of weight 0 counts among the four.
    assert value("wiring", pair()) == 2.0


def test_share_is_of_each_layer_and_of_all():
    network = chain([[1]] * 3, np.ones((2, 3)), tasks=[0, 1])
    found = measure("share", network, Split.from_labels("m", {1: [0, 0, -1], 2: [0, 1]}, 2))
    assert found == [
        Measurement(2 / 3, "task0", "hidden1"),
        Measurement(0.0, "task1", "hidden1"),
        Measurement(0.5, "task0", "output"),
        Measurement(0.5, "task1", "output"),
        Measurement(0.6, "task0", ""),
        Measurement(0.2, "task1", ""),
    ]


def test_measures_of_function_have_one_value_for_each_task():
    found = Performance(
        ("a", "b"),
        "zero",
        np.array([1.0, np.nan]),
        np.array([0.75, np.nan]),
        np.array([0.25, np.nan]),
        np.full((2, 2), np.nan),
    )
    for name, expected in {"accuracy": 0.75, "accuracy-drop": 0.25, "leaked-accuracy": 0.25}.items():
        first, second = measure(name, found)
        assert first == Measurement(expected, "a")
        assert second.task == "b"
        assert np.isnan(second.value)


def test_neurons_without_a_task_are_communities_of_their_own():
    found = communities(pair(), Split.from_labels("m", {1: [-1, -1], 2: [0, 1]}, 2))
    assert found.between.tolist() == [[[0, 0, 0], [0, 0, 0], [4, 2, 0]]]
    assert found.within.tolist() == [0, 0, 0, 0]
    assert found.leaving.tolist() == [0, 0, 3, 3]
    assert found.entering.tolist() == [4, 2, 0, 0]
    assert value("cut", pair(), Split.from_labels("m", {1: [-1, -1], 2: [0, 1]}, 2)) == 0.0


def parts_of(network, split):
    """Return the communities of a split as NetworkX takes them."""
    labels = np.concatenate([split.labels(k) for k in network.split_layers])
    tasks = [set(np.flatnonzero(labels == task).tolist()) for task in range(len(network.tasks))]
    return [nodes for nodes in tasks if nodes] + [{node} for node in np.flatnonzero(labels < 0).tolist()]


def drawn_split(network, seed, lowest):
    draw = np.random.default_rng(seed)
    labels = {k: draw.integers(lowest, len(network.tasks), network.layers[k].size) for k in network.split_layers}
    return Split.from_labels("drawn", labels, len(network.tasks))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), tasks=st.integers(1, 4), lowest=st.sampled_from([-1, 0]))
def test_measures_of_communities_equal_those_of_networkx(seed, tasks, lowest):
    network = random_network(seed, (2, 5, 6, 5), tasks=tasks)
    split = drawn_split(network, seed, lowest)
    parts = parts_of(network, split)
    for name, directed in {"modularity": False, "directed-modularity": True}.items():
        expected = nx.community.modularity(to_networkx(network, directed=directed), parts, weight="strength")
        assert value(name, network, split) == pytest.approx(expected, abs=1e-9)
    graph = to_networkx(network)
    total = graph.size(weight="strength")
    labels = np.concatenate([split.labels(k) for k in network.split_layers])
    modules = [np.flatnonzero(labels == task).tolist() for task in range(tasks)]
    # NetworkX cuts both directions of two modules, and each two are counted twice.
    between = sum(nx.cut_size(graph, s, t, weight="strength") for s in modules for t in modules if s is not t)
    assert value("cut", network, split) == pytest.approx(between / (2 * total), abs=1e-9)
    assert 0 <= value("cut", network, split) <= 1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_one_community_has_modularity_0_and_no_cut(seed):
    network = random_network(seed)
    split = Split.from_labels("one", {k: np.zeros(network.layers[k].size, int) for k in network.split_layers}, 2)
    for name in ("modularity", "directed-modularity", "cut"):
        assert value(name, network, split) == pytest.approx(0, abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), factor=st.floats(1e-3, 1e3))
def test_measures_of_communities_do_not_depend_on_the_scale_of_the_weights(seed, factor):
    network = random_network(seed)
    scaled = Network(
        network.layers,
        [Connection(c.source, c.target, c.weight * np.float32(factor)) for c in network.connections],
        network.output_task,
        network.metadata,
    )
    split = drawn_split(network, seed, 0)
    for name in ("modularity", "directed-modularity", "cut"):
        assert value(name, scaled, split) == pytest.approx(value(name, network, split), abs=1e-6)


@pytest.mark.parametrize("network", zoo())
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_measures_every_network_or_says_why_not(name, network):
    network = zoo()[network]
    split = apply("greedy", network)
    reason, before = "", [members.copy() for members in split.membership.values()]
    try:
        subject = {
            "network": lambda: (network,),
            "split": lambda: (network, split),
            "function": lambda: (performance(network, labelled(network), split, "mean"),),
        }[measure_of(name)]()
        found = measure(name, *subject)
    except NotApplicableError as error:
        reason = str(error)
    if reason:
        assert "expected" in reason
        assert "found" in reason
        assert "\n" not in reason
        return
    assert found
    layers = {layer.name for layer in network.layers}
    for measurement in found:
        assert type(measurement.value) is float
        assert np.isfinite(measurement.value)
        assert measurement.task in (*network.tasks, "")
        assert measurement.layer in (*layers, "")
    assert len({(m.task, m.layer) for m in found}) == len(found)
    assert all(np.array_equal(*pair) for pair in zip(before, split.membership.values(), strict=True))
    assert measure(name, *subject) == found


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_in_a_sentence_what_it_measures(name):
    assert METRICS.summary(name).startswith("Measure ")
    assert METRICS.summary(name).endswith(".")


SHARED = Split("shared", {1: np.ones((2, 2)), 2: np.eye(2)})
NOWHERE = chain([[1], [1]], np.zeros((2, 2)), tasks=[0, 1])
NOT_APPLICABLE = {
    "split 'shared' has neurons that serve several tasks: it is no partition": ("modularity", pair(), SHARED),
    "measures of communities: expected connections between the split layers of 'chain', found none": (
        *("cut", NOWHERE, PAIR_SPLIT),
    ),
    "wiring: expected positions in every split layer of 'chain', found none": ("wiring", NOWHERE),
    "silhouette: expected positions in every split layer of 'chain', found none": ("silhouette", NOWHERE, PAIR_SPLIT),
    "silhouette of split 'one': expected at least 2 tasks with neurons and more neurons than that, found 1 and 4": (
        *("silhouette", pair(), Split.from_labels("one", {1: [0, 0], 2: [0, 0]}, 2)),
    ),
    "silhouette of split 'few': expected at least 2 tasks with neurons and more neurons than that, found 2 and 2": (
        *("silhouette", pair(), Split.from_labels("few", {1: [-1, -1], 2: [0, 1]}, 2)),
    ),
}


@pytest.mark.parametrize("message", NOT_APPLICABLE)
def test_what_a_measure_does_not_apply_to(message):
    with pytest.raises(NotApplicableError) as error:
        measure(*NOT_APPLICABLE[message])
    assert str(error.value) == message


def test_a_network_without_split_layers_has_nothing_to_measure():
    network = Network((Layer("input", 1), Layer("output", 1)), (Connection(0, 1, [[1.0]]),), [0], {"tasks": ["a"]})
    for name in ("modularity", "cut", "share", "silhouette"):
        with pytest.raises(NotApplicableError, match="found none"):
            measure(name, network, Split("empty", {}))
    with pytest.raises(NotApplicableError, match="found none"):
        measure("wiring", network)


def test_a_new_metric_is_one_function_with_one_decorator(monkeypatch):
    monkeypatch.setattr(METRICS, "_functions", dict(METRICS._functions))
    metric("layers", of="network", better="", weights=False)(lambda network: float(len(network.layers)))
    assert measure("layers", pair()) == [Measurement(3.0)]
    assert measure_of("layers") == "network"
    assert facts("layers") == Facts("network", "", False)
    with pytest.raises(ValueError, match="there is a metric named 'layers' already"):
        metric("layers", of="network", better="", weights=False)(print)
    with pytest.raises(ValueError, match="unknown metric 'nothing'"):
        measure_of("nothing")
