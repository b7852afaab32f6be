"""The cost of SplitNet: its three parts by hand, where it is least, and that it splits networks."""

import math

import numpy as np
import pytest
import torch
from paying import paying_of, shape_of, started

from spatialgraph.torch.costs import COSTS

SIZES, TASKS = {"hidden": 4, "output": 2}, (0, 1)
SURE = 40.0  # a logit that makes a share of 1 in float64
ROOT_PI = math.sqrt(math.pi)


def of(weight, logits, sizes=SIZES, tasks=TASKS):
    """Return the cost of one layer whose sources have these logits for the second group, 0 for the first."""
    paying = paying_of("splitnet", [torch.tensor(np.array([weight]))], sizes, tasks)
    column = torch.tensor(np.array(logits))
    with torch.no_grad():
        paying.own["logits/hidden"][0] = torch.stack([torch.zeros_like(column), column], dim=1)
    return COSTS["splitnet"](paying).item() / ROOT_PI


SPLIT = [[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [0.0, 4.0]]
APART = [-SURE, -SURE, SURE, SURE]


def test_it_is_0_if_groups_are_separate_and_equally_large():
    assert of(SPLIT, APART) == pytest.approx(0, abs=1e-12)


def test_a_weight_between_groups_costs_by_its_row_and_its_column():
    # One weight of 6 from the first group to the output of the second. G / (2 (G − 1)) = 1. Its row: 6 / (4 √2), its
    # column, with nothing else that is between groups: 6 / (√4 · 2).
    between = [[1.0, 6.0], *SPLIT[1:]]
    assert of(between, APART) == pytest.approx(6 / (4 * 2**0.5) + 6 / 4)


def test_undecided_units_overlap():
    # Half of each unit is in the wrong group. Rows: ½ (1 + 2 + 3 + 4) / (4 √2). Columns, (1, −2) and (3, 4) with a half
    # of each weight: ½ (√5 + 5) / (√4 · 2). Overlap 1, balance 0.
    assert of(SPLIT, [0.0] * 4) == pytest.approx(5 / (4 * 2**0.5) + (5**0.5 + 5) / 8 + 0.1)


def test_groups_of_unequal_sizes_cost():
    # All in the first group: 2 (1² + 0²) − 1; and no weight to the outputs of the first.
    inside = [[1.0, 0.0]] * 4
    assert of(inside, [-SURE] * 4) == pytest.approx(1)
    # Three of four: 2 (9/16 + 1/16) − 1.
    assert of([*inside[:3], [0.0, 1.0]], [-SURE] * 3 + [SURE]) == pytest.approx(1 / 4)


def test_equal_shares_at_both_ends_cost_the_size_of_weights():
    sizes = {"one": 3, "two": 4}
    paying = paying_of("splitnet", [torch.full((1, 3, 4), -0.7, dtype=torch.float64)], sizes, (0, 1, 2), outputs="")
    with torch.no_grad():
        for logits in paying.own.values():
            if logits.requires_grad:
                logits.zero_()
    assert COSTS["splitnet"](paying).item() / ROOT_PI == pytest.approx(0.7 + 0.1)


def test_it_is_least_where_groups_are_separate():
    draw = np.random.default_rng(0)
    least = of(SPLIT, APART)
    for _ in range(20):
        assert of(SPLIT, draw.standard_normal(4) * 3) > least
        assert of(draw.standard_normal((4, 2)), APART) > least


def test_groups_that_change_places_cost_the_same():
    draw = np.random.default_rng(1)
    weight, logits = draw.standard_normal((4, 2)), draw.standard_normal(4)
    assert of(weight, logits) == pytest.approx(of(weight[:, ::-1].copy(), -logits))


def test_hidden_populations_begin_with_nearly_equal_shares():
    parameters, constants = started("splitnet", shape_of({"a": 50, "b": 60, "output": 4}, (5, 5, 8, 8)))
    assert {key: logits.shape for key, logits in parameters.items()} == {"logits/a": (50, 2), "logits/b": (60, 2)}
    assert 0.005 < np.std(next(iter(parameters.values()))) < 0.02
    assert constants["outputs"].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_one_task_has_nothing_to_split():
    paying = paying_of("splitnet", [torch.randn(1, 4, 2, dtype=torch.float64)], SIZES, (0, 0))
    assert COSTS["splitnet"](paying).item() == pytest.approx(0, abs=1e-12)


def test_gradient_descent_splits_a_network():
    """Two inputs that each output needs, drawn as they come: hidden units choose a task, half of them each."""
    draw = torch.Generator().manual_seed(0)
    sizes, tasks = {"hidden1": 16, "hidden2": 16, "output": 2}, (0, 1)
    weights = [torch.randn(1, 8, 16, generator=draw), *(torch.randn(1, 16, n, generator=draw) / 4 for n in (16, 2))]
    weights = [weight.requires_grad_() for weight in weights]
    paying = paying_of("splitnet", weights[1:], sizes, tasks)
    inputs = torch.randn(1, 64, 8, generator=draw)
    wanted = torch.stack([inputs[..., 0] * inputs[..., 1], inputs[..., 2] * inputs[..., 3]], dim=-1)
    adam = torch.optim.Adam([*weights, *(own for own in paying.own.values() if own.requires_grad)], lr=0.05)
    for _ in range(400):
        hidden = inputs
        for weight in weights[:-1]:
            hidden = torch.tanh(hidden @ weight)
        adam.zero_grad()
        loss = (hidden @ weights[-1] - wanted).square().mean() + 0.3 * COSTS["splitnet"](paying).sum()
        loss.backward()
        adam.step()
    groups = [paying.own[f"logits/{name}"][0].detach() for name in ("hidden1", "hidden2")]
    chosen = [*(group.argmax(dim=1) for group in groups), torch.tensor([0, 1])]
    for group in groups:
        assert torch.softmax(group, dim=1).amax(dim=1).min() > 0.9
        assert 6 <= group.argmax(dim=1).sum() <= 10
    for weight, source, target in zip(weights[1:], chosen, chosen[1:], strict=False):
        between = source[:, None] != target
        assert weight[0].detach().abs()[between].sum() < 0.05 * weight.detach().abs().sum()
