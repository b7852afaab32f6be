"""A step against the same losses, costs and gradients written plainly and differentiated automatically."""

import math

import numpy as np
import pytest
import torch

from spatialgraph.torch.costs import density_cost, transport_cost
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of
from spatialgraph.train.inputs import Batches
from spatialgraph.train.model import initial_stack, layer_sizes
from spatialgraph.train.settings import Experiment
from spatialgraph.train.step import Step, products

CPU = torch.device("cpu")
CLASSES = (3, 2)
FUNCTIONS = {
    **{"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu},
    "clipped-relu": lambda x: torch.nn.functional.hardtanh(x, 0, 1),
}


def datasets(examples=(30, 20)):
    draw = np.random.default_rng(0)
    made = []
    for name, count, classes in zip(("one", "other"), examples, CLASSES, strict=True):
        images = draw.integers(0, 256, (count, 9), dtype=np.uint8)
        part = Examples(images, np.arange(count) % classes)
        made.append(Dataset(name, part, part, classes, (3, 3)))
    return made


def experiment(**settings):
    plain = {"tasks": ["one", "other"], "inputs": ["mix"], "hidden": [6, 5], "batch_size": 10, "seeds": [0, 7]}
    return Experiment(**{**plain, "penalised_layers": ["hidden2", "output"], **settings})


class Case:
    """A step in float64, so that what differs is not rounding, and what it was shown."""

    def __init__(self, settings, examples=(30, 20)):
        self.settings = settings
        (batch,) = batches_of(settings)
        self.members = batch.members
        self.batches = Batches(settings.inputs[0], datasets(examples), settings.batch_size, CPU)
        sizes = layer_sizes(settings, self.batches.inputs, sum(CLASSES))
        stack = initial_stack(settings, sizes, self.members, CPU)
        self.stack = type(stack).of([tensor.double() for tensor in stack.tensors], stack.units)
        self.step = Step(settings, self.members, CLASSES, self.batches, self.stack)
        self.index = self.batches.order(self.step.seeds, 0)[0]
        self.step(self.index)

    def plain(self, k):
        """Return the task losses, the costs and the gradient, by name, of one network."""
        member, settings = self.members[k], self.settings
        own = {name: tensor[k].clone().requires_grad_() for name, tensor in self.stack.named()}
        epoch = self.batches.epoch([member.seed], 0)
        inputs, labels = next(epoch)
        hidden = inputs[0].double()
        for layer in (1, 2, 3):
            hidden = hidden @ own[f"weight/{layer}"] + own[f"bias/{layer}"]
            if layer < 3:
                hidden = FUNCTIONS[settings.activation](hidden)
        losses = []
        for task, logits in enumerate(hidden.split(CLASSES, dim=1)):
            of_task = labels[0, :, task] >= 0
            loss = torch.nn.functional.cross_entropy(logits[of_task], labels[0, of_task, task])
            losses.append(loss if of_task.any() else hidden.sum() * 0)
        p = {layer: own[f"position/{layer}"][None] for layer in (1, 2, 3)}
        reading = (settings.transport_average, settings.strength)
        transport = sum(transport_cost(own[f"weight/{j}"][None], p[j - 1], p[j], *reading) for j in (2, 3)) / 2
        density = sum(density_cost(p[j]) for j in (2, 3)) / 2
        strengths = [member.settings.get(name, 0.0) for name in ("transport", "density")]
        cost = strengths[0] * transport[0] + strengths[1] * density[0]
        total = torch.stack(losses).mean() + (cost if member.costs else 0)
        gradient = torch.autograd.grad(total, list(own.values()), materialize_grads=True)
        return torch.stack(losses).detach(), cost.detach(), dict(zip(own, gradient, strict=True)), transport, density


def assert_plain(case):
    case.step.clear()
    case.step(case.index)
    for k, member in enumerate(case.members):
        losses, cost, gradient, transport, density = case.plain(k)
        torch.testing.assert_close(case.step.task_loss[k], losses)
        for name, found in case.step.gradient.named():
            torch.testing.assert_close(found[k], gradient[name], msg=lambda text, n=name, m=member: f"{m} {n}: {text}")
        if member.costs:
            torch.testing.assert_close(case.step.cost[k], cost)
            torch.testing.assert_close(case.step.paid.values["transport"][k], transport[0])
            torch.testing.assert_close(case.step.paid.values["density"][k], density[0])
        else:
            assert case.step.cost[k] == 0


@pytest.mark.parametrize("inputs", ["mix", "concatenate", "sequential"])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_losses_and_gradients_are_those_of_the_plain_networks(inputs, activation):
    assert_plain(Case(experiment(inputs=[inputs], activation=activation)))


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_costs_are_means_over_layers_however_they_are_read(average, strength, dimensions):
    assert_plain(Case(experiment(transport_average=average, strength=strength, dimensions=dimensions)))


def test_every_network_of_a_grid_pays_by_its_own_factors():
    case = Case(experiment(transport=[0, 1, 5], density=[0, 3]))
    assert len(case.members) == 14
    assert_plain(case)


def test_networks_see_the_examples_of_their_seeds_in_whatever_order_they_are():
    assert_plain(Case(experiment(seeds=[4, 0, 2], transport=[1, 2])))


def test_a_batch_without_costs_leaves_positions_where_they_are():
    case = Case(experiment(kinds=["regular"]))
    assert_plain(case)
    assert case.step.gradient.position.abs().max() == 0


def test_coincident_neurons_pull_at_nothing():
    case = Case(experiment(kinds=["spatial"], seeds=[0]))
    case.stack.position[:] = 1.5
    case.step(case.index)
    assert case.step.gradient.position.abs().max() == 0
    assert case.step.paid.values["density"].tolist() == [1.0]
    assert case.step.paid.values["transport"].tolist() == [0.0]


def test_sums_of_losses_grow_from_step_to_step_until_they_are_cleared():
    case = Case(experiment())
    once = case.step.task_loss.clone(), case.step.cost.clone()
    case.step(case.index)
    torch.testing.assert_close(case.step.task_loss, 2 * once[0])
    torch.testing.assert_close(case.step.cost, 2 * once[1])
    case.step.clear()
    assert case.step.task_loss.abs().max() == case.step.cost.abs().max() == 0


def test_a_task_without_examples_in_a_batch_has_no_loss_and_moves_nothing():
    # One example of the second task after another, none of the first in this batch.
    case = Case(experiment(inputs=["sequential"], batch_size=2, seeds=list(range(40))), examples=(30, 30))
    labels = case.batches.labels(case.index).view(2, len(case.step.seeds), -1)
    alone = [k for k, m in enumerate(case.members) if (labels[0, case.step.seeds.index(m.seed)] < 0).all()]
    assert alone
    assert case.step.task_loss[alone, 0].abs().max() == 0
    assert case.step.gradient.biases[-1][alone, 0, :3].abs().max() == 0
    assert case.step.task_loss[alone, 1].min() > 0


def test_a_loss_that_can_be_worked_out_by_hand():
    case = Case(experiment(kinds=["regular"], seeds=[0]))
    for tensor in case.stack.tensors:
        tensor.zero_()
    case.stack.biases[-1][0, 0] = torch.tensor([math.log(2.0), 0, 0, 0, 0])
    case.step.clear()
    case.step(case.index)
    # A softmax of 1/2, 1/4, 1/4 for the first task; two equal outputs for the second.
    label = case.batches.labels(case.index)[0]
    expected = torch.where(label == 0, math.log(2), math.log(4)).double().mean()
    torch.testing.assert_close(case.step.task_loss[0], torch.tensor([expected, math.log(2)], dtype=torch.float64))


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [("cuda", "tf32", "high"), ("cuda", "float32", "highest"), ("cpu", "tf32", "highest")],
)
def test_products_have_their_precision_and_then_the_one_before(device, precision, expected):
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with products(precision, torch.device(device)):
            assert torch.get_float32_matmul_precision() == expected
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
