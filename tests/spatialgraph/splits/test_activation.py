from dataclasses import replace

import numpy as np
import pytest
from hand_worked import chain, labelled, random_network, said

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import Evaluation
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import apply


def network():
    """Return a network whose hidden neurons are: input 0, input 1, -2 times input 0, and a constant."""
    return chain([[1, 0], [0, 1], [-2, 0], [0, 0]], np.ones((2, 4)), tasks=[0, 1], biases=([0, 0, 0, 1], [0, 0]))


def split_of(method, evaluation, of=None):
    """Return the split of a network, that above if None, by what its neurons do on some examples."""
    of = of or network()
    return apply(method, of.graph, DenseRunner(of, evaluation))


# Of task 0: input 0 is 1 or 5, input 1 is 2. Of task 1: input 0 is 2, input 1 is 0 or 8.
SEQUENTIAL = Evaluation(np.array([[1, 2], [5, 2], [2, 0], [2, 8]], np.float32), [[0, -1], [0, -1], [-1, 0], [-1, 0]])


def test_the_mean_of_the_activation_decides():
    split = split_of("activation-mean", SEQUENTIAL)
    # Means of the tasks: 3 and 2; 2 and 4; -6 and -4; 1 and 1.
    assert split.labels(1).tolist() == [0, 1, 1, 0]
    assert said(split.notes) == (
        "hidden1: 1 of 4 neurons have the same mean activation for several tasks and go to the first of them",
    )


def test_the_variance_of_the_activation_decides_and_a_constant_neuron_serves_none():
    split = split_of("activation-variance", SEQUENTIAL)
    # Variances: 4 and 0; 0 and 16; 16 and 0; 0 and 0.
    assert split.labels(1).tolist() == [0, 1, 0, -1]
    assert said(split.notes) == ("hidden1: 1 of 4 neurons have a constant activation and serve no task",)


@pytest.mark.parametrize(
    ("method", "word"), [("activation-mean", "mean activation"), ("activation-variance", "variance")]
)
def test_inputs_that_are_always_present_together_cannot_be_told_apart(method, word):
    # Large enough that sums in another order would differ in their last bits.
    wide = random_network(0, (20, 50, 60, 4), skips=False, density=1.0)
    evaluation = labelled(wide, 3000)
    split = split_of(method, replace(evaluation, labels=np.maximum(evaluation.labels, 0)), wide)
    assert split.labels(1).tolist() == [0] * 50
    assert said(split.notes) == (
        "tasks task0, task1 are labelled on the same examples, so this method cannot tell them apart",
        f"hidden1: 50 of 50 neurons have the same {word} for several tasks and go to the first of them",
        f"hidden2: 60 of 60 neurons have the same {word} for several tasks and go to the first of them",
        "degenerate: 0 of 110 neurons besides the outputs serve task 'task1', less than 5 %",
    )


def test_task_variance_tells_them_apart():
    both = np.array([[1, 3], [5, 3]], np.float32)
    probes = {"task0": both[None], "task1": both[None, :, ::-1]}
    split = split_of("task-variance", Evaluation(both, [[0, 0], [0, 0]], probes=probes))
    assert split.labels(1).tolist() == [0, 1, 0, -1]
    assert said(split.notes) == ("hidden1: 1 of 4 neurons have a constant activation and serve no task",)


def test_task_variance_needs_probes():
    with pytest.raises(NotApplicableError, match="expected probes for task 'task0', found none in the evaluation"):
        split_of("task-variance", SEQUENTIAL)


@pytest.mark.parametrize("method", ["activation-mean", "activation-variance"])
def test_a_task_without_labelled_examples_has_no_statistics(method):
    evaluation = replace(SEQUENTIAL, labels=np.array([[0, -1]] * 4))
    message = f"^split '{method}': expected examples labelled for task 'task1', found none$"
    with pytest.raises(NotApplicableError, match=message):
        split_of(method, evaluation)
