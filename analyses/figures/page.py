"""The page of a figure: one of its own, or a place in a figure of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray

Layout = Literal["constrained", "compressed"]
"""How panels are arranged: to fill the figure, or close together if their shapes are fixed."""

Axs = NDArray[np.object_]
"""Axes of panels, ``(rows, columns)``."""

_BELOW = 4  # points between what axes have below them and their legend


@dataclass(frozen=True, eq=False)
class Page:
    """Where a figure is drawn.

    Attributes:
        name: the name of the figure, for errors.
        into: axes, for a figure that has one panel; a figure or a part of one, for any; None for a figure of its own.
    """

    name: str = ""
    into: Axes | FigureBase | None = None

    def figure(self, width: float, height: float, panels: int, layout: Layout = "constrained") -> FigureBase:
        """Return the figure to draw in: a new one of this size in inches, or the one that is given.

        Args:
            width: inches; what is given keeps its own.
            height: inches.
            panels: how many panels will be drawn.
            layout: the layout engine of a new figure. What is given and has none gets ``"constrained"``.

        Raises:
            ValueError: axes are given, and there is not one panel.
        """
        if self.into is None:
            return Figure(figsize=(width, height), layout=layout)
        if isinstance(self.into, Axes) and panels != 1:
            raise ValueError(
                f"ax: expected a figure of one panel, found {self.name!r} of {panels} here: choose less of it "
                "(networks, inputs, ablation, measure), or give figure, a Figure or SubFigure"
            )
        figure: FigureBase = self.into.figure if isinstance(self.into, Axes) else self.into
        root = figure.get_figure(root=True)
        if isinstance(self.into, FigureBase) and root is not None and root.get_layout_engine() is None:
            root.set_layout_engine("constrained")  # legends are outside of panels
        return figure

    def panels(
        self,
        width: float,
        height: float,
        rows: int = 1,
        columns: int = 1,
        layout: Layout = "constrained",
        **options: Any,
    ) -> tuple[FigureBase, Axs]:
        """Return the figure to draw in and the axes of its panels; further options are those of ``Figure.subplots``.

        Raises:
            ValueError: axes are given, and there is not one panel.
        """
        figure = self.figure(width, height, rows * columns, layout)
        if isinstance(self.into, Axes):
            return figure, np.array([[self.into]], dtype=object)
        return figure, figure.subplots(rows, columns, squeeze=False, **options)

    def legend(self, figure: FigureBase, keys: Sequence[Artist], columns: int, *, above: bool = False) -> None:
        """Explain marks, at most so many side by side: below the panels or above them; of given axes, below."""
        columns = min(len(keys), columns)
        if not isinstance(self.into, Axes):
            where: Literal["outside upper center", "outside lower center"]
            where = "outside upper center" if above else "outside lower center"
            figure.legend(handles=list(keys), loc=where, ncols=columns)
            return
        ax, root = self.into, self.into.get_figure(root=True)
        assert root is not None  # noqa: S101
        taken = (ax.get_tightbbox().y0 - ax.get_window_extent().y0) * 72 / root.dpi  # type: ignore[union-attr]
        below = offset_copy(ax.transAxes, root, y=taken - _BELOW, units="points")
        ax.legend(handles=list(keys), loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=columns)
