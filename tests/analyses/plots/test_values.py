"""Plots of values draw what they are given: points, means, bands, bins and order."""

import matplotlib.style
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spatialgraph.analyses import plots

STYLES = {"regular": ("#3A3A3A", "s"), "spatial": ("#D55E00", "o")}


@pytest.fixture
def ax():
    with matplotlib.style.context("default"):
        yield Figure().subplots()


def test_dots_set_references_apart_and_say_what_is_missing(ax):
    points = pd.DataFrame({"row": ["greedy", "greedy", "random"], "kind": "spatial", "value": [0.1, 0.3, 0.5]})
    means = pd.DataFrame({"row": ["greedy", "random"], "kind": "spatial", "mean": [0.2, 0.5]})
    means = means.assign(low=[-9.0, np.nan], high=[9.0, np.nan])
    plots.dots(ax, points, means, ["random", "greedy", "spectral"], {"spatial": ("#D55E00", "o")}, {"random"})
    rows = dict(zip([label.get_text() for label in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert list(rows) == ["greedy", "spectral", "random"]
    assert rows["random"] - rows["spectral"] > rows["spectral"] - rows["greedy"]
    seeds, intervals, bars = ax.collections[-3:]
    np.testing.assert_allclose(seeds.get_offsets(), [[0.1, -0.13], [0.3, 0.13], [0.5, rows["random"]]])
    np.testing.assert_allclose(intervals.get_segments()[0], [[-9.0, 0.0], [9.0, 0.0]])
    ax.autoscale_view()
    assert ax.get_xlim()[1] < 1  # the range is that of seeds
    assert bars.get_offsets().tolist() == [[0.2, 0.0], [0.5, rows["random"]]]
    assert [(text.get_text(), text.xy[1]) for text in ax.texts] == [("n/a", rows["spectral"])]
    assert len(ax.patches) == 1


def test_curves(ax):
    means = pd.DataFrame({"epoch": [2, 1], "kind": "spatial", "task": "t", "mean": [3.0, 2.0]})
    means = means.assign(low=[2.5, 1.0], high=[4.0, np.nan])
    points = pd.DataFrame({"epoch": [2, 1, 1, 2], "network": [*"aabb"], "kind": "spatial", "task": "t"})
    points = points.assign(value=[2.0, 1.0, 3.0, 4.0])
    plots.curves(ax, points, means, {"spatial": ("#D55E00", "o")}, {"t": "--"})
    *seeds, line = ax.lines
    assert [seed.get_ydata().tolist() for seed in seeds] == [[1, 2], [3, 4]]
    assert seeds[0].get_linewidth() < line.get_linewidth()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1, 2], [2, 3])  # in the order of time
    assert line.get_linestyle() == "--"
    assert len(ax.collections) == 1


def test_a_curve_of_one_epoch_is_a_marker(ax):
    means = pd.DataFrame(
        {"epoch": [1], "kind": "spatial", "task": "", "mean": [2.0], "low": [np.nan], "high": [np.nan]}
    )
    points = means.assign(network="a", value=2.0)
    plots.curves(ax, points, means, STYLES, {})
    assert ax.lines[-1].get_marker() == "o"


def test_levels(ax):
    points = pd.DataFrame({"column": ["", "own", "own"], "kind": "spatial", "value": [0.9, 0.6, 0.8]})
    means = pd.DataFrame({"column": ["", "own"], "kind": "spatial", "mean": [0.9, 0.7]})
    means = means.assign(low=[np.nan, 0.65], high=[np.nan, 0.8])
    plots.levels(ax, points, means, {"own": "own\nmodule"}, {"spatial": ("#D55E00", "o")})
    whole = [line for line in ax.lines if set(line.get_xdata()) == {0, 1}]
    assert [set(line.get_ydata()) for line in whole] == [{0.9}]
    seeds, bars = ax.collections
    assert seeds.get_offsets()[:, 1].tolist() == [0.6, 0.8]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [0.65, 0.8])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["own\nmodule"]


def test_levels_of_one_seed_have_no_bar(ax):
    points = pd.DataFrame({"column": ["own"], "kind": "spatial", "value": [0.6]})
    means = points.rename(columns={"value": "mean"}).assign(low=np.nan, high=np.nan)
    plots.levels(ax, points, means, {"own": "own"}, {"spatial": ("#D55E00", "o")})
    assert np.ptp(ax.collections[1].get_segments()[0][:, 1]) == 0


def test_scatter(ax):
    points = pd.DataFrame({"kind": ["regular", "spatial", "spatial"], "x": [0.0, 1, 2], "y": [3.0, 4, 5]})
    plots.scatter(ax, points, STYLES)
    assert [c.get_offsets().tolist() for c in ax.collections] == [[[0, 3]], [[1, 4], [2, 5]]]


def test_distribution_sets_what_was_observed_above_what_was_drawn(ax):
    shares = pd.DataFrame({"kind": "regular", "low": [0.0, 1.0], "high": [1.0, 2.0], "height": [0.5, 1.0]})
    observed = pd.DataFrame({"kind": ["regular", "spatial"], "value": [3.0, 4.0]})
    plots.distribution(ax, shares, observed, STYLES)
    area = ax.patches[0].get_data()
    assert (area.values.tolist(), area.edges.tolist()) == ([0.5, 1.0], [0.0, 1.0, 2.0])
    (one,), (other,) = (c.get_offsets().tolist() for c in ax.collections)
    assert (one[0], other[0]) == (3.0, 4.0)
    assert 1 < one[1] < other[1] < ax.get_ylim()[1]


def test_densities_are_areas_or_lines(ax):
    shares = pd.DataFrame(
        {"group": ["in", "in", "out"], "low": [0.0, 1, 0], "high": [1.0, 2, 2], "density": [1.0, 3, 2]}
    )
    plots.densities(ax, shares, {"in": ("#009E73", True), "out": ("#111111", False), "none": ("#111111", True)})
    assert [patch.get_fill() for patch in ax.patches] == [True, False, False]
    assert ax.patches[0].get_data().values.tolist() == [1.0, 3.0]
    assert ax.patches[2].get_data().edges.tolist() == [0.0, 2.0]
    assert ax.get_ylim()[0] == 0
