"""One contract for every split method, over networks that a method may stumble over."""

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hand_worked import labelled, pair, random_network, separate, zoo

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.graph.planted import planted
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import SPLITS, Split, apply, counted, draws_at_random, parameters, sees, select, split_method

CLUSTERINGS = ("spectral", "louvain", "leiden", "positions")
SHARING = ("greedy-shared", "probability", "learned-mask")
OF_WEIGHTS = [method for method in SPLITS if sees(method) == "weights"]


def attempt(method, network, seed=0):
    """Return the split, or None if the method does not apply; then it must have said why in a line."""
    runner = DenseRunner(network, labelled(network, 20)) if isinstance(network, Network) else None
    try:
        return apply(method, graph_of(network), runner, seed)
    except NotApplicableError as error:
        reason = str(error)
    assert "expected" in reason
    assert "found" in reason
    assert "\n" not in reason
    return None


@cache
def first_attempt(method, name):
    """Return the split of a network of the zoo, made once for all tests; None if the method does not apply."""
    return attempt(method, zoo()[name])


@pytest.mark.parametrize("name", zoo())
@pytest.mark.parametrize("method", SPLITS)
def test_every_method_splits_every_network_or_says_why_not(method, name, capfd):
    network, split = zoo()[name], first_attempt(method, name)
    if split is None:
        return
    graph = graph_of(network)
    split.require_for(graph)
    assert split.method == method
    assert split.is_partition or method in SHARING
    assert all(note and "\n" not in str(note) for note in split.notes)
    if method not in CLUSTERINGS:
        (output,) = graph.output_populations
        own = graph.task_of[output][:, None] == np.arange(len(graph.tasks))
        assert np.array_equal(split.membership[output], own)
    again = attempt(method, network)
    assert again.notes == split.notes
    for layer, members in split.membership.items():
        assert np.array_equal(again.membership[layer], members)
    attempt(method, network, seed=1).require_for(graph)
    assert capfd.readouterr() == ("", "")


APPLIES = {
    "random": set(SPLITS),
    "three tasks": set(SPLITS),
    "not connected": set(SPLITS),
    "no positions": set(SPLITS) - {"positions"},
    "all weights 0": set(SPLITS) - {"spectral", "louvain", "leiden"},
    "strengths only": {*OF_WEIGHTS, "random"},
}


@pytest.mark.parametrize("name", APPLIES)
def test_which_methods_apply_to_what(name):
    assert {method for method in SPLITS if first_attempt(method, name)} == APPLIES[name]


@pytest.mark.parametrize("method", [*OF_WEIGHTS, "task-variance", "positions"])
def test_two_parts_without_a_connection_are_told_apart(method):
    network = separate(units=8)
    # The probes of a task vary the inputs of its part alone.
    evaluation = labelled(network, 20)
    own = np.repeat([1.0, 0.0], 4).astype(np.float32)
    probes = {"task0": evaluation.inputs[None] * own, "task1": evaluation.inputs[None] * own[::-1]}
    runner = DenseRunner(network, replace(evaluation, probes=probes))
    split = apply(method, network.graph, runner)
    for layer in network.graph.split_populations:
        assert split.labels(layer).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("tasks", [2, 3])
@pytest.mark.parametrize("method", OF_WEIGHTS)
def test_planted_modules_without_leakage_are_found(method, tasks):
    for seed in range(3):
        graph, labels = planted(0.0, tasks=tasks, seed=seed)
        split = apply(method, graph, seed=seed)
        assert all(np.array_equal(split.labels(k), labels[k]) for k in labels)


@pytest.mark.parametrize("method", SPLITS)
def test_every_method_says_in_a_sentence_what_it_does_and_what_it_cannot_do(method):
    assert SPLITS.summary(method).endswith(".")
    assert "cannot" in SPLITS[method].__doc__


@pytest.mark.parametrize(
    "method", ["activation-mean", "activation-variance", "task-variance", "ablation", "learned-mask"]
)
def test_methods_that_run_the_network_need_a_runner(method):
    said = rf"^split '{method}': expected a network that is run on examples, found a graph alone$"
    with pytest.raises(NotApplicableError, match=said):
        apply(method, pair().graph)


def test_an_unknown_method_is_refused_with_those_that_are_known():
    known = (
        "greedy, greedy-shared, probability, spectral, spectral-anchored, min-cut, louvain, leiden, "
        "activation-mean, activation-variance, task-variance, positions, ablation, learned-mask, random"
    )
    with pytest.raises(ValueError, match=f"^unknown split method 'magic'; known: {known}"):
        apply("magic", pair().graph)


@pytest.mark.parametrize("method", SPLITS)
def test_a_network_without_split_layers_is_not_split(method):
    layers = (Layer("input", 1), Layer("output", 1))
    network = Network(layers, (Connection(0, 1, [[1.0]]),), [0], {"name": "n", "tasks": ["a"]})
    with pytest.raises(
        NotApplicableError, match=f"^split '{method}': expected split layers in network 'n', found none$"
    ):
        apply(method, network.graph, DenseRunner(network, labelled(network)))


def test_a_method_that_makes_the_wrong_split_is_found_out():
    @split_method("wrong", sees="weights")
    def wrong(graph):
        """Split one neuron of two."""
        return Split.from_labels("wrong", {1: [0]}, 2)

    try:
        with pytest.raises(ValueError, match="split 'wrong': expected membership of shapes"):
            apply("wrong", pair().graph)
    finally:
        SPLITS.forget("wrong")


def test_a_method_that_makes_no_split_is_found_out():
    @split_method("none", sees="weights")
    def none(graph):
        """Return labels alone."""
        return {1: [0, 1]}

    try:
        with pytest.raises(
            ValueError, match=r"split method 'none': expected a Split from its function, .* found a dict$"
        ):
            apply("none", pair().graph)
    finally:
        SPLITS.forget("none")


def test_the_methods_are_known_without_the_libraries_that_only_some_need():
    code = (
        "import sys, spatialgraph.splits as s; assert len(s.SPLITS) >= 15; "
        "heavy = ('sklearn', 'sknetwork', 'igraph', 'networkx', 'scipy.optimize', 'matplotlib', 'h5py'); "
        "sys.exit(any(m in sys.modules for m in heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_method_can_be_named_with_parameters():
    graph = random_network(3, sizes=(2, 12, 12, 6)).graph
    split = apply("greedy-shared:tolerance=0", graph)
    assert split.method == "greedy-shared:tolerance=0"
    plain = apply("greedy", graph)
    assert all(np.array_equal(split.membership[k], plain.membership[k]) for k in graph.split_populations)
    assert apply("greedy-shared:tolerance=0.9", graph).is_partition is False
    assert parameters("ablation:signed=true:measure=accuracy") == {"signed": True, "measure": "accuracy"}
    assert sees("louvain:resolution=2") == "weights"
    assert draws_at_random("louvain:resolution=2")
    assert select(["greedy", "louvain:resolution=2", "greedy"]) == ["greedy", "louvain:resolution=2"]
    assert select(None) == list(SPLITS)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("magic:x=1", "unknown split method 'magic'; known: greedy, .*"),
        ("greedy:x=1", "split method 'greedy:x=1': unknown parameter 'x'; known: none"),
        ("louvain:seed=1", "split method 'louvain:seed=1': unknown parameter 'seed'; known: resolution, consensus"),
        ("louvain:resolution=much", "split method .*: expected a number for resolution, found 'much'"),
        ("louvain:resolution", "split method .*: expected a number for resolution, found ''"),
        ("ablation:signed=1", "split method .*: expected signed=true or signed=false, found '1'"),
    ],
)
def test_parameters_that_are_none_are_refused_with_those_that_are(method, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        select([method])


@pytest.mark.parametrize("name", ["louvain", "leiden", "min-cut", "spectral", "spectral-anchored"])
def test_what_memory_is_not_enough_for_is_not_begun(name, monkeypatch):
    monkeypatch.setattr("spatialgraph.splits.method.free_memory", lambda: 10.0)
    apply(name, pair().graph)  # what takes less than 64 MB is tried
    monkeypatch.setattr("spatialgraph.splits.method._ALWAYS", 0.0)
    with pytest.raises(NotApplicableError) as error:
        apply(name, pair().graph)
    assert str(error.value) == (
        f"split {name!r} of network 'chain': expected 0.0 GB of free memory for 4 neurons, found 0.0 GB"
    )
    apply("greedy", pair().graph)


def test_memory_grows_with_the_weights_or_with_the_pairs_of_neurons():
    needed = {name: SPLITS.facts(name).memory for name in ("leiden", "spectral")}
    graphs = [random_network(0, (2, size, size)).graph for size in (1500, 3000)]
    (small, large), (weights, more_weights) = ([needed[name](graph) for graph in graphs] for name in needed)
    assert large == 4 * small == 4 * 8 * 6000**2
    assert [weights, more_weights] == [4 * 1500**2, 4 * 3000**2]


@pytest.mark.parametrize("method", [method for method in SPLITS if SPLITS.facts(method).counts])
def test_a_neuron_serves_the_task_that_a_method_counts_most_for(method):
    compared = 0
    for network in zoo().values():
        if not isinstance(network, Network):
            continue
        runner = DenseRunner(network, labelled(network))
        split = apply(method, network.graph, runner)
        found = counted(network.graph, split, runner)
        assert found.what
        assert not found.what.endswith(".")
        for k, values in found.values.items():
            assert values.shape == split.membership[k].shape
            size = np.abs(values) if method == "ablation" else values
            best = size.max(axis=1, keepdims=True)
            alone = (size >= best - 1e-9 * np.abs(best)).sum(axis=1) == 1
            clear = (size != 0).any(axis=1) & alone & (network.graph.task_of[k] < 0)
            assert split.membership[k][clear, size[clear].argmax(axis=1)].all()
            compared += np.count_nonzero(clear)
    assert compared >= 3


def test_a_method_without_numbers_for_a_neuron_counts_none():
    network = zoo()["random"]
    assert counted(network.graph, apply("louvain", network.graph)) is None
    by_activation = apply("task-variance", network.graph, DenseRunner(network, labelled(network)))
    assert counted(network.graph, by_activation) is None  # nothing runs the network
    assert counted(network.graph, replace(by_activation, method="file:mine.csv")) is None


def test_what_the_split_by_ablation_counts_is_what_it_was_asked_to_compare():
    network = zoo()["random"]
    runner = DenseRunner(network, labelled(network, examples=40))
    split = apply("ablation:ablation=zero:measure=accuracy", network.graph, runner)
    found = counted(network.graph, split, runner)
    assert found.what == "drop of each task's accuracy without it"
    expected = runner.single_ablation("zero").accuracy_drop
    assert all(np.array_equal(values, expected[k]) for k, values in found.values.items())
