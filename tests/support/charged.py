"""Networks that pay costs of pairs of neurons, drawn at random, and what the public equations say of them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from spatialgraph.torch.costs import density_cost, transport_cost
from spatialgraph.train.model import Stack, initial_parameters, positioned
from spatialgraph.train.pair_costs import PairCosts
from spatialgraph.train.settings import Experiment

PAID = ((1.0, 3.0), (0.0, 2.0), (0.5, 0.0), (4.0, 1.0), (1.0, 1.0))  # α and β of one network after another


@dataclass
class Case:
    """Networks that pay costs, in float32."""

    experiment: Experiment
    paid: list[tuple[float, float]]
    stack: Stack

    def adder(self, gradient, **how):
        """Return what adds the gradient of the costs."""
        transport, density = self.stack.position.new_tensor(self.paid).T.contiguous()
        return PairCosts(self.experiment, self.stack, gradient, transport, density, **how)


def case(units=(17, 130, 3), paid=PAID[:3], seed=0, scale=1.0, offset=0.0, coincident=True, **reading):
    """Draw networks whose layers of so many units are penalised, the first as a source alone."""
    *hidden, outputs = units
    names = [f"hidden{k}" for k in range(2, len(units))]
    layers = {"hidden": hidden, "penalised_layers": [*names, "output"]}
    experiment = Experiment(tasks=["one", "other"], **layers, **reading)
    drawn = [initial_parameters(experiment, (2, *hidden, outputs), seed + k) for k in range(len(paid))]
    arrays = {name: torch.from_numpy(np.stack([own[name] for own in drawn])) for name in drawn[0]}
    layers, ends = positioned(experiment), np.cumsum([0, *units]).tolist()
    places = torch.cat([arrays.pop(f"position/{k}") for k in layers], dim=1)
    parts = [arrays[f"{name}/{k}"] for name in ("weight", "bias") for k in range(1, len(units) + 1)]
    stack = Stack.of([*parts, places], {k: slice(*pair) for k, pair in zip(layers, pairwise(ends), strict=True)})
    stack.position.mul_(scale).add_(offset)
    if coincident:
        stack.position[:, -1] = stack.position[:, 0]  # of two layers
        stack.position[:, units[0] - 2] = stack.position[:, units[0] - 1]  # of one, or, of one neuron, of two
        stack.weights[1][:, 0, ::2] = 0
    return Case(experiment, list(paid), stack)


def in_float64(case):
    return Case(case.experiment, case.paid, Stack.of([t.double() for t in case.stack.tensors], case.stack.units))


def equations(case):
    """Return the transport cost, the density cost and the gradient of what is paid, differentiated automatically."""
    experiment, stack = case.experiment, case.stack
    leaves = [tensor.clone().requires_grad_() for tensor in stack.tensors]
    own = Stack.of(leaves, stack.units)
    place = {k: own.position[:, units] for k, units in stack.units.items()}
    reading = experiment.transport_average, experiment.strength
    assert list(pairwise(positioned(experiment))) == [(k - 1, k) for k in experiment.penalised]
    transport = [transport_cost(own.weights[k - 1], place[k - 1], place[k], *reading) for k in experiment.penalised]
    density = [density_cost(place[k]) for k in experiment.penalised]
    means = [torch.stack(costs).mean(dim=0) for costs in (transport, density)]
    factors = zip(*case.paid, strict=True)
    paid = sum((mean * mean.new_tensor(factor)).sum() for mean, factor in zip(means, factors, strict=True))
    gradient = torch.autograd.grad(paid, leaves, materialize_grads=True)
    return *(mean.detach() for mean in means), Stack.of(gradient, stack.units)


def assert_near(found, expected, accuracy, what):
    """Assert that every network's numbers are near those expected, relative to the largest of them."""
    found, expected = (values.double().reshape(len(values), -1) for values in (found, expected))
    error, largest = (found - expected).abs().amax(dim=1), expected.abs().amax(dim=1)
    # The smallest normal numbers stand for what is smaller.
    assert (error <= accuracy * largest + 1e-36).all(), f"{what}: {error.tolist()}, of {largest.tolist()}"


def assert_equations(found, expected, accuracy):
    (costs, gradient), (transport, density, by) = found, expected
    assert_near(costs.transport, transport, accuracy, "transport")
    assert_near(costs.density, density, accuracy, "density")
    for number, (own, right) in enumerate(zip(gradient.tensors, by.tensors, strict=True)):
        assert_near(own, right, accuracy, f"gradient by tensor {number}")
