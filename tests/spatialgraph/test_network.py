import json
from dataclasses import replace

import numpy as np
import pytest
from builders import small_evaluation, two_module_network

from spatialgraph.graph import Connection, MadeConnection
from spatialgraph.network import Evaluation, Layer, Network, graph_of
from spatialgraph.splits import NotApplicableError, Split


def changed_layer(network, number, **changes):
    layers = list(network.layers)
    layers[number] = replace(layers[number], **changes)
    return replace(network, layers=layers)


def changed_connection(network, number, **changes):
    connections = list(network.connections)
    connections[number] = replace(connections[number], **changes)
    return replace(network, connections=connections)


def changed_metadata(network, **changes):
    return replace(network, metadata={**network.metadata, **changes})


BAD_NETWORKS = {
    "layers: expected an input layer and at least one more, found 1 layers": lambda n: replace(n, layers=n.layers[:1]),
    "layers/1.name: expected a name that no other layer has, found 'input'": lambda n: changed_layer(
        n, 1, name="input"
    ),
    "layers/1.name: expected a name in one line, without blanks around it, found ''": lambda n: changed_layer(
        n, 1, name=""
    ),
    "layers/0.size: expected at least 1, found 0": lambda n: changed_layer(n, 0, size=0),
    "layers/1.activation: expected one of '', 'sigmoid', 'tanh', 'relu', 'clipped-relu', 'leaky-relu', 'elu', 'gelu', "
    "'silu', 'softplus', found 'sine'": lambda n: changed_layer(n, 1, activation="sine"),
    "layers/0: expected an input layer without activation and bias, found one that has them": lambda n: changed_layer(
        n, 0, bias=np.zeros(4)
    ),
    "layers/1/bias: expected shape (4,), found shape (3,)": lambda n: changed_layer(n, 1, bias=np.zeros(3)),
    "layers/2/bias: expected finite values, found 1 that are not, the first at (2,)": lambda n: changed_layer(
        n, 2, bias=[0, 0, np.nan, 0]
    ),
    "layers/1/position: expected shape (4, dim), found shape (4,)": lambda n: changed_layer(n, 1, position=np.zeros(4)),
    "layers/*/position: expected the same number of dimensions in every layer, found [2, 3]": lambda n: changed_layer(
        n, 1, position=np.zeros((4, 3))
    ),
    "connections/0: expected layer numbers with 0 <= source < target < 4, found source 1, target 1": lambda n: (
        changed_connection(n, 0, source=1)
    ),
    "connections/3: expected one connection for each pair of layers, found a second one from 0 to 1": lambda n: replace(
        n, connections=(*n.connections, n.connections[0])
    ),
    "connections/1/weight: expected shape (4, 4), found shape (4, 3)": lambda n: changed_connection(
        n, 1, weight=np.zeros((4, 3))
    ),
    "connections/1/weight: expected shape (4, 4), found shape (4, 4, 3, 3): of a convolution give the strengths, "
    "np.linalg.norm(kernel, axis=(2, 3)), in a Graph whose units are channels": lambda n: changed_connection(
        n, 1, weight=np.zeros((4, 4, 3, 3))
    ),
    "connections/0/weight: expected shape (4, 5), found shape (5, 4): transpose it, rows are of the layer that is "
    "entered, as in the weight of PyTorch's nn.Linear": lambda n: replace(
        n,
        layers=[Layer("wide", 5), *n.layers[1:]],
        connections=[Connection(0, 1, np.zeros((5, 4))), *n.connections[1:]],
    ),
    "a layer: expected a number from 0 to 3 or a name (input, hidden1, hidden2, output), found 'hiden1'": lambda n: (
        changed_connection(n, 0, target="hiden1")
    ),
    "layers/1: expected a Layer, found a int": lambda n: replace(n, layers=[n.layers[0], 4]),
    "layers: expected a list of Layer, found a Layer": lambda n: replace(n, layers=n.layers[0]),
    "connections/0: expected a Connection, found a ndarray": lambda n: replace(n, connections=[np.eye(4)]),
    "connections/1/weight: expected finite values, found 16 that are not, the first at (0, 0)": lambda n: (
        changed_connection(n, 1, weight=np.full((4, 4), np.inf))
    ),
    "layers/3: expected a connection that enters it, found none": lambda n: replace(n, connections=n.connections[:2]),
    "layers/3/task: expected shape (4,), found shape (3,)": lambda n: replace(n, output_task=[0, 0, 1]),
    "layers/3/task: expected task numbers from 0 to 1 (metadata names 2 tasks), found numbers from 0 to 2": lambda n: (
        replace(n, output_task=[0, 0, 1, 2])
    ),
    "layers/3/task: expected at least one output for every task, found none for task 1": lambda n: replace(
        n, output_task=[0, 0, 0, 0]
    ),
    "metadata: expected a JSON object, found list": lambda n: replace(n, metadata=[]),
    "metadata: expected values that JSON can hold, found Object of type ndarray is not JSON serializable": lambda n: (
        changed_metadata(n, mask=np.zeros(2))
    ),
    "metadata.tasks: expected a list of different names, found null": lambda n: replace(n, metadata={}),
    'metadata.tasks: expected a list of different names, found ["a", "a"]': lambda n: changed_metadata(
        n, tasks=["a", "a"]
    ),
    "metadata.accuracy: expected 2 numbers from 0 to 1, one for each task, found [0.5, 1.5]": lambda n: (
        changed_metadata(n, accuracy=[0.5, 1.5])
    ),
    'metadata.evaluation: expected an object with "file" and "sha256", found \'e.h5\'': lambda n: changed_metadata(
        n, evaluation="e.h5"
    ),
    "history/loss: expected numbers of shape (epochs,) or (epochs, tasks), found float64 of shape ()": lambda n: (
        replace(n, history={"loss": np.array(1.0)})
    ),
}


@pytest.mark.parametrize("message", BAD_NETWORKS)
def test_a_network_that_does_not_fit_is_refused(message):
    with pytest.raises(ValueError, match=r".") as error:
        BAD_NETWORKS[message](two_module_network())
    assert str(error.value) == message


def test_a_network_lacks_no_connection_and_its_graph_may():
    network = two_module_network()
    with pytest.raises(ValueError, match="layers/1: expected a connection that enters it, found none"):
        replace(network, connections=network.connections[1:])
    assert len(replace(network.graph, connections=network.connections[1:]).connections) == 2


def test_the_graph_of_a_network_is_its_layers_and_its_connections():
    network = two_module_network()
    graph = network.graph
    assert network.graph is graph
    assert [(p.name, p.size, p.unit, p.activation, p.split) for p in graph.populations] == [
        (layer.name, layer.size, "neuron", layer.activation, layer.split) for layer in network.layers
    ]
    assert graph.connections == network.connections
    assert graph.output_populations == (3,)
    assert graph.task_of[3].tolist() == network.output_task.tolist()
    assert graph.task_of[1].tolist() == [-1] * 4
    assert (graph.metadata, graph.history, graph.name) == (network.metadata, network.history, network.name)
    assert graph_of(network) is graph
    assert graph_of(graph) is graph


NAME = "a name in one line, without blanks around it"
ODD_NAMES = ["", " ", "a ", "\ta", "\u00a0", "a\nb", "a\r", "a\0", "a\x1b[31m", "a\x7f", "a\x85b", "a\u2028b", "\ud800"]
ODD_NAMES += ["a\ufffe", "\uffff"]  # which XML cannot hold
NAMES = ["a", "a b", "日本語", "é", "α=0.5", "a/b", "..", "%", "'\"", "$5", "👩‍🔬", "x" * 1000]  # with a joiner


@pytest.mark.parametrize("name", [*ODD_NAMES, 5, None, ["a"], True])
def test_what_is_no_name_is_none_anywhere(name):
    network = two_module_network()
    said = [f"{key}: expected {NAME}, found {name!r}" for key in ("metadata.tasks", "layers/1.name", "metadata.kind")]
    if name in (None, ["a"]):
        said = [text.replace(repr(name), json.dumps(name)) for text in said]
    assert refusal(changed_metadata, network, tasks=["b", name]) == said[0]
    assert refusal(changed_layer, network, 1, name=name) == said[1]
    for key in ("kind", "inputs", "name") if name != "" else ():  # what is not known may be empty
        assert refusal(changed_metadata, network, **{key: name}) == said[2].replace("kind", key)


def refusal(change, *arguments, **changes):
    with pytest.raises(ValueError, match=r".") as error:
        change(*arguments, **changes)
    return str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_of_any_language(name):
    network = changed_layer(two_module_network(), 1, name=name)
    assert changed_metadata(network, tasks=["b", name], kind=name, inputs="", name=name).tasks == ("b", name)


@pytest.mark.parametrize("names", [["a b", "a  b"], ["a b", "a\u00a0b"], ["é", "e\u0301"]])
def test_names_that_look_the_same_are_the_same(names):
    network = two_module_network()
    assert refusal(changed_metadata, network, tasks=names).startswith("metadata.tasks: expected a list of different")
    twice = changed_layer(network, 1, name=names[0])
    assert refusal(changed_layer, twice, 2, name=names[1]).startswith("layers/2.name: expected a name that no other")


@pytest.mark.parametrize("seed", ["a", "1", 1.5, 3.0, True, None, [1], 2**64, -(2**63) - 1, float("inf")])
def test_a_seed_that_is_no_integer_is_refused(seed):
    said = refusal(changed_metadata, two_module_network(), seed=seed)
    assert said.startswith(
        ("metadata.seed: expected a whole number from -2^63 to 2^64 - 1, found ", "metadata: expected")
    )


@pytest.mark.parametrize("seed", [0, -1, 2**53 + 1, 2**64 - 1, -(2**63)])
def test_a_seed_stays_the_integer_it_is(seed):
    assert changed_metadata(two_module_network(), seed=seed).metadata["seed"] == seed


@pytest.mark.parametrize(
    "file",
    [
        "../e.h5",
        "a/../../e.h5",
        "/etc/e.h5",
        "..",
        "",
        "C:\\e.h5",
        "C:e.h5",
        "..\\e.h5",
        "\\\\host\\e",
        "e\n.h5",
        "e\0",
    ],
)
def test_held_out_examples_lie_in_the_run(file):
    said = refusal(changed_metadata, two_module_network(), evaluation={"file": file, "sha256": ""})
    assert said.startswith("metadata.evaluation: expected a file in the folder of the run, such as evaluation.h5 (a ")


@pytest.mark.parametrize("file", ["e.h5", "held out/e.h5", "..e.h5", "a..b/e.h5", "./e.h5"])
def test_held_out_examples_may_lie_in_a_folder_of_the_run(file):
    changed_metadata(two_module_network(), evaluation={"file": file, "sha256": ""})


def test_numbers_and_texts_of_numpy_are_those_of_python():
    layer = Layer(np.str_("a"), np.array([2])[0], np.str_("relu"), split=np.bool_(True))
    assert [type(value) for value in (layer.name, layer.size, layer.activation, layer.split)] == [str, int, str, bool]
    made = MadeConnection(np.int32(0), np.uint8(1), (1, 1), lambda: np.eye(1))
    for connection in (Connection(np.int64(0), np.array(1), np.eye(1)), made):
        assert (type(connection.source), type(connection.target)) == (int, int)
    assert type(replace(small_evaluation(), scale=np.float32(0.5)).scale) is float


def test_layers_may_be_named_where_they_are_numbered():
    network = two_module_network()
    wide = MadeConnection("input", "output", (4, 4), lambda: np.eye(4))
    links = [Connection("input", "hidden1", np.eye(4)), Connection(1, "hidden2", np.eye(4)), wide]
    named = replace(network, connections=links)
    assert [(c.source, c.target) for c in named.connections] == [(0, 1), (1, 2), (0, 3)]
    np.testing.assert_array_equal(named.connections[2].weight, np.eye(4))
    assert [network.number(layer) for layer in ("output", 2, np.int64(1))] == [3, 2, 1]
    for wrong in (4, -1, True, 1.0, None, "Output"):
        assert f"found {json.dumps(wrong) if wrong is None else repr(wrong)}" in refusal(network.number, wrong)


@pytest.mark.parametrize(
    ("written", "name"),
    [("ReLU", "relu"), ("LeakyReLU", "leaky-relu"), ("leaky_relu", "leaky-relu"), ("Sigmoid", "sigmoid"), (None, "")],
)
def test_activations_may_be_written_as_pytorch_does(written, name):
    assert changed_layer(two_module_network(), 1, activation=written).layers[1].activation == name


@pytest.mark.parametrize("activation", ["Swish", " ", "-", 1, max, ["relu"]])
def test_an_activation_that_is_not_known_is_refused(activation):
    said = refusal(changed_layer, two_module_network(), 1, activation=activation)
    assert said.startswith("layers/1.activation: expected one of '', 'sigmoid', 'tanh', ")
    assert len(said.splitlines()) == 1


def test_metadata_and_history_may_hold_numbers_of_numpy():
    known = {"seed": np.int64(3), "accuracy": [np.float32(0.5), np.float64(1)], "deep": {"x": [np.bool_(True)]}}
    network = changed_metadata(replace(two_module_network(), history={"loss": [1, 0.5]}), **known)
    assert {key: network.metadata[key] for key in known} == {"seed": 3, "accuracy": [0.5, 1], "deep": {"x": [True]}}
    assert type(network.metadata["seed"]) is int
    assert network.history["loss"].tolist() == [1, 0.5]


@pytest.mark.parametrize("size", [2.0, "2", None, 0, -1, True, float("nan")])
def test_a_size_that_is_no_number_of_units_is_refused(size):
    assert refusal(changed_layer, two_module_network(), 1, size=size).startswith(
        "layers/1.size: expected at least 1, f"
    )


@pytest.mark.parametrize("ends", [{"source": [0]}, {"source": 0.5}, {"target": None}, {"target": [1]}])
def test_ends_of_a_connection_that_are_no_layers_are_refused(ends):
    assert "expected layer numbers with 0 <= source" in refusal(changed_connection, two_module_network(), 0, **ends)


@pytest.mark.parametrize("values", [[0, 0.5, 1, 1], [0, np.nan, 1, 1], np.array([0, 2**63, 1, 1], np.uint64)])
def test_what_is_counted_is_whole(values):
    said = refusal(replace, two_module_network(), output_task=values)
    assert said.startswith("output_task: expected whole numbers, as int64 holds them, found others, of ")


def test_what_is_shown_of_a_value_is_short():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, list(range(10**5)), "x" * 10**5, {"a": deep}):
        for key in ("tasks", "accuracy", "evaluation", "seed", "kind"):
            assert len(refusal(changed_metadata, two_module_network(), **{key: [value, value]})) < 500


def test_a_network_of_many_layers_is_checked_in_little_time():
    layers = [Layer(str(k), 1) for k in range(20_000)]
    links = [Connection(k, k + 1, np.ones((1, 1))) for k in range(len(layers) - 1)]
    assert len(Network(layers, links, [0], {"tasks": ["a"]}).layers) == 20_000


def test_what_a_network_says_of_itself():
    network = two_module_network()
    assert network.name == "two-modules"
    assert replace(network, metadata={"tasks": ["a", "b"]}).name == "network"
    assert network.tasks == ("left", "right")
    assert network.graph.split_populations == (1, 2, 3)
    assert [(c.source, c.target) for c in network.graph.split_connections] == [(1, 2), (2, 3)]
    assert network.output_layer == 3
    assert network.graph.has_positions
    assert not two_module_network(positions=False).graph.has_positions


def test_the_arrays_of_a_network_cannot_be_written_to_and_the_callers_can():
    weight = np.ones((1, 1), np.float32)
    network = Network((Layer("in", 1), Layer("out", 1)), (Connection(0, 1, weight),), [0], {"tasks": ["a"]})
    with pytest.raises(ValueError, match="read-only"):
        network.connections[0].weight[0, 0] = 2
    weight[0, 0] = 2


BAD_EVALUATIONS = {
    "inputs: expected floats, or integers of at least 0, found the integer -1": {"inputs": np.full((4, 4), -1)},
    "inputs: expected numbers that float32 holds, up to 3.4e+38, found 1e+300 at (0, 0)": {
        "inputs": np.full((4, 4), 1e300)
    },
    "inputs: expected shape (examples, inputs), found shape (4,)": {"inputs": np.zeros(4, np.float32)},
    "inputs: expected finite values, found 16 that are not, the first at (0, 0)": {
        "inputs": np.full((4, 4), np.nan, np.float32)
    },
    "labels: expected shape (4, tasks), found shape (3, 2)": {"labels": np.zeros((3, 2), int)},
    "labels: expected class numbers, or -1 for none, found -2": {"labels": np.full((4, 2), -2)},
    "inputs.scale: expected a number greater than 0, found 0": {"scale": 0},
    "inputs.scale: expected a number greater than 0, found nan": {"scale": np.nan},
    "probes/left: expected float32, as inputs, found uint8": {"probes": {"left": np.zeros((1, 2, 4), np.uint8)}},
    "probes/left: expected shape (groups, examples, 4), found shape (1, 2, 3)": {
        "probes": {"left": np.zeros((1, 2, 3), np.float32)}
    },
}


@pytest.mark.parametrize("message", BAD_EVALUATIONS)
def test_an_evaluation_that_does_not_fit_is_refused(message):
    with pytest.raises(ValueError, match=r".") as error:
        replace(small_evaluation(), **BAD_EVALUATIONS[message])
    assert str(error.value) == message


def test_the_values_of_stored_integers_are_scaled():
    evaluation = Evaluation(np.array([[0, 51, 255]], np.uint8), [[0]], 1 / 255)
    values = evaluation.values(evaluation.inputs)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [[0, 0.2, 1]], rtol=1e-6)


def test_float_inputs_are_their_own_values():
    evaluation = small_evaluation()
    assert evaluation.values(evaluation.inputs) is evaluation.inputs


def test_a_split_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^membership of layer 3: expected shape \(units, tasks\), found \(4,\)$"):
        Split("by hand", {3: np.zeros(4, bool)})
    with pytest.raises(ValueError, match=r"^membership: expected the same number of tasks in every layer$"):
        Split("by hand", {1: np.zeros((4, 2), bool), 2: np.zeros((4, 3), bool)})


def test_a_split_knows_layers_by_numbers_alone():
    with pytest.raises(ValueError, match=r"^membership: expected numbers of layers, found 'hidden1': Graph\.number "):
        Split("by hand", {"hidden1": np.zeros((4, 2), bool)})
    split = Split.from_labels("by hand", {np.int64(1): [0, 1]}, 2)
    with pytest.raises(ValueError, match=r"^split 'by hand': expected the number of one of its layers \(1\), found 'h"):
        split.labels("hidden1")


def test_communities_that_do_not_fit_are_refused():
    members = {1: np.zeros((4, 2), bool)}
    for wrong, found in (({1: [0, 1]}, "{1: (2,)}"), ({2: [0, 1, 1, 0]}, "{2: (4,)}"), ({}, "{}")):
        with pytest.raises(ValueError, match=r"^communities: expected shapes") as error:
            Split("by hand", members, (), wrong)
        assert str(error.value) == f"communities: expected shapes {{1: (4,)}} as the membership has, found {found}"


def test_communities_are_numbered_by_size_and_groups_are_theirs():
    labels = {1: [0, 0, 1], 2: [0, 1, -1]}
    split = Split.from_labels("by hand", labels, 2, communities={1: [7, 7, 3], 2: [9, 3, -1]})
    # 7 and 3 have two neurons each, 7 comes first; 9 has one.
    assert {k: numbers.tolist() for k, numbers in split.communities.items()} == {1: [0, 0, 1], 2: [2, 1, -1]}
    assert split.groups[2].astype(int).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert split.group_of(2).tolist() == [2, 1, -1]
    assert split.group_names(("a", "b")) == ("community1", "community2", "community3")
    plain = Split.from_labels("by hand", labels, 2)
    assert plain.groups is plain.membership
    assert plain.group_of(2).tolist() == [0, 1, -1]
    assert plain.group_names(("a", "b")) == ("a", "b")


def test_a_split_of_another_network_is_refused():
    split = Split("by hand", {1: np.zeros((4, 2), bool)})
    with pytest.raises(ValueError, match="split 'by hand': expected membership of shapes") as error:
        split.require_for(two_module_network().graph)
    assert str(error.value).endswith("{1: (4, 2), 2: (4, 2), 3: (4, 2)}, found {1: (4, 2)}")
    Split("by hand", dict.fromkeys((1, 2, 3), np.zeros((4, 2), bool))).require_for(two_module_network().graph)


def test_a_split_with_shared_neurons_has_no_labels():
    split = Split("by hand", {1: [[True, True], [True, False]]})
    assert not split.is_partition
    with pytest.raises(NotApplicableError, match=r"^split 'by hand' has neurons that serve several tasks"):
        split.labels(1)
    assert split.module(1)[1].tolist() == [True, False]
    assert split.others(0)[1].tolist() == [True, False]


def test_made_weights_are_made_when_asked_for_and_not_kept():
    made = []

    def make():
        made.append(1)
        return np.eye(2)

    network = Network(
        (Layer("input", 2), Layer("output", 2)), (MadeConnection(0, 1, (2, 2), make),), [0, 0], {"tasks": ["a"]}
    )
    assert not made
    (connection,) = network.connections
    assert connection.weight.dtype == np.float32
    assert (connection.weight.tolist(), connection.shape, len(made)) == ([[1.0, 0.0], [0.0, 1.0]], (2, 2), 2)
    with pytest.raises(ValueError, match=r"^connections/0/weight: expected shape \(2, 2\), found shape \(3, 2\)$"):
        Network(network.layers, (MadeConnection(0, 1, (3, 2), make),), [0, 0], {"tasks": ["a"]})
