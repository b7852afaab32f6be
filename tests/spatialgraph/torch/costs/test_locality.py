"""The correlation of what near units do: by hand, against NumPy's, and of units that do nothing."""

import numpy as np
import pytest
import torch
from paying import drawn, gradients, paying_of

from spatialgraph.torch.costs import COSTS, Layer, Paying, Population
from spatialgraph.torch.costs.locality import EXAMPLES

SIZES, TASKS = {"input": 1, "hidden": 3, "output": 2}, (0, 1)


def of(activation, position, dtype=torch.float64):
    """Return what one population of three units pays: activations are by example, positions on a line."""
    weights = [torch.zeros(1, 1, 3, dtype=dtype), torch.zeros(1, 3, 2, dtype=dtype)]
    units = len(position)
    sizes = {**SIZES, "hidden": units}
    weights = [torch.zeros(1, 1, units, dtype=dtype), torch.zeros(1, units, 2, dtype=dtype)]
    positions = {name: torch.zeros(1, size, 1, dtype=dtype) for name, size in sizes.items()}
    positions["hidden"] = torch.tensor(np.array(position), dtype=dtype)[None, :, None]
    activations = {"hidden": torch.tensor(np.array(activation), dtype=dtype)[None]}
    return COSTS["locality"](paying_of("locality", weights, sizes, TASKS, None, positions, activations)).item()


def test_order_is_a_correlation_of_correlations():
    # r of units 0 and 1: 1; 0 and 2, 1 and 2: −1. Closeness 1/2, 1/4 and 1/3, of the same pairs. Centred, r is
    # (4, −2, −2)/3 and closeness (5, −4, −1)/36, whose correlation is 30 / √(24 · 42).
    ordered = of([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]], [0.0, 1.0, 3.0])
    assert ordered == pytest.approx((1 - 30 / (24 * 42) ** 0.5) / 2)


def test_it_is_0_if_near_units_do_alike_and_1_if_far_ones_do():
    # Units 0 and 1 do alike, 2 the opposite; two distances only.
    activation = [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    weights = [torch.zeros(1, 1, 3, dtype=torch.float64), torch.zeros(1, 3, 2, dtype=torch.float64)]
    triangle = torch.tensor([[[0.0, 0.5], [0.0, -0.5], [4.0, 0.0]]], dtype=torch.float64)
    for order, expected in ([0, 1, 2], 0), ([0, 2, 1], 0.75):
        positions = {"input": torch.zeros(1, 1, 2), "hidden": triangle[:, order], "output": torch.zeros(1, 2, 2)}
        activations = {"hidden": torch.tensor([activation], dtype=torch.float64)}
        paying = paying_of("locality", weights, SIZES, TASKS, None, positions, activations)
        assert COSTS["locality"](paying).item() == pytest.approx(expected)


def test_value_equals_numpys_correlations():
    paying = drawn("locality", 3, sizes={"a": 4, "b": 6, "c": 5, "output": 6})
    found = COSTS["locality"](paying).tolist()
    for network, value in enumerate(found):
        parts = []
        for layer in paying.layers[:-1]:
            emitted = layer.target.activation[network].detach().numpy()
            place = layer.target.position[network].detach().numpy()
            pairs = ~np.eye(len(place), dtype=bool)
            near = 1 / (1 + np.linalg.norm(place[:, None] - place, axis=2))
            parts.append((1 - np.corrcoef(np.corrcoef(emitted.T)[pairs], near[pairs])[0, 1]) / 2)
        assert value == pytest.approx(np.mean(parts))


def test_gradients_equal_automatic_differentiation():
    paying = drawn("locality", 2)
    hidden = paying.layers[0].target
    _, by = gradients("locality", paying)
    value = []
    for emitted, place in zip(hidden.activation, hidden.position, strict=True):
        above = torch.ones(hidden.size, hidden.size).triu(1).bool()
        near = 1 / (1 + torch.cdist(place, place))[above]
        value.append((1 - torch.corrcoef(torch.stack([torch.corrcoef(emitted.T)[above], near]))[0, 1]) / 2)
    expected = torch.autograd.grad(sum(value), [hidden.activation, hidden.position])
    found = by["activation/hidden2"], by["position/hidden2"]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_activations_may_be_scaled_and_shifted_unit_by_unit():
    paying = drawn("locality", 2)
    before = COSTS["locality"](paying)
    with torch.no_grad():
        for layer in paying.layers[:-1]:
            layer.target.activation.mul_(torch.rand(layer.target.size) + 0.5).add_(torch.rand(layer.target.size))
    torch.testing.assert_close(COSTS["locality"](paying), before)


def test_a_constant_unit_correlates_with_none():
    # r of units 0 and 1: 1; with 2: 0. Centred: (2, −1, −1)/3.
    near = np.array([1 / 2, 1 / 4, 1 / 3])
    expected = (1 - np.corrcoef([1, 0, 0], near)[0, 1]) / 2
    for constant in (0.0, 0.7, 1e9):
        assert of([[1.0, 2.0, constant], [0.0, 0.0, constant]], [0.0, 1.0, 3.0]) == pytest.approx(expected)


def test_rounding_is_no_activity():
    """The mean of many equal numbers may differ from them in the last place."""
    constant = np.full((1000, 3), 0.1)
    assert of(constant, [0.0, 1.0, 3.0], torch.float32) == 0.5
    constant[:, :2] = np.random.default_rng(0).standard_normal((1000, 1))
    expected = (1 - np.corrcoef([1, 0, 0], [1 / 2, 1 / 4, 1 / 3])[0, 1]) / 2
    assert of(constant, [0.0, 1.0, 3.0], torch.float32) == pytest.approx(expected, abs=1e-5)


def test_where_no_two_pairs_differ_it_is_a_half():
    assert of([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]) == 0.5  # one pair
    assert of([[1.0], [0.0]], [0.0]) == 0.5  # none
    assert of([[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]], [0.0, 0.0, 0.0]) == 0.5  # one place


def test_units_that_emit_are_needed():
    weight = torch.zeros(1, 2, 2)
    paying = paying_of("locality", [weight], {"hidden": 2, "output": 2}, (0, 1))
    with pytest.raises(ValueError, match=r"^locality: expected .* units with activations, found 'output' without any$"):
        COSTS["locality"](paying)


def test_of_a_large_batch_the_first_examples_count():
    draw = torch.Generator().manual_seed(0)
    emitted = torch.rand(1, EXAMPLES + 3, 4, generator=draw, dtype=torch.float64).requires_grad_()
    points = torch.rand(1, 4, 2, generator=draw, dtype=torch.float64)
    units = Population("a", 4, points, emitted), Population("b", 2, points[:, :2])
    paying = Paying([Layer(torch.ones(1, 2, 4, dtype=torch.float64), *units[::-1])])
    few = Population("a", 4, points, emitted[:, :EXAMPLES])
    expected = COSTS["locality"](Paying([Layer(paying.layers[0].weight, units[1], few)]))
    found = COSTS["locality"](paying)
    assert found.item() == expected.item()
    (gradient,) = torch.autograd.grad(found.sum(), emitted)
    assert gradient[:, :EXAMPLES].abs().min() > 0
    assert not gradient[:, EXAMPLES:].any()
