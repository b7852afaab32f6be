"""Both ways to the gradient of the costs, by the kernel and by PyTorch's operations, against the public equations."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.torch.costs import density_cost, transport_cost
from spatialgraph.train import pair_costs
from spatialgraph.train.compiled import kernel
from spatialgraph.train.model import Stack, initial_parameters, positioned
from spatialgraph.train.pair_costs import PairCosts, _Compiled, _Operations
from spatialgraph.train.settings import Experiment

CPU = torch.device("cpu")
PAID = ((1.0, 3.0), (0.0, 2.0), (0.5, 0.0), (4.0, 1.0), (1.0, 1.0))  # α and β of one network after another
UNITS = (1, 2, 3, 8, 17, 33, 130)  # of a layer; few are as many as vectors hold
BOTH = pytest.mark.parametrize("way", ["compiled", "operations"])


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


def run(case, way="compiled", threads=1, gradient=None):
    """Return the costs and the gradient, added to zeros."""
    gradient = gradient or case.stack.zeros()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    add = case.adder(gradient, compiled=way == "compiled")
    costs = add()
    torch.set_num_threads(before)
    assert isinstance(add._way, {"compiled": _Compiled, "operations": _Operations}[way])
    return costs, gradient


@pytest.fixture(autouse=True)
def _kernel(request):
    way = request.getfixturevalue("way") if "way" in request.fixturenames else "compiled"
    if way == "compiled" and kernel() is None:
        pytest.skip("there is no compiler")


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


def assert_right(case, threads=1):
    precise = in_float64(case)
    expected = equations(precise)
    assert_equations(run(precise, "operations"), expected, 1e-11)
    assert_equations(run(case, "compiled", threads), expected, 2e-6)


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_both_ways_equal_the_equations_however_costs_are_read(average, strength, dimensions):
    assert_right(case(transport_average=average, strength=strength, dimensions=dimensions))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("networks", [1, 2, 5])
def test_threads_that_share_networks_or_their_sources_lose_nothing(networks, threads):
    assert_right(case((130, 17, 1, 3), PAID[:networks]), threads)


@settings(max_examples=40, deadline=None)
@given(
    units=st.lists(st.sampled_from(UNITS), min_size=2, max_size=4),
    paid=st.lists(st.sampled_from(PAID), min_size=1, max_size=4),
    threads=st.integers(1, 2),
    seed=st.integers(0, 2**16),
    strength=st.sampled_from(["absolute", "squared"]),
    dimensions=st.integers(1, 4),
)
def test_both_ways_equal_the_equations_whatever_the_shape(units, paid, threads, seed, strength, dimensions):
    assert_right(case(units, paid, seed, strength=strength, dimensions=dimensions), threads)


@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1e-2, 1e2, 1e6, 1e15])
def test_networks_may_be_tiny_or_huge(scale):
    assert_right(case(scale=scale))


def test_networks_may_be_far_from_the_origin():
    networks = case(offset=1e4)
    assert_equations(run(networks), equations(in_float64(networks)), 2e-6)


@pytest.mark.parametrize("pairs", [1, 17 * 130 * 2, 2**18])
def test_operations_take_the_networks_that_there_is_memory_for(monkeypatch, pairs):
    monkeypatch.setattr(pair_costs, "_PAIRS_IN_CACHE", pairs)
    networks = in_float64(case(paid=PAID))
    assert_equations(run(networks, "operations"), equations(networks), 1e-11)


@BOTH
def test_the_gradient_is_added_to_that_by_weights_and_replaces_that_by_positions(way):
    networks = case()
    _, alone = run(networks, way)
    before = networks.stack.zeros()
    for tensor in before.tensors:
        tensor.uniform_(-1e-3, 1e-3, generator=torch.Generator().manual_seed(0))
    _, found = run(networks, way, gradient=Stack.of([t.clone() for t in before.tensors], before.units))
    assert torch.equal(found.position, alone.position)
    for own, old, new in zip(found.weights, before.weights, alone.weights, strict=True):
        torch.testing.assert_close(own, old + new, rtol=1e-6, atol=1e-9)
    assert all(torch.equal(own, old) for own, old in zip(found.biases, before.biases, strict=True))


@BOTH
def test_a_factor_of_zero_adds_exactly_nothing(way):
    _, gradient = run(case(paid=[(0.0, 1.0), (1.0, 0.0)]), way)
    assert not any(weight[0].any() for weight in gradient.weights)
    sources = slice(0, 17)  # which are of no penalised layer, so that density is not theirs
    assert not gradient.position[0, sources].any()
    assert gradient.position[1, sources].any()


@BOTH
def test_coincident_neurons_pull_at_nothing(way):
    networks = case()
    networks.stack.position.fill_(1.5)
    costs, gradient = run(networks, way)
    assert costs.transport.tolist() == [0, 0, 0]
    torch.testing.assert_close(costs.density, torch.ones(3))
    assert not any(tensor.any() for tensor in gradient.tensors)


@BOTH
def test_weights_of_zero_cost_nothing_and_pull_at_nothing(way):
    networks = case(paid=[(1.0, 0.0)])
    for weight in networks.stack.weights:
        weight.zero_()
    costs, gradient = run(networks, way)
    assert costs.transport.tolist() == [0]
    assert not any(tensor.any() for tensor in gradient.tensors)


@BOTH
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("where", ["weight", "position"])
def test_a_network_that_is_no_number_any_more_leaves_the_others_alone(way, where, bad):
    networks = case(paid=PAID)
    costs, gradient = run(networks, way, threads=2)
    spoilt = networks.stack.weights[1] if where == "weight" else networks.stack.position
    spoilt[2, 0] = bad
    spoilt_costs, spoilt_gradient = run(networks, way, threads=2)
    others = [0, 1, 3, 4]
    assert torch.equal(costs.transport[others], spoilt_costs.transport[others])
    assert torch.equal(costs.density[others], spoilt_costs.density[others])
    for own, right in zip(spoilt_gradient.tensors, gradient.tensors, strict=True):
        assert torch.equal(own[others], right[others])


@BOTH
@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_call_gives_the_same_bits(way, networks, threads):
    of = case((130, 130, 17), PAID[:networks])
    (costs, gradient), (again, gradient_again) = run(of, way, threads), run(of, way, threads)
    assert torch.equal(costs.transport, again.transport)
    assert torch.equal(costs.density, again.density)
    for own, right in zip(gradient.tensors, gradient_again.tensors, strict=True):
        assert torch.equal(own, right)


@BOTH
def test_parameters_may_change_in_place_between_calls(way):
    networks = case()
    gradient = networks.stack.zeros()
    add = networks.adder(gradient, compiled=way == "compiled")
    first = add()
    kept = first.transport.clone(), first.density.clone()
    for tensor in networks.stack.tensors:
        tensor.mul_(1.5)
    for tensor in gradient.tensors:
        tensor.zero_()
    second = add()
    expected, expected_gradient = run(networks, way)
    assert torch.equal(second.transport, expected.transport)
    assert torch.equal(second.density, expected.density)
    for own, right in zip(gradient.tensors, expected_gradient.tensors, strict=True):
        assert torch.equal(own, right)
    assert torch.equal(first.transport, kept[0])  # what was returned is not written to again
    assert torch.equal(first.density, kept[1])


def test_closeness_has_its_digits_at_every_distance():
    """Two neurons on a line, the second at each of many distances, pull at each other by β / 2 · exp(−distance)."""
    distance = torch.arange(1, 3201) / 32  # their squares are float32 numbers, so that the roots are exact
    networks = case((1, 2), [(0.0, 1.0)] * len(distance), coincident=False, dimensions=1)
    networks.stack.position.zero_()
    networks.stack.position[:, 2, 0] = distance
    costs, gradient = run(networks)
    exact = torch.exp(-distance.double())
    found = -2 * gradient.position[:, 2, 0].double()
    normal = exact / distance >= torch.finfo(torch.float32).tiny  # up to distances of 82
    assert ((found / exact - 1).abs()[normal] <= 3e-7).all()
    assert ((found - exact).abs()[~normal] <= 2e-38).all()
    torch.testing.assert_close(costs.density.double(), (1 + exact) / 2, rtol=1.2e-7, atol=0)
