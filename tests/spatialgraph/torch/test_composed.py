"""Strengths of connections that are composed of many maps: those of products one after the other, and derivatives."""

import itertools

import numpy as np
import pytest
import torch
from jacobians import assert_exact
from torch import nn

from spatialgraph.torch import capture, captured
from spatialgraph.torch.composed import Readers
from spatialgraph.torch.maps import Units, kernel_map, matrix_map, scaling

WITHIN = 3


def composed(*maps):
    """Return the map that applies some maps, the first one first."""
    made, *rest = maps
    for outer in rest:
        made = made.after(outer)
    return made


def through(draw, between=2, without=()):
    """Return a reader's map of a source behind two coarser stages, and of one behind one of them."""
    coarse, coarser = (
        kernel_map(draw.normal(size=(size, below, between, between)), stride=(2, 2), dilation=(1, 1), padding=(0, 0))
        for below, size in ((WITHIN, 5), (5, 6))
    )
    own = draw.normal(size=(6, 1, 3, 3))
    own[list(without)] = 0
    last = [scaling(draw.normal(size=5)), coarser, kernel_map(own, groups=6, dilation=(1, 1), padding=(1, 1))]
    last += [scaling(draw.normal(size=6)), matrix_map(draw.normal(size=(8, 6)))]
    first = matrix_map(draw.normal(size=(WITHIN, 4)))
    return composed(first, coarse, *last), composed(matrix_map(draw.normal(size=(5, 10))), *last)


@pytest.mark.parametrize("without", [[], [0, 1, 2, 3]])
def test_strengths_are_those_of_products_one_after_the_other(without, monkeypatch):
    """Also if rows have no inverse: where a channel's kernel is 0."""
    monkeypatch.setattr("spatialgraph.torch.composed._AT_ONCE", 500)  # so that there are several turns
    one, other = through(np.random.default_rng(0), without=without)
    rows = Units(np.array([0, 1, 0, 1, 2, 2, -1, 3]), 4)
    readers, columns = Readers(rows), (Units.equal(2, 2), Units.equal(10))
    assert readers.add(one, columns[0])
    assert readers.add(other, columns[1])
    assert np.prod([len(step.taps) for step in readers.sources[0].steps]) == 144  # far more places than channels
    expected = [of.strength(rows, units) for of, units in zip((one, other), columns, strict=True)]
    for strength, by_products in zip(readers.strengths(readers.sources), expected, strict=True):
        np.testing.assert_allclose(strength, by_products, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(readers.strengths(readers.sources[1:])[0], expected[1], rtol=1e-5, atol=1e-6)


def test_places_that_two_taps_read_are_added_up_and_so_are_not_taken():
    one, other = through(np.random.default_rng(0), between=3)
    assert not Readers(Units.equal(8)).add(one, Units.equal(4))
    assert not Readers(Units.equal(8)).add(other, Units.equal(10))


class Norm(nn.LayerNorm):
    """A layer norm of channels."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Block(nn.Module):
    """A block of ConvNeXt in small: it reads a stream through a kernel for each channel, and adds to it."""

    def __init__(self, dim, taps=3):
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, taps, padding=taps // 2, groups=dim)
        self.norm, self.one, self.other = nn.LayerNorm(dim), nn.Linear(dim, dim + 1), nn.Linear(dim + 1, dim)
        self.scale = nn.Parameter(torch.randn(dim))

    def forward(self, x):
        y = self.norm(self.depthwise(x).movedim(1, -1))
        return x + (self.scale * self.other(self.one(y).relu())).movedim(-1, 1)


def stream(dims=(2, 3, 4)):
    """Return a model whose stream of channels becomes coarser from stage to stage."""
    layers = [nn.Conv2d(2, dims[0], 2, 2), Norm(dims[0]), Block(dims[0]), Block(dims[0])]
    for fine, coarse in itertools.pairwise(dims):
        layers += [Norm(fine), nn.Conv2d(fine, coarse, 2, 2), Block(coarse)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(dims[-1], 3))
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.normal_(module.weight)
    return model


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return stream().double().eval()


@pytest.fixture(scope="module")
def held(model):
    """What is captured of the model, whose strengths were compared with derivatives."""
    return assert_exact(model, torch.randn(2, 2, 24, 24, dtype=torch.float64)).graph.connections


def test_weights_are_the_same_in_any_order_of_looks_and_made_once_in_turn(model, held, monkeypatch):
    made_together = []
    strengths = Readers.strengths
    monkeypatch.setattr(Readers, "strengths", lambda self, of: made_together.append(len(of)) or strengths(self, of))
    monkeypatch.setattr(captured, "_HELD", 60)  # no fewer than those into one population
    made = capture(model, torch.randn(2, 2, 24, 24, dtype=torch.float64)).graph.connections
    assert all(connection.is_made for connection in made)
    numbers = list(range(len(made)))
    hidden = [number for number in numbers if made[number].source]
    for order, together in ((hidden, [1, 2, 3, 3]), (hidden, [1, 2, 3, 3]), (numbers, None), (numbers[::-1], None)):
        made_together.clear()
        for number in order:
            np.testing.assert_array_equal(made[number].weight != 0, held[number].weight != 0)
            np.testing.assert_allclose(made[number].weight, held[number].weight, rtol=1e-6)
        assert together is None or made_together == together
