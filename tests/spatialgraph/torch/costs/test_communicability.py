"""Transport times communicability: against the exponential of the whole matrix, and where layers are in no chain."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from paying import drawn, paying_of
from scipy.linalg import expm

from spatialgraph.torch.costs import COSTS
from spatialgraph.torch.costs.communicability import exponential, normalised

CHAIN = {"hidden1": 5, "hidden2": 4, "hidden3": 7, "output": 6}
ODD, ANY = (math.sinh(1) - (1 + 1 / 6 + 1 / 120)), (math.e - (1 + 1 + 1 / 2 + 1 / 6 + 1 / 24 + 1 / 120))
CASES = {
    "chain": (list(pairwise(CHAIN)), ODD),
    "apart": ([("hidden1", "hidden2"), ("hidden3", "output")], ODD),
    "fork": ([("hidden1", "hidden2"), ("hidden1", "hidden3"), ("hidden2", "output"), ("hidden3", "output")], ODD),
    "twice": ([("hidden1", "hidden2"), ("hidden1", "hidden2")], ODD),
    "back": ([("hidden1", "hidden2"), ("hidden2", "hidden1"), ("hidden2", "output")], ODD),
    "skip": ([*pairwise(CHAIN), ("hidden1", "hidden3")], ANY),
    "loop": ([("hidden1", "hidden2"), ("hidden2", "hidden2"), ("hidden2", "output")], ANY),
    "loop alone": ([("hidden1", "hidden1"), ("hidden3", "output")], ANY),
}


def whole(paying, network):
    """Return the graph of all paying layers, normalised, and where each population is in it."""
    sizes = {end.name: end.size for end in paying.populations}
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()])[:-1], strict=True))
    at = {name: slice(start, start + sizes[name]) for name, start in starts.items()}
    graph = np.zeros((sum(sizes.values()),) * 2)
    for layer in paying.layers:
        block = abs(layer.weight[network].detach().numpy())
        graph[at[layer.source.name], at[layer.target.name]] += block
        graph[at[layer.target.name], at[layer.source.name]] += block.T
    strength = graph.sum(axis=1)
    root = np.where(strength > 0, strength, np.inf) ** -0.5
    return root[:, None] * graph * root, at


def exactly(paying, network, power=None):
    """Return the cost with the exponential of the whole matrix, or with its series up to a power."""
    matrix, at = whole(paying, network)
    equal, _ = whole(paying_like(paying), 0)
    if power is None:
        exponentials = [expm(own) for own in (matrix, equal)]
    else:
        exponentials = [
            sum(np.linalg.matrix_power(own, k) / math.factorial(k) for k in range(power + 1)) for own in (matrix, equal)
        ]
    costs = []
    for layer in paying.layers:
        ends = at[layer.source.name], at[layer.target.name]
        c, scale = (own[ends] for own in exponentials)
        places = [end.position[network].detach().numpy() for end in (layer.source, layer.target)]
        distance = np.linalg.norm(places[0][:, None] - places[1], axis=2)
        off = ~np.eye(len(scale), dtype=bool) if layer.source is layer.target else np.full(scale.shape, True)
        costs.append((abs(layer.weight[network].detach().numpy()) * distance * c).mean() / scale[off].mean())
    return np.mean(costs)


def paying_like(paying):
    """Return the same layers with weights of 1."""
    sizes = {end.name: end.size for end in paying.populations}
    layers = [(layer.source.name, layer.target.name) for layer in paying.layers]
    weights = [torch.ones(1, sizes[source], sizes[target]) for source, target in layers]
    return paying_of("l1", weights, sizes, (), layers, outputs="")


def of_case(case, networks=2):
    layers, bound = CASES[case]
    used = {name: size for name, size in CHAIN.items() if any(name in ends for ends in layers)}
    return drawn("communicability", networks, used, (0, 0, 0, 1, 1, 1), layers), bound


@pytest.mark.parametrize("case", CASES)
def test_the_cost_is_that_of_the_series_of_the_whole_matrix(case):
    paying, _ = of_case(case)
    for network, value in enumerate(COSTS["communicability"](paying).tolist()):
        assert value == pytest.approx(exactly(paying, network, power=5), rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_what_the_series_leaves_out_is_bounded(case):
    paying, bound = of_case(case)
    ends = [(layer.source.name, layer.target.name) for layer in paying.layers]
    found = exponential(normalised(ends, [layer.weight.abs() for layer in paying.layers]), ends)
    for network in range(2):
        matrix, at = whole(paying, network)
        assert abs(np.linalg.eigvalsh(matrix)).max() <= 1 + 1e-12
        for (source, target), block in zip(ends, found, strict=True):
            right = expm(matrix)[at[source], at[target]]
            if source == target:
                right = right - np.eye(len(right))
            error = np.linalg.norm(right - block[network].detach().numpy(), ord=2)
            assert error <= bound + 1e-12
    assert (pytest.approx(2.01e-4, rel=0.01), pytest.approx(1.62e-3, rel=0.01)) == (ODD, ANY)


@pytest.mark.parametrize("case", CASES)
def test_weights_of_one_size_cost_what_they_cost_for_transport(case):
    paying, _ = of_case(case)
    with torch.no_grad():
        for layer in paying.layers:
            layer.weight.fill_(-0.3)
    torch.testing.assert_close(COSTS["communicability"](paying), COSTS["transport"](paying))


def test_one_connection_alone():
    """Its matrix has 1 beside the diagonal, and so has that of equal weights: the cost is the product."""
    positions = {"a": torch.tensor([[[0.0, 0.0]]]), "output": torch.tensor([[[3.0, 4.0]]])}
    paying = paying_of("communicability", [torch.tensor([[[-2.0]]])], {"a": 1, "output": 1}, (0,), positions=positions)
    assert COSTS["communicability"](paying).item() == pytest.approx(10)


def test_connections_that_carry_most_of_their_units_strength_cost_more():
    even, concentrated = (
        drawn("communicability", 1, {"a": 4, "output": 4}, (0, 0, 1, 1), dtype=torch.float64) for _ in range(2)
    )
    with torch.no_grad():
        even.layers[0].weight.fill_(0.25)
        concentrated.layers[0].weight.copy_(torch.eye(4))
        for paying in (even, concentrated):
            paying.layers[0].source.position.fill_(0.0)
            paying.layers[0].target.position.fill_(1.0)
    costs = [COSTS["communicability"](paying).item() for paying in (even, concentrated)]
    assert costs[1] == pytest.approx(4 * costs[0], rel=1e-3)  # 1 / 4 of a unit's strength, and all of it


def test_the_size_of_all_weights_changes_no_communicability():
    paying = drawn("communicability", 2)
    before = COSTS["communicability"](paying)
    with torch.no_grad():
        for layer in paying.layers:
            layer.weight.mul_(1e-3)
    torch.testing.assert_close(COSTS["communicability"](paying), before * 1e-3)


def test_a_unit_without_connections_costs_nothing_and_stays_so():
    paying = drawn("communicability", 2)
    with torch.no_grad():
        paying.layers[0].weight[:, :, 1] = 0
        paying.layers[1].weight[:, 1] = 0
    value = COSTS["communicability"](paying)
    value.sum().backward()
    assert value.isfinite().all()
    assert paying.layers[0].weight.grad[:, :, 1].abs().max() == 0
    assert paying.layers[1].weight.grad[:, 1].abs().max() == 0
