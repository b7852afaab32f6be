"""The costs against their equations, written plainly in float64 and differentiated automatically."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.torch.costs import density_cost, transport_cost, transport_sum


def plain_distances(one, other):
    difference = one[:, :, None] - other[:, None]
    square = difference.square().sum(-1)
    # The root's gradient at 0 is infinite; a distance of 0 is taken to pull at nothing.
    return torch.where(square > 0, square.where(square > 0, torch.ones_like(square)).sqrt(), 0.0)


def plain_transport(weight, source, target, average, strength):
    size = weight.abs() if strength == "absolute" else weight**2
    count = target.shape[1] * (source.shape[1] if average == "connections" else 1)
    return (size * plain_distances(source, target)).sum((1, 2)) / count


def plain_density(position):
    return torch.exp(-plain_distances(position, position)).mean((1, 2))


def values_and_gradients(function, *arguments):
    leaves = [a.clone().requires_grad_() for a in arguments]
    value = function(*leaves)
    # Different factors show a gradient that forgets which network it belongs to.
    return value.detach(), torch.autograd.grad((value * torch.arange(1, len(value) + 1)).sum(), leaves)


def case(seed, networks=3, units=(7, 5), dim=2):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    weight, source, target = normal(networks, *units), normal(networks, units[0], dim), normal(networks, units[1], dim)
    source[:, 0] = target[:, 0]  # coincident neurons of two layers
    source[:, 1] = source[:, 2]  # and of one
    return weight, source, target


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_transport_equals_the_equation(average, strength, dim):
    arguments = case(0, dim=dim)
    ours = values_and_gradients(lambda *a: transport_cost(*a, average, strength), *arguments)
    plain = values_and_gradients(lambda *a: plain_transport(*a, average, strength), *arguments)
    torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), dim=st.integers(1, 4))
def test_density_equals_the_equation(seed, dim):
    _, source, _ = case(seed, dim=dim)
    ours = values_and_gradients(density_cost, source)
    torch.testing.assert_close(ours, values_and_gradients(plain_density, source), rtol=1e-10, atol=1e-12)


def test_gradients_equal_finite_differences():
    weight, source, target = case(4)
    source[:, 0] += 1  # finite differences need distances that are not 0
    source[:, 1] += 1
    leaves = [t.requires_grad_() for t in (weight, source, target)]
    assert torch.autograd.gradcheck(lambda *a: transport_cost(*a), leaves)
    assert torch.autograd.gradcheck(density_cost, (source,))


def test_coincident_neurons_pull_at_nothing():
    place = torch.zeros(1, 3, 2, requires_grad=True)
    (density_cost(place) + transport_cost(torch.ones(1, 3, 3), place, place)).sum().backward()
    assert density_cost(place).item() == 1.0
    assert place.grad.abs().max() == 0


def test_a_long_strong_connection_costs_its_product():
    cost = transport_cost(torch.tensor([[[-2.0]]]), torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0]]]))
    assert cost.item() == 10.0


def test_distances_of_close_neurons_keep_their_digits():
    far = 1000.0
    one, other = torch.tensor([[[far, far]]]), torch.tensor([[[far + 2**-10, far]]])
    assert transport_cost(torch.ones(1, 1, 1), one, other).item() == 2**-10


def test_density_falls_as_neurons_move_apart():
    place = torch.randn(1, 6, 2, generator=torch.Generator().manual_seed(1))
    assert density_cost(place) > density_cost(2 * place) > density_cost(5 * place) > 1 / 6


@pytest.mark.parametrize("strength", ["absolute", "squared"])
def test_the_sum_is_the_same_seen_from_the_other_side(strength):
    weight, source, target = case(5)
    one = transport_sum(weight, source, target, strength)
    torch.testing.assert_close(one, transport_sum(weight.mT, target, source, strength))


def test_gradients_of_gradients_are_refused():
    """The gradient is computed without a graph of its own; a second derivative would silently lack terms."""
    place = torch.zeros(1, 3, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(density_cost(place).square().sum(), place, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
