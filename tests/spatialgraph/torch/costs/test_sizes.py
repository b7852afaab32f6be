"""L2 and the group lasso, worked out by hand and against the equation written plainly."""

import numpy as np
import pytest
import torch
from paying import drawn, gradients, paying_of

from spatialgraph.torch.costs import COSTS

TWO = {"a": 2, "b": 2, "output": 1}


def of(name, *weights, sizes=TWO):
    return COSTS[name](paying_of(name, [torch.tensor([weight]) for weight in weights], sizes, tasks=(0,))).item()


def test_l2_is_the_mean_square():
    # Mean squares 4/4 of the first layer and (9 + 16)/2 of the second, halved as there are two.
    assert of("l2", [[1.0, -1.0], [1.0, 1.0]], [[3.0], [-4.0]]) == (1 + 12.5) / 2


def test_group_lasso_is_the_norm_of_what_enters_each_neuron():
    # Neurons with weights (3, 4) and (0, 0): √2 · 5 / 4; one with (1, 1): √2 · √2 / 2.
    assert of("group-lasso", [[3.0, 0.0], [4.0, 0.0]], [[1.0], [1.0]]) == pytest.approx((2**0.5 * 5 / 4 + 1) / 2)


def test_weights_of_one_size_cost_their_size_under_the_group_lasso():
    assert of("group-lasso", [[0.5, -0.5], [0.5, 0.5]], [[0.5], [-0.5]]) == pytest.approx(0.5)


def test_the_group_lasso_switches_off_whole_neurons():
    """Two strong weights are cheaper at one neuron than at two; of lone weights it does not matter."""
    together, apart = [[3.0, 0.0], [3.0, 0.0]], [[3.0, 0.0], [0.0, 3.0]]
    zero = [[0.0], [0.0]]
    assert of("group-lasso", together, zero) < of("group-lasso", apart, zero)
    assert of("l1", together, zero) == of("l1", apart, zero)


def test_gradients_equal_the_equation():
    for name in ("l2", "group-lasso"):
        paying = drawn(name, 3)
        _, by = gradients(name, paying)
        for k, layer in enumerate(paying.layers):
            weight = layer.weight.detach().numpy()
            sources, targets = weight.shape[1:]
            norm = np.linalg.norm(weight, axis=1, keepdims=True)
            slope = {"l2": 2 * weight, "group-lasso": sources**0.5 * weight / norm}[name]
            expected = slope / (sources * targets * len(paying.layers))
            np.testing.assert_allclose(by[f"weight/{k}"], expected, rtol=1e-12)
