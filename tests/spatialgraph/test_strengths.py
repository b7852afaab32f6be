import dataclasses

import numpy as np
import pytest
from hand_worked import chain, labelled, pair, random_network, zoo
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection, MadeConnection
from spatialgraph.metrics import measure
from spatialgraph.network import Evaluation, Network, graph_of
from spatialgraph.runners import DenseRunner
from spatialgraph.runners.activations import forward
from spatialgraph.splits import Split
from spatialgraph.strengths import STRENGTHS, with_strength


def weights(network):
    return [connection.weight.tolist() for connection in network.connections]


def sides(network, layer):
    """Return the sums of squared weights that enter and that leave each neuron of a layer."""
    entering = sum((c.weight.astype(float) ** 2).sum(axis=1) for c in network.connections if c.target == layer)
    leaving = sum((c.weight.astype(float) ** 2).sum(axis=0) for c in network.connections if c.source == layer)
    return entering, leaving


def rescaled(network, seed, layers):
    """Return a network that computes the same: neurons of ReLU layers multiplied by 0.01 to 100."""
    draw = np.random.default_rng(seed)
    factor = {k: np.ones(layer.size) for k, layer in enumerate(network.layers)}
    factor |= {k: 10 ** draw.uniform(-2, 2, network.layers[k].size) for k in layers}
    return dataclasses.replace(
        network,
        layers=tuple(
            layer if layer.bias is None else dataclasses.replace(layer, bias=layer.bias * factor[k])
            for k, layer in enumerate(network.layers)
        ),
        connections=tuple(
            Connection(c.source, c.target, c.weight * factor[c.target][:, None] / factor[c.source])
            for c in network.connections
        ),
    )


def test_strengths_keep_the_signs_of_weights():
    network = chain([[1]], [[-2], [3]], tasks=[0, 1])
    # The standard deviations of the hidden neuron, which is the input, and of the input.
    evaluation = Evaluation(np.array([[1.0], [5.0]], np.float32), [[0, -1], [0, -1]])
    assert weights(with_strength(network.graph, "squared")) == [[[1]], [[-4], [9]]]
    strengths = with_strength(network.graph, "activation", DenseRunner(network, evaluation))
    assert weights(strengths) == [[[2]], [[-4], [6]]]
    # What enters the hidden neuron is 1 and what leaves it 4 + 9: c² = 13 / c².
    balanced = with_strength(network.graph, "balanced").connections
    assert balanced[0].weight == pytest.approx(np.array([[13**0.25]]), rel=1e-6)
    assert balanced[1].weight == pytest.approx(np.array([[-2.0], [3.0]]) / 13**0.25, rel=1e-6)


def test_the_absolute_weight_is_the_network_as_it_is():
    graph = pair().graph
    assert with_strength(graph, "absolute") is graph


@pytest.mark.parametrize("network", zoo())
@pytest.mark.parametrize("name", STRENGTHS)
def test_every_strength_is_of_every_network_or_says_why_not(name, network):
    network = zoo()[network]
    graph, runner = graph_of(network), None
    before = weights(network)
    if isinstance(network, Network):
        runner = DenseRunner(network, labelled(network))
    elif name == "activation":
        with pytest.raises(NotApplicableError, match="expected a network that is run on examples, found a graph alone"):
            with_strength(graph, name, runner)
        return
    found = with_strength(graph, name, runner)
    assert found.populations == graph.populations
    assert found.metadata == graph.metadata
    assert (found is graph) == (name == "absolute")
    assert weights(network) == before
    for old, new in zip(graph.connections, found.connections, strict=True):
        assert (new.source, new.target) == (old.source, old.target)
        assert ((np.sign(new.weight) == np.sign(old.weight)) | (new.weight == 0)).all()
    assert weights(with_strength(graph, name, runner)) == weights(found)


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_strength_says_in_a_sentence_what_it_takes(name):
    assert STRENGTHS.summary(name).startswith("Take ")
    assert STRENGTHS.summary(name).endswith(".")


@pytest.mark.parametrize("name", STRENGTHS)
def test_weights_made_on_demand_have_their_strength_on_demand(name):
    network = random_network(0, activation="relu", density=1)
    runner = DenseRunner(network, labelled(network))
    calls = []
    made = [
        MadeConnection(c.source, c.target, c.shape, lambda c=c: calls.append(c) or c.weight)
        for c in network.connections
    ]
    found = with_strength(dataclasses.replace(network, connections=tuple(made)).graph, name, runner)
    calls.clear()
    assert all(isinstance(c, MadeConnection) for c in found.connections)
    assert not calls
    assert weights(found) == weights(with_strength(network.graph, name, runner))


def test_strength_of_activation_is_over_all_examples_and_0_for_a_source_that_never_changes():
    network = chain([[1, 0], [0, 1]], [[1, 2], [3, 4]], tasks=[0, 1], biases=([0, 5], [0, 0]))
    # Four examples, of which each task has some; the second input never changes.
    evaluation = Evaluation(
        np.array([[0, 7], [0, 7], [4, 7], [4, 7]], np.float32), [[0, -1], [-1, 0], [0, 0], [-1, -1]]
    )
    strengths = with_strength(network.graph, "activation", DenseRunner(network, evaluation))
    assert weights(strengths) == [[[2, 0], [0, 0]], [[2, 0], [6, 0]]]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), skips=st.booleans(), activation=st.sampled_from(["relu", "leaky-relu"]))
def test_balanced_strengths_do_not_depend_on_how_a_relu_network_is_scaled(seed, skips, activation):
    network = random_network(seed, (3, 6, 7, 6), skips=skips, activation=activation, density=0.8)
    other = rescaled(network, seed, layers=(1, 2))
    inputs = labelled(network).inputs
    np.testing.assert_allclose(forward(other, inputs)[-1], forward(network, inputs)[-1], rtol=1e-3, atol=1e-4)
    for one, two in zip(*(with_strength(n.graph, "balanced").connections for n in (network, other)), strict=True):
        np.testing.assert_allclose(one.weight, two.weight, rtol=1e-5, atol=1e-9)


def test_absolute_strengths_depend_on_how_a_relu_network_is_scaled_and_balanced_ones_do_not():
    network = random_network(0, (3, 8, 8, 8), skips=False, activation="relu", density=1)
    other = rescaled(network, 0, layers=(1, 2))
    split = Split.from_labels("m", dict.fromkeys((1, 2, 3), np.arange(8) % 2), 2)

    def modularity(strength):
        return [measure("modularity", with_strength(n.graph, strength), split)[0].value for n in (network, other)]

    before, after = modularity("absolute")
    assert abs(after - before) > 0.05
    before, after = modularity("balanced")
    assert after == pytest.approx(before, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), skips=st.booleans())
def test_balanced_neurons_have_as_much_entering_as_leaving(seed, skips):
    network = random_network(seed, (3, 6, 7, 6), skips=skips, activation="relu", density=1)
    found = with_strength(rescaled(network, seed, layers=(1, 2)).graph, "balanced")
    for layer in (1, 2):
        entering, leaving = sides(found, layer)
        np.testing.assert_allclose(entering, leaving, rtol=1e-5)


def test_neurons_that_cannot_be_rescaled_stay_as_they_are():
    network = random_network(0, activation="sigmoid")
    assert weights(with_strength(network.graph, "balanced")) == weights(network)


def test_only_the_layers_that_can_be_rescaled_are():
    network = random_network(0, (3, 5, 5, 5, 4), skips=False, activation="relu", density=1)
    layers = list(network.layers)
    layers[2] = dataclasses.replace(layers[2], activation="tanh")
    network = dataclasses.replace(network, layers=tuple(layers))
    found = with_strength(network.graph, "balanced")
    for layer in (1, 3):
        np.testing.assert_allclose(*sides(found, layer), rtol=1e-5)
    entering, leaving = sides(found, 2)
    assert not np.allclose(entering, leaving, rtol=0.1)


def test_neurons_without_one_side_have_no_strength_on_the_other_and_nor_have_those_they_lead_to():
    # Hidden 1.1 gets nothing, hidden 2.1 gets only from it, and nothing leaves hidden 2.2.
    network = chain([[1], [0]], [[1, 0], [0, 2], [3, 4]], [[1, 5, 0], [1, 6, 0]], tasks=[0, 1], activation="relu")
    found = with_strength(network.graph, "balanced")
    present = [(np.array(weight) != 0).astype(int).tolist() for weight in weights(found)]
    assert present == [[[1], [0]], [[1, 0], [0, 0], [0, 0]], [[1, 0, 0], [1, 0, 0]]]
    # The sums of squares c1², c2² / c1² and (1 + 1) / c2² are equal for c1⁶ = 2.
    assert found.connections[0].weight[0, 0] == pytest.approx(2 ** (1 / 6), rel=1e-6)


def test_what_a_strength_needs():
    with pytest.raises(NotApplicableError) as error:
        with_strength(pair().graph, "activation")
    assert str(error.value) == "strength 'activation': expected a network that is run on examples, found a graph alone"
    with pytest.raises(ValueError, match="unknown strength 'much'; known: absolute, squared, activation, balanced"):
        with_strength(pair().graph, "much")


def test_factors_that_do_not_settle_are_not_given(monkeypatch):
    monkeypatch.setattr("spatialgraph.strengths._MOST_ROUNDS", 1)
    with pytest.raises(NotApplicableError) as error:
        with_strength(random_network(0, activation="relu").graph, "balanced")
    start = "strength 'balanced' of 'chain': expected factors that settle in 1 rounds, found a change of"
    assert str(error.value).startswith(start)
