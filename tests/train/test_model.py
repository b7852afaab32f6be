"""Stacked networks against the same networks one by one."""

import math

import pytest
import torch

from spatialgraph.train.costs import density_cost, transport_cost
from spatialgraph.train.grid import batches_of
from spatialgraph.train.model import Stack, accuracies, add_costs, forward, initial_stack, layer_sizes, task_losses
from spatialgraph.train.settings import Experiment

CPU = torch.device("cpu")


def small(**settings):
    return Experiment(
        tasks=["a", "b"], inputs=["mix"], hidden=[6, 5], penalised_layers=["hidden2", "output"], **settings
    )


def stack_of(experiment, inputs=7, outputs=4):
    members = batches_of(experiment)[0].members
    return initial_stack(experiment, layer_sizes(experiment, inputs, outputs), members, CPU), members


def parameters(stack, index):
    return {name: tensor[index].detach() for name, tensor in stack.named()}


def test_initial_parameters_depend_on_the_seed_alone():
    several, members = stack_of(small(seeds=[0, 5, 3]))
    alone, _ = stack_of(small(seeds=[5], kinds=["spatial"]))
    index = [m.name for m in members].index("mix-spatial-5")
    torch.testing.assert_close(parameters(several, index), parameters(alone, 0), rtol=0, atol=0)
    other = parameters(several, 0)
    assert all(not torch.equal(tensor, other[name]) for name, tensor in parameters(alone, 0).items())


def test_both_kinds_of_one_seed_start_the_same():
    stack, members = stack_of(small(seeds=[0, 1]))
    names = [m.name for m in members]
    one, other = (parameters(stack, names.index(f"mix-{kind}-1")) for kind in ("spatial", "regular"))
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_positions_belong_to_penalised_layers_and_their_sources():
    stack, _ = stack_of(small(dimensions=3))
    assert {k: tuple(p.shape[1:]) for k, p in stack.positions.items()} == {1: (6, 3), 2: (5, 3), 3: (4, 3)}


def test_the_initial_gain_widens_the_weights_and_not_the_biases():
    plain, _ = stack_of(small(), inputs=4000)
    wide, _ = stack_of(small(initial_gain=3), inputs=4000)
    torch.testing.assert_close(wide.weights[0], 3 * plain.weights[0])
    torch.testing.assert_close(wide.biases[0], plain.biases[0], rtol=0, atol=0)
    bound = 1 / math.sqrt(4000)
    assert 0.99 * bound < plain.weights[0].abs().max() <= bound


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_stack_computes_what_its_networks_compute(activation):
    experiment = small(activation=activation)
    stack, _ = stack_of(experiment)
    inputs = torch.randn(6, 9, 7, generator=torch.Generator().manual_seed(0))
    outputs = forward(stack, inputs, activation)
    function = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    for index in range(6):
        own = parameters(stack, index)
        layers = []
        for k in (1, 2, 3):
            linear = torch.nn.Linear(*own[f"weight/{k}"].shape)
            linear.load_state_dict({"weight": own[f"weight/{k}"].T, "bias": own[f"bias/{k}"][0]})
            layers += [linear, function()]
        plain = torch.nn.Sequential(*layers[:-1])
        torch.testing.assert_close(outputs[index], plain(inputs[index]), rtol=1e-5, atol=1e-6)


def test_a_task_loss_is_the_cross_entropy_of_its_own_outputs_and_examples():
    # Two outputs for each task; the second example is not of task 0, none but the first is of task 1.
    outputs = torch.tensor([[[0.0, 0.0, math.log(3), 0.0], [5.0, 1.0, 9.0, 2.0], [math.log(7), 0.0, 1.0, 1.0]]])
    labels = torch.tensor([[[1, 0], [-1, -1], [0, -1]]])
    losses = task_losses(outputs, labels, (2, 2))
    # Task 0: −log 1/2 and −log 7/8, averaged; task 1: −log 3/4.
    expected = torch.tensor([[(math.log(2) + math.log(8 / 7)) / 2, math.log(4 / 3)]])
    torch.testing.assert_close(losses, expected)


def test_a_task_without_examples_in_a_batch_has_no_loss():
    losses = task_losses(torch.randn(1, 2, 4), torch.tensor([[[0, -1], [1, -1]]]), (2, 2))
    assert losses[0, 1] == 0


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
def test_costs_of_the_first_networks_are_means_over_layers_and_add_their_gradients(average, strength):
    experiment = small(transport_average=average, strength=strength)
    stack, _ = stack_of(experiment)
    alpha, beta = torch.tensor([1.0, 0.5]), torch.tensor([3.0, 0.0])
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in stack.named()}
    gradient = Stack.of(torch.ones_like(stack.flat), shapes)
    found = add_costs(experiment, stack, alpha, beta, gradient)

    flat = stack.flat[:2].clone().requires_grad_()
    plain = Stack.of(flat, shapes)
    w, p = plain.weights, plain.positions
    reading = (average, strength)
    transport = (transport_cost(w[1], p[1], p[2], *reading) + transport_cost(w[2], p[2], p[3], *reading)) / 2
    density = (density_cost(p[2]) + density_cost(p[3])) / 2
    torch.testing.assert_close(found.transport, transport.detach())
    torch.testing.assert_close(found.density, density.detach())
    (expected,) = torch.autograd.grad((alpha * transport + beta * density).sum(), flat)
    torch.testing.assert_close(gradient.flat[:2], 1 + expected)
    assert (gradient.flat[2:] == 1).all()


def test_accuracy_counts_the_examples_of_each_task_alone():
    experiment = small()
    stack, _ = stack_of(experiment)
    draw = torch.Generator().manual_seed(3)
    inputs = torch.randn(50, 7, generator=draw)
    labels = torch.randint(-1, 2, (50, 2), generator=draw)
    found = accuracies(stack, inputs, labels, (2, 2), "sigmoid", block=16)
    outputs = forward(stack, inputs.expand(6, -1, -1), "sigmoid")
    for task, logits in enumerate((outputs[..., :2], outputs[..., 2:])):
        of_task = labels[:, task] >= 0
        right = (logits.argmax(-1) == labels[:, task])[:, of_task].float().mean(dim=1)
        torch.testing.assert_close(found[:, task], right)
