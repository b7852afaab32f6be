"""Swaps: places are exchanged where that shortens wires, and only there."""

import itertools

import numpy as np
import pytest
import torch

from spatialgraph.torch.costs import transport_cost
from spatialgraph.train.grid import batches_of
from spatialgraph.train.model import grid, initial_stack
from spatialgraph.train.settings import Experiment
from spatialgraph.train.ways import Group
from spatialgraph.train.ways.swap import Swap

SIZES = (9, 8, 16, 12, 6)
CPU = torch.device("cpu")


def swap(seeds=(0, 1), every=5, **reading):
    layers = {"hidden": list(SIZES[1:-1]), "penalised_layers": ["hidden2", "hidden3", "output"]}
    experiment = Experiment(
        tasks=["a", "b"], inputs=["mix"], kinds={"swap": {"swap": every}}, seeds=list(seeds), **layers, **reading
    )
    (batch,) = batches_of(experiment)
    stack = initial_stack(experiment, SIZES, batch.members, CPU)
    return Swap(
        Group(experiment, stack, [every] * len(seeds), seeds, steps=10, taken=torch.zeros((), dtype=torch.int64))
    )


def transport(way):
    stack, experiment = way.group.stack, way.group.experiment
    reading = experiment.transport_average, experiment.strength
    place = {k: stack.position[:, units] for k, units in stack.units.items()}
    costs = [transport_cost(stack.weights[k - 1], place[k - 1], place[k], *reading) for k in experiment.penalised]
    return torch.stack(costs).mean(dim=0)


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
def test_swaps_lower_the_transport_cost_until_no_swap_does(average, strength):
    way = swap(transport_average=average, strength=strength)
    costs = [transport(way)]
    for step in range(5, 500, 5):
        way.between_steps(step)
        costs.append(transport(way))
    assert (costs[1] < costs[0]).all()
    assert all((after <= before + 1e-6).all() for before, after in itertools.pairwise(costs))
    torch.testing.assert_close(costs[-1], costs[-2])


def test_nothing_is_exchanged_between_times():
    way = swap()
    before = way.group.stack.position.clone()
    for step in (1, 2, 3, 4, 6):
        way.between_steps(step)
    assert torch.equal(way.group.stack.position, before)


def test_a_layers_places_stay_its_own():
    way = swap()
    before = way.group.stack.position.clone()
    way.between_steps(5)
    after = way.group.stack.position
    assert not torch.equal(before, after)
    for units in way.group.stack.units.values():
        for k in range(2):
            assert sorted(before[k, units].tolist()) == sorted(after[k, units].tolist())


def test_the_first_exchange_is_the_best_that_the_strongest_neuron_can_make():
    """Two neurons of a layer, each connected with the far one of two: they exchange places."""
    way = swap(seeds=(0,))
    stack = way.group.stack
    for weight in stack.weights:
        weight.zero_()
    stack.weights[1][0, 0, 0] = 3.0  # hidden1's neuron 0 to hidden2's
    stack.weights[1][0, 1, 1] = 1.0
    units = stack.units[2]
    place = torch.tensor(grid(16, 2))
    stack.position[0, units] = place
    stack.position[0, stack.units[1]] = 0.0
    stack.position[0, stack.units[1].start] = place[1]  # where neuron 1 is
    stack.position[0, stack.units[1].start + 1] = place[0]
    way._exchange(2, torch.tensor([0]))
    assert torch.equal(stack.position[0, units.start], place[1])
    assert torch.equal(stack.position[0, units.start + 1], place[0])
    assert torch.equal(stack.position[0, units][2:], place[2:])


def test_a_network_is_the_same_alone_and_among_others():
    alone, among = swap(seeds=(7,)), swap(seeds=(3, 7, 0))
    for way in (alone, among):
        for step in range(5, 50, 5):
            way.between_steps(step)
    assert torch.equal(alone.group.stack.position[0], among.group.stack.position[1])


@pytest.mark.parametrize(("units", "dimensions"), [(1, 2), (2, 2), (5, 1), (20, 2), (128, 2), (27, 3), (30, 3)])
def test_a_grid_is_centred_has_variance_1_and_no_two_neurons_in_one_place(units, dimensions):
    places = grid(units, dimensions)
    assert places.shape == (units, dimensions)
    assert len({tuple(place) for place in places.tolist()}) == units
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-6)
    wide = places.std(axis=0) > 0
    np.testing.assert_allclose(places.std(axis=0)[wide], 1, rtol=1e-6)
    assert wide.all() or units <= 2
