import numpy as np
import pytest
from hand_worked import random_network

from spatialgraph.network import ACTIVATIONS
from spatialgraph.runners import reading
from spatialgraph.runners.activations import ACTIVATION_FUNCTIONS
from spatialgraph.runners.reading import input_gradients

STEP = 1e-5


def sums(network, inputs):
    """Return what enters the neurons of every layer, ``(examples, units)`` in double precision."""
    values, found = [inputs], [inputs]
    for k, layer in enumerate(network.layers[1:], start=1):
        entering = [c for c in network.connections if c.target == k]
        found.append(sum(values[c.source] @ c.weight.T.astype(np.float64) for c in entering) + layer.bias)
        values.append(ACTIVATION_FUNCTIONS[layer.activation](found[k]))
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("skips", [False, True])
def test_gradients_are_the_change_of_the_sums_when_inputs_change(activation, skips):
    network = random_network(3, sizes=(4, 5, 6, 4), activation=activation, skips=skips)
    inputs = np.random.default_rng(0).normal(size=(70, 4))
    found = input_gradients(network, inputs.astype(np.float32), [1, 2, 3])
    for entry in range(4):
        moved = np.zeros(4)
        moved[entry] = STEP
        up, down = sums(network, inputs + moved), sums(network, inputs - moved)
        for k, gradient in found.items():
            expected = ((up[k] - down[k]) / (2 * STEP)).mean(axis=0)
            assert gradient[:, entry] == pytest.approx(expected, abs=2e-4 * max(1, np.abs(expected).max()))


def test_neurons_that_the_input_enters_alone_read_their_weights():
    network = random_network(1, skips=False)
    found = input_gradients(network, np.ones((3, 3), np.float32), [1])
    assert found[1] == pytest.approx(network.connections[0].weight, abs=1e-6)


def test_blocks_of_examples_change_nothing(monkeypatch):
    network, inputs = random_network(2), np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    whole = input_gradients(network, inputs, [2, 3])
    monkeypatch.setattr(reading, "_BLOCK", 2)
    for k, gradient in input_gradients(network, inputs, [2, 3]).items():
        assert gradient == pytest.approx(whole[k], abs=1e-6)


def test_no_example_is_refused():
    with pytest.raises(ValueError, match=r"^inputs: expected at least one example, found none$"):
        input_gradients(random_network(0), np.zeros((0, 3), np.float32), [1])
