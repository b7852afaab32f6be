"""Pruning: how many connections are removed, which, when, and that they stay away."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatialgraph.train.model import Stack
from spatialgraph.train.settings import Experiment
from spatialgraph.train.ways import Group
from spatialgraph.train.ways.pruned import ROUNDS, Pruned, rounds


def pruned(weight, share, epochs=10, steps=30):
    """Return the way for networks of one penalised layer, and the group's weights."""
    networks, sources = weight.shape[:2]
    experiment = Experiment(tasks=["a", "b"], hidden=[sources], penalised_layers=["output"], epochs=epochs)
    first = torch.ones(networks, 3, sources)
    stack = Stack((first, weight), (), torch.zeros(networks, 1, 2), {})
    group = Group(experiment, stack, share, [0] * networks, steps=steps, taken=torch.zeros((), dtype=torch.int64))
    return Pruned(group)


def test_the_weakest_go_in_rounds_and_each_network_by_its_own_share():
    weight = torch.arange(1.0, 33).view(1, 8, 4).repeat(2, 1, 1) * torch.tensor([1.0, -1.0])[:, None, None]
    way = pruned(weight, [1 - 1 / 32, 0.0])
    left = []
    for step in range(1, 301):
        way.after_step()
        way.between_steps(step)
        if step in rounds(300):
            left.append((weight[0] != 0).sum().item())
    assert left == [16, 8, 4, 2, 1]  # half of the rest in each of five rounds
    assert weight[0].max() == 32
    assert (weight[1] != 0).all()


def test_what_was_removed_stays_away_and_what_is_left_may_change():
    weight = torch.arange(1.0, 5).view(1, 2, 2)
    way = pruned(weight, [0.5])
    for step in range(1, 301):
        way.between_steps(step)
    weight += 10
    way.after_step()
    assert weight.tolist() == [[[0, 0], [13, 14]]]


def test_ties_are_broken_in_the_order_of_the_matrix():
    weight = torch.ones(1, 2, 5)
    way = pruned(weight, [0.6])
    for step in range(1, 301):
        way.between_steps(step)
    assert weight.tolist() == [[[1, 1, 1, 1, 0], [0] * 5]]


def test_a_layer_that_is_not_penalised_is_whole():
    way = pruned(torch.rand(1, 4, 4), [0.9])
    for step in range(1, 301):
        way.between_steps(step)
    assert (way.group.stack.weights[0] == 1).all()


@given(st.integers(1, 100_000))
def test_rounds_lie_in_the_middle_third_and_within_training(steps):
    found = rounds(steps)
    assert 1 <= len(found) <= ROUNDS
    assert list(found) == sorted(set(found))
    assert found[0] >= 1
    assert found[-1] <= max(1, round(2 * steps / 3))
    if steps >= 30:
        assert len(found) == ROUNDS
        assert found[0] >= steps // 3


@pytest.mark.parametrize("share", [0.3, 0.8, 0.99])
def test_the_last_round_leaves_the_share_that_was_asked_for(share):
    weight = torch.rand(1, 50, 40, generator=torch.Generator().manual_seed(0)) + 0.1
    way = pruned(weight, [share])
    for step in range(1, 301):
        way.between_steps(step)
    assert (weight != 0).sum().item() == round((1 - share) * 2000)
