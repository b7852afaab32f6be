"""Models of torchvision: captured without loss, and the channels of ResNet-18 counted by hand.

Which channels belong together is held against torch-pruning, which follows a model's gradients instead of its
operators. It groups the convolutions whose output channels of one number can only be removed together: those that are
added, multiplied or convolved channel by channel. In a graph, such channels are connected one to one: by an identity
shortcut, a depthwise convolution or a product, the connection of two populations is diagonal. So two populations of
channels are in one group of torch-pruning if, and only if, a path of diagonal connections leads from one to the other.
Convolutions that no nonlinearity follows have no units of their own, and are left out of its groups: those of
shortcuts, and the linear ends of MobileNet's blocks.
"""

import warnings
from functools import cache

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

from spatialgraph.torch import capture

models = pytest.importorskip("torchvision.models")

# The models that the tool promises, and others of other designs, with the least size of images that each takes.
WHOLE = {
    "resnet18": 64,
    "resnet50": 64,
    "mobilenet_v3_large": 64,
    "densenet121": 64,
    "convnext_tiny": 64,
    "vit_b_16": 32,
    "swin_t": 64,
    "efficientnet_b0": 64,
    "regnet_y_400mf": 64,
    "vgg11_bn": 64,
    "inception_v3": 96,
    "googlenet": 64,
    "squeezenet1_1": 64,
    "shufflenet_v2_x1_0": 64,
}


def _blocks(design):
    """Return a model of a design with one or two blocks of each kind, and the size of its images."""
    if design == "resnet50":
        return models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10), 64
    if design == "mobilenet_v3_large":
        block = models.mobilenetv3.InvertedResidualConfig
        settings = [block(16, 3, 16, 16, True, "RE", 1, 1, 1), block(16, 5, 24, 24, False, "HS", 2, 1, 1)]
        return models.MobileNetV3(settings, 32, num_classes=10), 32
    if design == "densenet121":
        return models.DenseNet(8, (2, 3, 2), 16, num_classes=10), 64
    if design == "convnext_tiny":
        block = models.convnext.CNBlockConfig
        return models.ConvNeXt([block(16, 32, 2), block(32, None, 1)], num_classes=10), 32
    if design == "vit_b_16":
        model = models.VisionTransformer(32, 16, 2, 4, 32, 64, num_classes=10)
        torch.nn.init.normal_(model.heads.head.weight)  # which torchvision begins with zeros
        return model, 32
    return models.SwinTransformer([4, 4], 24, [2, 2], [3, 6], [4, 4], num_classes=10), 32


DESIGNS = ("resnet50", "mobilenet_v3_large", "densenet121", "convnext_tiny", "vit_b_16", "swin_t")


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def whole(name):
    """Return a model as it is, with random weights, and two images."""
    options = {"image_size": WHOLE[name]} if name.startswith("vit") else {}
    if name in ("inception_v3", "googlenet"):
        options = {"aux_logits": False, "init_weights": False}
    model = getattr(models, name)(weights=None, num_classes=10, **options).eval()
    return model, torch.randn(2, 3, WHOLE.get(name, 64), WHOLE.get(name, 64))


def assert_without_loss(model, inputs):
    """Capture a model, and check the outputs of its program and that every unit is reached."""
    found = capture(model, inputs, {"even": [0, 2, 4, 6, 8], "odd": [1, 3, 5, 7, 9]})
    with torch.no_grad():
        expected = model(inputs)
    assert found.error <= 1e-4 * float(expected.abs().max())
    inputs_of, *hidden, outputs = found.graph.populations
    assert (inputs_of.size, outputs.size, outputs.task.tolist()) == (3, 10, [0, 1] * 5)
    assert all(p.activation for p in hidden)
    assert {c.target for c in found.graph.connections} == set(range(1, len(found.graph.populations)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_model_is_captured_without_loss(name):
    assert_without_loss(*whole(name))


@cache
def captured_design(name):
    """Return what was captured of a model of a design, and checked."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, size = _blocks(name)
        return assert_without_loss(model.eval(), torch.randn(2, 3, size, size))


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_captured_without_loss(name):
    captured_design(name)


@pytest.fixture(scope="module")
def resnet18():
    """Return a ResNet-18 and what was captured of it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, inputs = whole("resnet18")
        return model, assert_without_loss(model, inputs)


def test_the_channels_and_connections_of_resnet18(resnet18):
    graph = resnet18[1].graph
    hidden = graph.populations[1:-1]
    assert len(hidden) == 17  # a stem, and two for each of eight blocks
    assert [p.size for p in hidden] == [64] + [64] * 4 + [128] * 4 + [256] * 4 + [512] * 4
    assert sum(p.size for p in hidden) == 3904
    assert {p.unit for p in hidden} == {"channel"}
    # Each convolution of a block and the outputs have one connection from below, and each block one from its shortcut;
    # nothing reaches past a block, since an activation follows on each sum.
    assert len(graph.connections) == 1 + 2 * 8 + 8 + 1
    by_names = {
        (graph.populations[c.source].name, graph.populations[c.target].name): c.weight for c in graph.connections
    }
    # An identity shortcut is diagonal; one with a convolution is none.
    assert (by_names["conv1", "layer1.0.conv2"] == np.eye(64)).all()
    assert np.count_nonzero(by_names["layer1.1.conv2", "layer2.0.conv2"]) == 64 * 128


def test_a_convolutions_strength_in_resnet18_is_the_norm_over_its_taps(resnet18):
    model, found = resnet18
    graph = found.graph
    names = [p.name for p in graph.populations]
    block = model.layer1[0]
    scale = (block.bn1.weight / (block.bn1.running_var + block.bn1.eps).sqrt()).detach().numpy()
    expected = np.abs(scale)[:, None] * np.linalg.norm(block.conv1.weight.detach().numpy().reshape(64, 64, 9), axis=2)
    connection = next(c for c in graph.connections if (names[c.source], names[c.target]) == ("conv1", "layer1.0.conv1"))
    np.testing.assert_allclose(connection.weight, expected, rtol=1e-5)


def test_the_heads_of_a_vision_transformer():
    graph = captured_design("vit_b_16").graph
    assert [(p.size, p.unit) for p in graph.populations] == [
        (3, "channel"),
        (4, "head"),
        (64, "neuron"),
        (4, "head"),
        (64, "neuron"),
        (10, "neuron"),
    ]
    # A head reads queries, keys and values of the patches, of all heads and of all neurons before it.
    into = sorted((c.source, c.label) for c in graph.connections if c.target == 3)
    assert into == [(k, label) for k in range(3) for label in ("key", "query", "value")]
    # The outputs read the class token, to which nothing comes from the patches but through heads.
    assert sorted(c.source for c in graph.connections if c.target == 5 and c.weight.any()) == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def pruning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch_pruning")


def groups_by_torch_pruning(pruning, model, inputs):
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
def test_channels_that_are_removed_together_are_connected_one_to_one(name, pruning, request):
    if name == "resnet18":
        model, captured = request.getfixturevalue(name)
        inputs = torch.randn(2, 3, 64, 64)
    else:
        model, inputs = whole(name)
        captured = capture(model, inputs)
    graph = captured.graph
    convolutions = {n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    with_units = convolutions & {p.name for p in graph.populations}
    expected = {group & with_units for group in groups_by_torch_pruning(pruning, model, inputs)} - {frozenset()}
    found = {frozenset(group & with_units) for group in groups_by_the_graph(graph)} - {frozenset()}
    assert found == expected
    assert set().union(*found) == with_units
    # What has no units is followed by no nonlinearity.
    assert len(with_units) == {"resnet18": 17, "mobilenet_v3_small": 41, "vgg11_bn": 8}[name]
