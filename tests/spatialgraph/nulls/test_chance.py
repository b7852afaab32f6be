"""A value beside draws: p with its ties, both tails, and what has no spread."""

import numpy as np
import pytest
from hand_worked import separate
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.graph import Connection
from spatialgraph.metrics import cut, modularity
from spatialgraph.network import Layer, Network
from spatialgraph.nulls import chance, draw
from spatialgraph.splits import Split, apply

quick = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(
    ("value", "tail", "p"),
    [
        (2.0, "high", 3 / 5),  # 2 and 3 are at least 2, and the value itself
        (2.0, "low", 4 / 5),
        (2.0, "", 1.0),
        (9.0, "high", 1 / 5),
        (9.0, "low", 1.0),
        (9.0, "", 2 / 5),
        (-9.0, "", 2 / 5),
    ],
)
def test_p_counts_ties_and_is_never_0(value, tail, p):
    assert chance(value, np.array([0.0, 1.0, 2.0, 3.0]), tail).p == pytest.approx(p, abs=1e-15)


def test_a_value_is_compared_with_mean_and_deviation():
    found = chance(4.0, np.array([0.0, 1.0, 2.0, np.nan]), "high")
    assert (found.draws, found.mean, found.sd, found.z, found.p) == (3, 1.0, 1.0, 3.0, 1 / 4)


def test_what_cannot_be_compared_is_nan():
    nothing = chance(1.0, np.array([np.nan]), "high")
    assert nothing.draws == 0
    assert np.isnan([nothing.mean, nothing.sd, nothing.z, nothing.p]).all()
    one = chance(1.0, np.array([0.0]), "high")
    assert (one.draws, one.mean, one.p) == (1, 0.0, 1 / 2)
    assert np.isnan([one.sd, one.z]).all()
    constant = chance(1.0, np.full(9, 0.1 + 0.2), "high")
    assert constant.sd == 0
    assert np.isnan(constant.z)
    assert constant.p == 1 / 10
    assert np.isnan(chance(np.nan, np.arange(3.0), "low").p)


@quick
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_under_the_null_p_is_no_smaller_than_it_may_be(values):
    """For exchangeable numbers, ties included, P(p ≤ α) ≤ α: each of them is taken in turn for the one observed."""
    numbers = np.array(values, float)
    p = [chance(numbers[k], np.delete(numbers, k), "high").p for k in range(len(numbers))]
    for alpha in np.arange(1, len(numbers) + 1) / len(numbers):
        assert np.mean(np.array(p) <= alpha + 1e-12) <= alpha + 1e-12


def test_cut_is_compared_in_its_own_direction():
    graph = separate(units=8).graph
    split = apply("greedy", graph)
    drawn = [cut(d, apply("greedy", d)) for d in (draw("shuffle", graph, seed) for seed in range(19))]
    assert cut(graph, split) == 0
    assert chance(0.0, np.array(drawn), "low").p == 1 / 20


def test_both_tails_are_told():
    found = chance(2.0, np.array([0.0, 1.0, 2.0, 3.0]), "high")
    assert (found.p, found.p_opposite) == (3 / 5, 4 / 5)
    found = chance(2.0, np.array([0.0, 1.0, 2.0, 3.0]), "low")
    assert (found.p, found.p_opposite) == (4 / 5, 3 / 5)
    assert chance(9.0, np.arange(4.0), "").p_opposite == chance(9.0, np.arange(4.0), "").p


@pytest.mark.parametrize("value", [0.3, 1e-17, 0.0, 250.0])
@pytest.mark.parametrize("error", [1e-16, -1e-16, 1e-13])
def test_what_differs_by_rounding_is_a_tie(value, error):
    drawn = np.array([value * (1 + error) + error, value, value + 1.0, value - 1.0])
    assert chance(value, drawn, "high").p == 4 / 5
    assert chance(value, drawn, "low").p == 4 / 5


def test_ties_in_a_network_of_ones_count():
    """Every place of three ones among nine is equally likely: of the 84, some have the modularity of the network."""
    weight = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1.0]])
    layers = (Layer("hidden", 3, split=True), Layer("output", 3, split=True))
    network = Network(layers, (Connection(0, 1, weight),), [0, 1, 2], {"name": "n", "tasks": ["a", "b", "c"]})
    split = Split.from_labels("by hand", {0: [0, 1, 2], 1: [0, 1, 2]}, tasks=3)

    def numerator(weight):  # of the modularity times 4 m², a whole number
        ends = weight.sum(axis=0) + weight.sum(axis=1)
        return int(4 * weight.sum() * weight.trace() - (ends**2).sum())

    draws = [draw("shuffle", network.graph, seed) for seed in range(300)]
    exact = sum(numerator(d.connections[0].weight.astype(int)) >= numerator(weight.astype(int)) for d in draws)
    found = chance(modularity(network.graph, split), np.array([modularity(d, split) for d in draws]), "high")
    assert found.p == (exact + 1) / 301


def test_draws_that_differ_by_rounding_have_no_spread():
    """Beside such draws a modularity of 0.005 had z = 364538."""
    draws = 1e-8 * np.random.default_rng(0).normal(size=50)
    found = chance(0.005, draws, "high")
    assert np.isnan(found.z)
    assert found.p == 1 / 51
    assert chance(0.005, 1e-3 * draws / 1e-8, "high").z > 3
