"""Dropout: which neurons are off, what the others emit, and the gradient."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, kstest

from spatialgraph.train.model import Stack
from spatialgraph.train.settings import Experiment
from spatialgraph.train.ways import Group
from spatialgraph.train.ways.dropout import Dropout


def dropout(values, seeds, batch=50, units=(40, 30)):
    experiment = Experiment(tasks=["a", "b"], hidden=list(units), penalised_layers=["output"], batch_size=batch)
    zeros = [torch.zeros(len(seeds), 1, n, dtype=torch.float64) for n in (*units, 4)]
    stack = Stack(
        weights=(), biases=tuple(zeros), position=torch.zeros(len(seeds), 1, 2, dtype=torch.float64), units={}
    )
    group = Group(experiment, stack, values, seeds, steps=10, taken=torch.zeros((), dtype=torch.int64))
    return Dropout(group)


def emitted(way, layer, step=0):
    way.group.taken.fill_(step)
    units = way.group.stack.biases[layer - 1].shape[2]
    values = torch.ones(len(way.group.seeds), way.group.experiment.batch_size, units, dtype=torch.float64)
    way.forward(layer, values)
    return values


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_a_share_of_neurons_is_off_and_the_others_are_louder(p):
    values = torch.cat([emitted(dropout([p], [seed]), 1, step) for seed in range(5) for step in range(10)])
    assert set(values.unique().tolist()) <= {0.0, 1 / (1 - p)}
    expected, error = 1 - p, (p * (1 - p) / values.numel()) ** 0.5
    assert abs((values > 0).double().mean().item() - expected) <= 4 * error


def test_which_neurons_are_off_is_independent_of_step_example_neuron_layer_and_seed():
    off = [
        emitted(dropout([0.5], [seed]), layer, step)[0, :, :30] == 0
        for seed in (0, 1)
        for layer in (1, 2)
        for step in (0, 1)
    ]
    flat = [one.flatten().numpy() for one in off]
    pairs = [(a, b) for k, a in enumerate(flat) for b in flat[k + 1 :]]
    pairs += [(one[1:].flatten().numpy(), one[:-1].flatten().numpy()) for one in off]  # the next example
    pairs += [(one[:, 1:].flatten().numpy(), one[:, :-1].flatten().numpy()) for one in off]  # the next neuron
    p = [chi2_contingency(np.histogram2d(a, b, bins=2)[0]).pvalue for a, b in pairs]
    assert kstest(p, "uniform").pvalue > 0.001
    assert min(p) > 0.05 / len(p) / 10


def test_a_network_is_off_where_it_is_alone_whatever_its_company():
    among = dropout([0.3, 0.5, 0.3], [4, 7, 9])
    for k, (p, seed) in enumerate([(0.3, 4), (0.5, 7), (0.3, 9)]):
        assert torch.equal(emitted(among, 2, 3)[k], emitted(dropout([p], [seed]), 2, 3)[0])


def test_networks_of_one_seed_are_off_alike_and_of_a_larger_p_off_more():
    few, same, many = emitted(dropout([0.2, 0.2, 0.6], [1, 1, 1]), 1)
    assert torch.equal(few, same)
    assert ((few == 0) <= (many == 0)).all()
    assert (many == 0).sum() > (few == 0).sum()


def test_the_gradient_is_that_of_the_neurons_that_are_on_and_values_are_restored():
    way = dropout([0.25], [0])
    before = torch.sigmoid(torch.linspace(-2, 2, 50 * 40, dtype=torch.float64)).view(1, 50, 40)
    values = before.clone()
    way.forward(1, values)
    factor = values / before
    gradient = torch.linspace(1, 3, 50 * 40, dtype=torch.float64).view(1, 50, 40)
    found = gradient.clone()
    way.backward(1, found, values)
    torch.testing.assert_close(found, gradient * factor)
    on = factor > 0
    torch.testing.assert_close(values[on], before[on])
    assert not found[~on].any()
