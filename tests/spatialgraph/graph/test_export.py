from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest
from hand_worked import chain, pair, random_network, three_tasks, zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from texts import CHARACTERS

from spatialgraph.faults import NotApplicableError, name_faults
from spatialgraph.graph import FORMATS, Connection, adjacency, export_graph, node_index, to_adjacency, to_networkx
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.splits import Split, apply


def test_nodes_are_numbered_layer_by_layer_and_carry_what_is_known_of_them():
    graph = to_networkx(pair().graph)
    assert dict(graph.nodes(data=True)) == {
        0: {"layer": 1, "layer_name": "hidden1", "unit": 0, "task": -1, "x": 0.0},
        1: {"layer": 1, "layer_name": "hidden1", "unit": 1, "task": -1, "x": 4.0},
        2: {"layer": 2, "layer_name": "output", "unit": 0, "task": 0, "x": 1.0},
        3: {"layer": 2, "layer_name": "output", "unit": 1, "task": 1, "x": 5.0},
    }
    assert node_index(pair().graph).tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]


def test_edges_carry_signed_weight_strength_and_distance_and_a_weight_of_0_is_none():
    graph = to_networkx(pair().graph)
    assert set(graph.edges) == {(0, 2), (1, 2), (1, 3)}
    assert graph.edges[1, 2] == {"weight": -1.0, "strength": 1.0, "distance": 3.0}
    assert type(graph.edges[1, 2]["weight"]) is float


def test_all_layers_include_the_input_and_its_edges_have_no_distance():
    graph = to_networkx(pair().graph, layers="all")
    assert graph.number_of_nodes() == 5
    assert graph.nodes[0] == {"layer": 0, "layer_name": "input", "unit": 0, "task": -1}
    assert graph.edges[0, 1] == {"weight": 1.0, "strength": 1.0}
    assert graph.edges[1, 3]["distance"] == 1.0


def test_skip_connections_are_edges():
    graph = to_networkx(three_tasks().graph)
    assert graph.edges[0, 5]["strength"] == 0.75
    assert graph.edges[1, 6]["weight"] == -0.25


def test_labels_of_a_split_become_tasks_of_nodes():
    graph = to_networkx(pair().graph, labels={1: np.array([1, -1]), 2: np.array([1, 0])})
    assert [task for _, task in graph.nodes(data="task")] == [1, -1, 1, 0]
    with pytest.raises(ValueError, match=r"^labels of layer 1: expected shape \(2,\), found \(3,\)$"):
        to_networkx(pair().graph, labels={1: np.array([1, 0, 0])})


def test_threshold_leaves_out_connections_no_stronger_and_says_how_many():
    graph = to_networkx(pair().graph, threshold=1.0)
    assert set(graph.edges) == {(0, 2), (1, 3)}
    assert graph.graph == {"name": "chain", "layers": "split", "threshold": 1.0, "keep": 1.0, "left_out": 1}


@pytest.mark.parametrize(("keep", "edges"), [(1.0, 3), (2 / 3, 2), (1 / 3, 1), (0.0, 0)])
def test_keep_keeps_the_share_of_the_strongest(keep, edges):
    graph = to_networkx(pair().graph, keep=keep)
    assert set(graph.edges) == set([(0, 2), (1, 3), (1, 2)][:edges])
    assert graph.graph["left_out"] == 3 - edges
    assert graph.graph["keep"] == keep


def test_among_equally_strong_connections_those_of_earlier_nodes_are_kept():
    network = chain([[1]], np.ones((3, 1)), tasks=[0, 0, 0])
    assert set(to_networkx(network.graph, keep=2 / 3).edges) == {(0, 1), (0, 2)}


def test_an_undirected_graph_has_each_connection_once_and_a_symmetric_matrix():
    graph, matrix = to_networkx(pair().graph, directed=False), adjacency(pair().graph, directed=False)
    assert not graph.is_directed()
    assert graph.number_of_edges() == 3
    assert (matrix != matrix.T).nnz == 0
    assert matrix.sum() == 12.0


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000), directed=st.booleans(), layers=st.sampled_from(["split", "all"]), keep=st.floats(0, 1)
)
def test_the_matrix_from_weights_is_the_matrix_of_the_graph(seed, directed, layers, keep):
    network = random_network(seed)
    options = {"layers": layers, "directed": directed, "keep": keep, "threshold": 0.1}
    graph, matrix = to_networkx(network.graph, **options), adjacency(network.graph, **options)
    assert isinstance(matrix, sparse.csr_array)
    assert matrix.dtype == np.float64
    assert np.array_equal(to_adjacency(graph).toarray(), matrix.toarray())
    assert (
        graph.graph["left_out"] + graph.number_of_edges() == to_networkx(network.graph, layers=layers).number_of_edges()
    )


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_positions_of_any_number_of_dimensions(dim):
    network = chain([[1]], [[1]], tasks=[0], positions=([[0.0] * dim], [[2.0] * dim]))
    graph = to_networkx(network.graph)
    axes = {1: {"x"}, 2: {"x", "y"}, 3: {"x", "y", "z"}, 4: {"x0", "x1", "x2", "x3"}}[dim]
    assert set(graph.nodes[0]) - {"layer", "layer_name", "unit", "task"} == axes
    assert graph.edges[0, 1]["distance"] == pytest.approx(2 * dim**0.5)


@pytest.mark.parametrize("to", ["graphml", "gexf"])
@given(name=st.text(CHARACTERS, min_size=1).filter(lambda text: not list(name_faults("name", text))))
def test_whatever_a_name_may_be_is_read_again(name, to):
    layers = (Layer(name, 1, split=True), Layer(f"{name} of output", 1, split=True))
    network = Network(layers, (Connection(0, 1, [[-2.0]]),), [0], {"tasks": [name], "name": name})
    split = Split.from_labels("greedy", {0: [0], 1: [0]}, 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph"
        export_graph(network.graph, path, to, split=split)
        graph = (nx.read_graphml if to == "graphml" else nx.read_gexf)(path)
    first, second = (graph.nodes[node] for node in sorted(graph))
    assert (first["layer_name"], second["layer_name"]) == (name, f"{name} of output")
    assert first["module"] == name


@pytest.mark.parametrize("name", zoo())
@pytest.mark.parametrize("to", FORMATS)
def test_every_network_can_be_exported_and_read_back(name, to, tmp_path):
    own, path = graph_of(zoo()[name]), tmp_path / "graph"
    export_graph(own, path, to)
    assert [file.name for file in tmp_path.iterdir()] == ["graph"]
    if to == "npz":
        matrix = sparse.load_npz(path)
    else:
        graph = {"graphml": nx.read_graphml, "gexf": nx.read_gexf}[to](path, node_type=int)
        matrix = to_adjacency(graph)
        # NetworkX makes a node's label of its number where GEXF has none.
        assert {k: v for k, v in graph.nodes[0].items() if k not in ("label", "viz")} == to_networkx(own).nodes[0]
    assert np.allclose(matrix.toarray(), adjacency(own).toarray(), rtol=1e-6)


def test_an_export_takes_the_options_of_a_graph_and_gexf_has_positions_where_gephi_looks(tmp_path):
    export_graph(pair().graph, tmp_path / "a.gexf", "gexf", layers="all", keep=0.2, labels={1: np.array([1, 0])})
    graph = nx.read_gexf(tmp_path / "a.gexf", node_type=int)
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (5, 1)
    assert graph.nodes[1]["task"] == 1
    assert "viz" not in graph.nodes[0]
    assert graph.nodes[2]["viz"]["position"] == {"x": 4.0, "y": 0.0, "z": 0.0}
    ElementTree.parse(tmp_path / "a.gexf")  # well-formed


ERRORS = {
    "layers of a graph: expected 'split' or 'all', found 'hidden'": {"layers": "hidden"},
    "threshold of a graph: expected a strength of at least 0, found -1": {"threshold": -1},
    "threshold of a graph: expected a strength of at least 0, found nan": {"threshold": float("nan")},
    "keep of a graph: expected a share from 0 to 1, found 2": {"keep": 2},
}


@pytest.mark.parametrize("message", ERRORS)
def test_arguments_out_of_range_are_refused(message):
    for function in (to_networkx, adjacency):
        with pytest.raises(ValueError, match="graph") as error:
            function(pair().graph, **ERRORS[message])
        assert str(error.value) == message


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^format of a graph: expected one of graphml, gexf, npz, found 'dot'$"):
        export_graph(pair().graph, tmp_path / "a.dot", "dot")
    assert not list(tmp_path.iterdir())


def test_a_network_without_split_layers_has_a_graph_of_all_layers_only():
    network = Network(
        (Layer("input", 1), Layer("output", 1)), (Connection(0, 1, [[1.0]]),), [0], {"name": "n", "tasks": ["a"]}
    )
    with pytest.raises(
        NotApplicableError, match=r"^network 'n': expected split layers, found none; layers='all' takes all$"
    ):
        to_networkx(network.graph)
    assert to_networkx(network.graph, layers="all").number_of_edges() == 1


@pytest.mark.parametrize("to", ["graphml", "gexf"])
def test_an_export_carries_the_modules_of_a_split(to, tmp_path):
    network = pair()
    split = Split("by hand", {1: np.array([[True, True], [False, False]]), 2: np.eye(2, dtype=bool)})
    export_graph(network.graph, tmp_path / "graph", to, split=split)
    graph = (nx.read_graphml if to == "graphml" else nx.read_gexf)(tmp_path / "graph", node_type=int)
    first, second = network.tasks
    assert [graph.nodes[node]["module"] for node in range(4)] == [f"{first}+{second}", "", first, second]


def test_modules_of_a_method_without_tasks_are_its_communities():
    split = apply("louvain", random_network(0).graph)
    graph = to_networkx(random_network(0).graph, split=split)
    for node, (layer, unit) in enumerate(node_index(random_network(0).graph).tolist()):
        assert graph.nodes[node]["module"] == f"community{split.communities[layer][unit] + 1}"


def test_labels_may_be_of_layers_by_name():
    network = pair()
    named, numbered = (to_networkx(network.graph, labels={key: [1, 0]}) for key in ("hidden1", 1))
    assert named.nodes[0]["task"] == 1
    assert dict(named.nodes(data=True)) == dict(numbered.nodes(data=True))
    with pytest.raises(ValueError, match=r"^a layer: expected a number from 0 to 2 or a name \(input, hidden1, "):
        to_networkx(network.graph, labels={"hiden1": [1, 0]})
