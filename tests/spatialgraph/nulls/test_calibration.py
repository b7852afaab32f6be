"""What null models say where there is nothing to find, and where there is: a small version of docs/nulls."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import kstest

from spatialgraph.graph.planted import unmodular
from spatialgraph.metrics import modularity
from spatialgraph.nulls import chance, draw
from spatialgraph.splits import apply
from spatialgraph.threads import one_thread

DRAWS = 19


@pytest.fixture(autouse=True)
def _one_thread():
    """Limit threads once, as analyses do, and not for each sum again."""
    with one_thread():
        yield


def greedy_modularity(graph):
    return modularity(graph, apply("greedy", graph))


def compared(null, graph, seed):
    """Return p with its ties broken at random, and z."""
    value = greedy_modularity(graph)
    drawn = np.array([greedy_modularity(draw(null, graph, [seed, number])) for number in range(DRAWS)])
    above, below = chance(value, drawn, "high").p, chance(value, drawn, "low").p
    return np.random.default_rng(seed).uniform(1 - below, above), (value - drawn.mean()) / drawn.std(ddof=1)


def with_weights(graph, change):
    connections = tuple(dataclasses.replace(c, weight=change(c)) for c in graph.connections)
    return dataclasses.replace(graph, connections=connections)


def in_column_order(graph):
    return with_weights(graph, lambda c: np.asfortranarray(c.weight))


def with_dead_neurons(graph):
    """Switch every second hidden neuron off."""

    def change(connection):
        weight = connection.weight.copy()
        weight[:: 2 if connection.target == 1 else len(weight) + 1] *= connection.target != 1
        weight[:, :: 2 if connection.source == 1 else weight.shape[1] + 1] *= connection.source != 1
        return weight

    return with_weights(graph, change)


@pytest.mark.parametrize(
    ("null", "settings", "change"),
    [
        ("shuffle", {"error": "log-normal"}, in_column_order),
        ("strength", {"spread": 1.0}, None),
        ("strength", {"spread": 1.0, "skip": True}, in_column_order),
        pytest.param("distance", {"spread": 1.0, "scale": 0.2, "error": "uniform"}, None, marks=pytest.mark.slow),
        pytest.param("distance", {"spread": 2.0, "scale": 1.0}, None, marks=pytest.mark.slow),
        ("distance", {"spread": 1.0, "scale": 0.5}, with_dead_neurons),
    ],
)
def test_networks_of_the_null_hypothesis_are_chance(null, settings, change):
    """With unequal neurons `strength` and `distance` had a mean z of −1.8 and less, and no p of 0.05."""
    found = []
    for seed in range(60):
        graph = unmodular((64, 32, 8), seed=seed, **settings)
        found.append(compared(null, change(graph) if change else graph, seed))
    p, z = np.array(found).T
    assert kstest(p, "uniform").pvalue > 0.001
    assert abs(np.median(z)) < 0.6
    assert np.mean(p <= 0.05) < 0.17  # of 60, a share of 0.17 or more comes by chance in less than 1 of 1000 cases
    assert np.mean(p > 0.95) < 0.17


@pytest.mark.parametrize("null", ["shuffle", "strength"])
def test_geometry_alone_is_no_chance_for_null_models_that_do_not_keep_it(null):
    p = [compared(null, unmodular((64, 32, 8), scale=0.2, seed=seed), seed)[0] for seed in range(20)]
    assert np.mean(np.array(p) <= 0.05) > 0.8


@pytest.mark.parametrize(
    ("null", "settings"),
    [("shuffle", {}), ("strength", {"spread": 1.0}), ("distance", {"scale": 1.0})],
)
def test_planted_blocks_are_found(null, settings):
    """With unequal neurons `strength` found them less often: in 68 of 100 networks, now in 83."""
    p = []
    for seed in range(20):
        graph = unmodular((64, 32, 8), seed=seed, **settings)
        generator = np.random.default_rng([seed, 1])
        side = [generator.permutation(layer.size) % 2 for layer in graph.populations[:-1]] + [graph.task_of[-1]]

        def blocks(connection, side=side):
            same = np.equal.outer(side[connection.target], side[connection.source])
            return connection.weight * np.where(same, 0.8, 0.2)

        p.append(compared(null, with_weights(graph, blocks), seed)[0])
    assert np.mean(np.array(p) <= 0.05) >= 0.65
