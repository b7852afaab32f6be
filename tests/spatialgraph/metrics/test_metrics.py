import numpy as np
import pytest
from hand_worked import chain, labelled, pair, zoo

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.metrics import METRICS, Facts, Measurement, facts, measure, metric
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.runners import performance
from spatialgraph.splits import Split, apply

PAIR_SPLIT = Split.from_labels("by hand", {1: [0, 1], 2: [0, 1]}, 2)


@pytest.mark.parametrize("network", zoo())
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_measures_every_network_or_says_why_not(name, network):
    network = zoo()[network]
    graph = graph_of(network)
    if network is graph and facts(name).of == "function":
        return  # nothing runs it
    split = apply("greedy", graph)
    reason, before = "", [members.copy() for members in split.membership.values()]
    try:
        subject = {
            "network": lambda: (graph,),
            "split": lambda: (graph, split),
            "communities": lambda: (graph, apply("spectral", graph)),
            "function": lambda: (performance(network, labelled(network), split, "mean"),),
        }[facts(name).of]()
        found = measure(name, *subject)
    except NotApplicableError as error:
        reason = str(error)
    if reason:
        assert "expected" in reason
        assert "found" in reason
        assert "\n" not in reason
        return
    assert found
    layers = {population.name for population in graph.populations}
    lowest, highest = facts(name).bounds
    for measurement in found:
        assert type(measurement.value) is float
        assert np.isfinite(measurement.value)
        assert lowest <= measurement.value <= highest
        assert measurement.task in (*graph.tasks, "")
        assert measurement.part in (*layers, *graph.tasks, "")
    assert len({(m.task, m.part) for m in found}) == len(found)
    assert all(np.array_equal(*pair) for pair in zip(before, split.membership.values(), strict=True))
    assert measure(name, *subject) == found


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_in_a_sentence_what_it_measures(name):
    assert METRICS.summary(name).startswith("Measure ")
    assert METRICS.summary(name).endswith(".")


SHARED = Split("shared", {1: np.ones((2, 2)), 2: np.eye(2)})
NOWHERE = chain([[1], [1]], np.zeros((2, 2)), tasks=[0, 1]).graph
ON_COMMUNITIES = [name for name in METRICS if facts(name).of == "split" and facts(name).weights]


@pytest.mark.parametrize("name", [*ON_COMMUNITIES, "silhouette", "inter-intra-distance"])
def test_measures_of_partitions_do_not_apply_to_shared_neurons(name):
    with pytest.raises(NotApplicableError) as error:
        measure(name, pair().graph, SHARED)
    assert str(error.value) == "split 'shared' has neurons that serve several tasks: it is no partition"


@pytest.mark.parametrize("name", [*ON_COMMUNITIES, "strength-assortativity"])
def test_measures_of_strength_do_not_apply_where_there_is_none(name):
    subject = (NOWHERE,) if facts(name).of == "network" else (NOWHERE, PAIR_SPLIT)
    with pytest.raises(NotApplicableError) as error:
        measure(name, *subject)
    assert (
        str(error.value)
        == "measures of communities: expected connections between the split layers of 'chain', found none"
    )


@pytest.mark.parametrize("name", [name for name in METRICS if facts(name).of != "function"])
def test_a_network_without_split_layers_has_nothing_to_measure(name):
    network = Network((Layer("input", 1), Layer("output", 1)), (Connection(0, 1, [[1.0]]),), [0], {"tasks": ["a"]})
    graph = network.graph
    subject = (graph,) if facts(name).of == "network" else (graph, Split("empty", {}))
    with pytest.raises(NotApplicableError, match="found none"):
        measure(name, *subject)


def test_a_new_metric_is_one_function_with_one_decorator():
    def layers(graph):
        """Count the layers."""
        return float(len(graph.populations))

    def other(graph):
        """Count nothing."""
        return 0.0

    asked = {"of": "network", "better": "", "weights": False, "bounds": (1, 9)}
    metric("layers", **asked)(layers)
    try:
        assert measure("layers", pair().graph) == [Measurement(3.0)]
        assert facts("layers").of == "network"
        assert facts("layers") == Facts("network", "", False, (1.0, 9.0))
        with pytest.raises(ValueError, match="there is a metric named 'layers' already"):
            metric("layers", **asked)(other)
    finally:
        METRICS.forget("layers")
    with pytest.raises(ValueError, match="unknown metric 'layers'"):
        facts("layers")
