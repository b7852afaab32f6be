"""What draws keep: strengths, the fall with distance, the distribution of the weights, dead neurons."""

import dataclasses

import numpy as np
import pytest
from hand_worked import chain, random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from spatialgraph.graph.planted import unmodular
from spatialgraph.nulls import draw
from spatialgraph.nulls.kept import TOLERANCE, Lengths, _rewired, prepared

quick = settings(max_examples=25, deadline=None)
KEEPING = ("strength", "distance")


def strengths(connection):
    size = np.abs(connection.weight, dtype=np.float64)
    return size.sum(axis=1), size.sum(axis=0)


@pytest.mark.parametrize("null", KEEPING)
@quick
@given(seed=st.integers(0, 1000), spread=st.sampled_from([0.0, 1.0, 2.0]))
def test_every_neuron_keeps_its_strengths(null, seed, spread):
    graph = unmodular((20, 30, 10), spread=spread, scale=0.5 if null == "distance" else None, seed=seed)
    drawn = draw(null, graph, seed)
    for old, new in zip(graph.connections, drawn.connections, strict=True):
        for wanted, found in zip(strengths(old), strengths(new), strict=True):
            assert np.abs(found - wanted).max() <= 5 * TOLERANCE * wanted.max()
        assert np.count_nonzero(new.weight < 0) == np.count_nonzero(old.weight < 0)  # signs go with their weights
        assert not np.allclose(np.abs(new.weight), np.abs(old.weight))


@pytest.mark.parametrize("null", KEEPING)
def test_the_weights_are_those_of_the_network_but_for_the_last_scaling(null):
    graph = unmodular((64, 32, 8), spread=1.0, scale=1.0)
    drawn = draw(null, graph, 0)
    for old, new in zip(graph.connections, drawn.connections, strict=True):
        one, other = (np.sort(np.abs(connection.weight), axis=None) for connection in (old, new))
        assert np.abs(one - other).sum() <= 0.08 * one.sum()


def test_the_distance_null_keeps_how_strength_falls_with_distance():
    graph = unmodular((64, 32, 8), spread=1.0, scale=0.3)
    by_strength = []
    for old, new, other in zip(
        graph.connections,
        draw("distance", graph, 0).connections,
        draw("strength", graph, 0).connections,
        strict=True,
    ):
        length = cdist(graph.populations[old.target].position, graph.populations[old.source].position)
        edges = np.quantile(length, np.linspace(0, 1, 9)[1:-1])
        kept_share, found, without = (
            np.bincount(np.digitize(length, edges).ravel(), np.abs(connection.weight).ravel())
            / np.abs(old.weight).sum()
            for connection in (old, new, other)
        )
        assert np.abs(kept_share - found).max() < 0.05  # between knots; at them it is kept as exactly as strengths
        kept = prepared(graph, old, lengths=True)
        at = kept.lengths.sums(np.abs(new.weight, dtype=np.float64))
        assert np.abs(at - kept.at_lengths).max() <= 5 * TOLERANCE * kept.at_lengths.max()
        by_strength.append(np.abs(kept_share - without).max())
    assert max(by_strength) > 0.1


@pytest.mark.parametrize("null", KEEPING)
def test_a_neuron_without_strength_stays_without(null):
    """Neurons that training switched off came back to life in draws, and made them modular."""
    graph = unmodular((16, 12, 6), spread=1.0, scale=0.5)
    dead = np.arange(12) % 2 == 0

    def change(connection):
        weight = connection.weight.copy()
        weight[dead if connection.target == 1 else slice(0)] = 0
        weight[:, dead if connection.source == 1 else slice(0)] = 0
        return dataclasses.replace(connection, weight=weight)

    graph = dataclasses.replace(graph, connections=tuple(map(change, graph.connections)))
    for seed in range(5):
        first, second = draw(null, graph, seed).connections
        assert not first.weight[dead].any()
        assert not second.weight[:, dead].any()
        assert first.weight[~dead].any(axis=1).all()
        assert np.count_nonzero(first.weight) == np.count_nonzero(graph.connections[0].weight)


@pytest.mark.parametrize("null", KEEPING)
@quick
@given(seed=st.integers(0, 1000), density=st.sampled_from([0.0, 0.1, 0.5]))
def test_matrices_with_zeros_have_draws_of_finite_weights(null, seed, density):
    graph = random_network(seed, sizes=(3, 6, 5, 4), density=density, positions=True).graph
    for connection in draw(null, graph, seed).split_connections:
        assert np.isfinite(connection.weight).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2)])
def test_small_matrices_and_neurons_at_one_place_have_draws(shape):
    weight = np.arange(1.0, 1 + shape[0] * shape[1]).reshape(shape)
    places = [np.zeros((size, 2)) for size in shape[::-1]]
    graph = chain(np.ones((shape[1], 1)), weight, tasks=np.arange(shape[0]) % 2, positions=places).graph
    for null in KEEPING:
        new = draw(null, graph, 0).connections[1]
        for wanted, found in zip(strengths(graph.connections[1]), strengths(new), strict=True):
            assert found == pytest.approx(wanted, rel=0.01)


def test_expected_strengths_have_the_sums_that_are_kept():
    graph = unmodular((30, 20, 6), spread=1.0, scale=0.3)
    kept = prepared(graph, graph.connections[0], lengths=True)
    assert kept.expected.sum(axis=0) == pytest.approx(kept.leaving, abs=1e-3 * kept.leaving.max())
    assert kept.expected.sum(axis=1) == pytest.approx(kept.entering, abs=1e-3 * kept.entering.max())
    assert kept.lengths.sums(kept.expected) == pytest.approx(kept.at_lengths, abs=0.01 * kept.at_lengths.max())
    plain = prepared(graph, graph.connections[0])
    weight = np.abs(graph.connections[0].weight)
    assert plain.expected[2, 3] == pytest.approx(weight[2].sum() * weight[:, 3].sum() / weight.sum(), rel=1e-6)


def test_connections_count_at_the_knots_around_their_length():
    lengths = Lengths.of(np.array([0.0, 1.0, 2.0, 4.0]), np.ones(4, bool))
    assert lengths.weights.toarray().tolist() == [[1, 0], [0.75, 0.25], [0.5, 0.5], [0, 1]]
    assert lengths.sums(np.array([1.0, 4.0, 2.0, 1.0])).tolist() == [5, 3]
    assert lengths.factors(np.array([0.0, 2.0])) == pytest.approx(np.exp([0, 0.5, 1, 2]))


def test_knots_lie_beyond_the_nearest_32_64_128_connections():
    distance = np.random.default_rng(0).permutation(np.arange(300.0))
    lengths = Lengths.of(np.append(distance, 1000.0), np.arange(301) < 300)  # the last is of a dead neuron
    assert [
        distance[column.indices[(column.data == 1) & (column.indices < 300)]].tolist() for column in lengths.transposed
    ] == [
        [0],
        [32],
        [64],
        [128],
        [256],
        [299],
    ]


@pytest.mark.parametrize("null", KEEPING)
def test_of_weights_of_0_and_1_every_neuron_keeps_the_number_of_its_connections(null):
    """Scaling gave them other weights, and draws a modularity of twice that of the graph."""
    graph = unmodular((30, 24, 8), error="binary")
    for seed in range(3):
        for old, new in zip(graph.connections, draw(null, graph, seed).connections, strict=True):
            one, other = old.weight != 0, new.weight != 0
            assert one.sum(axis=0).tolist() == other.sum(axis=0).tolist()
            assert one.sum(axis=1).tolist() == other.sum(axis=1).tolist()
            assert not np.array_equal(one, other)
            assert np.abs(new.weight[other]) == pytest.approx(np.ones(other.sum()), abs=1e-3)


def test_trades_reach_every_matrix_of_the_same_sums_equally_often():
    """Three rows and columns with one connection each: six matrices."""
    present, generator = np.eye(3, dtype=bool), np.random.default_rng(0)
    seen = [
        tuple(_rewired(present, np.ones_like(present), None, generator).argmax(axis=1).tolist()) for _ in range(1200)
    ]
    counts = [seen.count(order) for order in set(seen)]
    assert len(counts) == 6
    assert max(abs(count - 200) for count in counts) < 65  # five standard deviations


def test_where_connections_are_likelier_if_they_are_short_they_stay_short():
    graph = unmodular((40, 40, 8), error="binary", scale=None, seed=2)
    length = cdist(graph.populations[1].position, graph.populations[0].position)
    near = np.random.default_rng(0).random(length.shape) < np.exp(-length)
    connections = (dataclasses.replace(graph.connections[0], weight=near), graph.connections[1])
    graph = dataclasses.replace(graph, connections=connections)
    drawn = {null: [draw(null, graph, seed).connections[0].weight != 0 for seed in range(5)] for null in KEEPING}
    mean = {null: np.mean([length[which].mean() for which in of]) for null, of in drawn.items()}
    assert mean["distance"] == pytest.approx(length[near].mean(), rel=0.05)
    assert mean["strength"] > 1.2 * length[near].mean()
