"""Figures of a paper: from results to drawings, each with the numbers it shows, in files that never differ.

A new figure is one function with ``@figure("name")`` in a module that is imported here. It takes `Results`
and a `Choice`, and yields drawings; the first sentence of its docstring says what it shows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes

from spatialgraph.faults import NotApplicableError

from ..caveats import TITLE, caveats_of
from ..results import Results
from .drawing import DOUBLE, FIGURES, FORMATS, SINGLE, Choice, Drawing, figure, require_axes, save, style

# Imported to enter their figures in `FIGURES`, in the order in which they are listed and drawn.
# isort: off
from . import networks
from . import splits
from . import connections
from . import scores
from . import masking
from . import chance
from . import doses
from . import trade
from . import specification
from . import training
from . import film
# isort: on

__all__ = [
    "DOUBLE",
    "FIGURES",
    "FORMATS",
    "SINGLE",
    "Choice",
    "Drawing",
    "chance",
    "connections",
    "doses",
    "draw",
    "drawings",
    "figure",
    "film",
    "masking",
    "networks",
    "save",
    "scores",
    "specification",
    "splits",
    "style",
    "trade",
    "training",
]

_LOG = logging.getLogger(__name__)


def drawings(results: Results, name: str, choice: Choice | None = None, ax: Axes | None = None) -> list[Drawing]:
    """Draw one figure, of the networks and the split method chosen; into axes, if they are given.

    Raises:
        ValueError: there is no such figure, network or split method; or axes are given, and the figure has not one
            panel.
        NotApplicableError: the results lack what it shows.
    """
    choice = Choice() if choice is None else choice
    choice.check(results)
    function = FIGURES[name]
    if ax is not None:
        require_axes(name)
    with style():
        return list(function(results, choice) if ax is None else function(results, choice, ax))


def draw(
    results: Results,
    out: str | Path,
    formats: Sequence[str] = FORMATS,
    only: Collection[str] | None = None,
    choice: Choice | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write figures, the numbers of each beside it as CSV and its caption as text, each file whole or not at all.

    Args:
        results: the results.
        out: the folder to write to, made if it is missing.
        formats: some of `FORMATS`.
        only: names of figures; all if None, those left out for which the results lack something.
        choice: which networks and which split method figures show; see `Choice` for what is shown if None.
        progress: called with a line for each figure that is drawn or left out.

    Returns:
        the files: ``<drawing>.<format>``, ``<drawing>.csv`` and ``<drawing>.txt``.

    Raises:
        ValueError: a format, a figure, a network or a split method is unknown; a figure of `only` cannot be drawn from
            these results; a network was replaced after the analysis, or another analysis began meanwhile.
    """
    wrong = [name for name in formats if name not in FORMATS]
    if wrong or not formats:
        raise ValueError(f"formats: expected some of {', '.join(FORMATS)}, found {', '.join(wrong) or 'none'}")
    written: list[Path] = []
    caveats = [caveat.short for caveat in caveats_of(results)]
    first = f"{TITLE} (summary.md says more): {'; '.join(caveats)}. " if caveats else ""
    for name in FIGURES.select(only):
        try:
            made = drawings(results, name, choice)
        except NotApplicableError as error:
            if only is not None:
                raise
            message = f"figure {name} left out: {error}"
            _LOG.info(message)
        else:
            results.require_current()
            message = f"figure {name} drawn"
            for drawing in made:
                captioned = replace(drawing, caption=f"{first}{drawing.caption}")
                written += save(captioned, out, formats)
        if progress is not None:
            progress(message)
    return written
