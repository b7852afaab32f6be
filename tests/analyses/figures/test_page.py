"""Figures in figures of the user's: every one goes into a part of a figure, and those of one panel into axes."""

import pytest
from matplotlib.figure import Figure
from swept_results import OF_SWEEPS

from spatialgraph.analyses.figures import FIGURES, Choice, Page, drawn_into, style
from spatialgraph.analyses.figures.drawing import figure, has_page

# What makes a figure of a single panel of the results that tests share.
ONE_PANEL = {
    "positions": Choice(("sequential-spatial-0",)),
    "layers": Choice(("sequential-spatial-0",)),
    "methods": Choice(inputs="sequential", measure="modularity"),
    "modularity-drop": Choice(inputs="sequential", ablation="zero"),
    "masking": Choice(inputs="sequential", ablation="zero"),
    "nulls": Choice(inputs="sequential", ablation="zero", measure="accuracy"),
    "trade": Choice(inputs="sequential"),
}


def of(name, results, swept):
    return swept if name in OF_SWEEPS else results


def boxes_of(whole, part):
    """Return the boxes that the axes of a part of a figure take, in pixels."""
    with style():
        whole.set_dpi(60)
        whole.draw_without_rendering()
        return [ax.get_tightbbox() for ax in part.axes if ax.axison]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_goes_into_a_part_of_a_figure(results, swept, name):
    whole = Figure(figsize=(14, 10))
    left, right = whole.subfigures(1, 2)
    beside = left.subplots()
    if not has_page(name):
        with pytest.raises(ValueError, match=rf"^figure: expected a figure that can .* \(positions, .*found '{name}'$"):
            drawn_into(right, of(name, results, swept), name)
        return
    drawing = drawn_into(right, of(name, results, swept), name)
    assert drawing.figure is right
    assert left.axes == [beside]  # nothing is drawn elsewhere
    assert set(whole.axes) == {beside, *right.axes}
    assert right.legends or name in ("agreement", "dose-response", "trade", "selectivity")
    assert len(drawing.numbers)
    for box in boxes_of(whole, right):
        assert right.bbox.padded(3).contains(box.x0, box.y0)
        assert right.bbox.padded(3).contains(box.x1, box.y1)


@pytest.mark.parametrize("name", FIGURES)
def test_axes_take_a_figure_of_one_panel_and_no_other(results, swept, name):
    whole = Figure(figsize=(8, 4))
    mine, other = whole.subplots(1, 2)
    if name in ONE_PANEL:
        drawing = drawn_into(mine, of(name, results, swept), name, ONE_PANEL[name])
        assert drawing.figure is whole
        assert whole.axes == [mine, other]
        assert mine.has_data()
        assert not other.has_data()
        assert mine.get_title(loc="left") in ("", "Sequential")  # one panel needs no letter
        return
    with pytest.raises(ValueError, match=r"^ax: expected a figure ") as error:
        drawn_into(mine, of(name, results, swept), name)
    assert "\n" not in str(error.value)
    assert not mine.has_data()
    if has_page(name):
        assert str(error.value).startswith(f"ax: expected a figure of one panel, found {name!r} of ")
        assert str(error.value).endswith("or give figure, a Figure or SubFigure")


def test_the_legend_of_given_axes_lies_below_their_labels(results):
    whole = Figure(figsize=(4, 4), layout="constrained")
    ax = whole.subplots()
    drawn_into(ax, results, "methods", ONE_PANEL["methods"])
    whole.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.y1 <= ax.xaxis.get_tightbbox().y0
    assert whole.bbox.contains(legend.x0, legend.y0)


def test_a_layout_of_the_user_stays_and_one_is_given_where_there_is_none(results):
    bare, laid = Figure(), Figure(layout="compressed")
    engine = laid.get_layout_engine()
    for whole in (bare, laid):
        drawn_into(whole, results, "masking", ONE_PANEL["masking"])
    assert bare.get_layout_engine() is not None
    assert laid.get_layout_engine() is engine


def test_a_choice_of_input_mode_and_ablation_is_one_of_those_there_are(results):
    ax = Figure().subplots()
    for choice, text in (
        (Choice(inputs="mix"), "unknown input mode 'mix'; known: concatenate, sequential"),
        (Choice(ablation="lesion"), "unknown ablation 'lesion'; known: zero, incoming, mean"),
        (Choice(measure="cut"), "expected scores cut of splits, of accuracy-drop or modularity, found none"),
    ):
        with pytest.raises(ValueError, match=f"^{text}$"):
            drawn_into(ax, results, "methods", choice)
    drawing = drawn_into(Figure(), results, "masking", Choice(inputs="sequential", ablation="incoming"))
    assert set(drawing.numbers["inputs"]) == {"sequential"}
    assert set(drawing.numbers["ablation"]) == {"", "incoming"}


def test_parameters_of_a_figure_function_are_checked():
    with pytest.raises(
        ValueError, match=r"and of page if it can be drawn into .*, found parameters results, choice, ax"
    ):

        @figure("own")
        def own(results, choice, ax):
            """Show nothing."""

    assert Page().panels(3, 2, 2, 1)[1].shape == (2, 1)
