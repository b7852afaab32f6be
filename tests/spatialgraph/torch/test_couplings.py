"""Which channels belong together, against torch-pruning, which follows a model's gradients instead of its operators.

torch-pruning groups the convolutions whose output channels of one number can only be removed together: those that are
added, multiplied or convolved channel by channel. In a graph, such channels are connected one to one: by an identity
shortcut, a depthwise convolution or a product, the connection of two populations is diagonal. So two populations of
channels are in one group of torch-pruning if, and only if, a path of diagonal connections leads from one to the other.
Convolutions that no nonlinearity follows have no units of their own, and are left out of its groups: those of
shortcuts, and the linear ends of MobileNet's blocks.
"""

import warnings

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

from spatialgraph.torch import capture

models = pytest.importorskip("torchvision.models")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pruning = pytest.importorskip("torch_pruning")


def groups_by_torch_pruning(model, inputs):
    """Return the names of the convolutions in each group of output channels that are removed together."""
    names = {module: name for name, module in model.named_modules()}
    dependencies = pruning.DependencyGraph().build_dependency(model, inputs)
    groups = set()
    for module in names:
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            group = dependencies.get_pruning_group(module, pruning.prune_conv_out_channels, [1])
            outputs = [
                (item.dep.target.module, list(item.idxs))
                for item in group
                if "out_channels" in item.dep.handler.__name__ and isinstance(item.dep.target.module, nn.Conv2d)
            ]
            assert all(channels == [1] for _, channels in outputs)
            groups.add(frozenset(names[module] for module, _ in outputs))
    return groups


def groups_by_the_graph(graph):
    """Return the names of the populations that diagonal connections lead between."""
    together = nx.Graph()
    together.add_nodes_from(range(len(graph.populations)))
    for connection in graph.connections:
        weight = connection.weight
        if weight.shape[0] == weight.shape[1] > 1 and np.count_nonzero(weight) == np.count_nonzero(weight.diagonal()):
            assert weight.diagonal().all()
            together.add_edge(connection.source, connection.target)
    return [{graph.populations[k].name for k in group} for group in nx.connected_components(together)]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", pytest.param("vgg11_bn", marks=pytest.mark.slow)])
def test_channels_that_are_removed_together_are_connected_one_to_one(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(models, name)(weights=None, num_classes=10).eval()
        inputs = torch.randn(2, 3, 64, 64)
    graph = capture(model, inputs).graph
    convolutions = {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    with_units = convolutions & {p.name for p in graph.populations}
    expected = {group & with_units for group in groups_by_torch_pruning(model, inputs)} - {frozenset()}
    found = {frozenset(group & with_units) for group in groups_by_the_graph(graph)} - {frozenset()}
    assert found == expected
    assert set().union(*found) == with_units
    # What has no units is followed by no nonlinearity.
    assert len(with_units) == {"resnet18": 17, "mobilenet_v3_small": 41, "vgg11_bn": 8}[name]
