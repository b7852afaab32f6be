"""Neurons and slices are drawn where the frames say."""

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spatialgraph.analyses import plots


@pytest.fixture
def ax():
    with matplotlib.style.context("default"):
        yield Figure().subplots()


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


def test_colours_are_the_fuller_the_more_the_shade(ax):
    frame = pd.DataFrame({"layer": "h", "x": [0.0, 1], "y": [3.0, 4], "task": "a", "shade": [1.0, 0.0]})
    plots.neurons(ax, frame, {"a": "#0072B2"}, {"h": "o"})
    marks = ax.collections[0]
    assert marks.get_offsets().tolist() == [[1, 4], [0, 3]]  # full ones lie on top
    assert [to_hex(face) for face in marks.get_facecolors()] == [plots.paler("#0072B2", 0.0), "#0072b2"]
