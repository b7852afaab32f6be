"""All costs of a batch against the same written plainly for one network, in float64, differentiated automatically."""

import numpy as np
import pytest
import torch

from spatialgraph.torch.costs import COSTS, Layer, Paying, Population, Shape, Start, cost, distances
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of, stretches
from spatialgraph.train.inputs import Batches
from spatialgraph.train.kinds import SHIPPED
from spatialgraph.train.model import initial_stack, layer_sizes
from spatialgraph.train.paid import Paid, payers
from spatialgraph.train.settings import Experiment
from spatialgraph.train.step import Step

CPU = torch.device("cpu")
CLASSES = (3, 2)
# What is random, or done after a step, is tested by itself.
KINDS = [name for name in SHIPPED if name not in ("dropout", "pruned")]


def experiment(**settings):
    plain = {"tasks": ["one", "other"], "inputs": ["mix"], "hidden": [6, 5], "batch_size": 10, "seeds": [0, 7]}
    return Experiment(**{**plain, "penalised_layers": ["hidden2", "output"], "kinds": KINDS, **settings})


class Case:
    """A step of a batch in float64."""

    def __init__(self, settings):
        self.settings = settings
        (batch,) = batches_of(settings)
        self.members = batch.members
        draw = np.random.default_rng(0)
        parts = [Examples(draw.integers(0, 256, (30, 9), dtype=np.uint8), np.arange(30) % n) for n in CLASSES]
        datasets = [Dataset(n, p, p, c, (3, 3)) for n, p, c in zip(("one", "other"), parts, CLASSES, strict=True)]
        self.batches = Batches("mix", datasets, settings.batch_size, CPU)
        sizes = layer_sizes(settings, self.batches.inputs, sum(CLASSES))
        stack = initial_stack(settings, sizes, self.members, CPU)
        self.stack = type(stack).of([tensor.double() for tensor in stack.tensors], stack.units)
        self.step = Step(settings, self.members, CLASSES, self.batches, self.stack)
        self.step(self.batches.order(self.step.seeds, 0)[0])

    def own(self, k, name):
        """Return the constants and parameters that the batch made for a cost of one network."""
        for part in (*self.step.paid._by_activations, *self.step.paid._by_parameters):
            if part.cost == name and part.networks.start <= k < part.networks.stop:
                row = slice(k - part.networks.start, k - part.networks.start + 1)
                return {n: t.detach()[row] for n, t in {**part.constants, **part.parameters}.items()}
        return {}

    def plain(self, k):
        """Return what one network pays for each of its costs, and the gradient of its loss by name."""
        member, settings = self.members[k], self.settings
        own = {name: tensor[k][None].clone().requires_grad_() for name, tensor in self.stack.named()}
        inputs, labels = next(self.batches.epoch([member.seed], 0))
        values, hidden = inputs.double(), {}
        for layer in (1, 2, 3):
            values = values @ own[f"weight/{layer}"] + own[f"bias/{layer}"]
            if layer < 3:
                values = hidden[f"hidden{layer}"] = torch.sigmoid(values)
        losses = [
            torch.nn.functional.cross_entropy(logits[0], labels[0, :, task])
            for task, logits in enumerate(values.split(CLASSES, dim=2))
        ]
        names, sizes = ("input", "hidden1", "hidden2", "output"), layer_sizes(settings, 9, 5)
        task = torch.tensor([0, 0, 0, 1, 1])
        ends = {
            j: Population(name, sizes[j], own.get(f"position/{j}"), hidden.get(name), task if j == 3 else None)
            for j, name in enumerate(names)
        }
        layers = [Layer(own[f"weight/{j}"], ends[j - 1], ends[j]) for j in (2, 3)]
        reading = settings.transport_average, settings.strength
        paid = {name: COSTS[name](Paying(layers, self.own(k, name), *reading))[0] for name in member.costs}
        total = torch.stack(losses).mean() + sum(member.settings[name] * value for name, value in paid.items())
        gradient = torch.autograd.grad(total, list(own.values()), materialize_grads=True)
        found = {name: one[0] for name, one in zip(own, gradient, strict=True)}
        if member.positions != "learned":
            found |= {name: torch.zeros_like(one) for name, one in found.items() if name.startswith("position")}
        return {name: value.detach() for name, value in paid.items()}, found


def assert_plain(case):
    for k, member in enumerate(case.members):
        paid, gradient = case.plain(k)
        for name, found in case.step.gradient.named():
            torch.testing.assert_close(found[k], gradient[name], msg=lambda t, n=name, m=member: f"{m.name} {n}: {t}")
        total = sum(member.settings[name] * value for name, value in paid.items())
        torch.testing.assert_close(case.step.cost[k], torch.as_tensor(total, dtype=torch.float64), msg=member.name)
        for name, value in paid.items():
            slot = payers(case.members)[name].index(k)
            torch.testing.assert_close(case.step.paid.values[name][slot], value, msg=f"{member.name} {name}")


def test_every_kind_pays_what_its_costs_say_and_moves_as_their_gradients_do():
    assert_plain(Case(experiment()))


def test_so_it_is_with_several_learning_rates_and_strengths_in_one_batch():
    kinds = {"spatial": {"transport": [0, 2], "density": [0, 3]}, "l1": {"l1": [0.5, 2]}, "locality": {}, "fixed": {}}
    assert_plain(Case(experiment(kinds={**kinds, "regular": {}}, learning_rate=[0.01, 0.1], seeds=[3, 0])))


def test_so_it_is_where_one_kind_pays_costs_of_every_sort():
    table = {"transport": 0.5, "density": 2, "l1": 0.3, "communicability": 0.7, "locality": 2, "splitnet": 0.1}
    assert_plain(Case(experiment(kinds={"all": table, "spatial": {}})))


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
def test_so_it_is_however_transport_is_read(average, strength):
    kinds = ["spatial", "shuffled", "communicability"]
    assert_plain(Case(experiment(kinds=kinds, transport_average=average, strength=strength)))


def test_only_learned_positions_have_a_gradient():
    case = Case(experiment())
    moved = {m.family for k, m in enumerate(case.members) if case.step.gradient.position[k].abs().max() > 0}
    assert moved == {"spatial", "communicability"}


def test_a_second_step_replaces_gradients_and_adds_to_sums():
    case = Case(experiment())
    first = [tensor.clone() for tensor in case.step.gradient.tensors]
    once = case.step.cost.clone()
    case.step(case.batches.order(case.step.seeds, 0)[0])
    for found, expected in zip(case.step.gradient.tensors, first, strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(case.step.cost, 2 * once)


def test_parameters_of_a_costs_own_are_learned_and_its_constants_are_not():
    case = Case(experiment(kinds=["splitnet", "shuffled"]))
    learned = {name.split("/")[1]: tensor for name, tensor, _ in case.step.paid.learned}
    assert set(learned) == {"splitnet"}
    assert learned["splitnet"].grad.abs().max() > 0


def test_constants_depend_on_the_seed_alone():
    def distances_of(seeds):
        case = Case(experiment(kinds=["shuffled"], seeds=seeds))
        return {m.seed: case.own(k, "shuffled") for k, m in enumerate(case.members)}

    alone, among = distances_of([7]), distances_of([3, 7, 0])
    assert all(torch.equal(among[7][name], tensor) for name, tensor in alone[7].items())
    assert any(not torch.equal(among[3][name], tensor) for name, tensor in alone[7].items())


def test_a_cost_that_needs_activations_gets_them_and_pulls_at_them():
    @cost("loud", symbol="ψ", default=1.0, reason="Only a test.", needs=["activations"])
    def loud(paying):
        """Pay for what the units of the last hidden layer emit."""
        return paying.layers[-1].source.emitted.sum(dim=(1, 2))

    try:
        case = Case(experiment(kinds={"mine": {"loud": 2}, "regular": {}}))
        assert_plain(case)
        assert (case.step.paid.values["loud"] > 0).all()
    finally:
        COSTS.forget("loud")


def test_what_a_cost_begins_with_is_made_of_the_network_it_is_for():
    seen = []

    def begin(shape: Shape, draw):
        seen.append((shape, draw.random()))
        return Start(constants={"size": np.ones((), np.float32)})

    @cost("begun", symbol="ψ", default=1.0, reason="Only a test.", needs=["positions"], begin=begin)
    def begun(paying):
        """Pay nothing."""
        return 0 * paying.own["size"]

    try:
        case = Case(experiment(kinds={"mine": {"begun": 1}}))
    finally:
        COSTS.forget("begun")
    (shape, first), (_, second) = seen
    assert first != second  # of two seeds
    assert shape.populations == {"hidden1": 6, "hidden2": 5, "output": 5}
    assert shape.layers == [("hidden1", "hidden2"), ("hidden2", "output")]
    assert (shape.tasks.tolist(), shape.outputs) == ([0, 0, 0, 1, 1], "output")
    for name, units in zip(shape.populations, case.stack.units.values(), strict=True):
        np.testing.assert_array_equal(shape.positions[name], case.stack.position[0, units].float())


def test_networks_that_pay_nothing_are_left_alone():
    settings = experiment(kinds=["regular"])
    (batch,) = batches_of(settings)
    stack = initial_stack(settings, layer_sizes(settings, 9, 5), batch.members, CPU)
    gradient, paid = stack.zeros(), torch.zeros(2)
    costs = Paid(settings, batch.members, CLASSES, stack, gradient)
    costs.by_parameters(paid)
    assert costs.by_activations([], paid) == []
    assert costs.values == {}
    assert not any(tensor.any() for tensor in (*gradient.tensors, paid))


def test_distances_of_coincident_neurons_have_no_gradient():
    points = torch.zeros(1, 2, 2, requires_grad=True)
    (found,) = torch.autograd.grad(distances(points, points.detach()).sum(), points)
    assert found.tolist() == [[[0, 0], [0, 0]]]


def test_stretches_are_of_adjacent_networks_of_one_learning_rate():
    (batch,) = batches_of(experiment(kinds=["l1", "l2", "regular"], learning_rate=[0.1, 0.2]))
    found = stretches(batch.members, lambda member: "l1" in member.costs)
    names = [[member.name for member in batch.members[part]] for part in found]
    assert sorted(name for part in names for name in part) == sorted(m.name for m in batch.members if m.family == "l1")
    assert all(len({m.learning_rate for m in batch.members[part]}) == 1 for part in found)
