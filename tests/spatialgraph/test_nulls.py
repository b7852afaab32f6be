"""Null models: what each keeps, that a seed settles the draw, and that geometry alone is nothing beyond chance."""

import dataclasses
import itertools

import numpy as np
import pytest
from hand_worked import chain, random_network, separate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from spatialgraph import nulls
from spatialgraph.metrics import cut, modularity
from spatialgraph.network import Connection, Layer, MadeConnection, Network, NotApplicableError
from spatialgraph.nulls import NULLS, chance, draw
from spatialgraph.splits import apply

quick = settings(max_examples=25, deadline=None)


def geometric(seed, scale=0.2, sizes=(24, 32, 8)):
    """Return a network without any function: random weights that fall with distance; the tasks' outputs lie apart."""
    generator = np.random.default_rng(seed)
    places = [generator.normal(size=(size, 2)) for size in sizes]
    task = np.arange(sizes[-1]) % 2
    places[-1][:, 0] = np.where(task, 0.7, -0.7)
    layers = tuple(
        Layer(f"layer{k}", size, position=places[k], split=True) for k, size in enumerate(sizes)
    )  # the first is the input: what enters it plays no part
    weights = [generator.random((len(b), len(a))) * np.exp(-cdist(b, a) / scale) for a, b in itertools.pairwise(places)]
    connections = tuple(Connection(k, k + 1, weight) for k, weight in enumerate(weights))
    return Network(layers, connections, task, {"name": f"geometric-{seed}", "tasks": ["a", "b"]})


def greedy_modularity(network):
    return modularity(network, apply("greedy", network))


@pytest.mark.parametrize("null", NULLS)
@quick
@given(seed=st.integers(0, 1000), skips=st.booleans(), density=st.sampled_from([0.0, 0.3, 1.0]))
def test_a_draw_is_the_network_with_other_weights_in_the_split_layers(null, seed, skips, density):
    network = random_network(seed, sizes=(3, 6, 5, 4), skips=skips, density=density)
    before = [connection.weight.copy() for connection in network.connections]
    drawn = draw(null, network, seed)
    assert drawn.layers == network.layers
    assert not drawn.executable
    for weight, old, new in zip(before, network.connections, drawn.connections, strict=True):
        assert np.array_equal(weight, old.weight)  # the network itself is left alone
        assert (new.source, new.target, new.shape) == (old.source, old.target, old.shape)
        if old not in network.split_connections:
            assert new is old
        elif null != "strength":
            assert np.array_equal(np.sort(new.weight, axis=None), np.sort(old.weight, axis=None))
    for one, again in zip(drawn.connections, draw(null, network, seed).connections, strict=True):
        assert np.array_equal(one.weight, again.weight)


@pytest.mark.parametrize("null", NULLS)
def test_draws_differ_by_seed_and_connection(null):
    network = chain(*np.ones((3, 6, 6)), tasks=[0, 0, 0, 1, 1, 1], positions=np.zeros((3, 6, 2)))
    weights = np.arange(36.0).reshape(6, 6) + 1
    connections = tuple(dataclasses.replace(c, weight=weights) for c in network.connections)
    network = dataclasses.replace(network, connections=connections)
    first, other = draw(null, network, 0), draw(null, network, 1)
    several = draw(null, network, [7, 0])
    made = [d.connections[k].weight.tobytes() for d in (first, other, several) for k in (1, 2)]
    assert len(set(made)) == len(made)


def test_shuffling_puts_a_weight_anywhere_equally_often():
    network = chain([[1], [1]], [[1, 0], [0, 0]], tasks=[0, 1])
    places = [int(draw("shuffle", network, seed).connections[1].weight.argmax()) for seed in range(2000)]
    # 500 in each of four places; five standard deviations are 97.
    assert np.abs(np.bincount(places, minlength=4) - 500).max() < 97


@quick
@given(seed=st.integers(0, 1000))
def test_the_strength_null_keeps_every_neurons_strength(seed):
    generator = np.random.default_rng(seed)
    weight = generator.normal(size=(20, 30)) * generator.gamma(1.0, size=(20, 1)) * generator.gamma(1.0, size=30)
    network = chain(np.ones((30, 1)), weight, tasks=np.arange(20) % 2)
    old, new = np.abs(network.connections[1].weight), draw("strength", network, seed).connections[1].weight
    np.testing.assert_allclose(np.abs(new).sum(axis=0), old.sum(axis=0), rtol=0.01)
    np.testing.assert_allclose(np.abs(new).sum(axis=1), old.sum(axis=1), rtol=0.01, atol=0.01 * old.sum(axis=1).max())
    assert np.count_nonzero(new < 0) == np.count_nonzero(weight < 0)  # signs go with their weights


def test_the_strength_null_leaves_a_neuron_without_strength_without():
    network = chain(np.ones((3, 1)), [[1, 2, 0], [3, 4, 0], [0, 0, 0]], tasks=[0, 1, 1])
    for seed in range(5):
        weight = draw("strength", network, seed).connections[1].weight
        assert not weight[2].any()
        assert not weight[:, 2].any()


def test_the_distance_null_shuffles_within_bins_of_length():
    network = geometric(0)
    for old, new in zip(network.connections, draw("distance", network, 0).connections, strict=True):
        length = cdist(network.layers[old.target].position, network.layers[old.source].position)
        order = np.argsort(length, axis=None)
        for start in range(0, len(order), nulls.BIN):
            of_bin = order[start : start + nulls.BIN]
            assert sorted(old.weight.flat[of_bin]) == sorted(new.weight.flat[of_bin])
        assert not np.array_equal(old.weight, new.weight)


def test_the_distance_null_needs_positions():
    said = "^null model 'distance': expected positions in every split layer of 'chain', found none$"
    with pytest.raises(NotApplicableError, match=said):
        draw("distance", separate(positions=False), 0)


def test_a_network_without_connected_split_layers_has_no_null_model():
    layers = (Layer("input", 1), Layer("output", 1))
    network = Network(layers, (Connection(0, 1, [[1.0]]),), [0], {"name": "n", "tasks": ["a"]})
    with pytest.raises(NotApplicableError, match=r"expected connected split layers in 'n', found none$"):
        draw("shuffle", network, 0)
    with pytest.raises(ValueError, match=r"^unknown null model 'magic'; known: shuffle, strength, distance$"):
        draw("magic", separate(), 0)


@pytest.mark.parametrize("null", NULLS)
def test_a_large_networks_draw_is_made_on_demand_and_is_the_same(null, monkeypatch):
    network = geometric(3)
    held = draw(null, network, [1, 2])
    monkeypatch.setattr(nulls, "_HELD", 10)
    made = draw(null, network, [1, 2])
    assert all(isinstance(connection, MadeConnection) for connection in made.split_connections)
    for one, other in zip(held.connections, made.connections, strict=True):
        assert np.array_equal(one.weight, other.weight)
        assert np.array_equal(one.weight, other.weight)
    assert greedy_modularity(held) == greedy_modularity(made)


def test_geometry_alone_is_chance_for_the_distance_null_and_not_for_shuffling():
    """The trap: without any function, weights that fall with distance look modular."""
    p = {null: [] for null in NULLS}
    observed = []
    for seed in range(200):
        network = geometric(seed)
        observed.append(greedy_modularity(network))
        for null, found in p.items():
            drawn = [greedy_modularity(draw(null, network, [seed, number])) for number in range(19)]
            found.append(chance(observed[-1], np.array(drawn), "high").p)
    assert np.mean(observed) > 0.25
    # Nineteen draws put p on 20 values; a p spread evenly over its step is uniform if the null model is right.
    spread = np.array(p["distance"]) - np.random.default_rng(0).uniform(0, 1 / 20, 200)
    assert kstest(spread, "uniform").pvalue > 0.05
    for null in ("shuffle", "strength"):
        assert np.mean(np.array(p[null]) <= 0.05) > 0.8
        assert kstest(p[null], "uniform").pvalue < 1e-20


def test_modules_beyond_geometry_are_found_by_the_distance_null():
    rejected = 0
    for seed in range(20):
        network = geometric(seed, scale=1.0)
        generator = np.random.default_rng(seed)
        side = [generator.permutation(layer.size) % 2 for layer in network.layers[:-1]] + [network.output_task]
        connections = tuple(
            dataclasses.replace(c, weight=c.weight * np.where(np.equal.outer(side[c.target], side[c.source]), 1, 0.2))
            for c in network.connections
        )
        planted = dataclasses.replace(network, connections=connections)
        drawn = [greedy_modularity(draw("distance", planted, [seed, number])) for number in range(19)]
        rejected += chance(greedy_modularity(planted), np.array(drawn), "high").p <= 0.05
    assert rejected >= 18


# ---------------------------------------------------------------------------------------------------- p-values


@pytest.mark.parametrize(
    ("value", "tail", "p"),
    [
        (2.0, "high", 3 / 5),  # 2 and 3 are at least 2, and the value itself
        (2.0, "low", 4 / 5),
        (2.0, "", 1.0),
        (9.0, "high", 1 / 5),
        (9.0, "low", 1.0),
        (9.0, "", 2 / 5),
        (-9.0, "", 2 / 5),
    ],
)
def test_p_counts_ties_and_is_never_0(value, tail, p):
    assert chance(value, np.array([0.0, 1.0, 2.0, 3.0]), tail).p == pytest.approx(p, abs=1e-15)


def test_a_value_is_compared_with_mean_and_deviation():
    found = chance(4.0, np.array([0.0, 1.0, 2.0, np.nan]), "high")
    assert (found.draws, found.mean, found.sd, found.z, found.p) == (3, 1.0, 1.0, 3.0, 1 / 4)


def test_what_cannot_be_compared_is_nan():
    nothing = chance(1.0, np.array([np.nan]), "high")
    assert nothing.draws == 0
    assert np.isnan([nothing.mean, nothing.sd, nothing.z, nothing.p]).all()
    one = chance(1.0, np.array([0.0]), "high")
    assert (one.draws, one.mean, one.p) == (1, 0.0, 1 / 2)
    assert np.isnan([one.sd, one.z]).all()
    constant = chance(1.0, np.full(9, 0.1 + 0.2), "high")
    assert np.isnan(constant.z)
    assert constant.p == 1 / 10
    assert np.isnan(chance(np.nan, np.arange(3.0), "low").p)


@quick
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_under_the_null_p_is_no_smaller_than_it_may_be(values):
    """For exchangeable numbers, ties included, P(p ≤ α) ≤ α: each of them is taken in turn for the one observed."""
    numbers = np.array(values, float)
    p = [chance(numbers[k], np.delete(numbers, k), "high").p for k in range(len(numbers))]
    for alpha in np.arange(1, len(numbers) + 1) / len(numbers):
        assert np.mean(np.array(p) <= alpha + 1e-12) <= alpha + 1e-12


def test_cut_is_compared_in_its_own_direction():
    network = separate(units=8)
    split = apply("greedy", network)
    drawn = [cut(d, apply("greedy", d)) for d in (draw("shuffle", network, seed) for seed in range(19))]
    assert cut(network, split) == 0
    assert chance(0.0, np.array(drawn), "low").p == 1 / 20
