"""Draws of graphs with cycles, several heads, labels, one task or one unit: what is kept, and what a seed settles."""

from dataclasses import replace

import numpy as np
import pytest
from any_graph import BY_HAND, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.graph import Connection, Graph, Population
from spatialgraph.metrics import modularity
from spatialgraph.nulls import NULLS, chance, draw
from spatialgraph.nulls.kept import TOLERANCE, prepared
from spatialgraph.splits import apply
from spatialgraph.splits.controls import random_splits

quick = settings(deadline=None, max_examples=25)
# What these keep is tested here; what a null model of a plugin keeps is its own.
OWN = ("shuffle", "strength", "distance")
GRAPHS = {
    **{f"{name}, by hand": make() for name, make in BY_HAND.items()},
    **{f"{name}, drawn": random_graph(name, 0) for name in BY_HAND},
    **{f"{name}, all connected": random_graph(name, 1, density=1.0) for name in BY_HAND},
}


def sums(weight):
    """Return what enters and what leaves the units of a connection."""
    size = np.abs(weight, dtype=np.float64)
    return size.sum(axis=1), size.sum(axis=0)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("null", NULLS)
def test_a_draw_is_the_graph_with_other_weights(null, name):
    graph = GRAPHS[name]
    before = [connection.weight.copy() for connection in graph.connections]
    drawn, again = draw(null, graph, [1, 2]), draw(null, graph, [1, 2])
    assert drawn.populations == graph.populations
    assert (drawn.metadata, drawn.tasks) == (graph.metadata, graph.tasks)
    for weight, old, new, same in zip(before, graph.connections, drawn.connections, again.connections, strict=True):
        assert np.array_equal(weight, old.weight)
        assert (new.source, new.target, new.label, new.shape) == (old.source, old.target, old.label, old.shape)
        assert np.isfinite(new.weight).all()
        assert np.array_equal(new.weight, same.weight)
        if null in OWN:
            assert np.count_nonzero(new.weight) == np.count_nonzero(weight)
            assert np.count_nonzero(new.weight < 0) == np.count_nonzero(weight < 0)
        if null == "shuffle":
            assert np.array_equal(np.sort(new.weight, axis=None), np.sort(weight, axis=None))
        elif null in OWN:  # every unit keeps the number of its connections
            for axis in (0, 1):
                assert np.array_equal(np.count_nonzero(new.weight, axis), np.count_nonzero(weight, axis))


@quick
@given(name=st.sampled_from(list(BY_HAND)), seed=st.integers(0, 1000), null=st.sampled_from(["strength", "distance"]))
def test_every_unit_keeps_what_enters_and_leaves_it_by_each_connection(name, seed, null):
    graph = random_graph(name, seed, density=1.0)
    for old, new in zip(graph.connections, draw(null, graph, seed).connections, strict=True):
        for wanted, found in zip(sums(old.weight), sums(new.weight), strict=True):
            assert np.abs(found - wanted).max() <= 5 * TOLERANCE * wanted.max()


@pytest.mark.parametrize("name", ["recurrent", "cycle"])
def test_draws_are_others_by_seed_and_by_connection(name):
    graph = random_graph(name, 0, density=1.0)
    for null in NULLS:
        first, other = draw(null, graph, 0), draw(null, graph, 1)
        for old, one, two in zip(graph.connections, first.connections, other.connections, strict=True):
            assert not np.allclose(np.abs(one.weight), np.abs(old.weight))
            assert not np.allclose(np.abs(one.weight), np.abs(two.weight))


def test_two_labels_are_drawn_apart():
    graph = random_graph("parallel", 0, density=1.0)
    same = graph.connections[0].weight
    graph = replace(graph, connections=[replace(connection, weight=same) for connection in graph.connections])
    made = {draw("shuffle", graph, 0).connections[k].weight.tobytes() for k in range(3)}
    assert len(made) == 3


def test_units_that_are_connected_with_themselves_are_at_distance_0():
    graph = random_graph("recurrent", 0, density=1.0)
    (state, _) = graph.connections
    kept = prepared(graph, state, lengths=True)
    diagonal = kept.lengths.weights.toarray().reshape(*state.shape, -1)[np.arange(7), np.arange(7)]
    assert (diagonal[:, 0] == 1).all()  # all of each counts at the first knot
    drawn = np.abs(draw("distance", graph, 0).connections[0].weight, dtype=np.float64)
    found = kept.lengths.sums(drawn)
    assert np.abs(found - kept.at_lengths).max() <= 5 * TOLERANCE * kept.at_lengths.max()


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("null", NULLS)
def test_every_draw_is_split_and_measured(null, name):
    graph = GRAPHS[name]
    value, *values = (
        modularity(one, apply("greedy", one))
        for one in (graph, *(draw(null, graph, [0, number]) for number in range(9)))
    )
    found = chance(value, np.array(values), "high")
    assert found.draws == 9
    assert 1 / 10 <= found.p <= 1


@pytest.mark.parametrize("name", GRAPHS)
def test_random_splits_keep_outputs_and_sizes(name):
    graph = GRAPHS[name]
    split = apply("greedy", graph)
    drawn, again = (list(random_splits(graph, split, 3, seed=5)) for _ in range(2))
    for one, same in zip(drawn, again, strict=True):
        one.require_for(graph)
        for k, members in split.membership.items():
            outputs = graph.task_of[k] >= 0
            assert np.array_equal(one.membership[k], same.membership[k])
            assert np.array_equal(one.membership[k][outputs], members[outputs])
            assert sorted(one.membership[k][~outputs].tolist()) == sorted(members[~outputs].tolist())


@pytest.mark.parametrize("null", OWN)
@pytest.mark.parametrize("density", [1.0, 0.4])
def test_where_no_unit_is_connected_with_itself_none_is_in_draws(null, density):
    random = np.random.default_rng(0)
    weight = random.exponential(size=(12, 12)) * (random.random((12, 12)) < density)
    np.fill_diagonal(weight, 0)
    populations = (Population("state", 12, "state", position=random.normal(size=(12, 2)), split=True, task=[0, 1] * 6),)
    graph = Graph(populations, (Connection(0, 0, weight),), {"tasks": ["a", "b"]})
    drawn = draw(null, graph, seed=1).connections[0].weight
    assert not drawn.diagonal().any()
    assert (drawn != weight).any()
    assert np.count_nonzero(drawn) == np.count_nonzero(weight)
    if null != "shuffle":
        np.testing.assert_allclose(drawn.sum(axis=0), weight.sum(axis=0), rtol=0.01)
        np.testing.assert_allclose(drawn.sum(axis=1), weight.sum(axis=1), rtol=0.01)
    own = weight + np.diag(random.exponential(size=12) * (random.random(12) < 0.5))
    with_own = draw(null, Graph(populations, (Connection(0, 0, own),), {"tasks": ["a", "b"]}), seed=1)
    assert with_own.connections[0].weight.diagonal().any()
