"""One contract for every split method, over networks that a method may stumble over."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hand_worked import labelled, pair, separate, zoo

from spatialgraph.network import Connection, Layer, Network, NotApplicableError
from spatialgraph.planted import planted
from spatialgraph.splits import SPLITS, Split, apply, sees

CLUSTERINGS = ("spectral", "louvain", "leiden", "leiden-igraph", "positions")
SHARING = ("greedy-shared", "probability")
MISSING = set() if find_spec("igraph") else {"leiden-igraph"}
OF_WEIGHTS = [method for method in SPLITS if sees(method) == "weights" and method not in MISSING]


def attempt(method, network, seed=0):
    """Return the split, or None if the method does not apply; then it must have said why in a line."""
    try:
        return apply(method, network, labelled(network, 20), seed)
    except NotApplicableError as error:
        reason = str(error)
    assert "expected" in reason
    assert "found" in reason
    assert "\n" not in reason
    return None


@pytest.mark.parametrize("name", zoo())
@pytest.mark.parametrize("method", SPLITS)
def test_every_method_splits_every_network_or_says_why_not(method, name, capfd):
    network = zoo()[name]
    split = attempt(method, network)
    if split is None:
        return
    split.require_for(network)
    assert split.method == method
    assert split.is_partition or method in SHARING
    assert all(note and "\n" not in note for note in split.notes)
    if method not in CLUSTERINGS:
        own = network.output_task[:, None] == np.arange(len(network.tasks))
        assert np.array_equal(split.membership[network.output_layer], own)
    again = attempt(method, network)
    assert again.notes == split.notes
    for layer, members in split.membership.items():
        assert np.array_equal(again.membership[layer], members)
    attempt(method, network, seed=1).require_for(network)
    assert capfd.readouterr() == ("", "")


APPLIES = {
    "random": set(SPLITS) - MISSING,
    "three tasks": set(SPLITS) - MISSING,
    "not connected": set(SPLITS) - MISSING,
    "no positions": set(SPLITS) - MISSING - {"positions"},
    "all weights 0": set(SPLITS) - {"spectral", "louvain", "leiden", "leiden-igraph"},
    "strengths only": {*OF_WEIGHTS, "random"},
}


@pytest.mark.parametrize("name", APPLIES)
def test_which_methods_apply_to_what(name):
    network = zoo()[name]
    assert {method for method in SPLITS if attempt(method, network)} == APPLIES[name]


@pytest.mark.parametrize("method", [*OF_WEIGHTS, "task-variance", "positions"])
def test_two_parts_without_a_connection_are_told_apart(method):
    network = separate(units=8)
    # The probes of a task vary the inputs of its part alone.
    evaluation = labelled(network, 20)
    own = np.repeat([1.0, 0.0], 4).astype(np.float32)
    probes = {"task0": evaluation.inputs[None] * own, "task1": evaluation.inputs[None] * own[::-1]}
    split = apply(method, network, type(evaluation)(evaluation.inputs, evaluation.labels, probes=probes))
    for layer in network.split_layers:
        assert split.labels(layer).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("tasks", [2, 3])
@pytest.mark.parametrize("method", OF_WEIGHTS)
def test_planted_modules_without_leakage_are_found(method, tasks):
    for seed in range(3):
        network, labels = planted(0.0, tasks=tasks, seed=seed)
        split = apply(method, network, seed=seed)
        assert all(np.array_equal(split.labels(k), labels[k]) for k in labels)


@pytest.mark.parametrize("method", SPLITS)
def test_every_method_says_in_a_sentence_what_it_does_and_what_it_cannot_do(method):
    assert SPLITS.summary(method).endswith(".")
    assert "cannot" in SPLITS[method].__doc__


@pytest.mark.parametrize("method", ["activation-mean", "activation-variance", "task-variance", "ablation"])
def test_methods_that_run_the_network_need_an_evaluation(method):
    with pytest.raises(NotApplicableError, match=rf"^split '{method}': expected an evaluation, found none$"):
        apply(method, pair())


def test_an_unknown_method_is_refused_with_those_that_are_known():
    known = (
        "greedy, greedy-shared, probability, spectral, spectral-anchored, min-cut, louvain, leiden, leiden-igraph, "
        "activation-mean, activation-variance, task-variance, positions, ablation, random"
    )
    with pytest.raises(ValueError, match=f"^unknown split method 'magic'; known: {known}$"):
        apply("magic", pair())


@pytest.mark.parametrize("method", SPLITS)
def test_a_network_without_split_layers_is_not_split(method):
    layers = (Layer("input", 1), Layer("output", 1))
    network = Network(layers, (Connection(0, 1, [[1.0]]),), [0], {"name": "n", "tasks": ["a"]})
    with pytest.raises(
        NotApplicableError, match=f"^split '{method}': expected split layers in network 'n', found none$"
    ):
        apply(method, network, labelled(network))


def test_a_method_that_makes_the_wrong_split_is_found_out(monkeypatch):
    monkeypatch.setattr(SPLITS, "_functions", dict(SPLITS._functions))
    SPLITS.register("wrong")(lambda network: Split.from_labels("wrong", {1: [0]}, 2))
    with pytest.raises(ValueError, match="split 'wrong': expected membership of shapes"):
        apply("wrong", pair())


def test_the_methods_are_known_without_the_libraries_that_only_some_need():
    code = (
        "import sys, spatialgraph.splits as s; assert len(s.SPLITS) >= 14; "
        "heavy = ('sklearn', 'sknetwork', 'igraph', 'networkx', 'scipy.optimize', 'matplotlib', 'h5py'); "
        "sys.exit(any(m in sys.modules for m in heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
