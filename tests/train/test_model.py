"""Stacked networks against the same networks one by one."""

import math

import pytest
import torch

from spatialgraph.train.grid import batches_of
from spatialgraph.train.model import ACTIVATIONS, accuracies, initial_stack, layer_sizes
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
    assert {name: tuple(tensor.shape[1:]) for name, tensor in stack.named() if "position" in name} == {
        "position/1": (6, 3),
        "position/2": (5, 3),
        "position/3": (4, 3),
    }


def test_the_initial_gain_widens_the_weights_and_not_the_biases():
    plain, _ = stack_of(small(), inputs=4000)
    wide, _ = stack_of(small(initial_gain=3), inputs=4000)
    torch.testing.assert_close(wide.weights[0], 3 * plain.weights[0])
    torch.testing.assert_close(wide.biases[0], plain.biases[0], rtol=0, atol=0)
    bound = 1 / math.sqrt(4000)
    assert 0.99 * bound < plain.weights[0].abs().max() <= bound


def clipped(x):
    return torch.nn.functional.hardtanh(x, 0, 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_differentiated_by_its_values(name):
    function = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "clipped-relu": clipped}[name]
    before = torch.linspace(-3, 3, 40, dtype=torch.float64).requires_grad_()
    values = function(before)
    outer = torch.linspace(1, 2, 40, dtype=torch.float64)
    (expected,) = torch.autograd.grad(values, before, outer)
    ours = ACTIVATIONS[name].apply(before.detach().clone())
    torch.testing.assert_close(ours, values.detach())
    torch.testing.assert_close(ACTIVATIONS[name].differentiate(outer, ours), expected)
    torch.testing.assert_close(ours, expected)  # in place


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_accuracy_counts_the_examples_of_each_task_alone(activation):
    experiment = small(activation=activation)
    stack, _ = stack_of(experiment)
    draw = torch.Generator().manual_seed(3)
    inputs = torch.randn(50, 7, generator=draw)
    labels = torch.randint(-1, 2, (50, 2), generator=draw)
    found = accuracies(stack, inputs, labels, (2, 2), activation, block=16)
    for index in range(6):
        outputs = plain_network(parameters(stack, index), activation)(inputs)
        for task, logits in enumerate((outputs[:, :2], outputs[:, 2:])):
            of_task = labels[:, task] >= 0
            right = (logits.argmax(-1) == labels[:, task])[of_task].float().mean()
            torch.testing.assert_close(found[index, task], right)


def plain_network(own, activation):
    """Return the network of some parameters as one would write it."""
    modules = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    function = modules.get(activation, lambda: torch.nn.Hardtanh(0, 1))
    layers = []
    for k in (1, 2, 3):
        linear = torch.nn.Linear(*own[f"weight/{k}"].shape)
        linear.load_state_dict({"weight": own[f"weight/{k}"].T, "bias": own[f"bias/{k}"][0]})
        layers += [linear, function()]
    return torch.nn.Sequential(*layers[:-1])
