"""Both ways to the gradient of the costs, by the kernel and by PyTorch's operations, against the public equations."""

import pytest
import torch
from charged import PAID, assert_equations, case, equations, in_float64
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.train import pair_costs
from spatialgraph.train.compiled import kernel
from spatialgraph.train.model import Stack
from spatialgraph.train.pair_costs import _Compiled, _Operations

CPU = torch.device("cpu")
UNITS = (1, 2, 3, 8, 17, 33, 130)  # of a layer; few are as many as vectors hold
BOTH = pytest.mark.parametrize("way", ["compiled", "operations"])


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
