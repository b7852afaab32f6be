import numpy as np
import pytest
from hand_worked import chain, labelled, random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.runners import ABLATIONS, DenseRunner, activations, masked_accuracy, performance
from spatialgraph.runners.activations import ACTIVATION_FUNCTIONS, accuracy, forward
from spatialgraph.splits import Split, apply

INPUTS = np.array([[1, 2], [3, 0]], np.float32)


def worked(activation="relu"):
    """Return a network with a connection that skips the hidden layer, for which the tests compute by hand.

    On `INPUTS` its hidden neurons emit (4, 2) and (4, 6), its outputs (10, 3/2) and (16, -1/2).
    """
    return chain(
        [[1, 1], [1, -1]],
        [[1, 2], [0.5, -1]],
        tasks=[0, 0],
        activation=activation,
        biases=([1, 3], [0, 0.5]),
        skips=[(0, 2, [[0, 1], [1, 0]])],
    )


# Without hidden neuron 1, which emits c instead: outputs (4 + 2c + x1, 5/2 - c + x0), where c is
# 0, relu(its bias 3) = 3, or its mean (2 + 6) / 2 = 4.
BY_HAND = {
    "zero": [[6, 3.5], [4, 5.5]],
    "incoming": [[12, 0.5], [10, 2.5]],
    "mean": [[14, -0.5], [12, 1.5]],
}


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_the_outputs_of_a_masked_network_are_those_worked_out_by_hand(ablation):
    masking = DenseRunner(worked(), Evaluation(INPUTS, [[0], [1]]))
    mask = {1: np.array([True, False])}
    assert masking.outputs(mask, ablation).tolist() == BY_HAND[ablation]
    right = {"zero": 1.0, "incoming": 0.5, "mean": 0.5}
    assert masking.accuracy([mask], ablation).tolist() == [[right[ablation]]]


def test_a_disabled_output_emits_its_constant():
    masking = DenseRunner(worked(), Evaluation(INPUTS, [[0], [1]]))
    emitted = {ablation: masking.constants(ablation)[2].tolist() for ablation in ABLATIONS}
    assert emitted == {"zero": [0, 0], "incoming": [0, 0.5], "mean": [13, 0.5]}
    # Output 1 is left, with 3/2 and -1/2; the other emits 0, 0 or 13 as its own.
    mask = [{2: np.array([False, True])}]
    assert masking.accuracy(mask, "zero").tolist() == [[0.0]]
    assert DenseRunner(worked(), Evaluation(INPUTS, [[1], [0]])).accuracy(mask, "zero").tolist() == [[1.0]]
    assert masking.accuracy(mask, "mean").tolist() == [[0.5]]
    # All disabled: equal logits are an answer of class 0, a larger bias of output 1 one of class 1.
    none = [{2: np.array([False, False])}]
    assert masking.accuracy(none, "zero").tolist() == [[0.5]]
    assert masking.accuracy(none, "incoming").tolist() == [[0.5]]
    assert DenseRunner(worked(), Evaluation(INPUTS, [[1], [1]])).accuracy(none, "incoming").tolist() == [[1.0]]


def test_incoming_ablation_leaves_a_sigmoid_of_the_bias():
    network = worked("sigmoid")
    emitted = DenseRunner(network, Evaluation(INPUTS, [[0], [1]])).constants("incoming")[1]
    assert emitted == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3))])
    assert emitted.dtype == np.float32


def test_a_layer_without_bias_emits_its_activation_of_0():
    network = chain([[1]], [[1]], tasks=[0], activation="softplus")
    emitted = DenseRunner(network, Evaluation(np.ones((1, 1), np.float32), [[0]])).constants("incoming")
    assert emitted[1] == pytest.approx([np.log(2)])
    assert emitted[2].tolist() == [0]


def naive(network, inputs, mask, constants):
    """Run the whole network and overwrite what disabled neurons emit, layer by layer."""
    values = []
    for k, layer in enumerate(network.layers):
        if k == 0:
            now = inputs.astype(np.float64)
        else:
            now = sum(values[c.source] @ c.weight.T for c in network.connections if c.target == k)
            now = ACTIVATION_FUNCTIONS[layer.activation](now + (0 if layer.bias is None else layer.bias))
        values.append(np.where(mask[k], now, constants[k]) if k in mask else now)
    return values[-1]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    ablation=st.sampled_from(ABLATIONS),
    activation=st.sampled_from(sorted(ACTIVATION_FUNCTIONS)),
    layers=st.sets(st.integers(0, 4)),
    share=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    skips=st.booleans(),
)
def test_extraction_equals_masking_the_whole_network(seed, ablation, activation, layers, share, skips):
    network = random_network(seed, (4, 5, 6, 5, 4), activation=activation, skips=skips)
    evaluation = labelled(network, 20, seed)
    draw = np.random.default_rng(seed)
    mask = {k: draw.random(network.layers[k].size) < share for k in layers}
    masking = DenseRunner(network, evaluation, layers)
    constants = masking.constants(ablation)
    expected = naive(network, evaluation.inputs, mask, constants)
    outputs = masking.outputs(mask, ablation)
    assert outputs == pytest.approx(expected, abs=1e-4)
    answers = np.stack([outputs[:, network.output_task == task].argmax(axis=1) for task in (0, 1)], axis=1)
    labels = evaluation.labels
    by_hand = [(answers[:, t] == labels[:, t]).sum() / (labels[:, t] >= 0).sum() for t in (0, 1)]
    assert masking.accuracy([mask], ablation)[0] == pytest.approx(by_hand)


def test_the_mean_is_that_of_the_whole_network_over_all_examples():
    network = random_network(0)
    evaluation = labelled(network, 30)
    constants = DenseRunner(network, evaluation).constants("mean")
    for k, values in enumerate(forward(network, evaluation.inputs)):
        if k in network.graph.split_populations:
            assert constants[k] == pytest.approx(values.mean(axis=0), abs=1e-6)


def test_a_mask_that_leaves_every_neuron_changes_nothing():
    network = random_network(3)
    evaluation = labelled(network, 40)
    masking = DenseRunner(network, evaluation)
    everything = {k: np.ones(network.layers[k].size, bool) for k in network.graph.split_populations}
    for ablation in ABLATIONS:
        assert np.array_equal(masking.accuracy([everything, {}], ablation), [masking.full] * 2)
    assert np.array_equal(masking.full, accuracy(network, evaluation))


def test_masks_of_a_network_from_its_cached_layers_equal_masks_in_blocks_from_the_inputs(monkeypatch):
    network = random_network(5, (6, 7, 8, 6), activation="sigmoid")
    evaluation = labelled(network, 50)
    draw = np.random.default_rng(0)
    masks = [{k: draw.random(network.layers[k].size) < 0.5 for k in (2, 3)} for _ in range(10)]
    whole = masked_accuracy(network, evaluation, masks, "mean")
    assert whole.shape == (10, 2)
    monkeypatch.setattr(activations, "BLOCK", 7)
    assert np.array_equal(masked_accuracy(network, evaluation, masks, "mean"), whole)
    assert np.array_equal(DenseRunner(network, evaluation, range(4)).accuracy(masks, "mean"), whole)


def test_a_task_without_labelled_examples_is_not_scored():
    network = random_network(0)
    evaluation = Evaluation(np.ones((2, 3), np.float32), [[0, -1], [1, -1]])
    result = masked_accuracy(network, evaluation, [{}], "zero")
    assert np.isnan(result[0, 1])
    assert not np.isnan(result[0, 0])


def relay():
    """Return a network whose input 0 goes through hidden 0 to the outputs of task 0, and 1 likewise to those of task 1.

    Each task answers class 1 if its input is positive; hidden neuron 1 also knows half of what task 0 needs.
    """
    out = np.array([[0, 0], [2, 1], [0, 0], [0, 1]])
    return chain(np.eye(2), out, tasks=[0, 0, 1, 1], biases=([0, 0], [0, 0, 0, 0]))


RELAY = Evaluation(np.array([[3, 1], [-3, -1], [3, -1], [-3, 1]], np.float32), [[1, 1], [0, 0], [1, 0], [0, 1]])


def test_performance_of_the_modules_of_a_split():
    split = Split.from_labels("by hand", {1: [0, 1], 2: [0, 0, 1, 1]}, 2)
    found = performance(relay(), RELAY, split, "zero")
    assert (found.tasks, found.ablation) == (("task0", "task1"), "zero")
    assert found.full.tolist() == [1.0, 1.0]
    assert found.own.tolist() == [1.0, 1.0]
    # Task 0 from hidden neuron 1: its input is right for 2 of 4. Task 1 from hidden neuron 0, which is not connected to
    # it: both logits are 0, so class 0, right for 2 of 4.
    assert found.leaked.tolist() == [0.5, 0.5]


def test_what_each_module_keeps_of_each_task():
    split = Split.from_labels("by hand", {1: [0, 1], 2: [0, 0, 1, 1]}, 2)
    # Module 0 knows nothing of task 1, module 1 half of task 0: its outputs are added.
    assert performance(relay(), RELAY, split, "zero").kept.tolist() == [[1.0, 0.5], [0.5, 1.0]]
    # Modules that have the outputs of the other task answer theirs as well as if they had none: class 0.
    swapped = Split.from_labels("swapped", {1: [1, 0], 2: [1, 1, 0, 0]}, 2)
    assert performance(relay(), RELAY, swapped, "zero").kept.tolist() == [[0.5, 1.0], [1.0, 0.5]]


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), ablation=st.sampled_from(ABLATIONS), tasks=st.integers(1, 3))
def test_what_modules_keep_is_the_accuracy_under_their_masks(seed, ablation, tasks):
    network = random_network(seed, (4, 6, 7, 6), tasks=tasks, activation="sigmoid")
    draw = np.random.default_rng(seed)
    split = Split(
        "any", {k: draw.random((network.layers[k].size, tasks)) < 0.5 for k in network.graph.split_populations}
    )
    masking = DenseRunner(network, labelled(network, 30, seed))
    found = masking.performance(split, ablation)
    for module in range(tasks):
        for task in range(tasks):
            outputs = network.output_task == task
            kept = split.module(module) if task == module else split.module(module) | {3: outputs}
            assert found.kept[module, task] == masking.accuracy([kept], ablation)[0, task]
        leaked = masking.accuracy([split.others(module) | {3: network.output_task == module}], ablation)
        assert found.leaked[module] == leaked[0, module]
        rest = split.without(module) | {3: np.ones(len(network.output_task), bool)}
        assert found.lesioned[module].tolist() == masking.accuracy([rest], ablation)[0].tolist()
    assert np.array_equal(found.own, found.kept.diagonal())
    if tasks == 2:
        assert found.leaked.tolist() == [found.kept[1, 0], found.kept[0, 1]]


def test_many_performances_are_those_of_each_split_and_ablation_alone():
    network = random_network(1, (4, 12, 10, 6), tasks=3, activation="sigmoid")
    masking = DenseRunner(network, labelled(network, 60))
    splits = [apply("random", network.graph, seed=seed) for seed in (0, 1, 0)]
    many = masking.performances(iter(splits), ABLATIONS)
    assert [len(of_split) for of_split in many] == [3, 3, 3]
    for split, of_split in zip(splits, many, strict=True):
        for ablation, found in zip(ABLATIONS, of_split, strict=True):
            alone = performance(network, masking.evaluation, split, ablation)
            assert found.ablation == alone.ablation == ablation
            for name in ("full", "own", "leaked", "kept", "lesioned"):
                assert np.array_equal(getattr(found, name), getattr(alone, name))
    assert masking.performances([], ABLATIONS) == []


def test_equal_modules_are_run_once(monkeypatch):
    network = random_network(1, (4, 12, 10, 6))
    masking = DenseRunner(network, labelled(network, 60))
    run, module = [], masking._module
    monkeypatch.setattr(masking, "_module", lambda keep: run.append(keep) or module(keep))
    halves = Split.from_labels("halves", {1: np.arange(12) % 2, 2: np.arange(10) % 2, 3: network.output_task}, 2)
    masking.performances([halves, halves], ABLATIONS)
    assert len(run) == 2  # of two tasks, what leaks from one module is what the other keeps
    run.clear()
    alone = Split.from_labels("one task has all", {1: [0] * 12, 2: [0] * 10, 3: network.output_task}, 2)
    found = masking.performance(alone, "zero")
    assert len(run) == 1  # all neurons together are the whole network
    assert found.own[0] == masking.full[0]


def test_a_task_whose_outputs_are_in_the_other_module_cannot_answer_and_leaks_all_it_knows():
    split = Split.from_labels("swapped", {1: [1, 0], 2: [1, 1, 0, 0]}, 2)
    found = performance(relay(), RELAY, split, "zero")
    assert found.own.tolist() == [0.5, 0.5]
    assert found.leaked.tolist() == [1.0, 1.0]


def test_a_neuron_that_serves_no_task_is_left_out_of_every_module():
    split = Split.from_labels("by hand", {1: [-1, 1], 2: [0, 0, 1, 1]}, 2)
    found = performance(relay(), RELAY, split, "zero")
    assert found.own.tolist() == [0.5, 1.0]


def test_the_best_constant_answer_is_known():
    network = chain(np.ones((1, 1)), np.ones((4, 1)), tasks=[0, 0, 0, 1])
    labels = [[0, 0], [0, 0], [1, 0], [2, -1], [-1, 0]]
    masking = DenseRunner(network, Evaluation(np.ones((5, 1), np.float32), labels))
    assert masking.guessed.tolist() == [0.5, 1.0]
    assert masking.full[1] == 1  # one output has one answer
    nothing = DenseRunner(network, Evaluation(np.ones((1, 1), np.float32), [[-1, 0]]))
    assert np.isnan(nothing.guessed[0])


def test_communities_are_disabled_one_by_one_but_those_that_are_modules():
    # relay's hidden neurons are one for each task: a community of both, or none that is no module.
    both = Split.from_labels("m", {1: [-1, -1], 2: [0, 0, 1, 1]}, 2, communities={1: [0, 0], 2: [-1] * 4})
    found = performance(relay(), RELAY, both, "zero")
    assert found.communities == ("community1",)
    assert found.lesioned.shape == (3, 2)
    assert found.lesioned[2].tolist() == masked_accuracy(relay(), RELAY, [{1: np.zeros(2, bool)}], "zero")[0].tolist()
    modules = Split.from_labels("m", {1: [0, 1], 2: [0, 0, 1, 1]}, 2, communities={1: [0, 1], 2: [0, 0, 1, 1]})
    found = performance(relay(), RELAY, modules, "zero")
    assert found.communities == ()
    assert found.lesioned.shape == (2, 2)


@pytest.mark.parametrize(("few", "names"), [(3, ("community1", "community2")), (2, ("community1",))])
def test_communities_of_less_than_a_hundredth_of_the_hidden_neurons_are_not_disabled(few, names):
    network = random_network(0, (3, 150, 150, 4), skips=False)
    labels = {1: [0] * 150, 2: [1] * 150, 3: network.output_task}
    found = {1: [1] * few + [0] * (150 - few), 2: [0] * 150, 3: [0] * 4}
    split = Split.from_labels("m", labels, 2, communities=found)
    assert performance(network, labelled(network), split, "zero").communities == names


def test_a_shared_neuron_serves_every_module():
    shared = Split("shared", {1: np.ones((2, 2), bool), 2: np.array([[1, 0], [1, 0], [0, 1], [0, 1]])})
    found = performance(relay(), RELAY, shared, "incoming")
    assert found.own.tolist() == [1.0, 1.0]
    assert found.leaked.tolist() == [1.0, 1.0]


def test_outputs_that_are_not_split_are_never_disabled():
    layers = (Layer("input", 2), Layer("hidden", 2, split=True), Layer("output", 2))
    network = Network(layers, (Connection(0, 1, np.eye(2)), Connection(1, 2, np.eye(2))), [0, 0], {"tasks": ["a"]})
    evaluation = Evaluation(np.eye(2, dtype=np.float32), [[0], [1]])
    found = performance(network, evaluation, Split.from_labels("m", {1: [0, 0]}, 1), "zero")
    assert found.own.tolist() == [1.0]
    assert found.leaked.tolist() == [0.5]


ERRORS = {
    "mask 0: expected masks of layers [1, 2], found one of layer 0": {0: np.ones(2, bool)},
    "mask 0, layer 1: expected bool of shape (2,), found bool of shape (3,)": {1: np.ones(3, bool)},
    "mask 0, layer 1: expected bool of shape (2,), found int64 of shape (2,)": {1: np.ones(2, np.int64)},
}


@pytest.mark.parametrize("message", ERRORS)
def test_masks_that_do_not_fit_are_refused(message):
    masking = DenseRunner(worked(), Evaluation(INPUTS, [[0], [1]]))
    with pytest.raises(ValueError, match="mask") as error:
        masking.accuracy([ERRORS[message]], "zero")
    assert str(error.value) == message


def test_an_unknown_ablation_is_refused():
    with pytest.raises(ValueError, match=r"^ablation: expected one of zero, incoming, mean, found 'noise'$"):
        masked_accuracy(worked(), Evaluation(INPUTS, [[0], [1]]), [], "noise")


def test_masks_of_layers_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"^masks: expected layers from 0 to 2, found \[7\]$"):
        masked_accuracy(worked(), Evaluation(INPUTS, [[0], [1]]), [{7: np.ones(1, bool)}], "zero")


def test_masks_may_be_of_layers_by_name_and_come_in_a_list():
    network, evaluation, keep = worked(), Evaluation(INPUTS, [[0], [1]]), np.array([True, False])
    named, numbered = (masked_accuracy(network, evaluation, [{k: keep}], "zero") for k in (network.layers[1].name, 1))
    np.testing.assert_array_equal(named, numbered)
    with pytest.raises(ValueError, match=r"^a layer: expected a number from 0 to 2 or a name \(.*\), found 'none'$"):
        masked_accuracy(network, evaluation, [{"none": keep}], "zero")
    with pytest.raises(ValueError, match=r"^masks: expected a list of masks, found one: put it in brackets$"):
        masked_accuracy(network, evaluation, {1: keep}, "zero")


def test_a_split_of_another_network_is_refused():
    with pytest.raises(ValueError, match="expected membership of shapes"):
        performance(worked(), Evaluation(INPUTS, [[0], [1]]), Split.from_labels("m", {1: [0, 0]}, 1), "zero")


def test_a_split_of_layers_that_masks_may_not_be_of_is_refused():
    masking = DenseRunner(worked(), Evaluation(INPUTS, [[0], [1]]), [2])
    with pytest.raises(ValueError, match=r"^mask 0: expected masks of layers \[2\], found one of layer 1$"):
        masking.performance(Split.from_labels("m", {1: [0, 0], 2: [0, 0]}, 1), "zero")


def test_a_network_of_strengths_cannot_be_masked():
    with pytest.raises(NotApplicableError, match="expected one that can be run, found a graph"):
        DenseRunner(chain([[1]], tasks=[0]).graph, Evaluation(np.ones((1, 1), np.float32), [[0]]))
