"""Measures of graphs with cycles, several heads, labels, one task or one unit: by hand, and those of NetworkX."""

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from any_graph import BY_HAND, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import to_networkx
from spatialgraph.metrics import METRICS, Measurement, facts, measure, participation_coefficients
from spatialgraph.splits import Split

quick = settings(deadline=None, max_examples=40)
STRENGTH = {"weight": "strength"}

# Two splits of each graph. In the second, some units are of no group: each is a community of its own. In the fractions
# stand, community by community, the strength within, and the ends of strengths, or what leaves times what enters; for
# the layered modularity both, connection by connection.
WORKED_OUT = {
    ("recurrent", ((0, 0, 0, 1), (0, 1))): {
        "modularity": Fraction(10 + 2, 14) - Fraction(22**2 + 6**2, 28**2),
        "directed-modularity": Fraction(10 + 2, 14) - Fraction(12 * 10 + 2 * 4, 14**2),
        "layered-modularity": (6 + 1 - Fraction(6 * 6 + 1 * 1, 7) + 4 + 1 - Fraction(6 * 4 + 1 * 3, 7)) / 14,
        "cut": Fraction(2, 14),
        "ncut": Fraction(2, 22) + Fraction(2, 6),
        # A connection of a unit with itself counts at both of its ends.
        "participation": [[0, Fraction(4, 9), Fraction(10, 36), 0], [0, Fraction(4, 9)]],
    },
    ("recurrent", ((0, 0, -1, -1), (0, 1))): {
        "modularity": Fraction(5 + 1, 14) - Fraction(16**2 + 3**2 + 6**2 + 3**2, 28**2),
        "directed-modularity": Fraction(5 + 1, 14) - Fraction(8 * 8 + 4 * 2 + 2 * 1, 14**2),
        "layered-modularity": (1 + 1 - Fraction(3 * 4 + 3 * 2 + 1 * 1, 7) + 4 - Fraction(5 * 4, 7)) / 14,
        "cut": Fraction(1, 14),
        "ncut": Fraction(6, 16) + Fraction(3, 3),
        "participation": [
            [1 - Fraction(6**2 + 3**2, 9**2), Fraction(4, 9), Fraction(10, 36), Fraction(4, 9)],
            [0, Fraction(6, 9)],
        ],
    },
    ("cycle", ((0, 0, 1), (0, 0, 1), (0, 1))): {
        "modularity": Fraction(9 + 6, 17) - Fraction(20**2 + 14**2, 34**2),
        "directed-modularity": Fraction(9 + 6, 17) - Fraction(10 * 10 + 7 * 7, 17**2),
        "layered-modularity": Fraction(5 - 3 + 3 - 3 + 7 - 4, 17),
        "cut": Fraction(2, 17),
        "ncut": Fraction(2, 20) + Fraction(2, 14),
        "participation": [[0, 0, Fraction(4, 9)], [0, Fraction(12, 25), 0], [0, Fraction(8, 25)]],
    },
    ("cycle", ((0, -1, 1), (0, -1, 1), (0, 1))): {
        "modularity": Fraction(5 + 6, 17) - Fraction(13**2 + 14**2 + 2**2 + 5**2, 34**2),
        "directed-modularity": Fraction(5 + 6, 17) - Fraction(6 * 7 + 7 * 7 + 1 * 1 + 3 * 2, 17**2),
        "layered-modularity": (4 - Fraction(2 * 2 + 3 * 2, 6) + 0 - Fraction(1 * 2, 3) + 7 - Fraction(3 * 3 + 4 * 5, 8))
        / 17,
        "cut": Fraction(0),
        "ncut": Fraction(3, 13) + Fraction(2, 14),
        # Unit 1 of the second: 2 and 1 with units of the first, of group 0 and of none, 1 and 1 with group 1.
        "participation": [
            [Fraction(1, 2), Fraction(1, 2), Fraction(4, 9)],
            [Fraction(10, 36), Fraction(16, 25), 0],
            [0, Fraction(8, 25)],
        ],
    },
    ("two heads", ((0, 1, 0), (0, 0), (1, 0))): {
        "modularity": Fraction(7 + 3, 12) - Fraction(16**2 + 8**2, 24**2),
        "directed-modularity": Fraction(7 + 3, 12) - Fraction(8 * 8 + 4 * 4, 12**2),
        "layered-modularity": (3 - Fraction(3 * 4, 4) + 5 - Fraction(3 * 2 + 3 * 4, 6) + 2 - Fraction(2 * 2, 2)) / 12,
        "cut": Fraction(2, 12),
        "ncut": Fraction(2, 16) + Fraction(2, 8),
        "participation": [[0, Fraction(6, 16), Fraction(4, 9)], [0, Fraction(1, 2)], [Fraction(6, 16), 0]],
    },
    ("two heads", ((0, 1, -1), (0, 0), (1, -1))): {
        "modularity": Fraction(3 + 3, 12) - Fraction(9**2 + 8**2 + 3**2 + 4**2, 24**2),
        "directed-modularity": Fraction(3 + 3, 12) - Fraction(3 * 6 + 4 * 4 + 3 * 0 + 2 * 2, 12**2),
        "layered-modularity": (3 - Fraction(3 * 4, 4) + 3 - Fraction(3 * 4, 6) + 0) / 12,
        "cut": Fraction(1, 12),
        "ncut": Fraction(3, 9) + Fraction(2, 8),
        "participation": [
            [0, Fraction(6, 16), Fraction(4, 9)],
            [Fraction(1, 2), Fraction(1, 2)],
            [Fraction(6, 16), Fraction(1, 2)],
        ],
    },
    ("parallel", ((0, 0, 1), (0, 1))): {
        "modularity": Fraction(4 + 3, 10) - Fraction(11**2 + 9**2, 20**2),
        "directed-modularity": Fraction(4 + 3, 10) - Fraction(6 * 5 + 4 * 5, 10**2),
        "layered-modularity": (1 - Fraction(2 * 2 + 1 * 1, 3) + 6 - Fraction(4 * 3 + 3 * 4, 7)) / 10,
        "cut": Fraction(3, 10),
        "ncut": Fraction(3, 11) + Fraction(3, 9),
        "participation": [[Fraction(4, 9), Fraction(4, 9), Fraction(6, 16)], [Fraction(8, 25), Fraction(12, 25)]],
    },
    ("parallel", ((-1, 0, 1), (0, 1))): {
        "modularity": Fraction(2 + 3, 10) - Fraction(8**2 + 9**2 + 3**2, 20**2),
        "directed-modularity": Fraction(2 + 3, 10) - Fraction(3 * 5 + 4 * 5, 10**2),
        "layered-modularity": (0 - Fraction(1 * 2 + 1 * 1, 3) + 5 - Fraction(2 * 3 + 3 * 4, 7)) / 10,
        "cut": Fraction(2, 10),
        "ncut": Fraction(4, 8) + Fraction(3, 9),
        # Output 0 has 2 with hidden unit 0, which is of no group: 1 by each label, together.
        "participation": [
            [Fraction(4, 9), Fraction(4, 9), Fraction(6, 16)],
            [1 - Fraction(2**2 + 2**2 + 1, 25), 1 - Fraction(1 + 1 + 3**2, 25)],
        ],
    },
    ("one task", ((0, 0, -1), (0, 0))): {
        "modularity": Fraction(5 + 1, 6) - Fraction(10**2 + 2**2, 12**2),
        "directed-modularity": Fraction(5 + 1, 6) - Fraction(5 * 5 + 1 * 1, 6**2),
        "layered-modularity": (2 + 1 - Fraction(2 * 2 + 1 * 1, 3) + 3 - Fraction(3 * 3, 3)) / 6,
        "cut": Fraction(0),
        "ncut": Fraction(0),
        "participation": [[0, 0, 0], [0, 0]],
    },
    ("one unit", ((0, 1), (0,), (0, 1))): {
        "modularity": Fraction(7 + 2, 11) - Fraction(16**2 + 6**2, 22**2),
        "directed-modularity": Fraction(7 + 2, 11) - Fraction(8 * 8 + 3 * 3, 11**2),
        "layered-modularity": Fraction(0),  # wherever a connection leads to one unit, from one, or is of one pair
        "cut": Fraction(2, 11),
        "ncut": Fraction(2, 16) + Fraction(2, 6),
        "participation": [[0, Fraction(4, 9)], [1 - Fraction(8**2 + 2**2, 10**2)], [0, Fraction(4, 9)]],
    },
    ("one unit", ((0, 1), (-1,), (0, 1))): {
        "modularity": Fraction(2 + 1, 11) - Fraction(6**2 + 6**2 + 10**2, 22**2),
        "directed-modularity": Fraction(2 + 1, 11) - Fraction(3 * 3 + 3 * 3 + 5 * 5, 11**2),
        "layered-modularity": Fraction(0),
        "cut": Fraction(0),
        "ncut": Fraction(6, 6) + Fraction(2, 6),
        "participation": [[0, Fraction(4, 9)], [1 - Fraction(6**2 + 2**2 + 2**2, 10**2)], [0, Fraction(4, 9)]],
    },
}


def value(name, graph, split):
    (measurement,) = (m for m in measure(name, graph, split) if not m.part)
    return measurement.value


@pytest.mark.parametrize("measured", ["modularity", "directed-modularity", "layered-modularity", "cut", "ncut"])
@pytest.mark.parametrize(("name", "labels"), WORKED_OUT)
def test_measures_are_those_worked_out_by_hand(name, labels, measured):
    graph = BY_HAND[name]()
    split = Split.from_labels("by hand", dict(enumerate(labels)), len(graph.tasks))
    assert value(measured, graph, split) == pytest.approx(float(WORKED_OUT[name, labels][measured]), abs=1e-12)


@pytest.mark.parametrize(("name", "labels"), WORKED_OUT)
def test_participation_is_that_worked_out_by_hand(name, labels):
    graph = BY_HAND[name]()
    split = Split.from_labels("by hand", dict(enumerate(labels)), len(graph.tasks))
    expected = [[float(p) for p in of] for of in WORKED_OUT[name, labels]["participation"]]
    for found, wanted in zip(participation_coefficients(graph, split).values(), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-12)
    parts = {p.name: np.mean(of) for p, of in zip(graph.populations, expected, strict=True)} | {
        "": np.mean(np.concatenate(expected))
    }
    assert {m.part: m.value for m in measure("participation", graph, split)} == pytest.approx(parts, abs=1e-12)


def drawn(name, seed, lowest):
    """Return a graph, a split that gives its units to groups at random, and the communities as NetworkX takes them."""
    graph, draw = random_graph(name, seed), np.random.default_rng(seed)
    tasks = len(graph.tasks)
    labels = {k: draw.integers(lowest, tasks, p.size) for k, p in enumerate(graph.populations)}
    all_labels = np.concatenate(list(labels.values()))
    alone = all_labels < 0
    all_labels[alone] = tasks + np.arange(alone.sum())
    parts = [set(np.flatnonzero(all_labels == label).tolist()) for label in np.unique(all_labels)]
    return graph, Split.from_labels("drawn", labels, tasks), parts


names, seeds, lowest = st.sampled_from(list(BY_HAND)), st.integers(0, 1000), st.sampled_from([-1, 0])


@quick
@given(name=names, seed=seeds, lowest=lowest)
def test_modularities_are_those_of_networkx(name, seed, lowest):
    graph, split, parts = drawn(name, seed, lowest)
    one_way, both_ways = to_networkx(graph), to_networkx(graph, directed=False)
    assert type(one_way) is nx.MultiDiGraph
    assert type(both_ways) is nx.MultiGraph
    expected = nx.community.modularity(both_ways, parts, **STRENGTH)
    assert value("modularity", graph, split) == pytest.approx(expected, abs=1e-9)
    expected = nx.community.modularity(one_way, parts, **STRENGTH)
    assert value("directed-modularity", graph, split) == pytest.approx(expected, abs=1e-9)


@quick
@given(name=names, seed=seeds, lowest=lowest)
def test_layered_modularity_is_that_of_each_connection_by_networkx(name, seed, lowest):
    graph, split, parts = drawn(name, seed, lowest)
    place, excess, total = graph.places(), 0.0, 0.0
    for connection in graph.connections:
        alone = nx.DiGraph()
        alone.add_nodes_from(range(sum(p.size for p in graph.populations)))
        for target, source in np.argwhere(connection.weight).tolist():
            ends = place[connection.source].start + source, place[connection.target].start + target
            alone.add_edge(*ends, strength=abs(float(connection.weight[target, source])))
        strength = alone.size(**STRENGTH)
        if strength:
            excess += strength * nx.community.modularity(alone, parts, **STRENGTH)
            total += strength
    assert value("layered-modularity", graph, split) == pytest.approx(excess / total, abs=1e-9)


@quick
@given(name=names.filter(lambda name: name != "one task"), seed=seeds)
def test_cuts_are_those_of_networkx(name, seed):
    graph, split, parts = drawn(name, seed, lowest=0)
    made = to_networkx(graph, directed=False)
    assume(all(nx.volume(made, part, weight="strength") for part in parts))  # else there is no normalised cut
    between = nx.cut_size(made, *parts, **STRENGTH)
    assert value("cut", graph, split) == pytest.approx(between / made.size(**STRENGTH), abs=1e-9)
    assert value("ncut", graph, split) == pytest.approx(nx.normalized_cut_size(made, *parts, **STRENGTH), abs=1e-9)


@quick
@given(name=names, seed=seeds, lowest=lowest)
def test_participation_is_that_of_the_ends_of_networkx_edges(name, seed, lowest):
    graph, split, parts = drawn(name, seed, lowest)
    made = to_networkx(graph, directed=False)
    community = {node: number for number, part in enumerate(parts) for node in part}
    shares = np.zeros((len(made), len(parts)))
    for one, other, strength in made.edges(data="strength"):
        shares[one, community[other]] += strength
        shares[other, community[one]] += strength
    with np.errstate(invalid="ignore"):
        expected = 1 - ((shares / shares.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    found = np.concatenate(list(participation_coefficients(graph, split).values()))
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@quick
@given(name=names, seed=seeds)
def test_strength_assortativity_is_the_correlation_over_the_ends_of_networkx_edges(name, seed):
    graph = random_graph(name, seed)
    made = to_networkx(graph, directed=False)
    degree = dict(made.degree(**STRENGTH))
    ends = np.array([(degree[a], degree[b]) for one, other in made.edges() for a, b in ((one, other), (other, one))])
    (found,) = measure("strength-assortativity", graph)
    assert found.value == pytest.approx(np.corrcoef(ends.T)[0, 1], abs=1e-9)


@pytest.mark.parametrize("name", BY_HAND)
def test_wiring_is_over_every_pair_of_every_connection(name):
    graph = random_graph(name, 0)
    costs = []
    for connection in graph.connections:
        source, target = (graph.populations[k].position for k in (connection.source, connection.target))
        length = np.linalg.norm(target[:, None] - source, axis=-1)
        costs += (np.abs(connection.weight) * length).ravel().tolist()
    assert measure("wiring", graph) == [Measurement(pytest.approx(np.mean(costs), rel=1e-6))]


@pytest.mark.parametrize("metric", [name for name in METRICS if facts(name).of == "split"])
@pytest.mark.parametrize("name", BY_HAND)
def test_every_measure_of_a_split_is_a_number_of_any_graph(name, metric):
    graph, split, _ = drawn(name, 0, lowest=0)
    if metric in ("silhouette", "inter-intra-distance") and name == "one task":
        with pytest.raises(NotApplicableError, match=r"pairs of neurons of different groups|at least 2 groups"):
            measure(metric, graph, split)
        return
    assert all(np.isfinite(m.value) for m in measure(metric, graph, split))


def test_the_outputs_of_two_heads_are_aligned_together():
    graph = BY_HAND["two heads"]()
    tasks = {0: [0, 1, 0], 1: [0, 0], 2: [1, 0]}
    for found, aligned in ({1: [0, 0], 2: [1, 1]}, 1), ({1: [0, 0], 2: [0, 1]}, 0):
        split = Split.from_labels("m", tasks, 2, communities={0: [0, 0, 0], **found})
        assert measure("task-alignment", graph, split)[0].value == pytest.approx(aligned, abs=1e-12)
