from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from hand_worked import chain, labelled, random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import Evaluation
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.runners import single as module
from spatialgraph.runners.activations import ACTIVATION_FUNCTIONS
from spatialgraph.runners.single import emitted, single_ablation


def relay():
    """Return a network whose hidden neurons 0 and 1 raise outputs 0 and 1, of task 0, and whose neuron 2 does nothing.

    Task 1 has one output, and so no loss.
    """
    return chain(np.eye(3), [[1, 0, 0], [0, 1, 0], [5, 5, 0]], tasks=[0, 0, 1])


def test_what_each_neuron_is_worth_as_worked_out_by_hand():
    examples = Evaluation(np.array([[2, 0, 9], [0, 1, 9]], np.float32), [[0, 0], [1, -1]])
    found = single_ablation(relay(), examples, "zero")
    # The losses of the two examples, log(1 + exp(-(right output - wrong output))); without neuron 0 the first has two
    # equal outputs, of which the first is the answer; without neuron 1 the second answers class 0.
    first, second = log(1 + exp(-2)), log(1 + exp(-1))
    assert found.accuracy.tolist() == [1.0, 1.0]
    assert found.loss == pytest.approx([(first + second) / 2, 0])
    assert found.accuracy_drop[1].tolist() == [[0.0, 0.0], [0.5, 0.0], [0.0, 0.0]]
    assert found.loss_increase[1][:, 0] == pytest.approx([(log(2) - first) / 2, (log(2) - second) / 2, 0], abs=1e-7)
    assert found.loss_increase[1][:, 1].tolist() == [0, 0, 0]
    assert found.loss_increase[1][2].tolist() == [0, 0]
    assert (found.tasks, found.ablation) == (("task0", "task1"), "zero")


def test_a_neuron_that_never_changes_is_worth_exactly_nothing_under_mean_ablation():
    examples = Evaluation(np.array([[2, 0, 3], [0, 1, 3], [1, 1, 3]], np.float32), [[0, 0], [1, 0], [1, 0]])
    network = chain(np.eye(3), np.ones((2, 3)) * [[1], [2]], tasks=[0, 0], activation="sigmoid")
    found = single_ablation(network, replace(examples, labels=examples.labels[:, :1]), "mean")
    assert found.loss_increase[1][2].tolist() == [0]
    assert (found.loss_increase[1][:2] != 0).all()


def losses(network, evaluation, mask, constants):
    """Run the network in float64 with what disabled neurons emit overwritten; return the loss of each task."""
    values = []
    for k, layer in enumerate(network.layers):
        now = evaluation.inputs.astype(np.float64)
        if k:
            now = sum(values[c.source] @ c.weight.T for c in network.connections if c.target == k)
            now = ACTIVATION_FUNCTIONS[layer.activation](now + (0 if layer.bias is None else layer.bias))
        values.append(np.where(mask[k], now, constants[k]) if k in mask else now)
    result = []
    for task, labels in enumerate(evaluation.labels.T):
        some = labels >= 0
        logits = log_softmax(values[-1][some][:, network.output_task == task], axis=1)
        result.append(-logits[np.arange(some.sum()), labels[some]].mean())
    return np.array(result)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    ablation=st.sampled_from(ABLATIONS),
    activation=st.sampled_from(sorted(ACTIVATION_FUNCTIONS)),
    layers=st.sets(st.integers(0, 3), min_size=1),
    skips=st.booleans(),
)
def test_neurons_disabled_together_equal_masks_of_one_neuron(seed, ablation, activation, layers, skips):
    network = random_network(seed, (3, 4, 5, 4, 4), activation=activation, skips=skips)
    evaluation = labelled(network, 20, seed)
    found = single_ablation(network, evaluation, ablation, layers)
    masking = DenseRunner(network, evaluation, layers)
    constants = masking.constants(ablation)
    full = losses(network, evaluation, {}, constants)
    assert np.array_equal(found.accuracy, masking.full)
    assert found.loss == pytest.approx(full, abs=1e-4)
    assert set(found.accuracy_drop) == set(found.loss_increase) == layers
    for k in layers:
        masks = [{k: np.arange(network.layers[k].size) != unit} for unit in range(network.layers[k].size)]
        assert found.accuracy_drop[k] == pytest.approx(masking.full - masking.accuracy(masks, ablation), abs=1e-12)
        increase = [losses(network, evaluation, mask, constants) - full for mask in masks]
        assert found.loss_increase[k] == pytest.approx(np.array(increase), abs=1e-4)


def test_blocks_of_examples_make_no_difference(monkeypatch):
    network = random_network(3, (3, 6, 6, 4), activation="sigmoid")
    evaluation = labelled(network, 50)
    whole = single_ablation(network, evaluation, "mean")
    assert set(whole.accuracy_drop) == {1, 2}
    monkeypatch.setattr(module, "_BLOCK", 7)
    parts = single_ablation(network, evaluation, "mean")
    for k in (1, 2):
        assert np.array_equal(whole.accuracy_drop[k], parts.accuracy_drop[k])
        assert whole.loss_increase[k] == pytest.approx(parts.loss_increase[k], abs=1e-6)


def test_a_task_without_labelled_examples_is_not_measured():
    found = single_ablation(relay(), Evaluation(np.ones((2, 3), np.float32), [[0, -1], [1, -1]]))
    for values in (found.accuracy, found.loss, *found.accuracy_drop[1], *found.loss_increase[1]):
        assert np.isnan(values).tolist() == [False, True]


def test_the_means_are_asked_for_only_if_they_are_needed():
    assert emitted(relay(), [1], "zero", dict)[1].tolist() == [0, 0, 0]
    assert emitted(relay(), [1], "mean", lambda: {1: np.ones(3), 2: np.ones(3)})[1].tolist() == [1, 1, 1]


def test_what_cannot_be_ablated_is_refused():
    evaluation = Evaluation(np.ones((1, 3), np.float32), [[0, 0]])
    with pytest.raises(ValueError, match=r"^single ablation: expected layers from 0 to 1, found \[1, 2\]$"):
        single_ablation(relay(), evaluation, "zero", [1, 2])
    with pytest.raises(ValueError, match=r"^ablation: expected one of zero, incoming, mean, found 'noise'$"):
        single_ablation(relay(), evaluation, "noise")
    with pytest.raises(NotApplicableError, match="expected one that can be run, found a graph"):
        single_ablation(relay().graph, evaluation, "zero")
