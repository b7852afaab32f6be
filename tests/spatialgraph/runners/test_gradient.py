"""Losses under masks and their gradients: by hand, by finite differences, and beside PyTorch."""

from math import exp, log

import numpy as np
import pytest
from hand_worked import chain, labelled, random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import Evaluation
from spatialgraph.runners import ABLATIONS, DenseRunner, Runner
from spatialgraph.runners.activations import ACTIVATION_FUNCTIONS
from spatialgraph.runners.gradient import SLOPES
from spatialgraph.runners.single import single_ablation

quick = settings(deadline=None, max_examples=40)
activation_names = st.sampled_from(sorted(ACTIVATION_FUNCTIONS))
EITHER = np.arange(2)


def line():
    """Return what runs a network that doubles its input, and emits that and its negative: x is 1, then -1."""
    network = chain([[2]], [[1], [-1]], tasks=[0, 0], biases=([1], [0, 0]))
    return DenseRunner(network, Evaluation(np.array([[1], [-1]], np.float32), [[0], [0]]))


# The hidden neuron emits x = 3 and -1, and a constant e of 0, its bias 1, and its mean 1. With k = 1/2, the outputs are
# v = (x + e) / 2 and -v, the loss is log(1 + exp(-2v)) and its derivative (x - e) · -2 / (1 + exp(2v)).
@pytest.mark.parametrize(("ablation", "constant"), [("zero", 0), ("incoming", 1), ("mean", 1)])
def test_loss_and_gradient_of_a_mask_of_units_worked_out_by_hand(ablation, constant):
    values = [(x, (x + constant) / 2) for x in (3, -1)]
    loss, gradient = line().mask_gradient({1: np.array([0.5])}, 0, EITHER, ablation)
    assert loss == pytest.approx(np.mean([log(1 + exp(-2 * v)) for _, v in values]))
    expected = np.mean([(x - constant) * -2 / (1 + exp(2 * v)) for x, v in values])
    assert gradient[1] == pytest.approx(np.array([expected]))


def test_loss_and_gradient_of_a_mask_of_weights_worked_out_by_hand():
    # x = 2m + 1 in the first example, whose outputs are nx and -x/4; the loss is log(1 + exp(-(n + 1/4) x)).
    m, n = 0.5, 0.75
    keep = {0: np.array([[m]]), 1: np.array([[n], [0.25]])}
    loss, gradient = line().weight_mask_gradient(keep, 0, np.array([0]))
    x = 2 * m + 1
    assert loss == pytest.approx(log(1 + exp(-(n + 0.25) * x)))
    slope = -1 / (1 + exp((n + 0.25) * x))
    assert gradient[0] == pytest.approx(np.array([[2 * (n + 0.25) * slope]]))
    assert gradient[1] == pytest.approx(np.array([[x * slope], [x * slope]]))


def test_an_example_that_stands_twice_counts_twice():
    keep = {1: np.array([0.5])}
    first, second = (line().mask_gradient(keep, 0, np.array([number]), "zero") for number in EITHER)
    loss, gradient = line().mask_gradient(keep, 0, np.array([0, 1, 0]), "zero")
    assert loss == pytest.approx((2 * first[0] + second[0]) / 3)
    assert gradient[1] == pytest.approx((2 * first[1][1] + second[1][1]) / 3)


@pytest.mark.parametrize("name", ACTIVATION_FUNCTIONS)
def test_the_slope_of_every_activation_function_is_that_of_finite_differences(name):
    x, step = np.linspace(-4, 4, 80), 1e-6
    function = ACTIVATION_FUNCTIONS[name]
    assert SLOPES[name](x, function(x)) == pytest.approx(
        (function(x + step) - function(x - step)) / (2 * step), abs=1e-8
    )
    assert SLOPES[name](np.float32(x), function(np.float32(x))).dtype == np.float32


def differences(loss, keep, step=1e-6):
    """Return the central differences of a loss for every value of a mask, in float64."""
    result = {key: np.zeros_like(values) for key, values in keep.items()}
    for key, values in keep.items():
        for index in np.ndindex(values.shape):
            sides = []
            for change in (step, -step):
                moved = values.copy()
                moved[index] += change
                sides.append(loss(keep | {key: moved}))
            result[key][index] = (sides[0] - sides[1]) / (2 * step)
    return result


def drawn(seed, shapes):
    draw = np.random.default_rng(seed)
    return {key: draw.uniform(0.1, 0.9, shape) for key, shape in shapes.items()}


@quick
@given(
    seed=st.integers(0, 1000),
    ablation=st.sampled_from(ABLATIONS),
    activation=activation_names,
    layers=st.sets(st.integers(0, 3), min_size=1),
    skips=st.booleans(),
)
def test_the_gradient_of_a_mask_of_units_is_that_of_finite_differences(seed, ablation, activation, layers, skips):
    network = random_network(seed, (3, 4, 5, 4), activation=activation, skips=skips)
    runner = DenseRunner(network, labelled(network, 20, seed), layers)
    examples = np.flatnonzero(runner.labelled[:, 1])
    keep = drawn(seed, {k: network.layers[k].size for k in sorted(layers)})
    _, gradient = runner.mask_gradient(keep, 1, examples, ablation)
    expected = differences(lambda moved: runner.mask_gradient(moved, 1, examples, ablation)[0], keep)
    for k in layers:
        assert gradient[k] == pytest.approx(expected[k], rel=1e-4, abs=1e-7)


@quick
@given(seed=st.integers(0, 1000), activation=activation_names, skips=st.booleans(), some=st.integers(1, 6))
def test_the_gradient_of_a_mask_of_weights_is_that_of_finite_differences(seed, activation, skips, some):
    network = random_network(seed, (3, 4, 5, 4), activation=activation, skips=skips)
    runner = DenseRunner(network, labelled(network, 20, seed))
    examples = np.flatnonzero(runner.labelled[:, 0])
    masked = np.random.default_rng(seed).permutation(len(network.connections))[:some].tolist()
    keep = drawn(seed, {number: network.connections[number].shape for number in masked})
    _, gradient = runner.weight_mask_gradient(keep, 0, examples)
    expected = differences(lambda moved: runner.weight_mask_gradient(moved, 0, examples)[0], keep)
    for number in masked:
        assert gradient[number] == pytest.approx(expected[number], rel=1e-4, abs=1e-7)


@quick
@given(seed=st.integers(0, 1000), ablation=st.sampled_from(ABLATIONS), activation=activation_names)
def test_a_mask_of_zeros_and_ones_disables_what_masks_do(seed, ablation, activation):
    network = random_network(seed, (3, 4, 5, 4), activation=activation)
    evaluation = labelled(network, 20, seed)
    runner = DenseRunner(network, evaluation)
    draw = np.random.default_rng(seed)
    mask = {k: draw.random(network.layers[k].size) < 0.6 for k in (1, 2, 3)}
    outputs = runner.outputs(mask, ablation)
    for task in (0, 1):
        examples = np.flatnonzero(runner.labelled[:, task])
        keep = {k: values.astype(np.float32) for k, values in mask.items()}
        loss, _ = runner.mask_gradient(keep, task, examples, ablation)
        logits = log_softmax(outputs[examples][:, network.output_task == task].astype(float), axis=1)
        assert loss == pytest.approx(
            -logits[np.arange(len(examples)), evaluation.labels[examples, task]].mean(), abs=1e-4
        )


def test_the_whole_network_has_the_loss_that_it_has():
    network = random_network(2, (3, 6, 6, 4), activation="sigmoid")
    evaluation = labelled(network, 50)
    runner = DenseRunner(network, evaluation)
    whole = single_ablation(network, evaluation, "zero").loss
    for task in (0, 1):
        examples = np.flatnonzero(runner.labelled[:, task])
        ones = {number: np.ones(c.shape, np.float32) for number, c in enumerate(network.connections)}
        for loss, gradient in (
            runner.mask_gradient({}, task, examples, "zero"),
            runner.mask_gradient({1: np.ones(6, np.float32)}, task, examples, "mean"),
            runner.weight_mask_gradient({}, task, examples),
            runner.weight_mask_gradient(ones, task, examples),
        ):
            assert loss == pytest.approx(whole[task], abs=1e-5)
            assert all(values.dtype == np.float32 for values in gradient.values())


def test_what_no_output_of_the_task_depends_on_has_gradient_zero():
    network = chain(np.eye(2), np.eye(2), np.eye(2).repeat(2, axis=0), tasks=[0, 0, 1, 1], activation="tanh")
    runner = DenseRunner(network, labelled(network, 10))
    examples = np.flatnonzero(runner.labelled[:, 0])
    half = {k: np.full(2, 0.5, np.float32) for k in (1, 2)}
    _, gradient = runner.mask_gradient(half, 0, examples, "zero")
    assert [values[1] for values in gradient.values()] == [0, 0]
    _, gradient = runner.weight_mask_gradient({2: np.full((4, 2), 0.5, np.float32)}, 0, examples)
    assert gradient[2][2:].tolist() == [[0, 0], [0, 0]]


OF_TORCH = {"leaky-relu": "leaky_relu", "": "identity"}


@pytest.mark.parametrize("activation", ACTIVATION_FUNCTIONS)
@pytest.mark.parametrize("ablation", ["incoming", "mean"])
def test_gradients_are_those_of_automatic_differentiation(activation, ablation):
    torch = pytest.importorskip("torch")
    network = random_network(5, (6, 12, 12, 8), activation=activation)
    evaluation = labelled(network, 60)
    runner = DenseRunner(network, evaluation)
    examples = np.flatnonzero(runner.labelled[:, 1])
    keep = drawn(5, {k: network.layers[k].size for k in (1, 2, 3)})
    masks = drawn(6, {number: c.shape for number, c in enumerate(network.connections)})

    def function(x):
        if activation == "clipped-relu":
            return torch.nn.functional.hardtanh(x, 0, 1)
        name = OF_TORCH.get(activation, activation)
        return x if name == "identity" else getattr(torch.nn.functional, name)(x)

    def loss(units, weights):
        values = []
        for k, layer in enumerate(network.layers):
            now = torch.tensor(evaluation.inputs[examples])
            if k:
                now = torch.tensor(layer.bias) + sum(
                    values[c.source] @ (torch.tensor(c.weight) * weights.get(number, 1)).T
                    for number, c in enumerate(network.connections)
                    if c.target == k
                )
                now = function(now) if layer.activation else now
            if k in units:
                constants = torch.tensor(runner.constants(ablation)[k])
                now = units[k] * now + (1 - units[k]) * constants
            values.append(now)
        own = values[-1][:, torch.tensor(network.output_task == 1)]
        return torch.nn.functional.cross_entropy(own, torch.tensor(evaluation.labels[examples, 1]))

    for found, mask, of_units in (
        (runner.mask_gradient(as_float32(keep), 1, examples, ablation), keep, True),
        (runner.weight_mask_gradient(as_float32(masks), 1, examples), masks, False),
    ):
        leaves = {k: torch.tensor(values, dtype=torch.float32, requires_grad=True) for k, values in mask.items()}
        expected = loss(leaves, {}) if of_units else loss({}, leaves)
        expected.backward()
        assert found[0] == pytest.approx(expected.item(), rel=1e-5)
        for k, leaf in leaves.items():
            assert found[1][k] == pytest.approx(leaf.grad.numpy(), rel=1e-3, abs=2e-6)


def as_float32(masks):
    return {k: values.astype(np.float32) for k, values in masks.items()}


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ({0: np.ones(1)}, r"mask: expected numbers of layers from \[1, 2\], found 0"),
        ({1: np.ones(2)}, r"mask of layer 1: expected shape \(1,\), found \(2,\)"),
        ({1: np.array([1.5])}, "mask of layer 1: expected numbers from 0 to 1, found 1.5 to 1.5"),
        ({1: np.array([np.nan])}, "mask of layer 1: expected numbers from 0 to 1, found nan to nan"),
    ],
)
def test_a_mask_of_units_that_does_not_fit_is_refused(keep, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        line().mask_gradient(keep, 0, EITHER, "zero")


def test_what_cannot_be_asked_is_refused():
    runner = line()
    with pytest.raises(ValueError, match=r"^ablation: expected one of zero, incoming, mean, found 'noise'$"):
        runner.mask_gradient({}, 0, EITHER, "noise")
    with pytest.raises(ValueError, match=r"^mask: expected numbers of connections from \[0, 1\], found 7$"):
        runner.weight_mask_gradient({7: np.ones((1, 1))}, 0, EITHER)
    with pytest.raises(ValueError, match=r"^mask of connection 1: expected shape \(2, 1\), found \(1, 2\)$"):
        runner.weight_mask_gradient({1: np.ones((1, 2))}, 0, EITHER)
    with pytest.raises(ValueError, match=r"^examples of task 'task0': expected some, all labelled, found none$"):
        runner.mask_gradient({}, 0, EITHER[:0], "zero")
    unlabelled = DenseRunner(runner.network, Evaluation(np.ones((2, 1), np.float32), [[0], [-1]]))
    with pytest.raises(ValueError, match=r"^examples of task 'task0': expected some, all labelled, found 1 without$"):
        unlabelled.weight_mask_gradient({}, 0, EITHER)


def test_a_runner_need_not_compute_gradients():
    class Plain(Runner):
        answers = full = guessed = labelled = statistics = deviation = task_variance = single_ablation = None

    said = r"^network 'chain': expected a runner that computes gradients of masks, found Plain$"
    plain = Plain(line().graph)
    with pytest.raises(NotApplicableError, match=said):
        plain.mask_gradient({}, 0, EITHER, "zero")
    with pytest.raises(NotApplicableError, match=said):
        plain.weight_mask_gradient({}, 0, EITHER)
