"""The transport cost with shuffled distances: which distances, and that they stay."""

from dataclasses import replace

import numpy as np
import torch
from paying import drawn, gradients, paying_of, shape_of, started

from spatialgraph.torch.costs import COSTS

PLACES = {"a": np.array([[0.0, 0.0], [0.0, 1.0]]), "output": np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 3.0]])}
SIZES = {"a": 2, "output": 3}
KEY = "distance/a/output"


def distances(seed=0):
    return started("shuffled", shape_of(SIZES, (0, 0, 1), positions=PLACES), seed)[1][KEY]


def test_the_distances_of_connections_are_permuted():
    given = np.array([[5.0, 0.0, 3.0], [18**0.5, 1.0, 2.0]])
    np.testing.assert_allclose(np.sort(distances(), axis=None), np.sort(given, axis=None))
    assert not np.allclose(distances(), given)
    assert not np.allclose(distances(0), distances(1))


def test_no_permutation_of_neurons_gives_the_same():
    """A permutation of neurons is a symmetry: whole rows and columns of distances would move."""
    positions = {name: np.random.default_rng(1).standard_normal((size, 2)) for name, size in (("a", 9), ("output", 8))}
    shape = shape_of({"a": 9, "output": 8}, (0,) * 8, positions=positions)
    shuffled = started("shuffled", shape)[1][KEY]
    own = np.linalg.norm(positions["a"][:, None] - positions["output"], axis=2)
    rows = {tuple(np.sort(row).round(9)) for row in own}
    assert not rows & {tuple(np.sort(row).round(9)) for row in shuffled}
    # Far neurons exist, and no far rows: the spread of the rows' means falls.
    assert shuffled.mean(axis=1).std() < own.mean(axis=1).std()


def test_the_cost_is_the_mean_of_strength_times_the_distance_that_was_given():
    weight = torch.tensor([[[1.0, -2.0, 0.0], [0.0, 0.0, 3.0]]], dtype=torch.float64)
    positions = {name: torch.tensor(place[None]) for name, place in PLACES.items()}
    paying = paying_of("shuffled", [weight], SIZES, (0, 0, 1), positions=positions)
    given = distances()
    absolute = given[0, 0] + 2 * given[0, 1] + 3 * given[1, 2]
    squared = given[0, 0] + 4 * given[0, 1] + 9 * given[1, 2]
    assert np.isclose(COSTS["shuffled"](paying).item(), absolute / 6)
    assert np.isclose(COSTS["shuffled"](replace(paying, average="units")).item(), absolute / 3)
    assert np.isclose(COSTS["shuffled"](replace(paying, strength="squared")).item(), squared / 6)


def test_positions_that_move_change_nothing():
    paying = drawn("shuffled", 2)
    before, by = gradients("shuffled", paying)
    assert all(gradient.abs().max() == 0 for key, gradient in by.items() if key.startswith("position/"))
    with torch.no_grad():
        for population in paying.populations:
            population.position.mul_(5)
    assert torch.equal(COSTS["shuffled"](paying), before)


def test_weights_of_one_size_cost_what_they_cost_for_transport():
    paying = drawn("shuffled", 3)
    with torch.no_grad():
        for layer in paying.layers:
            layer.weight.fill_(0.3)
    torch.testing.assert_close(COSTS["shuffled"](paying), COSTS["transport"](paying))
