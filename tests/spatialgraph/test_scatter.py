"""Pictures in characters: what lies where, worked out by hand, on terminals of every width, with colours or without."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from builders import two_module_network
from rich.console import Console

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.network import Layer, Network
from spatialgraph.scatter import HEIGHT, Raster, scatter
from spatialgraph.splits import Split, apply


def rendered(renderable, width=80, **options):
    console = Console(width=width, file=io.StringIO(), **({"color_system": None} | options))
    console.print(renderable)
    return console.file.getvalue()


def graph_of(positions, tasks=2):
    """Return a graph of layers that are all split and lie at these positions; one output for each task."""
    layers = [Layer("input", 1)]
    layers += [Layer(f"layer{k}", len(p), position=np.array(p, float), split=True) for k, p in enumerate(positions, 1)]
    connections = tuple(
        Connection(k, k + 1, np.ones((b.size, a.size))) for k, (a, b) in enumerate(itertools.pairwise(layers))
    )
    names = [f"task{number}" for number in range(tasks)]
    return Network(tuple(layers), connections, np.arange(layers[-1].size) % tasks, {"tasks": names}).graph


def split_of(graph, *labels):
    return Split.from_labels("by hand", dict(zip(graph.split_populations, labels, strict=True)), len(graph.tasks))


def boxed(text):
    """Return what stands in each of the frames of a picture, line by line, without the frames."""
    rows = [line.split("│")[1:-1:2] for line in text.splitlines() if "│" in line]
    return [list(column) for column in zip(*rows, strict=True)]


def test_a_cell_holds_a_task_or_several_and_a_task_hides_who_serves_none():
    points = np.array([[0.0, 0], [2, 0], [2, 0], [4, 0], [4, 0], [6, 0], [6, 0], [6, 0], [8, 0]])
    codes = np.array([0, 0, 1, -1, 1, 1, 1, -1, -1])
    cells = Raster(left=0, top=0, unit=2, columns=6, lines=1).cells(points, codes)
    assert cells.tolist() == [[0, -2, 1, 1, -1, -3]]


def test_characters_are_twice_as_high_as_wide():
    points = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    raster = Raster.around(points, columns=17, lines=50)
    assert (raster.unit, raster.columns, raster.lines) == (0.5, 17, 9)
    where = [tuple(map(int, np.argwhere(raster.cells(points, np.arange(3)) == code)[0])) for code in range(3)]
    assert where == [(8, 0), (8, 16), (0, 0)]
    assert Raster.around(points, columns=100, lines=5).lines == 5


@pytest.mark.parametrize("points", [[[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_points_in_one_place_take_one_character(points):
    raster = Raster.around(np.array(points), columns=10, lines=5)
    assert raster.cells(np.array(points), np.zeros(len(points), int)).tolist() == [[0]]


def test_layers_stand_side_by_side_to_one_scale():
    graph = graph_of([[[0, 0], [4, 8], [2, 4]], [[4, 0], [0, 8]]])
    text = rendered(scatter(graph, split_of(graph, [0, 1, -1], [0, 1])))
    first, second = boxed(text)
    assert (
        len(first) == HEIGHT
    )  # 8 units high: a line is 8/14 of a unit, a character half of it, 4 units are 14 of them
    assert [first[0], first[7], first[14]] == [" " * 14 + "x", " " * 7 + "·" + " " * 7, "o" + " " * 14]
    assert [second[0], second[14]] == ["x" + " " * 14, " " * 14 + "o"]
    assert text.splitlines()[0] == "o task0 2  x task1 2  · no task 1  (by hand split)"
    assert "─ layer1 ─" in text
    assert "─ layer2 ─" in text


def test_a_character_of_several_tasks_is_explained_where_there_is_one():
    near, far = graph_of([[[0, 0], [0, 0], [9, 0]]]), graph_of([[[0, 0], [1, 0], [9, 0]]])
    assert "  # several tasks  (" in rendered(scatter(near, split_of(near, [0, 1, 1])))
    assert "#" not in rendered(scatter(far, split_of(far, [0, 1, 1])))


def test_a_neuron_that_serves_several_tasks_is_marked():
    graph = graph_of([[[0, 0], [1, 0]]])
    split = Split("shared", {1: np.array([[True, True], [False, True]])})
    assert boxed(rendered(scatter(graph, split)))[0][0].strip().split() == ["#", "x"]
    assert "# several tasks 1" in rendered(scatter(graph, split))


def test_neurons_that_hardly_anything_enters_are_left_out():
    graph = graph_of([[[0, 0], [100, 0], [1, 0]]])
    weights = [[0.5], [0.0625], [-0.125]]
    graph = replace(graph, connections=(Connection(0, 1, weights),))
    text = rendered(scatter(graph, split_of(graph, [0, 1, 1])))
    assert text.startswith("o task0 1  x task1 1  (by hand split, 1 without input left out)\n")
    assert boxed(text)[0][0].split() == ["o", "x"]


def test_where_nothing_enters_any_neuron_all_are_shown():
    graph = graph_of([[[0, 0], [1, 0]]])
    graph = replace(graph, connections=(Connection(0, 1, np.zeros((2, 1))),))
    assert rendered(scatter(graph, split_of(graph, [0, 1]))).startswith("o task0 1  x task1 1  (by hand split)\n")


def test_positions_on_a_line_are_a_line_for_each_layer():
    graph = graph_of([[[0], [1], [2]], [[0], [2]]])
    lines = rendered(scatter(graph, split_of(graph, [0, 0, 1], [0, 1]))).splitlines()
    assert [line.split() for line in lines[1:]] == [["layer1", "o", "o", "x"], ["layer2", "o", "x"]]
    assert [line.index("x") for line in lines[1:]] == [79, 79]
    narrow = rendered(scatter(graph, split_of(graph, [0, 0, 1], [0, 1]), 22), 22).splitlines()
    assert [line.split() for line in narrow[-2:]] == [["lay…", "o", "o", "x"], ["lay…", "o", "x"]]


def test_of_three_dimensions_the_first_two_principal_coordinates_are_shown():
    corners = np.array([[0, 0, 0], [0, 0, 10], [0, 4, 0], [0.1, 4, 10]])
    graph = graph_of([corners])
    (cells,) = boxed(rendered(scatter(graph, split_of(graph, [0, 1, 0, 1]))))
    shown = [cell.split() for cell in cells if cell.strip()]
    assert shown == [["o", "x"], ["o", "x"]]
    assert len(cells[0].rstrip()) > 2 * len(cells)  # the longest side lies from left to right


@pytest.mark.parametrize(("width", "shown"), [(20, 1), (40, 2), (60, 3), (80, 3), (300, 3)])
def test_the_last_layers_are_shown_where_the_terminal_is_narrow(width, shown):
    graph = two_module_network().graph
    text = rendered(scatter(graph, apply("greedy", graph), width), width)
    assert max(map(len, text.splitlines())) <= min(width, 80)
    assert len(boxed(text)) == shown
    assert ("hidden1" in text) == (shown == 3)
    assert (f"the last {shown} of 3 split layers" in " ".join(text.split())) == (shown < 3)


def test_tasks_differ_in_character_and_in_colour():
    graph = graph_of([[[number, 0] for number in range(8)]], tasks=8)
    split = split_of(graph, np.arange(8))
    plain = rendered(scatter(graph, split))
    coloured = rendered(scatter(graph, split), force_terminal=True, color_system="truecolor", no_color=False)
    marks = plain.split("└")[0].split("│")[1].split()
    assert len(set(marks)) == 8
    assert "\x1b" not in plain
    colours = {coloured.split(f"m{mark}\x1b")[0].split("\x1b[")[-1] for mark in marks}
    assert len(colours) == 8


def test_any_number_of_tasks_is_drawn():
    graph = graph_of([[[number, 0] for number in range(60)]], tasks=60)
    text = rendered(scatter(graph, split_of(graph, np.arange(60))))
    assert max(map(len, text.splitlines())) <= 80
    entries = [entry for line in text.split("┌")[0].splitlines() for entry in line.strip().split("  ")]
    assert [entry[1:] for entry in entries[:-1]] == [f" task{number} 1" for number in range(60)]  # none is broken


def test_a_network_without_positions_is_refused():
    graph = two_module_network(positions=False).graph
    with pytest.raises(NotApplicableError, match="expected positions in every split layer, found a layer without"):
        scatter(graph, apply("greedy", graph))
