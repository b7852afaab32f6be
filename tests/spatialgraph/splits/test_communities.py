"""Communities by modularity, against NetworkX; their consensus; the package that may be missing."""

import random
import sys
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hand_worked import chain, random_network, said, separate

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph.planted import planted
from spatialgraph.splits import apply, communities
from spatialgraph.splits.communities import leiden
from spatialgraph.splits.strengths import undirected

IGRAPH = "leiden:library=igraph"
METHODS = ["louvain", "leiden", IGRAPH]


@pytest.fixture(autouse=True)
def _igraph(request):
    """Skip what needs igraph where it is not installed."""
    if IGRAPH in getattr(getattr(request.node, "callspec", None), "params", {}).values():
        pytest.importorskip("igraph")


def maximise(method, strengths, seed=0, resolution=1.0):
    """Return the communities that one run finds."""
    return communities._climbing(resolution, refine=method == "leiden")(strengths / strengths.sum(), seed)


def parts(labels):
    """Return labels as sets of neurons."""
    return [set(np.flatnonzero(labels == number).tolist()) for number in np.unique(labels)]


GRAPHS = {
    "planted": lambda seed: undirected(planted(0.4, (30, 40, 8), seed=seed)[0]),
    "three tasks": lambda seed: undirected(planted(0.4, (30, 40, 9), tasks=3, seed=seed)[0]),
    "sparse": lambda seed: undirected(random_network(seed, (2, 30, 30, 10), density=0.1).graph),
    "dense": lambda seed: undirected(random_network(seed, (2, 30, 30, 10), density=1.0).graph),
}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", ["louvain", "leiden"])
def test_a_run_finds_as_much_modularity_as_networkx(method, graph):
    ours, theirs = [], []
    for seed in range(4):
        strengths = GRAPHS[graph](seed)
        strengths = strengths[strengths.any(axis=1)][:, strengths.any(axis=1)]
        whole = nx.from_numpy_array(strengths)
        ours.append(nx.community.modularity(whole, parts(maximise(method, strengths, seed))))
        theirs.append(nx.community.modularity(whole, nx.community.louvain_communities(whole, seed=seed)))
    assert np.mean(ours) > 0.95 * np.mean(theirs)


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_modularity_is_that_of_networkx(resolution):
    strengths = undirected(random_network(0, (2, 12, 12, 6)).graph)
    labels = np.random.default_rng(0).integers(0, 4, len(strengths))
    theirs = nx.community.modularity(nx.from_numpy_array(strengths), parts(labels), resolution=resolution)
    assert communities._modularity(strengths / strengths.sum(), labels, resolution) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_notes_say_how_many_communities_there_are_and_how_sure_they_are(method):
    split = apply(method, separate(8).graph)
    assert said(split.notes) == ("2 communities of modularity 0.500; 5 runs agree at an adjusted Rand index of 1.00",)
    asked = f"{method}:consensus=true"
    assert said(apply(asked, separate(8).graph).notes) == (f"{split.notes[0]}, a consensus after 0 rounds",)
    vague = apply(asked, random_network(0, (2, 40, 40, 10), skips=False, density=1.0).graph).notes[0]
    assert vague.code == "communities-agreed"
    assert vague.values["agreement"] < 0.5
    assert 1 <= vague.values["rounds"] <= 10


@pytest.mark.parametrize("method", METHODS)
def test_communities_without_outputs_serve_no_task(method):
    # A third part that leads to no output, and a neuron that is connected to nothing.
    hidden = np.kron(np.eye(3), np.ones((2, 2)))
    weights = [np.ones((6, 1)), np.vstack([hidden, np.zeros(6)]), np.eye(2, 7).repeat(2, axis=1)[:, :7]]
    split = apply(method, chain(*weights, tasks=[0, 1]).graph)
    assert [split.labels(k).tolist() for k in (1, 2, 3)] == [[0, 0, 1, 1, -1, -1], [0, 0, 1, 1, -1, -1, -1], [0, 1]]
    assert said(split.notes[1:]) == (
        "1 of 3 communities hold no output: their 4 neurons serve no task",
        "1 of 15 neurons have no connection and serve no task",
    )


@pytest.mark.parametrize("factor", [2.0**-40, 1e-6, 3.0, 1e6])
@pytest.mark.parametrize("method", METHODS)
def test_weak_and_strong_networks_are_split_alike(method, factor):
    graph, _ = planted(0.3, seed=2)
    connections = [replace(c, weight=c.weight * np.float32(factor)) for c in graph.connections]
    split, other = apply(method, graph), apply(method, replace(graph, connections=connections))
    assert split.notes == other.notes
    assert all(np.array_equal(split.labels(k), other.labels(k)) for k in graph.split_populations)


@pytest.mark.parametrize("method", METHODS)
def test_a_larger_resolution_gives_more_communities(method):
    graph, _ = planted(0.3)
    counts = [apply(f"{method}:resolution={g}", graph).notes[0].values["count"] for g in (0.2, 1.0, 3.0)]
    assert counts[0] == 1
    assert counts[1] == 2
    assert counts[2] > 4


@pytest.mark.parametrize("resolution", [0.0, -1.0, float("nan")])
def test_a_resolution_out_of_range_is_refused(resolution):
    with pytest.raises(ValueError, match=f"^resolution of split 'leiden': .* greater than 0, found {resolution}$"):
        leiden(separate().graph, seed=0, resolution=resolution)


@pytest.mark.parametrize("method", METHODS)
def test_a_network_without_connections_has_no_communities(method):
    with pytest.raises(NotApplicableError, match=r"expected connections between its split layers, found none$"):
        apply(method, random_network(0, density=0.0).graph)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_run_before_makes_no_difference(method):
    graph = random_network(0, (2, 30, 30, 10), density=1.0).graph
    first = apply(method, graph, seed=1)
    state = random.getstate()
    apply(method, random_network(1).graph, seed=5)
    assert random.getstate() == state
    again = apply(method, graph, seed=1)
    assert all(np.array_equal(first.membership[k], again.membership[k]) for k in graph.split_populations)


def test_without_igraph_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(NotApplicableError) as error:
        apply(IGRAPH, separate().graph)
    assert str(error.value) == (
        "split 'leiden': expected the package igraph (pip install spatialgraph[igraph]), found none"
    )


def test_a_library_that_is_none_is_refused():
    said = r"^library of split 'leiden': expected one of spatialgraph, igraph, found 'magic'$"
    with pytest.raises(ValueError, match=said):
        apply("leiden:library=magic", separate().graph)


def test_the_consensus_graph_worked_out_by_hand():
    runs = [np.array(run) for run in ([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 2, 3])]
    graph, node = communities._together(runs)
    # Neurons 0 and 1 are always together: one node, connected with itself by 2 directions of one pair.
    assert len(graph) == 5
    assert node[0] == node[1]
    whole = graph[np.ix_(node, node)] / np.outer(np.bincount(node)[node], np.bincount(node)[node])
    # 2 and 3 are together twice. 4 is together with 2, 3 and 5 once, and 5 with 0, 1 and 4: no majority, so all stay.
    third = 1 / 3
    expected = [
        [0.5, 0.5, 0, 0, 0, third],
        [0.5, 0.5, 0, 0, 0, third],
        [0, 0, 0, 2 / 3, third, 0],
        [0, 0, 2 / 3, 0, third, 0],
        [0, 0, third, third, 0, third],
        [third, third, 0, 0, third, 0],
    ]
    assert whole == pytest.approx(np.array(expected))


def test_runs_that_never_agree_end_with_the_best_of_them():
    strengths = undirected(separate(4, positions=False).graph).copy()
    strengths /= strengths.sum()
    draw = np.random.default_rng(0)
    seen = []

    def quarrel(graph, seed):
        seen.append(seed)
        return draw.permutation(len(graph)) // 2

    found = communities._consensus(strengths, 0, quarrel, 1.0)
    assert (found.code, found.rounds) == ("communities-not-agreed", 10)
    assert len(seen) == len(set(seen)) == 55


def test_of_several_runs_the_one_of_the_highest_modularity_counts():
    strengths = undirected(separate(4, positions=False).graph).copy()
    strengths /= strengths.sum()
    neurons = np.arange(len(strengths))
    runs = iter([neurons * 0, neurons % 4 // 2, neurons % 2, neurons * 0, neurons])
    found = communities._best(strengths, 0, lambda graph, seed: next(runs), 1.0)
    assert found.labels.tolist() == [0, 0, 1, 1] * 3
    assert found.agreement < 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_no_consensus_is_better_than_the_best_run(method, seed):
    """The consensus was returned even where one of its own runs had up to a fifth more."""
    network = random_network(seed, (2, 24, 24, 8), density=0.4)
    best, agreed = (
        apply(name, network.graph, seed=seed).notes[0].values["modularity"]
        for name in (method, f"{method}:consensus=true")
    )
    assert best >= agreed - 0.005  # what is not connected is divided afterwards, which can cost a little


def test_equal_partitions_agree_whatever_their_numbers():
    strengths = undirected(separate(4, positions=False).graph).copy()
    numbers = iter([1, 0, 1, 1, 0])
    found = communities._consensus(
        strengths / strengths.sum(), 0, lambda graph, seed: np.arange(len(graph)) % 4 // 2 ^ next(numbers), 1.0
    )
    assert (found.agreement, found.code, found.rounds) == (1.0, "communities-agreed", 0)
    assert found.labels.tolist() == [0, 0, 1, 1] * 3


def test_a_community_that_is_not_connected_is_divided():
    def everything(graph, seed):
        return np.zeros(len(graph), np.int64)

    whole, divided = (
        communities._split("by hand", separate(4).graph, 0, 1.0, everything, consensus=False, connected=connected)
        .labels(1)
        .tolist()
        for connected in (False, True)
    )
    assert whole == [0, 0, 0, 0]
    assert divided == [0, 0, 1, 1]
