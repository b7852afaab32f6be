"""Networks as they come to be: neurons move apart, and modules with them, over the moments of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph.plane import Plane
from spatialgraph.metrics import modularity

from .. import plots
from ..results import Results
from .animation import Film, lay_out
from .chosen import Shown, networks_with_positions
from .drawing import DOUBLE, Choice, Drawing, figure
from .neurons import (
    axis_names,
    degenerate_said,
    dim_of,
    neurons_of,
    projection,
    task_keys,
    tasks_shown,
    thinned,
    units_said,
    weak_said,
    widened,
)
from .panels import first

# Of the neurons of a moment, this share may lie outside the axes at either end of each: a few that stray do not make
# all others small.
_OUTSIDE = 0.02
_COLUMNS = 3
_CURVE_HEIGHT = 0.62  # inches
_LACKING = (
    "snapshots between the start and the end of training, found none; `spatialgraph train … --snapshots 50` keeps them"
)
_INK, _NOW = "#333333", "#999999"


@figure("film")
def film(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show neurons as they find their places during training, coloured by what they serve at its end: a film."""
    if choice.networks is None:
        results = _with_moments(results)
    courses = [_Course.of(results, one) for one in networks_with_positions(results, choice)]
    # Networks that were kept at other moments cannot move in step.
    in_step = len({len(course.epochs) for course in courses}) == 1
    for group in [courses] if in_step else [[course] for course in courses]:
        scene = _Scene.of(group)
        name = "film" if in_step else f"film-{group[0].shown.slug}"
        yield Film(name, scene.figure, _numbers(group), _caption(group, scene), len(group[0].epochs), scene.show)


def _with_moments(results: Results) -> Results:
    """Return the results of the networks that were kept between the start and the end of their training."""
    names = [name for name in results.members["network"] if len(results.snapshot_epochs(name)) > 1]
    if not names:
        raise NotApplicableError(f"expected networks with {_LACKING}")
    return replace(results, scores=results.scores[results.scores["network"].isin(names)])


@dataclass(frozen=True, eq=False)
class _Course:
    """The course of a network's training.

    Attributes:
        shown: the trained network, and the split by which neurons are coloured.
        epochs: ``(moments,)``, when.
        neurons: the neurons to draw at each moment, as `neurons_of` returns them.
        modularity: ``(moments,)``, of the trained network's split on the weights of each moment.
        accuracy: ``(epochs, tasks)``, 0 to 1, after every epoch; without rows if it was not recorded.
        kept: how many moments there are, of which a film of a large network shows some.
    """

    shown: Shown
    epochs: NDArray[np.float64]
    neurons: list[pd.DataFrame]
    modularity: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    kept: int

    @classmethod
    def of(cls, results: Results, shown: Shown) -> _Course:
        """Return the course of a network."""
        network, split = shown.network, shown.split
        moments = results.snapshots(network.name)
        if len(moments) < 3:
            raise NotApplicableError(f"{network.name}: expected {_LACKING}")
        frames = [neurons_of(was, split) for _, was in moments]
        if dim_of(network) > 2:  # always the plane of the trained network: the view stays where it is
            plane = Plane.of(
                np.concatenate([np.asarray(network.populations[k].position) for k in network.split_populations])
            )
            for frame, (_, was) in zip(frames, moments, strict=True):
                points = {
                    was.populations[k].name: np.asarray(was.populations[k].position) for k in network.split_populations
                }
                for layer, own in frame.groupby("layer"):
                    frame.loc[own.index, ["x", "y"]] = plane.project(points[str(layer)][own["neuron"]])
        return cls(
            shown,
            np.array([epoch for epoch, _ in moments]),
            frames,
            np.array([modularity(was, split) for _, was in moments]),
            np.asarray(network.history.get("accuracy", np.empty((0, len(network.tasks)))), np.float64),
            1 + sum(epoch < moments[-1][0] for epoch in results.snapshot_epochs(network.name)),
        )

    def known_until(self, moment: int) -> int:
        """Return after how many epochs the accuracy is known at a moment."""
        return min(int(self.epochs[moment]), len(self.accuracy))


@dataclass(frozen=True, eq=False)
class _Scene:
    """A figure that shows a moment of several networks at a time.

    Attributes:
        figure: the figure.
        courses: a network for each panel.
        limits: ``(2, 2)``, the range of x and of y to be seen in every panel and moment.
        colours: task to colour.
        markers: layer to marker.
        panels: for each network, the axes of its neurons, of its modularity and of its accuracy.
    """

    figure: Figure
    courses: Sequence[_Course]
    limits: NDArray[np.float64]
    colours: Mapping[str, str]
    markers: Mapping[str, str]
    panels: Sequence[tuple[Axes, Axes, Axes]]

    @classmethod
    def of(cls, courses: Sequence[_Course]) -> _Scene:
        """Return the scene of some networks at the end of training."""
        limits = _limits(courses)
        shape = float(np.clip(np.divide(*np.ptp(limits, axis=1)[::-1]), 0.6, 1.1))
        figure, panels = _panels(len(courses), shape)
        colours = plots.task_colours(tasks_shown([course.shown for course in courses]))
        networks = [course.shown.network for course in courses]
        layers = dict.fromkeys(network.populations[k].name for network in networks for k in network.split_populations)
        scene = cls(figure, courses, limits, colours, plots.layer_markers(list(layers)), panels)
        scene._furnish()
        scene.show(len(courses[0].epochs) - 1)
        scene._settle()
        return scene

    def _furnish(self) -> None:
        """Draw what stays the same: axes, names and the legend."""
        for number, (course, (space, *curves)) in enumerate(zip(self.courses, self.panels, strict=True)):
            space.set_title(course.shown.title, loc="left")
            _furnish_space(space, dim_of(course.shown.network), course.neurons[-1])
            curves[0].set_ylim(_modularity_limits(self.courses))
            curves[0].yaxis.set_major_locator(MaxNLocator(3))
            curves[1].set(ylim=(0.0, 1.03), yticks=(0.0, 0.5, 1.0))
            for ax, label in zip(curves, ("modularity", "accuracy"), strict=True):
                _furnish_time(ax, course.epochs)
                if number % _COLUMNS == 0:
                    ax.set_ylabel(label)
                else:
                    ax.tick_params(labelleft=False)
            if number % _COLUMNS != 0:
                space.set_ylabel("")
                space.tick_params(labelleft=False)
            curves[0].tick_params(labelbottom=False)
            curves[1].set_xlabel("epoch")
        self.figure.align_ylabels()
        tasks = pd.concat([frame["task"] for course in self.courses for frame in course.neurons])
        keys: list[Artist] = task_keys(self.colours, tasks)
        keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in self.markers.items()]
        self.figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 8))

    def _settle(self) -> None:
        """Lay out the figure once for all moments, with axes of equal scales in panels of any shape.

        The ranges are widened to the shape that the panels have. To shape the panels to the ranges would leave those of
        neurons and of curves of different widths.
        """
        for _ in range(2):  # other ranges have other numbers, which may take more room
            lay_out(self.figure)
            for course, (space, *_) in zip(self.courses, self.panels, strict=True):
                limits = self.limits
                if dim_of(course.shown.network) > 1:
                    limits = widened(limits, space.bbox.height / space.bbox.width)
                    space.set_ylim(limits[1])
                space.set_xlim(limits[0])
        self.figure.set_layout_engine("none")

    def show(self, moment: int) -> None:
        """Draw a moment, counted from 0, in the place of the one before."""
        for course, (space, above, below) in zip(self.courses, self.panels, strict=True):
            now = float(course.epochs[moment])
            for ax in (space, above, below):
                for artist in (*ax.collections, *ax.lines):
                    artist.remove()
            plots.neurons(space, course.neurons[moment], self.colours, self.markers)
            space.set_title(f"epoch {now:.3g}", loc="right", color=_INK, fontsize=7)
            for ax in (above, below):
                ax.axvline(now, color=_NOW, linewidth=0.6)
            past = slice(0, moment + 1)
            _grow(above, course.epochs[past], course.modularity[past], _INK)
            known = course.known_until(moment)
            for task, values in zip(course.shown.network.tasks, course.accuracy[:known].T, strict=True):
                _grow(below, np.arange(1.0, known + 1), values, self.colours[task])


def _panels(count: int, shape: float) -> tuple[Figure, list[tuple[Axes, Axes, Axes]]]:
    """Return a figure, and for each network panels for its neurons and, beside or below, for two curves.

    Args:
        count: how many networks; one alone has its curves beside it, so that the film is no higher than a screen.
        shape: height of a panel of neurons by its width.
    """
    if count == 1:
        figure = Figure(figsize=(DOUBLE, shape * (DOUBLE / 2 - 0.4) + 0.8))
        named = figure.subplot_mosaic([["space", "above"], ["space", "below"]])
        return figure, [(named["space"], named["above"], named["below"])]
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    side = shape * ((DOUBLE - 0.4) / columns - 0.15)
    figure = Figure(figsize=(DOUBLE, rows * (side + 2 * _CURVE_HEIGHT + 0.8) + 0.3))
    heights = [side, _CURVE_HEIGHT, _CURVE_HEIGHT] * rows
    axes = figure.subplots(3 * rows, columns, squeeze=False, height_ratios=heights)
    blocks = [axes[3 * row : 3 * row + 3, column] for row in range(rows) for column in range(columns)]
    for ax in np.ravel(blocks[count:]):
        ax.set_axis_off()
    return figure, [(space, above, below) for space, above, below in blocks[:count]]


def _grow(ax: Axes, epochs: NDArray[np.float64], values: NDArray[np.float64], colour: str) -> None:
    """Draw a curve as far as it has come, with a mark at its end."""
    if len(epochs):
        ax.plot(epochs, values, color=colour, linewidth=1.0)
        ax.plot(epochs[-1:], values[-1:], "o", color=colour, markersize=3, clip_on=False)


def _furnish_space(ax: Axes, dim: int, trained: pd.DataFrame) -> None:
    """Name the axes of a panel of neurons; on a line, each layer has a row."""
    horizontal, vertical = axis_names(dim)
    ax.set_xlabel(horizontal)
    if dim == 1:
        ax.set_yticks(sorted(set(trained["y"])), list(dict.fromkeys(trained["layer"])))
        ax.margins(y=0.3)
        return
    ax.set_ylabel(vertical)


def _furnish_time(ax: Axes, epochs: NDArray[np.float64]) -> None:
    """Give a panel of curves its axis of epochs: logarithmic, as the moments are, but for its beginning."""
    start, end = float(epochs[1]), float(epochs[-1])
    ax.set_xscale("symlog", linthresh=start, linscale=0.4)
    ax.set_xlim(0.0, end)
    powers = 10.0 ** np.arange(np.ceil(np.log10(start)), np.log10(end))
    ticks = [0.0, *powers[(powers >= start) & (powers <= end / 2)], end]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.grid(axis="y")


def _limits(courses: Sequence[_Course]) -> NDArray[np.float64]:
    """Return the range of x and of y in which nearly all neurons of every moment lie, with a margin, ``(2, 2)``."""
    ends = [
        np.quantile(frame[["x", "y"]], [_OUTSIDE, 1 - _OUTSIDE], axis=0)
        for course in courses
        for frame in course.neurons
    ]
    low, high = np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]
    margin = 0.06 * max(float((high - low).max()), 1e-6)
    return np.column_stack([low - margin, high + margin])


def _modularity_limits(courses: Sequence[_Course]) -> tuple[float, float]:
    """Return the range of the modularities of all moments, 0 within it, with a margin."""
    values = np.concatenate([course.modularity for course in courses])
    low, high = min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values)))
    margin = 0.06 * max(high - low, 1e-6)
    return low - margin, high + margin


def _numbers(courses: Sequence[_Course]) -> pd.DataFrame:
    """Return what a film shows: the neurons of each moment, the modularity of each, the accuracy after each epoch."""
    parts = []
    for course in courses:
        network, moments = course.shown.network, np.arange(len(course.epochs))
        drawn = [
            frame.assign(moment=moment, epoch=course.epochs[moment]) for moment, frame in enumerate(course.neurons)
        ]
        own = [pd.concat(drawn).assign(part="neuron")]
        curve = {"moment": moments, "epoch": course.epochs, "value": course.modularity}
        own.append(pd.DataFrame(curve).assign(part="modularity"))
        for task, values in zip(network.tasks, course.accuracy.T, strict=True):
            epochs = np.arange(1, len(values) + 1)
            own.append(pd.DataFrame({"epoch": epochs, "task": task, "value": values}).assign(part="accuracy"))
        parts.append(pd.concat(own).assign(network=network.name, inputs=course.shown.inputs))
    frame = pd.concat(parts, ignore_index=True).astype({"moment": "Int64", "neuron": "Int64"})
    return first(frame, "part", "inputs", "network", "moment", "epoch")


def _caption(courses: Sequence[_Course], scene: _Scene) -> str:
    """Say what a film shows."""
    shown = [course.shown for course in courses]
    drawn = pd.concat([frame for course in courses for frame in course.neurons])[["x", "y"]].to_numpy()
    if dim_of(shown[0].network) == 1:
        drawn = drawn[:, :1]
    limits = scene.limits[: drawn.shape[1]]
    outside = int(((drawn < limits[:, 0]) | (drawn > limits[:, 1])).any(axis=1).sum())
    count, kept = len(courses[0].epochs), courses[0].kept
    of_kept = f" of the {kept} that were kept" if kept > count else ""
    strays = f"Outside the axes: {outside} of {len(drawn)} places." if outside else ""
    units = units_said(shown)
    text = (
        f"Film of training: {units} of the split layers seen from above at {count} moments{of_kept}. The first is "
        f"before training and the last after it; nothing is interpolated. Colours: what a {units.removesuffix('s')} "
        f"serves in the trained network (split method: {shown[0].split.method}). Each is one network, so n = 1: "
        f"{', '.join(one.network.name for one in shown)}.{degenerate_said(shown)} {weak_said(shown)} {thinned(shown)} "
        f"{projection(shown)} {strays} Below: modularity of that split on the weights of each moment, and accuracy of "
        "each task on held-out examples after every epoch. The axis of epochs is logarithmic but for its beginning."
    )
    return " ".join(text.split())
