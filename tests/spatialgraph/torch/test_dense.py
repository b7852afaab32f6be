"""A network that `train/` wrote, rebuilt in PyTorch and captured, is the same graph."""

import numpy as np
import pytest
import torch
from torch import nn

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.metrics import METRICS, measure
from spatialgraph.network import Layer, Network
from spatialgraph.splits import SPLITS, apply
from spatialgraph.torch import capture

SIZES = (6, 8, 10, 8, 6)


@pytest.fixture(scope="module")
def network():
    """Return a dense network with random weights and positions, whose last two hidden layers are split."""
    draw = np.random.default_rng(0)
    last = len(SIZES) - 1
    layers = [Layer("input", SIZES[0])]
    for k in range(1, last + 1):
        position = draw.normal(size=(SIZES[k], 2)) if k > 1 else None
        layers.append(
            Layer(
                f"hidden{k}" if k < last else "output",
                SIZES[k],
                "sigmoid" if k < last else "",
                draw.normal(size=SIZES[k]),
                position,
                split=k > 1,
            )
        )
    connections = [
        Connection(k, k + 1, draw.normal(size=(SIZES[k + 1], SIZES[k])).astype(np.float32)) for k in range(last)
    ]
    return Network(tuple(layers), tuple(connections), [0, 0, 0, 1, 1, 1], {"name": "made", "tasks": ["one", "other"]})


@pytest.fixture(scope="module")
def captured(network):
    """Return what is captured of the same network as PyTorch modules."""
    layers = []
    for connection, layer in zip(network.connections, network.layers[1:], strict=True):
        linear = nn.Linear(*connection.weight.shape[::-1])
        linear.weight.data = torch.from_numpy(connection.weight.copy())
        linear.bias.data = torch.from_numpy(np.asarray(layer.bias, np.float32).copy())
        layers += [linear, nn.Sigmoid()]
    names = {str(2 * k): layer.name for k, layer in enumerate(network.layers[1:])}
    return capture(
        nn.Sequential(*layers[:-1]).eval(),
        torch.randn(3, SIZES[0], generator=torch.Generator().manual_seed(0)),
        {"one": slice(0, 3), "other": slice(3, 6)},
        split=["hidden2", "hidden3", "output"],
        names=names,
        positions={layer.name: layer.position for layer in network.layers if layer.position is not None},
        metadata={"name": "made"},
    )


def test_the_graphs_are_equal(network, captured):
    for one, other in zip(network.graph.populations, captured.graph.populations, strict=True):
        assert (one.name, one.size, one.unit, one.split) == (other.name, other.size, other.unit, other.split)
        assert one.activation == other.activation or one.name == "input"
        np.testing.assert_array_equal(one.task, other.task)
        np.testing.assert_array_equal(one.position, other.position)
    for one, other in zip(network.graph.connections, captured.graph.connections, strict=True):
        assert (one.source, one.target, one.label) == (other.source, other.target, other.label)
        np.testing.assert_array_equal(one.weight, other.weight)


STRUCTURAL = [name for name in SPLITS if SPLITS.facts(name).sees in ("weights", "positions", "sizes")]


@pytest.mark.parametrize("method", STRUCTURAL)
def test_every_structural_method_splits_both_alike(network, captured, method):
    one, other = (apply(method, graph, seed=3) for graph in (network.graph, captured.graph))
    for k in network.graph.split_populations:
        np.testing.assert_array_equal(one.membership[k], other.membership[k])
    compared = 0
    for name in METRICS:
        if METRICS.facts(name).of in ("network", "split"):
            values = []
            for graph, split in ((network.graph, one), (captured.graph, other)):
                subject = (graph,) if METRICS.facts(name).of == "network" else (graph, split)
                try:
                    values.append([m.value for m in measure(name, *subject)])
                except NotApplicableError as reason:
                    values.append(str(reason))
            assert values[0] == values[1] or values[0] == pytest.approx(values[1], abs=1e-6), name
            compared += not isinstance(values[0], str)
    assert compared
