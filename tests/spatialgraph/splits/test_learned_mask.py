"""The split by learned masks: modules that are known, networks without any, and what is odd."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from any_graph import two_heads
from builders import small_evaluation, two_module_network
from hand_worked import chain, labelled, random_network, said

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import Evaluation, Network
from spatialgraph.runners import DenseRunner
from spatialgraph.runners.activations import forward
from spatialgraph.splits import apply, is_degenerate
from spatialgraph.splits.learned_mask import learned_mask


def modules(units=8, seed=None):
    """Return the graph of a network with a module of four neurons in each layer for each task, and what runs it."""
    network = two_module_network(units, seed=seed)
    return network.graph, DenseRunner(network, small_evaluation(units))


@pytest.mark.parametrize("ablation", ["zero", "incoming", "mean"])
@pytest.mark.parametrize("seed", range(3))
def test_two_modules_are_found_neuron_by_neuron(seed, ablation):
    # Each class has a neuron of its own in each layer, without which the task makes mistakes.
    split = learned_mask(*modules(seed=seed), seed, ablation=ablation)
    for k in (1, 2, 3):
        assert split.labels(k).tolist() == [0] * 4 + [1] * 4
    assert split.notes == ()


def test_two_modules_are_found_weight_by_weight():
    split = learned_mask(*modules(), 0, "weights", sparsity=1.0)
    for k in (1, 2, 3):
        assert split.labels(k).tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize("over", ["units", "weights"])
@pytest.mark.parametrize("seed", range(3))
def test_masks_stay_within_random_blocks_without_connections_between_them(seed, over):
    """Many neurons do alike here, so that masks keep a part of each block, and nothing outside of it."""
    draw = np.random.default_rng(seed)
    parts = [np.arange(size) % 2 for size in (20, 32, 32, 8)]
    weights = [draw.normal(size=(len(t), len(s))) * np.equal.outer(t, s) for s, t in pairwise(parts)]
    network = chain(*weights, tasks=parts[-1], activation="tanh")
    inputs = draw.normal(size=(500, 20)).astype(np.float32)
    outputs = forward(network, inputs)[-1]
    labels = np.stack([outputs[:, parts[-1] == task].argmax(axis=1) for task in (0, 1)], axis=1)
    split = learned_mask(network.graph, DenseRunner(network, Evaluation(inputs, labels)), seed, over, sparsity=0.2)
    for k in (1, 2):
        found = split.labels(k)
        assert set(found[found >= 0] - parts[k][found >= 0]) == {0}
        assert np.count_nonzero(found >= 0) >= 8


def both_use_all():
    """Return the graph of a network both of whose tasks need every neuron, and what runs it: task 1 is task 0."""
    network = two_module_network(8)
    half = [connection.weight[:4, :4] for connection in network.connections]
    same = chain(
        half[0],
        half[1],
        np.concatenate([half[2], half[2]]),
        tasks=[0] * 4 + [1] * 4,
        activation="sigmoid",
        biases=([-2] * 4, [-2] * 4, [0] * 8),
    )
    inputs = np.eye(4, dtype=np.float32)
    return same.graph, DenseRunner(same, Evaluation(inputs, np.stack([np.arange(4)] * 2, axis=1)))


def test_neurons_that_all_tasks_need_serve_all_tasks_and_that_is_no_division():
    graph, runner = both_use_all()
    split = apply("learned-mask", graph, runner)
    assert all(split.membership[k].all() for k in (1, 2))
    assert split.membership[3].tolist() == [[True, False]] * 4 + [[False, True]] * 4
    assert is_degenerate(split)
    assert said(split.notes) == (
        "the mask of task 'task0' keeps all 8 neurons",
        "the mask of task 'task1' keeps all 8 neurons",
        "hidden1: 4 of 4 neurons serve several tasks",
        "hidden2: 4 of 4 neurons serve several tasks",
        "degenerate: 8 of 8 neurons besides the outputs that serve a task serve every task, more than 90 %",
    )
    # Its accuracies are perfect, and so are those with the neurons of the other task.
    found = runner.performance(split, "zero")
    assert (found.own.tolist(), found.leaked.tolist()) == ([1, 1], [1, 1])


def test_a_price_that_is_too_high_leaves_nothing_and_no_price_takes_nothing_that_is_needed():
    graph, runner = modules()
    split = apply("learned-mask:sparsity=1000", graph, runner)
    assert not any(split.membership[k].any() for k in (1, 2))
    sentences = said(split.notes)
    assert sentences[0] == "the mask of task 'left' keeps none of 16 neurons"
    assert sentences[1] == (
        "task 'left' loses 0.750 of accuracy with the units of its mask alone, more than 0.05"  # one of four classes
    )
    assert sentences[-1] == "degenerate: none of 16 neurons besides the outputs serves a task"
    split = apply("learned-mask:sparsity=0", graph, runner)
    for k in (1, 2):
        assert (split.membership[k] >= (np.arange(8)[:, None] // 4 == np.arange(2))).all()


def test_a_task_that_was_not_learned_is_noted():
    graph, runner = modules()
    wrong = replace(runner.evaluation, labels=runner.evaluation.labels[:, ::-1])
    notes = learned_mask(graph, DenseRunner(runner.network, wrong), 0).notes
    assert str(notes[0]) == "task 'left' was not learned (accuracy 0.250, by guessing 0.250): its mask says nothing"
    assert [note.values["task"] for note in notes if note.code == "mask-of-nothing"] == ["left", "right"]


def test_a_task_with_one_answer_needs_no_neuron():
    network = chain(np.eye(2), np.ones((3, 2)), tasks=[0, 0, 1])
    split = learned_mask(network.graph, DenseRunner(network, labelled(network, 20)), 0)
    assert not split.membership[1][:, 1].any()
    assert {note.code for note in split.notes if note.values.get("task") == "task1"} == {
        "mask-of-nothing",
        "mask-of-none",
    }


def test_the_same_seed_gives_the_same_masks_and_another_those_of_other_draws():
    network = random_network(0, (6, 30, 30, 6), activation="sigmoid")
    runner = DenseRunner(network, labelled(network, 200))
    one, again, other = (learned_mask(network.graph, runner, seed, steps=100) for seed in (0, 0, 1))
    assert all(np.array_equal(one.membership[k], again.membership[k]) for k in (1, 2, 3))
    assert any(not np.array_equal(one.membership[k], other.membership[k]) for k in (1, 2))


class Recorded:
    """A runner of a graph that cannot be run: task 0 needs unit 0 of each population, and task 1 unit 1."""

    labelled = np.ones((4, 2), bool)
    full, guessed = np.ones(2), np.zeros(2)

    def __init__(self, graph, passing=()):
        self.graph, self.passing = graph, passing
        self.asked = []

    def mask_gradient(self, keep, task, examples, ablation):
        self.asked.append((keep, examples, ablation))
        return 0.0, {k: np.where(np.arange(len(values)) == task, np.float32(-1), 0) for k, values in keep.items()}

    def maskable(self, connections):
        return tuple(n for n in connections if n not in self.passing)

    def weight_mask_gradient(self, keep, task, examples):
        slopes = {number: np.zeros_like(values) for number, values in keep.items()}
        for slope in slopes.values():
            slope[task, task] = -1
        return 0.0, slopes

    def accuracy(self, masks, ablation):
        self.masks = masks
        return np.ones((len(masks), 2))


def test_outputs_among_other_units_stay_and_keep_their_tasks():
    # Unit 0 of the right head is an output of task 1, and unit 1 none.
    runner = Recorded(two_heads())
    split = learned_mask(runner.graph, runner, 0, ablation="mean")
    assert split.membership[0].tolist() == [[True, False], [False, True], [False, False]]
    assert split.membership[2].tolist() == [[False, True], [False, True]]
    assert all(keep[2][0] == 1 for keep, _, _ in runner.asked)
    assert {ablation for _, _, ablation in runner.asked} == {"mean"}
    assert sorted(runner.asked[0][0]) == [0, 2]
    assert said(split.notes) == ("hidden: 1 of 3 neurons are in no task's mask and serve none",)


def test_a_neuron_serves_a_task_by_its_weights_if_some_enter_it_and_some_leave_it():
    # Weight (0, 0) of both connections is kept for task 0, weight (1, 1) for task 1: hidden neuron 2 has none. That the
    # input is not split needs no mask of its own.
    graph = chain(np.ones((3, 2)), np.ones((4, 3)), tasks=[0, 0, 1, 1]).graph
    split = learned_mask(graph, Recorded(graph), 0, "weights", sparsity=10.0)
    assert split.membership[1].tolist() == [[True, False], [False, True], [False, False]]


def test_a_connection_without_weights_passes_on_what_enters_and_what_leaves():
    # A shortcut leads from units 1 and 2 of the first hidden layer to those of the second, and none from unit 0.
    graph = chain(np.ones((3, 2)), np.diag([0, 1, 1]), np.ones((4, 3)), tasks=[0, 0, 1, 1]).graph
    split = learned_mask(graph, Recorded(graph, passing=(1,)), 0, "weights", sparsity=10.0)
    for k in (1, 2):
        assert split.membership[k].tolist() == [[False, False], [False, True], [False, False]]


@pytest.mark.parametrize("over", ["units", "weights"])
def test_a_network_without_hidden_split_layers_has_nothing_to_mask(over):
    whole = two_module_network(4)
    layers = tuple(replace(layer, split=layer.name == "output") for layer in whole.layers)
    network = Network(layers, whole.connections, whole.output_task, whole.metadata)
    split = learned_mask(network.graph, DenseRunner(network, small_evaluation(4)), 0, over)
    assert split.membership[3].tolist() == [[True, False]] * 2 + [[False, True]] * 2
    assert split.notes == ()


def test_long_learning_does_not_overflow():
    graph, runner = modules()
    assert learned_mask(graph, runner, 0, sparsity=1e6, steps=2000).method == "learned-mask"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("over=both", "over of split 'learned-mask': expected one of units, weights, found 'both'"),
        ("sparsity=-1", "sparsity of split 'learned-mask': expected a number of at least 0, found -1.0"),
        ("sparsity=nan", "sparsity of split 'learned-mask': expected a number of at least 0, found nan"),
        ("steps=0", "steps of split 'learned-mask': expected at least 1, found 0"),
        ("ablation=noise", "ablation: expected one of zero, incoming, mean, found 'noise'"),
    ],
)
def test_arguments_outside_their_ranges_are_refused(method, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        apply(f"learned-mask:{method}", *modules())


def test_a_task_without_examples_or_a_runner_without_gradients_is_not_masked():
    graph, runner = modules()
    labels = runner.evaluation.labels.copy()
    labels[:, 1] = -1
    unlabelled = DenseRunner(runner.network, replace(runner.evaluation, labels=labels))
    said = r"^split 'learned-mask': expected examples labelled for task 'right', found none$"
    with pytest.raises(NotApplicableError, match=said):
        learned_mask(graph, unlabelled, 0)

    def refuse(*_):
        raise NotApplicableError("expected gradients, found none")

    with pytest.raises(NotApplicableError, match="expected gradients"):
        learned_mask(graph, SimpleNamespace(labelled=runner.labelled, mask_gradient=refuse), 0)
