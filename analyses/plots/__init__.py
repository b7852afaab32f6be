"""Plots: each draws numbers that it is given on an axes and returns it. They compute no statistics and save nothing.

A task has a colour, a kind of network a colour and a marker, a layer a marker. The colours are told apart by readers
with any colour vision, and the first ones also in grey, as they differ in lightness.
"""

from .matrices import boundaries, colour_bar, heat, ink, matrix
from .scales import powers
from .sorted import TOLD, UNTOLD, choices, estimates
from .space import neurons, paler, slices
from .styles import (
    CROSSING,
    GUESS,
    HEAT,
    SHARED,
    UNASSIGNED,
    WHOLE,
    Style,
    key,
    kind_styles,
    layer_markers,
    line,
    patch,
    task_colours,
    task_lines,
)
from .sweeps import frontiers, strip
from .values import curves, densities, distribution, dots, jitter, levels, scatter

__all__ = [
    "CROSSING",
    "GUESS",
    "HEAT",
    "SHARED",
    "TOLD",
    "UNASSIGNED",
    "UNTOLD",
    "WHOLE",
    "Style",
    "boundaries",
    "choices",
    "colour_bar",
    "curves",
    "densities",
    "distribution",
    "dots",
    "estimates",
    "frontiers",
    "heat",
    "ink",
    "jitter",
    "key",
    "kind_styles",
    "layer_markers",
    "levels",
    "line",
    "matrix",
    "neurons",
    "paler",
    "patch",
    "powers",
    "scatter",
    "slices",
    "strip",
    "task_colours",
    "task_lines",
]
