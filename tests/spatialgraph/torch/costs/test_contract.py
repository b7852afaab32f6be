"""What every cost keeps to: a finite number for each network, of that network alone, with finite gradients."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from paying import SIZES, TASKS, drawn, gradients, leaves, paying_of, shape_of, started

from spatialgraph.torch.costs import COSTS


@pytest.fixture(params=list(COSTS))
def name(request):
    return request.param


def test_each_network_has_a_finite_number(name):
    value, by = gradients(name, drawn(name, 3, dtype=torch.float32))
    assert value.shape == (3,)
    assert value.isfinite().all()
    assert any(gradient.abs().sum() > 0 for gradient in by.values())
    assert all(gradient.isfinite().all() for gradient in by.values())


def test_a_network_does_not_depend_on_its_company(name):
    alone, by = gradients(name, drawn(name, 1))
    among, of_all = gradients(name, drawn(name, 4))
    torch.testing.assert_close(among[:1], alone, rtol=1e-12, atol=1e-13)
    for key, gradient in by.items():
        torch.testing.assert_close(of_all[key][:1], gradient, rtol=1e-9, atol=1e-12)


def test_gradients_equal_finite_differences(name):
    paying = drawn(name, 2)
    assert torch.autograd.gradcheck(lambda *_: COSTS[name](paying), list(leaves(paying).values()))


def test_what_a_cost_begins_with_is_the_seeds(name):
    positions = {end: np.random.default_rng(8).standard_normal((size, 2)) for end, size in SIZES.items()}
    one, same, other = (started(name, shape_of(positions=positions), seed) for seed in (1, 1, 2))
    for arrays, again in zip(one, same, strict=True):
        assert list(arrays) == list(again)
        assert all(np.array_equal(arrays[key], again[key]) for key in arrays)
    assert not one[0].keys() & one[1].keys()
    assert [{key: array.shape for key, array in arrays.items()} for arrays in other] == [
        {key: array.shape for key, array in arrays.items()} for arrays in one
    ]


def still(name, dtype, sizes=SIZES, tasks=TASKS, weight=0.0, positions=None, activation=0.5, layers=None):
    """Return networks in which all numbers of a kind are the same."""

    def full(value, *shape):
        return torch.full((2, *shape), value, dtype=dtype, requires_grad=True)

    ends = layers or list(pairwise(sizes))
    return paying_of(
        name,
        [full(weight, sizes[source], sizes[target]) for source, target in ends],
        sizes,
        tasks,
        ends,
        positions or {end: full(0.1, size, 2) for end, size in sizes.items()},
        {end: full(activation, 7, size) for end, size in sizes.items() if end != "output"},
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"weight": 1.0},
        {"weight": 1e-30},
        {"weight": 1e-42},
        {"weight": 1e10},
        {"activation": 0.1},
        {"activation": 1e-30},
        {"sizes": {"hidden1": 1, "hidden2": 1, "output": 1}, "tasks": (0,), "weight": 1.0},
        {"sizes": {"hidden1": 2, "hidden2": 2, "output": 2}, "tasks": (1, 1), "weight": 1.0},
        {"sizes": {"hidden1": 3, "hidden2": 3, "output": 3}, "tasks": (0, 1, 2), "weight": 1.0},
    ],
    ids=str,
)
def test_nothing_is_infinite_where_numbers_are_0_or_alike(name, case, dtype):
    """Weights of 0, dead units, coincident positions, one unit in a layer, one task."""
    value, by = gradients(name, still(name, dtype, **case))
    assert value.isfinite().all()
    assert {key for key, gradient in by.items() if not gradient.isfinite().all()} == set()


def test_one_dead_unit_among_live_ones(name):
    paying = drawn(name, 2, dtype=torch.float32)
    with torch.no_grad():
        for layer in paying.layers:
            layer.weight[:, 0], layer.weight[:, :, 1] = 0, 0
            if layer.target.activation is not None:
                layer.target.activation[:, :, 1] = 0.7
            layer.target.position[:, 1] = layer.target.position[:, 2]
    value, by = gradients(name, paying)
    assert value.isfinite().all()
    assert {key for key, gradient in by.items() if not gradient.isfinite().all()} == set()


def test_layers_need_not_be_adjacent(name):
    """As where the first hidden layer and the outputs pay, or where one layer is skipped."""
    sizes = {"input": 3, "hidden1": 5, "hidden2": 4, "hidden3": 2, "output": 6}
    for layers in (
        [("input", "hidden1"), ("hidden3", "output")],
        [("input", "hidden1"), ("hidden1", "hidden2"), ("input", "hidden2")],
        [("hidden1", "hidden1"), ("input", "hidden1")],
    ):
        used = {end: size for end, size in sizes.items() if any(end in layer for layer in layers)}
        outputs = "output" if "output" in used else ""
        value, by = gradients(name, drawn(name, 2, used, TASKS, layers, outputs))
        assert value.isfinite().all()
        assert all(gradient.isfinite().all() for gradient in by.values())


def test_symbols_differ():
    assert len({COSTS.facts(name).symbol for name in COSTS}) == len(COSTS)


def test_costs_have_the_order_of_lists():
    assert list(COSTS)[:3] == ["transport", "density", "l1"]
    assert list(COSTS)[3:10] == [
        "l2",
        "group-lasso",
        "shuffled",
        "clusterability",
        "splitnet",
        "locality",
        "communicability",
    ]
