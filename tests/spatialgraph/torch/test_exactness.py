"""Strengths of small models of every kind, against derivatives of their programs; see `jacobians`."""

import numpy as np
import pytest
import torch
from jacobians import assert_exact, captured_strengths
from torch import nn

from spatialgraph.torch import capture


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def with_running_statistics(model):
    """Give batch norms other statistics, gains and shifts than those that they begin with."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            nn.init.normal_(module.weight)
    return model


def names(captured):
    return [p.name for p in captured.graph.populations]


SEQUENCES = {
    "dense": lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 4), nn.Tanh(), nn.Linear(4, 3)),
    "dense after dense": lambda: nn.Sequential(
        nn.Linear(5, 7), nn.Linear(7, 4), nn.GELU(), nn.Linear(4, 6), nn.Linear(6, 3)
    ),
    "batch norm of neurons": lambda: nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3)),
    "dropout, in place": lambda: nn.Sequential(
        nn.Linear(5, 7), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(7, 3)
    ),
    "ends in a nonlinearity": lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3), nn.Sigmoid()),
    "layer norm": lambda: nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.ReLU(), nn.LayerNorm(7), nn.Linear(7, 3)),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_dense_layers(name):
    assert_exact(with_running_statistics(SEQUENCES[name]()), numbers(2, 5))


def image(*layers, size=16, channels=2):
    return nn.Sequential(*layers), numbers(2, channels, size, size)


IMAGES = {
    "convolutions": lambda: image(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, stride=2, padding=1), nn.ReLU()
    ),
    "dilated": lambda: image(
        nn.Conv2d(2, 4, 3, dilation=2, padding=2), nn.ReLU(), nn.Conv2d(4, 3, 3, dilation=3), nn.ReLU()
    ),
    "grouped": lambda: image(
        nn.Conv2d(2, 4, 3, groups=2, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU()
    ),
    "overlapping taps": lambda: image(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Conv2d(3, 5, 3), nn.ReLU()
    ),
    "overlapping taps, strides": lambda: image(
        nn.Conv2d(2, 3, 1),
        nn.ReLU(),
        nn.Conv2d(3, 3, 3, stride=2, padding=1),
        nn.Conv2d(3, 4, 3, padding=2, dilation=2),
        nn.ReLU(),
    ),
    "batch norm": lambda: image(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3), nn.ReLU()
    ),
    "batch norm before": lambda: image(
        nn.BatchNorm2d(2), nn.Conv2d(2, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3)
    ),
    "flatten": lambda: image(
        nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 2), size=4
    ),
    "max pooling": lambda: image(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.ReLU()),
    "average pooling": lambda: image(
        nn.Conv2d(2, 3, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    ),
    "pooling between linear maps": lambda: image(
        nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.AvgPool2d(2), nn.Conv2d(3, 4, 3), nn.ReLU()
    ),
    "same padding": lambda: image(
        nn.Conv2d(2, 3, 3, padding="same"), nn.ReLU(), nn.Conv2d(3, 2, 4, padding="same"), nn.Conv2d(2, 2, 3)
    ),
    "group norm": lambda: image(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Conv2d(4, 2, 3)),
    "transposed, stride 1": lambda: image(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.ReLU()
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_convolutions(name):
    model, inputs = IMAGES[name]()
    assert_exact(with_running_statistics(model), inputs)


def test_a_transposed_convolutions_strength_is_the_norm_over_all_taps():
    """Also where only some taps reach any one place, as with a stride: derivatives at one place would be smaller."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, 4, stride=2, groups=2), nn.ReLU())
    captured = capture(model.double().eval(), numbers(2, 2, 8, 8))
    norms = model[2].weight.detach().norm(dim=(2, 3)).unflatten(0, (2, 2))  # (groups, channels in, channels out)
    expected = torch.block_diag(*norms.mT)
    np.testing.assert_allclose(captured_strengths(captured)["0", "2", ""], expected, atol=1e-6)


def test_pooling_leaves_strengths_what_they_are():
    """A derivative would be divided by the places that are averaged, which says nothing about the channel."""
    layers = nn.Conv2d(2, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    captured = capture(nn.Sequential(*layers).double().eval(), numbers(2, 2, 8, 8))
    np.testing.assert_allclose(captured.graph.connections[1].weight, layers[4].weight.detach(), atol=1e-7)


def test_places_of_different_origin_count_as_the_mean_of_those_that_read_the_source():
    class Beside(nn.Module):
        """Puts two streams, of which the second is also in the first, one after the other."""

        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.out = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            one, other = self.a(x).relu(), self.b(x).relu()
            return self.out(torch.cat([one + self.c(other), other], dim=1))

    model = Beside().double().eval()
    strengths = captured_strengths(capture(model, numbers(2, 5, 3)))
    out, through = model.out.weight.detach(), (model.out.weight @ model.c.weight).detach()
    # The places of the first half alone read `a`; `b` is read by both halves, through other maps.
    np.testing.assert_allclose(strengths["a", "out", ""], out.abs(), atol=1e-6)
    np.testing.assert_allclose(strengths["b", "out", ""], ((out + through) / 2).abs(), atol=1e-6)
