"""Colours and markers: told apart by every reader, and in grey."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from spatialgraph.analyses import plots

STYLES = {"regular": ("#3A3A3A", "s"), "spatial": ("#D55E00", "o")}


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


@pytest.mark.parametrize("count", [5, 6, 40])
def test_any_number_of_kinds_has_styles_of_its_own(count):
    kinds = ["regular", *(f"spatial α={number}" for number in range(count))]
    styles = plots.kind_styles(kinds)
    assert list(styles) == kinds
    assert len(set(styles.values())) == count + 1
    assert styles["regular"] == plots.kind_styles(["regular"])["regular"]


def test_the_colours_of_matrices_darken_all_the_way():
    shades = [lightness(plots.HEAT(value)[:3]) for value in np.linspace(0, 1, 30)]
    assert all(one > other for one, other in pairwise(shades))
    assert shades[0] > 0.9
    assert shades[-1] < 0.05
