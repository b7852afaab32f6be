"""Positions and layers: neurons and connections are those of the network, and what is left out is said."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from results_builder import build_results, clustered_network

from spatialgraph.analyses import figures, plots
from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.results import Results
from spatialgraph.graph.split import Split
from spatialgraph.store import read_splits, write_splits


def offsets(figure, panel):
    return np.vstack([c.get_offsets() for c in figure.axes[panel].collections if len(c.get_offsets())])


def text_of(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_positions_are_those_of_the_network(results, made):
    numbers = made["positions"].numbers
    assert numbers["network"].unique().tolist() == ["concatenate-spatial-0", "sequential-spatial-0"]
    network = results.network("concatenate-spatial-0")
    own = numbers[numbers["inputs"] == "concatenate"]
    for number in network.split_populations:
        layer = network.populations[number]
        rows = own[own["layer"] == layer.name]
        np.testing.assert_allclose(rows[["x", "y"]], layer.position[rows["neuron"]])
    # The builder's neuron 0 of the first split layer has input weights of 0.001 in all.
    assert 0 not in own.loc[own["layer"] == "hidden2", "neuron"].tolist()
    assert 1 in own.loc[own["layer"] == "hidden2", "neuron"].tolist()
    assert own.loc[own["layer"] == "hidden3", "task"].tolist() == ["digits"] * 6 + ["clothes"] * 5 + [""]
    drawn = offsets(made["positions"].figure, 0)
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, own[["x", "y"]].to_numpy()))
    assert "no task" in text_of(made["positions"].figure)


def test_layers_draw_the_connections_above_the_threshold(results, made):
    numbers = made["layers-sequential"].numbers
    network = results.network("sequential-spatial-0")
    weight = {c.source: c.weight for c in network.split_connections}
    numbers = numbers[numbers["network"] == network.name]
    drawn = numbers[numbers["part"] == "connection"]
    expected = sum(int((np.abs(w[:, 1:] if k == 2 else w) > 0.01).sum()) for k, w in weight.items())
    assert len(drawn) == expected
    one = drawn.iloc[0]
    number = next(k for k in network.split_populations if network.populations[k].name == one["source"])
    assert one["weight"] == pytest.approx(weight[number][int(one["target_neuron"]), int(one["source_neuron"])])
    assert (numbers.loc[numbers["part"] == "left out", "connections"] == 0).all()
    segments = [
        len(c.get_segments())
        for c in made["layers-sequential"].figure.axes[1].collections
        if hasattr(c, "get_segments")
    ]
    assert sum(segments) == expected


def test_connections_between_modules_have_a_colour_of_their_own(made):
    drawing = made["layers-sequential"]
    numbers = drawing.numbers[drawing.numbers["network"] == "sequential-spatial-0"]
    neurons = numbers[numbers["part"] == "neuron"].set_index(["layer", "neuron"])["task"]
    drawn = numbers[numbers["part"] == "connection"]
    ends = [
        [neurons[row[layer], row[f"{layer}_neuron"]] for layer in ("source", "target")] for _, row in drawn.iterrows()
    ]
    wanted = ["" if "" in both else both[0] if both[0] == both[1] else "between modules" for both in ends]
    assert drawn["task"].tolist() == wanted
    assert len(set(wanted)) > 2
    lines = [c for c in drawing.figure.axes[1].collections if hasattr(c, "get_segments")]
    reds = [to_hex(colour).upper() == plots.CROSSING for one in lines for colour in one.get_colors()]
    assert sum(reds) == wanted.count("between modules")
    assert "between modules" in text_of(drawing.figure)
    assert "connections if both of their ends serve it" in drawing.caption


def test_layers_leave_out_the_weakest_beyond_a_number_and_say_so(results, monkeypatch):
    monkeypatch.setattr(figures.neurons, "MAX_LINES", 5)
    drawing = drawings(results, "layers")[0]
    numbers = drawing.numbers[drawing.numbers["network"] == "concatenate-spatial-0"]
    connections = numbers[numbers["part"] == "connection"]
    left_out = numbers[numbers["part"] == "left out"]
    assert connections.groupby("source").size().tolist() == [5, 5]
    network = results.network("concatenate-spatial-0")
    weight = np.sort(np.abs(network.split_connections[-1].weight).ravel())[::-1]
    strongest = connections.loc[connections["target"] == "output", "weight"].abs()
    np.testing.assert_allclose(strongest, weight[:5])
    assert left_out["connections"].iloc[-1] == (weight > 0.01).sum() - 5
    assert f"and {int(left_out['connections'].sum())} of concatenate-spatial-0 left out)" in drawing.caption


def test_layers_stand_beside_those_of_the_reference_in_an_order_that_knows_no_split(results, made):
    drawing = made["layers-sequential"]
    assert [ax.get_title().split("\n") for ax in drawing.figure.axes] == [
        ["Regular", "2 % of the strength crosses modules"],  # the cut of the invented scores
        ["Spatial", "2 % of the strength crosses modules"],
    ]
    own = drawing.numbers[drawing.numbers["network"] == "sequential-regular-0"]
    neurons = own[(own["part"] == "neuron") & (own["layer"] == "hidden3")].sort_values("neuron")
    np.testing.assert_allclose(neurons["x"].iloc[:4], [-1, -1 / 3, 1 / 3, 1])
    assert (np.diff(neurons["y"].astype(float)) <= 0).all()  # row by row, whatever the tasks
    assert "sequential-regular-0 has no positions: its neurons stand in the order of their layer" in drawing.caption
    (alone,) = drawings(
        results.of_kinds(["spatial"]).of_kinds(["spatial"]), "layers", Choice(("sequential-spatial-0",))
    )
    assert len(alone.figure.axes) == 1


def test_each_panel_of_positions_has_a_range_of_its_own(made):
    one, other = made["positions"].figure.axes
    assert one.get_xlim() != other.get_xlim()
    shapes = [np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()) for ax in (one, other)]
    assert shapes[0] == pytest.approx(shapes[1])
    assert "Panels have ranges of their own." in made["positions"].caption


def test_names_of_input_modes_make_good_names_of_files(tmp_path):
    results = Results.load(
        build_results(tmp_path, inputs=("a/b", "../c"), kinds=("spatial",), seeds=(0,), methods=("greedy",))
    )
    assert [drawing.name for drawing in drawings(results, "layers")] == ["layers-..-c", "layers-a-b"]


@pytest.mark.parametrize("dim", [1, 3])
def test_positions_of_other_dimensions(tmp_path, dim):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0,), dim=dim))
    (seen,) = drawings(results, "positions")
    (_,) = drawings(results, "layers")
    network = results.network("mix-spatial-0")
    numbers = seen.numbers
    position = np.vstack(
        [
            network.populations[k].position[numbers.loc[numbers["layer"] == network.populations[k].name, "neuron"]]
            for k in (2, 3, 4)
        ]
    ).astype(float)
    if dim == 1:
        np.testing.assert_allclose(numbers["x"], position[:, 0])
        assert numbers["y"].unique().tolist() == [2, 3, 4]  # a row for each layer
        assert [label.get_text() for label in seen.figure.axes[0].get_yticklabels()] == ["hidden2", "hidden3", "output"]
        assert "on a line" in seen.caption
    else:
        # Principal coordinates: uncorrelated, the first with the largest variance, which no direction exceeds.
        covariance = np.cov(numbers[["x", "y"]].to_numpy(float).T)
        assert covariance[0, 1] == pytest.approx(0, abs=1e-9)
        variances = np.linalg.eigvalsh(np.cov(position.T))[::-1]
        np.testing.assert_allclose(np.diag(covariance), variances[:2])
        assert "first two principal coordinates" in seen.caption


def test_neurons_of_several_tasks(results, tmp_path):
    network = clustered_network("concatenate-spatial-0", inputs="concatenate").graph
    shared = Split("greedy", {k: np.ones((network.populations[k].size, 2), bool) for k in network.split_populations})
    splits = {name: dict(methods) for name, methods in read_splits(results.folder / "splits.h5").items()}
    splits["concatenate-spatial-0"]["greedy"] = shared
    write_splits(tmp_path / "splits.h5", splits)
    changed = Results(results.folder, results.scores, read_splits(tmp_path / "splits.h5"), results.run)
    (drawing,) = drawings(changed, "positions")
    assert set(drawing.numbers.loc[drawing.numbers["inputs"] == "concatenate", "task"]) == {"digits+clothes"}
    assert "several tasks" in text_of(drawing.figure)


@pytest.mark.parametrize("name", ["positions", "layers", "splits"])
def test_many_neurons_are_thinned_and_it_is_said(results, monkeypatch, name):
    said = "are drawn, evenly spaced in each layer."
    whole = drawings(results, name)[0]
    assert said not in whole.caption
    monkeypatch.setattr(figures.neurons, "MAX_NEURONS", 6)
    few = drawings(results, name)[0]
    assert re.search(r"Of .*concatenate-spatial-0.* about", few.caption)
    assert f"about 6 neurons {said}" in few.caption
    network = results.network("concatenate-spatial-0")
    for numbers in (whole.numbers, few.numbers):
        neurons = numbers[numbers["part"] == "neuron"] if "part" in numbers else numbers
        neurons = neurons[neurons["network"] == "concatenate-spatial-0"]
        panels = neurons.groupby([key for key in ("network", "split") if key in neurons.columns] or "part").size()
        assert (panels <= (6 if numbers is few.numbers else sum(layer.size for layer in network.populations))).all()
        assert len(neurons.merge(whole.numbers)) == len(neurons)  # at the places they had
    marks = sum(len(c.get_offsets()) for c in few.figure.axes[0].collections if not hasattr(c, "get_segments"))
    assert 0 < marks <= 6


def test_networks_of_the_reference_are_shown_after_others(results):
    # Networks with positions are of two kinds then, one of each in each input mode.
    of_seed = {0: "a", 1: "b"}
    kinds = [kind if kind == "regular" else of_seed[seed] for kind, seed in results.scores[["kind", "seed"]].to_numpy()]
    scores = results.scores.assign(kind=kinds)[results.scores["kind"] != "regular"]
    for reference, shown in ((None, "-1"), ("b", "-0"), ("a", "-1")):
        asked = Results(results.folder, scores, results.splits, results.run, {"reference": reference})
        (drawing,) = drawings(asked, "positions")
        assert drawing.numbers["network"].str.endswith(shown).all()
