"""Logarithmic axes, whose powers of ten are plain text: `$` in names is not mathematics, so nothing in figures is."""

from __future__ import annotations

import re

from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatterSciNotation

_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class PowersOfTen(LogFormatterSciNotation):
    """Labels of a logarithmic axis, matplotlib's own in plain text.

    Example:
        >>> PowersOfTen()(0.01)
        '10⁻²'
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a tick, empty if it has none."""
        text = super().__call__(x, pos).removeprefix(r"$\mathdefault{").removesuffix("}$").replace(r"\times", "×")
        return re.sub(r"\^\{(.*?)\}", lambda power: power[1].translate(_RAISED), text)


def powers(axis: Axis) -> None:
    """Label a logarithmic axis with powers of ten."""
    axis.set_major_formatter(PowersOfTen())
    axis.set_minor_formatter(PowersOfTen())
