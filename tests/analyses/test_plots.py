"""Plots draw what they are given: positions, colours, order."""

from itertools import pairwise

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from spatialgraph.analyses import plots

STYLES = {"regular": ("#3A3A3A", "s"), "spatial": ("#D55E00", "o")}


@pytest.fixture
def ax():
    with matplotlib.style.context("default"):
        yield Figure().subplots()


def lightness(colour):
    """Return the relative luminance of a colour, 0 to 1 (ITU-R BT.709, sRGB)."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_the_first_tasks_and_the_kinds_are_told_apart_in_grey():
    tasks = list(plots.task_colours(["a", "b", "c"]).values())
    kinds = [colour for colour, _ in plots.kind_styles(["regular", "spatial"]).values()]
    for colours in (tasks, kinds):
        shades = sorted(lightness(colour) for colour in colours)
        # a contrast of 1.9 to 1 between neighbours
        assert all((b + 0.05) / (a + 0.05) > 1.9 for a, b in pairwise(shades)), shades


@pytest.mark.parametrize("count", [1, 2, 8, 9, 30])
def test_any_number_of_tasks_has_colours(count):
    names = [f"task {number}" for number in range(count)]
    colours = plots.task_colours(names)
    assert list(colours) == names
    assert len(set(colours.values())) == count
    assert not {plots.UNASSIGNED, plots.SHARED} & set(colours.values())


def test_kinds_keep_their_style_beside_others():
    styles = plots.kind_styles(["regular", "x", "spatial", "y"])
    assert {kind: styles[kind] for kind in STYLES} == STYLES
    assert len(set(styles.values())) == 4


def test_neurons(ax):
    frame = pd.DataFrame(
        {"layer": ["h", "h", "out", "out"], "x": [0.0, 1, 2, 3], "y": [4.0, 5, 6, 7], "task": ["a", "", "a+b", "b"]}
    )
    assert plots.neurons(ax, frame, {"a": "#0072B2", "b": "#E69F00"}, {"h": "o", "out": "s"}) is ax
    some, none, output, _ = ax.collections
    assert some.get_offsets().tolist() == [[0, 4]]
    assert none.get_offsets().tolist() == [[1, 5]]
    assert len(none.get_facecolors()) == 0  # hollow
    assert to_hex(some.get_facecolors()[0], keep_alpha=False).upper() == "#0072B2"
    assert [to_hex(face).upper() for face in output.get_facecolors()] == [plots.SHARED, "#E69F00"]
    assert output.get_sizes()[0] > some.get_sizes()[0]


def test_slices_connect_neurons_where_they_are_drawn(ax):
    frame = pd.DataFrame({"layer": ["h", "h", "out"], "x": [0.0, 2, 1], "y": [0.0, 2, 1], "task": ["a", "", "a"]})
    connections = pd.DataFrame(
        {
            "source": ["h", "h"],
            "target": ["out", "out"],
            "source_x": [2.0, 0.0],
            "source_y": [2.0, 0.0],
            "target_x": [1.0, 1.0],
            "target_y": [1.0, 1.0],
            "task": ["", "a"],
            "strength": [1.0, 0.5],
        }
    )
    assert plots.slices(ax, frame, connections, {"a": "#0072B2"}, {"h": "hidden", "out": "output"}) is ax
    points = {len(c.get_offsets()): c.get_offsets() for c in ax.collections if hasattr(c, "get_sizes")}
    (segments,) = [c.get_segments() for c in ax.collections if hasattr(c, "get_segments")]
    # Drawn from weak to strong, so that the strong lie on top.
    np.testing.assert_allclose(segments[0], [points[2][0], points[1][0]])
    np.testing.assert_allclose(segments[1], [points[2][1], points[1][0]])
    (colours,) = [c.get_colors() for c in ax.collections if hasattr(c, "get_segments")]
    assert colours[1, 3] > colours[0, 3]
    assert [text.get_text() for text in ax.texts] == ["hidden", "output"]
    assert ax.texts[1].xy[0] > ax.texts[0].xy[0]


def test_slices_of_a_single_neuron_without_connections(ax):
    frame = pd.DataFrame({"layer": ["h"], "x": [3.0], "y": [3.0], "task": ["a"]})
    plots.slices(ax, frame, pd.DataFrame(columns=["source", "strength"]), {"a": "#0072B2"}, {"h": "hidden"})
    assert np.isfinite(ax.get_xlim()).all()


def test_dots_set_references_apart_and_say_what_is_missing(ax):
    points = pd.DataFrame({"row": ["greedy", "greedy", "random"], "kind": "spatial", "value": [0.1, 0.3, 0.5]})
    means = pd.DataFrame({"row": ["greedy", "random"], "kind": "spatial", "mean": [0.2, 0.5]})
    plots.dots(ax, points, means, ["random", "greedy", "spectral"], {"spatial": ("#D55E00", "o")}, {"random"})
    rows = dict(zip([label.get_text() for label in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert list(rows) == ["greedy", "spectral", "random"]
    assert rows["random"] - rows["spectral"] > rows["spectral"] - rows["greedy"]
    seeds, bars = ax.collections[-2:]
    assert seeds.get_offsets().tolist() == [[0.1, 0.0], [0.3, 0.0], [0.5, rows["random"]]]
    assert bars.get_offsets().tolist() == [[0.2, 0.0], [0.5, rows["random"]]]
    assert [(text.get_text(), text.xy[1]) for text in ax.texts] == [("n/a", rows["spectral"])]
    assert len(ax.patches) == 1


def test_curves(ax):
    lines = pd.DataFrame(
        {
            "epoch": [1, 2, 1, 2],
            "kind": "spatial",
            "network": ["a", "a", "b", "b"],
            "task": "t",
            "value": [1.0, 2, 3, 4],
        }
    )
    means = pd.DataFrame({"epoch": [1, 2], "kind": "spatial", "task": "t", "mean": [2.0, 3.0]})
    plots.curves(ax, lines, means, {"spatial": ("#D55E00", "o")}, {"t": "--"})
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 2], [3, 4], [2, 3]]
    assert {line.get_linestyle() for line in ax.lines} == {"--"}
    assert ax.lines[2].get_linewidth() > ax.lines[0].get_linewidth()


def test_levels(ax):
    points = pd.DataFrame({"column": ["", "zero", "zero"], "kind": "spatial", "value": [0.9, 0.6, 0.8]})
    means = pd.DataFrame({"column": ["", "zero"], "kind": "spatial", "mean": [0.9, 0.7], "sd": [np.nan, 0.1]})
    plots.levels(ax, points, means, {"zero": "activation\n= 0"}, {"spatial": ("#D55E00", "o")})
    whole = [line for line in ax.lines if set(line.get_xdata()) == {0, 1}]
    assert [set(line.get_ydata()) for line in whole] == [{0.9}]
    seeds, bars = ax.collections
    assert seeds.get_offsets()[:, 1].tolist() == [0.6, 0.8]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [0.6, 0.8])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["activation\n= 0"]
