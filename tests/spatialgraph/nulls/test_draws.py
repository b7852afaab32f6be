"""Draws of null models: networks with other weights, which a seed settles."""

import dataclasses

import numpy as np
import pytest
from hand_worked import chain, random_network, separate
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection, MadeConnection
from spatialgraph.graph.planted import unmodular
from spatialgraph.metrics import METRICS, facts, measure
from spatialgraph.network import Layer, Network
from spatialgraph.nulls import NULLS, draw, kept_measures
from spatialgraph.nulls import null as null_module

quick = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("null", NULLS)
@quick
@given(seed=st.integers(0, 1000), skips=st.booleans(), density=st.sampled_from([0.0, 0.3, 1.0]))
def test_a_draw_is_the_network_with_other_weights_in_the_split_layers(null, seed, skips, density):
    graph = random_network(seed, sizes=(3, 6, 5, 4), skips=skips, density=density).graph
    before = [connection.weight.copy() for connection in graph.connections]
    drawn = draw(null, graph, seed)
    assert drawn.populations == graph.populations
    for weight, old, new in zip(before, graph.connections, drawn.connections, strict=True):
        assert np.array_equal(weight, old.weight)  # the graph itself is left alone
        assert (new.source, new.target, new.shape) == (old.source, old.target, old.shape)
        if old not in graph.split_connections:
            assert new is old
        elif null == "shuffle":
            assert np.array_equal(np.sort(new.weight, axis=None), np.sort(old.weight, axis=None))
    for one, again in zip(drawn.connections, draw(null, graph, seed).connections, strict=True):
        assert np.array_equal(one.weight, again.weight)


@pytest.mark.parametrize("null", NULLS)
def test_draws_differ_by_seed_and_connection(null):
    network = chain(*np.ones((3, 6, 6)), tasks=[0, 0, 0, 1, 1, 1], positions=np.zeros((3, 6, 2)))
    weights = np.arange(36.0).reshape(6, 6) + 1
    connections = tuple(dataclasses.replace(c, weight=weights) for c in network.connections)
    network = dataclasses.replace(network, connections=connections)
    first, other = draw(null, network.graph, 0), draw(null, network.graph, 1)
    several = draw(null, network.graph, [7, 0])
    made = [d.connections[k].weight.tobytes() for d in (first, other, several) for k in (1, 2)]
    assert len(set(made)) == len(made)


def test_shuffling_puts_a_weight_anywhere_equally_often():
    network = chain([[1], [1]], [[1, 0], [0, 0]], tasks=[0, 1])
    places = [int(draw("shuffle", network.graph, seed).connections[1].weight.argmax()) for seed in range(2000)]
    # 500 in each of four places; five standard deviations are 97.
    assert np.abs(np.bincount(places, minlength=4) - 500).max() < 97


def test_the_distance_null_needs_positions():
    said = "^null model 'distance': expected positions in every split layer of 'chain', found none$"
    with pytest.raises(NotApplicableError, match=said):
        draw("distance", separate(positions=False).graph, 0)


def test_a_network_without_connected_split_layers_has_no_null_model():
    layers = (Layer("input", 1), Layer("output", 1))
    network = Network(layers, (Connection(0, 1, [[1.0]]),), [0], {"name": "n", "tasks": ["a"]})
    with pytest.raises(NotApplicableError, match=r"expected connected split layers in 'n', found none$"):
        draw("shuffle", network.graph, 0)
    with pytest.raises(ValueError, match=r"^unknown null model 'magic'; known: shuffle, strength, distance"):
        draw("magic", separate().graph, 0)


@pytest.mark.parametrize("null", NULLS)
def test_a_large_networks_draw_is_made_on_demand_and_is_the_same(null, monkeypatch):
    graph = unmodular(scale=0.5, spread=1.0, seed=3)
    held = draw(null, graph, [1, 2])
    monkeypatch.setattr(null_module, "_HELD", 10)
    made = draw(null, graph, [1, 2])
    assert all(isinstance(connection, MadeConnection) for connection in made.split_connections)
    for one, other in zip(held.connections, made.connections, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.weight, other.weight)
    for one, other in zip(held.split_connections, made.split_connections, strict=True):
        assert one.shape == other.shape


@pytest.mark.parametrize("null", NULLS)
def test_weights_in_column_order_are_drawn_like_others(null):
    """They were not shuffled at all."""
    graph = unmodular((8, 6, 4), spread=1.0, scale=1.0)
    turned = dataclasses.replace(
        graph,
        connections=tuple(dataclasses.replace(c, weight=np.asfortranarray(c.weight)) for c in graph.connections),
    )
    assert not turned.connections[0].weight.flags.c_contiguous
    for one, other, old in zip(
        draw(null, graph, 1).connections,
        draw(null, turned, 1).connections,
        graph.connections,
        strict=True,
    ):
        assert np.array_equal(one.weight, other.weight)
        assert not np.array_equal(np.abs(one.weight), np.abs(old.weight))


@pytest.mark.parametrize("null", NULLS)
def test_a_null_model_keeps_the_measures_that_it_says_and_no_others(null):
    random = np.random.default_rng(0)
    graph = chain(
        *random.lognormal(size=(3, 30, 30)), tasks=[0] * 15 + [1] * 15, positions=random.normal(size=(3, 30, 2))
    ).graph
    moved = set()
    for name in METRICS:
        if facts(name).of == "network" and facts(name).weights:
            value = measure(name, graph)[0].value
            draws = [measure(name, draw(null, graph, seed))[0].value for seed in range(3)]
            if not np.allclose(draws, value, rtol=1e-3):
                moved.add(name)
    assert moved.isdisjoint(kept_measures(null))
    assert ("wiring" in moved) == ("wiring" not in kept_measures(null))
