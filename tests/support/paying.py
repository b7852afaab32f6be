"""Networks that pay, for tests of costs: what a cost is computed from, of networks that depend on their seeds alone."""

from itertools import pairwise

import numpy as np
import torch

from spatialgraph.torch.costs import COSTS, Layer, Paying, Population, Shape

SIZES = {"hidden1": 5, "hidden2": 4, "output": 6}
TASKS = (0, 0, 0, 1, 1, 1)


def shape_of(sizes=SIZES, tasks=TASKS, layers=None, positions=None, outputs="output"):
    """Return the shape of populations that are in a chain, or connected as `layers` says."""
    return Shape(dict(sizes), list(layers or pairwise(sizes)), np.array(tasks, int), outputs, positions or {})


def started(name, shape, seed=0):
    """Return what a cost begins with in one network: its parameters, its constants."""
    begin = COSTS.facts(name).begin
    start = begin(shape, np.random.default_rng(seed)) if begin else None
    return (start.parameters, start.constants) if start else ({}, {})


def paying_of(name, weights, sizes=SIZES, tasks=TASKS, layers=None, positions=None, activations=None, outputs="output"):
    """Return what a cost of one network, or of several, is computed from.

    Args:
        name: of the cost.
        weights: of each layer, ``(networks, sources, targets)``.
        positions: population to ``(networks, units, dim)``.
        activations: population to ``(networks, examples, units)``.
    """
    layers, positions, activations = list(layers or pairwise(sizes)), positions or {}, activations or {}
    populations = {
        end: Population(
            end, size, positions.get(end), activations.get(end), torch.tensor(tasks) if end == outputs else None
        )
        for end, size in sizes.items()
    }
    own = {}
    for seed in range(len(weights[0])):
        at = {end: position[seed].detach().numpy() for end, position in positions.items()}
        for learned, arrays in enumerate(started(name, shape_of(sizes, tasks, layers, at, outputs), seed)[::-1]):
            for key, array in arrays.items():
                own.setdefault(key, ([], bool(learned)))[0].append(torch.tensor(np.asarray(array)))
    own = {
        key: (
            torch.stack(some).to(weights[0].dtype) if some[0].is_floating_point() else torch.stack(some)
        ).requires_grad_(learned)
        for key, (some, learned) in own.items()
    }
    made = [
        Layer(weight, populations[one], populations[two]) for weight, (one, two) in zip(weights, layers, strict=True)
    ]
    return Paying(made, own)


def drawn(name, networks=1, sizes=SIZES, tasks=TASKS, layers=None, outputs="output", dtype=torch.float64, examples=7):
    """Return what a cost of networks with drawn numbers is computed from; those of a network depend on its number."""
    layers = list(layers or pairwise(sizes))
    draws = [np.random.default_rng(number) for number in range(networks)]

    def normal(*shape):
        return torch.tensor(np.stack([draw.standard_normal(shape) for draw in draws]), dtype=dtype).requires_grad_()

    weights = [normal(sizes[source], sizes[target]) for source, target in layers]
    positions = {end: normal(size, 2) for end, size in sizes.items()}
    activations = {end: normal(examples, size) for end, size in sizes.items() if end != outputs}
    return paying_of(name, weights, sizes, tasks, layers, positions, activations, outputs)


def leaves(paying):
    """Return all that a cost can be differentiated by, by name."""
    found = {f"weight/{k}": layer.weight for k, layer in enumerate(paying.layers)}
    for end in paying.populations:
        found |= {f"position/{end.name}": end.position, f"activation/{end.name}": end.activation}
    found |= {key: tensor for key, tensor in paying.own.items() if tensor.requires_grad}
    return {key: tensor for key, tensor in found.items() if tensor is not None}


def gradients(name, paying):
    """Return the value of a cost, and its gradient by all that it can be differentiated by."""
    named = leaves(paying)
    value = COSTS[name](paying)
    found = torch.autograd.grad(value.sum(), list(named.values()), materialize_grads=True, allow_unused=True)
    return value.detach(), dict(zip(named, found, strict=True))
