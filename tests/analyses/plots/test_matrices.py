"""Matrices and heat maps: cells, boundaries and their numbers."""

import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.figure import Figure

from spatialgraph.analyses import plots


@pytest.fixture
def ax():
    with matplotlib.style.context("default"):
        yield Figure().subplots()


def test_a_matrix_has_a_row_for_each_target(ax):
    plots.matrix(ax, np.array([[1.0, 0.1, 0.0]]), LogNorm(0.01, 1, clip=True))
    (image,) = ax.images
    assert image.get_array().tolist() == [[1.0, 0.1, 0.0]]
    colours = image.to_rgba(image.get_array())[0]
    assert colours[2].tolist() == list(plots.HEAT(0.0))  # what is 0 has the colour of the least
    assert colours[0].tolist() == list(plots.HEAT(1.0))


@pytest.mark.parametrize("axis", ["x", "y"])
def test_boundaries_lie_where_modules_end(ax, axis):
    plots.matrix(ax, np.ones((5, 5)), Normalize(0, 1))
    plots.boundaries(ax, ["a", "a", "b", "a+b", ""], {"a": "#0072B2", "b": "#E69F00"}, axis)
    strips = [line for line in ax.lines if line.get_linewidth() > 1]
    along, across = ("get_xdata", "get_ydata") if axis == "x" else ("get_ydata", "get_xdata")
    assert [list(getattr(strip, along)()) for strip in strips] == [[-0.5, 1.5], [1.5, 2.5], [2.5, 3.5], [3.5, 4.5]]
    assert all(set(getattr(strip, across)()) == {0} for strip in strips)
    colours = [to_hex(strip.get_color()).upper() for strip in strips]
    assert colours == ["#0072B2", "#E69F00", plots.SHARED, plots.UNASSIGNED]
    lines = [line for line in ax.lines if line.get_linewidth() < 1]
    assert [getattr(line, along)()[0] for line in lines] == [1.5, 2.5, 3.5]


def test_one_module_has_no_boundary(ax):
    plots.matrix(ax, np.ones((2, 2)), Normalize(0, 1))
    plots.boundaries(ax, ["a", "a"], {"a": "#0072B2"}, "x")
    assert len(ax.lines) == 1


def test_heat_writes_its_numbers_and_hatches_what_is_missing(ax):
    values = np.array([[0.0, np.nan], [1.0, 0.5]])
    texts = np.array([["0", "?"], ["100", "50"]])
    plots.heat(ax, values, ["r", "s"], ["c", "d"], Normalize(0, 1), texts)
    written = [(text.get_position(), text.get_text(), text.get_color()) for text in ax.texts]
    assert written == [((0, 0), "0", "#111111"), ((0, 1), "100", "#FFFFFF"), ((1, 1), "50", "#111111")]
    (hatched,) = ax.patches
    assert hatched.get_xy() == (0.5, -0.5)
    assert hatched.get_hatch()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["r", "s"]


@pytest.mark.parametrize("value", np.linspace(0, 1, 21))
def test_ink_is_read_on_every_shade(value):
    """The contrast of the text is at least 4.5 to 1 (WCAG 2.1, 1.4.3)."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722])) + 0.05

    shade = plots.HEAT(value)
    ink = matplotlib.colors.to_rgb(plots.ink(shade))
    one, other = sorted([luminance(shade), luminance(ink)])
    assert other / one >= 4.5
