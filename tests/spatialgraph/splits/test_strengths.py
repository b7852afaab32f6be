import numpy as np
import pytest
from hand_worked import random_network, zoo

from spatialgraph.graph import Connection, adjacency
from spatialgraph.graph.graph import by_population
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.splits import strengths


@pytest.mark.parametrize("name", zoo())
def test_the_matrix_is_the_adjacency_of_the_undirected_graph(name):
    graph = graph_of(zoo()[name])
    assert np.array_equal(strengths.undirected(graph), adjacency(graph, directed=False).toarray())


def test_the_output_layer_can_be_in_the_matrix_without_being_split():
    layers = (Layer("input", 1), Layer("hidden", 2, split=True), Layer("output", 1))
    connections = (Connection(0, 1, [[1.0], [1.0]]), Connection(1, 2, [[-3.0, 2.0]]), Connection(0, 2, [[7.0]]))
    network = Network(layers, connections, [0], {"tasks": ["a"]})
    assert strengths.with_outputs(network.graph) == (1, 2)
    assert strengths.undirected(network.graph, (1, 2)).tolist() == [[0, 0, 3], [0, 0, 2], [3, 2, 0]]
    parts = by_population(network.graph, np.array([4, 5, 6]), (1, 2))
    assert {k: part.tolist() for k, part in parts.items()} == {1: [4, 5], 2: [6]}


def test_sums_do_not_depend_on_the_pieces_that_weights_are_read_in(monkeypatch):
    network = random_network(0, (2, 5, 17, 6), tasks=3)
    members = {k: np.arange(network.layers[k].size)[:, None] % 3 == np.arange(3) for k in (2, 3)}
    whole = strengths.strength_to_tasks(network.graph, 1, members)
    direct = sum(np.abs(c.weight.T.astype(float)) @ members[c.target] for c in network.connections if c.source == 1)
    assert np.allclose(whole, direct, rtol=1e-14)
    for piece in (1, 5, 24):  # less than a row, a row, several with some left over
        monkeypatch.setattr(strengths, "_PIECE", piece)
        assert np.allclose(strengths.strength_to_tasks(network.graph, 1, members), whole, rtol=1e-14)


@pytest.mark.parametrize("rows", [[], [2], [0, 1, 2], [1, 3], [3, 1]])
@pytest.mark.parametrize("columns", [[], [0, 1, 2, 3], [0, 2]])
def test_a_part_of_a_matrix_is_what_numpy_takes_of_it(rows, columns):
    matrix = np.arange(16.0).reshape(4, 4)
    rows, columns = np.array(rows, np.intp), np.array(columns, np.intp)
    part = strengths.among(matrix, rows, columns)
    assert np.array_equal(part, matrix[np.ix_(rows, columns)])
    part[:] = -1
    assert matrix.min() == 0


def test_small_matrices_are_kept_as_long_as_their_graph():
    graph = random_network(0, (2, 5, 6)).graph
    before = len(strengths._kept)
    matrix = strengths.undirected(graph)
    assert strengths.undirected(graph) is matrix
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1
    del graph
    assert len(strengths._kept) == before
