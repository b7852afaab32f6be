"""Figures of a paper: from results to drawings, each with the numbers it shows, in files that never differ.

A new figure is one function with ``@figure("name")`` in a module that is imported here. It takes `Results`, a
`Choice` and a `Page`, and yields drawings; the first sentence of its docstring says what it shows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import wait
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from spatialgraph.faults import NotApplicableError
from spatialgraph.plugins import load_all
from spatialgraph.workers import LostError, Workers

from ..caveats import TITLE, caveats_of
from ..results import Results
from .drawing import DOUBLE, FIGURES, FORMATS, SINGLE, Choice, Drawing, figure, has_page, save, style
from .page import Page

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
    "Page",
    "chance",
    "connections",
    "doses",
    "draw",
    "drawings",
    "drawn_into",
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


def drawings(results: Results, name: str, choice: Choice | None = None) -> list[Drawing]:
    """Draw one figure, of the networks and the split method chosen.

    Raises:
        ValueError: there is no such figure, or nothing of what is chosen.
        NotApplicableError: the results lack what it shows.
    """
    return list(_drawings(results, name, choice, None))


def drawn_into(into: Axes | FigureBase, results: Results, name: str, choice: Choice | None = None) -> Drawing:
    """Draw the first drawing of a figure into axes, for one that has one panel, or into a figure or a part of one.

    Raises:
        ValueError: there is no such figure, or nothing of what is chosen; axes are given, and the figure has not one
            panel; or it can be drawn on a page of its own alone.
        NotApplicableError: the results lack what it shows.
    """
    with closing(_drawings(results, name, choice, into)) as drawn:  # others would be drawn over the first
        return next(drawn)


def _drawings(
    results: Results, name: str, choice: Choice | None, into: Axes | FigureBase | None
) -> Generator[Drawing, None, None]:
    choice = Choice() if choice is None else choice
    choice.check(results)
    function = FIGURES[name]
    if into is not None and not has_page(name):
        able = ", ".join(filter(has_page, FIGURES))
        word = "ax" if isinstance(into, Axes) else "figure"
        raise ValueError(f"{word}: expected a figure that can be drawn into one ({able}), found {name!r}")
    results = choice.of(results)
    with style():
        yield from function(results, choice, Page(name, into)) if has_page(name) else function(results, choice)


def draw(
    results: Results,
    out: str | Path,
    formats: Sequence[str] = FORMATS,
    only: Collection[str] | None = None,
    choice: Choice | None = None,
    progress: Callable[[str], None] | None = None,
    jobs: int = 1,
    plugins: Sequence[str | Path] = (),
) -> list[Path]:
    """Write figures, the numbers of each beside it as CSV and its caption as text, each file whole or not at all.

    Args:
        results: the results.
        out: the folder to write to, made if it is missing.
        formats: some of `FORMATS`.
        only: names of figures; all if None, those left out for which the results lack something.
        choice: which networks and which split method figures show; see `Choice` for what is shown if None.
        progress: called with a line for each figure that is drawn or left out, in their order.
        jobs: how many figures are drawn at a time, each by a process, -1 for as many as there are cores; files do not
            depend on it.
        plugins: Python files with figures, split methods and metrics of one's own, which those processes import.

    Returns:
        the files: ``<drawing>.<format>``, ``<drawing>.csv`` and ``<drawing>.txt``.

    Raises:
        ValueError: a format, a figure, a network, a split method or a number of jobs is not one that there is; a
            figure of `only` cannot be drawn from these results; a network was replaced after the analysis, or another
            analysis began meanwhile.
        LostError: a process ended before its figure was drawn.
    """
    wrong = [name for name in formats if name not in FORMATS]
    if wrong or not formats:
        raise ValueError(f"formats: expected some of {', '.join(FORMATS)}, found {', '.join(wrong) or 'none'}")
    if jobs == 0 or jobs < -1:
        raise ValueError(f"jobs: expected a number of at least 1, or -1 for as many as there are cores, found {jobs}")
    written: list[Path] = []
    caveats = [caveat.short for caveat in caveats_of(results)]
    first = f"{TITLE} (summary.md says more): {'; '.join(caveats)}. " if caveats else ""
    write = partial(_write, results, Path(out), tuple(formats), choice, first, tuple(plugins))
    with closing(_outcomes(write, FIGURES.select(only), jobs)) as outcomes:  # also if one raises
        for name, drawn in outcomes:
            try:
                written += drawn()
            except NotApplicableError as error:
                if only is not None:
                    raise
                message = f"figure {name} left out: {error}"
                _LOG.info(message)
            except LostError as error:
                raise LostError(f"figure {name}: {error}") from None
            else:
                message = f"figure {name} drawn"
            if progress is not None:
                progress(message)
    return written


def _write(
    results: Results,
    out: Path,
    formats: Sequence[str],
    choice: Choice | None,
    first: str,
    plugins: Sequence[str | Path],
    name: str,
) -> list[Path]:
    """Draw a figure and write it, with something before its caption; return the files."""
    load_all(plugins)
    made = drawings(results, name, choice)
    results.require_current()
    captioned = [replace(drawing, caption=f"{first}{drawing.caption}") for drawing in made]
    return [path for drawing in captioned for path in save(drawing, out, formats)]


def _outcomes(
    write: Callable[[str], list[Path]], names: Sequence[str], jobs: int
) -> Generator[tuple[str, Callable[[], list[Path]]], None, None]:
    """Yield names of figures in their order, each with a function that returns its files, or raises why not."""
    jobs = min(joblib.cpu_count() if jobs == -1 else jobs, len(names))
    if jobs <= 1:
        yield from ((name, partial(write, name)) for name in names)
        return
    with Workers(jobs, _LOG.warning) as workers:
        # The film, which takes longest, is the last in the order: it begins first.
        futures = {name: workers.submit(write, name) for name in reversed(names)}
        try:
            yield from ((name, futures[name].result) for name in names)
        finally:  # no process is killed while it writes
            for future in futures.values():
                future.cancel()
            wait(futures.values())
