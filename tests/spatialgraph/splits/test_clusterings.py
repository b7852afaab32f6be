"""Spectral clustering, clustering by positions, and the alignment of clusters with tasks that both need."""

import warnings

import numpy as np
import pytest
from hand_worked import chain, random_network, said, separate
from sklearn.cluster import SpectralClustering
from sklearn.exceptions import ConvergenceWarning

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection, adjacency
from spatialgraph.graph.planted import planted
from spatialgraph.network import Layer, Network
from spatialgraph.splits import apply, spectral
from spatialgraph.splits.alignment import align, align_communities, cluster


def outputs(*tasks):
    """Return a network of two hidden neurons and outputs of these tasks."""
    return chain([[1], [1]], np.ones((len(tasks), 2)), tasks=tasks)


def test_clusters_are_matched_with_the_tasks_of_most_of_their_outputs():
    # Cluster 2 holds two outputs of task 0; cluster 0 one of each of the others; cluster 1 one of task 1.
    labels, notes = align(outputs(0, 0, 1, 1, 2).graph, {1: np.array([0, 1]), 2: np.array([2, 2, 0, 1, 0])})
    assert labels[2].tolist() == [0, 0, 2, 1, 2]
    assert labels[1].tolist() == [2, 1]
    assert list(said(notes)) == ["1 of 5 outputs lie in the cluster of another task; 2 of 5 outputs lie in one cluster"]


@pytest.mark.parametrize("numbers", [[0, 1], [1, 0]])
def test_the_numbers_that_clusters_happen_to_have_make_no_difference(numbers):
    first, second = numbers
    # Both clusters hold one output of each task: a tie.
    clusters = {1: np.array([first, second]), 2: np.array([first, second, first, second])}
    labels, notes = align(outputs(0, 0, 1, 1).graph, clusters)
    assert [labels[1].tolist(), labels[2].tolist()] == [[0, 1], [0, 1, 0, 1]]
    assert list(said(notes)) == ["2 of 4 outputs lie in the cluster of another task; 2 of 4 outputs lie in one cluster"]


def test_clusters_without_outputs_and_neurons_without_a_cluster():
    # No assignment is better than another, so the cluster of the first neuron gets the first task.
    labels, notes = align(outputs(0, 1).graph, {1: np.array([1, -1]), 2: np.array([0, 0])})
    assert labels[1].tolist() == [0, -1]
    assert labels[2].tolist() == [1, 1]
    assert list(said(notes)) == [
        "1 of 2 clusters hold no output",
        "1 of 2 outputs lie in the cluster of another task; 2 of 2 outputs lie in one cluster",
    ]


def test_fewer_clusters_than_tasks():
    labels, notes = align(outputs(0, 1).graph, {1: np.array([1, 1]), 2: np.array([-1, 1])})
    assert labels[2].tolist() == [-1, 1]
    assert labels[1].tolist() == [1, 1]
    assert list(said(notes)) == ["1 clusters found for 2 tasks"]


def test_as_many_communities_as_tasks_are_matched_one_to_one():
    # Both hold more outputs of task 0; the second gets the other task, or task 1 would have no community.
    communities = {1: np.array([5, 3]), 2: np.array([5, 5, 5, 3, 3, 3])}
    labels, notes = align_communities(outputs(0, 0, 0, 0, 0, 1).graph, communities)
    assert [labels[k].tolist() for k in (1, 2)] == [[0, 1], [0, 0, 0, 1, 1, 1]]
    assert list(said(notes)) == [
        "2 of 6 outputs lie in the community of another task; 3 of 6 outputs lie in one community"
    ]


def test_more_communities_than_tasks_go_to_the_task_of_most_of_their_outputs():
    # Community 0 holds two outputs of task 0; 1 two of task 1 and one of task 0; 2 one of each, and goes to the first.
    communities = {1: np.array([4, -1]), 2: np.array([0, 0, 1, 1, 1, 2, 2])}
    labels, notes = align_communities(outputs(0, 0, 0, 1, 1, 0, 1).graph, communities)
    assert [labels[k].tolist() for k in (1, 2)] == [[-1, -1], [0, 0, 1, 1, 1, 0, 0]]
    assert list(said(notes)) == [
        "1 of 4 communities hold no output: their 1 neurons serve no task",
        "2 of 7 outputs lie in the community of another task; 3 of 7 outputs lie in one community",
    ]


def test_a_task_whose_outputs_are_everywhere_in_the_minority_has_no_community():
    communities = {1: np.array([0, 1]), 2: np.array([0, 0, 1, 1, 2, 0])}
    labels, notes = align_communities(outputs(0, 0, 0, 0, 0, 1).graph, communities)
    assert [labels[k].tolist() for k in (1, 2)] == [[0, 0], [0] * 6]
    assert str(notes[0]) == "tasks without a community: task1"


def test_one_community_of_all_outputs_goes_to_the_task_of_most_of_them():
    labels, notes = align_communities(outputs(0, 1, 1).graph, {1: np.array([0, 0]), 2: np.array([0, 0, 0])})
    assert [labels[k].tolist() for k in (1, 2)] == [[1, 1], [1, 1, 1]]
    assert list(said(notes)) == [
        "tasks without a community: task0",
        "1 of 3 outputs lie in the community of another task; 3 of 3 outputs lie in one community",
    ]


@pytest.mark.parametrize("method", ["spectral", "louvain", "leiden", "positions"])
def test_clusters_need_outputs_to_be_known_by(method):
    place = [[0.0], [1.0]]
    layers = [Layer(name, 2, position=place, split=name != "output") for name in ("input", "hidden", "output")]
    network = Network(
        layers, [Connection(0, 1, np.eye(2)), Connection(1, 2, np.eye(2))], [0, 1], {"name": "n", "tasks": ["a", "b"]}
    )
    with pytest.raises(
        NotApplicableError,
        match=r"^clusters of network 'n': expected its output layer among the split layers, found \[0, 1\]: "
        "clusters are matched with tasks by their outputs$",
    ):
        apply(method, network.graph)


class Warner:
    """A clustering that warns."""

    def fit_predict(self, data):
        for _ in range(2):
            warnings.warn("did not\n converge", ConvergenceWarning, stacklevel=1)
        warnings.warn("will be renamed", FutureWarning, stacklevel=1)
        return np.zeros(len(data))


def test_warnings_become_notes_once_each_and_those_about_a_library_do_not():
    _, notes = cluster(Warner(), [1, 2])
    assert list(said(notes)) == ["scikit-learn: did not converge"]


def test_spectral_notes_that_the_graph_is_not_connected_and_leaves_out_neurons_without_connections():
    assert said(apply("spectral", separate(8).graph).notes) == ("the graph of connected neurons has 2 components",)
    dead = chain(np.ones((3, 2)), [[1, 0, 0], [0, 2, 0]], [[1, 0], [0, 1]], tasks=[0, 1])
    split = apply("spectral", dead.graph)
    assert split.labels(1).tolist() == [0, 1, -1]
    assert split.labels(2).tolist() == [0, 1]
    assert said(split.notes) == (
        "1 of 7 neurons have no connection and serve no task",
        "the graph of connected neurons has 2 components",
    )


def test_spectral_shows_outputs_where_it_found_them():
    # Two parts without a connection, and both tasks' outputs in the first.
    network = chain(np.eye(2), [[1, 0], [0, 0], [0, 1], [0, 1]], [[1, 0, 0, 0], [1, 0, 0, 0]], tasks=[0, 1])
    split = apply("spectral", network.graph)
    assert split.labels(1).tolist() == [0, 1]
    assert split.labels(3).tolist() == [0, 0]
    assert said(split.notes) == (
        "1 of 2 clusters hold no output",
        "1 of 2 outputs lie in the cluster of another task; 2 of 2 outputs lie in one cluster",
        "1 of 8 neurons have no connection and serve no task",
        "the graph of connected neurons has 2 components",
        "degenerate: 0 of 1 outputs of task 'task1' lie in its module, fewer than half",
    )


def test_spectral_needs_as_many_connected_neurons_as_tasks():
    network = random_network(0, density=0.0)
    with pytest.raises(NotApplicableError) as error:
        apply("spectral", network.graph)
    assert str(error.value) == (
        "split 'spectral' of network 'chain': expected at least 2 connected neurons, one for each task, found 0"
    )


def test_spectral_finds_planted_parts_in_a_large_noisy_graph():
    part = np.arange(40) % 2
    draw = np.random.default_rng(0)
    weights = [draw.random((40, 40)) * np.where(np.equal.outer(part, part), 1.0, 0.3) for _ in range(3)]
    split = apply("spectral", chain(*weights, tasks=part).graph, seed=3)
    assert all(np.array_equal(split.labels(k), part) for k in (1, 2, 3))
    assert split.notes == ()


@pytest.mark.parametrize("direct", [2000, 0])
@pytest.mark.parametrize(("leakage", "tasks"), [(0.1, 2), (0.3, 2), (0.45, 2), (0.1, 3), (0.3, 3), (0.5, 3)])
def test_spectral_is_the_clustering_of_scikit_learn(leakage, tasks, direct, monkeypatch):
    monkeypatch.setattr(spectral, "DIRECT", direct)  # 0: the eigenvectors by iteration, as for large networks
    for seed in range(3):
        graph, labels = planted(leakage, tasks=tasks, seed=seed)
        strengths = adjacency(graph, directed=False).toarray()
        found = SpectralClustering(tasks, affinity="precomputed", random_state=0).fit_predict(strengths)
        sizes = np.cumsum([len(labels[k]) for k in labels])[:-1]
        theirs, _ = align(graph, dict(zip(labels, np.split(found, sizes), strict=True)))
        split = apply("spectral", graph)
        assert all(np.array_equal(split.labels(k), theirs[k]) for k in labels)


@pytest.mark.parametrize("seed", range(3))
def test_spectral_is_the_clustering_of_scikit_learn_where_there_are_few_connections(seed):
    network = random_network(seed, (2, 25, 30, 8), density=0.15)
    strengths = adjacency(network.graph, directed=False).toarray()
    connected = strengths.any(axis=1)
    found = np.full(len(strengths), -1)
    clustering = SpectralClustering(2, affinity="precomputed", random_state=0)
    found[connected] = clustering.fit_predict(strengths[np.ix_(connected, connected)])
    theirs, _ = align(network.graph, dict(zip((1, 2, 3), np.split(found, [25, 55]), strict=True)))
    split = apply("spectral", network.graph)
    assert all(np.array_equal(split.labels(k), theirs[k]) for k in theirs)


def test_positions_are_clustered_over_all_layers_together():
    place = ([[0.0, 0.0], [9.0, 9.0], [0.5, 0.0]], [[9.0, 8.0], [0.0, 0.3]])
    network = chain([[1]] * 3, np.ones((2, 3)), tasks=[1, 0], positions=place)
    split = apply("positions", network.graph)
    assert split.labels(1).tolist() == [0, 1, 0]
    assert split.labels(2).tolist() == [1, 0]
    assert split.notes == ()


def test_positions_that_are_all_the_same_make_fewer_clusters_and_it_is_noted():
    place = ([[1.0], [1.0]], [[1.0], [1.0]])
    split = apply("positions", chain([[1], [1]], np.ones((2, 2)), tasks=[0, 1], positions=place).graph)
    assert str(split.notes[0]) == "1 clusters found for 2 tasks"
    assert any("distinct clusters (1)" in str(note) for note in split.notes)


def test_positions_are_needed():
    with pytest.raises(
        NotApplicableError,
        match=r"^split 'positions' of network 'chain': expected positions in every split layer, found none$",
    ):
        apply("positions", separate(positions=False).graph)
