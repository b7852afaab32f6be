"""Matrices and densities of connections: orders, groups and areas are those worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from results_builder import build_results

from spatialgraph.analyses.figures import Choice, connections, drawings
from spatialgraph.analyses.figures.connections import _in_height, connection_frame, density
from spatialgraph.analyses.results import Results
from spatialgraph.graph import Connection, Graph, Population
from spatialgraph.graph.split import Split
from spatialgraph.network import Layer, Network


@pytest.fixture
def small():
    """Two neurons above one another, and three at distances 1, 2 and 3 of the lower one; the last serves no task."""
    layers = (
        Layer("hidden", 2, position=[[0.0, 0.0], [0.0, 4.0]], split=True),
        Layer("output", 3, position=[[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], split=True),
    )
    weight = [[-1.0, 0.0], [2.0, 0.5], [9.0, 9.0]]
    network = Network(layers, (Connection(0, 1, weight),), [0, 1, 1], {"tasks": ["a", "b"]})
    return network.graph, Split.from_labels("by hand", {0: [0, 1], 1: [0, 1, -1]}, tasks=2)


def test_connections_within_and_between_modules(small):
    frame = connection_frame(*small)
    assert frame["group"].tolist() == ["within modules", "between modules", "within modules"]
    assert frame["strength"].tolist() == [1.0, 2.0, 0.5]  # without that of strength 0, and those of the last neuron
    np.testing.assert_allclose(frame["length"], [1.0, 2.0, np.hypot(2, 4)])


def test_neurons_of_several_tasks_are_within_each_of_them(small):
    network, split = small
    members = {k: np.array(rows) for k, rows in split.membership.items()}
    members[0][0] = True
    assert set(connection_frame(network, Split("shared", members))["group"]) == {"within modules"}


def test_densities_have_an_area_of_one_each():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"group": ["within modules", "between modules"] * 50})
    frame["strength"], frame["length"] = generator.uniform(0.01, 10, 100), generator.uniform(0, 3, 100)
    decades = density(frame, "strength", np.geomspace(0.01, 10, 13))
    widths = np.log10(decades["high"] / decades["low"])
    np.testing.assert_allclose((decades["density"] * widths).groupby(decades["group"]).sum(), 1)
    lengths = density(frame, "strength by length", np.linspace(0, 3, 7))
    areas = (lengths["density"] * (lengths["high"] - lengths["low"])).groupby(lengths["group"]).sum()
    np.testing.assert_allclose(areas, 1)


def test_matrices_hold_the_weights_in_the_order_of_modules(results, made):
    numbers = made["connections-sequential"].numbers
    network = results.network("sequential-spatial-0")
    neurons = numbers[(numbers["part"] == "neuron") & (numbers["network"] == network.name)]
    tasks = neurons.loc[neurons["layer"] == "hidden3", "task"].tolist()
    assert tasks == ["digits"] * 6 + ["clothes"] * 5 + [""]
    strength = neurons[neurons["layer"] == "hidden3"].groupby("task")["strength"]
    assert strength.apply(lambda values: (np.diff(values) <= 0).all()).all()
    rows = numbers[(numbers["part"] == "connection") & (numbers["network"] == network.name)]
    one = rows[rows["target"] == "output"].iloc[5]
    weight = network.split_connections[-1].weight[int(one["target_neuron"]), int(one["source_neuron"])]
    assert one["strength"] == pytest.approx(abs(weight))
    figure = made["connections-sequential"].figure
    assert [ax.get_title() for ax in figure.axes[:2]] == ["Regular", "Spatial"]
    image = figure.axes[3].images[0].get_array()  # spatial, the last connection
    np.testing.assert_allclose(image.ravel(), rows.loc[rows["target"] == "output", "strength"].astype(float), rtol=1e-6)
    lines = [line for line in figure.axes[3].lines if len(set(line.get_xdata())) == 1 and line.get_linewidth() < 1]
    assert [line.get_xdata()[0] for line in lines] == [5.5, 10.5]  # six of digits, five of clothes, one of none


def test_chosen_networks_stand_side_by_side(results):
    choice = Choice(("sequential-spatial-1", "sequential-regular-1", "concatenate-spatial-0"))
    shown = {drawing.name: drawing for drawing in drawings(results, "connections", choice)}
    assert list(shown) == ["connections-sequential", "connections-concatenate"]
    titles = [ax.get_title() for ax in shown["connections-sequential"].figure.axes[:2]]
    assert titles == ["sequential-spatial-1", "sequential-regular-1"]
    (seen,) = drawings(results, "distances", choice)
    assert seen.numbers["network"].unique().tolist() == list(choice.networks)
    assert set(seen.numbers.loc[seen.numbers["kind"] == "regular", "quantity"]) == {"strength"}


def test_distances_are_shown_of_networks_that_lie_somewhere(made):
    numbers = made["distances"].numbers
    shown = numbers.groupby("kind")["quantity"].unique().map(list).to_dict()
    assert shown == {"regular": ["strength"], "spatial": ["strength", "length", "strength by length"]}
    titles = [ax.get_title() for ax in made["distances"].figure.axes[:4]]
    assert titles == [
        "strength\nregular", "strength\nspatial", "distance\nspatial", "strength by distance\nspatial"
    ]  # fmt: skip


def without_connections(results, name):
    """Return results in which a network has weights of 0 alone."""
    network = results.network(name)
    dead = [replace(c, weight=0 * c.weight) for c in network.connections]
    networks = {name: replace(network, connections=tuple(dead))}
    return replace(results, _networks=networks)


@pytest.mark.parametrize("seed", [0, 1])
def test_networks_that_lost_every_connection_are_drawn(tmp_path, seed):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0, 1)))
    dead = without_connections(results, f"mix-spatial-{seed}")
    (matrices,) = drawings(dead, "connections")
    (densities,) = drawings(dead, "distances")
    strengths = matrices.numbers["strength"][matrices.numbers["part"] == "connection"]
    assert (strengths.max() == 0) == densities.numbers.empty == (seed == 0)  # the first network is the one shown
    # Where neurons lie is shown of a network that has some.
    shown = drawings(dead, "positions")[0].numbers["network"].unique().tolist()
    assert shown == ["mix-spatial-1" if seed == 0 else "mix-spatial-0"]


def test_large_matrices_are_thinned_and_say_so(tmp_path, monkeypatch):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0,)))
    (whole,) = drawings(results, "connections")
    monkeypatch.setattr(connections, "MOST_CELLS", 2 * 5**2)
    (thin,) = drawings(results, "connections")
    cells = thin.numbers[thin.numbers["part"] == "connection"]
    assert cells.groupby("source").size().tolist() == [25, 25]
    assert (
        thin.caption == f"{whole.caption} Of a layer of more than 5 neurons 5 are shown, evenly spaced in that order."
    )
    columns = ["source", "target", "source_neuron", "target_neuron", "strength"]
    assert len(cells.merge(whole.numbers[columns].dropna(), on=columns)) == len(cells)


def test_many_connections_are_counted_by_a_sample(tmp_path, monkeypatch):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0,)))
    network, split = results.network("mix-spatial-0"), results.splits["mix-spatial-0"]["greedy"]
    whole = connections.connection_frame(network, split)
    monkeypatch.setattr(connections, "MOST_COUNTED", 60)
    some = connections.connection_frame(network, split)
    assert 30 < len(some) < 90 < len(whole)
    assert len(some.merge(whole, on=list(whole.columns))) == len(some)
    (drawing,) = drawings(results, "distances")
    assert drawing.caption.endswith("Of mix-spatial-0 about 60 connections are counted, drawn at random.")


def test_a_long_name_beside_a_low_matrix_takes_two_lines():
    names = ("encoder.layers.0.self_attn", "encoder", "a-name-without-any-dot-in-it")
    populations = [Population(name, 2, "head", split=True) for name in names]
    graph = Graph((*populations, Population("output", 2, split=True, task=[0, 1])), (), {"tasks": ["a", "b"]})
    to = [Connection(3, target, np.ones((2, 2))) for target in range(3)]
    assert _in_height(graph, to[0], 0.8) == "encoder.layers.\n0.self_attn"
    assert _in_height(graph, to[0], 1.9) == "encoder.layers.0.self_attn"
    assert _in_height(graph, to[1], 0.8) == "encoder"
    assert _in_height(graph, to[2], 0.8) == "a-name-without-any-dot-in-it"
