"""The share of weights within blocks that are fixed beforehand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from paying import drawn, gradients, paying_of, shape_of, started

from spatialgraph.torch.costs import COSTS

SIZES = {"hidden": 3, "output": 4}
TASKS = (7, 7, 9, 9)


def of(weight, sizes=SIZES, tasks=TASKS):
    return COSTS["clusterability"](paying_of("clusterability", [torch.tensor(np.array([weight]))], sizes, tasks)).item()


def test_hidden_units_are_divided_evenly_and_outputs_by_task():
    _, constants = started("clusterability", shape_of({"hidden1": 5, "hidden2": 1, "output": 4}, TASKS))
    assert {key: block.tolist() for key, block in constants.items()} == {
        "block/hidden1": [0, 0, 0, 1, 1],
        "block/hidden2": [0],
        "block/output": [0, 0, 1, 1],
    }
    _, constants = started("clusterability", shape_of({"a": 6, "b": 7}, (0, 1, 2), outputs=""))
    assert constants["block/a"].tolist() == [0, 0, 1, 1, 2, 2]
    assert np.bincount(constants["block/b"]).tolist() == [3, 2, 2]


def test_outputs_need_not_be_in_the_order_of_tasks():
    _, constants = started("clusterability", shape_of(SIZES, (1, 0, 1, 0)))
    assert constants["block/output"].tolist() == [1, 0, 1, 0]


def test_the_cost_is_the_share_of_squares_within_blocks():
    # Hidden units 0 and 1 are of the first block, 2 of the second. Within: 1 + 4 + 9 of 1 + 4 + 9 + 16 + 25.
    weight = [[1.0, 0.0, 4.0, 0.0], [0.0, -2.0, 0.0, 0.0], [5.0, 0.0, 0.0, 3.0]]
    assert of(weight) == pytest.approx(-14 / 55)


def test_separate_blocks_cost_least_and_wrong_ones_most():
    within = [[1.0, 2.0, 0.0, 0.0], [3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, -4.0]]
    assert of(within) == -1
    assert of([row[2:] + row[:2] for row in within]) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_it_is_from_minus_1_to_0_whatever_the_size_of_weights(seed, scale):
    weight = np.random.default_rng(seed).standard_normal((3, 4))
    assert -1 <= of(weight) <= 0
    assert of(scale * weight) == pytest.approx(of(weight))


def test_the_gradient_equals_the_equation():
    paying = drawn("clusterability", 2)
    _, by = gradients("clusterability", paying)
    for k, layer in enumerate(paying.layers):
        weight = layer.weight.detach().numpy()
        blocks = [paying.own[f"block/{end.name}"].numpy() for end in (layer.source, layer.target)]
        inside = blocks[0][:, :, None] == blocks[1][:, None]
        total, within = (weight**2).sum((1, 2), keepdims=True), (weight**2 * inside).sum((1, 2), keepdims=True)
        expected = -2 * weight * (inside * total - within) / total**2 / len(paying.layers)
        np.testing.assert_allclose(by[f"weight/{k}"], expected, rtol=1e-10, atol=1e-14)


def test_one_task_has_one_block():
    assert of([[1.0, 2.0]], {"hidden": 1, "output": 2}, (0, 0)) == -1


def test_tasks_are_needed():
    with pytest.raises(ValueError, match=r"^tasks: expected the task of every output, .*, found none$"):
        started("clusterability", shape_of({"a": 2, "b": 2}, (), outputs=""))
