from dataclasses import replace
from math import erf, exp, log, sqrt, tanh

import numpy as np
import pytest
from hand_worked import chain, labelled, random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import ACTIVATIONS, Evaluation
from spatialgraph.runners import activations
from spatialgraph.runners.activations import ACTIVATION_FUNCTIONS, accuracy, forward, in_tanh, statistics, task_variance

FORMULAE = {
    "": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + exp(-x)) if x > -700 else 0.0,
    "tanh": tanh,
    "relu": lambda x: max(x, 0),
    "clipped-relu": lambda x: min(max(x, 0), 1),
    "leaky-relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else exp(x) - 1,
    "gelu": lambda x: x * (1 + erf(x / sqrt(2))) / 2,
    "silu": lambda x: x / (1 + exp(-x)) if x > -700 else 0.0,
    "softplus": lambda x: log(1 + exp(x)) if x < 30 else x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_function_is_its_formula_in_float32_and_stable(name):
    values = np.array([-1000, -90, -20, -3, -1, -0.5, 0, 1e-3, 0.5, 1, 3, 20, 90, 1000], np.float32)
    before = values.copy()
    result = ACTIVATION_FUNCTIONS[name](values)  # a warning, as of an overflow, is an error here
    assert result.dtype == np.float32
    assert np.array_equal(values, before)
    assert np.allclose(result, [FORMULAE[name](float(x)) for x in values], rtol=3e-6, atol=1e-7)


def test_every_activation_that_a_file_may_declare_has_a_function():
    assert tuple(ACTIVATION_FUNCTIONS) == ACTIVATIONS


def worked(activation="relu"):
    """Return a network with a connection that skips the hidden layer, for which the tests compute by hand."""
    return chain(
        [[1, 1], [1, -1]],
        [[1, 2], [0.5, -1]],
        tasks=[0, 0],
        activation=activation,
        biases=([1, 3], [0, 0.5]),
        skips=[(0, 2, [[0, 1], [1, 0]])],
    )


def test_forward_adds_all_that_enters_a_layer():
    hidden, output = forward(worked(), np.array([[1, 2], [3, 0]], np.float32))[1:]
    assert hidden.tolist() == [[4, 2], [4, 6]]
    assert output.tolist() == [[10, 1.5], [16, -0.5]]
    assert output.dtype == np.float32


def test_forward_refuses_inputs_of_another_size():
    with pytest.raises(
        ValueError, match=r"^inputs of network 'chain': expected shape \(examples, 2\), found \(1, 3\)$"
    ):
        forward(worked(), np.zeros((1, 3), np.float32))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), layers=st.sets(st.integers(0, 4)), biases=st.booleans())
def test_a_network_of_tanh_answers_as_that_of_sigmoids(seed, layers, biases):
    network = random_network(seed, (4, 5, 6, 5, 4), activation="sigmoid")
    if not biases:
        network = replace(network, layers=[replace(layer, bias=None) for layer in network.layers])
    inputs = labelled(network, 10, seed).inputs
    before, after = forward(network, inputs), forward(in_tanh(network, layers), inputs)
    hidden = layers & {1, 2, 3}
    for k, (one, other) in enumerate(zip(before, after, strict=True)):
        assert other == pytest.approx(2 * one - 1 if k in hidden else one, abs=1e-5)


def test_layers_that_are_not_sigmoid_stay_as_they_are():
    network = worked()
    assert in_tanh(network, range(3)) is network


def identity(tasks):
    return chain(np.eye(len(tasks)), tasks=tasks)


def test_accuracy_takes_the_largest_output_of_each_task_and_leaves_unlabelled_examples_out():
    # Outputs 0 and 2 are task 0's classes 0 and 1; outputs 1 and 3 are task 1's.
    inputs = np.array([[1, 9, 2, 0], [5, 0, 2, 8], [1, 1, 1, 1], [0, 0, 7, 3]], np.float32)
    labels = [[1, 0], [0, 0], [0, -1], [-1, 1]]
    assert accuracy(identity([0, 1, 0, 1]), Evaluation(inputs, labels)).tolist() == [1.0, 2 / 3]


def test_accuracy_of_a_task_without_labelled_examples_is_nan():
    result = accuracy(identity([0, 1]), Evaluation(np.ones((2, 2), np.float32), [[0, -1], [0, -1]]))
    assert result[0] == 1.0
    assert np.isnan(result[1])
    assert np.isnan(accuracy(identity([0, 1]), Evaluation(np.ones((0, 2), np.float32), np.empty((0, 2))))).all()


def test_stored_integers_are_scaled():
    network = chain([[1], [0]], tasks=[0, 0], biases=([0, 0.4],))
    evaluation = Evaluation(np.array([[51], [204]], np.uint8), [[1], [0]], scale=1 / 255)  # 0.2 and 0.8
    assert accuracy(network, evaluation).tolist() == [1.0]


def test_statistics_are_those_of_the_examples_of_each_task():
    network = random_network(0)
    evaluation = labelled(network, 50)
    found = statistics(network, evaluation)
    for k, values in enumerate(forward(network, evaluation.inputs)):
        for task in (0, 1):
            own = values[evaluation.labels[:, task] >= 0].astype(np.float64)
            assert np.allclose(found.mean[k][:, task], own.mean(axis=0))
            assert np.allclose(found.variance[k][:, task], own.var(axis=0))
    assert list(statistics(network, evaluation, [2]).mean) == [2]


def test_what_is_computed_in_blocks_does_not_depend_on_their_size(monkeypatch):
    network = random_network(0)
    evaluation = labelled(network, 50)
    whole = statistics(network, evaluation), task_variance(network, evaluation), accuracy(network, evaluation)
    monkeypatch.setattr(activations, "BLOCK", 7)
    parts = statistics(network, evaluation), task_variance(network, evaluation), accuracy(network, evaluation)
    for k in range(4):
        assert np.allclose(whole[0].mean[k], parts[0].mean[k], atol=1e-7)
        assert np.allclose(whole[0].variance[k], parts[0].variance[k], atol=1e-7)
        assert np.allclose(whole[1][k], parts[1][k], atol=1e-7)
    assert np.array_equal(whole[2], parts[2])


def test_tasks_with_the_same_examples_have_the_same_statistics_bit_for_bit():
    network = random_network(1, sizes=(20, 70, 6), tasks=3)
    evaluation = labelled(network, 3000)
    labels = np.maximum(evaluation.labels, 0)
    found = statistics(network, replace(evaluation, labels=labels), [1])
    assert (found.mean[1] == found.mean[1][:, :1]).all()
    assert (found.variance[1] == found.variance[1][:, :1]).all()


def test_a_neuron_that_never_changes_has_variance_0_exactly(monkeypatch):
    monkeypatch.setattr(activations, "BLOCK", 7)
    network = chain([[0], [1]], tasks=[0, 0], biases=([0.1, 0],))
    evaluation = labelled(network, 100)
    variance = statistics(network, evaluation, [1]).variance[1]
    assert variance[0, 0] == 0.0
    assert variance[1, 0] > 0.1
    assert task_variance(network, evaluation, [1])[1][0, 0] == 0.0


def test_statistics_of_a_task_without_examples_are_nan():
    found = statistics(identity([0, 1]), Evaluation(np.ones((2, 2), np.float32), [[0, -1], [0, -1]]))
    assert np.isnan(found.mean[1][:, 1]).all()
    assert np.isnan(found.variance[1][:, 1]).all()
    assert found.mean[1][:, 0].tolist() == [1.0, 1.0]


def test_task_variance_is_the_mean_over_groups_of_the_variance_within():
    network = chain([[1, 0], [2, 1]], tasks=[0, 1])
    held = np.array([[[0, 5], [2, 5]], [[0, 7], [4, 7]]], np.float32)  # the first input varies: variances 1 and 4
    evaluation = Evaluation(held[0], [[0, 0], [0, 0]], probes={"task0": held, "task1": held[:1, :, ::-1]})
    # The first unit is the first input: (1 + 4) / 2. The second adds it twice, so its variance is 4 times as large.
    assert task_variance(network, evaluation)[1].tolist() == [[2.5, 0.0], [10.0, 1.0]]


def test_task_variance_needs_probes_of_every_task():
    network = random_network(0)
    evaluation = labelled(network)
    some = replace(evaluation, probes={"task0": evaluation.probes["task0"]})
    with pytest.raises(
        NotApplicableError,
        match=r"^task variance: expected probes for task 'task1', found none in the evaluation$",
    ):
        task_variance(network, some)


def test_a_network_of_strengths_cannot_be_run():
    network = chain([[1]], tasks=[0]).graph
    evaluation = Evaluation(np.ones((1, 1), np.float32), [[0]])
    for run in (accuracy, statistics, task_variance):
        with pytest.raises(NotApplicableError, match="expected one that can be run"):
            run(network, evaluation)


MISFITS = {
    "expected 2 inputs, found 3": (np.ones((1, 3)), [[0, 0]]),
    "expected labels for task0, task1, found 1 columns": (np.ones((1, 2)), [[0]]),
    "expected labels of task 'task1' from -1 to 0, found 1": (np.ones((1, 2)), [[0, 1]]),
}


@pytest.mark.parametrize("message", MISFITS)
def test_an_evaluation_of_another_network_is_refused(message):
    inputs, labels = MISFITS[message]
    with pytest.raises(ValueError, match="evaluation") as error:
        accuracy(identity([0, 1]), Evaluation(inputs.astype(np.float32), labels))
    assert str(error.value) == f"evaluation of network 'chain': {message}"
