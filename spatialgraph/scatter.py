"""Neurons from above, drawn in characters: where each module of a network lies, for a terminal or a text file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .faults import NotApplicableError
from .graph.graph import BoolArray, Graph, IntArray
from .graph.plane import MIN_INPUT_STRENGTH, Plane, input_strength
from .splits import Split

WIDTH, HEIGHT = 80, 15
"""The most characters of a line of a picture, and the most lines of a layer in it."""

# Of a layer; fewer characters show no clusters.
_LEAST = 16

# What a character stands for, besides the number of a task.
_EMPTY, _SEVERAL, _NONE = -3, -2, -1

# The hues of the figures, as light as can be read on black and on white.
_MARKS = "ox+vzsncaemkrtuwybdfghijlpq"
_COLOURS = ("#3A96D8", "#D98A00", "#B05FC0", "#00A37A", "#E0602A", "#9A9A20", "#D06A9A", "#6A7FE0")


@dataclass(frozen=True)
class Raster:
    """How the plane is divided into characters, which are twice as high as wide.

    Attributes:
        left: x of the middle of the first column, in units of the positions.
        top: y of the middle of the first line.
        unit: the width of a character, in units of the positions.
        columns: how many characters a line has.
        lines: how many lines there are.
    """

    left: float
    top: float
    unit: float
    columns: int
    lines: int

    @classmethod
    def around(cls, points: NDArray[np.float64], columns: int, lines: int) -> Raster:
        """Return the finest raster that holds all points, ``(points, 2)``, in so many columns and lines at most.

        Example:
            >>> Raster.around(np.array([[0.0, 0.0], [4.0, 4.0]]), columns=9, lines=9)
            Raster(left=0.0, top=4.0, unit=0.5, columns=9, lines=5)
        """
        (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
        wide, high = (right - left) / max(columns - 1, 1), (top - bottom) / max(2 * (lines - 1), 1)
        unit = float(max(wide, high)) or 1.0
        across, down = round((right - left) / unit), round((top - bottom) / (2 * unit))
        return cls(float(left), float(top), unit, 1 + across, 1 + down)

    def cells(self, points: NDArray[np.float64], codes: IntArray) -> IntArray:
        """Return the code of each character: that of its neurons (a task takes precedence over none), or several.

        Args:
            points: ``(neurons, 2)``.
            codes: ``(neurons,)``, the number of a task, or the code of no task or several tasks.

        Returns:
            ``(lines, columns)``.
        """
        across = np.rint((points[:, 0] - self.left) / self.unit).astype(int)
        down = np.rint((self.top - points[:, 1]) / (2 * self.unit)).astype(int)
        cells = np.full((self.lines, self.columns), _EMPTY, np.int64)
        for line, column, code in zip(down, across, codes, strict=True):
            before = cells[line, column]
            both = before == code or code == _NONE
            cells[line, column] = code if before in (_EMPTY, _NONE) else before if both else _SEVERAL
        return cells


def scatter(graph: Graph, split: Split, width: int = WIDTH) -> RenderableType:
    """Return a picture of the split layers, all to one scale, the output last, and what its characters stand for.

    Positions on a line are a line for each layer; of those with more than two dimensions the first two principal
    coordinates are shown. Neurons that hardly anything enters are left out, unless there are no others.

    Args:
        graph: a graph with positions in every split layer.
        split: which neuron serves which task.
        width: how many characters a line may have; where they are too few, the first layers are left out.

    Raises:
        NotApplicableError: a split layer has no positions.
    """
    if not graph.has_positions:
        raise NotApplicableError(f"{graph.name}: expected positions in every split layer, found a layer without")
    width, shown = min(width, WIDTH), graph.split_populations
    title = min(max(len(graph.populations[k].name) for k in shown), max(1, width - 2 - _LEAST))
    on_a_line = _positions(graph, shown[0]).shape[1] == 1
    if on_a_line:
        columns = max(1, width - 2 - title)
    else:
        shown = shown[-max(1, (width + 1) // (_LEAST + 3)) :]  # each has an edge, one apart
        columns = max(1, (width + 1) // len(shown) - 3)
    drawn = _entered(graph, shown)
    codes = {k: _codes(split.membership[k])[drawn[k]] for k in shown}
    cells = _cells({k: _positions(graph, k)[drawn[k]] for k in shown}, codes, columns)
    said = [f"{split.method} split"]
    if len(shown) < len(graph.split_populations):
        said.append(f"the last {len(shown)} of {len(graph.split_populations)} split layers")
    if left_out := sum(np.count_nonzero(~own) for own in drawn.values()):
        said.append(f"{left_out} without input left out")
    legend = [*_legend(graph.tasks, codes.values(), cells.values()), Text(f"({', '.join(said)})", style="dim")]
    pictures = {graph.populations[k].name: _picture(cells[k]) for k in shown}
    return Group(*_packed(legend, width), _below(pictures, title) if on_a_line else _beside(pictures))


def _positions(graph: Graph, layer: int) -> NDArray[np.float64]:
    return np.asarray(graph.populations[layer].position, np.float64)


def _entered(graph: Graph, layers: Sequence[int]) -> dict[int, BoolArray]:
    """Return which neurons of each layer have input; all, if none has."""
    entered = {k: input_strength(graph, k) > MIN_INPUT_STRENGTH for k in layers}
    return entered if any(own.any() for own in entered.values()) else {k: own | True for k, own in entered.items()}


def _cells(
    positions: Mapping[int, NDArray[np.float64]], codes: Mapping[int, IntArray], columns: int
) -> dict[int, IntArray]:
    """Return the characters of every layer, in one raster."""
    plane = Plane.of(np.concatenate(list(positions.values())))
    points = {k: plane.project(own) for k, own in positions.items()}
    raster = Raster.around(np.concatenate(list(points.values())), columns, HEIGHT)
    return {k: raster.cells(own, codes[k]) for k, own in points.items()}


def _codes(members: BoolArray) -> IntArray:
    """Return the code of each neuron: the number of its task, or the code of no task or several tasks."""
    counts = members.sum(axis=1)
    return np.where(counts == 1, members.argmax(axis=1), np.where(counts == 0, _NONE, _SEVERAL)).astype(np.int64)


def _mark(code: int) -> tuple[str, str]:
    """Return the character and the style of a code; tasks differ in both."""
    if code < 0:
        return {_EMPTY: (" ", ""), _SEVERAL: ("#", "bold"), _NONE: ("·", "dim")}[code]
    return _MARKS[code % len(_MARKS)], _COLOURS[code % len(_COLOURS)]


def _picture(cells: IntArray) -> Text:
    return Text("\n", no_wrap=True).join(Text.assemble(*map(_mark, line.tolist())) for line in cells)


def _beside(pictures: Mapping[str, Text]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    panels = [
        Panel(text, title=Text(name), title_align="left", box=box.SQUARE, padding=0, expand=False, border_style="dim")
        for name, text in pictures.items()
    ]
    grid.add_row(*panels)
    return grid


def _below(pictures: Mapping[str, Text], title: int) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", width=title, no_wrap=True)
    for name, text in pictures.items():
        grid.add_row(Text(name), text)
    return grid


def _legend(tasks: Sequence[str], codes: Iterable[IntArray], cells: Iterable[IntArray]) -> Iterator[Text]:
    """Yield the meaning of every character in the picture, with the number of its neurons."""
    neurons = np.concatenate(list(codes))
    several = any((own == _SEVERAL).any() for own in cells)
    for code, name in [*enumerate(tasks), (_NONE, "no task"), (_SEVERAL, "several tasks")]:
        count = np.count_nonzero(neurons == code)
        if count or (several and code == _SEVERAL):
            yield Text.assemble(_mark(code), f" {name}", (f" {count}" if count else "", "dim"))


def _packed(parts: Iterable[Text], width: int) -> list[Text]:
    """Arrange parts in lines; a part that fits into a line is not broken."""
    lines = [Text()]
    for part in parts:
        if lines[-1] and lines[-1].cell_len + 2 + part.cell_len > width:
            lines.append(Text())
        lines[-1] = Text.assemble(lines[-1], "  " if lines[-1] else "", part)
    return lines
