"""Climbing modularity: answers worked out by hand, Python as the compiled loops, as much as other libraries find."""

import networkx as nx
import numpy as np
import pytest
from hand_worked import random_network
from sknetwork.clustering import Leiden, Louvain

from spatialgraph.graph.planted import planted
from spatialgraph.splits import communities, moves
from spatialgraph.splits.moves import climb, pieces, pooled
from spatialgraph.splits.strengths import undirected

needs_compiler = pytest.mark.skipif(moves._loops() is None, reason="there is no compiler")


@pytest.fixture(params=["compiled", "python"])
def loops(request, monkeypatch):
    """Run a test with the compiled loops, and without."""
    if request.param == "python":
        monkeypatch.setattr(moves, "_loops", lambda: None)
    elif moves._loops() is None:
        pytest.skip("there is no compiler")


def graph_of(strengths):
    """Return the part of a graph that has connections, of total strength 1."""
    attached = np.flatnonzero(strengths.any(axis=1))
    strengths = strengths[np.ix_(attached, attached)]
    return strengths / strengths.sum()


def random_graph(seed, nodes=60):
    """Return a random graph with log-normal strengths; in every other one parts are planted."""
    draw = np.random.default_rng(seed)
    weight = np.where(draw.random((nodes, nodes)) < draw.uniform(0.1, 1), draw.lognormal(0, 1, (nodes, nodes)), 0)
    if seed % 2:
        of = draw.integers(0, 4, nodes)
        weight *= np.where(of[:, None] == of, 1, 0.3)
    weight = np.triu(weight, seed % 3 > 0)  # some have connections of nodes with themselves
    return graph_of(weight + weight.T)


def levels(strengths, generator, *, refine):
    alone = np.arange(len(strengths))
    return moves._levels(strengths, strengths.sum(axis=1), alone, generator, 1.0, refine=refine)


def climbed(strengths, seed=0, resolution=1.0, *, refine):
    return climb(strengths, np.random.default_rng(seed), resolution, refine=refine)


@needs_compiler
@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_python_gives_the_same_to_the_last_bit(monkeypatch, seed, refine):
    strengths = random_graph(seed)
    compiled = [climbed(strengths, seed, resolution, refine=refine).tolist() for resolution in (0.5, 1.0, 1.5)]
    monkeypatch.setattr(moves, "_loops", lambda: None)
    assert [climbed(strengths, seed, resolution, refine=refine).tolist() for resolution in (0.5, 1.0, 1.5)] == compiled


@needs_compiler
@pytest.mark.parametrize("seed", range(3))
def test_compiled_orders_are_those_of_numpy(seed):
    ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
    for nodes in (1, 2, 3, 5, 64, 404, 3000, 2, 7):
        order = np.empty(nodes, np.int64)
        moves._loops().permute(nodes, moves._Generator.of(ours), order)
        assert order.tolist() == theirs.permutation(nodes).tolist()
    assert ours.random() == theirs.random()


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("refine", [False, True])
def test_two_cliques_with_a_bridge(refine):
    weight = np.zeros((8, 8))
    weight[:4, :4] = weight[4:, 4:] = 1
    np.fill_diagonal(weight, 0)
    weight[3, 4] = weight[4, 3] = 1
    for seed in range(5):
        labels = climbed(weight / weight.sum(), seed, refine=refine)
        assert labels.tolist() in ([0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0, 0])
    # 2 · 12 of 26 directed connections lie within, and each half has half of the strength.
    assert communities._modularity(weight / weight.sum(), labels, 1.0) == pytest.approx(24 / 26 - 1 / 2)


@pytest.mark.parametrize("refine", [False, True])
def test_what_is_gained_is_the_modularity_above_that_of_single_nodes(refine):
    strengths = random_graph(3)
    alone = np.arange(len(strengths))
    generator = np.random.default_rng(0)
    labels, gained = levels(strengths, generator, refine=refine)
    risen = communities._modularity(strengths, labels, 1.0) - communities._modularity(strengths, alone, 1.0)
    assert gained == pytest.approx(risen, abs=1e-12)


@pytest.mark.usefixtures("loops")
def test_a_graph_without_connections_is_all_alone():
    assert len(set(climbed(np.zeros((4, 4)), refine=True).tolist())) == 4


def test_refined_parts_lie_within_communities_and_are_connected():
    strengths = graph_of(undirected(random_network(3, (2, 30, 30, 10), density=0.1).graph))
    nodes = len(strengths)
    labels = np.random.default_rng(0).integers(0, 3, nodes)
    order = np.random.default_rng(1).permutation(nodes)
    parts, count = moves._refined(strengths, strengths.sum(axis=1), order, 1.0, labels)
    assert sorted(set(parts.tolist())) == list(range(count))
    for part in range(count):
        members = np.flatnonzero(parts == part)
        assert len(set(labels[members].tolist())) == 1
        assert nx.is_connected(nx.from_numpy_array(strengths[np.ix_(members, members)]))
    assert 3 < count < nodes


@pytest.mark.usefixtures("loops")
def test_pieces_are_numbered_by_their_first_nodes():
    chain = np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1)
    assert pieces(chain, np.array([1, 1, 0, 1, 1])).tolist() == [0, 0, 1, 2, 2]
    assert pieces(chain, np.zeros(5, np.int64)).tolist() == [0] * 5


@pytest.mark.usefixtures("loops")
def test_rows_of_one_label_are_added():
    assert pooled(np.arange(6.0).reshape(3, 2), np.array([1, 0, 1]), 3).tolist() == [[2, 3], [4, 6], [0, 0]]


@pytest.mark.parametrize("refine", [False, True])
def test_the_best_of_the_runs_has_as_much_modularity_as_scikit_networks(refine):
    """On random graphs with and without parts: the best of five runs here, of three runs there."""
    estimator, gains = (Leiden if refine else Louvain), []
    for seed in range(40):
        strengths = random_graph(seed, nodes=40 + 2 * seed)
        theirs = [
            estimator(
                modularity="newman", tol_optimization=1e-4, tol_aggregation=1e-4, shuffle_nodes=True, random_state=n
            )
            for n in range(3)
        ]
        from scipy import sparse

        found = [one.fit_predict(sparse.csr_matrix(strengths)) for one in theirs]
        most = max(communities._modularity(strengths, np.asarray(labels, np.int64), 1.0) for labels in found)
        ours = communities._best(strengths, seed, communities._climbing(1.0, refine=refine), 1.0).labels
        gains.append(communities._modularity(strengths, ours, 1.0) - most)
    assert np.mean(gains) > 0
    assert np.mean(np.array(gains) < -1e-6) < 0.2
    assert min(gains) > -0.01


def test_arrays_with_gaps_or_of_other_numbers_are_refused():
    with pytest.raises(TypeError, match="expected float64 or int64 without gaps"):
        moves._Array.from_param(np.zeros((3, 3))[:, :2])
    with pytest.raises(TypeError, match="expected float64 or int64 without gaps"):
        moves._Array.from_param(np.zeros(3, np.float32))


@pytest.mark.parametrize("refine", [False, True])
def test_planted_communities_are_found(refine):
    graph, _ = planted(0.3)
    strengths = graph_of(undirected(graph))
    assert len(set(climbed(strengths, refine=refine).tolist())) == 2
