"""Colours, markers and lines: what a task, a kind of network and a layer look like, and their entries in a legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..labels import KINDS, family

UNASSIGNED, SHARED, CROSSING = "#8A8A8A", "#222222", "#C1121F"
"""The colours of a neuron that serves no task, of one that serves several, and of a connection between modules."""

# After Okabe & Ito, "Color Universal Design" (2008), in an order in which neighbours differ most in lightness.
_TASKS = ("#0072B2", "#E69F00", "#5B1A5E", "#56B4E9", "#D55E00", "#F0E442", "#009E73", "#CC79A7")
_KINDS = dict(zip(KINDS, (("#3A3A3A", "s"), ("#D55E00", "o")), strict=False))  # others have labels alone
_OTHER_KINDS = (("#009E73", "^"), ("#CC79A7", "D"), ("#0072B2", "v"), ("#E69F00", "P"), ("#5B1A5E", "X"))
_LAYERS = ("o", "^", "s", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
WHOLE = (0, (4, 2))
"""The line that stands for a whole network."""
GUESS = (0, (1, 1.5))
"""The line that stands for what guessing gives."""

HEAT: Colormap = ListedColormap(mpl.colormaps["BuPu"](np.linspace(0.0, 1.0, 256)), "heat")
"""The colours of matrices, from little to much; lightness falls all the way, so that they are read in grey too."""

Style = tuple[str, str]
"""A colour and a marker."""


def task_colours(tasks: Sequence[str]) -> dict[str, str]:
    """Return a colour for each task; any number of tasks.

    Example:
        >>> task_colours(["digits", "clothes"])
        {'digits': '#0072B2', 'clothes': '#E69F00'}
    """
    if len(tasks) <= len(_TASKS):
        return dict(zip(tasks, _TASKS, strict=False))
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.95, len(tasks)))
    return {task: to_hex(shade) for task, shade in zip(tasks, shades, strict=True)}


def kind_styles(kinds: Sequence[str]) -> dict[str, Style]:
    """Return a colour and a marker for each kind of network; any number of kinds, all different.

    Example:
        >>> kind_styles(["regular", "mine"])
        {'regular': ('#3A3A3A', 's'), 'mine': ('#009E73', '^')}
        >>> kind_styles(["spatial α=1"])  # the only one of its family
        {'spatial α=1': ('#D55E00', 'o')}
    """
    families = Counter(map(family, kinds))
    own = {kind: _KINDS[family(kind)] for kind in kinds if family(kind) in _KINDS and families[family(kind)] == 1}
    own |= {kind: _KINDS[kind] for kind in kinds if kind in _KINDS}
    others = [kind for kind in kinds if kind not in own]
    styles = list(_OTHER_KINDS)
    if len(others) > len(styles):  # those of a grid: shades in its order, neighbours with different markers
        shades = mpl.colormaps["viridis"](np.linspace(0, 0.86, len(others)))  # beyond, thin lines are too light
        styles = [(to_hex(shade), _LAYERS[number % len(_LAYERS)]) for number, shade in enumerate(shades)]
    rest = dict(zip(others, styles, strict=False))
    return {kind: own.get(kind) or rest[kind] for kind in kinds}


def layer_markers(layers: Sequence[str]) -> dict[str, str]:
    """Return a marker for each layer."""
    return {layer: _LAYERS[number % len(_LAYERS)] for number, layer in enumerate(layers)}


def task_lines(tasks: Sequence[str]) -> dict[str, Any]:
    """Return a style of line for each task."""
    return {task: _LINES[number % len(_LINES)] for number, task in enumerate(tasks)}


def key(colour: str, text: str, marker: str = "o", filled: bool = True, **options: Any) -> Line2D:
    """Return an entry of a legend: a marker without a line."""
    face = colour if filled else "none"
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=face, linestyle="none", label=text, **options)


def patch(colour: str, text: str) -> Patch:
    """Return an entry of a legend: a patch of colour."""
    return Patch(facecolor=colour, label=text)


def line(dashes: Any, text: str, colour: str = "#444444") -> Line2D:
    """Return an entry of a legend: a line without a marker."""
    return Line2D([], [], color=colour, linestyle=dashes, linewidth=1.0, label=text)
